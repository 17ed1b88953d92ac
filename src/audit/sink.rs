//! Writes records as JSON lines, in batches, on a thread of its own.
use super::{Job, Settings};
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::thread;
use tokio::sync::{mpsc, oneshot};

/// Most records written before their writers are answered.
const BATCH_MAX: usize = 1024;

/// Microseconds since 1970 as RFC 3339.
pub fn timestamp<S: serde::Serializer>(micros: &u64, serializer: S) -> Result<S::Ok, S::Error> {
    let time = i64::try_from(*micros).ok().and_then(chrono::DateTime::from_timestamp_micros).unwrap_or_default();
    serializer.serialize_str(&time.to_rfc3339_opts(chrono::SecondsFormat::Micros, true))
}

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

/// Starts the sink; it ends when the queue has no senders and is empty.
pub fn start(settings: Settings, jobs: mpsc::Receiver<Job>) -> io::Result<thread::JoinHandle<()>> {
    let files = Files::open(&settings)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    thread::Builder::new().name("audit".to_owned()).spawn(move || runtime.block_on(run(settings, files, jobs)))
}

async fn run(settings: Settings, mut files: Files, mut jobs: mpsc::Receiver<Job>) {
    let mut lines = Vec::new();
    let mut waiting: Vec<oneshot::Sender<()>> = Vec::new();
    while let Some(first) = jobs.recv().await {
        take(first, &mut lines, &mut waiting);
        if !settings.acknowledged {
            // Group commit: gather for one interval, then write once.
            let until = tokio::time::Instant::now() + settings.interval;
            while let Ok(Some(job)) = tokio::time::timeout_at(until, jobs.recv()).await {
                take(job, &mut lines, &mut waiting);
                if lines.len() > 1 << 20 {
                    break;
                }
            }
        }
        for _ in 0..BATCH_MAX {
            match jobs.try_recv() {
                Ok(job) => take(job, &mut lines, &mut waiting),
                Err(_) => break,
            }
        }
        match files.write(&lines) {
            Ok(()) => waiting.drain(..).for_each(|done| {
                let _ = done.send(());
            }),
            Err(error) => {
                // Dropping the senders tells whoever waits; closing the queue refuses all further work.
                eprintln!("audit: records cannot be written, refusing all calls: {error}");
                waiting.clear();
                jobs.close();
            }
        }
        lines.clear();
    }
}

fn take(job: Job, lines: &mut Vec<u8>, waiting: &mut Vec<oneshot::Sender<()>>) {
    if serde_json::to_writer(&mut *lines, &job.entry).is_ok() {
        lines.push(b'\n');
    }
    waiting.extend(job.done);
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

    fn write(&mut self, lines: &[u8]) -> io::Result<()> {
        if self.size >= self.size_max {
            (self.file, self.size) = next_file(&self.directory)?;
        }
        self.file.write_all(lines)?;
        self.file.sync_data()?;
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
