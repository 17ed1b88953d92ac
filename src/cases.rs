//! Cases: what a policy must decide, written down beside it and judged by the function that judges callers.
//!
//! A case becomes a request of 2026-07-28 in bytes and headers, which is decoded and decided like any other.
//! For a list, the upstream's reply is made up and passed through the `Judge` of that permit. So a case says what
//! the gateway would do, not what a second reading of the policy would.
//!
//! Nothing is sent: the `Outbound` of a permit is dropped. Nothing is counted: limits are not part of a decision.
//! No clock is read: a case that gives no time happens at a fixed one.
pub mod compile;
pub mod source;

use crate::kernel::facts::Facts;
use crate::kernel::inbound::{HeaderFacts, Inbound, Verb};
use crate::kernel::json;
use crate::kernel::judge::NoLedger;
use crate::kernel::mcp::decode::{Message, Target, decode};
use crate::kernel::mcp::headers::encode_value;
use crate::kernel::mcp::revision::Revision;
use crate::kernel::policy::compile::{Position, Rule, Rules, ServerPolicy};
use crate::kernel::policy::decide::{Decision, Grounds, Permitted, decide};
use crate::kernel::policy::explain::explain;
use crate::kernel::policy::names::NamePattern;
use crate::kernel::principal::Principal;
use crate::kernel::refusal::{Reason, Refusal};
use crate::kernel::snapshot::Snapshot;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

/// Most cases of one configuration: they run before a policy takes effect, so their time is bounded.
pub const CASES_MAX: usize = 10_000;

/// One case, ready to run against the snapshot it was compiled for.
#[derive(Debug)]
pub struct Case {
    /// A sentence that is true if the case passes.
    pub name: String,
    /// Where it was written.
    pub position: Position,
    /// The policy it is about.
    pub server: Arc<ServerPolicy>,
    caller: Arc<Principal>,
    /// Seconds since 1970.
    now: u64,
    ask: Ask,
    expected: Expected,
}

#[derive(Debug)]
enum Ask {
    Call(Call),
    /// The list, and the names that the upstream offers.
    List(List, Vec<String>),
}

/// What is called, by name or URI; tools and prompts with their arguments.
#[derive(Clone, Debug)]
enum Call {
    Tool(String, Option<Map<String, Value>>),
    Prompt(String, Option<Map<String, Value>>),
    Resource(String),
    Subscribe(String),
    CompletePrompt(String),
    CompleteResource(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum List {
    Tools,
    Prompts,
    Resources,
    Templates,
}

impl List {
    /// Method, key of the list in the result, key of the name in an item.
    fn wire(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Tools => ("tools/list", "tools", "name"),
            Self::Prompts => ("prompts/list", "prompts", "name"),
            Self::Resources => ("resources/list", "resources", "uri"),
            Self::Templates => ("resources/templates/list", "resourceTemplates", "uriTemplate"),
        }
    }
}

#[derive(Debug)]
enum Expected {
    Allow,
    Confirm,
    Names(BTreeSet<String>),
    Deny { reason: Reason, rule: Option<String> },
}

/// What came of a case.
#[derive(Debug)]
pub struct Outcome {
    got: Got,
    /// The rule that the decision rested on. None for a list, which is decided item by item.
    pub rule: Option<Arc<Rule>>,
    /// Whether it is what was expected.
    pub passed: bool,
}

#[derive(Debug)]
enum Got {
    Allow,
    Confirm,
    Names(BTreeSet<String>),
    /// With the operator's sentence, which may be empty.
    Deny(Reason, String),
}

/// Runs one case.
pub fn run(world: &Arc<Snapshot>, case: &Case) -> Outcome {
    let (got, Grounds { rule, .. }) = case.ask(world).unwrap_or_else(|(refusal, grounds)| {
        let Refusal { reason, detail, .. } = refusal;
        (Got::Deny(reason, detail), grounds)
    });
    let passed = match (&case.expected, &got) {
        (Expected::Allow, Got::Allow | Got::Names(_)) | (Expected::Confirm, Got::Confirm) => true,
        (Expected::Names(expected), Got::Names(shown)) => expected == shown,
        (Expected::Deny { reason, rule: wanted }, Got::Deny(refused, _)) => {
            let placed = |wanted: &String| rule.as_ref().is_some_and(|rule| names(wanted, rule));
            reason == refused && wanted.as_ref().is_none_or(placed)
        }
        _ => false,
    };
    Outcome { got, rule, passed }
}

/// Whether `wanted` names this rule: its pattern, or where it was written, as exactly as one likes.
fn names(wanted: &str, rule: &Rule) -> bool {
    let Position { file, line, column } = &rule.position;
    let short = file.rsplit_once('/').map_or(file.as_str(), |(_, name)| name);
    let places = |file: &str| [file.to_owned(), format!("{file}:{line}"), format!("{file}:{line}:{column}")];
    wanted == rule.label || places(file).iter().chain(&places(short)).any(|place| place == wanted)
}

impl Case {
    fn ask(&self, world: &Arc<Snapshot>) -> Result<(Got, Grounds), (Refusal, Grounds)> {
        let before = |refusal| (refusal, Grounds::default());
        let message = self.message(world).map_err(before)?;
        let facts = Facts::at(self.now);
        match (decide(world, &self.server, &self.caller, message, &facts), &self.ask) {
            (Decision::Refuse(refusal, grounds), _) => Err((refusal, grounds)),
            (Decision::Confirm(unconfirmed), _) => Ok((Got::Confirm, unconfirmed.grounds().clone())),
            (Decision::Permit(permitted), Ask::Call(_)) => Ok((Got::Allow, permitted.grounds().clone())),
            (Decision::Permit(permitted), Ask::List(list, offered)) => {
                let grounds = permitted.grounds().clone();
                let shown = shown(permitted, *list, offered, &facts).map_err(before)?;
                Ok((Got::Names(shown), grounds))
            }
        }
    }

    /// The path to its verdict in words; for a list, that of each thing offered.
    pub fn explain(&self) -> String {
        let facts = Facts::at(self.now);
        let say =
            |target: &Target, args: Option<json::Value<'_>>| explain(&self.server, &self.caller, target, args, &facts);
        match &self.ask {
            Ask::List(list, offered) => {
                let target = |name: &String| match list {
                    List::Tools => Target::Tool(name.clone()),
                    List::Prompts => Target::Prompt(name.clone()),
                    List::Resources | List::Templates => Target::Resource(name.clone()),
                };
                offered.iter().map(|name| say(&target(name), None)).collect::<Vec<_>>().join("\n")
            }
            Ask::Call(call) => {
                let (target, args) = match call {
                    Call::Tool(name, args) => (Target::Tool(name.clone()), args.clone()),
                    Call::Prompt(name, args) => (Target::Prompt(name.clone()), args.clone()),
                    Call::CompletePrompt(name) => (Target::Prompt(name.clone()), None),
                    Call::Resource(uri) | Call::Subscribe(uri) | Call::CompleteResource(uri) => {
                        (Target::Resource(uri.clone()), None)
                    }
                };
                let text = Value::Object(args.unwrap_or_default()).to_string();
                let args = json::Document::parse(text.into(), &json::Bounds::default());
                args.map_or_else(|_| String::new(), |args| say(&target, Some(args.root())))
            }
        }
    }

    /// The request of this case, decoded from bytes and headers as `http` would hand them on.
    fn message(&self, world: &Snapshot) -> Result<Message, Refusal> {
        let (method, name, mut params) = self.ask.request();
        let version = Revision::V2026_07_28.as_str();
        let meta = json!({
            "io.modelcontextprotocol/protocolVersion": version,
            "io.modelcontextprotocol/clientCapabilities": {},
        });
        params.insert("_meta".to_owned(), meta);
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
        let headers = HeaderFacts {
            protocol_version: Some(version.to_owned()),
            method: Some(method.to_owned()),
            name: name.map(|name| encode_value(name).into_owned()),
            ..HeaderFacts::default()
        };
        let inbound = Inbound { verb: Verb::Post, headers, body: body.to_string().into() };
        decode(inbound, None, &world.limits.request)
    }
}

/// Which names a list shows, of those that the upstream offers.
fn shown(permitted: Permitted, list: List, offered: &[String], facts: &Facts) -> Result<BTreeSet<String>, Refusal> {
    let (_, items, key) = list.wire();
    let offer = |name: &String| match list {
        List::Tools => json!({ "name": name, "inputSchema": { "type": "object" } }),
        List::Prompts => json!({ "name": name }),
        List::Resources | List::Templates => json!({ key: name, "name": name }),
    };
    let offered: Vec<Value> = offered.iter().map(offer).collect();
    let reply = json!({ "jsonrpc": "2.0", "id": 1, "result": { "resultType": "complete", items: offered } });
    let (_, mut judge) = permitted.discharge();
    let passed = judge.inspect(reply.to_string().into(), false, facts, &NoLedger)?;
    let passed: Value = serde_json::from_slice(passed.text())
        .map_err(|error| Refusal::from(Reason::Internal).detail(error.to_string()))?;
    let shown = passed.get("result").and_then(|result| result.get(items)).and_then(Value::as_array);
    let name = |item: &Value| item.get(key).and_then(Value::as_str).map(str::to_owned);
    Ok(shown.into_iter().flatten().filter_map(name).collect())
}

impl Ask {
    /// Method, the name that a header mirrors, and parameters.
    fn request(&self) -> (&'static str, Option<&str>, Map<String, Value>) {
        let fields = |fields: Value| if let Value::Object(fields) = fields { fields } else { Map::new() };
        let with = |name: &String, args: &Option<Map<String, Value>>| {
            let mut params = fields(json!({ "name": name }));
            if let Some(args) = args {
                params.insert("arguments".to_owned(), args.clone().into());
            }
            params
        };
        // What is typed so far does not matter to a policy.
        let complete = |reference: Value| fields(json!({ "ref": reference, "argument": { "name": "a", "value": "" } }));
        match self {
            Self::List(list, _) => (list.wire().0, None, Map::new()),
            Self::Call(Call::Tool(name, args)) => ("tools/call", Some(name), with(name, args)),
            Self::Call(Call::Prompt(name, args)) => ("prompts/get", Some(name), with(name, args)),
            Self::Call(Call::Resource(uri)) => ("resources/read", Some(uri), fields(json!({ "uri": uri }))),
            Self::Call(Call::Subscribe(uri)) => {
                let wanted = json!({ "notifications": { "resourceSubscriptions": [uri] } });
                ("subscriptions/listen", None, fields(wanted))
            }
            Self::Call(Call::CompletePrompt(name)) => {
                ("completion/complete", None, complete(json!({ "type": "ref/prompt", "name": name })))
            }
            Self::Call(Call::CompleteResource(uri)) => {
                ("completion/complete", None, complete(json!({ "type": "ref/resource", "uri": uri })))
            }
        }
    }
}

/// What an upstream offers as far as its policy tells: every name that is written out.
fn default_offer(server: &ServerPolicy, list: List) -> Vec<String> {
    let names = |rules: &Rules<NamePattern>| {
        let exact = rules.iter().filter(|(pattern, _)| pattern.is_exact());
        exact.map(|(_, rule)| rule.label.clone()).collect()
    };
    let resources = |templates: bool| {
        let labels = server.resources.iter().map(|(_, rule)| &rule.label);
        labels.filter(|label| label.contains('{') == templates && !label.contains('*')).cloned().collect()
    };
    match list {
        List::Tools => names(&server.tools),
        List::Prompts => names(&server.prompts),
        List::Resources => resources(false),
        List::Templates => resources(true),
    }
}

/// Which rules the decisions rested on.
#[derive(Debug)]
pub struct Coverage {
    /// Rules in all.
    pub total: usize,
    /// Rules that no case exercised, in the order in which they were written.
    pub missed: Vec<Arc<Rule>>,
}

impl Coverage {
    /// Counts the rules of `servers` that are among `exercised`.
    pub fn of<'a>(
        servers: impl IntoIterator<Item = &'a Arc<ServerPolicy>>,
        exercised: impl IntoIterator<Item = &'a Arc<Rule>>,
    ) -> Self {
        let exercised: BTreeSet<String> = exercised.into_iter().map(|rule| rule.position.to_string()).collect();
        let all: Vec<&Arc<Rule>> = servers.into_iter().flat_map(|server| server.rules()).collect();
        let missed = all.iter().filter(|rule| !exercised.contains(&rule.position.to_string()));
        let mut missed: Vec<Arc<Rule>> = missed.map(|rule| Arc::clone(rule)).collect();
        let place = |rule: &Arc<Rule>| (rule.position.file.clone(), rule.position.line, rule.position.column);
        missed.sort_by_key(place);
        Self { total: all.len(), missed }
    }

    /// Rules that a case exercised.
    pub fn exercised(&self) -> usize {
        self.total - self.missed.len()
    }

    /// Whole percent, rounded down, so that 100 means all; 100 if there are no rules.
    pub fn percent(&self) -> usize {
        (self.exercised() * 100).checked_div(self.total).unwrap_or(100)
    }
}

impl Outcome {
    /// What differs, as labelled lines: `expected`, `got`, and for a list `missing` and `too many`.
    pub fn difference(&self, case: &Case) -> Vec<(&'static str, String)> {
        let rule =
            self.rule.as_ref().map_or_else(String::new, |rule| format!(" by {} `{}`", rule.position, rule.label));
        let mut lines = vec![("expected", case.expected.to_string()), ("got", format!("{}{rule}", self.got))];
        if let (Expected::Names(expected), Got::Names(shown)) = (&case.expected, &self.got) {
            let apart = [("missing", expected - shown), ("too many", shown - expected)];
            lines.extend(
                apart.into_iter().filter(|(_, names)| !names.is_empty()).map(|(label, names)| (label, joined(&names))),
            );
        }
        lines
    }
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Allow => f.write_str("allow"),
            Self::Confirm => f.write_str("confirm"),
            Self::Names(names) => write!(f, "[{}]", joined(names)),
            Self::Deny { reason, rule: None } => write!(f, "deny {}", word(*reason)),
            Self::Deny { reason, rule: Some(rule) } => write!(f, "deny {} by {rule}", word(*reason)),
        }
    }
}

impl fmt::Display for Got {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Allow => f.write_str("allow"),
            Self::Confirm => f.write_str("confirm"),
            Self::Names(names) => write!(f, "[{}]", joined(names)),
            Self::Deny(reason, detail) if detail.is_empty() => write!(f, "deny {}", word(*reason)),
            Self::Deny(reason, detail) => write!(f, "deny {} ({detail})", word(*reason)),
        }
    }
}

fn joined(names: &BTreeSet<String>) -> String {
    names.iter().map(String::as_str).collect::<Vec<_>>().join(", ")
}

/// A reason as it is written in a case: `ScopeMissing` is `scope_missing`.
fn word(reason: Reason) -> String {
    let mut word = String::new();
    for letter in reason.name().chars() {
        if letter.is_ascii_uppercase() && !word.is_empty() {
            word.push('_');
        }
        word.push(letter.to_ascii_lowercase());
    }
    word
}
