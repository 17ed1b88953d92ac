//! The table of methods: every method of every revision, who may send it, what it names.
//!
//! A method that is not in this table is refused; one that is in it but not in the revision being
//! spoken is refused too. The test at the end reads the published schemas and finds each method here.
use super::revision::Revision;
use Class::*;
use Sender::*;

/// What a method is to the gateway, which decides how it is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// `initialize` and its notification.
    Lifecycle,
    /// `server/discover`.
    Discover,
    /// `ping`.
    Ping,
    /// A list of tools; filtered on the way back.
    ListTools,
    /// A list of resources.
    ListResources,
    /// A list of resource templates.
    ListTemplates,
    /// A list of prompts.
    ListPrompts,
    /// `tools/call`; names a tool.
    CallTool,
    /// `prompts/get`; names a prompt.
    GetPrompt,
    /// Names a resource by URI.
    Resource,
    /// `completion/complete`; names a prompt or a resource template.
    Complete,
    /// `subscriptions/listen`; names resources.
    Listen,
    /// `logging/setLevel`.
    SetLevel,
    /// Tasks, in either form. Those of 2025-11-25 are not served; those of the extension where a policy passes them on.
    Task,
    /// A notification from the client.
    ClientNotice,
    /// A notification from the server.
    ServerNotice,
    /// A request from the server to the client.
    ServerRequest,
    /// HTTP GET: the server's own stream of a session.
    OpenStream,
    /// HTTP DELETE: the end of a session.
    EndSession,
}

/// Who may send a method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sender {
    /// Only the client.
    Client,
    /// Only the server.
    Server,
    /// Either.
    Both,
}

/// One row of the table.
#[derive(Debug, PartialEq, Eq)]
pub struct Method {
    /// Name on the wire.
    pub name: &'static str,
    /// Who may send it.
    pub sender: Sender,
    /// A request (has an id) rather than a notification.
    pub request: bool,
    /// What it is to the gateway.
    pub class: Class,
    /// First revision that has it.
    pub since: Revision,
    /// Last revision that has it.
    pub until: Revision,
}

impl Method {
    /// Whether `revision` has this method.
    pub fn exists_in(&self, revision: Revision) -> bool {
        self.since <= revision && revision <= self.until
    }
}

const A: Revision = Revision::V2024_11_05;
const C: Revision = Revision::V2025_06_18;
const D: Revision = Revision::V2025_11_25;
const E: Revision = Revision::V2026_07_28;

const fn row(
    name: &'static str,
    sender: Sender,
    request: bool,
    class: Class,
    since: Revision,
    until: Revision,
) -> Method {
    Method { name, sender, request, class, since, until }
}

/// HTTP GET and DELETE judged like messages. Their names cannot occur as JSON-RPC methods in the table.
pub static OPEN_STREAM: Method = row("GET", Client, true, OpenStream, A, D);
/// See [`OPEN_STREAM`].
pub static END_SESSION: Method = row("DELETE", Client, true, EndSession, A, D);

/// Every method of every revision.
pub static METHODS: &[Method] = &[
    row("initialize", Client, true, Lifecycle, A, D),
    row("notifications/initialized", Client, false, Lifecycle, A, D),
    row("server/discover", Client, true, Discover, E, E),
    row("ping", Both, true, Ping, A, D),
    row("tools/list", Client, true, ListTools, A, E),
    row("tools/call", Client, true, CallTool, A, E),
    row("resources/list", Client, true, ListResources, A, E),
    row("resources/templates/list", Client, true, ListTemplates, A, E),
    row("resources/read", Client, true, Resource, A, E),
    row("resources/subscribe", Client, true, Resource, A, D),
    row("resources/unsubscribe", Client, true, Resource, A, D),
    row("prompts/list", Client, true, ListPrompts, A, E),
    row("prompts/get", Client, true, GetPrompt, A, E),
    row("completion/complete", Client, true, Complete, A, E),
    row("subscriptions/listen", Client, true, Listen, E, E),
    row("logging/setLevel", Client, true, SetLevel, A, D),
    row("tasks/get", Both, true, Task, D, E),
    row("tasks/result", Both, true, Task, D, D),
    row("tasks/list", Both, true, Task, D, D),
    row("tasks/cancel", Both, true, Task, D, E),
    row("tasks/update", Client, true, Task, E, E),
    row("sampling/createMessage", Server, true, ServerRequest, A, E),
    row("roots/list", Server, true, ServerRequest, A, E),
    row("elicitation/create", Server, true, ServerRequest, C, E),
    row("notifications/cancelled", Both, false, ClientNotice, A, E),
    row("notifications/progress", Both, false, ClientNotice, A, E),
    row("notifications/roots/list_changed", Client, false, ClientNotice, A, D),
    row("notifications/message", Server, false, ServerNotice, A, E),
    row("notifications/tools/list_changed", Server, false, ServerNotice, A, E),
    row("notifications/prompts/list_changed", Server, false, ServerNotice, A, E),
    row("notifications/resources/list_changed", Server, false, ServerNotice, A, E),
    row("notifications/resources/updated", Server, false, ServerNotice, A, E),
    row("notifications/subscriptions/acknowledged", Server, false, ServerNotice, E, E),
    row("notifications/tasks/status", Both, false, Task, D, D),
    row("notifications/tasks", Server, false, Task, E, E),
    row("notifications/elicitation/complete", Server, false, ServerNotice, D, D),
];

/// The row for a name.
pub fn find(name: &str) -> Option<&'static Method> {
    METHODS.iter().find(|method| method.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn methods_in(schema: &serde_json::Value, found: &mut BTreeSet<String>) {
        match schema {
            serde_json::Value::Object(map) => {
                if let Some(name) = map.get("method").and_then(|m| m.get("const")).and_then(|c| c.as_str()) {
                    found.insert(name.to_owned());
                }
                map.values().for_each(|value| methods_in(value, found));
            }
            serde_json::Value::Array(items) => items.iter().for_each(|value| methods_in(value, found)),
            _ => {}
        }
    }

    #[test]
    fn the_table_has_every_method_of_every_revision() {
        for revision in Revision::ALL {
            let path = format!("{}/tests/data/protocol/{revision}.schema.json", env!("CARGO_MANIFEST_DIR"));
            let schema = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
            let mut found = BTreeSet::new();
            methods_in(&schema, &mut found);
            assert!(found.len() > 15, "{revision}: {found:?}");
            for name in found {
                let row = find(&name).unwrap_or_else(|| panic!("{name} of {revision} is missing"));
                assert!(row.exists_in(revision), "{name} exists in {revision}");
            }
        }
    }
}
