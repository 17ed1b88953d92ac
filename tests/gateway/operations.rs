//! Running it: reload, crash, memory, drain, keys, configuration.
use crate::support::*;
use serde_json::json;
use std::collections::HashSet;
use std::io::{BufRead, Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

fn find() -> serde_json::Value {
    json!({"name":"find_customer","arguments":{"id":"1"}})
}

#[test]
fn a_broken_policy_during_load_fails_no_call_and_is_told() {
    let gateway = Gateway::start();
    let (stop, failed, made) = (AtomicBool::new(false), AtomicUsize::new(0), AtomicUsize::new(0));
    let token = gateway.ann();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    let fine = gateway.call(&token, "tools/call", find()).status == 200;
                    made.fetch_add(1, Ordering::Relaxed);
                    failed.fetch_add(usize::from(!fine), Ordering::Relaxed);
                }
            });
        }
        let before = gateway.get_admin("/status");
        gateway.policy("tools:\n  find_customer: { effect: red, scopes: [a b], oops: 1 }\nroles: 3\n");
        wait("the problems are told", || gateway.get_admin("/metrics").contains("portcullis_configuration_problems 3"));
        let status = gateway.get_admin("/status");
        let digest = |text: &str| text.split("\"policy\":\"").nth(1).unwrap()[..64].to_owned();
        assert_eq!(digest(&before), digest(&status), "the old policy is in force");
        assert!(status.contains("unknown field `oops`") && gateway.get_admin("/readyz").contains("last good"));
        gateway.policy(TOOLS);
        wait("it is mended", || gateway.get_admin("/metrics").contains("portcullis_configuration_problems 0"));
        stop.store(true, Ordering::Relaxed);
    });
    assert!(made.load(Ordering::Relaxed) > 20);
    assert_eq!(failed.load(Ordering::Relaxed), 0);
    let reloads: Vec<_> = gateway.records().into_iter().filter(|r| r["kind"] == "reload").collect();
    assert_eq!(reloads[0]["outcome"], "rejected");
    assert!(reloads.iter().any(|r| r["outcome"] == "applied" && r["policy_before"].is_string()));
}

#[test]
fn settings_that_need_a_restart_are_told_while_they_differ() {
    let gateway = Gateway::start();
    let before = std::fs::read_to_string(gateway.directory.join("gateway.yaml")).unwrap();
    assert!(gateway.get_admin("/status").contains("\"restart_needed\":false"));
    gateway.write_atomic("gateway.yaml", &format!("{before}drain: 7s\n"));
    wait("the change is told", || gateway.get_admin("/status").contains("\"restart_needed\":true"));
    assert!(gateway.get_admin("/readyz").contains("take effect at a start"));
    gateway.write_atomic("gateway.yaml", &before);
    wait("it is taken back", || gateway.get_admin("/status").contains("\"restart_needed\":false"));
}

#[test]
fn a_tightened_policy_refuses_the_next_call_and_ends_an_open_stream() {
    let gateway = Gateway::start();
    gateway.upstream.script(|_, out| {
        open_events(out);
        raw(out, "data: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/progress\",\"params\":{\"progressToken\":1,\"progress\":1}}\n\n");
        std::thread::sleep(std::time::Duration::from_secs(30));
    });
    let token = gateway.ann();
    let (_, mut reader) = gateway.open(&modern(&token, "tools/call", &find()));
    let mut text = String::new();
    while !text.contains("progress") {
        reader.read_line(&mut text).unwrap();
    }
    gateway.policy("tools:\n  other: { effect: read }\n");
    let mut rest = String::new();
    while !rest.contains("-31403") {
        assert!(reader.read_line(&mut rest).unwrap() > 0, "{rest}");
    }
    let reached = gateway.upstream.seen().len();
    assert_eq!(gateway.call(&token, "tools/call", find()).code(), -32602);
    assert_eq!(gateway.upstream.seen().len(), reached);
    wait("the record", || gateway.records().iter().any(|r| r["reason"] == "StreamNoLongerAllowed"));
}

#[test]
fn a_policy_directory_may_be_swapped_by_symlink_as_kubernetes_does() {
    let gateway = Gateway::start();
    let policies = gateway.directory.join("policies");
    let text = std::fs::read_to_string(policies.join("crm.yaml")).unwrap();
    std::fs::create_dir_all(policies.join("..v1")).unwrap();
    std::fs::create_dir_all(policies.join("..v2")).unwrap();
    std::fs::write(policies.join("..v1/crm.yaml"), &text).unwrap();
    std::fs::write(policies.join("..v2/crm.yaml"), text.replace("find_customer:", "renamed:")).unwrap();
    std::os::unix::fs::symlink("..v1", policies.join("..data")).unwrap();
    std::fs::remove_file(policies.join("crm.yaml")).unwrap();
    std::os::unix::fs::symlink("..data/crm.yaml", policies.join("crm.yaml")).unwrap();
    let token = gateway.ann();
    assert_eq!(gateway.call(&token, "tools/call", find()).status, 200);
    std::os::unix::fs::symlink("..v2", policies.join("..data_tmp")).unwrap();
    std::fs::rename(policies.join("..data_tmp"), policies.join("..data")).unwrap();
    wait("the swap is in force", || gateway.call(&token, "tools/call", find()).code() == -32602);
}

#[test]
fn a_removed_key_stops_its_tokens_at_once_though_they_were_cached() {
    let gateway = Gateway::start();
    let token = gateway.ann();
    assert_eq!(gateway.call(&token, "tools/call", find()).status, 200);
    let next = Signer::new("k2");
    gateway.write_atomic("jwks.json", &json!({"keys":[next.jwk]}).to_string());
    wait("the old key is gone", || gateway.call(&token, "tools/call", find()).status == 401);
    let fresh = next.sign("at+jwt", &gateway.claims("ann", "crm.read"));
    assert_eq!(gateway.call(&fresh, "tools/call", find()).status, 200);
}

#[test]
fn unauthenticated_requests_leave_no_memory_behind() {
    let gateway = Gateway::start();
    let body = json!({"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"x","version":"1"}}}).to_string();
    let request = format!(
        "POST /crm/mcp HTTP/1.1\r\nhost: localhost:{}\r\ncontent-type: application/json\r\naccept: application/json, text/event-stream\r\ncontent-length: {}\r\n\r\n{body}",
        gateway.port,
        body.len()
    );
    // A connection is closed after each refusal that leaves its body unread, so each is its own.
    let flood = |count: usize| {
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..count / 4 {
                        let mut stream = TcpStream::connect(("127.0.0.1", gateway.port)).unwrap();
                        stream.write_all(request.as_bytes()).unwrap();
                        let mut head = [0; 12];
                        stream.read_exact(&mut head).unwrap();
                        assert_eq!(&head, b"HTTP/1.1 401");
                    }
                });
            }
        });
    };
    let resident = || {
        let status = std::fs::read_to_string(format!("/proc/{}/status", gateway.pid())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap().to_owned();
        line.split_whitespace().nth(1).unwrap().parse::<i64>().unwrap()
    };
    flood(4000); // Pools and buffers reach their working size.
    std::thread::sleep(std::time::Duration::from_secs(1));
    let before = resident();
    flood(100_000);
    std::thread::sleep(std::time::Duration::from_secs(2));
    let grown = resident() - before;
    println!("100,000 unauthenticated requests: {before} KiB before, {grown} KiB more after");
    assert!(grown < 10 * 1024, "{grown} KiB");
    assert!(gateway.upstream.seen().is_empty());
}

/// Four clients call without pause until the gateway is killed; which calls were answered, and when.
fn killed_under_load(gateway: &mut Gateway) -> (Vec<(String, Instant)>, Instant, HashSet<String>) {
    let answered = Arc::new(std::sync::Mutex::new(Vec::new()));
    let (port, request) = (gateway.port, modern(&gateway.ann(), "tools/call", &find()));
    let clients: Vec<_> = (0..4)
        .map(|_| {
            let (answered, request) = (answered.clone(), request.clone());
            std::thread::spawn(move || {
                loop {
                    let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)) else { return };
                    let headers: String = request.headers.iter().map(|(n, v)| format!("{n}: {v}\r\n")).collect();
                    let head = format!("POST /crm/mcp HTTP/1.1\r\nhost: localhost:{port}\r\n{headers}content-length: {}\r\nconnection: close\r\n\r\n", request.body.len());
                    let sent = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&request.body));
                    let mut text = String::new();
                    if sent.is_err() || stream.read_to_string(&mut text).is_err() {
                        continue;
                    }
                    if let Some(id) = text.lines().find_map(|line| line.strip_prefix("x-request-id: ")) {
                        answered.lock().unwrap().push((id.trim().to_owned(), Instant::now()));
                    }
                }
            })
        })
        .collect();
    let begun = Instant::now();
    let enough = || answered.lock().unwrap().len() > 50 && begun.elapsed() > Duration::from_millis(1500);
    wait("calls were answered", enough);
    let killed = Instant::now();
    gateway.kill();
    for client in clients {
        client.join().unwrap();
    }
    let recorded = records(&gateway.directory.join("audit"));
    let recorded = recorded.iter().map(|r| r["id"].as_str().unwrap().to_owned()).collect();
    let answered = answered.lock().unwrap().clone();
    (answered, killed, recorded)
}

#[test]
fn acknowledged_records_survive_kill_nine() {
    let mut gateway = Gateway::with(TOOLS, "audit: { directory: audit, durability: acknowledged }\n");
    let (answered, _, recorded) = killed_under_load(&mut gateway);
    let lost: Vec<_> = answered.iter().filter(|(id, _)| !recorded.contains(id)).collect();
    println!("kill -9: {} answered, {} recorded, {} lost", answered.len(), recorded.len(), lost.len());
    assert!(lost.is_empty(), "{lost:?}");
}

#[test]
fn kill_nine_loses_no_record_older_than_the_interval() {
    let mut gateway = Gateway::start();
    let (answered, killed, recorded) = killed_under_load(&mut gateway);
    let lost: Vec<_> = answered.iter().filter(|(id, _)| !recorded.contains(id)).collect();
    let oldest = lost.iter().map(|(_, at)| killed.saturating_duration_since(*at)).max().unwrap_or_default();
    println!("kill -9: {} answered, {} lost, the oldest {oldest:?} before", answered.len(), lost.len());
    // The interval is 50 ms; the rest is for a busy machine that lets the writer wait.
    assert!(oldest < Duration::from_millis(50 + 450), "{oldest:?}");
    assert!(answered.iter().any(|(id, at)| recorded.contains(id) && *at < killed - Duration::from_secs(1)));
}

/// Puts a file where the directory of records was, so that no new file can be made, whoever runs this.
fn take_the_records_away(gateway: &Gateway) {
    std::fs::rename(gateway.directory.join("audit"), gateway.directory.join("audit-away")).unwrap();
    std::fs::write(gateway.directory.join("audit"), "in the way").unwrap();
}

fn give_the_records_back(gateway: &Gateway) {
    std::fs::remove_file(gateway.directory.join("audit")).unwrap();
    std::fs::rename(gateway.directory.join("audit-away"), gateway.directory.join("audit")).unwrap();
}

#[test]
fn calls_are_refused_while_records_cannot_be_written_and_accepted_again_when_they_can() {
    for durability in ["interval", "acknowledged"] {
        let audit = format!("audit: {{ directory: audit, durability: {durability}, file_bytes_max: 4096 }}\n");
        let gateway = Gateway::with(TOOLS, &audit);
        let token = gateway.ann();
        let mut accepted = Vec::new();
        let call = |accepted: &mut Vec<String>| {
            let answer = gateway.call(&token, "tools/call", find());
            if answer.status == 200 {
                accepted.push(answer.header("x-request-id").unwrap().to_owned());
            }
            (answer.status, answer.code())
        };
        assert_eq!(call(&mut accepted), (200, 0));
        take_the_records_away(&gateway);
        wait("the file is full and no other can be made", || call(&mut accepted) == (503, -31503));
        let reached = gateway.upstream.seen().len();
        for _ in 0..5 {
            assert_eq!(call(&mut accepted), (503, -31503), "{durability}");
        }
        let mut large =
            modern(&token, "tools/call", &json!({"name":"find_customer","arguments":{"id":"x".repeat(60_000)}}));
        assert_eq!(gateway.send(&large).status, 503, "a refusal arrives though its request was not read");
        large.headers.clear();
        assert_eq!(gateway.send(&large).status, 503);
        assert_eq!(gateway.upstream.seen().len(), reached, "{durability}: nothing is done unrecorded");
        give_the_records_back(&gateway);
        wait("records are written again", || call(&mut accepted).0 == 200);
        for _ in 0..5 {
            assert_eq!(call(&mut accepted), (200, 0));
        }
        wait("every accepted call has one record", || {
            let records = gateway.records();
            let of = |id: &String| records.iter().filter(|r| r["id"] == **id && r["outcome"] == "allow").count();
            accepted.iter().all(|id| of(id) == 1)
        });
        let files = std::fs::read_dir(gateway.directory.join("audit")).unwrap().count();
        assert!(files < 3 + accepted.len(), "{files} files");
    }
}

#[test]
fn a_file_of_records_at_a_limit_of_the_system_leaves_no_torn_line_and_loses_no_record() {
    let mut gateway = Gateway::start();
    gateway.stop();
    // Writing on fails then, for everybody, and as long as nobody asks for it is no signal.
    let mut command = Command::new("sh");
    let limited = "trap '' XFSZ; ulimit -S -f 8; exec \"$0\" \"$@\"";
    command.args(["-c", limited, env!("CARGO_BIN_EXE_portcullis")]);
    gateway.launch_by(command);
    let token = gateway.ann();
    let mut accepted = Vec::new();
    wait("several files are full", || {
        let answer = gateway.call(&token, "tools/call", find());
        assert!(matches!(answer.status, 200 | 503), "{answer:?}");
        if answer.status == 200 {
            accepted.push(answer.header("x-request-id").unwrap().to_owned());
        }
        accepted.len() >= 30
    });
    assert_eq!(gateway.stop(), Some(0));
    let mut written = Vec::new();
    for entry in std::fs::read_dir(gateway.directory.join("audit")).unwrap().flatten() {
        if entry.path().extension().is_some_and(|e| e == "jsonl") {
            let text = std::fs::read_to_string(entry.path()).unwrap();
            assert!(text.is_empty() || text.ends_with('\n'), "a torn line at the end");
            written.extend(text.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()));
        }
    }
    let of = |id: &String| written.iter().filter(|record| record["id"] == **id).count();
    let wrong: Vec<_> = accepted.iter().filter(|id| of(id) != 1).collect();
    assert!(wrong.is_empty(), "not recorded once: {wrong:?}");
}

#[test]
fn a_file_of_records_that_was_deleted_is_begun_anew() {
    let gateway = Gateway::start();
    let token = gateway.ann();
    assert_eq!(gateway.call(&token, "tools/call", find()).status, 200);
    wait("the record", || !gateway.records().is_empty());
    for entry in std::fs::read_dir(gateway.directory.join("audit")).unwrap().flatten() {
        if entry.path().extension().is_some_and(|e| e == "jsonl") {
            std::fs::remove_file(entry.path()).unwrap();
        }
    }
    let answer = gateway.call(&token, "tools/call", find());
    let id = answer.header("x-request-id").unwrap();
    wait("its record is where one looks for it", || gateway.records().iter().any(|r| r["id"] == id));
}

#[test]
fn stopping_lets_a_call_finish_and_writes_its_record() {
    let mut gateway = Gateway::start();
    gateway.upstream.script(|seen, out| {
        std::thread::sleep(std::time::Duration::from_secs(1));
        let body = json!({"jsonrpc":"2.0","id":seen.json()["id"],"result":{"content":[],"resultType":"complete"}});
        reply(out, 200, "application/json", &body.to_string());
    });
    let (_, request) = (0, modern(&gateway.ann(), "tools/call", &find()));
    let port = gateway.port;
    let client = std::thread::spawn(move || {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        let headers: String = request.headers.iter().map(|(n, v)| format!("{n}: {v}\r\n")).collect();
        write!(
            stream,
            "POST /crm/mcp HTTP/1.1\r\nhost: localhost:{port}\r\n{headers}content-length: {}\r\n\r\n",
            request.body.len()
        )
        .unwrap();
        stream.write_all(&request.body).unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        text
    });
    wait("the call is upstream", || !gateway.upstream.seen().is_empty());
    assert_eq!(gateway.stop(), Some(0));
    assert!(client.join().unwrap().starts_with("HTTP/1.1 200"));
    assert_eq!(gateway.last_record()["outcome"], "allow");
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err(), "it accepts no more");
}

#[test]
fn every_problem_of_a_configuration_is_told_at_once_with_its_place() {
    let gateway = Gateway::start();
    let directory = gateway.directory.join("broken");
    std::fs::create_dir_all(directory.join("policies")).unwrap();
    std::fs::write(
        directory.join("gateway.yaml"),
        "public_url: https://mcp.example.com\nlisten:\n  - address: 0.0.0.0:8080\nissuers:\n  corp: { issuer: http://login.example.com }\nadmin: { address: 127.0.0.1:9443 }\naudit: { directory: audit }\npolicies: policies\n",
    )
    .unwrap();
    std::fs::write(
        directory.join("policies/crm.yaml"),
        "server: crm\nupstream: { url: 'ftp://x' }\naccess: { issuers: [corpp] }\ntools:\n  a: { effect: read, roles: [nobody] }\n  b: { effect: write, when: 'argz.x == 1' }\n  'c d': { effect: read }\nlimits:\n  - { per: subject, rate: often }\n",
    )
    .unwrap();
    for command in ["check", "serve"] {
        let output = Command::new(env!("CARGO_BIN_EXE_portcullis"))
            .args([command, "gateway.yaml"])
            .current_dir(&directory)
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{command}: {text}");
        for expected in [
            "gateway.yaml:3:5: error P603: plain HTTP off loopback",
            "gateway.yaml:5:11: error P605: `http://login.example.com` is not an https URL",
            "policies/crm.yaml:2:13: error P501: `ftp` is not an http URL",
            "policies/crm.yaml:3:21: error P204: unknown issuer `corpp`",
            "policies/crm.yaml:5:30: error P203: unknown role `nobody`",
            "policies/crm.yaml:6:30: error P302: unknown name `argz`",
            "policies/crm.yaml:7:3: error P205: `c d` is not a name",
            "policies/crm.yaml:9:21: error P401: `often` is not a rate",
            "8 problems",
        ] {
            assert!(text.contains(expected), "{command}: {expected}\n{text}");
        }
    }
}
