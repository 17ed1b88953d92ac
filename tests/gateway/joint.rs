//! Several servers behind one path. What reached which of them is told by the servers.
use crate::lines::{call_of, next_event};
use crate::support::*;
use serde_json::{Value, json};
use std::io::BufRead;

const VIRTUAL: &str = "virtual: { desk: { servers: [crm, wiki], issuers: [corp]FAIL } }\n";
const WIKI: &str = "tools:
  search: { effect: read, scopes: [crm.read] }
  edit: { effect: write, scopes: [wiki.edit] }
resources:
  'wiki://{page}': { scopes: [crm.read] }
";

/// A server with these tools, a page each, and resources. It speaks both eras and says what it is called with.
fn serve(upstream: &Upstream, name: &'static str, tools: &'static [&'static str], resources: &'static [&'static str]) {
    upstream.script(move |seen, out| {
        let message = seen.json();
        let params = &message["params"];
        let modern = params["_meta"]["io.modelcontextprotocol/protocolVersion"] == "2026-07-28";
        let mut result = match message["method"].as_str() {
            Some("initialize") => json!({"protocolVersion":params["protocolVersion"],"instructions":format!("use {name}"),
                "capabilities":{"tools":{"listChanged":name == "wiki"},"resources":{}},"serverInfo":{"name":name,"version":"1"}}),
            Some("server/discover") => {
                json!({"supportedVersions":["2026-07-28"],"capabilities":{"tools":{}},"ttlMs":9,"cacheScope":"public"})
            }
            Some("tools/list") => {
                let at: usize = params["cursor"].as_str().map_or(0, |cursor| cursor.parse().unwrap());
                let mut page = json!({"tools":[{"name":tools[at],"inputSchema":{"type":"object"}}]});
                if at + 1 < tools.len() {
                    page["nextCursor"] = json!((at + 1).to_string());
                }
                page
            }
            Some("resources/list") => json!({"resources":resources.iter().map(|uri| json!({"uri":uri,"name":uri})).collect::<Vec<_>>()}),
            Some("resources/read") => json!({"contents":[{"uri":params["uri"],"text":name}]}),
            Some("tools/call") => json!({"content":[{"type":"text","text":format!("{name} {}", params["name"].as_str().unwrap())}]}),
            _ => json!({}),
        };
        if modern {
            result["resultType"] = json!("complete");
        }
        let answer = json!({"jsonrpc":"2.0","id":message["id"],"result":result}).to_string();
        if seen.line.starts_with("GET") {
            reply(out, 405, "text/plain", "");
        } else if message["id"].is_null() {
            raw(out, "HTTP/1.1 202 OK\r\ncontent-length: 0\r\n\r\n");
        } else if message["method"] == "initialize" {
            raw(out, &format!("HTTP/1.1 200 OK\r\nmcp-session-id: of-{name}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{answer}", answer.len()));
        } else {
            reply(out, 200, "application/json", &answer);
        }
    });
}

/// A gateway with `crm` and `wiki` behind `desk`; the server `wiki`.
fn desk(fail: &str) -> (Gateway, Upstream) {
    let mut gateway = Gateway::with(TOOLS, "");
    let wiki = Upstream::start();
    serve(
        &gateway.upstream,
        "crm",
        &["find_customer", "delete_customer", "update_customer"],
        &["crm://customers/1", "wiki://planted"],
    );
    serve(&wiki, "wiki", &["search", "edit"], &["wiki://home"]);
    gateway.write_atomic(
        "policies/wiki.yaml",
        &format!(
            "server: wiki\nupstream: {{ url: 'http://127.0.0.1:{}/mcp' }}\naccess: {{ issuers: [corp], audience: '{}' }}\n{WIKI}",
            wiki.port,
            gateway.audience().replace("crm", "wiki"),
        ),
    );
    let more = std::fs::read_to_string(gateway.directory.join("gateway.yaml")).unwrap();
    gateway.kill();
    gateway.write_atomic("gateway.yaml", &(more + &VIRTUAL.replace("FAIL", fail)));
    gateway.launch();
    (gateway, wiki)
}

/// Ann's token for the virtual server.
fn token(gateway: &Gateway) -> String {
    gateway.with_claims(json!({"aud":gateway.audience().replace("crm", "desk")}))
}

fn at_desk(mut request: Request) -> Request {
    request.line = request.line.replace("/crm/", "/desk/");
    request
}

fn call(gateway: &Gateway, token: &str, method: &str, params: Value) -> Answer {
    gateway.send(&at_desk(modern(token, method, &params)))
}

fn text(answer: &Answer) -> String {
    answer.json()["result"]["content"][0]["text"].as_str().unwrap_or_else(|| panic!("{answer:?}")).to_owned()
}

/// Every tool, page by page, and how many pages there were.
fn all_tools(mut page: impl FnMut(Value) -> Answer) -> (Vec<String>, usize) {
    let (mut tools, mut pages, mut params) = (Vec::new(), 0, json!({}));
    loop {
        let answer = page(params.clone());
        tools.extend(names(&answer));
        pages += 1;
        match answer.json()["result"]["nextCursor"].as_str() {
            Some(next) => params = json!({"cursor":next}),
            None => return (tools, pages),
        }
        assert!(pages < 20);
    }
}

#[test]
fn lists_are_one_after_the_other_and_calls_go_to_whom_the_name_says() {
    let (gateway, wiki) = desk("");
    let token = token(&gateway);
    let (tools, pages) = all_tools(|params| call(&gateway, &token, "tools/list", params));
    // `delete_customer` and `edit` are not for Ann.
    assert_eq!(tools, ["crm_find_customer", "crm_update_customer", "wiki_search"]);
    assert!(pages > 1);
    let tool = |name: &str| call(&gateway, &token, "tools/call", json!({"name":name,"arguments":{}}));
    assert_eq!(text(&tool("crm_find_customer")), "crm find_customer");
    assert_eq!(text(&tool("wiki_search")), "wiki search");
    for (name, code) in [
        ("wiki_edit", -31403),
        ("crm_search", -32602),
        ("find_customer", -32602),
        ("other_search", -32602),
        ("wiki_crm_find_customer", -32602),
        ("CRM_find_customer", -32602),
    ] {
        assert_eq!(tool(name).code(), code, "{name}");
    }
    assert_eq!(
        (gateway.upstream.called(), wiki.called()),
        (vec!["find_customer".to_owned()], vec!["search".to_owned()])
    );
    let record =
        gateway.records().into_iter().rev().find(|r| r["server"] == "wiki" && r["outcome"] == "allow").unwrap();
    assert_eq!(record["method"], "tools/call");
    let headers = wiki.seen().into_iter().find(|seen| seen.json()["method"] == "tools/call").unwrap();
    assert_eq!(headers.header("mcp-name"), Some("search"), "headers say what the body says");
}

#[test]
fn a_resource_is_its_policys_alone_and_a_planted_one_is_not_listed() {
    let (gateway, wiki) = desk("");
    let token = token(&gateway);
    let listed = call(&gateway, &token, "resources/list", json!({})).json();
    let uris: Vec<&str> =
        listed["result"]["resources"].as_array().unwrap().iter().map(|r| r["uri"].as_str().unwrap()).collect();
    assert_eq!(uris, ["crm://customers/1", "wiki://home"]);
    let read = |uri: &str| call(&gateway, &token, "resources/read", json!({"uri":uri}));
    assert_eq!(read("wiki://home").json()["result"]["contents"][0]["text"], "wiki");
    assert_eq!(read("crm://customers/1").json()["result"]["contents"][0]["text"], "crm");
    assert_eq!(read("other://x").code(), -32602);
    let reads =
        |upstream: &Upstream| upstream.seen().iter().filter(|seen| seen.json()["method"] == "resources/read").count();
    assert_eq!((reads(&gateway.upstream), reads(&wiki)), (1, 1));
}

#[test]
fn a_token_is_for_the_virtual_server_or_for_one_of_its_parts_not_for_both() {
    let (gateway, wiki) = desk("");
    let (desks, crms) = (token(&gateway), gateway.ann());
    let list = |token: &str| modern(token, "tools/list", &json!({}));
    assert_eq!(gateway.send(&list(&desks)).status, 401, "at the server's own path");
    assert_eq!(gateway.send(&at_desk(list(&crms))).status, 401);
    let challenge = gateway.send(&at_desk(list("x")));
    assert!(challenge.header("www-authenticate").unwrap().contains("oauth-protected-resource/desk/mcp"));
    assert!(gateway.upstream.seen().is_empty() && wiki.seen().is_empty());
    let mut metadata = list(&desks);
    metadata.line = "GET /.well-known/oauth-protected-resource/desk/mcp".to_owned();
    let metadata = gateway.send(&metadata).json();
    assert!(metadata["resource"].as_str().unwrap().ends_with("/desk/mcp"));
    assert_eq!(metadata["scopes_supported"], json!(["crm.admin", "crm.read", "crm.write", "wiki.edit"]));
}

#[test]
fn a_session_is_one_with_each_of_them_and_ends_with_them() {
    let (gateway, wiki) = desk("");
    let token = token(&gateway);
    let hello = gateway.send(&at_desk(legacy(&token, None, &crate::lines::hello_of("2025-11-25"))));
    let result = &hello.json()["result"];
    assert_eq!((&result["protocolVersion"], &result["serverInfo"]["name"]), (&json!("2025-11-25"), &json!("desk")));
    assert_eq!(result["capabilities"]["tools"]["listChanged"], true, "one of them does");
    assert_eq!(result["instructions"], "crm: use crm\n\nwiki: use wiki");
    let session = hello.header("mcp-session-id").unwrap().to_owned();
    let send = |body: &Value| gateway.send(&at_desk(legacy(&token, Some(&session), body)));
    assert_eq!(send(&json!({"jsonrpc":"2.0","method":"notifications/initialized"})).status, 202);
    assert_eq!(text(&send(&call_of(1, "wiki_search", &json!({})))), "wiki search");
    assert_eq!(text(&send(&call_of(2, "crm_find_customer", &json!({})))), "crm find_customer");
    let (tools, _) = all_tools(|params| send(&json!({"jsonrpc":"2.0","id":3,"method":"tools/list","params":params})));
    assert_eq!(tools, ["crm_find_customer", "crm_update_customer", "wiki_search"]);
    assert_eq!(send(&json!({"jsonrpc":"2.0","id":4,"method":"ping"})).json()["result"], json!({}));
    assert_eq!(send(&json!({"jsonrpc":"2.0","id":9,"result":{}})).status, 400, "nobody asked");
    let with = |upstream: &Upstream, id: &str| {
        let seen = upstream.seen();
        seen.iter().skip(1).all(|seen| {
            seen.header("mcp-session-id") == Some(id) && seen.header("mcp-protocol-version") == Some("2025-11-25")
        })
    };
    assert!(with(&gateway.upstream, "of-crm") && with(&wiki, "of-wiki"), "each in its own session");
    let bob = gateway.signer.sign("at+jwt", &{
        let mut claims = gateway.claims("bob", "crm.read");
        claims["aud"] = json!(gateway.audience().replace("crm", "desk"));
        claims
    });
    assert_eq!(
        gateway.send(&at_desk(legacy(&bob, Some(&session), &call_of(5, "wiki_search", &json!({}))))).status,
        404
    );
    let mut end = at_desk(legacy(&token, Some(&session), &json!({})).body(""));
    end.line = "DELETE /desk/mcp".to_owned();
    assert_eq!(gateway.send(&end).status, 204);
    let ended = |upstream: &Upstream| upstream.seen().iter().any(|seen| seen.line.starts_with("DELETE"));
    assert!(ended(&gateway.upstream) && ended(&wiki));
    assert_eq!(send(&call_of(6, "wiki_search", &json!({}))).status, 404);
}

#[test]
fn one_that_fails_takes_the_rest_along_or_not_as_declared() {
    for (fail, without) in [("", false), (", fail: without", true)] {
        let (gateway, wiki) = desk(fail);
        let token = token(&gateway);
        wiki.script(|_, out| reply(out, 500, "text/plain", "broken"));
        let listed = call(&gateway, &token, "tools/list", json!({}));
        let hello = gateway.send(&at_desk(legacy(&token, None, &crate::lines::hello_of("2025-11-25"))));
        if without {
            let (tools, _) = all_tools(|params| call(&gateway, &token, "tools/list", params));
            assert_eq!(tools, ["crm_find_customer", "crm_update_customer"]);
            assert_eq!(hello.json()["result"]["instructions"], "crm: use crm");
            let session = hello.header("mcp-session-id").unwrap();
            let call = call_of(1, "wiki_search", &json!({}));
            let answer = gateway.send(&at_desk(legacy(&token, Some(session), &call)));
            assert_eq!((answer.status, answer.code()), (502, -31502), "{}", answer.body);
        } else {
            let mut pages = vec![listed.json()];
            while let Some(next) = pages.last().unwrap()["result"]["nextCursor"].as_str().map(str::to_owned) {
                pages.push(call(&gateway, &token, "tools/list", json!({"cursor":next})).json());
            }
            assert_eq!(pages.last().unwrap()["error"]["code"], -31502, "{pages:?}");
            assert_eq!((hello.status, hello.code()), (502, -31502), "{}", hello.body);
            assert!(hello.header("mcp-session-id").is_none());
        }
        let answer = call(&gateway, &token, "tools/call", json!({"name":"crm_find_customer","arguments":{}}));
        assert_eq!(text(&answer), "crm find_customer", "the others go on");
    }
}

#[test]
fn a_cursor_that_was_not_given_out_is_refused_before_anybody_is_asked() {
    use base64::Engine as _;
    let (gateway, wiki) = desk("");
    let token = token(&gateway);
    let made_up = |text: &str| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(text);
    for cursor in ["0".to_owned(), String::new(), made_up("other \"1\""), made_up("crm {\"a\":1}"), made_up("crm")] {
        let answer = call(&gateway, &token, "tools/list", json!({"cursor":cursor}));
        assert_eq!((answer.status, answer.code()), (400, -32602), "{cursor}: {}", answer.body);
    }
    assert!(gateway.upstream.seen().is_empty() && wiki.seen().is_empty());
}

#[test]
fn what_either_says_unasked_comes_on_one_stream() {
    let (gateway, wiki) = desk("");
    let token = token(&gateway);
    for (upstream, uri) in [(&gateway.upstream, "crm://customers/1"), (&wiki, "wiki://home")] {
        upstream.script(move |seen, out| {
            let (id, message) = (seen.json()["id"].clone(), seen.json());
            let meta = json!({"io.modelcontextprotocol/subscriptionId":id});
            let asked = message["params"]["notifications"]["resourceSubscriptions"].clone();
            assert_eq!(asked, json!([uri]), "each is asked for its own");
            let note = |method: &str, params: Value| {
                let mut params = params;
                params["_meta"] = meta.clone();
                format!("data: {}\n\n", json!({"jsonrpc":"2.0","method":method,"params":params}))
            };
            open_events(out);
            raw(
                out,
                &note(
                    "notifications/subscriptions/acknowledged",
                    json!({"notifications":message["params"]["notifications"]}),
                ),
            );
            raw(out, &note("notifications/resources/updated", json!({"uri":uri})));
            std::thread::sleep(std::time::Duration::from_secs(2));
        });
    }
    let wanted = json!({"notifications":{"resourceSubscriptions":["crm://customers/1","wiki://home"]}});
    let (status, mut reader) = gateway.open(&at_desk(modern(&token, "subscriptions/listen", &wanted)));
    assert_eq!(status, 200);
    let first = next_event(&mut reader);
    assert_eq!(first["method"], "notifications/subscriptions/acknowledged");
    assert_eq!(first["params"]["notifications"], wanted["notifications"]);
    let mut updated: Vec<String> =
        (0..2).map(|_| next_event(&mut reader)["params"]["uri"].as_str().unwrap().to_owned()).collect();
    updated.sort();
    assert_eq!(updated, ["crm://customers/1", "wiki://home"]);
    let mut rest = String::new();
    let _ = reader.read_line(&mut rest);
}

#[test]
fn a_client_of_2024_has_all_of_them_on_one_stream_which_outlives_a_reload() {
    let (gateway, wiki) = desk("");
    let token = token(&gateway);
    let get = Request {
        line: "GET /desk/mcp".to_owned(),
        headers: vec![
            ("accept".to_owned(), "text/event-stream".to_owned()),
            ("authorization".to_owned(), format!("Bearer {token}")),
        ],
        body: Vec::new(),
    };
    let (_, mut reader) = gateway.open(&get);
    let mut endpoint = String::new();
    while !endpoint.starts_with("data: ") {
        endpoint.clear();
        assert!(reader.read_line(&mut endpoint).unwrap() > 0);
    }
    let endpoint = endpoint.trim_end().trim_start_matches("data: ").to_owned();
    let post = |body: &Value| {
        let request = Request { line: format!("POST {endpoint}"), ..legacy(&token, None, body) };
        assert_eq!(gateway.send(&request).status, 202);
    };
    post(&crate::lines::hello_of("2024-11-05"));
    assert_eq!(next_event(&mut reader)["result"]["serverInfo"]["name"], "desk");
    post(&call_of(1, "wiki_search", &json!({})));
    assert_eq!(next_event(&mut reader)["result"]["content"][0]["text"], "wiki search");
    gateway.policy(&TOOLS.replace("find_customer", "find_customers"));
    wait("the policy is another", || {
        call(&gateway, &token, "tools/call", json!({"name":"crm_find_customer"})).code() == -32602
    });
    post(&call_of(2, "crm_find_customer", &json!({})));
    assert_eq!(next_event(&mut reader)["error"]["code"], -32602);
    post(&call_of(3, "wiki_search", &json!({})));
    assert_eq!(next_event(&mut reader)["result"]["content"][0]["text"], "wiki search");
    assert_eq!(wiki.called(), ["search", "search"]);
}

#[test]
fn what_is_kept_of_a_server_that_was_stopped_is_not_had_behind_another_path() {
    let (gateway, _wiki) = desk("");
    let token = token(&gateway);
    let begin = gateway.send(&at_desk(legacy(&token, None, &crate::lines::hello_of("2025-11-25"))));
    let session = begin.header("mcp-session-id").unwrap().to_owned();
    gateway.upstream.script(|_, out| {
        let progress =
            json!({"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":1,"progress":1}});
        events(out, &format!("data: {progress}\n\ndata: {progress}\n\n"));
    });
    let call = legacy(&token, Some(&session), &call_of(3, "crm_find_customer", &json!({})));
    let answer = gateway.send(&at_desk(call));
    let id = answer.body.lines().find_map(|line| line.strip_prefix("id: ")).unwrap().to_owned();
    let resume = legacy(&token, Some(&session), &json!({})).set("last-event-id", &id).body("");
    let resume = Request { line: "GET /desk/mcp".to_owned(), ..resume };
    let had = gateway.send(&resume);
    assert!(had.status == 200 && had.body.contains("progress"), "{had:?}");
    gateway.write_atomic("audit/stops.json", &json!({"stops":[{"what":{"server":"crm"}}]}).to_string());
    wait("it is stopped", || gateway.records().iter().any(|record| record["kind"] == "stop"));
    let refused = gateway.send(&resume);
    assert!(refused.code() == -31403 && !refused.body.contains("progress"), "{refused:?}");
}
