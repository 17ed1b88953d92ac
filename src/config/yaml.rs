//! YAML → JSON value and the position of every node, so that each problem can name its line.
//! Duplicate keys, tags, several documents and aliases that blow up are refused.
use crate::kernel::policy::compile::pointer;
use saphyr_parser::{Event, Parser, ScalarStyle};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, HashMap};

const NODES_MAX: usize = 100_000;
/// Deepest nesting: reading is recursive, and a stack that overflows takes the process with it.
const DEPTH_MAX: usize = 64;

/// A parsed file.
#[derive(Debug)]
pub struct Yaml {
    /// Its content.
    pub value: Value,
    /// Line and column, from 1, by JSON pointer. For a mapping entry, that of its key.
    pub positions: BTreeMap<String, (usize, usize)>,
}

/// Why a file is not YAML that we read.
#[derive(Debug, PartialEq, Eq)]
pub struct Fault {
    /// Line, from 1.
    pub line: usize,
    /// Column, from 1.
    pub column: usize,
    /// Kind.
    pub kind: Kind,
    /// What is wrong.
    pub message: String,
}

/// Kinds of faults.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Not YAML, or YAML of a kind that is not used here.
    Malformed,
    /// A key written twice.
    Repeated,
    /// Over a bound.
    TooLarge,
}

/// Parses one document.
pub fn parse(text: &str) -> Result<Yaml, Fault> {
    let mut reader = Reader {
        events: Parser::new_from_str(text),
        positions: BTreeMap::new(),
        anchors: HashMap::new(),
        nodes: 0,
        depth: 0,
        last: (1, 1),
    };
    let mut value = None;
    loop {
        match reader.next()? {
            Event::StreamEnd => break,
            Event::StreamStart | Event::DocumentEnd | Event::Nothing => {}
            Event::DocumentStart(_) if value.is_none() => {
                let event = reader.next()?;
                value = Some(reader.value(event, "")?);
            }
            _ => return Err(reader.fault("more than one document")),
        }
    }
    Ok(Yaml { value: value.unwrap_or(Value::Null), positions: reader.positions })
}

struct Reader<'a> {
    events: Parser<'a, saphyr_parser::StrInput<'a>>,
    positions: BTreeMap<String, (usize, usize)>,
    anchors: HashMap<usize, (Value, usize)>,
    nodes: usize,
    depth: usize,
    last: (usize, usize),
}

impl<'a> Reader<'a> {
    fn fault(&self, message: impl Into<String>) -> Fault {
        let (line, column) = self.last;
        Fault { line, column, kind: Kind::Malformed, message: message.into() }
    }

    fn next(&mut self) -> Result<Event<'a>, Fault> {
        match self.events.next_event() {
            Some(Ok((event, span))) => {
                self.last = (span.start.line(), span.start.col() + 1);
                Ok(event)
            }
            Some(Err(error)) => {
                let marker = error.marker();
                let (line, column) = (marker.line(), marker.col() + 1);
                Err(Fault { line, column, kind: Kind::Malformed, message: error.info().to_owned() })
            }
            None => Err(self.fault("the file ends too early")),
        }
    }

    fn value(&mut self, event: Event<'a>, path: &str) -> Result<Value, Fault> {
        self.nodes += 1;
        self.depth += 1;
        if self.nodes > NODES_MAX || self.depth > DEPTH_MAX || path.len() > 4096 {
            return Err(Fault { kind: Kind::TooLarge, ..self.fault("too large or too deep") });
        }
        self.positions.entry(path.to_owned()).or_insert(self.last);
        let before = self.nodes;
        let (value, anchor) = match event {
            Event::Scalar(_, _, _, Some(_)) | Event::SequenceStart(_, Some(_)) | Event::MappingStart(_, Some(_)) => {
                return Err(self.fault("tags are not used here"));
            }
            Event::Scalar(text, style, anchor, None) => (scalar(&text, style), anchor),
            Event::SequenceStart(anchor, None) => {
                let mut items = Vec::new();
                loop {
                    match self.next()? {
                        Event::SequenceEnd => break,
                        event => items.push(self.value(event, &format!("{path}/{}", items.len()))?),
                    }
                }
                (Value::Array(items), anchor)
            }
            Event::MappingStart(anchor, None) => {
                let mut map = Map::new();
                loop {
                    let key = match self.next()? {
                        Event::MappingEnd => break,
                        Event::Scalar(key, _, _, None) => key.into_owned(),
                        _ => return Err(self.fault("a key must be plain text")),
                    };
                    let at = format!("{path}{}", pointer(&key));
                    if map.contains_key(&key) {
                        let fault = self.fault(format!("`{key}` is written twice"));
                        return Err(Fault { kind: Kind::Repeated, ..fault });
                    }
                    self.positions.insert(at.clone(), self.last);
                    let event = self.next()?;
                    let value = self.value(event, &at)?;
                    map.insert(key, value);
                }
                (Value::Object(map), anchor)
            }
            Event::Alias(id) => {
                let (value, size) = self.anchors.get(&id).cloned().ok_or_else(|| self.fault("unknown alias"))?;
                // Expanded size counts, so that aliases of aliases cannot blow up.
                self.nodes += size;
                (value, 0)
            }
            _ => return Err(self.fault("unexpected content")),
        };
        self.depth -= 1;
        if anchor > 0 {
            self.anchors.insert(anchor, (value.clone(), self.nodes - before + 1));
        }
        Ok(value)
    }
}

/// YAML 1.2 core schema: no `yes`/`no`, no octal surprises.
fn scalar(text: &str, style: ScalarStyle) -> Value {
    if style != ScalarStyle::Plain {
        return Value::String(text.to_owned());
    }
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => Value::Bool(true),
        "false" | "False" | "FALSE" => Value::Bool(false),
        _ => match text.parse::<i64>() {
            Ok(number) if !text.starts_with('+') => Value::from(number),
            _ => float(text).map_or_else(|| Value::String(text.to_owned()), Value::Number),
        },
    }
}

/// Digits with a point or an exponent, as the core schema has it; not `.inf`, `.nan` and what would become one.
fn float(text: &str) -> Option<serde_json::Number> {
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let digits = unsigned.starts_with(|c: char| c.is_ascii_digit());
    let marked = unsigned.contains(['.', 'e', 'E']);
    let number = unsigned.bytes().all(|b| b.is_ascii_digit() || b".eE+-".contains(&b));
    if digits && marked && number { text.parse().ok().and_then(serde_json::Number::from_f64) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_scalars_are_what_the_core_schema_says() {
        for (text, expected) in [
            ("1", serde_json::json!(1)),
            ("2.5", serde_json::json!(2.5)),
            ("-1e3", serde_json::json!(-1000.0)),
            ("1.2.3", serde_json::json!("1.2.3")),
            ("2026-12-01", serde_json::json!("2026-12-01")),
            ("127.0.0.1:80", serde_json::json!("127.0.0.1:80")),
            ("1e999", serde_json::json!("1e999")),
            ("yes", serde_json::json!("yes")),
        ] {
            assert_eq!(scalar(text, ScalarStyle::Plain), expected, "{text}");
        }
    }

    #[test]
    fn positions_name_the_key_and_duplicates_are_refused() {
        let yaml = parse("a: 1\nb:\n  - { c: [x, 'true'] }\n").unwrap();
        assert_eq!(yaml.value, serde_json::json!({"a": 1, "b": [{"c": ["x", "true"]}]}));
        assert_eq!(yaml.positions["/b/0/c"], (3, 7));
        assert_eq!(parse("a: 1\na: 2\n").unwrap_err().message, "`a` is written twice");
        let bomb = "a: &a [1,1,1,1,1,1,1,1,1,1]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: [*e,*e,*e,*e,*e,*e,*e,*e,*e,*e]\n";
        assert!(parse(bomb).is_err());
        assert_eq!(parse(&"- ".repeat(2040)).unwrap_err().kind, Kind::TooLarge);
    }
}
