//! Bytes and header facts → [`Message`]. Total over arbitrary bytes; whatever is accepted has one
//! reading, and that reading is what gets re-encoded and sent.
use super::headers;
use super::method::{self, Class, Method, Sender};
use super::revision::{Era, Revision};
use super::spelling::respelled;
use crate::kernel::inbound::{HeaderFacts, Inbound, Verb};
use crate::kernel::json::{Bounds, Document, Fault, Kind, Value};
use crate::kernel::refusal::{Reason, Refusal};
use crate::kernel::tasks::Task;
use bytes::Bytes;

const META_VERSION: &str = "io.modelcontextprotocol/protocolVersion";
const META_CAPABILITIES: &str = "io.modelcontextprotocol/clientCapabilities";
const ID_BYTES_MAX: usize = 256;

/// What a message names, which is what policy is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// Nothing in particular.
    None,
    /// A tool.
    Tool(String),
    /// A prompt.
    Prompt(String),
    /// A resource, or a resource template in a completion.
    Resource(String),
    /// Resources whose updates are asked for.
    Resources(Vec<String>),
    /// A task, by its id: as the client has it, and as the server has it once it was opened.
    Task(String),
}

/// The shape of a JSON-RPC message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Has a method and an id.
    Request,
    /// Has a method and no id.
    Notification,
    /// Has an id and a result or an error.
    Response,
}

/// A decoded client message.
#[derive(Debug)]
pub struct Message {
    /// The text it was decoded from; absent for GET and DELETE.
    pub document: Option<Document>,
    /// Its shape.
    pub shape: Shape,
    /// Row of the method; for a response, of what it answers (`ping` stands in).
    pub method: &'static Method,
    /// Request id, as JSON.
    pub id: Option<String>,
    /// What it names; of a response, what the call was about in which the question came, where that is known.
    pub target: Target,
    /// The revision it speaks.
    pub revision: Revision,
    /// `Mcp-Param-*` to pass on.
    pub params: Vec<(String, String)>,
    /// Upstream's event id to resume after (GET).
    pub last_event_id: Option<String>,
    /// The task that it is about, once its id was opened.
    pub task: Option<Task>,
}

/// What is known of the session a message claims, before it is decoded.
#[derive(Clone, Copy, Debug)]
pub struct SessionFacts {
    /// The revision agreed on.
    pub revision: Revision,
}

impl Message {
    /// `params`, if any.
    pub fn params(&self) -> Option<Value<'_>> {
        self.document.as_ref()?.root().get("params")
    }

    /// `params.arguments` of a call or a prompt, if any. Nothing else has some: what stands there under that name is
    /// nothing that a condition could go by.
    pub fn arguments(&self) -> Option<Value<'_>> {
        let has = matches!(self.method.class, Class::CallTool | Class::GetPrompt);
        self.params().filter(|_| has)?.get("arguments")
    }

    /// Whether it is about something that a contract of the server has: a list, or a thing of one.
    pub fn uses_contract(&self) -> bool {
        let lists = [Class::ListTools, Class::ListPrompts, Class::ListResources, Class::ListTemplates];
        let names = !matches!(self.target, Target::None | Target::Task(_));
        self.shape == Shape::Request && (names || lists.contains(&self.method.class))
    }
}

/// Decodes what a client sent.
pub fn decode(inbound: Inbound, session: Option<SessionFacts>, bounds: &Bounds) -> Result<Message, Refusal> {
    let Inbound { verb, headers, body } = inbound;
    match verb {
        Verb::Post => decode_post(headers, body, session, bounds),
        Verb::Get | Verb::Delete => {
            let session = session.ok_or(Reason::VerbUnknown)?;
            check_session_version(&headers, session)?;
            Ok(Message {
                document: None,
                shape: Shape::Request,
                method: if verb == Verb::Get { &method::OPEN_STREAM } else { &method::END_SESSION },
                id: None,
                target: Target::None,
                revision: session.revision,
                params: Vec::new(),
                last_event_id: headers.last_event_id,
                task: None,
            })
        }
    }
}

fn decode_post(
    headers: HeaderFacts,
    body: Bytes,
    session: Option<SessionFacts>,
    bounds: &Bounds,
) -> Result<Message, Refusal> {
    let document = Document::parse(body, bounds).map_err(|fault| match fault {
        Fault::TooLarge => Reason::BodyTooLarge,
        Fault::TooDeep | Fault::TooManyNodes => Reason::JsonTooComplex,
        Fault::DuplicateKey => Reason::JsonKeyRepeated,
        Fault::Encoding | Fault::Syntax => Reason::JsonMalformed,
    })?;
    if document.root().is_array() {
        return Err(Reason::BatchNotServed.into());
    }
    let envelope = envelope(document.root())?;
    let (shape, method, revision, target) =
        understand(&document, &envelope, &headers, session).map_err(|refusal| match &envelope {
            Envelope { id: Some(id), method: Some(_), .. } => refusal.for_id(Some(id.clone())),
            _ => refusal.for_no_request(),
        })?;
    Ok(Message {
        id: envelope.id,
        document: Some(document),
        shape,
        method,
        target,
        revision,
        params: headers.params,
        last_event_id: None,
        task: None,
    })
}

/// Members of a JSON-RPC message (JSON-RPC 2.0, section 4).
pub struct Envelope<'a> {
    /// Request id, as JSON.
    pub id: Option<String>,
    /// `method`.
    pub method: Option<std::borrow::Cow<'a, str>>,
    /// `params`.
    pub params: Option<Value<'a>>,
    /// `result`.
    pub result: Option<Value<'a>>,
    /// `error`.
    pub error: Option<Value<'a>>,
}

/// Reads the envelope of either side's message. Exactly one reading, or a refusal.
pub fn envelope(root: Value<'_>) -> Result<Envelope<'_>, Refusal> {
    let malformed = || Refusal::from(Reason::EnvelopeMalformed);
    if !root.is_object() {
        return Err(malformed());
    }
    let mut found = Envelope { id: None, method: None, params: None, result: None, error: None };
    let mut version = false;
    for (key, value) in root.entries() {
        match &*key.text() {
            "jsonrpc" => version = value.as_str().as_deref() == Some("2.0"),
            "id" => found.id = request_id(value).ok_or_else(malformed)?,
            "method" => found.method = Some(value.as_str().ok_or_else(malformed)?),
            "params" if value.is_object() => found.params = Some(value),
            "result" => found.result = Some(value),
            "error" if value.is_object() => found.error = Some(value),
            _ => return Err(malformed()),
        }
    }
    let answers = usize::from(found.result.is_some()) + usize::from(found.error.is_some());
    let one_kind = if found.method.is_some() { answers == 0 } else { answers == 1 && found.params.is_none() };
    if version && one_kind { Ok(found) } else { Err(malformed()) }
}

/// `Some(None)` for `null`, which only an error about an unreadable request may carry.
#[allow(clippy::option_option, reason = "three outcomes: malformed, null, an id")]
fn request_id(value: Value<'_>) -> Option<Option<String>> {
    match value.kind() {
        Kind::Null => Some(None),
        Kind::Number => value.as_i64().map(|number| Some(number.to_string())),
        // Bounded as it will be written: a plainer spelling may be longer than the one that came.
        Kind::String { .. } => String::from_utf8(crate::kernel::json::string(&value.as_str()?))
            .ok()
            .filter(|id| id.len() <= ID_BYTES_MAX)
            .map(Some),
        _ => None,
    }
}

type Understood = (Shape, &'static Method, Revision, Target);

fn understand(
    document: &Document,
    envelope: &Envelope<'_>,
    headers: &HeaderFacts,
    session: Option<SessionFacts>,
) -> Result<Understood, Refusal> {
    let Some(name) = envelope.method.as_deref() else {
        // A response: only sessions have questions from the server that it could answer.
        let session = session.ok_or(Reason::SessionMissing)?;
        check_session_version(headers, session)?;
        let ping = method::find("ping").ok_or(Reason::Internal)?;
        if envelope.id.is_none() {
            return Err(Reason::EnvelopeMalformed.into());
        }
        return Ok((Shape::Response, ping, session.revision, Target::None));
    };
    let request = envelope.id.is_some();
    if !request && document.root().get("id").is_some() {
        return Err(Reason::EnvelopeMalformed.into());
    }
    if let Some(params) = envelope.params {
        unambiguous_names(params)?;
    }
    let revision = match classify(envelope, headers, session) {
        // It says itself that it has no sessions.
        Era::Modern if headers.endpoint => return Err(Reason::RevisionNotOfSession.into()),
        Era::Modern => modern_revision(envelope, headers)?,
        Era::Legacy => legacy_revision(name, envelope, headers, session)?,
    };
    let row = method::find(name)
        .filter(|row| row.exists_in(revision) && row.sender != Sender::Server)
        .ok_or_else(|| Refusal::method(Reason::MethodUnknown, revision.era()))?;
    if row.request != request {
        return Err(Reason::EnvelopeMalformed.into());
    }
    let mut target = target(row, envelope.params)?;
    if row.class == Class::Task && headers.name.is_none() {
        // Whether that matters depends on whether tasks are served: see `decide`.
        target = Target::None;
    }
    if revision.era() == Era::Modern {
        names_agree(row, &target, headers)?;
    }
    Ok((if request { Shape::Request } else { Shape::Notification }, row, revision, target))
}

/// Which era a POST speaks: its own claim in `_meta` first, then its method, session and headers.
fn classify(envelope: &Envelope<'_>, headers: &HeaderFacts, session: Option<SessionFacts>) -> Era {
    let claims = envelope.params.and_then(|p| p.get("_meta")).is_some_and(|meta| meta.get(META_VERSION).is_some());
    let header = headers.protocol_version.as_deref();
    if claims {
        Era::Modern
    } else if envelope.method.as_deref() == Some("initialize") || session.is_some() {
        Era::Legacy
    } else if headers.method.is_some()
        || header.is_some_and(|version| Revision::parse(version).is_none_or(|r| r.era() == Era::Modern))
    {
        Era::Modern
    } else {
        Era::Legacy
    }
}

fn modern_revision(envelope: &Envelope<'_>, headers: &HeaderFacts) -> Result<Revision, Refusal> {
    let meta = envelope.params.and_then(|p| p.get("_meta")).filter(|m| m.is_object()).ok_or(Reason::MetaMissing)?;
    let claimed = meta.get(META_VERSION).and_then(|v| v.as_str()).ok_or(Reason::MetaMissing)?;
    if !meta.get(META_CAPABILITIES).is_some_and(|v| v.is_object()) {
        return Err(Reason::MetaMissing.into());
    }
    if headers.protocol_version.as_deref() != Some(&*claimed) || headers.method.as_deref() != envelope.method.as_deref()
    {
        return Err(Reason::HeaderDisagreesWithBody.into());
    }
    Revision::parse(&claimed).filter(|r| r.era() == Era::Modern).ok_or_else(|| {
        let mut refusal = Refusal::new(Reason::RevisionUnsupported);
        refusal.requested = Some(claimed.chars().take(64).collect());
        refusal
    })
}

fn legacy_revision(
    name: &str,
    envelope: &Envelope<'_>,
    headers: &HeaderFacts,
    session: Option<SessionFacts>,
) -> Result<Revision, Refusal> {
    // Not required in these revisions and never forwarded, but somebody in front may route by it.
    if headers.method.as_deref().is_some_and(|method| method != name) {
        return Err(Reason::HeaderDisagreesWithBody.into());
    }
    if name == "initialize" {
        if session.is_some() {
            return Err(Reason::EnvelopeMalformed.into());
        }
        let asked = envelope.params.and_then(|p| p.get("protocolVersion")).and_then(|v| v.as_str());
        let asked = asked.ok_or(Reason::ParamsMalformed)?;
        // An unknown or unserved wish is legal: the server then offers a version of its own.
        return Ok(Revision::parse(&asked).filter(|r| r.era() == Era::Legacy).unwrap_or(Revision::V2025_11_25));
    }
    let session = session.ok_or(Reason::SessionMissing)?;
    check_session_version(headers, session)?;
    Ok(session.revision)
}

fn check_session_version(headers: &HeaderFacts, session: SessionFacts) -> Result<(), Refusal> {
    match headers.protocol_version.as_deref() {
        Some(version) if version != session.revision.as_str() => Err(Reason::RevisionNotOfSession.into()),
        // 2025-06-18, "Protocol Version Header": a server that can identify the version otherwise need not assume.
        _ => Ok(()),
    }
}

/// Parameter names that another parser may read case-insensitively must not come in two spellings.
fn unambiguous_names(params: Value<'_>) -> Result<(), Refusal> {
    const WORDS: &[&str] = &[
        "name",
        "uri",
        "arguments",
        "_meta",
        "cursor",
        "ref",
        "task",
        "taskId",
        "requestState",
        "inputResponses",
        "protocolVersion",
        "capabilities",
        "clientInfo",
        "notifications",
        "level",
        "argument",
        "context",
    ];
    let reference = params.get("ref").and_then(|reference| respelled(reference, &["type", "name", "uri"]));
    match respelled(params, WORDS).or(reference) {
        Some(word) => Err(Refusal::from(Reason::ParamsMalformed).detail(format!("`{word}` in another spelling"))),
        None => Ok(()),
    }
}

fn target(row: &Method, params: Option<Value<'_>>) -> Result<Target, Refusal> {
    let text = |key: &str| -> Result<String, Refusal> {
        let value = params.and_then(|p| p.get(key)).and_then(|v| v.as_str()).ok_or(Reason::ParamsMalformed)?;
        if value.len() > 2048 { Err(Reason::ParamsMalformed.into()) } else { Ok(value.into_owned()) }
    };
    if matches!(row.class, Class::CallTool | Class::GetPrompt) {
        let arguments = params.and_then(|p| p.get("arguments"));
        if arguments.is_some_and(|value| !value.is_object()) {
            return Err(Refusal::from(Reason::ParamsMalformed).detail("arguments is not an object"));
        }
    }
    Ok(match row.class {
        Class::CallTool => Target::Tool(text("name")?),
        Class::GetPrompt => Target::Prompt(text("name")?),
        Class::Resource => Target::Resource(text("uri")?),
        Class::Complete => {
            let reference = params.and_then(|p| p.get("ref")).ok_or(Reason::ParamsMalformed)?;
            let field = |key: &str| reference.get(key).and_then(|v| v.as_str()).map(|s| s.into_owned());
            match field("type").as_deref() {
                Some("ref/prompt") => Target::Prompt(field("name").ok_or(Reason::ParamsMalformed)?),
                Some("ref/resource") => Target::Resource(field("uri").ok_or(Reason::ParamsMalformed)?),
                _ => return Err(Reason::ParamsMalformed.into()),
            }
        }
        Class::Listen => {
            let wanted = params.and_then(|p| p.get("notifications")).filter(|n| n.is_object());
            let wanted = wanted.ok_or(Reason::ParamsMalformed)?;
            let mut uris = Vec::new();
            for (key, value) in wanted.entries() {
                match (&*key.text(), value.kind()) {
                    ("toolsListChanged" | "promptsListChanged" | "resourcesListChanged", Kind::Bool(_)) => {}
                    ("resourceSubscriptions", Kind::Array) => {
                        for uri in value.elements().take(1024) {
                            uris.push(uri.as_str().ok_or(Reason::ParamsMalformed)?.into_owned());
                        }
                        if value.elements().count() > uris.len() {
                            return Err(Reason::ParamsMalformed.into());
                        }
                    }
                    ("taskIds", _) => return Err(Reason::MethodNotServed.into()),
                    _ => return Err(Reason::ParamsMalformed.into()),
                }
            }
            Target::Resources(uris)
        }
        Class::Task if params.and_then(|p| p.get("taskId")).is_some() => Target::Task(text("taskId")?),
        _ => Target::None,
    })
}

fn names_agree(row: &Method, target: &Target, headers: &HeaderFacts) -> Result<(), Refusal> {
    let named = match (row.class, target) {
        (Class::CallTool, Target::Tool(name)) | (Class::GetPrompt, Target::Prompt(name)) => name,
        (Class::Resource, Target::Resource(uri)) => uri,
        // The extension's own rule ("Streamable HTTP: Routing Headers").
        (Class::Task, Target::Task(id)) => id,
        _ => return Ok(()),
    };
    let header = headers.name.as_deref().and_then(headers::decode_value);
    let params_decode = headers.params.iter().all(|(_, value)| headers::decode_value(value).is_some());
    if header.as_deref() == Some(named) && params_decode { Ok(()) } else { Err(Reason::HeaderDisagreesWithBody.into()) }
}
