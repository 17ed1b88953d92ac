//! One virtual server of several. A message for one of them travels as if it had been sent there; a message for all of
//! them travels once to each, with a record for each, and their answers are put together. Every member's policy
//! decides about its own part, and every answer is judged before it is put together with another.
use super::{Answer, Gateway, carry, finish, note_message, note_refusal};
use crate::audit::Record;
use crate::body::Body;
use crate::clock;
use crate::http as rules;
use crate::kernel::inbound::{HeaderFacts, Inbound, Verb};
use crate::kernel::joint::{Joint, Route};
use crate::kernel::json::{Bounds, Document, Patches};
use crate::kernel::mcp::decode::{Message, Shape, decode, envelope};
use crate::kernel::mcp::headers::{SESSION_ID, encode_value};
use crate::kernel::mcp::method::Class;
use crate::kernel::mcp::revision::{Era, Revision};
use crate::kernel::policy::compile::ServerPolicy;
use crate::kernel::principal::Principal;
use crate::kernel::refusal::{Reason, Refusal};
use crate::kernel::snapshot::Snapshot;
use crate::kernel::sse::{self, Decoder};
use crate::sessions::Session;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::stream::{self, BoxStream, StreamExt};
use http::{Response, StatusCode};
use http_body_util::BodyExt;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Most pages that are asked for to make one.
const PAGES_MAX: usize = 32;

/// One message for a virtual server.
struct Parted<'a> {
    gateway: &'a Arc<Gateway>,
    world: &'a Arc<Snapshot>,
    joint: &'a Arc<Joint>,
    principal: &'a Arc<Principal>,
    session: Option<Arc<Session>>,
    message: Message,
    headers: HeaderFacts,
    verb: Verb,
}

/// Lets a message travel on to those whom it is for.
pub async fn carry_parts(
    gateway: &Arc<Gateway>,
    (world, joint): (&Arc<Snapshot>, &Arc<Joint>),
    principal: &Arc<Principal>,
    session: Option<Arc<Session>>,
    inbound: Inbound,
    record: &mut Record,
    modern: &mut bool,
) -> Result<Answer, Refusal> {
    let known = session.as_ref().and_then(|session| session.facts());
    let verb = inbound.verb;
    let mirrored = HeaderFacts {
        params: inbound.headers.params.clone(),
        last_event_id: inbound.headers.last_event_id.clone(),
        ..HeaderFacts::default()
    };
    let message = decode(inbound, known, &world.limits.request)?;
    *modern = message.revision.era() == Era::Modern;
    note_message(record, &message);
    let id = message.id.clone();
    let parted = Parted { gateway, world, joint, principal, session, message, headers: mirrored, verb };
    let expects = parted.message.shape == Shape::Request;
    let answer = parted.go(record, modern).await;
    answer.map_err(|refusal| if expects { refusal.for_id(id) } else { refusal.for_no_request() })
}

impl Parted<'_> {
    async fn go(self, record: &mut Record, modern: &mut bool) -> Result<Answer, Refusal> {
        if self.message.shape == Shape::Response {
            return self.response(record, modern).await;
        }
        match self.joint.route(&self.message)? {
            Route::One(member, body) => {
                record.note(|entry| entry.server = Some(member.clone()));
                let (session, inbound) = self.part(member, body)?;
                self.carried(member, session, inbound, record, modern).await
            }
            Route::Pages(from, cursor) => self.pages(from, cursor).await,
            Route::All => self.all().await,
        }
    }

    fn is_modern(&self) -> bool {
        self.message.revision.era() == Era::Modern
    }

    fn id(&self) -> &str {
        self.message.id.as_deref().unwrap_or("null")
    }

    fn whole(&self) -> Bytes {
        self.message.document.as_ref().map(|document| document.write(&Patches::default())).unwrap_or_default()
    }

    /// A message as it is sent to a member, in the session there.
    fn part(&self, member: &ServerPolicy, body: Bytes) -> Result<(Option<Arc<Session>>, Inbound), Refusal> {
        let session = match &self.session {
            Some(session) if !self.is_modern() => {
                let there = session.member(&member.name);
                Some(there.ok_or_else(|| {
                    Refusal::from(Reason::UpstreamUnreachable).detail(format!("`{}` was left out", member.name))
                })?)
            }
            _ => None,
        };
        let mut headers = HeaderFacts::default();
        if self.is_modern() {
            let parsed = Document::parse(body.clone(), &self.world.limits.request).map_err(|_| Reason::Internal)?;
            let field = |name: &str| parsed.root().get("params")?.get(name)?.as_str().map(|text| text.into_owned());
            let name = match self.message.method.class {
                Class::CallTool | Class::GetPrompt => field("name"),
                Class::Resource => field("uri"),
                _ => None,
            };
            headers.protocol_version = Some(self.message.revision.as_str().to_owned());
            headers.method = Some(self.message.method.name.to_owned());
            headers.name = name.map(|name| encode_value(&name).into_owned());
            headers.params.clone_from(&self.headers.params);
        }
        Ok((session, Inbound { verb: self.verb, headers, body }))
    }

    /// A message that is one member's goes the way of any other.
    fn carried<'b>(
        &'b self,
        member: &'b Arc<ServerPolicy>,
        session: Option<Arc<Session>>,
        inbound: Inbound,
        record: &'b mut Record,
        modern: &'b mut bool,
    ) -> BoxFuture<'b, Result<Answer, Refusal>> {
        let (facts, around) = (self.gateway.facts(), (member, self.principal));
        Box::pin(carry(self.gateway, self.world, around, session, inbound, facts, record, modern))
    }

    /// A part with a record of its own.
    async fn leg(&self, member: &Arc<ServerPolicy>, body: Bytes) -> Result<Response<Body>, Refusal> {
        let (session, mut inbound) = self.part(member, body)?;
        if let (Some(session), Some(sealed)) = (&session, &self.headers.last_event_id)
            && let Ok(crate::sessions::EventId::Theirs(id)) = session.open_event_id(sealed)
        {
            inbound.headers.last_event_id = Some(id);
        }
        let mut record = self.gateway.audit.begin("exchange", clock::Id::random())?;
        record.note(|entry| {
            entry.policy = Some(self.world.id);
            entry.server = Some(member.clone());
            entry.principal = Some(self.principal.clone());
        });
        let mut modern = false;
        let carried = self.carried(member, session, inbound, &mut record, &mut modern).await;
        let (refusal, mut record) = match carried {
            Ok(answer) => match Box::pin(finish(self.gateway, answer, record, modern)).await {
                Ok(response) => return Ok(response),
                Err(refused) => (refused.refusal, refused.record),
            },
            Err(refusal) => (refusal, record),
        };
        note_refusal(&mut record, &refusal);
        record.commit().await?;
        Err(refusal)
    }

    /// The answer of a part, whole, and the session that began with it.
    async fn answer(&self, member: &Arc<ServerPolicy>, body: Bytes) -> Result<(Document, Option<String>), Refusal> {
        let response = self.leg(member, body).await?;
        let begun = response.headers().get(SESSION_ID).and_then(|id| id.to_str().ok()).map(str::to_owned);
        let text = answer_in(response.into_body(), self.world.limits.reply.bytes_max).await;
        let text = text.ok_or_else(|| Refusal::from(Reason::ReplyUnexpected).detail("a part without an answer"))?;
        let bounds = Bounds { bytes_max: text.len(), ..self.world.limits.reply };
        let document = Document::parse(text, &bounds).map_err(|_| Reason::ReplyMalformed)?;
        Ok((document, begun))
    }

    /// What a part gave, or why it gave nothing; `None` if the member is left out for that.
    fn or_without<T>(&self, given: Result<T, Refusal>) -> Result<Option<T>, Refusal> {
        match given {
            Ok(given) => Ok(Some(given)),
            Err(_) if self.joint.without => Ok(None),
            Err(refusal) => Err(refusal),
        }
    }

    /// As much of a list as fits one page: members whose lists end are put together.
    async fn pages(&self, from: usize, cursor: Option<String>) -> Result<Answer, Refusal> {
        let class = self.message.method.class;
        let (mut items, mut at, mut cursor, mut next) = (Vec::new(), from, cursor, None);
        for _ in 0..PAGES_MAX {
            let Some(member) = self.joint.members.get(at) else { break };
            let body = Joint::page_request(&self.message, cursor.as_deref()).ok_or(Reason::Internal)?;
            let given = match self.answer(member, body).await {
                Ok((document, _)) => match self.joint.page(class, member, &document) {
                    Some(page) => Ok(page),
                    None => none_such(&document),
                },
                Err(refusal) => Err(refusal),
            };
            let (more, own) = self.or_without(given)?.unwrap_or_default();
            items.extend(more);
            at += usize::from(own.is_none());
            cursor = own;
            next = match (&cursor, self.joint.members.get(at)) {
                (own, Some(member)) => Some(Joint::cursor_for(&member.name, own.as_deref())),
                (_, None) => None,
            };
            if cursor.is_some() && !items.is_empty() {
                break;
            }
        }
        let text =
            Joint::listed(class, self.id(), &items, next.as_deref(), self.is_modern()).ok_or(Reason::Internal)?;
        Ok(Answer::Now(rules::json(StatusCode::OK, text)))
    }

    async fn all(self) -> Result<Answer, Refusal> {
        match self.message.method.class {
            Class::Lifecycle if self.message.shape == Shape::Request => self.begin().await,
            Class::Discover => self.discover().await,
            Class::Ping => Ok(self.nothing()),
            Class::SetLevel => {
                for member in self.present() {
                    let given = self.answer(member, self.whole()).await.and_then(|(said, _)| none_such(&said));
                    let _: Option<()> = self.or_without(given)?;
                }
                Ok(self.nothing())
            }
            Class::Listen | Class::OpenStream => self.streams().await,
            Class::EndSession => {
                for member in self.present() {
                    let _ = self.leg(member, Bytes::new()).await;
                }
                if let Some(session) = &self.session {
                    self.gateway.sessions.end(&session.id);
                }
                Ok(Answer::Now(rules::empty(StatusCode::NO_CONTENT)))
            }
            _ if self.message.shape == Shape::Notification => {
                for member in self.present().filter(|member| self.concerns(member)) {
                    let _ = self.leg(member, self.whole()).await;
                }
                Ok(Answer::Now(rules::empty(StatusCode::ACCEPTED)))
            }
            _ => Err(Refusal::method(Reason::MethodNotServed, self.message.revision.era())),
        }
    }

    fn nothing(&self) -> Answer {
        let text = format!(r#"{{"jsonrpc":"2.0","id":{},"result":{{}}}}"#, self.id());
        Answer::Now(rules::json(StatusCode::OK, text.into()))
    }

    /// Members that take part: in a session those that began with it.
    fn present(&self) -> impl Iterator<Item = &Arc<ServerPolicy>> {
        let there = |member: &str| self.session.as_ref().is_none_or(|session| session.member(member).is_some());
        self.joint.members.iter().filter(move |member| self.is_modern() || there(&member.name))
    }

    /// A cancellation is for whoever has the request.
    fn concerns(&self, member: &ServerPolicy) -> bool {
        if self.message.method.name != "notifications/cancelled" {
            return true;
        }
        let named = self.message.params().and_then(|params| params.get("requestId"));
        let named = named.and_then(crate::kernel::bridge::text::id);
        let session = self.session.as_ref().and_then(|session| session.member(&member.name));
        named.is_some_and(|id| session.is_some_and(|session| session.is_pending(&id)))
    }

    /// `initialize`, with each of them.
    async fn begin(self) -> Result<Answer, Refusal> {
        let (mut said, mut sessions) = (Vec::new(), BTreeMap::new());
        let mut last = Refusal::from(Reason::UpstreamUnreachable);
        for member in &self.joint.members {
            let begun = self.begun(member).await.inspect_err(|refusal| last = refusal.clone());
            match self.or_without(begun) {
                Ok(Some((session, result))) => {
                    sessions.insert(member.name.clone(), session);
                    said.push((&**member, result));
                }
                Ok(None) => {}
                Err(refusal) => {
                    // What began with the others is of no use to anybody.
                    sessions.values().for_each(|session: &Arc<Session>| self.gateway.sessions.end(&session.id));
                    return Err(refusal);
                }
            }
        }
        let agreed: Option<Revision> = sessions.values().filter_map(|s| s.facts()).map(|facts| facts.revision).min();
        let agreed = agreed.ok_or(last)?;
        let fresh = self.session.is_none();
        let session = match &self.session {
            Some(session) => session.clone(),
            None => self.gateway.sessions.create(self.principal.id(), &self.joint.face.name)?,
        };
        session.agree(agreed);
        session.consists_of(sessions);
        let text = self.joint.introduced(self.id(), &said, Some(agreed.as_str()));
        let mut response = rules::json(StatusCode::OK, text);
        if fresh {
            rules::set(&mut response, SESSION_ID, &session.id);
        }
        Ok(Answer::Now(response))
    }

    async fn begun(&self, member: &Arc<ServerPolicy>) -> Result<(Arc<Session>, serde_json::Value), Refusal> {
        // Sessions are begun there without the one that is begun here.
        let alone = Parted {
            session: None,
            gateway: self.gateway,
            world: self.world,
            joint: self.joint,
            principal: self.principal,
            message: decode(
                Inbound { verb: Verb::Post, headers: HeaderFacts::default(), body: self.whole() },
                None,
                &self.world.limits.request,
            )?,
            headers: HeaderFacts::default(),
            verb: Verb::Post,
        };
        let (answer, begun) = alone.answer(member, self.whole()).await?;
        let result = answer.root().get("result").and_then(|result| serde_json::from_slice(result.raw()).ok());
        let (Some(result), Some(begun)) = (result, begun) else {
            return Err(Refusal::from(Reason::UpstreamRejected).detail(format!("`{}`: initialize", member.name)));
        };
        let session = self.gateway.sessions.get(&begun, self.principal.id(), &member.name)?;
        Ok((session, result))
    }

    async fn discover(&self) -> Result<Answer, Refusal> {
        let mut said = Vec::new();
        let mut last = Refusal::from(Reason::UpstreamUnreachable);
        for member in &self.joint.members {
            let given = self.answer(member, self.whole()).await.and_then(|(document, _)| {
                let result = document.root().get("result").and_then(|r| serde_json::from_slice(r.raw()).ok());
                result.ok_or_else(|| Refusal::from(Reason::UpstreamRejected).detail(format!("`{}`", member.name)))
            });
            let given = given.inspect_err(|refusal| last = refusal.clone());
            said.extend(self.or_without(given)?.map(|result| (&**member, result)));
        }
        if said.is_empty() {
            return Err(last);
        }
        Ok(Answer::Now(rules::json(StatusCode::OK, self.joint.introduced(self.id(), &said, None))))
    }

    /// What members say unasked, on one stream.
    async fn streams(&self) -> Result<Answer, Refusal> {
        let mut streams: Vec<BoxStream<'static, Bytes>> = Vec::new();
        let listens = self.message.method.class == Class::Listen;
        let mut last = None;
        for member in self.present() {
            let body = if listens { self.joint.listen_of(&self.message, member) } else { Some(Bytes::new()) };
            let Some(body) = body else { continue };
            match self.leg(member, body).await.map(Response::into_body) {
                Ok(Body::Stream(stream)) => streams.push(stream),
                Ok(Body::Full(_)) => {}
                // A server that has nothing to say unasked has not failed.
                Err(refusal) if refusal.reason == Reason::VerbUnknown => last = Some(refusal),
                Err(refusal) => {
                    self.or_without(Err::<(), _>(refusal.clone()))?;
                    last = Some(refusal);
                }
            }
        }
        if let (true, Some(refusal)) = (streams.is_empty(), last) {
            return Err(refusal);
        }
        let mut merged = stream::select_all(streams).boxed();
        if listens {
            let first = Joint::acknowledged(&self.message).ok_or(Reason::Internal)?;
            let first = Bytes::from(sse::encode(None, Some(&String::from_utf8_lossy(&first)), None));
            merged = stream::iter([first]).chain(merged.filter(|event| std::future::ready(!is_of_part(event)))).boxed();
        }
        Ok(Answer::Now(rules::events(Body::Stream(merged))))
    }

    /// The client answers a question: whoever asked it gets the answer. If two members asked under one id, neither does.
    async fn response(self, record: &mut Record, modern: &mut bool) -> Result<Answer, Refusal> {
        let (Some(id), Some(session)) = (&self.message.id, &self.session) else {
            return Err(Reason::ResponseUnexpected.into());
        };
        let asked = |member: &&Arc<ServerPolicy>| session.member(&member.name).is_some_and(|there| there.asks(id));
        let mut asked = self.joint.members.iter().filter(asked);
        let (Some(member), None) = (asked.next(), asked.next()) else {
            return Err(Reason::ResponseUnexpected.into());
        };
        record.note(|entry| entry.server = Some(member.clone()));
        let (there, inbound) = self.part(member, self.whole())?;
        self.carried(member, there, inbound, record, modern).await
    }
}

/// An error that says that the member has no such list is an empty list; another one is a failure.
fn none_such<T: Default>(answer: &Document) -> Result<T, Refusal> {
    let error = answer.root().get("error");
    match error.and_then(|error| error.get("code")).and_then(|code| code.as_i64()) {
        Some(-32601) => Ok(T::default()),
        None if error.is_none() && answer.root().get("result").is_some() => Ok(T::default()),
        _ => Err(Refusal::from(Reason::UpstreamRejected).detail("a part of a list")),
    }
}

/// The answer in the body of a response: the JSON, or the last event that is one.
async fn answer_in(body: Body, bytes_max: usize) -> Option<Bytes> {
    let mut body = match body {
        Body::Full(text) => return Some(text).filter(|text| !text.is_empty()),
        stream @ Body::Stream(_) => stream,
    };
    let mut decoder = Decoder::new(bytes_max);
    let mut found = None;
    while let Some(Ok(frame)) = body.frame().await {
        decoder.feed(frame.data_ref()?).ok()?;
        while let Some(event) = decoder.next_event() {
            let Some(data) = event.data.filter(|data| !data.is_empty()) else { continue };
            let document = Document::reread(data.clone()).ok()?;
            if envelope(document.root()).is_ok_and(|frame| frame.method.is_none()) {
                found = Some(Bytes::from(data));
            }
        }
    }
    found
}

/// What a part of a listen stream says of itself, and the whole says otherwise: that it begins, that it ends.
fn is_of_part(event: &Bytes) -> bool {
    let Ok(text) = std::str::from_utf8(event) else { return true };
    let Some(data) = text.lines().find_map(|line| line.strip_prefix("data: ")) else { return false };
    let Ok(document) = Document::reread(data.to_owned()) else { return true };
    envelope(document.root())
        .is_ok_and(|frame| frame.method.as_deref().is_none_or(|m| m == "notifications/subscriptions/acknowledged"))
}
