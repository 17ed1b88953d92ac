//! A held call: who is asked, what the client is told meanwhile, and how the call goes on.
//!
//! Whatever the way, a call goes on from here only by [`released`], which uses the approval up and gives the permit.
mod preview;
mod waiting;

pub use waiting::{Waiting, streamed};

use super::{Answer, Gateway};
use crate::clock;
use crate::confirmations::{Around, Kept, Wanted, Who};
use crate::http as rules;
use crate::kernel::confirm::Part;
use crate::kernel::confirm::elicit::{self, Answered, HANDLE, KEY};
use crate::kernel::confirm::hold::{Means, Presented, Unconfirmed};
use crate::kernel::confirm::machine::{Mode, State};
use crate::kernel::confirm::{seal, summary};
use crate::kernel::digest::Digest;
use crate::kernel::mcp::revision::Era;
use crate::kernel::policy::decide::Permitted;
use crate::kernel::refusal::{Reason, Refusal};
use crate::kernel::snapshot::Snapshot;
use crate::meter::Held;
use crate::sessions::Session;
use http::StatusCode;
use serde::Serialize;
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;
use waiting::{Question, progress_token};

/// What becomes of a held call.
pub enum Next {
    /// It goes on.
    Go(Box<Permitted>, Held),
    /// The client is told something first.
    Answer(Answer),
}

/// The question in 2026-07-28.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct InputRequired<'a> {
    result_type: &'static str,
    input_requests: BTreeMap<&'static str, Elicit<'a>>,
    request_state: String,
}

#[derive(Serialize)]
struct Elicit<'a> {
    method: &'static str,
    params: elicit::Form<'a>,
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
        Presented::Input(state) => asking.goes_on(state).await,
        // Our state without an answer is a handle too: the question comes once more, if that may be.
        Presented::Answer(id, None) | Presented::Handle(id) => asking.handle(&id).await,
        Presented::Nothing => match gateway.confirmations.find(asking.held.call(), &asking.around) {
            Some(kept) if asking.can_answer(&kept) => asking.found(kept).await,
            _ => asking.new_one(world).await,
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

    /// Whether the client can show a form.
    fn elicits(&self) -> bool {
        let message = self.held.message();
        let declared = match message.revision.era() {
            Era::Modern => elicit::declared(message),
            Era::Legacy => self.session.is_some_and(|session| session.elicits()),
        };
        declared && elicit::exists_in(message.revision)
    }

    /// Whether a confirmation can be got on with here: what was asked at another client of the same person cannot
    /// be asked at one that shows no forms.
    fn can_answer(&self, kept: &Kept) -> bool {
        !kept.confirmation.state().is_open() || kept.confirmation.mode() != Mode::Elicit || self.elicits()
    }

    /// The client brings the person's answer (2026-07-28).
    async fn answered(self, id: &str, answered: Answered) -> Result<Next, Refusal> {
        let confirmations = &self.gateway.confirmations;
        let call = self.held.call();
        // Whose question it was, and about which call, comes before what was said.
        let kept = confirmations.get(id).ok_or(Reason::ConfirmationUnknown)?;
        let state = kept.confirmation.state();
        if let Some(part) = kept.confirmation.call().differs(call).filter(|part| !part.is_of_the_world()) {
            return Err(mismatch(part));
        }
        // A no is one also after a yes that nothing came of yet.
        if state.is_open() || (state == State::Approved && answered == Answered::No) {
            let who = Who::Client { subject: call.subject, client: call.client };
            let world = (call.policy, Some(call.contract));
            let yes = answered == Answered::Yes;
            confirmations.answer(id, (yes, 1), &who, world, &self.around).await?;
        }
        match (answered, state) {
            (Answered::Yes, _) => self.released(id).await,
            // A no that comes too late is not told as one.
            (Answered::No, State::Spent | State::Executed | State::Failed) => Err(Reason::ConfirmationSpent.into()),
            (Answered::No, State::Expired) => Err(Reason::ConfirmationExpired.into()),
            (Answered::No, State::Void) => Err(Reason::ConfirmationVoid.into()),
            (Answered::No, _) => Err(Reason::ConfirmationDenied.into()),
        }
    }

    /// A confirmation by its id, if it is of this very call.
    fn own(&self, id: &str) -> Result<Arc<Kept>, Refusal> {
        let kept = self.gateway.confirmations.get(id).ok_or(Reason::ConfirmationUnknown)?;
        match kept.confirmation.call().differs(self.held.call()) {
            // A stranger learns nothing, not even that there is one.
            Some(Part::Principal | Part::Client) => {
                Err(Refusal::from(Reason::ConfirmationUnknown).detail("somebody else's"))
            }
            Some(part) if !part.is_of_the_world() => Err(mismatch(part)),
            _ => Ok(kept),
        }
    }

    /// The client names the confirmation: it goes on from where that stands.
    async fn handle(self, id: &str) -> Result<Next, Refusal> {
        let kept = self.own(id)?;
        let confirmation = &kept.confirmation;
        // What is late, or was asked about another world, is not waited for: using it up says so.
        let waits = confirmation.state().is_open()
            && confirmation.expires() > clock::now()
            && confirmation.call() == self.held.call();
        if waits { self.found(kept).await } else { self.released(id).await }
    }

    /// The client brings input that the server asked for: the same confirmed call goes on.
    async fn goes_on(self, state: seal::State) -> Result<Next, Refusal> {
        let call = self.held.call().clone();
        let confirmations = &self.gateway.confirmations;
        let spent = confirmations.resume(&state.id, &call, state.round, &self.around).await?;
        let permitted = self.held.release(spent, state.theirs, confirmations.key())?;
        Ok(Next::Go(Box::new(permitted), self.counted))
    }

    /// Uses the approval up, and goes on.
    async fn released(self, id: &str) -> Result<Next, Refusal> {
        let permitted = released(self.gateway, *self.held, self.session, id, &self.around).await?;
        Ok(Next::Go(Box::new(permitted), self.counted))
    }

    /// There is a confirmation of this call already.
    async fn found(self, kept: Arc<Kept>) -> Result<Next, Refusal> {
        let id = kept.confirmation.id().to_owned();
        match (kept.confirmation.state(), kept.confirmation.mode()) {
            (State::Approved, _) => self.released(&id).await,
            (State::Proposed | State::Shown, Mode::Elicit) if !self.elicits() => {
                Err(Reason::ConfirmationImpossible.into())
            }
            (State::Proposed | State::Shown, Mode::Elicit) => {
                // Every time that a person sees it counts.
                self.gateway.confirmations.ask_again(&id, &self.around)?;
                self.elicit(&kept)
            }
            (State::Proposed | State::Shown, _) => self.pending(&kept),
            _ => self.released(&id).await,
        }
    }

    /// Nobody was asked yet.
    async fn new_one(self, world: &Snapshot) -> Result<Next, Refusal> {
        let means = Means { elicits: self.elicits(), page: world.approvals.page, webhook: world.approvals.webhook };
        let mode = self.held.way(means)?;
        let (like, batch) = match mode {
            // Whoever approved others did not know what speaks against this one.
            Mode::Approver if self.held.concern().is_none() => {
                (self.held.like(), self.held.confirm().and_then(|confirm| confirm.batch.clone()))
            }
            _ => (None, None),
        };
        let confirmations = &self.gateway.confirmations;
        let grant = like.and_then(|like| confirmations.take_from_batch(like, self.held.call(), &self.around));
        let preview = preview::of(self.gateway, &self.held, self.session).await?;
        let asks = mode != Mode::Host && grant.is_none();
        let wanted = Wanted {
            call: self.held.call().clone(),
            mode,
            lines: self.held.lines(),
            preview,
            batch: batch.filter(|_| grant.is_none()),
            like: like.filter(|_| grant.is_none()),
            // Where nobody looks at it, it was made just now.
            rechecked: asks && self.held.confirm().is_some_and(|confirm| confirm.recheck),
            prompts: asks,
        };
        let kept = confirmations.propose(wanted, &self.around).await?;
        let id = kept.confirmation.id().to_owned();
        let who = match (mode, grant) {
            (Mode::Host, _) => Who::Host,
            (_, Some(grant)) => Who::Batch(grant),
            (Mode::Elicit, None) => return self.elicit(&kept),
            (Mode::Approver | Mode::Code, None) => return self.pending(&kept),
        };
        let call = self.held.call();
        let world = (call.policy, Some(call.contract));
        confirmations.answer(&id, (true, 1), &who, world, &self.around).await?;
        self.released(&id).await
    }

    /// Asks the person at the client.
    fn elicit(self, kept: &Kept) -> Result<Next, Refusal> {
        let confirmation = &kept.confirmation;
        let text = summary::text(confirmation.call(), &kept.question.lines, kept.question.preview.as_deref());
        let form = elicit::form(&text, self.held.message().revision);
        if self.modern() {
            let state = seal::State { id: confirmation.id().to_owned(), round: 0, theirs: None };
            let state = self.gateway.confirmations.key().seal(&state);
            let question = Elicit { method: "elicitation/create", params: form };
            let requests = BTreeMap::from([(KEY, question)]);
            let result =
                InputRequired { result_type: "input_required", input_requests: requests, request_state: state };
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
        let token = progress_token(&self.held);
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
        if let Some(preview) = &kept.question.preview {
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

    fn wait(self, id: String, question: Option<Question>) -> Result<Next, Refusal> {
        let waiting = Waiting::new(self.gateway, self.session, (self.held, self.counted), id, question)?;
        Ok(Next::Answer(Answer::Wait(Box::new(waiting))))
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

    fn result(&self, result: &impl Serialize) -> Answer {
        let mut body = Vec::with_capacity(2048);
        body.extend_from_slice(br#"{"jsonrpc":"2.0","id":"#);
        body.extend_from_slice(self.id_of_request().as_bytes());
        body.extend_from_slice(br#","result":"#);
        // Writing strings to memory does not fail.
        let _ = serde_json::to_writer(&mut body, result);
        body.push(b'}');
        Answer::Now(rules::json(StatusCode::OK, body.into()))
    }

    /// The server takes no such call: what it would do, or nothing.
    async fn only_preview(self) -> Result<Next, Refusal> {
        let preview = preview::of(self.gateway, &self.held, self.session).await?.ok_or(Reason::PreviewOnly)?;
        let text = format!("Preview only, nothing was done and nothing will be:\n{preview}");
        let result = json!({
            "content": [{ "type": "text", "text": text }],
            "isError": true,
            "_meta": { "portcullis/preview": true },
        });
        Ok(Next::Answer(self.complete(result)))
    }
}

/// It is for another call.
fn mismatch(part: Part) -> Refusal {
    let mut refusal = Refusal::from(Reason::ConfirmationMismatch).detail(format!("another {}", part.name()));
    refusal.advice = Some(format!("Different: {}.", part.name()));
    refusal
}

/// Uses the approval up, and makes the permit of it. Where somebody was shown a preview, it is made again first: what
/// they approved is what they saw.
async fn released(
    gateway: &Gateway,
    held: Unconfirmed,
    session: Option<&Arc<Session>>,
    id: &str,
    around: &Around,
) -> Result<Permitted, Refusal> {
    let confirmations = &gateway.confirmations;
    let call = held.call();
    // Only for the approved call itself: nobody else makes the server do anything.
    let approved = |kept: &Arc<Kept>| {
        let confirmation = &kept.confirmation;
        confirmation.rechecked() && confirmation.state() == State::Approved && confirmation.call() == call
    };
    let preview = match confirmations.get(id).filter(approved) {
        Some(_) => preview::of(gateway, &held, session).await?.map(|preview| Digest::of(preview.as_bytes())),
        None => None,
    };
    let spent = confirmations.spend(id, (call, preview), around).await?;
    held.release(spent, None, confirmations.key())
}

fn time(seconds: u64) -> String {
    let time = i64::try_from(seconds).ok().and_then(|seconds| chrono::DateTime::from_timestamp(seconds, 0));
    time.unwrap_or_default().to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
}
