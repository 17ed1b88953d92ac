//! A text prepared for recognisers: the tricks that hide a value from a program but not from a reader undone,
//! and the way back to what was written.
use super::lanes;
use super::letters::{self, Entry};
use std::borrow::Cow;
use std::ops::Range;

/// A text, its folded form, and the map between them.
pub struct View<'a> {
    text: &'a str,
    folded: Cow<'a, str>,
    /// Where folded and written text part: `(folded offset, written offset)`, ascending; between two entries
    /// offsets run in step. Empty when nothing was folded.
    steps: Vec<(usize, usize)>,
    /// The folded text is known to be nothing but ASCII.
    ascii: bool,
}

impl<'a> View<'a> {
    /// Folds `text`; borrows it when there is nothing to fold.
    pub fn new(text: &'a str) -> Self {
        let mut fold = Fold { text, out: String::new(), done: 0, steps: Vec::new(), latin: (0..0, false) };
        let ascii = fold.run();
        if fold.steps.is_empty() {
            return Self { ascii, ..Self::plain(text) };
        }
        let ascii = fold.out.is_ascii();
        Self { text, folded: Cow::Owned(fold.out), steps: fold.steps, ascii }
    }

    /// A text in which nothing is to be folded, which is all of ASCII.
    pub fn plain(text: &'a str) -> Self {
        Self { text, folded: Cow::Borrowed(text), steps: Vec::new(), ascii: true }
    }

    /// Whether the folded text is nothing but ASCII.
    pub fn is_ascii(&self) -> bool {
        self.ascii
    }

    /// How many tricks were undone, twice.
    pub fn steps(&self) -> usize {
        self.steps.len()
    }

    /// What was written.
    pub fn text(&self) -> &'a str {
        self.text
    }

    /// What recognisers read: digits of any script as ASCII, invisible characters gone, dashes and spaces
    /// plain, letters that only look Latin made so, escapes of URLs, markup and JSON undone.
    pub fn folded(&self) -> &str {
        &self.folded
    }

    /// Whether folding changed anything.
    pub fn is_folded(&self) -> bool {
        !self.steps.is_empty()
    }

    /// The written range of a folded one.
    pub fn written(&self, start: usize, end: usize) -> (usize, usize) {
        if self.steps.is_empty() { (start, end) } else { (self.back(start, false), self.back(end, true)) }
    }

    /// The end of a range is mapped by its last byte, so that what was dropped right behind it stays.
    fn back(&self, at: usize, end: bool) -> usize {
        let after = self.steps.partition_point(|(folded, _)| if end { *folded < at } else { *folded <= at });
        let (folded, written) = after.checked_sub(1).and_then(|i| self.steps.get(i)).copied().unwrap_or((0, 0));
        let next = self.steps.get(after).map_or(self.text.len(), |(_, written)| *written);
        if end && self.steps.get(after).is_some_and(|(folded, _)| *folded == at) {
            // The last character was itself folded, or what follows is.
            return self.steps.get(after).map_or(next, |(_, written)| *written);
        }
        (written + (at - folded)).min(next)
    }
}

struct Fold<'a> {
    text: &'a str,
    /// What is folded of it, up to `done`.
    out: String,
    done: usize,
    steps: Vec<(usize, usize)>,
    /// A stretch of one word, and whether it is Latin to a reader.
    latin: (Range<usize>, bool),
}

impl Fold<'_> {
    /// Whether the text is nothing but ASCII.
    fn run(&mut self) -> bool {
        let bytes = self.text.as_bytes();
        let is_ascii = bytes.is_ascii();
        let has = |byte| memchr::memchr(byte, bytes).is_some();
        let is_of_field = |at: usize| bytes.get(at).is_some_and(|byte| !ends_field(byte));
        let joins = |at: usize| is_of_field(at + 1) || at.checked_sub(1).is_some_and(is_of_field);
        let form = memchr::memchr_iter(b'&', bytes).any(joins) && has(b'+') && has(b'=');
        let sign = |at: usize| match is_ascii {
            true => memchr::memchr3(b'%', b'&', b'\\', bytes.get(at..)?).map(|found| at + found),
            false => lanes::folds(bytes, at),
        };
        let plus = |at: usize| memchr::memchr(b'+', bytes.get(at..)?).map(|found| at + found);
        // Neither is looked for again before it is passed.
        let (mut next_sign, mut next_plus) = (sign(0), if form { plus(0) } else { None });
        while let Some(first) = next_sign.or(next_plus) {
            let mut at = first.min(next_plus.unwrap_or(first));
            at += self.look(at);
            if next_sign.is_some_and(|sign| sign < at) {
                next_sign = sign(at);
            }
            if next_plus.is_some_and(|plus| plus < at) {
                next_plus = plus(at);
            }
        }
        if !self.steps.is_empty() {
            self.keep(self.text.len());
        }
        is_ascii
    }

    /// Folds what stands at `at`, if that is to be folded; how long it is.
    fn look(&mut self, at: usize) -> usize {
        let Some(character) = self.text.get(at..).and_then(|rest| rest.chars().next()) else { return 1 };
        if character.is_ascii() {
            let space = || (character == '+' && is_space(self.text, at)).then_some((1, ' '));
            let Some((length, seen)) = escape(self.text, at).or_else(space) else { return 1 };
            let read = if seen.is_ascii() { Folded::One(seen) } else { fold(seen, self.text, at, &mut self.latin) };
            self.put(at, length, read);
            return length;
        }
        let quiet = self.quiet(at);
        if quiet > 0 {
            return quiet;
        }
        let length = character.len_utf8();
        match fold(character, self.text, at, &mut self.latin) {
            Folded::One(same) if same == character => {}
            other => self.put(at, length, other),
        }
        length
    }

    /// How many bytes from `at` on are of characters that stay what they are: whatever is around them, or as letters that
    /// look Latin in a word that is known not to be.
    fn quiet(&self, at: usize) -> usize {
        let rest = self.text.get(at..).unwrap_or_default();
        let bytes = self.text.as_bytes();
        let stays = |(place, character): (usize, char)| {
            let place = at + place;
            let entry = Entry::of(character);
            let in_word = || {
                let (known, latin) = &self.latin;
                !latin
                    && known.contains(&place)
                    && bytes.get(place.wrapping_sub(1)).is_some_and(|byte| !byte.is_ascii())
            };
            !character.is_ascii() && (entry.stays() || entry.is_like_latin() && in_word())
        };
        rest.char_indices().find(|next| !stays(*next)).map_or(rest.len(), |(end, _)| end)
    }

    /// Takes what stands before `at` as it is.
    fn keep(&mut self, at: usize) {
        self.out.push_str(self.text.get(self.done..at).unwrap_or_default());
        self.done = at;
    }

    fn put(&mut self, at: usize, length: usize, read: Folded) {
        if self.steps.is_empty() {
            self.out.reserve(self.text.len());
        }
        self.keep(at);
        self.done = at + length;
        self.steps.push((self.out.len(), at));
        if let Folded::One(character) = read {
            self.out.push(character);
        }
        self.steps.push((self.out.len(), at + length));
    }
}

enum Folded {
    One(char),
    Gone,
}

/// How far a field of a form is read for where it begins and ends.
const FIELD: usize = 96;

/// Whether a byte is of no field of a form.
fn ends_field(byte: &u8) -> bool {
    byte.is_ascii_whitespace() || matches!(byte, b'&' | b'"' | b'\'' | b'<' | b'>' | b'`')
}

/// Whether the plus at `at` is a space: in the value of a field, `a=1+2&b=3`, that is no secret, whose signs count.
fn is_space(text: &str, at: usize) -> bool {
    let bytes = text.as_bytes();
    // Most stand between spaces.
    if at.checked_sub(1).and_then(|last| bytes.get(last)).is_none_or(u8::is_ascii_whitespace) {
        return false;
    }
    let behind = bytes.get(at..bytes.len().min(at + FIELD)).unwrap_or_default();
    let front = bytes.get(at.saturating_sub(FIELD)..at).unwrap_or_default();
    let begin =
        front.iter().rposition(|byte| ends_field(byte) || matches!(byte, b'?' | b';' | b',')).map_or(0, |end| end + 1);
    let Some(field) = text.get(at - (front.len() - begin)..at) else { return false };
    let Some((name, value)) = field.split_once('=') else { return false };
    let last = begin.checked_sub(1).and_then(|end| front.get(end)) == Some(&b'&');
    let end = behind.iter().position(ends_field).unwrap_or(behind.len());
    let follows = behind.get(end) == Some(&b'&');
    // `anna+list@example.org` has it for itself.
    let mail = behind.get(..end).is_some_and(|rest| rest.contains(&b'@'));
    let named = !name.is_empty() && !name.contains(['+', '/', '(', ' ']);
    named
        && !mail
        && (last || follows)
        && !value.is_empty()
        && !value.contains(['/', '='])
        && !super::secrets::promises(name)
}

/// Whether a reader takes a character that looks like no other for nothing else, even among digits.
pub fn stays(character: char) -> bool {
    let text = format!("1{character}1");
    !character.is_ascii() && matches!(by_code(character, &text, 1), Folded::One(same) if same == character)
}

/// What a reader takes a character for.
fn fold(character: char, text: &str, at: usize, latin: &mut (Range<usize>, bool)) -> Folded {
    match by_code(character, text, at) {
        Folded::One(same) if same == character => {
            let is_latin = |_: &char| stands_alone(character, text, at) || among_latin(text, at, latin);
            let seen = letters::digit(character).or_else(|| letters::looks_latin(character).filter(is_latin));
            Folded::One(seen.unwrap_or(character))
        }
        other => other,
    }
}

/// The same, but for digits of other scripts and letters that look Latin.
fn by_code(character: char, text: &str, at: usize) -> Folded {
    let code = u32::from(character);
    let ascii = |code: u32| char::from_u32(code).map_or(Folded::Gone, Folded::One);
    match code {
        0xAD
        | 0x34F
        | 0x61C
        | 0x115F
        | 0x1160
        | 0x17B4
        | 0x17B5
        | 0x180B..=0x180E
        | 0x200B..=0x200F
        | 0x202A..=0x202E
        | 0x2060..=0x206F
        | 0x3164
        | 0xFE00..=0xFE0F
        | 0xFEFF
        | 0xFFA0
        | 0xE0000..=0xE007F
        | 0xE0100..=0xE01EF => Folded::Gone,
        // Marks over plain letters and digits: no one writes digits so, and labels are compared without accents.
        0x300..=0x36F if over_ascii(text, at) => Folded::Gone,
        0xA0 | 0x1680 | 0x2000..=0x200A | 0x202F | 0x205F | 0x2800 | 0x3000 => Folded::One(' '),
        0x2028 | 0x2029 | 0x85 => Folded::One('\n'),
        0x2010..=0x2015 | 0x2212 | 0x2043 | 0x02D7 | 0x058A | 0xFE58 | 0xFE63 | 0x2796 | 0x30FC
            if dashes(character, text, at) =>
        {
            Folded::One('-')
        }
        0x2024 | 0x3002 | 0xFF61 | 0x00B7 | 0x2027 | 0x30FB if digits_around(text, at, character) => Folded::One('.'),
        // Lines of tables.
        0x2502 | 0x2503 | 0x2506 | 0x2507 | 0x250A | 0x250B | 0x254E | 0x254F | 0x2551 => Folded::One('|'),
        0x2500 | 0x2501 | 0x2504 | 0x2505 | 0x2508 | 0x2509 | 0x254C | 0x254D | 0x2550 => Folded::One('-'),
        0x250C..=0x254B | 0x2552..=0x256C => Folded::One('+'),
        0xFE6B => Folded::One('@'),
        0xFF01..=0xFF5E => ascii(code - 0xFEE0),
        0x1D400..=0x1D6A3 => {
            let letter = (code - 0x1D400) % 52;
            ascii(if letter < 26 { 0x41 + letter } else { 0x61 + letter - 26 })
        }
        0x1D7CE..=0x1D7FF => ascii(0x30 + (code - 0x1D7CE) % 10),
        0x2460..=0x2468 => ascii(0x31 + code - 0x2460),
        0x24EA => Folded::One('0'),
        0x24B6..=0x24CF => ascii(0x41 + code - 0x24B6),
        0x24D0..=0x24E9 => ascii(0x61 + code - 0x24D0),
        0x2070 | 0x2074..=0x2079 => ascii(0x30 + code - 0x2070),
        0x2080..=0x2089 => ascii(0x30 + code - 0x2080),
        0xB9 => Folded::One('1'),
        0xB2 | 0xB3 => ascii(code - 0x80),
        _ => Folded::One(character),
    }
}

/// The Japanese long vowel sign is a dash only between digits.
fn dashes(character: char, text: &str, at: usize) -> bool {
    character != '\u{30FC}' || digits_around(text, at, character)
}

/// Whether a mark, perhaps one of several, stands over a character of ASCII.
fn over_ascii(text: &str, at: usize) -> bool {
    let before = text.get(..at).unwrap_or_default().chars().rev().take(8);
    before.into_iter().find(|c| !matches!(c, '\u{300}'..='\u{36F}')).is_some_and(|c| c.is_ascii_graphic())
}

fn digits_around(text: &str, at: usize, character: char) -> bool {
    let before = text.get(..at).and_then(|text| text.chars().next_back());
    let after = text.get(at + character.len_utf8()..).and_then(|text| text.chars().next());
    matches!((before, after), (Some(a), Some(b)) if a.is_alphanumeric() && b.is_alphanumeric() && (a.is_numeric() || b.is_numeric() || a.is_ascii() || b.is_ascii()))
}

/// How many characters of a word are read to either side, and how many further on the answer holds if it is longer.
const AROUND: usize = 64;
const HOLDS: usize = 32;

/// Whether the letters around are Latin but for some that look so: what a person reads as one Latin word. `known`: the
/// last answer, and for which part of the text it holds.
fn among_latin(text: &str, at: usize, known: &mut (Range<usize>, bool)) -> bool {
    if known.0.contains(&at) {
        return known.1;
    }
    let part = |c: &char| letters::is_word(*c) || matches!(c, '.' | '-' | '_' | '@' | '+');
    let before = text.get(..at).unwrap_or_default().chars().rev().take_while(part).take(AROUND);
    let rest = text.get(at..).unwrap_or_default();
    let after = rest.char_indices().take_while(|(_, c)| part(c)).take(AROUND);
    let (mut latin, mut alien, mut other) = (0, 0, false);
    let mut count = |character: char| {
        if character.is_ascii_alphanumeric() {
            latin += 1;
        } else if letters::is_letter(character) {
            other |= letters::looks_latin(character).is_none() && u32::from(character) > 0x24F;
            alien += 1;
        }
    };
    before.for_each(&mut count);
    let (mut holds, mut end, mut length) = (0, 0, 0);
    for (start, character) in after {
        count(character);
        end = start + character.len_utf8();
        length += 1;
        if length == HOLDS {
            holds = end;
        }
    }
    let holds = if length < AROUND { end } else { holds };
    *known = (at..at + holds, !other && latin > 0 && latin >= alien);
    known.1
}

/// Whether a capital stands alone behind digits and what is before these is Latin: the last letter of a number in groups.
fn stands_alone(character: char, text: &str, at: usize) -> bool {
    let before = text.get(..at).and_then(|text| text.strip_suffix([' ', '-'])).unwrap_or_default();
    let front = before.trim_end_matches(|c: char| c.is_ascii_digit() || matches!(c, ' ' | '-'));
    let next = text.get(at + character.len_utf8()..).and_then(|rest| rest.chars().next());
    character.is_uppercase()
        && before.ends_with(|c: char| c.is_ascii_digit())
        && before.len() - front.len() <= 16
        && front.ends_with(|c: char| c.is_ascii_alphabetic() || letters::looks_latin(c).is_some())
        && !next.is_some_and(char::is_alphanumeric)
}

/// An escape of URLs (`%40`), markup (`&#64;`, `&commat;`) or JSON (`\u0040`, `\n`, `\"`): its length and what
/// it stands for.
fn escape(text: &str, at: usize) -> Option<(usize, char)> {
    let rest = text.as_bytes().get(at..)?;
    let hex =
        |digits: &[u8]| digits.iter().try_fold(0u32, |sum, byte| Some(sum * 16 + char::from(*byte).to_digit(16)?));
    match rest {
        // A sign that was itself escaped.
        [b'%', b'2', b'5', a, b, ..] if a.is_ascii_hexdigit() && b.is_ascii_hexdigit() => {
            let code = hex(&[*a, *b])?;
            (0x20..0x7F).contains(&code).then(|| char::from_u32(code)).flatten().map(|seen| (5, seen))
        }
        [b'%', a, b, ..] => {
            let code = hex(&[*a, *b])?;
            (0x20..0x7F).contains(&code).then(|| char::from_u32(code)).flatten().map(|seen| (3, seen))
        }
        [b'\\', b'u', b'{', digits @ ..] => {
            let end = digits.iter().take(7).position(|byte| *byte == b'}').filter(|end| *end > 0)?;
            char::from_u32(hex(digits.get(..end)?)?).map(|seen| (end + 4, seen))
        }
        [b'\\', b'U', digits @ ..] => char::from_u32(hex(digits.get(..8)?)?).map(|seen| (10, seen)),
        // Behind another backslash it is one itself: `\\\\172.16.0.1\\share`.
        [b'\\', a @ b'0'..=b'1', b @ b'0'..=b'7', c @ b'0'..=b'7', ..]
            if !text.get(..at).is_some_and(|front| front.ends_with('\\')) =>
        {
            let code = [a, b, c].iter().fold(0, |sum, digit| sum * 8 + (*digit - b'0'));
            (0x20..0x7F).contains(&code).then_some((4, char::from(code)))
        }
        [b'\\', b'u', digits @ ..] => {
            let code = hex(digits.get(..4)?)?;
            if (0xD800..0xDC00).contains(&code) {
                let low = digits.get(4..6).filter(|mark| *mark == b"\\u").and_then(|_| hex(digits.get(6..10)?))?;
                return char::from_u32(0x10000 + ((code - 0xD800) << 10) + low.checked_sub(0xDC00)?)
                    .map(|seen| (12, seen));
            }
            char::from_u32(code).map(|seen| (6, seen))
        }
        [b'\\', b'x', a, b, ..] => char::from_u32(hex(&[*a, *b])?).filter(char::is_ascii).map(|seen| (4, seen)),
        [b'\\', b'n' | b'r', ..] => Some((2, '\n')),
        [b'\\', b't', ..] => Some((2, '\t')),
        [b'\\', mark @ (b'"' | b'/' | b'\''), ..] => Some((2, char::from(*mark))),
        [b'&', b'#', digits @ ..] => {
            let end = digits.iter().take(9).position(|byte| *byte == b';');
            // Browsers read decimal ones without their end too.
            let open = digits.iter().take(4).take_while(|byte| byte.is_ascii_digit()).count();
            let ended = end.is_some_and(|end| digits.iter().take(end).all(u8::is_ascii_alphanumeric));
            if !ended && (2..4).contains(&open) {
                let code = u32::try_from(super::checks::number(digits.get(..open)?)?).ok()?;
                return char::from_u32(code).filter(|seen| seen.is_ascii_graphic()).map(|seen| (open + 2, seen));
            }
            let end = end?;
            let body = digits.get(..end)?;
            let code = match body {
                [b'x' | b'X', digits @ ..] if !digits.is_empty() => hex(digits)?,
                [] => return None,
                digits => u32::try_from(super::checks::number(digits)?).ok()?,
            };
            char::from_u32(code).map(|seen| (end + 3, seen))
        }
        [b'&', b'a'..=b'z', ..] => {
            let name = rest.get(1..)?;
            let end = name.iter().take(9).position(|byte| *byte == b';')?;
            let seen = match name.get(..end)? {
                b"amp" => '&',
                b"lt" => '<',
                b"gt" => '>',
                b"quot" => '"',
                b"apos" => '\'',
                b"nbsp" => ' ',
                b"commat" => '@',
                b"period" => '.',
                b"hyphen" | b"dash" | b"ndash" | b"mdash" | b"minus" => '-',
                b"shy" | b"zwnj" | b"zwj" => '\u{200B}',
                b"plus" => '+',
                b"num" => '#',
                b"colon" => ':',
                b"sol" => '/',
                b"lowbar" => '_',
                b"equals" => '=',
                _ => return None,
            };
            Some((end + 2, seen))
        }
        _ => None,
    }
}
