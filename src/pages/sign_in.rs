//! Signing in: OpenID Connect authorization code flow with PKCE (RFC 7636), state and nonce, and the cookie after it.
//!
//! The `oauth2` crate makes the request and the exchange. The ID token is verified by `authn`, with the keys and
//! algorithms that the issuer has there, so that there is one place that believes tokens.
use super::{LIST, Person, html};
use crate::authn::Authenticator;
use crate::body::Body;
use crate::clock;
use crate::egress::{Egress, trusted_transport};
use crate::kernel::digest::keyed;
use crate::kernel::principal::Principal;
use crate::kernel::snapshot::Snapshot;
use dashmap::DashMap;
use http::header::{self, HeaderMap, HeaderValue};
use http::{Response, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use oauth2::basic::{
    BasicErrorResponse, BasicRevocationErrorResponse, BasicTokenIntrospectionResponse, BasicTokenType,
};
use oauth2::{
    AsyncHttpClient, AuthUrl, AuthorizationCode, Client, ClientId, ClientSecret, CsrfToken, ExtraTokenFields,
    HttpRequest, HttpResponse, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, Scope, StandardRevocableToken,
    StandardTokenResponse, TokenUrl,
};
use serde::{Deserialize, Serialize};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// The session.
const COOKIE: &str = "__Host-portcullis";
/// Binds a sign-in to the browser that began it.
const BEGUN: &str = "__Host-portcullis-sign-in";
/// Longest time between beginning and end of a sign-in, in seconds.
const BEGUN_SECONDS: u64 = 600;
/// Most sessions, and most of one person: their oldest ends for a new one.
const SESSIONS_MAX: usize = 10_000;
const SESSIONS_OF_ONE_MAX: usize = 8;
/// How long it is believed what the issuer says of itself, in seconds: whoever loads a page asks it nothing.
const METADATA_SECONDS: u64 = 300;
/// Longest path that one comes back to.
const TO_BYTES_MAX: usize = 200;
const METADATA_BYTES_MAX: usize = 1 << 20;
const WAIT: Duration = Duration::from_secs(10);

/// Where people sign in.
#[derive(Clone, PartialEq)]
pub struct Settings {
    /// `iss` of the issuer.
    pub issuer: String,
    /// Our client id there.
    pub client_id: String,
    /// Its secret, if it has one.
    pub secret: Option<String>,
    /// Scopes besides `openid`.
    pub scopes: Vec<String>,
    /// Longest time until somebody signs in again, in seconds.
    pub signed_in_seconds: u64,
}

impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Settings({} at {})", self.client_id, self.issuer)
    }
}

/// Everybody who is signed in. Kept in memory: a restart signs everybody out. Of sign-ins that were only begun nothing
/// is kept, since anybody may begin any number: what belongs to one is made of its cookie and a key that nobody has.
pub struct SignIn {
    settings: Settings,
    authn: Arc<Authenticator>,
    egress: Egress,
    key: [u8; 32],
    metadata: Mutex<Option<(Metadata, u64)>>,
    sessions: DashMap<String, Person>,
}

/// What belongs to a sign-in that was begun in one browser.
struct Begun {
    state: String,
    nonce: String,
    verifier: String,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
struct IdToken {
    id_token: Option<String>,
}

impl ExtraTokenFields for IdToken {}

type OidcClient<A, D, I, R, T> = Client<
    BasicErrorResponse,
    StandardTokenResponse<IdToken, BasicTokenType>,
    BasicTokenIntrospectionResponse,
    StandardRevocableToken,
    BasicRevocationErrorResponse,
    A,
    D,
    I,
    R,
    T,
>;

/// What discovery says (OpenID Connect Discovery 1.0, section 3).
#[derive(Clone, Deserialize)]
struct Metadata {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
}

impl SignIn {
    pub fn new(settings: Settings, authn: Arc<Authenticator>, egress: Egress) -> Self {
        let (key, metadata) = (clock::random(), Mutex::new(None));
        Self { settings, authn, egress, key, metadata, sessions: DashMap::new() }
    }

    /// What it was made with.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    async fn metadata(&self) -> Option<Metadata> {
        let now = clock::now();
        let known = || self.metadata.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((metadata, until)) = &*known()
            && *until > now
        {
            return Some(metadata.clone());
        }
        let metadata = self.discover().await?;
        *known() = Some((metadata.clone(), now + METADATA_SECONDS));
        Some(metadata)
    }

    async fn discover(&self) -> Option<Metadata> {
        let mut url = url::Url::parse(&self.settings.issuer).ok()?;
        let path = format!("{}/.well-known/openid-configuration", url.path().trim_end_matches('/'));
        url.set_path(&path);
        let body = self.egress.get(url.as_str(), METADATA_BYTES_MAX).await.ok()?;
        let metadata: Metadata = serde_json::from_slice(&body).ok()?;
        let safe = |text: &str| url::Url::parse(text).is_ok_and(|url| trusted_transport(&url));
        let fine = metadata.issuer == self.settings.issuer
            && safe(&metadata.authorization_endpoint)
            && safe(&metadata.token_endpoint);
        fine.then_some(metadata)
    }

    fn client(
        &self,
        world: &Snapshot,
        metadata: Metadata,
    ) -> Option<
        OidcClient<
            oauth2::EndpointSet,
            oauth2::EndpointNotSet,
            oauth2::EndpointNotSet,
            oauth2::EndpointNotSet,
            oauth2::EndpointSet,
        >,
    > {
        let client = Client::new(ClientId::new(self.settings.client_id.clone()))
            .set_auth_uri(AuthUrl::new(metadata.authorization_endpoint).ok()?)
            .set_token_uri(TokenUrl::new(metadata.token_endpoint).ok()?)
            .set_redirect_uri(RedirectUrl::new(format!("{}/-/callback", world.public_url)).ok()?);
        Some(match &self.settings.secret {
            Some(secret) => client.set_client_secret(ClientSecret::new(secret.clone())),
            None => client,
        })
    }

    /// Sends the browser to the issuer.
    pub async fn begin(&self, world: &Snapshot, query: Option<&str>) -> Response<Body> {
        let to = url::form_urlencoded::parse(query.unwrap_or_default().as_bytes()).find(|(key, _)| key == "to");
        // Back to a page of ours and nowhere else.
        let to = to.map(|(_, to)| to.into_owned()).filter(|to| is_ours(to)).unwrap_or_else(|| LIST.to_owned());
        let client = match self.metadata().await {
            Some(metadata) => self.client(world, metadata),
            None => None,
        };
        let Some(client) = client else { return unreachable_issuer() };
        let browser = clock::random_token::<32>();
        let Begun { state, nonce, verifier } = self.begun(&browser, &to, clock::now() + BEGUN_SECONDS);
        let challenge = PkceCodeChallenge::from_code_verifier_sha256(&PkceCodeVerifier::new(verifier));
        let mut request = client
            .authorize_url(move || CsrfToken::new(state))
            .add_scope(Scope::new("openid".to_owned()))
            .add_extra_param("nonce", nonce)
            .set_pkce_challenge(challenge);
        for scope in &self.settings.scopes {
            request = request.add_scope(Scope::new(scope.clone()));
        }
        let (url, _) = request.url();
        let mut response = html::redirect(url.as_str());
        set_cookie(&mut response, BEGUN, &browser, BEGUN_SECONDS);
        response
    }

    /// What belongs to a sign-in of this browser that goes back to a page before some time.
    fn begun(&self, browser: &str, to: &str, expires: u64) -> Begun {
        let expires = expires.to_string();
        let of =
            |what: &str| keyed(&self.key, &[what.as_bytes(), browser.as_bytes(), to.as_bytes(), expires.as_bytes()]);
        Begun {
            // Paths of ours have no dot in them.
            state: format!("{expires}.{to}.{}", of("state")),
            nonce: of("nonce").to_string(),
            verifier: of("verifier").to_string(),
        }
    }

    /// The sign-in that this browser began, as it comes back, with the page that it goes to.
    fn comes_back(&self, headers: &HeaderMap, state: &str, now: u64) -> Option<(Begun, String)> {
        let mut parts = state.split('.');
        let (expires, to) = (parts.next()?.parse().ok()?, parts.next()?);
        let begun = self.begun(cookie(headers, BEGUN)?, to, expires);
        // Compared under a key that nobody has: how long that takes tells nothing.
        let blind = |text: &str| keyed(&self.key, &[b"compare", text.as_bytes()]);
        (blind(state) == blind(&begun.state) && expires > now && is_ours(to)).then(|| (begun, to.to_owned()))
    }

    /// The browser comes back from the issuer.
    pub async fn finish(&self, world: &Snapshot, headers: &HeaderMap, query: Option<&str>) -> Response<Body> {
        let failed = || {
            let text = "Signing in did not work, or took too long. Nothing was decided.";
            html::message(StatusCode::BAD_REQUEST, "Not signed in", text)
        };
        let query: std::collections::BTreeMap<String, String> =
            url::form_urlencoded::parse(query.unwrap_or_default().as_bytes()).into_owned().collect();
        let (Some(code), Some(state)) = (query.get("code"), query.get("state")) else { return failed() };
        let now = clock::now();
        let Some((begun, to)) = self.comes_back(headers, state, now) else { return failed() };
        // RFC 9207: the answer is from the issuer that was asked.
        if query.get("iss").is_some_and(|issuer| *issuer != self.settings.issuer) {
            return failed();
        }
        let client = match self.metadata().await {
            Some(metadata) => self.client(world, metadata),
            None => None,
        };
        let Some(client) = client else { return unreachable_issuer() };
        let exchange = client
            .exchange_code(AuthorizationCode::new(code.clone()))
            .set_pkce_verifier(PkceCodeVerifier::new(begun.verifier));
        let Ok(token) = exchange.request_async(&Out(self.egress.clone())).await else { return failed() };
        let Some(id_token) = &token.extra_fields().id_token else { return failed() };
        let expected = (self.settings.issuer.as_str(), self.settings.client_id.as_str(), begun.nonce.as_str());
        let Ok(principal) = self.authn.signed_in(id_token, expected, now).await else { return failed() };
        self.make_room(&principal, headers, now);
        if self.sessions.len() >= SESSIONS_MAX {
            return failed();
        }
        let expires = principal.expires().min(now + self.settings.signed_in_seconds);
        let session = clock::random_token::<32>();
        self.sessions.insert(session.clone(), Person { principal, token: clock::random_token::<32>(), expires });
        let mut response = html::redirect(&to);
        set_cookie(&mut response, COOKIE, &session, expires.saturating_sub(now));
        // Used up.
        set_cookie(&mut response, BEGUN, "", 0);
        response
    }

    /// Who is signed in with this browser.
    pub fn person(&self, headers: &HeaderMap) -> Option<Person> {
        let person = self.sessions.get(cookie(headers, COOKIE)?)?.clone();
        (person.expires > clock::now()).then_some(person)
    }

    /// Signs out.
    pub fn end(&self, headers: &HeaderMap) {
        if let Some(session) = cookie(headers, COOKIE) {
            self.sessions.remove(session);
        }
    }

    /// Before somebody signs in: what is over goes, with what this browser had, and the oldest of too many of theirs.
    fn make_room(&self, principal: &Principal, headers: &HeaderMap, now: u64) {
        self.end(headers);
        self.sessions.retain(|_, person| person.expires > now);
        let of_one = |person: &Person| person.principal.subject_id() == principal.subject_id();
        let mut own: Vec<(u64, String)> = self
            .sessions
            .iter()
            .filter(|session| of_one(session.value()))
            .map(|session| (session.value().expires, session.key().clone()))
            .collect();
        own.sort();
        for (_, session) in own.iter().take((own.len() + 1).saturating_sub(SESSIONS_OF_ONE_MAX)) {
            self.sessions.remove(session);
        }
    }
}

/// How `oauth2` reaches the issuer: by the only way out.
struct Out(Egress);

impl<'c> AsyncHttpClient<'c> for Out {
    type Error = std::io::Error;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, std::io::Error>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(async move {
            let failed = |_| std::io::Error::other("the issuer cannot be reached");
            let request = request.map(|body| Full::new(body.into()));
            let response = self.0.send(request, WAIT).await.map_err(failed)?;
            let (parts, body) = response.into_parts();
            let body = tokio::time::timeout(WAIT, Limited::new(body, METADATA_BYTES_MAX).collect()).await;
            let body = body.map_err(std::io::Error::other)?.map_err(std::io::Error::other)?;
            Ok(Response::from_parts(parts, body.to_bytes().to_vec()))
        })
    }
}

fn unreachable_issuer() -> Response<Body> {
    let text = "The identity provider cannot be reached. Nothing was decided.";
    html::message(StatusCode::BAD_GATEWAY, "Not signed in", text)
}

/// Whether a path is one of the pages that one can come back to.
fn is_ours(to: &str) -> bool {
    to.strip_prefix(LIST).filter(|_| to.len() <= TO_BYTES_MAX).is_some_and(|rest| {
        rest.is_empty()
            || rest.strip_prefix('/').is_some_and(|id| {
                !id.is_empty() && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
            })
    })
}

fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut found = headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .filter(|(key, _)| *key == name)
        .map(|(_, value)| value);
    // Two of one name: one of them is somebody else's.
    match (found.next(), found.next()) {
        (Some(value), None) => Some(value),
        _ => None,
    }
}

/// RFC 6265bis: `__Host-` cookies are of this host alone.
fn set_cookie(response: &mut Response<Body>, name: &str, value: &str, seconds: u64) {
    let text = format!("{name}={value}; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age={seconds}");
    if let Ok(value) = HeaderValue::from_str(&text) {
        response.headers_mut().append(header::SET_COOKIE, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_comes_back_to_a_page_of_ours_and_nowhere_else() {
        for (to, fine) in [
            (LIST, true),
            ("/-/confirmations/abc_-9", true),
            ("/-/confirmations/", false),
            ("/-/confirmations//evil", false),
            ("/-/confirmations/../x", false),
            ("/-/confirmationsx", false),
            ("//evil.example", false),
            ("https://evil.example", false),
            ("/-/confirmations/a\r\nset-cookie: x=y", false),
        ] {
            assert_eq!(is_ours(to), fine, "{to}");
        }
    }

    #[test]
    fn a_cookie_that_comes_twice_is_none() {
        let headers = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::COOKIE, HeaderValue::from_str(text).unwrap());
            headers
        };
        assert_eq!(cookie(&headers("a=1; __Host-portcullis=x"), COOKIE), Some("x"));
        assert_eq!(cookie(&headers("__Host-portcullis=x; __Host-portcullis=y"), COOKIE), None);
        assert_eq!(cookie(&headers("x__Host-portcullis=x"), COOKIE), None);
    }
}
