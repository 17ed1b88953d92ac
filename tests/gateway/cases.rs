//! Cases of a policy while the gateway runs: a policy that does not decide as they say does not take effect.
use crate::support::*;
use serde_json::json;

const CASES: &str = "cases:
  - name: readers find customers
    as: { sub: ann, scopes: [crm.read] }
    call: { tool: find_customer, args: { id: '1' } }
    expect: allow
";

fn find(gateway: &Gateway) -> Answer {
    gateway.call(&gateway.ann(), "tools/call", json!({"name":"find_customer","arguments":{"id":"1"}}))
}

fn problems(gateway: &Gateway, count: usize) {
    let line = format!("portcullis_configuration_problems {count}");
    wait(&line, || gateway.get_admin("/metrics").contains(&line));
}

#[test]
fn a_policy_whose_case_fails_is_refused_and_the_old_one_stays_in_force() {
    let gateway = Gateway::start();
    gateway.write_atomic("policies/crm.cases.yaml", CASES);
    gateway.policy(&TOOLS.replace("find_customer: { effect: read, scopes: [crm.read] }", "other: { effect: read }"));
    problems(&gateway, 1);
    let status = gateway.get_admin("/status");
    let told = "case `readers find customers` fails: expected allow; got deny tool_unknown";
    assert!(status.contains("\"file\":\"policies/crm.cases.yaml\",\"line\":2,\"column\":5"), "{status}");
    assert!(status.contains(told), "{status}");
    assert_eq!(find(&gateway).status, 200, "the old policy is in force");
    assert_eq!(gateway.upstream.seen().len(), 1);
    let rejected = |record: &serde_json::Value| record["kind"] == "reload" && record["outcome"] == "rejected";
    wait("the refusal is recorded", || gateway.records().iter().any(rejected));

    // A change of the cases alone is a change too: without them the new policy takes effect.
    gateway.write_atomic("policies/crm.cases.yaml", &CASES.replace("expect: allow", "expect: { deny: tool_unknown }"));
    problems(&gateway, 0);
    assert_eq!(find(&gateway).code(), -32602);
    // And a case that turns wrong refuses what is already in force, and leaves it there.
    gateway.write_atomic("policies/crm.cases.yaml", CASES);
    problems(&gateway, 1);
    assert_eq!(find(&gateway).code(), -32602);
    std::fs::remove_file(gateway.directory.join("policies/crm.cases.yaml")).unwrap();
    problems(&gateway, 0);
}

#[test]
fn a_failing_case_is_only_told_where_the_gateway_says_so() {
    let gateway = Gateway::with(TOOLS, "cases: { on_reload: warn }\n");
    gateway.write_atomic("policies/crm.cases.yaml", CASES);
    gateway.policy("tools:\n  other: { effect: read }\n");
    wait("the new policy is in force", || find(&gateway).code() == -32602);
    let told = "policies/crm.cases.yaml:2:5: warning P803: case `readers find customers` fails";
    wait("the failure is told", || std::fs::read_to_string(gateway.directory.join("stderr")).unwrap().contains(told));
}

#[test]
fn a_gateway_does_not_start_with_a_failing_case() {
    let mut gateway = Gateway::start();
    gateway.kill();
    gateway.write("policies/crm.cases.yaml", &CASES.replace("expect: allow", "expect: { deny: tool_unknown }"));
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_portcullis"))
        .args(["serve", "gateway.yaml"])
        .current_dir(&gateway.directory)
        .env("CRM_TOKEN", "the-gateways-own-secret")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("policies/crm.cases.yaml:2:5: error P802: case `readers find customers` fails"), "{text}");
}
