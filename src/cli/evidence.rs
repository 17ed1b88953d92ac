//! `portcullis evidence`: what the records say of one confirmation, or of every call that changed something. A record
//! that is missing is a statement too, and is said.
use super::audit::all;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

/// What to show.
#[derive(clap::Args)]
pub struct Options {
    /// Audit directory.
    directory: PathBuf,
    /// Which confirmation; without it, every call that changed something against its confirmation.
    id: Option<String>,
    /// Output.
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
    /// Calls from this time on (RFC 3339, or its beginning, as in 2026-11-24).
    #[arg(long, default_value = "")]
    from: String,
    /// Calls before this time.
    #[arg(long, default_value = "~")]
    before: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// For people.
    Text,
    /// For machines.
    Json,
    /// A page to print or keep.
    Html,
}

/// Shows it. Exits 1 if a link is broken, or a call was not confirmed.
pub fn run(options: &Options) -> ExitCode {
    let records = match all(&options.directory) {
        Ok(records) => records,
        Err(error) => {
            eprintln!("{}: {error}", options.directory.display());
            return ExitCode::from(2);
        }
    };
    let of = confirmations(&records);
    let (report, fine) = match &options.id {
        Some(id) => match of.get(id.as_str()) {
            Some(steps) => one(id, steps),
            None => {
                eprintln!("no record of a confirmation {id:?}");
                return ExitCode::from(2);
            }
        },
        None => coverage(&records, &of, (&options.from, &options.before)),
    };
    match options.format {
        Format::Json => println!("{report:#}"),
        Format::Text => print!("{}", text(&report)),
        Format::Html => print!("{}", html(&report)),
    }
    if fine { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

type Steps<'a> = BTreeMap<&'a str, &'a Value>;

/// The records of each confirmation by step.
fn confirmations(records: &[Value]) -> BTreeMap<&str, Steps<'_>> {
    let mut of: BTreeMap<&str, Steps<'_>> = BTreeMap::new();
    for record in records {
        let part = |key: &str| record.get("confirmation")?.get(key)?.as_str();
        if let (Some(id), Some(event)) = (part("id"), part("event")) {
            of.entry(id).or_default().insert(event, record);
        }
    }
    of
}

fn field<'a>(record: Option<&&'a Value>, path: &[&str]) -> &'a str {
    let value = record.and_then(|record| path.iter().try_fold(*record, |value, key| value.get(key)));
    value.and_then(Value::as_str).unwrap_or("")
}

/// Whether the steps refer to each other and to one call.
fn linked(steps: &Steps<'_>) -> bool {
    let order = ["proposed", "decided", "executed"];
    let there: Vec<&&Value> = order.iter().filter_map(|event| steps.get(event)).collect();
    let complete = there.len() == order.iter().take_while(|event| steps.contains_key(**event)).count();
    let chained = there.windows(2).all(|pair| {
        let (before, after) = (pair.first().copied(), pair.last().copied());
        let same = |path: &[&str]| field(before, path) == field(after, path) && !field(after, path).is_empty();
        field(after, &["confirmation", "previous"]) == field(before, &["id"])
            && same(&["confirmation", "call"])
            && same(&["arguments_digest"])
            && same(&["policy"])
    });
    complete && chained && !there.is_empty()
}

fn statement(steps: &Steps<'_>) -> &'static str {
    let decided = field(steps.get("decided"), &["outcome"]);
    let executed = field(steps.get("executed"), &["outcome"]);
    let over = ["withdrawn", "lapsed"].into_iter().find_map(|event| steps.get(event));
    match (decided, executed, field(over, &["outcome"])) {
        ("approved", "", "denied") => return "Approved, and taken back before it was used; not executed.",
        ("approved", "", "expired") => return "Approved, and not used in time; not executed.",
        ("approved", "", "void") => {
            return "Approved; the policy, the contract or the preview changed before it was used; not executed.";
        }
        (.., "") => {}
        _ => return "THE RECORDS CONTRADICT EACH OTHER.",
    }
    match (decided, executed) {
        ("approved", "executed") => "Approved, and the server did it.",
        ("approved", "failed") => "Approved and sent; the server reported a failure, or its answer was lost.",
        ("approved", _) => {
            "Approved, and there is no record of an execution: it was not used, or the gateway ended before it knew."
        }
        ("denied", "") => "Denied, and not executed.",
        ("expired", "") => "Nobody answered in time, or the approval was not used in time; not executed.",
        ("void", "") => "The policy or the contract changed before anybody answered; not executed.",
        ("", "") => "Proposed, and there is no record of a decision; not executed.",
        _ => "THE RECORDS CONTRADICT EACH OTHER.",
    }
}

fn one(id: &str, steps: &Steps<'_>) -> (Value, bool) {
    let consistent = !statement(steps).starts_with("THE");
    let linked = linked(steps) && consistent;
    let step = |event: &str| steps.get(event).map_or(Value::Null, |record| (*record).clone());
    let report = json!({
        "confirmation": id,
        "statement": statement(steps),
        "links": if linked { "intact" } else { "broken" },
        "proposed": step("proposed"),
        "decided": step("decided"),
        "executed": step("executed"),
    });
    (report, linked)
}

/// Every call that went to a server and was not a read, against its confirmation.
fn coverage(records: &[Value], of: &BTreeMap<&str, Steps<'_>>, (from, before): (&str, &str)) -> (Value, bool) {
    let text = |record: &Value, key: &str| record.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let (mut writes, mut covered, mut exceptions) = (0u64, 0u64, Vec::new());
    for record in records {
        let time = text(record, "time");
        let within = time.as_str() >= from && time.as_str() < before;
        let call = text(record, "kind") == "exchange" && text(record, "method") == "tools/call";
        let sent = record.get("upstream_micros").is_some();
        if !within || !call || !sent || text(record, "effect") == "read" {
            continue;
        }
        writes += 1;
        let why = match record.get("confirmed").and_then(Value::as_str).map(|id| (id, of.get(id))) {
            None => "no confirmation".to_owned(),
            Some((id, None)) => format!("no record of confirmation {id}"),
            Some((id, Some(steps))) => {
                let arguments = field(steps.get("proposed"), &["arguments_digest"]);
                if field(steps.get("decided"), &["outcome"]) != "approved" {
                    format!("confirmation {id} was not approved")
                } else if !linked(steps) || arguments != text(record, "arguments_digest") {
                    format!("the records of confirmation {id} do not fit the call")
                } else {
                    covered += 1;
                    continue;
                }
            }
        };
        exceptions.push(json!({
            "time": time, "id": text(record, "id"), "server": text(record, "server"),
            "tool": text(record, "target"), "effect": text(record, "effect"), "why": why,
        }));
    }
    let percent = (covered * 100).checked_div(writes).unwrap_or(100);
    let fine = exceptions.is_empty();
    let report = json!({
        "from": from, "before": if before == "~" { "" } else { before },
        "writes": writes, "confirmed": covered, "percent": percent, "exceptions": exceptions,
    });
    (report, fine)
}

/// What is said of a step, in order.
fn facts(record: &Value) -> Vec<(&'static str, String)> {
    let at = |path: &[&str]| {
        let value = path.iter().try_fold(record, |value, key| value.get(key))?;
        Some(value.as_str().map_or_else(|| value.to_string(), str::to_owned))
    };
    [
        ("time", at(&["time"])),
        ("record", at(&["id"])),
        ("previous record", at(&["confirmation", "previous"])),
        ("outcome", at(&["outcome"])),
        ("by", at(&["confirmation", "by"])),
        ("way of asking", at(&["confirmation", "mode"])),
        ("subject (pseudonym)", at(&["subject"])),
        ("issuer", at(&["issuer"])),
        ("client", at(&["client"])),
        ("server", at(&["server"])),
        ("tool", at(&["target"])),
        ("effect", at(&["effect"])),
        ("rule", at(&["rule"])),
        ("arguments, SHA-256", at(&["arguments_digest"])),
        ("call, SHA-256", at(&["confirmation", "call"])),
        ("preview, SHA-256", at(&["confirmation", "preview"])),
        ("contract, SHA-256", at(&["confirmation", "contract"])),
        ("policy", at(&["policy"])),
        ("requester may not approve", at(&["confirmation", "separate"])),
        ("what changed", at(&["confirmation", "void"])),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some((name, value?)))
    .collect()
}

fn text(report: &Value) -> String {
    let mut out = String::new();
    let said = |key: &str| report.get(key).and_then(Value::as_str).unwrap_or_default();
    if report.get("confirmation").is_some() {
        let _ = writeln!(out, "confirmation {}\n{}\nlinks {}", said("confirmation"), said("statement"), said("links"));
        for event in ["proposed", "decided", "executed"] {
            let _ = writeln!(out, "\n{event}");
            match report.get(event).filter(|record| record.is_object()) {
                None => out.push_str("  no record\n"),
                Some(record) => {
                    for (name, value) in facts(record) {
                        let _ = writeln!(out, "  {name:<26} {}", crate::config::escaped(&value));
                    }
                }
            }
        }
        return out;
    }
    let number = |key: &str| report.get(key).and_then(Value::as_u64).unwrap_or_default();
    let _ = writeln!(
        out,
        "{} calls changed something, {} of them with a confirmation: {} %",
        number("writes"),
        number("confirmed"),
        number("percent")
    );
    for exception in report.get("exceptions").and_then(Value::as_array).into_iter().flatten() {
        let part = |key: &str| exception.get(key).and_then(Value::as_str).unwrap_or_default();
        let (time, id) = (part("time"), part("id"));
        let _ =
            writeln!(out, "{time}  {id}  {} {} ({}): {}", part("server"), part("tool"), part("effect"), part("why"));
    }
    out
}

/// The same on a page of its own, without scripts.
fn html(report: &Value) -> String {
    let escape =
        |text: &str| text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;");
    let said = |key: &str| escape(report.get(key).and_then(Value::as_str).unwrap_or_default());
    let mut out = String::from(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<title>Evidence</title>\n<style>\
         body{font:14px/1.4 system-ui,sans-serif;margin:2em;max-width:60em}table{border-collapse:collapse}\
         td,th{border:1px solid #bbb;padding:.3em .6em;text-align:left;overflow-wrap:anywhere}</style>\n",
    );
    if report.get("confirmation").is_none() {
        let _ = write!(out, "<h1>Confirmed writes</h1>\n<pre>{}</pre>\n</html>\n", escape(&text(report)));
        return out;
    }
    let _ = writeln!(out, "<h1>Confirmation {}</h1>\n<p>{}</p>", said("confirmation"), said("statement"));
    let _ = writeln!(out, "<p>Links between the records: {}</p>", said("links"));
    for event in ["proposed", "decided", "executed"] {
        let _ = writeln!(out, "<h2>{event}</h2>");
        match report.get(event).filter(|record| record.is_object()) {
            None => out.push_str("<p>No record.</p>\n"),
            Some(record) => {
                out.push_str("<table>\n");
                for (name, value) in facts(record) {
                    let _ = writeln!(out, "<tr><th>{name}</th><td>{}</td></tr>", escape(&value));
                }
                out.push_str("</table>\n");
            }
        }
    }
    out.push_str("</html>\n");
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(event: &str, id: &str, previous: &str, outcome: &str, call: &str) -> Value {
        json!({
            "kind": "confirmation", "time": "2026-11-24T10:00:00Z", "id": id, "outcome": outcome,
            "arguments_digest": "aa", "policy": "pp",
            "confirmation": { "id": "c1", "event": event, "previous": previous, "call": call },
        })
    }

    fn exchange(confirmed: Option<&str>) -> Value {
        json!({
            "kind": "exchange", "time": "2026-11-24T10:00:01Z", "id": "e1", "method": "tools/call", "effect": "write",
            "upstream_micros": 5, "arguments_digest": "aa", "confirmed": confirmed,
        })
    }

    #[test]
    fn a_missing_or_altered_record_is_said() {
        let all = [
            step("proposed", "r1", "", "proposed", "k"),
            step("decided", "r2", "r1", "approved", "k"),
            step("executed", "r3", "r2", "executed", "k"),
        ];
        let told = |records: &[Value]| {
            let of = confirmations(records);
            let (report, fine) = one("c1", &of["c1"]);
            (report["statement"].as_str().unwrap().to_owned(), fine)
        };
        assert_eq!(told(&all), ("Approved, and the server did it.".to_owned(), true));
        let (statement, fine) = told(&all[..2]);
        assert!(statement.contains("no record of an execution") && fine, "{statement}");
        let (statement, fine) = told(&all[..1]);
        assert!(statement.contains("no record of a decision") && fine, "{statement}");
        let (statement, fine) = told(&[all[0].clone(), all[2].clone()]);
        assert!(statement.contains("CONTRADICT") && !fine, "executed without a decision: {statement}");
        let altered = step("decided", "r2", "r1", "approved", "another");
        assert!(!told(&[all[0].clone(), altered, all[2].clone()]).1);
        let unlinked = step("decided", "r2", "r0", "approved", "k");
        assert!(!told(&[all[0].clone(), unlinked, all[2].clone()]).1);
    }

    #[test]
    fn every_write_is_covered_or_an_exception() {
        let steps = [
            step("proposed", "r1", "", "proposed", "k"),
            step("decided", "r2", "r1", "approved", "k"),
            step("executed", "r3", "r2", "executed", "k"),
        ];
        let report = |exchanges: &[Value], from: &str| {
            let records: Vec<Value> = steps.iter().chain(exchanges).cloned().collect();
            let of = confirmations(&records);
            coverage(&records, &of, (from, "~"))
        };
        let (good, fine) = report(&[exchange(Some("c1"))], "");
        assert!(fine && good["percent"] == 100 && good["writes"] == 1, "{good}");
        let mut read = exchange(None);
        read["effect"] = "read".into();
        assert!(report(&[read], "").1, "reads need none");
        for exception in [exchange(None), exchange(Some("c2"))] {
            let (report, fine) = report(&[exchange(Some("c1")), exception], "");
            assert!(!fine && report["percent"] == 50 && report["exceptions"].as_array().unwrap().len() == 1);
        }
        let mut other = exchange(Some("c1"));
        other["arguments_digest"] = "bb".into();
        assert!(!report(&[other], "").1, "a confirmation of other arguments");
        assert_eq!(report(&[exchange(None)], "2026-11-25").0["writes"], 0, "out of the period");
    }
}
