//! Asks an MCP server what it has, as a client of either era would.
//!
//! The server is not trusted: every reply, page, wait and name has a bound, and a bound that is
//! reached is an error, never a shorter list. Nothing that it says reaches a file or a terminal
//! except through [`shown`] or a check of its own in `draft`.
use crate::egress::{Credentials, Egress, Failure};
use crate::kernel::contract::surface::{self, Kind, Surface};
use crate::kernel::contract::widget::is_interface;
use crate::kernel::digest::Digest;
use crate::kernel::json::{Bounds, Document};
use crate::kernel::mcp::headers::{self, is_media};
use crate::kernel::mcp::revision::{Era, Revision};
use crate::kernel::policy::compile::UpstreamTarget;
use crate::kernel::sse::Decoder;
use crate::wire::{Body, Wire};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use http::header::{HeaderName, HeaderValue};
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full, Limited};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// Longest wait for one reply.
const REPLY_WAIT: Duration = Duration::from_secs(10);
/// Longest wait for everything; a person is waiting.
const WAIT: Duration = Duration::from_secs(60);
/// Longest reply, in bytes: user interfaces come whole, with all that they need.
const REPLY_BYTES_MAX: usize = 16 << 20;
/// Longest replies in all, in bytes.
const BYTES_MAX: usize = 64 << 20;
/// Most pages of one list.
const PAGES_MAX: usize = 50;
/// Most entries of one list.
const ENTRIES_MAX: usize = 10_000;
/// Longest cursor, in bytes.
const CURSOR_BYTES_MAX: usize = 4096;

/// What a server has.
#[derive(Debug, Default)]
pub struct Survey {
    /// Its tools.
    pub tools: Vec<Tool>,
    /// URIs of its resources.
    pub resources: Vec<String>,
    /// Its templates of URIs.
    pub templates: Vec<String>,
    /// Names of its prompts.
    pub prompts: Vec<String>,
    /// What it speaks.
    pub revision: Option<Revision>,
}

/// A tool, and what the server says of it. Nothing of this is checked yet.
#[derive(Clone, Debug, Default)]
pub struct Tool {
    /// Name.
    pub name: String,
    /// `annotations.readOnlyHint`, if it is a boolean.
    pub read_only: Option<bool>,
    /// `annotations.destructiveHint`, if it is a boolean.
    pub destructive: Option<bool>,
    /// `annotations.openWorldHint`, if it is a boolean.
    pub open_world: Option<bool>,
    /// Whether it can be called only as a task.
    pub only_as_task: bool,
}

/// Asks. An error is one line for the operator.
pub async fn ask(target: &UpstreamTarget, credentials: &Credentials) -> Result<Survey, String> {
    match tokio::time::timeout(WAIT, conversation(Client::new(target, credentials)?)).await {
        Ok(survey) => survey,
        Err(_) => Err(format!("the server took longer than {} s in all", WAIT.as_secs())),
    }
}

/// A text of the server, safe to print and to stand in a comment: anything that could end a line, a
/// quotation or a table cell, or move a cursor, is written as its number; the rest is cut off.
pub fn shown(text: &str) -> String {
    const LONGEST: usize = 100;
    let plain = |c: char| c.is_ascii_alphanumeric() || " _.-/:{}+?=&%@~,;()".contains(c);
    let mut shown = String::new();
    for c in text.chars() {
        if shown.len() > LONGEST {
            shown.push_str("...");
            break;
        }
        if plain(c) {
            shown.push(c);
        } else {
            shown.push_str(&format!("(U+{:04X})", u32::from(c)));
        }
    }
    shown
}

/// A text for one line of a terminal or a record: whatever is not printable ASCII is written as its number.
pub fn plain(text: &str) -> String {
    const LONGEST: usize = 400;
    let mut plain = String::new();
    for c in text.chars() {
        if plain.len() > LONGEST {
            plain.push_str("...");
            break;
        }
        if c.is_ascii_graphic() || c == ' ' {
            plain.push(c)
        } else {
            plain.push_str(&format!("(U+{:04X})", u32::from(c)))
        }
    }
    plain
}

/// Asks for everything that a contract is about, contents of widgets too.
pub async fn surface(target: &UpstreamTarget, credentials: &Credentials) -> Result<Offered, String> {
    let asked = async {
        let mut client = Client::new(target, credentials)?;
        let surface = whole(&mut client).await;
        client.end().await;
        surface
    };
    match tokio::time::timeout(WAIT, asked).await {
        Ok(surface) => surface,
        Err(_) => Err(format!("the server took longer than {} s in all", WAIT.as_secs())),
    }
}

/// What a server offers, and the contents of its user interfaces by URI.
pub struct Offered {
    /// The surface.
    pub surface: Surface,
    /// The bytes of each `ui://` resource.
    pub contents: BTreeMap<String, Vec<u8>>,
}

/// What a server says of itself and lists, as it came.
#[derive(Default)]
struct Listing {
    /// The answer to `server/discover` or `initialize`.
    server: Value,
    tools: Vec<Value>,
    resources: Vec<Value>,
    templates: Vec<Value>,
    prompts: Vec<Value>,
}

async fn conversation(mut client: Client) -> Result<Survey, String> {
    let Listing { server: _, tools, resources, templates, prompts } = listing(&mut client).await?;
    client.end().await;
    Ok(Survey {
        tools: tools.iter().map(tool).collect(),
        resources: texts(&resources, "uri"),
        templates: texts(&templates, "uriTemplate"),
        prompts: texts(&prompts, "name"),
        revision: Some(client.revision),
    })
}

async fn listing(client: &mut Client) -> Result<Listing, String> {
    let server = match client.discover().await? {
        Some(server) => server,
        None => client.initialize().await?,
    };
    let has = |name: &str| server.get("capabilities").is_some_and(|capabilities| capabilities.get(name).is_some());
    let mut listing = Listing::default();
    if has("tools") {
        listing.tools = client.list("tools/list", "tools").await?;
    }
    if has("resources") {
        listing.resources = client.list("resources/list", "resources").await?;
        listing.templates = client.list("resources/templates/list", "resourceTemplates").await?;
    }
    if has("prompts") {
        listing.prompts = client.list("prompts/list", "prompts").await?;
    }
    listing.server = server;
    Ok(listing)
}

async fn whole(client: &mut Client) -> Result<Offered, String> {
    let Listing { server, tools, resources, templates, prompts } = listing(client).await?;
    let mut surface = Surface::default();
    let info = server.get("serverInfo").or_else(|| server.pointer("/_meta/io.modelcontextprotocol~1serverInfo"));
    for (name, value) in [
        ("serverInfo", info),
        ("capabilities", server.get("capabilities")),
        ("instructions", server.get("instructions")),
    ] {
        if let Some(value) = value {
            surface.add(Kind::Server, name.to_owned(), value.clone());
        }
    }
    let (mut widgets, mut contents) = (BTreeSet::new(), BTreeMap::new());
    for (kind, field, entries) in [
        (Kind::Tools, "name", tools),
        (Kind::Prompts, "name", prompts),
        (Kind::Resources, "uri", resources),
        (Kind::Templates, "uriTemplate", templates),
    ] {
        for entry in entries {
            let name = text(&entry, field);
            let shown = shown(&name);
            widgets.extend(widgets_of(&entry));
            if name.is_empty() {
                return Err(format!("the server lists a {} without `{field}`", kind.one()));
            }
            if !surface.add(kind, name, entry) {
                return Err(format!("the server lists the {} `{shown}` twice", kind.one()));
            }
        }
    }
    for uri in widgets {
        for (uri, pin, content) in client.widget(&uri).await? {
            surface.add(Kind::Widgets, uri.clone(), pin);
            contents.insert(uri, content);
        }
    }
    Ok(Offered { surface, contents })
}

/// The `ui://` resources that an entry is or names (MCP Apps; ChatGPT's older key).
fn widgets_of(entry: &Value) -> Vec<String> {
    let named = ["/uri", "/_meta/ui/resourceUri", "/_meta/ui~1resourceUri", "/_meta/openai~1outputTemplate"];
    let uris = named.iter().filter_map(|at| entry.pointer(at).and_then(Value::as_str));
    uris.filter(|uri| is_interface(uri)).map(str::to_owned).collect()
}

fn tool(entry: &Value) -> Tool {
    let hint = |name: &str| entry.get("annotations").and_then(|a| a.get(name)).and_then(Value::as_bool);
    Tool {
        name: text(entry, "name"),
        read_only: hint("readOnlyHint"),
        destructive: hint("destructiveHint"),
        open_world: hint("openWorldHint"),
        only_as_task: entry.pointer("/execution/taskSupport").and_then(Value::as_str) == Some("required"),
    }
}

/// An entry without the field has an empty name, which no policy takes; so it is reported, not lost.
fn text(entry: &Value, field: &str) -> String {
    entry.get(field).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn texts(entries: &[Value], field: &str) -> Vec<String> {
    entries.iter().map(|entry| text(entry, field)).collect()
}

struct Client {
    wire: Wire,
    revision: Revision,
    /// Whether the revision has been agreed on; before that, a legacy client does not send it.
    agreed: bool,
    session: Option<HeaderValue>,
    /// What the next request names, for the header that mirrors it.
    name: Option<HeaderValue>,
    id: u64,
    /// Bytes that may still come.
    left: AtomicUsize,
}

/// How a request ended, if it did as a protocol has it.
enum Answer {
    Result(Value),
    /// A JSON-RPC error.
    Error {
        code: i64,
        message: String,
    },
    /// An HTTP status without a JSON-RPC answer.
    Status(u16),
}

impl Client {
    fn new(target: &UpstreamTarget, credentials: &Credentials) -> Result<Self, String> {
        let egress = Egress::new(target.ca.as_deref().map(Path::new))?;
        Ok(Self {
            wire: Wire::new("surveyed", target, egress, credentials)?,
            revision: Revision::V2026_07_28,
            agreed: true,
            session: None,
            name: None,
            id: 0,
            left: AtomicUsize::new(BYTES_MAX),
        })
    }

    /// `server/discover`; `None` if the server is of the earlier era. A refused credential says
    /// nothing about the era.
    async fn discover(&mut self) -> Result<Option<Value>, String> {
        let Answer::Result(result) = self.call("server/discover", Map::new()).await? else {
            return Ok(None);
        };
        let versions = result.get("supportedVersions").and_then(Value::as_array).cloned().unwrap_or_default();
        let modern = versions.iter().any(|version| version.as_str() == Some(self.revision.as_str()));
        Ok(modern.then_some(result))
    }

    async fn initialize(&mut self) -> Result<Value, String> {
        self.revision = Revision::V2025_11_25;
        self.agreed = false;
        let params = json!({
            "protocolVersion": self.revision.as_str(),
            "capabilities": {},
            "clientInfo": { "name": "portcullis", "version": env!("CARGO_PKG_VERSION") },
        });
        let params = params.as_object().cloned().unwrap_or_default();
        let result = self.expect("initialize", params).await?;
        let version = result.get("protocolVersion").and_then(Value::as_str).unwrap_or_default();
        self.revision = Revision::parse(version)
            .filter(|revision| revision.era() == Era::Legacy)
            .ok_or_else(|| format!("the server speaks `{}`, which the gateway does not serve", shown(version)))?;
        self.agreed = true;
        let note = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
        let response = self.post("notifications/initialized", note.to_string()).await?;
        if !response.status().is_success() {
            return Err(format!("`notifications/initialized` was answered {}", response.status().as_u16()));
        }
        Ok(result)
    }

    /// What the contents of a `ui://` resource are pinned by.
    async fn widget(&mut self, uri: &str) -> Result<Vec<(String, Value, Vec<u8>)>, String> {
        let params = json!({ "uri": uri }).as_object().cloned().unwrap_or_default();
        self.name = HeaderValue::from_str(&headers::encode_value(uri)).ok();
        let result = self.expect("resources/read", params).await;
        self.name = None;
        let result = result?;
        let contents = result.get("contents").and_then(Value::as_array).cloned().unwrap_or_default();
        let pin = |content: &Value| {
            let text_of = |field: &str| content.get(field).and_then(Value::as_str);
            let bytes = match (text_of("text"), text_of("blob")) {
                (Some(text), None) => text.as_bytes().to_vec(),
                (None, Some(blob)) => {
                    BASE64.decode(blob).map_err(|_| format!("`{}`: a blob that is not base64", shown(uri)))?
                }
                _ => return Err(format!("`{}` has not exactly one of text and blob", shown(uri))),
            };
            let mime = text_of("mimeType").unwrap_or_default();
            let pin = surface::widget(mime, &bytes, content.get("_meta"));
            Ok((text(content, "uri"), pin, bytes))
        };
        contents.iter().map(pin).collect()
    }

    /// A whole list, page by page.
    async fn list(&mut self, method: &str, field: &str) -> Result<Vec<Value>, String> {
        let mut entries = Vec::new();
        let mut cursor: Option<String> = None;
        for _ in 0..PAGES_MAX {
            let mut params = Map::new();
            if let Some(cursor) = &cursor {
                params.insert("cursor".to_owned(), Value::from(cursor.as_str()));
            }
            let page = match self.call(method, params).await? {
                Answer::Result(page) => page,
                // A server that has resources need not know templates of them.
                Answer::Error { code: -32601, .. } if cursor.is_none() => return Ok(entries),
                other => return Err(failed(method, &other)),
            };
            let more = page.get(field).and_then(Value::as_array);
            entries.extend(more.ok_or_else(|| format!("the result of `{method}` has no `{field}`"))?.iter().cloned());
            if entries.len() > ENTRIES_MAX {
                return Err(format!("`{method}` has more than {ENTRIES_MAX} entries"));
            }
            // An empty cursor is a cursor (2026-07-28, "Pagination").
            cursor = match page.get("nextCursor") {
                None | Some(Value::Null) => return Ok(entries),
                Some(Value::String(next)) if next.len() <= CURSOR_BYTES_MAX => Some(next.clone()),
                Some(_) => return Err(format!("`{method}` has a cursor that is no text, or too long")),
            };
        }
        Err(format!("`{method}` does not end after {PAGES_MAX} pages"))
    }

    /// Ends the session; whether that works is the server's affair.
    async fn end(&self) {
        if self.session.is_some()
            && let Ok(request) = self.head(Request::delete(self.wire.target().clone()), "").body(Full::default())
        {
            let _ = self.wire.send(request, Digest::of(b""), Duration::from_secs(2)).await;
        }
    }

    async fn expect(&mut self, method: &str, params: Map<String, Value>) -> Result<Value, String> {
        match self.call(method, params).await? {
            Answer::Result(result) => Ok(result),
            other => Err(failed(method, &other)),
        }
    }

    async fn call(&mut self, method: &str, mut params: Map<String, Value>) -> Result<Answer, String> {
        if self.revision.era() == Era::Modern {
            let meta = json!({
                "io.modelcontextprotocol/protocolVersion": self.revision.as_str(),
                "io.modelcontextprotocol/clientCapabilities": {},
                "io.modelcontextprotocol/clientInfo": { "name": "portcullis", "version": env!("CARGO_PKG_VERSION") },
            });
            params.insert("_meta".to_owned(), meta);
        }
        self.id += 1;
        let body = json!({ "jsonrpc": "2.0", "id": self.id, "method": method, "params": params });
        let whole = async {
            let response = self.post(method, body.to_string()).await?;
            let status = response.status().as_u16();
            if let Some(session) = response.headers().get("mcp-session-id")
                && method == "initialize"
            {
                self.session = Some(session.clone()).filter(|id| id.len() <= 512);
            }
            match self.message(response).await {
                Ok(message) => Ok(answer(&message)),
                Err(_) if status >= 400 => Ok(Answer::Status(status)),
                Err(why) => Err(format!("`{method}`: {why}")),
            }
        };
        match tokio::time::timeout(REPLY_WAIT, whole).await {
            Ok(answer) => answer,
            Err(_) => Err(format!("`{method}` was not answered within {} s", REPLY_WAIT.as_secs())),
        }
    }

    /// Sends, and settles what says nothing about the protocol: no connection, a redirect, a refusal.
    async fn post(&self, method: &str, body: String) -> Result<Response<Body>, String> {
        let request = self.head(Request::post(self.wire.target().clone()), method).body(Full::new(Bytes::from(body)));
        let request = request.map_err(|error| error.to_string())?;
        let response = self.wire.send(request, Digest::of(b""), REPLY_WAIT).await.map_err(|failure| match failure {
            Failure::Unreachable(why) => format!("the server cannot be reached: {why}"),
            Failure::TooSlow => format!("the server did not answer within {} s", REPLY_WAIT.as_secs()),
            Failure::Broke(why) | Failure::Full(why) => format!("the server failed: {why}"),
        })?;
        match response.status().as_u16() {
            status @ (401 | 403) if self.wire.authorization().is_some() => {
                Err(format!("the server answers {status}: it does not take the token of --bearer-env"))
            }
            status @ (401 | 403) => Err(format!("the server answers {status}: give its token with --bearer-env")),
            status if response.status().is_redirection() => {
                Err(format!("the server answers {status}: redirects are not followed, name its own URL"))
            }
            _ => Ok(response),
        }
    }

    fn head(&self, mut request: http::request::Builder, method: &str) -> http::request::Builder {
        request = request
            .header("content-type", "application/json")
            .header("accept", "application/json, text/event-stream")
            .header("user-agent", concat!("portcullis/", env!("CARGO_PKG_VERSION")));
        if self.agreed {
            request = request.header(headers::PROTOCOL_VERSION, self.revision.as_str());
        }
        if self.revision.era() == Era::Modern {
            request = request.header(headers::METHOD, method);
            if let Some(name) = &self.name {
                request = request.header(headers::NAME, name);
            }
        }
        let session = self.session.clone().map(|value| (HeaderName::from_static(headers::SESSION_ID), value));
        let authorization = self.wire.authorization().cloned().map(|value| (http::header::AUTHORIZATION, value));
        for (name, value) in session.into_iter().chain(authorization) {
            request = request.header(name, value);
        }
        request
    }

    /// The answer to the last request, from one JSON text or from a stream of them.
    async fn message(&self, response: Response<Body>) -> Result<Value, String> {
        let (head, body) = response.into_parts();
        let text = |name: &str| head.headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or_default();
        if !matches!(text("content-encoding"), "" | "identity") {
            return Err("the reply is compressed, though nobody asked for that".to_owned());
        }
        let media = text("content-type").to_owned();
        let left = self.left.load(Ordering::Relaxed);
        let mut body = Limited::new(body, REPLY_BYTES_MAX.min(left));
        let broken = || {
            format!(
                "the reply broke off, or is longer than {REPLY_BYTES_MAX} bytes, or all are longer than {BYTES_MAX}"
            )
        };
        if is_media(&media, "application/json") {
            let bytes = body.collect().await.map_err(|_| broken())?.to_bytes();
            self.left.fetch_sub(bytes.len().min(left), Ordering::Relaxed);
            return self.ours(&bytes)?.ok_or_else(|| "the answer is to another request".to_owned());
        }
        if !is_media(&media, "text/event-stream") {
            return Err("the reply is neither JSON nor an event stream".to_owned());
        }
        let mut decoder = Decoder::new(REPLY_BYTES_MAX);
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|_| broken())?;
            let length = frame.data_ref().map_or(0, Bytes::len);
            let _ = self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(length));
            decoder.feed(frame.data_ref().map_or(&[][..], |bytes| bytes)).map_err(|_| broken())?;
            while let Some(event) = decoder.next_event() {
                if let Some(data) = event.data.filter(|data| !data.is_empty())
                    && let Some(message) = self.ours(data.as_bytes())?
                {
                    return Ok(message);
                }
            }
        }
        Err("the stream ended without an answer".to_owned())
    }

    /// Reads a message; `None` if it is no answer to the last request.
    fn ours(&self, bytes: &[u8]) -> Result<Option<Value>, String> {
        let bounds = Bounds { bytes_max: REPLY_BYTES_MAX, ..Bounds::default() };
        // The kernel's reader refuses what two readers could read differently.
        Document::parse(Bytes::copy_from_slice(bytes), &bounds).map_err(|fault| format!("not JSON: {fault:?}"))?;
        let message: Value = serde_json::from_slice(bytes).map_err(|_| "not JSON".to_owned())?;
        let id = message.get("id").and_then(Value::as_u64);
        let answers = message.get("result").is_some() || message.get("error").is_some();
        // An error about a message that could not be read has no id.
        let about_us =
            id == Some(self.id) || (message.get("error").is_some() && message.get("id").is_none_or(Value::is_null));
        Ok((answers && about_us).then_some(message))
    }
}

fn answer(message: &Value) -> Answer {
    match (message.get("result"), message.get("error")) {
        (Some(result), None) => Answer::Result(result.clone()),
        (_, error) => Answer::Error {
            code: error.and_then(|e| e.get("code")).and_then(Value::as_i64).unwrap_or_default(),
            message: error.map(|e| text(e, "message")).unwrap_or_default(),
        },
    }
}

fn failed(method: &str, answer: &Answer) -> String {
    match answer {
        Answer::Result(_) => format!("`{method}` was answered"),
        Answer::Error { code, message } => format!("`{method}` was answered with error {code}: {}", shown(message)),
        Answer::Status(status) => format!("`{method}` was answered with status {status}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_shown_ends_a_line_or_moves_a_cursor() {
        assert_eq!(shown("get-sum"), "get-sum");
        assert_eq!(shown("a\nb"), "a(U+000A)b");
        assert_eq!(shown("\u{1b}[2J`|<b>"), "(U+001B)(U+005B)2J(U+0060)(U+007C)(U+003C)b(U+003E)");
        assert_eq!(shown("\u{202e}x"), "(U+202E)x");
        assert!(shown(&"x".repeat(5000)).len() < 120);
    }
}
