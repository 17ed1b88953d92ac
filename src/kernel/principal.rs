//! Who is asking, and how we know. Only `authn` calls [`Principal::assertion`], and only `cases`
//! [`Principal::supposed`]; `tests/tidy.rs` sees to it.
use super::digest::Digest;
use std::collections::BTreeSet;

/// Claims that `authn` has verified.
#[derive(Debug)]
pub struct Verified {
    /// There is no token; the rest says nothing about anybody.
    pub anonymous: bool,
    /// Name of the issuer in the configuration.
    pub issuer: String,
    /// `sub`.
    pub subject: String,
    /// `client_id`, or `azp`.
    pub client: Option<String>,
    /// `aud`, as a list.
    pub audiences: Vec<String>,
    /// `scope` (string) or `scp` (string or list).
    pub scopes: BTreeSet<String>,
    /// `exp`, in seconds since 1970.
    pub expires: u64,
    /// All claims.
    pub claims: serde_json::Value,
}

impl Verified {
    /// What is known of a caller without a token: nothing.
    pub fn nothing() -> Self {
        Self {
            anonymous: true,
            issuer: "anonymous".to_owned(),
            subject: "anonymous".to_owned(),
            client: None,
            audiences: Vec::new(),
            scopes: BTreeSet::new(),
            expires: u64::MAX,
            claims: serde_json::json!({}),
        }
    }
}

/// A caller whose token was verified, or who has none.
#[derive(Debug)]
pub struct Principal {
    verified: Verified,
    id: Digest,
    subject_id: Digest,
    client_id: Digest,
}

impl Principal {
    /// States that `verified` has been verified. Only a token verifier may say so.
    pub fn assertion(verified: Verified) -> Self {
        let client = verified.client.as_deref().unwrap_or_default();
        let (issuer, subject, client) = (verified.issuer.as_bytes(), verified.subject.as_bytes(), client.as_bytes());
        // Of nobody, an identity that no issuer can give, whatever its name in the configuration.
        let of = |parts: &[&[u8]]| Digest::of_parts(if verified.anonymous { &[] } else { parts });
        let id = of(&[issuer, subject, client]);
        let subject_id = of(&[issuer, subject]);
        let client_id = of(&[issuer, client]);
        Self { verified, id, subject_id, client_id }
    }

    /// Identity of a subject, as [`Principal::subject_id`] has it.
    pub fn subject_of(issuer: &str, subject: &str) -> Digest {
        Digest::of_parts(&[issuer.as_bytes(), subject.as_bytes()])
    }

    /// Supposes a caller whom nobody verified, to ask what would be decided. Only for cases of a policy:
    /// a stage that used it would let anybody in.
    pub fn supposed(claimed: Verified) -> Self {
        Self::assertion(claimed)
    }

    /// Whether there is no token.
    pub fn is_anonymous(&self) -> bool {
        self.verified.anonymous
    }

    /// Identity for binding sessions: issuer, subject and client together.
    pub fn id(&self) -> Digest {
        self.id
    }

    /// Identity of the subject, whichever client it uses.
    pub fn subject_id(&self) -> Digest {
        self.subject_id
    }

    /// Identity of the client, whoever uses it.
    pub fn client_id(&self) -> Digest {
        self.client_id
    }

    /// Name of the issuer in the configuration.
    pub fn issuer(&self) -> &str {
        &self.verified.issuer
    }

    /// `sub`.
    pub fn subject(&self) -> &str {
        &self.verified.subject
    }

    /// `client_id`, or `azp`.
    pub fn client(&self) -> Option<&str> {
        self.verified.client.as_deref()
    }

    /// `aud`.
    pub fn audiences(&self) -> &[String] {
        &self.verified.audiences
    }

    /// Granted scopes.
    pub fn scopes(&self) -> &BTreeSet<String> {
        &self.verified.scopes
    }

    /// `exp`, in seconds since 1970.
    pub fn expires(&self) -> u64 {
        self.verified.expires
    }

    /// All claims.
    pub fn claims(&self) -> &serde_json::Value {
        &self.verified.claims
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_token_of_an_issuer_called_anonymous_is_taken_for_none() {
        let caller = |anonymous| {
            Principal::assertion(Verified {
                anonymous,
                issuer: "anonymous".to_owned(),
                subject: "anonymous".to_owned(),
                client: None,
                audiences: Vec::new(),
                scopes: BTreeSet::new(),
                expires: 1,
                claims: serde_json::Value::Null,
            })
        };
        let (nobody, named) = (caller(true), caller(false));
        assert_ne!(nobody.id(), named.id());
        assert_ne!(nobody.subject_id(), named.subject_id());
        assert_ne!(nobody.client_id(), named.client_id());
    }
}
