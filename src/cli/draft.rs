//! Writes the first policy of a server, its cases and a note for whoever reviews them.
//!
//! Whatever comes from the server is data: a name or URI stands in these files only after it was found
//! to mean itself and nothing else, quoted where YAML could read it otherwise. Everything else of the
//! server's appears only as [`shown`] writes it, and its descriptions not at all.
use super::guess::{self, Guess};
use crate::kernel::policy::names::NamePattern;
use crate::kernel::policy::source::Effect;
use crate::kernel::policy::template::{UriTemplate, plain_uri};
use crate::survey::{Survey, Tool, shown};
use std::collections::BTreeSet;
use std::fmt::Write as _;

/// What the operator said, and what follows from the files that are there.
pub struct Given<'a> {
    /// Name of the server.
    pub server: &'a str,
    /// The field of the policy that says where it is.
    pub upstream: &'a str,
    /// Environment variable with the gateway's credential there.
    pub bearer_env: Option<&'a str>,
    /// File of the authority to trust for it.
    pub ca: Option<&'a str>,
    /// Issuers that `gateway.yaml` declares, at least one.
    pub issuers: &'a [String],
}

/// The texts.
pub struct Draft {
    /// `policies/NAME.yaml`
    pub policy: String,
    /// `policies/NAME.cases.yaml`
    pub cases: String,
    /// `policies/NAME.README.md`
    pub readme: String,
    /// Rules for tools, resources and prompts.
    pub rules: usize,
    /// What was left out, and so is refused.
    pub left_out: usize,
}

/// One entry of the policy: a rule, or why there is none.
enum Entry {
    Rule {
        name: String,
        rule: String,
        why: String,
        /// A request that the rule decides, as a case asks it.
        asks: Option<String>,
    },
    LeftOut {
        shown: String,
        why: String,
    },
}

const EFFECTS: [Effect; 4] = [Effect::Read, Effect::Write, Effect::Destructive, Effect::Egress];

/// Writes all three.
pub fn draft(given: &Given<'_>, survey: &Survey) -> Draft {
    let mut seen = BTreeSet::new();
    let mut allowed: Vec<(&Tool, Guess)> = Vec::new();
    let mut tools = Vec::new();
    for tool in &survey.tools {
        let entry = tool_entry(given.server, tool, &survey.tools);
        if matches!(entry, Entry::Rule { .. }) {
            allowed.push((tool, guess::effect(tool)));
        }
        if seen.insert(&tool.name) {
            tools.push(entry);
        }
    }
    let read = format!("{}.read", given.server);
    let resources = resources(&read, survey);
    let prompts = prompts(&read, &survey.prompts);
    let all = || tools.iter().chain(&resources).chain(&prompts);
    let rules = all().filter(|entry| matches!(entry, Entry::Rule { .. })).count();
    let left_out = all().count() - rules;
    let policy = policy(given, &[("tools", &tools), ("resources", &resources), ("prompts", &prompts)]);
    let held_back = tools.iter().find_map(|entry| match entry {
        Entry::LeftOut { shown, .. } if exact(shown) => Some(shown.as_str()),
        _ => None,
    });
    let cases = cases(given.server, &allowed, [&resources, &prompts], held_back);
    let readme = readme(given.server, &allowed, &[&tools, &resources, &prompts], rules, left_out);
    Draft { policy, cases, readme, rules, left_out }
}

/// A name that a policy takes for itself: `*` would be a rule for every tool.
fn exact(name: &str) -> bool {
    NamePattern::parse(name).is_ok_and(|pattern| pattern.is_exact())
}

fn tool_entry(server: &str, tool: &Tool, all: &[Tool]) -> Entry {
    let left_out = |why: &str| Entry::LeftOut { shown: shown(&tool.name), why: why.to_owned() };
    if !exact(&tool.name) {
        return left_out("its name is not one that a policy takes");
    }
    if all.iter().filter(|other| other.name == tool.name).count() > 1 {
        return left_out("the server lists this name more than once");
    }
    if tool.only_as_task {
        return left_out("it runs only as a task, and tasks are not served");
    }
    if let Some(word) = guess::secret(&tool.name) {
        return left_out(&format!("its name says `{word}`, so what it returns may open other doors"));
    }
    let Guess { effect, why } = guess::effect(tool);
    let effect = effect.name();
    let scope = plain(&format!("{server}.{effect}"));
    Entry::Rule {
        name: tool.name.clone(),
        rule: format!("{{ effect: {effect}, scopes: [{scope}] }}"),
        why: format!("{effect}, because {why}"),
        asks: Some(call_of(&tool.name)),
    }
}

fn call_of(tool: &str) -> String {
    format!("call: {{ tool: {}, args: {{}} }}", plain(tool))
}

fn resources(scope: &str, survey: &Survey) -> Vec<Entry> {
    let entry = |text: &str, why: &str, sample: Option<&str>| {
        if let Some(word) = guess::secret(text) {
            let why = format!("it says `{word}`, so what it holds may open other doors");
            return Entry::LeftOut { shown: shown(text), why };
        }
        Entry::Rule {
            name: text.to_owned(),
            rule: format!("{{ scopes: [{}] }}", plain(scope)),
            why: why.to_owned(),
            asks: sample.map(|uri| format!("call: {{ resource: {} }}", quoted(uri))),
        }
    };
    let mut entries = Vec::new();
    let mut templates: Vec<UriTemplate> = Vec::new();
    let mut seen = BTreeSet::new();
    for text in survey.templates.iter().filter(|text| seen.insert(text.as_str())) {
        let left_out = |why: &str| Entry::LeftOut { shown: shown(text), why: why.to_owned() };
        entries.push(match UriTemplate::parse(text) {
            Err(_) => left_out("it is not a template that a policy takes"),
            Ok(_) if !printable(text) => left_out("it has characters that do not belong into a URI"),
            Ok(_) if text.contains("{+") => left_out("it reaches every path below, so decide how far it may"),
            Ok(template) if templates.iter().any(|other| other.ties(&template)) => {
                left_out("another template fits the same URIs, and neither is more specific")
            }
            Ok(template) => {
                let sample = Some(sample(text)).filter(|uri| template.matches(uri));
                templates.push(template);
                entry(text, "whoever reads may read what fits this template", sample.as_deref())
            }
        });
    }
    for uri in survey.resources.iter().filter(|uri| seen.insert(uri.as_str())) {
        if templates.iter().any(|template| template.matches(uri)) {
            continue;
        }
        // A URI with a brace would be a template here, and stand for more than itself.
        let itself = printable(uri) && plain_uri(uri) && !uri.contains(['{', '}']) && UriTemplate::parse(uri).is_ok();
        entries.push(if itself {
            entry(uri, "whoever reads may read this one", Some(uri))
        } else {
            Entry::LeftOut { shown: shown(uri), why: "it is not a URI that a policy takes".to_owned() }
        });
    }
    entries
}

/// A URI that a template stands for.
fn sample(template: &str) -> String {
    let mut pieces = template.split(['{', '}']);
    let mut sample = String::from(pieces.next().unwrap_or_default());
    while let (Some(_), Some(text)) = (pieces.next(), pieces.next()) {
        sample.push('1');
        sample += text;
    }
    sample
}

fn prompts(scope: &str, names: &[String]) -> Vec<Entry> {
    let mut seen = BTreeSet::new();
    let entry = |name: &String| {
        if exact(name) {
            Entry::Rule {
                name: name.clone(),
                rule: format!("{{ scopes: [{}] }}", plain(scope)),
                why: "whoever reads may use this prompt".to_owned(),
                asks: Some(format!("call: {{ prompt: {} }}", plain(name))),
            }
        } else {
            Entry::LeftOut { shown: shown(name), why: "its name is not one that a policy takes".to_owned() }
        }
    };
    names.iter().filter(|name| seen.insert(name.as_str())).map(entry).collect()
}

fn policy(given: &Given<'_>, sections: &[(&str, &Vec<Entry>)]) -> String {
    let Given { server, upstream, bearer_env, ca, issuers } = given;
    let mut out = String::from("# yaml-language-server: $schema=../.portcullis/policy.schema.json\n");
    out += "# Drafted by `portcullis init` from what the server lists. Each `# review:` marks a guess and says why\n";
    out += "# it was made: a server's word about itself proves nothing. Take the mark away once you have decided.\n";
    out += "# What no rule names is refused.\n";
    let _ = writeln!(out, "server: {}", plain(server));
    let _ = writeln!(out, "upstream:\n  {upstream}");
    if let Some(variable) = bearer_env {
        let _ = writeln!(out, "  credential: {{ bearer: {{ env: {} }} }}", quoted(variable));
    }
    if let Some(file) = ca {
        let _ = writeln!(out, "  ca: {}", quoted(file));
    }
    let names: Vec<String> = issuers.iter().map(|issuer| quoted(issuer)).collect();
    out += "access:\n";
    if issuers.len() > 1 {
        out += "  # review: all issuers of gateway.yaml, because nothing tells which of them this server is for.\n";
    }
    let _ = writeln!(out, "  issuers: [{}]", names.join(", "));
    for (name, entries) in sections {
        section(&mut out, name, entries);
    }
    out += "limits:\n";
    out += "  # review: a rate that stops a loop that has gone wild, and hardly anybody else.\n";
    out += "  - { per: subject, rate: 600/min }\n";
    out
}

fn section(out: &mut String, name: &str, entries: &[Entry]) {
    if entries.is_empty() {
        return;
    }
    let rules = entries.iter().any(|entry| matches!(entry, Entry::Rule { .. }));
    let _ = writeln!(out, "{name}:{}", if rules { "" } else { " {}" });
    for entry in entries {
        let _ = match entry {
            Entry::Rule { name, rule, why, asks: _ } => {
                writeln!(out, "  # review: {why}.\n  {}: {rule}", plain(name))
            }
            Entry::LeftOut { shown, why } => writeln!(out, "  # review: left out `{shown}`: {why}."),
        };
    }
}

fn cases(server: &str, allowed: &[(&Tool, Guess)], others: [&Vec<Entry>; 2], held_back: Option<&str>) -> String {
    let scope = |effect: Effect| plain(&format!("{server}.{}", effect.name()));
    let every: Vec<String> = EFFECTS.into_iter().map(scope).collect();
    let every = every.join(", ");
    let mut out = String::from("# yaml-language-server: $schema=../.portcullis/cases.schema.json\n");
    out += "# What the policy beside this file must say; `portcullis test gateway.yaml` asks it.\n";
    out += "# review: these follow from the draft. Change them to what you want, then the policy until they hold.\n";
    let _ = writeln!(out, "server: {}\ncases:", plain(server));
    let mut case = |name: &str, scopes: &str, asks: &str, expect: &str| {
        let name = quoted(name);
        let _ = writeln!(out, "  - name: {name}\n    as: {{ sub: ann, scopes: [{scopes}] }}");
        let _ = writeln!(out, "    {asks}\n    expect: {expect}");
    };
    for effect in EFFECTS {
        let these = allowed.iter().filter(|(_, guess)| guess.effect == effect).map(|(tool, _)| tool.name.as_str());
        let these: Vec<&str> = these.collect();
        let Some(first) = these.first() else { continue };
        let scope = scope(effect);
        for tool in &these {
            case(&format!("{server}.{} may call {tool}", effect.name()), &scope, &call_of(tool), "allow");
        }
        case(&format!("nobody calls {first} without it"), "", &call_of(first), "{ deny: scope_missing }");
        let seen: Vec<String> = these.iter().copied().map(plain).collect();
        let seen = format!("[{}]", seen.join(", "));
        case(&format!("{server}.{} sees these tools", effect.name()), &scope, "list: tools", &seen);
    }
    for entry in others.into_iter().flatten() {
        if let Entry::Rule { name, asks: Some(asks), .. } = entry {
            case(&format!("{server}.read is enough for {name}"), &scope(Effect::Read), asks, "allow");
        }
    }
    let unknown = held_back.unwrap_or("a-tool-that-no-rule-names");
    case(&format!("nobody calls {unknown}"), &every, &call_of(unknown), "{ deny: tool_unknown }");
    out
}

fn readme(server: &str, allowed: &[(&Tool, Guess)], all: &[&Vec<Entry>], rules: usize, left_out: usize) -> String {
    let mut out = format!("# What to review in {server}.yaml\n\n");
    let _ = writeln!(
        out,
        "`portcullis init` wrote {rules} rules from what the server lists, and left out {left_out} entries. Nothing of \
         this was decided by anybody yet.\n"
    );
    out += "| Scope | Its holder may call |\n|---|---|\n";
    for effect in EFFECTS {
        let these = allowed.iter().filter(|(_, guess)| guess.effect == effect);
        let these: Vec<String> = these.map(|(tool, _)| format!("`{}`", tool.name)).collect();
        let these = if these.is_empty() { "nothing".to_owned() } else { these.join(", ") };
        let _ = writeln!(out, "| `{server}.{}` | {these} |", effect.name());
    }
    let _ = writeln!(out, "\n`{server}.read` is also for every resource and prompt that the policy names.\n");
    let left = all.iter().copied().flatten().filter_map(|entry| match entry {
        Entry::LeftOut { shown, why } => Some((shown, why)),
        Entry::Rule { .. } => None,
    });
    let left: Vec<_> = left.collect();
    if !left.is_empty() {
        out += "Left out, so refused:\n\n";
        for (shown, why) in left {
            let _ = writeln!(out, "- `{shown}`: {why}.");
        }
        out.push('\n');
    }
    out += "1. Read each `# review:` line. Is the effect right? A server can say of itself what it likes.\n";
    out += "2. Map the scopes to what your issuer gives out, or rename them.\n";
    out += "3. Add `when:` where the arguments matter: paths, URLs, amounts, regions.\n";
    out += "4. Add a rule for what was left out and is needed after all.\n";
    let _ = writeln!(out, "5. Change `{server}.cases.yaml` to say what you want, and keep it with the policy.");
    out += "\n`init` asked as a client that offers nothing to the server. Tools that a server shows only to clients with\n";
    out += "sampling, elicitation or roots are not in the draft, so they are refused.\n";
    out
}

/// Printable ASCII without spaces: all that a URI has (RFC 3986, section 2).
fn printable(text: &str) -> bool {
    text.bytes().all(|b| (0x21..0x7f).contains(&b))
}

/// A name as YAML, quoted unless it can only be a string. Callers have checked its characters.
fn plain(text: &str) -> String {
    let starts = text.starts_with(|c: char| c.is_ascii_alphabetic());
    let inside = text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-/".contains(&b));
    // Also what YAML 1.1 takes for a boolean, since editors may read the file so.
    let words = ["null", "true", "false", "yes", "no", "on", "off", "y", "n"];
    if starts && inside && !words.contains(&text.to_ascii_lowercase().as_str()) {
        text.to_owned()
    } else {
        quoted(text)
    }
}

/// A string as YAML: single quotes know one escape, and nothing else has a meaning in them. Without
/// line breaks; callers have seen to that.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_server_lists_stands_for_itself_or_is_left_out() {
        let tool = |name: &str| Tool { name: name.to_owned(), ..Tool::default() };
        let hostile = ["*", "a*", "x: {}\ny", "'", "a b", "", "\u{1b}[31m", "twice", "twice"];
        let good = ["null", "123", "-", "a/b.c_d-e"];
        let uris = ["file:///{+all}", "x://my/env", "x://a'b", "x://a\nb", "no-scheme", "x://a/../b", "x://good"];
        let survey = Survey {
            tools: hostile.iter().chain(&good).map(|name| tool(name)).collect(),
            resources: uris.iter().map(|uri| (*uri).to_owned()).collect(),
            templates: vec![
                "x://{id}/y".to_owned(),
                "x://y/{id}".to_owned(),
                "x://{+all}".to_owned(),
                "x://{?q}".to_owned(),
            ],
            prompts: vec!["*".to_owned(), "p".to_owned()],
            revision: None,
        };
        let issuers = ["main".to_owned()];
        let given = Given {
            server: "s",
            upstream: "url: 'http://127.0.0.1/it''s'",
            bearer_env: Some("T"),
            ca: Some("/it's"),
            issuers: &issuers,
        };
        let Draft { policy, cases, .. } = draft(&given, &survey);
        let value = crate::config::yaml::parse(&policy).unwrap().value;
        let keys = |section: &str| -> Vec<&str> { value[section].as_object().unwrap().keys().map(|k| &**k).collect() };
        assert_eq!(keys("tools"), good);
        assert_eq!(keys("resources"), ["x://{id}/y", "x://a'b", "x://good"]);
        assert_eq!(keys("prompts"), ["p"]);
        assert_eq!(value["upstream"]["url"], "http://127.0.0.1/it's");
        assert!(policy.bytes().chain(cases.bytes()).all(|b| b == b'\n' || (0x20..0x7f).contains(&b)));
        assert!(crate::config::yaml::parse(&cases).is_ok());
    }
}
