//! `init` and `token`, against servers that behave and servers that do not.
use crate::support::*;
use serde_json::{Value, json};
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

/// A server of 2026-07-28 with these tools.
fn modern(tools: Value) -> Server {
    Server::start(move |seen| match seen.method() {
        "server/discover" => seen.result(json!({
            "supportedVersions": ["2026-07-28"], "capabilities": { "tools": {} }, "resultType": "complete",
        })),
        "tools/list" => seen.result(json!({ "tools": tools, "resultType": "complete" })),
        _ => seen.error(404, -32601, "no"),
    })
}

/// A server of the earlier era, whose lists come in pages and streams.
fn legacy() -> Server {
    let resource = |uri: &str| json!({ "uri": uri, "name": uri });
    let read = json!({ "readOnlyHint": true, "openWorldHint": false });
    let pages = json!({
        "": { "tools": [
            { "name": "find_customer", "annotations": read, "inputSchema": {} },
            { "name": "update_customer", "annotations": { "readOnlyHint": false, "destructiveHint": false } },
        ], "nextCursor": "two" },
        "two": { "tools": [
            { "name": "delete_customer", "annotations": read },
            { "name": "mystery", "description": "reads nothing but cake" },
            { "name": "export_customers", "annotations": read },
            { "name": "get-env", "annotations": read },
            { "name": "null", "annotations": read },
            { "name": "long-job", "execution": { "taskSupport": "required" } },
        ] },
    });
    Server::start(move |seen| match seen.method() {
        "server/discover" => seen.error(400, -32000, "Bad Request: Server not initialized"),
        "initialize" => seen.json(
            200,
            "mcp-session-id: abc\r\n",
            json!({ "jsonrpc": "2.0", "id": seen.body["id"], "result": {
                "protocolVersion": "2025-06-18", "serverInfo": { "name": "crm", "version": "1" },
                "capabilities": { "tools": {}, "resources": {}, "prompts": {} },
            }}),
        ),
        "notifications/initialized" => "HTTP/1.1 202 X\r\ncontent-length: 0\r\n\r\n".to_owned(),
        "tools/list" => {
            let note = "id: 1\ndata:\n\ndata: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/message\"}\n\n";
            seen.events(note, pages[seen.cursor().unwrap_or_default()].clone())
        }
        "resources/list" => {
            seen.result(json!({ "resources": [resource("crm://customers/1"), resource("crm://about")] }))
        }
        "resources/templates/list" => seen.result(json!({ "resourceTemplates": [
            { "uriTemplate": "crm://customers/{id}", "name": "c" }, { "uriTemplate": "file:///{+path}", "name": "f" },
        ]})),
        "prompts/list" => seen.result(json!({ "prompts": [{ "name": "summarize" }] })),
        _ => "HTTP/1.1 200 X\r\ncontent-length: 0\r\n\r\n".to_owned(),
    })
}

fn init(place: &Place, server: &Server, more: &[&str]) -> (i32, String, String) {
    let directory = place.0.display().to_string();
    let mut command = portcullis(&["init", "--upstream", &server.url, "--directory", &directory]);
    run(command.args(more).env("CRM_TOKEN", "secret"))
}

/// The value of a YAML file, read by the only reader of YAML there is here: `fmt` refuses what it
/// cannot read, and `check` says what the gateway would.
fn rules(place: &Place, file: &str) -> Vec<String> {
    let text = place.read(file);
    text.lines().filter(|line| !line.trim_start().starts_with('#')).map(str::to_owned).collect()
}

fn golden(name: &str, text: &str, server: &Server) {
    let text = text.replace(&server.url, "http://127.0.0.1:3001/mcp");
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tools/golden").join(name);
    if std::env::var_os("PORTCULLIS_GOLDEN").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    assert_eq!(text, std::fs::read_to_string(&path).unwrap(), "{name}; PORTCULLIS_GOLDEN=1 writes it anew");
}

#[test]
fn a_legacy_server_gets_a_policy_that_passes_check_as_it_stands() {
    let (place, server) = (Place::new(), legacy());
    let (code, said, errors) =
        init(&place, &server, &["--server", "crm", "--bearer-env", "CRM_TOKEN", "--development"]);
    assert_eq!(code, 0, "{errors}");
    assert!(said.contains("no problems"), "{said}");
    golden("crm.yaml", &place.read("policies/crm.yaml"), &server);
    golden("crm.cases.yaml", &place.read("policies/crm.cases.yaml"), &server);
    golden("crm.README.md", &place.read("policies/crm.README.md"), &server);
    golden("gateway.yaml", &place.read("gateway.yaml"), &server);
    let lists = ["POST tools/list", "POST tools/list", "POST resources/list", "POST resources/templates/list"];
    let methods = ["POST server/discover", "POST initialize", "POST notifications/initialized"];
    let end = ["POST prompts/list", "DELETE"];
    assert_eq!(server.methods(), [&methods[..], &lists[..], &end[..]].concat());
    for seen in server.seen() {
        assert_eq!(seen.header("authorization"), Some("Bearer secret"));
        let after = seen.verb == "DELETE" || seen.method().contains("list") || seen.method().contains("notifications");
        assert_eq!(seen.header("mcp-session-id"), after.then_some("abc"), "{seen:?}");
        let version =
            if after { Some("2025-06-18") } else { Some("2026-07-28").filter(|_| seen.method() != "initialize") };
        assert_eq!(seen.header("mcp-protocol-version"), version, "{seen:?}");
    }
    let config = place.path("gateway.yaml");
    let (code, said, errors) = run(portcullis(&["check", &config]).env("CRM_TOKEN", "secret"));
    assert_eq!(code, 0, "{said}{errors}");
    assert!(
        errors.contains("P702") && errors.contains("P901") && errors.contains("0 problems, 2 warnings"),
        "the export has no condition: {errors}"
    );
    let (code, said, errors) = run(portcullis(&["test", &config]).env("CRM_TOKEN", "secret"));
    assert_eq!(code, 0, "{said}{errors}");
    assert!(said.contains("0 failed, rule coverage 100%"), "{said}");
    let files = ["policies/crm.yaml", "policies/crm.cases.yaml", "gateway.yaml"].map(|name| place.path(name));
    let (code, said, _) = run(portcullis(&["fmt", "--check"]).args(&files));
    assert_eq!((code, said.as_str()), (0, ""), "what init writes is formatted");
}

#[test]
fn a_modern_server_is_asked_as_one() {
    let (place, server) = (Place::new(), modern(json!([{ "name": "a", "annotations": { "readOnlyHint": true } }])));
    let (code, _, errors) = init(&place, &server, &[]);
    assert_eq!(code, 0, "{errors}");
    assert_eq!(server.methods(), ["POST server/discover", "POST tools/list"]);
    for seen in server.seen() {
        assert_eq!(seen.header("mcp-protocol-version"), Some("2026-07-28"));
        assert_eq!(seen.header("mcp-method"), Some(seen.method()));
        assert_eq!(seen.body["params"]["_meta"]["io.modelcontextprotocol/protocolVersion"], "2026-07-28");
        assert_eq!(seen.header("authorization"), None);
    }
    assert!(place.read("policies/server.yaml").contains("\n  a: { effect: egress, scopes: [server.egress] }\n"));
}

#[test]
fn the_files_of_certs_make_are_enough() {
    let (place, server) = (Place::new(), modern(json!([{ "name": "a" }])));
    let (code, said, errors) = init(&place, &server, &["--server", "crm"]);
    assert_eq!(code, 0, "{errors}");
    assert!(said.contains("still to do") && said.contains("certs/jwks.json"), "{said}");
    let make = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("certs/make");
    assert!(std::process::Command::new(make).arg(place.0.join("certs")).output().unwrap().status.success());
    let (code, said, errors) = run(&mut portcullis(&["check", &place.path("gateway.yaml")]));
    assert_eq!(code, 0, "{said}{errors}");
    // The key that openssl wrote signs, too.
    let (code, token, errors) = run(&mut portcullis(&["token", &place.path("gateway.yaml"), "crm"]));
    assert_eq!((code, token.matches('.').count()), (0, 2), "{errors}");
}

#[test]
fn private_keys_are_for_their_owner_and_a_token_says_what_it_was_told() {
    let (place, server) = (Place::new(), modern(json!([{ "name": "a" }])));
    assert_eq!(init(&place, &server, &["--server", "crm", "--development"]).0, 0);
    for key in ["certs/server.key", "certs/issuer.key"] {
        assert_eq!(std::fs::metadata(place.0.join(key)).unwrap().permissions().mode() & 0o777, 0o600, "{key}");
    }
    assert!(!place.files().iter().any(|file| file.contains("ca.key")), "the authority's key is not kept");
    let config = place.path("gateway.yaml");
    let scopes = ["--scope", "crm.read", "--scope", "crm.write", "--claims", r#"{"groups":["support"]}"#];
    let (code, token, errors) = run(portcullis(&["token", &config, "crm", "--subject", "ann"]).args(scopes));
    assert_eq!(code, 0, "{errors}");
    let part = |at: usize| -> Value {
        use base64::Engine as _;
        let text = token.trim().split('.').nth(at).unwrap();
        serde_json::from_slice(&base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(text).unwrap()).unwrap()
    };
    let jwks: Value = serde_json::from_str(&place.read("certs/jwks.json")).unwrap();
    assert_eq!(part(0)["kid"], jwks["keys"][0]["kid"]);
    let claims = part(1);
    assert_eq!(claims["aud"], "https://localhost:8443/crm/mcp");
    assert_eq!((&claims["sub"], &claims["scope"]), (&json!("ann"), &json!("crm.read crm.write")));
    assert_eq!(claims["groups"], json!(["support"]));
    assert_eq!(claims["exp"].as_u64().unwrap() - claims["iat"].as_u64().unwrap(), 3600);
    let (code, _, errors) = run(&mut portcullis(&["token", &config, "other"]));
    assert!(code == 1 && errors.contains("there are: crm"), "{errors}");
}

#[test]
fn nothing_that_is_there_is_overwritten_without_being_told() {
    let (place, server) = (Place::new(), modern(json!([{ "name": "a" }])));
    let gateway = "public_url: https://a.example\nlisten: []\nissuers: { corp: { issuer: https://x.example } }\nadmin: { address: '127.0.0.1:1' }\naudit: { directory: audit }\npolicies: policies\n";
    place.write("gateway.yaml", gateway);
    place.write("policies/crm.cases.yaml", "mine");
    place.write("certs/jwks.json", "mine");
    let (code, _, errors) = init(&place, &server, &["--server", "crm"]);
    assert!(code == 1 && errors.contains("crm.cases.yaml is there already"), "{errors}");
    assert!(server.seen().is_empty(), "it does not even ask");
    assert_eq!(place.files(), ["certs/jwks.json", "gateway.yaml", "policies/crm.cases.yaml"]);
    let (code, _, errors) = init(&place, &server, &["--server", "crm", "--force", "--development"]);
    assert!(code == 1 && errors.contains("not all: move them away"), "{errors}");
    assert_eq!(init(&place, &server, &["--server", "crm", "--force"]).0, 0);
    assert_eq!((place.read("gateway.yaml").as_str(), place.read("certs/jwks.json").as_str()), (gateway, "mine"));
    assert!(place.read("policies/crm.cases.yaml").contains("server: crm"));
    assert!(place.read("policies/crm.yaml").contains("issuers: ['corp']"), "the issuer that gateway.yaml declares");
}

#[test]
fn a_hostile_name_adds_no_rule_and_reaches_no_terminal() {
    let hostile = [
        "x: { effect: read }\nevil",
        "x\r  evil: { effect: read }",
        "x\u{2028}evil: 1",
        "*",
        "get_*",
        "'",
        "\"",
        "# x",
        "&a",
        "\u{1b}]0;owned\u{7}\u{1b}[2J",
        "\u{202e}daer",
        "",
        &"a".repeat(200),
    ];
    let tools: Vec<Value> = hostile.iter().map(|name| json!({ "name": name })).collect();
    let tools = [tools, vec![json!({ "title": "nameless" }), json!("no object"), json!({ "name": "good" })]].concat();
    let (place, server) = (Place::new(), modern(Value::Array(tools)));
    let (code, said, errors) = init(&place, &server, &["--server", "crm", "--development"]);
    assert_eq!(code, 0, "{errors}");
    let tools: Vec<String> =
        rules(&place, "policies/crm.yaml").into_iter().skip_while(|line| line != "tools:").collect();
    assert_eq!(tools[..3], ["tools:", "  good: { effect: destructive, scopes: [crm.destructive] }", "limits:"]);
    let written = ["policies/crm.yaml", "policies/crm.cases.yaml", "policies/crm.README.md"].map(|f| place.read(f));
    for text in written.iter().chain([&said, &errors]) {
        assert!(text.bytes().all(|b| b == b'\n' || (0x20..0x7f).contains(&b)), "{text:?}");
    }
    assert!(said.contains("no problems"), "{said}");
}

#[test]
fn check_doubts_no_guess_of_a_draft() {
    let read = json!({ "readOnlyHint": true, "openWorldHint": false });
    let verbs = ["pay", "archive", "grant", "deploy", "order", "reply", "set", "run", "trigger", "get", "list"];
    let tools: Vec<Value> =
        verbs.iter().map(|verb| json!({ "name": format!("{verb}_it"), "annotations": read })).collect();
    let (place, server) = (Place::new(), modern(Value::Array(tools)));
    assert_eq!(init(&place, &server, &["--server", "crm", "--development"]).0, 0);
    let (code, _, errors) = run(&mut portcullis(&["check", &place.path("gateway.yaml")]));
    assert!(code == 0 && !errors.contains("P701") && errors.contains("P702"), "{errors}");
    assert_eq!(place.read("policies/crm.yaml").matches("effect: read,").count(), 2);
}

#[track_caller]
fn refused(server: &Server, why: &str) {
    let place = Place::new();
    let begun = Instant::now();
    let (code, said, errors) = init(&place, server, &["--server", "crm"]);
    assert_eq!((code, said.as_str()), (1, ""), "{errors}");
    assert!(errors.contains(why), "{errors}");
    assert!(errors.bytes().all(|b| b == b'\n' || (0x20..0x7f).contains(&b)), "{errors:?}");
    assert!(place.files().is_empty(), "nothing is written");
    assert!(begun.elapsed() < Duration::from_secs(30));
}

#[test]
fn a_list_without_end_is_refused() {
    let endless = Server::start(|seen| match seen.method() {
        "server/discover" => {
            seen.result(json!({ "supportedVersions": ["2026-07-28"], "capabilities": { "tools": {} } }))
        }
        _ => seen.result(json!({ "tools": [], "nextCursor": "again" })),
    });
    refused(&endless, "does not end after 50 pages");
    assert_eq!(endless.seen().len(), 51);
    let long: Vec<Value> = (0..10_001).map(|at| json!({ "name": format!("t{at}") })).collect();
    refused(&modern(Value::Array(long)), "more than 10000 entries");
}

#[test]
fn a_reply_without_end_is_refused() {
    refused(&modern(json!([{ "name": "a", "description": "x".repeat(17 << 20) }])), "longer than 16777216 bytes");
    let stream = Server::start(|seen| match seen.method() {
        "server/discover" => {
            seen.result(json!({ "supportedVersions": ["2026-07-28"], "capabilities": { "tools": {} } }))
        }
        _ => seen.events(&": comment\n\n".repeat(1_600_000), json!({ "tools": [] })),
    });
    refused(&stream, "longer than 16777216 bytes");
}

#[test]
fn a_reply_that_never_comes_is_not_waited_for() {
    let silent = Server::start(|seen| match seen.method() {
        "server/discover" => {
            seen.result(json!({ "supportedVersions": ["2026-07-28"], "capabilities": { "tools": {} } }))
        }
        _ => String::new(),
    });
    refused(&silent, "within 10 s");
}

#[test]
fn a_redirect_is_not_followed() {
    let elsewhere = modern(json!([{ "name": "a" }]));
    let to = elsewhere.url.clone();
    let server = Server::start(move |_| format!("HTTP/1.1 307 X\r\nlocation: {to}\r\ncontent-length: 0\r\n\r\n"));
    refused(&server, "redirects are not followed");
    assert!(elsewhere.seen().is_empty());
}

#[test]
fn what_cannot_be_read_in_one_way_is_refused() {
    let twice = Server::start(|seen| {
        let body = format!(r#"{{"jsonrpc":"2.0","id":{},"result":{{"tools":[],"tools":[]}}}}"#, seen.body["id"]);
        let list =
            format!("HTTP/1.1 200 X\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        if seen.method() == "server/discover" {
            seen.result(json!({ "supportedVersions": ["2026-07-28"], "capabilities": { "tools": {} } }))
        } else {
            list
        }
    });
    refused(&twice, "DuplicateKey");
    let wrong = Server::start(|seen| seen.error(200, -1, "\u{1b}[31mred\nline"));
    refused(&wrong, "`initialize` was answered with error -1: (U+001B)(U+005B)31mred(U+000A)line");
    refused(&Server::start(|seen| seen.json(401, "", json!({}))), "give its token with --bearer-env");
}

#[test]
fn wrong_usage_is_told_apart_from_failure() {
    let usage = |arguments: &[&str]| run(&mut portcullis(&[&["init", "--upstream"], arguments].concat())).0;
    assert_eq!(usage(&["ftp://x/"]), 2);
    assert_eq!(usage(&["http://user:secret@x/"]), 2);
    assert_eq!(usage(&["http://x/", "--server", "../up"]), 2);
    assert_eq!(usage(&["http://x/", "--listen", "0.0.0.0:8443"]), 2);
    assert_eq!(usage(&["http://127.0.0.1:1/mcp", "--bearer-env", "NOT_SET_ANYWHERE"]), 1);
}

/// A process that ends with the test.
struct Running(std::process::Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn what_init_wrote_serves_and_init_can_ask_through_it() {
    let read = json!({ "readOnlyHint": true, "openWorldHint": false });
    let (place, server) = (Place::new(), modern(json!([{ "name": "a", "annotations": read }, { "name": "b" }])));
    let free = || std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let (listen, admin) = (free(), free());
    let addresses = ["--listen", &listen, "--admin", &admin];
    let (code, _, errors) = init(&place, &server, &[&["--server", "crm", "--development"], &addresses[..]].concat());
    assert_eq!(code, 0, "{errors}");
    let config = place.path("gateway.yaml");
    let _gateway = Running(portcullis(&["serve", &config]).stderr(std::process::Stdio::null()).spawn().unwrap());
    let deadline = Instant::now() + Duration::from_secs(20);
    while std::net::TcpStream::connect(&listen).is_err() {
        assert!(Instant::now() < deadline, "the gateway did not start");
        std::thread::sleep(Duration::from_millis(20));
    }
    let (_, token, _) = run(&mut portcullis(&["token", &config, "crm", "--scope", "crm.read"]));
    let port = listen.rsplit_once(':').unwrap().1;
    let url = format!("https://localhost:{port}/crm/mcp");
    let behind = Place::new();
    let (directory, ca) = (behind.0.display().to_string(), place.path("certs/ca.pem"));
    let ask = ["init", "--upstream", &url, "--server", "far", "--directory", &directory, "--bearer-env", "FAR"];
    let (code, _, errors) = run(portcullis(&ask).args(["--ca", &ca]).env("FAR", token.trim()));
    assert_eq!(code, 0, "{errors}");
    let policy = behind.read("policies/far.yaml");
    assert!(policy.contains("\n  a: { effect: read, scopes: [far.read] }\n"), "{policy}");
    assert!(!policy.contains("  b:"), "the token does not have its scope: {policy}");
    assert!(policy.contains(&format!("  ca: '{}'\n", place.0.canonicalize().unwrap().join("certs/ca.pem").display())));
    // Not without trust, and not without a token.
    let nobody = |command: &mut std::process::Command| {
        let (code, _, errors) = run(command.arg("--force"));
        assert_eq!(code, 1);
        errors
    };
    assert!(nobody(portcullis(&ask).env("FAR", token.trim())).contains("cannot be reached"));
    let errors = nobody(portcullis(&ask).args(["--ca", &ca]).env("FAR", "forged"));
    assert!(errors.contains("answers 401: it does not take"), "{errors}");
}
