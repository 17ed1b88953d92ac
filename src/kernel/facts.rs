//! What the shell observed and the kernel may not look up itself.

/// Observations for one verdict.
#[derive(Clone, Copy, Debug)]
pub struct Facts {
    /// Seconds since 1970.
    pub now: u64,
}
