//! Messages of our own making, as text.
use crate::kernel::json::{Bounds, Document, Patches, Value, string};
use crate::kernel::mcp::decode::envelope;
use crate::kernel::mcp::revision::{Era, Revision};
use bytes::Bytes;

/// Longest text of what a client declares when it begins, in bytes: it is kept for as long as the session is known.
pub const HELLO_BYTES_MAX: usize = 64 << 10;

/// A request. `id` and `params` are JSON.
pub fn request(id: &str, method: &str, params: &str) -> Bytes {
    format!(r#"{{"jsonrpc":"2.0","id":{id},"method":{},"params":{params}}}"#, quoted(method)).into()
}

/// A notification. `params` is JSON.
pub fn notice(method: &str, params: &str) -> Bytes {
    format!(r#"{{"jsonrpc":"2.0","method":{},"params":{params}}}"#, quoted(method)).into()
}

/// An answer. `id` and `result` are JSON.
pub fn result(id: &str, result: &str) -> Bytes {
    format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{result}}}"#).into()
}

/// An answer that is an error. `id` is JSON.
pub fn error(id: &str, code: i64, message: &str) -> Bytes {
    format!(r#"{{"jsonrpc":"2.0","id":{id},"error":{{"code":{code},"message":{}}}}}"#, quoted(message)).into()
}

/// A text as JSON.
pub fn quoted(text: &str) -> String {
    String::from_utf8(string(text)).unwrap_or_default()
}

/// The JSON text of a value, as it was written.
pub fn raw(value: Value<'_>) -> String {
    String::from_utf8_lossy(value.raw()).into_owned()
}

/// A request id in the one spelling in which ids are compared, if it is one.
pub fn id(value: Value<'_>) -> Option<String> {
    match value.as_i64() {
        Some(number) => Some(number.to_string()),
        None => value.as_str().map(|text| quoted(&text)),
    }
}

/// `server/discover` with this id, which tells the eras apart.
pub fn discover(id: &str) -> Bytes {
    request(id, "server/discover", &format!(r#"{{"_meta":{}}}"#, meta("{}", None)))
}

/// `_meta` of a request of 2026-07-28. `capabilities` and `client` are JSON.
pub fn meta(capabilities: &str, client: Option<&str>) -> String {
    let version = Revision::V2026_07_28;
    let own = format!(r#"{{"name":"portcullis","version":"{}"}}"#, env!("CARGO_PKG_VERSION"));
    let client = client.unwrap_or(&own);
    format!(
        r#"{{"{META}protocolVersion":"{version}","{META}clientCapabilities":{capabilities},"{META}clientInfo":{client}}}"#
    )
}

/// Prefix of the protocol's own keys in `_meta`.
pub const META: &str = "io.modelcontextprotocol/";

/// Which era the answer to `server/discover` tells; `None` if the message is no answer to it.
pub fn era_of(message: &Bytes, id: &str) -> Option<Era> {
    let document = Document::parse(message.clone(), &Bounds::default()).ok()?;
    let frame = envelope(document.root()).ok().filter(|frame| frame.method.is_none())?;
    if frame.id.as_deref().is_some_and(|named| named != id) {
        return None;
    }
    let modern = match (frame.result, frame.error) {
        (Some(result), _) => supports(result.get("supportedVersions")),
        (_, Some(error)) => is_modern_error(error),
        _ => false,
    };
    Some(if modern { Era::Modern } else { Era::Legacy })
}

/// Whether a list of revisions has the modern one.
fn supports(list: Option<Value<'_>>) -> bool {
    let wanted = Revision::V2026_07_28.as_str();
    list.is_some_and(|list| list.elements().any(|version| version.as_str().is_some_and(|v| v == wanted)))
}

/// Whether only a server of 2026-07-28 has this error (2026-07-28, "Error codes").
pub fn is_modern_error(error: Value<'_>) -> bool {
    match error.get("code").and_then(|code| code.as_i64()) {
        Some(-32020 | -32021) => true,
        Some(-32022) => error.get("data").is_some_and(|data| supports(data.get("supported"))),
        _ => false,
    }
}

/// A message with no capabilities of the client: whoever is many cannot be asked.
pub fn without_capabilities(document: &Document) -> Bytes {
    let mut patches = Patches::default();
    if let Some(capabilities) = document.root().get("params").and_then(|params| params.get("capabilities")) {
        patches.replace(capabilities, b"{}".to_vec());
    }
    document.write(&patches)
}

/// Of an answer its result after a plus sign, or its error after a minus sign.
pub fn outcome(answer: &Bytes) -> Option<Bytes> {
    let document = Document::parse(answer.clone(), &Bounds::default()).ok()?;
    let frame = envelope(document.root()).ok()?;
    match (frame.result, frame.error) {
        (Some(result), _) => Some([b"+", result.raw()].concat().into()),
        (_, Some(error)) => Some([b"-", error.raw()].concat().into()),
        _ => None,
    }
}

/// An answer that is this error. `id` and `error` are JSON.
pub fn failed(id: &str, error: &[u8]) -> Bytes {
    format!(r#"{{"jsonrpc":"2.0","id":{id},"error":{}}}"#, String::from_utf8_lossy(error)).into()
}

/// The HTTP status that 2026-07-28 gives an answer; before it, answers have 200.
pub fn status_of(answer: &Bytes, modern: bool) -> u16 {
    let code = || {
        let document = Document::parse(answer.clone(), &Bounds::default()).ok()?;
        document.root().get("error")?.get("code")?.as_i64()
    };
    match modern.then(code).flatten() {
        Some(-32601) => 404,
        Some(-32022..=-32020) => 400,
        _ => 200,
    }
}

/// Whether a message has a method and an id.
pub fn is_request(message: &Bytes) -> bool {
    let document = Document::parse(message.clone(), &Bounds::default());
    document
        .is_ok_and(|document| envelope(document.root()).is_ok_and(|frame| frame.method.is_some() && frame.id.is_some()))
}

/// Whether a message has a method and no id.
pub fn is_notice(message: &Bytes) -> bool {
    let document = Document::parse(message.clone(), &Bounds::default());
    document
        .is_ok_and(|document| envelope(document.root()).is_ok_and(|frame| frame.method.is_some() && frame.id.is_none()))
}

/// Whether an error that answers a request of 2026-07-28 tells that the server speaks it. One that does not know
/// `server/discover` does not.
pub fn tells_modern(answer: &Bytes, method: &str) -> bool {
    let Ok(document) = Document::parse(answer.clone(), &Bounds::default()) else { return false };
    let Ok(frame) = envelope(document.root()) else { return false };
    let Some(error) = frame.error else { return false };
    let code = error.get("code").and_then(|code| code.as_i64());
    is_modern_error(error) || (code == Some(-32602)) || (code == Some(-32601) && method != "server/discover")
}

/// What the headers of a request of 2026-07-28 repeat of it.
pub struct Mirrored {
    /// `Mcp-Method`
    pub method: String,
    /// `Mcp-Name`, as it is before it is encoded.
    pub name: Option<String>,
}

/// Reads what is mirrored from the message itself.
pub fn mirrored(message: &Bytes) -> Option<Mirrored> {
    let document = Document::reread(message.clone()).ok()?;
    let method = document.root().get("method")?.as_str()?.into_owned();
    let field = match method.as_str() {
        "tools/call" | "prompts/get" => Some("name"),
        "resources/read" => Some("uri"),
        _ => None,
    };
    let name = field.and_then(|field| document.root().get("params")?.get(field)?.as_str());
    Some(Mirrored { name: name.map(|name| name.into_owned()), method })
}
