//! Writes records as JSON lines, in batches, on a thread of its own.
use super::line::{self, Pseudonyms};
use super::queue::Queue;
use super::{Job, Settings};
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

/// How long to wait before writing is tried again.
const RETRY_EVERY: Duration = Duration::from_secs(1);

/// The key of subject pseudonyms, made at the first start and kept beside the records, for its owner only.
pub fn pseudonym_key(directory: &Path) -> io::Result<Vec<u8>> {
    std::fs::create_dir_all(directory)?;
    let path = directory.join("pseudonym.key");
    match std::fs::read(&path) {
        Ok(key) if key.len() == 32 => Ok(key),
        Ok(_) => Err(io::Error::other("pseudonym.key is not 32 bytes")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            use std::os::unix::fs::OpenOptionsExt;
            let key = crate::clock::random::<32>();
            OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?.write_all(&key)?;
            Ok(key.to_vec())
        }
        Err(error) => Err(error),
    }
}

/// Starts the sink; it ends with its queue.
pub fn start(settings: Settings, key: &[u8], queue: Arc<Queue>) -> io::Result<thread::JoinHandle<()>> {
    let files = Files::open(&settings)?;
    let pseudonyms = Pseudonyms::new(key);
    // Answers that wait for their record must not also wait for others to gather.
    let interval = if settings.acknowledged { Duration::ZERO } else { settings.interval };
    thread::Builder::new().name("audit".to_owned()).spawn(move || run(interval, files, pseudonyms, &queue))
}

fn run(interval: Duration, mut files: Files, mut pseudonyms: Pseudonyms, queue: &Queue) {
    let (mut batch, mut lines, mut waiting) = (Vec::new(), Vec::new(), Vec::new());
    while queue.take(interval, &mut batch) {
        let taken = batch.len();
        for Job { entry, done } in batch.drain(..) {
            // Writing to memory does not fail.
            let _ = line::write(&entry, &mut pseudonyms, &mut lines);
            waiting.extend(done);
        }
        while let Err(error) = files.write(&lines) {
            // Before anybody hears of it: whoever does and calls again is refused.
            if !queue.set_broken(true) {
                eprintln!("audit: records cannot be written, refusing all calls until they can: {error}");
            }
            // Dropping the senders tells whoever waits. The batch stays, and is written whole when that works.
            waiting.clear();
            thread::sleep(RETRY_EVERY);
        }
        if queue.set_broken(false) {
            eprintln!("audit: records are written again");
        }
        for done in waiting.drain(..) {
            let _: Result<(), ()> = done.send(());
        }
        lines.clear();
        queue.release(taken);
    }
}

struct Files {
    directory: PathBuf,
    file: File,
    size: u64,
    size_max: u64,
}

impl Files {
    fn open(settings: &Settings) -> io::Result<Self> {
        std::fs::create_dir_all(&settings.directory)?;
        let (file, size) = next_file(&settings.directory)?;
        Ok(Self { directory: settings.directory.clone(), file, size, size_max: settings.file_bytes_max })
    }

    /// Writes all of it or, as far as that can be taken back, nothing.
    fn write(&mut self, lines: &[u8]) -> io::Result<()> {
        let mut before = self.file.metadata()?;
        // What is written to a file that somebody deleted is gone.
        if self.size >= self.size_max || before.nlink() == 0 {
            (self.file, self.size) = next_file(&self.directory)?;
            before = self.file.metadata()?;
        }
        let written = self.file.write_all(lines).and_then(|()| self.file.sync_data());
        if let Err(error) = written {
            // Part of the batch may be there, and all of it is written again.
            let taken_back = self.file.set_len(before.len()).is_ok();
            // A file may be at a limit of its own, so the next try begins another; an empty one is not,
            // and there must not be one more file for each try on a full disk.
            if !taken_back || before.len() > 0 {
                self.size = self.size_max;
            }
            return Err(error);
        }
        self.size += lines.len() as u64;
        Ok(())
    }
}

/// A new file per start and per size, so that a torn last line of a crash stays at the end of its file.
fn next_file(directory: &Path) -> io::Result<(File, u64)> {
    let stamp = crate::clock::now_micros();
    for attempt in 0..1000 {
        let path = directory.join(format!("audit-{stamp:020}-{attempt:03}.jsonl"));
        match OpenOptions::new().append(true).create_new(true).open(path) {
            Ok(file) => return Ok((file, 0)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::other("no free file name"))
}
