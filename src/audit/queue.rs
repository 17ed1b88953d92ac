//! Records on their way to the sink: a bounded list behind one lock, swapped out whole.
//!
//! A channel would wake its receiver for each record. Here the sink sleeps out its interval and takes
//! what has gathered, so that a record costs the exchange a push and nothing else.
use super::Job;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Records begun and not yet written.
pub struct Queue {
    slots_max: usize,
    /// Reserved and not yet written.
    slots: AtomicUsize,
    /// Records cannot be written at the moment.
    broken: AtomicBool,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    jobs: Vec<Job>,
    /// When the first of them came.
    since: Option<Instant>,
    finishing: bool,
}

impl Queue {
    /// Room for this many records.
    pub fn new(slots_max: usize) -> Self {
        Self {
            slots_max,
            slots: AtomicUsize::new(0),
            broken: AtomicBool::new(false),
            state: Mutex::default(),
            changed: Condvar::new(),
        }
    }

    /// Reserves room for one record; false if there is none, or records cannot be written.
    pub fn reserve(&self) -> bool {
        if self.broken.load(Ordering::Relaxed) {
            return false;
        }
        let reserved = self.slots.fetch_add(1, Ordering::Relaxed) < self.slots_max;
        if !reserved {
            self.slots.fetch_sub(1, Ordering::Relaxed);
        }
        reserved
    }

    /// Takes a record for which room was reserved.
    pub fn push(&self, mut job: Job) {
        let mut state = self.state();
        if self.broken.load(Ordering::Relaxed) {
            job.done = None;
        }
        state.jobs.push(job);
        // The first wakes an idle sink; half full is sooner than its interval.
        let wake = state.jobs.len() == 1 || state.jobs.len() == self.slots_max / 2;
        if state.jobs.len() == 1 {
            state.since = Some(Instant::now());
        }
        drop(state);
        if wake {
            self.changed.notify_one();
        }
    }

    /// No more records will begin.
    pub fn finish(&self) {
        self.state().finishing = true;
        self.changed.notify_one();
    }

    /// Waits for records, lets more gather until the first is `interval` old, and moves them to `batch`.
    /// False when there are none and there will be none.
    pub fn take(&self, interval: Duration, batch: &mut Vec<Job>) -> bool {
        let mut state = self.state();
        while state.jobs.is_empty() {
            if state.finishing && self.slots.load(Ordering::Relaxed) == 0 {
                return false;
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        let left = interval.saturating_sub(state.since.map_or(Duration::ZERO, |since| since.elapsed()));
        let gathering = |state: &mut State| !state.finishing && state.jobs.len() < self.slots_max / 2;
        if !left.is_zero() {
            let waited = self.changed.wait_timeout_while(state, left, gathering);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        std::mem::swap(&mut state.jobs, batch);
        true
    }

    /// Says whether records cannot be written; returns what was said before. Nobody waits for one that cannot: not whose
    /// record came while that was found out, either.
    pub fn set_broken(&self, broken: bool) -> bool {
        let mut state = self.state();
        if broken {
            for job in &mut state.jobs {
                job.done = None;
            }
        }
        self.broken.swap(broken, Ordering::Relaxed)
    }

    /// Gives back the room of records that were written.
    pub fn release(&self, written: usize) {
        self.slots.fetch_sub(written, Ordering::Relaxed);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::Entry;
    use crate::clock::Id;
    use tokio::sync::oneshot::{self, error::TryRecvError};

    #[test]
    fn nobody_waits_for_a_record_while_none_can_be_written() {
        let queue = Queue::new(10);
        let waiting = || {
            let (done, on_disk) = oneshot::channel();
            queue.push(Job { entry: Box::new(Entry::new("exchange", Id::random())), done: Some(done) });
            on_disk
        };
        let mut before = waiting();
        assert_eq!(before.try_recv(), Err(TryRecvError::Empty));
        queue.set_broken(true);
        assert_eq!(before.try_recv(), Err(TryRecvError::Closed), "it came while the one before could not be written");
        assert_eq!(waiting().try_recv(), Err(TryRecvError::Closed), "it began before that was known");
        queue.set_broken(false);
        assert_eq!(waiting().try_recv(), Err(TryRecvError::Empty));
        let mut batch = Vec::new();
        assert!(queue.take(Duration::ZERO, &mut batch));
        assert_eq!(batch.len(), 3, "and all of them are written");
    }
}
