//! A client of an earlier revision before a server of 2026-07-28: sessions and handshakes are ours, requests carry
//! their own `_meta`, and what the server answers with `input_required` becomes real questions to the client
//! (2026-07-28, "Multi round-trip requests").
use super::params;
use super::text::{self, META};
use crate::kernel::json::{Bounds, Document, Patches, Value, string};
use crate::kernel::mcp::decode::envelope;
use crate::kernel::mcp::revision::Revision;
use bytes::Bytes;
use std::collections::BTreeMap;

/// Most times that a server may ask for more within one call.
const ROUNDS_MAX: usize = 8;
/// Most questions of one round.
const QUESTIONS_MAX: usize = 16;

/// What a session declared when it began. All of it is JSON.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hello {
    /// `capabilities`
    pub capabilities: String,
    /// `clientInfo`
    pub client: Option<String>,
}

impl Hello {
    /// Of the parameters of `initialize`.
    pub fn of(params: Option<Value<'_>>) -> Self {
        let field = |name: &str| params.and_then(|params| params.get(name)).filter(|value| value.is_object());
        Self {
            capabilities: field("capabilities").map_or_else(|| "{}".to_owned(), text::raw),
            client: field("clientInfo").map(text::raw),
        }
    }

    fn declares(&self, method: &str) -> bool {
        let needed = match method {
            "elicitation/create" => "elicitation",
            "sampling/createMessage" => "sampling",
            "roots/list" => "roots",
            _ => return false,
        };
        let declared = Document::parse(self.capabilities.clone().into(), &Bounds::default());
        declared.is_ok_and(|declared| declared.root().get(needed).is_some())
    }
}

/// The answer to `initialize`, from the result of `server/discover`.
pub fn welcome(id: &str, discovered: &Document, revision: Revision) -> Option<Bytes> {
    let result = discovered.root().get("result").filter(|result| result.is_object())?;
    let capabilities = result.get("capabilities").filter(|capabilities| capabilities.is_object())?;
    let mut patches = Patches::default();
    for name in ["extensions", "tasks"] {
        if let Some(value) = capabilities.get(name) {
            patches.remove(value);
        }
    }
    let mut said = Vec::new();
    capabilities.write(&patches, &mut said);
    let said = String::from_utf8(said).ok()?;
    let named = result.get("serverInfo").or_else(|| result.get("_meta")?.get(&format!("{META}serverInfo")));
    let server = named.map_or_else(|| r#"{"name":"server","version":"0"}"#.to_owned(), text::raw);
    let instructions = result.get("instructions").map(text::raw);
    let instructions = instructions.map(|said| format!(r#","instructions":{said}"#)).unwrap_or_default();
    let result =
        format!(r#"{{"protocolVersion":"{revision}","capabilities":{said},"serverInfo":{server}{instructions}}}"#);
    Some(text::result(id, &result))
}

/// The filter of `subscriptions/listen` for what a session wants to hear of.
pub fn listen(id: &str, hello: &Hello, uris: &[String]) -> Bytes {
    let uris: Vec<String> = uris.iter().map(|uri| text::quoted(uri)).collect();
    let wanted = format!(
        r#"{{"toolsListChanged":true,"promptsListChanged":true,"resourcesListChanged":true,"resourceSubscriptions":[{}]}}"#,
        uris.join(",")
    );
    let meta = text::meta(&hello.capabilities, hello.client.as_deref());
    text::request(id, "subscriptions/listen", &format!(r#"{{"notifications":{wanted},"_meta":{meta}}}"#))
}

/// A notification of a listen stream as a session has it; `None` if it has none such.
pub fn heard(message: &Bytes) -> Option<Bytes> {
    let document = Document::parse(message.clone(), &Bounds::default()).ok()?;
    let frame = envelope(document.root()).ok()?;
    let method = frame.method.as_deref()?;
    if frame.id.is_some() || method == "notifications/subscriptions/acknowledged" {
        return None;
    }
    let mut patches = Patches::default();
    let meta = frame.params.and_then(|params| params.get("_meta"));
    if let Some(named) = meta.and_then(|meta| meta.get(&format!("{META}subscriptionId"))) {
        patches.remove(named);
    }
    Some(document.write(&patches))
}

/// What is to be done, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// To the server, as a request of its own. What was sent before is answered.
    Up(Bytes),
    /// To the client.
    Down(Bytes),
    /// To the client: a question that it will answer, with its id.
    Ask(String, Bytes),
    /// To the client: the answer. Nothing comes after it.
    Done(Bytes),
}

/// One call of a session.
pub struct Call {
    /// Its id, JSON.
    id: String,
    hello: Hello,
    /// The request as the server gets it.
    request: Document,
    /// Distinguishes its questions from those of other calls.
    tag: u64,
    rounds: usize,
    /// Questions without an answer: id of ours, key of the server's.
    open: BTreeMap<String, String>,
    answers: BTreeMap<String, String>,
    state: Option<String>,
    done: bool,
}

impl Call {
    /// Begins a call. `level`: what `logging/setLevel` last said, JSON. `None` if the message is no request.
    pub fn begin(message: Bytes, hello: &Hello, level: Option<&str>, tag: u64) -> Option<(Self, Bytes)> {
        let document = Document::parse(message, &Bounds::default()).ok()?;
        let frame = envelope(document.root()).ok()?;
        let id = frame.id.clone()?;
        let added = stamps(hello, level);
        let mut patches = Patches::default();
        match frame.params {
            Some(params) => match params.get("_meta").filter(|meta| meta.is_object()) {
                Some(meta) => {
                    for (key, value) in added {
                        match meta.get(&key) {
                            Some(there) => patches.replace(there, value.into_bytes()),
                            None => patches.append(meta, &key, value.into_bytes()),
                        }
                    }
                }
                None => patches.append(params, "_meta", object(&added).into_bytes()),
            },
            None => {
                patches.append(document.root(), "params", format!(r#"{{"_meta":{}}}"#, object(&added)).into_bytes());
            }
        }
        // These mean something to the server only in its own answers' retries.
        for name in ["inputResponses", "requestState"] {
            if let Some(smuggled) = frame.params.and_then(|params| params.get(name)) {
                patches.remove(smuggled);
            }
        }
        let text = document.write(&patches);
        let request = Document::parse(text.clone(), &Bounds::default()).ok()?;
        let call = Self {
            id,
            hello: hello.clone(),
            request,
            tag,
            rounds: 0,
            open: BTreeMap::new(),
            answers: BTreeMap::new(),
            state: None,
            done: false,
        };
        Some((call, text))
    }

    /// Whether the answer was given.
    pub fn is_done(&self) -> bool {
        self.done
    }

    /// Whether it waits for the client.
    pub fn is_asking(&self) -> bool {
        !self.open.is_empty()
    }

    /// The server sends a message.
    pub fn received(&mut self, message: Bytes) -> Vec<Step> {
        let parsed = Document::reread(message.clone());
        let Ok(document) = parsed else { return self.broken(message) };
        let Ok(frame) = envelope(document.root()) else { return self.broken(message) };
        match (frame.method.is_some(), frame.result, frame.error) {
            // What it sends unasked is judged where every reply is.
            (true, _, _) => vec![Step::Down(message)],
            (_, Some(result), _) => {
                let kind = result.get("resultType").and_then(|kind| kind.as_str());
                match kind.as_deref() {
                    Some("input_required") => self.questions(result),
                    _ => {
                        let tools = self.method().as_deref() == Some("tools/list");
                        self.done(plain(&document, result, tools))
                    }
                }
            }
            (_, _, Some(error)) => {
                let mut patches = Patches::default();
                if let Some(code) = error.get("code").filter(|_| self.is_read() && is_not_found(error)) {
                    patches.replace(code, b"-32002".to_vec());
                }
                // What it lacks it lacks of ours; what its client should do is nothing that a session can.
                let own = error.get("code").and_then(|code| code.as_i64());
                if matches!(own, Some(-32022..=-32020)) {
                    let said = text::error(&self.id, -32603, "The tool server needs what this client did not declare.");
                    return self.done(said);
                }
                self.done(document.write(&patches))
            }
            _ => self.broken(message),
        }
    }

    /// The client answers a question: a whole JSON-RPC response with the id of the question.
    pub fn answered(&mut self, response: Bytes) -> Vec<Step> {
        let Ok(document) = Document::parse(response, &Bounds::default()) else { return Vec::new() };
        let Ok(frame) = envelope(document.root()) else { return Vec::new() };
        let Some(key) = frame.id.as_ref().and_then(|id| self.open.remove(id)) else { return Vec::new() };
        let Some(result) = frame.result else {
            self.open.clear();
            return self.refused("The client did not answer what the tool server asked.");
        };
        self.answers.insert(key, text::raw(result));
        if !self.open.is_empty() {
            return Vec::new();
        }
        let mut patches = Patches::default();
        let answers = std::mem::take(&mut self.answers);
        let answers: Vec<String> =
            answers.into_iter().map(|(key, answer)| format!("{}:{answer}", text::quoted(&key))).collect();
        if let Some(params) = self.request.root().get("params") {
            patches.append(params, "inputResponses", format!("{{{}}}", answers.join(",")).into_bytes());
            if let Some(state) = self.state.take() {
                patches.append(params, "requestState", state.into_bytes());
            }
        }
        if let Some(id) = self.request.root().get("id") {
            // A new id for each round (2026-07-28, "Multi round-trip requests").
            patches.replace(id, format!("\"r-{}-{}\"", self.tag, self.rounds).into_bytes());
        }
        vec![Step::Up(self.request.write(&patches))]
    }

    fn questions(&mut self, result: Value<'_>) -> Vec<Step> {
        self.rounds += 1;
        if self.rounds > ROUNDS_MAX {
            return self.refused("The tool server asks again and again.");
        }
        self.state = result.get("requestState").filter(|state| state.as_str().is_some()).map(text::raw);
        let asked: Vec<_> = result.get("inputRequests").into_iter().flat_map(Value::entries).collect();
        if asked.len() > QUESTIONS_MAX {
            return self.refused("The tool server asks too much at once.");
        }
        let mut steps = Vec::new();
        for (number, (key, question)) in asked.into_iter().enumerate() {
            let method = question.get("method").and_then(|method| method.as_str()).unwrap_or_default();
            if !self.hello.declares(&method) {
                return self.refused("The tool server asks for what this client did not declare.");
            }
            let id = format!("\"q-{}-{}-{number}\"", self.tag, self.rounds);
            let params = question.get("params").map_or_else(|| "{}".to_owned(), text::raw);
            self.open.insert(id.clone(), key.text().into_owned());
            steps.push(Step::Ask(id.clone(), text::request(&id, &method, &params)));
        }
        if steps.is_empty() {
            // Nothing to ask: the state alone is what it waits for.
            let mut patches = Patches::default();
            if let (Some(params), Some(state)) = (self.request.root().get("params"), self.state.take()) {
                patches.append(params, "requestState", state.into_bytes());
            } else {
                return self.refused("The tool server asks for nothing.");
            }
            if let Some(id) = self.request.root().get("id") {
                patches.replace(id, format!("\"r-{}-{}\"", self.tag, self.rounds).into_bytes());
            }
            return vec![Step::Up(self.request.write(&patches))];
        }
        steps
    }

    /// Ends the call without the server: as a failed result for a tool, so that a model reads it, else as an error.
    fn refused(&mut self, why: &str) -> Vec<Step> {
        self.open.clear();
        let said = if self.method().as_deref() == Some("tools/call") {
            let why = text::quoted(why);
            text::result(&self.id, &format!(r#"{{"content":[{{"type":"text","text":{why}}}],"isError":true}}"#))
        } else {
            text::error(&self.id, -32603, why)
        };
        self.done(said)
    }

    fn method(&self) -> Option<String> {
        Some(self.request.root().get("method")?.as_str()?.into_owned())
    }

    fn is_read(&self) -> bool {
        self.method().as_deref() == Some("resources/read")
    }

    fn broken(&mut self, message: Bytes) -> Vec<Step> {
        self.done = true;
        vec![Step::Done(message)]
    }

    fn done(&mut self, message: Bytes) -> Vec<Step> {
        self.done = true;
        vec![Step::Done(with_id(message, &self.id))]
    }
}

/// The message under the client's own id: later rounds had others.
fn with_id(message: Bytes, id: &str) -> Bytes {
    let Ok(document) = Document::reread(message.clone()) else { return message };
    let round = document.root().get("id").filter(|named| text::id(*named).is_some_and(|n| n.starts_with("\"r-")));
    let Some(round) = round else { return message };
    let mut patches = Patches::default();
    patches.replace(round, id.as_bytes().to_vec());
    document.write(&patches)
}

/// Without what only 2026-07-28 has, and without tools that its clients drop: whose annotations of headers are
/// invalid.
fn plain(document: &Document, result: Value<'_>, tools: bool) -> Bytes {
    let mut patches = Patches::default();
    for tool in result.get("tools").filter(|_| tools).into_iter().flat_map(Value::elements) {
        if params::of(tool).is_err() {
            patches.remove(tool);
        }
    }
    for name in ["resultType", "ttlMs", "cacheScope"] {
        if let Some(value) = result.get(name) {
            patches.remove(value);
        }
    }
    document.write(&patches)
}

fn is_not_found(error: Value<'_>) -> bool {
    let code = error.get("code").and_then(|code| code.as_i64());
    let said = error.get("message").and_then(|message| message.as_str()).unwrap_or_default().to_ascii_lowercase();
    code == Some(-32602) && (error.get("data").and_then(|d| d.get("uri")).is_some() || said.contains("not found"))
}

fn stamps(hello: &Hello, level: Option<&str>) -> Vec<(String, String)> {
    let mut added = vec![
        (format!("{META}protocolVersion"), format!("\"{}\"", Revision::V2026_07_28)),
        (format!("{META}clientCapabilities"), modern_capabilities(&hello.capabilities)),
    ];
    added.extend(hello.client.clone().map(|client| (format!("{META}clientInfo"), client)));
    added.extend(level.map(|level| (format!("{META}logLevel"), level.to_owned())));
    added
}

/// Without the tasks of 2025-11-25, which mean something else now.
fn modern_capabilities(capabilities: &str) -> String {
    let Ok(document) = Document::parse(capabilities.to_owned().into(), &Bounds::default()) else {
        return "{}".to_owned();
    };
    let mut patches = Patches::default();
    for name in ["tasks", "extensions"] {
        if let Some(value) = document.root().get(name) {
            patches.remove(value);
        }
    }
    String::from_utf8_lossy(&document.write(&patches)).into_owned()
}

fn object(fields: &[(String, String)]) -> String {
    let fields: Vec<String> = fields
        .iter()
        .map(|(key, value)| format!("{}:{value}", String::from_utf8(string(key)).unwrap_or_default()))
        .collect();
    format!("{{{}}}", fields.join(","))
}
