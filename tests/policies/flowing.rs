//! `sensitivity`, `untrusted`, `output`, `flow` and `links`: what comes of them, and what is told of the rest.
use super::compiled::{compiled, nothing, told};
use portcullis::kernel::confirm::machine::Mode;
use portcullis::kernel::flow::data::Data;
use portcullis::kernel::flow::{Remember, Then};
use portcullis::kernel::policy::source::{Hint, LinksThen};
use serde_json::{Value, json};
use std::sync::Arc;

/// A tool with this over what it says.
fn tool(effect: &str, more: &Value) -> Value {
    let mut tool = json!({ "effect": effect, "scopes": ["x"], "when": "args.to == 'ann'" });
    for (field, value) in more.as_object().unwrap() {
        tool[field] = value.clone();
    }
    tool
}

/// What is told of a tool.
fn told_of(effect: &str, more: &Value) -> Vec<String> {
    told(&json!({ "tools": { "a": tool(effect, more) } }))
}

#[test]
fn a_rule_says_what_its_data_is_or_nothing() {
    let server = |marks: &Value| {
        compiled(
            &json!({ "tools": { "a": tool("read", marks) }, "prompts": { "p": marks }, "resources": { "crm://x": marks } }),
        )
    };
    let data =
        |marks: &Value| -> Vec<Option<Arc<Data>>> { server(marks).rules().map(|rule| rule.data.clone()).collect() };
    assert_eq!(data(&json!({})), [None, None, None]);
    for (marks, sensitivity, untrusted) in [
        (json!({ "sensitivity": "customer" }), Some("customer"), false),
        (json!({ "untrusted": true }), None, true),
        (json!({ "sensitivity": "customer", "untrusted": true }), Some("customer"), true),
    ] {
        for data in data(&marks) {
            let data = data.unwrap();
            assert_eq!((data.sensitivity.as_deref(), data.untrusted), (sensitivity, untrusted), "{marks}");
            assert!(data.output.is_none() && data.hints.is_empty());
        }
    }
    let of_tool = |more: &Value| {
        let server = compiled(&json!({ "tools": { "a": tool("read", more) } }));
        server.tools.find("a").unwrap().data.clone().unwrap()
    };
    assert_eq!(of_tool(&json!({ "hints": ["region"] })).hints, [Hint::Region]);
    for (text, kept) in [("keep", true), ("drop", false)] {
        let output = of_tool(&json!({ "output": { "fields": ["/a/b"], "text": text } })).output.clone().unwrap();
        assert_eq!((output.paths, output.keep_text), (vec![vec!["a".to_owned(), "b".to_owned()]], kept));
    }
}

#[test]
fn a_sensitivity_is_a_word_of_up_to_40_characters() {
    for word in ["a", "a_b-C1", &"x".repeat(40)] {
        assert_eq!(told_of("read", &json!({ "sensitivity": word })), nothing(), "{word}");
    }
    for word in ["", "very secret", "\u{e4}", &"x".repeat(41)] {
        assert_eq!(told_of("read", &json!({ "sensitivity": word })), ["P990 /tools/a/sensitivity"], "{word}");
    }
}

#[test]
fn a_tool_that_sends_out_and_is_a_source_is_told() {
    assert_eq!(told_of("egress", &json!({ "sensitivity": "mail" })), ["P996 /tools/a/sensitivity"]);
    assert_eq!(told_of("egress", &json!({})), nothing());
    assert_eq!(told_of("read", &json!({ "sensitivity": "mail" })), nothing());
}

#[test]
fn what_goes_on_is_named_by_json_pointers() {
    let told = |fields: Value| told_of("read", &json!({ "output": { "fields": fields } }));
    assert_eq!(told(json!(["/a", "/b/*/c"])), nothing());
    assert_eq!(told(json!([])), ["P994 /tools/a/output/fields"]);
    assert_eq!(told(json!(["/a", "b"])), ["P994 /tools/a/output/fields/1"]);
}

#[test]
fn the_terms_of_flow_come_out_as_they_are_written() {
    let flow = |source: Value| compiled(&json!({ "flow": source })).flow;
    for plain in [compiled(&json!({})).flow, flow(json!({}))] {
        assert_eq!((plain.remember, plain.seconds, plain.at_least), (Remember::Subject, 3600, 24));
        assert_eq!((plain.then, plain.after_untrusted), (Then::Confirm, Then::Confirm));
        assert!(plain.ways.is_empty() && plain.ignore.is_empty());
    }
    let all = flow(json!({
        "remember": "session", "for": "2h", "at_least": 40, "then": "refuse", "after_untrusted": "allow",
        "confirm": ["approver"], "ignore": ["Terms apply."],
    }));
    assert_eq!((all.remember, all.seconds, all.at_least), (Remember::Session, 7200, 40));
    assert_eq!((all.then, all.after_untrusted), (Then::Refuse, Then::Allow));
    assert_eq!((all.ways, all.ignore), (vec![Mode::Approver], vec!["Terms apply.".to_owned()]));
}

#[test]
fn what_is_remembered_has_bounds() {
    let told = |flow: Value| told(&json!({ "flow": flow, "tools": { "a": tool("egress", &json!({})) } }));
    for time in ["1s", "23h", "24h"] {
        assert_eq!(told(json!({ "for": time })), nothing(), "{time}");
    }
    for time in ["86401s", "48h"] {
        assert_eq!(told(json!({ "for": time })), ["P991 /flow/for"], "{time}");
    }
    for size in [16, 24, 256] {
        assert_eq!(told(json!({ "at_least": size })), nothing(), "{size}");
    }
    for size in [0, 15, 257] {
        assert_eq!(told(json!({ "at_least": size })), ["P991 /flow/at_least"], "{size}");
    }
    let ignore = |size: usize| told(json!({ "ignore": ["x".repeat(size - 10), "y".repeat(10)] }));
    for size in [100, 16 * 1024] {
        assert_eq!(ignore(size), nothing(), "{size}");
    }
    for size in [16 * 1024 + 1, 17 * 1024] {
        assert_eq!(ignore(size), ["P991 /flow/ignore"], "{size}");
    }
}

#[test]
fn the_prompt_of_a_client_does_not_do_for_what_leaves() {
    let told =
        |ways: Value| told(&json!({ "flow": { "confirm": ways }, "tools": { "a": tool("egress", &json!({})) } }));
    assert_eq!(told(json!(["elicit", "approver", "code"])), nothing());
    assert_eq!(told(json!(["elicit", "host"])), ["P992 /flow/confirm/1"]);
}

#[test]
fn terms_of_flow_that_are_about_nothing_are_told() {
    let told = |effect: &str, more: &Value, flow: bool| {
        let mut source = json!({ "tools": { "a": tool(effect, more) } });
        if flow {
            source["flow"] = json!({});
        }
        told(&source)
    };
    assert_eq!(told("read", &json!({}), true), ["P993 /flow"]);
    assert_eq!(told("read", &json!({}), false), nothing());
    assert_eq!(told("egress", &json!({}), true), nothing());
    assert_eq!(told("read", &json!({ "untrusted": true }), true), nothing());
}

#[test]
fn links_lead_to_the_places_that_are_written() {
    let links = |source: Value| compiled(&json!({ "links": source })).links.unwrap();
    assert!(compiled(&json!({})).links.is_none());
    let plain = links(json!({}));
    assert_eq!((plain.places.len(), plain.then, plain.arguments), (0, LinksThen::Defuse, Then::Refuse));
    let all = links(json!({ "allow": ["https://www.example.com/"], "then": "keep", "arguments": "allow" }));
    assert_eq!((all.places.len(), all.then, all.arguments), (1, LinksThen::Keep, Then::Allow));
    assert!(!all.leads_out("https://www.example.com/a") && all.leads_out("https://elsewhere.example/"));
    assert_eq!(told(&json!({ "links": { "allow": ["https://a.example/", "a.example"] } })), ["P995 /links/allow/1"]);
}
