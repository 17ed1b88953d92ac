//! What arrived, bounded but not yet believed. Plain data that passes between stages, so that stages
//! need not import each other.
use bytes::Bytes;
use std::fmt;

/// A bearer token as presented. Never prints itself.
pub struct Credential(pub String);

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credential(…)")
    }
}

/// The HTTP verb, as MCP uses it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// A message.
    Post,
    /// Open the session's stream.
    Get,
    /// End the session.
    Delete,
}

/// Headers that mean something to MCP; each occurred at most once.
#[derive(Debug, Default)]
pub struct HeaderFacts {
    /// `MCP-Protocol-Version`
    pub protocol_version: Option<String>,
    /// `Mcp-Session-Id`
    pub session: Option<String>,
    /// `Mcp-Method`
    pub method: Option<String>,
    /// `Mcp-Name`, as sent
    pub name: Option<String>,
    /// `Mcp-Param-*`, lower-case name and value as sent
    pub params: Vec<(String, String)>,
    /// `Last-Event-ID`
    pub last_event_id: Option<String>,
    /// It came to the endpoint of a stream (2024-11-05, HTTP+SSE), which named the session.
    pub endpoint: bool,
}

/// One HTTP request to an MCP endpoint.
#[derive(Debug)]
pub struct Inbound {
    /// Verb.
    pub verb: Verb,
    /// Headers.
    pub headers: HeaderFacts,
    /// Whole body, within its bound.
    pub body: Bytes,
}
