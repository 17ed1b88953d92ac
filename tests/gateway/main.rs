//! The gateway from outside: a real process, a lying upstream, a hostile client. Each test asserts on
//! what reached the other side, not on what the gateway says of itself.
mod bypasses;
mod journey;
mod operations;
mod support;
