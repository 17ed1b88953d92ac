//! What a server sends on a line of many, and into a call of either bridge: nothing panics, and nothing goes to a
//! stream that does not wait.
#![no_main]
use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use portcullis::kernel::bridge::switchboard::{Effect, Switchboard};
use portcullis::kernel::bridge::{newer, older};
use portcullis::kernel::json::Bounds;

const CALL: &[u8] = br#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"t","_meta":{"progressToken":1,"io.modelcontextprotocol/clientCapabilities":{"elicitation":{}}}}}"#;

fuzz_target!(|data: &[u8]| {
    let Some((choice, rest)) = data.split_first() else { return };
    let modern = choice & 1 == 1;
    let mut board = Switchboard::new(1, choice & 2 == 2, modern, Bounds::default());
    let call = Bytes::from_static(CALL);
    let _ = board.submit(1, 10, call.clone());
    let _ = board.submit(2, 20, call.clone());
    let hello = older::Hello { capabilities: r#"{"elicitation":{}}"#.to_owned(), client: None };
    let mut old = older::Call::begin(call.clone(), &hello, None, 1).map(|(call, _)| call);
    let mut new = newer::take(&call).map(|taken| taken.call);
    let mut waiting = vec![10, 20];
    for message in rest.split(|byte| *byte == b'\n') {
        let message = Bytes::copy_from_slice(message);
        for effect in board.receive(message.clone()).unwrap_or_default() {
            match effect {
                Effect::Up(_) => {}
                Effect::Down(stream, _) => assert!(waiting.contains(&stream)),
                Effect::Last(stream, _) => {
                    assert!(waiting.contains(&stream));
                    waiting.retain(|other| *other != stream);
                }
            }
        }
        if let Some(call) = old.as_mut().filter(|call| !call.is_done()) {
            let _ = (call.received(message.clone()), call.answered(message.clone()));
        }
        if let Some(call) = new.as_mut() {
            let _ = call.received(message.clone(), true);
        }
        let _ = (older::heard(&message), newer::Welcome::read(&message), newer::Listen::read(&message));
    }
});
