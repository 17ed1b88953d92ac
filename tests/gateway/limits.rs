//! Limits from outside: what is counted, what gives a place back, and what a refused call costs.
use crate::support::*;
use serde_json::{Value, json};
use std::io::{BufRead, Read};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// Longer than any test waits.
const FOREVER: Duration = Duration::from_secs(600);

fn find(id: &str) -> Value {
    json!({"name":"find_customer","arguments":{"id":id}})
}

/// The policy of one tool with these limits.
fn limited(limits: &str) -> Gateway {
    Gateway::with(
        &format!(
            "roles:
  contractor: {{ claim: groups, any: [contractor] }}
tools:
  find_customer: {{ effect: read, scopes: [crm.read] }}
  guarded: {{ effect: read, scopes: [crm.read], when: 'args.fine == true' }}
  special: {{ effect: read, roles: [contractor] }}
limits:
{limits}"
        ),
        "",
    )
}

fn whole(seen: &Seen, out: &mut TcpStream) {
    let body = json!({"jsonrpc":"2.0","id":seen.json()["id"],"result":{"content":[],"resultType":"complete"}});
    reply(out, 200, "application/json", &body.to_string());
}

/// An upstream that does with a call as its `id` says.
fn obedient(gateway: &Gateway) {
    gateway.upstream.script(|seen, out| match seen.json()["params"]["arguments"]["id"].as_str() {
        Some("hang") => std::thread::sleep(FOREVER),
        Some("stall") => {
            raw(out, "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{");
            std::thread::sleep(FOREVER);
        }
        Some("stream") => {
            open_events(out);
            raw(out, NOTICE);
            std::thread::sleep(FOREVER);
        }
        Some("streamed") => {
            let answer =
                json!({"jsonrpc":"2.0","id":seen.json()["id"],"result":{"content":[],"resultType":"complete"}});
            open_events(out);
            raw(out, &format!("{NOTICE}data: {answer}\n\n"));
            // The answer is whole, whatever the connection does.
            std::thread::sleep(FOREVER);
        }
        Some("drip") => {
            open_events(out);
            while std::io::Write::write_all(out, NOTICE.as_bytes()).is_ok() {
                std::thread::sleep(Duration::from_millis(50));
            }
        }
        Some("break") => events(out, NOTICE),
        Some("fail") => reply(out, 500, "text/plain", "no"),
        Some("refuse") => reply(out, 200, "text/html", "no"),
        _ => whole(seen, out),
    });
}

const NOTICE: &str = "data: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/progress\",\"params\":{\"progressToken\":1,\"progress\":1}}\n\n";

#[test]
fn a_place_is_free_again_however_a_call_ends() {
    let gateway = limited("  - { per: server, tools: [find_customer], concurrency: 1 }\n  - { time: 3s }\n");
    obedient(&gateway);
    let token = gateway.ann();
    let call = |id: &str| gateway.call(&token, "tools/call", find(id));
    let free = |after: &str| {
        wait(&format!("the place of `{after}` is free"), || call("1").status == 200);
        assert_eq!((call("1").status, call("1").status), (200, 200), "and stays so after `{after}`");
    };
    // Taken while a call is unanswered, whoever calls; other tools are not concerned.
    let (status, mut stream) = gateway.open(&modern(&token, "tools/call", &find("stream")));
    assert_eq!(status, 200);
    let reached = gateway.upstream.seen().len();
    for token in [&token, &gateway.token("bob", "crm.read")] {
        let answer = gateway.call(token, "tools/call", find("1"));
        assert_eq!((answer.status, answer.code()), (429, -31429), "{}", answer.body);
        assert_eq!(answer.header("retry-after"), Some("1"));
    }
    assert_eq!(gateway.upstream.seen().len(), reached);
    assert_eq!(gateway.tool(&token, "guarded", json!({"fine":true})).status, 200);
    // Until `time` ends it, with an error for the client that waits.
    let mut text = String::new();
    while !text.contains("-31504") {
        assert!(stream.read_line(&mut text).unwrap() > 0, "{text}");
    }
    assert!(text.contains("progress") && text.contains("\"id\":1"), "{text}");
    free("time on a stream");
    for id in ["hang", "stall"] {
        let answer = call(id);
        assert_eq!((answer.status, answer.code()), (504, -31504), "{id}: {}", answer.body);
        free(id);
    }
    for (id, status) in [("streamed", 200), ("break", 200), ("fail", 502), ("refuse", 502)] {
        assert_eq!(call(id).status, status, "{id}");
        free(id);
    }
}

#[test]
fn under_load_no_more_calls_pass_than_a_limit_says() {
    let gateway = limited(
        "  - { per: server, tools: [find_customer], concurrency: 2 }
  - { per: server, tools: [guarded], rate: 10/hour }
",
    );
    let (inside, most) = (AtomicUsize::new(0), Arc::new(AtomicUsize::new(0)));
    let highest = most.clone();
    gateway.upstream.script(move |seen, out| {
        if seen.json()["params"]["name"] == "find_customer" {
            highest.fetch_max(inside.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            std::thread::sleep(Duration::from_millis(20));
            inside.fetch_sub(1, Ordering::SeqCst);
        }
        whole(seen, out);
    });
    let (ann, bob) = (gateway.ann(), gateway.token("bob", "crm.read"));
    std::thread::scope(|scope| {
        for token in [&ann, &bob].into_iter().cycle().take(8) {
            scope.spawn(|| {
                for _ in 0..5 {
                    gateway.call(token, "tools/call", find("1"));
                    gateway.tool(token, "guarded", json!({"fine":true}));
                }
            });
        }
    });
    let called = gateway.upstream.called();
    assert!(called.iter().filter(|name| *name == "find_customer").count() >= 2);
    assert!(most.load(Ordering::SeqCst) <= 2, "{} at once", most.load(Ordering::SeqCst));
    assert_eq!(called.iter().filter(|name| *name == "guarded").count(), 10);
}

#[test]
fn a_new_policy_does_not_give_used_up_calls_back() {
    let gateway = Gateway::start();
    let policy = "tools:\n  find_customer: { effect: read }\nlimits:\n  - { per: subject, rate: 1/hour }\n";
    let code = || gateway.call(&gateway.ann(), "tools/call", find("1")).code();
    gateway.policy(policy);
    wait("the limit is in force", || code() == -31429);
    let reached = gateway.upstream.called().len();
    gateway.policy(&policy.replace("limits:", "  other: { effect: read }\nlimits:"));
    let applied = || gateway.records().iter().filter(|r| r["outcome"] == "applied").count();
    wait("the next policy is in force", || applied() == 2);
    assert_eq!(code(), -31429);
    assert_eq!(gateway.upstream.called().len(), reached);
}

#[test]
fn a_client_that_leaves_gives_its_place_back() {
    let gateway = limited("  - { per: server, tools: [find_customer], concurrency: 1 }\n");
    obedient(&gateway);
    let token = gateway.ann();
    let free = || gateway.call(&token, "tools/call", find("1")).status == 200;
    for id in ["hang", "stall"] {
        let request = modern(&token, "tools/call", &find(id));
        let port = gateway.port;
        let before = gateway.upstream.seen().len();
        let headers: String = request.headers.iter().map(|(n, v)| format!("{n}: {v}\r\n")).collect();
        let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        let head = format!(
            "POST /crm/mcp HTTP/1.1\r\nhost: localhost:{port}\r\n{headers}content-length: {}\r\n\r\n",
            request.body.len()
        );
        std::io::Write::write_all(&mut stream, &[head.as_bytes(), &request.body].concat()).unwrap();
        wait("the call is upstream", || gateway.upstream.seen().len() > before);
        assert!(!free(), "{id}");
        drop(stream);
        wait("the place is free", free);
    }
    let (status, stream) = gateway.open(&modern(&token, "tools/call", &find("stream")));
    assert_eq!(status, 200);
    assert!(!free());
    drop(stream);
    wait("the place is free", free);
    // One that went on would be told as such: each of the three left.
    wait("the records", || gateway.records().iter().filter(|r| r["outcome"] == "aborted").count() == 3);
}

#[test]
fn time_ends_a_stream_that_never_stops_talking() {
    let gateway = limited("  - { tools: [find_customer], time: 2s }\n");
    obedient(&gateway);
    let (status, mut stream) = gateway.open(&modern(&gateway.ann(), "tools/call", &find("drip")));
    assert_eq!(status, 200);
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap_or_default();
    assert!(text.contains("notifications/progress"), "{text}");
    let last = text.trim_end().rsplit("data: ").next().unwrap();
    assert!(last.contains("-31504") && last.contains("\"id\":1"), "the last event says why: {last}");
    wait("the record", || gateway.records().iter().any(|r| r["reason"] == "UpstreamTooSlow"));
}

#[test]
fn calls_whose_streams_end_without_an_answer_do_not_use_a_session_up() {
    let gateway = Gateway::start();
    let token = gateway.ann();
    let session = gateway.initialize(&token);
    gateway.upstream.script(|_, out| events(out, NOTICE));
    let call = |id: u64| {
        let call = json!({"jsonrpc":"2.0","id":id,"method":"tools/call","params":find("1")});
        gateway.send(&legacy(&token, Some(&session), &call))
    };
    gateway.upstream.script(|_, out| {
        open_events(out);
        raw(out, NOTICE);
        std::thread::sleep(FOREVER);
    });
    let call_open = |id: u64| {
        let call = json!({"jsonrpc":"2.0","id":id,"method":"tools/call","params":find("1")});
        gateway.open(&legacy(&token, Some(&session), &call))
    };
    let open = call_open(1000);
    assert_eq!(open.0, 200);
    let reused = call(1000);
    assert_eq!((reused.status, &reused.json()["id"]), (400, &json!(1000)), "one that is open is in use: {reused:?}");
    drop(open);
    wait("it may be used again", || {
        let (status, _) = call_open(1000);
        status == 200
    });
    gateway.upstream.script(|_, out| events(out, NOTICE));
    let before = gateway.upstream.called().len();
    for id in (1..=300).chain([7, 7]) {
        let answer = call(id);
        assert_eq!(answer.status, 200, "{id}: {}", answer.body);
        assert!(answer.body.contains("progress"), "{id}: {}", answer.body);
    }
    assert_eq!(gateway.upstream.called().len(), before + 302);
}

#[test]
fn arguments_that_are_too_long_go_nowhere() {
    let gateway = limited("  - { tools: [find_customer], arguments_max: '100' }\n");
    let token = gateway.ann();
    for arguments in [json!({"id":"x".repeat(100)}), json!({"a":{"b":vec![0; 60]}})] {
        let answer = gateway.tool(&token, "find_customer", arguments);
        assert_eq!(answer.code(), -31413, "{}", answer.body);
    }
    assert!(gateway.upstream.seen().is_empty());
    assert_eq!(gateway.tool(&token, "find_customer", json!({"id":"x".repeat(80)})).code(), 0);
    assert_eq!(gateway.tool(&token, "guarded", json!({"fine":true,"id":"x".repeat(200)})).code(), 0);
    assert_eq!(gateway.upstream.called(), ["find_customer", "guarded"]);
}

#[test]
fn a_reply_or_an_event_that_is_too_long_is_not_shown() {
    let gateway = limited("  - { tools: [find_customer], reply_max: 1KiB }\n");
    let token = gateway.ann();
    let answer = |length: usize| {
        let content = json!([{"type":"text","text":format!("begin{}", "x".repeat(length))}]);
        json!({"jsonrpc":"2.0","id":1,"result":{"content":content,"resultType":"complete"}}).to_string()
    };
    let (short, long) = (answer(100), answer(2000));
    for (chunked, body, shown) in [(false, &short, true), (false, &long, false), (true, &long, false)] {
        let body = body.clone();
        gateway.upstream.script(move |_, out| match chunked {
            false => reply(out, 200, "application/json", &body),
            true => {
                let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n";
                raw(out, &format!("{head}{:x}\r\n{body}\r\n0\r\n\r\n", body.len()));
            }
        });
        let answer = gateway.call(&token, "tools/call", find("1"));
        assert_eq!(answer.body.contains("begin"), shown, "{}", answer.body);
        assert_eq!((answer.status, answer.code()), if shown { (200, 0) } else { (502, -31502) });
    }
    let in_pieces = long.replace(",", ",\ndata: ");
    for (event, shown) in [(&short, true), (&long, false), (&in_pieces, false)] {
        let text = format!("{}data: {event}\n\n", NOTICE.repeat(20));
        gateway.upstream.script(move |_, out| events(out, &text));
        let answer = gateway.call(&token, "tools/call", find("1"));
        assert_eq!(answer.body.matches("notifications/progress").count(), 20, "many small ones are fine: {answer:?}");
        assert_eq!(answer.body.contains("begin"), shown, "{}", answer.body);
        assert_eq!(answer.body.contains("-31502"), !shown, "{}", answer.body);
    }
    // Another tool has no such limit.
    gateway.upstream.script(move |_, out| reply(out, 200, "application/json", &long));
    assert!(gateway.tool(&token, "guarded", json!({"fine":true})).body.contains("begin"));
}

#[test]
fn two_tenants_do_not_share_a_count_and_a_call_without_one_is_refused() {
    let gateway = limited("  - { key: args.tenant, tools: [find_customer], rate: 1/hour }\n");
    let (ann, bob) = (gateway.ann(), gateway.token("bob", "crm.read"));
    let code = |token: &str, arguments: Value| gateway.tool(token, "find_customer", arguments).code();
    assert_eq!(code(&ann, json!({"tenant":"a"})), 0);
    assert_eq!(code(&ann, json!({"tenant":"a"})), -31429);
    assert_eq!(code(&bob, json!({"tenant":"a"})), -31429, "the count is the tenant's, whoever calls");
    assert_eq!(code(&ann, json!({"tenant":"b"})), 0);
    for arguments in [json!({}), json!({"Tenant":"c"}), json!({"tenant":null}), json!({"tenant":["c"]})] {
        assert_eq!(code(&ann, arguments.clone()), -31403, "{arguments}");
    }
    let request = modern(&ann, "tools/call", &json!({"name":"find_customer","arguments":{"tenant":"a"}}));
    let escaped = String::from_utf8(request.body.clone()).unwrap().replace("\"a\"", "\"\\u0061\"");
    assert_eq!(gateway.send(&request.body(escaped)).code(), -31429, "another spelling is the same tenant");
    assert_eq!(gateway.upstream.called().len(), 2);
    assert_eq!(
        names(&{
            gateway.upstream.tools(&["find_customer"]);
            gateway.call(&ann, "tools/list", json!({}))
        }),
        ["find_customer"]
    );
}

#[test]
fn a_limit_of_a_role_counts_only_callers_who_have_it() {
    let gateway = limited("  - { per: subject, roles: [contractor], tools: [find_customer], rate: 1/hour }\n");
    let contractor = gateway.with_claims(json!({"sub":"eve","groups":["contractor"]}));
    let code = |token: &str| gateway.call(token, "tools/call", find("1")).code();
    let ann = gateway.ann();
    for _ in 0..3 {
        assert_eq!(code(&ann), 0);
    }
    assert_eq!((code(&contractor), code(&contractor)), (0, -31429));
    let another_token = gateway.with_claims(json!({"sub":"eve","groups":["contractor"],"client_id":"other"}));
    assert_eq!(code(&another_token), -31429, "the count is the subject's, whichever client it uses");
    assert_eq!(code(&ann), 0);
    assert_eq!(gateway.upstream.called().len(), 5);
}

#[test]
fn a_refused_call_uses_up_no_rate() {
    let gateway = limited(
        "  - { per: subject, tools: [guarded], rate: 3/hour }
  - { key: args.tenant, tools: [guarded], rate: 1/hour }
  - { per: server, tools: [guarded], concurrency: 1 }
  - { tools: [guarded], arguments_max: '200' }
",
    );
    obedient(&gateway);
    let token = gateway.ann();
    let call = |tenant: &str| gateway.tool(&token, "guarded", json!({"fine":true,"tenant":tenant}));
    for _ in 0..5 {
        assert_eq!(gateway.tool(&token, "guarded", json!({"fine":false,"tenant":"a"})).code(), -31403);
        assert_eq!(gateway.tool(&token, "guarded", json!({"fine":true})).code(), -31403);
        let long = json!({"fine":true,"tenant":"a","x":"x".repeat(300)});
        assert_eq!(gateway.tool(&token, "guarded", long).code(), -31413);
    }
    assert!(gateway.upstream.called().is_empty());
    assert_eq!(call("a").code(), 0);
    for _ in 0..5 {
        assert_eq!(call("a").code(), -31429, "the tenant's count is used up");
    }
    let request =
        modern(&token, "tools/call", &json!({"name":"guarded","arguments":{"fine":true,"tenant":"b","id":"stream"}}));
    let (status, stream) = gateway.open(&request);
    assert_eq!(status, 200, "those refusals cost the subject nothing");
    for _ in 0..5 {
        assert_eq!(call("c").code(), -31429, "there is one place");
    }
    drop(stream);
    wait("the place is free, and the call costs the third of the subject", || call("c").code() == 0);
    let answer = call("d");
    assert_eq!((answer.status, answer.code()), (429, -31429), "{}", answer.body);
    assert!(answer.header("retry-after").unwrap().parse::<u64>().unwrap() > 60);
    assert_eq!(gateway.upstream.called().len(), 3);
}
