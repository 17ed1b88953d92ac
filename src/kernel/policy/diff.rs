//! What a change of policy changes: who may newly do what, and who no longer may, computed from the compiled
//! forms. For each thing that either policy speaks of, the two verdicts are functions of a few facts about
//! a caller and a call (a scope is held, a role is held, a condition holds); both are evaluated for every
//! combination of those facts, so nothing is left to a comparison of texts.
use super::compile::{Available, Deny, Role, Rule, Rules, ServerPolicy, StepUp};
use super::names::NamePattern;
use super::template::UriTemplate;
use crate::kernel::facts::Facts;
use crate::kernel::mcp::decode::Target;
use crate::kernel::principal::Principal;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Most facts about one thing; with more, its change is told without saying for whom.
const FACTS_MAX: usize = 14;
/// Most patterns made by intersecting others.
const PATTERNS_MAX: usize = 2000;

/// A fact that a verdict depends on.
#[derive(Clone, Debug)]
pub enum Fact {
    /// The caller has no token.
    Anonymous,
    /// The token has this scope.
    Scope(String),
    /// The caller has this role.
    Role(Arc<Role>),
    /// It is available to the caller now.
    Available(Available),
    /// The login will do.
    StepUp(StepUp),
    /// The condition is true.
    Holds(String),
    /// The condition is true or cannot be evaluated.
    NotFalse(String),
}

impl Fact {
    fn same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Anonymous, Self::Anonymous) => true,
            (Self::Scope(a), Self::Scope(b))
            | (Self::Holds(a), Self::Holds(b))
            | (Self::NotFalse(a), Self::NotFalse(b)) => a == b,
            (Self::Role(a), Self::Role(b)) => a.claim == b.claim && a.any == b.any,
            (Self::Available(a), Self::Available(b)) => a == b,
            (Self::StepUp(a), Self::StepUp(b)) => a == b,
            _ => false,
        }
    }

    /// In words; `held` or not.
    pub fn words(&self, held: bool) -> String {
        let not = if held { "" } else { "not " };
        match self {
            Self::Anonymous => if held { "without a token" } else { "with a token" }.to_owned(),
            Self::Scope(scope) => format!("{} scope {scope}", if held { "with" } else { "without" }),
            Self::Role(role) => format!("{} role {}", if held { "with" } else { "without" }, role.name),
            Self::Available(_) => format!("where it is {not}available"),
            Self::StepUp(_) => format!("{not}with the step-up login"),
            Self::Holds(text) => format!("where `{text}` {}", if held { "holds" } else { "does not hold" }),
            Self::NotFalse(text) => format!("where `{text}` {}", if held { "is not false" } else { "is false" }),
        }
    }
}

/// A kind of caller and call: facts that hold and facts that do not; all others do not matter.
pub type Class = Vec<(Fact, bool)>;

/// What changes for one thing.
#[derive(Clone, Debug)]
pub struct Change {
    /// The thing; a pattern stands for all it fits that is not told of by itself.
    pub target: Target,
    /// Who may now. Each class alone is enough.
    pub allowed: Vec<Class>,
    /// Who no longer may.
    pub denied: Vec<Class>,
    /// Too many facts to say for whom.
    pub unclear: bool,
}

/// Every change of verdicts, over everything that one of the policies speaks of.
pub fn diff(old: &ServerPolicy, new: &ServerPolicy) -> Vec<Change> {
    let tools = patterns([old, new], |server| &server.tools, |deny| &deny.tools);
    let prompts = patterns([old, new], |server| &server.prompts, |deny| &deny.prompts);
    let mut targets: Vec<Target> = representatives(tools).into_iter().map(Target::Tool).collect();
    targets.extend(representatives(prompts).into_iter().map(Target::Prompt));
    let mut resources = BTreeSet::new();
    for server in [old, new] {
        resources.extend(server.resources.iter().map(|(template, _)| template.probe()));
        resources.extend(server.deny.iter().flat_map(|deny| &deny.resources).map(UriTemplate::probe));
    }
    targets.extend(resources.into_iter().map(Target::Resource));
    targets.into_iter().filter_map(|target| change(old, new, target)).collect()
}

/// The patterns that rules and denials speak of.
fn patterns(
    servers: [&ServerPolicy; 2],
    rules: fn(&ServerPolicy) -> &Rules<NamePattern>,
    denied: fn(&Deny) -> &Vec<NamePattern>,
) -> Vec<NamePattern> {
    let of = |server: &&ServerPolicy| {
        let rules = rules(server).iter().map(|(pattern, _)| pattern.clone());
        rules.chain(server.deny.iter().flat_map(|deny| denied(deny).clone())).collect::<Vec<_>>()
    };
    servers.iter().flat_map(of).collect()
}

/// Names that stand for every combination of patterns that a name can fit.
fn representatives(patterns: Vec<NamePattern>) -> Vec<String> {
    let mut all: Vec<NamePattern> = Vec::new();
    for pattern in patterns {
        if !all.contains(&pattern) {
            all.push(pattern);
        }
    }
    let mut at = 0;
    while at < all.len() && all.len() < PATTERNS_MAX {
        for other in 0..at {
            let both = all.get(at).zip(all.get(other)).and_then(|(a, b)| a.intersection(b));
            if let Some(both) = both.filter(|both| !all.contains(both)) {
                all.push(both);
            }
        }
        at += 1;
    }
    all.iter().map(|pattern| pattern.example(NamePattern::ANYTHING)).collect()
}

/// What changes for one thing, if anything does.
pub fn change(old: &ServerPolicy, new: &ServerPolicy, target: Target) -> Option<Change> {
    let (before, after) = (Verdict::of(old, &target), Verdict::of(new, &target));
    let mut facts: Vec<Fact> = Vec::new();
    for fact in before.facts().chain(after.facts()) {
        if !facts.iter().any(|known| known.same(&fact)) {
            facts.push(fact);
        }
    }
    if facts.len() > FACTS_MAX {
        let unclear = format!("{before:?}") != format!("{after:?}");
        return unclear.then(|| Change { target, allowed: Vec::new(), denied: Vec::new(), unclear });
    }
    let (mut allowed, mut denied) = (Vec::new(), Vec::new());
    for bits in 0..1u32 << facts.len() {
        let world = World { facts: &facts, bits };
        if !world.possible() {
            continue;
        }
        match (before.allows(&world), after.allows(&world)) {
            (false, true) => allowed.push(bits),
            (true, false) => denied.push(bits),
            _ => {}
        }
    }
    if allowed.is_empty() && denied.is_empty() {
        return None;
    }
    let (allowed, denied) = (classes(&facts, &allowed), classes(&facts, &denied));
    Some(Change { target, allowed, denied, unclear: false })
}

impl Change {
    /// Whether the verdict on this caller and call changes, and how: true for newly allowed.
    pub fn concerns(
        &self,
        principal: &Principal,
        facts: &Facts,
        condition: &dyn Fn(&str) -> Option<bool>,
    ) -> Option<bool> {
        let holds = |fact: &Fact| match fact {
            Fact::Anonymous => principal.is_anonymous(),
            Fact::Scope(scope) => principal.scopes().contains(scope),
            Fact::Role(role) => role.held_by(principal),
            Fact::Available(available) => available.holds(principal, facts.now),
            Fact::StepUp(step_up) => step_up.met(principal, facts.now),
            Fact::Holds(text) => condition(text) == Some(true),
            Fact::NotFalse(text) => condition(text) != Some(false),
        };
        let any = |classes: &[Class]| classes.iter().any(|class| class.iter().all(|(fact, held)| holds(fact) == *held));
        if any(&self.allowed) { Some(true) } else { any(&self.denied).then_some(false) }
    }
}

/// What decides about one thing in one policy.
#[derive(Debug)]
struct Verdict<'a> {
    rule: Option<&'a Rule>,
    denials: Vec<&'a Rule>,
    anonymous: bool,
}

struct World<'a> {
    facts: &'a [Fact],
    bits: u32,
}

impl World<'_> {
    fn has(&self, fact: &Fact) -> bool {
        self.facts.iter().position(|known| known.same(fact)).is_some_and(|at| self.bits >> at & 1 == 1)
    }

    /// Whether there can be such a caller and call.
    fn possible(&self) -> bool {
        let anonymous = self.has(&Fact::Anonymous);
        self.facts.iter().all(|fact| match fact {
            // Whoever has no token has no scopes and claims.
            Fact::Scope(_) | Fact::Role(_) | Fact::StepUp(_) => !(anonymous && self.has(fact)),
            Fact::Holds(text) => {
                let not_false = Fact::NotFalse(text.clone());
                let known = self.facts.iter().any(|other| other.same(&not_false));
                !(self.has(fact) && known && !self.has(&not_false))
            }
            Fact::Anonymous | Fact::Available(_) | Fact::NotFalse(_) => true,
        })
    }
}

impl<'a> Verdict<'a> {
    fn of(server: &'a ServerPolicy, target: &Target) -> Self {
        let denials = server.deny.iter().filter(|deny| deny.concerns(target)).map(|deny| &*deny.rule).collect();
        let rule = server.rule(target);
        Self { rule: rule.map(|rule| &**rule), denials, anonymous: server.access.anonymous }
    }

    fn facts(&self) -> impl Iterator<Item = Fact> {
        let mut facts = Vec::new();
        if let Some(rule) = self.rule {
            if self.anonymous {
                facts.push(Fact::Anonymous);
            }
            facts.extend(rule.scopes.iter().flat_map(|scope| scope.any.iter().cloned().map(Fact::Scope)));
            facts.extend(rule.roles.iter().cloned().map(Fact::Role));
            facts.extend(rule.available.as_deref().cloned().map(Fact::Available));
            facts.extend(rule.step_up.as_deref().cloned().map(Fact::StepUp));
            facts.extend(rule.when.as_ref().map(|when| Fact::Holds(when.text().to_owned())));
            for denial in &self.denials {
                facts.extend(denial.roles.iter().cloned().map(Fact::Role));
                facts.extend(denial.when.as_ref().map(|when| Fact::NotFalse(when.text().to_owned())));
            }
        }
        facts.into_iter()
    }

    /// `authorize`, over facts.
    fn allows(&self, world: &World<'_>) -> bool {
        let Some(rule) = self.rule else { return false };
        let role =
            |roles: &[Arc<Role>]| roles.is_empty() || roles.iter().any(|role| world.has(&Fact::Role(role.clone())));
        let denied = self.denials.iter().any(|denial| {
            let when = denial.when.as_ref();
            role(&denial.roles) && when.is_none_or(|when| world.has(&Fact::NotFalse(when.text().to_owned())))
        });
        let anonymous = world.has(&Fact::Anonymous);
        !denied
            && (!anonymous || (self.anonymous && rule.anonymous))
            && role(&rule.roles)
            && rule.available.as_ref().is_none_or(|available| world.has(&Fact::Available((**available).clone())))
            && rule.scopes.iter().all(|scope| scope.any.iter().any(|one| world.has(&Fact::Scope(one.clone()))))
            && rule.step_up.as_ref().is_none_or(|step_up| world.has(&Fact::StepUp((**step_up).clone())))
            && rule.when.as_ref().is_none_or(|when| world.has(&Fact::Holds(when.text().to_owned())))
    }
}

/// Worlds as few classes: facts are left out where they make no difference.
fn classes(facts: &[Fact], worlds: &[u32]) -> Vec<Class> {
    let member = |mask: u32, bits: u32| {
        // Every possible world that agrees with `bits` on `mask` is one of these.
        (0..1u32 << facts.len())
            .filter(|world| world & mask == bits & mask && World { facts, bits: *world }.possible())
            .all(|world| worlds.contains(&world))
    };
    let mut found: Vec<(u32, u32)> = Vec::new();
    for bits in worlds {
        if found.iter().any(|(mask, values)| bits & mask == *values) {
            continue;
        }
        let mut mask = (1u32 << facts.len()) - 1;
        for at in 0..facts.len() {
            let wider = mask & !(1 << at);
            if member(wider, *bits) {
                mask = wider;
            }
        }
        found.push((mask, bits & mask));
    }
    let class = |(mask, bits): (u32, u32)| {
        let kept = facts.iter().enumerate().filter(move |(at, _)| mask >> at & 1 == 1);
        kept.map(|(at, fact)| (fact.clone(), bits >> at & 1 == 1)).collect()
    };
    found.into_iter().map(class).collect()
}
