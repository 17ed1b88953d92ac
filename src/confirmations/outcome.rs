//! What comes of a call whose approval was used.
use super::{Around, Confirmations, Kept, Writing};
use crate::kernel::refusal::Refusal;
use std::sync::Arc;

/// What comes of a confirmed call. If it is dropped, nobody knows, which counts as a failure.
pub struct Outcome {
    pub(super) confirmations: Arc<Confirmations>,
    pub(super) id: String,
    pub(super) around: Around,
    pub(super) done: bool,
}

impl Outcome {
    /// The server answered.
    pub fn done(mut self, executed: bool) {
        self.finish(executed);
    }

    /// The server asks for input first.
    pub fn asked(mut self) -> Result<(), Refusal> {
        self.done = true;
        self.confirmations.asked(&self.id, &self.around)
    }

    /// Which confirmation.
    pub fn id(&self) -> &str {
        &self.id
    }

    fn finish(&mut self, executed: bool) {
        self.done = true;
        // Nobody waits for it; if it cannot be written, the missing record says so.
        let step = |kept: &mut Kept, _| kept.confirmation.finish(executed);
        let _ = self.confirmations.change(&self.id, ("executed", &self.around, Writing::Later), step);
    }
}

impl Drop for Outcome {
    fn drop(&mut self) {
        if !self.done {
            self.finish(false);
        }
    }
}
