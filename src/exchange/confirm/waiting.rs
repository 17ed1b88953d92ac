//! A call that waits for a person while its answer is an open stream, and goes on into the server's own.
use super::released;
use crate::audit::Record;
use crate::body::Body;
use crate::clock;
use crate::confirmations::{Around, Who};
use crate::exchange::{Answer, Gateway, Streaming, forward, observed, recalled};
use crate::kernel;
use crate::kernel::confirm::elicit::Answered;
use crate::kernel::confirm::hold::Unconfirmed;
use crate::kernel::policy::decide::{Decision, Permitted};
use crate::kernel::refusal::{Reason, Refusal};
use crate::kernel::sse;
use crate::meter::Held;
use crate::sessions::{Session, StreamGuard};
use bytes::Bytes;
use futures_util::stream;
use http_body_util::BodyExt;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;

/// How often a waiting client is told that the call goes on.
const PROGRESS_EVERY: Duration = Duration::from_secs(5);

/// Our question to a client of the 2025 revisions.
pub struct Question {
    /// The request.
    pub text: String,
    /// Its id.
    pub id: String,
    /// The session that it goes to.
    pub session: Arc<Session>,
    /// What the person says.
    pub answer: oneshot::Receiver<Answered>,
}

impl Drop for Question {
    fn drop(&mut self) {
        self.session.forget_own(&self.id);
    }
}

/// A call that waits for a person while its answer is an open stream.
pub struct Waiting {
    gateway: Arc<Gateway>,
    session: Option<Arc<Session>>,
    /// Id of the request, as JSON.
    request: Option<String>,
    held: Option<Box<Unconfirmed>>,
    counted: Option<Held>,
    guard: Option<StreamGuard>,
    record: Option<Record>,
    /// Which confirmation.
    id: String,
    question: Option<Question>,
    /// Raw JSON of the client's progress token.
    progress: Option<String>,
    beats: u64,
    phase: Phase,
}

enum Phase {
    Ask,
    Wait,
    Relay(Body),
    Done,
}

enum Happened {
    Beat,
    Decided,
    Answered(Answered),
    Over(Reason),
}

impl Waiting {
    /// A held call that waits for somebody to decide on the confirmation of this id, or to answer the question.
    pub fn new(
        gateway: &Arc<Gateway>,
        session: Option<&Arc<Session>>,
        (held, counted): (Box<Unconfirmed>, Held),
        id: String,
        question: Option<Question>,
    ) -> Result<Self, Refusal> {
        Ok(Self {
            gateway: gateway.clone(),
            guard: Some(gateway.sessions.stream(held.principal().id())?),
            progress: progress_token(&held),
            session: session.cloned(),
            request: held.message().id.clone(),
            held: Some(held),
            counted: Some(counted),
            record: None,
            id,
            question,
            beats: 0,
            phase: Phase::Ask,
        })
    }

    /// The answer: a stream that goes on into the server's own.
    pub fn stream(mut self, record: Record) -> Body {
        self.record = Some(record);
        Body::Stream(Box::pin(stream::unfold(self, |mut waiting| async move {
            let bytes = waiting.next().await?;
            Some((bytes, waiting))
        })))
    }

    async fn next(&mut self) -> Option<Bytes> {
        loop {
            match &mut self.phase {
                Phase::Ask => {
                    self.phase = Phase::Wait;
                    return Some(match &self.question {
                        Some(question) => sse::encode(None, Some(&question.text), None).into(),
                        None => self.beat(),
                    });
                }
                Phase::Wait => match self.happens().await {
                    Happened::Beat => return Some(self.beat()),
                    Happened::Over(reason) => return Some(self.refuse(reason.into())),
                    Happened::Decided => match self.run(None).await {
                        Ok(body) => self.phase = Phase::Relay(body),
                        Err(refusal) => return Some(self.refuse(refusal)),
                    },
                    Happened::Answered(answered) => match self.run(Some(answered)).await {
                        Ok(body) => self.phase = Phase::Relay(body),
                        Err(refusal) => return Some(self.refuse(refusal)),
                    },
                },
                Phase::Relay(body) => match body.frame().await {
                    Some(Ok(frame)) => {
                        if let Ok(bytes) = frame.into_data() {
                            return Some(bytes);
                        }
                    }
                    Some(Err(never)) => match never {},
                    None => self.phase = Phase::Done,
                },
                Phase::Done => return None,
            }
        }
    }

    fn beat(&mut self) -> Bytes {
        self.beats += 1;
        match &self.progress {
            Some(token) => {
                let params = format!(
                    r#"{{"progressToken":{token},"progress":{},"message":"Waiting for a confirmation."}}"#,
                    self.beats
                );
                let text = format!(r#"{{"jsonrpc":"2.0","method":"notifications/progress","params":{params}}}"#);
                sse::encode(None, Some(&text), None).into()
            }
            None => Bytes::from_static(sse::COMMENT.as_bytes()),
        }
    }

    async fn happens(&mut self) -> Happened {
        let confirmations = self.gateway.confirmations.clone();
        let mut changed = confirmations.watch();
        let now = clock::now();
        let Some(kept) = confirmations.get(&self.id) else { return Happened::Over(Reason::ConfirmationUnknown) };
        if !kept.confirmation.state().is_open() || kept.confirmation.expires() <= now {
            return Happened::Decided;
        }
        let left = Duration::from_secs(kept.confirmation.expires().saturating_sub(now)).min(PROGRESS_EVERY);
        let mut draining = self.gateway.draining.clone();
        let mut ended = self.session.as_ref().map(|session| session.ended());
        let gone = async {
            match &mut ended {
                Some(ended) => drop(ended.wait_for(|ended| *ended).await),
                None => std::future::pending().await,
            }
        };
        let answer = async {
            match &mut self.question {
                Some(question) => (&mut question.answer).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            answer = answer => match answer {
                Ok(answered) => Happened::Answered(answered),
                Err(_) => Happened::Over(Reason::SessionUnknown),
            },
            _ = draining.wait_for(|draining| *draining) => Happened::Over(Reason::Draining),
            () = gone => Happened::Over(Reason::SessionUnknown),
            _ = changed.changed() => match confirmations.get(&self.id) {
                Some(kept) if kept.confirmation.state().is_open() => Happened::Beat,
                _ => Happened::Decided,
            },
            () = tokio::time::sleep(left) => Happened::Beat,
        }
    }

    /// Somebody answered: the call is judged anew by what is in force now, and goes on if the answer was yes.
    async fn run(&mut self, answered: Option<Answered>) -> Result<Body, Refusal> {
        self.guard = None;
        let gateway = self.gateway.clone();
        let (Some(held), Some(counted), Some(mut record)) = (self.held.take(), self.counted.take(), self.record.take())
        else {
            return Err(Reason::Internal.into());
        };
        let done = judged_anew(&gateway, held, self.session.as_ref(), (&self.id, answered), &mut record).await;
        let answer = match done {
            Ok((permitted, server)) => {
                let principal = permitted.principal().clone();
                let session = self.session.clone();
                forward(&gateway, &server, &principal, session, permitted, counted, &mut record).await
            }
            Err(refusal) => Err(refusal),
        };
        match answer {
            Ok(Answer::Now(response)) => {
                record.note(|entry| entry.outcome = "allow");
                record.commit().await?;
                let text = response.into_body().collect().await.map(|body| body.to_bytes()).unwrap_or_default();
                let text = std::str::from_utf8(&text).unwrap_or_default();
                Ok(Body::from(Bytes::from(sse::encode(None, Some(text), None))))
            }
            Ok(Answer::Stream(stream)) => Ok(streamed(&gateway, *stream, record).0),
            Ok(Answer::Wait(_) | Answer::Standing(_) | Answer::Later(_)) => Err(Reason::Internal.into()),
            Err(refusal) => {
                self.record = Some(record);
                Err(refusal)
            }
        }
    }

    /// Tells the client why nothing comes of it.
    fn refuse(&mut self, refusal: Refusal) -> Bytes {
        let refusal = refusal.for_id(self.request.take());
        if let Some(record) = &mut self.record {
            crate::exchange::note_refusal(record, &refusal);
        }
        (self.phase, self.record) = (Phase::Done, None);
        sse::encode(None, Some(&refusal.body()), None).into()
    }
}

/// Judges a held call by what is in force now, and uses its approval up.
async fn judged_anew(
    gateway: &Arc<Gateway>,
    held: Box<Unconfirmed>,
    session: Option<&Arc<Session>>,
    (id, answered): (&str, Option<Answered>),
    record: &mut Record,
) -> Result<(Permitted, Arc<kernel::policy::compile::ServerPolicy>), Refusal> {
    let world = gateway.snapshots.current();
    let server = world.servers.get(&held.server().name).ok_or(Reason::StreamNoLongerAllowed)?.clone();
    let around = Around { server: server.clone(), principal: Some(held.principal().clone()) };
    let facts = observed(gateway, &server, held.message(), gateway.facts()).await?;
    let facts = recalled(gateway, (&server, held.principal()), held.message(), session, facts);
    let held = match held.again(&world, &server, &facts) {
        Decision::Confirm(held) => held,
        // Whoever was asked was asked under another policy.
        Decision::Permit(_) => return Err(Reason::ConfirmationVoid.into()),
        Decision::Refuse(refusal, grounds) => {
            record.note(|entry| entry.rule = grounds.rule);
            return Err(refusal);
        }
    };
    if let Some(answered) = answered {
        let call = held.call();
        let who = Who::Client { subject: call.subject, client: call.client };
        let (yes, in_force) = (answered == Answered::Yes, (call.policy, Some(call.contract)));
        gateway.confirmations.answer(id, (yes, 1), &who, in_force, &around).await?;
    }
    Ok((released(gateway, *held, session, id, &around).await?, server))
}

/// The relay of a stream, and its session header if it is a new session's.
pub fn streamed(gateway: &Gateway, stream: Streaming, record: Record) -> (Body, Option<String>) {
    let Streaming { reply, judge, session, session_header, guard, held, outcome } = stream;
    let sent = reply.sent;
    let body = crate::relay::relay(crate::relay::Relay {
        body: reply.into_body(),
        judge,
        record,
        session,
        snapshots: gateway.snapshots.clone(),
        draining: gateway.draining.clone(),
        held,
        sent,
        guard,
        metrics: gateway.metrics.clone(),
        contracts: gateway.contracts.clone(),
        memories: gateway.memories.clone(),
        outcome,
    });
    (body, session_header)
}

/// What the client wants progress to be called, as JSON, if it wants any.
pub fn progress_token(held: &Unconfirmed) -> Option<String> {
    let meta = held.message().params()?.get("_meta")?;
    let token = meta.get("progressToken")?;
    (token.as_str().is_some() || token.as_i64().is_some()).then(|| String::from_utf8_lossy(token.raw()).into_owned())
}
