//! Where literals may stand: two bytes of every window of three, looked up in a table that fits the nearest cache.
//!
//! Every literal is known by the three of its bytes that are rarest in text. Whichever place they begin at, one of
//! two neighbouring pairs begins at an even one, so every other pair of a text is looked at, without case.
use std::ops::Range;

/// What is read around a literal: more than the longest there is, so that a longer one is read with a shorter.
const AROUND: usize = 40;

/// Some literals and the rare windows of each.
pub(super) struct Gate {
    /// A bit for each pair of bytes that is in a window.
    pairs: Box<[u64; 1024]>,
    /// A bit for each window, hashed.
    windows: Box<[u64; 1024]>,
    /// By its window, hashed, and where that stands in it: every literal, in order.
    literals: Vec<(usize, usize, Vec<u8>)>,
}

/// Without case, as far as one bit tells; what else becomes the same is only looked at in vain.
fn folded(bytes: [u8; 3]) -> u32 {
    let [a, b, c] = bytes.map(|byte| u32::from(byte | 0x20));
    a | b << 8 | c << 16
}

fn hashed(window: u32) -> usize {
    (window.wrapping_mul(0x9E37_79B1) >> 16) as usize
}

fn has(bits: &[u64; 1024], at: usize) -> bool {
    bits.get(at >> 6 & 1023).is_some_and(|word| word >> (at & 63) & 1 == 1)
}

fn set(bits: &mut [u64; 1024], at: usize) {
    if let Some(word) = bits.get_mut(at >> 6 & 1023) {
        *word |= 1 << (at & 63);
    }
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
        let mut gate = Self { pairs: Box::new([0; 1024]), windows: Box::new([0; 1024]), literals: Vec::new() };
        for literal in literals {
            let cost = |at: usize, window: &[u8]| {
                let pair = |first: usize| {
                    let pair = window.get(first..first + 2).and_then(|pair| <[u8; 2]>::try_from(pair).ok())?;
                    let known = has(&gate.pairs, usize::from(u16::from_le_bytes(pair.map(|byte| byte | 0x20))));
                    let [a, b] = pair.map(weight);
                    Some(if known { 0 } else { a * b })
                };
                (pair(0).unwrap_or(0) + pair(1).unwrap_or(0), at)
            };
            let best = literal.windows(3).enumerate().min_by_key(|(at, window)| cost(*at, window));
            let Some((at, &[a, b, c])) = best else { continue };
            let window = folded([a, b, c]);
            set(&mut gate.pairs, (window & 0xFFFF) as usize);
            set(&mut gate.pairs, (window >> 8) as usize);
            set(&mut gate.windows, hashed(window));
            gate.literals.push((hashed(window), at, literal.to_vec()));
        }
        gate.literals.sort_unstable();
        gate
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
        let mut look = |window: u32, at: usize| {
            let window = hashed(window & 0xFF_FFFF);
            if has(&self.windows, window)
                && let Some(start) = self.stands(bytes, window, at)
            {
                take(start);
            }
        };
        let four = |at: usize| bytes.get(at..at + 4).and_then(|four| <[u8; 4]>::try_from(four).ok());
        let mut around = |at: usize| match at.checked_sub(1).and_then(four) {
            Some(four) => {
                let both = u32::from_le_bytes(four) | 0x2020_2020;
                look(both, at - 1);
                look(both >> 8, at);
            }
            None => {
                for at in at.saturating_sub(1)..=at {
                    if let Some(&[a, b, c]) = bytes.get(at..at + 3) {
                        look(folded([a, b, c]), at);
                    }
                }
            }
        };
        let (blocks, rest) = bytes.as_chunks::<8>();
        for (place, block) in blocks.iter().enumerate() {
            let all = u64::from_le_bytes(*block) | 0x2020_2020_2020_2020;
            let pair = |shift: u32| u32::from(has(&self.pairs, (all >> shift) as usize & 0xFFFF)) << (shift / 8);
            let mut hits = pair(0) | pair(16) | pair(32) | pair(48);
            while hits != 0 {
                around(place * 8 + hits.trailing_zeros() as usize);
                hits &= hits - 1;
            }
        }
        (bytes.len() - rest.len()..bytes.len()).step_by(2).for_each(around);
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
