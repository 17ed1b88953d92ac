//! One record an exchange, denied and aborted ones too.
//!
//! A slot in the queue is reserved before work starts: no slot, no exchange. So handing a record over
//! cannot fail, and `Drop` does it even when the client vanished. Formatting and writing happen in
//! the sink. Records hold digests and rule labels, never arguments, tokens, URIs or names a caller made up.
mod sink;

use crate::kernel::refusal::Reason;
use crate::metrics::Metrics;
use serde::Serialize;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, oneshot};

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

/// What is recorded.
#[derive(Debug, Default, Serialize)]
pub struct Entry {
    /// RFC 3339, UTC, microseconds.
    #[serde(serialize_with = "sink::timestamp")]
    pub time: u64,
    /// `exchange` or `reload`.
    pub kind: &'static str,
    /// Correlation id; also the `X-Request-Id` response header.
    pub id: String,
    /// Server.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server: Option<String>,
    /// Issuer, by its name in the configuration.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
    /// Keyed pseudonym of the subject.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// OAuth client.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client: Option<String>,
    /// Revision.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revision: Option<&'static str>,
    /// Method.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub method: Option<&'static str>,
    /// The rule's pattern, as written in the policy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// Digest of what was named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target_digest: Option<String>,
    /// SHA-256 of the canonical arguments.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub arguments_digest: Option<String>,
    /// Effect of the rule.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub effect: Option<&'static str>,
    /// `allow`, `deny`, `error`, `aborted`, or for reloads `applied`, `rejected`.
    pub outcome: &'static str,
    /// Why, if not `allow`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<&'static str>,
    /// The operator's sentence.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub detail: String,
    /// Position of the rule that decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// Digest of the policy in force.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
    /// For reloads: the digest before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy_before: Option<String>,
    /// HTTP status of the upstream.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upstream_status: Option<u16>,
    /// Whether the answer was a JSON-RPC error or a tool error.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upstream_error: Option<bool>,
    /// Frames shown and withheld on a stream.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frames: Option<(u64, u64)>,
    /// Whole duration, microseconds.
    pub micros: u64,
    /// Of which until the upstream's answer began, microseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upstream_micros: Option<u64>,
}

struct Job {
    entry: Box<Entry>,
    done: Option<oneshot::Sender<()>>,
}

/// Where records go.
#[derive(Clone)]
pub struct Audit {
    queue: mpsc::Sender<Job>,
    acknowledged: bool,
    key: Arc<[u8]>,
    metrics: Arc<Metrics>,
}

/// A record being filled. Handed over when closed, committed or dropped.
pub struct Record {
    /// Its content so far.
    pub entry: Box<Entry>,
    slot: Option<mpsc::OwnedPermit<Job>>,
    started: Instant,
    acknowledged: bool,
    metrics: Arc<Metrics>,
}

impl Audit {
    /// Opens the directory, makes the pseudonym key if there is none, and starts the sink.
    /// The handle returned ends when every record is written and every `Audit` is gone.
    pub fn open(settings: Settings, metrics: Arc<Metrics>) -> std::io::Result<(Self, std::thread::JoinHandle<()>)> {
        let key = sink::pseudonym_key(&settings.directory)?;
        let (queue, jobs) = mpsc::channel(SLOTS);
        let acknowledged = settings.acknowledged;
        let handle = sink::start(settings, jobs)?;
        Ok((Self { queue, acknowledged, key: key.into(), metrics }, handle))
    }

    /// Reserves a slot and begins a record.
    pub fn begin(&self, kind: &'static str, id: String) -> Result<Record, Reason> {
        let slot = self.queue.clone().try_reserve_owned().map_err(|_| Reason::AuditUnavailable)?;
        let entry = Entry { time: crate::clock::now_micros(), kind, id, outcome: "aborted", ..Entry::default() };
        Ok(Record {
            entry: Box::new(entry),
            slot: Some(slot),
            started: Instant::now(),
            acknowledged: self.acknowledged,
            metrics: self.metrics.clone(),
        })
    }

    /// Keyed pseudonym of a subject.
    pub fn pseudonym(&self, issuer: &str, subject: &str) -> String {
        crate::kernel::digest::pseudonym(&self.key, &[issuer, subject])
    }
}

impl Record {
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
        let Some(slot) = self.slot.take() else { return };
        let entry = &mut self.entry;
        entry.micros = u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX);
        if entry.kind == "exchange" {
            let server = entry.server.as_deref().unwrap_or("none");
            let labels =
                [server, entry.target.as_deref().unwrap_or("none"), entry.outcome, entry.reason.unwrap_or("none")];
            self.metrics.decisions.with_label_values(&labels).inc();
            let seconds = |micros: u64| Duration::from_micros(micros).as_secs_f64();
            let upstream = entry.upstream_micros.unwrap_or(0);
            if entry.frames.is_none() {
                self.metrics
                    .gateway_seconds
                    .with_label_values(&[server])
                    .observe(seconds(entry.micros.saturating_sub(upstream)));
            }
            if entry.upstream_micros.is_some() {
                self.metrics.upstream_seconds.with_label_values(&[server]).observe(seconds(upstream));
            }
        }
        slot.send(Job { entry: std::mem::take(&mut self.entry), done });
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        self.hand_over(None);
    }
}
