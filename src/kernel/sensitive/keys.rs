//! What stands in place of a value and is made under a key: a digest, or a token that can be turned back.
//!
//! Digests and tokens are made under a key of the deployment. A digest is the same for the same value of one server
//! until the key rotates, so that records correlate; without the key it cannot be guessed, as a plain one of a
//! nine-digit number could. A token is the value itself, sealed (AES-256-GCM-SIV, RFC 8452) for one server, one type
//! and a time: there is no vault that could fill up, be read, or be missing on another replica.
use crate::kernel::digest::{Digest, hex, keyed};
use aws_lc_rs::aead::{AES_256_GCM_SIV, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// How often the key of digests changes, in seconds, where nothing is said: 30 days.
pub const ROTATE_SECONDS: u64 = 30 * 86_400;
/// Longest value that a token can carry, in bytes.
const TOKEN_VALUE_MAX: usize = 16 << 10;
/// Tokens expire at whole minutes, so that one value read twice in a minute has one token.
const MINUTE: u64 = 60;

/// The keys. Never print themselves.
#[derive(PartialEq, Eq)]
pub struct Keys {
    secret: [u8; 32],
    rotate: u64,
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Keys(…)")
    }
}

/// A value's type and server, and the time.
#[derive(Clone, Copy, Debug)]
pub struct About<'a> {
    /// Name of the server.
    pub server: &'a str,
    /// Name of the type.
    pub kind: &'a str,
    /// Seconds since 1970.
    pub now: u64,
}

impl Keys {
    /// From a secret of at least 32 bytes, or random ones. `rotate` is in seconds, at least 1.
    pub fn new(secret: &[u8], rotate: u64) -> Self {
        Self { secret: *keyed(secret, &[b"portcullis", b"redaction"]).bytes(), rotate: rotate.max(1) }
    }

    /// `[EMAIL#19:…]`: number of the key, and 96 bits of HMAC-SHA-256 over server, type and value.
    pub fn hash(&self, about: About<'_>, value: &str) -> String {
        let period = about.now / self.rotate;
        let key = keyed(&self.secret, &[b"hash", &period.to_be_bytes()]);
        let digest = keyed(key.bytes(), &[about.server.as_bytes(), about.kind.as_bytes(), value.as_bytes()]);
        format!("[{}#{period:x}:{}]", about.kind, hex(digest.bytes().get(..12).unwrap_or_default()))
    }

    /// `[EMAIL~…]`: the value, sealed until `seconds` from now, at most a minute more. `None` if it is too long.
    pub fn token(&self, about: About<'_>, value: &str, seconds: u64) -> Option<String> {
        let minute = u32::try_from(about.now.saturating_add(seconds).div_ceil(MINUTE)).ok()?.to_be_bytes();
        let bound = Self::bound(about, minute);
        // Two values never share a nonce but by a collision of the keyed digest, which this cipher survives.
        let nonce = keyed(&self.secret, &[b"nonce", &bound, value.as_bytes()]);
        let nonce: [u8; NONCE_LEN] = nonce.bytes().get(..NONCE_LEN)?.try_into().ok()?;
        if value.len() > TOKEN_VALUE_MAX {
            return None;
        }
        let mut sealed = value.as_bytes().to_vec();
        let key = self.sealing()?;
        key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(bound), &mut sealed).ok()?;
        let mut whole = Vec::with_capacity(4 + NONCE_LEN + sealed.len());
        whole.extend_from_slice(&minute);
        whole.extend_from_slice(&nonce);
        whole.append(&mut sealed);
        Some(format!("[{}~{}]", about.kind, URL_SAFE_NO_PAD.encode(whole)))
    }

    /// The value of a token that was made for this server and type, and is still good. `text` is what stands between
    /// the tilde and the bracket.
    pub fn open(&self, about: About<'_>, text: &str) -> Option<String> {
        let whole = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (minute, rest) = whole.split_first_chunk::<4>()?;
        let (nonce, sealed) = rest.split_first_chunk::<NONCE_LEN>()?;
        if u64::from(u32::from_be_bytes(*minute)).saturating_mul(MINUTE) < about.now {
            return None;
        }
        let mut sealed = sealed.to_vec();
        let aad = Aad::from(Self::bound(about, *minute));
        let opened = self.sealing()?.open_in_place(Nonce::assume_unique_for_key(*nonce), aad, &mut sealed).ok()?;
        String::from_utf8(opened.to_vec()).ok()
    }

    /// The text with its tokens turned back; `None` if there is none in it. A token of another server, too late or made
    /// up stays as it is: it says nothing.
    pub fn reveal(&self, server: &str, now: u64, text: &str, may: &dyn Fn(&str) -> bool) -> Option<String> {
        let mut out = String::new();
        let mut rest = text;
        let mut found = false;
        while let Some(start) = rest.find('[') {
            let (before, from) = rest.split_at(start);
            out.push_str(before);
            // No token has a bracket within it, so every byte is looked at once.
            let inner = from.get(1..).and_then(|inner| inner.split_once(['[', ']']));
            let token = inner.and_then(|(inner, _)| inner.split_once('~'));
            let opened = token.and_then(|(kind, sealed)| {
                let value = may(kind).then(|| self.open(About { server, kind, now }, sealed)).flatten()?;
                Some((value, kind.len() + sealed.len() + 2)).filter(|(_, end)| from.as_bytes().get(*end) == Some(&b']'))
            });
            if let Some((value, length)) = opened {
                found = true;
                out.push_str(&value);
                rest = from.get(length + 1..).unwrap_or_default();
            } else {
                out.push('[');
                rest = from.get(1..).unwrap_or_default();
            }
        }
        out.push_str(rest);
        found.then_some(out)
    }

    fn bound(about: About<'_>, minute: [u8; 4]) -> [u8; 32] {
        *Digest::of_parts(&[about.server.as_bytes(), about.kind.as_bytes(), &minute]).bytes()
    }

    fn sealing(&self) -> Option<LessSafeKey> {
        let key = keyed(&self.secret, &[b"token"]);
        UnboundKey::new(&AES_256_GCM_SIV, key.bytes()).ok().map(LessSafeKey::new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ABOUT: About<'static> = About { server: "crm", kind: "EMAIL", now: 1_000_000 };

    fn sealed(token: &str) -> &str {
        token.split_once('~').unwrap().1.trim_end_matches(']')
    }

    #[test]
    fn a_digest_is_the_same_for_the_same_value_until_the_key_rotates() {
        let keys = Keys::new(&[1; 32], 3600);
        let hash = keys.hash(ABOUT, "ann@example.com");
        assert_eq!(hash, keys.hash(About { now: ABOUT.now + 60, ..ABOUT }, "ann@example.com"));
        assert!(hash.starts_with("[EMAIL#115:") && hash.len() == "[EMAIL#115:]".len() + 24, "{hash}");
        for other in [
            keys.hash(ABOUT, "bob@example.com"),
            keys.hash(About { server: "wiki", ..ABOUT }, "ann@example.com"),
            keys.hash(About { now: ABOUT.now + 3600, ..ABOUT }, "ann@example.com"),
            Keys::new(&[2; 32], 3600).hash(ABOUT, "ann@example.com"),
        ] {
            assert_ne!(hash, other);
        }
    }

    #[test]
    fn a_token_opens_for_its_server_type_and_time_only() {
        let keys = Keys::new(&[1; 32], 3600);
        let token = keys.token(ABOUT, "ann@example.com", 600).unwrap();
        assert!(!token.contains("ann"));
        assert_eq!(token, keys.token(ABOUT, "ann@example.com", 600).unwrap());
        let text = sealed(&token);
        let open = |about| keys.open(about, text);
        assert_eq!(open(ABOUT).as_deref(), Some("ann@example.com"));
        assert_eq!(open(About { now: ABOUT.now + 600, ..ABOUT }).as_deref(), Some("ann@example.com"));
        assert_eq!(open(About { now: ABOUT.now + 661, ..ABOUT }), None, "too late");
        assert_eq!(open(About { server: "wiki", ..ABOUT }), None, "another server");
        assert_eq!(open(About { kind: "PHONE", ..ABOUT }), None, "another type");
        assert_eq!(Keys::new(&[2; 32], 3600).open(ABOUT, text), None, "another deployment");
        let bytes = URL_SAFE_NO_PAD.decode(text).unwrap();
        for at in 0..bytes.len() {
            let mut altered = bytes.clone();
            altered[at] ^= 1;
            assert_eq!(keys.open(ABOUT, &URL_SAFE_NO_PAD.encode(altered)), None, "altered at {at}");
        }
        assert_eq!(keys.token(ABOUT, &"x".repeat(TOKEN_VALUE_MAX + 1), 600), None);
    }

    #[test]
    fn tokens_in_a_text_are_turned_back_where_the_caller_may() {
        let keys = Keys::new(&[1; 32], 3600);
        let token = keys.token(ABOUT, "ann@example.com", 600).unwrap();
        let text = format!("[x] to {token}, not [EMAIL~AAAA] nor [EMAIL]; {token}");
        let revealed = keys.reveal("crm", ABOUT.now, &text, &|kind| kind == "EMAIL");
        assert_eq!(revealed.as_deref(), Some("[x] to ann@example.com, not [EMAIL~AAAA] nor [EMAIL]; ann@example.com"));
        assert_eq!(keys.reveal("crm", ABOUT.now, &text, &|_| false), None);
        assert_eq!(keys.reveal("wiki", ABOUT.now, &text, &|_| true), None);
    }

    proptest! {
        #[test]
        fn what_was_tokenised_is_turned_back_and_nothing_else_changes(value in ".{0,60}", before in "[^\\[]{0,20}", after in "[^\\[]{0,20}") {
            let keys = Keys::new(&[1; 32], 3600);
            let token = keys.token(ABOUT, &value, 600).unwrap();
            let text = format!("{before}{token}{after}");
            prop_assert_eq!(keys.reveal("crm", ABOUT.now, &text, &|_| true), Some(format!("{before}{value}{after}")));
        }
    }
}
