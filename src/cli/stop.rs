//! `portcullis stop`: the kill switch. It needs nothing of the policies, so it works while they have mistakes, and
//! nothing of the gateway, so it works before it starts.
use super::files::{self, Readers};
use crate::clock;
use crate::control::stop;
use crate::kernel::stops::{STOPS_MAX, Stop, What};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// What to do.
#[derive(clap::Args)]
pub struct Options {
    /// Configuration.
    config: PathBuf,
    /// What to stop; without it, what is stopped is listed.
    #[arg(requires = "name")]
    kind: Option<Kind>,
    /// Name of the server, `server/tool`, client id, or `sub` of the subject.
    name: Option<String>,
    /// Why, for the record and for whoever lifts it.
    #[arg(long, default_value = "")]
    reason: String,
    /// Lift it again.
    #[arg(long, requires = "kind")]
    lift: bool,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Kind {
    /// A server, with everything on it.
    Server,
    /// A tool of a server, as in crm/delete_customer.
    Tool,
    /// An OAuth client, whoever uses it.
    Client,
    /// A subject, whichever client it uses.
    Subject,
}

/// Stops, lifts or lists.
pub fn run(options: &Options) -> ExitCode {
    match done(options) {
        Ok(told) => {
            print!("{told}");
            ExitCode::SUCCESS
        }
        Err(why) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    }
}

fn done(options: &Options) -> Result<String, String> {
    let Options { config, kind, name, reason, lift } = options;
    let source = files::gateway(config)?;
    let directory = config.parent().unwrap_or(Path::new("")).join(source.audit.directory);
    let mut stops = stop::current(&directory)?;
    let (Some(kind), Some(name)) = (kind, name) else {
        let lines = stops.stops.iter().map(|stop| format!("{}{}\n", stop.what, because(&stop.reason)));
        let all: String = lines.collect();
        return Ok(if all.is_empty() { "nothing is stopped\n".to_owned() } else { all });
    };
    let what = match kind {
        Kind::Server => What::Server(name.clone()),
        Kind::Client => What::Client(name.clone()),
        Kind::Subject => What::Subject(name.clone()),
        Kind::Tool => match name.split_once('/') {
            Some((server, tool)) => What::Tool { server: server.to_owned(), tool: tool.to_owned() },
            None => return Err(format!("`{name}` is not a tool of a server: as in crm/delete_customer")),
        },
    };
    let known = stops.stops.iter().any(|stop| stop.what == what);
    let told = match (lift, known) {
        (true, false) => return Err(format!("{what} is not stopped")),
        (true, true) => {
            stops.stops.retain(|stop| stop.what != what);
            format!("{what} is no longer stopped\n")
        }
        (false, true) => return Ok(format!("{what} is stopped already\n")),
        (false, false) if stops.stops.len() >= STOPS_MAX => return Err(format!("more than {STOPS_MAX} are stopped")),
        (false, false) => {
            stops.stops.push(Stop { what: what.clone(), reason: reason.clone(), since: clock::now() });
            format!("{what} is stopped; `portcullis stop {} --lift …` lifts it\n", config.display())
        }
    };
    files::directory(&directory)?;
    let text = serde_json::to_string_pretty(&stops).map_err(|error| error.to_string())?;
    files::replace(&directory.join(stop::FILE), &format!("{text}\n"), Readers::Owner)?;
    Ok(told)
}

fn because(reason: &str) -> String {
    if reason.is_empty() { String::new() } else { format!(": {}", crate::config::escaped(reason)) }
}
