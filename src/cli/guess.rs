//! What a tool might do, from its name and from what its server says of it.
//!
//! The server's word is not proof of anything (2026-07-28, "Tool annotations": untrusted), so it can
//! only make a guess more dangerous. A milder guess needs the server's word and the name to agree, or
//! the word to be complete.
use crate::kernel::policy::source::Effect;
use crate::survey::Tool;

/// A guess, and why.
#[derive(Debug, PartialEq, Eq)]
pub struct Guess {
    /// The effect.
    pub effect: Effect,
    /// Why, as the rest of a sentence that began with the effect.
    pub why: String,
}

const DESTRUCTIVE: &[&str] = &[
    "buy",
    "cancel",
    "charge",
    "clear",
    "cmd",
    "command",
    "delete",
    "destroy",
    "drop",
    "erase",
    "eval",
    "exec",
    "execute",
    "force",
    "kill",
    "overwrite",
    "pay",
    "purge",
    "remove",
    "reset",
    "restart",
    "revoke",
    "rm",
    "run",
    "shell",
    "shutdown",
    "sql",
    "terminate",
    "transfer",
    "truncate",
    "uninstall",
    "unlink",
    "wipe",
];
const EGRESS: &[&str] = &[
    "browse", "download", "email", "export", "fetch", "forward", "http", "invite", "mail", "navigate", "notify",
    "post", "publish", "push", "reply", "send", "share", "submit", "sync", "tweet", "upload", "url", "webhook",
];
const WRITE: &[&str] = &[
    "add", "append", "approve", "archive", "assign", "book", "close", "commit", "copy", "create", "deploy", "disable",
    "edit", "enable", "grant", "import", "insert", "install", "merge", "modify", "move", "open", "order", "patch",
    "put", "register", "rename", "replace", "restore", "save", "schedule", "set", "start", "stop", "store", "toggle",
    "trigger", "update", "upsert", "write",
];
const READ: &[&str] = &[
    "check",
    "count",
    "describe",
    "echo",
    "find",
    "get",
    "inspect",
    "list",
    "lookup",
    "query",
    "read",
    "search",
    "show",
    "stat",
    "status",
    "summarize",
    "view",
];
/// A tool with one of these is left out until a person has looked: what it returns may open other doors.
const SECRETS: &[&str] = &[
    "apikey",
    "credential",
    "credentials",
    "dump",
    "env",
    "environment",
    "passwd",
    "password",
    "passwords",
    "secret",
    "secrets",
    "token",
    "tokens",
];

/// The word that makes this a tool to look at before anybody may call it.
pub fn secret(name: &str) -> Option<&'static str> {
    spoken(&words(name), SECRETS)
}

/// Guesses the effect of a tool.
pub fn effect(tool: &Tool) -> Guess {
    let Tool { name, read_only, destructive, open_world, only_as_task: _ } = tool;
    let words = words(name);
    let guess = |effect, why: String| Guess { effect, why };
    let named = |word: &str| format!("its name says `{word}`");
    if read_only.is_none() && destructive.is_none() {
        return guess(Effect::Destructive, "the server does not say what it does".to_owned());
    }
    if let Some(word) = spoken(&words, DESTRUCTIVE) {
        return guess(Effect::Destructive, named(word));
    }
    if *destructive == Some(true) || (*read_only != Some(true) && *destructive != Some(false)) {
        let why = if *destructive == Some(true) { "the server says so" } else { "the server does not deny it" };
        return guess(Effect::Destructive, why.to_owned());
    }
    if let Some(word) = spoken(&words, EGRESS) {
        return guess(Effect::Egress, named(word));
    }
    if *open_world == Some(true) {
        return guess(Effect::Egress, "the server says that it reaches other systems".to_owned());
    }
    let (mild, others, claim) = if *read_only == Some(true) {
        (Effect::Read, READ, "the server says that it only reads")
    } else {
        (Effect::Write, WRITE, "the server says that it destroys nothing")
    };
    if mild == Effect::Read
        && let Some(word) = spoken(&words, WRITE)
    {
        return guess(Effect::Write, format!("{claim}, but {}", named(word)));
    }
    match (open_world, spoken(&words, others)) {
        (_, Some(word)) => guess(mild, format!("{claim}, and {}", named(word))),
        (Some(false), None) => guess(mild, format!("{claim} and reaches no other system")),
        (_, None) => guess(Effect::Egress, "the server does not deny that it reaches other systems".to_owned()),
    }
}

/// `getUserName`, `get-user_name` → get, user, name; `listAPITokens` → list, api, tokens.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut before = ' ';
    let mut characters = name.chars().peekable();
    while let Some(c) = characters.next() {
        let lower_next = characters.peek().is_some_and(char::is_ascii_lowercase);
        let hump = c.is_ascii_uppercase() && (!before.is_ascii_uppercase() || lower_next);
        if hump || !c.is_ascii_alphanumeric() {
            words.push(String::new());
        }
        if c.is_ascii_alphanumeric()
            && let Some(word) = words.last_mut()
        {
            word.push(c.to_ascii_lowercase());
        }
        before = c;
    }
    words
}

fn spoken(words: &[String], list: &[&'static str]) -> Option<&'static str> {
    list.iter().find(|known| words.iter().any(|word| word == *known)).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guess_is_mild_only_if_nothing_speaks_against_it() {
        let (yes, no) = (Some(true), Some(false));
        for (name, read_only, destructive, open_world, expected) in [
            ("get_user", None, None, None, Effect::Destructive),
            ("get_user", None, None, no, Effect::Destructive),
            ("get_user", yes, None, None, Effect::Read),
            ("get_user", yes, no, no, Effect::Read),
            ("get_user", yes, yes, no, Effect::Destructive),
            ("get_user", yes, None, yes, Effect::Egress),
            ("frobnicate", yes, None, None, Effect::Egress),
            ("frobnicate", yes, None, no, Effect::Read),
            ("deleteUser", yes, no, no, Effect::Destructive),
            ("update-user", yes, no, no, Effect::Write),
            ("send_mail", yes, no, no, Effect::Egress),
            ("update_user", no, no, None, Effect::Write),
            ("update_user", no, None, no, Effect::Destructive),
            ("update_user", None, no, no, Effect::Write),
            ("frobnicate", no, no, None, Effect::Egress),
        ] {
            let tool = Tool { name: name.to_owned(), read_only, destructive, open_world, only_as_task: false };
            assert_eq!(effect(&tool).effect, expected, "{tool:?}");
        }
        assert_eq!(secret("get-env"), Some("env"));
        assert_eq!(secret("listAPITokens"), Some("tokens"));
        assert_eq!(secret("environmentalist"), None);
    }
}
