use super::*;
use proptest::prelude::*;

fn board(shared: bool, modern: bool) -> Switchboard {
    Switchboard::new(7, shared, modern, Bounds::default())
}

fn value(message: &Bytes) -> serde_json::Value {
    serde_json::from_slice(message).unwrap()
}

fn bytes(value: serde_json::Value) -> Bytes {
    value.to_string().into()
}

fn call(id: &serde_json::Value, token: Option<&str>) -> Bytes {
    let meta = token.map(|token| serde_json::json!({"progressToken": token})).unwrap_or(serde_json::json!({}));
    bytes(serde_json::json!({"jsonrpc":"2.0","id":id,"method":"tools/call","params":{"name":"t","_meta":meta}}))
}

/// The only effect, which goes up.
fn up(effects: Vec<Effect>) -> serde_json::Value {
    match effects.as_slice() {
        [Effect::Up(message)] => value(message),
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_answer_to_nothing_ends_the_line() {
    let mut board = board(false, false);
    let answer = |id: u64| bytes(serde_json::json!({"jsonrpc":"2.0","id":id,"result":{}}));
    assert!(board.receive(answer(1)).is_err());
    let sent = up(board.submit(1, 10, call(&"a".into(), None)).unwrap());
    let id = sent["id"].as_u64().unwrap();
    let got = board.receive(answer(id)).unwrap();
    assert!(matches!(got.as_slice(), [Effect::Last(10, message)] if value(message)["id"] == "a"));
    assert!(board.receive(answer(id)).is_err(), "an answer counts once");
}

#[test]
fn a_question_with_two_possible_addressees_goes_to_neither() {
    let mut board = board(false, false);
    let question = || bytes(serde_json::json!({"jsonrpc":"2.0","id":"s1","method":"elicitation/create","params":{}}));
    assert_eq!(up(board.receive(question()).unwrap())["error"]["code"], -32603, "nobody is there");
    board.submit(1, 10, call(&1.into(), None)).unwrap();
    let asked = board.receive(question()).unwrap();
    assert!(matches!(asked.as_slice(), [Effect::Down(10, _)]), "{asked:?}");
    board.submit(2, 20, call(&1.into(), None)).unwrap();
    assert_eq!(up(board.receive(question()).unwrap())["error"]["code"], -32603);
    let mut shared = self::board(true, false);
    shared.submit(1, 10, call(&1.into(), None)).unwrap();
    assert_eq!(up(shared.receive(question()).unwrap())["error"]["code"], -32603, "of many, nobody is asked");
}

#[test]
fn only_who_was_asked_may_answer_and_once() {
    let mut board = board(false, false);
    board.submit(1, 10, call(&1.into(), None)).unwrap();
    let asked = board.receive(bytes(serde_json::json!({"jsonrpc":"2.0","id":"s1","method":"roots/list"}))).unwrap();
    let [Effect::Down(_, message)] = asked.as_slice() else { panic!("{asked:?}") };
    let answer = bytes(serde_json::json!({"jsonrpc":"2.0","id":value(message)["id"],"result":{"roots":[]}}));
    assert!(board.submit(2, 99, answer.clone()).is_err());
    assert_eq!(up(board.submit(1, 99, answer.clone()).unwrap())["id"], "s1");
    assert!(board.submit(1, 99, answer).is_err());
}

#[test]
fn a_closed_stream_cancels_in_the_modern_era_only() {
    for modern in [false, true] {
        let mut board = board(false, modern);
        let id = up(board.submit(1, 10, call(&1.into(), None)).unwrap())["id"].clone();
        let effects = board.closed(10);
        if modern {
            assert_eq!(up(effects)["params"]["requestId"], id);
        } else {
            assert!(effects.is_empty());
        }
        let late = bytes(serde_json::json!({"jsonrpc":"2.0","id":id,"result":{}}));
        assert_eq!(board.receive(late), Ok(Vec::new()), "a late answer is for nobody");
    }
}

#[test]
fn updates_come_to_who_is_subscribed_and_the_last_one_gives_back() {
    let mut board = board(true, false);
    for (party, stream) in [(1, 10), (2, 20), (3, 30)] {
        board.join(party);
        board.listen(party, stream);
    }
    let subscribe = |verb: &str| {
        bytes(serde_json::json!({"jsonrpc":"2.0","id":1,"method":format!("resources/{verb}"),"params":{"uri":"x://a"}}))
    };
    board.submit(1, 11, subscribe("subscribe")).unwrap();
    board.submit(2, 21, subscribe("subscribe")).unwrap();
    let updated = || {
        bytes(serde_json::json!({"jsonrpc":"2.0","method":"notifications/resources/updated","params":{"uri":"x://a"}}))
    };
    let to = |effects: Vec<Effect>| -> Vec<Stream> {
        effects.iter().map(|effect| if let Effect::Down(stream, _) = effect { *stream } else { 0 }).collect()
    };
    assert_eq!(to(board.receive(updated()).unwrap()), [10, 20]);
    let kept = board.submit(1, 12, subscribe("unsubscribe")).unwrap();
    assert!(matches!(kept.as_slice(), [Effect::Last(12, _)]), "the other one still is: {kept:?}");
    assert_eq!(to(board.receive(updated()).unwrap()), [20]);
    let left = board.leave(2);
    assert!(left.iter().any(|e| matches!(e, Effect::Up(m) if value(m)["method"] == "resources/unsubscribe")));
}

/// What happens on a line, by number of the party, of an open call, or of neither.
#[derive(Clone, Debug)]
enum Step {
    Call(u64, i64),
    Answer(usize),
    Progress(usize),
    Close(usize),
    Cancel(u64, i64),
    Question,
    AnswerQuestion(usize, u64),
    Leave(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (1..5u64, 0..4i64).prop_map(|(party, id)| Step::Call(party, id)),
        3 => (0..8usize).prop_map(Step::Answer),
        2 => (0..8usize).prop_map(Step::Progress),
        1 => (0..8usize).prop_map(Step::Close),
        1 => (1..5u64, 0..4i64).prop_map(|(party, id)| Step::Cancel(party, id)),
        1 => Just(Step::Question),
        1 => (0..4usize, 1..5u64).prop_map(|(which, party)| Step::AnswerQuestion(which, party)),
        1 => (1..5u64).prop_map(Step::Leave),
    ]
}

/// What the server knows of a call, and whom it is really of.
struct Open {
    number: u64,
    token: u64,
    party: u64,
    stream: Stream,
    id: i64,
    closed: bool,
    cancelled: bool,
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]
    #[test]
    fn nothing_is_lost_doubled_or_delivered_to_another_party(
        steps in prop::collection::vec(step(), 0..120), shared: bool, modern: bool,
    ) {
        let mut board = board(shared, modern);
        let mut open: Vec<Open> = Vec::new();
        let mut questions: Vec<(u64, serde_json::Value)> = Vec::new();
        let mut next_stream = 100;
        let mut asked = 0;
        for step in steps {
            match step {
                Step::Call(party, id) => {
                    next_stream += 1;
                    // Parties use the same ids and tokens; only streams tell them apart.
                    let effects = board.submit(party, next_stream, call(&id.into(), Some("t"))).unwrap();
                    let sent = up(effects);
                    let number = sent["id"].as_u64().unwrap();
                    prop_assert!(open.iter().all(|call| call.number != number), "a number is used once");
                    let token = sent["params"]["_meta"]["progressToken"].as_u64().unwrap();
                    open.push(Open { number, token, party, stream: next_stream, id, closed: false, cancelled: false });
                }
                Step::Answer(which) if !open.is_empty() => {
                    let call = open.remove(which % open.len());
                    let answer = serde_json::json!({"jsonrpc":"2.0","id":call.number,"result":{"of":call.stream}});
                    let effects = board.receive(bytes(answer)).unwrap();
                    if call.closed {
                        prop_assert!(effects.is_empty());
                    } else {
                        let [Effect::Last(stream, message)] = effects.as_slice() else { panic!("{effects:?}") };
                        prop_assert_eq!(*stream, call.stream);
                        prop_assert_eq!(&value(message)["id"], &serde_json::json!(call.id));
                        prop_assert_eq!(&value(message)["result"]["of"], &serde_json::json!(call.stream));
                    }
                }
                Step::Progress(which) if !open.is_empty() => {
                    let call = &open[which % open.len()];
                    let params = serde_json::json!({"progressToken":call.token,"progress":1});
                    let note = serde_json::json!({"jsonrpc":"2.0","method":"notifications/progress","params":params});
                    let effects = board.receive(bytes(note)).unwrap();
                    if call.closed {
                        prop_assert!(effects.is_empty());
                    } else {
                        let [Effect::Down(stream, message)] = effects.as_slice() else { panic!("{effects:?}") };
                        prop_assert_eq!(*stream, call.stream);
                        prop_assert_eq!(&value(message)["params"]["progressToken"], "t");
                    }
                }
                Step::Close(which) if !open.is_empty() => {
                    let which = which % open.len();
                    let effects = board.closed(open[which].stream);
                    prop_assert_eq!(effects.len(), usize::from(modern && !open[which].closed));
                    open[which].closed = true;
                    open[which].cancelled |= modern;
                }
                Step::Cancel(party, id) => {
                    let params = serde_json::json!({"requestId":id});
                    let note = serde_json::json!({"jsonrpc":"2.0","method":"notifications/cancelled","params":params});
                    let effects = board.submit(party, 1, bytes(note)).unwrap();
                    // The latest of the party's own with this id, whatever others call theirs.
                    let found = open.iter_mut().rev().find(|call| call.party == party && call.id == id && !call.cancelled);
                    let Some(call) = found else {
                        prop_assert!(effects.is_empty());
                        continue;
                    };
                    let Effect::Up(sent) = &effects[0] else { panic!("{effects:?}") };
                    prop_assert_eq!(value(sent)["params"]["requestId"].as_u64(), Some(call.number));
                    match effects.get(1) {
                        None => prop_assert!(call.closed),
                        Some(Effect::Last(stream, _)) => prop_assert!(!call.closed && *stream == call.stream),
                        other => panic!("{other:?}"),
                    }
                    (call.closed, call.cancelled) = (true, true);
                }
                Step::Question if !modern => {
                    asked += 1;
                    let question = serde_json::json!({"jsonrpc":"2.0","id":format!("s{asked}"),"method":"roots/list"});
                    let effects = board.receive(bytes(question)).unwrap();
                    let mut parties: Vec<u64> = open.iter().filter(|c| !c.closed).map(|c| c.party).collect();
                    parties.dedup();
                    parties.sort_unstable();
                    parties.dedup();
                    match effects.as_slice() {
                        [Effect::Down(stream, message)] => {
                            prop_assert!(!shared && parties.len() == 1);
                            let call = open.iter().find(|c| c.stream == *stream).unwrap();
                            prop_assert!(!call.closed);
                            questions.push((call.party, value(message)["id"].clone()));
                        }
                        [Effect::Up(message)] => {
                            prop_assert!(value(message)["error"].is_object());
                            prop_assert!(shared || parties.len() != 1 || questions.len() >= 64);
                        }
                        other => panic!("{other:?}"),
                    }
                }
                Step::AnswerQuestion(which, party) if !questions.is_empty() => {
                    let which = which % questions.len();
                    let (of, id) = questions[which].clone();
                    let answer = bytes(serde_json::json!({"jsonrpc":"2.0","id":id,"result":{}}));
                    let taken = board.submit(party, 1, answer).is_ok();
                    prop_assert_eq!(taken, of == party, "only who was asked answers");
                    if taken {
                        questions.remove(which);
                    }
                }
                Step::Leave(party) => {
                    board.leave(party);
                    for call in open.iter_mut().filter(|call| call.party == party) {
                        call.cancelled |= modern && !call.closed;
                        call.closed = true;
                    }
                    questions.retain(|(of, _)| *of != party);
                }
                _ => {}
            }
        }
    }

    #[test]
    fn whatever_a_server_sends_there_is_no_panic(
        messages in prop::collection::vec(prop_oneof![
            any::<Vec<u8>>().prop_map(Bytes::from),
            (any::<Option<i64>>(), prop::sample::select(vec![
                "notifications/progress", "notifications/cancelled", "notifications/message", "ping", "roots/list",
                "notifications/resources/updated", "notifications/tools/list_changed", "",
            ]), any::<Option<u64>>()).prop_map(|(id, method, token)| bytes(serde_json::json!({
                "jsonrpc":"2.0","id":id,"method":method,
                "params":{"progressToken":token,"requestId":token,"uri":"x","level":"info","_meta":{SUBSCRIPTION:token}},
            }))),
        ], 0..20),
        modern: bool,
    ) {
        let mut board = board(false, modern);
        board.submit(1, 1, call(&1.into(), Some("t"))).unwrap();
        for message in messages {
            let _ = board.receive(message);
        }
    }
}
