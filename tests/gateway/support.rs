//! A gateway process, an adversarial upstream and a signer. The upstream is hand-written because
//! nobody ships one that lies.
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// One HTTP request as the upstream saw it.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Which of the upstream's connections it came on.
    pub connection: usize,
    pub line: String,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Seen {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or(Value::Null)
    }
}

type Script = Arc<dyn Fn(&Seen, &mut TcpStream) + Send + Sync>;

/// An upstream that answers as its script says and remembers what reached it.
#[derive(Clone)]
pub struct Upstream {
    pub port: u16,
    seen: Arc<Mutex<Vec<Seen>>>,
    script: Arc<Mutex<Script>>,
}

impl Upstream {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let upstream = Self {
            port: listener.local_addr().unwrap().port(),
            seen: Arc::default(),
            script: Arc::new(Mutex::new(Arc::new(|seen: &Seen, out: &mut TcpStream| {
                let id = seen.json()["id"].clone();
                let result = json!({"content":[{"type":"text","text":"ok"}],"resultType":"complete"});
                reply(out, 200, "application/json", &json!({"jsonrpc":"2.0","id":id,"result":result}).to_string());
            }))),
        };
        let shared = upstream.clone();
        std::thread::spawn(move || {
            for (number, stream) in listener.incoming().flatten().enumerate() {
                let shared = shared.clone();
                std::thread::spawn(move || shared.connection(number, stream));
            }
        });
        upstream
    }

    pub fn script(&self, script: impl Fn(&Seen, &mut TcpStream) + Send + Sync + 'static) {
        *self.script.lock().unwrap() = Arc::new(script);
    }

    /// Answers every request with this result.
    pub fn result(&self, result: Value) {
        self.script(move |seen, out| {
            let id = seen.json()["id"].clone();
            reply(out, 200, "application/json", &json!({"jsonrpc":"2.0","id":id,"result":result}).to_string());
        });
    }

    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// Answers listings with these tools, and every call with `ok`.
    pub fn tools(&self, names: &'static [&'static str]) {
        self.script(move |seen, out| {
            let message = seen.json();
            let list = || names.iter().map(|name| json!({"name":name,"inputSchema":{"type":"object"}})).collect();
            let result = match message["method"].as_str() {
                Some("tools/list") => json!({"tools":Value::Array(list()),"resultType":"complete"}),
                _ => json!({"content":[{"type":"text","text":"ok"}],"resultType":"complete"}),
            };
            reply(
                out,
                200,
                "application/json",
                &json!({"jsonrpc":"2.0","id":message["id"],"result":result}).to_string(),
            );
        });
    }

    /// Names of the tools whose calls came here.
    pub fn called(&self) -> Vec<String> {
        let calls = self.seen().into_iter().filter(|seen| seen.json()["method"] == "tools/call");
        calls.map(|seen| seen.json()["params"]["name"].as_str().unwrap_or_default().to_owned()).collect()
    }

    fn connection(&self, number: usize, mut stream: TcpStream) {
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        while let Some((line, headers)) = read_head(&mut reader) {
            let length = headers.iter().find(|(n, _)| n == "content-length").and_then(|(_, v)| v.parse().ok());
            let mut body = vec![0; length.unwrap_or(0)];
            if reader.read_exact(&mut body).is_err() {
                return;
            }
            let seen = Seen { connection: number, line, headers, body: String::from_utf8_lossy(&body).into_owned() };
            self.seen.lock().unwrap().push(seen.clone());
            let script = self.script.lock().unwrap().clone();
            script(&seen, &mut stream);
        }
    }
}

fn read_head(reader: &mut impl BufRead) -> Option<(String, Vec<(String, String)>)> {
    let mut line = String::new();
    if reader.read_line(&mut line).ok()? == 0 {
        return None;
    }
    let mut headers = Vec::new();
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok()?;
        let header = header.trim_end();
        if header.is_empty() {
            return Some((line.trim_end().to_owned(), headers));
        }
        let (name, value) = header.split_once(':')?;
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
}

/// Writes a whole reply.
pub fn reply(out: &mut TcpStream, status: u16, media: &str, body: &str) {
    raw(out, &format!("HTTP/1.1 {status} X\r\ncontent-type: {media}\r\ncontent-length: {}\r\n\r\n{body}", body.len()));
}

/// Writes bytes as they are.
pub fn raw(out: &mut TcpStream, text: &str) {
    let _ = out.write_all(text.as_bytes());
    let _ = out.flush();
}

/// Begins an event stream that ends with the connection.
pub fn open_events(out: &mut TcpStream) {
    raw(out, "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n");
}

/// Writes a whole event stream and ends it.
pub fn events(out: &mut TcpStream, text: &str) {
    open_events(out);
    raw(out, text);
    let _ = out.shutdown(std::net::Shutdown::Both);
}

/// Signs tokens, like an issuer.
pub struct Signer {
    pkcs8: Vec<u8>,
    pub kid: String,
    pub jwk: Value,
}

impl Signer {
    pub fn new(kid: &str) -> Self {
        let random = aws_lc_rs::rand::SystemRandom::new();
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref()).unwrap();
        let point = pair.public_key().as_ref().to_vec();
        let jwk = json!({"kty":"EC","crv":"P-256","use":"sig","alg":"ES256","kid":kid,
            "x":URL_SAFE_NO_PAD.encode(&point[1..33]),"y":URL_SAFE_NO_PAD.encode(&point[33..65])});
        Self { pkcs8: pkcs8.as_ref().to_vec(), kid: kid.to_owned(), jwk }
    }

    pub fn sign(&self, typ: &str, claims: &Value) -> String {
        let mut header = jsonwebtoken::Header::new(jsonwebtoken::Algorithm::ES256);
        header.typ = Some(typ.to_owned());
        header.kid = Some(self.kid.clone());
        jsonwebtoken::encode(&header, claims, &jsonwebtoken::EncodingKey::from_ec_der(&self.pkcs8)).unwrap()
    }

    /// Signs what a library would not write.
    pub fn sign_text(&self, header: &str, claims: &str) -> String {
        let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
        let signature = self.sign_message(&message);
        format!("{message}.{signature}")
    }

    /// The signature over a message, base64url.
    pub fn sign_message(&self, message: &str) -> String {
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &self.pkcs8).unwrap();
        let random = aws_lc_rs::rand::SystemRandom::new();
        URL_SAFE_NO_PAD.encode(pair.sign(&random, message.as_bytes()).unwrap())
    }
}

pub fn now() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs()
}

/// A running gateway.
pub struct Gateway {
    pub directory: PathBuf,
    pub port: u16,
    pub admin: u16,
    pub upstream: Upstream,
    pub signer: Signer,
    /// What the policy says of the upstream, if not the one that lies.
    behind: Option<String>,
    child: Child,
}

static NUMBER: AtomicUsize = AtomicUsize::new(0);

/// The policy that most tests use.
pub const TOOLS: &str = "roles:
  support: { claim: groups, any: [support] }
tools:
  find_customer: { effect: read, scopes: [crm.read] }
  update_customer: { effect: write, scopes: [crm.write], roles: [support] }
  delete_customer: { effect: destructive, scopes: [crm.admin] }
  export_customers: { effect: egress, scopes: [crm.read], when: 'args.region == principal.claims.region' }
resources:
  'crm://customers/{id}': { scopes: [crm.read] }
prompts:
  summarize: { scopes: [crm.read] }
";

impl Gateway {
    pub fn start() -> Self {
        Self::with(TOOLS, "")
    }

    /// With this rest of the policy, and these lines more in `gateway.yaml`.
    pub fn with(policy: &str, more: &str) -> Self {
        Self::build(policy, more, false, None)
    }

    /// In front of a server that is spoken to otherwise: these fields of `upstream`, on one line.
    pub fn before(upstream: &str, policy: &str, more: &str) -> Self {
        Self::build(policy, more, false, Some(upstream.to_owned()))
    }

    /// With a TLS listener and a certificate of its own, `server.pem`.
    pub fn with_tls() -> Self {
        Self::build(TOOLS, "", true, None)
    }

    /// A new certificate for `localhost`.
    pub fn certify(&self) {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        self.write_atomic("server.key", &made.signing_key.serialize_pem());
        self.write_atomic("server.pem", &made.cert.pem());
    }

    fn build(policy: &str, more: &str, tls: bool, behind: Option<String>) -> Self {
        let number = NUMBER.fetch_add(1, Ordering::SeqCst);
        let directory = std::env::temp_dir().join(format!("portcullis-test-{}-{number}", std::process::id()));
        let _ = std::fs::remove_dir_all(&directory);
        std::fs::create_dir_all(directory.join("policies")).unwrap();
        let (upstream, signer) = (Upstream::start(), Signer::new("k1"));
        let (port, admin) = (free_port(), free_port());
        let mut gateway = Self { directory, port, admin, upstream, signer, behind, child: spawn_nothing() };
        gateway.write("jwks.json", &json!({"keys":[gateway.signer.jwk]}).to_string());
        let audit = if more.contains("audit:") { "" } else { "audit: { directory: audit }\n" };
        if tls {
            gateway.certify();
        }
        let scheme = if tls { "https" } else { "http" };
        let files = if tls { ", tls: { certificate: server.pem, key: server.key }" } else { "" };
        gateway.write(
            "gateway.yaml",
            &format!(
                "public_url: {scheme}://localhost:{port}\nlisten: [{{ address: 127.0.0.1:{port}{files} }}]\nissuers:\n  corp: {{ issuer: https://login.example.com, jwks: jwks.json, algorithms: [ES256] }}\nadmin: {{ address: 127.0.0.1:{admin} }}\n{audit}policies: policies\n{more}"
            ),
        );
        gateway.policy(policy);
        gateway.launch();
        gateway
    }

    pub fn launch(&mut self) {
        self.launch_by(Command::new(env!("CARGO_BIN_EXE_portcullis")));
    }

    /// As the end of this command.
    pub fn launch_by(&mut self, mut command: Command) {
        self.child = command
            .args(["serve", "gateway.yaml"])
            .current_dir(&self.directory)
            .env("CRM_TOKEN", "the-gateways-own-secret")
            .stderr(Stdio::from(std::fs::File::create(self.directory.join("stderr")).unwrap()))
            .spawn()
            .unwrap();
        wait("the gateway is ready", || self.get_admin("/readyz").contains("\"ready\":true"));
    }

    pub fn policy(&self, rest: &str) {
        let lying = format!(
            "{{ url: 'http://127.0.0.1:{}/mcp', credential: {{ bearer: {{ env: CRM_TOKEN }} }} }}",
            self.upstream.port
        );
        let upstream = self.behind.as_ref().unwrap_or(&lying);
        self.write_atomic(
            "policies/crm.yaml",
            &format!(
                "server: crm\nupstream: {upstream}\naccess:\n  issuers: [corp]\n  audience: {}\n{rest}",
                self.audience()
            ),
        );
    }

    pub fn write(&self, name: &str, text: &str) {
        std::fs::write(self.directory.join(name), text).unwrap();
    }

    pub fn write_atomic(&self, name: &str, text: &str) {
        let (path, aside) = (self.directory.join(name), self.directory.join("aside"));
        std::fs::write(&aside, text).unwrap();
        std::fs::rename(aside, path).unwrap();
    }

    pub fn audience(&self) -> String {
        format!("http://localhost:{}/crm/mcp", self.port)
    }

    pub fn claims(&self, subject: &str, scope: &str) -> Value {
        json!({"iss":"https://login.example.com","aud":self.audience(),"sub":subject,"client_id":"app","scope":scope,
            "exp":now()+600,"groups":["support"],"region":"eu"})
    }

    pub fn token(&self, subject: &str, scope: &str) -> String {
        self.signer.sign("at+jwt", &self.claims(subject, scope))
    }

    /// A full token for `ann`.
    pub fn ann(&self) -> String {
        self.token("ann", "crm.read crm.write")
    }

    pub fn records(&self) -> Vec<Value> {
        std::thread::sleep(Duration::from_millis(200));
        records(&self.directory.join("audit"))
    }

    pub fn last_record(&self) -> Value {
        self.records().pop().unwrap_or_default()
    }

    pub fn get_admin(&self, path: &str) -> String {
        let Ok(mut stream) = TcpStream::connect(("127.0.0.1", self.admin)) else { return String::new() };
        let _ = write!(stream, "GET {path} HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n");
        let mut text = String::new();
        let _ = stream.read_to_string(&mut text);
        text
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// SIGTERM; returns the exit code.
    pub fn stop(&mut self) -> Option<i32> {
        let _ = Command::new("kill").arg(self.child.id().to_string()).status();
        self.child.wait().ok()?.code()
    }

    /// Sends one message of 2026-07-28.
    pub fn call(&self, token: &str, method: &str, params: Value) -> Answer {
        self.send(&modern(token, method, &params))
    }

    /// Calls a tool in 2026-07-28.
    pub fn tool(&self, token: &str, name: &str, arguments: Value) -> Answer {
        self.call(token, "tools/call", json!({"name":name,"arguments":arguments}))
    }

    /// The tools that this caller is shown.
    pub fn listed(&self, token: &str) -> Vec<String> {
        names(&self.call(token, "tools/list", json!({})))
    }

    /// A token for `ann` with these claims besides, or instead.
    pub fn with_claims(&self, more: Value) -> String {
        let mut claims = self.claims("ann", "crm.read crm.write");
        claims.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.signer.sign("at+jwt", &claims)
    }

    pub fn send(&self, request: &Request) -> Answer {
        let begun = std::time::Instant::now();
        self.try_send(request).unwrap_or_else(|saw| panic!("no answer after {:?}: {saw}", begun.elapsed()))
    }

    /// The answer, or what was seen instead.
    pub fn try_send(&self, request: &Request) -> Result<Answer, String> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let mut text = format!("{} HTTP/1.1\r\n", request.line);
        if !request.headers.iter().any(|(n, _)| n.eq_ignore_ascii_case("host")) {
            text += &format!("host: localhost:{}\r\n", self.port);
        }
        for (name, value) in &request.headers {
            text += &format!("{name}: {value}\r\n");
        }
        text += &format!("content-length: {}\r\nconnection: close\r\n\r\n", request.body.len());
        let mut bytes = text.into_bytes();
        bytes.extend_from_slice(&request.body);
        let written = stream.write_all(&bytes);
        let mut reader = BufReader::new(stream);
        Answer::read(&mut reader).ok_or_else(|| format!("written {written:?}, then {:?}", reader.read(&mut [0])))
    }

    /// Opens a stream and returns a reader of its lines.
    pub fn open(&self, request: &Request) -> (u16, BufReader<TcpStream>) {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let mut text = format!("{} HTTP/1.1\r\nhost: localhost:{}\r\n", request.line, self.port);
        for (name, value) in &request.headers {
            text += &format!("{name}: {value}\r\n");
        }
        text += &format!("content-length: {}\r\n\r\n", request.body.len());
        stream.write_all(text.as_bytes()).unwrap();
        stream.write_all(&request.body).unwrap();
        let mut reader = BufReader::new(stream);
        let (line, _) = read_head(&mut reader).unwrap();
        (line.split(' ').nth(1).unwrap().parse().unwrap(), reader)
    }

    /// Initializes a session of 2025-11-25 and returns its id.
    pub fn initialize(&self, token: &str) -> String {
        self.upstream.script(|seen, out| {
            let message = seen.json();
            if message["method"] == "initialize" {
                let result = json!({"protocolVersion":"2025-11-25","capabilities":{"tools":{}},"serverInfo":{"name":"x","version":"1"}});
                let body = json!({"jsonrpc":"2.0","id":message["id"],"result":result}).to_string();
                raw(out, &format!("HTTP/1.1 200 OK\r\nmcp-session-id: upstream-session-7\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}", body.len()));
            } else if message["id"].is_null() {
                raw(out, "HTTP/1.1 202 OK\r\ncontent-length: 0\r\n\r\n");
            } else {
                let result = json!({"content":[{"type":"text","text":"ok"}]});
                reply(out, 200, "application/json", &json!({"jsonrpc":"2.0","id":message["id"],"result":result}).to_string());
            }
        });
        let params = json!({"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"t","version":"1"}});
        let answer =
            self.send(&legacy(token, None, &json!({"jsonrpc":"2.0","id":0,"method":"initialize","params":params})));
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.header("mcp-session-id").expect("a session id").to_owned()
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            eprintln!("{}", std::fs::read_to_string(self.directory.join("stderr")).unwrap_or_default());
        }
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

fn spawn_nothing() -> Child {
    Command::new("true").spawn().unwrap()
}

/// A port that nobody listens on, below those that the system gives to connections: nothing takes it before it is used.
pub fn free_port() -> u16 {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    const FIRST: usize = 10_000;
    const COUNT: usize = 22_000;
    let begin = std::process::id() as usize * 997;
    loop {
        let port = FIRST + (begin + NEXT.fetch_add(1, Ordering::SeqCst)) % COUNT;
        let port = u16::try_from(port).unwrap();
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

pub fn records(directory: &Path) -> Vec<Value> {
    let mut files: Vec<_> = std::fs::read_dir(directory).unwrap().flatten().map(|e| e.path()).collect();
    files.retain(|path| path.extension().is_some_and(|e| e == "jsonl"));
    files.sort();
    let text: String = files.iter().map(|path| std::fs::read_to_string(path).unwrap()).collect();
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

/// Waits until something holds; a bound, not a measurement.
pub fn wait(what: &str, mut holds: impl FnMut() -> bool) {
    let until = Instant::now() + Duration::from_secs(20);
    while !holds() {
        assert!(Instant::now() < until, "waited too long until {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A request to send.
#[derive(Clone)]
pub struct Request {
    pub line: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Request {
    pub fn set(mut self, name: &str, value: &str) -> Self {
        self.headers.retain(|(n, _)| !n.eq_ignore_ascii_case(name));
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(n, _)| !n.eq_ignore_ascii_case(name));
        self
    }

    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }
}

/// The tools in an answer to `tools/list`.
pub fn names(answer: &Answer) -> Vec<String> {
    let tools = answer.json()["result"]["tools"].as_array().cloned();
    let tools = tools.unwrap_or_else(|| panic!("no list: {answer:?}"));
    tools.iter().map(|tool| tool["name"].as_str().unwrap().to_owned()).collect()
}

fn post(token: &str, body: &Value) -> Request {
    let headers = [
        ("content-type", "application/json"),
        ("accept", "application/json, text/event-stream"),
        ("authorization", &format!("Bearer {token}")),
    ];
    Request {
        line: "POST /crm/mcp".to_owned(),
        headers: headers.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect(),
        body: body.to_string().into_bytes(),
    }
}

/// A message of 2026-07-28.
pub fn modern(token: &str, method: &str, params: &Value) -> Request {
    let mut params = params.clone();
    params["_meta"] =
        json!({"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}});
    let name = params["name"].as_str().or(params["uri"].as_str()).map(str::to_owned);
    let request = post(token, &json!({"jsonrpc":"2.0","id":1,"method":method,"params":params}))
        .set("mcp-protocol-version", "2026-07-28")
        .set("mcp-method", method);
    match name {
        Some(name) => request.set("mcp-name", &name),
        None => request,
    }
}

/// A message of a session.
pub fn legacy(token: &str, session: Option<&str>, body: &Value) -> Request {
    let request = post(token, body);
    match session {
        Some(session) => request.set("mcp-session-id", session).set("mcp-protocol-version", "2025-11-25"),
        None => request,
    }
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Answer {
    fn read(reader: &mut impl BufRead) -> Option<Self> {
        let (line, headers) = read_head(reader)?;
        let status = line.split(' ').nth(1)?.parse().ok()?;
        let mut bytes = Vec::new();
        let _ = reader.read_to_end(&mut bytes);
        let chunked = headers.iter().any(|(n, v)| n == "transfer-encoding" && v == "chunked");
        let body = String::from_utf8_lossy(&if chunked { unchunk(&bytes) } else { bytes }).into_owned();
        Some(Self { status, headers, body })
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or(Value::Null)
    }

    pub fn code(&self) -> i64 {
        self.json()["error"]["code"].as_i64().unwrap_or(0)
    }
}

fn unchunk(mut bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    while let Some(stop) = bytes.windows(2).position(|w| w == b"\r\n") {
        let size = usize::from_str_radix(std::str::from_utf8(&bytes[..stop]).unwrap().trim(), 16).unwrap_or(0);
        if size == 0 || bytes.len() < stop + 2 + size {
            break;
        }
        out.extend_from_slice(&bytes[stop + 2..stop + 2 + size]);
        bytes = bytes.get(stop + 4 + size..).unwrap_or_default();
    }
    out
}
