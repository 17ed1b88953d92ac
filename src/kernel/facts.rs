//! What the shell observed and the kernel may not look up itself.
use super::confirm::seal::SealKey;
use super::contract::surface::Observed;
use super::flow::Recollection;
use super::mcp::decode::Target;
use super::sensitive::keys::Keys;
use super::stops::Stops;
use std::sync::Arc;

/// Observations for one verdict.
#[derive(Clone, Debug)]
pub struct Facts {
    /// Seconds since 1970.
    pub now: u64,
    /// What the server was last seen to offer. `None` asks what would be decided if it kept to its contract.
    pub seen: Option<Arc<Observed>>,
    /// What operators stopped, if anything.
    pub stops: Option<Arc<Stops>>,
    /// Keys for what stands in place of sensitive data; without them, that is the name of its type.
    pub keys: Option<Arc<Keys>>,
    /// What the caller read before, if anything of it is remembered.
    pub memory: Option<Arc<Recollection>>,
    /// About what the server asked, if this answers a question of the server: the call it was doing, or nothing that is known.
    pub question: Option<Target>,
    /// What ids of tasks are sealed with; without it there are none.
    pub tasks: Option<SealKey>,
}

impl Facts {
    /// At a time, with nothing observed of the server.
    pub const fn at(now: u64) -> Self {
        Self { now, seen: None, stops: None, keys: None, memory: None, question: None, tasks: None }
    }
}
