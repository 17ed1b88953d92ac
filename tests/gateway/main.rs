//! The gateway from outside: a real process, a lying upstream, a hostile client. Each test asserts on
//! what reached the other side, not on what the gateway says of itself.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test fails by panicking"
)]
mod approvals;
mod bridge;
mod bypasses;
mod cases;
mod confirm;
mod connections;
mod contract;
mod events;
mod fatigue;
mod flow;
mod joint;
mod journal;
mod journey;
mod language;
mod limits;
mod lines;
mod matrix;
mod operations;
mod people;
mod redact;
mod resume;
mod support;
mod tasks;
mod tokens;
mod transport;
