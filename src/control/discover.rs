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
use tokio::task::JoinSet;
use tokio::time::Instant;

/// How often a server is asked while it differs from its contract, or cannot be asked.
const SOON: Duration = Duration::from_secs(5);
/// Shortest time between two looks at one server, whatever asks for them.
const REST: Duration = Duration::from_millis(500);
/// Most servers asked at once.
const LOOKS_MAX: usize = 4;
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
    looking: bool,
    /// What was approved may have changed during this look.
    again: bool,
    /// What was told last, so that it is told once.
    told: Vec<String>,
}

/// What came of a look.
struct Seen {
    server: Arc<ServerPolicy>,
    asked: bool,
    /// What to tell.
    told: Vec<String>,
    after: Duration,
    /// Whether it says what the server offers now.
    counts: bool,
}

impl Known {
    /// Due as soon as the server had its rest.
    fn hasten(&mut self) {
        let rested = self.looked.map_or_else(Instant::now, |looked| looked + REST);
        self.due = Some(self.due.map_or(rested, |due| due.min(rested)));
    }
}

impl Discover {
    /// Runs.
    pub async fn run(self) {
        let this = Arc::new(self);
        let mut known: BTreeMap<String, Known> = BTreeMap::new();
        let mut changed = this.snapshots.watch();
        let mut looks = JoinSet::new();
        loop {
            let world = this.snapshots.current();
            let now = Instant::now();
            let with: Vec<_> = world.servers.values().filter(|server| server.contract.published.is_some()).collect();
            known.retain(|name, known| known.looking || with.iter().any(|server| server.name == *name));
            for server in with {
                let entry = known.entry(server.name.clone()).or_default();
                // One that answers slowly keeps nobody else waiting.
                if !entry.looking && entry.due.is_none_or(|due| due <= now) && looks.len() < LOOKS_MAX {
                    entry.looking = true;
                    let (this, server) = (this.clone(), server.clone());
                    looks.spawn(async move { this.look(server).await });
                }
            }
            let waiting = known.values().filter(|known| !known.looking && looks.len() < LOOKS_MAX);
            let next = waiting.filter_map(|known| known.due).min();
            let wake = next.unwrap_or_else(|| Instant::now() + Duration::from_secs(3600));
            tokio::select! {
                () = tokio::time::sleep_until(wake) => {}
                Some(Ok(seen)) = looks.join_next() => this.note(seen, &mut known),
                found = changed.changed() => {
                    if found.is_err() {
                        return;
                    }
                    // What was approved may be another: what was seen is held against it now.
                    known.values_mut().for_each(|known| (known.due, known.again) = (None, known.looking));
                }
                wanted = this.contracts.wanted() => {
                    for name in wanted {
                        known.entry(name).or_default().hasten();
                    }
                }
            }
        }
    }

    async fn look(&self, server: Arc<ServerPolicy>) -> Seen {
        let secret = self.credentials.lock().unwrap_or_else(PoisonError::into_inner).get(&server.name).cloned();
        let look = self.contracts.look(&server);
        let offered = survey::surface(&server.upstream, &secret.unwrap_or_default()).await;
        let offered = offered.map(|offered| server.contract.fixed(offered.surface));
        let (told, after) = match &offered {
            Ok(offered) => {
                let changes = self.compare(&server, offered);
                let after = if changes.is_empty() { server.contract.every } else { SOON.min(server.contract.every) };
                (changes.iter().map(Change::to_string).collect(), after)
            }
            Err(why) => (vec![format!("cannot be asked: {why}")], SOON.min(server.contract.every)),
        };
        let counts = self.contracts.looked(&server, look, offered.as_ref().ok().map(Surface::observed));
        Seen { asked: offered.is_ok(), server, told, after, counts }
    }

    fn note(&self, seen: Seen, known: &mut BTreeMap<String, Known>) {
        let Seen { server, asked, told, after, counts } = seen;
        let entry = known.entry(server.name.clone()).or_default();
        let now = Instant::now();
        entry.looking = false;
        (entry.looked, entry.due) = (Some(now), Some(now + after));
        if !counts || std::mem::take(&mut entry.again) {
            entry.hasten();
        }
        if counts && told != entry.told {
            self.tell(&server, &told, asked);
            entry.told = told;
        }
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
