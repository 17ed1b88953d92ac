//! Reviews what a server offers, as someone who does not trust it: texts that carry instructions for the
//! model, hidden characters, requests for secrets, names that pass for others.
//!
//! Every string of a definition reaches a model, so every one is read: also names of properties, values
//! of `enum`, defaults and `_meta`. What is found is for a person to judge; nothing here proves that a
//! text is harmless.
pub mod fold;
mod hidden;
mod phrases;

pub use hidden::{Hidden, Kind, hidden, strip};

use crate::kernel::policy::compile::words;
use crate::kernel::policy::flaw::{Check, Flaws};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use unicode_normalization::is_nfkc;
use unicode_security::{RestrictionLevel, RestrictionLevelDetection};

/// One thing that a server offers, as it lists it.
#[derive(Clone, Copy, Debug)]
pub enum Item<'a> {
    /// An entry of `tools/list`.
    Tool(&'a Value),
    /// An entry of `prompts/list`.
    Prompt(&'a Value),
    /// An entry of `resources/list`.
    Resource(&'a Value),
    /// An entry of `resources/templates/list`.
    Template(&'a Value),
    /// The `instructions` of `initialize` or `server/discover`.
    Instructions(&'a str),
}

/// Names that a text may mention, or must not.
#[derive(Debug, Default)]
pub struct Known {
    own: BTreeSet<String>,
    others: BTreeSet<String>,
}

impl Known {
    /// From the names of this server's tools, and those of other servers and of their tools.
    pub fn new<'a>(tools: impl IntoIterator<Item = &'a str>, others: impl IntoIterator<Item = &'a str>) -> Self {
        let own: BTreeSet<String> = tools.into_iter().map(fold::fold).collect();
        let others = others.into_iter().map(fold::fold).filter(|name| !name.is_empty() && !own.contains(name));
        Self { others: others.collect(), own }
    }
}

/// What a string is for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    /// The name of the thing offered.
    Name,
    /// Text for people and models about the thing as a whole.
    Description,
    /// Such text about a part of it.
    Part,
    /// The name of a property.
    Key,
    /// A value that a model may see or send.
    Value,
    /// An address, a type or a picture: not read as a text.
    Link,
}

/// A string of a definition.
struct Text<'a> {
    at: String,
    text: &'a str,
    role: Role,
}

/// Reviews one thing that a server offers. `path` is the JSON pointer of its definition.
pub fn review(item: Item<'_>, known: &Known, path: &str, flaws: &mut Flaws) {
    let definition = match item {
        Item::Instructions(text) => {
            let found = Text { at: path.to_owned(), text, role: Role::Description };
            long(&found, INSTRUCTIONS_MAX, flaws);
            return read(&found, known, flaws);
        }
        Item::Tool(value) | Item::Prompt(value) | Item::Resource(value) | Item::Template(value) => value,
    };
    for found in texts(definition, path) {
        match found.role {
            Role::Name => {
                long(&found, NAME_MAX, flaws);
                mixed(&found, flaws);
            }
            Role::Description => long(&found, DESCRIPTION_MAX, flaws),
            Role::Part => long(&found, PART_MAX, flaws),
            Role::Key | Role::Value | Role::Link => {}
        }
        read(&found, known, flaws);
    }
    if let Item::Tool(_) = item {
        executor(definition, path, flaws);
    }
}

/// What clients and models take: names of functions and their descriptions in the OpenAI API.
const NAME_MAX: usize = 64;
const DESCRIPTION_MAX: usize = 1024;
/// Half of it. Nobody documents a common bound for parameters.
const PART_MAX: usize = 512;
/// Where Claude Code cuts the instructions of a server.
const INSTRUCTIONS_MAX: usize = 2048;

fn long(found: &Text<'_>, most: usize, flaws: &mut Flaws) {
    let characters = found.text.chars().count();
    if characters > most {
        let message = format!("{characters} characters");
        flaws.add(Check::TextTooLong, found.at.as_str(), message, format!("at most {most}"));
    }
}

/// A name whose letters are of scripts that do not belong together, or of compatibility forms.
fn mixed(found: &Text<'_>, flaws: &mut Flaws) {
    if found.text.is_ascii() {
        return;
    }
    let letters: String = found.text.chars().filter(|letter| letter.is_alphanumeric()).collect();
    if !is_nfkc(&letters) || !letters.as_str().check_restriction_level(RestrictionLevel::HighlyRestrictive) {
        let message =
            format!("`{}` mixes scripts; it reads as `{}`", shown(found.text), shown(&fold::fold(found.text)));
        flaws.add(Check::NameConfusable, found.at.as_str(), message, "rename it, or do not approve it");
    }
}

/// What every string is looked at for.
fn read(found: &Text<'_>, known: &Known, flaws: &mut Flaws) {
    unseen(found, flaws);
    let folded = fold::fold(found.text);
    let mut told = phrases::find(&folded);
    if matches!(found.role, Role::Key | Role::Name | Role::Value) {
        // A name can be a sentence as well.
        let spelt = fold::fold(&spelt(found.text));
        let more = phrases::find(&spelt).into_iter();
        let new: Vec<_> = more.filter(|new| told.iter().all(|old| old.says != new.says)).collect();
        told.extend(new);
    }
    for phrase in told {
        let message = format!("{}: `{}`", phrase.says, shown(&phrase.words));
        flaws.add(phrase.check, found.at.as_str(), message, "read the whole text before approving it");
    }
    if matches!(found.role, Role::Description | Role::Part) {
        others(found, &folded, known, flaws);
        if let Some(at) = folded.find("https://").or_else(|| folded.find("http://")) {
            let url = folded.get(at..).and_then(|rest| rest.split([' ', ')', '>', '"']).next()).unwrap_or_default();
            flaws.add(Check::UrlInText, found.at.as_str(), format!("`{}`", shown(url)), "look at what it is for");
        }
    }
    if found.role != Role::Link
        && let Some(encoded) = encoded(found.text)
    {
        let message = format!("{} characters of encoded text: `{}`", encoded.len(), shown(encoded));
        flaws.add(Check::EncodedText, found.at.as_str(), message, "decode it and read it");
    }
}

/// Hidden characters and terminal sequences: each kind once.
fn unseen(found: &Text<'_>, flaws: &mut Flaws) {
    let mut told = Vec::new();
    let mut from = 0;
    while let Some(rest) = found.text.get(from..) {
        let Some(next) = hidden(rest) else { break };
        if !told.contains(&next.kind) {
            told.push(next.kind);
            let check = match next.kind {
                Kind::Control | Kind::Escape => Check::ControlSequence,
                Kind::Tag | Kind::Direction | Kind::Invisible | Kind::Variation => Check::HiddenCharacters,
            };
            let message = format!("{} U+{:04X}", next.kind.name(), u32::from(next.character));
            let words = [message, "have it removed from the server's text".to_owned()];
            flaws.add_within(check, found.at.as_str(), from + next.offset, words);
        }
        from += next.end;
    }
}

/// Names of other servers and their tools, where they are certainly names.
fn others(found: &Text<'_>, folded: &str, known: &Known, flaws: &mut Flaws) {
    let inside = |character: char| character.is_alphanumeric() || matches!(character, '_' | '-' | '.' | '/');
    let tokens = folded.split(|character| !inside(character)).map(|token| token.trim_matches(['.', '/', '-']));
    let tokens: Vec<&str> = tokens.filter(|token| !token.is_empty()).collect();
    let mut told = BTreeSet::new();
    for (index, token) in tokens.iter().enumerate() {
        if !known.others.contains(*token) || known.own.contains(*token) {
            continue;
        }
        // `search` is also a word; `search_mail` is only a name.
        let certain = token.contains(['_', '-', '.', '/']);
        let beside = |at: Option<usize>, words: &[&str]| {
            at.and_then(|at| tokens.get(at)).is_some_and(|word| words.contains(word))
        };
        let called = beside(Some(index + 1), &["tool", "server", "function", "connector"])
            || beside(index.checked_sub(1), &["tool", "function", "call", "calling", "invoke"]);
        if (certain || called) && told.insert(*token) {
            let message = format!("names `{}` of another server", shown(token));
            let hint = "a text speaks of its own server only";
            flaws.add(Check::OtherToolNamed, found.at.as_str(), message, hint);
        }
    }
}

/// A long run of Base64, hexadecimal digits or escapes. Paths and identifiers are not long and mixed enough.
fn encoded(text: &str) -> Option<&str> {
    const BASE64_MIN: usize = 40;
    const HEX_MIN: usize = 65;
    const ESCAPES_MIN: usize = 32;
    let base64 = |run: &&str| {
        let has = |of: fn(&char) -> bool| run.chars().any(|character| of(&character));
        let mixed = has(char::is_ascii_uppercase) && has(char::is_ascii_lowercase) && has(char::is_ascii_digit);
        let slashes = run.matches('/').count();
        // Digits alone and hexadecimal digits are told by their own length: a digest is not a text.
        let hex = run.chars().all(|character| character.is_ascii_hexdigit());
        run.len() >= if hex { HEX_MIN } else { BASE64_MIN } && (hex || (mixed && slashes * 16 <= run.len()))
    };
    let outside = |character: char| !character.is_ascii_alphanumeric() && !matches!(character, '+' | '/' | '=');
    let escapes = |run: &&str| run.len() >= ESCAPES_MIN && run.matches("\\x").count() * 4 >= run.len();
    let beyond = |character: char| !character.is_ascii_hexdigit() && !matches!(character, '\\' | 'x');
    text.split(outside).find(base64).or_else(|| text.split(beyond).find(escapes))
}

/// What may be printed: ASCII, at most 80 characters of it.
fn shown(text: &str) -> String {
    const SHOWN_MAX: usize = 80;
    let mut shown: String = text.chars().take(SHOWN_MAX).flat_map(escaped).collect();
    if text.chars().nth(SHOWN_MAX).is_some() {
        shown.push_str("...");
    }
    shown
}

fn escaped(character: char) -> Vec<char> {
    if matches!(character, ' '..='~') { vec![character] } else { character.escape_unicode().collect() }
}

/// A name as words: `readIdRsa_first` as `read id rsa first`.
fn spelt(name: &str) -> String {
    if name.is_ascii() { words(name).join(" ") } else { name.replace(['_', '-', '.'], " ") }
}

/// Every string of a definition, with names of properties, in the order written.
fn texts<'a>(definition: &'a Value, path: &str) -> Vec<Text<'a>> {
    let mut found = Vec::new();
    // What is still to be read, last first. Not recursion: how deep it is, is the server's choice.
    let mut open: Vec<(String, &'a Value, Role, usize)> = vec![(path.to_owned(), definition, Role::Value, 0)];
    while let Some((at, value, role, depth)) = open.pop() {
        match value {
            Value::String(text) => found.push(Text { at, text, role }),
            Value::Array(values) => {
                let values = values.iter().enumerate().rev();
                open.extend(values.map(|(index, value)| (format!("{at}/{index}"), value, role, depth + 1)));
            }
            Value::Object(fields) => {
                let mut inner = Vec::new();
                for (name, value) in fields {
                    let at = format!("{at}/{}", pointer(name));
                    found.push(Text { at: at.clone(), text: name, role: Role::Key });
                    inner.push((at, value, role_of(name, role, depth), depth + 1));
                }
                open.extend(inner.into_iter().rev());
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
    found
}

/// What the string under a name is for.
fn role_of(name: &str, outer: Role, depth: usize) -> Role {
    match name {
        "name" if depth == 0 => Role::Name,
        "description" | "title" if depth == 0 => Role::Description,
        "description" | "title" => Role::Part,
        "$schema" | "$ref" | "$id" | "$anchor" | "uri" | "uriTemplate" | "src" | "mimeType" | "resourceUri"
        | "icons" => Role::Link,
        // Icons are pictures, whatever they have inside.
        _ if outer == Role::Link => Role::Link,
        _ => Role::Value,
    }
}

/// A part of a JSON pointer (RFC 6901).
fn pointer(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

/// A tool that runs whatever it is given.
fn executor(definition: &Value, path: &str, flaws: &mut Flaws) {
    const ACTS: &[&str] = &["execute", "exec", "run", "invoke", "call", "eval", "evaluate", "dispatch"];
    const ANYTHING: &[&str] = &[
        "tool",
        "tools",
        "function",
        "command",
        "commands",
        "cmd",
        "code",
        "script",
        "shell",
        "sql",
        "action",
        "operation",
        "api",
        "method",
        "python",
        "javascript",
        "js",
        "bash",
        "endpoint",
        "any",
        "anything",
    ];
    const ALONE: &[&str] = &["eval", "exec", "execute", "shell", "bash", "terminal"];
    const FREE: &[&str] =
        &["tool_name", "toolName", "function_name", "command", "cmd", "shell_command", "script", "sql", "sql_query"];
    let name = definition.get("name").and_then(Value::as_str).unwrap_or_default();
    let properties = definition.pointer("/inputSchema/properties").and_then(Value::as_object);
    let mut free = properties.into_iter().flatten().filter(|(_, schema)| is_free(schema));
    let said = words(name);
    let acts = said
        .iter()
        .zip(said.iter().skip(1))
        .any(|(act, what)| ACTS.contains(&act.as_str()) && ANYTHING.contains(&what.as_str()))
        || matches!(said.as_slice(), [alone] if ALONE.contains(&alone.as_str()));
    let hint = "one tool for each operation, or a rule on its arguments";
    if acts && free.clone().next().is_some() {
        let message = format!("`{}` runs what it is given", shown(name));
        flaws.add(Check::GenericExecutor, format!("{path}/name"), message, hint);
        return;
    }
    let told = free.find(|(property, schema)| FREE.contains(&property.as_str()) || is_code(property, schema));
    if let Some((property, _)) = told {
        let message = format!("`{}` takes any `{}`", shown(name), shown(property));
        let at = format!("{path}/inputSchema/properties/{}", pointer(property));
        flaws.add(Check::GenericExecutor, at, message, hint);
    }
}

/// Whether a property takes any text, or any object.
fn is_free(schema: &Value) -> bool {
    let bound = ["enum", "const", "pattern", "oneOf"].iter().any(|word| schema.get(word).is_some());
    let kind = schema.get("type").and_then(Value::as_str);
    !bound && matches!(kind, None | Some("string" | "object"))
}

/// `code` is also that of a country, a currency or a voucher.
fn is_code(property: &str, schema: &Value) -> bool {
    const PROGRAMS: &[&str] =
        &["source", "python", "javascript", "script", "program", "execute", "evaluate", "run", "snippet"];
    let description = schema.get("description").and_then(Value::as_str).unwrap_or_default();
    let said = words(description);
    property == "code" && said.iter().any(|word| PROGRAMS.contains(&word.as_str()))
}

/// Reviews the names of the tools of all servers together: server, name, and JSON pointer of each.
pub fn collisions<'a>(names: impl Iterator<Item = (&'a str, &'a str, String)>, flaws: &mut Flaws) {
    let mut alike: BTreeMap<String, Vec<(&str, &str)>> = BTreeMap::new();
    for (server, tool, path) in names {
        let earlier = alike.entry(fold::name(tool)).or_default();
        let first = |fits: &dyn Fn(&str, &str) -> bool| earlier.iter().find(|(of, name)| fits(of, name)).copied();
        if let Some((_, name)) = first(&|of, _| of == server) {
            let message = format!("`{}` and `{}` of one server look the same", shown(tool), shown(name));
            flaws.add(Check::NamesAlike, path.as_str(), message, "rename one of them at the server");
        }
        if let Some((of, _)) = first(&|of, name| of != server && name == tool) {
            let message = format!("`{}` is also a tool of `{}`", shown(tool), shown(of));
            flaws.add(Check::NameShadowed, path.as_str(), message, "rename one where a client uses both servers");
        }
        if let Some((of, name)) = first(&|of, name| of != server && name != tool) {
            let message = format!("`{}` looks like `{}` of `{}`", shown(tool), shown(name), shown(of));
            flaws.add(Check::NameConfusable, path.as_str(), message, "rename it, or do not approve it");
        }
        earlier.push((server, tool));
    }
}

/// What names have in common that people and models take for each other.
pub fn alike(name: &str) -> String {
    fold::name(name)
}

#[cfg(test)]
mod tests;
