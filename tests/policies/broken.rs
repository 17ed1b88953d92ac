//! Configurations that are wrong, and what `check --strict` says of each, to the letter. A person reads that
//! text to mend a file, so it is part of the product.
//!
//! Each directory of `tests/data/broken` is a case: what differs from `common`, and `expected.txt`. A
//! `gateway.yaml` and what is no YAML lies beside the policies, everything else among them. Files that are
//! large, or that a version control system would not keep as they are, are made here ([`made`]).
//! `BLESS=1 cargo test` writes what is said now; read the difference before it is committed.
use portcullis::kernel::policy::flaw::Check;
use std::fmt::Write as _;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// A debug build on a busy machine; a release build takes a tenth.
const LONGEST: Duration = Duration::from_secs(20);

const POLICY: &str = "server: crm\ncontacts: [crm-team@example.com]\nupstream: { url: http://127.0.0.1:3001/mcp }\n\
    access: { issuers: [corp], audience: https://mcp.example.com/crm/mcp, token_life_max: 1h }\n";
const TOOLS: &str = "tools:\n  find_customer: { effect: read, scopes: [crm.read] }\n";

fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/broken")
}

fn cases() -> Vec<String> {
    let entries = std::fs::read_dir(data()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = entries.filter(|name| name != "common").collect();
    names.sort();
    names
}

/// Lays out the case of a name without its number.
pub fn laid_out_by_name(name: &str) -> PathBuf {
    let number = |case: &String| case.split_once('-').unwrap().1 == name;
    laid_out(&cases().into_iter().find(number).unwrap(), "again")
}

/// Lays out one case in a directory of its own.
fn laid_out(name: &str, of: &str) -> PathBuf {
    let directory = std::env::temp_dir().join(format!("portcullis-{of}-{}-{name}", std::process::id()));
    let _ = std::fs::remove_dir_all(&directory);
    std::fs::create_dir_all(directory.join("policies")).unwrap();
    for source in [data().join("common"), data().join(name)] {
        copy(&source, &source, &directory);
    }
    made(name.split_once('-').unwrap().1, &directory);
    directory
}

fn copy(root: &Path, from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            copy(root, &path, to);
            continue;
        }
        let inside = path.strip_prefix(root).unwrap();
        let yaml = path.extension().is_some_and(|extension| extension == "yaml");
        let policy = inside != Path::new("gateway.yaml") && (yaml || inside.components().count() > 1);
        let target = if policy { to.join("policies").join(inside) } else { to.join(inside) };
        std::fs::create_dir_all(target.parent().unwrap()).unwrap();
        std::fs::copy(&path, target).unwrap();
    }
}

/// Files that are made rather than kept.
fn made(name: &str, directory: &Path) {
    let policy = directory.join("policies/crm.yaml");
    let write = |content: &[u8]| std::fs::write(&policy, content).unwrap();
    let with = |more: &str| write(format!("{POLICY}{more}").as_bytes());
    let when = |text: &str| with(&format!("tools:\n  a: {{ effect: read, scopes: [x], when: \"{text}\" }}\n"));
    let include = |names: &str| write(format!("include: [{names}]\n{POLICY}{TOOLS}").as_bytes());
    let many = |count: usize, line: &dyn Fn(usize) -> String| (0..count).map(line).collect::<String>();
    match name {
        "bom" => write(format!("\u{feff}{POLICY}{TOOLS}tool: []\n").as_bytes()),
        "latin-1" => {
            write(format!("{POLICY}# gr\u{f6}\u{df}er\n").chars().map(|c| c as u8).collect::<Vec<_>>().as_slice())
        }
        "nul" => with("tools:\n  find\0customer: { effect: read, scopes: [crm.read] }\n"),
        "control-characters" => with("tools:\n  \"find\\u001bcustomer\": { effect: read, scopes: [\"a\\nb\"] }\n"),
        "utf-16" => {
            let wide = format!("\u{feff}{POLICY}{TOOLS}");
            write(&wide.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>());
        }
        "yaml-bomb" => {
            let level = |at: usize| format!("  - &l{} [{}]\n", at + 1, vec![format!("*l{at}"); 9].join(", "));
            with(&format!("suppress:\n  - &l0 [x]\n{}", many(12, &level)));
        }
        "alias-bomb-of-texts" => {
            let long = "x".repeat(1 << 20);
            with(&format!("tools:\n  a: {{ effect: read, scopes: [&x {long}, {}] }}\n", vec!["*x"; 90_000].join(", ")));
        }
        "deep-flow" => with(&format!("tools: {}\n", "[".repeat(100_000))),
        "deep-blocks" => with(&format!("tools:\n{}", many(500, &|at| format!("{}a:\n", " ".repeat(at + 1))))),
        "huge-file" => write(format!("{POLICY}{TOOLS}#{}\n", "x".repeat(5 << 20)).as_bytes()),
        "many-values" => with(&format!("tools:\n  a: {{ effect: read, scopes: [{}] }}\n", "x,".repeat(150_000))),
        "long-key" => with(&format!("tools:\n  {}: {{ effect: read, scopes: [x] }}\n", "x".repeat(900))),
        "crlf" => write(format!("{POLICY}{TOOLS}limits: [{{ per: subject }}]\n").replace('\n', "\r\n").as_bytes()),
        "link-out-of-the-directory" => {
            std::fs::create_dir_all(directory.join("elsewhere")).unwrap();
            std::fs::write(directory.join("elsewhere/roles.yaml"), "roles: {}\n").unwrap();
            std::fs::create_dir_all(directory.join("policies/parts")).unwrap();
            let link = |to: &str, at: &str| std::os::unix::fs::symlink(to, directory.join(at)).unwrap();
            link("../../elsewhere/roles.yaml", "policies/parts/roles.yaml");
            link("../elsewhere", "policies/linked");
            include("parts/roles.yaml, linked/roles.yaml");
        }
        "fragments-in-great-number" => {
            for at in 0..70 {
                let file = directory.join(format!("policies/n{at}.fragment.yaml"));
                std::fs::write(file, format!("roles: {{ r{at}: {{ claim: groups, any: [x] }} }}\n")).unwrap();
            }
            include(&many(70, &|at| format!("n{at}.fragment.yaml,")));
        }
        "include-chain" => {
            // Twice the next, twice the next: without a bound, 2^40 files.
            for at in 0..40 {
                let next = format!("n{}.fragment.yaml", at + 1);
                let file = directory.join(format!("policies/n{at}.fragment.yaml"));
                std::fs::write(file, format!("include: [{next}, {next}]\n")).unwrap();
            }
            std::fs::write(directory.join("policies/n40.fragment.yaml"), "{}\n").unwrap();
            include("n0.fragment.yaml");
        }
        "condition-too-long" => when(&format!("args.a == '{}'", "x".repeat(5000))),
        "condition-too-many-nodes" => when(&format!("args.a == 1{}", " || args.a == 1".repeat(100))),
        "condition-deep" => when(&format!("{}args.a == 1{}", "(".repeat(1500), ")".repeat(1500))),
        "thousands-of-mistakes" => {
            with(&format!("tools:\n{}", many(4000, &|at| format!("  t{at}: {{ effect: read, roles: [r{at}] }}\n"))));
        }
        "thousands-of-rules" => {
            let rules = many(5000, &|at| format!("  \"t{at}_*_x\": {{ effect: read, scopes: [x] }}\n"));
            with(&format!("tools:\n{rules}deny:\n  - {{ name: none, tools: [\"t4*_x\"] }}\n"));
        }
        "policy-is-a-directory" => std::fs::create_dir(&policy).unwrap(),
        "policy-is-a-dangling-link" => std::os::unix::fs::symlink("../gone.yaml", &policy).unwrap(),
        "policy-is-a-pipe" => {
            assert!(Command::new("mkfifo").arg(&policy).status().unwrap().success());
        }
        "gateway-missing" => std::fs::remove_file(directory.join("gateway.yaml")).unwrap(),
        _ => {}
    }
}

/// What the built program says, and how it ends.
fn said(directory: &Path) -> String {
    let mut child = Command::new(env!("CARGO_BIN_EXE_portcullis"))
        .args(["check", "--strict", "gateway.yaml"])
        .current_dir(directory)
        .env_clear()
        .env("WITH_SPACE", "two words")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // Both pipes are read while it runs, so that it never waits for us.
    let mut out = child.stdout.take().unwrap();
    let mut err = child.stderr.take().unwrap();
    let reading = std::thread::spawn(move || {
        let mut text = String::new();
        err.read_to_string(&mut text).map(|_| text).unwrap()
    });
    let began = Instant::now();
    let watching = std::thread::spawn(move || {
        loop {
            if let Some(status) = child.try_wait().unwrap() {
                return status;
            }
            if began.elapsed() > LONGEST {
                child.kill().unwrap();
                return child.wait().unwrap();
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    });
    let mut text = String::new();
    out.read_to_string(&mut text).unwrap();
    text += &reading.join().unwrap();
    let status = watching.join().unwrap();
    let code = status.code().unwrap_or_else(|| panic!("{}: {status} after {:?}", directory.display(), began.elapsed()));
    let _ = writeln!(text, "exit {code}");
    text
}

/// A long output is kept by its beginning and its end.
fn shortened(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    if lines.len() <= 60 {
        return text.to_owned();
    }
    let left_out = format!("… {} lines …", lines.len() - 24);
    let parts = [&lines[..20], &[left_out.as_str()], &lines[lines.len() - 4..]].concat();
    parts.join("\n") + "\n"
}

#[test]
fn what_is_wrong_is_told_to_the_letter() {
    let mut different = String::new();
    for name in cases() {
        let directory = laid_out(&name, "broken");
        let text = said(&directory);
        std::fs::remove_dir_all(&directory).unwrap();
        assert!(!text.contains("panicked"), "{name}: {text}");
        assert!(text.ends_with("exit 1\n"), "{name} is broken, and that has to be told: {text}");
        let text = shortened(&text);
        let golden = data().join(&name).join("expected.txt");
        if std::env::var_os("BLESS").is_some() {
            std::fs::write(&golden, &text).unwrap();
        }
        let expected = std::fs::read_to_string(&golden).unwrap_or_default();
        if text != expected {
            let _ = writeln!(different, "== {name}\n-- expected\n{expected}-- found\n{text}");
        }
    }
    assert!(different.is_empty(), "{different}");
}

#[test]
fn every_check_occurs_in_some_case() {
    let goldens: Vec<String> =
        cases().iter().map(|name| std::fs::read_to_string(data().join(name).join("expected.txt")).unwrap()).collect();
    for check in Check::ALL {
        // Cases of policies and contracts with servers have tests of their own.
        if check.code().starts_with("P8") || check.code().starts_with("P9") {
            continue;
        }
        let told = format!(": {} {}: ", check.severity().name(), check.code());
        assert!(goldens.iter().any(|golden| golden.contains(&told)), "no case for {check:?}");
    }
    assert!(goldens.len() >= 60);
}
