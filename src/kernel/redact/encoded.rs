//! Texts inside base64 and hexadecimal: decoded when they are text, and taken whole when something is in them.
use super::above::Above;
use super::chain::{byte, byte_before, is_part};
use super::evidence;
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
pub const SHORT: usize = 2048;

const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_padding_mode(DecodePaddingMode::Indifferent)
    .with_decode_allow_trailing_bits(true);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
const URL: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT);

/// Finds runs of base64 and of hexadecimal that hold something sensitive, `layers` deep. What a run is called
/// where it stands is what its text is called.
pub fn find(engine: &Engine, view: &View<'_>, above: &Above, layers: usize, out: &mut Vec<Found>) {
    let bytes = view.folded().as_bytes();
    let mut eights = TokenEights::new(bytes);
    let mut at = 0;
    let mut budget = BUDGET;
    let mut block = None;
    while let Some(run) = next_run(bytes, at, &mut eights) {
        at = run.1;
        if run.1 - run.0 > budget || byte_before(bytes, run.0) == b'.' {
            continue;
        }
        let Some((text, end)) = decoded(bytes, run, &mut block) else {
            continue;
        };
        let run = (run.0, end);
        at = end;
        budget = budget.saturating_sub(run.1 - run.0);
        let above = above.below(evidence::name_before(view.folded(), run.0));
        let spans = engine.scan_layers(&text, &above, layers - 1);
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

/// The text that a run decodes to, if it is one, and where it ends: base64 may go on in the lines below. `block`: the
/// last lines that were joined.
fn decoded(bytes: &[u8], run: (usize, usize), block: &mut Option<Block>) -> Option<(String, usize)> {
    let here = bytes.get(run.0..run.1)?;
    if let Some(text) = unhex(here) {
        return Some((text, run.1));
    }
    let url = here.iter().any(|byte| matches!(byte, b'-' | b'_'));
    // Text has its high bits clear: of the first bytes that already tells most blobs and words apart.
    let head = here.get(..8)?;
    let mut bits = 0u64;
    for letter in head {
        bits = bits << 6 | u64::from(sextet(*letter)?);
    }
    let [_, _, first @ ..] = bits.to_be_bytes();
    let wide = matches!(first, [_, 0, _, 0, _, 0]);
    if !wide && !first.iter().all(|byte| *byte >= 0x20 || matches!(byte, b'\n' | b'\r' | b'\t')) {
        return None;
    }
    if block.as_ref().is_none_or(|block| block.line(run).is_none()) {
        *block = Block::joined(bytes, run);
    }
    if let Some(block) = block
        && let Some(line) = block.line(run)
        && let Some(text) = block.read(line, url, wide)?
    {
        return Some((text, block.end));
    }
    let bytes = alphabet(url).decode(here).ok()?;
    let text = text(&bytes, wide)?;
    let mut sums = Sums::default();
    text.chars().for_each(|c| sums.add(Some(c)));
    sums.is_text().then_some((text, run.1))
}

/// The alphabet for addresses, or the other.
fn alphabet(url: bool) -> &'static GeneralPurpose {
    if url { &URL } else { &STANDARD }
}

/// Units of two bytes, the lower one first.
fn units(bytes: &[u8]) -> impl Iterator<Item = u16> {
    bytes.as_chunks::<2>().0.iter().map(|pair| u16::from_le_bytes(*pair))
}

/// Bytes as text. `wide`: two bytes a letter.
fn text(bytes: &[u8], wide: bool) -> Option<String> {
    if wide {
        char::decode_utf16(units(bytes)).collect::<Result<_, _>>().ok()
    } else {
        String::from_utf8(bytes.into()).ok()
    }
}

/// What characters there are.
#[derive(Clone, Copy, Default)]
struct Sums {
    all: usize,
    printable: usize,
    /// Those that are no letters of ASCII.
    others: usize,
    /// What is no character.
    broken: usize,
}

impl Sums {
    fn add(&mut self, c: Option<char>) {
        let Some(c) = c else {
            self.broken += 1;
            return;
        };
        self.all += 1;
        self.printable += usize::from(!c.is_control() || matches!(c, '\n' | '\r' | '\t'));
        self.others += usize::from(!c.is_ascii_alphabetic());
    }

    /// Those that are not of `front`.
    fn behind(self, front: Self) -> Self {
        Self {
            all: self.all - front.all,
            printable: self.printable - front.printable,
            others: self.others - front.others,
            broken: self.broken - front.broken,
        }
    }

    /// Whether nearly all of it can be printed and not all of it is letters.
    fn is_text(self) -> bool {
        self.broken == 0 && self.printable * 10 >= self.all * 9 && self.others > 0
    }
}

/// Lines that belong together, as mails wrap what they carry: joined and decoded once, whichever of them the text may
/// begin with.
struct Block {
    /// Where each begins in what is read, and where the last ends.
    starts: Vec<usize>,
    end: usize,
    /// How long they are; the last may be shorter.
    width: usize,
    joined: Vec<u8>,
    /// What they stand for in either alphabet.
    plain: [Option<Plain>; 2],
}

/// What the lines from some line on stand for; those before are not of the alphabet.
struct Plain {
    first: usize,
    bytes: Option<Vec<u8>>,
    /// From which of them on it is text: of single bytes, and of two where the first is at an even place or an odd one.
    texts: [Option<Vec<bool>>; 3],
}

impl Block {
    /// A run and the lines below it that are as long.
    fn joined(bytes: &[u8], run: (usize, usize)) -> Option<Self> {
        let width = run.1 - run.0;
        if width < LINE_MIN || !width.is_multiple_of(4) {
            return None;
        }
        let (mut joined, mut end, mut starts) = (bytes.get(run.0..run.1)?.to_vec(), run.1, vec![run.0]);
        while matches!(byte(bytes, end), b'\n' | b'\r') && joined.len() < LINES_MAX {
            let blank = |byte: &&u8| matches!(byte, b'\n' | b'\r' | b' ' | b'\t');
            let start = end + bytes.get(end..)?.iter().take(16).take_while(blank).count();
            let line =
                bytes.get(start..)?.iter().take(width + 1).take_while(|byte| letter(**byte) || **byte == b'=').count();
            if line == 0 || line > width {
                break;
            }
            joined.extend_from_slice(bytes.get(start..start + line)?);
            starts.push(start);
            end = start + line;
            if line < width {
                break;
            }
        }
        (end > run.1).then_some(Self { starts, end, width, joined, plain: [None, None] })
    }

    /// Which of the lines a run is, if others follow.
    fn line(&self, run: (usize, usize)) -> Option<usize> {
        let line = self.starts.binary_search(&run.0).ok()?;
        (run.1 - run.0 == self.width && line + 1 < self.starts.len()).then_some(line)
    }

    /// The text of a line and those below, if it is one; none if they are not of the alphabet.
    fn read(&mut self, line: usize, url: bool, wide: bool) -> Option<Option<String>> {
        let (joined, width, count) = (&self.joined, self.width, self.starts.len());
        let plain = self.plain.get_mut(usize::from(url))?.get_or_insert_with(|| Plain::of(joined, width, url));
        let line = line.checked_sub(plain.first)?;
        let bytes = plain.bytes.as_ref()?;
        let at = |line: usize| line * width / 4 * 3;
        let odd = if wide { at(line) % 2 } else { 0 };
        let texts = plain.texts.get_mut(usize::from(wide) + odd)?.get_or_insert_with(|| {
            let lines = (0..count - plain.first).map(at);
            if wide { wide_texts(bytes, odd, lines) } else { narrow_texts(bytes, lines) }
        });
        let is_text = texts.get(line).is_some_and(|is_text| *is_text);
        Some(is_text.then(|| text(bytes.get(at(line)..)?, wide)).flatten())
    }
}

impl Plain {
    fn of(joined: &[u8], width: usize, url: bool) -> Self {
        let signs: [u8; 2] = if url { *b"-_" } else { *b"+/" };
        let fits = |byte: &u8| byte.is_ascii_alphanumeric() || signs.contains(byte);
        let bare = joined.iter().rposition(|byte| *byte != b'=').map_or(0, |last| last + 1);
        let wrong = joined.get(..bare).and_then(|joined| joined.iter().rposition(|byte| !fits(byte)));
        let first = wrong.map_or(0, |wrong| wrong / width + 1);
        let bytes = joined.get(first * width..).and_then(|joined| alphabet(url).decode(joined).ok());
        Self { first, bytes, texts: [None, None, None] }
    }
}

/// From which of `lines`, where they begin in `bytes`, on it is text of single bytes.
fn narrow_texts(bytes: &[u8], lines: impl Iterator<Item = usize>) -> Vec<bool> {
    let parts = bytes.utf8_chunks().flat_map(|chunk| {
        let broken = Some((chunk.invalid().len(), None)).filter(|(length, _)| *length > 0);
        chunk.valid().chars().map(|c| (c.len_utf8(), Some(c))).chain(broken)
    });
    texts(0, parts, lines)
}

/// The same of two bytes a letter; `odd`: where the first begins.
fn wide_texts(bytes: &[u8], odd: usize, lines: impl Iterator<Item = usize>) -> Vec<bool> {
    let parts = char::decode_utf16(units(bytes.get(odd..).unwrap_or_default()))
        .map(|c| (c.as_ref().map_or(2, |c| c.len_utf16() * 2), c.ok()));
    texts(odd, parts, lines)
}

/// The same of characters, each with its bytes, that begin at `at`.
fn texts(
    mut at: usize,
    parts: impl Iterator<Item = (usize, Option<char>)>,
    lines: impl Iterator<Item = usize>,
) -> Vec<bool> {
    let mut lines = lines.peekable();
    let (mut fronts, mut sums) = (Vec::new(), Sums::default());
    for (length, c) in parts {
        while let Some(line) = lines.next_if(|line| *line <= at) {
            fronts.push((line == at).then_some(sums));
        }
        sums.add(c);
        at += length;
    }
    fronts.into_iter().map(|front| front.is_some_and(|front| sums.behind(front).is_text())).collect()
}

/// The shortest line that is wrapped, and the most bytes of all lines together.
const LINE_MIN: usize = 32;
const LINES_MAX: usize = 64 << 10;

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
