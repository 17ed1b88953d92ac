//! How often a person may be asked: people who are asked too often say yes without reading.
use crate::kernel::refusal::{Reason, Refusal};
use std::collections::VecDeque;

/// What the policy says of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pace {
    /// So many prompts in so many seconds.
    pub budget: Option<Budget>,
    /// A pause after denials.
    pub cool_down: Option<CoolDown>,
    /// Minutes of the day, from and until, in which nobody is asked. UTC.
    pub quiet: Option<(u32, u32)>,
}

/// So many prompts in so many seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Counted by.
    pub per: super::super::policy::source::Per,
    /// So many.
    pub prompts: usize,
    /// In so many seconds.
    pub seconds: u64,
}

/// A pause after denials.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CoolDown {
    /// After so many denials,
    pub denials: usize,
    /// of which none is older than this, in seconds,
    pub seconds: u64,
}

impl Pace {
    /// How far back anything counts, in seconds.
    pub fn memory(&self) -> u64 {
        let budget = self.budget.map_or(0, |budget| budget.seconds);
        budget.max(self.cool_down.map_or(0, |cool_down| cool_down.seconds))
    }

    /// Whether one more prompt may be shown. `prompts` and `denials` are the times of those before, of whoever is
    /// counted by, in seconds since 1970 and in order.
    pub fn admits(&self, prompts: &VecDeque<u64>, denials: &VecDeque<u64>, now: u64) -> Result<(), Refusal> {
        if self.quiet.is_some_and(|quiet| within(quiet, now)) {
            return Err(Reason::ConfirmationQuiet.into());
        }
        // How many there were in so many seconds, and when the first of them.
        let recent = |times: &VecDeque<u64>, seconds: u64| {
            let from = times.partition_point(|time| time.saturating_add(seconds) <= now);
            (times.len() - from, times.get(from).copied())
        };
        let wait = |reason: Reason, from: Option<u64>, seconds: u64| {
            let mut refusal = Refusal::from(reason);
            let until = from.unwrap_or(now).saturating_add(seconds);
            refusal.retry_after = Some(until.saturating_sub(now).max(1));
            Err(refusal)
        };
        if let Some(CoolDown { denials: most, seconds }) = self.cool_down {
            let (count, first) = recent(denials, seconds);
            if count >= most {
                return wait(Reason::ConfirmationCoolDown, first, seconds);
            }
        }
        if let Some(Budget { prompts: most, seconds, per: _ }) = self.budget {
            let (count, first) = recent(prompts, seconds);
            if count >= most {
                return wait(Reason::ConfirmationBudget, first, seconds);
            }
        }
        Ok(())
    }
}

/// Whether a time is in this part of the day, which may go over midnight.
fn within((from, until): (u32, u32), now: u64) -> bool {
    let minute = u32::try_from(now / 60 % 1440).unwrap_or(0);
    if from < until { (from..until).contains(&minute) } else { minute >= from || minute < until }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::policy::source::Per;

    #[test]
    fn no_window_has_more_prompts_than_the_budget() {
        let pace = Pace { budget: Some(Budget { per: Per::Subject, prompts: 20, seconds: 3600 }), ..Pace::default() };
        let (mut shown, none) = (VecDeque::new(), VecDeque::new());
        for now in (10_000..20_000).step_by(7) {
            match pace.admits(&shown, &none, now) {
                Ok(()) => shown.push_back(now),
                Err(refusal) => {
                    assert_eq!(refusal.reason, Reason::ConfirmationBudget);
                    let again = now + refusal.retry_after.unwrap();
                    assert!(pace.admits(&shown, &none, again).is_ok(), "as told");
                    assert!(pace.admits(&shown, &none, again - 1).is_err(), "not before");
                }
            }
        }
        assert_eq!(shown.len(), 60, "20 in each of the three hours begun");
        for start in &shown {
            assert!(shown.iter().filter(|time| (*start..start + 3600).contains(time)).count() <= 20);
        }
    }

    #[test]
    fn denials_make_a_pause_and_quiet_hours_go_over_midnight() {
        let pace = Pace {
            cool_down: Some(CoolDown { denials: 2, seconds: 600 }),
            quiet: Some((22 * 60, 6 * 60)),
            budget: None,
        };
        let noon = 12 * 3600;
        let asked = |denials: &[u64], now| {
            pace.admits(&VecDeque::new(), &denials.iter().copied().collect(), now).map_err(|refusal| refusal.reason)
        };
        assert_eq!(asked(&[noon - 10], noon), Ok(()));
        assert_eq!(asked(&[noon - 10, noon - 20], noon), Err(Reason::ConfirmationCoolDown));
        assert_eq!(asked(&[noon - 10, noon - 700], noon), Ok(()), "the older one no longer counts");
        for (hour, quiet) in [(21, false), (22, true), (23, true), (0, true), (5, true), (6, false)] {
            assert_eq!(asked(&[], hour * 3600).is_err(), quiet, "at {hour}");
        }
    }
}
