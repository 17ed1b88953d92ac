//! Sensitive data in messages: what the policy's `redact` table says, applied to what the engine found.
//!
//! It happens before anything is judged, so that what is judged is what is sent: conditions, schemas and digests are
//! of the rewritten message. What must stay as it is to mean anything, such as the name of a tool, is not rewritten;
//! sensitive data there is refused. Lists are left alone: what a server offers is held by its contract, and every
//! word of it was reviewed.
pub mod keys;

use crate::kernel::contract::schema::Schema;
use crate::kernel::contract::widget::{is_interface, is_widget};
use crate::kernel::facts::Facts;
use crate::kernel::json::{Document, Patches, Value, string};
use crate::kernel::mcp::decode::{Envelope, Message, Shape, Target, envelope};
use crate::kernel::mcp::method::{Class, Method};
use crate::kernel::mcp::mirror::{Mirrors, Says};
use crate::kernel::policy::compile::{Redact, Redaction, ServerPolicy, is_about};
use crate::kernel::policy::source::{Direction, RedactAction};
use crate::kernel::principal::Principal;
use crate::kernel::redact::cover::{mask, placeholder};
use crate::kernel::redact::effort::Effort;
use crate::kernel::redact::{Context, Edit, Finding, Findings, Kind, Place, rewrite};
use crate::kernel::refusal::{Reason, Refusal};
use keys::About;
use std::collections::BTreeMap;

/// How many values of which type met which action. Never the values.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts(BTreeMap<(String, RedactAction), u32>);

impl Counts {
    /// Whether nothing was found that the policy is about.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Types with what happened to them and how often.
    pub fn iter(&self) -> impl Iterator<Item = (&str, RedactAction, u32)> {
        self.0.iter().map(|((kind, action), count)| (kind.as_str(), *action, *count))
    }

    /// Adds others.
    pub fn add(&mut self, other: &Self) {
        for (what, count) in &other.0 {
            let sum = self.0.entry(what.clone()).or_default();
            *sum = sum.saturating_add(*count);
        }
    }
}

/// Whose message, and about what.
#[derive(Clone, Copy)]
pub struct Passage<'a> {
    /// The server's policy.
    pub server: &'a ServerPolicy,
    /// The caller.
    pub principal: &'a Principal,
    /// What the message, or the one it answers, names; `None` if that may be any tool.
    pub target: Option<&'a Target>,
    /// Time and keys.
    pub facts: &'a Facts,
}

/// Entries of a tool's result, and of a text block in it, that the protocol has; none of them tells what a value is.
const RESULT: &[&str] = &["content", "structuredContent", "isError", "resultType", "_meta"];
const BLOCK: &[&str] = &["type", "text", "annotations", "_meta"];

/// What is done about what is found in one message.
struct Desk<'a> {
    redaction: &'a Redaction,
    rules: Vec<&'a Redact>,
    passage: Passage<'a>,
    counts: Counts,
    /// The type of the first value that keeps the message back.
    blocked: Option<String>,
    /// What may still be done to look through the message, and whether that was too little.
    effort: Effort,
    unread: bool,
}

impl<'a> Desk<'a> {
    /// For a message of so many bytes; `None` if the policy has nothing to say about such a message.
    fn open(passage: Passage<'a>, direction: Direction, bytes: usize) -> Option<Self> {
        let redaction = passage.server.redaction.as_ref()?;
        let concerns = |rule: &&Redact| rule.concerns(direction, passage.target, passage.principal);
        let rules: Vec<&Redact> = redaction.rules.iter().filter(concerns).collect();
        (!rules.is_empty()).then(|| Self {
            redaction,
            rules,
            passage,
            counts: Counts::default(),
            blocked: None,
            effort: Effort::of(bytes),
            unread: false,
        })
    }

    fn decide(&mut self, kind: Kind, value: &str) -> Verdict {
        if kind == Kind::Unread {
            // Who only counts gets no number.
            self.unread |= self.rules.iter().any(|rule| rule.action != RedactAction::Observe);
            return Verdict::Stays;
        }
        let Some(rule) = self.rules.iter().find(|rule| rule.kinds.contains(&kind)) else {
            return Verdict::Stays;
        };
        let name = self.redaction.engine.name(kind);
        let count = self.counts.0.entry((name.to_owned(), rule.action)).or_default();
        *count = count.saturating_add(1);
        let about = About { server: &self.passage.server.name, kind: name, now: self.passage.facts.now };
        let keys = self.passage.facts.keys.as_deref();
        let instead = match rule.action {
            RedactAction::Observe => return Verdict::Stays,
            RedactAction::Drop => return Verdict::Goes,
            RedactAction::Block => {
                self.blocked.get_or_insert_with(|| name.to_owned());
                return Verdict::Stays;
            }
            RedactAction::Mask => Some(mask(kind, value)),
            RedactAction::Hash => keys.map(|keys| keys.hash(about, value)),
            RedactAction::Tokenise => keys.and_then(|keys| keys.token(about, value, rule.expires)),
            RedactAction::Replace => None,
        };
        // Without a key, or for a value too long for a token, the least that hides it.
        Verdict::Instead(instead.unwrap_or_else(|| placeholder(name)))
    }

    /// Looks through what must not change: anything there that would have to is a reason to refuse.
    fn fixed(&mut self, document: &Document, value: Value<'_>) {
        let engine = &self.redaction.engine;
        engine.scan_within(value, &|_| false, &self.effort).each(document, &mut |finding| {
            if self.decide(finding.kind, finding.value) != Verdict::Stays {
                self.blocked.get_or_insert_with(|| engine.name(finding.kind).to_owned());
            }
        });
    }

    fn edit(
        &mut self,
        document: &Document,
        value: Value<'_>,
        whole: &dyn Fn(Value<'_>) -> bool,
        patches: &mut Patches,
    ) {
        let findings = self.redaction.engine.scan_within(value, whole, &self.effort);
        self.rewrite(document, &findings, patches);
    }

    /// The same for a result. A text that repeats the structured result is not looked through once more: what was found
    /// in one is found in the other.
    fn edit_result<'d>(
        &mut self,
        (document, mirrors): (&'d Document, &Mirrors<'d>),
        result: Value<'d>,
        whole: &dyn Fn(Value<'_>) -> bool,
        patches: &mut Patches,
    ) {
        let engine = &self.redaction.engine;
        let structured = result.get("structuredContent").filter(|value| value.is_object());
        // What a value is told by is the same in both: no keys around it but those that the protocol has.
        let plain = !engine.has_paths() && result.entries().all(|(key, _)| RESULT.iter().any(|known| key.is(known)));
        let Some(structured) = structured.filter(|value| plain && !whole(*value)) else {
            return self.edit(document, result, whole, patches);
        };
        let all = mirrors.of(result);
        let repeated = all.iter().filter(|mirror| {
            let plain = mirror.block.entries().all(|(key, _)| BLOCK.iter().any(|known| key.is(known)))
                && mirror.block.get("type").is_some_and(|kind| kind.says(b"text"));
            plain && matches!(mirror.says, Says::Same | Says::Twin(_)) && !whole(mirror.block) && !whole(mirror.text)
        });
        let repeated: Vec<_> = repeated.collect();
        let texts: Own = repeated.iter().map(|mirror| mirror.text).collect();
        let mut findings = engine.scan_within(result, &|value| whole(value) || texts.has(value), &self.effort);
        let again = repeated.iter().map(|mirror| match &mirror.says {
            Says::Twin(spelled) => (mirror.text, spelled.clone()),
            _ => (mirror.text, document.part(structured)),
        });
        findings.repeat(structured, again);
        self.rewrite(document, &findings, patches);
    }

    /// Why the message may not go on, if it may not.
    fn refuses(&self, direction: Direction) -> Option<Refusal> {
        let (dense, sensitive) = match direction {
            Direction::Arguments => (Reason::ArgumentsTooDense, Reason::SensitiveArguments),
            Direction::Results => (Reason::ReplyTooDense, Reason::SensitiveReply),
        };
        let blocked = self.blocked.as_ref().map(|kind| blocked_by(sensitive, kind));
        blocked.or_else(|| self.unread.then(|| dense.into()))
    }

    fn rewrite(&mut self, document: &Document, findings: &Findings, patches: &mut Patches) {
        if !findings.is_empty() {
            patches
                .extend(rewrite(document, findings, |finding| self.decide(finding.kind, finding.value).edit(finding)));
        }
    }
}

/// What is to become of a value.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Stays,
    Instead(String),
    Goes,
}

impl Verdict {
    fn edit(self, finding: &Finding<'_>) -> Edit {
        match self {
            Self::Stays => Edit::Keep,
            Self::Instead(text) => Edit::Replace(text),
            // A text block without its text is none; a longer text goes on without the value.
            Self::Goes => {
                let whole = finding.text.trim().len() == finding.value.len();
                let needed = finding.under_text && finding.place == Place::Text;
                if whole && !needed { Edit::Drop } else { Edit::Replace(String::new()) }
            }
        }
    }
}

/// What a client's message was rewritten to.
pub struct Sent {
    /// The message.
    pub message: Message,
    /// What was found in it.
    pub counts: Counts,
}

/// A client's message as it may go on: sensitive data rewritten as the policy says, and tokens turned back for callers
/// who may have that.
pub fn sent(
    server: &ServerPolicy,
    principal: &Principal,
    message: Message,
    facts: &Facts,
) -> Result<Sent, (Refusal, Counts)> {
    let nothing = |message| Ok(Sent { message, counts: Counts::default() });
    if server.redaction.is_none() {
        return nothing(message);
    }
    let Some(document) = &message.document else {
        return nothing(message);
    };
    let mut patches = Patches::default();
    let mut counts = Counts::default();
    let tool = message.task.as_ref().map(|task| Target::Tool(task.tool.clone()));
    let unknown = message.shape == Shape::Response && message.target == Target::None;
    let target = tool.as_ref().or(Some(&message.target).filter(|_| !unknown));
    let passage = Passage { server, principal, target, facts };
    let root = document.root();
    let mut refused = None;
    if let Some(mut desk) = Desk::open(passage, Direction::Arguments, document.text().len()) {
        match message.shape {
            Shape::Response => {
                for part in ["result", "error"].into_iter().filter_map(|key| root.get(key)) {
                    desk.edit(document, part, &|_| false, &mut patches);
                }
            }
            Shape::Request | Shape::Notification => {
                for (key, value) in root.get("params").into_iter().flat_map(Value::entries) {
                    match &*key.text() {
                        // Given out by the server or by this gateway, and meaningless to anybody else.
                        "cursor" | "requestState" | "taskId" | "requestId" | "progressToken" => {}
                        "name" | "uri" | "ref" | "notifications" => desk.fixed(document, value),
                        "_meta" => {
                            let own: Own = of_protocol(value).collect();
                            desk.edit(document, value, &|within| own.has(within), &mut patches);
                        }
                        _ => desk.edit(document, value, &|_| false, &mut patches),
                    }
                }
            }
        }
        refused = desk.refuses(Direction::Arguments);
        counts = desk.counts;
    }
    if let Some(refusal) = refused {
        return Err((refusal.for_id(message.id.clone()), counts));
    }
    reveal(&message, passage, &mut patches);
    if patches.is_empty() {
        return Ok(Sent { message, counts });
    }
    // A header that mirrors an argument would go on saying what was taken out of it.
    if !message.params.is_empty() {
        let refusal = Refusal::from(Reason::SensitiveArguments).detail("an argument that a header mirrors");
        return Err((refusal.for_id(message.id.clone()), counts));
    }
    match read(document.write(&patches)) {
        Ok(document) => Ok(Sent { message: Message { document: Some(document), ..message }, counts }),
        Err(refusal) => Err((refusal.for_id(message.id.clone()), counts)),
    }
}

/// What would become of a sample, JSON or plain text, on its way: the text, what was found, and the type that would keep
/// it back.
pub fn sample(passage: Passage<'_>, direction: Direction, text: &str) -> (String, Counts, Option<String>) {
    let Some(mut desk) = Desk::open(passage, direction, text.len()) else {
        return (text.to_owned(), Counts::default(), None);
    };
    let engine = &desk.redaction.engine;
    let out = engine.rewrite_wire(text, |finding| desk.decide(finding.kind, finding.value).edit(finding));
    let unread = desk.unread.then(|| Kind::Unread.name().to_owned());
    (out, desk.counts, desk.blocked.or(unread))
}

/// Tokens in arguments, turned back for callers who may have that.
fn reveal(message: &Message, passage: Passage<'_>, patches: &mut Patches) {
    let Passage { server, principal, target, facts } = passage;
    let (Some(redaction), Some(keys), Some(arguments)) = (&server.redaction, &facts.keys, message.arguments()) else {
        return;
    };
    let may: Vec<&Redact> = redaction
        .rules
        .iter()
        .filter(|rule| rule.reveal.as_ref().is_some_and(|callers| callers.have(principal)))
        .filter(|rule| target.is_some_and(|target| is_about(rule.tools.as_deref(), target)))
        .collect();
    if may.is_empty() {
        return;
    }
    let named = |kind: &str| may.iter().any(|rule| rule.kinds.iter().any(|of| redaction.engine.name(*of) == kind));
    let mut open = vec![arguments];
    while let Some(value) = open.pop() {
        open.extend(value.elements());
        open.extend(value.entries().map(|(_, value)| value));
        let Some(text) = value.as_str().filter(|text| text.contains('~') && !patches.touch(value)) else { continue };
        if let Some(revealed) = keys.reveal(&server.name, facts.now, &text, &named) {
            patches.replace(value, string(&revealed));
        }
    }
}

/// What came before on one exchange: how much was found, and the end of the last text that may go on in the next
/// message.
#[derive(Default)]
pub struct Past {
    /// What was found so far.
    pub counts: Counts,
    /// Whose text, and its end.
    whose: String,
    tail: String,
}

/// Longest end of a text that is kept, in bytes: longer than any number, address or date.
const TAIL_MAX: usize = 256;
/// How much room is kept for it from one message to the next.
const ROOM_MAX: usize = 8 * TAIL_MAX;

impl Past {
    /// A value that began in the message before and ends in this one: what of it is in this one is rewritten. Log
    /// messages of one logger and progress of one call are taken for one text each.
    fn join(
        &mut self,
        document: &Document,
        frame: &Envelope<'_>,
        desk: &mut Desk<'_>,
    ) -> Result<Option<Document>, Refusal> {
        let (whose, text) = match frame.method.as_deref() {
            Some("notifications/message") => ("logger", "data"),
            Some("notifications/progress") => ("progressToken", "message"),
            _ => return Ok(None),
        };
        let of = |key: &str| frame.params.and_then(|params| params.get(key));
        let Some((value, text)) = of(text).and_then(|value| Some((value, value.as_str()?))) else {
            return Ok(None);
        };
        let id = of(whose).map_or("", Value::spelling);
        if self.whose.strip_prefix(whose) != Some(id) {
            self.whose.clear();
            self.tail.clear();
            self.whose.push_str(whose);
            self.whose.push_str(id);
        }
        let begun = self.tail.len();
        self.tail.push_str(&text);
        if begun == 0 {
            self.forget();
            return Ok(None);
        }
        let spans = desk.redaction.engine.scan_text(&self.tail, &Context::default());
        let across = spans.iter().find(|span| span.start < begun && span.end > begun);
        let edit = across.and_then(|span| {
            let found = self.tail.get(span.start..span.end)?;
            Some((desk.decide(span.kind, found), span.end))
        });
        let (mut instead, end) = match edit {
            None | Some((Verdict::Stays, _)) => {
                self.forget();
                return Ok(None);
            }
            Some((Verdict::Goes, end)) => (String::new(), end),
            Some((Verdict::Instead(instead), end)) => (instead, end),
        };
        instead.push_str(self.tail.get(end..).unwrap_or_default());
        // The rest of it does not go on in a third message.
        self.tail.clear();
        let mut patches = Patches::default();
        patches.replace(value, string(&instead));
        read(document.write(&patches)).map(Some)
    }

    /// Keeps of the text no more than its end.
    fn forget(&mut self) {
        let kept = self.tail.ceil_char_boundary(self.tail.len().saturating_sub(TAIL_MAX));
        self.tail.drain(..kept);
        if self.tail.capacity() > ROOM_MAX {
            self.tail.shrink_to(ROOM_MAX);
        }
    }
}

/// A message as it was rewritten.
fn read(text: bytes::Bytes) -> Result<Document, Refusal> {
    Document::reread(text).map_err(|_| Refusal::from(Reason::Internal))
}

/// What hosts show as a user interface.
fn is_user_interface(content: Value<'_>) -> bool {
    let text = |key: &str| content.get(key).and_then(Value::as_str);
    text("uri").is_some_and(|uri| is_interface(&uri)) || text("mimeType").is_some_and(|mime| is_widget(&mime))
}

/// A server's message as it may be shown: `None` if it stays as it is. `method` is that of the request it answers, if
/// it answers one; `schema` is what a structured result must fit.
pub fn shown<'d>(
    (document, frame): (&'d Document, &Envelope<'d>),
    mirrors: &Mirrors<'d>,
    passage: Passage<'_>,
    method: Option<&Method>,
    schema: Option<&Schema>,
    past: &mut Past,
) -> Result<Option<Document>, Refusal> {
    if passage.server.redaction.is_none() || method.is_some_and(is_list) {
        return Ok(None);
    }
    let Some(mut desk) = Desk::open(passage, Direction::Results, document.text().len()) else {
        return Ok(None);
    };
    let rewritten = match past.join(document, frame, &mut desk)? {
        Some(joined) => {
            let frame = envelope(joined.root())?;
            rewritten((&joined, &frame), &Mirrors::default(), &mut desk, schema).map(|again| again.or(Some(joined)))
        }
        None => rewritten((document, frame), mirrors, &mut desk, schema),
    };
    past.counts.add(&desk.counts);
    rewritten
}

/// The message without what the desk keeps back; `None` if it stays as it is.
fn rewritten<'d>(
    (document, frame): (&'d Document, &Envelope<'d>),
    mirrors: &Mirrors<'d>,
    desk: &mut Desk<'_>,
    schema: Option<&Schema>,
) -> Result<Option<Document>, Refusal> {
    let mut patches = Patches::default();
    if let Some(params) = frame.params {
        let own = handles(params);
        desk.edit(document, params, &|value| own.has(value), &mut patches);
    }
    if let Some(result) = frame.result {
        let mut own = handles(result);
        // What was asked for, by the name it was asked for.
        let contents = || result.get("contents").into_iter().flat_map(Value::elements);
        let asked = |uri: &Value<'_>| matches!(desk.passage.target, Some(Target::Resource(asked)) if uri.says(asked.as_bytes()));
        own.add(contents().filter_map(|content| content.get("uri")).filter(asked));
        if desk.passage.server.contract.published.is_some() {
            // To the byte what was approved, or refused for that.
            let blocks = result.get("content").into_iter().flat_map(Value::elements);
            let messages = result.get("messages").into_iter().flat_map(Value::elements);
            let blocks = blocks.chain(messages.filter_map(|message| message.get("content")));
            let embedded = blocks.filter_map(|block| block.get("resource"));
            own.add(contents().chain(embedded).filter(|content| is_user_interface(*content)));
        }
        desk.edit_result((document, mirrors), result, &|value| own.has(value), &mut patches);
    }
    if let Some(error) = frame.error {
        let own = |value: Value<'_>| error.get("code").is_some_and(|code| code.place() == value.place());
        desk.edit(document, error, &own, &mut patches);
    }
    if let Some(refusal) = desk.refuses(Direction::Results) {
        return Err(refusal);
    }
    if patches.is_empty() {
        return Ok(None);
    }
    let rewritten = read(document.write(&patches))?;
    let fits = |document: &Document| match (schema, structured(document)) {
        (Some(schema), Some(value)) => schema
            .validate(value)
            .map_err(|mismatches| mismatches.into_iter().map(|mismatch| mismatch.pointer).collect::<Vec<_>>()),
        _ => Ok(()),
    };
    // What did not fit before is somebody else's to refuse.
    let Some(pointers) = fits(&rewritten).err().filter(|_| fits(document).is_ok()) else {
        return Ok(Some(rewritten));
    };
    // What stands in place of a value does not fit: the field goes, if the schema can do without it.
    let mut patches = Patches::default();
    for pointer in pointers {
        if let Some(value) = structured(&rewritten).and_then(|structured| at(structured, &pointer)) {
            patches.remove(value);
        }
    }
    let less = read(rewritten.write(&patches))?;
    match fits(&less) {
        Ok(()) => Ok(Some(less)),
        Err(_) => {
            Err(Refusal::from(Reason::SensitiveReply)
                .detail("without sensitive data the result does not fit its schema"))
        }
    }
}

/// The structured result of a call, or of a task that a call began.
fn structured(document: &Document) -> Option<Value<'_>> {
    let result = document.root().get("result")?;
    result.get("structuredContent").or_else(|| result.get("result")?.get("structuredContent"))
}

/// Places that are left as they are. Every value is held against them, so in order and without hashing.
struct Own(Vec<(usize, u32)>);

impl Own {
    fn add<'a>(&mut self, values: impl Iterator<Item = Value<'a>>) {
        self.0.extend(values.map(Value::place));
        self.0.sort_unstable();
    }

    fn has(&self, value: Value<'_>) -> bool {
        !self.0.is_empty() && self.0.binary_search(&value.place()).is_ok()
    }
}

impl<'a> FromIterator<Value<'a>> for Own {
    fn from_iter<I: IntoIterator<Item = Value<'a>>>(values: I) -> Self {
        let mut own = Self(Vec::new());
        own.add(values.into_iter());
        own
    }
}

/// What only the server, or the protocol, can make sense of.
fn handles(part: Value<'_>) -> Own {
    const HANDLES: &[&str] = &["nextCursor", "requestState", "progressToken", "resultType", "taskId", "requestId"];
    let mut own = Own(Vec::new());
    for (key, value) in part.entries() {
        if HANDLES.iter().any(|handle| key.is(handle)) {
            own.0.push(value.place());
        } else if key.is("_meta") {
            own.0.extend(of_protocol(value).map(Value::place));
        }
    }
    // Entries stand in the order of their places.
    own
}

/// Fields of `_meta` that are the protocol's own.
fn of_protocol(meta: Value<'_>) -> impl Iterator<Item = Value<'_>> {
    meta.entries().filter(|(key, _)| is_own_meta(&key.text())).map(|(_, value)| value)
}

/// Whether a key of `_meta` is the protocol's own.
pub fn is_own_meta(key: &str) -> bool {
    key == "progressToken" || key.starts_with("io.modelcontextprotocol/")
}

/// What a server says that it offers.
fn is_list(method: &Method) -> bool {
    matches!(
        method.class,
        Class::ListTools
            | Class::ListPrompts
            | Class::ListResources
            | Class::ListTemplates
            | Class::Lifecycle
            | Class::Discover
    )
}

/// The value that a JSON pointer (RFC 6901) leads to; not the value itself.
fn at<'a>(value: Value<'a>, pointer: &str) -> Option<Value<'a>> {
    let steps = pointer.strip_prefix('/')?.split('/');
    steps.map(|step| step.replace("~1", "/").replace("~0", "~")).try_fold(value, |value, step| match value.is_array() {
        true => value.elements().nth(step.parse().ok()?),
        false => value.get(&step),
    })
}

/// The client learns the type, never the place of a rule; the operator the type too.
fn blocked_by(reason: Reason, kind: &str) -> Refusal {
    let mut refusal = Refusal::from(reason).detail(kind.to_owned());
    refusal.advice = Some(format!("found: {}", kind.to_ascii_lowercase().replace('_', " ")));
    refusal
}
