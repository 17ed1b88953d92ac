//! `redact` and `data_types`.
use crate::kernel::redact::Group;
use schemars::JsonSchema;
use serde::Deserialize;

/// What happens to sensitive data of some types. Of several entries that concern a value, the first decides.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RedactSource {
    /// Groups (`pci`, `phi`, `government_id`, `secret`, `contact`, `network`, `financial`), types such as `email`, or
    /// names of `data_types`.
    pub types: Vec<String>,
    /// `arguments`: what callers send. `results`: what the server sends, errors and notifications too. Default: both.
    pub direction: Option<Direction>,
    /// What happens to it.
    pub action: RedactAction,
    /// Only of these tools, by name or pattern. Default: everything, prompts and resources too.
    pub tools: Option<Vec<String>>,
    /// Callers who send and get it as it is.
    pub unless: Option<CallersSource>,
    /// With `tokenise`: callers whose arguments may have tokens in place of values.
    pub reveal: Option<CallersSource>,
    /// With `tokenise`: how long a token can be turned back, as in `24h`. Default 24h.
    pub expires: Option<String>,
}

/// Some callers: those with all of the scopes and, if any are named, one of the roles.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CallersSource {
    /// All of these scopes.
    #[serde(default)]
    pub scopes: Vec<String>,
    /// One of these roles.
    #[serde(default)]
    pub roles: Vec<String>,
}

/// Which way a message goes.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// From the client to the server.
    Arguments,
    /// From the server to the client.
    Results,
}

/// What happens to a value that was found.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, PartialEq, Eq, PartialOrd, Ord)]
#[serde(rename_all = "snake_case")]
pub enum RedactAction {
    /// All but the last four letters and digits are starred out; short values, secrets and addresses wholly.
    Mask,
    /// Its type stands in its place, as in `[EMAIL]`.
    Replace,
    /// A keyed digest stands in its place, the same for the same value until the key rotates.
    Hash,
    /// A token stands in its place, which the gateway can turn back for some callers.
    Tokenise,
    /// It is left out, with its field if there is nothing else in it.
    Drop,
    /// The message is refused.
    Block,
    /// Nothing; it is counted.
    Observe,
}

impl RedactAction {
    /// The word in policies, records and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Mask => "mask",
            Self::Replace => "replace",
            Self::Hash => "hash",
            Self::Tokenise => "tokenise",
            Self::Drop => "drop",
            Self::Block => "block",
            Self::Observe => "observe",
        }
    }
}

/// A type of sensitive data of one's own. Exactly one of `pattern`, `words` and `path`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DataTypeSource {
    /// A regular expression for the whole value, as in `E-[0-9]{6}`.
    pub pattern: Option<String>,
    /// Words, whatever their case.
    pub words: Option<Vec<String>>,
    /// Where it stands in JSON, by the end of its path, as in `/customer/notes` or `/items/*/comment`: whatever the value is.
    pub path: Option<String>,
    /// A group it also belongs to.
    pub group: Option<Group>,
}
