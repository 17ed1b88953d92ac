//! Bounded JSON without ambiguity: one pass over the bytes, a flat tape of nodes, no tree.
//!
//! Two parsers that read one text differently are how a gateway is talked past, so everything that
//! parsers are known to disagree on is refused here: duplicate keys, byte order marks, lone
//! surrogates, trailing data, control characters, anything outside RFC 8259. What leaves is written
//! from the tape ([`Document::write`]): strings in their plainest spelling, numbers exactly as they
//! came, key order kept, so a re-encoded message is lossless and has one reading.
//!
//! This is our own parser because a verdict needs what general ones do not give together: duplicate
//! detection at every level, byte ranges for lossless edits, and hard bounds. `tests/properties.rs`
//! holds it against `serde_json`.
mod marks;

use bytes::Bytes;
use bytestring::ByteString;
use marks::{Marks, Said, alike, block_says};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// Limits for one document.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Longest text, in bytes.
    pub bytes_max: usize,
    /// Deepest nesting of arrays and objects.
    pub depth_max: usize,
    /// Most nodes (values and keys) on the tape.
    pub nodes_max: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { bytes_max: 4 << 20, depth_max: 64, nodes_max: 400_000 }
    }
}

/// Why a text is not a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Longer than `bytes_max`.
    TooLarge,
    /// Nested deeper than `depth_max`.
    TooDeep,
    /// More nodes than `nodes_max`.
    TooManyNodes,
    /// Not UTF-8, or begins with a byte order mark.
    Encoding,
    /// Not RFC 8259.
    Syntax,
    /// An object names one key twice.
    DuplicateKey,
}

/// What a node is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number, spelling kept.
    Number,
    /// A string, and how it is spelled.
    String {
        /// The text contains a backslash.
        escaped: bool,
        /// It is spelled as [`write_string`] would.
        plainest: bool,
    },
    /// An array.
    Array,
    /// An object: key and value nodes alternate.
    Object,
}

#[derive(Clone, Copy, Debug)]
struct Node {
    kind: Kind,
    start: u32,
    end: u32,
    /// Index of the node after this one's subtree.
    next: u32,
}

/// A parsed text and its tape.
#[derive(Clone, Debug)]
pub struct Document {
    /// Known to be UTF-8, so that no string is validated once more when it is read.
    text: ByteString,
    nodes: Vec<Node>,
    /// No whitespace outside strings and every string in its plainest spelling: the text already is its
    /// own re-encoding.
    plain: bool,
}

/// A place in a [`Document`].
#[derive(Clone, Copy)]
pub struct Value<'a> {
    document: &'a Document,
    index: u32,
}

/// Edits to apply while writing, keyed by node.
#[derive(Default)]
pub struct Patches(BTreeMap<u32, Patch>);

static NO_PATCHES: Patches = Patches(BTreeMap::new());

enum Patch {
    Replace(Vec<u8>),
    Remove,
    Append(Vec<(String, Vec<u8>)>),
}

impl Patches {
    /// Write `json` in place of this value. `json` must be a document of our own making.
    pub fn replace(&mut self, value: Value<'_>, json: Vec<u8>) {
        self.0.insert(value.index, Patch::Replace(json));
    }

    /// Leave this array element or object entry out.
    pub fn remove(&mut self, value: Value<'_>) {
        self.0.insert(value.index, Patch::Remove);
    }

    /// Add an entry to the end of this object.
    pub fn append(&mut self, object: Value<'_>, key: &str, json: Vec<u8>) {
        match self.0.entry(object.index).or_insert_with(|| Patch::Append(Vec::new())) {
            Patch::Append(entries) => entries.push((key.to_owned(), json)),
            // What is left out stays out, and what stands in place of it is whole.
            Patch::Replace(_) | Patch::Remove => {}
        }
    }

    /// Adds others, of the same document.
    pub fn extend(&mut self, others: Self) {
        self.0.extend(others.0);
    }

    /// Whether this value is written anew or left out. What is added to it leaves it as it is.
    pub fn touch(&self, value: Value<'_>) -> bool {
        matches!(self.0.get(&value.index), Some(Patch::Replace(_) | Patch::Remove))
    }

    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Document {
    /// Parses a whole text.
    pub fn parse(text: Bytes, bounds: &Bounds) -> Result<Self, Fault> {
        if text.len() > bounds.bytes_max || u32::try_from(text.len()).is_err() {
            return Err(Fault::TooLarge);
        }
        if text.starts_with(b"\xEF\xBB\xBF") {
            return Err(Fault::Encoding);
        }
        let text = ByteString::try_from(text).map_err(|_| Fault::Encoding)?;
        // A guess that most messages stay under, so that the tape grows once if at all; of a small message what an
        // allocator still has at hand.
        let guess = if text.len() < 1536 { 60 } else { text.len() / 12 };
        let nodes = Vec::with_capacity(guess.min(bounds.nodes_max));
        let mut parser = Parser {
            text: text.as_bytes(),
            nodes,
            sketches: Vec::with_capacity(FEW_KEYS),
            plain: true,
            escaped: 0,
            marks: Marks::NONE,
            bounds,
        };
        let start = parser.space(0);
        let end = parser.value(start, 0)?;
        if parser.space(end) != text.len() {
            return Err(Fault::Syntax);
        }
        let (nodes, plain) = (parser.nodes, parser.plain);
        Ok(Self { text, nodes, plain })
    }

    /// Parses a text whose length was bounded before, such as one that was written from a document.
    pub fn reread(text: impl Into<Bytes>) -> Result<Self, Fault> {
        let text = text.into();
        let bounds = Bounds { bytes_max: text.len(), ..Bounds::default() };
        Self::parse(text, &bounds)
    }

    /// `{}`
    pub fn empty_object() -> Self {
        let node = Node { kind: Kind::Object, start: 0, end: 2, next: 1 };
        Self { text: ByteString::from_static("{}"), nodes: vec![node], plain: true }
    }

    /// The outermost value.
    pub fn root(&self) -> Value<'_> {
        Value { document: self, index: 0 }
    }

    /// A part of this document as a document of its own, as it would be read from [`Value::raw`].
    pub fn part(&self, value: Value<'_>) -> Self {
        let range = value.range();
        let (first, start) = (value.index, range.start as u32);
        let moved = |node: &Node| Node {
            kind: node.kind,
            start: node.start - start,
            end: node.end - start,
            next: node.next - first,
        };
        let text = self.text.slice_ref(self.text.get(range).unwrap_or_default());
        Self { text, nodes: value.nodes().iter().map(moved).collect(), plain: self.plain }
    }

    /// The text as it came.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The value at a place of this document, [`Value::place`].
    pub fn at(&self, index: u32) -> Value<'_> {
        Value { document: self, index }
    }

    /// The whole text re-encoded: no whitespace, plainest strings, numbers and key order as they were.
    pub fn write(&self, patches: &Patches) -> Bytes {
        if self.plain && patches.is_empty() {
            return self.text.as_bytes().clone();
        }
        let mut out = Vec::with_capacity(self.text.len() + 64);
        self.root().write(patches, &mut out);
        out.into()
    }

    /// The text with edits, and every other byte of it as it was, whitespace too.
    pub fn write_in_place(&self, patches: &Patches) -> Vec<u8> {
        let root = self.node(0);
        let around = |from: usize, to: usize| self.text.get(from..to).unwrap_or_default().as_bytes();
        let mut out = Vec::with_capacity(self.text.len() + 64);
        out.extend_from_slice(around(0, root.start as usize));
        self.root().write_in_place(patches, &mut out);
        out.extend_from_slice(around(root.end as usize, self.text.len()));
        out
    }

    fn node(&self, index: u32) -> Node {
        const NOTHING: Node = Node { kind: Kind::Null, start: 0, end: 0, next: u32::MAX };
        // By reference: a node copied out of an option is put together byte by byte, and each reading of it waits for that.
        *self.nodes.get(index as usize).unwrap_or(&NOTHING)
    }

    fn slice(&self, node: Node) -> &str {
        self.text.get(node.start as usize..node.end as usize).unwrap_or_default()
    }

    /// The same, without a look at where characters begin.
    fn bytes(&self, node: Node) -> &[u8] {
        self.text.as_bytes().get(node.start as usize..node.end as usize).unwrap_or_default()
    }

    /// Whether a string without escapes has this text, which is as long.
    fn quotes(&self, node: Node, name: &str) -> bool {
        self.text.as_bytes().get(node.start as usize + 1..).is_some_and(|rest| rest.starts_with(name.as_bytes()))
    }

    /// The text of a string.
    fn decoded(&self, node: Node) -> Option<Cow<'_, str>> {
        let Kind::String { escaped, .. } = node.kind else { return None };
        let inner = self.text.get(node.start as usize + 1..(node.end as usize).saturating_sub(1))?;
        if escaped { unescape(inner.as_bytes()).map(Cow::Owned) } else { Some(Cow::Borrowed(inner)) }
    }
}

impl<'a> Value<'a> {
    /// What this value is.
    pub fn kind(self) -> Kind {
        self.document.node(self.index).kind
    }

    /// Whether it is an object.
    pub fn is_object(self) -> bool {
        self.kind() == Kind::Object
    }

    /// Whether it is an array.
    pub fn is_array(self) -> bool {
        self.kind() == Kind::Array
    }

    /// Where it stands in the text, quotes included.
    pub fn range(self) -> std::ops::Range<usize> {
        let node = self.document.node(self.index);
        node.start as usize..node.end as usize
    }

    /// The text of this value as it was written.
    pub fn raw(self) -> &'a [u8] {
        self.document.bytes(self.document.node(self.index))
    }

    /// The decoded string, if it is one.
    pub fn as_str(self) -> Option<Cow<'a, str>> {
        self.document.decoded(self.document.node(self.index))
    }

    /// The number as an `i64`, if it is an integer that fits.
    pub fn as_i64(self) -> Option<i64> {
        (self.kind() == Kind::Number).then(|| self.spelling().parse().ok()).flatten()
    }

    /// The number as an `f64`.
    pub fn as_f64(self) -> Option<f64> {
        (self.kind() == Kind::Number).then(|| self.spelling().parse().ok()).flatten()
    }

    /// The same, as text.
    pub fn spelling(self) -> &'a str {
        self.document.slice(self.document.node(self.index))
    }

    /// The value under `key`, if this is an object that has it.
    pub fn get(self, key: &str) -> Option<Value<'a>> {
        self.entries().find(|(name, _)| name.is(key)).map(|(_, value)| value)
    }

    /// Key and value pairs, if this is an object; nothing otherwise.
    pub fn entries(self) -> impl Iterator<Item = (Key<'a>, Value<'a>)> {
        let node = self.document.node(self.index);
        let (mut at, end) = match node.kind {
            Kind::Object => (self.index + 1, node.next),
            _ => (0, 0),
        };
        let document = self.document;
        std::iter::from_fn(move || {
            if at >= end {
                return None;
            }
            let key = Key(Value { document, index: at });
            let value = Value { document, index: at + 1 };
            at = document.node(at + 1).next;
            Some((key, value))
        })
    }

    /// Elements, if this is an array; nothing otherwise.
    pub fn elements(self) -> impl Iterator<Item = Value<'a>> {
        let node = self.document.node(self.index);
        let (mut at, end) = match node.kind {
            Kind::Array => (self.index + 1, node.next),
            _ => (0, 0),
        };
        let document = self.document;
        std::iter::from_fn(move || {
            if at >= end {
                return None;
            }
            let value = Value { document, index: at };
            at = document.node(at).next;
            Some(value)
        })
    }

    /// Which place this is: the address of the document and the index of the node. Two values that live at
    /// once have the same one only if they are the same place.
    pub fn place(self) -> (usize, u32) {
        (std::ptr::from_ref(self.document).addr(), self.index)
    }

    /// Whether this is a string that says exactly `text`. Nothing is decoded but one escape at a time.
    pub fn says(self, text: &[u8]) -> bool {
        let raw = self.raw();
        let inner = raw.get(1..raw.len().saturating_sub(1)).unwrap_or_default();
        matches!(self.kind(), Kind::String { .. }) && says(inner, text)
    }

    /// Whether this is the same value as another, node for node: the same keys in the same order, numbers spelled alike;
    /// whitespace and the spelling of strings may differ.
    pub fn is_twin(self, other: Self) -> bool {
        let offset = |value: Self, node: &Node| node.next.wrapping_sub(value.index);
        let same = |(own, their): (&Node, &Node)| {
            let (a, b) = (self.document.bytes(*own), other.document.bytes(*their));
            let alike = match (own.kind, their.kind) {
                (Kind::String { .. }, Kind::String { .. }) => {
                    // In the plainest spelling there is one for each text.
                    a == b
                        || !(plainest(own.kind) && plainest(their.kind))
                            && self.document.decoded(*own) == other.document.decoded(*their)
                }
                (Kind::Number, Kind::Number) => a == b,
                (kind, other) => kind == other,
            };
            alike && offset(self, own) == offset(other, their)
        };
        let (own, their) = (self.nodes(), other.nodes());
        own.len() == their.len() && own.iter().zip(their).all(same)
    }

    fn nodes(self) -> &'a [Node] {
        let start = self.index as usize;
        self.document.nodes.get(start..start + self.weight()).unwrap_or_default()
    }

    /// How many nodes this value spans: a bound for work done on it.
    pub fn weight(self) -> usize {
        self.document.node(self.index).next.saturating_sub(self.index) as usize
    }

    /// Re-encodes with edits.
    pub fn write(self, patches: &Patches, out: &mut Vec<u8>) {
        let mut appended: &[(String, Vec<u8>)] = &[];
        match patches.0.get(&self.index) {
            Some(Patch::Replace(json)) => return out.extend_from_slice(json),
            Some(Patch::Append(entries)) => appended = entries,
            Some(Patch::Remove) | None => {}
        }
        let kept = |value: Value<'_>| !matches!(patches.0.get(&value.index), Some(Patch::Remove));
        match self.kind() {
            Kind::Object => {
                out.push(b'{');
                let mut first = true;
                for (key, value) in self.entries().filter(|(_, v)| kept(*v)) {
                    if !std::mem::take(&mut first) {
                        out.push(b',');
                    }
                    key.0.write(patches, out);
                    out.push(b':');
                    value.write(patches, out);
                }
                write_entries(appended, first, out);
                out.push(b'}');
            }
            Kind::Array => {
                out.push(b'[');
                let mut first = true;
                for value in self.elements().filter(|v| kept(*v)) {
                    if !std::mem::take(&mut first) {
                        out.push(b',');
                    }
                    value.write(patches, out);
                }
                out.push(b']');
            }
            Kind::String { plainest: false, .. } => write_string(&self.as_str().unwrap_or_default(), out),
            _ => out.extend_from_slice(self.raw()),
        }
    }

    fn write_in_place(self, patches: &Patches, out: &mut Vec<u8>) {
        let node = self.document.node(self.index);
        let gap =
            |from: u32, to: u32| self.document.text.as_bytes().get(from as usize..to as usize).unwrap_or_default();
        let mut appended: &[(String, Vec<u8>)] = &[];
        match patches.0.get(&self.index) {
            Some(Patch::Replace(json)) => return out.extend_from_slice(json),
            Some(Patch::Append(entries)) => appended = entries,
            Some(Patch::Remove) | None => {}
        }
        if !matches!(node.kind, Kind::Object | Kind::Array) || (patches.is_empty() && appended.is_empty()) {
            return out.extend_from_slice(self.raw());
        }
        out.extend_from_slice(gap(node.start, node.start.saturating_add(1)));
        let mut at = node.start.saturating_add(1);
        let mut first = true;
        let entries = self.entries().map(|(key, value)| (Some(key.0), value));
        for (key, value) in entries.chain(self.elements().map(|value| (None, value))) {
            let begins = self.document.node(key.unwrap_or(value).index).start;
            let ends = self.document.node(value.index).end;
            let before = gap(std::mem::replace(&mut at, ends), begins);
            if matches!(patches.0.get(&value.index), Some(Patch::Remove)) {
                continue; // With what separates it from the one before.
            }
            let comma = std::mem::take(&mut first);
            out.extend(before.iter().filter(|byte| !(comma && **byte == b',')));
            if let Some(key) = key {
                key.write_in_place(patches, out);
                out.extend_from_slice(gap(self.document.node(key.index).end, self.document.node(value.index).start));
            }
            value.write_in_place(patches, out);
        }
        write_entries(appended, first, out);
        out.extend_from_slice(gap(at, node.end));
    }

    /// Canonical bytes for digests: keys sorted, no whitespace, plainest strings, numbers as spelled.
    pub fn canonical(self, out: &mut Vec<u8>) {
        match self.kind() {
            Kind::Object => {
                let mut entries = Vec::with_capacity((self.weight() / 2).min(32));
                entries.extend(self.entries().map(|(k, v)| (k.text(), k, v)));
                entries.sort_unstable_by(|a, b| a.0.cmp(&b.0));
                out.push(b'{');
                for (position, (_, key, value)) in entries.into_iter().enumerate() {
                    if position > 0 {
                        out.push(b',');
                    }
                    key.0.write(&NO_PATCHES, out);
                    out.push(b':');
                    value.canonical(out);
                }
                out.push(b'}');
            }
            Kind::Array => {
                out.push(b'[');
                for (position, value) in self.elements().enumerate() {
                    if position > 0 {
                        out.push(b',');
                    }
                    value.canonical(out);
                }
                out.push(b']');
            }
            _ => self.write(&NO_PATCHES, out),
        }
    }
}

/// An object key.
#[derive(Clone, Copy)]
pub struct Key<'a>(Value<'a>);

impl<'a> Key<'a> {
    /// The key as the string that it is.
    pub fn value(self) -> Value<'a> {
        self.0
    }

    /// The decoded key.
    pub fn text(self) -> Cow<'a, str> {
        self.0.as_str().unwrap_or_default()
    }

    /// Whether the decoded key is `name`; compares in place when there is nothing to decode.
    #[inline]
    pub fn is(self, name: &str) -> bool {
        let Value { document, index } = self.0;
        let node = document.node(index);
        match node.kind {
            // Most keys that are asked about are of another length.
            Kind::String { escaped: false, .. } => {
                node.end.wrapping_sub(node.start) as usize == name.len() + 2 && document.quotes(node, name)
            }
            _ => self.text() == name,
        }
    }
}

/// Appends entries to those of an object; `first` says that there is none before them.
fn write_entries(entries: &[(String, Vec<u8>)], mut first: bool, out: &mut Vec<u8>) {
    for (key, json) in entries {
        if !std::mem::take(&mut first) {
            out.push(b',');
        }
        write_string(key, out);
        out.push(b':');
        out.extend_from_slice(json);
    }
}

/// Appends `text` as a JSON string in its plainest spelling (RFC 8785, section 3.2.2.2).
pub fn write_string(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    let text = text.as_bytes();
    let (mut marks, mut at) = (Marks::NONE, 0);
    while let Some(mark) = marks.next(text, at) {
        out.extend_from_slice(text.get(at..mark).unwrap_or_default());
        match text.get(mark).copied().unwrap_or_default() {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            8 => out.extend_from_slice(b"\\b"),
            9 => out.extend_from_slice(b"\\t"),
            10 => out.extend_from_slice(b"\\n"),
            12 => out.extend_from_slice(b"\\f"),
            13 => out.extend_from_slice(b"\\r"),
            control => out.extend_from_slice(format!("\\u{control:04x}").as_bytes()),
        }
        at = mark + 1;
    }
    out.extend_from_slice(text.get(at..).unwrap_or_default());
    out.push(b'"');
}

/// `text` as a JSON string.
pub fn string(text: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len() + 2);
    write_string(text, &mut out);
    out
}

/// Keys of one object whose sketches are compared in pairs.
const FEW_KEYS: usize = 64;

/// Keys with different sketches differ: made of the length, and of all bytes up to sixteen; of longer keys how they begin
/// and end.
///
/// `key` is followed by what stands behind it in the text.
fn sketch(key: &[u8], length: usize) -> u32 {
    const ODD: u64 = 0x9E37_79B9_7F4A_7C15;
    let eight = |at: usize| key.get(at..).and_then(<[u8]>::first_chunk).map(|eight| u64::from_le_bytes(*eight));
    let (first, last) = match (eight(0), length.checked_sub(8).and_then(eight)) {
        (Some(first), Some(last)) => (first, last),
        (Some(more), None) => (more & !(u64::MAX << (8 * length)), 0),
        (None, _) => (key.iter().take(length).rev().fold(0, |eight, byte| eight << 8 | u64::from(*byte)), 0),
    };
    ((first.wrapping_mul(ODD) ^ last ^ (length as u64) << 56).wrapping_mul(ODD) >> 32) as u32
}

/// Every step is told where it begins and tells where it ended.
struct Parser<'a> {
    text: &'a [u8],
    nodes: Vec<Node>,
    /// Sketches of the keys of the objects that are open, up to [`FEW_KEYS`] of each and one.
    sketches: Vec<u32>,
    plain: bool,
    /// How many strings were escaped.
    escaped: usize,
    marks: Marks,
    bounds: &'a Bounds,
}

impl Parser<'_> {
    /// Zero at the end, which begins and continues nothing.
    #[inline]
    fn byte(&self, at: usize) -> u8 {
        self.text.get(at).copied().unwrap_or(0)
    }

    /// Past whitespace.
    #[inline]
    fn space(&mut self, at: usize) -> usize {
        if self.byte(at) > b' ' { at } else { self.spaces(at) }
    }

    #[inline(never)]
    fn spaces(&mut self, from: usize) -> usize {
        let mut at = from;
        while matches!(self.byte(at), b' ' | b'\t' | b'\n' | b'\r') {
            at += 1;
        }
        self.plain &= at == from;
        at
    }

    fn open(&mut self, kind: Kind, start: usize) -> Result<usize, Fault> {
        self.leaf(kind, start, start)?;
        Ok(self.nodes.len() - 1)
    }

    fn close(&mut self, index: usize, end: usize) -> usize {
        let next = self.nodes.len() as u32;
        if let Some(node) = self.nodes.get_mut(index) {
            (node.end, node.next) = (end as u32, next);
        }
        end
    }

    /// A value that has none within it.
    #[inline]
    fn leaf(&mut self, kind: Kind, start: usize, end: usize) -> Result<usize, Fault> {
        if self.nodes.len() >= self.bounds.nodes_max {
            return Err(Fault::TooManyNodes);
        }
        let next = self.nodes.len() as u32 + 1;
        self.nodes.push(Node { kind, start: start as u32, end: end as u32, next });
        Ok(end)
    }

    #[inline]
    fn value(&mut self, start: usize, depth: usize) -> Result<usize, Fault> {
        match self.byte(start) {
            b'"' => self.string(start),
            b'-' | b'0'..=b'9' => self.number(start),
            b'{' => self.object(start, depth + 1),
            b'[' => self.array(start, depth + 1),
            b't' => self.word(start, b"true", Kind::Bool(true)),
            b'f' => self.word(start, b"false", Kind::Bool(false)),
            b'n' => self.word(start, b"null", Kind::Null),
            _ => Err(Fault::Syntax),
        }
    }

    fn word(&mut self, start: usize, word: &[u8], kind: Kind) -> Result<usize, Fault> {
        if !self.text.get(start..).is_some_and(|rest| rest.starts_with(word)) {
            return Err(Fault::Syntax);
        }
        self.leaf(kind, start, start + word.len())
    }

    fn digits(&self, from: usize) -> Result<usize, Fault> {
        let mut at = from;
        while self.byte(at).is_ascii_digit() {
            at += 1;
        }
        if at == from { Err(Fault::Syntax) } else { Ok(at) }
    }

    fn number(&mut self, start: usize) -> Result<usize, Fault> {
        let mut at = start + usize::from(self.byte(start) == b'-');
        at = if self.byte(at) == b'0' { at + 1 } else { self.digits(at)? };
        if self.byte(at) == b'.' {
            at = self.digits(at + 1)?;
        }
        if matches!(self.byte(at), b'e' | b'E') {
            let sign = usize::from(matches!(self.byte(at + 1), b'+' | b'-'));
            at = self.digits(at + 1 + sign)?;
        }
        self.leaf(Kind::Number, start, at)
    }

    #[inline]
    fn string(&mut self, start: usize) -> Result<usize, Fault> {
        let at = self.marks.next(self.text, start + 1).ok_or(Fault::Syntax)?;
        match self.byte(at) {
            b'"' => self.leaf(Kind::String { escaped: false, plainest: true }, start, at + 1),
            _ => self.escaped(start, at),
        }
    }

    /// A string whose first mark is no quote.
    #[inline(never)]
    fn escaped(&mut self, start: usize, mut at: usize) -> Result<usize, Fault> {
        let mut plainest = true;
        loop {
            match self.text.get(at..) {
                Some([b'"', ..]) => break,
                Some([b'\\', b'"' | b'\\' | b'n', ..]) => at = self.marks.past_escapes(self.text, at + 2),
                Some([b'\\', ..]) => {
                    let plain;
                    (at, plain) = self.escape(at + 1)?;
                    plainest &= plain;
                }
                _ => return Err(Fault::Syntax),
            }
            at = self.marks.next(self.text, at).ok_or(Fault::Syntax)?;
        }
        self.plain &= plainest;
        self.escaped += 1;
        self.leaf(Kind::String { escaped: true, plainest }, start, at + 1)
    }

    /// What follows a backslash, and whether it is the plainest spelling of its character.
    fn escape(&self, letter: usize) -> Result<(usize, bool), Fault> {
        let at = letter + 1;
        match self.byte(letter) {
            b'"' | b'\\' | b'b' | b'f' | b'n' | b'r' | b't' => Ok((at, true)),
            b'/' => Ok((at, false)),
            b'u' => match self.hex4(at)? {
                0x08 | 0x09 | 0x0A | 0x0C | 0x0D => Ok((at + 4, false)),
                0..=0x1F => {
                    let digits = self.text.get(at..at + 4).unwrap_or_default();
                    Ok((at + 4, !digits.iter().any(u8::is_ascii_uppercase)))
                }
                0xD800..=0xDBFF => {
                    let low = self.text.get(at + 4..at + 6) == Some(b"\\u".as_slice())
                        && (0xDC00..=0xDFFF).contains(&self.hex4(at + 6)?);
                    if low { Ok((at + 10, false)) } else { Err(Fault::Syntax) }
                }
                0xDC00..=0xDFFF => Err(Fault::Syntax),
                _ => Ok((at + 4, false)),
            },
            _ => Err(Fault::Syntax),
        }
    }

    fn hex4(&self, at: usize) -> Result<u32, Fault> {
        self.text.get(at..at + 4).and_then(parse_hex4).ok_or(Fault::Syntax)
    }

    #[inline(never)]
    fn array(&mut self, start: usize, depth: usize) -> Result<usize, Fault> {
        if depth > self.bounds.depth_max {
            return Err(Fault::TooDeep);
        }
        let index = self.open(Kind::Array, start)?;
        let mut at = self.space(start + 1);
        if self.byte(at) == b']' {
            return Ok(self.close(index, at + 1));
        }
        loop {
            at = self.value(at, depth)?;
            at = self.space(at);
            match self.byte(at) {
                b',' => at = self.space(at + 1),
                b']' => return Ok(self.close(index, at + 1)),
                _ => return Err(Fault::Syntax),
            }
        }
    }

    #[inline(never)]
    fn object(&mut self, start: usize, depth: usize) -> Result<usize, Fault> {
        if depth > self.bounds.depth_max {
            return Err(Fault::TooDeep);
        }
        let index = self.open(Kind::Object, start)?;
        let mut at = self.space(start + 1);
        if self.byte(at) == b'}' {
            return Ok(self.close(index, at + 1));
        }
        let (first, mut escaped) = (self.sketches.len(), false);
        loop {
            if self.byte(at) != b'"' {
                return Err(Fault::Syntax);
            }
            let (key, before) = (at + 1, self.escaped);
            at = self.string(at)?;
            escaped |= self.escaped != before;
            if self.sketches.len() - first <= FEW_KEYS {
                self.sketches.push(sketch(self.text.get(key..).unwrap_or_default(), at - 1 - key));
            }
            at = self.space(at);
            if self.byte(at) != b':' {
                return Err(Fault::Syntax);
            }
            at = self.space(at + 1);
            at = self.value(at, depth)?;
            at = self.space(at);
            match self.byte(at) {
                b',' => at = self.space(at + 1),
                b'}' => break,
                _ => return Err(Fault::Syntax),
            }
        }
        let end = self.close(index, at + 1);
        let sketches = self.sketches.get(first..).unwrap_or_default();
        // Pairwise for the keys that messages have.
        let again = |(at, sketch): (usize, &u32)| {
            let before = sketches.get(..at).unwrap_or_default();
            // Without a branch, so that several are compared at once.
            before.iter().fold(false, |any, other| any | (other == sketch))
        };
        let unique = !escaped && sketches.len() <= FEW_KEYS && !sketches.iter().enumerate().any(again);
        self.sketches.truncate(first);
        if !unique {
            self.unique_keys(index)?;
        }
        Ok(end)
    }

    /// Whether the keys of an object all differ: many, as an attacker sends them, or some that are escaped or look alike.
    fn unique_keys(&self, object: usize) -> Result<(), Fault> {
        let end = self.nodes.len();
        let mut keys = Vec::new();
        let mut at = object + 1;
        while let Some(node) = self.nodes.get(at).filter(|_| at < end) {
            keys.push(*node);
            at = self.nodes.get(at + 1).map_or(end, |value| value.next as usize);
        }
        let text = self.text;
        let raw =
            |key: &Node| text.get(key.start as usize + 1..(key.end as usize).saturating_sub(1)).unwrap_or_default();
        let escaped = |key: &Node| matches!(key.kind, Kind::String { escaped: true, .. });
        let duplicate = if keys.iter().any(escaped) {
            let decode = |key: &Node| match escaped(key) {
                true => unescape(raw(key)).map(String::into_bytes).map(Cow::Owned),
                false => Some(Cow::Borrowed(raw(key))),
            };
            let mut keys: Vec<_> = keys.iter().map(decode).collect::<Option<_>>().ok_or(Fault::Syntax)?;
            keys.sort_unstable();
            keys.windows(2).any(|pair| matches!(pair, [a, b] if a == b))
        } else {
            keys.sort_unstable_by(|a, b| raw(a).cmp(raw(b)));
            keys.windows(2).any(|pair| matches!(pair, [a, b] if raw(a) == raw(b)))
        };
        if duplicate { Err(Fault::DuplicateKey) } else { Ok(()) }
    }
}

fn plainest(kind: Kind) -> bool {
    matches!(kind, Kind::String { plainest: true, .. })
}

fn parse_hex4(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0u32, |sum, byte| Some(sum * 16 + (*byte as char).to_digit(16)?))
}

fn unescape(raw: &[u8]) -> Option<String> {
    let (mut marks, mut at) = (Marks::NONE, 0);
    let mut out = Vec::with_capacity(raw.len());
    while let Some(escape) = marks.next(raw, at) {
        out.extend_from_slice(raw.get(at..escape)?);
        let rest = raw.get(escape + 1..)?;
        let (character, left) = escaped(rest)?;
        match u8::try_from(character) {
            Ok(byte) if byte.is_ascii() => out.push(byte),
            _ => out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
        }
        at = raw.len() - left.len();
    }
    out.extend_from_slice(raw.get(at..)?);
    String::from_utf8(out).ok()
}

/// The character that an escape stands for, and what comes after it; from after the backslash.
fn escaped(rest: &[u8]) -> Option<(char, &[u8])> {
    let (letter, rest) = rest.split_first()?;
    let plain = match letter {
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        b'u' => {
            let (digits, rest) = rest.split_first_chunk::<4>()?;
            return match parse_hex4(digits)? {
                high @ 0xD800..=0xDBFF => {
                    let (digits, rest) = rest.strip_prefix(b"\\u")?.split_first_chunk::<4>()?;
                    let low = parse_hex4(digits)?.checked_sub(0xDC00)?;
                    Some((char::from_u32(0x10000 + ((high - 0xD800) << 10) + low)?, rest))
                }
                code => Some((char::from_u32(code)?, rest)),
            };
        }
        other => char::from(*other),
    };
    Some((plain, rest))
}

/// Whether what stands within the quotes of a string says `text`.
fn says(mut inner: &[u8], mut text: &[u8]) -> bool {
    loop {
        while let (Some(block), Some(other)) = (inner.first_chunk(), text.first_chunk()) {
            let Some(Said { read, said, same }) = block_says(block, other) else { break };
            let (Some(rest), Some(after)) = (inner.get(read..), text.get(said..)) else { return false };
            if !same {
                return false;
            }
            (inner, text) = (rest, after);
        }
        let run = alike(inner, text);
        let (Some(rest), Some(said)) = (inner.get(run..), text.get(run..)) else { return false };
        let left = match rest {
            [] => return said.is_empty(),
            [b'\\', letter @ (b'"' | b'\\'), left @ ..] => said.strip_prefix(&[*letter]).map(|said| (left, said)),
            [b'\\', left @ ..] => escaped(left).and_then(|(character, left)| {
                Some((left, said.strip_prefix(character.encode_utf8(&mut [0; 4]).as_bytes())?))
            }),
            _ => None,
        };
        let Some(left) = left else { return false };
        (inner, text) = left;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Document, Fault> {
        Document::parse(Bytes::copy_from_slice(text.as_bytes()), &Bounds::default())
    }

    #[test]
    fn what_parsers_disagree_on_is_refused() {
        for (text, fault) in [
            (r#"{"a":1,"a":2}"#, Fault::DuplicateKey),
            (r#"{"a":1,"\u0061":2}"#, Fault::DuplicateKey),
            (r#"{"x":{"k":1,"k":1}}"#, Fault::DuplicateKey),
            ("\u{feff}{}", Fault::Encoding),
            (r#""\ud800""#, Fault::Syntax),
            ("{} {}", Fault::Syntax),
            ("NaN", Fault::Syntax),
            ("01", Fault::Syntax),
            ("\u{b}{}", Fault::Syntax),
            ("[1,]", Fault::Syntax),
            ("{'a':1}", Fault::Syntax),
            ("\"\n\"", Fault::Syntax),
        ] {
            assert_eq!(parse(text).unwrap_err(), fault, "{text}");
        }
        let deep = "[".repeat(65) + &"]".repeat(65);
        assert_eq!(parse(&deep).unwrap_err(), Fault::TooDeep);
        let many: String = (0..20).map(|i| format!("\"k{i}\":{i},")).collect();
        assert_eq!(parse(&format!("{{{many}\"k3\":0}}")).unwrap_err(), Fault::DuplicateKey);
    }

    #[test]
    fn keys_that_look_alike_are_told_apart_and_a_repeated_one_is_found_wherever_it_stands() {
        let (one, two) = ("aaaaaaaa1bbbbbbbb", "aaaaaaaa2bbbbbbbb");
        assert_eq!(sketch(one.as_bytes(), one.len()), sketch(two.as_bytes(), two.len()));
        let object = |keys: &[&str]| {
            let entries: Vec<String> = keys.iter().map(|key| format!(r#""{key}":{{"x":[{{"y":1}}],"z":0}}"#)).collect();
            format!("{{{}}}", entries.join(","))
        };
        assert!(parse(&object(&[one, "b", two, "", "a", "ab"])).is_ok());
        let names: Vec<String> = (0..FEW_KEYS + 3).map(|n| "k".repeat(n)).collect();
        for count in [2, 3, 4, 5, 8, 9, 17, 30, FEW_KEYS - 1, FEW_KEYS, FEW_KEYS + 1, FEW_KEYS + 2] {
            let mut keys: Vec<&str> = names.iter().take(count).map(String::as_str).collect();
            assert!(parse(&object(&keys)).is_ok(), "{count}");
            for again in names.iter().take(count) {
                keys.push(again);
                assert_eq!(parse(&object(&keys)).unwrap_err(), Fault::DuplicateKey, "{again:?} of {count}");
                keys.pop();
            }
        }
    }

    #[test]
    fn writing_is_lossless_and_plain() {
        let document = parse(" { \"b\" : 1.50e3 , \"a\\u0062\" : [ true , null ] } ").unwrap();
        assert_eq!(&document.write(&Patches::default())[..], br#"{"b":1.50e3,"ab":[true,null]}"#);
        let mut canonical = Vec::new();
        document.root().canonical(&mut canonical);
        assert_eq!(canonical, br#"{"ab":[true,null],"b":1.50e3}"#);
    }

    #[test]
    fn a_string_says_what_it_decodes_to_and_nothing_else() {
        let long = "{\"key\":\"a longer value\\\",\"other\":[1,2.50]} \u{e9} ".repeat(4);
        let texts = ["", "a", "\"\\/\n\u{1}", "{\"key\":\"x\"}", "\u{e9}\u{1f980} and so on", &long];
        for text in texts {
            let plainest = String::from_utf8(string(text)).unwrap();
            let escaped: String = text.encode_utf16().map(|unit| format!("\\u{unit:04X}")).collect();
            for spelled in [plainest, format!("\"{escaped}\"")] {
                let document = parse(&spelled).unwrap();
                assert!(document.root().says(text.as_bytes()), "{spelled}");
                assert_eq!(document.root().as_str().unwrap(), text);
                for at in 0..text.len() {
                    let mut other = text.as_bytes().to_vec();
                    other[at] ^= 1;
                    assert!(!document.root().says(&other), "{spelled}: differs at {at}");
                    assert!(!document.root().says(&text.as_bytes()[..at]), "{spelled}: {at} bytes of it");
                }
                assert!(!document.root().says(format!("{text}x").as_bytes()));
            }
        }
        assert!(!parse("1").unwrap().root().says(b"1"));
        assert!(!parse("[]").unwrap().root().says(b""));
    }

    #[test]
    fn escapes_that_are_gone_past_many_at_once_are_read_as_one_by_one() {
        const PIECES: &[&str] = &[
            "\\\"", "\\\\", "\\n", "\\\"", "\\\\", "\\n", "\\/", "\\t", "\\u00e9", "a", "bc", "\u{e9}", "\"", "\n",
            "\\x",
        ];
        let mut state = 1u64;
        let mut below = |count: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as usize % count
        };
        let (mut read, mut refused) = (0, 0);
        for _ in 0..20_000 {
            let known = if below(4) == 0 { PIECES.len() } else { PIECES.len() - 3 };
            let pieces: String = (0..below(120)).map(|_| PIECES[below(known)]).collect();
            let text = format!("{}\"{pieces}\"", " ".repeat(below(64)));
            match (parse(&text), serde_json::from_str::<String>(&text)) {
                (Ok(document), Ok(said)) => {
                    assert_eq!(document.root().as_str().unwrap(), said);
                    assert!(document.root().says(said.as_bytes()), "{text}");
                    if let Some(at) = below(said.len() + 1).checked_sub(1) {
                        let mut other = said.into_bytes();
                        other[at] ^= 1;
                        assert!(!document.root().says(&other), "{text}: differs at {at}");
                    }
                    assert_eq!(
                        document.plain,
                        text == String::from_utf8(document.write(&NO_PATCHES).to_vec()).unwrap()
                    );
                    read += 1;
                }
                (Err(_), Err(_)) => refused += 1,
                (ours, theirs) => panic!("{text}: {ours:?}, {theirs:?}"),
            }
        }
        assert!(read > 10_000 && refused > 1_000, "{read} {refused}");
    }

    #[test]
    fn a_part_reads_as_it_would_alone() {
        let whole = parse(r#" {"a":[1,{"b":"\u0041"}], "c" : { "d" : [ ] , "e" : "x" } } "#).unwrap();
        let mut open = vec![whole.root()];
        while let Some(value) = open.pop() {
            let (part, alone) = (whole.part(value), Document::reread(value.raw().to_vec()).unwrap());
            assert_eq!(part.text(), alone.text());
            assert_eq!(format!("{:?}", part.nodes), format!("{:?}", alone.nodes));
            assert!(part.root().is_twin(value) && value.is_twin(alone.root()));
            open.extend(value.elements().chain(value.entries().map(|(_, value)| value)));
        }
    }

    #[test]
    fn twins_are_the_same_node_for_node() {
        let value = parse(r#"{"a":[1,"x\ny"],"b":null}"#).unwrap();
        for (text, twin) in [
            ("{ \"\\u0061\": [1, \"x\\u000ay\"],\n\"b\": null }", true),
            (r#"{"b":null,"a":[1,"x\ny"]}"#, false),
            (r#"{"a":[1.0,"x\ny"],"b":null}"#, false),
            (r#"{"a":[1],"x\ny":"b"}"#, false),
            (r#"{"a":[1,"x\ny",null]}"#, false),
            (r#"{"a":[1,"x\ty"],"b":null}"#, false),
            (r#"{"a":[1,"x\ny"],"b":false}"#, false),
            (r#"[["a",1,"x\ny"],"b",null]"#, false),
        ] {
            let other = parse(text).unwrap();
            assert_eq!(value.root().is_twin(other.root()), twin, "{text}");
            assert_eq!(other.root().is_twin(value.root()), twin, "{text}");
        }
    }

    #[test]
    fn patches_touch_only_what_they_name() {
        let document = parse(r#"{"tools":[{"name":"a"},{"name":"b","x":1}],"nextCursor":"c"}"#).unwrap();
        let mut patches = Patches::default();
        let tools: Vec<_> = document.root().get("tools").unwrap().elements().collect();
        patches.remove(tools[0]);
        patches.append(tools[1], "y", b"2".to_vec());
        let out = document.write(&patches);
        assert_eq!(&out[..], br#"{"tools":[{"name":"b","x":1,"y":2}],"nextCursor":"c"}"#);
    }
}
