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
    /// How many of the plain letters are of these words.
    spelled: usize,
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

    /// Reads the words of a part of the text: the same as [`Words::read`] tells apart.
    pub fn words<R>(&self, part: &str, read: impl FnOnce(&Words<'_>) -> R) -> R {
        let asked = self.asked.get();
        let start = (part.as_ptr() as usize).checked_sub(self.text.as_ptr() as usize);
        let start = start.filter(|start| asked >= FEW && start + part.len() <= self.text.len());
        let Some(start) = start else {
            self.asked.set(asked.saturating_add(1));
            return read(&Words::read(part));
        };
        let mut window = self.window.take();
        let read = read(&window.words(self.text, start, start + part.len()));
        window.plain.truncate(window.spelled);
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
    /// The last words of a part of the text.
    fn words<'w>(&'w mut self, text: &'w str, start: usize, end: usize) -> Words<'w> {
        let ahead = start;
        let start = text.floor_char_boundary(end.saturating_sub(TEXT_MAX)).max(start);
        if start < self.from || start > self.to || end > self.from + KEPT {
            (self.from, self.to, self.spelled) = (start, start, 0);
            self.plain.clear();
            self.places.clear();
        }
        if end > self.to {
            self.extend(text, text.floor_char_boundary((end + AHEAD).min(text.len())));
        }
        let begin = |at: usize| self.places.partition_point(|place| place.text.0 < at);
        let (first, behind) = (begin(start), begin(end));
        let ends_behind = |place: Option<usize>, at: usize| {
            let place = place.and_then(|place| self.places.get(place));
            place.map(|place| place.text).filter(|(_, end)| *end > at)
        };
        let cut = (ends_behind(first.checked_sub(1), start), ends_behind(behind.checked_sub(1), end));
        let from = first.max(behind.saturating_sub(WORDS_MAX));
        if cut == (None, None) {
            let places = self.places.get(..behind).unwrap_or_default();
            return Words::of_places(text, &self.plain, places.into(), from, ahead);
        }
        // Of a word that is cut only the part that is in.
        let mut places = Vec::with_capacity(WORDS_MAX + 1);
        let mut whole = first..behind;
        if let (Some((_, stop)), _) = cut {
            words::add(text, start, stop.min(end), &mut self.plain, &mut places);
        }
        if cut.1.is_some() {
            whole.end -= 1;
        }
        let known = self.places.get(whole).unwrap_or_default().iter();
        let reach = if cut.0.is_some() { words::WORDS + 1 } else { 0 };
        places.extend(known.enumerate().map(|(place, word)| if place < reach { word.unread() } else { word.clone() }));
        if let (_, Some((begin, _))) = cut
            && begin >= start
        {
            words::add(text, begin, end, &mut self.plain, &mut places);
        }
        let from = places.len().saturating_sub(WORDS_MAX);
        Words::of_places(text, &self.plain, places.into(), from, ahead)
    }

    /// Reads on. The last word may go on too.
    fn extend(&mut self, text: &str, to: usize) {
        let open = self.places.pop_if(|place| place.text.1 == self.to);
        let from = open.map_or(self.to, |place| place.text.0);
        words::add(text, from, to, &mut self.plain, &mut self.places);
        (self.to, self.spelled) = (to, self.plain.len());
    }
}
