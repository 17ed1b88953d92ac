//! What a person writes in `policies/*.yaml`. Serde reads it, `schemars` describes it to editors, and
//! [`super::compile`] turns it into what runs.
mod confirm;
mod flow;
mod redact;

pub use confirm::*;
pub use flow::*;
pub use redact::*;

use crate::kernel::confirm::machine::Mode;
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::BTreeMap;

/// The policy of one MCP server.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PolicySource {
    /// Name of the server: up to 63 of `a-z`, `0-9` and `-`; one policy for each name. Served at `<public_url>/<server>/mcp`.
    pub server: String,
    /// URL path to serve it at instead of `/<server>/mcp`.
    pub path: Option<String>,
    /// Files with parts of the policy, relative to the directory of policies: `*.fragment.yaml`, or `*.yaml` in a
    /// subdirectory. Lists are added to, names must not collide. See "Include".
    #[serde(default)]
    pub include: Vec<String>,
    /// Who answers for this server: addresses for people.
    #[serde(default)]
    pub contacts: Vec<String>,
    /// What is known of tokens' claims, by dotted path. If given, roles, `available` and conditions may use no
    /// others; below a `map`, anything.
    pub claims: Option<BTreeMap<String, ClaimType>>,
    /// Scopes that stand for others. See "Scopes".
    #[serde(default)]
    pub scopes: BTreeMap<String, ScopeSource>,
    /// The tool server behind the gateway.
    pub upstream: UpstreamSource,
    /// Whose tokens are accepted.
    pub access: AccessSource,
    /// Roles by name, each derived from a claim.
    #[serde(default)]
    pub roles: BTreeMap<String, RoleSource>,
    /// What rules take where they do not say otherwise.
    #[serde(default)]
    pub defaults: DefaultsSource,
    /// Tools by name, or by pattern with `*`; the most specific rule decides. Tools not named are refused. See
    /// "Which rule decides".
    #[serde(default)]
    pub tools: BTreeMap<String, ToolSource>,
    /// Resources by URI template. Resources that no template matches are refused.
    #[serde(default)]
    pub resources: BTreeMap<String, RuleSource>,
    /// Prompts by name or pattern. Prompts not named are refused.
    #[serde(default)]
    pub prompts: BTreeMap<String, RuleSource>,
    /// What is refused whatever the rules above allow.
    #[serde(default)]
    pub deny: Vec<DenySource>,
    /// Rates and sizes.
    #[serde(default)]
    pub limits: Vec<LimitSource>,
    /// What happens to sensitive data: a table, of which the first entry that concerns a value decides. See "Redaction".
    #[serde(default)]
    pub redact: Vec<RedactSource>,
    /// Types of sensitive data of your own, by name, for `redact`.
    #[serde(default)]
    pub data_types: BTreeMap<String, DataTypeSource>,
    /// What the server was reviewed to offer. See "Contract".
    #[serde(default)]
    pub contract: Option<ContractSource>,
    /// What is taken of calls that change anything. Default `enforce`.
    #[serde(default)]
    pub mode: ServerMode,
    /// What becomes of tasks, between clients and servers of 2026-07-28. Default `refuse`.
    #[serde(default, rename = "tasks")]
    pub tasks_mode: TasksMode,
    /// How people are asked to confirm calls. See "Confirmations".
    pub confirmations: Option<ConfirmationsSource>,
    /// Where data may go once it was read. See "Flow".
    pub flow: Option<FlowSource>,
    /// Where links may lead. See "Links".
    pub links: Option<LinksSource>,
    /// Warnings that were looked at and accepted.
    #[serde(default)]
    pub suppress: Vec<SuppressSource>,
}

/// What the server was reviewed to offer, and what happens to anything else.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ContractSource {
    /// Lock file, from the directory of the policy. Default: `<server>.lock.json`. Without the file the server runs
    /// on what it offers now, and `check` warns.
    pub lock: Option<String>,
    /// What happens to what changed since it was approved. Default `quarantine`.
    #[serde(default)]
    pub on_drift: OnDrift,
    /// What happens to arguments that a tool's published schema does not declare. Default `refuse`.
    #[serde(default)]
    pub undeclared_arguments: Undeclared,
    /// What happens to results that do not fit the published output schema. Default `enforce`.
    #[serde(default)]
    pub output: OutputMode,
    /// How many admins must approve a contract. Default 1.
    pub approvals: Option<u32>,
    /// How often the server is asked what it offers, as in `30s`. Default 60s.
    pub check_every: Option<String>,
    /// What changes from day to day by its nature, such as a list of notes, and is not held to the contract. User
    /// interfaces (`ui://`) are, always.
    #[serde(default)]
    pub live: Vec<Live>,
    /// What happens to characters that nobody sees, and to terminal sequences, in results and errors. Default `keep`.
    #[serde(default)]
    pub hidden_text: HiddenText,
    /// What its user interfaces (`ui://` resources) may declare. Default: nothing.
    #[serde(default)]
    pub widgets: WidgetsSource,
}

/// What user interfaces may declare. Origins are `https` or `wss`, as in `https://cdn.example.com` or
/// `https://*.example.com`. What they declare beyond it is taken out of their Content-Security-Policy.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WidgetsSource {
    /// For requests and sockets (`connectDomains`).
    #[serde(default)]
    pub connect: Vec<String>,
    /// For scripts, styles, images, fonts and media (`resourceDomains`).
    #[serde(default)]
    pub resource: Vec<String>,
    /// For frames (`frameDomains`).
    #[serde(default)]
    pub frame: Vec<String>,
    /// For `base` (`baseUriDomains`).
    #[serde(default)]
    pub base_uri: Vec<String>,
    /// For links that the host opens (`redirect_domains`).
    #[serde(default)]
    pub redirect: Vec<String>,
    /// Such as `camera` and `clipboardWrite`.
    #[serde(default)]
    pub permissions: Vec<String>,
    /// Replaces `ui.domain`.
    pub domain: Option<String>,
    /// Replaces `ui.domain` for these OAuth clients, by client id: hosts differ in what they take.
    #[serde(default)]
    pub domains: BTreeMap<String, String>,
}

/// What becomes of the extension `io.modelcontextprotocol/tasks`: calls that a server answers later.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum TasksMode {
    /// Nobody can negotiate it.
    #[default]
    Refuse,
    /// A task is its caller's alone, and each message about it is judged by the rule of its tool. What comes of it is
    /// judged like the result of a call.
    Pass,
}

/// What a contract need not fix.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum Live {
    /// Resources.
    Resources,
    /// Resource templates.
    Templates,
    /// Prompts.
    Prompts,
}

/// What happens to what a model reads and a person does not see.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum HiddenText {
    /// It goes on to the client.
    #[default]
    Keep,
    /// It is taken out, and the record says so.
    Strip,
    /// The reply is refused.
    Refuse,
}

/// What happens to what changed since it was approved.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum OnDrift {
    /// Listed as it was approved; using it is refused.
    #[default]
    Quarantine,
    /// Not listed; using it is refused.
    Hide,
    /// Listed as it was approved, and may be used; told to the operator.
    Warn,
}

/// What happens to arguments that a published schema does not declare.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum Undeclared {
    /// They go on to the server.
    Keep,
    /// They are taken out before the call is judged.
    Strip,
    /// The call is refused.
    #[default]
    Refuse,
}

/// What happens to results that do not fit the published output schema.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum OutputMode {
    /// They are refused.
    #[default]
    Enforce,
    /// They are passed on, and told to the operator.
    Warn,
}

/// A part of policies, for `include`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FragmentSource {
    /// Further files.
    #[serde(default)]
    pub include: Vec<String>,
    /// As in a policy.
    pub claims: Option<BTreeMap<String, ClaimType>>,
    /// As in a policy.
    #[serde(default)]
    pub scopes: BTreeMap<String, ScopeSource>,
    /// As in a policy.
    #[serde(default)]
    pub roles: BTreeMap<String, RoleSource>,
    /// As in a policy.
    #[serde(default)]
    pub defaults: DefaultsSource,
    /// As in a policy.
    #[serde(default)]
    pub tools: BTreeMap<String, ToolSource>,
    /// As in a policy.
    #[serde(default)]
    pub resources: BTreeMap<String, RuleSource>,
    /// As in a policy.
    #[serde(default)]
    pub prompts: BTreeMap<String, RuleSource>,
    /// As in a policy.
    #[serde(default)]
    pub deny: Vec<DenySource>,
    /// As in a policy.
    #[serde(default)]
    pub limits: Vec<LimitSource>,
    /// As in a policy.
    #[serde(default)]
    pub redact: Vec<RedactSource>,
    /// As in a policy.
    #[serde(default)]
    pub data_types: BTreeMap<String, DataTypeSource>,
}

/// Type of a claim.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum ClaimType {
    /// Text.
    String,
    /// A number.
    Number,
    /// True or false.
    Boolean,
    /// A list.
    List,
    /// An object.
    Map,
}

/// A scope that stands for others.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ScopeSource {
    /// Whoever has this scope has these too, and what they imply.
    pub implies: Vec<String>,
}

/// What rules take where they do not say otherwise.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DefaultsSource {
    /// For tools.
    pub tools: Option<DefaultSource>,
    /// For resources.
    pub resources: Option<DefaultSource>,
    /// For prompts.
    pub prompts: Option<DefaultSource>,
    /// How calls are confirmed, by effect, for tools without `confirm`.
    pub confirm: Option<ConfirmDefaultsSource>,
}

/// Fields of a rule that can have a default.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DefaultSource {
    /// Scopes, for rules without `scopes`.
    pub scopes: Option<Vec<String>>,
    /// Roles, for rules without `roles`.
    pub roles: Option<Vec<String>>,
    /// Availability, for rules without `available`.
    pub available: Option<AvailableSource>,
    /// Step-up, for rules without `step_up`.
    pub step_up: Option<StepUpSource>,
}

/// Where, for whom and when something is available. All that is written must hold.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AvailableSource {
    /// OAuth clients, by `client_id`.
    pub clients: Option<Vec<String>>,
    /// Claims by dotted path, each with the values that will do: `{ region: [eu], plan: [pro] }`. All of the
    /// claims must fit.
    #[serde(default)]
    pub claims: BTreeMap<String, Vec<String>>,
    /// Days of the week, UTC.
    pub days: Option<Vec<Day>>,
    /// Time of day, UTC, as in `08:00-18:00`, the end not included; over midnight as in `22:00-06:00`.
    pub hours: Option<String>,
    /// Not before this time (RFC 3339).
    pub after: Option<String>,
    /// Not from this time on (RFC 3339).
    pub before: Option<String>,
}

/// A day of the week.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum Day {
    /// Monday.
    Mon,
    /// Tuesday.
    Tue,
    /// Wednesday.
    Wed,
    /// Thursday.
    Thu,
    /// Friday.
    Fri,
    /// Saturday.
    Sat,
    /// Sunday.
    Sun,
}

impl Day {
    /// Monday first.
    pub const ALL: [Self; 7] = [Self::Mon, Self::Tue, Self::Wed, Self::Thu, Self::Fri, Self::Sat, Self::Sun];
}

/// A recent or stronger login (RFC 9470).
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StepUpSource {
    /// The token's `acr` must be one of these.
    #[serde(default)]
    pub acr: Vec<String>,
    /// The login (`auth_time`) must not be longer ago, as in `5m`.
    pub max_age: Option<String>,
}

/// The tool server behind the gateway: exactly one of `url`, `sse` and `command`. See "Upstream".
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UpstreamSource {
    /// URL of its MCP endpoint (streamable HTTP): `http` or `https`, without credentials and fragment. Redirects
    /// are not followed. Link-local and multicast addresses are never called, also when a name leads to them.
    pub url: Option<String>,
    /// URL of its event stream, for servers of 2024-11-05 (HTTP+SSE). The endpoint that it names for messages must
    /// be of the same origin.
    pub sse: Option<String>,
    /// Command of a server that speaks on standard input and output: the program and its arguments. No shell reads
    /// it. It runs as the user of the gateway.
    pub command: Option<Vec<String>>,
    /// The whole environment of the command, besides `PATH` and `LANG`; the gateway's own is not passed on.
    #[serde(default)]
    pub env: BTreeMap<String, VariableSource>,
    /// Directory in which the command runs, from the directory of gateway.yaml. Default: that directory.
    pub directory: Option<String>,
    /// Processes of the command.
    pub process: Option<ProcessSource>,
    /// The gateway's own credential there. The caller's token never goes upstream.
    pub credential: Option<CredentialSource>,
    /// PEM file of the certificate authority to trust for `https`, instead of the public ones.
    pub ca: Option<String>,
    /// Longest wait for the beginning of an answer, such as `30s`, and for the whole of one that is not a stream.
    /// Default 60s.
    pub timeout: Option<String>,
}

/// An environment variable: its value, or where its secret value is read from.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum VariableSource {
    /// As it stands here.
    Text(String),
    /// By reference; in logs it is blacked out.
    Secret(SecretSource),
}

/// Processes of a command.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProcessSource {
    /// Who shares a process. Default `principal`.
    #[serde(default)]
    pub per: ProcessPer,
    /// Most processes at once. Default 16.
    pub max: Option<u32>,
    /// How long a process that nobody uses is kept, as in `10m`. Default 10m.
    pub idle: Option<String>,
    /// Most memory of a process, as in `512MiB` (RLIMIT_DATA). Default 1024MiB.
    pub memory_max: Option<String>,
    /// Most files that a process has open (RLIMIT_NOFILE). Default 1024.
    pub files_max: Option<u32>,
}

/// Who shares a process.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum ProcessPer {
    /// Nobody: each caller has its own.
    #[default]
    Principal,
    /// All callers. The program cannot ask any of them anything.
    Shared,
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
    /// File; trailing line breaks are dropped, changes are noticed.
    pub file: Option<String>,
}

/// Whose tokens are accepted.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AccessSource {
    /// Names of issuers in `gateway.yaml`; at least one.
    pub issuers: Vec<String>,
    /// The `aud` that tokens must carry. Default: the URL the server is served at.
    pub audience: Option<String>,
    /// How a missing scope is answered: `http` (403 with a challenge) or `tool_result`
    /// (`isError` with `_meta["mcp/www_authenticate"]`). Default `http`.
    #[serde(default)]
    pub challenge: ChallengeSource,
    /// Whether callers without a token may use the rules that say `anonymous: true`.
    #[serde(default)]
    pub anonymous: bool,
    /// Tokens with a longer time until they expire are refused, as in `1h`.
    pub token_life_max: Option<String>,
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
    /// The role is held if the claim is one of these values, or a list with one.
    pub any: Vec<String>,
}

/// What a tool does to the world; the operator's word, not the upstream's. It becomes `readOnlyHint`,
/// `destructiveHint` and `openWorldHint` in listings, and a field of the record; it does not refuse by itself.
#[derive(Clone, Copy, Debug, Deserialize, serde::Serialize, JsonSchema, PartialEq, Eq)]
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

/// A rule for a tool. All that is written must hold. A rule that asks for nothing is for everybody whom `access`
/// admits.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ToolSource {
    /// What the tool does.
    pub effect: Effect,
    /// Scopes the token must have, all of them.
    pub scopes: Option<Vec<String>>,
    /// Roles the caller must have, at least one of them.
    pub roles: Option<Vec<String>>,
    /// Where, for whom and when.
    pub available: Option<AvailableSource>,
    /// A recent or stronger login.
    pub step_up: Option<StepUpSource>,
    /// Also for callers without a token, if `access` admits them. Only with `effect: read`.
    #[serde(default)]
    pub anonymous: bool,
    /// CEL condition over `principal`, `args`, `tool`, `client`, `time`.
    pub when: Option<String>,
    /// Ways of asking a person before a call goes on; the first that fits the client is used, and if none does the
    /// call is refused. `[]` asks nobody. Default: what `defaults.confirm` says. See "Confirmations".
    pub confirm: Option<Vec<Mode>>,
    /// What a person is shown besides the arguments.
    pub preview: Option<PreviewSource>,
    /// One approval for several like calls.
    pub batch: Option<BatchSource>,
    /// What its results are, in a word, as in `customer`: they may not leave through `egress` tools unseen.
    pub sensitivity: Option<String>,
    /// Its results are content that nobody vouches for, as a web page is.
    #[serde(default)]
    pub untrusted: bool,
    /// What of its results goes on to the client. Default: all.
    pub output: Option<OutputSource>,
    /// What it needs of what hosts tell of their users in `_meta`. Default: nothing, and nothing reaches it.
    #[serde(default)]
    pub hints: Vec<Hint>,
}

/// A rule for a resource or a prompt.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RuleSource {
    /// Scopes the token must have, all of them.
    pub scopes: Option<Vec<String>>,
    /// Roles the caller must have, at least one of them.
    pub roles: Option<Vec<String>>,
    /// Where, for whom and when.
    pub available: Option<AvailableSource>,
    /// A recent or stronger login.
    pub step_up: Option<StepUpSource>,
    /// Also for callers without a token, if `access` admits them. Without scopes and roles.
    #[serde(default)]
    pub anonymous: bool,
    /// CEL condition over `principal`, `args` (prompts), `client`, `time`.
    pub when: Option<String>,
    /// What it is, in a word, as in `customer`: it may not leave through `egress` tools unseen.
    pub sensitivity: Option<String>,
    /// It is content that nobody vouches for, as a web page is.
    #[serde(default)]
    pub untrusted: bool,
}

/// A refusal that nothing overrides. It holds for what it names; if it names nothing, for everything.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DenySource {
    /// What it is called in records, metrics and explanations.
    pub name: String,
    /// Tools, by name or pattern.
    #[schemars(length(min = 1))]
    pub tools: Option<Vec<String>>,
    /// Prompts, by name or pattern.
    #[schemars(length(min = 1))]
    pub prompts: Option<Vec<String>>,
    /// Resources, by URI template.
    #[schemars(length(min = 1))]
    pub resources: Option<Vec<String>>,
    /// Only for callers with one of these roles.
    #[schemars(length(min = 1))]
    pub roles: Option<Vec<String>>,
    /// Only if this CEL condition is true, or cannot be evaluated.
    pub when: Option<String>,
}

/// A warning that was looked at and accepted.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SuppressSource {
    /// Code of the check, such as `P702`.
    pub code: String,
    /// Where: the beginning of a dotted path, as in `tools.export_customers`. Default: everywhere.
    pub at: Option<String>,
    /// Why it is fine here.
    pub reason: String,
}

/// What a limit counts by.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, PartialEq, Eq, Hash)]
#[serde(rename_all = "snake_case")]
pub enum Per {
    /// Each subject of each issuer.
    Subject,
    /// Each OAuth client.
    Client,
    /// Each tool, all callers together.
    Tool,
    /// All callers of the server together.
    Server,
}

/// A limit. All that fit a request are kept. See "Limits".
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LimitSource {
    /// What `rate` and `concurrency` count by.
    pub per: Option<Per>,
    /// Instead of `per`: a CEL expression whose text or number is counted by, as in `args.tenant`.
    pub key: Option<String>,
    /// Only for callers with one of these roles.
    #[schemars(length(min = 1))]
    pub roles: Option<Vec<String>>,
    /// Only calls of these tools, by name or pattern; without it, every request.
    #[schemars(length(min = 1))]
    pub tools: Option<Vec<String>>,
    /// Such as `600/min`: a number per `s`, `min`, `hour` or `day`.
    pub rate: Option<String>,
    /// How many may come at once. Default: the number in `rate`.
    pub burst: Option<u32>,
    /// How many may be unanswered at once.
    pub concurrency: Option<u32>,
    /// Longest arguments, as in `64KiB`.
    pub arguments_max: Option<String>,
    /// Longest reply, or event of a stream, as in `1MiB`.
    pub reply_max: Option<String>,
    /// Longest time for the whole answer, as in `30s`.
    pub time: Option<String>,
}
