//! Our own JSON parser against `serde_json`: two readings of one text are how a gateway is talked past.
#![no_main]
use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use portcullis::kernel::json::{Bounds, Document, Fault, Patches};
use portcullis_fuzz::parse;
use serde_json::Value;

fuzz_target!(|text: &[u8]| {
    let theirs = serde_json::from_slice::<Value>(text);
    match Document::parse(Bytes::copy_from_slice(text), &Bounds::default()) {
        Ok(document) => {
            let once = document.write(&Patches::default());
            let again = parse(&once).expect("what we write we read");
            assert_eq!(again.write(&Patches::default()), once, "writing settles");
            let (mut before, mut after) = (Vec::new(), Vec::new());
            document.root().canonical(&mut before);
            again.root().canonical(&mut after);
            assert_eq!(before, after, "the same document");
            match theirs {
                Ok(theirs) => assert_eq!(serde_json::from_slice::<Value>(&once).unwrap(), theirs),
                // Numbers beyond f64 we pass on as they are spelled.
                Err(error) => assert!(error.to_string().contains("number out of range"), "{error}"),
            }
        }
        Err(Fault::DuplicateKey | Fault::TooDeep) => {}
        Err(fault) => assert!(theirs.is_err(), "valid, but refused: {fault:?}"),
    }
});
