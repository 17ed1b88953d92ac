//! One record an exchange, denied and aborted ones too.
//!
//! A slot is reserved before work starts: no slot, no exchange. So handing a record over cannot fail,
//! and `Drop` does it even when the client vanished. Handing over is a push under a lock and, unless
//! answers wait for their records, wakes nobody: formatting, digests of names and writing happen in
//! the sink, a batch at a time. Lines hold digests and rule labels, never arguments, tokens, URIs or
//! names a caller made up.
mod line;
mod queue;
mod sink;

use crate::clock::Id;
use crate::kernel::digest::Digest;
use crate::kernel::policy::compile::{Rule, ServerPolicy};
use crate::kernel::principal::Principal;
use crate::kernel::refusal::Reason;
use crate::kernel::sensitive::Counts;
use crate::metrics::Metrics;
use queue::Queue;
use serde::Serialize;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// Most exchanges that may be unrecorded at once.
const SLOTS: usize = 16_384;

/// Audit settings.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Directory of the records.
    pub directory: PathBuf,
    /// Whether an answer waits until its record is on disk.
    pub acknowledged: bool,
    /// How long records may stay in memory.
    pub interval: Duration,
    /// Size at which a new file is begun, in bytes.
    pub file_bytes_max: u64,
}

/// What is known of an exchange. Shared parts are held, not copied: this is filled on the hot path.
/// What of it is written, and how, is decided in `line` alone.
#[derive(Debug)]
pub struct Entry {
    /// Begun at, microseconds since 1970.
    pub time: u64,
    /// `exchange` or `reload`.
    pub kind: &'static str,
    /// Correlation id; also the `X-Request-Id` response header.
    pub id: Id,
    /// Server.
    pub server: Option<Arc<ServerPolicy>>,
    /// Who.
    pub principal: Option<Arc<Principal>>,
    /// Revision.
    pub revision: Option<&'static str>,
    /// Method.
    pub method: Option<&'static str>,
    /// Digest of what was named.
    pub target_digest: Option<Digest>,
    /// SHA-256 of the canonical arguments.
    pub arguments_digest: Option<Digest>,
    /// The rule that decided.
    pub rule: Option<Arc<Rule>>,
    /// Sensitive data in the message: how many values of which type, never which.
    pub sensitive_arguments: Counts,
    /// The same of what came back.
    pub sensitive_results: Counts,
    /// For a call that somebody confirmed: which confirmation.
    pub confirmed: Option<String>,
    /// For confirmations.
    pub confirmation: Option<Box<Confirming>>,
    /// `allow`, `deny`, `error`, `aborted`, or for reloads `applied`, `rejected`.
    pub outcome: &'static str,
    /// Why, if not `allow`.
    pub reason: Option<&'static str>,
    /// The operator's sentence.
    pub detail: String,
    /// Digest of the policy in force.
    pub policy: Option<Digest>,
    /// For reloads: the digest before.
    pub policy_before: Option<Digest>,
    /// HTTP status of the upstream.
    pub upstream_status: Option<u16>,
    /// Whether the answer was a JSON-RPC error or a tool error.
    pub upstream_error: Option<bool>,
    /// How much was left out of the message, and of what came back. Never what it was.
    pub removed: usize,
    /// Frames shown and withheld on a stream.
    pub frames: Option<(u64, u64)>,
    /// Whole duration, microseconds.
    pub micros: u64,
    /// Of which until the upstream's answer began, microseconds.
    pub upstream_micros: Option<u64>,
}

impl Entry {
    fn new(kind: &'static str, id: Id) -> Self {
        Self {
            time: crate::clock::now_micros(),
            kind,
            id,
            server: None,
            principal: None,
            revision: None,
            method: None,
            target_digest: None,
            arguments_digest: None,
            rule: None,
            sensitive_arguments: Counts::default(),
            sensitive_results: Counts::default(),
            confirmed: None,
            confirmation: None,
            outcome: "aborted",
            reason: None,
            detail: String::new(),
            policy: None,
            policy_before: None,
            upstream_status: None,
            upstream_error: None,
            removed: 0,
            frames: None,
            micros: 0,
            upstream_micros: None,
        }
    }
}

/// What is written of a confirmation: with each step the one before, so that a missing one is noticed.
#[derive(Debug, Serialize)]
pub struct Confirming {
    /// Which confirmation.
    pub id: String,
    /// `proposed`, `decided` or `executed`.
    pub event: &'static str,
    /// Where it stands now.
    pub state: &'static str,
    /// How somebody was asked.
    pub mode: &'static str,
    /// Who decided: `caller`, `host`, `person` (the subject of the record), `system …`, `batch …`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// Id of the record of the step before.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub previous: String,
    /// Digest of everything that it is bound to.
    pub call: Digest,
    /// Digest of the contract.
    pub contract: Digest,
    /// Digest of the preview that was shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preview: Option<Digest>,
    /// Whether the requester could not be the approver.
    pub separate: bool,
    /// Until when, seconds since 1970.
    pub expires: u64,
    /// What changed, if that voided it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub void: Option<&'static str>,
}

struct Job {
    entry: Box<Entry>,
    done: Option<oneshot::Sender<()>>,
}

/// Where records go.
#[derive(Clone)]
pub struct Audit {
    queue: Arc<Queue>,
    acknowledged: bool,
    metrics: Arc<Metrics>,
}

/// A record being filled. Handed over when closed, committed or dropped.
pub struct Record {
    entry: Option<Box<Entry>>,
    queue: Arc<Queue>,
    started: Instant,
    acknowledged: bool,
    metrics: Arc<Metrics>,
}

impl Audit {
    /// Opens the directory, makes the pseudonym key if there is none, and starts the sink.
    /// The handle returned ends when [`Audit::finish`] was called and every record begun is written.
    pub fn open(settings: Settings, metrics: Arc<Metrics>) -> std::io::Result<(Self, std::thread::JoinHandle<()>)> {
        let key = sink::pseudonym_key(&settings.directory)?;
        let queue = Arc::new(Queue::new(SLOTS));
        let acknowledged = settings.acknowledged;
        let handle = sink::start(settings, &key, queue.clone())?;
        Ok((Self { queue, acknowledged, metrics }, handle))
    }

    /// Reserves a slot and begins a record.
    pub fn begin(&self, kind: &'static str, id: Id) -> Result<Record, Reason> {
        if !self.queue.reserve() {
            return Err(Reason::AuditUnavailable);
        }
        Ok(Record {
            entry: Some(Box::new(Entry::new(kind, id))),
            queue: self.queue.clone(),
            started: Instant::now(),
            acknowledged: self.acknowledged,
            metrics: self.metrics.clone(),
        })
    }

    /// No more records will begin: the sink ends with the last one.
    pub fn finish(&self) {
        self.queue.finish();
    }
}

impl Record {
    /// Adds to the record; without effect once it was handed over.
    pub fn note(&mut self, add: impl FnOnce(&mut Entry)) {
        if let Some(entry) = &mut self.entry {
            add(entry);
        }
    }

    /// Its id.
    pub fn id(&self) -> String {
        self.entry.as_ref().map(|entry| entry.id.as_str().to_owned()).unwrap_or_default()
    }

    /// Nothing happened that is to be recorded.
    pub fn discard(mut self) {
        if self.entry.take().is_some() {
            self.queue.release(1);
        }
    }

    /// Hands the record over; where answers must wait for it, waits until it is on disk.
    pub async fn commit(&mut self) -> Result<(), Reason> {
        if !self.acknowledged {
            return Ok(());
        }
        let (done, on_disk) = oneshot::channel();
        self.hand_over(Some(done));
        on_disk.await.map_err(|_| Reason::AuditUnavailable)
    }

    fn hand_over(&mut self, done: Option<oneshot::Sender<()>>) {
        let Some(mut entry) = self.entry.take() else { return };
        entry.micros = u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX);
        if entry.kind == "exchange" {
            count(&self.metrics, &entry);
        }
        self.queue.push(Job { entry, done });
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        self.hand_over(None);
    }
}

fn count(metrics: &Metrics, entry: &Entry) {
    let server = entry.server.as_ref().map_or("none", |server| &server.name);
    let rule = entry.rule.as_ref().map_or("none", |rule| &rule.label);
    metrics.decisions.with_label_values(&[server, rule, entry.outcome, entry.reason.unwrap_or("none")]).inc();
    let seconds = |micros: u64| Duration::from_micros(micros).as_secs_f64();
    let upstream = entry.upstream_micros.unwrap_or(0);
    if entry.frames.is_none() {
        let ours = seconds(entry.micros.saturating_sub(upstream));
        metrics.gateway_seconds.with_label_values(&[server]).observe(ours);
    }
    for (direction, counts) in [("arguments", &entry.sensitive_arguments), ("results", &entry.sensitive_results)] {
        for (kind, action, count) in counts.iter() {
            let labels = [server, direction, kind, action.name()];
            metrics.sensitive.with_label_values(&labels).inc_by(u64::from(count));
        }
    }
    if entry.upstream_micros.is_some() {
        metrics.upstream_seconds.with_label_values(&[server]).observe(seconds(upstream));
    }
}
