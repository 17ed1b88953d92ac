//! What redaction costs beside a copy of the memory and one regular expression per kind:
//! `cargo bench --bench redact`. Clean is prose, code, JSON and logs without anything sensitive; dense is the
//! corpus of `tests/redaction.rs`. MB/s of one core, the best of several rounds.
use bytes::Bytes;
use portcullis::kernel::json::{Bounds, Document};
use portcullis::kernel::redact::{Context, Engine};
use regex::RegexSet;
use std::hint::black_box;
use std::time::Instant;

const ROUNDS: usize = 15;
const SIZE: usize = 64 << 10;

/// Patterns that cover what the engine covers about as people write them.
const PATTERNS: &[&str] = &[
    r"\b(?:\d[ -]?){13,19}\b",
    r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,4})?\b",
    r"\b\d{3}-\d{2}-\d{4}\b",
    r"[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,24}",
    r"\+\d{1,3}[ .-]?(?:\d[ .-]?){7,12}",
    r"\b(?:\d{1,3}\.){3}\d{1,3}\b",
    r"\beyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\b",
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----",
    r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b",
    r"\b(?:ghp|gho|ghs)_[A-Za-z0-9]{36}\b",
    r"(?i)(?:password|passwd|pwd|secret|token|api_?key)\W{1,3}\S{6,}",
    r"\b[A-Z]{6}\d{2}[A-Z]\d{2}[A-Z]\d{3}[A-Z]\b",
];

fn clean() -> String {
    let mut text = String::new();
    for at in 0.. {
        if text.len() >= SIZE {
            break;
        }
        text += "The committee met again in the spring and agreed that the northern road should be rebuilt before the winter. ";
        text +=
            "Nobody could say how long that would take, but the estimates were friendly and the weather was kind.\n";
        if at % 3 == 0 {
            text += &format!(
                "2025-11-03 10:{:02}:{:02} INFO worker.pool: finished the batch without a warning\n",
                at % 60,
                at % 59
            );
        }
        if at % 5 == 0 {
            text += "    let mut out = Vec::with_capacity(a.len() + b.len());\n    while i < a.len() && j < b.len() { out.push(a[i]); i += 1; }\n";
            text += &format!(
                "{{\"id\": {at}, \"state\": \"open\", \"created_at\": \"2025-03-04T10:00:00Z\"}}\n| bolt | {} | 4.50 |\n",
                at % 90
            );
        }
    }
    text
}

fn best(bytes: usize, mut work: impl FnMut() -> usize) -> f64 {
    let mut best = f64::MAX;
    for _ in 0..ROUNDS {
        let begun = Instant::now();
        black_box(work());
        best = best.min(begun.elapsed().as_secs_f64());
    }
    bytes as f64 / best / 1e6
}

fn main() {
    let Ok(engine) = Engine::new(Vec::new()) else { return };
    let Ok(set) = RegexSet::new(PATTERNS) else { return };
    let corpus = std::fs::read_to_string("tests/data/redaction/dev.jsonl").unwrap_or_default();
    let dense: Vec<String> = corpus
        .lines()
        .filter_map(|line| {
            serde_json::from_str::<serde_json::Value>(line).ok()?.get("text")?.as_str().map(str::to_owned)
        })
        .collect();
    let one = Context::default();
    for (name, texts) in [("clean", vec![clean()]), ("dense", dense)] {
        let bytes = texts.iter().map(String::len).sum();
        let copied = best(bytes, || texts.iter().map(|text| black_box(text.clone()).len()).sum());
        let searched = best(bytes, || texts.iter().map(|text| set.matches(text).iter().count()).sum());
        let scanned = best(bytes, || texts.iter().map(|text| engine.scan_text(text, &one).len()).sum());
        println!("{name:6} copy {copied:8.0} MB/s   regex set {searched:8.0} MB/s   engine {scanned:8.0} MB/s");
    }
    let small: String = clean().chars().take(1024).collect();
    println!("clean message of 1 KB: {:.2} µs", 1024.0 / best(1024, || engine.scan_text(&small, &one).len()));
    let message = serde_json::json!({ "result": { "content": [{ "type": "text", "text": clean() }] } }).to_string();
    let message = Bytes::from(message);
    let whole = best(message.len(), || {
        Document::parse(message.clone(), &Bounds::default()).map_or(0, |document| engine.scan(document.root()).len())
    });
    println!("clean document of 64 KB, parsed and scanned: {whole:.0} MB/s");
}
