//! A text as it is compared: letters and digits only, in one case and spelling, and where its words are.
use super::words::is_common;
use crate::kernel::contract::poison::fold::fold;
use std::collections::HashMap;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// A run of letters and digits.
#[derive(Clone, Debug)]
pub struct Word {
    /// Where it is in [`Reading::bytes`].
    pub start: usize,
    /// Where it ends.
    pub end: usize,
    /// The separator before it, if it is one character.
    gap: char,
    /// It may be a further part of the number before it.
    joint: bool,
    capital: bool,
    /// Within a URL: which server and path is no secret.
    url: bool,
    /// Within the local part of an email address.
    mailbox: bool,
    /// One of few, as a status is, or no data at all, as the name of a field is.
    one_of_few: bool,
}

/// A folded text.
#[derive(Default)]
pub struct Reading {
    /// Letters and digits in UTF-8, nothing between them.
    pub bytes: Vec<u8>,
    /// Its words in order.
    pub words: Vec<Word>,
    /// Email addresses, as ranges of words.
    mails: Vec<(usize, usize)>,
}

/// A piece of a text that is recognised wherever it stands.
#[derive(Clone, Copy, Debug)]
pub struct Token {
    /// Where it is in the bytes.
    pub start: usize,
    /// Where it ends.
    pub end: usize,
    /// How much it says, in bits: two texts that have nothing to do with each other share it with a probability
    /// of at most 2 to the minus that.
    pub bits: u8,
    /// Tokens of one slot say one thing; the most telling counts.
    pub slot: usize,
}

/// Words of a text that is more than a value.
const PROSE_MIN: usize = 6;
/// What is in no text: nothing that has it is ever found.
const END: u8 = 0xff;
/// How many words further a word that is said again says nothing new.
const AGAIN: usize = 16;
/// Most bits of a word of letters.
const WORD_BITS: usize = 8;
/// Bits of an email address besides its words.
const MAIL_BITS: usize = 12;
/// Most parts of a written number.
const PARTS_MAX: usize = 8;
/// Least words of one letter in a row that are a text written with spaces.
const SPACED_MIN: usize = 8;
/// Longest token that is looked for in a text written with spaces.
const SPACED_TOKEN_MAX: usize = 16;

impl Reading {
    /// Folds a text and adds it; words of different texts do not run into each other.
    pub fn add(&mut self, text: &str, one_of_few: bool) {
        let first = self.words.len();
        match text.is_ascii() {
            true => self.feed(text.chars()),
            false => self.feed(text.nfkc()),
        }
        self.find_mails(first);
        self.words.iter_mut().skip(first).for_each(|word| word.one_of_few = one_of_few);
    }

    /// Adds a text that is kept: a longer one does not run on into the next.
    pub fn keep(&mut self, text: &str, one_of_few: bool) {
        let first = self.words.len();
        self.add(text, one_of_few);
        if self.words.len() - first >= PROSE_MIN {
            if let Some(start) = self.words.get(first).map(|word| word.start) {
                self.bytes.insert(start, END);
                for word in self.words.iter_mut().skip(first) {
                    (word.start, word.end) = (word.start + 1, word.end + 1);
                }
            }
            self.bytes.push(END);
        }
    }

    fn feed(&mut self, characters: impl Iterator<Item = char>) {
        let mut open: Option<Word> = None;
        let (mut gap, mut gaps, mut joint, mut url) = ('\0', 0, false, false);
        let mut tail = ['\0'; 2];
        for character in characters {
            if !character.is_ascii() && (is_unseen(character) || is_combining_mark(character)) {
                continue;
            }
            if !character.is_alphanumeric() {
                if let Some(word) = open.take() {
                    self.words.push(Word { end: self.bytes.len(), ..word });
                    (gaps, joint) = (0, true);
                }
                (gap, gaps) = (character, gaps + 1);
                joint &= gaps <= 2 && matches!(character, ' ' | '-' | '.' | '/' | '(' | ')');
                url = match character {
                    '/' if tail == [':', '/'] => true,
                    '"' | '<' | '>' | '?' | '#' => false,
                    character => url && !character.is_whitespace(),
                };
                let [_, last] = tail;
                tail = [last, character];
                continue;
            }
            if open.is_none() {
                let (start, capital) = (self.bytes.len(), character.is_uppercase());
                let gap = if gaps == 1 { gap } else { '\0' };
                open = Some(Word { start, end: start, gap, joint, capital, url, mailbox: false, one_of_few: false });
                tail = ['\0'; 2];
            }
            fold_into(character, &mut self.bytes);
        }
        if let Some(word) = open {
            self.words.push(Word { end: self.bytes.len(), ..word });
        }
    }

    /// Addresses: the mailbox says who it is, the host says little.
    fn find_mails(&mut self, first: usize) {
        let found: Vec<usize> = (first + 1..self.words.len()).filter(|at| self.gap(*at) == '@').collect();
        for at in found {
            let (mut start, mut end) = (at - 1, at + 1);
            while start > first && matches!(self.gap(start), '.' | '-' | '_' | '+') {
                start -= 1;
            }
            while matches!(self.gap(end), '.' | '-') {
                end += 1;
            }
            for (index, word) in self.words.iter_mut().enumerate().take(end).skip(start) {
                (word.mailbox, word.url) = (index < at, index >= at);
            }
            self.mails.push((start, end));
        }
    }

    fn gap(&self, at: usize) -> char {
        self.words.get(at).map_or('\0', |word| word.gap)
    }

    /// The bytes of a word or token.
    pub fn slice(&self, start: usize, end: usize) -> &[u8] {
        self.bytes.get(start..end).unwrap_or_default()
    }

    /// How much each byte says to whoever sees it within a longer text, in sixteenths of a bit, summed up from the
    /// beginning.
    pub fn sums(&self) -> Vec<u32> {
        let mut sums = Vec::with_capacity(self.bytes.len() + 1);
        let mut sum = 0_u32;
        sums.push(0);
        let mut last: HashMap<&[u8], usize> = HashMap::new();
        for (at, word) in self.words.iter().enumerate() {
            let length = word.end - word.start;
            // Said again nearby, it follows from what was said: an address has the name of its owner.
            let again = last.insert(self.slice(word.start, word.end), at).is_some_and(|last| at - last <= AGAIN);
            let bits = self.flowing_bits(word);
            let bits = if again && bits > 2 { 0 } else { bits };
            // Between two texts.
            sums.resize(word.start + 1, sum);
            let each = bits * 16 / length.max(1);
            for _ in 0..length {
                sum = sum.saturating_add(u32::try_from(each).unwrap_or(u32::MAX));
                sums.push(sum);
            }
        }
        sums.resize(self.bytes.len() + 1, sum);
        sums
    }

    /// Bits of a word that stands in a sentence.
    fn flowing_bits(&self, word: &Word) -> usize {
        let bytes = self.slice(word.start, word.end);
        match Class::of(bytes) {
            _ if word.one_of_few => 0,
            Class::Letters if word.url => 0,
            Class::Letters if is_common(std::str::from_utf8(bytes).unwrap_or_default()) => 2,
            Class::Letters if word.capital || word.mailbox => (2 * bytes.len()).min(WORD_BITS),
            Class::Letters => (2 * bytes.len()).min(6),
            Class::Other => 4 * bytes.len(),
            Class::Digits | Class::Mixed => self.lone_bits(word, bytes),
        }
    }

    fn is_one_of_few(&self, start: usize) -> bool {
        let at = self.words.partition_point(|word| word.start < start);
        self.words.get(at).is_some_and(|word| word.one_of_few)
    }

    /// Bits of a word that stands by itself.
    fn lone_bits(&self, word: &Word, bytes: &[u8]) -> usize {
        let length = bytes.len();
        match Class::of(bytes) {
            _ if word.one_of_few => 0,
            Class::Letters if word.url || length < 3 => 0,
            Class::Letters if is_common(std::str::from_utf8(bytes).unwrap_or_default()) => 0,
            Class::Letters if word.capital || word.mailbox => (2 * length).min(WORD_BITS),
            // What is written small is a word of the language, or of the program.
            Class::Letters => 0,
            Class::Digits => digits_bits(bytes),
            Class::Mixed => mixed_bits(bytes),
            Class::Other => {
                if length < 6 {
                    0
                } else {
                    (2 * length).min(16)
                }
            }
        }
    }

    /// What may be recognised in any order. `all` also gives what says nothing, as whoever looks for tokens needs.
    pub fn tokens(&self, all: bool) -> Vec<Token> {
        let mut tokens = Vec::new();
        let mut slot = 0;
        let mut add = |start: usize, end: usize, bits: usize, slot: usize| {
            if bits > 0 || all {
                tokens.push(Token { start, end, bits: u8::try_from(bits).unwrap_or(u8::MAX), slot });
            }
        };
        let mut at = 0;
        while let Some(word) = self.words.get(at) {
            let bytes = self.slice(word.start, word.end);
            if !bytes.iter().any(u8::is_ascii_digit) {
                add(word.start, word.end, self.lone_bits(word, bytes), slot);
                (at, slot) = (at + 1, slot + 1);
                continue;
            }
            // A number as it is written, with its parts: which of them belong together is not known to a reader.
            let numeric = |word: &Word| self.slice(word.start, word.end).iter().any(u8::is_ascii_digit);
            let rest = self.words.get(at + 1..).unwrap_or_default();
            let more = rest.iter().take_while(|word| word.joint && numeric(word)).count();
            let parts = self.words.get(at..=at + more).unwrap_or_default();
            for (index, part) in parts.iter().enumerate() {
                let longest = if all { PARTS_MAX } else { 1 };
                for last in parts.iter().skip(index).take(longest) {
                    add(part.start, last.end, self.group_bits(part.start, last.end), slot);
                }
            }
            if let (Some(first), Some(last), false) = (parts.first(), parts.last(), all || parts.len() < 2) {
                add(first.start, last.end, self.group_bits(first.start, last.end), slot);
            }
            (at, slot) = (at + more + 1, slot + 1);
        }
        for (first, end) in &self.mails {
            if let (Some(first), Some(last)) = (self.words.get(*first), self.words.get(end.saturating_sub(1))) {
                // Nobody else has it, unless it is everybody's, as `info@` is.
                let own = self.lone_bits(first, self.slice(first.start, first.end)) > 0;
                add(first.start, last.end, if own { MAIL_BITS } else { WORD_BITS }, slot);
                slot += 1;
            }
        }
        if all {
            self.spaced(&mut tokens);
        }
        tokens
    }

    fn group_bits(&self, start: usize, end: usize) -> usize {
        let bytes = self.slice(start, end);
        match Class::of(bytes) {
            _ if self.is_one_of_few(start) => 0,
            Class::Digits => digits_bits(bytes),
            _ => mixed_bits(bytes),
        }
    }

    /// Every token that may be in a text written l i k e t h i s.
    fn spaced(&self, tokens: &mut Vec<Token>) {
        for run in self.words.chunk_by(|a, b| (a.end - a.start <= 1) == (b.end - b.start <= 1)) {
            let single = run.first().is_some_and(|word| word.end - word.start <= 1);
            let (Some(first), Some(last)) = (run.first(), run.last()) else { continue };
            if !single || run.len() < SPACED_MIN {
                continue;
            }
            for start in first.start..last.end {
                for end in start + 3..=last.end.min(start + SPACED_TOKEN_MAX) {
                    tokens.push(Token { start, end, bits: 0, slot: 0 });
                }
            }
        }
    }
}

#[derive(PartialEq, Eq)]
enum Class {
    /// Latin letters.
    Letters,
    Digits,
    Mixed,
    /// Other scripts.
    Other,
}

impl Class {
    fn of(bytes: &[u8]) -> Self {
        let digits = bytes.iter().filter(|byte| byte.is_ascii_digit()).count();
        match digits {
            0 if bytes.is_ascii() => Self::Letters,
            0 => Self::Other,
            all if all == bytes.len() => Self::Digits,
            _ => Self::Mixed,
        }
    }
}

/// Random digits have 3.3 bits each; numbers that people give to things are less random than that. Round numbers,
/// years, dates and the time since 1970 are not.
fn digits_bits(bytes: &[u8]) -> usize {
    let number = |from: usize, to: usize| -> usize {
        bytes.get(from..to).unwrap_or_default().iter().fold(0, |sum, digit| sum * 10 + usize::from(digit - b'0'))
    };
    let year = |from: usize| (1900..2100).contains(&number(from, from + 4));
    let (month, day) =
        (|at: usize| (1..=12).contains(&number(at, at + 2)), |at: usize| (1..=31).contains(&number(at, at + 2)));
    let date = match bytes.len() {
        4 => year(0).then_some(0),
        6 => (year(0) && month(4)).then_some(0),
        8 if year(0) && month(4) && day(6) => Some(8),
        8 if year(4) && ((month(0) && day(2)) || (day(0) && month(2))) => Some(8),
        10 if bytes.first() == Some(&b'1') && (10..=20).contains(&number(0, 2)) => Some(8),
        12..=14 if year(0) && month(4) && day(6) => Some(8),
        13 if bytes.first() == Some(&b'1') && (15..=19).contains(&number(0, 2)) => Some(12),
        _ => None,
    };
    date.unwrap_or_else(|| {
        let zeros = |bytes: &mut dyn Iterator<Item = &u8>| bytes.take_while(|digit| **digit == b'0').count();
        let round = zeros(&mut bytes.iter()) + zeros(&mut bytes.iter().rev());
        let telling = bytes.len().saturating_sub(round);
        if telling < 3 { 0 } else { (telling * 33 / 10).min(120) - 5 }
    })
}

fn mixed_bits(bytes: &[u8]) -> usize {
    let digits = bytes.iter().filter(|byte| byte.is_ascii_digit()).count();
    let letters = bytes.len() - digits;
    // Times, as in 05T10 and 30Z, and with the date before them.
    let time = letters == 1 && bytes.iter().any(|byte| matches!(byte, b't' | b'z'));
    let date = bytes.iter().position(|byte| *byte == b't').and_then(|at| bytes.get(..at));
    let dated =
        date.is_some_and(|date| date.len() >= 6 && date.iter().all(u8::is_ascii_digit) && digits_bits(date) <= 8);
    match (bytes.len(), digits) {
        (0..=3, _) => 0,
        (..=5, _) if time => 0,
        _ if dated && letters <= 2 => 10,
        (_, 1 | 2) => 3 * digits + (2 * letters).min(WORD_BITS),
        (length, _) => (4 * length).min(120),
    }
}

/// What nobody sees does not part words.
fn is_unseen(character: char) -> bool {
    matches!(u32::from(character),
        0xad | 0x34f | 0x61c | 0x180b..=0x180f | 0x200b..=0x200f | 0x202a..=0x202e | 0x2060..=0x206f
        | 0xfe00..=0xfe0f | 0xfeff | 0xe0000..=0xe0fff)
}

fn fold_into(character: char, bytes: &mut Vec<u8>) {
    if character.is_ascii() {
        return bytes.push(character.to_ascii_lowercase() as u8);
    }
    let mut buffer = [0; 4];
    // Beyond these there are no look-alikes of Latin letters that NFKC leaves.
    if u32::from(character) < 0x2000 {
        let folded = fold(character.encode_utf8(&mut buffer));
        bytes.extend(folded.bytes().filter(|byte| !byte.is_ascii() || byte.is_ascii_alphanumeric()));
    } else {
        bytes.extend(character.encode_utf8(&mut buffer).bytes());
    }
}
