//! Confirmations as they are kept: in memory, each step written down before anything follows from it, and in the record.
//!
//! The kernel says what a step means; here it happens once, whoever comes at the same time and however often the
//! gateway starts. A step outlives the gateway once it was [written](Writing), and a power cut once it was synced. That
//! costs most, so only these wait for it:
//!
//! - An approval that is used, or a call that goes on with input: the proof leaves only then, so a crash in between costs
//!   an approval and never gives a second execution. One sync is for all who wait.
//! - A decision that nothing follows from yet: whoever decided is told only then.
//!
//! What a power cut takes of the others makes somebody be asked again, or is missing as the third record may be.
mod disk;
mod journal;
mod ledger;
mod outcome;
mod told;
mod who;

pub use outcome::Outcome;
pub use who::Who;

use crate::audit::Audit;
use crate::clock;
use crate::kernel::confirm::binding::Call;
use crate::kernel::confirm::machine::{Confirmation, Fault, Mode, Proposal, Spent, State, is_zero};
use crate::kernel::confirm::seal::SealKey;
use crate::kernel::confirm::summary::Line;
use crate::kernel::digest::Digest;
use crate::kernel::policy::compile::{Batch, ServerPolicy};
use crate::kernel::principal::Principal;
use crate::kernel::refusal::{Reason, Refusal};
use disk::Disk;
use journal::{Found, Journal, Place};
use ledger::Ledger;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use tokio::sync::watch;
use told::{note, refused};

/// Most confirmations that may wait, or be unused, at once.
const LIVE_MAX: usize = 10_000;
/// Most of one subject.
const LIVE_PER_SUBJECT_MAX: usize = 100;
/// How often the file is written anew so that what was forgotten is not on disk either, in seconds.
const FORGOTTEN_SECONDS: u64 = 3600;

/// A confirmation with what people are shown of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Kept {
    /// The state machine.
    pub confirmation: Confirmation,
    /// What is asked, which never changes and is shared.
    pub question: Arc<Asked>,
    /// What else its steps change.
    pub course: Course,
}

/// What people are shown of a confirmation.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// Who asks, as the token says: issuer by name, subject, OAuth client.
    pub requester: (String, String, Option<String>),
    /// The arguments, as far as the policy lets them be seen.
    pub lines: Vec<Line>,
    /// The preview.
    pub preview: Option<String>,
    /// Where the rule was written.
    pub rule: String,
    /// Up to how many like calls one approval may be for, and what is the same in them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch: Option<(u32, Vec<String>)>,
    /// Identity of like calls.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub like: Option<Digest>,
}

/// What of it changes besides where the confirmation stands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Course {
    /// Of an approval of several calls: how many are left for others.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub left: u32,
    /// The last record about it.
    pub record: String,
    /// Times of prompts: when a person was asked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub prompts: Vec<u64>,
}

impl Kept {
    /// Whether nothing can come of it any more.
    fn is_over(&self) -> bool {
        use State::{Denied, Executed, Expired, Failed, Void};
        self.course.left == 0 && matches!(self.confirmation.state(), Denied | Expired | Void | Executed | Failed)
    }
}

/// What is wanted of a person.
pub struct Wanted {
    /// The call.
    pub call: Call,
    /// How somebody is asked.
    pub mode: Mode,
    /// What of it is shown.
    pub lines: Vec<Line>,
    /// The preview.
    pub preview: Option<String>,
    /// The preview has to be the same when the approval is used.
    pub rechecked: bool,
    /// Several like calls, where the policy allows one approval for them.
    pub batch: Option<Batch>,
    /// Identity of like calls.
    pub like: Option<Digest>,
    /// Whether a person is asked now.
    pub prompts: bool,
}

/// All confirmations.
pub struct Confirmations {
    directory: PathBuf,
    key: SealKey,
    inner: Mutex<Inner>,
    /// Held by whoever makes the file.
    making: tokio::sync::Mutex<()>,
    /// Started with the file.
    disk: OnceLock<Arc<Disk>>,
    own: Weak<Self>,
    changed: watch::Sender<u64>,
    audit: Audit,
}

struct Inner {
    ledger: Ledger,
    /// Made when it is first needed: whoever asks nobody has no such file.
    journal: Option<Journal>,
    /// When something was forgotten that is still in the file, seconds since 1970.
    forgotten: Option<u64>,
}

/// Who is around when something happens, for the record.
#[derive(Clone)]
pub struct Around {
    /// The server.
    pub server: Arc<ServerPolicy>,
    /// Whoever does it.
    pub principal: Option<Arc<Principal>>,
}

/// When the system has the line of a step, and with that a gateway that is started after this one was killed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Writing {
    /// Before anybody is told of the step.
    Now,
    /// With the next line that is, or that is synced, at most a second later: nobody is told of the step alone.
    Later,
}

impl Inner {
    /// Adds a confirmation to the journal as it stands now, and keeps it.
    fn keep(&mut self, kept: Kept, new: bool, writing: Writing) -> Result<Arc<Kept>, Refusal> {
        let journal = self.journal.as_mut().ok_or_else(|| unavailable("there is no journal".to_owned()))?;
        let added = if new { journal.begin(&kept) } else { journal.step(&kept) };
        let written = added.and_then(|()| if writing == Writing::Now { journal.write() } else { Ok(()) });
        written.map_err(unavailable)?;
        let kept = Arc::new(kept);
        self.ledger.keep(kept.clone());
        Ok(kept)
    }
}

fn unavailable(why: String) -> Refusal {
    Refusal::from(Reason::ConfirmationsUnavailable).detail(why)
}

impl Confirmations {
    /// Opens what is kept in a directory. Only one gateway can have it open.
    pub fn open(directory: &Path, audit: Audit) -> Result<Arc<Self>, String> {
        let mut ledger = Ledger::default();
        let (key, journal) = if journal::exists(directory) {
            let lock = journal::lock(directory)?;
            let Found { key, kept, torn } = journal::read(directory)?;
            if torn {
                // What was being written may be that one of them was used.
                let void = kept.iter().filter(|kept| !kept.is_over()).count();
                eprintln!(
                    "confirmations: the last line was cut, as by a power failure: {void} that were open are void"
                );
            }
            ledger.restore(kept, |kept| !torn || kept.is_over());
            ledger.forget_old(clock::now());
            let kept = ledger.all().map(|kept| &**kept);
            (key, Some(Journal::draft(directory, lock, &key, kept)?.publish(None)?))
        } else {
            (clock::random(), None)
        };
        Ok(Arc::new_cyclic(|own| Self {
            directory: directory.to_owned(),
            key: SealKey::new(key),
            inner: Mutex::new(Inner { ledger, journal, forgotten: None }),
            making: tokio::sync::Mutex::new(()),
            disk: OnceLock::new(),
            own: own.clone(),
            changed: watch::channel(0).0,
            audit,
        }))
    }

    /// Seals what clients carry back and forth.
    pub fn key(&self) -> &SealKey {
        &self.key
    }

    /// Told when somebody may answer what nobody could before, or no longer.
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    /// Makes the file if there is none.
    async fn begun(self: &Arc<Self>) -> Result<(), Refusal> {
        if self.inner().journal.is_some() {
            return Ok(());
        }
        let _turn = self.making.lock().await;
        if self.inner().journal.is_some() {
            return Ok(());
        }
        let this = self.clone();
        let made = tokio::task::spawn_blocking(move || {
            let lock = journal::lock(&this.directory)?;
            // What clients hold by now is sealed with this one.
            Journal::draft(&this.directory, lock, this.key.bytes(), std::iter::empty())?.publish(None)
        });
        let made = made.await.unwrap_or_else(|_| Err("it cannot be made".to_owned()));
        self.inner().journal = Some(made.map_err(unavailable)?);
        Ok(())
    }

    /// Waits until everything before a place is on disk.
    async fn on_disk(&self, place: Place) -> Result<(), Refusal> {
        self.disk().map_err(unavailable)?.wait(place).await.map_err(unavailable)
    }

    fn disk(&self) -> Result<&Arc<Disk>, String> {
        if let Some(disk) = self.disk.get() {
            return Ok(disk);
        }
        let started = Disk::start(&self.own)?;
        // Of two that were started at once one is used, and the other ends.
        if let Err(other) = self.disk.set(started) {
            other.end();
        }
        self.disk.get().ok_or_else(|| "no thread that syncs".to_owned())
    }

    /// Puts on disk what came so far, if something before a place is not there yet. One at a time, since the system
    /// tells a failure once only: [`Disk`] does, and nobody else.
    fn sync(&self, place: Place) -> Result<(), String> {
        let (file, end) = match &mut self.inner().journal {
            Some(journal) if !journal.has(place) => journal.syncable()?,
            _ => return Ok(()),
        };
        let done = file.sync_data();
        self.inner().journal.as_mut().map_or(Ok(()), |journal| journal.synced(end, done))
    }

    /// Hands what came so far to the system, as the last thing before the gateway ends.
    pub fn end(&self) {
        let written = self.inner().journal.as_mut().map_or(Ok(()), Journal::write);
        if let Err(why) = written {
            eprintln!("confirmations: {why}");
        }
    }

    /// Tells whoever watches to look again.
    fn touch(&self) {
        self.changed.send_modify(|generation| *generation += 1);
    }

    /// Never held for longer than a step takes, or a line to be handed to the system.
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes one confirmation: in the file, then in memory, then in the record. What it returns is on disk after
    /// [`Confirmations::on_disk`] of the place.
    fn change<T>(
        &self,
        id: &str,
        (event, around, writing): (&'static str, &Around, Writing),
        step: impl FnOnce(&mut Kept, u64) -> Result<T, Fault>,
    ) -> Result<(T, Place), Refusal> {
        let unknown = || Refusal::from(Reason::ConfirmationUnknown);
        let mut inner = self.inner();
        let known = inner.ledger.get(id).cloned().ok_or_else(unknown)?;
        let mut kept = Kept::clone(&known);
        let before = kept.confirmation.state();
        let outcome = step(&mut kept, clock::now());
        if kept != *known {
            let after = kept.confirmation.state();
            let recorded = after != before && event != "shown" && after != State::Spent;
            let mut record = match recorded {
                true => Some(self.audit.begin("confirmation", clock::Id::random())?),
                false => None,
            };
            if let Some(record) = &record {
                kept.course.record = record.id();
            }
            let kept = inner.keep(kept, false, writing)?;
            if after == State::Denied && before != after {
                inner.ledger.remember(clock::now(), true, kept.confirmation.call());
            }
            if let Some(record) = &mut record {
                // What ended a call that nobody decided on is told as that.
                let event = match (before, after) {
                    (State::Approved, State::Denied) => "withdrawn",
                    (State::Approved, after) if after.is_over_undecided() => "lapsed",
                    (_, after) if after.is_over_undecided() => "decided",
                    _ => event,
                };
                note(record, event, &kept, &known.course.record, around);
            }
            if before.is_open() != after.is_open() {
                self.touch();
            }
        }
        let place = inner.journal.as_ref().map(Journal::end).ok_or_else(unknown)?;
        outcome.map(|done| (done, place)).map_err(refused)
    }

    /// The confirmation of this call that somebody may still answer, or that was approved and not used.
    pub fn find(&self, call: &Call, around: &Around) -> Option<Arc<Kept>> {
        let id = self.inner().ledger.of_call(&call.key())?.confirmation.id().to_owned();
        let _ = self.change(&id, ("decided", around, Writing::Now), |kept, now| {
            kept.confirmation.tick(now);
            kept.confirmation.world(call.policy, call.contract);
            Ok(())
        });
        self.get(&id).filter(|kept| kept.confirmation.state().is_live())
    }

    /// One confirmation as it is.
    pub fn get(&self, id: &str) -> Option<Arc<Kept>> {
        self.inner().ledger.get(id).cloned()
    }

    /// Those that wait for somebody on the page, the oldest first.
    pub fn open_on_page(&self, now: u64) -> Vec<Arc<Kept>> {
        let inner = self.inner();
        let waits = |kept: &&Arc<Kept>| {
            let confirmation = &kept.confirmation;
            confirmation.state().is_open() && confirmation.mode().needs_page() && confirmation.expires() > now
        };
        let mut open: Vec<Arc<Kept>> = inner.ledger.all().filter(waits).cloned().collect();
        open.sort_by_key(|kept| (kept.confirmation.proposed(), kept.confirmation.id().to_owned()));
        open
    }

    /// Asks for a new confirmation, if a person may be asked now.
    pub async fn propose(self: &Arc<Self>, wanted: Wanted, around: &Around) -> Result<Arc<Kept>, Refusal> {
        self.begun().await?;
        let (now, mut inner) = (clock::now(), self.inner());
        let call = &wanted.call;
        // Somebody else may have proposed the same in the meantime.
        let same = inner.ledger.of_call(&call.key()).filter(|kept| {
            let confirmation = &kept.confirmation;
            let asked_so = confirmation.state() == State::Approved || confirmation.mode() == wanted.mode;
            confirmation.state().is_live() && confirmation.expires() > now && confirmation.call() == call && asked_so
        });
        if let Some(kept) = same {
            return Ok(kept.clone());
        }
        let (live, own) = inner.ledger.live(&call.subject);
        if live >= LIVE_MAX || own >= LIVE_PER_SUBJECT_MAX {
            return Err(Reason::ConfirmationsExhausted.into());
        }
        let asks = wanted.prompts;
        if asks {
            inner.ledger.may_ask(call, &around.server, now)?;
        }
        let Some(principal) = &around.principal else { return Err(Reason::Internal.into()) };
        let terms = &around.server.confirmations;
        let rule = around.server.rule(&crate::kernel::mcp::decode::Target::Tool(call.tool.clone()));
        let confirmation = Confirmation::propose(
            Proposal {
                id: clock::random_token::<24>(),
                separate: terms.is_separate(call.effect),
                call: wanted.call,
                mode: wanted.mode,
                preview: wanted.preview.as_ref().map(|preview| Digest::of(preview.as_bytes())),
                rechecked: wanted.rechecked,
                expires: now + terms.seconds(wanted.mode),
            },
            now,
        );
        let (issuer, subject, client) = (principal.issuer(), principal.subject(), principal.client());
        let mut record = self.audit.begin("confirmation", clock::Id::random())?;
        let kept = Kept {
            confirmation,
            question: Arc::new(Asked {
                requester: (issuer.to_owned(), subject.to_owned(), client.map(str::to_owned)),
                lines: wanted.lines,
                preview: wanted.preview,
                rule: rule.map(|rule| rule.position.to_string()).unwrap_or_default(),
                batch: wanted.batch.map(|batch| (batch.calls_max, batch.same)),
                like: wanted.like,
            }),
            course: Course { left: 0, record: record.id(), prompts: if asks { vec![now] } else { Vec::new() } },
        };
        let kept = inner.keep(kept, true, Writing::Now)?;
        note(&mut record, "proposed", &kept, "", around);
        if asks {
            inner.ledger.remember(now, false, kept.confirmation.call());
        }
        if kept.confirmation.mode().needs_page() {
            self.touch();
        }
        Ok(kept)
    }

    /// Asks the same person once more, if that may be now.
    pub fn ask_again(&self, id: &str, around: &Around) -> Result<(), Refusal> {
        let now = clock::now();
        {
            let mut inner = self.inner();
            let kept = inner.ledger.get(id).cloned().ok_or(Reason::ConfirmationUnknown)?;
            inner.ledger.may_ask(kept.confirmation.call(), &around.server, now)?;
            inner.ledger.remember(now, false, kept.confirmation.call());
        }
        let asked = self.change(id, ("shown", around, Writing::Now), |kept, now| {
            kept.course.prompts.push(now);
            Ok(())
        });
        asked.map(|_| ())
    }

    /// Somebody who may decide on it sees it.
    pub fn show(&self, id: &str, around: &Around) -> Result<(), Refusal> {
        self.change(id, ("shown", around, Writing::Now), |kept, now| kept.confirmation.show(now)).map(|_| ())
    }

    /// Somebody answers. `world` is what is in force: of another policy or contract they were not asked.
    pub async fn answer(
        self: &Arc<Self>,
        id: &str,
        (yes, calls): (bool, u32),
        who: &Who,
        world: (Digest, Option<Digest>),
        around: &Around,
    ) -> Result<(), Refusal> {
        // It is used at once, and on disk with that, unless something else is done first.
        let used = yes && matches!(who, Who::Client { .. } | Who::Host | Who::Batch(_));
        let waits = self.get(id).is_some_and(|kept| kept.confirmation.rechecked());
        let writing = if used && waits { Writing::Now } else { Writing::Later };
        let ((), place) = self.change(id, ("decided", around, writing), |kept, now| {
            let contract = world.1.unwrap_or(kept.confirmation.call().contract);
            kept.confirmation.tick(now);
            kept.confirmation.world(world.0, contract);
            if matches!(who, Who::Client { .. } | Who::Host | Who::Batch(_) | Who::System { .. }) {
                // The question was the showing.
                let _ = kept.confirmation.show(now);
            }
            kept.confirmation.decide(yes, who.answerer(), now)?;
            let most = kept.question.batch.as_ref().map_or(1, |(most, _)| *most);
            kept.course.left = if yes { calls.clamp(1, most) - 1 } else { 0 };
            Ok(())
        })?;
        if used { Ok(()) } else { self.on_disk(place).await }
    }

    /// An approval of several like calls that has one left for this: takes it. It is on disk with the use of what is
    /// approved by it.
    pub fn take_from_batch(&self, like: Digest, call: &Call, around: &Around) -> Option<String> {
        let now = clock::now();
        let fits = |kept: &&Arc<Kept>| {
            let confirmation = &kept.confirmation;
            let theirs = confirmation.call();
            kept.course.left > 0
                && confirmation.expires() > now
                && (theirs.subject, theirs.client) == (call.subject, call.client)
                && (&theirs.server, &theirs.tool) == (&call.server, &call.tool)
                && (theirs.policy, theirs.contract) == (call.policy, call.contract)
        };
        let id = self.inner().ledger.batches(&like).find(fits)?.confirmation.id().to_owned();
        let taken = self.change(&id, ("shown", around, Writing::Now), |kept, _| {
            // Somebody else may have had the last in the meantime.
            kept.course.left = kept.course.left.checked_sub(1).ok_or(Fault::Spent)?;
            Ok(())
        });
        taken.ok().map(|_| id)
    }

    /// Uses an approval up for this call, whose preview is now this one, if it was made again.
    pub async fn spend(
        self: &Arc<Self>,
        id: &str,
        (call, preview): (&Call, Option<Digest>),
        around: &Around,
    ) -> Result<Spent, Refusal> {
        self.spent(id, around, |kept, now| kept.confirmation.spend(call, preview, now)).await
    }

    /// A step that gives the proof, which leaves when it is on disk.
    async fn spent(
        self: &Arc<Self>,
        id: &str,
        around: &Around,
        step: impl FnOnce(&mut Kept, u64) -> Result<Spent, Fault>,
    ) -> Result<Spent, Refusal> {
        let (spent, place) = self.change(id, ("spent", around, Writing::Later), step)?;
        self.on_disk(place).await?;
        Ok(spent)
    }

    /// The server asks the client for input. If that is lost, so is the call: there is no input without it.
    pub fn asked(&self, id: &str, around: &Around) -> Result<(), Refusal> {
        self.change(id, ("spent", around, Writing::Now), |kept, now| kept.confirmation.asked(now)).map(|_| ())
    }

    /// The client gives that input.
    pub async fn resume(
        self: &Arc<Self>,
        id: &str,
        call: &Call,
        round: u32,
        around: &Around,
    ) -> Result<Spent, Refusal> {
        self.spent(id, around, |kept, now| kept.confirmation.resume(call, round, now)).await
    }

    /// Waits for what comes of a call whose approval was used.
    pub fn outcome(self: &Arc<Self>, id: &str, around: Around) -> Outcome {
        Outcome { confirmations: self.clone(), id: id.to_owned(), around, done: false }
    }

    /// Time passes: what nobody answered expires, what is over is forgotten after a day, and what was written is put on
    /// disk. Not on the threads that answer calls.
    pub fn sweep(&self, around: &dyn Fn(&str) -> Option<Around>) {
        let now = clock::now();
        let late: Vec<Arc<Kept>> = {
            let inner = self.inner();
            let late = |kept: &&Arc<Kept>| kept.confirmation.state().is_live() && kept.confirmation.expires() <= now;
            inner.ledger.all().filter(late).cloned().collect()
        };
        for kept in &late {
            if let Some(around) = around(&kept.confirmation.call().server) {
                let _ = self.change(kept.confirmation.id(), ("decided", &around, Writing::Later), |kept, now| {
                    kept.confirmation.tick(now);
                    Ok(())
                });
            }
        }
        if let Err(why) = self.tidy(now) {
            eprintln!("confirmations: {why}");
        }
    }

    /// Puts on disk what was written, and writes the file anew where that makes it shorter.
    fn tidy(&self, now: u64) -> Result<(), String> {
        let mut inner = self.inner();
        if inner.ledger.forget_old(now) {
            inner.forgotten.get_or_insert(now);
        }
        let due = inner.forgotten.is_some_and(|since| since + FORGOTTEN_SECONDS <= now);
        let Some(journal) = &mut inner.journal else { return Ok(()) };
        if !journal.grew(due) {
            let end = journal.end();
            if journal.has(end) {
                return Ok(());
            }
            drop(inner);
            return self.disk()?.wait_blocking(end);
        }
        let lock = journal.locked();
        let kept: Vec<Arc<Kept>> = inner.ledger.all().cloned().collect();
        drop(inner);
        // Calls are answered meanwhile, and write to the old file.
        let draft = Journal::draft(&self.directory, lock, self.key.bytes(), kept.iter().map(|kept| &**kept))?;
        let mut inner = self.inner();
        inner.journal = Some(draft.publish(inner.journal.as_mut())?);
        inner.forgotten = None;
        Ok(())
    }
}

impl Drop for Confirmations {
    fn drop(&mut self) {
        if let Some(disk) = self.disk.get() {
            disk.end();
        }
    }
}

#[cfg(test)]
mod tests;
