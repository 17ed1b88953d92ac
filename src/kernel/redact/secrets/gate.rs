//! Where literals may stand: pairs of bytes that are in them, looked up in a table that fits the nearest cache.
//!
//! Every literal is known by the five of its bytes that are rarest in text, or three when it is short. Whichever place
//! those begin at, every other pair of a text is looked at, without case: of five bytes two pairs in a row are seen,
//! of three one.
use crate::kernel::redact::bits::Bits;
use crate::kernel::redact::lanes;

/// How many bytes a literal is known by.
const LONG: usize = 5;
const SHORT: usize = 3;

/// Some literals and the rare windows of each.
pub(super) struct Gate {
    /// For each pair of bytes, in which place of a window it stands: in a short one first (1) or second (2), in a long
    /// one first (4) or second (8), and behind those third (256) or fourth (512). Long windows are of three classes, the
    /// bits of each two above those of the one before. Of this table text reads a small part.
    pairs: Box<[u16; 1 << 16]>,
    /// A bit for each window, hashed.
    windows: Bits,
    /// Every literal, by its window.
    literals: Vec<Literal>,
    longest: usize,
}

/// What is looked for.
struct Literal {
    /// Its rarest bytes, hashed, and how far they stand in it.
    window: usize,
    ahead: usize,
    /// Which one it was when the gate was made.
    place: usize,
    text: Vec<u8>,
}

/// All letters small, as far as one bit tells; what else becomes the same is only looked at in vain.
const SMALL: u64 = 0x2020_2020_2020_2020;

/// The hash of the first bytes of eight.
fn hashed(eight: u64, size: usize) -> usize {
    ((eight << (64 - 8 * size)).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 48) as usize
}

fn eight(bytes: &[u8]) -> u64 {
    lanes::eight(bytes) | SMALL
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
        let mut gate =
            Self { pairs: Box::new([0; 1 << 16]), windows: Bits::new(1 << 16), literals: Vec::new(), longest: 0 };
        for (place, literal) in literals.enumerate() {
            let size = if literal.len() < LONG { SHORT } else { LONG };
            let cost = |window: &[u8]| {
                let pair = |at: usize| {
                    window.get(at..at + 2).map_or(0, |pair| pair.iter().map(|byte| weight(*byte)).product::<u32>())
                };
                if size == SHORT { pair(0) + pair(1) } else { pair(0) * pair(2) + pair(1) * pair(3) }
            };
            let best = literal.windows(size).enumerate().min_by_key(|(at, window)| (cost(window), *at));
            let Some((at, window)) = best else { continue };
            let class = window.get(2).map_or(0, |middle| (middle | 0x20) % 3 * 2);
            for (step, pair) in window.windows(2).enumerate() {
                if let Some(known) = gate.pairs.get_mut((eight(pair) & 0xFFFF) as usize) {
                    *known |= match (size, step) {
                        (SHORT, _) => 1 << step,
                        (_, 0 | 1) => 4 << step << class,
                        _ => 64 << step << class,
                    };
                }
            }
            let window = hashed(eight(window), size);
            gate.windows.add(window);
            gate.longest = gate.longest.max(literal.len());
            gate.literals.push(Literal { window, ahead: at, place, text: literal.to_vec() });
        }
        gate.literals.sort_by_key(|literal| literal.window);
        gate
    }

    /// What is known of every other pair of eight bytes, each in sixteen bits.
    fn known(&self, eight: u64) -> u64 {
        let pair = |shift: u32| {
            self.pairs.get((eight >> shift) as usize & 0xFFFF).map_or(0, |known| u64::from(*known)) << shift
        };
        pair(0) | pair(16) | pair(32) | pair(48)
    }

    /// The length of the longest literal. None that is found begins further before one that was found earlier.
    pub fn longest(&self) -> usize {
        self.longest
    }

    /// Calls `each` with where a literal stands, and which: all of them, also those inside others, ordered only about.
    pub fn each(&self, bytes: &[u8], mut each: impl FnMut(usize, usize)) {
        let mut look = |at: usize, size: usize| {
            let rest = bytes.get(at..).unwrap_or_default();
            let all = rest.first_chunk().map_or_else(|| eight(rest), |first| u64::from_le_bytes(*first) | SMALL);
            let window = hashed(all, size);
            let known = self.windows.has(window);
            if known {
                self.stand(bytes, window, at, &mut each);
            }
        };
        // Third and fourth pairs count behind a first and second.
        let mut hit = |place: usize, mut hits: u64| {
            while hits != 0 {
                let bit = hits.trailing_zeros() as usize;
                hits &= hits - 1;
                let (size, back) = match bit % 16 {
                    0 => (SHORT, 0),
                    1 => (SHORT, 1),
                    long if long % 2 == 0 => (LONG, 2),
                    _ => (LONG, 3),
                };
                if let Some(at) = (place * 8 + bit / 16 * 2).checked_sub(back) {
                    look(at, size);
                }
            }
        };
        const BEHIND: u64 = 0x3F00_3F00_3F00_3F00;
        let hits = |known: u64, last: u64| known & ((known << 16 | last) << 6 & BEHIND | 0x0003_0003_0003_0003);
        let mut last = 0;
        let (blocks, rest) = bytes.as_chunks::<8>();
        for (place, block) in blocks.iter().enumerate() {
            let known = self.known(u64::from_le_bytes(*block) | SMALL);
            let hits = hits(known, last);
            if hits != 0 {
                hit(place, hits);
            }
            last = known >> 48;
        }
        hit(blocks.len(), hits(self.known(eight(rest)), last));
    }

    /// Whether some literal stands there.
    pub fn any(&self, bytes: &[u8]) -> bool {
        let mut any = false;
        self.each(bytes, |_, _| any = true);
        any
    }

    /// Calls `each` for the literals that have this window, hashed, at `at`.
    fn stand(&self, bytes: &[u8], window: usize, at: usize, each: &mut impl FnMut(usize, usize)) {
        let first = self.literals.partition_point(|literal| literal.window < window);
        let known = self.literals.get(first..).unwrap_or_default();
        for literal in known.iter().take_while(|literal| literal.window == window) {
            if let Some(start) = at.checked_sub(literal.ahead)
                && bytes.get(start..).is_some_and(|rest| rest.starts_with(&literal.text))
            {
                each(start, literal.place);
            }
        }
    }
}
