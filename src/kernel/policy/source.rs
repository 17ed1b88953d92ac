//! What a person writes in `policies/*.yaml`. Serde reads it, `schemars` describes it to editors, and
//! [`super::compile`] turns it into what runs.
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::BTreeMap;

/// The policy of one MCP server.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PolicySource {
    /// Name of the server: lower-case letters, digits and `-`. Served at `<public_url>/<server>/mcp`.
    pub server: String,
    /// URL path to serve it at instead of `/<server>/mcp`.
    pub path: Option<String>,
    /// The tool server behind the gateway.
    pub upstream: UpstreamSource,
    /// Whose tokens are accepted.
    pub access: AccessSource,
    /// Roles by name, each derived from a claim.
    #[serde(default)]
    pub roles: BTreeMap<String, RoleSource>,
    /// Tools by name, or by prefix ending in `*`; the most specific rule decides. Tools not named are refused.
    #[serde(default)]
    pub tools: BTreeMap<String, ToolSource>,
    /// Resources by URI template. Resources that no template matches are refused.
    #[serde(default)]
    pub resources: BTreeMap<String, RuleSource>,
    /// Prompts by name or prefix. Prompts not named are refused.
    #[serde(default)]
    pub prompts: BTreeMap<String, RuleSource>,
    /// Rates, each counted by a key.
    #[serde(default)]
    pub limits: Vec<LimitSource>,
}

/// The tool server behind the gateway.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UpstreamSource {
    /// URL of its MCP endpoint (streamable HTTP).
    pub url: String,
    /// The gateway's own credential there. The caller's token never goes upstream.
    pub credential: Option<CredentialSource>,
    /// PEM file of the certificate authority to trust for `https`, instead of the public ones.
    pub ca: Option<String>,
    /// Longest wait for the beginning of an answer, such as `30s`. Default 60s.
    pub timeout: Option<String>,
}

/// A credential, by reference.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CredentialSource {
    /// Sent as `Authorization: Bearer …`.
    pub bearer: SecretSource,
}

/// Where a secret is read from. Exactly one of the two.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SecretSource {
    /// Environment variable.
    pub env: Option<String>,
    /// File; trailing line breaks are dropped.
    pub file: Option<String>,
}

/// Whose tokens are accepted.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AccessSource {
    /// Names of issuers in `gateway.yaml`.
    pub issuers: Vec<String>,
    /// The `aud` that tokens must carry. Default: the URL the server is served at.
    pub audience: Option<String>,
    /// How a missing scope is answered: `http` (403 with a challenge) or `tool_result`
    /// (`isError` with `_meta["mcp/www_authenticate"]`).
    #[serde(default)]
    pub challenge: ChallengeSource,
}

/// How a missing scope is answered.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum ChallengeSource {
    /// HTTP 403 with `WWW-Authenticate`.
    #[default]
    Http,
    /// A tool result with `isError`.
    ToolResult,
}

/// A role: what a claim must contain.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RoleSource {
    /// Claim, dots for nesting, as in `realm_access.roles`.
    pub claim: String,
    /// At least one of these values.
    pub any: Vec<String>,
}

/// What a tool does to the world; the operator's word, not the upstream's.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// Retrieves only.
    Read,
    /// Creates or changes.
    Write,
    /// Deletes, or cannot be undone.
    Destructive,
    /// Sends data out.
    Egress,
}

impl Effect {
    /// The word used in policies, metrics and records.
    pub fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Destructive => "destructive",
            Self::Egress => "egress",
        }
    }
}

/// A rule for a tool.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ToolSource {
    /// What the tool does.
    pub effect: Effect,
    /// Scopes the token must have, all of them.
    #[serde(default)]
    pub scopes: Vec<String>,
    /// Roles the caller must have, at least one of them.
    #[serde(default)]
    pub roles: Vec<String>,
    /// CEL condition over `principal`, `args`, `tool`, `client`, `time`.
    pub when: Option<String>,
}

/// A rule for a resource or a prompt.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RuleSource {
    /// Scopes the token must have, all of them.
    #[serde(default)]
    pub scopes: Vec<String>,
    /// Roles the caller must have, at least one of them.
    #[serde(default)]
    pub roles: Vec<String>,
    /// CEL condition over `principal`, `args` (prompts), `client`, `time`.
    pub when: Option<String>,
}

/// What a limit counts by.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum Per {
    /// Each subject of each issuer.
    Subject,
    /// Each OAuth client.
    Client,
    /// All callers of the server together.
    Server,
}

/// A rate.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LimitSource {
    /// What is counted.
    pub per: Per,
    /// Only calls of these tools; without it, every request.
    pub tools: Option<Vec<String>>,
    /// Such as `600/min`: a number per `s`, `min`, `hour` or `day`.
    pub rate: String,
    /// How many may come at once. Default: the number in `rate`.
    pub burst: Option<u32>,
}
