//! Texts inside base64 and hexadecimal: decoded when they are text, and taken whole when something is in them.
use super::above::Above;
use super::chain::{byte, byte_before, is_part};
use super::charset::{self, Charset};
use super::effort::{Effort, Work};
use super::evidence;
use super::lanes::{TOKEN, TokenEights};
use super::secrets::sextet;
use super::view::View;
use super::{Engine, Found, Span};
use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

/// The shortest run that is decoded.
const RUN_MIN: usize = TOKEN;
/// How long a text is in which short runs count too.
pub const SHORT: usize = 2048;

const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_padding_mode(DecodePaddingMode::Indifferent)
    .with_decode_allow_trailing_bits(true);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
const URL: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT);

/// Finds runs of base64 and of hexadecimal that hold something sensitive, `layers` deep. What a run is called
/// where it stands is what its text is called.
pub fn find(engine: &Engine, view: &View<'_>, above: &Above, (layers, effort): (usize, &Effort), out: &mut Vec<Found>) {
    let bytes = view.folded().as_bytes();
    let mut eights = TokenEights::new(bytes);
    let mut at = 0;
    let mut no_lines = 0;
    while let Some(run) = next_run(bytes, at, &mut eights) {
        at = run.1;
        if effort.is_spent() {
            return;
        }
        if byte_before(bytes, run.0) == b'.' {
            continue;
        }
        let Some((text, end)) = decoded(bytes, run, &mut no_lines) else {
            continue;
        };
        effort.take(Work::Encoded, 1);
        effort.take(Work::Decoded, end - run.0);
        let run = (run.0, end);
        at = end;
        let above = above.below(evidence::name_before(view.folded(), run.0, effort));
        let spans = engine.scan_layers(&text, &above, layers - 1, effort);
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
        if end - start >= RUN_MIN && length % 4 != 1 {
            return Some((start, end));
        }
        (at, probe) = (end, end);
    }
}

/// The text that a run decodes to, if it is one, and where it ends: base64 may go on in the lines below, unless it begins
/// before `no_lines`.
fn decoded(bytes: &[u8], run: (usize, usize), no_lines: &mut usize) -> Option<(String, usize)> {
    let here = bytes.get(run.0..run.1)?;
    if let Some(text) = unhex(here) {
        return Some((text, run.1));
    }
    // Text has its high bits clear: of the first bytes that already tells most blobs and words apart.
    let head = here.get(..8)?;
    let mut bits = 0u64;
    for letter in head {
        bits = bits << 6 | u64::from(sextet(*letter)?);
    }
    let [_, _, first @ ..] = bits.to_be_bytes();
    let wide = charset::wide(&first);
    if wide.is_none() && !first.iter().all(|byte| *byte >= 0x20 || matches!(byte, b'\n' | b'\r' | b'\t')) {
        return None;
    }
    if run.0 >= *no_lines {
        match wrapped(bytes, run, wide) {
            Ok(wrapped) => return Some(wrapped),
            Err(end) => *no_lines = end,
        }
    }
    Some((read(&alphabet_of(here).decode(here).ok()?, wide)?, run.1))
}

/// Bytes as text, if nearly all of it can be printed and not all of it is letters. `wide`: two bytes a letter.
fn read(bytes: &[u8], wide: Option<Charset>) -> Option<String> {
    let text = match (wide, std::str::from_utf8(bytes)) {
        (Some(wide), _) => charset::read_wide(bytes, wide),
        (None, Ok(text)) => text.to_owned(),
        (None, Err(_)) => Some(bytes).filter(|bytes| charset::is_mostly_ascii(bytes)).map(charset::read_latin)?,
    };
    let printable = text.chars().filter(|c| !c.is_control() || matches!(c, '\n' | '\r' | '\t')).count();
    (printable * 10 >= text.chars().count() * 9 && text.bytes().any(|byte| !byte.is_ascii_alphabetic())).then_some(text)
}

/// The shortest line that is wrapped, and the most bytes of all lines together.
const LINE_MIN: usize = 32;
const LINES_MAX: usize = 64 << 10;

/// The alphabet of a run. Of several lines each may have only what both alphabets have.
fn alphabet_of(letters: &[u8]) -> &'static GeneralPurpose {
    if memchr::memchr2(b'-', b'_', letters).is_some() { &URL } else { &STANDARD }
}

/// The text of a run and the lines below it that are as long, as mails wrap what they carry; the last may be shorter. Or
/// the line that showed that they are none: nor are they from any line before that one on, so that each is read twice at
/// most.
fn wrapped(bytes: &[u8], run: (usize, usize), wide: Option<Charset>) -> Result<(String, usize), usize> {
    let width = run.1 - run.0;
    if width < LINE_MIN || !width.is_multiple_of(4) {
        return Err(run.0);
    }
    let (mut line, mut whole) = (run, Vec::new());
    let (mut known, mut marks) = (0, 0);
    // Letters that may be UTF-8.
    let mut narrow = wide.is_none();
    loop {
        let letters = bytes.get(line.0..line.1).ok_or(line.0)?;
        let before = whole.len();
        alphabet_of(letters).decode_vec(letters, &mut whole).map_err(|_| line.0)?;
        marks += whole.iter().skip(before).filter(|byte| is_control(**byte)).count();
        if narrow {
            match is_text(whole.get(known..).unwrap_or_default()) {
                Some(more) => known += more,
                None if charset::is_mostly_ascii(&whole) => narrow = false,
                None => return Err(line.0),
            }
        }
        // What was as good as text so far, without the lines that made it so, is no better.
        if marks * 10 > whole.len() {
            return Err(line.0);
        }
        let ends = line.1 - line.0 < width || letters.ends_with(b"=") || whole.len() >= LINES_MAX;
        match next_line(bytes, line.1, width).filter(|_| !ends) {
            Some(next) => line = next,
            None if line == run => return Err(run.0),
            None => return read(&whole, wide).map(|text| (text, line.1)).ok_or(line.1),
        }
    }
}

/// The line of letters below `end`, not longer than `width`.
fn next_line(bytes: &[u8], end: usize, width: usize) -> Option<(usize, usize)> {
    let blank = |byte: &&u8| matches!(byte, b'\n' | b'\r' | b' ' | b'\t');
    if !matches!(byte(bytes, end), b'\n' | b'\r') {
        return None;
    }
    let start = end + bytes.get(end..)?.iter().take(16).take_while(blank).count();
    let line = bytes.get(start..)?.iter().take(width + 1).take_while(|byte| letter(**byte) || **byte == b'=').count();
    let end = start + line;
    // A sentence below it begins with a word.
    let goes_on = matches!(bytes.get(end), Some(b' ' | b'\t' | b':' | b'.' | b','))
        || line % 4 != 0 && end < bytes.trim_ascii_end().len();
    ((1..=width).contains(&line) && !goes_on).then_some((start, end))
}

/// How much of what is read is text so far; the last letter may go on.
fn is_text(bytes: &[u8]) -> Option<usize> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Some(text.len()),
        Err(error) => error.error_len().is_none().then(|| error.valid_up_to()),
    }
}

/// What no text has, but for the second bytes of wide letters.
fn is_control(byte: u8) -> bool {
    byte.is_ascii_control() && !matches!(byte, 0 | b'\n' | b'\r' | b'\t')
}

/// The text that hexadecimal spells, nothing but printable ASCII; its first letters tell digests apart.
fn unhex(run: &[u8]) -> Option<String> {
    let run = run.strip_prefix(b"0x").unwrap_or(run);
    let (pairs, rest) = run.as_chunks::<2>();
    let letter = |pair: &[u8; 2]| {
        let [high, low] = pair.map(|byte| char::from(byte).to_digit(16));
        let byte = high.zip(low).and_then(|(high, low)| u8::try_from(high * 16 + low).ok())?;
        (byte.is_ascii_graphic() || byte == b' ').then_some(char::from(byte))
    };
    (rest.is_empty() && pairs.len() >= 8).then(|| pairs.iter().map(letter).collect())?
}
