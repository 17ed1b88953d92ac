//! `redact` and `data_types`: what comes of them, and what is told of the rest.
use super::compiled::{caller, compiled, nothing, told};
use portcullis::kernel::mcp::decode::Target;
use portcullis::kernel::policy::compile::redact::{Redact, Redaction};
use portcullis::kernel::policy::source::{Direction, RedactAction};
use portcullis::kernel::redact::{Edit, Group, Kind};
use serde_json::{Value, json};

fn source(redact: Value, types: Value) -> Value {
    json!({
        "roles": { "boss": { "claim": "groups", "any": ["boss"] } },
        "tools": { "find": { "effect": "read", "roles": ["boss"] }, "list": { "effect": "read" } },
        "redact": redact, "data_types": types,
    })
}

fn redaction(redact: Value, types: Value) -> Redaction {
    compiled(&source(redact, types)).redaction.unwrap()
}

/// One entry.
fn entry(more: Value) -> Redact {
    let mut redact = json!({ "types": ["email"], "action": "replace" });
    for (field, value) in more.as_object().unwrap() {
        redact[field] = value.clone();
    }
    redaction(json!([redact]), json!({})).rules.remove(0)
}

/// What is told of entries.
fn told_of(redact: Value) -> Vec<String> {
    told(&source(redact, json!({})))
}

#[test]
fn an_entry_comes_out_as_it_is_written() {
    assert!(compiled(&source(json!([]), json!({}))).redaction.is_none());
    let plain = entry(json!({}));
    assert_eq!(
        (plain.kinds.as_slice(), plain.direction, plain.action),
        (&[Kind::Email][..], None, RedactAction::Replace)
    );
    assert!(plain.tools.is_none() && plain.unless.is_none() && plain.reveal.is_none());
    assert_eq!((plain.expires, plain.position.file.as_str()), (86_400, "/redact/0"));
    let token = entry(json!({
        "action": "tokenise", "direction": "results", "tools": ["find"], "expires": "15m",
        "unless": { "scopes": ["raw"] }, "reveal": { "roles": ["boss"] },
    }));
    assert_eq!((token.direction, token.action, token.expires), (Some(Direction::Results), RedactAction::Tokenise, 900));
    assert_eq!(token.tools.unwrap().iter().map(ToString::to_string).collect::<Vec<_>>(), ["find"]);
    assert_eq!(token.unless.unwrap().scopes.iter().map(|scope| scope.name.as_str()).collect::<Vec<_>>(), ["raw"]);
    assert_eq!(token.reveal.unwrap().roles.iter().map(|role| role.name.as_str()).collect::<Vec<_>>(), ["boss"]);
    assert!(format!("{:?}", redaction(json!([{ "types": ["email"], "action": "mask" }]), json!({}))).contains("Mask"));
}

#[test]
fn an_entry_is_about_its_direction_its_tools_and_all_callers_but_some() {
    let (ann, tool) = (caller(json!({})), |name: &str| Target::Tool(name.to_owned()));
    let concerns = |more: Value, direction, target: &Target| entry(more).concerns(direction, Some(target), &ann);
    let both = [Direction::Arguments, Direction::Results];
    for direction in both {
        assert!(concerns(json!({}), direction, &tool("find")));
        assert!(concerns(json!({}), direction, &Target::None));
        assert!(concerns(json!({ "tools": ["find"] }), direction, &tool("find")));
        assert!(!concerns(json!({ "tools": ["find"] }), direction, &tool("list")));
        assert!(!concerns(json!({ "tools": ["find"] }), direction, &Target::None));
    }
    assert_eq!(both.map(|way| concerns(json!({ "direction": "results" }), way, &tool("find"))), [false, true]);
    assert_eq!(both.map(|way| concerns(json!({ "direction": "arguments" }), way, &tool("find"))), [true, false]);
    // Ann has the scope `crm.read` and no role.
    for (unless, concerned) in [
        (json!({ "scopes": ["crm.read"] }), false),
        (json!({ "scopes": ["crm.read", "crm.raw"] }), true),
        (json!({ "roles": ["boss"] }), true),
        (json!({ "scopes": ["crm.read"], "roles": ["boss"] }), true),
    ] {
        let told = concerns(json!({ "unless": unless }), Direction::Results, &tool("find"));
        assert_eq!(told, concerned, "{unless}");
    }
}

#[test]
fn some_callers_have_all_of_the_scopes_and_one_of_the_roles() {
    let have = |callers: Value, groups: Value| {
        entry(json!({ "unless": callers })).unless.unwrap().have(&caller(json!({ "groups": groups })))
    };
    let boss = || json!(["boss"]);
    assert!(have(json!({ "roles": ["boss"] }), boss()));
    assert!(!have(json!({ "roles": ["boss"] }), json!([])));
    assert!(have(json!({ "scopes": ["crm.read"] }), json!([])));
    assert!(!have(json!({ "scopes": ["crm.raw"] }), boss()));
    assert!(have(json!({ "scopes": ["crm.read"], "roles": ["boss"] }), boss()));
    assert!(!have(json!({ "scopes": ["crm.raw"], "roles": ["boss"] }), boss()));
}

#[test]
fn a_name_stands_for_a_type_a_group_or_a_type_of_ones_own() {
    let types = || json!({ "badge": { "words": ["b"], "group": "contact" }, "other": { "words": ["o"] } });
    let kinds = |name: &str| {
        let redact = json!([{ "types": [name], "action": "mask" }, { "types": ["badge", "other"], "action": "mask" }]);
        redaction(redact, types()).rules.remove(0).kinds
    };
    assert_eq!(kinds("phone"), [Kind::Phone]);
    assert_eq!(kinds("badge"), [Kind::Own(0)]);
    assert_eq!(kinds("OTHER"), [Kind::Own(1)]);
    let built_in = |group| Kind::ALL.iter().copied().filter(move |kind| kind.group() == Some(group));
    let contact: Vec<Kind> = built_in(Group::Contact).chain([Kind::Own(0)]).collect();
    assert!(contact.contains(&Kind::Email) && !contact.contains(&Kind::Iban));
    assert_eq!(kinds("contact"), contact);
    assert_eq!(kinds("pci"), built_in(Group::Pci).collect::<Vec<_>>());
    assert_eq!(told_of(json!([{ "types": ["email", "mail"], "action": "mask" }])), ["P216 /redact/0/types/1"]);
    assert_eq!(told_of(json!([{ "types": [], "action": "mask" }])), ["P216 /redact/0/types"]);
}

#[test]
fn a_type_of_ones_own_finds_what_its_rule_says() {
    let found = |rule: Value, text: Value| {
        let redaction = redaction(json!([{ "types": ["own"], "action": "mask" }]), json!({ "own": rule }));
        assert_eq!(redaction.engine.name(Kind::Own(0)), "OWN");
        let mut found = 0;
        redaction.engine.rewrite_wire(&text.to_string(), |finding| {
            found += usize::from(finding.kind == Kind::Own(0));
            Edit::Keep
        });
        found
    };
    assert_eq!(found(json!({ "pattern": "E-[0-9]{3}" }), json!({ "id": "E-123 and E-12" })), 1);
    assert_eq!(found(json!({ "words": ["Falcon", " "] }), json!({ "id": "project falcon" })), 1);
    let path = || json!({ "path": "/customer/a~1b" });
    assert_eq!(found(path(), json!({ "customer": { "a/b": "anything" } })), 1);
    assert_eq!(found(path(), json!({ "customer": { "b": "anything" } })), 0);
}

#[test]
fn a_type_of_ones_own_has_a_name_and_one_rule() {
    let told = |name: &str, rule: Value| {
        told(&source(json!([{ "types": [name], "action": "mask" }]), json!({ name: rule })))
            .into_iter()
            .filter(|flaw| flaw.starts_with("P217 "))
            .collect::<Vec<_>>()
    };
    let words = || json!({ "words": ["w"] });
    for name in ["a", "a_1", "_", &"x".repeat(64)] {
        assert_eq!(told(name, words()), nothing(), "{name}");
    }
    for name in ["", "a b", "\u{e4}", "pci", "EMAIL", &"x".repeat(65)] {
        assert_eq!(told(name, words()), [format!("P217 /data_types/{name}")], "{name}");
    }
    for (rule, place) in [
        (json!({}), ""),
        (json!({ "words": ["w"], "path": "/a" }), ""),
        (json!({ "pattern": "a+", "words": ["w"] }), ""),
        (json!({ "words": [] }), "/words"),
        (json!({ "words": ["", " "] }), "/words"),
        (json!({ "path": "a" }), "/path"),
        (json!({ "path": "/" }), "/path"),
        (json!({ "pattern": "[" }), "/pattern"),
        (json!({ "pattern": "a*" }), "/pattern"),
    ] {
        assert_eq!(told("own", rule.clone()), [format!("P217 /data_types/own{place}")], "{rule}");
    }
    for rule in [json!({ "pattern": "a+" }), json!({ "words": ["", "w"] }), json!({ "path": "/a/*/b" })] {
        assert_eq!(told("own", rule.clone()), nothing(), "{rule}");
    }
}

#[test]
fn a_type_that_nothing_happens_to_is_told() {
    let types = || json!({ "one": { "words": ["w"] }, "two": { "words": ["v"] } });
    let told = |redact: Value| told(&source(redact, types()));
    assert_eq!(told(json!([{ "types": ["one", "two"], "action": "mask" }])), nothing());
    assert_eq!(told(json!([{ "types": ["one"], "action": "mask" }])), ["P218 /data_types/two"]);
    assert_eq!(told(json!([{ "types": ["two"], "action": "mask" }])), ["P218 /data_types/one"]);
    assert_eq!(told(json!([])), ["P218 /data_types/one", "P218 /data_types/two"]);
}

#[test]
fn tokens_are_for_clients_and_only_they_are_turned_back() {
    let told = |action: &str, more: Value| {
        let mut redact = json!({ "types": ["email"], "action": action });
        for (field, value) in more.as_object().unwrap() {
            redact[field] = value.clone();
        }
        told_of(json!([redact]))
    };
    let reveal = || json!({ "scopes": ["x"] });
    assert_eq!(told("tokenise", json!({ "direction": "results", "reveal": reveal(), "expires": "1h" })), nothing());
    assert_eq!(told("mask", json!({ "direction": "arguments" })), nothing());
    assert_eq!(told("mask", json!({ "reveal": reveal() })), ["P218 /redact/0"]);
    assert_eq!(told("mask", json!({ "expires": "1h" })), ["P218 /redact/0"]);
    for direction in [json!("arguments"), Value::Null] {
        assert_eq!(told("tokenise", json!({ "direction": direction })), ["P218 /redact/0/action"]);
    }
}

#[test]
fn an_entry_that_never_decides_is_told() {
    let told = |first: Value, second: Value| {
        let entry = |more: Value| {
            let mut entry = json!({ "types": ["email"], "action": "mask" });
            for (field, value) in more.as_object().unwrap() {
                entry[field] = value.clone();
            }
            entry
        };
        told_of(json!([entry(first), entry(second)]))
    };
    let never = || vec!["P218 /redact/1".to_owned()];
    assert_eq!(told(json!({}), json!({})), never());
    assert_eq!(told(json!({}), json!({ "direction": "results" })), never());
    assert_eq!(told(json!({ "direction": "results" }), json!({ "direction": "results" })), never());
    assert_eq!(told(json!({ "direction": "results" }), json!({})), nothing());
    assert_eq!(told(json!({ "direction": "results" }), json!({ "direction": "arguments" })), nothing());
    assert_eq!(told(json!({ "tools": ["find"] }), json!({})), nothing());
    assert_eq!(told(json!({ "unless": { "scopes": ["x"] } }), json!({})), nothing());
    assert_eq!(told(json!({}), json!({ "types": ["phone"] })), nothing());
    assert_eq!(told(json!({}), json!({ "types": ["email", "phone"] })), nothing());
    assert_eq!(told(json!({}), json!({ "types": ["mail"] })), ["P216 /redact/1/types/0"]);
}

#[test]
fn callers_are_some_and_not_all() {
    let told = |unless: Value| told_of(json!([{ "types": ["email"], "action": "mask", "unless": unless }]));
    assert_eq!(told(json!({ "scopes": ["x"] })), nothing());
    assert_eq!(told(json!({ "roles": ["boss"] })), nothing());
    assert_eq!(told(json!({})), ["P218 /redact/0/unless"]);
    assert_eq!(told(json!({ "scopes": ["a b"] })), ["P208 /redact/0/unless/scopes/0"]);
}
