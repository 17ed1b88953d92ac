//! Words of a key or a sentence, plain: no case, no accents, `camelCase` and `snake_case` taken apart.
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// The most words that are read; what is further away says nothing.
const WORDS_MAX: usize = 24;

/// A run of words and where they stand.
#[derive(Debug, Default)]
pub struct Words {
    plain: String,
    /// Per word: the range in `plain`, the range in the text.
    places: Vec<Place>,
}

#[derive(Clone, Copy, Debug)]
struct Place {
    plain: (usize, usize),
    text: (usize, usize),
}

impl Words {
    /// The last words of `text`.
    pub fn read(text: &str) -> Self {
        let mut words = Self::default();
        let mut begin: Option<usize> = None;
        let mut before = Class::Gap;
        let mut characters = text.char_indices().peekable();
        while let Some((at, character)) = characters.next() {
            let class = Class::of(character);
            let next = characters.peek().map_or(Class::Gap, |(_, c)| Class::of(*c));
            let splits = match (before, class) {
                (_, Class::Gap) => true,
                (Class::Lower, Class::Upper) | (Class::Digit, _) => class != before,
                (Class::Upper, Class::Upper) => next == Class::Lower,
                (Class::Upper | Class::Lower, Class::Digit) => true,
                _ => false,
            };
            if splits {
                if let Some(start) = begin.take() {
                    words.push(text, start, at);
                }
            }
            if class != Class::Gap && begin.is_none() {
                begin = Some(at);
            }
            before = class;
        }
        if let Some(start) = begin {
            words.push(text, start, text.len());
        }
        if let Some(extra) = words.places.len().checked_sub(WORDS_MAX) {
            words.places.drain(..extra);
        }
        words
    }

    fn push(&mut self, text: &str, start: usize, end: usize) {
        let from = self.plain.len();
        plain(text.get(start..end).unwrap_or_default(), &mut self.plain);
        self.places.push(Place { plain: (from, self.plain.len()), text: (start, end) });
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Words `start..end` without what separated them.
    pub fn join(&self, start: usize, end: usize) -> &str {
        let first = self.places.get(start).map_or(0, |place| place.plain.0);
        let last = end.checked_sub(1).and_then(|at| self.places.get(at)).map_or(0, |place| place.plain.1);
        self.plain.get(first..last).unwrap_or_default()
    }

    /// Where words `start..end` stand in the text.
    pub fn range(&self, start: usize, end: usize) -> (usize, usize) {
        let first = self.places.get(start).map_or(0, |place| place.text.0);
        let last = end.checked_sub(1).and_then(|at| self.places.get(at)).map_or(0, |place| place.text.1);
        (first, last)
    }
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
