//! Time and randomness, so that nothing else needs to reach for them.
use std::cell::RefCell;
use std::time::{SystemTime, UNIX_EPOCH};

/// Seconds since 1970.
pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs())
}

/// Microseconds since 1970.
pub fn now_micros() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| u64::try_from(d.as_micros()).unwrap_or(u64::MAX))
}

/// Random bytes from the operating system's generator. Without them nothing here is safe, so their
/// absence ends the process.
pub fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0u8; N];
    if aws_lc_rs::rand::fill(&mut bytes).is_err() {
        std::process::abort();
    }
    bytes
}

/// Random bytes for an id, which is no secret: drawn many at a time, as the system call is most of what they cost.
fn drawn() -> [u8; 12] {
    thread_local! {
        static READY: RefCell<Vec<[u8; 12]>> = const { RefCell::new(Vec::new()) };
    }
    READY.with_borrow_mut(|ready| {
        if ready.is_empty() {
            ready.extend_from_slice(random::<768>().as_chunks().0);
        }
        ready.pop().unwrap_or_else(random)
    })
}

/// Bytes whose base64url does not begin with `-`, which a command line would take for an option.
fn named<const N: usize>(mut bytes: [u8; N]) -> [u8; N] {
    if let Some(first) = bytes.first_mut().filter(|first| **first >> 2 == 62) {
        *first &= 0x7f;
    }
    bytes
}

/// A random token of `N` bytes, base64url without padding; it does not begin with `-`.
pub fn random_token<const N: usize>() -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(named(random::<N>()))
}

/// A correlation id: 96 random bits, base64url. Kept in place, since every exchange makes one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Id([u8; 16]);

impl Id {
    /// A new one.
    pub fn random() -> Self {
        use base64::Engine as _;
        let mut text = [b'-'; 16];
        // Twelve bytes are sixteen characters: it always fits.
        let _ = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode_slice(named(drawn()), &mut text);
        Self(text)
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_id_is_taken_for_an_option() {
        for _ in 0..2_000 {
            assert!(!random_token::<24>().starts_with('-'));
            assert!(!Id::random().as_str().starts_with('-'));
        }
    }

    #[test]
    fn no_id_comes_twice() {
        let ids: std::collections::HashSet<String> = (0..2_000).map(|_| Id::random().as_str().to_owned()).collect();
        assert_eq!(ids.len(), 2_000);
    }
}
