//! The words of a text about which much is asked: each is read once, whoever asks.
//!
//! What is asked about goes forward with the text: the words before a number, the words behind it, and those of the next
//! number again. A window of words goes forward with that; what is asked about places elsewhere begins another.
use super::labels::{self, Labels, Match};
use super::words::{self, Place, TEXT_MAX, WORDS_MAX, Words};
use std::cell::Cell;

/// How often words are read where they stand before any are kept: few are asked about more.
const FEW: u32 = 0;
/// How far words are read ahead, and the most that is kept, in bytes.
const AHEAD: usize = 128;
const KEPT: usize = 1024;

/// Reads the words of parts of one text.
pub struct Reading<'t> {
    text: &'t str,
    asked: Cell<u32>,
    window: Cell<Window>,
}

/// Words that are known.
#[derive(Default)]
struct Window {
    /// What part of the text they are of.
    from: usize,
    to: usize,
    plain: String,
    places: Vec<Place>,
}

impl<'t> Reading<'t> {
    /// Nothing is read yet.
    pub fn new(text: &'t str) -> Self {
        Self { text, asked: Cell::new(0), window: Cell::default() }
    }

    /// The text.
    pub fn text(&self) -> &'t str {
        self.text
    }

    /// Reads the words of a part of the text. They are the same as [`Words::read`] tells apart, as any other text's are.
    pub fn words<R>(&self, part: &str, read: impl FnOnce(&Words<'_>) -> R) -> R {
        let asked = self.asked.get();
        if asked < FEW || part.len() > TEXT_MAX {
            self.asked.set(asked.saturating_add(1));
            return read(&Words::read(part));
        }
        let start = (part.as_ptr() as usize).checked_sub(self.text.as_ptr() as usize);
        let Some(start) = start.filter(|start| start + part.len() <= self.text.len()) else {
            return read(&Words::read(part));
        };
        let mut window = self.window.take();
        let read = match window.words(self.text, start, start + part.len()) {
            Some(words) => read(&words),
            None => read(&Words::read(part)),
        };
        self.window.set(window);
        read
    }

    /// See [`labels::of_key`].
    pub fn of_key(&self, key: &str) -> Labels {
        self.words(key, labels::of_words)
    }

    /// See [`labels::tells`].
    pub fn tells(&self, key: &str) -> bool {
        self.last(key).is_some()
    }

    /// See [`labels::last`].
    pub fn last(&self, part: &str) -> Option<Match> {
        self.words(part, labels::last)
    }

    /// See [`labels::first`].
    pub fn first(&self, part: &str) -> Option<Match> {
        self.words(part, labels::first)
    }
}

impl Window {
    /// The words of a part of the text, unless one is cut by its bounds.
    fn words<'w>(&'w mut self, text: &'w str, start: usize, end: usize) -> Option<Words<'w>> {
        if start < self.from || start > self.to || end > self.from + KEPT {
            (self.from, self.to) = (start, start);
            self.plain.clear();
            self.places.clear();
        }
        if end > self.to {
            self.extend(text, text.floor_char_boundary((end + AHEAD).min(text.len())));
        }
        let begin = |at: usize| self.places.partition_point(|place| place.text.0 < at);
        let (first, behind) = (begin(start), begin(end));
        let places = self.places.get(..behind)?;
        let cuts = |place: usize, at: usize| {
            place.checked_sub(1).and_then(|place| places.get(place)).is_some_and(|place| place.text.1 > at)
        };
        if cuts(first, start) || cuts(behind, end) {
            return None;
        }
        let from = first.max(behind.saturating_sub(WORDS_MAX));
        Some(Words::of_places(text, &self.plain, places, from, start))
    }

    /// Reads on. The last word may go on too.
    fn extend(&mut self, text: &str, to: usize) {
        let open = self.places.pop_if(|place| place.text.1 == self.to);
        let from = open.map_or(self.to, |place| place.text.0);
        words::add(text, from, to, &mut self.plain, &mut self.places);
        self.to = to;
    }
}
