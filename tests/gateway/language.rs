//! The policy language from outside: what each of its words refuses, whoever tries what.
use crate::support::*;
use serde_json::{Value, json};

/// A request without a token.
fn nobody(method: &str, params: &Value) -> Request {
    modern("", method, params).without("authorization")
}

fn find(id: &str) -> Value {
    json!({"name":"find_customer","arguments":{"id":id}})
}

#[test]
fn a_deny_wins_over_an_allow() {
    let gateway = Gateway::with(
        "roles:
  contractor: { claim: groups, any: [contractor] }
tools:
  find_customer: { effect: read }
  find_orders: { effect: read }
  count_orders: { effect: read }
deny:
  - { name: no-contractors, tools: ['find_*'], roles: [contractor] }
",
        "",
    );
    gateway.upstream.tools(&["find_customer", "find_orders", "count_orders"]);
    let contractor = gateway.with_claims(json!({"groups":["support","contractor"]}));
    assert_eq!(gateway.listed(&contractor), ["count_orders"]);
    for name in ["find_customer", "find_orders"] {
        let answer = gateway.tool(&contractor, name, json!({}));
        assert_eq!((answer.status, answer.code()), (200, -31403), "{}", answer.body);
    }
    assert!(gateway.upstream.called().is_empty());
    assert_eq!(gateway.last_record()["reason"], "DeniedByRule");
    assert_eq!(gateway.last_record()["target"], "no-contractors");
    assert_eq!(gateway.tool(&contractor, "count_orders", json!({})).status, 200);
    assert_eq!(gateway.listed(&gateway.ann()), ["find_customer", "find_orders", "count_orders"]);
    assert_eq!(gateway.tool(&gateway.ann(), "find_customer", json!({})).code(), 0);
    assert_eq!(gateway.upstream.called(), ["count_orders", "find_customer"]);
}

#[test]
fn a_deny_whose_condition_fails_denies_and_hides() {
    let gateway = Gateway::with(
        "tools:
  find_customer: { effect: read }
deny:
  - { name: abroad, tools: [find_customer], when: 'principal.claims.country != \"de\"' }
",
        "",
    );
    gateway.upstream.tools(&["find_customer"]);
    for claims in [json!({}), json!({"country":"fr"}), json!({"country":null}), json!({"country":["de"]})] {
        let token = gateway.with_claims(claims.clone());
        assert!(gateway.listed(&token).is_empty(), "{claims}");
        assert_eq!(gateway.call(&token, "tools/call", find("1")).code(), -31403, "{claims}");
    }
    assert!(gateway.upstream.called().is_empty());
    let token = gateway.with_claims(json!({"country":"de"}));
    assert_eq!(gateway.listed(&token), ["find_customer"]);
    assert_eq!(gateway.call(&token, "tools/call", find("1")).code(), 0);
    assert_eq!(gateway.upstream.called(), ["find_customer"]);
}

#[test]
fn a_deny_on_arguments_refuses_the_call_and_does_not_hide_the_tool() {
    let gateway = Gateway::with(
        "tools:
  find_customer: { effect: read }
deny:
  - { name: vips, tools: [find_customer], when: 'args.id.startsWith(\"vip\")' }
",
        "",
    );
    gateway.upstream.tools(&["find_customer"]);
    let token = gateway.ann();
    assert_eq!(gateway.listed(&token), ["find_customer"]);
    for arguments in [json!({"id":"vip-1"}), json!({}), json!({"id":7}), json!({"id":{"a":1}}), json!({"id":null})] {
        let answer = gateway.tool(&token, "find_customer", arguments.clone());
        assert_eq!(answer.code(), -31403, "{arguments}: {}", answer.body);
    }
    let answer = gateway.call(&token, "tools/call", json!({"name":"find_customer"}));
    assert_eq!(answer.code(), -31403, "without arguments it is still a call: {}", answer.body);
    let request = modern(&token, "tools/call", &find("vip-1"));
    let escaped = String::from_utf8(request.body.clone()).unwrap().replace("vip-1", "v\\u0069p-1");
    assert_eq!(gateway.send(&request.body(escaped)).code(), -31403, "escapes are read");
    assert!(gateway.upstream.called().is_empty());
    assert_eq!(gateway.call(&token, "tools/call", find("1")).code(), 0);
    assert_eq!(gateway.upstream.called(), ["find_customer"]);
}

#[test]
fn a_deny_that_is_added_ends_the_streams_of_the_calls_it_is_about() {
    let gateway = Gateway::start();
    gateway.upstream.script(|_, out| {
        open_events(out);
        raw(out, "data: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/progress\",\"params\":{\"progressToken\":1,\"progress\":1}}\n\n");
        std::thread::sleep(std::time::Duration::from_secs(600));
    });
    let token = gateway.ann();
    let (_, mut denied) = gateway.open(&modern(&token, "tools/call", &find("vip-1")));
    let (_, mut other) = gateway.open(&modern(&token, "tools/call", &find("1")));
    let until = |reader: &mut std::io::BufReader<std::net::TcpStream>, word: &str| {
        let mut text = String::new();
        while !text.contains(word) {
            assert!(std::io::BufRead::read_line(reader, &mut text).unwrap() > 0, "{text}");
        }
    };
    until(&mut denied, "progress");
    until(&mut other, "progress");
    let deny = "deny:\n  - { name: vips, tools: [find_customer], when: 'args.id.startsWith(\"vip\")' }\n";
    gateway.policy(&format!("{TOOLS}{deny}"));
    until(&mut denied, "-31403");
    let reached = gateway.upstream.called().len();
    assert_eq!(gateway.call(&token, "tools/call", find("vip-2")).code(), -31403);
    assert_eq!(gateway.upstream.called().len(), reached);
    gateway.policy("tools:\n  another: { effect: read }\n");
    until(&mut other, "-31403");
}

#[test]
fn a_deny_for_everything_hides_all_and_lets_no_call_through() {
    let gateway = Gateway::with(&format!("{TOOLS}deny:\n  - {{ name: freeze }}\n"), "");
    gateway.upstream.script(|seen, out| {
        let message = seen.json();
        let result = match message["method"].as_str().unwrap() {
            "tools/list" => json!({"tools":[{"name":"find_customer","inputSchema":{}}]}),
            "resources/list" => json!({"resources":[{"uri":"crm://customers/1","name":"one"}]}),
            "resources/templates/list" => {
                json!({"resourceTemplates":[{"uriTemplate":"crm://customers/{id}","name":"t"}]})
            }
            "prompts/list" => json!({"prompts":[{"name":"summarize"}]}),
            _ => json!({}),
        };
        reply(out, 200, "application/json", &json!({"jsonrpc":"2.0","id":message["id"],"result":result}).to_string());
    });
    let token = gateway.token("ann", "crm.read crm.write crm.admin");
    for (method, list) in [
        ("tools/list", "tools"),
        ("resources/list", "resources"),
        ("resources/templates/list", "resourceTemplates"),
        ("prompts/list", "prompts"),
    ] {
        let answer = gateway.call(&token, method, json!({}));
        assert_eq!(answer.json()["result"][list], json!([]), "{method}: {}", answer.body);
    }
    let listings = gateway.upstream.seen().len();
    for (method, params) in [
        ("tools/call", find("1")),
        ("tools/call", json!({"name":"delete_customer","arguments":{}})),
        ("resources/read", json!({"uri":"crm://customers/1"})),
        ("prompts/get", json!({"name":"summarize"})),
        (
            "completion/complete",
            json!({"ref":{"type":"ref/prompt","name":"summarize"},"argument":{"name":"a","value":"b"}}),
        ),
    ] {
        let answer = gateway.call(&token, method, params);
        assert_eq!(answer.code(), -31403, "{method}: {}", answer.body);
    }
    assert_eq!(gateway.upstream.seen().len(), listings);
}

#[test]
fn a_completion_has_no_arguments_that_could_meet_a_condition() {
    let gateway = Gateway::with(
        "prompts:
  summarize: { scopes: [crm.read], when: 'args.region == principal.claims.region' }
",
        "",
    );
    let token = gateway.ann();
    let reference = json!({"type":"ref/prompt","name":"summarize"});
    let completion = json!({"ref":reference,"argument":{"name":"region","value":""},"arguments":{"region":"eu"}});
    let answer = gateway.call(&token, "completion/complete", completion);
    assert_eq!(answer.code(), -31403, "{}", answer.body);
    assert!(gateway.upstream.seen().is_empty());
    gateway.upstream.result(json!({"messages":[],"resultType":"complete"}));
    let get =
        |region: &str| gateway.call(&token, "prompts/get", json!({"name":"summarize","arguments":{"region":region}}));
    assert_eq!((get("eu").code(), get("us").code()), (0, -31403));
}

#[test]
fn a_resource_is_not_reached_past_its_rule_by_another_spelling() {
    let gateway = Gateway::with(
        "resources:
  'crm://customers/{id}': { scopes: [crm.read] }
  'crm://customers/vip': { scopes: [crm.admin] }
  'file:///{+path}': { scopes: [crm.read] }
deny:
  - { name: secret, resources: ['crm://customers/secret', 'file:///etc/{+any}', 'file:///home/m%C3%BCller!'] }
",
        "",
    );
    gateway.upstream.result(json!({"contents":[],"resultType":"complete"}));
    let token = gateway.ann();
    let read = |uri: &str| gateway.call(&token, "resources/read", json!({"uri":uri}));
    for uri in ["vip", "%76ip", "v%69p", "v%49p", "vip?", "vip?a=b", "vip#a", "vip%", "vip%zz", "./vip", "a/../vip"] {
        assert_ne!(read(&format!("crm://customers/{uri}")).code(), 0, "{uri}");
    }
    for uri in ["secret", "%73ecret", "s%65cret", "secret?", "secret#", "secret/.", "%2e/secret"] {
        assert_ne!(read(&format!("crm://customers/{uri}")).code(), 0, "{uri}");
    }
    for uri in [
        "etc/passwd",
        "etc/pass%20wd",
        "etc/a?b",
        "%65tc/passwd",
        "home/m%C3%BCller!",
        "home/m%c3%bcller%21",
        "home/m%C3%BCller!?x",
        "home/m%C3%BCller!#x",
    ] {
        assert_ne!(read(&format!("file:///{uri}")).code(), 0, "{uri}");
    }
    assert!(gateway.upstream.seen().is_empty());
    for uri in ["42", "a%20b", "m%C3%BCller"] {
        assert_eq!(read(&format!("crm://customers/{uri}")).code(), 0, "{uri}");
    }
    assert_eq!(gateway.upstream.seen().len(), 3);
}

#[test]
fn a_wider_scope_stands_for_the_narrower_and_not_the_other_way_round() {
    let gateway = Gateway::with(
        "scopes:
  crm.admin: { implies: [crm.write] }
  crm.write: { implies: [crm.read] }
tools:
  find: { effect: read, scopes: [crm.read] }
  change: { effect: write, scopes: [crm.write] }
  erase: { effect: destructive, scopes: [crm.admin] }
",
        "",
    );
    gateway.upstream.tools(&["find", "change", "erase"]);
    for (scope, allowed) in [
        ("crm.read", &["find"][..]),
        ("crm.write", &["find", "change"]),
        ("crm.admin", &["find", "change", "erase"]),
        ("crm.admin2 crm", &[]),
        ("CRM.ADMIN", &[]),
    ] {
        let token = gateway.token("ann", scope);
        assert_eq!(gateway.listed(&token), allowed, "{scope}");
        let before = gateway.upstream.called().len();
        for (name, needed) in [("find", "crm.read"), ("change", "crm.write"), ("erase", "crm.admin")] {
            let answer = gateway.tool(&token, name, json!({}));
            if allowed.contains(&name) {
                assert_eq!((answer.status, answer.code()), (200, 0), "{scope}: {name}");
            } else {
                assert_eq!((answer.status, answer.code()), (403, -31403), "{scope}: {name}");
                let challenge = answer.header("www-authenticate").unwrap();
                assert!(challenge.contains(&format!("scope=\"{needed}\"")), "{challenge}");
            }
        }
        assert_eq!(&gateway.upstream.called()[before..], allowed, "{scope}");
    }
}

#[test]
fn defaults_apply_where_a_rule_is_silent_and_an_empty_list_overrides_them() {
    let gateway = Gateway::with(
        "roles:
  support: { claim: groups, any: [support] }
defaults:
  tools: { scopes: [crm.read], roles: [support], available: { clients: [app] } }
tools:
  guarded: { effect: read }
  unscoped: { effect: read, scopes: [] }
  open: { effect: read, scopes: [], roles: [] }
prompts:
  summarize: {}
",
        "",
    );
    gateway.upstream.tools(&["guarded", "unscoped", "open"]);
    let token = |groups: &[&str], scope: &str, client: &str| {
        gateway.with_claims(json!({"groups":groups,"scope":scope,"client_id":client}))
    };
    for (token, allowed) in [
        (token(&["support"], "crm.read", "app"), &["guarded", "unscoped", "open"][..]),
        (token(&["support"], "", "app"), &["unscoped", "open"]),
        (token(&["sales"], "crm.read", "app"), &["open"]),
        (token(&["support"], "crm.read", "other"), &[]),
    ] {
        assert_eq!(gateway.listed(&token), allowed);
        let before = gateway.upstream.called().len();
        for name in ["guarded", "unscoped", "open"] {
            gateway.tool(&token, name, json!({}));
        }
        assert_eq!(&gateway.upstream.called()[before..], allowed);
        let answer = gateway.call(&token, "prompts/get", json!({"name":"summarize"}));
        assert_eq!(answer.status, 200, "defaults of tools are not those of prompts: {}", answer.body);
    }
}

#[test]
fn a_change_in_a_fragment_is_in_force_without_a_restart_and_a_broken_one_changes_nothing() {
    let gateway = Gateway::with("tools:\n  other: { effect: read }\n", "");
    let token = gateway.ann();
    let code = || gateway.call(&token, "tools/call", find("1")).code();
    let problems =
        |text: &str| gateway.get_admin("/metrics").contains(&format!("portcullis_configuration_problems {text}"));
    assert_eq!(code(), -32602);
    std::fs::create_dir(gateway.directory.join("policies/shared")).unwrap();
    let allows = "tools:\n  find_customer: { effect: read, scopes: [crm.read] }\n";
    gateway.write_atomic("policies/shared/tools.yaml", allows);
    gateway.policy("include: [shared/tools.yaml]\ntools:\n  other: { effect: read }\n");
    wait("the fragment is in force", || code() == 0);

    gateway
        .write_atomic("policies/shared/tools.yaml", "tools:\n  find_customer: { effect: read, scopes: [crm.admin] }\n");
    wait("the tightened fragment is in force", || code() == -31403);
    let reached = gateway.upstream.called().len();
    for broken in [
        "tools:\n  find_customer: { effect: read, oops: 1 }\n",
        "tools: [\n",
        "tools:\n  other: { effect: read }\n",
        "upstream: { url: 'http://127.0.0.1:1/mcp' }\n",
        "include: [shared/tools.yaml]\n",
        "include: [../gateway.yaml]\n",
    ] {
        gateway.write_atomic("policies/shared/tools.yaml", broken);
        wait("the problem is told", || !problems("0"));
        assert_eq!(code(), -31403, "the old policy is in force: {broken}");
        gateway.write_atomic(
            "policies/shared/tools.yaml",
            "tools:\n  find_customer: { effect: read, scopes: [crm.admin] }\n",
        );
        wait("it is mended", || problems("0"));
    }
    std::fs::remove_file(gateway.directory.join("policies/shared/tools.yaml")).unwrap();
    wait("the missing fragment is told", || !problems("0"));
    assert_eq!(code(), -31403);
    assert_eq!(gateway.upstream.called().len(), reached);
    gateway.write_atomic("policies/shared/tools.yaml", allows);
    wait("the fragment is in force again", || code() == 0);
}

#[test]
fn what_is_not_available_is_hidden_and_refused() {
    let today = (now() / 86_400 + 3) % 7;
    let day = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"][usize::try_from((today + 3) % 7).unwrap()];
    let hour = now() / 3600 % 24;
    let hours = format!("{:02}:00-{:02}:00", (hour + 6) % 24, (hour + 8) % 24);
    let gateway = Gateway::with(
        &format!(
            "tools:
  now: {{ effect: read, available: {{ after: '2020-01-01T00:00:00Z', before: '2090-01-01T00:00:00Z' }} }}
  past: {{ effect: read, available: {{ before: '2020-01-01T00:00:00Z' }} }}
  future: {{ effect: read, available: {{ after: '2090-01-01T00:00:00Z' }} }}
  another_day: {{ effect: read, available: {{ days: [{day}] }} }}
  another_hour: {{ effect: read, available: {{ hours: '{hours}' }} }}
  by_client: {{ effect: read, available: {{ clients: [console] }} }}
  by_claim: {{ effect: read, available: {{ claims: {{ region: [eu], plan: [pro] }} }} }}
"
        ),
        "",
    );
    gateway.upstream.tools(&["now", "past", "future", "another_day", "another_hour", "by_client", "by_claim"]);
    let all = ["now", "past", "future", "another_day", "another_hour", "by_client", "by_claim"];
    for (claims, allowed) in [
        (json!({}), &["now"][..]),
        (json!({"client_id":"console"}), &["now", "by_client"]),
        (json!({"client_id":"Console"}), &["now"]),
        (json!({"client_id":["console"]}), &["now"]),
        (json!({"plan":"pro"}), &["now", "by_claim"]),
        (json!({"plan":["free","pro"],"region":["us","eu"]}), &["now", "by_claim"]),
        (json!({"plan":"pro","region":"us"}), &["now"]),
        (json!({"plan":"pro","region":null}), &["now"]),
        (json!({"plan":{"pro":true}}), &["now"]),
    ] {
        let token = gateway.with_claims(claims.clone());
        assert_eq!(gateway.listed(&token), allowed, "{claims}");
        let before = gateway.upstream.called().len();
        for name in all {
            let answer = gateway.tool(&token, name, json!({}));
            let expected = if allowed.contains(&name) { 0 } else { -31403 };
            assert_eq!((answer.status, answer.code()), (200, expected), "{claims}: {name}");
        }
        assert_eq!(&gateway.upstream.called()[before..], allowed, "{claims}");
    }
}

#[test]
fn a_step_up_is_asked_for_as_rfc_9470_says_and_only_a_recent_strong_login_passes() {
    let gateway = Gateway::with(
        "tools:
  pay: { effect: write, scopes: [crm.write], step_up: { acr: [gold, platinum], max_age: 5m } }
",
        "",
    );
    gateway.upstream.tools(&["pay"]);
    let metadata = format!("http://localhost:{}/.well-known/oauth-protected-resource/crm/mcp", gateway.port);
    let challenge = format!(
        "Bearer error=\"insufficient_user_authentication\", \
         error_description=\"This needs a more recent or stronger login.\", \
         acr_values=\"gold platinum\", max_age=300, resource_metadata=\"{metadata}\""
    );
    for claims in [
        json!({}),
        json!({"acr":"gold"}),
        json!({"auth_time":now()}),
        json!({"acr":"gold","auth_time":now()-400}),
        json!({"acr":"gold","auth_time":(now()-10).to_string()}),
        json!({"acr":"gold","auth_time":now()+86_400}),
        json!({"acr":"gold","auth_time":-1}),
        json!({"acr":"silver","auth_time":now()-10}),
        json!({"acr":"gold platinum","auth_time":now()-10}),
        json!({"acr":["gold"],"auth_time":now()-10}),
    ] {
        let token = gateway.with_claims(claims.clone());
        let answer = gateway.tool(&token, "pay", json!({}));
        assert_eq!((answer.status, answer.code()), (401, -31401), "{claims}: {}", answer.body);
        assert_eq!(answer.header("www-authenticate"), Some(challenge.as_str()), "{claims}");
        assert!(gateway.listed(&token).is_empty(), "{claims}");
    }
    assert!(gateway.upstream.called().is_empty());
    for acr in ["gold", "platinum"] {
        let token = gateway.with_claims(json!({"acr":acr,"auth_time":now()-10}));
        assert_eq!(gateway.tool(&token, "pay", json!({})).code(), 0);
        assert_eq!(gateway.listed(&token), ["pay"]);
    }
    assert_eq!(gateway.upstream.called(), ["pay", "pay"]);
}

const OPEN: &str = "  anonymous: true
tools:
  search_docs: { effect: read, anonymous: true }
  find_customer: { effect: read, scopes: [crm.read] }
  whoami: { effect: read }
resources:
  'docs://{page}': { anonymous: true }
  'crm://customers/{id}': { scopes: [crm.read] }
";

#[test]
fn without_a_token_only_what_is_anonymous_is_listed_and_callable() {
    let gateway = Gateway::with(OPEN, "");
    gateway.upstream.tools(&["search_docs", "find_customer", "whoami", "unknown"]);
    let list = gateway.send(&nobody("tools/list", &json!({})));
    assert_eq!(names(&list), ["search_docs"]);
    assert_eq!(list.json()["result"]["tools"][0]["securitySchemes"][0], json!({"type":"noauth"}));
    let call = nobody("tools/call", &json!({"name":"search_docs","arguments":{"q":"x"}}))
        .set("cookie", "session=callers")
        .set("x-forwarded-for", "10.0.0.1")
        .set("x-api-key", "callers");
    let answer = gateway.send(&call);
    assert_eq!((answer.status, answer.code()), (200, 0), "{}", answer.body);
    assert_eq!(gateway.upstream.called(), ["search_docs"]);
    let seen = gateway.upstream.seen().pop().unwrap();
    assert_eq!(seen.header("authorization"), Some("Bearer the-gateways-own-secret"));
    let whole = format!("{seen:?}");
    assert!(!whole.contains("callers") && !whole.contains("10.0.0.1"), "{whole}");
    let record = gateway.last_record();
    assert_eq!((&record["issuer"], &record["outcome"]), (&json!("anonymous"), &json!("allow")), "{record}");
    assert_eq!(record["client"], Value::Null);

    let reached = gateway.upstream.seen().len();
    let metadata = format!("http://localhost:{}/.well-known/oauth-protected-resource/crm/mcp", gateway.port);
    let challenge = format!("Bearer resource_metadata=\"{metadata}\", scope=\"crm.read\"");
    for (method, params) in [
        ("tools/call", find("1")),
        ("tools/call", json!({"name":"whoami","arguments":{}})),
        ("resources/read", json!({"uri":"crm://customers/1"})),
    ] {
        let answer = gateway.send(&nobody(method, &params));
        assert_eq!((answer.status, answer.code()), (401, -31401), "{params}: {}", answer.body);
        assert_eq!(answer.header("www-authenticate"), Some(challenge.as_str()), "so that a client can log in");
    }
    let answer = gateway.send(&nobody("tools/call", &json!({"name":"unknown","arguments":{}})));
    assert_eq!(answer.code(), -32602, "{}", answer.body);
    assert_eq!(gateway.upstream.seen().len(), reached);
    assert_eq!(gateway.listed(&gateway.ann()), ["search_docs", "find_customer", "whoami"]);
}

#[test]
fn a_token_that_is_not_valid_is_never_taken_for_none() {
    let gateway = Gateway::with(OPEN, "");
    let expired = gateway.with_claims(json!({"exp":now()-10}));
    let foreign = gateway.with_claims(json!({"aud":"https://elsewhere.example.com"}));
    let forged = Signer::new("k1").sign("at+jwt", &gateway.claims("ann", "crm.read"));
    let call = nobody("tools/call", &json!({"name":"search_docs","arguments":{}}));
    for header in [
        format!("Bearer {expired}"),
        format!("Bearer {foreign}"),
        format!("Bearer {forged}"),
        "Bearer x".to_owned(),
        "Bearer ".to_owned(),
        "Bearer".to_owned(),
        String::new(),
        "Basic YW5uOmFubg==".to_owned(),
        "anonymous".to_owned(),
    ] {
        let answer = gateway.send(&call.clone().set("authorization", &header));
        assert_eq!((answer.status, answer.code()), (401, -31401), "{header:?}: {}", answer.body);
        assert!(answer.header("www-authenticate").unwrap().contains("invalid_token"), "{header:?}");
    }
    let mut twice = call.clone().set("authorization", &format!("Bearer {}", gateway.ann()));
    twice.headers.push(("authorization".to_owned(), "Bearer x".to_owned()));
    assert_eq!(gateway.send(&twice).status, 400);
    assert!(gateway.upstream.seen().is_empty());

    let closed = Gateway::start();
    let answer = closed.send(&nobody("tools/list", &json!({})));
    assert_eq!((answer.status, answer.code()), (401, -31401), "a server that does not say so admits nobody");
    assert!(closed.upstream.seen().is_empty());
}

#[test]
fn a_session_begun_without_a_token_is_nobody_elses_and_the_other_way_round() {
    let gateway = Gateway::with(OPEN, "");
    let ann = gateway.ann();
    let anns = gateway.initialize(&ann);
    let params = json!({"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"t","version":"1"}});
    let initialize = json!({"jsonrpc":"2.0","id":0,"method":"initialize","params":params});
    let answer = gateway.send(&legacy("", None, &initialize).without("authorization"));
    assert_eq!(answer.status, 200, "{}", answer.body);
    let nobodys = answer.header("mcp-session-id").unwrap().to_owned();
    let call = json!({"jsonrpc":"2.0","id":5,"method":"tools/call","params":{"name":"search_docs","arguments":{}}});
    let before = gateway.upstream.seen().len();
    for line in ["POST /crm/mcp", "GET /crm/mcp", "DELETE /crm/mcp"] {
        let mut with_token = legacy(&ann, Some(&nobodys), &call);
        with_token.line = line.to_owned();
        let mut without = legacy("", Some(&anns), &call).without("authorization");
        without.line = line.to_owned();
        assert_eq!(gateway.send(&with_token).status, 404, "{line}");
        assert_eq!(gateway.send(&without).status, 404, "{line}");
    }
    assert_eq!(gateway.upstream.seen().len(), before);
    let answer = gateway.send(&legacy("", Some(&nobodys), &call).without("authorization"));
    assert_eq!((answer.status, answer.code()), (200, 0), "{}", answer.body);
    assert_eq!(gateway.send(&legacy(&ann, Some(&anns), &call)).status, 200);
    assert_eq!(gateway.upstream.called(), ["search_docs", "search_docs"]);
}

#[test]
fn a_token_that_lives_longer_than_allowed_is_refused() {
    let gateway = Gateway::with(&format!("  token_life_max: 5m\n{TOOLS}"), "");
    let token = |life: u64| gateway.with_claims(json!({"exp":now()+life}));
    for life in [400, 86_400, 10_000_000_000] {
        let answer = gateway.call(&token(life), "tools/call", find("1"));
        assert_eq!((answer.status, answer.code()), (401, -31401), "{life}: {}", answer.body);
        assert!(answer.header("www-authenticate").unwrap().contains("error=\"invalid_token\""));
    }
    assert!(gateway.upstream.seen().is_empty());
    let reasons: Vec<_> = gateway.records().iter().map(|r| r["reason"].clone()).collect();
    assert_eq!(reasons, ["TokenLivesTooLong"; 3]);
    assert_eq!(gateway.call(&token(200), "tools/call", find("1")).code(), 0);
    assert_eq!(gateway.upstream.called(), ["find_customer"]);
}
