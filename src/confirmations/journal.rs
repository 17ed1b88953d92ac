//! The file: a journal of our own, because exactly-once across crashes is what this gateway is for, and one write that is
//! waited for is the least that can cost.
//!
//! A line is a confirmation that is new, or how one stands after a step; the last one of an id counts. Lines gather until
//! somebody needs them written: a gateway that is killed loses only what nobody was told of. What is on disk after a power
//! cut is what was synced, and which steps wait for that is for the caller to know. Behind the last line are zeros, so
//! that a sync has nothing to do but the data.
//!
//! ```text
//! <digest of the line before and of the rest of this one> <lines on disk when it was made> <json>
//! ```
//!
//! So nothing can be altered, left out or put in between. A bad line that nothing shows to have been on disk is what a
//! power cut leaves; any other is damage, and nothing is confirmed by a damaged file.
use super::{Course, Kept};
use crate::clock;
use crate::kernel::confirm::machine::Standing;
use crate::kernel::digest::{Digest, hex};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

const FILE: &str = "confirmations.journal";
/// Locked as long as a gateway keeps confirmations here. Never replaced, as the journal is.
const LOCK: &str = "confirmations.lock";
const FORMAT: u32 = 2;
/// So many zeros are written at a time, in bytes.
const CHUNK: u64 = 256 << 10;
/// Longest file, in bytes: it is written anew long before.
const BYTES_MAX: u64 = 1 << 30;
/// Length from which a file is written anew, in bytes, if that makes it half as long or less.
const ANEW_BYTES: u64 = 16 << 20;
/// Lines of at most so many bytes gather.
const GATHERED_MAX: usize = 64 << 10;

/// The first line.
#[derive(Serialize, Deserialize)]
struct Head {
    format: u32,
    /// Hex of the key that seals what clients hold.
    seal: String,
    /// Random: lines of another file never fit.
    nonce: String,
}

/// Any other line. After a step only what steps change is written: the rest is most of it, and there already.
#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Line<'a> {
    New(&'a Kept),
    Step { id: &'a str, stands: &'a Standing, course: &'a Course },
}

/// The same, as it is read.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Read {
    New(Box<Kept>),
    Step { id: String, stands: Standing, course: Course },
}

/// What a file says.
pub struct Found {
    /// The key that seals what clients hold.
    pub key: [u8; 32],
    /// Each confirmation as it stood last.
    pub kept: Vec<Kept>,
    /// The end was being written when the power went.
    pub torn: bool,
}

/// A place in the journals that follow each other here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    journal: u64,
    lines: u64,
}

/// The file, open for writing.
pub struct Journal {
    path: PathBuf,
    file: Arc<File>,
    /// How often the file was written anew.
    number: u64,
    /// Lines that the system does not have yet; they stand last.
    gathered: Vec<u8>,
    /// The JSON of a line while it is made.
    json: Vec<u8>,
    /// Length of all lines, in bytes, and of the file.
    length: u64,
    size: u64,
    lines: u64,
    /// So many lines are on disk.
    synced: u64,
    last: Digest,
    /// Length when it was written anew, in bytes.
    first: u64,
    /// It is not known what is on disk.
    broken: bool,
    /// What is written while another file is being made.
    meanwhile: Option<Vec<Vec<u8>>>,
    lock: Arc<File>,
}

fn told(error: impl std::fmt::Display) -> String {
    format!("`{FILE}`: {error}")
}

fn digest(before: Digest, synced: &str, json: &[u8]) -> Digest {
    Digest::of_parts(&[before.bytes(), synced.as_bytes(), json])
}

/// A line: its digest, the lines on disk when it was written, its JSON. `None` if it does not follow `before`.
fn parsed(line: &[u8], before: Digest) -> Option<(Digest, u64, &[u8])> {
    let mut parts = line.splitn(3, |byte| *byte == b' ');
    let (own, synced, json) = (parts.next()?, std::str::from_utf8(parts.next()?).ok()?, parts.next()?);
    let own = Digest::parse(std::str::from_utf8(own).ok()?)?;
    (own == digest(before, synced, json)).then_some((own, synced.parse().ok()?, json))
}

/// Whether what follows the last good line shows that the next one was on disk.
fn was_on_disk(rest: &[u8], lines: u64) -> bool {
    let all: Vec<&[u8]> = rest.split(|byte| *byte == b'\n').collect();
    all.windows(2).any(|pair| {
        let [one, next] = pair else { return false };
        let own = one.get(..64).and_then(|own| Digest::parse(std::str::from_utf8(own).ok()?));
        own.and_then(|own| parsed(next, own)).is_some_and(|(_, synced, _)| synced > lines)
    })
}

/// Locks a directory for this process; `None` in the error if another has it.
pub fn lock(directory: &Path) -> Result<Arc<File>, String> {
    let told = |error: String| format!("`{LOCK}`: {error}");
    let open = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(directory.join(LOCK));
    let file = open.map_err(|error| told(error.to_string()))?;
    file.try_lock().map_err(|error| told(format!("another gateway keeps confirmations here ({error})")))?;
    Ok(Arc::new(file))
}

/// Whether there is a journal.
pub fn exists(directory: &Path) -> bool {
    directory.join(FILE).exists()
}

/// Reads the journal. What cannot be read is an error, not nothing: an approval may have been used.
pub fn read(directory: &Path) -> Result<Found, String> {
    let bytes = std::fs::read(directory.join(FILE)).map_err(told)?;
    // Zeros, or a line that a power cut tore where the file ended before.
    if matches!(bytes.last(), None | Some(b'\n')) {
        return Err(told("it is damaged: cut short"));
    }
    let mut rest = bytes.as_slice();
    let (mut lines, mut last, mut head) = (0, Digest::of(b""), None);
    let mut kept: HashMap<String, Kept> = HashMap::new();
    while let Some(end) = memchr::memchr(b'\n', rest) {
        let Some((own, _, json)) = rest.get(..end).and_then(|line| parsed(line, last)) else { break };
        if head.is_none() {
            let first: Head = serde_json::from_slice(json).map_err(told)?;
            if first.format != FORMAT {
                return Err(told(format!("it has format {}, and this version reads {FORMAT}", first.format)));
            }
            head = Some(first);
        } else {
            match serde_json::from_slice(json).map_err(told)? {
                Read::New(one) => drop(kept.insert(one.confirmation.id().to_owned(), *one)),
                Read::Step { id, stands, course } => {
                    let unknown = || told(format!("it is damaged: line {} is about none before it", lines + 1));
                    let one = kept.get_mut(&id).ok_or_else(unknown)?;
                    one.confirmation.stand(stands);
                    one.course = course;
                }
            }
        }
        (lines, last) = (lines + 1, own);
        rest = rest.get(end + 1..).unwrap_or_default();
    }
    let head = head.ok_or_else(|| told("it is damaged: no head"))?;
    let key = *Digest::parse(&head.seal).ok_or_else(|| told("a key of another length"))?.bytes();
    let torn = rest.iter().any(|byte| *byte != 0);
    if torn && was_on_disk(rest, lines) {
        return Err(told(format!("it is damaged: line {}", lines + 1)));
    }
    Ok(Found { key, kept: kept.into_values().collect(), torn })
}

impl Journal {
    /// Writes a journal beside the one in force, which it replaces when it is [`published`](Self::publish).
    pub fn draft<'a>(
        directory: &Path,
        lock: Arc<File>,
        key: &[u8; 32],
        kept: impl Iterator<Item = &'a Kept>,
    ) -> Result<Self, String> {
        let path = directory.join(format!("{FILE}.new"));
        // What people were shown is nobody else's.
        let file = OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&path).map_err(told)?;
        let mut draft = Self {
            path,
            file: Arc::new(file),
            number: 0,
            gathered: Vec::new(),
            json: Vec::new(),
            length: 0,
            size: 0,
            lines: 0,
            synced: 0,
            last: Digest::of(b""),
            first: 0,
            broken: false,
            meanwhile: None,
            lock,
        };
        let head = Head { format: FORMAT, seal: hex(key), nonce: clock::random_token::<16>() };
        draft.gather(&serde_json::to_vec(&head).map_err(told)?)?;
        for kept in kept {
            draft.add(&Line::New(kept))?;
        }
        draft.write()?;
        draft.file.sync_all().map_err(told)?;
        Ok(draft)
    }

    /// Puts a draft in the place of the journal before it, if there is one, with what was written to that meanwhile.
    /// All of it is on disk then.
    pub fn publish(mut self, before: Option<&mut Self>) -> Result<Self, String> {
        if let Some(before) = before {
            self.number = before.number + 1;
            for json in before.meanwhile.take().unwrap_or_default() {
                self.gather(&json)?;
            }
            self.write()?;
            self.file.sync_data().map_err(told)?;
        }
        let (draft, path) = (self.path.clone(), self.path.with_file_name(FILE));
        std::fs::rename(&draft, &path).map_err(told)?;
        let directory = path.parent().map(File::open).transpose().map_err(told);
        // If a power cut might bring the old one back, nothing more is written as if it could not.
        self.broken = !directory.is_ok_and(|directory| directory.is_none_or(|directory| directory.sync_all().is_ok()));
        (self.path, self.synced, self.first) = (path, self.lines, self.length);
        Ok(self)
    }

    /// Adds a confirmation that is new. The system has it after [`write`](Self::write), the disk after a sync.
    pub fn begin(&mut self, kept: &Kept) -> Result<(), String> {
        self.add(&Line::New(kept))
    }

    /// Adds how one stands now that was [begun](Self::begin).
    pub fn step(&mut self, kept: &Kept) -> Result<(), String> {
        let Kept { confirmation, question: _, course } = kept;
        self.add(&Line::Step { id: confirmation.id(), stands: confirmation.standing(), course })
    }

    fn add(&mut self, line: &Line<'_>) -> Result<(), String> {
        if self.broken {
            return Err(told("what is on disk is not known until it was written anew"));
        }
        let mut json = std::mem::take(&mut self.json);
        json.clear();
        let made = serde_json::to_writer(&mut json, line).map_err(told).and_then(|()| self.gather(&json));
        if let (Ok(()), Some(meanwhile)) = (&made, &mut self.meanwhile) {
            meanwhile.push(json.clone());
        }
        json.shrink_to(GATHERED_MAX);
        self.json = json;
        made
    }

    fn gather(&mut self, json: &[u8]) -> Result<(), String> {
        if self.gathered.len() >= GATHERED_MAX {
            self.write()?;
        }
        let synced = self.synced.to_string();
        let own = digest(self.last, &synced, json);
        let before = self.gathered.len();
        write!(self.gathered, "{own} {synced} ").map_err(told)?;
        self.gathered.extend_from_slice(json);
        self.gathered.push(b'\n');
        let end = self.length + (self.gathered.len() - before) as u64;
        if end > BYTES_MAX {
            self.gathered.truncate(before);
            return Err(told("too long"));
        }
        (self.length, self.lines, self.last) = (end, self.lines + 1, own);
        Ok(())
    }

    /// Hands what gathered to the system: a gateway that is killed has it from then on.
    pub fn write(&mut self) -> Result<(), String> {
        if self.broken {
            return Err(told("it cannot be written"));
        }
        if self.gathered.is_empty() {
            return Ok(());
        }
        let written = self.extend().and_then(|()| {
            let from = self.length - self.gathered.len() as u64;
            self.file.write_all_at(&self.gathered, from).map_err(told)
        });
        // The lines that gathered are in force in memory, and not to be had again.
        self.broken = written.is_err();
        self.gathered.clear();
        self.gathered.shrink_to(GATHERED_MAX);
        written
    }

    /// Makes room. No line is the end of the file: one that ends so was cut.
    fn extend(&mut self) -> Result<(), String> {
        if self.length >= self.size {
            let zeros = (self.length + 1 - self.size).div_ceil(CHUNK) * CHUNK;
            let room = vec![0; usize::try_from(zeros).map_err(told)?];
            self.file.write_all_at(&room, self.size).map_err(told)?;
            self.size += zeros;
        }
        Ok(())
    }

    /// Where it ends now.
    pub fn end(&self) -> Place {
        Place { journal: self.number, lines: self.lines }
    }

    /// Whether everything before a place is on disk.
    pub fn has(&self, place: Place) -> bool {
        place <= Place { journal: self.number, lines: self.synced }
    }

    /// Hands over what gathered. [`File::sync_data`] of the file then puts everything before the place on disk.
    pub fn syncable(&mut self) -> Result<(Arc<File>, Place), String> {
        self.write()?;
        Ok((self.file.clone(), self.end()))
    }

    /// What came of it, for everything before a place.
    pub fn synced(&mut self, place: Place, done: std::io::Result<()>) -> Result<(), String> {
        if place.journal == self.number {
            match done {
                // What the system did not write it may have forgotten: asking again would succeed.
                Ok(()) if !self.broken => self.synced = self.synced.max(place.lines),
                _ => self.broken = true,
            }
        }
        if self.broken || !self.has(place) { Err(told("it cannot be synced")) } else { Ok(()) }
    }

    /// Whether it is to be written anew; if so, what is written from now on is kept for the new one too.
    pub fn grew(&mut self, forgotten: bool) -> bool {
        let anew = self.broken || forgotten || (self.length > ANEW_BYTES && self.length / 2 > self.first);
        self.meanwhile = anew.then(Vec::new);
        anew
    }

    /// The lock, for the journal that replaces this one.
    pub fn locked(&self) -> Arc<File> {
        self.lock.clone()
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        // What gathered is what nobody was told of: if it cannot be written, it is lost as by a kill.
        let _ = self.write();
    }
}
