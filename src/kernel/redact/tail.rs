//! One logical text that comes in pieces, as a model writes it or a stream delivers it.
//!
//! It is cut where its own content allows, never where a piece happens to end, so any chunking gives the same
//! output: after a line that opens no key block, or, when no line ends, between two words that no value
//! contains. What is held back is at most [`HELD_MAX`] bytes.
use super::evidence::floor;
use super::wire::put;
use super::{Context, Edit, Engine, Finding, Span};

/// The most bytes held back; a value that is longer is covered to its end without being kept.
pub const HELD_MAX: usize = 4096;
/// Where a text without lines is cut, at the earliest.
const SOON: usize = 512;
/// How much of what was passed on is remembered for its labels.
const REMEMBERED: usize = 256;

/// What is held of one text.
pub struct Tail<'e> {
    engine: &'e Engine,
    path: Vec<String>,
    passed: String,
    held: String,
    /// A value longer than what may be held is being covered: leave out its rest.
    covering: bool,
}

impl<'e> Tail<'e> {
    /// At the start of a text that stands under these keys.
    pub fn new(engine: &'e Engine, path: Vec<String>) -> Self {
        Self { engine, path, passed: String::new(), held: String::new(), covering: false }
    }

    /// Takes a piece; appends to `out` what may be passed on.
    pub fn push(&mut self, piece: &str, decide: &mut impl FnMut(&Finding<'_>) -> Edit, out: &mut String) {
        // A large piece is taken in steps, so that what is held stays bounded whatever comes.
        let mut rest = piece;
        while !rest.is_empty() {
            let (now, later) = rest.split_at(ceil(rest, HELD_MAX));
            rest = later;
            self.held.push_str(now);
            while let Some(end) = cut(&self.held) {
                self.pass(end, decide, out);
            }
        }
    }

    /// The text is over.
    pub fn finish(mut self, decide: &mut impl FnMut(&Finding<'_>) -> Edit, out: &mut String) {
        self.pass(self.held.len(), decide, out);
    }

    fn pass(&mut self, end: usize, decide: &mut impl FnMut(&Finding<'_>) -> Edit, out: &mut String) {
        let rest = self.held.split_off(end);
        let mut now = std::mem::replace(&mut self.held, rest);
        if self.covering {
            let over = now.find(is_gap);
            self.covering = over.is_none();
            now = over.and_then(|at| now.get(at..)).unwrap_or_default().to_owned();
            if now.is_empty() {
                return;
            }
        }
        let from = self.passed.len();
        let whole = format!("{}{now}", self.passed);
        let path: Vec<&str> = self.path.iter().map(String::as_str).collect();
        let spans = self.engine.scan_text(&whole, &Context { path: &path });
        let spans: Vec<Span> = spans
            .into_iter()
            .filter(|span| span.end > from)
            .map(|span| Span { start: span.start.max(from) - from, end: span.end - from, kind: span.kind })
            .collect();
        put(&now, &spans, decide, out);
        let open = now.len() >= HELD_MAX - 4 && !now.ends_with(is_gap);
        self.covering =
            open && spans.last().is_some_and(|span| now.get(span.end..).is_some_and(|rest| !rest.contains(is_gap)));
        let keep = floor(&whole, whole.len().saturating_sub(REMEMBERED));
        self.passed = whole.get(keep..).unwrap_or_default().to_owned();
    }
}

fn is_gap(character: char) -> bool {
    character.is_whitespace() || matches!(character, '"' | '\'' | '<' | '>' | '`')
}

/// The smallest character boundary not before `at`, or the end.
fn ceil(text: &str, at: usize) -> usize {
    (at..text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(text.len())
}

/// What a block begins with, and how many that are no keys are looked at.
const BEGIN: &str = "-----BEGIN ";
const BLOCKS_MAX: usize = 8;
/// How far behind the beginning of a block its title tells whether it is a key.
const TITLE: usize = 48;

/// Where the held text may be cut; decided by its first [`HELD_MAX`] bytes alone, and by as few of them as it takes: what
/// comes behind changes nothing any more.
fn cut(held: &str) -> Option<usize> {
    let window = held.get(..floor(held, HELD_MAX)).unwrap_or_default();
    let full = (held.len() >= HELD_MAX).then_some(window.len());
    let mut from = 0;
    for _ in 0..BLOCKS_MAX {
        let begin = window.get(from..).and_then(|rest| rest.find(BEGIN)).map(|at| from + at);
        if let Some(end) = cut_of_words(window.get(..begin.unwrap_or(window.len())).unwrap_or_default()) {
            return Some(end);
        }
        let Some(begin) = begin else { return full };
        let block = window.get(begin..).unwrap_or_default();
        if block.get(..floor(block, TITLE)).unwrap_or_default().contains("PRIVATE KEY") {
            // A key block goes as a whole, with the line that ends it.
            let end = || block.find("-----END ").and_then(|end| Some(end + block.get(end..)?.find('\n')? + 1));
            return if begin > 0 { Some(begin) } else { end().or(full) };
        }
        if block.len() < TITLE {
            return full;
        }
        from = begin + BEGIN.len();
    }
    cut_of_words(window).or(full)
}

/// The same of a text without key blocks.
fn cut_of_words(window: &str) -> Option<usize> {
    let line = window.find('\n');
    let window = window.get(..line.unwrap_or(window.len())).unwrap_or_default();
    let spaces = window.char_indices().skip_while(|(at, _)| *at < SOON).filter(|(_, c)| *c == ' ');
    for (at, _) in spaces {
        let before = window.get(..at).unwrap_or_default().rsplit(' ').next().unwrap_or_default();
        let after = window.get(at + 1..).unwrap_or_default();
        let Some(end) = after.find(' ') else {
            break;
        };
        let plain = |word: &str| word.len() > 1 && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b',');
        if plain(before) && after.get(..end).is_some_and(plain) {
            return Some(at + 1);
        }
    }
    // A label may stand alone on its line, and the value on the next: what is remembered holds it.
    line.map(|line| line + 1)
}
