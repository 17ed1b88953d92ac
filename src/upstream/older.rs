//! Drives `kernel::bridge::older`: sessions of earlier revisions before a server of 2026-07-28.
use super::messages::Messages;
use super::{Door, Reply};
use crate::clock;
use crate::kernel::bridge::older::{Call, Hello, Step, heard, listen, welcome};
use crate::kernel::bridge::{params, text};
use crate::kernel::digest::Digest;
use crate::kernel::inbound::Verb;
use crate::kernel::json::Document;
use crate::kernel::mcp::decode::{Shape, Target};
use crate::kernel::mcp::method::Class;
use crate::kernel::policy::decide::Outbound;
use crate::kernel::refusal::{Reason, Refusal};
use crate::wire::Broken;
use bytes::Bytes;
use futures_util::stream;
use http::StatusCode;
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, mpsc, watch};
use tokio::time::Instant;

/// Prefix of the ids of these sessions, which tells them from those of servers.
pub const PREFIX: &str = "bridge-";
/// Longest wait for a person's answer.
const ANSWER_WAIT: Duration = Duration::from_secs(600);
const SESSIONS_MAX: usize = 100_000;
/// Most of one caller at one server; the one longest unused makes room.
const SESSIONS_OF_ONE_MAX: usize = 1024;
const SESSION_IDLE: Duration = Duration::from_secs(24 * 3600);
const URIS_MAX: usize = 1024;

/// All of them.
#[derive(Default)]
pub struct Sessions {
    all: Mutex<HashMap<String, Arc<Session>>>,
    next: AtomicU64,
}

struct Session {
    server: String,
    caller: Digest,
    hello: Hello,
    state: Mutex<State>,
    /// Resources that it is subscribed to.
    uris: watch::Sender<BTreeSet<String>>,
}

struct State {
    used: Instant,
    /// JSON.
    level: Option<String>,
    /// Who waits for the answer to a question, by its id.
    asked: BTreeMap<String, mpsc::Sender<Bytes>>,
    /// Calls under way, by the client's id.
    running: BTreeMap<String, Arc<Notify>>,
}

impl Session {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sessions {
    fn all(&self) -> MutexGuard<'_, HashMap<String, Arc<Session>>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets what nobody used for long.
    pub fn sweep(&self) {
        let now = Instant::now();
        self.all().retain(|_, session| now < session.state().used + SESSION_IDLE);
    }

    /// `initialize`, answered from what the server says of itself.
    pub async fn begin(&self, door: &Door, outbound: &Outbound) -> Result<Reply, Refusal> {
        let message = outbound.message();
        let (Some(id), timeout) = (&message.id, outbound.timeout()) else { return Err(Reason::Internal.into()) };
        let hello = Hello::of(message.params());
        if hello.capabilities.len() + hello.client.as_ref().map_or(0, String::len) > text::HELLO_BYTES_MAX {
            return Err(Refusal::from(Reason::ParamsMalformed).detail("capabilities and clientInfo are too long"));
        }
        let reply = door.ask(text::discover("1"), None, outbound.caller(), timeout).await?;
        let mut messages = Messages::of(reply)?;
        let answer = messages.soon().await.and_then(Result::ok).ok_or(Reason::UpstreamFailed)?;
        let malformed = |_| Refusal::from(Reason::ReplyMalformed).detail("server/discover");
        let document = Document::reread(answer).map_err(malformed)?;
        let said = welcome(id, &document, message.revision);
        let said = said.ok_or_else(|| Refusal::from(Reason::ReplyMalformed).detail("server/discover"))?;
        let token = format!("{PREFIX}{}", clock::random_token::<24>());
        let session = Session {
            server: outbound.server().name.clone(),
            caller: outbound.caller(),
            hello,
            state: Mutex::new(State {
                used: Instant::now(),
                level: None,
                asked: BTreeMap::new(),
                running: BTreeMap::new(),
            }),
            uris: watch::channel(BTreeSet::new()).0,
        };
        let mut all = self.all();
        make_room(&mut all, &session, SESSIONS_OF_ONE_MAX);
        if all.len() >= SESSIONS_MAX {
            return Err(Refusal::from(Reason::UpstreamExhausted).detail("bridged sessions"));
        }
        all.insert(token.clone(), Arc::new(session));
        let mut reply = Reply::made(200, said);
        reply.session = Some(token);
        Ok(reply)
    }

    /// Everything that comes after it.
    pub async fn send(&self, door: &Arc<Door>, outbound: &Outbound, id: &str) -> Result<Reply, Refusal> {
        let session = self.all().get(id).cloned();
        let session = session.filter(|s| s.caller == outbound.caller() && s.server == outbound.server().name);
        let Some(session) = session else { return Ok(Reply::nothing(StatusCode::NOT_FOUND)) };
        session.state().used = Instant::now();
        let message = outbound.message();
        match outbound.verb() {
            Verb::Delete => {
                self.all().remove(id);
                return Ok(Reply::nothing(StatusCode::NO_CONTENT));
            }
            Verb::Get => return Ok(standing(door.clone(), session, outbound.timeout())),
            Verb::Post => {}
        }
        let accepted = || Ok(Reply::nothing(StatusCode::ACCEPTED));
        match (&message.shape, &message.id) {
            (Shape::Response, Some(id)) => {
                let waiting = session.state().asked.remove(id);
                match waiting {
                    Some(waiting) if waiting.send(outbound.body().clone()).await.is_ok() => accepted(),
                    _ => Err(Reason::ResponseUnexpected.into()),
                }
            }
            (Shape::Notification, _) => {
                let named = message.params().and_then(|params| params.get("requestId")).and_then(text::id);
                let named = named.filter(|_| message.method.name == "notifications/cancelled");
                if let Some(running) = named.and_then(|id| session.state().running.get(&id).cloned()) {
                    running.notify_one();
                }
                accepted()
            }
            (_, Some(id)) => match message.method.class {
                Class::Ping => Ok(Reply::made(200, text::result(id, "{}"))),
                Class::SetLevel => {
                    let level = message.params().and_then(|params| params.get("level")).map(text::raw);
                    session.state().level = level;
                    Ok(Reply::made(200, text::result(id, "{}")))
                }
                Class::Resource if message.method.name != "resources/read" => subscribe(&session, outbound, id),
                _ => self.call(door.clone(), session, outbound).await,
            },
            _ => Err(Reason::EnvelopeMalformed.into()),
        }
    }

    async fn call(&self, door: Arc<Door>, session: Arc<Session>, outbound: &Outbound) -> Result<Reply, Refusal> {
        let tag = self.next.fetch_add(1, Ordering::Relaxed);
        let level = session.state().level.clone();
        let (call, first) = Call::begin(outbound.body().clone(), &session.hello, level.as_deref(), tag)
            .ok_or(Reason::EnvelopeMalformed)?;
        let (caller, timeout) = (outbound.caller(), outbound.timeout());
        let params = mirrored(&door, &session, outbound).await;
        let id = outbound.message().id.clone().unwrap_or_default();
        let cancelled = Arc::new(Notify::new());
        session.state().running.insert(id.clone(), cancelled.clone());
        let under_way = UnderWay { session: session.clone(), id: id.clone() };
        // Some servers begin an answer with its end: until then only this can be cancelled.
        let reply = tokio::select! {
            reply = door.ask(first, Some(&params), caller, timeout) => reply?,
            () = cancelled.notified() => return Ok(Reply::made(200, text::error(&id, -32800, "Cancelled."))),
        };
        match reply.status.as_u16() {
            200 | 400 | 404 => {}
            _ => return Ok(reply),
        }
        let (sender, answers) = mpsc::channel(16);
        let messages = Some(Messages::of(reply)?);
        let mut running = Running {
            door,
            session,
            params,
            _under_way: under_way,
            call,
            caller,
            timeout,
            messages,
            queue: VecDeque::new(),
            sender,
            answers,
            cancelled,
            asked: Vec::new(),
        };
        // What is answered at once is answered as JSON.
        match running.next().await {
            Some(Ok(only)) if running.call.is_done() && running.queue.is_empty() => Ok(Reply::made(200, only)),
            Some(Ok(first)) => {
                running.queue.push_front(first);
                Ok(Reply::stream(stream::unfold(running, |mut running| async move {
                    let next = running.next().await?;
                    Some((next, running))
                })))
            }
            _ => Err(Refusal::from(Reason::UpstreamFailed).detail("the reply broke off")),
        }
    }
}

/// Of so many sessions of one caller at one server the one longest unused goes.
fn make_room(all: &mut HashMap<String, Arc<Session>>, new: &Session, of_one_max: usize) {
    let own = |known: &Arc<Session>| known.caller == new.caller && known.server == new.server;
    let own: Vec<_> = all.iter().filter(|(_, known)| own(known)).map(|(id, s)| (s.state().used, id)).collect();
    let oldest = own.iter().min().map(|(_, id)| (*id).clone()).filter(|_| own.len() >= of_one_max);
    oldest.map(|id| all.remove(&id));
}

/// The arguments of a call that the server's schemas have repeated in headers.
async fn mirrored(door: &Door, session: &Session, outbound: &Outbound) -> Vec<(String, String)> {
    let (Target::Tool(name), Class::CallTool) = (&outbound.message().target, outbound.message().method.class) else {
        return Vec::new();
    };
    let ask = |cursor: Option<String>| {
        let cursor_field = cursor.map(|cursor| format!(r#""cursor":{cursor},"#)).unwrap_or_default();
        let meta = text::meta(&session.hello.capabilities, session.hello.client.as_deref());
        let request = text::request("1", "tools/list", &format!(r#"{{{cursor_field}"_meta":{meta}}}"#));
        door.ask(request, None, outbound.caller(), outbound.timeout())
    };
    let of_tool = door.mirrored(ask).await.and_then(|all| all.get(name));
    of_tool.map(|mirrored| params::headers(mirrored, outbound.message().arguments())).unwrap_or_default()
}

/// A call, driven by whoever reads its answer.
struct Running {
    door: Arc<Door>,
    session: Arc<Session>,
    /// `Mcp-Param-*`, the same in each round.
    params: Vec<(String, String)>,
    _under_way: UnderWay,
    call: Call,
    caller: Digest,
    timeout: Duration,
    /// What the server sends now, if it does.
    messages: Option<Messages>,
    queue: VecDeque<Bytes>,
    sender: mpsc::Sender<Bytes>,
    answers: mpsc::Receiver<Bytes>,
    cancelled: Arc<Notify>,
    asked: Vec<String>,
}

impl Running {
    async fn next(&mut self) -> Option<Result<Bytes, Broken>> {
        loop {
            if let Some(message) = self.queue.pop_front() {
                return Some(Ok(message));
            }
            if self.call.is_done() {
                return None;
            }
            let steps = match &mut self.messages {
                Some(messages) => {
                    let next = tokio::select! {
                        next = messages.next() => next,
                        () = self.cancelled.notified() => return None,
                    };
                    match next {
                        Some(Ok(message)) => self.call.received(message),
                        // The rounds before the last one end like this.
                        None if self.call.is_asking() => {
                            self.messages = None;
                            Vec::new()
                        }
                        _ => return Some(Err(Broken)),
                    }
                }
                None => {
                    let answer = tokio::select! {
                        answer = tokio::time::timeout(ANSWER_WAIT, self.answers.recv()) => answer,
                        () = self.cancelled.notified() => return None,
                    };
                    match answer {
                        Ok(Some(answer)) => self.call.answered(answer),
                        _ => return Some(Err(Broken)),
                    }
                }
            };
            for step in steps {
                match step {
                    Step::Down(message) | Step::Done(message) => self.queue.push_back(message),
                    Step::Ask(id, message) => {
                        self.messages = None;
                        self.session.state().asked.insert(id.clone(), self.sender.clone());
                        self.asked.push(id);
                        self.queue.push_back(message);
                    }
                    Step::Up(message) => {
                        match self.door.ask(message, Some(&self.params), self.caller, self.timeout).await {
                            Ok(reply) => match Messages::of(reply) {
                                Ok(messages) => self.messages = Some(messages),
                                Err(_) => return Some(Err(Broken)),
                            },
                            Err(_) => return Some(Err(Broken)),
                        }
                    }
                }
            }
        }
    }
}

/// A call can be cancelled as long as this lives.
struct UnderWay {
    session: Arc<Session>,
    id: String,
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.session.state().running.remove(&self.id);
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let mut state = self.session.state();
        for id in &self.asked {
            state.asked.remove(id);
        }
    }
}

fn subscribe(session: &Session, outbound: &Outbound, id: &str) -> Result<Reply, Refusal> {
    let message = outbound.message();
    let uri = message.params().and_then(|params| params.get("uri")).and_then(|uri| uri.as_str());
    let uri = uri.ok_or(Reason::ParamsMalformed)?.into_owned();
    if session.uris.borrow().len() >= URIS_MAX {
        return Err(Refusal::from(Reason::UpstreamExhausted).detail("subscriptions"));
    }
    session.uris.send_modify(|uris| {
        if message.method.name == "resources/subscribe" {
            uris.insert(uri);
        } else {
            uris.remove(&uri);
        }
    });
    Ok(Reply::made(200, text::result(id, "{}")))
}

/// What comes unasked: one listen stream, begun anew when what is listened for changes.
fn standing(door: Arc<Door>, session: Arc<Session>, timeout: Duration) -> Reply {
    struct Listening {
        door: Arc<Door>,
        session: Arc<Session>,
        uris: watch::Receiver<BTreeSet<String>>,
        messages: Option<Messages>,
        timeout: Duration,
        failures: u32,
    }
    let uris = session.uris.subscribe();
    let listening = Listening { door, session, uris, messages: None, timeout, failures: 0 };
    Reply::stream(stream::unfold(listening, |mut this| async move {
        loop {
            let Some(messages) = &mut this.messages else {
                let uris: Vec<String> = this.uris.borrow_and_update().iter().cloned().collect();
                let request = listen("\"listen\"", &this.session.hello, &uris);
                let reply = this.door.ask(request, None, this.session.caller, this.timeout).await;
                match reply.ok().filter(|reply| reply.status == 200).map(Messages::of) {
                    Some(Ok(messages)) => this.messages = Some(messages),
                    // It may not serve this at all: the stream stays open, and nothing comes.
                    _ => {
                        this.failures += 1;
                        let wait = Duration::from_secs(1 << this.failures.min(6));
                        let _ = tokio::time::timeout(wait, this.uris.changed()).await;
                    }
                }
                continue;
            };
            tokio::select! {
                changed = this.uris.changed() => match changed {
                    Ok(()) => this.messages = None,
                    Err(_) => return None,
                },
                next = messages.next() => match next {
                    Some(Ok(message)) => {
                        if let Some(message) = heard(&message) {
                            return Some((Ok(message), this));
                        }
                    }
                    _ => {
                        this.messages = None;
                        this.failures += 1;
                        tokio::time::sleep(Duration::from_secs(1 << this.failures.min(6))).await;
                    }
                },
            }
        }
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(caller: &[u8], server: &str, used: Instant) -> Arc<Session> {
        let state = State { used, level: None, asked: BTreeMap::new(), running: BTreeMap::new() };
        Arc::new(Session {
            server: server.to_owned(),
            caller: Digest::of(caller),
            hello: Hello::default(),
            state: Mutex::new(state),
            uris: watch::channel(BTreeSet::new()).0,
        })
    }

    #[test]
    fn a_caller_that_begins_ever_more_sessions_makes_room_by_its_own() {
        let (mut all, now) = (HashMap::new(), Instant::now());
        all.insert("bob".to_owned(), session(b"bob", "crm", now));
        all.insert("elsewhere".to_owned(), session(b"ann", "wiki", now));
        for n in 0..10 {
            let new = session(b"ann", "crm", now + Duration::from_secs(n));
            make_room(&mut all, &new, 3);
            all.insert(format!("ann-{n}"), new);
        }
        let mut left: Vec<&String> = all.keys().collect();
        left.sort();
        assert_eq!(left, ["ann-7", "ann-8", "ann-9", "bob", "elsewhere"]);
    }
}
