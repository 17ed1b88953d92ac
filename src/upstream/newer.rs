//! Drives `kernel::bridge::newer`: requests of 2026-07-28 before a server of an earlier revision.
use super::messages::Messages;
use super::state::Seal;
use super::{Door, Reply};
use crate::clock;
use crate::kernel::bridge::newer::{self, Answered, Call, Listen, Step, Taken, Welcome};
use crate::kernel::bridge::{params, text};
use crate::kernel::digest::Digest;
use crate::kernel::mcp::decode::{Shape, Target};
use crate::kernel::mcp::method::Class;
use crate::kernel::policy::decide::Outbound;
use crate::kernel::refusal::{Reason, Refusal};
use crate::wire::Broken;
use bytes::Bytes;
use futures_util::stream;
use http::StatusCode;
use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::OnceCell;
use tokio::time::Instant;

/// How long a call waits for what was asked for.
const PARKED_WAIT: Duration = Duration::from_secs(600);
/// Most calls that wait, of all callers and of one.
const PARKED_MAX: usize = 1024;
const PARKED_OF_ONE_MAX: usize = 32;
/// Sessions at one server, and how long one is kept that nobody uses.
const SESSIONS_MAX: usize = 10_000;
/// Most of one caller at one server: it declares one thing, as a rule. The one longest idle makes room.
const SESSIONS_OF_ONE_MAX: usize = 32;
const SESSION_IDLE: Duration = Duration::from_secs(1800);

/// Sessions at servers of earlier revisions, and calls that wait.
pub struct Bridge {
    sessions: Mutex<HashMap<Key, Arc<Session>>>,
    parked: Mutex<HashMap<String, Parked>>,
    seal: Seal,
    next: AtomicU64,
}

/// One for each caller and what it declares: a server asks what was declared when the session began.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Key {
    server: String,
    caller: Digest,
    capabilities: String,
}

struct Session {
    door: Arc<Door>,
    caller: Digest,
    begun: OnceCell<(Option<String>, Welcome)>,
    running: AtomicUsize,
    logs: OnceCell<()>,
    used: Mutex<Instant>,
}

struct Parked {
    bound_to: Digest,
    caller: Digest,
    until: Instant,
    running: Box<Running>,
}

/// A call, driven by whoever reads its answer.
struct Running {
    bridge: Arc<Bridge>,
    session: Arc<Session>,
    _counted: Counted,
    call: Call,
    messages: Messages,
    queue: VecDeque<Bytes>,
    bound_to: Digest,
    timeout: Duration,
    /// The server has answered, or there is nobody who could be told.
    over: bool,
}

impl Bridge {
    /// Without any.
    pub fn new() -> Arc<Self> {
        let (sessions, parked) = (Mutex::default(), Mutex::default());
        Arc::new(Self { sessions, parked, seal: Seal::new(), next: AtomicU64::new(1) })
    }

    fn sessions(&self) -> MutexGuard<'_, HashMap<Key, Arc<Session>>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn parked(&self) -> MutexGuard<'_, HashMap<String, Parked>> {
        self.parked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends sessions that nobody uses and calls that waited long enough.
    pub fn sweep(&self) {
        let now = Instant::now();
        let late: Vec<Parked> = {
            let mut parked = self.parked();
            let late: Vec<String> =
                parked.iter().filter(|(_, p)| p.until < now).map(|(handle, _)| handle.clone()).collect();
            late.iter().filter_map(|handle| parked.remove(handle)).collect()
        };
        drop(late);
        let idle = |session: &Session| {
            let used = *session.used.lock().unwrap_or_else(PoisonError::into_inner);
            session.running.load(Ordering::Acquire) == 0 && now > used + SESSION_IDLE
        };
        self.sessions().retain(|_, session| !idle(session));
    }

    /// Whether the server takes `initialize`: what tells that it is of an earlier revision.
    pub async fn is_older(&self, door: &Arc<Door>, outbound: &Outbound) -> bool {
        let capabilities = newer::capabilities(outbound.message().params());
        self.session(door, outbound, &capabilities).await.is_ok()
    }

    /// Answers one request.
    pub async fn send(self: &Arc<Self>, door: &Arc<Door>, outbound: &Outbound) -> Result<Reply, Refusal> {
        let message = outbound.message();
        if message.shape != Shape::Request {
            return Ok(Reply::nothing(StatusCode::ACCEPTED));
        }
        let taken = newer::take(outbound.body()).ok_or(Reason::EnvelopeMalformed)?;
        if let Some(state) = &taken.state {
            return self.again(outbound, state, &taken).await;
        }
        let session = self.session(door, outbound, taken.call.capabilities()).await?;
        let (_, welcome) = session.begun.get().ok_or(Reason::Internal)?;
        match message.method.class {
            Class::Discover => Ok(Reply::made(200, welcome.discovered(message.id.as_deref().unwrap_or("null")))),
            Class::Listen => self.listen(session.clone(), outbound).await,
            Class::CallTool => {
                self.check_params(&session, outbound).await?;
                self.call(session, outbound, taken).await
            }
            _ => self.call(session, outbound, taken).await,
        }
    }

    /// Whether headers say what the arguments say (2026-07-28, "Custom headers from tool parameters"): who reads the
    /// body has to look, and an earlier server does not.
    async fn check_params(&self, session: &Session, outbound: &Outbound) -> Result<(), Refusal> {
        let message = outbound.message();
        let Target::Tool(name) = &message.target else { return Ok(()) };
        let ask = |cursor: Option<String>| {
            let number = self.next.fetch_add(1, Ordering::Relaxed).to_string();
            let params = cursor.map_or_else(|| "{}".to_owned(), |cursor| format!(r#"{{"cursor":{cursor}}}"#));
            session.post(text::request(&number, "tools/list", &params), outbound.timeout())
        };
        let of_tool = session.door.mirrored(ask).await.and_then(|all| all.get(name));
        match of_tool {
            Some(of_tool) if !params::agree(of_tool, message.arguments(), outbound.params()) => {
                Err(Reason::HeaderDisagreesWithBody.into())
            }
            _ => Ok(()),
        }
    }

    /// The session for a caller with these capabilities.
    async fn session(
        &self,
        door: &Arc<Door>,
        outbound: &Outbound,
        capabilities: &str,
    ) -> Result<Arc<Session>, Refusal> {
        if capabilities.len() > text::HELLO_BYTES_MAX {
            return Err(Refusal::from(Reason::ParamsMalformed).detail("capabilities are too long"));
        }
        let (server, caller) = (outbound.server().name.clone(), outbound.caller());
        let key = Key { server, caller, capabilities: capabilities.to_owned() };
        let session = {
            let mut sessions = self.sessions();
            // A reload makes new doors, and what was behind the old one may be another server.
            if sessions.get(&key).is_some_and(|session| !Arc::ptr_eq(&session.door, door)) {
                sessions.remove(&key);
            }
            let full = !sessions.contains_key(&key) && !has_room(&mut sessions, &key);
            if full {
                return Err(Refusal::from(Reason::UpstreamExhausted).detail("bridged sessions"));
            }
            let fresh = || {
                Arc::new(Session {
                    door: door.clone(),
                    caller,
                    begun: OnceCell::new(),
                    running: AtomicUsize::new(0),
                    logs: OnceCell::new(),
                    used: Mutex::new(Instant::now()),
                })
            };
            sessions.entry(key.clone()).or_insert_with(fresh).clone()
        };
        *session.used.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        let timeout = outbound.timeout();
        let begin = || async {
            let hello = newer::hello("1", capabilities);
            let reply = door.ask_older(hello, None, None, caller, timeout).await?;
            let token = reply.session.clone();
            if reply.status != 200 {
                return Err(Refusal::from(Reason::UpstreamRejected).detail("initialize"));
            }
            let mut messages = Messages::of(reply)?;
            let welcome = loop {
                let message = messages.soon().await.and_then(Result::ok).ok_or(Reason::UpstreamFailed)?;
                if let Some(welcome) = Welcome::read(&message) {
                    break welcome;
                }
                if !text::is_notice(&message) {
                    return Err(Refusal::from(Reason::UpstreamRejected).detail("initialize"));
                }
            };
            let note = text::notice("notifications/initialized", "{}");
            let _ = door.ask_older(note, token.as_deref(), Some(welcome.revision), caller, timeout).await?;
            Ok((token, welcome))
        };
        match session.begun.get_or_try_init(begin).await {
            Ok(_) => Ok(session),
            Err(refusal) => {
                self.sessions().remove(&key);
                Err(refusal)
            }
        }
    }

    async fn call(
        self: &Arc<Self>,
        session: Arc<Session>,
        outbound: &Outbound,
        taken: Taken,
    ) -> Result<Reply, Refusal> {
        let timeout = outbound.timeout();
        if taken.logs {
            session.log(timeout).await;
        }
        let counted = Counted::new(&session);
        // Two requests of a caller may have one id: in a session they must differ.
        let number = self.next.fetch_add(1, Ordering::Relaxed).to_string();
        let (request, call) = taken.call.numbered(&taken.request, &number).ok_or(Reason::EnvelopeMalformed)?;
        let unanswered = Unanswered { session: session.clone(), number, timeout, waits: true };
        let reply = session.post(request, timeout).await?;
        unanswered.answered();
        match reply.status.as_u16() {
            404 => {
                // It has forgotten the session, and so has not run the call.
                self.sessions().retain(|_, known| !Arc::ptr_eq(known, &session));
                return Err(Refusal::from(Reason::UpstreamFailed).detail("the server forgot the session"));
            }
            200 | 400 => {}
            _ => return Ok(reply),
        }
        let messages = Messages::of(reply)?;
        let running = Running {
            bridge: self.clone(),
            session,
            _counted: counted,
            call,
            messages,
            queue: VecDeque::new(),
            bound_to: bound_to(outbound),
            timeout,
            over: false,
        };
        answer(running).await
    }

    /// The retry of a call that waits. Whoever asks was judged like any other, with these arguments and answers.
    async fn again(self: &Arc<Self>, outbound: &Outbound, state: &str, taken: &Taken) -> Result<Reply, Refusal> {
        let bound_to = bound_to(outbound);
        let foreign = || Refusal::from(Reason::RequestStateForeign);
        let handle = self.seal.open(state, bound_to).ok_or_else(foreign)?;
        let parked = {
            let mut all = self.parked();
            let fits = all.get(&handle).is_some_and(|p| p.bound_to == bound_to && p.until > Instant::now());
            if fits { all.remove(&handle) } else { None }
        };
        let Parked { mut running, .. } = parked.ok_or_else(foreign)?;
        if !running.call.again(&taken.call) {
            return Err(foreign());
        }
        match running.call.answered(&taken.answers) {
            Answered::Up(message) => {
                let reply = running.session.post(message, running.timeout).await?;
                if !reply.status.is_success() {
                    return Err(Refusal::from(Reason::UpstreamRejected).detail("the answer to a question"));
                }
                answer(*running).await
            }
            Answered::Again(message) => {
                let reply = running.session.post(message, running.timeout).await?;
                running.messages = Messages::of(reply)?;
                answer(*running).await
            }
            Answered::Done(message) => {
                running.over = true;
                Ok(Reply::made(200, message))
            }
            // What is missing is asked for again (2026-07-28, "Multi round-trip requests").
            Answered::Missing => Ok(Reply::made(200, running.park()?)),
        }
    }

    async fn listen(self: &Arc<Self>, session: Arc<Session>, outbound: &Outbound) -> Result<Reply, Refusal> {
        let mut wanted = Listen::read(outbound.body()).ok_or(Reason::ParamsMalformed)?;
        let timeout = outbound.timeout();
        let (token, welcome) = session.begun.get().ok_or(Reason::Internal)?;
        if !welcome.subscribes {
            wanted.uris.clear();
        }
        let standing = session.door.listen_older(token.as_deref(), welcome.revision, session.caller, timeout).await;
        let messages = match standing {
            Ok(reply) if reply.status == 200 => Some(Messages::of(reply)?),
            // It has nothing to say unasked.
            _ => None,
        };
        for uri in &wanted.uris {
            let number = self.next.fetch_add(1, Ordering::Relaxed).to_string();
            let params = format!(r#"{{"uri":{}}}"#, text::quoted(uri));
            let _ = session.post(text::request(&number, "resources/subscribe", &params), timeout).await?;
        }
        let first = wanted.acknowledged();
        // Nothing can be asked on it, but it is nothing that is under way either.
        let counted = session.clone();
        let listening = (messages, wanted, Some(first), counted);
        Ok(Reply::stream(stream::unfold(listening, |(mut messages, wanted, first, counted)| async move {
            if let Some(first) = first {
                return Some((Ok(first), (messages, wanted, None, counted)));
            }
            loop {
                let Some(reading) = &mut messages else {
                    let () = std::future::pending().await;
                    continue;
                };
                match reading.next().await? {
                    Ok(message) => {
                        if let Some(heard) = newer::heard(&message, &wanted) {
                            return Some((Ok(heard), (messages, wanted, None, counted)));
                        }
                    }
                    Err(broken) => return Some((Err(broken), (None, wanted, None, counted))),
                }
            }
        })))
    }
}

/// Whether there is room for one more; of too many of one caller at one server the one longest idle goes.
fn has_room(sessions: &mut HashMap<Key, Arc<Session>>, new: &Key) -> bool {
    let own = sessions.iter().filter(|(key, _)| key.caller == new.caller && key.server == new.server);
    let own: Vec<(&Key, &Arc<Session>)> = own.collect();
    if own.len() >= SESSIONS_OF_ONE_MAX {
        let idle = own.iter().filter(|(_, session)| session.running.load(Ordering::Acquire) == 0);
        let used = |session: &Session| *session.used.lock().unwrap_or_else(PoisonError::into_inner);
        let oldest = idle.min_by_key(|(_, session)| used(session)).map(|(key, _)| (*key).clone());
        return oldest.is_some_and(|key| sessions.remove(&key).is_some());
    }
    sessions.len() < SESSIONS_MAX
}

/// Counts a call of a session while it lasts.
struct Counted(Arc<Session>);

impl Counted {
    fn new(session: &Arc<Session>) -> Self {
        session.running.fetch_add(1, Ordering::AcqRel);
        Self(session.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Session {
    async fn post(&self, message: Bytes, timeout: Duration) -> Result<Reply, Refusal> {
        let (token, welcome) = self.begun.get().ok_or(Reason::Internal)?;
        self.door.ask_older(message, token.as_deref(), Some(welcome.revision), self.caller, timeout).await
    }

    /// Has the server log everything; each request then gets what it asked for.
    async fn log(&self, timeout: Duration) {
        let logs = self.begun.get().is_some_and(|(_, welcome)| welcome.logs);
        let set = || async {
            if logs {
                let _ = self.post(text::request("0", "logging/setLevel", r#"{"level":"debug"}"#), timeout).await;
            }
        };
        self.logs.get_or_init(set).await;
    }
}

/// A call whose answer has not begun: some servers begin it with its end. Whoever goes before that cancels it
/// (2026-07-28, "Cancellation"), and here that has to be said.
struct Unanswered {
    session: Arc<Session>,
    number: String,
    timeout: Duration,
    waits: bool,
}

impl Unanswered {
    fn answered(mut self) {
        self.waits = false;
    }
}

impl Drop for Unanswered {
    fn drop(&mut self) {
        if self.waits {
            cancel(&self.session, &self.number, self.timeout);
        }
    }
}

fn cancel(session: &Arc<Session>, number: &str, timeout: Duration) {
    let note = text::notice("notifications/cancelled", &format!(r#"{{"requestId":{number}}}"#));
    let session = session.clone();
    tokio::spawn(async move { session.post(note, timeout).await.map(|_| ()) });
}

/// What a state is bound to: the caller, the server, the method, its target and arguments.
fn bound_to(outbound: &Outbound) -> Digest {
    let message = outbound.message();
    let target = match &message.target {
        Target::Tool(name) | Target::Prompt(name) | Target::Resource(name) => name.as_str(),
        Target::None | Target::Resources(_) | Target::Task(_) => "",
    };
    let mut arguments = Vec::new();
    if let Some(value) = message.arguments() {
        value.canonical(&mut arguments);
    }
    let server = outbound.server();
    Digest::of_parts(&[
        outbound.caller().bytes(),
        server.name.as_bytes(),
        message.method.name.as_bytes(),
        target.as_bytes(),
        &arguments,
    ])
}

/// The answer so far: as JSON if nothing comes before it.
async fn answer(mut running: Running) -> Result<Reply, Refusal> {
    let first = running.next().await;
    match first {
        Some(Ok(only)) if running.over && running.queue.is_empty() => Ok(Reply::made(200, only)),
        Some(Ok(first)) => {
            running.queue.push_front(first);
            Ok(Reply::stream(stream::unfold(Some(running), |running| async move {
                let mut running = running?;
                match running.next().await? {
                    Ok(message) if running.over && running.queue.is_empty() => Some((Ok(message), None)),
                    Ok(message) => Some((Ok(message), Some(running))),
                    Err(broken) => Some((Err(broken), None)),
                }
            })))
        }
        _ => Err(Refusal::from(Reason::UpstreamFailed).detail("the reply broke off")),
    }
}

impl Running {
    async fn next(&mut self) -> Option<Result<Bytes, Broken>> {
        loop {
            if let Some(message) = self.queue.pop_front() {
                return Some(Ok(message));
            }
            if self.over {
                return None;
            }
            let Some(Ok(message)) = self.messages.next().await else {
                self.over = true;
                return Some(Err(Broken));
            };
            // On one line for all requests a question is this call's only if there is no other.
            let certain = !self.session.door.wire.is_line() || self.session.running.load(Ordering::Acquire) == 1;
            for step in self.call.received(message, certain) {
                match step {
                    Step::Down(message) => self.queue.push_back(message),
                    Step::Done(message) => {
                        self.over = true;
                        self.queue.push_back(message);
                    }
                    Step::Up(message) => {
                        let _ = self.session.post(message, self.timeout).await;
                    }
                    Step::Park => match self.park() {
                        Ok(message) => self.queue.push_back(message),
                        Err(_) => {
                            self.over = true;
                            return Some(Err(Broken));
                        }
                    },
                }
            }
        }
    }

    /// Puts the call aside and says what it waits for. What is left here is over.
    fn park(&mut self) -> Result<Bytes, Refusal> {
        let full = |what: &str| Refusal::from(Reason::UpstreamExhausted).detail(what);
        let handle = clock::random_token::<24>();
        let expires = clock::now() + PARKED_WAIT.as_secs();
        let state = self.bridge.seal.seal(&handle, expires, self.bound_to).ok_or(Reason::Internal)?;
        let message = self.call.required(&state).ok_or(Reason::Internal)?;
        let bridge = self.bridge.clone();
        let mut parked = bridge.parked();
        let of_one = parked.values().filter(|parked| parked.caller == self.session.caller).count();
        if parked.len() >= PARKED_MAX || of_one >= PARKED_OF_ONE_MAX {
            return Err(full("calls that wait for an answer"));
        }
        let running = Self {
            bridge: self.bridge.clone(),
            session: self.session.clone(),
            _counted: Counted::new(&self.session),
            call: self.call.clone(),
            messages: std::mem::take(&mut self.messages),
            queue: VecDeque::new(),
            bound_to: self.bound_to,
            timeout: self.timeout,
            over: false,
        };
        self.over = true;
        let until = Instant::now() + PARKED_WAIT;
        let (bound_to, caller) = (self.bound_to, self.session.caller);
        parked.insert(handle, Parked { bound_to, caller, until, running: Box::new(running) });
        Ok(message)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !self.over {
            cancel(&self.session, self.call.first(), self.timeout);
        }
    }
}
