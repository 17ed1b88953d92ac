//! The words of a text about which much is asked: each is read once, whoever asks.
//!
//! What is asked about goes forward with the text: the words before a number, the words behind it, and those of the next
//! number again. A window of words goes forward with that; what is asked about places elsewhere begins another.
use super::effort::{Effort, Work};
use super::labels::{self, Labels, Match};
use super::words::{self, Place, TEXT_MAX, WORDS_MAX, Words};
use std::cell::Cell;

/// How often words are read where they stand before any are kept: few are asked about more.
const FEW: u32 = 4;
/// How far words are read ahead, and the most that is kept, in bytes.
const AHEAD: usize = 128;
const KEPT: usize = 1024;

/// Reads the words of parts of one text. Nothing may ask about it while an answer is read.
pub struct Reading<'t> {
    text: &'t str,
    effort: &'t Effort,
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
    /// The first word that was asked about last, and the one behind the last: what is asked next is not far.
    near: (usize, usize),
}

impl<'t> Reading<'t> {
    /// Nothing is read yet.
    pub fn new(text: &'t str, effort: &'t Effort) -> Self {
        Self { text, effort, asked: Cell::new(0), window: Cell::default() }
    }

    /// Reads the words of a part of the text: the same as [`Words::read`] tells apart.
    pub fn words<R>(&self, part: &str, read: impl FnOnce(&Words<'_>) -> R) -> R {
        self.effort.take(Work::Words, 1);
        self.effort.take(Work::Letter, part.len().min(TEXT_MAX));
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
        let (first, behind) = (self.begin(start, self.near.0), self.begin(end, self.near.1));
        self.near = (first, behind);
        let ends_behind = |place: Option<usize>, at: usize| {
            place.and_then(|place| self.places.get(place)).map(Place::range).filter(|(_, end)| *end > at)
        };
        let (cut, open) = (ends_behind(first.checked_sub(1), start), self.is_open(text, behind, end));
        let skipped = self.from as isize - asked as isize;
        if cut.is_none() && !open {
            let from = first.max(behind.saturating_sub(WORDS_MAX));
            let places = self.places.get(..behind).unwrap_or_default();
            return Words::of_places(text, &self.plain, places.into(), from, skipped);
        }
        // Of a word that is cut only the part that is in; what is known of words may be of more than the part.
        let last = if open { self.open(behind) } else { behind };
        let begin = self.places.get(last).filter(|_| open).map_or(end, |place| place.range().0.max(start));
        // Two that are read again may become one.
        let from = first.max(behind.saturating_sub(WORDS_MAX + 1));
        let mut places = Vec::with_capacity(WORDS_MAX + 4);
        if let Some((_, stop)) = cut.filter(|_| from == first) {
            words::add(text, start, stop.min(begin), &mut self.plain, &mut places);
        }
        places.extend_from_slice(self.places.get(from.min(last)..last).unwrap_or_default());
        if from == first {
            places.iter().take(words::WORDS + 1).for_each(Place::forget);
        }
        words::add(text, begin, end, &mut self.plain, &mut places);
        let from = places.len().saturating_sub(WORDS_MAX);
        Words::of_places(text, &self.plain, places.into(), from, skipped)
    }

    /// The first word that begins at a place or behind it, which is sought from a word near it.
    fn begin(&self, at: usize, near: usize) -> usize {
        let (front, rest) = self.places.split_at_checked(near).unwrap_or((&self.places, &[]));
        let back = front.iter().rev().take_while(|place| place.range().0 >= at).count();
        let forth = rest.iter().take_while(|place| place.range().0 < at).count();
        front.len() - back + forth
    }

    /// Whether the last word before `end` may be another if nothing is behind: it goes on there, or ends with what may be the
    /// s of a plural.
    fn is_open(&self, text: &str, behind: usize, end: usize) -> bool {
        let last = behind.checked_sub(1).and_then(|place| self.places.get(place)).map_or(0, |place| place.range().1);
        let follows = || text.as_bytes().get(end).is_some_and(|next| next.is_ascii_alphanumeric() || !next.is_ascii());
        last > end || last == end && text.as_bytes().get(..end).is_some_and(|text| text.ends_with(b"s")) && follows()
    }

    /// The first word of which that is so as well, since where it ends is told by the letters behind.
    fn open(&self, behind: usize) -> usize {
        let last = behind.saturating_sub(1);
        let pair = last.checked_sub(1).and_then(|before| self.places.get(before..=last));
        let touch = |pair: &[Place]| matches!(pair, [one, next] if one.range().1 == next.range().0);
        last - usize::from(pair.is_some_and(touch))
    }

    /// Reads on, in the text from where the window begins. The last word may go on too.
    fn extend(&mut self, text: &str, to: usize) {
        let open = self.places.pop_if(|place| place.range().1 == self.to - self.from);
        let from = open.map_or(self.to - self.from, |place| place.range().0);
        words::add(text, from, to, &mut self.plain, &mut self.places);
        (self.to, self.spelled) = (self.from + to, self.plain.len());
    }
}

#[cfg(test)]
#[allow(clippy::indexing_slicing, clippy::string_slice, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn words_of_a_part_are_the_same_whether_they_were_read_before_or_not() {
        const PARTS: [&str; 34] = [
            "ssn",
            "SSNs",
            "cardNumber",
            "driver's license",
            "x",
            "A",
            "HTTPServer",
            "date of ",
            "birth",
            "社会保障号",
            "码",
            "номер",
            "паспорта",
            "ПА",
            "é",
            "geburtsdatum",
            "जन्म तिथि",
            "주민등록번호",
            "생년",
            "12",
            "A1b",
            ".",
            ", ",
            " ",
            "_",
            "-",
            ": ",
            "\n",
            "(",
            "^",
            "=",
            "’s ",
            "insurednumbers",
            "travel document no",
        ];
        let mut state = 1u64;
        let mut below = move |count: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as usize % count
        };
        // The s of a genitive whose apostrophe is cut off is a word to those who do not know what stands before.
        let told = |words: &Words<'_>| {
            let plain = |word| (words.plain(word).to_ascii_lowercase(), words.range(word, word));
            let each: Vec<_> = words.back().map(plain).filter(|(plain, _)| plain != b"s").collect();
            let place = |found: Option<Match>| found.map(|found| (found.labels, found.start, found.end));
            (each, place(labels::last(words)), place(labels::first(words)), labels::before_last(words))
        };
        let mut labelled = 0;
        for _ in 0..300 {
            let text: String = (0..20 + below(300)).map(|_| PARTS[below(PARTS.len())]).collect();
            let effort = Effort::of(text.len());
            let reading = Reading { asked: Cell::new(FEW), ..Reading::new(&text, &effort) };
            let mut at = 0;
            while at < text.len() {
                let from = text.floor_char_boundary(at.saturating_sub(below(100)));
                let to = text.floor_char_boundary((at + below(200)).min(text.len())).max(from);
                let part = &text[from..to];
                let (fresh, known) = (told(&Words::read(part)), reading.words(part, told));
                labelled += usize::from(known.1.is_some());
                assert_eq!(known, fresh, "{part:?} of {text:?}");
                at += below(60);
            }
        }
        assert!(labelled > 1_000, "{labelled}");
    }
}
