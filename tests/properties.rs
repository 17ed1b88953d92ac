//! Properties of the kernel over arbitrary inputs, with a naive oracle beside `decide`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test fails by panicking"
)]
use bytes::Bytes;
use portcullis::kernel::facts::Facts;
use portcullis::kernel::inbound::{HeaderFacts, Inbound, Verb};
use portcullis::kernel::json::{Bounds, Document, Patches};
use portcullis::kernel::mcp::decode::{Target, decode};
use portcullis::kernel::policy::compile::{Position, ServerPolicy, compile};
use portcullis::kernel::policy::decide::authorize;
use portcullis::kernel::policy::source::PolicySource;
use portcullis::kernel::principal::{Principal, Verified};
use portcullis::kernel::sse::{Decoder, Event};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::BTreeSet;

fn parse(text: &[u8]) -> Option<Document> {
    Document::parse(Bytes::copy_from_slice(text), &Bounds::default()).ok()
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map(".{0,6}", inner, 0..6).prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

/// JSON-like bytes: more likely to get deep into the parser than any bytes are.
fn almost_json() -> impl Strategy<Value = Vec<u8>> {
    let mangle = (any_json(), any::<prop::sample::Index>(), any::<u8>(), any::<bool>());
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..64),
        "[\\[\\]{}\",:0-9a-z\\\\ .eE+-]{0,40}".prop_map(String::into_bytes),
        mangle.prop_map(|(value, at, byte, touch)| {
            let mut text = value.to_string().into_bytes();
            if touch && !text.is_empty() {
                let at = at.index(text.len());
                text[at] = byte;
            }
            text
        }),
    ]
}

fn policy(source: &Value) -> Option<ServerPolicy> {
    let source: PolicySource = serde_json::from_value(source.clone()).unwrap();
    let nowhere = |_: &str| Position::default();
    compile(source, &["corp".to_owned()], "https://gw.example", &nowhere).ok()
}

fn principal(scopes: &BTreeSet<String>, groups: &BTreeSet<String>) -> Principal {
    Principal::assertion(Verified {
        issuer: "corp".into(),
        subject: "s".into(),
        client: None,
        audiences: vec!["https://gw.example/x/mcp".into()],
        scopes: scopes.clone(),
        expires: u64::MAX,
        claims: json!({"groups": groups}),
    })
}

/// Pattern, scopes, and whether the role `support` is needed.
type RuleOf = (String, Vec<String>, bool);

/// What `authorize` should say of a tool, as plainly as it can be written: the most specific pattern
/// decides; without one nothing is allowed; all scopes and one of the roles are needed.
fn oracle(tools: &[RuleOf], name: &str, scopes: &BTreeSet<String>, support: bool) -> bool {
    let mut best: Option<(usize, &RuleOf)> = None;
    for tool in tools {
        let rank = match tool.0.strip_suffix('*') {
            Some(prefix) if name.starts_with(prefix) => prefix.len(),
            None if tool.0 == name => 1000,
            _ => continue,
        };
        if best.is_none_or(|(found, _)| rank > found) {
            best = Some((rank, tool));
        }
    }
    let Some((_, (_, needed, role))) = best else { return false };
    needed.iter().all(|scope| scopes.contains(scope)) && (!role || support)
}

fn small_set(pattern: &'static str) -> impl Strategy<Value = BTreeSet<String>> {
    prop::collection::btree_set(pattern, 0..4)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_we_accept_serde_json_reads_the_same(text in almost_json()) {
        if let Some(document) = parse(&text) {
            let theirs: Result<Value, _> = serde_json::from_slice(&text);
            // serde_json refuses numbers beyond f64, which we pass on as they are spelled.
            if let Ok(theirs) = theirs {
                let ours: Value = serde_json::from_slice(&document.write(&Patches::default())).unwrap();
                prop_assert_eq!(ours, theirs);
            } else {
                prop_assert!(theirs.unwrap_err().to_string().contains("number out of range"));
            }
        }
    }

    #[test]
    fn every_valid_document_is_accepted_and_writing_settles(value in any_json()) {
        let text = value.to_string();
        let document = parse(text.as_bytes()).expect("valid JSON");
        let once = document.write(&Patches::default());
        let twice = parse(&once).unwrap().write(&Patches::default());
        prop_assert_eq!(&once, &twice);
        prop_assert_eq!(serde_json::from_slice::<Value>(&once).unwrap(), serde_json::from_str::<Value>(&text).unwrap());
        let mut canonical = Vec::new();
        document.root().canonical(&mut canonical);
        prop_assert_eq!(serde_json::from_slice::<Value>(&canonical).unwrap(), serde_json::from_str::<Value>(&text).unwrap());
    }

    #[test]
    fn decoding_is_total_and_what_is_accepted_is_accepted_again(text in almost_json(), method in "(tools/call|ping|initialize|x)", named in any::<bool>()) {
        let headers = || HeaderFacts {
            protocol_version: named.then(|| "2026-07-28".to_owned()),
            method: named.then(|| method.clone()),
            ..HeaderFacts::default()
        };
        let inbound = |body: Bytes| Inbound { verb: Verb::Post, headers: headers(), body };
        if let Ok(message) = decode(inbound(text.into()), None, &Bounds::default()) {
            let written = message.document.as_ref().unwrap().write(&Patches::default());
            let again = decode(inbound(written), None, &Bounds::default()).expect("what was judged decodes again");
            prop_assert_eq!(again.target, message.target);
            prop_assert_eq!(again.id, message.id);
        }
    }

    #[test]
    fn any_chunking_of_a_stream_gives_the_same_events(text in "(data|id|:|event|\r|\n|\r\n|: |[a-z]){0,60}", cut in 1usize..7) {
        let events = |chunk: usize| -> Vec<Event> {
            let mut decoder = Decoder::new(1 << 16);
            for piece in text.as_bytes().chunks(chunk) {
                decoder.feed(piece).unwrap();
            }
            std::iter::from_fn(|| decoder.next_event()).collect()
        };
        prop_assert_eq!(events(cut), events(text.len().max(1)));
    }

    #[test]
    fn authorize_agrees_with_the_oracle_and_listed_means_callable(
        rules in prop::collection::btree_map("[ab]{0,2}\\*?", (small_set("[xy]"), any::<bool>()), 0..5),
        name in "[ab]{1,3}", scopes in small_set("[xyz]"), support in any::<bool>(),
    ) {
        let rules: Vec<(String, Vec<String>, bool)> = rules
            .into_iter()
            .filter(|(pattern, _)| !pattern.is_empty())
            .map(|(pattern, (scopes, role))| (pattern, scopes.into_iter().collect(), role))
            .collect();
        let tools: serde_json::Map<String, Value> = rules
            .iter()
            .map(|(pattern, scopes, role)| {
                let roles: &[&str] = if *role { &["support"] } else { &[] };
                (pattern.clone(), json!({"effect":"read","scopes":scopes,"roles":roles}))
            })
            .collect();
        let source = json!({"server":"x","upstream":{"url":"http://127.0.0.1:1/mcp"},"access":{"issuers":["corp"]},
            "roles":{"support":{"claim":"groups","any":["support"]}},"tools":tools});
        let server = policy(&source).expect("a policy without flaws");
        prop_assert_eq!(server.tools.len(), rules.len(), "as many rules come out as went in");
        let groups = support.then(|| "support".to_owned()).into_iter().collect();
        let caller = principal(&scopes, &groups);
        let facts = Facts { now: 1 };
        let nothing = parse(b"{}").unwrap();
        let target = Target::Tool(name.clone());
        let called = authorize(&server, &caller, &target, Some(nothing.root()), &facts);
        let listed = authorize(&server, &caller, &target, None, &facts);
        prop_assert_eq!(called.is_ok(), oracle(&rules, &name, &scopes, support));
        prop_assert_eq!(listed.is_ok(), called.is_ok(), "one function for both");
        // No rule, no permit; and taking a scope away never adds one.
        let fewer: BTreeSet<String> = scopes.iter().skip(1).cloned().collect();
        let poorer = principal(&fewer, &BTreeSet::new());
        let stricter = authorize(&server, &poorer, &target, Some(nothing.root()), &facts);
        prop_assert!(called.is_ok() || stricter.is_err());
    }
}
