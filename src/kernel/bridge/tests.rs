use super::newer;
use super::older::{self, Hello, Step};
use super::table::{Cell, ROWS, cells};
use crate::kernel::mcp::revision::Era;
use bytes::Bytes;
use proptest::prelude::*;
use serde_json::{Value, json};

fn bytes(value: &Value) -> Bytes {
    value.to_string().into()
}

fn value(message: &Bytes) -> Value {
    serde_json::from_slice(message).unwrap()
}

fn hello() -> Hello {
    Hello { capabilities: r#"{"elicitation":{},"tasks":{}}"#.to_owned(), client: None }
}

fn call(id: &Value) -> Bytes {
    bytes(&json!({"jsonrpc":"2.0","id":id,"method":"tools/call","params":{
        "name":"t","arguments":{"big":12345678901234567890123_i128.to_string()},
        "requestState":"smuggled","inputResponses":{"a":{}},"_meta":{"progressToken":5,"io.modelcontextprotocol/clientCapabilities":{"sampling":{}}},
    }}))
}

#[test]
fn a_session_cannot_claim_more_in_a_message_than_it_declared() {
    let (_, sent) = older::Call::begin(call(&json!(1)), &hello(), Some("\"info\""), 1).unwrap();
    let sent = value(&sent);
    let meta = &sent["params"]["_meta"];
    assert_eq!(meta["io.modelcontextprotocol/clientCapabilities"], json!({"elicitation":{}}));
    assert_eq!(meta["io.modelcontextprotocol/protocolVersion"], "2026-07-28");
    assert_eq!((&meta["io.modelcontextprotocol/logLevel"], &meta["progressToken"]), (&json!("info"), &json!(5)));
    assert!(sent["params"]["requestState"].is_null() && sent["params"]["inputResponses"].is_null());
}

#[test]
fn what_only_the_modern_era_has_does_not_reach_an_earlier_server() {
    let taken = newer::take(&call(&json!("x"))).unwrap();
    let sent = value(&taken.request);
    assert_eq!(sent["params"]["_meta"], json!({"progressToken":5}));
    assert!(sent["params"]["requestState"].is_null() && sent["params"]["inputResponses"].is_null());
    assert_eq!(taken.state.as_deref(), Some("smuggled"));
    let (numbered, _) = taken.call.numbered(&taken.request, "77").unwrap();
    let numbered = value(&numbered);
    assert_eq!((&numbered["id"], &numbered["params"]["_meta"]["progressToken"]), (&json!(77), &json!(77)));
}

#[test]
fn every_cell_of_unlike_eras_says_what_happens() {
    assert!(cells(Era::Modern, Era::Modern).iter().all(|(_, cell)| *cell == Cell::Served));
    for row in ROWS {
        for cell in [row.older, row.newer] {
            assert!(!matches!(cell, Cell::Bridged("") | Cell::Not("")), "{}", row.feature);
        }
    }
}

/// What a server of 2026-07-28 or a client may do next.
#[derive(Clone, Debug)]
enum Next {
    Notice,
    Ask(usize, bool),
    Answer(usize),
    Result,
    Error(i64),
    Garbage(Vec<u8>),
}

fn next() -> impl Strategy<Value = Next> {
    prop_oneof![
        Just(Next::Notice),
        (0..4usize, any::<bool>()).prop_map(|(many, state)| Next::Ask(many, state)),
        (0..6usize).prop_map(Next::Answer),
        Just(Next::Result),
        prop::sample::select(vec![-32602, -32020, -32021, -32603]).prop_map(Next::Error),
        any::<Vec<u8>>().prop_map(Next::Garbage),
    ]
}

proptest! {
    #[test]
    fn a_call_of_a_session_ends_once_and_its_answers_go_to_who_asked(steps in prop::collection::vec(next(), 0..40)) {
        let (mut call, _) = older::Call::begin(call(&json!(1)), &hello(), None, 9).unwrap();
        let (mut open, mut given, mut ended): (Vec<(String, String)>, Vec<String>, bool) = Default::default();
        let mut round = 0;
        for step in steps {
            if ended {
                break;
            }
            let asking = call.is_asking();
            let (message, answer) = match step {
                Next::Answer(which) if !open.is_empty() => {
                    let (id, key) = open.remove(which % open.len());
                    given.push(key.clone());
                    let id: Value = serde_json::from_str(&id).unwrap();
                    (json!({"jsonrpc":"2.0","id":id,"result":{"of":key}}).to_string().into_bytes(), true)
                }
                // An answer to nothing changes nothing.
                Next::Answer(_) => {
                    let nothing = call.answered(bytes(&json!({"jsonrpc":"2.0","id":"q-1-1-1","result":{}})));
                    prop_assert!(nothing.is_empty());
                    continue;
                }
                // While it waits for the client, the server's stream is over.
                _ if asking => continue,
                Next::Notice => (br#"{"jsonrpc":"2.0","method":"notifications/message","params":{}}"#.to_vec(), false),
                Next::Ask(many, state) => {
                    round += 1;
                    let requests: serde_json::Map<String, Value> = (0..many)
                        .map(|n| (format!("k{round}-{n}"), json!({"method":"elicitation/create","params":{}})))
                        .collect();
                    let mut result = json!({"resultType":"input_required","inputRequests":requests});
                    if state {
                        result["requestState"] = json!("s");
                    }
                    (json!({"jsonrpc":"2.0","id":1,"result":result}).to_string().into_bytes(), false)
                }
                Next::Result => (json!({"jsonrpc":"2.0","id":1,"result":{"resultType":"complete"}}).to_string().into_bytes(), false),
                Next::Error(code) => (json!({"jsonrpc":"2.0","id":1,"error":{"code":code,"message":"x"}}).to_string().into_bytes(), false),
                Next::Garbage(garbage) => (garbage, false),
            };
            let made = if answer { call.answered(message.into()) } else { call.received(message.into()) };
            for step in made {
                match step {
                    Step::Ask(id, message) => {
                        let asked = value(&message);
                        prop_assert_eq!(asked["id"].to_string(), id.clone());
                        prop_assert!(open.iter().all(|(known, _)| *known != id), "an id is used once");
                        let key = id.trim_matches('"').rsplit('-').next().unwrap().to_owned();
                        open.push((id, format!("k{round}-{key}")));
                    }
                    Step::Up(message) => {
                        let sent = value(&message);
                        let mut keys: Vec<String> = Vec::new();
                        for (key, answer) in sent["params"]["inputResponses"].as_object().into_iter().flatten() {
                            prop_assert_eq!(&answer["of"], &json!(key));
                            keys.push(key.clone());
                        }
                        given.sort();
                        prop_assert_eq!(&keys, &given, "all answers, and no other");
                        given.clear();
                        prop_assert_ne!(&sent["id"], &json!(1), "a retry has an id of its own");
                    }
                    Step::Done(_) => {
                        prop_assert!(!ended, "it ends once");
                        ended = true;
                    }
                    Step::Down(_) => {}
                }
            }
            prop_assert_eq!(ended, call.is_done());
        }
    }

    #[test]
    fn a_parked_call_is_answered_under_its_present_id_and_asks_for_what_was_declared(
        ids in prop::collection::vec(0..5i64, 1..6), elicits: bool, certain: bool,
    ) {
        let declared = if elicits { json!({"elicitation":{}}) } else { json!({}) };
        let request = |id: i64| bytes(&json!({"jsonrpc":"2.0","id":id,"method":"tools/call","params":{
            "name":"t","_meta":{"io.modelcontextprotocol/clientCapabilities":declared}}}));
        let taken = newer::take(&request(ids[0])).unwrap();
        let (_, mut call) = taken.call.numbered(&taken.request, "100").unwrap();
        for (turn, id) in ids.iter().enumerate() {
            let question = json!({"jsonrpc":"2.0","id":format!("s{turn}"),"method":"elicitation/create","params":{"n":turn}});
            let steps = call.received(bytes(&question), certain);
            if !(elicits && certain) {
                let [newer::Step::Up(refused)] = steps.as_slice() else { panic!("{steps:?}") };
                prop_assert_eq!(&value(refused)["id"], &question["id"]);
                prop_assert!(value(refused)["error"].is_object());
                continue;
            }
            prop_assert_eq!(steps, vec![newer::Step::Park]);
            let required = value(&call.required("sealed").unwrap());
            prop_assert_eq!(required["result"]["requestState"].as_str(), Some("sealed"));
            let requests = required["result"]["inputRequests"].as_object().unwrap();
            prop_assert_eq!(requests.len(), 1);
            let key = requests.keys().next().unwrap().clone();
            prop_assert!(call.again(&newer::take(&request(*id)).unwrap().call));
            prop_assert_eq!(call.answered(&Default::default()), newer::Answered::Missing, "nothing without the answer");
            let answers = [(key, r#"{"action":"accept"}"#.to_owned())].into();
            let newer::Answered::Up(answer) = call.answered(&answers) else { panic!("an answer") };
            prop_assert_eq!(&value(&answer)["id"], &question["id"]);
            prop_assert_eq!(call.answered(&answers), newer::Answered::Missing, "an answer counts once");
            let done = call.clone().received(bytes(&json!({"jsonrpc":"2.0","id":100,"result":{}})), certain);
            let [newer::Step::Done(done)] = done.as_slice() else { panic!("{done:?}") };
            prop_assert_eq!(&value(done)["id"], &json!(id));
            prop_assert_eq!(&value(done)["result"]["resultType"], &json!("complete"));
        }
    }

    #[test]
    fn whatever_a_server_sends_a_bridged_call_does_not_panic(messages in prop::collection::vec(any::<Vec<u8>>(), 0..10)) {
        let (mut old, _) = older::Call::begin(call(&json!(1)), &hello(), None, 9).unwrap();
        let mut new = newer::take(&call(&json!(1))).unwrap().call;
        for message in messages {
            let _ = (old.received(message.clone().into()), new.received(message.clone().into(), true));
            let _ = (older::heard(&message.clone().into()), newer::Welcome::read(&message.into()));
        }
    }
}
