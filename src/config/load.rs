//! Reads the files of a configuration and compiles them: everything, or every problem at once.
use super::source::{GatewaySource, OnReload};
use super::yaml::{self, Extent, Yaml};
use super::{Loaded, Problem, cases, compile, include, structure};
use crate::cases::Case;
use crate::kernel::digest::Digest;
use crate::kernel::policy::compile::Position;
use crate::kernel::policy::flaw::{Check, Severity};
use crate::kernel::policy::source::PolicySource;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

/// Longest file that is read.
const FILE_BYTES_MAX: u64 = 4 << 20;
/// Longest lock file or key set.
const LOCK_BYTES_MAX: u64 = crate::kernel::contract::lock::BYTES_MAX as u64;

/// Reads an environment variable; a parameter, since only the outermost layer may touch the environment.
pub type Environment<'a> = &'a (dyn Fn(&str) -> Option<String> + Sync);

/// What was read of the disk, so that a reload can tell what changed since.
#[derive(Default, PartialEq, Eq)]
pub struct Files {
    /// Each file with its content.
    read: Vec<(PathBuf, Result<String, String>)>,
    /// Each directory with the files of one kind in it.
    listed: Vec<(PathBuf, Kind, Result<Vec<PathBuf>, String>)>,
}

/// What the files in a directory of policies are, by their names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Policies,
    /// Those with `.cases.` in their name.
    Cases,
}

impl Files {
    /// Digest of all contents and of their paths from `base`, so that it is the same wherever the files are.
    pub fn digest(&self, base: &Path) -> Digest {
        let from = |path: &Path| path.strip_prefix(base).unwrap_or(path).display().to_string();
        let read = self.read.iter().map(|(path, content)| format!("{}\0{content:?}", from(path)));
        let listed = self.listed.iter().map(|(path, _, found)| {
            let names = found.as_ref().map(|files| files.iter().map(|file| from(file)).collect::<Vec<_>>());
            format!("{}\0{names:?}", from(path))
        });
        let parts: Vec<String> = read.chain(listed).collect();
        Digest::of_parts(&parts.iter().map(|p| p.as_bytes()).collect::<Vec<_>>())
    }

    /// The same files and directories, as they are now.
    pub fn again(&self) -> Self {
        let mut now = Self::default();
        for (path, _) in &self.read {
            let _ = now.text(path);
        }
        for (path, kind, _) in &self.listed {
            let _ = now.list(path, *kind);
        }
        now
    }

    /// Lists the files of cases in a directory and remembers them.
    pub(super) fn cases(&mut self, directory: &Path) -> Result<Vec<PathBuf>, String> {
        self.list(directory, Kind::Cases)
    }

    /// Lists the files of one kind in a directory and remembers them.
    fn list(&mut self, directory: &Path, kind: Kind) -> Result<Vec<PathBuf>, String> {
        let found = files_in(directory, kind).map_err(|error| error.to_string());
        self.listed.push((directory.to_owned(), kind, found.clone()));
        found
    }

    /// Reads a file beside a policy that need not be there: `None` as the error if it is not. A name that leads out of
    /// the directory is an error.
    pub(super) fn optional(&mut self, directory: &Path, name: &str) -> Result<String, Option<String>> {
        let plain = |part: Component<'_>| matches!(part, Component::Normal(_) | Component::CurDir);
        if !Path::new(name).components().all(plain) {
            return Err(Some("a lock file lies beside its policy, or below".to_owned()));
        }
        let path = directory.join(name);
        // Remembered also when it is missing, so that a reload notices when it comes.
        let text = self.text(&path);
        let missing = std::fs::symlink_metadata(&path).is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound);
        text.map_err(|why| (!missing).then_some(why))
    }

    /// Reads a file once and remembers it.
    pub fn text(&mut self, path: &Path) -> Result<String, String> {
        if let Some((_, content)) = self.read.iter().find(|(known, _)| known == path) {
            return content.clone();
        }
        let content = match std::fs::metadata(path) {
            // Reading from a pipe would wait for whoever writes into it.
            Ok(meta) if !meta.is_file() => Err("not a plain file".to_owned()),
            Ok(meta) if meta.len() > longest(path) => Err(format!("longer than {} bytes", longest(path))),
            Ok(_) => std::fs::read(path).map_err(|error| error.to_string()).and_then(utf8),
            Err(error) => Err(error.to_string()),
        };
        self.read.push((path.to_owned(), content.clone()));
        content
    }
}

/// Longest file that is read, by what it is.
fn longest(path: &Path) -> u64 {
    if path.extension().is_some_and(|extension| extension == "json") { LOCK_BYTES_MAX } else { FILE_BYTES_MAX }
}

fn utf8(bytes: Vec<u8>) -> Result<String, String> {
    String::from_utf8(bytes).map_err(|error| {
        let before = error.as_bytes().get(..error.utf8_error().valid_up_to()).unwrap_or_default();
        let line = before.split(|byte| *byte == b'\n').count();
        format!("not UTF-8 in line {line}")
    })
}

/// Whether a file is in a directory, wherever symbolic links lead. What is not there is in none.
pub(super) fn is_within(file: &Path, directory: &Path) -> bool {
    match (std::fs::canonicalize(file), std::fs::canonicalize(directory)) {
        (Ok(file), Ok(directory)) => file.starts_with(directory),
        _ => false,
    }
}

/// Loads `gateway.yaml` and everything it names.
pub fn load(path: &Path, environment: Environment<'_>) -> Result<Loaded, Vec<Problem>> {
    load_with(path, environment, &mut Files::default())
}

/// Loads, runs the cases as `gateway.yaml` says, and leaves in `files` what was read.
pub fn load_with(path: &Path, environment: Environment<'_>, files: &mut Files) -> Result<Loaded, Vec<Problem>> {
    let World { loaded, mut problems, directory, on_reload } = world(path, environment, files, true);
    if let Some(directory) = directory.filter(|_| on_reload != OnReload::Ignore) {
        let mut found = Vec::new();
        let snapshot = loaded.as_ref().map(|loaded| loaded.snapshot.as_ref());
        let cases = cases::read_all(&directory, &base_of(path), snapshot, files, &mut found);
        if let Some(loaded) = &loaded {
            found.extend(cases::failing(loaded, &cases));
        }
        if on_reload == OnReload::Warn {
            found.iter_mut().for_each(|problem| problem.check = Check::CaseNotHeld);
        }
        problems.extend(found);
    }
    finish(loaded, problems)
}

/// Loads without a look at lock files or cases, for whoever is about to write a lock file.
pub fn load_unlocked(path: &Path, environment: Environment<'_>) -> Result<Loaded, Vec<Problem>> {
    let World { loaded, problems, .. } = world(path, environment, &mut Files::default(), false);
    finish(loaded, problems)
}

/// Loads with the cases, for whoever runs them; whatever `gateway.yaml` says of them.
pub fn load_cases(path: &Path, environment: Environment<'_>) -> Result<(Loaded, Vec<Case>), Vec<Problem>> {
    let files = &mut Files::default();
    let World { loaded, mut problems, directory, .. } = world(path, environment, files, true);
    let snapshot = loaded.as_ref().map(|loaded| loaded.snapshot.as_ref());
    let read = |directory: PathBuf| cases::read_all(&directory, &base_of(path), snapshot, files, &mut problems);
    let cases = directory.map(read).unwrap_or_default();
    Ok((finish(loaded, problems)?, cases))
}

/// A configuration, as far as it can be had, before its cases have been looked at.
struct World {
    /// None if a problem keeps it from loading.
    loaded: Option<Loaded>,
    problems: Vec<Problem>,
    /// Where the policies are, if `gateway.yaml` could be read.
    directory: Option<PathBuf>,
    on_reload: OnReload,
}

fn base_of(path: &Path) -> PathBuf {
    path.parent().map(Path::to_owned).unwrap_or_default()
}

fn fatal(problems: &[Problem]) -> bool {
    problems.iter().any(|problem| problem.check.severity() == Severity::Error)
}

fn finish(loaded: Option<Loaded>, mut problems: Vec<Problem>) -> Result<Loaded, Vec<Problem>> {
    problems.sort_by(|a, b| (&a.file, a.line, a.column, a.check).cmp(&(&b.file, b.line, b.column, b.check)));
    match loaded {
        Some(mut loaded) if !fatal(&problems) => {
            loaded.warnings = problems;
            Ok(loaded)
        }
        _ => Err(problems),
    }
}

fn world(path: &Path, environment: Environment<'_>, files: &mut Files, locked: bool) -> World {
    let base = base_of(path);
    let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    let mut problems = Vec::new();
    let gateway = Document::read(path, &name, files, &mut problems)
        .and_then(|document| Some((document.typed::<GatewaySource>(&mut problems)?, document)));
    let Some((source, document)) = gateway else {
        return World { loaded: None, problems, directory: None, on_reload: OnReload::Ignore };
    };
    let on_reload = source.cases.on_reload;
    let directory = base.join(&source.policies);
    let wrong = |message: String, hint: &str| document.problem(Check::PoliciesMissing, "/policies", message, hint);
    let mut policies = Vec::new();
    match files.list(&directory, Kind::Policies) {
        Ok(found) if found.is_empty() => {
            problems.push(wrong(format!("no *.yaml in `{}`", source.policies), "write one policy per server"));
        }
        Ok(found) => {
            for file in found {
                let shown = file.strip_prefix(&base).unwrap_or(&file).display().to_string();
                let policy = Document::read(&file, &shown, files, &mut problems)
                    .and_then(|policy| include::included(policy, &directory, &base, files, &mut problems));
                policies.extend(policy.and_then(|policy| Some((policy.typed::<PolicySource>(&mut problems)?, policy))));
            }
        }
        Err(error) => {
            problems.push(wrong(format!("cannot read `{}`: {error}", source.policies), "name a directory"));
        }
    }
    let mut compiler = compile::Compiler {
        base: &base,
        document: &document,
        files,
        environment,
        problems,
        locked,
        locks: BTreeMap::new(),
    };
    let loaded = compiler.gateway(source, policies);
    let problems = compiler.problems;
    let mut loaded = loaded.filter(|_| !fatal(&problems));
    if let Some(loaded) = &mut loaded {
        // Before the cases are read: they say what a policy should be, and are no part of what it is.
        let id = files.digest(&base);
        if let Some(snapshot) = std::sync::Arc::get_mut(&mut loaded.snapshot) {
            snapshot.id = id;
        }
    }
    World { loaded, problems, directory: Some(directory), on_reload }
}

/// `*.yaml` and `*.yml` of one kind, without fragments, sorted. Follows symlinks, as Kubernetes mounts need; skips
/// dot files.
fn files_in(directory: &Path, kind: Kind) -> std::io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory)? {
        let path = entry?.path();
        let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        let of = if name.contains(".cases.") { Kind::Cases } else { Kind::Policies };
        let read = (name.ends_with(".yaml") || name.ends_with(".yml"))
            && !name.contains(".fragment.")
            && !name.starts_with('.');
        // What is there and cannot be read is told, not passed over.
        if read && of == kind && !path.is_dir() {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// A file as a value, and where each part of it was written; after includes, in which file.
pub(super) struct Document {
    /// Name of the file, as people are told it.
    pub file: String,
    /// Its content.
    pub value: serde_json::Value,
    /// File, line and column by JSON pointer.
    pub places: BTreeMap<String, Position>,
    /// Where each text stands, and in the text of which file.
    pub texts: BTreeMap<String, (Extent, Arc<str>)>,
}

impl Document {
    /// Reads one file.
    pub fn read(path: &Path, shown: &str, files: &mut Files, problems: &mut Vec<Problem>) -> Option<Self> {
        let place = |line, column| Position { file: shown.to_owned(), line, column };
        let mut refuse = |check, place: Position, message: String, hint: &str| {
            let Position { file, line, column } = place;
            problems.push(Problem { check, file, line, column, message, hint: hint.to_owned() });
            None
        };
        let text = match files.text(path) {
            Ok(text) => text,
            Err(error) => {
                let hint = if error.starts_with("not UTF-8") {
                    "save it as UTF-8"
                } else if error.starts_with("longer") {
                    "make several policies, or `include` parts"
                } else {
                    "check the path and its permissions"
                };
                return refuse(Check::FileUnreadable, place(0, 0), format!("cannot be read: {error}"), hint);
            }
        };
        match yaml::parse(&text) {
            Ok(Yaml { value, positions, texts }) => {
                let places = positions.into_iter().map(|(at, (line, column))| (at, place(line, column))).collect();
                let text: Arc<str> = text.into();
                let texts = texts.into_iter().map(|(at, extent)| (at, (extent, text.clone()))).collect();
                Some(Self { file: shown.to_owned(), value, places, texts })
            }
            Err(yaml::Fault { line, column, kind, message }) => {
                let (check, hint) = match kind {
                    yaml::Kind::Repeated => (Check::KeyRepeated, "keep one of the two"),
                    yaml::Kind::TooLarge => (Check::YamlTooLarge, "make several policies, and use few aliases"),
                    yaml::Kind::Malformed => (Check::YamlMalformed, yaml::hint(&message)),
                };
                refuse(check, place(line, column), message, hint)
            }
        }
    }

    /// Position of a pointer, or of the nearest thing around it.
    pub fn place(&self, path: &str) -> Position {
        let mut path = path;
        loop {
            if let Some(place) = self.places.get(path) {
                return place.clone();
            }
            match path.rsplit_once('/') {
                Some((parent, _)) => path = parent,
                None => return Position { file: self.file.clone(), line: 1, column: 1 },
            }
        }
    }

    /// Something wrong at a pointer.
    pub fn problem(&self, check: Check, path: &str, message: impl Into<String>, hint: impl Into<String>) -> Problem {
        let Position { file, line, column } = self.place(path);
        Problem { check, file, line, column, message: message.into(), hint: hint.into() }
    }

    /// Something wrong in the text at a pointer.
    pub fn problem_within(
        &self,
        check: Check,
        path: &str,
        offset: usize,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) -> Problem {
        let mut problem = self.problem(check, path, message, hint);
        let value = self.value.pointer(path).and_then(serde_json::Value::as_str);
        if let (Some((extent, file)), Some(value)) = (self.texts.get(path), value) {
            (problem.line, problem.column) = extent.place(file, value, offset);
        }
        problem
    }

    /// The content as its type. The generated schema is checked first, because it finds every structural
    /// problem at once where serde stops at the first.
    pub fn typed<T: DeserializeOwned + schemars::JsonSchema>(&self, problems: &mut Vec<Problem>) -> Option<T> {
        let schema = structure::schema_of::<T>();
        let before = problems.len();
        if let Ok(validator) = jsonschema::validator_for(&schema) {
            for error in validator.iter_errors(&self.value) {
                problems.extend(structure::problems(self, &schema, &error));
            }
        }
        if problems.len() > before {
            return None;
        }
        match serde_json::from_value(self.value.clone()) {
            Ok(source) => Some(source),
            Err(error) => {
                problems.push(self.problem(Check::TypeWrong, "", error.to_string(), "see the reference in docs"));
                None
            }
        }
    }
}
