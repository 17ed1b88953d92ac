//! Clients of 2025 that lose their connection and come back for the rest of an answer.
use crate::lines::{call_of, next_event};
use crate::support::*;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A server that tells progress twice, then waits until `go`, tells it once more and answers. Its events have no ids.
fn slow(gateway: &Gateway) -> Arc<AtomicBool> {
    let go = Arc::new(AtomicBool::new(false));
    let waits = go.clone();
    gateway.upstream.script(move |seen, out| {
        let message = seen.json();
        let progress = |n: u64| {
            let note =
                json!({"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":"t","progress":n}});
            format!("event: message\ndata: {note}\n\n")
        };
        open_events(out);
        raw(out, &progress(1));
        raw(out, &progress(2));
        while !waits.load(Ordering::SeqCst) {
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        raw(out, &progress(3));
        let answer = json!({"jsonrpc":"2.0","id":message["id"],"result":{"content":[{"type":"text","text":"done"}]}});
        raw(out, &format!("event: message\ndata: {answer}\n\n"));
        let _ = out.shutdown(std::net::Shutdown::Both);
    });
    go
}

/// The next event of a stream: its id and its message.
fn next(reader: &mut BufReader<TcpStream>) -> (String, Value) {
    let mut id = String::new();
    loop {
        let mut line = String::new();
        assert!(reader.read_line(&mut line).unwrap() > 0, "the stream ended");
        if let Some(found) = line.trim_end().strip_prefix("id: ") {
            found.clone_into(&mut id);
        }
        if let Some(data) = line.trim_end().strip_prefix("data: ") {
            return (id, serde_json::from_str(data).unwrap());
        }
    }
}

fn resume(token: &str, session: &str, id: &str) -> Request {
    let get = legacy(token, Some(session), &json!({})).without("content-type").set("last-event-id", id).body("");
    Request { line: "GET /crm/mcp".to_owned(), ..get }
}

#[test]
fn a_client_that_lost_its_connection_gets_the_rest_of_the_answer_once_and_in_order() {
    let gateway = Gateway::start();
    let token = gateway.ann();
    let session = gateway.initialize(&token);
    let go = slow(&gateway);
    let call = legacy(&token, Some(&session), &call_of(3, "find_customer", &json!({})));
    let (status, mut reader) = gateway.open(&call);
    assert_eq!(status, 200);
    let (first, message) = next(&mut reader);
    assert_eq!(message["params"]["progress"], 1);
    drop(reader);
    let (status, mut reader) = gateway.open(&resume(&token, &session, &first));
    assert_eq!(status, 200);
    assert_eq!(next(&mut reader).1["params"]["progress"], 2, "what came while it was away");
    go.store(true, Ordering::SeqCst);
    assert_eq!(next(&mut reader).1["params"]["progress"], 3, "what comes now");
    let (last, answer) = next(&mut reader);
    assert_eq!(answer["result"]["content"][0]["text"], "done");
    // Everything once more, from where the client was first.
    let (_, mut reader) = gateway.open(&resume(&token, &session, &first));
    let again: Vec<Value> = (0..3).map(|_| next(&mut reader).1).collect();
    assert_eq!((&again[0]["params"]["progress"], &again[2]["id"]), (&json!(2), &json!(3)));
    let nothing = gateway.send(&resume(&token, &session, &last));
    assert_eq!((nothing.status, nothing.body.as_str()), (200, ""), "and nothing after the last");
    let calls = gateway.upstream.seen().into_iter().filter(|seen| seen.json()["method"] == "tools/call").count();
    assert_eq!(calls, 1, "the server was asked once");
    wait("the call's record is closed", || {
        gateway.records().iter().any(|record| record["method"] == "tools/call" && record["outcome"] == "allow")
    });
}

#[test]
fn nobody_else_can_come_for_it_and_nobody_under_another_policy() {
    let gateway = Gateway::start();
    let (ann, bob) = (gateway.ann(), gateway.token("bob", "crm.read crm.write"));
    let (of_ann, of_bob) = (gateway.initialize(&ann), gateway.initialize(&bob));
    let another = gateway.initialize(&ann);
    let go = slow(&gateway);
    let (_, mut reader) = gateway.open(&legacy(&ann, Some(&of_ann), &call_of(3, "find_customer", &json!({}))));
    let (id, _) = next(&mut reader);
    assert_eq!(gateway.send(&resume(&bob, &of_ann, &id)).status, 404);
    assert_eq!(gateway.send(&resume(&bob, &of_bob, &id)).status, 400);
    assert_eq!(gateway.send(&resume(&ann, &another, &id)).status, 400);
    let (stream, _) = id.rsplit_once('-').unwrap();
    let (seal, _) = stream.split_once('~').unwrap();
    for made_up in [format!("{seal}~2-0"), format!("{stream}-99"), format!("x{id}"), format!("{seal}.1")] {
        assert_eq!(gateway.send(&resume(&ann, &of_ann, &made_up)).status, 400, "{made_up}");
    }
    let mut post = resume(&ann, &of_ann, &id);
    post.line = "POST /crm/mcp".to_owned();
    let post = post.set("content-type", "application/json").body(call_of(4, "find_customer", &json!({})).to_string());
    assert_eq!(gateway.send(&post).status, 400, "only GET resumes");
    go.store(true, Ordering::SeqCst);
    while next_event(&mut reader)["id"].is_null() {}
    gateway.policy(&TOOLS.replace("find_customer", "find_customers"));
    wait("the policy is another", || gateway.tool(&ann, "find_customer", json!({})).code() == -32602);
    assert_eq!(gateway.send(&resume(&ann, &of_ann, &id)).status, 400, "judged by a policy that is gone");
}

/// Stops a tool, and waits until it is.
fn stop(gateway: &Gateway, what: &Value) {
    gateway.write_atomic("audit/stops.json", &json!({"stops":[{"what":what}]}).to_string());
    wait("it is stopped", || gateway.records().iter().any(|record| record["kind"] == "stop"));
}

#[test]
fn what_is_kept_of_a_call_is_for_who_may_still_make_it() {
    let gateway = Gateway::start();
    let (ann, less) = (gateway.ann(), gateway.token("ann", "crm.write"));
    let session = gateway.initialize(&ann);
    let go = slow(&gateway);
    let call = legacy(&ann, Some(&session), &call_of(3, "find_customer", &json!({})));
    let (first, _) = next(&mut gateway.open(&call).1);
    let refused = gateway.send(&resume(&less, &session, &first));
    assert_eq!((refused.status, refused.code()), (403, -31403), "a token without the scope: {}", refused.body);
    let (status, mut reader) = gateway.open(&resume(&ann, &session, &first));
    assert_eq!((status, &next(&mut reader).1["params"]["progress"]), (200, &json!(2)));
    stop(&gateway, &json!({"tool":{"server":"crm","tool":"find_customer"}}));
    go.store(true, Ordering::SeqCst);
    let mut rest = String::new();
    let _ = std::io::Read::read_to_string(&mut reader, &mut rest);
    assert!(!rest.contains("progress") && !rest.contains("done"), "{rest}");
    let refused = gateway.send(&resume(&ann, &session, &first));
    assert!(refused.code() == -31403 && !refused.body.contains("progress"), "{}", refused.body);
}

#[test]
fn an_answer_that_comes_late_is_for_who_may_still_make_the_call() {
    let gateway = Gateway::start();
    let (ann, less) = (gateway.ann(), gateway.token("ann", "crm.write"));
    let session = gateway.initialize(&ann);
    gateway.upstream.script(|seen, out| {
        let progress =
            json!({"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":1,"progress":1}});
        let answer = json!({"jsonrpc":"2.0","id":3,"result":{"content":[{"type":"text","text":"late"}]}});
        let said = if seen.line.starts_with("GET") { answer } else { progress };
        events(out, &format!("id: e-1\ndata: {said}\n\n"));
    });
    let call = legacy(&ann, Some(&session), &call_of(3, "find_customer", &json!({})));
    let (id, _) = next(&mut gateway.open(&call).1);
    let answer = gateway.send(&resume(&less, &session, &id));
    assert!(answer.status == 200 && !answer.body.contains("late"), "{answer:?}");
    let answer = gateway.send(&resume(&ann, &session, &id));
    assert!(answer.status == 200 && answer.body.contains("late"), "{answer:?}");
}
