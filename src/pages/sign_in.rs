//! Signing in: OpenID Connect authorization code flow with PKCE (RFC 7636), state and nonce, and the cookie after it.
//!
//! The `oauth2` crate makes the request and the exchange. The ID token is verified by `authn`, with the keys and
//! algorithms that the issuer has there, so that there is one place that believes tokens.
use super::{LIST, Person, html};
use crate::authn::Authenticator;
use crate::body::Body;
use crate::clock;
use crate::egress::{Egress, trusted_transport};
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
use std::sync::Arc;
use std::time::Duration;

/// The session.
const COOKIE: &str = "__Host-portcullis";
/// Binds a sign-in to the browser that began it.
const BEGUN: &str = "__Host-portcullis-sign-in";
/// Longest time between beginning and end of a sign-in, in seconds.
const BEGUN_SECONDS: u64 = 600;
/// Most sign-ins begun, and most sessions.
const KEPT_MAX: usize = 10_000;
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

struct Begun {
    browser: String,
    nonce: String,
    verifier: String,
    to: String,
    expires: u64,
}

/// Everybody who is signed in, or about to be. Kept in memory: a restart signs everybody out.
pub struct SignIn {
    settings: Settings,
    authn: Arc<Authenticator>,
    egress: Egress,
    begun: DashMap<String, Begun>,
    sessions: DashMap<String, Person>,
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
#[derive(Deserialize)]
struct Metadata {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
}

impl SignIn {
    pub fn new(settings: Settings, authn: Arc<Authenticator>, egress: Egress) -> Self {
        Self { settings, authn, egress, begun: DashMap::new(), sessions: DashMap::new() }
    }

    async fn metadata(&self) -> Option<Metadata> {
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
        self.sweep();
        if self.begun.len() >= KEPT_MAX {
            let text = "Too many people are signing in. Try again later.";
            return html::message(StatusCode::SERVICE_UNAVAILABLE, "Not now", text);
        }
        let [browser, nonce, verifier, state] = [(); 4].map(|()| clock::random_token::<32>());
        let challenge = PkceCodeChallenge::from_code_verifier_sha256(&PkceCodeVerifier::new(verifier.clone()));
        let sent = state.clone();
        let mut request = client
            .authorize_url(move || CsrfToken::new(sent))
            .add_scope(Scope::new("openid".to_owned()))
            .add_extra_param("nonce", nonce.clone())
            .set_pkce_challenge(challenge);
        for scope in &self.settings.scopes {
            request = request.add_scope(Scope::new(scope.clone()));
        }
        let (url, _) = request.url();
        let expires = clock::now() + BEGUN_SECONDS;
        self.begun.insert(state, Begun { browser: browser.clone(), nonce, verifier, to, expires });
        let mut response = html::redirect(url.as_str());
        set_cookie(&mut response, BEGUN, &browser, BEGUN_SECONDS);
        response
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
        // Once: a second use of the same state finds nothing.
        let Some((_, begun)) = self.begun.remove(state) else { return failed() };
        let now = clock::now();
        if begun.expires <= now || cookie(headers, BEGUN) != Some(begun.browser.as_str()) {
            return failed();
        }
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
        self.sweep();
        if self.sessions.len() >= KEPT_MAX {
            return failed();
        }
        let expires = principal.expires().min(now + self.settings.signed_in_seconds);
        let session = clock::random_token::<32>();
        self.sessions.insert(session.clone(), Person { principal, token: clock::random_token::<32>(), expires });
        let mut response = html::redirect(&begun.to);
        set_cookie(&mut response, COOKIE, &session, expires.saturating_sub(now));
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

    fn sweep(&self) {
        let now = clock::now();
        self.begun.retain(|_, begun| begun.expires > now);
        self.sessions.retain(|_, person| person.expires > now);
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
    to.strip_prefix(LIST).is_some_and(|rest| {
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
