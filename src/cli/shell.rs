//! `portcullis completions` and `portcullis man`, and the end of every `--help`: examples and exit codes.
use clap::Command;
use std::io::Write as _;
use std::process::ExitCode;

const EXIT_CODES: &str = "EXIT CODES:
  0  all is well
  1  a problem or difference was found, or something failed
  2  wrong usage; where a configuration is only looked at, also one that does not load";

/// Examples by the path of the subcommand. One without an entry fails a test.
const EXAMPLES: &[(&str, &str)] = &[
    ("", "portcullis demo --once\n  portcullis check gateway.yaml\n  portcullis serve gateway.yaml"),
    ("demo", "portcullis demo\n  portcullis demo --once --directory /tmp/demo"),
    ("serve", "portcullis serve gateway.yaml\n  portcullis serve --strict gateway.yaml"),
    (
        "contract",
        "portcullis contract pull gateway.yaml crm
  portcullis contract diff gateway.yaml crm
  portcullis contract approve gateway.yaml crm --by ann --reason \"reviewed in #12\" --key ann.key",
    ),
    ("contract pull", "portcullis contract pull gateway.yaml crm"),
    ("contract diff", "portcullis contract diff gateway.yaml crm\n  portcullis contract diff gateway.yaml crm --draft"),
    (
        "contract approve",
        "portcullis contract approve gateway.yaml crm --by ann --reason \"reviewed in #12\" --key ann.key",
    ),
    ("contract keygen", "portcullis contract keygen --out ann.key"),
    (
        "check",
        "portcullis check gateway.yaml
  portcullis check gateway.yaml --strict --format sarif > portcullis.sarif
  portcullis check --explain P702",
    ),
    ("test", "portcullis test gateway.yaml"),
    (
        "explain",
        "portcullis explain gateway.yaml --as '{ sub: ann, scopes: [crm.read] }' --call '{ tool: find_customer }'",
    ),
    ("access", "portcullis access gateway.yaml\n  portcullis access gateway.yaml --format html > access.html"),
    ("diff", "portcullis diff main/gateway.yaml branch/gateway.yaml"),
    ("schema", "portcullis schema policy > policy.schema.json"),
    ("audit", "portcullis audit show audit"),
    ("audit show", "portcullis audit show audit"),
    (
        "evidence",
        "portcullis evidence audit
  portcullis evidence audit --from 2026-11-01 --before 2026-12-01
  portcullis evidence audit 3fVp0yQ8nXw2kLr7TzBd5HsM --format html > evidence.html",
    ),
    (
        "stop",
        "portcullis stop gateway.yaml tool crm/delete_customer --reason \"incident 12\"
  portcullis stop gateway.yaml
  portcullis stop gateway.yaml tool crm/delete_customer --lift",
    ),
    (
        "doctor",
        "portcullis doctor gateway.yaml crm
  portcullis doctor gateway.yaml --offline
  portcullis doctor --table",
    ),
    (
        "init",
        "portcullis init --upstream http://127.0.0.1:3001/mcp --server crm --development
  portcullis init --upstream https://crm.example.com/mcp --bearer-env CRM_TOKEN --directory gate
  portcullis init --server files --development --command server-filesystem /srv/files",
    ),
    (
        "token",
        "portcullis token gateway.yaml crm --scope crm.read
  portcullis token gateway.yaml crm --scope crm.write --claims '{\"groups\":[\"support\"]}'",
    ),
    (
        "redact",
        "portcullis redact < reply.json
  portcullis redact --action mask --types pci,email < mail.txt
  portcullis redact --spans < samples.jsonl > spans.jsonl
  portcullis redact --policy gateway.yaml --server crm --tool find_customer < result.json",
    ),
    ("scan", "portcullis scan samples/ notes.txt\n  portcullis scan --types secret ."),
    ("fmt", "portcullis fmt policies/crm.yaml policies/crm.cases.yaml\n  portcullis fmt --check policies/*.yaml"),
    ("completions", "portcullis completions bash > /etc/bash_completion.d/portcullis"),
    ("man", "portcullis man > portcullis.1\n  portcullis man init > portcullis-init.1"),
];

/// Gives every subcommand its examples and the exit codes.
pub fn with_examples(command: Command) -> Command {
    annotate(command, "")
}

fn annotate(command: Command, path: &str) -> Command {
    let examples = EXAMPLES.iter().find(|(known, _)| *known == path).map(|(_, text)| *text);
    let text = match examples {
        Some(examples) => format!("EXAMPLES:\n  {examples}\n\n{EXIT_CODES}"),
        None => EXIT_CODES.to_owned(),
    };
    command.after_help(text).mut_subcommands(|inner| {
        let below = format!("{path} {}", inner.get_name());
        annotate(inner, below.trim())
    })
}

/// Prints the completions of a shell.
pub fn completions(shell: clap_complete::Shell, mut command: Command) -> ExitCode {
    let mut out = Vec::new();
    clap_complete::generate(shell, &mut command, "portcullis", &mut out);
    print(&out)
}

/// Prints the manual page of the program, or of one of its subcommands.
pub fn man(subcommand: Option<&str>, mut command: Command) -> ExitCode {
    command.build();
    let page = match subcommand {
        None => command,
        Some(name) => match command.find_subcommand(name) {
            Some(found) => found.clone(),
            None => {
                eprintln!("there is no subcommand {name:?}");
                return ExitCode::from(2);
            }
        },
    };
    let mut out = Vec::new();
    match clap_mangen::Man::new(page).render(&mut out) {
        Ok(()) => print(&out),
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// A reader that leaves early, such as `head`, is no reason to panic.
fn print(text: &[u8]) -> ExitCode {
    match std::io::stdout().write_all(text) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
