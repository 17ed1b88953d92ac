//! A call that would be permitted, held until somebody confirmed it.
use super::binding::Call;
use super::elicit::{self, Answered, HANDLE, KEY};
use super::machine::{Mode, Spent};
use super::seal::{SealKey, State};
use super::summary::{self, Line};
use crate::kernel::contract::published::Standing;
use crate::kernel::contract::surface::Kind;
use crate::kernel::digest::Digest;
use crate::kernel::facts::Facts;
use crate::kernel::flow::Concern;
use crate::kernel::json::{Document, Patches, Value, string};
use crate::kernel::mcp::decode::{Message, Target};
use crate::kernel::mcp::revision::Era;
use crate::kernel::policy::compile::{Confirm, Preview, Rule, ServerPolicy};
use crate::kernel::policy::decide::{Decision, Grounds, Permitted, decide};
use crate::kernel::policy::source::Effect;
use crate::kernel::principal::Principal;
use crate::kernel::refusal::{Reason, Refusal};
use crate::kernel::snapshot::Snapshot;
use std::sync::Arc;

/// A call that may go on once it is confirmed. It is no permit, and only [`Unconfirmed::release`] makes one of it:
///
/// ```compile_fail
/// # use portcullis::kernel::confirm::Unconfirmed;
/// fn send(unconfirmed: Unconfirmed) {
///     let (outbound, judge) = unconfirmed.discharge(); // There is no such thing.
/// }
/// ```
///
/// The proof that takes cannot be made up, and not be used twice:
///
/// ```compile_fail
/// # use portcullis::kernel::confirm::Spent;
/// let proof = Spent { call: unimplemented!(), id: String::new(), round: 0 };
/// ```
///
/// ```compile_fail
/// # use portcullis::kernel::confirm::Spent;
/// fn twice(proof: Spent) -> (Spent, Spent) {
///     (proof.clone(), proof)
/// }
/// ```
pub struct Unconfirmed {
    permitted: Permitted,
    call: Call,
    /// Why it is asked about, besides what its rule says.
    concern: Option<Concern>,
}

/// What a confirmed call carries on: to the server, and to whoever judges its answer.
#[derive(Clone, Debug)]
pub struct Confirmed {
    /// Which confirmation.
    pub id: String,
    /// How often the server asked for input so far.
    round: u32,
    /// The server's own state, to be given back to it.
    theirs: Option<String>,
    key: SealKey,
}

/// What a call brings with it of an earlier answer of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Presented {
    /// Nothing.
    Nothing,
    /// Our question, with what the person answered; `None` if the client left that out.
    Answer(String, Option<Answered>),
    /// Input that the server asked for in this round.
    Input(State),
    /// A handle.
    Handle(String),
}

/// What can be used to ask somebody, as far as the shell knows.
#[derive(Clone, Copy, Debug)]
pub struct Means {
    /// The client declared that its person can fill in a form.
    pub elicits: bool,
    /// There is an approval page.
    pub page: bool,
    /// Another system may answer by signed webhook.
    pub webhook: bool,
}

impl Unconfirmed {
    /// Holds a call. Only `decide` does.
    pub(in crate::kernel) fn new(permitted: Permitted, facts: &Facts, concern: Option<Concern>) -> Self {
        let call = call(&permitted, facts);
        Self { permitted, call, concern }
    }

    /// The exact call.
    pub fn call(&self) -> &Call {
        &self.call
    }

    /// What has to be counted.
    pub fn counted(&self) -> &Permitted {
        &self.permitted
    }

    /// Identity of the calls that one approval may be for, where the policy allows that.
    pub fn like(&self) -> Option<Digest> {
        let batch = self.confirm()?.batch.as_ref().filter(|_| self.concern.is_none())?;
        let mut parts: Vec<Vec<u8>> = Vec::new();
        for path in &batch.same {
            let mut part = path.clone().into_bytes();
            part.push(0);
            at(self.message().arguments(), path)?.canonical(&mut part);
            parts.push(part);
        }
        Some(Digest::of_parts(&parts.iter().map(Vec::as_slice).collect::<Vec<_>>()))
    }

    /// Why it is asked about, besides what its rule says.
    pub fn concern(&self) -> Option<&Concern> {
        self.concern.as_ref()
    }

    /// What the verdict rests on.
    pub fn grounds(&self) -> &Grounds {
        self.permitted.grounds()
    }

    /// The message.
    pub fn message(&self) -> &Message {
        self.permitted.message()
    }

    /// The caller.
    pub fn principal(&self) -> &Arc<Principal> {
        &self.permitted.principal
    }

    /// The server's policy.
    pub fn server(&self) -> &Arc<ServerPolicy> {
        &self.permitted.server
    }

    /// What the rule says of confirming.
    pub fn confirm(&self) -> Option<&Arc<Confirm>> {
        self.rule().and_then(|rule| rule.confirm.as_ref())
    }

    fn rule(&self) -> Option<&Arc<Rule>> {
        self.grounds().rule.as_ref()
    }

    /// Whether the server takes no such call at all, confirmed or not.
    pub fn is_preview_only(&self) -> bool {
        self.server().preview_only && self.call.effect != Effect::Read
    }

    /// The first declared way of asking that fits this client.
    pub fn way(&self, means: Means) -> Result<Mode, Reason> {
        let elicits = means.elicits && elicit::exists_in(self.message().revision);
        let client = self.principal().client();
        let hosts = &self.server().confirmations.hosts;
        let fits = |mode: &Mode| match mode {
            // Named by the policy, and proven by a token: a client cannot name itself.
            Mode::Host => client.is_some_and(|client| hosts.iter().any(|host| host == client)),
            Mode::Elicit => elicits,
            Mode::Approver => means.page || means.webhook,
            Mode::Code => means.page,
        };
        let ways = self.confirm().map(|confirm| confirm.ways.as_slice()).unwrap_or_default();
        let Some(concern) = &self.concern else {
            return ways.iter().copied().find(fits).ok_or(Reason::ConfirmationImpossible);
        };
        // The client's own prompt would not say why.
        let own = if ways.is_empty() { &self.server().flow.ways } else { ways };
        own.iter().copied().filter(|mode| *mode != Mode::Host).find(fits).ok_or(concern.reason())
    }

    /// What the call brings with it of an earlier answer of ours.
    pub fn presented(&self, key: &SealKey) -> Result<Presented, Refusal> {
        let unknown = |what: &str| Refusal::from(Reason::ConfirmationUnknown).detail(what);
        let Some(params) = self.message().params() else { return Ok(Presented::Nothing) };
        let modern = self.message().revision.era() == Era::Modern;
        let (state, responses) = match modern {
            true => (params.get("requestState"), params.get("inputResponses")),
            false => (None, None),
        };
        if let Some(state) = state {
            let state = state.as_str().and_then(|state| key.open(&state));
            let state = state.ok_or_else(|| unknown("requestState is not one of this gateway"))?;
            if state.round > 0 {
                return Ok(Presented::Input(state));
            }
            let answer = responses.and_then(|responses| responses.get(KEY));
            return Ok(Presented::Answer(state.id, answer.map(|answer| elicit::answered(Some(answer)))));
        }
        if responses.is_some() {
            return Err(unknown("inputResponses without requestState"));
        }
        match params.get("_meta").and_then(|meta| meta.get(HANDLE)) {
            None => Ok(Presented::Nothing),
            Some(handle) => {
                let id = if handle.is_object() { handle.get("id") } else { Some(handle) };
                let id = id.and_then(|id| id.as_str()).filter(|id| id.len() <= 128);
                Ok(Presented::Handle(id.ok_or_else(|| unknown("the handle is malformed"))?.into_owned()))
            }
        }
    }

    /// The arguments, as a person is shown them.
    pub fn lines(&self) -> Vec<Line> {
        let mut lines = summary::arguments(self.message().arguments(), &self.server().confirmations.hidden);
        if let Some(concern) = &self.concern {
            lines.insert(0, Line { name: "(the gateway)".to_owned(), value: concern.words() });
        }
        lines
    }

    /// The call that makes the preview, permitted by the rules that are in force for it; `None` if the policy wants
    /// none, or one that needs no call.
    pub fn preview(&self, facts: &Facts) -> Option<Result<Permitted, Refusal>> {
        let unavailable = |what: &str| Refusal::from(Reason::PreviewUnavailable).detail(what);
        // The server that may not have the data must not have it for the preview either.
        let preview = self.confirm()?.preview.as_ref().filter(|_| self.concern.is_none())?;
        let (message, itself) = match preview {
            Preview::Template(_) => return None,
            Preview::Argument(name) => (self.with_argument(name), true),
            Preview::Tool { name, arguments, .. } => (self.reading(name, arguments), false),
        };
        let Some(message) = message else { return Some(Err(unavailable("the arguments that it needs are not there"))) };
        let Permitted { world, server, principal, .. } = &self.permitted;
        Some(match decide(world, server, principal, message, facts) {
            Decision::Permit(permitted) => Ok(permitted),
            // The same tool, told by the argument that the policy names to do nothing.
            Decision::Confirm(unconfirmed) if itself => Ok(unconfirmed.permitted),
            Decision::Confirm(_) => Err(unavailable("it would have to be confirmed itself")),
            Decision::Refuse(refusal, _) => Err(unavailable(refusal.reason.name())),
        })
    }

    /// The sentence that is the preview, where the policy writes one.
    pub fn sentence(&self) -> Option<String> {
        let Some(Preview::Template(template)) = &self.confirm()?.preview else { return None };
        let mut out = String::new();
        let mut rest = template.as_str();
        while let Some((before, after)) = rest.split_once('{') {
            out.push_str(before);
            let Some((path, after)) = after.split_once('}') else { break };
            out.push_str(&self.shown(path));
            rest = after;
        }
        out.push_str(rest);
        Some(summary::plain(&out, summary::PREVIEW_MAX))
    }

    /// What changes, where the preview is a comparison with what another tool returned.
    pub fn comparison(&self, result: Value<'_>) -> Option<String> {
        let Some(Preview::Tool { diff, .. }) = &self.confirm()?.preview else { return None };
        if diff.is_empty() {
            return None;
        }
        let lines = diff.iter().map(|(path, argument)| {
            let before = at(Some(result), path).map_or_else(|| "(nothing)".to_owned(), brief);
            format!("{}: {before} → {}", summary::one_line(path, 120), self.shown(argument))
        });
        Some(lines.collect::<Vec<_>>().join("\n"))
    }

    /// One argument as a person may see it.
    fn shown(&self, path: &str) -> String {
        if self.server().confirmations.hidden.iter().any(|hidden| hidden == path) {
            return "[hidden]".to_owned();
        }
        at(self.message().arguments(), path).map_or_else(|| "(unchanged)".to_owned(), brief)
    }

    /// The same call with one argument true.
    fn with_argument(&self, name: &str) -> Option<Message> {
        let document = self.message().document.as_ref()?;
        let params = self.message().params()?;
        let mut patches = Patches::default();
        match params.get("arguments") {
            Some(arguments) => match arguments.get(name) {
                Some(value) => patches.replace(value, b"true".to_vec()),
                None => patches.append(arguments, name, b"true".to_vec()),
            },
            None => patches.append(params, "arguments", [b"{".as_slice(), &string(name), b":true}"].concat()),
        }
        self.rewritten(document, patches, self.message().target.clone(), self.message().params.clone())
    }

    /// A call of the tool that reads, with arguments taken from this one.
    fn reading(&self, tool: &str, arguments: &[(String, String)]) -> Option<Message> {
        let document = self.message().document.as_ref()?;
        let params = self.message().params()?;
        let mut object = b"{".to_vec();
        for (index, (name, path)) in arguments.iter().enumerate() {
            if index > 0 {
                object.push(b',');
            }
            object.extend_from_slice(&string(name));
            object.push(b':');
            at(self.message().arguments(), path)?.canonical(&mut object);
        }
        object.push(b'}');
        let mut patches = Patches::default();
        patches.replace(params.get("name")?, string(tool));
        match params.get("arguments") {
            Some(value) => patches.replace(value, object),
            None => patches.append(params, "arguments", object),
        }
        self.rewritten(document, patches, Target::Tool(tool.to_owned()), Vec::new())
    }

    fn rewritten(
        &self,
        document: &Document,
        mut patches: Patches,
        target: Target,
        headers: Vec<(String, String)>,
    ) -> Option<Message> {
        let own = string("portcullis-preview");
        let root = document.root();
        match root.get("id") {
            Some(id) => patches.replace(id, own.clone()),
            None => patches.append(root, "id", own.clone()),
        }
        let params = self.message().params();
        for field in ["requestState", "inputResponses"] {
            if let Some(value) = params.and_then(|params| params.get(field)) {
                patches.remove(value);
            }
        }
        // Progress of it is nobody's.
        if let Some(token) = params.and_then(|p| p.get("_meta")).and_then(|meta| meta.get("progressToken")) {
            patches.remove(token);
        }
        let text = document.write(&patches);
        let message = self.message();
        Some(Message {
            task: None,
            document: Some(Document::reread(text).ok()?),
            shape: message.shape.clone(),
            method: message.method,
            id: String::from_utf8(own).ok(),
            target,
            revision: message.revision,
            params: headers,
            last_event_id: None,
        })
    }

    /// Judges the same message again, by what is in force now: between the question and the answer time passed.
    pub fn again(self, world: &Arc<Snapshot>, server: &Arc<ServerPolicy>, facts: &Facts) -> Decision {
        let Permitted { principal, message, grounds, .. } = self.permitted;
        match Arc::try_unwrap(message) {
            Ok(message) => decide(world, server, &principal, message, facts),
            Err(message) => {
                let refusal = Refusal::from(Reason::Internal).for_id(message.id.clone());
                Decision::Refuse(refusal, grounds)
            }
        }
    }

    /// The permit, for the proof that the approval of this very call was used up.
    pub fn release(self, spent: Spent, theirs: Option<String>, key: &SealKey) -> Result<Permitted, Refusal> {
        let refused = |reason: Reason| Err(Refusal::from(reason).for_id(self.message().id.clone()));
        if self.is_preview_only() {
            return refused(Reason::PreviewOnly);
        }
        if spent.call() != self.call.digest() {
            return refused(Reason::ConfirmationMismatch);
        }
        let confirmed = Confirmed { id: spent.id().to_owned(), round: spent.round(), theirs, key: key.clone() };
        let mut permitted = self.permitted;
        permitted.confirmed = Some(Box::new(confirmed));
        Ok(permitted)
    }
}

impl Confirmed {
    /// Takes what is between the client and this gateway out of a message to the server.
    pub(in crate::kernel) fn strip(&self, params: Value<'_>, patches: &mut Patches) {
        if let Some(handle) = params.get("_meta").and_then(|meta| meta.get(HANDLE)) {
            patches.remove(handle);
        }
        let (state, responses) = (params.get("requestState"), params.get("inputResponses"));
        match (state, &self.theirs) {
            (Some(state), Some(theirs)) => patches.replace(state, string(theirs)),
            (Some(state), None) => patches.remove(state),
            (None, _) => {}
        }
        match responses {
            Some(responses) if self.round == 0 => patches.remove(responses),
            Some(responses) => {
                if let Some(ours) = responses.get(KEY) {
                    patches.remove(ours);
                }
            }
            None => {}
        }
    }

    /// Seals the state of a server that asks for input, so that its answer comes back to the same confirmation.
    pub(in crate::kernel) fn seal(&self, result: Value<'_>, patches: &mut Patches) {
        let theirs = result.get("requestState").and_then(|state| state.as_str()).map(|state| state.into_owned());
        let sealed = self.key.seal(&State { id: self.id.clone(), round: self.round + 1, theirs });
        match result.get("requestState") {
            Some(state) => patches.replace(state, string(&sealed)),
            None => patches.append(result, "requestState", string(&sealed)),
        }
    }
}

/// The part of a value at a dotted path.
fn at<'a>(value: Option<Value<'a>>, path: &str) -> Option<Value<'a>> {
    path.split('.').try_fold(value?, |value, part| {
        let index = part.parse::<usize>().ok().filter(|_| value.is_array());
        match index {
            Some(index) => value.elements().nth(index),
            None => value.get(part),
        }
    })
}

fn brief(value: Value<'_>) -> String {
    match value.as_str() {
        Some(text) => format!("\"{}\"", summary::one_line(&text, 200)),
        None => summary::one_line(&String::from_utf8_lossy(value.raw()), 200),
    }
}

fn call(permitted: &Permitted, facts: &Facts) -> Call {
    let Permitted { world, server, principal, message, grounds, .. } = permitted;
    let tool = match &message.target {
        Target::Tool(name) => name.clone(),
        _ => String::new(),
    };
    let mut arguments = Vec::new();
    match message.arguments() {
        Some(value) => value.canonical(&mut arguments),
        None => arguments.extend_from_slice(b"{}"),
    }
    let published = server.contract.published.as_ref();
    let seen = facts.seen.as_deref();
    let drifted = server.contract.standing(&message.target, seen) == Standing::Drifted;
    let offered = seen.filter(|_| drifted).and_then(|seen| seen.item(Kind::Tools, &tool));
    let offered = offered.map(|offered| format!("{offered:?}")).unwrap_or_default();
    let contract = [published.map_or("", |published| &published.digest).as_bytes(), offered.as_bytes()];
    Call {
        subject: principal.subject_id(),
        client: principal.client_id(),
        server: server.name.clone(),
        tool,
        arguments: Digest::of(&arguments),
        effect: grounds.rule.as_ref().and_then(|rule| rule.effect).unwrap_or(Effect::Destructive),
        policy: world.id,
        contract: Digest::of_parts(&contract),
    }
}
