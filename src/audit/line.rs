//! What is written of a record: the only list of its fields, in their order.
use super::Entry;
use crate::kernel::digest::{Digest, Short, pseudonym};
use crate::kernel::policy::compile::Position;
use crate::kernel::principal::Principal;
use crate::kernel::sensitive::Counts;
use serde::{Serialize, Serializer};
use std::collections::{BTreeMap, HashMap};
use std::fmt::Display;
use std::io;

/// Most pseudonyms remembered; then all are forgotten and made anew.
const PSEUDONYMS_MAX: usize = 4096;

/// Keyed pseudonyms of subjects, remembered because a caller rarely comes once.
pub struct Pseudonyms {
    key: Vec<u8>,
    known: HashMap<Digest, String>,
}

impl Pseudonyms {
    /// With the key of this directory.
    pub fn new(key: &[u8]) -> Self {
        Self { key: key.to_vec(), known: HashMap::new() }
    }

    fn of(&mut self, principal: &Principal) -> &str {
        if self.known.len() >= PSEUDONYMS_MAX {
            self.known.clear();
        }
        let make = || pseudonym(&self.key, &[principal.issuer(), principal.subject()]);
        self.known.entry(principal.id()).or_insert_with(make)
    }
}

/// Serialises as what it displays.
struct Shown<T>(T);

impl<T: Display> Serialize for Shown<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

/// One JSON line.
#[derive(Serialize)]
struct Line<'a> {
    /// RFC 3339, UTC, microseconds.
    #[serde(serialize_with = "timestamp")]
    time: u64,
    kind: &'static str,
    id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    server: Option<&'a str>,
    /// Issuer, by its name in the configuration.
    #[serde(skip_serializing_if = "Option::is_none")]
    issuer: Option<&'a str>,
    /// Keyed pseudonym.
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<&'a str>,
    /// OAuth client.
    #[serde(skip_serializing_if = "Option::is_none")]
    client: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    revision: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    method: Option<&'static str>,
    /// The rule's pattern, as written in the policy: safe, unlike what the client sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    target: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    target_digest: Option<Shown<Short>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    arguments_digest: Option<Shown<Digest>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    effect: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    confirmed: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    confirmation: Option<&'a super::Confirming>,
    #[serde(skip_serializing_if = "Counts::is_empty", serialize_with = "counts")]
    sensitive_arguments: &'a Counts,
    #[serde(skip_serializing_if = "Counts::is_empty", serialize_with = "counts")]
    sensitive_results: &'a Counts,
    outcome: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    #[serde(skip_serializing_if = "str::is_empty")]
    detail: &'a str,
    /// Position of the rule.
    #[serde(skip_serializing_if = "Option::is_none")]
    rule: Option<Shown<&'a Position>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    policy: Option<Shown<Short>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    policy_before: Option<Shown<Short>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    upstream_status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    upstream_error: Option<bool>,
    #[serde(skip_serializing_if = "none")]
    removed: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    frames: Option<(u64, u64)>,
    micros: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    upstream_micros: Option<u64>,
}

/// Appends the line of a record.
pub fn write(entry: &Entry, pseudonyms: &mut Pseudonyms, lines: &mut Vec<u8>) -> io::Result<()> {
    let principal = entry.principal.as_deref();
    let line = Line {
        time: entry.time,
        kind: entry.kind,
        id: entry.id.as_str(),
        server: entry.server.as_ref().map(|server| &*server.name),
        issuer: principal.map(|p| p.issuer()),
        subject: principal.map(|p| pseudonyms.of(p)),
        client: principal.and_then(|p| p.client()),
        revision: entry.revision,
        method: entry.method,
        target: entry.rule.as_ref().map(|rule| &*rule.label),
        target_digest: entry.target_digest.map(|digest| Shown(Short(digest))),
        arguments_digest: entry.arguments_digest.map(Shown),
        effect: entry.rule.as_ref().and_then(|rule| Some(rule.effect?.name())),
        confirmed: entry.confirmed.as_deref(),
        confirmation: entry.confirmation.as_deref(),
        sensitive_arguments: &entry.sensitive_arguments,
        sensitive_results: &entry.sensitive_results,
        outcome: entry.outcome,
        reason: entry.reason,
        detail: &entry.detail,
        rule: entry.rule.as_ref().map(|rule| Shown(&rule.position)),
        policy: entry.policy.map(|digest| Shown(Short(digest))),
        policy_before: entry.policy_before.map(|digest| Shown(Short(digest))),
        upstream_status: entry.upstream_status,
        upstream_error: entry.upstream_error,
        removed: entry.removed,
        frames: entry.frames,
        micros: entry.micros,
        upstream_micros: entry.upstream_micros,
    };
    serde_json::to_writer(&mut *lines, &line)?;
    lines.push(b'\n');
    Ok(())
}

/// `{"EMAIL": {"replace": 3}}`
fn counts<S: Serializer>(counts: &Counts, serializer: S) -> Result<S::Ok, S::Error> {
    let mut kinds: BTreeMap<&str, BTreeMap<&str, u32>> = BTreeMap::new();
    for (kind, action, count) in counts.iter() {
        kinds.entry(kind).or_default().insert(action.name(), count);
    }
    kinds.serialize(serializer)
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn none(count: &usize) -> bool {
    *count == 0
}

fn timestamp<S: Serializer>(micros: &u64, serializer: S) -> Result<S::Ok, S::Error> {
    let time = i64::try_from(*micros).ok().and_then(chrono::DateTime::from_timestamp_micros).unwrap_or_default();
    serializer.serialize_str(&time.to_rfc3339_opts(chrono::SecondsFormat::Micros, true))
}
