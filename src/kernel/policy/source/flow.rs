//! `sensitivity`, `untrusted`, `output`, `hints`, `flow` and `links`.
use crate::kernel::confirm::machine::Mode;
use crate::kernel::flow::{Remember, Then};
use schemars::JsonSchema;
use serde::Deserialize;

/// Where data may go once it was read. See "Flow".
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FlowSource {
    /// For whom results of rules with `sensitivity` are remembered. Default `subject`.
    #[serde(default)]
    pub remember: Remember,
    /// How long, as in `1h`, up to a day. Default 1h.
    #[serde(rename = "for")]
    pub lasts: Option<String>,
    /// Letters and digits from which on a text is recognised, from 16 to 256. Default 24.
    pub at_least: Option<u32>,
    /// What becomes of a call of an `egress` tool with text that was read before. Default `confirm`.
    #[serde(default)]
    pub then: Then,
    /// What becomes of calls of `egress` tools once a rule with `untrusted` was used. Default `confirm`.
    #[serde(default)]
    pub after_untrusted: Then,
    /// Ways of asking for that, for tools without `confirm`. `host` is not one of them: its prompt does not say why.
    #[serde(default)]
    pub confirm: Vec<Mode>,
    /// Texts that everybody gets in results, such as terms, and that may be sent out.
    #[serde(default)]
    pub ignore: Vec<String>,
}

/// Links and images in results, and URLs in the arguments of `egress` tools. See "Links".
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LinksSource {
    /// Where they may lead, as in `https://www.example.com/`, `https://*.example.com/` or `https://example.com/docs/`.
    #[serde(default)]
    pub allow: Vec<String>,
    /// What happens to other links and images of Markdown and HTML in results. Default `defuse`.
    #[serde(default)]
    pub then: LinksThen,
    /// What becomes of a call of an `egress` tool with other URLs. Default `refuse`.
    pub arguments: Option<Then>,
}

/// What happens to links and images that lead elsewhere.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum LinksThen {
    /// They become text: nothing is fetched, and nothing can be clicked.
    #[default]
    Defuse,
    /// The reply is refused.
    Refuse,
    /// They go on to the client.
    Keep,
}

/// What of a result goes on to the client.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OutputSource {
    /// JSON pointers into the structured result, `*` for any element or name, as in `/customers/*/name`. What is
    /// neither named nor below or above what is named is left out; of texts that are JSON too.
    #[schemars(length(min = 1))]
    pub fields: Vec<String>,
    /// What happens to content that is not JSON. Default `drop`.
    #[serde(default)]
    pub text: OutputText,
}

/// What happens to content that has no fields.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum OutputText {
    /// It is left out.
    #[default]
    Drop,
    /// It goes on to the client.
    Keep,
}

/// What hosts tell of their users in `_meta`.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum Hint {
    /// Where they are, to the point (`openai/userLocation`).
    Location,
    /// Of that the country, region and time zone.
    Region,
    /// Language and country (`openai/locale`); without it, the language.
    Locale,
    /// Which program (`openai/userAgent`).
    UserAgent,
    /// A pseudonym of theirs (`openai/subject`).
    Subject,
    /// The conversation (`openai/session`).
    Session,
    /// Who they work for (`openai/organization`).
    Organization,
}
