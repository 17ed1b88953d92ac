//! The commands beside the gateway, from outside: the built program, and servers written by hand,
//! since nobody ships one that lies.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test fails by panicking"
)]
mod doctor;
mod fmt;
mod help;
mod init;
mod support;
