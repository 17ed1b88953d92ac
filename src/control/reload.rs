//! Reload: notice that files changed, compile everything anew, swap whole, or keep what is in force.
//!
//! Change is found by content, not by file events: Kubernetes swaps symlinks, editors rename, and
//! comparing a few small files several times a second costs nothing and misses nothing.
use crate::config::load::{Environment, Files, load_with};
use crate::config::{Loaded, Problem};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

/// How often files are looked at.
pub const EVERY: std::time::Duration = std::time::Duration::from_millis(250);

/// Watches the files of one configuration.
pub struct Watch {
    path: PathBuf,
    /// What the last load read: a change while it was loading is one more change, never a missed one.
    seen: Files,
}

/// What is known of the configuration on disk.
#[derive(Default)]
pub struct Status {
    problems: Mutex<Vec<Problem>>,
    restart_needed: AtomicBool,
}

impl Status {
    /// Problems of the configuration on disk; empty when it is in force.
    pub fn problems(&self) -> Vec<Problem> {
        self.problems.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether settings on disk that take effect only at a start differ from those in force.
    pub fn restart_needed(&self) -> bool {
        self.restart_needed.load(Ordering::Relaxed)
    }

    /// Says so, or that they do not differ any more.
    pub fn set_restart_needed(&self, needed: bool) {
        self.restart_needed.store(needed, Ordering::Relaxed);
    }

    /// Replaces the problems.
    pub fn set(&self, problems: Vec<Problem>) {
        *self.problems.lock().unwrap_or_else(PoisonError::into_inner) = problems;
    }
}

impl Watch {
    /// Loads for the first time and begins to watch what was read.
    pub fn start(path: &Path, environment: Environment<'_>) -> (Self, Result<Loaded, Vec<Problem>>) {
        let mut watch = Self { path: path.to_owned(), seen: Files::default() };
        let loaded = watch.load(environment);
        (watch, loaded)
    }

    /// Loads again if anything changed since the last load read it.
    pub fn poll(&mut self, environment: Environment<'_>) -> Option<Result<Loaded, Vec<Problem>>> {
        (self.seen.again() != self.seen).then(|| self.load(environment))
    }

    fn load(&mut self, environment: Environment<'_>) -> Result<Loaded, Vec<Problem>> {
        self.seen = Files::default();
        load_with(&self.path, environment, &mut self.seen)
    }
}
