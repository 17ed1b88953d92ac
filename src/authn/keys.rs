//! The keys of each issuer: read from a file, a URL or discovery, refetched when a token names a key
//! that is not known (at most once in a while), last good kept.
use super::signature::VerifyingKey;
use crate::egress::Egress;
use arc_swap::ArcSwap;
use jsonwebtoken::jwk::{Jwk, PublicKeyUse};
use jsonwebtoken::{Algorithm, AlgorithmFamily};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

const JWKS_BYTES_MAX: usize = 1 << 20;
const KEYS_MAX: usize = 100;
/// Shortest time between two fetches for one issuer, whoever asks.
const REFETCH_EVERY: Duration = Duration::from_secs(5);

/// Told of each fetch: issuer name and whether it worked.
pub type Observe = Box<dyn Fn(&str, bool) + Send + Sync>;

/// Where the keys of an issuer come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A JWK set, as text.
    Text(String),
    /// A URL of one.
    Url(String),
    /// `jwks_uri` of the issuer's metadata.
    Discovery,
}

/// What is configured of an issuer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trusted {
    /// `iss`.
    pub issuer: String,
    /// Source of keys.
    pub source: Source,
    /// Accepted algorithms.
    pub algorithms: Vec<Algorithm>,
}

/// One public key.
#[derive(Clone)]
pub struct PublicKey {
    id: Option<String>,
    algorithm: Option<String>,
    key: Arc<VerifyingKey>,
}

struct Issuer {
    name: String,
    trusted: Trusted,
    keys: Vec<PublicKey>,
    /// The set as last read, to see whether a new reading changes anything.
    text: String,
}

/// Result of looking for a key.
pub enum Found {
    /// The issuer's configured name and the key.
    Key(String, Arc<VerifyingKey>),
    /// Nobody trusts this issuer.
    NoIssuer,
    /// Not with this algorithm.
    AlgorithmRefused,
    /// The issuer has keys, but not this one.
    NoKey,
    /// The issuer's keys were never had.
    Nothing,
}

/// All keys.
pub struct Keys {
    issuers: ArcSwap<Vec<Issuer>>,
    generation: AtomicU64,
    egress: Egress,
    fetched: tokio::sync::Mutex<BTreeMap<String, Instant>>,
    observe: Observe,
}

/// Reads a JWK set (RFC 7517). Keys that are not for signatures, or of kinds we do not know, are left out;
/// private and symmetric keys are a mistake that is told.
pub fn parse(text: &str) -> Result<Vec<PublicKey>, String> {
    let set: serde_json::Value = serde_json::from_str(text).map_err(|error| format!("not JSON: {error}"))?;
    let listed = set.get("keys").and_then(|k| k.as_array()).ok_or("no `keys` list")?;
    let mut keys = Vec::new();
    for item in listed.iter().take(KEYS_MAX) {
        if item.get("d").is_some() || item.get("kty").and_then(|k| k.as_str()) == Some("oct") {
            return Err("the set contains a private or symmetric key".to_owned());
        }
        let Ok(jwk) = serde_json::from_value::<Jwk>(item.clone()) else {
            continue;
        };
        let signs = !matches!(jwk.common.public_key_use, Some(PublicKeyUse::Encryption | PublicKeyUse::Other(_)));
        if signs && let Some(key) = VerifyingKey::from_jwk(&jwk) {
            let algorithm = item.get("alg").and_then(|a| a.as_str()).map(str::to_owned);
            keys.push(PublicKey { id: jwk.common.key_id, algorithm, key: Arc::new(key) });
        }
    }
    if keys.is_empty() { Err("no key for signatures in the set".to_owned()) } else { Ok(keys) }
}

impl Keys {
    /// Without issuers yet; see [`Keys::replace`].
    pub fn new(egress: Egress, observe: Observe) -> Self {
        Self {
            issuers: ArcSwap::default(),
            generation: AtomicU64::new(0),
            egress,
            fetched: tokio::sync::Mutex::default(),
            observe,
        }
    }

    /// Grows whenever keys or issuers change.
    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// Takes a new configuration. Keys of issuers whose source stays are kept.
    pub fn replace(&self, trusted: BTreeMap<String, Trusted>) {
        let old = self.issuers.load_full();
        let mut changed = old.len() != trusted.len();
        let mut next = Vec::new();
        for (name, trusted) in trusted {
            let before = old.iter().find(|issuer| issuer.name == name && issuer.trusted == trusted);
            changed |= before.is_none();
            let (keys, text) = match (&trusted.source, before) {
                (_, Some(before)) => (before.keys.clone(), before.text.clone()),
                (Source::Text(text), None) => (parse(text).unwrap_or_default(), text.clone()),
                (_, None) => (Vec::new(), String::new()),
            };
            next.push(Issuer { name, trusted, keys, text });
        }
        if changed {
            self.issuers.store(Arc::new(next));
            self.generation.fetch_add(1, Ordering::AcqRel);
        }
    }

    /// Finds the key for a token's header.
    pub fn find(&self, issuer: &str, id: Option<&str>, algorithm: Algorithm) -> Found {
        let issuers = self.issuers.load();
        let Some(found) = issuers.iter().find(|candidate| candidate.trusted.issuer == issuer) else {
            return Found::NoIssuer;
        };
        if !found.trusted.algorithms.contains(&algorithm) || algorithm.family() == AlgorithmFamily::Hmac {
            return Found::AlgorithmRefused;
        }
        if found.keys.is_empty() {
            return if found.text.is_empty() { self.nothing_or_no_key(found) } else { Found::NoKey };
        }
        let name = format!("{algorithm:?}");
        let mut candidates = found.keys.iter().filter(|key| match (id, &key.id) {
            (Some(wanted), Some(has)) => wanted == has,
            (Some(_), None) => false,
            (None, _) => true,
        });
        match (candidates.next(), candidates.next()) {
            (None, _) => Found::NoKey,
            // Without a `kid` the choice must not be ours to make.
            (Some(_), Some(_)) => Found::NoKey,
            (Some(key), None) => {
                let fits = key.key.fits(algorithm) && key.algorithm.as_ref().is_none_or(|a| *a == name);
                if fits { Found::Key(found.name.clone(), key.key.clone()) } else { Found::AlgorithmRefused }
            }
        }
    }

    fn nothing_or_no_key(&self, issuer: &Issuer) -> Found {
        // A remote set that was never fetched deserves one try before it is called unavailable.
        match self.fetched.try_lock() {
            Ok(fetched) if fetched.contains_key(&issuer.name) => Found::Nothing,
            _ => Found::NoKey,
        }
    }

    /// Fetches the keys of one issuer again, at most once in a while. Keeps what it has if that fails.
    pub async fn refetch(&self, issuer: &str) {
        let Some((name, trusted)) = self
            .issuers
            .load()
            .iter()
            .find(|i| i.trusted.issuer == issuer && !matches!(i.trusted.source, Source::Text(_)))
            .map(|i| (i.name.clone(), i.trusted.clone()))
        else {
            return;
        };
        // Held while fetching: whoever comes meanwhile waits for this fetch instead of making another.
        let mut fetched = self.fetched.lock().await;
        if fetched.get(&name).is_some_and(|at| at.elapsed() < REFETCH_EVERY) {
            return;
        }
        let text = self.fetch(&trusted).await;
        fetched.insert(name.clone(), Instant::now());
        (self.observe)(&name, text.is_some());
        if let Some(text) = text {
            self.store(&name, &text);
        }
    }

    /// Fetches all remote sets, as a background task does now and then.
    pub async fn refresh(&self) {
        let issuers: Vec<String> = self.issuers.load().iter().map(|i| i.trusted.issuer.clone()).collect();
        for issuer in issuers {
            self.refetch(&issuer).await;
        }
    }

    fn store(&self, name: &str, text: &str) {
        let Ok(keys) = parse(text) else { return };
        let old = self.issuers.load_full();
        if old.iter().any(|issuer| issuer.name == name && issuer.text == text) {
            return;
        }
        let next = old
            .iter()
            .map(|issuer| {
                let this = issuer.name == name;
                Issuer {
                    name: issuer.name.clone(),
                    trusted: issuer.trusted.clone(),
                    keys: if this { keys.clone() } else { issuer.keys.clone() },
                    text: if this { text.to_owned() } else { issuer.text.clone() },
                }
            })
            .collect();
        self.issuers.store(Arc::new(next));
        self.generation.fetch_add(1, Ordering::AcqRel);
    }

    async fn fetch(&self, trusted: &Trusted) -> Option<String> {
        let url = match &trusted.source {
            Source::Url(url) => url.clone(),
            Source::Discovery => self.discover(&trusted.issuer).await?,
            Source::Text(_) => return None,
        };
        let body = self.egress.get(&url, JWKS_BYTES_MAX).await.ok()?;
        let text = String::from_utf8(body.to_vec()).ok()?;
        parse(&text).ok().map(|_| text)
    }

    /// OpenID Connect Discovery 1.0, section 4; RFC 8414, section 3. The document must name the issuer asked for.
    async fn discover(&self, issuer: &str) -> Option<String> {
        let mut url = url::Url::parse(issuer).ok()?;
        let path = url.path().trim_end_matches('/').to_owned();
        let candidates = [
            format!("{path}/.well-known/openid-configuration"),
            format!("/.well-known/oauth-authorization-server{path}"),
        ];
        for candidate in candidates {
            url.set_path(&candidate);
            let Ok(body) = self.egress.get(url.as_str(), JWKS_BYTES_MAX).await else {
                continue;
            };
            let Ok(metadata) = serde_json::from_slice::<serde_json::Value>(&body) else {
                continue;
            };
            let keys = metadata.get("jwks_uri").and_then(|u| u.as_str())?;
            let same = metadata.get("issuer").and_then(|i| i.as_str()) == Some(issuer);
            let safe = url::Url::parse(keys).is_ok_and(|keys| {
                keys.scheme() == "https" || (crate::egress::trusted_transport(&keys) && url.scheme() == "http")
            });
            return (same && safe).then(|| keys.to_owned());
        }
        None
    }
}
