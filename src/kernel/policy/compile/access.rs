//! `path`, `upstream` and `access`.
use super::{Access, DURATION, SECONDS, UpstreamTarget, duration, seconds};
use crate::kernel::policy::flaw::{Check, Flaws, choice};
use crate::kernel::policy::source::{AccessSource, CredentialSource, UpstreamSource};
use std::time::Duration;

/// Whether a text can name a server: it becomes part of URLs, metrics and records.
pub fn is_server_name(text: &str) -> bool {
    let fine = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    (1..=63).contains(&text.len()) && text.bytes().all(fine)
}

/// Checks the name and gives the path.
pub fn path(server: &str, path: Option<String>, flaws: &mut Flaws) -> String {
    if !is_server_name(server) {
        let message = format!("`{server}` is not a server name");
        flaws.add(Check::NameMalformed, "/server", message, "up to 63 of a-z, 0-9 and -");
    }
    let path = path.unwrap_or_else(|| format!("/{server}/mcp"));
    if !path.starts_with('/') || path.contains(['?', '#', '%', '\\']) || path.contains("//") || path.contains("/.") {
        flaws.add(Check::NameMalformed, "/path", format!("`{path}` is not a plain path"), "as in /crm/mcp");
    }
    path
}

/// The tool server behind the gateway.
pub fn upstream(source: &UpstreamSource, flaws: &mut Flaws) -> UpstreamTarget {
    let UpstreamSource { url, credential, ca, timeout } = source;
    let mut wrong = |message: String, hint: &str| flaws.add(Check::UrlMalformed, "/upstream/url", message, hint);
    match url::Url::parse(url) {
        Ok(parsed) if !matches!(parsed.scheme(), "http" | "https") || parsed.host().is_none() => {
            wrong(format!("`{}` is not an http URL", parsed.scheme()), "as in http://127.0.0.1:3001/mcp");
        }
        Ok(parsed) if !parsed.username().is_empty() || parsed.password().is_some() || parsed.fragment().is_some() => {
            wrong("the URL carries credentials or a fragment".to_owned(), "secrets go under `upstream.credential`");
        }
        Ok(_) => {}
        Err(error) => wrong(format!("not a URL: {error}"), "as in http://127.0.0.1:3001/mcp"),
    }
    let credential = credential.as_ref().map(|CredentialSource { bearer }| {
        if bearer.env.is_some() == bearer.file.is_some() {
            let message = "needs exactly one of `env` and `file`";
            flaws.add(Check::SecretMissing, "/upstream/credential/bearer", message, "as in { env: CRM_TOKEN }");
        }
        bearer.clone()
    });
    let timeout = flaws.read(DURATION, "/upstream/timeout", timeout.as_deref(), duration, "as in 30s, 500ms or 2m");
    let timeout = timeout.unwrap_or(Duration::from_secs(60));
    UpstreamTarget { url: url.clone(), credential, ca: ca.clone(), timeout }
}

/// Whose tokens are accepted.
pub fn access(source: &AccessSource, known: &[String], resource: &str, flaws: &mut Flaws) -> Access {
    let AccessSource { issuers, audience, challenge, anonymous, token_life_max } = source;
    if issuers.is_empty() {
        let message = "no issuer: nobody could call";
        flaws.add(Check::IssuerMissing, "/access/issuers", message, "name one of the issuers in gateway.yaml");
    }
    for (index, issuer) in issuers.iter().enumerate().filter(|(_, issuer)| !known.contains(issuer)) {
        let hint = choice(issuer, "gateway.yaml declares", known.iter().map(String::as_str));
        let at = format!("/access/issuers/{index}");
        flaws.add(Check::IssuerUnknown, at, format!("unknown issuer `{issuer}`"), hint);
    }
    if audience.as_deref() == Some("") {
        let message = "an empty audience accepts tokens made for others";
        flaws.add(Check::AudienceEmpty, "/access/audience", message, "name the URL of this server");
    }
    let token_life_max = token_life_max.as_deref();
    let token_life_max = flaws.read(SECONDS, "/access/token_life_max", token_life_max, seconds, "as in 1h");
    Access {
        issuers: issuers.clone(),
        audience: audience.clone().unwrap_or_else(|| resource.to_owned()),
        challenge: *challenge,
        anonymous: *anonymous,
        token_life_max,
    }
}
