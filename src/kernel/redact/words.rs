//! Words of a key or a sentence, plain: no case, no accents, `camelCase` and `snake_case` taken apart.
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// The most words that are read, and the most bytes of their text; what is further away says nothing.
const WORDS_MAX: usize = 24;
const TEXT_MAX: usize = 160;
/// Plain letters of that text: a character may become two, and three bytes may become six.
const PLAIN_MAX: usize = 2 * TEXT_MAX;

/// A run of words and where they stand.
#[derive(Debug)]
pub struct Words {
    plain: [u8; PLAIN_MAX],
    length: usize,
    places: [Place; WORDS_MAX],
    count: usize,
}

#[derive(Clone, Copy, Debug, Default)]
struct Place {
    plain: (u16, u16),
    text: (usize, usize),
    joined: bool,
    /// Something between it and the word before keeps them from being one name.
    apart: bool,
}

impl Words {
    /// The last words of `text`.
    pub fn read(text: &str) -> Self {
        let skipped = super::evidence::floor(text, text.len().saturating_sub(TEXT_MAX));
        let text = text.get(skipped..).unwrap_or_default();
        let mut words = Self { plain: [0; PLAIN_MAX], length: 0, places: [Place::default(); WORDS_MAX], count: 0 };
        if text.is_ascii() {
            words.read_ascii(text.as_bytes(), skipped);
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
                words.push(text, start, at, skipped);
            }
            if class != Class::Gap && begin.is_none() {
                begin = Some(at);
            }
            before = class;
        }
        if let Some(start) = begin {
            words.push(text, start, text.len(), skipped);
        }
        words
    }

    /// The same for a text of nothing but ASCII, byte by byte.
    fn read_ascii(&mut self, text: &[u8], skipped: usize) {
        let mut begin = None;
        let mut before = Class::Gap;
        // The end of the last word, and whether what follows it keeps the next one apart.
        let (mut last, mut apart) = (0, false);
        for (at, byte) in text.iter().enumerate() {
            let class = class(*byte);
            if class == Class::Gap {
                if let Some(start) = begin.take() {
                    self.push_ascii(text, (start, at), skipped, (last, apart));
                    (last, apart) = (at, false);
                }
                apart |= matches!(
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
                );
            } else {
                let splits = match (before, class) {
                    (Class::Upper, Class::Upper) => {
                        let rest = text.get(at + 1..).unwrap_or_default();
                        rest.first().is_some_and(u8::is_ascii_lowercase) && !is_plural(rest)
                    }
                    (Class::Lower, Class::Upper) | (Class::Digit, _) => class != before,
                    (_, Class::Digit) => class != before,
                    _ => false,
                };
                if splits && let Some(start) = begin.take() {
                    self.push_ascii(text, (start, at), skipped, (last, apart));
                    (last, apart) = (at, false);
                }
                begin = begin.or(Some(at));
            }
            before = class;
        }
        if let Some(start) = begin {
            self.push_ascii(text, (start, text.len()), skipped, (last, apart));
        }
    }

    fn push_ascii(&mut self, text: &[u8], (start, end): (usize, usize), skipped: usize, (last, apart): (usize, bool)) {
        if is_possessive(text, start, end) {
            return;
        }
        let first = self.count == 0;
        if self.count == WORDS_MAX {
            self.places.copy_within(1.., 0);
            self.count -= 1;
        }
        let from = self.length;
        let word = text.get(start..end).unwrap_or_default();
        for (slot, byte) in self.plain.iter_mut().skip(from).zip(word) {
            *slot = byte.to_ascii_lowercase();
            self.length += 1;
        }
        if let Some(slot) = self.places.get_mut(self.count) {
            *slot = Place {
                apart: !first && (apart || start - last > 4),
                plain: (u16::try_from(from).unwrap_or(0), u16::try_from(self.length).unwrap_or(0)),
                text: (start + skipped, end + skipped),
                joined: false,
            };
            self.count += 1;
        }
    }

    fn push(&mut self, text: &str, start: usize, end: usize, skipped: usize) {
        if is_possessive(text.as_bytes(), start, end) {
            return;
        }
        if self.count == WORDS_MAX {
            self.places.copy_within(1.., 0);
            self.count -= 1;
        }
        let from = self.length;
        let word = text.get(start..end).unwrap_or_default();
        let joined = if word.is_ascii() {
            word.bytes().for_each(|byte| self.put(byte.to_ascii_lowercase()));
            false
        } else {
            let mut plainer = String::new();
            plain(word, &mut plainer);
            plainer.bytes().for_each(|byte| self.put(byte));
            plainer.chars().any(is_joined)
        };
        let before = self.count.checked_sub(1).map_or(start, |last| self.place(last).text.1 - skipped);
        let gap = text.get(before..start).unwrap_or_default();
        let place = Place {
            apart: gap.len() > 4
                || gap
                    .contains(['"', '{', '}', '[', ']', ',', ';', ':', '=', '|', '<', '>', '\t', '!', '?', '&', '\n']),
            plain: (u16::try_from(from).unwrap_or(0), u16::try_from(self.length).unwrap_or(0)),
            text: (start + skipped, end + skipped),
            joined,
        };
        if let Some(slot) = self.places.get_mut(self.count) {
            *slot = place;
            self.count += 1;
        }
    }

    fn put(&mut self, byte: u8) {
        if let Some(slot) = self.plain.get_mut(self.length) {
            *slot = byte;
            self.length += 1;
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.count
    }

    fn place(&self, at: usize) -> Place {
        self.places.get(at).copied().filter(|_| at < self.count).unwrap_or_default()
    }

    /// The plain letters of one word.
    pub fn plain(&self, at: usize) -> &[u8] {
        let (from, to) = self.place(at).plain;
        self.plain.get(usize::from(from)..usize::from(to)).unwrap_or_default()
    }

    /// Whether a word and the one before it cannot be one name.
    pub fn is_apart(&self, at: usize) -> bool {
        self.place(at).apart
    }

    /// Whether a word is of a script that does not separate words.
    pub fn is_joined(&self, at: usize) -> bool {
        self.place(at).joined
    }

    /// Where words `start..=end` stand in the text.
    pub fn range(&self, start: usize, end: usize) -> (usize, usize) {
        (self.place(start).text.0, self.place(end).text.1)
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

#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Lower,
    Upper,
    Digit,
    Gap,
}

/// The class of a byte of ASCII.
fn class(byte: u8) -> Class {
    const CLASSES: [Class; 128] = {
        let mut classes = [Class::Gap; 128];
        let mut at = 0u8;
        while at < 0x80 {
            #[allow(clippy::indexing_slicing, reason = "worked out by the compiler: out of bounds does not build")]
            let class = &mut classes[at as usize];
            *class = match at {
                b'a'..=b'z' => Class::Lower,
                b'A'..=b'Z' => Class::Upper,
                b'0'..=b'9' => Class::Digit,
                _ => Class::Gap,
            };
            at += 1;
        }
        classes
    };
    CLASSES.get(usize::from(byte)).copied().unwrap_or(Class::Gap)
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
