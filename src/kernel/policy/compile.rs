//! Source → [`ServerPolicy`], or every problem at once. Conversion is total: each field of the source
//! is taken apart here, and as many rules come out as went in.
mod access;
pub mod confirm;
mod contract;
mod flow;
mod limits;
pub mod redact;
mod review;
mod rules;

pub use access::is_server_name;
pub use confirm::{Batch, Confirm, Confirmations, Preview};
pub use contract::{lock_name, suspicious};
pub use redact::{Callers, Redact, Redaction};
pub use review::{verb, words};

use super::condition::{Condition, KeyExpression};
use super::flaw::{Check, Flaw, Flaws};
use super::names::{Index, NamePattern};
use super::source::*;
use super::template::{self, UriTemplate};
use crate::kernel::contract::lock::Approvers;
use crate::kernel::contract::published::Contract;
use crate::kernel::contract::widget::Allowed;
use crate::kernel::digest::Digest;
use crate::kernel::flow::Flow;
use crate::kernel::flow::data::Data;
use crate::kernel::flow::links::Links;
use crate::kernel::mcp::decode::Target;
use crate::kernel::principal::Principal;
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

/// Where a rule was written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Position {
    /// File name, relative to the configuration.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// Column, from 1.
    pub column: usize,
}

impl std::fmt::Display for Position {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

/// Finds the position of a JSON pointer.
pub type Locate<'a> = &'a dyn Fn(&str) -> Position;

/// The compiled policy of one server.
#[derive(Debug)]
pub struct ServerPolicy {
    /// Name.
    pub name: String,
    /// URL path it is served at.
    pub path: String,
    /// Its canonical URI: `public_url` and path (RFC 8707).
    pub resource: String,
    /// People who answer for it.
    pub contacts: Vec<String>,
    /// Access.
    pub access: Access,
    /// Where to send.
    pub upstream: UpstreamTarget,
    /// Rules for tools, most specific first.
    pub tools: Rules<NamePattern>,
    /// Rules for prompts, most specific first.
    pub prompts: Rules<NamePattern>,
    /// Rules for resources, most specific first.
    pub resources: Rules<UriTemplate>,
    /// What is refused before any rule is asked.
    pub deny: Vec<Deny>,
    /// Limits.
    pub limits: Vec<Limit>,
    /// Roles by name.
    pub roles: BTreeMap<String, Arc<Role>>,
    /// What the server was reviewed to offer.
    pub contract: Contract,
    /// What happens to sensitive data; nothing if there is none.
    pub redaction: Option<Redaction>,
    /// How people are asked to confirm calls.
    pub confirmations: Confirmations,
    /// Calls that change anything do not reach the server.
    pub preview_only: bool,
    /// Where data may go.
    pub flow: Flow,
    /// Where links may lead; `None` for anywhere.
    pub links: Option<Links>,
    /// Tasks of the extension are passed on.
    pub tasks: bool,
}

impl ServerPolicy {
    /// What callers see of a virtual server: without rules, and nowhere to send.
    pub fn face(name: &str, (path, resource): (String, String), issuers: Vec<String>, audience: String) -> Self {
        Self {
            name: name.to_owned(),
            path,
            resource,
            contacts: Vec::new(),
            access: Access {
                issuers,
                audience,
                also: Vec::new(),
                challenge: ChallengeSource::Http,
                anonymous: false,
                token_life_max: None,
            },
            upstream: UpstreamTarget {
                url: String::new(),
                transport: Transport::Http,
                credential: None,
                ca: None,
                timeout: Duration::ZERO,
            },
            tools: Rules::<NamePattern>::new(Vec::new()),
            prompts: Rules::<NamePattern>::new(Vec::new()),
            resources: Rules::<UriTemplate>::new(Vec::new()),
            deny: Vec::new(),
            limits: Vec::new(),
            roles: BTreeMap::new(),
            contract: Contract {
                lock: String::new(),
                written: false,
                published: None,
                on_drift: OnDrift::default(),
                undeclared: Undeclared::default(),
                output: OutputMode::default(),
                approvals: 1,
                every: Duration::from_secs(60),
                widgets: Allowed::default(),
                domain: None,
                domains: BTreeMap::new(),
                live: Vec::new(),
                hidden_text: HiddenText::default(),
            },
            redaction: None,
            confirmations: Confirmations::default(),
            preview_only: false,
            flow: Flow::default(),
            links: None,
            tasks: false,
        }
    }

    /// The most specific rule for a thing, if there is one.
    pub fn rule(&self, target: &Target) -> Option<&Arc<Rule>> {
        match target {
            Target::Tool(name) => self.tools.find(name),
            Target::Prompt(name) => self.prompts.find(name),
            Target::Resource(uri) => self.resources.find(uri),
            Target::None | Target::Resources(_) | Target::Task(_) => None,
        }
    }

    /// Whether what is told in the course of this may come to a tool that sends out; in the course of nothing that is
    /// known, whether there is such a tool.
    pub fn sends_out(&self, about: &Target) -> bool {
        let sends = |rule: &Arc<Rule>| rule.effect == Some(Effect::Egress);
        match about {
            Target::None | Target::Task(_) => self.tools.iter().any(|(_, rule)| sends(rule)),
            Target::Tool(_) | Target::Prompt(_) | Target::Resource(_) | Target::Resources(_) => {
                self.rule(about).is_some_and(sends)
            }
        }
    }

    /// Every rule, denials last.
    pub fn rules(&self) -> impl Iterator<Item = &Arc<Rule>> {
        let tools = self.tools.iter().map(|(_, rule)| rule);
        let prompts = self.prompts.iter().map(|(_, rule)| rule);
        let resources = self.resources.iter().map(|(_, rule)| rule);
        tools.chain(prompts).chain(resources).chain(self.deny.iter().map(|denial| &denial.rule))
    }
}

/// Rules, most specific first, and how to find the one that decides.
#[derive(Debug)]
pub struct Rules<P> {
    list: Vec<(P, Arc<Rule>)>,
    index: Index,
}

impl<P> Rules<P> {
    /// All of them.
    pub fn iter(&self) -> std::slice::Iter<'_, (P, Arc<Rule>)> {
        self.list.iter()
    }

    /// How many.
    pub fn count(&self) -> usize {
        self.list.len()
    }
}

impl Rules<NamePattern> {
    fn new(mut list: Vec<(NamePattern, Arc<Rule>)>) -> Self {
        list.sort_by_cached_key(|(pattern, _)| pattern.precedence());
        Self { index: Index::of_names(list.iter().map(|(pattern, _)| pattern)), list }
    }

    /// The rule that decides about a name.
    pub fn find(&self, name: &str) -> Option<&Arc<Rule>> {
        let fits = |at: usize| self.list.get(at).is_some_and(|(pattern, _)| pattern.matches(name));
        self.index.find(name, fits).and_then(|at| self.list.get(at)).map(|(_, rule)| rule)
    }
}

impl Rules<UriTemplate> {
    fn new(mut list: Vec<(UriTemplate, Arc<Rule>)>) -> Self {
        list.sort_by_cached_key(|(template, _)| template.precedence());
        Self { index: Index::of_prefixes(list.iter().map(|(template, _)| template.prefix())), list }
    }

    /// The rule that decides about a URI, or about a template that the upstream offers. None does if the upstream may
    /// read the URI as another, about which a more specific rule decides: `vip/` or `vip?` for `vip`.
    pub fn find(&self, uri: &str) -> Option<&Arc<Rule>> {
        let fits = |at: usize| self.list.get(at).is_some_and(|(t, _)| t.matches(uri) || t.covers(uri));
        let found = self.index.find(uri, fits)?;
        let before = self.list.get(..found).filter(|before| !before.is_empty());
        let passed = before.is_some_and(|before| {
            let readings: Vec<String> = template::readings(uri).collect();
            before.iter().any(|(template, _)| template.may_mean(uri, &readings))
        });
        self.list.get(found).filter(|_| !passed).map(|(_, rule)| rule)
    }
}

/// Whose tokens are accepted.
#[derive(Debug)]
pub struct Access {
    /// Issuer names.
    pub issuers: Vec<String>,
    /// Required audience.
    pub audience: String,
    /// Audiences of virtual servers that this one is part of: their callers come through them.
    pub also: Vec<String>,
    /// How a missing scope is answered.
    pub challenge: ChallengeSource,
    /// Whether callers without a token are let in, to what says so.
    pub anonymous: bool,
    /// Longest time to a token's expiry, in seconds.
    pub token_life_max: Option<u64>,
}

/// Where to send, and as whom.
#[derive(Debug)]
pub struct UpstreamTarget {
    /// URL; of a program `stdio:` and its command. What a server is known by.
    pub url: String,
    /// How it is spoken to.
    pub transport: Transport,
    /// Where the credential comes from.
    pub credential: Option<SecretSource>,
    /// Certificate authority file.
    pub ca: Option<String>,
    /// Longest wait for response headers.
    pub timeout: Duration,
}

/// How a tool server is spoken to.
#[derive(Clone, Debug)]
pub enum Transport {
    /// Streamable HTTP.
    Http,
    /// HTTP+SSE of 2024-11-05.
    Events,
    /// A program, on standard input and output.
    Command(Program),
}

/// A program to start.
#[derive(Clone, Debug)]
pub struct Program {
    /// The program and its arguments; at least one.
    pub command: Vec<String>,
    /// Its environment, as far as it is no secret.
    pub environment: BTreeMap<String, String>,
    /// Where secret variables come from.
    pub secrets: BTreeMap<String, SecretSource>,
    /// Where it runs.
    pub directory: Option<String>,
    /// One process for all callers.
    pub shared: bool,
    /// Most processes at once.
    pub processes_max: usize,
    /// How long an unused process is kept.
    pub idle: Duration,
    /// Most memory, in bytes.
    pub memory_max: u64,
    /// Most open files.
    pub files_max: u64,
}

/// A compiled rule. Scopes, roles and conditions of one text are shared between rules: of thousands, the few that callers have stay
/// in the processor's cache.
#[derive(Debug)]
pub struct Rule {
    /// Where it was written.
    pub position: Position,
    /// Pattern as written, for records and metrics; of a denial, its name.
    pub label: String,
    /// Effect, for tools.
    pub effect: Option<Effect>,
    /// Also for callers without a token.
    pub anonymous: bool,
    /// All of these scopes.
    pub scopes: Arc<[Arc<Scope>]>,
    /// Any of these roles, each with what it takes; empty for no roles needed.
    pub roles: Arc<[Arc<Role>]>,
    /// Where, for whom and when.
    pub available: Option<Arc<Available>>,
    /// A recent or stronger login.
    pub step_up: Option<Arc<StepUp>>,
    /// Condition.
    pub when: Option<Arc<Condition>>,
    /// What calls need before they go on.
    pub confirm: Option<Arc<Confirm>>,
    /// What its data is, and what of it goes on.
    pub data: Option<Arc<Data>>,
}

/// A scope that a rule asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    /// The scope.
    pub name: String,
    /// The scopes that will do: itself, and those that imply it.
    pub any: Vec<String>,
}

/// A compiled role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Role {
    /// Its name.
    pub name: String,
    /// Claim path.
    pub claim: Vec<String>,
    /// Any of these values.
    pub any: Vec<String>,
}

/// Where, for whom and when.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Available {
    /// OAuth clients.
    pub clients: Option<Vec<String>>,
    /// Claim paths with the values that will do.
    pub claims: Vec<(Vec<String>, Vec<String>)>,
    /// Days, Monday first.
    pub days: Option<[bool; 7]>,
    /// Minutes of the day, from and until.
    pub hours: Option<(u32, u32)>,
    /// Seconds since 1970, from.
    pub after: Option<u64>,
    /// Seconds since 1970, until.
    pub before: Option<u64>,
}

/// A recent or stronger login (RFC 9470).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepUp {
    /// Accepted `acr` values; empty for any.
    pub acr: Vec<String>,
    /// Longest time since the login, in seconds.
    pub max_age: Option<u64>,
}

/// A refusal that nothing overrides.
#[derive(Debug)]
pub struct Deny {
    /// These tools.
    pub tools: Vec<NamePattern>,
    /// These prompts.
    pub prompts: Vec<NamePattern>,
    /// These resources.
    pub resources: Vec<UriTemplate>,
    /// Everything.
    pub everything: bool,
    /// Position, name, roles and condition.
    pub rule: Arc<Rule>,
}

/// A compiled limit.
#[derive(Debug)]
pub struct Limit {
    /// Identity of the limit: counts go on across reloads that leave it as it is.
    pub id: Digest,
    /// Counted by.
    pub per: Key,
    /// Only callers with one of these roles; empty for all.
    pub roles: Vec<Arc<Role>>,
    /// Only these tools.
    pub tools: Option<Vec<NamePattern>>,
    /// Rate.
    pub rate: Option<Rate>,
    /// Most unanswered at once.
    pub concurrency: Option<NonZeroU32>,
    /// Longest arguments, in bytes.
    pub arguments_max: Option<usize>,
    /// Longest reply or event, in bytes.
    pub reply_max: Option<usize>,
    /// Longest time for the whole answer.
    pub time: Option<Duration>,
}

/// What a limit counts by.
#[derive(Debug)]
pub enum Key {
    /// One of the named ones.
    Per(Per),
    /// The value of an expression.
    Expression(KeyExpression),
}

/// A rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Time to earn one call.
    pub period: Duration,
    /// Calls that may come at once.
    pub burst: NonZeroU32,
}

impl Role {
    /// Whether a caller has it.
    pub fn held_by(&self, principal: &Principal) -> bool {
        claim_has(principal.claims(), &self.claim, &self.any)
    }
}

impl Scope {
    /// Whether a caller has it, or one that implies it.
    pub fn held_by(&self, principal: &Principal) -> bool {
        self.any.iter().any(|scope| principal.scopes().contains(scope))
    }
}

impl Available {
    /// Whether it is, for this caller at this time.
    pub fn holds(&self, principal: &Principal, now: u64) -> bool {
        let minute = u32::try_from(now / 60 % 1440).unwrap_or(0);
        // 1970 began on a Thursday.
        let day = usize::try_from((now / 86_400 + 3) % 7).unwrap_or(0);
        let hours = |(from, until): (u32, u32)| match from.cmp(&until) {
            Ordering::Less => (from..until).contains(&minute),
            Ordering::Equal | Ordering::Greater => minute >= from || minute < until,
        };
        self.clients.as_ref().is_none_or(|any| principal.client().is_some_and(|id| any.iter().any(|c| c == id)))
            && self.claims.iter().all(|(path, any)| claim_has(principal.claims(), path, any))
            && self.days.is_none_or(|days| days.get(day).copied().unwrap_or(false))
            && self.hours.is_none_or(hours)
            && self.after.is_none_or(|after| now >= after)
            && self.before.is_none_or(|before| now < before)
    }
}

impl StepUp {
    /// Whether the caller's login will do. Claims `acr` and `auth_time` of OIDC Core, section 2.
    pub fn met(&self, principal: &Principal, now: u64) -> bool {
        let claim = |name: &str| principal.claims().get(name);
        let acr = claim("acr").and_then(|acr| acr.as_str());
        let login = claim("auth_time").and_then(|time| time.as_u64());
        (self.acr.is_empty() || acr.is_some_and(|acr| self.acr.iter().any(|wanted| wanted == acr)))
            && self.max_age.is_none_or(|max| login.is_some_and(|login| recent(login, now, max)))
    }
}

/// A login that is yet to happen is none, but for clocks that differ a little.
fn recent(login: u64, now: u64, max: u64) -> bool {
    const SKEW_SECONDS: u64 = 30;
    login <= now.saturating_add(SKEW_SECONDS) && now.saturating_sub(login) <= max
}

impl Deny {
    /// Whether it is about this at all.
    pub fn concerns(&self, target: &Target) -> bool {
        self.everything
            || match target {
                Target::Tool(name) => self.tools.iter().any(|pattern| pattern.matches(name)),
                Target::Prompt(name) => self.prompts.iter().any(|pattern| pattern.matches(name)),
                Target::Resource(uri) => self.resources.iter().any(|template| template.denies(uri)),
                Target::None | Target::Resources(_) | Target::Task(_) => false,
            }
    }
}

/// Whether a claim is one of these values, or a list with one. `scope` is a list written as one text
/// (RFC 6749, section 3.3); numbers and booleans are compared as they are written.
fn claim_has(claims: &serde_json::Value, path: &[String], any: &[String]) -> bool {
    let fits = |value: &serde_json::Value| match value {
        serde_json::Value::String(text) => any.iter().any(|v| v == text),
        serde_json::Value::Bool(_) | serde_json::Value::Number(_) => any.contains(&value.to_string()),
        _ => false,
    };
    match path.iter().try_fold(claims, |value, part| value.get(part)) {
        Some(serde_json::Value::Array(many)) => many.iter().any(fits),
        Some(serde_json::Value::String(text)) if path == ["scope"] => {
            text.split(' ').any(|one| any.iter().any(|v| v == one))
        }
        Some(value) => fits(value),
        None => false,
    }
}

/// Whether what is said of some tools, or of everything if none are named, is about a thing.
pub fn is_about(tools: Option<&[NamePattern]>, target: &Target) -> bool {
    match (tools, target) {
        (None, _) => true,
        (Some(tools), Target::Tool(name)) => tools.iter().any(|tool| tool.matches(name)),
        (Some(_), _) => false,
    }
}

/// One path segment of a JSON pointer (RFC 6901).
pub fn pointer(segment: &str) -> String {
    format!("/{}", segment.replace('~', "~0").replace('/', "~1"))
}

/// What came of compiling.
#[derive(Debug)]
pub struct Compiled {
    /// The policy, if nothing keeps it from being in force.
    pub policy: Option<ServerPolicy>,
    /// Everything found, warnings too; in the order of the source.
    pub flaws: Vec<Flaw>,
}

/// What a policy is compiled against.
pub struct Surroundings<'a> {
    /// Names of the issuers that `gateway.yaml` declares.
    pub issuers: &'a [String],
    /// `public_url` of `gateway.yaml`, without a trailing slash.
    pub public_url: &'a str,
    /// Text of the lock file, or why it cannot be had (`None`: there is none); `None` if nobody looked.
    pub lock: Option<Result<&'a str, Option<String>>>,
    /// Whose approvals count.
    pub approvers: &'a Approvers,
}

impl<'a> Surroundings<'a> {
    /// Without a lock file, and without a word about that.
    pub fn new(issuers: &'a [String], public_url: &'a str) -> Self {
        static NOBODY: Approvers = Approvers::new();
        Self { issuers, public_url, lock: None, approvers: &NOBODY }
    }
}

/// Compiles one policy.
pub fn compile(source: PolicySource, given: &Surroundings<'_>, locate: Locate<'_>) -> Compiled {
    let (issuers, public_url) = (given.issuers, given.public_url);
    let mut flaws = Flaws::default();
    let PolicySource {
        server,
        path,
        include: _, // What was included is already in the rest.
        contacts,
        claims,
        scopes,
        upstream,
        access,
        roles,
        defaults,
        tools,
        resources,
        prompts,
        deny: deny_source,
        limits,
        redact,
        data_types,
        contract,
        mode,
        tasks_mode,
        confirmations,
        flow,
        links,
        suppress,
    } = &source;
    let path = access::path(server, path.clone(), &mut flaws);
    let resource = format!("{public_url}{path}");
    let mut context = rules::Context {
        roles: rules::roles(roles, claims.as_ref(), &mut flaws),
        scopes: BTreeMap::new(),
        scope_sets: BTreeMap::new(),
        role_sets: BTreeMap::new(),
        conditions: BTreeMap::new(),
        implied: rules::implied(scopes, &mut flaws),
        claims: claims.as_ref(),
        anonymous: access.anonymous,
        defaults,
        used: BTreeSet::new(),
        locate,
        flaws: &mut flaws,
    };
    let tools = context.tools(tools);
    let prompts = context.prompts(prompts);
    let resources = context.resources(resources);
    let deny = context.deny(deny_source);
    let limits = context.limits(limits, server, &tools);
    let mut redaction = context.redaction(redact, data_types, &tools);
    let confirmations = context.confirmations(confirmations.as_ref(), &tools);
    let labelled = tools.iter().map(|named| &named.rule).chain(prompts.iter().map(|named| &named.rule));
    let labelled = labelled.chain(resources.iter().map(|named| &named.rule)).any(|rule| rule.data.is_some());
    let flow = context.flow(flow.as_ref(), &tools, labelled);
    let links = context.links(links.as_ref());
    let (roles, used) = (context.roles, context.used);
    rules::shadowed((deny_source, &deny), (&tools, &prompts), &resources, &mut flaws);
    review::unused(&roles, &used, &mut flaws);
    let contract = contract::contract(server, contract.as_ref(), given, &tools, &mut flaws);
    if let (Some(redaction), Some(published)) = (&mut redaction, &contract.published) {
        redaction.engine.know(published.properties());
    }
    contract::unknown(&contract, &tools, &prompts, &mut flaws);
    contract::conditions(&contract, &tools, claims.as_ref(), &mut flaws);
    review::tools(&tools, &mut flaws);
    review::server(&source, &resource, &mut flaws);
    let upstream = access::upstream(upstream, &mut flaws);
    let access = access::access(access, issuers, &resource, &mut flaws);
    let mut flaws = flaws.without_repetitions();
    review::suppress(suppress, &mut flaws);
    let policy = ServerPolicy {
        name: server.clone(),
        path,
        resource,
        contacts: contacts.clone(),
        access,
        upstream,
        tools: Rules::<NamePattern>::new(tools.into_iter().map(|t| (t.pattern, t.rule)).collect()),
        prompts: Rules::<NamePattern>::new(prompts.into_iter().map(|t| (t.pattern, t.rule)).collect()),
        resources: Rules::<UriTemplate>::new(resources.into_iter().map(|t| (t.pattern, t.rule)).collect()),
        deny,
        limits,
        roles,
        contract,
        redaction,
        confirmations,
        preview_only: *mode == ServerMode::Preview,
        flow,
        links,
        tasks: *tasks_mode == TasksMode::Pass,
    };
    Compiled { policy: (!flaws.fatal()).then_some(policy), flaws: flaws.0 }
}

/// What a text that should be a duration is told to be not.
const DURATION: (Check, &str) = (Check::DurationMalformed, "a duration");
/// The same, where anything shorter than a second means nothing.
const SECONDS: (Check, &str) = (Check::DurationMalformed, "a duration of seconds");

/// Whole seconds of a duration, at least one.
fn seconds(text: &str) -> Option<u64> {
    duration(text).map(|duration| duration.as_secs()).filter(|seconds| *seconds > 0)
}

/// Reads `500ms`, `30s`, `2m`, `1h`.
pub fn duration(text: &str) -> Option<Duration> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let number: u64 = digits.parse().ok()?;
    let unit = text.strip_prefix(digits)?;
    let milliseconds = match unit {
        "ms" => 1,
        "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    number.checked_mul(milliseconds).filter(|n| *n > 0).map(Duration::from_millis)
}
