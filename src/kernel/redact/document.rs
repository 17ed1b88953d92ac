//! Sensitive data in JSON: every text, number and key of a value, and rewriting in place.
//!
//! A text that is JSON itself is read as such, to a depth; one that is base64 of text, under `blob` or `data`, is read
//! decoded. Own types by path are matched here, since only here the path is known: by its end, so that one path fits
//! arguments, results and texts that are JSON alike.
use super::{Context, Engine, Kind, OwnRule, Span};
use crate::kernel::json::{Bounds, Document, Kind as Json, Patches, Value, string};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::borrow::Cow;
use std::collections::BTreeSet;

/// How deep texts that are JSON, or base64 of text, are read one within the other.
const TEXTS_MAX: usize = 8;
/// Most keys above a value that labels are read from: the innermost.
const KEYS_MAX: usize = 16;

/// Something that was found.
#[derive(Clone, Copy, Debug)]
pub struct Finding<'a> {
    /// What.
    pub kind: Kind,
    /// As it is written, decoded from JSON.
    pub text: &'a str,
}

/// What is to become of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Edit {
    /// It stays.
    Keep,
    /// This stands in its place.
    Replace(String),
    /// It goes, and where there is nothing else in the text, its field or element with it.
    Drop,
}

/// Where a value stands: a step from the one around it. Lives on the stack, so that the way down allocates nothing.
#[derive(Clone, Copy)]
struct Step<'s> {
    name: Name<'s>,
    /// What it is called, if it is called something.
    label: Option<&'s str>,
    above: Option<&'s Step<'s>>,
}

#[derive(Clone, Copy)]
enum Name<'s> {
    Key(&'s str),
    Place(usize),
}

impl Step<'_> {
    fn is(&self, step: &str) -> bool {
        step == "*"
            || match self.name {
                Name::Key(key) => key == step,
                Name::Place(place) => step.parse() == Ok(place),
            }
    }
}

/// Looks through one value.
struct Pass<'e, 'd> {
    engine: &'e Engine,
    /// Own types are found by path.
    paths: bool,
    depth: usize,
    whole: &'d dyn Fn(Value<'_>) -> bool,
    decide: &'d mut dyn FnMut(Finding<'_>) -> Edit,
}

type At<'s> = Option<&'s Step<'s>>;

impl Engine {
    /// Edits `value` and everything below it, but for the values that `whole` holds for. `decide` is asked about each
    /// finding once, in the order of the text. Nothing else changes.
    pub fn edit(
        &self,
        value: Value<'_>,
        whole: &dyn Fn(Value<'_>) -> bool,
        decide: &mut dyn FnMut(Finding<'_>) -> Edit,
        patches: &mut Patches,
    ) {
        let paths = self.own().iter().any(|own| matches!(own.rule, OwnRule::Path(_)));
        Pass { engine: self, paths, depth: 0, whole, decide }.value(value, None, patches);
    }

    fn at_path(&self, at: At<'_>) -> Option<Kind> {
        let stands = |steps: &[String]| {
            let mut at = at;
            steps.iter().rev().all(|step| {
                at.take().is_some_and(|here| {
                    at = here.above;
                    here.is(step)
                })
            })
        };
        let place = self.own().iter().position(|own| matches!(&own.rule, OwnRule::Path(steps) if stands(steps)));
        place.and_then(|place| u16::try_from(place).ok()).map(Kind::Own)
    }
}

impl Pass<'_, '_> {
    fn value(&mut self, value: Value<'_>, at: At<'_>, patches: &mut Patches) {
        if (self.whole)(value) {
            return;
        }
        if self.paths
            && let Some(kind) = self.engine.at_path(at)
        {
            let text = value.as_str().unwrap_or_else(|| String::from_utf8_lossy(value.raw()));
            match (self.decide)(Finding { kind, text: &text }) {
                Edit::Keep => {}
                Edit::Replace(other) => return patches.replace(value, string(&other)),
                Edit::Drop => return patches.remove(value),
            }
        }
        let rewritten = match value.kind() {
            Json::Object => return self.object(value, at, patches),
            Json::Array => return self.array(value, at, patches),
            Json::String { .. } => self.text(&value.as_str().unwrap_or_default(), at),
            Json::Number => self.plain(std::str::from_utf8(value.raw()).unwrap_or_default(), at),
            Json::Null | Json::Bool(_) => None,
        };
        match rewritten {
            Some(Rewritten::Text(other)) => patches.replace(value, string(&other)),
            Some(Rewritten::Gone) => patches.remove(value),
            None => {}
        }
    }

    fn object(&mut self, object: Value<'_>, at: At<'_>, patches: &mut Patches) {
        let mut named = None;
        let mut columns = None;
        let mut media = false;
        for (key, value) in object.entries() {
            match key.value().raw() {
                // `{"name": "card", "value": "4111…"}`: the name is the label.
                br#""name""# | br#""key""# | br#""field""# | br#""label""# => named = named.or_else(|| value.as_str()),
                // `{"columns": [...], "rows": [[...]]}`: so are the columns.
                br#""columns""# | br#""headers""# | br#""header""# | br#""fields""# => {
                    columns = columns.or_else(|| texts(value));
                }
                br#""mimeType""# => media = true,
                _ => {}
            }
        }
        let mut taken: Option<BTreeSet<String>> = None;
        for (key, value) in object.entries() {
            let text = key.text();
            match self.plain(&text, at) {
                Some(Rewritten::Text(other)) => {
                    // Two keys may become one: they are told apart again.
                    let all = || object.entries().map(|(key, _)| key.text().into_owned()).collect();
                    let taken = taken.get_or_insert_with(all);
                    let mut name = other.clone();
                    let mut number = 2_u32;
                    while !taken.insert(name.clone()) {
                        name = format!("{other} {number}");
                        number = number.saturating_add(1);
                    }
                    patches.replace(key.value(), string(&name));
                }
                Some(Rewritten::Gone) => {
                    patches.remove(value);
                    continue;
                }
                None => {}
            }
            let valued = matches!(&*text, "value" | "values" | "val" | "content" | "data");
            let label = named.as_deref().filter(|_| valued).unwrap_or(&text);
            let step = Step { name: Name::Key(&text), label: Some(label), above: at };
            match &columns {
                _ if media && matches!(&*text, "blob" | "data") => self.encoded(value, Some(&step), patches),
                Some(columns) if value.is_array() => self.rows(value, columns, Some(&step), patches),
                _ => self.value(value, Some(&step), patches),
            }
        }
    }

    fn array(&mut self, array: Value<'_>, at: At<'_>, patches: &mut Patches) {
        // A first row of names over rows of the same length.
        let mut rows = array.elements();
        let header = rows.next().filter(|row| row.is_array()).and_then(texts);
        let same = |row: Value<'_>, names: &[String]| row.is_array() && row.elements().count() == names.len();
        match header.filter(|names| rows.next().is_some_and(|row| same(row, names))) {
            Some(header) => self.rows(array, &header, at, patches),
            None => self.rows(array, &[], at, patches),
        }
    }

    /// Elements; where they are rows, theirs are labelled by columns.
    fn rows(&mut self, array: Value<'_>, columns: &[String], at: At<'_>, patches: &mut Patches) {
        for (place, row) in array.elements().enumerate() {
            let step = Step { name: Name::Place(place), label: None, above: at };
            if columns.is_empty() || !row.is_array() {
                self.value(row, Some(&step), patches);
                continue;
            }
            for (place, cell) in row.elements().enumerate() {
                let label = columns.get(place).map(String::as_str);
                self.value(cell, Some(&Step { name: Name::Place(place), label, above: Some(&step) }), patches);
            }
        }
    }

    /// Base64 of a text, as in `blob`; anything else is read as it stands.
    fn encoded(&mut self, value: Value<'_>, at: At<'_>, patches: &mut Patches) {
        let text = value.as_str().unwrap_or_default();
        let decoded = STANDARD.decode(text.as_bytes()).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        let Some(decoded) = decoded.filter(|decoded| !decoded.is_empty() && self.depth < TEXTS_MAX) else {
            // An image says nothing; what only claims to be one is read like any text.
            if !is_binary(&text) {
                self.value(value, at, patches);
            }
            return;
        };
        self.depth += 1;
        let rewritten = self.text(&decoded, at);
        self.depth -= 1;
        match rewritten {
            Some(Rewritten::Text(other)) => patches.replace(value, string(&STANDARD.encode(other))),
            Some(Rewritten::Gone) => patches.replace(value, string("")),
            None => {}
        }
    }

    /// A text, which may be JSON.
    fn text(&mut self, text: &str, at: At<'_>) -> Option<Rewritten> {
        if self.depth < TEXTS_MAX && text.trim_start().starts_with(['{', '[']) {
            let bounds = Bounds { bytes_max: text.len(), ..Bounds::default() };
            if let Ok(document) = Document::parse(text.as_bytes().to_vec().into(), &bounds) {
                let mut patches = Patches::default();
                self.depth += 1;
                self.value(document.root(), at, &mut patches);
                self.depth -= 1;
                let write = || String::from_utf8(document.write_in_place(&patches)).unwrap_or_default();
                return (!patches.is_empty()).then(|| Rewritten::Text(write()));
            }
        }
        self.plain(text, at)
    }

    /// A text that is no more than that.
    fn plain(&mut self, text: &str, at: At<'_>) -> Option<Rewritten> {
        let mut keys = [""; KEYS_MAX];
        let mut begin = KEYS_MAX;
        let mut above = at;
        while let Some(step) = above {
            if let Some(label) = step.label {
                let Some(slot) = begin.checked_sub(1).and_then(|place| keys.get_mut(place)) else { break };
                *slot = label;
                begin -= 1;
            }
            above = step.above;
        }
        let spans = self.engine.scan_text(text, &Context { path: keys.get(begin..).unwrap_or_default() });
        if spans.is_empty() {
            return None;
        }
        let mut out = String::with_capacity(text.len());
        let mut at = 0;
        let mut changed = false;
        for Span { start, end, kind } in spans {
            let (Some(before), Some(found)) = (text.get(at..start), text.get(start..end)) else { continue };
            out.push_str(before);
            match (self.decide)(Finding { kind, text: found }) {
                Edit::Keep => out.push_str(found),
                Edit::Replace(other) => {
                    changed = true;
                    out.push_str(&other);
                }
                Edit::Drop => changed = true,
            }
            at = end;
        }
        out.push_str(text.get(at..).unwrap_or_default());
        let gone = changed && out.trim().is_empty();
        changed.then_some(if gone { Rewritten::Gone } else { Rewritten::Text(out) })
    }
}

enum Rewritten {
    Text(String),
    Gone,
}

/// The texts of an array that has nothing else.
fn texts(array: Value<'_>) -> Option<Vec<String>> {
    let texts: Option<Vec<String>> = array.elements().map(|e| e.as_str().map(Cow::into_owned)).collect();
    texts.filter(|texts| array.is_array() && !texts.is_empty())
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
