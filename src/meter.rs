//! Rates and places, counted by key. Counts go on across reloads that leave a limit as it is.
//!
//! A rate is kept as one time for each key: when its count will be empty again (GCRA, the generic cell
//! rate algorithm of ITU-T I.371). It is our own because a call that fits one limit and not another must give back
//! what it took of the first.
use crate::kernel::digest::Digest;
use crate::kernel::policy::compile::Rate;
use crate::kernel::policy::decide::Permitted;
use crate::kernel::refusal::{Reason, Refusal};
use dashmap::DashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Most keys of one limit; idle ones are forgotten first.
const KEYS_MAX: usize = 100_000;

type Open = DashMap<(Digest, Digest), u32>;
/// When the count of each key will be empty again, since the meter began.
type Counts = DashMap<Digest, Duration>;

/// All counters.
pub struct Meter {
    rates: DashMap<Digest, Arc<Counts>>,
    open: Arc<Open>,
    began: Instant,
}

/// Why a rate has no room.
enum Full {
    Wait(Duration),
    Keys,
}

impl Default for Meter {
    fn default() -> Self {
        Self { rates: DashMap::new(), open: Arc::default(), began: Instant::now() }
    }
}

impl Meter {
    /// Counts a permit, or refuses with the time to wait. What is returned is held until the answer is whole.
    pub fn charge(&self, permitted: &Permitted) -> Result<Held, Refusal> {
        let mut held = Held { open: self.open.clone(), keys: Vec::new() };
        // Places first: a call that finds none must not use up a rate.
        for (limit, charge) in permitted.charges() {
            let Some(most) = limit.concurrency else { continue };
            if !held.take((limit.id, charge.key), most.get()) {
                let mut refusal = Refusal::from(Reason::ConcurrencyExceeded).for_id(permitted.message().id.clone());
                refusal.retry_after = Some(1);
                return Err(refusal);
            }
        }
        let rates = || permitted.charges().filter_map(|(limit, charge)| Some((limit.id, charge.key, limit.rate?)));
        for (position, (id, key, rate)) in rates().enumerate() {
            let Err(full) = spend(&self.counts(id), key, rate, self.began.elapsed()) else { continue };
            rates().take(position).for_each(|(id, key, rate)| give_back(&self.counts(id), key, rate));
            let mut refusal = Refusal::from(Reason::RateExceeded).for_id(permitted.message().id.clone());
            match full {
                Full::Wait(wait) => refusal.retry_after = Some(wait.as_secs() + 1),
                Full::Keys => refusal = refusal.detail("too many keys are being counted"),
            }
            return Err(refusal);
        }
        Ok(held)
    }

    /// Forgets limits that no policy has any more.
    pub fn retain(&self, keep: &dyn Fn(&Digest) -> bool) {
        self.rates.retain(|id, _| keep(id));
    }

    fn counts(&self, limit: Digest) -> Arc<Counts> {
        if let Some(found) = self.rates.get(&limit) {
            return found.clone();
        }
        self.rates.entry(limit).or_default().clone()
    }
}

/// Counts one call, if there is room for it `now`.
fn spend(counts: &Counts, key: Digest, rate: Rate, now: Duration) -> Result<(), Full> {
    // How many there are is asked only where one comes to them: the count looks at every part of the map.
    let known = counts.get_mut(&key);
    if known.is_none() && counts.len() >= KEYS_MAX {
        counts.retain(|_, empty| *empty > now);
        if counts.len() >= KEYS_MAX {
            return Err(Full::Keys);
        }
    }
    let mut empty = match known {
        Some(known) => known,
        None => counts.entry(key).or_insert(now),
    };
    let from = (*empty).max(now);
    // Full when as many periods lie ahead as calls may come at once.
    let earliest = from.saturating_sub(rate.period.saturating_mul(rate.burst.get() - 1));
    if earliest > now {
        return Err(Full::Wait(earliest - now));
    }
    *empty = from.saturating_add(rate.period);
    Ok(())
}

fn give_back(counts: &Counts, key: Digest, rate: Rate) {
    if let Some(mut empty) = counts.get_mut(&key) {
        *empty = empty.saturating_sub(rate.period);
    }
}

/// Places of calls that are not answered yet, given back when dropped. There are never more than records
/// in flight, so the table is bounded by the audit's slots.
pub struct Held {
    open: Arc<Open>,
    keys: Vec<(Digest, Digest)>,
}

impl Held {
    fn take(&mut self, key: (Digest, Digest), most: u32) -> bool {
        let mut count = self.open.entry(key).or_insert(0);
        let free = *count < most;
        if free {
            *count += 1;
            self.keys.push(key);
        }
        free
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        for key in self.keys.drain(..) {
            self.open.remove_if_mut(&key, |_, count| {
                *count = count.saturating_sub(1);
                *count == 0
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::num::NonZeroU32;

    #[test]
    fn a_burst_comes_at_once_and_the_rest_at_the_rate() {
        let counts = Counts::default();
        let key = Digest::of(b"ann");
        let rate = Rate { period: Duration::from_secs(20), burst: NonZeroU32::new(3).unwrap() };
        let at = |seconds: u64| match spend(&counts, key, rate, Duration::from_secs(seconds)) {
            Ok(()) => 0,
            Err(Full::Wait(wait)) => wait.as_secs(),
            Err(Full::Keys) => panic!("one key"),
        };
        // (when, how long to wait; 0 is counted)
        for (seconds, wait) in
            [(0, 0), (0, 0), (0, 0), (0, 20), (5, 15), (20, 0), (20, 20), (100, 0), (100, 0), (100, 0), (100, 20)]
        {
            assert_eq!(at(seconds), wait, "at {seconds}");
        }
        give_back(&counts, key, rate);
        assert!(spend(&counts, key, rate, Duration::from_secs(100)).is_ok(), "as if one had not been");
        assert!(spend(&counts, Digest::of(b"bob"), rate, Duration::ZERO).is_ok(), "another key, another count");
    }
}
