//! `portcullis audit show`: records as sentences.
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Prints every record of a directory, oldest first. A torn last line of a crash is said, not hidden.
pub fn show(directory: &Path) -> ExitCode {
    let files = match files(directory) {
        Ok(files) => files,
        Err(error) => {
            eprintln!("{}: {error}", directory.display());
            return ExitCode::FAILURE;
        }
    };
    let mut whole = true;
    for file in files {
        match std::fs::read_to_string(&file) {
            Ok(text) => {
                for line in text.lines() {
                    match serde_json::from_str::<Value>(line) {
                        Ok(record) => println!("{}", sentence(&record)),
                        Err(_) => {
                            whole = false;
                            println!("{}: a torn record", file.display());
                        }
                    }
                }
            }
            Err(error) => {
                whole = false;
                eprintln!("{}: {error}", file.display());
            }
        }
    }
    if whole { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The files of records, oldest first.
fn files(directory: &Path) -> std::io::Result<Vec<PathBuf>> {
    let paths = std::fs::read_dir(directory)?.map(|entry| entry.map(|entry| entry.path()));
    let mut files = paths.collect::<Result<Vec<_>, _>>()?;
    files.retain(|path| path.extension().is_some_and(|extension| extension == "jsonl"));
    files.sort();
    Ok(files)
}

/// Every record of a directory, oldest first; torn ones left out.
pub fn all(directory: &Path) -> std::io::Result<Vec<Value>> {
    let mut records = Vec::new();
    for path in files(directory)? {
        let text = std::fs::read_to_string(&path)?;
        records.extend(text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()));
    }
    Ok(records)
}

/// The record with this id, if there is one.
pub fn find(directory: &Path, id: &str) -> std::io::Result<Option<Value>> {
    for path in files(directory)? {
        let text = std::fs::read_to_string(&path)?;
        let mut records = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        if let Some(found) = records.find(|record| record.get("id").and_then(Value::as_str) == Some(id)) {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// One record in words.
pub fn sentence(record: &Value) -> String {
    let text = |key: &str| record.get(key).and_then(Value::as_str).unwrap_or("-");
    let when = text("time");
    if text("kind") == "reload" {
        let (before, now) = (text("policy_before"), text("policy"));
        return format!("{when}  reload {}: policy {before} -> {now} {}", text("outcome"), text("detail"));
    }
    if text("kind") == "stop" {
        return format!("{when}  {} {}", text("outcome"), text("detail"));
    }
    if let Some(of) = record.get("confirmation") {
        let part = |key: &str| of.get(key).and_then(Value::as_str).unwrap_or("-");
        return format!(
            "{when}  confirmation {} {}: {} of `{}` at {} by {}, arguments {}, id {}",
            part("id"),
            part("event"),
            text("outcome"),
            text("target"),
            text("server"),
            part("mode"),
            text("arguments_digest").get(..12).unwrap_or("-"),
            text("id")
        );
    }
    let who = match record.get("subject") {
        Some(_) => format!("{}@{} via {}", text("subject").get(..12).unwrap_or("-"), text("issuer"), text("client")),
        None => "nobody known".to_owned(),
    };
    let what = match record.get("target") {
        Some(_) => format!("{} `{}` ({})", text("method"), text("target"), text("effect")),
        None => text("method").to_owned(),
    };
    let why = match record.get("reason") {
        Some(_) => format!(" because {}", text("reason")),
        None => String::new(),
    };
    let rule = match record.get("rule") {
        Some(_) => format!(" by {}", text("rule")),
        None => String::new(),
    };
    let upstream = match record.get("upstream_status").and_then(Value::as_u64) {
        Some(status) => format!("upstream {status}"),
        None => match text("reason") {
            "UpstreamUnreachable" => "the upstream was not reached".to_owned(),
            "UpstreamTooSlow" => "the upstream did not answer in time".to_owned(),
            _ => "nothing went upstream".to_owned(),
        },
    };
    let micros = record.get("micros").and_then(Value::as_u64).unwrap_or(0);
    format!(
        "{when}  {} {}: {who}, {what}{why}{rule}; {upstream}, {micros} us, policy {}, id {}",
        text("outcome"),
        text("server"),
        text("policy"),
        text("id")
    )
}
