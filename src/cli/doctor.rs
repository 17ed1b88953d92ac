//! `portcullis doctor`: asks a configured server, and the gateway in front of it, as a client would, and says in
//! words what is wrong and what clients of each era will find.
use super::Environment;
use crate::config::{self, load};
use crate::egress::{Egress, Failure, trusted_transport};
use crate::kernel::bridge::table::{self, Cell};
use crate::kernel::mcp::decode::Target;
use crate::kernel::mcp::revision::{Era, Revision};
use crate::kernel::policy::compile::ServerPolicy;
use crate::survey::{self, Survey};
use std::path::PathBuf;
use std::process::ExitCode;

/// What to look at.
#[derive(clap::Args)]
pub struct Options {
    /// Configuration.
    #[arg(required_unless_present = "table")]
    config: Option<PathBuf>,
    /// Name of the server. Default: every one.
    server: Option<String>,
    /// PEM file of the authority that the gateway's own certificate is by.
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// Do not look for a running gateway.
    #[arg(long)]
    offline: bool,
    /// Print the table of what is bridged, in Markdown.
    #[arg(long)]
    table: bool,
}

/// Looks, and tells. 0: nothing wrong; 1: something is; 2: it could not be looked at.
pub async fn run(options: Options, environment: Environment<'_>) -> ExitCode {
    let Some(path) = options.config.as_ref().filter(|_| !options.table) else {
        print!("{}", table::markdown());
        return ExitCode::SUCCESS;
    };
    let loaded = match load::load(path, environment) {
        Ok(loaded) => loaded,
        Err(problems) => {
            super::check::print(path, problems);
            return ExitCode::from(2);
        }
    };
    let wanted = |name: &str| options.server.as_deref().is_none_or(|wanted| wanted == name);
    let joints: Vec<_> = loaded.snapshot.joints.values().filter(|joint| wanted(&joint.face.name)).collect();
    // Who asks for a virtual server asks for all of its servers.
    let part = |name: &str| joints.iter().any(|joint| joint.members.iter().any(|member| member.name == name));
    let servers: Vec<_> =
        loaded.snapshot.servers.values().filter(|server| wanted(&server.name) || part(&server.name)).collect();
    if servers.is_empty() {
        eprintln!("no server has that name; there are: {}", names(&loaded));
        return ExitCode::from(2);
    }
    let mut wrong = 0;
    for server in servers {
        println!("{}: {}", server.name, config::escaped(&server.upstream.url));
        println!("  transport: {}", table::transport(&server.upstream.transport));
        let credentials = loaded.credentials.get(&server.name).cloned().unwrap_or_default();
        match survey::ask(&server.upstream, &credentials).await {
            Ok(found) => wrong += told(server, &found),
            Err(why) => {
                wrong += 1;
                println!("  WRONG: {}", survey::plain(&why));
            }
        }
        if !options.offline {
            wrong += gateway(&options, &loaded.snapshot.public_url, server).await;
        }
    }
    for joint in joints {
        let members: Vec<&str> = joint.members.iter().map(|member| member.name.as_str()).collect();
        println!("{}: {} behind one path, {}", joint.face.name, members.join(" and "), joint.face.path);
        println!("  if one fails: {}", if joint.without { "answered without it" } else { "refused" });
        if !options.offline {
            wrong += gateway(&options, &loaded.snapshot.public_url, &joint.face).await;
        }
    }
    println!("{}", if wrong == 0 { "nothing wrong".to_owned() } else { format!("{wrong} things wrong") });
    if wrong == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn names(loaded: &config::Loaded) -> String {
    let (servers, joints) = (loaded.snapshot.servers.keys(), loaded.snapshot.joints.keys());
    servers.chain(joints).cloned().collect::<Vec<_>>().join(", ")
}

/// What the server is and has; returns how many things are wrong.
fn told(server: &ServerPolicy, found: &Survey) -> usize {
    let era = found.revision.map_or(Era::Legacy, |revision| revision.era());
    let revision = found.revision.map(|revision| revision.to_string()).unwrap_or_default();
    println!("  speaks: {revision}");
    let named = |tool: &&survey::Tool| server.rule(&Target::Tool(tool.name.clone())).is_some();
    let allowed = found.tools.iter().filter(named).count();
    println!(
        "  has: {} tools ({allowed} with a rule), {} prompts, {} resources, {} templates",
        found.tools.len(),
        found.prompts.len(),
        found.resources.len(),
        found.templates.len()
    );
    let mut wrong = 0;
    for (pattern, rule) in server.tools.iter() {
        if pattern.is_exact() && !found.tools.iter().any(|tool| pattern.matches(&tool.name)) {
            wrong += 1;
            println!("  WRONG: {}: the server has no tool `{}`", rule.position, rule.label);
        }
    }
    for (client, of) in [(Era::Legacy, "earlier revisions"), (Era::Modern, Revision::V2026_07_28.as_str())] {
        if client == era {
            println!("  clients of {of}: everything, as the server does it");
            continue;
        }
        println!("  clients of {of}:");
        for (feature, cell) in table::cells(client, era) {
            match cell {
                Cell::Served => println!("    {feature}: served"),
                Cell::Bridged(how) => println!("    {feature}: bridged; {how}"),
                Cell::Not(why) => println!("    {feature}: NOT SERVED; {why}"),
            }
        }
    }
    wrong
}

/// The running gateway, as a client that has no token yet meets it; returns how many things are wrong.
async fn gateway(options: &Options, public_url: &str, server: &ServerPolicy) -> usize {
    let url = format!("{public_url}/.well-known/oauth-protected-resource{}", server.path);
    if url::Url::parse(&url).is_ok_and(|url| !trusted_transport(&url)) {
        println!("  note: clients reach the gateway without TLS");
    }
    let wrong = |why: String| {
        println!("  WRONG: the gateway at {public_url}: {why}");
        1
    };
    let egress = match Egress::new(options.ca.as_deref()) {
        Ok(egress) => egress,
        Err(why) => return wrong(why),
    };
    let document = match egress.get(&url, 1 << 20).await {
        Ok(document) => document,
        Err(Failure::TooSlow) => return wrong("it does not answer in time".to_owned()),
        Err(Failure::Unreachable(why) | Failure::Broke(why) | Failure::Full(why)) => {
            return wrong(format!("{why}; is it running, does its name lead here, and is its certificate trusted?"));
        }
    };
    let metadata: serde_json::Value = serde_json::from_slice(&document).unwrap_or_default();
    let resource = metadata.get("resource").and_then(|resource| resource.as_str()).unwrap_or_default();
    if resource != server.resource {
        return wrong(format!("its metadata names another resource, `{}`", survey::plain(resource)));
    }
    if metadata.get("authorization_servers").and_then(|a| a.as_array()).is_none_or(Vec::is_empty) {
        return wrong("its metadata names no authorization server".to_owned());
    }
    println!("  gateway: reachable, and its metadata (RFC 9728) is right");
    0
}
