//! Reload: notice that files changed, compile everything anew, swap whole, or keep what is in force.
//!
//! Change is found by content, not by file events: Kubernetes swaps symlinks, editors rename, and a
//! digest of a few small files several times a second costs nothing and misses nothing.
use crate::config::load::{Environment, Files, load_with};
use crate::config::{Loaded, Problem};
use crate::kernel::digest::Digest;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// How often files are looked at.
pub const EVERY: std::time::Duration = std::time::Duration::from_millis(250);

/// Watches the files of one configuration.
pub struct Watch {
    path: PathBuf,
    files: Vec<PathBuf>,
    directories: Vec<PathBuf>,
    seen: Digest,
}

/// What is known of the configuration on disk.
#[derive(Default)]
pub struct Status {
    problems: Mutex<Vec<Problem>>,
}

impl Status {
    /// Problems of the configuration on disk; empty when it is in force.
    pub fn problems(&self) -> Vec<Problem> {
        self.problems.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Replaces them.
    pub fn set(&self, problems: Vec<Problem>) {
        *self.problems.lock().unwrap_or_else(PoisonError::into_inner) = problems;
    }
}

impl Watch {
    /// Loads for the first time and begins to watch what was read.
    pub fn start(path: &Path, environment: Environment<'_>) -> (Self, Result<Loaded, Vec<Problem>>) {
        let mut watch =
            Self { path: path.to_owned(), files: Vec::new(), directories: Vec::new(), seen: Digest::of(b"") };
        let loaded = watch.load(environment);
        (watch, loaded)
    }

    /// Loads again if anything changed since the last look.
    pub fn poll(&mut self, environment: Environment<'_>) -> Option<Result<Loaded, Vec<Problem>>> {
        (self.digest() != self.seen).then(|| self.load(environment))
    }

    fn load(&mut self, environment: Environment<'_>) -> Result<Loaded, Vec<Problem>> {
        let mut files = Files { read: Vec::new() };
        let loaded = load_with(&self.path, environment, &mut files);
        self.directories = files.read.iter().filter_map(|(path, _)| path.parent().map(Path::to_owned)).collect();
        self.directories.sort();
        self.directories.dedup();
        self.files = files.read.into_iter().map(|(path, _)| path).collect();
        self.seen = self.digest();
        loaded
    }

    /// Digest of the contents of all files and of the names of policies beside them.
    fn digest(&self) -> Digest {
        let mut files = Files { read: Vec::new() };
        for path in &self.files {
            let _ = files.text(path);
        }
        let mut names = Vec::new();
        for directory in &self.directories {
            for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
                let name = entry.file_name().to_string_lossy().into_owned();
                if name.ends_with(".yaml") || name.ends_with(".yml") {
                    names.push(format!("{}/{name}", directory.display()));
                }
            }
        }
        names.sort();
        Digest::of_parts(&[files.digest(Path::new("")).bytes(), names.join("\n").as_bytes()])
    }
}
