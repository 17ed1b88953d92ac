//! What characters are, beyond ASCII: a table of those that were asked about, since texts of other scripts ask for every
//! letter many times, and what the standard library holds is packed to be small.
use super::{view, words};
use std::sync::OnceLock;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// What is known of one character. From the lowest bit: what it is, the character of ASCII that it looks like (seven bits,
/// from the eighth on), its small letter (sixteen, from the sixteenth on) and its plain one (sixteen, from the thirty-second on).
#[derive(Clone, Copy)]
pub struct Entry(u64);

const LETTER: u64 = 1;
const NUMBER: u64 = 2;
const CAPITAL: u64 = 4;
const SMALL: u64 = 8;
const MARK: u64 = 16;
/// It is a digit of some script.
const DIGIT: u64 = 32;
/// A reader takes it for nothing else, whatever is around it.
const STAYS: u64 = 64;
/// It is a letter of Japanese with the mark of a voiced sound, or with that of a half-voiced one.
const VOICED: u64 = 128;
const HALF_VOICED: u64 = 1 << 15;
/// It is of a script that does not separate words, and so is what is plain of it; a capital otherwise, or another letter.
const JOINED: u64 = 1 << 48;
const PLAIN_JOINED: u64 = 1 << 49;
const UPPER: u64 = 1 << 50;
const LOWER: u64 = 1 << 51;
/// What is plain of it is written as two letters.
const TWO: u64 = 1 << 52;
const VOICE: char = '\u{3099}';
const HALF_VOICE: char = '\u{309A}';

/// In place of a character: it is none, or not one alone.
const NOTHING: u64 = 0;
const SEVERAL: u64 = 0xFFFF;

/// The table, by the highest bits of a code point: made page by page, each when the first of its characters is asked about.
static PAGES: [OnceLock<Box<[Entry]>>; 0x11_0000 / PAGE] = [const { OnceLock::new() }; 0x11_0000 / PAGE];
const PAGE: usize = 256;

impl Entry {
    /// What is known of a character.
    pub fn of(character: char) -> Self {
        let code = u32::from(character) as usize;
        let page = PAGES.get(code / PAGE).map(|page| page.get_or_init(|| Self::page(code / PAGE)));
        page.and_then(|page| page.get(code % PAGE)).copied().unwrap_or(Self(0))
    }

    fn page(place: usize) -> Box<[Self]> {
        let codes = place * PAGE..(place + 1) * PAGE;
        codes.map(|code| char::from_u32(code as u32).map_or(Self(0), Self::made)).collect()
    }

    fn made(character: char) -> Self {
        let flag = |is: bool, flag: u64| if is { flag } else { 0 };
        // Marks that are kept may change places with those around them.
        let moves = std::iter::once(character).nfd().any(|c| words::is_joined(c) && is_combining_mark(c));
        let plain = one(std::iter::once(character).nfd().flat_map(char::to_lowercase).filter_map(plain_one));
        let mut parts = std::iter::once(character).nfd();
        let (base, mark) = (parts.next(), parts.next().filter(|_| parts.next().is_none()));
        let voiced =
            base.zip(mark).filter(|(base, mark)| words::is_joined(*base) && matches!(*mark, VOICE | HALF_VOICE));
        let plain_alone = u32::try_from(plain).ok().and_then(char::from_u32);
        let plain_joined = voiced.is_some() || plain_alone.is_some_and(words::is_joined);
        let is_word = character.is_alphanumeric() || is_combining_mark(character);
        let class = match character {
            _ if is_word && words::is_joined(character) => JOINED,
            _ if character.is_uppercase() => UPPER,
            _ if is_word => LOWER,
            _ => 0,
        };
        let digit = zero(character);
        let looks = digit.map_or(alike(character), |zero| char::from_u32(0x30 + u32::from(character) - zero));
        Self(
            flag(character.is_alphabetic(), LETTER)
                | flag(character.is_numeric(), NUMBER)
                | flag(character.is_uppercase(), CAPITAL)
                | flag(character.is_lowercase(), SMALL)
                | flag(is_combining_mark(character), MARK)
                | flag(digit.is_some(), DIGIT)
                | flag(looks.is_none() && view::stays(character), STAYS)
                | class
                | flag(plain_joined, PLAIN_JOINED)
                | flag(matches!(plain_alone, Some('ß' | 'æ' | 'œ' | 'þ')), TWO)
                | flag(voiced.is_some_and(|(_, mark)| mark == VOICE), VOICED)
                | flag(voiced.is_some_and(|(_, mark)| mark == HALF_VOICE), HALF_VOICED)
                | looks.map_or(0, u64::from) << 8
                | one(character.to_lowercase()) << 16
                | match voiced {
                    Some((base, _)) => u64::from(base),
                    None if moves => SEVERAL,
                    None => plain,
                } << 32,
        )
    }

    fn is(self, any: u64) -> bool {
        self.0 & any != 0
    }

    /// Whether a reader takes it for nothing else, whatever is around it.
    pub fn stays(self) -> bool {
        self.is(STAYS)
    }

    /// Whether it looks like a letter of ASCII.
    pub fn is_like_latin(self) -> bool {
        !self.is(DIGIT) && self.looks().is_some()
    }

    /// Whether it is a mark on another.
    pub fn is_mark(self) -> bool {
        self.is(MARK)
    }

    /// Whether it is a letter or a mark of a script that does not separate words.
    pub fn is_joined(self) -> bool {
        self.is(JOINED)
    }

    /// Whether it is a capital of any other.
    pub fn is_upper(self) -> bool {
        self.is(UPPER)
    }

    /// Whether it is another letter, a digit or a mark of any other.
    pub fn is_lower(self) -> bool {
        self.is(LOWER)
    }

    /// Whether what is plain of it is of a script that does not separate words.
    pub fn is_plainly_joined(self) -> bool {
        self.is(PLAIN_JOINED)
    }

    /// Appends what is plain of it, which is this one.
    #[inline]
    pub fn push(self, one: char, out: &mut String) {
        if self.is(TWO) { push(one, out) } else { out.push(one) }
    }

    /// See [`Plain`]. `character`: what this is known of.
    pub fn plain(self, character: char) -> Plain {
        match self.0 >> 32 & 0xFFFF {
            NOTHING => Plain::Nothing,
            SEVERAL if SYLLABLES.contains(&character) => Plain::Syllable(character),
            SEVERAL => Plain::Several,
            code => match char::from_u32(code as u32) {
                Some(base) if self.is(VOICED) => Plain::Marked(base, VOICE),
                Some(base) if self.is(HALF_VOICED) => Plain::Marked(base, HALF_VOICE),
                Some(one) => Plain::One(one),
                None => Plain::Several,
            },
        }
    }

    /// [`char::is_uppercase`].
    pub fn is_capital(self) -> bool {
        self.is(CAPITAL)
    }

    /// [`char::is_lowercase`].
    pub fn is_small(self) -> bool {
        self.is(SMALL)
    }

    /// Calls `each` with the letters of [`char::to_lowercase`]. `character`: what this is known of.
    pub fn small(self, character: char, mut each: impl FnMut(char)) {
        let code = self.0 >> 16 & 0xFFFF;
        match char::from_u32(code as u32).filter(|_| code != SEVERAL) {
            Some(small) => each(small),
            None => character.to_lowercase().for_each(each),
        }
    }

    fn looks(self) -> Option<char> {
        Some(char::from((self.0 >> 8) as u8 & 0x7F)).filter(|c| *c != '\0')
    }
}

/// The code of the only one, or what stands in its place.
fn one(mut all: impl Iterator<Item = char>) -> u64 {
    match (all.next(), all.next()) {
        (None, _) => NOTHING,
        (Some(one), None) if u64::from(one) < SEVERAL => u64::from(one),
        _ => SEVERAL,
    }
}

/// [`char::is_alphabetic`].
pub fn is_letter(character: char) -> bool {
    Entry::of(character).is(LETTER)
}

/// [`char::is_alphanumeric`].
pub fn is_word(character: char) -> bool {
    Entry::of(character).is(LETTER | NUMBER)
}

/// [`char::is_uppercase`].
pub fn is_capital(character: char) -> bool {
    Entry::of(character).is_capital()
}

/// Calls `each` with the letters of [`char::to_lowercase`].
pub fn small(character: char, mut each: impl FnMut(char)) {
    if character.is_ascii() {
        return each(character.to_ascii_lowercase());
    }
    Entry::of(character).small(character, each);
}

/// What a character is without its accents and small.
pub enum Plain {
    /// One letter or digit.
    One(char),
    /// A letter of Japanese and the mark of its voice, if no other mark follows.
    Marked(char, char),
    /// A syllable of Hangul, which is told by its letters.
    Syllable(char),
    /// Nothing that is compared.
    Nothing,
    /// Only its text tells.
    Several,
}

/// See [`Plain`].
pub fn plain(character: char) -> Plain {
    Entry::of(character).plain(character)
}

/// A character of a decomposed text in small letters, if it is compared; those that become two are left to who asks.
fn plain_one(character: char) -> Option<char> {
    match character {
        // `Nº` is the same as `N°`, whose sign is no letter.
        'º' | 'ª' => None,
        'ø' => Some('o'),
        'ł' => Some('l'),
        'đ' | 'ð' => Some('d'),
        'ı' => Some('i'),
        _ if words::is_joined(character) => Some(character),
        _ if is_combining_mark(character) || !character.is_alphanumeric() => None,
        _ => Some(character),
    }
}

/// Appends letters and digits of `text` in lower case and without accents, whatever they are.
pub fn spell(text: &str, out: &mut String) {
    let start = out.len();
    let mut marked = false;
    for character in text.chars() {
        let entry = Entry::of(character);
        let plain = if marked && entry.is(MARK) { Plain::Several } else { entry.plain(character) };
        marked = matches!(plain, Plain::Marked(..));
        match plain {
            Plain::One(one) => entry.push(one, out),
            Plain::Marked(base, mark) => out.extend([base, mark]),
            Plain::Syllable(syllable) => jamo(syllable, out),
            Plain::Nothing => {}
            Plain::Several => {
                out.truncate(start);
                let small = text.nfd().flat_map(char::to_lowercase).filter_map(plain_one);
                small.for_each(|one| push(one, out));
                return;
            }
        }
    }
}

/// The syllables of Hangul.
const SYLLABLES: std::ops::RangeInclusive<char> = '\u{AC00}'..='\u{D7A3}';

/// Appends the letters of a syllable (Unicode, 3.12, Hangul syllable decomposition): first, middle and, of most, last.
pub fn jamo(syllable: char, out: &mut String) {
    let place = u32::from(syllable).saturating_sub(0xAC00);
    let last = place % 28;
    let letters = [0x1100 + place / (21 * 28), 0x1161 + place / 28 % 21, 0x11A7 + last];
    out.extend(letters.into_iter().take(if last == 0 { 2 } else { 3 }).filter_map(char::from_u32));
}

/// Appends a plain letter; some are written as two.
pub fn push(one: char, out: &mut String) {
    match one {
        'ß' => out.push_str("ss"),
        'æ' => out.push_str("ae"),
        'œ' => out.push_str("oe"),
        'þ' => out.push_str("th"),
        _ => out.push(one),
    }
}

/// The digit of ASCII that one of another script is.
pub fn digit(character: char) -> Option<char> {
    let entry = Entry::of(character);
    entry.looks().filter(|_| entry.is(DIGIT))
}

/// The letter of ASCII that one looks like.
pub fn looks_latin(character: char) -> Option<char> {
    let entry = Entry::of(character);
    entry.looks().filter(|_| !entry.is(DIGIT))
}

/// The zeros of other scripts' digits (Unicode, general category Nd).
const ZEROS: &[u32] = &[
    0x0660, 0x06F0, 0x07C0, 0x0966, 0x09E6, 0x0A66, 0x0AE6, 0x0B66, 0x0BE6, 0x0C66, 0x0CE6, 0x0D66, 0x0DE6, 0x0E50,
    0x0ED0, 0x0F20, 0x1040, 0x1090, 0x17E0, 0x1810, 0x1946, 0x19D0, 0x1A80, 0x1A90, 0x1B50, 0x1BB0, 0x1C40, 0x1C50,
    0xA620, 0xA8D0, 0xA900, 0xA9D0, 0xA9F0, 0xAA50, 0xABF0, 0xFF10, 0x104A0, 0x11066, 0x110F0, 0x11136, 0x111D0,
    0x112F0, 0x11450, 0x114D0, 0x11650, 0x116C0, 0x11730, 0x118E0, 0x11C50, 0x11D50, 0x16A60, 0x16B50, 0x1E140,
    0x1E2F0, 0x1E950, 0x1FBF0,
];

/// The zero of the script that a digit is of.
fn zero(character: char) -> Option<u32> {
    let code = u32::from(character);
    ZEROS.iter().copied().find(|zero| (*zero..*zero + 10).contains(&code))
}

/// The Latin letter that one looks like (Unicode confusables, those of living scripts).
fn alike(character: char) -> Option<char> {
    const PAIRS: &str = "АAВBЕEКKМMНHОOРPСCТTХXаaеeоoрpсcуyхxіiІIјjЈJѕsЅSһhԁdԛqԚQԝwԜWӏlӀIгrпnΑAΒBΕEΖZΗHΙIΚKΜMΝNΟOΡPΤTΥYΧXαaοoρpνvιiκkυuϲcϹCՕOօoսuոnһhհhɡgɑaıi";
    let mut pairs = PAIRS.chars();
    while let (Some(known), Some(latin)) = (pairs.next(), pairs.next()) {
        if known == character {
            return Some(latin);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_character_is_what_the_standard_library_says() {
        for c in '\0'..=char::MAX {
            assert_eq!(is_letter(c), c.is_alphabetic(), "{c:?}");
            assert_eq!(is_word(c), c.is_alphanumeric(), "{c:?}");
            assert_eq!(is_capital(c), c.is_uppercase(), "{c:?}");
            assert_eq!(Entry::of(c).is_small(), c.is_lowercase(), "{c:?}");
            let entry = Entry::of(c);
            let is_part = c.is_alphanumeric() || is_combining_mark(c);
            assert_eq!(entry.is_joined(), is_part && words::is_joined(c), "{c:?}");
            assert_eq!(entry.is_upper(), c.is_uppercase() && !entry.is_joined(), "{c:?}");
            assert_eq!(entry.is_lower(), is_part && !entry.is_joined() && !entry.is_upper(), "{c:?}");
            assert_eq!(looks_latin(c).is_some(), alike(c).is_some(), "{c:?}");
            assert_eq!(digit(c).is_some(), zero(c).is_some(), "{c:?}");
            let mut all = String::new();
            small(c, |one| all.push(one));
            assert_eq!(all, c.to_lowercase().to_string(), "{c:?}");
        }
    }

    #[test]
    fn a_character_that_stays_is_itself_wherever_it_stands() {
        let mut stay = 0;
        for c in ('\u{80}'..=char::MAX).filter(|c| Entry::of(*c).stays()) {
            for text in [format!("1{c}1"), format!("12 {c}"), format!("a{c}z"), format!("p{c}ssword")] {
                assert_eq!(view::View::new(&text).folded(), text, "{c:?}");
            }
            stay += 1;
        }
        assert!(stay > 1_000_000, "{stay}");
        for c in ['\u{AD}', '\u{660}', '\u{430}', '\u{FF11}', '\u{2010}', '\u{30FC}', '\u{3002}', '\u{301}'] {
            assert!(!Entry::of(c).stays(), "{c:?}");
        }
    }

    #[test]
    fn a_word_is_spelled_the_same_letter_by_letter_and_as_a_whole() {
        let whole = |text: &str| text.nfd().flat_map(char::to_lowercase).filter_map(plain_one).collect::<String>();
        for c in ('\0'..=char::MAX).filter(|c| !matches!(c, 'ß' | 'æ' | 'œ' | 'þ' | 'ẞ' | 'Æ' | 'Œ' | 'Þ')) {
            let text = format!("a{c}\u{301}\u{93c}b");
            let mut spelled = String::new();
            spell(&text, &mut spelled);
            if !whole(&text).contains(['ß', 'æ', 'œ', 'þ']) {
                assert_eq!(spelled, whole(&text), "{c:?}");
            }
        }
        let mut spelled = String::new();
        spell("Straße Ærø Cœur ÞÓR łódź Nº", &mut spelled);
        assert_eq!(spelled, "strasseaerocoeurthorlodzn");
    }
}
