//! One virtual server of several: their tools and prompts under names that begin with the server's, their lists one
//! after the other. Which server a message is for is told here; each judges its own by its own policy.
use super::contract::poison::alike;
use super::contract::surface::Kind;
use super::json::{Document, Patches, Value, string};
use super::mcp::decode::{Message, Target};
use super::mcp::method::Class;
use super::mcp::revision::Revision;
use super::policy::compile::ServerPolicy;
use super::refusal::{Reason, Refusal};
use super::tasks::TASKS;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use serde_json::{Map, Value as Json, json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Between the name of a server and that of its tool. No server's name has one.
const SEPARATOR: char = '_';
/// Longest name of a tool (2025-11-25, "Tool Names").
const NAME_MAX: usize = 128;

/// A virtual server.
#[derive(Debug)]
pub struct Joint {
    /// What its callers see of it: name, path, resource, whose tokens are accepted. It has no rules.
    pub face: Arc<ServerPolicy>,
    /// The servers, in the order of their lists.
    pub members: Vec<Arc<ServerPolicy>>,
    /// A member that fails is left out; otherwise nothing is answered that takes all of them.
    pub without: bool,
}

/// Whom a message is for.
#[derive(Debug)]
pub enum Route<'a> {
    /// One member, with the message as it has it.
    One(&'a Arc<ServerPolicy>, Bytes),
    /// A list: the pages of this member and of those after it. The member's own cursor, JSON.
    Pages(usize, Option<String>),
    /// All of them.
    All,
}

impl Joint {
    /// A name as callers see it.
    pub fn prefixed(member: &str, name: &str) -> String {
        format!("{member}{SEPARATOR}{name}")
    }

    /// The member whose tool or prompt has this name here, and its name there.
    pub fn of_name<'a>(&self, name: &'a str) -> Option<(&Arc<ServerPolicy>, &'a str)> {
        let (member, name) = name.split_once(SEPARATOR)?;
        Some((self.members.iter().find(|server| server.name == member)?, name))
    }

    /// The one member whose policy has a rule for a resource; of two, neither.
    pub fn of_uri(&self, uri: &str) -> Option<&Arc<ServerPolicy>> {
        let target = Target::Resource(uri.to_owned());
        let mut found = self.members.iter().filter(|server| server.rule(&target).is_some());
        let only = found.next()?;
        found.next().is_none().then_some(only)
    }

    /// Whom a message is for. What nobody has is refused as an unknown thing is.
    pub fn route(&self, message: &Message) -> Result<Route<'_>, Refusal> {
        let params = message.params();
        let whole = || message.document.as_ref().map(|document| document.write(&Patches::default()));
        let named = |name: &str, reason, field: Option<Value<'_>>| {
            let (member, own) = self.of_name(name).ok_or(reason)?;
            let mut patches = Patches::default();
            patches.replace(field.ok_or(Reason::ParamsMalformed)?, string(own));
            let text = message.document.as_ref().map(|document| document.write(&patches));
            Ok(Route::One(member, text.unwrap_or_default()))
        };
        match (&message.target, message.method.class) {
            (Target::Tool(name), _) => named(name, Reason::ToolUnknown, params.and_then(|p| p.get("name"))),
            (Target::Prompt(name), Class::Complete) => {
                let field = params.and_then(|p| p.get("ref")).and_then(|reference| reference.get("name"));
                named(name, Reason::PromptUnknown, field)
            }
            (Target::Prompt(name), _) => named(name, Reason::PromptUnknown, params.and_then(|p| p.get("name"))),
            (Target::Resource(uri), _) => {
                let member = self.of_uri(uri).ok_or(Reason::ResourceUnknown)?;
                Ok(Route::One(member, whole().unwrap_or_default()))
            }
            (_, Class::ListTools | Class::ListPrompts | Class::ListResources | Class::ListTemplates) => {
                match params.and_then(|params| params.get("cursor")) {
                    None => Ok(Route::Pages(0, None)),
                    Some(cursor) => {
                        let (at, own) = cursor.as_str().and_then(|cursor| self.cursor(&cursor)).ok_or_else(|| {
                            Refusal::from(Reason::ParamsMalformed).detail("a cursor not given out here")
                        })?;
                        Ok(Route::Pages(at, own))
                    }
                }
            }
            (Target::Task(_), _) => Err(Reason::TaskUnknown.into()),
            _ => Ok(Route::All),
        }
    }

    /// A cursor as callers see it: the member by name, so that it still fits when others come or go, and what the member
    /// itself gave. `own` is JSON.
    pub fn cursor_for(member: &str, own: Option<&str>) -> String {
        URL_SAFE_NO_PAD.encode(format!("{member} {}", own.unwrap_or_default()))
    }

    fn cursor(&self, text: &str) -> Option<(usize, Option<String>)> {
        let text = String::from_utf8(URL_SAFE_NO_PAD.decode(text).ok()?).ok()?;
        let (member, own) = text.split_once(' ')?;
        let at = self.members.iter().position(|server| server.name == member)?;
        let own = Some(own.to_owned()).filter(|own| !own.is_empty());
        if let Some(own) = &own {
            serde_json::from_str::<String>(own).ok()?;
        }
        Some((at, own))
    }

    /// A request for a page of a member: under this cursor, JSON.
    pub fn page_request(message: &Message, cursor: Option<&str>) -> Option<Bytes> {
        let document = message.document.as_ref()?;
        let mut patches = Patches::default();
        match (message.params(), message.params().and_then(|params| params.get("cursor")), cursor) {
            (_, Some(there), Some(cursor)) => patches.replace(there, cursor.as_bytes().to_vec()),
            (_, Some(there), None) => patches.remove(there),
            (Some(params), None, Some(cursor)) => patches.append(params, "cursor", cursor.as_bytes().to_vec()),
            (None, None, Some(cursor)) => {
                patches.append(document.root(), "params", format!(r#"{{"cursor":{cursor}}}"#).into_bytes());
            }
            (_, None, None) => {}
        }
        Some(document.write(&patches))
    }

    /// The items of a member's page as callers see them, and the member's cursor for the next one, JSON. `None` if it is
    /// none.
    pub fn page(
        &self,
        class: Class,
        member: &ServerPolicy,
        answer: &Document,
    ) -> Option<(Vec<String>, Option<String>)> {
        let result = answer.root().get("result")?;
        let (list, key) = list_of(class)?;
        let mut items = Vec::new();
        for item in result.get(list).filter(|list| list.is_array())?.elements() {
            let name = item.get(key)?;
            let mut patches = Patches::default();
            match class {
                Class::ListTools | Class::ListPrompts => {
                    let prefixed = Self::prefixed(&member.name, &name.as_str()?);
                    // What cannot be called under its name is not offered.
                    if prefixed.len() > NAME_MAX {
                        continue;
                    }
                    patches.replace(name, string(&prefixed));
                }
                // Whoever reads it has it from the one whose policy names it.
                _ => match self.of_uri(&name.as_str()?) {
                    Some(owner) if owner.name == member.name => {}
                    _ => continue,
                },
            }
            let mut text = Vec::new();
            item.write(&patches, &mut text);
            items.push(String::from_utf8(text).ok()?);
        }
        let next = result.get("nextCursor").filter(|next| next.as_str().is_some());
        Some((items, next.map(|next| String::from_utf8_lossy(next.raw()).into_owned())))
    }

    /// The answer to a list: what its members gave, and the cursor for the rest. `id` is JSON.
    pub fn listed(class: Class, id: &str, items: &[String], next: Option<&str>, modern: bool) -> Option<Bytes> {
        let (list, _) = list_of(class)?;
        let next = next.map(|next| format!(r#","nextCursor":"{next}""#)).unwrap_or_default();
        let modern = if modern { r#","resultType":"complete","ttlMs":0,"cacheScope":"private""# } else { "" };
        let result = format!(r#"{{"{list}":[{}]{next}{modern}}}"#, items.join(","));
        Some(format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{result}}}"#).into())
    }

    /// What the virtual server says of itself, from what its members said of themselves. `version`: agreed on by
    /// `initialize`; without it the answer is to `server/discover`. `id` is JSON.
    pub fn introduced(&self, id: &str, said: &[(&ServerPolicy, Json)], version: Option<&str>) -> Bytes {
        let mut capabilities = Json::Object(Map::new());
        let mut instructions = Vec::new();
        for (member, said) in said {
            merge(&mut capabilities, said.get("capabilities").unwrap_or(&Json::Null));
            if let Some(words) = said.get("instructions").and_then(Json::as_str) {
                instructions.push(format!("{}: {words}", member.name));
            }
        }
        // Tasks of several servers are not passed on together.
        if let Some(extensions) = capabilities.get_mut("extensions").and_then(Json::as_object_mut) {
            extensions.remove(TASKS);
        }
        let info = json!({ "name": self.face.name, "version": env!("CARGO_PKG_VERSION") });
        let mut result = match version {
            Some(version) => {
                json!({ "protocolVersion": version, "capabilities": capabilities, "serverInfo": info })
            }
            None => json!({
                "resultType": "complete",
                "supportedVersions": [Revision::V2026_07_28.as_str()],
                "capabilities": capabilities,
                "ttlMs": 0,
                "cacheScope": "private",
                "_meta": { "io.modelcontextprotocol/serverInfo": info },
            }),
        };
        if let Some(fields) = result.as_object_mut().filter(|_| !instructions.is_empty()) {
            fields.insert("instructions".to_owned(), instructions.join("\n\n").into());
        }
        format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{result}}}"#).into()
    }

    /// The part of a `subscriptions/listen` that concerns a member; `None` if nothing does.
    pub fn listen_of(&self, message: &Message, member: &ServerPolicy) -> Option<Bytes> {
        let document = message.document.as_ref()?;
        let wanted = message.params()?.get("notifications")?;
        let flags = wanted.entries().any(|(_, value)| value.raw() == b"true");
        let mut patches = Patches::default();
        let mut left = 0;
        if let Some(uris) = wanted.get("resourceSubscriptions") {
            for uri in uris.elements() {
                let owner = uri.as_str().and_then(|uri| self.of_uri(&uri).map(|owner| owner.name == member.name));
                if owner == Some(true) { left += 1 } else { patches.remove(uri) }
            }
            if left == 0 {
                patches = Patches::default();
                patches.remove(uris);
            }
        }
        (flags || left > 0).then(|| document.write(&patches))
    }

    /// `notifications/subscriptions/acknowledged` for what was asked for.
    pub fn acknowledged(message: &Message) -> Option<Bytes> {
        let wanted = String::from_utf8_lossy(message.params()?.get("notifications")?.raw()).into_owned();
        let meta = format!(r#"{{"io.modelcontextprotocol/subscriptionId":{}}}"#, message.id.as_deref()?);
        let params = format!(r#"{{"notifications":{wanted},"_meta":{meta}}}"#);
        let method = "notifications/subscriptions/acknowledged";
        Some(format!(r#"{{"jsonrpc":"2.0","method":"{method}","params":{params}}}"#).into())
    }

    /// Names of two members' things that people and models could take for each other, or that are the same: as callers
    /// see them.
    pub fn confusable(&self) -> Option<(String, String)> {
        let mut seen: BTreeMap<String, (String, &str)> = BTreeMap::new();
        for member in &self.members {
            let exact = |label: &str| (!label.contains('*')).then(|| label.to_owned());
            let written = member.tools.iter().map(|(_, rule)| rule).chain(member.prompts.iter().map(|(_, rule)| rule));
            let mut names: Vec<String> = written.filter_map(|rule| exact(&rule.label)).collect();
            if let Some(published) = &member.contract.published {
                let kinds = [Kind::Tools, Kind::Prompts].into_iter();
                names.extend(kinds.flat_map(|kind| published.surface.items(kind)).map(|(name, _)| name.to_owned()));
            }
            // The prefix alone stands for what patterns allow.
            names.push(String::new());
            for name in names {
                let name = Self::prefixed(&member.name, &name);
                match seen.get(&alike(&name)) {
                    Some((other, of)) if *of != member.name => return Some((other.clone(), name)),
                    _ => {
                        seen.insert(alike(&name), (name, &member.name));
                    }
                }
            }
        }
        None
    }

    /// Resource templates of two members that could both mean one URI.
    pub fn overlapping(&self) -> Option<(String, String)> {
        let all = || self.members.iter().flat_map(|member| member.resources.iter().map(move |rule| (member, rule)));
        all().find_map(|(member, (template, rule))| {
            let mut others = all().filter(|(other, _)| other.name > member.name);
            let (_, (_, other)) = others.find(|(_, (theirs, _))| theirs.shares_with(template))?;
            Some((rule.label.clone(), other.label.clone()))
        })
    }
}

/// The member of a result that is the list, and of an item that names it.
fn list_of(class: Class) -> Option<(&'static str, &'static str)> {
    match class {
        Class::ListTools => Some(("tools", "name")),
        Class::ListPrompts => Some(("prompts", "name")),
        Class::ListResources => Some(("resources", "uri")),
        Class::ListTemplates => Some(("resourceTemplates", "uriTemplate")),
        _ => None,
    }
}

/// What either has; a flag that one of them sets is set.
fn merge(into: &mut Json, more: &Json) {
    match (into, more) {
        (Json::Object(into), Json::Object(more)) => {
            for (key, value) in more {
                match into.get_mut(key) {
                    Some(there) => merge(there, value),
                    None => drop(into.insert(key.clone(), value.clone())),
                }
            }
        }
        (Json::Bool(into), Json::Bool(true)) => *into = true,
        _ => {}
    }
}
