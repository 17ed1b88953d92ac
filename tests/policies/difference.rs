//! `diff` against brute force, over random pairs of policies.
use super::oracle::*;
use portcullis::kernel::json::{Bounds, Document};
use portcullis::kernel::mcp::decode::Target;
use portcullis::kernel::policy::compile::ServerPolicy;
use portcullis::kernel::policy::condition::{Condition, Scope};
use portcullis::kernel::policy::diff::{Change, change, diff};
use proptest::prelude::*;
use serde_json::{Value, json};

/// Every name over two letters that the random patterns can tell apart.
fn names() -> Vec<String> {
    let mut names: Vec<String> = vec!["a".into(), "b".into()];
    for length in 1..4 {
        let longest: Vec<_> = names.iter().filter(|n| n.len() == length).cloned().collect();
        names.extend(longest.iter().flat_map(|n| [format!("{n}a"), format!("{n}b")]));
    }
    names
}

/// What a change says of one caller and call.
fn says(change: &Change, who: &Caller, tool: &str, args: &Value) -> Option<bool> {
    let principal = who.principal();
    let document = Document::parse(args.to_string().into(), &Bounds::default()).unwrap();
    let condition = |text: &str| {
        let scope =
            Scope { principal: &principal, args: Some(document.root()), name: tool, effect: "read", facts: &NOW };
        Condition::compile(text, None).unwrap().holds(&scope).ok()
    };
    change.concerns(&principal, &NOW, &condition)
}

fn pair(one: &Value, two: &Value) -> Option<(ServerPolicy, ServerPolicy)> {
    Some((compiled(one).policy?, compiled(two).policy?))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 120, max_global_rejects: 100_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_verdict_that_changes_is_in_the_diff_and_no_other(
        old in policy(), new in policy(),
        callers in prop::collection::vec(caller(), 6), calls in prop::collection::vec(arguments(), 2),
    ) {
        let Some((before, after)) = pair(&old, &new) else { return Err(TestCaseError::reject("flaws")) };
        let told: Vec<Target> = diff(&before, &after).into_iter().map(|change| change.target).collect();
        for tool in names() {
            let change = change(&before, &after, Target::Tool(tool.clone()));
            for who in &callers {
                for args in &calls {
                    let (was, is) = (allowed(&before, who, &tool, Some(args)), allowed(&after, who, &tool, Some(args)));
                    let expected = (was != is).then_some(is);
                    let said = change.as_ref().and_then(|change| says(change, who, &tool, args));
                    prop_assert_eq!(said, expected, "{} {:?} {}", tool, who, args);
                    // Whatever changes for a name is told, for the name or for a pattern that stands for it.
                    prop_assert!(expected.is_none() || !told.is_empty());
                }
            }
        }
    }
}

#[test]
fn a_change_is_told_for_whom_it_is_and_for_no_more() {
    let policy = |tools: Value, deny: Value| {
        let source = json!({
            "server": "crm", "upstream": { "url": "http://127.0.0.1:1/mcp" }, "access": { "issuers": ["corp"] },
            "roles": { "lead": { "claim": "groups", "any": ["lead"] } }, "tools": tools, "deny": deny,
        });
        compiled(&source).policy.unwrap()
    };
    let old = policy(json!({ "find_*": { "effect": "read", "scopes": ["r"] } }), json!([]));
    let new = policy(
        json!({ "find_*": { "effect": "read", "scopes": ["r"] }, "find_all": { "effect": "read", "scopes": ["r"], "roles": ["lead"] },
            "drop": { "effect": "destructive", "scopes": ["w"], "when": "args.sure == true" } }),
        json!([{ "name": "no x", "tools": ["*_x"] }]),
    );
    let words = |change: &Change| {
        let name = match &change.target {
            Target::Tool(name) => name.replace('\u{0}', "*"),
            other => panic!("{other:?}"),
        };
        let class = |class: &Vec<_>| {
            class
                .iter()
                .map(|(f, held): &(portcullis::kernel::policy::diff::Fact, bool)| f.words(*held))
                .collect::<Vec<_>>()
                .join(", ")
        };
        let all = |classes: &[Vec<_>]| classes.iter().map(class).collect::<Vec<_>>().join("; or ");
        format!("{name}: + {} - {}", all(&change.allowed), all(&change.denied))
    };
    let mut told: Vec<String> = diff(&old, &new).iter().map(words).collect();
    told.sort();
    assert_eq!(
        told,
        [
            "drop: + with scope w, where `args.sure == true` holds - ",
            "find_*_x: +  - with scope r",
            "find_all: +  - with scope r, without role lead",
        ]
    );
}
