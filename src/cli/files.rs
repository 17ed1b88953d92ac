//! The disk, for the commands that write to it. A file is written whole or not at all, and none that
//! is there already is touched unless the caller says so.
use crate::clock;
use crate::config::source::GatewaySource;
use crate::config::yaml;
use std::borrow::Cow;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

/// Longest file that is read; the same as for a lock file.
const BYTES_MAX: u64 = crate::kernel::contract::lock::BYTES_MAX as u64;

/// Who may read a new file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readers {
    /// Everybody whom the umask lets.
    All,
    /// The owner alone: it is a private key.
    Owner,
}

/// Whether something has this name, be it a dangling link.
pub fn exists(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
}

/// The path without links, so that what a link points to is replaced, not the link.
pub fn real(path: &Path) -> Result<PathBuf, String> {
    std::fs::canonicalize(path).map_err(|error| said(path, &error))
}

/// The text of a file.
pub fn read(path: &Path) -> Result<String, String> {
    let file = std::fs::File::open(path).map_err(|error| said(path, &error))?;
    let mut text = String::new();
    let length = file.take(BYTES_MAX + 1).read_to_string(&mut text).map_err(|error| said(path, &error))?;
    match u64::try_from(length) {
        Ok(length) if length <= BYTES_MAX => Ok(text),
        _ => Err(format!("{}: longer than {BYTES_MAX} bytes", path.display())),
    }
}

/// The largest file that [`each`] looks into, and the deepest folder.
const SEARCHED_MAX: u64 = 64 << 20;
const DEPTH_MAX: usize = 64;

/// Calls `look` with every file of text under `paths`, in order. Links inside folders and `.git` are not followed;
/// binary files are passed over, UTF-16 with a mark is none; one that is too large or cannot be read is an error, not silence.
pub fn each(paths: &[PathBuf], look: &mut dyn FnMut(&Path, &str) -> Result<(), String>) -> Result<(), String> {
    let mut left: Vec<(PathBuf, usize)> = paths.iter().rev().map(|path| (path.clone(), 0)).collect();
    while let Some((path, depth)) = left.pop() {
        if std::fs::metadata(&path).map_err(|error| said(&path, &error))?.is_dir() {
            if depth >= DEPTH_MAX {
                return Err(format!("{}: more than {DEPTH_MAX} folders deep", path.display()));
            }
            let inside = std::fs::read_dir(&path).map_err(|error| said(&path, &error))?;
            let mut inside = inside.collect::<Result<Vec<_>, _>>().map_err(|error| said(&path, &error))?;
            inside.sort_by_key(std::fs::DirEntry::file_name);
            inside.retain(|entry| entry.file_name() != ".git" && !entry.path().is_symlink());
            left.extend(inside.iter().rev().map(|entry| (entry.path(), depth + 1)));
            continue;
        }
        let file = std::fs::File::open(&path).map_err(|error| said(&path, &error))?;
        let mut bytes = Vec::new();
        let length = file.take(SEARCHED_MAX + 1).read_to_end(&mut bytes).map_err(|error| said(&path, &error))?;
        if u64::try_from(length).is_ok_and(|length| length > SEARCHED_MAX) {
            return Err(format!("{}: longer than {SEARCHED_MAX} bytes", path.display()));
        }
        if let Some(text) = text(&bytes) {
            look(&path, &text)?;
        }
    }
    Ok(())
}

/// What a file says, if it is one of text: UTF-8, or UTF-16 that begins with its mark (RFC 2781, section 3.2).
fn text(bytes: &[u8]) -> Option<Cow<'_, str>> {
    let wide = |rest: &[u8], unit: fn([u8; 2]) -> u16| {
        let units: Vec<u16> = rest.as_chunks().0.iter().map(|pair| unit(*pair)).collect();
        Some(Cow::Owned(String::from_utf16_lossy(&units)))
    };
    match bytes {
        [0xFF, 0xFE, rest @ ..] => wide(rest, u16::from_le_bytes),
        [0xFE, 0xFF, rest @ ..] => wide(rest, u16::from_be_bytes),
        _ if bytes.iter().take(8192).any(|byte| *byte == 0) => None,
        _ => Some(String::from_utf8_lossy(bytes)),
    }
}

/// A `gateway.yaml` as it was written, whatever it leads to.
pub fn gateway(path: &Path) -> Result<GatewaySource, String> {
    let shown = path.display();
    let yaml = yaml::parse(&read(path)?);
    let yaml = yaml.map_err(|fault| format!("{shown}:{}:{}: {}", fault.line, fault.column, fault.message))?;
    serde_json::from_value(yaml.value).map_err(|why| format!("{shown}: {why}"))
}

/// Makes a directory and those around it.
pub fn directory(path: &Path) -> Result<(), String> {
    std::fs::create_dir_all(path).map_err(|error| said(path, &error))
}

/// Writes a file that must not be there yet.
pub fn create(path: &Path, text: &str, readers: Readers) -> Result<(), String> {
    let mode = if readers == Readers::Owner { 0o600 } else { 0o666 };
    // `create_new` does not follow a link either, so nobody can have prepared one.
    let file = std::fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(path);
    let written = file.and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(|error| said(path, &error))
}

/// Writes a file in place of one that may be there, whose permissions stay. A gateway that watches
/// the directory never sees half of it; the name beside it begins with a dot, so it is no policy.
pub fn replace(path: &Path, text: &str, readers: Readers) -> Result<(), String> {
    let beside = path.with_file_name(format!(".portcullis-{}", clock::random_token::<9>()));
    create(&beside, text, readers)?;
    let kept = match std::fs::metadata(path) {
        Ok(before) if readers == Readers::All => {
            let mode = before.permissions().mode() & 0o777;
            std::fs::set_permissions(&beside, std::fs::Permissions::from_mode(mode))
        }
        _ => Ok(()),
    };
    let done = kept.and_then(|()| std::fs::rename(&beside, path));
    if done.is_err() {
        let _ = std::fs::remove_file(&beside);
    }
    done.map_err(|error| said(path, &error))
}

/// Removes a file.
pub fn remove(path: &Path) -> Result<(), String> {
    std::fs::remove_file(path).map_err(|error| said(path, &error))
}

fn said(path: &Path, error: &std::io::Error) -> String {
    format!("{}: {error}", path.display())
}
