//! What redaction costs beside a copy of the memory and one regular expression per kind:
//! `cargo bench --bench redact`. Clean is prose, code, JSON and logs without anything sensitive; dense is the
//! corpus of `tests/redaction.rs`; records are what most tools answer with. MB/s of one core, the best of several rounds.
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

/// A tool result as most are: rows of identifiers, dates, prices, addresses, names and states, nothing sensitive.
fn records() -> Bytes {
    let mut rows = Vec::new();
    let mut size = 0;
    for n in 0u64.. {
        if size > SIZE {
            break;
        }
        let one = |of: [&'static str; 3], step: u64| of.into_iter().nth((n / step) as usize % 3);
        let mixed = n.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let title = [
            one(["Replace", "Inspect", "Repair"], 1),
            one(["the pump", "the valve", "the northern gate"], 3),
            one(["before summer", "before the audit", "after the frost"], 9),
        ]
        .into_iter()
        .flatten()
        .collect::<Vec<_>>()
        .join(" ");
        let row = serde_json::json!({
            "id": 48_210 + n * 7,
            "uuid": format!("{:08x}-{:04x}-4{:03x}-a{:03x}-{:012x}", mixed >> 32, n * 31, n & 0xFFF, (n * 17) & 0xFFF, mixed >> 16),
            "order_number": format!("SO-2025-{:05}", 10_000 + n * 13),
            "status": one(["open", "waiting", "closed"], 1),
            "priority": one(["low", "normal", "high"], 3),
            "title": title,
            "quantity": n % 17 + 1,
            "unit_price": (n * 37 % 9000) as f64 / 100.0,
            "currency": "EUR",
            "created_at": format!("2025-{:02}-{:02}T{:02}:{:02}:00Z", n % 12 + 1, n % 28 + 1, n % 24, n * 7 % 60),
            "due": format!("2025-11-{:02}", n % 28 + 1),
            "url": format!("https://tracker.example/projects/pumps/issues/{}", 48_210 + n * 7),
            "assignee": { "name": one(["Maria Keller", "Tom Baker", "Anna Lind"], 1), "team": "team blue", "active": n % 2 == 0 },
            "labels": ["maintenance", "building-7", "q3"],
            "parent": null,
            "version": format!("2.{}.{}", n % 10, n % 7),
            "sha": format!("{mixed:016x}{:016x}{:08x}", mixed.rotate_left(21), n.wrapping_mul(2_654_435_761) & 0xFFFF_FFFF),
            "location": { "lat": 52.0 + (n * 37 % 1000) as f64 / 1000.0, "lng": 13.0, "country_code": "DE" },
        });
        size += row.to_string().len() + 1;
        rows.push(row);
    }
    serde_json::json!({ "result": { "structuredContent": { "rows": rows, "total_count": 1234 } } }).to_string().into()
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
    let records = records();
    let parse = || Document::parse(records.clone(), &Bounds::default()).ok();
    let parsed = best(records.len(), || parse().map_or(0, |document| document.root().weight()));
    let Some(document) = parse() else { return };
    let scanned = best(records.len(), || engine.scan(document.root()).len());
    println!("records of 64 KB: parsed {parsed:.0} MB/s, scanned {scanned:.0} MB/s");
}
