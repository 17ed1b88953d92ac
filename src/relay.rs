//! Streams a reply through its judge, event by event, holding nothing back but an event's own bytes.
//!
//! A session's stream whose events have no ids gets ids of ours, its events are kept within bounds, and it goes on
//! for a while when its client goes away: the client may come back for the rest.
//!
//! The stream ends when the answer was relayed, the upstream ends, the judge refuses, a new policy no
//! longer allows it, the token expires, the session ends or the gateway drains.
use crate::audit::Record;
use crate::body::Body;
use crate::clock;
use crate::confirmations::Outcome;
use crate::contracts::Contracts;
use crate::kernel::facts::Facts;
use crate::kernel::judge::{Judge, Ledger, NoLedger, Seen};
use crate::kernel::mcp::decode::Shape;
use crate::kernel::mcp::method::Class;
use crate::kernel::refusal::{Reason, Refusal};
use crate::kernel::sse::{self, Decoder, Event};
use crate::memory::Memories;
use crate::meter::Held;
use crate::metrics::Metrics;
use crate::sessions::{Session, StreamGuard};
use crate::snapshots::Snapshots;
use bytes::Bytes;
use futures_util::stream;
use http_body_util::BodyExt;
use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;

/// The body of an upstream's reply.
pub trait Upstream: http_body::Body<Data = Bytes> + Unpin + Send + 'static {}

impl<B: http_body::Body<Data = Bytes> + Unpin + Send + 'static> Upstream for B {}

/// Everything one stream needs.
pub struct Relay<B> {
    /// The upstream's body.
    pub body: B,
    /// Who judges.
    pub judge: Judge,
    /// Its record; closed when the stream ends or is dropped.
    pub record: Record,
    /// Its session, in the 2025 revisions.
    pub session: Option<Arc<Session>>,
    /// The worlds.
    pub snapshots: Arc<Snapshots>,
    /// Turns true when the gateway stops.
    pub draining: watch::Receiver<bool>,
    /// Its place among the calls that may be unanswered at once.
    pub held: Held,
    /// When the call was sent: its time began then.
    pub sent: Instant,
    /// Counts the stream.
    pub guard: StreamGuard,
    /// Where it is counted too.
    pub metrics: Arc<Metrics>,
    /// What servers were seen to offer.
    pub contracts: Arc<Contracts>,
    /// What callers read.
    pub memories: Arc<Memories>,
    /// Waits for what comes of a confirmed call.
    pub outcome: Option<Outcome>,
}

struct Running<B> {
    relay: Relay<B>,
    decoder: Decoder,
    queue: VecDeque<Bytes>,
    /// What may end or change the stream while it waits for the next event.
    disturbance: Pin<Box<dyn Future<Output = Happened> + Send>>,
    frames: (u64, u64),
    /// How much was left out of them.
    removed: usize,
    /// The session still waits for the answer.
    unanswered: bool,
    /// An event had an id, so that the client may come back for the rest.
    resumable: bool,
    /// Until when the answer must be whole, if a limit says so.
    deadline: Option<Instant>,
    own: Own,
    done: bool,
}

/// Ids of ours.
enum Own {
    /// It is not known yet whether the server has some.
    Unknown,
    /// None: there is no session, or the server has ids.
    None,
    /// This stream of the session's; what ids begin with.
    Kept(u64, String),
}

/// How long a stream goes on without its client.
const LINGER: Duration = Duration::from_secs(120);

/// A stream as its client reads it.
struct Read<B: Upstream>(Option<Running<B>>);

impl<B: Upstream> Drop for Read<B> {
    /// Before 2026-07-28 a client that goes away does not cancel its call, and may come back for the answer.
    fn drop(&mut self) {
        let Some(mut running) = self.0.take() else { return };
        let (Own::Kept(..), false, Some(session)) = (&running.own, running.done, running.relay.session.clone()) else {
            return;
        };
        if let (Some(lingering), Ok(runtime)) = (session.linger(), tokio::runtime::Handle::try_current()) {
            let mut draining = running.relay.draining.clone();
            runtime.spawn(async move {
                let rest = async { while running.next().await.is_some() {} };
                tokio::select! {
                    _ = tokio::time::timeout(LINGER, rest) => {}
                    _ = draining.wait_for(|draining| *draining) => {}
                }
                drop(lingering);
            });
        }
    }
}

enum Happened {
    Data(Bytes),
    UpstreamEnded,
    UpstreamBroke,
    PolicyChanged,
    SessionEnded,
    Draining,
    TokenExpired,
    TimeUp,
}

impl<B> Running<B> {
    /// The session waits no longer.
    fn forget(&mut self) {
        if let (Some(session), Some(id), true) =
            (&self.relay.session, &self.relay.judge.message().id, std::mem::take(&mut self.unanswered))
        {
            session.finish(id);
        }
    }
}

impl<B> Drop for Running<B> {
    fn drop(&mut self) {
        self.relay.metrics.streams.dec();
        if let (Own::Kept(stream, _), Some(session)) = (&self.own, &self.relay.session) {
            session.kept().end(*stream);
        }
        // Nobody can come for this answer any more, and a session waits only for so many.
        if self.unanswered && !self.resumable {
            self.forget();
        }
    }
}

/// The response body.
pub fn relay<B: Upstream>(relay: Relay<B>) -> Body {
    relay.metrics.streams.inc();
    let (decoder, deadline) = (Decoder::new(relay.judge.bytes_max()), relay.judge.time().map(|time| relay.sent + time));
    let own = match &relay.session {
        Some(session) if relay.judge.message().shape == Shape::Request && !session.has_inbox() => {
            if relay.judge.message().method.class == Class::OpenStream { Own::None } else { Own::Unknown }
        }
        _ => Own::None,
    };
    let running = Running {
        // While the server made up its mind, the caller may have lost what it had when it asked.
        disturbance: disturbance(&relay, deadline, relay.snapshots.watch_since(relay.judge.world())),
        relay,
        own,
        decoder,
        deadline,
        queue: VecDeque::new(),
        frames: (0, 0),
        removed: 0,
        unanswered: true,
        resumable: false,
        done: false,
    };
    Body::Stream(Box::pin(stream::unfold(Read(Some(running)), |mut read| async move {
        let bytes = read.0.as_mut()?.next().await?;
        Some((bytes, read))
    })))
}

/// Waits for what is none of the upstream's doing. It outlives events, so that each of them need not set timers and take
/// its place among those that wait for a new policy; whatever `changed` has not seen is told.
fn disturbance<B>(
    relay: &Relay<B>,
    deadline: Option<Instant>,
    mut changed: watch::Receiver<u64>,
) -> Pin<Box<dyn Future<Output = Happened> + Send>> {
    // Calls in flight may finish while draining; streams that would stay open may not.
    let standing = matches!(relay.judge.message().method.class, Class::OpenStream | Class::Listen);
    let mut ended = relay.session.as_ref().map(|session| session.ended());
    let mut draining = standing.then(|| relay.draining.clone());
    let left = Duration::from_secs(relay.judge.principal().expires().saturating_sub(clock::now()));
    let becomes_true = async |flag: &mut Option<watch::Receiver<bool>>| match flag {
        Some(flag) => drop(flag.wait_for(|flag| *flag).await),
        None => std::future::pending().await,
    };
    Box::pin(async move {
        tokio::select! {
            biased;
            changed = changed.changed() => if changed.is_ok() { Happened::PolicyChanged } else { Happened::Draining },
            () = becomes_true(&mut ended) => Happened::SessionEnded,
            () = becomes_true(&mut draining) => Happened::Draining,
            () = tokio::time::sleep_until(deadline.unwrap_or_else(Instant::now)), if deadline.is_some() => Happened::TimeUp,
            () = tokio::time::sleep(left) => Happened::TokenExpired,
        }
    })
}

impl<B: Upstream> Running<B> {
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            if let Some(bytes) = self.queue.pop_front() {
                return Some(bytes);
            }
            if self.done {
                return None;
            }
            if let Err(refusal) = self.advance().await {
                self.refuse(&refusal);
            }
        }
    }

    async fn advance(&mut self) -> Result<(), Refusal> {
        match self.wait().await {
            Happened::Data(bytes) => {
                let fed = self.decoder.feed(&bytes);
                // Events before a fault are shown, however the stream was cut into pieces.
                while let Some(event) = self.decoder.next_event() {
                    self.event(event).await?;
                    if self.done {
                        return Ok(());
                    }
                }
                fed.map_err(|fault| match fault {
                    sse::Fault::TooLarge => Reason::ReplyTooLarge.into(),
                    sse::Fault::Encoding => Refusal::from(Reason::ReplyMalformed).detail("not UTF-8"),
                })
            }
            Happened::UpstreamEnded => {
                self.close("allow", None);
                Ok(())
            }
            Happened::UpstreamBroke => Err(Refusal::from(Reason::UpstreamFailed).detail("the stream broke off")),
            Happened::PolicyChanged => {
                let world = self.relay.snapshots.current();
                let differs = self.relay.judge.contract_differs(&world);
                self.relay.judge.renew(&world, &self.facts())?;
                if let (Own::Kept(stream, _), Some(session)) = (&self.own, &self.relay.session) {
                    session.kept().forget(*stream);
                    self.own = Own::None;
                }
                if differs {
                    for text in self.relay.judge.lists_changed() {
                        let text = std::str::from_utf8(&text).unwrap_or_default();
                        self.queue.push_back(sse::encode(None, Some(text), None).into());
                        self.frames.0 += 1;
                    }
                }
                Ok(())
            }
            Happened::SessionEnded => {
                self.close("allow", Some("the session ended"));
                Ok(())
            }
            Happened::Draining => Err(Reason::Draining.into()),
            Happened::TimeUp => Err(Reason::UpstreamTooSlow.into()),
            Happened::TokenExpired => Err(Reason::TokenExpired.into()),
        }
    }

    async fn wait(&mut self) -> Happened {
        // Timers do not see that the clock was set, or that the machine slept.
        if self.relay.judge.principal().expires() <= clock::now() {
            return Happened::TokenExpired;
        }
        tokio::select! {
            biased;
            happened = &mut self.disturbance => {
                self.disturbance = disturbance(&self.relay, self.deadline, self.relay.snapshots.watch());
                happened
            }
            frame = self.relay.body.frame() => match frame {
                Some(Ok(frame)) => Happened::Data(frame.into_data().unwrap_or_default()),
                Some(Err(_)) => Happened::UpstreamBroke,
                None => Happened::UpstreamEnded,
            },
        }
    }

    async fn event(&mut self, event: Event) -> Result<(), Refusal> {
        if event.comment {
            self.queue.push_back(Bytes::from_static(sse::COMMENT.as_bytes()));
            return Ok(());
        }
        if event.name.as_deref().is_some_and(|name| name != "message") {
            return Err(Refusal::from(Reason::ReplyUnexpected).detail("an event of another type"));
        }
        let session = self.relay.session.clone();
        let id = match (&event.id, &session) {
            (Some(id), Some(session)) if id.len() <= 1024 => Some(session.seal_event_id(id)),
            _ => None,
        };
        self.resumable |= id.is_some();
        let id = self.own_id(id);
        let Some(data) = event.data.filter(|data| !data.is_empty()) else {
            let data = id.is_some().then_some("");
            self.queue.push_back(sse::encode(id.as_deref(), data, event.retry).into());
            return Ok(());
        };
        let ledger: &dyn Ledger = match &session {
            Some(session) => &**session,
            None => &NoLedger,
        };
        let facts = self.facts();
        let inspected = self.relay.judge.inspect(data.into(), false, &facts, ledger)?;
        if let Some(suspicion) = inspected.suspicion() {
            self.relay.contracts.suspect(self.relay.judge.server(), suspicion);
        }
        let session_id = session.as_ref().map(|session| session.id.as_str());
        self.relay.judge.learned(&inspected, |subject, lesson, text, said| {
            self.relay.memories.learn(subject, session_id, lesson, text, said);
        });
        self.removed += inspected.removed();
        match inspected.seen() {
            Seen::Withheld => {
                self.frames.1 += 1;
                return Ok(());
            }
            Seen::Question(question) => {
                if let Some(session) = &session {
                    session.ask(question, self.relay.judge.about().into_owned())?;
                }
            }
            Seen::Late(answered) => {
                if let Some(session) = &session {
                    session.finish(answered);
                }
            }
            Seen::Answer { error, negotiated } => {
                self.forget();
                match self.relay.outcome.take() {
                    Some(outcome) if inspected.asks() => outcome.asked()?,
                    Some(outcome) => outcome.done(!*error),
                    None => {}
                }
                if let (Some(session), Some(revision)) = (&session, negotiated) {
                    session.agree(*revision);
                }
                self.relay.record.note(|entry| entry.upstream_error = Some(*error));
                self.frames.0 += 1;
                self.close("allow", inspected.note());
                self.relay.record.commit().await?;
            }
            Seen::Notice => {}
        }
        if !self.done {
            self.frames.0 += 1;
        }
        let text = std::str::from_utf8(inspected.text()).unwrap_or_default();
        let event = Bytes::from(sse::encode(id.as_deref(), Some(text), event.retry));
        if let (Own::Kept(stream, _), Some(session)) = (&self.own, &session) {
            session.kept().push(*stream, event.clone());
        }
        self.queue.push_back(event);
        Ok(())
    }

    /// The id that an event goes out with, where the server gave it none.
    fn own_id(&mut self, theirs: Option<String>) -> Option<String> {
        let session = self.relay.session.as_ref()?;
        if matches!(self.own, Own::Unknown) {
            self.own = match &theirs {
                Some(_) => Own::None,
                None => {
                    let judge = &self.relay.judge;
                    let stream = session.kept().begin(judge.world().id, judge.about().into_owned());
                    Own::Kept(stream, session.own_stream(stream))
                }
            };
        }
        match &self.own {
            Own::Kept(stream, prefix) => Some(format!("{prefix}-{}", session.kept().next_of(*stream))),
            Own::Unknown | Own::None => theirs,
        }
    }

    fn facts(&self) -> Facts {
        Facts {
            seen: self.relay.contracts.known(self.relay.judge.server()),
            ..self.relay.snapshots.facts(clock::now())
        }
    }

    fn close(&mut self, outcome: &'static str, detail: Option<&str>) {
        let (frames, removed) = (self.frames, self.removed);
        let judge = &self.relay.judge;
        self.relay.record.note(|entry| {
            entry.outcome = outcome;
            entry.frames = Some(frames);
            entry.sensitive_results.add(judge.sensitive());
            entry.removed += removed;
            detail.unwrap_or_default().clone_into(&mut entry.detail);
        });
        self.done = true;
    }

    /// Tells a waiting client in its own terms, then ends the stream.
    fn refuse(&mut self, refusal: &Refusal) {
        let message = self.relay.judge.message();
        if let (Shape::Request, Some(id)) = (&message.shape, &message.id) {
            let body = refusal.clone().for_id(Some(id.clone())).body();
            self.queue.push_back(sse::encode(None, Some(&body), None).into());
        }
        self.forget();
        let outcome = if refusal.reason == Reason::StreamNoLongerAllowed { "deny" } else { "error" };
        self.close(outcome, Some(&refusal.detail));
        self.relay.record.note(|entry| entry.reason = Some(refusal.reason.name()));
    }
}
