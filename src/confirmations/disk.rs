//! Putting the journal on disk: one thread does it, for all who wait by the time it begins. Those who come meanwhile
//! have the next turn, so that many at once cost few syncs, and a slow disk holds up nobody else's calls.
use super::Confirmations;
use super::journal::Place;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use tokio::sync::oneshot;

/// Who waits until everything before a place is on disk.
type Waiter = (Place, oneshot::Sender<Result<(), String>>);

/// Those who wait. Each is a call or a decision of its own, so there are no more than may live at once.
#[derive(Default)]
pub struct Disk {
    state: Mutex<State>,
    came: Condvar,
}

#[derive(Default)]
struct State {
    waiting: Vec<Waiter>,
    /// The thread has nothing to do, and has to be woken.
    idle: bool,
    ended: bool,
}

impl Disk {
    /// Starts the thread, which ends with the confirmations.
    pub fn start(confirmations: &Weak<Confirmations>) -> Result<Arc<Self>, String> {
        let disk = Arc::new(Self::default());
        let (own, confirmations) = (Ends(disk.clone()), confirmations.clone());
        let run = move || {
            while let Some(waiting) = own.0.next() {
                let Some(confirmations) = confirmations.upgrade() else { return };
                let last = waiting.iter().map(|(place, _)| *place).max();
                let done = last.map_or(Ok(()), |last| confirmations.sync(last));
                for (_, tell) in waiting {
                    let _: Result<(), _> = tell.send(done.clone());
                }
            }
        };
        let thread = std::thread::Builder::new().name("confirmations".to_owned()).spawn(run);
        thread.map(|_| disk).map_err(|error| format!("no thread that syncs: {error}"))
    }

    /// Says to whoever receives it when everything before a place is on disk, or why that is not known. Dropped if
    /// that will never be known.
    pub fn wait(&self, place: Place) -> oneshot::Receiver<Result<(), String>> {
        let (tell, told) = oneshot::channel();
        let mut state = self.state();
        if !state.ended {
            state.waiting.push((place, tell));
        }
        let wake = std::mem::take(&mut state.idle);
        drop(state);
        if wake {
            self.came.notify_one();
        }
        told
    }

    /// Nobody will wait any more.
    pub fn end(&self) {
        self.state().ended = true;
        self.came.notify_one();
    }

    /// All who wait, once somebody does; `None` if nobody will.
    fn next(&self) -> Option<Vec<Waiter>> {
        let mut state = self.state();
        while state.waiting.is_empty() {
            if state.ended {
                return None;
            }
            state.idle = true;
            state = self.came.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.idle = false;
        Some(std::mem::take(&mut state.waiting))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// However the thread ends, nobody waits for it from then on.
struct Ends(Arc<Disk>);

impl Drop for Ends {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.ended = true;
        state.waiting.clear();
    }
}
