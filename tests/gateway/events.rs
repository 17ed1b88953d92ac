//! Clients of 2024-11-05 (HTTP+SSE): one stream for everything that comes, an endpoint for everything that goes.
use crate::lines::{call_of, hello_of, next_event, program};
use crate::support::*;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::net::TcpStream;

/// Opens the stream: its reader, and the endpoint that it names.
fn open(gateway: &Gateway, token: &str) -> (BufReader<TcpStream>, String) {
    let get = Request {
        line: "GET /crm/mcp".to_owned(),
        headers: vec![
            ("accept".to_owned(), "text/event-stream".to_owned()),
            ("authorization".to_owned(), format!("Bearer {token}")),
        ],
        body: Vec::new(),
    };
    let (status, mut reader) = gateway.open(&get);
    assert_eq!(status, 200);
    let mut head = String::new();
    while !head.contains("\ndata: ") || !head.ends_with('\n') {
        assert!(reader.read_line(&mut head).unwrap() > 0, "{head}");
    }
    assert!(head.contains("event: endpoint\n"), "{head}");
    let endpoint = head.lines().find_map(|line| line.strip_prefix("data: ")).unwrap().to_owned();
    (reader, endpoint)
}

/// A message to the endpoint, as such clients send it.
fn post(token: &str, endpoint: &str, body: &Value) -> Request {
    let mut request = legacy(token, None, body).without("accept");
    request.line = format!("POST {endpoint}");
    request
}

fn begin(gateway: &Gateway, token: &str, capabilities: &Value) -> (BufReader<TcpStream>, String) {
    let (mut reader, endpoint) = open(gateway, token);
    let params =
        json!({"protocolVersion":"2024-11-05","capabilities":capabilities,"clientInfo":{"name":"t","version":"1"}});
    let hello = json!({"jsonrpc":"2.0","id":0,"method":"initialize","params":params});
    let answer = gateway.send(&post(token, &endpoint, &hello));
    assert_eq!((answer.status, answer.body.as_str()), (202, ""));
    let said = next_event(&mut reader);
    assert_eq!((&said["id"], &said["result"]["protocolVersion"]), (&json!(0), &json!("2024-11-05")), "{said}");
    let note = json!({"jsonrpc":"2.0","method":"notifications/initialized"});
    assert_eq!(gateway.send(&post(token, &endpoint, &note)).status, 202);
    (reader, endpoint)
}

fn text(message: &Value) -> &str {
    message["result"]["content"][0]["text"].as_str().unwrap_or_else(|| panic!("{message}"))
}

#[test]
fn a_client_of_2024_calls_servers_of_either_era_and_reads_everything_on_its_stream() {
    for speaks in ["legacy", "modern"] {
        let gateway = program(speaks, "");
        let token = gateway.ann();
        let (mut reader, endpoint) = begin(&gateway, &token, &json!({}));
        for id in 1..4 {
            let answer =
                gateway.send(&post(&token, &endpoint, &call_of(id, "echo", &json!({"text":format!("n{id}")}))));
            assert_eq!((answer.status, answer.body.as_str()), (202, ""));
            let said = next_event(&mut reader);
            assert_eq!((&said["id"], text(&said)), (&json!(id), format!("n{id}").as_str()));
        }
        let mut call = call_of(7, "progress", &json!({}));
        call["params"]["_meta"] = json!({"progressToken":"mine"});
        gateway.send(&post(&token, &endpoint, &call));
        for _ in 0..3 {
            assert_eq!(next_event(&mut reader)["params"]["progressToken"], "mine", "{speaks}");
        }
        assert_eq!(next_event(&mut reader)["id"], 7);
    }
}

#[test]
fn a_client_of_2024_is_asked_during_a_call() {
    let gateway = program("legacy", "");
    let token = gateway.ann();
    let (mut reader, endpoint) = begin(&gateway, &token, &json!({"elicitation":{}}));
    gateway.send(&post(&token, &endpoint, &call_of(5, "ask", &json!({}))));
    // The revision has no elicitation: what it does not have does not come.
    assert_eq!(next_event(&mut reader)["id"], 5);
    // SDKs agree on later ones over such a stream.
    let (mut reader, endpoint) = open(&gateway, &token);
    let mut hello = hello_of("2025-11-25");
    hello["params"]["capabilities"] = json!({"elicitation":{}});
    gateway.send(&post(&token, &endpoint, &hello));
    assert_eq!(next_event(&mut reader)["result"]["protocolVersion"], "2025-11-25");
    gateway.send(&post(&token, &endpoint, &call_of(6, "ask", &json!({}))));
    let question = next_event(&mut reader);
    assert_eq!(question["method"], "elicitation/create", "{question}");
    let answer = json!({"jsonrpc":"2.0","id":question["id"],"result":{"action":"accept","content":{"name":"ann"}}});
    assert_eq!(gateway.send(&post(&token, &endpoint, &answer)).status, 202);
    let said = next_event(&mut reader);
    assert!(text(&said).contains("ann"), "{said}");
}

#[test]
fn what_policy_refuses_does_not_reach_the_server_and_the_stream_says_so() {
    let gateway = Gateway::start();
    let token = gateway.ann();
    gateway.initialize(&token);
    let (mut reader, endpoint) = open(&gateway, &token);
    let params = json!({"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"t","version":"1"}});
    gateway.send(&post(&token, &endpoint, &json!({"jsonrpc":"2.0","id":0,"method":"initialize","params":params})));
    next_event(&mut reader);
    let answer = gateway.send(&post(&token, &endpoint, &call_of(4, "delete_customer", &json!({}))));
    assert_eq!(answer.status, 202);
    let refused = next_event(&mut reader);
    assert_eq!((&refused["id"], &refused["error"]["code"]), (&json!(4), &json!(-31403)), "{refused}");
    assert!(gateway.upstream.called().is_empty());
    gateway.send(&post(&token, &endpoint, &call_of(5, "find_customer", &json!({}))));
    assert_eq!(text(&next_event(&mut reader)), "ok");
    assert_eq!(gateway.upstream.called(), ["find_customer"]);
}

#[test]
fn an_endpoint_is_its_openers_alone_and_ends_with_its_stream() {
    let gateway = program("legacy", "");
    let (ann, bob) = (gateway.ann(), gateway.token("bob", "crm.read"));
    let (mut reader, endpoint) = begin(&gateway, &ann, &json!({}));
    let call = call_of(5, "echo", &json!({"text":"x"}));
    assert_eq!(gateway.send(&post(&bob, &endpoint, &call)).status, 404);
    assert_eq!(gateway.send(&post(&ann, &format!("{endpoint}x"), &call)).status, 404);
    assert_eq!(gateway.send(&post(&ann, &endpoint, &call).without("authorization")).status, 401);
    let id = endpoint.rsplit('/').next().unwrap();
    assert_eq!(gateway.send(&legacy(&ann, Some(id), &call)).status, 404, "not a session of streamable HTTP");
    let session = gateway.send(&legacy(&ann, None, &hello_of("2025-11-25")));
    let other = format!("/crm/mcp/{}", session.header("mcp-session-id").unwrap());
    assert_eq!(gateway.send(&post(&ann, &other, &call)).status, 404, "and the other way round");
    let mut get = post(&ann, &endpoint, &json!({})).set("accept", "text/event-stream").body("");
    get.line = format!("GET {endpoint}");
    assert_eq!(gateway.send(&get).status, 405);
    let stateless = modern(&ann, "tools/list", &json!({}));
    let stateless = Request { line: format!("POST {endpoint}"), ..stateless };
    let answer = gateway.send(&stateless);
    assert_eq!((answer.status, answer.code()), (400, -32600), "2026-07-28 has no such streams");
    assert_eq!(gateway.send(&post(&ann, &endpoint, &call)).status, 202);
    assert_eq!(text(&next_event(&mut reader)), "x");
    drop(reader);
    wait("the session is gone", || gateway.send(&post(&ann, &endpoint, &call)).status == 404);
    wait("the server was told", || {
        gateway.records().iter().any(|record| record["method"] == "DELETE" && record["outcome"] == "allow")
    });
}

#[test]
fn such_a_stream_ends_when_policy_no_longer_admits_its_caller() {
    let gateway = program("legacy", "");
    let ann = gateway.ann();
    let (mut reader, _) = begin(&gateway, &ann, &json!({}));
    let stopped = std::process::Command::new(env!("CARGO_BIN_EXE_portcullis"))
        .args(["stop", "gateway.yaml", "server", "crm", "--reason", "test"])
        .current_dir(&gateway.directory)
        .output()
        .unwrap();
    assert!(stopped.status.success(), "{stopped:?}");
    let mut rest = String::new();
    // The last chunk of the stream.
    while rest.lines().last().is_none_or(|line| line != "0") {
        assert!(reader.read_line(&mut rest).unwrap() > 0, "{rest}");
    }
    assert!(!rest.contains("result"), "{rest}");
}
