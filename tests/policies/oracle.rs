//! Small random policies, and what they say of a call, as plainly as it can be written.
use portcullis::kernel::facts::Facts;
use portcullis::kernel::json::{Bounds, Document};
use portcullis::kernel::mcp::decode::Target;
use portcullis::kernel::policy::compile::{Compiled, Position, ServerPolicy, Surroundings, compile};
use portcullis::kernel::policy::decide::authorize;
use portcullis::kernel::policy::source::PolicySource;
use portcullis::kernel::principal::{Principal, Verified};
use proptest::prelude::*;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

pub const NOW: Facts = Facts::at(1_800_000_000);

#[derive(Clone, Debug)]
pub struct Caller {
    pub anonymous: bool,
    pub scopes: BTreeSet<String>,
    pub groups: BTreeSet<String>,
    pub region: String,
}

impl Caller {
    pub fn principal(&self) -> Principal {
        Principal::assertion(Verified {
            anonymous: self.anonymous,
            issuer: "corp".into(),
            subject: "s".into(),
            client: None,
            audiences: vec!["https://gw.example/x/mcp".into()],
            scopes: self.scopes.clone(),
            expires: u64::MAX,
            claims: if self.anonymous { json!({}) } else { json!({ "groups": self.groups, "region": self.region }) },
        })
    }

    fn has(&self, role: &str) -> bool {
        !self.anonymous && self.groups.contains(role)
    }
}

pub fn compiled(source: &Value) -> Compiled {
    let source: PolicySource = serde_json::from_value(source.clone()).unwrap();
    compile(source, &Surroundings::new(&["corp".to_owned()], "https://gw.example"), &|at| Position {
        file: at.to_owned(),
        line: 1,
        column: 1,
    })
}

/// What the gateway decides; `None` for `args` asks whether it is listed.
pub fn allowed(server: &ServerPolicy, caller: &Caller, tool: &str, args: Option<&Value>) -> bool {
    let text = args.map_or_else(|| "{}".to_owned(), Value::to_string);
    let document = Document::parse(text.into(), &Bounds::default()).unwrap();
    let args = args.map(|_| document.root());
    authorize(server, &caller.principal(), &Target::Tool(tool.to_owned()), args, &NOW).is_ok()
}

fn strings(value: &Value) -> Vec<&str> {
    value.as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

fn fits(pattern: &str, name: &str) -> bool {
    match pattern.chars().next() {
        None => name.is_empty(),
        Some('*') => (0..=name.len()).any(|at| fits(&pattern[1..], &name[at..])),
        Some(letter) => name.starts_with(letter) && fits(&pattern[1..], &name[1..]),
    }
}

/// The oracle. The most specific rule decides: a name before patterns, more letters before fewer, fewer stars
/// before more. Any denial wins; an anonymous caller needs an open rule; one of the roles, all of the scopes,
/// and the condition are needed. A listing takes conditions on arguments as met and denials on them as not.
pub fn oracle(policy: &Value, caller: &Caller, name: &str, args: Option<&Value>) -> bool {
    let tools = policy["tools"].as_object().unwrap();
    let stars = |pattern: &str| pattern.matches('*').count();
    let fitting = tools.iter().filter(|(pattern, _)| fits(pattern, name));
    let best = fitting.max_by_key(|(p, _)| (stars(p) == 0, p.len() - stars(p), usize::MAX - stars(p)));
    let Some((_, rule)) = best else { return false };
    let holds = |when: &Value, unknown: bool| match when.as_str() {
        None => Some(true),
        Some("args.n == 1") => args.map_or(Some(unknown), |args| Some(*args.get("n")? == 1)),
        Some("principal.claims.region == 'eu'") => (!caller.anonymous).then(|| caller.region == "eu"),
        Some(other) => panic!("{other}"),
    };
    let denied = policy["deny"].as_array().unwrap().iter().any(|deny| {
        let concerns = deny["tools"].is_null() || strings(&deny["tools"]).iter().any(|p| fits(p, name));
        let whom = deny["roles"].is_null() || strings(&deny["roles"]).iter().any(|role| caller.has(role));
        concerns && whom && holds(&deny["when"], false) != Some(false)
    });
    let mut held = caller.scopes.clone();
    for _ in 0..3 {
        let implied: Vec<&str> = held.iter().flat_map(|s| strings(&policy["scopes"][s]["implies"])).collect();
        held.extend(implied.into_iter().map(str::to_owned).collect::<Vec<_>>());
    }
    let roles = strings(&rule["roles"]);
    !denied
        && (!caller.anonymous || rule["anonymous"] == true)
        && (roles.is_empty() || roles.iter().any(|role| caller.has(role)))
        && strings(&rule["scopes"]).iter().all(|scope| held.contains(*scope))
        && holds(&rule["when"], true) == Some(true)
}

fn pattern() -> impl Strategy<Value = String> {
    "[ab*]{1,3}".prop_filter("no two stars", |p| !p.contains("**"))
}

fn some_of(values: &'static [&'static str]) -> impl Strategy<Value = Vec<&'static str>> {
    prop::sample::subsequence(values, 0..=values.len())
}

fn when() -> impl Strategy<Value = Option<&'static str>> {
    prop_oneof![3 => Just(None), 1 => Just(Some("args.n == 1")), 1 => Just(Some("principal.claims.region == 'eu'"))]
}

fn rule() -> impl Strategy<Value = Value> {
    let fields = (some_of(&["p", "q", "r"]), some_of(&["support", "lead"]), when(), prop::bool::weighted(0.3));
    fields.prop_map(|(scopes, roles, when, anonymous)| {
        if anonymous {
            json!({ "effect": "read", "anonymous": true, "when": when })
        } else {
            json!({ "effect": "read", "scopes": scopes, "roles": roles, "when": when })
        }
    })
}

pub fn denial() -> impl Strategy<Value = Value> {
    let tools = prop::option::of(prop::collection::vec(pattern(), 1..3));
    let roles = prop::option::of(some_of(&["support", "lead"]).prop_filter("some", |roles| !roles.is_empty()));
    (tools, roles, when())
        .prop_map(|(tools, roles, when)| json!({ "name": "no", "tools": tools, "roles": roles, "when": when }))
}

/// A policy, perhaps with flaws.
pub fn policy() -> impl Strategy<Value = Value> {
    let tools = prop::collection::btree_map(pattern(), rule(), 0..5);
    let deny = prop::collection::vec(denial(), 0..2);
    (tools, deny, any::<bool>(), any::<bool>()).prop_map(|(tools, deny, p_implies, q_implies)| {
        let mut scopes = Map::new();
        if p_implies {
            scopes.insert("p".into(), json!({ "implies": ["q"] }));
        }
        if q_implies {
            scopes.insert("q".into(), json!({ "implies": ["r"] }));
        }
        json!({
            "server": "x", "upstream": { "url": "http://127.0.0.1:1/mcp" },
            "access": { "issuers": ["corp"], "anonymous": true },
            "scopes": scopes,
            "roles": {
                "support": { "claim": "groups", "any": ["support"] },
                "lead": { "claim": "groups", "any": ["lead"] },
            },
            "tools": tools, "deny": deny,
        })
    })
}

pub fn caller() -> impl Strategy<Value = Caller> {
    let fields = (prop::bool::weighted(0.2), some_of(&["p", "q", "r"]), some_of(&["support", "lead"]), "(eu|us)");
    fields.prop_map(|(anonymous, scopes, groups, region)| {
        let set = |values: Vec<&str>| values.into_iter().map(str::to_owned).collect();
        if anonymous {
            Caller { anonymous, scopes: BTreeSet::new(), groups: BTreeSet::new(), region: String::new() }
        } else {
            Caller { anonymous, scopes: set(scopes), groups: set(groups), region }
        }
    })
}

pub fn arguments() -> impl Strategy<Value = Value> {
    prop_oneof![Just(json!({})), Just(json!({ "n": 1 })), Just(json!({ "n": 2 })), Just(json!({ "n": "x" }))]
}
