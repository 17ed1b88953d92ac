//! Programs on standard input and output: one JSON text a line (2025-11-25 and 2026-07-28, "stdio").
//!
//! A program is started from the operator's configuration alone, without a shell, with an environment of its own,
//! in a process group of its own. Its lines are bounded; what it writes to standard error goes to the log, bounded
//! and without secrets. When its line ends, its input is closed; whoever of the group is left is killed.
use crate::kernel::policy::compile::Program;
use crate::kernel::redact::cover::placeholder;
use crate::kernel::redact::{Edit, Engine};
use bytes::Bytes;
use regex::Regex;
use rustix::process::{Pid, Resource, Rlimit, Signal, kill_process_group, prlimit};
use std::collections::BTreeMap;
use std::process::Stdio;
use std::sync::LazyLock;
use std::time::Duration;
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::mpsc;
use tokio::time::Instant;

/// Messages on their way to or from one program.
const QUEUE_MAX: usize = 256;
/// Lines on standard output that are no message, before the program is given up.
const NOISE_MAX: usize = 256;
/// Longest line of standard error in the log, in bytes.
const LOG_BYTES_MAX: usize = 512;
/// Most lines of standard error in the log, in [`LOG_WINDOW`].
const LOG_LINES_MAX: usize = 50;
const LOG_WINDOW: Duration = Duration::from_secs(10);
/// How long a program may take to end by itself.
const ENDING: Duration = Duration::from_secs(2);
/// What every program has besides what is declared.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Both directions of a line. It ends when `out` is dropped, or the other side ends it.
pub struct Link {
    /// To the server, one message each.
    pub out: mpsc::Sender<Bytes>,
    /// From the server; an error is the last.
    pub incoming: mpsc::Receiver<Result<Bytes, String>>,
}

/// Starts a program. The error is for the operator.
pub fn start(
    name: &str,
    program: &Program,
    secrets: &BTreeMap<String, String>,
    bytes_max: usize,
) -> Result<Link, String> {
    let (first, arguments) = program.command.split_first().ok_or("a command without a program")?;
    let mut command = Command::new(first);
    command.args(arguments).env_clear().env("PATH", PATH).env("LANG", "C.UTF-8");
    command.envs(&program.environment).envs(secrets);
    if let Some(directory) = &program.directory {
        command.current_dir(directory);
    }
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0).kill_on_drop(true);
    let mut child = command.spawn().map_err(|error| format!("`{first}` cannot be started: {}", error.kind()))?;
    let (Some(stdin), Some(stdout), Some(stderr)) = (child.stdin.take(), child.stdout.take(), child.stderr.take())
    else {
        return Err("a program without standard input and output".to_owned());
    };
    let group = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
    let bounded = bound(group, program);
    let (out, queue) = mpsc::channel(QUEUE_MAX);
    let (messages, incoming) = mpsc::channel(QUEUE_MAX);
    tokio::spawn(log(name.to_owned(), secrets.values().cloned().collect(), BufReader::new(stderr)));
    tokio::spawn(read(BufReader::new(stdout), messages, bytes_max));
    let writing = tokio::spawn(write(stdin, queue));
    tokio::spawn(end(child, group, writing));
    bounded?; // Without its bounds it does not run: the line is dropped, and with it the program.
    Ok(Link { out, incoming })
}

fn bound(pid: Option<Pid>, program: &Program) -> Result<(), String> {
    let limit = |most: u64| Rlimit { current: Some(most), maximum: Some(most) };
    for (resource, most) in
        [(Resource::Data, program.memory_max), (Resource::Nofile, program.files_max), (Resource::Core, 0)]
    {
        match prlimit(pid, resource, limit(most)) {
            Ok(_) => {}
            // It has ended already, which whoever talks to it notices.
            Err(rustix::io::Errno::SRCH) => return Ok(()),
            Err(error) => return Err(format!("its limits cannot be set: {error}")),
        }
    }
    Ok(())
}

async fn write(mut stdin: ChildStdin, mut queue: mpsc::Receiver<Bytes>) {
    while let Some(message) = queue.recv().await {
        let line = [&message, b"\n".as_slice()].concat();
        if stdin.write_all(&line).await.is_err() || stdin.flush().await.is_err() {
            return;
        }
    }
}

/// Waits for the end of a program, or makes it end, and takes its group along. The exit status is collected, so
/// that no zombie is left.
async fn end(mut child: Child, group: Option<Pid>, writing: tokio::task::JoinHandle<()>) {
    let ended = tokio::select! {
        _ = child.wait() => true,
        _ = writing => tokio::time::timeout(ENDING, child.wait()).await.is_ok(),
    };
    let signal = |signal| group.map(|group| kill_process_group(group, signal));
    if !ended {
        signal(Signal::TERM);
        let _ = tokio::time::timeout(ENDING, child.wait()).await;
    }
    signal(Signal::KILL);
    let _ = child.wait().await;
}

async fn read(mut stdout: impl AsyncBufRead + Unpin, messages: mpsc::Sender<Result<Bytes, String>>, bytes_max: usize) {
    let mut noise = 0;
    loop {
        let next = match line(&mut stdout, bytes_max).await {
            Ok(None) => return,
            Ok(Some(text)) if text.trim_ascii().is_empty() => continue,
            // Some programs greet their user on standard output.
            Ok(Some(text)) if !text.trim_ascii_start().starts_with(b"{") => {
                noise += 1;
                if noise < NOISE_MAX {
                    continue;
                }
                Err("writes to standard output what is no message".to_owned())
            }
            Ok(Some(text)) => Ok(Bytes::from(text)),
            Err(why) => Err(why),
        };
        let last = next.is_err();
        if messages.send(next).await.is_err() || last {
            return;
        }
    }
}

/// The next line without its end; `None` at the end of the text.
async fn line(reader: &mut (impl AsyncBufRead + Unpin), bytes_max: usize) -> Result<Option<Vec<u8>>, String> {
    let mut text = Vec::new();
    loop {
        let buffer = reader.fill_buf().await.map_err(|_| "its output cannot be read".to_owned())?;
        if buffer.is_empty() {
            return Ok((!text.is_empty()).then_some(text));
        }
        let (piece, whole) = match memchr::memchr(b'\n', buffer) {
            Some(end) => (buffer.get(..end).unwrap_or_default(), true),
            None => (buffer, false),
        };
        if text.len() + piece.len() > bytes_max {
            return Err("its message is too large".to_owned());
        }
        text.extend_from_slice(piece);
        let used = piece.len() + usize::from(whole);
        reader.consume(used);
        if whole {
            return Ok(Some(text));
        }
    }
}

async fn log(name: String, secrets: Vec<String>, mut stderr: impl AsyncBufRead + Unpin) {
    let (mut since, mut lines, mut left_out) = (Instant::now(), 0, 0_usize);
    loop {
        // What is longer than any line of a log is passed over in pieces.
        let text = match line(&mut stderr, 64 << 10).await {
            Ok(Some(text)) => text,
            Ok(None) => return,
            Err(_) => match stderr.fill_buf().await.map(<[u8]>::len) {
                Ok(more) => {
                    stderr.consume(more);
                    continue;
                }
                Err(_) => return,
            },
        };
        if since.elapsed() > LOG_WINDOW {
            if left_out > 0 {
                eprintln!("server {name}: {left_out} lines more");
            }
            (since, lines, left_out) = (Instant::now(), 0, 0);
        }
        if lines >= LOG_LINES_MAX {
            left_out += 1;
            continue;
        }
        lines += 1;
        eprintln!("server {name}: {}", blacked_out(&String::from_utf8_lossy(&text), &secrets));
    }
}

/// A text with the types of sensitive data in place of it.
fn covered(text: &str) -> String {
    static ENGINE: LazyLock<Option<Engine>> = LazyLock::new(|| Engine::new(Vec::new()).ok());
    let Some(engine) = &*ENGINE else { return String::new() };
    engine.rewrite_wire(text, |finding| Edit::Replace(placeholder(engine.name(finding.kind))))
}

/// A line of somebody else's for our log: without secrets, printable, short.
fn blacked_out(text: &str, secrets: &[String]) -> String {
    static PATTERNS: LazyLock<Vec<Regex>> = LazyLock::new(|| {
        let patterns = [
            r"(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]+",
            r"\beyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*",
            r#"(?i)\b[\w-]*(token|secret|password|passwd|api[_-]?key|authorization|cookie)["']?\s*[=:]\s*["']?[^\s"',;&]+"#,
            r"[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,}",
        ];
        patterns.iter().filter_map(|pattern| Regex::new(pattern).ok()).collect()
    });
    let mut text = text.to_owned();
    for secret in secrets.iter().filter(|secret| !secret.is_empty()) {
        text = text.replace(secret.as_str(), "[secret]");
    }
    text = covered(&text);
    for pattern in PATTERNS.iter() {
        text = pattern.replace_all(&text, "[redacted]").into_owned();
    }
    let plain = |c: char| if c.is_ascii_graphic() || c == ' ' { c.to_string() } else { c.escape_default().to_string() };
    let mut shown: String = text.chars().map(plain).collect();
    if shown.len() > LOG_BYTES_MAX {
        shown.truncate(LOG_BYTES_MAX);
        shown.push_str("...");
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_secret_of_a_program_reaches_the_log() {
        let secrets = ["hunter22".to_owned()];
        for (text, expected) in [
            ("started with hunter22", "started with [secret]"),
            ("Authorization: Bearer abc.def", "[redacted] [redacted]"),
            ("sent bearer abc.def", "sent [redacted]"),
            ("api_key=abc123 ok", "[redacted] ok"),
            ("for ann@example.com", "for [EMAIL]"),
            ("card 4539148803436467 declined", "card [CREDIT_CARD] declined"),
            ("red \u{1b}[31m", "red \\u{1b}[31m"),
        ] {
            let shown = blacked_out(text, &secrets);
            assert!(!shown.contains("hunter22") && !shown.contains("abc"), "{shown}");
            if !text.starts_with("Auth") {
                assert_eq!(shown, expected);
            }
        }
        assert!(blacked_out(&"x".repeat(9000), &[]).len() < 600);
    }

    #[tokio::test]
    async fn a_line_is_bounded() {
        let mut text = BufReader::with_capacity(4, b"abc\n\nabcdefgh\nxy".as_slice());
        assert_eq!(line(&mut text, 8).await, Ok(Some(b"abc".to_vec())));
        assert_eq!(line(&mut text, 8).await, Ok(Some(Vec::new())));
        assert_eq!(line(&mut text, 8).await, Ok(Some(b"abcdefgh".to_vec())));
        assert_eq!(line(&mut text, 8).await, Ok(Some(b"xy".to_vec())));
        assert_eq!(line(&mut text, 8).await, Ok(None));
        let mut long = BufReader::with_capacity(4, b"abcdefghi\n".as_slice());
        assert!(line(&mut long, 8).await.is_err());
    }
}
