//! One immutable compiled world. A reload makes a whole new one; nothing in it changes.
use super::digest::Digest;
use super::joint::Joint;
use super::json;
use super::policy::compile::ServerPolicy;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Bounds that are the same for every server.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// For one client message.
    pub request: json::Bounds,
    /// For one reply, or one event of a stream.
    pub reply: json::Bounds,
}

/// Where people can be asked besides through the protocol.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Approvals {
    /// There is a page to sign in at.
    pub page: bool,
    /// Another system may answer.
    pub webhook: bool,
}

/// The compiled world.
#[derive(Debug)]
pub struct Snapshot {
    /// Digest of everything it was compiled from.
    pub id: Digest,
    /// Servers by name.
    pub servers: BTreeMap<String, Arc<ServerPolicy>>,
    /// Virtual servers of several, by name.
    pub joints: BTreeMap<String, Arc<Joint>>,
    /// Server names by URL path, those of virtual servers too.
    pub paths: BTreeMap<String, String>,
    /// Accepted `Host` values, lower case, default port left out.
    pub hosts: Vec<String>,
    /// Accepted `Origin` values.
    pub origins: Vec<String>,
    /// `public_url` without a trailing slash.
    pub public_url: String,
    /// Issuer identifiers by configured name, for metadata.
    pub issuers: BTreeMap<String, String>,
    /// Bounds.
    pub limits: Limits,
    /// Where people can be asked.
    pub approvals: Approvals,
}

impl Snapshot {
    /// The server served at `path`.
    pub fn server_at(&self, path: &str) -> Option<&Arc<ServerPolicy>> {
        self.named(self.paths.get(path)?)
    }

    /// The server of this name, or what callers see of a virtual one.
    pub fn named(&self, name: &str) -> Option<&Arc<ServerPolicy>> {
        self.servers.get(name).or_else(|| self.joints.get(name).map(|joint| &joint.face))
    }

    /// The virtual server that this is the face of.
    pub fn joint(&self, server: &ServerPolicy) -> Option<&Arc<Joint>> {
        self.joints.get(&server.name)
    }

    /// The servers behind one, or itself.
    pub fn parts<'a>(&'a self, server: &'a ServerPolicy) -> Vec<&'a ServerPolicy> {
        match self.joint(server) {
            Some(joint) => joint.members.iter().map(|member| &**member).collect(),
            None => vec![server],
        }
    }

    /// The same, and the last segment where `path` is an endpoint that a stream of the server named: its session.
    pub fn endpoint_at<'a>(&self, path: &'a str) -> Option<(&Arc<ServerPolicy>, Option<&'a str>)> {
        if let Some(server) = self.server_at(path) {
            return Some((server, None));
        }
        let (path, session) = path.rsplit_once('/')?;
        Some((self.server_at(path)?, Some(session).filter(|session| !session.is_empty())))
    }
}
