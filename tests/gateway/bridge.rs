//! Clients of one era before servers of the other. What reached the server is told by the server itself.
use crate::lines::{call_of, hello, next_event, program, said};
use crate::support::*;
use serde_json::{Value, json};

fn asking(token: &str, params: &Value) -> Request {
    let mut request = modern(token, "tools/call", params);
    let mut body: Value = serde_json::from_slice(&request.body).unwrap();
    body["params"]["_meta"]["io.modelcontextprotocol/clientCapabilities"] = json!({"elicitation":{}});
    body["id"] = json!(params["id"].as_u64().unwrap_or(1));
    request.body = body.to_string().into_bytes();
    request
}

/// The first call of a tool that asks: the key of the question, and the state.
fn asked(gateway: &Gateway, token: &str) -> (String, String) {
    let answer = gateway.send(&asking(token, &json!({"name":"ask","arguments":{}})));
    let result = &answer.json()["result"];
    assert_eq!(result["resultType"], "input_required", "{}", answer.body);
    let (key, question) = result["inputRequests"].as_object().unwrap().iter().next().unwrap();
    assert_eq!(question["method"], "elicitation/create");
    assert_eq!(question["params"]["message"], "who?");
    (key.clone(), result["requestState"].as_str().unwrap().to_owned())
}

fn retry(key: &str, state: &str, name: &str) -> Value {
    let answers = json!({key: {"action":"accept","content":{"name":name}}});
    json!({"name":"ask","arguments":{},"inputResponses":answers,"requestState":state})
}

#[test]
fn a_modern_client_discovers_lists_and_calls_an_older_server() {
    let gateway = program("legacy", "");
    let token = gateway.ann();
    let answer = gateway.call(&token, "server/discover", json!({}));
    let result = &answer.json()["result"];
    assert_eq!(result["supportedVersions"], json!(["2026-07-28"]), "{}", answer.body);
    assert_eq!((&result["resultType"], &result["cacheScope"]), (&json!("complete"), &json!("private")));
    assert!(result["capabilities"]["logging"].is_null() && result["capabilities"]["tools"].is_object());
    assert!(gateway.listed(&token).contains(&"echo".to_owned()));
    let answer = gateway.tool(&token, "echo", json!({"text":"across"}));
    assert_eq!((said(&answer).as_str(), &answer.json()["result"]["resultType"]), ("across", &json!("complete")));
    let request = modern(&token, "tools/call", &json!({"name":"progress","arguments":{}}));
    let mut body: Value = serde_json::from_slice(&request.body).unwrap();
    body["params"]["_meta"]["progressToken"] = json!("mine");
    let answer = gateway.send(&request.body(body.to_string()));
    assert_eq!(answer.body.matches(r#""progressToken":"mine""#).count(), 3, "{}", answer.body);
}

#[test]
fn a_modern_client_is_asked_by_an_older_server_during_a_call() {
    let gateway = program("legacy", "");
    let token = gateway.ann();
    let (key, state) = asked(&gateway, &token);
    let answer = gateway.send(&asking(&token, &retry(&key, &state, "ann")));
    assert!(said(&answer).contains(r#""name": "ann""#), "{}", answer.body);
    let again = gateway.send(&asking(&token, &retry(&key, &state, "eve")));
    assert_eq!((again.status, again.code()), (400, -32602), "a state is good once: {}", again.body);
    assert_eq!(gateway.last_record()["reason"], "RequestStateForeign");
}

#[test]
fn a_foreign_altered_or_repurposed_state_is_refused_and_the_call_goes_on_for_its_owner() {
    let gateway = program("legacy", "");
    let (ann, bob) = (gateway.ann(), gateway.token("bob", "crm.read"));
    let (key, state) = asked(&gateway, &ann);
    let mut altered = state.clone().into_bytes();
    altered[20] = if altered[20] == b'A' { b'B' } else { b'A' };
    let other_arguments = {
        let mut params = retry(&key, &state, "eve");
        params["arguments"] = json!({"text":"other"});
        params
    };
    for (token, params) in [
        (&bob, retry(&key, &state, "bob")),
        (&ann, retry(&key, &String::from_utf8(altered).unwrap(), "eve")),
        (&ann, other_arguments),
    ] {
        let answer = gateway.send(&asking(token, &params));
        assert_eq!((answer.status, answer.code()), (400, -32602), "{}", answer.body);
    }
    let answer = gateway.send(&asking(&ann, &retry(&key, &state, "ann")));
    assert!(said(&answer).contains(r#""name": "ann""#), "{}", answer.body);
}

#[test]
fn policy_judges_the_retry_again() {
    let gateway = program("legacy", "");
    let token = gateway.ann();
    let (key, state) = asked(&gateway, &token);
    gateway.policy("tools: { echo: { effect: read } }\n");
    wait("the policy is another", || gateway.listed(&token) == ["echo"]);
    let answer = gateway.send(&asking(&token, &retry(&key, &state, "ann")));
    assert_eq!(answer.code(), -32602, "{}", answer.body);
    assert_eq!(gateway.last_record()["reason"], "ToolUnknown");
}

#[test]
fn an_answer_that_is_missing_is_asked_for_again() {
    let gateway = program("legacy", "");
    let token = gateway.ann();
    let (key, state) = asked(&gateway, &token);
    let mut params = retry(&key, &state, "ann");
    params["inputResponses"] = json!({});
    let answer = gateway.send(&asking(&token, &params)).json();
    assert_eq!(answer["result"]["resultType"], "input_required");
    let state = answer["result"]["requestState"].as_str().unwrap().to_owned();
    let answer = gateway.send(&asking(&token, &retry(&key, &state, "ann")));
    assert!(said(&answer).contains(r#""name": "ann""#), "{}", answer.body);
}

#[test]
fn a_client_that_declared_nothing_is_not_asked() {
    let gateway = program("legacy", "");
    let answer = gateway.tool(&gateway.ann(), "ask", json!({}));
    assert!(said(&answer).contains("-32601"), "the server is told: {}", answer.body);
}

#[test]
fn a_session_lists_calls_and_pings_a_modern_server() {
    let gateway = program("modern", "");
    let token = gateway.ann();
    let session = hello(&gateway, &token, &json!({}));
    let send = |body: &Value| gateway.send(&legacy(&token, Some(&session), body));
    assert_eq!(said(&send(&call_of(4, "echo", &json!({"text":"across"})))), "across");
    let result = send(&call_of(4, "echo", &json!({}))).json();
    assert!(result["result"]["resultType"].is_null(), "{result}");
    let listed = send(&json!({"jsonrpc":"2.0","id":5,"method":"tools/list"}));
    assert!(names(&listed).contains(&"echo".to_owned()));
    let ping = send(&json!({"jsonrpc":"2.0","id":6,"method":"ping"})).json();
    assert_eq!((&ping["id"], &ping["result"]), (&json!(6), &json!({})));
    let mut progress = call_of(7, "progress", &json!({}));
    progress["params"]["_meta"] = json!({"progressToken":9});
    assert_eq!(send(&progress).body.matches(r#""progressToken":9"#).count(), 3);
}

/// A server of 2026-07-28 over HTTP that asks for a name before it answers.
fn asks(gateway: &Gateway) {
    gateway.upstream.script(|seen, out| {
        let message = seen.json();
        let answer = |out: &mut _, status, body: Value| reply(out, status, "application/json", &body.to_string());
        let result = |result: Value| json!({"jsonrpc":"2.0","id":message["id"],"result":result});
        match message["method"].as_str() {
            Some("server/discover") => answer(
                out,
                200,
                result(json!({"supportedVersions":["2026-07-28"],"capabilities":{"tools":{}},"resultType":"complete"})),
            ),
            Some("tools/call") => match message["params"]["inputResponses"]["who"]["content"]["name"].as_str() {
                Some(name) => {
                    let text = format!("hello {name}");
                    answer(out, 200, result(json!({"content":[{"type":"text","text":text}],"resultType":"complete"})));
                }
                None => {
                    let question = json!({"method":"elicitation/create","params":{"message":"who?"}});
                    answer(
                        out,
                        200,
                        result(
                            json!({"resultType":"input_required","inputRequests":{"who":question},"requestState":"s"}),
                        ),
                    );
                }
            },
            _ => {
                let data = json!({"supported":["2026-07-28"],"requested":"2025-11-25"});
                let error = json!({"code":-32022,"message":"no","data":data});
                answer(out, 400, json!({"jsonrpc":"2.0","id":message["id"],"error":error}));
            }
        }
    });
}

#[test]
fn a_session_is_asked_by_a_modern_server_during_a_call() {
    let gateway = Gateway::start();
    asks(&gateway);
    let token = gateway.ann();
    let session = hello(&gateway, &token, &json!({"elicitation":{}}));
    let (status, mut stream) =
        gateway.open(&legacy(&token, Some(&session), &call_of(5, "find_customer", &json!({"id":"1"}))));
    assert_eq!(status, 200);
    let question = next_event(&mut stream);
    assert_eq!((&question["method"], &question["params"]["message"]), (&json!("elicitation/create"), &json!("who?")));
    let answer = json!({"jsonrpc":"2.0","id":question["id"],"result":{"action":"accept","content":{"name":"ann"}}});
    let bob = gateway.token("bob", "crm.read");
    let of_bob = hello(&gateway, &bob, &json!({"elicitation":{}}));
    assert_eq!(gateway.send(&legacy(&bob, Some(&of_bob), &answer)).status, 400, "nobody else answers");
    assert_eq!(gateway.send(&legacy(&token, Some(&session), &answer)).status, 202);
    let result = next_event(&mut stream);
    assert_eq!((&result["id"], &result["result"]["content"][0]["text"]), (&json!(5), &json!("hello ann")));
    let calls: Vec<_> = gateway.upstream.seen().into_iter().filter(|s| s.json()["method"] == "tools/call").collect();
    assert_eq!(calls.len(), 2);
    assert_eq!(calls[1].json()["params"]["requestState"], "s");
    assert_ne!(calls[0].json()["id"], calls[1].json()["id"], "a retry has an id of its own");
    for call in &calls {
        assert_eq!(call.header("mcp-method"), Some("tools/call"));
        assert_eq!(call.header("mcp-name"), Some("find_customer"));
        assert_eq!(call.header("mcp-protocol-version"), Some("2026-07-28"));
        assert_eq!(call.header("mcp-session-id"), None);
        let declared = &call.json()["params"]["_meta"]["io.modelcontextprotocol/clientCapabilities"];
        assert_eq!(declared, &json!({"elicitation":{}}));
    }
}

#[test]
fn a_session_that_cannot_be_asked_gets_a_failed_result() {
    let gateway = Gateway::start();
    asks(&gateway);
    let token = gateway.ann();
    let session = hello(&gateway, &token, &json!({}));
    let answer = gateway.send(&legacy(&token, Some(&session), &call_of(5, "find_customer", &json!({"id":"1"}))));
    assert_eq!(answer.json()["result"]["isError"], true, "{}", answer.body);
}

#[test]
fn arguments_of_a_session_are_repeated_in_headers_and_invalid_tools_are_dropped() {
    let upstream = Upstream::start();
    let gateway =
        Gateway::before(&format!("{{ url: 'http://127.0.0.1:{}/mcp' }}", upstream.port), crate::lines::ANY, "");
    upstream.script(|seen, out| {
        let message = seen.json();
        let result = match message["method"].as_str() {
            Some("server/discover") => {
                json!({"supportedVersions":["2026-07-28"],"capabilities":{"tools":{}},"resultType":"complete"})
            }
            Some("tools/list") => {
                let with = |name: &str, header: &str| {
                    let region = json!({"type":"string","x-mcp-header":header});
                    json!({"name":name,"inputSchema":{"type":"object","properties":{"region":region}}})
                };
                json!({"tools":[with("find", "Region"), with("broken", "not a token")],"resultType":"complete"})
            }
            Some("tools/call") => json!({"content":[{"type":"text","text":"ok"}],"resultType":"complete"}),
            _ => {
                let error = json!({"code":-32601,"message":"no"});
                let body = json!({"jsonrpc":"2.0","id":message["id"],"error":error}).to_string();
                return reply(out, 404, "application/json", &body);
            }
        };
        let body = json!({"jsonrpc":"2.0","id":message["id"],"result":result}).to_string();
        reply(out, 200, "application/json", &body);
    });
    let token = gateway.ann();
    let session = hello(&gateway, &token, &json!({}));
    let send = |body: &Value| gateway.send(&legacy(&token, Some(&session), body));
    assert_eq!(names(&send(&json!({"jsonrpc":"2.0","id":1,"method":"tools/list"}))), ["find"]);
    assert_eq!(said(&send(&call_of(2, "find", &json!({"region":"zürich"})))), "ok");
    assert_eq!(said(&send(&call_of(3, "find", &json!({"region":"eu"})))), "ok");
    let calls: Vec<_> = upstream.seen().into_iter().filter(|s| s.json()["method"] == "tools/call").collect();
    let told: Vec<_> = calls.iter().map(|call| call.header("mcp-param-region").unwrap_or_default()).collect();
    assert_eq!(told, ["=?base64?esO8cmljaA==?=", "eu"]);
}

#[test]
fn a_visit_to_a_url_that_an_older_server_wants_is_asked_of_a_modern_client_and_then_the_call_is_made_again() {
    for accepts in [true, false] {
        let gateway = program("legacy", "");
        let token = gateway.ann();
        let call = |params: &Value| {
            let mut request = modern(&token, "tools/call", params);
            let mut body: Value = serde_json::from_slice(&request.body).unwrap();
            body["params"]["_meta"]["io.modelcontextprotocol/clientCapabilities"] = json!({"elicitation":{"url":{}}});
            request.body = body.to_string().into_bytes();
            gateway.send(&request)
        };
        let asked = call(&json!({"name":"visit","arguments":{}})).json();
        let (key, question) = asked["result"]["inputRequests"].as_object().unwrap().iter().next().unwrap();
        let expected = json!({"mode":"url","url":"https://pay.example.com/1","message":"Pay first."});
        assert_eq!((&question["method"], &question["params"]), (&json!("elicitation/create"), &expected));
        let answers = json!({key: {"action": if accepts { "accept" } else { "decline" }}});
        let retry = json!({"name":"visit","arguments":{},"inputResponses":answers,"requestState":asked["result"]["requestState"]});
        let answer = call(&retry);
        if accepts {
            assert_eq!(said(&answer), "paid", "{}", answer.body);
        } else {
            assert_eq!(answer.code(), -32603, "{}", answer.body);
        }
        assert_eq!(call(&retry).code(), -32602, "a state is good once");
    }
    let gateway = program("legacy", "");
    let answer = gateway.tool(&gateway.ann(), "visit", json!({}));
    assert_eq!(answer.code(), -32603, "a client that did not declare it is not asked: {}", answer.body);
}

#[test]
fn a_server_that_never_ends_its_answer_keeps_nobody_waiting_across_the_bridge() {
    use std::sync::{Arc, Mutex};
    let upstream = Upstream::start();
    let target = format!("{{ url: 'http://127.0.0.1:{}/mcp', timeout: 1s }}", upstream.port);
    let gateway = Gateway::before(&target, "tools: { '*': { effect: read } }\n", "");
    let hangs = Arc::new(Mutex::new(("server/discover", "application/json")));
    let shared = hangs.clone();
    upstream.script(move |seen, out| {
        let message = seen.json();
        let (hanging, media) = *shared.lock().unwrap();
        if message["method"] == hanging {
            raw(out, &format!("HTTP/1.1 200 OK\r\ncontent-type: {media}\r\ncontent-length: 1000\r\n\r\n"));
            std::thread::sleep(std::time::Duration::from_secs(30));
            return;
        }
        let result = json!({"supportedVersions":["2026-07-28"],"capabilities":{"tools":{}},"resultType":"complete"});
        let (status, body) = match message["method"].as_str() {
            Some("initialize") => (400, json!({"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"no"}})),
            Some("tools/list") => {
                (200, json!({"jsonrpc":"2.0","id":message["id"],"result":{"tools":[],"resultType":"complete"}}))
            }
            _ => (200, json!({"jsonrpc":"2.0","id":message["id"],"result":result})),
        };
        reply(out, status, "application/json", &body.to_string());
    });
    let token = gateway.ann();
    let begin = legacy(&token, None, &crate::lines::hello_of("2025-11-25"));
    let refused = |answer: Answer| assert!(answer.status >= 400, "{answer:?}");
    for media in ["application/json", "text/event-stream"] {
        *hangs.lock().unwrap() = ("server/discover", media);
        refused(gateway.send(&begin));
    }
    *hangs.lock().unwrap() = ("none", "");
    let session = gateway.send(&begin).header("mcp-session-id").unwrap().to_owned();
    for (method, media) in
        [("tools/call", "application/json"), ("tools/list", "application/json"), ("tools/list", "text/event-stream")]
    {
        *hangs.lock().unwrap() = (method, media);
        let answer = gateway.send(&legacy(&token, Some(&session), &call_of(3, "echo", &json!({}))));
        // What a tool has repeated in headers cannot be told in time: the call goes on without.
        if method == "tools/call" {
            refused(answer);
        }
    }
}
