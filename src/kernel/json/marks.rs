//! Where the bytes are that end or bend a string, 64 at once.
use wide::u8x16;

/// Where quotes, backslashes and control characters are in a text that is gone through from its beginning. They are
/// looked for in 64 bytes at once, whatever strings begin and end there, so that a text full of escapes costs little more.
pub(super) struct Marks {
    block: usize,
    mask: u64,
}

impl Marks {
    pub(super) const NONE: Self = Self { block: usize::MAX, mask: 0 };

    /// The next one at `from` or after it.
    #[inline]
    pub(super) fn next(&mut self, text: &[u8], from: usize) -> Option<usize> {
        let found = self.mask & (u64::MAX << (from % 64));
        if self.block == from / 64 && found != 0 {
            return Some((from & !63) + found.trailing_zeros() as usize);
        }
        self.further(text, from)
    }

    /// The same, of a block that was not looked at.
    #[inline(never)]
    fn further(&mut self, text: &[u8], from: usize) -> Option<usize> {
        let (mut block, mut kept) = (from / 64, u64::MAX << (from % 64));
        loop {
            if self.block != block {
                let rest = text.get(block * 64..).filter(|rest| !rest.is_empty())?;
                *self = Self { block, mask: marks(rest) };
            }
            let found = self.mask & kept;
            if found != 0 {
                return Some(block * 64 + found.trailing_zeros() as usize);
            }
            (block, kept) = (block + 1, u64::MAX);
        }
    }

    /// Past escapes of quotes, backslashes and line breaks, and what stands between them, in the block that was looked at
    /// last: where there is something else, or how far that block can be told. `from` is right behind an escape.
    #[inline]
    pub(super) fn past_escapes(&self, text: &[u8], from: usize) -> usize {
        let ahead = self.mask & (u64::MAX << (from % 64));
        // Only a few are sooner gone past one by one.
        let several = ahead & ahead.wrapping_sub(1);
        if self.block != from / 64 || several & several.wrapping_sub(1) == 0 {
            return from;
        }
        let block = text.get(self.block * 64..).and_then(<[u8]>::first_chunk::<64>);
        block.map_or(from, |block| from.max(self.block * 64 + self.other(block, ahead)))
    }

    /// The first of the marks `ahead` that is neither an escape of a quote, a backslash or a line break, nor escaped so; the
    /// end of the block if there is none, or its last byte if that begins an escape.
    fn other(&self, block: &[u8; 64], ahead: u64) -> usize {
        let slashes = bits(block, b'\\');
        let Escapes { begin, escaped } = Escapes::of(slashes & ahead);
        let known = slashes | bits(block, b'"') | bits(block, b'n');
        // An unknown escape is gone back to its beginning for.
        let other = ahead & !begin & !escaped | (escaped & !known) >> 1 | begin & 1 << 63;
        other.trailing_zeros() as usize
    }
}

/// Where escapes are in 64 bytes of a string that begin with none that is half.
struct Escapes {
    /// Backslashes that begin one.
    begin: u64,
    /// What comes right after those.
    escaped: u64,
}

impl Escapes {
    /// From where backslashes are: of several in a row every other begins one. Adding to the first of each row carries
    /// through it, to the byte after it; where that is an even number of places on is all that must be told.
    fn of(slashes: u64) -> Self {
        const ODD: u64 = 0xAAAA_AAAA_AAAA_AAAA;
        let carried = ((slashes << 1 | ODD).wrapping_sub(slashes)) ^ ODD;
        let escaped = carried ^ slashes;
        Self { begin: carried & slashes, escaped }
    }
}

/// One bit for each byte that is this one.
fn bits(block: &[u8; 64], byte: u8) -> u64 {
    let is = |sixteen: &[u8; 16]| u8x16::new(*sixteen).simd_eq(u8x16::splat(byte)).to_bitmask();
    block.as_chunks::<16>().0.iter().rev().fold(0, |mask, sixteen| mask << 16 | u64::from(is(sixteen)))
}

/// One bit for each of the first 64 bytes.
fn marks(text: &[u8]) -> u64 {
    let mut padded = [b' '; 64];
    let block = text.first_chunk::<64>().unwrap_or_else(|| {
        padded.iter_mut().zip(text).for_each(|(slot, byte)| *slot = *byte);
        &padded
    });
    let sixteens = block.as_chunks::<16>().0.iter().rev();
    sixteens.fold(0, |mask, sixteen| {
        let bytes = u8x16::new(*sixteen);
        let quote = bytes.simd_eq(u8x16::splat(b'"')) | bytes.simd_eq(u8x16::splat(b'\\'));
        let control = bytes.min(u8x16::splat(0x1F)).simd_eq(bytes);
        mask << 16 | u64::from((quote | control).to_bitmask())
    })
}

/// How far a block of a string and what it should say were compared, and whether they are the same so far.
pub(super) struct Said {
    /// Bytes of the string.
    pub(super) read: usize,
    /// Bytes of what it should say.
    pub(super) said: usize,
    /// Whether they say the same.
    pub(super) same: bool,
}

/// Compares the first 64 bytes of a part of a string that begins with no half escape: pieces between escapes, none waiting
/// for the one before it. The rest of `inner` and `text` is there so that each piece can be read as sixteen bytes. Nothing
/// if there are escapes of other characters than quotes and backslashes.
pub(super) fn block_says(inner: &[u8; 80], text: &[u8; 80]) -> Option<Said> {
    let block = inner.first_chunk::<64>()?;
    let slashes = bits(block, b'\\');
    let Escapes { begin, escaped } = Escapes::of(slashes);
    if escaped & !slashes & !bits(block, b'"') != 0 {
        return None;
    }
    // An escape that the block ends within is left to the next.
    let read = 64 - (begin >> 63) as usize;
    let mut ahead = begin & u64::MAX >> 1;
    let (mut from, mut said, mut other) = (0, 0, false);
    loop {
        let to = if ahead == 0 { read } else { ahead.trailing_zeros() as usize };
        while from < to {
            let (one, two) = (inner.get(from..)?.first_chunk()?, text.get(said..)?.first_chunk()?);
            let length = (to - from).min(16);
            let alike = u8x16::new(*one).simd_eq(u8x16::new(*two)).to_bitmask();
            other |= !alike << (32 - length) != 0;
            from += length;
            said += length;
        }
        if ahead == 0 {
            return Some(Said { read, said, same: !other });
        }
        from = to + 1;
        ahead &= ahead - 1;
    }
}

/// How many bytes two texts begin with alike, up to a backslash.
pub(super) fn alike(a: &[u8], b: &[u8]) -> usize {
    let (sixteens, _) = a.as_chunks::<16>();
    let (others, _) = b.as_chunks::<16>();
    let mut run = 0;
    for (one, other) in sixteens.iter().zip(others) {
        let (one, other) = (u8x16::new(*one), u8x16::new(*other));
        let stop = !one.simd_eq(other) | one.simd_eq(u8x16::splat(b'\\'));
        let stop = stop.to_bitmask();
        if stop != 0 {
            return run + stop.trailing_zeros() as usize;
        }
        run += 16;
    }
    let rest = a.iter().zip(b).skip(run);
    run + rest.take_while(|(one, other)| one == other && **one != b'\\').count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_special_character_is_found_wherever_it_is() {
        let special = |text: &[u8]| {
            let mut marks = Marks::NONE;
            marks.next(text, 0)
        };
        for length in 0..120 {
            for filler in [b'a', 0x7F, 0x80, 0xFF, b'!', b'#', b'[', b']', 0x20] {
                let plain = vec![filler; length];
                assert_eq!(special(&plain), None);
                for at in 0..length {
                    for byte in [b'"', b'\\', 0, 0x1F, b'\n'] {
                        let mut text = plain.clone();
                        text[at] = byte;
                        assert_eq!(special(&text), Some(at), "{byte} at {at} of {length}, among {filler}");
                        if let Some(later) = text.get_mut(at + 1) {
                            *later = b'"';
                            assert_eq!(special(&text), Some(at));
                        }
                    }
                }
            }
        }
    }
}
