//! Which client reaches which server with what: the one table that `doctor` prints and `docs/bridging.md` is made of.
use crate::kernel::mcp::revision::Era;
use crate::kernel::policy::compile::Transport;
use std::fmt::Write as _;

/// What happens to a feature between two eras.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cell {
    /// As between equals.
    Served,
    /// Served by translation, which loses what is said.
    Bridged(&'static str),
    /// Refused, or absent, before anything happens at the server.
    Not(&'static str),
}

use Cell::*;

/// A feature, and its cell for each pair of eras that differ: an earlier client before a modern server, and the
/// reverse.
pub struct Row {
    /// The feature.
    pub feature: &'static str,
    /// Earlier client, server of 2026-07-28.
    pub older: Cell,
    /// Client of 2026-07-28, earlier server.
    pub newer: Cell,
}

/// Every feature.
pub const ROWS: &[Row] = &[
    row(
        "handshake",
        Bridged("`initialize` is answered from `server/discover`; the session is the gateway's"),
        Bridged("`server/discover` is answered from `initialize`; one session for each caller and set of capabilities"),
    ),
    row(
        "lists and pagination",
        Bridged("cache hints are taken out"),
        Bridged("marked `ttlMs: 0`, `cacheScope: private`"),
    ),
    row(
        "calls, prompts, resources, completion",
        Bridged("`_meta` is added, `resultType` taken out"),
        Bridged("`_meta` of 2026-07-28 is taken out, `resultType` added"),
    ),
    row(
        "errors",
        Bridged("-32602 for a resource not found becomes -32002"),
        Bridged(
            "-32002 becomes -32602; -32042 (URL elicitation) becomes `input_required`, and the call is made again after the visit; a client that did not declare it gets -32603",
        ),
    ),
    row("progress", Bridged("as it is"), Bridged("as it is")),
    row(
        "log messages",
        Bridged("`logging/setLevel` is remembered and stamped on each request"),
        Bridged("the server logs everything; each request gets the level it asked for"),
    ),
    row(
        "questions during a call",
        Bridged(
            "`input_required` becomes requests on the open stream, for what the session declared; at most 8 rounds",
        ),
        Bridged(
            "the call is parked for up to 10 minutes and answered `input_required`, with a sealed `requestState`; at this gateway process only. Over stdio and SSE only while the caller has one call under way",
        ),
    ),
    row(
        "questions outside of a call",
        Not("2026-07-28 has none"),
        Not("the server is answered with an error: 2026-07-28 has none"),
    ),
    row(
        "subscriptions",
        Bridged("the GET stream listens for all lists and the resources subscribed to"),
        Bridged("`subscriptions/listen` becomes the GET stream and `resources/subscribe`"),
    ),
    row(
        "cancellation",
        Bridged("`notifications/cancelled` ends the request"),
        Bridged("a closed stream becomes `notifications/cancelled`"),
    ),
    row("ping", Bridged("answered by the gateway"), Not("2026-07-28 has none")),
    row("changes of roots", Not("dropped: 2026-07-28 has no such notification"), Not("2026-07-28 has none")),
    // Between equals of 2026-07-28 the extension is passed on where the policy says `tasks: pass`.
    row(
        "tasks",
        Not("the tasks of 2025-11-25 and the extension are not compatible"),
        Not("the tasks of 2025-11-25 and the extension are not compatible"),
    ),
    row(
        "Mcp-Param headers",
        Bridged("sent as the tools' schemas say; tools whose annotations are invalid are dropped"),
        Bridged("compared with the arguments, as the tools' schemas say"),
    ),
    row(
        "Last-Event-ID",
        Bridged(
            "from the gateway: the last 512 events or 1 MiB of a session; a call goes on for 2 minutes without its client",
        ),
        Not("2026-07-28 cannot resume"),
    ),
];

const fn row(feature: &'static str, older: Cell, newer: Cell) -> Row {
    Row { feature, older, newer }
}

/// The cells of clients of one era before servers of another.
pub fn cells(client: Era, server: Era) -> Vec<(&'static str, Cell)> {
    let cell = |row: &Row| match (client, server) {
        (Era::Legacy, Era::Modern) => row.older,
        (Era::Modern, Era::Legacy) => row.newer,
        _ => Served,
    };
    ROWS.iter().map(|row| (row.feature, cell(row))).collect()
}

/// What a transport of a server has beyond or short of the others.
pub fn transport(transport: &Transport) -> &'static str {
    match transport {
        Transport::Http => "streamable HTTP: each reply has a stream of its own",
        Transport::Events => "HTTP+SSE of 2024-11-05: one stream for all replies; one connection for each caller",
        Transport::Command(program) if program.shared => {
            "stdio, one process for all callers: the program can ask nobody, and its log messages go to nobody"
        }
        Transport::Command(_) => "stdio: one process for each caller and set of capabilities",
    }
}

/// `docs/bridging.md`.
pub fn markdown() -> String {
    let mut out = String::from(
        "# Bridging\n\nClients and servers of different revisions talk through the gateway on one path. Between equals, messages go on as\nthey were judged. Between the eras, that of sessions (2024-11-05 to 2025-11-25) and 2026-07-28, they are translated\nbelow the judge: policy, limits, contract and records are the same. `portcullis doctor gateway.yaml SERVER` says which\nera a server speaks and which of these cells apply.\n\nClients of 2024-11-05 (HTTP+SSE) send `GET` to the same path, without session and version headers. The stream names an\nendpoint, `<path>/<session>`, for what they send; each message to it is judged and recorded by itself. The session is its\nopener's and ends with the stream, here and at the server. What follows is the same for them as for other earlier clients.\n\nWhere a server gives its events no ids, those of a call in a session get ids of the gateway's, and its client may come\nback for the rest with `Last-Event-ID`. What was kept is given to the same caller in the same session only, and no longer\nwhen the policy that it was judged by is another.\n\nTasks (the extension `io.modelcontextprotocol/tasks`) are passed on between equals of 2026-07-28 where the policy says\n`tasks: pass`. The id that a client gets is sealed: it is its caller's alone, at that server, and each message about a\ntask is judged by the rule of its tool. Notifications about tasks are not passed on; clients ask with `tasks/get`.\n\nSeveral servers can stand behind one path: see `virtual` in [configuration.md](configuration.md).\n\nThis table is printed by `portcullis doctor --table`.\n\n| Feature | Earlier client, server of 2026-07-28 | Client of 2026-07-28, earlier server |\n|---|---|---|\n",
    );
    let cell = |cell: Cell| match cell {
        Served => "served".to_owned(),
        Bridged(how) => format!("bridged: {how}"),
        Not(why) => format!("**not served**: {why}"),
    };
    for row in ROWS {
        let _ = writeln!(out, "| {} | {} | {} |", row.feature, cell(row.older), cell(row.newer));
    }
    out
}
