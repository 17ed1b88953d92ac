//! What each caller read, for as long as the policy says: fingerprints and where they come from, never what was read.
//!
//! It is in this process only and forgotten with it. Each caller has a key of its own, drawn anew whenever nothing is
//! remembered of it. What does not fit makes the memory full, and that is known to whoever decides.
use crate::clock;
use crate::kernel::digest::Digest;
use crate::kernel::flow::prints::Key;
use crate::kernel::flow::{Lesson, Memory, Origin, Recollection, Remember};
use crate::kernel::json::{Document, Value};
use dashmap::DashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// Most fingerprints of one caller, eight bytes each.
const PER_CALLER_MAX: usize = 131_072;
/// Most of all callers together.
const TOTAL_MAX: usize = 8 << 20;
/// Most results remembered of one caller.
const MEMORIES_MAX: usize = 1_024;
/// Most callers of whom something is remembered.
const CALLERS_MAX: usize = 65_536;

struct Kept {
    memory: Arc<Memory>,
    session: Option<String>,
    until: u64,
}

struct Untrusted {
    origin: Arc<Origin>,
    session: Option<String>,
    until: u64,
}

struct Caller {
    key: Arc<Key>,
    kept: Vec<Kept>,
    untrusted: Vec<Untrusted>,
    full_until: u64,
    /// Until when it is not known of every session whether it read content that nobody vouches for.
    unsure_until: u64,
    size: usize,
}

impl Caller {
    fn new(key: Arc<Key>) -> Self {
        Self { key, kept: Vec::new(), untrusted: Vec::new(), full_until: 0, unsure_until: 0, size: 0 }
    }

    /// Forgets what is over. How many fingerprints that frees.
    fn forget(&mut self, now: u64) -> usize {
        self.kept.retain(|kept| kept.until > now);
        self.untrusted.retain(|untrusted| untrusted.until > now);
        let before = self.size;
        self.size = self.kept.iter().map(|kept| kept.memory.prints.len()).sum();
        before - self.size
    }

    fn is_empty(&self, now: u64) -> bool {
        self.kept.is_empty() && self.untrusted.is_empty() && self.full_until.max(self.unsure_until) <= now
    }
}

/// The memories of all callers.
#[derive(Default)]
pub struct Memories {
    callers: DashMap<Digest, Caller>,
    size: AtomicUsize,
    /// Until when it is not known of every caller what it read.
    full_until: AtomicU64,
    /// The same of content that nobody vouches for.
    unsure_until: AtomicU64,
}

/// Whether something belongs to this session, or to no session.
fn of_session(theirs: Option<&String>, ours: Option<&str>) -> bool {
    theirs.is_none_or(|theirs| Some(theirs.as_str()) == ours)
}

impl Memories {
    /// What is known of a caller now; `None` if that is nothing.
    pub fn recall(&self, subject: Digest, session: Option<&str>) -> Option<Arc<Recollection>> {
        let now = clock::now();
        let overflown = self.full_until.load(Ordering::Relaxed) > now;
        let unsure = self.unsure_until.load(Ordering::Relaxed) > now;
        let found = self.callers.get(&subject).map(|caller| {
            let kept = caller.kept.iter().filter(|kept| kept.until > now && of_session(kept.session.as_ref(), session));
            let untrusted = caller.untrusted.iter().rev();
            let mut untrusted = untrusted.filter(|u| u.until > now && of_session(u.session.as_ref(), session));
            Recollection {
                key: caller.key.clone(),
                memories: kept.map(|kept| kept.memory.clone()).collect(),
                untrusted: untrusted.next().map(|untrusted| untrusted.origin.clone()),
                full: overflown || caller.full_until > now,
                unsure: unsure || caller.unsure_until > now,
            }
        });
        let nobody = || Recollection {
            key: Arc::new(Key::new(clock::random())),
            memories: Vec::new(),
            untrusted: None,
            full: overflown,
            unsure,
        };
        found.or_else(|| (overflown || unsure).then(nobody)).map(Arc::new)
    }

    /// Remembers what a message to the client says. `said`: what the caller said in the call.
    pub fn learn(&self, subject: Digest, session: Option<&str>, lesson: &Lesson, text: &[u8], said: Option<Value<'_>>) {
        let now = clock::now();
        let until = now.saturating_add(lesson.seconds);
        if self.callers.len() >= CALLERS_MAX && !self.callers.contains_key(&subject) {
            self.sweep();
            if self.callers.len() >= CALLERS_MAX {
                // Who it was is not remembered either, so that from now on it may have been anybody.
                for (counts, until_then) in
                    [(lesson.sensitive, &self.full_until), (lesson.untrusted, &self.unsure_until)]
                {
                    if counts {
                        until_then.fetch_max(until, Ordering::Relaxed);
                    }
                }
                return;
            }
        }
        let session = session.filter(|_| lesson.remember == Remember::Session).map(str::to_owned);
        let key = self.note(subject, session.as_ref(), lesson, now);
        if !lesson.sensitive {
            return;
        }
        // This takes its time, and others may be in the same part of the map.
        let prints = Document::reread(text.to_vec())
            .map(|document| lesson.prints(&key, document.root(), said))
            .unwrap_or_default();
        let room = prints.len();
        let mut caller = self.callers.entry(subject).or_insert_with(|| Caller::new(key.clone()));
        let fits = caller.size + room <= PER_CALLER_MAX
            && caller.kept.len() < MEMORIES_MAX
            && self.size.load(Ordering::Relaxed) + room <= TOTAL_MAX
            // It was forgotten and begun anew meanwhile.
            && Arc::ptr_eq(&caller.key, &key);
        if !prints.whole || !fits {
            caller.full_until = caller.full_until.max(until);
        }
        if !fits || prints.is_empty() {
            return;
        }
        caller.size += room;
        self.size.fetch_add(room, Ordering::Relaxed);
        caller.kept.push(Kept { memory: Arc::new(Memory { origin: lesson.origin.clone(), prints }), session, until });
    }

    /// Notes that content was read that nobody vouches for, and makes room. The key to fingerprint with.
    fn note(&self, subject: Digest, session: Option<&String>, lesson: &Lesson, now: u64) -> Arc<Key> {
        let fresh = || Caller::new(Arc::new(Key::new(clock::random())));
        let mut caller = self.callers.entry(subject).or_insert_with(fresh);
        self.size.fetch_sub(caller.forget(now), Ordering::Relaxed);
        if lesson.untrusted {
            caller.untrusted.retain(|known| known.origin != lesson.origin || known.session.as_ref() != session);
            let (origin, until) = (lesson.origin.clone(), now.saturating_add(lesson.seconds));
            if caller.untrusted.len() < MEMORIES_MAX {
                caller.untrusted.push(Untrusted { origin, session: session.cloned(), until });
            } else {
                // The others count as well. Whose this one is would be forgotten, so it is every session's.
                caller.unsure_until = caller.unsure_until.max(until);
            }
        }
        caller.key.clone()
    }

    /// Forgets what is over.
    pub fn sweep(&self) {
        let now = clock::now();
        self.callers.retain(|_, caller| {
            self.size.fetch_sub(caller.forget(now), Ordering::Relaxed);
            !caller.is_empty(now)
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::flow::{Concern, Flow, Then};
    use serde_json::json;

    fn lesson(sensitive: bool, untrusted: bool, remember: Remember) -> Lesson {
        let origin = Origin { server: "crm".into(), rule: "find".into(), sensitivity: "customer".into() };
        Lesson { origin: Arc::new(origin), sensitive, untrusted, remember, seconds: 60, at_least: 24, ignore: vec![] }
    }

    fn at(number: usize) -> Digest {
        Digest::of(number.to_string().as_bytes())
    }

    /// What becomes of a call that sends out nothing, where only content that nobody vouches for counts.
    fn refused(memories: &Memories, who: Digest, session: Option<&str>) -> Option<Concern> {
        let flow = Flow { then: Then::Allow, after_untrusted: Then::Refuse, ..Flow::default() };
        memories
            .recall(who, session)
            .and_then(|known| known.carries([], &flow).or(known.untrusted(&flow)))
            .map(|(concern, _)| concern)
    }

    #[test]
    fn of_callers_that_nobody_can_remember_any_may_have_read_untrusted_content() {
        let memories = Memories::default();
        for number in 0..CALLERS_MAX {
            memories.learn(at(number), None, &lesson(false, true, Remember::Subject), b"{}", None);
        }
        let late = at(CALLERS_MAX);
        assert_eq!(refused(&memories, late, None), None);
        memories.learn(late, None, &lesson(true, false, Remember::Subject), b"{}", None);
        assert_eq!(refused(&memories, late, None), None, "it read nothing of that kind");
        assert!(memories.recall(late, None).unwrap().full);
        memories.learn(late, None, &lesson(false, true, Remember::Subject), b"{}", None);
        assert_eq!(refused(&memories, late, None), Some(Concern::Full));
        assert!(matches!(refused(&memories, at(7), None), Some(Concern::Untrusted(_))), "it is known where");
        memories.sweep();
        assert_eq!(refused(&memories, late, None), Some(Concern::Full));
    }

    #[test]
    fn a_session_whose_mark_does_not_fit_does_not_push_out_another_s() {
        let memories = Memories::default();
        let ann = at(0);
        let learn = |number: usize| {
            let session = format!("s{number}");
            memories.learn(ann, Some(&session), &lesson(false, true, Remember::Session), b"{}", None);
        };
        (0..MEMORIES_MAX).for_each(learn);
        assert_eq!(refused(&memories, ann, Some("other")), None);
        learn(MEMORIES_MAX);
        for session in ["s0", "s1", "s1023"] {
            assert!(matches!(refused(&memories, ann, Some(session)), Some(Concern::Untrusted(_))), "{session}");
        }
        assert_eq!(refused(&memories, ann, Some("s1024")), Some(Concern::Full));
        assert_eq!(refused(&memories, at(1), None), None, "another caller has its own");
    }

    fn text(bytes: usize, seed: usize) -> Vec<u8> {
        let words: String = (0..bytes / 9).map(|n| format!("x{:07} ", (n + seed) * 7_919 % 9_999_991)).collect();
        json!({ "result": { "text": words } }).to_string().into_bytes()
    }

    #[test]
    fn a_memory_is_one_caller_s_and_one_session_s_where_the_policy_says_so() {
        let memories = Memories::default();
        let (ann, bob) = (Digest::of(b"ann"), Digest::of(b"bob"));
        memories.learn(ann, Some("s1"), &lesson(true, false, Remember::Session), &text(900, 0), None);
        let count = |who, session| memories.recall(who, session).map_or(0, |known| known.memories.len());
        assert_eq!(
            (count(ann, Some("s1")), count(ann, Some("s2")), count(ann, None), count(bob, Some("s1"))),
            (1, 0, 0, 0)
        );
        memories.learn(ann, Some("s1"), &lesson(true, true, Remember::Subject), &text(900, 1), None);
        assert_eq!((count(ann, Some("s1")), count(ann, Some("s2")), count(ann, None), count(bob, None)), (2, 1, 1, 0));
        assert!(memories.recall(ann, None).unwrap().untrusted.is_some() && memories.recall(bob, None).is_none());
        memories.learn(bob, None, &Lesson { seconds: 0, ..lesson(true, true, Remember::Subject) }, &text(900, 2), None);
        let known = memories.recall(bob, None).unwrap();
        assert!(known.memories.is_empty() && known.untrusted.is_none() && !known.full, "over at once");
        memories.sweep();
        assert!(memories.recall(bob, None).is_none());
    }

    #[test]
    fn what_does_not_fit_makes_it_full_and_takes_no_room() {
        let memories = Memories::default();
        let ann = Digest::of(b"ann");
        let mut seed = 0;
        while !memories.recall(ann, None).is_some_and(|known| known.full) {
            memories.learn(ann, None, &lesson(true, false, Remember::Subject), &text(60_000, seed), None);
            seed += 10_000;
            assert!(seed < 500_000, "it is never full");
        }
        assert!(memories.size.load(Ordering::Relaxed) <= PER_CALLER_MAX);
        let bob = Digest::of(b"bob");
        memories.learn(bob, None, &lesson(true, false, Remember::Subject), b"not JSON", None);
        assert!(memories.recall(bob, None).unwrap().full, "what cannot be read cannot be recognised");
    }
}
