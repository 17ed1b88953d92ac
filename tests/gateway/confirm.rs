//! A person confirms one exact call: approved once it reaches the server once, and nothing else ever does.
use crate::support::*;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::net::TcpStream;

pub const POLICY: &str = "roles:
  approvers: { claim: groups, any: [approvers] }
tools:
  find_customer: { effect: read, scopes: [crm.read] }
  update_customer: { effect: write, scopes: [crm.write], confirm: [elicit] }
  delete_customer: { effect: destructive, scopes: [crm.write], confirm: [approver, code] }
  note_customer: { effect: write, scopes: [crm.write], confirm: [host] }
confirmations:
  approver: { roles: [approvers], separate: true, expires: 10m }
  budget: { per: subject, prompts: 20/hour }
  host: { clients: [desktop] }
";

/// A call of 2026-07-28 by a client that can show a form, with these parameters besides.
pub fn asking(token: &str, name: &str, arguments: &Value, more: Value) -> Request {
    let mut params = json!({ "name": name, "arguments": arguments });
    params.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let request = modern(token, "tools/call", &params);
    let mut body: Value = serde_json::from_slice(&request.body).unwrap();
    body["params"]["_meta"]["io.modelcontextprotocol/clientCapabilities"] = json!({ "elicitation": {} });
    if let Some(meta) = more.get("_meta").and_then(|meta| meta.as_object()) {
        body["params"]["_meta"].as_object_mut().unwrap().extend(meta.clone());
    }
    request.body(body.to_string())
}

pub fn answer(state: &Value, content: Value) -> Value {
    json!({ "requestState": state, "inputResponses": { "portcullis_confirm": content } })
}

pub fn yes() -> Value {
    json!({ "action": "accept", "content": { "confirm": true } })
}

/// The calls of tools that change something, as the server saw them.
pub fn writes(gateway: &Gateway) -> Vec<Value> {
    let calls = gateway.upstream.seen().into_iter().map(|seen| seen.json());
    calls.filter(|call| call["method"] == "tools/call" && call["params"]["name"] != "find_customer").collect()
}

/// Asks, and returns the state that goes with the question.
pub fn asked(gateway: &Gateway, token: &str, arguments: &Value) -> Value {
    let answer = gateway.send(&asking(token, "update_customer", arguments, json!({})));
    let result = &answer.json()["result"];
    assert_eq!(result["resultType"], "input_required", "{answer:?}");
    result["requestState"].clone()
}

pub fn refused(answer: &Answer) -> String {
    answer.json()["error"]["message"].as_str().unwrap_or_else(|| panic!("not refused: {answer:?}")).to_owned()
}

#[test]
fn a_confirmed_call_reaches_the_server_once_and_as_it_was_confirmed() {
    let gateway = Gateway::with(POLICY, "");
    let (ann, arguments) = (gateway.ann(), json!({ "id": 7, "note": "<b>\u{202e}hi" }));
    let first = gateway.send(&asking(&ann, "update_customer", &arguments, json!({})));
    let question = &first.json()["result"]["inputRequests"]["portcullis_confirm"];
    assert_eq!(question["method"], "elicitation/create");
    let schema = &question["params"]["requestedSchema"];
    assert_eq!(
        (schema["required"].clone(), &schema["properties"]["confirm"]["type"]),
        (json!(["confirm"]), &json!("boolean"))
    );
    let text = question["params"]["message"].as_str().unwrap();
    assert!(text.contains("update_customer on crm") && text.contains("id: 7"), "{text}");
    assert!(text.contains("<b>\\u{202e}hi") && !text.contains('\u{202e}'), "nothing hides: {text}");
    assert!(writes(&gateway).is_empty(), "nothing is done before");

    let state = first.json()["result"]["requestState"].clone();
    let done = gateway.send(&asking(&ann, "update_customer", &arguments, answer(&state, yes())));
    assert_eq!(done.json()["result"]["content"][0]["text"], "ok", "{done:?}");
    let [write] = writes(&gateway).try_into().unwrap();
    assert_eq!(write["params"]["arguments"], arguments);
    assert!(write["params"].get("requestState").is_none() && write["params"].get("inputResponses").is_none());

    let again = gateway.send(&asking(&ann, "update_customer", &arguments, answer(&state, yes())));
    assert!(refused(&again).contains("used already"), "{again:?}");
    assert_eq!(writes(&gateway).len(), 1, "a replay does nothing");
    let no = json!({ "action": "decline" });
    let late = gateway.send(&asking(&ann, "update_customer", &arguments, answer(&state, no)));
    assert!(refused(&late).contains("used already"), "a no that is too late is not told as one: {late:?}");

    wait("three linked records are written", || {
        let records = gateway.records();
        let of: Vec<&Value> = records.iter().filter(|record| record["kind"] == "confirmation").collect();
        let events: Vec<&str> = of.iter().map(|record| record["confirmation"]["event"].as_str().unwrap()).collect();
        events == ["proposed", "decided", "executed"]
            && of.windows(2).all(|pair| pair[1]["confirmation"]["previous"] == pair[0]["id"])
            && of.iter().all(|record| record["confirmation"]["id"] == of[0]["confirmation"]["id"])
            && of[2]["outcome"] == "executed"
    });
}

#[test]
fn anything_but_accepted_and_true_is_a_denial() {
    let gateway = Gateway::with(POLICY, "");
    let ann = gateway.ann();
    for (number, no) in [
        json!({ "action": "decline" }),
        json!({ "action": "cancel" }),
        json!({ "action": "accept", "content": { "confirm": false } }),
        json!({ "action": "accept", "content": { "confirm": "true" } }),
        json!({ "action": "accept" }),
        json!("accept"),
    ]
    .into_iter()
    .enumerate()
    {
        let arguments = json!({ "id": number });
        let state = asked(&gateway, &ann, &arguments);
        let denied = gateway.send(&asking(&ann, "update_customer", &arguments, answer(&state, no)));
        assert!(refused(&denied).contains("did not confirm"), "{denied:?}");
        let late = gateway.send(&asking(&ann, "update_customer", &arguments, answer(&state, yes())));
        assert!(refused(&late).contains("did not confirm"), "no cannot become yes: {late:?}");
    }
    assert!(writes(&gateway).is_empty());
}

#[test]
fn an_approval_is_for_one_call_of_one_caller_under_one_policy() {
    let gateway = Gateway::with(POLICY, "");
    let (ann, arguments) = (gateway.ann(), json!({ "id": 7 }));
    let state = asked(&gateway, &ann, &arguments);
    let with = |token: &str, arguments: &Value, state: &Value| {
        refused(&gateway.send(&asking(token, "update_customer", arguments, answer(state, yes()))))
    };
    assert!(with(&ann, &json!({ "id": 8 }), &state).contains("arguments"), "another byte");
    assert!(with(&gateway.token("bob", "crm.write"), &arguments, &state).contains("principal"));
    assert!(with(&gateway.with_claims(json!({ "client_id": "other" })), &arguments, &state).contains("client"));
    let mut sealed = state.as_str().unwrap().to_owned();
    sealed.pop();
    for forged in [json!(sealed), json!("x"), json!(""), json!(7), json!("portcullis.1.e30.00")] {
        assert!(with(&ann, &arguments, &forged).contains("no such confirmation"), "{forged}");
    }
    let mine =
        asking(&ann, "update_customer", &arguments, json!({ "inputResponses": { "portcullis_confirm": yes() } }));
    assert!(refused(&gateway.send(&mine)).contains("no such confirmation"), "an answer without a question");
    assert!(writes(&gateway).is_empty());

    gateway.policy(&POLICY.replace("20/hour", "21/hour"));
    wait("the policy changed", || gateway.records().iter().any(|record| record["outcome"] == "applied"));
    assert!(with(&ann, &arguments, &state).contains("has changed"), "another policy");
    gateway.policy(POLICY);
    wait("it changed back", || gateway.records().iter().filter(|record| record["outcome"] == "applied").count() == 2);
    assert!(with(&ann, &arguments, &state).contains("has changed"), "what is void stays void");
    assert!(writes(&gateway).is_empty());
}

#[test]
fn of_a_hundred_redeems_at_once_one_goes_through() {
    let gateway = Gateway::with(POLICY, "");
    let (ann, arguments) = (gateway.ann(), json!({ "id": 7 }));
    let state = asked(&gateway, &ann, &arguments);
    let request = asking(&ann, "update_customer", &arguments, answer(&state, yes()));
    let answers: Vec<Answer> = std::thread::scope(|scope| {
        let all: Vec<_> = (0..100).map(|_| scope.spawn(|| gateway.send(&request))).collect();
        all.into_iter().map(|one| one.join().unwrap()).collect()
    });
    assert_eq!(answers.iter().filter(|answer| answer.json().get("result").is_some()).count(), 1);
    let others: Vec<_> = answers.iter().filter(|answer| answer.json().get("result").is_none()).collect();
    assert!(others.iter().all(|answer| refused(answer).contains("used already")), "{others:?}");
    assert_eq!(writes(&gateway).len(), 1);
}

#[test]
fn a_restart_neither_loses_an_approval_nor_gives_it_twice() {
    let mut gateway = Gateway::with(POLICY, "");
    let (ann, arguments) = (gateway.ann(), json!({ "id": 7 }));
    let (used, open) = (asked(&gateway, &ann, &arguments), asked(&gateway, &ann, &json!({ "id": 8 })));
    let call = |gateway: &Gateway, arguments: &Value, state: &Value| {
        gateway.send(&asking(&ann, "update_customer", arguments, answer(state, yes())))
    };
    assert!(call(&gateway, &arguments, &used).json().get("result").is_some());
    gateway.kill(); // Without a chance to write anything more.
    gateway.launch();
    assert!(refused(&call(&gateway, &arguments, &used)).contains("used already"));
    assert!(call(&gateway, &json!({ "id": 8 }), &open).json().get("result").is_some(), "still one");
    assert!(refused(&call(&gateway, &json!({ "id": 8 }), &open)).contains("used already"));
    assert_eq!(writes(&gateway).len(), 2);
}

#[test]
fn a_person_is_asked_no_more_often_than_the_budget_says() {
    let mut gateway = Gateway::with(POLICY, "");
    let ann = gateway.ann();
    let shown = |gateway: &Gateway, from: usize, to: usize| {
        let ask = |number: usize| {
            let answer = gateway.send(&asking(&ann, "update_customer", &json!({ "id": number % 500 }), json!({})));
            match answer.json()["result"]["resultType"].as_str() {
                Some("input_required") => true,
                _ => {
                    assert!(answer.status == 429 && answer.header("retry-after").is_some(), "{answer:?}");
                    false
                }
            }
        };
        (from..to).filter(|number| ask(*number)).count()
    };
    assert_eq!(shown(&gateway, 0, 1000), 20, "a thousand writes, half of them repeated");
    gateway.kill();
    gateway.launch();
    assert_eq!(shown(&gateway, 0, 50), 0, "a restart does not begin a new hour");
    assert!(writes(&gateway).is_empty());
}

#[test]
fn nothing_declared_that_fits_is_a_refusal() {
    let gateway = Gateway::with(POLICY, "");
    let plain = gateway.tool(&gateway.ann(), "update_customer", json!({ "id": 7 }));
    assert!(refused(&plain).contains("no way to ask"), "a client without elicitation: {plain:?}");
    let page = gateway.tool(&gateway.ann(), "delete_customer", json!({ "id": 7 }));
    assert!(refused(&page).contains("no way to ask"), "no approval page: {page:?}");
    let unnamed = gateway.tool(&gateway.ann(), "note_customer", json!({ "id": 7 }));
    assert!(refused(&unnamed).contains("no way to ask"), "a client that policy does not name: {unnamed:?}");
    assert!(writes(&gateway).is_empty());
    let named = gateway.with_claims(json!({ "client_id": "desktop" }));
    assert!(gateway.tool(&named, "note_customer", json!({ "id": 7 })).json().get("result").is_some());
    assert_eq!(writes(&gateway).len(), 1, "the named client's own prompt is relied on");
    wait("it is recorded as such", || {
        let decided = |record: &Value| record["confirmation"]["event"] == "decided";
        gateway.records().iter().any(|record| decided(record) && record["confirmation"]["by"] == "host")
    });
    assert_eq!(gateway.tool(&gateway.ann(), "find_customer", json!({})).status, 200, "reads are never asked about");
}

/// A session of a client that declares these capabilities.
fn session(gateway: &Gateway, token: &str, revision: &str, capabilities: Value) -> String {
    let revision = revision.to_owned();
    gateway.upstream.script(move |seen, out| {
        let message = seen.json();
        let result = if message["method"] == "initialize" {
            json!({"protocolVersion":revision,"capabilities":{"tools":{}},"serverInfo":{"name":"x","version":"1"}})
        } else if message["id"].is_null() {
            return raw(out, "HTTP/1.1 202 OK\r\ncontent-length: 0\r\n\r\n");
        } else {
            json!({"content":[{"type":"text","text":"ok"}]})
        };
        reply(out, 200, "application/json", &json!({"jsonrpc":"2.0","id":message["id"],"result":result}).to_string());
    });
    let params =
        json!({"protocolVersion":"2025-11-25","capabilities":capabilities,"clientInfo":{"name":"t","version":"1"}});
    let hello = json!({"jsonrpc":"2.0","id":0,"method":"initialize","params":params});
    let answer = gateway.send(&legacy(token, None, &hello));
    answer.header("mcp-session-id").unwrap_or_else(|| panic!("{answer:?}")).to_owned()
}

/// The next event of a stream, as JSON.
fn event(reader: &mut BufReader<TcpStream>) -> Value {
    loop {
        let mut line = String::new();
        assert!(reader.read_line(&mut line).unwrap() > 0, "the stream ended");
        if let Some(data) = line.trim_end().strip_prefix("data: ") {
            return serde_json::from_str(data).unwrap();
        }
    }
}

#[test]
fn in_the_2025_revisions_the_question_comes_on_the_stream_of_the_call() {
    for revision in ["2025-06-18", "2025-11-25"] {
        let gateway = Gateway::with(POLICY, "");
        let ann = gateway.ann();
        let id = session(&gateway, &ann, revision, json!({ "elicitation": {} }));
        let send = |body: &Value| legacy(&ann, Some(&id), body).set("mcp-protocol-version", revision);
        let call = |number: u64| {
            let params = json!({"name":"update_customer","arguments":{"id":number}});
            gateway.open(&send(&json!({"jsonrpc":"2.0","id":number,"method":"tools/call","params":params})))
        };
        for (number, content, done) in [
            (1, json!({"action":"accept","content":{"confirm":true}}), true),
            (2, json!({"action":"decline"}), false),
            (3, json!({"action":"accept","content":{"confirm":false}}), false),
        ] {
            let before = writes(&gateway).len();
            let (status, mut stream) = call(number);
            assert_eq!(status, 200);
            let question = event(&mut stream);
            assert_eq!(question["method"], "elicitation/create");
            assert_eq!(question["params"].get("mode").is_some(), revision == "2025-11-25");
            assert_eq!(writes(&gateway).len(), before);
            let reply = json!({"jsonrpc":"2.0","id":question["id"],"result":content});
            assert_eq!(gateway.send(&send(&reply)).status, 202);
            let last = event(&mut stream);
            assert_eq!(last["id"], number, "{last}");
            assert_eq!(last.get("result").is_some(), done, "{last}");
            assert_eq!(writes(&gateway).len(), before + usize::from(done));
            assert_eq!(gateway.send(&send(&reply)).status, 400, "nobody waits for it any more");
        }
        let seen = gateway.upstream.seen();
        assert!(!seen.iter().any(|seen| seen.body.contains("\"confirm\"")), "the answer is the gateway's alone");
    }
}

#[test]
fn a_client_that_cannot_be_asked_and_a_revision_without_questions_are_refused() {
    for (revision, capabilities) in [
        ("2025-11-25", json!({})),
        ("2025-11-25", json!({ "elicitation": { "url": {} } })),
        ("2025-03-26", json!({ "elicitation": {} })),
    ] {
        let gateway = Gateway::with(POLICY, "");
        let ann = gateway.ann();
        let id = session(&gateway, &ann, revision, capabilities.clone());
        let params = json!({"name":"update_customer","arguments":{"id":1}});
        let call = json!({"jsonrpc":"2.0","id":1,"method":"tools/call","params":params});
        let answer = gateway.send(&legacy(&ann, Some(&id), &call).set("mcp-protocol-version", revision));
        assert!(refused(&answer).contains("no way to ask"), "{revision} {capabilities}: {answer:?}");
        assert!(writes(&gateway).is_empty());
    }
}

#[test]
fn a_server_that_asks_for_input_itself_gets_it_within_the_same_confirmation_and_once() {
    let gateway = Gateway::with(POLICY, "");
    gateway.upstream.script(|seen, out| {
        let message = seen.json();
        let result = if message["params"].get("inputResponses").is_some() {
            json!({"resultType":"complete","content":[{"type":"text","text":"done"}]})
        } else {
            let form = json!({"mode":"form","message":"Which city?","requestedSchema":{"type":"object","properties":{"city":{"type":"string"}}}});
            json!({"resultType":"input_required","requestState":"theirs","inputRequests":{"city":{"method":"elicitation/create","params":form}}})
        };
        reply(out, 200, "application/json", &json!({"jsonrpc":"2.0","id":message["id"],"result":result}).to_string());
    });
    let (ann, arguments) = (gateway.ann(), json!({ "id": 7 }));
    let state = asked(&gateway, &ann, &arguments);
    let theirs = gateway.send(&asking(&ann, "update_customer", &arguments, answer(&state, yes()))).json();
    assert_eq!(theirs["result"]["inputRequests"]["city"]["params"]["message"], "Which city?");
    let sealed = theirs["result"]["requestState"].clone();
    assert_ne!(sealed, "theirs");
    let city = json!({ "action": "accept", "content": { "city": "Ulm" } });
    let input = |state: &Value| json!({ "requestState": state, "inputResponses": { "city": city } });
    let other = gateway.send(&asking(&ann, "update_customer", &json!({ "id": 8 }), input(&sealed)));
    assert!(refused(&other).contains("arguments"), "the input is for one call: {other:?}");
    let raw = gateway.send(&asking(&ann, "update_customer", &arguments, input(&json!("theirs"))));
    assert!(refused(&raw).contains("no such confirmation"), "the server's own state is not enough: {raw:?}");
    let done = gateway.send(&asking(&ann, "update_customer", &arguments, input(&sealed))).json();
    assert_eq!(done["result"]["content"][0]["text"], "done", "{done}");
    let last = writes(&gateway).pop().unwrap();
    assert_eq!((&last["params"]["requestState"], &last["params"]["inputResponses"]["city"]), (&json!("theirs"), &city));
    let again = gateway.send(&asking(&ann, "update_customer", &arguments, input(&sealed)));
    assert!(refused(&again).contains("used already"), "{again:?}");
    assert_eq!(writes(&gateway).len(), 2, "the call, and its continuation");
}

#[test]
fn an_answer_that_comes_too_late_does_nothing() {
    let policy = POLICY.replace("  host:", "  elicit: { expires: 1s }\n  host:");
    let gateway = Gateway::with(&policy, "");
    let (ann, arguments) = (gateway.ann(), json!({ "id": 7 }));
    let state = asked(&gateway, &ann, &arguments);
    std::thread::sleep(std::time::Duration::from_millis(1100));
    let late = gateway.send(&asking(&ann, "update_customer", &arguments, answer(&state, yes())));
    assert!(refused(&late).contains("has passed"), "{late:?}");
    assert!(writes(&gateway).is_empty());
    wait("that nobody answered is recorded", || gateway.records().iter().any(|record| record["outcome"] == "expired"));
}

#[test]
fn what_is_stopped_is_refused_at_once_and_after_a_restart_until_it_is_lifted() {
    let mut gateway = Gateway::with(TOOLS, "");
    gateway.upstream.tools(&["find_customer", "update_customer"]);
    let ann = gateway.ann();
    let works =
        |gateway: &Gateway, token: &str| gateway.tool(token, "find_customer", json!({})).json().get("result").is_some();
    let stop = |gateway: &Gateway, arguments: &[&str]| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_portcullis"));
        let done =
            command.args(["stop", "gateway.yaml"]).args(arguments).current_dir(&gateway.directory).output().unwrap();
        assert!(done.status.success(), "{done:?}");
        String::from_utf8(done.stdout).unwrap()
    };
    let recorded = |gateway: &Gateway, outcome: &str| {
        gateway.records().iter().any(|record| record["kind"] == "stop" && record["outcome"] == outcome)
    };
    for what in [["tool", "crm/find_customer"], ["server", "crm"], ["client", "app"], ["subject", "ann"]] {
        assert!(works(&gateway, &ann));
        // A configuration that does not load must not keep anything from being stopped.
        gateway.write("policies/broken.yaml", "server: [");
        stop(&gateway, &[what[0], what[1], "--reason", "incident 12"]);
        wait("it is stopped", || !works(&gateway, &ann));
        let refusal = gateway.tool(&ann, "find_customer", json!({}));
        assert!(refused(&refusal).contains("stopped by an operator"), "{refusal:?}");
        if what[0] == "tool" {
            assert!(!gateway.listed(&ann).contains(&"find_customer".to_owned()), "and hidden");
        }
        let other = gateway.signer.sign("at+jwt", &{
            let mut claims = gateway.claims("bob", "crm.read");
            claims["client_id"] = "other".into();
            claims
        });
        assert_eq!(works(&gateway, &other), matches!(what[0], "client" | "subject"), "others: {what:?}");
        wait("it is recorded", || recorded(&gateway, "stopped"));
        std::fs::remove_file(gateway.directory.join("policies/broken.yaml")).unwrap();
        gateway.kill();
        gateway.launch();
        assert!(!works(&gateway, &ann), "still after a restart");
        assert!(stop(&gateway, &[]).contains("incident 12"));
        stop(&gateway, &[what[0], what[1], "--lift"]);
        wait("it is lifted", || works(&gateway, &ann));
        wait("that is recorded too", || recorded(&gateway, "lifted"));
    }
    assert!(!gateway.records().iter().any(|record| record["detail"].as_str().is_some_and(|d| d.contains("ann"))));
    gateway.write("audit/stops.json", "{ \"stops\": [");
    wait("a list that cannot be read stops everything", || !works(&gateway, &ann));
}

/// A stream that reports progress for ten seconds.
fn report(out: &mut std::net::TcpStream) {
    open_events(out);
    for _ in 0..200 {
        let note = json!({"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":1,"progress":1}});
        raw(out, &format!("data: {note}\n\n"));
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
}

#[test]
fn an_open_stream_ends_when_its_caller_is_stopped() {
    let gateway = Gateway::with(TOOLS, "");
    let ann = gateway.ann();
    gateway.upstream.script(|seen, out| {
        let id = seen.json()["id"].clone();
        report(out);
        raw(out, &format!("data: {}\n\n", json!({"jsonrpc":"2.0","id":id,"result":{"content":[]}})));
    });
    let request = modern(&ann, "tools/call", &json!({"name":"find_customer","arguments":{}}));
    let (status, mut stream) = gateway.open(&request);
    assert_eq!(status, 200);
    assert_eq!(event(&mut stream)["method"], "notifications/progress");
    gateway.write_atomic("audit/stops.json", &json!({"stops":[{"what":{"subject":"ann"}}]}).to_string());
    let began = std::time::Instant::now();
    loop {
        let next = event(&mut stream);
        if next["error"]["code"] == -31403 {
            break;
        }
        assert!(began.elapsed() < std::time::Duration::from_secs(3), "it goes on: {next}");
    }
}

#[test]
fn a_stream_whose_caller_was_stopped_before_it_began_ends_too() {
    use std::sync::atomic::{AtomicBool, Ordering};
    let gateway = Gateway::with(TOOLS, "");
    let ann = gateway.ann();
    let begins = std::sync::Arc::new(AtomicBool::new(false));
    let begun = begins.clone();
    gateway.upstream.script(move |_, out| {
        while !begun.load(Ordering::SeqCst) {
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        report(out);
    });
    let request = modern(&ann, "tools/call", &json!({"name":"find_customer","arguments":{}}));
    let (status, mut stream) = std::thread::scope(|scope| {
        let opened = scope.spawn(|| gateway.open(&request));
        wait("the call is at the server", || !gateway.upstream.seen().is_empty());
        gateway.write_atomic("audit/stops.json", &json!({"stops":[{"what":{"subject":"ann"}}]}).to_string());
        wait("ann is stopped", || gateway.records().iter().any(|record| record["kind"] == "stop"));
        begins.store(true, Ordering::SeqCst);
        opened.join().unwrap()
    });
    assert_eq!(status, 200);
    let first = event(&mut stream);
    assert_eq!(first["error"]["code"], -31403, "what came after it was shown: {first}");
}

#[test]
fn a_server_in_preview_shows_what_would_happen_and_nothing_does() {
    let policy = "mode: preview\ntools:
  find_customer: { effect: read, scopes: [crm.read] }
  update_customer: { effect: write, scopes: [crm.write], preview: { argument: dry_run } }
  rename_customer: { effect: write, scopes: [crm.write], preview: { template: 'Renames {id} to {name}' } }
  set_city: { effect: write, scopes: [crm.write], preview: { tool: find_customer, arguments: { id: id }, diff: { city: city } } }
  delete_customer: { effect: destructive, scopes: [crm.write] }
";
    let gateway = Gateway::with(policy, "");
    gateway.upstream.script(|seen, out| {
        let message = seen.json();
        let dry = message["params"]["arguments"]["dry_run"] == true;
        let text = if dry { "would change 1 row" } else { "done" };
        let result = json!({"content":[{"type":"text","text":text}],"structuredContent":{"city":"Bonn"},"resultType":"complete"});
        reply(out, 200, "application/json", &json!({"jsonrpc":"2.0","id":message["id"],"result":result}).to_string());
    });
    let ann = gateway.ann();
    let told = |tool: &str, arguments: Value| {
        let answer = gateway.tool(&ann, tool, arguments).json();
        assert_eq!((&answer["result"]["isError"], &answer["id"]), (&json!(true), &json!(1)), "{answer}");
        answer["result"]["content"][0]["text"].as_str().unwrap().to_owned()
    };
    assert!(told("update_customer", json!({"id":7})).contains("would change 1 row"));
    assert!(told("update_customer", json!({"id":7,"dry_run":false})).contains("would change 1 row"));
    assert!(told("rename_customer", json!({"id":7,"name":"<Bo>"})).contains("Renames 7 to \"<Bo>\""));
    assert!(told("set_city", json!({"id":7,"city":"Ulm"})).contains("city: \"Bonn\" → \"Ulm\""));
    let none = gateway.tool(&ann, "delete_customer", json!({"id":7}));
    assert!(refused(&none).contains("no call that changes anything"), "{none:?}");
    for write in writes(&gateway) {
        assert_eq!(write["params"]["arguments"]["dry_run"], true, "only previews reach it: {write}");
    }
    assert!(gateway.tool(&ann, "find_customer", json!({})).json().get("result").is_some());
}

/// A server whose preview of a call is what is in the cell by then.
fn previewing(gateway: &Gateway) -> std::sync::Arc<std::sync::Mutex<&'static str>> {
    let now = std::sync::Arc::new(std::sync::Mutex::new("1 row"));
    let shared = now.clone();
    gateway.upstream.script(move |seen, out| {
        let message = seen.json();
        let dry = message["params"]["arguments"]["dry_run"] == true;
        let state = *shared.lock().unwrap();
        let (text, failed) = if dry { (state, state == "fails") } else { ("done", false) };
        let result = json!({"content":[{"type":"text","text":text}],"isError":failed,"resultType":"complete"});
        reply(out, 200, "application/json", &json!({"jsonrpc":"2.0","id":message["id"],"result":result}).to_string());
    });
    now
}

#[test]
fn what_is_done_is_what_was_shown_or_nothing() {
    let with = |preview: &str| {
        POLICY.replace("confirm: [elicit] }", &format!("confirm: [elicit], preview: {{ {preview} }} }}"))
    };
    let gateway = Gateway::with(&with("argument: dry_run"), "");
    let now = previewing(&gateway);
    let ann = gateway.ann();
    let executed = || writes(&gateway).iter().filter(|write| write["params"]["arguments"]["dry_run"].is_null()).count();
    let previews = || writes(&gateway).len() - executed();
    let go_on = |arguments: &Value, state: &Value, content: Value| {
        gateway.send(&asking(&ann, "update_customer", arguments, answer(state, content)))
    };

    let arguments = json!({ "id": 1 });
    let state = asked(&gateway, &ann, &arguments);
    *now.lock().unwrap() = "1000 rows";
    let told = go_on(&arguments, &state, yes());
    assert!(refused(&told).contains("has changed") && refused(&told).contains("Different: preview"), "{told:?}");
    *now.lock().unwrap() = "1 row";
    let told = go_on(&arguments, &state, yes());
    assert!(refused(&told).contains("has changed"), "what is void stays void: {told:?}");
    assert_eq!(executed(), 0);

    // A preview that cannot be made just now costs nothing but the wait.
    let arguments = json!({ "id": 2 });
    let state = asked(&gateway, &ann, &arguments);
    *now.lock().unwrap() = "fails";
    assert!(refused(&go_on(&arguments, &state, yes())).contains("preview"));
    assert_eq!(executed(), 0);
    *now.lock().unwrap() = "1 row";
    let before = previews();
    // Nobody else has the server make one.
    let bob = gateway.token("bob", "crm.write");
    gateway.send(&asking(&bob, "update_customer", &arguments, answer(&state, yes())));
    gateway.send(&asking(&ann, "update_customer", &json!({ "id": 3 }), answer(&state, yes())));
    assert_eq!(previews(), before);
    assert_eq!(go_on(&arguments, &state, yes()).json()["result"]["content"][0]["text"], "done");
    assert_eq!((executed(), previews()), (1, before + 1));

    // A no is one also where a yes came to nothing.
    let arguments = json!({ "id": 4 });
    let state = asked(&gateway, &ann, &arguments);
    *now.lock().unwrap() = "fails";
    assert!(refused(&go_on(&arguments, &state, yes())).contains("preview"));
    *now.lock().unwrap() = "1 row";
    assert!(refused(&go_on(&arguments, &state, json!({ "action": "decline" }))).contains("did not confirm"));
    assert!(refused(&go_on(&arguments, &state, yes())).contains("did not confirm"));
    assert_eq!(executed(), 1);

    gateway.policy(&with("argument: dry_run, recheck: false"));
    wait("the policy changed", || gateway.records().iter().any(|record| record["outcome"] == "applied"));
    let arguments = json!({ "id": 5 });
    let state = asked(&gateway, &ann, &arguments);
    *now.lock().unwrap() = "12:01";
    assert_eq!(go_on(&arguments, &state, yes()).json()["result"]["content"][0]["text"], "done");
    assert_eq!(executed(), 2);
}

#[test]
fn a_preview_is_shown_with_the_question_and_a_failing_one_is_a_refusal() {
    let policy = POLICY.replace("confirm: [elicit] }", "confirm: [elicit], preview: { argument: dry_run } }");
    let gateway = Gateway::with(&policy, "");
    gateway.upstream.script(|seen, out| {
        let message = seen.json();
        let arguments = &message["params"]["arguments"];
        let failed = arguments["id"] == 13 && arguments["dry_run"] == true;
        let text = if arguments["dry_run"] == true { "would change \u{202e}1 row" } else { "done" };
        let result = json!({"content":[{"type":"text","text":text}],"isError":failed,"resultType":"complete"});
        reply(out, 200, "application/json", &json!({"jsonrpc":"2.0","id":message["id"],"result":result}).to_string());
    });
    let (ann, arguments) = (gateway.ann(), json!({ "id": 7 }));
    let first = gateway.send(&asking(&ann, "update_customer", &arguments, json!({})));
    let result = &first.json()["result"];
    let text = result["inputRequests"]["portcullis_confirm"]["params"]["message"].as_str().unwrap().to_owned();
    assert!(text.contains("Preview, nothing done yet:\nwould change \\u{202e}1 row"), "{text}");
    let done = gateway.send(&asking(&ann, "update_customer", &arguments, answer(&result["requestState"], yes())));
    assert_eq!(done.json()["result"]["content"][0]["text"], "done");
    assert_eq!(
        writes(&gateway).iter().filter(|write| write["params"]["arguments"].get("dry_run").is_none()).count(),
        1
    );
    let failing = gateway.send(&asking(&ann, "update_customer", &json!({ "id": 13 }), json!({})));
    assert!(refused(&failing).contains("preview"), "{failing:?}");
    wait("the digest of the preview is in the record", || {
        gateway.records().iter().any(|record| record["confirmation"]["preview"].is_string())
    });
}
