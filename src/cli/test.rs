//! `portcullis test`: runs the cases beside the policies, and says what they leave out.
use super::check;
use crate::cases::{self, Case, Coverage, Outcome};
use crate::config::escaped;
use crate::config::load::{self, Environment};
use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};
use std::collections::BTreeMap;
use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;

/// Could not be run: not a verdict on any case.
const UNUSABLE: u8 = 2;

/// What to run, and what to make of it.
#[derive(clap::Args)]
pub struct Options {
    /// Configuration.
    config: PathBuf,
    /// Write a JUnit report to this file.
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Fail unless the cases exercise this share of the rules.
    #[arg(long, value_name = "PERCENT", value_parser = clap::value_parser!(u8).range(0..=100))]
    coverage_min: Option<u8>,
    /// Run only cases whose name contains this.
    #[arg(long, value_name = "TEXT")]
    filter: Option<String>,
}

/// Runs the cases of a configuration. Exit code 0 if all passed, 1 if not, 2 if they could not be run.
pub fn run(options: &Options, environment: Environment<'_>) -> ExitCode {
    // Credentials take no part in a decision, and are not where cases are written.
    let stand_in = |name: &str| environment(name).or_else(|| Some("unset".to_owned()));
    let (loaded, cases) = match load::load_cases(&options.config, &stand_in) {
        Ok(found) => found,
        Err(problems) => {
            check::print(&options.config, problems);
            return ExitCode::from(UNUSABLE);
        }
    };
    let wanted = |case: &&Case| options.filter.as_ref().is_none_or(|text| case.name.contains(text));
    let results: Vec<(&Case, Outcome)> =
        cases.iter().filter(wanted).map(|case| (case, cases::run(&loaded.snapshot, case))).collect();
    if results.is_empty() {
        // Nothing that ran is nothing that passed.
        let why = if cases.is_empty() { "no *.cases.yaml beside the policies" } else { "no case has such a name" };
        eprintln!("{}: {why}", options.config.display());
        return ExitCode::from(UNUSABLE);
    }
    let exercised = results.iter().filter_map(|(_, outcome)| outcome.rule.as_ref());
    let coverage = Coverage::of(loaded.snapshot.servers.values(), exercised);
    let out = io::stdout();
    // A reader that has seen enough, such as `head`, is no failure.
    let _ = print(&mut out.lock(), out.is_terminal(), &results, &coverage);
    if let Some(path) = &options.junit
        && let Err(why) = report(&results).and_then(|xml| std::fs::write(path, xml).map_err(|e| e.to_string()))
    {
        eprintln!("{}: {why}", path.display());
        return ExitCode::from(UNUSABLE);
    }
    let covered = options.coverage_min.is_none_or(|least| coverage.percent() >= usize::from(least));
    if let (false, Some(least)) = (covered, options.coverage_min) {
        eprintln!("rule coverage {}% is below {least}%", coverage.percent());
    }
    if covered && results.iter().all(|(_, outcome)| outcome.passed) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn print(out: &mut impl Write, terminal: bool, results: &[(&Case, Outcome)], coverage: &Coverage) -> io::Result<()> {
    let (good, bad) = if terminal { ("✓", "✗") } else { ("ok    ", "FAILED") };
    let mut failed: usize = 0;
    for (case, outcome) in results {
        let name = escaped(&case.name);
        if outcome.passed {
            writeln!(out, "{good} {}: {name}", case.server.name)?;
            continue;
        }
        failed += 1;
        writeln!(out, "{bad} {}: {name} ({})", case.server.name, case.position)?;
        for (label, text) in outcome.difference(case) {
            writeln!(out, "    {label:<8}  {}", escaped(&text))?;
        }
    }
    let Coverage { total, missed } = coverage;
    let (passed, percent, exercised) = (results.len() - failed, coverage.percent(), coverage.exercised());
    writeln!(out, "{passed} passed, {failed} failed, rule coverage {percent}% ({exercised} of {total})")?;
    if !missed.is_empty() {
        writeln!(out, "no case exercises:")?;
    }
    for rule in missed {
        writeln!(out, "    {} `{}`", rule.position, escaped(&rule.label))?;
    }
    Ok(())
}

/// A JUnit report: a suite for each file, in their order.
fn report(results: &[(&Case, Outcome)]) -> Result<String, String> {
    let mut suites: BTreeMap<&str, TestSuite> = BTreeMap::new();
    for (case, outcome) in results {
        let status = if outcome.passed {
            TestCaseStatus::success()
        } else {
            let lines: Vec<String> =
                outcome.difference(case).into_iter().map(|(label, text)| format!("{label} {text}")).collect();
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
            status.set_message(lines.join("; ")).set_description(format!("{}\n{}", case.position, lines.join("\n")));
            status
        };
        let mut test = TestCase::new(case.name.as_str(), status);
        test.set_classname(case.server.name.as_str());
        let file = case.position.file.as_str();
        suites.entry(file).or_insert_with(|| TestSuite::new(file)).add_test_case(test);
    }
    let mut report = Report::new("portcullis");
    report.add_test_suites(suites.into_values());
    report.to_string().map_err(|error| error.to_string())
}
