//! Words that say what stands beside them: in keys, column headers and sentences, in some twenty languages.
//!
//! A label is compared without case, accents and separators, word by word, so that `cardNumber`,
//! `card_number`, `CARD-NUMBER` and "card number" are one. There are no substring matches in scripts that
//! separate words: "lic" is not in "public".
use super::Kind;
use super::words::{self, Words};
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::LazyLock;

/// A set of labels: one bit per kind that is built in, and the general ones below.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Labels(u128);

impl Labels {
    /// Nothing is said.
    pub const NONE: Self = Self(0);
    /// A number by which some state knows a person: "national id", "identity number".
    pub const NATIONAL: Self = Self(1 << 120);
    /// A tax number of some state.
    pub const TAX: Self = Self(1 << 121);
    /// A number of some health scheme.
    pub const HEALTH: Self = Self(1 << 122);
    /// Says that it is something that is not sensitive: an order, a version, a digest.
    pub const OTHER: Self = Self(1 << 123);
    /// Says only that it is a number, a value or an identifier: look at what is around it.
    pub const VAGUE: Self = Self(1 << 124);
    /// A version or release: four numbers with dots are not an address there.
    pub const VERSION: Self = Self(1 << 125);

    /// The label of one kind.
    pub fn of(kind: Kind) -> Self {
        match place(kind) {
            Some(bit) => Self(1 << bit),
            None => Self::NONE,
        }
    }

    /// Whether it names this kind.
    pub fn names(self, kind: Kind) -> bool {
        self.any(Self::of(kind))
    }

    /// Whether they share a label.
    pub fn any(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Both.
    pub fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether nothing is said.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether it says something about the value, if only that it is something else.
    pub fn tells(self) -> bool {
        self.0 & !Self::VAGUE.0 != 0
    }
}

fn place(kind: Kind) -> Option<u32> {
    Kind::ALL.iter().position(|known| *known == kind).and_then(|at| u32::try_from(at).ok())
}

/// Words are short and the table is ours, so a multiplicative hash does.
#[derive(Default)]
struct Quick(u64);

impl Hasher for Quick {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<8>();
        let mut mix = |word: u64| self.0 = (self.0.rotate_left(23) ^ word).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        words.iter().for_each(|word| mix(u64::from_le_bytes(*word)));
        mix(rest.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte)));
    }

    fn write_u8(&mut self, _: u8) {}
}

struct Table {
    words: HashMap<String, Labels, BuildHasherDefault<Quick>>,
    /// Labels of scripts that do not separate words, longest first.
    joined: Vec<(String, Labels)>,
    longest: usize,
}

static TABLE: LazyLock<Table> = LazyLock::new(|| {
    let mut table = Table { words: HashMap::default(), joined: Vec::new(), longest: 0 };
    let kinds = super::lexicon::KINDS.iter().map(|(kind, words)| (Labels::of(*kind), *words));
    let general = [
        (Labels::NATIONAL, super::lexicon::NATIONAL),
        (Labels::TAX, super::lexicon::TAX),
        (Labels::HEALTH, super::lexicon::HEALTH),
        (Labels::OTHER, super::lexicon::OTHER),
        (Labels::OTHER.with(Labels::VERSION), super::lexicon::VERSION),
        (Labels::VAGUE, super::lexicon::VAGUE),
    ];
    for (labels, words) in kinds.chain(general) {
        for word in words.split(['|', '\n']).map(str::trim).filter(|word| !word.is_empty()) {
            let mut plain = String::new();
            words::plain(word, &mut plain);
            if plain.chars().any(words::is_joined) {
                table.joined.push((plain, labels));
            } else {
                table.longest = table.longest.max(plain.len());
                let entry = table.words.entry(plain).or_default();
                *entry = entry.with(labels);
            }
        }
    }
    table.joined.sort_by_key(|(word, _)| std::cmp::Reverse(word.len()));
    table
});

/// What one label says, words already joined and plain.
fn exact(plain: &str) -> Labels {
    if plain.len() > TABLE.longest {
        return Labels::NONE;
    }
    TABLE.words.get(plain).copied().unwrap_or_default()
}

/// As [`exact`], and with up to four letters of inflection at the end of a long word.
fn inflected(plain: &str) -> Labels {
    let found = exact(plain);
    if !found.is_empty() {
        return found;
    }
    if plain.chars().any(words::is_joined) {
        return TABLE.joined.iter().find(|(word, _)| plain.contains(word.as_str())).map_or(Labels::NONE, |(_, l)| *l);
    }
    let stem = if plain.len() >= 9 { 4 } else { usize::from(plain.len() >= 4 && plain.ends_with('s')) };
    for cut in 1..=stem {
        let found = plain.get(..plain.len() - cut).map_or(Labels::NONE, exact);
        if found.tells() {
            return found;
        }
    }
    Labels::NONE
}

/// A label in a run of words.
#[derive(Clone, Copy, Debug)]
pub struct Match {
    /// What it says.
    pub labels: Labels,
    /// Its first byte in the text that the words were read from.
    pub start: usize,
    /// One past its last byte there.
    pub end: usize,
}

/// The most words of one label.
const WORDS: usize = 5;

/// The last label in `words` that tells something, and whether only vague ones follow it.
pub fn last(words: &Words) -> Option<Match> {
    let count = words.len();
    for end in (1..=count).rev() {
        for start in end.saturating_sub(WORDS)..end {
            let labels = inflected(words.join(start, end));
            if labels.tells() {
                let (from, to) = words.range(start, end);
                return Some(Match { labels, start: from, end: to });
            }
        }
    }
    None
}

/// Everything that labels before `found` say.
pub fn before(words: &Words, found: Match) -> Labels {
    let mut end = (0..words.len()).take_while(|at| words.range(*at, at + 1).1 <= found.start).count();
    let mut all = Labels::NONE;
    while end > 0 {
        let start = (end.saturating_sub(WORDS)..end).find(|start| {
            let labels = inflected(words.join(*start, end));
            all = all.with(if labels.tells() { labels } else { Labels::NONE });
            labels.tells()
        });
        end = start.unwrap_or(end - 1);
    }
    all
}

/// The first label in `words` that tells something.
pub fn first(words: &Words) -> Option<Match> {
    let count = words.len();
    for start in 0..count {
        for end in (start + 1..=(start + WORDS).min(count)).rev() {
            let labels = inflected(words.join(start, end));
            if labels.tells() {
                let (from, to) = words.range(start, end);
                return Some(Match { labels, start: from, end: to });
            }
        }
    }
    None
}

/// What a key says: the label nearest its end, or that it is vague, or nothing.
pub fn of_key(key: &str) -> Labels {
    of_phrase(key).0
}

/// As [`of_key`], and what is said before that.
pub fn of_phrase(key: &str) -> (Labels, Labels) {
    let words = Words::read(key);
    if let Some(found) = last(&words) {
        return (found.labels, before(&words, found));
    }
    (vague(&words), Labels::NONE)
}

fn vague(words: &Words) -> Labels {
    let vague = (0..words.len()).all(|at| exact(words.join(at, at + 1)) == Labels::VAGUE);
    if vague { Labels::VAGUE } else { Labels::NONE }
}

/// What one plain word says.
pub fn of_word(plain: &str) -> Labels {
    exact(plain)
}
