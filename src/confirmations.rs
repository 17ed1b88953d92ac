//! Confirmations as they are kept: each on disk before anything follows from it, each step in the record.
//!
//! The kernel says what a step means; here it happens once, whoever comes at the same time and however often the
//! gateway starts. A proof that an approval was used leaves only after that is on disk, so a crash in between costs
//! an approval and never gives a second execution.
mod outcome;
mod store;
mod told;
mod who;

pub use outcome::Outcome;
pub use who::Who;

use crate::audit::Audit;
use crate::clock;
use crate::kernel::confirm::binding::Call;
use crate::kernel::confirm::machine::{Confirmation, Fault, Mode, Proposal, Spent, State};
use crate::kernel::confirm::seal::SealKey;
use crate::kernel::confirm::summary::Line;
use crate::kernel::digest::Digest;
use crate::kernel::policy::compile::{Batch, ServerPolicy};
use crate::kernel::policy::source::Per;
use crate::kernel::principal::Principal;
use crate::kernel::refusal::{Reason, Refusal};
use serde::{Deserialize, Serialize};
use std::collections::{HashMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use store::Store;
use tokio::sync::watch;
use told::{note, refused};

/// Most confirmations that may wait, or be unused, at once.
const LIVE_MAX: usize = 10_000;
/// Most of one subject.
const LIVE_PER_SUBJECT_MAX: usize = 100;
/// How long what is over is kept, in seconds: for the page, and for who is counted.
const KEPT_SECONDS: u64 = 86_400;
/// Most prompts and denials remembered.
const HISTORY_MAX: usize = 100_000;

/// A confirmation with what people are shown of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Kept {
    /// The state machine.
    pub confirmation: Confirmation,
    /// Who asks, as the token says: issuer by name, subject, OAuth client.
    pub requester: (String, String, Option<String>),
    /// The arguments, as far as the policy lets them be seen.
    pub lines: Vec<Line>,
    /// The preview.
    pub preview: Option<String>,
    /// Where the rule was written.
    pub rule: String,
    /// Up to how many like calls one approval may be for, and what is the same in them.
    #[serde(default)]
    pub batch: Option<(u32, Vec<String>)>,
    /// Identity of like calls.
    #[serde(default)]
    pub like: Option<Digest>,
    /// Of an approval of several calls: how many are left for others.
    #[serde(default)]
    pub left: u32,
    /// The last record about it.
    pub record: String,
    /// Times of prompts: when a person was asked.
    #[serde(default)]
    pub prompts: Vec<u64>,
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
    /// Made when it is first needed: whoever asks nobody has no such file.
    store: OnceLock<Store>,
    key: SealKey,
    inner: Mutex<Inner>,
    changed: watch::Sender<u64>,
    audit: Audit,
}

#[derive(Default)]
struct Inner {
    all: HashMap<String, Kept>,
    /// The last one of each call, by what the caller says.
    by_call: HashMap<Digest, String>,
    /// Prompts and denials (true): time, and of whose calls.
    history: VecDeque<(u64, bool, Call)>,
}

/// Who is around when something happens, for the record.
#[derive(Clone)]
pub struct Around {
    /// The server.
    pub server: Arc<ServerPolicy>,
    /// Whoever does it.
    pub principal: Option<Arc<Principal>>,
}

impl Inner {
    fn remember(&mut self, time: u64, denial: bool, call: &Call) {
        if self.history.len() >= HISTORY_MAX {
            self.history.pop_front();
        }
        self.history.push_back((time, denial, call.clone()));
    }

    fn keep(&mut self, kept: Kept) {
        self.by_call.insert(kept.confirmation.call().key(), kept.confirmation.id().to_owned());
        self.all.insert(kept.confirmation.id().to_owned(), kept);
    }
}

impl Confirmations {
    /// Opens what is kept in a directory. Only one gateway can have it open.
    pub fn open(directory: &Path, audit: Audit) -> Result<Arc<Self>, String> {
        let store = if Store::exists(directory) { Some(Store::open(directory)?) } else { None };
        let key = clock::random();
        let (key, mut kept) = match &store {
            Some(store) => (store.key(key)?, store.all()?),
            None => (key, Vec::new()),
        };
        let mut inner = Inner::default();
        kept.sort_by_key(|kept| kept.confirmation.proposed());
        for kept in kept {
            for time in &kept.prompts {
                inner.remember(*time, false, kept.confirmation.call());
            }
            if let (State::Denied, Some((_, at))) = (kept.confirmation.state(), kept.confirmation.decided()) {
                inner.remember(*at, true, kept.confirmation.call());
            }
            inner.keep(kept);
        }
        inner.history.make_contiguous().sort_by_key(|(time, ..)| *time);
        let (store, key) = (store.map_or_else(OnceLock::new, OnceLock::from), SealKey::new(key));
        Ok(Arc::new(Self {
            directory: directory.to_owned(),
            store,
            key,
            inner: Mutex::new(inner),
            changed: watch::channel(0).0,
            audit,
        }))
    }

    /// Seals what clients carry back and forth.
    pub fn key(&self) -> &SealKey {
        &self.key
    }

    /// Told of each change from now on.
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    /// The file; made now if there is none. Only with the lock held.
    fn store(&self) -> Result<&Store, Refusal> {
        let unavailable = |why: String| Refusal::from(Reason::ConfirmationsUnavailable).detail(why);
        if let Some(store) = self.store.get() {
            return Ok(store);
        }
        let store = Store::open(&self.directory).map_err(unavailable)?;
        // What clients hold by now is sealed with this one.
        store.key(*self.key.bytes()).map_err(unavailable)?;
        Ok(self.store.get_or_init(|| store))
    }

    /// Tells whoever watches to look again.
    pub fn touch(&self) {
        self.changed.send_modify(|generation| *generation += 1);
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Work with the lock held and the disk written, off the threads that answer calls.
    async fn locked<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Self, &mut Inner) -> Result<T, Refusal> + Send + 'static,
    ) -> Result<T, Refusal> {
        let this = self.clone();
        let done = tokio::task::spawn_blocking(move || {
            let result = work(&this, &mut this.inner());
            this.touch();
            result
        });
        done.await.unwrap_or_else(|_| Err(Reason::Internal.into()))
    }

    /// Changes one confirmation: on disk, then in memory, then in the record.
    fn change<T>(
        &self,
        inner: &mut Inner,
        id: &str,
        (event, around): (&'static str, &Around),
        step: impl FnOnce(&mut Kept, u64) -> Result<T, Fault>,
    ) -> Result<T, Refusal> {
        let unknown = || Refusal::from(Reason::ConfirmationUnknown);
        let mut kept = inner.all.get(id).cloned().ok_or_else(unknown)?;
        let mut record = self.audit.begin("confirmation", clock::Id::random())?;
        let before = kept.confirmation.state();
        let outcome = step(&mut kept, clock::now());
        let after = kept.confirmation.state();
        let recorded = after != before && event != "shown" && after != State::Spent;
        let previous = std::mem::take(&mut kept.record);
        kept.record = if recorded { record.id() } else { previous.clone() };
        if inner.all.get(id) != Some(&kept) {
            self.store()?.put(id, &kept).map_err(|why| Refusal::from(Reason::ConfirmationsUnavailable).detail(why))?;
        }
        if after == State::Denied && before != after {
            inner.remember(clock::now(), true, kept.confirmation.call());
        }
        match recorded {
            true => {
                // What ended a call that nobody decided on is told as that.
                let event = match (before, after) {
                    (State::Approved, State::Denied) => "withdrawn",
                    (State::Approved, after) if after.is_over_undecided() => "lapsed",
                    (_, after) if after.is_over_undecided() => "decided",
                    _ => event,
                };
                note(&mut record, event, &kept, &previous, around);
            }
            false => record.discard(),
        }
        inner.all.insert(id.to_owned(), kept);
        outcome.map_err(refused)
    }

    /// The confirmation of this call that somebody may still answer, or that was approved and not used.
    pub async fn find(self: &Arc<Self>, call: &Call, around: &Around) -> Result<Option<Kept>, Refusal> {
        let key = call.key();
        let Some(id) = self.inner().by_call.get(&key).cloned() else { return Ok(None) };
        let (call, around) = (call.clone(), around.clone());
        self.locked(move |this, inner| {
            let _ = this.change(inner, &id, ("decided", &around), |kept, now| {
                kept.confirmation.tick(now);
                kept.confirmation.world(call.policy, call.contract);
                Ok(())
            });
            Ok(inner.all.get(&id).filter(|kept| kept.confirmation.state().is_live()).cloned())
        })
        .await
    }

    /// One confirmation as it is.
    pub fn get(&self, id: &str) -> Option<Kept> {
        self.inner().all.get(id).cloned()
    }

    /// Those that wait for somebody on the page, the oldest first.
    pub fn open_on_page(&self, now: u64) -> Vec<Kept> {
        let inner = self.inner();
        let waits = |kept: &&Kept| {
            let confirmation = &kept.confirmation;
            confirmation.state().is_open() && confirmation.mode().needs_page() && confirmation.expires() > now
        };
        let mut open: Vec<Kept> = inner.all.values().filter(waits).cloned().collect();
        open.sort_by_key(|kept| (kept.confirmation.proposed(), kept.confirmation.id().to_owned()));
        open
    }

    /// Asks for a new confirmation, if a person may be asked now.
    pub async fn propose(self: &Arc<Self>, wanted: Wanted, around: Around) -> Result<Kept, Refusal> {
        self.locked(move |this, inner| {
            let now = clock::now();
            let call = &wanted.call;
            // Somebody else may have proposed the same in the meantime.
            let same = inner.by_call.get(&call.key()).and_then(|id| inner.all.get(id));
            if let Some(kept) = same.filter(|kept| {
                let confirmation = &kept.confirmation;
                let asked_so = confirmation.state() == State::Approved || confirmation.mode() == wanted.mode;
                confirmation.state().is_live()
                    && confirmation.expires() > now
                    && confirmation.call() == call
                    && asked_so
            }) {
                return Ok(kept.clone());
            }
            let live = |kept: &&Kept| kept.confirmation.state().is_live() && kept.confirmation.expires() > now;
            let own = |kept: &&Kept| kept.confirmation.call().subject == call.subject;
            if inner.all.values().filter(live).count() >= LIVE_MAX
                || inner.all.values().filter(live).filter(own).count() >= LIVE_PER_SUBJECT_MAX
            {
                return Err(Reason::ConfirmationsExhausted.into());
            }
            let asks = wanted.prompts;
            if asks {
                may_ask(inner, call, &around.server, now)?;
            }
            let Some(principal) = &around.principal else { return Err(Reason::Internal.into()) };
            let terms = &around.server.confirmations;
            let confirmation = Confirmation::propose(
                Proposal {
                    id: clock::random_token::<24>(),
                    call: call.clone(),
                    mode: wanted.mode,
                    separate: terms.is_separate(call.effect),
                    preview: wanted.preview.as_ref().map(|preview| Digest::of(preview.as_bytes())),
                    rechecked: wanted.rechecked,
                    expires: now + terms.seconds(wanted.mode),
                },
                now,
            );
            let requester = (principal.issuer(), principal.subject(), principal.client());
            let mut record = this.audit.begin("confirmation", clock::Id::random())?;
            let rule = around.server.rule(&crate::kernel::mcp::decode::Target::Tool(call.tool.clone()));
            let kept = Kept {
                confirmation,
                requester: (requester.0.to_owned(), requester.1.to_owned(), requester.2.map(str::to_owned)),
                lines: wanted.lines,
                preview: wanted.preview,
                rule: rule.map(|rule| rule.position.to_string()).unwrap_or_default(),
                batch: wanted.batch.map(|batch| (batch.calls_max, batch.same)),
                like: wanted.like,
                left: 0,
                record: record.id(),
                prompts: if asks { vec![now] } else { Vec::new() },
            };
            let id = kept.confirmation.id().to_owned();
            this.store()?.put(&id, &kept).map_err(|why| Refusal::from(Reason::ConfirmationsUnavailable).detail(why))?;
            note(&mut record, "proposed", &kept, "", &around);
            if asks {
                inner.remember(now, false, &wanted.call);
            }
            inner.keep(kept.clone());
            Ok(kept)
        })
        .await
    }

    /// Asks the same person once more, if that may be now.
    pub async fn ask_again(self: &Arc<Self>, id: &str, around: Around) -> Result<(), Refusal> {
        let id = id.to_owned();
        self.locked(move |this, inner| {
            let now = clock::now();
            let Some(kept) = inner.all.get(&id) else { return Err(Reason::ConfirmationUnknown.into()) };
            let call = kept.confirmation.call().clone();
            may_ask(inner, &call, &around.server, now)?;
            inner.remember(now, false, &call);
            this.change(inner, &id, ("shown", &around), |kept, now| {
                kept.prompts.push(now);
                Ok(())
            })
        })
        .await
    }

    /// Somebody who may decide on it sees it.
    pub async fn show(self: &Arc<Self>, id: &str, around: Around) -> Result<(), Refusal> {
        let id = id.to_owned();
        self.locked(move |this, inner| {
            this.change(inner, &id, ("shown", &around), |kept, now| kept.confirmation.show(now))
        })
        .await
    }

    /// Somebody answers. `world` is what is in force: of another policy or contract they were not asked.
    pub async fn answer(
        self: &Arc<Self>,
        id: &str,
        (yes, calls): (bool, u32),
        who: Who,
        world: (Digest, Option<Digest>),
        around: Around,
    ) -> Result<(), Refusal> {
        let id = id.to_owned();
        self.locked(move |this, inner| {
            this.change(inner, &id, ("decided", &around), |kept, now| {
                let contract = world.1.unwrap_or(kept.confirmation.call().contract);
                kept.confirmation.tick(now);
                kept.confirmation.world(world.0, contract);
                if matches!(who, Who::Client { .. } | Who::Host | Who::Batch(_) | Who::System { .. }) {
                    // The question was the showing.
                    let _ = kept.confirmation.show(now);
                }
                kept.confirmation.decide(yes, who.answerer(), now)?;
                let most = kept.batch.as_ref().map_or(1, |(most, _)| *most);
                kept.left = if yes { calls.clamp(1, most) - 1 } else { 0 };
                Ok(())
            })
        })
        .await
    }

    /// An approval of several like calls that has one left for this: takes it.
    pub async fn take_from_batch(self: &Arc<Self>, like: Digest, call: &Call, around: Around) -> Option<String> {
        let call = call.clone();
        let taken = self.locked(move |this, inner| {
            let now = clock::now();
            let fits = |kept: &&Kept| {
                let confirmation = &kept.confirmation;
                let theirs = confirmation.call();
                kept.left > 0
                    && kept.like == Some(like)
                    && confirmation.expires() > now
                    && (theirs.subject, theirs.client) == (call.subject, call.client)
                    && (&theirs.server, &theirs.tool) == (&call.server, &call.tool)
                    && (theirs.policy, theirs.contract) == (call.policy, call.contract)
            };
            let id = inner.all.values().find(fits).map(|kept| kept.confirmation.id().to_owned());
            let id = id.ok_or(Reason::ConfirmationUnknown)?;
            this.change(inner, &id, ("shown", &around), |kept, _| {
                kept.left -= 1;
                Ok(())
            })?;
            Ok(id)
        });
        taken.await.ok()
    }

    /// Uses an approval up for this call, whose preview is now this one, if it was made again.
    pub async fn spend(
        self: &Arc<Self>,
        id: &str,
        (call, preview): (&Call, Option<Digest>),
        around: Around,
    ) -> Result<Spent, Refusal> {
        let (id, call) = (id.to_owned(), call.clone());
        self.locked(move |this, inner| {
            this.change(inner, &id, ("spent", &around), |kept, now| kept.confirmation.spend(&call, preview, now))
        })
        .await
    }

    /// The server asks the client for input; a step that has to be on disk before the client hears of it.
    pub async fn asked(self: &Arc<Self>, id: &str, around: Around) -> Result<(), Refusal> {
        let id = id.to_owned();
        self.locked(move |this, inner| {
            this.change(inner, &id, ("spent", &around), |kept, now| kept.confirmation.asked(now).map(|_| ()))
        })
        .await
    }

    /// The client gives that input.
    pub async fn resume(self: &Arc<Self>, id: &str, call: &Call, round: u32, around: Around) -> Result<Spent, Refusal> {
        let (id, call) = (id.to_owned(), call.clone());
        self.locked(move |this, inner| {
            this.change(inner, &id, ("spent", &around), |kept, now| kept.confirmation.resume(&call, round, now))
        })
        .await
    }

    /// Waits for what comes of a call whose approval was used.
    pub fn outcome(self: &Arc<Self>, id: &str, around: Around) -> Outcome {
        Outcome { confirmations: self.clone(), id: id.to_owned(), around, done: false }
    }

    /// Time passes: what nobody answered expires, what is over is forgotten after a day.
    pub fn sweep(&self, around: &dyn Fn(&str) -> Option<Around>) {
        let now = clock::now();
        let mut inner = self.inner();
        let late = |kept: &&Kept| kept.confirmation.state().is_live() && kept.confirmation.expires() <= now;
        let late: Vec<(String, String)> = inner
            .all
            .values()
            .filter(late)
            .map(|kept| (kept.confirmation.id().to_owned(), kept.confirmation.call().server.clone()))
            .collect();
        for (id, server) in &late {
            if let Some(around) = around(server) {
                let _ = self.change(&mut inner, id, ("decided", &around), |kept, now| {
                    kept.confirmation.tick(now);
                    Ok(())
                });
            }
        }
        let old = |kept: &&Kept| {
            !kept.confirmation.state().is_live() && kept.confirmation.expires().saturating_add(KEPT_SECONDS) < now
        };
        let old: Vec<String> = inner.all.values().filter(old).map(|kept| kept.confirmation.id().to_owned()).collect();
        if !old.is_empty() && self.store().is_ok_and(|store| store.remove(&old).is_ok()) {
            for id in &old {
                inner.all.remove(id);
            }
            inner.by_call.retain(|_, id| !old.contains(id));
        }
        while inner.history.front().is_some_and(|(time, ..)| time.saturating_add(KEPT_SECONDS) < now) {
            inner.history.pop_front();
        }
        if !late.is_empty() {
            self.touch();
        }
    }
}

fn may_ask(inner: &Inner, call: &Call, server: &ServerPolicy, now: u64) -> Result<(), Refusal> {
    let pace = &server.confirmations.pace;
    let per = pace.budget.map_or(Per::Subject, |budget| budget.per);
    let counted = |other: &Call| match per {
        Per::Subject => other.subject == call.subject,
        Per::Client => other.client == call.client,
        Per::Server => other.server == call.server,
        Per::Tool => other.server == call.server && other.tool == call.tool,
    };
    let of = |denial: bool| inner.history.iter().filter(move |(_, denied, _)| *denied == denial);
    let prompts = of(false).filter(|(.., other)| counted(other)).map(|(time, ..)| *time);
    let denials = of(true).filter(|(.., other)| other.subject == call.subject).map(|(time, ..)| *time);
    pace.admits(prompts, denials, now)
}
