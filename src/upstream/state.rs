//! `requestState` of our own making: where a call is parked, sealed so that it says nothing and fits nothing else.
//!
//! AES-256-GCM (NIST SP 800-38D) with a key of this process; what it is bound to is its associated data: who asks,
//! at which server, for which method, with which arguments. A state that was altered, is used by somebody else, with
//! other arguments, or too late does not open.
use crate::clock;
use crate::kernel::digest::Digest;
use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// Longest state that is looked at.
const STATE_BYTES_MAX: usize = 512;

/// Seals and opens.
pub struct Seal {
    key: Option<LessSafeKey>,
}

impl Seal {
    /// With a key that nobody else has.
    pub fn new() -> Self {
        let key = UnboundKey::new(&AES_256_GCM, &clock::random::<32>()).ok().map(LessSafeKey::new);
        Self { key }
    }

    /// A state that leads to `handle` until `expires`, seconds since 1970.
    pub fn seal(&self, handle: &str, expires: u64, bound_to: Digest) -> Option<String> {
        let nonce = clock::random::<NONCE_LEN>();
        let mut text = format!("{expires}.{handle}").into_bytes();
        let aad = Aad::from(*bound_to.bytes());
        self.key.as_ref()?.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), aad, &mut text).ok()?;
        Some(URL_SAFE_NO_PAD.encode([nonce.as_slice(), &text].concat()))
    }

    /// The handle in a state, if it is one of ours, for this, and not too late.
    pub fn open(&self, state: &str, bound_to: Digest) -> Option<String> {
        if state.len() > STATE_BYTES_MAX {
            return None;
        }
        let mut bytes = URL_SAFE_NO_PAD.decode(state).ok()?;
        let (nonce, text) = bytes.split_at_mut_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let aad = Aad::from(*bound_to.bytes());
        let text = self.key.as_ref()?.open_in_place(nonce, aad, text).ok()?;
        let (expires, handle) = std::str::from_utf8(text).ok()?.split_once('.')?;
        (expires.parse::<u64>().ok()? > clock::now()).then(|| handle.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_opens_for_what_it_was_made_for_and_in_time() {
        let (seal, mine, other) = (Seal::new(), Digest::of(b"ann, call, args"), Digest::of(b"bob, call, args"));
        let state = seal.seal("handle", clock::now() + 60, mine).unwrap();
        assert_eq!(seal.open(&state, mine).as_deref(), Some("handle"));
        assert_eq!(seal.open(&state, other), None);
        assert_eq!(Seal::new().open(&state, mine), None, "of another process");
        for at in 0..state.len() {
            let mut altered = state.clone().into_bytes();
            altered[at] = if altered[at] == b'A' { b'B' } else { b'A' };
            let altered = String::from_utf8(altered).unwrap();
            // The last character has bits that decode to nothing.
            assert!(seal.open(&altered, mine).is_none() || at + 1 == state.len(), "{at}");
        }
        assert_eq!(seal.open(&seal.seal("handle", clock::now() - 1, mine).unwrap(), mine), None);
        for nonsense in ["", "A", "not base64!", &"A".repeat(4000)] {
            assert_eq!(seal.open(nonsense, mine), None);
        }
    }
}
