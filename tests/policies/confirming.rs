//! `confirm`, `preview`, `batch` and `confirmations`: what comes of them, and what is told of the rest.
use super::compiled::{compiled, nothing, told};
use portcullis::kernel::confirm::machine::Mode;
use portcullis::kernel::confirm::pace::{Budget, CoolDown};
use portcullis::kernel::policy::compile::confirm::{Batch, Confirm, Preview, place};
use portcullis::kernel::policy::source::{Effect, Per};
use serde_json::{Value, json};
use std::sync::Arc;

/// A tool that needs a scope, with this over what it says.
fn tool(effect: &str, more: Value) -> Value {
    let mut tool = json!({ "effect": effect, "scopes": ["x"] });
    for (field, value) in more.as_object().unwrap() {
        tool[field] = value.clone();
    }
    tool
}

/// What calls of a tool need.
fn confirm(effect: &str, more: Value) -> Option<Arc<Confirm>> {
    confirm_by(json!({}), effect, more)
}

fn confirm_by(defaults: Value, effect: &str, more: Value) -> Option<Arc<Confirm>> {
    let server = compiled(&json!({ "defaults": { "confirm": defaults }, "tools": {
        "a": tool(effect, more), "look": { "effect": "read" } }, "confirmations": {
        "approver": { "roles": ["boss"] }, "host": { "clients": ["app"] } }, "roles": {
        "boss": { "claim": "groups", "any": ["boss"] } } }));
    server.tools.find("a").unwrap().confirm.clone()
}

/// What is told of a tool, with terms for every way of asking.
fn told_of(effect: &str, more: Value) -> Vec<String> {
    told(&json!({
        "roles": { "boss": { "claim": "groups", "any": ["boss"] } },
        "confirmations": { "approver": { "roles": ["boss"] }, "host": { "clients": ["app"] } },
        "tools": {
            "a": tool(effect, more), "look": { "effect": "read" },
            "z": tool("write", json!({ "confirm": ["elicit"] })),
        },
    }))
}

#[test]
fn a_tool_asks_in_the_ways_of_its_rule_or_of_its_effect() {
    let ways = |confirm: Option<Arc<Confirm>>| confirm.map(|confirm| confirm.ways.clone());
    let two = confirm("write", json!({ "confirm": ["elicit", "approver"] })).unwrap();
    assert_eq!(
        (two.words().as_str(), &two.preview, two.recheck, &two.batch),
        ("elicit, else approver", &None, false, &None)
    );
    let defaults = || json!({ "write": ["code"], "destructive": ["approver"], "egress": ["host"] });
    for (effect, mode) in [("write", Mode::Code), ("destructive", Mode::Approver), ("egress", Mode::Host)] {
        assert_eq!(ways(confirm_by(defaults(), effect, json!({}))), Some(vec![mode]), "{effect}");
        let own = json!({ "confirm": ["elicit"] });
        assert_eq!(ways(confirm_by(defaults(), effect, own)), Some(vec![Mode::Elicit]), "{effect}");
    }
    assert_eq!(ways(confirm_by(defaults(), "read", json!({}))), None);
    assert_eq!(ways(confirm("write", json!({}))), None);
    assert_eq!(ways(confirm("write", json!({ "confirm": [] }))), None);
    // What the call would do is kept also where nobody is asked.
    assert_eq!(ways(confirm("write", json!({ "preview": { "argument": "dry_run" } }))), Some(Vec::new()));
}

#[test]
fn a_preview_is_one_of_three() {
    let preview = |source: Value| {
        let confirm = confirm("write", json!({ "preview": source })).unwrap();
        (confirm.preview.clone().unwrap(), confirm.recheck)
    };
    assert_eq!(preview(json!({ "argument": "dry_run" })), (Preview::Argument("dry_run".to_owned()), true));
    assert_eq!(
        preview(json!({ "template": "Moves {n}", "recheck": false })),
        (Preview::Template("Moves {n}".to_owned()), false)
    );
    let pair = |a: &str, b: &str| vec![(a.to_owned(), b.to_owned())];
    let (arguments, diff) = (pair("id", "customer.id"), pair("address.city", "city"));
    assert_eq!(
        preview(json!({ "tool": "look", "arguments": { "id": "customer.id" }, "diff": { "address.city": "city" } })).0,
        Preview::Tool { name: "look".to_owned(), arguments, diff }
    );
    for wrong in [
        json!({}),
        json!({ "argument": "a", "template": "b" }),
        json!({ "argument": "a", "tool": "look" }),
        json!({ "argument": "a", "arguments": { "id": "id" } }),
        json!({ "argument": "a", "diff": { "id": "id" } }),
        json!({ "template": "a", "arguments": { "id": "id" } }),
        json!({ "template": "a", "diff": { "id": "id" } }),
    ] {
        assert_eq!(told_of("write", json!({ "preview": wrong })), ["P984 /tools/a/preview"], "{wrong}");
    }
}

#[test]
fn a_preview_is_of_a_tool_that_reads() {
    let told = |name: &str| told_of("write", json!({ "preview": { "tool": name } }));
    assert_eq!(told("look"), nothing());
    assert_eq!(told("z"), ["P984 /tools/a/preview/tool"], "it writes");
    assert_eq!(told("gone"), ["P984 /tools/a/preview/tool"]);
}

#[test]
fn several_calls_are_approved_at_once_only_by_an_approver() {
    let batch = |calls: u32| json!({ "calls_max": calls, "same": ["region"] });
    let of = |ways: Value, calls: u32| json!({ "confirm": ways, "batch": batch(calls) });
    let compiled = confirm("write", of(json!(["approver"]), 2)).unwrap();
    assert_eq!(compiled.batch, Some(Batch { calls_max: 2, same: vec!["region".to_owned()] }));
    assert_eq!(told_of("write", of(json!(["elicit", "approver"]), 2)), nothing());
    assert_eq!(told_of("write", of(json!(["elicit"]), 2)), ["P985 /tools/a/batch"]);
    for calls in [0, 1] {
        assert_eq!(told_of("write", of(json!(["approver"]), calls)), ["P985 /tools/a/batch/calls_max"]);
    }
}

#[test]
fn how_people_are_asked_comes_out_as_it_is_written() {
    let with = |confirmations: Value| {
        compiled(&json!({
            "roles": { "boss": { "claim": "groups", "any": ["boss"] } },
            "tools": { "z": tool("write", json!({ "confirm": ["elicit"] })) },
            "confirmations": confirmations,
        }))
        .confirmations
    };
    let seconds = |confirmations: Value| {
        let confirmations = with(confirmations);
        [Mode::Approver, Mode::Elicit, Mode::Code, Mode::Host].map(|mode| confirmations.seconds(mode))
    };
    assert_eq!(seconds(json!({})), [600, 300, 300, 300]);
    let terms = |text: &str| json!({ "expires": text });
    let all = json!({ "approver": terms("1h"), "elicit": terms("2m"), "code": terms("3m") });
    assert_eq!(seconds(all), [3600, 120, 180, 120]);
    let all = with(json!({
        "approver": { "roles": ["boss"] }, "host": { "clients": ["app"] }, "hide": ["card"], "quiet_hours": "22:00-06:30",
        "budget": { "per": "client", "prompts": "20/hour" }, "cool_down": { "denials": 3, "pause": "15m" },
    }));
    assert_eq!(all.roles.iter().map(|role| role.name.as_str()).collect::<Vec<_>>(), ["boss"]);
    assert_eq!((all.hosts, all.hidden), (vec!["app".to_owned()], vec!["card".to_owned()]));
    assert_eq!(all.pace.budget, Some(Budget { per: Per::Client, prompts: 20, seconds: 3600 }));
    assert_eq!(all.pace.cool_down, Some(CoolDown { denials: 3, seconds: 900 }));
    assert_eq!(all.pace.quiet, Some((1320, 390)));
    let none = with(json!({})).pace;
    assert_eq!((none.budget, none.cool_down, none.quiet), (None, None, None));
}

#[test]
fn whoever_asks_for_what_cannot_be_undone_does_not_approve_it_unless_the_policy_says_so() {
    let separate = |separate: Value| {
        let confirmations = compiled(&json!({
            "roles": { "boss": { "claim": "groups", "any": ["boss"] } },
            "tools": { "z": tool("write", json!({ "confirm": ["approver"] })) },
            "confirmations": { "approver": { "roles": ["boss"], "separate": separate } },
        }))
        .confirmations;
        [Effect::Destructive, Effect::Write, Effect::Egress].map(|effect| confirmations.is_separate(effect))
    };
    assert_eq!(separate(Value::Null), [true, false, false]);
    assert_eq!(separate(json!(true)), [true; 3]);
    assert_eq!(separate(json!(false)), [false; 3]);
}

#[test]
fn a_way_of_asking_that_can_reach_nobody_is_told() {
    let told = |way: &str, confirmations: Value| {
        told(&json!({
            "roles": { "boss": { "claim": "groups", "any": ["boss"] } },
            "tools": { "a": tool("write", json!({ "confirm": [way] })), "b": { "effect": "read", "roles": ["boss"] } },
            "confirmations": confirmations,
        }))
    };
    let (roles, clients) = (json!({ "approver": { "roles": ["boss"] } }), json!({ "host": { "clients": ["app"] } }));
    assert_eq!(told("approver", roles.clone()), nothing());
    assert_eq!(told("approver", clients.clone()), ["P980 /tools/a/confirm"]);
    assert_eq!(told("host", clients), nothing());
    assert_eq!(told("host", roles), ["P981 /tools/a/confirm"]);
    assert_eq!(told("elicit", json!({})), nothing());
}

#[test]
fn a_tool_that_asks_without_need_or_twice_is_told() {
    assert_eq!(told_of("read", json!({ "confirm": ["elicit"] })), ["P982 /tools/a/confirm"]);
    assert_eq!(told_of("read", json!({ "preview": { "template": "Reads." } })), nothing());
    assert_eq!(told_of("write", json!({ "confirm": ["elicit", "approver", "host"] })), nothing());
    for twice in [json!(["elicit", "elicit"]), json!(["elicit", "approver", "elicit"])] {
        assert_eq!(told_of("write", json!({ "confirm": twice })), ["P983 /tools/a/confirm"]);
    }
}

#[test]
fn a_tool_that_cannot_be_undone_is_told_where_others_ask_and_it_does_not() {
    let told = |tools: Value| told(&json!({ "tools": tools }));
    let asks = || json!({ "confirm": ["elicit"] });
    let previews = || json!({ "preview": { "template": "Purges." } });
    for forgotten in [json!({}), previews()] {
        let tools = json!({ "a": tool("destructive", forgotten.clone()), "b": tool("write", asks()) });
        assert_eq!(told(tools), ["P986 /tools/a"]);
        assert_eq!(told(json!({ "a": tool("destructive", forgotten) })), nothing(), "nobody is ever asked");
    }
    assert_eq!(told(json!({ "a": tool("destructive", asks()), "b": tool("write", json!({})) })), nothing());
}

#[test]
fn terms_of_asking_that_nobody_needs_are_told() {
    let with = |more: Value| told(&json!({ "confirmations": {}, "tools": { "a": tool("write", more) } }));
    assert_eq!(with(json!({ "confirm": ["elicit"] })), nothing());
    assert_eq!(with(json!({})), ["P987 /confirmations"]);
    assert_eq!(with(json!({ "preview": { "template": "Writes." } })), ["P987 /confirmations"]);
    assert_eq!(told(&json!({ "tools": { "a": tool("write", json!({})) } })), nothing());
}

#[test]
fn how_often_people_are_asked_has_bounds() {
    let told = |confirmations: Value| {
        told(&json!({
            "tools": { "z": tool("write", json!({ "confirm": ["elicit"] })) }, "confirmations": confirmations,
        }))
    };
    let budget = |prompts: &str| told(json!({ "budget": { "per": "subject", "prompts": prompts } }));
    for prompts in ["1/s", "9999/hour", "10000/hour"] {
        assert_eq!(budget(prompts), nothing(), "{prompts}");
    }
    for prompts in ["10001/hour", "20000/hour", "often"] {
        assert_eq!(budget(prompts), ["P401 /confirmations/budget/prompts"], "{prompts}");
    }
    let pause = |denials: u32, pause: &str| told(json!({ "cool_down": { "denials": denials, "pause": pause } }));
    assert_eq!(pause(1, "15m"), nothing());
    assert_eq!(pause(0, "15m"), ["P405 /confirmations/cool_down/denials"]);
    assert_eq!(pause(1, "1ms"), ["P402 /confirmations/cool_down/pause"]);
    assert_eq!(told(json!({ "quiet_hours": "22:00-06:00" })), nothing());
    assert_eq!(told(json!({ "quiet_hours": "at night" })), ["P988 /confirmations/quiet_hours"]);
    assert_eq!(told(json!({ "elicit": { "expires": "soon" } })), ["P402 /confirmations/elicit/expires"]);
}

#[test]
fn where_a_tool_says_how_it_is_confirmed_is_a_json_pointer() {
    assert_eq!(place("find"), "/tools/find/confirm");
    assert_eq!(place("a/b"), "/tools/a~1b/confirm");
}
