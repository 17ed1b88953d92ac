//! Rates, counted by key (GCRA, governor). Counts go on across reloads that leave a limit as it is.
use crate::kernel::digest::Digest;
use crate::kernel::policy::compile::Limit;
use crate::kernel::policy::decide::Permitted;
use crate::kernel::refusal::{Reason, Refusal};
use dashmap::DashMap;
use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use std::sync::Arc;

/// Most keys of one limit; idle ones are forgotten first.
const KEYS_MAX: usize = 100_000;

/// All counters.
#[derive(Default)]
pub struct Meter {
    limiters: DashMap<Digest, Arc<DefaultKeyedRateLimiter<Digest>>>,
    clock: DefaultClock,
}

impl Meter {
    /// Counts a permit, or refuses with the time to wait.
    pub fn charge(&self, permitted: &Permitted) -> Result<(), Refusal> {
        for (limit, charge) in permitted.charges() {
            let limiter = self.limiter(limit);
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
        Ok(())
    }

    /// Forgets limits that no policy has any more.
    pub fn retain(&self, keep: &dyn Fn(&Digest) -> bool) {
        self.limiters.retain(|id, _| keep(id));
    }

    fn limiter(&self, limit: &Limit) -> Arc<DefaultKeyedRateLimiter<Digest>> {
        if let Some(found) = self.limiters.get(&limit.id) {
            return found.clone();
        }
        let quota = Quota::with_period(limit.period).unwrap_or(Quota::per_second(std::num::NonZeroU32::MIN));
        let made = Arc::new(RateLimiter::keyed(quota.allow_burst(limit.burst)));
        self.limiters.entry(limit.id).or_insert(made).clone()
    }
}
