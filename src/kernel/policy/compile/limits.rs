//! `limits`.
use super::rules::{Context, Named};
use super::{DURATION, Key, Limit, Rate, duration};
use crate::kernel::digest::Digest;
use crate::kernel::policy::condition::KeyExpression;
use crate::kernel::policy::flaw::{Check, nearest};
use crate::kernel::policy::names::NamePattern;
use crate::kernel::policy::source::{LimitSource, Per};
use std::num::NonZeroU32;
use std::time::Duration;

const DURATIONS: &str = "as in 500ms, 30s, 2m, 1h";

impl Context<'_> {
    /// Limits, each with the identity by which its counts outlive a reload.
    pub fn limits(&mut self, source: &[LimitSource], server: &str, rules: &[Named<NamePattern>]) -> Vec<Limit> {
        let mut limits = Vec::new();
        for (index, limit) in source.iter().enumerate() {
            let at = format!("/limits/{index}");
            let LimitSource { per, key, roles, tools, rate, burst, concurrency, arguments_max, reply_max, time } =
                limit;
            let counts = rate.is_some() || concurrency.is_some();
            let measures = arguments_max.is_some() || reply_max.is_some() || time.is_some();
            if !counts && !measures {
                let hint = "give rate, concurrency, arguments_max, reply_max or time";
                self.flaws.add(Check::LimitEmpty, &at, "this limits nothing", hint);
            } else if let Some((field, message, hint)) = counted_by(counts, per.is_some(), key.is_some()) {
                self.flaws.add(Check::LimitEmpty, format!("{at}{field}"), message, hint);
            }
            let compiled = Limit {
                id: Digest::of(format!("{server}\0{limit:?}").as_bytes()),
                per: self.key(&at, *per, key.as_deref()),
                roles: self.known_roles(&at, roles.as_deref().unwrap_or_default()),
                tools: tools.as_ref().map(|names| self.limited(&at, names, rules)),
                rate: self.rate(&at, rate.as_deref(), *burst),
                concurrency: concurrency.and_then(|most| self.positive(&format!("{at}/concurrency"), most)),
                arguments_max: self.size(format!("{at}/arguments_max"), arguments_max.as_deref()),
                reply_max: self.size(format!("{at}/reply_max"), reply_max.as_deref()),
                time: self.flaws.read(DURATION, format!("{at}/time"), time.as_deref(), duration, DURATIONS),
            };
            limits.push(compiled);
        }
        limits
    }

    fn key(&mut self, at: &str, per: Option<Per>, key: Option<&str>) -> Key {
        match key.map(|source| KeyExpression::compile(source, self.claims)) {
            Some(Ok(expression)) => Key::Expression(expression),
            Some(Err(problems)) => {
                self.problems(&format!("{at}/key"), problems);
                Key::Per(Per::Server)
            }
            None => Key::Per(per.unwrap_or(Per::Server)),
        }
    }

    /// Patterns of tools, each of which some rule is about.
    pub fn limited(&mut self, at: &str, names: &[String], rules: &[Named<NamePattern>]) -> Vec<NamePattern> {
        let mut patterns = Vec::new();
        for (index, name) in names.iter().enumerate() {
            let at = format!("{at}/tools/{index}");
            let Some(pattern) = self.name_pattern(&at, name) else { continue };
            if !rules.iter().any(|rule| rule.pattern.overlaps(&pattern)) {
                let known = rules.iter().map(|rule| rule.rule.label.as_str());
                let hint = match nearest(name, known) {
                    Some(meant) => format!("did you mean `{meant}`? otherwise name it under `tools` too"),
                    None => "name it under `tools` too".to_owned(),
                };
                self.flaws.add(Check::TargetWithoutRule, at, format!("no rule for tool `{name}`"), hint);
            }
            patterns.push(pattern);
        }
        patterns
    }

    fn rate(&mut self, at: &str, rate: Option<&str>, burst: Option<u32>) -> Option<Rate> {
        let Some(rate) = rate else {
            if burst.is_some() {
                self.flaws.add(Check::BurstZero, format!("{at}/burst"), "a burst without a rate", "give `rate` too");
            }
            return None;
        };
        // More in a second than there are nanoseconds has no time between two calls.
        let parsed = parse_rate(rate).filter(|(count, window)| !(*window / count.get()).is_zero());
        let Some((count, window)) = parsed else {
            let message = format!("`{rate}` is not a rate");
            self.flaws.add(Check::RateMalformed, format!("{at}/rate"), message, "as in 600/min, 5/hour, 10/s");
            return None;
        };
        let burst = match burst {
            Some(burst) => self.positive(&format!("{at}/burst"), burst)?,
            None => count,
        };
        Some(Rate { period: window / count.get(), burst })
    }

    fn positive(&mut self, at: &str, number: u32) -> Option<NonZeroU32> {
        let positive = NonZeroU32::new(number);
        if positive.is_none() {
            self.flaws.add(Check::BurstZero, at, "0 would refuse everything", "give at least 1, or leave it out");
        }
        positive
    }

    fn size(&mut self, at: String, text: Option<&str>) -> Option<usize> {
        self.flaws.read((Check::SizeMalformed, "a size"), at, text, parse_size, "as in 512, 64KiB, 1MiB")
    }
}

/// What is wrong with `per` and `key`, for a limit that counts or does not.
fn counted_by(counts: bool, per: bool, key: bool) -> Option<(&'static str, &'static str, &'static str)> {
    match (counts, per, key) {
        (_, true, true) => Some(("/key", "counted by `per` and by `key`", "keep one of the two")),
        (true, false, false) => Some(("", "not said what is counted by", "give per, as in per: subject, or key")),
        (false, true, false) => Some(("/per", "`per` without a rate or concurrency", "sizes and times need none")),
        (false, false, true) => Some(("/key", "`key` without a rate or concurrency", "sizes and times need none")),
        (true, true, false) | (true, false, true) | (false, false, false) => None,
    }
}

/// Reads a number of calls, and in which time.
pub fn parse_rate(text: &str) -> Option<(NonZeroU32, Duration)> {
    let (count, unit) = text.split_once('/')?;
    let window = match unit.trim() {
        "s" | "sec" | "second" => 1,
        "min" | "minute" => 60,
        "h" | "hour" => 3600,
        "d" | "day" => 86400,
        _ => return None,
    };
    Some((count.trim().parse().ok()?, Duration::from_secs(window)))
}

/// Bytes; `KiB` and `MiB` by 1024, `kB` and `MB` by 1000.
pub(super) fn parse_size(text: &str) -> Option<usize> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic() || c == ' ');
    let number: usize = digits.parse().ok()?;
    let factor = match text.strip_prefix(digits)?.trim() {
        "" | "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "kB" => 1000,
        "MB" => 1_000_000,
        _ => return None,
    };
    number.checked_mul(factor).filter(|bytes| *bytes > 0)
}
