//! Texts inside base64: decoded when they are text, and taken whole when something is in them.
use super::above::Above;
use super::chain::{byte_before, is_part};
use super::lanes::{TOKEN, TokenEights};
use super::secrets::sextet;
use super::view::View;
use super::{Engine, Found, Span};
use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

/// The shortest run that is decoded, and the most bytes that are decoded of one text.
const RUN_MIN: usize = TOKEN;
const BUDGET: usize = 256 << 10;
/// How long a text is in which short runs count too.
const SHORT: usize = 2048;

const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_padding_mode(DecodePaddingMode::Indifferent)
    .with_decode_allow_trailing_bits(true);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
const URL: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT);

/// Finds runs of base64 that hold something sensitive, `layers` deep.
pub fn find(engine: &Engine, view: &View<'_>, above: &Above, layers: usize, out: &mut Vec<Found>) {
    let bytes = view.folded().as_bytes();
    let mut eights = TokenEights::new(bytes);
    let mut at = 0;
    let mut budget = BUDGET;
    while let Some(run) = next_run(bytes, at, &mut eights) {
        at = run.1;
        if run.1 - run.0 > budget || byte_before(bytes, run.0) == b'.' {
            continue;
        }
        let Some(text) = bytes.get(run.0..run.1).and_then(decode) else {
            continue;
        };
        budget -= run.1 - run.0;
        let spans = engine.scan_layers(&text, above, layers - 1);
        // Of several the longest gives its name.
        if let Some(longest) = spans.iter().max_by_key(|span| (span.end - span.start, std::cmp::Reverse(span.start))) {
            out.push(Found { span: Span { start: run.0, end: run.1, kind: longest.kind }, score: 60 });
        }
    }
}

/// Whether a byte is of one of the alphabets.
fn letter(byte: u8) -> bool {
    is_part(byte) || matches!(byte, b'+' | b'/' | b'-' | b'_')
}

/// The next run of the alphabets, padding included, long enough to be worth it: in a short text every one, in a
/// long text those that go on behind the first eight for another.
fn next_run(bytes: &[u8], from: usize, eights: &mut TokenEights<'_>) -> Option<(usize, usize)> {
    let mut at = from;
    let mut probe = from;
    loop {
        let inside = eights.next(probe)?;
        probe = inside + 8;
        let least = if bytes.len() > SHORT { 16 } else { 8 };
        if !bytes.get(inside..inside + least).is_some_and(|eights| eights.iter().rev().all(|byte| letter(*byte))) {
            continue;
        }
        let back = bytes.get(at..inside)?.iter().rev().take_while(|byte| letter(**byte)).count();
        let start = inside - back;
        let length = bytes.get(start..)?.iter().take_while(|byte| letter(**byte)).count();
        let padding = bytes.get(start + length..)?.iter().take(2).take_while(|byte| **byte == b'=').count();
        let end = start + length + padding;
        if length >= RUN_MIN && length % 4 != 1 {
            return Some((start, end));
        }
        (at, probe) = (end, end);
    }
}

/// The text that a run decodes to, if it is one.
fn decode(run: &[u8]) -> Option<String> {
    // Text has its high bits clear: of the first bytes that already tells most blobs and words apart.
    let head = run.get(..8.min(run.len()))?;
    let engine = if run.iter().any(|byte| matches!(byte, b'-' | b'_')) { &URL } else { &STANDARD };
    let mut bits = 0u64;
    for letter in head {
        bits = bits << 6 | u64::from(sextet(*letter)?);
    }
    let [_, _, first @ ..] = (bits << (64 - 16 - 6 * head.len())).to_be_bytes();
    let text = |byte: &u8| *byte >= 0x20 || matches!(byte, b'\n' | b'\r' | b'\t');
    if !first.iter().take(head.len() * 6 / 8).all(text) {
        return None;
    }
    let text = String::from_utf8(engine.decode(run).ok()?).ok()?;
    let printable = text.chars().filter(|c| !c.is_control() || matches!(c, '\n' | '\r' | '\t')).count();
    (printable * 10 >= text.chars().count() * 9 && text.bytes().any(|byte| !byte.is_ascii_alphabetic())).then_some(text)
}
