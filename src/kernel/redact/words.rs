//! Words of a key or a sentence, plain: no case, no accents, `camelCase` and `snake_case` taken apart.
use super::lanes::Classes;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// The most words that are read, and the most bytes of their text; what is further away says nothing.
const WORDS_MAX: usize = 24;
const TEXT_MAX: usize = 160;

/// A run of words and where they stand.
#[derive(Debug)]
pub struct Words<'t> {
    skipped: usize,
    text: &'t str,
    /// The plain letters of all words, one behind the other; nothing if the text is ASCII.
    plain: String,
    places: [Place; WORDS_MAX],
    count: usize,
}

#[derive(Clone, Copy, Debug, Default)]
struct Place {
    /// In the text behind what was skipped.
    text: (u16, u16),
    /// Of the plain letters.
    plain: (u16, u16),
    /// Where the word before ended.
    gap: u16,
    joined: bool,
}

impl<'t> Words<'t> {
    /// The last words of `text`.
    pub fn read(text: &'t str) -> Self {
        let skipped = super::evidence::floor(text, text.len().saturating_sub(TEXT_MAX));
        let text = text.get(skipped..).unwrap_or_default();
        let mut words = Self { skipped, text, plain: String::new(), places: [Place::default(); WORDS_MAX], count: 0 };
        if text.is_ascii() {
            let mut gap = None;
            each(text.as_bytes(), |start, end| {
                let gap = gap.replace(end).unwrap_or(start);
                if !is_possessive(text.as_bytes(), start, end) {
                    let text = (start as u16, end as u16);
                    words.put(Place { text, gap: gap as u16, ..Place::default() });
                }
            });
            return words;
        }
        let mut begin: Option<usize> = None;
        let mut before = Class::Gap;
        let mut characters = text.char_indices().peekable();
        while let Some((at, character)) = characters.next() {
            let class = Class::of(character);
            let next = characters.peek().map_or(Class::Gap, |(_, c)| Class::of(*c));
            let splits = match (before, class) {
                (_, Class::Gap) => true,
                (Class::Lower, Class::Upper) | (Class::Digit, _) => class != before,
                (Class::Upper, Class::Upper) => {
                    next == Class::Lower
                        && !is_plural(text.get(at + character.len_utf8()..).unwrap_or_default().as_bytes())
                }
                (Class::Upper | Class::Lower, Class::Digit) => true,
                _ => false,
            };
            if splits && let Some(start) = begin.take() {
                words.push(start, at);
            }
            if class != Class::Gap && begin.is_none() {
                begin = Some(at);
            }
            before = class;
        }
        if let Some(start) = begin {
            words.push(start, text.len());
        }
        words
    }

    fn put(&mut self, place: Place) {
        if self.count == WORDS_MAX {
            self.places.copy_within(1.., 0);
            self.count -= 1;
        }
        if let Some(slot) = self.places.get_mut(self.count) {
            *slot = place;
            self.count += 1;
        }
    }

    fn push(&mut self, start: usize, end: usize) {
        if is_possessive(self.text.as_bytes(), start, end) {
            return;
        }
        let gap = self.count.checked_sub(1).map_or(start as u16, |last| self.place(last).text.1);
        let (from, word) = (self.plain.len(), self.text.get(start..end).unwrap_or_default());
        plain(word, &mut self.plain);
        let joined = self.plain.get(from..).is_some_and(|plain| plain.chars().any(is_joined));
        let plain = (from as u16, self.plain.len() as u16);
        self.put(Place { text: (start as u16, end as u16), plain, gap, joined });
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.count
    }

    fn place(&self, at: usize) -> Place {
        self.places.get(at).copied().filter(|_| at < self.count).unwrap_or_default()
    }

    /// The letters of one word, plain but for the case of those of ASCII.
    pub fn plain(&self, at: usize) -> &[u8] {
        let Place { text, plain, .. } = self.place(at);
        let (letters, (from, to)) = if self.plain.is_empty() { (self.text, text) } else { (&*self.plain, plain) };
        letters.as_bytes().get(usize::from(from)..usize::from(to)).unwrap_or_default()
    }

    /// Whether a word and the one before it cannot be one name.
    pub fn is_apart(&self, at: usize) -> bool {
        let Place { text, gap, .. } = self.place(at);
        are_apart(self.text.as_bytes(), usize::from(gap), usize::from(text.0))
    }

    /// Whether a word is of a script that does not separate words.
    pub fn is_joined(&self, at: usize) -> bool {
        self.place(at).joined
    }

    /// Where words `start..=end` stand in the text.
    pub fn range(&self, start: usize, end: usize) -> (usize, usize) {
        (self.skipped + usize::from(self.place(start).text.0), self.skipped + usize::from(self.place(end).text.1))
    }
}

/// Whether a word is the s of a genitive: `driver's`.
fn is_possessive(text: &[u8], start: usize, end: usize) -> bool {
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
    Gap,
}

impl Class {
    fn of(character: char) -> Self {
        match character {
            'a'..='z' => Self::Lower,
            'A'..='Z' => Self::Upper,
            '0'..='9' => Self::Digit,
            _ if character.is_ascii() => Self::Gap,
            _ if character.is_uppercase() => Self::Upper,
            _ if character.is_alphanumeric() || is_combining_mark(character) => Self::Lower,
            _ => Self::Gap,
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
    for character in text.nfd().flat_map(char::to_lowercase) {
        match character {
            // `Nº` is the same as `N°`, whose sign is no letter.
            'º' | 'ª' => {}
            'ß' => out.push_str("ss"),
            'ø' => out.push('o'),
            'æ' => out.push_str("ae"),
            'œ' => out.push_str("oe"),
            'ł' => out.push('l'),
            'đ' | 'ð' => out.push('d'),
            'þ' => out.push_str("th"),
            'ı' => out.push('i'),
            _ if is_joined(character) => out.push(character),
            _ if is_combining_mark(character) || !character.is_alphanumeric() => {}
            _ => out.push(character),
        }
    }
}
