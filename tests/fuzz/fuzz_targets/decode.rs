//! Decoding is what strangers reach first, so it must be total; and what was judged is re-encoded and
//! sent, so the re-encoded text must have the same reading.
#![no_main]
use libfuzzer_sys::fuzz_target;
use portcullis::kernel::json::Patches;
use portcullis_fuzz::message;

fuzz_target!(|data: &[u8]| {
    let Some((choice, body)) = data.split_first() else { return };
    let Ok(first) = message(*choice, body, body.to_vec().into()) else { return };
    let Some(document) = &first.document else { return };
    let again = message(*choice, body, document.write(&Patches::default())).expect("what was judged decodes again");
    assert_eq!(again.target, first.target);
    assert_eq!(again.id, first.id);
    assert_eq!(again.shape, first.shape);
    assert_eq!(again.method, first.method);
    assert_eq!(again.revision, first.revision);
});
