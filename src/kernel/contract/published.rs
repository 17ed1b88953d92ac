//! The contract that is in force: what callers are shown, and what their calls and the replies are held against.
use super::schema::{Schema, Unusable};
use super::surface::{Kind, Observed, Surface, fingerprint};
use super::widget::{Allowed, is_interface, narrowed};
use crate::kernel::bridge::params::{self, Mirrored};
use crate::kernel::json::{Document, Value, string};
use crate::kernel::mcp::decode::Target;
use crate::kernel::policy::source::{HiddenText, Live, OnDrift, OutputMode, Undeclared};
use crate::kernel::policy::template::UriTemplate;
use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

/// What a policy says of its server's contract, and the contract itself once there is one.
#[derive(Debug)]
pub struct Contract {
    /// Lock file, from the policy's directory.
    pub lock: String,
    /// Whether the policy has a `contract:` section.
    pub written: bool,
    /// What was approved; without it the server runs on what it offers now.
    pub published: Option<Published>,
    /// What happens to what changed.
    pub on_drift: OnDrift,
    /// What happens to arguments that the schema does not declare.
    pub undeclared: Undeclared,
    /// What happens to results that do not fit their schema.
    pub output: OutputMode,
    /// How many approvals a contract needs.
    pub approvals: usize,
    /// How often the server is asked what it offers.
    pub every: Duration,
    /// What its user interfaces may declare.
    pub widgets: Allowed,
    /// Replaces `ui.domain` of them.
    pub domain: Option<String>,
    /// The same for some OAuth clients.
    pub domains: BTreeMap<String, String>,
    /// What is not held to the contract.
    pub live: Vec<Live>,
    /// What happens to texts of replies that people do not see.
    pub hidden_text: HiddenText,
}

/// A surface in force.
#[derive(Debug)]
pub struct Published {
    /// Its digest, as in the lock file.
    pub digest: String,
    /// Who approved it and when, in RFC 3339.
    pub approved: Vec<(String, String)>,
    /// The definitions.
    pub surface: Surface,
    fingerprints: Observed,
    templates: Vec<(UriTemplate, String)>,
    tools: HashMap<String, Tool>,
}

/// The schemas of a tool.
#[derive(Debug)]
pub struct Tool {
    /// Of its arguments; `None` if the published one cannot be used, and so nothing can be checked.
    pub input: Option<Schema>,
    /// Of its structured results, where it declares one.
    pub output: Option<Schema>,
    /// What of its arguments is repeated in headers; `None` if that cannot be told.
    mirrored: Option<Vec<Mirrored>>,
}

impl Tool {
    /// Whether headers of a call say something else than its arguments: somebody on the way may go by them.
    pub fn mirrors_otherwise(&self, arguments: Option<Value<'_>>, given: &[(String, String)]) -> bool {
        self.mirrored.as_ref().map_or(!given.is_empty(), |mirrored| params::contradict(mirrored, arguments, given))
    }
}

/// How an item stands to the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// There is no contract.
    Live,
    /// It is what was approved, as far as was seen.
    AsPublished,
    /// It is not in the contract.
    Unpublished,
    /// The server offers something else than what was approved, or no longer offers it.
    Drifted,
}

impl Contract {
    /// How the thing a message is about stands to the contract. `seen` is what the server was seen to offer; without
    /// it, the question is what would be decided if the server kept to its contract.
    pub fn standing(&self, target: &Target, seen: Option<&Observed>) -> Standing {
        let Some(published) = &self.published else {
            return Standing::Live;
        };
        let Some((kind, name)) = published.find(target) else {
            return if self.is_live_target(target) { Standing::Live } else { Standing::Unpublished };
        };
        match seen {
            Some(seen) if seen.item(kind, name) != published.fingerprints.item(kind, name) => Standing::Drifted,
            _ => Standing::AsPublished,
        }
    }
}

impl Contract {
    /// The `_meta` of a user interface as it may be served to an OAuth client.
    pub fn narrowed(&self, meta: &serde_json::Value, client: Option<&str>) -> serde_json::Value {
        let domain = client.and_then(|client| self.domains.get(client)).or(self.domain.as_ref());
        narrowed(meta, &self.widgets, domain.map(String::as_str))
    }

    /// Whether an item is not held to the contract. User interfaces always are.
    pub fn is_live(&self, kind: Kind, name: &str) -> bool {
        let live = match kind {
            Kind::Resources => Live::Resources,
            Kind::Templates => Live::Templates,
            Kind::Prompts => Live::Prompts,
            Kind::Server | Kind::Tools | Kind::Widgets => return false,
        };
        self.live.contains(&live) && !is_interface(name)
    }

    fn is_live_target(&self, target: &Target) -> bool {
        match target {
            Target::Prompt(name) => self.is_live(Kind::Prompts, name),
            Target::Resource(uri) => self.is_live(Kind::Resources, uri) || self.is_live(Kind::Templates, uri),
            Target::None | Target::Tool(_) | Target::Resources(_) | Target::Task(_) => false,
        }
    }

    /// What of a surface is held to the contract.
    pub fn fixed(&self, mut surface: Surface) -> Surface {
        for (kind, items) in &mut surface.0 {
            items.retain(|name, _| !self.is_live(*kind, name));
        }
        surface.0.retain(|_, items| !items.is_empty());
        surface
    }
}

impl Published {
    /// Puts a surface in force. `unusable` is told of each schema that cannot be used: tool, field, why.
    pub fn new(digest: String, surface: Surface, unusable: &mut dyn FnMut(&str, &str, Unusable)) -> Self {
        let fingerprints = surface.observed();
        let templates = surface.items(Kind::Templates).filter_map(|(text, _)| {
            let template = UriTemplate::parse(text).ok()?;
            Some((template, text.to_owned()))
        });
        let templates = templates.collect();
        let mut compiled = |tool: &str, field: &str, schema: &serde_json::Value| {
            Schema::compile(schema).map_err(|why| unusable(tool, field, why)).ok()
        };
        let tools = surface.items(Kind::Tools).map(|(name, definition)| {
            let anything = serde_json::json!({});
            let input = compiled(name, "inputSchema", definition.get("inputSchema").unwrap_or(&anything));
            let output = definition.get("outputSchema").map(|schema| compiled(name, "outputSchema", schema));
            // What could not be checked when it comes back is not asked for: the tool is as good as without a schema.
            let input = input.filter(|_| !matches!(output, Some(None)));
            let read = Document::reread(definition.to_string()).ok();
            let mirrored = read.and_then(|definition| params::of(definition.root()).ok());
            (name.to_owned(), Tool { input, output: output.flatten(), mirrored })
        });
        let tools = tools.collect();
        Self { digest, approved: Vec::new(), surface, fingerprints, templates, tools }
    }

    /// When it was last approved, in RFC 3339 of UTC in seconds, whose order is that of time.
    pub fn approved_last(&self) -> &str {
        self.approved.iter().map(|(_, at)| at.as_str()).max().unwrap_or_default()
    }

    /// The names of all properties of arguments and structured results.
    pub fn properties(&self) -> impl Iterator<Item = &str> {
        let schemas = self.tools.values().flat_map(|tool| tool.input.iter().chain(&tool.output));
        schemas.flat_map(Schema::properties)
    }

    /// The schemas of a tool.
    pub fn tool(&self, name: &str) -> Option<&Tool> {
        self.tools.get(name)
    }

    /// The item of the contract that a target is about.
    fn find<'a>(&'a self, target: &'a Target) -> Option<(Kind, &'a str)> {
        let known = |kind: Kind, name: &'a str| self.fingerprints.item(kind, name).map(|_| (kind, name));
        match target {
            Target::Tool(name) => known(Kind::Tools, name),
            Target::Prompt(name) => known(Kind::Prompts, name),
            Target::Resource(uri) => known(Kind::Resources, uri)
                .or_else(|| known(Kind::Templates, uri))
                .or_else(|| known(Kind::Widgets, uri))
                .or_else(|| {
                    let fits = |(template, _): &&(UriTemplate, String)| template.matches(uri);
                    self.templates.iter().find(fits).map(|(_, text)| (Kind::Templates, text.as_str()))
                }),
            Target::None | Target::Resources(_) | Target::Task(_) => None,
        }
    }

    /// Whether an item as listed now is the published one.
    pub fn is_as_published(&self, kind: Kind, name: &str, listed: Value<'_>) -> bool {
        let listed = serde_json::from_slice::<serde_json::Value>(listed.raw()).ok();
        listed.is_some_and(|listed| Some(&fingerprint(&listed)) == self.fingerprints.item(kind, name))
    }

    /// Which items differ from what was seen, and which are offered that are not published.
    pub fn drifted<'a>(&'a self, seen: &'a Observed) -> Vec<(Kind, &'a str)> {
        let mut found = Vec::new();
        for kind in Kind::ALL {
            let (ours, theirs) = (self.fingerprints.0.get(&kind), seen.0.get(&kind));
            let differs = |(name, print): &(&'a String, &crate::kernel::digest::Digest)| {
                theirs.and_then(|items| items.get(*name)) != Some(*print)
            };
            found.extend(ours.into_iter().flatten().filter(differs).map(|(name, _)| (kind, name.as_str())));
            let new = |name: &&'a String| ours.is_none_or(|items| !items.contains_key(*name));
            found.extend(theirs.into_iter().flat_map(|items| items.keys()).filter(new).map(|n| (kind, n.as_str())));
        }
        found
    }

    /// A text of the server itself, such as `instructions`, as JSON.
    pub fn server(&self, field: &str) -> Option<Vec<u8>> {
        self.surface.item(Kind::Server, field).map(|value| match value.as_str() {
            Some(text) => string(text),
            None => value.to_string().into_bytes(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn contract() -> Contract {
        let mut surface = Surface::default();
        surface.add(Kind::Tools, "find".to_owned(), json!({ "name": "find" }));
        surface.add(Kind::Templates, "crm://{id}".to_owned(), json!({ "uriTemplate": "crm://{id}" }));
        Contract {
            lock: String::new(),
            written: true,
            published: Some(Published::new(String::new(), surface, &mut |_, _, _| {})),
            on_drift: OnDrift::Quarantine,
            undeclared: Undeclared::Refuse,
            output: OutputMode::Enforce,
            approvals: 1,
            every: Duration::from_secs(60),
            widgets: Allowed::default(),
            domain: None,
            domains: BTreeMap::new(),
            live: Vec::new(),
            hidden_text: HiddenText::Keep,
        }
    }

    #[test]
    fn what_is_not_in_the_contract_is_unpublished_and_what_changed_has_drifted() {
        let contract = contract();
        let tool = |name: &str| Target::Tool(name.to_owned());
        let resource = |uri: &str| Target::Resource(uri.to_owned());
        assert_eq!(contract.standing(&tool("find"), None), Standing::AsPublished);
        assert_eq!(contract.standing(&tool("other"), None), Standing::Unpublished);
        assert_eq!(contract.standing(&resource("crm://7"), None), Standing::AsPublished);
        assert_eq!(contract.standing(&resource("crm://{id}"), None), Standing::AsPublished);
        assert_eq!(contract.standing(&resource("file:///x"), None), Standing::Unpublished);
        let published = contract.published.as_ref().unwrap();
        let mut seen = published.surface.observed();
        assert_eq!(contract.standing(&tool("find"), Some(&seen)), Standing::AsPublished);
        assert_eq!(published.drifted(&seen), []);
        let other = fingerprint(&json!({ "name": "find", "description": "x" }));
        seen.0.get_mut(&Kind::Tools).unwrap().insert("find".to_owned(), other);
        seen.0.get_mut(&Kind::Tools).unwrap().insert("new".to_owned(), other);
        assert_eq!(contract.standing(&tool("find"), Some(&seen)), Standing::Drifted);
        assert_eq!(published.drifted(&seen), [(Kind::Tools, "find"), (Kind::Tools, "new")]);
        assert_eq!(contract.standing(&tool("find"), Some(&Observed::default())), Standing::Drifted);
    }
}
