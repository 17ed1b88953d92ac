//! The tour: what a caller sends, what comes back, and what the record says of it.
use super::Place;
use super::crm::Crm;
use super::issuer::Issuer;
use crate::cli::sentence;
use crate::egress::Egress;
use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use serde_json::{Value, json};
use std::time::Duration;

const VERSION: &str = "2026-07-28";

/// One step of the tour.
struct Step {
    title: &'static str,
    why: &'static str,
    token: Token,
    method: &'static str,
    params: Value,
    /// HTTP status and JSON-RPC error code (0 for a result) it must end with.
    ends: (u16, i64),
    /// Outcome and reason its record must have.
    recorded: (&'static str, Option<&'static str>),
    /// Tool calls that must have reached the CRM.
    reaches: usize,
}

enum Token {
    None,
    Scopes(&'static str),
    OtherAudience,
}

fn steps() -> Vec<Step> {
    let call = |name: &str, arguments: Value| json!({ "name": name, "arguments": arguments });
    vec![
        Step {
            title: "What may I use?",
            why: "A list shows each caller exactly what the caller may use; this token reads and exports.",
            token: Token::Scopes("crm.read crm.export"),
            method: "tools/list",
            params: json!({}),
            ends: (200, 0),
            recorded: ("allow", None),
            reaches: 0,
        },
        Step {
            title: "A good call",
            why: "The scope is there, so the call goes up with the gateway's own credential.",
            token: Token::Scopes("crm.read"),
            method: "tools/call",
            params: call("find_customer", json!({ "id": "42" })),
            ends: (200, 0),
            recorded: ("allow", None),
            reaches: 1,
        },
        Step {
            title: "No token",
            why: "401 with a challenge that says where to get one.",
            token: Token::None,
            method: "tools/call",
            params: call("find_customer", json!({ "id": "42" })),
            ends: (401, -31401),
            recorded: ("deny", Some("TokenMissing")),
            reaches: 0,
        },
        Step {
            title: "A token made for another server",
            why: "The signature is good, the audience is not.",
            token: Token::OtherAudience,
            method: "tools/call",
            params: call("find_customer", json!({ "id": "42" })),
            ends: (401, -31401),
            recorded: ("deny", Some("TokenForAnother")),
            reaches: 0,
        },
        Step {
            title: "The wrong scope",
            why: "403 with every scope that this call needs.",
            token: Token::Scopes("crm.read"),
            method: "tools/call",
            params: call("delete_customer", json!({ "id": "42" })),
            ends: (403, -31403),
            recorded: ("deny", Some("ScopeMissing")),
            reaches: 0,
        },
        Step {
            title: "An unknown tool",
            why: "No rule names it, so it is refused without asking the CRM.",
            token: Token::Scopes("crm.read"),
            method: "tools/call",
            params: call("drop_database", json!({})),
            ends: (200, -32602),
            recorded: ("deny", Some("ToolUnknown")),
            reaches: 0,
        },
        Step {
            title: "A condition that does not hold",
            why: "`when: args.region == principal.claims.region`; the caller is from eu.",
            token: Token::Scopes("crm.export"),
            method: "tools/call",
            params: call("export_customers", json!({ "region": "us" })),
            ends: (200, -31403),
            recorded: ("deny", Some("ConditionNotMet")),
            reaches: 0,
        },
        Step {
            title: "A write that is allowed",
            why: "Scope and role are there.",
            token: Token::Scopes("crm.write"),
            method: "tools/call",
            params: call("update_customer", json!({ "id": "42", "email": "hopper@example.com" })),
            ends: (200, 0),
            recorded: ("allow", None),
            reaches: 1,
        },
    ]
}

impl Step {
    fn body(&self) -> Value {
        let mut params = self.params.clone();
        if let Some(fields) = params.as_object_mut() {
            fields.insert(
                "_meta".to_owned(),
                json!({
                    "io.modelcontextprotocol/protocolVersion": VERSION,
                    "io.modelcontextprotocol/clientCapabilities": {},
                }),
            );
        }
        json!({ "jsonrpc": "2.0", "id": 1, "method": self.method, "params": params })
    }

    fn headers(&self, place: &Place, issuer: &Issuer) -> Vec<(&'static str, String)> {
        let mut headers = vec![
            ("Content-Type", "application/json".to_owned()),
            ("Accept", "application/json, text/event-stream".to_owned()),
            ("MCP-Protocol-Version", VERSION.to_owned()),
            ("Mcp-Method", self.method.to_owned()),
        ];
        if let Some(name) = self.params.get("name").and_then(Value::as_str) {
            headers.push(("Mcp-Name", name.to_owned()));
        }
        let token = match self.token {
            Token::None => None,
            Token::Scopes(scopes) => Some(issuer.token("ann", &place.endpoint(), scopes)),
            Token::OtherAudience => Some(issuer.token("ann", "https://elsewhere.example/mcp", "crm.read")),
        };
        headers.extend(token.map(|token| ("Authorization", format!("Bearer {token}"))));
        headers
    }
}

/// Prints lines to copy and paste.
pub fn print_guide(place: &Place, issuer: &Issuer) {
    let shown = place.directory.display();
    println!("Portcullis is running: {}", place.endpoint());
    println!("  policy    {shown}/policies/crm.yaml   (edit it: it takes effect without a restart)");
    println!("  records   {shown}/audit               (portcullis audit show {shown}/audit)");
    println!("  health    http://{}/readyz   metrics http://{}/metrics\n", place.admin, place.admin);
    for (number, step) in steps().iter().enumerate() {
        println!("{}. {}: {}", number + 1, step.title, step.why);
        let headers = step.headers(place, issuer);
        let headers: String = headers.iter().map(|(name, value)| format!(" \\\n  -H '{name}: {value}'")).collect();
        println!("curl -si --cacert {shown}/server.pem {}{headers} \\\n  -d '{}'\n", place.endpoint(), step.body());
        let (outcome, reason) = step.recorded;
        println!(
            "   ends with HTTP {}; the record says: {outcome}{}\n",
            step.ends.0,
            reason.map(|r| format!(" because {r}")).unwrap_or_default()
        );
    }
    println!("Ctrl-C ends the demo.");
}

/// Takes the tour. Prints each exchange with its decision; true if every step ended as told.
pub async fn take(place: &Place, issuer: &Issuer, crm: &Crm) -> Result<bool, String> {
    let egress = Egress::new(Some(&place.directory.join("server.pem")))?;
    let mut passed = true;
    for (number, step) in steps().iter().enumerate() {
        let before = crm.calls();
        let mut request = Request::post(place.endpoint());
        for (name, value) in step.headers(place, issuer) {
            request = request.header(name, value);
        }
        let request = request.body(Full::new(Bytes::from(step.body().to_string()))).map_err(|e| e.to_string())?;
        let response = egress.send(request, Duration::from_secs(10)).await.map_err(|e| format!("{e:?}"))?;
        let status = response.status().as_u16();
        let challenge = response.headers().get("www-authenticate").and_then(|v| v.to_str().ok()).map(str::to_owned);
        let body = response.into_body().collect().await.map_err(|e| e.to_string())?.to_bytes();
        let body: Value = serde_json::from_slice(&body).map_err(|e| e.to_string())?;
        let code = body.pointer("/error/code").and_then(Value::as_i64).unwrap_or(0);
        let reached = crm.calls() - before;
        let as_told = (status, code) == step.ends && reached == step.reaches;
        passed &= as_told;
        println!("{}. {}\n   {}", number + 1, step.title, step.why);
        println!("   -> {} {}", step.method, step.params);
        println!("   <- HTTP {status} {}", summary(&body));
        if let Some(challenge) = challenge {
            println!("      {challenge}");
        }
        println!("   calls that reached the CRM: {reached}   {}\n", if as_told { "as told" } else { "NOT AS TOLD" });
    }
    let kept = crm.customers() == 3;
    println!("The CRM still has {} customers.\n", crm.customers());
    Ok(passed && kept)
}

fn summary(body: &Value) -> String {
    if let Some(tools) = body.pointer("/result/tools").and_then(Value::as_array) {
        let shown = |tool: &Value| {
            let hint = tool.pointer("/annotations/readOnlyHint").and_then(Value::as_bool).unwrap_or(false);
            format!("{} (readOnlyHint {hint})", tool.get("name").and_then(Value::as_str).unwrap_or("?"))
        };
        return tools.iter().map(shown).collect::<Vec<_>>().join(", ");
    }
    body.get("result").and_then(|r| r.get("structuredContent")).or(body.get("error")).unwrap_or(body).to_string()
}

/// Reads the records back and compares them with what the tour caused.
pub fn read_back(place: &Place) -> Result<bool, String> {
    let directory = place.directory.join("audit");
    let mut files: Vec<_> = std::fs::read_dir(&directory)
        .map_err(|e| e.to_string())?
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|e| e == "jsonl"))
        .collect();
    files.sort();
    let mut records = Vec::new();
    for file in files {
        let text = std::fs::read_to_string(file).map_err(|e| e.to_string())?;
        records.extend(text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()));
    }
    println!("The records, in {}:", directory.display());
    for record in &records {
        println!("   {}", sentence(record));
    }
    let field = |record: &Value, key: &str| record.get(key).and_then(Value::as_str).map(str::to_owned);
    let found: Vec<_> = records
        .iter()
        .filter(|record| field(record, "kind").as_deref() == Some("exchange"))
        .map(|record| (field(record, "outcome").unwrap_or_default(), field(record, "reason")))
        .collect();
    let told: Vec<_> = steps().iter().map(|s| (s.recorded.0.to_owned(), s.recorded.1.map(str::to_owned))).collect();
    let as_told = found == told;
    println!("\n{}", if as_told { "Every step ended as told." } else { "A record is NOT AS TOLD." });
    Ok(as_told)
}
