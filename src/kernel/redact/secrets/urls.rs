//! Secrets inside addresses: the password of the user, and addresses that are keys themselves.
use super::value::{self, Bytes, Hold, contains, invented};
use super::{Finds, Kind};

/// Where a service takes posts from whoever knows the address: `(host or start of it, start of the path)`.
/// What follows the path is the key.
const HOOKS: &[(&str, &str)] = &[
    ("hooks.slack.com", "/services/"),
    ("hooks.slack.com", "/workflows/"),
    ("hooks.slack.com", "/triggers/"),
    ("discord.com", "/api/webhooks/"),
    ("discordapp.com", "/api/webhooks/"),
    ("ptb.discord.com", "/api/webhooks/"),
    ("canary.discord.com", "/api/webhooks/"),
    ("outlook.office.com", "/webhook/"),
    ("outlook.office365.com", "/webhook/"),
    ("hooks.zapier.com", "/hooks/catch/"),
    ("maker.ifttt.com", "/trigger/"),
    ("api.telegram.org", "/bot"),
    ("chat.googleapis.com", "/v1/spaces/"),
    ("open.feishu.cn", "/open-apis/bot/v2/hook/"),
    ("open.larksuite.com", "/open-apis/bot/v2/hook/"),
    ("oapi.dingtalk.com", "/robot/send"),
    ("qyapi.weixin.qq.com", "/cgi-bin/webhook/send"),
    ("events.pagerduty.com", "/integration/"),
    ("hook.eu1.make.com", "/"),
    ("hook.eu2.make.com", "/"),
    ("hook.us1.make.com", "/"),
    ("hook.us2.make.com", "/"),
    ("hook.integromat.com", "/"),
    ("webhooks.mongodb-stitch.com", "/api/client/"),
    ("hooks.airtable.com", "/workflows/"),
];

/// What every such host ends with, so that most others are passed by at once.
const TOPS: &[&str] = &[".com", ".org", ".com:443", ".cn"];

/// What ends the name of a host: blanks, quotes and brackets, and what its path begins with.
const ENDS: [bool; 256] = of_bytes!(
    at => at.is_ascii_whitespace()
        || at.is_ascii_control()
        || matches!(at, b'"' | b'\'' | b'<' | b'>' | b'`' | b'\\' | b'/' | b'?'),
    else false
);

/// What ends an address.
const BLANKS: [bool; 256] =
    of_bytes!(at => at.is_ascii_whitespace() || matches!(at, b'"' | b'\'' | b'<' | b'>' | b'`'), else false);

/// The address around `://` from `start` to `end`.
pub(super) fn find(finds: &mut Finds<'_>, start: usize, end: usize) {
    let text = finds.bytes;
    if text.has(start, "jdbc:oracle") {
        oracle(finds, end);
        return;
    }
    let ends = |byte: &u8| ENDS.get(usize::from(*byte)).is_some_and(|ends| *ends);
    let length = text.from(end).iter().take(512).position(ends).unwrap_or((text.len().saturating_sub(end)).min(512));
    let scheme = text
        .range(start.saturating_sub(24), start)
        .iter()
        .rev()
        .take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.' | b':'))
        .count();
    if finds.has(b'@', &finds.at) {
        userinfo(finds, end, end + length);
    }
    webhook(finds, start - scheme, end, end + length);
    if end >= finds.address && finds.has(b'=', &finds.equals) {
        shared_signature(finds, end + length);
    }
}

/// `user:password@host`; the password may hold slashes and marks that should have been escaped.
fn userinfo(finds: &mut Finds<'_>, start: usize, authority: usize) {
    let text = finds.bytes;
    let ends = authority;
    let mut authority = authority;
    let mut within = text.range(start, authority);
    if !within.contains(&b'@') && within.contains(&b':') {
        // `user:p/w?d@host`: look a little further, within the address.
        let more = text
            .from(authority)
            .iter()
            .take(64)
            .take_while(|byte| {
                !byte.is_ascii_whitespace() && !matches!(byte, b'"' | b'\'' | b'<' | b'>' | b'`' | b',' | b'\\' | b':')
            })
            .count();
        let port = within
            .iter()
            .position(|byte| *byte == b':')
            .is_some_and(|colon| within.get(colon + 1..).is_some_and(|port| port.iter().all(u8::is_ascii_digit)));
        if port {
            return;
        }
        let more =
            if text.range(authority, authority + more).contains(&b'@') { Some(more) } else { spaced(text, authority) };
        let Some(more) = more else { return };
        authority += more;
        within = text.range(start, authority);
    }
    let Some(at) = within.iter().rposition(|byte| *byte == b'@') else { return };
    let info = within.get(..at).unwrap_or_default();
    let host = text.at(start + at + 1);
    if !(host.is_ascii_alphanumeric()
        || matches!(host, b'[' | b'{' | b'$' | b'(' | b'<' | b'_' | b'*' | b'%')
        || host >= 0x80)
    {
        return;
    }
    match info.iter().position(|byte| *byte == b':') {
        Some(colon) => {
            let secret = info.get(colon + 1..).unwrap_or_default();
            let word = secret.iter().all(u8::is_ascii_lowercase)
                && matches!(secret, b"pass" | b"password" | b"secret" | b"pwd" | b"pw" | b"passwd" | b"token");
            if secret.len() >= 2 && !word && !value::placeholder(secret) && !secret.contains(&b'{') {
                // What is read behind its escapes looks like the front of an address of mail, which is surer elsewhere.
                let score = if authority > ends { 97 } else { 85 };
                finds.add(start + colon + 1, start + at, Kind::Password, score);
            }
        }
        None if info.len() >= 20 && value::opaque(info, false) => finds.add(start, start + at, Kind::ApiKey, 75),
        None => {}
    }
}

/// How much further the user goes on whose password has spaces, which were escaped, up to the host and what makes it one: a
/// path or a port.
fn spaced(text: Bytes<'_>, authority: usize) -> Option<usize> {
    let rest = text.ahead(authority, 96);
    let inside =
        |byte: &u8| *byte == b' ' || byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\'' | b'<' | b'>' | b'`');
    let at = rest.iter().position(|byte| *byte == b'@' || !inside(byte)).filter(|at| rest.get(*at) == Some(&b'@'))?;
    let host = rest.get(at + 1..)?;
    let length = host.iter().take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-')).count();
    let spaces = rest.get(..at)?.iter().filter(|byte| **byte == b' ').count();
    let placed =
        matches!(host.get(length), Some(b'/' | b':')) && host.get(length + 1).is_some_and(u8::is_ascii_alphanumeric);
    (length > 0 && placed && spaces <= 6 && rest.first() == Some(&b' ')).then_some(at + 1 + length)
}

/// An address that whoever holds it may post to.
fn webhook(finds: &mut Finds<'_>, start: usize, host: usize, path: usize) {
    let text = finds.bytes;
    let name = text.range(host, path);
    if !TOPS.iter().any(|top| name.ends_with(top.as_bytes())) {
        return;
    }
    let office = name.ends_with(b".webhook.office.com") && text.has(path, "/webhookb2/");
    let logic = (name.ends_with(b".logic.azure.com") || name.ends_with(b".logic.azure.com:443"))
        && text.has(path, "/workflows/");
    let known = HOOKS.iter().find(|(known, below)| name == known.as_bytes() && text.has(path, below));
    let Some(below) = known.map(|(_, below)| below.len()).or_else(|| (office || logic).then_some(11)) else { return };
    let address = |byte: &&u8| {
        byte.is_ascii_alphanumeric()
            || matches!(**byte, b'/' | b'-' | b'_' | b'.' | b'=' | b'&' | b'?' | b'%' | b'@' | b':' | b'~' | b'+')
    };
    let length = text.from(path).iter().take(1024).take_while(address).count();
    let rest = finds.str(path, path + length).trim_end_matches(['.', ':', '?', '&']);
    let key = rest.as_bytes().get(below..).unwrap_or_default();
    let longest =
        key.split(|byte| matches!(byte, b'/' | b'=' | b'&' | b'?')).max_by_key(|part| part.len()).unwrap_or_default();
    if longest.len() < 6
        || key.len() < 12
        || invented(longest) && super::rarity::rarity(longest) < 60
        || value::masked(longest)
        || contains(key, "xxxxx")
        || contains(key, "your")
        || super::rarity::rarity(key) < 0
    {
        return;
    }
    finds.add(start, path + rest.len(), Kind::ApiKey, 96);
}

/// The signature of a shared access signature: `sig=` beside `sv=` or `se=`.
fn shared_signature(finds: &mut Finds<'_>, query: usize) {
    let text = finds.bytes;
    let length = text
        .from(query)
        .iter()
        .take(1024)
        .take_while(|byte| !BLANKS.get(usize::from(**byte)).is_some_and(|blank| *blank))
        .count();
    let address = text.range(query, query + length);
    // Addresses inside this one are part of it.
    finds.address = query + length;
    if !address.contains(&b'=') {
        return;
    }
    for (mark, beside) in [
        (b"&sig=".as_slice(), b"&se=".as_slice()),
        (b"?sig=", b"&se="),
        (b"&sig=", b"sv="),
        (b"X-Amz-Signature=", b"X-Amz-Credential="),
    ] {
        let Some(at) = memchr::memmem::find(address, mark) else { continue };
        if memchr::memmem::find(address, beside).is_none() {
            continue;
        }
        let from = at + mark.len();
        let drawn = address
            .get(from..)
            .unwrap_or_default()
            .iter()
            .take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'%' | b'+' | b'/' | b'=' | b'-' | b'_'))
            .count();
        if drawn >= 40 && !invented(text.range(query + from, query + from + drawn)) {
            finds.add(query + from, query + from + drawn, Kind::ApiKey, 80);
            return;
        }
    }
}

/// `user:password@tcp(host)`, the source of data in Go: the mark is from `at` to `end`, and what stands before the end
/// of the last one is of another.
pub(super) fn source(finds: &mut Finds<'_>, at: usize, end: usize) {
    let text = finds.bytes;
    let floor = at.saturating_sub(128).max(std::mem::replace(&mut finds.source, end));
    let inside = |byte: &&u8| !byte.is_ascii_whitespace() && !matches!(byte, b'"' | b'\'' | b'`' | b'=' | b'<' | b'/');
    let length = text.range(floor, at).iter().rev().take_while(inside).count();
    let Some(colon) = text.range(at - length, at).iter().position(|byte| *byte == b':') else { return };
    let from = at - length + colon + 1;
    if value::password(text.range(from, at), Hold::Whole) {
        finds.add(from, at, Kind::Password, 85);
    }
}

/// `jdbc:oracle:thin:user/password@host`.
fn oracle(finds: &mut Finds<'_>, at: usize) {
    let text = finds.bytes;
    let length = text
        .from(at)
        .iter()
        .take(200)
        .take_while(|byte| !byte.is_ascii_whitespace() && !matches!(byte, b'"' | b'\'' | b'<'))
        .count();
    let info = text.range(at, at + length);
    let (Some(slash), Some(host)) =
        (info.iter().position(|byte| *byte == b'/'), info.iter().rposition(|byte| *byte == b'@'))
    else {
        return;
    };
    if slash + 1 < host && value::password(text.range(at + slash + 1, at + host), Hold::Whole) {
        finds.add(at + slash + 1, at + host, Kind::Password, 85);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_host_of_a_service_is_passed_by() {
        for (host, _) in HOOKS {
            assert!(TOPS.iter().any(|top| host.ends_with(top)), "{host}");
        }
    }
}
