//! What each server was last seen to offer: written by whoever asks servers, read by whoever judges calls.
//!
//! Nothing is known at first, nor after something looked different, and a call that needs to know waits for the
//! next look. Until there was one nothing passes: a server gains nothing by not answering.
use crate::kernel::contract::surface::Observed;
use crate::kernel::judge::Suspicion;
use crate::kernel::policy::compile::ServerPolicy;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, watch};

/// Longest wait of a call for the first look.
const WAIT: Duration = Duration::from_secs(15);

/// What was seen of one server, at which URL.
#[derive(Clone, Debug, Default)]
struct Seen {
    url: String,
    observed: Option<Arc<Observed>>,
    /// Looks so far that count, also those that failed.
    looks: u64,
    /// How often it was said that the server may offer something else by now.
    suspicions: u64,
}

/// A look at a server that has begun. What it finds counts only if nothing made it suspect since.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look(u64);

/// What all servers were seen to offer.
#[derive(Default)]
pub struct Contracts {
    servers: Mutex<BTreeMap<String, watch::Sender<Seen>>>,
    wanted: Mutex<Vec<String>>,
    bell: Notify,
}

impl Contracts {
    fn with<T>(&self, server: &str, f: impl FnOnce(&watch::Sender<Seen>) -> T) -> T {
        let mut servers = self.servers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = servers.get(server) {
            return f(known);
        }
        f(servers.entry(server.to_owned()).or_insert_with(|| watch::channel(Seen::default()).0))
    }

    /// What judges go by: what a server with a contract was last seen to offer, which is nothing before the first look.
    pub fn known(&self, server: &ServerPolicy) -> Option<Arc<Observed>> {
        server.contract.published.as_ref()?;
        Some(self.seen(server).unwrap_or_default())
    }

    fn seen(&self, server: &ServerPolicy) -> Option<Arc<Observed>> {
        self.with(&server.name, |sender| {
            let seen = sender.borrow();
            if seen.url == server.upstream.url { seen.observed.clone() } else { None }
        })
    }

    /// The same, waiting for the first look if there was none. `None`: the server could not be asked.
    pub async fn verified(&self, server: &ServerPolicy) -> Option<Arc<Observed>> {
        if let Some(seen) = self.seen(server) {
            return Some(seen);
        }
        let mut watching = self.with(&server.name, watch::Sender::subscribe);
        let before = watching.borrow().looks;
        self.want(&server.name);
        let looked = watching.wait_for(|seen| seen.looks > before);
        let _ = tokio::time::timeout(WAIT, looked).await;
        self.seen(server)
    }

    /// Has a server asked soon, and what is known of it forgotten until then: it may offer something else by now.
    pub fn suspect(&self, server: &ServerPolicy, why: Suspicion) {
        if server.contract.published.is_none() {
            return;
        }
        self.with(&server.name, |sender| {
            sender.send_modify(|seen| {
                // A list that differs from nothing says nothing about the look that has begun, and anybody may ask
                // for lists; what the server itself says of a change does.
                if why == Suspicion::Told || seen.observed.is_some() {
                    seen.suspicions += 1;
                }
                seen.observed = None;
            });
        });
        self.want(&server.name);
    }

    fn want(&self, server: &str) {
        let mut wanted = self.wanted.lock().unwrap_or_else(PoisonError::into_inner);
        if !wanted.iter().any(|name| name == server) {
            wanted.push(server.to_owned());
        }
        self.bell.notify_one();
    }

    /// Servers that are to be asked now; waits until there is one.
    pub async fn wanted(&self) -> Vec<String> {
        loop {
            let taken = std::mem::take(&mut *self.wanted.lock().unwrap_or_else(PoisonError::into_inner));
            if !taken.is_empty() {
                return taken;
            }
            self.bell.notified().await;
        }
    }

    /// A server is about to be asked.
    pub fn look(&self, server: &ServerPolicy) -> Look {
        Look(self.with(&server.name, |sender| sender.borrow().suspicions))
    }

    /// What came of asking a server; `None` if it could not be asked. False if that says nothing any more, and the
    /// server is to be asked again.
    pub fn looked(&self, server: &ServerPolicy, look: Look, observed: Option<Observed>) -> bool {
        let counts = self.with(&server.name, |sender| {
            sender.send_if_modified(|seen| {
                let counts = seen.suspicions == look.0;
                if counts {
                    seen.looks += 1;
                    seen.url.clone_from(&server.upstream.url);
                    seen.observed = observed.map(Arc::new);
                }
                counts
            })
        });
        if !counts {
            self.want(&server.name);
        }
        counts
    }
}
