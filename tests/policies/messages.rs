//! One message at a time: what is refused, what a permit obliges to, and what is then sent.
use portcullis::kernel::confirm::seal::SealKey;
use portcullis::kernel::contract::lock::{Approval, Lock};
use portcullis::kernel::contract::surface::{Kind, Surface};
use portcullis::kernel::digest::Digest;
use portcullis::kernel::facts::Facts;
use portcullis::kernel::inbound::{HeaderFacts, Inbound, Verb};
use portcullis::kernel::json::{Bounds, Document};
use portcullis::kernel::judge::NoLedger;
use portcullis::kernel::mcp::decode::{Message, SessionFacts, Target, decode};
use portcullis::kernel::mcp::revision::Revision;
use portcullis::kernel::policy::compile::{Position, ServerPolicy, Surroundings, compile};
use portcullis::kernel::policy::decide::{Decision, Grounds, Outbound, Permitted, authorize, challenge_result, decide};
use portcullis::kernel::policy::explain::explain;
use portcullis::kernel::principal::{Principal, Verified};
use portcullis::kernel::refusal::{Reason, Refusal};
use portcullis::kernel::snapshot::{Limits, Snapshot};
use portcullis::kernel::tasks::Task;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

const NOW: u64 = 1_800_000_000;
const SESSION: Option<Revision> = Some(Revision::V2025_06_18);
const STATELESS: Option<Revision> = None;

/// The policy, with this over what it says.
fn server(more: &Value) -> Arc<ServerPolicy> {
    compiled(more, None)
}

/// The policy with a contract that has this tool, a prompt and a resource.
fn published(more: &Value, tool: &Value) -> Arc<ServerPolicy> {
    let mut surface = Surface::default();
    surface.add(Kind::Tools, "find".to_owned(), tool.clone());
    surface.add(Kind::Prompts, "sum".to_owned(), json!({ "name": "sum" }));
    let mut lock = Lock::draft("crm", surface);
    let digest = lock.digest.clone();
    let (by, reason, at) = ("ann".to_owned(), "looked at".to_owned(), "2026-01-01T00:00:00Z".to_owned());
    lock.approvals.push(Approval { by, reason, at, digest, signature: None });
    compiled(more, Some(&lock.render()))
}

fn compiled(more: &Value, lock: Option<&str>) -> Arc<ServerPolicy> {
    let mut source = json!({
        "server": "crm",
        "upstream": { "url": "http://127.0.0.1:1/mcp", "timeout": "20s" },
        "access": { "issuers": ["corp"], "token_life_max": "1h" },
        "roles": { "contractor": { "claim": "groups", "any": ["contractor"] } },
        "tools": { "find": { "effect": "read" }, "other": { "effect": "read" } },
        "prompts": { "sum": {} },
        "resources": { "crm://a/{id}": {} },
    });
    for (field, value) in more.as_object().unwrap() {
        source[field] = value.clone();
    }
    let issuers = ["corp".to_owned()];
    let mut given = Surroundings::new(&issuers, "https://gw.example");
    given.lock = lock.map(Ok);
    let compiled = compile(serde_json::from_value(source).unwrap(), &given, &|_| Position::default());
    Arc::new(compiled.policy.unwrap_or_else(|| panic!("{:?}", compiled.flaws)))
}

fn caller(expires: u64) -> Arc<Principal> {
    caller_in("staff", "https://gw.example/crm/mcp", expires)
}

fn caller_in(group: &str, audience: &str, expires: u64) -> Arc<Principal> {
    Arc::new(Principal::assertion(Verified {
        anonymous: false,
        issuer: "corp".into(),
        subject: "ann".into(),
        client: Some("console".into()),
        audiences: vec![audience.into()],
        scopes: ["crm.read".to_owned()].into(),
        expires,
        claims: json!({ "groups": [group] }),
    }))
}

fn world(server: &Arc<ServerPolicy>) -> Arc<Snapshot> {
    let bounds = Bounds::default();
    Arc::new(Snapshot {
        id: Digest::of(b""),
        servers: BTreeMap::from([("crm".to_owned(), server.clone())]),
        joints: BTreeMap::new(),
        paths: BTreeMap::new(),
        hosts: Vec::new(),
        origins: Vec::new(),
        public_url: "https://gw.example".to_owned(),
        issuers: BTreeMap::new(),
        approvals: Default::default(),
        limits: Limits { request: bounds, reply: bounds },
    })
}

/// A message as it comes in a session, or, without one, with everything that 2026-07-28 asks for.
fn message(session: Option<Revision>, method: &str, mut params: Value) -> Message {
    let mut headers = HeaderFacts::default();
    if session.is_none() {
        if params["_meta"].is_null() {
            params["_meta"] = json!({});
        }
        params["_meta"]["io.modelcontextprotocol/protocolVersion"] = json!("2026-07-28");
        if params["_meta"]["io.modelcontextprotocol/clientCapabilities"].is_null() {
            params["_meta"]["io.modelcontextprotocol/clientCapabilities"] = json!({});
        }
        headers.protocol_version = Some("2026-07-28".to_owned());
        headers.method = Some(method.to_owned());
        headers.name = ["name", "uri", "taskId"].iter().find_map(|field| params[field].as_str()).map(str::to_owned);
        headers.params = vec![("mcp-param-region".to_owned(), "eu".to_owned())];
    }
    let mut body = json!({ "jsonrpc": "2.0", "method": method, "params": params });
    if !method.starts_with("notifications/") {
        body["id"] = json!(7);
    }
    let session = session.filter(|_| method != "initialize").map(|revision| SessionFacts { revision });
    let bounds = Bounds { bytes_max: 16 << 20, ..Bounds::default() };
    decode(Inbound { verb: Verb::Post, headers, body: body.to_string().into() }, session, &bounds).unwrap()
}

fn call(tool: &str, arguments: Value) -> Message {
    message(SESSION, "tools/call", json!({ "name": tool, "arguments": arguments }))
}

/// GET and DELETE.
fn bare(verb: Verb) -> Message {
    let headers = HeaderFacts { last_event_id: Some("e7".to_owned()), ..HeaderFacts::default() };
    let session = SESSION.map(|revision| SessionFacts { revision });
    decode(Inbound { verb, headers, body: "".into() }, session, &Bounds::default()).unwrap()
}

fn decided(server: &Arc<ServerPolicy>, message: Message) -> Result<Permitted, (Refusal, Grounds)> {
    decided_with(server, message, &Facts::at(NOW))
}

fn decided_with(server: &Arc<ServerPolicy>, message: Message, facts: &Facts) -> Result<Permitted, (Refusal, Grounds)> {
    match decide(&world(server), server, &caller(NOW + 600), message, facts) {
        Decision::Permit(permit) => Ok(permit),
        Decision::Confirm(held) => Err((Reason::ConfirmationPending.into(), held.grounds().clone())),
        Decision::Refuse(refusal, grounds) => Err((refusal, grounds)),
    }
}

fn permit(server: &Arc<ServerPolicy>, message: Message) -> Permitted {
    decided(server, message).unwrap_or_else(|(refusal, _)| panic!("{refusal:?}"))
}

fn refused(server: &Arc<ServerPolicy>, message: Message) -> Refusal {
    decided(server, message).err().expect("a refusal").0
}

fn sent(server: &Arc<ServerPolicy>, message: Message) -> Outbound {
    permit(server, message).discharge().0
}

fn body(outbound: &Outbound) -> Value {
    serde_json::from_slice(outbound.body()).unwrap()
}

#[test]
fn a_token_may_live_as_long_as_the_policy_says_and_no_second_longer() {
    let server = server(&json!({}));
    let admitted = |expires| server.access.admits(&caller(expires), &Facts::at(NOW));
    assert_eq!(admitted(NOW + 3600), Ok(()));
    assert_eq!(admitted(NOW + 3601), Err(Reason::TokenLivesTooLong));
    assert_eq!(admitted(NOW + 1), Ok(()));
    assert_eq!(admitted(NOW), Err(Reason::TokenExpired));
}

#[test]
fn a_permit_names_the_rule_it_rests_on_and_a_refusal_the_request() {
    let server =
        server(&json!({ "tools": { "find": { "effect": "read" }, "no": { "effect": "read", "scopes": ["x"] } } }));
    let label = |grounds: &Grounds| grounds.rule.as_ref().map(|rule| rule.label.clone());
    assert_eq!(label(permit(&server, call("find", json!({}))).grounds()).as_deref(), Some("find"));
    let (refusal, grounds) = decided(&server, call("no", json!({}))).err().unwrap();
    assert_eq!((refusal.reason, refusal.id.as_deref()), (Reason::ScopeMissing, Some("7")));
    assert_eq!(label(&grounds).as_deref(), Some("no"));
}

#[test]
fn a_call_as_a_task_is_not_served() {
    let server = server(&json!({}));
    let task = message(SESSION, "tools/call", json!({ "name": "find", "arguments": {}, "task": { "ttl": 1 } }));
    assert_eq!(refused(&server, task).reason, Reason::MethodNotServed);
    assert_eq!(
        refused(&server, message(STATELESS, "tasks/get", json!({ "taskId": "1" }))).reason,
        Reason::MethodNotServed
    );
}

/// Which limits a permit is counted against.
fn charged(server: &Arc<ServerPolicy>, message: Message) -> Vec<usize> {
    permit(server, message).charges().map(|(_, charge)| charge.limit).collect()
}

#[test]
fn what_counts_is_charged_once_for_each_limit_that_concerns_the_request() {
    let server = server(&json!({ "limits": [
        { "per": "subject", "rate": "5/min" },
        { "per": "client", "concurrency": 2 },
        { "arguments_max": "1KiB" },
        { "per": "server", "rate": "5/min", "tools": ["other"] },
        { "per": "server", "rate": "5/min", "roles": ["contractor"] },
    ] }));
    assert_eq!(charged(&server, call("find", json!({}))), [0, 1]);
    assert_eq!(charged(&server, call("other", json!({}))), [0, 1, 3]);
    assert_eq!(charged(&server, message(SESSION, "tools/list", json!({}))), [0, 1]);
    assert_eq!(charged(&server, message(SESSION, "notifications/initialized", json!({}))), [] as [usize; 0]);
    let permit = permit(&server, call("find", json!({})));
    let keys: Vec<Digest> = permit.charges().map(|(_, charge)| charge.key).collect();
    assert_eq!(keys, [caller(NOW).subject_id(), caller(NOW).client_id()]);
    assert!(permit.charges().all(|(limit, charge)| server.limits[charge.limit].id == limit.id));
}

#[test]
fn arguments_may_be_as_long_as_the_limit_says_and_no_byte_longer() {
    let server = server(&json!({ "limits": [{ "arguments_max": "20B" }] }));
    let of = |length: usize| call("find", json!({ "a": "x".repeat(length - r#"{"a":""}"#.len()) }));
    assert_eq!(of(20).arguments().unwrap().raw().len(), 20);
    for length in [10, 20] {
        permit(&server, of(length));
    }
    assert_eq!(refused(&server, of(21)).reason, Reason::ArgumentsTooLarge);
    assert_eq!(refused(&server, of(40)).reason, Reason::ArgumentsTooLarge);
}

#[test]
fn the_tightest_of_the_limits_on_replies_and_time_is_in_force() {
    let limits = json!({ "limits": [
        { "reply_max": "10KiB", "time": "5s" }, { "reply_max": "2KiB", "time": "9s" }, { "reply_max": "4KiB" },
        { "reply_max": "1KiB", "time": "1s", "tools": ["other"] },
    ] });
    let (outbound, judge) = permit(&server(&limits), call("find", json!({}))).discharge();
    assert_eq!((judge.bytes_max(), judge.time()), (2048, Some(Duration::from_secs(5))));
    assert_eq!(outbound.timeout(), Duration::from_secs(5), "the policy's limit is tighter than the server's");
    let (outbound, judge) =
        permit(&server(&json!({ "limits": [{ "time": "50s" }] })), call("find", json!({}))).discharge();
    assert_eq!((outbound.timeout(), judge.time()), (Duration::from_secs(20), Some(Duration::from_secs(50))));
    assert_eq!(judge.bytes_max(), Bounds::default().bytes_max);
    assert_eq!(sent(&server(&json!({})), call("find", json!({}))).timeout(), Duration::from_secs(20));
}

#[test]
fn get_and_delete_are_sent_as_they_came_and_without_a_body() {
    let server = server(&json!({}));
    for verb in [Verb::Get, Verb::Delete] {
        let outbound = sent(&server, bare(verb));
        assert_eq!((outbound.verb(), outbound.body().len(), outbound.last_event_id()), (verb, 0, Some("e7")));
        assert_eq!(outbound.protocol_version(), Some("2025-06-18"));
    }
    let outbound = sent(&server, call("find", json!({ "a": 1 })));
    assert_eq!((outbound.verb(), outbound.last_event_id()), (Verb::Post, None));
    assert_eq!(body(&outbound)["params"], json!({ "name": "find", "arguments": { "a": 1 } }));
    assert!(Arc::ptr_eq(outbound.server(), &server));
    assert_eq!(outbound.caller(), caller(NOW).id());
}

#[test]
fn headers_are_computed_for_the_revision_that_has_them_and_for_no_other() {
    let server = server(&json!({}));
    let told = |outbound: &Outbound| {
        let name = outbound.name().map(|name| name.into_owned());
        (outbound.protocol_version(), outbound.method(), name, outbound.params().to_vec())
    };
    let region = vec![("mcp-param-region".to_owned(), "eu".to_owned())];
    let modern = |method: &str, params: Value| told(&sent(&server, message(STATELESS, method, params)));
    let named = |name: &str| Some(name.to_owned());
    let version = Some("2026-07-28");
    assert_eq!(
        modern("tools/call", json!({ "name": "find", "arguments": {} })),
        (version, Some("tools/call"), named("find"), region.clone())
    );
    assert_eq!(
        modern("prompts/get", json!({ "name": "sum" })),
        (version, Some("prompts/get"), named("sum"), region.clone())
    );
    assert_eq!(
        modern("resources/read", json!({ "uri": "crm://a/7" })),
        (version, Some("resources/read"), named("crm://a/7"), region.clone())
    );
    assert_eq!(modern("tools/list", json!({})), (version, Some("tools/list"), None, region));
    assert_eq!(told(&sent(&server, call("find", json!({})))), (Some("2025-06-18"), None, None, Vec::new()));
    let hello = json!({ "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {} });
    assert_eq!(told(&sent(&server, message(SESSION, "initialize", hello))), (None, None, None, Vec::new()));
}

#[test]
fn only_what_the_gateway_does_not_serve_is_taken_out_of_what_a_client_negotiates() {
    let server = server(&json!({}));
    let hello = |version: &str| json!({ "protocolVersion": version, "capabilities": { "tasks": {}, "roots": {} } });
    let asked = |version: &str| body(&sent(&server, message(SESSION, "initialize", hello(version))))["params"].clone();
    let offered = |version: &str| json!({ "protocolVersion": version, "capabilities": { "roots": {} } });
    assert_eq!(asked("2025-06-18"), offered("2025-06-18"));
    assert_eq!(asked("2024-11-05"), offered("2024-11-05"));
    assert_eq!(asked("2024-10-07"), offered("2025-11-25"), "not served, so the latest one");
    // Those words mean nothing in another method.
    let other = json!({ "protocolVersion": "x", "capabilities": { "tasks": {} } });
    assert_eq!(body(&sent(&server, message(SESSION, "tools/list", other.clone())))["params"], other);

    let extensions = |all: Value| json!({ "io.modelcontextprotocol/clientCapabilities": { "extensions": all } });
    let meta = extensions(json!({ "io.modelcontextprotocol/tasks": {}, "io.modelcontextprotocol/ui": {} }));
    let modern = body(&sent(&server, message(STATELESS, "tools/list", json!({ "_meta": meta }))));
    let left = &modern["params"]["_meta"]["io.modelcontextprotocol/clientCapabilities"]["extensions"];
    assert_eq!(*left, json!({ "io.modelcontextprotocol/ui": {} }));
    let legacy = body(&sent(&server, message(SESSION, "tools/list", json!({ "_meta": meta }))));
    assert_eq!(legacy["params"]["_meta"], meta);
}

#[test]
fn a_missing_scope_is_a_tool_result_only_where_the_policy_asks_for_that() {
    let challenge = r#"Bearer error="insufficient_scope""#;
    let told = |access: &str, modern| {
        let access = json!({ "access": { "issuers": ["corp"], "challenge": access } });
        let text = challenge_result(&server(&access), r#""a""#, challenge, modern)?;
        Some(serde_json::from_str::<Value>(&text).unwrap())
    };
    assert_eq!((told("http", false), told("http", true)), (None, None));
    let result = |answer: Value| {
        assert_eq!((&answer["jsonrpc"], &answer["id"]), (&json!("2.0"), &json!("a")));
        answer["result"].clone()
    };
    let old = result(told("tool_result", false).unwrap());
    assert_eq!((&old["isError"], &old["_meta"]["mcp/www_authenticate"]), (&json!(true), &json!([challenge])));
    assert_eq!(old["resultType"], Value::Null);
    assert_eq!(result(told("tool_result", true).unwrap())["resultType"], "complete");
}

/// A tool with a schema.
fn find() -> Value {
    json!({ "name": "find", "inputSchema": {
        "type": "object", "properties": { "id": { "type": "string" } }, "required": ["id"],
    } })
}

#[test]
fn a_call_is_held_to_the_published_schema_and_told_what_to_change() {
    let server = published(&json!({}), &find());
    permit(&server, call("find", json!({ "id": "1" })));
    let wrong = refused(&server, call("find", json!({ "id": 1 })));
    assert_eq!((wrong.reason, wrong.id.as_deref()), (Reason::ArgumentsMisfit, Some("7")));
    assert!(wrong.advice.as_ref().unwrap().starts_with("/id: expected "), "{:?}", wrong.advice);
    let none = refused(&server, message(SESSION, "tools/call", json!({ "name": "find" })));
    assert!(none.advice.as_ref().unwrap().starts_with("/: expected "), "{:?}", none.advice);
    assert_eq!(refused(&server, call("other", json!({}))).reason, Reason::ToolUnknown, "it is not in the contract");
    // What is no call of a tool has no schema.
    permit(&server, message(SESSION, "prompts/get", json!({ "name": "sum", "arguments": { "x": "1" } })));
    permit(&server, message(SESSION, "tools/list", json!({})));
}

#[test]
fn undeclared_arguments_are_refused_taken_out_or_kept_as_the_policy_says() {
    let with = |undeclared: &str| published(&json!({ "contract": { "undeclared_arguments": undeclared } }), &find());
    let more = || call("find", json!({ "id": "1", "more": 2 }));
    let refusal = refused(&with("refuse"), more());
    assert_eq!(refusal.advice.as_deref(), Some("/more: expected nothing: not declared"));
    assert_eq!(body(&sent(&with("strip"), more()))["params"]["arguments"], json!({ "id": "1" }));
    assert_eq!(body(&sent(&with("keep"), more()))["params"]["arguments"], json!({ "id": "1", "more": 2 }));
    permit(&with("refuse"), call("find", json!({ "id": "1" })));
}

#[test]
fn a_call_from_which_arguments_are_taken_out_may_be_as_long_as_any() {
    let server = published(&json!({ "contract": { "undeclared_arguments": "strip" } }), &find());
    let long = "x".repeat(Bounds::default().bytes_max + 1);
    let outbound = sent(&server, call("find", json!({ "id": long, "more": 2 })));
    assert_eq!(body(&outbound)["params"]["arguments"], json!({ "id": long }));
}

#[test]
fn a_schema_that_cannot_be_used_lets_no_call_through() {
    let tool =
        json!({ "name": "find", "inputSchema": { "type": "object", "$ref": "https://elsewhere.example/schema" } });
    let server = {
        let mut server = Arc::into_inner(published(&json!({}), &find())).unwrap();
        let mut surface = Surface::default();
        surface.add(Kind::Tools, "find".to_owned(), tool);
        let mut unusable = 0;
        let with = portcullis::kernel::contract::published::Published::new(String::new(), surface, &mut |_, _, _| {
            unusable += 1
        });
        assert_eq!(unusable, 1);
        server.contract.published = Some(with);
        Arc::new(server)
    };
    let refusal = refused(&server, call("find", json!({})));
    assert_eq!((refusal.reason, refusal.advice), (Reason::ArgumentsMisfit, None));
    assert_eq!(refusal.detail, "the published schema cannot be used");
}

#[test]
fn what_has_drifted_is_listed_and_called_as_the_policy_says() {
    let other = json!({ "name": "find", "description": "Something else.", "inputSchema": { "type": "object" } });
    let mut surface = Surface::default();
    surface.add(Kind::Tools, "find".to_owned(), other);
    let seen = Facts { seen: Some(Arc::new(surface.observed())), ..Facts::at(NOW) };
    let document = Document::parse(r#"{"id":"1"}"#.into(), &Bounds::default()).unwrap();
    let verdict = |on_drift: &str, args: Option<_>, facts: &Facts| {
        let server = published(&json!({ "contract": { "on_drift": on_drift } }), &find());
        let tool = Target::Tool("find".to_owned());
        authorize(&server, &caller(NOW + 600), &tool, args, facts).map(|_| ()).map_err(|(reason, _)| reason)
    };
    for (on_drift, listed, called) in [
        ("quarantine", Ok(()), Err(Reason::ContractDrifted)),
        ("hide", Err(Reason::ToolUnknown), Err(Reason::ContractDrifted)),
        ("warn", Ok(()), Ok(())),
    ] {
        assert_eq!(verdict(on_drift, None, &seen), listed, "{on_drift}, listed");
        assert_eq!(verdict(on_drift, Some(document.root()), &seen), called, "{on_drift}, called");
        for args in [None, Some(document.root())] {
            assert_eq!(verdict(on_drift, args, &Facts::at(NOW)), Ok(()), "{on_drift}, nothing seen");
        }
    }
}

#[test]
fn an_explanation_tells_of_the_contract_only_where_there_is_one() {
    let told = |server: &ServerPolicy, tool: &str| {
        explain(server, &caller(NOW + 600), &Target::Tool(tool.to_owned()), None, &Facts::at(NOW)).to_string()
    };
    let with = published(&json!({}), &find());
    assert!(told(&with, "find").contains("contract"), "{}", told(&with, "find"));
    assert!(told(&with, "other").contains("contract"), "{}", told(&with, "other"));
    let without = told(&server(&json!({})), "find");
    assert!(!without.contains("contract"), "{without}");
}

#[test]
fn a_call_is_refused_where_not_all_that_is_taken_out_can_be_seen_to_be() {
    let server = published(&json!({ "contract": { "undeclared_arguments": "strip" } }), &find());
    let with = |count: usize| {
        let mut arguments = json!({ "id": "1" });
        for number in 0..count {
            arguments[format!("more{number}")] = json!(number);
        }
        call("find", arguments)
    };
    // As many as are told at most: there may be more.
    assert_eq!(refused(&server, with(64)).reason, Reason::ArgumentsMisfit);
    assert_eq!(body(&sent(&server, with(63)))["params"]["arguments"], json!({ "id": "1" }));
    // A header that mirrors an argument (2026-07-28) would be sent without it.
    let mirrored =
        |arguments: Value| message(STATELESS, "tools/call", json!({ "name": "find", "arguments": arguments }));
    assert_eq!(refused(&server, mirrored(json!({ "id": "1", "region": "eu" }))).reason, Reason::ArgumentsMisfit);
    permit(&server, mirrored(json!({ "id": "1" })));
}

#[test]
fn a_denial_for_some_roles_is_for_nobody_else() {
    let server = server(&json!({ "deny": [{ "name": "no", "roles": ["contractor"], "tools": ["find"] }] }));
    let verdict = |group: &str| {
        let (caller, tool) =
            (caller_in(group, "https://gw.example/crm/mcp", NOW + 600), Target::Tool("find".to_owned()));
        authorize(&server, &caller, &tool, None, &Facts::at(NOW)).map(|_| ()).map_err(|(reason, _)| reason)
    };
    assert_eq!(verdict("staff"), Ok(()));
    assert_eq!(verdict("contractor"), Err(Reason::DeniedByRule));
}

#[test]
fn a_denial_of_some_arguments_leaves_the_tool_in_the_list() {
    let server = server(&json!({ "deny": [{ "name": "no", "tools": ["find"], "when": "args.id == '7'" }] }));
    let tool = Target::Tool("find".to_owned());
    assert!(authorize(&server, &caller(NOW + 600), &tool, None, &Facts::at(NOW)).is_ok());
    assert_eq!(refused(&server, call("find", json!({ "id": "7" }))).reason, Reason::DeniedByRule);
    permit(&server, call("find", json!({ "id": "8" })));
    // What cannot be evaluated is refused.
    assert_eq!(refused(&server, call("find", json!({}))).reason, Reason::DeniedByRule);
}

#[test]
fn a_token_for_a_virtual_server_is_none_for_a_server_that_is_part_of_it() {
    let access = json!({ "access": { "issuers": ["corp"], "anonymous": true } });
    let mut server = Arc::into_inner(server(&access)).unwrap();
    server.access.also = vec!["https://gw.example/all/mcp".to_owned()];
    let facts = Facts::at(NOW);
    let verdicts = |audience: &str| {
        let caller = caller_in("staff", audience, NOW + 600);
        (server.access.admits(&caller, &facts), server.access.admits_here(&caller, &facts))
    };
    assert_eq!(verdicts("https://gw.example/crm/mcp"), (Ok(()), Ok(())));
    assert_eq!(verdicts("https://gw.example/all/mcp"), (Ok(()), Err(Reason::TokenForAnother)));
    assert_eq!(verdicts("https://other.example"), (Err(Reason::TokenForAnother), Err(Reason::TokenForAnother)));
    let nobody = Principal::assertion(Verified::nothing());
    assert_eq!(server.access.admits_here(&nobody, &facts), Ok(()));
}

/// Whether a call of `find` by this rule is held.
fn held(rule: Value, more: Value) -> bool {
    let mut source = json!({ "tools": { "find": rule } });
    for (field, value) in more.as_object().unwrap() {
        source[field] = value.clone();
    }
    match decided(&server(&source), call("find", json!({ "id": "1" }))) {
        Ok(_) => false,
        Err((refusal, _)) => {
            assert_eq!(refusal.reason, Reason::ConfirmationPending);
            true
        }
    }
}

#[test]
fn a_call_is_held_where_its_rule_asks_or_the_server_only_previews() {
    let preview = || json!({ "mode": "preview" });
    assert!(held(json!({ "effect": "write", "confirm": ["elicit"] }), json!({})));
    assert!(!held(json!({ "effect": "write" }), json!({})));
    assert!(!held(json!({ "effect": "write", "preview": { "template": "Writes." } }), json!({})));
    assert!(held(json!({ "effect": "write" }), preview()));
    assert!(!held(json!({ "effect": "read" }), preview()));
    assert!(held(json!({ "effect": "read", "confirm": ["elicit"] }), preview()));
    // What is no call of a tool is not asked about.
    let server = server(&json!({ "tools": { "find": { "effect": "write", "confirm": ["elicit"] } } }));
    permit(&server, message(SESSION, "prompts/get", json!({ "name": "sum" })));
}

#[test]
fn a_link_in_a_call_that_sends_out_leads_where_the_policy_says() {
    let of = |effect: &str, links: Value| server(&json!({ "tools": { "find": { "effect": effect } }, "links": links }));
    let says = |url: &str| call("find", json!({ "text": format!("see {url}") }));
    let (here, there) = ("https://www.example.com/a", "https://elsewhere.example/?q=1");
    let allow = json!({ "allow": ["https://www.example.com/"] });
    permit(&of("egress", allow.clone()), says(here));
    let refusal = refused(&of("egress", allow.clone()), says(there));
    assert_eq!((refusal.reason, refusal.id.as_deref()), (Reason::LinkForeign, Some("7")));
    for effect in ["read", "write", "destructive"] {
        permit(&of(effect, allow.clone()), says(there));
    }
    let then = |then: &str| of("egress", json!({ "allow": ["https://www.example.com/"], "arguments": then }));
    permit(&then("allow"), says(there));
    let held = decided(&then("confirm"), says(there)).err().unwrap().0;
    assert_eq!(held.reason, Reason::ConfirmationPending);
    // What the client says of itself goes to no server that could be asked to fetch it.
    let meta = json!({ "name": "find", "arguments": {}, "_meta": { "from": there } });
    permit(&of("egress", allow), message(SESSION, "tools/call", meta));
}

#[test]
fn what_was_found_in_a_message_is_told_also_where_it_is_refused() {
    let redact = json!([{ "types": ["email"], "action": "observe" }]);
    let with = |undeclared: &str| {
        let more = json!({ "redact": redact, "contract": { "undeclared_arguments": undeclared } });
        published(&more, &find())
    };
    let found = |grounds: &Grounds| grounds.sensitive.iter().map(|(_, _, count)| count).sum::<u32>();
    let mail = "ann@crm-team.example.com";
    assert_eq!(found(permit(&with("refuse"), call("find", json!({ "id": mail }))).grounds()), 1);
    assert_eq!(found(permit(&with("refuse"), call("find", json!({ "id": "1" }))).grounds()), 0);
    let (refusal, grounds) = decided(&with("refuse"), call("find", json!({ "id": mail, "more": 1 }))).err().unwrap();
    assert_eq!((refusal.reason, found(&grounds)), (Reason::ArgumentsMisfit, 1));
    // Also where it is refused before anybody asks what the caller may.
    let mut arguments = json!({ "id": mail });
    for number in 0..64 {
        arguments[format!("more{number}")] = json!(number);
    }
    let (refusal, grounds) = decided(&with("strip"), call("find", arguments)).err().unwrap();
    assert_eq!((refusal.reason, found(&grounds)), (Reason::ArgumentsMisfit, 1));
}

/// With the extension for tasks declared.
fn with_tasks(mut params: Value) -> Value {
    params["_meta"] = json!({ "io.modelcontextprotocol/clientCapabilities": {
        "extensions": { "io.modelcontextprotocol/tasks": {} },
    } });
    params
}

#[test]
fn a_message_about_a_task_names_one_that_its_caller_was_given() {
    let server = server(&json!({ "tasks": "pass" }));
    let key = SealKey::new([7; 32]);
    let facts = Facts { tasks: Some(key.clone()), ..Facts::at(NOW) };
    let of = |server: &str, tool: &str| Task::seal(&key, server, caller(NOW + 600).id(), tool, "t1");
    let get = |id: &str| message(STATELESS, "tasks/get", with_tasks(json!({ "taskId": id })));
    let reason = |message: Message| decided_with(&server, message, &facts).err().map(|(refusal, _)| refusal.reason);
    let permitted =
        decided_with(&server, get(&of("crm", "find")), &facts).unwrap_or_else(|(refusal, _)| panic!("{refusal:?}"));
    assert_eq!(body(&permitted.discharge().0)["params"]["taskId"], "t1");
    assert_eq!(reason(get(&of("other", "find"))), Some(Reason::TaskUnknown));
    assert_eq!(reason(get(&of("crm", "gone"))), Some(Reason::ToolUnknown), "the rule of its tool, as it is now");
    assert_eq!(reason(get("t1")), Some(Reason::TaskUnknown));
    let undeclared = message(STATELESS, "tasks/get", json!({ "taskId": of("crm", "find") }));
    assert_eq!(reason(undeclared), Some(Reason::TasksUndeclared));
    let unnamed = message(STATELESS, "tasks/get", with_tasks(json!({})));
    assert_eq!(reason(unnamed), Some(Reason::ParamsMalformed));
}

#[test]
fn a_call_may_be_a_task_only_where_the_policy_passes_tasks_and_the_revision_has_them() {
    let (pass, refuse) = (server(&json!({ "tasks": "pass" })), server(&json!({})));
    let task = |session| {
        let params = json!({ "name": "find", "arguments": {}, "task": { "ttl": 1 } });
        message(session, "tools/call", if session.is_none() { with_tasks(params) } else { params })
    };
    for (server, session) in [(&refuse, SESSION), (&refuse, STATELESS), (&pass, SESSION)] {
        assert_eq!(refused(server, task(session)).reason, Reason::MethodNotServed, "{session:?}");
    }
    // How a client of before asks for one is not how it is asked for now.
    let outbound = body(&sent(&pass, task(STATELESS)));
    assert_eq!(outbound["params"]["task"], Value::Null);
    assert_eq!(outbound["params"]["name"], "find");
    let other = message(STATELESS, "tools/list", with_tasks(json!({ "task": { "ttl": 1 } })));
    assert_eq!(body(&sent(&pass, other))["params"]["task"], json!({ "ttl": 1 }));
}

#[test]
fn what_a_message_says_of_its_user_is_counted_where_it_is_taken_out() {
    let of = |hints: Value| server(&json!({ "tools": { "find": { "effect": "read", "hints": hints } } }));
    let hinting = || {
        let meta = json!({ "openai/userAgent": "app", "openai/subject": "u1", "openai/session": "s1", "other": 1 });
        message(SESSION, "tools/call", json!({ "name": "find", "arguments": {}, "_meta": meta }))
    };
    let outbound = sent(&of(json!([])), hinting());
    assert_eq!((outbound.removed(), &body(&outbound)["params"]["_meta"]), (3, &json!({ "other": 1 })));
    let outbound = sent(&of(json!(["user_agent", "subject", "session"])), hinting());
    assert_eq!((outbound.removed(), body(&outbound)["params"]["_meta"].as_object().unwrap().len()), (0, 4));
}

/// A result as the caller gets it, and what was found in it.
fn redacted(action: &str, result: &Value) -> (Value, String) {
    let types = json!(["contact", "pci", "government_id"]);
    let server = server(&json!({ "redact": [{ "types": types, "direction": "results", "action": action }] }));
    let (_, mut judge) = permit(&server, call("find", json!({}))).discharge();
    let text = json!({ "jsonrpc": "2.0", "id": 7, "result": result }).to_string();
    let inspected = judge.inspect(text.into(), false, &Facts::at(NOW), &NoLedger).unwrap();
    (serde_json::from_slice(inspected.text()).unwrap(), format!("{:?}", judge.sensitive()))
}

#[test]
fn a_text_that_repeats_the_result_is_rewritten_as_if_it_stood_alone() {
    let structured = json!({ "mail": "ann.smith@example.com", "card": "4111 1111 1111 1111", "note": "call +44 20 7946 0958",
        "people": [{ "ssn": 123_456_789, "name": "Ann" }, { "ssn": "078-05-1120", "tags": ["bob@example.org"] }],
        "inner": "{\"email\": \"carl@example.net\"}", "carl@example.net": true, "plain": [1.50, null, "x"] });
    let mut reordered = structured.as_object().unwrap().iter().rev().collect::<Vec<_>>();
    reordered.rotate_left(2);
    let reordered: BTreeMap<_, _> = reordered.into_iter().collect();
    let mut other = structured.clone();
    other["card"] = json!("5555 5555 5555 4444");
    let texts = [
        structured.to_string(),
        serde_json::to_string_pretty(&structured).unwrap(),
        structured.to_string().replace("ann.smith", "\\u0061nn.smith"),
        serde_json::to_string(&reordered).unwrap(),
        other.to_string(),
        "mail ann.smith@example.com".to_owned(),
        structured.to_string(),
    ];
    let mut kinds: Vec<Value> = texts.iter().map(|text| json!({ "type": "text", "text": text })).collect();
    // What stands beside a text may say what it is.
    kinds.push(json!({ "type": "text", "text": structured.to_string(), "title": "Passport" }));
    kinds.push(json!({ "type": "passport", "text": structured.to_string() }));
    let rest = json!({ "content": kinds, "structuredContent": structured });
    for action in ["mask", "replace", "drop", "observe"] {
        let (together, found) = redacted(action, &rest);
        // With an entry that the protocol does not have, every text is looked through.
        let mut apart = rest.clone();
        apart["more"] = json!(1);
        let (mut alone, each) = redacted(action, &apart);
        alone["result"].as_object_mut().unwrap().remove("more");
        assert_eq!(together, alone, "{action}");
        assert_eq!(found, each, "{action}");
        assert!(action == "observe" || !together.to_string().contains("ann.smith@example.com"), "{together}");
        let first: Value = serde_json::from_str(together["result"]["content"][0]["text"].as_str().unwrap()).unwrap();
        assert_eq!(first, together["result"]["structuredContent"], "{action}");
    }
}
