//! Characters that nobody sees: found and taken out, without harm to emoji, flags and scripts that
//! need joiners.
//!
//! A decision about a character looks at the last character that was kept and at the one that follows
//! in the text, if that one is always kept. So what is left after [`strip`] has nothing hidden.
use std::borrow::Cow;

/// What hides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Tag characters outside of a flag: ASCII that no font shows.
    Tag,
    /// Overrides, embeddings and isolates of direction, and marks where there is no right-to-left text.
    Direction,
    /// Characters without width, where no script needs them.
    Invisible,
    /// Variation selectors that select nothing. Each of them can carry a byte.
    Variation,
    /// Control characters, except tab and line ends.
    Control,
    /// A sequence for terminals (ECMA-48).
    Escape,
}

impl Kind {
    /// What a reviewer reads.
    pub fn name(self) -> &'static str {
        match self {
            Self::Tag => "tag character",
            Self::Direction => "control of text direction",
            Self::Invisible => "invisible character",
            Self::Variation => "variation selector that selects nothing",
            Self::Control => "control character",
            Self::Escape => "terminal sequence",
        }
    }
}

/// Something hidden in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hidden {
    /// What it is.
    pub kind: Kind,
    /// Where it begins, in bytes.
    pub offset: usize,
    /// Where it ends, in bytes.
    pub end: usize,
    /// Its first character.
    pub character: char,
}

/// The first thing hidden in a text. Texts in ASCII cost a few bytes per cycle.
pub fn hidden(text: &str) -> Option<Hidden> {
    Scan::new(text)?.next()
}

/// The text without what is hidden in it. Adds nothing; what is left has nothing hidden.
pub fn strip(text: &str) -> Cow<'_, str> {
    let Some(mut scan) = Scan::new(text) else { return Cow::Borrowed(text) };
    let Some(first) = scan.next() else { return Cow::Borrowed(text) };
    let mut kept = String::with_capacity(text.len());
    kept.push_str(text.get(..first.offset).unwrap_or_default());
    let mut from = first.end;
    for found in scan {
        kept.push_str(text.get(from..found.offset).unwrap_or_default());
        from = found.end;
    }
    kept.push_str(text.get(from..).unwrap_or_default());
    Cow::Owned(kept)
}

/// Whether a byte may begin something hidden.
fn suspicious(byte: u8) -> bool {
    !matches!(byte, b' '..=b'~' | b'\t' | b'\n' | b'\r')
}

/// One pass over a text.
struct Scan<'a> {
    text: &'a str,
    /// The next byte to look at.
    at: usize,
    /// The last character that was kept.
    before: Option<char>,
    /// Whether there is right-to-left text, once somebody asked. Its letters are always kept.
    rtl: Option<bool>,
}

impl<'a> Scan<'a> {
    /// From the first byte that may matter; none if there is no such byte.
    fn new(text: &'a str) -> Option<Self> {
        // Whole pieces without a branch per byte, which compilers turn into vector code.
        const PIECE: usize = 64;
        let pieces = text.as_bytes().chunks(PIECE);
        let clean = pieces.take_while(|piece| !piece.iter().fold(false, |bad, byte| bad | suspicious(*byte)));
        let skipped = clean.count() * PIECE;
        let rest = text.as_bytes().get(skipped..)?;
        let at = skipped + rest.iter().position(|byte| suspicious(*byte))?;
        // What comes before is ASCII, so it is one character.
        let before = at.checked_sub(1).and_then(|last| text.as_bytes().get(last)).map(|byte| char::from(*byte));
        Some(Self { text, at, before, rtl: None })
    }

    fn has_rtl(&mut self) -> bool {
        *self.rtl.get_or_insert_with(|| has_rtl(self.text))
    }

    /// What a character hides, if it does.
    fn judge(&mut self, character: char, rest: &str) -> Option<Kind> {
        let before = self.before;
        let next = rest.chars().nth(1);
        let code = u32::from(character);
        match code {
            0x09 | 0x0A | 0x0D | 0x20..=0x7E => None,
            0x1B | 0x90 | 0x98 | 0x9B | 0x9D..=0x9F => Some(Kind::Escape),
            0..=0x1F | 0x7F..=0x9F => Some(Kind::Control),
            0xA0..=0xAC => None,
            0x202A..=0x202E | 0x2066..=0x2069 => Some(Kind::Direction),
            0x200E | 0x200F | 0x061C => {
                let alone = before.is_none_or(|before| !matches!(before, '\u{200E}' | '\u{200F}' | '\u{061C}'));
                (!alone || !self.has_rtl()).then_some(Kind::Direction)
            }
            0xE0000..=0xE00FF | 0xE01F0..=0xE0FFF => Some(Kind::Tag),
            0xFE00..=0xFE0F | 0xE0100..=0xE01EF | 0x180B..=0x180D | 0x180F => {
                (!selects(character, before, next)).then_some(Kind::Variation)
            }
            0x200C | 0x200D => (!joins(character, before, next)).then_some(Kind::Invisible),
            0x200B => (!before.is_some_and(breaks_anywhere)).then_some(Kind::Invisible),
            // Files of some systems begin with it.
            0xFEFF => before.is_some().then_some(Kind::Invisible),
            0x034F => {
                (!before.is_some_and(|before| !before.is_ascii() && !is_joiner(before))).then_some(Kind::Invisible)
            }
            0x180E => {
                (!before.is_some_and(|before| matches!(u32::from(before), 0x1820..=0x18AF))).then_some(Kind::Invisible)
            }
            0x115F => (!next.is_some_and(|next| matches!(u32::from(next), 0x1161..=0x11FF))).then_some(Kind::Invisible),
            0x1160 => {
                (!before.is_some_and(|before| matches!(u32::from(before), 0x1100..=0x115F))).then_some(Kind::Invisible)
            }
            0xAD
            | 0x17B4..=0x17B5
            | 0x2060..=0x2065
            | 0x206A..=0x206F
            | 0x3164
            | 0xFFA0
            | 0xFFF0..=0xFFFB
            | 0x1BCA0..=0x1BCA3
            | 0x1D173..=0x1D17A => Some(Kind::Invisible),
            _ => None,
        }
    }
}

impl Iterator for Scan<'_> {
    type Item = Hidden;

    fn next(&mut self) -> Option<Hidden> {
        loop {
            let rest = self.text.get(self.at..)?;
            let character = rest.chars().next()?;
            let offset = self.at;
            let flag = if self.before == Some('\u{1F3F4}') { flag(rest) } else { None };
            if let Some(flag) = flag {
                self.at += flag;
                self.before = Some('\u{E007F}');
                continue;
            }
            let Some(kind) = self.judge(character, rest) else {
                self.at += character.len_utf8();
                self.before = Some(character);
                continue;
            };
            self.at += if kind == Kind::Escape { sequence(rest) } else { character.len_utf8() };
            return Some(Hidden { kind, offset, end: self.at, character });
        }
    }
}

/// How many bytes of tags make a black flag the flag of England, Scotland or Wales: the only ones
/// recommended for interchange (UTS #51).
fn flag(rest: &str) -> Option<usize> {
    const FLAGS: [&str; 3] = [
        "\u{E0067}\u{E0062}\u{E0065}\u{E006E}\u{E0067}\u{E007F}",
        "\u{E0067}\u{E0062}\u{E0073}\u{E0063}\u{E0074}\u{E007F}",
        "\u{E0067}\u{E0062}\u{E0077}\u{E006C}\u{E0073}\u{E007F}",
    ];
    FLAGS.iter().find(|tags| rest.starts_with(**tags)).map(|tags| tags.len())
}

/// How many bytes a terminal sequence has (ECMA-48, section 5). One that does not end is its introducer.
fn sequence(rest: &str) -> usize {
    let mut characters = rest.char_indices();
    let Some((_, first)) = characters.next() else { return 0 };
    let introducer = match (first, characters.clone().next()) {
        ('\u{1B}', Some((_, second @ ('[' | ']' | 'P' | 'X' | '^' | '_')))) => {
            characters.next();
            second
        }
        ('\u{1B}', _) => {
            let ended = characters.find(|(_, character)| !matches!(character, ' '..='/'));
            return match ended {
                Some((at, '0'..='~')) => at + 1,
                // Not a sequence: only the escape goes.
                _ => first.len_utf8(),
            };
        }
        ('\u{9B}', _) => '[',
        _ => ']',
    };
    let begun = characters.offset();
    if introducer == '[' {
        return match characters.find(|(_, character)| !matches!(character, ' '..='?')) {
            Some((at, '@'..='~')) => at + 1,
            _ => begun,
        };
    }
    // A string, up to its terminator. Another introducer means that this one never ended.
    let ended = characters.find(|(_, character)| matches!(character, '\u{7}' | '\u{1B}' | '\u{80}'..='\u{9F}'));
    match ended {
        Some((at, end @ ('\u{7}' | '\u{9C}'))) => at + end.len_utf8(),
        Some((at, '\u{1B}')) if characters.next().is_some_and(|(_, last)| last == '\\') => at + 2,
        _ => begun,
    }
}

/// Whether a joiner joins something: an emoji sequence, or letters of a script that needs it.
fn joins(joiner: char, before: Option<char>, next: Option<char>) -> bool {
    let Some(before) = before else { return false };
    let emoji = joiner == '\u{200D}'
        && next.is_some_and(is_pictograph)
        && (is_pictograph(before) || matches!(before, '\u{FE0F}' | '\u{1F3FB}'..='\u{1F3FF}'));
    emoji || is_joining(before)
}

/// Whether a variation selector selects something.
fn selects(selector: char, before: Option<char>, next: Option<char>) -> bool {
    let Some(before) = before else { return false };
    let code = u32::from(before);
    let ideograph = matches!(code, 0x3400..=0x4DBF | 0x4E00..=0x9FFF | 0xF900..=0xFAFF | 0x20000..=0x3FFFF);
    match u32::from(selector) {
        0x180B..=0x180F => matches!(code, 0x1820..=0x18AF),
        0xE0100..=0xE01EF => ideograph,
        0xFE0E | 0xFE0F => {
            let keycap = matches!(before, '0'..='9' | '#' | '*') && next == Some('\u{20E3}');
            keycap || is_pictograph(before)
        }
        // Mathematics, Myanmar, Mongolian, Phags-pa, Manichaean and ideographs.
        _ => {
            ideograph
                || matches!(code, 0x1000..=0x109F | 0x1820..=0x18AF | 0x2190..=0x22FF | 0x2600..=0x27BF)
                || matches!(code, 0x3001..=0x30FF | 0xA840..=0xA87F | 0xFF01..=0xFF60 | 0x10AC0..=0x10AFF)
        }
    }
}

fn is_joiner(character: char) -> bool {
    matches!(character, '\u{200C}' | '\u{200D}' | '\u{034F}')
}

/// What may be shown as an emoji: symbols rather than letters, except digits.
fn is_pictograph(character: char) -> bool {
    matches!(u32::from(character),
        0xA9 | 0xAE | 0x203C | 0x2049 | 0x2122 | 0x2139 | 0x2190..=0x21FF | 0x2300..=0x23FF | 0x24C2
        | 0x25A0..=0x27BF | 0x2934 | 0x2935 | 0x2B00..=0x2BFF | 0x3030 | 0x303D | 0x3297 | 0x3299
        | 0x1F000..=0x1F3FA | 0x1F400..=0x1FAFF)
}

/// Letters and signs of scripts whose letters join: Hebrew to Mandaic, Indic scripts and those from them.
fn is_joining(character: char) -> bool {
    matches!(u32::from(character),
        0x0590..=0x061B | 0x061D..=0x08FF | 0x0900..=0x0DFF | 0x0F00..=0x109F | 0x1780..=0x17B3 | 0x17B6..=0x180A
        | 0x1820..=0x18AF | 0x1900..=0x1CFF | 0xA800..=0xA8FF | 0xA980..=0xA9FF | 0xAA00..=0xAAFF | 0xABC0..=0xABFF
        | 0xFB1D..=0xFDFF | 0xFE70..=0xFEFC | 0x10A00..=0x10EFF | 0x11000..=0x11FFF | 0x1E900..=0x1E95F)
}

/// Scripts written without spaces, where a break of no width is how words are told apart.
fn breaks_anywhere(character: char) -> bool {
    matches!(u32::from(character),
        0x0E00..=0x0EFF | 0x0F00..=0x109F | 0x1780..=0x17B3 | 0x17B6..=0x17FF | 0x1950..=0x19FF | 0x1A20..=0x1AAF
        | 0xA9E0..=0xA9FF | 0xAA60..=0xAA7F)
}

/// Whether there is right-to-left text that is kept: what stands within terminal sequences is not.
fn has_rtl(text: &str) -> bool {
    let mut rest = text;
    while let Some(character) = rest.chars().next() {
        if is_rtl(character) {
            return true;
        }
        let escape = matches!(character, '\u{1B}' | '\u{90}' | '\u{98}' | '\u{9B}' | '\u{9D}'..='\u{9F}');
        let length = if escape { sequence(rest) } else { character.len_utf8() };
        rest = rest.get(length..).unwrap_or_default();
    }
    false
}

/// Letters written from right to left.
fn is_rtl(character: char) -> bool {
    matches!(u32::from(character),
        0x05BE..=0x061B | 0x061D..=0x08FF | 0xFB1D..=0xFDFF | 0xFE70..=0xFEFC | 0x10800..=0x10FFF | 0x1E800..=0x1EFFF)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_people_write_is_not_hidden() {
        for text in [
            "plain\ttext\r\nwith lines",
            "familia 👨‍👩‍👧‍👦, 👩🏽‍🚀, 🏳️‍🌈, 🏴‍☠️, ❤️‍🔥, 🧑‍⚕️",
            "🏴󠁧󠁢󠁥󠁮󠁧󠁿 🏴󠁧󠁢󠁳󠁣󠁴󠁿 🏴󠁧󠁢󠁷󠁬󠁳󠁿 🇩🇪 1️⃣ #️⃣ ©️ ☎︎ ✈️",
            "שלום עולם, زيارة, مرحبا 123",
            "ירושלים\u{200F}!",
            "می\u{200C}خواهم نامه\u{200C}ای",
            "क्\u{200D}ष हिन्दी, ශ්\u{200D}රී ලංකා, മലയാള\u{200D}",
            "ภาษา\u{200B}ไทย",
            "\u{FEFF}begins with a mark",
            "葛\u{E0100}城市 ≨\u{FE00}",
            "e\u{301}t\u{e9} naïve — “quoted” … 日本語 中文 한국어",
        ] {
            assert_eq!(hidden(text), None, "{text:?}");
            assert_eq!(strip(text), text);
        }
    }

    #[test]
    fn what_nobody_sees_is_found_and_taken_out() {
        let tags: String = "ignore".chars().filter_map(|c| char::from_u32(0xE0000 + u32::from(c))).collect();
        let cases: &[(&str, Kind, &str)] = &[
            (&format!("hello{tags}!"), Kind::Tag, "hello!"),
            (&format!("🏴{tags}\u{E007F}"), Kind::Tag, "🏴"),
            ("abc\u{202E}dcba\u{202C}", Kind::Direction, "abcdcba"),
            ("a\u{2067}b\u{2069}", Kind::Direction, "ab"),
            ("plain\u{200F} text", Kind::Direction, "plain text"),
            ("ig\u{200B}nore", Kind::Invisible, "ignore"),
            ("ig\u{200D}no\u{2060}re\u{AD}", Kind::Invisible, "ignore"),
            ("می\u{200C}\u{200C}\u{200D}خواهم", Kind::Invisible, "می\u{200C}خواهم"),
            ("x\u{3164}y\u{FEFF}", Kind::Invisible, "xy"),
            ("a\u{FE01}\u{E0101}\u{FE0F}", Kind::Variation, "a"),
            ("😀\u{FE0F}\u{E0148}\u{E0155}", Kind::Variation, "😀\u{FE0F}"),
            ("a\0b\u{7F}c\u{85}", Kind::Control, "abc"),
            ("\u{1B}[2J\u{1B}[1;31mred\u{1B}[0m", Kind::Escape, "red"),
            ("\u{1B}]8;;https://evil.test\u{1B}\\link\u{1B}]8;;\u{7}", Kind::Escape, "link"),
            ("\u{9B}31mred\u{1B}(B\u{1B}c", Kind::Escape, "red"),
            ("\u{1B}]0;never ended", Kind::Escape, "0;never ended"),
            ("\u{1B}é\u{1B}", Kind::Escape, "é"),
        ];
        for (text, kind, left) in cases {
            assert_eq!(hidden(text).map(|found| found.kind), Some(*kind), "{text:?}");
            assert_eq!(strip(text), *left, "{text:?}");
        }
    }

    #[test]
    fn it_is_found_wherever_it_stands() {
        for before in 0..200 {
            let text = format!("{}\u{200B}{}", "x".repeat(before), "y".repeat(70));
            assert_eq!(hidden(&text).map(|found| found.offset), Some(before));
        }
    }

    /// Texts made of what the rules look at.
    fn text() -> impl Strategy<Value = String> {
        let part = prop_oneof![
            any::<char>(),
            proptest::sample::select(vec![
                'a',
                ' ',
                '[',
                ']',
                '\\',
                'm',
                '1',
                '\u{1B}',
                '\u{7}',
                '\u{9B}',
                '\u{9D}',
                '\u{9C}',
                '\u{200B}',
                '\u{200C}',
                '\u{200D}',
                '\u{200E}',
                '\u{200F}',
                '\u{202E}',
                '\u{FEFF}',
                '\u{FE0F}',
                '\u{FE00}',
                '\u{E0100}',
                '\u{1F3F4}',
                '\u{E0067}',
                '\u{E0062}',
                '\u{E0065}',
                '\u{E006E}',
                '\u{E007F}',
                '\u{1F468}',
                '❤',
                'م',
                'क',
                '漢',
                '\u{20E3}',
                '\u{115F}',
                '\u{1161}',
                '\u{180E}',
                '\u{034F}',
                'é',
            ]),
        ];
        proptest::collection::vec(part, 0..40).prop_map(String::from_iter)
    }

    proptest! {
        #[test]
        fn what_was_stripped_hides_nothing_and_adds_nothing(text in text()) {
            let once = strip(&text);
            prop_assert_eq!(hidden(&once), None);
            prop_assert_eq!(strip(&once), once.as_ref());
            let mut left = text.chars();
            prop_assert!(once.chars().all(|kept| left.any(|character| character == kept)));
            prop_assert_eq!(hidden(&text).is_none(), once == text);
        }

        #[test]
        fn printable_ascii_hides_nothing(text in "[ -~\t\r\n]{0,200}") {
            prop_assert_eq!(hidden(&text), None);
        }
    }
}
