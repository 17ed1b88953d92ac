//! `confirm`, `preview`, `batch` and `confirmations`.
use super::Per;
use crate::kernel::confirm::machine::Mode;
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::BTreeMap;

/// What a server takes of calls that change anything.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum ServerMode {
    /// What the rules allow.
    #[default]
    Enforce,
    /// Nothing: calls of tools whose effect is not `read` are answered with their preview, or refused.
    Preview,
}

/// How calls are confirmed, by effect, for tools without `confirm`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConfirmDefaultsSource {
    /// Of tools that create or change.
    pub write: Option<Vec<Mode>>,
    /// Of tools that delete, or cannot be undone.
    pub destructive: Option<Vec<Mode>>,
    /// Of tools that send data out.
    pub egress: Option<Vec<Mode>>,
}

/// What a person is shown besides the arguments: what the call would do. Exactly one of `argument`, `tool` and
/// `template`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PreviewSource {
    /// An argument of the same tool with which it only says what it would do, as in `dry_run`. It is sent as true.
    pub argument: Option<String>,
    /// A tool that shows what the call is about. Its rule must say `effect: read`.
    pub tool: Option<String>,
    /// Arguments of that tool, each from an argument of the call by dotted path, as in `{ id: customer.id }`.
    #[serde(default)]
    pub arguments: BTreeMap<String, String>,
    /// With `tool`: what changes. For each dotted path in the structured result, the argument that replaces it, as
    /// in `{ address.city: city }`.
    #[serde(default)]
    pub diff: BTreeMap<String, String>,
    /// A sentence with arguments in braces, as in `Moves {amount} from {from} to {to}`.
    pub template: Option<String>,
    /// Whether the preview is made again before the call goes on; if it is another one then, the confirmation is void.
    /// Default true; `false` is for previews that are different each time, such as ones with a time in them.
    pub recheck: Option<bool>,
}

/// One approval for several like calls of one caller; whoever approves sees the bounds and may choose a single call.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BatchSource {
    /// Most calls.
    pub calls_max: u32,
    /// Arguments, by dotted path, that must be the same in all of them.
    pub same: Vec<String>,
}

/// How people are asked. See "Confirmations".
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConfirmationsSource {
    /// For `approver`.
    pub approver: Option<ApproverTermsSource>,
    /// For `elicit`.
    pub elicit: Option<TermsSource>,
    /// For `code`.
    pub code: Option<TermsSource>,
    /// For `host`.
    pub host: Option<HostSource>,
    /// How often somebody is asked at most.
    pub budget: Option<BudgetSource>,
    /// A pause after denials.
    pub cool_down: Option<CoolDownSource>,
    /// Time of day, UTC, in which nobody is asked, as in `22:00-06:00`.
    pub quiet_hours: Option<String>,
    /// Arguments, by dotted path, whose values are not shown to whoever is asked.
    #[serde(default)]
    pub hide: Vec<String>,
}

/// Who approves, and until when.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ApproverTermsSource {
    /// Roles of which an approver needs one.
    #[serde(default)]
    pub roles: Vec<String>,
    /// Whether the requester may not be the approver. Default: true for `effect: destructive`, else false.
    pub separate: Option<bool>,
    /// How long after the request it can be approved and used, as in `10m`. Default 10m.
    pub expires: Option<String>,
}

/// Until when.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TermsSource {
    /// How long after the request it can be confirmed and used, as in `5m`. Default 5m.
    pub expires: Option<String>,
}

/// Whose own prompts are relied on.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HostSource {
    /// OAuth clients, by the `client_id` in their tokens.
    #[serde(default)]
    pub clients: Vec<String>,
}

/// How often somebody is asked at most.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BudgetSource {
    /// Counted by.
    pub per: Per,
    /// Such as `20/hour`, in any hour.
    pub prompts: String,
}

/// A pause after denials.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CoolDownSource {
    /// After so many denials of one subject's calls,
    pub denials: u32,
    /// within this time nothing more is asked about until it has passed, as in `15m`.
    pub pause: String,
}
