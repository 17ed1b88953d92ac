//! Properties of the kernel over arbitrary bytes. Those of the decision are in `tests/policies`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test fails by panicking"
)]
use bytes::Bytes;
use portcullis::kernel::inbound::{HeaderFacts, Inbound, Verb};
use portcullis::kernel::json::{Bounds, Document, Patches};
use portcullis::kernel::mcp::decode::decode;
use portcullis::kernel::sse::{Decoder, Event};
use proptest::prelude::*;
use serde_json::Value;

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
}
