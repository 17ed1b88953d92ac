//! Text as it comes: a document, lines that are documents, events of a stream, or plain text between them.
use super::document::{self, Findings};
use super::effort::Effort;
use super::{Context, Edit, Engine, Finding, Place, Span};
use crate::kernel::json::{Bounds, Document};
use bytes::Bytes;
use std::ops::Range;

/// A part of a text.
enum Part {
    Text(Range<usize>),
    Json(Range<usize>, Document),
}

impl Engine {
    /// What is sensitive in a text that may be or contain JSON, in order; offsets in the text as it is written.
    pub fn scan_wire(&self, text: &str) -> Vec<Span> {
        self.scan_wire_within(text, &Effort::of(text.len()))
    }

    /// The same, with what may still be done.
    pub fn scan_wire_within(&self, text: &str, effort: &Effort) -> Vec<Span> {
        let mut all = Vec::new();
        each_part(text, |part| {
            let (start, spans) = match part {
                Part::Text(range) => (
                    range.start,
                    self.scan_text_within(text.get(range).unwrap_or_default(), &Context::default(), effort),
                ),
                Part::Json(range, document) => {
                    (range.start, self.scan_within(document.root(), &|_| false, effort).wire(&document))
                }
            };
            all.extend(spans.into_iter().map(|span| Span { start: span.start + start, end: span.end + start, ..span }));
        });
        all
    }

    /// The text with what `decide` says in place of what was found; documents stay documents.
    pub fn rewrite_wire(&self, text: &str, mut decide: impl FnMut(&Finding<'_>) -> Edit) -> String {
        let (mut out, effort) = (String::with_capacity(text.len()), Effort::of(text.len()));
        let mut at = 0;
        each_part(text, |part| {
            let range = match &part {
                Part::Text(range) | Part::Json(range, _) => range.clone(),
            };
            out.push_str(text.get(at..range.start).unwrap_or_default());
            at = range.end;
            match part {
                Part::Text(range) => {
                    let text = text.get(range).unwrap_or_default();
                    put(text, &self.scan_text_within(text, &Context::default(), &effort), &mut decide, &mut out);
                }
                Part::Json(_, document) => {
                    let findings = self.scan_within(document.root(), &|_| false, &effort);
                    out.push_str(&rewritten(&document, &findings, &mut decide));
                }
            }
        });
        out.push_str(text.get(at..).unwrap_or_default());
        out
    }
}

/// Appends `text` with edits in place of `spans`. Dropping a finding leaves nothing in its place.
pub fn put(text: &str, spans: &[Span], decide: &mut impl FnMut(&Finding<'_>) -> Edit, out: &mut String) {
    let mut at = 0;
    for span in spans {
        let value = text.get(span.start..span.end).unwrap_or_default();
        let replacement = match decide(&Finding { kind: span.kind, value, text, place: Place::Text, under_text: false })
        {
            Edit::Keep => continue,
            Edit::Replace(replacement) => replacement,
            Edit::Json(json) => String::from_utf8_lossy(&json).into_owned(),
            Edit::Drop => String::new(),
        };
        out.push_str(text.get(at..span.start).unwrap_or_default());
        out.push_str(&replacement);
        at = span.end;
    }
    out.push_str(text.get(at..).unwrap_or_default());
}

/// A document rewritten, byte for byte as it was but for what changes.
fn rewritten(document: &Document, findings: &Findings, decide: &mut impl FnMut(&Finding<'_>) -> Edit) -> String {
    document::within(document, findings, decide).unwrap_or_else(|| document.text().to_owned())
}

/// Takes a text apart: whole if it is one document, otherwise by lines. One document is held at a time.
fn each_part(text: &str, mut each: impl FnMut(Part)) {
    let trimmed = text.trim_ascii();
    let lead = text.len() - text.trim_ascii_start().len();
    if let Some(document) = parse(trimmed) {
        return each(Part::Json(lead..lead + trimmed.len(), document));
    }
    let mut plain = 0..0;
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let payload = line.strip_prefix("data:").map_or(line, str::trim_ascii_start);
        let start = at + (line.len() - payload.len());
        let payload = payload.trim_ascii_end();
        let begin = start + (payload.len() - payload.trim_ascii_start().len());
        if let Some(document) = parse(payload.trim_ascii_start()) {
            plain.end = begin;
            if !plain.is_empty() {
                each(Part::Text(plain));
            }
            let end = start + payload.len();
            each(Part::Json(begin..end, document));
            plain = end..end;
        }
        at += line.len();
    }
    plain.end = text.len();
    if !plain.is_empty() {
        each(Part::Text(plain));
    }
}

fn parse(text: &str) -> Option<Document> {
    let encloses = matches!((text.bytes().next()?, text.bytes().next_back()?), (b'{', b'}') | (b'[', b']'));
    if !encloses {
        return None;
    }
    let bounds = Bounds { bytes_max: 64 << 20, nodes_max: 8_000_000, ..Bounds::default() };
    Document::parse(Bytes::copy_from_slice(text.as_bytes()), &bounds).ok()
}
