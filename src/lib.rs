//! Portcullis: a security gateway in front of existing MCP servers.
//!
//! [`exchange`] is the one file that knows in which order a message meets the modules below, and it
//! reads as the journey:
//!
//! ```text
//! bytes ──decode──▶ Message ──decide──▶ Permitted ──discharge──▶ Outbound ──upstream──▶ Reply ──Judge──▶ Inspected
//! credential ──authn──▶ Principal ─┘        └── otherwise Refusal ──▶ one wire table
//! ```
//!
//! `decide` first rewrites what the policy keeps back of sensitive data (`kernel::sensitive`), and the
//! judge does the same with what comes back: what is judged is what is sent.
//!
//! Each arrow is the only constructor of what it points to, so a check cannot be left out.
//!
//! Layers, checked by `tests/tidy.rs`: the [`kernel`] imports nobody; stages import the kernel, never
//! each other; only [`exchange`] knows the order; [`control`] and [`exchange`] meet only in [`app`].
pub mod exchange;

// The stages.
pub mod audit;
pub mod authn;
pub mod confirmations;
pub mod http;
pub mod kernel;
pub mod listen;
pub mod memory;
pub mod meter;
pub mod pages;
pub mod relay;
pub mod sessions;
pub mod survey;
pub mod tls;
pub mod upstream;
pub mod wire;

// The control plane.
pub mod app;
pub mod cases;
pub mod cli;
pub mod config;
pub mod control;
pub mod demo;

// Small shared ground.
pub mod body;
pub mod clock;
pub mod contracts;
pub mod egress;
pub mod metrics;
pub mod snapshots;
