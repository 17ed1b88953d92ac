//! The rules of the house, executable: layers, who may touch the world, docs, the refusal table.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test fails by panicking"
)]
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

fn sources() -> Vec<(String, String)> {
    fn walk(directory: &Path, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(directory).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() { walk(&path, found) } else { found.push(path) }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    walk(&root, &mut found);
    found.retain(|path| path.extension().is_some_and(|extension| extension == "rs") && !path.ends_with("tests.rs"));
    found.sort();
    let name = |path: &Path| path.strip_prefix(&root).unwrap().display().to_string();
    found.iter().map(|path| (name(path), std::fs::read_to_string(path).unwrap())).collect()
}

/// The text without its tests.
fn product(text: &str) -> &str {
    text.split("#[cfg(test)]").next().unwrap()
}

/// The layers. A module may import those listed for it, and the kernel; nobody else.
const LAYERS: &[(&str, &[&str])] = &[
    ("kernel", &[]),
    ("clock", &[]),
    ("body", &[]),
    ("snapshots", &[]),
    ("contracts", &[]),
    ("metrics", &[]),
    ("tls", &[]),
    ("egress", &["tls"]),
    ("listen", &["body", "metrics", "tls"]),
    ("http", &["body"]),
    ("authn", &["egress"]),
    ("meter", &[]),
    ("memory", &["clock"]),
    ("sessions", &["clock"]),
    // Every step of a confirmation is in the record: it writes them itself, so that none is forgotten.
    ("confirmations", &["audit", "clock"]),
    // A page of its own beside the protocol: it signs people in and asks the confirmations.
    ("pages", &["audit", "authn", "body", "clock", "confirmations", "contracts", "egress", "http", "snapshots"]),
    ("wire", &["clock", "egress"]),
    ("upstream", &["clock", "egress", "wire"]),
    ("survey", &["egress", "wire"]),
    // A stream outlives the call that opened it, so it carries its record, session and place with it.
    (
        "relay",
        &[
            "body",
            "clock",
            "confirmations",
            "contracts",
            "memory",
            "metrics",
            "snapshots",
            "audit",
            "meter",
            "sessions",
        ],
    ),
    ("audit", &["clock", "metrics"]),
    (
        "exchange",
        &[
            "audit",
            "authn",
            "body",
            "clock",
            "confirmations",
            "contracts",
            "http",
            "memory",
            "meter",
            "metrics",
            "relay",
            "sessions",
            "snapshots",
            "upstream",
        ],
    ),
    ("cases", &[]),
    ("config", &["authn", "audit", "cases", "egress", "pages", "sessions", "tls"]),
    ("control", &["audit", "clock", "config", "contracts", "body", "egress", "http", "metrics", "snapshots", "survey"]),
    (
        "app",
        &[
            "audit",
            "authn",
            "clock",
            "config",
            "confirmations",
            "contracts",
            "control",
            "egress",
            "exchange",
            "listen",
            "meter",
            "metrics",
            "pages",
            "sessions",
            "snapshots",
            "tls",
            "upstream",
        ],
    ),
    ("demo", &["app", "clock", "cli", "egress"]),
    ("cli", &["app", "cases", "clock", "config", "control", "demo", "egress", "survey"]),
    ("main", &["cli"]),
    ("lib", &[]),
];

#[test]
fn each_module_imports_only_what_its_layer_allows() {
    let layers: BTreeMap<_, _> = LAYERS.iter().copied().collect();
    for (file, text) in sources() {
        let module = file.split(['/', '.']).next().unwrap().to_owned();
        let allowed = layers.get(module.as_str()).unwrap_or_else(|| panic!("{module} has no layer"));
        for (position, _) in product(&text).match_indices("crate::") {
            let rest = &text[position + 7..];
            let names: Vec<String> = if let Some(group) = rest.strip_prefix('{') {
                let group = group.split('}').next().unwrap();
                group.split(',').map(|part| part.trim().split([':', ' ']).next().unwrap().to_owned()).collect()
            } else {
                vec![rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()]
            };
            for name in names {
                let fine =
                    name == module || (name == "kernel" && module != "kernel") || allowed.contains(&name.as_str());
                assert!(fine, "{file} imports {name}");
            }
        }
    }
}

#[test]
fn only_these_files_touch_the_world() {
    let rules: &[(&[&str], &[&str])] = &[
        (&["SystemTime::now", "rand::fill"], &["clock.rs"]),
        (&["std::env::"], &["cli.rs"]),
        (&["TcpListener::bind"], &["app.rs", "demo.rs"]),
        (&["lookup_host"], &["egress.rs"]),
        (
            &["tokio::spawn"],
            &[
                "listen.rs",
                "egress.rs",
                "app.rs",
                "demo.rs",
                "demo/crm.rs",
                "demo/issuer.rs",
                "exchange/events.rs",
                "relay.rs",
                "upstream/newer.rs",
                "wire/process.rs",
                "wire/events.rs",
                "wire/lines.rs",
            ],
        ),
        (&["Command::new"], &["wire/process.rs"]),
        (&["Principal::assertion"], &["authn.rs"]),
        (&["Principal::supposed"], &["cases/compile.rs", "cli/redact.rs"]),
        (
            &["std::fs::", "File::open", "OpenOptions"],
            &[
                "config/load.rs",
                "control/reload.rs",
                "audit/sink.rs",
                "confirmations/journal.rs",
                "control/stop.rs",
                "cli/audit.rs",
                "cli/files.rs",
                "cli/test.rs",
                "demo.rs",
                "demo/tour.rs",
            ],
        ),
    ];
    for (file, text) in sources() {
        for (words, allowed) in rules {
            for word in *words {
                let used = product(&text).lines().any(|l| !l.trim_start().starts_with("//") && l.contains(word));
                assert!(!used || allowed.contains(&file.as_str()), "{file} uses {word}");
            }
        }
    }
}

#[test]
fn the_kernel_is_pure() {
    for (file, text) in sources().iter().filter(|(file, _)| file.starts_with("kernel")) {
        for word in [
            "tokio",
            "async ",
            "tracing",
            "println!",
            "std::time::Instant",
            "std::net",
            "std::fs",
            "rand::",
            "static mut",
            "Mutex",
        ] {
            assert!(!product(text).contains(word), "{file} uses {word}");
        }
    }
}

#[test]
fn only_the_revision_module_knows_version_strings() {
    for (file, text) in sources() {
        // The demo speaks as a client would; documentation may name revisions.
        let code: String = product(&text).lines().filter(|line| !line.trim_start().starts_with("//")).collect();
        let knows = ["\"2024-11-05\"", "\"2025-03-26\"", "\"2025-06-18\"", "\"2025-11-25\"", "\"2026-07-28\""];
        let used = knows.iter().any(|version| code.contains(version));
        assert!(!used || file == "kernel/mcp/revision.rs" || file.starts_with("demo/"), "{file}");
    }
}

#[test]
fn every_file_says_what_it_is() {
    for (file, text) in sources() {
        assert!(text.starts_with("//! "), "{file} has no module doc");
    }
}

#[test]
fn no_function_grows_past_its_ratchet() {
    // Lower it when the longest one is split; never raise it.
    const LONGEST: usize = 130;
    for (file, text) in sources() {
        let mut start = None;
        for (number, line) in product(&text).lines().enumerate() {
            let indent = line.len() - line.trim_start().len();
            let opens = line.contains("fn ") && !line.trim_start().starts_with("//");
            if opens && start.is_none_or(|(_, at)| indent <= at) {
                start = Some((number, indent));
            }
            if let Some((first, at)) = start
                && line.trim_start() == "}"
                && indent == at
            {
                assert!(number - first < LONGEST, "{file}:{} is {} lines", first + 1, number - first);
                start = None;
            }
        }
    }
}

#[test]
fn the_refusal_table_is_the_golden_one() {
    use portcullis::kernel::refusal::Reason;
    let mut table = String::new();
    for reason in Reason::ALL {
        let wire = reason.wire();
        table += &format!("{:<26} {:>3} {:>7}  {}\n", reason.name(), wire.status, wire.code, wire.text);
        // JSON-RPC reserves -32768..-32000; ours that no specification defines lie outside it.
        let defined = [-32700, -32600, -32601, -32602, -32603, -32020, -32021, -32022];
        assert!(defined.contains(&wire.code) || !(-32768..=-32000).contains(&wire.code), "{reason:?}");
    }
    print!("{table}");
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/refusals.txt");
    assert_eq!(
        table,
        std::fs::read_to_string(golden).unwrap(),
        "tests/data/refusals.txt is the table that clients rely on"
    );
}
