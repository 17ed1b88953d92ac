//! The words of a text about which much is asked: each is read once, whoever asks.
//!
//! What is asked about goes forward with the text: the words before a number, the words behind it, and those of the next
//! number again. A window of words goes forward with that; what is asked about places elsewhere begins another.
use super::labels::{self, Labels, Match};
use super::words::{self, Place, TEXT_MAX, WORDS_MAX, Words};
use std::cell::Cell;

/// How often words are read where they stand before any are kept: few are asked about more.
const FEW: u32 = 4;
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
        let asked = start;
        let start = text.floor_char_boundary(end.saturating_sub(TEXT_MAX)).max(start);
        if start < self.from || start > self.to || end > self.from + KEPT {
            (self.from, self.to, self.spelled) = (start, start, 0);
            self.plain.clear();
            self.places.clear();
        }
        let text = text.get(self.from..).unwrap_or_default();
        if end > self.to {
            self.extend(text, text.floor_char_boundary((end - self.from + AHEAD).min(text.len())));
        }
        let (start, end) = (start - self.from, end - self.from);
        let begin = |at: usize| self.places.partition_point(|place| place.range().0 < at);
        let (first, behind) = (begin(start), begin(end));
        let cut = |behind: usize, at: usize| {
            let place = behind.checked_sub(1).and_then(|place| self.places.get(place));
            place.map(Place::range).filter(|(_, end)| *end > at)
        };
        let (cut_first, cut_last) = (cut(first, start), cut(behind, end));
        let from = first.max(behind.saturating_sub(WORDS_MAX));
        let skipped = self.from as isize - asked as isize;
        if cut_first.is_none() && cut_last.is_none() {
            let places = self.places.get(..behind).unwrap_or_default();
            return Words::of_places(text, &self.plain, places.into(), from, skipped);
        }
        // Of a word that is cut only the part that is in.
        let mut places = Vec::with_capacity(WORDS_MAX + 2);
        if let Some((_, stop)) = cut_first {
            words::add(text, start, stop.min(end), &mut self.plain, &mut places);
        }
        // What is known of words may be of more than the part.
        let whole = self.places.get(from..behind - usize::from(cut_last.is_some())).unwrap_or_default();
        places.extend_from_slice(whole);
        if from == first {
            places.iter().take(words::WORDS + 1).for_each(Place::forget);
        }
        if let Some((begin, _)) = cut_last.filter(|(begin, _)| *begin >= start) {
            words::add(text, begin, end, &mut self.plain, &mut places);
        }
        let from = places.len().saturating_sub(WORDS_MAX);
        Words::of_places(text, &self.plain, places.into(), from, skipped)
    }

    /// Reads on, in the text from where the window begins. The last word may go on too.
    fn extend(&mut self, text: &str, to: usize) {
        let open = self.places.pop_if(|place| place.range().1 == self.to - self.from);
        let from = open.map_or(self.to - self.from, |place| place.range().0);
        words::add(text, from, to, &mut self.plain, &mut self.places);
        (self.to, self.spelled) = (self.from + to, self.plain.len());
    }
}
