//! The verdict over arbitrary messages, with a plain list of what this caller may do beside it; and
//! what is then sent upstream, as another parser reads it, names what was judged.
#![no_main]
use libfuzzer_sys::fuzz_target;
use portcullis::kernel::digest::Digest;
use portcullis::kernel::facts::Facts;
use portcullis::kernel::json::Bounds;
use portcullis::kernel::mcp::decode::Target;
use portcullis::kernel::policy::compile::{Position, ServerPolicy, Surroundings, compile};
use portcullis::kernel::policy::decide::{Decision, decide};
use portcullis::kernel::principal::{Principal, Verified};
use portcullis::kernel::snapshot::{Limits, Snapshot};
use portcullis_fuzz::message;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

type World = (Arc<Snapshot>, Arc<ServerPolicy>, Arc<Principal>);

static WORLD: LazyLock<World> = LazyLock::new(|| {
    let source = json!({
        "server": "x",
        "upstream": {"url": "http://127.0.0.1:1/mcp"},
        "access": {"issuers": ["corp"]},
        "roles": {"boss": {"claim": "groups", "any": ["boss"]}},
        "tools": {
            "find_*": {"effect": "read", "scopes": ["read"]},
            "find_secret": {"effect": "read", "scopes": ["read", "secret"]},
            "fire": {"effect": "write", "roles": ["boss"]},
            "export": {"effect": "egress", "when": "args.region == principal.claims.region"},
        },
        "resources": {"crm://a/{id}": {"scopes": ["read"]}, "crm://b/{+rest}": {"scopes": ["secret"]}},
        "prompts": {"sum": {"scopes": ["read"]}, "sum_*": {"scopes": ["secret"]}},
        "limits": [{"per": "subject", "rate": "600/min"}, {"per": "client", "tools": ["export"], "rate": "5/hour"}],
    });
    let nowhere = |_: &str| Position::default();
    let source = serde_json::from_value(source).unwrap();
    let server = Arc::new(
        compile(source, &Surroundings::new(&["corp".to_owned()], "https://gw.example"), &nowhere).policy.unwrap(),
    );
    let bounds = Bounds::default();
    let world = Snapshot {
        id: Digest::of(b""),
        servers: BTreeMap::from([("x".to_owned(), server.clone())]),
        joints: BTreeMap::new(),
        paths: BTreeMap::from([("/x/mcp".to_owned(), "x".to_owned())]),
        hosts: Vec::new(),
        origins: Vec::new(),
        public_url: "https://gw.example".to_owned(),
        issuers: BTreeMap::new(),
        approvals: Default::default(),
        limits: Limits { request: bounds, reply: bounds },
    };
    let principal = Principal::assertion(Verified {
        anonymous: false,
        issuer: "corp".into(),
        subject: "s".into(),
        client: None,
        audiences: vec!["https://gw.example/x/mcp".into()],
        scopes: ["read".to_owned()].into(),
        expires: u64::MAX,
        claims: json!({"groups": ["staff"], "region": "eu"}),
    });
    (Arc::new(world), server, Arc::new(principal))
});

/// What the caller above may do, as plainly as it can be written.
fn allowed(target: &Target, sent: &Value) -> bool {
    match target {
        Target::Tool(name) if name == "export" => sent["params"]["arguments"]["region"] == "eu",
        Target::Tool(name) => name.starts_with("find_") && name != "find_secret",
        Target::Prompt(name) => name == "sum",
        Target::Resource(uri) => {
            uri.strip_prefix("crm://a/").is_some_and(|id| !["", ".", ".."].contains(&id) && !id.contains(['/', '\\']))
        }
        Target::Resources(uris) => uris.iter().all(|uri| allowed(&Target::Resource(uri.clone()), sent)),
        Target::None => true,
        // The policy passes on none.
        Target::Task(_) => false,
    }
}

fuzz_target!(|data: &[u8]| {
    let Some((choice, body)) = data.split_first() else { return };
    let Ok(message) = message(*choice, body, body.to_vec().into()) else { return };
    let (world, server, principal) = &*WORLD;
    let Decision::Permit(permit) = decide(world, server, principal, message, &Facts::at(1)) else { return };
    let (target, method) = (permit.message().target.clone(), permit.message().method.name);
    let (outbound, _) = permit.discharge();
    if outbound.body().is_empty() {
        return assert_eq!(target, Target::None, "only GET and DELETE have no body");
    }
    let sent: Value = match serde_json::from_slice(outbound.body()) {
        Ok(sent) => sent,
        // Numbers beyond f64 are passed on as they are spelled.
        Err(error) => return assert!(error.to_string().contains("number out of range"), "{error}"),
    };
    assert!(allowed(&target, &sent), "permitted: {target:?}");
    match (&target, method) {
        (Target::Tool(name), _) | (Target::Prompt(name), "prompts/get") => assert_eq!(sent["params"]["name"], **name),
        (Target::Resource(uri), "resources/read") => assert_eq!(sent["params"]["uri"], **uri),
        _ => {}
    }
});
