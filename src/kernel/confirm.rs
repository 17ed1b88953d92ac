//! Confirmation of one exact call by a person: one state machine behind every way of asking.
//!
//! ```text
//! decide ──▶ Unconfirmed ──────────────────────────────release──▶ Permitted ──▶ Outbound
//!                 └── Confirmation: proposed ▶ shown ▶ approved ▶ spent ──Spent──┘
//! ```
//!
//! For a tool that needs a confirmation, `decide` gives no permit but an [`Unconfirmed`], and the only way from
//! there to a permit is [`Unconfirmed::release`], which takes a [`Spent`]: the proof that the one approval of this
//! exact call was used up for it. Neither can be copied, so one approval is one execution.
pub mod binding;
pub mod elicit;
pub mod hold;
pub mod machine;
pub mod pace;
pub mod seal;
pub mod summary;

pub use binding::{Call, Part};
pub use hold::Unconfirmed;
pub use machine::{Answerer, By, Confirmation, Fault, Mode, Spent, State};

#[cfg(test)]
mod tests;
