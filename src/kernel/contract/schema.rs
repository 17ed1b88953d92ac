//! A published JSON Schema, compiled once, and what it says about a value on the tape.
//!
//! The validator is the crate `jsonschema`, which reads our tape in place ([`tape`]). What is ours is
//! the distrust. A schema is a program that a server wrote, so before it is used it is measured: its
//! bytes, its depth, its nodes, its patterns, and how many schemas one value can meet at once. It may
//! reach nothing outside of itself. What the measure cannot tell - how often a recursive schema meets
//! the same value - is bounded while it runs, by fuel.
//!
//! Drafts 2020-12 (the default, MCP basic section "JSON Schema usage") and 07. `format` and the content
//! keywords are annotations in both, as 2020-12 has it (validation, sections 7 and 8).
pub mod index;
pub mod quick;
pub mod tape;

use crate::kernel::json::Value;
use index::{Additional, Index, Place};
use jsonschema::error::{TypeKind, ValidationErrorKind};
use jsonschema::{Draft, PatternOptions, Retrieve, Uri, ValidationError, Validator};
use quick::Quick;
use serde_json::Value as Json;
use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt::Write as _;
use tape::{Fuel, Prices, Spot, Tape};

/// Most mismatches told of one value.
const MISMATCHES_MAX: usize = 8;
/// Most undeclared properties told of one value.
pub const UNDECLARED_MAX: usize = 64;
/// Longest pointer, wording or reason, in characters.
const WORDS_MAX: usize = 300;
/// What may be looked at whatever the size of the value, and for each of its nodes. A look takes some
/// nanoseconds; a look at a text through a pattern, at worst, half a microsecond, and there are as many as this
/// and one for each byte.
const FUEL: u64 = 1 << 20;
const FUEL_PER_NODE: u64 = 64;
/// Errors kept before the list of all of them is given up for the first one.
const REPORTS_MAX: u64 = 1_000;
/// Program size of one pattern, in bytes.
const PATTERN_BYTES_MAX: usize = 128 << 10;
/// Cache of one pattern while it matches, in bytes.
const PATTERN_CACHE_MAX: usize = 512 << 10;

/// A compiled schema.
pub struct Schema {
    validator: Validator<Tape>,
    quick: Option<Quick>,
    index: Index,
}

/// A place where a value is not what the schema says. Never holds anything of the value but the names on
/// the way to the place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch {
    /// JSON pointer (RFC 6901) of the place; cut when it is long.
    pub pointer: String,
    /// What was expected there, in words.
    pub expected: String,
}

/// Why a schema cannot be used, for the operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unusable(pub String);

/// Whether a path of names exists in a schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    /// It does; the JSON type, where the schema says exactly one.
    Declared(Option<&'static str>),
    /// The schema leaves open what is there.
    Free,
    /// No declaration knows it.
    Unknown,
}

/// References lead nowhere but into the schema itself.
struct Nowhere;

impl Retrieve for Nowhere {
    fn retrieve(&self, uri: &Uri<String>) -> Result<Json, Box<dyn std::error::Error + Send + Sync>> {
        Err(format!("{uri} is outside of the schema").into())
    }
}

fn validator(schema: &Json, draft: Draft) -> Result<Validator<Tape>, Unusable> {
    jsonschema::options_for::<Tape>()
        .with_draft(draft)
        .with_retriever(Nowhere)
        .with_pattern_options(PatternOptions::regex().size_limit(PATTERN_BYTES_MAX).dfa_size_limit(PATTERN_CACHE_MAX))
        .should_validate_formats(false)
        .without_content_encoding_support("base64")
        .without_content_media_type_support("application/json")
        .build(schema)
        .map_err(|error| {
            let place = error.instance_path().as_str().to_owned();
            Unusable(cut(&format!("{place}: {error}")))
        })
}

/// No longer than [`WORDS_MAX`].
fn cut(text: &str) -> String {
    match text.char_indices().nth(WORDS_MAX) {
        Some((at, _)) => format!("{}…", text.get(..at).unwrap_or_default()),
        None => text.to_owned(),
    }
}

impl std::fmt::Debug for Schema {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Schema").field("places", &self.index.len()).finish_non_exhaustive()
    }
}

impl Schema {
    /// Compiles a schema. The draft is 2020-12, or 07 where `$schema` says so.
    ///
    /// Bounds: 256 KiB as text, 32 levels, 20,000 nodes, 256 patterns of 128 KiB as programs, and what
    /// [`Index::build`] says about references.
    ///
    /// # Errors
    /// [`Unusable`] for what is no schema, is past a bound, declares another draft, refers to anything
    /// outside of itself, or has a pattern that cannot be matched in linear time.
    pub fn compile(schema: &Json) -> Result<Self, Unusable> {
        // In this order: each step may rely on the bounds that the one before it has checked.
        index::measure(schema)?;
        let draft = index::draft(schema)?;
        let index = Index::build(schema, draft)?;
        let validator = validator(schema, draft)?;
        Ok(Self { validator, quick: Quick::compile(schema, draft), index })
    }

    /// Whether a value is what the schema says; at most 8 places where it is not.
    ///
    /// A value whose validation costs too much is refused as one mismatch of the whole: so is a text of more
    /// than about a mebibyte that is held against a pattern.
    ///
    /// # Errors
    /// The mismatches, at least one.
    pub fn validate(&self, value: Value<'_>) -> Result<(), Vec<Mismatch>> {
        if self.quick.as_ref().is_some_and(|quick| quick.fits(value, &self.fuel(value, 0))) {
            return Ok(());
        }
        let fuel = self.fuel(value, 0);
        let valid = self.validator.is_valid(Spot::Value(value, &fuel));
        if fuel.spent() {
            return Err(vec![whole("a value that can be validated at reasonable cost")]);
        }
        if valid { Ok(()) } else { Err(self.mismatches(value)) }
    }

    /// What is wrong with a value that is not valid. Without a conclusion within the fuel, less is told.
    fn mismatches(&self, value: Value<'_>) -> Vec<Mismatch> {
        let fuel = self.fuel(value, REPORTS_MAX);
        let mut told = Vec::new();
        for error in self.validator.iter_errors(Spot::Value(value, &fuel)) {
            describe(&error, &mut told);
            if told.len() >= MISMATCHES_MAX {
                break;
            }
        }
        if fuel.spent() {
            told.clear();
            let fuel = self.fuel(value, REPORTS_MAX);
            let first = self.validator.validate(Spot::Value(value, &fuel));
            if let (Err(error), false) = (first, fuel.spent()) {
                describe(&error, &mut told);
            }
        }
        told.truncate(MISMATCHES_MAX);
        if told.is_empty() {
            told.push(whole("a value that matches the schema"));
        }
        told
    }

    fn fuel(&self, value: Value<'_>, reports: u64) -> Fuel {
        let bytes = value.raw().len() as u64;
        let looks = FUEL + FUEL_PER_NODE * value.weight() as u64 + bytes;
        let prices = Prices {
            // Chains of schemas that touch nothing are paid for with the visit that leads to them.
            visit: 1 + self.index.widest / 64,
            names: self.index.names,
            // A pattern whose automaton grows too large is matched one position at a time.
            byte: self.index.positions.div_ceil(16),
            report: looks.checked_div(reports).unwrap_or(0),
        };
        Fuel::new(looks, FUEL + bytes, prices)
    }

    /// The names of all properties that it declares anywhere.
    pub fn properties(&self) -> impl Iterator<Item = &str> {
        self.index.properties()
    }

    /// Properties that no declaration of the schema knows, with their JSON pointers; at most 64.
    ///
    /// A property is declared by `properties`, by `patternProperties`, or by `additionalProperties` or
    /// `unevaluatedProperties` that is written out as a schema or `true`, in any schema that applies in
    /// place (`allOf`, `anyOf`, `oneOf`, `if`, `then`, `else`, `dependentSchemas`, `$ref`); followed through
    /// `items` and `prefixItems`. An object about whose properties nothing is said is free-form.
    ///
    /// Where a schema and a value are too much for each other, the whole value is told, as if nothing of it
    /// were declared.
    pub fn undeclared<'a>(&self, value: Value<'a>) -> Vec<(String, Value<'a>)> {
        let fuel = self.fuel(value, 0);
        let mut search = Search { index: &self.index, fuel: &fuel, path: Vec::new(), found: Vec::new() };
        search.visit(value, &[Index::ROOT]);
        let found = search.found;
        if fuel.spent() { vec![(String::new(), value)] } else { found }
    }

    /// Whether a path of names exists in the schema: of properties, or a number for an element of an array.
    pub fn has(&self, path: &[&str]) -> Known {
        let mut places = self.index.closure(&[Index::ROOT]);
        for name in path {
            if self.index.is_free(&places) {
                return Known::Free;
            }
            let position = name.parse::<usize>().ok();
            let mut next = Vec::new();
            let mut open = false;
            for place in places.iter().filter_map(|place| self.index.get(*place)) {
                let before = next.len();
                place.property(name, Spot::Text(name), &mut next);
                if next.len() == before {
                    match place.additional {
                        Additional::Free => open = true,
                        Additional::Schema(schema) => next.push(schema),
                        Additional::Unsaid | Additional::Closed => {}
                    }
                }
                if let Some(position) = position {
                    next.extend(place.element(position));
                }
            }
            if next.is_empty() {
                return if open { Known::Free } else { Known::Unknown };
            }
            places = self.index.closure(&next);
        }
        let types = places.iter().filter_map(|place| self.index.get(*place)).flat_map(|place| place.types.as_deref());
        let types: HashSet<&[&'static str]> = types.collect();
        let mut types = types.into_iter();
        Known::Declared(match (types.next(), types.next()) {
            (Some([one]), None) => Some(one),
            _ => None,
        })
    }
}

struct Search<'s, 'a> {
    index: &'s Index,
    fuel: &'s Fuel,
    /// Where it is: put into words only for what is found.
    path: Vec<Step<'a>>,
    found: Vec<(String, Value<'a>)>,
}

enum Step<'a> {
    Name(Cow<'a, str>),
    Position(usize),
}

impl<'a> Search<'_, 'a> {
    fn visit(&mut self, value: Value<'a>, places: &[u32]) {
        if !(value.is_object() || value.is_array()) || self.found.len() >= UNDECLARED_MAX {
            return;
        }
        let places = self.index.closure(places);
        if !self.fuel.pay(1 + places.len() as u64) || self.index.is_free(&places) {
            return;
        }
        let places: Vec<&Place> = places.iter().filter_map(|place| self.index.get(*place)).collect();
        let mut next = Vec::new();
        for (position, element) in value.elements().enumerate() {
            if !self.fuel.pay(1 + places.len() as u64) {
                return;
            }
            if !(element.is_object() || element.is_array()) {
                continue;
            }
            next.clear();
            next.extend(places.iter().filter_map(|place| place.element(position)));
            self.step(Step::Position(position), element, &next);
        }
        for (key, member) in value.entries() {
            let price: usize = places.iter().map(|place| 1 + place.patterns()).sum();
            if !self.fuel.pay(1 + price as u64) || self.found.len() >= UNDECLARED_MAX {
                return;
            }
            let (name, spot) = (key.text(), Spot::Value(key.value(), self.fuel));
            let mut declared = false;
            next.clear();
            for place in &places {
                let before = next.len();
                place.property(&name, spot, &mut next);
                if next.len() == before {
                    match place.additional {
                        Additional::Free => declared = true,
                        Additional::Schema(schema) => next.push(schema),
                        Additional::Unsaid | Additional::Closed => {}
                    }
                }
            }
            if next.is_empty() && !declared {
                let at = self.pointer(&name);
                self.found.push((at, member));
            } else {
                self.step(Step::Name(name), member, &next);
            }
        }
    }

    fn step(&mut self, step: Step<'a>, value: Value<'a>, places: &[u32]) {
        if places.is_empty() || !(value.is_object() || value.is_array()) {
            return;
        }
        self.path.push(step);
        self.visit(value, places);
        self.path.pop();
    }

    /// Of a name at this place; no longer than what is shown of it.
    fn pointer(&self, name: &str) -> String {
        let mut pointer = String::new();
        for step in &self.path {
            if pointer.len() > 4 * WORDS_MAX {
                break;
            }
            let _ = match step {
                Step::Name(name) => write!(pointer, "/{}", escape(&cut(name))),
                Step::Position(position) => write!(pointer, "/{position}"),
            };
        }
        cut(&format!("{pointer}/{}", escape(name)))
    }
}

/// A name as a segment of a JSON pointer (RFC 6901, section 3).
fn escape(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

fn whole(expected: &str) -> Mismatch {
    Mismatch { pointer: String::new(), expected: expected.to_owned() }
}

/// An error in words. Only what the schema says goes into them: the value may be a secret.
fn describe(error: &ValidationError<'_>, told: &mut Vec<Mismatch>) {
    use ValidationErrorKind as Kind;
    let pointer = error.instance_path().as_str();
    let expected = match error.kind() {
        Kind::AdditionalProperties { unexpected } | Kind::UnevaluatedProperties { unexpected } => {
            for name in unexpected.iter().take(MISMATCHES_MAX) {
                let pointer = cut(&format!("{pointer}/{}", escape(name)));
                told.push(Mismatch { pointer, expected: "no property of this name".to_owned() });
            }
            return;
        }
        Kind::Required { property } => format!("the property {property}"),
        Kind::Type { kind: TypeKind::Single(one) } => one.as_str().to_owned(),
        Kind::Type { kind: TypeKind::Multiple(several) } => {
            let names: Vec<&str> = several.iter().map(|one| one.as_str()).collect();
            names.join(" or ")
        }
        Kind::Enum { options } => format!("one of {options}"),
        Kind::Constant { expected_value } => format!("{expected_value}"),
        Kind::Minimum { limit } => format!("at least {limit}"),
        Kind::Maximum { limit } => format!("at most {limit}"),
        Kind::ExclusiveMinimum { limit } => format!("more than {limit}"),
        Kind::ExclusiveMaximum { limit } => format!("less than {limit}"),
        Kind::MultipleOf { multiple_of } => format!("a multiple of {multiple_of}"),
        Kind::MinLength { limit } => format!("at least {limit} characters"),
        Kind::MaxLength { limit } => format!("at most {limit} characters"),
        Kind::Pattern { pattern } => format!("text that matches {pattern}"),
        Kind::MinItems { limit } => format!("at least {limit} elements"),
        Kind::MaxItems { limit } => format!("at most {limit} elements"),
        Kind::AdditionalItems { limit } => format!("at most {limit} elements"),
        Kind::UnevaluatedItems { .. } => "no further elements".to_owned(),
        Kind::UniqueItems => "elements that differ from each other".to_owned(),
        Kind::Contains => "an element as `contains` says".to_owned(),
        Kind::MinProperties { limit } => format!("at least {limit} properties"),
        Kind::MaxProperties { limit } => format!("at most {limit} properties"),
        Kind::PropertyNames { .. } => "property names as `propertyNames` says".to_owned(),
        Kind::AnyOf { .. } => "what one of `anyOf` says".to_owned(),
        Kind::OneOfNotValid { .. } => "what one of `oneOf` says".to_owned(),
        Kind::OneOfMultipleValid { .. } => "what exactly one of `oneOf` says, not several".to_owned(),
        Kind::Not { .. } => "anything but what `not` says".to_owned(),
        Kind::FalseSchema => "nothing here".to_owned(),
        other => format!("what `{}` says", other.keyword()),
    };
    told.push(Mismatch { pointer: cut(pointer), expected: cut(&expected) });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::json::{Bounds, Document};
    use bytes::Bytes;
    use serde_json::json;

    fn tape(text: &str) -> Document {
        Document::parse(Bytes::copy_from_slice(text.as_bytes()), &Bounds::default()).unwrap()
    }

    fn valid(schema: &Json, text: &str) -> bool {
        Schema::compile(schema).unwrap().validate(tape(text).root()).is_ok()
    }

    fn told(schema: &Json, text: &str) -> Vec<(String, String)> {
        let mismatches = Schema::compile(schema).unwrap().validate(tape(text).root()).unwrap_err();
        mismatches.into_iter().map(|mismatch| (mismatch.pointer, mismatch.expected)).collect()
    }

    fn undeclared(schema: &Json, text: &str) -> Vec<String> {
        let document = tape(text);
        let found = Schema::compile(schema).unwrap().undeclared(document.root());
        found.into_iter().map(|(pointer, _)| pointer).collect()
    }

    #[test]
    fn a_schema_may_be_shared_between_threads() {
        fn shared<T: Send + Sync + std::fmt::Debug>() {}
        shared::<Schema>();
    }

    #[test]
    fn a_mismatch_says_where_and_what_was_expected() {
        let schema = json!({ "type": "object", "required": ["id"], "additionalProperties": false, "properties": {
            "id": { "type": "integer", "minimum": 1 }, "a/b": { "items": { "enum": ["x", "y"] } },
            "name": { "type": ["string", "null"] }, "code": { "pattern": "^[a-z]+$" } } });
        for (text, pointer, expected) in [
            (r#"{}"#, "", "the property \"id\""),
            (r#"{"id":"1"}"#, "/id", "integer"),
            (r#"{"id":0}"#, "/id", "at least 1"),
            (r#"{"id":1,"a/b":["x","z"]}"#, "/a~1b/1", "one of [\"x\",\"y\"]"),
            (r#"{"id":1,"n\u0061me":5}"#, "/name", "null or string"),
            (r#"{"id":1,"code":"A"}"#, "/code", "text that matches ^[a-z]+$"),
            (r#"{"id":1,"a/c~":1}"#, "/a~1c~0", "no property of this name"),
        ] {
            assert_eq!(told(&schema, text), [(pointer.to_owned(), expected.to_owned())], "{text}");
        }
        let many: Vec<_> = (0..50).map(|at| format!("\"{at}\"")).collect();
        assert_eq!(told(&json!({ "items": { "type": "null" } }), &format!("[{}]", many.join(","))).len(), 8);
    }

    #[test]
    fn what_is_told_never_has_the_value_and_is_never_long() {
        let none = [
            json!({ "type": "null" }),
            json!({ "enum": [1] }),
            json!({ "const": "x" }),
            json!({ "maxLength": 2, "minLength": 100 }),
            json!({ "pattern": "^x" }),
            json!({ "not": {} }),
            json!(false),
            json!({ "anyOf": [{ "const": 1 }, { "type": "array" }] }),
            json!({ "oneOf": [{}, { "minLength": 1 }] }),
        ];
        for schema in none {
            for (pointer, expected) in told(&schema, "\"s3cret\"") {
                assert!(!pointer.contains("s3cret") && !expected.contains("s3cret"), "{schema}: {expected}");
            }
        }
        let arrays = [
            json!({ "uniqueItems": true }),
            json!({ "prefixItems": [true], "items": false }),
            json!({ "unevaluatedItems": false }),
            json!({ "contains": { "type": "null" } }),
            json!({ "items": { "type": "number", "multipleOf": 7, "maximum": 1 } }),
            json!({ "maxItems": 1 }),
        ];
        for schema in arrays {
            for (pointer, expected) in told(&schema, "[\"s3cret\",\"s3cret\",314159]") {
                let all = format!("{pointer} {expected}");
                assert!(!all.contains("s3cret") && !all.contains("314159"), "{schema}: {all}");
            }
        }
        let long = "x".repeat(10_000);
        let found = told(&json!({ "additionalProperties": false }), &format!("{{\"{long}\":1}}"));
        assert!(found.iter().all(|(pointer, _)| pointer.chars().count() <= WORDS_MAX + 1));
        let found = told(&json!({ "const": long }), "1");
        assert!(found.iter().all(|(_, expected)| expected.chars().count() <= WORDS_MAX + 1));
    }

    #[test]
    fn a_number_is_what_it_is_worth_and_not_how_it_is_spelled() {
        let integer = json!({ "type": "integer" });
        for text in ["1", "1.0", "1e3", "10e-1", "-0", "0.0", "123456789012345678901234567890", "1.5e1", "1e400"] {
            assert!(valid(&integer, text), "{text}");
        }
        for text in ["1.5", "1e-1", "15e-1", "1.00000000000000000000000000001", "\"1\"", "true"] {
            assert!(!valid(&integer, text), "{text}");
        }
        assert!(valid(&json!({ "const": 100 }), "1e2"));
        assert!(valid(&json!({ "enum": [0.1, 9_007_199_254_740_993_i64] }), "9007199254740993"));
        assert!(!valid(&json!({ "enum": [0.1, 9_007_199_254_740_993_i64] }), "9007199254740992"));
        assert!(valid(&json!({ "const": 0.1 }), "1e-1"));
        assert!(valid(&json!({ "maximum": 18_446_744_073_709_551_615_u64 }), "18446744073709551615"));
        assert!(!valid(&json!({ "maximum": 18_446_744_073_709_551_615_u64 }), "1e400"));
        assert!(!valid(&json!({ "minimum": -5 }), "-1e400"));
        assert!(!valid(&json!({ "uniqueItems": true }), "[1, 2, 1.0]"));
        assert!(!valid(&json!({ "uniqueItems": true }), "[0, -0.0]"));
        assert!(valid(&json!({ "uniqueItems": true }), "[1, true, \"1\", [1], {\"1\":1}, 0, false, null]"));
    }

    #[test]
    fn text_is_measured_in_code_points_and_read_through_its_escapes() {
        let one = json!({ "minLength": 1, "maxLength": 1 });
        for text in ["\"\u{1f980}\"", r#""\ud83e\udd80""#, r#""\n""#, "\"\u{e9}\"", r#""\u00e9""#] {
            assert!(valid(&one, text), "{text}");
        }
        assert!(!valid(&one, "\"e\u{301}\""));
        assert!(!valid(&one, "\"\""));
        assert!(valid(&json!({ "const": "a\"\n" }), r#""\u0061\"\n""#));
        assert!(valid(
            &json!({ "required": ["a\"b"], "properties": { "a\"b": { "const": 1 } } }),
            r#"{"\u0061\"b":1}"#
        ));
        assert!(!valid(&json!({ "properties": { "a\"b": { "const": 1 } } }), r#"{"a\u0022b":2}"#));
        assert!(!valid(&json!({ "propertyNames": { "maxLength": 1 } }), r#"{"a":1,"\u0061b":2}"#));
        assert!(!valid(&json!({ "uniqueItems": true }), r#"[{"a":1,"b":"\u0061"},{"b":"a","a":1.0}]"#));
        assert!(valid(&json!({ "enum": [{ "a": [1, { "b": null }] }] }), r#"{"a":[1.0,{"\u0062":null}]}"#));
    }

    #[test]
    fn formats_and_contents_are_annotations() {
        for draft in ["https://json-schema.org/draft/2020-12/schema", "http://json-schema.org/draft-07/schema#"] {
            let schema = json!({ "$schema": draft, "format": "email", "contentMediaType": "application/json",
                "contentEncoding": "base64" });
            assert!(valid(&schema, "\"neither { of them\""));
        }
    }

    #[test]
    fn what_a_draft_ignores_is_ignored() {
        let schema = |draft: &str| {
            json!({ "$schema": draft, "definitions": { "x": {} }, "$ref": "#/definitions/x",
            "properties": { "a": { "type": "string" } } })
        };
        assert!(valid(&schema("http://json-schema.org/draft-07/schema#"), r#"{"a":1}"#));
        assert!(!valid(&schema("https://json-schema.org/draft/2020-12/schema"), r#"{"a":1}"#));
        assert!(undeclared(&schema("https://json-schema.org/draft/2020-12/schema"), r#"{"b":1}"#) == ["/b"]);
        assert!(undeclared(&schema("http://json-schema.org/draft-07/schema#"), r#"{"b":1}"#).is_empty());
    }

    #[test]
    fn a_property_that_no_declaration_knows_is_found() {
        let schema = json!({ "$defs": { "node": { "properties": { "next": { "$ref": "#/$defs/node" } } } },
            "allOf": [{ "properties": { "b": { "type": "integer" } } }],
            "properties": { "a": { "properties": { "x": {} } }, "list": { "items": { "properties": { "y": {} } } },
                "pair": { "prefixItems": [{ "properties": { "z": {} } }] }, "node": { "$ref": "#/$defs/node" },
                "free": { "type": "object" }, "any": {}, "map": { "additionalProperties": { "type": "string" } },
                "open": { "properties": { "q": {} }, "additionalProperties": true } },
            "patternProperties": { "^x-": true } });
        let text = r#"{"a":{"x":{"deep":1},"n":1},"b":1,"c":1,"list":[{"y":1},{"w":1}],"pair":[{"v":1},{"v":1}],
            "node":{"next":{"next":{"p/q":1}}},"free":{"k":1},"any":{"k":{"k":1}},"map":{"k":"v"},"open":{"r":1},
            "x-1":{"k":1}}"#;
        assert_eq!(undeclared(&schema, text), ["/a/n", "/c", "/list/1/w", "/pair/0/v", "/node/next/next/p~1q"]);
        assert!(undeclared(&json!({ "type": "object" }), r#"{"a":1}"#).is_empty());
        assert!(undeclared(&json!({ "anyOf": [{ "type": "object" }, { "type": "null" }] }), r#"{"a":1}"#).is_empty());
        assert_eq!(
            undeclared(&json!({ "anyOf": [{ "required": ["a"] }, { "required": ["b"] }] }), r#"{"a":1}"#),
            ["/a"]
        );
        assert_eq!(undeclared(&json!({ "additionalProperties": false }), r#"{"a":1}"#), ["/a"]);
        assert_eq!(undeclared(&json!({ "properties": {} , "unevaluatedProperties": false }), r#"{"a":1}"#), ["/a"]);
    }

    #[test]
    fn a_path_is_declared_free_or_unknown() {
        let schema = Schema::compile(&json!({ "$defs": { "person": { "type": "object",
            "properties": { "name": { "type": "string" }, "boss": { "$ref": "#/$defs/person" } } } },
            "type": "object", "properties": { "who": { "$ref": "#/$defs/person" }, "count": { "type": "integer" },
                "text": { "type": ["string", "null"] }, "any": {}, "tags": { "items": { "type": "string" } },
                "map": { "additionalProperties": { "type": "number" } }, "bag": { "type": "object" },
                "maybe": { "anyOf": [{ "$ref": "#/$defs/person" }, { "type": "null" }] } },
            "patternProperties": { "^x-": { "type": "boolean" } } }))
        .unwrap();
        for (path, known) in [
            ("who", Known::Declared(Some("object"))),
            ("who.name", Known::Declared(Some("string"))),
            ("who.boss.boss.name", Known::Declared(Some("string"))),
            ("who.nmae", Known::Unknown),
            ("count", Known::Declared(Some("integer"))),
            ("count.x", Known::Unknown),
            ("text", Known::Declared(None)),
            ("any", Known::Declared(None)),
            ("any.x.y", Known::Free),
            ("bag.x", Known::Free),
            ("map.x", Known::Declared(Some("number"))),
            ("tags.0", Known::Declared(Some("string"))),
            ("tags.x", Known::Unknown),
            ("maybe.name", Known::Declared(Some("string"))),
            ("x-1", Known::Declared(Some("boolean"))),
            ("y", Known::Unknown),
        ] {
            let names: Vec<&str> = path.split('.').collect();
            assert_eq!(schema.has(&names), known, "{path}");
        }
        assert_eq!(Schema::compile(&json!(true)).unwrap().has(&["a"]), Known::Free);
    }
}
