//! YAML → JSON value and the position of every node, so that each problem can name its line.
//! Duplicate keys, tags, several documents and aliases that blow up are refused.
use crate::kernel::policy::compile::pointer;
use saphyr_parser::{Event, Parser, ScalarStyle};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, HashMap};

const NODES_MAX: usize = 100_000;
/// Deepest nesting: reading is recursive, and a stack that overflows takes the process with it.
const DEPTH_MAX: usize = 64;
/// Longest text in all: an alias of a long text is one value, and as long as the text each time.
const BYTES_MAX: usize = 32 << 20;
/// Longest path to a value, as a JSON pointer.
const PATH_BYTES_MAX: usize = 4096;

/// A parsed file.
#[derive(Debug)]
pub struct Yaml {
    /// Its content.
    pub value: Value,
    /// Line and column, from 1, by JSON pointer. For a mapping entry, that of its key.
    pub positions: BTreeMap<String, (usize, usize)>,
    /// Where each text stands, by JSON pointer.
    pub texts: BTreeMap<String, Extent>,
}

/// Where a text stands in its file. In a quoted or folded one, what is read is not what is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// First character, counted from the beginning of the file.
    from: usize,
    line: usize,
    column: usize,
}

impl Extent {
    /// Line and column of what was read from here as the byte at `offset` of `value`.
    pub fn place(&self, file: &str, value: &str, offset: usize) -> (usize, usize) {
        let (mut line, mut column, mut found) = (self.line, self.column, (self.line, self.column));
        // Each character that was read is the next like it in the file: what is in between is quotes, escapes,
        // line breaks and indentation.
        let mut wanted = value.char_indices().filter(|(_, c)| !c.is_whitespace());
        let mut next = wanted.next();
        for character in file.chars().skip(self.from) {
            if next.is_some_and(|(_, c)| c == character) {
                if next.is_some_and(|(at, _)| at >= offset) {
                    return (line, column);
                }
                found = (line, column);
                next = wanted.next();
            }
            if character == '\n' {
                (line, column) = (line + 1, 1);
            } else {
                column += 1;
            }
            if next.is_none() {
                break;
            }
        }
        found
    }
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
        texts: BTreeMap::new(),
        anchors: HashMap::new(),
        from: 0,
        nodes: 0,
        bytes: 0,
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
    Ok(Yaml { value: value.unwrap_or(Value::Null), positions: reader.positions, texts: reader.texts })
}

struct Reader<'a> {
    events: Parser<'a, saphyr_parser::StrInput<'a>>,
    positions: BTreeMap<String, (usize, usize)>,
    texts: BTreeMap<String, Extent>,
    /// Characters before the last event.
    from: usize,
    /// Values by anchor, with how many values and bytes they are.
    anchors: HashMap<usize, (Value, usize, usize)>,
    nodes: usize,
    bytes: usize,
    depth: usize,
    last: (usize, usize),
}

impl<'a> Reader<'a> {
    fn fault(&self, message: impl Into<String>) -> Fault {
        let (line, column) = self.last;
        Fault { line, column, kind: Kind::Malformed, message: message.into() }
    }

    /// Counts what is about to be kept.
    fn count(&mut self, nodes: usize, bytes: usize) -> Result<(), Fault> {
        self.nodes += nodes;
        self.bytes += bytes;
        if self.nodes > NODES_MAX {
            let what = format!("more than {NODES_MAX} values, aliases counted as what they stand for");
            return Err(self.too_large(what));
        }
        if self.bytes > BYTES_MAX {
            let what = format!("more than {BYTES_MAX} bytes, aliases counted as what they stand for");
            return Err(self.too_large(what));
        }
        Ok(())
    }

    fn too_large(&self, message: String) -> Fault {
        Fault { kind: Kind::TooLarge, ..self.fault(message) }
    }

    fn next(&mut self) -> Result<Event<'a>, Fault> {
        match self.events.next_event() {
            Some(Ok((event, span))) => {
                self.last = (span.start.line(), span.start.col() + 1);
                self.from = span.start.index();
                Ok(event)
            }
            Some(Err(error)) => {
                let marker = error.marker();
                let (line, column) = (marker.line(), marker.col() + 1);
                let message = error.info().to_owned();
                let kind = if message.contains("recursion limit") { Kind::TooLarge } else { Kind::Malformed };
                Err(Fault { line, column, kind, message })
            }
            None => Err(self.fault("the file ends too early")),
        }
    }

    fn value(&mut self, event: Event<'a>, path: &str) -> Result<Value, Fault> {
        self.depth += 1;
        let before = (self.nodes, self.bytes);
        self.count(1, path.len())?;
        if self.depth > DEPTH_MAX || path.len() > PATH_BYTES_MAX {
            return Err(self.too_large(format!("deeper than {DEPTH_MAX} levels, or names that are too long")));
        }
        self.positions.entry(path.to_owned()).or_insert(self.last);
        let (value, anchor) = match event {
            Event::Scalar(_, _, _, Some(_)) | Event::SequenceStart(_, Some(_)) | Event::MappingStart(_, Some(_)) => {
                return Err(self.fault("tags are not used here"));
            }
            Event::Scalar(text, style, anchor, None) => {
                let (line, column) = self.last;
                self.count(0, text.len())?;
                self.texts.insert(path.to_owned(), Extent { from: self.from, line, column });
                (scalar(&text, style), anchor)
            }
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
                        Event::Alias(_) => return Err(self.fault("a key must be plain text, not an alias")),
                        Event::Scalar(_, _, _, Some(_)) => return Err(self.fault("tags are not used here")),
                        _ => return Err(self.fault("a key must be plain text, not a list or a map")),
                    };
                    let at = format!("{path}{}", pointer(&key));
                    if key == "<<" {
                        return Err(self.fault("merge keys (`<<`) are not used here; write the fields out"));
                    }
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
                // Expanded size counts, so that aliases of aliases cannot blow up.
                let Some((_, nodes, bytes)) = self.anchors.get(&id) else { return Err(self.fault("unknown alias")) };
                self.count(*nodes, *bytes)?;
                let value = self.anchors.get(&id).map(|(value, _, _)| value.clone());
                (value.unwrap_or_default(), 0)
            }
            _ => return Err(self.fault("unexpected content")),
        };
        self.depth -= 1;
        if anchor > 0 {
            self.anchors.insert(anchor, (value.clone(), self.nodes - before.0, self.bytes - before.1));
        }
        Ok(value)
    }
}

/// What to do about a fault, where its words do not say.
pub fn hint(message: &str) -> &'static str {
    match message {
        m if m.contains("unprintable") => "remove the character; in a quoted text it can be written as \\x1b",
        m if m.contains("tabs") => "indent with spaces",
        m if m.contains("more than one document") => "one document a file; remove the `---`",
        m if m.contains("tags") => "leave the tag out; quote what should be a text",
        m if m.contains("must be plain text") => "write the key out",
        m if m.contains("merge keys") => "use `defaults`, or an alias for the whole value",
        m if m.contains("anchor") || m.contains("alias") => "declare the anchor above its first use",
        _ => "check indentation and colons; quote a text that has `: `, ` #` or begins with a sign",
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
    fn a_part_of_a_text_is_found_where_it_was_written() {
        let place = |file: &str, part: &str| {
            let yaml = parse(file).unwrap();
            let value = yaml.value["a"].as_str().unwrap();
            yaml.texts["/a"].place(file, value, value.find(part).unwrap())
        };
        assert_eq!(place("a: x == y\n", "y"), (1, 9));
        assert_eq!(place("a: 'x == ''y'' '\n", "y"), (1, 12));
        assert_eq!(place("a: \"x == \\\"y\\\"\"\n", "y"), (1, 12));
        assert_eq!(place("a: |\n  x ==\n    y\n", "y"), (3, 5));
        assert_eq!(place("a: >-\n  x ==\n\n  y\n", "y"), (4, 3));
        assert_eq!(place("a: x ==\n   y\n", "y"), (2, 4));
    }

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
        assert_eq!(parse(bomb).unwrap_err().kind, Kind::TooLarge);
        assert_eq!(parse(&"- ".repeat(2040)).unwrap_err().kind, Kind::TooLarge);
    }
}
