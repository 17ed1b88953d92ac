//! The schemas that nearly all tools have, checked in one pass over the tape.
//!
//! What tools publish is made by a few generators and seldom says more than types, properties and ranges. A schema of
//! nothing else is compiled here too, and whatever fits it by this pass fits it. What does not, or what this pass is not
//! sure of, the validator decides: so it can be simple, and what it does not know costs time and never a verdict.
use super::tape::{Fuel, Spot, Tape};
use crate::kernel::json::{Kind, Value};
use jsonschema::{Draft, Validator};
use serde_json::{Map, Value as Json};
use std::collections::HashMap;

/// Keywords that say nothing about what is valid.
const ANNOTATIONS: &[&str] = &[
    "title",
    "description",
    "default",
    "examples",
    "deprecated",
    "readOnly",
    "writeOnly",
    "format",
    "contentMediaType",
    "contentEncoding",
    "$comment",
    "$defs",
    "definitions",
];
/// Keywords that change what a reference means, or where one leads.
const BASES: &[&str] = &["$id", "$anchor", "$dynamicAnchor", "$dynamicRef", "$recursiveAnchor", "$recursiveRef"];
/// Most patterns: each is compiled once more.
const PATTERNS_MAX: usize = 16;
/// Names that are looked for one by one rather than by their hash.
const FEW: usize = 16;

const ANY: u32 = 0;
const NEVER: u32 = 1;

/// A schema of nothing but what this pass knows.
pub struct Quick {
    places: Vec<Place>,
    root: u32,
}

/// Kinds of values, one bit each. Whether a number is an integer is another question than whether it is one.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Kinds(u8);

impl Kinds {
    const ALL: Self = Self(0x7F);
    const FRACTION: Self = Self(1);
    const INTEGER: Self = Self(1 << 1);
    const STRING: Self = Self(1 << 2);
    const BOOLEAN: Self = Self(1 << 3);
    const NULL: Self = Self(1 << 4);
    const ARRAY: Self = Self(1 << 5);
    const OBJECT: Self = Self(1 << 6);

    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "number" => Self::FRACTION.or(Self::INTEGER),
            "integer" => Self::INTEGER,
            "string" => Self::STRING,
            "boolean" => Self::BOOLEAN,
            "null" => Self::NULL,
            "array" => Self::ARRAY,
            "object" => Self::OBJECT,
            _ => return None,
        })
    }

    fn of(value: Value<'_>) -> Self {
        match value.kind() {
            // An integer that is spelled otherwise is left to the validator.
            Kind::Number if value.raw().iter().all(|byte| byte.is_ascii_digit() || *byte == b'-') => Self::INTEGER,
            Kind::Number => Self::FRACTION,
            Kind::String { .. } => Self::STRING,
            Kind::Bool(_) => Self::BOOLEAN,
            Kind::Null => Self::NULL,
            Kind::Array => Self::ARRAY,
            Kind::Object => Self::OBJECT,
        }
    }

    fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    fn has(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

/// What one subschema says.
struct Place {
    kinds: Kinds,
    /// Than which kinds.
    says_no_more: bool,
    /// Of each list, one.
    among: Vec<Vec<Json>>,
    limits: Vec<Limit>,
    /// In code points.
    length: (u64, u64),
    pattern: Option<Box<Validator<Tape>>>,
    elements: (u64, u64),
    items: u32,
    members: (u64, u64),
    entries: Vec<Entry>,
    /// Where each name is, if there are many.
    names: HashMap<String, usize>,
    required: usize,
    additional: u32,
    all: Vec<u32>,
    any: Vec<Vec<u32>>,
}

struct Entry {
    name: String,
    /// Nothing where it is only required.
    place: Option<u32>,
    required: bool,
}

#[derive(Clone, Copy)]
enum Limit {
    AtLeast(f64),
    AtMost(f64),
    MoreThan(f64),
    LessThan(f64),
}

impl Quick {
    /// `None` if the schema says anything that this pass does not know.
    pub fn compile(schema: &Json, draft: Draft) -> Option<Self> {
        let mut open = vec![schema];
        while let Some(value) = open.pop() {
            match value {
                Json::Object(members) if BASES.iter().any(|base| members.contains_key(*base)) => return None,
                Json::Object(members) => open.extend(members.values()),
                Json::Array(items) => open.extend(items),
                _ => {}
            }
        }
        let places = vec![Place::any(), Place { kinds: Kinds(0), ..Place::any() }];
        let mut compiler =
            Compiler { root: schema, draft, known: HashMap::new(), open: Vec::new(), places, patterns: 0 };
        let root = compiler.place(schema)?;
        while let Some((at, members)) = compiler.open.pop() {
            let place = compiler.read(members, at == root)?;
            *compiler.places.get_mut(at as usize)? = place;
        }
        Some(Self { places: compiler.places, root })
    }

    /// Whether the value fits for certain.
    pub fn fits(&self, value: Value<'_>, fuel: &Fuel) -> bool {
        self.at(self.root, value, fuel)
    }

    #[inline]
    fn at(&self, at: u32, value: Value<'_>, fuel: &Fuel) -> bool {
        let fits = |place: &Place| {
            let kind = place.kinds == Kinds::ALL || place.kinds.has(Kinds::of(value));
            kind && (place.says_no_more || self.place(place, value, fuel))
        };
        at == ANY || self.places.get(at as usize).is_some_and(fits)
    }

    fn place(&self, place: &Place, value: Value<'_>, fuel: &Fuel) -> bool {
        fuel.pay(1)
            && place.among.iter().all(|list| fuel.pay(list.len() as u64) && list.iter().any(|one| is(value, one)))
            && match value.kind() {
                Kind::Null | Kind::Bool(_) => true,
                Kind::Number => place.limits.is_empty() || place.number(value),
                Kind::String { .. } => place.text(value, fuel),
                Kind::Array => self.array(place, value, fuel),
                Kind::Object => self.object(place, value, fuel),
            }
            && place.all.iter().all(|one| self.at(*one, value, fuel))
            && place.any.iter().all(|any| any.iter().any(|one| self.at(*one, value, fuel)))
    }

    fn array(&self, place: &Place, value: Value<'_>, fuel: &Fuel) -> bool {
        let counted = place.elements == (0, u64::MAX) || {
            let count = value.elements().count() as u64;
            fuel.pay(count / 8) && within(place.elements, count)
        };
        counted && (place.items == ANY || value.elements().all(|element| self.at(place.items, element, fuel)))
    }

    fn object(&self, place: &Place, value: Value<'_>, fuel: &Fuel) -> bool {
        if place.entries.is_empty() && place.additional == ANY && place.members == (0, u64::MAX) {
            return true;
        }
        let (mut count, mut required, mut expected) = (0, 0, 0);
        for (key, member) in value.entries() {
            count += 1;
            // Most come in the order in which they are declared.
            let next = place.entries.get(expected).filter(|entry| key.is(&entry.name)).map(|_| expected);
            let found = next.or_else(|| match place.names.is_empty() {
                true => place.entries.iter().position(|entry| key.is(&entry.name)),
                false => place.names.get(&*key.text()).copied(),
            });
            let entry = found.and_then(|at| place.entries.get(at));
            expected = found.map_or(expected, |at| at + 1);
            required += usize::from(entry.is_some_and(|entry| entry.required));
            let schema = entry.and_then(|entry| entry.place).unwrap_or(place.additional);
            if !(fuel.pay(1) && self.at(schema, member, fuel)) {
                return false;
            }
        }
        // No key is there twice.
        required == place.required && within(place.members, count)
    }
}

impl Place {
    fn any() -> Self {
        Self {
            kinds: Kinds::ALL,
            says_no_more: false,
            among: Vec::new(),
            limits: Vec::new(),
            length: (0, u64::MAX),
            pattern: None,
            elements: (0, u64::MAX),
            items: ANY,
            members: (0, u64::MAX),
            entries: Vec::new(),
            names: HashMap::new(),
            required: 0,
            additional: ANY,
            all: Vec::new(),
            any: Vec::new(),
        }
    }

    fn entry(&mut self, name: &str) -> Option<&mut Entry> {
        let at = *self.names.entry(name.to_owned()).or_insert(self.entries.len());
        if at == self.entries.len() {
            self.entries.push(Entry { name: name.to_owned(), place: None, required: false });
        }
        self.entries.get_mut(at)
    }

    /// Of a limit that a double is near to, only the side is certain, unless both are small integers.
    fn number(&self, value: Value<'_>) -> bool {
        let whole = value.as_i64().filter(|number| number.unsigned_abs() < 1 << 53);
        let number = whole.map(|number| number as f64).or_else(|| value.as_f64().filter(|number| number.is_finite()));
        let Some(number) = number else { return false };
        let exact = whole.is_some();
        self.limits.iter().all(|limit| match *limit {
            Limit::AtLeast(limit) => number > limit || exact && number >= limit,
            Limit::AtMost(limit) => number < limit || exact && number <= limit,
            Limit::MoreThan(limit) => number > limit,
            Limit::LessThan(limit) => number < limit,
        })
    }

    fn text(&self, value: Value<'_>, fuel: &Fuel) -> bool {
        let (least, most) = self.length;
        let bytes = value.raw().len().saturating_sub(2) as u64;
        // A code point takes at most four bytes, or twelve if it is escaped.
        let measured = bytes <= most && bytes.div_ceil(12) >= least || {
            let text = value.as_str().filter(|_| fuel.pay(1 + bytes / 64));
            text.is_some_and(|text| within(self.length, text.chars().count() as u64))
        };
        let fits = |pattern: &Validator<Tape>| pattern.is_valid(Spot::Value(value, fuel)) && !fuel.spent();
        measured && self.pattern.as_deref().is_none_or(fits)
    }
}

fn within((least, most): (u64, u64), count: u64) -> bool {
    (least..=most).contains(&count)
}

/// Whether a value is one that the schema names, for certain.
fn is(value: Value<'_>, expected: &Json) -> bool {
    match expected {
        Json::Null => value.kind() == Kind::Null,
        Json::Bool(truth) => value.kind() == Kind::Bool(*truth),
        Json::String(text) => value.says(text.as_bytes()),
        Json::Number(number) => number.as_i64().is_some_and(|number| value.as_i64() == Some(number)),
        Json::Array(_) | Json::Object(_) => false,
    }
}

struct Compiler<'s> {
    root: &'s Json,
    draft: Draft,
    /// Places of subschemas, by their address.
    known: HashMap<usize, u32>,
    /// Those that are not read yet. A list and not recursion: a chain of references is as long as the schema.
    open: Vec<(u32, &'s Map<String, Json>)>,
    places: Vec<Place>,
    patterns: usize,
}

impl<'s> Compiler<'s> {
    fn place(&mut self, schema: &'s Json) -> Option<u32> {
        let members = match schema {
            Json::Bool(true) => return Some(ANY),
            Json::Bool(false) => return Some(NEVER),
            Json::Object(members) => members,
            _ => return None,
        };
        let address = std::ptr::from_ref(schema).addr();
        if let Some(known) = self.known.get(&address) {
            return Some(*known);
        }
        let number = u32::try_from(self.places.len()).ok()?;
        self.known.insert(address, number);
        self.places.push(Place::any());
        self.open.push((number, members));
        Some(number)
    }

    fn read(&mut self, members: &'s Map<String, Json>, root: bool) -> Option<Place> {
        let mut place = Place::any();
        let asserts = |key: &&String| !ANNOTATIONS.contains(&key.as_str());
        place.says_no_more = members.keys().filter(asserts).all(|key| key == "type");
        if self.draft == Draft::Draft7 && members.contains_key("$ref") && members.keys().filter(asserts).count() > 1 {
            return None; // What stands beside a reference is nothing there.
        }
        for (keyword, value) in members {
            let count = || value.as_u64();
            let limit = || value.as_f64().filter(|limit| limit.abs() < 9e15);
            match keyword.as_str() {
                known if ANNOTATIONS.contains(&known) => {}
                "$schema" if root => {}
                "type" => place.kinds = kinds(value)?,
                "enum" => place.among.push(value.as_array()?.clone()),
                "const" => place.among.push(vec![value.clone()]),
                "minimum" => place.limits.push(Limit::AtLeast(limit()?)),
                "maximum" => place.limits.push(Limit::AtMost(limit()?)),
                "exclusiveMinimum" => place.limits.push(Limit::MoreThan(limit()?)),
                "exclusiveMaximum" => place.limits.push(Limit::LessThan(limit()?)),
                "minLength" => place.length.0 = count()?,
                "maxLength" => place.length.1 = count()?,
                "pattern" => {
                    self.patterns += 1;
                    let schema =
                        serde_json::json!({ "pattern": value.as_str().filter(|_| self.patterns <= PATTERNS_MAX)? });
                    place.pattern = Some(Box::new(super::validator(&schema, self.draft).ok()?));
                }
                "minItems" => place.elements.0 = count()?,
                "maxItems" => place.elements.1 = count()?,
                "uniqueItems" if *value == Json::Bool(false) => {}
                "items" => place.items = self.place(value)?,
                "minProperties" => place.members.0 = count()?,
                "maxProperties" => place.members.1 = count()?,
                "properties" => {
                    for (name, schema) in value.as_object()? {
                        let schema = self.place(schema)?;
                        place.entry(name)?.place = Some(schema);
                    }
                }
                "required" => {
                    for name in value.as_array()? {
                        place.entry(name.as_str()?)?.required = true;
                    }
                }
                "additionalProperties" => place.additional = self.place(value)?,
                "allOf" => place.all.extend(self.list(value)?),
                "anyOf" => place.any.push(self.list(value)?),
                "$ref" => {
                    let schema = self.place(definition(self.root, value.as_str()?)?)?;
                    place.all.push(schema);
                }
                _ => return None,
            }
        }
        place.required = place.entries.iter().filter(|entry| entry.required).count();
        if place.entries.len() <= FEW {
            place.names = HashMap::new();
        }
        Some(place)
    }

    fn list(&mut self, list: &'s Json) -> Option<Vec<u32>> {
        list.as_array()?.iter().map(|schema| self.place(schema)).collect()
    }
}

/// What a reference to a plain name leads to.
fn definition<'s>(root: &'s Json, reference: &str) -> Option<&'s Json> {
    let (keyword, name) = reference.strip_prefix("#/")?.split_once('/')?;
    let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte));
    root.get(keyword).filter(|_| plain && matches!(keyword, "$defs" | "definitions"))?.get(name)
}

fn kinds(value: &Json) -> Option<Kinds> {
    let of = |value: &Json| Kinds::named(value.as_str()?);
    match value {
        Json::Array(several) => several.iter().try_fold(Kinds(0), |kinds, one| Some(kinds.or(of(one)?))),
        one => of(one),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::contract::schema::Schema;
    use crate::kernel::json::Document;
    use serde_json::json;

    /// Whether a value fits for certain; if it does, the validator must say the same.
    fn fits(schema: &Json, text: &str) -> Option<bool> {
        let document = Document::reread(text.to_owned()).unwrap();
        let draft = super::super::index::draft(schema).unwrap();
        let compiled = Schema::compile(schema).unwrap();
        let fuel = compiled.fuel(document.root(), 0);
        let fits = Quick::compile(schema, draft)?.fits(document.root(), &fuel);
        let fuel = compiled.fuel(document.root(), 0);
        let valid = compiled.validator.is_valid(Spot::Value(document.root(), &fuel));
        assert!(valid || !fits, "{schema}: {text}");
        Some(fits)
    }

    #[test]
    fn what_fits_for_certain_is_valid_and_most_of_what_is_valid_fits() {
        let person = json!({ "type": "object", "properties": { "name": { "type": "string", "minLength": 1, "maxLength": 5 },
            "age": { "anyOf": [{ "type": "integer", "minimum": 0, "exclusiveMaximum": 150 }, { "type": "null" }] },
            "mail": { "type": "string", "pattern": "^[^@]+@[^@]+$" }, "boss": { "$ref": "#/$defs/person" } },
            "required": ["name", "id"], "additionalProperties": { "type": ["boolean", "integer"] }, "maxProperties": 5 });
        let schema = json!({ "$schema": "https://json-schema.org/draft/2020-12/schema", "$defs": { "person": person },
            "type": "array", "items": { "$ref": "#/$defs/person" }, "minItems": 1, "maxItems": 3 });
        for (text, valid) in [
            (r#"[{"id":1,"name":"ann"}]"#, true),
            (r#"[{"name":"ann","id":true,"age":null,"mail":"a@b"},{"age":149,"name":"b","id":0}]"#, true),
            (r#"[{"boss":{"boss":{"id":1,"name":"c"},"id":1,"name":"b"},"id":1,"name":"a"}]"#, true),
            (r#"[{"boss":{"boss":{"id":1,"name":""},"id":1,"name":"b"},"id":1,"name":"a"}]"#, false),
            (r#"[{"id":1,"name":"\u0061\ud83e\udd80\u0062\u0063\u0064"}]"#, true),
            (r#"[{"id":1,"name":"\u0061\ud83e\udd80\u0062\u0063\u0064e"}]"#, false),
            (r#"[{"id":1,"n\u0061me":"a"}]"#, true),
            (r#"[{"id":1}]"#, false),
            (r#"[{"name":"a"}]"#, false),
            (r#"[{"id":"1","name":"a"}]"#, false),
            (r#"[{"id":1,"name":"a","age":150}]"#, false),
            (r#"[{"id":1,"name":"a","age":-1}]"#, false),
            (r#"[{"id":1,"name":"a","mail":"@b"}]"#, false),
            (r#"[{"id":1,"name":"a","b":1,"c":1,"d":1}]"#, true),
            (r#"[{"id":1,"name":"a","b":1,"c":1,"d":1,"e":1}]"#, false),
            ("[]", false),
            ("[0]", false),
            ("{}", false),
        ] {
            assert_eq!(fits(&schema, text), Some(valid), "{text}");
        }
    }

    #[test]
    fn a_value_that_is_valid_another_way_is_left_to_the_validator() {
        for (schema, text) in [
            (json!({ "type": "integer" }), "1.0"),
            (json!({ "type": "integer" }), "1e2"),
            (json!({ "const": 1 }), "1.0"),
            (json!({ "enum": [0.5] }), "0.5"),
            (json!({ "enum": [[1]] }), "[1]"),
            (json!({ "minimum": 0.1 }), "0.1"),
            (json!({ "maximum": 9_000_000_000_000_000_i64 }), "9007199254740993"),
            (json!({ "minimum": -5 }), "-1e400"),
            (json!({ "minimum": 5 }), "1e400"),
        ] {
            assert_ne!(fits(&schema, text), Some(true), "{schema}: {text}");
        }
    }

    #[test]
    fn every_comparison_with_a_limit_is_that_of_the_validator() {
        let numbers =
            ["-4", "0", "-0", "1", "1.0", "0.1", "0.10000000000000001", "2", "-3", "1e1", "9007199254740992", "1e16"];
        for limit in [json!(0), json!(1), json!(0.1), json!(-3), json!(10), json!(1e15), json!(1.5)] {
            for keyword in ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"] {
                let schema = json!({ keyword: limit });
                assert!(numbers.iter().any(|number| fits(&schema, number) == Some(true)), "{schema}");
            }
        }
    }

    #[test]
    fn a_schema_that_says_more_is_left_to_the_validator() {
        for schema in [
            json!({ "oneOf": [{}] }),
            json!({ "not": {} }),
            json!({ "items": { "uniqueItems": true } }),
            json!({ "properties": { "a": { "if": {}, "then": {} } } }),
            json!({ "patternProperties": { "a": true } }),
            json!({ "prefixItems": [true] }),
            json!({ "unevaluatedProperties": false }),
            json!({ "dependentRequired": {} }),
            json!({ "propertyNames": true }),
            json!({ "contains": true }),
            json!({ "multipleOf": 2 }),
            json!({ "$id": "https://x.example/", "type": "object" }),
            json!({ "$defs": { "a": { "$anchor": "b" } }, "$ref": "#b" }),
            json!({ "properties": { "a": {} }, "items": { "$ref": "#/properties/a" } }),
            json!({ "x-made-by": "somebody" }),
            json!({ "$schema": "http://json-schema.org/draft-07/schema#", "definitions": { "a": {} },
                "$ref": "#/definitions/a", "type": "string" }),
        ] {
            assert_eq!(fits(&schema, "1"), None, "{schema}");
        }
        assert_eq!(fits(&json!(true), "1"), Some(true));
        assert_eq!(fits(&json!(false), "1"), Some(false));
    }

    #[test]
    fn names_are_found_by_their_hash_where_there_are_many() {
        let names: Vec<String> = (0..40).map(|at| format!("n{at}")).collect();
        let properties: Map<String, Json> =
            names.iter().map(|name| (name.clone(), json!({ "type": "integer" }))).collect();
        let schema = json!({ "properties": properties, "required": names, "additionalProperties": false });
        let mut value: Map<String, Json> = names.iter().rev().map(|name| (name.clone(), json!(1))).collect();
        assert_eq!(fits(&schema, &Json::Object(value.clone()).to_string()), Some(true));
        value.insert("n7".to_owned(), json!("1"));
        assert_eq!(fits(&schema, &Json::Object(value.clone()).to_string()), Some(false));
        value.remove("n7");
        assert_eq!(fits(&schema, &Json::Object(value.clone()).to_string()), Some(false));
        value.insert("n40".to_owned(), json!(1));
        assert_eq!(fits(&schema, &Json::Object(value).to_string()), Some(false));
    }

    #[test]
    fn a_long_chain_of_references_is_read_without_a_deep_stack() {
        let link = |at: usize| json!({ "properties": { "next": { "$ref": format!("#/$defs/d{}", at + 1) } } });
        let mut chain: Map<String, Json> = (0..1_500).map(|at| (format!("d{at}"), link(at))).collect();
        chain.insert("d1500".to_owned(), json!({ "type": "null" }));
        let schema = json!({ "$defs": chain, "$ref": "#/$defs/d0" });
        assert_eq!(fits(&schema, r#"{"next":{"next":{}}}"#), Some(true));
        assert_eq!(fits(&schema, r#"{"next":{"next":1}}"#), Some(true));
    }
}
