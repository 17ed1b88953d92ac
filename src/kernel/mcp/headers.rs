//! Do headers and body say the same thing (2026-07-28, "Streamable HTTP", request metadata).
//!
//! A verdict always reads the body. The headers are a second copy that somebody else may route by,
//! so any disagreement between the two is refused rather than resolved.
use base64::Engine as _;
use std::borrow::Cow;

/// The revision that a request speaks.
pub const PROTOCOL_VERSION: &str = "mcp-protocol-version";
/// The session of a request, and of the answer to `initialize`.
pub const SESSION_ID: &str = "mcp-session-id";
/// The method, mirrored.
pub const METHOD: &str = "mcp-method";
/// The name or URI, mirrored.
pub const NAME: &str = "mcp-name";
/// What an argument's header begins with.
pub const PARAM_PREFIX: &str = "mcp-param-";
/// The event to resume after (WHATWG HTML, "Server-sent events").
pub const LAST_EVENT_ID: &str = "last-event-id";

/// Decodes a mirrored header value: `=?base64?…?=`, or, without both marks, plain text. `None` if malformed.
pub fn decode_value(text: &str) -> Option<String> {
    match text.strip_prefix("=?base64?").and_then(|rest| rest.strip_suffix("?=")) {
        Some(inner) => {
            let bytes = base64::engine::general_purpose::STANDARD.decode(inner).ok()?;
            String::from_utf8(bytes).ok()
        }
        None => Some(text.to_owned()),
    }
}

/// Encodes a value for a mirrored header: as it is when plain, else `=?base64?…?=`.
pub fn encode_value(text: &str) -> Cow<'_, str> {
    let plain = text.bytes().all(|b| (0x20..0x7f).contains(&b) || b == b'\t')
        && text.trim_matches([' ', '\t']) == text
        && !(text.starts_with("=?base64?") && text.ends_with("?="));
    if plain {
        Cow::Borrowed(text)
    } else {
        Cow::Owned(format!("=?base64?{}?=", base64::engine::general_purpose::STANDARD.encode(text)))
    }
}

/// A media type and nothing else but `charset=utf-8`, in any case and spacing.
pub fn is_media(value: &str, wanted: &str) -> bool {
    let mut parts = value.split(';').map(str::trim);
    parts.next().is_some_and(|essence| essence.eq_ignore_ascii_case(wanted))
        && parts.all(|parameter| {
            parameter.is_empty()
                || parameter.eq_ignore_ascii_case("charset=utf-8")
                || parameter.eq_ignore_ascii_case("charset=\"utf-8\"")
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_official_encoding_vectors_hold_both_ways() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/protocol/header-vectors-2026-07-28.json");
        let vectors: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        let mut checked = 0;
        for vector in vectors["encode"].as_array().unwrap() {
            if let (Some(value), Some(header)) = (vector["value"].as_str(), vector["header"].as_str()) {
                assert_eq!(encode_value(value), header);
                assert_eq!(decode_value(header).as_deref(), Some(value));
                checked += 1;
            }
        }
        assert!(checked > 8);
        assert_eq!(decode_value("=?base64?SGVs!!!bG8=?="), None);
        assert_eq!(decode_value("=?base64?SGVsbG8=").as_deref(), Some("=?base64?SGVsbG8="));
    }

    #[test]
    fn media_types_match_in_any_case_and_spacing_and_nothing_else() {
        for (value, expected) in [
            ("application/json", true),
            ("Application/JSON ; Charset=UTF-8", true),
            ("application/json;charset=\"utf-8\"", true),
            ("application/json; charset=utf-16", false),
            ("text/json", false),
            ("application/jsonp", false),
            ("application/json, text/html", false),
        ] {
            assert_eq!(is_media(value, "application/json"), expected, "{value}");
        }
    }
}
