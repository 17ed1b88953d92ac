//! Tokens that say themselves what they are: provider's prefixes, JSON Web Tokens, bots' tokens.
use super::providers::{custom_key_at, key_at};
use super::rarity::rarity;
use super::value::{Bytes, invented};
use super::{Finds, Kind};
use crate::kernel::redact::chain::is_part;
use crate::kernel::redact::effort::Work;
use crate::kernel::redact::lanes::{TOKEN, TokenEights};

/// Runs shorter than this hold no key.
const SHORTEST: usize = TOKEN;

/// Letters, digits, `-`, `_`, `.` and `~`; the last two are not of Base64 for addresses.
const PARTS: [u8; 256] = of_bytes!(
    at => match at {
        b'-' | b'_' => 2,
        b'.' | b'~' => 1,
        _ if at.is_ascii_alphanumeric() => 2,
        _ => 0,
    },
    else 0
);

fn part(byte: u8) -> bool {
    PARTS.get(usize::from(byte)).is_some_and(|part| *part > 0)
}

/// Looks at every long run of letters, digits, `-`, `_`, `.` and `~` once. Whether there may be one, which in a text that
/// is not short is one as long as two tokens.
pub(super) fn find(finds: &mut Finds<'_>, is_short: bool) -> bool {
    let text = finds.bytes;
    let mut eights = TokenEights::new(text.0);
    let (mut any, mut done, mut probe) = (false, 0, 0);
    while let Some(inside) = eights.next(probe).filter(|_| !finds.effort.is_spent()) {
        any = true;
        probe = inside + 8;
        let eight = text.range(inside, probe);
        if let Some(sign) = eight.iter().position(|byte| !part(*byte)) {
            interrupted(finds, done, inside + sign);
            continue;
        }
        let start = inside - text.range(done, inside).iter().rev().take_while(|byte| part(**byte)).count();
        let end = probe + text.from(probe).iter().take_while(|byte| part(**byte)).count();
        // Base64 has signs that end a run.
        if end - start >= SHORTEST || matches!(text.at(end), b'+' | b'/') && key_at(text, start).is_some() {
            // A number is told by its first digit.
            finds.effort.take(Work::Token, usize::from(!text.range(start, end).iter().all(u8::is_ascii_digit)));
            run(finds, start, end);
        }
        done = end;
        probe = end;
    }
    eights.has_two() || is_short && any
}

/// A key in Base64 may have one of its signs among its first letters: `at` is where that stands.
fn interrupted(finds: &mut Finds<'_>, done: usize, at: usize) {
    let text = finds.bytes;
    if !matches!(text.at(at), b'+' | b'/') || !text.before(at).is_ascii_alphanumeric() {
        return;
    }
    let word = text.range(done.max(at.saturating_sub(SHORTEST)), at);
    let length = word.iter().rev().take_while(|byte| part(**byte)).count();
    // Parts of paths are words.
    let drawn = word.get(word.len() - length..).is_some_and(|word| word.iter().any(u8::is_ascii_digit));
    if length >= 6
        && drawn
        && let Some((end, _)) = key_at(text, at - length)
    {
        finds.add(at - length, end, Kind::ApiKey, 95);
    }
}

/// The run from `start` to `end`: a candidate begins at its start, or behind half an escape there.
fn run(finds: &mut Finds<'_>, start: usize, end: usize) {
    let text = finds.bytes;
    // `\nghp_…`: the n is half of a line end that was never decoded.
    let escaped = text.before(start) == b'\\' && matches!(text.at(start), b'n' | b'r' | b't');
    let mut at = start + usize::from(escaped);
    // `--token-…`, `-ghp_…`: dashes and dots before the word are not part of it.
    while at < end && matches!(text.at(at), b'-' | b'.' | b'_' | b'~') {
        at += 1;
    }
    // `AstraCS:…`, `secret-token:…`, `access_token$production$…`: the mark is a word of its own before the run.
    if matches!(text.before(at), b':' | b'$' | b'!' | b'/' | b' ' | b'|') {
        let joined = |byte: &&u8| url_safe(byte) || **byte == b'$';
        let from = at - 1 - text.range(at.saturating_sub(33), at - 1).iter().rev().take_while(joined).count();
        // Google's refresh tokens begin with slashes.
        let from = if text.has(at.saturating_sub(3), "1//0") { at - 3 } else { from };
        if let Some((to, _)) = key_at(text, from).filter(|(to, _)| from < at - 1 && *to > at + 8) {
            finds.add(from, to, Kind::ApiKey, 95);
            return;
        }
    }
    // Something put before a key with a tilde does not hide it.
    let behind = || text.range(at, end).iter().rposition(|byte| *byte == b'~').map(|tilde| at + tilde + 1);
    let found = token_at(text, at).or_else(|| token_at(text, behind().filter(|from| end - from >= SHORTEST)?));
    if let Some((from, to, kind, score)) = found {
        finds.add(from, to, kind, score);
    }
}

fn token_at(text: Bytes<'_>, at: usize) -> Option<(usize, usize, Kind, u8)> {
    if let Some(end) = text.has(at, "eyJ").then(|| jwt(text, at)).flatten() {
        return Some((at, end, Kind::Jwt, 98));
    }
    if let Some((end, _)) = key_at(text, at) {
        return Some((at, end, Kind::ApiKey, 95));
    }
    if let Some((from, end)) = telegram(text, at) {
        return Some((from, end, Kind::ApiKey, 90));
    }
    if let Some(end) = discord(text, at).or_else(|| custom_key_at(text, at)) {
        return Some((at, end, Kind::ApiKey, 75));
    }
    infix(text, at).map(|end| (at, end, Kind::ApiKey, 75))
}

/// The six bits of every letter of Base64 and of its form for addresses; 64 for what is none.
const SEXTETS: [u8; 256] = of_bytes!(
    at => match at {
        b'A'..=b'Z' => at - b'A',
        b'a'..=b'z' => at - b'a' + 26,
        b'0'..=b'9' => at - b'0' + 52,
        b'-' | b'+' => 62,
        b'_' | b'/' => 63,
        _ => 64,
    },
    else 64
);

/// The six bits of a letter of Base64, or of its form for addresses.
pub fn sextet(byte: u8) -> Option<u32> {
    SEXTETS.get(usize::from(byte)).filter(|sextet| **sextet < 64).map(|sextet| u32::from(*sextet))
}

/// The first bytes that Base64 or its URL form stands for, and how many; stops at what is not Base64.
pub(super) fn decoded(encoded: &[u8]) -> ([u8; 192], usize) {
    let (mut out, mut length) = ([0_u8; 192], 0);
    let (mut bits, mut held) = (0_u32, 0);
    for value in encoded.iter().map_while(|byte| sextet(*byte)) {
        bits = bits << 6 | value;
        held += 6;
        if held >= 8 {
            held -= 8;
            let Some(place) = out.get_mut(length) else { break };
            *place = (bits >> held & 0xFF) as u8;
            length += 1;
        }
    }
    (out, length)
}

pub(super) fn url_safe(byte: &&u8) -> bool {
    PARTS.get(usize::from(**byte)).is_some_and(|part| *part > 1)
}

/// Three parts and more, the first a JSON object that names an algorithm (RFC 7519; five parts when encrypted).
fn jwt(text: Bytes<'_>, start: usize) -> Option<usize> {
    let segment = |at: usize| at + text.from(at).iter().take(16_384).take_while(url_safe).count();
    let header = segment(start);
    let (plain, length) = decoded(text.range(start, header));
    let plain = plain.get(..length).unwrap_or_default();
    if text.at(header) != b'.' || !plain.windows(5).any(|five| five == b"\"alg\"") {
        return None;
    }
    let payload = segment(header + 1);
    if text.at(payload) != b'.' || payload - header < 4 {
        return None;
    }
    let mut end = segment(payload + 1);
    if end - payload < 9 && text.at(end) != b'.' {
        return None;
    }
    for _ in 0..2 {
        if text.at(end) == b'.'
            && url_safe(&&text.at(end + 1))
            && end - payload < 16_384
            && !text.has(header + 1, "eyJ")
        {
            end = segment(end + 1);
        }
    }
    Some(end)
}

/// `123456789:AA…`: a bot's number, a colon and 35 characters.
fn telegram(text: Bytes<'_>, at: usize) -> Option<(usize, usize)> {
    if text.before(at) != b':' || text.at(at) != b'A' {
        return None;
    }
    let length = text.from(at).iter().take(40).take_while(url_safe).count();
    let digits =
        text.range(at.saturating_sub(13), at - 1).iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    let drawn = text.range(at, at + length);
    ((34..=36).contains(&length) && (8..=11).contains(&digits) && !invented(drawn) && rarity(drawn) > 30)
        .then_some((at - 1 - digits, at + length))
}

/// A Discord bot's token: its number in Base64, six characters of time, a sum of 27 and more.
fn discord(text: Bytes<'_>, at: usize) -> Option<usize> {
    if !matches!(text.at(at), b'M' | b'N' | b'O') {
        return None;
    }
    let segment = |at: usize| text.from(at).iter().take(64).take_while(url_safe).count();
    let number = segment(at);
    let time = segment(at + number + 1);
    let sum = segment(at + number + time + 2);
    let (plain, length) = decoded(text.range(at, at + number));
    let digits = plain.get(..length).unwrap_or_default();
    let fits = (23..=28).contains(&number)
        && (6..=7).contains(&time)
        && (27..=40).contains(&sum)
        && text.at(at + number) == b'.'
        && text.at(at + number + time + 1) == b'.';
    let known = digits.iter().all(u8::is_ascii_digit) || rarity(text.range(at, at + number)) > 60;
    (fits && known).then_some(at + number + time + sum + 2)
}

/// Keys of Azure that say in their middle what they are for, each kind in one place (Microsoft's common annotated
/// security keys): `length` letters and digits begin at `at`.
fn azure(text: Bytes<'_>, at: usize, length: usize) -> Option<usize> {
    const MARKS: &[(usize, &str, usize)] = &[
        (52, "JQQJ9", 84),
        (76, "AZDO", 84),
        (42, "AzSe", 52),
        (42, "+ACR", 52),
        (44, "AzFu", 56),
        (76, "APIM", 88),
        (76, "ACDb", 88),
        (76, "+ABa", 88),
        (76, "+AMC", 88),
        (76, "+ASt", 88),
        (33, "AIoT", 44),
        (33, "+ASb", 44),
        (33, "+AEh", 44),
        (33, "+ARm", 44),
    ];
    let sign = |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(**byte, b'+' | b'/' | b'-' | b'_' | b'=');
    if length < 4 && !matches!(text.at(at + length), b'-' | b'_' | b'+' | b'/') {
        return None;
    }
    let run = text.from(at).iter().take(90).take_while(sign).count();
    let fits = |(place, mark, whole): &&(usize, &str, usize)| run == *whole && text.has(at + place, mark);
    let (_, _, whole) = MARKS.iter().find(fits)?;
    let drawn = text.range(at, at + whole);
    (!invented(drawn) && rarity(drawn) > 60).then_some(at + whole)
}

/// Keys with a mark inside instead of in front: Terraform Cloud (`.atlasv1.`), Azure AD (`8Q~`), Mailchimp
/// (`-us12`), New Relic (`NRAL` at the end), DeepL (`:fx`).
pub(super) fn infix(text: Bytes<'_>, at: usize) -> Option<usize> {
    let length = text.from(at).iter().take(128).take_while(|byte| is_part(**byte)).count();
    let word = text.range(at, at + length);
    let after = at + length;
    if length == 14 && text.has(after, ".atlasv1.") {
        let drawn = text.from(after + 9).iter().take(96).take_while(url_safe).count();
        return ((60..=90).contains(&drawn) && !invented(text.range(after + 9, after + 9 + drawn)))
            .then_some(after + 9 + drawn);
    }
    let hex = || word.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    if length == 32 && text.has(after, "-us") && hex() {
        let digits = text.from(after + 3).iter().take(3).take_while(|byte| byte.is_ascii_digit()).count();
        return ((1..=2).contains(&digits) && !invented(word)).then_some(after + 3 + digits);
    }
    if length == 40 && word.ends_with(b"NRAL") && !invented(word) {
        return Some(after);
    }
    if let Some(end) = azure(text, at, length) {
        return Some(end);
    }
    if length == 6 && text.has(at + 36, "_mmk") && text.at(at + 6) == b'_' {
        let whole = text.range(at, at + 40);
        return (whole.iter().all(|byte| url_safe(&byte)) && !invented(whole)).then_some(at + 40);
    }
    if text.has(at + 4, "Q~") && text.at(at + 3).is_ascii_digit() {
        let secret = text.from(at).iter().take(48).take_while(|byte| part(**byte)).count();
        let drawn = text.range(at, at + secret);
        if (38..=40).contains(&secret) {
            return (!invented(drawn) && rarity(drawn) > 30).then_some(at + secret);
        }
    }
    if !text.has(at + 36, ":fx") {
        return None;
    }
    let hyphens = text.from(at).iter().take(40).take_while(url_safe).count();
    (hyphens == 36 && super::value::uuid(text.range(at, at + 36))).then_some(at + 39)
}
