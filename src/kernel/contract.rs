//! What a server publishes: reviewed before clients see it, and held to what was reviewed.
pub mod widget;
