//! What can be said of a short text before any of it is read: from which of its bytes are digits and letters alone.
//!
//! Most values of documents are times, identifiers, digests, words with a number or two. They are known by their
//! shape, so that nothing else need look at them.
use super::labels::{self, Labels};
use super::lanes::{Classes, Traits};

/// The longest text that is looked at so.
const LONGEST: usize = 64;
/// The longest text whose words are all read so.
const SHORT: usize = 16;
/// The fewest digits of anything that no label names.
const PLAIN_MIN: u32 = 8;
/// The fewest letters and digits of anything that has both in one word.
const MIXED_MIN: usize = 8;

/// What shape a text has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Nothing in it can be sensitive, if it is no secret by its name.
    Harmless,
    /// No number in it can be.
    Numberless,
    /// Look at it.
    Any,
}

/// The shape of a text that stands alone under keys that say this.
pub fn shape(text: &str, traits: Traits, above: Labels) -> Shape {
    let bytes = text.as_bytes();
    if bytes.len() > LONGEST || traits.fold() || traits.at() || !traits.digit() {
        return Shape::Any;
    }
    let classes = Classes::of(bytes);
    if matches!(bytes.len(), 40 | 64) && classes.is_hex(bytes) || is_uuid(bytes, classes) {
        return Shape::Harmless;
    }
    let accused = above.accuses();
    if !accused && is_time(bytes, classes) {
        return Shape::Harmless;
    }
    if accused || !is_plain(bytes, classes) {
        return Shape::Any;
    }
    match classes.digits.count_ones() {
        // A birth date or a code needs three.
        0..3 => Shape::Numberless,
        3..PLAIN_MIN if classes.capitals | classes.small == 0 => Shape::Numberless,
        // What the words of a longer text say is read if some number asks for it.
        3..PLAIN_MIN if text.len() <= SHORT && !labels::all(text).accuses() => Shape::Numberless,
        _ => Shape::Any,
    }
}

/// No word that may be a number of its own kind, whatever is said of it: letters and digits in one long word, capitals
/// before digits, a sign of dialling, the marks of addresses.
fn is_plain(bytes: &[u8], classes: Classes) -> bool {
    let Classes { digits, capitals, small } = classes;
    let letters = capitals | small;
    let mixed = letters & digits << 1 | digits & letters << 1;
    let acronym = capitals & !(small >> 1);
    let marks = || {
        let (mut dots, mut colons, mut dials) = (0u8, 0u8, 0u8);
        for byte in bytes {
            dots += u8::from(*byte == b'.');
            colons += u8::from(*byte == b':');
            dials |= u8::from(*byte == b'+') | u8::from(*byte == b'(');
        }
        dots < 3 && colons < 2 && dials == 0
    };
    (mixed == 0 || bytes.len() < MIXED_MIN) && acronym == 0 && marks()
}

/// `550e8400-e29b-41d4-a716-446655440000`, with a digit in the first group.
fn is_uuid(bytes: &[u8], classes: Classes) -> bool {
    const MARKS: u64 = 1 << 8 | 1 << 13 | 1 << 18 | 1 << 23;
    bytes.len() == 36
        && classes.digits & 0xFF != 0
        && classes.digits | classes.capitals | classes.small == !MARKS & ((1 << 36) - 1)
        && [8, 13, 18, 23].iter().all(|at| bytes.get(*at) == Some(&b'-'))
        && bytes.iter().all(|byte| byte.is_ascii_hexdigit() || *byte == b'-')
}

/// `2025-11-03`, `2025-11-03T10:14:55.123Z` and what is written like it, an offset too.
fn is_time(bytes: &[u8], classes: Classes) -> bool {
    const DATE: u64 = 0b11_0110_1111;
    const TIME: u64 = 0b1101_1011 << 11 | DATE;
    let [_, _, _, _, b'-', _, _, b'-', _, _, rest @ ..] = bytes else { return false };
    if rest.is_empty() {
        return classes.digits == DATE;
    }
    let [b'T' | b' ', _, _, b':', _, _, b':', _, _, rest @ ..] = rest else { return false };
    classes.digits & ((1 << 19) - 1) == TIME
        && rest.len() <= 10
        && rest.iter().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b':' | b'+' | b'-' | b'Z'))
}
