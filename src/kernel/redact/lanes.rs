//! Eight bytes at a time: which of them are of a class, without a branch.
use wide::u8x16;

/// The highest bit of every byte.
const HIGH: u64 = 0x8080_8080_8080_8080;

/// The same byte eight times.
const fn all(byte: u8) -> u64 {
    byte as u64 * 0x0101_0101_0101_0101
}

/// The first eight bytes, the first of them lowest; zeros where there are fewer.
pub fn eight(bytes: &[u8]) -> u64 {
    match bytes.first_chunk() {
        Some(eight) => u64::from_le_bytes(*eight),
        None => bytes.iter().rev().fold(0, |eight, byte| eight << 8 | u64::from(*byte)),
    }
}

/// The bytes that are digits, by their highest bit.
fn digits(eight: u64) -> u64 {
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

/// Which bytes of a text of at most sixty-four are digits, capitals and small letters, a bit for each.
#[derive(Clone, Copy, Debug, Default)]
pub struct Classes {
    /// Digits.
    pub digits: u64,
    /// Capital letters.
    pub capitals: u64,
    /// Small letters.
    pub small: u64,
}

impl Classes {
    /// Of these bytes; what is behind the first sixty-four is not looked at.
    pub fn of(bytes: &[u8]) -> Self {
        let mut classes = Self::default();
        for (place, start) in (0..bytes.len().min(64)).step_by(16).enumerate() {
            let now = Self::at(bytes, start);
            classes.digits |= now.digits << (place * 16);
            classes.capitals |= now.capitals << (place * 16);
            classes.small |= now.small << (place * 16);
        }
        classes
    }

    /// Of the sixteen bytes from `start` on, or of all where fewer follow.
    pub fn at(bytes: &[u8], start: usize) -> Self {
        let rest = bytes.get(start..).unwrap_or_default();
        if let Some(sixteen) = rest.first_chunk() {
            return Self::sixteen(*sixteen);
        }
        if let Some(last) = bytes.last_chunk::<16>() {
            // The last sixteen, without those before.
            let known = 16 - rest.len();
            let Self { digits, capitals, small } = Self::sixteen(*last);
            return Self { digits: digits >> known, capitals: capitals >> known, small: small >> known };
        }
        let mut padded = [0; 16];
        padded.iter_mut().zip(rest).for_each(|(slot, byte)| *slot = *byte);
        Self::sixteen(padded)
    }

    fn sixteen(bytes: [u8; 16]) -> Self {
        let bytes = u8x16::new(bytes);
        let within = |first: u8, last: u8| {
            let above = bytes - u8x16::splat(first);
            u64::from(above.min(u8x16::splat(last - first)).simd_eq(above).to_bitmask())
        };
        Self { digits: within(b'0', b'9'), capitals: within(b'A', b'Z'), small: within(b'a', b'z') }
    }

    /// Letters and digits.
    pub fn part(self) -> u64 {
        self.digits | self.capitals | self.small
    }

    /// Whether the last of sixty-four is one of them.
    pub fn ends_open(self) -> bool {
        self.part() >> 63 == 1
    }

    /// Whether they are all small hexadecimal digits, some of them numbers.
    pub fn is_hex(self, bytes: &[u8]) -> bool {
        self.digits != 0 && self.capitals == 0 && bytes.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    }
}

/// The bytes from `first` to `last`, by their highest bit.
fn within(eight: u64, first: u8, last: u8) -> u64 {
    let low = eight & !HIGH;
    (low + all(0x80 - first)) & !(low + all(0x7F - last)) & !eight & HIGH
}

/// The shortest run that is looked at as a token or as base64.
pub const TOKEN: usize = 16;

/// A text that is longer is looked through by those who look for something.
const LONG: usize = 512;

/// What a text has at all: most have little, and what is not there need not be looked for. A trait may be claimed that is
/// not there, never the other way round.
#[derive(Clone, Copy, Debug, Default)]
pub struct Traits {
    digit: u64,
    at: u64,
    fold: u64,
    capitals: u64,
    tokens: bool,
}

impl Traits {
    /// Of these bytes, eight at a time; the last eight overlap those before. A long text may have everything.
    pub fn of(bytes: &[u8]) -> Self {
        if bytes.len() > LONG {
            return Self { digit: HIGH, at: HIGH, fold: HIGH, capitals: HIGH, tokens: true };
        }
        let mut traits = Self::default();
        let (eights, rest) = bytes.as_chunks::<8>();
        eights.iter().for_each(|eight| traits.add(u64::from_le_bytes(*eight)));
        match bytes.last_chunk::<8>() {
            Some(last) if !rest.is_empty() => traits.add(u64::from_le_bytes(*last)),
            _ => traits.add(eight(rest)),
        }
        traits.tokens &= bytes.len() >= TOKEN;
        traits
    }

    fn add(&mut self, eight: u64) {
        let low = eight & !HIGH;
        let is = |byte: u8| !((low ^ all(byte)) + all(0x7F));
        self.digit |= (low + all(0x80 - b'0')) & !(low + all(0x7F - b'9'));
        self.at |= is(b'@');
        // `%` and `&` stand side by side.
        self.fold |= eight | (low + all(0x80 - b'%')) & !(low + all(0x7F - b'&')) | is(b'\\');
        let capitals = (low + all(0x80 - b'A')) & !(low + all(0x7F - b'Z')) & HIGH;
        let two = capitals & capitals >> 8;
        self.capitals |= two & two >> 16;
        self.tokens |= token(eight) == HIGH;
    }

    /// Without what numbers are made of.
    pub fn numberless(self) -> Self {
        Self { digit: 0, at: 0, capitals: 0, ..self }
    }

    /// None of all these.
    pub fn nothing(self) -> bool {
        (self.digit | self.at | self.fold | self.capitals) & HIGH == 0 && !self.tokens
    }

    /// A digit.
    pub fn digit(self) -> bool {
        self.digit & HIGH != 0
    }

    /// The sign of e-mail addresses.
    pub fn at(self) -> bool {
        self.at & HIGH != 0
    }

    /// Something that is not ASCII, or may begin an escape.
    pub fn fold(self) -> bool {
        self.fold & HIGH != 0
    }

    /// Four capitals in a row within eight bytes: every word of eight capitals covers such.
    pub fn capitals(self) -> bool {
        self.capitals != 0
    }

    /// Eight bytes in a row of what tokens consist of, in a text as long as a token: every run of fifteen covers such.
    pub fn tokens(self) -> bool {
        self.tokens
    }
}

/// Whether eight bytes of a block in a row, in steps of eight, may all be of a token. Without a branch, so that it is done
/// many bytes at a time.
fn has_token_eight(block: &[u8; 64]) -> bool {
    // Without a byte that is none, nothing is left but what one less makes negative.
    let none = block.map(|byte| u8::from(!is_token(byte)));
    let eights: &[[u8; 8]] = none.as_chunks().0;
    eights.iter().fold(0, |any, eight| any | u64::from_le_bytes(*eight).wrapping_sub(1)) >> 63 == 1
}

/// The same for four capitals, in steps of four.
fn has_capital_four(block: &[u8; 64]) -> bool {
    let none = block.map(|byte| u8::from(!byte.is_ascii_uppercase()));
    let fours: &[[u8; 4]] = none.as_chunks().0;
    fours.iter().fold(0, |any, four| any | u32::from_le_bytes(*four).wrapping_sub(1)) >> 31 == 1
}

/// Whether keys, tokens and base64 may have a byte; see [`token`].
fn is_token(byte: u8) -> bool {
    byte.wrapping_sub(b'+') < 15 || (byte | 0x20).wrapping_sub(b'a') < 31
}

/// Steps through the eights that may be of one token, in steps of eight: every run of fifteen covers such.
pub struct TokenEights<'b> {
    blocks: &'b [[u8; 64]],
    rest: &'b [[u8; 8]],
    /// Which eights of this block are such.
    place: usize,
    mask: u64,
    /// The last eight that was read is one, and there are two in a row.
    open: bool,
    two: bool,
}

impl<'b> TokenEights<'b> {
    /// At the start.
    pub fn new(bytes: &'b [u8]) -> Self {
        let (blocks, rest) = bytes.as_chunks::<64>();
        let mut eights = Self { blocks, rest: rest.as_chunks().0, place: 0, mask: 0, open: false, two: false };
        eights.go(0);
        eights
    }

    /// Whether there may be two in a row in what was stepped through.
    pub fn has_two(&self) -> bool {
        self.two
    }

    fn go(&mut self, place: usize) {
        // What is skipped is a run.
        self.two |= place > self.place + 1;
        self.place = place;
        self.mask = self.read(place);
        self.two |= self.mask & (self.mask << 1 | u64::from(self.open)) != 0;
        self.open = self.mask >> 7 & 1 == 1;
    }

    /// The next one from `from` on, which is not before that of the last call.
    pub fn next(&mut self, from: usize) -> Option<usize> {
        let step = from.div_ceil(8);
        if step / 8 > self.place {
            self.go(step / 8);
        }
        if step / 8 == self.place {
            self.mask &= u64::MAX << (step % 8);
        }
        while self.mask == 0 {
            if self.place >= self.blocks.len() {
                return None;
            }
            // Most have none.
            let ahead = self.blocks.get(self.place + 1..).unwrap_or_default();
            let none = ahead.iter().position(has_token_eight).unwrap_or(ahead.len());
            self.open &= none == 0;
            self.place += none;
            self.go(self.place + 1);
        }
        Some(self.place * 64 + self.mask.trailing_zeros() as usize * 8)
    }

    fn read(&self, place: usize) -> u64 {
        match self.blocks.get(place) {
            Some(block) => {
                // Byte by byte, so that it is done many at a time.
                let full = block.map(|byte| if is_token(byte) { 0xFF } else { 0 });
                let eights: &[[u8; 8]] = full.as_chunks().0;
                eights.iter().rev().fold(0, |bits, eight| bits << 1 | u64::from(u64::from_le_bytes(*eight) == u64::MAX))
            }
            None if place == self.blocks.len() => {
                let full = |eight: &[u8; 8]| token(u64::from_le_bytes(*eight)) == HIGH;
                self.rest.iter().rev().fold(0, |bits, eight| bits << 1 | u64::from(full(eight)))
            }
            None => 0,
        }
    }
}

/// The next eight bytes, in steps of eight, of which the first or last four are capitals: every word of seven covers such.
pub fn capital_eight(bytes: &[u8], from: usize) -> Option<usize> {
    let mut place = from / 8;
    let eights = bytes.as_chunks::<8>().0;
    let (blocks, _) = bytes.get(place * 8..)?.as_chunks::<64>();
    place += 8 * blocks.iter().position(has_capital_four).unwrap_or(blocks.len());
    let four = |eight: &[u8; 8]| {
        let capitals = within(u64::from_le_bytes(*eight), b'A', b'Z');
        capitals >> 32 == HIGH >> 32 || capitals << 32 == HIGH << 32
    };
    Some((place + eights.get(place..)?.iter().position(four)?) * 8)
}

/// Steps through the digits of a text; those of sixty-four bytes are known at once.
pub struct Digits<'b> {
    bytes: &'b [u8],
    /// Which bytes from here on are digits.
    base: usize,
    mask: u64,
}

impl<'b> Digits<'b> {
    /// At the start.
    pub fn new(bytes: &'b [u8]) -> Self {
        Self { bytes, base: 0, mask: bytes.as_chunks::<64>().0.first().map_or(0, mask) }
    }

    /// The next one from `from` on, which is not before that of the last call.
    pub fn next(&mut self, from: usize) -> Option<usize> {
        if from >= self.base + 64 {
            self.base = from / 64 * 64;
            self.mask = self.bytes.get(self.base..)?.as_chunks::<64>().0.first().map_or(0, mask);
        }
        let ahead = self.mask & u64::MAX << (from - self.base).min(63);
        if ahead != 0 {
            return Some(self.base + ahead.trailing_zeros() as usize);
        }
        let start = self.base + 64;
        let blocks = self.bytes.get(start.min(self.bytes.len())..)?.as_chunks::<64>().0;
        let any = |block: &[u8; 64]| block.iter().fold(false, |any, byte| any | (byte.wrapping_sub(b'0') < 10));
        if let Some((place, block)) = blocks.iter().enumerate().find(|(_, block)| any(block)) {
            self.base = start + place * 64;
            self.mask = mask(block);
            return Some(self.base + self.mask.trailing_zeros() as usize);
        }
        let tail = from.max(self.bytes.len() / 64 * 64);
        self.bytes.get(tail..)?.iter().position(u8::is_ascii_digit).map(|found| tail + found)
    }
}

/// A bit for each digit of a block.
fn mask(block: &[u8; 64]) -> u64 {
    let bits = |eight: &[u8; 8]| (digits(u64::from_le_bytes(*eight)) >> 7).wrapping_mul(0x0102_0408_1020_4080) >> 56;
    block.as_chunks::<8>().0.iter().rev().fold(0, |mask, eight| mask << 8 | bits(eight))
}
