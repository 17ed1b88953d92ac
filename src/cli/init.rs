//! `portcullis init`: a first policy for a server, from what the server lists.
//!
//! Nothing is written before everything that will be written is known and was read back, and no file
//! that is there is replaced without `--force`.
use super::Environment;
use super::development::{self, IssuerKey};
use super::draft::{self, Draft, Given};
use super::files::{self, Readers};
use crate::cases::source::CasesSource;
use crate::config::source::GatewaySource;
use crate::config::structure::schema_of;
use crate::config::{load, yaml};
use crate::egress::Credentials;
use crate::egress::trusted_transport;
use crate::kernel::policy::compile::{Compiled, Position, Surroundings, compile, is_server_name};
use crate::kernel::policy::compile::{Program, Transport, UpstreamTarget};
use crate::kernel::policy::flaw::Severity;
use crate::kernel::policy::source::PolicySource;
use crate::survey;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

/// What to ask, and where to write.
#[derive(clap::Args)]
#[command(group = clap::ArgGroup::new("kind").args(["upstream", "sse", "command"]).required(true))]
pub struct Options {
    /// MCP endpoint of the server (streamable HTTP).
    #[arg(long, value_name = "URL", value_parser = endpoint)]
    upstream: Option<url::Url>,
    /// Event stream of a server of 2024-11-05 (HTTP+SSE).
    #[arg(long, value_name = "URL", value_parser = endpoint)]
    sse: Option<url::Url>,
    /// A server on standard input and output: the program and its arguments, as the last option.
    #[arg(long, value_name = "WORD", num_args = 1.., allow_hyphen_values = true)]
    command: Option<Vec<String>>,
    /// Name for it: up to 63 of a-z, 0-9 and `-`. Default: the first part of the URL's host name.
    #[arg(long, value_name = "NAME", value_parser = server_name)]
    server: Option<String>,
    /// Environment variable with the gateway's own token at the server.
    #[arg(long, value_name = "VAR", value_parser = variable)]
    bearer_env: Option<String>,
    /// PEM file of the authority to trust for https, instead of the public ones.
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// Directory of the configuration.
    #[arg(long, value_name = "DIR", default_value = ".")]
    directory: PathBuf,
    /// Replace the policy, cases and note of this server, and the schemas, if they are there.
    #[arg(long)]
    force: bool,
    /// Also make certificates and an issuer's key for trying out on this machine.
    #[arg(long)]
    development: bool,
    /// Where a new gateway.yaml listens.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8443", value_parser = loopback)]
    listen: SocketAddr,
    /// Where a new gateway.yaml has its admin listener.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9443", value_parser = loopback)]
    admin: SocketAddr,
}

fn endpoint(text: &str) -> Result<url::Url, String> {
    let url = url::Url::parse(text).map_err(|error| error.to_string())?;
    let bare = url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
    match (url.scheme(), url.host()) {
        ("http" | "https", Some(_)) if bare => Ok(url),
        ("http" | "https", Some(_)) => Err("without a user name, password or fragment; see --bearer-env".to_owned()),
        _ => Err("an http or https URL, as in http://127.0.0.1:3001/mcp".to_owned()),
    }
}

fn server_name(text: &str) -> Result<String, String> {
    if is_server_name(text) { Ok(text.to_owned()) } else { Err("up to 63 of a-z, 0-9 and -".to_owned()) }
}

fn variable(text: &str) -> Result<String, String> {
    let fine = text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    if fine && !text.is_empty() { Ok(text.to_owned()) } else { Err("a name, not the token itself".to_owned()) }
}

fn loopback(text: &str) -> Result<SocketAddr, String> {
    match text.parse::<SocketAddr>() {
        Ok(address) if address.ip().is_loopback() => Ok(address),
        _ => Err("a loopback address and port, as in 127.0.0.1:8443".to_owned()),
    }
}

/// A file about to be written.
struct File {
    path: PathBuf,
    text: String,
    readers: Readers,
    /// Replaced with `--force`. The others stay as they are if they are there.
    ours: bool,
}

/// Asks, writes, and says what is left to do.
pub async fn run(options: Options, environment: Environment<'_>) -> ExitCode {
    match work(&options, environment).await {
        Ok(code) => code,
        Err(why) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    }
}

async fn work(options: &Options, environment: Environment<'_>) -> Result<ExitCode, String> {
    let place_of = options.upstream.as_ref().or(options.sse.as_ref());
    let server = options.server.clone().unwrap_or_else(|| match (place_of, &options.command) {
        (Some(url), _) => name_of(url),
        (None, command) => name_of_program(command.as_deref().unwrap_or_default()),
    });
    let place = |name: &str| options.directory.join(name);
    let ours = ["yaml", "cases.yaml", "README.md"].map(|end| place(&format!("policies/{server}.{end}")));
    if let Some(taken) = ours.iter().find(|path| files::exists(path) && !options.force) {
        return Err(format!("{} is there already; --force replaces it, --server takes another name", taken.display()));
    }
    let bearer = match &options.bearer_env {
        Some(name) => Some(environment(name).ok_or_else(|| format!("environment variable `{name}` is not set"))?),
        None => None,
    };
    if options.command.is_some() && (bearer.is_some() || options.ca.is_some()) {
        return Err("--bearer-env and --ca are for servers with a URL; a program gets secrets by `env`".to_owned());
    }
    if let Some(url) = place_of.filter(|url| bearer.is_some() && !trusted_transport(url)) {
        eprintln!("note: the token goes to {url} without TLS");
    }
    let gateway = place("gateway.yaml");
    let known = if files::exists(&gateway) { Some(issuers_of(&gateway)?) } else { None };
    let issuers = known.clone().unwrap_or_else(|| vec![issuer_name(options).to_owned()]);
    // The whole path, since the policy will be read from elsewhere.
    let ca = options.ca.as_deref().map(files::real).transpose()?;
    let (field, transport) = kind(options)?;
    let ca = ca.map(|path| path.display().to_string());
    let target = UpstreamTarget {
        url: place_of.map(url::Url::to_string).unwrap_or_default(),
        transport,
        credential: None,
        ca: ca.clone(),
        timeout: Duration::from_secs(60),
    };
    let survey = survey::ask(&target, &Credentials { bearer, ..Credentials::default() }).await?;
    if ca.as_ref().is_some_and(|path| path.chars().any(char::is_control)) {
        return Err("--ca: a path with control characters cannot stand in a policy".to_owned());
    }
    let bearer_env = options.bearer_env.as_deref();
    let given = Given { server: &server, upstream: &field, bearer_env, ca: ca.as_deref(), issuers: &issuers };
    let draft = draft::draft(&given, &survey);
    read_back(&draft, &issuers)?;
    write(&plan(options, ours, &draft, known.is_none())?, options.force)?;
    Ok(report(options, &server, &draft, environment))
}

/// The field of the policy that says where the server is, and how it is spoken to.
fn kind(options: &Options) -> Result<(String, Transport), String> {
    let quoted = |text: &str| format!("'{}'", text.replace('\'', "''"));
    if let Some(url) = &options.upstream {
        return Ok((format!("url: {}", quoted(url.as_str())), Transport::Http));
    }
    if let Some(url) = &options.sse {
        return Ok((format!("sse: {}", quoted(url.as_str())), Transport::Events));
    }
    let command = options.command.clone().unwrap_or_default();
    if command.iter().any(|word| word.is_empty() || !word.chars().all(|c| c.is_ascii_graphic() || c == ' ')) {
        return Err("--command: words of printable ASCII".to_owned());
    }
    let words: Vec<String> = command.iter().map(|word| quoted(word)).collect();
    let program = Program {
        command,
        environment: BTreeMap::new(),
        secrets: BTreeMap::new(),
        directory: Some(options.directory.display().to_string()).filter(|name| !name.is_empty()),
        shared: false,
        processes_max: 1,
        idle: Duration::from_secs(60),
        memory_max: 1 << 30,
        files_max: 1024,
    };
    Ok((format!("command: [{}]", words.join(", ")), Transport::Command(program)))
}

/// The last part of a program's path.
fn name_of_program(command: &[String]) -> String {
    let name = command.first().map(Path::new).and_then(Path::file_stem).map(|name| name.to_string_lossy());
    server_name(&name.unwrap_or_default().to_ascii_lowercase()).unwrap_or_else(|_| "server".to_owned())
}

/// The first part of a host name. The server's own name for itself is not taken: it could choose which
/// file is replaced.
fn name_of(url: &url::Url) -> String {
    let host = url.domain().and_then(|domain| domain.split('.').next()).unwrap_or_default().to_ascii_lowercase();
    match server_name(&host) {
        Ok(name) if name != "localhost" => name,
        _ => "server".to_owned(),
    }
}

fn issuer_name(options: &Options) -> &'static str {
    if options.development { "development" } else { "main" }
}

fn issuers_of(gateway: &Path) -> Result<Vec<String>, String> {
    let shown = gateway.display();
    let source = files::gateway(gateway)?;
    if Path::new(&source.policies) != Path::new("policies") {
        eprintln!("note: {shown} reads its policies from `{}`; move the new files there", source.policies);
    }
    if source.issuers.is_empty() {
        Err(format!("{shown}: no issuer"))
    } else {
        Ok(source.issuers.into_keys().collect())
    }
}

/// Whatever a server lists, what was written must be a policy, and read back as one.
fn read_back(draft: &Draft, issuers: &[String]) -> Result<(), String> {
    let wrong = |why: String| format!("the draft is not a policy, which is a fault of this program: {why}");
    let value =
        yaml::parse(&draft.policy).map_err(|fault| wrong(format!("line {}: {}", fault.line, fault.message)))?.value;
    let source: PolicySource = serde_json::from_value(value).map_err(|why| wrong(why.to_string()))?;
    let Compiled { policy, flaws } =
        compile(source, &Surroundings::new(issuers, "https://localhost"), &|_| Position::default());
    let fatal = flaws.iter().find(|flaw| flaw.check.severity() == Severity::Error);
    let policy = policy.ok_or_else(|| wrong(fatal.map(|flaw| flaw.message.clone()).unwrap_or_default()))?;
    let rules = policy.tools.count() + policy.resources.count() + policy.prompts.count();
    if rules == draft.rules { Ok(()) } else { Err(wrong(format!("{rules} rules instead of {}", draft.rules))) }
}

fn plan(options: &Options, ours: [PathBuf; 3], draft: &Draft, new_gateway: bool) -> Result<Vec<File>, String> {
    let texts = [&draft.policy, &draft.cases, &draft.readme];
    let drafts = ours.into_iter().zip(texts);
    let drafts = drafts.map(|(path, text)| File { path, text: text.clone(), readers: Readers::All, ours: true });
    let mut files: Vec<File> = drafts.collect();
    let schemas = [
        ("policy", schema_of::<PolicySource>()),
        ("cases", schema_of::<CasesSource>()),
        ("gateway", schema_of::<GatewaySource>()),
    ];
    for (name, schema) in schemas {
        let path = options.directory.join(format!(".portcullis/{name}.schema.json"));
        files.push(File { path, text: format!("{schema:#}\n"), readers: Readers::All, ours: true });
    }
    let mut add = |name: &str, text: String, readers| {
        files.push(File { path: options.directory.join(name), text, readers, ours: false });
    };
    if new_gateway {
        add("gateway.yaml", gateway(options), Readers::All);
    }
    if options.development {
        let certs = options.directory.join("certs");
        if to_make(&certs, &["ca.pem", "server.pem", "server.key"])? {
            let made = development::certificates()?;
            add("certs/ca.pem", made.authority, Readers::All);
            add("certs/server.pem", made.certificate, Readers::All);
            add("certs/server.key", made.key, Readers::Owner);
        }
        if to_make(&certs, &["jwks.json", "issuer.key"])? {
            let (key, pem) = IssuerKey::generate()?;
            add("certs/jwks.json", key.jwks() + "\n", Readers::All);
            add("certs/issuer.key", pem, Readers::Owner);
        }
        add("certs/.gitignore", "*\n".to_owned(), Readers::All);
    }
    Ok(files)
}

/// A certificate and its key belong together: they are made together, or are all there already.
fn to_make(certs: &Path, names: &[&str]) -> Result<bool, String> {
    match names.iter().filter(|name| files::exists(&certs.join(name))).count() {
        0 => Ok(true),
        there if there == names.len() => Ok(false),
        _ => Err(format!("{} has some of {}, but not all: move them away", certs.display(), names.join(", "))),
    }
}

fn gateway(options: &Options) -> String {
    let Options { listen, admin, .. } = options;
    let name = issuer_name(options);
    let host = if listen.is_ipv4() { "localhost".to_owned() } else { "[::1]".to_owned() };
    let (review, issuer) = if options.development {
        (
            "# review: FOR DEVELOPMENT ONLY. Whoever has certs/issuer.key makes any token. Replace it by your issuer.",
            "https://issuer.invalid/development",
        )
    } else {
        (
            "# review: A PLACEHOLDER. Put the `iss` of your issuer here, and its keys into certs/jwks.json; or leave\n  \
             # out `jwks`, and they are found through discovery.",
            "https://login.example.com",
        )
    };
    format!(
        "# yaml-language-server: $schema=.portcullis/gateway.schema.json\n\
         # Drafted by `portcullis init`: a gateway for this machine alone. Each `# review:` marks what is yours to say.\n\
         # review: the URL by which clients reach the gateway. It is part of the audience of every token.\n\
         public_url: https://{host}:{port}\n\
         listen:\n  - address: '{listen}'\n    tls: {{ certificate: certs/server.pem, key: certs/server.key }}\n\
         issuers:\n  {review}\n  {name}: {{ issuer: '{issuer}', jwks: certs/jwks.json, algorithms: [ES256] }}\n\
         admin: {{ address: '{admin}' }}\n\
         audit: {{ directory: audit }}\n\
         policies: policies\n",
        port = listen.port(),
    )
}

fn write(plan: &[File], force: bool) -> Result<(), String> {
    for File { path, text, readers, ours } in plan {
        if let Some(parent) = path.parent() {
            files::directory(parent)?;
        }
        let done = if !files::exists(path) {
            files::create(path, text, *readers)?;
            "wrote"
        } else if *ours && force {
            files::replace(path, text, *readers)?;
            "replaced"
        } else {
            "left as it is:"
        };
        println!("{done} {}", path.display());
    }
    Ok(())
}

fn report(options: &Options, server: &str, draft: &Draft, environment: Environment<'_>) -> ExitCode {
    let directory = options.directory.display();
    println!("{} rules, {} entries left out: see {directory}/policies/{server}.README.md", draft.rules, draft.left_out);
    let config = options.directory.join("gateway.yaml");
    let shown = config.display();
    match load::load(&config, environment) {
        Ok(loaded) => {
            let serious = loaded.warnings.iter().filter(|warning| warning.check.severity() > Severity::Advice).count();
            let warnings = match serious {
                0 => "no problems".to_owned(),
                many => format!("no problems, warnings: {many} (portcullis check {shown})"),
            };
            println!("{shown}: {warnings}. Review it, then: portcullis serve {shown}");
            println!("lock what the server offers now: portcullis contract pull {shown} {server}");
        }
        // Certificates and keys are the operator's to bring, so their absence is no failure of `init`.
        Err(problems) => {
            println!("still to do before `portcullis serve {shown}`:");
            let errors = problems.iter().filter(|problem| problem.check.severity() == Severity::Error);
            errors.for_each(|problem| println!("{problem}"));
        }
    }
    ExitCode::SUCCESS
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::survey::{Survey, Tool};
    use proptest::prelude::*;

    /// Names and URIs out of pieces that mean something to YAML, to templates or to a terminal.
    fn text() -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            prop::sample::select(vec![
                "a",
                "b",
                "/",
                "x://",
                "{",
                "}",
                "{id}",
                "{+all}",
                "*",
                "'",
                "\"",
                ": ",
                " #",
                "\n",
                "\r",
                "\t",
                "- ",
                "&a",
                "!",
                "|",
                ">",
                "%2e",
                "..",
                "\u{1b}[2J",
                "\u{202e}",
                "\u{2028}",
                "\u{feff}",
                "\0",
                "\\",
                "env",
                "null",
                "<<",
                "`",
            ])
            .prop_map(str::to_owned),
            any::<String>(),
        ];
        prop::collection::vec(piece, 0..6).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn whatever_a_server_lists_the_draft_is_a_policy(
            names in prop::collection::vec((text(), any::<Option<bool>>(), any::<Option<bool>>()), 0..8),
            resources in prop::collection::vec(text(), 0..8),
            templates in prop::collection::vec(text(), 0..8),
            prompts in prop::collection::vec(text(), 0..8),
        ) {
            let tool = |(name, read_only, destructive): (String, _, _)| {
                Tool { name, read_only, destructive, ..Tool::default() }
            };
            let survey = Survey { tools: names.into_iter().map(tool).collect(), resources, templates, prompts, revision: None };
            let issuers = ["main".to_owned()];
            let given = Given { server: "s", upstream: "url: 'http://127.0.0.1/'", bearer_env: None, ca: None, issuers: &issuers };
            let draft = draft::draft(&given, &survey);
            prop_assert_eq!(read_back(&draft, &issuers), Ok(()), "{}", draft.policy);
            prop_assert!(yaml::parse(&draft.cases).is_ok(), "{}", draft.cases);
            for text in [&draft.policy, &draft.cases, &draft.readme] {
                prop_assert!(text.bytes().all(|b| b == b'\n' || (0x20..0x7f).contains(&b)), "{}", text);
            }
        }
    }
}
