//! `portcullis contract`: from what a server offers to what somebody approved of it.
//!
//! `pull` writes a draft beside the lock file, `diff` says what differs, `approve` turns the draft into the
//! contract. What is in force is never touched before as many admins approved as the policy asks for.
use super::{Environment, check, files};
use crate::clock;
use crate::config::{Loaded, load};
use crate::kernel::contract::drift::{Change, Risk, compare};
use crate::kernel::contract::lock::{Approval, Lock};
use crate::kernel::contract::surface::{Kind, Surface};
use crate::kernel::contract::widget::{self, Widget};
use crate::kernel::policy::compile::{ServerPolicy, suspicious};
use crate::kernel::policy::flaw::{Flaw, Flaws, Severity};
use crate::survey::{self, Offered};
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::PemObject as _;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

/// What to do with the contract of a server.
#[derive(clap::Subcommand)]
pub enum Command {
    /// Ask the server what it offers, and write it as a draft beside the lock file.
    Pull(Which),
    /// Say what differs between the lock file and what the server offers now. Exits 0 if nothing, 1 if something.
    Diff {
        #[command(flatten)]
        which: Which,
        /// Compare with the draft, and ask nobody.
        #[arg(long)]
        draft: bool,
    },
    /// Approve the draft. With as many approvals as the policy asks for it becomes the contract.
    Approve {
        #[command(flatten)]
        which: Which,
        /// Your name among the `approvers` of gateway.yaml.
        #[arg(long, value_name = "NAME")]
        by: String,
        /// Why it is fine.
        #[arg(long)]
        reason: String,
        /// Your private key (Ed25519, PKCS #8 in PEM); needed where gateway.yaml names `approvers`.
        #[arg(long, value_name = "FILE")]
        key: Option<PathBuf>,
        /// The digest of what you reviewed, as `diff --draft` printed it: another draft is not approved.
        #[arg(long, value_name = "DIGEST")]
        digest: Option<String>,
    },
    /// Make a key for approving, and print the public half for gateway.yaml.
    Keygen {
        /// File for the private key; it must not be there yet.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
}

/// Which contract.
#[derive(clap::Args)]
pub struct Which {
    /// Configuration.
    config: PathBuf,
    /// Server, by the name of its policy.
    server: String,
}

/// A server, with where its contract lies.
struct Place {
    loaded: Loaded,
    server: Arc<ServerPolicy>,
    lock: PathBuf,
}

/// Why it ended otherwise than well.
enum Failure {
    /// Said already, or to be said in one line; nothing could be done.
    Unable(String),
    /// It was done, and the answer is no.
    No(String),
}

impl From<String> for Failure {
    fn from(why: String) -> Self {
        Self::Unable(why)
    }
}

/// Runs one of them. Exits 2 if it could not be done.
pub async fn run(command: Command, environment: Environment<'_>) -> ExitCode {
    let done = match &command {
        Command::Pull(which) => pull(which, environment).await,
        Command::Diff { which, draft } => diff(which, *draft, environment).await,
        Command::Approve { which, by, reason, key, digest } => {
            let stands = Stands { by, reason, key: key.as_deref(), digest: digest.as_deref() };
            approve(which, &stands, environment).await
        }
        Command::Keygen { out } => keygen(out).map_err(Failure::from),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::No(why)) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
        Err(Failure::Unable(why)) => {
            eprintln!("{why}");
            ExitCode::from(2)
        }
    }
}

impl Place {
    fn of(which: &Which, environment: Environment<'_>) -> Result<Self, String> {
        let Which { config, server } = which;
        // The lock file may be what is wrong, so it is not looked at here.
        let loaded = load::load_unlocked(config, environment).map_err(|problems| {
            check::print(config, problems);
            "the configuration does not load".to_owned()
        })?;
        let servers = &loaded.snapshot.servers;
        let known = || servers.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
        let policy =
            servers.get(server).ok_or_else(|| format!("no policy is for `{server}`; there are: {}", known()))?;
        let policy = policy.clone();
        let lock = loaded.locks.get(server).cloned().unwrap_or_default();
        Ok(Self { loaded, server: policy, lock })
    }

    fn draft(&self) -> PathBuf {
        let name = self.lock.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let stem = name.strip_suffix(".json").unwrap_or(&name);
        self.lock.with_file_name(format!("{stem}.draft.json"))
    }

    /// A lock file; `None` if there is none.
    fn read(&self, path: &Path) -> Result<Option<Lock>, String> {
        if !files::exists(path) {
            return Ok(None);
        }
        Lock::parse(&files::read(path)?).map(Some).map_err(|why| format!("{}: {}", path.display(), survey::plain(&why)))
    }

    /// What a reviewer should look at, of a surface by itself.
    fn findings(&self, surface: &Surface, contents: &BTreeMap<String, Vec<u8>>) -> Flaws {
        let mut flaws = Flaws::default();
        suspicious(surface, &[], &mut flaws);
        let sees = |tool: &Value| {
            let visibility = tool.pointer("/_meta/ui/visibility").and_then(Value::as_array);
            visibility.is_none_or(|list| list.iter().any(|who| who == "app"))
        };
        let tools = surface.items(Kind::Tools).filter(|(_, tool)| sees(tool));
        let tools: BTreeSet<String> = tools.map(|(name, _)| name.to_owned()).collect();
        let host = url::Url::parse(&self.server.resource).ok();
        let host = host.as_ref().and_then(url::Url::host_str);
        for (uri, pin) in surface.items(Kind::Widgets) {
            let Some(html) = contents.get(uri) else { continue };
            let before = flaws.0.len();
            let widget = Widget {
                uri,
                mime: pin.get("mimeType").and_then(Value::as_str).unwrap_or_default(),
                html: &String::from_utf8_lossy(html),
                listed_meta: surface.item(Kind::Resources, uri).and_then(|entry| entry.get("_meta")),
                read_meta: pin.get("_meta"),
            };
            widget::review(&widget, &self.server.contract.widgets, host, Some(&tools), "", &mut flaws);
            for flaw in flaws.0.iter_mut().skip(before) {
                flaw.message = format!("widget `{uri}`: {}", flaw.message);
            }
        }
        flaws
    }

    /// Whether the user interfaces of a draft may be published: they are read again, since the draft has only their
    /// digests.
    async fn reviewed(&self, surface: &Surface) -> Result<(), Failure> {
        let offered = self.offered().await?;
        let same = surface.items(Kind::Widgets).all(|(uri, pin)| offered.surface.item(Kind::Widgets, uri) == Some(pin));
        if !same {
            return Err(Failure::No("a widget is no longer what the draft says; pull again".to_owned()));
        }
        let found = self.findings(surface, &offered.contents);
        let is_error = |flaw: &&Flaw| flaw.check.severity() == Severity::Error;
        let errors: Vec<String> =
            found.0.iter().filter(is_error).map(|f| format!("{}: {}", f.check, f.message)).collect();
        match errors.as_slice() {
            [] => Ok(()),
            errors => {
                let told: Vec<String> = errors.iter().map(|error| survey::plain(error)).collect();
                Err(Failure::No(format!("not approved:\n  {}", told.join("\n  "))))
            }
        }
    }

    async fn offered(&self) -> Result<Offered, String> {
        let ServerPolicy { name, upstream, .. } = &*self.server;
        let credentials = self.loaded.credentials.get(name).cloned().unwrap_or_default();
        let offered = survey::surface(upstream, &credentials).await;
        let Offered { surface, contents } = offered.map_err(|why| format!("{name}: {why}"))?;
        Ok(Offered { surface: self.server.contract.fixed(surface), contents })
    }
}

async fn pull(which: &Which, environment: Environment<'_>) -> Result<(), Failure> {
    let place = Place::of(which, environment)?;
    let Offered { surface, contents } = place.offered().await?;
    let lock = Lock::draft(&place.server.name, surface);
    let published = place.read(&place.lock)?;
    let draft = place.draft();
    if published.is_some_and(|published| published.digest == lock.digest && published.computed() == lock.digest) {
        println!("{} offers what was approved; there is nothing to draft", place.server.name);
        return Ok(());
    }
    files::replace(&draft, &lock.render(), files::Readers::All)?;
    let found = place.findings(&lock.surface, &contents);
    print!("{}", shown(&found));
    let counts = Kind::ALL.iter().map(|kind| (kind, lock.surface.items(*kind).count())).filter(|(_, count)| *count > 0);
    let counts: Vec<String> = counts.map(|(kind, count)| format!("{count} {}", kind.name())).collect();
    println!("wrote {}: {}", draft.display(), counts.join(", "));
    let (config, server) = (which.config.display(), &which.server);
    println!("next: portcullis contract diff {config} {server} --draft");
    println!("then: portcullis contract approve {config} {server} --digest {} --by YOU --reason WHY", lock.digest);
    Ok(())
}

async fn diff(which: &Which, draft: bool, environment: Environment<'_>) -> Result<(), Failure> {
    let place = Place::of(which, environment)?;
    let published = place.read(&place.lock)?;
    if published.is_none() {
        println!("{} does not exist: nothing is approved yet", place.lock.display());
    }
    let other = if draft {
        let draft = place.read(&place.draft())?;
        draft.ok_or("there is no draft: `portcullis contract pull` writes one".to_owned())?.surface
    } else {
        place.offered().await?.surface
    };
    let published = published.map(|lock| place.server.contract.fixed(lock.surface));
    let changes = compare(&published.unwrap_or_default(), &other);
    print!("{}", told(&changes));
    if draft {
        println!("digest {}", other.digest(&place.server.name));
    }
    if changes.is_empty() { Ok(()) } else { Err(Failure::No(summary(&changes))) }
}

/// Findings for people.
fn shown(found: &Flaws) -> String {
    let told = found.0.iter().filter(|flaw| flaw.check.severity() > Severity::Advice);
    told.map(|flaw| {
        let severity = flaw.check.severity().name();
        format!("{severity} {} {}: {}\n", flaw.check, flaw.check.slug(), survey::plain(&flaw.message))
    })
    .collect()
}

/// Changes for people, with what texts say before and after.
fn told(changes: &[Change]) -> String {
    let mut out = String::new();
    for change in changes {
        out.push_str(&format!("{}\n", survey::plain(&change.to_string())));
        if let Some((before, after)) = &change.values {
            for (sign, value) in [('-', before), ('+', after)] {
                if !value.is_null() {
                    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                    out.push_str(&format!("         {sign} {}\n", survey::plain(&text)));
                }
            }
        }
    }
    if changes.is_empty() {
        out.push_str("the same as what was approved\n");
    }
    out
}

fn summary(changes: &[Change]) -> String {
    let count = |risk| changes.iter().filter(|change| change.risk == risk).count();
    let [high, medium, low] = [Risk::High, Risk::Medium, Risk::Low].map(count);
    format!("{} changes: {high} of high risk, {medium} medium, {low} low", changes.len())
}

/// Who stands for a contract.
struct Stands<'a> {
    by: &'a str,
    reason: &'a str,
    key: Option<&'a Path>,
    /// What was reviewed.
    digest: Option<&'a str>,
}

async fn approve(which: &Which, stands: &Stands<'_>, environment: Environment<'_>) -> Result<(), Failure> {
    let Stands { by, reason, key, digest } = *stands;
    let place = Place::of(which, environment)?;
    let (draft, name) = (place.draft(), &place.server.name);
    if reason.trim().is_empty() || by.trim().is_empty() {
        return Err(Failure::Unable("--by and --reason say who stands for it, and why".to_owned()));
    }
    let from_draft = files::exists(&draft);
    let found = place.read(if from_draft { &draft } else { &place.lock })?;
    let mut lock = found.ok_or("there is no draft: `portcullis contract pull` writes one".to_owned())?;
    if lock.digest != lock.computed() {
        return Err(Failure::No(
            "the file was edited: its content does not have the digest it names; pull again".to_owned(),
        ));
    }
    if digest.is_some_and(|digest| digest != lock.digest) {
        return Err(Failure::No(format!("the draft is {} and not what you reviewed", lock.digest)));
    }
    if lock.surface.items(Kind::Widgets).next().is_some() {
        place.reviewed(&lock.surface).await?;
    }
    let at = chrono::DateTime::from_timestamp(i64::try_from(clock::now()).unwrap_or_default(), 0);
    let at = at.unwrap_or_default().to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
    let (by, reason) = (by.to_owned(), reason.to_owned());
    let mut approval = Approval { by: by.clone(), reason, at, digest: lock.digest.clone(), signature: None };
    let approvers = &place.loaded.approvers;
    if let Some(key) = key {
        let pair = key_pair(key)?;
        if approvers.get(&by).is_some_and(|approver| approver.key != pair.public_key().as_ref()) {
            return Err(Failure::No(format!("{} is not the key of `{by}` in gateway.yaml", key.display())));
        }
        approval.signature = Some(STANDARD.encode(pair.sign(&approval.statement(name)).as_ref()));
    } else if !approvers.is_empty() {
        return Err(Failure::No("gateway.yaml names approvers: sign with --key".to_owned()));
    }
    lock.approvals.retain(|other| other.by != by);
    lock.approvals.push(approval);
    // What only others' approvals lack is no fault of this one.
    let mut flaws = Flaws::default();
    let own = Lock { approvals: lock.approvals.iter().filter(|a| a.by == by).cloned().collect(), ..lock.clone() };
    own.review(name, approvers, 1, "", &mut flaws);
    if flaws.fatal() {
        let why: Vec<String> = flaws.0.iter().map(|flaw| flaw.message.clone()).collect();
        return Err(Failure::No(format!("not approved: {}", why.join("; "))));
    }
    let valid = |approval: &&Approval| {
        let mut flaws = Flaws::default();
        Lock { approvals: vec![(*approval).clone()], ..lock.clone() }.review(name, approvers, 1, "", &mut flaws);
        !flaws.fatal()
    };
    let (have, needed) = (lock.approvals.iter().filter(valid).count(), place.server.contract.approvals);
    if have < needed && from_draft {
        files::replace(&draft, &lock.render(), files::Readers::All)?;
        println!("{have} of {needed} approvals; the contract in force stays as it is");
        return Ok(());
    }
    files::replace(&place.lock, &lock.render(), files::Readers::All)?;
    if from_draft {
        files::remove(&draft)?;
    }
    println!("{}: approved by {}; a gateway that runs takes it up by itself", place.lock.display(), survey::plain(&by));
    if approvers.is_empty() {
        println!("unsigned: name `approvers` with public keys in gateway.yaml (`portcullis contract keygen`)");
    }
    Ok(())
}

fn key_pair(path: &Path) -> Result<Ed25519KeyPair, String> {
    let wrong = |what: &str| format!("{}: {what}", path.display());
    let der = PrivatePkcs8KeyDer::from_pem_slice(files::read(path)?.as_bytes());
    let der = der.map_err(|_| wrong("not a private key in PEM (PKCS #8)"))?;
    Ed25519KeyPair::from_pkcs8_maybe_unchecked(der.secret_pkcs8_der()).map_err(|_| wrong("not an Ed25519 key"))
}

fn keygen(out: &Path) -> Result<(), String> {
    let pair = Ed25519KeyPair::generate().map_err(|_| "no key could be made".to_owned())?;
    let der = pair.to_pkcs8v1().map_err(|_| "no key could be made".to_owned())?;
    let text = STANDARD.encode(der.as_ref());
    files::create(
        out,
        &format!("-----BEGIN PRIVATE KEY-----\n{text}\n-----END PRIVATE KEY-----\n"),
        files::Readers::Owner,
    )?;
    println!("wrote {}; keep it to yourself. In gateway.yaml:\n", out.display());
    let name = out.file_stem().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    println!("approvers:\n  {name}: {{ key: {}, roles: [admin] }}", STANDARD.encode(pair.public_key().as_ref()));
    Ok(())
}
