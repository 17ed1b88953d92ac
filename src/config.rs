//! Files → what a person wrote → [`Startup`] (needs a restart) and `Snapshot` (hot). Which of the two
//! a setting belongs to is told by where it lives.
mod cases;
mod compile;
mod include;
pub use cases::explained;
pub mod load;
pub mod source;
pub mod structure;
pub mod yaml;

use crate::authn::keys::Trusted;
use crate::egress::Credentials;
use crate::kernel::contract::lock::Approvers;
use crate::kernel::policy::flaw::Check;
use crate::kernel::snapshot::Snapshot;
use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// One thing wrong, with its place and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Which check.
    pub check: Check,
    /// File, relative to the configuration where it can be.
    pub file: String,
    /// Line, from 1; 0 if the file as a whole.
    pub line: usize,
    /// Column, from 1.
    pub column: usize,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub hint: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = self.check.severity().name();
        write!(f, "{}", plain(&self.file))?;
        if self.line > 0 {
            write!(f, ":{}:{}", self.line, self.column)?;
        }
        write!(f, ": {severity} {}: {}", self.check, plain(&self.message))?;
        if !self.hint.is_empty() {
            write!(f, "\n    hint: {}", plain(&self.hint))?;
        }
        Ok(())
    }
}

/// A text with nothing in it that a terminal obeys: names come from files.
pub fn escaped(text: &str) -> String {
    text.chars().flat_map(|c| if c.is_control() { c.escape_default().collect() } else { vec![c] }).collect()
}

/// The same, of a length that can be read.
fn plain(text: &str) -> String {
    const SHOWN_MAX: usize = 400;
    let mut shown: String = escaped(text).chars().take(SHOWN_MAX).collect();
    if text.chars().count() > SHOWN_MAX {
        shown.push('…');
    }
    shown
}

/// What takes effect only at start.
#[derive(Clone, Debug, PartialEq)]
pub struct Startup {
    /// Data listeners.
    pub listeners: Vec<Listener>,
    /// Admin listener.
    pub admin: SocketAddr,
    /// Audit directory and durability.
    pub audit: crate::audit::Settings,
    /// Most verified tokens kept; 0 verifies every time.
    pub token_cache: usize,
    /// Session bounds.
    pub sessions: crate::sessions::Settings,
    /// Most connections at once.
    pub connections_max: usize,
    /// Longest wait for calls in flight when stopping.
    pub drain: Duration,
    /// Keys of redaction; `None`: random ones.
    pub redaction: Option<Arc<crate::kernel::sensitive::keys::Keys>>,
    /// How often the key of digests changes, in seconds.
    pub redaction_rotate: u64,
}

/// One data listener.
#[derive(Clone, Debug, PartialEq)]
pub struct Listener {
    /// Address.
    pub address: SocketAddr,
    /// Certificate and key files.
    pub tls: Option<(PathBuf, PathBuf)>,
}

/// Everything that was loaded.
#[derive(Clone)]
pub struct Loaded {
    /// Needs a restart.
    pub startup: Startup,
    /// Hot.
    pub snapshot: Arc<Snapshot>,
    /// Hot: issuers by name.
    pub issuers: BTreeMap<String, Trusted>,
    /// Upstream credentials by server name.
    pub credentials: BTreeMap<String, Credentials>,
    /// Hot: who confirms calls besides people at their clients.
    pub pages: crate::pages::Sources,
    /// Lock files by server name, whether they are there or not.
    pub locks: BTreeMap<String, PathBuf>,
    /// Whose approvals of contracts count.
    pub approvers: Approvers,
    /// What is legal and deserves a second look.
    pub warnings: Vec<Problem>,
}
