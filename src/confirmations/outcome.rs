//! What comes of a call whose approval was used.
use super::{Around, Confirmations};
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
    pub async fn asked(mut self) -> Result<(), Refusal> {
        self.done = true;
        self.confirmations.asked(&self.id, self.around.clone()).await
    }

    /// Which confirmation.
    pub fn id(&self) -> &str {
        &self.id
    }

    fn finish(&mut self, executed: bool) {
        self.done = true;
        let (this, id, around) = (self.confirmations.clone(), self.id.clone(), self.around.clone());
        let work = move || {
            let _ = this
                .change(&mut this.inner(), &id, ("executed", &around), |kept, _| kept.confirmation.finish(executed));
        };
        // Nobody waits for it; if there is no runtime any more, the missing record says so.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn_blocking(work);
        }
    }
}

impl Drop for Outcome {
    fn drop(&mut self) {
        if !self.done {
            self.finish(false);
        }
    }
}
