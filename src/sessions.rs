//! Sessions of the 2025 revisions: ids of our own, bound to principal and server, capped, expiring.
//!
//! A session id is correlation, never identity: every use of one is checked against the caller's
//! token. The upstream's own id never leaves the gateway.
mod kept;

pub use kept::{After, Kept};

use crate::clock;
use crate::kernel::confirm::elicit::Answered;
use crate::kernel::digest::{Digest, pseudonym};
use crate::kernel::judge::{Asked, Ledger};
use crate::kernel::mcp::decode::{SessionFacts, Target};
use crate::kernel::mcp::revision::Revision;
use crate::kernel::refusal::Reason;
use bytes::Bytes;
use dashmap::DashMap;
use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};

/// Most unanswered requests, in either direction, of one session.
const PENDING_MAX: usize = 256;

/// Streams of a session that go on for a client that went away.
const LINGERING_MAX: usize = 16;

/// Session bounds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// Most sessions in all.
    pub total_max: usize,
    /// Most sessions of one principal at one server; the oldest idle one makes room.
    pub per_principal_max: usize,
    /// Longest idle time.
    pub idle: Duration,
    /// Most open streams of one principal.
    pub streams_max: usize,
}

/// One session.
pub struct Session {
    /// Our id.
    pub id: String,
    principal: Digest,
    server: String,
    upstream: OnceLock<String>,
    revision: OnceLock<Revision>,
    secret: [u8; 32],
    used: AtomicU64,
    state: Mutex<State>,
    ended: watch::Sender<bool>,
    /// The client declared that its person can fill in a form.
    elicits: AtomicBool,
    /// Questions of our own.
    own: Mutex<HashMap<String, oneshot::Sender<Answered>>>,
    /// What its client reads, if it has one stream for everything (2024-11-05).
    inbox: OnceLock<Inbox>,
    /// Events that its client may come back for.
    kept: Kept,
    lingering: Arc<AtomicUsize>,
    /// For a session of a virtual server, those at its members.
    members: OnceLock<BTreeMap<String, Arc<Session>>>,
}

/// An event id that a client brings back.
#[derive(Debug, PartialEq, Eq)]
pub enum EventId {
    /// The upstream's own.
    Theirs(String),
    /// A stream of ours and the number of an event.
    Ours(u64, u64),
}

/// A stream that goes on for a client that went away.
pub struct Lingering(Arc<AtomicUsize>);

impl Drop for Lingering {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

/// The one stream of a client of 2024-11-05.
struct Inbox {
    events: mpsc::Sender<Bytes>,
    /// Messages under way.
    under_way: Arc<AtomicUsize>,
    /// It is told what the server says unasked.
    listens: AtomicBool,
}

/// A place on the one stream of a client of 2024-11-05, for what comes of one message.
pub struct Place {
    events: mpsc::Sender<Bytes>,
    under_way: Arc<AtomicUsize>,
}

impl Place {
    /// Hands it an event; waits while the client reads slowly. False once nobody reads.
    pub async fn send(&self, event: Bytes) -> bool {
        self.events.send(event).await.is_ok()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.under_way.fetch_sub(1, Ordering::AcqRel);
    }
}

#[derive(Default)]
struct State {
    pending: HashMap<String, Asked>,
    /// Questions without an answer, and what the calls were about in which they came.
    questions: HashMap<String, Target>,
}

impl Session {
    /// What decoding needs to know; nothing before the revision is agreed on.
    pub fn facts(&self) -> Option<SessionFacts> {
        self.revision.get().map(|revision| SessionFacts { revision: *revision })
    }

    /// The name of the server that it is at.
    pub fn server(&self) -> &str {
        &self.server
    }

    /// The upstream's id, if it gave one.
    pub fn upstream(&self) -> Option<&str> {
        self.upstream.get().map(String::as_str)
    }

    /// Remembers the upstream's id.
    pub fn set_upstream(&self, id: String) {
        let _ = self.upstream.set(id);
    }

    /// The revision was agreed on.
    pub fn agree(&self, revision: Revision) {
        let _ = self.revision.set(revision);
    }

    /// Turns true when the session ends.
    pub fn ended(&self) -> watch::Receiver<bool> {
        self.ended.subscribe()
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A request of the client goes out.
    pub fn begin(&self, id: &str, asked: Asked) -> Result<(), Reason> {
        let mut state = self.state();
        if state.pending.contains_key(id) {
            return Err(Reason::RequestIdReused);
        }
        if state.pending.len() >= PENDING_MAX {
            return Err(Reason::PendingExhausted);
        }
        state.pending.insert(id.to_owned(), asked);
        Ok(())
    }

    /// It was answered, or will not be.
    pub fn finish(&self, id: &str) {
        self.state().pending.remove(id);
    }

    /// The server asks the client something, in the course of what the client asked for.
    pub fn ask(&self, id: &str, about: Target) -> Result<(), Reason> {
        let mut state = self.state();
        if state.questions.len() >= PENDING_MAX {
            return Err(Reason::PendingExhausted);
        }
        state.questions.insert(id.to_owned(), about);
        Ok(())
    }

    /// What the call was about in which a question came that is not answered yet.
    pub fn asked_about(&self, id: &str) -> Option<Target> {
        self.state().questions.get(id).cloned()
    }

    /// The client answers; only what was asked, and once.
    pub fn answer(&self, id: &str) -> Result<(), Reason> {
        self.state().questions.remove(id).map(|_| ()).ok_or(Reason::ResponseUnexpected)
    }

    /// What the client declared at `initialize`.
    pub fn set_elicits(&self, elicits: bool) {
        self.elicits.store(elicits, Ordering::Relaxed);
    }

    /// Whether the client declared that its person can fill in a form.
    pub fn elicits(&self) -> bool {
        self.elicits.load(Ordering::Relaxed)
    }

    fn own(&self) -> std::sync::MutexGuard<'_, HashMap<String, oneshot::Sender<Answered>>> {
        self.own.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The gateway itself asks the client something.
    pub fn ask_own(&self, id: &str) -> Result<oneshot::Receiver<Answered>, Reason> {
        let mut own = self.own();
        if own.len() >= PENDING_MAX {
            return Err(Reason::PendingExhausted);
        }
        let (sender, receiver) = oneshot::channel();
        own.insert(id.to_owned(), sender);
        Ok(receiver)
    }

    /// Takes the answer to a question of the gateway's own; `id` as JSON. False if there is none.
    pub fn answer_own(&self, id: &str, answered: Answered) -> bool {
        let sender = self.own().remove(id.trim_matches('"'));
        sender.is_some_and(|sender| sender.send(answered).is_ok())
    }

    /// Nobody waits for this answer any more.
    pub fn forget_own(&self, id: &str) {
        self.own().remove(id);
    }

    /// The client reads everything here, and nothing as the reply to a request.
    pub fn reads(&self, events: mpsc::Sender<Bytes>) {
        let _ = self.inbox.set(Inbox { events, under_way: Arc::default(), listens: AtomicBool::new(false) });
    }

    /// Whether its client has one stream for everything.
    pub fn has_inbox(&self) -> bool {
        self.inbox.get().is_some()
    }

    /// A place there for what comes of one more message.
    pub fn place(&self) -> Result<Place, Reason> {
        let inbox = self.inbox.get().ok_or(Reason::SessionUnknown)?;
        if inbox.under_way.fetch_add(1, Ordering::AcqRel) >= PENDING_MAX {
            inbox.under_way.fetch_sub(1, Ordering::AcqRel);
            return Err(Reason::PendingExhausted);
        }
        Ok(Place { events: inbox.events.clone(), under_way: inbox.under_way.clone() })
    }

    /// True once, when it is time to ask what the server says unasked.
    pub fn begins_to_listen(&self) -> bool {
        self.facts().is_some() && self.inbox.get().is_some_and(|inbox| !inbox.listens.swap(true, Ordering::AcqRel))
    }

    /// An upstream event id as the client gets it: sealed to this session.
    pub fn seal_event_id(&self, id: &str) -> String {
        format!("{}.{id}", pseudonym(&self.secret, &[id]))
    }

    /// It is one of a virtual server, and stands for these.
    pub fn consists_of(&self, members: BTreeMap<String, Arc<Session>>) {
        let _ = self.members.set(members);
    }

    /// The session at a member.
    pub fn member(&self, name: &str) -> Option<Arc<Session>> {
        let member = self.members.get()?.get(name).filter(|member| !*member.ended.borrow())?;
        member.used.store(clock::now(), Ordering::Relaxed);
        Some(member.clone())
    }

    /// Whether a request of the client is unanswered.
    pub fn is_pending(&self, id: &str) -> bool {
        self.state().pending.contains_key(id)
    }

    /// Whether a question to the client is unanswered, be it of the server or our own.
    pub fn asks(&self, id: &str) -> bool {
        self.state().questions.contains_key(id) || self.own().contains_key(id.trim_matches('"'))
    }

    /// The event id back and the session that gave it out: this one, or one that it stands for.
    pub fn event(self: &Arc<Self>, sealed: &str) -> Result<(Arc<Session>, EventId), Reason> {
        let members = self.members.get().into_iter().flat_map(BTreeMap::values);
        let mut holders = std::iter::once(self).chain(members);
        let found = holders.find_map(|holder| Some((holder.clone(), holder.open_event_id(sealed).ok()?)));
        found.ok_or(Reason::EventIdForeign)
    }

    /// The event id back, if it was given out in this session.
    pub fn open_event_id(&self, sealed: &str) -> Result<EventId, Reason> {
        if let Some((stream, number)) = sealed.rsplit_once('-')
            && let Some((_, named)) = stream.split_once('~')
        {
            let ours =
                named.parse().ok().zip(number.parse().ok()).filter(|(named, _)| self.own_stream(*named) == stream);
            return ours.map(|(named, number)| EventId::Ours(named, number)).ok_or(Reason::EventIdForeign);
        }
        let (seal, id) = sealed.split_once('.').ok_or(Reason::EventIdForeign)?;
        if seal == pseudonym(&self.secret, &[id]) {
            Ok(EventId::Theirs(id.to_owned()))
        } else {
            Err(Reason::EventIdForeign)
        }
    }

    /// What the ids of the events of a kept stream begin with: sealed to this session. A dash and the number of the
    /// event follow.
    pub fn own_stream(&self, stream: u64) -> String {
        format!("{}~{stream}", pseudonym(&self.secret, &["own", &stream.to_string()]))
    }

    /// Events that its client may come back for.
    pub fn kept(&self) -> &Kept {
        &self.kept
    }

    /// A place among the streams that go on without their client.
    pub fn linger(&self) -> Option<Lingering> {
        if self.lingering.fetch_add(1, Ordering::AcqRel) >= LINGERING_MAX {
            self.lingering.fetch_sub(1, Ordering::AcqRel);
            return None;
        }
        Some(Lingering(self.lingering.clone()))
    }
}

impl Ledger for Session {
    fn expected(&self, id: &str) -> Option<Asked> {
        self.state().pending.get(id).cloned()
    }
}

/// All sessions, and the open streams of each principal.
pub struct Sessions {
    settings: Settings,
    all: DashMap<String, Arc<Session>>,
    streams: DashMap<Digest, Arc<AtomicUsize>>,
    kept_bytes: Arc<AtomicUsize>,
}

/// Counts one open stream for as long as it lives.
pub struct StreamGuard(Arc<AtomicUsize>);

impl Drop for StreamGuard {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Sessions {
    /// None yet.
    pub fn new(settings: Settings) -> Self {
        Self { settings, all: DashMap::new(), streams: DashMap::new(), kept_bytes: Arc::default() }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// A new session; at its owner's cap the one longest idle makes room.
    pub fn create(&self, principal: Digest, server: &str) -> Result<Arc<Session>, Reason> {
        if self.all.len() >= self.settings.total_max {
            self.sweep();
            if self.all.len() >= self.settings.total_max {
                return Err(Reason::SessionsExhausted);
            }
        }
        let own = self.all.iter().filter(|s| s.principal == principal && s.server == server);
        let own: Vec<(u64, String)> = own.map(|s| (s.used.load(Ordering::Relaxed), s.id.clone())).collect();
        if own.len() >= self.settings.per_principal_max
            && let Some((_, oldest)) = own.iter().min()
        {
            self.end(oldest);
        }
        let session = Arc::new(Session {
            id: clock::random_token::<32>(),
            principal,
            server: server.to_owned(),
            upstream: OnceLock::new(),
            revision: OnceLock::new(),
            secret: clock::random(),
            used: AtomicU64::new(clock::now()),
            state: Mutex::default(),
            ended: watch::channel(false).0,
            elicits: AtomicBool::new(false),
            own: Mutex::default(),
            inbox: OnceLock::new(),
            kept: Kept::new(self.kept_bytes.clone()),
            lingering: Arc::default(),
            members: OnceLock::new(),
        });
        self.all.insert(session.id.clone(), session.clone());
        Ok(session)
    }

    /// The session, if it is this caller's at this server. A foreign one is as unknown as a dead one.
    pub fn get(&self, id: &str, principal: Digest, server: &str) -> Result<Arc<Session>, Reason> {
        let session = self.all.get(id).map(|s| s.clone()).ok_or(Reason::SessionUnknown)?;
        if session.principal != principal || session.server != server {
            return Err(Reason::SessionUnknown);
        }
        let now = clock::now();
        if session.used.load(Ordering::Relaxed) + self.settings.idle.as_secs() <= now {
            self.end(id);
            return Err(Reason::SessionUnknown);
        }
        session.used.store(now, Ordering::Relaxed);
        Ok(session)
    }

    /// Ends a session for good; its streams end too.
    pub fn end(&self, id: &str) {
        if let Some((_, session)) = self.all.remove(id) {
            session.ended.send_replace(true);
            session.members.get().into_iter().flat_map(BTreeMap::values).for_each(|member| self.end(&member.id));
        }
    }

    /// Drops what has been idle too long, and counters at zero.
    pub fn sweep(&self) {
        let now = clock::now();
        let idle = self.settings.idle.as_secs();
        let dead: Vec<String> =
            self.all.iter().filter(|s| s.used.load(Ordering::Relaxed) + idle <= now).map(|s| s.id.clone()).collect();
        dead.iter().for_each(|id| self.end(id));
        self.streams.retain(|_, count| count.load(Ordering::Acquire) > 0 || Arc::strong_count(count) > 1);
    }

    /// Counts a stream of this principal, or refuses it.
    pub fn stream(&self, principal: Digest) -> Result<StreamGuard, Reason> {
        let count = self.streams.entry(principal).or_default().clone();
        if count.fetch_add(1, Ordering::AcqRel) >= self.settings.streams_max {
            count.fetch_sub(1, Ordering::AcqRel);
            return Err(Reason::StreamsExhausted);
        }
        Ok(StreamGuard(count))
    }
}
