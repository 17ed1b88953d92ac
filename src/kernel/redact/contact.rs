//! How people and machines are reached, and when people were born.
use super::Kind;
use super::chain::{Word, byte, byte_before, is_float, is_led, word_from};
use super::checks::{is_date, number};
use super::effort::Work;
use super::evidence::floor;
use super::judge::{Judge, Strength};
use super::labels::{self, Labels};
use super::letters;
use super::words::plain;
use core::net::Ipv6Addr;
use psl::Psl as _;
use std::borrow::Cow;
use std::sync::LazyLock;

/// The longest address (RFC 5321) on either side of the sign.
const SIDE: usize = 190;

/// What may stand on the left side of an address, of ASCII.
const LOCAL: [bool; 256] = of_bytes!(
    at => at.is_ascii_alphanumeric()
        || matches!(
            at,
            b'.' | b'_' | b'%' | b'+' | b'-' | b'\'' | b'!' | b'#' | b'$' | b'&' | b'*' | b'/' | b'=' | b'?' | b'^' | b'~'
                | b'{' | b'}' | b'|'
        ),
    else false
);

/// All that may be of an address and ends here.
fn local(before: &str) -> &str {
    let is_part = |byte: u8| LOCAL.get(usize::from(byte)).is_some_and(|part| *part);
    let start = before.bytes().rposition(|byte| !is_part(byte)).map_or(0, |gap| gap + 1);
    if start > 0 && before.as_bytes().get(start - 1).is_some_and(|byte| *byte >= 0x80) {
        let part = |c: char| if c.is_ascii() { is_part(c as u8) } else { c.is_alphanumeric() };
        return before.get(before.trim_end_matches(part).len()..).unwrap_or_default();
    }
    before.get(start..).unwrap_or_default()
}

/// An address around the sign at `at`.
pub fn email(text: &str, at: usize, judge: &mut Judge<'_, '_>) {
    let (before, after) = (
        text.get(floor(text, at.saturating_sub(SIDE))..at).unwrap_or_default(),
        text.get(at + 1..).unwrap_or_default(),
    );
    let local = local(before);
    // What may stand in an address but rather separates it from what is before it.
    let local = local.rsplit(['=', '&', '?', '/', '|', '{', '}', '*']).next().unwrap_or(local);
    let local = local.trim_start_matches(['.', '\'', '-', '#', '!', '$', '%', '^', '~', '+']);
    // Scripts that write words without gaps run into what follows them.
    let latin = local
        .rfind(super::words::is_joined)
        .map_or(local, |at| local.get(at..).map_or("", |rest| rest.trim_start_matches(super::words::is_joined)));
    let local = if latin.is_empty() { local } else { latin };
    // `a@b.example~c@d.example`: the domain before ends at the first sign that no domain has, and another begins behind it.
    let front = before.get(..before.len() - local.len()).unwrap_or_default();
    let local = match local.rfind(|c: char| !c.is_alphanumeric() && !matches!(c, '.' | '-')) {
        Some(sign) if front.ends_with('@') => local.get(sign + 1..).unwrap_or(local),
        _ => local,
    };
    let domain_end = after
        .char_indices()
        .take(SIDE)
        .take_while(|(_, c)| c.is_alphanumeric() || matches!(c, '.' | '-'))
        .last()
        .map_or(0, |(start, c)| start + c.len_utf8());
    let domain = after.get(..domain_end).unwrap_or_default().trim_end_matches(['.', '-']);
    // The same behind a domain: `anna@example.orgです`.
    let top = domain.rfind('.').map_or(0, |dot| dot + 1);
    let cut = domain.get(top..).filter(|top| top.starts_with(|c: char| c.is_ascii_alphabetic()));
    let cut = cut.and_then(|rest| rest.find(super::words::is_joined)).map_or(domain.len(), |cut| top + cut);
    let domain = domain.get(..cut).unwrap_or(domain);
    if local.is_empty() || local.len() > 64 || local.ends_with('.') || !is_domain(domain) {
        return;
    }
    let start = at - local.len();
    // The user of an address of the web stands behind its scheme.
    let gap = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '<' | '>' | '(' | '/' | '?');
    let scheme = memchr::memmem::rfind(before.as_bytes(), b"://");
    let is_user_info = scheme.is_some_and(|scheme| !before.get(scheme + 3..).unwrap_or_default().contains(gap));
    // `git@host:path`: behind the sign the word goes on, and of other users than git it is one of a path.
    let rest = after.get(domain.len()..floor(after, (domain.len() + SIDE).min(after.len()))).unwrap_or_default();
    let goes_on = |next: u8| next.is_ascii_alphabetic() || matches!(next, b'/' | b'~');
    let is_remote = rest.strip_prefix(':').is_some_and(|path| {
        let word = path.split(char::is_whitespace).next().unwrap_or_default();
        word.bytes().next().is_some_and(goes_on) && (local == "git" || word.contains(['/', '~']))
    });
    if is_user_info || is_remote || byte_before(text.as_bytes(), start) == b'@' {
        return;
    }
    // `j****n@example.org`: what is left of a masked one.
    let front = before.get(..before.len() - local.len()).unwrap_or_default();
    let is_masked = front.ends_with("**") && front.trim_end_matches('*').ends_with(char::is_alphanumeric);
    if is_masked || logs_in(front) || is_message_id(text, start, local) {
        return;
    }
    // `"messageId": "<…>"`, the whole text of a field.
    let alone = before.strip_prefix('<') == Some(local) && after.get(domain.len()..) == Some(">");
    if alone && is_drawn(local) {
        let said = judge.evidence(start, at + 1 + domain.len());
        if said.direct && said.labels.any(Labels::OTHER) {
            return;
        }
    }
    judge.put(Kind::Email, start, at + 1 + domain.len(), 96);
}

/// The headers and fields that identify messages (RFC 5322, section 3.6.4), in small letters and without marks.
const MESSAGES: &[&str] = &[
    "messageid",
    "msgid",
    "inreplyto",
    "references",
    "contentid",
    "resentmessageid",
    "originalmessageid",
    "internetmessageid",
    "xmessageid",
    "threadid",
];

/// Whether the left side of an address is long and has digits as no name has.
fn is_drawn(local: &str) -> bool {
    let digits = local.bytes().filter(u8::is_ascii_digit).count();
    digits >= 4 && (local.len() >= 10 || digits == local.len())
}

/// Whether what begins at `start` identifies a message: its left side is drawn, and its header says so, perhaps before
/// other messages. People are not numbered so.
fn is_message_id(text: &str, start: usize, local: &str) -> bool {
    if !is_drawn(local) {
        return false;
    }
    let from = floor(text, start.saturating_sub(2 * SIDE));
    let mut front = text.get(from..start).unwrap_or_default();
    // What is drawn may have signs that rather end an address.
    if let Some((rest, drawn)) = front.rsplit_once('<')
        && drawn.bytes().all(|byte| LOCAL.get(usize::from(byte)).is_some_and(|part| *part))
    {
        front = rest;
    }
    for _ in 0..8 {
        let marks = |c: char| c.is_whitespace() || matches!(c, '<' | '"' | '\'' | '\\' | '[' | ',');
        front = front.trim_end_matches(marks);
        match front.strip_suffix('>').and_then(|rest| rest.rsplit_once('<')) {
            Some((rest, _)) => front = rest,
            None => break,
        }
    }
    let Some(front) = front.strip_suffix([':', '=']) else { return false };
    let named = front.trim_end_matches(['"', '\'', '\\', ' ']);
    let name = named.rsplit(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '-' | '_')).next().unwrap_or_default();
    let letters = || name.bytes().filter(u8::is_ascii_alphanumeric).map(|byte| byte.to_ascii_lowercase());
    MESSAGES.iter().any(|known| known.bytes().eq(letters()))
}

/// Whether a command that logs in to another machine stands before, and nothing but its options between: `ssh -p 22 a@b`.
fn logs_in(front: &str) -> bool {
    const COMMANDS: &[&str] = &["ssh", "scp", "sftp", "mosh", "ssh-copy-id", "rsync", "autossh"];
    let line = front.rsplit(['\n', ';', '|', '&', '`', '"']).next().unwrap_or(front);
    let mut words = line.split_whitespace().skip_while(|word| !COMMANDS.contains(word));
    let called = line.ends_with(' ') && words.next().is_some();
    let mut was_option = false;
    called && words.all(|word| std::mem::replace(&mut was_option, word.starts_with('-')) || word.starts_with('-'))
}

/// Labels of letters, digits and hyphens, the last a top level that exists or is set aside (RFC 2606, 6762).
fn is_domain(domain: &str) -> bool {
    let Some((head, top)) = domain.rsplit_once('.') else {
        return false;
    };
    let labels = head
        .split('.')
        .all(|label| !label.is_empty() && label.len() <= 63 && !label.starts_with('-') && !label.ends_with('-'));
    let plain = top.bytes().all(|byte| byte.is_ascii_lowercase());
    let top = if plain { Cow::Borrowed(top) } else { Cow::Owned(top.to_lowercase()) };
    let reserved = matches!(
        &*top,
        "test"
            | "example"
            | "invalid"
            | "localhost"
            | "local"
            | "internal"
            | "corp"
            | "lan"
            | "home"
            | "intranet"
            | "private"
            | "onion"
    );
    // Files are named so too; those endings that are top levels as well are rarely of an address.
    let file = matches!(&*top, "zip" | "mov" | "py" | "rs" | "sh" | "md" | "ps");
    let numeric = head.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.' || byte == b'-');
    labels
        && !domain.is_empty()
        && domain.len() <= 253
        && (reserved
            || ((is_top(&top) || is_top(domain)) && !(file && (numeric || matches!(head, "1x" | "2x" | "3x" | "4x")))))
}

fn is_top(top: &str) -> bool {
    psl::List.suffix(top.as_bytes()).is_some_and(|suffix| suffix.is_known()) || top.starts_with("xn--")
}

/// What a telephone number may consist of, read from its first digit or bracket.
struct Dialled {
    end: usize,
    digits: [u8; 20],
    count: usize,
    /// Groups of digits as bits of their lengths.
    layout: u64,
    brackets: bool,
    dots: bool,
    /// After each group: digits so far and where it ends.
    groups: [(usize, usize); 10],
    grouped: usize,
}

fn dial(text: &[u8], start: usize) -> Dialled {
    let mut dialled = Dialled {
        end: start,
        digits: [0; 20],
        count: 0,
        layout: 0,
        brackets: false,
        dots: false,
        groups: [(0, 0); 10],
        grouped: 0,
    };
    let (mut at, mut marks, mut run, mut open) = (start, 0, 0u64, false);
    while let Some(next) = text.get(at).copied() {
        match next {
            b'0'..=b'9' => {
                let Some(slot) = dialled.digits.get_mut(dialled.count) else {
                    break;
                };
                *slot = next;
                dialled.count += 1;
                run += 1;
                marks = 0;
                if !byte(text, at + 1).is_ascii_digit() {
                    dialled.layout = dialled.layout << 4 | run.min(15);
                    run = 0;
                    if let Some(group) = dialled.groups.get_mut(dialled.grouped) {
                        *group = (dialled.count, at + 1);
                        dialled.grouped += 1;
                    }
                }
                dialled.end = at + 1;
            }
            b'(' if !open => {
                open = true;
                dialled.brackets = true;
                marks += 1;
            }
            b')' if open => {
                open = false;
                // A closed bracket may be followed by a space and a hyphen.
                marks = 0;
            }
            b'.' if dialled.grouped == 1 && is_float(text, at) => break,
            b' ' | b'-' | b'.' | b'/' => {
                marks += 1;
                dialled.dots |= next == b'.' && byte(text, at + 1).is_ascii_digit();
            }
            b'+' if at == start => {}
            _ => break,
        }
        // `030 / 23 12 51 23`; behind more than an area code it is another number.
        let slashed =
            dialled.grouped == 1 && dialled.count <= 5 && text.get(..=at).is_some_and(|t| t.ends_with(b" / "));
        if (marks > 2 && !slashed) || (marks == 2 && byte(text, at) == b' ' && byte_before(text, at) == b' ') {
            break;
        }
        at += 1;
    }
    dialled
}

/// Digits of the national number by country code; the usual ones, others may have seven to ten.
fn national(code: u32) -> Option<(usize, usize)> {
    Some(match code {
        1 | 7 | 30 | 52 | 57 | 58 | 90 | 91 | 98 => (10, 10),
        20 | 60 | 63 | 64 | 82 | 977 => (8, 10),
        27 | 31 | 33 | 34 | 40 | 41 | 48 | 56 | 61 | 93 | 94 | 351 | 380 | 420 | 421 | 212 | 213 | 254 | 255 | 256
        | 233 | 251 => (9, 9),
        32 | 36 | 51 | 66 | 381 | 385 | 886 | 962 | 966 | 971 | 972 => (8, 9),
        39 => (6, 11),
        43 => (7, 13),
        44 => (9, 10),
        45 | 47 | 65 | 370 | 371 | 386 | 852 | 853 | 965 | 973 | 974 | 216 | 968 => (8, 8),
        46 => (7, 10),
        49 => (6, 12),
        53 => (6, 8),
        54 | 55 | 86 => (10, 11),
        62 => (8, 12),
        81 | 84 | 92 => (9, 10),
        95 | 218 | 220..=253 | 257..=269 | 290..=299 => (6, 10),
        352 => (6, 11),
        353 | 359 => (7, 9),
        354 => (7, 9),
        358 => (6, 11),
        372 | 961 => (7, 8),
        355 => (8, 9),
        376 => (6, 9),
        377 => (8, 9),
        373 | 374 | 382 | 387 | 389 | 503..=506 | 591 | 597 | 598 | 670..=689 => (5, 8),
        375 | 383 | 590 | 594..=596 | 963 | 967 | 970 | 992..=996 | 998 => (8, 9),
        378 => (6, 10),
        350 | 357 | 502 | 508 => (6, 8),
        356 | 507 | 509 | 593 | 855 => (8, 9),
        423 | 500 | 501 | 592 | 599 | 690..=692 | 960 | 975 => (4, 9),
        379 | 800 | 808 | 850 | 870 | 878 | 880 | 881..=888 | 856 | 964 | 976 | 979 => (7, 11),
        _ => return None,
    })
}

/// The country code at the start of digits: its length and the lengths of what follows.
fn country(digits: &[u8]) -> Option<(usize, (usize, usize))> {
    (1..=3).find_map(|size| {
        let code = u32::try_from(number(digits.get(..size)?)?).ok()?;
        let single = size == 1 && matches!(code, 1 | 7);
        let double = size == 2 && matches!(code, 20 | 27 | 30..=34 | 36 | 39..=41 | 43..=49 | 51..=58 | 60..=66 | 81 | 82 | 84 | 86 | 90..=95 | 98);
        let triple = size == 3 && code >= 200;
        (single || double || triple).then(|| national(code).map(|lengths| (size, lengths))).flatten()
    })
}

/// A telephone number whose first digits are `word`. Where it ends, if it is one.
pub fn phone(text: &[u8], word: Word, alone: bool, judge: &mut Judge<'_, '_>) -> Option<usize> {
    if byte_before(text, word.start) == b'/' && is_chat(text, word) {
        judge.put(Kind::Phone, word.start, word.end, 84);
        return Some(word.end);
    }
    // One group of digits is one where something says so.
    if alone && !judge.said(word.start).names(Kind::Phone) && !is_signed(text, word.start) {
        return None;
    }
    if word.len() == 5 && byte(text, word.end) == b'-' && is_postcode(text, word) {
        return None;
    }
    let mut start = word.start;
    let mut plus = false;
    for _ in 0..2 {
        match byte_before(text, start) {
            b'+' => {
                start -= 1;
                plus = true;
                break;
            }
            b'(' => start -= 1,
            _ => break,
        }
    }
    // "+49 (0) 30" begins at its plus; a bracket that opens a remark is not of the number.
    if plus && byte_before(text, start) == b'(' && byte(text, word.end) == b')' {
        start -= 1;
    }
    if !plus
        && start < word.start
        && !(byte(text, word.end) == b')' && (1..=5).contains(&word.len()) && byte_before(text, word.start) == b'(')
    {
        start = word.start;
    }
    let before = byte_before(text, start);
    let dialled = dial(text, if byte(text, start) == b'(' && plus { word.start } else { start });
    if before.is_ascii_alphanumeric()
        || matches!(before, b'_' | b'$' | b'#' | b'@')
        || dialled.count < 5
        || (plus && before == b'.' && !is_led(text, start))
    {
        return None;
    }
    if matches!(before, b'-' | b'.' | b'/') && byte_before(text, start - 1).is_ascii_alphanumeric() {
        return None;
    }
    if plus && before == b'+' && !text.get(..start).is_some_and(|front| front.ends_with(b"COM+")) {
        return None;
    }
    if plus {
        return international(text, start, &dialled, 0, judge, 88);
    }
    let digits = dialled.digits.get(..dialled.count)?;
    // A zero before a dot is no prefix: `0.0506`.
    if text.get(word.start..).is_some_and(|number| number.starts_with(b"00"))
        && digits.starts_with(b"00")
        && dialled.layout >> 4 != 0
        && let Some(end) = international(text, start, &dialled, 2, judge, 70)
    {
        return Some(end);
    }
    domestic(text, start, &dialled, judge)
}

/// Whether a number is the address of a chat, which is a telephone with its country code: `wa.me/…`.
#[inline(never)]
fn is_chat(text: &[u8], word: Word) -> bool {
    let front = text.get(..word.start).unwrap_or_default();
    word.is_number()
        && (8..=15).contains(&word.len())
        && [&b"wa.me/"[..], b"signal.me/#p/"].iter().any(|chat| front.ends_with(chat))
}

/// Whether a number is a Brazilian postcode, by name and by its five digits and three: `CEP 01310-100`. To the Turkish the
/// same name is that of a mobile telephone, whose number is longer.
#[inline(never)]
fn is_postcode(text: &[u8], word: Word) -> bool {
    let front = text.get(..word.start).unwrap_or_default().trim_ascii_end();
    let front = front.strip_suffix(b":").unwrap_or(front);
    let name = front.last_chunk::<3>().is_some_and(|name| name.eq_ignore_ascii_case(b"cep"));
    name && word_from(text, word.end + 1).len() == 3
}

/// Behind `skip` digits stands a country code; takes as many groups as its plan allows.
fn international(
    text: &[u8],
    start: usize,
    dialled: &Dialled,
    skip: usize,
    judge: &mut Judge<'_, '_>,
    score: u8,
) -> Option<usize> {
    let digits = dialled.digits.get(skip..dialled.count)?;
    if is_form(digits) {
        return None;
    }
    let (size, (least, most)) = country(digits)?;
    // "(0)" is spoken, not dialled from abroad.
    let trunk = usize::from(dialled.brackets && digits.get(size) == Some(&b'0'));
    let groups = dialled.groups.get(..dialled.grouped)?;
    let (_, end) = groups.iter().rev().find(|(count, _)| {
        let national = count.saturating_sub(skip + size + trunk);
        (least..=most).contains(&national)
    })?;
    let next = byte(text, *end);
    if next.is_ascii_alphanumeric() && !is_extension(text, *end) || next == b'_' || next == b'@' {
        return None;
    }
    let evidence = judge.evidence(start, *end);
    if evidence.labels.any(Labels::OTHER) && !evidence.names(Kind::Phone) && (evidence.direct || score < 80) {
        return None;
    }
    let end = extended(text, *end);
    judge.put(Kind::Phone, start, end, if evidence.names(Kind::Phone) { 94 } else { score });
    Some(end)
}

/// A number as its country writes it: under its label, or in the form that only North America has.
fn domestic(text: &[u8], start: usize, dialled: &Dialled, judge: &mut Judge<'_, '_>) -> Option<usize> {
    let groups = dialled.groups.get(..dialled.grouped)?;
    let (count, end) = groups.iter().rev().copied().find(|(count, end)| {
        (6..=15).contains(count) && {
            let next = byte(text, *end);
            (!next.is_ascii_alphanumeric() || is_extension(text, *end)) && !matches!(next, b'_' | b'@' | b'%')
        }
    })?;
    let digits = dialled.digits.get(..count)?;
    if is_form(digits) {
        return None;
    }
    let after = byte(text, end);
    let runs_on = matches!(after, b'.' | b',' | b':' | b'-' | b'/') && byte(text, end + 1).is_ascii_digit();
    if runs_on && after != b',' && !is_float(text, end) {
        return None;
    }
    let american = match digits {
        [b'2'..=b'9', b'0'..=b'8', _, b'2'..=b'9', ..] if count == 10 => {
            dialled.layout == 0x334 || dialled.layout == 0x37 && dialled.brackets
        }
        [b'1', b'2'..=b'9', b'0'..=b'8', _, b'2'..=b'9', ..] if count == 11 => dialled.layout == 0x1334,
        _ => false,
    };
    // `1978-1983`
    let years =
        dialled.layout == 0x44 && matches!(digits, [b'1' | b'2', b'9' | b'0', _, _, b'1' | b'2', b'9' | b'0', ..]);
    if years && text.get(start..end).is_some_and(|years| years.contains(&b'-')) {
        return None;
    }
    let marked = dialled.brackets || !text.get(start..end).unwrap_or_default().contains(&b' ');
    let whole_number = dialled.dots && dialled.grouped == 2 && !dialled.brackets;
    let address = dialled.dots && dialled.grouped == 4 && dialled.layout & 0xCCCC == 0;
    if is_day(dialled) || whole_number || address {
        return None;
    }
    let (may, signed) = (judge.may(&[Kind::Phone, Kind::JpMynumber], start), count >= 7 && is_signed(text, start));
    if !(may || signed || american && marked) {
        return None;
    }
    let evidence = judge.evidence(start, end);
    // `My number is …`: the Japanese one has twelve digits.
    let mine = (9..=11).contains(&count) && evidence.names(Kind::JpMynumber);
    let named = evidence.names(Kind::Phone) && (count >= 7 || evidence.direct) || signed || mine;
    let bare = american && marked && !evidence.labels.tells() && !evidence.strange && !is_replacement(text, start);
    if named || bare {
        let end = extended(text, end);
        judge.put(Kind::Phone, start, end, if named { 83 } else { 62 });
        return Some(end);
    }
    None
}

/// Whether the number of a part stands before, which this one takes the place of: `replace 555-0144-21 with 800-310-2290`.
#[inline(never)]
fn is_replacement(text: &[u8], start: usize) -> bool {
    #[rustfmt::skip]
    const BY: &[&[u8]] = &[
        b"with", b"by", b"to", b"for", b"or", b"durch", b"gegen", b"par", b"por", b"con", b"met", b"med", b"na", b"->", b"=>",
    ];
    let front = text.get(start.saturating_sub(48)..start).unwrap_or_default();
    let line = front.rsplit(|byte| *byte == b'\n').next().unwrap_or_default();
    let mut words = line.split(|byte| *byte == b' ').rev().filter(|word| !word.is_empty());
    if !words.next().is_some_and(|word| BY.iter().any(|by| word.eq_ignore_ascii_case(by))) {
        return false;
    }
    // Three digits, three and four are a telephone, which another may replace.
    let Some(part) = words.next() else { return false };
    let mut groups = part.split(|byte| *byte == b'-');
    let mut length = || groups.next().filter(|group| group.iter().all(u8::is_ascii_digit)).map_or(0, <[u8]>::len);
    let lengths = [length(), length(), length()];
    lengths.iter().all(|length| *length > 0) && lengths != [3, 3, 4] && groups.next().is_none()
}

/// `999-999-9999` shows how a number is to be written.
#[inline(never)]
fn is_form(digits: &[u8]) -> bool {
    digits.len() >= 7 && digits.iter().all(|digit| digits.first() == Some(digit))
}

/// `M: `, `T. ` and their like, as people sign letters.
fn is_signed(text: &[u8], start: usize) -> bool {
    let gap = text.get(..start).unwrap_or_default().iter().rev().take(3).take_while(|byte| **byte == b' ').count();
    let mark = start - gap;
    let letter = byte_before(text, mark.saturating_sub(1));
    let before = mark.checked_sub(3).map_or(b'\n', |at| byte(text, at));
    // `A/C: 12345678` is an account.
    let account = text.get(..mark).is_some_and(|front| front.ends_with(b"A/C:") || front.ends_with(b"a/c:"));
    !account
        && matches!(byte_before(text, mark), b':' | b'.')
        && b"MTPFHWCOmtpfhwco".contains(&letter)
        && matches!(before, b'\n' | b'|' | b',' | b' ' | b';' | b'/')
}

/// `2024-01-31`, `31.01.2024`, alone or before a time.
fn is_day(dialled: &Dialled) -> bool {
    let layout = match dialled.grouped {
        3 => dialled.layout,
        4 => dialled.layout >> 4,
        _ => return false,
    };
    let year_first = dialled.digits.starts_with(b"19") || dialled.digits.starts_with(b"20");
    (layout == 0x422 && year_first)
        || (layout == 0x224 && !dialled.brackets && matches!(dialled.digits.get(4..6), Some(b"19" | b"20")))
}

/// Where an extension behind `at` ends, or `at`.
fn extended(text: &[u8], at: usize) -> usize {
    let rest = text.get(at..).unwrap_or_default();
    let gap = rest.iter().take_while(|byte| matches!(byte, b' ' | b',' | b';')).count();
    let rest = rest.get(gap.min(2)..).unwrap_or_default();
    for mark in [&b"extension"[..], b"ext.", b"ext", b"x", b"#", b"poste", b"durchwahl", b"dw", b"app."] {
        let Some(head) = rest.get(..mark.len()) else {
            continue;
        };
        if !head.eq_ignore_ascii_case(mark) {
            continue;
        }
        let tail = rest.get(mark.len()..).unwrap_or_default();
        let space = tail.iter().take_while(|byte| matches!(byte, b' ' | b'=' | b':')).count();
        let digits = tail.iter().skip(space).take_while(|byte| byte.is_ascii_digit()).count();
        if space <= 1 && (1..=6).contains(&digits) {
            return at + gap.min(2) + mark.len() + space + digits;
        }
    }
    at
}

fn is_extension(text: &[u8], at: usize) -> bool {
    extended(text, at) > at
}

/// Four numbers with dots, each at most 255, and nothing that says version.
pub fn ip4(text: &str, word: Word, judge: &mut Judge<'_, '_>) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut at = word.start;
    let mut parts = [0u64; 4];
    for (place, part) in parts.iter_mut().enumerate() {
        if place > 0 {
            if byte(bytes, at) != b'.' {
                return None;
            }
            at += 1;
        }
        let digits = bytes.get(at..)?.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let value = bytes.get(at..at + digits)?;
        if !(1..=3).contains(&digits) || (digits > 1 && value.starts_with(b"0")) {
            return None;
        }
        *part = number(value)?;
        at += digits;
    }
    let (before, after) = (byte_before(bytes, word.start), byte(bytes, at));
    let ends = !(after.is_ascii_alphanumeric()
        || after == b'_'
        || (matches!(after, b'.' | b'-' | b'+')
            && byte(bytes, at + 1).is_ascii_alphanumeric()
            && !(after == b'-' && byte(bytes, at + 1).is_ascii_digit())));
    let slash =
        before == b'/' && word.start.checked_sub(2).is_some_and(|beyond| byte(bytes, beyond).is_ascii_alphanumeric());
    if parts.iter().any(|part| *part > 255)
        || !ends
        || slash
        || before.is_ascii_alphanumeric()
        || matches!(before, b'.' | b'_') && !is_led(bytes, word.start)
        || (before == b'-'
            && !byte_before(bytes, word.start - 1).is_ascii_digit()
            && byte_before(bytes, word.start - 1).is_ascii_alphabetic())
    {
        return None;
    }
    // This host, any host, all hosts, masks: nobody's address.
    if matches!(parts, [0 | 127, ..] | [255, 255, ..]) {
        return Some(at);
    }
    let evidence = judge.evidence(word.start, at);
    let named = evidence.names(Kind::IpAddress);
    // All small and of no private network: hardly drawn from the addresses there are; rather counted up.
    let counted = parts.iter().all(|part| *part < 32)
        && !matches!(
            parts,
            [10, ..] | [1, 1, 1, 1] | [1, 0, 0, 1] | [8, 8, 8, 8] | [8, 8, 4, 4] | [9, 9, 9, 9] | [4, 2, 2, _]
        );
    // What is of a network at home is no version, whatever is updated there.
    let private = matches!(parts, [192, 168, ..] | [172, 16..=31, ..]);
    // A network has the length of its mask, a host its port or its name before it: no version has.
    let rest = bytes.get(at..).unwrap_or_default();
    let hosted = || is_placed(rest) || is_host(text.get(..word.start).unwrap_or_default());
    let versioned = || (evidence.labels.any(Labels::VERSION) || says_version(text, word.start)) && !hosted();
    // An `address` is one of many things, of which this is one.
    let other =
        evidence.direct && evidence.labels.any(Labels::OTHER) && !evidence.names(Kind::CryptoWallet) && !hosted();
    let denied = !named && (counted || other || !private && versioned());
    if !denied {
        // Mapped into IPv6 (RFC 4291, section 2.5.5.2) it is the same address.
        let front = bytes.get(..word.start).and_then(<[u8]>::last_chunk::<7>);
        let mapped = front.is_some_and(|front| front.eq_ignore_ascii_case(b"::ffff:"));
        let start = if mapped { word.start - 7 } else { word.start };
        judge.put(Kind::IpAddress, start, at, if named { 92 } else { 80 });
    }
    Some(at)
}

/// Whether the length of a mask or a port follows an address: `/24`, `:8080`.
#[inline(never)]
fn is_placed(rest: &[u8]) -> bool {
    let most = match rest.first() {
        Some(b'/') => 32,
        Some(b':') => 65_535,
        _ => return false,
    };
    let digits = rest.iter().skip(1).take_while(|byte| byte.is_ascii_digit()).count();
    let value = rest.get(1..=digits).and_then(number);
    let next = rest.get(digits + 1).copied().unwrap_or(0);
    value.is_some_and(|value| (8..=most).contains(&value))
        && !next.is_ascii_alphanumeric()
        && !matches!(next, b'.' | b'/' | b':' | b'-' | b'_')
}

/// Whether the name of a host stands right before an address: `edge-11 (`, `mx.edge.example ([`, `edge.example -> `.
#[inline(never)]
fn is_host(front: &str) -> bool {
    let Some(name) = [" ([", " (", " -> ", " => "].iter().find_map(|mark| front.strip_suffix(mark)) else {
        return false;
    };
    let name = name.get(floor(name, name.len().saturating_sub(64))..).unwrap_or_default();
    let name = name.rsplit(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '-' | '.')).next().unwrap_or_default();
    let first = name.split(['-', '.']).next().unwrap_or_default();
    const RELEASES: [&str; 8] = ["v", "ver", "version", "release", "build", "firmware", "update", "patch"];
    let released = RELEASES.iter().any(|word| first.eq_ignore_ascii_case(word));
    !released
        && name.len() > first.len()
        && first.bytes().any(|byte| byte.is_ascii_alphabetic())
        && !name.ends_with(['-', '.'])
}

/// Whether a version is spoken of earlier in the line.
fn says_version(text: &str, start: usize) -> bool {
    let from = floor(text, start.saturating_sub(64));
    let line = text.get(from..start).and_then(|text| text.rsplit('\n').next()).unwrap_or_default();
    let clause = line.rsplit([';', '|']).next().unwrap_or(line);
    let has_words = clause.bytes().any(|byte| byte.is_ascii_alphabetic() || !byte.is_ascii());
    has_words && labels::says_version(clause, 10)
}

/// Groups of hexadecimal digits with colons (RFC 4291), not loopback, not unspecified.
pub fn ip6(text: &[u8], word: Word, judge: &mut Judge<'_, '_>) -> Option<usize> {
    judge.effort().take(Work::Ip6, 1);
    let part = |byte: &u8| byte.is_ascii_hexdigit() || *byte == b':';
    let run = text.get(..word.start).unwrap_or_default().iter().rev().take(45).take_while(|byte| part(byte)).count();
    let mut start = word.start - run;
    // `IPv6:2a00::1`, `addr:2a00::1`: the colon is of what stands before.
    let front = text.get(start..word.start)?;
    if !front.starts_with(b"::") && byte_before(text, start).is_ascii_alphanumeric() {
        start += front.iter().position(|byte| *byte == b':')? + 1;
    }
    let length = text.get(start..)?.iter().take(46).take_while(|byte| part(byte) || **byte == b'.').count();
    let mut end = start + length;
    while end > start && matches!(byte_before(text, end), b'.' | b':') && !text.get(start..end)?.ends_with(b"::") {
        end -= 1;
    }
    // Node writes the port behind the eighth group without brackets.
    let groups = text.get(start..end)?.split(|byte| *byte == b':');
    if groups.clone().count() == 9
        && groups.clone().all(|group| !group.is_empty())
        && let Some(port) = groups.clone().next_back().filter(|port| port.iter().all(u8::is_ascii_digit))
    {
        end -= port.len() + 1;
    }
    let address = std::str::from_utf8(text.get(start..end)?).ok()?;
    if address.matches(':').count() < 2
        || byte_before(text, start).is_ascii_alphanumeric()
        || byte(text, end).is_ascii_alphanumeric()
        || matches!(byte_before(text, start), b'_' | b'.' | b'-') && !is_led(text, start)
    {
        return None;
    }
    let parsed: Ipv6Addr = address.parse().ok()?;
    let first = address.split(':').next().unwrap_or_default().len();
    let groups = address.split(':').filter(|group| !group.is_empty()).count();
    if parsed.is_loopback()
        || parsed.is_unspecified()
        || !(groups >= 4 || first >= 3)
        || !address.bytes().any(|byte| byte.is_ascii_digit())
    {
        return Some(end);
    }
    // No version is written so.
    if !judge.offer(Kind::IpAddress, start, end, Strength::Strong)
        && judge.evidence(start, end).labels.any(Labels::VERSION)
    {
        judge.put(Kind::IpAddress, start, end, 80);
    }
    Some(end)
}

/// Beginnings of the names of months in the languages of the labels, plain.
const MONTHS: &[&str] = &[
    "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec", "maerz", "mrz", "mai", "okt",
    "dez", "janv", "fev", "avr", "juin", "juil", "aou", "ene", "abr", "ago", "dic", "gen", "mag", "giu", "lug", "set",
    "ott", "out", "mrt", "maart", "mei", "sty", "lut", "kwi", "maj", "cze", "lip", "sie", "wrz", "paz", "lis", "gru",
    "tammi", "helmi", "maalis", "huhti", "touko", "kesa", "heina", "elo", "syys", "loka", "marras", "joulu", "oca",
    "sub", "nis", "haz", "tem", "agu", "eyl", "eki", "kas", "ara", "led", "uno", "bre", "dub", "kve", "cer", "srp",
    "zar", "rij", "pro", "ian", "iun", "iul", "noi", "янв", "фев", "мар", "апр", "май", "мая", "июн", "июл", "авг",
    "сен", "окт", "ноя", "дек", "ιαν", "φεβ", "μαρ", "απρ", "μαι", "ιουν", "ιουλ", "αυγ", "σεπ", "οκτ", "νοε", "δεκ",
];

/// By three letters of ASCII, five bits of each, whether a month may begin so.
static BEGIN_MONTHS: LazyLock<Vec<bool>> = LazyLock::new(|| {
    let mut begin = vec![false; 1 << 15];
    for month in MONTHS {
        if let Some(known) = begin.get_mut(three(month.as_bytes())) {
            *known = true;
        }
    }
    begin
});

/// The first letters of all months.
static FIRST_OF_MONTHS: LazyLock<Vec<char>> = LazyLock::new(|| {
    let mut first: Vec<char> = MONTHS.iter().filter_map(|month| month.chars().next()).collect();
    first.sort_unstable();
    first.dedup();
    first
});

/// The first three letters, whatever their case.
fn three(name: &[u8]) -> usize {
    name.iter().take(3).fold(0, |sum, byte| sum << 5 | usize::from(byte & 31))
}

fn is_month(name: &str) -> bool {
    if name.is_ascii() {
        if !BEGIN_MONTHS.get(three(name.as_bytes())).is_some_and(|begins| *begins) {
            return false;
        }
        let begins = |month: &&str| name.get(..month.len()).is_some_and(|head| head.eq_ignore_ascii_case(month));
        return (3..=24).contains(&name.len()) && MONTHS.iter().any(begins);
    }
    let begins = |letter: char| match letters::plain(letter) {
        letters::Plain::One(plain) => FIRST_OF_MONTHS.binary_search(&plain).is_ok(),
        letters::Plain::Syllable(_) => false,
        letters::Plain::Nothing | letters::Plain::Marked(..) | letters::Plain::Several => true,
    };
    if !name.starts_with(begins) {
        return false;
    }
    let mut out = String::new();
    plain(name, &mut out);
    out.chars().count() >= 3 && out.len() <= 24 && MONTHS.iter().any(|month| out.starts_with(month))
}

/// A date that begins at or around `word`, under a birth label.
pub fn birth(text: &str, word: Word, judge: &mut Judge<'_, '_>) -> Option<usize> {
    if !word.is_number() && !(1..=2).contains(&word.digits) {
        return None;
    }
    // No day or year, and not both with the month between.
    if word.is_number() && !matches!(word.len(), 1..=4 | 8) {
        return None;
    }
    let (start, end) = date(text, word)?;
    if is_born(text, start, end) {
        judge.put(Kind::DateOfBirth, start, end, 80);
        return Some(end);
    }
    if !judge.seeks(&[Kind::DateOfBirth], start) {
        return None;
    }
    let evidence = judge.evidence(start, end);
    let other = evidence.labels.any(Labels::OTHER);
    // `nata il …, patente rilasciata il …`: one is born once.
    let also = |judge: &mut Judge<'_, '_>| judge.also(evidence).names(Kind::DateOfBirth);
    let further = !other && !judge.has_taken(Kind::DateOfBirth, start);
    // `12.03.1985 geboren, angemeldet am …`: what was born on one day is not said of the next.
    if !evidence.direct && judge.is_spent(Kind::DateOfBirth, start) {
        return None;
    }
    if evidence.names(Kind::DateOfBirth) || further && also(judge) {
        judge.put(Kind::DateOfBirth, start, end, if evidence.direct { 90 } else { 80 });
        return Some(end);
    }
    None
}

/// The day of a birth in seconds or milliseconds from 1970 on, as programs store it, under a label of its own.
pub fn moment(bytes: &[u8], word: Word, judge: &mut Judge<'_, '_>) {
    // Up to 2033; nobody alive was born more than 126 years before 1970.
    let most = if word.len() > 10 { 2_000_000_000_000 } else { 2_000_000_000u64 };
    let value = bytes.get(word.start..word.end).and_then(|digits| std::str::from_utf8(digits).ok());
    let value: Option<u64> = value.and_then(|digits| digits.parse().ok());
    if value.is_none_or(|value| value > most) || !judge.seeks(&[Kind::DateOfBirth], word.start) {
        return;
    }
    let evidence = judge.evidence(word.start, word.end);
    // `/Date(482112000000)/` is how some write it in JSON.
    let called = bytes.get(..word.start).is_some_and(|front| front.ends_with(b"Date("));
    if (evidence.direct || called) && evidence.names(Kind::DateOfBirth) {
        judge.put(Kind::DateOfBirth, word.start, word.end, 77);
    }
}

/// Whether what stands right beside a date says that someone was born then, in too few letters for a label: `1985年3月12日生`,
/// `1985-03-12생`, `(b. 1985-03-12)`, `(* 12.03.1985)`.
#[inline(never)]
fn is_born(text: &str, start: usize, end: usize) -> bool {
    let rest = text.get(end..).unwrap_or_default();
    // A dot tells it alone; of a star and a letter that is all there is in the brackets.
    let closes = rest.starts_with([')', ',', ';']) || rest.starts_with(" in ");
    if opens_life(text.as_bytes(), start) {
        let dotted = text.as_bytes().get(..start).is_some_and(|front| front.trim_ascii_end().ends_with(b"(b."));
        return dotted || closes;
    }
    let rest = rest.strip_prefix(' ').unwrap_or(rest);
    let word = |mark: char| {
        rest.strip_prefix(mark).is_some_and(|rest| !rest.starts_with(char::is_alphanumeric) || rest.starts_with("まれ"))
    };
    word('生') || word('생')
}

/// Whether the bracket behind a name opens before `start` in which the day of birth stands.
#[inline(never)]
fn opens_life(text: &[u8], start: usize) -> bool {
    let front = text.get(..start).unwrap_or_default();
    matches!(
        front,
        [.., b'(', b'b', b'.' | b' '] | [.., b'(', b'b', b'.', b' '] | [.., b'(', b'*'] | [.., b'(', b'*', b' ']
    )
}

/// Whether a date at `word` may be one of birth though no label says so: see [`is_born`].
pub fn may_be_born(text: &[u8], word: Word) -> bool {
    // A date goes on with a mark or the sign of its script.
    if !matches!(byte(text, word.end), b'-' | b'/' | b'.' | b' ' | 0x80..) {
        return false;
    }
    let near = text.get(word.end..(word.end + 24).min(text.len())).unwrap_or_default();
    matches!(byte_before(text, word.start), b' ' | b'.' | b'*') && opens_life(text, word.start) || !near.is_ascii()
}

/// Where the date at `word` stands, in any common spelling.
fn date(text: &str, first: Word) -> Option<(usize, usize)> {
    let bytes = text.as_bytes();
    if first.is_number() && first.len() == 8 && !byte(bytes, first.end).is_ascii_alphanumeric() {
        let digits = bytes.get(first.start..first.end)?;
        let at = |from: usize, to: usize| digits.get(from..to).and_then(number).and_then(|n| u32::try_from(n).ok());
        let (y, m, d) = (at(0, 4)?, at(4, 6)?, at(6, 8)?);
        let (a, b, year) = (at(0, 2)?, at(2, 4)?, at(4, 8)?);
        let alive = |year: u32| (1900..=2035).contains(&year);
        let fits = alive(y) && is_date(y, m, d) || alive(year) && (is_date(year, a, b) || is_date(year, b, a));
        return fits.then_some((first.start, first.end));
    }
    let value = |word: Word| bytes.get(word.start..word.end).and_then(number).and_then(|n| u32::try_from(n).ok());
    if first.is_number() && first.len() <= 4 {
        let mark = byte(bytes, first.end);
        // `date(1980, 5, 3)`
        let called = mark == b',' && byte_before(bytes, first.start) == b'(' && first.len() == 4;
        if matches!(mark, b'-' | b'/' | b'.' | b' ') || called {
            let skip = |at: usize| at + 1 + usize::from(matches!(mark, b'.' | b',') && byte(bytes, at + 1) == b' ');
            let second = word_from(bytes, skip(first.end));
            let goes_on = second.is_number() && byte(bytes, second.end) == mark;
            let third = if goes_on { word_from(bytes, skip(second.end)) } else { Word::default() };
            if third.digits >= 1 {
                let (a, b, c) = (value(first)?, value(second).unwrap_or(0), value(third).unwrap_or(0));
                let year = |word: Word, value: u32| word.len() == 4 && is_lived(value) || word.len() == 2;
                let third = leading(bytes, third);
                let c = if third.is_number() { value(third).unwrap_or(c) } else { c };
                let big = first.len() == 4 && year(first, a) && is_date(a, b, c) && third.len() <= 2;
                let little =
                    first.len() <= 2 && second.len() <= 2 && year(third, c) && (is_date(c, b, a) || is_date(c, a, b));
                if big || little {
                    let timed = matches!(byte(bytes, third.end), b'T' | b' ')
                        && byte(bytes, third.end + 3) == b':'
                        && byte(bytes, third.end + 1).is_ascii_digit();
                    let midnight = bytes.get(third.end + 1..third.end + 6) == Some(b"00:00");
                    let ends = !byte(bytes, third.end).is_ascii_alphanumeric() || timed;
                    return (ends && (!timed || midnight)).then_some((first.start, third.end));
                }
            }
        }
    }
    named_date(text, first)
}

/// A year in which someone may be born, of the Buddhist era too, as Thailand writes it.
fn is_lived(year: u32) -> bool {
    (1900..=2035).contains(&year) || (2443..=2578).contains(&year)
}

/// The digits at the start of a word: `12T00` is 12.
fn leading(text: &[u8], word: Word) -> Word {
    let count =
        text.get(word.start..word.end).unwrap_or_default().iter().take_while(|byte| byte.is_ascii_digit()).count();
    Word { end: word.start + count, digits: count, small: 0, ..word }
}

/// `12 March 1985`, `12th of March, 1985`, `Mar 12, 1985`, `1985年3月12日`.
fn named_date(text: &str, first: Word) -> Option<(usize, usize)> {
    let bytes = text.as_bytes();
    let number_word = leading(bytes, first);
    let value = bytes.get(number_word.start..number_word.end).and_then(number)?;
    let year_at = |at: usize| {
        let word = word_from(bytes, at);
        let year = bytes.get(word.start..word.end).and_then(number)?;
        (word.is_number() && (word.len() == 4 && (1900..=2035).contains(&year) || word.len() == 2)).then_some(word.end)
    };
    let rest = || text.get(number_word.end..floor(text, (number_word.end + 40).min(text.len())));
    // `昭和55年5月3日`
    let front = bytes.get(..first.start).unwrap_or_default();
    let era = || {
        ["明治", "大正", "昭和", "平成", "令和"].iter().find(|era| front.ends_with(era.as_bytes())).map(|era| era.len())
    };
    let of_era = if number_word.len() <= 2 { era() } else { None };
    if number_word.len() == 4 && (1900..=2035).contains(&value) || of_era.is_some() {
        let rest = rest().filter(|rest| !rest.is_ascii())?;
        let mut marks = 0;
        let mut end = None;
        for (at, character) in rest.char_indices() {
            match character {
                '年' | '月' | '년' | '월' | '.' => marks += 1,
                '日' | '일' => {
                    end = Some(number_word.end + at + character.len_utf8());
                    break;
                }
                ' ' | '0'..='9' => {}
                _ => break,
            }
        }
        return end.filter(|_| marks == 2).map(|end| (first.start - of_era.unwrap_or(0), end));
    }
    if !(1..=31).contains(&value) {
        return None;
    }
    // No word stands on either side.
    let gap = |byte: &&u8| matches!(**byte, b' ' | b'.' | b'-' | b'/' | b',');
    let letter = |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_alphabetic() || *byte >= 0x80);
    let (front, back) = (bytes.get(..first.start)?, bytes.get(number_word.end..)?);
    if !letter(front.iter().rev().find(|byte| !gap(byte))) && !letter(back.iter().find(|byte| !gap(byte))) {
        return None;
    }
    let rest = rest()?;
    // The month may come first.
    let window = text.get(floor(text, first.start.saturating_sub(24))..first.start)?;
    let before = window.trim_end_matches([' ', '.', '-', '/']);
    let name = before.rsplit(|c: char| !letters::is_letter(c)).next().unwrap_or_default();
    let gap = rest.len() - rest.trim_start_matches([' ', ',', '.', '-', '/', 's', 't', 'n', 'd', 'r', 'h']).len();
    if !name.is_empty()
        && let Some(end) = year_at(number_word.end + gap)
        && is_month(name)
    {
        return Some((first.start - (window.len() - before.len()) - name.len(), end));
    }
    let tail = rest.trim_start_matches([' ', '.', '-', '/', ',', 'º', '°']);
    let tail = ["st ", "nd ", "rd ", "th ", "er "].iter().find_map(|mark| tail.strip_prefix(mark)).unwrap_or(tail);
    let tail = ["of ", "de ", "d'", "di "].iter().find_map(|mark| tail.strip_prefix(mark)).unwrap_or(tail);
    let name_end = tail.find(|c: char| !letters::is_letter(c)).unwrap_or(tail.len());
    let (name, tail) = tail.split_at_checked(name_end)?;
    let tail = tail.trim_start_matches([' ', '.', ',', '-', '/']);
    let tail = ["of ", "de ", "del "].iter().find_map(|mark| tail.strip_prefix(mark)).unwrap_or(tail);
    let year = number_word.end + (rest.len() - tail.len());
    let end = year_at(year).filter(|_| is_month(name))?;
    Some((first.start, end))
}
