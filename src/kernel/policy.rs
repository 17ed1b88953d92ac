//! Policy: what a person wrote ([`source`]), what runs ([`compile`]), and the one decision ([`decide`]).
pub mod access;
pub mod compile;
pub mod condition;
pub mod decide;
pub mod diff;
pub mod explain;
pub mod flaw;
pub mod names;
pub mod source;
pub mod template;
