//! Rates, counted by key (GCRA, governor). Counts go on across reloads that leave a limit as it is.
use crate::kernel::digest::Digest;
use crate::kernel::policy::compile::Rate;
use crate::kernel::policy::decide::Permitted;
use crate::kernel::refusal::{Reason, Refusal};
use dashmap::DashMap;
use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use std::sync::Arc;

/// Most keys of one limit; idle ones are forgotten first.
const KEYS_MAX: usize = 100_000;

type Open = DashMap<(Digest, Digest), u32>;

/// All counters.
#[derive(Default)]
pub struct Meter {
    limiters: DashMap<Digest, Arc<DefaultKeyedRateLimiter<Digest>>>,
    open: Arc<Open>,
    clock: DefaultClock,
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
        for (limit, charge) in permitted.charges() {
            let Some(rate) = limit.rate else { continue };
            let limiter = self.limiter(limit.id, rate);
            if limiter.len() >= KEYS_MAX {
                limiter.retain_recent();
                if limiter.len() >= KEYS_MAX {
                    return Err(Refusal::from(Reason::RateExceeded).detail("too many keys are being counted"));
                }
            }
            if let Err(until) = limiter.check_key(&charge.key) {
                let wait = until.wait_time_from(self.clock.now());
                let mut refusal = Refusal::from(Reason::RateExceeded).for_id(permitted.message().id.clone());
                refusal.retry_after = Some(wait.as_secs() + 1);
                return Err(refusal);
            }
        }
        Ok(held)
    }

    /// Forgets limits that no policy has any more.
    pub fn retain(&self, keep: &dyn Fn(&Digest) -> bool) {
        self.limiters.retain(|id, _| keep(id));
    }

    fn limiter(&self, id: Digest, rate: Rate) -> Arc<DefaultKeyedRateLimiter<Digest>> {
        if let Some(found) = self.limiters.get(&id) {
            return found.clone();
        }
        let quota = Quota::with_period(rate.period).unwrap_or(Quota::per_second(std::num::NonZeroU32::MIN));
        let made = Arc::new(RateLimiter::keyed(quota.allow_burst(rate.burst)));
        self.limiters.entry(id).or_insert(made).clone()
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
