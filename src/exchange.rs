//! The journey of one message. This is the one file that knows the order of the stages; each takes
//! what the one before it proved, so leaving one out does not compile.
mod batch;
mod confirm;
mod events;
mod joint;

use crate::audit::{Audit, Record};
use crate::authn::Authenticator;
use crate::body::Body;
use crate::confirmations::{Around, Confirmations, Outcome};
use crate::contracts::Contracts;
use crate::kernel::confirm::{Unconfirmed, elicit};
use crate::kernel::digest::Digest;
use crate::kernel::facts::Facts;
use crate::kernel::flow::Concern;
use crate::kernel::inbound::{Inbound, Verb};
use crate::kernel::judge::{Asked, Inspected, Judge, NoLedger, Seen};
use crate::kernel::mcp::decode::{Message, Shape, Target, decode};
use crate::kernel::mcp::headers::SESSION_ID;
use crate::kernel::mcp::revision::{Era, Revision};
use crate::kernel::policy::compile::ServerPolicy;
use crate::kernel::policy::decide::{Decision, Permitted, challenge_result, decide, may_send_out};
use crate::kernel::policy::source::OnDrift;
use crate::kernel::principal::Principal;
use crate::kernel::refusal::{Reason, Refusal};
use crate::kernel::snapshot::Snapshot;
use crate::kernel::sse::Decoder;
use crate::memory::Memories;
use crate::meter::{Held, Meter};
use crate::metrics::Metrics;
use crate::sessions::{EventId, Session, Sessions};
use crate::snapshots::Snapshots;
use crate::upstream::{Media, Reply, Upstreams};
use crate::{clock, http as rules};
use http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::watch;

/// The stages, made once.
pub struct Gateway {
    /// The worlds.
    pub snapshots: Arc<Snapshots>,
    /// Verifies tokens.
    pub authn: Arc<Authenticator>,
    /// Counts.
    pub meter: Meter,
    /// Sessions.
    pub sessions: Sessions,
    /// Tool servers.
    pub upstreams: Upstreams,
    /// Records.
    pub audit: Audit,
    /// Confirmations.
    pub confirmations: Arc<Confirmations>,
    /// Metrics.
    pub metrics: Arc<Metrics>,
    /// What servers were seen to offer.
    pub contracts: Arc<Contracts>,
    /// What callers read.
    pub memories: Arc<Memories>,
    /// Turns true when the gateway stops.
    pub draining: watch::Receiver<bool>,
}

impl Gateway {
    /// What is known at this moment.
    fn facts(&self) -> Facts {
        Facts { tasks: Some(self.confirmations.key().clone()), ..self.snapshots.facts(clock::now()) }
    }
}

/// Answers one HTTP request: opens its record, lets it travel, maps a refusal, closes the record.
pub async fn handle(gateway: Arc<Gateway>, request: Request<Incoming>) -> Response<Body> {
    let world = gateway.snapshots.current(); // One policy for the whole exchange.
    if request.method() == http::Method::GET
        && rules::check_host(&request, &world).is_ok()
        && let Some(response) = rules::metadata(request.uri().path(), &world)
    {
        return response;
    }
    let id = clock::Id::random();
    let mut record = match gateway.audit.begin("exchange", id) {
        Ok(record) => record,
        Err(reason) => {
            Box::pin(rules::drain(&mut request.into_body())).await;
            return rules::refuse(&reason.into(), None, &world);
        }
    };
    record.note(|entry| entry.policy = Some(world.id));
    let path = request.uri().path().to_owned();
    let (server, endpoint) = world.endpoint_at(&path).map(|(server, id)| (server.clone(), id)).unzip();
    let place = (server.clone(), endpoint.flatten());
    let mut response = match serve(&gateway, &world, place, request, record).await {
        Ok(response) => response,
        Err(Refused { refusal, mut record, modern }) => {
            note_refusal(&mut record, &refusal);
            if record.commit().await.is_err() {
                return rules::refuse(&Reason::AuditUnavailable.into(), None, &world);
            }
            refuse(&refusal, server.as_deref(), &world, modern)
        }
    };
    rules::set(&mut response, "x-request-id", id.as_str());
    response
}

struct Refused {
    refusal: Refusal,
    record: Record,
    modern: bool,
}

/// The server at a path, and the session that the path names (2024-11-05).
type At<'a> = (Option<Arc<ServerPolicy>>, Option<&'a str>);

async fn serve(
    gateway: &Arc<Gateway>,
    world: &Arc<Snapshot>,
    at: At<'_>,
    request: Request<Incoming>,
    mut record: Record,
) -> Result<Response<Body>, Refused> {
    let mut modern = false;
    match travel(gateway, world, at, request, &mut record, &mut modern).await {
        Ok(answer) => finish(gateway, answer, record, modern).await,
        Err(refusal) => Err(Refused { refusal, record, modern }),
    }
}

/// Closes the record of an answer that is whole, and hands that of a stream to the stream.
async fn finish(
    gateway: &Arc<Gateway>,
    answer: Answer,
    mut record: Record,
    modern: bool,
) -> Result<Response<Body>, Refused> {
    match answer {
        Answer::Now(response) => {
            record.note(|entry| entry.outcome = "allow");
            match record.commit().await {
                Ok(()) => Ok(response),
                Err(reason) => Err(Refused { refusal: reason.into(), record, modern }),
            }
        }
        Answer::Stream(stream) => {
            let (body, session_header) = confirm::streamed(gateway, *stream, record);
            let mut response = rules::events(body);
            if let Some(id) = session_header {
                rules::set(&mut response, SESSION_ID, &id);
            }
            Ok(response)
        }
        Answer::Wait(waiting) => Ok(rules::events(waiting.stream(record))),
        Answer::Standing(standing) => Ok(rules::events(standing.stream(record))),
        Answer::Later(later) => {
            later.go(gateway.clone(), record);
            Ok(rules::empty(StatusCode::ACCEPTED))
        }
    }
}

enum Answer {
    Now(Response<Body>),
    Stream(Box<Streaming>),
    /// Somebody is asked first.
    Wait(Box<confirm::Waiting>),
    /// The one stream of a client of 2024-11-05.
    Standing(Box<events::Standing>),
    /// What comes of it comes there.
    Later(Box<events::Later>),
}

struct Streaming {
    reply: Reply,
    judge: Judge,
    session: Option<Arc<Session>>,
    session_header: Option<String>,
    guard: crate::sessions::StreamGuard,
    held: Held,
    outcome: Option<Outcome>,
}

async fn travel(
    gateway: &Arc<Gateway>,
    world: &Arc<Snapshot>,
    (server, endpoint): At<'_>,
    request: Request<Incoming>,
    record: &mut Record,
    modern: &mut bool,
) -> Result<Answer, Refusal> {
    let (parts, mut body) = request.into_parts();
    let head = Request::from_parts(parts, ());
    let facts = gateway.facts();
    let entered = enter(gateway, world, (server, endpoint), &head, &facts, record).await;
    if entered.is_err() {
        // An answer that overtakes the request it answers is lost on some connections.
        Box::pin(rules::drain(&mut body)).await;
    }
    drop(head); // And with it its share of the connection's read buffer, which is then used again.
    let (server, head, principal) = entered?;
    let inbound = rules::read_body(head, body, world.limits.request.bytes_max).await?;
    if events::opens(&inbound) {
        return events::open(gateway, world, (&server, &principal), &facts, record);
    }
    let (session, mut inbound) = claimed_session(gateway, &principal, &server, inbound)?;
    if let (Some(session), Some(sealed)) = (&session, inbound.headers.last_event_id.take()) {
        // Events of a virtual server are those of the session behind it that had them.
        let (holder, id) = session.event(&sealed)?;
        match id {
            EventId::Theirs(_) if !Arc::ptr_eq(&holder, session) => inbound.headers.last_event_id = Some(sealed),
            EventId::Theirs(id) => inbound.headers.last_event_id = Some(id),
            EventId::Ours(stream, number) => {
                // What is kept is its own server's to give, whatever path it is asked for at.
                let own = Arc::ptr_eq(&holder, session).then_some(&server);
                let server = own.or_else(|| world.servers.get(holder.server())).ok_or(Reason::EventIdForeign)?;
                record.note(|entry| entry.server = Some(server.clone()));
                let around = (world, server, &principal);
                return events::resume(gateway, around, &holder, inbound, (stream, number), record);
            }
        }
    }
    if let Some(session) = session.as_ref().filter(|_| inbound.headers.endpoint) {
        let later = events::Later::new((world, &server, &principal), session, inbound)?;
        return Ok(Answer::Later(Box::new(later)));
    }
    if let Some(messages) = batch::split(&inbound, session.as_deref(), &world.limits.request)? {
        let caller = batch::Caller { world, server: &server, principal: &principal, session: &session };
        return Ok(Answer::Now(Box::pin(batch::answer(gateway, &caller, messages, record)).await?));
    }
    carry(gateway, world, (&server, &principal), session, inbound, facts, record, modern).await
}

/// One message, whoever sent it and wherever it goes.
#[allow(clippy::too_many_arguments, reason = "one call, all of it the state of one exchange")]
async fn carry(
    gateway: &Arc<Gateway>,
    world: &Arc<Snapshot>,
    (server, principal): (&Arc<ServerPolicy>, &Arc<Principal>),
    session: Option<Arc<Session>>,
    inbound: Inbound,
    facts: Facts,
    record: &mut Record,
    modern: &mut bool,
) -> Result<Answer, Refusal> {
    if let Some(joint) = world.joint(server) {
        let parts = joint::carry_parts(gateway, (world, joint), principal, session, inbound, record, modern);
        return Box::pin(parts).await;
    }
    let known = session.as_ref().and_then(|session| session.facts());
    if known.is_none() && session.as_ref().is_some_and(|session| !session.has_inbox()) {
        return Err(Reason::SessionUnknown.into());
    }
    let mut message = decode(inbound, known, &world.limits.request)?;
    *modern = message.revision.era() == Era::Modern;
    note_message(record, &message);
    if let (Shape::Response, Some(session), Some(id)) = (&message.shape, &session, &message.id) {
        message.target = session.asked_about(id).unwrap_or(Target::None);
    }
    let expects = message.shape == Shape::Request;
    let answer = judged(gateway, world, (server, principal), session, message, facts, record).await;
    answer.map_err(|refusal| if expects { refusal } else { refusal.for_no_request() })
}

/// A message that was understood.
async fn judged(
    gateway: &Arc<Gateway>,
    world: &Arc<Snapshot>,
    (server, principal): (&Arc<ServerPolicy>, &Arc<Principal>),
    session: Option<Arc<Session>>,
    message: Message,
    facts: Facts,
    record: &mut Record,
) -> Result<Answer, Refusal> {
    let facts = observed(gateway, server, &message, facts)
        .await
        .map_err(|reason| Refusal::from(reason).for_id(message.id.clone()))?;
    let facts = recalled(gateway, (server, principal), &message, session.as_ref(), facts);
    let decision = decide(world, server, principal, message, &facts); // Owns the message it judged.
    let (permitted, held) = match note_decision(record, decision)? {
        Verdict::Permit(permitted) => {
            let held = gateway.meter.charge(&permitted)?; // Given back when the answer is whole.
            (permitted, held)
        }
        Verdict::Confirm(unconfirmed) => {
            let id = unconfirmed.message().id.clone();
            let held = gateway.meter.charge(unconfirmed.counted())?;
            let next = Box::pin(confirm::settle(gateway, world, session.as_ref(), unconfirmed, held)).await;
            match next.map_err(|refusal| refusal.for_id(id))? {
                confirm::Next::Go(permitted, held) => (*permitted, held), // With the proof that somebody confirmed it.
                confirm::Next::Answer(answer) => return Ok(answer),
            }
        }
    };
    let id = permitted.message().id.clone();
    let answer = forward(gateway, server, principal, session, permitted, held, record).await;
    answer.map_err(|refusal| refusal.for_id(id))
}

/// Facts about the server's contract: what is used is held against what the server was seen to offer.
async fn observed(gateway: &Gateway, server: &ServerPolicy, message: &Message, facts: Facts) -> Result<Facts, Reason> {
    let contract = &server.contract;
    let needed = contract.published.is_some() && contract.on_drift != OnDrift::Warn && message.uses_contract();
    let seen = match needed {
        true => Some(gateway.contracts.verified(server).await.ok_or(Reason::ContractUnverified)?),
        false => gateway.contracts.known(server),
    };
    Ok(Facts { seen, ..facts })
}

/// Facts about what the caller read before, where that is asked about.
fn recalled(
    gateway: &Gateway,
    (server, principal): (&ServerPolicy, &Principal),
    message: &Message,
    session: Option<&Arc<Session>>,
    facts: Facts,
) -> Facts {
    let question = match message.shape {
        Shape::Response => session.zip(message.id.as_ref()).and_then(|(session, id)| session.asked_about(id)),
        Shape::Request | Shape::Notification => None,
    };
    let facts = Facts { question, ..facts };
    if !may_send_out(server, message, &facts) {
        return facts;
    }
    let memory = gateway.memories.recall(principal.subject_id(), session.map(|session| session.id.as_str()));
    Facts { memory, ..facts }
}

/// Everything that needs only the head: who is calling, and may they call this server at all.
async fn enter(
    gateway: &Gateway,
    world: &Arc<Snapshot>,
    (server, endpoint): At<'_>,
    head: &Request<()>,
    facts: &Facts,
    record: &mut Record,
) -> Result<(Arc<ServerPolicy>, rules::Head, Arc<Principal>), Refusal> {
    rules::check_host(head, world)?;
    let server = server.ok_or(Reason::PathUnknown)?;
    record.note(|entry| entry.server = Some(server.clone()));
    let mut head = rules::read_head(head, endpoint, world)?;
    let principal = match head.credential.take() {
        None if server.access.anonymous => Authenticator::anonymous(),
        credential => gateway.authn.principal(credential, facts.now).await?,
    };
    record.note(|entry| entry.principal = Some(principal.clone()));
    server.access.admits_here(&principal, facts)?;
    Ok((server, head, principal))
}

/// The session a request names, if it is the caller's. `initialize` has none; 2026-07-28 ignores the header.
fn claimed_session(
    gateway: &Gateway,
    principal: &Principal,
    server: &ServerPolicy,
    mut inbound: Inbound,
) -> Result<(Option<Arc<Session>>, Inbound), Refusal> {
    let version = inbound.headers.protocol_version.as_deref().and_then(Revision::parse);
    let stateless = version.is_some_and(|revision| revision.era() == Era::Modern);
    let Some(id) = inbound.headers.session.take().filter(|_| !stateless) else {
        return Ok((None, inbound));
    };
    let session = gateway.sessions.get(&id, principal.id(), &server.name)?;
    if session.has_inbox() != inbound.headers.endpoint {
        return Err(Reason::SessionUnknown.into());
    }
    Ok((Some(session), inbound))
}

async fn forward(
    gateway: &Gateway,
    server: &Arc<ServerPolicy>,
    principal: &Arc<Principal>,
    session: Option<Arc<Session>>,
    permitted: Permitted,
    held: Held,
    record: &mut Record,
) -> Result<Answer, Refusal> {
    let method = permitted.message().method;
    let id = permitted.message().id.clone();
    let shape = permitted.message().shape.clone();
    let legacy = permitted.message().revision.era() == Era::Legacy;
    let initialize = method.name == "initialize";
    let begins = initialize && session.is_none();
    let fresh = if begins { Some(gateway.sessions.create(principal.id(), &server.name)?) } else { None };
    // An initialize that fails must leave no session behind.
    let fresh = fresh.map(|session| Fresh { sessions: &gateway.sessions, session, keep: false });
    let session = session.or_else(|| fresh.as_ref().map(|f| f.session.clone()));
    let begun = session.clone().filter(|_| initialize);
    if let Some(session) = &begun {
        session.set_elicits(elicit::declared(permitted.message()));
    }
    let asked = || Asked { method, target: permitted.message().target.clone() };
    let pending = Pending::begin(session.as_ref().filter(|_| legacy), &shape, id.as_deref(), asked)?;
    if let (Shape::Response, Some(session), Some(id)) = (&shape, &session, &id) {
        // An answer to a question of our own goes no further.
        let result = permitted.message().document.as_ref().and_then(|document| document.root().get("result"));
        if session.answer_own(id, elicit::answered(result)) {
            return Ok(Answer::Now(rules::empty(StatusCode::ACCEPTED)));
        }
        session.answer(id)?;
    }
    let (outbound, judge) = permitted.discharge(); // Obligations applied; the judge awaits the reply.
    record.note(|entry| entry.removed += outbound.removed());
    let outcome = judge.confirmation().map(|id| {
        record.note(|entry| entry.confirmed = Some(id.to_owned()));
        let around = Around { server: server.clone(), principal: Some(principal.clone()) };
        gateway.confirmations.outcome(id, around)
    });
    let verb = outbound.verb();
    let upstream_session = session.as_ref().and_then(|s| s.upstream().map(str::to_owned));
    if verb == Verb::Delete {
        if let Some(session) = &session {
            gateway.sessions.end(&session.id);
        }
        if upstream_session.is_none() {
            return Ok(Answer::Now(rules::empty(StatusCode::NO_CONTENT)));
        }
    }
    let sent = Instant::now();
    let reply = gateway.upstreams.send(outbound, upstream_session.as_deref()).await;
    record.note(|entry| entry.upstream_micros = u64::try_from(sent.elapsed().as_micros()).ok());
    let reply = match reply {
        // Our session is gone whatever the upstream does about its own.
        Err(_) if verb == Verb::Delete => {
            return Ok(Answer::Now(rules::empty(StatusCode::NO_CONTENT)));
        }
        other => other?,
    };
    record.note(|entry| entry.upstream_status = Some(reply.status.as_u16()));
    if let (Some(session), Some(theirs)) = (&begun, &reply.session) {
        session.set_upstream(theirs.clone());
    }
    let of = Of { judge, verb, shape: &shape, session: session.clone(), pending, held, outcome };
    let answer = receive(gateway, reply, of, record).await;
    let answer = answer.inspect_err(|refusal| {
        if refusal.reason == Reason::SessionUnknown
            && let Some(session) = &session
        {
            gateway.sessions.end(&session.id);
        }
    })?;
    Ok(match (answer, fresh) {
        (Answer::Now(mut response), Some(fresh)) if fresh.session.facts().is_some() => {
            rules::set(&mut response, SESSION_ID, &fresh.keep());
            Answer::Now(response)
        }
        (Answer::Stream(mut stream), Some(fresh)) => {
            stream.session_header = Some(fresh.keep());
            Answer::Stream(stream)
        }
        (answer, _) => answer,
    })
}

struct Fresh<'a> {
    sessions: &'a Sessions,
    session: Arc<Session>,
    keep: bool,
}

impl Fresh<'_> {
    fn keep(mut self) -> String {
        self.keep = true;
        self.session.id.clone()
    }
}

impl Drop for Fresh<'_> {
    fn drop(&mut self) {
        if !self.keep {
            self.sessions.end(&self.session.id);
        }
    }
}

/// A request a session waits for; forgotten again unless a stream takes it over.
struct Pending {
    entry: Option<(Arc<Session>, String)>,
}

impl Pending {
    fn begin(
        session: Option<&Arc<Session>>,
        shape: &Shape,
        id: Option<&str>,
        asked: impl FnOnce() -> Asked,
    ) -> Result<Self, Refusal> {
        let entry = match (session, shape, id) {
            (Some(session), Shape::Request, Some(id)) => {
                session.begin(id, asked())?;
                Some((session.clone(), id.to_owned()))
            }
            _ => None,
        };
        Ok(Self { entry })
    }

    fn leave_open(mut self) {
        self.entry = None;
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        if let Some((session, id)) = self.entry.take() {
            session.finish(&id);
        }
    }
}

/// What an exchange waits for a reply with.
struct Of<'a> {
    judge: Judge,
    verb: Verb,
    shape: &'a Shape,
    session: Option<Arc<Session>>,
    pending: Pending,
    held: Held,
    outcome: Option<Outcome>,
}

/// What the server says that a call would do, judged like any reply.
async fn receive_preview(
    gateway: &Gateway,
    permitted: Permitted,
    session: Option<&Arc<Session>>,
) -> Result<bytes::Bytes, Refusal> {
    let upstream_session = session.and_then(|s| s.upstream().map(str::to_owned));
    let (outbound, mut judge) = permitted.discharge();
    let reply = gateway.upstreams.send(outbound, upstream_session.as_deref()).await?;
    if reply.status != StatusCode::OK {
        return Err(Refusal::from(Reason::UpstreamFailed).detail(format!("status {}", reply.status.as_u16())));
    }
    let media = reply.media;
    let whole = reply.whole(judge.bytes_max()).await?;
    let facts = Facts { seen: gateway.contracts.known(judge.server()), ..gateway.facts() };
    let texts = match media {
        Media::Json => vec![whole],
        Media::Events => {
            let mut decoder = Decoder::new(judge.bytes_max());
            decoder.feed(&whole).map_err(|_| Reason::ReplyMalformed)?;
            std::iter::from_fn(|| decoder.next_event()).filter_map(|event| Some(event.data?.into())).collect()
        }
        Media::Other => return Err(Reason::ReplyUnexpected.into()),
    };
    for text in texts.into_iter().filter(|text| !text.is_empty()) {
        let inspected = judge.inspect(text, false, &facts, &NoLedger)?;
        learn(gateway, session, &judge, &inspected);
        if matches!(inspected.seen(), Seen::Answer { .. }) {
            return Ok(inspected.text().clone());
        }
    }
    Err(Reason::ReplyUnexpected.into())
}

async fn receive(gateway: &Gateway, reply: Reply, of: Of<'_>, record: &mut Record) -> Result<Answer, Refusal> {
    let Of { mut judge, verb, shape, session, pending, held, outcome } = of;
    let status = reply.status.as_u16();
    let in_session = session.as_ref().is_some_and(|s| s.upstream().is_some());
    if verb == Verb::Delete {
        return Ok(Answer::Now(rules::empty(StatusCode::NO_CONTENT)));
    }
    match status {
        200 | 202 => {}
        401 | 403 => return Err(Reason::UpstreamDeniedUs.into()),
        404 if in_session => return Err(Reason::SessionUnknown.into()),
        405 if verb == Verb::Get => return Err(Reason::VerbUnknown.into()),
        400..=499 => {}
        _ => return Err(Refusal::from(Reason::UpstreamFailed).detail(format!("status {status}"))),
    }
    let expects = *shape == Shape::Request;
    if !expects {
        let taken = reply.status.is_success();
        return if taken {
            Ok(Answer::Now(rules::empty(StatusCode::ACCEPTED)))
        } else {
            Err(Reason::UpstreamRejected.into())
        };
    }
    match (status, reply.media) {
        (200, Media::Events) => {
            let guard = gateway.sessions.stream(judge.principal().id())?;
            pending.leave_open();
            Ok(Answer::Stream(Box::new(Streaming {
                reply,
                judge,
                session,
                session_header: None,
                guard,
                held,
                outcome,
            })))
        }
        (200 | 400..=499, Media::Json) if verb == Verb::Post => {
            let failed = status != 200;
            let upstream_status = reply.status;
            let text = reply.whole(judge.bytes_max()).await?;
            let facts = Facts { seen: gateway.contracts.known(judge.server()), ..gateway.facts() };
            let inspected = judge.inspect(text, failed, &facts, &NoLedger);
            record.note(|entry| entry.sensitive_results.add(judge.sensitive()));
            let inspected = match inspected {
                Err(_) if failed => return Err(Reason::UpstreamRejected.into()),
                other => other?,
            };
            if let Some(suspicion) = inspected.suspicion() {
                gateway.contracts.suspect(judge.server(), suspicion);
            }
            let Seen::Answer { error, negotiated } = inspected.seen() else {
                return Err(Refusal::from(Reason::ReplyUnexpected).detail("a reply that does not answer"));
            };
            match outcome {
                Some(outcome) if inspected.asks() => outcome.asked()?,
                Some(outcome) => outcome.done(!*error),
                None => {}
            }
            if let (Some(session), Some(revision)) = (&session, negotiated) {
                session.agree(*revision);
            }
            learn(gateway, session.as_ref(), &judge, &inspected); // Before the client has it.
            record.note(|entry| {
                entry.upstream_error = Some(*error);
                entry.removed += inspected.removed();
                inspected.note().unwrap_or_default().clone_into(&mut entry.detail);
            });
            // Only statuses that MCP gives a meaning are passed on.
            let status = if matches!(status, 200 | 400 | 404) { upstream_status } else { StatusCode::BAD_REQUEST };
            Ok(Answer::Now(rules::json(status, inspected.text().clone())))
        }
        (400..=499, _) => Err(Refusal::from(Reason::UpstreamRejected).detail(format!("status {status}"))),
        _ => Err(Refusal::from(Reason::ReplyUnexpected).detail("neither JSON nor an event stream")),
    }
}

/// Remembers what the caller is about to read.
fn learn(gateway: &Gateway, session: Option<&Arc<Session>>, judge: &Judge, inspected: &Inspected) {
    judge.learned(inspected, |subject, lesson, text, said| {
        gateway.memories.learn(subject, session.map(|session| session.id.as_str()), lesson, text, said);
    });
}

fn refuse(refusal: &Refusal, server: Option<&ServerPolicy>, world: &Snapshot, modern: bool) -> Response<Body> {
    if refusal.reason == Reason::ScopeMissing
        && let (Some(server), Some(id)) = (server, &refusal.id)
        && let Some(challenge) = rules::challenge(refusal, server, world)
        && let Some(body) = challenge_result(server, id, &challenge, modern)
    {
        return rules::json(StatusCode::OK, body.into());
    }
    rules::refuse(refusal, server, world)
}

fn arguments_digest(message: &Message) -> Option<Digest> {
    message.arguments().map(|arguments| {
        let mut canonical = Vec::with_capacity(arguments.raw().len());
        arguments.canonical(&mut canonical);
        Digest::of(&canonical)
    })
}

fn note_message(record: &mut Record, message: &Message) {
    let named = match &message.target {
        Target::Tool(name) | Target::Prompt(name) | Target::Resource(name) => Some(name),
        Target::None | Target::Resources(_) | Target::Task(_) => None,
    };
    let target_digest = named.map(|name| Digest::of(name.as_bytes()));
    let arguments_digest = arguments_digest(message);
    record.note(|entry| {
        entry.revision = Some(message.revision.as_str());
        entry.method = Some(if message.shape == Shape::Response { "response" } else { message.method.name });
        entry.target_digest = target_digest;
        entry.arguments_digest = arguments_digest;
    });
}

/// What may go on, at once or once somebody confirmed it.
enum Verdict {
    Permit(Permitted),
    Confirm(Box<Unconfirmed>),
}

fn note_decision(record: &mut Record, decision: Decision) -> Result<Verdict, Refusal> {
    let (grounds, verdict) = match decision {
        Decision::Permit(permitted) => (permitted.grounds().clone(), Ok(Verdict::Permit(permitted))),
        Decision::Confirm(held) => {
            let concern = held.concern().map(Concern::words).unwrap_or_default();
            record.note(|entry| entry.detail = concern);
            (held.grounds().clone(), Ok(Verdict::Confirm(held)))
        }
        Decision::Refuse(refusal, grounds) => (grounds, Err(refusal)),
    };
    record.note(|entry| {
        if !grounds.sensitive.is_empty() {
            // Of what was sent on. A digest of what the client sent could be guessed: there are few card numbers.
            entry.arguments_digest = match &verdict {
                Ok(Verdict::Permit(permitted)) => arguments_digest(permitted.message()),
                Ok(Verdict::Confirm(held)) => arguments_digest(held.message()),
                Err(_) => None,
            };
        }
        entry.rule = grounds.rule;
        entry.sensitive_arguments = grounds.sensitive;
    });
    verdict
}

fn note_refusal(record: &mut Record, refusal: &Refusal) {
    let theirs = refusal.reason.wire().status >= 500;
    record.note(|entry| {
        entry.outcome = if theirs { "error" } else { "deny" };
        entry.reason = Some(refusal.reason.name());
        entry.detail.clone_from(&refusal.detail);
    });
}
