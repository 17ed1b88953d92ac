//! `portcullis redact` and `portcullis scan`: the engine on samples of one's own.
use super::{check, files};
use crate::clock;
use crate::config::Loaded;
use crate::config::load::{Environment, load};
use crate::kernel::facts::Facts;
use crate::kernel::mcp::decode::Target;
use crate::kernel::policy::source::Direction;
use crate::kernel::principal::{Principal, Verified};
use crate::kernel::redact::{Edit, Engine, Finding, Kind, Span, cover};
use crate::kernel::sensitive::keys::{Keys, ROTATE_SECONDS};
use crate::kernel::sensitive::{Passage, sample};
use serde::Deserialize;
use serde_json::json;
use std::io::{BufWriter, Read as _, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

/// The longest input that is read.
const INPUT_MAX: u64 = 256 << 20;

/// Options of `redact`.
#[derive(clap::Args)]
pub struct Options {
    /// Read records `{"id", "kind", "text"}`, one a line, and print where their text is sensitive: `{"id", "spans"}` with
    /// UTF-8 byte offsets, escapes not decoded.
    #[arg(long)]
    spans: bool,
    /// What takes the place of a value.
    #[arg(long, value_enum, default_value = "replace")]
    action: Action,
    /// Only these types or groups, as policies spell them: `pci,secret,email`.
    #[arg(long, value_delimiter = ',', value_name = "TYPE")]
    types: Vec<String>,
    /// What the `redact` table of this configuration makes of the sample, instead; what it found is told on standard error.
    #[arg(long, value_name = "CONFIG", conflicts_with_all = ["spans", "action", "types"])]
    policy: Option<PathBuf>,
    /// With --policy: the server.
    #[arg(long, requires = "policy")]
    server: Option<String>,
    /// With --policy: the tool whose arguments or result it is.
    #[arg(long, requires = "policy")]
    tool: Option<String>,
    /// With --policy: which way it goes.
    #[arg(long, requires = "policy", value_enum, default_value = "results")]
    direction: Way,
    /// With --policy: scopes of the caller.
    #[arg(long, requires = "policy", value_delimiter = ',')]
    scope: Vec<String>,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Way {
    /// From the client to the server.
    Arguments,
    /// From the server to the client.
    Results,
}

/// Options of `scan`.
#[derive(clap::Args)]
pub struct ScanOptions {
    /// Files and folders.
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    /// Only these types or groups.
    #[arg(long, value_delimiter = ',', value_name = "TYPE")]
    types: Vec<String>,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Action {
    /// A placeholder that names the type: `[CREDIT_CARD]`.
    Replace,
    /// Stars, the last four kept.
    Mask,
    /// Nothing; in JSON the whole entry goes.
    Drop,
}

/// A record of samples.
#[derive(Deserialize)]
struct Record {
    id: serde_json::Value,
    text: String,
}

/// Which kinds are asked for; `None` for all.
struct Wanted(Option<Vec<Kind>>);

impl Wanted {
    fn read(names: &[String]) -> Result<Self, String> {
        if names.is_empty() {
            return Ok(Self(None));
        }
        let mut kinds = Vec::new();
        for name in names {
            let found: Vec<Kind> = Kind::ALL
                .iter()
                .copied()
                .filter(|kind| {
                    Kind::named(name) == Some(*kind) || kind.group().is_some_and(|group| group.name() == name)
                })
                .collect();
            if found.is_empty() {
                return Err(format!("no type or group is called `{name}`"));
            }
            kinds.extend(found);
        }
        Ok(Self(Some(kinds)))
    }

    /// What was not read may have any of them.
    fn has(&self, kind: Kind) -> bool {
        kind == Kind::Unread || self.0.as_ref().is_none_or(|kinds| kinds.contains(&kind))
    }
}

/// Everything that a command needs, or why it cannot run.
fn prepare(types: &[String]) -> Result<(Engine, Wanted), String> {
    let engine = Engine::new(Vec::new()).map_err(|(_, flaw)| format!("{flaw:?}"))?;
    Ok((engine, Wanted::read(types)?))
}

/// Standard input to standard output.
pub fn run(options: &Options, environment: Environment<'_>) -> ExitCode {
    if let Some(config) = &options.policy {
        return match load(config, environment) {
            Ok(loaded) => told(by_policy(options, &loaded)),
            Err(problems) => {
                check::print(config, problems);
                ExitCode::from(2)
            }
        };
    }
    told(prepare(&options.types).and_then(|(engine, wanted)| {
        let input = input()?;
        if options.spans {
            return spans(&engine, &wanted, &input);
        }
        let mut unread = Unread(false);
        let decide = |finding: &Finding<'_>| {
            unread.note(finding.kind);
            match options.action {
                _ if !wanted.has(finding.kind) => Edit::Keep,
                Action::Replace => Edit::Replace(cover::placeholder(finding.kind.name())),
                Action::Mask => Edit::Replace(cover::mask(finding.kind, finding.value)),
                Action::Drop => Edit::Drop,
            }
        };
        let out = engine.rewrite_wire(&input, decide);
        unread.tell();
        std::io::stdout().write_all(out.as_bytes()).map_err(|error| error.to_string())?;
        Ok(ExitCode::SUCCESS)
    }))
}

/// A sample as the policy would have it; fails where the message would be refused.
fn by_policy(options: &Options, loaded: &Loaded) -> Result<ExitCode, String> {
    let servers = &loaded.snapshot.servers;
    let server = match &options.server {
        Some(name) => servers.get(name),
        None => servers.values().next().filter(|_| servers.len() == 1),
    };
    let known = || servers.keys().cloned().collect::<Vec<_>>().join(", ");
    let server = server.ok_or_else(|| format!("--server: one of {}", known()))?;
    let caller = Verified { anonymous: false, scopes: options.scope.iter().cloned().collect(), ..Verified::nothing() };
    let principal = Principal::supposed(caller);
    let target = options.tool.clone().map_or(Target::None, Target::Tool);
    let facts = Facts { keys: Some(Arc::new(Keys::new(b"a sample", ROTATE_SECONDS))), ..Facts::at(clock::now()) };
    let passage = Passage { server, principal: &principal, target: Some(&target), facts: &facts };
    let direction = match options.direction {
        Way::Arguments => Direction::Arguments,
        Way::Results => Direction::Results,
    };
    let (text, counts, blocked) = sample(passage, direction, &input()?);
    for (kind, action, count) in counts.iter() {
        eprintln!("{kind}: {}, {count}", action.name());
    }
    if let Some(kind) = blocked {
        eprintln!("refused: {kind}");
        return Ok(ExitCode::FAILURE);
    }
    std::io::stdout().write_all(text.as_bytes()).map_err(|error| error.to_string())?;
    Ok(ExitCode::SUCCESS)
}

fn input() -> Result<String, String> {
    let mut input = String::new();
    let read = std::io::stdin().take(INPUT_MAX + 1).read_to_string(&mut input);
    match read.map(u64::try_from) {
        Ok(Ok(length)) if length <= INPUT_MAX => Ok(input),
        Ok(_) => Err(format!("standard input: longer than {INPUT_MAX} bytes")),
        Err(error) => Err(format!("standard input: {error}")),
    }
}

/// Whether something was not looked through.
struct Unread(bool);

impl Unread {
    fn note(&mut self, kind: Kind) {
        self.0 |= kind == Kind::Unread;
    }

    fn tell(&self) {
        if self.0 {
            eprintln!(
                "{}: has more numbers and names of secrets than can be looked through for its length. Give less at once.",
                Kind::Unread.name()
            );
        }
    }
}

fn spans(engine: &Engine, wanted: &Wanted, input: &str) -> Result<ExitCode, String> {
    let mut out = BufWriter::new(std::io::stdout());
    let mut unread = Unread(false);
    for (number, line) in input.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let record: Record = serde_json::from_str(line).map_err(|error| format!("line {}: {error}", number + 1))?;
        let mut spans = engine.scan_wire(&record.text);
        spans.retain(|span| wanted.has(span.kind));
        spans.iter().for_each(|span| unread.note(span.kind));
        let spans: Vec<_> = spans
            .iter()
            .map(|span| json!({ "start": span.start, "end": span.end, "type": span.kind.name() }))
            .collect();
        writeln!(out, "{}", json!({ "id": record.id, "spans": spans })).map_err(|error| error.to_string())?;
    }
    unread.tell();
    out.flush().map_err(|error| error.to_string())?;
    Ok(ExitCode::SUCCESS)
}

/// Files and folders: says where something is and what kind of thing, never what.
pub fn scan(options: &ScanOptions) -> ExitCode {
    told(prepare(&options.types).and_then(|(engine, wanted)| {
        let mut found = false;
        let mut unread = Unread(false);
        let mut out = BufWriter::new(std::io::stdout());
        files::each(&options.paths, &mut |path, text| {
            let mut place = Place::default();
            for span in engine.scan_wire(text).into_iter().filter(|span| wanted.has(span.kind)) {
                found = true;
                unread.note(span.kind);
                let (line, column) = place.of(text, span);
                writeln!(out, "{}:{line}:{column}: {}", path.display(), span.kind.name())
                    .map_err(|error| error.to_string())?;
            }
            Ok(())
        })?;
        unread.tell();
        out.flush().map_err(|error| error.to_string())?;
        Ok(if found { ExitCode::FAILURE } else { ExitCode::SUCCESS })
    }))
}

/// Lines and columns of ascending offsets, counted once.
#[derive(Default)]
struct Place {
    at: usize,
    line: usize,
    start: usize,
}

impl Place {
    fn of(&mut self, text: &str, span: Span) -> (usize, usize) {
        let passed = text.get(self.at..span.start).unwrap_or_default();
        self.line += passed.matches('\n').count();
        self.start = passed.rfind('\n').map_or(self.start, |line| self.at + line + 1);
        self.at = span.start;
        (self.line + 1, text.get(self.start..span.start).map_or(0, |before| before.chars().count()) + 1)
    }
}

fn told(result: Result<ExitCode, String>) -> ExitCode {
    result.unwrap_or_else(|why| {
        eprintln!("{why}");
        ExitCode::from(2)
    })
}
