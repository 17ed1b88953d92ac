//! Documents: every string, number and key, JSON inside strings too; what was found, where it stands on the
//! wire, and its rewriting in place.
use super::above::{self, Above, Key, Keys, Role};
use super::charset::{self, Charset};
use super::effort::{Effort, Work};
use super::{Context, Engine, Kind, Span, labels, numbers, secrets};
use crate::kernel::json::{self, Bounds, Document, Patches, Value};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use smallvec::SmallVec;
use std::borrow::Cow;
use std::sync::Arc;

/// How deep JSON inside strings is followed.
const NESTED_MAX: usize = 8;
/// The most findings of one document; with more it is not looked through.
const FINDINGS_MAX: usize = 100_000;
/// How many entries of an object may be a name and a value, and the longest such name.
const PAIRS_MAX: usize = 16;
const PAIR_MAX: usize = 96;
/// How deep the columns of an object may be named in others, how many there may be, and how many entries a row has that
/// may hold its cells.
const HEADS_DEPTH: usize = 2;
const COLUMNS_MAX: usize = 1024;
const ROW_MAX: usize = 4;
/// How many rows are asked whether they are names and values.
const ROWS_ASKED: usize = 8;
/// What names an object that is a name itself.
const INNER: &[&str] = &["title", "name", "label", "text", "ref", "question", "heading"];
/// What was found in one document.
#[derive(Clone, Debug, Default)]
pub struct Findings {
    leaves: Vec<Leaf>,
    count: usize,
}

#[derive(Clone, Debug)]
struct Leaf {
    node: u32,
    /// The value that goes when the leaf is dropped: the node itself, or what stands under the key.
    entry: u32,
    place: Place,
    depth: usize,
    under_text: bool,
    content: Content,
}

#[derive(Clone, Debug)]
enum Content {
    Spans(Vec<Span>),
    Nested(Box<(Document, Findings)>),
    /// Base64 of this text in these bytes, and what is in it.
    Encoded(Box<(Document, Findings)>, Charset),
}

/// The most parts of a date with its time.
const PARTS_MAX: usize = 16;

/// What kind of node a finding is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// A string.
    Text,
    /// A number.
    Number,
    /// The key of an entry.
    Key,
}

/// One finding, as it is put to whoever decides about it.
#[derive(Clone, Copy, Debug)]
pub struct Finding<'f> {
    /// What was found.
    pub kind: Kind,
    /// The value itself, decoded. Never to be logged.
    pub value: &'f str,
    /// The whole leaf that it is in, decoded.
    pub text: &'f str,
    /// What kind of node that is.
    pub place: Place,
    /// The nearest key above it is `text`: without it a block of text is none. Nested documents go on below the keys of
    /// their string.
    pub under_text: bool,
}

/// What is done about a finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Edit {
    /// It stays.
    Keep,
    /// This text takes its place; a number becomes a string.
    Replace(String),
    /// This JSON takes the place of the whole leaf, to keep its type: `0`, `null`.
    Json(Vec<u8>),
    /// The whole leaf is left out, with its key.
    Drop,
}

impl Findings {
    /// Nobody knows what is in `root`.
    fn unread(root: Value<'_>) -> Self {
        let (place, end) = root.as_str().map_or((Place::Number, root.raw().len()), |text| (Place::Text, text.len()));
        let content = Content::Spans(vec![Span { start: 0, end, kind: Kind::Unread }]);
        let node = root.place().1;
        Self { leaves: vec![Leaf { node, entry: node, place, depth: 0, under_text: false, content }], count: 1 }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Calls `visit` with every finding.
    pub fn each(&self, document: &Document, visit: &mut impl FnMut(&Finding<'_>)) {
        for leaf in &self.leaves {
            match &leaf.content {
                Content::Nested(nested) | Content::Encoded(nested, _) => nested.1.each(&nested.0, visit),
                Content::Spans(spans) => {
                    let text = leaf.text(document);
                    spans.iter().for_each(|span| visit(&leaf.finding(&text, *span)));
                }
            }
        }
    }

    /// What was found in `part`, an entry of the object that was looked through, is found in these strings too, which
    /// stand under `text` and were not looked at: each is `part` once more, node for node, as the document beside
    /// it gives it. Documents are asked for only where something was found.
    pub fn repeat<'v>(&mut self, part: Value<'_>, texts: impl Iterator<Item = (Value<'v>, Document)>) {
        let first = part.place().1;
        let within = first..first.saturating_add(u32::try_from(part.weight()).unwrap_or(u32::MAX));
        let moved = |leaf: &Leaf| Leaf {
            node: leaf.node - first,
            entry: leaf.entry - first,
            under_text: leaf.under_text || leaf.depth <= 1,
            ..leaf.clone()
        };
        let leaves: Vec<Leaf> = self.leaves.iter().filter(|leaf| within.contains(&leaf.node)).map(moved).collect();
        let count = leaves.iter().map(Leaf::count).sum();
        if count == 0 {
            return;
        }
        let inner = Self { leaves, count };
        for (text, document) in texts {
            let content = Content::Nested(Box::new((document, inner.clone())));
            let node = text.place().1;
            self.leaves.push(Leaf { node, entry: node, place: Place::Text, depth: 2, under_text: true, content });
            self.count += count;
        }
    }

    /// Of the first finding.
    fn first_kind(&self) -> Option<Kind> {
        self.leaves.iter().find_map(|leaf| match &leaf.content {
            Content::Spans(spans) => spans.first().map(|span| span.kind),
            Content::Nested(nested) | Content::Encoded(nested, _) => nested.1.first_kind(),
        })
    }

    /// Where the findings stand in the text of the document, escapes not decoded.
    pub fn wire(&self, document: &Document) -> Vec<Span> {
        let mut all = Vec::with_capacity(self.count);
        for leaf in &self.leaves {
            let mut spans = match &leaf.content {
                Content::Spans(spans) => spans.clone(),
                Content::Nested(nested) => nested.1.wire(&nested.0),
                // No byte of the value stands there as such: the whole is where it is.
                Content::Encoded(nested, _) => nested
                    .1
                    .first_kind()
                    .map(|kind| Span { start: 0, end: leaf.text(document).len(), kind })
                    .into_iter()
                    .collect(),
            };
            leaf.to_wire(document, &mut spans);
            all.extend(spans);
        }
        all.sort_unstable_by_key(|span| span.start);
        all
    }
}

impl Leaf {
    fn count(&self) -> usize {
        match &self.content {
            Content::Spans(spans) => spans.len(),
            Content::Nested(nested) | Content::Encoded(nested, _) => nested.1.count,
        }
    }

    fn text<'d>(&self, document: &'d Document) -> Cow<'d, str> {
        let value = document.at(self.node);
        value.as_str().unwrap_or_else(|| Cow::Borrowed(std::str::from_utf8(value.raw()).unwrap_or_default()))
    }

    fn finding<'f>(&'f self, text: &'f str, span: Span) -> Finding<'f> {
        let value = text.get(span.start..span.end).unwrap_or_default();
        Finding { kind: span.kind, value, text, place: self.place, under_text: self.under_text }
    }

    /// Ascending offsets in the decoded leaf become offsets in the text of the document.
    fn to_wire(&self, document: &Document, spans: &mut [Span]) {
        let value = document.at(self.node);
        let range = value.range();
        let json::Kind::String { escaped, .. } = value.kind() else {
            return spans
                .iter_mut()
                .for_each(|span| (span.start, span.end) = (span.start + range.start, span.end + range.start));
        };
        let mut walk =
            Walk { raw: document.text().get(range.start + 1..range.end - 1).unwrap_or_default(), decoded: 0, at: 0 };
        for span in spans {
            let (start, end) = if escaped { (walk.to(span.start), walk.to(span.end)) } else { (span.start, span.end) };
            (span.start, span.end) = (start + range.start + 1, end + range.start + 1);
        }
    }
}

/// Steps through the raw spelling of a string, counting what it decodes to.
struct Walk<'r> {
    raw: &'r str,
    decoded: usize,
    at: usize,
}

impl Walk<'_> {
    /// Where decoded offset `target` stands, which is not before the last one asked for.
    fn to(&mut self, target: usize) -> usize {
        let bytes = self.raw.as_bytes();
        while self.decoded < target {
            let (size, length) = match bytes.get(self.at..) {
                Some([b'\\', b'u', digits @ ..]) => {
                    let code = digits.get(..4).and_then(|digits| std::str::from_utf8(digits).ok());
                    match code.and_then(|code| u32::from_str_radix(code, 16).ok()).unwrap_or(0) {
                        0..0x80 => (1, 6),
                        0x80..0x800 => (2, 6),
                        0xD800..0xDC00 => (4, 12),
                        _ => (3, 6),
                    }
                }
                Some([b'\\', ..]) => (1, 2),
                Some([_, ..]) => (1, 1),
                _ => break,
            };
            self.decoded += size;
            self.at += length;
        }
        self.at
    }
}

impl Engine {
    /// What is sensitive in `root`: strings (decoded), numbers, keys, JSON inside strings, and base64 of text where it
    /// stands as `blob` or `data` beside a `mimeType`.
    pub fn scan(&self, root: Value<'_>) -> Findings {
        self.scan_within(root, &|_| false, &Effort::of(root.raw().len()))
    }

    /// The same of a part of a message, but for the values that `whole` holds for. If nothing is left to be done, `root`
    /// is [`Kind::Unread`] as a whole.
    pub fn scan_within(&self, root: Value<'_>, whole: &dyn Fn(Value<'_>) -> bool, effort: &Effort) -> Findings {
        let mut scan = Scan {
            engine: self,
            findings: Findings::default(),
            path: SmallVec::new(),
            nested: 0,
            whole,
            keys: Keys::default(),
            row: SmallVec::new(),
            effort,
        };
        scan.value(root, None);
        if effort.is_spent() { Findings::unread(root) } else { scan.findings }
    }
}

/// A key on the way to a value, and what it says.
#[derive(Clone)]
struct Step<'s> {
    text: Text<'s>,
    key: Key,
}

/// The text of a key. Many values may stand under one, however long it is: none has a copy.
#[derive(Clone)]
enum Text<'s> {
    Written(&'s str),
    /// It is spelled otherwise.
    Read(Arc<str>),
}

impl<'s> From<Cow<'s, str>> for Text<'s> {
    fn from(text: Cow<'s, str>) -> Self {
        match text {
            Cow::Borrowed(text) => Self::Written(text),
            Cow::Owned(text) => Self::Read(text.into()),
        }
    }
}

impl std::ops::Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        match self {
            Self::Written(text) => text,
            Self::Read(text) => text,
        }
    }
}

/// What the keys of one object are to it.
#[derive(Default)]
struct Roles {
    heads: bool,
    names: bool,
    values: bool,
    holder: bool,
    media: bool,
}

impl Roles {
    fn add(&mut self, place: usize, key: Key) {
        self.heads |= key.is(Role::Heads);
        self.media |= key.is(Role::Media);
        if place < PAIRS_MAX {
            self.names |= key.is(Role::Names);
            self.values |= key.is(Role::Value);
            self.holder |= key.is(Role::Holder);
        }
    }
}

/// What the values of an object ask of a name beside them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Asks {
    Nothing,
    /// Whether it accuses them: they are too short to be anything otherwise.
    Accused,
    Anything,
}

/// What a first look at a value says.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Look {
    /// Nothing is in it, whatever stands beside it.
    Nothing,
    /// Nothing is in it if nothing beside it names it.
    Unnamed,
    /// Something is.
    Found,
    /// It has to be looked at in earnest.
    Open,
}

/// What is open has room in it as wide and deep as most messages are.
struct Scan<'s> {
    engine: &'s Engine,
    findings: Findings,
    path: SmallVec<[Step<'s>; 8]>,
    nested: usize,
    whole: &'s dyn Fn(Value<'_>) -> bool,
    keys: Keys,
    /// What the keys say of the objects that are open, in their order.
    row: SmallVec<[Key; 24]>,
    effort: &'s Effort,
}

/// One column of rows that are objects: what its key says, and what was seen of the value in the row before.
struct Column<'s> {
    key: &'s [u8],
    read: Key,
    above: Option<Above>,
    /// What key is expected behind it.
    next: Option<usize>,
    value: &'s [u8],
    look: Look,
}

impl<'s> Column<'s> {
    fn is_settled(&self, value: Value<'s>) -> bool {
        matches!(self.look, Look::Nothing | Look::Unnamed) && self.value == value.raw()
    }
}

/// The columns of an array of objects, by their place: rows mostly have the same keys, and often the same values.
#[derive(Default)]
struct Columns<'s> {
    columns: Vec<Column<'s>>,
    /// They are those of the row before, all of them; none says anything of another, and nothing was in it.
    apart: bool,
}

/// The most columns that are remembered.
const REMEMBERED: usize = 64;

impl<'s> Columns<'s> {
    fn get(&mut self, place: usize, key: json::Key<'s>) -> Option<&mut Column<'s>> {
        self.columns.get_mut(place).filter(|column| column.key == key.value().raw())
    }

    /// Remembers a column, or that there is none to be remembered there and behind it.
    fn put(&mut self, place: usize, column: Option<Column<'s>>) {
        self.columns.truncate(place);
        if place == self.columns.len() && place < REMEMBERED {
            self.columns.extend(column);
        }
    }
}

impl<'s> Scan<'s> {
    fn value(&mut self, value: Value<'s>, heads: Option<&[Step<'s>]>) {
        self.element(value, heads, None);
    }

    /// The same of a value that may be one of several rows.
    fn element(&mut self, value: Value<'s>, heads: Option<&[Step<'s>]>, columns: Option<&mut Columns<'s>>) {
        if self.findings.count >= FINDINGS_MAX {
            self.effort.spend();
        }
        if self.effort.is_spent() || (self.whole)(value) {
            return;
        }
        if self.engine.has_paths() && self.own(value) {
            return;
        }
        match value.kind() {
            json::Kind::Object | json::Kind::Array if self.of_birth(value) => {}
            json::Kind::Object => self.object(value, heads, false, columns),
            json::Kind::Array => self.array(value, heads),
            json::Kind::String { .. } => self.string(value),
            json::Kind::Number => self.number(value),
            json::Kind::Null | json::Kind::Bool(_) => {}
        }
    }

    /// Takes the numbers of a date that is written in parts under the name of a birth date, as programs write theirs:
    /// `[1985, 4, 12]`, `{"year": 1985, "month": 4, "day": 12}`.
    fn of_birth(&mut self, value: Value<'s>) -> bool {
        if !self.path.last().is_some_and(|step| step.key.labels.names(Kind::DateOfBirth)) {
            return false;
        }
        let parts = value.elements().chain(value.entries().map(|(_, part)| part));
        let parts: Vec<Value<'s>> = parts.take(PARTS_MAX + 1).collect();
        let number = |part: &Value<'s>| match part.kind() {
            json::Kind::Number => part.as_i64(),
            json::Kind::String { .. } => part.as_str().filter(|text| text.len() <= 4)?.parse().ok(),
            _ => None,
        };
        let numbers: Vec<i64> = parts.iter().filter_map(number).collect();
        let years = numbers.iter().filter(|number| (1880..=2100).contains(*number)).count();
        if parts.len() > PARTS_MAX || years != 1 || !numbers.iter().any(|number| (1..=31).contains(number)) {
            return false;
        }
        for part in parts {
            match (number(&part), part.kind()) {
                (None, _) => self.element(part, None, None),
                (Some(_), kind) => {
                    let place = if kind == json::Kind::Number { Place::Number } else { Place::Text };
                    let end = part.as_str().map_or(part.spelling().len(), |text| text.len());
                    self.keep(part, part, place, vec![Span { start: 0, end, kind: Kind::DateOfBirth }]);
                }
            }
        }
        true
    }

    /// Takes a whole string or number that stands where an own type says.
    fn own(&mut self, value: Value<'s>) -> bool {
        let path: Vec<&str> = self.path.iter().map(|step| &*step.text).collect();
        let Some(kind) = self.engine.own_at(&path) else {
            return false;
        };
        let (place, length) = match value.kind() {
            json::Kind::String { .. } => (Place::Text, value.as_str().map_or(0, |text| text.len())),
            json::Kind::Null => return false,
            // Whatever it is: a flag or a whole object too.
            _ => (Place::Number, value.raw().len()),
        };
        if length > 0 {
            self.keep(value, value, place, vec![Span { start: 0, end: length, kind }]);
        }
        true
    }

    /// What a key says.
    fn read(&mut self, key: &str) -> Key {
        let read = self.keys.read(&self.engine.known, key);
        let fresh = self.keys.fresh();
        if fresh > 0 {
            self.effort.take(Work::Key, fresh);
        }
        read
    }

    fn step(&mut self, text: Cow<'s, str>) -> Step<'s> {
        let key = self.read(oid(&text).or_else(|| coded(&text)).unwrap_or(&text));
        Step { text: text.into(), key }
    }

    /// Under what columns rows in it stand; `row`: it holds the cells of one; `columns`: it is itself one of several.
    fn object(
        &mut self,
        object: Value<'s>,
        above: Option<&[Step<'s>]>,
        row: bool,
        mut columns: Option<&mut Columns<'s>>,
    ) {
        if columns.as_deref_mut().is_some_and(|columns| self.has_nothing(object, columns)) {
            return;
        }
        let mut roles = Roles::default();
        let first = self.row.len();
        // What has nothing, whatever stands beside it, is done with as soon as its key is read: most values of most objects.
        let (mut count, mut done, mut unnamed) = (0, 0u64, 0u64);
        let (mut asks, mut spans, mut found) = (Asks::Nothing, Vec::new(), Vec::new());
        for (place, (key, value)) in object.entries().enumerate() {
            let (key, look) = self.entry(object, (place, key), value, columns.as_deref_mut(), &mut spans);
            roles.add(place, key);
            self.row.push(key);
            count += 1;
            let bit = 1u64.checked_shl(place as u32).unwrap_or(0);
            match look {
                Look::Nothing => done |= bit,
                Look::Unnamed => unnamed |= bit,
                Look::Found => found.push((place, std::mem::take(&mut spans))),
                Look::Open => {}
            }
            if key.is(Role::Value) && look != Look::Nothing {
                let is_short = look == Look::Unnamed && numbers::is_unsaid(value.spelling().len());
                asks = asks.max(if is_short { Asks::Accused } else { Asks::Anything });
            }
        }
        if let Some(columns) = columns {
            let asks = roles.names && roles.values || roles.media || roles.heads;
            let is_whole = count == columns.columns.len();
            columns.apart = is_whole && !asks && (done | unnamed).count_ones() as usize == count;
        }
        if self.effort.is_spent() {
            self.row.truncate(first);
            return;
        }
        let name = if roles.names && roles.values { self.pair_name(object, first, asks) } else { None };
        if name.is_none() && !roles.media && (done | unnamed).count_ones() as usize == count {
            self.row.truncate(first);
            return;
        }
        let own =
            if roles.heads && object.entries().any(|(_, value)| has_rows(value)) { self.columns(object) } else { None };
        let heads = own.as_deref().or(above);
        let mut found = found.into_iter().peekable();
        for (place, (key, value)) in object.entries().enumerate() {
            let has = |places: u64| places.checked_shr(place as u32).unwrap_or(0) & 1 == 1;
            let read = self.row.get(first + place).copied().unwrap_or_default();
            let is_said = read.is(Role::Value) && name.is_some() || read.is(Role::Blob) && roles.media;
            let mut spans = found.next_if(|(at, _)| *at == place).map(|(_, spans)| spans).unwrap_or_default();
            if has(done) || has(unnamed) && !is_said {
                continue;
            }
            // A text that might have had a name is looked at now that it has none.
            let is_new = !is_said && !read.is_alone() && spans.is_empty();
            if is_new && self.look(&read, value, true, &mut spans, &mut None) == Look::Nothing {
                continue;
            }
            self.effort.take(Work::Entry, 1);
            let step = Step { text: key.text().into(), key: read };
            if !is_said && !spans.is_empty() {
                let place = if value.kind() == json::Kind::Number { Place::Number } else { Place::Text };
                if !(self.whole)(value) {
                    self.path.push(step);
                    self.keep(value, value, place, spans);
                    self.path.pop();
                }
                continue;
            }
            self.key(key.value(), value, &step);
            let depth = self.path.len();
            // `{"id": 7, "name": "ssn", "value": …}`: a number of its own where something else holds the value.
            let is_value = step.key.is(Role::Value) && !(roles.holder && step.key.is(Role::Id));
            let encoded = roles.media && step.key.is(Role::Blob);
            self.path.push(step);
            if is_value {
                self.path.extend(name.clone());
            }
            match heads.filter(|heads| row && are_cells(value, heads.len())) {
                Some(heads) => self.cells(value, heads),
                None if encoded => self.encoded(value),
                None => self.value(value, heads),
            }
            self.path.truncate(depth);
        }
        self.row.truncate(first);
    }

    /// Whether one of several rows has the same keys as the one before and nothing in it, told by the first look.
    fn has_nothing(&mut self, row: Value<'s>, columns: &mut Columns<'s>) -> bool {
        if !columns.apart {
            return false;
        }
        let (mut count, mut next, mut spans) = (0, None, Vec::new());
        for (place, (key, value)) in row.entries().enumerate() {
            let Some(column) = columns.get(place, key) else { return false };
            if matches!(self.look_again(column, value, &mut spans), Look::Found | Look::Open) {
                return false;
            }
            (count, next) = (count + 1, column.next);
        }
        self.keys.expect(next);
        count == columns.columns.len()
    }

    /// A first look at a value under a key that was read: at one that had nothing in the row before, none.
    fn look_again(&self, column: &mut Column<'s>, value: Value<'s>, spans: &mut Vec<Span>) -> Look {
        if !column.is_settled(value) {
            column.look = self.look(&column.read, value, column.read.is_alone(), spans, &mut column.above);
            column.value = value.raw();
        }
        column.look
    }

    /// What the key of an entry says, and a first look at its value.
    fn entry(
        &mut self,
        object: Value<'s>,
        (place, key): (usize, json::Key<'s>),
        value: Value<'s>,
        mut columns: Option<&mut Columns<'s>>,
        spans: &mut Vec<Span>,
    ) -> (Key, Look) {
        if let Some(column) = columns.as_mut().and_then(|columns| columns.get(place, key)) {
            self.keys.expect(column.next);
            return (column.read, self.look_again(column, value, spans));
        }
        let text = key.text();
        let another = of_another(object, &text);
        let read = self.read(another.unwrap_or(&text));
        let mut above = None;
        let look = self.look(&read, value, read.is_alone(), spans, &mut above);
        if let Some(columns) = columns {
            let (key, next, value) = (key.value().raw(), self.keys.expected(), value.raw());
            let column = Column { key, read, above, next, value, look };
            columns.put(place, Some(column).filter(|_| !may_be_of_another(&text)));
        }
        (read, look)
    }

    /// A first look at a value: at what is simple, under a key that is a word. `alone`: nothing beside it names it or says
    /// how it is encoded; `above`: what this key and those above say, once it is known.
    fn look(&self, key: &Key, value: Value<'s>, alone: bool, spans: &mut Vec<Span>, above: &mut Option<Above>) -> Look {
        if !key.is(Role::Word) || self.engine.has_paths() || self.effort.is_spent() {
            return Look::Open;
        }
        let read = || Above::read(std::iter::once(key).chain(self.path.iter().rev().map(|step| &step.key)));
        let mut above = || *above.get_or_insert_with(read);
        *spans = match value.kind() {
            json::Kind::Null | json::Kind::Bool(_) => return Look::Nothing,
            json::Kind::Number => self.engine.scan_number(value.spelling(), above, self.effort),
            json::Kind::String { escaped: false, .. } if alone => match value.as_str() {
                Some(text) if !looks_nested(&text) => self.engine.scan_under(&text, &above(), self.effort),
                _ => return Look::Open,
            },
            _ => return Look::Open,
        };
        match (spans.is_empty(), alone) {
            (true, true) => Look::Nothing,
            (true, false) => Look::Unnamed,
            (false, _) => Look::Found,
        }
    }

    fn array(&mut self, array: Value<'s>, heads: Option<&[Step<'s>]>) {
        let own = if heads.is_none() { self.first_row(array) } else { None };
        let heads = own.as_deref().or(heads);
        let count = heads.map_or(0, <[_]>::len);
        // Objects of one array mostly have the same keys.
        let mut elements = array.elements();
        let several = elements.next().is_some_and(Value::is_object) && elements.next().is_some_and(Value::is_object);
        let (start, before) = if several { self.keys.begin() } else { (0, None) };
        let mut columns = several.then(Columns::default);
        let mut after = None;
        let mut option = None;
        for (place, element) in array.elements().enumerate() {
            if several && place > 0 {
                after = after.max(self.keys.expected());
                self.keys.expect(Some(start));
            }
            match heads {
                Some(heads) if element.is_array() => self.cells(element, heads),
                Some(heads) if wraps_cells(element, count) => self.object(element, Some(heads), true, None),
                _ if element.is_array()
                    && let Some(name) = self.pair(element) =>
                {
                    let depth = self.path.len();
                    self.path.push(name);
                    element.elements().skip(1).for_each(|value| self.value(value, None));
                    self.path.truncate(depth);
                }
                _ if let Some(name) = option.take() => {
                    let depth = self.path.len();
                    self.path.push(name);
                    self.value(element, None);
                    self.path.truncate(depth);
                }
                _ => {
                    option = self.option(element);
                    self.element(element, None, columns.as_mut());
                }
            }
        }
        if several {
            self.keys.expect(before.and(after));
        }
    }

    /// The cells of one row, each under its column; of a name and a value, the value under both.
    fn cells(&mut self, row: Value<'s>, heads: &[Step<'s>]) {
        let mut name = None;
        for (place, cell) in row.elements().enumerate() {
            let depth = self.path.len();
            let head = heads.get(place);
            self.path.extend(head.cloned());
            if head.is_some_and(|head| head.key.is(Role::Value) && !head.key.labels.tells()) {
                self.path.extend(name.clone());
            }
            self.value(cell, None);
            self.path.truncate(depth);
            if name.is_none() && head.is_some_and(|head| head.key.is(Role::Names)) {
                name = cell.as_str().filter(|text| is_name(text)).map(|text| self.step(text));
            }
        }
    }

    /// The name in an array of a name and its value: `["ssn", "…"]`. What only names a secret has to have a value that
    /// is no name itself.
    fn pair(&mut self, pair: Value<'s>) -> Option<Step<'s>> {
        let mut elements = pair.elements();
        let (first, second) = (elements.next()?, elements.next()?);
        if elements.next().is_some() || !is_short(&first) || second.is_object() {
            return None;
        }
        let name = first.as_str().filter(|text| is_name(text))?;
        let is_word =
            |text: Cow<'_, str>| text.bytes().all(|byte| byte.is_ascii_alphabetic() || matches!(byte, b'_' | b' '));
        (!second.as_str().is_some_and(is_word)).then(|| self.step(name))
    }

    /// `--api-key`: the name of the argument that follows.
    fn option(&mut self, element: Value<'s>) -> Option<Step<'s>> {
        if !element.raw().starts_with(b"\"-") || !is_short(&element) {
            return None;
        }
        let name = element.as_str().filter(|text| is_name(text))?;
        (!name.contains(['=', ' '])).then(|| self.step(name))
    }

    fn string(&mut self, value: Value<'s>) {
        let Some(text) = value.as_str() else {
            return;
        };
        if self.nested < NESTED_MAX && looks_nested(&text) {
            let bounds = Bounds { depth_max: 64, ..Bounds::default() };
            if let Ok(document) = Document::parse(Bytes::copy_from_slice(text.as_bytes()), &bounds) {
                return self.nested(value, document);
            }
        }
        let spans = self.engine.scan_under(&text, &self.above(), self.effort);
        self.keep(value, value, Place::Text, spans);
    }

    /// Base64 of a text, as in `blob`; of what is no text, what begins as images and sound do is left alone, and all else
    /// is read as it stands.
    fn encoded(&mut self, value: Value<'s>) {
        let text = value.as_str().unwrap_or_default();
        let decoded = STANDARD.decode(text.as_bytes()).ok();
        let is_text = |decoded: &Vec<u8>| charset::wide_of(decoded).is_some() || std::str::from_utf8(decoded).is_ok();
        if decoded.as_ref().is_some_and(|decoded| !is_text(decoded)) && is_binary(&text) {
            return;
        }
        let decoded = decoded.filter(|_| self.nested < NESTED_MAX).and_then(charset::read);
        let Some((decoded, charset)) = decoded else { return self.value(value, None) };
        // As one string, so that JSON in it is followed like JSON in any other.
        match Document::reread(json::string(&decoded)) {
            Ok(document) => self.within(value, document, |within| Content::Encoded(within, charset)),
            Err(_) => self.effort.spend(),
        }
    }

    fn nested(&mut self, value: Value<'s>, document: Document) {
        self.within(value, document, Content::Nested);
    }

    fn within(
        &mut self,
        value: Value<'s>,
        document: Document,
        content: impl FnOnce(Box<(Document, Findings)>) -> Content,
    ) {
        self.effort.take(Work::Above, self.path.len());
        let findings = {
            let mut inner = Scan {
                engine: self.engine,
                findings: Findings::default(),
                path: self.path.iter().cloned().collect(),
                nested: self.nested + 1,
                whole: self.whole,
                keys: std::mem::take(&mut self.keys),
                row: std::mem::take(&mut self.row),
                effort: self.effort,
            };
            inner.value(document.root(), None);
            (self.keys, self.row) = (inner.keys, inner.row);
            inner.findings
        };
        if findings.count > 0 {
            self.findings.count += findings.count;
            let content = content(Box::new((document, findings)));
            let node = value.place().1;
            let (depth, under_text) = self.under();
            self.findings.leaves.push(Leaf { node, entry: node, place: Place::Text, depth, under_text, content });
        }
    }

    fn number(&mut self, value: Value<'s>) {
        let spans = self.engine.scan_number(value.spelling(), || self.above(), self.effort);
        self.keep(value, value, Place::Number, spans);
    }

    fn key(&mut self, key: Value<'s>, value: Value<'s>, step: &Step<'s>) {
        // A key that is a word cannot be a value.
        if step.key.is(Role::Word) {
            return;
        }
        let spans = self.engine.scan_text_within(&step.text, &Context::default(), self.effort);
        self.keep(key, value, Place::Key, spans);
    }

    /// What the keys above say.
    fn above(&self) -> Above {
        Above::read(self.path.iter().rev().map(|step| &step.key))
    }

    fn keep(&mut self, node: Value<'s>, entry: Value<'s>, place: Place, spans: Vec<Span>) {
        if spans.is_empty() {
            return;
        }
        self.effort.take(Work::Kept, 1);
        self.findings.count += spans.len();
        let content = Content::Spans(spans);
        let (depth, under_text) = self.under();
        self.findings.leaves.push(Leaf {
            node: node.place().1,
            entry: entry.place().1,
            place,
            depth,
            under_text,
            content,
        });
    }

    /// `{"columns": ["id", "ssn"], "rows": [[1, …]]}`, or columns that are objects with a name; perhaps in a schema.
    fn columns(&mut self, object: Value<'s>) -> Option<Vec<Step<'s>>> {
        let heads = self.heads(object, HEADS_DEPTH)?;
        let name = |head: Value<'s>| {
            const HEAD: &[&str] =
                &["name", "label", "field", "title", "columnname", "header", "displayname", "id", "key"];
            let names = || {
                let named = head.entries().take(PAIRS_MAX).filter(|(key, _)| above::is_in(&key.text(), HEAD));
                named.filter_map(|(_, name)| name.as_str())
            };
            head.as_str().or_else(|| names().find(|text| is_name(text))).or_else(|| names().next())
        };
        Some(heads.elements().take(COLUMNS_MAX).map(|head| self.step(name(head).unwrap_or_default())).collect())
    }

    /// The array that names columns.
    fn heads(&mut self, object: Value<'s>, depth: usize) -> Option<Value<'s>> {
        let is_head = |scan: &mut Self, key: json::Key<'s>| scan.read(&key.text()).is(Role::Heads);
        for (key, value) in object.entries().take(PAIRS_MAX) {
            let inner = match value.kind() {
                json::Kind::Array if !has_rows(value) && is_head(self, key) => return Some(value),
                json::Kind::Object if depth > 0 && is_head(self, key) => self.heads(value, depth - 1),
                _ => None,
            };
            if inner.is_some() {
                return inner;
            }
        }
        None
    }

    /// The first of an array of arrays, if it names columns.
    fn first_row(&mut self, array: Value<'s>) -> Option<Vec<Step<'s>>> {
        let mut rows = array.elements();
        let (first, second) = (rows.next()?, rows.next()?);
        if !first.is_array() || !second.is_array() {
            return None;
        }
        let is_head = |text: &Cow<'_, str>| text.len() <= 64 && !text.bytes().any(|byte| byte.is_ascii_digit());
        let heads: Option<Vec<_>> =
            first.elements().map(|cell| cell.as_str().filter(is_head).map(|text| self.step(text))).collect();
        // Names and values: most of the next rows have a name too.
        let pairs = || {
            let names = |row: Value<'s>| row.elements().next().and_then(Value::as_str);
            let named = |row: &Value<'s>| names(*row).is_some_and(|text| is_head(&text) && is_name(&text));
            let next = || array.elements().skip(1).take(ROWS_ASKED);
            first.elements().take(3).count() == 2 && 2 * next().filter(named).count() >= next().count()
        };
        heads.filter(|heads| heads.iter().any(|head| head.key.labels.tells()) && !pairs())
    }

    /// The name of a name and value pair: `{"type": "passport", "number": "…"}`, if the values ask for one.
    fn pair_name(&mut self, object: Value<'s>, first: usize, asks: Asks) -> Option<Step<'s>> {
        let speaks = |text: &Cow<'_, str>| labels::all(text).accuses() || above::promises(text);
        let asks = match asks {
            Asks::Nothing => false,
            Asks::Accused => self.names(object, first).any(|text| speaks(&text)),
            Asks::Anything => true,
        };
        let found = if asks { self.names(object, first).find(|text| is_name(text)) } else { None };
        found.map(|found| self.step(found))
    }

    /// Everything that may be such a name.
    fn names(&self, object: Value<'s>, first: usize) -> impl Iterator<Item = Cow<'s, str>> {
        let row = self.row.get(first..).unwrap_or_default();
        let all = object.entries().zip(row).take(PAIRS_MAX).flat_map(move |((_, value), key)| {
            // `"loc": ["body", "ssn"]`: the last of several is the name.
            let last = if key.is(Role::Names) { value.elements().last().unwrap_or(value) } else { value };
            let name = Some(last).filter(|last| key.is(Role::Names) && is_short(last));
            // FHIR: `"type": {"text": "…"}`; others: `"question": {"title": "…"}`.
            let inner = Some(value).filter(|value| name.is_none() && key.is(Role::Names) && value.is_object());
            let is_inner = |inner: &str| key.is(Role::Type) || above::is_in(inner, INNER);
            let inner = inner.into_iter().flat_map(|value| value.entries().take(PAIRS_MAX));
            // `"type": {"coding": [{"code": "MR", "display": "…"}]}`
            let coded = Some(value).filter(|value| key.is(Role::Type) && value.is_object());
            let coding = coded.into_iter().flat_map(|value| value.entries().take(PAIRS_MAX));
            let coding = coding.filter(|(inner, _)| above::is_in(&inner.text(), &["coding"]));
            let codes =
                coding.flat_map(|(_, all)| all.elements().take(2)).flat_map(|code| code.entries().take(PAIRS_MAX));
            let codes = codes.filter(|(inner, _)| above::is_in(&inner.text(), &["code", "display"]));
            name.into_iter()
                .chain(inner.filter(move |(inner, _)| is_inner(&inner.text())).map(|(_, text)| text))
                .chain(codes.map(|(_, text)| text))
        });
        all.filter(is_short).filter_map(Value::as_str).filter(|text| text.len() <= PAIR_MAX)
    }

    /// How many keys are above, and whether the nearest is `text`.
    fn under(&self) -> (usize, bool) {
        (self.path.len(), self.path.last().is_some_and(|step| &*step.text == "text"))
    }
}

/// What a key is called in full where another beside it tells that it is of no person: the account of a cloud beside the
/// name of a resource, the policy of a vehicle beside its number.
fn of_another(object: Value<'_>, key: &str) -> Option<&'static str> {
    if !may_be_of_another(key) {
        return None;
    }
    let has = |names: &[&str]| object.entries().take(PAIRS_MAX).any(|(key, _)| above::is_in(&key.text(), names));
    if key.starts_with("policy") {
        has(&["vin", "licenseplate", "plate", "vehicle", "registrationnumber"]).then_some("contract number")
    } else {
        has(&["arn"]).then_some("aws account")
    }
}

/// Whether what a key says depends on those beside it.
fn may_be_of_another(key: &str) -> bool {
    matches!(key, "Account" | "account" | "AccountId" | "accountId") || key.starts_with("policy")
}

/// Whether a string is short enough to be a name: six bytes of an escape may be one of the text.
fn is_short(value: &Value<'_>) -> bool {
    value.range().len() <= 6 * PAIR_MAX + 2 && matches!(value.kind(), json::Kind::String { .. })
}

/// Whether a text says what a value beside it is.
fn is_name(text: &str) -> bool {
    text.len() <= PAIR_MAX
        && match text.strip_prefix("urn:oid:") {
            Some(_) => oid(text).is_some(),
            None => coded(text).is_some() || labels::tells(text) || secrets::promises(text),
        }
}

/// What the types of identifiers of HL7 are called (table 0203) that are no words.
fn coded(text: &str) -> Option<&'static str> {
    const CODES: &[(&str, &str)] = &[
        ("MR", "mrn"),
        ("SS", "ssn"),
        ("DL", "driver license"),
        ("PPN", "passport"),
        ("MB", "member id"),
        ("SB", "ssn"),
        ("DRIVERS", "driver license"),
        ("DRIVING_LICENSE", "driver license"),
        ("DRIVING_LICENCE", "driver license"),
    ];
    CODES.iter().find(|(code, _)| *code == text).map(|(_, name)| *name)
}

/// What the number of a register of persons is called that an object identifier names, where FHIR has one.
fn oid(text: &str) -> Option<&'static str> {
    register(text.strip_prefix("urn:oid:")?)
}

/// The same of the identifier itself, as documents in XML have it.
pub fn register(number: &str) -> Option<&'static str> {
    const REGISTERS: &[(&str, &str)] = &[
        ("2.16.840.1.113883.4.1", "ssn"),
        ("2.16.840.1.113883.4.6", "npi"),
        ("2.16.840.1.113883.4.927", "mbi"),
        ("2.16.840.1.113883.2.1.4.1", "nhs number"),
        ("2.16.840.1.113883.2.4.6.3", "bsn"),
        ("2.16.756.5.32", "ahv"),
        ("2.16.756.5.31", "ahv"),
        ("2.16.578.1.12.4.1.4.1", "fodselsnummer"),
        ("2.16.578.1.12.4.1.4.2", "d nummer"),
        ("1.2.752.129.2.1.3.1", "personnummer"),
        ("1.2.246.21", "hetu"),
        ("1.2.208.176.1.2", "cpr"),
        ("2.16.840.1.113883.2.9.4.3.2", "codice fiscale"),
        ("1.2.250.1.213.1.4.8", "nir"),
        ("1.2.250.1.213.1.4.10", "nir"),
        ("2.16.840.1.113883.13.237", "cpf"),
    ];
    REGISTERS.iter().find(|(known, _)| *known == number).map(|(_, name)| *name)
}

/// Whether a value has rows of cells, itself or in one of its entries.
fn has_rows(value: Value<'_>) -> bool {
    let first = |value: Value<'_>| {
        value.elements().next().is_some_and(|row| row.is_array() || row.is_object() && wraps_any_cells(row))
    };
    first(value) || value.is_object() && value.entries().take(ROW_MAX).any(|(_, value)| first(value))
}

/// Whether an entry of a row is an array of cells.
fn wraps_any_cells(row: Value<'_>) -> bool {
    row.entries().take(ROW_MAX).any(|(_, cells)| cells.is_array())
}

/// Whether an object holds the cells of a row with so many: `{"f": [{"v": …}]}`.
fn wraps_cells(row: Value<'_>, count: usize) -> bool {
    row.is_object() && row.entries().take(ROW_MAX).any(|(_, cells)| are_cells(cells, count))
}

/// Whether an array has so many elements.
fn are_cells(cells: Value<'_>, count: usize) -> bool {
    cells.is_array() && cells.elements().take(count + 1).count() == count
}

/// Whether base64 begins as images, sound and documents do.
fn is_binary(base64: &str) -> bool {
    const MAGIC: &[&[u8]] = &[
        b"\x89PNG",
        b"\xFF\xD8\xFF",
        b"GIF8",
        b"RIFF",
        b"OggS",
        b"fLaC",
        b"ID3",
        b"\xFF\xFB",
        b"\xFF\xF1",
        b"%PDF",
        b"PK\x03\x04",
        b"\x1F\x8B",
        b"wOFF",
        b"wOF2",
        b"\0\0\0",
    ];
    let head = base64.as_bytes().get(..8).and_then(|head| STANDARD.decode(head).ok()).unwrap_or_default();
    MAGIC.iter().any(|magic| head.starts_with(magic))
}

/// Whether a string may be a document of its own.
fn looks_nested(text: &str) -> bool {
    let text = text.trim_ascii();
    matches!((text.bytes().next(), text.bytes().next_back()), (Some(b'{'), Some(b'}')) | (Some(b'['), Some(b']')))
}

/// Rewrites what `decide` says. Only what is edited changes: neighbours, numbers and key order stay as they are
/// spelled, in nested documents too unless an entry is dropped from one.
pub fn rewrite(document: &Document, findings: &Findings, mut decide: impl FnMut(&Finding<'_>) -> Edit) -> Patches {
    rewrite_with(document, findings, &mut decide).0
}

/// The patches, and whether something is dropped.
fn rewrite_with(
    document: &Document,
    findings: &Findings,
    decide: &mut dyn FnMut(&Finding<'_>) -> Edit,
) -> (Patches, bool) {
    let mut patches = Patches::default();
    let mut drops = false;
    let mut keys = 0;
    for leaf in &findings.leaves {
        let node = document.at(leaf.node);
        match change(document, leaf, decide) {
            Change::None => {}
            Change::Text(mut text) => {
                if leaf.place == Place::Key {
                    // Two keys that become one would make the object ambiguous.
                    keys += 1;
                    if keys > 1 {
                        text = format!("{text}_{keys}");
                    }
                }
                patches.replace(node, json::string(&text));
            }
            Change::Json(json) => patches.replace(node, json),
            Change::Drop => {
                drops = true;
                patches.remove(document.at(leaf.entry));
            }
        }
    }
    (patches, drops)
}

enum Change {
    None,
    Text(String),
    Json(Vec<u8>),
    Drop,
}

fn change(document: &Document, leaf: &Leaf, decide: &mut dyn FnMut(&Finding<'_>) -> Edit) -> Change {
    let spans = match &leaf.content {
        Content::Nested(nested) => return within(&nested.0, &nested.1, decide).map_or(Change::None, Change::Text),
        Content::Encoded(nested, charset) => {
            // The document is one string; without it, an empty one is left.
            let (patches, drops) = rewrite_with(&nested.0, &nested.1, decide);
            if patches.is_empty() {
                return Change::None;
            }
            let text = nested.0.write(&patches);
            let read = Document::parse(text, &Bounds::default()).ok();
            let text =
                read.as_ref().filter(|_| !drops).and_then(|document| document.root().as_str()).unwrap_or_default();
            return Change::Text(STANDARD.encode(charset::write(&text, *charset)));
        }
        Content::Spans(spans) => spans,
    };
    let text = leaf.text(document);
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    let mut changed = false;
    for span in spans {
        match decide(&leaf.finding(&text, *span)) {
            Edit::Keep => {}
            Edit::Replace(replacement) => {
                out.push_str(text.get(at..span.start).unwrap_or_default());
                out.push_str(&replacement);
                at = span.end;
                changed = true;
            }
            Edit::Json(json) if leaf.place != Place::Key => return Change::Json(json),
            Edit::Json(_) | Edit::Drop => return Change::Drop,
        }
    }
    out.push_str(text.get(at..).unwrap_or_default());
    if changed { Change::Text(out) } else { Change::None }
}

/// A nested document rewritten; `None` when nothing changes.
pub fn within(
    document: &Document,
    findings: &Findings,
    decide: &mut dyn FnMut(&Finding<'_>) -> Edit,
) -> Option<String> {
    let (patches, _) = rewrite_with(document, findings, decide);
    if patches.is_empty() {
        return None;
    }
    String::from_utf8(document.write_in_place(&patches)).ok()
}
