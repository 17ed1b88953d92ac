//! Everything secret that a run needs, made anew for each run.

use std::fs;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair};
use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD as BASE64_URL};
use serde_json::json;

use crate::Error;

const DAY_SECONDS: u64 = 24 * 60 * 60;

pub fn write(dir: &Path, port: u16) -> Result<(), Error> {
    fs::create_dir_all(dir)?;
    let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
    let server = rcgen::generate_simple_self_signed(names)?; // ECDSA P-256
    fs::write(dir.join("server.pem"), server.cert.pem())?;
    fs::write(dir.join("server.key"), server.signing_key.serialize_pem())?;

    let issuer = RsaKeyPair::generate(KeySize::Rsa2048)?;
    let pkcs8: Pkcs8V1Der = issuer.as_der()?;
    fs::write(dir.join("issuer.key"), pem("PRIVATE KEY", pkcs8.as_ref()))?;
    fs::write(dir.join("jwks.json"), jwks(&issuer).to_string())?;
    fs::write(dir.join("token.txt"), token(&issuer, port)?)?;
    Ok(())
}

fn jwks(issuer: &RsaKeyPair) -> serde_json::Value {
    let key = issuer.public_key();
    json!({ "keys": [{
        "kty": "RSA", "kid": "bench", "alg": "RS256", "use": "sig",
        "n": BASE64_URL.encode(key.modulus().big_endian_without_leading_zero()),
        "e": BASE64_URL.encode(key.exponent().big_endian_without_leading_zero()),
    }]})
}

/// An access token of RFC 9068 of a usual size, about 700 bytes.
fn token(issuer: &RsaKeyPair, port: u16) -> Result<String, Error> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let header = json!({ "typ": "at+jwt", "alg": "RS256", "kid": "bench" });
    let claims = json!({
        "iss": "https://login.example.com",
        "aud": format!("https://localhost:{port}/bench/mcp"),
        "sub": "bench", "client_id": "bench", "scope": "bench.read", "groups": ["dev"],
        "iat": now, "exp": now + DAY_SECONDS, "jti": format!("bench-{now}-{port}"),
    });
    let signed = format!("{}.{}", BASE64_URL.encode(header.to_string()), BASE64_URL.encode(claims.to_string()));
    let mut signature = vec![0; issuer.public_modulus_len()];
    issuer.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature)?;
    Ok(format!("{signed}.{}", BASE64_URL.encode(signature)))
}

fn pem(label: &str, der: &[u8]) -> String {
    let base64 = BASE64_STANDARD.encode(der);
    let mut lines = format!("-----BEGIN {label}-----\n");
    for (n, character) in base64.chars().enumerate() {
        if n > 0 && n % 64 == 0 {
            lines.push('\n');
        }
        lines.push(character);
    }
    lines + &format!("\n-----END {label}-----\n")
}
