//! Sixteen bytes at a time: which of them are of a class, without a branch.
use wide::bytemuck::cast;
use wide::{i8x16, i16x8, i32x4, i32x8, u8x16};

/// The first eight bytes, the first of them lowest; zeros where there are fewer.
pub fn eight(bytes: &[u8]) -> u64 {
    if let Some(eight) = bytes.first_chunk() {
        return u64::from_le_bytes(*eight);
    }
    match (bytes.first_chunk(), bytes.last_chunk()) {
        // They overlap.
        (Some(first), Some(last)) => {
            u64::from(u32::from_le_bytes(*first)) | u64::from(u32::from_le_bytes(*last)) << (8 * (bytes.len() - 4))
        }
        _ => bytes.iter().rev().fold(0, |eight, byte| eight << 8 | u64::from(*byte)),
    }
}

/// Those that are this byte.
fn is(sixteen: u8x16, byte: u8) -> u8x16 {
    sixteen.simd_eq(u8x16::splat(byte))
}

/// The bytes from `first` to `last`: the last becomes the highest number of those with a sign.
fn within(sixteen: u8x16, first: u8, last: u8) -> u8x16 {
    let up = sixteen + u8x16::splat(0x7F - last);
    above(up, 0x7E - (last - first))
}

/// The bytes of ASCII that are higher than `least`.
fn above(sixteen: u8x16, least: u8) -> u8x16 {
    let signed: [i8x16; 2] = cast([sixteen, u8x16::splat(least)]);
    let [sixteen, least] = signed;
    cast(sixteen.simd_gt(least))
}

fn digits(sixteen: u8x16) -> u8x16 {
    within(sixteen, b'0', b'9')
}

fn capitals(sixteen: u8x16) -> u8x16 {
    within(sixteen, b'A', b'Z')
}

/// What is not ASCII, which has its highest bit set, and `%`, `&` and `\`: only that bit counts.
fn fold(sixteen: u8x16) -> u8x16 {
    sixteen | within(sixteen, b'%', b'&') | is(sixteen, b'\\')
}

/// The next byte from `from` on that is not ASCII or may begin an escape.
pub fn folds(bytes: &[u8], from: usize) -> Option<usize> {
    let (blocks, rest) = bytes.get(from..)?.as_chunks::<16>();
    let mut at = from;
    for block in blocks {
        let found = fold(u8x16::new(*block)).to_bitmask();
        if found != 0 {
            return Some(at + found.trailing_zeros() as usize);
        }
        at += 16;
    }
    rest.iter().position(|byte| *byte >= 0x80 || matches!(byte, b'%' | b'&' | b'\\')).map(|place| at + place)
}

/// Bytes that keys, tokens and base64 consist of, and a few marks more: `+` to `9`, and letters with what follows them.
fn token(sixteen: u8x16) -> u8x16 {
    within(sixteen, b'+', b'9') | above(sixteen | u8x16::splat(0x20), b'a' - 1)
}

/// The same and more, for less.
fn behind_spaces(sixteen: u8x16) -> u8x16 {
    above(sixteen, b'+' - 1)
}

/// Calls `each` with sixteen bytes and where they begin, for all of them: the last overlap those before, and zeros
/// stand behind fewer.
#[inline]
fn sixteens(bytes: &[u8], mut each: impl FnMut(u8x16, usize)) {
    let (blocks, rest) = bytes.as_chunks::<16>();
    blocks.iter().enumerate().for_each(|(place, block)| each(u8x16::new(*block), place * 16));
    match bytes.last_chunk::<16>() {
        Some(last) if !rest.is_empty() => each(u8x16::new(*last), bytes.len() - 16),
        Some(_) => {}
        None => each(fewer(rest), 0),
    }
}

/// Fewer than sixteen bytes, and zeros.
#[inline]
fn fewer(bytes: &[u8]) -> u8x16 {
    let (first, second) = (eight(bytes), eight(bytes.get(8..).unwrap_or_default()));
    u8x16::new((u128::from(first) | u128::from(second) << 64).to_le_bytes())
}

/// A bit for each byte of a block that is of a class.
fn mask(block: &[u8; 64], class: impl Fn(u8x16) -> u8x16) -> u64 {
    let sixteens: &[[u8; 16]] = block.as_chunks().0;
    sixteens.iter().rev().fold(0, |bits, sixteen| bits << 16 | u64::from(class(u8x16::new(*sixteen)).to_bitmask()))
}

/// The same of fewer bytes.
fn mask_of(bytes: &[u8], class: impl Fn(u8x16) -> u8x16) -> u64 {
    let mut all = 0;
    sixteens(bytes, |sixteen, at| all |= u64::from(class(sixteen).to_bitmask()) << at);
    all
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
        sixteens(bytes.get(..64).unwrap_or(bytes), |sixteen, at| {
            let now = Self::sixteen(sixteen);
            classes.digits |= now.digits << at;
            classes.capitals |= now.capitals << at;
            classes.small |= now.small << at;
        });
        classes
    }

    #[inline]
    fn sixteen(sixteen: u8x16) -> Self {
        let bits = |class: u8x16| u64::from(class.to_bitmask());
        Self {
            digits: bits(digits(sixteen)),
            capitals: bits(capitals(sixteen)),
            small: bits(within(sixteen, b'a', b'z')),
        }
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

/// The shortest run that is looked at as a token or as base64.
pub const TOKEN: usize = 16;

/// A text that is longer is looked through by those who look for something.
const LONG: usize = 512;

/// What a text has at all: most have little, and what is not there need not be looked for. A trait may be claimed that is
/// not there, never the other way round.
#[derive(Clone, Copy, Debug, Default)]
pub struct Traits {
    digit: bool,
    at: bool,
    fold: bool,
    capitals: bool,
    tokens: bool,
}

/// What traits are read from.
#[derive(Default)]
struct Marks {
    digits: u8x16,
    ats: u8x16,
    folds: u8x16,
    /// Capitals in a row.
    capitals: u32,
    tokens: bool,
}

impl Marks {
    #[inline]
    fn add(&mut self, sixteen: u8x16) {
        self.digits |= digits(sixteen);
        self.ats |= is(sixteen, b'@');
        self.folds |= fold(sixteen);
        let capitals = capitals(sixteen).to_bitmask();
        let two = capitals & capitals >> 1;
        self.capitals |= two & two >> 2;
        let token = token(sixteen).to_bitmask();
        self.tokens |= (token & 0xFF == 0xFF) | (token >> 8 == 0xFF);
    }

    #[inline]
    fn traits(&self) -> Traits {
        let any = |class: u8x16| class.to_bitmask() != 0;
        Traits {
            digit: any(self.digits),
            at: any(self.ats),
            fold: any(self.folds),
            capitals: self.capitals != 0,
            tokens: self.tokens,
        }
    }
}

impl Traits {
    /// Of these bytes. A long text may have everything.
    pub fn of(bytes: &[u8]) -> Self {
        if bytes.len() > LONG {
            return Self { digit: true, at: true, fold: true, capitals: true, tokens: true };
        }
        if bytes.len() < TOKEN {
            let mut marks = Marks::default();
            marks.add(fewer(bytes));
            return Self { tokens: false, ..marks.traits() };
        }
        let mut marks = Marks::default();
        sixteens(bytes, |sixteen, _| marks.add(sixteen));
        marks.traits()
    }

    /// Without what numbers are made of.
    pub fn numberless(self) -> Self {
        Self { digit: false, at: false, capitals: false, ..self }
    }

    /// None of all these.
    pub fn nothing(self) -> bool {
        !(self.digit | self.at | self.fold | self.capitals | self.tokens)
    }

    /// A digit.
    pub fn digit(self) -> bool {
        self.digit
    }

    /// The sign of e-mail addresses.
    pub fn at(self) -> bool {
        self.at
    }

    /// Something that is not ASCII, or may begin an escape.
    pub fn fold(self) -> bool {
        self.fold
    }

    /// Four capitals in a row: every word of eight capitals covers such within sixteen bytes.
    pub fn capitals(self) -> bool {
        self.capitals
    }

    /// Eight bytes in a row of what tokens consist of, in a text as long as a token: every run of fifteen covers such.
    pub fn tokens(self) -> bool {
        self.tokens
    }
}

/// Steps through the eights that may be of one token, in steps of eight: every run of fifteen covers such. Those of words
/// that are shorter are passed by, as far as that is soon told.
pub struct TokenEights<'b> {
    bytes: &'b [u8],
    blocks: &'b [[u8; 64]],
    rest: &'b [u8],
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
        let mut eights = Self { bytes, blocks, rest, place: 0, mask: 0, open: false, two: false };
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
        let token = self.read(place);
        let all = eights(token);
        self.two |= all & (all << 1 | u64::from(self.open)) != 0;
        self.open = all >> 7 & 1 == 1;
        // The first and the last may be of runs that begin or end elsewhere.
        self.mask = if all == 0 { 0 } else { all & (eights(long_runs(token)) | 0x81) };
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
            // Most have none, which the spaces between words tell already.
            let (next, long) = (self.place + 1, long_word(self.bytes, self.place * 64 + 56) / 64);
            self.open &= long <= next;
            self.place = long.max(next) - 1;
            self.go(long.max(next));
        }
        Some(self.place * 64 + self.mask.trailing_zeros() as usize * 8)
    }

    fn read(&self, place: usize) -> u64 {
        match self.blocks.get(place) {
            Some(block) => mask(block, token),
            None if place == self.blocks.len() => mask_of(self.rest, token),
            None => 0,
        }
    }
}

/// The first eight from `from` on, in steps of eight, that is of a word which is as long as a token, or a few bytes less;
/// or one near the end of the text.
fn long_word(bytes: &[u8], from: usize) -> usize {
    let mut at = from;
    while let Some(window) = bytes.get(at..).and_then(<[u8]>::first_chunk) {
        let fours = fours(window, behind_spaces);
        let three = fours & fours >> 1 & fours >> 2;
        if three != 0 {
            return at + (three.trailing_zeros() as usize).next_multiple_of(2) * 4;
        }
        // The last eight again: it may go on.
        at += 56;
    }
    at
}

/// A bit for each four bytes of a block that are all of a class.
fn fours(block: &[u8; 64], class: impl Fn(u8x16) -> u8x16) -> u32 {
    let mut full = [i32x4::default(); 4];
    let sixteens: &[[u8; 16]] = block.as_chunks().0;
    for (full, sixteen) in full.iter_mut().zip(sixteens) {
        *full = cast::<_, i32x4>(class(u8x16::new(*sixteen))).simd_eq(i32x4::splat(-1));
    }
    let [first, second]: [i32x8; 2] = cast(full);
    let halves = [i16x8::from_i32x8_saturate(first), i16x8::from_i32x8_saturate(second)];
    i8x16::from_i16x16_saturate(cast(halves)).to_bitmask()
}

/// A bit for each eight of a block of which every bit is set.
fn eights(mask: u64) -> u64 {
    const LOW: u64 = 0x7F7F_7F7F_7F7F_7F7F;
    // One more carries over into the highest bit of each eight, if all below are set.
    let full = ((mask & LOW) + 0x0101_0101_0101_0101) & mask & !LOW;
    (full >> 7).wrapping_mul(0x0102_0408_1020_4080) >> 56
}

/// The bits that are of runs of fourteen and more: with its padding such is as long as a token.
fn long_runs(mask: u64) -> u64 {
    let two = mask & mask >> 1;
    let four = two & two >> 2;
    let eight = four & four >> 4;
    let first = eight & eight >> 6;
    let two = first | first << 1;
    let four = two | two << 2;
    let eight = four | four << 4;
    eight | eight << 6
}

/// The next eight bytes, in steps of eight, of which the first or last four are capitals: every word of seven covers such.
/// Where fewer than a block are left, all may be such.
pub fn capital_eight(bytes: &[u8], from: usize) -> usize {
    let mut at = from / 8 * 8;
    while let Some(block) = bytes.get(at..).and_then(<[u8]>::first_chunk) {
        let full = fours(block, capitals);
        if full != 0 {
            return at + full.trailing_zeros() as usize / 2 * 8;
        }
        at += 64;
    }
    at
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
        let mut digits = Self { bytes, base: 0, mask: 0 };
        digits.go(0);
        digits
    }

    fn go(&mut self, base: usize) {
        self.base = base;
        let ahead = self.bytes.get(base..).unwrap_or_default();
        self.mask = ahead.first_chunk().map_or_else(|| mask_of(ahead, digits), |block| mask(block, digits));
    }

    /// Which bytes from `at` on are digits, as far as they are known: `at` is what was found last.
    pub fn ahead(&self, at: usize) -> u64 {
        self.mask >> at.saturating_sub(self.base).min(63)
    }

    /// The next one from `from` on, which is not before that of the last call.
    pub fn next(&mut self, from: usize) -> Option<usize> {
        if from >= self.base + 64 {
            self.go(from / 64 * 64);
        }
        self.mask &= u64::MAX << from.saturating_sub(self.base).min(63);
        while self.mask == 0 {
            if self.base + 64 >= self.bytes.len() {
                return None;
            }
            self.go(self.base + 64);
        }
        Some(self.base + self.mask.trailing_zeros() as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::{TOKEN, TokenEights, capital_eight, long_runs};

    /// A text of short words with `word` at `at`.
    fn text(word: &str, at: usize) -> String {
        let mut text: String = "a word of few ".chars().cycle().take(300).collect();
        text.replace_range(at..at + word.len(), word);
        text.replace_range(at - 1..at, " ");
        text.replace_range(at + word.len()..at + word.len() + 1, " ");
        text
    }

    #[test]
    fn a_run_as_long_as_a_token_is_stepped_into_wherever_it_stands() {
        let token = "x".repeat(TOKEN);
        for at in 1..280 {
            let text = text(&token, at);
            let inside = TokenEights::new(text.as_bytes()).next(0);
            assert!(inside.is_some_and(|inside| at <= inside && inside + 8 <= at + TOKEN), "{at}: {inside:?}");
        }
    }

    #[test]
    fn words_shorter_than_a_token_are_passed_by_within_a_block() {
        for at in (80..100).chain(144..160) {
            assert_eq!(TokenEights::new(text("thirteen-char", at).as_bytes()).next(0), None, "{at}");
        }
    }

    #[test]
    fn two_eights_in_a_row_are_known_wherever_they_stand() {
        let token = "x".repeat(TOKEN + 7);
        for at in 1..270 {
            let text = text(&token, at);
            let mut eights = TokenEights::new(text.as_bytes());
            let mut probe = 0;
            while let Some(inside) = eights.next(probe) {
                probe = inside + 8;
            }
            assert!(eights.has_two(), "{at}");
        }
        assert!(!TokenEights::new(text("x", 1).as_bytes()).has_two());
    }

    #[test]
    fn a_word_of_seven_capitals_is_stepped_into_wherever_it_stands() {
        for at in 1..290 {
            let eight = capital_eight(text("CAPITAL", at).as_bytes(), 0);
            assert!(eight <= at + 3, "{at}: {eight}");
        }
    }

    #[test]
    fn a_run_of_fourteen_is_long_and_one_of_thirteen_is_not() {
        for at in 0..51 {
            assert_eq!(long_runs(((1 << 13) - 1) << at), 0, "{at}");
            assert_eq!(long_runs(((1 << 14) - 1) << at.min(50)), ((1 << 14) - 1) << at.min(50), "{at}");
        }
    }
}
