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

/// Cases of the suite that must fail here, and nothing else may: file, and the beginning of the case.
const EXPECTED: &[(&str, &str)] = &[];

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
                passed += usize::from(fine);
                if !fine {
                    let why = compiled.as_ref().err().map_or("", |unusable| &unusable.0);
                    println!("{file}: {description}: {}: {why}", test["description"]);
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
