//! `claims`, `scopes`, `roles`, `defaults`, `tools`, `prompts`, `resources` and `deny`.
use super::{Available, Confirm, Deny, Locate, Position, Role, Rule, SECONDS, Scope, StepUp, pointer, seconds};
use crate::kernel::flow::data::Data;
use crate::kernel::policy::condition::{Claims, Condition, Problem, Problems};
use crate::kernel::policy::flaw::{Check, Flaws, choice};
use crate::kernel::policy::names::NamePattern;
use crate::kernel::policy::source::*;
use crate::kernel::policy::template::UriTemplate;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A compiled rule with its pattern, and where it was written.
pub struct Named<P> {
    /// Pattern.
    pub pattern: P,
    /// JSON pointer.
    pub at: String,
    /// Rule.
    pub rule: Arc<Rule>,
}

/// What rules refer to, and where their flaws go.
pub struct Context<'a> {
    /// Declared roles.
    pub roles: BTreeMap<String, Arc<Role>>,
    /// Scopes that rules ask for, each made once.
    pub scopes: BTreeMap<String, Arc<Scope>>,
    /// What rules ask for together: rules that ask for the same share it, which keeps a decision in few cache lines.
    pub scope_sets: BTreeMap<Vec<String>, Arc<[Arc<Scope>]>>,
    /// The same of roles.
    pub role_sets: BTreeMap<Vec<String>, Arc<[Arc<Role>]>>,
    /// Conditions by their text, each compiled once.
    pub conditions: BTreeMap<String, Arc<Condition>>,
    /// For each scope, the scopes that imply it.
    pub implied: BTreeMap<String, BTreeSet<String>>,
    /// Known claims.
    pub claims: Claims<'a>,
    /// Whether callers without a token are let in.
    pub anonymous: bool,
    /// Defaults.
    pub defaults: &'a DefaultsSource,
    /// Roles that something refers to.
    pub used: BTreeSet<String>,
    /// Positions.
    pub locate: Locate<'a>,
    /// Flaws.
    pub flaws: &'a mut Flaws,
}

/// Compiles `roles`.
pub fn roles(
    source: &BTreeMap<String, RoleSource>,
    claims: Claims<'_>,
    flaws: &mut Flaws,
) -> BTreeMap<String, Arc<Role>> {
    let mut roles = BTreeMap::new();
    for (name, RoleSource { claim, any }) in source {
        let at = format!("/roles{}", pointer(name));
        if any.is_empty() {
            let message = "no value: nobody could have this role";
            flaws.add(Check::RoleEmpty, format!("{at}/any"), message, "list the values of the claim");
        }
        let claim = claim_path(&format!("{at}/claim"), claim, claims, flaws);
        roles.insert(name.clone(), Arc::new(Role { name: name.clone(), claim, any: any.clone() }));
    }
    roles
}

fn claim_path(at: &str, claim: &str, known: Claims<'_>, flaws: &mut Flaws) -> Vec<String> {
    if claim.split('.').any(str::is_empty) {
        let hint = "as in groups or realm_access.roles";
        flaws.add(Check::ClaimMalformed, at, format!("`{claim}` is not a claim"), hint);
    } else if let Some(known) = known {
        let below = |of: &String, kind: &ClaimType| {
            *kind == ClaimType::Map && claim.strip_prefix(of.as_str()).is_some_and(|rest| rest.starts_with('.'))
        };
        if !known.contains_key(claim) && !known.iter().any(|(of, kind)| below(of, kind)) {
            let hint = choice(claim, "`claims` lists", known.keys().map(String::as_str));
            flaws.add(Check::ClaimUnknown, at, format!("`claims` lists no `{claim}`"), hint);
        }
    }
    claim.split('.').map(str::to_owned).collect()
}

/// For each scope that another implies, all that do, over any number of steps.
pub fn implied(source: &BTreeMap<String, ScopeSource>, flaws: &mut Flaws) -> BTreeMap<String, BTreeSet<String>> {
    let mut implied: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (name, ScopeSource { implies }) in source {
        let at = format!("/scopes{}", pointer(name));
        scope_token(&at, name, flaws);
        for (index, narrower) in implies.iter().enumerate() {
            scope_token(&format!("{at}/implies/{index}"), narrower, flaws);
        }
        // All that this one leads to, each looked at once.
        let mut reached = BTreeSet::new();
        let mut open: Vec<&String> = implies.iter().collect();
        while let Some(scope) = open.pop() {
            if reached.insert(scope.clone()) {
                open.extend(source.get(scope).into_iter().flat_map(|further| &further.implies));
            }
        }
        if reached.contains(name) {
            flaws.add(
                Check::ScopeCycle,
                &at,
                format!("`{name}` implies itself"),
                "let the wider imply the narrower only",
            );
        }
        for scope in reached {
            implied.entry(scope).or_default().insert(name.clone());
        }
    }
    implied
}

pub(super) fn scope_token(at: &str, scope: &str, flaws: &mut Flaws) {
    // RFC 6749, section 3.3: scope-token.
    if scope.is_empty() || !scope.bytes().all(|b| (0x21..0x7f).contains(&b) && b != b'"' && b != b'\\') {
        flaws.add(Check::ScopeMalformed, at, format!("`{scope}` is not a scope"), "no spaces or quotes");
    }
}

/// Fields that every kind of rule has.
struct Common<'a> {
    effect: Option<Effect>,
    scopes: &'a Option<Vec<String>>,
    roles: &'a Option<Vec<String>>,
    available: &'a Option<AvailableSource>,
    step_up: &'a Option<StepUpSource>,
    anonymous: bool,
    when: &'a Option<String>,
    confirm: Option<Arc<Confirm>>,
    data: Option<Arc<Data>>,
}

impl Context<'_> {
    /// Compiles `tools`.
    pub fn tools(&mut self, source: &BTreeMap<String, ToolSource>) -> Vec<Named<NamePattern>> {
        let mut rules = Vec::new();
        let defaults = self.default_of("tools", self.defaults.tools.as_ref());
        for (name, tool) in source {
            let at = format!("/tools{}", pointer(name));
            let (confirm, data) = (self.confirm(&at, tool), self.data(&at, tool));
            let ToolSource { effect, scopes, roles, available, step_up, anonymous, when, .. } = tool;
            let anonymous = *anonymous;
            let effect = Some(*effect);
            let common = Common { effect, scopes, roles, available, step_up, anonymous, when, confirm, data };
            let rule = self.rule(&at, name, &common, "tools", &defaults);
            rules.extend(self.name_pattern(&at, name).map(|pattern| Named { pattern, at, rule }));
        }
        self.tied(&rules);
        rules
    }

    /// Compiles `prompts`.
    pub fn prompts(&mut self, source: &BTreeMap<String, RuleSource>) -> Vec<Named<NamePattern>> {
        let mut rules = Vec::new();
        let defaults = self.default_of("prompts", self.defaults.prompts.as_ref());
        for (name, source) in source {
            let at = format!("/prompts{}", pointer(name));
            let data = self.data_of(&at, source);
            let rule = self.rule(&at, name, &Common::of(source, data), "prompts", &defaults);
            rules.extend(self.name_pattern(&at, name).map(|pattern| Named { pattern, at, rule }));
        }
        self.tied(&rules);
        rules
    }

    /// Compiles `resources`.
    pub fn resources(&mut self, source: &BTreeMap<String, RuleSource>) -> Vec<Named<UriTemplate>> {
        let mut rules: Vec<Named<UriTemplate>> = Vec::new();
        let defaults = self.default_of("resources", self.defaults.resources.as_ref());
        for (template, source) in source {
            let at = format!("/resources{}", pointer(template));
            let data = self.data_of(&at, source);
            let rule = self.rule(&at, template, &Common::of(source, data), "resources", &defaults);
            let Some(pattern) = self.uri_template(&at, template) else { continue };
            if let Some(other) = rules.iter().find(|other| other.pattern.ties(&pattern)) {
                let message = format!("`{template}` and `{}` fit one URI", other.rule.label);
                self.flaws.add(Check::ResourcesTied, &at, message, "write more literal text in one of them");
            }
            rules.push(Named { pattern, at, rule });
        }
        rules
    }

    /// Compiles `deny`.
    pub fn deny(&mut self, source: &[DenySource]) -> Vec<Deny> {
        let mut compiled = Vec::new();
        for (index, DenySource { name, tools, prompts, resources, roles, when }) in source.iter().enumerate() {
            let at = format!("/deny/{index}");
            let everything = tools.is_none() && prompts.is_none() && resources.is_none();
            let rule = Arc::new(Rule {
                position: (self.locate)(&at),
                label: name.clone(),
                effect: None,
                anonymous: false,
                scopes: Arc::default(),
                roles: self.known_roles(&at, roles.as_deref().unwrap_or_default()).into(),
                available: None,
                step_up: None,
                when: self.condition(&at, when.as_deref()),
                confirm: None,
                data: None,
            });
            compiled.push(Deny {
                tools: self.patterns(&format!("{at}/tools"), tools),
                prompts: self.patterns(&format!("{at}/prompts"), prompts),
                resources: resources
                    .iter()
                    .flatten()
                    .enumerate()
                    .filter_map(|(index, text)| self.uri_template(&format!("{at}/resources/{index}"), text))
                    .collect(),
                everything,
                rule,
            });
        }
        compiled
    }

    /// A default, checked also if no rule takes it.
    fn default_of(&mut self, kind: &str, source: Option<&DefaultSource>) -> DefaultSource {
        let defaults = source.cloned().unwrap_or_default();
        let nothing = RuleSource::default();
        self.rule(&format!("/defaults/{kind}"), kind, &Common::of(&nothing, None), kind, &defaults);
        defaults
    }

    fn patterns(&mut self, at: &str, names: &Option<Vec<String>>) -> Vec<NamePattern> {
        let names = names.iter().flatten().enumerate();
        names.filter_map(|(index, name)| self.name_pattern(&format!("{at}/{index}"), name)).collect()
    }

    fn rule(&mut self, at: &str, label: &str, own: &Common<'_>, kind: &str, defaults: &DefaultSource) -> Arc<Rule> {
        // A flaw of a default is told where the default is written.
        let place = |own: bool| if own { at.to_owned() } else { format!("/defaults/{kind}") };
        let from = place(own.scopes.is_some());
        let scopes = own.scopes.as_ref().or(defaults.scopes.as_ref()).map(Vec::as_slice).unwrap_or_default();
        for (index, scope) in scopes.iter().enumerate() {
            scope_token(&format!("{from}/scopes/{index}"), scope, self.flaws);
        }
        let scopes = self.scope_set(scopes);
        let roles = own.roles.as_ref().or(defaults.roles.as_ref()).map(Vec::as_slice).unwrap_or_default();
        let asks = !scopes.is_empty() || !roles.is_empty();
        let known = self.known_roles(&place(own.roles.is_some()), roles);
        let roles = self.role_sets.entry(roles.to_vec()).or_insert_with(|| known.into()).clone();
        let available = own.available.as_ref().or(defaults.available.as_ref());
        let available = available.map(|source| Arc::new(self.available(&place(own.available.is_some()), source)));
        let step_up = own.step_up.as_ref().or(defaults.step_up.as_ref());
        let step_up = step_up.map(|source| Arc::new(self.step_up(&place(own.step_up.is_some()), source)));
        let reads = own.effect.is_none_or(|effect| effect == Effect::Read);
        if own.anonymous && (!self.anonymous || !reads || asks || step_up.is_some()) {
            let message = "open to anonymous callers, which `access` or the rest of the rule does not allow";
            let hint = "only for `effect: read` without scopes, roles and step_up, with access: { anonymous: true }";
            self.flaws.add(Check::AnonymousBeyondRead, format!("{at}/anonymous"), message, hint);
        }
        let when = self.condition(at, own.when.as_deref());
        let (position, label) = ((self.locate)(at), label.to_owned());
        let (effect, anonymous, confirm, data) = (own.effect, own.anonymous, own.confirm.clone(), own.data.clone());
        Arc::new(Rule { position, label, effect, anonymous, scopes, roles, available, step_up, when, confirm, data })
    }

    /// The scopes of these names, shared.
    pub fn scope_set(&mut self, names: &[String]) -> Arc<[Arc<Scope>]> {
        if let Some(known) = self.scope_sets.get(names) {
            return known.clone();
        }
        let set: Arc<[Arc<Scope>]> = names.iter().map(|name| self.scope(name)).collect();
        self.scope_sets.entry(names.to_vec()).or_insert(set).clone()
    }

    fn scope(&mut self, name: &str) -> Arc<Scope> {
        let wider = self.implied.get(name).into_iter().flatten().cloned();
        let any = std::iter::once(name.to_owned()).chain(wider);
        let make = || Arc::new(Scope { name: name.to_owned(), any: any.collect() });
        self.scopes.entry(name.to_owned()).or_insert_with(make).clone()
    }

    /// The roles of these names; unknown ones are flaws.
    pub fn known_roles(&mut self, at: &str, names: &[String]) -> Vec<Arc<Role>> {
        let mut roles = Vec::new();
        for (index, name) in names.iter().enumerate() {
            self.used.insert(name.clone());
            match self.roles.get(name) {
                Some(role) => roles.push(role.clone()),
                None => {
                    let hint = choice(name, "declared under `roles` are", self.roles.keys().map(String::as_str));
                    let at = format!("{at}/roles/{index}");
                    self.flaws.add(Check::RoleUnknown, at, format!("unknown role `{name}`"), hint);
                }
            }
        }
        roles
    }

    fn condition(&mut self, at: &str, source: Option<&str>) -> Option<Arc<Condition>> {
        let at = format!("{at}/when");
        let source = source?;
        let known = self.conditions.get(source).cloned();
        match known.map_or_else(|| Condition::compile(source, self.claims).map(Arc::new), Ok) {
            Ok(condition) => {
                self.conditions.insert(source.to_owned(), condition.clone());
                if let Some((offset, term)) = condition.always() {
                    let words = [format!("`{term}` always holds"), "remove it, or mend it".to_owned()];
                    self.flaws.add_within(Check::ConditionAlways, at, offset, words);
                }
                Some(condition)
            }
            Err(problems) => {
                self.problems(&at, problems);
                None
            }
        }
    }

    /// What is wrong with an expression, each where it is in the text.
    pub fn problems(&mut self, at: &str, problems: Problems) {
        for Problem { check, offset, message, hint } in problems {
            self.flaws.add_within(check, at, offset, [message, hint]);
        }
    }

    fn available(&mut self, at: &str, source: &AvailableSource) -> Available {
        let at = format!("{at}/available");
        let AvailableSource { clients, claims, days, hours, after, before } = source;
        let mut wrong = |field: &str, message: String, hint: &str| {
            self.flaws.add(Check::NeverAvailable, format!("{at}{field}"), message, hint);
        };
        if clients.as_ref().is_some_and(Vec::is_empty) {
            wrong("/clients", "no client".to_owned(), "list the OAuth clients, or leave it out");
        }
        let none = clients.is_none() && days.is_none() && hours.is_none() && after.is_none() && before.is_none();
        if none && claims.is_empty() {
            wrong("", "nothing is asked for".to_owned(), "give clients, claims, days, hours, after or before");
        }
        for (claim, _) in claims.iter().filter(|(_, any)| any.is_empty()) {
            let hint = "list the values that will do, or leave it out";
            wrong(&format!("/claims{}", pointer(claim)), format!("no value of `{claim}`"), hint);
        }
        let week = days.as_ref().map(|days| Day::ALL.map(|day| days.contains(&day)));
        if days.as_ref().is_some_and(Vec::is_empty) {
            wrong("/days", "no day".to_owned(), "as in days: [mon, tue], or leave it out");
        }
        let minutes = hours.as_deref().and_then(parse_hours);
        if let (Some(text), None) = (hours, minutes) {
            let hint = "two times of day in UTC, as in 08:00-18:00, or 22:00-06:00 over midnight";
            wrong("/hours", format!("`{text}` is no part of a day"), hint);
        }
        let mut instant = |field: &str, text: &Option<String>| {
            let time = text.as_deref().and_then(|text| chrono::DateTime::parse_from_rfc3339(text).ok());
            let seconds = time.and_then(|time| u64::try_from(time.timestamp()).ok());
            if let (Some(text), None) = (text, seconds) {
                wrong(field, format!("`{text}` is not a time"), "RFC 3339, as in 2026-01-01T00:00:00Z");
            }
            seconds
        };
        let (after, before) = (instant("/after", after), instant("/before", before));
        if let (Some(after), Some(before)) = (after, before)
            && after >= before
        {
            wrong("/before", "it ends before it begins".to_owned(), "`before` is later than `after`");
        }
        let claims = claims
            .iter()
            .map(|(claim, any)| {
                let at = format!("{at}/claims{}", pointer(claim));
                (claim_path(&at, claim, self.claims, self.flaws), any.clone())
            })
            .collect();
        Available { clients: clients.clone(), claims, days: week, hours: minutes, after, before }
    }

    fn step_up(&mut self, at: &str, source: &StepUpSource) -> StepUp {
        let at = format!("{at}/step_up");
        let StepUpSource { acr, max_age } = source;
        if acr.is_empty() && max_age.is_none() {
            self.flaws.add(Check::StepUpEmpty, &at, "asks for nothing", "give acr, max_age, or both");
        }
        let max_age = self.flaws.read(SECONDS, format!("{at}/max_age"), max_age.as_deref(), seconds, "as in 5m");
        StepUp { acr: acr.clone(), max_age }
    }

    /// A name or pattern; what is neither is a flaw.
    pub fn name_pattern(&mut self, at: &str, name: &str) -> Option<NamePattern> {
        let parsed = NamePattern::parse(name);
        if let Err(why) = parsed {
            let message = format!("`{name}` is not a name or pattern: {why}");
            self.flaws.add(Check::PatternMalformed, at, message, "as in find_customer or find_*");
        }
        parsed.ok()
    }

    fn uri_template(&mut self, at: &str, text: &str) -> Option<UriTemplate> {
        let parsed = UriTemplate::parse(text);
        if let Err(why) = parsed {
            let message = format!("`{text}` is not a URI template: {why}");
            self.flaws.add(Check::TemplateMalformed, at, message, "as in `crm://customers/{id}`");
        }
        parsed.ok()
    }

    fn tied(&mut self, rules: &[Named<NamePattern>]) {
        for (index, rule) in rules.iter().enumerate().filter(|(_, rule)| !rule.pattern.is_exact()) {
            let earlier = rules.get(..index).unwrap_or_default();
            if let Some(other) = earlier.iter().find(|other| other.pattern.ties(&rule.pattern)) {
                let message = format!("`{}` and `{}` fit one name", other.pattern, rule.pattern);
                self.flaws.add(Check::PatternsTied, &rule.at, message, "write more of the name in one of them");
            }
        }
    }
}

impl<'a> Common<'a> {
    fn of(source: &'a RuleSource, data: Option<Arc<Data>>) -> Self {
        let RuleSource { scopes, roles, available, step_up, anonymous, when, .. } = source;
        Self { effect: None, scopes, roles, available, step_up, anonymous: *anonymous, when, confirm: None, data }
    }
}

/// Rules that can never allow, because a denial without condition covers them. One of everything is left out:
/// whoever writes it means it, and refusing it would keep the open policy in force.
pub fn shadowed(
    (source, deny): (&[DenySource], &[Deny]),
    (tools, prompts): (&[Named<NamePattern>], &[Named<NamePattern>]),
    resources: &[Named<UriTemplate>],
    flaws: &mut Flaws,
) {
    // What was written counts, not what came of it: a denial with a mistake is not one for everybody.
    let always = |source: &DenySource| source.when.is_none() && source.roles.is_none();
    for (_, denial) in source.iter().zip(deny).filter(|(source, denial)| always(source) && !denial.everything) {
        let tools = tools.iter().map(|rule| (rule, &denial.tools));
        let prompts = prompts.iter().map(|rule| (rule, &denial.prompts));
        for (rule, patterns) in tools.chain(prompts) {
            if patterns.iter().any(|pattern| pattern.covers(&rule.pattern)) {
                never(denial, &rule.at, &rule.rule.label, flaws);
            }
        }
        for rule in resources {
            let label = &rule.rule.label;
            if denial.resources.iter().any(|t| t.matches(label) || t.covers(label)) {
                never(denial, &rule.at, label, flaws);
            }
        }
    }
}

fn never(denial: &Deny, at: &str, label: &str, flaws: &mut Flaws) {
    let Position { file, line, .. } = &denial.rule.position;
    let message = format!("`{label}` is always refused by the denial `{}` in {file}:{line}", denial.rule.label);
    flaws.add(Check::RuleShadowed, at, message, "remove the rule, or narrow the denial");
}

/// Minutes of the day, from and until.
pub fn parse_hours(text: &str) -> Option<(u32, u32)> {
    let minute = |text: &str| {
        let (hours, minutes) = text.trim().split_once(':')?;
        let (hours, minutes): (u32, u32) = (hours.parse().ok()?, minutes.parse().ok()?);
        (hours < 24 && minutes < 60 || (hours, minutes) == (24, 0)).then_some(hours * 60 + minutes)
    };
    let (from, until) = text.split_once('-')?;
    let (from, until) = (minute(from)?, minute(until)?);
    (from != until && from < 1440).then_some((from, until))
}
