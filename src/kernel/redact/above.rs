//! What keys say about the values under them, worked out once for each key of a document.
use super::Context;
use super::labels::{self, Labels};
use super::secrets::{Named, named};

/// How many keys are looked at for a label, from the innermost.
const NEAR: usize = 4;

/// What one key says.
#[derive(Clone, Copy, Debug, Default)]
pub struct Key {
    /// About numbers, dates and names.
    pub labels: Labels,
    /// About secrets.
    pub named: Option<Named>,
    /// It says too little to keep the keys above it from being asked.
    passes: bool,
    /// It only says that there is a value: the key above it says which.
    holds: bool,
}

impl Key {
    /// Reads a key.
    pub fn read(key: &str) -> Self {
        let labels = labels::of_key(key);
        let holds = matches!(
            key,
            "value"
                | "Value"
                | "val"
                | "data"
                | "plaintext"
                | "current"
                | "#text"
                | "_"
                | "$"
                | "content"
                | "new"
                | "old"
        );
        let passes = labels == Labels::VAGUE || key.bytes().all(|byte| byte.is_ascii_digit());
        Self { labels, named: named(key), passes, holds }
    }
}

/// What all the keys above a text say.
#[derive(Clone, Copy, Debug, Default)]
pub struct Above {
    /// What the innermost key says that says something.
    pub labels: Labels,
    /// What the text is if it is secret.
    pub named: Option<Named>,
}

impl Above {
    /// Of these keys, innermost first.
    pub fn read(mut keys: impl Iterator<Item = Key>) -> Self {
        let Some(last) = keys.next() else { return Self::default() };
        let mut next = keys.next();
        let holder = if last.holds { next.unwrap_or(last) } else { last };
        let mut above = Self { labels: Labels::NONE, named: holder.named };
        let mut key = Some(last);
        for _ in 0..NEAR {
            let Some(nearest) = key else { break };
            if nearest.labels.tells() {
                above.labels = nearest.labels;
            }
            if nearest.labels.tells() || !nearest.passes {
                break;
            }
            key = next.take().or_else(|| keys.next());
        }
        above
    }

    /// Of the keys that a text is said to stand under.
    pub fn of(context: &Context<'_>) -> Self {
        Self::read(context.path.iter().rev().take(NEAR).map(|key| Key::read(key)))
    }
}
