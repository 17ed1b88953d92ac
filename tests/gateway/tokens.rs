//! Access tokens that two verifiers might read differently, or that no verifier should read at all.
use crate::support::*;
use base64::Engine as _;
use base64::engine::general_purpose::{URL_SAFE, URL_SAFE_NO_PAD};
use serde_json::json;

const HEADER: &str = r#"{"alg":"ES256","typ":"at+jwt","kid":"k1"}"#;

/// Calls with this token; it must be refused, and the call go nowhere.
fn refused(gateway: &Gateway, what: &str, token: &str) {
    let answer = gateway.tool(token, "find_customer", json!({"id":"1"}));
    assert_eq!((answer.status, answer.code()), (401, -31401), "{what}: {}", answer.body);
    let challenge = answer.header("www-authenticate").unwrap_or_default();
    assert!(challenge.contains("error=\"invalid_token\""), "{what}: {challenge}");
    assert!(gateway.upstream.seen().is_empty(), "{what}");
}

fn accepted(gateway: &Gateway, what: &str, token: &str) {
    let answer = gateway.tool(token, "find_customer", json!({"id":"1"}));
    assert_eq!((answer.status, answer.code()), (200, 0), "{what}: {}", answer.body);
}

#[test]
fn a_repeated_claim_or_header_is_refused_wherever_it_is() {
    let gateway = Gateway::start();
    let claims = gateway.claims("ann", "crm.read").to_string();
    for twisted in [
        claims.replace("\"sub\":", "\"sub\":\"bob\",\"sub\":"),
        claims.replace("\"scope\":", "\"scope\":\"none\",\"scope\":"),
        claims.replace("\"exp\":", "\"exp\":1,\"exp\":"),
        claims.replace("\"exp\":", "\"\\u0065xp\":1,\"exp\":"),
        claims.replace("\"aud\":", "\"aud\":\"x\",\"aud\":"),
        claims.replace("\"iss\":", "\"iss\":\"https://other.example.com\",\"iss\":"),
        claims.replace("\"groups\":", "\"realm\":{\"a\":1,\"a\":2},\"groups\":"),
        format!("{claims} {claims}"),
        format!("\u{feff}{claims}"),
        format!("[{claims}]"),
        "null".to_owned(),
        String::new(),
    ] {
        refused(&gateway, &twisted, &gateway.signer.sign_text(HEADER, &twisted));
    }
    for header in [
        r#"{"alg":"ES256","alg":"ES256","typ":"at+jwt","kid":"k1"}"#,
        r#"{"alg":"none","alg":"ES256","typ":"at+jwt","kid":"k1"}"#,
        r#"{"alg":"ES256","typ":"at+jwt","kid":"k2","kid":"k1"}"#,
        r#"["ES256"]"#,
        "",
    ] {
        refused(&gateway, header, &gateway.signer.sign_text(header, &claims));
    }
    accepted(&gateway, "as it should be", &gateway.signer.sign_text(HEADER, &claims));
}

#[test]
fn a_header_that_asks_for_more_than_a_signature_is_refused() {
    let gateway = Gateway::start();
    let claims = gateway.claims("ann", "crm.read").to_string();
    for header in [
        r#"{"alg":"ES256","typ":"at+jwt","kid":"k1","crit":["exp"]}"#,
        r#"{"alg":"ES256","typ":"at+jwt","kid":"k1","crit":[]}"#,
        r#"{"alg":"ES256","typ":"at+jwt","kid":"k1","crit":["b64"],"b64":false}"#,
        r#"{"alg":"ES256","typ":"at+jwt","kid":"k1","enc":"A256GCM"}"#,
        r#"{"alg":"ES256","typ":"at+jwt","kid":"k1","zip":"DEF"}"#,
        r#"{"alg":"ES256","typ":"id+jwt","kid":"k1"}"#,
        r#"{"alg":"ES256","typ":"dpop+jwt","kid":"k1"}"#,
        r#"{"alg":"ES256","typ":"logout+jwt","kid":"k1"}"#,
    ] {
        refused(&gateway, header, &gateway.signer.sign_text(header, &claims));
    }
}

#[test]
fn an_algorithm_that_is_not_the_keys_is_refused() {
    let gateway = Gateway::start();
    let claims = gateway.claims("ann", "crm.read").to_string();
    for alg in ["ES384", "RS256", "PS256", "EdDSA", "HS256", "none", "None", "es256", ""] {
        let header = HEADER.replace("ES256", alg);
        refused(&gateway, &header, &gateway.signer.sign_text(&header, &claims));
    }
    // An HMAC keyed with the public key, which a confused verifier would take.
    let header = HEADER.replace("ES256", "HS256");
    let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(&header), URL_SAFE_NO_PAD.encode(&claims));
    for secret in [gateway.signer.jwk.to_string(), gateway.signer.jwk["x"].as_str().unwrap().to_owned()] {
        let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, secret.as_bytes());
        let tag = URL_SAFE_NO_PAD.encode(aws_lc_rs::hmac::sign(&key, message.as_bytes()));
        refused(&gateway, "an HMAC of the public key", &format!("{message}.{tag}"));
    }
    // Keys that come with the token, and keys of another.
    let other = Signer::new("k1");
    let with_key = json!({"alg":"ES256","typ":"at+jwt","kid":"k1","jwk":other.jwk}).to_string();
    refused(&gateway, "its own key", &other.sign_text(&with_key, &claims));
    let kid = HEADER.replace("k1", "k9");
    refused(&gateway, "a key nobody has", &gateway.signer.sign_text(&kid, &claims));
}

#[test]
fn an_algorithm_that_the_issuer_may_use_is_still_not_another_keys() {
    let gateway = Gateway::start();
    let text = std::fs::read_to_string(gateway.directory.join("gateway.yaml")).unwrap();
    let (signing, unusable) = (Signer::new("k2"), Signer::new("k3"));
    let mut keys = vec![gateway.signer.jwk.clone(), signing.jwk.clone(), unusable.jwk.clone()];
    keys[1]["alg"] = json!("ES384");
    keys[2]["use"] = json!("enc");
    gateway.write_atomic("jwks.json", &json!({"keys":keys}).to_string());
    let applied = |times| gateway.records().iter().filter(|r| r["outcome"] == "applied").count() == times;
    wait("the keys are in force", || applied(1));
    let more = text.replace("algorithms: [ES256]", "algorithms: [ES256, ES384, RS256, PS256, EdDSA]");
    assert_ne!(more, text);
    gateway.write_atomic("gateway.yaml", &more);
    wait("the algorithms are in force", || applied(2));
    let claims = gateway.claims("ann", "crm.read").to_string();
    for alg in ["ES384", "RS256", "PS256", "EdDSA"] {
        let header = HEADER.replace("ES256", alg);
        refused(&gateway, &header, &gateway.signer.sign_text(&header, &claims));
    }
    for (signer, what) in [(&signing, "a key for another algorithm"), (&unusable, "a key that is not for signing")] {
        refused(&gateway, what, &signer.sign_text(&HEADER.replace("k1", &signer.kid), &claims));
        refused(&gateway, "the key of another kid", &signer.sign_text(HEADER, &claims));
    }
    accepted(&gateway, "as it should be", &gateway.signer.sign_text(HEADER, &claims));
}

#[test]
fn a_token_of_another_shape_is_refused() {
    let gateway = Gateway::start();
    let claims = gateway.claims("ann", "crm.read").to_string();
    // One that looks different in the other alphabet of base64.
    let signed = || gateway.signer.sign_text(HEADER, &claims);
    let good = std::iter::repeat_with(signed).find(|token| token.contains(['-', '_'])).unwrap();
    let parts: Vec<&str> = good.split('.').collect();
    let [header, body, signature] = parts[..] else { panic!("{good}") };
    let padded = |text: &str| {
        let mut text = text.to_owned();
        while text.len().is_multiple_of(3) {
            text.push(' ');
        }
        URL_SAFE.encode(text)
    };
    let signed_as_it_is = |header: &str, claims: &str| {
        let message = format!("{header}.{claims}");
        format!("{message}.{}", gateway.signer.sign_message(&message))
    };
    let last = |text: &str, by: &str| format!("{}{by}", &text[..text.len() - 1]);
    for (what, token) in [
        ("four parts", format!("{good}.{signature}")),
        ("four parts, the first empty", format!(".{good}")),
        ("five parts", format!("{header}..{body}..{signature}")),
        ("two parts", format!("{header}.{body}")),
        ("no signature", format!("{header}.{body}.")),
        ("no header", format!(".{body}.{signature}")),
        ("a padded signature", format!("{good}==")),
        ("a padded header", signed_as_it_is(&padded(HEADER), body)),
        ("padded claims", signed_as_it_is(header, &padded(&claims))),
        ("standard base64", good.replace(['-', '_'], "+")),
        ("a signature cut short", format!("{header}.{body}.{}", &signature[..80])),
        ("bits after the end", last(&good, "_")),
        ("a space inside", format!("{header}. {body}.{signature}")),
        ("a tab inside", format!("{header}.{body}\t.{signature}")),
    ] {
        refused(&gateway, what, &token);
    }
    accepted(&gateway, "as it should be", &good);
}

#[test]
fn times_that_are_no_times_are_refused() {
    let gateway = Gateway::start();
    let claims = gateway.claims("ann", "crm.read");
    let exp = format!("\"exp\":{}", claims["exp"]);
    let claims = claims.to_string();
    for written in [
        "\"exp\":1e300".to_owned(),
        "\"exp\":1e999".to_owned(),
        format!("\"exp\":{}", u64::MAX),
        "\"exp\":99999999999999999999999".to_owned(),
        format!("\"exp\":{}000", now() + 600),
        format!("\"exp\":\"{}\"", now() + 600),
        format!("\"exp\":[{}]", now() + 600),
        "\"exp\":null".to_owned(),
        "\"exp\":true".to_owned(),
        "\"exp\":0".to_owned(),
        "\"exp\":-1".to_owned(),
        format!("\"exp\":{}", now() - 1),
        "\"exq\":1".to_owned(),
        format!("{exp},\"nbf\":\"0\""),
        format!("{exp},\"nbf\":{}", now() + 300),
        format!("{exp},\"nbf\":null"),
    ] {
        let claims = claims.replacen(&exp, &written, 1);
        assert!(claims.contains(&written), "{claims}");
        refused(&gateway, &written, &gateway.signer.sign_text(HEADER, &claims));
    }
    let fraction = claims.replacen(&exp, &format!("{exp}.5"), 1);
    accepted(&gateway, "a fraction of a second", &gateway.signer.sign_text(HEADER, &fraction));
}
