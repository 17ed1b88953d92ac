//! Streams that the gateway itself keeps: those that a client comes back to, and
//! those of clients of 2024-11-05 (HTTP+SSE): one stream for everything that comes, and an endpoint, named on it, for
//! everything that goes. Each message is judged, sent and recorded as if it had come alone; what comes of it comes on
//! the stream. The session lives as long as the stream, and is its opener's alone.
use super::{Answer, Gateway, Verdict, carry, finish, note_decision, note_refusal, refuse};
use crate::audit::Record;
use crate::body::Body;
use crate::clock;
use crate::kernel::digest::Digest;
use crate::kernel::facts::Facts;
use crate::kernel::inbound::{HeaderFacts, Inbound, Verb};
use crate::kernel::judge::Judge;
use crate::kernel::mcp::decode::{SessionFacts, Target, decode};
use crate::kernel::mcp::revision::Revision;
use crate::kernel::policy::compile::ServerPolicy;
use crate::kernel::policy::decide::{decide, may_have};
use crate::kernel::principal::Principal;
use crate::kernel::refusal::{Reason, Refusal};
use crate::kernel::snapshot::Snapshot;
use crate::kernel::sse;
use crate::meter::Held;
use crate::sessions::{After, Place, Session, StreamGuard};
use bytes::Bytes;
use futures_util::stream;
use http_body_util::BodyExt;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};

/// Events that wait for a client that reads slowly.
const EVENTS_MAX: usize = 256;

/// Whether a request opens such a stream: a GET without anything that later revisions say in theirs.
pub fn opens(inbound: &Inbound) -> bool {
    inbound.verb == Verb::Get && inbound.headers.session.is_none() && inbound.headers.protocol_version.is_none()
}

/// Opens the stream, and with it the session.
pub fn open(
    gateway: &Arc<Gateway>,
    world: &Arc<Snapshot>,
    (server, principal): (&Arc<ServerPolicy>, &Arc<Principal>),
    facts: &Facts,
    record: &mut Record,
) -> Result<Answer, Refusal> {
    let opening = of_ours(Verb::Get);
    let message = decode(opening, Some(SessionFacts { revision: Revision::V2024_11_05 }), &world.limits.request)?;
    super::note_message(record, &message);
    let Verdict::Permit(permitted) = note_decision(record, decide(world, server, principal, message, facts))? else {
        return Err(Reason::Internal.into());
    };
    let held = gateway.meter.charge(&permitted)?;
    let guard = gateway.sessions.stream(principal.id())?;
    let session = gateway.sessions.create(principal.id(), &server.name)?;
    let (sender, events) = mpsc::channel(EVENTS_MAX);
    session.reads(sender);
    let (_, judge) = permitted.discharge(); // The server is not asked yet: the session has not begun there.
    let endpoint = format!("event: endpoint\ndata: {}/{}\n\n", server.path.trim_end_matches('/'), session.id);
    Ok(Answer::Standing(Box::new(Standing {
        changed: gateway.snapshots.watch_since(world),
        ended: session.ended(),
        draining: gateway.draining.clone(),
        source: Source::Inbox { endpoint: Some(endpoint.into()), events },
        caller: (server.clone(), principal.clone()),
        gateway: gateway.clone(),
        record: None,
        sent: 0,
        session,
        about: Target::None,
        judge,
        _held: held,
        _guard: guard,
    })))
}

/// Goes on with a stream of a session's after an event that its client has.
pub fn resume(
    gateway: &Arc<Gateway>,
    (world, server, principal): Around<'_>,
    session: &Arc<Session>,
    inbound: Inbound,
    (stream, number): (u64, u64),
    record: &mut Record,
) -> Result<Answer, Refusal> {
    if inbound.verb != Verb::Get || session.kept().after(stream, number, world.id) == After::Lost {
        return Err(Reason::EventIdForeign.into());
    }
    let (facts, about) = (gateway.facts(), session.kept().about(stream).unwrap_or(Target::None));
    let message = decode(inbound, session.facts(), &world.limits.request)?;
    super::note_message(record, &message);
    let decision = decide(world, server, principal, message, &facts);
    let Verdict::Permit(permitted) = note_decision(record, decision)? else {
        return Err(Reason::Internal.into());
    };
    may_have(server, principal, &about, &facts)?;
    let held = gateway.meter.charge(&permitted)?;
    let guard = gateway.sessions.stream(principal.id())?;
    let (_, judge) = permitted.discharge(); // What is sent was judged when it came.
    Ok(Answer::Standing(Box::new(Standing {
        changed: gateway.snapshots.watch_since(world),
        ended: session.ended(),
        draining: gateway.draining.clone(),
        source: Source::Kept { stream, number, policy: world.id, more: session.kept().watch() },
        caller: (server.clone(), principal.clone()),
        gateway: gateway.clone(),
        record: None,
        sent: 0,
        session: session.clone(),
        about,
        judge,
        _held: held,
        _guard: guard,
    })))
}

/// A message without a body that the gateway itself makes for a session.
fn of_ours(verb: Verb) -> Inbound {
    Inbound { verb, headers: HeaderFacts::default(), body: Bytes::new() }
}

/// The stream.
pub struct Standing {
    gateway: Arc<Gateway>,
    session: Arc<Session>,
    caller: (Arc<ServerPolicy>, Arc<Principal>),
    judge: Judge,
    /// What the call is about of which it tells.
    about: Target,
    source: Source,
    changed: watch::Receiver<u64>,
    ended: watch::Receiver<bool>,
    draining: watch::Receiver<bool>,
    record: Option<Record>,
    sent: u64,
    _held: Held,
    _guard: StreamGuard,
}

/// What a stream of ours sends.
enum Source {
    /// Everything of a session, the endpoint first.
    Inbox { endpoint: Option<Bytes>, events: mpsc::Receiver<Bytes> },
    /// What comes after an event of a kept stream.
    Kept { stream: u64, number: u64, policy: Digest, more: watch::Receiver<u64> },
}

impl Source {
    async fn next(&mut self, session: &Session) -> Option<Bytes> {
        match self {
            Self::Inbox { endpoint, events } => match endpoint.take() {
                Some(endpoint) => Some(endpoint),
                None => events.recv().await,
            },
            Self::Kept { stream, number, policy, more } => loop {
                more.borrow_and_update();
                match session.kept().after(*stream, *number, *policy) {
                    After::Event(at, event) => {
                        *number = at;
                        return Some(event);
                    }
                    After::Nothing => more.changed().await.ok()?,
                    After::Over | After::Lost => return None,
                }
            },
        }
    }
}

enum Happened {
    Changed,
    Ended,
    Over(Reason),
    Event(Option<Bytes>),
}

impl Standing {
    /// The body of the response; the record is closed with it.
    pub fn stream(mut self, record: Record) -> Body {
        self.record = Some(record);
        Body::Stream(Box::pin(stream::unfold(self, |mut standing| async move {
            let bytes = standing.next().await?;
            Some((bytes, standing))
        })))
    }

    async fn next(&mut self) -> Option<Bytes> {
        loop {
            let left = Duration::from_secs(self.judge.principal().expires().saturating_sub(clock::now()));
            let happened = tokio::select! {
                biased;
                changed = self.changed.changed() => changed.map_or(Happened::Over(Reason::Draining), |()| Happened::Changed),
                _ = self.ended.wait_for(|ended| *ended) => Happened::Ended,
                _ = self.draining.wait_for(|draining| *draining) => Happened::Over(Reason::Draining),
                () = tokio::time::sleep(left) => Happened::Over(Reason::TokenExpired),
                event = self.source.next(&self.session) => Happened::Event(event),
            };
            match happened {
                Happened::Changed => {
                    let world = self.gateway.snapshots.current();
                    let facts = self.gateway.facts();
                    let renewed = self
                        .judge
                        .renew(&world, &facts)
                        .and_then(|()| may_have(self.judge.server(), self.judge.principal(), &self.about, &facts));
                    if let Err(refusal) = renewed {
                        return self.close("deny", Some(&refusal));
                    }
                }
                Happened::Ended => return self.close("allow", None),
                Happened::Over(reason) => return self.close("error", Some(&reason.into())),
                Happened::Event(None) => return self.close("allow", None),
                Happened::Event(event) => {
                    self.sent += 1;
                    return event;
                }
            }
        }
    }

    fn close(&mut self, outcome: &'static str, refusal: Option<&Refusal>) -> Option<Bytes> {
        let sent = self.sent;
        if let Some(mut record) = self.record.take() {
            record.note(|entry| {
                entry.outcome = outcome;
                entry.frames = Some((sent, 0));
                entry.reason = refusal.map(|refusal| refusal.reason.name());
                entry.detail = refusal.map(|refusal| refusal.detail.clone()).unwrap_or_default();
            });
        }
        None
    }
}

impl Drop for Standing {
    /// The session of a client of 2024-11-05 goes with its stream, here and at the server.
    fn drop(&mut self) {
        if !matches!(self.source, Source::Inbox { .. }) {
            return;
        }
        let (gateway, session) = (self.gateway.clone(), self.session.clone());
        gateway.sessions.end(&session.id);
        let (server, principal) = self.caller.clone();
        if let Ok(runtime) = tokio::runtime::Handle::try_current()
            && session.upstream().is_some()
        {
            runtime.spawn(async move {
                let world = gateway.snapshots.current();
                let _ = alone(&gateway, (&world, &server, &principal), &session, of_ours(Verb::Delete)).await;
            });
        }
    }
}

/// A message to an endpoint, on its way. Whoever sent it is told at once that it is: some clients send the answer to a
/// question only after that.
pub struct Later {
    world: Arc<Snapshot>,
    server: Arc<ServerPolicy>,
    principal: Arc<Principal>,
    session: Arc<Session>,
    inbound: Inbound,
    place: Place,
}

type Around<'a> = (&'a Arc<Snapshot>, &'a Arc<ServerPolicy>, &'a Arc<Principal>);

impl Later {
    /// There are only so many for one stream.
    pub fn new(around: Around<'_>, session: &Arc<Session>, inbound: Inbound) -> Result<Self, Refusal> {
        let (world, server, principal) = around;
        let (world, server, principal) = (world.clone(), server.clone(), principal.clone());
        Ok(Self { place: session.place()?, world, server, principal, session: session.clone(), inbound })
    }

    /// Lets it travel.
    pub fn go(self, gateway: Arc<Gateway>, record: Record) {
        tokio::spawn(async move {
            let Self { world, server, principal, session, inbound, place } = self;
            let around = (&world, &server, &principal);
            let listens = session.begins_to_listen();
            one(&gateway, around, &session, inbound, record, &place).await;
            drop(place);
            if listens
                && let Ok(place) = session.place()
                && let Ok(body) = alone(&gateway, around, &session, of_ours(Verb::Get)).await
            {
                told(body, &place).await;
            }
        });
    }
}

/// One message, what comes of it, and its record.
async fn one(
    gateway: &Arc<Gateway>,
    around: Around<'_>,
    session: &Arc<Session>,
    inbound: Inbound,
    record: Record,
    place: &Place,
) {
    let (world, server, _) = around;
    match travelled(gateway, around, session, inbound, record).await {
        Ok(body) => told(body, place).await,
        // Nobody waits for the status of a message to an endpoint.
        Err(refusal) => told(refuse(&refusal, Some(server), world, false).into_body(), place).await,
    }
}

/// A message of the gateway's own for a session, with a record of its own.
async fn alone(
    gateway: &Arc<Gateway>,
    around: Around<'_>,
    session: &Arc<Session>,
    inbound: Inbound,
) -> Result<Body, Refusal> {
    let (world, server, principal) = around;
    let mut record = gateway.audit.begin("exchange", clock::Id::random())?;
    record.note(|entry| {
        entry.policy = Some(world.id);
        entry.server = Some(server.clone());
        entry.principal = Some(principal.clone());
    });
    travelled(gateway, around, session, inbound, record).await
}

async fn travelled(
    gateway: &Arc<Gateway>,
    (world, server, principal): Around<'_>,
    session: &Arc<Session>,
    inbound: Inbound,
    mut record: Record,
) -> Result<Body, Refusal> {
    let (facts, mut modern) = (gateway.facts(), false);
    let session = Some(session.clone());
    let answer = carry(gateway, world, (server, principal), session, inbound, facts, &mut record, &mut modern).await;
    let (refusal, mut record) = match answer {
        Ok(answer) => match Box::pin(finish(gateway, answer, record, modern)).await {
            Ok(response) => return Ok(response.into_body()),
            Err(refused) => (refused.refusal, refused.record),
        },
        Err(refusal) => (refusal, record),
    };
    note_refusal(&mut record, &refusal);
    record.commit().await?;
    Err(refusal)
}

/// Hands a client what came of its message.
async fn told(body: Body, place: &Place) {
    match body {
        Body::Full(text) if text.is_empty() => {}
        Body::Full(text) => {
            let event = sse::encode(None, Some(&String::from_utf8_lossy(&text)), None);
            let _ = place.send(event.into()).await;
        }
        Body::Stream(_) => {
            let mut body = body;
            while let Some(Ok(frame)) = body.frame().await {
                let Ok(bytes) = frame.into_data() else { continue };
                if !place.send(bytes).await {
                    return;
                }
            }
        }
    }
}
