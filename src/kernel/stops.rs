//! The kill switch: what an operator stopped. Judged with everything else, so it holds for calls, lists and open
//! streams alike; nothing in a policy overrides it.
use super::mcp::decode::Target;
use super::principal::Principal;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Most entries.
pub const STOPS_MAX: usize = 1000;

/// One thing that is stopped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// A server, with everything on it.
    Server(String),
    /// A tool of a server.
    Tool {
        /// Server.
        server: String,
        /// Tool, by its exact name.
        tool: String,
    },
    /// An OAuth client, whoever uses it.
    Client(String),
    /// A subject of any issuer, whichever client it uses.
    Subject(String),
    /// Everything.
    All,
}

/// An entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stop {
    /// What is stopped.
    pub what: What,
    /// Why, in the operator's words.
    #[serde(default)]
    pub reason: String,
    /// Since when, seconds since 1970.
    #[serde(default)]
    pub since: u64,
}

/// Everything that is stopped.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stops {
    /// The entries.
    pub stops: Vec<Stop>,
}

impl Stops {
    /// Everything is stopped: what is in force when the list cannot be read.
    pub fn all(reason: &str) -> Self {
        Self { stops: vec![Stop { what: What::All, reason: reason.to_owned(), since: 0 }] }
    }

    /// The entry that stops this caller at this server, or altogether.
    pub fn caller(&self, server: &str, principal: &Principal) -> Option<&Stop> {
        self.stops.iter().find(|stop| match &stop.what {
            What::All => true,
            What::Server(name) => name == server,
            What::Client(id) => principal.client() == Some(id),
            What::Subject(subject) => principal.subject() == subject && !principal.is_anonymous(),
            What::Tool { .. } => false,
        })
    }

    /// The entry that stops this thing.
    pub fn target(&self, server: &str, target: &Target) -> Option<&Stop> {
        self.stops.iter().find(|stop| match (&stop.what, target) {
            (What::Tool { server: at, tool }, Target::Tool(name)) => at == server && tool == name,
            _ => false,
        })
    }
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Server(name) => write!(f, "server {name}"),
            Self::Tool { server, tool } => write!(f, "tool {server}/{tool}"),
            Self::Client(id) => write!(f, "client {id}"),
            Self::Subject(subject) => write!(f, "subject {subject}"),
            Self::All => f.write_str("everything"),
        }
    }
}
