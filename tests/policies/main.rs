//! What a policy says: the decision against a plain oracle, explanations, differences, and what is wrong
//! with policies that are.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test fails by panicking"
)]
mod broken;
mod checks;
mod commands;
mod compiled;
mod confirming;
mod decision;
mod difference;
mod examples;
mod explanations;
mod flowing;
mod messages;
mod oracle;
mod redacting;
