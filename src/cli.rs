//! Subcommands: argv to exit code.
mod access;
mod audit;
mod check;
mod contract;
pub(crate) mod development;
mod doctor;
mod draft;
mod evidence;
mod explain;
mod files;
mod format;
mod guess;
mod init;
mod redact;
mod reference;
mod shell;
mod stop;
mod test;
mod token;
pub use audit::sentence;

use crate::config::load::Environment;
use crate::kernel::policy::flaw::Check;
use crate::kernel::policy::source::{FragmentSource, PolicySource};
use crate::kernel::snapshot::Snapshot;
use crate::{app, config, demo};
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

/// A security gateway in front of existing MCP servers.
#[derive(Parser)]
#[command(name = "portcullis", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run a gateway, an issuer and a small CRM on loopback, with a guided tour.
    Demo {
        /// Take the tour, print each exchange with its decision, and exit.
        #[arg(long)]
        once: bool,
        /// Directory for its files.
        #[arg(long, default_value = "demo-data")]
        directory: PathBuf,
    },
    /// Run the gateway.
    Serve {
        /// Configuration.
        config: PathBuf,
        /// Do not start while `check --strict` would warn.
        #[arg(long)]
        strict: bool,
    },
    /// List every problem of a configuration. Exits 1 if there is one.
    Check {
        /// Configuration.
        #[arg(required_unless_present_any = ["explain", "codes"])]
        config: Option<PathBuf>,
        /// Fail on warnings too, and look for what a reviewer will ask.
        #[arg(long)]
        strict: bool,
        /// Output.
        #[arg(long, value_enum, default_value = "text")]
        format: check::Format,
        /// Say what a code means, why it matters and how to mend it.
        #[arg(long, value_name = "CODE")]
        explain: Option<String>,
        /// Print all codes with their meaning, in Markdown.
        #[arg(long)]
        codes: bool,
    },
    /// Run the cases beside the policies. Exits 1 if one fails or too few rules are covered, 2 if they cannot be run.
    Test(test::Options),
    /// Explain a verdict step by step: for a caller and a call, or for a record.
    Explain(explain::Options),
    /// Show who may use what: roles by tools, prompts and resources.
    Access {
        /// Configuration.
        config: PathBuf,
        /// Output.
        #[arg(long, value_enum, default_value = "text")]
        format: access::Format,
    },
    /// Say what a change of policy allows and denies, computed from what runs and not from text. Exits 1 if anything changes.
    Diff {
        /// Configuration before.
        old: PathBuf,
        /// Configuration after.
        new: PathBuf,
    },
    /// Print the JSON Schema of a file, for editors.
    Schema {
        /// Which file.
        #[arg(value_enum)]
        file: SchemaOf,
        /// Print the reference of the file instead, in Markdown.
        #[arg(long)]
        markdown: bool,
    },
    /// Read audit records.
    Audit {
        #[command(subcommand)]
        command: AuditCommand,
    },
    /// Show what the records say of a confirmation, or of every call that changed something. Exits 1 if one was not
    /// confirmed or the records do not fit together.
    Evidence(evidence::Options),
    /// Stop a server, tool, client or subject at once, lift that again, or list what is stopped.
    Stop(stop::Options),
    /// Pull, compare and approve what a server offers.
    Contract {
        #[command(subcommand)]
        command: contract::Command,
    },
    /// Ask a server and the gateway in front of it as a client would, and say what is wrong. Exits 1 if something is.
    Doctor(doctor::Options),
    /// Draft a policy for an MCP server from what it lists.
    Init(init::Options),
    /// Print an access token by a local issuer, for trying out.
    Token(token::Options),
    /// Find what is sensitive in a text or a document from standard input, and print it without.
    Redact(redact::Options),
    /// Say where files and folders hold something sensitive, never what. Exits 1 if one does, 2 if one cannot be read.
    Scan(redact::ScanOptions),
    /// Format policies and cases; comments and meaning stay.
    Fmt(format::Options),
    /// Print the completions of a shell.
    Completions {
        /// Which shell.
        #[arg(value_enum)]
        shell: clap_complete::Shell,
    },
    /// Print the manual page.
    Man {
        /// Of this subcommand instead of the whole.
        subcommand: Option<String>,
    },
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum SchemaOf {
    /// gateway.yaml
    Gateway,
    /// policies/*.yaml
    Policy,
    /// policies/*.fragment.yaml and what lies in subdirectories
    Fragment,
    /// policies/*.cases.yaml
    Cases,
}

#[derive(Subcommand)]
enum AuditCommand {
    /// Print the records of a directory for people.
    Show {
        /// Audit directory.
        directory: PathBuf,
    },
}

fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// Runs the command line.
pub fn main() -> ExitCode {
    let arguments = Arguments::from_arg_matches(&command().get_matches()).unwrap_or_else(|error| error.exit());
    match arguments.command {
        Command::Demo { once, directory } => with_runtime(demo::run(once, directory)),
        Command::Serve { config, strict } => with_runtime(serve(config, strict)),
        Command::Check { config, strict, format, explain, codes } => match (config, explain) {
            (_, Some(code)) => explain_code(&code),
            (Some(config), None) if !codes => check_configuration(&config, strict, format),
            _ => {
                print!("{}", check::reference());
                ExitCode::SUCCESS
            }
        },
        Command::Test(options) => test::run(&options, &environment),
        Command::Explain(options) => explain::run(&options, &environment),
        Command::Access { config, format } => with_worlds(&[config], |worlds| {
            worlds.iter().for_each(|world| print!("{}", access::access(world, format)));
            ExitCode::SUCCESS
        }),
        Command::Diff { old, new } => with_worlds(&[old, new], |worlds| {
            let told = match worlds {
                [old, new] => access::difference(old, new),
                _ => String::new(),
            };
            print!("{}", if told.is_empty() { "nothing that is allowed or denied changes\n" } else { &told });
            if told.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }),
        Command::Schema { file, markdown } => {
            let schema = match file {
                SchemaOf::Gateway => config::structure::schema_of::<config::source::GatewaySource>(),
                SchemaOf::Policy => config::structure::schema_of::<PolicySource>(),
                SchemaOf::Fragment => config::structure::schema_of::<FragmentSource>(),
                SchemaOf::Cases => config::structure::schema_of::<crate::cases::source::CasesSource>(),
            };
            match (markdown, file) {
                (false, _) => println!("{schema:#}"),
                (true, SchemaOf::Policy) => print!("{}", reference::policy(&schema)),
                (true, SchemaOf::Gateway | SchemaOf::Fragment | SchemaOf::Cases) => {
                    print!("{}", reference::sections(&schema))
                }
            }
            ExitCode::SUCCESS
        }
        Command::Audit { command: AuditCommand::Show { directory } } => audit::show(&directory),
        Command::Evidence(options) => evidence::run(&options),
        Command::Stop(options) => stop::run(&options),
        Command::Contract { command } => with_runtime(contract::run(command, &environment)),
        Command::Doctor(options) => with_runtime(doctor::run(options, &environment)),
        Command::Init(options) => with_runtime(init::run(options, &environment)),
        Command::Token(options) => token::run(&options, &environment),
        Command::Redact(options) => redact::run(&options, &environment),
        Command::Scan(options) => redact::scan(&options),
        Command::Fmt(options) => format::run(&options),
        Command::Completions { shell } => shell::completions(shell, command()),
        Command::Man { subcommand } => shell::man(subcommand.as_deref(), command()),
    }
}

fn command() -> clap::Command {
    shell::with_examples(Arguments::command())
}

/// Loads configurations for a look at them; their problems go to standard error.
fn with_worlds(configs: &[PathBuf], show: impl FnOnce(&[Arc<Snapshot>]) -> ExitCode) -> ExitCode {
    let mut worlds = Vec::new();
    for config in configs {
        match config::load::load(config, &environment) {
            Ok(loaded) => worlds.push(loaded.snapshot),
            Err(problems) => {
                check::print(config, problems);
                return ExitCode::from(2);
            }
        }
    }
    show(&worlds)
}

fn explain_code(code: &str) -> ExitCode {
    match Check::ALL.iter().find(|check| check.code().eq_ignore_ascii_case(code) || check.slug() == code) {
        Some(check) => {
            print!("{}", check::explained(*check));
            ExitCode::SUCCESS
        }
        None => {
            eprintln!("no check has the code `{code}`; `portcullis check --codes` prints all");
            ExitCode::from(2)
        }
    }
}

fn check_configuration(config: &Path, strict: bool, format: check::Format) -> ExitCode {
    let (policy, problems) = match config::load::load(config, &environment) {
        Ok(loaded) => (Some(loaded.snapshot.id.short().to_string()), loaded.warnings),
        Err(problems) => (None, problems),
    };
    let problems = check::told(problems, strict);
    let name = config.display().to_string();
    match (format, &policy) {
        (check::Format::Json, _) => println!("{:#}", check::json(&name, policy, &problems)),
        (check::Format::Sarif, _) => println!("{:#}", check::sarif(&problems)),
        (check::Format::Text, Some(policy)) if problems.is_empty() => println!("{name}: no problems, policy {policy}"),
        (check::Format::Text, _) => eprint!("{}", check::text(&name, &problems)),
    }
    if check::fails(&problems, strict) { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

async fn serve(config: PathBuf, strict: bool) -> ExitCode {
    if strict && check_configuration(&config, true, check::Format::Text) != ExitCode::SUCCESS {
        return ExitCode::FAILURE;
    }
    match app::run(config.clone(), &environment, stop()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(app::Failure::Problems(problems)) => {
            check::print(&config, problems);
            ExitCode::FAILURE
        }
        Err(app::Failure::Io(error)) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// On Linux, whatever the architecture we are built for.
const SIGXFSZ: i32 = 25;

async fn stop() {
    use tokio::signal::unix::{SignalKind, signal};
    // A file of records at a limit of the system (RLIMIT_FSIZE) is a failed write, not the end of the process.
    let _file_limit = signal(SignalKind::from_raw(SIGXFSZ));
    match (signal(SignalKind::terminate()), signal(SignalKind::interrupt())) {
        (Ok(mut terminate), Ok(mut interrupt)) => {
            tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
        }
        _ => std::future::pending().await,
    }
}

fn with_runtime(work: impl Future<Output = ExitCode>) -> ExitCode {
    // One core, as a sidecar often has: there is nobody to steal work from or to wake.
    let one = std::thread::available_parallelism().is_ok_and(|cores| cores.get() == 1);
    let mut builder =
        if one { tokio::runtime::Builder::new_current_thread() } else { tokio::runtime::Builder::new_multi_thread() };
    match builder.enable_all().build() {
        Ok(runtime) => runtime.block_on(work),
        Err(error) => {
            eprintln!("no runtime: {error}");
            ExitCode::FAILURE
        }
    }
}
