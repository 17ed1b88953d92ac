//! The decision: `(snapshot, principal, message, facts) → permit or refusal`, with its grounds.
//!
//! [`authorize`] is the one function that says whether a caller may use a thing. Calls, listings and
//! open streams all ask it, so what is listed can be called and what is hidden is refused.
//! [`decide`] takes the message by value: a verdict on one message cannot be spent on another.
use super::compile::{Access, Limit, Role, Rule, ServerPolicy};
use super::condition::Scope;
use super::source::{ChallengeSource, Effect, Per};
use crate::kernel::digest::Digest;
use crate::kernel::facts::Facts;
use crate::kernel::inbound::Verb;
use crate::kernel::json::{Document, Patches, Value, string};
use crate::kernel::judge::Judge;
use crate::kernel::mcp::decode::{Message, Shape, Target};
use crate::kernel::mcp::headers::encode_value;
use crate::kernel::mcp::method::Class;
use crate::kernel::mcp::revision::Era;
use crate::kernel::principal::Principal;
use crate::kernel::refusal::{Reason, Refusal};
use crate::kernel::snapshot::Snapshot;
use bytes::Bytes;
use std::borrow::Cow;
use std::sync::{Arc, LazyLock};

/// The extension whose messages this gateway does not serve, and so does not let anybody negotiate.
pub const TASKS: &str = "io.modelcontextprotocol/tasks";

/// A verdict.
pub enum Decision {
    /// May go on.
    Permit(Permitted),
    /// May not.
    Refuse(Refusal, Grounds),
}

/// What a verdict rests on. For operators, never for clients.
#[derive(Clone, Debug, Default)]
pub struct Grounds {
    /// The rule that decided, if one did.
    pub rule: Option<Arc<Rule>>,
}

impl Grounds {
    fn of(rule: &Arc<Rule>) -> Self {
        Self { rule: Some(rule.clone()) }
    }
}

/// Something to be counted before a permit is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Charge {
    /// Which limit, by index in the server's policy.
    pub limit: usize,
    /// Whose count.
    pub key: Digest,
}

/// Proof that a message was permitted. Only [`decide`] makes one.
pub struct Permitted {
    world: Arc<Snapshot>,
    server: Arc<ServerPolicy>,
    principal: Arc<Principal>,
    message: Arc<Message>,
    grounds: Grounds,
    charges: Vec<Charge>,
}

/// Proof that a permit's obligations were applied: what `upstream` may send.
pub struct Outbound {
    server: Arc<ServerPolicy>,
    message: Arc<Message>,
    verb: Verb,
    body: Bytes,
}

/// Whether this caller may use this thing. `args: None` asks for a listing.
pub fn authorize<'a>(
    server: &'a ServerPolicy,
    principal: &Principal,
    target: &Target,
    args: Option<Value<'_>>,
    facts: &Facts,
) -> Result<&'a Arc<Rule>, (Reason, Option<&'a Arc<Rule>>)> {
    let (rule, name, hidden) = match target {
        Target::Tool(name) => {
            (server.tools.iter().find(|(p, _)| p.matches(name)).map(|(_, r)| r), name, Reason::ToolUnknown)
        }
        Target::Prompt(name) => {
            (server.prompts.iter().find(|(p, _)| p.matches(name)).map(|(_, r)| r), name, Reason::PromptUnknown)
        }
        Target::Resource(uri) => {
            let matching = server.resources.iter().find(|(t, _)| t.matches(uri) || t.covers(uri));
            (matching.map(|(_, r)| r), uri, Reason::ResourceUnknown)
        }
        Target::None | Target::Resources(_) => return Err((Reason::Internal, None)),
    };
    let rule = rule.ok_or((hidden, None))?;
    if !rule.roles.is_empty() && !rule.roles.iter().any(|role| has_role(principal, role)) {
        return Err((hidden, Some(rule)));
    }
    if !rule.scopes.iter().all(|scope| principal.scopes().contains(scope)) {
        return Err((Reason::ScopeMissing, Some(rule)));
    }
    if let Some(when) = &rule.when {
        let effect = rule.effect.map_or("", Effect::name);
        match when.holds(&Scope { principal, args, name, effect, facts }) {
            Ok(true) => {}
            Ok(false) => return Err((Reason::ConditionNotMet, Some(rule))),
            Err(_) => return Err((Reason::ConditionFailed, Some(rule))),
        }
    }
    Ok(rule)
}

fn has_role(principal: &Principal, role: &Role) -> bool {
    let claim = role.claim.iter().try_fold(principal.claims(), |value, part| value.get(part));
    match claim {
        Some(serde_json::Value::String(one)) => role.any.iter().any(|v| v == one),
        Some(serde_json::Value::Array(many)) => {
            many.iter().filter_map(|v| v.as_str()).any(|value| role.any.iter().any(|v| v == value))
        }
        _ => false,
    }
}

impl Access {
    /// Whether this caller's token was made for this server by an issuer it accepts.
    pub fn admits(&self, principal: &Principal, facts: &Facts) -> Result<(), Reason> {
        if !self.issuers.iter().any(|issuer| issuer == principal.issuer()) {
            return Err(Reason::TokenInvalid);
        }
        if !principal.audiences().contains(&self.audience) {
            return Err(Reason::TokenForAnother);
        }
        if principal.expires() <= facts.now {
            return Err(Reason::TokenExpired);
        }
        Ok(())
    }
}

/// Decides about one message of one caller.
pub fn decide(
    world: &Arc<Snapshot>,
    server: &Arc<ServerPolicy>,
    principal: &Arc<Principal>,
    message: Message,
    facts: &Facts,
) -> Decision {
    match verdict(server, principal, &message, facts) {
        Ok(grounds) => Decision::Permit(Permitted {
            charges: charges(server, principal, &message),
            world: world.clone(),
            server: server.clone(),
            principal: principal.clone(),
            message: Arc::new(message),
            grounds,
        }),
        Err((refusal, grounds)) => Decision::Refuse(refusal.for_id(message.id), grounds),
    }
}

/// The verdict without the permit: [`decide`] uses it for a message, [`Judge::renew`] for a stream.
pub(in crate::kernel) fn verdict(
    server: &ServerPolicy,
    principal: &Principal,
    message: &Message,
    facts: &Facts,
) -> Result<Grounds, (Refusal, Grounds)> {
    let no = |reason: Reason| (Refusal::from(reason), Grounds::default());
    let no_method = |reason| (Refusal::method(reason, message.revision.era()), Grounds::default());
    server.access.admits(principal, facts).map_err(no)?;
    if message.shape == Shape::Response {
        return Ok(Grounds::default());
    }
    let named = |target: &Target| {
        // A call without arguments is judged as one with none, never as a listing.
        let args = Some(message.arguments().unwrap_or_else(|| NOTHING.root()));
        authorize(server, principal, target, args, facts).map(Grounds::of).map_err(|(reason, rule)| {
            let mut refusal = Refusal::from(reason);
            if let (Reason::ScopeMissing, Some(rule)) = (reason, rule) {
                refusal.scopes.clone_from(&rule.scopes);
            }
            (refusal, rule.map(Grounds::of).unwrap_or_default())
        })
    };
    match message.method.class {
        Class::Task => Err(no_method(Reason::MethodNotServed)),
        Class::ServerNotice | Class::ServerRequest => Err(no_method(Reason::MethodUnknown)),
        Class::CallTool if message.params().and_then(|p| p.get("task")).is_some() => {
            Err(no_method(Reason::MethodNotServed))
        }
        Class::CallTool | Class::GetPrompt | Class::Resource | Class::Complete => named(&message.target),
        Class::Listen => {
            let Target::Resources(uris) = &message.target else {
                return Err(no(Reason::Internal));
            };
            for uri in uris {
                named(&Target::Resource(uri.clone()))?;
            }
            Ok(Grounds::default())
        }
        // Everyone whom the server admits: what comes back is filtered to what they may use.
        Class::Lifecycle
        | Class::Discover
        | Class::Ping
        | Class::ListTools
        | Class::ListResources
        | Class::ListTemplates
        | Class::ListPrompts
        | Class::SetLevel
        | Class::ClientNotice
        | Class::OpenStream
        | Class::EndSession => Ok(Grounds::default()),
    }
}

/// The arguments of a call that has none.
static NOTHING: LazyLock<Document> = LazyLock::new(Document::empty_object);

fn charges(server: &ServerPolicy, principal: &Principal, message: &Message) -> Vec<Charge> {
    if message.shape != Shape::Request {
        return Vec::new();
    }
    let applies = |limit: &Limit| match (&limit.tools, &message.target) {
        (None, _) => true,
        (Some(tools), Target::Tool(name)) => tools.iter().any(|tool| tool.matches(name)),
        (Some(_), _) => false,
    };
    let key = |per: Per| match per {
        Per::Subject => principal.subject_id(),
        Per::Client => principal.client_id(),
        Per::Server => Digest::of(b"server"),
    };
    let limits = server.limits.iter().enumerate().filter(|(_, limit)| applies(limit));
    limits.map(|(index, limit)| Charge { limit: index, key: key(limit.per) }).collect()
}

impl Permitted {
    /// What the verdict rests on.
    pub fn grounds(&self) -> &Grounds {
        &self.grounds
    }

    /// What has to be counted, with the limits it counts against.
    pub fn charges(&self) -> impl Iterator<Item = (&Limit, &Charge)> {
        self.charges.iter().filter_map(|charge| Some((self.server.limits.get(charge.limit)?, charge)))
    }

    /// The message that was permitted.
    pub fn message(&self) -> &Message {
        &self.message
    }

    /// Applies the obligations: what may be sent, and who judges what comes back.
    pub fn discharge(self) -> (Outbound, Judge) {
        let Self { world, server, principal, message, .. } = self;
        let verb = match message.method.class {
            Class::OpenStream => Verb::Get,
            Class::EndSession => Verb::Delete,
            _ => Verb::Post,
        };
        let body = message.document.as_ref().map_or_else(Bytes::new, |document| document.write(&rewrite(&message)));
        let outbound = Outbound { server: server.clone(), message: message.clone(), verb, body };
        (outbound, Judge::new(world, server, principal, message))
    }
}

/// What this gateway changes in a client's message: nothing but what it does not serve.
fn rewrite(message: &Message) -> Patches {
    let mut patches = Patches::default();
    let Some(params) = message.params() else {
        return patches;
    };
    if message.method.name == "initialize" {
        if let Some(asked) = params.get("protocolVersion")
            && asked.as_str().as_deref() != Some(message.revision.as_str())
        {
            patches.replace(asked, string(message.revision.as_str()));
        }
        if let Some(tasks) = params.get("capabilities").and_then(|c| c.get("tasks")) {
            patches.remove(tasks);
        }
    }
    if message.revision.era() == Era::Modern {
        let capabilities = params.get("_meta").and_then(|m| m.get("io.modelcontextprotocol/clientCapabilities"));
        if let Some(tasks) = capabilities.and_then(|c| c.get("extensions")).and_then(|e| e.get(TASKS)) {
            patches.remove(tasks);
        }
    }
    patches
}

impl Outbound {
    /// The server it goes to.
    pub fn server(&self) -> &Arc<ServerPolicy> {
        &self.server
    }

    /// The verb.
    pub fn verb(&self) -> Verb {
        self.verb
    }

    /// The body.
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// `MCP-Protocol-Version`. Like the other headers it is computed from the message that was judged and never
    /// copied from the client's.
    pub fn protocol_version(&self) -> Option<&'static str> {
        (self.message.method.name != "initialize").then(|| self.message.revision.as_str())
    }

    /// `Mcp-Method` (2026-07-28, "Standard request headers").
    pub fn method(&self) -> Option<&'static str> {
        self.modern().then_some(self.message.method.name)
    }

    /// `Mcp-Name`, encoded.
    pub fn name(&self) -> Option<Cow<'_, str>> {
        match (self.message.method.class, &self.message.target) {
            (Class::CallTool, Target::Tool(name))
            | (Class::GetPrompt, Target::Prompt(name))
            | (Class::Resource, Target::Resource(name))
                if self.modern() =>
            {
                Some(encode_value(name))
            }
            _ => None,
        }
    }

    /// `Mcp-Param-*`, lower-case name and value as it came: `decode` saw that they decode.
    pub fn params(&self) -> &[(String, String)] {
        if self.modern() { &self.message.params } else { &[] }
    }

    fn modern(&self) -> bool {
        self.message.revision.era() == Era::Modern
    }

    /// The upstream's event id to resume after.
    pub fn last_event_id(&self) -> Option<&str> {
        self.message.last_event_id.as_deref()
    }
}

/// The challenge for a missing scope as a tool result (MCP Apps hosts), where the policy asks for it.
pub fn challenge_result(server: &ServerPolicy, message_id: &str, challenge: &str, modern: bool) -> Option<String> {
    if server.access.challenge != ChallengeSource::ToolResult {
        return None;
    }
    let mut result = serde_json::json!({
        "content": [{ "type": "text", "text": Reason::ScopeMissing.wire().text }],
        "isError": true,
        "_meta": { "mcp/www_authenticate": [challenge] },
    });
    if modern && let Some(fields) = result.as_object_mut() {
        fields.insert("resultType".to_owned(), "complete".into());
    }
    Some(format!(r#"{{"jsonrpc":"2.0","id":{message_id},"result":{result}}}"#))
}
