//! Cases as written → [`Case`]: everything, or every flaw at once.
//!
//! A caller is described as a verified token would describe it: what is said in fields of its own (`sub`,
//! `scopes`, ..) appears among the claims too, since conditions may read it there.
use super::source::*;
use super::{Ask, Call, Case, Expected, List, default_offer};
use crate::kernel::joint::Joint;
use crate::kernel::policy::compile::{Locate, ServerPolicy, pointer};
use crate::kernel::policy::flaw::{Check, Flaw};
use crate::kernel::principal::{Principal, Verified};
use crate::kernel::refusal::Reason;
use crate::kernel::snapshot::Snapshot;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// When a case happens that does not say: noon UTC of Thursday, 1 January 2026, in seconds since 1970. Fixed,
/// so that the same files give the same verdicts at any hour, a reload at night among them.
pub const NOON: u64 = 1_767_268_800;

/// Claims that a caller states in fields of its own, and those fields.
const RESERVED: &[(&str, &str)] = &[
    ("iss", "issuer"),
    ("sub", "sub"),
    ("aud", "audience"),
    ("exp", "expired"),
    ("scope", "scopes"),
    ("scp", "scopes"),
    ("client_id", "client"),
    ("azp", "client"),
];

/// Compiles the cases of one file against the policies they are about.
pub fn compile(source: CasesSource, world: &Snapshot, locate: Locate<'_>) -> Result<Vec<Case>, Vec<Flaw>> {
    let CasesSource { server, offered, cases } = source;
    let mut compiler = Compiler { world, locate, flaws: Vec::new() };
    if cases.is_empty() {
        compiler.add("/cases", "no case", "write at least one, or remove the file");
    }
    let server = compiler.server(server.as_deref());
    let cases: Vec<Case> = cases
        .into_iter()
        .enumerate()
        .filter_map(|(index, case)| compiler.case(&format!("/cases/{index}"), case, server.as_ref(), offered.as_ref()))
        .collect();
    if compiler.flaws.is_empty() { Ok(cases) } else { Err(compiler.flaws) }
}

/// What a file is about.
enum About {
    One(Arc<ServerPolicy>),
    Several(Arc<Joint>),
}

impl About {
    /// What callers see of it.
    fn face(&self) -> &Arc<ServerPolicy> {
        match self {
            Self::One(server) => server,
            Self::Several(joint) => &joint.face,
        }
    }
}

struct Compiler<'a> {
    world: &'a Snapshot,
    locate: Locate<'a>,
    flaws: Vec<Flaw>,
}

impl Compiler<'_> {
    fn add(&mut self, path: impl Into<String>, message: impl Into<String>, hint: impl Into<String>) {
        let check = Check::CaseMalformed;
        self.flaws.push(Flaw { check, path: path.into(), offset: None, message: message.into(), hint: hint.into() });
    }

    fn server(&mut self, name: Option<&str>) -> Option<About> {
        let known = || {
            let all = self.world.servers.keys().chain(self.world.joints.keys());
            format!("there are: {}", all.map(String::as_str).collect::<Vec<_>>().join(", "))
        };
        let mut servers = self.world.servers.values();
        match (name, servers.next(), servers.next()) {
            (Some(name), ..) => {
                let one = || self.world.servers.get(name).cloned().map(About::One);
                let several = self.world.joints.get(name).cloned().map(About::Several);
                let found = several.or_else(one);
                if found.is_none() {
                    let hint = known();
                    self.add("/server", format!("there is no server `{name}`"), hint);
                }
                found
            }
            (None, Some(only), None) => Some(About::One(only.clone())),
            (None, ..) => {
                let hint = known();
                self.add("", "`server` is missing, and there are several", hint);
                None
            }
        }
    }

    /// Whom a question is for, as that server has it: a virtual server hands each to the one that it names.
    fn asked(&mut self, at: &str, about: &About, ask: Ask) -> Option<(Arc<ServerPolicy>, Ask)> {
        let joint = match about {
            About::One(server) => return Some((server.clone(), ask)),
            About::Several(joint) => joint,
        };
        let named = |name: &str| joint.of_name(name).map(|(member, own)| (member.clone(), own.to_owned()));
        let members = || joint.members.iter().map(|member| member.name.as_str()).collect::<Vec<_>>().join(", ");
        let found = match &ask {
            Ask::List(..) => {
                let message = format!("the list of `{}` is those of its servers", joint.face.name);
                self.add(at, message, format!("ask each: {}", members()));
                return None;
            }
            Ask::Call(Call::Tool(name, args)) => {
                named(name).map(|(member, own)| (member, Call::Tool(own, args.clone())))
            }
            Ask::Call(Call::Prompt(name, args)) => {
                named(name).map(|(member, own)| (member, Call::Prompt(own, args.clone())))
            }
            Ask::Call(Call::CompletePrompt(name)) => {
                named(name).map(|(member, own)| (member, Call::CompletePrompt(own)))
            }
            Ask::Call(call @ (Call::Resource(uri) | Call::Subscribe(uri) | Call::CompleteResource(uri))) => {
                joint.of_uri(uri).map(|member| (member.clone(), call.clone()))
            }
        };
        if found.is_none() {
            let message = format!("none of the servers of `{}` has it, or more than one has", joint.face.name);
            self.add(at, message, format!("a name begins with that of a server and `_`; there are: {}", members()));
        }
        found.map(|(member, call)| (member, Ask::Call(call)))
    }

    fn case(
        &mut self,
        at: &str,
        source: CaseSource,
        about: Option<&About>,
        offered_by_file: Option<&Vec<String>>,
    ) -> Option<Case> {
        let CaseSource { name, caller, at: time, call, list, offered, expect } = source;
        if name.trim().is_empty() {
            self.add(format!("{at}/name"), "an empty name", "a sentence, as in `support may update customers`");
        }
        let now = self.time(at, time.as_deref());
        let listing = list.is_some();
        if !listing && offered.is_some() {
            self.add(format!("{at}/offered"), "only for a `list`", "leave it out");
        }
        let ask = match (call, list) {
            (Some(call), None) => self.call(&format!("{at}/call"), call).map(Ask::Call),
            (None, Some(list)) => {
                let list = list_of(list);
                let offered = offered.as_ref().or(offered_by_file).cloned();
                let offered =
                    offered.or_else(|| about.map(|about| default_offer(about.face(), list))).unwrap_or_default();
                let mut names = BTreeSet::new();
                if let Some(twice) = offered.iter().find(|name| !names.insert(name.as_str())) {
                    // The gateway refuses such a list; that is not what a case is about.
                    self.add(format!("{at}/offered"), format!("`{twice}` is offered twice"), "once is enough");
                }
                Some(Ask::List(list, offered))
            }
            _ => {
                self.add(at, "needs exactly one of `call` and `list`", "as in call: { tool: find_customer }");
                None
            }
        };
        let expected = self.expected(&format!("{at}/expect"), expect, listing);
        let caller = self.caller(&format!("{at}/as"), caller, now.unwrap_or(NOON), about.map(About::face));
        let (server, ask) = self.asked(at, about?, ask?)?;
        Some(Case {
            name,
            position: (self.locate)(at),
            server,
            caller: Arc::new(caller?),
            now: now?,
            ask,
            expected: expected?,
        })
    }

    fn time(&mut self, at: &str, text: Option<&str>) -> Option<u64> {
        let Some(text) = text else { return Some(NOON) };
        let moment = chrono::DateTime::parse_from_rfc3339(text).ok().map(|time| time.timestamp());
        let seconds = moment.and_then(|seconds| u64::try_from(seconds).ok());
        if seconds.is_none() {
            self.add(format!("{at}/at"), format!("`{text}` is not a time since 1970"), "as in 2026-12-01T09:00:00Z");
        }
        seconds
    }

    fn call(&mut self, at: &str, source: CallSource) -> Option<Call> {
        let CallSource { tool, prompt, resource, subscribe, complete, args } = source;
        if args.is_some() && tool.is_none() && prompt.is_none() {
            self.add(format!("{at}/args"), "only a tool or a prompt has arguments", "leave them out");
        }
        let args = args.map(|args| args.into_iter().collect::<Map<_, _>>());
        match (tool, prompt, resource, subscribe, complete) {
            (Some(name), None, None, None, None) => Some(Call::Tool(name, args)),
            (None, Some(name), None, None, None) => Some(Call::Prompt(name, args)),
            (None, None, Some(uri), None, None) => Some(Call::Resource(uri)),
            (None, None, None, Some(uri), None) => Some(Call::Subscribe(uri)),
            (None, None, None, None, Some(CompleteSource { prompt, resource })) => match (prompt, resource) {
                (Some(name), None) => Some(Call::CompletePrompt(name)),
                (None, Some(uri)) => Some(Call::CompleteResource(uri)),
                _ => {
                    let hint = "as in complete: { prompt: summarize }";
                    self.add(format!("{at}/complete"), "needs exactly one of `prompt` and `resource`", hint);
                    None
                }
            },
            _ => {
                let message = "needs exactly one of `tool`, `prompt`, `resource`, `subscribe` and `complete`";
                self.add(at, message, "as in { tool: find_customer, args: { id: '42' } }");
                None
            }
        }
    }

    fn expected(&mut self, at: &str, source: ExpectSource, listing: bool) -> Option<Expected> {
        match source {
            ExpectSource::Allow(AllowSource::Allow) => Some(Expected::Allow),
            ExpectSource::Allow(AllowSource::Confirm) if !listing => Some(Expected::Confirm),
            ExpectSource::Allow(AllowSource::Confirm) => {
                self.add(at, "nobody is asked about a list", "allow, or the names that it shows");
                None
            }
            ExpectSource::Names(names) if listing => Some(Expected::Names(names.into_iter().collect())),
            ExpectSource::Names(_) => {
                self.add(at, "a call shows no list of names", "allow, or as in { deny: scope_missing }");
                None
            }
            ExpectSource::Deny(DenySource { deny, rule }) => {
                let reason = Reason::ALL.iter().find(|reason| reason.name() == deny || super::word(**reason) == deny);
                if reason.is_none() {
                    let hint = "as in scope_missing, condition_not_met or tool_unknown; see docs/refusals.md";
                    self.add(format!("{at}/deny"), format!("there is no reason `{deny}`"), hint);
                }
                Some(Expected::Deny { reason: *reason?, rule })
            }
        }
    }

    fn caller(
        &mut self,
        at: &str,
        source: CallerSource,
        now: u64,
        server: Option<&Arc<ServerPolicy>>,
    ) -> Option<Principal> {
        let TokenSource { sub, scopes, claims, issuer, client, audience, expired } = match source {
            CallerSource::Token(token) => token,
            CallerSource::Anonymous(AnonymousSource::Anonymous) => {
                return Some(Principal::supposed(Verified::nothing()));
            }
        };
        for (claim, field) in RESERVED {
            if claims.contains_key(*claim) {
                let at = format!("{at}/claims{}", pointer(claim));
                self.add(at, format!("`{claim}` has a field of its own"), format!("use `as: {{ {field}: .. }}`"));
            }
        }
        if let Some(name) = issuer.as_ref().filter(|name| !self.world.issuers.contains_key(*name)) {
            let known: Vec<_> = self.world.issuers.keys().map(String::as_str).collect();
            let hint = format!("gateway.yaml declares: {}", known.join(", "));
            self.add(format!("{at}/issuer"), format!("unknown issuer `{name}`"), hint);
        }
        let access = &server?.access;
        let issuer = issuer.or_else(|| access.issuers.first().cloned()).unwrap_or_default();
        let audience = audience.unwrap_or_else(|| access.audience.clone());
        let left = access.token_life_max.map_or(3600, |most| most.min(3600));
        let mut verified = Verified {
            anonymous: false,
            subject: sub,
            audiences: vec![audience],
            scopes: scopes.into_iter().collect(),
            // A token is expired from the second that `exp` names.
            expires: if expired { now } else { now.saturating_add(left) },
            client,
            claims: Value::Null,
            issuer,
        };
        verified.claims = all_claims(&verified, self.world, claims);
        Some(Principal::supposed(verified))
    }
}

/// The claims of the token that would say all this.
fn all_claims(caller: &Verified, world: &Snapshot, further: BTreeMap<String, Value>) -> Value {
    let mut claims: Map<String, Value> = further.into_iter().collect();
    let scopes: Vec<&str> = caller.scopes.iter().map(String::as_str).collect();
    let mut set = |name: &str, value: Value| drop(claims.insert(name.to_owned(), value));
    set("iss", world.issuers.get(&caller.issuer).cloned().into());
    set("sub", caller.subject.clone().into());
    set("aud", caller.audiences.first().cloned().into());
    set("exp", caller.expires.into());
    set("scope", scopes.join(" ").into());
    if let Some(client) = &caller.client {
        set("client_id", client.clone().into());
    }
    claims.into()
}

fn list_of(source: ListSource) -> List {
    match source {
        ListSource::Tools => List::Tools,
        ListSource::Prompts => List::Prompts,
        ListSource::Resources => List::Resources,
        ListSource::Templates => List::Templates,
    }
}
