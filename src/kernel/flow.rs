//! Where data may go: what was read through one tool may not leave through another unseen.
//!
//! ```text
//! result of a tool with `sensitivity` ──▶ Prints ──▶ memory of the caller ──▶ Facts ──▶ decide, for a tool that sends out
//! ```
//!
//! Nothing of what was read is kept but keyed fingerprints ([`prints`]). The memory belongs to the caller and not to a
//! server: what the one gave may not leave through the other. [`Recollection`] is what of it is known when a call is
//! judged; [`Recollection::concern`] is a function of that and of the call.
pub mod data;
mod layers;
pub mod links;
pub mod prints;
mod reading;
#[cfg(test)]
mod tests;
mod words;

use super::confirm::Mode;
use super::json::Value;
use super::refusal::Reason;
use prints::{Key, Prints, Sent};
use schemars::JsonSchema;
use serde::Deserialize;
use std::sync::Arc;

/// For whom the gateway remembers what was read.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum Remember {
    /// For the session: what is read in one may be sent out in another. 2026-07-28 has no sessions: there, as `subject`.
    Session,
    /// For the person who calls, whichever client and server.
    #[default]
    Subject,
}

/// What happens to a call.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum Then {
    /// A person is asked first.
    #[default]
    Confirm,
    /// It is refused.
    Refuse,
    /// It goes on.
    Allow,
}

/// The terms of a server.
#[derive(Clone, Debug)]
pub struct Flow {
    /// For whom its results are remembered.
    pub remember: Remember,
    /// How long, in seconds.
    pub seconds: u64,
    /// Letters and digits from which on a text is recognised.
    pub at_least: usize,
    /// What becomes of a call that would send out what was read.
    pub then: Then,
    /// What becomes of a call that sends out, once content was read that nobody vouches for.
    pub after_untrusted: Then,
    /// Ways of asking for that, for tools whose rule has none.
    pub ways: Vec<Mode>,
    /// Texts that everybody gets, and that are recognised nowhere.
    pub ignore: Vec<String>,
}

impl Default for Flow {
    fn default() -> Self {
        Self {
            remember: Remember::Subject,
            seconds: 3600,
            at_least: 24,
            then: Then::Confirm,
            after_untrusted: Then::Confirm,
            ways: Vec::new(),
            ignore: Vec::new(),
        }
    }
}

/// Where something was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The server.
    pub server: String,
    /// The rule: a tool, resource or prompt as the policy names it.
    pub rule: String,
    /// What the policy calls it.
    pub sensitivity: String,
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "`{}` of {}", self.rule, self.server)
    }
}

/// What is to be remembered of a reply.
#[derive(Clone, Debug)]
pub struct Lesson {
    /// Where it was read.
    pub origin: Arc<Origin>,
    /// It has data that may not leave.
    pub sensitive: bool,
    /// It is content that nobody vouches for.
    pub untrusted: bool,
    /// For whom.
    pub remember: Remember,
    /// How long, in seconds.
    pub seconds: u64,
    /// The size.
    pub at_least: usize,
    /// Texts that everybody gets.
    pub ignore: Vec<String>,
}

impl Lesson {
    /// Fingerprints of a reply, without what the caller said in the call and what everybody is told.
    pub fn prints(&self, key: &Key, reply: Value<'_>, said: Option<Value<'_>>) -> Prints {
        // A message is one of them.
        let part = ["result", "error", "params"].into_iter().find_map(|part| reply.get(part)).unwrap_or(reply);
        Prints::of(key, part, self.at_least, &mut Sent::read(key, said, &self.ignore))
    }
}

/// One thing that was read.
#[derive(Debug)]
pub struct Memory {
    /// Where.
    pub origin: Arc<Origin>,
    /// Its fingerprints.
    pub prints: Prints,
}

/// What is known of a caller's memory at one moment.
#[derive(Clone, Debug)]
pub struct Recollection {
    /// The secret that its fingerprints were made with.
    pub key: Arc<Key>,
    /// What was read, the latest last.
    pub memories: Vec<Arc<Memory>>,
    /// Content that nobody vouches for was read, the latest of it there.
    pub untrusted: Option<Arc<Origin>>,
    /// More was read than can be remembered.
    pub full: bool,
    /// So it is with content that nobody vouches for: it may have been read.
    pub unsure: bool,
}

/// Why a call that sends out is not simply let through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Concern {
    /// It has text that came from there.
    Carries(Arc<Origin>),
    /// It has a URL that leads to no allowed place.
    Link,
    /// It has more, or more deeply encoded, text than is compared.
    Unclear,
    /// More was read than can be remembered, so nobody knows.
    Full,
    /// Content that nobody vouches for was read there, and may be what speaks.
    Untrusted(Arc<Origin>),
}

impl Concern {
    /// The refusal, where nobody is asked.
    pub fn reason(&self) -> Reason {
        match self {
            Self::Carries(_) | Self::Unclear => Reason::DataLeaves,
            Self::Link => Reason::LinkForeign,
            Self::Full => Reason::MemoryFull,
            Self::Untrusted(_) => Reason::UntrustedRead,
        }
    }

    /// What a person who is asked is told.
    pub fn words(&self) -> String {
        match self {
            Self::Carries(origin) => format!("contains text that came from {origin} ({})", origin.sensitivity),
            Self::Link => "contains a URL that leads to a place the policy does not name".to_owned(),
            Self::Unclear => "contains text that could not be compared with what was read before".to_owned(),
            Self::Full => "may contain what was read before: more was read than the gateway remembers".to_owned(),
            Self::Untrusted(origin) => format!("comes after content that nobody vouches for, from {origin}"),
        }
    }
}

impl Recollection {
    /// What speaks against sending these values themselves, by the terms of the server that would send them.
    pub fn carries<'a>(&self, values: impl IntoIterator<Item = Value<'a>>, flow: &Flow) -> Option<(Concern, Then)> {
        if flow.then == Then::Allow || (self.memories.is_empty() && !self.full) {
            return None;
        }
        let mut sent = Sent::read(&self.key, values, &[]);
        let among = self.memories.iter().map(|memory| memory.prints.records()).sum();
        let found = self.memories.iter().rev().find(|memory| memory.prints.are_in(&mut sent, among));
        let concern = match found {
            Some(memory) => Concern::Carries(memory.origin.clone()),
            None if self.full => Concern::Full,
            None if sent.unclear => Concern::Unclear,
            None => return None,
        };
        Some((concern, flow.then))
    }

    /// What speaks against sending anything.
    pub fn untrusted(&self, flow: &Flow) -> Option<(Concern, Then)> {
        let untrusted = self.untrusted.clone().map(Concern::Untrusted).or_else(|| self.unsure.then_some(Concern::Full));
        untrusted.map(|concern| (concern, flow.after_untrusted)).filter(|(_, then)| *then != Then::Allow)
    }
}
