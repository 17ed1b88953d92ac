//! The admin listener: `/livez`, `/readyz`, `/metrics`, `/status`. Read-only; nothing here names a caller.
use crate::body::Body;
use crate::control::reload::Status;
use crate::http as rules;
use crate::metrics::Metrics;
use crate::snapshots::Snapshots;
use http::header::{self, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::watch;

/// What the admin listener shows.
pub struct Admin {
    /// The worlds.
    pub snapshots: Arc<Snapshots>,
    /// Problems on disk.
    pub status: Arc<Status>,
    /// Metrics.
    pub metrics: Arc<Metrics>,
    /// Turns true when the gateway stops.
    pub draining: watch::Receiver<bool>,
    /// Sessions, kept up to date by the gateway's housekeeping.
    pub sessions: Arc<AtomicUsize>,
}

impl Admin {
    /// Answers one request.
    pub fn handle<B>(&self, request: &Request<B>) -> Response<Body> {
        // A page that rebinds DNS has a name of its own; probes and people come by address or localhost.
        let host = request.headers().get(header::HOST).and_then(|h| h.to_str().ok()).unwrap_or_default();
        let name = host.rsplit_once(':').map_or(host, |(name, _)| name).trim_matches(['[', ']']);
        if name != "localhost" && name.parse::<std::net::IpAddr>().is_err() {
            return rules::json(StatusCode::FORBIDDEN, "{\"error\":\"Host must be an address or localhost\"}".into());
        }
        if request.method() != Method::GET {
            return rules::json(StatusCode::METHOD_NOT_ALLOWED, "{\"error\":\"GET only\"}".into());
        }
        match request.uri().path() {
            "/livez" => rules::json(StatusCode::OK, "{\"live\":true}".into()),
            "/readyz" => self.ready(),
            "/status" => rules::json(StatusCode::OK, self.describe().to_string().into()),
            "/metrics" => {
                self.metrics.sessions.set(i64::try_from(self.sessions.load(Ordering::Relaxed)).unwrap_or(i64::MAX));
                let mut response = Response::new(Body::from(self.metrics.render()));
                let kind = HeaderValue::from_static("text/plain; version=0.0.4");
                response.headers_mut().insert(header::CONTENT_TYPE, kind);
                response
            }
            _ => rules::json(StatusCode::NOT_FOUND, "{\"error\":\"/livez /readyz /status /metrics\"}".into()),
        }
    }

    /// Ready while serving. A broken file on disk is a reason to look, not to take traffic away:
    /// the last good policy is in force.
    fn ready(&self) -> Response<Body> {
        let draining = *self.draining.borrow();
        let mut reasons = Vec::new();
        if draining {
            reasons.push("draining".to_owned());
        }
        if !self.status.problems().is_empty() {
            reasons.push("the configuration on disk has problems; the last good one is in force".to_owned());
        }
        if self.status.restart_needed() {
            reasons.push("settings on disk that take effect at a start differ from those in force".to_owned());
        }
        let status = if draining { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK };
        rules::json(status, json!({ "ready": !draining, "reasons": reasons }).to_string().into())
    }

    fn describe(&self) -> serde_json::Value {
        let world = self.snapshots.current();
        let servers: Vec<_> = world
            .servers
            .values()
            .map(|s| {
                let contract = s.contract.published.as_ref().map(|contract| {
                    let approved = contract.approved.iter().map(|(by, at)| json!({ "by": by, "at": at }));
                    json!({ "digest": contract.digest, "approved": approved.collect::<Vec<_>>() })
                });
                json!({
                    "name": s.name, "resource": s.resource, "contract": contract,
                    "tools": s.tools.count(), "resources": s.resources.count(), "prompts": s.prompts.count(),
                })
            })
            .collect();
        let problems: Vec<_> = self
            .status
            .problems()
            .into_iter()
            .map(
                |p| json!({ "file": p.file, "line": p.line, "column": p.column, "message": p.message, "hint": p.hint }),
            )
            .collect();
        json!({
            "version": env!("CARGO_PKG_VERSION"),
            "policy": world.id.to_string(),
            "servers": servers,
            "problems": problems,
            "restart_needed": self.status.restart_needed(),
            "draining": *self.draining.borrow(),
        })
    }
}
