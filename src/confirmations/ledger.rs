//! Confirmations in memory, and what is looked up of them: by id and by call, how many live, how often who was asked.
//! No look-up takes longer because many are kept.
use super::Kept;
use crate::kernel::confirm::binding::Call;
use crate::kernel::confirm::machine::State;
use crate::kernel::digest::Digest;
use crate::kernel::policy::compile::ServerPolicy;
use crate::kernel::policy::source::Per;
use crate::kernel::refusal::Refusal;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

/// How long what is over is kept, in seconds: for the page, and for who is counted.
pub const KEPT_SECONDS: u64 = 86_400;
/// Most of what is over that is kept.
const OVER_MAX: usize = 20_000;
/// Most prompts and denials remembered.
const HISTORY_MAX: usize = 100_000;

/// Confirmations in memory.
#[derive(Default)]
pub struct Ledger {
    all: HashMap<String, Arc<Kept>>,
    /// The last one of each call, by what the caller says.
    by_call: HashMap<Digest, String>,
    /// Those that are over, in the order in which they ended.
    over: VecDeque<String>,
    /// How many live, of each subject and of all.
    live_of: HashMap<Digest, usize>,
    live: usize,
    /// Approvals of several calls that have some left.
    batches: HashMap<Digest, Vec<String>>,
    history: History,
    /// Something was forgotten since that was last asked.
    forgot: bool,
}

impl Ledger {
    /// One of them.
    pub fn get(&self, id: &str) -> Option<&Arc<Kept>> {
        self.all.get(id)
    }

    /// The last one of a call.
    pub fn of_call(&self, key: &Digest) -> Option<&Arc<Kept>> {
        self.all.get(self.by_call.get(key)?)
    }

    /// All of them.
    pub fn all(&self) -> impl Iterator<Item = &Arc<Kept>> {
        self.all.values()
    }

    /// How many can still lead to an execution: of all, and of one subject.
    pub fn live(&self, subject: &Digest) -> (usize, usize) {
        (self.live, self.live_of.get(subject).copied().unwrap_or(0))
    }

    /// Those that have some left of an approval of several like calls.
    pub fn batches(&self, like: &Digest) -> impl Iterator<Item = &Arc<Kept>> {
        self.batches.get(like).into_iter().flatten().filter_map(|id| self.all.get(id))
    }

    /// Keeps one as it stands now.
    pub fn keep(&mut self, kept: Arc<Kept>) {
        let (id, confirmation) = (kept.confirmation.id().to_owned(), &kept.confirmation);
        let (subject, is) = (confirmation.call().subject, confirmation.state().is_live());
        let before = self.all.get(&id);
        let (new, was) = (before.is_none(), before.is_some_and(|before| before.confirmation.state().is_live()));
        let (left_before, left) = (before.is_some_and(|before| before.course.left > 0), kept.course.left > 0);
        if new {
            self.by_call.insert(*confirmation.key(), id.clone());
        }
        if let Some(like) = kept.question.like.filter(|_| left != left_before) {
            self.batch(like, &id, left);
        }
        self.all.insert(id.clone(), kept);
        self.count(subject, was, is);
        if !is && (was || new) {
            self.over.push_back(id);
            if self.over.len() > OVER_MAX
                && let Some(oldest) = self.over.pop_front()
            {
                self.forget(&oldest);
            }
        }
    }

    fn count(&mut self, subject: Digest, was: bool, is: bool) {
        match (was, is) {
            (false, true) => {
                self.live += 1;
                *self.live_of.entry(subject).or_default() += 1;
            }
            (true, false) => {
                self.live = self.live.saturating_sub(1);
                if let Some(count) = self.live_of.get_mut(&subject) {
                    *count = count.saturating_sub(1);
                    if *count == 0 {
                        self.live_of.remove(&subject);
                    }
                }
            }
            _ => {}
        }
    }

    fn batch(&mut self, like: Digest, id: &str, left: bool) {
        let ids = self.batches.entry(like).or_default();
        ids.retain(|other| other != id);
        if left {
            ids.push(id.to_owned());
        }
        if ids.is_empty() {
            self.batches.remove(&like);
        }
    }

    fn forget(&mut self, id: &str) {
        let Some(kept) = self.all.remove(id) else { return };
        self.forgot = true;
        let key = kept.confirmation.key();
        if self.by_call.get(key).is_some_and(|last| last == id) {
            self.by_call.remove(key);
        }
        if let Some(like) = kept.question.like {
            self.batch(like, id, false);
        }
    }

    /// Forgets what was over a day ago. True if anything was forgotten since this was last called.
    pub fn forget_old(&mut self, now: u64) -> bool {
        let over = std::mem::take(&mut self.over);
        let old = |id: &String| {
            let kept = self.all.get(id);
            kept.is_none_or(|kept| kept.confirmation.expires().saturating_add(KEPT_SECONDS) < now)
        };
        let (old, over): (VecDeque<String>, VecDeque<String>) = over.into_iter().partition(old);
        self.over = over;
        for id in &old {
            self.forget(id);
        }
        self.history.forget_old(now);
        std::mem::take(&mut self.forgot)
    }

    /// Remembers that somebody was asked about a call, or said no.
    pub fn remember(&mut self, time: u64, denial: bool, call: &Call) {
        self.history.add(time, denial, call);
    }

    /// Whether somebody may be asked about a call now.
    pub fn may_ask(&self, call: &Call, server: &ServerPolicy, now: u64) -> Result<(), Refusal> {
        let pace = &server.confirmations.pace;
        let per = pace.budget.map_or(Per::Subject, |budget| budget.per);
        let (prompts, denials) = (self.history.of(&prompts(per, call)), self.history.of(&denials(call)));
        pace.admits(prompts, denials, now)
    }

    /// Takes over what was read. All of it counts as asked; only what is wanted is kept.
    pub fn restore(&mut self, mut all: Vec<Kept>, wanted: impl Fn(&Kept) -> bool) {
        all.sort_by_key(|kept| kept.confirmation.proposed());
        let mut past: Vec<(u64, bool, Call)> = Vec::new();
        for kept in &all {
            let call = kept.confirmation.call();
            past.extend(kept.course.prompts.iter().map(|time| (*time, false, call.clone())));
            if let (State::Denied, Some((_, at))) = (kept.confirmation.state(), kept.confirmation.decided()) {
                past.push((*at, true, call.clone()));
            }
        }
        past.sort_by_key(|(time, ..)| *time);
        for (time, denial, call) in past {
            self.remember(time, denial, &call);
        }
        for kept in all.into_iter().filter(wanted) {
            self.keep(Arc::new(kept));
        }
    }
}

/// What is counted, and by whom or what.
type Counted = (Kind, Digest);

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Kind {
    Prompts(Per),
    Denials,
}

/// By what prompts are counted.
fn prompts(per: Per, call: &Call) -> Counted {
    let by = match per {
        Per::Subject => call.subject,
        Per::Client => call.client,
        Per::Server => Digest::of(call.server.as_bytes()),
        Per::Tool => Digest::of_parts(&[call.server.as_bytes(), call.tool.as_bytes()]),
    };
    (Kind::Prompts(per), by)
}

/// By what denials are counted.
fn denials(call: &Call) -> Counted {
    (Kind::Denials, call.subject)
}

/// Prompts and denials of the last day, in the order of time.
#[derive(Default)]
struct History {
    all: VecDeque<(u64, Vec<Counted>)>,
    of: HashMap<Counted, VecDeque<u64>>,
}

impl History {
    fn add(&mut self, time: u64, denial: bool, call: &Call) {
        if self.all.len() >= HISTORY_MAX {
            self.forget_first();
        }
        // In order though the clock was set back, for whoever looks for a time.
        let time = self.all.back().map_or(time, |(last, _)| time.max(*last));
        let by = match denial {
            true => vec![denials(call)],
            false => [Per::Subject, Per::Client, Per::Server, Per::Tool].map(|per| prompts(per, call)).to_vec(),
        };
        for key in &by {
            self.of.entry(*key).or_default().push_back(time);
        }
        self.all.push_back((time, by));
    }

    fn of(&self, key: &Counted) -> &VecDeque<u64> {
        const NONE: &VecDeque<u64> = &VecDeque::new();
        self.of.get(key).unwrap_or(NONE)
    }

    fn forget_first(&mut self) {
        let Some((_, by)) = self.all.pop_front() else { return };
        for key in by {
            if let Some(times) = self.of.get_mut(&key) {
                times.pop_front();
                if times.is_empty() {
                    self.of.remove(&key);
                }
            }
        }
    }

    fn forget_old(&mut self, now: u64) {
        while self.all.front().is_some_and(|(time, _)| time.saturating_add(KEPT_SECONDS) < now) {
            self.forget_first();
        }
    }
}
