//! How often a person may be asked: people who are asked too often say yes without reading.
use crate::kernel::refusal::{Reason, Refusal};

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
    /// counted by, in seconds since 1970.
    pub fn admits(
        &self,
        prompts: impl Iterator<Item = u64>,
        denials: impl Iterator<Item = u64>,
        now: u64,
    ) -> Result<(), Refusal> {
        if self.quiet.is_some_and(|quiet| within(quiet, now)) {
            return Err(Reason::ConfirmationQuiet.into());
        }
        let since = |seconds: u64| move |time: &u64| time.saturating_add(seconds) > now;
        let wait = |reason: Reason, from: Option<u64>, seconds: u64| {
            let mut refusal = Refusal::from(reason);
            let until = from.unwrap_or(now).saturating_add(seconds);
            refusal.retry_after = Some(until.saturating_sub(now).max(1));
            Err(refusal)
        };
        if let Some(CoolDown { denials: most, seconds }) = self.cool_down {
            let recent: Vec<u64> = denials.filter(since(seconds)).collect();
            if recent.len() >= most {
                return wait(Reason::ConfirmationCoolDown, recent.iter().min().copied(), seconds);
            }
        }
        if let Some(Budget { prompts: most, seconds, per: _ }) = self.budget {
            let recent: Vec<u64> = prompts.filter(since(seconds)).collect();
            if recent.len() >= most {
                return wait(Reason::ConfirmationBudget, recent.iter().min().copied(), seconds);
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
        let mut shown: Vec<u64> = Vec::new();
        for now in (10_000..20_000).step_by(7) {
            match pace.admits(shown.iter().copied(), std::iter::empty(), now) {
                Ok(()) => shown.push(now),
                Err(refusal) => {
                    assert_eq!(refusal.reason, Reason::ConfirmationBudget);
                    let again = now + refusal.retry_after.unwrap();
                    assert!(pace.admits(shown.iter().copied(), std::iter::empty(), again).is_ok(), "as told");
                    assert!(pace.admits(shown.iter().copied(), std::iter::empty(), again - 1).is_err(), "not before");
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
            pace.admits(std::iter::empty(), denials.iter().copied(), now).map_err(|refusal| refusal.reason)
        };
        assert_eq!(asked(&[noon - 10], noon), Ok(()));
        assert_eq!(asked(&[noon - 10, noon - 20], noon), Err(Reason::ConfirmationCoolDown));
        assert_eq!(asked(&[noon - 10, noon - 700], noon), Ok(()), "the older one no longer counts");
        for (hour, quiet) in [(21, false), (22, true), (23, true), (0, true), (5, true), (6, false)] {
            assert_eq!(asked(&[], hour * 3600).is_err(), quiet, "at {hour}");
        }
    }
}
