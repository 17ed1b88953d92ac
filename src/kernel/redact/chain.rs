//! Words of letters and digits, and chains of them: where every number is taken from.

/// The most words of a chain, and the most characters of one candidate.
pub const WORDS: usize = 9;
/// See [`WORDS`].
pub const LENGTH: usize = 48;

/// A maximal run of ASCII letters and digits.
#[derive(Clone, Copy, Debug, Default)]
pub struct Word {
    /// Its first byte.
    pub start: usize,
    /// One past its last.
    pub end: usize,
    /// How many of its bytes are digits.
    pub digits: usize,
    /// How many are small letters.
    pub small: usize,
}

impl Word {
    /// How long it is.
    pub fn len(&self) -> usize {
        self.end - self.start
    }

    /// Whether it has no bytes.
    pub fn is_empty(&self) -> bool {
        self.end == self.start
    }

    /// Nothing but digits.
    pub fn is_number(&self) -> bool {
        self.digits == self.len()
    }
}

/// Words with one space, hyphen, dot or slash between them, at least the first with a digit.
#[derive(Debug, Default)]
pub struct Chain {
    words: [Word; WORDS],
    count: usize,
    /// More would follow.
    pub cut: bool,
}

/// The byte at `at`, or a space beyond the ends.
pub fn byte(text: &[u8], at: usize) -> u8 {
    text.get(at).copied().unwrap_or(b' ')
}

/// The byte before `at`, or a space.
pub fn byte_before(text: &[u8], at: usize) -> u8 {
    at.checked_sub(1).map_or(b' ', |at| byte(text, at))
}

/// Whether dots lead up to `at` from its label: `Account number........12345678`.
pub fn is_led(text: &[u8], at: usize) -> bool {
    text.get(..at).is_some_and(|front| front.ends_with(b"...."))
}

/// What each byte is: a letter or digit (1), a digit (2), a small letter (4).
const CLASSES: [u8; 256] = of_bytes!(
    at => at.is_ascii_alphanumeric() as u8 | (at.is_ascii_digit() as u8) << 1 | (at.is_ascii_lowercase() as u8) << 2,
    else 0
);

fn class(byte: u8) -> u8 {
    CLASSES.get(usize::from(byte)).copied().unwrap_or(0)
}

/// Whether a byte is of a word.
pub fn is_part(byte: u8) -> bool {
    class(byte) != 0
}

/// The word that contains `at`.
pub fn word(text: &[u8], at: usize) -> Word {
    let start = text.get(..at).unwrap_or_default().iter().rposition(|byte| !is_part(*byte)).map_or(0, |gap| gap + 1);
    word_from(text, start)
}

/// The word that begins at `start`.
pub fn word_from(text: &[u8], start: usize) -> Word {
    let (mut length, mut digits, mut small) = (0, 0, 0);
    for byte in text.get(start..).unwrap_or_default() {
        let class = class(*byte);
        if class == 0 {
            break;
        }
        length += 1;
        digits += usize::from(class >> 1 & 1);
        small += usize::from(class >> 2);
    }
    Word { start, end: start + length, digits, small }
}

impl Chain {
    /// Becomes the chain that begins with `first`. A short word of capitals before it belongs to it ("AB 12 34 56 C"), and
    /// the six letters of a name before a birth date of the Italian fiscal code ("RSSMRA 80A01 H501U", "RSS MRA 80A01 ...").
    /// `last` is the chain read before: where it goes on with `first`, its words are not read again.
    pub fn read(&mut self, text: &[u8], first: Word, last: &Self) {
        (self.count, self.cut) = (0, false);
        let chain = self;
        if let Some(before) = capitals_before(text, first) {
            let dated = first.len() == 5 && !first.is_number();
            if dated
                && before.len() == 3
                && let Some(name) = capitals_before(text, before).filter(|name| name.len() == 3)
            {
                chain.push(name);
            }
            if before.len() <= 5 || dated && before.len() == 6 {
                chain.push(before);
            }
        }
        let known = last.words().iter().position(|word| word.start == first.start && word.end == first.end);
        match known.and_then(|at| last.words().get(at..)) {
            Some(words) => words.iter().for_each(|word| chain.push(*word)),
            None => chain.push(first),
        }
        if known.is_some_and(|at| !last.cut && last.count - at < WORDS) {
            return;
        }
        let mut last = chain.words().last().copied().unwrap_or(first);
        while let Some(gap) = gap(text, last.end) {
            let next = word_from(text, last.end + gap);
            let joins = next.digits > 0 || (!next.is_empty() && next.len() <= 4 && next.small == 0);
            if !joins || next.len() > LENGTH {
                break;
            }
            if chain.count == WORDS {
                chain.cut = true;
                break;
            }
            chain.push(next);
            last = next;
        }
    }

    fn push(&mut self, word: Word) {
        if let Some(slot) = self.words.get_mut(self.count) {
            *slot = word;
            self.count += 1;
        }
    }

    /// Its words.
    pub fn words(&self) -> &[Word] {
        self.words.get(..self.count).unwrap_or_default()
    }
}

/// The word of capitals that one space or hyphen joins with `next`.
fn capitals_before(text: &[u8], next: Word) -> Option<Word> {
    let last = next.start.checked_sub(2).filter(|_| matches!(byte_before(text, next.start), b' ' | b'-'))?;
    let before = word(text, last);
    (before.end + 1 == next.start && !before.is_empty() && before.digits == 0 && before.small == 0).then_some(before)
}

/// How long the mark at `at` is that may join two words: one sign, two spaces, or a dash between spaces.
fn gap(text: &[u8], at: usize) -> Option<usize> {
    match byte(text, at) {
        b' ' => Some(match (byte(text, at + 1), byte(text, at + 2)) {
            (b' ', next) if next != b' ' => 2,
            (b'-', b' ') => 3,
            _ => 1,
        }),
        b'-' | b'.' | b'/' | b'_' => Some(1),
        _ => None,
    }
}

/// What stands between the words of a candidate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gap {
    /// It is one word.
    None,
    /// The same mark everywhere: space, hyphen, dot or slash.
    One(u8),
    /// Different marks.
    Mixed,
}

/// Some words of a chain in a row, read as one value.
#[derive(Clone, Copy, Debug)]
pub struct Candidate {
    /// Its first byte in the text.
    pub start: usize,
    /// One past its last.
    pub end: usize,
    /// Between its words.
    pub gap: Gap,
    /// Lengths of its words.
    pub layout: u64,
    letters: [u8; LENGTH],
    length: usize,
    /// How many of its characters are digits.
    pub digits: usize,
    /// It has small letters.
    pub small: bool,
    /// A mark that binds stands right before or behind, so that it is part of something longer.
    pub bound: bool,
    /// It stands where the number does on a magnetic stripe (ISO/IEC 7813): `%B...^`, `;...=`.
    pub on_stripe: bool,
}

impl Candidate {
    /// Words `from..to` of a chain, or `None` when they are too long together.
    pub fn read(text: &[u8], words: &[Word]) -> Option<Self> {
        let (first, last) = (words.first()?, words.last()?);
        let mut candidate = Self {
            start: first.start,
            end: last.end,
            gap: Gap::None,
            layout: 0,
            letters: [0; LENGTH],
            length: 0,
            digits: 0,
            small: false,
            bound: false,
            on_stripe: false,
        };
        for (place, word) in words.iter().enumerate() {
            if place > 0 {
                let mark = byte_before(text, word.start);
                candidate.gap = match candidate.gap {
                    Gap::None => Gap::One(mark),
                    Gap::One(same) if same == mark => Gap::One(mark),
                    _ => Gap::Mixed,
                };
            }
            candidate.layout = candidate.layout << 4 | word.len().min(15) as u64;
            candidate.digits += word.digits;
            candidate.small |= word.small > 0;
            for byte in text.get(word.start..word.end)? {
                *candidate.letters.get_mut(candidate.length)? = byte.to_ascii_uppercase();
                candidate.length += 1;
            }
        }
        candidate.on_stripe = match byte(text, last.end) {
            b'^' => text.get(..first.start).is_some_and(|front| front.ends_with(b"%B")),
            b'=' => byte_before(text, first.start) == b';',
            _ => false,
        };
        candidate.bound = binds(text, first.start, last.end) || (words.len() > 2 && follows_group(text, first));
        Some(candidate)
    }

    /// The same behind zeros, `length` long with them; nothing if that is not longer.
    pub fn padded(&self, length: usize) -> Option<Self> {
        let zeros = length.checked_sub(self.length).filter(|zeros| *zeros > 0)?;
        let mut padded = *self;
        padded.letters.get_mut(..zeros)?.fill(b'0');
        padded.letters.get_mut(zeros..length)?.copy_from_slice(self.letters());
        (padded.length, padded.digits) = (length, self.digits + zeros);
        Some(padded)
    }

    /// Letters in capitals and digits, without marks.
    pub fn letters(&self) -> &[u8] {
        self.letters.get(..self.length).unwrap_or_default()
    }

    /// Nothing but digits.
    pub fn is_number(&self) -> bool {
        self.digits == self.length
    }

    /// The words are this long, with this mark between them.
    pub fn is(&self, mark: u8, lengths: &[u8]) -> bool {
        self.gap == Gap::One(mark) && self.lengths(lengths)
    }

    /// The words are this long.
    pub fn lengths(&self, lengths: &[u8]) -> bool {
        self.layout == lengths.iter().fold(0, |sum, length| sum << 4 | u64::from(*length))
    }

    /// Spelled without marks.
    pub fn is_plain(&self) -> bool {
        self.gap == Gap::None
    }
}

/// Whether a group of letters and digits as long as the first stands before it: the candidate is the tail of
/// something longer.
fn follows_group(text: &[u8], first: &Word) -> bool {
    let Some(at) = first.start.checked_sub(2).filter(|_| byte_before(text, first.start) == b' ') else {
        return false;
    };
    let before = word(text.get(..=at).unwrap_or_default(), at);
    before.len() == first.len() && before.digits > 0 && before.digits < before.len() && before.small == 0
}

/// Whether a mark that joins numbers stands at either end, with a digit or letter beyond it.
fn binds(text: &[u8], start: usize, end: usize) -> bool {
    let joins = |mark: u8, beyond: u8| match mark {
        b'-' | b'_' | b'/' | b'\\' => beyond.is_ascii_alphanumeric(),
        b'.' | b':' => beyond.is_ascii_digit(),
        _ => false,
    };
    let before = joins(byte_before(text, start), start.checked_sub(2).map_or(b' ', |at| byte(text, at)));
    let after = joins(byte(text, end), byte(text, end + 1)) && !is_float(text, end);
    before || after
}

/// Whether a whole number ends here as programs write it that keep all numbers of a column as such with a point: `.0`.
pub fn is_float(text: &[u8], end: usize) -> bool {
    text.get(end..).is_some_and(|rest| rest.starts_with(b".0"))
        && !matches!(byte(text, end + 2), b'.' | b'-' | b'/')
        && !is_part(byte(text, end + 2))
}
