//! Sends an [`Outbound`] with the upstream's own credential, and nothing else of the client's.
use crate::egress::{Credentials, Egress, Failure};
use crate::kernel::inbound::Verb;
use crate::kernel::mcp::headers::{self, is_media};
use crate::kernel::policy::compile::ServerPolicy;
use crate::kernel::policy::decide::Outbound;
use crate::kernel::refusal::{Reason, Refusal};
use crate::wire::{Body, Wire};
use arc_swap::ArcSwap;
use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use tokio::time::Instant;

const PROTOCOL_VERSION: HeaderName = HeaderName::from_static(headers::PROTOCOL_VERSION);
const METHOD: HeaderName = HeaderName::from_static(headers::METHOD);
const NAME: HeaderName = HeaderName::from_static(headers::NAME);
const SESSION_ID: HeaderName = HeaderName::from_static(headers::SESSION_ID);
const LAST_EVENT_ID: HeaderName = HeaderName::from_static(headers::LAST_EVENT_ID);

/// What came back.
pub struct Reply {
    /// Status.
    pub status: StatusCode,
    /// What the body says it is.
    pub media: Media,
    /// The upstream's session id.
    pub session: Option<String>,
    /// When the request was sent.
    pub sent: Instant,
    body: Body,
    /// Until when a body that is not a stream must be here.
    deadline: Instant,
}

/// What a body says it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Media {
    /// `application/json`
    Json,
    /// `text/event-stream`
    Events,
    /// Nothing we judge: another type, or compressed.
    Other,
}

struct Door {
    wire: Wire,
}

/// Connections to all tool servers.
pub struct Upstreams {
    doors: ArcSwap<BTreeMap<String, Arc<Door>>>,
}

impl Upstreams {
    /// Prepares clients and credentials.
    pub fn new(
        servers: &BTreeMap<String, Arc<ServerPolicy>>,
        credentials: &BTreeMap<String, Credentials>,
    ) -> Result<Self, String> {
        let upstreams = Self { doors: ArcSwap::default() };
        upstreams.replace(servers, credentials)?;
        Ok(upstreams)
    }

    /// Takes a new configuration. Pools begin anew; calls in flight keep theirs.
    pub fn replace(
        &self,
        servers: &BTreeMap<String, Arc<ServerPolicy>>,
        credentials: &BTreeMap<String, Credentials>,
    ) -> Result<(), String> {
        let mut shared: BTreeMap<Option<String>, Egress> = BTreeMap::new();
        let mut doors = BTreeMap::new();
        for (name, server) in servers {
            let ca = server.upstream.ca.clone();
            let egress = match shared.get(&ca) {
                Some(egress) => egress.clone(),
                None => shared.entry(ca.clone()).or_insert(Egress::new(ca.as_deref().map(Path::new))?).clone(),
            };
            let none = Credentials::default();
            let credentials = credentials.get(name).unwrap_or(&none);
            let wire = Wire::new(name, &server.upstream, egress, credentials)?;
            doors.insert(name.clone(), Arc::new(Door { wire }));
        }
        self.doors.store(Arc::new(doors));
        Ok(())
    }

    /// Drops connections that were not used for a while.
    pub fn sweep(&self) {
        self.doors.load().values().for_each(|door| door.wire.sweep());
    }

    /// Sends and waits for the head of the reply.
    pub async fn send(&self, outbound: Outbound, session: Option<&str>) -> Result<Reply, Refusal> {
        let server = outbound.server();
        let door = self.doors.load().get(&server.name).cloned().ok_or(Reason::UpstreamUnreachable)?;
        let mut request = Request::new(Full::new(outbound.body().clone()));
        *request.uri_mut() = door.wire.target().clone();
        *request.headers_mut() = head(&outbound, &door, session)?;
        *request.method_mut() = match outbound.verb() {
            Verb::Post => Method::POST,
            Verb::Get => Method::GET,
            Verb::Delete => Method::DELETE,
        };
        let timeout = outbound.timeout();
        let sent = Instant::now();
        let deadline = sent + timeout;
        let response = door.wire.send(request, outbound.caller(), timeout).await.map_err(refused)?;
        let (parts, body) = response.into_parts();
        let text = |name: &str| parts.headers.get(name).and_then(|v| v.to_str().ok());
        let plain = text("content-encoding").is_none_or(|e| e.eq_ignore_ascii_case("identity"));
        let media = match text("content-type") {
            Some(kind) if plain && is_media(kind, "application/json") => Media::Json,
            Some(kind) if plain && is_media(kind, "text/event-stream") => Media::Events,
            _ => Media::Other,
        };
        let session = text(headers::SESSION_ID).filter(|id| id.len() <= 512).map(str::to_owned);
        Ok(Reply { status: parts.status, media, session, sent, body, deadline })
    }
}

fn refused(failure: Failure) -> Refusal {
    match failure {
        Failure::Unreachable(why) => Refusal::from(Reason::UpstreamUnreachable).detail(why),
        Failure::TooSlow => Refusal::from(Reason::UpstreamTooSlow),
        Failure::Broke(why) => Refusal::from(Reason::UpstreamFailed).detail(why),
        Failure::Full(why) => Refusal::from(Reason::UpstreamExhausted).detail(why),
    }
}

/// Every header of a request: ours, and the protocol's as computed from the message that was judged.
fn head(outbound: &Outbound, door: &Door, session: Option<&str>) -> Result<HeaderMap, Reason> {
    const USER_AGENT: &str = concat!("portcullis/", env!("CARGO_PKG_VERSION"));
    let accept = if outbound.verb() == Verb::Get { "text/event-stream" } else { "application/json, text/event-stream" };
    let text = |value: &str| HeaderValue::from_str(value).map_err(|_| Reason::Internal);
    let mut headers = HeaderMap::with_capacity(16);
    headers.insert(header::ACCEPT, HeaderValue::from_static(accept));
    headers.insert(header::USER_AGENT, HeaderValue::from_static(USER_AGENT));
    if outbound.verb() == Verb::Post {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
    if let Some(version) = outbound.protocol_version() {
        headers.insert(PROTOCOL_VERSION, HeaderValue::from_static(version));
    }
    if let Some(method) = outbound.method() {
        headers.insert(METHOD, HeaderValue::from_static(method));
    }
    if let Some(name) = outbound.name() {
        headers.insert(NAME, text(&name)?);
    }
    for (name, value) in outbound.params() {
        headers.insert(HeaderName::from_bytes(name.as_bytes()).map_err(|_| Reason::Internal)?, text(value)?);
    }
    if let Some(session) = session {
        headers.insert(SESSION_ID, text(session)?);
    }
    if let Some(id) = outbound.last_event_id() {
        headers.insert(LAST_EVENT_ID, text(id)?);
    }
    if let Some(authorization) = door.wire.authorization() {
        headers.insert(header::AUTHORIZATION, authorization.clone());
    }
    Ok(headers)
}

impl Reply {
    /// The whole body, within its bound and in bounded time.
    pub async fn whole(self, bytes_max: usize) -> Result<Bytes, Refusal> {
        match tokio::time::timeout_at(self.deadline, Limited::new(self.body, bytes_max).collect()).await {
            Ok(Ok(collected)) => Ok(collected.to_bytes()),
            Ok(Err(error)) if error.is::<LengthLimitError>() => Err(Reason::ReplyTooLarge.into()),
            Ok(Err(_)) => Err(Refusal::from(Reason::UpstreamFailed).detail("the reply broke off")),
            Err(_) => Err(Reason::UpstreamTooSlow.into()),
        }
    }

    /// The body as it comes.
    pub fn into_body(self) -> Body {
        self.body
    }
}
