//! Putting the journal on disk: one thread does it, for all who wait by the time it begins. Those who come meanwhile
//! have the next turn, so that many at once cost few syncs, and a slow disk holds up nobody else's calls.
//!
//! Who waited is woken through one socket, as if something had come from the network: whichever thread waits for
//! that goes on with all of them. Waking each would wake a thread for it, and that one another.
use super::Confirmations;
use super::journal::Place;
use std::io::ErrorKind::WouldBlock;
use std::os::unix::net::UnixStream as Sender;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use tokio::io::Interest;
use tokio::net::UnixStream as Receiver;
use tokio::sync::oneshot;
use tokio::sync::oneshot::error::TryRecvError;

const ENDED: &str = "nothing is synced any more";

/// Who waits until everything before a place is on disk.
type Waiter = (Place, oneshot::Sender<Result<(), String>>);

/// Those who wait. Each is a call or a decision of its own, so there are no more than may live at once.
pub struct Disk {
    state: Mutex<State>,
    came: Condvar,
    /// Something comes when some of them were told. It is never read by them, so that none takes it from another.
    told: Receiver,
    tell: Sender,
}

#[derive(Default)]
struct State {
    waiting: Vec<Waiter>,
    /// The thread has nothing to do, and has to be woken.
    idle: bool,
    ended: bool,
}

impl Disk {
    /// Starts the thread, which ends with the confirmations. On a thread of the runtime that waits.
    pub fn start(confirmations: &Weak<Confirmations>) -> Result<Arc<Self>, String> {
        let ends = Receiver::pair().and_then(|(tell, told)| Ok((tell.into_std()?, told)));
        let (tell, told) = ends.map_err(|error| format!("nobody can be told of a sync: {error}"))?;
        let disk = Arc::new(Self { state: Mutex::default(), came: Condvar::new(), told, tell });
        let (own, confirmations) = (Ends(disk.clone()), confirmations.clone());
        let run = move || {
            while let Some(waiting) = own.0.next() {
                let Some(confirmations) = confirmations.upgrade() else { return };
                let last = waiting.iter().map(|(place, _)| *place).max();
                let done = last.map_or(Ok(()), |last| confirmations.sync(last));
                for (_, tell) in waiting {
                    let _: Result<(), _> = tell.send(done.clone());
                }
                own.0.wake();
            }
        };
        let thread = std::thread::Builder::new().name("confirmations".to_owned()).spawn(run);
        thread.map(|_| disk).map_err(|error| format!("no thread that syncs: {error}"))
    }

    /// Waits until everything before a place is on disk, or says why that is not known.
    pub async fn wait(&self, place: Place) -> Result<(), String> {
        let mut told = self.ask(place);
        loop {
            match told.try_recv() {
                Ok(done) => return done,
                Err(TryRecvError::Closed) => return Err(ENDED.to_owned()),
                Err(TryRecvError::Empty) => {}
            }
            let happened = self.told.readable().await;
            happened.map_err(|error| format!("nobody can be told of a sync: {error}"))?;
            // It was for somebody else, or is seen once more: the next one is waited for. What was told before is found
            // above, and what is told from now on makes another come.
            let _: std::io::Result<()> = self.told.try_io(Interest::READABLE, || Err(WouldBlock.into()));
        }
    }

    /// The same on a thread that may block.
    pub fn wait_blocking(&self, place: Place) -> Result<(), String> {
        self.ask(place).blocking_recv().unwrap_or_else(|_| Err(ENDED.to_owned()))
    }

    /// What says when everything before a place is on disk; dropped if that will never be known.
    fn ask(&self, place: Place) -> oneshot::Receiver<Result<(), String>> {
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

    /// Those who wait look again.
    fn wake(&self) {
        // The last one is taken away by whoever writes the next, so there is room: neither fails but for the first read.
        let _ = rustix::io::read(&self.told, &mut [0_u8; 8]);
        let _ = rustix::io::write(&self.tell, &[0]);
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
        drop(state);
        self.0.wake();
    }
}
