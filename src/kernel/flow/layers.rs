//! A text and what is written in it in another way: percent, base64, hex, escapes, entities, codes, JSON.
use crate::kernel::json::{Document, Value};
use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

/// Deepest nesting of encodings.
pub const DEPTH: usize = 3;
/// Most bytes of decoded text, as a multiple of the text.
const GROWTH: usize = 8;
/// Shortest encoded run that is looked at, in characters.
const RUN_MIN: usize = 16;
/// Of how many characters one may be unreadable in what is text for sure. Of random bytes most are.
const BAD_IN: usize = 16;

/// What the protocol calls things, and JSON Schema. Nobody can say anything with these that was read.
const KINDS: &[&str] = &[
    "array",
    "audio",
    "boolean",
    "image",
    "integer",
    "null",
    "number",
    "object",
    "resource",
    "resource_link",
    "string",
    "text",
];
/// Media types that say what the content is and nothing else.
const MEDIA: &[&str] = &[
    "application/json",
    "application/octet-stream",
    "application/pdf",
    "application/xml",
    "application/zip",
    "audio/mpeg",
    "audio/ogg",
    "audio/wav",
    "image/gif",
    "image/jpeg",
    "image/png",
    "image/svg+xml",
    "image/webp",
    "text/css",
    "text/csv",
    "text/html",
    "text/javascript",
    "text/markdown",
    "text/plain",
    "text/xml",
    "video/mp4",
];

/// Takes texts as they are found.
pub trait Take {
    /// One text.
    fn text(&mut self, text: &str);
    /// What a text is called.
    fn key(&mut self, _key: &str) {}
    /// What comes next is another record than what came before.
    fn part(&mut self) {}
    /// Whether what is hardly text is told as well: whoever sends can hide text among it.
    fn suspects(&self) -> bool {
        true
    }
}

/// Walks everything that a value says and tells it text by text. False if there was more than is
/// looked at.
pub fn value(value: Value<'_>, take: &mut impl Take) -> bool {
    let mut budget = value.raw().len().saturating_mul(GROWTH).saturating_add(4096);
    walk(value, 0, &mut budget, take)
}

/// The same of a text.
pub fn text(text: &str, take: &mut impl Take) -> bool {
    let mut budget = text.len().saturating_mul(GROWTH).saturating_add(4096);
    unfold(text, 0, &mut budget, take)
}

fn walk(value: Value<'_>, depth: usize, budget: &mut usize, take: &mut impl Take) -> bool {
    if let Some(text) = value.as_str() {
        return unfold(&text, depth, budget, take);
    }
    let mut whole = true;
    for (key, entry) in value.entries() {
        take.key(&key.text());
        // What a thing is is not what it says; but only if that is all that stands there.
        let words: &[&str] = match () {
            () if key.is("type") => KINDS,
            () if key.is("mimeType") => MEDIA,
            () if key.is("jsonrpc") => &["2.0"],
            () => &[],
        };
        if words.is_empty() || !entry.as_str().is_some_and(|text| words.contains(&&*text)) {
            whole &= walk(entry, depth, budget, take);
        }
    }
    let mut objects = 0;
    for element in value.elements() {
        if element.is_object() {
            objects += 1;
            take.part();
        }
        whole &= walk(element, depth, budget, take);
    }
    if objects > 0 {
        take.part();
    }
    if value.as_f64().is_some() {
        take.text(std::str::from_utf8(value.raw()).unwrap_or_default());
    }
    whole
}

fn unfold(text: &str, depth: usize, budget: &mut usize, take: &mut impl Take) -> bool {
    match budget.checked_sub(text.len()) {
        Some(left) => *budget = left,
        None => return false,
    }
    let mut whole = true;
    if text.trim_start().starts_with(['{', '[', '"'])
        && let Ok(document) = Document::reread(text.as_bytes().to_vec())
    {
        if depth < DEPTH {
            take.part();
            let whole = walk(document.root(), depth + 1, budget, take);
            take.part();
            return whole;
        }
        // A list of plain texts says the same without being parsed; names and escapes come between them.
        whole &= !text.contains(['{', '\\']);
    }
    take.text(text);
    let single = [percent(text), escapes(text), entities(text)].into_iter().flatten();
    let mut found: Vec<Found> = single.map(|text| Found { text, sure: true }).collect();
    let suspects = take.suspects();
    found.extend(base64s(text).iter().flat_map(|run| decoded(run, suspects)));
    found.extend(hexes(text).into_iter().chain(codes(text)).filter_map(|run| Found::of(&run, suspects, suspects)));
    for Found { text, sure } in found {
        whole &= if depth < DEPTH { unfold(&text, depth + 1, budget, take) } else { !sure };
    }
    whole
}

/// What something that may be encoded text decodes to.
struct Found {
    text: String,
    /// It is text, and not just something that has some in it.
    sure: bool,
}

impl Found {
    /// With what cannot be read as U+FFFD. If that is too much of it, only the pieces that are long enough not to be
    /// there by chance. `suspects`: shorter pieces too, and among more that cannot be read; `all`: among whatever.
    fn of(bytes: &[u8], suspects: bool, all: bool) -> Option<Self> {
        let text = String::from_utf8_lossy(bytes);
        let bad = |c: char| c == char::REPLACEMENT_CHARACTER || (c.is_control() && !c.is_whitespace());
        let (count, length) = (text.chars().filter(|c| bad(*c)).count(), text.chars().count());
        let good = length - count;
        if good < 4 {
            return None;
        }
        if count * BAD_IN <= length {
            return Some(Self { text: text.into_owned(), sure: true });
        }
        let longest = text.split(bad).map(|piece| piece.chars().count()).max().unwrap_or(0);
        let sure = longest >= RUN_MIN;
        if all || (suspects && good * 4 >= length * 3) {
            return Some(Self { text: text.into_owned(), sure });
        }
        let least = if suspects { RUN_MIN / 2 } else { RUN_MIN };
        let pieces: Vec<&str> = text.split(bad).filter(|piece| piece.chars().count() >= least).collect();
        (!pieces.is_empty()).then(|| Self { text: pieces.join("\u{fffd}"), sure })
    }
}

fn hex_digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

fn pair(a: Option<&u8>, b: Option<&u8>) -> Option<u8> {
    Some(hex_digit(*a?)? << 4 | hex_digit(*b?)?)
}

/// `%41`, and `=41` of quoted-printable.
fn percent(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let mut out = Vec::new();
    let (mut at, mut hits) = (0, 0);
    while let Some(byte) = bytes.get(at) {
        match pair(bytes.get(at + 1), bytes.get(at + 2)).filter(|_| matches!(byte, b'%' | b'=')) {
            Some(decoded) => {
                out.push(decoded);
                (at, hits) = (at + 3, hits + 1);
            }
            None => {
                out.push(if *byte == b'+' { b' ' } else { *byte });
                at += 1;
            }
        }
    }
    (hits > 0).then(|| String::from_utf8_lossy(&out).into_owned())
}

/// `\u0041`, `\x41` and `\u{41}`.
fn escapes(text: &str) -> Option<String> {
    let mut out = String::new();
    let mut rest = text;
    let mut hits = 0;
    while let Some((before, after)) = rest.split_once('\\') {
        out.push_str(before);
        let digits = |text: &str, most: usize| {
            let length = text.bytes().take(most).take_while(u8::is_ascii_hexdigit).count();
            text.split_at_checked(length).filter(|(digits, _)| !digits.is_empty()).map(|(digits, rest)| {
                (u32::from_str_radix(digits, 16).ok().and_then(char::from_u32).unwrap_or(' '), rest.to_owned().len())
            })
        };
        let found = match after.as_bytes() {
            [b'u', b'{', ..] => after
                .get(2..)
                .and_then(|text| digits(text.trim_start_matches('0'), 6))
                .map(|(c, left)| (c, left.saturating_sub(1))),
            // Long ones begin with zeros.
            [b'U', b'0', b'0', ..] => after.get(1..).and_then(|text| digits(text, 8)),
            [b'u' | b'U', ..] => after.get(1..).and_then(|text| digits(text, 4)),
            [b'x', ..] => after.get(1..).and_then(|text| digits(text, 2)),
            _ => None,
        };
        match found.and_then(|(character, left)| Some((character, after.get(after.len() - left..)?))) {
            Some((character, left)) => {
                out.push(character);
                hits += 1;
                rest = left;
            }
            None => {
                out.push(' ');
                rest = after;
            }
        }
    }
    out.push_str(rest);
    (hits > 0).then_some(out)
}

/// `&#65;` and `&#x41;`.
fn entities(text: &str) -> Option<String> {
    let mut out = String::new();
    let mut rest = text;
    let mut hits = 0;
    while let Some((before, after)) = rest.split_once("&#") {
        out.push_str(before);
        let (radix, digits) = match after.strip_prefix(['x', 'X']) {
            Some(digits) => (16, digits),
            None => (10, after),
        };
        let length = digits.bytes().take_while(|byte| char::from(*byte).is_digit(radix)).count();
        let code = digits.get(..length).and_then(|code| u32::from_str_radix(code, radix).ok()).and_then(char::from_u32);
        rest = digits.get(length..).unwrap_or_default();
        rest = rest.strip_prefix(';').unwrap_or(rest);
        out.extend(code);
        hits += 1;
    }
    out.push_str(rest);
    (hits > 0).then_some(out)
}

const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_allow_trailing_bits(true)
    .with_decode_padding_mode(DecodePaddingMode::Indifferent);
static BASE64: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);

/// Runs of base64 or base64url, also over line breaks.
fn base64s(text: &str) -> Vec<Vec<u8>> {
    let mut runs: Vec<Vec<u8>> = Vec::new();
    let mut run: Vec<u8> = Vec::new();
    let mut pending = 0;
    let mut flush = |run: &mut Vec<u8>| {
        let run = std::mem::take(run);
        if run.len() >= RUN_MIN {
            runs.push(run);
        }
    };
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'+' | b'/' | b'-' | b'_' => {
                run.push(match byte {
                    b'-' => b'+',
                    b'_' => b'/',
                    other => other,
                });
                pending = 0;
            }
            // A long line goes on in the next.
            b'\r' | b'\n' | b' ' if run.len() >= RUN_MIN && pending < 3 => pending += 1,
            _ => flush(&mut run),
        }
    }
    flush(&mut run);
    runs
}

/// What a run of base64 says, wherever in a group of four it was cut: one may have been cut anew within it.
fn decoded(run: &[u8], suspects: bool) -> Vec<Found> {
    let at = |offset: usize| {
        let run = run.get(offset..)?;
        // One character alone at the end is no byte.
        let run = if run.len() % 4 == 1 { run.get(..run.len() - 1)? } else { run };
        Found::of(&BASE64.decode(run).ok()?, suspects, false)
    };
    (0..4).filter_map(at).collect()
}

/// Pairs of hex digits, together or apart: `416e`, `41:6e`, `0x41, 0x6e`.
fn hexes(text: &str) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    let mut run: Vec<u8> = Vec::new();
    for word in text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty()) {
        let digits = word.strip_prefix("0x").or_else(|| word.strip_prefix("0X")).unwrap_or(word);
        let digits = digits.strip_prefix('x').unwrap_or(digits);
        if digits.len() % 2 == 0 && digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            run.extend(digits.as_bytes().chunks(2).filter_map(|two| pair(two.first(), two.get(1))));
        } else {
            found.push(std::mem::take(&mut run));
        }
    }
    found.push(run);
    found.retain(|run| run.len() * 2 >= RUN_MIN);
    found
}

/// Codes of characters: `65, 110, 110`.
fn codes(text: &str) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    let mut run: Vec<u8> = Vec::new();
    for word in text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty()) {
        match word.parse::<u8>() {
            Ok(code) if code >= 9 => run.push(code),
            _ => found.push(std::mem::take(&mut run)),
        }
    }
    found.push(run);
    found.retain(|run| run.len() >= RUN_MIN);
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

    struct All(Vec<String>);

    impl Take for All {
        fn text(&mut self, text: &str) {
            self.0.push(text.to_owned());
        }
    }

    fn all(of: &str) -> Vec<String> {
        let mut all = All(Vec::new());
        assert!(text(of, &mut all));
        all.0
    }

    #[test]
    fn what_is_written_in_another_way_is_read() {
        const TEXT: &str = "Ann Example, +49 731 5550142";
        let hex: Vec<String> = TEXT.bytes().map(|byte| format!("{byte:02x}")).collect();
        let twice = STANDARD.encode(STANDARD.encode(TEXT));
        let long = STANDARD.encode(TEXT.repeat(9));
        let wrapped: Vec<&str> = long.as_bytes().chunks(76).map(|line| std::str::from_utf8(line).unwrap()).collect();
        for written in [
            TEXT.bytes().map(|byte| format!("%{byte:02X}")).collect::<String>(),
            TEXT.chars().map(|c| format!("\\u{:04x}", u32::from(c))).collect::<String>(),
            TEXT.chars().map(|c| format!("\\u{{{:x}}}", u32::from(c))).collect::<String>(),
            TEXT.chars().map(|c| format!("&#{};", u32::from(c))).collect::<String>(),
            TEXT.bytes().map(|byte| byte.to_string()).collect::<Vec<_>>().join(", "),
            hex.concat(),
            hex.join(" "),
            hex.join(":"),
            format!("0x{}", hex.join(", 0x")),
            STANDARD.encode(TEXT),
            URL_SAFE_NO_PAD.encode(TEXT),
            format!("see data:text/plain;base64,{} there", STANDARD.encode(TEXT)),
            format!("ab{}", STANDARD.encode(TEXT)),
            twice,
            serde_json::to_string(&serde_json::json!({ "a": [serde_json::to_string(&[TEXT]).unwrap()] })).unwrap(),
        ] {
            assert!(
                all(&written).iter().any(|text| text.contains("Example, +49 731 5550142")),
                "{written}: {:?}",
                all(&written)
            );
        }
        assert!(all(&wrapped.join("\r\n")).contains(&TEXT.repeat(9)));
    }

    #[test]
    fn whatever_stands_in_place_of_a_type_is_read_but_for_the_protocol_s_own_words() {
        const TEXT: &str = "Ann Example, +49 731 5550142";
        for key in ["type", "mimeType", "jsonrpc"] {
            for stands in [
                serde_json::json!(TEXT),
                serde_json::json!([TEXT]),
                serde_json::json!({ "a": { "type": TEXT } }),
                serde_json::json!(format!("text/plain; charset={TEXT}")),
                serde_json::json!(STANDARD.encode(TEXT)),
            ] {
                let of = serde_json::json!({ "x": [{ key: stands }] }).to_string();
                assert!(all(&of).iter().any(|text| text.contains(TEXT)), "{of}");
            }
        }
        let own = r#"{"jsonrpc":"2.0","a":[{"type":"text","text":"ab"},{"type":"image","mimeType":"image/png"}]}"#;
        assert_eq!(all(own), ["ab"]);
    }

    /// A text, in JSON in a string so many times.
    fn nested(text: &str, times: usize) -> String {
        (0..times).fold(text.to_owned(), |inner, _| serde_json::json!({ "a": inner }).to_string())
    }

    #[test]
    fn json_in_more_than_three_layers_is_not_passed_over() {
        let mut seen = All(Vec::new());
        assert!(text(&nested("Ann\nExample", 3), &mut seen));
        assert_eq!(seen.0, ["Ann\nExample"]);
        for of in [
            nested("Ann\nExample", 4),
            nested("Ann", 5),
            nested(&serde_json::json!({ "x": "Ann ", "y": "Example" }).to_string(), 3),
            nested("\"Ann\\nExample\"", 3),
        ] {
            assert!(!text(&of, &mut All(Vec::new())), "{of}");
        }
        // Nothing is hidden in these.
        for of in ["\"Ann\"", "[\"Ann\", 1]", "{ Ann", "C:\\dir\\file", "[1]: a\\_b"] {
            assert!(text(&nested(of, 3), &mut All(Vec::new())), "{of}");
        }
    }

    #[test]
    fn a_longer_run_hides_no_other() {
        const TEXT: &str = "Ann Example, +49 731 5550142";
        let numbers = |text: &str| text.bytes().map(|byte| byte.to_string()).collect::<Vec<_>>().join(", ");
        let decoy = "nothing to see here. ".repeat(9);
        let cut = STANDARD.encode(decoy.get(..30).unwrap());
        for written in [
            format!("{} and {} and {}", numbers(&decoy), numbers(TEXT), numbers(&decoy)),
            format!("{} and {}", STANDARD.encode(&decoy), STANDARD.encode(TEXT)),
            format!("{cut}x{}", STANDARD.encode(TEXT)),
            format!("{cut}xyz{}", STANDARD.encode(TEXT)),
        ] {
            assert!(all(&written).iter().any(|text| text.contains("Example, +49 731 5550142")), "{written}");
        }
    }

    #[test]
    fn a_byte_that_is_no_text_hides_none() {
        const TEXT: &str = "Ann Example, 0049 731 5550142";
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let (mut bad, mut control) = (vec![0xff], vec![1, 2, 3, 4, 5]);
        bad.extend(TEXT.bytes());
        control.extend(TEXT.bytes());
        let numbers = |bytes: &[u8]| bytes.iter().map(u8::to_string).collect::<Vec<_>>().join(" ");
        for written in [
            format!("%ff{}", TEXT.replace(' ', "%20")),
            format!("%01%02%03%04{}", TEXT.replace(' ', "%20")),
            hex(&bad),
            hex(&control),
            format!("{}{}", hex(&[0xff; 40]), hex(TEXT.as_bytes())),
            numbers(&bad),
            STANDARD.encode(&bad),
            STANDARD.encode(&control),
            TEXT.chars().map(|c| format!("&#{:012};", u32::from(c))).collect::<String>(),
            TEXT.chars().map(|c| format!("&#x{:012x};", u32::from(c))).collect::<String>(),
            TEXT.chars().map(|c| format!("\\U{:08x}", u32::from(c))).collect::<String>(),
            TEXT.chars().map(|c| format!("\\u{{{:012x}}}", u32::from(c))).collect::<String>(),
        ] {
            assert!(all(&written).iter().any(|text| text.contains(TEXT)), "{written}: {:?}", all(&written));
        }
        let between: Vec<u8> = TEXT.bytes().flat_map(|byte| [0xff, byte]).collect();
        let plain = |text: &String| text.replace('\u{fffd}', "");
        assert!(all(&hex(&between)).iter().map(plain).any(|text| text.contains(TEXT)));
    }

    #[test]
    fn what_is_random_is_no_text() {
        // As pictures and signatures are: some of it can be read, and none of it makes anything unclear.
        let mut state = 7_u64;
        let mut random = |count: usize| -> Vec<u8> {
            let mut next = || {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                state.to_be_bytes()[0]
            };
            (0..count).map(|_| next()).collect()
        };
        let picture = random(60_000);
        let mut seen = All(Vec::new());
        assert!(text(&STANDARD.encode(&picture), &mut seen));
        let beside: usize = seen.0.iter().skip(1).map(String::len).sum();
        assert!(beside < picture.len() / 20, "{beside}");
        let mut unclear = 0;
        for length in 12..512 {
            let of = [STANDARD.encode(random(length)), random(32).iter().map(|b| format!("{b:02x}")).collect()];
            unclear += of.iter().filter(|of| !text(&nested(of, 3), &mut All(Vec::new()))).count();
        }
        assert!(unclear <= 2, "{unclear} of 1,000");
    }

    #[test]
    fn what_is_not_encoded_is_itself_and_work_is_bounded() {
        assert_eq!(all("a plain sentence, of 12 words"), ["a plain sentence, of 12 words"]);
        let mut bomb = "x".repeat(64);
        for _ in 0..12 {
            bomb = STANDARD.encode(bomb);
        }
        let mut seen = All(Vec::new());
        assert!(!text(&bomb, &mut seen), "deeper than is looked at");
        assert!(seen.0.iter().map(String::len).sum::<usize>() <= bomb.len() * GROWTH + 4096);
    }
}
