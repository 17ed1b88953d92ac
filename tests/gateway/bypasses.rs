//! Ways in which other gateways were talked past. One test each, named for what must hold.
use crate::support::*;
use serde_json::json;

fn find(id: &str) -> serde_json::Value {
    json!({"name":"find_customer","arguments":{"id":id}})
}

const TWO_TOOLS: &str = r#"{"jsonrpc":"2.0","id":1,"result":{"resultType":"complete","tools":[{"name":"find_customer","inputSchema":{"type":"object"}},{"name":"secret_tool","inputSchema":{"type":"object"}}]}}"#;

#[test]
fn b01_an_unknown_method_is_refused_and_reaches_nobody() {
    let gateway = Gateway::start();
    let answer = gateway.call(&gateway.ann(), "tools/execute", json!({"name":"find_customer"}));
    assert_eq!((answer.status, answer.code()), (404, -32601));
    assert!(gateway.upstream.seen().is_empty());
}

#[test]
fn b02_a_batch_smuggles_nothing_even_behind_odd_whitespace() {
    let gateway = Gateway::start();
    let single = modern(&gateway.ann(), "tools/call", &find("1"));
    for prefix in ["", " ", "\u{b}", "\u{c}", "\u{a0}"] {
        let batch = [prefix.as_bytes(), b"[", &single.body, b"]"].concat();
        let answer = gateway.send(&single.clone().body(batch));
        assert_eq!(answer.status, 400, "{prefix:?}: {}", answer.body);
    }
    assert!(gateway.upstream.seen().is_empty());
}

#[test]
fn b03_a_post_that_is_not_json_is_refused() {
    let gateway = Gateway::start();
    let request = modern(&gateway.ann(), "tools/call", &find("1"));
    assert_eq!(gateway.send(&request.clone().body("name=find_customer")).status, 400);
    assert_eq!(gateway.send(&request.clone().set("content-type", "text/plain")).status, 415);
    assert_eq!(gateway.send(&request.without("content-type")).status, 415);
    assert!(gateway.upstream.seen().is_empty());
}

#[test]
fn b04_an_undecodable_line_in_a_stream_leaks_no_list() {
    let gateway = Gateway::start();
    for bad in ["data: {not json}\n\n", "event: other\ndata: {}\n\n", "data: {\"jsonrpc\":\"2.0\"}\n\n"] {
        gateway.upstream.script(move |_, out| events(out, &format!("{bad}data: {TWO_TOOLS}\n\n")));
        let answer = gateway.call(&gateway.ann(), "tools/list", json!({}));
        assert!(!answer.body.contains("secret_tool"), "{}", answer.body);
        assert!(answer.body.contains("-31502"), "{}", answer.body);
    }
}

#[test]
fn b05_a_list_disguised_as_another_frame_is_not_shown() {
    let gateway = Gateway::start();
    let disguises = [
        TWO_TOOLS.replace("\"id\":1,", "\"id\":1,\"method\":\"notifications/message\","),
        TWO_TOOLS.replace("\"id\":1,", "\"method\":\"notifications/message\","),
        TWO_TOOLS.replace("\"id\":1,", "\"id\":2,"),
        TWO_TOOLS.replace("\"id\":1,", ""),
        TWO_TOOLS.replace("\"id\":1,", "\"id\":\"1\","),
        TWO_TOOLS.replace("\"tools\"", "\"tools\":[],\"Tools\""),
        TWO_TOOLS.replace("\"tools\":", "\"tools\":[],\"tools\":"),
    ];
    for disguise in disguises {
        for streamed in [false, true] {
            let body = disguise.clone();
            gateway.upstream.script(move |_, out| match streamed {
                true => events(out, &format!("data: {body}\n\n")),
                false => reply(out, 200, "application/json", &body),
            });
            let answer = gateway.call(&gateway.ann(), "tools/list", json!({}));
            assert!(!answer.body.contains("secret_tool"), "{disguise}\n{}", answer.body);
        }
    }
}

#[test]
fn b06_an_oddly_spelled_media_type_is_judged_and_a_wrong_one_refused() {
    let gateway = Gateway::start();
    for (media, judged) in [
        ("Application/JSON", true),
        ("application/json ; charset=UTF-8", true),
        ("text/json", false),
        ("text/html", false),
        ("application/json; charset=utf-16", false),
    ] {
        gateway.upstream.script(move |_, out| reply(out, 200, media, TWO_TOOLS));
        let answer = gateway.call(&gateway.ann(), "tools/list", json!({}));
        assert!(!answer.body.contains("secret_tool"), "{media}: {}", answer.body);
        assert_eq!(answer.body.contains("find_customer"), judged, "{media}: {}", answer.body);
    }
}

#[test]
fn b07_a_list_under_another_status_is_not_shown() {
    let gateway = Gateway::start();
    for status in [201, 203, 206, 299, 400, 404, 500, 503] {
        gateway.upstream.script(move |_, out| reply(out, status, "application/json", TWO_TOOLS));
        let answer = gateway.call(&gateway.ann(), "tools/list", json!({}));
        assert!(!answer.body.contains("secret_tool"), "{status}: {}", answer.body);
        assert_ne!(answer.status, 200, "{status}");
    }
}

#[test]
fn b08_a_byte_order_mark_is_refused_in_both_directions() {
    let gateway = Gateway::start();
    let request = modern(&gateway.ann(), "tools/call", &find("1"));
    let marked = [b"\xEF\xBB\xBF".as_slice(), &request.body].concat();
    assert_eq!(gateway.send(&request.body(marked)).status, 400);
    assert!(gateway.upstream.seen().is_empty());
    gateway.upstream.script(|_, out| reply(out, 200, "application/json", &format!("\u{feff}{TWO_TOOLS}")));
    assert!(!gateway.call(&gateway.ann(), "tools/list", json!({})).body.contains("tool\""));
    gateway.upstream.script(|_, out| events(out, &format!("\u{feff}data: {TWO_TOOLS}\n\n")));
    assert!(!gateway.call(&gateway.ann(), "tools/list", json!({})).body.contains("secret_tool"));
}

#[test]
fn b09_the_length_is_that_of_the_rewritten_body() {
    let gateway = Gateway::start();
    gateway.upstream.script(|_, out| reply(out, 200, "application/json", TWO_TOOLS));
    let answer = gateway.call(&gateway.ann(), "tools/list", json!({}));
    assert_eq!(answer.header("content-length").unwrap().parse::<usize>().unwrap(), answer.body.len());
    assert_eq!(answer.json()["result"]["tools"].as_array().unwrap().len(), 1);
}

#[test]
fn b10_a_hidden_tool_cannot_be_called() {
    let gateway = Gateway::start();
    let answer = gateway.call(&gateway.ann(), "tools/call", json!({"name":"secret_tool","arguments":{}}));
    assert_eq!(answer.code(), -32602);
    let no_role = gateway.signer.sign("at+jwt", &{
        let mut claims = gateway.claims("bob", "crm.write");
        claims["groups"] = json!(["sales"]);
        claims
    });
    let answer = gateway.call(&no_role, "tools/call", json!({"name":"update_customer","arguments":{}}));
    assert_eq!(answer.code(), -32602, "a tool one may not know of looks unknown");
    assert!(gateway.upstream.seen().is_empty());
}

#[test]
fn b13_headers_upstream_are_computed_from_the_judged_body() {
    let gateway = Gateway::start();
    let request = modern(&gateway.ann(), "tools/call", &find("1"));
    for (name, value) in
        [("mcp-name", "delete_customer"), ("mcp-method", "tools/list"), ("mcp-protocol-version", "2025-11-25")]
    {
        let answer = gateway.send(&request.clone().set(name, value));
        assert_eq!((answer.status, answer.code()), (400, -32020), "{name}");
    }
    assert_eq!(gateway.send(&request.clone().without("mcp-name")).code(), -32020);
    assert!(gateway.upstream.seen().is_empty());
    assert_eq!(gateway.send(&request.set("mcp-param-region", "eu")).status, 200);
    let seen = gateway.upstream.seen().remove(0);
    assert_eq!(seen.header("mcp-name"), Some("find_customer"));
    assert_eq!(seen.header("mcp-method"), Some("tools/call"));
    assert_eq!(seen.header("mcp-param-region"), Some("eu"));
}

#[test]
fn b14_a_body_that_two_parsers_read_differently_is_refused() {
    let gateway = Gateway::start();
    let request = modern(&gateway.ann(), "tools/call", &find("1"));
    let text = String::from_utf8(request.body.clone()).unwrap();
    for twisted in [
        text.replace("\"name\":", "\"name\":\"delete_customer\",\"name\":"),
        text.replace("\"name\":", "\"Name\":\"delete_customer\",\"name\":"),
        text.replace("\"name\":", "\"n\\u0061me\":\"delete_customer\",\"name\":"),
        text.replace("{\"id\":\"1\"}", "{\"id\":\"1\",\"id\":\"2\"}"),
        text.replace("\"jsonrpc\"", "\"Method\":\"tools/list\",\"jsonrpc\""),
        text.replace("\"1\"", "NaN"),
        text.replace("\"1\"", "\"\\ud800\""),
        format!("{text}{text}"),
    ] {
        assert_eq!(gateway.send(&request.clone().body(twisted.clone())).status, 400, "{twisted}");
    }
    assert!(gateway.upstream.seen().is_empty());
    // What goes up is our own writing of what was judged: escapes and spaces are gone.
    let spaced = text.replace("\"find_customer\"", " \"find\\u005fcustomer\" ");
    assert_eq!(gateway.send(&request.body(spaced)).status, 200);
    assert!(gateway.upstream.seen()[0].body.contains("\"name\":\"find_customer\""));
}

#[test]
fn b15_a_list_over_several_data_lines_is_filtered() {
    let gateway = Gateway::start();
    gateway.upstream.script(|_, out| {
        let text = TWO_TOOLS.replace(",", ",\ndata: ");
        events(out, &format!("event: message\r\ndata: {text}\r\n\r\n"));
    });
    let answer = gateway.call(&gateway.ann(), "tools/list", json!({}));
    assert!(answer.body.contains("find_customer") && !answer.body.contains("secret_tool"), "{}", answer.body);
}

#[test]
fn b16_the_callers_credentials_never_go_upstream() {
    let gateway = Gateway::start();
    let token = gateway.ann();
    let request = modern(&token, "tools/call", &find("1"))
        .set("cookie", "session=callers")
        .set("proxy-authorization", "Basic callers")
        .set("x-forwarded-for", "10.0.0.1")
        .set("x-api-key", "callers");
    assert_eq!(gateway.send(&request).status, 200);
    let seen = gateway.upstream.seen().remove(0);
    assert_eq!(seen.header("authorization"), Some("Bearer the-gateways-own-secret"));
    let whole = format!("{seen:?}");
    assert!(!whole.contains("callers") && !whole.contains(&token) && !whole.contains("10.0.0.1"), "{whole}");
}

#[test]
fn b20_denied_tools_are_not_listed_and_everything_else_survives() {
    let gateway = Gateway::start();
    gateway.upstream.result(json!({
        "tools":[
            {"name":"find_customer","inputSchema":{"type":"object"},"x-vendor":{"n":1.50},"annotations":{"readOnlyHint":false,"title":"T"}},
            {"name":"delete_customer","inputSchema":{}},{"name":"secret_tool","inputSchema":{}}],
        "nextCursor":"page-2","_meta":{"k":true},"cacheScope":"public","ttlMs":9,"resultType":"complete"}));
    let result = gateway.call(&gateway.ann(), "tools/list", json!({})).json()["result"].clone();
    assert_eq!(result["nextCursor"], "page-2");
    assert_eq!(result["_meta"]["k"], true);
    assert_eq!(result["cacheScope"], "private", "the list is now this caller's own");
    let tools = result["tools"].as_array().unwrap();
    assert_eq!(tools.len(), 1);
    assert_eq!(tools[0]["x-vendor"]["n"].to_string(), "1.5");
    let hints = json!({"readOnlyHint":true,"title":"T","destructiveHint":false,"openWorldHint":false});
    assert_eq!(tools[0]["annotations"], hints, "the operator's word replaces the upstream's");
    assert_eq!(tools[0]["securitySchemes"], json!([{"type":"oauth2","scopes":["crm.read"]}]));
}

#[test]
fn b21_a_condition_that_errors_denies() {
    let gateway = Gateway::start();
    for args in [json!({}), json!({"region":{"a":1}}), json!({"region":null})] {
        let answer = gateway.call(&gateway.ann(), "tools/call", json!({"name":"export_customers","arguments":args}));
        assert_eq!(answer.code(), -31403, "{}", answer.body);
    }
    assert!(gateway.upstream.seen().is_empty());
    let answer =
        gateway.call(&gateway.ann(), "tools/call", json!({"name":"export_customers","arguments":{"region":"eu"}}));
    assert_eq!(answer.status, 200);
    assert_eq!(gateway.upstream.seen().len(), 1);
}

#[test]
fn b22_missing_arguments_are_judged_and_a_string_is_not_an_object() {
    let gateway = Gateway::start();
    let answer = gateway.call(&gateway.ann(), "tools/call", json!({"name":"export_customers"}));
    assert_eq!(answer.code(), -31403, "{}", answer.body);
    let answer = gateway.call(&gateway.ann(), "tools/call", json!({"name":"find_customer","arguments":"{\"id\":1}"}));
    assert_eq!((answer.status, answer.code()), (400, -32602));
    assert!(gateway.upstream.seen().is_empty());
}

#[test]
fn b24_an_upstreams_failure_text_is_not_relayed() {
    let gateway = Gateway::start();
    for (status, media) in
        [(500, "text/html"), (500, "application/json"), (401, "application/json"), (400, "text/plain")]
    {
        gateway.upstream.script(move |_, out| reply(out, status, media, "password=hunter2 at db.internal"));
        let answer = gateway.call(&gateway.ann(), "tools/call", find("1"));
        assert!(!format!("{answer:?}").contains("hunter2"), "{answer:?}");
    }
    assert!(!format!("{:?}", gateway.records()).contains("hunter2"));
}

#[test]
fn b25_compressed_or_comment_smuggled_events_are_not_relayed() {
    let gateway = Gateway::start();
    gateway.upstream.script(|_, out| {
        raw(out, "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-encoding: gzip\r\nconnection: close\r\n\r\nsmuggled");
        let _ = out.shutdown(std::net::Shutdown::Both);
    });
    let answer = gateway.call(&gateway.ann(), "tools/call", find("1"));
    assert!(answer.status == 502 && !answer.body.contains("smuggled"), "{answer:?}");
    let answer_text = r#"{"jsonrpc":"2.0","id":1,"result":{"resultType":"complete","content":[]}}"#;
    gateway
        .upstream
        .script(move |_, out| events(out, &format!(": smuggled\n\nx-field: smuggled\ndata: {answer_text}\n\n")));
    let answer = gateway.call(&gateway.ann(), "tools/call", find("1"));
    assert!(answer.body.contains("complete") && !answer.body.contains("smuggled"), "{}", answer.body);
}

#[test]
fn b26_a_session_id_is_no_identity() {
    let gateway = Gateway::start();
    let session = gateway.initialize(&gateway.ann());
    let (ann, bob) = (gateway.ann(), gateway.token("bob", "crm.read crm.write"));
    let call =
        json!({"jsonrpc":"2.0","id":5,"method":"tools/call","params":{"name":"find_customer","arguments":{"id":"1"}}});
    let before = gateway.upstream.seen().len();
    assert_eq!(gateway.send(&legacy(&bob, Some(&session), &call)).status, 404);
    let mut delete = legacy(&bob, Some(&session), &json!({}));
    delete.line = "DELETE /crm/mcp".to_owned();
    assert_eq!(gateway.send(&delete).status, 404);
    assert_eq!(
        gateway.send(&legacy(&ann, Some("upstream-session-7"), &call)).status,
        404,
        "the upstream's id is none of ours"
    );
    assert_eq!(gateway.upstream.seen().len(), before);
    assert_eq!(gateway.send(&legacy(&ann, Some(&session), &call)).status, 200, "ann's session lives on");
    assert_eq!(gateway.upstream.seen().last().unwrap().header("mcp-session-id"), Some("upstream-session-7"));
    let mut delete = legacy(&ann, Some(&session), &json!({}));
    delete.line = "DELETE /crm/mcp".to_owned();
    assert_eq!(gateway.send(&delete).status, 204);
    assert_eq!(gateway.send(&legacy(&ann, Some(&session), &call)).status, 404, "deleted for good");
}

#[test]
fn b29_an_unverified_subject_is_nowhere() {
    let gateway = Gateway::start();
    let forged = Signer::new("k1").sign("at+jwt", &gateway.claims("mallory-the-forger", "crm.read"));
    let answer = gateway.call(&forged, "tools/call", find("1"));
    assert_eq!(answer.status, 401);
    let records = format!("{:?}", gateway.records());
    assert!(records.contains("TokenInvalid") && !records.contains("mallory"), "{records}");
    assert!(gateway.upstream.seen().is_empty());
}

#[test]
fn b30_no_record_metric_or_log_carries_what_was_sent() {
    let gateway = Gateway::start();
    let token = gateway.token("ann@private.example", "crm.read");
    gateway.call(&token, "tools/call", json!({"name":"find_customer","arguments":{"id":"canary-4111111111111111"}}));
    gateway.call(&token, "tools/call", json!({"name":"canary-tool","arguments":{}}));
    gateway.call(&token, "resources/read", json!({"uri":"crm://customers/canary-ssn"}));
    let records = gateway.records();
    assert_eq!(records.len(), 3);
    let everything = format!(
        "{records:?}{}{}",
        gateway.get_admin("/metrics"),
        std::fs::read_to_string(gateway.directory.join("stderr")).unwrap()
    );
    for canary in ["canary", "4111", "private.example", &token, "the-gateways-own-secret"] {
        assert!(!everything.contains(canary), "{canary}");
    }
    assert_eq!(records[0]["target"], "find_customer");
    assert_eq!(records[0]["arguments_digest"].as_str().unwrap().len(), 64);
}

#[test]
fn b32_a_compressed_body_is_refused_in_both_directions() {
    let gateway = Gateway::start();
    let request = modern(&gateway.ann(), "tools/call", &find("1"));
    assert_eq!(gateway.send(&request.set("content-encoding", "gzip")).status, 415);
    assert!(gateway.upstream.seen().is_empty());
    gateway.upstream.script(|_, out| {
        raw(out, "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-encoding: gzip\r\ncontent-length: 4\r\n\r\nabcd");
    });
    let answer = gateway.call(&gateway.ann(), "tools/call", find("1"));
    assert_eq!(answer.status, 502);
    assert_eq!(gateway.upstream.seen()[0].header("accept-encoding"), None);
}

#[test]
fn b33_a_name_in_letters_that_some_readers_take_for_others_is_refused() {
    let gateway = Gateway::start();
    let call = modern(&gateway.ann(), "tools/call", &find("1"));
    let prompt = json!({"ref":{"type":"ref/prompt","name":"summarize"},"argument":{"name":"id","value":""}});
    let complete = modern(&gateway.ann(), "completion/complete", &prompt);
    for (request, plain, twisted) in [
        // The long s and the sign of Kelvin are an s and a k to whoever does not look at case.
        (&call, "\"arguments\":", "\"argument\u{17f}\":{\"id\":\"2\"},\"arguments\":"),
        (&call, "\"arguments\":", "\"ARGUMENT\\u017f\":{\"id\":\"2\"},\"arguments\":"),
        (&call, "\"arguments\":", "\"tas\u{212a}\":{\"ttl\":1},\"arguments\":"),
        (&complete, "\"summarize\"", "\"summarize\",\"Name\":\"secret\""),
        (&complete, "\"ref/prompt\"", "\"ref/prompt\",\"Type\":\"ref/resource\",\"URI\":\"crm://secret\""),
    ] {
        let text = String::from_utf8(request.body.clone()).unwrap();
        assert!(text.contains(plain), "{text}");
        let answer = gateway.send(&request.clone().body(text.replace(plain, twisted)));
        assert_eq!((answer.status, answer.code()), (400, -32602), "{twisted}: {}", answer.body);
    }
    assert!(gateway.upstream.seen().is_empty());
}

#[test]
fn b34_a_reply_in_two_spellings_is_not_relayed() {
    let gateway = Gateway::start();
    let listed = TWO_TOOLS.replace(",{\"name\":\"secret_tool\",\"inputSchema\":{\"type\":\"object\"}}", "");
    let secret = "[{\"name\":\"secret_tool\",\"inputSchema\":{}}]";
    for (method, params, body) in [
        ("tools/list", json!({}), listed.replace("\"tools\":", &format!("\"tool\u{17f}\":{secret},\"tools\":"))),
        ("tools/list", json!({}), listed.replace("\"name\":", "\"Name\":\"secret_tool\",\"name\":")),
        ("tools/list", json!({}), listed.replace("\"name\":", "\"Annotations\":{\"title\":\"secret_tool\"},\"name\":")),
        (
            "tools/list",
            json!({}),
            listed.replace("\"name\":", "\"annotations\":{\"DestructiveHint\":\"secret_tool\"},\"name\":"),
        ),
        (
            "tools/call",
            find("1"),
            r#"{"jsonrpc":"2.0","id":1,"result":{"content":[],"StructuredContent":{"a":"secret_tool"}}}"#.to_owned(),
        ),
    ] {
        let said = body.clone();
        gateway.upstream.script(move |_, out| reply(out, 200, "application/json", &said));
        let answer = gateway.call(&gateway.ann(), method, params);
        assert!(!answer.body.contains("secret_tool"), "{body}\n{}", answer.body);
        assert_eq!(answer.code(), -31502, "{body}\n{}", answer.body);
    }
}
