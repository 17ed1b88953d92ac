//! `path`, `upstream` and `access`.
use super::limits::parse_size;
use super::{Access, DURATION, Program, SECONDS, Transport, UpstreamTarget, duration, pointer, seconds};
use crate::kernel::policy::flaw::{Check, Flaws, choice};
use crate::kernel::policy::source::*;
use std::collections::BTreeMap;
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
    let UpstreamSource { url, sse, command, env, directory, process, credential, ca, timeout } = source;
    let only = |field: &str, there: bool, of: &str, flaws: &mut Flaws| {
        if there {
            let message = format!("`{field}` beside `{of}`");
            flaws.add(Check::UpstreamKind, format!("/upstream/{field}"), message, "leave one of the two out");
        }
    };
    let (url, transport) = match (url, sse, command) {
        (Some(url), None, None) => (endpoint("/upstream/url", url, flaws), Transport::Http),
        (None, Some(url), None) => (endpoint("/upstream/sse", url, flaws), Transport::Events),
        (None, None, Some(command)) => {
            only("credential", credential.is_some(), "command", flaws);
            only("ca", ca.is_some(), "command", flaws);
            let program = program(command, (env, directory.as_deref(), process.clone().unwrap_or_default()), flaws);
            (format!("stdio:{}", command.join(" ")), Transport::Command(program))
        }
        (None, None, None) => {
            let hint = "`url` for streamable HTTP, `sse` for HTTP+SSE, `command` for a program";
            flaws.add(Check::UpstreamKind, "/upstream", "none of `url`, `sse` and `command`", hint);
            (String::new(), Transport::Http)
        }
        _ => {
            let message = "more than one of `url`, `sse` and `command`";
            flaws.add(Check::UpstreamKind, "/upstream", message, "a policy is about one server: keep one");
            (String::new(), Transport::Http)
        }
    };
    if command.is_none() {
        for (field, there) in
            [("env", !env.is_empty()), ("directory", directory.is_some()), ("process", process.is_some())]
        {
            only(field, there, "url", flaws);
        }
    }
    let credential = credential.as_ref().map(|CredentialSource { bearer }| {
        one_place("/upstream/credential/bearer", bearer, flaws);
        bearer.clone()
    });
    let timeout = flaws.read(DURATION, "/upstream/timeout", timeout.as_deref(), duration, "as in 30s, 500ms or 2m");
    let timeout = timeout.unwrap_or(Duration::from_secs(60));
    UpstreamTarget { url, transport, credential, ca: ca.clone(), timeout }
}

fn endpoint(at: &str, url: &str, flaws: &mut Flaws) -> String {
    let mut wrong = |message: String, hint: &str| flaws.add(Check::UrlMalformed, at, message, hint);
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
    url.to_owned()
}

fn one_place(at: &str, SecretSource { env, file }: &SecretSource, flaws: &mut Flaws) {
    if env.is_some() == file.is_some() {
        flaws.add(Check::SecretMissing, at, "needs exactly one of `env` and `file`", "as in { env: CRM_TOKEN }");
    }
}

type Around<'a> = (&'a BTreeMap<String, VariableSource>, Option<&'a str>, ProcessSource);

fn program(command: &[String], (env, directory, process): Around<'_>, flaws: &mut Flaws) -> Program {
    let ProcessSource { per, max, idle, memory_max, files_max } = process;
    let hint = "the program, then its arguments, as in [server-filesystem, /srv/files]";
    if command.first().is_none_or(|program| program.is_empty()) {
        flaws.add(Check::CommandMalformed, "/upstream/command", "a command without a program", hint);
    }
    for (index, _) in command.iter().enumerate().filter(|(_, word)| word.contains('\0')) {
        let at = format!("/upstream/command/{index}");
        flaws.add(Check::CommandMalformed, at, format!("argument {index} has a NUL character"), hint);
    }
    let (mut environment, mut secrets) = (BTreeMap::new(), BTreeMap::new());
    for (name, variable) in env {
        let at = format!("/upstream/env{}", pointer(name));
        let fine = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
        if name.is_empty() || !name.bytes().all(fine) || name.starts_with(|c: char| c.is_ascii_digit()) {
            let message = format!("`{name}` is not the name of a variable");
            flaws.add(Check::CommandMalformed, &at, message, "letters, digits and _, as in API_KEY");
        }
        match variable {
            VariableSource::Text(text) if text.contains('\0') => {
                flaws.add(Check::CommandMalformed, at, "a value with a NUL character", "take it out");
            }
            VariableSource::Text(text) => {
                environment.insert(name.clone(), text.clone());
            }
            VariableSource::Secret(secret) => {
                one_place(&at, secret, flaws);
                secrets.insert(name.clone(), secret.clone());
            }
        }
    }
    for (field, zero) in [("max", max == Some(0)), ("files_max", files_max.is_some_and(|most| most < 16))] {
        if zero {
            let at = format!("/upstream/process/{field}");
            flaws.add(Check::CommandMalformed, at, "too few to run at all", "at least 1 process and 16 files");
        }
    }
    let at = "/upstream/process/idle";
    let idle = flaws.read(DURATION, at, idle.as_deref(), duration, "as in 30s, 500ms or 2m");
    let (size, at) = ((Check::SizeMalformed, "a size"), "/upstream/process/memory_max");
    let memory_max = flaws.read(size, at, memory_max.as_deref(), parse_size, "as in 512MiB");
    Program {
        command: command.to_vec(),
        environment,
        secrets,
        directory: directory.map(str::to_owned),
        shared: per == ProcessPer::Shared,
        processes_max: usize::try_from(max.unwrap_or(16)).unwrap_or(usize::MAX),
        idle: idle.unwrap_or(Duration::from_secs(600)),
        memory_max: memory_max.and_then(|most| u64::try_from(most).ok()).unwrap_or(1 << 30),
        files_max: u64::from(files_max.unwrap_or(1024)),
    }
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
        also: Vec::new(),
        challenge: *challenge,
        anonymous: *anonymous,
        token_life_max,
    }
}
