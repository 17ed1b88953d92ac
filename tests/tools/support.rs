//! The program under test, a directory for it, and a server that answers as it is told.
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

/// The program with these arguments.
pub fn portcullis(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
    command.args(arguments);
    command
}

/// Its exit code and what it said on both outputs.
pub fn run(command: &mut Command) -> (i32, String, String) {
    let Output { status, stdout, stderr } = command.output().unwrap();
    (status.code().unwrap(), String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
}

/// A directory of its own, gone at the end.
pub struct Place(pub PathBuf);

static NUMBER: AtomicUsize = AtomicUsize::new(0);

impl Place {
    pub fn new() -> Self {
        let name = format!("portcullis-tools-{}-{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        let directory = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&directory).unwrap();
        Self(directory)
    }

    pub fn path(&self, name: &str) -> String {
        self.0.join(name).display().to_string()
    }

    pub fn write(&self, name: &str, text: &str) -> String {
        let path = self.0.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    }

    pub fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.0.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// Every file in it, by its name from here.
    pub fn files(&self) -> Vec<String> {
        fn walk(directory: &Path, found: &mut Vec<PathBuf>) {
            for entry in std::fs::read_dir(directory).unwrap().flatten() {
                let path = entry.path();
                if path.is_dir() { walk(&path, found) } else { found.push(path) }
            }
        }
        let mut found = Vec::new();
        walk(&self.0, &mut found);
        let mut names: Vec<String> =
            found.iter().map(|path| path.strip_prefix(&self.0).unwrap().display().to_string()).collect();
        names.sort();
        names
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// One request as a server saw it.
#[derive(Clone, Debug)]
pub struct Seen {
    pub verb: String,
    pub headers: Vec<(String, String)>,
    pub body: Value,
}

impl Seen {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub fn method(&self) -> &str {
        self.body["method"].as_str().unwrap_or_default()
    }

    pub fn cursor(&self) -> Option<&str> {
        self.body["params"]["cursor"].as_str()
    }

    /// The answer with this result.
    pub fn result(&self, result: Value) -> String {
        self.json(200, "", json!({ "jsonrpc": "2.0", "id": self.body["id"], "result": result }))
    }

    pub fn error(&self, status: u16, code: i64, message: &str) -> String {
        let error = json!({ "code": code, "message": message });
        self.json(status, "", json!({ "jsonrpc": "2.0", "id": self.body["id"], "error": error }))
    }

    pub fn json(&self, status: u16, headers: &str, body: Value) -> String {
        let body = body.to_string();
        let length = body.len();
        format!(
            "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\n{headers}content-length: {length}\r\n\r\n{body}"
        )
    }

    /// The same answer as the last event of a stream that stays open.
    pub fn events(&self, before: &str, result: Value) -> String {
        let message = json!({ "jsonrpc": "2.0", "id": self.body["id"], "result": result });
        format!("HTTP/1.1 200 X\r\ncontent-type: text/event-stream\r\n\r\n{before}event: message\ndata: {message}\n\n")
    }
}

/// A server, and what reached it.
pub struct Server {
    pub url: String,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Server {
    /// It writes what `answer` returns. Connections stay open, so a reply without a length never ends.
    pub fn start(answer: impl Fn(&Seen) -> String + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/mcp", listener.local_addr().unwrap());
        let seen: Arc<Mutex<Vec<Seen>>> = Arc::default();
        let (answer, shared) = (Arc::new(answer), seen.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (answer, seen) = (answer.clone(), shared.clone());
                std::thread::spawn(move || connection(stream, &*answer, &seen));
            }
        });
        Self { url, seen }
    }

    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    pub fn methods(&self) -> Vec<String> {
        self.seen().iter().map(|seen| format!("{} {}", seen.verb, seen.method()).trim().to_owned()).collect()
    }
}

fn connection(mut stream: TcpStream, answer: &dyn Fn(&Seen) -> String, seen: &Mutex<Vec<Seen>>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    loop {
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).unwrap_or(0) == 0 {
                return;
            }
            if line.trim().is_empty() {
                break;
            }
            lines.push(line.trim_end().to_owned());
        }
        let headers: Vec<(String, String)> = lines[1..]
            .iter()
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
            .collect();
        let length = headers.iter().find(|(name, _)| name == "content-length").map_or(0, |(_, v)| v.parse().unwrap());
        let mut body = vec![0; length];
        reader.read_exact(&mut body).unwrap();
        let body = serde_json::from_slice(&body).unwrap_or_default();
        let request = Seen { verb: lines[0].split(' ').next().unwrap().to_owned(), headers, body };
        seen.lock().unwrap().push(request.clone());
        if stream.write_all(answer(&request).as_bytes()).is_err() {
            return;
        }
    }
}
