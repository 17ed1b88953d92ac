//! What holding a call against its schema costs: the arguments of a typical call, and a structured result of
//! 64 KiB. `cargo bench --bench schema`.
use bytes::Bytes;
use portcullis::kernel::contract::schema::Schema;
use portcullis::kernel::json::{Bounds, Document};
use serde_json::{Value, json};
use std::hint::black_box;
use std::time::Instant;

const ROUNDS: usize = 15;

/// The schema and the arguments of a tool as they are published: a dozen parameters, some nested.
fn call() -> (Value, Value) {
    let person = json!({ "type": "object", "properties": { "name": { "type": "string", "maxLength": 100 },
        "email": { "type": "string", "pattern": "^[^@ ]+@[^@ ]+$" } }, "required": ["name", "email"],
        "additionalProperties": false });
    let schema = json!({ "type": "object", "$defs": { "person": person }, "properties": {
        "query": { "type": "string", "minLength": 1, "maxLength": 2000 },
        "project": { "type": "string", "pattern": "^[a-z][a-z0-9-]{0,62}$" },
        "status": { "enum": ["open", "closed", "all"] },
        "limit": { "type": "integer", "minimum": 1, "maximum": 100 },
        "cursor": { "type": ["string", "null"] },
        "labels": { "type": "array", "items": { "type": "string", "maxLength": 50 }, "uniqueItems": true, "maxItems": 20 },
        "assignee": { "$ref": "#/$defs/person" },
        "watchers": { "type": "array", "items": { "$ref": "#/$defs/person" } },
        "since": { "type": "string", "format": "date-time" },
        "priority": { "anyOf": [{ "type": "integer", "minimum": 0 }, { "type": "null" }] },
        "dry_run": { "type": "boolean" },
        "options": { "type": "object", "additionalProperties": { "type": "string" } } },
        "required": ["query", "project"], "additionalProperties": false });
    let person = |name: &str| json!({ "name": name, "email": format!("{name}@example.com") });
    let arguments = json!({ "query": "the login page returns an error ".repeat(15), "project": "customer-portal",
        "status": "open", "limit": 25, "cursor": null, "labels": ["bug", "login", "urgent", "frontend"],
        "assignee": person("alice"), "watchers": [person("bob"), person("carol"), person("dave")],
        "since": "2026-01-01T00:00:00Z", "priority": 2, "dry_run": false,
        "options": { "sort": "created", "order": "desc", "expand": "comments" } });
    (schema, arguments)
}

/// A result as a list of records, 64 KiB of text.
fn result() -> (Value, Value) {
    let record = json!({ "type": "object", "properties": { "id": { "type": "integer" }, "title": { "type": "string" },
        "state": { "enum": ["open", "closed"] }, "score": { "type": "number" }, "author": { "type": "string" },
        "labels": { "type": "array", "items": { "type": "string" } } }, "required": ["id", "title", "state"] });
    let schema = json!({ "type": "object", "properties": { "items": { "type": "array", "items": record },
        "total": { "type": "integer" } }, "required": ["items"] });
    let record = |id: usize| {
        json!({ "id": id, "title": format!("The page number {id} returns an error after login"), "state": "open",
            "score": id as f64 / 7.0, "author": "alice", "labels": ["bug", "login"] })
    };
    (schema, json!({ "items": (0..440).map(record).collect::<Vec<_>>(), "total": 440 }))
}

fn main() -> Result<(), String> {
    for (name, (schema, value)) in [("a typical call", call()), ("a structured result", result())] {
        let text = Bytes::from(value.to_string());
        let document = Document::parse(text.clone(), &Bounds::default()).map_err(|fault| format!("{fault:?}"))?;
        let begun = Instant::now();
        let schema = Schema::compile(&schema).map_err(|unusable| unusable.0)?;
        let compiled = begun.elapsed();
        schema.validate(document.root()).map_err(|mismatches| format!("{mismatches:?}"))?;
        // The best of several rounds: what it costs, and not what else the machine did.
        let time = |work: &dyn Fn()| {
            let turns = (1 << 22) / text.len();
            (0..ROUNDS).fold(f64::INFINITY, |best, _| {
                let begun = Instant::now();
                (0..turns).for_each(|_| work());
                best.min(begun.elapsed().as_secs_f64() * 1e6 / turns as f64)
            })
        };
        let valid = time(&|| drop(black_box(schema.validate(black_box(document.root())))));
        let undeclared = time(&|| drop(black_box(schema.undeclared(black_box(document.root())))));
        println!(
            "{name}, {} bytes: {valid:.2} µs to validate, {undeclared:.2} µs to search for what is undeclared; \
             compiled in {compiled:.0?}",
            text.len()
        );
    }
    Ok(())
}
