//! The path to a verdict, in words: the same decision as the gateway's, told step by step. For operators and
//! reviewers; a client never sees it.
use super::compile::{Key, Limit, Role, Rule, ServerPolicy};
use super::condition::Failed;
use super::decide::{Step, Trace, authorize_telling};
use super::source::{Effect, Per};
use crate::kernel::contract::published::Standing;
use crate::kernel::facts::Facts;
use crate::kernel::json::Value;
use crate::kernel::mcp::decode::Target;
use crate::kernel::principal::Principal;
use crate::kernel::refusal::Reason;
use std::fmt::Write as _;

/// Explains whether this caller may use this thing; `args: None` explains a listing.
pub fn explain(
    server: &ServerPolicy,
    principal: &Principal,
    target: &Target,
    args: Option<Value<'_>>,
    facts: &Facts,
) -> String {
    let mut told = Told::default();
    let verdict = match server.access.admits(principal, facts) {
        Err(reason) => {
            told.line("access", format!("the server's `access` does not admit this token: {}", reason.wire().text));
            Err(reason)
        }
        Ok(()) => {
            told.line("access", admitted(server, principal));
            let verdict = authorize_telling(server, principal, target, args, facts, &mut told);
            verdict.map_err(|(reason, _)| reason)
        }
    };
    let mut out = String::new();
    let what = match target {
        Target::Tool(name) => format!("tool `{name}`"),
        Target::Prompt(name) => format!("prompt `{name}`"),
        Target::Resource(uri) => format!("resource `{uri}`"),
        Target::None | Target::Resources(_) | Target::Task(_) => "nothing in particular".to_owned(),
    };
    let who = if principal.is_anonymous() { "an anonymous caller" } else { principal.subject() };
    let (yes, no) = if args.is_some() { ("ALLOWED", "REFUSED") } else { ("LISTED", "HIDDEN") };
    let outcome = match verdict {
        Ok(_) => yes.to_owned(),
        Err(reason) => format!("{no}: {}", reason.name()),
    };
    let _ = writeln!(out, "{what} at `{}`, asked for by {who}: {outcome}", server.name);
    for (topic, line) in &told.lines {
        let _ = writeln!(out, "  {topic:<9} {line}");
    }
    match verdict {
        Ok(rule) => obligations(server, rule, principal, target, &mut out),
        Err(_) if args.is_none() => {
            let _ = writeln!(out, "  client    sees nothing of it");
        }
        Err(reason) => {
            let wire = reason.wire();
            let _ = writeln!(out, "  client    is told {} {}: {}", wire.status, wire.code, wire.text);
            if matches!(reason, Reason::ToolUnknown | Reason::PromptUnknown | Reason::ResourceUnknown) {
                let _ = writeln!(out, "            which is what it is told of things that do not exist");
            }
        }
    }
    out
}

fn admitted(server: &ServerPolicy, principal: &Principal) -> String {
    if principal.is_anonymous() {
        return "callers without a token are let in, to what says so".to_owned();
    }
    format!("issuer `{}` is accepted, and the token is for `{}`", principal.issuer(), server.access.audience)
}

#[derive(Default)]
struct Told {
    lines: Vec<(&'static str, String)>,
    /// Terms of a condition whose owner is told after them.
    terms: Vec<String>,
    denials: bool,
}

impl Told {
    fn line(&mut self, topic: &'static str, text: impl Into<String>) {
        self.lines.push((topic, text.into()));
    }

    fn flush(&mut self) {
        for term in std::mem::take(&mut self.terms) {
            self.line("", term);
        }
    }
}

impl Trace for Told {
    fn step(&mut self, step: Step<'_>) {
        match step {
            Step::Rule(None) => self.line("rule", "none fits, and what no rule allows is refused"),
            Step::Rule(Some(rule)) => {
                let effect = rule.effect.map(|effect| format!(" ({})", effect.name())).unwrap_or_default();
                self.line("rule", format!("`{}`{effect} decides, written at {}", rule.label, rule.position));
                self.denials = true;
            }
            Step::Deny(denial, applies) => {
                let does = if applies { "applies: nothing overrides it" } else { "does not apply" };
                self.line("deny", format!("`{}` at {} {does}", denial.label, denial.position));
                self.flush();
            }
            Step::Anonymous(open) => {
                let text = if open { "is open to them" } else { "is not open to them: a token is needed" };
                self.line("anonymous", format!("the rule {text}"));
            }
            Step::Contract(standing) => self.line(
                "contract",
                match standing {
                    Standing::Live => "there is none",
                    Standing::AsPublished => "has it, and the server is taken to keep to it",
                    Standing::Unpublished => "does not have it: nobody approved it",
                    Standing::Drifted => "has it, but the server now offers something else",
                },
            ),
            Step::Roles(rule, held) => self.line("roles", roles(&rule.roles, held)),
            Step::Available(_, true) => self.line("available", "to this caller at this time"),
            Step::Available(rule, false) => {
                self.line("available", format!("not to this caller, or not now: {}", available(rule)))
            }
            Step::Scope(scope, held) => {
                let wider: Vec<&str> = scope.any.iter().skip(1).map(String::as_str).collect();
                let wider = if wider.is_empty() { String::new() } else { format!(" (or {})", wider.join(", ")) };
                let has = if held { "the token has it" } else { "the token lacks it" };
                self.line("scope", format!("`{}`{wider} is needed: {has}", scope.name));
            }
            Step::StepUp(_, true) => self.line("step-up", "the login is recent and strong enough"),
            Step::StepUp(rule, false) => self.line("step-up", format!("a better login is needed: {}", step_up(rule))),
            Step::Term(text, held) => {
                let how = match held {
                    Some(Ok(true)) => "holds",
                    Some(Ok(false)) => "does not hold",
                    Some(Err(Failed)) => "cannot be evaluated, which counts against the call",
                    None => "depends on the arguments, which a listing does not have",
                };
                // Terms of a denial come before the denial itself, those of the rule after everything else.
                let term = format!("`{text}` {how}");
                if self.lines.iter().any(|(topic, _)| matches!(*topic, "scope" | "roles" | "when")) || !self.denials {
                    self.line("when", term);
                } else {
                    self.terms.push(term);
                }
            }
        }
    }
}

fn roles(needed: &[std::sync::Arc<Role>], held: Option<&str>) -> String {
    let names: Vec<&str> = needed.iter().map(|role| role.name.as_str()).collect();
    match held {
        Some(role) => format!("one of {} is needed: the caller has `{role}`", names.join(", ")),
        None => format!("one of {} is needed: the caller has none of them", names.join(", ")),
    }
}

fn available(rule: &Rule) -> String {
    let Some(available) = &rule.available else { return String::new() };
    let mut parts = Vec::new();
    if let Some(clients) = &available.clients {
        parts.push(format!("clients {}", clients.join(", ")));
    }
    for (claim, any) in &available.claims {
        parts.push(format!("{} one of {}", claim.join("."), any.join(", ")));
    }
    if let Some((from, until)) = available.hours {
        parts.push(format!("{:02}:{:02}-{:02}:{:02} UTC", from / 60, from % 60, until / 60, until % 60));
    }
    if let Some(days) = available.days {
        let names = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
        let open: Vec<&str> = names.into_iter().zip(days).filter_map(|(name, open)| open.then_some(name)).collect();
        parts.push(open.join(", "));
    }
    let date = |seconds: Option<u64>| {
        let time = i64::try_from(seconds?).ok().and_then(|s| chrono::DateTime::from_timestamp(s, 0))?;
        Some(time.to_rfc3339_opts(chrono::SecondsFormat::Secs, true))
    };
    parts.extend(date(available.after).map(|date| format!("from {date}")));
    parts.extend(date(available.before).map(|date| format!("until {date}")));
    parts.join("; ")
}

fn step_up(rule: &Rule) -> String {
    let Some(step_up) = &rule.step_up else { return String::new() };
    let acr = (!step_up.acr.is_empty()).then(|| format!("acr one of {}", step_up.acr.join(", ")));
    let age = step_up.max_age.map(|age| format!("not older than {age} s"));
    acr.into_iter().chain(age).collect::<Vec<_>>().join("; ")
}

/// What goes with a permit.
fn obligations(server: &ServerPolicy, rule: &Rule, principal: &Principal, target: &Target, out: &mut String) {
    if let Some(confirm) = rule.confirm.as_ref().filter(|confirm| !confirm.ways.is_empty()) {
        let _ = writeln!(out, "  confirm   a person is asked first: {}", confirm.words());
    }
    if server.preview_only && rule.effect != Some(Effect::Read) && rule.effect.is_some() {
        let _ = writeln!(out, "  preview   no call of it reaches the server at present");
    }
    for limit in server.limits.iter().filter(|limit| limit.concerns(principal, target)) {
        let _ = writeln!(out, "  limit     {}", limited(limit));
    }
    if let Some(effect) = rule.effect {
        let hint = match effect {
            Effect::Read => "readOnlyHint",
            Effect::Write => "no hint: it writes",
            Effect::Destructive => "destructiveHint",
            Effect::Egress => "openWorldHint",
        };
        let _ = writeln!(out, "  listing   is marked by the policy: {hint}");
    }
}

fn limited(limit: &Limit) -> String {
    let mut parts = Vec::new();
    if let Some(rate) = limit.rate {
        parts.push(format!("one call every {:?}, {} at once", rate.period, rate.burst));
    }
    parts.extend(limit.concurrency.map(|most| format!("{most} unanswered")));
    if !parts.is_empty() {
        parts.push(match &limit.per {
            Key::Per(Per::Subject) => "for each subject".to_owned(),
            Key::Per(Per::Client) => "for each client".to_owned(),
            Key::Per(Per::Tool) => "for each tool".to_owned(),
            Key::Per(Per::Server) => "for all callers together".to_owned(),
            Key::Expression(key) => format!("for each `{}`", key.text()),
        });
    }
    parts.extend(limit.arguments_max.map(|most| format!("arguments up to {most} bytes")));
    parts.extend(limit.reply_max.map(|most| format!("replies up to {most} bytes")));
    parts.extend(limit.time.map(|time| format!("answered within {time:?}")));
    parts.join(", ")
}
