//! People who sign in on the approval page: an issuer that says of anybody what a test wants it to, and a browser that
//! keeps cookies and follows forms. The issuer is hand-written because real ones do not lie; with a real one and a real
//! browser the page is used in `tests/confirmations`.
use crate::support::*;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// An OpenID provider whose authorization codes are the ID tokens themselves.
pub struct Issuer {
    server: Upstream,
}

impl Issuer {
    pub fn start() -> Self {
        let server = Upstream::start();
        let url = format!("http://127.0.0.1:{}", server.port);
        server.script(move |seen, out| {
            let body = if seen.line.contains("/.well-known/openid-configuration") {
                json!({"issuer":url,"authorization_endpoint":format!("{url}/authorize"),"token_endpoint":format!("{url}/token")})
            } else {
                let form: BTreeMap<String, String> =
                    url::form_urlencoded::parse(seen.body.as_bytes()).into_owned().collect();
                json!({"access_token":"x","token_type":"Bearer","id_token":form.get("code")})
            };
            reply(out, 200, "application/json", &body.to_string());
        });
        Self { server }
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.server.port)
    }

    /// How often it was asked for what it says of itself, and for tokens.
    pub fn asked(&self) -> (usize, usize) {
        let seen = self.server.seen();
        let discovery = seen.iter().filter(|seen| seen.line.contains("openid-configuration")).count();
        (discovery, seen.len() - discovery)
    }
}

/// Has people sign in at this issuer, by a reload; tokens are from there too.
pub fn with_page(gateway: &Gateway, issuer: &Issuer) {
    let yaml = std::fs::read_to_string(gateway.directory.join("gateway.yaml")).unwrap();
    let yaml = yaml.replace("https://login.example.com", &issuer.url())
        + "confirmations: { page: { issuer: corp, client_id: page } }\n";
    let before = applied(gateway);
    gateway.write_atomic("gateway.yaml", &yaml);
    wait("the page is there", || applied(gateway) > before);
}

/// How many reloads took effect.
pub fn applied(gateway: &Gateway) -> usize {
    gateway.records().iter().filter(|record| record["kind"] == "reload" && record["outcome"] == "applied").count()
}

/// Somebody's browser.
pub struct Browser<'a> {
    pub gateway: &'a Gateway,
    pub cookies: BTreeMap<String, String>,
}

impl<'a> Browser<'a> {
    pub fn new(gateway: &'a Gateway) -> Self {
        Self { gateway, cookies: BTreeMap::new() }
    }

    /// One that is signed in as this subject, in these groups.
    pub fn of(gateway: &'a Gateway, issuer: &Issuer, subject: &str, groups: &[&str]) -> Self {
        let mut browser = Self::new(gateway);
        let answer = browser.sign_in(issuer, json!({ "sub": subject, "groups": groups }));
        assert_eq!(answer.status, 303, "{answer:?}");
        browser
    }

    pub fn send(&mut self, line: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let mut headers: Vec<(String, String)> =
            headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        if !self.cookies.is_empty() {
            let all: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
            headers.push(("cookie".to_owned(), all.join("; ")));
        }
        let answer = self.gateway.send(&Request { line: line.to_owned(), headers, body: body.as_bytes().to_vec() });
        for (_, cookie) in answer.headers.iter().filter(|(name, _)| name == "set-cookie") {
            let (pair, rest) = cookie.split_once(';').unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            match rest.contains("Max-Age=0") {
                true => self.cookies.remove(name),
                false => self.cookies.insert(name.to_owned(), value.to_owned()),
            };
        }
        answer
    }

    pub fn get(&mut self, path: &str) -> Answer {
        self.send(&format!("GET {path}"), &[], "")
    }

    /// Sends a form, as a page of this origin would.
    pub fn post(&mut self, path: &str, form: &str) -> Answer {
        let origin = format!("http://localhost:{}", self.gateway.port);
        let headers = [("origin", origin.as_str()), ("content-type", "application/x-www-form-urlencoded")];
        self.send(&format!("POST {path}"), &headers, form)
    }

    /// Where a sign-in that begins now goes: the issuer's page, with its parameters.
    pub fn begin(&mut self, to: &str) -> BTreeMap<String, String> {
        let answer = self.get(&format!("/-/sign-in?to={to}"));
        let url = url::Url::parse(answer.header("location").unwrap_or_else(|| panic!("{answer:?}"))).unwrap();
        url.query_pairs().into_owned().collect()
    }

    /// The ID token of somebody with these claims, for the sign-in with these parameters.
    pub fn id_token(&self, issuer: &Issuer, begun: &BTreeMap<String, String>, claims: &Value) -> String {
        let mut all =
            json!({ "iss": issuer.url(), "aud": begun["client_id"], "nonce": begun["nonce"], "exp": now() + 600 });
        all.as_object_mut().unwrap().extend(claims.as_object().unwrap().clone());
        self.gateway.signer.sign("JWT", &all)
    }

    /// Comes back from the issuer.
    pub fn come_back(&mut self, code: &str, state: &str) -> Answer {
        let query: String = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs([("code", code), ("state", state)])
            .finish();
        self.get(&format!("/-/callback?{query}"))
    }

    pub fn sign_in(&mut self, issuer: &Issuer, claims: Value) -> Answer {
        let begun = self.begin("/-/confirmations");
        let code = self.id_token(issuer, &begun, &claims);
        self.come_back(&code, &begun["state"])
    }

    /// What is in the page's form against forgery, if there is a form.
    pub fn form_token(&mut self, path: &str) -> Option<String> {
        let page = self.get(path).body;
        let rest = page.split("name=\"token\" value=\"").nth(1)?;
        Some(rest.split('"').next()?.to_owned())
    }

    /// Loads the page of a confirmation and presses a button.
    pub fn decide(&mut self, id: &str, decision: &str, more: &str) -> Answer {
        let path = format!("/-/confirmations/{id}");
        let token = self.form_token(&path).unwrap_or_else(|| panic!("no form at {path}"));
        self.post(&path, &format!("token={token}&decision={decision}{more}"))
    }
}
