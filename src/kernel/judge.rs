//! What may come back for one permit. `relay` writes only [`Inspected`], and only a [`Judge`] makes one.
//!
//! Every frame is decoded as strictly as a client's message: one JSON text, one reading. A response
//! must answer the request it comes back for; a list is cut down to what its caller may use; a frame
//! that has no place in the exchange is refused, and a notification that names what the caller may
//! not read is withheld and counted.
use crate::kernel::confirm::hold::Confirmed;
use crate::kernel::confirm::seal::SealKey;
use crate::kernel::contract::poison::strip;
use crate::kernel::contract::published::Published;
use crate::kernel::contract::replies::unhide;
use crate::kernel::contract::surface::{self, Kind, fingerprint};
use crate::kernel::contract::widget::{is_interface, is_widget};
use crate::kernel::digest::Digest;
use crate::kernel::facts::Facts;
use crate::kernel::flow::{Lesson, data};
use crate::kernel::json::{Bounds, Document, Fault, Patches, Value, string};
use crate::kernel::mcp::decode::{Envelope, Message, Target, envelope};
use crate::kernel::mcp::method::{self, Class, Method, Sender};
use crate::kernel::mcp::mirror::{Mirror, Mirrors, Says};
use crate::kernel::mcp::revision::{Era, Revision};
use crate::kernel::mcp::spelling::respelled;
use crate::kernel::policy::compile::{Rule, ServerPolicy};
use crate::kernel::policy::decide::{authorize, may_have, verdict};
use crate::kernel::policy::source::{Effect, HiddenText, OnDrift, OutputMode};
use crate::kernel::principal::Principal;
use crate::kernel::refusal::{Reason, Refusal};
use crate::kernel::sensitive::{Counts, Passage, Past, shown};
use crate::kernel::snapshot::Snapshot;
use crate::kernel::tasks::{TASKS, Task, declared};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

/// What a session still waits for: what was asked by a request id.
pub trait Ledger {
    /// What an unanswered request asked.
    fn expected(&self, id: &str) -> Option<Asked>;
}

/// What a request asked: its answer is held to that, whichever stream it comes back on.
#[derive(Clone, Debug)]
pub struct Asked {
    /// Of which method.
    pub method: &'static Method,
    /// About what.
    pub target: Target,
}

/// For exchanges without a session.
pub struct NoLedger;

impl Ledger for NoLedger {
    fn expected(&self, _: &str) -> Option<Asked> {
        None
    }
}

/// A frame that may be shown to the client.
pub struct Inspected {
    text: Bytes,
    seen: Seen,
    suspicion: Option<Suspicion>,
    note: Option<String>,
    asks: bool,
    lesson: Option<Lesson>,
    removed: usize,
}

/// Why a server may offer something else now than it was last seen to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Suspicion {
    /// Something is neither what was approved nor what the last look saw.
    Differs,
    /// The server says that a list changed.
    Told,
}

/// What a frame was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    /// The answer to the request of this exchange.
    Answer {
        /// A JSON-RPC error, or a tool result with `isError`.
        error: bool,
        /// The revision agreed on, for `initialize`.
        negotiated: Option<Revision>,
    },
    /// The answer to an earlier request of the session, on a resumed stream.
    Late(String),
    /// A request to the client.
    Question(String),
    /// A notification.
    Notice,
    /// Nothing to show: the frame named what the caller may not see.
    Withheld,
}

impl Inspected {
    /// The JSON text.
    pub fn text(&self) -> &Bytes {
        &self.text
    }

    /// What it was.
    pub fn seen(&self) -> &Seen {
        &self.seen
    }

    /// What the operator should know of it.
    pub fn note(&self) -> Option<&str> {
        self.note.as_deref()
    }

    /// Whether it is the answer of a confirmed call in which the server asks for input before it goes on.
    pub fn asks(&self) -> bool {
        self.asks
    }

    /// How much was left out of it, so that the client gets no more than the policy lets through.
    pub fn removed(&self) -> usize {
        self.removed
    }

    /// Whether the server may offer something else now than it was last seen to. What was not approved was not
    /// passed on.
    pub fn suspicion(&self) -> Option<Suspicion> {
        self.suspicion
    }
}

/// Judges what comes back for one permit.
pub struct Judge {
    world: Arc<Snapshot>,
    server: Arc<ServerPolicy>,
    principal: Arc<Principal>,
    message: Arc<Message>,
    bounds: Bounds,
    time: Option<Duration>,
    confirmed: Option<Box<Confirmed>>,
    past: Past,
    /// What ids of tasks are sealed with, where they are passed on.
    tasks: Option<SealKey>,
}

impl Judge {
    pub(in crate::kernel) fn new(
        world: Arc<Snapshot>,
        server: Arc<ServerPolicy>,
        principal: Arc<Principal>,
        message: Arc<Message>,
        reply_max: Option<usize>,
        time: Option<Duration>,
    ) -> Self {
        let mut bounds = world.limits.reply;
        bounds.bytes_max = reply_max.unwrap_or(usize::MAX).min(bounds.bytes_max);
        Self { world, server, principal, message, bounds, time, confirmed: None, past: Past::default(), tasks: None }
    }

    /// Of a call that somebody confirmed.
    pub(in crate::kernel) fn confirmed(self, confirmed: Option<Box<Confirmed>>) -> Self {
        Self { confirmed, ..self }
    }

    /// Where tasks are passed on.
    pub(in crate::kernel) fn sealing(self, tasks: Option<SealKey>) -> Self {
        Self { tasks, ..self }
    }

    /// The confirmation of the call, if it took one.
    pub fn confirmation(&self) -> Option<&str> {
        self.confirmed.as_ref().map(|confirmed| confirmed.id.as_str())
    }

    /// Longest reply, or event of a stream, in bytes.
    pub fn bytes_max(&self) -> usize {
        self.bounds.bytes_max
    }

    /// Longest time for the whole answer, where a limit of the policy gives one.
    pub fn time(&self) -> Option<Duration> {
        self.time
    }

    /// The caller.
    pub fn principal(&self) -> &Principal {
        &self.principal
    }

    /// The world that this judges by.
    pub fn world(&self) -> &Arc<Snapshot> {
        &self.world
    }

    /// The server, by the policy in force.
    pub fn server(&self) -> &ServerPolicy {
        &self.server
    }

    /// The message this judges the replies of.
    pub fn message(&self) -> &Message {
        &self.message
    }

    /// Whether the contract in `world` is another than the one this judges by.
    pub fn contract_differs(&self, world: &Snapshot) -> bool {
        let digest = |server: &ServerPolicy| server.contract.published.as_ref().map(|p| p.digest.clone());
        world.servers.get(&self.server.name).is_some_and(|server| digest(server) != digest(&self.server))
    }

    /// What an open stream is told when the contract behind it is another: that its lists changed
    /// (`notifications/*/list_changed`), if the client asked to be told.
    pub fn lists_changed(&self) -> Vec<Bytes> {
        let told = |list: &str| match self.message.method.class {
            Class::OpenStream => Some(String::new()),
            Class::Listen => {
                let wanted = self.message.params().and_then(|p| p.get("notifications"));
                let wanted =
                    wanted.and_then(|n| n.get(&format!("{list}ListChanged"))).is_some_and(|w| w.raw() == b"true");
                let id = self.message.id.as_deref().filter(|_| wanted)?;
                Some(format!(r#","params":{{"_meta":{{"io.modelcontextprotocol/subscriptionId":{id}}}}}"#))
            }
            _ => None,
        };
        let text = |list: &str| {
            let params = told(list)?;
            Some(format!(r#"{{"jsonrpc":"2.0","method":"notifications/{list}/list_changed"{params}}}"#).into())
        };
        ["tools", "prompts", "resources"].into_iter().filter_map(text).collect()
    }

    /// Judges the exchange again by a new world; an error means that it may not go on.
    pub fn renew(&mut self, world: &Arc<Snapshot>, facts: &Facts) -> Result<(), Refusal> {
        let gone = || Refusal::from(Reason::StreamNoLongerAllowed).for_id(self.message.id.clone());
        let server = world.named(&self.server.name).ok_or_else(gone)?;
        verdict(server, &self.principal, &self.message, facts)
            .map_err(|(refusal, _)| gone().detail(refusal.reason.name()))?;
        (self.server, self.world) = (server.clone(), world.clone());
        Ok(())
    }

    /// Tells what the caller learns of a frame: whose memory it is, what to remember it as, the text, and what the
    /// caller itself said in the call.
    pub fn learned(&self, inspected: &Inspected, tell: impl FnOnce(Digest, &Lesson, &[u8], Option<Value<'_>>)) {
        if let Some(lesson) = &inspected.lesson {
            let own = !matches!(inspected.seen, Seen::Late(_));
            let said = self.message.arguments().filter(|_| own);
            tell(self.principal.subject_id(), lesson, &inspected.text, said);
        }
    }

    /// Judges one frame. `failed` says that it came with an HTTP error status, where an error may lack an id.
    pub fn inspect(
        &mut self,
        text: Bytes,
        failed: bool,
        facts: &Facts,
        ledger: &dyn Ledger,
    ) -> Result<Inspected, Refusal> {
        let judged = self.read(text).and_then(|document| {
            let mirrors = Mirrors::default();
            let frame = framed(&document)?;
            match self.redacted((&document, &frame), &mirrors, facts, ledger)? {
                Some(rewritten) => {
                    self.judge((&rewritten, &framed(&rewritten)?), &Mirrors::default(), failed, facts, ledger)
                }
                None => self.judge((&document, &frame), &mirrors, failed, facts, ledger),
            }
        });
        judged.map_err(|refusal| refusal.for_id(self.message.id.clone()))
    }

    fn read(&self, text: Bytes) -> Result<Document, Refusal> {
        Document::parse(text, &self.bounds).map_err(|fault| match fault {
            Fault::TooLarge | Fault::TooManyNodes => Refusal::from(Reason::ReplyTooLarge),
            other => Refusal::from(Reason::ReplyMalformed).detail(format!("{other:?}")),
        })
    }

    /// What the message is about: of a task, the tool whose call it is.
    pub fn about(&self) -> Cow<'_, Target> {
        match &self.message.task {
            Some(task) => Cow::Owned(Target::Tool(task.tool.clone())),
            None => Cow::Borrowed(&self.message.target),
        }
    }

    /// The frame without sensitive data, where the policy keeps any back; `None` if it stays as it is.
    fn redacted<'d>(
        &mut self,
        (document, frame): (&'d Document, &Envelope<'d>),
        mirrors: &Mirrors<'d>,
        facts: &Facts,
        ledger: &dyn Ledger,
    ) -> Result<Option<Document>, Refusal> {
        if self.server.redaction.is_none() {
            return Ok(None);
        }
        let mut past = std::mem::take(&mut self.past);
        let (method, target) = match frame {
            Envelope { method: Some(_), .. } => (None, self.about()),
            Envelope { id: Some(id), .. } if Some(id) != self.message.id.as_ref() => match ledger.expected(id) {
                Some(asked) => (Some(asked.method), Cow::Owned(asked.target)),
                None => (None, self.about()),
            },
            _ => (Some(self.message.method), self.about()),
        };
        let tool = match (&self.server.contract.published, &*target) {
            (Some(published), Target::Tool(name)) => published.tool(name),
            _ => None,
        };
        let passage = Passage { server: &self.server, principal: &self.principal, target: Some(&target), facts };
        let schema = tool.and_then(|tool| tool.output.as_ref());
        let shown = shown((document, frame), mirrors, passage, method, schema, &mut past);
        self.past = past;
        shown
    }

    /// Sensitive data in what came back so far.
    pub fn sensitive(&self) -> &Counts {
        &self.past.counts
    }

    fn judge<'d>(
        &self,
        (document, frame): (&'d Document, &Envelope<'d>),
        mirrors: &Mirrors<'d>,
        failed: bool,
        facts: &Facts,
        ledger: &dyn Ledger,
    ) -> Result<Inspected, Refusal> {
        let mut edits = Edits::default();
        let seen = match frame.method.as_deref() {
            Some(name) => {
                edits.told = name.ends_with("/list_changed");
                self.unasked(name, frame, facts)?
            }
            None => self.answer((document, mirrors), frame, failed, facts, ledger, &mut edits)?,
        };
        self.unhidden(frame, &mut edits)?;
        let Edits { patches, differs, told, note, asks, pinned: _ } = edits;
        let suspicion = match (told, differs) {
            (true, _) => Some(Suspicion::Told),
            (false, true) => Some(Suspicion::Differs),
            (false, false) => None,
        };
        // What it is about: of a late answer, what was asked then.
        let asked = match &seen {
            Seen::Late(id) => Cow::Owned(ledger.expected(id).map_or(Target::None, |asked| asked.target)),
            Seen::Withheld => Cow::Owned(Target::None),
            _ => self.about(),
        };
        let settled = data::settle(&self.server, &asked, self.message.task.is_some(), document.write(&patches))?;
        let lesson = data::lesson(&self.server, &asked);
        Ok(Inspected { text: settled.text, seen, suspicion, note, asks, lesson, removed: settled.removed })
    }

    /// Texts that people do not see, as the policy says.
    fn unhidden(&self, frame: &Envelope<'_>, edits: &mut Edits) -> Result<(), Refusal> {
        let mode = self.server.contract.hidden_text;
        if mode == HiddenText::Keep {
            return Ok(());
        }
        let refused = |what: &str| Refusal::from(Reason::ReplyHidesText).detail(what);
        let mut found = 0;
        for part in [frame.result, frame.error, frame.params].into_iter().flatten() {
            let whole = |value: Value<'_>| edits.pinned.contains(&value.place());
            found += unhide(part, &whole, &mut edits.patches).map_err(refused)?;
        }
        match (found, mode) {
            (0, _) => Ok(()),
            (_, HiddenText::Refuse) => Err(refused("hidden text")),
            (found, _) => {
                edits.note.get_or_insert_with(|| format!("hidden text was taken out of {found} texts"));
                Ok(())
            }
        }
    }

    fn unasked(&self, name: &str, frame: &Envelope<'_>, facts: &Facts) -> Result<Seen, Refusal> {
        let revision = self.message.revision;
        let row = method::find(name).filter(|row| row.exists_in(revision) && row.sender != Sender::Client);
        match (row, &frame.id) {
            (Some(row), Some(id)) if row.request => {
                let legal = revision.era() == Era::Legacy && row.class != Class::Task;
                if legal { Ok(Seen::Question(id.clone())) } else { Err(Reason::ReplyUnexpected.into()) }
            }
            (_, Some(_)) => Err(Refusal::from(Reason::ReplyUnexpected).detail("unknown request from the server")),
            (Some(row), None) if !row.request => {
                if row.class == Class::Task {
                    return Ok(Seen::Withheld);
                }
                let uri = frame.params.and_then(|p| p.get("uri")).and_then(|u| u.as_str());
                match (row.name, uri) {
                    ("notifications/resources/updated", Some(uri)) => {
                        let target = Target::Resource(uri.into_owned());
                        let may = authorize(&self.server, &self.principal, &target, None, facts).is_ok();
                        Ok(if may { Seen::Notice } else { Seen::Withheld })
                    }
                    ("notifications/resources/updated", None) => Err(Reason::ReplyMalformed.into()),
                    _ => Ok(Seen::Notice),
                }
            }
            (_, None) => Ok(Seen::Withheld),
        }
    }

    fn answer<'a>(
        &self,
        (document, mirrors): (&'a Document, &Mirrors<'a>),
        frame: &Envelope<'a>,
        failed: bool,
        facts: &Facts,
        ledger: &dyn Ledger,
        edits: &mut Edits,
    ) -> Result<Seen, Refusal> {
        let own = frame.id.is_some() && frame.id == self.message.id;
        let nameless = failed && frame.id.is_none() && frame.error.is_some();
        let (asked, late) = match &frame.id {
            _ if own || nameless => (None, None),
            Some(id) if self.message.method.class == Class::OpenStream => {
                (Some(ledger.expected(id).ok_or(Reason::ReplyUnexpected)?), Some(id.clone()))
            }
            _ => {
                return Err(Refusal::from(Reason::ReplyUnexpected).detail("the id answers nothing that was asked"));
            }
        };
        // Whoever asked may have come back with less than it had, and the operator may have stopped it.
        if let (Some(asked), Some(_)) = (&asked, &late)
            && may_have(&self.server, &self.principal, &asked.target, facts).is_err()
        {
            return Ok(Seen::Withheld);
        }
        if nameless {
            // The client asked with an id and needs it to know what failed.
            let id = self.message.id.clone().unwrap_or_else(|| "null".to_owned()).into_bytes();
            match document.root().get("id") {
                Some(value) => edits.patches.replace(value, id),
                None => edits.patches.append(document.root(), "id", id),
            }
        }
        let mut negotiated = None;
        let mut error = frame.error.is_some();
        if let Some(failure) = frame.error {
            let well_formed = failure.get("code").and_then(|c| c.as_i64()).is_some()
                && failure.get("message").is_some_and(|m| m.as_str().is_some());
            if !well_formed {
                return Err(Refusal::from(Reason::ReplyMalformed).detail("error without code and message"));
            }
        }
        if let Some(result) = frame.result {
            if failed {
                return Err(Refusal::from(Reason::ReplyUnexpected).detail("a result with an error status"));
            }
            let (method, target) = match &asked {
                Some(Asked { method, target }) => (*method, target),
                None => (self.message.method, &self.message.target),
            };
            negotiated = self.result((method, target), (result, mirrors), facts, edits)?;
            error |= result.get("isError").is_some_and(|e| e.raw() == b"true");
        }
        Ok(match late {
            Some(id) => Seen::Late(id),
            None => Seen::Answer { error, negotiated },
        })
    }

    fn result<'d>(
        &self,
        (row, target): (&Method, &Target),
        (result, mirrors): (Value<'d>, &Mirrors<'d>),
        facts: &Facts,
        edits: &mut Edits,
    ) -> Result<Option<Revision>, Refusal> {
        let malformed = |what: &str| Refusal::from(Reason::ReplyMalformed).detail(what);
        if !result.is_object() {
            return Err(malformed("the result is not an object"));
        }
        one_spelling(result, RESULT)?;
        if self.message.revision.era() == Era::Modern {
            let asks = matches!(row.class, Class::CallTool | Class::GetPrompt | Class::Resource);
            match result.get("resultType").map(|kind| kind.as_str()) {
                None => {}
                Some(Some(kind)) if kind == "input_required" && asks => {
                    if let Some(confirmed) = &self.confirmed {
                        confirmed.seal(result, &mut edits.patches);
                        edits.asks = true;
                    }
                }
                Some(Some(kind)) if kind == "task" && row.class == Class::CallTool => {
                    self.task_begins(target, result, edits)?;
                }
                Some(Some(kind)) if kind == "complete" || kind == "task" && self.message.task.is_some() => {}
                Some(_) => return Err(Refusal::from(Reason::ReplyUnexpected).detail("resultType")),
            }
        }
        if let Some(published) = &self.server.contract.published {
            // 2026-07-28: any result may say who made it.
            let said = result.get("_meta").and_then(|meta| meta.get("io.modelcontextprotocol/serverInfo"));
            as_approved(published, "serverInfo", said, facts, edits);
        }
        let mut negotiated = None;
        match row.class {
            Class::ListTools => self.list(result, (Kind::Tools, "name"), facts, edits)?,
            Class::ListPrompts => self.list(result, (Kind::Prompts, "name"), facts, edits)?,
            Class::ListResources => self.list(result, (Kind::Resources, "uri"), facts, edits)?,
            Class::ListTemplates => self.list(result, (Kind::Templates, "uriTemplate"), facts, edits)?,
            Class::Lifecycle => {
                let version = result.get("protocolVersion").and_then(|v| v.as_str());
                let version = version.ok_or_else(|| malformed("no protocolVersion"))?;
                let agreed = Revision::parse(&version).filter(|r| r.era() == Era::Legacy);
                negotiated = Some(agreed.ok_or_else(|| malformed("the server speaks a revision that is not served"))?);
                if let Some(tasks) = result.get("capabilities").and_then(|c| c.get("tasks")) {
                    edits.patches.remove(tasks);
                }
                self.described(result, facts, edits)?;
            }
            Class::Discover => {
                let extensions = result.get("capabilities").and_then(|c| c.get("extensions"));
                if let Some(tasks) = extensions.and_then(|e| e.get(TASKS)).filter(|_| !self.server.tasks) {
                    edits.patches.remove(tasks);
                }
                self.described(result, facts, edits)?;
            }
            Class::Resource | Class::CallTool | Class::GetPrompt | Class::Complete => {
                // Wherever it stands, it is not looked through for sensitive data but held to its bytes.
                self.widgets(target, result, edits)?;
                self.embedded(result, edits)?;
                if row.class == Class::CallTool {
                    self.output(target, (result, mirrors), edits)?;
                }
            }
            Class::Task => self.of_task((result, mirrors), edits)?,
            _ => {}
        }
        Ok(negotiated)
    }

    /// A server answers a call later: its client gets an id that is the caller's alone.
    fn task_begins(&self, target: &Target, result: Value<'_>, edits: &mut Edits) -> Result<(), Refusal> {
        let declared = declared(self.message.params());
        let id = result.get("taskId");
        match (&self.tasks, target, id, id.and_then(|id| id.as_str())) {
            (Some(key), Target::Tool(tool), Some(field), Some(theirs)) if declared && theirs.len() <= 512 => {
                let sealed = Task::seal(key, &self.server.name, self.principal.id(), tool, &theirs);
                edits.patches.replace(field, string(&sealed));
                Ok(())
            }
            _ => Err(Refusal::from(Reason::ReplyUnexpected).detail("a task")),
        }
    }

    /// What a server says of a task; what came of it is judged like the result of the call.
    fn of_task<'d>(&self, (result, mirrors): (Value<'d>, &Mirrors<'d>), edits: &mut Edits) -> Result<(), Refusal> {
        let Some(task) = &self.message.task else { return Ok(()) };
        if let Some(id) = result.get("taskId") {
            if id.as_str().is_none_or(|id| id != task.theirs) {
                return Err(Refusal::from(Reason::ReplyUnexpected).detail("another task"));
            }
            edits.patches.replace(id, string(&task.sealed));
        }
        if let Some(came) = result.get("result").filter(|came| came.raw() != b"null") {
            if !came.is_object() {
                return Err(Refusal::from(Reason::ReplyMalformed).detail("the result is not an object"));
            }
            one_spelling(came, RESULT)?;
            // What came of a task is a whole result: it asks for nothing and begins no other.
            if came.get("resultType").is_some_and(|kind| !kind.says(b"complete")) {
                return Err(Refusal::from(Reason::ReplyUnexpected).detail("resultType"));
            }
            self.embedded(came, edits)?;
            self.output(&Target::Tool(task.tool.clone()), (came, mirrors), edits)?;
        }
        Ok(())
    }

    /// Cuts a list down to what the caller may use, and leaves everything else as it was.
    fn list(
        &self,
        result: Value<'_>,
        (kind, key): (Kind, &str),
        facts: &Facts,
        edits: &mut Edits,
    ) -> Result<(), Refusal> {
        let list = if kind == Kind::Templates { "resourceTemplates" } else { kind.name() };
        let malformed = |what: String| Refusal::from(Reason::ReplyMalformed).detail(what);
        let items = result.get(list).filter(|l| l.is_array()).ok_or_else(|| malformed(format!("no `{list}`")))?;
        let mut names = std::collections::BTreeSet::new();
        for item in items.elements() {
            let name = item.get(key).and_then(|n| n.as_str()).map(|n| n.into_owned());
            let name = name.ok_or_else(|| malformed(format!("an item of `{list}` without `{key}`")))?;
            if !names.insert(name.clone()) && list != "resources" {
                return Err(malformed(format!("`{list}` names one item twice")));
            }
            let target = match kind {
                Kind::Tools => Target::Tool(name.clone()),
                Kind::Prompts => Target::Prompt(name.clone()),
                _ => Target::Resource(name.clone()),
            };
            let Ok(rule) = authorize(&self.server, &self.principal, &target, None, facts) else {
                edits.patches.remove(item);
                continue;
            };
            one_spelling(item, ITEM)?;
            let marked = (kind == Kind::Tools).then_some(&**rule);
            let is_widget = kind == Kind::Resources && is_interface(&name);
            match &self.server.contract.published {
                Some(published)
                    if facts.seen.is_some()
                        && !self.server.contract.is_live(kind, &name)
                        && !published.is_as_published(kind, &name, item) =>
                {
                    edits.differs |= was_seen_otherwise(facts, kind, &name, item);
                    match published.surface.item(kind, &name) {
                        Some(definition) if self.server.contract.on_drift != OnDrift::Hide => {
                            let mut definition = definition.clone();
                            if let Some(meta) = definition.get_mut("_meta").filter(|_| is_widget) {
                                *meta = self.server.contract.narrowed(meta, self.principal.client());
                            }
                            edits.patches.replace(item, approved(&definition, marked)?);
                        }
                        _ => edits.patches.remove(item),
                    }
                }
                Some(_) if is_widget => self.narrow(item, edits),
                _ => marked.map_or(Ok(()), |rule| annotate(item, rule, &mut edits.patches))?,
            }
        }
        // The list is now this caller's own: nobody else may be served it from a cache.
        if let Some(scope) = result.get("cacheScope") {
            edits.patches.replace(scope, string("private"));
        }
        Ok(())
    }

    /// What the server says of itself: a model reads that too, so it is what was approved.
    fn described(&self, result: Value<'_>, facts: &Facts, edits: &mut Edits) -> Result<(), Refusal> {
        let Some(published) = &self.server.contract.published else {
            return Ok(());
        };
        for field in ["instructions", "serverInfo"] {
            as_approved(published, field, result.get(field), facts, edits);
        }
        let Some(capabilities) = result.get("capabilities") else {
            return Ok(());
        };
        if !capabilities.is_object() {
            return Err(Refusal::from(Reason::ReplyMalformed).detail("capabilities is not an object"));
        }
        let approved = published.surface.item(Kind::Server, "capabilities");
        for (name, capability) in capabilities.entries() {
            let name = name.text();
            if approved.is_some_and(|approved| approved.get(&*name).is_none()) {
                edits.differs |= was_seen_otherwise(facts, Kind::Server, "capabilities", capabilities);
                edits.patches.remove(capability);
            } else if matches!(&*name, "tools" | "prompts" | "resources") && capability.is_object() {
                // A new approval changes the lists, whether or not the server itself would say so.
                match capability.get("listChanged") {
                    Some(value) => edits.patches.replace(value, b"true".to_vec()),
                    None => edits.patches.append(capability, "listChanged", b"true".to_vec()),
                }
            }
        }
        Ok(())
    }

    /// A structured result is what the published schema says, and a text that mirrors it says the same.
    fn output<'d>(
        &self,
        target: &Target,
        (result, mirrors): (Value<'d>, &Mirrors<'d>),
        edits: &mut Edits,
    ) -> Result<(), Refusal> {
        let tool = match (&self.server.contract.published, target) {
            (Some(published), Target::Tool(name)) => published.tool(name),
            _ => None,
        };
        let Some(schema) = tool.and_then(|tool| tool.output.as_ref()) else {
            return Ok(());
        };
        let is = |field: &str, word: &[u8]| result.get(field).is_some_and(|value| value.raw() == word);
        let later = is("resultType", b"\"input_required\"") || is("resultType", b"\"task\"");
        if self.message.revision.era() == Era::Modern && later || is("isError", b"true") {
            // Neither has a result; what is there all the same must not be taken for one.
            if let Some(value) = result.get("structuredContent").filter(|value| schema.validate(*value).is_err()) {
                edits.patches.remove(value);
                edits.note = Some("structuredContent beside no result does not fit its schema".to_owned());
            }
            return Ok(());
        }
        let wrong = match result.get("structuredContent") {
            // Revisions before 2025-06-18 have no structured results.
            None if self.message.revision < Revision::V2025_06_18 => return Ok(()),
            None => Some("no structuredContent".to_owned()),
            Some(value) => match schema.validate(value) {
                Ok(()) => {
                    let strip = self.server.contract.hidden_text == HiddenText::Strip;
                    mirrored(&mirrors.of(result), value, strip, edits);
                    None
                }
                Err(mismatches) => {
                    mismatches.first().map(|m| format!("structuredContent{}: expected {}", m.pointer, m.expected))
                }
            },
        };
        match (wrong, self.server.contract.output) {
            (Some(wrong), OutputMode::Enforce) => Err(Refusal::from(Reason::ReplyNotAsPublished).detail(wrong)),
            (wrong, _) => {
                edits.note = wrong;
                Ok(())
            }
        }
    }

    /// Leaves of a user interface's Content-Security-Policy what the policy allows.
    fn narrow(&self, entry: Value<'_>, edits: &mut Edits) {
        let Some(meta) = entry.get("_meta") else { return };
        match serde_json::from_slice(meta.raw()) {
            Ok(said) => {
                let narrowed = self.server.contract.narrowed(&said, self.principal.client());
                if narrowed != said {
                    edits.patches.replace(meta, narrowed.to_string().into_bytes());
                }
            }
            Err(_) => edits.patches.remove(meta),
        }
    }

    /// The contents of a widget are code that runs at the client: they are the approved bytes, or nothing. What was
    /// asked for by a `ui://` URI is the widget of that URI.
    fn widgets(&self, target: &Target, result: Value<'_>, edits: &mut Edits) -> Result<(), Refusal> {
        for content in result.get("contents").into_iter().flat_map(each) {
            let asked = match target {
                Target::Resource(asked) if is_interface(asked) => Some(asked.as_str()),
                _ => None,
            };
            self.pinned(content, asked, edits)?;
        }
        Ok(())
    }

    /// Widgets within the result of a tool or a prompt: some hosts show them as they show those that are read.
    fn embedded(&self, result: Value<'_>, edits: &mut Edits) -> Result<(), Refusal> {
        let blocks = result.get("content").into_iter().flat_map(each);
        let messages = result.get("messages").into_iter().flat_map(each);
        for block in blocks.chain(messages.filter_map(|message| message.get("content")).flat_map(each)) {
            if let Some(resource) = block.get("resource") {
                self.pinned(resource, None, edits)?;
            }
        }
        Ok(())
    }

    fn pinned(&self, content: Value<'_>, asked: Option<&str>, edits: &mut Edits) -> Result<(), Refusal> {
        let Some(published) = &self.server.contract.published else {
            return Ok(());
        };
        one_spelling(content, CONTENT)?;
        let no = |what: &str| Err(Refusal::from(Reason::ReplyNotAsPublished).detail(what));
        let text_of = |field: &str| content.get(field).and_then(|text| text.as_str());
        let (uri, mime) = (text_of("uri").unwrap_or_default(), text_of("mimeType").unwrap_or_default());
        if asked.is_none() && !is_interface(&uri) && !is_widget(&mime) {
            return Ok(());
        }
        if asked.is_some_and(|asked| asked != uri) {
            return no("the contents are of another widget than was asked for");
        }
        let bytes = match (text_of("text"), text_of("blob")) {
            (Some(text), None) => text.as_bytes().to_vec(),
            (None, Some(blob)) => match STANDARD.decode(blob.as_bytes()) {
                Ok(bytes) => bytes,
                Err(_) => return no("a blob that is not base64"),
            },
            _ => return no("a widget needs exactly one of text and blob"),
        };
        let meta = content.get("_meta").and_then(|meta| serde_json::from_slice(meta.raw()).ok());
        let pin = surface::widget(&mime, &bytes, meta.as_ref());
        if published.surface.item(Kind::Widgets, &uri).map(fingerprint) != Some(fingerprint(&pin)) {
            return no("the contents of a widget are not those that were approved");
        }
        edits.pinned.extend(content.get("text").map(Value::place));
        self.narrow(content, edits);
        Ok(())
    }
}

/// What is judged of a result, of an item of a list, of the hints of a tool, and of contents.
const RESULT: &[&str] = &[
    "_meta",
    "resultType",
    "protocolVersion",
    "capabilities",
    "serverInfo",
    "instructions",
    "tools",
    "prompts",
    "resources",
    "resourceTemplates",
    "contents",
    "content",
    "messages",
    "structuredContent",
    "isError",
    "taskId",
];
const ITEM: &[&str] = &["name", "uri", "uriTemplate", "annotations", "securitySchemes", "_meta"];
const HINTS: &[&str] = &["readOnlyHint", "destructiveHint", "openWorldHint"];
const CONTENT: &[&str] = &["uri", "mimeType", "text", "blob", "_meta"];

/// A client that reads keys in any case would take the other spelling, which nobody judged.
fn one_spelling(object: Value<'_>, words: &[&str]) -> Result<(), Refusal> {
    match respelled(object, words) {
        Some(word) => Err(Refusal::from(Reason::ReplyMalformed).detail(format!("`{word}` in another spelling"))),
        None => Ok(()),
    }
}

/// The elements of a list; what stands where a list should counts as one, since some clients take it so.
fn each(value: Value<'_>) -> impl Iterator<Item = Value<'_>> {
    std::iter::once(value).filter(|value| !value.is_array()).chain(value.elements())
}

/// The members of a server's message.
fn framed(document: &Document) -> Result<Envelope<'_>, Refusal> {
    envelope(document.root()).map_err(|_| Refusal::from(Reason::ReplyMalformed).detail("envelope"))
}

/// A text block that is JSON and says something else than the structured result beside it is made to say the same:
/// what was checked is what is read.
fn mirrored(mirrors: &[Mirror<'_>], value: Value<'_>, visible: bool, edits: &mut Edits) {
    let mut others = mirrors.iter().filter(|mirror| matches!(mirror.says, Says::Other));
    let Some(first) = others.next() else { return };
    edits.note = Some("content said something else than structuredContent".to_owned());
    let mut whole = Vec::new();
    value.write(&Patches::default(), &mut whole);
    let whole = String::from_utf8_lossy(&whole);
    edits.patches.replace(first.text, string(&if visible { strip(&whole) } else { whole.clone() }));
    // Once, however many blocks there are: the server chooses their number.
    others.for_each(|mirror| edits.patches.remove(mirror.block));
}

/// What a server says of itself, in the words that were approved. What it does not say here is not added: the other
/// era says it elsewhere, or not at all.
fn as_approved(published: &Published, field: &str, said: Option<Value<'_>>, facts: &Facts, edits: &mut Edits) {
    let Some(said) = said.filter(|said| !published.is_as_published(Kind::Server, field, *said)) else {
        return;
    };
    edits.differs |= was_seen_otherwise(facts, Kind::Server, field, said);
    match published.server(field) {
        Some(approved) => edits.patches.replace(said, approved),
        None => edits.patches.remove(said),
    }
}

/// Whether the last look at the server saw something else. What was seen before is no news.
fn was_seen_otherwise(facts: &Facts, kind: Kind, name: &str, said: Value<'_>) -> bool {
    let said = serde_json::from_slice(said.raw()).ok().map(|said| fingerprint(&said));
    facts.seen.as_ref().is_none_or(|seen| seen.item(kind, name) != said.as_ref())
}

/// Changes to a reply on its way to the client.
#[derive(Default)]
struct Edits {
    patches: Patches,
    /// Something is neither what was approved nor what the last look saw.
    differs: bool,
    /// The server says that a list changed.
    told: bool,
    /// For the operator.
    note: Option<String>,
    /// Texts that are delivered to the byte.
    pinned: Vec<(usize, u32)>,
    /// The server asks for input.
    asks: bool,
}

/// An item as it was approved, marked like one that came from the server.
fn approved(definition: &serde_json::Value, rule: Option<&Rule>) -> Result<Vec<u8>, Refusal> {
    let document = Document::parse(definition.to_string().into(), &Bounds::default())
        .map_err(|_| Refusal::from(Reason::Internal).detail("a published definition"))?;
    let mut patches = Patches::default();
    if let Some(rule) = rule {
        annotate(document.root(), rule, &mut patches)?;
    }
    Ok(document.write(&patches).to_vec())
}

/// Sets the hints and security schemes that the policy stands for, whatever the upstream says.
fn annotate(tool: Value<'_>, rule: &Rule, patches: &mut Patches) -> Result<(), Refusal> {
    let effect = rule.effect.unwrap_or(Effect::Destructive);
    let hints = [
        ("readOnlyHint", effect == Effect::Read),
        ("destructiveHint", effect == Effect::Destructive),
        ("openWorldHint", effect == Effect::Egress),
    ];
    let word = |flag: bool| {
        if flag { b"true".to_vec() } else { b"false".to_vec() }
    };
    match tool.get("annotations") {
        Some(annotations) if annotations.is_object() => {
            one_spelling(annotations, HINTS)?;
            for (name, flag) in hints {
                match annotations.get(name) {
                    Some(value) => patches.replace(value, word(flag)),
                    None => patches.append(annotations, name, word(flag)),
                }
            }
        }
        Some(_) => {
            return Err(Refusal::from(Reason::ReplyMalformed).detail("annotations is not an object"));
        }
        None => {
            let fields: Vec<String> = hints.iter().map(|(name, flag)| format!(r#""{name}":{flag}"#)).collect();
            patches.append(tool, "annotations", format!("{{{}}}", fields.join(",")).into_bytes());
        }
    }
    let scopes: Vec<&str> = rule.scopes.iter().map(|scope| scope.name.as_str()).collect();
    let mut schemes = vec![serde_json::json!({ "type": "oauth2", "scopes": scopes })];
    if rule.anonymous {
        schemes.insert(0, serde_json::json!({ "type": "noauth" }));
    }
    let schemes = serde_json::Value::Array(schemes).to_string().into_bytes();
    match tool.get("securitySchemes") {
        Some(value) => patches.replace(value, schemes.clone()),
        None => patches.append(tool, "securitySchemes", schemes.clone()),
    }
    match tool.get("_meta") {
        Some(meta) if meta.is_object() => match meta.get("securitySchemes") {
            Some(value) => patches.replace(value, schemes),
            None => patches.append(meta, "securitySchemes", schemes),
        },
        Some(_) => {
            return Err(Refusal::from(Reason::ReplyMalformed).detail("_meta is not an object"));
        }
        None => {
            let meta = [br#"{"securitySchemes":"#.as_slice(), &schemes, b"}"].concat();
            patches.append(tool, "_meta", meta);
        }
    }
    Ok(())
}
