//! Reads the files of a configuration and compiles them: everything, or every problem at once.
use super::source::{GatewaySource, OnReload};
use super::yaml::{self, Yaml};
use super::{Loaded, Problem};
use super::{cases, compile};
use crate::cases::Case;
use crate::kernel::digest::Digest;
use crate::kernel::policy::source::PolicySource;
use jsonschema::ValidationError;
use jsonschema::error::ValidationErrorKind;
use serde::de::DeserializeOwned;
use std::path::{Path, PathBuf};

/// Longest file that is read.
const FILE_BYTES_MAX: u64 = 4 << 20;

/// Reads an environment variable; a parameter, since only the outermost layer may touch the environment.
pub type Environment<'a> = &'a (dyn Fn(&str) -> Option<String> + Sync);

/// What was read of the disk, so that a reload can tell what changed since.
#[derive(Default)]
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
    /// Those with `.cases.` in their name. Every other file is a policy, so none is passed over.
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

    /// Reads a file once and remembers it.
    pub fn text(&mut self, path: &Path) -> Result<String, String> {
        if let Some((_, content)) = self.read.iter().find(|(known, _)| known == path) {
            return content.clone();
        }
        let content = match std::fs::metadata(path) {
            Ok(meta) if meta.len() > FILE_BYTES_MAX => Err(format!("longer than {FILE_BYTES_MAX} bytes")),
            Ok(_) => std::fs::read_to_string(path).map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        };
        self.read.push((path.to_owned(), content.clone()));
        content
    }
}

/// Loads `gateway.yaml` and everything it names.
pub fn load(path: &Path, environment: Environment<'_>) -> Result<Loaded, Vec<Problem>> {
    load_with(path, environment, &mut Files::default())
}

/// Loads, runs the cases as `gateway.yaml` says, and leaves in `files` what was read.
pub fn load_with(path: &Path, environment: Environment<'_>, files: &mut Files) -> Result<Loaded, Vec<Problem>> {
    let World { mut loaded, mut problems, directory, on_reload } = world(path, environment, files);
    if let Some(directory) = directory.filter(|_| on_reload != OnReload::Ignore) {
        let mut found = Vec::new();
        let snapshot = loaded.as_ref().map(|loaded| loaded.snapshot.as_ref());
        let cases = cases::read_all(&directory, &base_of(path), snapshot, files, &mut found);
        if let Some(loaded) = &mut loaded {
            found.extend(cases::failing(loaded, &cases));
        }
        match &mut loaded {
            Some(loaded) if on_reload == OnReload::Warn => loaded.warnings = sorted(found),
            _ => problems.extend(found),
        }
    }
    finish(loaded, problems)
}

/// Loads with the cases, for whoever runs them; whatever `gateway.yaml` says of them.
pub fn load_cases(path: &Path, environment: Environment<'_>) -> Result<(Loaded, Vec<Case>), Vec<Problem>> {
    let files = &mut Files::default();
    let World { loaded, mut problems, directory, .. } = world(path, environment, files);
    let snapshot = loaded.as_ref().map(|loaded| loaded.snapshot.as_ref());
    let read = |directory: PathBuf| cases::read_all(&directory, &base_of(path), snapshot, files, &mut problems);
    let cases = directory.map(read).unwrap_or_default();
    Ok((finish(loaded, problems)?, cases))
}

/// A configuration, as far as it can be had, before its cases have been looked at.
struct World {
    /// None if there is a problem.
    loaded: Option<Loaded>,
    problems: Vec<Problem>,
    /// Where the policies are, if `gateway.yaml` could be read.
    directory: Option<PathBuf>,
    on_reload: OnReload,
}

fn base_of(path: &Path) -> PathBuf {
    path.parent().map(Path::to_owned).unwrap_or_default()
}

fn sorted(mut problems: Vec<Problem>) -> Vec<Problem> {
    problems.sort_by(|a, b| (&a.file, a.line, a.column).cmp(&(&b.file, b.line, b.column)));
    problems
}

fn finish(loaded: Option<Loaded>, problems: Vec<Problem>) -> Result<Loaded, Vec<Problem>> {
    match loaded {
        Some(loaded) if problems.is_empty() => Ok(loaded),
        _ => Err(sorted(problems)),
    }
}

fn world(path: &Path, environment: Environment<'_>, files: &mut Files) -> World {
    let base = base_of(path);
    let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    let mut problems = Vec::new();
    let gateway = read::<GatewaySource>(path, &name, files, &mut problems);
    let policies_in = gateway.as_ref().map(|(source, _)| base.join(&source.policies));
    let mut policies = Vec::new();
    if let (Some(directory), Some((source, yaml))) = (&policies_in, &gateway) {
        match files.list(directory, Kind::Policies) {
            Ok(found) if found.is_empty() => problems.push(yaml_problem(
                &name,
                yaml,
                "/policies",
                format!("no *.yaml in `{}`", source.policies),
                "write one policy per server",
            )),
            Ok(found) => {
                for file in found {
                    let shown = file.strip_prefix(&base).unwrap_or(&file).display().to_string();
                    if let Some((policy, yaml)) = read::<PolicySource>(&file, &shown, files, &mut problems) {
                        policies.push((shown, policy, yaml));
                    }
                }
            }
            Err(error) => problems.push(yaml_problem(
                &name,
                yaml,
                "/policies",
                format!("cannot read `{}`: {error}", source.policies),
                "name a directory",
            )),
        }
    }
    let Some((source, yaml)) = gateway else {
        return World { loaded: None, problems, directory: None, on_reload: OnReload::Ignore };
    };
    let on_reload = source.cases.on_reload;
    let mut compiler = compile::Compiler { base: &base, name: &name, yaml: &yaml, files, environment, problems };
    let loaded = compiler.gateway(source, policies);
    let problems = compiler.problems;
    let mut loaded = loaded.filter(|_| problems.is_empty());
    if let Some(loaded) = &mut loaded {
        // Before the cases are read: they say what a policy should be, and are no part of what it is.
        let id = files.digest(&base);
        if let Some(snapshot) = std::sync::Arc::get_mut(&mut loaded.snapshot) {
            snapshot.id = id;
        }
    }
    World { loaded, problems, directory: policies_in, on_reload }
}

/// `*.yaml` and `*.yml` of one kind, sorted. Follows symlinks, as Kubernetes mounts need; skips dot files.
fn files_in(directory: &Path, kind: Kind) -> std::io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory)? {
        let path = entry?.path();
        let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        let of = if name.contains(".cases.") { Kind::Cases } else { Kind::Policies };
        let read = (name.ends_with(".yaml") || name.ends_with(".yml")) && !name.starts_with('.');
        if read && of == kind && path.is_file() {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

pub(super) fn yaml_problem(
    file: &str,
    yaml: &Yaml,
    path: &str,
    message: impl Into<String>,
    hint: impl Into<String>,
) -> Problem {
    let (line, column) = locate(yaml, path);
    Problem { file: file.to_owned(), line, column, message: message.into(), hint: hint.into() }
}

/// Position of a pointer, or of the nearest thing around it.
pub(super) fn locate(yaml: &Yaml, path: &str) -> (usize, usize) {
    let mut path = path;
    loop {
        if let Some(position) = yaml.positions.get(path) {
            return *position;
        }
        match path.rsplit_once('/') {
            Some((parent, _)) => path = parent,
            None => return (1, 1),
        }
    }
}

/// Reads one file into its type. The generated schema is checked first, because it finds every
/// structural problem at once where serde stops at the first.
pub(super) fn read<T: DeserializeOwned + schemars::JsonSchema>(
    path: &Path,
    shown: &str,
    files: &mut Files,
    problems: &mut Vec<Problem>,
) -> Option<(T, Yaml)> {
    let whole = |line, column, message: String, hint: &str| Problem {
        file: shown.to_owned(),
        line,
        column,
        message,
        hint: hint.to_owned(),
    };
    let text = match files.text(path) {
        Ok(text) => text,
        Err(error) => {
            problems.push(whole(0, 0, format!("cannot be read: {error}"), "check the path and its permissions"));
            return None;
        }
    };
    let yaml = match yaml::parse(&text) {
        Ok(yaml) => yaml,
        Err((line, column, message)) => {
            problems.push(whole(line, column, message, ""));
            return None;
        }
    };
    let schema = schemars::schema_for!(T).to_value();
    let manual = match shown {
        cases if cases.contains(".cases.") => "see docs/cases.md",
        policy if policy.contains('/') => "see docs/policy.md",
        _ => "see docs/configuration.md",
    };
    let before = problems.len();
    if let Ok(validator) = jsonschema::validator_for(&schema) {
        for error in validator.iter_errors(&yaml.value) {
            problems.extend(structural(shown, &yaml, &schema, &error, manual));
        }
    }
    if problems.len() > before {
        return None;
    }
    match serde_json::from_value(yaml.value.clone()) {
        Ok(source) => Some((source, yaml)),
        Err(error) => {
            problems.push(whole(1, 1, error.to_string(), manual));
            None
        }
    }
}

fn structural(
    file: &str,
    yaml: &Yaml,
    schema: &serde_json::Value,
    error: &ValidationError<'_>,
    manual: &str,
) -> Vec<Problem> {
    let path = error.instance_path().to_string();
    match error.kind() {
        ValidationErrorKind::AdditionalProperties { unexpected } => {
            let at = error.schema_path().to_string();
            let parent = at.rsplit_once('/').map_or("", |(parent, _)| parent);
            let known = schema.pointer(parent).and_then(|s| s.get("properties")).and_then(|p| p.as_object());
            let known: Vec<&str> = known.into_iter().flatten().map(|(key, _)| key.as_str()).collect();
            let hint = if known.is_empty() { String::new() } else { format!("there are: {}", known.join(", ")) };
            let one = |key: &String| {
                let at = format!("{path}{}", crate::kernel::policy::compile::pointer(key));
                yaml_problem(file, yaml, &at, format!("unknown field `{key}`"), hint.clone())
            };
            unexpected.iter().map(one).collect()
        }
        ValidationErrorKind::Required { property } => {
            let name = property.as_str().unwrap_or_default();
            vec![yaml_problem(file, yaml, &path, format!("`{name}` is missing"), manual)]
        }
        // Of several forms that a value may have, the one that was meant tells what is wrong with it.
        ValidationErrorKind::AnyOf { context } => match meant(context, &path) {
            Some(errors) => errors.iter().flat_map(|error| structural(file, yaml, schema, error, manual)).collect(),
            None => vec![yaml_problem(file, yaml, &path, "none of the forms that may stand here", manual)],
        },
        // A choice of words.
        ValidationErrorKind::OneOfNotValid { context } => {
            let word = |error: &ValidationError<'_>| match error.kind() {
                ValidationErrorKind::Constant { expected_value } => expected_value.as_str().map(str::to_owned),
                _ => None,
            };
            let words: Vec<String> = context.iter().flatten().filter_map(word).collect();
            vec![yaml_problem(file, yaml, &path, format!("not one of: {}", words.join(", ")), manual)]
        }
        _ => {
            let shown = error.masked().to_string();
            vec![yaml_problem(file, yaml, &path, shown, manual)]
        }
    }
}

/// The only alternative whose type fits the value at `path`.
fn meant<'a>(alternatives: &'a [Vec<ValidationError<'static>>], path: &str) -> Option<&'a [ValidationError<'static>]> {
    let mut fitting = alternatives.iter().filter(|errors| !errors.iter().any(|error| is_other(error, path)));
    fitting.next().filter(|_| fitting.next().is_none()).map(Vec::as_slice)
}

/// Whether an error says that the value at `path` is of another type altogether.
fn is_other(error: &ValidationError<'_>, path: &str) -> bool {
    let here = error.instance_path().as_str() == path;
    match error.kind() {
        ValidationErrorKind::Type { .. } => here,
        ValidationErrorKind::OneOfNotValid { context } | ValidationErrorKind::AnyOf { context } => {
            here && context.iter().all(|errors| errors.iter().any(|error| is_other(error, path)))
        }
        _ => false,
    }
}
