//! `portcullis token`: an access token by a local issuer, for trying out a policy.
//!
//! It signs only with a key whose public half is in the issuer's own JWK set file. For any other issuer
//! there is no key here: a real one is asked for its tokens, not imitated.
use super::development::IssuerKey;
use super::{Environment, files};
use crate::clock;
use crate::config::load;
use serde_json::{Map, Value, json};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// What the token says.
#[derive(clap::Args)]
pub struct Options {
    /// Configuration.
    config: PathBuf,
    /// Server to call, by the name of its policy.
    server: String,
    /// Scope; may be given several times.
    #[arg(long = "scope", value_name = "SCOPE")]
    scopes: Vec<String>,
    /// Who calls.
    #[arg(long, default_value = "developer")]
    subject: String,
    /// OAuth client id.
    #[arg(long, default_value = "development")]
    client: String,
    /// Further claims, a JSON object such as {"groups":["support"]}.
    #[arg(long, value_name = "JSON")]
    claims: Option<String>,
    /// How long it is good for.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=1440))]
    minutes: u64,
    /// The issuer's private key. Default: issuer.key beside its JWK set.
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
}

/// Prints a token.
pub fn run(options: &Options, environment: Environment<'_>) -> ExitCode {
    match token(options, environment) {
        Ok(token) => {
            println!("{token}");
            ExitCode::SUCCESS
        }
        Err(why) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    }
}

fn token(options: &Options, environment: Environment<'_>) -> Result<String, String> {
    let Options { config, server, scopes, subject, client, claims, minutes, key } = options;
    let claims = match claims.as_deref().map(serde_json::from_str) {
        None => Map::new(),
        Some(Ok(Value::Object(claims))) => claims,
        Some(_) => return Err("--claims is not a JSON object, as in {\"groups\":[\"support\"]}".to_owned()),
    };
    // The gateway's own credentials say nothing about its callers, so they need not be set here.
    let lenient = |name: &str| environment(name).or_else(|| Some("unused".to_owned()));
    let loaded = load::load(config, &lenient).map_err(|problems| {
        let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
        problems.join("\n")
    })?;
    let world = &loaded.snapshot;
    let policy = world.named(server).ok_or_else(|| {
        let known: Vec<&str> = world.servers.keys().chain(world.joints.keys()).map(String::as_str).collect();
        format!("no policy is for `{server}`; there are: {}", known.join(", "))
    })?;
    let issuer = policy.access.issuers.first().ok_or("the policy names no issuer")?;
    let trusted = loaded.issuers.get(issuer).ok_or("the policy names an unknown issuer")?;
    let jwks = set_of(config, issuer)?;
    let key = key.clone().unwrap_or_else(|| jwks.with_file_name("issuer.key"));
    let signer = IssuerKey::from_pem(&files::read(&key)?).map_err(|why| format!("{}: {why}", key.display()))?;
    let signer = signer.named_by(&files::read(&jwks)?).map_err(|why| format!("{}: {why}", key.display()))?;
    let now = clock::now();
    let mut all = json!({
        "iss": trusted.issuer, "aud": policy.access.audience, "sub": subject, "client_id": client,
        "scope": scopes.join(" "), "iat": now, "exp": now + minutes * 60, "jti": clock::random_token::<12>(),
    });
    if let Some(all) = all.as_object_mut() {
        all.extend(claims);
    }
    signer.sign(&all)
}

/// The file with the keys of an issuer.
fn set_of(config: &Path, issuer: &str) -> Result<PathBuf, String> {
    let source = files::gateway(config)?;
    match source.issuers.get(issuer).and_then(|source| source.jwks.clone()) {
        Some(file) if !file.contains("://") => Ok(config.with_file_name(file)),
        _ => Err(format!("the keys of issuer `{issuer}` are not a file: ask it for a token")),
    }
}
