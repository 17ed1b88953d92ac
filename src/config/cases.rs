//! Cases beside the policies: which files they are in, and what a failing one means for a configuration.
use super::load::{Document, Files};
use super::{Loaded, Problem, yaml};
use crate::cases::source::CasesSource;
use crate::cases::{CASES_MAX, Case, compile, run};
use crate::kernel::policy::compile::Position;
use crate::kernel::policy::flaw::{Check, Flaw};
use crate::kernel::snapshot::Snapshot;
use std::path::Path;

/// Most failing cases that are told one by one: one wrong line of a policy can fail them all.
const TOLD_MAX: usize = 100;

/// Reads every file of cases in `directory`. Without a `world`, since the policies have problems of
/// their own, only their form is checked.
pub(super) fn read_all(
    directory: &Path,
    base: &Path,
    world: Option<&Snapshot>,
    files: &mut Files,
    problems: &mut Vec<Problem>,
) -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    // A directory that cannot be read is already told of, where its policies were looked for.
    for file in files.cases(directory).unwrap_or_default() {
        let shown = file.strip_prefix(base).unwrap_or(&file).display().to_string();
        let Some(document) = Document::read(&file, &shown, files, problems) else { continue };
        let (Some(source), Some(world)) = (document.typed::<CasesSource>(problems), world) else { continue };
        match compile::compile(source, world, &|path| document.place(path)) {
            Ok(found) if cases.len() + found.len() > CASES_MAX => {
                let (message, hint) =
                    (format!("more than {CASES_MAX} cases in all"), "leave out those that repeat others");
                problems.push(document.problem(Check::CaseMalformed, "/cases", message, hint));
                return cases;
            }
            Ok(found) => cases.extend(found),
            Err(flaws) => {
                let told =
                    |Flaw { check, path, offset: _, message, hint }| document.problem(check, &path, message, hint);
                problems.extend(flaws.into_iter().map(told));
            }
        }
    }
    cases
}

/// Explains one case that is written in parts on a command line: `as`, `call` or `list`, `server`, `at`. Each part is
/// read as it would be in a file of cases.
pub fn explained(world: &Snapshot, parts: &[(&str, &str)]) -> Result<String, Vec<String>> {
    let mut case = serde_json::Map::new();
    case.insert("name".to_owned(), "explained".into());
    case.insert("expect".to_owned(), "allow".into());
    let mut whole = serde_json::Map::new();
    for (name, text) in parts {
        let told = |fault: yaml::Fault| vec![format!("{name}: column {}: {}", fault.column, fault.message)];
        let value = match *name {
            "at" | "server" | "list" => (*text).into(),
            _ => yaml::parse(text).map_err(told)?.value,
        };
        let into = if *name == "server" { &mut whole } else { &mut case };
        into.insert((*name).to_owned(), value);
    }
    whole.insert("cases".to_owned(), vec![serde_json::Value::Object(case)].into());
    let (value, places) = (serde_json::Value::Object(whole), Default::default());
    let document = Document { file: String::new(), value, places, texts: Default::default() };
    let mut problems = Vec::new();
    let source = document.typed::<CasesSource>(&mut problems);
    let words = |path: &str, message: &str, hint: &str| {
        format!("{}: {message} ({hint})", path.trim_start_matches("/cases/0").trim_start_matches('/').replace('/', "."))
    };
    let Some(source) = source else {
        return Err(problems.iter().map(|problem| words("as or --call", &problem.message, &problem.hint)).collect());
    };
    // Where each flaw is, is told by its pointer: a command line has no lines.
    let cases = compile::compile(source, world, &|_| Position::default());
    let cases = cases.map_err(|flaws| flaws.iter().map(|f| words(&f.path, &f.message, &f.hint)).collect::<Vec<_>>())?;
    Ok(cases.iter().map(Case::explain).collect())
}

/// Runs the cases; one problem for each that fails, as many as are told.
pub(super) fn failing(loaded: &Loaded, cases: &[Case]) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut untold: usize = 0;
    for case in cases {
        let outcome = run(&loaded.snapshot, case);
        if outcome.passed {
            continue;
        }
        let differs = outcome.difference(case).into_iter().map(|(label, text)| format!("{label} {text}"));
        let message = format!("case `{}` fails: {}", case.name, differs.collect::<Vec<_>>().join("; "));
        if problems.len() < TOLD_MAX {
            problems.push(problem(
                &case.position,
                message,
                "mend the policy or the case; `portcullis test` shows more",
            ));
        } else {
            untold += 1;
        }
    }
    if untold > 0
        && let Some(last) = problems.last_mut()
    {
        last.message += &format!(" (and {untold} more cases fail)");
    }
    problems
}

fn problem(position: &Position, message: String, hint: &str) -> Problem {
    let Position { file, line, column } = position.clone();
    Problem { check: Check::CaseFailed, file, line, column, message, hint: hint.to_owned() }
}
