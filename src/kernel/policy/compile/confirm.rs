//! `confirm`, `preview`, `batch` and `confirmations`.
use super::limits::parse_rate;
use super::rules::{Context, Named, parse_hours};
use super::{Role, SECONDS, pointer, seconds};
use crate::kernel::confirm::machine::Mode;
use crate::kernel::confirm::pace::{Budget, CoolDown, Pace};
use crate::kernel::policy::flaw::{Check, choice};
use crate::kernel::policy::names::NamePattern;
use crate::kernel::policy::source::*;
use std::sync::Arc;

/// What calls of a tool need before they go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Confirm {
    /// Ways of asking, the first that fits. Never empty.
    pub ways: Vec<Mode>,
    /// What is shown besides the arguments.
    pub preview: Option<Preview>,
    /// It is made again before the call goes on, and has to be the same.
    pub recheck: bool,
    /// One approval for several like calls.
    pub batch: Option<Batch>,
}

/// What a call would do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Preview {
    /// The same tool with this argument true.
    Argument(String),
    /// Another tool that reads: its arguments by paths of the call's, and what of its result changes.
    Tool {
        /// Name.
        name: String,
        /// Arguments with where they are taken from.
        arguments: Vec<(String, String)>,
        /// Paths in the result with the arguments that replace them.
        diff: Vec<(String, String)>,
    },
    /// A sentence.
    Template(String),
}

/// One approval for several like calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// Most calls.
    pub calls_max: u32,
    /// What is the same in all.
    pub same: Vec<String>,
}

/// How people are asked.
#[derive(Clone, Debug, Default)]
pub struct Confirmations {
    /// Roles of approvers.
    pub roles: Vec<Arc<Role>>,
    /// Whether the requester may not be the approver; by effect if not said.
    pub separate: Option<bool>,
    /// Seconds for `approver`.
    pub approver_seconds: u64,
    /// Seconds for `elicit`.
    pub elicit_seconds: u64,
    /// Seconds for `code`.
    pub code_seconds: u64,
    /// Clients whose own prompts are relied on.
    pub hosts: Vec<String>,
    /// How often.
    pub pace: Pace,
    /// Arguments that are not shown.
    pub hidden: Vec<String>,
}

impl Confirm {
    /// The ways of asking, in words.
    pub fn words(&self) -> String {
        self.ways.iter().map(|way| way.name()).collect::<Vec<_>>().join(", else ")
    }
}

impl Confirmations {
    /// How long a confirmation of this kind is good for, in seconds.
    pub fn seconds(&self, mode: Mode) -> u64 {
        match mode {
            Mode::Approver => self.approver_seconds,
            Mode::Code => self.code_seconds,
            Mode::Elicit | Mode::Host => self.elicit_seconds,
        }
    }

    /// Whether the requester may not be the approver.
    pub fn is_separate(&self, effect: Effect) -> bool {
        self.separate.unwrap_or(effect == Effect::Destructive)
    }
}

impl Context<'_> {
    /// What a tool's calls need, by its own words or by the defaults for its effect.
    pub fn confirm(&mut self, at: &str, source: &ToolSource) -> Option<Arc<Confirm>> {
        let ToolSource { effect, confirm, preview, batch, .. } = source;
        let defaults = self.defaults.confirm.as_ref();
        let default = defaults.and_then(|defaults| match effect {
            Effect::Read => None,
            Effect::Write => defaults.write.as_ref(),
            Effect::Destructive => defaults.destructive.as_ref(),
            Effect::Egress => defaults.egress.as_ref(),
        });
        let ways = confirm.as_ref().or(default).cloned().unwrap_or_default();
        let recheck = preview.as_ref().is_some_and(|preview| preview.recheck.unwrap_or(true));
        let preview = preview.as_ref().and_then(|preview| self.preview(&format!("{at}/preview"), preview));
        if let Some(BatchSource { calls_max: 0 | 1, .. }) = batch {
            let (message, hint) = ("a batch of less than two calls", "at least 2, or leave `batch` out");
            self.flaws.add(Check::BatchUseless, format!("{at}/batch/calls_max"), message, hint);
        }
        if batch.is_some() && !ways.contains(&Mode::Approver) {
            let (message, hint) = ("only `approver` approves several calls at once", "add it to `confirm`");
            self.flaws.add(Check::BatchUseless, format!("{at}/batch"), message, hint);
        }
        let batch = batch.clone().map(|BatchSource { calls_max, same }| Batch { calls_max, same });
        // Kept also where nobody is asked: a server in preview shows it.
        (!ways.is_empty() || preview.is_some()).then(|| Arc::new(Confirm { ways, preview, recheck, batch }))
    }

    fn preview(&mut self, at: &str, source: &PreviewSource) -> Option<Preview> {
        let PreviewSource { argument, tool, arguments, diff, template, recheck: _ } = source;
        let of_tool = !arguments.is_empty() || !diff.is_empty();
        let pairs = |map: &std::collections::BTreeMap<String, String>| {
            map.iter().map(|(key, value)| (key.clone(), value.clone())).collect()
        };
        match (argument, tool, template) {
            (Some(argument), None, None) if !of_tool => Some(Preview::Argument(argument.clone())),
            (None, Some(name), None) => {
                Some(Preview::Tool { name: name.clone(), arguments: pairs(arguments), diff: pairs(diff) })
            }
            (None, None, Some(template)) if !of_tool => Some(Preview::Template(template.clone())),
            _ => {
                let message = "needs exactly one of `argument`, `tool` and `template`";
                self.flaws.add(Check::PreviewMalformed, at, message, "as in preview: { argument: dry_run }");
                None
            }
        }
    }

    /// Compiles `confirmations`, and holds it against what the rules ask for.
    pub fn confirmations(
        &mut self,
        source: Option<&ConfirmationsSource>,
        tools: &[Named<NamePattern>],
    ) -> Confirmations {
        let written = source.is_some();
        let ConfirmationsSource { approver, elicit, code, host, budget, cool_down, quiet_hours, hide } =
            source.cloned().unwrap_or_default();
        let ApproverTermsSource { roles, separate, expires } = approver.unwrap_or_default();
        let at = "/confirmations";
        let mut until = |path: &str, text: Option<String>, default: u64| {
            self.flaws
                .read(SECONDS, format!("{at}/{path}/expires"), text.as_deref(), seconds, "as in 10m")
                .unwrap_or(default)
        };
        let approver_seconds = until("approver", expires, 600);
        let elicit_seconds = until("elicit", elicit.and_then(|terms| terms.expires), 300);
        let code_seconds = until("code", code.and_then(|terms| terms.expires), 300);
        let roles_written = !roles.is_empty();
        let roles = self.known_roles(&format!("{at}/approver"), &roles);
        let hosts = host.map(|host| host.clients).unwrap_or_default();
        let pace = Pace {
            budget: budget.and_then(|budget| self.budget(&format!("{at}/budget"), &budget)),
            cool_down: cool_down.and_then(|cool_down| self.cool_down(&format!("{at}/cool_down"), &cool_down)),
            quiet: quiet_hours.and_then(|hours| self.quiet(&format!("{at}/quiet_hours"), &hours)),
        };
        let mut used = false;
        for tool in tools {
            let Some(confirm) = &tool.rule.confirm else { continue };
            used |= !confirm.ways.is_empty();
            let asks = |mode: Mode| confirm.ways.contains(&mode);
            let place = format!("{}/confirm", tool.at);
            if asks(Mode::Approver) && !roles_written {
                let message = "nobody could approve: `confirmations.approver` names no role";
                let hint = "as in confirmations: { approver: { roles: [approvers] } }";
                self.flaws.add(Check::ApproverRoleless, &place, message, hint);
            }
            if asks(Mode::Host) && hosts.is_empty() {
                let message = "`host` is for clients that the policy names, and it names none";
                let hint = "as in confirmations: { host: { clients: [desktop-app] } }";
                self.flaws.add(Check::HostUnnamed, &place, message, hint);
            }
            if tool.rule.effect == Some(Effect::Read) && !confirm.ways.is_empty() {
                let message = "people are asked about a call that only reads";
                self.flaws.add(
                    Check::ConfirmOnRead,
                    &place,
                    message,
                    "leave it out, or label the tool as what it does",
                );
            }
            if confirm
                .ways
                .iter()
                .enumerate()
                .any(|(at, way)| confirm.ways.iter().skip(at + 1).any(|other| other == way))
            {
                self.flaws.add(Check::ConfirmRepeated, &place, "one way is written twice", "keep the first");
            }
            if let Some(Preview::Tool { name, .. }) = &confirm.preview {
                let place = format!("{}/preview/tool", tool.at);
                let reads = |named: &&Named<NamePattern>| named.rule.effect == Some(Effect::Read);
                if !tools.iter().filter(reads).any(|named| named.pattern.matches(name)) {
                    let known = tools.iter().filter(reads).map(|named| named.rule.label.as_str());
                    let hint = choice(name, "tools that read", known);
                    let message = format!("`{name}` is no tool whose rule says `effect: read`");
                    self.flaws.add(Check::PreviewMalformed, place, message, hint);
                }
            }
        }
        for tool in tools {
            let destructive = tool.rule.effect == Some(Effect::Destructive);
            // Whoever asks nobody at all has decided that; whoever asks about some has forgotten this one.
            if used && destructive && tool.rule.confirm.as_ref().is_none_or(|confirm| confirm.ways.is_empty()) {
                let message = format!("nobody is asked before `{}`", tool.rule.label);
                self.flaws.add(Check::ConfirmMissing, &tool.at, message, "as in confirm: [elicit, approver]");
            }
        }
        if written && !used {
            let hint = "add confirm to tools, or remove the section";
            self.flaws.add(Check::ConfirmationsUnused, at, "no tool asks for a confirmation", hint);
        }
        Confirmations { roles, separate, approver_seconds, elicit_seconds, code_seconds, hosts, pace, hidden: hide }
    }

    fn budget(&mut self, at: &str, source: &BudgetSource) -> Option<Budget> {
        let BudgetSource { per, prompts } = source;
        let Some((count, window)) = parse_rate(prompts) else {
            let message = format!("`{prompts}` is not a rate");
            self.flaws.add(Check::RateMalformed, format!("{at}/prompts"), message, "as in 20/hour or 5/min");
            return None;
        };
        if count.get() > 10_000 {
            let message = "more than 10000 prompts";
            self.flaws.add(
                Check::RateMalformed,
                format!("{at}/prompts"),
                message,
                "nobody reads so many: as in 20/hour",
            );
            return None;
        }
        Some(Budget {
            per: *per,
            prompts: usize::try_from(count.get()).unwrap_or(usize::MAX),
            seconds: window.as_secs(),
        })
    }

    fn cool_down(&mut self, at: &str, source: &CoolDownSource) -> Option<CoolDown> {
        let CoolDownSource { denials, pause } = source;
        if *denials == 0 {
            let message = "0 denials would always pause";
            self.flaws.add(Check::BurstZero, format!("{at}/denials"), message, "give at least 1, or leave it out");
        }
        let pause = self.flaws.read(SECONDS, format!("{at}/pause"), Some(pause), seconds, "as in 15m")?;
        Some(CoolDown { denials: usize::try_from(*denials).unwrap_or(usize::MAX), seconds: pause })
    }

    fn quiet(&mut self, at: &str, text: &str) -> Option<(u32, u32)> {
        let hours = parse_hours(text);
        if hours.is_none() {
            let hint = "two times of day in UTC, as in 22:00-06:00";
            self.flaws.add(Check::QuietMalformed, at, format!("`{text}` is no part of a day"), hint);
        }
        hours
    }
}

/// Where `confirm` of a tool was written, or would be.
pub fn place(tool: &str) -> String {
    format!("/tools{}/confirm", pointer(tool))
}
