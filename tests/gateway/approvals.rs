//! Attacks on what decides: the approval page, signing in and the webhook.
//! Each ends with what reached the server.
use crate::people::*;
use crate::support::*;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

const POLICY: &str = "roles:
  approvers: { claim: groups, any: [approvers] }
tools:
  delete_customer: { effect: destructive, confirm: [approver] }
  update_customer: { effect: write, confirm: [code] }
confirmations:
  approver: { roles: [approvers] }
";
const SECRET: &str = "a-webhook-secret-of-32-characters";

pub struct World {
    pub gateway: Gateway,
    pub issuer: Issuer,
}

impl World {
    pub fn new() -> Self {
        let (gateway, issuer) = (Gateway::with(POLICY, ""), Issuer::start());
        with_page(&gateway, &issuer);
        Self { gateway, issuer }
    }

    pub fn call(&self, arguments: &Value) -> Answer {
        let token = self.gateway.with_claims(json!({ "iss": self.issuer.url() }));
        self.gateway.tool(&token, "delete_customer", arguments.clone())
    }

    /// The call that waits, of these arguments.
    pub fn asked(&self, arguments: &Value) -> String {
        let answer = self.call(arguments);
        let id = answer.json()["result"]["_meta"]["portcullis/confirmation"]["id"].as_str().map(str::to_owned);
        id.unwrap_or_else(|| panic!("not asked: {answer:?}"))
    }

    fn signed_in(&self, who: &str, groups: &[&str]) -> Browser<'_> {
        Browser::of(&self.gateway, &self.issuer, who, groups)
    }

    pub fn bob(&self) -> Browser<'_> {
        self.signed_in("bob", &["approvers"])
    }

    /// Nobody decided, and nothing was done.
    pub fn untouched(&self, id: &str, arguments: &Value) {
        assert_eq!(self.asked(arguments), id, "it still waits");
        assert!(self.gateway.upstream.called().is_empty());
    }

    fn reload(&self, change: impl Fn(&str) -> String) {
        let before = applied(&self.gateway);
        let yaml = std::fs::read_to_string(self.gateway.directory.join("gateway.yaml")).unwrap();
        self.gateway.write_atomic("gateway.yaml", &change(&yaml));
        wait("the settings changed", || applied(&self.gateway) > before);
    }
}

#[test]
fn loading_a_page_in_whatever_way_decides_nothing() {
    let world = World::new();
    let arguments = json!({ "id": 7 });
    let (id, mut bob) = (world.asked(&arguments), world.bob());
    let path = format!("/-/confirmations/{id}");
    let token = bob.form_token(&path).unwrap();
    for query in
        [String::new(), format!("?decision=approve&token={token}"), format!("?token={token}&calls=3&decision=approve")]
    {
        for verb in ["GET", "HEAD", "OPTIONS", "PUT", "DELETE", "PATCH"] {
            for headers in [
                &[][..],
                &[("sec-purpose", "prefetch;prerender"), ("purpose", "prefetch")],
                &[("x-http-method-override", "POST"), ("x-method-override", "POST")],
                &[("content-type", "application/x-www-form-urlencoded")],
            ] {
                let body = if headers.is_empty() { String::new() } else { format!("token={token}&decision=approve") };
                let answer = bob.send(&format!("{verb} {path}{query}"), headers, &body);
                assert!(answer.status == 200 || answer.status == 405, "{verb}: {answer:?}");
                assert_eq!(answer.status == 200, verb == "GET", "{verb}");
            }
        }
    }
    world.untouched(&id, &arguments);
    // Nor for whoever is not signed in.
    let mut nobody = Browser::new(&world.gateway);
    let page = nobody.get(&path);
    assert!(page.status == 401 && !page.body.contains("customer"), "{page:?}");
    assert_eq!(bob.decide(&id, "approve", "").status, 303, "the form does");
}

#[test]
fn a_form_that_is_not_of_the_page_decides_nothing() {
    let world = World::new();
    let arguments = json!({ "id": 7 });
    let (id, mut bob) = (world.asked(&arguments), world.bob());
    let path = format!("/-/confirmations/{id}");
    let token = bob.form_token(&path).unwrap();
    let own = format!("http://localhost:{}", world.gateway.port);
    let (good, form) = (format!("token={token}&decision=approve"), "application/x-www-form-urlencoded");
    let eves = world.signed_in("bob", &["approvers"]).form_token("/-/confirmations").unwrap();
    assert_ne!(eves, token, "of another sign-in of the same person");
    let post = format!("POST {path}");
    type Case<'a> = (&'a str, Vec<(&'a str, &'a str)>, String);
    let cases: Vec<Case<'_>> = vec![
        ("no origin", vec![("content-type", form)], good.clone()),
        ("another site", vec![("origin", "https://evil.example"), ("content-type", form)], good.clone()),
        ("a sandbox", vec![("origin", "null"), ("content-type", form)], good.clone()),
        ("another scheme", vec![("origin", "https://localhost"), ("content-type", form)], good.clone()),
        (
            "a name that begins so",
            vec![("origin", "http://localhost.evil.example"), ("content-type", form)],
            good.clone(),
        ),
        ("a form that needs no preflight", vec![("origin", &own), ("content-type", "text/plain")], good.clone()),
        ("JSON", vec![("origin", &own), ("content-type", "application/json")], good.clone()),
        ("no token", vec![("origin", &own), ("content-type", form)], "decision=approve".to_owned()),
        ("an empty token", vec![("origin", &own), ("content-type", form)], "token=&decision=approve".to_owned()),
        ("another's token", vec![("origin", &own), ("content-type", form)], format!("token={eves}&decision=approve")),
        ("no decision", vec![("origin", &own), ("content-type", form)], format!("token={token}")),
        ("another word", vec![("origin", &own), ("content-type", form)], format!("token={token}&decision=Approve")),
        ("too long", vec![("origin", &own), ("content-type", form)], format!("{good}&x={}", "x".repeat(20_000))),
    ];
    for (what, headers, body) in &cases {
        let answer = bob.send(&post, headers, body);
        assert_eq!(answer.status, 403, "{what}: {answer:?}");
    }
    let mut nobody = Browser::new(&world.gateway);
    assert_eq!(nobody.post(&path, &good).status, 401);
    let wrong_host = [("host", "evil.example"), ("origin", &own), ("content-type", form)];
    assert_eq!(bob.send(&post, &wrong_host, &good).status, 403, "a rebound name");
    world.untouched(&id, &arguments);
}

#[test]
fn no_page_can_be_framed_scripted_or_kept() {
    let world = World::new();
    let (id, mut bob) = (world.asked(&json!({ "id": 7 })), world.bob());
    for path in [
        "/-/confirmations",
        &format!("/-/confirmations/{id}"),
        "/-/confirmations/x",
        "/-/style.css",
        "/-/none",
        "/-/sign-in",
        "/-/callback?code=x&state=y",
    ] {
        let answer = bob.get(path);
        let policy = answer.header("content-security-policy").unwrap_or_else(|| panic!("{path}: {answer:?}"));
        assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{path}");
        assert!(policy.contains("form-action 'self'") && policy.contains("base-uri 'none'"), "{path}");
        assert!(!policy.contains("unsafe") && !policy.contains("script-src"), "{path}");
        assert_eq!(answer.header("x-frame-options"), Some("DENY"), "{path}");
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{path}");
        let inline = ["<script", "<style", " style=", " onclick=", " onload=", " onerror=", "javascript:"];
        assert!(inline.iter().all(|inline| !answer.body.contains(inline)), "{path}: {}", answer.body);
    }
}

#[test]
fn a_sign_in_is_of_the_browser_that_began_it_and_makes_a_new_session() {
    let world = World::new();
    let claims = json!({ "sub": "bob", "groups": ["approvers"] });
    // Somebody who leads another to their own sign-in, with or without one begun there.
    let mut eve = Browser::new(&world.gateway);
    let begun = eve.begin("/-/confirmations");
    let code = eve.id_token(&world.issuer, &begun, &claims);
    for mut victim in [Browser::new(&world.gateway), {
        let mut browser = Browser::new(&world.gateway);
        browser.begin("/-/confirmations");
        browser
    }] {
        assert_eq!(victim.come_back(&code, &begun["state"]).status, 400);
        assert_eq!(victim.get("/-/confirmations").status, 401);
    }
    // A state that was altered, is of another time or page, or of nobody.
    let state = &begun["state"];
    let parts: Vec<&str> = state.split('.').collect();
    for altered in [
        String::new(),
        "..".to_owned(),
        state.to_uppercase(),
        format!("{}.{}.{}", now() + 9999, parts[1], parts[2]),
        format!("{}.{}.{}", parts[0], "/-/confirmations/x", parts[2]),
        format!("{}.{}.{}", parts[0], "https://evil", parts[2]),
        format!("{state}x"),
    ] {
        assert_eq!(eve.come_back(&code, &altered).status, 400, "{altered}");
    }
    // What the issuer says has to be of this sign-in.
    for wrong in [
        json!({ "nonce": "another" }),
        json!({ "aud": "another" }),
        json!({ "aud": ["page", "another"] }),
        json!({ "iss": "https://evil.example" }),
        json!({ "exp": now() - 1 }),
    ] {
        let mut all = claims.clone();
        all.as_object_mut().unwrap().extend(wrong.as_object().unwrap().clone());
        let token = eve.id_token(&world.issuer, &begun, &all);
        assert_eq!(eve.come_back(&token, state).status, 400, "{wrong}");
    }
    let forged = Signer::new("k1").sign(
        "JWT",
        &json!({ "iss": world.issuer.url(), "aud": "page", "sub": "bob",
        "nonce": begun["nonce"], "exp": now() + 600, "groups": ["approvers"] }),
    );
    assert_eq!(eve.come_back(&forged, state).status, 400, "another's signature");
    let answer = eve.send(&format!("GET /-/callback?code={code}&state={state}&iss=https://evil.example"), &[], "");
    assert_eq!(answer.status, 400, "from another issuer than was asked (RFC 9207)");
    assert_eq!(eve.get("/-/confirmations").status, 401);

    // A session that was planted before is not the one after.
    let mut bob = Browser::new(&world.gateway);
    bob.cookies.insert("__Host-portcullis".to_owned(), "planted".to_owned());
    assert_eq!(bob.sign_in(&world.issuer, claims.clone()).status, 303);
    let session = bob.cookies["__Host-portcullis"].clone();
    assert_ne!(session, "planted");
    let mut planted = Browser::new(&world.gateway);
    planted.cookies.insert("__Host-portcullis".to_owned(), "planted".to_owned());
    assert_eq!(planted.get("/-/confirmations").status, 401);
    // Coming back once more needs another beginning.
    assert_eq!(bob.come_back(&code, state).status, 400, "replayed");
    // Signing in again, or out, ends the session before.
    assert_eq!(bob.sign_in(&world.issuer, claims.clone()).status, 303);
    let mut before = Browser::new(&world.gateway);
    before.cookies.insert("__Host-portcullis".to_owned(), session);
    assert_eq!(before.get("/-/confirmations").status, 401);
    let token = bob.form_token("/-/confirmations").unwrap();
    let kept = bob.cookies.clone();
    assert_eq!(bob.post("/-/sign-out", "token=another").status, 403);
    assert_eq!(bob.post("/-/sign-out", &format!("token={token}")).status, 303);
    bob.cookies = kept;
    assert_eq!(bob.get("/-/confirmations").status, 401);
}

#[test]
fn whoever_is_not_signed_in_makes_the_gateway_remember_and_ask_nothing() {
    let world = World::new();
    for _ in 0..300 {
        let begun = Browser::new(&world.gateway).begin("/-/confirmations");
        assert_eq!(begun["redirect_uri"], format!("http://localhost:{}/-/callback", world.gateway.port));
    }
    assert_eq!(world.issuer.asked(), (1, 0), "discovery is remembered");
    for to in ["//evil.example", "https://evil.example", "/-/confirmations/../../crm", "/crm/mcp", &"x".repeat(2000)] {
        let state = Browser::new(&world.gateway).begin(to)["state"].clone();
        assert_eq!(state.split('.').nth(1), Some("/-/confirmations"), "{to}");
    }
    // One person cannot keep the others out.
    let mut bob = world.bob();
    let mut eve: Vec<Browser<'_>> = (0..11).map(|_| world.signed_in("eve", &[])).collect();
    let lives = eve.iter_mut().filter_map(|browser| Some(browser.get("/-/confirmations").status).filter(|s| *s == 200));
    assert_eq!(lives.count(), 8);
    assert_eq!(eve[10].get("/-/confirmations").status, 200, "the last is one of them");
    assert_eq!(bob.get("/-/confirmations").status, 200);
}

#[test]
fn only_an_approver_who_is_not_the_requester_and_still_signed_in_decides() {
    let world = World::new();
    let arguments = json!({ "id": 7 });
    let id = world.asked(&arguments);
    let path = format!("/-/confirmations/{id}");
    // The requester, who is an approver too.
    let mut ann = world.signed_in("ann", &["approvers"]);
    let page = ann.get(&path);
    assert!(page.body.contains("You asked for this yourself") && !page.body.contains("Approve"), "{page:?}");
    let token = ann.form_token("/-/confirmations").unwrap();
    let answer = ann.post(&path, &format!("token={token}&decision=approve"));
    assert!(answer.status == 200 && !answer.body.contains("Approved"), "{answer:?}");
    // Somebody without the role sees nothing at all.
    let mut eve = world.signed_in("eve", &["support"]);
    assert_eq!(eve.get(&path).status, 404);
    assert!(!eve.get("/-/confirmations").body.contains("delete_customer"));
    let token = eve.form_token("/-/confirmations").unwrap();
    assert_eq!(eve.post(&path, &format!("token={token}&decision=approve")).status, 404);
    // An approver whose ID token ends while the page is open.
    let mut bob = Browser::new(&world.gateway);
    let answer = bob.sign_in(&world.issuer, json!({ "sub": "bob", "groups": ["approvers"], "exp": now() + 3 }));
    assert_eq!(answer.status, 303);
    let token = bob.form_token(&path).unwrap();
    std::thread::sleep(std::time::Duration::from_millis(3100));
    let late = bob.post(&path, &format!("token={token}&decision=approve"));
    assert!(late.status == 401 && late.body.contains("sign-in has ended"), "{late:?}");
    world.untouched(&id, &arguments);
    // `code` is for the requester alone.
    let token = world.gateway.with_claims(json!({ "iss": world.issuer.url() }));
    let told = world.gateway.tool(&token, "update_customer", json!({ "id": 8 })).json();
    let id = told["result"]["_meta"]["portcullis/confirmation"]["id"].as_str().unwrap().to_owned();
    assert_eq!(world.bob().get(&format!("/-/confirmations/{id}")).status, 404);
    assert_eq!(world.signed_in("ann", &[]).decide(&id, "approve", "").status, 303);
    assert!(world.gateway.upstream.called().is_empty(), "and does nothing by itself");
    assert!(world.gateway.tool(&token, "update_customer", json!({ "id": 8 })).json()["result"]["content"].is_array());
    assert_eq!(world.gateway.upstream.called(), ["update_customer"]);
}

#[test]
fn an_approval_outlives_a_restart_and_is_used_once() {
    let mut world = World::new();
    let arguments = json!({ "id": 7 });
    let id = world.asked(&arguments);
    assert_eq!(world.bob().decide(&id, "approve", "").status, 303);
    world.gateway.kill(); // Without a chance to write anything more.
    world.gateway.launch();
    assert!(world.gateway.upstream.called().is_empty());
    assert!(world.call(&arguments).json()["result"]["content"][0]["text"] == "ok");
    assert_eq!(world.gateway.upstream.called(), ["delete_customer"]);
    world.gateway.kill();
    world.gateway.launch();
    assert_ne!(world.asked(&arguments), id, "asked anew");
    assert_eq!(world.gateway.upstream.called(), ["delete_customer"]);
}

#[test]
fn who_may_sign_in_changes_without_a_restart_and_signs_everybody_out() {
    let world = World::new();
    let arguments = json!({ "id": 7 });
    let (id, mut bob) = (world.asked(&arguments), world.bob());
    let token = bob.form_token("/-/confirmations").unwrap();
    world.reload(|yaml| yaml.replace("client_id: page", "client_id: page2"));
    assert_eq!(bob.get("/-/confirmations").status, 401);
    let answer = bob.post(&format!("/-/confirmations/{id}"), &format!("token={token}&decision=approve"));
    assert_eq!(answer.status, 401);
    assert_eq!(Browser::new(&world.gateway).begin("/-/confirmations")["client_id"], "page2");
    assert_ne!(world.asked(&arguments), id, "of what was asked for before, nothing is left");
    assert!(world.gateway.upstream.called().is_empty());
    assert!(world.gateway.get_admin("/status").contains("\"restart_needed\":false"));
    world.reload(|yaml| yaml.replace("confirmations: { page: { issuer: corp, client_id: page2 } }\n", ""));
    assert_eq!(Browser::new(&world.gateway).get("/-/confirmations").status, 404, "there is no page any more");
    let told = world.call(&json!({ "id": 8 }));
    assert!(told.json()["error"]["message"].as_str().unwrap().contains("no way to ask"), "{told:?}");
}

/// A message of another system, signed with this secret.
fn signed(secret: &str, time: u64, content: &str) -> Vec<(&'static str, String)> {
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, secret.as_bytes());
    let mac = aws_lc_rs::hmac::sign(&key, format!("m1.{time}.{content}").as_bytes());
    vec![
        ("content-type", "application/json".to_owned()),
        ("webhook-id", "m1".to_owned()),
        ("webhook-timestamp", time.to_string()),
        ("webhook-signature", format!("v1,{}", STANDARD.encode(mac.as_ref()))),
    ]
}

#[test]
fn another_system_is_believed_only_what_it_signed_now_about_this_call() {
    let gateway = Gateway::with(POLICY, "");
    let desk = Upstream::start();
    let yaml = std::fs::read_to_string(gateway.directory.join("gateway.yaml")).unwrap();
    gateway.write("secret", SECRET);
    let settings = |secret: &str| {
        let (port, url) = (desk.port, "http://127.0.0.1");
        format!(
            "{yaml}confirmations: {{ webhook: {{ name: desk, url: '{url}:{port}/hook', secret: {{ file: {secret} }} }} }}\n"
        )
    };
    let reload = |secret: &str| {
        let before = applied(&gateway);
        gateway.write_atomic("gateway.yaml", &settings(secret));
        wait("the webhook is known", || applied(&gateway) > before);
    };
    reload("secret");
    let call = |id: u64| gateway.tool(&gateway.ann(), "delete_customer", json!({ "id": id }));
    let asked = |id: u64| {
        let told = call(id).json();
        told["result"]["_meta"]["portcullis/confirmation"]["id"].as_str().unwrap_or_else(|| panic!("{told}")).to_owned()
    };
    let send = |id: &str, headers: &[(&str, String)], content: &str| {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        let line = format!("POST /-/confirmations/{id}/answer");
        gateway.send(&Request { line, headers, body: content.as_bytes().to_vec() }).status
    };
    let (id, other) = (asked(7), asked(8));
    let says = |id: &str, decision: &str, by: &str| {
        json!({ "confirmation": id, "decision": decision, "by": by, "issuer": "corp" }).to_string()
    };
    let yes = says(&id, "approve", "bob");
    let good = signed(SECRET, now(), &yes);
    assert_eq!(send(&id, &signed("another-secret-of-32-characters!", now(), &yes), &yes), 401);
    assert_eq!(send(&id, &signed(SECRET, now() - 301, &yes), &yes), 401, "late");
    assert_eq!(send(&id, &signed(SECRET, now() + 302, &yes), &yes), 401, "from the future");
    assert_eq!(send(&id, &good, &yes.replace("bob", "cat")), 401, "altered");
    for (at, value) in
        [(1, "m2".to_owned()), (2, (now() - 1).to_string()), (3, "v1,".to_owned()), (3, "v1a,x".to_owned())]
    {
        let mut altered = good.clone();
        altered[at].1 = value;
        assert_eq!(send(&id, &altered, &yes), 401, "{at}");
        let mut twice = good.clone();
        twice.push(altered[at].clone());
        assert_eq!(send(&id, &twice, &yes), 401, "twice {at}");
    }
    assert_eq!(send(&id, &good[..3], &yes), 401, "unsigned");
    assert_eq!(send(&other, &good, &yes), 400, "about another call");
    let own = says(&id, "approve", "ann");
    assert_eq!(send(&id, &signed(SECRET, now(), &own), &own), 409, "the requester");
    for strange in [yes.replace("approve", "perhaps"), yes.replace('}', ",\"x\":1}"), "[]".to_owned(), String::new()] {
        assert_eq!(send(&id, &signed(SECRET, now(), &strange), &strange), 400, "{strange}");
    }
    // What the gateway itself signed is no answer.
    wait("the other system is told", || desk.seen().len() >= 2);
    let told = desk.seen().into_iter().find(|seen| seen.json()["confirmation"] == id).unwrap();
    assert!(told.body.contains("confirmation.proposed") && !told.body.contains("ann"), "{}", told.body);
    let names = ["webhook-id", "webhook-timestamp", "webhook-signature"];
    let reflected: Vec<(&str, String)> = names.map(|name| (name, told.header(name).unwrap().to_owned())).into();
    assert_eq!(send(&id, &reflected, &told.body), 400, "reflected");
    assert_eq!(asked(7), id, "it still waits");
    assert!(gateway.upstream.called().is_empty());

    // The secret changes while the gateway runs.
    gateway.write("secret2", "another-secret-of-32-characters!");
    reload("secret2");
    assert_eq!(send(&id, &good, &yes), 401, "the old secret");
    assert_eq!(send(&id, &signed("another-secret-of-32-characters!", now(), &yes), &yes), 409, "another world");
    let id = asked(7);
    let yes = says(&id, "approve", "bob");
    let good = signed("another-secret-of-32-characters!", now(), &yes);
    assert_eq!(send(&id, &good, &yes), 200);
    assert_eq!(send(&id, &good, &yes), 409, "replayed");
    assert!(gateway.upstream.called().is_empty());
    assert_eq!(call(7).json()["result"]["content"][0]["text"], "ok");
    assert_eq!(send(&id, &good, &yes), 409, "replayed when it is used");
    assert_ne!(asked(7), id);
    assert_eq!(gateway.upstream.called().len(), 1);
}
