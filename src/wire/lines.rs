//! Lines to one server, made to look like streamable HTTP: sessions with ids, a reply for each request, a stream for
//! the rest. What a line does with messages is in `kernel::bridge::switchboard`; here are its tasks, queues and
//! times.
//!
//! Callers never share a line, unless the configuration says so; nor do sessions that declared different
//! capabilities, because a server asks what was declared when its line began.
use super::Body;
use super::events::{self, Place};
use super::process::{self, Link};
use crate::clock;
use crate::egress::{Failure, Pool};
use crate::kernel::bridge::switchboard::{Effect, Fault, Party, Stream, Switchboard};
use crate::kernel::bridge::text;
use crate::kernel::digest::Digest;
use crate::kernel::json::{Bounds, Document};
use crate::kernel::mcp::decode::envelope;
use crate::kernel::mcp::headers::{PROTOCOL_VERSION, SESSION_ID};
use crate::kernel::mcp::revision::{Era, Revision};
use crate::kernel::policy::compile::Program;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::sync::{OnceCell, mpsc};
use tokio::time::Instant;

/// Longest message of a server, in bytes.
const MESSAGE_BYTES_MAX: usize = 16 << 20;
/// Messages that wait for whoever reads a stream, and their bytes.
const STREAM_QUEUE_MAX: usize = 1024;
const STREAM_BYTES_MAX: usize = 32 << 20;
/// Most sessions of one server, and of one caller there; the one longest unused makes room.
const SESSIONS_MAX: usize = 100_000;
const SESSIONS_OF_ONE_MAX: usize = 1024;
/// Most lines of one caller: sessions that began alike share one.
const LINES_OF_ONE_MAX: usize = 8;
/// How long one is kept though its own caller wants another: whoever asks in turns begins no process each time.
const KEPT_MIN: Duration = Duration::from_secs(1);
/// How long a session that nobody uses is known.
const SESSION_IDLE: Duration = Duration::from_secs(24 * 3600);
/// Longest wait for the answer to `initialize`; servers may have to be installed first.
const HELLO_WAIT: Duration = Duration::from_secs(30);
/// Longest wait for the answer that tells the era; some servers never answer.
const PROBE_WAIT: Duration = Duration::from_secs(5);
/// Waits before a line that failed is begun again: doubled from the first to the last.
const BACK_OFF: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(30));
/// Whoever lives that long did not fail at once.
const LIVED: Duration = Duration::from_secs(10);
/// Lines of a server of 2024-11-05, and how long one is kept that nobody uses.
const EVENTS_MAX: usize = 256;
const EVENTS_IDLE: Duration = Duration::from_secs(600);

/// All lines to one server.
pub struct Lines {
    name: String,
    kind: Kind,
    shared: bool,
    lines_max: usize,
    idle: Duration,
    next: AtomicU64,
    era: OnceCell<Era>,
    state: Mutex<State>,
}

enum Kind {
    Command(Program, BTreeMap<String, String>),
    Events(Place),
}

#[derive(Default)]
struct State {
    lines: HashMap<Key, Arc<Line>>,
    sessions: HashMap<String, Session>,
    failures: HashMap<Key, Failed>,
}

/// Who may use a line: one caller, and of its sessions those that began alike. Of 2026-07-28 there are no sessions.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Key {
    caller: Option<Digest>,
    hello: Option<Digest>,
}

struct Failed {
    times: u32,
    until: Instant,
}

#[derive(Clone)]
struct Session {
    key: Key,
    party: Party,
    /// Its `initialize`, to begin a line again.
    hello: Bytes,
    caller: Digest,
    used: Instant,
}

/// One line. It begins with its first use.
struct Line {
    /// The result of `initialize`, or an error in its place; of 2026-07-28 nothing.
    hello: OnceCell<Bytes>,
    open: Mutex<Open>,
    used: Mutex<Instant>,
    born: Instant,
    modern: bool,
}

struct Open {
    board: Switchboard,
    out: Option<mpsc::Sender<Bytes>>,
    sinks: HashMap<Stream, Sink>,
    /// Why it ended.
    ended: Option<String>,
}

struct Sink {
    sender: mpsc::Sender<(Bytes, bool)>,
    bytes: Arc<AtomicUsize>,
}

/// What comes on one stream.
pub struct Incoming {
    first: Option<Bytes>,
    receiver: mpsc::Receiver<(Bytes, bool)>,
    bytes: Arc<AtomicUsize>,
    line: Arc<Line>,
    stream: Stream,
    done: bool,
}

impl Lines {
    /// To a program.
    pub fn command(name: &str, program: &Program, secrets: &BTreeMap<String, String>) -> Self {
        let kind = Kind::Command(program.clone(), secrets.clone());
        Self::new(name, kind, program.shared, program.processes_max, program.idle)
    }

    /// To a server of 2024-11-05.
    pub fn events(name: &str, url: &str, pool: Arc<Pool>, authorization: Option<HeaderValue>) -> Self {
        let place = Place { url: url.to_owned(), pool, authorization };
        Self::new(name, Kind::Events(place), false, EVENTS_MAX, EVENTS_IDLE)
    }

    fn new(name: &str, kind: Kind, shared: bool, lines_max: usize, idle: Duration) -> Self {
        let (next, era) = (AtomicU64::new(1), OnceCell::new());
        Self { name: name.to_owned(), kind, shared, lines_max, idle, next, era, state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends lines and forgets sessions that nobody used for a while.
    pub fn sweep(&self) {
        let now = Instant::now();
        let mut state = self.state();
        state.lines.retain(|_, line| !(line.is_over() || line.is_idle() && now > line.used() + self.idle));
        state.sessions.retain(|_, session| now < session.used + SESSION_IDLE);
        state.failures.retain(|_, failed| now < failed.until + BACK_OFF.1);
    }

    /// What the server speaks. A program is asked in a process of its own, since some lock themselves to the era of
    /// the first message, and some end (2026-07-28, "Versioning").
    pub async fn era(&self) -> Result<Era, Failure> {
        let Kind::Command(program, secrets) = &self.kind else { return Ok(Era::Legacy) };
        let ask = || async {
            let Link { out, mut incoming } =
                process::start(&self.name, program, secrets, MESSAGE_BYTES_MAX).map_err(Failure::Unreachable)?;
            let _ = out.send(text::discover("1")).await;
            let answer = async {
                while let Some(Ok(message)) = incoming.recv().await {
                    if let Some(era) = text::era_of(&message, "1") {
                        return era;
                    }
                }
                Era::Legacy
            };
            Ok(tokio::time::timeout(PROBE_WAIT, answer).await.unwrap_or(Era::Legacy))
        };
        self.era.get_or_try_init(ask).await.copied()
    }

    /// Answers a request as a server of streamable HTTP would.
    pub async fn send(
        self: Arc<Self>,
        request: Request<Full<Bytes>>,
        caller: Digest,
    ) -> Result<Response<Body>, Failure> {
        let (head, body) = request.into_parts();
        let text = |name: &str| head.headers.get(name).and_then(|value| value.to_str().ok());
        let modern = text(PROTOCOL_VERSION).and_then(Revision::parse).is_some_and(|r| r.era() == Era::Modern);
        let body = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
        if modern {
            return self.stateless(caller, body).await;
        }
        let Some(id) = text(SESSION_ID).map(str::to_owned) else {
            return match head.method {
                Method::POST => self.begin(caller, body).await,
                _ => Ok(empty(StatusCode::METHOD_NOT_ALLOWED)),
            };
        };
        if head.method == Method::DELETE {
            self.end(&id, caller);
            return Ok(empty(StatusCode::NO_CONTENT));
        }
        let session = {
            let mut state = self.state();
            let session = state.sessions.get_mut(&id).filter(|session| session.caller == caller);
            session.map(|session| {
                session.used = Instant::now();
                session.clone()
            })
        };
        let Some(session) = session else { return Ok(empty(StatusCode::NOT_FOUND)) };
        let line = self.line(session.key, caller, Some(&session.hello)).await?;
        if head.method == Method::GET {
            let stream = self.number();
            let incoming = line.listen(session.party, stream)?;
            return Ok(events(incoming));
        }
        self.exchange(&line, session.party, body).await
    }

    /// A request of 2026-07-28.
    async fn stateless(&self, caller: Digest, body: Bytes) -> Result<Response<Body>, Failure> {
        if self.era().await? == Era::Legacy {
            let said = text::error("null", -32000, "This server speaks earlier revisions only.");
            return Ok(json(StatusCode::BAD_REQUEST, said));
        }
        let key = Key { caller: self.of(caller), hello: None };
        let line = self.line(key, caller, None).await?;
        // It has no sessions, and notifications of clients mean nothing in it.
        if text::is_request(&body) { self.exchange(&line, 0, body).await } else { Ok(empty(StatusCode::ACCEPTED)) }
    }

    /// `initialize`: a session, on the line of sessions that began alike.
    async fn begin(&self, caller: Digest, body: Bytes) -> Result<Response<Body>, Failure> {
        let bad = || json(StatusCode::BAD_REQUEST, text::error("null", -32600, "Send initialize first."));
        let Ok(document) = Document::parse(body.clone(), &Bounds::default()) else { return Ok(bad()) };
        let Ok(frame) = envelope(document.root()) else { return Ok(bad()) };
        let (Some("initialize"), Some(id), Some(params)) = (frame.method.as_deref(), &frame.id, frame.params) else {
            return Ok(bad());
        };
        if body.len() > text::HELLO_BYTES_MAX {
            let said = text::error(id, -32602, "What the client declares is too long.");
            return Ok(json(StatusCode::BAD_REQUEST, said));
        }
        let mut alike = Vec::new();
        for field in ["protocolVersion", "capabilities"] {
            if let Some(value) = params.get(field) {
                value.canonical(&mut alike);
            }
        }
        let key = Key { caller: self.of(caller), hello: Some(Digest::of(&alike)) };
        let hello = if self.shared { text::without_capabilities(&document) } else { body.clone() };
        let line = self.line(key, caller, Some(&hello)).await?;
        let answer = line.hello.get().cloned().unwrap_or_default();
        let Some(result) = answer.strip_prefix(b"+") else {
            // It does not take this `initialize`; whoever asked is told how, and the line is not kept.
            self.state().lines.remove(&key);
            let error = answer.strip_prefix(b"-").unwrap_or_default();
            return Ok(json(StatusCode::BAD_REQUEST, text::failed(id, error)));
        };
        if let Some(oldest) = self.state().crowded(caller) {
            self.end(&oldest, caller);
        }
        let party = self.number();
        let session = clock::random_token::<24>();
        {
            let mut state = self.state();
            if state.sessions.len() >= SESSIONS_MAX {
                return Err(Failure::Full("sessions of this server".to_owned()));
            }
            let used = Instant::now();
            state.sessions.insert(session.clone(), Session { key, party, hello, caller, used });
        }
        line.open().board.join(party);
        let mut response = json(StatusCode::OK, text::result(id, std::str::from_utf8(result).unwrap_or("null")));
        if let Ok(value) = HeaderValue::from_str(&session) {
            response.headers_mut().insert(SESSION_ID, value);
        }
        Ok(response)
    }

    fn end(&self, id: &str, caller: Digest) {
        let mut state = self.state();
        if state.sessions.get(id).is_none_or(|session| session.caller != caller) {
            return;
        }
        let Some(session) = state.sessions.remove(id) else { return };
        if let Some(line) = state.lines.get(&session.key).cloned() {
            drop(state);
            let mut open = line.open();
            let effects = open.board.leave(session.party);
            open.apply(effects);
        }
    }

    /// Sends a message of a party, and waits for the first that answers it.
    async fn exchange(&self, line: &Arc<Line>, party: Party, body: Bytes) -> Result<Response<Body>, Failure> {
        let stream = self.number();
        let Some(mut incoming) = line.submit(party, stream, body)? else {
            return Ok(empty(StatusCode::ACCEPTED));
        };
        match incoming.next().await {
            Some((message, true)) => {
                let status = text::status_of(&message, line.modern);
                Ok(json(StatusCode::from_u16(status).unwrap_or(StatusCode::OK), message))
            }
            Some((message, false)) => {
                incoming.first = Some(message);
                Ok(events(incoming))
            }
            None => Err(Failure::Broke(line.why())),
        }
    }

    fn of(&self, caller: Digest) -> Option<Digest> {
        (!self.shared).then_some(caller)
    }

    fn number(&self) -> u64 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    /// The line for a key, begun if there is none or it ended.
    async fn line(&self, key: Key, caller: Digest, hello: Option<&Bytes>) -> Result<Arc<Line>, Failure> {
        let (line, wait) = {
            let mut state = self.state();
            let now = Instant::now();
            if let Some(over) = state.lines.get(&key).filter(|line| line.is_over()) {
                // What fails at once is not tried again at once.
                let lived = now - over.born > LIVED;
                state.lines.remove(&key);
                let failed = state.failures.entry(key).or_insert(Failed { times: 0, until: now });
                failed.times = if lived { 0 } else { failed.times.saturating_add(1) };
                let wait = BACK_OFF.0.saturating_mul(1 << failed.times.saturating_sub(1).min(12)).min(BACK_OFF.1);
                failed.until = if failed.times > 1 { now + wait } else { now };
            }
            match state.lines.get(&key) {
                Some(line) => (line.clone(), None),
                None => {
                    state.lines.retain(|_, line| !line.is_over());
                    if !state.has_room(key, self.lines_max) {
                        return Err(Failure::Full(format!("{} lines, the most there may be", self.lines_max)));
                    }
                    let tag = self.number();
                    let line = Arc::new(Line::new(tag, self.shared, hello.is_none()));
                    state.lines.insert(key, line.clone());
                    let until = state.failures.get(&key).map(|failed| failed.until).filter(|until| *until > now);
                    (line, until)
                }
            }
        };
        *line.used.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        let begin = || async {
            if let Some(until) = wait {
                tokio::time::sleep_until(until).await;
            }
            let link = match &self.kind {
                Kind::Command(program, secrets) => {
                    process::start(&self.name, program, secrets, MESSAGE_BYTES_MAX).map_err(Failure::Unreachable)?
                }
                Kind::Events(place) => events::open(place.clone(), caller, MESSAGE_BYTES_MAX).await?,
            };
            line.clone().begin(link, hello, self.number()).await
        };
        let begun = line.hello.get_or_try_init(begin).await.map(|_| ());
        match begun {
            Ok(()) => Ok(line),
            Err(failure) => {
                line.over("it did not begin");
                Err(failure)
            }
        }
    }
}

impl State {
    /// Of too many sessions of one caller the one longest unused.
    fn crowded(&self, caller: Digest) -> Option<String> {
        let own: Vec<_> = self.sessions.iter().filter(|(_, session)| session.caller == caller).collect();
        let oldest = own.iter().min_by_key(|(_, session)| session.used).filter(|_| own.len() >= SESSIONS_OF_ONE_MAX);
        oldest.map(|(id, _)| (*id).clone())
    }

    /// Whether there is room for one more line. What a caller declares is its own to choose, so where it has many, or
    /// there are too many, an idle line of somebody who has several ends.
    fn has_room(&mut self, new: Key, lines_max: usize) -> bool {
        let of = |caller: Option<Digest>| self.lines.keys().filter(|key| key.caller == caller).count();
        let crowded = new.caller.is_some() && of(new.caller) >= LINES_OF_ONE_MAX;
        if !crowded && self.lines.len() < lines_max {
            return true;
        }
        let spare = |key: &Key| if crowded { key.caller == new.caller } else { of(key.caller) > 1 };
        let kept = |key: &Key, line: &Line| key.caller == new.caller && line.used().elapsed() < KEPT_MIN;
        let idle = self.lines.iter().filter(|(key, line)| spare(key) && line.is_idle() && !kept(key, line));
        let oldest = idle.min_by_key(|(_, line)| line.used()).map(|(key, _)| *key);
        oldest.is_some_and(|key| self.lines.remove(&key).is_some())
    }
}

impl Line {
    fn new(tag: u64, shared: bool, modern: bool) -> Self {
        let bounds = Bounds { bytes_max: MESSAGE_BYTES_MAX, ..Bounds::default() };
        let board = Switchboard::new(tag, shared, modern, bounds);
        let now = Instant::now();
        Self {
            hello: OnceCell::new(),
            open: Mutex::new(Open { board, out: None, sinks: HashMap::new(), ended: None }),
            used: Mutex::new(now),
            born: now,
            modern,
        }
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn used(&self) -> Instant {
        *self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_over(&self) -> bool {
        self.open().ended.is_some()
    }

    fn is_idle(&self) -> bool {
        self.hello.initialized() && self.open().board.is_idle()
    }

    fn why(&self) -> String {
        self.open().ended.clone().unwrap_or_else(|| "the stream was given up: nobody read it".to_owned())
    }

    /// Takes the line into use and, before 2026-07-28, says hello. What is kept of the answer is its result after a
    /// plus sign, or its error after a minus sign.
    async fn begin(self: Arc<Self>, link: Link, hello: Option<&Bytes>, stream: Stream) -> Result<Bytes, Failure> {
        let Link { out, mut incoming } = link;
        self.open().out = Some(out);
        let line = Arc::downgrade(&self);
        tokio::spawn(async move {
            let mut why = "it ended".to_owned();
            while let Some(message) = incoming.recv().await {
                let Some(line) = line.upgrade() else { return };
                let mut open = line.open();
                let received = message.and_then(|message| open.board.receive(message).map_err(described));
                match received {
                    Ok(effects) => open.apply(effects),
                    Err(fault) => {
                        why = fault;
                        break;
                    }
                }
                if open.ended.is_some() {
                    return;
                }
            }
            if let Some(line) = line.upgrade() {
                line.over(&why);
            }
        });
        let Some(hello) = hello else { return Ok(Bytes::new()) };
        let waited = async {
            let mut incoming = self.submit(0, stream, hello.clone())?.ok_or(Failure::Broke("no hello".to_owned()))?;
            loop {
                match incoming.next().await {
                    Some((message, true)) => return Ok(message),
                    Some(_) => {}
                    None => return Err(Failure::Broke(self.why())),
                }
            }
        };
        let answer = tokio::time::timeout(HELLO_WAIT, waited).await.map_err(|_| Failure::TooSlow)??;
        let kept = text::outcome(&answer).ok_or(Failure::Broke("no answer to initialize".to_owned()))?;
        if kept.starts_with(b"+") {
            let mut open = self.open();
            open.apply(vec![Effect::Up(text::notice("notifications/initialized", "{}"))]);
        }
        Ok(kept)
    }

    /// Hands a message to the line; what comes back if it is a request.
    fn submit(self: &Arc<Self>, party: Party, stream: Stream, body: Bytes) -> Result<Option<Incoming>, Failure> {
        let mut open = self.open();
        if let Some(why) = &open.ended {
            return Err(Failure::Broke(why.clone()));
        }
        if open.out.as_ref().is_none_or(|out| out.capacity() == 0) {
            return Err(Failure::Full("messages that the server has not read".to_owned()));
        }
        let is_request = text::is_request(&body);
        let effects = open.board.submit(party, stream, body);
        let effects = effects.map_err(|fault| match fault {
            Fault::Exhausted(what) => Failure::Full(what.to_owned()),
            other => Failure::Broke(described(other)),
        })?;
        let incoming = is_request.then(|| self.sink(&mut open, stream));
        open.apply(effects);
        Ok(incoming)
    }

    fn listen(self: &Arc<Self>, party: Party, stream: Stream) -> Result<Incoming, Failure> {
        let mut open = self.open();
        if let Some(why) = &open.ended {
            return Err(Failure::Broke(why.clone()));
        }
        open.board.listen(party, stream);
        Ok(self.sink(&mut open, stream))
    }

    fn sink(self: &Arc<Self>, open: &mut Open, stream: Stream) -> Incoming {
        let (sender, receiver) = mpsc::channel(STREAM_QUEUE_MAX);
        let bytes = Arc::new(AtomicUsize::new(0));
        open.sinks.insert(stream, Sink { sender, bytes: bytes.clone() });
        Incoming { first: None, receiver, bytes, line: self.clone(), stream, done: false }
    }

    /// The line is over: whoever waits is told, and the program ends.
    fn over(&self, why: &str) {
        let mut open = self.open();
        open.ended.get_or_insert_with(|| why.to_owned());
        open.out = None;
        open.sinks.clear();
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.over("nobody uses it");
    }
}

impl Open {
    fn apply(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Up(message) => {
                    let sent = self.out.as_ref().is_some_and(|out| out.try_send(message).is_ok());
                    if !sent {
                        self.ended.get_or_insert_with(|| "it does not read its messages".to_owned());
                        self.out = None;
                        self.sinks.clear();
                    }
                }
                Effect::Down(stream, message) => self.down(stream, message, false),
                Effect::Last(stream, message) => {
                    self.down(stream, message, true);
                    self.sinks.remove(&stream);
                }
            }
        }
    }

    fn down(&mut self, stream: Stream, message: Bytes, last: bool) {
        let Some(sink) = self.sinks.get(&stream) else { return };
        let waiting = sink.bytes.fetch_add(message.len(), Ordering::AcqRel);
        // Who does not read loses its stream, and nobody else waits for it.
        let room = waiting == 0 || waiting + message.len() <= STREAM_BYTES_MAX;
        if !room || sink.sender.try_send((message, last)).is_err() {
            self.sinks.remove(&stream);
        }
    }
}

impl Incoming {
    async fn next(&mut self) -> Option<(Bytes, bool)> {
        let (message, last) = self.receiver.recv().await?;
        self.bytes.fetch_sub(message.len(), Ordering::AcqRel);
        self.done |= last;
        Some((message, last))
    }

    /// The next message; `Err` if the line ended before the answer came.
    pub fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, super::Broken>>> {
        if let Some(first) = self.first.take() {
            return Poll::Ready(Some(Ok(first)));
        }
        if self.done {
            return Poll::Ready(None);
        }
        self.receiver.poll_recv(context).map(|next| match next {
            Some((message, last)) => {
                self.bytes.fetch_sub(message.len(), Ordering::AcqRel);
                self.done |= last;
                Some(Ok(message))
            }
            None => {
                self.done = true;
                Some(Err(super::Broken))
            }
        })
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        let mut open = self.line.open();
        open.sinks.remove(&self.stream);
        let effects = open.board.closed(self.stream);
        if open.ended.is_none() {
            open.apply(effects);
        }
    }
}

fn described(fault: Fault) -> String {
    match fault {
        Fault::Malformed => "its message is not one JSON-RPC message".to_owned(),
        Fault::Unexpected(what) => what.to_owned(),
        Fault::Exhausted(what) => format!("too many {what}"),
    }
}

fn empty(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::Whole(Full::default()));
    *response.status_mut() = status;
    response
}

fn json(status: StatusCode, message: Bytes) -> Response<Body> {
    let mut response = Response::new(Body::Whole(Full::new(message)));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

fn events(incoming: Incoming) -> Response<Body> {
    let mut response = Response::new(Body::Events(incoming));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    response
}
