//! Source → [`ServerPolicy`], or every problem at once. Conversion is total: each field of the source
//! is taken apart here, and as many rules come out as went in.
use super::condition::Condition;
use super::source::*;
use super::template::{NamePattern, UriTemplate};
use crate::kernel::digest::Digest;
use std::collections::BTreeMap;
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

/// One thing wrong with what a person wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flaw {
    /// JSON pointer into the source.
    pub path: String,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub hint: String,
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
    /// Access.
    pub access: Access,
    /// Where to send.
    pub upstream: UpstreamTarget,
    /// Rules for tools, most specific first.
    pub tools: Vec<(NamePattern, Arc<Rule>)>,
    /// Rules for prompts, most specific first.
    pub prompts: Vec<(NamePattern, Arc<Rule>)>,
    /// Rules for resources, most specific first.
    pub resources: Vec<(UriTemplate, Arc<Rule>)>,
    /// Limits.
    pub limits: Vec<Limit>,
}

/// Whose tokens are accepted.
#[derive(Debug)]
pub struct Access {
    /// Issuer names.
    pub issuers: Vec<String>,
    /// Required audience.
    pub audience: String,
    /// How a missing scope is answered.
    pub challenge: ChallengeSource,
}

/// Where to send, and as whom.
#[derive(Debug)]
pub struct UpstreamTarget {
    /// URL.
    pub url: String,
    /// Where the credential comes from.
    pub credential: Option<SecretSource>,
    /// Certificate authority file.
    pub ca: Option<String>,
    /// Longest wait for response headers.
    pub timeout: Duration,
}

/// A compiled rule.
#[derive(Debug)]
pub struct Rule {
    /// Where it was written.
    pub position: Position,
    /// Pattern as written, for records and metrics.
    pub label: String,
    /// Effect, for tools.
    pub effect: Option<Effect>,
    /// All of these scopes.
    pub scopes: Vec<String>,
    /// Any of these roles, each with what it takes; empty for no roles needed.
    pub roles: Vec<Role>,
    /// Condition.
    pub when: Option<Condition>,
}

/// A compiled role.
#[derive(Clone, Debug)]
pub struct Role {
    /// Claim path.
    pub claim: Vec<String>,
    /// Any of these values.
    pub any: Vec<String>,
}

/// A compiled limit.
#[derive(Debug)]
pub struct Limit {
    /// Identity of the limit: counts go on across reloads that leave it as it is.
    pub id: Digest,
    /// Counted by.
    pub per: Per,
    /// Only these tools.
    pub tools: Option<Vec<NamePattern>>,
    /// Time to earn one call.
    pub period: Duration,
    /// Calls that may come at once.
    pub burst: std::num::NonZeroU32,
}

struct Flaws(Vec<Flaw>);

impl Flaws {
    fn add(&mut self, path: impl Into<String>, message: impl Into<String>, hint: impl Into<String>) {
        self.0.push(Flaw { path: path.into(), message: message.into(), hint: hint.into() });
    }
}

/// One path segment of a JSON pointer (RFC 6901).
pub fn pointer(segment: &str) -> String {
    format!("/{}", segment.replace('~', "~0").replace('/', "~1"))
}

/// Compiles one policy. `issuers` are the names that `gateway.yaml` declares.
pub fn compile(
    source: PolicySource,
    issuers: &[String],
    public_url: &str,
    locate: Locate<'_>,
) -> Result<ServerPolicy, Vec<Flaw>> {
    let PolicySource { server, path, upstream, access, roles, tools, resources, prompts, limits } = source;
    let mut flaws = Flaws(Vec::new());
    if server.is_empty()
        || server.len() > 63
        || !server.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    {
        flaws.add("/server", format!("`{server}` is not a server name"), "use up to 63 of a-z, 0-9 and -");
    }
    let path = path.unwrap_or_else(|| format!("/{server}/mcp"));
    if !path.starts_with('/') || path.contains(['?', '#', '%', '\\']) || path.contains("//") || path.contains("/.") {
        flaws.add("/path", "not a plain URL path", "write it as in `/crm/mcp`");
    }
    let resource = format!("{public_url}{path}");
    let upstream = compile_upstream(upstream, &mut flaws);
    let access = compile_access(access, issuers, &resource, &mut flaws);
    let roles = compile_roles(roles, &mut flaws);
    let mut context = Context { roles: &roles, locate, flaws: &mut flaws };
    let mut compiled_tools = Vec::new();
    for (name, ToolSource { effect, scopes, roles, when }) in tools {
        let at = format!("/tools{}", pointer(&name));
        let rule = context.rule(&at, &name, Some(effect), scopes, roles, when);
        if let Some(pattern) = context.name_pattern(&at, &name) {
            compiled_tools.push((pattern, rule));
        }
    }
    let mut compiled_prompts = Vec::new();
    for (name, RuleSource { scopes, roles, when }) in prompts {
        let at = format!("/prompts{}", pointer(&name));
        let rule = context.rule(&at, &name, None, scopes, roles, when);
        if let Some(pattern) = context.name_pattern(&at, &name) {
            compiled_prompts.push((pattern, rule));
        }
    }
    let mut compiled_resources = Vec::new();
    for (template, RuleSource { scopes, roles, when }) in resources {
        let at = format!("/resources{}", pointer(&template));
        let rule = context.rule(&at, &template, None, scopes, roles, when);
        match UriTemplate::parse(&template) {
            Ok(parsed) => compiled_resources.push((parsed, rule)),
            Err(why) => context.flaws.add(
                &at,
                format!("`{template}` is not a URI template: {why}"),
                "as in `crm://customers/{id}`",
            ),
        }
    }
    compiled_tools.sort_by_key(|(pattern, _)| std::cmp::Reverse(pattern.rank()));
    compiled_prompts.sort_by_key(|(pattern, _)| std::cmp::Reverse(pattern.rank()));
    compiled_resources.sort_by_key(|(template, _)| std::cmp::Reverse(template.rank()));
    let limits = compile_limits(limits, &server, &compiled_tools, &mut flaws);
    if !flaws.0.is_empty() {
        return Err(flaws.0);
    }
    Ok(ServerPolicy {
        name: server,
        path,
        resource,
        access,
        upstream,
        tools: compiled_tools,
        prompts: compiled_prompts,
        resources: compiled_resources,
        limits,
    })
}

fn compile_upstream(source: UpstreamSource, flaws: &mut Flaws) -> UpstreamTarget {
    let UpstreamSource { url, credential, ca, timeout } = source;
    match url::Url::parse(&url) {
        Ok(parsed) if !matches!(parsed.scheme(), "http" | "https") || parsed.host().is_none() => {
            flaws.add(
                "/upstream/url",
                format!("`{}` is not an http URL", parsed.scheme()),
                "as in http://127.0.0.1:3001/mcp",
            );
        }
        Ok(parsed) if !parsed.username().is_empty() || parsed.password().is_some() || parsed.fragment().is_some() => {
            flaws.add("/upstream/url", "the URL carries credentials or a fragment", "use `credential:`");
        }
        Ok(_) => {}
        Err(error) => flaws.add("/upstream/url", format!("not a URL: {error}"), "as in http://127.0.0.1:3001/mcp"),
    }
    let credential = credential.map(|CredentialSource { bearer }| {
        if bearer.env.is_some() == bearer.file.is_some() {
            flaws.add(
                "/upstream/credential/bearer",
                "needs exactly one of `env` and `file`",
                "as in { env: CRM_TOKEN }",
            );
        }
        bearer
    });
    let timeout = match timeout.as_deref().map(duration) {
        None => Duration::from_secs(60),
        Some(Some(timeout)) => timeout,
        Some(None) => {
            flaws.add("/upstream/timeout", "not a duration", "as in 30s, 500ms or 2m");
            Duration::from_secs(60)
        }
    };
    UpstreamTarget { url, credential, ca, timeout }
}

fn compile_access(source: AccessSource, known: &[String], resource: &str, flaws: &mut Flaws) -> Access {
    let AccessSource { issuers, audience, challenge } = source;
    if issuers.is_empty() {
        flaws.add("/access/issuers", "no issuer: nobody could call", "name one of the issuers in gateway.yaml");
    }
    for (index, issuer) in issuers.iter().enumerate() {
        if !known.contains(issuer) {
            flaws.add(
                format!("/access/issuers/{index}"),
                format!("unknown issuer `{issuer}`"),
                format!("gateway.yaml declares: {}", known.join(", ")),
            );
        }
    }
    if audience.as_deref() == Some("") {
        flaws.add(
            "/access/audience",
            "an empty audience accepts tokens made for others",
            "name the URL of this server",
        );
    }
    Access { issuers, audience: audience.unwrap_or_else(|| resource.to_owned()), challenge }
}

fn compile_roles(source: BTreeMap<String, RoleSource>, flaws: &mut Flaws) -> BTreeMap<String, Role> {
    let mut roles = BTreeMap::new();
    for (name, RoleSource { claim, any }) in source {
        let at = format!("/roles{}", pointer(&name));
        if any.is_empty() {
            flaws.add(format!("{at}/any"), "no value: nobody could have this role", "list the values of the claim");
        }
        if claim.is_empty() || claim.split('.').any(str::is_empty) {
            flaws.add(format!("{at}/claim"), format!("`{claim}` is not a claim"), "as in groups or realm_access.roles");
        }
        roles.insert(name, Role { claim: claim.split('.').map(str::to_owned).collect(), any });
    }
    roles
}

struct Context<'a> {
    roles: &'a BTreeMap<String, Role>,
    locate: Locate<'a>,
    flaws: &'a mut Flaws,
}

impl Context<'_> {
    fn rule(
        &mut self,
        at: &str,
        label: &str,
        effect: Option<Effect>,
        scopes: Vec<String>,
        roles: Vec<String>,
        when: Option<String>,
    ) -> Arc<Rule> {
        for (index, scope) in scopes.iter().enumerate() {
            // RFC 6749, section 3.3: scope-token.
            if scope.is_empty() || !scope.bytes().all(|b| (0x21..0x7f).contains(&b) && b != b'"' && b != b'\\') {
                self.flaws.add(
                    format!("{at}/scopes/{index}"),
                    format!("`{scope}` is not a scope"),
                    "no spaces or quotes",
                );
            }
        }
        let roles = roles
            .into_iter()
            .enumerate()
            .filter_map(|(index, name)| {
                let role = self.roles.get(&name).cloned();
                if role.is_none() {
                    let known: Vec<_> = self.roles.keys().map(String::as_str).collect();
                    let hint = format!("declared under `roles:` are: {}", known.join(", "));
                    self.flaws.add(format!("{at}/roles/{index}"), format!("unknown role `{name}`"), hint);
                }
                role
            })
            .collect();
        let when = when.and_then(|source| match Condition::compile(&source) {
            Ok(condition) => Some(condition),
            Err(problems) => {
                for problem in problems {
                    self.flaws.add(format!("{at}/when"), problem, "see docs/policy.md, \"Conditions\"");
                }
                None
            }
        });
        Arc::new(Rule { position: (self.locate)(at), label: label.to_owned(), effect, scopes, roles, when })
    }

    fn name_pattern(&mut self, at: &str, name: &str) -> Option<NamePattern> {
        NamePattern::parse(name)
            .map_err(|why| {
                self.flaws.add(at, format!("`{name}` is not a name or prefix: {why}"), "as in find_customer or find_*")
            })
            .ok()
    }
}

fn compile_limits(
    source: Vec<LimitSource>,
    server: &str,
    rules: &[(NamePattern, Arc<Rule>)],
    flaws: &mut Flaws,
) -> Vec<Limit> {
    let mut limits = Vec::new();
    for (index, LimitSource { per, tools, rate, burst }) in source.into_iter().enumerate() {
        let at = format!("/limits/{index}");
        let Some((count, window)) = parse_rate(&rate) else {
            flaws.add(format!("{at}/rate"), format!("`{rate}` is not a rate"), "as in 600/min, 5/hour, 10/s");
            continue;
        };
        let tools = tools.map(|names| {
            names
                .iter()
                .enumerate()
                .filter_map(|(position, name)| match NamePattern::parse(name) {
                    Ok(pattern) if !rules.iter().any(|(rule, _)| rule == &pattern || rule.matches(name)) => {
                        flaws.add(
                            format!("{at}/tools/{position}"),
                            format!("no rule for tool `{name}`"),
                            "name it under `tools:` too",
                        );
                        Some(pattern)
                    }
                    Ok(pattern) => Some(pattern),
                    Err(why) => {
                        flaws.add(
                            format!("{at}/tools/{position}"),
                            format!("`{name}`: {why}"),
                            "as in export_customers",
                        );
                        None
                    }
                })
                .collect::<Vec<_>>()
        });
        let id = Digest::of(format!("{server}\0{per:?}\0{tools:?}\0{rate}\0{burst:?}").as_bytes());
        let Some(burst) = std::num::NonZeroU32::new(burst.unwrap_or(count.get())) else {
            flaws.add(format!("{at}/burst"), "a burst of 0 allows nothing", "leave it out, or give at least 1");
            continue;
        };
        limits.push(Limit { id, per, tools, period: window / count.get(), burst });
    }
    limits
}

fn parse_rate(text: &str) -> Option<(std::num::NonZeroU32, Duration)> {
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
        _ => return None,
    };
    number.checked_mul(milliseconds).filter(|n| *n > 0).map(Duration::from_millis)
}
