//! The file that confirmations are kept in: what is left of it when the gateway is killed, the power fails or somebody
//! touches it. Each ends with what reached the server.
use crate::approvals::World;
use crate::confirm::{POLICY, answer, asked, asking, refused, writes, yes};
use crate::support::*;
use serde_json::{Value, json};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

fn file(gateway: &Gateway) -> PathBuf {
    gateway.directory.join("audit/confirmations.journal")
}

/// Where the lines of a file end.
fn ends(bytes: &[u8]) -> Vec<usize> {
    bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at + 1).collect()
}

/// The file once it has so many lines.
fn eventually(path: &Path, lines: usize) -> Vec<u8> {
    for _ in 0..1000 {
        let bytes = std::fs::read(path).unwrap();
        if ends(&bytes).len() >= lines {
            return bytes;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    panic!("never {lines} lines")
}

/// What a power cut may leave of a file: everything up to here.
fn cut(bytes: &[u8], at: usize) -> Vec<u8> {
    let mut left = bytes.to_vec();
    left[at..].fill(0);
    left
}

/// The client says yes, with the state of the question.
fn said_yes(gateway: &Gateway, state: &Value) -> Answer {
    gateway.send(&asking(&gateway.ann(), "update_customer", &json!({ "id": 7 }), answer(state, yes())))
}

#[test]
fn at_whatever_step_the_power_fails_a_call_is_executed_once_or_refused() {
    let mut gateway = Gateway::with(POLICY, "");
    let state = asked(&gateway, &gateway.ann(), &json!({ "id": 7 }));
    // The file as the server's machine might have seen it when the call came there.
    let (path, at_call) = (file(&gateway), Arc::new(Mutex::new(Vec::new())));
    let (from, to) = (path.clone(), at_call.clone());
    gateway.upstream.script(move |seen, out| {
        *to.lock().unwrap() = std::fs::read(&from).unwrap();
        let result = json!({ "content": [], "resultType": "complete" });
        let body = json!({ "jsonrpc": "2.0", "id": seen.json()["id"], "result": result });
        reply(out, 200, "application/json", &body.to_string());
    });
    assert!(said_yes(&gateway, &state).json().get("result").is_some());
    // What came of it is written a little later.
    let whole = eventually(&path, 5);
    gateway.kill();
    let ends = ends(&whole);
    assert_eq!(ends.len(), 5, "a head, proposed, approved, used, done");
    assert_eq!(at_call.lock().unwrap()[..ends[3]], whole[..ends[3]], "it was used before the call came to the server");
    for (step, told) in ["no such confirmation", "", "", "used already", "used already"].into_iter().enumerate() {
        // Cut between two lines, and within the next.
        let next = ends.get(step + 1).map_or(0, |next| next - ends[step]);
        for (torn, left) in [0, 1, next / 2, next.saturating_sub(1)].into_iter().enumerate() {
            if torn > 0 && (left == 0 || left >= next) {
                continue;
            }
            std::fs::write(&path, cut(&whole, ends[step] + left)).unwrap();
            gateway.launch();
            let before = writes(&gateway).len();
            let (first, again) = (said_yes(&gateway, &state), said_yes(&gateway, &state));
            let reached = writes(&gateway).len() - before;
            let case = format!("cut after {step} steps and {left} bytes: {first:?}");
            match (told, torn) {
                ("", 0) => {
                    assert!(reached == 1 && first.json().get("result").is_some(), "{case}");
                    assert!(refused(&again).contains("used already"), "{case}");
                }
                // What was being written may be that it was used.
                (told, torn) => {
                    let told = if torn > 0 { "no such confirmation" } else { told };
                    assert!(reached == 0 && refused(&first).contains(told), "{case}");
                    assert!(refused(&again).contains(told), "{case}");
                }
            }
            gateway.kill();
        }
    }
}

#[test]
fn a_gateway_that_is_killed_between_any_two_steps_executes_a_call_once() {
    let mut gateway = Gateway::with(POLICY, "");
    let state = asked(&gateway, &gateway.ann(), &json!({ "id": 7 }));
    // Proposed, and killed.
    gateway.kill();
    gateway.launch();
    // Used, and killed by the time the server has the call.
    let process = gateway.pid();
    gateway.upstream.script(move |_, _| {
        let killed = Command::new("kill").args(["-9", &process.to_string()]).status();
        assert!(killed.unwrap().success());
    });
    let request = asking(&gateway.ann(), "update_customer", &json!({ "id": 7 }), answer(&state, yes()));
    assert!(gateway.try_send(&request).is_err(), "it was killed");
    assert_eq!(writes(&gateway).len(), 1);
    gateway.kill();
    gateway.launch();
    for _ in 0..2 {
        assert!(refused(&said_yes(&gateway, &state)).contains("used already"));
        gateway.kill();
        gateway.launch();
    }
    assert_eq!(writes(&gateway).len(), 1);
}

#[test]
fn a_gateway_that_is_killed_by_the_time_the_client_has_its_answer_executes_none_of_many_calls_twice() {
    let mut gateway = Gateway::with(POLICY, "");
    let ids = 0..16;
    let states: Vec<Value> = ids.clone().map(|id| asked(&gateway, &gateway.ann(), &json!({ "id": id }))).collect();
    let confirmed = |gateway: &Gateway, id: usize| {
        let call = asking(&gateway.ann(), "update_customer", &json!({ "id": id }), answer(&states[id], yes()));
        gateway.send(&call)
    };
    // All at once, so that one sync is for several of them.
    std::thread::scope(|scope| {
        for id in ids.clone() {
            let (gateway, confirmed) = (&gateway, &confirmed);
            scope.spawn(move || assert!(confirmed(gateway, id).json().get("result").is_some()));
        }
    });
    gateway.kill();
    gateway.launch();
    assert_eq!(writes(&gateway).len(), ids.len());
    for id in ids.clone() {
        assert!(refused(&confirmed(&gateway, id)).contains("used already"), "{id}");
    }
    assert_eq!(writes(&gateway).len(), ids.len());
}

#[test]
fn a_killed_gateway_loses_no_decision_of_an_approver() {
    let mut world = World::new();
    let (taken, given) = (json!({ "id": 7 }), json!({ "id": 8 }));
    let (one, other) = (world.asked(&taken), world.asked(&given));
    // Shown, and killed: signing in again is all that has to be done again.
    assert_eq!(world.bob().get(&format!("/-/confirmations/{one}")).status, 200);
    world.gateway.kill();
    world.gateway.launch();
    assert_eq!(world.bob().decide(&one, "approve", "").status, 303);
    assert_eq!(world.bob().decide(&one, "deny", "").status, 303);
    assert_eq!(world.bob().decide(&other, "approve", "").status, 303);
    world.gateway.kill();
    world.gateway.launch();
    assert!(world.gateway.upstream.called().is_empty());
    assert_ne!(world.asked(&taken), one, "what was taken back is asked anew");
    assert_eq!(world.call(&given).json()["result"]["content"][0]["text"], "ok");
    world.gateway.kill();
    world.gateway.launch();
    assert_ne!(world.asked(&given), other, "it was used");
    assert_eq!(world.gateway.upstream.called(), ["delete_customer"]);
}

/// What a second start says.
fn fails_to_start(gateway: &Gateway) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
    command.args(["serve", "gateway.yaml"]).current_dir(&gateway.directory).env("CRM_TOKEN", "x");
    let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
    let mut ended = None;
    for _ in 0..1000 {
        ended = child.try_wait().unwrap();
        if ended.is_some() {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    let _ = child.kill();
    let output = child.wait_with_output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(ended.is_some_and(|ended| !ended.success()), "it started: {told}");
    told
}

#[test]
fn a_file_that_is_altered_or_cut_short_confirms_nothing() {
    let mut world = World::new();
    let arguments = json!({ "id": 7 });
    let id = world.asked(&arguments);
    assert_eq!(world.bob().decide(&id, "approve", "").status, 303);
    // A step after it says that the decision is on disk.
    world.asked(&json!({ "id": 8 }));
    world.gateway.kill();
    let path = file(&world.gateway);
    let whole = std::fs::read(&path).unwrap();
    let ends = ends(&whole);
    let within = |line: usize| ends[line] + 100;
    let altered = |at: usize| {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        bytes
    };
    let without = |line: usize| [&whole[..ends[line]], &whole[ends[line + 1]..], &[0; 9]].concat();
    let again = [&whole[..ends[2]], &whole[ends[0]..ends[1]], &whole[ends[2]..]].concat();
    let damages: Vec<(&str, Vec<u8>)> = vec![
        ("cut between two lines", whole[..ends[2]].to_vec()),
        ("cut within the head", whole[..100].to_vec()),
        ("empty", Vec::new()),
        ("another file", b"SQLite format 3\0".repeat(4096)),
        ("its head is gone", cut(&whole, 0)),
        ("a bit of its head is another", altered(80)),
        ("a bit of the first step is another", altered(within(0))),
        ("a bit of the second step is another", altered(within(1))),
        ("a step is left out", without(1)),
        ("a step is put in once more", again),
    ];
    for (what, bytes) in damages {
        std::fs::write(&path, &bytes).unwrap();
        println!("{what}");
        let told = fails_to_start(&world.gateway);
        assert!(told.contains("confirmations.journal"), "{told}");
        assert!(world.gateway.upstream.called().is_empty(), "{what}");
    }
    std::fs::write(&path, &whole).unwrap();
    world.gateway.launch();
    assert_eq!(world.call(&arguments).json()["result"]["content"][0]["text"], "ok", "as it was");
    // Without the file nothing that clients hold is worth anything.
    world.gateway.kill();
    std::fs::remove_file(&path).unwrap();
    world.gateway.launch();
    let mut request = modern(
        &world.gateway.with_claims(json!({ "iss": world.issuer.url() })),
        "tools/call",
        &json!({ "name": "delete_customer", "arguments": arguments }),
    );
    let mut body: Value = serde_json::from_slice(&request.body).unwrap();
    body["params"]["_meta"]["portcullis/confirmation"] = id.into();
    request.body = body.to_string().into_bytes();
    let told = world.gateway.send(&request);
    assert!(told.json()["error"]["message"].as_str().unwrap().contains("no such confirmation"), "{told:?}");
    assert_eq!(world.gateway.upstream.called().len(), 1);
}

#[test]
fn a_directory_that_another_program_holds_confirms_nothing_until_it_is_free() {
    let world = World::new();
    let arguments = json!({ "id": 7 });
    let held = File::create(world.gateway.directory.join("audit/confirmations.lock")).unwrap();
    held.try_lock().unwrap();
    let told = world.call(&arguments);
    assert!(told.status == 503 && told.code() == -31503, "{told:?}");
    assert!(world.gateway.upstream.called().is_empty());
    drop(held);
    let id = world.asked(&arguments);
    let told = fails_to_start(&world.gateway);
    assert!(told.contains("confirmations.lock") || told.contains("audit"), "a second gateway: {told}");
    world.untouched(&id, &arguments);
}
