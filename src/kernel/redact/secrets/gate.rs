//! Where literals may stand: pairs of bytes that are in them, looked up in a table that fits the nearest cache.
//!
//! Every literal is known by the five of its bytes that are rarest in text, or three when it is short: its window.
//! Every other pair of a text is looked at, without case, and wherever a window begins, two pairs in a row are of it:
//! of five bytes four are seen, of three all, beside one that may be any.
use super::rarity;
use crate::kernel::redact::bits::Bits;
use crate::kernel::redact::lanes;
use std::ops::Range;

/// How many bytes a literal is known by.
const LONG: usize = 5;
const SHORT: usize = 3;

/// Some literals and the rare windows of each.
pub(super) struct Gate {
    /// For each pair of bytes, which sets have windows that it is the first pair of (the low eight bits), and which have
    /// some that it is the second of (the high eight). Of this table text reads a small part.
    pairs: Box<[u16; 1 << 16]>,
    /// A bit for each window, hashed.
    windows: Bits,
    /// Every literal, by its window, and where those begin whose windows have the same highest eight bits.
    literals: Vec<Literal>,
    starts: [u16; 257],
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

/// How often a byte stands in text, of a thousand; any byte stands everywhere.
fn weight(byte: Option<u8>) -> u64 {
    const OFTEN: &[(&[u8], u64)] =
        &[(b" ", 160), (b"e", 90), (b"atoinsr", 55), (b"lhdcu", 30), (b"mpfgybw", 16), (b"vk.,/-:\"_=01", 6)];
    let Some(byte) = byte else { return 1000 };
    let is = |known: &u8| known | 0x20 == byte | 0x20;
    OFTEN.iter().find(|(bytes, _)| bytes.iter().any(is)).map_or(1, |(_, often)| *often)
}

/// How often a pair stands in text, of thirty million: letters follow each other as they do in words.
fn pair_weight([first, second]: [Option<u8>; 2]) -> u64 {
    // Of 1024, by how many tenths of a bit less.
    const TENTHS: [u64; 10] = [1024, 955, 891, 832, 776, 724, 676, 630, 588, 549];
    match first.zip(second).and_then(|(first, second)| rarity::pair(first, second)) {
        Some(rarity) => {
            let tenths = TENTHS.get(usize::from(rarity.rem_euclid(10).unsigned_abs())).copied().unwrap_or_default();
            (weight(first) * tenths * 16) >> (rarity.div_euclid(10) + 4)
        }
        None => weight(first) * weight(second) * 25,
    }
}

/// The two pairs that are looked at where a window begins at an even place, or at an odd one; what is not of it is any.
#[derive(Clone, Copy)]
struct Looks([[Option<u8>; 2]; 2]);

impl Looks {
    fn at(window: &[u8], odd: bool) -> Self {
        let byte = |at: usize| window.get(at).map(|byte| byte | 0x20);
        Self(match (window.len(), odd) {
            (SHORT, false) => [[byte(0), byte(1)], [byte(2), None]],
            (SHORT, true) => [[None, byte(0)], [byte(1), byte(2)]],
            (_, false) => [[byte(0), byte(1)], [byte(2), byte(3)]],
            (_, true) => [[byte(1), byte(2)], [byte(3), byte(4)]],
        })
    }

    /// How often each pair stands in text, about.
    fn loads(self) -> [u64; 2] {
        self.0.map(pair_weight)
    }
}

/// How many sets of windows there are.
const SETS: usize = 8;
/// The mark of a first pair of the first set, and of a second pair.
const FIRST: u16 = 1;
const SECOND: u16 = 1 << SETS;

/// Those of windows of one size that begin at even places, or at odd ones.
fn sets(size: usize, odd: bool) -> Range<usize> {
    match (size, odd) {
        (SHORT, false) => 0..1,
        (SHORT, true) => 1..2,
        (_, false) => 2..5,
        (_, true) => 5..8,
    }
}

/// The size of the windows of a set, and how far before its second pair they begin.
fn window(set: usize) -> (usize, usize) {
    match set {
        0 => (SHORT, 2),
        1 => (SHORT, 1),
        2..5 => (LONG, 2),
        _ => (LONG, 3),
    }
}

/// Where a window may be put, how much more often one of the set is then looked at, and how often its pairs stand in text.
struct Place {
    cost: u64,
    set: usize,
    load: [u64; 2],
}

impl Gate {
    /// For these literals, of three bytes and more.
    pub fn new<'l>(literals: impl Iterator<Item = &'l [u8]>) -> Self {
        let mut gate = Self {
            pairs: Box::new([0; 1 << 16]),
            windows: Bits::new(1 << 16),
            literals: Vec::new(),
            starts: [0; 257],
            longest: 0,
        };
        let mut loads = [[0, 0]; SETS];
        // Those with the most windows to choose from go first: what they leave free the others have to take anyway.
        let mut all: Vec<(usize, &[u8])> = literals.enumerate().collect();
        all.sort_by_key(|(_, literal)| std::cmp::Reverse(literal.len()));
        for (place, literal) in all {
            let size = if literal.len() < LONG { SHORT } else { LONG };
            let place_of = |window: &[u8], odd| gate.place(Looks::at(window, odd), sets(size, odd), &loads);
            let cost = |window: &[u8]| {
                [false, true].map(|odd| place_of(window, odd).map_or(0, |place| place.cost)).iter().sum::<u64>()
            };
            let best = literal.windows(size).enumerate().min_by_key(|(at, window)| (cost(window), *at));
            let Some((at, window)) = best else { continue };
            for odd in [false, true] {
                gate.put(Looks::at(window, odd), sets(size, odd), &mut loads);
            }
            let window = hashed(eight(window), size);
            gate.windows.add(window);
            gate.longest = gate.longest.max(literal.len());
            gate.literals.push(Literal { window, ahead: at, place, text: literal.to_vec() });
        }
        gate.literals.sort_by_key(|literal| literal.window);
        for (high, start) in gate.starts.iter_mut().enumerate() {
            *start = gate.literals.partition_point(|literal| literal.window >> 8 < high) as u16;
        }
        gate
    }

    /// That of these sets whose windows are looked at the least more often if this one is of it. `loads`: how often the
    /// first pairs and the second pairs of each set stand in text.
    fn place(&self, looks: Looks, sets: Range<usize>, loads: &[[u64; 2]; SETS]) -> Option<Place> {
        let Looks([first, second]) = looks;
        let [one, other] = looks.loads();
        let times = |[one, other]: [u64; 2]| one * other;
        let places = sets.map(|set| {
            let now = loads.get(set).copied().unwrap_or_default();
            let mut load = now;
            let [firsts, seconds] = &mut load;
            *firsts += if self.has(first, FIRST << set) { 0 } else { one };
            *seconds += if self.has(second, SECOND << set) { 0 } else { other };
            Place { cost: times(load) - times(now), set, load }
        });
        places.min_by_key(|place| place.cost)
    }

    /// Puts a window where it is best placed.
    fn put(&mut self, looks: Looks, sets: Range<usize>, loads: &mut [[u64; 2]; SETS]) {
        let Some(Place { set, load, .. }) = self.place(looks, sets, loads) else { return };
        if let Some(known) = loads.get_mut(set) {
            *known = load;
        }
        let Looks([first, second]) = looks;
        self.mark(first, FIRST << set);
        self.mark(second, SECOND << set);
    }

    /// Whether a pair is marked so; of one with any byte, whether it is with a space.
    fn has(&self, pair: [Option<u8>; 2], mark: u16) -> bool {
        let [first, second] = pair.map(|byte| usize::from(byte.unwrap_or(b' ')));
        self.pairs.get(first | second << 8).is_some_and(|known| known & mark != 0)
    }

    fn mark(&mut self, pair: [Option<u8>; 2], mark: u16) {
        let [first, second] =
            pair.map(|byte| (0..=0xFF).filter(move |same| byte.is_none_or(|byte| byte == same | 0x20)));
        for (first, second) in first.flat_map(|first: u8| second.clone().map(move |second: u8| (first, second))) {
            if let Some(known) = self.pairs.get_mut(usize::from(first) | usize::from(second) << 8) {
                *known |= mark;
            }
        }
    }

    /// What is known of every other pair of eight bytes, each in sixteen bits.
    fn known(&self, eight: &[u8; 8]) -> u64 {
        let pairs: &[[u8; 2]] = eight.as_chunks().0;
        let known = |pair: &[u8; 2]| {
            self.pairs.get(usize::from(u16::from_le_bytes(*pair))).map_or(0, |known| u64::from(*known))
        };
        pairs.iter().rev().fold(0, |all, pair| all << 16 | known(pair))
    }

    /// The length of the longest literal. None that is found begins further before one that was found earlier.
    pub fn longest(&self) -> usize {
        self.longest
    }

    /// Calls `each` with where a literal stands, and which: all of them, also those inside others, ordered only about.
    pub fn each(&self, bytes: &[u8], mut each: impl FnMut(usize, usize)) {
        let mut look = |at: usize, size: usize| {
            let rest = bytes.get(at..).unwrap_or_default();
            let window = hashed(eight(rest), size);
            let known = self.windows.has(window);
            if known {
                self.stand(bytes, window, at, &mut each);
            }
        };
        // Where the second of two pairs stands, and which sets have windows with both.
        let mut hit = |place: usize, mut hits: u64| {
            while hits != 0 {
                let bit = hits.trailing_zeros() as usize;
                hits &= hits - 1;
                let (size, back) = window(bit % 8);
                if let Some(at) = (place * 8 + bit / 16 * 2).checked_sub(back) {
                    look(at, size);
                }
            }
        };
        const SECONDS: u64 = 0xFF00_FF00_FF00_FF00;
        let hits = |known: u64, last: u64| known & (known << 16 | last) << 8 & SECONDS;
        let mut last = 0;
        let (blocks, rest) = bytes.as_chunks::<8>();
        for (place, block) in blocks.iter().enumerate() {
            let known = self.known(block);
            let hits = hits(known, last);
            if hits != 0 {
                hit(place, hits);
            }
            last = known >> 48;
        }
        hit(blocks.len(), hits(self.known(&eight(rest).to_le_bytes()), last));
    }

    /// Whether some literal stands there.
    pub fn any(&self, bytes: &[u8]) -> bool {
        let mut any = false;
        self.each(bytes, |_, _| any = true);
        any
    }

    /// Calls `each` for the literals that have this window, hashed, at `at`.
    fn stand(&self, bytes: &[u8], window: usize, at: usize, each: &mut impl FnMut(usize, usize)) {
        let start = |high: usize| self.starts.get(high).copied().map_or(0, usize::from);
        let known = self.literals.get(start(window >> 8)..start((window >> 8) + 1)).unwrap_or_default();
        for literal in known.iter().filter(|literal| literal.window == window) {
            if let Some(start) = at.checked_sub(literal.ahead)
                && bytes.get(start..).is_some_and(|rest| rest.starts_with(&literal.text))
            {
                each(start, literal.place);
            }
        }
    }
}
