//! The kernel: bytes → `Message` → `Decision` → `Outbound` → `Inspected`, and nothing else.
//!
//! "Kernel" in the sense of a reference monitor: always invoked, small enough to verify, and pure.
//! It does no I/O, reads no clock, draws no randomness, spawns nothing, logs nothing and imports
//! nothing else of this crate, so every verdict can be replayed from its inputs. Time and counters
//! arrive as [`facts::Facts`]; `tests/tidy.rs` keeps it so.
pub mod bridge;
pub mod confirm;
pub mod contract;
pub mod digest;
pub mod facts;
pub mod flow;
pub mod inbound;
pub mod joint;
pub mod json;
pub mod judge;
pub mod mcp;
pub mod policy;
pub mod principal;
pub mod redact;
pub mod refusal;
pub mod sensitive;
pub mod snapshot;
pub mod sse;
pub mod stops;
pub mod tasks;
