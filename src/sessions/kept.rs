//! Events of a session's streams that its client may come back for (2025-03-26 to 2025-11-25, "Resumability and
//! Redelivery"): the last ones, within bounds. Where the server gives its events ids, it is the server that is asked.
use crate::kernel::digest::Digest;
use crate::kernel::mcp::decode::Target;
use bytes::Bytes;
use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// Most events of one session, and their bytes.
const EVENTS_MAX: usize = 512;
const BYTES_MAX: usize = 1 << 20;
/// Bytes of all sessions.
pub const TOTAL_BYTES_MAX: usize = 256 << 20;

/// The events of one session.
pub struct Kept {
    state: Mutex<State>,
    changed: watch::Sender<u64>,
    /// Bytes of all sessions.
    total: Arc<AtomicUsize>,
}

#[derive(Default)]
struct State {
    next: u64,
    streams: BTreeMap<u64, Stream>,
    events: VecDeque<(u64, u64, Bytes)>,
    bytes: usize,
}

struct Stream {
    /// Policy that its events were judged by.
    policy: Digest,
    /// What its call is about.
    about: Target,
    /// Number of its last event; they count from 1.
    last: u64,
    open: bool,
}

/// What comes after an event.
#[derive(Debug, PartialEq, Eq)]
pub enum After {
    /// The next one, with its number.
    Event(u64, Bytes),
    /// Nothing yet.
    Nothing,
    /// Nothing any more.
    Over,
    /// It is not kept any more, or never was.
    Lost,
}

impl Kept {
    /// None yet. `total` counts the bytes of all sessions.
    pub fn new(total: Arc<AtomicUsize>) -> Self {
        Self { state: Mutex::default(), changed: watch::channel(0).0, total }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Turns when there is more.
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    /// A stream begins; what it is known by. `about`: what its call is about.
    pub fn begin(&self, policy: Digest, about: Target) -> u64 {
        let mut state = self.state();
        state.next += 1;
        let stream = state.next;
        state.streams.insert(stream, Stream { policy, about, last: 0, open: true });
        stream
    }

    /// What the call of a stream is about.
    pub fn about(&self, stream: u64) -> Option<Target> {
        self.state().streams.get(&stream).map(|stream| stream.about.clone())
    }

    /// The number that the next event of a stream has.
    pub fn next_of(&self, stream: u64) -> u64 {
        self.state().streams.get(&stream).map_or(1, |stream| stream.last + 1)
    }

    /// An event of a stream, as it was written. The oldest of the session make room.
    pub fn push(&self, stream: u64, event: Bytes) {
        let mut state = self.state();
        let Some(of) = state.streams.get_mut(&stream) else { return };
        of.last += 1;
        let number = of.last;
        let room = self.total.load(Ordering::Relaxed) + event.len() <= TOTAL_BYTES_MAX;
        if room && event.len() <= BYTES_MAX {
            state.bytes += event.len();
            self.total.fetch_add(event.len(), Ordering::Relaxed);
            state.events.push_back((stream, number, event));
        }
        while state.events.len() > EVENTS_MAX || state.bytes > BYTES_MAX {
            let Some((stream, _, event)) = state.events.pop_front() else { break };
            self.given_back(&mut state, stream, &event);
        }
        drop(state);
        self.changed.send_modify(|turn| *turn = turn.wrapping_add(1));
    }

    fn given_back(&self, state: &mut State, stream: u64, event: &Bytes) {
        state.bytes -= event.len();
        self.total.fetch_sub(event.len(), Ordering::Relaxed);
        let left = state.events.iter().any(|(of, _, _)| *of == stream);
        if !left && state.streams.get(&stream).is_some_and(|stream| !stream.open) {
            state.streams.remove(&stream);
        }
    }

    /// A stream is over.
    pub fn end(&self, stream: u64) {
        let mut state = self.state();
        let left = state.events.iter().any(|(of, _, _)| *of == stream);
        match state.streams.get_mut(&stream) {
            Some(of) if left => of.open = false,
            _ => drop(state.streams.remove(&stream)),
        }
        drop(state);
        self.changed.send_modify(|turn| *turn = turn.wrapping_add(1));
    }

    /// Forgets a stream and its events: they were judged by a policy that is no longer in force.
    pub fn forget(&self, stream: u64) {
        let mut state = self.state();
        state.streams.remove(&stream);
        let (gone, left) = std::mem::take(&mut state.events).into_iter().partition(|(of, _, _)| *of == stream);
        state.events = left;
        let gone: VecDeque<(u64, u64, Bytes)> = gone;
        for (_, _, event) in &gone {
            state.bytes -= event.len();
            self.total.fetch_sub(event.len(), Ordering::Relaxed);
        }
        drop(state);
        self.changed.send_modify(|turn| *turn = turn.wrapping_add(1));
    }

    /// What comes after event `number` of a stream, if this policy is the one it was judged by.
    pub fn after(&self, stream: u64, number: u64, policy: Digest) -> After {
        let state = self.state();
        let Some(of) = state.streams.get(&stream).filter(|of| of.policy == policy) else { return After::Lost };
        if number > of.last {
            return After::Lost;
        }
        if number == of.last {
            return if of.open { After::Nothing } else { After::Over };
        }
        let found = state.events.iter().find(|(of, at, _)| *of == stream && *at == number + 1);
        found.map_or(After::Lost, |(_, at, event)| After::Event(*at, event.clone()))
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.total.fetch_sub(self.state().bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept() -> (Kept, Arc<AtomicUsize>, Digest) {
        let total = Arc::new(AtomicUsize::new(0));
        (Kept::new(total.clone()), total, Digest::of(b"policy"))
    }

    #[test]
    fn each_stream_gives_its_own_events_once_and_in_order() {
        let (kept, _, policy) = kept();
        let (one, other) = (kept.begin(policy, Target::None), kept.begin(policy, Target::None));
        for number in 0..5_u8 {
            kept.push(one, vec![number; 3].into());
            kept.push(other, vec![100 + number; 3].into());
        }
        for (stream, first) in [(one, 0), (other, 100)] {
            for number in 0..5_u8 {
                let expected = After::Event(u64::from(number) + 1, vec![first + number; 3].into());
                assert_eq!(kept.after(stream, number.into(), policy), expected);
            }
            assert_eq!(kept.after(stream, 5, policy), After::Nothing);
            assert_eq!(kept.after(stream, 6, policy), After::Lost, "nobody was given this id");
            assert_eq!(kept.after(stream, 0, Digest::of(b"another")), After::Lost);
        }
        kept.end(one);
        assert_eq!((kept.after(one, 5, policy), kept.after(other, 5, policy)), (After::Over, After::Nothing));
        kept.forget(other);
        assert_eq!(kept.after(other, 0, policy), After::Lost);
        assert_eq!(kept.after(one, 4, policy), After::Event(5, vec![4; 3].into()));
    }

    #[test]
    fn what_is_kept_is_bounded_and_given_back() {
        let (kept, total, policy) = kept();
        let stream = kept.begin(policy, Target::None);
        for _ in 0..2000 {
            kept.push(stream, vec![b'x'; 1000].into());
        }
        assert!(total.load(Ordering::Relaxed) <= EVENTS_MAX * 1000);
        assert_eq!(kept.after(stream, 0, policy), After::Lost, "the oldest made room");
        assert!(matches!(kept.after(stream, 1999, policy), After::Event(2000, _)));
        kept.push(stream, vec![b'x'; BYTES_MAX + 1].into());
        assert_eq!(kept.after(stream, 2000, policy), After::Lost, "too long to be kept");
        for _ in 0..3 {
            let more = kept.begin(policy, Target::None);
            kept.push(more, vec![b'x'; BYTES_MAX - 10].into());
            kept.end(more);
        }
        assert!(total.load(Ordering::Relaxed) <= BYTES_MAX);
        drop(kept);
        assert_eq!(total.load(Ordering::Relaxed), 0);
    }
}
