//! `Mcp-Param-*` (2026-07-28, "Custom headers from tool parameters"): what a client of that revision repeats of a
//! call's arguments in headers, so that somebody on the way can route by it.
use crate::kernel::json::{Kind, Value};
use crate::kernel::mcp::headers::{PARAM_PREFIX, decode_value, encode_value};
use std::collections::BTreeSet;

/// Most headers of one tool.
const MIRRORED_MAX: usize = 64;

/// One argument that is mirrored: where it is, and the header's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mirrored {
    path: Vec<String>,
    header: String,
}

impl Mirrored {
    fn value<'a>(&self, arguments: Value<'a>) -> Option<Value<'a>> {
        self.path.iter().try_fold(arguments, |value, part| value.get(part))
    }
}

/// What a tool's definition has mirrored. An error says that its annotations are invalid: clients drop such a tool.
pub fn of(tool: Value<'_>) -> Result<Vec<Mirrored>, &'static str> {
    let (mut found, mut names) = (Vec::new(), BTreeSet::new());
    if let Some(schema) = tool.get("inputSchema") {
        walk(schema, &mut Vec::new(), true, &mut found)?;
    }
    for mirrored in &found {
        if !names.insert(mirrored.header.clone()) {
            return Err("two arguments have one header");
        }
    }
    if found.len() > MIRRORED_MAX { Err("too many headers") } else { Ok(found) }
}

/// `reachable`: through `properties` alone, which is where annotations may be.
fn walk(
    schema: Value<'_>,
    path: &mut Vec<String>,
    reachable: bool,
    found: &mut Vec<Mirrored>,
) -> Result<(), &'static str> {
    if let Some(name) = schema.get("x-mcp-header") {
        let name = name.as_str().ok_or("a header's name is no text")?;
        let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
        if name.is_empty() || name.len() > 64 || !name.bytes().all(token) {
            return Err("a header's name is no token");
        }
        let kind = schema.get("type").and_then(|kind| kind.as_str());
        if !matches!(kind.as_deref(), Some("string" | "integer" | "boolean")) {
            return Err("an argument with a header is not text, integer or boolean");
        }
        if path.is_empty() || !reachable {
            return Err("a header where no argument can be told");
        }
        found.push(Mirrored { path: path.clone(), header: format!("{PARAM_PREFIX}{}", name.to_ascii_lowercase()) });
    }
    for (key, part) in schema.entries() {
        match &*key.text() {
            "properties" => {
                for (name, property) in part.entries() {
                    path.push(name.text().into_owned());
                    walk(property, path, reachable, found)?;
                    path.pop();
                }
            }
            "items" | "not" | "if" | "then" | "else" | "additionalProperties" => walk(part, path, false, found)?,
            "oneOf" | "anyOf" | "allOf" => {
                for alternative in part.elements() {
                    walk(alternative, path, false, found)?;
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// The headers of a call with these arguments: lower-case name and value, encoded.
pub fn headers(mirrored: &[Mirrored], arguments: Option<Value<'_>>) -> Vec<(String, String)> {
    let header = |one: &Mirrored| {
        let value = one.value(arguments?)?;
        let text = match value.kind() {
            Kind::String { .. } => value.as_str()?.into_owned(),
            Kind::Bool(flag) => flag.to_string(),
            Kind::Number => value.as_i64()?.to_string(),
            Kind::Null | Kind::Array | Kind::Object => return None,
        };
        Some((one.header.clone(), encode_value(&text).into_owned()))
    };
    mirrored.iter().filter_map(header).collect()
}

/// Whether headers of a call, as they came, say what its arguments say; no more, and no less.
pub fn agree(mirrored: &[Mirrored], arguments: Option<Value<'_>>, given: &[(String, String)]) -> bool {
    let expected = headers(mirrored, arguments);
    let find = |all: &[(String, String)], header: &str| {
        all.iter().find(|(name, _)| name == header).map(|(_, value)| decode_value(value))
    };
    // A number has several spellings, a text has one.
    let same = |mirrored: &Mirrored, one: &str, other: &str| {
        let number = arguments.and_then(|arguments| mirrored.value(arguments)).and_then(Value::as_i64);
        one == other || number.is_some() && other.parse().ok() == number
    };
    mirrored.iter().all(|one| match (find(&expected, &one.header), find(given, &one.header)) {
        (None, None) => true,
        (Some(Some(expected)), Some(Some(given))) => same(one, &expected, &given),
        _ => false,
    })
}

/// Whether headers that came say anything else than the arguments. One that is missing says nothing.
pub fn contradict(mirrored: &[Mirrored], arguments: Option<Value<'_>>, given: &[(String, String)]) -> bool {
    let came = |one: &&Mirrored| given.iter().any(|(name, _)| *name == one.header);
    let came: Vec<Mirrored> = mirrored.iter().filter(came).cloned().collect();
    !agree(&came, arguments, given)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::json::{Bounds, Document};

    fn document(text: &str) -> Document {
        Document::parse(text.to_owned().into(), &Bounds::default()).unwrap()
    }

    #[test]
    fn arguments_are_mirrored_as_their_schema_says() {
        let tool = document(
            r#"{"inputSchema":{"properties":{
                "region":{"type":"string","x-mcp-header":"Region"},"count":{"type":"integer","x-mcp-header":"Count"},
                "deep":{"type":"object","properties":{"flag":{"type":"boolean","x-mcp-header":"Flag"}}},"other":{"type":"string"}}}}"#,
        );
        let mirrored = of(tool.root()).unwrap();
        let arguments = document(r#"{"region":"zürich","count":3,"deep":{"flag":true},"other":"x"}"#);
        let expected = [
            ("mcp-param-region", encode_value("zürich").into_owned()),
            ("mcp-param-count", "3".to_owned()),
            ("mcp-param-flag", "true".to_owned()),
        ];
        assert_eq!(headers(&mirrored, Some(arguments.root())), expected.map(|(n, v)| (n.to_owned(), v)));
        assert!(headers(&mirrored, Some(document(r#"{"region":null}"#).root())).is_empty());
        let given =
            |all: &[(&str, &str)]| all.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect::<Vec<_>>();
        let region = encode_value("zürich");
        for (headers, expected) in [
            (vec![("mcp-param-region", &*region), ("mcp-param-count", "3"), ("mcp-param-flag", "true")], true),
            (vec![("mcp-param-region", &*region), ("mcp-param-count", "03"), ("mcp-param-flag", "true")], true),
            (vec![("mcp-param-region", "bern"), ("mcp-param-count", "3"), ("mcp-param-flag", "true")], false),
            (vec![("mcp-param-count", "3"), ("mcp-param-flag", "true")], false),
            (vec![("mcp-param-region", "=?base64?!?="), ("mcp-param-count", "3"), ("mcp-param-flag", "true")], false),
        ] {
            assert_eq!(agree(&mirrored, Some(arguments.root()), &given(&headers)), expected, "{headers:?}");
        }
        let text = document(r#"{"region":"07"}"#);
        assert!(!agree(&mirrored, Some(text.root()), &given(&[("mcp-param-region", "7")])), "a text is no number");
        assert!(!agree(&mirrored, None, &given(&[("mcp-param-count", "3")])), "of what the arguments do not have");
        assert!(agree(&mirrored, None, &given(&[("mcp-param-other", "3")])), "what no schema knows is nobody's");
    }

    #[test]
    fn an_argument_is_mirrored_however_deep_it_is() {
        let open: String = (0..20).map(|_| r#"{"properties":{"a":"#).collect();
        let tool = format!(r#"{{"inputSchema":{open}{{"type":"string","x-mcp-header":"A"}}{}}}"#, "}}".repeat(20));
        assert_eq!(of(document(&tool).root()).unwrap().len(), 1);
    }

    #[test]
    fn invalid_annotations_are_told() {
        for schema in [
            r#"{"properties":{"a":{"type":"string","x-mcp-header":""}}}"#,
            r#"{"properties":{"a":{"type":"string","x-mcp-header":"a b"}}}"#,
            r#"{"properties":{"a":{"type":"number","x-mcp-header":"A"}}}"#,
            r#"{"properties":{"a":{"type":"string","x-mcp-header":"A"},"b":{"type":"string","x-mcp-header":"a"}}}"#,
            r#"{"properties":{"a":{"type":"array","items":{"type":"string","x-mcp-header":"A"}}}}"#,
            r#"{"anyOf":[{"properties":{"a":{"type":"string","x-mcp-header":"A"}}}]}"#,
            r#"{"type":"string","x-mcp-header":"A"}"#,
        ] {
            let tool = document(&format!(r#"{{"inputSchema":{schema}}}"#));
            assert!(of(tool.root()).is_err(), "{schema}");
        }
    }
}
