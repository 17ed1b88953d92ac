//! Where literals may stand: pairs of bytes that are in them, looked up in a table that fits the nearest cache.
//!
//! Every literal is known by the five of its bytes that are rarest in text, or three when it is short. Whichever place
//! those begin at, every other pair of a text is looked at, without case: of five bytes two pairs in a row are seen,
//! of three one.
use std::ops::Range;

/// What is read around a literal: more than the longest there is, so that a longer one is read with a shorter.
const AROUND: usize = 40;
/// How many bytes a literal is known by.
const LONG: usize = 5;
const SHORT: usize = 3;

/// Some literals and the rare windows of each.
pub(super) struct Gate {
    /// For each pair of bytes: it is in a short window (1), it is in a long one (2). Of this, text reads a small part.
    pairs: Box<[u8; 1 << 16]>,
    /// A bit for each window, hashed.
    windows: Box<[u64; 1024]>,
    /// By its window, hashed, and where that stands in it: every literal, in order.
    literals: Vec<(usize, usize, Vec<u8>)>,
}

/// All letters small, as far as one bit tells; what else becomes the same is only looked at in vain.
const SMALL: u64 = 0x2020_2020_2020_2020;

/// The hash of the first bytes of eight.
fn hashed(eight: u64, size: usize) -> usize {
    ((eight << (64 - 8 * size)).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 48) as usize
}

fn eight(bytes: &[u8]) -> u64 {
    bytes.iter().take(8).rev().fold(0, |eight, byte| eight << 8 | u64::from(*byte)) | SMALL
}

/// How often a byte stands in text, by rank.
fn weight(byte: u8) -> u32 {
    const RANKS: &[u8] = b" etaoinsrlhdcumpfgybwv.,/-:\"_k=013";
    match RANKS.iter().position(|known| *known == (byte | 0x20)) {
        Some(rank) => 40 - u32::try_from(rank).unwrap_or(0),
        None => 3,
    }
}

impl Gate {
    /// For these literals, of three bytes and more.
    pub fn new<'l>(literals: impl Iterator<Item = &'l [u8]>) -> Self {
        let mut gate = Self { pairs: Box::new([0; 1 << 16]), windows: Box::new([0; 1024]), literals: Vec::new() };
        for literal in literals {
            let size = if literal.len() < LONG { SHORT } else { LONG };
            let cost = |window: &[u8]| {
                let pairs = window.windows(2).map(|pair| {
                    let known = gate.pair(eight(pair), 0) & if size == SHORT { 1 } else { 2 } != 0;
                    if known { 0 } else { pair.iter().map(|byte| weight(*byte)).product::<u32>() }
                });
                pairs.sum::<u32>()
            };
            let best = literal.windows(size).enumerate().min_by_key(|(at, window)| (cost(window), *at));
            let Some((at, window)) = best else { continue };
            for pair in window.windows(2) {
                if let Some(pair) = gate.pairs.get_mut((eight(pair) & 0xFFFF) as usize) {
                    *pair |= if size == SHORT { 1 } else { 2 };
                }
            }
            let window = hashed(eight(window), size);
            if let Some(word) = gate.windows.get_mut(window >> 6) {
                *word |= 1 << (window & 63);
            }
            gate.literals.push((window, at, literal.to_vec()));
        }
        gate.literals.sort_unstable();
        gate
    }

    /// What is known of the pair that begins `shift` bits into eight bytes.
    fn pair(&self, eight: u64, shift: u32) -> u64 {
        self.pairs.get((eight >> shift) as usize & 0xFFFF).map_or(0, |known| u64::from(*known))
    }

    /// What is known of every other pair of eight bytes, two bits each, the last one lowest.
    fn known(&self, eight: u64) -> u64 {
        self.pair(eight, 0) << 6 | self.pair(eight, 16) << 4 | self.pair(eight, 32) << 2 | self.pair(eight, 48)
    }

    /// Calls `each` with the stretches outside which no literal stands, in order and apart.
    pub fn stretches(&self, bytes: &[u8], mut each: impl FnMut(Range<usize>)) {
        let mut open = 0..0;
        let mut take = |at: usize| {
            let (start, end) = (at.saturating_sub(AROUND), (at + AROUND).min(bytes.len()));
            if start > open.end || open.is_empty() {
                let last = std::mem::replace(&mut open, start..end);
                if !last.is_empty() {
                    each(last);
                }
            } else {
                open.end = end;
            }
        };
        let mut look = |at: usize, size: usize| {
            let rest = bytes.get(at..).unwrap_or_default();
            let all = rest.first_chunk().map_or_else(|| eight(rest), |first| u64::from_le_bytes(*first) | SMALL);
            let window = hashed(all, size);
            let known = self.windows.get(window >> 6).is_some_and(|word| word >> (window & 63) & 1 == 1);
            if known && let Some(start) = self.stands(bytes, window, at) {
                take(start);
            }
        };
        let mut hit = |place: usize, mut hits: u64| {
            while hits != 0 {
                let bit = hits.ilog2() as usize;
                hits &= !(1 << bit);
                let at = place * 8 + (3 - bit / 2) * 2;
                let (size, at) = if bit % 2 == 0 { (SHORT, at) } else { (LONG, at.saturating_sub(2)) };
                if at > 0 {
                    look(at - 1, size);
                }
                look(at, size);
            }
        };
        // What is known of the last pairs, the last one lowest.
        let mut last = 0;
        let (blocks, rest) = bytes.as_chunks::<8>();
        for (place, block) in blocks.iter().enumerate() {
            last = last << 8 | self.known(u64::from_le_bytes(*block) | SMALL);
            let hits = last & (last >> 2 | 0x55) & 0xFF;
            if hits != 0 {
                hit(place, hits);
            }
        }
        last = last << 8 | self.known(eight(rest));
        hit(blocks.len(), last & (last >> 2 | 0x55) & 0xFF);
        if !open.is_empty() {
            each(open);
        }
    }

    /// Where the literal begins that has this window, hashed, at `at`.
    fn stands(&self, bytes: &[u8], window: usize, at: usize) -> Option<usize> {
        let known = self.literals.get(self.literals.partition_point(|(known, ..)| *known < window)..)?;
        known.iter().take_while(|(known, ..)| *known == window).find_map(|(_, ahead, literal)| {
            let start = at.checked_sub(*ahead)?;
            bytes.get(start..)?.starts_with(literal).then_some(start)
        })
    }
}
