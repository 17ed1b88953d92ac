//! Every way of asking, in every revision, with and without elicitation, against everything that can go wrong between
//! the question and the call. What counts is how often the call reached the server.
use crate::people::*;
use crate::support::*;
use serde_json::{Value, json};
use std::cell::Cell as Count;
use std::io::{BufRead, BufReader};
use std::net::TcpStream;
use std::process::Command;
use std::sync::{Arc, Mutex};

const POLICY: &str = "roles:
  approvers: { claim: groups, any: [approvers] }
tools:
  host_update: { effect: write, confirm: [host] }
  elicit_update: { effect: write, confirm: [elicit] }
  approver_update: { effect: destructive, confirm: [approver] }
  code_update: { effect: write, confirm: [code] }
  either_update: { effect: write, confirm: [elicit, code] }
confirmations:
  approver: { roles: [approvers], expires: 10m }
  elicit: { expires: 10m }
  code: { expires: 10m }
  host: { clients: [desktop] }
  budget: { per: subject, prompts: 1000/hour }
contract: { check_every: 500ms, on_drift: warn }
";

const MODES: [&str; 4] = ["host", "elicit", "approver", "code"];
const REVISIONS: [&str; 4] = ["2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28"];

/// One way of asking, in one revision, for a client that can show a form or not.
#[derive(Clone)]
struct Cell {
    mode: &'static str,
    revision: &'static str,
    elicits: bool,
}

impl Cell {
    fn all() -> Vec<Self> {
        let of =
            |mode| REVISIONS.iter().flat_map(move |revision| [true, false].map(|elicits| (mode, *revision, elicits)));
        MODES.into_iter().flat_map(of).map(|(mode, revision, elicits)| Self { mode, revision, elicits }).collect()
    }

    /// Whether the client can be asked through the protocol.
    fn can_elicit(&self) -> bool {
        self.elicits && self.revision != "2025-03-26"
    }

    fn name(&self) -> String {
        format!("{}-{}-{}", self.mode, self.revision, if self.elicits { "form" } else { "plain" })
    }

    fn tool(&self) -> String {
        format!("{}_update", self.mode)
    }
}

/// A client.
struct Client<'a> {
    gateway: &'a Gateway,
    revision: &'static str,
    elicits: bool,
    token: String,
    session: Option<String>,
}

/// What a client is told.
enum Told {
    Done,
    Refused(String),
    /// A form, whose answer goes back with this state.
    Form(Value),
    /// A form on the stream of the call.
    Stream(Value, BufReader<TcpStream>),
    /// Somebody has to decide on the page.
    Page(String),
}

impl std::fmt::Debug for Told {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Done => write!(f, "done"),
            Self::Refused(why) => write!(f, "refused: {why}"),
            Self::Form(_) | Self::Stream(..) => write!(f, "a form"),
            Self::Page(id) => write!(f, "page {id}"),
        }
    }
}

/// The next message of an answer, be it a stream or not.
fn next(reader: &mut BufReader<TcpStream>) -> Value {
    loop {
        let mut line = String::new();
        assert!(reader.read_line(&mut line).unwrap() > 0, "the answer ended");
        let text = line.trim_end();
        if let Some(text) = text.strip_prefix("data: ").or(text.starts_with('{').then_some(text)) {
            return serde_json::from_str(text).unwrap();
        }
    }
}

impl<'a> Client<'a> {
    fn new(gateway: &'a Gateway, issuer: &Issuer, cell: &Cell, subject: &str, client: &str) -> Self {
        let claims = json!({ "iss": issuer.url(), "sub": subject, "client_id": client });
        let (token, revision, elicits) = (gateway.with_claims(claims), cell.revision, cell.elicits);
        let capabilities = if elicits { json!({ "elicitation": {} }) } else { json!({}) };
        let session = (revision != "2026-07-28").then(|| {
            let params =
                json!({"protocolVersion":revision,"capabilities":capabilities,"clientInfo":{"name":"t","version":"1"}});
            let hello = json!({"jsonrpc":"2.0","id":0,"method":"initialize","params":params});
            let answer = gateway.send(&legacy(&token, None, &hello));
            answer.header("mcp-session-id").unwrap_or_else(|| panic!("{answer:?}")).to_owned()
        });
        Self { gateway, revision, elicits, token, session }
    }

    fn request(&self, body: &Value) -> Request {
        let request = match &self.session {
            Some(session) => legacy(&self.token, Some(session), body).set("mcp-protocol-version", self.revision),
            None => {
                let mut request = modern(&self.token, "tools/call", &body["params"]);
                let mut whole: Value = serde_json::from_slice(&request.body).unwrap();
                let meta = whole["params"]["_meta"].as_object_mut().unwrap();
                if self.elicits {
                    meta.insert("io.modelcontextprotocol/clientCapabilities".to_owned(), json!({ "elicitation": {} }));
                }
                if let Some(more) = body["params"]["_meta"].as_object() {
                    meta.extend(more.clone());
                }
                request.body = whole.to_string().into_bytes();
                request
            }
        };
        request.set("connection", "close")
    }

    /// Calls a tool, with these parameters besides.
    fn call(&self, tool: &str, arguments: &Value, more: &Value) -> Told {
        let mut params = json!({ "name": tool, "arguments": arguments });
        params.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let (_, mut reader) = self
            .gateway
            .open(&self.request(&json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params })));
        let message = next(&mut reader);
        told(message, reader)
    }

    /// Answers a form on a stream; the status of that.
    fn reply(&self, question: &Value, content: &Value) -> u16 {
        let body = json!({ "jsonrpc": "2.0", "id": question, "result": content });
        self.gateway.send(&self.request(&body)).status
    }
}

fn told(message: Value, reader: BufReader<TcpStream>) -> Told {
    let result = &message["result"];
    if message["method"] == "elicitation/create" {
        return Told::Stream(message["id"].clone(), reader);
    }
    if let Some(error) = message["error"]["message"].as_str() {
        return Told::Refused(error.to_owned());
    }
    if result["resultType"] == "input_required" {
        return Told::Form(result["requestState"].clone());
    }
    if let Some(id) = result["_meta"]["portcullis/confirmation"]["id"].as_str() {
        return Told::Page(id.to_owned());
    }
    assert_eq!(result["content"][0]["text"], "ok", "{message}");
    Told::Done
}

fn content(yes: bool) -> Value {
    if yes { json!({ "action": "accept", "content": { "confirm": true } }) } else { json!({ "action": "decline" }) }
}

fn with_state(state: &Value, yes: bool) -> Value {
    json!({ "requestState": state, "inputResponses": { "portcullis_confirm": content(yes) } })
}

fn with_handle(id: &str) -> Value {
    json!({ "_meta": { "portcullis/confirmation": id } })
}

/// An upstream of both eras, whose description of its tools can be changed.
fn offering(gateway: &Gateway) -> Arc<Mutex<String>> {
    let description = Arc::new(Mutex::new("Updates.".to_owned()));
    let shared = description.clone();
    gateway.upstream.script(move |seen, out| {
        let message = seen.json();
        if message["id"].is_null() {
            return raw(out, "HTTP/1.1 202 OK\r\ncontent-length: 0\r\n\r\n");
        }
        let tools = || -> Vec<Value> {
            let described = shared.lock().unwrap().clone();
            let names = MODES.into_iter().chain(["either"]).map(|mode| format!("{mode}_update"));
            names.map(|name| json!({"name":name,"description":described,"inputSchema":{"type":"object"}})).collect()
        };
        let result = match message["method"].as_str().unwrap() {
            "server/discover" => json!({"supportedVersions":["2026-07-28"],"capabilities":{"tools":{}},
                "serverInfo":{"name":"crm","version":"1"},"resultType":"complete"}),
            "initialize" => json!({"protocolVersion":message["params"]["protocolVersion"],"capabilities":{"tools":{}},
                "serverInfo":{"name":"crm","version":"1"}}),
            "tools/list" => json!({"tools":tools(),"resultType":"complete"}),
            _ => json!({"content":[{"type":"text","text":"ok"}],"resultType":"complete"}),
        };
        reply(out, 200, "application/json", &json!({"jsonrpc":"2.0","id":message["id"],"result":result}).to_string());
    });
    description
}

/// Everything that the rows of the table share.
struct World {
    gateway: Gateway,
    issuer: Issuer,
    /// Assertions about a cell, for the sum that is printed.
    checks: Count<usize>,
}

/// A call that was asked about, and perhaps approved.
struct Asked {
    told: Told,
    arguments: Value,
    /// Id of the confirmation.
    id: String,
}

impl World {
    fn new() -> (Self, Arc<Mutex<String>>) {
        let (gateway, issuer) = (Gateway::with(POLICY, ""), Issuer::start());
        let description = offering(&gateway);
        with_page(&gateway, &issuer);
        let world = Self { gateway, issuer, checks: Count::new(0) };
        world.approve_contract();
        (world, description)
    }

    /// What the server offers now is in force.
    fn approve_contract(&self) {
        let before = applied(&self.gateway);
        for arguments in [&["pull"][..], &["approve", "--by", "ann", "--reason", "looked at it"]] {
            let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
            command.arg("contract").arg(arguments[0]).args(["gateway.yaml", "crm"]).args(&arguments[1..]);
            let output = command.current_dir(&self.gateway.directory).env("CRM_TOKEN", "x").output().unwrap();
            assert!(output.status.success(), "{output:?}");
        }
        wait("the contract is in force", || applied(&self.gateway) > before);
    }

    fn policy(&self, text: &str) {
        let before = applied(&self.gateway);
        self.gateway.policy(text);
        wait("the policy changed", || applied(&self.gateway) > before);
    }

    fn client(&self, cell: &Cell) -> Client<'_> {
        let client = if cell.mode == "host" { "desktop" } else { "app" };
        Client::new(&self.gateway, &self.issuer, cell, &cell.name(), client)
    }

    /// The gateway notices that the server offers something else.
    fn drift(&self) {
        let drifted = "portcullis_contract_drift{server=\"crm\"} ";
        let noticed =
            || self.gateway.get_admin("/metrics").split(drifted).nth(1).is_some_and(|rest| !rest.starts_with('0'));
        wait("the drift is noticed", noticed);
    }

    /// How often a call with these arguments reached the server.
    fn reached(&self, arguments: &Value) -> usize {
        let calls = self.gateway.upstream.seen().into_iter().map(|seen| seen.json());
        calls.filter(|call| call["method"] == "tools/call" && call["params"]["arguments"] == *arguments).count()
    }

    fn check(&self, cell: &Cell, row: &str, arguments: &Value, times: usize) {
        self.checks.set(self.checks.get() + 1);
        assert_eq!(self.reached(arguments), times, "{}: {row}", cell.name());
    }

    fn refused(&self, cell: &Cell, row: &str, told: &Told, word: &str) {
        self.checks.set(self.checks.get() + 1);
        let Told::Refused(why) = told else { panic!("{}: {row}: not refused: {told:?}", cell.name()) };
        assert!(why.contains(word), "{}: {row}: {why}", cell.name());
    }

    /// The call is made, and somebody is asked.
    fn ask(&self, client: &Client<'_>, cell: &Cell, row: &str) -> Asked {
        let arguments = json!({ "id": format!("{}/{row}", cell.name()) });
        let told = client.call(&cell.tool(), &arguments, &json!({}));
        let id = match &told {
            Told::Page(id) => id.clone(),
            // What a client is not told stands in the record.
            Told::Form(_) | Told::Stream(..) => {
                let proposed = |record: &Value| record["confirmation"]["event"] == "proposed";
                let all = self.gateway.records();
                all.iter().rev().find(|record| proposed(record)).unwrap()["confirmation"]["id"]
                    .as_str()
                    .unwrap()
                    .to_owned()
            }
            other => panic!("{}: {row}: {other:?}", cell.name()),
        };
        assert_eq!(matches!(told, Told::Page(_)), cell.mode != "elicit");
        self.check(cell, row, &arguments, 0);
        Asked { told, arguments, id }
    }

    /// Whoever has to decides on the page. A form is answered with the call.
    fn decide(&self, cell: &Cell, asked: &Asked, yes: bool) {
        let (who, groups): (_, &[&str]) =
            if cell.mode == "code" { (cell.name(), &[]) } else { ("bob".to_owned(), &["approvers"]) };
        if matches!(asked.told, Told::Page(_)) {
            let mut browser = Browser::of(&self.gateway, &self.issuer, &who, groups);
            let answer = browser.decide(&asked.id, if yes { "approve" } else { "deny" }, "");
            assert_eq!(answer.status, 303, "{answer:?}");
        }
    }

    /// The call goes on, by the answer or by being made again.
    fn redeem(&self, client: &Client<'_>, cell: &Cell, asked: &mut Asked, yes: bool) -> Told {
        let (tool, arguments) = (cell.tool(), &asked.arguments);
        match &mut asked.told {
            Told::Form(state) => client.call(&tool, arguments, &with_state(state, yes)),
            Told::Page(_) => client.call(&tool, arguments, &with_handle(&asked.id)),
            Told::Stream(question, reader) => {
                client.reply(question, &content(yes));
                let stream = reader.get_ref().try_clone().unwrap();
                told(next(reader), BufReader::new(stream))
            }
            other => panic!("{other:?}"),
        }
    }

    /// Asked, approved, and made: once. Presented again, in every way there is: refused.
    fn approved(&self, client: &Client<'_>, cell: &Cell) {
        let mut asked = self.ask(client, cell, "approved");
        self.decide(cell, &asked, true);
        let done = self.redeem(client, cell, &mut asked, true);
        assert!(matches!(done, Told::Done), "{}: {done:?}", cell.name());
        self.check(cell, "approved", &asked.arguments, 1);
        let again = match &asked.told {
            Told::Stream(question, _) => {
                assert_eq!(client.reply(question, &content(true)), 400, "nobody waits for it");
                client.call(&cell.tool(), &asked.arguments, &with_handle(&asked.id))
            }
            _ => self.redeem(client, cell, &mut asked, true),
        };
        self.refused(cell, "replayed", &again, "used already");
        let anew = client.call(&cell.tool(), &asked.arguments, &json!({}));
        assert!(matches!(anew, Told::Form(_) | Told::Stream(..) | Told::Page(_)), "asked anew: {anew:?}");
        self.check(cell, "replayed", &asked.arguments, 1);
    }

    fn denied(&self, client: &Client<'_>, cell: &Cell) {
        let mut asked = self.ask(client, cell, "denied");
        self.decide(cell, &asked, false);
        let told = self.redeem(client, cell, &mut asked, false);
        self.refused(cell, "denied", &told, "did not confirm");
        self.check(cell, "denied", &asked.arguments, 0);
    }

    /// Other calls, and other callers, get nothing of an approval; whose it is still has it then.
    fn by_others(&self, client: &Client<'_>, cell: &Cell) {
        let mut asked = self.ask(client, cell, "others");
        self.decide(cell, &asked, true);
        let (tool, name) = (cell.tool(), cell.name());
        let more: Vec<Value> = match &asked.told {
            Told::Form(state) => vec![with_state(state, true), with_handle(&asked.id)],
            _ => vec![with_handle(&asked.id)],
        };
        let mut altered = asked.arguments.clone();
        altered["id"] = format!("{}.", altered["id"].as_str().unwrap()).into();
        let other_client = Client::new(&self.gateway, &self.issuer, cell, &name, "other");
        let stranger = Client::new(&self.gateway, &self.issuer, cell, &format!("mallory-{name}"), "app");
        for more in &more {
            let handle = more.get("requestState").is_none();
            let said = |word| if handle { "no such confirmation" } else { word };
            self.refused(cell, "altered", &client.call(&tool, &altered, more), "Different: arguments");
            self.refused(cell, "client", &other_client.call(&tool, &asked.arguments, more), said("Different: client"));
            self.refused(
                cell,
                "principal",
                &stranger.call(&tool, &asked.arguments, more),
                said("Different: principal"),
            );
        }
        if let Told::Stream(question, _) = &asked.told {
            for other in [&other_client, &stranger] {
                assert!(other.reply(question, &content(true)) >= 400, "{name}: another's answer");
            }
        }
        self.check(cell, "altered", &altered, 0);
        self.check(cell, "others", &asked.arguments, 0);
        let done = self.redeem(client, cell, &mut asked, true);
        assert!(matches!(done, Told::Done), "{name}: {done:?}");
        self.check(cell, "others", &asked.arguments, 1);
    }

    /// A hundred at once.
    fn raced(&self, client: &Client<'_>, cell: &Cell) {
        let mut asked = self.ask(client, cell, "raced");
        self.decide(cell, &asked, true);
        let (tool, arguments) = (cell.tool(), asked.arguments.clone());
        let one: Box<dyn Fn() -> bool + Sync> = match &asked.told {
            Told::Stream(question, _) => {
                let question = question.clone();
                Box::new(move || client.reply(&question, &content(true)) == 202)
            }
            Told::Form(state) => {
                let more = with_state(state, true);
                Box::new(move || matches!(client.call(&tool, &arguments, &more), Told::Done))
            }
            _ => {
                let more = with_handle(&asked.id);
                Box::new(move || matches!(client.call(&tool, &arguments, &more), Told::Done))
            }
        };
        let won: usize = std::thread::scope(|scope| {
            let all: Vec<_> = (0..100).map(|_| scope.spawn(&one)).collect();
            all.into_iter().map(|one| usize::from(one.join().unwrap())).sum()
        });
        assert_eq!(won, 1, "{}: of a hundred", cell.name());
        drop(one);
        if let Told::Stream(_, reader) = &mut asked.told {
            assert_eq!(next(reader)["result"]["content"][0]["text"], "ok");
        }
        self.check(cell, "raced", &asked.arguments, 1);
    }

    /// A client's own prompt is relied on: there is nothing to approve, and nothing to keep for later.
    fn by_host(&self, client: &Client<'_>, cell: &Cell) {
        let (tool, arguments) = (cell.tool(), json!({ "id": format!("{}/host", cell.name()) }));
        let done = client.call(&tool, &arguments, &json!({}));
        assert!(matches!(done, Told::Done), "{}: {done:?}", cell.name());
        self.check(cell, "approved", &arguments, 1);
        let all = self.gateway.records();
        let by_host = |record: &&Value| record["confirmation"]["by"] == "host";
        let id = all.iter().rev().find(by_host).unwrap()["confirmation"]["id"].as_str().unwrap();
        let handle = with_handle(id);
        self.refused(cell, "replayed", &client.call(&tool, &arguments, &handle), "used already");
        let altered = json!({ "id": format!("{}/host.", cell.name()) });
        self.refused(cell, "altered", &client.call(&tool, &altered, &handle), "Different: arguments");
        let stranger = Client::new(&self.gateway, &self.issuer, cell, "mallory", "desktop");
        self.refused(cell, "principal", &stranger.call(&tool, &arguments, &handle), "no such confirmation");
        let unnamed = Client::new(&self.gateway, &self.issuer, cell, &cell.name(), "app");
        self.refused(cell, "client", &unnamed.call(&tool, &altered, &json!({})), "no way to ask");
        let raced: usize = std::thread::scope(|scope| {
            let one = || usize::from(matches!(client.call(&tool, &arguments, &handle), Told::Done));
            let all: Vec<_> = (0..100).map(|_| scope.spawn(one)).collect();
            all.into_iter().map(|one| one.join().unwrap()).sum()
        });
        assert_eq!(raced, 0);
        self.check(cell, "raced", &arguments, 1);
        self.check(cell, "altered", &altered, 0);
    }

    /// A client that cannot be asked this way: refused by name, or asked the next way that is declared.
    fn not_asked(&self, client: &Client<'_>, cell: &Cell) {
        // The same person is asked about the same calls elsewhere, where that can be: that changes nothing here.
        let elsewhere = Cell { revision: "2026-07-28", elicits: true, ..cell.clone() };
        let elsewhere = Client::new(&self.gateway, &self.issuer, &elsewhere, &cell.name(), "app");
        for (tool, row) in [("elicit_update", "impossible"), ("either_update", "fallback")] {
            let arguments = json!({ "id": format!("{}/{row}", cell.name()) });
            assert!(matches!(elsewhere.call(tool, &arguments, &json!({})), Told::Form(_)));
        }
        let arguments = json!({ "id": format!("{}/impossible", cell.name()) });
        let told = client.call("elicit_update", &arguments, &json!({}));
        self.refused(cell, "impossible", &told, "no way to ask");
        self.check(cell, "impossible", &arguments, 0);
        let arguments = json!({ "id": format!("{}/fallback", cell.name()) });
        let Told::Page(id) = client.call("either_update", &arguments, &json!({})) else { panic!("no fallback") };
        let mut browser = Browser::of(&self.gateway, &self.issuer, &cell.name(), &[]);
        assert_eq!(browser.decide(&id, "approve", "").status, 303);
        self.check(cell, "fallback", &arguments, 0);
        assert!(matches!(client.call("either_update", &arguments, &json!({})), Told::Done));
        self.check(cell, "fallback", &arguments, 1);
    }

    /// Asks in each cell, lets something happen, and tries to go on.
    fn after(&self, cells: &[Cell], row: &str, word: &str, happens: impl FnOnce()) {
        let mut asked: Vec<_> = cells
            .iter()
            .map(|cell| {
                let client = self.client(cell);
                let asked = self.ask(&client, cell, row);
                self.decide(cell, &asked, true);
                (cell, client, asked)
            })
            .collect();
        happens();
        for (cell, client, asked) in &mut asked {
            let told = self.redeem(client, cell, asked, true);
            self.refused(cell, row, &told, word);
            self.check(cell, row, &asked.arguments, 0);
        }
    }
}

#[test]
fn one_approval_is_one_execution_in_every_mode_revision_and_kind_of_client() {
    let (world, description) = World::new();
    let cells = Cell::all();
    let (mut asked, mut hosts, mut impossible) = (Vec::new(), 0, 0);
    for cell in &cells {
        let client = world.client(cell);
        match cell.mode {
            "host" => {
                world.by_host(&client, cell);
                hosts += 1;
            }
            "elicit" if !cell.can_elicit() => {
                world.not_asked(&client, cell);
                impossible += 1;
            }
            _ => {
                world.approved(&client, cell);
                world.denied(&client, cell);
                world.by_others(&client, cell);
                world.raced(&client, cell);
                asked.push(cell.clone());
            }
        }
    }
    assert_eq!((asked.len(), hosts, impossible, cells.len()), (19, 8, 5, 32));

    let brief = POLICY.replace("expires: 10m", "expires: 2s");
    world.policy(&brief);
    world.after(&asked, "expired", "has passed", || std::thread::sleep(std::time::Duration::from_millis(2200)));
    world.policy(POLICY);
    world.after(&asked, "policy", "Different: policy", || world.policy(&POLICY.replace("1000/hour", "1001/hour")));
    world.after(&asked, "contract", "Different: contract", || {
        *description.lock().unwrap() = "Updates, or deletes.".to_owned();
        world.approve_contract();
    });
    world.after(&asked, "drift", "Different: contract", || {
        *description.lock().unwrap() = "Updates, deletes, or sends.".to_owned();
        world.drift();
    });
    let host: Vec<&Cell> = cells.iter().filter(|cell| cell.mode == "host").collect();
    world.policy(&POLICY.replace("[desktop]", "[another]"));
    for cell in &host {
        let arguments = json!({ "id": format!("{}/unnamed", cell.name()) });
        let told = world.client(cell).call("host_update", &arguments, &json!({}));
        world.refused(cell, "policy", &told, "no way to ask");
        world.check(cell, "policy", &arguments, 0);
    }
    println!(
        "{} cells: {} asked, {hosts} on the client's own prompt, {impossible} that cannot be asked; {} checks",
        cells.len(),
        asked.len(),
        world.checks.get()
    );
}
