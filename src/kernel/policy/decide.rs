//! The decision: `(snapshot, principal, message, facts) → permit or refusal`, with its grounds.
//!
//! [`authorize`] is the one function that says whether a caller may use a thing. Calls, listings and
//! open streams all ask it, so what is listed can be called and what is hidden is refused.
//! [`decide`] takes the message by value: a verdict on one message cannot be spent on another.
use super::compile::{Access, Deny, Key, Limit, Rule, Scope as Needed, ServerPolicy, is_about};
use super::condition::{Failed, Scope};
use super::source::{ChallengeSource, Effect, OnDrift, Per, Undeclared};
use crate::kernel::confirm::elicit::KEY;
use crate::kernel::confirm::hold::{Confirmed, Unconfirmed};
use crate::kernel::confirm::seal::SealKey;
use crate::kernel::contract::published::{Standing, Tool};
use crate::kernel::contract::schema::{Mismatch, UNDECLARED_MAX};
use crate::kernel::digest::Digest;
use crate::kernel::facts::Facts;
use crate::kernel::flow::{Concern, Then, data};
use crate::kernel::inbound::Verb;
use crate::kernel::json::{Document, Patches, Value, string};
use crate::kernel::judge::Judge;
use crate::kernel::mcp::decode::{Message, Shape, Target};
use crate::kernel::mcp::headers::encode_value;
use crate::kernel::mcp::method::Class;
use crate::kernel::mcp::revision::Era;
use crate::kernel::principal::Principal;
use crate::kernel::refusal::{Reason, Refusal};
use crate::kernel::sensitive::{Counts, Sent, is_own_meta, sent};
use crate::kernel::snapshot::Snapshot;
use crate::kernel::tasks::{TASKS, Task, declared};
use bytes::Bytes;
use std::borrow::Cow;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

/// A verdict.
pub enum Decision {
    /// May go on.
    Permit(Permitted),
    /// May go on once a person confirmed it.
    Confirm(Box<Unconfirmed>),
    /// May not.
    Refuse(Refusal, Grounds),
}

/// What a verdict rests on. For operators, never for clients.
#[derive(Clone, Debug, Default)]
pub struct Grounds {
    /// The rule that decided, if one did.
    pub rule: Option<Arc<Rule>>,
    /// Sensitive data in the message.
    pub sensitive: Counts,
}

impl Grounds {
    fn of(rule: &Arc<Rule>) -> Self {
        Self { rule: Some(rule.clone()), ..Self::default() }
    }
}

/// Something to be counted before a permit is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Charge {
    /// Which limit, by index in the server's policy.
    pub limit: usize,
    /// Whose count.
    pub key: Digest,
}

/// Proof that a message was permitted. Only [`decide`] makes one.
pub struct Permitted {
    pub(in crate::kernel) world: Arc<Snapshot>,
    pub(in crate::kernel) server: Arc<ServerPolicy>,
    pub(in crate::kernel) principal: Arc<Principal>,
    pub(in crate::kernel) message: Arc<Message>,
    pub(in crate::kernel) grounds: Grounds,
    charges: Vec<Charge>,
    reply_max: Option<usize>,
    time: Option<Duration>,
    /// The confirmation that it took, if it took one.
    pub(in crate::kernel) confirmed: Option<Box<Confirmed>>,
    /// What ids of tasks are sealed with, where they are passed on.
    pub(in crate::kernel) tasks: Option<SealKey>,
}

/// Proof that a permit's obligations were applied: what `upstream` may send.
pub struct Outbound {
    server: Arc<ServerPolicy>,
    caller: Digest,
    message: Arc<Message>,
    verb: Verb,
    body: Bytes,
    time: Option<Duration>,
    removed: usize,
}

/// One thing that was looked at on the way to a verdict, for explanations.
pub enum Step<'a> {
    /// The most specific rule for the target, if there is one.
    Rule(Option<&'a Arc<Rule>>),
    /// A denial that concerns the target, and whether it applies to this caller and call.
    Deny(&'a Arc<Rule>, bool),
    /// The caller has no token; whether the rule is open to such callers.
    Anonymous(bool),
    /// The rule asks for one of its roles; which of them the caller has.
    Roles(&'a Rule, Option<&'a str>),
    /// The rule is available at some times, to some callers; whether it is now.
    Available(&'a Rule, bool),
    /// The rule asks for a scope; whether the caller has it.
    Scope(&'a Needed, bool),
    /// The rule asks for a recent or stronger login; whether this one will do.
    StepUp(&'a Rule, bool),
    /// How the thing stands to the contract; not told where there is none.
    Contract(Standing),
    /// A term of a condition; whether it holds. `None`: that depends on arguments that a listing does not have.
    Term(&'a str, Option<Result<bool, Failed>>),
}

/// Is told of each step.
pub trait Trace {
    /// The next step.
    fn step(&mut self, step: Step<'_>);
}

/// Nobody asks: costs nothing.
struct Silent;

impl Trace for Silent {
    fn step(&mut self, _: Step<'_>) {}
}

/// Whether this caller may use this thing. `args: None` asks for a listing.
pub fn authorize<'a>(
    server: &'a ServerPolicy,
    principal: &Principal,
    target: &Target,
    args: Option<Value<'_>>,
    facts: &Facts,
) -> Result<&'a Arc<Rule>, (Reason, Option<&'a Arc<Rule>>)> {
    authorize_telling(server, principal, target, args, facts, &mut Silent)
}

/// The same, telling of each step. There is one decision, explained or not.
pub fn authorize_telling<'a>(
    server: &'a ServerPolicy,
    principal: &Principal,
    target: &Target,
    args: Option<Value<'_>>,
    facts: &Facts,
    trace: &mut impl Trace,
) -> Result<&'a Arc<Rule>, (Reason, Option<&'a Arc<Rule>>)> {
    let (name, hidden) = match target {
        Target::Tool(name) => (name, Reason::ToolUnknown),
        Target::Prompt(name) => (name, Reason::PromptUnknown),
        Target::Resource(uri) => (uri, Reason::ResourceUnknown),
        Target::None | Target::Resources(_) | Target::Task(_) => return Err((Reason::Internal, None)),
    };
    let rule = server.rule(target);
    trace.step(Step::Rule(rule));
    let rule = rule.ok_or((hidden, None))?;
    let scope = Scope { principal, args, name, effect: rule.effect.map_or("", Effect::name), facts };
    for denial in server.deny.iter().filter(|denial| denial.concerns(target)) {
        let applies = denial_applies(denial, &scope, trace);
        trace.step(Step::Deny(&denial.rule, applies));
        if applies {
            return Err((Reason::DeniedByRule, Some(&denial.rule)));
        }
    }
    let no = |reason| Err((reason, Some(rule)));
    if facts.stops.as_ref().is_some_and(|stops| stops.target(&server.name, target).is_some()) {
        return no(Reason::Stopped);
    }
    let standing = server.contract.standing(target, facts.seen.as_deref());
    if standing != Standing::Live {
        trace.step(Step::Contract(standing));
    }
    if standing == Standing::Unpublished {
        return no(hidden);
    }
    if principal.is_anonymous() {
        trace.step(Step::Anonymous(rule.anonymous));
        if !rule.anonymous {
            return no(Reason::TokenMissing);
        }
    }
    if !rule.roles.is_empty() {
        let held = rule.roles.iter().find(|role| role.held_by(principal));
        trace.step(Step::Roles(rule, held.map(|role| role.name.as_str())));
        if held.is_none() {
            return no(hidden);
        }
    }
    if let Some(available) = &rule.available {
        let now = available.holds(principal, facts.now);
        trace.step(Step::Available(rule, now));
        if !now {
            return no(Reason::NotAvailable);
        }
    }
    for needed in rule.scopes.iter() {
        let held = needed.held_by(principal);
        trace.step(Step::Scope(needed, held));
        if !held {
            return no(Reason::ScopeMissing);
        }
    }
    if let Some(step_up) = &rule.step_up {
        let met = step_up.met(principal, facts.now);
        trace.step(Step::StepUp(rule, met));
        if !met {
            return no(Reason::StepUpNeeded);
        }
    }
    if let Some(when) = &rule.when {
        match when.holds_telling(&scope, &mut |text, held| trace.step(Step::Term(text, held))) {
            Ok(true) => {}
            Ok(false) => return no(Reason::ConditionNotMet),
            Err(Failed) => return no(Reason::ConditionFailed),
        }
    }
    match (standing, server.contract.on_drift) {
        (Standing::Drifted, OnDrift::Hide) if args.is_none() => no(hidden),
        (Standing::Drifted, OnDrift::Quarantine | OnDrift::Hide) if args.is_some() => no(Reason::ContractDrifted),
        _ => Ok(rule),
    }
}

/// A denial applies if its condition is true, or cannot be evaluated. One that depends on arguments does not
/// hide anything from a listing: some calls are still allowed.
fn denial_applies(denial: &Deny, scope: &Scope<'_>, trace: &mut impl Trace) -> bool {
    if !denial.rule.roles.is_empty() && !denial.rule.roles.iter().any(|role| role.held_by(scope.principal)) {
        return false;
    }
    match &denial.rule.when {
        None => true,
        Some(when) if when.reads_args() && scope.args.is_none() => false,
        Some(when) => when.holds_telling(scope, &mut |text, held| trace.step(Step::Term(text, held))).unwrap_or(true),
    }
}

impl Access {
    /// Whether this caller may come to this very path: with a token for it, not for a virtual server it is part of.
    pub fn admits_here(&self, principal: &Principal, facts: &Facts) -> Result<(), Reason> {
        self.admits(principal, facts)?;
        let here = principal.is_anonymous() || principal.audiences().contains(&self.audience);
        if here { Ok(()) } else { Err(Reason::TokenForAnother) }
    }

    /// Whether this caller's token was made for this server, or a virtual one that it is part of, by an issuer it accepts.
    pub fn admits(&self, principal: &Principal, facts: &Facts) -> Result<(), Reason> {
        if principal.is_anonymous() {
            return if self.anonymous { Ok(()) } else { Err(Reason::TokenMissing) };
        }
        if !self.issuers.iter().any(|issuer| issuer == principal.issuer()) {
            return Err(Reason::TokenInvalid);
        }
        let names = |audience: &String| principal.audiences().contains(audience);
        if !names(&self.audience) && !self.also.iter().any(names) {
            return Err(Reason::TokenForAnother);
        }
        if principal.expires() <= facts.now {
            return Err(Reason::TokenExpired);
        }
        let left = principal.expires().saturating_sub(facts.now);
        if self.token_life_max.is_some_and(|most| left > most) {
            return Err(Reason::TokenLivesTooLong);
        }
        Ok(())
    }
}

/// Decides about one message of one caller.
pub fn decide(
    world: &Arc<Snapshot>,
    server: &Arc<ServerPolicy>,
    principal: &Arc<Principal>,
    message: Message,
    facts: &Facts,
) -> Decision {
    let message = match opened(server, principal, message, facts) {
        Ok(message) => message,
        Err(refusal) => return Decision::Refuse(refusal, Grounds::default()),
    };
    let Sent { message, counts } = match sent(server, principal, message, facts) {
        Ok(sent) => sent,
        Err((refusal, sensitive)) => return Decision::Refuse(refusal, Grounds { rule: None, sensitive }),
    };
    let message = match stripped(server, message) {
        Ok(message) => message,
        Err(refusal) => return Decision::Refuse(refusal, Grounds { rule: None, sensitive: counts }),
    };
    let (grounds, verdict) = match verdict(server, principal, &message, facts) {
        Ok(grounds) => (grounds, Ok(())),
        Err((refusal, grounds)) => (grounds, Err(refusal)),
    };
    let grounds = Grounds { sensitive: counts, ..grounds };
    if let Err(refusal) = verdict {
        return Decision::Refuse(refusal.for_id(message.id), grounds);
    }
    if let Err(refusal) = conform(server, &message) {
        return Decision::Refuse(refusal.for_id(message.id), grounds);
    }
    let limited = match limited(server, principal, &message, facts) {
        Ok(limited) => limited,
        Err(reason) => return Decision::Refuse(Refusal::from(reason).for_id(message.id), grounds),
    };
    let permitted = Permitted {
        world: world.clone(),
        server: server.clone(),
        principal: principal.clone(),
        message: Arc::new(message),
        grounds,
        charges: limited.charges,
        reply_max: limited.reply_max,
        time: limited.time,
        confirmed: None,
        tasks: facts.tasks.clone().filter(|_| server.tasks),
    };
    let concern = match leaves(&permitted, facts) {
        Some((concern, Then::Confirm)) => Some(concern),
        Some((concern, Then::Refuse)) => {
            let refusal = Refusal::from(concern.reason()).detail(concern.words()).for_id(permitted.message.id.clone());
            return Decision::Refuse(refusal, permitted.grounds);
        }
        Some((_, Then::Allow)) | None => None,
    };
    match needs_confirmation(&permitted) || concern.is_some() {
        true => Decision::Confirm(Box::new(Unconfirmed::new(permitted, facts, concern))),
        false => Decision::Permit(permitted),
    }
}

/// Whether a message may come to something that sends out, so that it matters what its caller read before.
pub fn may_send_out(server: &ServerPolicy, message: &Message, facts: &Facts) -> bool {
    match (&message.shape, message.method.class) {
        (Shape::Response, _) => facts.question.as_ref().is_some_and(|about| server.sends_out(about)),
        (Shape::Request, Class::Task) | (Shape::Notification, _) => server.sends_out(&Target::None),
        (Shape::Request, _) => message.method.class == Class::CallTool && server.sends_out(&message.target),
    }
}

/// What speaks against a message to what sends out: where its URLs lead, and what the caller read before.
fn leaves(permitted: &Permitted, facts: &Facts) -> Option<(Concern, Then)> {
    let Permitted { server, message, grounds, .. } = permitted;
    if !may_send_out(server, message, facts) {
        return None;
    }
    match (&message.shape, message.method.class) {
        (Shape::Request, Class::CallTool) => call_leaves(server, message, facts),
        (Shape::Request, Class::Task) => {
            let sends = grounds.rule.as_ref().is_some_and(|rule| rule.effect == Some(Effect::Egress));
            let mut said = Said::fields(message, &["taskId", "inputResponses"]);
            said.values.extend(Said::answers(message).values);
            aside(server, &said, facts).filter(|_| sends)
        }
        (Shape::Request, _) => None,
        (Shape::Response, _) => {
            let root = message.document.as_ref().map(Document::root);
            let parts = root.into_iter().flat_map(|root| [root.get("result"), root.get("error")]);
            aside(server, &Said { values: parts.flatten().collect(), meta: Vec::new() }, facts)
        }
        (Shape::Notification, _) => {
            aside(server, &Said::fields(message, &["requestId", "progressToken", "progress", "total"]), facts)
        }
    }
}

/// What speaks against a call of a tool that sends out.
fn call_leaves(server: &ServerPolicy, message: &Message, facts: &Facts) -> Option<(Concern, Then)> {
    // All that the server gets of what the client says: also the answers to its questions.
    let told = concern(server, &Said::fields(message, &["name", "requestState"]), facts);
    if !matches!(told, Some((_, Then::Confirm))) {
        return told;
    }
    // A person is asked about a call and its arguments, never about what is answered to the server's questions.
    aside(server, &Said::answers(message), facts).or(told)
}

/// What a server gets to read of a message.
struct Said<'m> {
    values: Vec<Value<'m>>,
    /// What the client says of itself. No server could be asked to fetch a URL there.
    meta: Vec<Value<'m>>,
}

impl<'m> Said<'m> {
    /// What a message says in its parameters, but for those that are `own` of the protocol.
    fn fields(message: &'m Message, own: &[&str]) -> Self {
        let params = message.params();
        let fields = params.into_iter().flat_map(Value::entries);
        let fields = fields.filter(|(key, _)| !key.is("_meta") && !own.iter().any(|own| key.is(own)));
        let meta = params.and_then(|params| params.get("_meta")).into_iter().flat_map(Value::entries);
        Self {
            values: fields.map(|(_, value)| value).collect(),
            meta: meta.filter(|(key, _)| !is_own_meta(&key.text())).map(|(_, value)| value).collect(),
        }
    }

    /// What it answers to questions of the server.
    fn answers(message: &'m Message) -> Self {
        let answers = message.params().and_then(|params| params.get("inputResponses"));
        let answers = answers.into_iter().flat_map(Value::entries).filter(|(key, _)| !key.is(KEY));
        Self { values: answers.map(|(_, value)| value).collect(), meta: Vec::new() }
    }

    fn all(&self) -> impl Iterator<Item = Value<'m>> {
        self.values.iter().chain(&self.meta).copied()
    }
}

/// What speaks against sending these. A person is asked about a call and its arguments, never about what is said beside it:
/// where the call would be asked about, that is refused.
fn aside(server: &ServerPolicy, said: &Said<'_>, facts: &Facts) -> Option<(Concern, Then)> {
    // What is shorter is recognised nowhere: "I decline" must be said even if nobody knows any more what was read.
    if said.all().map(|value| value.raw().len()).sum::<usize>() < server.flow.at_least {
        return None;
    }
    let told = match said.values.iter().any(has_content) {
        true => concern(server, said, facts),
        false => carried(server, said, facts),
    };
    told.map(|(concern, then)| (concern, if then == Then::Confirm { Then::Refuse } else { then }))
}

/// Whether an answer to a question has what a person or a model wrote: `ElicitResult` and `CreateMessageResult` call it so.
fn has_content(answer: &Value<'_>) -> bool {
    let content = answer.get("content");
    content
        .is_some_and(|content| content.as_str().is_some() || content.entries().next().is_some() || content.is_array())
}

/// What speaks against sending these.
fn concern(server: &ServerPolicy, said: &Said<'_>, facts: &Facts) -> Option<(Concern, Then)> {
    let carried = carried(server, said, facts);
    let untrusted = facts.memory.as_ref().and_then(|memory| memory.untrusted(&server.flow));
    match (carried, untrusted) {
        // A refusal comes before a question.
        (Some((_, Then::Confirm)), Some((concern, Then::Refuse))) => Some((concern, Then::Refuse)),
        (Some(carried), _) => Some(carried),
        (None, untrusted) => untrusted,
    }
}

/// What speaks against them by themselves, whatever was read.
fn carried(server: &ServerPolicy, said: &Said<'_>, facts: &Facts) -> Option<(Concern, Then)> {
    let linked = server.links.as_ref().filter(|links| links.arguments != Then::Allow);
    let linked =
        linked.filter(|links| data::leads_out(links, &said.values)).map(|links| (Concern::Link, links.arguments));
    let carries = facts.memory.as_ref().and_then(|memory| memory.carries(said.all(), &server.flow));
    match (linked, carries) {
        (Some((_, Then::Confirm)), Some(carries)) => Some(carries),
        (linked, carries) => linked.or(carries),
    }
}

/// A message about a task as the server has it: under the server's own id, if the caller was given the id that it names.
fn opened(
    server: &ServerPolicy,
    principal: &Principal,
    mut message: Message,
    facts: &Facts,
) -> Result<Message, Refusal> {
    let (Target::Task(sealed), Era::Modern, true) = (&message.target, message.revision.era(), server.tasks) else {
        return Ok(message);
    };
    if !declared(message.params()) {
        return Err(Refusal::from(Reason::TasksUndeclared).for_id(message.id));
    }
    let unknown = || Refusal::from(Reason::TaskUnknown).for_id(message.id.clone());
    let key = facts.tasks.as_ref().ok_or(Reason::Internal)?;
    let task = Task::open(key, sealed, &server.name, principal.id()).ok_or_else(unknown)?;
    let (Some(document), Some(field)) = (&message.document, message.params().and_then(|p| p.get("taskId"))) else {
        return Err(unknown());
    };
    let mut patches = Patches::default();
    patches.replace(field, string(&task.theirs));
    let text = document.write(&patches);
    message.document = Some(Document::reread(text).map_err(|_| Reason::Internal)?);
    message.target = Target::Task(task.theirs.clone());
    message.task = Some(task);
    Ok(message)
}

/// Whether somebody has to confirm a call, or the server takes none of its kind.
fn needs_confirmation(permitted: &Permitted) -> bool {
    let Some(rule) = permitted.grounds.rule.as_ref().filter(|_| permitted.message.method.class == Class::CallTool)
    else {
        return false;
    };
    let previewed = permitted.server.preview_only && rule.effect != Some(Effect::Read);
    previewed || rule.confirm.as_ref().is_some_and(|confirm| !confirm.ways.is_empty())
}

/// The published schemas of the tool that a call names.
fn tool_of<'a>(server: &'a ServerPolicy, message: &Message) -> Option<&'a Tool> {
    match (&server.contract.published, &message.target) {
        (Some(published), Target::Tool(name)) => published.tool(name),
        _ => None,
    }
}

/// The call without the arguments that nothing declares, where the policy takes them out. It is made before
/// anything is judged, so that what is judged is what is sent.
fn stripped(server: &ServerPolicy, mut message: Message) -> Result<Message, Refusal> {
    let schema = tool_of(server, &message).and_then(|tool| tool.input.as_ref());
    let (Some(schema), Undeclared::Strip) = (schema, server.contract.undeclared) else {
        return Ok(message);
    };
    let (Some(arguments), Some(document)) = (message.arguments(), &message.document) else {
        return Ok(message);
    };
    let undeclared = schema.undeclared(arguments);
    if undeclared.is_empty() {
        return Ok(message);
    }
    // There may be more than were told, and a header may mirror one of them.
    if undeclared.len() >= UNDECLARED_MAX || !message.params.is_empty() {
        return Err(misfit(&[]).for_id(message.id));
    }
    let mut patches = Patches::default();
    for (pointer, value) in undeclared {
        if pointer.is_empty() {
            return Err(misfit(&[]).for_id(message.id));
        }
        patches.remove(value);
    }
    let text = document.write(&patches);
    message.document = Some(Document::reread(text).map_err(|_| Reason::Internal)?);
    Ok(message)
}

/// Whether the arguments are what the published schema says.
fn conform(server: &ServerPolicy, message: &Message) -> Result<(), Refusal> {
    let Some(tool) = tool_of(server, message).filter(|_| message.shape == Shape::Request) else {
        return Ok(());
    };
    if message.revision.era() == Era::Modern && tool.mirrors_otherwise(message.arguments(), &message.params) {
        return Err(Reason::HeaderDisagreesWithBody.into());
    }
    let Some(schema) = &tool.input else {
        return Err(misfit(&[]).detail("the published schema cannot be used"));
    };
    let arguments = message.arguments().unwrap_or_else(|| NOTHING.root());
    schema.validate(arguments).map_err(|mismatches| misfit(&mismatches))?;
    if server.contract.undeclared == Undeclared::Refuse {
        let undeclared: Vec<Mismatch> = schema
            .undeclared(arguments)
            .into_iter()
            .map(|(pointer, _)| Mismatch { pointer, expected: "nothing: not declared".to_owned() })
            .collect();
        if !undeclared.is_empty() {
            return Err(misfit(&undeclared));
        }
    }
    Ok(())
}

/// What to change, by JSON pointer; never what was sent.
fn misfit(mismatches: &[Mismatch]) -> Refusal {
    const TOLD_MAX: usize = 8;
    let told: Vec<String> = mismatches
        .iter()
        .take(TOLD_MAX)
        .map(|Mismatch { pointer, expected }| {
            format!("{}: expected {expected}", if pointer.is_empty() { "/" } else { pointer })
        })
        .collect();
    let mut refusal = Refusal::from(Reason::ArgumentsMisfit);
    refusal.advice = (!told.is_empty()).then(|| told.join("; "));
    refusal
}

/// The verdict without the permit: [`decide`] uses it for a message, [`Judge::renew`] for a stream.
pub(in crate::kernel) fn verdict(
    server: &ServerPolicy,
    principal: &Principal,
    message: &Message,
    facts: &Facts,
) -> Result<Grounds, (Refusal, Grounds)> {
    let no = |reason: Reason| (Refusal::from(reason), Grounds::default());
    let no_method = |reason| (Refusal::method(reason, message.revision.era()), Grounds::default());
    server.access.admits(principal, facts).map_err(no)?;
    if facts.stops.as_ref().is_some_and(|stops| stops.caller(&server.name, principal).is_some()) {
        return Err(no(Reason::Stopped));
    }
    if message.shape == Shape::Response {
        return Ok(Grounds::default());
    }
    let named = |target: &Target| {
        // A call without arguments is judged as one with none, never as a listing.
        let args = Some(message.arguments().unwrap_or_else(|| NOTHING.root()));
        authorize(server, principal, target, args, facts)
            .map(Grounds::of)
            .map_err(|(reason, rule)| (told(reason, rule), rule.map(Grounds::of).unwrap_or_default()))
    };
    match message.method.class {
        // By the rule of the tool whose call it is; its arguments were judged when it was made.
        Class::Task => match &message.task {
            Some(task) => {
                let tool = Target::Tool(task.tool.clone());
                let rule = authorize(server, principal, &tool, None, facts);
                let told = |(reason, rule): (Reason, Option<&Arc<Rule>>)| {
                    (Refusal::from(reason), rule.map(Grounds::of).unwrap_or_default())
                };
                rule.map(Grounds::of).map_err(told)
            }
            None if server.tasks && message.revision.era() == Era::Modern => {
                let named = message.params().is_some_and(|params| params.get("taskId").is_some());
                Err(no(if named { Reason::HeaderDisagreesWithBody } else { Reason::ParamsMalformed }))
            }
            None => Err(no_method(Reason::MethodNotServed)),
        },
        Class::ServerNotice | Class::ServerRequest => Err(no_method(Reason::MethodUnknown)),
        Class::CallTool if asks_for_a_task(message) && !(server.tasks && message.revision.era() == Era::Modern) => {
            Err(no_method(Reason::MethodNotServed))
        }
        Class::CallTool | Class::GetPrompt | Class::Resource | Class::Complete => named(&message.target),
        Class::Listen => {
            let Target::Resources(uris) = &message.target else {
                return Err(no(Reason::Internal));
            };
            for uri in uris {
                named(&Target::Resource(uri.clone()))?;
            }
            Ok(Grounds::default())
        }
        // Everyone whom the server admits: what comes back is filtered to what they may use.
        Class::Lifecycle
        | Class::Discover
        | Class::Ping
        | Class::ListTools
        | Class::ListResources
        | Class::ListTemplates
        | Class::ListPrompts
        | Class::SetLevel
        | Class::ClientNotice
        | Class::OpenStream
        | Class::EndSession => Ok(Grounds::default()),
    }
}

/// A refusal by a rule, with what the client may do about it.
fn told(reason: Reason, rule: Option<&Arc<Rule>>) -> Refusal {
    let mut refusal = Refusal::from(reason);
    if let (Reason::ScopeMissing, Some(rule)) = (reason, rule) {
        refusal.scopes = rule.scopes.iter().map(|scope| scope.name.clone()).collect();
    }
    if let (Reason::StepUpNeeded, Some(rule)) = (reason, rule) {
        refusal.step_up.clone_from(&rule.step_up);
    }
    refusal
}

/// Whether a caller may have what comes later of something it was permitted: by its rule as it is now, without
/// conditions on arguments, which were judged then.
pub fn may_have(server: &ServerPolicy, principal: &Principal, target: &Target, facts: &Facts) -> Result<(), Refusal> {
    match target {
        Target::Tool(_) | Target::Prompt(_) | Target::Resource(_) => {
            authorize(server, principal, target, None, facts).map(|_| ()).map_err(|(reason, rule)| told(reason, rule))
        }
        Target::None | Target::Resources(_) | Target::Task(_) => Ok(()),
    }
}

/// Whether a call asks for a task as 2025-11-25 has them. In 2026-07-28 that means nothing.
fn asks_for_a_task(message: &Message) -> bool {
    message.params().and_then(|params| params.get("task")).is_some()
}

/// The arguments of a call that has none.
static NOTHING: LazyLock<Document> = LazyLock::new(Document::empty_object);

/// What the limits say of one message.
#[derive(Default)]
struct Limited {
    charges: Vec<Charge>,
    reply_max: Option<usize>,
    time: Option<Duration>,
}

fn limited(server: &ServerPolicy, principal: &Principal, message: &Message, facts: &Facts) -> Result<Limited, Reason> {
    let mut limited = Limited::default();
    if message.shape != Shape::Request {
        return Ok(limited);
    }
    let name = match &message.target {
        Target::Tool(name) | Target::Prompt(name) | Target::Resource(name) => name,
        Target::None | Target::Resources(_) | Target::Task(_) => "",
    };
    for (index, limit) in
        server.limits.iter().enumerate().filter(|(_, limit)| limit.concerns(principal, &message.target))
    {
        let long = |most: usize| message.arguments().is_some_and(|arguments| arguments.raw().len() > most);
        if limit.arguments_max.is_some_and(long) {
            return Err(Reason::ArgumentsTooLarge);
        }
        limited.reply_max = tighter(limited.reply_max, limit.reply_max);
        limited.time = tighter(limited.time, limit.time);
        if limit.rate.is_none() && limit.concurrency.is_none() {
            continue;
        }
        let key = match &limit.per {
            Key::Per(Per::Subject) => principal.subject_id(),
            Key::Per(Per::Client) => principal.client_id(),
            Key::Per(Per::Tool) => Digest::of(name.as_bytes()),
            Key::Per(Per::Server) => limit.id,
            Key::Expression(expression) => {
                let args = Some(message.arguments().unwrap_or_else(|| NOTHING.root()));
                let scope = Scope { principal, args, name, effect: "", facts };
                Digest::of(expression.value(&scope).map_err(|Failed| Reason::ConditionFailed)?.as_bytes())
            }
        };
        limited.charges.push(Charge { limit: index, key });
    }
    Ok(limited)
}

fn tighter<T: Ord>(a: Option<T>, b: Option<T>) -> Option<T> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

impl Limit {
    /// Whether it is about this caller and this thing.
    pub fn concerns(&self, principal: &Principal, target: &Target) -> bool {
        let tool = is_about(self.tools.as_deref(), target);
        tool && (self.roles.is_empty() || self.roles.iter().any(|role| role.held_by(principal)))
    }
}

impl Permitted {
    /// What the verdict rests on.
    pub fn grounds(&self) -> &Grounds {
        &self.grounds
    }

    /// What has to be counted, with the limits it counts against.
    pub fn charges(&self) -> impl Iterator<Item = (&Limit, &Charge)> {
        self.charges.iter().filter_map(|charge| Some((self.server.limits.get(charge.limit)?, charge)))
    }

    /// The caller.
    pub fn principal(&self) -> &Arc<Principal> {
        &self.principal
    }

    /// The message that was permitted.
    pub fn message(&self) -> &Message {
        &self.message
    }

    /// Applies the obligations: what may be sent, and who judges what comes back.
    pub fn discharge(self) -> (Outbound, Judge) {
        let Self { world, server, principal, message, grounds, charges: _, reply_max, time, confirmed, tasks } = self;
        let mut removed = 0;
        let verb = match message.method.class {
            Class::OpenStream => Verb::Get,
            Class::EndSession => Verb::Delete,
            _ => Verb::Post,
        };
        let body = message.document.as_ref().map_or_else(Bytes::new, |document| {
            let mut patches = rewrite(&message, server.tasks);
            removed = data::hints(&message, grounds.rule.as_deref(), &mut patches);
            if let (Some(confirmed), Some(params)) = (&confirmed, message.params()) {
                confirmed.strip(params, &mut patches);
            }
            document.write(&patches)
        });
        let caller = principal.id();
        let outbound = Outbound { server: server.clone(), caller, message: message.clone(), verb, body, time, removed };
        (outbound, Judge::new(world, server, principal, message, reply_max, time).confirmed(confirmed).sealing(tasks))
    }
}

/// What this gateway changes in a client's message: nothing but what it does not serve.
fn rewrite(message: &Message, tasks: bool) -> Patches {
    let mut patches = Patches::default();
    let Some(params) = message.params() else {
        return patches;
    };
    if message.method.name == "initialize" {
        if let Some(asked) = params.get("protocolVersion")
            && asked.as_str().as_deref() != Some(message.revision.as_str())
        {
            patches.replace(asked, string(message.revision.as_str()));
        }
        if let Some(tasks) = params.get("capabilities").and_then(|c| c.get("tasks")) {
            patches.remove(tasks);
        }
    }
    if let Some(task) = params.get("task").filter(|_| message.method.class == Class::CallTool) {
        patches.remove(task);
    }
    if message.revision.era() == Era::Modern && !tasks {
        let capabilities = params.get("_meta").and_then(|m| m.get("io.modelcontextprotocol/clientCapabilities"));
        if let Some(tasks) = capabilities.and_then(|c| c.get("extensions")).and_then(|e| e.get(TASKS)) {
            patches.remove(tasks);
        }
    }
    patches
}

impl Outbound {
    /// The server it goes to.
    pub fn server(&self) -> &Arc<ServerPolicy> {
        &self.server
    }

    /// The message that was judged.
    pub fn message(&self) -> &Message {
        &self.message
    }

    /// For whom it is sent.
    pub fn caller(&self) -> Digest {
        self.caller
    }

    /// How much of the message the server does not get.
    pub fn removed(&self) -> usize {
        self.removed
    }

    /// The verb.
    pub fn verb(&self) -> Verb {
        self.verb
    }

    /// The body.
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// `MCP-Protocol-Version`. Like the other headers it is computed from the message that was judged and never
    /// copied from the client's.
    pub fn protocol_version(&self) -> Option<&'static str> {
        (self.message.method.name != "initialize").then(|| self.message.revision.as_str())
    }

    /// `Mcp-Method` (2026-07-28, "Standard request headers").
    pub fn method(&self) -> Option<&'static str> {
        self.modern().then_some(self.message.method.name)
    }

    /// `Mcp-Name`, encoded.
    pub fn name(&self) -> Option<Cow<'_, str>> {
        match (self.message.method.class, &self.message.target) {
            (Class::CallTool, Target::Tool(name))
            | (Class::GetPrompt, Target::Prompt(name))
            | (Class::Resource, Target::Resource(name))
            | (Class::Task, Target::Task(name))
                if self.modern() =>
            {
                Some(encode_value(name))
            }
            _ => None,
        }
    }

    /// `Mcp-Param-*`, lower-case name and value as it came: `decode` saw that they decode, and where there is a
    /// contract, none says anything else than the arguments.
    pub fn params(&self) -> &[(String, String)] {
        if self.modern() { &self.message.params } else { &[] }
    }

    fn modern(&self) -> bool {
        self.message.revision.era() == Era::Modern
    }

    /// Longest time for the answer: what a limit of the policy says, or the server's own.
    pub fn timeout(&self) -> Duration {
        tighter(self.time, Some(self.server.upstream.timeout)).unwrap_or_default()
    }

    /// The upstream's event id to resume after.
    pub fn last_event_id(&self) -> Option<&str> {
        self.message.last_event_id.as_deref()
    }
}

/// The challenge for a missing scope as a tool result (MCP Apps hosts), where the policy asks for it.
pub fn challenge_result(server: &ServerPolicy, message_id: &str, challenge: &str, modern: bool) -> Option<String> {
    if server.access.challenge != ChallengeSource::ToolResult {
        return None;
    }
    let mut result = serde_json::json!({
        "content": [{ "type": "text", "text": Reason::ScopeMissing.wire().text }],
        "isError": true,
        "_meta": { "mcp/www_authenticate": [challenge] },
    });
    if modern && let Some(fields) = result.as_object_mut() {
        fields.insert("resultType".to_owned(), "complete".into());
    }
    Some(format!(r#"{{"jsonrpc":"2.0","id":{message_id},"result":{result}}}"#))
}
