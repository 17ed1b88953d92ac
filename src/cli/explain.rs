//! `portcullis explain`: the path to a verdict in words, for a caller and a call as cases write them, or for
//! a record.
use super::{audit, check};
use crate::config::load::{Environment, load};
use crate::config::{Loaded, explained};
use std::path::PathBuf;
use std::process::ExitCode;

/// What to explain.
#[derive(clap::Args)]
pub struct Options {
    /// Configuration.
    config: PathBuf,
    /// Server, where the configuration has several.
    #[arg(long)]
    server: Option<String>,
    /// The caller, as in a case: `{ sub: ann, scopes: [crm.read], claims: { groups: [support] } }`, or anonymous.
    #[arg(long = "as", value_name = "CALLER", required_unless_present = "record")]
    caller: Option<String>,
    /// The call, as in a case: `{ tool: update_customer, args: { id: '42' } }`.
    #[arg(long, value_name = "CALL", required_unless_present_any = ["list", "record"], conflicts_with = "list")]
    call: Option<String>,
    /// A listing instead: tools, prompts, resources or templates.
    #[arg(long, value_name = "LIST")]
    list: Option<String>,
    /// When, as in 2026-12-01T09:00:00Z. Default: the time of cases that give none.
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
    /// A recorded exchange instead: the id in its record and in the X-Request-Id of its response.
    #[arg(long, value_name = "ID", conflicts_with_all = ["caller", "call", "list", "at", "server"])]
    record: Option<String>,
}

/// Runs the subcommand.
pub fn run(options: &Options, environment: Environment<'_>) -> ExitCode {
    let loaded = match load(&options.config, environment) {
        Ok(loaded) => loaded,
        Err(problems) => {
            check::print(&options.config, problems);
            return ExitCode::from(2);
        }
    };
    if let Some(id) = &options.record {
        return record(&loaded, id);
    }
    let parts = [
        ("server", &options.server),
        ("as", &options.caller),
        ("call", &options.call),
        ("list", &options.list),
        ("at", &options.at),
    ];
    let parts: Vec<(&str, &str)> = parts.iter().filter_map(|(name, text)| Some((*name, text.as_deref()?))).collect();
    match explained(&loaded.snapshot, &parts) {
        Ok(text) => {
            print!("{text}");
            ExitCode::SUCCESS
        }
        Err(problems) => {
            problems.iter().for_each(|problem| eprintln!("--{}", problem.trim_start_matches('/')));
            ExitCode::from(2)
        }
    }
}

/// A record says what was decided and by which rule, but not the arguments: those were never written down.
fn record(loaded: &Loaded, id: &str) -> ExitCode {
    let directory = &loaded.startup.audit.directory;
    let found = match audit::find(directory, id) {
        Ok(found) => found,
        Err(error) => {
            eprintln!("{}: {error}", directory.display());
            return ExitCode::from(2);
        }
    };
    let Some(record) = found else {
        eprintln!("no record in {} has the id {id}", directory.display());
        return ExitCode::FAILURE;
    };
    println!("{}", audit::sentence(&record));
    let text = |key: &str| record.get(key).and_then(serde_json::Value::as_str);
    if let Some(detail) = text("detail") {
        println!("  detail    {detail}");
    }
    let now = loaded.snapshot.id.short().to_string();
    match text("policy") {
        Some(policy) if policy == now => println!("  policy    the one on disk"),
        Some(policy) => println!("  policy    {policy}; on disk is {now}, so the rule may read otherwise today"),
        None => {}
    }
    let server = text("server").and_then(|name| loaded.snapshot.servers.get(name));
    let rules = server.into_iter().flat_map(|server| server.rules());
    match rules.into_iter().find(|rule| text("rule") == Some(&rule.position.to_string())) {
        Some(rule) => {
            println!("  rule      `{}` at {}", rule.label, rule.position);
            let scopes: Vec<&str> = rule.scopes.iter().map(|scope| scope.name.as_str()).collect();
            if !scopes.is_empty() {
                println!("  scopes    {}", scopes.join(", "));
            }
            let roles: Vec<&str> = rule.roles.iter().map(|role| role.name.as_str()).collect();
            if !roles.is_empty() {
                println!("  roles     one of {}", roles.join(", "));
            }
            if let Some(when) = &rule.when {
                println!("  when      {}", when.text());
            }
        }
        None => println!("  rule      none decided, or it is no longer there"),
    }
    println!("  to see each step, ask again with --as and --call: records do not hold arguments and claims");
    ExitCode::SUCCESS
}
