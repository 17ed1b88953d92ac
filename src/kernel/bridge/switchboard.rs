//! Many conversations over one line: what a program on standard input and output, or a server of 2024-11-05,
//! has instead of one stream for each request.
//!
//! Request ids and progress tokens of all parties are replaced by numbers of our own, so that two parties may use
//! the same ones and the server cannot name one that it was not given. What the server sends goes to exactly one
//! stream or, where it concerns everybody, once to each party. A question goes to a client only if it is certain
//! whom it is for; on a line that several callers share it never is.
use super::text;
use crate::kernel::json::{Bounds, Document, Patches, Value};
use crate::kernel::mcp::decode::{Envelope, envelope};
use bytes::Bytes;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Who uses the line: one session, or one request of 2026-07-28.
pub type Party = u64;
/// Where a party reads: the reply to one of its requests, or what it opened to listen.
pub type Stream = u64;

/// Most requests without an answer, those included that nobody waits for any more.
const WAITING_MAX: usize = 1024;
/// Most questions of the server without an answer.
const ASKED_MAX: usize = 64;
/// Most resources that one party is subscribed to.
const SUBSCRIBED_MAX: usize = 1024;
const SUBSCRIPTION: &str = "io.modelcontextprotocol/subscriptionId";
const LEVELS: [&str; 8] = ["debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"];

/// Something to be done, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// To the server.
    Up(Bytes),
    /// To one stream.
    Down(Stream, Bytes),
    /// The last message of a stream.
    Last(Stream, Bytes),
}

/// Why a line ends, or a message is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Not one JSON-RPC message.
    Malformed,
    /// An answer to nothing, or a message that has no place on this line.
    Unexpected(&'static str),
    /// Too much at once.
    Exhausted(&'static str),
}

/// The state of one line.
pub struct Switchboard {
    /// Distinguishes questions on this line from those on the one before it.
    tag: u64,
    /// Several callers use it.
    shared: bool,
    modern: bool,
    bounds: Bounds,
    next: u64,
    waiting: BTreeMap<u64, Waiting>,
    /// Requests that nobody waits for, oldest first.
    abandoned: VecDeque<u64>,
    parties: BTreeMap<Party, Member>,
    asked: BTreeMap<u64, Asked>,
}

struct Waiting {
    party: Party,
    stream: Option<Stream>,
    /// As the party wrote it.
    id: String,
    token: Option<String>,
    listens: bool,
    /// The server was told that nobody waits.
    cancelled: bool,
}

#[derive(Default)]
struct Member {
    standing: Option<Stream>,
    subscribed: BTreeSet<String>,
    level: Option<usize>,
}

struct Asked {
    party: Party,
    /// As the server wrote it.
    id: String,
}

impl Switchboard {
    /// For a new line. `shared`: several callers use it. `modern`: it speaks 2026-07-28.
    pub fn new(tag: u64, shared: bool, modern: bool, bounds: Bounds) -> Self {
        Self {
            tag,
            shared,
            modern,
            bounds,
            next: 1,
            waiting: BTreeMap::new(),
            abandoned: VecDeque::new(),
            parties: BTreeMap::new(),
            asked: BTreeMap::new(),
        }
    }

    /// A party comes.
    pub fn join(&mut self, party: Party) {
        self.parties.entry(party).or_default();
    }

    /// A party goes; what it was subscribed to and nobody else is, is given back.
    pub fn leave(&mut self, party: Party) -> Vec<Effect> {
        let Some(gone) = self.parties.remove(&party) else { return Vec::new() };
        let streams: Vec<Stream> =
            self.waiting.values().filter(|w| w.party == party).filter_map(|w| w.stream).collect();
        let mut effects: Vec<Effect> = streams.into_iter().flat_map(|stream| self.closed(stream)).collect();
        for uri in gone.subscribed.iter().filter(|uri| !self.is_subscribed(uri)).collect::<Vec<_>>() {
            let number = self.number(Waiting {
                party,
                stream: None,
                id: String::new(),
                token: None,
                listens: false,
                cancelled: true,
            });
            self.abandoned.push_back(number);
            let params = format!(r#"{{"uri":{}}}"#, text::quoted(uri));
            effects.push(Effect::Up(text::request(&number.to_string(), "resources/unsubscribe", &params)));
        }
        self.asked.retain(|_, asked| asked.party != party);
        effects
    }

    /// A party opens a stream for what answers none of its requests. The stream before it ends by itself.
    pub fn listen(&mut self, party: Party, stream: Stream) {
        self.parties.entry(party).or_default().standing = Some(stream);
    }

    /// Whether nothing is under way.
    pub fn is_idle(&self) -> bool {
        self.waiting.len() <= self.abandoned.len() && self.parties.values().all(|member| member.standing.is_none())
    }

    /// How many parties there are.
    pub fn parties(&self) -> usize {
        self.parties.len()
    }

    /// Streams on which somebody waits for an answer.
    pub fn waiting(&self) -> impl Iterator<Item = Stream> {
        self.waiting.values().filter_map(|waiting| waiting.stream)
    }

    /// A party sends a message; a request's answer goes to `stream`.
    pub fn submit(&mut self, party: Party, stream: Stream, message: Bytes) -> Result<Vec<Effect>, Fault> {
        let document = Document::parse(message, &self.bounds).map_err(|_| Fault::Malformed)?;
        let frame = envelope(document.root()).map_err(|_| Fault::Malformed)?;
        match (frame.method.as_deref(), frame.id.clone()) {
            (Some(method), Some(id)) => self.request(party, stream, &document, &frame, method, id),
            (Some(method), None) => Ok(self.notice(party, &document, &frame, method)),
            (None, Some(id)) => self.answer(party, &document, &id),
            (None, None) => Err(Fault::Malformed),
        }
    }

    /// Nobody reads a stream any more. In 2026-07-28 that cancels its request; before, it says nothing.
    pub fn closed(&mut self, stream: Stream) -> Vec<Effect> {
        for member in self.parties.values_mut().filter(|member| member.standing == Some(stream)) {
            member.standing = None;
        }
        let found = self.waiting.iter_mut().find(|(_, waiting)| waiting.stream == Some(stream));
        let Some((number, waiting)) = found else { return Vec::new() };
        waiting.stream = None;
        waiting.cancelled = self.modern;
        let number = *number;
        self.abandon(number);
        if self.modern { vec![Effect::Up(cancelled(number))] } else { Vec::new() }
    }

    /// The server sends a message. An error ends the line.
    pub fn receive(&mut self, message: Bytes) -> Result<Vec<Effect>, Fault> {
        let document = Document::parse(message, &self.bounds).map_err(|_| Fault::Malformed)?;
        let frame = envelope(document.root()).map_err(|_| Fault::Malformed)?;
        match (frame.method.as_deref(), frame.id.clone()) {
            (None, Some(id)) => self.answered(&document, &id),
            // An error about something that it could not read; the request it was about runs into its time.
            (None, None) => Ok(Vec::new()),
            (Some("ping"), Some(id)) => Ok(vec![Effect::Up(text::result(&id, "{}"))]),
            (Some(_), Some(id)) => self.question(&document, id),
            (Some(method), None) => Ok(self.told(&document, &frame, method)),
        }
    }

    fn request(
        &mut self,
        party: Party,
        stream: Stream,
        document: &Document,
        frame: &Envelope<'_>,
        method: &str,
        id: String,
    ) -> Result<Vec<Effect>, Fault> {
        let uri = frame.params.and_then(|params| params.get("uri")).and_then(|uri| uri.as_str()).unwrap_or_default();
        let mut patches = Patches::default();
        let member = self.parties.entry(party).or_default();
        match method {
            "resources/subscribe" if member.subscribed.len() >= SUBSCRIBED_MAX => {
                return Err(Fault::Exhausted("subscriptions"));
            }
            "resources/subscribe" => {
                member.subscribed.insert(uri.to_string());
            }
            "resources/unsubscribe" => {
                member.subscribed.remove(&*uri);
                if self.is_subscribed(&uri) {
                    return Ok(vec![Effect::Last(stream, text::result(&id, "{}"))]);
                }
            }
            "logging/setLevel" => {
                let level = frame.params.and_then(|params| params.get("level"));
                member.level = level.and_then(|level| rank(level));
                // The server has one level for all of them, and each gets what it asked for.
                let most = self.parties.values().filter_map(|member| member.level).min();
                if let (Some(level), Some(most)) = (level, most.and_then(|most| LEVELS.get(most))) {
                    patches.replace(level, text::quoted(most).into_bytes());
                }
            }
            _ => {}
        }
        if self.waiting.len() >= WAITING_MAX {
            let oldest = self.abandoned.pop_front().ok_or(Fault::Exhausted("unanswered requests"))?;
            self.waiting.remove(&oldest);
        }
        let token = frame.params.and_then(|params| params.get("_meta")).and_then(|meta| meta.get("progressToken"));
        let waiting = Waiting {
            party,
            stream: Some(stream),
            id,
            token: token.map(text::raw),
            listens: method == "subscriptions/listen",
            cancelled: false,
        };
        let number = self.number(waiting).to_string().into_bytes();
        if let Some(token) = token {
            patches.replace(token, number.clone());
        }
        if let Some(id) = document.root().get("id") {
            patches.replace(id, number);
        }
        Ok(vec![Effect::Up(document.write(&patches))])
    }

    fn notice(&mut self, party: Party, document: &Document, frame: &Envelope<'_>, method: &str) -> Vec<Effect> {
        match method {
            "notifications/cancelled" => {
                let named = frame.params.and_then(|params| params.get("requestId"));
                let Some(id) = named.and_then(text::id) else { return Vec::new() };
                // The latest with this id; its stream may have been closed before this came.
                let found = self.waiting.iter_mut().rev().find(|(_, w)| w.party == party && w.id == id && !w.cancelled);
                let Some((number, waiting)) = found else { return Vec::new() };
                let (number, stream) = (*number, waiting.stream.take());
                waiting.cancelled = true;
                if stream.is_some() {
                    self.abandon(number);
                }
                // The stream that waited for it ends with an answer, so that nobody waits for ever.
                let said = stream.map(|stream| Effect::Last(stream, text::error(&id, -32800, "Cancelled.")));
                std::iter::once(Effect::Up(cancelled(number))).chain(said).collect()
            }
            // Said once, when the line began.
            "notifications/initialized" => Vec::new(),
            // Of a question that is known here under another name; servers do not need it.
            "notifications/progress" => Vec::new(),
            _ if self.shared => Vec::new(),
            _ => vec![Effect::Up(document.write(&Patches::default()))],
        }
    }

    /// A party answers a question that it was asked; once, and nobody else can.
    fn answer(&mut self, party: Party, document: &Document, id: &str) -> Result<Vec<Effect>, Fault> {
        let none = Fault::Unexpected("an answer to nothing");
        let prefix = format!("\"q-{}-", self.tag);
        let number = id.strip_prefix(&prefix).and_then(|rest| rest.strip_suffix('"')).and_then(|n| n.parse().ok());
        let number: u64 = number.ok_or(none)?;
        if self.asked.get(&number).is_none_or(|asked| asked.party != party) {
            return Err(none);
        }
        let asked = self.asked.remove(&number).ok_or(none)?;
        let mut patches = Patches::default();
        if let Some(id) = document.root().get("id") {
            patches.replace(id, asked.id.into_bytes());
        }
        Ok(vec![Effect::Up(document.write(&patches))])
    }

    fn answered(&mut self, document: &Document, id: &str) -> Result<Vec<Effect>, Fault> {
        let number: u64 = id.parse().map_err(|_| Fault::Unexpected("an answer to nothing that was asked"))?;
        let waiting = self.waiting.remove(&number).ok_or(Fault::Unexpected("an answer to nothing that was asked"))?;
        let Some(stream) = waiting.stream else {
            self.abandoned.retain(|abandoned| *abandoned != number);
            return Ok(Vec::new());
        };
        let mut patches = Patches::default();
        let id = waiting.id.into_bytes();
        if waiting.listens
            && let Some(subscription) = subscription(document.root().get("result"))
        {
            patches.replace(subscription, id.clone());
        }
        if let Some(value) = document.root().get("id") {
            patches.replace(value, id);
        }
        Ok(vec![Effect::Last(stream, document.write(&patches))])
    }

    /// A request of the server, for the one party it can only be for.
    fn question(&mut self, document: &Document, id: String) -> Result<Vec<Effect>, Fault> {
        if self.modern {
            return Err(Fault::Unexpected("a request from the server"));
        }
        let no = |why: &str| Ok(vec![Effect::Up(text::error(&id, -32603, why))]);
        let mut open: Vec<(Party, Stream)> = self.waiting.values().filter_map(|w| Some((w.party, w.stream?))).collect();
        if open.is_empty() {
            open = self.parties.iter().filter_map(|(party, member)| Some((*party, member.standing?))).collect();
        }
        let Some((party, stream)) = open.last().copied().filter(|_| !self.shared) else {
            return no("there is no client that could be asked");
        };
        if open.iter().any(|(other, _)| *other != party) {
            return no("it is not certain which client is asked");
        }
        if self.asked.len() >= ASKED_MAX {
            return no("too many questions without an answer");
        }
        let number = self.next;
        self.next += 1;
        self.asked.insert(number, Asked { party, id });
        let mut patches = Patches::default();
        if let Some(value) = document.root().get("id") {
            patches.replace(value, format!("\"q-{}-{number}\"", self.tag).into_bytes());
        }
        Ok(vec![Effect::Down(stream, document.write(&patches))])
    }

    fn told(&mut self, document: &Document, frame: &Envelope<'_>, method: &str) -> Vec<Effect> {
        let param = |name: &str| frame.params.and_then(|params| params.get(name));
        let plain = || document.write(&Patches::default());
        match method {
            "notifications/progress" => {
                let named = param("progressToken").and_then(|t| Some((t, u64::try_from(t.as_i64()?).ok()?)));
                let Some((value, waiting)) = named.and_then(|(v, number)| Some((v, self.waiting.get(&number)?))) else {
                    return Vec::new();
                };
                let (Some(stream), Some(token)) = (waiting.stream, &waiting.token) else { return Vec::new() };
                let mut patches = Patches::default();
                patches.replace(value, token.clone().into_bytes());
                vec![Effect::Down(stream, document.write(&patches))]
            }
            // Of a question: withdrawn.
            "notifications/cancelled" => {
                let Some(id) = param("requestId").and_then(text::id) else { return Vec::new() };
                let found = self.asked.iter().find(|(_, asked)| asked.id == id).map(|(number, _)| *number);
                let Some((number, asked)) = found.and_then(|n| Some((n, self.asked.remove(&n)?))) else {
                    return Vec::new();
                };
                let Some(value) = param("requestId") else { return Vec::new() };
                let mut patches = Patches::default();
                patches.replace(value, format!("\"q-{}-{number}\"", self.tag).into_bytes());
                let stream = self.stream_of(asked.party);
                stream.map(|stream| Effect::Down(stream, document.write(&patches))).into_iter().collect()
            }
            _ if self.modern => match subscription(frame.params) {
                Some(value) => {
                    let number = text::id(value).and_then(|id| id.parse::<u64>().ok());
                    let waiting = number.and_then(|number| self.waiting.get(&number)).filter(|w| w.listens);
                    let Some((stream, id)) = waiting.and_then(|w| Some((w.stream?, &w.id))) else { return Vec::new() };
                    let mut patches = Patches::default();
                    patches.replace(value, id.clone().into_bytes());
                    vec![Effect::Down(stream, document.write(&patches))]
                }
                // Of a request; on a line it does not say of which.
                None => {
                    let mut open = self.waiting.values().filter(|w| !w.listens).filter_map(|w| w.stream);
                    match (open.next(), open.next()) {
                        (Some(only), None) => vec![Effect::Down(only, plain())],
                        _ => Vec::new(),
                    }
                }
            },
            "notifications/resources/updated" => {
                let Some(uri) = param("uri").and_then(|uri| uri.as_str()) else { return Vec::new() };
                let has = |member: &Member| member.subscribed.iter().any(|known| uri.starts_with(known.as_str()));
                self.broadcast(plain, has)
            }
            "notifications/message" => {
                let level = param("level").and_then(rank);
                let wants = |member: &Member| match (member.level, level) {
                    (Some(least), Some(level)) => level >= least,
                    _ => true,
                };
                // What a program logs while it serves several callers may be about any of them.
                if self.shared { Vec::new() } else { self.broadcast(plain, wants) }
            }
            _ if method.ends_with("/list_changed") => self.broadcast(plain, |_| true),
            _ if self.shared => Vec::new(),
            _ => self.broadcast(plain, |_| true),
        }
    }

    /// Once to each party that wants it and reads somewhere.
    fn broadcast(&self, message: impl Fn() -> Bytes, wants: impl Fn(&Member) -> bool) -> Vec<Effect> {
        let parties = self.parties.iter().filter(|(_, member)| wants(member));
        let streams = parties.filter_map(|(party, _)| self.stream_of(*party));
        streams.map(|stream| Effect::Down(stream, message())).collect()
    }

    /// Where a party reads what answers none of its requests.
    fn stream_of(&self, party: Party) -> Option<Stream> {
        let standing = self.parties.get(&party).and_then(|member| member.standing);
        standing.or_else(|| self.waiting.values().rev().find(|w| w.party == party).and_then(|w| w.stream))
    }

    fn is_subscribed(&self, uri: &str) -> bool {
        self.parties.values().any(|member| member.subscribed.contains(uri))
    }

    fn number(&mut self, waiting: Waiting) -> u64 {
        let number = self.next;
        self.next += 1;
        self.waiting.insert(number, waiting);
        number
    }

    fn abandon(&mut self, number: u64) {
        self.abandoned.push_back(number);
    }
}

fn rank(level: Value<'_>) -> Option<usize> {
    let level = level.as_str()?;
    LEVELS.iter().position(|known| *known == level)
}

fn subscription(holder: Option<Value<'_>>) -> Option<Value<'_>> {
    holder?.get("_meta")?.get(SUBSCRIPTION)
}

fn cancelled(number: u64) -> Bytes {
    text::notice("notifications/cancelled", &format!(r#"{{"requestId":{number}}}"#))
}

#[cfg(test)]
mod tests;
