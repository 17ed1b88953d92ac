//! Builds everything in order, runs it, drains it. From here to steady state is one read.
//!
//! The admin listener has a runtime of its own: under load the data plane must not be what answers
//! whether the data plane is well.
use crate::audit::Audit;
use crate::authn::Authenticator;
use crate::authn::keys::Keys;
use crate::clock;
use crate::config::load::Environment;
use crate::config::{Loaded, Problem, Startup};
use crate::confirmations::{Around, Confirmations};
use crate::contracts::Contracts;
use crate::control::admin::Admin;
use crate::control::discover::Discover;
use crate::control::reload::{EVERY, Status, Watch};
use crate::control::stop;
use crate::egress::{Credentials, Egress};
use crate::exchange::{self, Gateway};
use crate::kernel::digest::Digest;
use crate::kernel::policy::compile::ServerPolicy;
use crate::kernel::policy::flaw::{Check, Severity};
use crate::kernel::sensitive::keys::Keys as RedactionKeys;
use crate::kernel::snapshot::Snapshot;
use crate::kernel::stops::{Stop, Stops, What};
use crate::listen::{self, Shared};
use crate::meter::Meter;
use crate::metrics::Metrics;
use crate::pages::{self, Pages};
use crate::sessions::Sessions;
use crate::snapshots::Snapshots;
use crate::tls::{self, ServerTls};
use crate::upstream::Upstreams;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, mpsc, watch};

/// How often keys behind URLs are fetched again, in looks at the files.
const KEYS_EVERY: u32 = 2400;
/// How often idle sessions are dropped, in looks at the files.
const SWEEP_EVERY: u32 = 40;

/// How often it is looked which confirmations nobody gave in time, in looks at the files.
const EXPIRE_EVERY: u32 = 4;

/// Why the gateway did not start.
#[derive(Debug)]
pub enum Failure {
    /// The configuration.
    Problems(Vec<Problem>),
    /// The machine.
    Io(String),
}

/// Runs until told to stop; returns when every call was answered or the deadline passed, and every record is written.
pub async fn run(
    path: PathBuf,
    environment: &'static (dyn Fn(&str) -> Option<String> + Sync),
    stop: impl Future<Output = ()>,
) -> Result<(), Failure> {
    let (watch, loaded) = Watch::start(&path, environment);
    let loaded = loaded.map_err(Failure::Problems)?;
    let io = |what: String| move |error: io::Error| Failure::Io(format!("{what}: {error}"));
    let worth = loaded.warnings.iter().filter(|w| w.check.severity() == Severity::Warning).count();
    if worth > 0 {
        let warnings = if worth == 1 { "warning" } else { "warnings" };
        eprintln!("{worth} {warnings}: see `portcullis check {}`", path.display());
    }
    print_failing_cases(&loaded.warnings);
    let startup = loaded.startup.clone();
    let metrics = Arc::new(Metrics::new().map_err(|error| Failure::Io(error.to_string()))?);
    let (audit, audit_thread) = Audit::open(startup.audit.clone(), metrics.clone())
        .map_err(io(format!("audit directory `{}`", startup.audit.directory.display())))?;
    let counted = metrics.clone();
    let observe = move |issuer: &str, worked: bool| {
        counted.jwks.with_label_values(&[issuer, if worked { "ok" } else { "failed" }]).inc();
    };
    let keys = Arc::new(Keys::new(Egress::new(None).map_err(Failure::Io)?, Box::new(observe)));
    keys.replace(loaded.issuers.clone());
    let (drain, draining) = watch::channel(false);
    let random = || Arc::new(RedactionKeys::new(&clock::random::<32>(), startup.redaction_rotate));
    let redaction = startup.redaction.clone().unwrap_or_else(random);
    let snapshots = Arc::new(Snapshots::new(loaded.snapshot.clone(), redaction));
    let mut stop_watch = stop::Watch::new(&startup.audit.directory);
    // In force before the first call.
    if let Some(stops) = stop_watch.poll().filter(|stops| !stops.stops.is_empty()) {
        eprintln!("{} stopped: see `portcullis stop {}`", stops.stops.len(), path.display());
        snapshots.set_stops(stops);
    }
    let contracts = Arc::new(Contracts::default());
    let authn = Arc::new(Authenticator::new(keys.clone(), startup.token_cache));
    let confirmations = Confirmations::open(&startup.audit.directory, audit.clone()).map_err(Failure::Io)?;
    let gateway = Arc::new(Gateway {
        confirmations: confirmations.clone(),
        contracts: contracts.clone(),
        memories: Arc::default(),
        snapshots: snapshots.clone(),
        authn: authn.clone(),
        meter: Meter::default(),
        sessions: Sessions::new(startup.sessions),
        upstreams: Upstreams::new(&loaded.snapshot.servers, &loaded.credentials).map_err(Failure::Io)?,
        audit: audit.clone(),
        metrics: metrics.clone(),
        draining: draining.clone(),
    });
    let pages = Pages::new(snapshots.clone(), confirmations, authn, loaded.pages.clone());
    let pages = Arc::new(pages.map_err(Failure::Io)?);
    let notifying = tokio::spawn(pages.clone().notify());
    let status = Arc::new(Status::default());
    let session_count = Arc::new(AtomicUsize::new(0));
    let admin = Arc::new(Admin {
        snapshots: snapshots.clone(),
        status: status.clone(),
        metrics: metrics.clone(),
        draining: draining.clone(),
        sessions: session_count.clone(),
    });
    let (alive, mut gone) = mpsc::channel(1);
    let shared = Shared {
        ceiling: Arc::new(Semaphore::new(startup.connections_max)),
        draining: draining.clone(),
        alive,
        metrics,
    };
    let certificates = listen_all(&startup, &gateway, &pages, &shared).await?;
    start_admin(startup.admin, admin, &shared).await?;
    let addresses: Vec<String> = startup.listeners.iter().map(|l| l.address.to_string()).collect();
    let policy = loaded.snapshot.id.short();
    eprintln!("listening on {}, admin on {}, policy {policy}", addresses.join(", "), startup.admin);
    let credentials = Arc::new(Mutex::new(loaded.credentials.clone()));
    let discover = Discover {
        snapshots: snapshots.clone(),
        contracts,
        metrics: gateway.metrics.clone(),
        audit: audit.clone(),
        credentials: credentials.clone(),
    };
    let discovering = tokio::spawn(discover.run());
    let ending = audit.clone();
    let control = Control {
        credentials,
        startup: startup.clone(),
        keys,
        snapshots,
        status,
        certificates,
        audit,
        gateway: gateway.clone(),
        pages,
        session_count,
    };
    tokio::select! {
        () = control.run(watch, stop_watch, environment) => {}
        () = stop => {}
    }
    discovering.abort();
    notifying.abort();
    drain.send_replace(true);
    drop((shared, control));
    let _ = tokio::time::timeout(startup.drain, gone.recv()).await;
    gateway.confirmations.end();
    drop(gateway);
    ending.finish();
    // The sink ends when the last record is handed over; records of calls past the deadline are given up with them.
    let flushed = tokio::task::spawn_blocking(move || {
        for _ in 0..100 {
            if audit_thread.is_finished() {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    });
    let _ = flushed.await;
    Ok(())
}

type Certificates = Vec<(PathBuf, PathBuf, Arc<ServerTls>)>;

/// Opens the listeners of the data plane; returns the certificates that a reload replaces.
async fn listen_all(
    startup: &Startup,
    gateway: &Arc<Gateway>,
    pages: &Arc<Pages>,
    shared: &Shared,
) -> Result<Certificates, Failure> {
    let io = |what: String| move |error: io::Error| Failure::Io(format!("{what}: {error}"));
    let mut certificates = Vec::new();
    for listener in &startup.listeners {
        let socket =
            TcpListener::bind(listener.address).await.map_err(io(format!("listen on {}", listener.address)))?;
        let tls = match &listener.tls {
            Some((certificate, key)) => {
                let tls = ServerTls::new(tls::server_key(certificate, key).map_err(Failure::Io)?);
                certificates.push((certificate.clone(), key.clone(), tls.clone()));
                Some(tls)
            }
            None => None,
        };
        let (gateway, pages) = (gateway.clone(), pages.clone());
        let handle = move |request: http::Request<hyper::body::Incoming>| {
            let (gateway, pages) = (gateway.clone(), pages.clone());
            async move {
                match request.uri().path().starts_with(pages::PREFIX) {
                    true => pages.handle(request).await,
                    false => exchange::handle(gateway, request).await,
                }
            }
        };
        tokio::spawn(listen::run(socket, tls, shared.clone(), handle));
    }
    Ok(certificates)
}

async fn start_admin(address: std::net::SocketAddr, admin: Arc<Admin>, shared: &Shared) -> Result<(), Failure> {
    let socket = std::net::TcpListener::bind(address).map_err(|e| Failure::Io(format!("listen on {address}: {e}")))?;
    socket.set_nonblocking(true).map_err(|e| Failure::Io(e.to_string()))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|e| Failure::Io(e.to_string()))?;
    // Of its own in every respect: its connections neither use up the ceiling nor delay the drain.
    let (never, draining) = watch::channel(false);
    let shared = Shared {
        ceiling: Arc::new(Semaphore::new(64)),
        draining,
        alive: mpsc::channel(1).0,
        metrics: shared.metrics.clone(),
    };
    std::thread::Builder::new()
        .name("admin".to_owned())
        .spawn(move || {
            runtime.block_on(async move {
                let Ok(socket) = TcpListener::from_std(socket) else {
                    return;
                };
                let handle = move |request: http::Request<hyper::body::Incoming>| {
                    let response = admin.handle(&request);
                    async move { response }
                };
                let _ = listen::run(socket, None, shared, handle).await;
                drop(never);
            });
        })
        .map_err(|e| Failure::Io(e.to_string()))?;
    Ok(())
}

struct Control {
    /// Shared with whoever asks servers what they offer.
    credentials: Arc<Mutex<BTreeMap<String, Credentials>>>,
    startup: Startup,
    keys: Arc<Keys>,
    snapshots: Arc<Snapshots>,
    status: Arc<Status>,
    certificates: Certificates,
    audit: Audit,
    gateway: Arc<Gateway>,
    pages: Arc<Pages>,
    session_count: Arc<AtomicUsize>,
}

impl Control {
    async fn run(&self, mut watch: Watch, mut stop_watch: stop::Watch, environment: Environment<'static>) {
        self.keys.refresh().await;
        let mut turn: u32 = 0;
        loop {
            tokio::time::sleep(EVERY).await;
            turn = turn.wrapping_add(1);
            // First, and whatever state the rest of the configuration is in.
            if let Some(stops) = stop_watch.poll() {
                self.stop(stops);
            }
            // Reading, compiling and running cases take their time; calls do not wait for them.
            let look = move || {
                let found = watch.poll(environment);
                (watch, found)
            };
            let found;
            (watch, found) = match tokio::task::spawn_blocking(look).await {
                Ok(looked) => looked,
                Err(error) => match error.try_into_panic() {
                    // A fault of ours, as loud as it would be here.
                    Ok(panic) => std::panic::resume_unwind(panic),
                    Err(_) => return,
                },
            };
            match found {
                Some(Ok(loaded)) => self.apply(loaded),
                Some(Err(problems)) => self.reject(problems),
                None => {}
            }
            if turn.is_multiple_of(KEYS_EVERY) {
                self.keys.refresh().await;
            }
            if turn.is_multiple_of(SWEEP_EVERY) {
                self.gateway.sessions.sweep();
                self.gateway.memories.sweep();
                self.gateway.upstreams.sweep();
            }
            if turn.is_multiple_of(EXPIRE_EVERY) {
                let world = self.snapshots.current();
                let around =
                    move |server: &str| Some(Around { server: world.servers.get(server)?.clone(), principal: None });
                let confirmations = self.gateway.confirmations.clone();
                let _ = tokio::task::spawn_blocking(move || confirmations.sweep(&around)).await;
            }
            self.session_count.store(self.gateway.sessions.len(), Ordering::Relaxed);
        }
    }

    /// Everything hot, in an order in which nobody gets more than the new world gives.
    fn apply(&self, loaded: Loaded) {
        let current = self.snapshots.current();
        let before = current.id;
        let lost = lost(&current, &loaded);
        if !lost.is_empty() {
            return self.reject(lost);
        }
        let replaced: Result<Vec<_>, _> =
            self.certificates.iter().map(|(certificate, key, _)| tls::server_key(certificate, key)).collect();
        let upstreams = self.gateway.upstreams.replace(&loaded.snapshot.servers, &loaded.credentials);
        let replaced = match (replaced, upstreams) {
            (Ok(replaced), Ok(())) => replaced,
            (Err(why), _) | (_, Err(why)) => {
                let problem = Problem {
                    check: Check::CertificateUnusable,
                    file: "certificates".into(),
                    line: 0,
                    column: 0,
                    message: why,
                    hint: String::new(),
                };
                return self.reject(vec![problem]);
            }
        };
        for ((_, _, tls), key) in self.certificates.iter().zip(replaced) {
            tls.replace(key);
        }
        let limits: BTreeSet<_> =
            loaded.snapshot.servers.values().flat_map(|s| s.limits.iter().map(|l| l.id)).collect();
        self.keys.replace(loaded.issuers);
        self.pages.replace(loaded.pages);
        *self.credentials.lock().unwrap_or_else(PoisonError::into_inner) = loaded.credentials;
        self.snapshots.swap(loaded.snapshot.clone());
        self.gateway.meter.retain(&|id| limits.contains(id));
        self.status.set(Vec::new());
        self.gateway.metrics.problems.set(0);
        self.gateway.metrics.reloads.with_label_values(&["applied"]).inc();
        let same = loaded.startup == self.startup;
        self.status.set_restart_needed(!same);
        let cold = if same { "" } else { "settings outside the policies need a restart" };
        eprintln!("reload: policy {} replaced {} {cold}", loaded.snapshot.id.short(), before.short());
        print_failing_cases(&loaded.warnings);
        self.record("applied", before, loaded.snapshot.id, cold.to_owned());
    }

    fn reject(&self, mut problems: Vec<Problem>) {
        // What only deserves a second look did not cause it; `check` tells it.
        problems.retain(|problem| problem.check.severity() == Severity::Error);
        let before = self.snapshots.current().id;
        eprintln!("reload: rejected, policy {} stays in force", before.short());
        for problem in &problems {
            eprintln!("{problem}");
        }
        self.gateway.metrics.problems.set(i64::try_from(problems.len()).unwrap_or(i64::MAX));
        self.gateway.metrics.reloads.with_label_values(&["rejected"]).inc();
        let detail = format!("{} problems", problems.len());
        self.status.set(problems);
        self.record("rejected", before, before, detail);
    }

    /// Puts the kill switch in force, and records what changed.
    fn stop(&self, stops: Stops) {
        let before = self.snapshots.stops().map(|stops| (*stops).clone()).unwrap_or_default();
        let newly = stops.stops.iter().filter(|stop| !before.stops.contains(stop)).map(|stop| ("stopped", stop));
        let lifted = before.stops.iter().filter(|stop| !stops.stops.contains(stop)).map(|stop| ("lifted", stop));
        let changes: Vec<(&'static str, Stop)> =
            newly.chain(lifted).map(|(outcome, stop)| (outcome, stop.clone())).collect();
        self.snapshots.set_stops(stops);
        for (outcome, stop) in changes {
            let what = match &stop.what {
                // Records do not name people.
                What::Subject(subject) => format!("subject {}", Digest::of(subject.as_bytes()).short()),
                other => other.to_string(),
            };
            eprintln!("{outcome}: {what}");
            if let Ok(mut record) = self.audit.begin("stop", crate::clock::Id::random()) {
                record.note(|entry| {
                    entry.outcome = outcome;
                    entry.detail = match stop.reason.is_empty() {
                        true => what,
                        false => format!("{what}: {}", crate::config::escaped(&stop.reason)),
                    };
                });
            }
        }
    }

    fn record(&self, outcome: &'static str, before: Digest, now: Digest, detail: String) {
        if let Ok(mut record) = self.audit.begin("reload", crate::clock::Id::random()) {
            record.note(|entry| {
                entry.outcome = outcome;
                entry.policy = Some(now);
                entry.policy_before = Some(before);
                entry.detail = detail;
            });
        }
    }
}

/// Contracts that a reload would end or take back, where approvals are signed: that takes an approval, or a restart.
fn lost(current: &Snapshot, loaded: &Loaded) -> Vec<Problem> {
    if loaded.approvers.is_empty() {
        return Vec::new();
    }
    let told = |(name, server): (&String, &Arc<ServerPolicy>)| {
        let published = server.contract.published.as_ref()?;
        let (check, message) = match &loaded.snapshot.servers.get(name)?.contract.published {
            None => (Check::LockGone, "it is in force and the file is gone".to_owned()),
            Some(new) if new.approved_last() < published.approved_last() => {
                let (new, now) = (new.approved_last(), published.approved_last());
                (Check::LockOlder, format!("approved at {new}; the contract in force was approved at {now}"))
            }
            Some(_) => return None,
        };
        let [_, _, mend] = check.words();
        let file = loaded.locks.get(name).map(|path| path.display().to_string()).unwrap_or_default();
        Some(Problem { check, file, line: 0, column: 0, message, hint: mend.to_owned() })
    };
    current.servers.iter().filter_map(told).collect()
}

/// Says which cases do not hold of a configuration that takes effect all the same.
fn print_failing_cases(warnings: &[Problem]) {
    for warning in warnings.iter().filter(|warning| warning.check == Check::CaseNotHeld) {
        eprintln!("{warning}");
    }
}
