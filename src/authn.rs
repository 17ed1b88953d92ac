//! Credential → `Principal`: signature, issuer, time, type and algorithm of a JWT access token
//! (RFC 9068, RFC 8725). Nothing else in the crate makes a `Principal`.
//!
//! A verified token is remembered by its SHA-256 until it expires. Each entry carries the generation
//! of the keys it was verified with, so that removing a key or an issuer empties the cache at once.
pub mod keys;
mod signature;

use crate::kernel::digest::Digest;
use crate::kernel::inbound::Credential;
use crate::kernel::json::{Bounds, Document};
use crate::kernel::principal::{Principal, Verified};
use crate::kernel::refusal::{Reason, Refusal};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use keys::{Found, Keys};
use quick_cache::sync::Cache;
use std::sync::{Arc, LazyLock};

const TOKEN_BYTES_MAX: usize = 16 << 10;
/// Clock skew granted to `nbf` only; `exp` is taken at its word.
const SKEW_SECONDS: u64 = 30;
/// The end of the year 9999. An `exp` after it is no date; milliseconds, perhaps.
const DATE_MAX: f64 = 253_402_300_799.0;

/// Verifies tokens.
pub struct Authenticator {
    keys: Arc<Keys>,
    cache: Option<Cache<[u8; 32], Entry>>,
}

#[derive(Clone)]
struct Entry {
    principal: Arc<Principal>,
    generation: u64,
}

impl Authenticator {
    /// With the keys of all issuers; `capacity` 0 verifies every token every time.
    pub fn new(keys: Arc<Keys>, capacity: usize) -> Self {
        Self { keys, cache: (capacity > 0).then(|| Cache::new(capacity)) }
    }

    /// Nobody in particular: a caller without a token, whom a server may let in.
    pub fn anonymous() -> Arc<Principal> {
        static NOBODY: LazyLock<Arc<Principal>> = LazyLock::new(|| Arc::new(Principal::assertion(Verified::nothing())));
        NOBODY.clone()
    }

    /// Who presents this credential.
    pub async fn principal(&self, credential: Option<Credential>, now: u64) -> Result<Arc<Principal>, Refusal> {
        let Credential(token) = credential.ok_or(Reason::TokenMissing)?;
        if token.len() > TOKEN_BYTES_MAX {
            return Err(Refusal::from(Reason::TokenInvalid).detail("token too long"));
        }
        let key = *Digest::of(token.as_bytes()).bytes();
        let generation = self.keys.generation();
        if let Some(entry) = self.cache.as_ref().and_then(|cache| cache.get(&key))
            && entry.generation == generation
        {
            if entry.principal.expires() > now {
                return Ok(entry.principal);
            }
            return Err(Reason::TokenExpired.into());
        }
        let principal = Arc::new(Principal::assertion(Box::pin(self.verify(&token, now)).await?));
        if let Some(cache) = &self.cache {
            cache.insert(key, Entry { principal: principal.clone(), generation });
        }
        Ok(principal)
    }

    /// Who signed in: an ID token (OpenID Connect Core 1.0, section 3.1.3.7) of this issuer, made for this client and
    /// this sign-in.
    pub async fn signed_in(
        &self,
        id_token: &str,
        (issuer, client_id, nonce): (&str, &str, &str),
        now: u64,
    ) -> Result<Arc<Principal>, Refusal> {
        let invalid = |why: &str| Refusal::from(Reason::TokenInvalid).detail(why);
        if id_token.len() > TOKEN_BYTES_MAX {
            return Err(invalid("token too long"));
        }
        let verified = self.verify(id_token, now).await?;
        let claim = |name: &str| verified.claims.get(name).and_then(|claim| claim.as_str());
        if claim("iss") != Some(issuer) {
            return Err(invalid("`iss` is another than where the sign-in was"));
        }
        if !verified.audiences.iter().any(|audience| audience == client_id) {
            return Err(invalid("`aud`"));
        }
        if (verified.audiences.len() > 1 || claim("azp").is_some()) && claim("azp") != Some(client_id) {
            return Err(invalid("`azp`"));
        }
        if claim("nonce") != Some(nonce) {
            return Err(invalid("`nonce`"));
        }
        Ok(Arc::new(Principal::assertion(verified)))
    }

    async fn verify(&self, token: &str, now: u64) -> Result<Verified, Refusal> {
        let invalid = |why: &str| Refusal::from(Reason::TokenInvalid).detail(why);
        let header = jsonwebtoken::decode_header(token).map_err(|_| invalid("not a JWT"))?;
        let kind = header.typ.as_deref().map(str::to_ascii_lowercase);
        if !matches!(kind.as_deref(), None | Some("jwt" | "at+jwt" | "application/at+jwt")) {
            return Err(invalid("`typ` is not that of an access token"));
        }
        // RFC 7515, section 4.1.11: an extension that must be understood, and none is. A compressed or
        // encrypted content is another kind of token.
        if header.crit.is_some() || header.enc.is_some() || header.zip.is_some() {
            return Err(invalid("`crit`, `enc` or `zip` in the header"));
        }
        let (message, signature) = token.rsplit_once('.').ok_or_else(|| invalid("not a JWT"))?;
        let claims = message.split_once('.').and_then(|(_, claims)| URL_SAFE_NO_PAD.decode(claims).ok());
        let claims = Bytes::from(claims.ok_or_else(|| invalid("not a JWT"))?);
        // Strict, so that nobody else can read a repeated claim another way. What is read here is not yet
        // verified, and serves only to choose whose keys to verify with.
        let unverified = Document::parse(claims.clone(), &Bounds::default()).map_err(|_| invalid("claims"))?;
        let claimed = unverified.root().get("iss").and_then(|iss| iss.as_str()).ok_or_else(|| invalid("no `iss`"))?;
        let mut found = self.keys.find(&claimed, header.kid.as_deref(), header.alg);
        if matches!(found, Found::NoKey) {
            self.keys.refetch(&claimed).await;
            found = self.keys.find(&claimed, header.kid.as_deref(), header.alg);
        }
        let (name, key) = match found {
            Found::Key(name, key) => (name, key),
            Found::NoIssuer => return Err(invalid("unknown issuer")),
            Found::AlgorithmRefused => {
                return Err(invalid("algorithm not allowed for this issuer or key"));
            }
            Found::NoKey => return Err(invalid("no such key")),
            Found::Nothing => return Err(Reason::KeysUnavailable.into()),
        };
        // Only the signature: time is judged below and audience by the policy, where the reason can be told.
        if !key.verify(header.alg, message.as_bytes(), signature) {
            return Err(invalid("signature"));
        }
        // The same bytes, now believed.
        let claims: serde_json::Value = serde_json::from_slice(&claims).map_err(|_| invalid("claims"))?;
        let number = |claim: &str| claims.get(claim).and_then(|v| v.as_f64());
        let expires = number("exp").filter(|exp| *exp > 0.0 && *exp <= DATE_MAX).ok_or_else(|| invalid("no `exp`"))?;
        let expires = expires as u64;
        if expires <= now {
            return Err(Reason::TokenExpired.into());
        }
        if claims.get("nbf").is_some() && number("nbf").is_none_or(|nbf| nbf > (now + SKEW_SECONDS) as f64) {
            return Err(invalid("`nbf`"));
        }
        let subject = claims.get("sub").and_then(|v| v.as_str()).filter(|s| !s.is_empty());
        let subject = subject.ok_or_else(|| invalid("no `sub`"))?.to_owned();
        let client = claims.get("client_id").or_else(|| claims.get("azp")).and_then(|v| v.as_str()).map(str::to_owned);
        let list = |value: &serde_json::Value| match value {
            serde_json::Value::String(one) => vec![one.clone()],
            serde_json::Value::Array(many) => many.iter().filter_map(|v| v.as_str().map(str::to_owned)).collect(),
            _ => Vec::new(),
        };
        let audiences = claims.get("aud").map(list).unwrap_or_default();
        let scopes = claims.get("scope").or_else(|| claims.get("scp")).map(list).unwrap_or_default();
        let scopes = scopes.iter().flat_map(|s| s.split(' ')).filter(|s| !s.is_empty()).map(str::to_owned).collect();
        Ok(Verified { anonymous: false, issuer: name, subject, client, audiences, scopes, expires, claims })
    }
}
