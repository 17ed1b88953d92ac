//! What `check` prints for machines and for the manual, and the manual's own examples.
use portcullis::kernel::policy::flaw::Check;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn run(directory: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
    command.args(arguments).current_dir(directory).env_clear().env("CRM_TOKEN", "for-a-test").output().unwrap()
}

fn printed(directory: &Path, arguments: &[&str]) -> String {
    let output = run(directory, arguments);
    String::from_utf8(output.stdout).unwrap()
}

fn text(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap()
}

/// A directory of its own, with what `from` has, and a certificate where examples name one.
fn copied(from: &str, name: &str) -> PathBuf {
    fn copy(from: &Path, to: &Path) {
        std::fs::create_dir_all(to).unwrap();
        for entry in std::fs::read_dir(from).unwrap() {
            let path = entry.unwrap().path();
            let target = to.join(path.file_name().unwrap());
            if path.is_dir() {
                copy(&path, &target);
            } else {
                std::fs::copy(&path, target).unwrap();
            }
        }
    }
    let directory = std::env::temp_dir().join(format!("portcullis-checks-{}-{name}", std::process::id()));
    let _ = std::fs::remove_dir_all(&directory);
    copy(&root().join(from), &directory);
    let certificate = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let write = |name: &str, content: &str| std::fs::write(directory.join("certs").join(name), content).unwrap();
    std::fs::create_dir_all(directory.join("certs")).unwrap();
    write("server.pem", &certificate.cert.pem());
    write("internal.pem", &certificate.cert.pem());
    for secret in ["page-secret", "webhook-secret", "redaction-key"] {
        write(secret, "thirty-two-characters-of-secrecy\n");
    }
    write("server.key", &certificate.signing_key.serialize_pem());
    write("jwks.json", &text("tests/data/broken/common/jwks.json"));
    directory
}

#[test]
fn the_manual_is_what_the_program_prints() {
    assert_eq!(
        text("docs/checks.md"),
        printed(root(), &["check", "--codes"]),
        "portcullis check --codes > docs/checks.md"
    );
    let policy = printed(root(), &["schema", "policy", "--markdown"]);
    assert_eq!(text("docs/policy.md"), policy, "portcullis schema policy --markdown > docs/policy.md");
}

#[test]
fn each_code_is_explained() {
    for check in Check::ALL {
        let explained = printed(root(), &["check", "--explain", check.code()]);
        assert!(explained.starts_with(&format!("## {} {}\n", check.code(), check.slug())), "{explained}");
        assert!(text("docs/checks.md").contains(&explained), "{check:?}");
    }
    assert_eq!(run(root(), &["check", "--explain", "P000"]).status.code(), Some(2));
}

/// Each field of each type in a schema.
fn fields(schema: &Value) -> BTreeSet<String> {
    let types = std::iter::once(schema).chain(schema["$defs"].as_object().unwrap().values());
    types.flat_map(|of| of["properties"].as_object().into_iter().flatten()).map(|(name, _)| name.clone()).collect()
}

#[test]
fn every_field_is_in_the_manual_and_in_the_reference_example() {
    let examples = [
        "policies/crm.yaml",
        "policies/files.yaml",
        "policies/old.yaml",
        "policies/sales.fragment.yaml",
        "policies/parts/denials.yaml",
        "gateway.yaml",
    ];
    let examples: String = examples.iter().map(|name| text(&format!("docs/examples/reference/{name}"))).collect();
    let manual = text("docs/policy.md") + &text("docs/configuration.md");
    for file in ["policy", "gateway"] {
        let schema: Value = serde_json::from_str(&printed(root(), &["schema", file])).unwrap();
        let fields = fields(&schema);
        assert!(fields.len() > 20, "{fields:?}");
        for field in fields {
            let told = [format!("`{field}`"), format!(".{field}`")];
            assert!(told.iter().any(|word| manual.contains(word)), "`{field}` is not in the manual of {file}");
            assert!(examples.contains(&format!("{field}: ")) || examples.contains(&format!("{field}:\n")), "{field}");
        }
    }
}

#[test]
fn the_examples_have_no_problem_even_under_strict() {
    for (from, name) in [("docs/examples/reference", "reference"), ("docs/examples", "examples")] {
        let directory = copied(from, name);
        let output = run(&directory, &["check", "--strict", "gateway.yaml"]);
        let told = String::from_utf8(output.stderr).unwrap();
        // The first example is for reading, and says no more than it must.
        if name == "reference" {
            assert_eq!((told.as_str(), output.status.code()), ("", Some(0)));
        } else {
            assert!(!told.contains(": error ") && !told.contains(": warning "), "{told}");
        }
        std::fs::remove_dir_all(&directory).unwrap();
    }
    // The policies to begin with, behind a gateway with nothing wrong.
    let directory = copied("policies", "policies/policies");
    let directory = directory.parent().unwrap();
    for file in ["gateway.yaml", "jwks.json"] {
        std::fs::copy(root().join("tests/data/broken/common").join(file), directory.join(file)).unwrap();
    }
    let output = run(directory, &["check", "--strict", "gateway.yaml"]);
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!((told.as_str(), output.status.code()), ("", Some(0)));
    std::fs::remove_dir_all(directory).unwrap();
}

#[test]
fn json_and_sarif_tell_what_the_text_tells() {
    for name in
        ["role-unknown", "everything-at-once", "bom", "second-look-at-tools", "control-characters", "gateway-missing"]
    {
        let directory = crate::broken::laid_out_by_name(name);
        let text = String::from_utf8(run(&directory, &["check", "--strict", "gateway.yaml"]).stderr).unwrap();
        let output = run(&directory, &["check", "--strict", "--format", "json", "gateway.yaml"]);
        assert_eq!(output.status.code(), Some(1), "{name}");
        let found: Value = serde_json::from_slice(&output.stdout).unwrap();
        let problems = found["problems"].as_array().unwrap();
        let sarif = run(&directory, &["check", "--strict", "--format", "sarif", "gateway.yaml"]);
        let sarif: Value = serde_json::from_slice(&sarif.stdout).unwrap();
        let results = sarif["runs"][0]["results"].as_array().unwrap();
        let told = text.lines().filter(|line| !line.starts_with("    hint: ")).count() - 1;
        assert_eq!((problems.len(), results.len()), (told, told), "{name}: {text}");
        for (problem, result) in problems.iter().zip(results) {
            let place = match problem["line"].as_u64().unwrap() {
                0 => problem["file"].as_str().unwrap().to_owned(),
                line => format!("{}:{line}:{}", problem["file"].as_str().unwrap(), problem["column"]),
            };
            let (severity, code) = (problem["severity"].as_str().unwrap(), problem["code"].as_str().unwrap());
            assert!(text.contains(&format!("{place}: {severity} {code}: ")), "{problem} in {text}");
            assert_eq!(result["ruleId"], problem["code"]);
            let rule = result["ruleIndex"].as_u64().unwrap();
            assert_eq!(sarif["runs"][0]["tool"]["driver"]["rules"][rule as usize]["id"], problem["code"]);
            let physical = &result["locations"][0]["physicalLocation"];
            assert_eq!(physical["artifactLocation"]["uri"], problem["file"]);
            let region = match problem["line"].as_u64().unwrap() {
                0 => Value::Null,
                line => json!({ "startLine": line, "startColumn": problem["column"] }),
            };
            assert_eq!(physical["region"], region, "{name}");
        }
        std::fs::remove_dir_all(directory).unwrap();
    }
}
