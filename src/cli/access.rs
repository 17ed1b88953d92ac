//! `portcullis access` and `portcullis diff`: who may use what, and what a change of policy changes.
use crate::kernel::joint::Joint;
use crate::kernel::mcp::decode::Target;
use crate::kernel::policy::access::{Matrix, Row, matrix};
use crate::kernel::policy::compile::ServerPolicy;
use crate::kernel::policy::diff::{Class, diff};
use crate::kernel::policy::names::NamePattern;
use crate::kernel::snapshot::Snapshot;
use std::collections::BTreeSet;
use std::fmt::Write as _;

/// Output of `access`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// A table for people.
    Text,
    /// Comma-separated values (RFC 4180).
    Csv,
    /// One page without scripts.
    Html,
}

/// The access matrix of every server.
pub fn access(world: &Snapshot, format: Format) -> String {
    let matrices: Vec<Matrix> = world.servers.values().map(|server| matrix(server)).collect();
    let joints: Vec<String> = world.joints.values().map(|virtual_server| joint(virtual_server)).collect();
    match format {
        Format::Text => matrices.iter().map(text).chain(joints).collect::<Vec<_>>().join("\n"),
        Format::Csv => csv(&matrices),
        Format::Html => html(&matrices, &joints),
    }
}

/// What a virtual server adds to the matrices: nothing but a name before each.
fn joint(joint: &Joint) -> String {
    let parts =
        joint.members.iter().map(|member| format!("{} as {}", member.name, Joint::prefixed(&member.name, "..")));
    let parts = parts.collect::<Vec<_>>().join(", ");
    format!("{} at {}\n  all that its servers allow: {parts}\n", joint.face.name, joint.face.path)
}

/// What a caller of a column needs besides.
fn cell(row: &Row, at: usize) -> String {
    if !row.cells.get(at).copied().unwrap_or(false) {
        return "-".to_owned();
    }
    let scopes = (!row.scopes.is_empty()).then(|| row.scopes.join("+"));
    let parts: Vec<String> = scopes.into_iter().chain((!row.only.is_empty()).then(|| "*".to_owned())).collect();
    if parts.is_empty() { "yes".to_owned() } else { parts.join(" ") }
}

fn text(matrix: &Matrix) -> String {
    let mut lines = vec![["", "name", "effect"].map(str::to_owned).to_vec()];
    if let Some(head) = lines.first_mut() {
        head.extend(matrix.columns.iter().cloned());
    }
    for row in &matrix.rows {
        let mut line = vec![row.kind.to_owned(), row.name.clone(), row.effect.to_owned()];
        line.extend((0..matrix.columns.len()).map(|at| cell(row, at)));
        lines.push(line);
    }
    let width = |at: usize| lines.iter().filter_map(|line| line.get(at)).map(|text| text.chars().count()).max();
    let widths: Vec<usize> = (0..matrix.columns.len() + 3).map(|at| width(at).unwrap_or(0)).collect();
    let mut out = format!("{}\n", matrix.server);
    for line in &lines {
        let padded = line.iter().zip(&widths).map(|(text, width)| format!("{text:<width$}"));
        let _ = writeln!(out, "  {}", padded.collect::<Vec<_>>().join("  ").trim_end());
    }
    let mut notes = matrix.rows.iter().filter(|row| !row.only.is_empty()).peekable();
    if notes.peek().is_some() {
        out.push_str("  * only:\n");
    }
    for row in notes {
        let _ = writeln!(out, "    {} {}: {}", row.kind, row.name, row.only.join("; "));
    }
    out.push_str("  A cell: the scopes that are needed; `yes`: none; `-`: refused.\n");
    out
}

fn csv(matrices: &[Matrix]) -> String {
    // Spreadsheets run what begins like a formula.
    let field = |text: &str| {
        let safe = if text.starts_with(['=', '+', '-', '@', '\t']) && text != "-" {
            format!("'{text}")
        } else {
            text.to_owned()
        };
        format!("\"{}\"", safe.replace('"', "\"\""))
    };
    let mut out = String::from("server,kind,name,effect,position,who,allowed,scopes,only\r\n");
    for matrix in matrices {
        for row in &matrix.rows {
            for (who, allowed) in matrix.columns.iter().zip(&row.cells) {
                let allowed = if *allowed { "yes" } else { "no" };
                let (scopes, only) = (row.scopes.join(" "), row.only.join("; "));
                let fields =
                    [&matrix.server, row.kind, &row.name, row.effect, &row.position, who, allowed, &scopes, &only];
                let line: Vec<String> = fields.iter().map(|text| field(text)).collect();
                let _ = write!(out, "{}\r\n", line.join(","));
            }
        }
    }
    out
}

fn html(matrices: &[Matrix], joints: &[String]) -> String {
    let escape =
        |text: &str| text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;");
    let mut out = String::from(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<title>Access</title>\n<style>\
         body{font:14px/1.4 system-ui,sans-serif;margin:2em}table{border-collapse:collapse;margin-bottom:2em}\
         td,th{border:1px solid #bbb;padding:.3em .6em;text-align:left;vertical-align:top}.no{color:#999}\
         .destructive,.egress{font-weight:bold}</style>\n",
    );
    for matrix in matrices {
        let heads = matrix.columns.iter().map(|who| format!("<th>{}</th>", escape(who))).collect::<String>();
        let _ = write!(
            out,
            "<h1>{}</h1>\n<table>\n<tr><th></th><th>name</th><th>effect</th>{heads}<th>only</th><th>rule</th></tr>\n",
            escape(&matrix.server)
        );
        for row in &matrix.rows {
            let cells = (0..matrix.columns.len()).map(|at| cell(row, at));
            let cells = cells.map(|text| {
                let class = if text == "-" { " class=\"no\"" } else { "" };
                format!("<td{class}>{}</td>", escape(&text))
            });
            let cells: String = cells.collect();
            let [name, only, position] = [&row.name, &row.only.join("; "), &row.position].map(|text| escape(text));
            let (kind, effect) = (row.kind, row.effect);
            let _ = writeln!(
                out,
                "<tr><td>{kind}</td><td>{name}</td><td class=\"{effect}\">{effect}</td>{cells}<td>{only}</td><td>{position}</td></tr>"
            );
        }
        out.push_str("</table>\n");
    }
    for joint in joints {
        let _ = writeln!(out, "<p>{}</p>", escape(joint));
    }
    out.push_str("</html>\n");
    out
}

/// What changes from one configuration to another, in words; empty if nothing does.
pub fn difference(old: &Snapshot, new: &Snapshot) -> String {
    let mut out = String::new();
    let names: BTreeSet<&String> = old.servers.keys().chain(new.servers.keys()).collect();
    for name in names {
        match (old.servers.get(name), new.servers.get(name)) {
            (None, Some(server)) => {
                let _ = writeln!(out, "{name}: new server at {}", server.path);
            }
            (Some(_), None) => {
                let _ = writeln!(out, "{name}: no longer served");
            }
            (Some(old), Some(new)) => out.push_str(&server(name, old, new)),
            (None, None) => {}
        }
    }
    out
}

fn server(name: &str, old: &ServerPolicy, new: &ServerPolicy) -> String {
    let mut out = String::new();
    for change in diff(old, new) {
        let what = described(&change.target);
        if change.unclear {
            let _ = writeln!(out, "{name}: changed {what}: for whom depends on too many things to list");
        }
        for class in &change.allowed {
            let _ = writeln!(out, "{name}: newly allowed {what}, {}", whom(class));
        }
        for class in &change.denied {
            let _ = writeln!(out, "{name}: newly denied {what}, {}", whom(class));
        }
    }
    for (old_rule, new_rule) in
        old.tools.iter().flat_map(|(p, r)| new.tools.iter().filter(move |(q, _)| p == q).map(move |(_, n)| (r, n)))
    {
        if old_rule.confirm != new_rule.confirm {
            let words = |rule: &crate::kernel::policy::compile::Rule| {
                let asks = rule.confirm.as_ref().filter(|confirm| !confirm.ways.is_empty());
                asks.map_or_else(|| "nobody is asked".to_owned(), |confirm| confirm.words())
            };
            let (now, was) = (words(new_rule), words(old_rule));
            let _ = writeln!(out, "{name}: `{}` is confirmed otherwise: {now}; was: {was}", new_rule.label);
        }
        if old_rule.effect != new_rule.effect {
            let effect = |rule: &crate::kernel::policy::compile::Rule| rule.effect.map_or("", |effect| effect.name());
            let _ = writeln!(
                out,
                "{name}: `{}` is now labelled {}, was {}",
                new_rule.label,
                effect(new_rule),
                effect(old_rule)
            );
        }
    }
    let mut changed = |what: &str, old: String, new: String| {
        if old != new {
            let _ = writeln!(out, "{name}: {what} changed");
        }
    };
    let limits = |server: &ServerPolicy| {
        let mut ids: Vec<String> = server.limits.iter().map(|limit| limit.id.to_string()).collect();
        ids.sort();
        ids.join(" ")
    };
    changed("limits", limits(old), limits(new));
    changed("`access`", format!("{:?}", old.access), format!("{:?}", new.access));
    changed("`upstream`", format!("{:?}", old.upstream), format!("{:?}", new.upstream));
    changed("`confirmations`", format!("{:?}", old.confirmations), format!("{:?}", new.confirmations));
    changed("`mode`", old.preview_only.to_string(), new.preview_only.to_string());
    changed("path", old.path.clone(), new.path.clone());
    out
}

fn described(target: &Target) -> String {
    let shown = |name: &str| name.replace(NamePattern::ANYTHING, "*").replace('\u{E000}', "…");
    match target {
        Target::Tool(name) => format!("tool `{}`", shown(name)),
        Target::Prompt(name) => format!("prompt `{}`", shown(name)),
        Target::Resource(uri) => format!("resource `{}`", shown(uri)),
        Target::None | Target::Resources(_) | Target::Task(_) => String::new(),
    }
}

fn whom(class: &Class) -> String {
    if class.is_empty() {
        return "for every caller".to_owned();
    }
    class.iter().map(|(fact, held)| fact.words(*held)).collect::<Vec<_>>().join(", ")
}
