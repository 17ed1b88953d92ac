//! Another system that is told of what waits, and answers: signed both ways as Standard Webhooks 1.0 says
//! (`webhook-id`, `webhook-timestamp`, `webhook-signature: v1,<HMAC-SHA-256>`).
use crate::confirmations::Kept;
use crate::egress::Egress;
use crate::kernel::digest::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::Request;
use http::header::HeaderMap;
use http_body_util::Full;
use serde::Deserialize;
use std::time::Duration;

/// Most seconds that a clock may be off, or a message late.
const LATE_SECONDS: u64 = 300;

/// Another system.
#[derive(Clone, PartialEq)]
pub struct Settings {
    /// What it is called in records.
    pub name: String,
    /// Where it is told.
    pub url: Option<String>,
    /// Key of signatures, both ways.
    pub secret: Vec<u8>,
}

impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Settings({})", self.name)
    }
}

/// What it answers.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// Which confirmation.
    pub confirmation: String,
    /// Yes or no.
    pub decision: Decision,
    /// Subject of the person who decided.
    pub by: String,
    /// Name of that person's issuer in `gateway.yaml`.
    pub issuer: String,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    Approve,
    Deny,
}

fn signature(secret: &[u8], id: &str, time: &str, body: &[u8]) -> Vec<u8> {
    let mut text = format!("{id}.{time}.").into_bytes();
    text.extend_from_slice(body);
    hmac(secret, &text)
}

/// Whether a message is signed with the secret, and now.
pub fn verify(settings: &Settings, headers: &HeaderMap, body: &[u8], now: u64) -> bool {
    let one = |name: &str| {
        let mut values = headers.get_all(name).iter();
        values.next().filter(|_| values.next().is_none()).and_then(|value| value.to_str().ok())
    };
    let (Some(id), Some(time), Some(signatures)) =
        (one("webhook-id"), one("webhook-timestamp"), one("webhook-signature"))
    else {
        return false;
    };
    let fresh = time.parse::<u64>().is_ok_and(|time| time.abs_diff(now) <= LATE_SECONDS);
    let expected = signature(&settings.secret, id, time, body);
    // Compared under a key that nobody has: how long that takes tells nothing.
    let blind = |bytes: &[u8]| hmac(&settings.secret, &[b"compare", bytes].concat());
    fresh
        && signatures.split(' ').take(8).any(|signature| {
            let given = signature.strip_prefix("v1,").and_then(|text| STANDARD.decode(text).ok());
            given.is_some_and(|given| blind(&given) == blind(&expected))
        })
}

/// Tells of one that waits. What is shown to people stays on the page: the message says where that is.
pub async fn tell(settings: &Settings, egress: &Egress, kept: &Kept, page: &str, now: u64) {
    let Some(url) = &settings.url else { return };
    let confirmation = &kept.confirmation;
    let call = confirmation.call();
    let body = serde_json::json!({
        "type": "confirmation.proposed",
        "confirmation": confirmation.id(),
        "server": call.server,
        "tool": call.tool,
        "effect": call.effect.name(),
        "arguments_digest": call.arguments,
        "policy": call.policy,
        "expires": confirmation.expires(),
        "page": page,
    })
    .to_string();
    let (id, time) = (confirmation.id(), now.to_string());
    let signed = STANDARD.encode(signature(&settings.secret, id, &time, body.as_bytes()));
    let request = Request::post(url)
        .header("content-type", "application/json")
        .header("webhook-id", id)
        .header("webhook-timestamp", &time)
        .header("webhook-signature", format!("v1,{signed}"))
        .body(Full::new(body.into()));
    if let Ok(request) = request {
        // Whoever is not told still finds it on the page.
        let _ = egress.send(request, Duration::from_secs(10)).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_signed_now_and_as_it_is_counts() {
        let settings =
            Settings { name: "desk".to_owned(), url: None, secret: b"0123456789abcdef0123456789abcdef".to_vec() };
        let sign = |secret: &[u8], time: u64, body: &[u8]| {
            let mut headers = HeaderMap::new();
            let text = STANDARD.encode(signature(secret, "m1", &time.to_string(), body));
            headers.insert("webhook-id", "m1".parse().unwrap());
            headers.insert("webhook-timestamp", time.to_string().parse().unwrap());
            headers.insert("webhook-signature", format!("v1,{text}").parse().unwrap());
            headers
        };
        let good = sign(&settings.secret, 1000, b"{}");
        assert!(verify(&settings, &good, b"{}", 1000) && verify(&settings, &good, b"{}", 1300));
        assert!(!verify(&settings, &good, b"{ }", 1000), "another body");
        assert!(!verify(&settings, &good, b"{}", 1301), "late");
        assert!(!verify(&settings, &sign(b"another secret", 1000, b"{}"), b"{}", 1000));
        let mut other = good.clone();
        other.insert("webhook-id", "m2".parse().unwrap());
        assert!(!verify(&settings, &other, b"{}", 1000), "another id");
        assert!(!verify(&settings, &HeaderMap::new(), b"{}", 1000));
    }
}
