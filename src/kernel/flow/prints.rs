//! Keyed fingerprints of what was read, and whether something to be sent has them.
//!
//! Two kinds. A *stretch* is a run of letters and digits, in the order in which it was read; it finds what is copied,
//! whatever the spelling, the spacing and the encoding. A *token* is a word, a number or an address; tokens of one
//! record are added up, so that the record is found in any order. Both count by what they say ([`super::reading`]):
//! what two strangers have in common by chance says little.
//!
//! A fingerprint is a polynomial over the bytes, modulo the prime 2⁶¹ − 1, at a secret point (Carter and Wegman): for
//! any two different texts of up to n bytes it is the same with a probability of at most n / 2⁶¹.
use super::layers::{self, Take};
use super::reading::{Reading, Token};
use super::words::is_one_of_few;
use crate::kernel::json::Value;

/// The prime.
const P: u64 = (1 << 61) - 1;
/// Most tokens of a record; longer ones are cut into overlapping parts.
const SLOTS: usize = 64;
/// Bits that the tokens of a record must have together, if one of them is a number or the like, for 24 characters.
const BITS: usize = 40;
/// The same without such a token.
const BITS_WORDS: usize = 56;
/// Bits of a token that tells one from millions by itself.
const STRONG: u8 = 13;
/// Bits that a stretch must have, and of how many times the size it is.
const STRETCHES: [(usize, usize); 2] = [(1, 28), (2, 24)];
/// Levels of what a stretch says, two bits each, beyond what it must: a fingerprint leaves three bits for them.
const LEVELS: usize = 1 << (u64::BITS - 61);
/// How many stretches in a row are represented by one. The size is larger by that less one than a stretch, so that
/// whatever has the size has one that is kept.
const WINDOW: usize = 4;
/// Smallest size that a policy may declare, in characters.
pub const AT_LEAST_MIN: usize = 16;
/// Largest.
pub const AT_LEAST_MAX: usize = 256;

/// Most bytes of what is to be sent that are compared; more is unclear.
const SENT_MAX: usize = 256 << 10;
/// Most bytes of a reply that are fingerprinted; of more, it is known that not everything is remembered.
const READ_MAX: usize = 256 << 10;

/// The secret of a process.
#[derive(Clone)]
pub struct Key {
    point: u64,
    mix: u64,
}

impl Key {
    /// From random bytes.
    pub fn new(random: [u8; 16]) -> Self {
        let [point, mix] = [random.first_chunk::<8>(), random.last_chunk::<8>()]
            .map(|half| half.map_or(3, |half| u64::from_le_bytes(*half) % (P - 512) + 257));
        Self { point, mix }
    }

    fn powers(&self, most: usize) -> Vec<u64> {
        let mut power = 1;
        let mut powers = Vec::with_capacity(most + 1);
        for _ in 0..=most {
            powers.push(power);
            power = times(power, self.point);
        }
        powers
    }
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key")
    }
}

fn reduced(sum: u64) -> u64 {
    let sum = (sum & P) + (sum >> 61);
    if sum >= P { sum - P } else { sum }
}

fn times(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    // Both halves are below 2^61 and 2^67; the cast keeps what the mask leaves.
    let low = u64::try_from(product & u128::from(P)).unwrap_or(0);
    let high = u64::try_from(product >> 61).unwrap_or(0);
    reduced(low + reduced(high))
}

/// Hashes of all prefixes of a text.
struct Prefixes<'a> {
    key: &'a Key,
    sums: Vec<u64>,
}

impl<'a> Prefixes<'a> {
    fn new(key: &'a Key, bytes: &[u8]) -> Self {
        let mut sums = Vec::with_capacity(bytes.len() + 1);
        let mut sum = 0;
        sums.push(sum);
        for byte in bytes {
            sum = reduced(times(sum, key.point) + u64::from(*byte) + 1);
            sums.push(sum);
        }
        Self { key, sums }
    }

    /// The fingerprint of a part, by its power of the point.
    fn of(&self, start: usize, end: usize, power: u64) -> Option<u64> {
        let (before, through) = (self.sums.get(start)?, self.sums.get(end)?);
        let own = reduced(through + P - times(*before, power));
        Some(times(reduced(own + u64::try_from(end - start).unwrap_or(0)), self.key.mix))
    }
}

/// What is read, until it is fingerprinted.
#[derive(Default)]
struct Parts {
    parts: Vec<Part>,
    open: Part,
    field: String,
    keys: Vec<String>,
    /// They are kept, and not compared.
    kept: bool,
}

/// One record.
#[derive(Default)]
struct Part {
    /// What it says.
    values: Reading,
    /// The same with the names of its fields, as a copy of the text has them.
    text: Reading,
}

impl Take for Parts {
    fn key(&mut self, key: &str) {
        self.open.text.add(key, true);
        key.clone_into(&mut self.field);
        self.keys.push(key.to_owned());
    }

    fn text(&mut self, text: &str) {
        let few = is_one_of_few(&self.field);
        for reading in [&mut self.open.values, &mut self.open.text] {
            match self.kept {
                true => reading.keep(text, few),
                false => reading.add(text, few),
            }
        }
    }

    fn suspects(&self) -> bool {
        // What was read is not chosen by who sends, and of what is remembered each piece has its chance.
        !self.kept
    }

    fn part(&mut self) {
        if !self.open.text.bytes.is_empty() {
            self.parts.push(std::mem::take(&mut self.open));
        }
    }
}

impl Parts {
    fn close(mut self) -> Vec<Part> {
        self.part();
        self.parts
    }
}

/// What is to be sent, ready to be compared.
pub struct Sent {
    key: Key,
    parts: Vec<Part>,
    tokens: Vec<u64>,
    /// Which of the hashes there may be: most of what is looked for is not there.
    sieve: Vec<u64>,
    /// It is more, or deeper, than is looked at.
    pub unclear: bool,
    stretches: Vec<(usize, Vec<u64>)>,
}

impl Sent {
    /// Reads values, and texts that are to be taken for values too.
    pub fn read<'a>(key: &Key, values: impl IntoIterator<Item = Value<'a>>, texts: &[String]) -> Self {
        let mut parts = Parts::default();
        let (mut whole, mut left) = (true, SENT_MAX);
        let mut fits = |length: usize| {
            left = left.saturating_sub(length);
            left > 0
        };
        for value in values {
            whole &= fits(value.raw().len()) && layers::value(value, &mut parts);
            parts.part();
        }
        for text in texts {
            whole &= fits(text.len()) && layers::text(text, &mut parts);
            parts.part();
        }
        // Whoever sends can put it into names too.
        for name in std::mem::take(&mut parts.keys) {
            whole &= layers::text(&name, &mut parts);
        }
        let parts = parts.close();
        let powers = key.powers(longest(&parts));
        let mut tokens = Vec::new();
        for Part { values: reading, .. } in &parts {
            let prefixes = Prefixes::new(key, &reading.bytes);
            let hash = |token: &Token| prefixes.of(token.start, token.end, *powers.get(token.end - token.start)?);
            tokens.extend(reading.tokens(true).iter().filter_map(hash));
        }
        tokens.sort_unstable();
        tokens.dedup();
        let mut sieve = vec![0_u64; 1024];
        for token in &tokens {
            let (word, bit) = sieved(*token);
            if let Some(word) = sieve.get_mut(word) {
                *word |= bit;
            }
        }
        Self { key: key.clone(), parts, tokens, sieve, unclear: !whole, stretches: Vec::new() }
    }

    fn has_token(&self, token: u64) -> bool {
        let (word, bit) = sieved(token);
        self.sieve.get(word).is_some_and(|word| word & bit != 0) && self.tokens.binary_search(&token).is_ok()
    }

    /// All stretches for this size, sorted.
    fn stretches(&mut self, at_least: usize) -> &[u64] {
        let index = match self.stretches.iter().position(|(size, _)| *size == at_least) {
            Some(index) => index,
            None => {
                let mut found: Vec<u64> = Vec::new();
                // Without names of fields, both are the same.
                let readings = self.parts.iter().flat_map(|part| {
                    let text = Some(&part.text).filter(|text| text.bytes.len() != part.values.bytes.len());
                    std::iter::once(&part.values).chain(text)
                });
                for reading in readings {
                    let prefixes = Prefixes::new(&self.key, &reading.bytes);
                    for (length, _) in lengths(at_least) {
                        let power = self.key.powers(length).last().copied().unwrap_or(1);
                        let starts = 0..(reading.bytes.len() + 1).saturating_sub(length);
                        found.extend(starts.filter_map(|start| prefixes.of(start, start + length, power)));
                    }
                }
                found.sort_unstable();
                found.dedup();
                self.stretches.push((at_least, found));
                self.stretches.len() - 1
            }
        };
        self.stretches.get(index).map(|(_, found)| found.as_slice()).unwrap_or_default()
    }
}

fn sieved(hash: u64) -> (usize, u64) {
    ((hash >> 6 & 1023) as usize, 1 << (hash & 63))
}

fn longest(parts: &[Part]) -> usize {
    parts.iter().map(|part| part.values.bytes.len()).max().unwrap_or(0)
}

/// Lengths of stretches and the bits that they must have.
fn lengths(at_least: usize) -> [(usize, usize); 2] {
    STRETCHES.map(|(times, bits)| (times * at_least - (WINDOW - 1), bits * at_least / 24))
}

/// How many times two bits more than it must a stretch says.
fn level(says: usize, least: usize) -> Option<usize> {
    says.checked_sub(least).map(|more| (more / 2).min(LEVELS - 1))
}

/// A stretch that is remembered: its fingerprint and, in the lowest bits, its level.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Stretch(u64);

impl Stretch {
    fn new(hash: u64, level: usize) -> Self {
        Self(hash * LEVELS as u64 + level as u64)
    }

    fn hash(self) -> u64 {
        self.0 / LEVELS as u64
    }

    fn level(self) -> usize {
        (self.0 % LEVELS as u64) as usize
    }
}

/// A token that is remembered.
#[derive(Clone, Copy, Debug)]
struct Kept {
    hash: u64,
    bits: u8,
    slot: u8,
}

/// Fingerprints of one result. There is nothing in it of what was read but numbers made with a secret.
#[derive(Debug, Default)]
pub struct Prints {
    at_least: usize,
    /// Of everything, and not only of what could be looked at.
    pub whole: bool,
    stretches: Vec<Stretch>,
    records: Vec<Vec<Kept>>,
}

impl Prints {
    /// Of everything that a value says, but for what is in `known`: what the caller said first, and what everybody is
    /// told.
    pub fn of(key: &Key, value: Value<'_>, at_least: usize, known: &mut Sent) -> Self {
        let at_least = at_least.clamp(AT_LEAST_MIN, AT_LEAST_MAX);
        let mut parts = Parts { kept: true, ..Parts::default() };
        let whole = value.raw().len() <= READ_MAX && layers::value(value, &mut parts);
        let parts = parts.close();
        let powers = key.powers(longest(&parts));
        let mut prints = Self { at_least, whole, ..Self::default() };
        for Part { values: reading, text } in &parts {
            let prefixes = Prefixes::new(key, &reading.bytes);
            prints.keep_stretches(reading, &prefixes, known.stretches(at_least));
            if text.bytes.len() != reading.bytes.len() {
                prints.keep_stretches(text, &Prefixes::new(key, &text.bytes), known.stretches(at_least));
            }
            let kept = |token: Token| {
                let hash = prefixes.of(token.start, token.end, *powers.get(token.end - token.start)?)?;
                (!known.has_token(hash)).then_some((hash, token.bits, token.slot))
            };
            prints.keep_tokens(reading.tokens(false).into_iter().filter_map(kept).collect());
        }
        prints.stretches.sort_unstable_by_key(|stretch| std::cmp::Reverse(*stretch));
        prints.stretches.dedup_by_key(|stretch| stretch.hash());
        prints.stretches.reverse();
        prints.records.sort_by(|a, b| a.iter().map(|k| k.hash).cmp(b.iter().map(|k| k.hash)));
        prints.records.dedup_by(|a, b| a.iter().map(|k| k.hash).eq(b.iter().map(|k| k.hash)));
        prints
    }

    fn keep_stretches(&mut self, reading: &Reading, prefixes: &Prefixes<'_>, known: &[u64]) {
        let sums = reading.sums();
        let says = |start: usize, length: usize| -> usize {
            let (before, through) = (sums.get(start), sums.get(start + length));
            through.zip(before).map_or(0, |(through, before)| (through - before) as usize / 16)
        };
        // For each shorter length, where the next one begins that is of a level, or of a higher one.
        let mut shorter: Vec<(usize, Vec<[u32; LEVELS]>)> = Vec::new();
        for (length, bits) in lengths(self.at_least) {
            let power = prefixes.key.powers(length).last().copied().unwrap_or(1);
            let starts = 0..(reading.bytes.len() + 1).saturating_sub(length);
            // Whatever has a longer one that has a shorter one, of no lower level, is recognised by that.
            let covered = |start: usize, level: usize| {
                shorter.iter().any(|(short, nexts)| {
                    let (from, until) = (start + WINDOW, (start + length).saturating_sub(short + WINDOW));
                    nexts.get(from).and_then(|next| next.get(level)).is_some_and(|next| (*next as usize) < until)
                })
            };
            let levels: Vec<Option<usize>> = starts.map(|start| level(says(start, length), bits)).collect();
            let stretch = |(start, level): (usize, &Option<usize>)| {
                let level = level.filter(|level| !covered(start, *level))?;
                Some(Stretch::new(prefixes.of(start, start + length, power)?, level))
            };
            let stretches: Vec<Option<Stretch>> = levels.iter().enumerate().map(stretch).collect();
            self.keep_telling(&stretches, known);
            let mut next = [u32::MAX; LEVELS];
            let reach = |(start, level): (usize, &Option<usize>)| {
                let reached = level.map_or(0, |level| level + 1);
                next.iter_mut().take(reached).for_each(|next| *next = u32::try_from(start).unwrap_or(u32::MAX));
                next
            };
            let mut nexts: Vec<_> = levels.iter().enumerate().rev().map(reach).collect();
            nexts.reverse();
            shorter.push((length, nexts));
        }
    }

    /// Of each few in a row the most telling: whoever has as many in a row has it too.
    fn keep_telling(&mut self, stretches: &[Option<Stretch>], known: &[u64]) {
        let mut kept: Option<(usize, usize)> = None;
        for (start, window) in stretches.windows(WINDOW.min(stretches.len().max(1))).enumerate() {
            let there = window.iter().enumerate().filter_map(|(at, stretch)| Some((at, (*stretch)?)));
            // The last of them, which serves the most of those that follow.
            let Some((at, best)) = there.max_by_key(|(_, stretch)| stretch.level()) else { continue };
            if kept.is_some_and(|(at, level)| at >= start && level >= best.level()) {
                continue;
            }
            kept = Some((start + at, best.level()));
            if known.binary_search(&best.hash()).is_err() {
                self.stretches.push(best);
            }
        }
    }

    fn keep_tokens(&mut self, tokens: Vec<(u64, u8, usize)>) {
        // Once each: what says a thing twice does not say more.
        let mut seen = std::collections::BTreeSet::new();
        let tokens: Vec<_> = tokens.into_iter().filter(|(hash, ..)| seen.insert(*hash)).collect();
        let mut rest = tokens.as_slice();
        while !rest.is_empty() {
            let part = rest.get(..SLOTS).unwrap_or(rest);
            let mut slots: Vec<usize> = part.iter().map(|(_, _, slot)| *slot).collect();
            slots.sort_unstable();
            slots.dedup();
            let slot = |of: usize| u8::try_from(slots.binary_search(&of).unwrap_or(0)).unwrap_or(0);
            let kept = part.iter().map(|(hash, bits, of)| Kept { hash: *hash, bits: *bits, slot: slot(*of) });
            let mut kept: Vec<Kept> = kept.collect();
            kept.sort_by_key(|kept| kept.hash);
            if kept.iter().map(|kept| usize::from(kept.bits)).sum::<usize>() >= threshold(true, self.at_least, 1) {
                self.records.push(kept);
            }
            let overlap = if rest.len() > SLOTS { SLOTS / 2 } else { SLOTS };
            rest = rest.get(overlap..).unwrap_or_default();
        }
    }

    /// How much room it takes, in fingerprints.
    pub fn len(&self) -> usize {
        self.stretches.len() + self.records.iter().map(|record| record.len() * 2 + 4).sum::<usize>()
    }

    /// Whether there is nothing to recognise.
    pub fn is_empty(&self) -> bool {
        self.stretches.is_empty() && self.records.is_empty()
    }

    /// How many records it has; a text without any is one.
    pub fn records(&self) -> usize {
        self.records.len().max(1)
    }

    /// Whether what is sent has something of it. `among`: how many records are looked at in all; the more there are,
    /// the more must be found of one.
    pub fn are_in(&self, sent: &mut Sent, among: usize) -> bool {
        let more = doublings(among);
        if !self.stretches.is_empty() && meet(&self.stretches, sent.stretches(self.at_least), more.min(LEVELS - 1)) {
            return true;
        }
        self.records.iter().any(|record| {
            let mut slots = [0_u8; SLOTS];
            for kept in record.iter().filter(|kept| sent.has_token(kept.hash)) {
                if let Some(slot) = slots.get_mut(usize::from(kept.slot)) {
                    *slot = kept.bits.max(*slot);
                }
            }
            let strong = slots.iter().any(|bits| *bits >= STRONG);
            let bits: usize = slots.iter().map(|bits| usize::from(*bits)).sum();
            bits >= threshold(strong, self.at_least, among)
        })
    }
}

/// How often the number of records doubles from eight on: that many are in the margin.
fn doublings(among: usize) -> usize {
    (among / 16).checked_ilog2().map_or(0, |log| log as usize + 1)
}

/// The bits that the tokens of a record must have. Twice as many records are twice as often alike, and two bits halve
/// that.
fn threshold(strong: bool, at_least: usize, among: usize) -> usize {
    let bits = if strong { BITS } else { BITS_WORDS };
    bits * at_least / 24 + 2 * doublings(among)
}

/// Whether two sorted lists have something in common, of this level at least.
fn meet(kept: &[Stretch], sent: &[u64], level: usize) -> bool {
    let is_of = |stretch: &Stretch| stretch.level() >= level;
    if kept.len() * 16 < sent.len() {
        return kept.iter().filter(|one| is_of(one)).any(|one| sent.binary_search(&one.hash()).is_ok());
    }
    if sent.len() * 16 < kept.len() {
        let find = |one: &u64| kept.binary_search_by_key(one, |kept| kept.hash()).ok();
        return sent.iter().filter_map(find).any(|at| kept.get(at).is_some_and(is_of));
    }
    let (mut kept, mut sent) = (kept.iter().peekable(), sent.iter().peekable());
    while let (Some(one), Some(other)) = (kept.peek(), sent.peek()) {
        match one.hash().cmp(other) {
            std::cmp::Ordering::Less => drop(kept.next()),
            std::cmp::Ordering::Greater => drop(sent.next()),
            std::cmp::Ordering::Equal if is_of(one) => return true,
            std::cmp::Ordering::Equal => drop(kept.next()),
        }
    }
    false
}
