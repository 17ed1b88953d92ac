//! Words of a key or a sentence, plain: no case, no accents, `camelCase` and `snake_case` taken apart.
use super::labels::Said;
use super::lanes::Classes;
use super::letters::{self, Entry};
use std::borrow::Cow;
use std::cell::Cell;

/// The most words that are read, and the most bytes of their text; what is further away says nothing.
pub const WORDS_MAX: usize = 24;
pub const TEXT_MAX: usize = 160;
/// The most words of one label.
pub const WORDS: usize = 6;

/// A run of words, told apart but not read: mostly only the last few are asked about.
#[derive(Debug)]
pub struct Words<'t> {
    /// How much of what was to be read is left out before `text`; less than nothing if that begins before it.
    skipped: isize,
    text: &'t str,
    runs: Runs<'t>,
}

#[derive(Debug)]
enum Runs<'t> {
    /// In a text of nothing but ASCII: where words begin, and behind what they end. Those before `from` are too many.
    Marked { starts: Marks, stops: Marks, from: usize },
    /// In any other: their plain letters, one behind the other, and where each stands; `from` as above.
    Spelled { plain: Cow<'t, str>, places: Cow<'t, [Place]>, from: usize },
}

/// A word that was told apart. Many are kept at once, so that it is small.
#[derive(Clone, Debug, Default)]
pub struct Place {
    /// Where it stands in the text.
    text: (u32, u32),
    /// Its plain letters, if the text itself has others.
    plain: Option<(u32, u32)>,
    joined: bool,
    /// What is known of the labels that end with it.
    ending: Cell<Ending>,
}

impl Place {
    fn new((start, end): (usize, usize)) -> Self {
        Self { text: (start as u32, end as u32), ..Self::default() }
    }

    /// Where it begins and ends.
    pub fn range(&self) -> (usize, usize) {
        (self.text.0 as usize, self.text.1 as usize)
    }

    fn word(&self, place: usize) -> Word {
        let (start, end) = self.range();
        Word { start, end, place }
    }

    /// Nothing is known of it any more.
    pub fn forget(&self) {
        self.ending.take();
    }
}

/// Of the labels that end with a word the one that counts: where it says what it says, and how many words before this one
/// it begins.
#[derive(Clone, Copy, Debug, Default)]
pub enum Ending {
    /// Nobody asked.
    #[default]
    Unread,
    /// There is none.
    Nothing,
    /// This one.
    Label(Said, u8),
}

/// One word of a run, by where it stands in the text behind what was skipped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Word {
    start: usize,
    end: usize,
    /// Which of those that were spelled; nothing of others.
    place: usize,
}

impl<'t> Words<'t> {
    /// The last words of `text`.
    pub fn read(text: &'t str) -> Self {
        let skipped = super::evidence::floor(text, text.len().saturating_sub(TEXT_MAX));
        let text = text.get(skipped..).unwrap_or_default();
        let runs = if text.is_ascii() { marked(text) } else { spelled(text, WORDS_MAX) };
        let mut words = Self { skipped: skipped as isize, text, runs };
        if let Runs::Marked { starts, .. } = &words.runs
            && starts.count() > WORDS_MAX
        {
            let first = words.back().nth(WORDS_MAX - 1).map_or(0, |word| word.start);
            if let Runs::Marked { from, .. } = &mut words.runs {
                *from = first;
            }
        }
        words
    }

    /// All words of a text that is not only ASCII.
    pub fn all(text: &'t str) -> Self {
        Self { skipped: 0, text, runs: spelled(text, usize::MAX) }
    }

    /// Those of a text that were told apart, `from` the first that counts, in what begins `skipped` bytes before the text.
    pub fn of_places(text: &'t str, plain: &'t str, places: Cow<'t, [Place]>, from: usize, skipped: isize) -> Self {
        let runs = Runs::Spelled { plain: Cow::Borrowed(plain), places, from };
        Self { skipped, text, runs }
    }

    /// With those before the first that counts, if they are known.
    pub fn with_all(&self) -> Words<'_> {
        let Self { skipped, text, ref runs } = *self;
        let runs = match runs {
            Runs::Marked { starts, stops, .. } => Runs::Marked { starts: *starts, stops: *stops, from: 0 },
            Runs::Spelled { plain, places, .. } => {
                Runs::Spelled { plain: Cow::Borrowed(plain), places: Cow::Borrowed(places), from: 0 }
            }
        };
        Words { skipped, text, runs }
    }

    /// What is known of the labels that end with a word.
    pub fn ending(&self, word: Word) -> Option<&Cell<Ending>> {
        match &self.runs {
            Runs::Marked { .. } => None,
            Runs::Spelled { places, .. } => places.get(word.place).map(|place| &place.ending),
        }
    }

    /// The one so many words before, if it counts and the words were spelled.
    pub fn nth_before(&self, word: Word, back: usize) -> Option<Word> {
        match &self.runs {
            Runs::Marked { .. } => None,
            Runs::Spelled { places, from, .. } => {
                let place = word.place.checked_sub(back).filter(|place| place >= from)?;
                places.get(place).map(|word| word.word(place))
            }
        }
    }

    /// The last one.
    pub fn last(&self) -> Option<Word> {
        self.ends_by(self.text.len(), usize::MAX)
    }

    /// The one before.
    pub fn before(&self, word: Word) -> Option<Word> {
        self.ends_by(word.start, word.place)
    }

    /// The last that begins before `at`, and is no later than the one before `place`.
    fn ends_by(&self, mut at: usize, place: usize) -> Option<Word> {
        match &self.runs {
            Runs::Marked { starts, stops, from } => loop {
                let start = starts.last(at).filter(|start| start >= from)?;
                let end = stops.last(at + 1)?;
                if !is_possessive(self.text.as_bytes(), start, end) {
                    return Some(Word { start, end, place: 0 });
                }
                at = start;
            },
            Runs::Spelled { places, from, .. } => {
                let place = places.len().min(place).checked_sub(1).filter(|place| place >= from)?;
                places.get(place).map(|word| word.word(place))
            }
        }
    }

    /// All of them, the last first.
    pub fn back(&self) -> impl Iterator<Item = Word> {
        std::iter::successors(self.last(), |word| self.before(*word))
    }

    /// The first that begins at `at` or later, and is no earlier than `place`.
    fn begins_by(&self, mut at: usize, place: usize) -> Option<Word> {
        match &self.runs {
            Runs::Marked { starts, stops, from } => loop {
                let start = starts.first(at.max(*from))?;
                let end = stops.first(start + 1)?;
                if !is_possessive(self.text.as_bytes(), start, end) {
                    return Some(Word { start, end, place: 0 });
                }
                at = end;
            },
            Runs::Spelled { places, from, .. } => {
                let place = place.max(*from);
                places.get(place).map(|word| word.word(place))
            }
        }
    }

    /// Those behind a word.
    pub fn behind(&self, word: Word) -> impl Iterator<Item = Word> {
        std::iter::successors(self.begins_by(word.end, word.place + 1), |word| self.begins_by(word.end, word.place + 1))
    }

    /// All of them, the first first.
    pub fn forth(&self) -> impl Iterator<Item = Word> {
        std::iter::successors(self.begins_by(0, 0), |word| self.begins_by(word.end, word.place + 1))
    }

    /// The letters of one word, plain but for the case of those of ASCII.
    pub fn plain(&self, word: Word) -> &[u8] {
        if let Runs::Spelled { plain, places, .. } = &self.runs
            && let Some((from, to)) = places.get(word.place).and_then(|place| place.plain)
        {
            return plain.as_bytes().get(from as usize..to as usize).unwrap_or_default();
        }
        self.text.as_bytes().get(word.start..word.end).unwrap_or_default()
    }

    /// Whether a word and the one before it cannot be one name.
    pub fn is_apart(&self, word: Word) -> bool {
        let gap = match &self.runs {
            Runs::Marked { stops, .. } => stops.last(word.start + 1),
            Runs::Spelled { places, .. } => {
                word.place.checked_sub(1).and_then(|place| places.get(place)).map(|place| place.text.1 as usize)
            }
        };
        are_apart(self.text.as_bytes(), gap.unwrap_or(word.start), word.start)
    }

    /// Whether a word is of a script that does not separate words.
    pub fn is_joined(&self, word: Word) -> bool {
        match &self.runs {
            Runs::Marked { .. } => false,
            Runs::Spelled { places, .. } => places.get(word.place).is_some_and(|place| place.joined),
        }
    }

    /// Where words `first..=last` stand in the text.
    pub fn range(&self, first: Word, last: Word) -> (usize, usize) {
        let place = |at: usize| at.saturating_add_signed(self.skipped);
        (place(first.start), place(last.end))
    }
}

fn marked(text: &str) -> Runs<'static> {
    let (mut starts, mut stops) = (Marks::default(), Marks::default());
    let mut before = Classes::default();
    for (place, (starts, stops)) in starts.0.iter_mut().zip(&mut stops.0).enumerate() {
        let base = place * 64;
        let now = text.as_bytes().get(base..).map_or_else(Classes::default, Classes::of);
        (*starts, *stops) = bounds(now, before, text.as_bytes(), base);
        before = now;
    }
    Runs::Marked { starts, stops, from: 0 }
}

/// The last `most` words of a text.
fn spelled(text: &str, most: usize) -> Runs<'static> {
    let (mut plain, mut places) = (String::with_capacity(text.len()), Vec::with_capacity(text.len() / 4 + 1));
    add(text, 0, text.len(), &mut plain, &mut places);
    let from = places.len().saturating_sub(most);
    Runs::Spelled { plain: Cow::Owned(plain), places: Cow::Owned(places), from }
}

/// Adds the words of a text between two places. No word goes on before the first.
pub fn add(text: &str, from: usize, to: usize, plain: &mut String, places: &mut Vec<Place>) {
    let bytes = text.as_bytes().get(..to).unwrap_or_default();
    let mut at = from;
    while at < to {
        let other = other(bytes, at);
        let before = bytes.get(at..other).unwrap_or_default();
        // No word goes on behind a space: only what stands between two with something else in it has to be spelled.
        let begin =
            if other < to { at + before.iter().rposition(|byte| *byte == b' ').map_or(0, |gap| gap + 1) } else { to };
        mark(text, at, begin, places);
        at = memchr::memchr(b' ', bytes.get(other..).unwrap_or_default()).map_or(to, |space| other + space);
        if begin < at {
            spell(text, begin, at, plain, places);
        }
    }
}

/// Where the first byte from `at` on stands that is not of ASCII, or the end.
fn other(bytes: &[u8], at: usize) -> usize {
    let rest = bytes.get(at..).unwrap_or_default();
    let (eights, _) = rest.as_chunks::<8>();
    let whole = eights.iter().take_while(|eight| eight.is_ascii()).count() * 8;
    let last = rest.get(whole..).unwrap_or_default();
    at + whole + last.iter().position(|byte| !byte.is_ascii()).unwrap_or(last.len())
}

/// [`add`], for a text of nothing but ASCII.
fn mark(text: &str, from: usize, to: usize, places: &mut Vec<Place>) {
    each(text.as_bytes().get(from..to).unwrap_or_default(), |start, end| {
        let (start, end) = (from + start, from + end);
        if !is_possessive(text.as_bytes(), start, end) {
            places.push(Place::new((start, end)));
        }
    });
}

/// [`add`], for any text.
fn spell(text: &str, from: usize, to: usize, plain: &mut String, places: &mut Vec<Place>) {
    let mut spelling = Spelling { text, plain, places, word: None, marked: false };
    let mut before = Class::Gap;
    let mut characters = text.get(from..to).unwrap_or_default().char_indices();
    let read = |(at, character): (usize, char)| {
        let entry = if character.is_ascii() { None } else { Some(Entry::of(character)) };
        (from + at, (character, entry), Class::read(character, entry))
    };
    let mut next = characters.next().map(read);
    while let Some((at, (character, entry), class)) = next {
        next = characters.next().map(read);
        let splits = match (before, class) {
            (_, Class::Gap) => true,
            // `SWIFT代码`, `CVV码` are two words.
            (Class::Lower | Class::Upper, Class::Joined) | (Class::Joined, Class::Lower | Class::Upper) => true,
            (Class::Joined, Class::Digit) => true,
            (Class::Lower, Class::Upper) | (Class::Digit, _) => class != before,
            (Class::Upper, Class::Upper) => {
                next.is_some_and(|(_, _, class)| class == Class::Lower)
                    && !is_plural(text.get(at + character.len_utf8()..to).unwrap_or_default().as_bytes())
            }
            (Class::Upper | Class::Lower, Class::Digit) => true,
            _ => false,
        };
        if splits {
            spelling.end(at);
        }
        if class != Class::Gap {
            spelling.push(at, character, entry);
        }
        before = class;
    }
    spelling.end(to);
}

/// The words that were told apart, and the one that is being read: where it begins and its letters, whether it is of a
/// script that joins words, and whether its letters are told only by the whole.
struct Spelling<'t, 'o> {
    text: &'t str,
    plain: &'o mut String,
    places: &'o mut Vec<Place>,
    word: Option<(usize, usize, bool, bool)>,
    /// The last letter had a mark, with which another may change places.
    marked: bool,
}

impl Spelling<'_, '_> {
    /// `entry`: what is known of a character that is not of ASCII.
    fn push(&mut self, at: usize, character: char, entry: Option<Entry>) {
        let (.., joined, whole) = self.word.get_or_insert((at, self.plain.len(), false, false));
        let marked = std::mem::take(&mut self.marked);
        let Some(entry) = entry else { return self.plain.push(character.to_ascii_lowercase()) };
        match entry.plain(character) {
            _ if marked && entry.is_mark() => *whole = true,
            letters::Plain::One(one) => {
                *joined |= entry.is_plainly_joined();
                entry.push(one, self.plain);
            }
            letters::Plain::Marked(base, mark) => {
                (*joined, self.marked) = (true, true);
                self.plain.extend([base, mark]);
            }
            letters::Plain::Syllable(syllable) => {
                *joined = true;
                letters::jamo(syllable, self.plain);
            }
            letters::Plain::Nothing => {}
            letters::Plain::Several => *whole = true,
        }
    }

    fn end(&mut self, end: usize) {
        let Some((start, from, mut joined, whole)) = self.word.take() else { return };
        if is_possessive(self.text.as_bytes(), start, end) {
            return self.plain.truncate(from);
        }
        if whole {
            self.plain.truncate(from);
            letters::spell(self.text.get(start..end).unwrap_or_default(), self.plain);
            joined = self.plain.get(from..).is_some_and(|plain| plain.chars().any(is_joined));
        }
        let plain = Some((from as u32, self.plain.len() as u32));
        self.places.push(Place { plain, joined, ..Place::new((start, end)) });
    }
}

/// A bit for each byte of a text of up to [`TEXT_MAX`], and one behind it.
#[derive(Clone, Copy, Debug, Default)]
struct Marks([u64; TEXT_MAX / 64 + 1]);

impl Marks {
    /// The last before `end`.
    fn last(&self, end: usize) -> Option<usize> {
        let mut place = end / 64;
        let mut mask = self.0.get(place)? & ((1 << (end % 64)) - 1);
        while mask == 0 {
            place = place.checked_sub(1)?;
            mask = *self.0.get(place)?;
        }
        Some(place * 64 + 63 - mask.leading_zeros() as usize)
    }

    /// The first not before `start`.
    fn first(&self, start: usize) -> Option<usize> {
        let mut place = start / 64;
        let mut mask = self.0.get(place)? & u64::MAX << (start % 64);
        while mask == 0 {
            place += 1;
            mask = *self.0.get(place)?;
        }
        Some(place * 64 + mask.trailing_zeros() as usize)
    }

    fn count(&self) -> usize {
        self.0.iter().map(|mask| mask.count_ones() as usize).sum()
    }
}

/// Where a word ends with its genitive, if it ends at `end` without it: `driver's`.
pub fn behind_genitive(text: &[u8], end: usize) -> usize {
    match text.get(end..) {
        Some([b'\'', b's', next, ..]) if !next.is_ascii_alphanumeric() => end + 2,
        _ => end,
    }
}

/// Whether a word is the s of a genitive: `driver's`.
pub fn is_possessive(text: &[u8], start: usize, end: usize) -> bool {
    let front = text.get(..start).unwrap_or_default();
    text.get(start..end) == Some(b"s") && (front.ends_with(b"'") || front.ends_with("’".as_bytes()))
}

/// Whether capitals end in the s of a plural here: `SSNs`.
fn is_plural(rest: &[u8]) -> bool {
    matches!(rest, [b's'] | [b's', 0..=b'@' | b'['..=b'`' | b'{'..=0x7F, ..])
}

/// Calls `word` with where each word of a text of nothing but ASCII begins and ends. Sixty-four bytes are told apart at
/// once.
pub fn each(text: &[u8], mut word: impl FnMut(usize, usize)) {
    let mut start = 0;
    let mut before = Classes::default();
    // Behind a text that ends with a whole block one more ends its last word.
    for (place, block) in text.chunks(64).chain([&[][..]]).enumerate() {
        let base = place * 64;
        let now = Classes::of(block);
        let (mut starts, mut stops) = bounds(now, before, text, base);
        let mut next = || {
            let at = base + starts.trailing_zeros() as usize;
            starts &= starts.wrapping_sub(1);
            at
        };
        if !before.ends_open() {
            start = next();
        }
        // Every word ends before the next one begins, so that they go in pairs.
        while stops != 0 {
            word(start, base + stops.trailing_zeros() as usize);
            stops &= stops - 1;
            start = next();
        }
        before = now;
    }
}

/// Where words begin in the block at `base`, and behind which bytes they end; what a block ends with may go on in the next.
fn bounds(now: Classes, before: Classes, text: &[u8], base: usize) -> (u64, u64) {
    let (digits, capitals, small) = (now.digits, now.capitals, now.small);
    let carried = |now: u64, before: u64| now << 1 | before >> 63;
    let (was_digit, was_capital, was_small) =
        (carried(digits, before.digits), carried(capitals, before.capitals), carried(small, before.small));
    let next_small = small >> 1 | u64::from(text.get(base + 64).is_some_and(u8::is_ascii_lowercase)) << 63;
    let (part, was_part) = (digits | capitals | small, was_digit | was_capital | was_small);
    let mut turns = capitals & was_capital & next_small;
    let mut left = turns;
    while left != 0 {
        let at = base + left.trailing_zeros() as usize;
        if is_plural(text.get(at + 1..).unwrap_or_default()) {
            turns &= !(left & left.wrapping_neg());
        }
        left &= left - 1;
    }
    let hump = capitals & was_small | turns;
    let starts = part & (!was_part | hump | digits & !was_digit | was_digit & !digits);
    (starts, starts & was_part | was_part & !part)
}

/// Whether something between a word and the one before keeps them from being one name.
pub fn are_apart(text: &[u8], end: usize, start: usize) -> bool {
    let gap = text.get(end..start).unwrap_or_default();
    gap.len() > 4 || gap.iter().any(is_mark)
}

/// What no name has inside.
fn is_mark(byte: &u8) -> bool {
    matches!(
        byte,
        b'"' | b'{'
            | b'}'
            | b'['
            | b']'
            | b','
            | b';'
            | b':'
            | b'='
            | b'|'
            | b'<'
            | b'>'
            | b'\t'
            | b'!'
            | b'?'
            | b'&'
            | b'\n'
    )
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Lower,
    Upper,
    Digit,
    /// Of a script that does not separate words.
    Joined,
    Gap,
}

/// What bytes of ASCII are.
static CLASSES: [Class; 256] = of_bytes!(at => match at {
    b'a'..=b'z' => Class::Lower,
    b'A'..=b'Z' => Class::Upper,
    b'0'..=b'9' => Class::Digit,
    _ => Class::Gap,
}, else Class::Gap);

impl Class {
    /// `entry`: what is known of a character that is not of ASCII.
    fn read(character: char, entry: Option<Entry>) -> Self {
        match entry {
            None => CLASSES.get(character as usize).copied().unwrap_or(Self::Gap),
            Some(entry) if entry.is_lower() => Self::Lower,
            Some(entry) if entry.is_joined() => Self::Joined,
            Some(entry) if entry.is_upper() => Self::Upper,
            Some(_) => Self::Gap,
        }
    }
}

/// Letters of scripts that write words without gaps, or join particles to them.
pub fn is_joined(character: char) -> bool {
    matches!(u32::from(character), 0x0900..=0x0FFF | 0x1000..=0x11FF | 0x1780..=0x17FF | 0x3040..=0x30FF | 0x3400..=0x9FFF | 0xAC00..=0xD7FF)
}

/// Appends letters and digits of `text` in lower case and without accents.
pub fn plain(text: &str, out: &mut String) {
    if text.is_ascii() {
        out.extend(text.bytes().filter(u8::is_ascii_alphanumeric).map(|byte| char::from(byte.to_ascii_lowercase())));
        return;
    }
    letters::spell(text, out);
}
