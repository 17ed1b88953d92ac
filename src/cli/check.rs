//! `portcullis check`: everything that is wrong, or deserves a second look, for people and for machines.
use crate::config::Problem;
use crate::kernel::policy::flaw::{Check, Severity};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::path::Path;

/// Output of `check`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// Lines for people.
    Text,
    /// One object.
    Json,
    /// Static Analysis Results Interchange Format 2.1.0, for code hosts and editors.
    Sarif,
}

/// What is told of the problems found: advice only where it was asked for.
pub fn told(problems: Vec<Problem>, strict: bool) -> Vec<Problem> {
    problems.into_iter().filter(|problem| strict || problem.check.severity() > Severity::Advice).collect()
}

/// Whether they make the check fail: errors always, all else under `--strict`.
pub fn fails(problems: &[Problem], strict: bool) -> bool {
    problems.iter().any(|problem| strict || problem.check.severity() == Severity::Error)
}

/// Tells people what keeps a configuration from loading, on standard error.
pub fn print(config: &Path, problems: Vec<Problem>) {
    eprint!("{}", text(&config.display().to_string(), &told(problems, false)));
}

/// As text for people.
pub fn text(name: &str, problems: &[Problem]) -> String {
    let mut out = String::new();
    for problem in problems {
        let _ = writeln!(out, "{problem}");
    }
    let (errors, others): (Vec<_>, Vec<_>) =
        problems.iter().partition(|problem| problem.check.severity() == Severity::Error);
    let count = |number: usize, one: &str| format!("{number} {one}{}", if number == 1 { "" } else { "s" });
    let mut parts = vec![count(errors.len(), "problem")];
    if !others.is_empty() {
        parts.push(count(others.len(), "warning"));
    }
    let _ = writeln!(out, "{name}: {}", parts.join(", "));
    out
}

/// As one JSON object.
pub fn json(name: &str, policy: Option<String>, problems: &[Problem]) -> Value {
    let shown = problems.iter().map(|problem| {
        json!({
            "code": problem.check.code(),
            "name": problem.check.slug(),
            "severity": problem.check.severity().name(),
            "file": problem.file,
            "line": problem.line,
            "column": problem.column,
            "message": problem.message,
            "hint": problem.hint,
        })
    });
    json!({ "configuration": name, "policy": policy, "problems": shown.collect::<Vec<_>>() })
}

/// As SARIF 2.1.0 (OASIS). Files are relative to the directory of the configuration.
pub fn sarif(problems: &[Problem]) -> Value {
    let level = |severity| match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Advice => "note",
    };
    let rules = Check::ALL.iter().map(|check| {
        let [what, why, mend] = check.words();
        json!({
            "id": check.code(),
            "name": check.slug(),
            "shortDescription": { "text": what },
            "fullDescription": { "text": why },
            "help": { "text": mend },
            "defaultConfiguration": { "level": level(check.severity()) },
        })
    });
    let results = problems.iter().map(|problem| {
        let hint = if problem.hint.is_empty() { String::new() } else { format!(" ({})", problem.hint) };
        // Lines and columns of SARIF begin at 1; a file as a whole has no region.
        let mut place = json!({ "artifactLocation": { "uri": problem.file, "uriBaseId": "CONFIGURATION" } });
        if problem.line > 0
            && let Some(place) = place.as_object_mut()
        {
            let region = json!({ "startLine": problem.line, "startColumn": problem.column.max(1) });
            place.insert("region".to_owned(), region);
        }
        json!({
            "ruleId": problem.check.code(),
            "ruleIndex": Check::ALL.iter().position(|check| *check == problem.check),
            "level": level(problem.check.severity()),
            "message": { "text": format!("{}{hint}", problem.message) },
            "locations": [{ "physicalLocation": place }],
        })
    });
    json!({
        "version": "2.1.0",
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "runs": [{
            "tool": { "driver": {
                "name": "portcullis",
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "rules": rules.collect::<Vec<_>>(),
            } },
            "columnKind": "unicodeCodePoints",
            "results": results.collect::<Vec<_>>(),
        }],
    })
}

/// Every check in Markdown: `docs/checks.md` is this text.
pub fn reference() -> String {
    let mut out = String::from(
        "# Checks\n\nWhat `portcullis check` looks for, by code. Codes are stable: a code never gets another meaning. \
         Errors keep a\nconfiguration from loading. Warnings are told, and fail under `--strict`; advice is told only \
         there.\n\nA warning or advice that was looked at and accepted is suppressed in the policy, with the reason:\n\n\
         ```yaml\nsuppress:\n  - { code: P702, at: tools.export_customers, reason: exports go to our own archive only \
         }\n```\n\n`portcullis check --explain P702` prints one entry of this list.\n",
    );
    for check in Check::ALL {
        let _ = write!(out, "\n{}", explained(*check));
    }
    out
}

/// One check in Markdown.
pub fn explained(check: Check) -> String {
    let [what, why, mend] = check.words();
    let (code, slug, severity) = (check.code(), check.slug(), check.severity().name());
    format!("## {code} {slug}\n\n*{severity}.* {what}\n\n{why}\n\n**Mend:** {mend}\n")
}
