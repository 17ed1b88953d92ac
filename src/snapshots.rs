//! The current world: read without a lock, swapped whole, watched by open streams.
use crate::kernel::facts::Facts;
use crate::kernel::sensitive::keys::Keys;
use crate::kernel::snapshot::Snapshot;
use crate::kernel::stops::Stops;
use arc_swap::{ArcSwap, ArcSwapOption};
use std::sync::Arc;
use tokio::sync::watch;

/// Holder of the current snapshot.
pub struct Snapshots {
    current: ArcSwap<Snapshot>,
    stops: ArcSwapOption<Stops>,
    keys: Arc<Keys>,
    changed: watch::Sender<u64>,
}

impl Snapshots {
    /// Starts with one, and with the keys of redaction.
    pub fn new(first: Arc<Snapshot>, keys: Arc<Keys>) -> Self {
        Self { current: ArcSwap::new(first), stops: ArcSwapOption::empty(), keys, changed: watch::channel(0).0 }
    }

    /// What is known at a time (seconds since 1970), of whatever server.
    pub fn facts(&self, now: u64) -> Facts {
        Facts { stops: self.stops.load_full(), keys: Some(self.keys.clone()), ..Facts::at(now) }
    }

    /// The world now. An exchange takes it once.
    pub fn current(&self) -> Arc<Snapshot> {
        self.current.load_full()
    }

    /// Replaces the world; open streams are told.
    pub fn swap(&self, next: Arc<Snapshot>) {
        self.current.store(next);
        self.changed.send_modify(|generation| *generation += 1);
    }

    /// What operators stopped; nothing, as a rule.
    pub fn stops(&self) -> Option<Arc<Stops>> {
        self.stops.load_full()
    }

    /// Stops what is listed and nothing else; open streams are told.
    pub fn set_stops(&self, stops: Stops) {
        self.stops.store((!stops.stops.is_empty()).then(|| Arc::new(stops)));
        self.changed.send_modify(|generation| *generation += 1);
    }

    /// Told of each change from now on.
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    /// The same, and at once if there was a change since this world was the current one.
    pub fn watch_since(&self, world: &Arc<Snapshot>) -> watch::Receiver<u64> {
        let mut changed = self.watch();
        // Nobody remembers which stops a verdict knew: if there are any, it is made again.
        if !Arc::ptr_eq(&self.current(), world) || self.stops().is_some() {
            changed.mark_changed();
        }
        changed
    }
}
