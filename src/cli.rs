//! Subcommands: argv to exit code.
mod audit;
mod test;
pub use audit::sentence;

use crate::{app, config, demo};
use clap::{Parser, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;

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
    },
    /// List every problem of a configuration. Exits 1 if there is one.
    Check {
        /// Configuration.
        config: PathBuf,
    },
    /// Run the cases beside the policies. Exits 1 if one fails or too few rules are covered, 2 if they cannot be run.
    Test(test::Options),
    /// Print the JSON Schema of a file, for editors.
    Schema {
        /// Which file.
        #[arg(value_enum)]
        file: SchemaOf,
    },
    /// Read audit records.
    Audit {
        #[command(subcommand)]
        command: AuditCommand,
    },
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum SchemaOf {
    /// gateway.yaml
    Gateway,
    /// policies/*.yaml
    Policy,
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
    match Arguments::parse().command {
        Command::Demo { once, directory } => with_runtime(demo::run(once, directory)),
        Command::Serve { config } => with_runtime(serve(config)),
        Command::Check { config } => match config::load::load(&config, &environment) {
            Ok(loaded) => {
                app::print_warnings(&loaded);
                println!("{}: no problems, policy {}", config.display(), loaded.snapshot.id.short());
                ExitCode::SUCCESS
            }
            Err(problems) => {
                app::print_problems(&config, &problems);
                ExitCode::FAILURE
            }
        },
        Command::Test(options) => test::run(&options, &environment),
        Command::Schema { file } => {
            let schema = match file {
                SchemaOf::Gateway => schemars::schema_for!(config::source::GatewaySource),
                SchemaOf::Policy => {
                    schemars::schema_for!(crate::kernel::policy::source::PolicySource)
                }
                SchemaOf::Cases => schemars::schema_for!(crate::cases::source::CasesSource),
            };
            println!("{:#}", schema.to_value());
            ExitCode::SUCCESS
        }
        Command::Audit { command: AuditCommand::Show { directory } } => audit::show(&directory),
    }
}

async fn serve(config: PathBuf) -> ExitCode {
    match app::run(config.clone(), &environment, stop()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(app::Failure::Problems(problems)) => {
            app::print_problems(&config, &problems);
            ExitCode::FAILURE
        }
        Err(app::Failure::Io(error)) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn stop() {
    use tokio::signal::unix::{SignalKind, signal};
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
