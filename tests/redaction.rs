//! The redaction engine against a labelled corpus, and what holds of every rewriting. The corpus is synthetic;
//! `tests/data/redaction/README.md` says what is in it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test fails by panicking"
)]
use bytes::Bytes;
use portcullis::kernel::json::{Bounds, Document};
use portcullis::kernel::redact::{Context, Edit, Engine, Finding, HELD_MAX, Kind, OwnRule, OwnType, Tail, cover, kind};
use proptest::prelude::*;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::LazyLock;

#[derive(Deserialize)]
struct Record {
    text: String,
    kind: String,
    spans: Vec<Gold>,
    decoys: Vec<Range>,
    #[serde(default)]
    ignore: Vec<Range>,
    #[serde(default)]
    tags: Vec<String>,
}

#[derive(Deserialize)]
struct Gold {
    start: usize,
    end: usize,
    #[serde(rename = "type")]
    kind: String,
    outer: Option<(usize, usize)>,
}

#[derive(Deserialize)]
struct Range {
    start: usize,
    end: usize,
}

static CORPUS: LazyLock<Vec<Record>> = LazyLock::new(|| {
    let text = std::fs::read_to_string("tests/data/redaction/dev.jsonl").unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
});

/// What is predicted for each record, once for all tests: name and characters.
static PREDICTED: LazyLock<Vec<Vec<Predicted>>> = LazyLock::new(|| {
    let predict = |record: &Record| {
        let places: Vec<usize> = record.text.char_indices().map(|(at, _)| at).chain([record.text.len()]).collect();
        // The corpus counts characters.
        let place = |at: usize| places.partition_point(|known| *known < at);
        let spans = ENGINE.scan_wire(&record.text);
        spans.iter().map(|span| (span.kind.name(), (place(span.start), place(span.end)))).collect()
    };
    CORPUS.iter().map(predict).collect()
});

type Predicted = (&'static str, (usize, usize));

static ENGINE: LazyLock<Engine> = LazyLock::new(|| Engine::new(Vec::new()).ok().unwrap());

/// What one record, or all of them, came to.
#[derive(Default)]
struct Score {
    gold: usize,
    found: usize,
    predicted: usize,
    right: usize,
    sealed: usize,
    decoys: usize,
    decoys_hit: usize,
    harmless: usize,
    damaged: usize,
}

impl Score {
    fn recall(&self) -> f64 {
        self.found as f64 / self.gold as f64
    }

    fn precision(&self) -> f64 {
        self.right as f64 / self.predicted as f64
    }

    fn f1(&self) -> f64 {
        2.0 * self.precision() * self.recall() / (self.precision() + self.recall())
    }

    fn sealed(&self) -> f64 {
        self.sealed as f64 / self.gold as f64
    }
}

fn overlap(a: (usize, usize), b: (usize, usize)) -> usize {
    a.1.min(b.1).saturating_sub(a.0.max(b.0))
}

/// A prediction is right when it has the type of a labelled span and at least half of their union in common, or
/// lies in what may be covered around it and covers half of it. A span is sealed when no letter or digit of it is
/// left. A decoy is hit, and a harmless record damaged, by a prediction that lies on no labelled span.
fn score(which: impl Fn(&Record) -> bool, wanted: impl Fn(&str) -> bool) -> Score {
    let mut score = Score::default();
    for (record, predicted) in CORPUS.iter().zip(&*PREDICTED).filter(|(record, _)| which(record)) {
        let characters: Vec<char> = record.text.chars().collect();
        let mut used = vec![false; predicted.len()];
        for gold in record.spans.iter().filter(|gold| wanted(&gold.kind)) {
            let span = (gold.start, gold.end);
            score.gold += 1;
            let fits = |(kind, at): &(&str, (usize, usize))| {
                let common = overlap(span, *at);
                let union = (span.1 - span.0) + (at.1 - at.0) - common;
                let inside = gold.outer.is_some_and(|outer| outer.0 <= at.0 && at.1 <= outer.1);
                *kind == gold.kind && common > 0 && (common * 2 >= union || inside && common * 2 >= span.1 - span.0)
            };
            if let Some(at) = (0..predicted.len()).find(|at| !used[*at] && fits(&predicted[*at])) {
                used[at] = true;
                score.found += 1;
            }
            let covered = |at: usize| predicted.iter().any(|(_, p)| (p.0..p.1).contains(&at));
            score.sealed += usize::from((span.0..span.1).all(|at| !characters[at].is_alphanumeric() || covered(at)));
        }
        let on = |at: (usize, usize), ranges: &[Range]| ranges.iter().any(|r| overlap(at, (r.start, r.end)) > 0);
        let mut wrong = Vec::new();
        for (used, (kind, at)) in used.iter().zip(predicted) {
            let touches = record.spans.iter().any(|g| overlap(*at, g.outer.unwrap_or((g.start, g.end))) > 0);
            let ignored = !touches && on(*at, &record.ignore);
            if ignored || !wanted(kind) && !*used {
                continue;
            }
            score.predicted += 1;
            score.right += usize::from(*used);
            if !touches {
                wrong.push(*at);
            }
        }
        score.decoys += record.decoys.len();
        score.decoys_hit +=
            record.decoys.iter().filter(|d| wrong.iter().any(|at| overlap(*at, (d.start, d.end)) > 0)).count();
        if record.spans.is_empty() {
            score.harmless += 1;
            score.damaged += usize::from(!wrong.is_empty());
        }
    }
    score
}

fn is_secret(kind: &str) -> bool {
    matches!(kind, "API_KEY" | "PASSWORD" | "PRIVATE_KEY" | "JWT")
}

#[test]
fn what_is_sensitive_is_found_and_what_is_harmless_stays() {
    let all = score(|_| true, |_| true);
    assert!(all.f1() >= 0.95, "typed F1 {:.4}", all.f1());
    assert!(all.precision() >= 0.97, "precision {:.4}", all.precision());
    assert!(all.sealed() >= 0.95, "sealed recall {:.4}", all.sealed());
    assert!(all.decoys_hit * 100 <= all.decoys, "{} of {} decoys hit", all.decoys_hit, all.decoys);
    assert!(all.damaged * 50 <= all.harmless, "{} of {} harmless records damaged", all.damaged, all.harmless);
}

#[test]
fn secrets_are_found_and_disguises_do_not_help() {
    let secrets = score(|_| true, is_secret);
    assert!(secrets.f1() >= 0.95, "secrets F1 {:.4}", secrets.f1());
    let disguised = score(|record| record.tags.iter().any(|tag| tag == "evasion"), |_| true);
    assert!(disguised.gold > 100);
    assert!(disguised.recall() >= 0.85, "evasion recall {:.4}", disguised.recall());
    assert!(disguised.sealed() >= 0.85, "evasions sealed {:.4}", disguised.sealed());
}

#[test]
fn every_kind_of_the_corpus_is_found() {
    let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
    CORPUS.iter().flat_map(|record| &record.spans).for_each(|span| *kinds.entry(&span.kind).or_default() += 1);
    for name in kinds.into_keys() {
        let one = score(|_| true, |kind| kind == name);
        assert!(Kind::named(name).is_some(), "{name} has no kind");
        assert!(one.recall() >= 0.9, "{name}: recall {:.3}", one.recall());
    }
}

fn replaced(finding: &Finding<'_>) -> Edit {
    Edit::Replace(cover::placeholder(finding.kind.name()))
}

fn masked(finding: &Finding<'_>) -> Edit {
    Edit::Replace(cover::mask(finding.kind, finding.value))
}

fn parse(text: &str) -> Option<Document> {
    Document::parse(Bytes::copy_from_slice(text.as_bytes()), &Bounds::default()).ok()
}

#[test]
fn redacting_twice_changes_nothing_and_documents_stay_documents() {
    for record in CORPUS.iter().step_by(2) {
        for decide in [replaced, masked] {
            let once = ENGINE.rewrite_wire(&record.text, decide);
            let twice = ENGINE.rewrite_wire(&once, decide);
            assert_eq!(once, twice, "of {}", record.text);
            assert_eq!(record.kind == "json", record.kind == "json" && parse(&once).is_some(), "{once}");
        }
        let dropped = ENGINE.rewrite_wire(&record.text, |_| Edit::Drop);
        assert!(record.kind != "json" || parse(&dropped).is_some(), "{dropped}");
    }
}

#[test]
fn what_is_not_found_stays_byte_for_byte() {
    for record in CORPUS.iter().filter(|record| record.kind == "text").step_by(3) {
        let mut left = String::new();
        let mut at = 0;
        for span in ENGINE.scan_wire(&record.text) {
            left.push_str(&record.text[at..span.start]);
            left.push('\u{1}');
            at = span.end;
        }
        left.push_str(&record.text[at..]);
        let rewritten = ENGINE.rewrite_wire(&record.text, |_| Edit::Replace("\u{1}".to_owned()));
        // In a line that is JSON a control character is escaped, and a number becomes a string.
        let plain = |text: &str| text.replace("\\u0001", "\u{1}").replace("\"\u{1}\"", "\u{1}");
        assert_eq!(plain(&rewritten), plain(&left), "of {}", record.text);
        assert_eq!(ENGINE.rewrite_wire(&record.text, |_| Edit::Keep), record.text);
    }
    let pretty = "{\n  \"a\" : 1.50,\n  \"mail\": \"x\\u00e9 jo@example.com\",\n  \"b\": [ true ]\n}";
    let expected = "{\n  \"a\" : 1.50,\n  \"mail\": \"xé [EMAIL]\",\n  \"b\": [ true ]\n}";
    assert_eq!(ENGINE.rewrite_wire(pretty, replaced), expected);
}

#[test]
fn a_document_inside_a_string_is_rewritten_in_place() {
    let inner = "{\n  \"ssn\": 219099998,\n  \"order\": 12\n}";
    let outer = serde_json::json!({ "content": [{ "type": "text", "text": inner }] }).to_string();
    let out = ENGINE.rewrite_wire(&outer, replaced);
    let value: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(value["content"][0]["text"], "{\n  \"ssn\": \"[US_SSN]\",\n  \"order\": 12\n}");
    let kept = ENGINE.rewrite_wire(&outer, |_| Edit::Json(b"0".to_vec()));
    let value: serde_json::Value = serde_json::from_str(&kept).unwrap();
    assert_eq!(value["content"][0]["text"], "{\n  \"ssn\": 0,\n  \"order\": 12\n}");
}

#[test]
fn keys_that_are_values_are_covered_and_stay_apart() {
    let out = ENGINE.rewrite_wire(r#"{"jo@example.com":1,"al@example.com":2}"#, replaced);
    assert_eq!(out, r#"{"[EMAIL]":1,"[EMAIL]_2":2}"#);
}

#[test]
fn own_types_are_found_by_pattern_words_and_path() {
    let own = |name: &str, rule| OwnType { name: name.to_owned(), group: None, rule };
    let engine = Engine::new(vec![
        own("BADGE", OwnRule::Pattern(r"\bBX-\d{5}\b".to_owned())),
        own("PROJECT", OwnRule::Words(vec!["Bluebird".to_owned()])),
        own("SALARY", OwnRule::Path(["staff", "*", "pay"].map(str::to_owned).to_vec())),
    ])
    .ok()
    .unwrap();
    let decide = |finding: &Finding<'_>| Edit::Replace(cover::placeholder(engine.name(finding.kind)));
    let text = r#"{"staff":{"ann":{"pay":9000,"note":"BX-12345 on bluebird, bluebirds fly"}}}"#;
    let expected = r#"{"staff":{"ann":{"pay":"[SALARY]","note":"[BADGE] on [PROJECT], bluebirds fly"}}}"#;
    assert_eq!(engine.rewrite_wire(text, decide), expected);
    assert!(Engine::new(vec![own("ALL", OwnRule::Pattern(".*".to_owned()))]).is_err(), "it fits the empty text");
    assert!(Engine::new(vec![own("BIG", OwnRule::Pattern(r"\w{1000}{1000}".to_owned()))]).is_err());
}

/// The text in pieces that end at these places, as near as characters allow.
fn streamed(text: &str, cuts: &[usize]) -> String {
    let mut tail = Tail::new(&ENGINE, Vec::new());
    let (mut out, mut at) = (String::new(), 0);
    for cut in cuts {
        let end = (*cut..=text.len()).find(|end| text.is_char_boundary(*end)).unwrap_or(text.len()).max(at);
        tail.push(&text[at..end], &mut replaced, &mut out);
        at = end;
    }
    tail.push(&text[at..], &mut replaced, &mut out);
    tail.finish(&mut replaced, &mut out);
    out
}

#[test]
fn a_stream_gives_the_same_output_in_single_characters_as_at_once() {
    for record in CORPUS.iter().step_by(20) {
        let every: Vec<usize> = (0..record.text.len()).collect();
        assert_eq!(streamed(&record.text, &every), streamed(&record.text, &[]), "of {}", record.text);
    }
}

#[test]
fn where_a_stream_is_cut_does_not_depend_on_its_pieces_around_what_looks_like_a_key() {
    let key = format!("-----BEGIN RSA PRIVATE KEY-----\n{}\n-----END RSA PRIVATE KEY-----\n", "MIIEow0BAQ".repeat(12));
    let words = "some words that say nothing ".repeat(24);
    for text in [
        "PASSWORD=Y-----BEGIN D_HERE\nAPI_KEY=YOUR_PA\nTOKEN_TTL=7668\nSECRET_NAME=prod/app/db\n".to_owned(),
        "x-----BEGIN CERTIFICATE-----\npassword: Winter#2291\nPRIVATE KEY\n".to_owned(),
        format!("password: Winter#2291\nkey: {key}password: Winter#2291\n"),
        format!("{words}PASSWORD=Winter#2291 {key}{words}"),
        format!("{words}-----BEGIN {words}{key}"),
        "PASSWORD=Y-----BEGIN ".to_owned(),
    ] {
        let whole = streamed(&text, &[]);
        for step in [1, 3, 7, 50, 700] {
            let cuts: Vec<usize> = (step..text.len()).step_by(step).collect();
            assert_eq!(streamed(&text, &cuts), whole, "{step}: {text:?}");
        }
        assert!(!whole.contains("Winter#2291") && !whole.contains("MIIEow0BAQ"), "{whole:?}");
    }
}

#[test]
fn a_value_split_over_pieces_is_found() {
    for at in 0..40 {
        let text = "please bill card 4111 1111 1111 1111 and write to jo@example.com today\n";
        assert_eq!(streamed(text, &[at]), "please bill card [CREDIT_CARD] and write to [EMAIL] today\n");
    }
}

#[test]
fn what_is_held_back_is_bounded_and_a_long_value_is_covered_to_its_end() {
    let key = format!("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.{}", "Ab3".repeat(10_000));
    let text = format!("token={key} and more words follow here\n");
    let mut tail = Tail::new(&ENGINE, Vec::new());
    let (mut out, mut given) = (String::new(), 0);
    for piece in text.as_bytes().chunks(100) {
        tail.push(std::str::from_utf8(piece).unwrap(), &mut replaced, &mut out);
        given += piece.len();
        assert!(out.contains('[') || given <= HELD_MAX + 200, "nothing came out of {given} bytes");
    }
    tail.finish(&mut replaced, &mut out);
    assert!(!out.contains("Ab3Ab3"), "{}", &out[..out.len().min(200)]);
    assert!(out.ends_with("and more words follow here\n"), "{}", &out[..out.len().min(200)]);
}

proptest! {
    #[test]
    fn any_chunking_gives_the_same_output(record in 0..3000usize, cuts in prop::collection::vec(0..600usize, 0..8)) {
        let text = &CORPUS[record % CORPUS.len()].text;
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(text.len())).collect();
        cuts.sort_unstable();
        prop_assert_eq!(streamed(text, &cuts), streamed(text, &[]));
    }

    #[test]
    fn spans_of_anything_are_in_order_and_on_characters(text in "(?s).{0,200}|[0-9 .:@/+()-]{0,200}|[a-z=:\" 0-9]{0,200}") {
        let spans = ENGINE.scan_text(&text, &Context { path: &["password"] });
        let mut last = 0;
        for span in spans {
            prop_assert!(last <= span.start && span.start < span.end && text.get(span.start..span.end).is_some());
            last = span.end;
        }
        let once = ENGINE.rewrite_wire(&text, replaced);
        prop_assert_eq!(ENGINE.rewrite_wire(&once, replaced), once);
    }
}

#[test]
fn a_label_that_had_its_value_gets_no_other_when_that_is_taken_out() {
    for text in [
        "dl=0a000=00a00=",
        "routing, |56bbBa3.member id=\"3a3A016: 0BB566, =\"",
        "0813739 is 348A57)dl|/5696BA3050.",
        "name)passport is =\"96b827BB=2135A97:)",
        "mrn is 9B5257\"  6A61A4357A\" 5/",
        "name/mrn=294A784\n8690B/routing",
        "<span>passport 96b827BB</span><span>2135A97B</span>",
    ] {
        let once = ENGINE.rewrite_wire(text, replaced);
        assert_ne!(once, text);
        assert_eq!(ENGINE.rewrite_wire(&once, replaced), once, "{text}");
        let once = ENGINE.rewrite_wire(text, masked);
        assert_eq!(ENGINE.rewrite_wire(&once, masked), once, "{text}");
    }
}

#[test]
fn the_manual_lists_every_kind() {
    let path = "docs/redaction.md";
    let manual = std::fs::read_to_string(path).unwrap();
    let (begin, end) = ("<!-- kinds -->\n", "<!-- end of kinds -->");
    let (head, rest) = manual.split_once(begin).unwrap();
    let (table, tail) = rest.split_once(end).unwrap();
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(path, format!("{head}{begin}{}{end}{tail}", kind::table())).unwrap();
        return;
    }
    assert_eq!(table, kind::table(), "run with BLESS=1");
}

#[test]
fn what_only_looks_like_a_placeholder_hides_nothing() {
    let engine = Engine::new(Vec::new()).unwrap();
    let key = format!("ghp_{}", "x7Kp2mQ9vT4wR8sL3nB6yH1jD5fG0aZcEuVt");
    for text in
        [format!("[API_KEY~{key}]"), format!("x~{key}"), format!("~{key}"), "[EMAIL~ann@example.com]".to_owned()]
    {
        assert!(!engine.scan_text(&text, &Context::default()).is_empty(), "{text}");
    }
    let sealed = "[EMAIL~AaJrXmFhYzE5Zjg3MjNkOWFiYzEyMzQ1Njc4OTAxMjM0NTY3ODkwYWJjZGVmZ2hpamtsbW5vcA]";
    assert!(engine.scan_text(sealed, &Context { path: &["api_token"] }).is_empty(), "a token of ours is none");
}

/// What a command prints for this input, and whether it succeeded.
fn ran(arguments: &[&str], input: &str) -> (bool, String, String) {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_portcullis"));
    let piped = std::process::Stdio::piped;
    let mut child = command.args(arguments).stdin(piped()).stdout(piped()).stderr(piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_owned();
    let writing = std::thread::spawn(move || std::io::Write::write_all(&mut stdin, input.as_bytes()).ok());
    let output = child.wait_with_output().unwrap();
    let _ = writing.join();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.success(), text(output.stdout), text(output.stderr))
}

#[test]
fn what_could_not_be_looked_through_is_covered_whichever_types_are_asked_for() {
    let dense = format!("{}card 4111 1111 1111 1111", "pw:pw:pw=pw:pwd\u{2192}PASSWORD | ".repeat(4_000));
    for (action, out) in [("replace", "[UNREAD]"), ("mask", "********"), ("drop", "")] {
        let (_, got, told) = ran(&["redact", "--types", "pci", "--action", action], &dense);
        assert_eq!(got, out, "{action}");
        assert!(told.contains("UNREAD: has more"), "{told}");
    }
    let record = serde_json::json!({ "id": 1, "text": dense }).to_string();
    let (_, spans, _) = ran(&["redact", "--spans", "--types", "pci"], &record);
    assert!(spans.contains("\"type\":\"UNREAD\""), "{spans}");
    let directory = std::env::temp_dir().join(format!("portcullis-scan-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    std::fs::write(directory.join("a.txt"), &dense).unwrap();
    let utf16 = "card,4111 1111 1111 1111\n".encode_utf16();
    let bytes =
        |unit: fn(u16) -> [u8; 2]| std::iter::once(0xFEFF).chain(utf16.clone()).flat_map(unit).collect::<Vec<_>>();
    std::fs::write(directory.join("b.csv"), bytes(u16::to_le_bytes)).unwrap();
    std::fs::write(directory.join("c.csv"), bytes(u16::to_be_bytes)).unwrap();
    let (none, found, told) = ran(&["scan", "--types", "pci", &directory.to_string_lossy()], "");
    std::fs::remove_dir_all(&directory).unwrap();
    let kinds: Vec<_> = found.lines().filter_map(|line| line.rsplit_once('/')).map(|(_, told)| told).collect();
    assert_eq!(kinds, ["a.txt:1:1: UNREAD", "b.csv:1:6: CREDIT_CARD", "c.csv:1:6: CREDIT_CARD"]);
    assert!(!none && told.contains("UNREAD: has more"), "{told}");
}
