//! People who are asked too often say yes without reading: budget, quiet hours, pauses, one question for identical
//! calls, one approval for like ones. What counts is how many questions came, and what reached the server.
use crate::people::*;
use crate::support::*;
use serde_json::{Value, json};

const POLICY: &str = "roles:
  approvers: { claim: groups, any: [approvers] }
tools:
  update_customer: { effect: write, confirm: [approver] }
  note_customer: { effect: write, confirm: [approver], batch: { calls_max: 3, same: [id] } }
confirmations:
  approver: { roles: [approvers], separate: true }
";

struct World {
    gateway: Gateway,
    issuer: Issuer,
}

impl World {
    /// With this in the section `confirmations` besides.
    fn with(more: &str) -> Self {
        let (gateway, issuer) = (Gateway::with(&format!("{POLICY}{more}"), ""), Issuer::start());
        with_page(&gateway, &issuer);
        Self { gateway, issuer }
    }

    fn token(&self, subject: &str) -> String {
        self.gateway.with_claims(json!({ "iss": self.issuer.url(), "sub": subject }))
    }

    fn call(&self, subject: &str, tool: &str, arguments: Value) -> Answer {
        self.gateway.tool(&self.token(subject), tool, arguments)
    }

    fn decide(&self, id: &str, decision: &str, more: &str) {
        let mut browser = Browser::of(&self.gateway, &self.issuer, "bob", &["approvers"]);
        let answer = browser.decide(id, decision, more);
        assert_eq!(answer.status, 303, "{answer:?}");
    }

    /// Questions by the record.
    fn proposed(&self) -> usize {
        self.gateway.records().iter().filter(|record| record["confirmation"]["event"] == "proposed").count()
    }
}

/// The confirmation that an answer asks for.
fn asked(answer: &Answer) -> Option<String> {
    answer.json()["result"]["_meta"]["portcullis/confirmation"]["id"].as_str().map(str::to_owned)
}

fn done(answer: &Answer) -> bool {
    answer.json()["result"]["content"][0]["text"] == "ok"
}

#[test]
fn a_thousand_writes_at_once_are_no_more_questions_than_the_budget() {
    let world = World::with("  budget: { per: subject, prompts: 20/hour }\n");
    let call = |number: usize| world.call("ann", "update_customer", json!({ "id": number }));
    let hundred = |from: usize| (from..from + 100).map(call).collect::<Vec<_>>();
    let hundred = &hundred;
    let told: Vec<Answer> = std::thread::scope(|scope| {
        let agents: Vec<_> = (0..10).map(|agent| scope.spawn(move || hundred(agent * 100))).collect();
        agents.into_iter().flat_map(|agent| agent.join().unwrap()).collect()
    });
    assert_eq!(told.iter().filter(|answer| asked(answer).is_some()).count(), 20);
    let others: Vec<&Answer> = told.iter().filter(|answer| asked(answer).is_none()).collect();
    assert!(others.len() == 980 && others.iter().all(|answer| answer.status == 429), "{:?}", others[0]);
    assert!(others.iter().all(|answer| answer.header("retry-after").is_some()));
    assert_eq!(world.proposed(), 20);
    assert!(asked(&world.call("eve", "update_customer", json!({ "id": 1 }))).is_some(), "others are not held up");
    assert!(world.gateway.upstream.called().is_empty());
}

#[test]
fn identical_calls_that_wait_are_one_question_and_one_execution() {
    let world = World::with("  budget: { per: subject, prompts: 1/hour }\n");
    let all = |world: &World| -> Vec<Answer> {
        std::thread::scope(|scope| {
            let call = || world.call("ann", "update_customer", json!({ "id": 7 }));
            let calls: Vec<_> = (0..50).map(|_| scope.spawn(call)).collect();
            calls.into_iter().map(|call| call.join().unwrap()).collect()
        })
    };
    let told = all(&world);
    let first = asked(&told[0]).unwrap_or_else(|| panic!("{:?}", told[0]));
    assert!(told.iter().all(|answer| asked(answer).as_deref() == Some(&first)), "one question");
    assert_eq!(world.proposed(), 1);
    world.decide(&first, "approve", "");
    let told = all(&world);
    assert_eq!(told.iter().filter(|answer| done(answer)).count(), 1);
    assert_eq!(world.gateway.upstream.called().len(), 1);
    // The others came when it was used: they would be asked about anew, and the budget is used up too.
    assert!(told.iter().filter(|answer| !done(answer)).all(|answer| asked(answer).is_none()));
}

#[test]
fn at_quiet_hours_nobody_is_asked() {
    let minute = |ahead: i64| {
        let minutes = (i64::try_from(now()).unwrap() / 60 + ahead).rem_euclid(1440);
        format!("{:02}:{:02}", minutes / 60, minutes % 60)
    };
    let world = World::with(&format!("  quiet_hours: '{}-{}'\n", minute(-60), minute(60)));
    let told = world.call("ann", "update_customer", json!({ "id": 7 }));
    assert!(told.json()["error"]["message"].as_str().unwrap().contains("at this hour"), "{told:?}");
    assert_eq!(world.proposed(), 0);
    let before = applied(&world.gateway);
    world.gateway.policy(&format!("{POLICY}  quiet_hours: '{}-{}'\n", minute(60), minute(120)));
    wait("other hours are quiet", || applied(&world.gateway) > before);
    assert!(asked(&world.call("ann", "update_customer", json!({ "id": 7 }))).is_some());
    assert!(world.gateway.upstream.called().is_empty());
}

#[test]
fn denials_make_a_pause_for_whoever_was_denied_also_across_a_restart() {
    let mut world = World::with("  cool_down: { denials: 2, pause: 10s }\n");
    for number in 0..2 {
        let told = world.call("ann", "update_customer", json!({ "id": number }));
        world.decide(&asked(&told).unwrap_or_else(|| panic!("{told:?}")), "deny", "");
    }
    let paused = |world: &World| {
        let told = world.call("ann", "update_customer", json!({ "id": 3 }));
        assert!(told.status == 429 && told.header("retry-after").is_some(), "{told:?}");
        assert!(told.json()["error"]["message"].as_str().unwrap().contains("Calls were denied"), "{told:?}");
        told.header("retry-after").unwrap().parse::<u64>().unwrap()
    };
    paused(&world);
    assert!(asked(&world.call("eve", "update_customer", json!({ "id": 3 }))).is_some(), "somebody else");
    world.gateway.kill();
    world.gateway.launch();
    let left = paused(&world);
    assert!((1..=10).contains(&left), "{left}");
    std::thread::sleep(std::time::Duration::from_secs(left));
    assert!(asked(&world.call("ann", "update_customer", json!({ "id": 3 }))).is_some(), "as told");
    assert!(world.gateway.upstream.called().is_empty());
}

#[test]
fn one_approval_for_like_calls_is_for_as_many_as_were_shown_and_no_others() {
    let mut world = World::with("");
    let note = |world: &World, who: &str, id: u64, text: &str| {
        world.call(who, "note_customer", json!({ "id": id, "text": text }))
    };
    let first = asked(&note(&world, "ann", 7, "a")).unwrap();
    let other = asked(&note(&world, "ann", 8, "z")).unwrap();
    // More than the policy allows is as many as it allows.
    world.decide(&first, "approve", "&calls=100");
    world.decide(&other, "approve", "&calls=0");
    assert!(done(&note(&world, "ann", 7, "a")));
    assert!(done(&note(&world, "ann", 7, "b")));
    assert!(asked(&note(&world, "eve", 7, "c")).is_some(), "somebody else's call");
    assert!(asked(&note(&world, "ann", 9, "c")).is_some(), "an unlike call");
    let client = world.gateway.with_claims(json!({ "iss": world.issuer.url(), "client_id": "other" }));
    let by_other = world.gateway.tool(&client, "note_customer", json!({ "id": 7, "text": "c" }));
    assert!(asked(&by_other).is_some(), "another client's call");
    assert!(asked(&world.call("ann", "update_customer", json!({ "id": 7 }))).is_some(), "another tool");
    let recorded = |world: &World, times: usize| {
        let by = |record: &Value| record["confirmation"]["by"] == format!("batch {first}");
        let decided = |record: &&Value| by(record) && record["confirmation"]["event"] == "decided";
        wait("each has its own records", || world.gateway.records().iter().filter(decided).count() == times);
    };
    recorded(&world, 1);
    world.gateway.kill();
    world.gateway.launch();
    assert!(done(&note(&world, "ann", 7, "c")), "still one after a restart");
    assert!(asked(&note(&world, "ann", 7, "d")).is_some(), "and no more");
    assert!(done(&note(&world, "ann", 8, "z")), "one was for one");
    assert!(asked(&note(&world, "ann", 8, "y")).is_some());
    recorded(&world, 2);
    assert_eq!(world.gateway.upstream.called().len(), 4);
}

#[test]
fn of_like_calls_raced_no_more_go_through_than_were_approved() {
    let world = World::with("");
    let first = asked(&world.call("ann", "note_customer", json!({ "id": 7, "text": "0" }))).unwrap();
    world.decide(&first, "approve", "&calls=3");
    let call = |number: usize| world.call("ann", "note_customer", json!({ "id": 7, "text": number.to_string() }));
    let call = &call;
    let told: Vec<Answer> = std::thread::scope(|scope| {
        let calls: Vec<_> = (1..=40).map(|number| scope.spawn(move || call(number))).collect();
        calls.into_iter().map(|call| call.join().unwrap()).collect()
    });
    assert_eq!(told.iter().filter(|answer| done(answer)).count(), 2);
    assert_eq!(world.gateway.upstream.called().len(), 2, "the third is the one that was shown");
}

#[test]
fn an_approval_taken_back_is_none() {
    let world = World::with("");
    let arguments = json!({ "id": 7, "text": "a" });
    let id = asked(&world.call("ann", "note_customer", arguments.clone())).unwrap();
    world.decide(&id, "approve", "&calls=3");
    world.decide(&id, "deny", "");
    let handle = json!({ "name": "note_customer", "arguments": arguments, "_meta": {} });
    let mut request = modern(&world.token("ann"), "tools/call", &handle);
    let mut body: Value = serde_json::from_slice(&request.body).unwrap();
    body["params"]["_meta"]["portcullis/confirmation"] = id.clone().into();
    request.body = body.to_string().into_bytes();
    let told = world.gateway.send(&request);
    assert!(told.json()["error"]["message"].as_str().unwrap().contains("did not confirm"), "{told:?}");
    assert!(
        asked(&world.call("ann", "note_customer", json!({ "id": 7, "text": "b" }))).is_some(),
        "nor for like calls"
    );
    assert!(world.gateway.upstream.called().is_empty());
    wait("it is in the evidence", || {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_portcullis"))
            .args(["evidence", "audit", &id])
            .current_dir(&world.gateway.directory)
            .output()
            .unwrap();
        output.status.success() && String::from_utf8_lossy(&output.stdout).contains("taken back before it was used")
    });
}
