//! What a person writes in `*.cases.yaml`. Serde reads it, `schemars` describes it to editors, and
//! [`super::compile`] turns it into what runs.
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// Cases of the policy of one server.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CasesSource {
    /// Name of the server, as its policy gives it, or of a virtual server, for calls. May be left out where there is one
    /// policy only.
    pub server: Option<String>,
    /// Names that the upstream offers, for lists that do not say. Default: every exact name in the policy.
    pub offered: Option<Vec<String>>,
    /// The cases.
    pub cases: Vec<CaseSource>,
}

/// One case: who asks, for what, when, and what must come of it.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CaseSource {
    /// A sentence that is true if the case passes.
    pub name: String,
    /// Who asks.
    #[serde(rename = "as")]
    pub caller: CallerSource,
    /// When, as in `2026-12-01T09:00:00Z` (RFC 3339). Default: noon UTC of Thursday, 1 January 2026.
    pub at: Option<String>,
    /// What is called. Either this or `list`.
    pub call: Option<CallSource>,
    /// What is listed. Either this or `call`.
    pub list: Option<ListSource>,
    /// For a list: names that the upstream offers.
    pub offered: Option<Vec<String>>,
    /// What must come of it.
    pub expect: ExpectSource,
}

/// A caller: `anonymous`, or what a verified token says.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum CallerSource {
    /// A caller without a token.
    Anonymous(AnonymousSource),
    /// A caller with a token.
    Token(TokenSource),
}

/// The word `anonymous`.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AnonymousSource {
    /// No token.
    Anonymous,
}

/// A caller, as a verified token would describe it.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TokenSource {
    /// `sub`.
    pub sub: String,
    /// Scopes of the token.
    #[serde(default)]
    pub scopes: Vec<String>,
    /// Further claims, as they are in the token.
    #[serde(default)]
    pub claims: BTreeMap<String, Value>,
    /// Name of an issuer in `gateway.yaml`. Default: the first that the policy accepts.
    pub issuer: Option<String>,
    /// OAuth client id. Default: none.
    pub client: Option<String>,
    /// `aud`. Default: what the policy asks for.
    pub audience: Option<String>,
    /// Whether the token has expired.
    #[serde(default)]
    pub expired: bool,
}

/// A request. Exactly one of `tool`, `prompt`, `resource`, `subscribe`, `complete`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CallSource {
    /// A tool to call.
    pub tool: Option<String>,
    /// A prompt to get.
    pub prompt: Option<String>,
    /// URI of a resource to read.
    pub resource: Option<String>,
    /// URI of a resource whose changes to hear of.
    pub subscribe: Option<String>,
    /// A prompt or resource template to complete an argument of.
    pub complete: Option<CompleteSource>,
    /// Arguments, of a tool or prompt.
    pub args: Option<BTreeMap<String, Value>>,
}

/// What to complete an argument of. Exactly one of the two.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CompleteSource {
    /// A prompt.
    pub prompt: Option<String>,
    /// A resource template.
    pub resource: Option<String>,
}

/// Which list.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum ListSource {
    /// `tools/list`.
    Tools,
    /// `prompts/list`.
    Prompts,
    /// `resources/list`.
    Resources,
    /// `resources/templates/list`.
    Templates,
}

/// What must come of it: `allow`, `confirm`, the names that a list must show, or a refusal.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum ExpectSource {
    /// Allowed, whatever a list shows; or to be confirmed.
    Allow(AllowSource),
    /// A list shows these names and no others, in any order.
    Names(Vec<String>),
    /// Refused.
    Deny(DenySource),
}

/// The word `allow`, or `confirm`.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AllowSource {
    /// Allowed, without asking anybody.
    Allow,
    /// Allowed once somebody confirmed it.
    Confirm,
}

/// A refusal.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DenySource {
    /// Its reason, as in `scope_missing`; `docs/refusals.md` has them all.
    pub deny: String,
    /// The rule it rests on: a file, a file and line as in `crm.yaml:12`, or the rule's pattern.
    pub rule: Option<String>,
}
