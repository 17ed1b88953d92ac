//! Passwords on command lines and in SQL.
use super::value::{self, Hold};
use super::{Finds, Kind};
use std::ops::Range;

/// How a program takes a password.
#[derive(Clone, Copy)]
enum Takes {
    /// An option, then the password, joined or apart.
    Either(&'static str),
    /// Only joined: `-pPASSWORD`.
    Joined(&'static str),
    /// Only apart: `-a PASSWORD`.
    Apart(&'static str),
    /// An option, then `user:password` (or with another separator).
    Pair(&'static str, u8),
    /// The last word.
    Last,
    /// The second word.
    Second,
    /// The word behind `\\\\host\\share`, or behind `/user:…`.
    Share,
    /// The word behind the name of a user, which other options follow.
    Added,
    /// Any word of this form.
    Word(u8, u8),
}

const PROGRAMS: &[(&str, &[Takes])] = &[
    (
        "curl ",
        &[
            Takes::Pair("-u", b':'),
            Takes::Pair("--user", b':'),
            Takes::Pair("-U", b':'),
            Takes::Pair("--proxy-user", b':'),
            Takes::Apart("--pass"),
        ],
    ),
    ("wget ", &[Takes::Pair("--user", b':')]),
    ("http ", &[Takes::Pair("-a", b':'), Takes::Pair("--auth", b':')]),
    ("mysql", &[Takes::Joined("-p")]),
    ("mariadb", &[Takes::Joined("-p")]),
    ("sshpass ", &[Takes::Either("-p")]),
    ("redis-cli ", &[Takes::Apart("-a"), Takes::Apart("--pass")]),
    ("mongo", &[Takes::Either("-p")]),
    ("sqlcmd ", &[Takes::Either("-P")]),
    ("docker login", &[Takes::Apart("-p")]),
    ("az login", &[Takes::Apart("-p")]),
    (
        "openssl ",
        &[Takes::Apart("-k"), Takes::Pair("-passin", b':'), Takes::Pair("-passout", b':'), Takes::Pair("-pass", b':')],
    ),
    ("ldapsearch ", &[Takes::Apart("-w")]),
    ("smbclient ", &[Takes::Pair("-U", b'%')]),
    ("lftp ", &[Takes::Pair("-u", b',')]),
    ("unzip ", &[Takes::Apart("-P")]),
    ("zip ", &[Takes::Apart("-P")]),
    ("ipmitool ", &[Takes::Apart("-P")]),
    ("snmp", &[Takes::Apart("-A"), Takes::Apart("-X"), Takes::Apart("-c")]),
    ("ssh-keygen ", &[Takes::Apart("-N"), Takes::Apart("-P")]),
    ("wpa_passphrase ", &[Takes::Second]),
    ("cqlsh ", &[Takes::Apart("-p")]),
    ("mosquitto_", &[Takes::Apart("-P"), Takes::Apart("--pw")]),
    ("7z ", &[Takes::Joined("-p")]),
    ("xfreerdp ", &[Takes::Joined("/p:")]),
    ("htpasswd ", &[Takes::Last]),
    ("rabbitmqctl ", &[Takes::Last]),
    ("sqlplus ", &[Takes::Word(b'/', b'@')]),
    ("net use ", &[Takes::Share]),
    ("net user ", &[Takes::Added]),
];

/// A word of a command line without its quotes: where it stands, and whether it was quoted.
fn word(finds: &Finds<'_>, from: usize, end: usize) -> Option<(Range<usize>, usize)> {
    let text = finds.bytes;
    let start = from
        + text.range(from, end).iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\\' | b'\n' | b'\r')).count();
    let quote = text.at(start);
    if start >= end {
        return None;
    }
    if matches!(quote, b'"' | b'\'') {
        let length = text.range(start + 1, end).iter().position(|byte| *byte == quote)?;
        return Some((start + 1..start + 1 + length, start + 2 + length));
    }
    // A quote inside belongs to the word: `-p'secret'`, `--user="a:b"`.
    let mut open = 0_u8;
    let length = text
        .range(start, end)
        .iter()
        .position(|byte| {
            if open != 0 {
                open = if *byte == open { 0 } else { open };
                return false;
            }
            if matches!(byte, b'"' | b'\'') {
                open = *byte;
            }
            matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
        })
        .unwrap_or(end - start);
    Some((start..start + length, start + length))
}

/// The command line that begins with a program's name at `start`; returns where it ends.
pub(super) fn program(finds: &mut Finds<'_>, start: usize) -> usize {
    let text = finds.bytes;
    let mut end = start;
    while end < text.len() && end - start < 2048 {
        let line = memchr::memchr(b'\n', text.ahead(end, 2048));
        end = line.map_or((end + 2048).min(text.len()), |line| end + line);
        if line.is_none() || text.before(end) != b'\\' {
            break;
        }
        end += 1;
    }
    let end = end.min(text.len());
    if text.before(start).is_ascii_alphanumeric() || matches!(text.before(start), b'-' | b'_' | b'.') {
        return start;
    }
    if text.has(start, "chpasswd") || text.has(start, "sudo -S") {
        piped(finds, start, text.has(start, "chpasswd"));
        return start;
    }
    if text.has(start, "snyk auth ") {
        let key = word(finds, start + "snyk auth ".len(), end).map(|(word, _)| word);
        if let Some(key) = key.filter(|key| value::uuid(text.range(key.start, key.end))) {
            finds.add(key.start, key.end, Kind::ApiKey, 84);
        }
        return start;
    }
    let Some((name, takes)) = PROGRAMS.iter().find(|(name, _)| text.has(start, name)) else { return start };
    let mut at = start + name.trim_end().len();
    if text.at(at).is_ascii_alphabetic() {
        at += text.from(at).iter().take(16).take_while(|byte| byte.is_ascii_alphabetic()).count();
    }
    if !matches!(text.at(at), b' ' | b'\t') {
        return start;
    }
    let mut options = 0;
    let mut last = None;
    while let Some((range, next)) = word(finds, at, end) {
        let here = text.range(range.start, range.end);
        if matches!(here, b"|" | b";" | b"&&" | b"||" | b"<" | b">") {
            break;
        }
        at = next;
        options += 1;
        last = Some(range.clone());
        if options > 64 {
            break;
        }
        for takes in *takes {
            if let Some(secret) = taken(finds, *takes, &range, at, end) {
                let secret = unquoted(finds, secret);
                if value::password(text.range(secret.start, secret.end), Hold::Whole)
                    && !text.range(secret.start, secret.end).starts_with(b"$")
                {
                    finds.add(secret.start, secret.end, Kind::Password, 84);
                }
            }
        }
    }
    let by_place = takes.iter().any(|takes| match takes {
        Takes::Last => options >= 3,
        Takes::Second => options == 2,
        _ => false,
    });
    if let Some(secret) =
        last.filter(|last| by_place && value::password(text.range(last.start, last.end), Hold::Separated))
    {
        finds.add(secret.start, secret.end, Kind::Password, 70);
    }
    end
}

fn unquoted(finds: &Finds<'_>, range: Range<usize>) -> Range<usize> {
    let text = finds.bytes;
    let quote = text.at(range.start);
    if matches!(quote, b'"' | b'\'') && range.len() > 2 && text.before(range.end) == quote {
        range.start + 1..range.end - 1
    } else {
        range
    }
}

/// Where the password is that an option at `range` takes; the words after it begin at `next`.
fn taken(finds: &Finds<'_>, takes: Takes, range: &Range<usize>, next: usize, end: usize) -> Option<Range<usize>> {
    let text = finds.bytes;
    let here = finds.str(range.start, range.end);
    let joined = |option: &str| {
        let rest = here.strip_prefix(option)?;
        let rest = if option.starts_with("--") { rest.strip_prefix('=')? } else { rest };
        (!rest.is_empty() && !here.starts_with("--pr") && (option.starts_with("--") || !rest.starts_with('-')))
            .then(|| range.end - rest.len()..range.end)
    };
    let apart = |option: &str| {
        let (range, _) = (here == option).then(|| word(finds, next, end)).flatten()?;
        (text.at(range.start) != b'-').then_some(range)
    };
    match takes {
        Takes::Joined(option) => joined(option).filter(|range| !finds.str(range.start, range.end).starts_with('=')),
        Takes::Apart(option) => apart(option),
        Takes::Either(option) => joined(option).or_else(|| apart(option)),
        Takes::Pair(option, separator) => {
            let pair = unquoted(finds, apart(option).or_else(|| joined(option))?);
            let colon = text.range(pair.start, pair.end).iter().position(|byte| *byte == separator)?;
            let user = text.range(pair.start, pair.start + colon);
            let secret = text.range(pair.start + colon + 1, pair.end);
            let example = secret == user
                || matches!(user, b"username" | b"user" | b"login" | b"xxx")
                    && secret.iter().all(u8::is_ascii_lowercase);
            (!example && !user.starts_with(b"$") && !user.starts_with(b"<") && !user.starts_with(b"{"))
                .then_some(pair.start + colon + 1..pair.end)
        }
        Takes::Word(open, close) => {
            let word = text.range(range.start, range.end);
            let from = word.iter().position(|byte| *byte == open)? + 1;
            // The password itself may have the sign too.
            let length = word.get(from..)?.iter().rposition(|byte| *byte == close).unwrap_or(word.len() - from);
            (from > 1 && length > 2 && !here.starts_with('-'))
                .then_some(range.start + from..range.start + from + length)
        }
        Takes::Share => {
            let login = here.get(..6).is_some_and(|option| option.eq_ignore_ascii_case("/user:"));
            // `DOMAIN\tom` was read as a tab.
            let rest = login && matches!(text.at(range.end), b'\t' | b'\n' | b'\r') && !here.contains('\\');
            let next = if rest { word(finds, next, end)?.1 } else { next };
            let share = here.starts_with("\\\\") || text.range(range.start.saturating_sub(2), range.start) == b"\\\\";
            let (next, _) = (login || share).then(|| word(finds, next, end)).flatten()?;
            (!matches!(text.at(next.start), b'/' | b'\\' | b'*')).then_some(next)
        }
        Takes::Added => {
            let name = text.has(range.start.saturating_sub(9), "net user ") && text.at(range.start) != b'/';
            let (next, _) = name.then(|| word(finds, next, end)).flatten()?;
            (!matches!(text.at(next.start), b'/' | b'*')).then_some(next)
        }
        Takes::Last | Takes::Second => None,
    }
}

/// `T:WPA;S:name;P:password;;`, where a backslash stands before signs: `at` is behind the name of the scheme.
pub(super) fn network(finds: &mut Finds<'_>, at: usize) {
    let text = finds.bytes;
    let rest = text.ahead(at, 128);
    let Some(field) =
        memchr::memmem::find(rest, b";P:").map(|found| found + 3).or(rest.starts_with(b"P:").then_some(2))
    else {
        return;
    };
    let start = at + field;
    let mut end = start;
    while !matches!(text.at(end), b';' | b'\n' | b'"' | 0) && end - start < 96 {
        end += if text.at(end) == b'\\' { 2 } else { 1 };
    }
    if text.at(end) == b';'
        && memchr::memchr(b'\n', text.range(at, start)).is_none()
        && value::password(text.range(start, end), Hold::Whole)
    {
        finds.add(start, end, Kind::Password, 84);
    }
}

/// `host:5432:database:user:password`, a line of the file of passwords of PostgreSQL, whose port or stars stand from
/// `start` to `end`.
pub(super) fn fields(finds: &mut Finds<'_>, start: usize, end: usize) {
    let host = |byte: &&u8| {
        byte.is_ascii_alphanumeric() || matches!(**byte, b'.' | b'-' | b'_' | b'*' | b'[' | b']' | b'/' | b'@')
    };
    let star = finds.bytes.at(start) == b'*';
    let front = finds.bytes.range(start.saturating_sub(128), start);
    let host = if star { 0 } else { front.iter().rev().take_while(host).count() };
    if host == 0 && !star || matches!(finds.bytes.at(end), b':' | b'*') {
        return;
    }
    let rest = finds.bytes.ahead(end, 320);
    let line = memchr::memchr3(b'\n', b'"', b'\'', rest).unwrap_or(rest.len());
    let line = rest.get(..line).unwrap_or_default().trim_ascii_end().len();
    login_line(finds, start - host, end + line);
}

/// The most lines of a file of passwords that are read.
const LOGINS_MAX: usize = 64;

/// The lines of that file below its name or the names of its fields, which stand before `at`: where they end.
pub(super) fn logins(finds: &mut Finds<'_>, at: usize) -> usize {
    let rest = finds.str(at, finds.text.floor_char_boundary((at + 4096).min(finds.text.len())));
    let mut lines = rest.split_inclusive('\n').take(LOGINS_MAX);
    let mut start = at + lines.next().map_or(0, str::len);
    for line in lines {
        let lead = line.len() - line.trim_start_matches([' ', '+', '-']).len();
        login_line(finds, start + lead, start + line.trim_end().len());
        start += line.len();
    }
    start
}

/// One such line: five fields, the second a port or a star. A colon in the last is no mark.
fn login_line(finds: &mut Finds<'_>, start: usize, end: usize) {
    let line = finds.str(start, end);
    if memchr::memchr(b':', line.as_bytes()).is_none() {
        return;
    }
    let mut fields = line.splitn(5, ':');
    let name = |field: &str| !field.is_empty() && field.chars().all(|c| c.is_alphanumeric() || "_-.*@/[]".contains(c));
    let mut next = || fields.next().unwrap_or_default();
    let (host, port, database, user, secret) = (next(), next(), next(), next(), next());
    let is_port = port == "*" || (2..=5).contains(&port.len()) && port.bytes().all(|byte| byte.is_ascii_digit());
    let named = is_port && name(host) && name(database) && name(user);
    if named && value::password(secret.as_bytes(), Hold::Whole) {
        finds.add(end - secret.len(), end, Kind::Password, 76);
    }
}

/// `echo 'user:password' | chpasswd`, and without the user `echo 'password' | sudo -S`.
fn piped(finds: &mut Finds<'_>, start: usize, user: bool) {
    let floor = finds.text.floor_char_boundary(start.saturating_sub(160));
    let before = finds.str(floor, start);
    let line = before.rsplit('\n').next().unwrap_or("");
    let Some(echo) = line.find("echo ") else { return };
    let from = start - line.len() + echo + 5;
    let said = finds.str(from, start).trim_start();
    let said = ["-n ", "-e ", "-en ", "-ne "].iter().find_map(|option| said.strip_prefix(option)).unwrap_or(said);
    let said = said.trim_start_matches(['"', '\'', ' ']);
    let from = start - said.len();
    let Some(length) = said.find(['"', '\'', ' ', '|']) else { return };
    let colon = finds.str(from, from + length).find(':');
    let skipped = if user { colon.map(|colon| colon + 1) } else { Some(0) };
    let Some(skipped) = skipped else { return };
    if value::password(finds.bytes.range(from + skipped, from + length), Hold::Whole) {
        finds.add(from + skipped, from + length, Kind::Password, 80);
    }
}

/// `IDENTIFIED BY '…'`, `IDENTIFIED WITH plugin BY '…'`: `at` is behind the first word.
pub(super) fn sql(finds: &mut Finds<'_>, at: usize) {
    let text = finds.bytes;
    let blank = |at: usize| text.past_space(at, 16);
    let mut at = blank(at);
    if text.has_any_case(at, "with ") {
        at = blank(at + 5);
        at = blank(
            at + text
                .from(at)
                .iter()
                .take(64)
                .take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'\'' | b'"'))
                .count(),
        );
    }
    if !text.has_any_case(at, "by ") {
        return;
    }
    // Prose says it too: without quotes only a statement in capitals counts.
    let statement = text.has(at, "BY ");
    at = blank(at + 3);
    for skipped in ["password ", "values "] {
        if text.has_any_case(at, skipped) {
            at = blank(at + skipped.len());
        }
    }
    let quote = text.at(at);
    let range = if matches!(quote, b'"' | b'\'') {
        let Some(length) = text.from(at + 1).iter().take(256).position(|byte| *byte == quote) else { return };
        at + 1..at + 1 + length
    } else if !statement {
        return;
    } else {
        let length = text
            .from(at)
            .iter()
            .take(256)
            .take_while(|byte| !byte.is_ascii_whitespace() && !matches!(byte, b';' | b',' | b')'))
            .count();
        at..at + length
    };
    if value::password(text.range(range.start, range.end), Hold::Whole) {
        finds.add(range.start, range.end, Kind::Password, 86);
    }
}

/// Words behind which a setting of a router has its secret, where that is not its second word.
const BEHIND: &[(&[u8], &[&[u8]])] = &[
    (b"radius-server ", &[b"key", b"secret"]),
    (b"tacacs-server ", &[b"key", b"secret"]),
    (b"message-digest-key ", &[b"md5"]),
    (b"authentication-key ", &[b"md5", b"sha", b"sha1", b"sha2", b"hmac-sha1-12", b"cmac-aes-128"]),
];

/// What may stand before the secret: how it is written, and whose it is. Numbers tell how it is encrypted.
const WRITTEN: &[&[u8]] =
    &[b"local", b"remote", b"ascii", b"ascii-text", b"hex", b"encrypted", b"simple", b"plain-text", b"cipher"];

/// The secret of a line of settings: `snmp-server community … RO`, `radius-server host … key …`, `crypto isakmp key …`.
pub(super) fn device(finds: &mut Finds<'_>, start: usize, end: usize) {
    let text = finds.bytes;
    let line = text.ahead(end, 256).split(|byte| matches!(byte, b'\n' | b'\r')).next().unwrap_or_default();
    let mut words = line.split(|byte| matches!(byte, b' ' | b'\t')).filter(|word| !word.is_empty());
    let behind = BEHIND.iter().find(|(name, _)| *name == text.range(start, end));
    if let Some((_, behind)) = behind
        && !words.any(|word| behind.contains(&word))
    {
        return;
    }
    let is_written = |word: &[u8]| WRITTEN.contains(&word) || matches!(word, [b'0'..=b'9']);
    let Some(word) = words.find(|word| !is_written(word)) else { return };
    let quoted = |byte: &u8| matches!(byte, b'"' | b'\'' | b';');
    let lead = word.iter().take_while(|byte| quoted(byte)).count();
    let tail = word.iter().rev().take_while(|byte| quoted(byte)).count();
    let Some(value) = word.get(lead..word.len() - tail.min(word.len() - lead)) else { return };
    // What every manual has, and words of sentences about it.
    let is_common = value.len() < 4 || value.iter().all(u8::is_ascii_lowercase) && !is_setting(text, start);
    if is_common || matches!(value, b"public" | b"private") || !value::password(value, Hold::Whole) {
        return;
    }
    let from = end + (value.as_ptr() as usize - line.as_ptr() as usize);
    finds.add(from, from + value.len(), Kind::Password, 84);
}

/// Whether a line begins with a setting, a few words before it included.
fn is_setting(text: value::Bytes<'_>, start: usize) -> bool {
    let front = text.range(0, start);
    let line = front.rsplit(|byte| *byte == b'\n').next().unwrap_or_default();
    line.len() <= 48
        && line.iter().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b" -/.".contains(byte))
}
