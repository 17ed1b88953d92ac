//! Batches, which only 2025-03-26 has: each message is judged, sent and recorded by itself, as if it had come alone.
use super::{Gateway, carry, finish, note_refusal, refuse};
use crate::audit::Record;
use crate::body::Body;
use crate::clock;
use crate::http as rules;
use crate::kernel::inbound::{HeaderFacts, Inbound, Verb};
use crate::kernel::json::{Bounds, Document};
use crate::kernel::mcp::revision::Revision;
use crate::kernel::policy::compile::ServerPolicy;
use crate::kernel::principal::Principal;
use crate::kernel::refusal::{Reason, Refusal};
use crate::kernel::snapshot::Snapshot;
use crate::kernel::sse;
use crate::sessions::Session;
use bytes::Bytes;
use futures_util::stream::{self, BoxStream, StreamExt};
use http::{Response, StatusCode};
use std::sync::Arc;

/// Most messages of a batch.
const MESSAGES_MAX: usize = 32;

/// Who sent a batch, and where it goes.
pub struct Caller<'a> {
    pub world: &'a Arc<Snapshot>,
    pub server: &'a Arc<ServerPolicy>,
    pub principal: &'a Arc<Principal>,
    pub session: &'a Option<Arc<Session>>,
}

/// The messages of a batch; `None` if this is none, or comes where there are none, which decoding tells.
pub fn split(inbound: &Inbound, session: Option<&Session>, bounds: &Bounds) -> Result<Option<Vec<Inbound>>, Refusal> {
    let revision = session.and_then(Session::facts).map(|facts| facts.revision);
    let is_list = inbound.body.trim_ascii_start().starts_with(b"[");
    if !is_list || revision != Some(Revision::V2025_03_26) || inbound.verb != Verb::Post {
        return Ok(None);
    }
    // What is wrong with it is told by whoever decodes it as a whole.
    let Ok(document) = Document::parse(inbound.body.clone(), bounds) else { return Ok(None) };
    let headers =
        || HeaderFacts { protocol_version: inbound.headers.protocol_version.clone(), ..HeaderFacts::default() };
    let one = |body: &[u8]| Inbound { verb: Verb::Post, headers: headers(), body: Bytes::copy_from_slice(body) };
    let messages: Vec<Inbound> =
        document.root().elements().take(MESSAGES_MAX + 1).map(|message| one(message.raw())).collect();
    if (1..=MESSAGES_MAX).contains(&messages.len()) { Ok(Some(messages)) } else { Err(Reason::BatchTooLarge.into()) }
}

/// Answers each; together as one list, or as one stream if an answer is one.
pub async fn answer(
    gateway: &Arc<Gateway>,
    caller: &Caller<'_>,
    messages: Vec<Inbound>,
    whole: &mut Record,
) -> Result<Response<Body>, Refusal> {
    whole.note(|entry| entry.method = Some("batch"));
    let mut texts: Vec<Bytes> = Vec::new();
    let mut streams: Vec<BoxStream<'static, Bytes>> = Vec::new();
    for message in messages {
        match one(gateway, caller, message).await?.into_body() {
            Body::Full(text) if text.is_empty() => {}
            Body::Full(text) => texts.push(text),
            Body::Stream(stream) => streams.push(stream),
        }
    }
    if texts.is_empty() && streams.is_empty() {
        return Ok(rules::empty(StatusCode::ACCEPTED));
    }
    if streams.is_empty() {
        let list = [b"[".as_slice(), &texts.join(b",".as_slice()), b"]"].concat();
        return Ok(rules::json(StatusCode::OK, list.into()));
    }
    let event = |text: Bytes| Bytes::from(sse::encode(None, Some(&String::from_utf8_lossy(&text)), None));
    streams.push(stream::iter(texts.into_iter().map(event)).boxed());
    Ok(rules::events(Body::Stream(stream::select_all(streams).boxed())))
}

/// One of them, with a record of its own. An error is about the batch.
async fn one(gateway: &Arc<Gateway>, caller: &Caller<'_>, message: Inbound) -> Result<Response<Body>, Refusal> {
    let Caller { world, server, principal, session } = caller;
    let mut record = gateway.audit.begin("exchange", clock::Id::random())?;
    record.note(|entry| {
        entry.policy = Some(world.id);
        entry.server = Some((*server).clone());
        entry.principal = Some((*principal).clone());
    });
    let (facts, mut modern) = (gateway.facts(), false);
    let answer =
        carry(gateway, world, (server, principal), (*session).clone(), message, facts, &mut record, &mut modern).await;
    let (refusal, mut record) = match answer {
        Ok(answer) => match finish(gateway, answer, record, modern).await {
            Ok(response) => return Ok(response),
            Err(refused) => (refused.refusal, refused.record),
        },
        Err(refusal) => (refusal, record),
    };
    note_refusal(&mut record, &refusal);
    record.commit().await?;
    Ok(refuse(&refusal, Some(server), world, modern))
}
