//! What the size of a policy costs: time to load 2,000 rules, and time to decide about one of 5,000 tools, as
//! a ratio to a policy of 10 rules. `cargo bench --bench policy`.
use portcullis::config::load::load;
use portcullis::kernel::facts::Facts;
use portcullis::kernel::inbound::{HeaderFacts, Inbound, Verb};
use portcullis::kernel::json::Document;
use portcullis::kernel::mcp::decode::{Target, decode};
use portcullis::kernel::policy::compile::ServerPolicy;
use portcullis::kernel::policy::decide::{authorize, decide};
use portcullis::kernel::principal::{Principal, Verified};
use portcullis::kernel::snapshot::Snapshot;
use std::fmt::Write as _;
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

const TOOLS: usize = 5_000;
const ROUNDS: usize = 15;

/// A policy whose rules are names, prefixes and suffixes in turn; a tenth of them have a condition.
fn policy(rules: usize) -> String {
    let mut text = String::from(
        "server: big\nupstream: { url: 'http://127.0.0.1:1/mcp' }\naccess: { issuers: [corp], audience: x }\n\
         roles: { staff: { claim: groups, any: [staff] } }\ntools:\n",
    );
    for rule in 0..rules {
        let pattern = match rule % 4 {
            0 => format!("area{rule}_*"),
            1 => format!("'*_of_the_area_called_{rule}'"),
            _ => format!("area{rule}_find_customer"),
        };
        let when = if rule % 10 == 0 { ", when: 'size(principal.scopes) < 50'" } else { "" };
        let _ = writeln!(text, "  {pattern}: {{ effect: read, scopes: [s{}], roles: [staff]{when} }}", rule % 7);
    }
    text
}

type World = (Arc<Snapshot>, Arc<ServerPolicy>);

fn loaded(rules: usize) -> Result<(World, Duration), String> {
    let directory = std::env::temp_dir().join(format!("portcullis-bench-{}-{rules}", std::process::id()));
    let io = |error: std::io::Error| error.to_string();
    std::fs::create_dir_all(directory.join("policies")).map_err(io)?;
    let gateway = "public_url: https://x.example\nlisten: [{ address: '127.0.0.1:1' }]\n\
        issuers: { corp: { issuer: https://login.example.com } }\nadmin: { address: '127.0.0.1:2' }\n\
        audit: { directory: audit }\npolicies: policies\n";
    std::fs::write(directory.join("gateway.yaml"), gateway).map_err(io)?;
    std::fs::write(directory.join("policies/big.yaml"), policy(rules)).map_err(io)?;
    let begun = Instant::now();
    let result = load(&directory.join("gateway.yaml"), &|_| None);
    let took = begun.elapsed();
    let _ = std::fs::remove_dir_all(&directory);
    let loaded = result.map_err(|problems| problems.iter().map(|p| format!("{p}\n")).collect::<String>())?;
    let server = loaded.snapshot.servers.get("big").cloned().ok_or("no server")?;
    Ok(((loaded.snapshot, server), took))
}

/// Nanoseconds for a decision, over calls that the rules decide about.
fn decisions(server: &ServerPolicy, calls: &[Target], principal: &Principal) -> f64 {
    let nothing = Document::empty_object();
    let begun = Instant::now();
    for target in calls {
        let _ = black_box(authorize(server, principal, target, Some(nothing.root()), &Facts::at(1)));
    }
    begun.elapsed().as_nanos() as f64 / calls.len() as f64
}

/// Nanoseconds from the bytes of a call to its verdict.
fn verdicts(world: &Arc<Snapshot>, server: &Arc<ServerPolicy>, calls: &[Target], principal: &Arc<Principal>) -> f64 {
    let messages: Vec<Inbound> = calls
        .iter()
        .map(|target| {
            let name = if let Target::Tool(name) = target { name.as_str() } else { "" };
            let meta = r#""_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}"#;
            let body = format!(
                r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{{meta},"name":"{name}","arguments":{{"id":"42","limit":10}}}}}}"#
            );
            let headers = HeaderFacts {
                protocol_version: Some("2026-07-28".to_owned()),
                method: Some("tools/call".to_owned()),
                name: Some(name.to_owned()),
                ..HeaderFacts::default()
            };
            Inbound { verb: Verb::Post, headers, body: body.into() }
        })
        .collect();
    let begun = Instant::now();
    for inbound in messages {
        if let Ok(message) = decode(inbound, None, &world.limits.request) {
            let _ = black_box(decide(world, server, principal, message, &Facts::at(1)));
        }
    }
    begun.elapsed().as_nanos() as f64 / calls.len() as f64
}

fn main() -> Result<(), String> {
    let ((small_world, small), _) = loaded(10)?;
    let ((big_world, big), took) = loaded(2000)?;
    let principal = Arc::new(Principal::assertion(Verified {
        anonymous: false,
        issuer: "corp".to_owned(),
        subject: "s".to_owned(),
        client: None,
        audiences: vec!["x".to_owned()],
        scopes: (0..7).map(|n| format!("s{n}")).collect(),
        expires: u64::MAX,
        claims: serde_json::json!({ "groups": ["staff"] }),
    }));
    let calls = |rules: usize| -> Vec<Target> {
        // Every call is of a tool that a rule allows, so that both policies are asked for the same work.
        let name = |tool: usize| match tool % rules % 4 {
            0 => format!("area{}_find_customer_{tool}", tool % rules),
            1 => format!("find_{tool}_of_the_area_called_{}", tool % rules),
            _ => format!("area{}_find_customer", tool % rules),
        };
        (0..TOOLS).map(|tool| Target::Tool(name(tool))).collect()
    };
    let (few, many) = (calls(10), calls(2000));
    let median = |round: &dyn Fn() -> (f64, f64)| {
        let mut rounds: Vec<(f64, f64)> = (0..ROUNDS).map(|_| round()).collect();
        rounds.sort_by(|a, b| (a.1 / a.0).total_cmp(&(b.1 / b.0)));
        rounds.get(ROUNDS / 2).copied().unwrap_or_default()
    };
    println!("2,000 rules loaded in {:.0} ms", took.as_secs_f64() * 1e3);
    let (ten, thousands) =
        median(&|| (verdicts(&small_world, &small, &few, &principal), verdicts(&big_world, &big, &many, &principal)));
    println!("bytes to verdict: {ten:.0} ns with 10 rules, {thousands:.0} ns with 2,000: {:.2} times", thousands / ten);
    let (ten, thousands) = median(&|| (decisions(&small, &few, &principal), decisions(&big, &many, &principal)));
    println!("of that, the rules: {ten:.0} ns with 10, {thousands:.0} ns with 2,000: {:.2} times", thousands / ten);
    Ok(())
}
