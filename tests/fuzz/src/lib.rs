//! What the targets share: how one byte string becomes everything that a message arrives with.
//!
//! A header that disagrees with the body is refused early, so headers drawn at random would keep the
//! fuzzer out of most of the decoder. The first byte chooses them instead, and may ask for headers
//! that mirror the body as `serde_json` reads it.
use bytes::Bytes;
use portcullis::kernel::inbound::{HeaderFacts, Inbound, Verb};
use portcullis::kernel::json::{Bounds, Document};
use portcullis::kernel::mcp::decode::{Message, SessionFacts, decode};
use portcullis::kernel::mcp::headers::encode_value;
use portcullis::kernel::mcp::revision::Revision;
use portcullis::kernel::refusal::Refusal;
use serde_json::Value;

/// Parses within the usual bounds.
pub fn parse(text: &[u8]) -> Option<Document> {
    Document::parse(Bytes::copy_from_slice(text), &Bounds::default()).ok()
}

/// Decodes `body` with what `choice` says it came with. `written` is where mirrored headers are read from.
pub fn message(choice: u8, written: &[u8], body: Bytes) -> Result<Message, Refusal> {
    let verb = match choice & 7 {
        6 => Verb::Get,
        7 => Verb::Delete,
        _ => Verb::Post,
    };
    let revision = match choice >> 3 & 3 {
        0 => None,
        1 => Some(Revision::V2025_03_26),
        2 => Some(Revision::V2025_06_18),
        _ => Some(Revision::V2025_11_25),
    };
    let protocol_version = match choice >> 5 & 3 {
        0 => None,
        1 => Some(Revision::V2026_07_28.as_str().to_owned()),
        2 => revision.map(|revision| revision.as_str().to_owned()),
        _ => Some("junk".to_owned()),
    };
    let mut headers = HeaderFacts { protocol_version, ..HeaderFacts::default() };
    if choice >> 7 == 1 {
        let body: Value = serde_json::from_slice(written).unwrap_or_default();
        let text = |pointer: &str| body.pointer(pointer).and_then(Value::as_str);
        headers.method = text("/method").map(str::to_owned);
        headers.name = text("/params/name").or(text("/params/uri")).map(|name| encode_value(name).into_owned());
    }
    let session = revision.map(|revision| SessionFacts { revision });
    decode(Inbound { verb, headers, body }, session, &Bounds::default())
}

/// Lets the fuzzer's signal handler run when the stack has overflowed, so that the input is kept.
pub fn catch_overflows() {
    const SIZE: usize = 1 << 18;
    let memory: &'static mut [u8] = Box::leak(vec![0; SIZE].into_boxed_slice());
    // SAFETY: the memory is never freed, and both structures are plain data for which zero is valid.
    unsafe {
        let mut stack: libc::stack_t = std::mem::zeroed();
        stack.ss_sp = memory.as_mut_ptr().cast();
        stack.ss_size = SIZE;
        libc::sigaltstack(&stack, std::ptr::null_mut());
        // The fuzzer keeps this flag when it puts its own handler here.
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_flags = libc::SA_ONSTACK;
        libc::sigaction(libc::SIGSEGV, &action, std::ptr::null_mut());
    }
}
