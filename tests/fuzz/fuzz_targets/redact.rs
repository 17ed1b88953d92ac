//! Any text, whole, in pieces and as a document: spans are in order and on characters, redacting again and again comes to
//! an end, chunking changes nothing, documents stay documents.
#![no_main]
use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use portcullis::kernel::json::{Bounds, Document};
use portcullis::kernel::redact::{Context, Edit, Engine, Finding, Tail, cover};
use std::sync::LazyLock;

static ENGINE: LazyLock<Engine> = LazyLock::new(|| Engine::new(Vec::new()).unwrap_or_else(|_| unreachable!()));

fn replaced(finding: &Finding<'_>) -> Edit {
    Edit::Replace(cover::placeholder(finding.kind.name()))
}

fn streamed(text: &str, size: usize) -> String {
    let mut tail = Tail::new(&ENGINE, Vec::new());
    let mut out = String::new();
    let mut piece = String::new();
    for character in text.chars() {
        piece.push(character);
        if piece.len() >= size {
            tail.push(&piece, &mut replaced, &mut out);
            piece.clear();
        }
    }
    tail.push(&piece, &mut replaced, &mut out);
    tail.finish(&mut replaced, &mut out);
    out
}

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let mut last = 0;
    for span in ENGINE.scan_text(text, &Context { path: &["customer", "number"] }) {
        assert!(last <= span.start && span.start < span.end && text.get(span.start..span.end).is_some());
        last = span.end;
    }
    // Mostly at once. What stood between two labels may be the second's when the first's is gone.
    let mut now = ENGINE.rewrite_wire(text, replaced);
    let settled = (0..4).any(|_| {
        let next = ENGINE.rewrite_wire(&now, replaced);
        std::mem::replace(&mut now, next) == now
    });
    assert!(settled, "{now:?}");
    assert_eq!(streamed(text, 1), streamed(text, 700));
    // A number or a string that stands alone is a text.
    let document = Document::parse(Bytes::copy_from_slice(text.as_bytes()), &Bounds::default());
    if document.is_ok_and(|document| document.root().is_object() || document.root().is_array()) {
        for decide in [replaced, |_: &Finding<'_>| Edit::Drop] {
            let out = ENGINE.rewrite_wire(text, decide);
            assert!(Document::parse(Bytes::from(out), &Bounds::default()).is_ok());
        }
    }
});
