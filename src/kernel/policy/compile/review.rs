//! What is legal and deserves a second look, and what people said about it.
use super::rules::Named;
use super::{Role, duration};
use crate::kernel::policy::flaw::{Check, Flaws, Severity};
use crate::kernel::policy::names::NamePattern;
use crate::kernel::policy::source::{Effect, PolicySource, SuppressSource};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Words in names of tools that do more than read.
const VERBS: &[&str] = &[
    "add", "append", "approve", "archive", "assign", "book", "buy", "cancel", "charge", "clear", "close", "commit",
    "copy", "create", "delete", "deploy", "destroy", "disable", "drop", "edit", "email", "enable", "exec", "execute",
    "export", "forward", "grant", "import", "insert", "install", "invite", "kill", "merge", "modify", "move", "notify",
    "order", "patch", "pay", "post", "publish", "purge", "push", "put", "remove", "rename", "reply", "reset",
    "restart", "revoke", "run", "save", "send", "set", "share", "start", "stop", "submit", "transfer", "trigger",
    "truncate", "update", "upload", "upsert", "write",
];

/// Roles that nothing refers to.
pub fn unused(roles: &BTreeMap<String, std::sync::Arc<Role>>, used: &BTreeSet<String>, flaws: &mut Flaws) {
    for name in roles.keys().filter(|name| !used.contains(*name)) {
        let at = format!("/roles{}", super::pointer(name));
        flaws.add(Check::RoleUnused, at, format!("nothing uses the role `{name}`"), "use it or remove it");
    }
}

/// Tools whose rule says less than one would expect.
pub fn tools(rules: &[Named<NamePattern>], flaws: &mut Flaws) {
    for Named { pattern, at, rule } in rules {
        let reads = rule.effect == Some(Effect::Read);
        let verb = verb(&rule.label);
        if let (true, Some(verb)) = (reads, verb) {
            let message = format!("labelled `read`, but the name says `{verb}`");
            flaws.add(Check::EffectDoubtful, format!("{at}/effect"), message, "label it write, destructive or egress");
        }
        if rule.effect == Some(Effect::Egress) && rule.when.is_none() && rule.available.is_none() {
            let message = "sends data out, whatever and wherever to";
            flaws.add(Check::EgressUnconditional, at, message, "say in `when` or `available` what and where to");
        }
        if !reads && !pattern.is_exact() {
            let message = format!("`{pattern}` allows every tool of such a name that the server will ever have");
            flaws.add(Check::WildcardWrites, at, message, "name tools that do more than read one by one");
        }
        if !reads && rule.scopes.is_empty() && rule.roles.is_empty() {
            let message = "open to every caller of the server";
            flaws.add(Check::RuleOpen, at, message, "ask for a scope or a role");
        }
    }
}

/// What the policy says of the server as a whole.
pub fn server(source: &PolicySource, resource: &str, flaws: &mut Flaws) {
    if source.access.audience.is_none() {
        let message = "the audience is not written; it follows the public URL";
        let hint = format!("write it out, as in audience: {resource}");
        flaws.add(Check::AudienceDefault, "/access/audience", message, hint);
    }
    let life = source.access.token_life_max.as_deref().and_then(duration);
    // What is written and cannot be read is told as that.
    let unread = source.access.token_life_max.is_some() && life.is_none();
    if !unread && life.is_none_or(|life| life > Duration::from_secs(86_400)) {
        let message = "tokens may live for longer than a day";
        flaws.add(Check::TokenLifeUnbounded, "/access/token_life_max", message, "as in token_life_max: 1h");
    }
    if source.contacts.is_empty() {
        flaws.add(
            Check::ContactsMissing,
            "/contacts",
            "nobody is named who answers for this server",
            "as in contacts: [crm-team@example.com]",
        );
    }
}

/// Takes out the warnings that people have looked at, and tells of suppressions that do nothing.
pub fn suppress(source: &[SuppressSource], flaws: &mut Flaws) {
    for (index, SuppressSource { code, at, reason }) in source.iter().enumerate() {
        let place = format!("/suppress/{index}");
        let mut wrong = |field: &str, message: String, hint: &str| {
            flaws.add(Check::SuppressionMalformed, format!("{place}/{field}"), message, hint);
        };
        let check = match Check::ALL.iter().find(|check| check.code() == code) {
            Some(check) if check.severity() == Severity::Error => {
                wrong("code", format!("`{code}` is an error; it cannot be suppressed"), "mend what it tells of");
                continue;
            }
            Some(_) if reason.trim().is_empty() => {
                wrong("reason", "no reason".to_owned(), "say why it is fine here; a reviewer will ask");
                continue;
            }
            Some(check) => check,
            None => {
                wrong("code", format!("no check has the code `{code}`"), "a code of a warning, as in P702");
                continue;
            }
        };
        let here = |path: &str| at.as_deref().is_none_or(|at| below(path, at));
        let before = flaws.0.len();
        flaws.0.retain(|flaw| flaw.check != *check || !here(&flaw.path));
        // P9 is about what a server offers, which is not read with the policy.
        if flaws.0.len() == before && !code.starts_with("P9") {
            flaws.add(Check::SuppressionUnused, place, format!("there is no {code} here"), "remove it");
        }
    }
}

/// Whether a JSON pointer is a dotted path or below it. Names may have dots and slashes themselves.
fn below(pointer: &str, dotted: &str) -> bool {
    let pointer = pointer.trim_start_matches('/').replace('/', ".").replace("~1", "/").replace("~0", "~");
    pointer.strip_prefix(dotted).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// The first word of a name that says that a tool does more than read.
pub fn verb(name: &str) -> Option<&'static str> {
    let found = |word: &String| VERBS.iter().copied().find(|verb| verb == word);
    words(name).iter().find_map(found)
}

/// `updateCustomer`, `update_customer` and `update-customer` as words.
pub fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut lower = false;
    for character in name.chars() {
        if !character.is_ascii_alphanumeric() || (character.is_ascii_uppercase() && lower) {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut().filter(|_| character.is_ascii_alphanumeric()) {
            word.push(character.to_ascii_lowercase());
        }
        lower = character.is_ascii_lowercase();
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dotted_path_stands_for_what_is_below_it() {
        assert!(below("/tools/send/effect", "tools.send"));
        assert!(below("/tools/mail.send", "tools.mail.send"));
        assert!(below("/tools/mail~1send/when", "tools.mail/send"));
        assert!(!below("/tools/sender", "tools.send"));
    }

    #[test]
    fn a_suppression_for_a_contract_is_not_unused_because_the_policy_has_no_such_flaw() {
        let written = |code: &str| SuppressSource { code: code.to_owned(), at: None, reason: "looked at".to_owned() };
        let mut flaws = Flaws::default();
        suppress(&[written("P922"), written("P702"), written("P929")], &mut flaws);
        let told: Vec<_> = flaws.0.iter().map(|flaw| (flaw.check, flaw.path.as_str())).collect();
        assert_eq!(
            told,
            [(Check::SuppressionUnused, "/suppress/1"), (Check::SuppressionMalformed, "/suppress/2/code")]
        );
    }

    #[test]
    fn names_are_read_as_words() {
        assert_eq!(words("updateCustomer"), ["update", "customer"]);
        assert_eq!(words("get_postal-code"), ["get", "postal", "code"]);
        assert_eq!(words("HTTPGet"), ["httpget"]);
    }
}
