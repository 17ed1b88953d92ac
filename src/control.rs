//! The control plane: what changes while the gateway runs, and how an operator sees it.
pub mod admin;
pub mod discover;
pub mod reload;
pub mod stop;
