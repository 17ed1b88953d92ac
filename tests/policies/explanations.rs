//! Twenty verdicts explained, as a golden that a security engineer can read without the code.
use portcullis::kernel::facts::Facts;
use portcullis::kernel::json::{Bounds, Document};
use portcullis::kernel::mcp::decode::Target;
use portcullis::kernel::policy::compile::{Position, ServerPolicy, Surroundings, compile};
use portcullis::kernel::policy::explain::explain;
use portcullis::kernel::principal::{Principal, Verified};
use serde_json::{Value, json};

fn policy() -> ServerPolicy {
    let source = json!({
        "server": "crm",
        "upstream": { "url": "http://127.0.0.1:3001/mcp" },
        "access": { "issuers": ["corp"], "anonymous": true, "token_life_max": "1h" },
        "scopes": { "crm.admin": { "implies": ["crm.write"] }, "crm.write": { "implies": ["crm.read"] } },
        "roles": { "support": { "claim": "groups", "any": ["support", "support-leads"] } },
        "tools": {
            "status": { "effect": "read", "anonymous": true },
            "find_*": { "effect": "read", "scopes": ["crm.read"] },
            "update_customer": { "effect": "write", "scopes": ["crm.write"], "roles": ["support"] },
            "delete_customer": {
                "effect": "destructive", "scopes": ["crm.admin"], "step_up": { "acr": ["mfa"], "max_age": "5m" },
                "available": { "days": ["mon", "tue", "wed", "thu"], "hours": "08:00-18:00", "clients": ["console"] },
            },
            "export_customers": {
                "effect": "egress", "scopes": ["crm.export"],
                "when": "args.region == principal.claims.region && size(args.ids) <= 10",
            },
        },
        "resources": { "crm://customers/{id}": { "scopes": ["crm.read"] } },
        "prompts": { "summarize": { "scopes": ["crm.read"] } },
        "deny": [
            { "name": "no secrets", "tools": ["find_secret*"] },
            { "name": "leavers", "when": "has(principal.claims.leaving) && principal.claims.leaving" },
        ],
        "limits": [
            { "per": "subject", "rate": "600/min" },
            { "tools": ["export_customers"], "key": "args.region", "rate": "5/hour", "concurrency": 1, "time": "30s" },
        ],
    });
    let place = |at: &str| Position { file: "policies/crm.yaml".into(), line: 1 + at.len(), column: 3 };
    compile(
        serde_json::from_value(source).unwrap(),
        &Surroundings::new(&["corp".to_owned()], "https://gw.example"),
        &place,
    )
    .policy
    .unwrap()
}

/// A Wednesday, 10:00 UTC.
const NOW: u64 = 1_799_834_400;

fn caller(scopes: &[&str], claims: Value) -> Principal {
    Principal::assertion(Verified {
        anonymous: false,
        issuer: "corp".into(),
        subject: "ann".into(),
        client: claims["client"].as_str().map(str::to_owned),
        audiences: vec![claims["aud"].as_str().unwrap_or("https://gw.example/crm/mcp").to_owned()],
        scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
        expires: NOW + claims["life"].as_u64().unwrap_or(600),
        claims,
    })
}

fn nobody() -> Principal {
    Principal::assertion(Verified::nothing())
}

#[test]
fn twenty_verdicts_are_explained_as_the_golden_says() {
    let server = policy();
    let tool = |name: &str| Target::Tool(name.into());
    let admin = json!({ "client": "console", "acr": "mfa", "auth_time": NOW - 60 });
    let cases: Vec<(&str, Principal, Target, Option<Value>)> = vec![
        ("a read with its scope", caller(&["crm.read"], json!({})), tool("find_customer"), Some(json!({ "id": "1" }))),
        ("a wider scope does too", caller(&["crm.admin"], json!({})), tool("find_customer"), Some(json!({}))),
        ("without the scope", caller(&[], json!({})), tool("find_customer"), Some(json!({}))),
        ("a tool that no rule names", caller(&["crm.read"], json!({})), tool("drop_tables"), Some(json!({}))),
        ("a denial", caller(&["crm.read"], json!({})), tool("find_secrets"), Some(json!({}))),
        ("a denial by a condition", caller(&["crm.read"], json!({ "leaving": true })), tool("find_customer"), None),
        ("a denial that fails", caller(&["crm.read"], json!({ "leaving": "x" })), tool("find_customer"), None),
        (
            "a write with scope and role",
            caller(&["crm.write"], json!({ "groups": ["support"] })),
            tool("update_customer"),
            Some(json!({})),
        ),
        (
            "a write without the role",
            caller(&["crm.write"], json!({ "groups": ["sales"] })),
            tool("update_customer"),
            Some(json!({})),
        ),
        ("a listing without the role", caller(&["crm.write"], json!({})), tool("update_customer"), None),
        (
            "everything that a deletion needs",
            caller(&["crm.admin"], admin.clone()),
            tool("delete_customer"),
            Some(json!({})),
        ),
        (
            "from another client",
            caller(&["crm.admin"], json!({ "client": "app" })),
            tool("delete_customer"),
            Some(json!({})),
        ),
        (
            "after an old login",
            caller(&["crm.admin"], json!({ "client": "console", "acr": "mfa", "auth_time": NOW - 3600 })),
            tool("delete_customer"),
            Some(json!({})),
        ),
        (
            "an export within the region",
            caller(&["crm.export"], json!({ "region": "eu" })),
            tool("export_customers"),
            Some(json!({ "region": "eu", "ids": [1] })),
        ),
        (
            "an export to another region",
            caller(&["crm.export"], json!({ "region": "us" })),
            tool("export_customers"),
            Some(json!({ "region": "eu", "ids": [1] })),
        ),
        (
            "an export without arguments",
            caller(&["crm.export"], json!({ "region": "us" })),
            tool("export_customers"),
            Some(json!({})),
        ),
        ("an export in a listing", caller(&["crm.export"], json!({ "region": "us" })), tool("export_customers"), None),
        (
            "a token for another server",
            caller(&["crm.read"], json!({ "aud": "https://other.example" })),
            tool("find_customer"),
            Some(json!({})),
        ),
        (
            "a token that lives too long",
            caller(&["crm.read"], json!({ "life": 90_000 })),
            Target::Prompt("summarize".into()),
            Some(json!({})),
        ),
        ("nobody, where that is enough", nobody(), tool("status"), Some(json!({}))),
        ("nobody, where it is not", nobody(), Target::Resource("crm://customers/7".into()), Some(json!({}))),
    ];
    let mut told = String::new();
    for (title, principal, target, args) in &cases {
        let text = args.as_ref().map_or_else(|| "{}".to_owned(), Value::to_string);
        let document = Document::parse(text.into(), &Bounds::default()).unwrap();
        let args = args.as_ref().map(|_| document.root());
        told.push_str(&format!("# {title}\n{}\n", explain(&server, principal, target, args, &Facts::at(NOW))));
    }
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/explanations.txt");
    let golden = std::fs::read_to_string(path).unwrap_or_default();
    let first = told.lines().zip(golden.lines()).find(|(told, golden)| told != golden);
    if told != golden {
        std::fs::write(concat!(env!("CARGO_TARGET_TMPDIR"), "/explanations.txt"), &told).unwrap();
    }
    assert!(told == golden, "{first:?}; what is told now is in the target directory's tmp/explanations.txt");
}
