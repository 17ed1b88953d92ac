//! What a contract costs: holding the arguments of a typical call, and a structured result of 64 KiB, against their
//! schemas; loading a lock file of 5,000 tools, and finding one of them. `cargo bench --bench schema`.
use bytes::Bytes;
use portcullis::config::load::load;
use portcullis::kernel::contract::lock::{Approval, Lock};
use portcullis::kernel::contract::schema::Schema;
use portcullis::kernel::contract::surface::{Kind, Surface};
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

/// Loads a policy with a contract of so many tools, each with the schema of a typical call; says how long that took,
/// and how many nanoseconds it then takes to find a tool.
fn lock(tools: usize) -> Result<(f64, f64), String> {
    let (schema, _) = call();
    let names: Vec<String> = (0..tools).map(|tool| format!("area{}_find_customer_{tool}", tool % 97)).collect();
    let mut surface = Surface::default();
    for name in &names {
        let tool = json!({ "name": name, "title": "Find", "description": format!("Finds what {name} is about."),
            "inputSchema": schema, "annotations": { "readOnlyHint": true } });
        surface.add(Kind::Tools, name.clone(), tool);
    }
    let mut lock = Lock::draft("big", surface);
    lock.approvals.push(Approval {
        by: "ann".to_owned(),
        reason: "a bench".to_owned(),
        at: "2026-01-01T00:00:00Z".to_owned(),
        digest: lock.digest.clone(),
        signature: None,
    });
    let directory = std::env::temp_dir().join(format!("portcullis-bench-lock-{}-{tools}", std::process::id()));
    let io = |error: std::io::Error| error.to_string();
    std::fs::create_dir_all(directory.join("policies")).map_err(io)?;
    let gateway = "public_url: https://x.example\nlisten: [{ address: '127.0.0.1:1' }]\n\
        issuers: { corp: { issuer: https://login.example.com } }\nadmin: { address: '127.0.0.1:2' }\n\
        audit: { directory: audit }\npolicies: policies\n";
    let policy = "server: big\nupstream: { url: 'http://127.0.0.1:1/mcp' }\naccess: { issuers: [corp], audience: x }\n\
        tools:\n  'area*': { effect: read, scopes: [s] }\ncontract: {}\n";
    std::fs::write(directory.join("gateway.yaml"), gateway).map_err(io)?;
    std::fs::write(directory.join("policies/big.yaml"), policy).map_err(io)?;
    std::fs::write(directory.join("policies/big.lock.json"), lock.render()).map_err(io)?;
    let begun = Instant::now();
    let loaded = load(&directory.join("gateway.yaml"), &|_| None);
    let took = begun.elapsed().as_secs_f64();
    let _ = std::fs::remove_dir_all(&directory);
    let loaded = loaded.map_err(|problems| problems.iter().map(|p| format!("{p}\n")).collect::<String>())?;
    let server = loaded.snapshot.servers.get("big").ok_or("no server")?;
    let published = server.contract.published.as_ref().ok_or("no contract in force")?;
    let best = (0..ROUNDS).fold(f64::INFINITY, |best, _| {
        let begun = Instant::now();
        let turns = 50_000;
        for name in names.iter().cycle().take(turns) {
            black_box(published.tool(black_box(name)).is_some());
        }
        best.min(begun.elapsed().as_secs_f64() * 1e9 / turns as f64)
    });
    Ok((took, best))
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
    for tools in [10, 5_000] {
        let (took, found) = lock(tools)?;
        println!("a lock file of {tools} tools: loaded in {took:.2} s; {found:.0} ns to find the schemas of a tool");
    }
    Ok(())
}
