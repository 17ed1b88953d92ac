//! The kill switch on disk: `stops.json` in the audit directory. It is apart from the configuration, so that it works
//! while that has mistakes; it is read at a start and looked at several times a second; and what cannot be read
//! stops everything.
use crate::kernel::stops::{STOPS_MAX, Stops};
use std::path::{Path, PathBuf};

/// Name of the file.
pub const FILE: &str = "stops.json";
const BYTES_MAX: u64 = 1 << 20;

/// Looks at the file.
pub struct Watch {
    path: PathBuf,
    seen: Option<String>,
    first: bool,
}

impl Watch {
    /// Of this audit directory.
    pub fn new(directory: &Path) -> Self {
        Self { path: directory.join(FILE), seen: None, first: true }
    }

    /// What is stopped, if that is another than at the last look.
    pub fn poll(&mut self) -> Option<Stops> {
        // A directory that is away, as while a disk is mounted anew, says nothing: what is known stays.
        if !self.path.parent().is_some_and(Path::is_dir) {
            return None;
        }
        let text = read(&self.path);
        let changed = self.first || text != self.seen;
        self.first = false;
        self.seen = text;
        changed.then(|| self.seen.as_deref().map_or_else(Stops::default, parse))
    }
}

/// The text of the file, `None` if there is none; one that cannot be read is none that parses.
fn read(path: &Path) -> Option<String> {
    match std::fs::metadata(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Ok(meta) if meta.is_file() && meta.len() <= BYTES_MAX => {
            Some(std::fs::read_to_string(path).unwrap_or_else(|error| error.to_string()))
        }
        _ => Some("unreadable".to_owned()),
    }
}

fn parse(text: &str) -> Stops {
    match serde_json::from_str::<Stops>(text) {
        Ok(stops) if stops.stops.len() <= STOPS_MAX => stops,
        _ => Stops::all("stops.json cannot be read"),
    }
}

/// What is stopped now, for the command line.
pub fn current(directory: &Path) -> Result<Stops, String> {
    match read(&directory.join(FILE)) {
        None => Ok(Stops::default()),
        Some(text) => serde_json::from_str(&text).map_err(|error| format!("{FILE}: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_read_stops_everything() {
        for text in ["", "{}", "[]", "{\"stops\":[{\"what\":{\"sever\":\"x\"}}]}", "{\"stops\":1}"] {
            assert_eq!(parse(text), Stops::all("stops.json cannot be read"), "{text}");
        }
        assert!(parse("{\"stops\":[]}").stops.is_empty());
    }
}
