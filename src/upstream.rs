//! Sends an [`Outbound`] with the upstream's own credential, and nothing else of the client's.
mod messages;
mod newer;
mod older;
mod state;

use crate::egress::{Credentials, Egress, Failure};
use crate::kernel::bridge::params::{self, Mirrored};
use crate::kernel::bridge::text;
use crate::kernel::digest::Digest;
use crate::kernel::inbound::Verb;
use crate::kernel::json::Document;
use crate::kernel::mcp::headers::{self, is_media};
use crate::kernel::mcp::revision::{Era, Revision};
use crate::kernel::policy::compile::ServerPolicy;
use crate::kernel::policy::decide::Outbound;
use crate::kernel::refusal::{Reason, Refusal};
use crate::wire::{Body, Wire};
use arc_swap::ArcSwap;
use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use messages::Messages;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;
use tokio::sync::OnceCell;
use tokio::time::Instant;

const PROTOCOL_VERSION: HeaderName = HeaderName::from_static(headers::PROTOCOL_VERSION);
const METHOD: HeaderName = HeaderName::from_static(headers::METHOD);
const NAME: HeaderName = HeaderName::from_static(headers::NAME);
const SESSION_ID: HeaderName = HeaderName::from_static(headers::SESSION_ID);
const LAST_EVENT_ID: HeaderName = HeaderName::from_static(headers::LAST_EVENT_ID);

const USER_AGENT: &str = concat!("portcullis/", env!("CARGO_PKG_VERSION"));
/// Longest error that is read to tell the era of a server, in bytes.
const ERROR_BYTES_MAX: usize = 1 << 20;
/// Most pages of a list of tools that are read for their schemas.
const LIST_PAGES_MAX: usize = 50;

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
    /// What the server was found to speak.
    modern: Found,
    older: Found,
    /// What tools have repeated in headers, by name; asked for when a bridge first needs it.
    mirrored: OnceCell<BTreeMap<String, Vec<Mirrored>>>,
}

/// Something that is found out once.
#[derive(Default)]
struct Found(AtomicU8);

impl Found {
    fn get(&self) -> Option<bool> {
        match self.0.load(Ordering::Relaxed) {
            0 => None,
            found => Some(found == 1),
        }
    }

    fn set(&self, found: bool) {
        self.0.store(if found { 1 } else { 2 }, Ordering::Relaxed);
    }
}

/// Connections to all tool servers.
pub struct Upstreams {
    doors: ArcSwap<BTreeMap<String, Arc<Door>>>,
    /// Clients of earlier revisions before servers of 2026-07-28.
    older: older::Sessions,
    /// The reverse.
    newer: Arc<newer::Bridge>,
}

impl Upstreams {
    /// Prepares clients and credentials.
    pub fn new(
        servers: &BTreeMap<String, Arc<ServerPolicy>>,
        credentials: &BTreeMap<String, Credentials>,
    ) -> Result<Self, String> {
        let upstreams =
            Self { doors: ArcSwap::default(), older: older::Sessions::default(), newer: newer::Bridge::new() };
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
            doors.insert(
                name.clone(),
                Arc::new(Door { wire, modern: Found::default(), older: Found::default(), mirrored: OnceCell::new() }),
            );
        }
        self.doors.store(Arc::new(doors));
        Ok(())
    }

    /// Drops connections that were not used for a while.
    pub fn sweep(&self) {
        self.doors.load().values().for_each(|door| door.wire.sweep());
        self.older.sweep();
        self.newer.sweep();
    }

    /// Sends and waits for the head of the reply. A server of the client's own era is sent the message as it was
    /// judged; before one of the other era stands a bridge. Which it is, its answers tell (2026-07-28, "Versioning").
    ///
    /// What is not taken by most messages waits on the heap, here and below: a future has room for its largest branch,
    /// and that of an exchange is made for each request.
    pub async fn send(&self, outbound: Outbound, session: Option<&str>) -> Result<Reply, Refusal> {
        let server = outbound.server();
        let door = self.doors.load().get(&server.name).cloned().ok_or(Reason::UpstreamUnreachable)?;
        let modern = outbound.message().revision.era() == Era::Modern;
        if let Some(id) = session.filter(|id| id.starts_with(older::PREFIX)) {
            return Box::pin(self.older.send(&door, &outbound, id)).await;
        }
        if modern && door.modern.get() == Some(false) {
            return Box::pin(self.newer.send(&door, &outbound)).await;
        }
        let hello = outbound.message().method.name == "initialize";
        if hello && door.older.get() == Some(false) {
            return Box::pin(self.older.begin(&door, &outbound)).await;
        }
        let reply = door.same_era(&outbound, session).await?;
        let found = if modern { &door.modern } else { &door.older };
        if !(modern || hello) || found.get().is_some() {
            return Ok(reply);
        }
        if !matches!(reply.status.as_u16(), 400 | 404 | 405) {
            if reply.status == 200 {
                found.set(true);
            }
            return Ok(reply);
        }
        Box::pin(self.other_era(&door, &outbound, reply, found)).await
    }

    /// A first message that was not taken: perhaps the server is of the other era.
    async fn other_era(
        &self,
        door: &Arc<Door>,
        outbound: &Outbound,
        reply: Reply,
        found: &Found,
    ) -> Result<Reply, Refusal> {
        let (status, media) = (reply.status, reply.media);
        let said = reply.whole(ERROR_BYTES_MAX).await?;
        if outbound.message().revision.era() == Era::Modern {
            if text::tells_modern(&said, outbound.message().method.name) {
                found.set(true);
            } else if self.newer.is_older(door, outbound).await {
                found.set(false);
                return self.newer.send(door, outbound).await;
            }
        } else if let Ok(reply) = self.older.begin(door, outbound).await {
            found.set(false);
            return Ok(reply);
        }
        let mut same = Reply::made(status.as_u16(), said);
        same.media = media;
        Ok(same)
    }
}

impl Door {
    /// What its tools have repeated in headers, asked for once. `ask` sends `tools/list` with this cursor, JSON.
    async fn mirrored<F>(&self, ask: impl Fn(Option<String>) -> F) -> Option<&BTreeMap<String, Vec<Mirrored>>>
    where
        F: Future<Output = Result<Reply, Refusal>>,
    {
        let schemas = || async {
            let (mut all, mut cursor) = (BTreeMap::new(), None::<String>);
            for _ in 0..LIST_PAGES_MAX {
                let mut messages = Messages::of(ask(cursor).await.map_err(|_| ())?).map_err(|_| ())?;
                let page = loop {
                    let page = messages.soon().await.and_then(Result::ok).ok_or(())?;
                    if !text::is_notice(&page) {
                        break page;
                    }
                };
                let page = Document::reread(page).map_err(|_| ())?;
                let result = page.root().get("result").ok_or(())?;
                for tool in result.get("tools").into_iter().flat_map(|tools| tools.elements()) {
                    if let (Some(name), Ok(mirrored)) = (tool.get("name").and_then(|n| n.as_str()), params::of(tool)) {
                        all.insert(name.into_owned(), mirrored);
                    }
                }
                cursor = result.get("nextCursor").filter(|next| next.as_str().is_some()).map(text::raw);
                if cursor.is_none() {
                    break;
                }
            }
            Ok::<_, ()>(all)
        };
        self.mirrored.get_or_try_init(schemas).await.ok()
    }

    /// Sends what was judged.
    async fn same_era(&self, outbound: &Outbound, session: Option<&str>) -> Result<Reply, Refusal> {
        let mut request = Request::new(Full::new(outbound.body().clone()));
        *request.headers_mut() = head(outbound, self, session)?;
        *request.method_mut() = match outbound.verb() {
            Verb::Post => Method::POST,
            Verb::Get => Method::GET,
            Verb::Delete => Method::DELETE,
        };
        self.exchange(request, outbound.caller(), outbound.timeout()).await
    }

    /// Sends a request of 2026-07-28.
    async fn ask(
        &self,
        message: Bytes,
        params: Option<&[(String, String)]>,
        caller: Digest,
        timeout: Duration,
    ) -> Result<Reply, Refusal> {
        let mirrored = text::mirrored(&message).ok_or(Reason::Internal)?;
        let mut headers = self.headers("application/json, text/event-stream");
        let value = |value: &str| HeaderValue::from_str(value).map_err(|_| Reason::Internal);
        headers.insert(PROTOCOL_VERSION, HeaderValue::from_static(Revision::V2026_07_28.as_str()));
        headers.insert(METHOD, value(&mirrored.method)?);
        if let Some(name) = &mirrored.name {
            headers.insert(NAME, value(&headers::encode_value(name))?);
        }
        for (name, text) in params.unwrap_or_default() {
            headers.insert(HeaderName::from_bytes(name.as_bytes()).map_err(|_| Reason::Internal)?, value(text)?);
        }
        self.plain(Method::POST, headers, message, caller, timeout).await
    }

    /// Sends a message of an earlier revision.
    async fn ask_older(
        &self,
        message: Bytes,
        session: Option<&str>,
        revision: Option<Revision>,
        caller: Digest,
        timeout: Duration,
    ) -> Result<Reply, Refusal> {
        let headers = self.headers_of("application/json, text/event-stream", session, revision)?;
        self.plain(Method::POST, headers, message, caller, timeout).await
    }

    /// Opens the stream of a session.
    async fn listen_older(
        &self,
        session: Option<&str>,
        revision: Revision,
        caller: Digest,
        timeout: Duration,
    ) -> Result<Reply, Refusal> {
        let headers = self.headers_of("text/event-stream", session, Some(revision))?;
        self.plain(Method::GET, headers, Bytes::new(), caller, timeout).await
    }

    fn headers(&self, accept: &'static str) -> HeaderMap {
        let mut headers = HeaderMap::with_capacity(8);
        headers.insert(header::ACCEPT, HeaderValue::from_static(accept));
        headers.insert(header::USER_AGENT, HeaderValue::from_static(USER_AGENT));
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Some(authorization) = self.wire.authorization() {
            headers.insert(header::AUTHORIZATION, authorization.clone());
        }
        headers
    }

    fn headers_of(
        &self,
        accept: &'static str,
        session: Option<&str>,
        revision: Option<Revision>,
    ) -> Result<HeaderMap, Reason> {
        let mut headers = self.headers(accept);
        if let Some(revision) = revision {
            headers.insert(PROTOCOL_VERSION, HeaderValue::from_static(revision.as_str()));
        }
        if let Some(session) = session {
            headers.insert(SESSION_ID, HeaderValue::from_str(session).map_err(|_| Reason::Internal)?);
        }
        Ok(headers)
    }

    async fn plain(
        &self,
        verb: Method,
        headers: HeaderMap,
        message: Bytes,
        caller: Digest,
        timeout: Duration,
    ) -> Result<Reply, Refusal> {
        let mut request = Request::new(Full::new(message));
        *request.headers_mut() = headers;
        *request.method_mut() = verb;
        self.exchange(request, caller, timeout).await
    }

    async fn exchange(
        &self,
        mut request: Request<Full<Bytes>>,
        caller: Digest,
        timeout: Duration,
    ) -> Result<Reply, Refusal> {
        *request.uri_mut() = self.wire.target().clone();
        let sent = Instant::now();
        let deadline = sent + timeout;
        let response = self.wire.send(request, caller, timeout).await.map_err(refused)?;
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
    let accept = if outbound.verb() == Verb::Get { "text/event-stream" } else { "application/json, text/event-stream" };
    let text = |value: &str| HeaderValue::from_str(value).map_err(|_| Reason::Internal);
    let mut headers = HeaderMap::with_capacity(12);
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
