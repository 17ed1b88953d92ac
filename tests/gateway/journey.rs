//! The journey of one message: tokens, HTTP rules, revisions, sessions, streams, limits.
use crate::support::*;
use serde_json::{Value, json};
use std::io::{BufRead, Read};

fn find(id: &str) -> Value {
    json!({"name":"find_customer","arguments":{"id":id}})
}

#[test]
fn a_token_that_does_not_prove_the_caller_is_a_401_with_a_challenge() {
    let gateway = Gateway::start();
    let good = gateway.claims("ann", "crm.read");
    let with = |key: &str, value: Value| {
        let mut claims = good.clone();
        claims[key] = value;
        gateway.signer.sign("at+jwt", &claims)
    };
    let without = |key: &str| {
        let mut claims = good.clone();
        claims.as_object_mut().unwrap().remove(key);
        gateway.signer.sign("at+jwt", &claims)
    };
    let unsigned = {
        let parts: Vec<String> = gateway.ann().split('.').map(str::to_owned).collect();
        format!("eyJhbGciOiJub25lIn0.{}.", parts[1])
    };
    for (token, reason) in [
        (with("exp", json!(now() - 1)), "TokenExpired"),
        (with("nbf", json!(now() + 300)), "TokenInvalid"),
        (with("aud", json!("https://elsewhere.example")), "TokenForAnother"),
        (with("iss", json!("https://evil.example")), "TokenInvalid"),
        (without("exp"), "TokenInvalid"),
        (without("sub"), "TokenInvalid"),
        (without("aud"), "TokenForAnother"),
        (gateway.signer.sign("id_token+jwt", &good), "TokenInvalid"),
        (Signer::new("k1").sign("at+jwt", &good), "TokenInvalid"),
        (Signer::new("other").sign("at+jwt", &good), "TokenInvalid"),
        (unsigned, "TokenInvalid"),
        ("garbage".to_owned(), "TokenInvalid"),
    ] {
        let answer = gateway.call(&token, "tools/call", find("1"));
        assert_eq!(answer.status, 401, "{reason}: {}", answer.body);
        let challenge = answer.header("www-authenticate").unwrap();
        assert!(
            challenge.contains("error=\"invalid_token\"") && challenge.contains("resource_metadata="),
            "{challenge}"
        );
        assert_eq!(gateway.last_record()["reason"], reason);
    }
    let request = modern("", "tools/call", &find("1")).without("authorization");
    let answer = gateway.send(&request);
    assert_eq!(answer.status, 401);
    assert!(answer.header("www-authenticate").unwrap().contains("scope=\"crm.read\""));
    assert!(gateway.upstream.seen().is_empty());
}

#[test]
fn a_missing_scope_is_a_403_that_names_all_of_them() {
    let gateway = Gateway::start();
    let answer = gateway.call(&gateway.token("ann", "other"), "tools/call", find("1"));
    assert_eq!((answer.status, answer.code()), (403, -31403));
    let challenge = answer.header("www-authenticate").unwrap();
    assert!(challenge.contains("error=\"insufficient_scope\", scope=\"crm.read\""), "{challenge}");
    assert!(gateway.upstream.seen().is_empty());
}

#[test]
fn a_missing_scope_is_a_tool_result_where_configured() {
    let gateway = Gateway::start();
    let text = std::fs::read_to_string(gateway.directory.join("policies/crm.yaml")).unwrap();
    gateway.write_atomic(
        "policies/crm.yaml",
        &text.replace("  issuers: [corp]", "  issuers: [corp]\n  challenge: tool_result"),
    );
    let token = gateway.token("ann", "other");
    wait("the policy is in force", || gateway.call(&token, "tools/call", find("1")).status == 200);
    let result = gateway.call(&token, "tools/call", find("1")).json()["result"].clone();
    assert_eq!(result["isError"], true);
    assert_eq!(result["resultType"], "complete");
    assert!(result["_meta"]["mcp/www_authenticate"][0].as_str().unwrap().contains("insufficient_scope"));
    assert!(gateway.upstream.seen().is_empty());
}

#[test]
fn foreign_hosts_origins_and_queries_are_refused_before_anything_else() {
    let gateway = Gateway::start();
    let request = modern("no-token-needed-to-be-refused", "tools/call", &find("1"));
    for (name, value, status) in [
        ("host", "evil.example", 403),
        ("host", "localhost", 403),
        ("origin", "https://evil.example", 403),
        ("origin", "null", 403),
    ] {
        assert_eq!(gateway.send(&request.clone().set(name, value)).status, status, "{name}: {value}");
    }
    let mut query = request.clone();
    query.line = "POST /crm/mcp?access_token=x".to_owned();
    assert_eq!(gateway.send(&query).status, 404);
    let own = format!("http://localhost:{}", gateway.port);
    let fine = modern(&gateway.ann(), "tools/call", &find("1")).set("origin", &own);
    assert_eq!(gateway.send(&fine).status, 200);
    assert_eq!(gateway.upstream.seen().len(), 1);
}

#[test]
fn metadata_is_at_the_root_and_at_the_path() {
    let gateway = Gateway::start();
    for path in ["/.well-known/oauth-protected-resource", "/.well-known/oauth-protected-resource/crm/mcp"] {
        let request = Request { line: format!("GET {path}"), headers: Vec::new(), body: Vec::new() };
        let answer = gateway.send(&request);
        assert_eq!(answer.status, 200);
        assert_eq!(answer.json()["resource"], gateway.audience());
        assert_eq!(answer.json()["authorization_servers"], json!(["https://login.example.com"]));
    }
}

#[test]
fn bad_messages_get_the_status_and_code_of_the_spec_and_one_record_each() {
    let gateway = Gateway::start();
    let request = modern(&gateway.ann(), "tools/call", &find("1"));
    let text = String::from_utf8(request.body.clone()).unwrap();
    let deep = format!("{}{}", "[".repeat(500), "]".repeat(500));
    let cases: Vec<(Request, u16, i64)> = vec![
        (request.clone().body("{"), 400, -32700),
        (request.clone().body(text.replace("\"1\"", &deep)), 400, -32700),
        (request.clone().body(vec![b' '; 5 << 20]), 413, -32600),
        (request.clone().body(text.replace("\"2.0\"", "\"1.0\"")), 400, -32600),
        (request.clone().body(text.replace("\"id\":1,", "\"id\":null,")), 400, -32600),
        (request.clone().body(text.replace("\"id\":1,", "\"id\":1.5,")), 400, -32600),
        (
            request.clone().body(text.replace("\"id\":1,", &format!("\"id\":\"{}\",", "\\u0001".repeat(60)))),
            400,
            -32600,
        ),
        (request.clone().body(text.replace("io.modelcontextprotocol/clientCapabilities", "x")), 400, -32602),
        (
            request.clone().body(text.replace("2026-07-28", "2099-01-01")).set("mcp-protocol-version", "2099-01-01"),
            400,
            -32022,
        ),
        (request.clone().set("accept", "application/json"), 406, -32600),
        (modern(&gateway.ann(), "initialize", &json!({})), 404, -32601),
        (modern(&gateway.ann(), "tasks/get", &json!({"taskId":"t"})), 404, -32601),
        (legacy(&gateway.ann(), None, &json!({"jsonrpc":"2.0","id":1,"method":"tools/list"})), 400, -32600),
        (legacy(&gateway.ann(), Some("dead"), &json!({"jsonrpc":"2.0","id":1,"method":"tools/list"})), 404, -32600),
    ];
    for (index, (request, status, code)) in cases.iter().enumerate() {
        let answer = gateway.send(request);
        assert_eq!((answer.status, answer.code()), (*status, *code), "case {index}: {}", answer.body);
        assert!(answer.json()["error"]["message"].as_str().unwrap().len() > 10);
        assert!(answer.header("x-request-id").is_some());
    }
    let supported = gateway.send(&cases[8].0).json()["error"]["data"].clone();
    assert_eq!(supported["requested"], "2099-01-01");
    assert!(supported["supported"].as_array().unwrap().contains(&json!("2026-07-28")));
    assert_eq!(gateway.records().len(), cases.len() + 1);
    assert!(gateway.upstream.seen().is_empty());
}

#[test]
fn a_rate_is_kept_per_subject_with_the_time_to_wait() {
    let policy = format!("{TOOLS}limits:\n  - {{ per: subject, tools: [find_customer], rate: 2/hour }}\n");
    let gateway = Gateway::with(&policy, "");
    let statuses: Vec<u16> = (0..3).map(|_| gateway.call(&gateway.ann(), "tools/call", find("1")).status).collect();
    assert_eq!(statuses, [200, 200, 429]);
    let refused = gateway.call(&gateway.ann(), "tools/call", find("1"));
    assert!(refused.header("retry-after").unwrap().parse::<u64>().unwrap() > 60);
    assert_eq!(refused.code(), -31429);
    assert_eq!(gateway.call(&gateway.token("bob", "crm.read"), "tools/call", find("1")).status, 200);
    assert_eq!(gateway.upstream.seen().len(), 3);
}

#[test]
fn resources_are_judged_by_template_and_traversal_reaches_nobody() {
    let gateway = Gateway::start();
    let read = |uri: &str| gateway.call(&gateway.ann(), "resources/read", json!({"uri":uri}));
    for uri in [
        "crm://customers/../secrets",
        "crm://customers/%2e%2e%2fx",
        "crm://orders/1",
        "file:///etc/passwd",
        "crm://customers/a/b",
    ] {
        assert_eq!(read(uri).code(), -32602, "{uri}");
    }
    assert!(gateway.upstream.seen().is_empty());
    assert_eq!(read("crm://customers/42").status, 200);
    assert_eq!(gateway.upstream.seen()[0].json()["params"]["uri"], "crm://customers/42");
    let listen = json!({"notifications":{"resourceSubscriptions":["crm://customers/1","crm://orders/1"]}});
    assert_eq!(gateway.call(&gateway.ann(), "subscriptions/listen", listen).code(), -32602);
    let complete =
        json!({"ref":{"type":"ref/resource","uri":"crm://orders/{id}"},"argument":{"name":"id","value":"1"}});
    assert_eq!(gateway.call(&gateway.ann(), "completion/complete", complete).code(), -32602);
    assert_eq!(gateway.upstream.seen().len(), 1);
}

#[test]
fn other_lists_are_filtered_too() {
    let gateway = Gateway::start();
    for (method, list, items) in [
        (
            "resources/list",
            "resources",
            json!([{"uri":"crm://customers/1","name":"a"},{"uri":"crm://orders/1","name":"b"}]),
        ),
        (
            "resources/templates/list",
            "resourceTemplates",
            json!([{"uriTemplate":"crm://customers/{x}","name":"a"},{"uriTemplate":"crm://{+all}","name":"b"}]),
        ),
        ("prompts/list", "prompts", json!([{"name":"summarize"},{"name":"leak"}])),
    ] {
        gateway.upstream.result(json!({list:items,"resultType":"complete"}));
        let shown = gateway.call(&gateway.ann(), method, json!({})).json()["result"][list].clone();
        assert_eq!(shown, json!([items[0]]), "{method}");
    }
}

#[test]
fn events_are_streamed_as_they_come() {
    let gateway = Gateway::start();
    let (release, held) = std::sync::mpsc::channel::<()>();
    let held = std::sync::Mutex::new(held);
    gateway.upstream.script(move |_, out| {
        open_events(out);
        raw(out, "data: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/progress\",\"params\":{\"progressToken\":1,\"progress\":1}}\n\n");
        held.lock().unwrap().recv().unwrap();
        raw(out, "data: {\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"content\":[],\"resultType\":\"complete\"}}\n\n");
        let _ = out.shutdown(std::net::Shutdown::Both);
    });
    let (status, mut reader) = gateway.open(&modern(&gateway.ann(), "tools/call", &find("1")));
    assert_eq!(status, 200);
    let mut text = String::new();
    while !text.contains("notifications/progress") {
        reader.read_line(&mut text).unwrap(); // Arrives while the upstream still holds the rest.
    }
    release.send(()).unwrap();
    while !text.contains("\"content\":[]") {
        assert!(reader.read_line(&mut text).unwrap() > 0, "{text}");
    }
    wait("the stream's record", || gateway.last_record()["frames"] == json!([2, 0]));
}

#[test]
fn a_session_carries_questions_and_only_their_answers() {
    let gateway = Gateway::start();
    let token = gateway.ann();
    let session = gateway.initialize(&token);
    let response = |id: Value| json!({"jsonrpc":"2.0","id":id,"result":{"action":"accept","content":{}}});
    let before = gateway.upstream.seen().len();
    assert_eq!(gateway.send(&legacy(&token, Some(&session), &response(json!("q1")))).status, 400, "nobody asked");
    assert_eq!(gateway.upstream.seen().len(), before);
    gateway.upstream.script(|seen, out| {
        if seen.json()["method"] == "tools/call" {
            open_events(out);
            raw(out, "id: e-1\ndata: {\"jsonrpc\":\"2.0\",\"id\":\"q1\",\"method\":\"elicitation/create\",\"params\":{\"message\":\"?\",\"requestedSchema\":{}}}\n\n");
            std::thread::sleep(std::time::Duration::from_secs(2));
            raw(out, "data: {\"jsonrpc\":\"2.0\",\"id\":9,\"result\":{\"content\":[]}}\n\n");
            let _ = out.shutdown(std::net::Shutdown::Both);
        } else {
            raw(out, "HTTP/1.1 202 OK\r\ncontent-length: 0\r\n\r\n");
        }
    });
    let call =
        json!({"jsonrpc":"2.0","id":9,"method":"tools/call","params":{"name":"find_customer","arguments":{"id":"1"}}});
    let (_, mut reader) = gateway.open(&legacy(&token, Some(&session), &call));
    let mut text = String::new();
    while !text.contains("elicitation/create") {
        assert!(reader.read_line(&mut text).unwrap() > 0, "{text}");
    }
    let sealed = text.lines().find_map(|line| line.strip_prefix("id: ")).unwrap().to_owned();
    assert!(sealed.ends_with(".e-1") && sealed.len() > 30, "{sealed}");
    assert_eq!(gateway.send(&legacy(&token, Some(&session), &call)).status, 400, "an id still in use");
    assert_eq!(gateway.send(&legacy(&token, Some(&session), &response(json!("q1")))).status, 202);
    assert_eq!(gateway.send(&legacy(&token, Some(&session), &response(json!("q1")))).status, 400, "only once");
    // Another session cannot resume from this one's events.
    let other = gateway.initialize(&gateway.token("bob", "crm.read"));
    let mut get =
        legacy(&gateway.token("bob", "crm.read"), Some(&other), &json!({})).set("last-event-id", &sealed).body("");
    get.line = "GET /crm/mcp".to_owned();
    assert_eq!(gateway.send(&get).status, 400);
    assert!(gateway.upstream.seen().iter().all(|seen| !seen.line.starts_with("GET")));
    let mut rest = String::new();
    let _ = reader.read_to_string(&mut rest);
}

#[test]
fn a_server_may_ask_nothing_in_the_stateless_revision() {
    let gateway = Gateway::start();
    gateway.upstream.script(|_, out| {
        events(out, "data: {\"jsonrpc\":\"2.0\",\"id\":\"q\",\"method\":\"sampling/createMessage\",\"params\":{}}\n\n");
    });
    let answer = gateway.call(&gateway.ann(), "tools/call", find("1"));
    assert!(!answer.body.contains("sampling") && answer.body.contains("-31502"), "{}", answer.body);
}

#[test]
fn input_required_is_relayed_and_other_result_types_are_not() {
    let gateway = Gateway::start();
    let asking = json!({"resultType":"input_required","inputRequests":{"a":{"method":"elicitation/create","params":{}}},"requestState":"s"});
    gateway.upstream.result(asking.clone());
    assert_eq!(gateway.call(&gateway.ann(), "tools/call", find("1")).json()["result"], asking);
    let retry = json!({"name":"find_customer","arguments":{"id":"1"},"inputResponses":{"a":{"action":"accept"}},"requestState":"s"});
    gateway.call(&gateway.ann(), "tools/call", retry);
    assert_eq!(gateway.upstream.seen()[1].json()["params"]["requestState"], "s");
    gateway.upstream.result(json!({"resultType":"task","taskId":"t"}));
    assert_eq!(gateway.call(&gateway.ann(), "tools/call", find("1")).status, 502);
}
