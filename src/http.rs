//! HTTP rules in, responses and refusals out. Reads no policy and decides nothing about messages.
use crate::body::Body;
use crate::kernel::inbound::{Credential, HeaderFacts, Inbound, Verb};
use crate::kernel::mcp::headers::{self, is_media};
use crate::kernel::policy::compile::ServerPolicy;
use crate::kernel::policy::source::Effect;
use crate::kernel::refusal::{Reason, Refusal};
use crate::kernel::snapshot::Snapshot;
use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Incoming;
use std::collections::BTreeSet;
use std::time::Duration;

const HEADER_BYTES_MAX: usize = 4096;
const PARAMS_MAX: usize = 64;
const DETACHED_BYTES_MAX: usize = 4096;
const PROTOCOL_VERSION: HeaderName = HeaderName::from_static(headers::PROTOCOL_VERSION);
const SESSION_ID: HeaderName = HeaderName::from_static(headers::SESSION_ID);
const METHOD: HeaderName = HeaderName::from_static(headers::METHOD);
const NAME: HeaderName = HeaderName::from_static(headers::NAME);
const LAST_EVENT_ID: HeaderName = HeaderName::from_static(headers::LAST_EVENT_ID);
const BODY_WAIT: Duration = Duration::from_secs(30);
const DRAIN_BYTES_MAX: usize = 64 << 10;
const DRAIN_WAIT: Duration = Duration::from_secs(5);
const METADATA: &str = "/.well-known/oauth-protected-resource";

/// Head of a request whose HTTP rules hold.
pub struct Head {
    /// Verb.
    pub verb: Verb,
    /// MCP headers.
    pub headers: HeaderFacts,
    /// Bearer token.
    pub credential: Option<Credential>,
}

/// `Host` (RFC 9110, section 7.2) must name this gateway: a rebinding page has another name.
pub fn check_host<B>(request: &Request<B>, world: &Snapshot) -> Result<(), Reason> {
    let authority = request.uri().authority().map(|a| a.as_str());
    let host = single(request.headers(), &header::HOST)?;
    let named = match (authority, host) {
        (Some(authority), Some(host)) if !authority.eq_ignore_ascii_case(host) => {
            return Err(Reason::HostForeign);
        }
        (Some(name), _) | (None, Some(name)) => name,
        (None, None) => return Err(Reason::HostForeign),
    };
    let secure = world.public_url.starts_with("https:");
    let named = named.strip_suffix(if secure { ":443" } else { ":80" }).unwrap_or(named);
    if world.hosts.iter().any(|host| host.eq_ignore_ascii_case(named)) { Ok(()) } else { Err(Reason::HostForeign) }
}

/// Every rule that needs only the head.
///
/// `endpoint`: the session whose stream named this path (2024-11-05, HTTP+SSE).
pub fn read_head<B>(request: &Request<B>, endpoint: Option<&str>, world: &Snapshot) -> Result<Head, Refusal> {
    let headers = request.headers();
    if let Some(origin) = single(headers, &header::ORIGIN)?
        && !world.origins.iter().any(|allowed| allowed == origin)
    {
        return Err(Reason::OriginForeign.into());
    }
    let verb = match *request.method() {
        Method::POST => Verb::Post,
        Method::GET => Verb::Get,
        Method::DELETE => Verb::Delete,
        _ => return Err(Reason::VerbUnknown.into()),
    };
    // A token in a URL ends up in logs; RFC 9700 bans it, so a query is never legal here.
    if request.uri().query().is_some() {
        return Err(Refusal::from(Reason::PathUnknown).detail("a query"));
    }
    if endpoint.is_some() && verb != Verb::Post {
        return Err(Reason::VerbUnknown.into());
    }
    check_media(verb, endpoint.is_some(), headers)?;
    let mut facts = HeaderFacts {
        protocol_version: owned(headers, &PROTOCOL_VERSION)?,
        session: endpoint.map(str::to_owned).map_or_else(|| owned(headers, &SESSION_ID), |id| Ok(Some(id)))?,
        method: owned(headers, &METHOD)?,
        name: owned(headers, &NAME)?,
        params: Vec::new(),
        last_event_id: owned(headers, &LAST_EVENT_ID)?,
        endpoint: endpoint.is_some(),
    };
    for name in headers.keys().filter(|name| name.as_str().starts_with(headers::PARAM_PREFIX)) {
        if facts.params.len() >= PARAMS_MAX {
            return Err(Reason::HeaderMalformed.into());
        }
        facts.params.push((name.as_str().to_owned(), owned(headers, name)?.unwrap_or_default()));
    }
    let credential = match single(headers, &header::AUTHORIZATION)? {
        None => None,
        Some(value) => match value.split_once(' ') {
            Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") && !token.trim().is_empty() => {
                Some(Credential(token.trim().to_owned()))
            }
            _ => return Err(Refusal::from(Reason::TokenInvalid).detail("not a bearer token")),
        },
    };
    Ok(Head { verb, headers: facts, credential })
}

/// The body, within its bound and in bounded time.
pub async fn read_body(head: Head, body: Incoming, bytes_max: usize) -> Result<Inbound, Refusal> {
    let Head { verb, headers, credential: _ } = head;
    let body = if verb == Verb::Post {
        match tokio::time::timeout(BODY_WAIT, Limited::new(body, bytes_max).collect()).await {
            Ok(Ok(collected)) => detached(collected.to_bytes()),
            Ok(Err(error)) if error.is::<LengthLimitError>() => {
                return Err(Reason::BodyTooLarge.into());
            }
            Ok(Err(_)) | Err(_) => return Err(Reason::BodyIncomplete.into()),
        }
    } else {
        Bytes::new()
    };
    Ok(Inbound { verb, headers, body })
}

/// A small body apart from the connection's read buffer, which is larger and can then be used again.
fn detached(body: Bytes) -> Bytes {
    if body.len() <= DETACHED_BYTES_MAX { Bytes::copy_from_slice(&body) } else { body }
}

/// Reads a refused body and throws it away, within small bounds of size and time.
pub async fn drain(body: &mut Incoming) {
    let mut left = DRAIN_BYTES_MAX;
    let _ = tokio::time::timeout(DRAIN_WAIT, async {
        while let Some(Ok(frame)) = body.frame().await {
            left = left.saturating_sub(frame.data_ref().map_or(0, Bytes::len));
            if left == 0 {
                return;
            }
        }
    })
    .await;
}

fn single<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, Reason> {
    let mut values = headers.get_all(name).iter();
    let first = values.next();
    if values.next().is_some() {
        return Err(Reason::HeaderMalformed);
    }
    first
        .map(|value| value.to_str().ok().filter(|v| v.len() <= HEADER_BYTES_MAX * 4).ok_or(Reason::HeaderMalformed))
        .transpose()
}

fn owned(headers: &HeaderMap, name: &HeaderName) -> Result<Option<String>, Reason> {
    let mut values = headers.get_all(name).iter();
    let Some(first) = values.next() else {
        return Ok(None);
    };
    if values.next().is_some() || first.len() > HEADER_BYTES_MAX {
        return Err(Reason::HeaderMalformed);
    }
    first.to_str().map(|v| Some(v.to_owned())).map_err(|_| Reason::HeaderMalformed)
}

fn check_media(verb: Verb, endpoint: bool, headers: &HeaderMap) -> Result<(), Reason> {
    if verb == Verb::Post {
        let kind = single(headers, &header::CONTENT_TYPE)?.ok_or(Reason::MediaTypeWrong)?;
        let plain = single(headers, &header::CONTENT_ENCODING)?.is_none_or(|e| e.eq_ignore_ascii_case("identity"));
        if !is_media(kind, "application/json") || !plain {
            return Err(Reason::MediaTypeWrong);
        }
    }
    // What comes back for a message to an endpoint comes on the stream.
    if verb == Verb::Delete || endpoint {
        return Ok(());
    }
    let takes = |wanted: &str, family: &str| {
        let values = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
        let mut items =
            values.flat_map(|value| value.split(',')).map(|item| item.split(';').next().unwrap_or_default());
        let is = |item: &str, media: &str| item.trim().eq_ignore_ascii_case(media);
        items.any(|item| is(item, wanted) || is(item, family) || is(item, "*/*"))
    };
    let events = takes("text/event-stream", "text/*");
    let json = verb == Verb::Get || takes("application/json", "application/*");
    if events && json { Ok(()) } else { Err(Reason::AcceptWrong) }
}

/// Protected resource metadata (RFC 9728): path-inserted for each server, and at the root if there is one server.
pub fn metadata(path: &str, world: &Snapshot) -> Option<Response<Body>> {
    let rest = path.strip_prefix(METADATA)?;
    let server = if rest.is_empty() && world.servers.len() == 1 && world.joints.is_empty() {
        world.servers.values().next()?
    } else {
        world.server_at(rest)?
    };
    let issuers: Vec<&String> = server.access.issuers.iter().filter_map(|name| world.issuers.get(name)).collect();
    let document = serde_json::json!({
        "resource": server.resource,
        "authorization_servers": issuers,
        "scopes_supported": scopes(&world.parts(server), false),
        "bearer_methods_supported": ["header"],
        "resource_name": server.name,
    });
    let mut response = Response::new(Body::from(document.to_string()));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("max-age=60"));
    Some(response)
}

/// Scopes of a server, or only those of reading.
fn scopes<'a>(servers: &[&'a ServerPolicy], reading: bool) -> BTreeSet<&'a str> {
    let tools = servers.iter().flat_map(|server| server.tools.iter().map(|(_, rule)| rule));
    let prompts = servers.iter().flat_map(|server| server.prompts.iter().map(|(_, rule)| rule));
    let others = prompts.chain(servers.iter().flat_map(|server| server.resources.iter().map(|(_, rule)| rule)));
    tools
        .filter(|rule| !reading || rule.effect == Some(Effect::Read))
        .chain(others)
        .flat_map(|rule| rule.scopes.iter().map(|scope| scope.name.as_str()))
        .collect()
}

/// The challenge of a 401 or 403 (RFC 6750, RFC 9728), if the reason has one.
pub fn challenge(refusal: &Refusal, server: &ServerPolicy, world: &Snapshot) -> Option<String> {
    let metadata = format!("resource_metadata=\"{}{METADATA}{}\"", world.public_url, server.path);
    let text = refusal.reason.wire().text;
    match refusal.reason {
        Reason::TokenMissing => {
            let scope = scopes(&world.parts(server), true).into_iter().collect::<Vec<_>>().join(" ");
            let scope = if scope.is_empty() { String::new() } else { format!(", scope=\"{scope}\"") };
            Some(format!("Bearer {metadata}{scope}"))
        }
        Reason::TokenInvalid | Reason::TokenExpired | Reason::TokenForAnother | Reason::TokenLivesTooLong => {
            Some(format!("Bearer error=\"invalid_token\", error_description=\"{text}\", {metadata}"))
        }
        Reason::ScopeMissing => {
            let scope = refusal.scopes.join(" ");
            Some(format!(
                "Bearer error=\"insufficient_scope\", scope=\"{scope}\", {metadata}, error_description=\"{text}\""
            ))
        }
        // RFC 9470, section 3.
        Reason::StepUpNeeded => {
            let step_up = refusal.step_up.as_deref();
            let acr = step_up.map(|step_up| step_up.acr.join(" ")).filter(|acr| !acr.is_empty());
            let acr = acr.map(|acr| format!(", acr_values=\"{acr}\"")).unwrap_or_default();
            let age = step_up.and_then(|step_up| step_up.max_age).map(|age| format!(", max_age={age}"));
            let age = age.unwrap_or_default();
            let error = "error=\"insufficient_user_authentication\"";
            Some(format!("Bearer {error}, error_description=\"{text}\"{acr}{age}, {metadata}"))
        }
        _ => None,
    }
}

/// A refusal as a response.
pub fn refuse(refusal: &Refusal, server: Option<&ServerPolicy>, world: &Snapshot) -> Response<Body> {
    let mut response = json(
        StatusCode::from_u16(refusal.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
        refusal.body().into(),
    );
    if let Some(value) = server.and_then(|server| challenge(refusal, server, world)) {
        set(&mut response, header::WWW_AUTHENTICATE, &value);
    }
    if let Some(seconds) = refusal.retry_after {
        set(&mut response, header::RETRY_AFTER, &seconds.to_string());
    }
    if refusal.reason == Reason::VerbUnknown {
        set(&mut response, header::ALLOW, "POST, GET, DELETE");
    }
    response
}

/// A JSON response.
pub fn json(status: StatusCode, body: Bytes) -> Response<Body> {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// An empty response.
pub fn empty(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::from(Bytes::new()));
    *response.status_mut() = status;
    response
}

/// An event stream.
pub fn events(body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache, no-store, no-transform"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    response
}

/// Sets a header whose value is known to be printable.
pub fn set(response: &mut Response<Body>, name: impl http::header::IntoHeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}
