//! Connections to an upstream, kept between calls: one that closes, breaks off or answers twice must
//! neither fail a later call nor give one caller the answer for another.
use crate::support::*;
use serde_json::{Value, json};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

fn find(id: &str) -> Value {
    json!({"name":"find_customer","arguments":{"id":id}})
}

/// A whole answer that says for whom it is.
fn answer(seen: &Seen, text: &str) -> String {
    let result = json!({"content":[{"type":"text","text":text}],"resultType":"complete"});
    let body = json!({"jsonrpc":"2.0","id":seen.json()["id"],"result":result}).to_string();
    format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

/// For whom a call is.
fn caller(seen: &Seen) -> String {
    seen.json()["params"]["arguments"]["id"].as_str().unwrap_or_default().to_owned()
}

fn close(out: &TcpStream) {
    let _ = out.shutdown(Shutdown::Both);
}

#[test]
fn a_connection_is_used_again_and_closing_it_between_calls_fails_none() {
    let gateway = Gateway::start();
    let token = gateway.ann();
    for _ in 0..3 {
        assert_eq!(gateway.call(&token, "tools/call", find("1")).status, 200);
    }
    let connections = |gateway: &Gateway| gateway.upstream.seen().iter().map(|s| s.connection).collect::<Vec<_>>();
    assert_eq!(connections(&gateway), [0, 0, 0]);
    let closed = Arc::new(AtomicUsize::new(0));
    let counted = closed.clone();
    gateway.upstream.script(move |seen, out| {
        raw(out, &answer(seen, "ok"));
        close(out);
        counted.fetch_add(1, Ordering::SeqCst);
    });
    for call in 1..=30 {
        let answer = gateway.call(&token, "tools/call", find("1"));
        assert_eq!((answer.status, answer.code()), (200, 0), "call {call}: {}", answer.body);
        // The next one comes when this connection has just been closed.
        wait("the connection is closed", || closed.load(Ordering::SeqCst) == call);
    }
    assert_eq!(gateway.upstream.seen().len(), 33, "and none was sent twice");
}

#[test]
fn a_second_answer_that_waits_in_a_connection_is_given_to_nobody() {
    let gateway = Gateway::start();
    let (ann, bob) = (gateway.ann(), gateway.token("bob", "crm.read"));
    // How the second answer comes after the first: (in the same write, how much of it, after a pause).
    let ways: [(&str, bool, usize, u64); 5] = [
        ("in one write", true, usize::MAX, 0),
        ("at once", false, usize::MAX, 0),
        ("later", false, usize::MAX, 100),
        ("cut off in its head", true, 20, 0),
        ("cut off in its body", true, 120, 0),
    ];
    for (what, joined, length, pause) in ways {
        let done = Arc::new(AtomicBool::new(false));
        let finished = done.clone();
        gateway.upstream.script(move |seen, out| {
            if caller(seen) != "ann" {
                return raw(out, &answer(seen, &caller(seen)));
            }
            let second = answer(seen, "for ann alone");
            let second = &second[..second.len().min(length)];
            if joined {
                raw(out, &format!("{}{second}", answer(seen, "ann")));
            } else {
                raw(out, &answer(seen, "ann"));
                std::thread::sleep(Duration::from_millis(pause));
                raw(out, second);
            }
            finished.store(true, Ordering::SeqCst);
        });
        let first = gateway.call(&ann, "tools/call", find("ann"));
        assert!(first.body.contains("\"ann\"") && !first.body.contains("alone"), "{what}: {}", first.body);
        wait("the second answer is sent", || done.load(Ordering::SeqCst));
        for name in ["bob", "eve", "bob"] {
            let answer = gateway.call(&bob, "tools/call", find(name));
            assert!(!answer.body.contains("alone"), "{what}: {}", answer.body);
            assert_eq!(answer.status, 200, "{what}: {}", answer.body);
            assert!(answer.body.contains(&format!("\"{name}\"")), "{what}: {}", answer.body);
        }
    }
}

#[test]
fn what_follows_a_body_that_is_longer_than_it_said_is_no_answer() {
    let gateway = Gateway::start();
    let (ann, bob) = (gateway.ann(), gateway.token("bob", "crm.read"));
    let smuggled = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 90\r\n\r\n{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"content\":[],\"resultType\":\"complete\",\"smuggled\":\"xxxxxx\"}}";
    // An upstream that lets a caller write into its own head.
    for head in [
        "content-type: application/json\r\ncontent-length: 2\r\n\r\n{}",
        "content-length: 0\r\n\r\n",
        "content-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
        "content-type: text/event-stream\r\ncontent-length: 0\r\n\r\n",
        "content-type: application/json\r\ncontent-length: 2\r\ncontent-length: 90\r\n\r\n{}",
        "content-type: application/json\r\ntransfer-encoding: chunked\r\ncontent-length: 2\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    ] {
        gateway.upstream.script(move |seen, out| match caller(seen).as_str() {
            "ann" => raw(out, &format!("HTTP/1.1 200 OK\r\n{head}{smuggled}")),
            name => raw(out, &answer(seen, name)),
        });
        let first = gateway.call(&ann, "tools/call", find("ann"));
        assert!(!first.body.contains("smuggled"), "{head}: {}", first.body);
        for _ in 0..3 {
            let answer = gateway.call(&bob, "tools/call", find("bob"));
            assert!(answer.body.contains("\"bob\"") && answer.status == 200, "{head}: {}", answer.body);
        }
    }
}

#[test]
fn an_answer_that_breaks_off_is_refused_and_its_connection_not_used_again() {
    let gateway = Gateway::start();
    let token = gateway.ann();
    for head in [
        "content-type: application/json\r\ncontent-length: 500\r\n\r\n{\"jsonrpc\":\"2.0\"",
        "content-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n5\r\n{\"jso",
        "content-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n5\r\n{\"jso\r\nzz\r\n",
        "content-type: application/js",
    ] {
        gateway.upstream.script(move |seen, out| match caller(seen).as_str() {
            "broken" => {
                raw(out, &format!("HTTP/1.1 200 OK\r\n{head}"));
                close(out);
            }
            name => raw(out, &answer(seen, name)),
        });
        assert_eq!(gateway.call(&token, "tools/call", find("fine")).status, 200, "a connection to keep");
        let broken = gateway.call(&token, "tools/call", find("broken"));
        assert_eq!((broken.status, broken.code()), (502, -31502), "{head}: {}", broken.body);
        let on = gateway.upstream.seen().pop().unwrap().connection;
        assert_eq!(gateway.call(&token, "tools/call", find("next")).status, 200, "{head}");
        assert_ne!(gateway.upstream.seen().pop().unwrap().connection, on, "{head}");
    }
}

#[test]
fn a_stream_that_breaks_off_ends_with_an_error_and_its_connection_is_not_used_again() {
    let gateway = Gateway::start();
    let token = gateway.ann();
    gateway.upstream.script(|seen, out| match caller(seen).as_str() {
        "broken" => {
            raw(out, "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n4\r\n:\n\n\n\r\n50\r\ndata: ");
            close(out);
        }
        name => raw(out, &answer(seen, name)),
    });
    let broken = gateway.call(&token, "tools/call", find("broken"));
    assert!(broken.status == 200 && broken.body.contains("-31502"), "{broken:?}");
    let on = gateway.upstream.seen().pop().unwrap().connection;
    assert_eq!(gateway.call(&token, "tools/call", find("next")).status, 200);
    assert_ne!(gateway.upstream.seen().pop().unwrap().connection, on);
}

#[test]
fn a_stream_left_before_its_end_leaves_nothing_for_the_next_caller() {
    let gateway = Gateway::start();
    let (ann, bob) = (gateway.ann(), gateway.token("bob", "crm.read"));
    let released = Arc::new(AtomicBool::new(false));
    let go_on = released.clone();
    gateway.upstream.script(move |seen, out| {
        if caller(seen) != "ann" {
            return raw(out, &answer(seen, &caller(seen)));
        }
        let chunk = |text: &str| format!("{:x}\r\n{text}\r\n", text.len());
        let notice = "data: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/progress\",\"params\":{\"progressToken\":1,\"progress\":1}}\n\n";
        raw(out, "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n");
        raw(out, &chunk(notice));
        while !go_on.load(Ordering::SeqCst) {
            std::thread::sleep(Duration::from_millis(5));
        }
        let result = json!({"content":[{"type":"text","text":"for ann alone"}],"resultType":"complete"});
        let late = json!({"jsonrpc":"2.0","id":1,"result":result});
        raw(out, &chunk(&format!("data: {late}\n\n")));
        raw(out, "0\r\n\r\n");
    });
    let (status, stream) = gateway.open(&modern(&ann, "tools/call", &find("ann")));
    assert_eq!(status, 200);
    drop(stream);
    wait("ann is gone", || gateway.records().iter().any(|record| record["outcome"] == "aborted"));
    for turn in 0..4 {
        released.store(turn > 0, Ordering::SeqCst);
        let answer = gateway.call(&bob, "tools/call", find("bob"));
        assert!(answer.status == 200 && answer.body.contains("\"bob\""), "{}", answer.body);
    }
}

#[test]
fn a_call_is_never_sent_twice() {
    let gateway = Gateway::start();
    let token = gateway.ann();
    gateway.upstream.script(|seen, out| match caller(seen).as_str() {
        "read and closed" => close(out),
        "begun and closed" => {
            raw(out, "HTTP/1.1 2");
            close(out);
        }
        "told to try again" => {
            raw(out, "HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
            close(out);
        }
        "sent elsewhere" => raw(out, "HTTP/1.1 307 X\r\nlocation: /mcp\r\ncontent-length: 0\r\n\r\n"),
        "told to wait" => raw(out, "HTTP/1.1 503 X\r\nretry-after: 0\r\ncontent-length: 0\r\n\r\n"),
        name => raw(out, &answer(seen, name)),
    });
    for kept in [false, true] {
        for id in ["read and closed", "begun and closed", "told to try again", "sent elsewhere", "told to wait"] {
            if kept {
                assert_eq!(gateway.call(&token, "tools/call", find("fine")).status, 200, "a connection to keep");
            }
            let before = gateway.upstream.seen().len();
            let answer = gateway.call(&token, "tools/call", find(id));
            assert_eq!(answer.code(), -31502, "{id}: {}", answer.body);
            assert_eq!(gateway.call(&token, "tools/call", find("next")).status, 200, "{id}");
            let sent: Vec<_> = gateway.upstream.seen()[before..].iter().map(caller).collect();
            assert_eq!(sent, [id, "next"], "kept: {kept}");
        }
    }
}
