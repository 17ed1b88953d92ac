//! `redact` and `data_types`.
use super::rules::{Context, Named, scope_token};
use super::{Position, Role, SECONDS, Scope, is_about, pointer, seconds};
use crate::kernel::mcp::decode::Target;
use crate::kernel::policy::flaw::{Check, choice};
use crate::kernel::policy::names::NamePattern;
use crate::kernel::policy::source::*;
use crate::kernel::principal::Principal;
use crate::kernel::redact::{Engine, Flaw, Group, Kind, OwnRule, OwnType};
use std::collections::BTreeMap;
use std::sync::Arc;

/// How long a token can be turned back, in seconds, where nothing is said.
const TOKEN_SECONDS: u64 = 86_400;

/// What happens to sensitive data.
pub struct Redaction {
    /// Finds it.
    pub engine: Engine,
    /// What happens to what was found; the first that concerns it decides. Never empty.
    pub rules: Vec<Redact>,
}

/// What happens to some types.
#[derive(Debug)]
pub struct Redact {
    /// Where it was written.
    pub position: Position,
    /// Of these types.
    pub kinds: Vec<Kind>,
    /// Which way; both if not said.
    pub direction: Option<Direction>,
    /// Only of these tools.
    pub tools: Option<Vec<NamePattern>>,
    /// What happens.
    pub action: RedactAction,
    /// Not for these callers.
    pub unless: Option<Callers>,
    /// Callers who may have tokens turned back.
    pub reveal: Option<Callers>,
    /// How long a token can be turned back, in seconds.
    pub expires: u64,
}

/// Some callers.
#[derive(Debug)]
pub struct Callers {
    /// With all of these scopes.
    pub scopes: Arc<[Arc<Scope>]>,
    /// And one of these roles, if there are any.
    pub roles: Vec<Arc<Role>>,
}

impl Callers {
    /// Whether this is one of them.
    pub fn have(&self, principal: &Principal) -> bool {
        self.scopes.iter().all(|scope| scope.held_by(principal))
            && (self.roles.is_empty() || self.roles.iter().any(|role| role.held_by(principal)))
    }
}

impl Redact {
    /// Whether it is about messages this way, about this thing, for this caller.
    pub fn concerns(&self, direction: Direction, target: Option<&Target>, principal: &Principal) -> bool {
        let tool = target.is_none_or(|target| is_about(self.tools.as_deref(), target));
        tool && self.direction.is_none_or(|only| only == direction)
            && !self.unless.as_ref().is_some_and(|callers| callers.have(principal))
    }
}

impl std::fmt::Debug for Redaction {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Redaction").field("rules", &self.rules).finish_non_exhaustive()
    }
}

impl Context<'_> {
    /// Redaction, if there is any.
    pub fn redaction(
        &mut self,
        source: &[RedactSource],
        types: &BTreeMap<String, DataTypeSource>,
        tools: &[Named<NamePattern>],
    ) -> Option<Redaction> {
        let own = types.iter().filter_map(|(name, source)| {
            let own = self.own(&format!("/data_types{}", pointer(name)), name, source)?;
            Some(((name.clone(), own.group), own))
        });
        let (names, own): (Vec<(String, Option<Group>)>, Vec<OwnType>) = own.unzip();
        let engine = match Engine::new(own) {
            Ok(engine) => engine,
            Err((place, flaw)) => {
                let name = names.get(place).map(|(name, _)| name.as_str()).unwrap_or_default();
                let (field, message) = match flaw {
                    Flaw::Pattern(why) => ("/pattern", format!("the pattern cannot be used: {why}")),
                    Flaw::Empty => ("/pattern", "the pattern also fits the empty text".to_owned()),
                    Flaw::TooMany => ("", "more types, words or keys than fit".to_owned()),
                };
                let hint = "a pattern that fits at least one character, with bounded repetitions";
                self.flaws.add(Check::DataTypeMalformed, format!("/data_types{}{field}", pointer(name)), message, hint);
                return None;
            }
        };
        let mut rules = Vec::new();
        for (index, redact) in source.iter().enumerate() {
            let at = format!("/redact/{index}");
            let RedactSource { types, direction, action, tools: only, unless, reveal, expires } = redact;
            if types.is_empty() {
                self.flaws.add(Check::DataTypeUnknown, format!("{at}/types"), "no type", "name groups or types");
            }
            let token = *action == RedactAction::Tokenise;
            if !token && (reveal.is_some() || expires.is_some()) {
                let (message, hint) = ("`reveal` and `expires` without tokens", "they go with `action: tokenise`");
                self.flaws.add(Check::RedactUseless, &at, message, hint);
            }
            if token && *direction != Some(Direction::Results) {
                let (message, hint) =
                    ("tokens that would go to the server", "`tokenise` goes with `direction: results`");
                self.flaws.add(Check::RedactUseless, format!("{at}/action"), message, hint);
            }
            let mut kinds = Vec::new();
            for (place, name) in types.iter().enumerate() {
                kinds.extend(self.kinds(&format!("{at}/types/{place}"), name, &names));
            }
            let compiled = Redact {
                position: (self.locate)(&at),
                kinds,
                direction: *direction,
                tools: only.as_ref().map(|only| self.limited(&at, only, tools)),
                action: *action,
                unless: unless.as_ref().map(|callers| self.callers(&format!("{at}/unless"), callers)),
                reveal: reveal.as_ref().map(|callers| self.callers(&format!("{at}/reveal"), callers)),
                expires: self
                    .flaws
                    .read(SECONDS, format!("{at}/expires"), expires.as_deref(), seconds, "as in 15m, 24h, 7d")
                    .unwrap_or(TOKEN_SECONDS),
            };
            self.never_reached(&at, &compiled, &rules);
            rules.push(compiled);
        }
        for (place, (name, _)) in names.iter().enumerate() {
            let own = u16::try_from(place).ok().map(Kind::Own);
            if !rules.iter().any(|rule| rule.kinds.iter().any(|kind| Some(*kind) == own)) {
                let at = format!("/data_types{}", pointer(name));
                let (message, hint) = ("a type without `redact`", "say under `redact` what happens to it");
                self.flaws.add(Check::RedactUseless, at, message, hint);
            }
        }
        (!rules.is_empty()).then_some(Redaction { engine, rules })
    }

    /// An entry all of whose types an earlier one, for at least the same callers and things, decides about.
    fn never_reached(&mut self, at: &str, later: &Redact, earlier: &[Redact]) {
        let decided = |kind: &Kind| {
            earlier.iter().any(|rule| {
                rule.kinds.contains(kind)
                    && rule.unless.is_none()
                    && rule.tools.is_none()
                    && (rule.direction.is_none() || rule.direction == later.direction)
            })
        };
        if !later.kinds.is_empty() && later.kinds.iter().all(decided) {
            let message = "never decides: entries above it are about the same types";
            self.flaws.add(Check::RedactUseless, at, message, "put what is more specific first, or remove it");
        }
    }

    fn own(&mut self, at: &str, name: &str, source: &DataTypeSource) -> Option<OwnType> {
        let DataTypeSource { pattern, words, path, group } = source;
        let mut malformed = |field: &str, message: &str, hint: &str| {
            self.flaws.add(Check::DataTypeMalformed, format!("{at}{field}"), message, hint);
            None
        };
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if name.is_empty() || name.len() > 64 || !name.chars().all(plain) {
            return malformed("", "not the name of a type", "letters, digits and _, up to 64");
        }
        if Group::named(name).is_some() || Kind::named(name).is_some() {
            return malformed("", "there is a built-in type or group of this name", "choose another name");
        }
        let rule = match (pattern, words, path) {
            (Some(pattern), None, None) => OwnRule::Pattern(pattern.clone()),
            (None, Some(words), None) if words.iter().any(|word| !word.trim().is_empty()) => {
                OwnRule::Words(words.clone())
            }
            (None, Some(_), None) => return malformed("/words", "no word", "list at least one"),
            (None, None, Some(path)) => match path.strip_prefix('/').filter(|path| !path.is_empty()) {
                Some(path) => {
                    OwnRule::Path(path.split('/').map(|part| part.replace("~1", "/").replace("~0", "~")).collect())
                }
                None => return malformed("/path", "not a JSON pointer", "as in /customer/notes or /items/*/comment"),
            },
            _ => return malformed("", "not exactly one of `pattern`, `words` and `path`", "keep one of the three"),
        };
        Some(OwnType { name: name.to_ascii_uppercase(), group: *group, rule })
    }

    /// What a name stands for.
    fn kinds(&mut self, at: &str, name: &str, own: &[(String, Option<Group>)]) -> Vec<Kind> {
        let own_kind = |place: usize| u16::try_from(place).ok().map(Kind::Own);
        if let Some(group) = Group::named(name) {
            let built_in = Kind::ALL.iter().copied().filter(|kind| kind.group() == Some(group));
            let theirs = own.iter().enumerate().filter(|(_, (_, of))| *of == Some(group));
            return built_in.chain(theirs.filter_map(|(place, _)| own_kind(place))).collect();
        }
        if let Some(place) = own.iter().position(|(own, _)| own.eq_ignore_ascii_case(name)) {
            return own_kind(place).into_iter().collect();
        }
        if let Some(kind) = Kind::named(name) {
            return vec![kind];
        }
        let known: Vec<String> = Group::ALL
            .iter()
            .map(|group| group.name().to_owned())
            .chain(own.iter().map(|(name, _)| name.to_ascii_lowercase()))
            .chain(Kind::ALL.iter().map(|kind| kind.name().to_ascii_lowercase()))
            .collect();
        let hint = choice(name, "there are", known.iter().map(String::as_str));
        self.flaws.add(Check::DataTypeUnknown, at, format!("no type or group `{name}`"), hint);
        Vec::new()
    }

    fn callers(&mut self, at: &str, source: &CallersSource) -> Callers {
        let CallersSource { scopes, roles } = source;
        if scopes.is_empty() && roles.is_empty() {
            let (message, hint) = ("every caller", "name scopes or roles");
            self.flaws.add(Check::RedactUseless, at, message, hint);
        }
        for (index, scope) in scopes.iter().enumerate() {
            scope_token(&format!("{at}/scopes/{index}"), scope, self.flaws);
        }
        Callers { scopes: self.scope_set(scopes), roles: self.known_roles(at, roles) }
    }
}
