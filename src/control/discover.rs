//! Asks each server with a contract what it offers now, on a schedule and whenever something looked different,
//! and tells when that is not what was approved: on the terminal, in metrics, in a record.
//!
//! While something differs it asks more often, so that a server that returns to its contract is soon trusted again.
use crate::audit::Audit;
use crate::clock;
use crate::contracts::Contracts;
use crate::egress::Credentials;
use crate::kernel::contract::drift::{Change, compare};
use crate::kernel::contract::surface::Surface;
use crate::kernel::policy::compile::ServerPolicy;
use crate::metrics::Metrics;
use crate::snapshots::Snapshots;
use crate::survey;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// How often a server is asked while it differs from its contract, or cannot be asked.
const SOON: Duration = Duration::from_secs(5);
/// Shortest time between two looks at one server, whatever asks for them.
const REST: Duration = Duration::from_millis(500);
/// Most changes told one by one.
const TOLD_MAX: usize = 20;

/// Looks at servers until the gateway ends.
pub struct Discover {
    /// The worlds.
    pub snapshots: Arc<Snapshots>,
    /// Where what is seen goes.
    pub contracts: Arc<Contracts>,
    /// Metrics.
    pub metrics: Arc<Metrics>,
    /// Records.
    pub audit: Audit,
    /// Upstream credentials by server name.
    pub credentials: Arc<Mutex<BTreeMap<String, Credentials>>>,
}

/// What is remembered of a server between looks.
#[derive(Default)]
struct Known {
    due: Option<Instant>,
    looked: Option<Instant>,
    /// What was told last, so that it is told once.
    told: Vec<String>,
}

impl Discover {
    /// Runs.
    pub async fn run(self) {
        let mut known: BTreeMap<String, Known> = BTreeMap::new();
        let mut changed = self.snapshots.watch();
        loop {
            let world = self.snapshots.current();
            let now = Instant::now();
            let with: Vec<_> = world.servers.values().filter(|server| server.contract.published.is_some()).collect();
            known.retain(|name, _| with.iter().any(|server| server.name == *name));
            let due = with.iter().filter(|s| known.get(&s.name).and_then(|k| k.due).is_none_or(|due| due <= now));
            for server in due.map(|server| (*server).clone()).collect::<Vec<_>>() {
                let entry = known.entry(server.name.clone()).or_default();
                self.look(&server, entry).await;
            }
            let next = known.values().filter_map(|known| known.due).min();
            let wake = next.unwrap_or_else(|| Instant::now() + Duration::from_secs(3600));
            tokio::select! {
                () = tokio::time::sleep_until(wake) => {}
                found = changed.changed() => {
                    if found.is_err() {
                        return;
                    }
                    // What was approved may be another: what was seen is held against it now.
                    known.values_mut().for_each(|known| known.due = None);
                }
                wanted = self.contracts.wanted() => {
                    for name in wanted {
                        let entry = known.entry(name).or_default();
                        let rested = entry.looked.map_or_else(Instant::now, |looked| looked + REST);
                        entry.due = Some(entry.due.map_or(rested, |due| due.min(rested)));
                    }
                }
            }
        }
    }

    async fn look(&self, server: &Arc<ServerPolicy>, known: &mut Known) {
        let secret = self.credentials.lock().unwrap_or_else(PoisonError::into_inner).get(&server.name).cloned();
        let offered = survey::surface(&server.upstream, &secret.unwrap_or_default()).await;
        let offered = offered.map(|offered| offered.surface);
        let (told, after) = match &offered {
            Ok(offered) => {
                let changes = self.compare(server, offered);
                let after = if changes.is_empty() { server.contract.every } else { SOON.min(server.contract.every) };
                (changes.iter().map(Change::to_string).collect(), after)
            }
            Err(why) => (vec![format!("cannot be asked: {why}")], SOON.min(server.contract.every)),
        };
        self.contracts.looked(server, offered.as_ref().ok().map(Surface::observed));
        if told != known.told {
            self.tell(server, &told, offered.is_ok());
            known.told = told;
        }
        let now = Instant::now();
        (known.looked, known.due) = (Some(now), Some(now + after));
    }

    fn compare(&self, server: &ServerPolicy, offered: &Surface) -> Vec<Change> {
        let Some(published) = &server.contract.published else { return Vec::new() };
        let changes = compare(&published.surface, offered);
        let gauge = self.metrics.drift.with_label_values(&[&server.name]);
        gauge.set(i64::try_from(changes.len()).unwrap_or(i64::MAX));
        changes
    }

    fn tell(&self, server: &Arc<ServerPolicy>, told: &[String], asked: bool) {
        let name = &server.name;
        let outcome = match (told.is_empty(), asked) {
            (true, _) => "kept",
            (false, true) => "drift",
            (false, false) => "unverified",
        };
        eprintln!("contract of {name}: {}", if told.is_empty() { "offers what was approved" } else { outcome });
        for line in told.iter().take(TOLD_MAX) {
            eprintln!("  {}", survey::plain(line));
        }
        if told.len() > TOLD_MAX {
            eprintln!("  and {} more: see `portcullis contract diff`", told.len() - TOLD_MAX);
        }
        if let Ok(mut record) = self.audit.begin("contract", clock::Id::random()) {
            record.note(|entry| {
                entry.outcome = outcome;
                entry.server = Some(server.clone());
                entry.policy = Some(self.snapshots.current().id);
                let shown: Vec<String> = told.iter().take(TOLD_MAX).map(|line| survey::plain(line)).collect();
                entry.detail = shown.join("; ");
            });
        }
    }
}
