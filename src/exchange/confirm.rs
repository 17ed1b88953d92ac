//! A held call: who is asked, what the client is told meanwhile, and how the call goes on.
//!
//! Whatever the way, a call goes on from here only by [`released`], which uses the approval up and gives the permit.
use super::{Answer, Gateway, Streaming, forward, observed, recalled, receive_preview};
use crate::audit::Record;
use crate::body::Body;
use crate::clock;
use crate::confirmations::{Around, Kept, Wanted, Who};
use crate::kernel::confirm::elicit::{self, Answered, HANDLE, KEY};
use crate::kernel::confirm::hold::{Means, Presented, Unconfirmed};
use crate::kernel::confirm::machine::{Mode, State};
use crate::kernel::confirm::seal;
use crate::kernel::confirm::summary::{self, PREVIEW_MAX, plain};
use crate::kernel::mcp::revision::Era;
use crate::kernel::policy::decide::{Decision, Permitted};
use crate::kernel::refusal::{Reason, Refusal};
use crate::kernel::snapshot::Snapshot;
use crate::kernel::sse;
use crate::meter::Held;
use crate::sessions::{Session, StreamGuard};
use crate::{http as rules, kernel};
use bytes::Bytes;
use futures_util::stream;
use http::StatusCode;
use http_body_util::BodyExt;
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;

/// How often a waiting client is told that the call goes on.
const PROGRESS_EVERY: Duration = Duration::from_secs(5);

/// What becomes of a held call.
pub enum Next {
    /// It goes on.
    Go(Box<Permitted>, Held),
    /// The client is told something first.
    Answer(Answer),
}

struct Asking<'a> {
    gateway: &'a Arc<Gateway>,
    session: Option<&'a Arc<Session>>,
    around: Around,
    held: Box<Unconfirmed>,
    counted: Held,
}

/// Settles what becomes of a held call.
pub async fn settle(
    gateway: &Arc<Gateway>,
    world: &Snapshot,
    session: Option<&Arc<Session>>,
    held: Box<Unconfirmed>,
    counted: Held,
) -> Result<Next, Refusal> {
    let around = Around { server: held.server().clone(), principal: Some(held.principal().clone()) };
    let asking = Asking { gateway, session, around, held, counted };
    if asking.held.is_preview_only() {
        return asking.only_preview().await;
    }
    match asking.held.presented(gateway.confirmations.key())? {
        Presented::Answer(id, Some(answered)) => asking.answered(&id, answered).await,
        Presented::Answer(id, None) => asking.asked_before(&id).await,
        Presented::Input(state) => asking.goes_on(state).await,
        Presented::Handle(id) => asking.handle(&id).await,
        Presented::Nothing => match gateway.confirmations.find(asking.held.call(), &asking.around).await? {
            Some(kept) => asking.found(kept).await,
            None => asking.new_one(world).await,
        },
    }
}

impl Asking<'_> {
    fn id_of_request(&self) -> String {
        self.held.message().id.clone().unwrap_or_else(|| "null".to_owned())
    }

    fn modern(&self) -> bool {
        self.held.message().revision.era() == Era::Modern
    }

    /// The client brings the person's answer (2026-07-28).
    async fn answered(self, id: &str, answered: Answered) -> Result<Next, Refusal> {
        let confirmations = &self.gateway.confirmations;
        let call = self.held.call();
        // Whose question it was, and about which call, comes before what was said.
        let kept = confirmations.get(id).ok_or(Reason::ConfirmationUnknown)?;
        if kept.confirmation.state().is_live()
            && let Some(part) = kept.confirmation.call().differs(call).filter(|part| !part.is_of_the_world())
        {
            let mut refusal = Refusal::from(Reason::ConfirmationMismatch).detail(format!("another {}", part.name()));
            refusal.advice = Some(format!("Different: {}.", part.name()));
            return Err(refusal);
        }
        if kept.confirmation.state().is_open() {
            let who = Who::Client { subject: call.subject, client: call.client };
            let world = (call.policy, Some(call.contract));
            let yes = answered == Answered::Yes;
            confirmations.answer(id, (yes, 1), who, world, self.around.clone()).await?;
        }
        if answered == Answered::No {
            return Err(Reason::ConfirmationDenied.into());
        }
        self.released(id).await
    }

    /// The client brings our state without an answer: the question once more, if that may be.
    async fn asked_before(self, id: &str) -> Result<Next, Refusal> {
        let kept = self.own(id)?;
        self.found(kept).await
    }

    /// A confirmation by its id, if it is of this very call.
    fn own(&self, id: &str) -> Result<Kept, Refusal> {
        let kept = self.gateway.confirmations.get(id).ok_or(Reason::ConfirmationUnknown)?;
        match kept.confirmation.call().differs(self.held.call()) {
            // A stranger learns nothing, not even that there is one.
            Some(kernel::confirm::Part::Principal | kernel::confirm::Part::Client) => {
                Err(Refusal::from(Reason::ConfirmationUnknown).detail("somebody else's"))
            }
            Some(part) if !part.is_of_the_world() => {
                let mut refusal =
                    Refusal::from(Reason::ConfirmationMismatch).detail(format!("another {}", part.name()));
                refusal.advice = Some(format!("Different: {}.", part.name()));
                Err(refusal)
            }
            _ => Ok(kept),
        }
    }

    async fn handle(self, id: &str) -> Result<Next, Refusal> {
        let kept = self.own(id)?;
        match kept.confirmation.state() {
            State::Proposed | State::Shown => self.found(kept).await,
            _ => self.released(id).await,
        }
    }

    /// The client brings input that the server asked for: the same confirmed call goes on.
    async fn goes_on(self, state: seal::State) -> Result<Next, Refusal> {
        let call = self.held.call().clone();
        let confirmations = &self.gateway.confirmations;
        let spent = confirmations.resume(&state.id, &call, state.round, self.around.clone()).await?;
        let permitted = self.held.release(spent, state.theirs, confirmations.key())?;
        Ok(Next::Go(Box::new(permitted), self.counted))
    }

    /// Uses the approval up, and goes on.
    async fn released(self, id: &str) -> Result<Next, Refusal> {
        let permitted = released(self.gateway, *self.held, id, &self.around).await?;
        Ok(Next::Go(Box::new(permitted), self.counted))
    }

    /// There is a confirmation of this call already.
    async fn found(self, kept: Kept) -> Result<Next, Refusal> {
        let id = kept.confirmation.id().to_owned();
        match (kept.confirmation.state(), kept.confirmation.mode()) {
            (State::Approved, _) => self.released(&id).await,
            (State::Proposed | State::Shown, Mode::Elicit) => {
                // Every time that a person sees it counts.
                self.gateway.confirmations.ask_again(&id, self.around.clone()).await?;
                self.elicit(&kept)
            }
            (State::Proposed | State::Shown, _) => self.pending(&kept),
            _ => self.released(&id).await,
        }
    }

    /// Nobody was asked yet.
    async fn new_one(self, world: &Snapshot) -> Result<Next, Refusal> {
        let message = self.held.message();
        let elicits = match message.revision.era() {
            Era::Modern => elicit::declared(message),
            Era::Legacy => self.session.is_some_and(|session| session.elicits()),
        };
        let means = Means { elicits, page: world.approvals.page, webhook: world.approvals.webhook };
        let mode = self.held.way(means)?;
        let (like, batch) = match mode {
            // Whoever approved others did not know what speaks against this one.
            Mode::Approver if self.held.concern().is_none() => {
                (self.held.like(), self.held.confirm().and_then(|confirm| confirm.batch.clone()))
            }
            _ => (None, None),
        };
        let confirmations = &self.gateway.confirmations;
        let grant = match like {
            Some(like) => confirmations.take_from_batch(like, self.held.call(), self.around.clone()).await,
            None => None,
        };
        let preview = self.preview().await?;
        let wanted = Wanted {
            call: self.held.call().clone(),
            mode,
            lines: self.held.lines(),
            preview,
            batch: batch.filter(|_| grant.is_none()),
            like: like.filter(|_| grant.is_none()),
            prompts: mode != Mode::Host && grant.is_none(),
        };
        let kept = confirmations.propose(wanted, self.around.clone()).await?;
        let id = kept.confirmation.id().to_owned();
        let who = match (mode, grant) {
            (Mode::Host, _) => Who::Host,
            (_, Some(grant)) => Who::Batch(grant),
            (Mode::Elicit, None) => return self.elicit(&kept),
            (Mode::Approver | Mode::Code, None) => return self.pending(&kept),
        };
        let call = self.held.call();
        let world = (call.policy, Some(call.contract));
        confirmations.answer(&id, (true, 1), who, world, self.around.clone()).await?;
        self.released(&id).await
    }

    /// Asks the person at the client.
    fn elicit(self, kept: &Kept) -> Result<Next, Refusal> {
        let confirmation = &kept.confirmation;
        let text = summary::text(confirmation.call(), &kept.lines, kept.preview.as_deref());
        let form = elicit::form(&text, self.held.message().revision);
        if self.modern() {
            let state = seal::State { id: confirmation.id().to_owned(), round: 0, theirs: None };
            let state = self.gateway.confirmations.key().seal(&state);
            let result = json!({
                "resultType": "input_required",
                "inputRequests": { KEY: { "method": "elicitation/create", "params": form } },
                "requestState": state,
            });
            return Ok(Next::Answer(self.result(&result)));
        }
        let session = self.session.cloned().ok_or(Reason::ConfirmationImpossible)?;
        let id = format!("portcullis-{}", clock::random_token::<16>());
        let receiver = session.ask_own(&id)?;
        let body = json!({ "jsonrpc": "2.0", "id": id, "method": "elicitation/create", "params": form });
        let question = Question { text: body.to_string(), id, session, answer: receiver };
        self.wait(confirmation.id().to_owned(), Some(question))
    }

    /// Somebody is asked elsewhere: the call waits if the client bears that, or is made again later.
    fn pending(self, kept: &Kept) -> Result<Next, Refusal> {
        let confirmation = &kept.confirmation;
        let token = self.progress_token();
        if confirmation.mode() == Mode::Approver && token.is_some() {
            return self.wait(confirmation.id().to_owned(), None);
        }
        let page = self.gateway.snapshots.current().public_url.clone() + "/-/confirmations/" + confirmation.id();
        let who = match confirmation.mode() {
            Mode::Code => "You have to confirm it",
            _ => "Somebody else has to approve it",
        };
        let mut text = format!(
            "Not done yet: this call needs a confirmation. {who} at {page} before {}. Then make the same call again.",
            time(confirmation.expires())
        );
        if let Some(preview) = &kept.preview {
            text = format!("{text}\nPreview, nothing done yet:\n{preview}");
        }
        let result = json!({
            "content": [{ "type": "text", "text": text }],
            "isError": true,
            "_meta": { HANDLE: {
                "id": confirmation.id(),
                "status": "pending",
                "url": page,
                "expires": time(confirmation.expires()),
            } },
        });
        Ok(Next::Answer(self.complete(result)))
    }

    fn progress_token(&self) -> Option<String> {
        let meta = self.held.message().params()?.get("_meta")?;
        let token = meta.get("progressToken")?;
        (token.as_str().is_some() || token.as_i64().is_some())
            .then(|| String::from_utf8_lossy(token.raw()).into_owned())
    }

    fn wait(self, id: String, question: Option<Question>) -> Result<Next, Refusal> {
        let guard = self.gateway.sessions.stream(self.held.principal().id())?;
        Ok(Next::Answer(Answer::Wait(Box::new(Waiting {
            gateway: self.gateway.clone(),
            progress: self.progress_token(),
            session: self.session.cloned(),
            request: self.held.message().id.clone(),
            held: Some(self.held),
            counted: Some(self.counted),
            guard: Some(guard),
            record: None,
            id,
            question,
            beats: 0,
            phase: Phase::Ask,
        }))))
    }

    /// A result that is ours, complete in its revision.
    fn complete(&self, mut result: serde_json::Value) -> Answer {
        if self.modern()
            && let Some(fields) = result.as_object_mut()
        {
            fields.insert("resultType".to_owned(), "complete".into());
        }
        self.result(&result)
    }

    fn result(&self, result: &serde_json::Value) -> Answer {
        let body = format!(r#"{{"jsonrpc":"2.0","id":{},"result":{result}}}"#, self.id_of_request());
        Answer::Now(rules::json(StatusCode::OK, body.into()))
    }

    /// The server takes no such call: what it would do, or nothing.
    async fn only_preview(self) -> Result<Next, Refusal> {
        let preview = self.preview().await?.ok_or(Reason::PreviewOnly)?;
        let text = format!("Preview only, nothing was done and nothing will be:\n{preview}");
        let result = json!({
            "content": [{ "type": "text", "text": text }],
            "isError": true,
            "_meta": { "portcullis/preview": true },
        });
        Ok(Next::Answer(self.complete(result)))
    }

    /// What the call would do, as the policy has it told.
    async fn preview(&self) -> Result<Option<String>, Refusal> {
        if let Some(sentence) = self.held.sentence() {
            return Ok(Some(sentence));
        }
        let server = self.held.server();
        let facts = observed(self.gateway, server, self.held.message(), self.gateway.facts()).await?;
        let Some(permitted) = self.held.preview(&facts) else { return Ok(None) };
        let permitted = permitted?;
        let unavailable = |what: String| Refusal::from(Reason::PreviewUnavailable).detail(what);
        let _counted = self.gateway.meter.charge(&permitted)?;
        let text = receive_preview(self.gateway, permitted, self.session).await;
        let text = text.map_err(|refusal| unavailable(format!("{}: {}", refusal.reason.name(), refusal.detail)))?;
        let document = kernel::json::Document::parse(text, &kernel::json::Bounds::default())
            .map_err(|_| unavailable("not JSON".to_owned()))?;
        let result = document.root().get("result").ok_or_else(|| unavailable("an error".to_owned()))?;
        if result.get("isError").is_some_and(|error| error.raw() == b"true") {
            return Err(unavailable("the server says that it failed".to_owned()));
        }
        if let Some(structured) = result.get("structuredContent")
            && let Some(comparison) = self.held.comparison(structured)
        {
            return Ok(Some(comparison));
        }
        let blocks = result.get("content").into_iter().flat_map(|content| content.elements());
        let texts: Vec<String> =
            blocks.filter_map(|block| block.get("text")?.as_str().map(|text| text.into_owned())).collect();
        Ok(Some(plain(&texts.join("\n"), PREVIEW_MAX)))
    }
}

/// Uses the approval up, and makes the permit of it.
async fn released(gateway: &Gateway, held: Unconfirmed, id: &str, around: &Around) -> Result<Permitted, Refusal> {
    let confirmations = &gateway.confirmations;
    let spent = confirmations.spend(id, held.call(), around.clone()).await?;
    held.release(spent, None, confirmations.key())
}

fn time(seconds: u64) -> String {
    let time = i64::try_from(seconds).ok().and_then(|seconds| chrono::DateTime::from_timestamp(seconds, 0));
    time.unwrap_or_default().to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
}

/// Our question to a client of the 2025 revisions.
struct Question {
    text: String,
    id: String,
    session: Arc<Session>,
    answer: oneshot::Receiver<Answered>,
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
        let done = judged_anew(&gateway, held, (&self.id, answered), self.session.as_ref(), &mut record).await;
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
            Ok(Answer::Wait(_)) => Err(Reason::Internal.into()),
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
            super::note_refusal(record, &refusal);
        }
        (self.phase, self.record) = (Phase::Done, None);
        sse::encode(None, Some(&refusal.body()), None).into()
    }
}

/// Judges a held call by what is in force now, and uses its approval up.
async fn judged_anew(
    gateway: &Arc<Gateway>,
    held: Box<Unconfirmed>,
    (id, answered): (&str, Option<Answered>),
    session: Option<&Arc<Session>>,
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
        gateway.confirmations.answer(id, (yes, 1), who, in_force, around.clone()).await?;
    }
    Ok((released(gateway, *held, id, &around).await?, server))
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
