//! Words that say what stands beside them: in keys, column headers and sentences, in some twenty languages.
//!
//! A label is compared without case, accents and separators, word by word, so that `cardNumber`,
//! `card_number`, `CARD-NUMBER` and "card number" are one. There are no substring matches in scripts that
//! separate words: "lic" is not in "public".
use super::Kind;
use super::bits::{Bits, ByHash};
use super::evidence;
use super::words::{self, Ending, WORDS, Word, Words};
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

    /// Everything.
    pub const ALL: Self = Self(u128::MAX);

    /// The label of one kind.
    pub const fn of(kind: Kind) -> Self {
        match kind {
            Kind::Own(_) | Kind::Unread => Self::NONE,
            built_in => Self(1 << built_in.place()),
        }
    }

    /// Those of some kinds.
    pub const fn of_all(kinds: &[Kind]) -> Self {
        match kinds {
            [kind, rest @ ..] => Self::of(*kind).with(Self::of_all(rest)),
            [] => Self::NONE,
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
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether it says of something that it is sensitive.
    pub fn accuses(self) -> bool {
        self.0 & !(Self::VAGUE.0 | Self::OTHER.0 | Self::VERSION.0) != 0
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

/// The hash of a label is made from its end, so that a longer one that ends the same goes on from there.
#[derive(Clone, Copy)]
struct Hash(u64);

impl Hash {
    const NONE: Self = Self(0xCBF2_9CE4_8422_2325);

    fn with(self, byte: u8) -> Self {
        Self((self.0 ^ u64::from(byte.to_ascii_lowercase())).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(29))
    }

    fn of(plain: &[u8]) -> Self {
        plain.iter().rev().fold(Self::NONE, |hash, byte| hash.with(*byte))
    }

    fn slot(self, size: usize) -> usize {
        (self.0 >> 20) as usize & (size - 1)
    }
}

/// Where in [`Table::said`] is what a label says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Said(u16);

/// The bits of the place where labels are.
const SAID: u32 = 12;
/// Slots of the table and bits of the filters: powers of two, a few times what is in them.
const SLOTS: usize = 1 << 14;
const BITS: usize = 1 << 18;
const TAILS: usize = 1 << 18;

/// Whether the last letters of a word are all of the last of some label; only its last eight are looked at.
struct Tails(Bits);

impl Tails {
    /// The last eight bytes of any case, the last of them highest; fewer of a shorter word.
    fn last(text: &[u8], start: usize, end: usize) -> u64 {
        let eight = match end.checked_sub(8).and_then(|at| text.get(at..)).and_then(<[u8]>::first_chunk) {
            Some(eight) => u64::from_le_bytes(*eight),
            None => text.get(start..end).unwrap_or_default().iter().fold(0, |all, b| all >> 8 | u64::from(*b) << 56),
        };
        (eight | 0x2020_2020_2020_2020) & u64::MAX << (8 * 8usize.saturating_sub(end - start).min(7))
    }

    fn place(last: u64) -> usize {
        (last.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> (64 - TAILS.trailing_zeros())) as usize
    }

    /// Adds an ending of a label.
    fn add(&mut self, plain: &[u8], start: usize) {
        self.0.add(Self::place(Self::last(plain, start, plain.len())));
    }

    /// Whether one may end so.
    fn have(&self, last: u64) -> bool {
        self.0.has(Self::place(last))
    }
}

struct Table {
    /// Where in `said` is what each label says.
    places: ByHash<SAID>,
    /// What labels say: many say the same. Nothing comes first.
    said: Vec<Labels>,
    /// Every ending of every label: what is not in here is the end of none.
    endings: Bits,
    /// Endings of every label that tells something, and of every one that accuses; those of the latter that are all of it.
    telling: Tails,
    accusing: Tails,
    whole: Tails,
}

static TABLE: LazyLock<Table> = LazyLock::new(|| {
    let mut table = Table {
        places: ByHash::new(SLOTS),
        said: vec![Labels::NONE],
        endings: Bits::new(BITS),
        telling: Tails(Bits::new(TAILS)),
        accusing: Tails(Bits::new(TAILS)),
        whole: Tails(Bits::new(TAILS)),
    };
    let kinds = super::lexicon::KINDS.iter().map(|(kind, words)| (Labels::of(*kind), *words));
    let general = [
        (Labels::NATIONAL, super::lexicon::NATIONAL),
        (Labels::TAX, super::lexicon::TAX),
        (Labels::HEALTH, super::lexicon::HEALTH),
        (Labels::OTHER, super::lexicon::OTHER),
        (Labels::OTHER, super::lexicon::ACCOUNTS),
        (Labels::OTHER.with(Labels::VERSION), super::lexicon::VERSION),
        (Labels::VAGUE, super::lexicon::VAGUE),
    ];
    for (labels, words) in kinds.chain(general) {
        for word in words.split(['|', '\n']).map(str::trim).filter(|word| !word.is_empty()) {
            let mut plain = String::new();
            words::plain(word, &mut plain);
            table.add(plain.as_bytes(), labels);
            // The article is written together with its word.
            let article = match plain.chars().next() {
                Some('\u{5D0}'..='\u{5EA}') => "ה",
                Some('\u{620}'..='\u{64A}') if !plain.starts_with("ال") => "ال",
                _ => continue,
            };
            table.add(format!("{article}{plain}").as_bytes(), labels);
        }
    }
    table
});

impl Table {
    fn add(&mut self, plain: &[u8], labels: Labels) {
        if labels.tells() {
            (0..plain.len()).for_each(|start| self.telling.add(plain, start));
        }
        if labels.accuses() {
            (0..plain.len()).for_each(|start| self.accusing.add(plain, start));
            self.whole.add(plain, 0);
        }
        let mut hash = Hash::NONE;
        for byte in plain.iter().rev() {
            hash = hash.with(*byte);
            self.endings.add(hash.slot(BITS));
        }
        let all = self.get(hash).with(labels);
        let place = self.said.iter().position(|said| *said == all).unwrap_or(self.said.len());
        if place == self.said.len() {
            self.said.push(all);
        }
        self.places.put(hash.0, place as u64);
    }

    fn get(&self, hash: Hash) -> Labels {
        self.said(self.place(hash))
    }

    fn place(&self, hash: Hash) -> Said {
        Said(self.places.get(hash.0) as u16)
    }

    fn said(&self, place: Said) -> Labels {
        self.said.get(usize::from(place.0)).copied().unwrap_or_default()
    }

    fn ends(&self, hash: Hash) -> bool {
        self.endings.has(hash.slot(BITS))
    }
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
    /// Its first word.
    first: Word,
}

/// How many are kept: no fewer, a power of two.
const SEEN: usize = 8;

/// Calls `each` with what every label says that ends with the first `length` letters of word `end`, the shortest first, and
/// with the first word of each.
fn each_ending(words: &Words<'_>, end: Word, length: usize, mut each: impl FnMut(Said, Word)) {
    let table = &*TABLE;
    let mut hash = Hash::NONE;
    let Some(mut letters) = words.plain(end).get(..length) else { return };
    let mut now = end;
    for _ in 0..WORDS {
        for byte in letters.iter().rev() {
            hash = hash.with(*byte);
            if !table.ends(hash) {
                return;
            }
        }
        each(table.place(hash), now);
        if words.is_apart(now) {
            break;
        }
        let Some(before) = words.before(now) else {
            break;
        };
        (now, letters) = (before, words.plain(before));
    }
}

/// The longest label that tells something and ends so, and its first word.
fn ending(words: &Words<'_>, end: Word, length: usize) -> Option<(Said, Word)> {
    let mut found = None;
    each_ending(words, end, length, |said, first| {
        if TABLE.said(said).tells() {
            found = Some((said, first));
        }
    });
    found
}

/// Calls `each` with what every label says that these letters end with, wherever it begins, the shortest first.
fn each_part(letters: &[u8], mut each: impl FnMut(Said)) {
    let table = &*TABLE;
    let mut hash = Hash::NONE;
    for byte in letters.iter().rev() {
        hash = hash.with(*byte);
        if !table.ends(hash) {
            break;
        }
        each(table.place(hash));
    }
}

/// A label anywhere in a word of a script that does not separate words: the last one, the longest there.
fn inside(plain: &[u8]) -> Option<Said> {
    (1..=plain.len()).rev().find_map(|end| {
        let mut found = None;
        each_part(plain.get(..end)?, |said| found = Some(said).filter(|said| TABLE.said(*said).tells()).or(found));
        found
    })
}

/// How many letters of inflection a word so long that ends so may end with. Most are short, but nobody can foretell which
/// of them are very short: that is no branch.
fn cuts(length: usize, last: u8) -> usize {
    let plural = (length >= 3) & (last | 0x20 == b's');
    // A number has no inflection.
    if length >= 9 && !last.is_ascii_digit() { 4 } else { usize::from(plural) }
}

/// The label that ends with word `end`. What was found once is kept where the words are.
fn at(words: &Words<'_>, end: Word) -> Option<Match> {
    let Some(known) = words.ending(end) else { return read_at(words, end).map(|found| matched(words, end, found)) };
    if let Ending::Unread = known.get() {
        let whole = words.with_all();
        let back = |first| std::iter::successors(Some(end), |word| whole.before(*word)).position(|word| word == first);
        let label = read_at(&whole, end).map(|(said, first)| Ending::Label(said, back(first).unwrap_or(0) as u8));
        known.set(label.unwrap_or(Ending::Nothing));
    }
    let Ending::Label(said, back) = known.get() else { return None };
    let found = words.nth_before(end, usize::from(back)).map(|first| (said, first));
    // One that begins with words that do not count is none; a shorter one may be.
    found.or_else(|| read_at(words, end)).map(|found| matched(words, end, found))
}

fn matched(words: &Words<'_>, end: Word, (said, first): (Said, Word)) -> Match {
    let (start, end) = words.range(first, end);
    Match { labels: TABLE.said(said), start, end, first }
}

/// [`at`] of what nobody read, with its first word: with up to four letters of inflection at the end of a long word.
fn read_at(words: &Words<'_>, end: Word) -> Option<(Said, Word)> {
    let plain = words.plain(end);
    if words.is_joined(end) {
        // Some of these do separate words: `जन्म तिथि`.
        return inside(plain).map(|said| (said, end)).or_else(|| ending(words, end, plain.len()));
    }
    let length = |cut| Some(plain.len() - cut).filter(|length| TABLE.telling.have(Tails::last(plain, 0, *length)));
    let cuts = cuts(plain.len(), plain.last().copied().unwrap_or(0));
    let found = (0..=cuts).find_map(|cut| ending(words, end, length(cut)?))?;
    // "travel document" names more than "document no" does: what only says number adds nothing to it.
    if found.1 < end
        && TABLE.get(Hash::of(plain)) == Labels::VAGUE
        && let Some(before) = words.before(end)
        && let Some(longer) = ending(words, before, words.plain(before).len())
        && longer.1 < found.1
    {
        return Some(longer);
    }
    Some(found)
}

/// The last label in `words` that tells something.
pub fn last(words: &Words<'_>) -> Option<Match> {
    words.back().find_map(|end| at(words, end))
}

/// Everything that labels before `found` say.
pub fn before(words: &Words<'_>, found: Match) -> Labels {
    let mut first = found.first;
    let mut all = Labels::NONE;
    while let Some(last) = words.before(first) {
        match at(words, last) {
            Some(found) => {
                all = all.with(found.labels);
                first = found.first;
            }
            None => first = last,
        }
    }
    all
}

/// The first label in `words` that tells something; the longest that begins there.
pub fn first(words: &Words<'_>) -> Option<Match> {
    let (end, found) = words.forth().find_map(|end| at(words, end).map(|found| (end, found)))?;
    let mut ahead = [None; WORDS - 1];
    ahead.iter_mut().zip(words.behind(end)).for_each(|(slot, word)| *slot = Some(word));
    let longer = ahead.into_iter().rev().flatten().filter_map(|end| at(words, end));
    Some(longer.into_iter().find(|longer| longer.first <= found.first).unwrap_or(found))
}

/// What a key says: the label nearest its end, or that it is vague, or nothing.
pub fn of_key(key: &str) -> Labels {
    of_words(&Words::read(key))
}

/// [`of_key`] of one whose words are these.
pub fn of_words(words: &Words<'_>) -> Labels {
    last(words).map_or_else(|| vague(words), |found| found.labels)
}

/// Whether [`of_key`] of it tells something.
pub fn tells(key: &str) -> bool {
    last(&Words::read(key)).is_some()
}

/// What a key of these words says before its last label.
pub fn before_last(words: &Words<'_>) -> Option<Labels> {
    last(words).map(|found| before(words, found))
}

fn vague(words: &Words<'_>) -> Labels {
    let vague = words.back().all(|word| TABLE.get(Hash::of(words.plain(word))) == Labels::VAGUE);
    if vague { Labels::VAGUE } else { Labels::NONE }
}

/// Whether a text may be a message of SWIFT, whose fields have numbers: `:59:/12345678`.
#[inline(never)]
fn is_transfer(text: &str) -> bool {
    let field = |at: usize| {
        let rest = text.as_bytes().get(at + 1..).unwrap_or_default();
        matches!(rest, [b'5', b'0'..=b'9', b':', b'/', ..] | [b'5', b'0'..=b'9', b'A'..=b'Z', b':', b'/', ..])
    };
    memchr::memchr_iter(b':', text.as_bytes()).any(field)
}

/// Everything sensitive that the words of a text may say of some part of it, whatever part of the words is read.
pub fn all(text: &str) -> Labels {
    all_in(text, text.is_ascii())
}

/// [`all`] of a text that is known to be nothing but ASCII, or not to be.
pub fn all_in(text: &str, plain: bool) -> Labels {
    let fields = |at: usize| match text.as_bytes().get(at..) {
        Some([b'^', ..]) => true,
        Some([b'*', one, two, b'*', ..]) => one.is_ascii_alphanumeric() && two.is_ascii_alphanumeric(),
        _ => false,
    };
    let mut all = if plain { all_marked(text.as_bytes()) } else { all_spelled(text) };
    if memchr::memchr2_iter(b'^', b'*', text.as_bytes()).any(fields) {
        all = all.with(evidence::FIELDS);
    }
    if is_transfer(text) { all.with(evidence::TRANSFERRED) } else { all }
}

/// [`all`] that words say, of a text of nothing but ASCII.
fn all_marked(bytes: &[u8]) -> Labels {
    let mut all = Labels::NONE;
    let mut seen = Seen::default();
    words::each(bytes, |start, end| {
        // A genitive is no word of a label.
        if end - start == 1 && words::is_possessive(bytes, start, end) {
            return;
        }
        let last = Tails::last(bytes, start, end);
        seen.add(start, end);
        // Most words end like no label that accuses, neither alone nor with the word before.
        if seen.may_end(last, end - start) {
            all = all.with(seen.accused(bytes, end));
        }
        if cuts(end - start, (last >> 56) as u8) > 0 {
            all = all.with(seen.inflected(bytes, (start, end), last));
        }
        seen.before = last;
    });
    all
}

/// The last words of a text, as far as they may be of one label.
#[derive(Default)]
struct Seen {
    words: [(usize, usize); SEEN],
    count: usize,
    /// The end of the word before the last.
    before: u64,
}

impl Seen {
    fn add(&mut self, start: usize, end: usize) {
        if let Some(slot) = self.words.get_mut(self.count % SEEN) {
            *slot = (start, end);
        }
        self.count += 1;
    }

    /// Whether the last word, of which so many letters count and which ends so, may be a label or the end of one.
    #[inline]
    fn may_end(&self, last: u64, length: usize) -> bool {
        let table = &*TABLE;
        let joined = || last | self.before.checked_shr(8 * length as u32).unwrap_or(0);
        table.accusing.have(last) && (table.whole.have(last) || table.accusing.have(joined()))
    }

    /// What labels say that accuse and end at `end`, in the last word.
    #[inline(never)]
    fn accused(&self, bytes: &[u8], end: usize) -> Labels {
        let words = (1..=self.count.min(WORDS)).map_while(|back| self.words.get((self.count - back) % SEEN));
        endings(bytes, end, words)
    }

    /// The same of the last word without letters of inflection.
    #[inline(never)]
    fn inflected(&self, bytes: &[u8], (start, end): (usize, usize), last: u64) -> Labels {
        let mut all = Labels::NONE;
        for end in (1..=cuts(end - start, (last >> 56) as u8)).map(|cut| end - cut) {
            if self.may_end(Tails::last(bytes, start, end), end - start) {
                all = all.with(self.accused(bytes, end));
            }
        }
        all
    }
}

/// [`all`] of a text that is not only ASCII.
fn all_spelled(text: &str) -> Labels {
    let words = Words::all(text);
    let mut all = Labels::NONE;
    for end in words.forth() {
        let plain = words.plain(end);
        if words.is_joined(end) {
            // Without gaps between words a label begins and ends anywhere.
            let ends = (1..=plain.len()).filter_map(|end| plain.get(..end));
            ends.for_each(|letters| each_part(letters, |said| all = all.with(TABLE.said(said))));
            each_ending(&words, end, plain.len(), |said, _| all = all.with(TABLE.said(said)));
        } else {
            let cuts = cuts(plain.len(), plain.last().copied().unwrap_or(0));
            let lengths = (0..=cuts).map(|cut| plain.len() - cut);
            let accuses = |length: &usize| TABLE.accusing.have(Tails::last(plain, 0, *length));
            lengths
                .filter(accuses)
                .for_each(|length| each_ending(&words, end, length, |said, _| all = all.with(TABLE.said(said))));
        }
    }
    all
}

/// What all labels say that accuse and end at `end`, with the last of these words or its beginning.
fn endings<'w>(bytes: &[u8], end: usize, words: impl Iterator<Item = &'w (usize, usize)>) -> Labels {
    let table = &*TABLE;
    let (mut hash, mut all) = (Hash::NONE, Labels::NONE);
    let (mut last, mut length) = (0u64, 0);
    let mut next = None;
    for (start, stop) in words {
        if next.is_some_and(|next| words::are_apart(bytes, words::behind_genitive(bytes, *stop), next)) {
            break;
        }
        let stop = if next.is_none() { end } else { *stop };
        for byte in bytes.get(*start..stop).unwrap_or_default().iter().rev() {
            hash = hash.with(*byte);
            if !table.ends(hash) {
                return all;
            }
        }
        last |= Tails::last(bytes, *start, stop).checked_shr(8 * length).unwrap_or(0);
        length += (stop - start) as u32;
        if table.whole.have(last) {
            all = all.with(table.get(hash));
        }
        next = Some(*start);
    }
    all
}

/// Whether one of the last `count` words speaks of versions.
pub fn says_version(text: &str, count: usize) -> bool {
    let words = Words::read(text);
    words.back().take(count).any(|word| TABLE.get(Hash::of(words.plain(word))).any(Labels::VERSION))
}

#[cfg(test)]
mod tests {
    use super::{SAID, SLOTS, TABLE};

    #[test]
    fn every_label_has_its_slot_and_room_is_left_for_more() {
        let taken = TABLE.places.numbers().count();
        assert!(taken > 1_000 && taken < SLOTS / 2, "{taken}");
        assert!(TABLE.said.len() < ((1 << SAID) - 1) / 4, "{}", TABLE.said.len());
        assert!(TABLE.places.numbers().all(|place| place < TABLE.said.len() as u64));
    }
}
