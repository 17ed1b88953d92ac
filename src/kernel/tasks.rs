//! Tasks of the extension `io.modelcontextprotocol/tasks`, where a policy passes them on. Instead of the server's id of
//! a task its client gets a sealed one, which says whose it is, of which server, and of which tool: whoever brings it
//! must be that caller, and is judged by the rule of that tool as it is then. So nothing has to be remembered here.
use super::confirm::seal::SealKey;
use super::digest::Digest;
use super::json::Value;
use serde::{Deserialize, Serialize};

/// The extension. Nobody can negotiate it unless a policy passes it on.
pub const TASKS: &str = "io.modelcontextprotocol/tasks";
const PURPOSE: &str = "task";

/// Whether a request declares it.
pub fn declared(params: Option<Value<'_>>) -> bool {
    let meta = params.and_then(|params| params.get("_meta"));
    let capabilities = meta.and_then(|meta| meta.get("io.modelcontextprotocol/clientCapabilities"));
    let extensions = capabilities.and_then(|capabilities| capabilities.get("extensions"));
    extensions.is_some_and(|extensions| extensions.get(TASKS).is_some())
}

/// A task, as its id says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Task {
    /// The server's own id of it.
    pub theirs: String,
    /// The tool whose call it is.
    pub tool: String,
    server: String,
    owner: String,
    /// The id that its client has.
    #[serde(skip)]
    pub sealed: String,
}

impl Task {
    /// The id of a task for the caller whose call it is.
    pub fn seal(key: &SealKey, server: &str, owner: Digest, tool: &str, theirs: &str) -> String {
        let task = Self {
            theirs: theirs.to_owned(),
            tool: tool.to_owned(),
            server: server.to_owned(),
            owner: owner.to_string(),
            sealed: String::new(),
        };
        key.seal_as(PURPOSE, &task)
    }

    /// The task that an id is of, if this caller was given it for this server.
    pub fn open(key: &SealKey, sealed: &str, server: &str, owner: Digest) -> Option<Self> {
        let task: Self = key.open_as(PURPOSE, sealed)?;
        let own = task.server == server && task.owner == owner.to_string();
        own.then(|| Self { sealed: sealed.to_owned(), ..task })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_of_a_task_is_its_callers_at_its_server_and_nobody_elses() {
        let (key, ann, bob) = (SealKey::new([7; 32]), Digest::of(b"ann"), Digest::of(b"bob"));
        let sealed = Task::seal(&key, "crm", ann, "export", "t-1");
        let task = Task::open(&key, &sealed, "crm", ann).unwrap();
        assert_eq!((task.theirs.as_str(), task.tool.as_str(), &task.sealed), ("t-1", "export", &sealed));
        assert_eq!(Task::open(&key, &sealed, "crm", bob), None);
        assert_eq!(Task::open(&key, &sealed, "wiki", ann), None);
        assert_eq!(Task::open(&SealKey::new([8; 32]), &sealed, "crm", ann), None);
        assert_eq!(Task::open(&key, "t-1", "crm", ann), None, "the server's own id means nothing here");
        assert!(key.open(&sealed).is_none(), "nor is it a state");
    }
}
