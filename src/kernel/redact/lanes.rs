//! Eight bytes at a time: which of them are of a class, without a branch.

/// The highest bit of every byte.
pub const HIGH: u64 = 0x8080_8080_8080_8080;

/// The same byte eight times.
const fn all(byte: u8) -> u64 {
    byte as u64 * 0x0101_0101_0101_0101
}

/// The bytes that are digits, by their highest bit.
pub fn digits(eight: u64) -> u64 {
    let low = eight & !HIGH;
    (low + all(0x80 - b'0')) & !(low + all(0x7F - b'9')) & !eight & HIGH
}

/// Bytes that keys, tokens and base64 consist of, by their highest bit, and a few marks more: `+` to `9`, and letters
/// with what follows them.
fn token(eight: u64) -> u64 {
    let low = eight & !HIGH;
    let marks = (low + all(0x80 - b'+')) & !(low + all(0x7F - b'9'));
    let letters = (low | all(0x20)) + all(0x80 - b'a');
    (marks | letters) & !eight & HIGH
}

/// The first place from `from` on, in steps of eight, where `test` holds for eight bytes that lie there; `from` is
/// rounded up. Blocks are looked through without an early exit, so that it is done many bytes at a time.
fn eight(bytes: &[u8], from: usize, test: impl Fn(u64) -> bool) -> Option<usize> {
    const BLOCK: usize = 8;
    let mut place = from.div_ceil(8);
    let eights = bytes.as_chunks::<8>().0;
    let rest = eights.get(place..)?;
    let (blocks, _) = rest.as_chunks::<BLOCK>();
    let any = |block: &[[u8; 8]; BLOCK]| block.iter().fold(false, |any, eight| any | test(u64::from_le_bytes(*eight)));
    place += BLOCK * blocks.iter().position(any).unwrap_or(blocks.len());
    let found = eights.get(place..)?.iter().position(|eight| test(u64::from_le_bytes(*eight)))?;
    Some((place + found) * 8)
}

/// The next eight bytes, in steps of eight, that may all be of one token: every run of fifteen covers such.
pub fn token_eight(bytes: &[u8], from: usize) -> Option<usize> {
    eight(bytes, from, |eight| token(eight) == HIGH)
}

/// The next eight bytes, in steps of eight, with four capitals in a row: every word of eight covers such.
pub fn capital_eight(bytes: &[u8], from: usize) -> Option<usize> {
    let four = |eight: u64| {
        let low = eight & !HIGH;
        let capitals = (low + all(0x80 - b'A')) & !(low + all(0x7F - b'Z')) & !eight & HIGH;
        let two = capitals & capitals >> 8;
        two & two >> 16 != 0
    };
    eight(bytes, from / 8 * 8, four)
}

/// The next digit.
pub fn next_digit(bytes: &[u8], from: usize) -> Option<usize> {
    // Up to the next step of eight, then in steps.
    let step = from.div_ceil(8) * 8;
    let head = bytes.get(from..step.min(bytes.len()))?;
    if let Some(found) = head.iter().position(u8::is_ascii_digit) {
        return Some(from + found);
    }
    if let Some(found) = eight(bytes, step, |eight| digits(eight) != 0) {
        let eight = bytes.get(found..found + 8).and_then(|eight| <[u8; 8]>::try_from(eight).ok());
        return Some(found + (digits(u64::from_le_bytes(eight.unwrap_or_default())).trailing_zeros() / 8) as usize);
    }
    let tail = step.max(bytes.len() / 8 * 8);
    bytes.get(tail..)?.iter().position(u8::is_ascii_digit).map(|found| tail + found)
}
