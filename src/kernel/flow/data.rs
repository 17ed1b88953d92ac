//! No more than is needed: of a result the fields that the policy names, of what hosts tell of their users nothing.
use super::links::Links;
use super::{Lesson, Origin};
use crate::kernel::json::{Document, Kind, Patches, Value, string};
use crate::kernel::mcp::decode::{Message, Target};
use crate::kernel::policy::compile::{Rule, ServerPolicy};
use crate::kernel::policy::source::{Hint, LinksThen};
use crate::kernel::refusal::{Reason, Refusal};
use bytes::Bytes;
use std::sync::Arc;

/// What a rule says of its data.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Data {
    /// What it is, if it may not leave unseen.
    pub sensitivity: Option<String>,
    /// Nobody vouches for it.
    pub untrusted: bool,
    /// What of a result goes on.
    pub output: Option<Fields>,
    /// What of the hints goes on.
    pub hints: Vec<Hint>,
}

/// Fields of a result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fields {
    /// Their paths.
    pub paths: Vec<Vec<String>>,
    /// Texts that have no fields go on.
    pub keep_text: bool,
}

/// A message to the client once it is no more than it should be.
pub struct Settled {
    /// The text.
    pub text: Bytes,
    /// How much was left out or defused.
    pub removed: usize,
}

impl Fields {
    /// Reads a JSON pointer (RFC 6901) in which `*` is any name or element.
    pub fn path(pointer: &str) -> Option<Vec<String>> {
        let parts = pointer.strip_prefix('/')?.split('/');
        parts.map(|part| (!part.is_empty()).then(|| part.replace("~1", "/").replace("~0", "~"))).collect()
    }

    /// Takes out of a value what is not named. How much.
    fn reduce(&self, value: Value<'_>, patches: &mut Patches) -> usize {
        let paths: Vec<&[String]> = self.paths.iter().map(Vec::as_slice).collect();
        reduce(value, &paths, patches)
    }

    /// A text with what it has of the fields; `None` if it has no fields.
    fn reduced(&self, text: &str) -> Option<(String, usize)> {
        if !text.trim_start().starts_with(['{', '[']) {
            return None;
        }
        let document = Document::reread(text.as_bytes().to_vec()).ok()?;
        let mut patches = Patches::default();
        let removed = self.reduce(document.root(), &mut patches);
        match removed {
            0 => Some((text.to_owned(), 0)),
            removed => Some((String::from_utf8_lossy(&document.write(&patches)).into_owned(), removed)),
        }
    }

    /// A whole result of a tool.
    fn of_result(&self, result: Value<'_>, patches: &mut Patches) -> usize {
        let mut removed = 0;
        match result.get("structuredContent") {
            Some(value) if value.is_object() || value.is_array() => removed += self.reduce(value, patches),
            Some(value) => {
                removed += 1;
                patches.remove(value);
            }
            None => {}
        }
        for block in result.get("content").into_iter().flat_map(Value::elements) {
            let inner = block.get("resource").unwrap_or(block);
            // Beside a text, what is no text is not asked for.
            for beside in ["blob", "data"].into_iter().filter_map(|key| inner.get(key)) {
                if inner.get("text").is_some() && !self.keep_text {
                    removed += 1;
                    patches.remove(beside);
                }
            }
            match inner.get("text") {
                Some(text) => match text.as_str().and_then(|said| self.reduced(&said)) {
                    Some((_, 0)) => {}
                    Some((kept, count)) => {
                        removed += count;
                        patches.replace(text, string(&kept));
                    }
                    None if self.keep_text => {}
                    None => {
                        removed += 1;
                        patches.remove(block);
                    }
                },
                None if self.keep_text => {}
                None => {
                    removed += 1;
                    patches.remove(block);
                }
            }
        }
        removed
    }
}

fn reduce(value: Value<'_>, paths: &[&[String]], patches: &mut Patches) -> usize {
    let mut removed = 0;
    let mut one = |child: Value<'_>, name: &str| {
        let further = paths.iter().filter_map(|path| path.split_first());
        let further: Vec<&[String]> =
            further.filter(|(first, _)| *first == "*" || *first == name).map(|(_, rest)| rest).collect();
        if further.is_empty() {
            patches.remove(child);
            removed += 1;
        } else if !further.iter().any(|path| path.is_empty()) {
            // Where fields should be, a text or a number may be all of them.
            if child.is_object() || child.is_array() || child.kind() == Kind::Null {
                removed += reduce(child, &further, patches);
            } else {
                patches.remove(child);
                removed += 1;
            }
        }
    };
    for (key, child) in value.entries() {
        one(child, &key.text());
    }
    for (index, child) in value.elements().enumerate() {
        one(child, &index.to_string());
    }
    removed
}

/// Where a rule's data was read.
fn origin(server: &ServerPolicy, rule: &Rule, data: &Data) -> Arc<Origin> {
    Arc::new(Origin {
        server: server.name.clone(),
        rule: rule.label.clone(),
        sensitivity: data.sensitivity.clone().unwrap_or_default(),
    })
}

/// What is to be remembered of what this gives, if anything.
pub fn lesson(server: &ServerPolicy, target: &Target) -> Option<Lesson> {
    let rule = server.rule(target)?;
    let data = rule.data.as_deref().filter(|data| data.sensitivity.is_some() || data.untrusted)?;
    let flow = &server.flow;
    Some(Lesson {
        origin: origin(server, rule, data),
        sensitive: data.sensitivity.is_some(),
        untrusted: data.untrusted,
        remember: flow.remember,
        seconds: flow.seconds,
        at_least: flow.at_least,
        ignore: flow.ignore.clone(),
    })
}

/// A message to the client with nothing but what the policy lets through: the fields of `output`, and no links that
/// lead elsewhere. It is applied to what is otherwise done with it, so that nothing comes back in.
/// `task` says that the result is that of a task, in which what came of it lies deeper.
pub fn settle(server: &ServerPolicy, target: &Target, task: bool, text: Bytes) -> Result<Settled, Refusal> {
    let links = server.links.as_ref().filter(|links| links.then != LinksThen::Keep);
    let fields = server.rule(target).and_then(|rule| rule.data.as_ref()).and_then(|data| data.output.as_ref());
    if links.is_none() && fields.is_none() {
        return Ok(Settled { text, removed: 0 });
    }
    let mut settled = Settled { text, removed: 0 };
    if let Some(fields) = fields {
        settled = settled
            .then(|root, patches| result_of(root, task).map_or(0, |result| fields.of_result(result, patches)))?;
        still_fits(server, target, task, settled.text.clone())?;
    }
    if let Some(links) = links {
        let before = settled.removed;
        settled = settled.then(|root, patches| {
            let parts = ["result", "error", "params"].into_iter().filter_map(|part| root.get(part));
            parts.map(|part| links.defuse(part, patches)).sum()
        })?;
        if links.then == LinksThen::Refuse && settled.removed > before {
            return Err(Refusal::from(Reason::ReplyLeadsOut));
        }
    }
    Ok(settled)
}

/// What came of a call.
fn result_of(root: Value<'_>, task: bool) -> Option<Value<'_>> {
    let result = root.get("result")?;
    if task { result.get("result").filter(|came| came.is_object()) } else { Some(result) }
}

impl Settled {
    fn then(self, change: impl FnOnce(Value<'_>, &mut Patches) -> usize) -> Result<Self, Refusal> {
        let document = Document::reread(self.text)
            .map_err(|fault| Refusal::from(Reason::Internal).detail(format!("a judged reply: {fault:?}")))?;
        let mut patches = Patches::default();
        let removed = change(document.root(), &mut patches);
        Ok(Self { text: document.write(&patches), removed: self.removed + removed })
    }
}

/// What is left of a structured result still fits the published schema: clients check that.
fn still_fits(server: &ServerPolicy, target: &Target, task: bool, text: Bytes) -> Result<(), Refusal> {
    let (Some(published), Target::Tool(name)) = (&server.contract.published, target) else { return Ok(()) };
    let Some(schema) = published.tool(name).and_then(|tool| tool.output.as_ref()) else { return Ok(()) };
    let Ok(document) = Document::reread(text) else { return Ok(()) };
    match result_of(document.root(), task).and_then(|result| result.get("structuredContent")) {
        Some(value) if schema.validate(value).is_err() => {
            Err(Refusal::from(Reason::ReplyNotAsPublished).detail("output.fields leaves out what the schema requires"))
        }
        _ => Ok(()),
    }
}

/// What hosts tell of their users, as OpenAI's apps do (`_meta` of requests).
const HINTS: [(&str, Hint); 6] = [
    ("openai/userLocation", Hint::Location),
    ("openai/locale", Hint::Locale),
    ("openai/userAgent", Hint::UserAgent),
    ("openai/subject", Hint::Subject),
    ("openai/session", Hint::Session),
    ("openai/organization", Hint::Organization),
];

/// Takes hints out of a message to the server, but for those that the rule says are needed. How many.
pub fn hints(message: &Message, rule: Option<&Rule>, patches: &mut Patches) -> usize {
    let Some(meta) = message.params().and_then(|params| params.get("_meta")).filter(|meta| meta.is_object()) else {
        return 0;
    };
    let wanted = rule.and_then(|rule| rule.data.as_ref()).map(|data| data.hints.as_slice()).unwrap_or_default();
    let mut removed = 0;
    for (key, value) in meta.entries() {
        let Some((_, hint)) = HINTS.iter().find(|(name, _)| key.text().eq_ignore_ascii_case(name)) else { continue };
        if wanted.contains(hint) {
            continue;
        }
        removed += 1;
        match hint {
            Hint::Location if wanted.contains(&Hint::Region) => {
                for (part, value) in value.entries() {
                    if !["country", "region", "timezone"].iter().any(|kept| part.is(kept)) {
                        patches.remove(value);
                    }
                }
                if !value.is_object() {
                    patches.remove(value);
                }
            }
            Hint::Locale => {
                let said = value.as_str().unwrap_or_default();
                let language: String = said.chars().take_while(char::is_ascii_alphabetic).take(3).collect();
                match language.is_empty() {
                    true => patches.remove(value),
                    false if language == said => removed -= 1,
                    false => patches.replace(value, string(&language)),
                }
            }
            _ => patches.remove(value),
        }
    }
    removed
}

/// Whether a link of what is to be sent leads to no allowed place.
pub fn leads_out(links: &Links, values: &[Value<'_>]) -> bool {
    values.iter().any(|value| links.any_leads_out(*value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn fields(paths: &[&str], keep_text: bool) -> Fields {
        Fields { paths: paths.iter().map(|path| Fields::path(path).unwrap()).collect(), keep_text }
    }

    fn reduced(fields: &Fields, result: &serde_json::Value) -> (serde_json::Value, usize) {
        let document = Document::reread(result.to_string()).unwrap();
        let mut patches = Patches::default();
        let removed = fields.of_result(document.root(), &mut patches);
        (serde_json::from_slice(&document.write(&patches)).unwrap(), removed)
    }

    #[test]
    fn of_a_result_the_named_fields_go_on_and_nothing_else() {
        let customer =
            json!({ "customers": [{ "name": "Ann", "card": "4111", "tags": ["a"] }, { "name": "Bob" }], "next": 2 });
        let result = json!({
            "content": [
                { "type": "text", "text": customer.to_string() },
                { "type": "text", "text": "Ann pays with 4111" },
                { "type": "image", "data": "aaaa", "mimeType": "image/png" }
            ],
            "structuredContent": customer,
            "isError": false
        });
        let left = json!({ "customers": [{ "name": "Ann", "tags": ["a"] }, { "name": "Bob" }] });
        let (made, removed) = reduced(&fields(&["/customers/*/name", "/customers/*/tags"], false), &result);
        assert_eq!(made["structuredContent"], left);
        assert_eq!(made["content"], json!([{ "type": "text", "text": left.to_string() }]));
        assert_eq!((removed, &made["isError"]), (6, &json!(false)));
        let (made, _) = reduced(&fields(&["/next"], true), &result);
        assert_eq!(made["content"][1]["text"], "Ann pays with 4111");
        assert_eq!(made["structuredContent"], json!({ "next": 2 }));
        let (made, _) = reduced(&fields(&["/customers/1"], false), &result);
        assert_eq!(made["structuredContent"], json!({ "customers": [{ "name": "Bob" }] }));
    }

    #[test]
    fn where_fields_should_be_nothing_goes_on_that_has_none() {
        let all = "Ann pays with 4111";
        let result = json!({
            "content": [
                { "type": "text", "text": json!({ "customers": all }).to_string(), "data": "NDExMQ==" },
                { "type": "resource", "resource": { "text": "{\"customers\":[]}", "blob": "NDExMQ==" } }
            ],
            "structuredContent": { "customers": [all, { "name": "Bob" }, 4111, null] }
        });
        let (made, _) = reduced(&fields(&["/customers/*/name"], false), &result);
        assert_eq!(made["structuredContent"], json!({ "customers": [{ "name": "Bob" }, null] }));
        let texts = json!([{ "type": "text", "text": "{}" }, { "type": "resource", "resource": { "text": "{\"customers\":[]}" } }]);
        assert_eq!(made["content"], texts);
        let (made, removed) = reduced(&fields(&["/customers"], false), &json!({ "structuredContent": all }));
        assert_eq!((made, removed), (json!({}), 1));
    }

    #[test]
    fn paths_are_pointers() {
        assert_eq!(Fields::path("/a~1b/~0/*"), Some(vec!["a/b".to_owned(), "~".to_owned(), "*".to_owned()]));
        for wrong in ["", "a", "/", "/a//b", "/a/"] {
            assert_eq!(Fields::path(wrong), None, "{wrong}");
        }
    }
}
