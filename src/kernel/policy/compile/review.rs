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
        let verb = words(&rule.label).into_iter().find(|word| VERBS.contains(&word.as_str()));
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
pub fn server(source: &PolicySource, flaws: &mut Flaws) {
    if source.access.audience.is_none() {
        let message = "the audience follows the public URL";
        flaws.add(Check::AudienceDefault, "/access/audience", message, "write it out");
    }
    let life = source.access.token_life_max.as_deref().and_then(duration);
    if life.is_none_or(|life| life > Duration::from_secs(86_400)) {
        let message = "tokens may live for longer than a day";
        flaws.add(Check::TokenLifeUnbounded, "/access/token_life_max", message, "as in token_life_max: 1h");
    }
    if source.contacts.is_empty() {
        flaws.add(Check::ContactsMissing, "/contacts", "nobody is named who answers for this server", "name them");
    }
}

/// Takes out the warnings that people have looked at, and tells of suppressions that do nothing.
pub fn suppress(source: &[SuppressSource], flaws: &mut Flaws) {
    for (index, SuppressSource { code, at, reason }) in source.iter().enumerate() {
        let place = format!("/suppress/{index}");
        let known = Check::ALL.iter().find(|check| check.code() == code);
        let Some(check) = known.filter(|check| check.severity() != Severity::Error && !reason.trim().is_empty()) else {
            let message = format!("`{code}` cannot be suppressed like this");
            flaws.add(Check::SuppressionMalformed, place, message, "a code of a warning, and a reason");
            continue;
        };
        let below = at.as_deref().map(|at| format!("/{}", at.replace('.', "/")));
        let here = |path: &str| {
            below.as_deref().is_none_or(|below| {
                path.strip_prefix(below).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            })
        };
        let before = flaws.0.len();
        flaws.0.retain(|flaw| flaw.check != *check || !here(&flaw.path));
        if flaws.0.len() == before {
            flaws.add(Check::SuppressionUnused, place, format!("there is no {code} here"), "remove it");
        }
    }
}

/// `updateCustomer`, `update_customer` and `update-customer` as words.
fn words(name: &str) -> Vec<String> {
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
    fn names_are_read_as_words() {
        assert_eq!(words("updateCustomer"), ["update", "customer"]);
        assert_eq!(words("get_postal-code"), ["get", "postal", "code"]);
        assert_eq!(words("HTTPGet"), ["httpget"]);
    }
}
