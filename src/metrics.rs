//! Metric handles (Prometheus). Labels come from configuration and from closed enums, never from callers.
use prometheus::{HistogramOpts, HistogramVec, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry, TextEncoder};

/// All metrics of a gateway.
pub struct Metrics {
    registry: Registry,
    /// Exchanges by server, rule, outcome and reason.
    pub decisions: IntCounterVec,
    /// Sensitive values found, by server, direction, type and what happened to them.
    pub sensitive: IntCounterVec,
    /// Seconds of ours, by server.
    pub gateway_seconds: HistogramVec,
    /// Seconds of the upstream until its answer began, by server.
    pub upstream_seconds: HistogramVec,
    /// Sessions now.
    pub sessions: IntGauge,
    /// Open streams now.
    pub streams: IntGauge,
    /// Connections now.
    pub connections: IntGauge,
    /// Reloads by result.
    pub reloads: IntCounterVec,
    /// Problems of the configuration on disk; 0 when it is in force.
    pub problems: IntGauge,
    /// Differences between what a server offers and its contract, by server.
    pub drift: IntGaugeVec,
    /// JWKS fetches by issuer and result.
    pub jwks: IntCounterVec,
}

impl Metrics {
    /// Registers everything once.
    pub fn new() -> Result<Self, prometheus::Error> {
        let registry = Registry::new();
        let counter = |name: &str, help: &str, labels: &[&str]| -> Result<IntCounterVec, prometheus::Error> {
            let metric = IntCounterVec::new(Opts::new(name, help), labels)?;
            registry.register(Box::new(metric.clone()))?;
            Ok(metric)
        };
        let histogram = |name: &str, help: &str| -> Result<HistogramVec, prometheus::Error> {
            let buckets = vec![
                0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0,
            ];
            let metric = HistogramVec::new(HistogramOpts::new(name, help).buckets(buckets), &["server"])?;
            registry.register(Box::new(metric.clone()))?;
            Ok(metric)
        };
        let gauge = |name: &str, help: &str| -> Result<IntGauge, prometheus::Error> {
            let metric = IntGauge::new(name, help)?;
            registry.register(Box::new(metric.clone()))?;
            Ok(metric)
        };
        let drift =
            Opts::new("portcullis_contract_drift", "Differences between what a server offers and its contract.");
        let drift = IntGaugeVec::new(drift, &["server"])?;
        registry.register(Box::new(drift.clone()))?;
        Ok(Self {
            drift,
            decisions: counter(
                "portcullis_decisions_total",
                "Exchanges by outcome.",
                &["server", "rule", "outcome", "reason"],
            )?,
            sensitive: counter(
                "portcullis_sensitive_values_total",
                "Sensitive values found, by what happened to them.",
                &["server", "direction", "type", "action"],
            )?,
            gateway_seconds: histogram("portcullis_gateway_seconds", "Time spent in the gateway itself.")?,
            upstream_seconds: histogram("portcullis_upstream_seconds", "Time until the upstream's answer began.")?,
            sessions: gauge("portcullis_sessions", "Sessions.")?,
            streams: gauge("portcullis_streams", "Open streams.")?,
            connections: gauge("portcullis_connections", "Open client connections.")?,
            reloads: counter("portcullis_reloads_total", "Reloads by result.", &["result"])?,
            problems: gauge("portcullis_configuration_problems", "Problems of the configuration on disk.")?,
            jwks: counter("portcullis_jwks_fetches_total", "JWKS fetches by result.", &["issuer", "result"])?,
            registry,
        })
    }

    /// The text exposition format.
    pub fn render(&self) -> String {
        TextEncoder::new().encode_to_string(&self.registry.gather()).unwrap_or_default()
    }
}
