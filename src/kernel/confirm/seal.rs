//! What the client carries back and forth: `requestState` of 2026-07-28, sealed so that only this gateway can have
//! made it. It says which confirmation it belongs to and, where the server asked for input, what the server's own
//! state was.
use crate::kernel::digest::{Digest, keyed};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// How states of ours begin.
const PREFIX: &str = "portcullis.1.";
/// What states are sealed for.
const STATE: &str = "requestState";
/// Longest state that is read.
const BYTES_MAX: usize = 1 << 20;

/// The key. Kept with the confirmations, so that states outlive a restart; never prints itself.
#[derive(Clone)]
pub struct SealKey([u8; 32]);

/// What is sealed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// Which confirmation.
    pub id: String,
    /// Which round of input of the server; 0 for the confirmation itself.
    pub round: u32,
    /// The server's own state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub theirs: Option<String>,
}

impl std::fmt::Debug for SealKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SealKey(…)")
    }
}

impl SealKey {
    /// From 32 random bytes.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes, to be kept.
    pub fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    fn mac(&self, purpose: &str, text: &str) -> Digest {
        keyed(&self.0, &[purpose.as_bytes(), text.as_bytes()])
    }

    /// Seals.
    pub fn seal(&self, state: &State) -> String {
        self.seal_as(STATE, state)
    }

    /// Opens what [`SealKey::seal`] made, byte for byte, and nothing else.
    pub fn open(&self, sealed: &str) -> Option<State> {
        self.open_as(STATE, sealed)
    }

    /// Seals something that opens for the same purpose only.
    pub fn seal_as(&self, purpose: &str, value: &impl Serialize) -> String {
        let json = serde_json::to_vec(value).unwrap_or_default();
        let text = format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(json));
        format!("{text}.{}", self.mac(purpose, &text))
    }

    /// Opens what [`SealKey::seal_as`] made for this purpose.
    pub fn open_as<T: DeserializeOwned>(&self, purpose: &str, sealed: &str) -> Option<T> {
        let (text, mac) = sealed.rsplit_once('.').filter(|_| sealed.len() <= BYTES_MAX)?;
        if !Digest::parse(mac)?.matches(&self.mac(purpose, text)) {
            return None;
        }
        let json = URL_SAFE_NO_PAD.decode(text.strip_prefix(PREFIX)?).ok()?;
        serde_json::from_slice(&json).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_state_opens_only_as_it_was_sealed() {
        let key = SealKey::new([7; 32]);
        let state = State { id: "abc".to_owned(), round: 2, theirs: Some("theirs.é".to_owned()) };
        let sealed = key.seal(&state);
        assert_eq!(key.open(&sealed), Some(state));
        assert_eq!(SealKey::new([8; 32]).open(&sealed), None, "another gateway's");
        for at in 0..sealed.len() {
            let mut bytes = sealed.clone().into_bytes();
            bytes[at] ^= 1;
            if let Ok(text) = String::from_utf8(bytes) {
                assert_eq!(key.open(&text), None, "altered at {at}");
            }
        }
        assert_eq!(key.open(&sealed.to_uppercase()), None);
        assert_eq!(format!("{key:?}"), "SealKey(…)");
    }

    proptest! {
        #[test]
        fn nothing_else_opens_and_nothing_panics(text in ".{0,200}") {
            prop_assert_eq!(SealKey::new([7; 32]).open(&text), None);
            let sealed = SealKey::new([7; 32]).seal(&State { id: text.clone(), round: 0, theirs: None });
            prop_assert_eq!(SealKey::new([7; 32]).open(&sealed).map(|state| state.id), Some(text));
        }
    }
}
