//! What a server offers, as one value: everything that a client or a model is told before it calls.
//!
//! Each item has a fingerprint that changes exactly when its meaning does: whitespace, the order of keys
//! and the order of what is a set within a schema (`required`, a list of types) do not count, every other byte does.
use crate::kernel::digest::Digest;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// What kind of thing an item is. The order is that of the lock file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// The server itself: `serverInfo`, `capabilities`, `instructions`.
    Server,
    /// Tools by name.
    Tools,
    /// Prompts by name.
    Prompts,
    /// Resources by URI.
    Resources,
    /// Resource templates by template.
    Templates,
    /// Contents of `ui://` resources: media type, digest of the bytes, `_meta`.
    Widgets,
}

impl Kind {
    /// All of them, in the order of the file.
    pub const ALL: [Self; 6] =
        [Self::Server, Self::Tools, Self::Prompts, Self::Resources, Self::Templates, Self::Widgets];

    /// The key in the lock file.
    pub fn name(self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::Tools => "tools",
            Self::Prompts => "prompts",
            Self::Resources => "resources",
            Self::Templates => "templates",
            Self::Widgets => "widgets",
        }
    }

    /// What one of them is called.
    pub fn one(self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::Tools => "tool",
            Self::Prompts => "prompt",
            Self::Resources => "resource",
            Self::Templates => "template",
            Self::Widgets => "widget",
        }
    }
}

/// Everything a server offers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Surface(pub BTreeMap<Kind, BTreeMap<String, Value>>);

/// Fingerprints of what a server was seen to offer. What was not looked at is not in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Observed(pub BTreeMap<Kind, BTreeMap<String, Digest>>);

impl Surface {
    /// The definition of one item.
    pub fn item(&self, kind: Kind, name: &str) -> Option<&Value> {
        self.0.get(&kind)?.get(name)
    }

    /// All items of one kind.
    pub fn items(&self, kind: Kind) -> impl Iterator<Item = (&str, &Value)> {
        self.0.get(&kind).into_iter().flatten().map(|(name, value)| (name.as_str(), value))
    }

    /// Adds an item; false if there is one of that name.
    pub fn add(&mut self, kind: Kind, name: String, definition: Value) -> bool {
        self.0.entry(kind).or_default().insert(name, definition).is_none()
    }

    /// How many items there are of all kinds.
    pub fn count(&self) -> usize {
        self.0.values().map(BTreeMap::len).sum()
    }

    /// One digest over the names and fingerprints of all items.
    pub fn digest(&self, server: &str) -> Digest {
        let mut parts: Vec<Vec<u8>> = vec![b"portcullis contract 1".to_vec(), server.as_bytes().to_vec()];
        for (kind, items) in &self.0 {
            for (name, definition) in items {
                parts.push(kind.name().as_bytes().to_vec());
                parts.push(name.as_bytes().to_vec());
                parts.push(fingerprint(definition).bytes().to_vec());
            }
        }
        Digest::of_parts(&parts.iter().map(Vec::as_slice).collect::<Vec<_>>())
    }

    /// Its fingerprints.
    pub fn observed(&self) -> Observed {
        let each = |items: &BTreeMap<String, Value>| {
            items.iter().map(|(name, definition)| (name.clone(), fingerprint(definition))).collect()
        };
        Observed(self.0.iter().map(|(kind, items)| (*kind, each(items))).collect())
    }
}

impl Observed {
    /// Whether an item was seen, and with which fingerprint.
    pub fn item(&self, kind: Kind, name: &str) -> Option<&Digest> {
        self.0.get(&kind)?.get(name)
    }
}

/// What the contents of a widget are pinned by.
pub fn widget(mime: &str, content: &[u8], meta: Option<&Value>) -> Value {
    let digest = Digest::of(content).to_string();
    let mut pin = Map::new();
    pin.insert("mimeType".to_owned(), json!(mime));
    pin.insert("sha256".to_owned(), json!(digest));
    pin.insert("bytes".to_owned(), json!(content.len()));
    if let Some(meta) = meta {
        pin.insert("_meta".to_owned(), meta.clone());
    }
    Value::Object(pin)
}

/// The fingerprint of a definition.
pub fn fingerprint(definition: &Value) -> Digest {
    let mut out = Vec::with_capacity(1024);
    canonical(definition, Within::Definition, &mut out);
    Digest::of(&out)
}

/// Where a value stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Within {
    /// It is the definition.
    Definition,
    /// A JSON Schema, in which `required` and a list of types are sets.
    Schema,
    /// Anything else: values of `const` and `enum` too, whatever their keys are called.
    Data,
}

impl Within {
    /// Of the value of this key.
    fn value_of(self, key: &str) -> Self {
        match (self, key) {
            (Self::Definition, "inputSchema" | "outputSchema") => Self::Schema,
            (Self::Schema, "const" | "enum" | "default" | "example" | "examples") => Self::Data,
            (Self::Schema, _) => Self::Schema,
            _ => Self::Data,
        }
    }
}

/// One spelling for all texts of one meaning: keys sorted, no whitespace, sets sorted.
fn canonical(value: &Value, within: Within, out: &mut Vec<u8>) {
    match value {
        Value::Object(fields) => {
            let mut sorted: Vec<(&String, &Value)> = fields.iter().collect();
            sorted.sort_by_key(|(key, _)| *key);
            out.push(b'{');
            for (position, (key, value)) in sorted.into_iter().enumerate() {
                if position > 0 {
                    out.push(b',');
                }
                crate::kernel::json::write_string(key, out);
                out.push(b':');
                let is_set = within == Within::Schema && matches!(key.as_str(), "required" | "type");
                match texts(value).filter(|_| is_set) {
                    Some(mut set) => {
                        set.sort_unstable();
                        canonical(&json!(set), Within::Data, out);
                    }
                    None => canonical(value, within.value_of(key), out),
                }
            }
            out.push(b'}');
        }
        Value::Array(items) => {
            out.push(b'[');
            for (position, item) in items.iter().enumerate() {
                if position > 0 {
                    out.push(b',');
                }
                canonical(item, within, out);
            }
            out.push(b']');
        }
        Value::String(text) => crate::kernel::json::write_string(text, out),
        other => out.extend_from_slice(other.to_string().as_bytes()),
    }
}

/// An array of nothing but texts.
fn texts(value: &Value) -> Option<Vec<&str>> {
    value.as_array()?.iter().map(Value::as_str).collect()
}

/// The value with all keys sorted, for files that people compare.
pub fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let fields: BTreeMap<&String, Value> = fields.iter().map(|(key, value)| (key, sorted(value))).collect();
            Value::Object(fields.into_iter().map(|(key, value)| (key.clone(), value)).collect())
        }
        Value::Array(items) => Value::Array(items.iter().map(sorted).collect()),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every place in a value where a text, number, boolean or key stands, changed by the least amount.
    fn changed(value: &Value) -> Vec<Value> {
        match value {
            Value::String(text) => vec![json!(format!("{text}x"))],
            Value::Bool(flag) => vec![json!(!flag)],
            Value::Number(number) => vec![json!(number.as_f64().unwrap_or(0.0) + 1.0)],
            Value::Null => vec![json!(0)],
            Value::Array(items) => {
                let mut all = vec![json!([items.as_slice(), &[json!("one more")]].concat())];
                for (at, item) in items.iter().enumerate() {
                    for other in changed(item) {
                        let mut copy = items.clone();
                        copy[at] = other;
                        all.push(Value::Array(copy));
                    }
                }
                all
            }
            Value::Object(fields) => {
                let mut more = fields.clone();
                more.insert("one more".to_owned(), Value::Null);
                let mut all = vec![Value::Object(more)];
                for (key, item) in fields {
                    let mut without = fields.clone();
                    without.remove(key);
                    let mut renamed = without.clone();
                    renamed.insert(format!("{key}x"), item.clone());
                    all.extend([Value::Object(without), Value::Object(renamed)]);
                    for other in changed(item) {
                        let mut copy = fields.clone();
                        copy.insert(key.clone(), other);
                        all.push(Value::Object(copy));
                    }
                }
                all
            }
        }
    }

    fn tool() -> Value {
        json!({
            "name": "find_customer", "title": "Find", "description": "Finds.",
            "inputSchema": { "type": "object", "properties": { "id": { "type": ["string", "null"], "maxLength": 5 } }, "required": ["id", "at"] },
            "outputSchema": { "type": "object" },
            "annotations": { "readOnlyHint": true },
            "icons": [{ "src": "https://a.example/i.png" }],
            "_meta": { "ui": { "resourceUri": "ui://a", "csp": { "connectDomains": ["https://a.example"] } }, "n": null },
            "execution": { "taskSupport": "forbidden" },
        })
    }

    #[test]
    fn every_change_of_one_place_is_seen() {
        let all = changed(&tool());
        assert!(all.len() > 60, "{}", all.len());
        for other in all {
            assert_ne!(fingerprint(&other), fingerprint(&tool()), "{other}");
        }
    }

    #[test]
    fn whitespace_key_order_and_the_order_of_sets_are_not_seen() {
        let spaced: Value = serde_json::from_str(
            r#"{ "inputSchema": { "required" : ["b","a"],  "type": ["null", "string"], "properties": {"b": {}, "a": {"enum": [1, 2]}} } }"#,
        )
        .unwrap();
        let plain: Value = serde_json::from_str(
            r#"{"inputSchema":{"properties":{"a":{"enum":[1,2]},"b":{}},"type":["string","null"],"required":["a","b"]}}"#,
        )
        .unwrap();
        assert_eq!(fingerprint(&spaced), fingerprint(&plain));
    }

    #[test]
    fn the_order_of_a_list_that_is_no_set_of_a_schema_is_seen() {
        for (a, b) in [
            (json!({ "inputSchema": { "enum": [1, 2] } }), json!({ "inputSchema": { "enum": [2, 1] } })),
            (
                json!({ "inputSchema": { "const": { "type": ["a", "b"] } } }),
                json!({ "inputSchema": { "const": { "type": ["b", "a"] } } }),
            ),
            (json!({ "_meta": { "required": ["a", "b"] } }), json!({ "_meta": { "required": ["b", "a"] } })),
            (json!({ "required": ["a", "b"] }), json!({ "required": ["b", "a"] })),
        ] {
            assert_ne!(fingerprint(&a), fingerprint(&b), "{a} {b}");
        }
    }

    #[test]
    fn the_digest_names_the_server_and_where_each_item_is() {
        let mut a = Surface::default();
        assert!(a.add(Kind::Tools, "x".to_owned(), json!({})));
        assert!(!a.add(Kind::Tools, "x".to_owned(), json!({})));
        let mut b = Surface::default();
        b.add(Kind::Prompts, "x".to_owned(), json!({}));
        assert_ne!(a.digest("s"), b.digest("s"));
        assert_ne!(a.digest("s"), a.digest("t"));
    }
}
