//! The validator of arguments and results against the JSON Schema project's own tests, against the same
//! validator on another representation, and against schemas made to be expensive.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test fails by panicking"
)]
use bytes::Bytes;
use portcullis::kernel::contract::schema::Schema;
use portcullis::kernel::json::{Bounds, Document};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::Path;

fn document(value: &Value) -> Document {
    Document::parse(Bytes::from(value.to_string()), &Bounds::default()).unwrap()
}

/// Groups of the suite that are refused: they refer to other documents, or to a metaschema that is none of the
/// two. Nothing else may fail, and none of these may be judged.
const EXPECTED: &[(&str, &str)] = &[
    ("draft2020-12/defs.json", "validate definition against metaschema"),
    ("draft2020-12/dynamicRef.json", "$ref and $dynamicAnchor are independent of order - $defs first"),
    ("draft2020-12/dynamicRef.json", "$ref and $dynamicAnchor are independent of order - $ref first"),
    ("draft2020-12/dynamicRef.json", "$ref to $dynamicRef finds detached $dynamicAnchor"),
    ("draft2020-12/dynamicRef.json", "strict-tree schema, guards against misspelled properties"),
    ("draft2020-12/dynamicRef.json", "tests for implementation dynamic anchor and reference link"),
    ("draft2020-12/ref.json", "remote ref, containing refs itself"),
    ("draft2020-12/refRemote.json", "$ref to $ref finds detached $anchor"),
    ("draft2020-12/refRemote.json", "Location-independent identifier in remote ref"),
    ("draft2020-12/refRemote.json", "anchor within remote ref"),
    ("draft2020-12/refRemote.json", "base URI change"),
    ("draft2020-12/refRemote.json", "base URI change - change folder"),
    ("draft2020-12/refRemote.json", "base URI change - change folder in subschema"),
    ("draft2020-12/refRemote.json", "fragment within remote ref"),
    ("draft2020-12/refRemote.json", "ref within remote ref"),
    ("draft2020-12/refRemote.json", "remote HTTP ref with different $id"),
    ("draft2020-12/refRemote.json", "remote HTTP ref with different URN $id"),
    ("draft2020-12/refRemote.json", "remote HTTP ref with nested absolute ref"),
    ("draft2020-12/refRemote.json", "remote ref"),
    ("draft2020-12/refRemote.json", "remote ref with ref to defs"),
    ("draft2020-12/refRemote.json", "retrieved nested refs resolve relative to their URI not $id"),
    ("draft2020-12/refRemote.json", "root ref in remote ref"),
    ("draft2020-12/vocabulary.json", "ignore unrecognized optional vocabulary"),
    ("draft2020-12/vocabulary.json", "schema that uses custom metaschema with with no validation vocabulary"),
    ("draft7/definitions.json", "validate definition against metaschema"),
    ("draft7/ref.json", "remote ref, containing refs itself"),
    ("draft7/refRemote.json", "$ref to $ref finds location-independent $id"),
    ("draft7/refRemote.json", "Location-independent identifier in remote ref"),
    ("draft7/refRemote.json", "base URI change"),
    ("draft7/refRemote.json", "base URI change - change folder"),
    ("draft7/refRemote.json", "base URI change - change folder in subschema"),
    ("draft7/refRemote.json", "fragment within remote ref"),
    ("draft7/refRemote.json", "ref within remote ref"),
    ("draft7/refRemote.json", "remote ref"),
    ("draft7/refRemote.json", "remote ref with ref to definitions"),
    ("draft7/refRemote.json", "retrieved nested refs resolve relative to their URI not $id"),
    ("draft7/refRemote.json", "root ref in remote ref"),
];

/// Runs the required part of one draft: passed, total, and which cases failed.
fn suite(draft: &str, uri: &str) -> (usize, usize, BTreeSet<(String, String)>) {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/json-schema").join(draft);
    let mut files: Vec<_> = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let (mut passed, mut total, mut failed) = (0, 0, BTreeSet::new());
    for path in files {
        let file = format!("{draft}/{}", path.file_name().unwrap().to_str().unwrap());
        let groups: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        for group in groups.as_array().unwrap() {
            let mut schema = group["schema"].clone();
            if let Value::Object(members) = &mut schema {
                members.entry("$schema").or_insert(json!(uri));
            }
            let compiled = Schema::compile(&schema);
            let description = group["description"].as_str().unwrap();
            for test in group["tests"].as_array().unwrap() {
                total += 1;
                let valid = test["valid"].as_bool().unwrap();
                let fine = match &compiled {
                    Ok(schema) => schema.validate(document(&test["data"]).root()).is_ok() == valid,
                    Err(_) => false,
                };
                // What is not understood is refused, never judged wrongly.
                assert!(fine || compiled.is_err(), "{file}: {description}: {}", test["description"]);
                passed += usize::from(fine);
                if !fine {
                    failed.insert((file.clone(), description.to_owned()));
                }
            }
        }
    }
    println!("{draft}: {passed} of {total}");
    (passed, total, failed)
}

#[test]
fn the_required_tests_of_both_drafts_pass_but_for_those_listed() {
    let modern = suite("draft2020-12", "https://json-schema.org/draft/2020-12/schema");
    let seven = suite("draft7", "http://json-schema.org/draft-07/schema#");
    let failed: BTreeSet<_> = modern.2.into_iter().chain(seven.2).collect();
    let expected: BTreeSet<_> = EXPECTED.iter().map(|(file, case)| ((*file).to_owned(), (*case).to_owned())).collect();
    let surprising: Vec<_> = failed.difference(&expected).collect();
    let stale: Vec<_> = expected.difference(&failed).collect();
    assert!(surprising.is_empty() && stale.is_empty(), "surprising: {surprising:#?}\nstale: {stale:#?}");
}

fn scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-5i64..6).prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        (-20i32..20).prop_map(|n| json!(f64::from(n) / 4.0)),
        "[a-c\u{e9}\u{1f980}\"\\\\\n]{0,5}".prop_map(Value::from),
    ]
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof!["[abc]", Just("a/b".to_owned()), Just("\"~".to_owned()), Just("\u{e9}".to_owned())]
}

fn instance() -> impl Strategy<Value = Value> {
    scalar().prop_recursive(4, 40, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::vec((name(), inner), 0..5).prop_map(|members| members.into_iter().collect()),
        ]
    })
}

fn keyword(inner: impl Strategy<Value = Value> + Clone + 'static) -> impl Strategy<Value = (String, Value)> {
    let kinds = ["null", "boolean", "integer", "number", "string", "array", "object"];
    let with = |name: &'static str, value: BoxedStrategy<Value>| value.prop_map(move |v| (name.to_owned(), v)).boxed();
    let schema = inner.clone().boxed();
    let schemas = prop::collection::vec(inner.clone(), 1..4).prop_map(Value::from).boxed();
    let named = prop::collection::vec((name(), inner), 1..4).prop_map(|m| m.into_iter().collect::<Value>()).boxed();
    let names = prop::collection::btree_set(name(), 0..3).prop_map(|names| json!(names)).boxed();
    let small = (0u64..5).prop_map(Value::from).boxed();
    let number = (-20i32..20).prop_map(|n| json!(f64::from(n) / 4.0)).boxed();
    prop_oneof![
        with("type", prop::sample::select(kinds.to_vec()).prop_map(Value::from).boxed()),
        with("type", prop::sample::subsequence(kinds.to_vec(), 1..4).prop_map(Value::from).boxed()),
        with("enum", prop::collection::vec(instance(), 1..4).prop_map(Value::from).boxed()),
        with("const", instance().boxed()),
        with("properties", named.clone()),
        with("patternProperties", schema.clone().prop_map(|s| json!({ "^[ab]": s })).boxed()),
        with("additionalProperties", schema.clone()),
        with("unevaluatedProperties", schema.clone()),
        with("propertyNames", schema.clone()),
        with("required", names),
        with("dependentSchemas", named),
        with("items", schema.clone()),
        with("prefixItems", schemas.clone()),
        with("contains", schema.clone()),
        with("unevaluatedItems", schema.clone()),
        with("uniqueItems", any::<bool>().prop_map(Value::from).boxed()),
        with("allOf", schemas.clone()),
        with("anyOf", schemas.clone()),
        with("oneOf", schemas),
        with("not", schema.clone()),
        with("if", schema.clone()),
        with("then", schema.clone()),
        with("else", schema),
        with("minLength", small.clone()),
        with("maxLength", small.clone()),
        with("minItems", small.clone()),
        with("maxItems", small.clone()),
        with("minProperties", small.clone()),
        with("maxProperties", small),
        with("minimum", number.clone()),
        with("exclusiveMaximum", number),
        with("multipleOf", prop::sample::select(vec![json!(1), json!(2), json!(0.5)]).boxed()),
        with("pattern", prop::sample::select(vec![json!("^a"), json!("b$"), json!("^[a-c]{1,3}$")]).boxed()),
        Just(("$ref".to_owned(), json!("#/$defs/x"))),
    ]
}

fn schema() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![any::<bool>().prop_map(Value::from), Just(json!({}))];
    let nested = leaf.prop_recursive(3, 24, 4, |inner| {
        prop::collection::vec(keyword(inner), 1..5).prop_map(|keywords| keywords.into_iter().collect())
    });
    (nested.clone(), nested).prop_map(|(mut schema, other)| {
        // Without a reference of its own, so that it leads nowhere in a circle.
        let other: Value = serde_json::from_str(&other.to_string().replace("#/$defs/x", "#/$defs/y")).unwrap();
        if let Value::Object(members) = &mut schema {
            members.insert("$defs".to_owned(), json!({ "x": other, "y": { "type": ["string", "object"] } }));
            return schema;
        }
        json!({ "$defs": { "x": other, "y": { "type": ["string", "object"] } }, "allOf": [schema] })
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_500, ..ProptestConfig::default() })]

    #[test]
    fn the_tape_and_the_tree_are_judged_alike(schema in schema(), instances in prop::collection::vec(instance(), 1..6)) {
        let tree = jsonschema::options().with_draft(jsonschema::Draft::Draft202012)
            .should_validate_formats(false).build(&schema).unwrap();
        let tape = Schema::compile(&schema).unwrap();
        for instance in instances {
            let document = document(&instance);
            let ours = tape.validate(document.root());
            prop_assert_eq!(ours.is_ok(), tree.is_valid(&instance), "{} and {}", schema, instance);
            if let Err(mismatches) = ours {
                prop_assert!((1..=8).contains(&mismatches.len()));
                for mismatch in mismatches {
                    prop_assert!(instance.pointer(&mismatch.pointer).is_some(), "{}", mismatch.pointer);
                }
            }
        }
    }

    #[test]
    fn what_is_undeclared_is_there(schema in schema(), instance in instance()) {
        let tape = Schema::compile(&schema).unwrap();
        for (pointer, value) in tape.undeclared(document(&instance).root()) {
            let there = instance.pointer(&pointer).unwrap();
            let own: Value = serde_json::from_slice(value.raw()).unwrap();
            prop_assert_eq!(there, &own);
        }
    }
}

fn tape(text: &str) -> Document {
    Document::parse(Bytes::copy_from_slice(text.as_bytes()), &Bounds::default()).unwrap()
}

fn refused(schema: &Value) -> String {
    Schema::compile(schema).expect_err("is refused").0
}

/// Definitions d0 to d(n-1), each made from the name of the next.
fn chain(length: usize, link: impl Fn(&str) -> Value, last: Value) -> Value {
    let mut definitions: serde_json::Map<_, _> =
        (0..length).map(|at| (format!("d{at}"), link(&format!("#/$defs/d{}", at + 1)))).collect();
    definitions.insert(format!("d{length}"), last);
    json!({ "$defs": definitions, "$ref": "#/$defs/d0" })
}

#[test]
fn references_that_double_in_place_are_refused() {
    for keyword in ["anyOf", "allOf", "oneOf"] {
        let doubling = |next: &str| json!({ keyword: [{ "$ref": next }, { "$ref": next }] });
        assert!(refused(&chain(30, doubling, json!({ "type": "string" }))).contains("in a chain"));
        assert!(
            refused(&chain(9, |next| json!({ keyword: vec![json!({ "$ref": next }); 9] }), json!(true)))
                .contains("schemas at once")
        );
    }
    let mut nested = json!({ "type": "string" });
    for _ in 0..13 {
        nested = json!({ "not": { "anyOf": [nested.clone(), nested] } });
    }
    assert!(Schema::compile(&nested).is_err());
}

#[test]
fn references_that_double_in_members_end() {
    let doubling = |next: &str| json!({ "properties": { "a": { "$ref": next }, "b": { "$ref": next } } });
    let schema = Schema::compile(&chain(40, doubling, json!({ "type": "string" }))).unwrap();
    assert!(schema.validate(tape("{\"a\":{\"b\":{\"a\":1}}}").root()).is_ok());
}

#[test]
fn long_chains_of_references_end_without_filling_the_stack() {
    let members = |next: &str| json!({ "properties": { "a": { "$ref": next } } });
    {
        let schema = Schema::compile(&chain(2_000, members, json!({ "type": "string" }))).unwrap();
        assert!(schema.validate(tape("{\"a\":{\"a\":{\"a\":1}}}").root()).is_ok());
        assert_eq!(schema.undeclared(tape("{\"a\":{\"a\":{\"b\":1}}}").root()).len(), 1);
    }
    assert!(refused(&chain(2_000, |next| json!({ "$ref": next }), json!(true))).contains("in a chain"));
}

#[test]
fn a_recursion_that_doubles_at_each_level_ends() {
    // Each level is met twice as often as the one above: 2^60 times at the bottom.
    let twice = json!({ "properties": { "a": { "$ref": "#" } } });
    let schema =
        Schema::compile(&json!({ "allOf": [twice, twice], "properties": { "x": { "type": "string" } } })).unwrap();
    for inner in ["1", "{\"x\":1}", "{\"x\":\"\"}"] {
        let deep = "{\"a\":".repeat(60) + inner + &"}".repeat(60);
        let document = tape(&deep);
        // Whether it is judged or refused: it ends.
        let _ = schema.validate(document.root());
        let _ = schema.undeclared(document.root());
    }
    let any = json!({ "anyOf": [{ "properties": { "a": { "$ref": "#" } }, "required": ["b"] },
        { "properties": { "a": { "$ref": "#" } }, "required": ["c"] }] });
    let deep = "{\"a\":".repeat(60) + "1" + &"}".repeat(60);
    assert!(Schema::compile(&any).unwrap().validate(tape(&deep).root()).is_err());
}

#[test]
fn the_longest_chain_in_the_deepest_value_fits_on_the_stack() {
    let schema = chain(20, |next| json!({ "$ref": next }), json!({ "properties": { "a": { "$ref": "#" } } }));
    let schema = Schema::compile(&schema).unwrap();
    let deep = "{\"a\":".repeat(64) + "1" + &"}".repeat(64);
    assert!(schema.validate(tape(&deep).root()).is_ok());
    let schema = chain(
        10,
        |next| json!({ "anyOf": [{ "$ref": next }] }),
        json!({ "properties": { "a": { "$ref": "#" }, "b": false } }),
    );
    let schema = Schema::compile(&schema).unwrap();
    let deep = "{\"a\":".repeat(63) + "{\"b\":1}" + &"}".repeat(63);
    assert!(schema.validate(tape(&deep).root()).is_err());
}

#[test]
fn what_refers_to_itself_in_place_is_refused() {
    assert!(refused(&json!({ "$ref": "#" })).contains("without descending"));
    assert!(refused(&json!({ "allOf": [{ "anyOf": [{ "$ref": "#" }] }] })).contains("without descending"));
}

#[test]
fn patterns_are_matched_in_linear_time_or_refused() {
    for pattern in ["a{1,100000}{1,1000}", "((a{1,100}){1,100}){1,100}", "(?=a)b(?=c)d", "(a)\\1", "(?<!a)b", "("] {
        assert!(Schema::compile(&json!({ "pattern": pattern })).is_err(), "{pattern}");
        let named = json!({ "patternProperties": { pattern: true } });
        assert!(Schema::compile(&named).is_err(), "{pattern}");
    }
    let evil = Schema::compile(&json!({ "pattern": "^(a+)+$" })).unwrap();
    assert!(evil.validate(tape(&format!("\"{}b\"", "a".repeat(1 << 20))).root()).is_err());
    assert!(evil.validate(tape("\"aaaa\"").root()).is_ok());
    // Linear, at many steps for each byte: refused for a long text, and not for one as it is meant for.
    let wide = Schema::compile(&json!({ "pattern": "^[ab]*a[ab]{800}c$" })).unwrap();
    assert!(
        wide.validate(tape(&format!("\"{}\"", "ab".repeat(1 << 18))).root()).unwrap_err()[0].expected.contains("cost")
    );
    assert!(wide.validate(tape(&format!("\"a{}c\"", "b".repeat(800))).root()).is_ok());
    let many: serde_json::Map<_, _> = (0..300).map(|at| (format!("^{at}"), json!(true))).collect();
    assert!(refused(&json!({ "patternProperties": many })).contains("patterns"));
}

#[test]
fn a_large_value_under_an_expensive_schema_ends() {
    let unique = Schema::compile(&json!({ "uniqueItems": true, "maxItems": 1_000_000_000 })).unwrap();
    let many: Vec<String> = (0..90_000).map(|at| format!("{{\"a\":{at}}}")).collect();
    assert!(unique.validate(tape(&format!("[{}]", many.join(","))).root()).is_ok());
    assert!(unique.validate(tape(&format!("[{},{{\"a\":0.0}}]", many.join(","))).root()).is_err());
    let wide: Vec<Value> = (0..2_000).map(|at| json!({ "minimum": at })).collect();
    let wide = Schema::compile(&json!({ "items": { "anyOf": wide } })).unwrap();
    let numbers = vec!["-1"; 190_000].join(",");
    assert!(wide.validate(tape(&format!("[{numbers}]")).root()).is_err());
    let wrong = Schema::compile(&json!({ "items": { "type": "string" } })).unwrap();
    assert!((1..=8).contains(&wrong.validate(tape(&format!("[{numbers}]")).root()).unwrap_err().len()));
    let properties: serde_json::Map<_, _> =
        (0..4_000).map(|at| (format!("p{at}"), json!({ "type": "null" }))).collect();
    let members: Vec<String> = (0..100_000).map(|at| format!("\"q{at}\":1")).collect();
    let object = format!("{{{}}}", members.join(","));
    let document = Document::parse(Bytes::from(object), &Bounds::default()).unwrap();
    let schema = Schema::compile(&json!({ "properties": properties })).unwrap();
    let _ = schema.validate(document.root());
    assert_eq!(schema.undeclared(document.root()).len(), 64);
}

#[test]
fn a_schema_past_its_bounds_is_refused() {
    assert!(refused(&json!({ "description": "x".repeat(10 << 20) })).contains("bytes"));
    assert!(refused(&json!({ "enum": (0..30_000).collect::<Vec<_>>() })).contains("values and keys"));
    let mut deep = json!({});
    for _ in 0..20 {
        deep = json!({ "items": { "items": deep } });
    }
    assert!(refused(&deep).contains("deeper"));
}

#[test]
fn nothing_outside_of_a_schema_is_reached() {
    for reference in [
        "https://example.com/s",
        "file:///etc/passwd",
        "other.json",
        "#/nowhere",
        "#nowhere",
        "https://json-schema.org/draft/2020-12/schema",
    ] {
        refused(&json!({ "$ref": reference }));
        refused(&json!({ "properties": { "a": { "$dynamicRef": reference } } }));
    }
    for dialect in ["https://json-schema.org/draft/2019-09/schema", "http://json-schema.org/draft-04/schema#", "x"] {
        assert!(refused(&json!({ "$schema": dialect })).contains("only 2020-12"));
        refused(&json!({ "properties": { "a": { "$id": "https://example.com/a", "$schema": dialect } } }));
    }
}
