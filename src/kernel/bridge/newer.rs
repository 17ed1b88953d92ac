//! A client of 2026-07-28 before a server of an earlier revision: the handshake is ours, and a question that comes
//! during a call becomes the call's own answer, `input_required`, while the call itself stays open (parked) until
//! its retry brings what was asked for.
use super::text::{self, META};
use crate::kernel::json::{Bounds, Document, Patches, Value};
use crate::kernel::mcp::decode::envelope;
use crate::kernel::mcp::revision::Revision;
use bytes::Bytes;
use std::collections::BTreeMap;

const LEVELS: [&str; 8] = ["debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"];
/// Most questions of one call, one after the other.
const QUESTIONS_MAX: usize = 16;

/// What of a client's capabilities a session of an earlier revision can be begun with, as JSON. Requests that
/// declare the same can share one.
pub fn capabilities(params: Option<Value<'_>>) -> String {
    let declared =
        params.and_then(|params| params.get("_meta")).and_then(|meta| meta.get(&format!("{META}clientCapabilities")));
    let kept = ["elicitation", "sampling"].into_iter().filter_map(|name| {
        let mut canonical = Vec::new();
        declared?.get(name).filter(|value| value.is_object())?.canonical(&mut canonical);
        Some(format!("\"{name}\":{}", String::from_utf8(canonical).ok()?))
    });
    // Changes of roots have no modern form.
    let roots = declared.and_then(|declared| declared.get("roots")).map(|_| "\"roots\":{}".to_owned());
    format!("{{{}}}", kept.chain(roots).collect::<Vec<_>>().join(","))
}

/// `initialize` with these capabilities, JSON.
pub fn hello(id: &str, capabilities: &str) -> Bytes {
    let version = Revision::V2025_11_25;
    let client = format!(r#"{{"name":"portcullis","version":"{}"}}"#, env!("CARGO_PKG_VERSION"));
    let params = format!(r#"{{"protocolVersion":"{version}","capabilities":{capabilities},"clientInfo":{client}}}"#);
    text::request(id, "initialize", &params)
}

/// What the server said to `initialize`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Welcome {
    /// The revision agreed on.
    pub revision: Revision,
    /// Whether it logs.
    pub logs: bool,
    /// Whether resources can be subscribed to.
    pub subscribes: bool,
    capabilities: String,
    server: Option<String>,
    instructions: Option<String>,
}

impl Welcome {
    /// Reads the whole answer; `None` if it is none that can be used.
    pub fn read(answer: &Bytes) -> Option<Self> {
        let document = Document::parse(answer.clone(), &Bounds::default()).ok()?;
        let result = envelope(document.root()).ok()?.result.filter(|result| result.is_object())?;
        let revision = Revision::parse(&result.get("protocolVersion")?.as_str()?)?;
        let capabilities = result.get("capabilities").filter(|value| value.is_object());
        let has = |name: &str| capabilities.and_then(|capabilities| capabilities.get(name));
        let mut patches = Patches::default();
        // Their tasks are not those of 2026-07-28, and levels come with each request.
        for name in ["tasks", "logging"] {
            if let Some(value) = has(name) {
                patches.remove(value);
            }
        }
        let mut said = Vec::new();
        if let Some(capabilities) = capabilities {
            capabilities.write(&patches, &mut said);
        }
        Some(Self {
            revision,
            logs: has("logging").is_some(),
            subscribes: has("resources").and_then(|r| r.get("subscribe")).is_some_and(|s| s.raw() == b"true"),
            capabilities: if said.is_empty() { "{}".to_owned() } else { String::from_utf8(said).ok()? },
            server: result.get("serverInfo").map(text::raw),
            instructions: result.get("instructions").map(text::raw),
        })
    }

    /// The answer to `server/discover`.
    pub fn discovered(&self, id: &str) -> Bytes {
        let instructions = self.instructions.as_ref().map(|said| format!(r#","instructions":{said}"#));
        let server = self.server.as_ref().map(|said| format!(r#","_meta":{{"{META}serverInfo":{said}}}"#));
        let result = format!(
            r#"{{"resultType":"complete","supportedVersions":["{}"],"capabilities":{}{}{},"ttlMs":0,"cacheScope":"private"}}"#,
            Revision::V2026_07_28,
            self.capabilities,
            instructions.unwrap_or_default(),
            server.unwrap_or_default(),
        );
        text::result(id, &result)
    }
}

/// What is to be done, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// To the server, beside the call.
    Up(Bytes),
    /// To the client.
    Down(Bytes),
    /// The call waits: the client is asked, and nothing more is read until it comes again.
    Park,
    /// To the client: the answer. Nothing comes after it.
    Done(Bytes),
}

/// One call, through as many requests of the client as it takes.
#[derive(Clone)]
pub struct Call {
    /// Id of the client's present request, and of its first one, which the server knows.
    id: String,
    first: String,
    method: String,
    capabilities: String,
    token: Option<String>,
    level: Option<usize>,
    asked: usize,
    /// Key, id of the server's request, and the request as the client gets it.
    open: Option<(String, String, String)>,
    /// Visits to URLs that the server wants before it is asked again, as the client gets them, by key.
    visits: BTreeMap<String, String>,
    /// As the server got it.
    request: Bytes,
}

/// What answers of the client lead to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answered {
    /// To the server, beside the call.
    Up(Bytes),
    /// To the server: the call once more, in place of the one that ended.
    Again(Bytes),
    /// To the client: the answer.
    Done(Bytes),
    /// What it waits for is not among them.
    Missing,
}

/// A client's request, taken apart.
pub struct Taken {
    /// As a server of an earlier revision gets it.
    pub request: Bytes,
    /// `inputResponses`, by key; JSON.
    pub answers: BTreeMap<String, String>,
    /// `requestState`
    pub state: Option<String>,
    /// The level asked for, if any.
    pub logs: bool,
    /// The call.
    pub call: Call,
}

/// Takes a request apart. `None` if it is none.
pub fn take(message: &Bytes) -> Option<Taken> {
    let document = Document::parse(message.clone(), &Bounds::default()).ok()?;
    let frame = envelope(document.root()).ok()?;
    let (id, method) = (frame.id.clone()?, frame.method.as_deref()?.to_owned());
    let params = frame.params;
    let param = |name: &str| params.and_then(|params| params.get(name));
    let mut patches = Patches::default();
    let meta = param("_meta");
    for (key, value) in meta.into_iter().flat_map(Value::entries) {
        if key.text().starts_with(META) {
            patches.remove(value);
        }
    }
    for name in ["inputResponses", "requestState"] {
        if let Some(value) = param(name) {
            patches.remove(value);
        }
    }
    let answers = param("inputResponses").into_iter().flat_map(Value::entries);
    let level = meta.and_then(|meta| meta.get(&format!("{META}logLevel"))).and_then(rank);
    let call = Call {
        first: id.clone(),
        id,
        method,
        capabilities: capabilities(params),
        token: meta.and_then(|meta| meta.get("progressToken")).map(text::raw),
        level,
        asked: 0,
        open: None,
        visits: BTreeMap::new(),
        request: Bytes::new(),
    };
    Some(Taken {
        request: document.write(&patches),
        answers: answers.map(|(key, value)| (key.text().into_owned(), text::raw(value))).collect(),
        state: param("requestState").and_then(|state| state.as_str()).map(|state| state.into_owned()),
        logs: level.is_some(),
        call,
    })
}

impl Call {
    /// The request under a number of ours, by which the server knows the call: two requests of a caller may have one
    /// id, and in a session they must differ.
    pub fn numbered(mut self, request: &Bytes, number: &str) -> Option<(Bytes, Self)> {
        let document = Document::parse(request.clone(), &Bounds::default()).ok()?;
        let mut patches = Patches::default();
        patches.replace(document.root().get("id")?, number.as_bytes().to_vec());
        let meta = document.root().get("params").and_then(|params| params.get("_meta"));
        if let Some(token) = meta.and_then(|meta| meta.get("progressToken")) {
            patches.replace(token, number.as_bytes().to_vec());
        }
        number.clone_into(&mut self.first);
        self.request = document.write(&patches);
        Some((self.request.clone(), self))
    }

    /// The id that the server knows the call by.
    pub fn first(&self) -> &str {
        &self.first
    }

    /// Capabilities that this call declared.
    pub fn capabilities(&self) -> &str {
        &self.capabilities
    }

    /// The server sends a message. `certain`: a question can only be this call's.
    pub fn received(&mut self, message: Bytes, certain: bool) -> Vec<Step> {
        let Ok(document) = Document::reread(message.clone()) else { return vec![Step::Done(message)] };
        let Ok(frame) = envelope(document.root()) else { return vec![Step::Done(message)] };
        match (frame.method.as_deref(), &frame.id) {
            (Some("ping"), Some(id)) => vec![Step::Up(text::result(id, "{}"))],
            (Some(method), Some(id)) => self.question(method, id, frame.params, certain),
            (Some(method), None) => self.notice(method, &document, frame.params),
            (None, _) if self.wants_visits(frame.error) => vec![Step::Park],
            (None, _) => vec![Step::Done(self.answer(&document, frame.result, frame.error))],
        }
    }

    /// The next request of the client for this call; false if the call waits for nothing, or it is another's.
    pub fn again(&mut self, next: &Self) -> bool {
        let waits = self.open.is_some() || !self.visits.is_empty();
        if !waits || next.method != self.method || next.capabilities != self.capabilities {
            return false;
        }
        self.id.clone_from(&next.id);
        self.token.clone_from(&next.token);
        self.level = next.level;
        true
    }

    /// Answers of the client.
    pub fn answered(&mut self, answers: &BTreeMap<String, String>) -> Answered {
        if !self.visits.is_empty() {
            return self.visited(answers);
        }
        let answer = self.open.as_ref().and_then(|(key, _, _)| answers.get(key));
        let Some(answer) = answer else { return Answered::Missing };
        match self.open.take() {
            Some((_, id, _)) => Answered::Up(text::result(&id, answer)),
            None => Answered::Missing,
        }
    }

    /// Once every URL was visited the call is made again; if one was not, it is over.
    fn visited(&mut self, answers: &BTreeMap<String, String>) -> Answered {
        let accepted = |answer: &String| {
            let document = Document::parse(answer.clone().into(), &Bounds::default());
            document.is_ok_and(|answer| answer.root().get("action").is_some_and(|action| action.raw() == b"\"accept\""))
        };
        let given: Vec<&String> = self.visits.keys().filter_map(|key| answers.get(key)).collect();
        if given.len() < self.visits.len() {
            return Answered::Missing;
        }
        if !given.into_iter().all(accepted) {
            return Answered::Done(text::error(&self.id, -32603, "What the tool server needs was not visited."));
        }
        self.visits.clear();
        // A new id: the one before it was answered.
        let number = format!("\"{}-{}\"", self.first.trim_matches('"'), self.asked);
        let Ok(document) = Document::parse(self.request.clone(), &Bounds::default()) else { return Answered::Missing };
        let mut patches = Patches::default();
        if let Some(id) = document.root().get("id") {
            patches.replace(id, number.clone().into_bytes());
        }
        self.first = number;
        Answered::Again(document.write(&patches))
    }

    /// Takes up a `URLElicitationRequiredError` (2025-11-25, "Error Handling" of elicitation), if this client can be
    /// asked for it.
    fn wants_visits(&mut self, error: Option<Value<'_>>) -> bool {
        let Some(error) = error.filter(|error| error.get("code").and_then(|code| code.as_i64()) == Some(-32042)) else {
            return false;
        };
        let declared = Document::parse(self.capabilities.clone().into(), &Bounds::default());
        let by_url = declared.is_ok_and(|d| d.root().get("elicitation").is_some_and(|e| e.get("url").is_some()));
        if !by_url || !self.may_ask() {
            return false;
        }
        let wanted = error.get("data").and_then(|data| data.get("elicitations"));
        let mut visits = BTreeMap::new();
        for (number, visit) in wanted.into_iter().flat_map(Value::elements).enumerate() {
            let text_of = |name: &str| visit.get(name).and_then(|text| text.as_str()).map(|text| text::quoted(&text));
            let (Some(url), Some(message)) = (text_of("url"), text_of("message")) else { return false };
            let params = format!(r#"{{"mode":"url","message":{message},"url":{url}}}"#);
            let question = format!(r#"{{"method":"elicitation/create","params":{params}}}"#);
            visits.insert(format!("visit-{}-{number}", self.asked), question);
        }
        self.asked += 1;
        if visits.is_empty() || visits.len() > QUESTIONS_MAX || self.asked > QUESTIONS_MAX {
            return false;
        }
        self.visits = visits;
        true
    }

    /// 2026-07-28: only these may ask for input.
    fn may_ask(&self) -> bool {
        matches!(self.method.as_str(), "tools/call" | "prompts/get" | "resources/read")
    }

    /// The answer `input_required`, for what the call waits for.
    pub fn required(&self, state: &str) -> Option<Bytes> {
        let open = self.open.iter().map(|(key, _, question)| (key, question));
        let asked: Vec<String> =
            open.chain(&self.visits).map(|(key, question)| format!("{}:{question}", text::quoted(key))).collect();
        if asked.is_empty() {
            return None;
        }
        let result = format!(
            r#"{{"resultType":"input_required","inputRequests":{{{}}},"requestState":{}}}"#,
            asked.join(","),
            text::quoted(state)
        );
        Some(text::result(&self.id, &result))
    }

    fn question(&mut self, method: &str, id: &str, params: Option<Value<'_>>, certain: bool) -> Vec<Step> {
        let no = |code, why: &str| vec![Step::Up(text::error(id, code, why))];
        let needed = match method {
            "elicitation/create" => "elicitation",
            "sampling/createMessage" => "sampling",
            "roots/list" => "roots",
            _ => return no(-32601, "Method not found"),
        };
        let declared = Document::parse(self.capabilities.clone().into(), &Bounds::default());
        if declared.is_ok_and(|declared| declared.root().get(needed).is_none()) {
            return no(-32601, "The client did not declare this capability.");
        }
        if !self.may_ask() {
            return no(-32603, "Nothing can be asked during this request.");
        }
        if !certain {
            return no(-32603, "It is not certain which call asks.");
        }
        self.asked += 1;
        if self.asked > QUESTIONS_MAX || self.open.is_some() {
            return no(-32603, "There are too many questions.");
        }
        let params = params.map_or_else(|| "{}".to_owned(), text::raw);
        let question = format!(r#"{{"method":{},"params":{params}}}"#, text::quoted(method));
        self.open = Some((format!("question-{}", self.asked), id.to_owned(), question));
        vec![Step::Park]
    }

    fn notice(&self, method: &str, document: &Document, params: Option<Value<'_>>) -> Vec<Step> {
        match method {
            "notifications/progress" => {
                let named = params.and_then(|params| params.get("progressToken"));
                let (Some(named), Some(token)) = (named, &self.token) else { return Vec::new() };
                let mut patches = Patches::default();
                patches.replace(named, token.clone().into_bytes());
                vec![Step::Down(document.write(&patches))]
            }
            "notifications/message" => {
                let level = params.and_then(|params| params.get("level")).and_then(rank);
                let wanted = self.level.is_some_and(|least| level.is_none_or(|level| level >= least));
                if wanted { vec![Step::Down(document.write(&Patches::default()))] } else { Vec::new() }
            }
            // The rest has its place on a listen stream, or none (2026-07-28, "Subscriptions").
            _ => Vec::new(),
        }
    }

    fn answer(&self, document: &Document, result: Option<Value<'_>>, error: Option<Value<'_>>) -> Bytes {
        let mut patches = Patches::default();
        if let Some(id) = document.root().get("id").filter(|id| text::id(*id).as_deref() == Some(&self.first)) {
            patches.replace(id, self.id.clone().into_bytes());
        }
        if let Some(result) = result.filter(|result| result.is_object()) {
            let lists = self.method.ends_with("/list") || self.method == "resources/read";
            let cached: &[(&str, &str)] = if lists { &[("ttlMs", "0"), ("cacheScope", "\"private\"")] } else { &[] };
            for (name, value) in [("resultType", "\"complete\"")].iter().chain(cached) {
                // What a server of an earlier revision means by these names is not what the client would take it for.
                match result.get(name) {
                    Some(there) => patches.replace(there, value.as_bytes().to_vec()),
                    None => patches.append(result, name, value.as_bytes().to_vec()),
                }
            }
        }
        if let Some(code) = error.and_then(|error| error.get("code")) {
            match code.as_i64() {
                Some(-32002) => patches.replace(code, b"-32602".to_vec()),
                // -32042 asks for a visit to a URL, which this client cannot be asked for; codes of 2026-07-28 say what
                // this server cannot mean.
                Some(-32042 | -32022..=-32020) => patches.replace(code, b"-32603".to_vec()),
                _ => {}
            }
        }
        document.write(&patches)
    }
}

fn rank(level: Value<'_>) -> Option<usize> {
    let level = level.as_str()?;
    LEVELS.iter().position(|known| *known == level)
}

/// What a listen stream of the client has of what a server sends unasked; `None` if nothing.
pub fn heard(message: &Bytes, listen: &Listen) -> Option<Bytes> {
    let document = Document::parse(message.clone(), &Bounds::default()).ok()?;
    let frame = envelope(document.root()).ok().filter(|frame| frame.id.is_none())?;
    let method = frame.method.as_deref()?;
    let wanted = match method {
        "notifications/tools/list_changed" => listen.tools,
        "notifications/prompts/list_changed" => listen.prompts,
        "notifications/resources/list_changed" => listen.resources,
        "notifications/resources/updated" => {
            let uri = frame.params.and_then(|params| params.get("uri")).and_then(|uri| uri.as_str())?;
            listen.uris.iter().any(|known| uri.starts_with(known.as_str()))
        }
        _ => false,
    };
    if !wanted {
        return None;
    }
    let named = format!(r#""{META}subscriptionId":{}"#, listen.id);
    let mut patches = Patches::default();
    match frame.params {
        None => patches.append(document.root(), "params", format!(r#"{{"_meta":{{{named}}}}}"#).into_bytes()),
        Some(params) => match params.get("_meta") {
            Some(meta) => patches.replace(meta, format!("{{{named}}}").into_bytes()),
            None => patches.append(params, "_meta", format!("{{{named}}}").into_bytes()),
        },
    }
    Some(document.write(&patches))
}

/// What a client listens for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listen {
    /// Id of the request, JSON: what it hears is marked by it.
    pub id: String,
    tools: bool,
    prompts: bool,
    resources: bool,
    /// Resources.
    pub uris: Vec<String>,
}

impl Listen {
    /// Reads the request.
    pub fn read(message: &Bytes) -> Option<Self> {
        let document = Document::parse(message.clone(), &Bounds::default()).ok()?;
        let frame = envelope(document.root()).ok()?;
        let wanted = frame.params?.get("notifications")?;
        let flag = |name: &str| wanted.get(name).is_some_and(|flag| flag.raw() == b"true");
        let uris = wanted.get("resourceSubscriptions").into_iter().flat_map(Value::elements);
        Some(Self {
            id: frame.id?,
            tools: flag("toolsListChanged"),
            prompts: flag("promptsListChanged"),
            resources: flag("resourcesListChanged"),
            uris: uris.filter_map(|uri| Some(uri.as_str()?.into_owned())).collect(),
        })
    }

    /// `notifications/subscriptions/acknowledged`, the first message of the stream.
    pub fn acknowledged(&self) -> Bytes {
        let uris: Vec<String> = self.uris.iter().map(|uri| text::quoted(uri)).collect();
        let flags = [
            ("toolsListChanged", self.tools),
            ("promptsListChanged", self.prompts),
            ("resourcesListChanged", self.resources),
        ];
        let mut honoured: Vec<String> =
            flags.iter().filter(|(_, wanted)| *wanted).map(|(name, _)| format!("\"{name}\":true")).collect();
        if !uris.is_empty() {
            honoured.push(format!("\"resourceSubscriptions\":[{}]", uris.join(",")));
        }
        let params =
            format!(r#"{{"notifications":{{{}}},"_meta":{{"{META}subscriptionId":{}}}}}"#, honoured.join(","), self.id);
        text::notice("notifications/subscriptions/acknowledged", &params)
    }
}
