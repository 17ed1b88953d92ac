//! Servers that are programs, and servers of 2024-11-05, behind the gateway. What reached the program is told by
//! the program itself.
use crate::support::*;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::net::TcpStream;
use std::path::Path;

/// Any tool, for any token.
pub const ANY: &str = "tools: { '*': { effect: read } }\n";
pub const PROGRAM: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/gateway/program.py");

pub fn program(speaks: &str, more: &str) -> Gateway {
    program_with(speaks, more, "")
}

fn program_with(speaks: &str, more: &str, gateway: &str) -> Gateway {
    let upstream = format!("{{ command: [python3, '{PROGRAM}', {speaks}]{more} }}");
    Gateway::before(&upstream, ANY, gateway)
}

pub fn hello(gateway: &Gateway, token: &str, capabilities: &Value) -> String {
    let params =
        json!({"protocolVersion":"2025-11-25","capabilities":capabilities,"clientInfo":{"name":"t","version":"1"}});
    let hello = json!({"jsonrpc":"2.0","id":0,"method":"initialize","params":params});
    let answer = gateway.send(&legacy(token, None, &hello));
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(answer.json()["result"]["protocolVersion"], "2025-11-25", "{}", answer.body);
    let session = answer.header("mcp-session-id").expect("a session id").to_owned();
    let note = json!({"jsonrpc":"2.0","method":"notifications/initialized"});
    assert_eq!(gateway.send(&legacy(token, Some(&session), &note)).status, 202);
    session
}

pub fn hello_of(version: &str) -> Value {
    let params = json!({"protocolVersion":version,"capabilities":{},"clientInfo":{"name":"t","version":"1"}});
    json!({"jsonrpc":"2.0","id":0,"method":"initialize","params":params})
}

pub fn call_of(id: u64, tool: &str, arguments: &Value) -> Value {
    json!({"jsonrpc":"2.0","id":id,"method":"tools/call","params":{"name":tool,"arguments":arguments}})
}

fn call(gateway: &Gateway, token: &str, session: &str, tool: &str, arguments: Value) -> Answer {
    gateway.send(&legacy(token, Some(session), &call_of(7, tool, &arguments)))
}

/// The text of a result, from JSON or from the last event.
pub fn said(answer: &Answer) -> String {
    let last = answer.body.lines().rev().find_map(|line| line.strip_prefix("data: ")).unwrap_or(&answer.body);
    let message: Value = serde_json::from_str(last).unwrap_or_else(|_| panic!("{answer:?}"));
    message["result"]["content"][0]["text"].as_str().unwrap_or_else(|| panic!("{message}")).to_owned()
}

/// The next message of an event stream.
pub fn next_event(reader: &mut BufReader<TcpStream>) -> Value {
    loop {
        let mut line = String::new();
        assert!(reader.read_line(&mut line).unwrap() > 0, "the stream ended");
        if let Some(data) = line.trim_end().strip_prefix("data: ") {
            return serde_json::from_str(data).unwrap();
        }
    }
}

fn pid(gateway: &Gateway, token: &str, session: &str) -> String {
    said(&call(gateway, token, session, "pid", json!({}))).split(' ').next().unwrap().to_owned()
}

/// So many records have this reason.
fn recorded(gateway: &Gateway, reason: &str, times: usize) {
    let of_it = || gateway.records().iter().filter(|record| record["reason"] == reason).count();
    wait("it is recorded", || of_it() >= times);
    assert_eq!(of_it(), times);
}

fn is_alive(pid: &str) -> bool {
    let state = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    !state.is_empty()
}

#[test]
fn a_program_is_called_with_the_declared_environment_and_nothing_of_the_gateways() {
    let gateway = program("legacy", ", env: { GREETING: hello, SECRET: { env: CRM_TOKEN } }");
    let token = gateway.ann();
    let session = hello(&gateway, &token, &json!({}));
    let environment: Value = serde_json::from_str(&said(&call(&gateway, &token, &session, "env", json!({})))).unwrap();
    let names: Vec<&String> = environment.as_object().unwrap().keys().filter(|name| *name != "LC_CTYPE").collect();
    assert_eq!(names, ["GREETING", "LANG", "PATH", "SECRET"]);
    assert_eq!(environment["SECRET"], "the-gateways-own-secret");
    let place = said(&call(&gateway, &token, &session, "pid", json!({})));
    let [pid, group, directory] = place.split(' ').collect::<Vec<_>>()[..] else { panic!("{place}") };
    assert_eq!(pid, group, "a process group of its own");
    assert_eq!(Path::new(directory), gateway.directory.canonicalize().unwrap());
    let limits = std::fs::read_to_string(format!("/proc/{pid}/limits")).unwrap();
    let of = |name: &str| limits.lines().find(|line| line.starts_with(name)).unwrap().to_owned();
    assert!(of("Max data size").contains("1073741824"), "{limits}");
    assert!(of("Max open files").contains("1024") && of("Max core file size").contains(" 0 "), "{limits}");
}

#[test]
fn both_eras_call_a_program_of_their_own_era() {
    let gateway = program("both", "");
    let token = gateway.ann();
    let session = hello(&gateway, &token, &json!({}));
    assert_eq!(said(&call(&gateway, &token, &session, "echo", json!({"text":"old"}))), "old");
    let answer = gateway.tool(&token, "echo", json!({"text":"new"}));
    assert_eq!((answer.status, said(&answer).as_str()), (200, "new"));
    assert_eq!(answer.json()["result"]["resultType"], "complete");
    assert!(gateway.listed(&token).contains(&"echo".to_owned()));
}

#[test]
fn progress_comes_under_the_clients_own_token() {
    let gateway = program("both", "");
    let token = gateway.ann();
    let session = hello(&gateway, &token, &json!({}));
    let mut message = call_of(3, "progress", &json!({}));
    message["params"]["_meta"] = json!({"progressToken":"mine"});
    let answer = gateway.send(&legacy(&token, Some(&session), &message));
    assert_eq!(answer.body.matches(r#""progressToken":"mine""#).count(), 3, "{}", answer.body);
    assert_eq!(said(&answer), "done");
}

#[test]
fn callers_have_processes_of_their_own_and_neither_sees_the_other() {
    let gateway = program("legacy", "");
    let (ann, bob) = (gateway.ann(), gateway.token("bob", "crm.read"));
    let (of_ann, of_bob) = (hello(&gateway, &ann, &json!({})), hello(&gateway, &bob, &json!({})));
    let again = hello(&gateway, &ann, &json!({}));
    assert_eq!(pid(&gateway, &ann, &of_ann), pid(&gateway, &ann, &again), "sessions of one caller share a process");
    assert_ne!(pid(&gateway, &ann, &of_ann), pid(&gateway, &bob, &of_bob));
    call(&gateway, &ann, &of_ann, "remember", json!({"text":"of ann"}));
    assert_eq!(said(&call(&gateway, &bob, &of_bob, "remember", json!({"text":"of bob"}))), r#"["of bob"]"#);
    let foreign = call(&gateway, &bob, &of_ann, "echo", json!({}));
    assert_eq!(foreign.status, 404, "a session of another caller is unknown");
}

#[test]
fn a_program_that_dies_during_a_call_is_told_and_begun_again() {
    let gateway = program("legacy", ", env: { SECRET: { env: CRM_TOKEN } }");
    let (ann, bob) = (gateway.ann(), gateway.token("bob", "crm.read"));
    let (of_ann, of_bob) = (hello(&gateway, &ann, &json!({})), hello(&gateway, &bob, &json!({})));
    let (first, other) = (pid(&gateway, &ann, &of_ann), pid(&gateway, &bob, &of_bob));
    // A second call of the same caller is in flight when the process dies.
    std::thread::scope(|scope| {
        let waiting =
            scope.spawn(|| gateway.send(&legacy(&ann, Some(&of_ann), &call_of(99, "slow", &json!({"seconds":20})))));
        std::thread::sleep(std::time::Duration::from_millis(500));
        let answer = call(&gateway, &ann, &of_ann, "die", json!({}));
        assert_eq!(answer.status, 502, "{}", answer.body);
        assert!(answer.body.contains("The tool server failed."), "{}", answer.body);
        assert_eq!(gateway.last_record()["reason"], "UpstreamFailed");
        let other = waiting.join().unwrap();
        assert!(other.body.contains("The tool server failed."), "the other call is told too: {}", other.body);
    });
    let second = pid(&gateway, &ann, &of_ann);
    assert_ne!(first, second, "the next call works, in a new process and the old session");
    assert_eq!(pid(&gateway, &bob, &of_bob), other, "others are not concerned");
    assert!(!is_alive(&first), "no zombie");
    let log = std::fs::read_to_string(gateway.directory.join("stderr")).unwrap();
    assert!(log.contains("server crm: dying with") && !log.contains("abcdef"), "{log}");
    assert!(!log.contains("the-gateways-own-secret"), "{log}");
}

#[test]
fn programs_end_with_the_gateway() {
    let mut gateway = program("legacy", "");
    let token = gateway.ann();
    let session = hello(&gateway, &token, &json!({}));
    let pid = pid(&gateway, &token, &session);
    gateway.stop();
    wait("the program has ended", || !is_alive(&pid));
}

#[test]
fn what_a_hostile_program_sends_ends_its_line_and_reaches_nobody() {
    let gateway = program("legacy", "");
    let (ann, bob) = (gateway.ann(), gateway.token("bob", "crm.read"));
    let (of_ann, of_bob) = (hello(&gateway, &ann, &json!({})), hello(&gateway, &bob, &json!({})));
    for tool in ["foreign", "flood"] {
        let answer = call(&gateway, &ann, &of_ann, tool, json!({}));
        assert!(answer.body.contains("-31502") && !answer.body.contains("of somebody else"), "{tool}: {}", answer.body);
        assert_eq!(said(&call(&gateway, &bob, &of_bob, "echo", json!({"text":"unharmed"}))), "unharmed");
    }
    assert_eq!(said(&call(&gateway, &ann, &of_ann, "noise", json!({}))), "quiet");
    let answer = call(&gateway, &ann, &of_ann, "steal", json!({}));
    assert!(!answer.body.contains("stolen"), "{}", answer.body);
}

#[test]
fn a_question_reaches_the_one_who_is_asked_and_only_its_answer_goes_back() {
    let gateway = program("legacy", "");
    let token = gateway.ann();
    let session = hello(&gateway, &token, &json!({"elicitation":{}}));
    let (status, mut stream) = gateway.open(&legacy(&token, Some(&session), &call_of(5, "ask", &json!({}))));
    assert_eq!(status, 200);
    let question = next_event(&mut stream);
    assert_eq!(question["method"], "elicitation/create");
    let answer = |id: &Value| json!({"jsonrpc":"2.0","id":id,"result":{"action":"accept","content":{"name":"ann"}}});
    let bob = gateway.token("bob", "crm.read");
    let of_bob = hello(&gateway, &bob, &json!({"elicitation":{}}));
    let foreign = gateway.send(&legacy(&bob, Some(&of_bob), &answer(&question["id"])));
    assert_eq!(foreign.status, 400, "somebody else cannot answer: {}", foreign.body);
    assert_eq!(gateway.send(&legacy(&token, Some(&session), &answer(&question["id"]))).status, 202);
    let result = next_event(&mut stream);
    assert_eq!(result["id"], 5);
    assert!(result["result"]["content"][0]["text"].as_str().unwrap().contains(r#""name": "ann""#), "{result}");
    let twice = gateway.send(&legacy(&token, Some(&session), &answer(&question["id"])));
    assert_eq!(twice.status, 400, "an answer counts once");
}

#[test]
fn callers_beyond_the_declared_processes_are_refused_by_name() {
    let gateway = program("legacy", ", process: { max: 2 }");
    for name in ["ann", "bob"] {
        let token = gateway.token(name, "crm.read");
        hello(&gateway, &token, &json!({}));
    }
    let token = gateway.token("eve", "crm.read");
    let params = json!({"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"t","version":"1"}});
    let answer =
        gateway.send(&legacy(&token, None, &json!({"jsonrpc":"2.0","id":0,"method":"initialize","params":params})));
    assert_eq!(answer.status, 503, "{}", answer.body);
    recorded(&gateway, "UpstreamExhausted", 1);
}

#[test]
fn a_caller_that_declares_ever_other_things_takes_nobody_elses_process() {
    let gateway = program("legacy", ", process: { max: 3 }");
    let (ann, bob) = (gateway.ann(), gateway.token("bob", "crm.read"));
    let declared = |n: u64| json!({"experimental":{n.to_string():{}}});
    let sessions: Vec<String> = (0..3).map(|n| hello(&gateway, &ann, &declared(n))).collect();
    let of_bob = hello(&gateway, &bob, &json!({}));
    let process = pid(&gateway, &bob, &of_bob);
    for session in &sessions {
        let works = || call(&gateway, &ann, session, "echo", json!({"text":"x"})).status == 200;
        wait("a session outlives its process", works);
    }
    let begins = |n: u64| {
        let params =
            json!({"protocolVersion":"2025-11-25","capabilities":declared(n),"clientInfo":{"name":"t","version":"1"}});
        let begin = json!({"jsonrpc":"2.0","id":0,"method":"initialize","params":params});
        gateway.send(&legacy(&ann, None, &begin)).status == 200
    };
    assert!((3..40).filter(|n| begins(*n)).count() < 20, "nor does it begin one each time");
    assert_eq!(pid(&gateway, &bob, &of_bob), process, "and who has but one keeps it");
}

#[test]
fn what_is_kept_of_a_client_that_begins_is_short() {
    let long = json!({"elicitation":{"x":"x".repeat(70_000)}});
    let params = json!({"protocolVersion":"2025-11-25","capabilities":long,"clientInfo":{"name":"t","version":"1"}});
    let begin = json!({"jsonrpc":"2.0","id":0,"method":"initialize","params":params});
    let gateway = program("legacy", "");
    let token = gateway.ann();
    let answer = gateway.send(&legacy(&token, None, &begin));
    assert_eq!((answer.status, answer.header("mcp-session-id")), (400, None), "{}", answer.body);
    let request = modern(&token, "tools/call", &json!({"name":"echo","arguments":{"text":"x"}}));
    assert_eq!(gateway.send(&request).status, 200);
    let mut body: Value = serde_json::from_slice(&request.body).unwrap();
    body["params"]["_meta"]["io.modelcontextprotocol/clientCapabilities"] = long;
    let answer = gateway.send(&request.body(body.to_string()));
    assert_eq!((answer.status, answer.code()), (400, -32602), "{}", answer.body);
    let newer = Gateway::with(ANY, "");
    newer.upstream.script(|seen, out| {
        let message = seen.json();
        let result = json!({"supportedVersions":["2026-07-28"],"capabilities":{"tools":{}},"resultType":"complete"});
        let (status, body) = match message["method"].as_str() {
            Some("server/discover") => (200, json!({"jsonrpc":"2.0","id":message["id"],"result":result})),
            _ => (400, json!({"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"no"}})),
        };
        reply(out, status, "application/json", &body.to_string());
    });
    let answer = newer.send(&legacy(&newer.ann(), None, &begin));
    assert_eq!((answer.status, answer.header("mcp-session-id")), (400, None), "{}", answer.body);
    let answer = newer.send(&legacy(&newer.ann(), None, &hello_of("2025-11-25")));
    assert_eq!(answer.status, 200, "{}", answer.body);
}

#[test]
fn a_shared_program_has_one_process_and_can_ask_nobody() {
    let gateway = program("legacy", ", process: { per: shared }");
    let (ann, bob) = (gateway.ann(), gateway.token("bob", "crm.read"));
    let elicits = json!({"elicitation":{}});
    let (of_ann, of_bob) = (hello(&gateway, &ann, &elicits), hello(&gateway, &bob, &elicits));
    assert_eq!(pid(&gateway, &ann, &of_ann), pid(&gateway, &bob, &of_bob));
    let answer = call(&gateway, &ann, &of_ann, "ask", json!({}));
    assert!(said(&answer).contains("-32603"), "{}", answer.body);
}

/// A server of 2024-11-05 that names this endpoint and then sends these events.
fn old_server(endpoint: &'static str, then: &'static str) -> (Gateway, Upstream) {
    let upstream = Upstream::start();
    let gateway =
        Gateway::before(&format!("{{ sse: 'http://127.0.0.1:{}/sse', timeout: 5s }}", upstream.port), ANY, "");
    upstream.script(move |seen, out| {
        if seen.line.starts_with("GET") {
            open_events(out);
            raw(out, &format!("event: endpoint\ndata: {endpoint}\n\n{then}"));
            std::thread::sleep(std::time::Duration::from_secs(3));
        } else {
            raw(out, "HTTP/1.1 202 X\r\ncontent-length: 0\r\n\r\n");
        }
    });
    (gateway, upstream)
}

fn begin(gateway: &Gateway) -> Answer {
    let params = json!({"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"t","version":"1"}});
    let hello = json!({"jsonrpc":"2.0","id":0,"method":"initialize","params":params});
    gateway.send(&legacy(&gateway.ann(), None, &hello))
}

#[test]
fn an_endpoint_on_another_origin_gets_no_message() {
    let thief = Upstream::start();
    let endpoint: &'static str = format!("http://127.0.0.1:{}/steal", thief.port).leak();
    let (gateway, upstream) = old_server(endpoint, "");
    let answer = begin(&gateway);
    assert_eq!(answer.status, 502, "{}", answer.body);
    let record = gateway.last_record();
    assert_eq!(record["reason"], "UpstreamFailed");
    assert!(record["detail"].as_str().unwrap().contains("another origin"), "{record}");
    assert!(thief.seen().is_empty());
    assert!(upstream.seen().iter().all(|seen| seen.line.starts_with("GET")));
}

#[test]
fn an_old_server_that_lies_ends_its_connection() {
    for then in [
        "event: message\ndata: {\"jsonrpc\":\"2.0\",\"id\":4711,\"result\":{}}\n\n",
        "event: endpoint\ndata: /other\n\n",
        "event: message\ndata: not json\n\n",
    ] {
        let (gateway, _upstream) = old_server("/message", then);
        let answer = begin(&gateway);
        assert_eq!(answer.status, 502, "{then}: {}", answer.body);
        assert!(!answer.body.contains("4711"), "{}", answer.body);
    }
}

/// A session of 2025-03-26.
fn hello_2025_03_26(gateway: &Gateway, token: &str) -> String {
    let params = json!({"protocolVersion":"2025-03-26","capabilities":{},"clientInfo":{"name":"t","version":"1"}});
    let hello = json!({"jsonrpc":"2.0","id":0,"method":"initialize","params":params});
    let answer = gateway.send(&legacy(token, None, &hello));
    assert_eq!(answer.json()["result"]["protocolVersion"], "2025-03-26", "{}", answer.body);
    answer.header("mcp-session-id").unwrap().to_owned()
}

#[test]
fn each_message_of_a_batch_is_judged_by_itself() {
    let upstream = format!("{{ command: [python3, '{PROGRAM}', legacy] }}");
    let policy = "tools:\n  echo: { effect: read }\n  remember: { effect: write, scopes: [crm.admin] }\n  progress: { effect: read }\n";
    let gateway = Gateway::before(&upstream, policy, "");
    let token = gateway.ann();
    let session = hello_2025_03_26(&gateway, &token);
    let send =
        |body: &Value| gateway.send(&legacy(&token, Some(&session), body).set("mcp-protocol-version", "2025-03-26"));
    let note = json!({"jsonrpc":"2.0","method":"notifications/initialized"});
    let batch = json!([
        call_of(1, "echo", &json!({"text":"one"})),
        note,
        call_of(2, "remember", &json!({"text":"no"})),
        call_of(3, "die", &json!({})),
        call_of(4, "echo", &json!({"text":"four"})),
    ]);
    let answer = send(&batch);
    assert_eq!(answer.status, 200, "{}", answer.body);
    let answers = answer.json();
    let ids: Vec<i64> = answers.as_array().unwrap().iter().map(|a| a["id"].as_i64().unwrap()).collect();
    assert_eq!(ids, [1, 2, 3, 4]);
    assert_eq!(answers[0]["result"]["content"][0]["text"], "one");
    assert_eq!((&answers[1]["error"]["code"], &answers[2]["error"]["code"]), (&json!(-31403), &json!(-32602)));
    assert_eq!(answers[3]["result"]["content"][0]["text"], "four", "the program did not die");
    let records = gateway.records();
    let reasons: Vec<&str> = records.iter().filter_map(|record| record["reason"].as_str()).collect();
    assert_eq!(reasons, ["ScopeMissing", "ToolUnknown"], "each has a record of its own");
    assert_eq!(send(&json!([note])).status, 202);
    let mut progress = call_of(5, "progress", &json!({}));
    progress["params"]["_meta"] = json!({"progressToken":"p"});
    let streamed = send(&json!([progress, call_of(6, "echo", &json!({"text":"six"}))]));
    assert_eq!(streamed.body.matches(r#""progressToken":"p""#).count(), 3, "{}", streamed.body);
    assert!(streamed.body.contains("six") && streamed.body.contains("done"), "{}", streamed.body);
    for (body, status) in [(json!([]), 400), (Value::Array(vec![note.clone(); 33]), 400)] {
        assert_eq!(send(&body).status, status);
    }
    assert_eq!(gateway.last_record()["reason"], "BatchTooLarge");
    let nested = send(&json!([[call_of(9, "echo", &json!({}))]]));
    assert!(!nested.body.contains("\"result\""), "{}", nested.body);
    let newer = hello(&gateway, &token, &json!({}));
    let refused = gateway.send(&legacy(&token, Some(&newer), &batch));
    assert_eq!((refused.status, refused.code()), (400, -32600), "later revisions have none");
}

#[test]
fn a_thousand_sessions_of_ten_callers_share_ten_processes_and_the_next_of_each_is_refused_by_name() {
    let bounds = "sessions: { total_max: 1000, per_principal_max: 100 }\n";
    let gateway = program_with("legacy", ", process: { max: 10 }", bounds);
    let callers: Vec<String> = (0..10).map(|n| gateway.token(&format!("caller-{n}"), "crm.read")).collect();
    let begin = |token: &str| gateway.send(&legacy(token, None, &hello_of("2025-11-25")));
    let mut sessions = Vec::new();
    for token in &callers {
        for _ in 0..100 {
            let answer = begin(token);
            assert_eq!(answer.status, 200, "{}: {}", sessions.len(), answer.body);
            sessions.push((token, answer.header("mcp-session-id").unwrap().to_owned()));
        }
    }
    let next = begin(&gateway.token("caller-10", "crm.read"));
    assert_eq!((next.status, next.code()), (503, -31503), "{}", next.body);
    recorded(&gateway, "SessionsExhausted", 1);
    // Whoever has a session is not affected, and each caller has a process to itself.
    let mut processes = std::collections::BTreeSet::new();
    for of_one in sessions.chunks(100) {
        let (first, last) = (&of_one[0], &of_one[99]);
        let process = pid(&gateway, first.0, &first.1);
        assert_eq!(process, pid(&gateway, last.0, &last.1));
        processes.insert(process);
    }
    assert_eq!(processes.len(), 10);
    let children = format!("/proc/{0}/task/{0}/children", gateway.pid());
    assert!(std::fs::read_to_string(children).unwrap_or_default().split_whitespace().count() <= 10);
    // With room for a session there is none for another process; nothing of the attempt stays.
    let (token, id) = &sessions[500];
    let end = Request { line: "DELETE /crm/mcp".to_owned(), ..legacy(token, Some(id), &json!({})).body("") };
    assert_eq!(gateway.send(&end).status, 204);
    for _ in 0..3 {
        let next = begin(&gateway.token("caller-10", "crm.read"));
        assert_eq!((next.status, next.code()), (503, -31503), "{}", next.body);
    }
    recorded(&gateway, "UpstreamExhausted", 3);
    assert_eq!(begin(token).status, 200);
}
