//! Keys, passwords, tokens and private keys.
use super::view::View;
use super::{Context, Found};

/// Finds API keys, passwords, private keys and tokens.
pub fn find(_view: &View<'_>, _context: &Context<'_>, _out: &mut Vec<Found>) {}
