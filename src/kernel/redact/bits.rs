//! Sets of small numbers, a bit for each, and small numbers by hash: what tables of words are made of.

/// Numbers below some count.
pub struct Bits(Vec<u64>);

impl Bits {
    /// None of those below `count`.
    pub fn new(count: usize) -> Self {
        Self(vec![0; count.div_ceil(64)])
    }

    /// Adds one.
    pub fn add(&mut self, at: usize) {
        if let Some(bits) = self.0.get_mut(at / 64) {
            *bits |= 1 << (at % 64);
        }
    }

    /// Whether one was added.
    pub fn has(&self, at: usize) -> bool {
        self.0.get(at / 64).is_some_and(|bits| bits >> (at % 64) & 1 == 1)
    }
}

/// Small numbers by hash, the next free slot on collision. Of a hash all but the lowest `BITS` are kept, which are those of
/// the number; zero is none.
pub struct ByHash<const BITS: u32>(Vec<u64>);

impl<const BITS: u32> ByHash<BITS> {
    /// The bits of the number.
    const LOW: u64 = (1 << BITS) - 1;

    /// None yet. `slots`: a power of two, about twice as many as there will be.
    pub fn new(slots: usize) -> Self {
        Self(vec![0; slots])
    }

    /// The number of a hash.
    pub fn get(&self, hash: u64) -> u64 {
        self.find(hash).1
    }

    /// Gives a hash a number.
    pub fn put(&mut self, hash: u64, number: u64) {
        let at = self.find(hash).0;
        if let Some(slot) = self.0.get_mut(at) {
            *slot = hash & !Self::LOW | number & Self::LOW;
        }
    }

    /// The slot of a hash, or the free one that would be, and the number there.
    fn find(&self, hash: u64) -> (usize, u64) {
        let last = self.0.len().saturating_sub(1);
        let mut at = (hash >> 32) as usize & last;
        loop {
            match self.0.get(at) {
                Some(0) | None => return (at, 0),
                Some(slot) if (slot ^ hash) & !Self::LOW == 0 => return (at, slot & Self::LOW),
                Some(_) => at = (at + 1) & last,
            }
        }
    }

    /// Those that were put.
    #[cfg(test)]
    pub fn numbers(&self) -> impl Iterator<Item = u64> {
        self.0.iter().filter(|slot| **slot != 0).map(|slot| slot & Self::LOW)
    }
}
