//! Tasks of the extension, where a policy passes them on. What the server was asked is told by the server.
use crate::support::*;
use serde_json::{Value, json};

const POLICY: &str = "tasks: pass\ntools:
  find_customer: { effect: read, scopes: [crm.read] }
  update_customer: { effect: write, scopes: [crm.write] }
";

/// A server whose calls are all tasks, done at once. It tells what its tasks hold to whoever names them.
fn later(gateway: &Gateway) {
    gateway.upstream.script(|seen, out| {
        let message = seen.json();
        let params = &message["params"];
        let state = |status: &str| {
            json!({"taskId":"t-1","status":status,"createdAt":"2026-07-28T00:00:00Z",
            "lastUpdatedAt":"2026-07-28T00:00:00Z","ttlMs":60000})
        };
        let result = match message["method"].as_str() {
            Some("server/discover") => json!({"resultType":"complete","supportedVersions":["2026-07-28"],"ttlMs":0,
                "cacheScope":"private","capabilities":{"tools":{},"extensions":{"io.modelcontextprotocol/tasks":{}}}}),
            Some("tools/call") => {
                let mut result = state("working");
                result["resultType"] = json!("task");
                result
            }
            Some("tasks/get") => {
                let mut result = state("completed");
                result["taskId"] = params["taskId"].clone();
                result["resultType"] = json!("complete");
                result["result"] = json!({"content":[{"type":"text","text":"done"}]});
                result
            }
            _ => json!({"resultType":"complete"}),
        };
        reply(out, 200, "application/json", &json!({"jsonrpc":"2.0","id":message["id"],"result":result}).to_string());
    });
}

/// A message of a client that knows tasks.
pub fn knowing(token: &str, method: &str, params: &Value) -> Request {
    let request = modern(token, method, params);
    let mut body: Value = serde_json::from_slice(&request.body).unwrap();
    body["params"]["_meta"]["io.modelcontextprotocol/clientCapabilities"] =
        json!({"extensions":{"io.modelcontextprotocol/tasks":{}}});
    let request = request.body(body.to_string());
    match params["taskId"].as_str() {
        Some(id) => request.set("mcp-name", id),
        None => request,
    }
}

fn begun(gateway: &Gateway, token: &str) -> String {
    let answer = gateway.send(&knowing(token, "tools/call", &json!({"name":"find_customer","arguments":{}})));
    assert_eq!(answer.json()["result"]["resultType"], "task", "{}", answer.body);
    answer.json()["result"]["taskId"].as_str().unwrap().to_owned()
}

fn asked(gateway: &Gateway) -> Vec<String> {
    let about = gateway.upstream.seen().into_iter().filter(|seen| seen.json()["params"]["taskId"].is_string());
    about.map(|seen| seen.json()["params"]["taskId"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_task_is_its_callers_alone_under_an_id_that_nobody_else_can_use() {
    let gateway = Gateway::with(POLICY, "");
    later(&gateway);
    let (ann, bob) = (gateway.ann(), gateway.token("bob", "crm.read crm.write"));
    let id = begun(&gateway, &ann);
    assert!(!id.contains("t-1"));
    for method in ["tasks/get", "tasks/update", "tasks/cancel"] {
        let answer = gateway.send(&knowing(&ann, method, &json!({"taskId":id})));
        assert_eq!((answer.status, answer.code()), (200, 0), "{method}: {}", answer.body);
    }
    let got = gateway.send(&knowing(&ann, "tasks/get", &json!({"taskId":id}))).json();
    assert_eq!(
        (&got["result"]["taskId"], &got["result"]["result"]["content"][0]["text"]),
        (&json!(id), &json!("done"))
    );
    assert_eq!(asked(&gateway), ["t-1", "t-1", "t-1", "t-1"]);
    let last = gateway.upstream.seen().pop().unwrap();
    assert_eq!(last.header("mcp-name"), Some("t-1"), "headers say what the body says");
    let other = begun(&gateway, &bob);
    let before = asked(&gateway).len();
    for (token, id) in
        [(&bob, id.as_str()), (&ann, other.as_str()), (&ann, "t-1"), (&ann, ""), (&ann, &id[..id.len() - 1])]
    {
        for method in ["tasks/get", "tasks/update", "tasks/cancel"] {
            let answer = gateway.send(&knowing(token, method, &json!({"taskId":id})));
            assert_eq!(answer.code(), -32602, "{method} {id}: {}", answer.body);
        }
    }
    let elsewhere = knowing(&ann, "tasks/get", &json!({"taskId":id})).set("mcp-name", &other);
    assert_eq!(gateway.send(&elsewhere).code(), -32020, "a header that says something else");
    assert_eq!(asked(&gateway).len(), before);
}

#[test]
fn what_was_read_does_not_leave_in_what_a_task_that_sends_out_is_told() {
    let policy = format!(
        "{}  send_mail: {{ effect: egress, scopes: [crm.write] }}\n  list_orders: {{ effect: read, scopes: [crm.read], sensitivity: customer }}\nflow: {{ then: refuse }}\n",
        POLICY
    );
    let gateway = Gateway::with(&policy, "");
    let note = "Asked for the penicillin allergy to be removed from the file of Erika Mustermann.";
    gateway.upstream.result(json!({ "content": [{ "type": "text", "text": note }], "resultType": "complete" }));
    let ann = gateway.ann();
    assert!(gateway.tool(&ann, "list_orders", json!({})).body.contains("penicillin"));
    later(&gateway);
    let begin = |tool: &str| {
        let answer = gateway.send(&knowing(&ann, "tools/call", &json!({ "name": tool, "arguments": {} })));
        answer.json()["result"]["taskId"].as_str().unwrap().to_owned()
    };
    let (sends, reads) = (begin("send_mail"), begin("find_customer"));
    let update = |id: &str, text: &str| {
        let answer = json!({ "action": "accept", "content": { "text": text } });
        gateway.send(&knowing(&ann, "tasks/update", &json!({ "taskId": id, "inputResponses": { "q": answer } })))
    };
    let told = || gateway.upstream.seen().iter().filter(|seen| seen.json()["method"] == "tasks/update").count();
    let refused = update(&sends, note);
    assert!(refused.json()["error"]["message"].as_str().unwrap_or_default().contains("read before"), "{refused:?}");
    assert_eq!(told(), 0, "it did not reach the server");
    assert_eq!(update(&sends, "Ulm").code(), 0);
    assert_eq!(update(&reads, note).code(), 0, "that tool sends nothing out");
    assert_eq!(told(), 2);
}

#[test]
fn a_task_is_judged_by_the_rule_of_its_tool_as_it_is_now() {
    let gateway = Gateway::with(POLICY, "");
    later(&gateway);
    let ann = gateway.ann();
    let id = begun(&gateway, &ann);
    gateway.policy(&POLICY.replace("find_customer", "find_customers"));
    let get = knowing(&ann, "tasks/get", &json!({"taskId":id}));
    wait("the tool is gone", || gateway.send(&get).code() == -32602);
    assert_eq!(gateway.last_record()["reason"], "ToolUnknown");
    gateway.policy(POLICY);
    wait("it is back", || gateway.send(&get).code() == 0);
    let poor = gateway.token("ann", "crm.write");
    let asked_before = asked(&gateway).len();
    assert_eq!(gateway.send(&knowing(&poor, "tasks/get", &json!({"taskId":id}))).code(), -31403, "it lacks the scope");
    assert_eq!(asked(&gateway).len(), asked_before);
}

#[test]
fn tasks_need_a_policy_that_passes_them_and_a_client_that_declared_them() {
    let gateway = Gateway::with(POLICY, "");
    later(&gateway);
    let ann = gateway.ann();
    let extensions = |gateway: &Gateway| {
        let answer = gateway.send(&knowing(&gateway.ann(), "server/discover", &json!({}))).json();
        answer["result"]["capabilities"]["extensions"].clone()
    };
    assert_eq!(extensions(&gateway), json!({"io.modelcontextprotocol/tasks":{}}));
    let undeclared = gateway.tool(&ann, "find_customer", json!({}));
    assert_eq!((undeclared.status, undeclared.code()), (502, -31502), "{}", undeclared.body);
    let get = gateway.call(&ann, "tasks/get", json!({"taskId":"t-1"}));
    assert_eq!(get.code(), -32020, "no Mcp-Name");
    let get = gateway.send(&modern(&ann, "tasks/get", &json!({"taskId":"t-1"})).set("mcp-name", "t-1")).json();
    assert_eq!(get["error"]["code"], -32021, "{get}");
    assert_eq!(get["error"]["data"]["requiredCapabilities"]["extensions"], json!({"io.modelcontextprotocol/tasks":{}}));
    let old = knowing(&ann, "tools/call", &json!({"name":"find_customer","arguments":{},"task":{"ttl":1}}));
    assert_eq!(
        gateway.send(&old).json()["result"]["resultType"],
        "task",
        "what another revision means by it means nothing"
    );
    assert!(gateway.upstream.seen().pop().unwrap().json()["params"]["task"].is_null());
    let without = Gateway::with(&POLICY.replace("tasks: pass\n", ""), "");
    later(&without);
    assert_eq!(extensions(&without), json!({}));
    let answer = without.send(&knowing(&without.ann(), "tools/call", &json!({"name":"find_customer","arguments":{}})));
    assert_eq!((answer.status, answer.code()), (502, -31502), "{}", answer.body);
    let sent = without.upstream.seen().pop().unwrap().json();
    let sent = &sent["params"]["_meta"]["io.modelcontextprotocol/clientCapabilities"]["extensions"];
    assert_eq!(*sent, json!({}), "the server was not told that tasks may be");
    let answer = without.send(&knowing(&without.ann(), "tasks/get", &json!({"taskId":"t-1"})));
    assert_eq!((answer.status, answer.code()), (404, -32601), "{}", answer.body);
}

#[test]
fn a_server_that_answers_about_another_task_is_not_passed_on() {
    let gateway = Gateway::with(POLICY, "");
    later(&gateway);
    let ann = gateway.ann();
    let id = begun(&gateway, &ann);
    gateway
        .upstream
        .result(json!({"resultType":"complete","taskId":"t-2","status":"completed","result":{"content":[]}}));
    let answer = gateway.send(&knowing(&ann, "tasks/get", &json!({"taskId":id})));
    assert_eq!((answer.status, answer.code()), (502, -31502), "{}", answer.body);
}
