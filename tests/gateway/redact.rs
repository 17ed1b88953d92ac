//! Sensitive data stays: what the policy's `redact` table says holds on every way through the gateway. Canaries go in
//! at each surface, and are looked for wherever anybody could read them.
use crate::support::*;
use crate::tasks::knowing;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use std::io::Read as _;
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};

/// Values that the built-in types find, made by their rules: nobody's card, number, address or key.
fn canaries() -> Vec<(&'static str, String)> {
    let card = "4539148803436467".to_owned(); // Visa range, Luhn.
    let number = "078-05-1121".to_owned();
    let mail = "canary.bird@mine.example.com".to_owned();
    let key = format!("ghp_{}", "x7Kp2mQ9vT4wR8sL3nB6yH1jD5fG0aZcEuVt");
    vec![("card", card), ("ssn", number), ("email", mail), ("api_key", key)]
}

fn said() -> String {
    canaries().iter().map(|(name, value)| format!("{name}: {value}")).collect::<Vec<_>>().join(", ")
}

fn fields() -> Value {
    canaries()
        .into_iter()
        .map(|(name, value)| (name.to_owned(), json!(value)))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

/// No canary in a text, nor in one that hides it behind base64, escapes or percent signs.
#[track_caller]
fn clean(what: &str, text: &str) {
    for (name, value) in canaries() {
        let plain: String = value.chars().filter(|c| c.is_ascii_alphanumeric()).collect();
        for form in [value.clone(), STANDARD.encode(&value), value.replace('@', "%40"), value.replace('@', "\\u0040")] {
            assert!(!text.contains(&form), "{name} in {what}: {text}");
        }
        let squeezed: String = text.chars().filter(|c| c.is_ascii_alphanumeric()).collect();
        assert!(!squeezed.contains(&plain), "{name} in {what}: {text}");
    }
    assert!(!text.contains(&STANDARD.encode(said())), "{what}: {text}");
}

fn everything_below(directory: &Path) -> String {
    let mut text = String::new();
    for entry in std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.is_dir() {
            text += &everything_below(&entry);
        } else {
            text += &String::from_utf8_lossy(&std::fs::read(&entry).unwrap());
        }
    }
    text
}

/// With all built-in groups that canaries are of.
fn policy(direction: &str, action: &str) -> String {
    let types = "[pci, government_id, contact, secret]";
    format!(
        "{TOOLS}redact:\n  - {{ types: {types}, direction: {direction}, action: {action} }}\n{}",
        "  - { types: [network], action: observe }\n"
    )
}

/// An upstream that says all of it in every way that a result can.
fn telling(upstream: &Upstream) {
    upstream.script(|seen, out| {
        let message = seen.json();
        let text = said();
        let resource = json!({ "uri": "crm://customers/1", "mimeType": "text/plain", "text": text });
        let blob = json!({ "uri": "crm://customers/2", "mimeType": "application/json",
            "blob": STANDARD.encode(fields().to_string()) });
        let result = match message["method"].as_str().unwrap_or_default() {
            "tools/call" => {
                let mut many = text.clone();
                many.extend(std::iter::repeat_n(" and so on", 1000));
                let result = json!({ "content": [
                    { "type": "text", "text": text }, { "type": "text", "text": fields().to_string() },
                    { "type": "resource", "resource": resource }, { "type": "resource", "resource": blob },
                    { "type": "resource_link", "uri": "crm://customers/3", "name": text }, { "type": "text", "text": many } ],
                    "structuredContent": { "rows": [fields()], "notes": { (canaries()[2].1.clone()): "a key" } },
                    "_meta": { "said": text }, "resultType": "complete" });
                open_events(out);
                let mut tell = |message: Value| raw(out, &format!("data: {message}\n\n"));
                let notice = |method: &str, params: Value| json!({ "jsonrpc": "2.0", "method": method, "params": params });
                tell(notice("notifications/progress", json!({ "progressToken": 1, "progress": 1, "message": text })));
                tell(notice("notifications/message", json!({ "level": "info", "data": fields() })));
                tell(notice("notifications/message", json!({ "level": "info", "logger": "l", "data": text })));
                tell(json!({ "jsonrpc": "2.0", "id": message["id"], "result": result }));
                let _ = out.shutdown(std::net::Shutdown::Both);
                return;
            }
            "prompts/get" => {
                json!({ "description": text, "messages": [{ "role": "user", "content": { "type": "text", "text": text } }],
                    "resultType": "complete" })
            }
            "resources/read" => json!({ "contents": [resource, blob], "resultType": "complete" }),
            "completion/complete" => json!({ "completion": { "values": [text] }, "resultType": "complete" }),
            _ => json!({ "resultType": "complete" }),
        };
        reply(out, 200, "application/json", &json!({ "jsonrpc": "2.0", "id": message["id"], "result": result }).to_string());
    });
}

/// What the gateway itself wrote and can be asked for.
#[track_caller]
fn clean_within(gateway: &Gateway) {
    std::thread::sleep(std::time::Duration::from_millis(200));
    clean("the records", &everything_below(&gateway.directory.join("audit")));
    clean("the log", &std::fs::read_to_string(gateway.directory.join("stderr")).unwrap());
    for path in ["/metrics", "/status", "/readyz"] {
        clean(path, &gateway.get_admin(path));
    }
}

#[test]
fn no_canary_of_a_server_reaches_its_client_or_a_record_by_any_surface() {
    for action in ["mask", "replace", "hash", "tokenise", "drop", "block"] {
        let gateway = Gateway::with(&policy("results", action), "");
        telling(&gateway.upstream);
        let token = gateway.ann();
        let mut answers = Vec::new();
        for (method, params) in [
            (
                "tools/call",
                json!({ "name": "find_customer", "arguments": { "id": "1" }, "_meta": { "progressToken": 1 } }),
            ),
            ("prompts/get", json!({ "name": "summarize" })),
            ("resources/read", json!({ "uri": "crm://customers/1" })),
            (
                "completion/complete",
                json!({ "ref": { "type": "ref/prompt", "name": "summarize" },
                "argument": { "name": "a", "value": "b" } }),
            ),
        ] {
            let answer = gateway.call(&token, method, params);
            clean(&format!("{action}: {method}"), &answer.body);
            assert_eq!(answer.body.contains("-31422"), action == "block", "{action}: {method}: {}", answer.body);
            answers.push(answer.body);
        }
        let shown = match action {
            "mask" => "************6467",
            "replace" => "[CREDIT_CARD]",
            "hash" => "[EMAIL#",
            "tokenise" => "[EMAIL~",
            _ => "",
        };
        assert!(answers[2].contains(shown), "{action}: {}", answers[2]);
        // An error, as JSON-RPC and as a tool's own.
        gateway.upstream.script(|seen, out| {
            let error = json!({ "code": -32000, "message": said(), "data": fields() });
            let body = json!({ "jsonrpc": "2.0", "id": seen.json()["id"], "error": error });
            reply(out, 200, "application/json", &body.to_string());
        });
        let answer = gateway.tool(&token, "find_customer", json!({ "id": "1" }));
        clean(&format!("{action}: error"), &answer.body);
        gateway.upstream.result(json!({ "content": [{ "type": "text", "text": said() }], "isError": true }));
        clean(&format!("{action}: isError"), &gateway.tool(&token, "find_customer", json!({ "id": "1" })).body);
        clean_within(&gateway);
        let metrics = gateway.get_admin("/metrics");
        let counted = "direction=\"results\",server=\"crm\",type=\"CREDIT_CARD\"}";
        let line = metrics.lines().find(|line| line.contains(counted) && line.contains(action));
        assert!(line.is_some_and(|line| !line.ends_with(" 0")), "{action}: {metrics}");
    }
}

#[test]
fn contents_keep_no_name_but_the_one_that_was_asked_for() {
    let gateway = Gateway::with(&policy("results", "replace"), "");
    let (ann, said) = (gateway.ann(), "crm://customers/canary.bird@mine.example.com");
    for (asked, kept) in [(said, true), ("crm://customers/1", false)] {
        gateway.upstream.result(json!({ "contents": [{ "uri": said, "text": "ok" }], "resultType": "complete" }));
        // Whoever asks by such a name has it already: what is asked for is the client's to say.
        let answer = gateway.call(&ann, "resources/read", json!({ "uri": asked }));
        assert_eq!(answer.body.contains(said), kept, "{}", answer.body);
    }
}

#[test]
fn no_canary_of_a_client_reaches_its_server_or_a_record_by_any_surface() {
    for action in ["mask", "replace", "hash", "drop", "block"] {
        let gateway = Gateway::with(&policy("arguments", action), "");
        gateway.upstream.result(json!({ "content": [], "resultType": "complete" }));
        let token = gateway.ann();
        let calls = [
            (
                "tools/call",
                json!({ "name": "find_customer", "arguments": { "id": "1", "note": said(), "of": fields(),
                "text": fields().to_string() } }),
            ),
            ("tools/call", json!({ "name": "find_customer", "arguments": { "id": "1" }, "hint": said() })),
            ("prompts/get", json!({ "name": "summarize", "arguments": { "about": said() } })),
            (
                "completion/complete",
                json!({ "ref": { "type": "ref/prompt", "name": "summarize" },
                "argument": { "name": "email", "value": said() }, "context": { "arguments": { "a": said() } } }),
            ),
        ];
        for (method, params) in calls {
            let request = modern(&token, method, &params);
            let mut body: Value = serde_json::from_slice(&request.body).unwrap();
            // A hint goes where clients put theirs.
            if let Some(hint) = body["params"].as_object_mut().and_then(|params| params.remove("hint")) {
                body["params"]["_meta"]["openai/userLocation"] = hint;
            }
            let answer = gateway.send(&request.body(body.to_string()));
            clean(&format!("{action}: {method}"), &answer.body);
            assert_eq!(answer.code() == -31422, action == "block", "{action}: {method}: {}", answer.body);
        }
        // What must stay as it is to mean anything is refused.
        let named =
            gateway.call(&token, "resources/read", json!({ "uri": format!("crm://customers/{}", canaries()[2].1) }));
        assert_eq!(named.code(), -31422, "{action}: {}", named.body);
        let seen = gateway.upstream.seen();
        assert_eq!(seen.len(), if action == "block" { 0 } else { 4 }, "{action}");
        for one in &seen {
            clean(&format!("{action}: upstream"), &one.body);
            clean(&format!("{action}: upstream"), &format!("{:?}", one.headers));
        }
        clean_within(&gateway);
    }
}

#[test]
fn questions_to_a_client_and_their_answers_are_rewritten_too() {
    let gateway = Gateway::with(&policy("arguments", "replace").replace(", direction: arguments", ""), "");
    let token = gateway.ann();
    let session = gateway.initialize(&token);
    gateway.upstream.script(|seen, out| {
        if seen.json()["method"] == "tools/call" {
            open_events(out);
            let ask = json!({ "jsonrpc": "2.0", "id": "q1", "method": "elicitation/create",
                "params": { "message": said(), "requestedSchema": { "type": "object", "properties": {} } } });
            raw(out, &format!("data: {ask}\n\n"));
            std::thread::sleep(std::time::Duration::from_secs(1));
            raw(out, "data: {\"jsonrpc\":\"2.0\",\"id\":9,\"result\":{\"content\":[]}}\n\n");
            let _ = out.shutdown(std::net::Shutdown::Both);
        } else {
            raw(out, "HTTP/1.1 202 OK\r\ncontent-length: 0\r\n\r\n");
        }
    });
    let call = json!({ "jsonrpc": "2.0", "id": 9, "method": "tools/call",
        "params": { "name": "find_customer", "arguments": { "id": "1" } } });
    let (_, mut reader) = gateway.open(&legacy(&token, Some(&session), &call));
    let mut text = String::new();
    while !text.contains("elicitation/create") {
        assert!(std::io::BufRead::read_line(&mut reader, &mut text).unwrap() > 0, "{text}");
    }
    clean("the question", &text);
    assert!(text.contains("[EMAIL]"), "{text}");
    let answer =
        json!({ "jsonrpc": "2.0", "id": "q1", "result": { "action": "accept", "content": { "note": said() } } });
    assert_eq!(gateway.send(&legacy(&token, Some(&session), &answer)).status, 202);
    let _ = reader.read_to_string(&mut text);
    let seen = gateway.upstream.seen();
    let answered = seen.iter().find(|seen| seen.json()["id"] == "q1").expect("the answer reached the server");
    clean("the answer", &answered.body);
    assert!(answered.body.contains("[EMAIL]"));
    clean_within(&gateway);
}

#[test]
fn what_is_answered_to_a_tool_is_looked_through_as_its_arguments_are() {
    let redact = "redact: [{ types: [contact], tools: [find_customer], direction: arguments, action: replace }]\n";
    let gateway = Gateway::with(&format!("tasks: pass\n{TOOLS}{redact}"), "");
    let (token, mail) = (gateway.ann(), "canary.bird@mine.example.com");
    let session = gateway.initialize(&token);
    gateway.upstream.script(|seen, out| {
        let message = seen.json();
        let id = &message["id"];
        let state = |kind: &str| {
            json!({ "resultType": kind, "taskId": "t-1", "status": "working", "createdAt": "2026-07-28T00:00:00Z",
                "lastUpdatedAt": "2026-07-28T00:00:00Z", "ttlMs": 60000 })
        };
        match message["method"].as_str() {
            Some("tools/call") if message["params"]["_meta"].is_null() => {
                open_events(out);
                let ask = json!({ "jsonrpc": "2.0", "id": format!("q{id}"), "method": "elicitation/create",
                    "params": { "message": "who?", "requestedSchema": { "type": "object", "properties": {} } } });
                raw(out, &format!("data: {ask}\n\n"));
                std::thread::sleep(std::time::Duration::from_secs(2));
            }
            Some(method) => {
                let kind = if method == "tools/call" { "task" } else { "complete" };
                let body = json!({ "jsonrpc": "2.0", "id": id, "result": state(kind) });
                reply(out, 200, "application/json", &body.to_string());
            }
            None => raw(out, "HTTP/1.1 202 OK\r\ncontent-length: 0\r\n\r\n"),
        }
    });
    let reached = || gateway.upstream.seen().last().unwrap().body.contains(mail);
    for (id, tool, reaches) in [(9, "find_customer", false), (10, "update_customer", true)] {
        let call =
            json!({ "jsonrpc": "2.0", "id": id, "method": "tools/call", "params": { "name": tool, "arguments": {} } });
        let (_, mut reader) = gateway.open(&legacy(&token, Some(&session), &call));
        let mut text = String::new();
        while !text.contains("elicitation/create") {
            assert!(std::io::BufRead::read_line(&mut reader, &mut text).unwrap() > 0, "{text}");
        }
        let content = json!({ "action": "accept", "content": { "note": mail } });
        let answer = json!({ "jsonrpc": "2.0", "id": format!("q{id}"), "result": content });
        assert_eq!(gateway.send(&legacy(&token, Some(&session), &answer)).status, 202);
        assert_eq!(reached(), reaches, "{tool}: {:?}", gateway.upstream.seen().last());
    }
    for (tool, reaches) in [("find_customer", false), ("update_customer", true)] {
        let begun = gateway.send(&knowing(&token, "tools/call", &json!({ "name": tool, "arguments": {} }))).json();
        let answer = json!({ "q": { "action": "accept", "content": { "note": mail } } });
        let update = json!({ "taskId": begun["result"]["taskId"], "inputResponses": answer });
        assert_eq!(gateway.send(&knowing(&token, "tasks/update", &update)).code(), 0);
        assert_eq!(reached(), reaches, "{tool}: {:?}", gateway.upstream.seen().last());
    }
}

#[test]
fn a_value_split_over_two_log_messages_is_found_in_the_second() {
    let gateway = Gateway::with(&policy("results", "replace"), "");
    let (card, mail) = (canaries()[0].1.clone(), canaries()[2].1.clone());
    let halves = [
        (card.split_at(8).0.to_owned(), card.split_at(8).1.to_owned()),
        (mail.split_at(9).0.to_owned(), mail.split_at(9).1.to_owned()),
    ];
    gateway.upstream.script(move |seen, out| {
        open_events(out);
        for (first, second) in &halves {
            for data in [format!("card {first}"), format!("{second} is it")] {
                let params = json!({ "level": "info", "logger": "l", "data": data });
                let notice = json!({ "jsonrpc": "2.0", "method": "notifications/message", "params": params });
                raw(out, &format!("data: {notice}\n\n"));
            }
        }
        let result = json!({ "content": [], "resultType": "complete" });
        raw(out, &format!("data: {}\n\n", json!({ "jsonrpc": "2.0", "id": seen.json()["id"], "result": result })));
        let _ = out.shutdown(std::net::Shutdown::Both);
    });
    let body = gateway.tool(&gateway.ann(), "find_customer", json!({ "id": "1" })).body;
    let (second, domain) = (canaries()[0].1.split_at(8).1.to_owned(), canaries()[2].1.split_at(9).1.to_owned());
    assert!(!body.contains(&second) && !body.contains(&domain), "{body}");
    assert!(body.contains("[CREDIT_CARD] is it") && body.contains("[EMAIL] is it"), "{body}");
}

/// The same table on samples, without a gateway.
fn sampled(gateway: &Gateway) {
    let run = |arguments: &[&str], text: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
        command.args(["redact", "--policy", "gateway.yaml"]).args(arguments).current_dir(&gateway.directory);
        command.env("CRM_TOKEN", "the-gateways-own-secret").stdin(std::process::Stdio::piped());
        command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
        let mut child = command.spawn().unwrap();
        std::io::Write::write_all(child.stdin.as_mut().unwrap(), text.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        (output.status.code(), text(&output.stdout), text(&output.stderr))
    };
    let json = format!("{{ \"n\": 1.50,\n  \"email\": \"{}\" }}", canaries()[2].1);
    let (code, out, told) = run(&["--tool", "find_customer"], &json);
    assert_eq!((code, out.as_str()), (Some(0), "{ \"n\": 1.50,\n  \"email\": \"[EMAIL]\" }"), "{told}");
    assert!(told.contains("EMAIL: replace, 1"), "{told}");
    assert_eq!(run(&["--scope", "crm.pii"], &json).1, json);
    let (code, out, told) = run(&["--direction", "arguments"], &said());
    assert_eq!((code, out.as_str()), (Some(1), ""));
    assert!(told.contains("refused: "), "{told}");
    clean("what a sample is told to have", &told);
}

#[test]
fn the_first_entry_that_concerns_a_value_decides_and_some_callers_get_it_as_it_is() {
    let table = "redact:
  - { types: [pci, secret, government_id], direction: arguments, action: block }
  - { types: [pci, secret], direction: results, action: mask }
  - { types: [contact], direction: results, action: replace, unless: { scopes: [crm.pii] } }
";
    let gateway = Gateway::with(&format!("{TOOLS}{table}"), "");
    sampled(&gateway);
    let mail = canaries()[2].1.clone();
    gateway.upstream.result(json!({ "content": [{ "type": "text", "text": said() }], "resultType": "complete" }));
    let text = |token: &str| {
        let answer = gateway.tool(token, "find_customer", json!({ "id": "1", "mail": mail.clone() }));
        answer.json()["result"]["content"][0]["text"].as_str().unwrap_or_default().to_owned()
    };
    let ann = text(&gateway.ann());
    assert_eq!(ann, "card: ************6467, ssn: 078-05-1121, email: [EMAIL], api_key: ********");
    let bob = text(&gateway.token("bob", "crm.read crm.pii"));
    assert_eq!(bob, format!("card: ************6467, ssn: 078-05-1121, email: {mail}, api_key: ********"));
    assert!(gateway.upstream.seen()[0].body.contains(&mail), "contact is not kept from the server");
    for (name, value) in canaries().into_iter().filter(|(name, _)| *name != "email") {
        let answer = gateway.tool(&gateway.ann(), "find_customer", json!({ "id": "1", name: value }));
        assert_eq!(answer.code(), -31422, "{name}: {}", answer.body);
        clean(name, &answer.body);
    }
    assert_eq!(gateway.upstream.called().len(), 2);
}

#[test]
fn a_token_is_turned_back_for_callers_who_may_and_for_its_own_server_only() {
    let key = "redaction: { key: { env: REDACTION_KEY } }\n";
    let table = "redact:
  - { types: [contact], direction: results, action: tokenise, unless: { scopes: [crm.pii] }, reveal: { scopes: [crm.reveal] }, expires: 1h }
";
    let mut gateway = Gateway::with(&format!("{TOOLS}{table}"), "");
    let yaml = std::fs::read_to_string(gateway.directory.join("gateway.yaml")).unwrap();
    gateway.write_atomic("gateway.yaml", &(yaml + key));
    let launch = |gateway: &mut Gateway| {
        gateway.kill();
        let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
        command.env("REDACTION_KEY", "0123456789abcdef0123456789abcdef0123");
        gateway.launch_by(command);
    };
    launch(&mut gateway);
    let mail = canaries()[2].1.clone();
    let asked = Arc::new(Mutex::new(()));
    let _held = asked.lock().unwrap();
    gateway.upstream.result(json!({ "content": [{ "type": "text", "text": mail }], "resultType": "complete" }));
    let find = |gateway: &Gateway, token: &str, id: &str| gateway.tool(token, "find_customer", json!({ "id": id }));
    let answer = find(&gateway, &gateway.ann(), "1").json();
    let token = answer["result"]["content"][0]["text"].as_str().unwrap().to_owned();
    assert!(token.starts_with("[EMAIL~") && token.ends_with(']'), "{token}");
    let sent = |gateway: &Gateway| gateway.upstream.seen().last().unwrap().json()["params"]["arguments"]["id"].clone();
    find(&gateway, &gateway.ann(), &token);
    assert_eq!(sent(&gateway), json!(token), "who may not, sends the token as it is");
    let revealing = gateway.token("bob", "crm.read crm.reveal");
    find(&gateway, &revealing, &format!("to {token}!"));
    assert_eq!(sent(&gateway), json!(format!("to {mail}!")));
    // Another start of the gateway, or a replica, with the same key.
    launch(&mut gateway);
    find(&gateway, &revealing, &token);
    assert_eq!(sent(&gateway), json!(mail));
    let altered = token.replace('~', "~A");
    find(&gateway, &revealing, &altered);
    assert_eq!(sent(&gateway), json!(altered), "a made-up token says nothing");
    clean_within(&gateway);
}

#[test]
fn a_result_without_its_sensitive_fields_still_fits_its_schema_or_is_refused() {
    // The contract's tests approve a surface; here the schema is what matters.
    let gateway = Gateway::with(
        &format!(
            "{TOOLS}contract: {{ on_drift: warn }}\nredact:\n  - {{ types: [contact], direction: results, action: replace }}\n"
        ),
        "",
    );
    let mail = canaries()[2].1.clone();
    let structured = Arc::new(Mutex::new(json!({})));
    let shared = structured.clone();
    gateway.upstream.script(move |seen, out| {
        let message = seen.json();
        let pattern = json!({ "type": "string", "pattern": "^[^@]+@[^@]+$" });
        let schema = json!({ "type": "object", "required": ["must"], "properties": { "must": { "type": "string" },
            "free": { "type": "string" }, "formal": pattern, "strict": { "type": "object", "required": ["mail"],
            "properties": { "mail": pattern } } } });
        let result = match message["method"].as_str().unwrap_or_default() {
            "server/discover" => json!({ "supportedVersions": ["2026-07-28"], "capabilities": { "tools": {} },
                "serverInfo": { "name": "crm", "version": "1" }, "resultType": "complete" }),
            "tools/list" => json!({ "tools": [{ "name": "find_customer", "description": "Finds.",
                "inputSchema": { "type": "object" }, "outputSchema": schema }], "resultType": "complete" }),
            "tools/call" => {
                let structured = shared.lock().unwrap().clone();
                json!({ "content": [{ "type": "text", "text": structured.to_string() }], "structuredContent": structured,
                    "resultType": "complete" })
            }
            _ => json!({ "resultType": "complete" }),
        };
        reply(out, 200, "application/json", &json!({ "jsonrpc": "2.0", "id": message["id"], "result": result }).to_string());
    });
    let run = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
        command.args(arguments).current_dir(&gateway.directory).env("CRM_TOKEN", "the-gateways-own-secret");
        assert!(command.output().unwrap().status.success(), "{arguments:?}");
    };
    run(&["contract", "pull", "gateway.yaml", "crm"]);
    let policy = || gateway.get_admin("/status").split("\"policy\":\"").nth(1).map(|rest| rest[..64].to_owned());
    let before = policy();
    run(&["contract", "approve", "gateway.yaml", "crm", "--by", "ann", "--reason", "seen"]);
    wait("the contract is in force", || policy() != before);
    let call = |value: Value| {
        *structured.lock().unwrap() = value;
        gateway.tool(&gateway.ann(), "find_customer", json!({})).json()
    };
    let answer = call(json!({ "must": "m", "free": mail, "formal": mail }));
    let fitting = json!({ "must": "m", "free": "[EMAIL]" });
    assert_eq!(answer["result"]["structuredContent"], fitting, "{answer}");
    let text = answer["result"]["content"][0]["text"].as_str().unwrap();
    assert_eq!(serde_json::from_str::<Value>(text).unwrap(), fitting, "the text that mirrors it says the same");
    let refused = call(json!({ "must": "m", "strict": { "mail": mail } }));
    assert_eq!(refused["error"]["code"], -31422, "{refused}");
    clean("the refusal", &refused.to_string());
}

#[test]
fn types_of_ones_own_are_found_by_pattern_word_and_place() {
    let table = "redact:
  - { types: [badge], direction: arguments, action: block }
  - { types: [badge, birds], direction: results, action: replace }
  - { types: [notes], direction: results, action: drop }
data_types:
  badge: { pattern: 'E-[0-9]{6}' }
  birds: { words: [Nightingale] }
  notes: { path: '/people/*/notes' }
";
    let gateway = Gateway::with(&format!("{TOOLS}{table}"), "");
    let structured = json!({ "people": [{ "name": "n", "notes": { "free": "text" } }, { "notes": "x", "badge": "E-123456" }],
        "about": "Project NIGHTINGALE, not nightingales; E-1234567" });
    gateway.upstream.result(json!({ "content": [], "structuredContent": structured, "resultType": "complete" }));
    let answer = gateway.tool(&gateway.ann(), "find_customer", json!({ "id": "1" })).json();
    assert_eq!(
        answer["result"]["structuredContent"]["people"],
        json!([{ "name": "n" }, { "badge": "[BADGE]" }]),
        "{answer}"
    );
    let about = answer["result"]["structuredContent"]["about"].as_str().unwrap();
    assert!(about.starts_with("Project [BIRDS], not nightingales;"), "{about}");
    assert_eq!(gateway.tool(&gateway.ann(), "find_customer", json!({ "id": "E-123456" })).code(), -31422);
    assert_eq!(gateway.upstream.called().len(), 1);
}

#[test]
fn what_takes_too_much_work_to_be_looked_through_is_refused_both_ways_and_nothing_of_it_goes_on() {
    let table = "redact:
  - { types: [pci, secret, government_id], direction: arguments, action: block }
  - { types: [pci, secret], direction: results, action: mask }
";
    let gateway = Gateway::with(&format!("{TOOLS}{table}"), "");
    let card = canaries()[0].1.clone();
    // More findings than are kept, and names of secrets in each other, before a card that nobody would look at.
    let many = json!({ "all": [vec!["a@b.org"; 100_001], [{ "card": card }]] });
    let dense = json!({ "text": "pw:pw:pw=pw:pwd\u{2192}PASSWORD | ".repeat(4_000), "card": card });
    for arguments in [&many, &dense] {
        let answer = gateway.tool(&gateway.ann(), "find_customer", arguments.clone());
        assert_eq!(answer.code(), -31413, "{}", answer.body);
        clean("the refusal of arguments", &answer.body);
    }
    assert_eq!(gateway.upstream.called().len(), 0, "nothing was sent");
    for structured in [many, dense] {
        let result = json!({ "content": [], "structuredContent": structured, "resultType": "complete" });
        gateway.upstream.result(result);
        let answer = gateway.tool(&gateway.ann(), "find_customer", json!({ "id": "1" }));
        assert_eq!(answer.code(), -31502, "{}", answer.body);
        clean("the refusal of a reply", &answer.body);
    }
    let short = json!({ "content": [{ "type": "text", "text": "pw:pw:pw=pw:pwd" }], "resultType": "complete" });
    gateway.upstream.result(short);
    let answer = gateway.tool(&gateway.ann(), "find_customer", json!({ "id": "1" })).json();
    assert!(answer["result"].is_object(), "short texts may be as dense as they like: {answer}");
    clean_within(&gateway);
}
