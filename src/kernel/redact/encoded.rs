//! Texts inside base64: decoded when they are text, and taken whole when something is in them.
use super::chain::byte_before;
use super::view::View;
use super::{Context, Engine, Found, Span};
use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

/// The shortest run that is decoded, and the most bytes that are decoded of one text.
const RUN_MIN: usize = 16;
const BUDGET: usize = 256 << 10;
/// How long a text is in which short runs count too.
const SHORT: usize = 2048;

const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_padding_mode(DecodePaddingMode::Indifferent)
    .with_decode_allow_trailing_bits(true);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
const URL: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT);

/// Finds runs of base64 that hold something sensitive, `layers` deep.
pub fn find(engine: &Engine, view: &View<'_>, context: &Context<'_>, layers: usize, out: &mut Vec<Found>) {
    let bytes = view.folded().as_bytes();
    let mut at = 0;
    let mut budget = BUDGET;
    while at < bytes.len() {
        let Some(run) = next_run(bytes, at) else {
            break;
        };
        at = run.1;
        if run.1 - run.0 > budget || byte_before(bytes, run.0) == b'.' {
            continue;
        }
        let Some(text) = bytes.get(run.0..run.1).and_then(decode) else {
            continue;
        };
        budget -= run.1 - run.0;
        let spans = engine.scan_layers(&text, &Context { path: context.path }, layers - 1);
        // Of several the longest gives its name.
        if let Some(longest) = spans.iter().max_by_key(|span| (span.end - span.start, std::cmp::Reverse(span.start))) {
            out.push(Found { span: Span { start: run.0, end: run.1, kind: longest.kind }, score: 60 });
        }
    }
}

/// Whether a byte is of one of the alphabets; without branches, so that many are tested at a time.
fn letter(byte: u8) -> bool {
    let alphabetic = (byte | 0x20).wrapping_sub(b'a') < 26;
    let digit = byte.wrapping_sub(b'0') < 10;
    alphabetic | digit | (byte == b'+') | (byte == b'/') | (byte == b'-') | (byte == b'_')
}

/// The next block from `from` on that is nothing but letters.
fn full_block<const N: usize>(bytes: &[u8], from: usize) -> Option<usize> {
    let blocks = bytes.get(from..)?.as_chunks::<N>().0;
    let full = |block: &[u8; N]| block.iter().fold(true, |all, byte| all & letter(*byte));
    blocks.iter().position(full).map(|block| from + block * N)
}

/// The next run of the alphabets, padding included, long enough to be worth it: in a short text every one, in a
/// long text those that fill a larger block.
fn next_run(bytes: &[u8], from: usize) -> Option<(usize, usize)> {
    let mut at = from;
    loop {
        let inside = if bytes.len() > SHORT { full_block::<16>(bytes, at)? } else { full_block::<8>(bytes, at)? };
        let back = bytes.get(at..inside)?.iter().rev().take_while(|byte| letter(**byte)).count();
        let start = inside - back;
        let length = bytes.get(start..)?.iter().take_while(|byte| letter(**byte)).count();
        let padding = bytes.get(start + length..)?.iter().take(2).take_while(|byte| **byte == b'=').count();
        let end = start + length + padding;
        if length >= RUN_MIN && length % 4 != 1 {
            return Some((start, end));
        }
        at = end;
    }
}

/// The text that a run decodes to, if it is one.
fn decode(run: &[u8]) -> Option<String> {
    // Text has its high bits clear: of the first bytes that already tells most blobs and words apart.
    let head = run.get(..8.min(run.len()))?;
    let engine = if run.iter().any(|byte| matches!(byte, b'-' | b'_')) { &URL } else { &STANDARD };
    if !engine.decode(head).ok()?.iter().all(|byte| *byte >= 0x20 || matches!(byte, b'\n' | b'\r' | b'\t')) {
        return None;
    }
    let text = String::from_utf8(engine.decode(run).ok()?).ok()?;
    let printable = text.chars().filter(|c| !c.is_control() || matches!(c, '\n' | '\r' | '\t')).count();
    (printable * 10 >= text.chars().count() * 9 && text.bytes().any(|byte| !byte.is_ascii_alphabetic())).then_some(text)
}
