//! The contract with a server: what it offers, and what a reviewer must know of it before approving.
pub mod poison;
pub mod redflags;
