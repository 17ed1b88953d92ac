//! Finds what is sensitive in texts and documents, and rewrites it in place.
//!
//! Numbers are told apart by what their issuers wrote down: checksums, ranges, lengths, group layouts. What
//! that leaves open is decided by the label a value stands under: a key, a column, a word beside it. There is
//! no expression per type; a [`view::View`] is prepared once (tricks undone), candidates are taken from it in
//! one pass each, and every family of recognisers says what it found and how sure it is.
//!
//! It holds that: a byte enters a recogniser a bounded number of times; a clean text costs no allocation; what
//! is replaced is never found again; nothing but what was found changes.

/// A table of what each byte is, worked out by the compiler; bytes that are not of ASCII are `else`.
macro_rules! of_bytes {
    ($at:ident => $value:expr, else $other:expr) => {{
        let mut table = [$other; 256];
        let mut $at = 0u8;
        while $at < 0x80 {
            #[allow(clippy::indexing_slicing, reason = "worked out by the compiler: out of bounds does not build")]
            let slot = &mut table[$at as usize];
            *slot = $value;
            $at += 1;
        }
        table
    }};
}

mod above;
mod bits;
mod chain;
mod charset;
mod checks;
mod contact;
pub mod cover;
pub mod document;
pub mod effort;
mod encoded;
mod evidence;
mod glance;
mod identity;
mod judge;
pub mod kind;
mod labelled;
pub mod labels;
mod lanes;
mod letters;
mod lexicon;
mod mrz;
pub mod numbers;
mod own;
mod payment;
mod reading;
pub mod secrets;
mod tables;
mod tail;
mod taken;
pub mod view;
mod wire;
mod words;

use above::Above;
pub use document::{Edit, Finding, Findings, Place, rewrite};
use effort::{Effort, Work};
use glance::Shape;
pub use kind::{Group, Kind};
use lanes::Traits;
pub use tail::{HELD_MAX, Tail};
use view::View;

/// Part of a text and what it is. Byte offsets, always on character boundaries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The first byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
    /// What stands there.
    pub kind: Kind,
}

/// What a recogniser found in the folded text of a [`View`]; the engine maps it back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// Offsets in [`View::folded`].
    pub span: Span,
    /// How sure it is, 0 to 100: 50 what its shape and label say, 70 a checksum and a label, 90 nothing else
    /// looks like this. Of two that overlap the surer one stays, then the longer.
    pub score: u8,
}

/// Where a text stands: the keys above it, outermost first. A column header or the name in a name and value
/// pair counts as the innermost key. Empty for a text that stands alone; words inside the text are read from
/// the view itself.
#[derive(Clone, Copy, Debug, Default)]
pub struct Context<'a> {
    /// Keys as they are spelled.
    pub path: &'a [&'a str],
}

impl<'a> Context<'a> {
    /// The innermost key.
    pub fn key(&self) -> Option<&'a str> {
        self.path.last().copied()
    }
}

/// An own type of the deployment.
#[derive(Clone, Debug)]
pub struct OwnType {
    /// Its name in reports, `SCREAMING_SNAKE_CASE`.
    pub name: String,
    /// Where policies find it besides its name.
    pub group: Option<Group>,
    /// How it is recognised.
    pub rule: OwnRule,
}

/// How an own type is recognised.
#[derive(Clone, Debug)]
pub enum OwnRule {
    /// A regular expression; its compiled size is bounded.
    Pattern(String),
    /// Whole words, whatever their case.
    Words(Vec<String>),
    /// The last keys on the way to a value, `*` for any one key or element: whatever stands there.
    Path(Vec<String>),
}

/// Why an own type cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// The pattern is not one, or compiles too large.
    Pattern(String),
    /// The pattern also fits the empty text.
    Empty,
    /// More types, words or keys than allowed.
    TooMany,
}

/// All recognisers, built in and own.
pub struct Engine {
    own: own::Own,
    /// Keys that are read already.
    known: above::Keys,
}

impl Engine {
    /// Built-in recognisers and those of the deployment; the place in `own` is the number in [`Kind::Own`].
    pub fn new(own: Vec<OwnType>) -> Result<Self, (usize, Flaw)> {
        own::Own::new(own).map(|own| Self { own, known: above::Keys::known(std::iter::empty()) })
    }

    /// Reads keys that documents are known to have, so that they are not read again in each. As many as fit: it changes
    /// what a scan costs, and nothing else.
    pub fn know<'k>(&mut self, keys: impl Iterator<Item = &'k str>) {
        self.known = above::Keys::known(keys);
    }

    /// The name of a kind, own types included.
    pub fn name(&self, kind: Kind) -> &str {
        match kind {
            Kind::Own(place) => self.own.get(place).map_or("OWN", |own| own.name.as_str()),
            built_in => built_in.name(),
        }
    }

    /// What is sensitive in a text, in order, without overlaps. Allocates nothing when the text is clean.
    pub fn scan_text(&self, text: &str, context: &Context<'_>) -> Vec<Span> {
        self.scan_text_within(text, context, &Effort::of(text.len()))
    }

    /// The same of a text that is part of something larger. If nothing is left to be done, it is [`Kind::Unread`] as a
    /// whole.
    pub fn scan_text_within(&self, text: &str, context: &Context<'_>, effort: &Effort) -> Vec<Span> {
        let found = self.scan_layers(text, &Above::of(context), LAYERS, effort);
        match effort.is_spent() && !text.trim_ascii().is_empty() {
            true => vec![Span { start: 0, end: text.len(), kind: Kind::Unread }],
            false => found,
        }
    }

    /// As [`Self::scan_text`], for a leaf of a document under keys that were read.
    fn scan_under(&self, text: &str, above: &Above, effort: &Effort) -> Vec<Span> {
        if above.wrapped && text.len() > WRAPPED_MAX {
            return self.scan_under(text, &Above { labels: labels::Labels::NONE, wrapped: false, ..*above }, effort);
        }
        let traits = Traits::of(text.as_bytes());
        if above.named.is_some() || self.own.has_patterns() {
            return self.scan_with(text, traits, above, LAYERS, effort);
        }
        let shape = if traits.nothing() { Shape::Numberless } else { glance::shape(text, traits, above.labels) };
        match shape {
            Shape::Harmless => Vec::new(),
            Shape::Numberless if !traits.tokens() && !secrets::calls(text, traits) => Vec::new(),
            Shape::Numberless => self.scan_with(text, traits.numberless(), above, LAYERS, effort),
            Shape::Any => self.scan_with(text, traits, above, LAYERS, effort),
        }
    }

    /// As [`Self::scan_under`], for a number of a document. One that is not whole is nothing.
    fn scan_number(&self, spelling: &str, above: impl FnOnce() -> Above, effort: &Effort) -> Vec<Span> {
        let Some(digits) = numbers::whole(spelling).filter(|digits| digits.len() >= NUMBER_MIN) else {
            return Vec::new();
        };
        let above = above();
        if above.named.is_none() && !numbers::may_be(digits.len(), above.labels) && !self.own.has_patterns() {
            return Vec::new();
        }
        let mut spans = self.scan_under(&digits, &above, effort);
        if digits.len() < spelling.len() {
            spans.truncate(1);
            spans.iter_mut().for_each(|span| (span.start, span.end) = (0, spelling.len()));
        }
        spans
    }

    /// Whether an own type goes by its path.
    pub fn has_paths(&self) -> bool {
        self.own.has_paths()
    }

    /// The own type whose path these keys are.
    fn own_at(&self, path: &[&str]) -> Option<Kind> {
        self.own.at(path)
    }

    fn scan_layers(&self, text: &str, above: &Above, layers: usize, effort: &Effort) -> Vec<Span> {
        self.scan_with(text, Traits::of(text.as_bytes()), above, layers, effort)
    }

    fn scan_with(&self, text: &str, mut traits: Traits, above: &Above, layers: usize, effort: &Effort) -> Vec<Span> {
        let view = if traits.fold() { View::new(text) } else { View::plain(text) };
        if view.is_folded() {
            effort.take(Work::Folded, view.steps());
            traits = Traits::of(view.folded().as_bytes());
        }
        let mut found = Vec::new();
        numbers::find(&view, traits, above, effort, &mut found);
        let encoded = secrets::find(&view, traits, above, effort, &mut found);
        self.own.find(&view, &mut found);
        if layers > 0 && encoded {
            encoded::find(self, &view, above, (layers, effort), &mut found);
        }
        if found.is_empty() {
            return Vec::new();
        }
        resolve(&mut found);
        let written = |found: Found| {
            let (start, end) = view.written(found.span.start, found.span.end);
            Span { start, end, ..found.span }
        };
        found.into_iter().map(written).collect()
    }
}

/// The longest text that may be the value that keys further away name.
const WRAPPED_MAX: usize = 64;

/// The fewest digits of a number of a document that is looked at.
const NUMBER_MIN: usize = 3;

/// How many encodings inside each other are undone.
const LAYERS: usize = 2;

/// Of findings that overlap the surest stays, then the longest; in order.
fn resolve(found: &mut Vec<Found>) {
    found.sort_unstable_by_key(|found| found.span.start);
    let apart = |pair: &[Found]| matches!(pair, [one, next] if one.span.end <= next.span.start);
    if found.windows(2).all(apart) {
        return;
    }
    found.sort_unstable_by_key(|found| {
        (std::cmp::Reverse(found.score), std::cmp::Reverse(found.span.end - found.span.start), found.span.start)
    });
    let mut taken = std::collections::BTreeMap::new();
    found.retain(|found| {
        let span = found.span;
        let clear = taken.range(..span.end).next_back().is_none_or(|(_, end)| *end <= span.start);
        if clear {
            taken.insert(span.start, span.end);
        }
        clear
    });
    found.sort_unstable_by_key(|found| found.span.start);
}

#[cfg(test)]
#[allow(clippy::panic, clippy::indexing_slicing, clippy::string_slice, reason = "a test fails by panicking")]
mod tests;
