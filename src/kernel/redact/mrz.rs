//! The machine-readable lines of passports, visas and identity cards (ICAO Doc 9303, parts 4 to 7).
//!
//! Nothing names what stands in them but its place, so that no label is asked for: three check digits have to be right.
use super::Kind;
use super::chain::{Word, byte, byte_before};
use super::judge::Judge;

/// The length of one line of a card, of a small document or visa, and of a passport or large visa.
const CARD: usize = 30;
const SMALL: usize = 36;
const LARGE: usize = 44;
/// As sure as what nothing else looks like.
const SCORE: u8 = 97;

/// Takes the numbers and the birth date of the line that a word is in, if it is one; where the line ends.
pub fn find(bytes: &[u8], word: Word, judge: &mut Judge<'_, '_>) -> Option<usize> {
    let filled = byte(bytes, word.end) == b'<' || byte_before(bytes, word.start) == b'<';
    if !filled && word.len() < CARD - 2 {
        return None;
    }
    let start = word.start - run(bytes.get(..word.start)?.iter().rev());
    let end = word.end + run(bytes.get(word.end..)?.iter());
    // `10</td>`: the last belongs to a tag.
    let tagged = byte_before(bytes, end) == b'<' && matches!(byte(bytes, end), b'/' | b'a'..=b'z');
    let end = end - usize::from(tagged);
    let found = match end - start {
        SMALL | LARGE => booklet(bytes, start, end, judge),
        CARD => card(bytes, start, above(bytes, start), judge),
        // All lines in one.
        length if length == SMALL * 2 || length == LARGE * 2 => booklet(bytes, start + length / 2, end, judge),
        length if length == CARD * 3 => card(bytes, start + CARD, Some(start), judge),
        _ => false,
    };
    found.then_some(end)
}

/// How many letters of these lines come first; more than any line has are as good as too many.
fn run<'b>(bytes: impl Iterator<Item = &'b u8>) -> usize {
    bytes.take(CARD * 3 + 1).take_while(|byte| is_of_lines(**byte)).count()
}

fn is_of_lines(byte: u8) -> bool {
    matches!(byte, b'A'..=b'Z' | b'0'..=b'9' | b'<')
}

/// Where the line above one of a card begins, if it is as long.
fn above(bytes: &[u8], start: usize) -> Option<usize> {
    let front = bytes.get(..start)?;
    let end = front.trim_ascii_end().len();
    let begin = end.checked_sub(CARD)?;
    let line = bytes.get(begin..end)?;
    (end < start && line.iter().all(|byte| is_of_lines(*byte)) && !is_of_lines(byte_before(bytes, begin)))
        .then_some(begin)
}

/// The second line of what has two: number, nationality, birth, sex, expiry, and what the state adds.
fn booklet(bytes: &[u8], start: usize, end: usize, judge: &mut Judge<'_, '_>) -> bool {
    let checked = |from: usize, length: usize| is_checked(bytes, start + from, length);
    let states = bytes.get(start + 10..start + 13).is_some_and(is_state);
    if !(states && checked(0, 9) && is_born(bytes, start + 13) && is_sex(byte(bytes, start + 20)) && checked(21, 6)) {
        return false;
    }
    put(bytes, Kind::Passport, start, 9, judge);
    judge.put(Kind::DateOfBirth, start + 13, start + 19, SCORE);
    put(bytes, Kind::Passport, start + 28, end - start - 30, judge);
    true
}

/// The second line of a card, and the first, which has its number.
fn card(bytes: &[u8], start: usize, first: Option<usize>, judge: &mut Judge<'_, '_>) -> bool {
    let states = bytes.get(start + 15..start + 18).is_some_and(is_state);
    let dates = is_born(bytes, start) && is_sex(byte(bytes, start + 7)) && is_checked(bytes, start + 8, 6);
    let Some(first) = first.filter(|first| states && dates && byte(bytes, *first).is_ascii_uppercase()) else {
        return false;
    };
    // A number that is longer than its place goes on behind it, with the check digit at its end.
    let long = byte(bytes, first + 14) == b'<';
    if !long && !is_checked(bytes, first + 5, 9) {
        return false;
    }
    put(bytes, Kind::Passport, first + 5, 9, judge);
    put(bytes, Kind::Passport, first + 15, 15, judge);
    judge.put(Kind::DateOfBirth, start, start + 6, SCORE);
    put(bytes, Kind::Passport, start + 18, 11, judge);
    true
}

/// What stands in a place, without what fills it up; a remark without a digit is no number.
fn put(bytes: &[u8], kind: Kind, start: usize, length: usize, judge: &mut Judge<'_, '_>) {
    let place = bytes.get(start..start + length).unwrap_or_default();
    let end = place.iter().rposition(|byte| *byte != b'<').map_or(0, |last| last + 1);
    let skipped = place.iter().take_while(|byte| **byte == b'<').count();
    let value = place.get(skipped..end).unwrap_or_default();
    if value.iter().filter(|byte| byte.is_ascii_digit()).count() >= 3 {
        judge.put(kind, start + skipped, start + end, SCORE);
    }
}

/// A state or organisation by its letters: `D<<`, `UTO`.
fn is_state(code: &[u8]) -> bool {
    code.first().is_some_and(u8::is_ascii_uppercase)
        && code.iter().all(|byte| byte.is_ascii_uppercase() || *byte == b'<')
}

fn is_sex(byte: u8) -> bool {
    matches!(byte, b'M' | b'F' | b'X' | b'<')
}

/// Two digits each for year, month and day, and their check digit. Month and day may be unknown.
fn is_born(bytes: &[u8], start: usize) -> bool {
    let [y1, y2, m1, m2, d1, d2, ..] = bytes.get(start..).unwrap_or_default() else { return false };
    let pair = |high: u8, low: u8, most: u8| match (high, low) {
        (b'<', b'<') => true,
        (b'0'..=b'9', b'0'..=b'9') => (1..=most).contains(&((high - b'0') * 10 + low - b'0')),
        _ => false,
    };
    y1.is_ascii_digit()
        && y2.is_ascii_digit()
        && pair(*m1, *m2, 12)
        && pair(*d1, *d2, 31)
        && is_checked(bytes, start, 6)
}

/// Whether the digit behind so many letters is their check digit (part 3, section 4.9): weights 7, 3 and 1.
fn is_checked(bytes: &[u8], start: usize, length: usize) -> bool {
    let value = |byte: u8| char::from(byte).to_digit(36).unwrap_or(0);
    let Some(field) = bytes.get(start..start + length) else { return false };
    let sum: u32 = field.iter().zip([7, 3, 1].iter().cycle()).map(|(byte, weight)| value(*byte) * weight).sum();
    char::from(byte(bytes, start + length)).to_digit(10) == Some(sum % 10)
}
