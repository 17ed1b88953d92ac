//! What a value is by its own looks: drawn at random, chosen by a person, or only standing in for one.
use super::names::{self, WordLists};
use super::rarity::rarity;
use crate::kernel::redact::letters;
use std::sync::LazyLock;

/// Bytes that are read without ever leaving them: beyond the end stands zero.
#[derive(Clone, Copy)]
pub struct Bytes<'a>(pub &'a [u8]);

impl<'a> Bytes<'a> {
    /// The byte at `i`, zero beyond the end.
    pub fn at(self, i: usize) -> u8 {
        self.0.get(i).copied().unwrap_or(0)
    }

    /// The byte before `i`, zero at the start.
    pub fn before(self, i: usize) -> u8 {
        i.checked_sub(1).map_or(0, |i| self.at(i))
    }

    /// Everything from `i` on.
    pub fn from(self, i: usize) -> &'a [u8] {
        self.0.get(i..).unwrap_or_default()
    }

    /// The bytes from `start` to `end`, empty when there are none such.
    pub fn range(self, start: usize, end: usize) -> &'a [u8] {
        self.0.get(start..end).unwrap_or_default()
    }

    /// The bytes from `i` on, at most so many.
    pub fn ahead(self, i: usize, most: usize) -> &'a [u8] {
        let rest = self.from(i);
        rest.get(..most).unwrap_or(rest)
    }

    /// Behind the whitespace at `i`, of which at most so many bytes are passed.
    pub fn past_space(self, i: usize, most: usize) -> usize {
        i + self.from(i).iter().take(most).take_while(|byte| byte.is_ascii_whitespace()).count()
    }

    /// Whether `literal` stands at `i`.
    pub fn has(self, i: usize, literal: &str) -> bool {
        self.from(i).starts_with(literal.as_bytes())
    }

    /// Whether `literal` stands at `i`, whatever the case of its ASCII letters.
    pub fn has_any_case(self, i: usize, literal: &str) -> bool {
        self.range(i, i + literal.len()).eq_ignore_ascii_case(literal.as_bytes())
    }

    /// How many bytes there are.
    pub fn len(self) -> usize {
        self.0.len()
    }
}

/// What a token says that is an example; the longest in which it is looked for, in bytes.
#[rustfmt::skip]
const SAYS: &[&str] = &[
    "example", "your", "placeholder", "redacted", "changeme", "dummy", "xxxx", "insert", "replace", "sample",
];
const SAYS_IN: usize = 512;

/// Whether a token that should be random was typed by someone to look like one: repeated or counted up, or
/// it says that it is an example.
pub fn invented(token: &[u8]) -> bool {
    let mut seen = [0_u64; 4];
    let (mut same, mut steps, mut previous) = (1, 1, 0_u8);
    for byte in token.iter().take(SAYS_IN) {
        if let Some(seen) = seen.get_mut(usize::from(*byte >> 6)) {
            *seen |= 1 << (byte & 63);
        }
        same = if previous == *byte { same + 1 } else { 1 };
        steps = if previous.wrapping_add(1) == *byte || previous == b'9' && *byte == b'0' { steps + 1 } else { 1 };
        if same >= 7 || steps >= 7 {
            return true;
        }
        previous = *byte;
    }
    let distinct: u32 = seen.iter().map(|seen| seen.count_ones()).sum();
    (distinct as usize) < token.len().min(14) / 2 || token.len() <= SAYS_IN && says(token)
}

/// Whether some of [`SAYS`] stands in a token.
fn says(token: &[u8]) -> bool {
    token.windows(2).enumerate().any(|(at, pair)| {
        let &[first, second] = pair else { return false };
        let may = matches!(
            &[first | 0x20, second | 0x20],
            b"ex" | b"yo" | b"pl" | b"re" | b"ch" | b"du" | b"xx" | b"in" | b"sa"
        );
        let stands =
            |say: &&str| token.get(at..at + say.len()).is_some_and(|text| text.eq_ignore_ascii_case(say.as_bytes()));
        may && SAYS.iter().any(stands)
    })
}

/// Whether `word` (lower case) occurs, whatever the case.
pub fn contains(text: &[u8], word: &str) -> bool {
    let Some(first) = word.bytes().next().filter(|_| text.len() <= 512) else { return false };
    memchr::memchr2_iter(first, first.to_ascii_uppercase(), text)
        .any(|at| text.get(at..at + word.len()).is_some_and(|window| window.eq_ignore_ascii_case(word.as_bytes())))
}

/// Words for nothing, and for any value.
#[rustfmt::skip]
const NOTHING: &[&str] = &[
    "null", "nil", "none", "nan", "true", "false", "undefined", "empty", "n/a", "na", "unset", "redacted",
    "masked", "hidden", "removed", "filtered", "secret", "string", "str", "text", "number", "integer", "boolean",
    "bool", "object", "array", "bytes", "optional", "required", "default", "value", "password", "passwd",
    "passphrase", "passwort", "pass", "pwd", "token", "apikey", "api_key", "api-key", "key", "todo", "tbd",
    "fixme", "changeit", "changeme", "change_me", "change-me", "replaceme", "replace_me", "replace-me", "example",
    "placeholder", "sample", "foo", "bar", "baz", "dummy", "hashed", "encrypted", "sensitive", "(sensitive)",
    "not", "unknown", "yes", "no", "on", "off", "enabled", "disabled", "varchar", "char", "nvarchar", "any",
    "void", "self", "input", "stdin", "prompt", "ask", "<sensitive>", "mysecret", "mytoken", "mypassword",
    "yourpassword", "supersecret",
];

/// How what refers to a value elsewhere begins.
#[rustfmt::skip]
const SCHEMES: &[&str] = &[
    "op://", "vault:", "vault://", "ssm:", "env:", "file:", "secret://", "secrets/", "ref+", "enc[", "arn:",
    "projects/", "http://", "https://", "sops:", "awsssm", "secretsmanager", "keyvault", "gcp-secret", "doppler:",
    "bw://", "pass://", "aws-sm", "prod/", "@microsoft.", "valuefrom", "secretkeyref", "!ref", "!sub", "!getatt",
    "!secret", "!vault", "!env", "!!binary", "fn::", "data.", "kms:", "process.env", "os.environ", "os.getenv",
    "getenv", "env.", "import.meta", "secrets.", "var.", "local.", "module.", "config.", "settings.", "self.",
    "this.", "req.", "request.", "form.", "args.", "opts.", "options.", "params.", "ctx.", "event.", "user.",
    "props.", "state.", "env(", "env[", "ref:", "system.", "deno.env", "enc:", "cfg.", "conf.", "configuration[",
    "configuration.", "credentials.", "creds.", "input.", "body.", "std::env", "env::", "builtins.", "lookup(",
    "random_password", "aws_secretsmanager", "data.aws", "azurerm_", "google_secret", "ansible_", "getpass",
    "bcrypt.", "crypto.", "hash(", "encrypt(", "decrypt(", "sha256(", "md5(", "concat(", "new ", "await ", "str(",
    "string(", "base64.", "host:port", "hostname:port", "user:pass",
];

static STANDS_IN: LazyLock<WordLists> = LazyLock::new(|| WordLists::new(&[(NOTHING, 1)]));

/// Those of [`SCHEMES`] by their first byte, of which most have none.
static BY_FIRST: LazyLock<[Vec<&str>; 128]> = LazyLock::new(|| {
    std::array::from_fn(|first| {
        SCHEMES.iter().copied().filter(|word| word.bytes().next() == Some(first as u8)).collect()
    })
});

/// Whether a value only stands in for one: a variable, a template, a mask, nothing, or a reference to a vault.
pub fn placeholder(value: &[u8]) -> bool {
    let Some((first, last)) = value.first().zip(value.last()) else { return true };
    let brackets = matches!((first, last), (b'<', b'>') | (b'[', b']') | (b'{', b'}') | (b'(', b')') | (b'%', b'%'));
    if brackets && value.len() > 2
        || value.starts_with(b"[[")
        || value.starts_with(b"<%")
        || value.starts_with(b"#{")
        || value.starts_with(b"@{")
        || value.starts_with(b"@(") && *last == b')'
    {
        return true;
    }
    let opens = |pair: &[u8]| matches!(pair, b"${" | b"$(" | b"{{" | b"$[" | b"}}" | b"#{" | b"%{");
    if *first == b'`' || memchr::memchr3(b'$', b'{', b'}', value).is_some() && value.windows(2).any(opens) {
        return true;
    }
    // `%(password)s`
    if value.starts_with(b"%(") && value.contains(&b')') {
        return true;
    }
    if *first == b'$'
        && value.len() > 2
        && value
            .iter()
            .skip(1)
            .all(|byte| byte.is_ascii_uppercase() || matches!(byte, b'_' | b':') || byte.is_ascii_digit())
    {
        return true;
    }
    if *first == b'$' && value.get(1..).is_some_and(variable)
        || *first == b'$' && value.get(1).is_some_and(u8::is_ascii_digit) && value.len() == 2
    {
        return true;
    }
    // `%(password)s`
    if masked(value) || first.is_ascii_lowercase() && rules(value) || value.starts_with(b"%(") && value.ends_with(b")s")
    {
        return true;
    }
    // `:password`, `@db_password`: bound to a value elsewhere.
    let bound = |rest: &&[u8]| std::str::from_utf8(rest).is_ok_and(|name| identifier(name) && names::mentions(name));
    if matches!(first, b':' | b'@') && value.get(1..).filter(bound).is_some() {
        return true;
    }
    let starts = |word: &&str| value.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word.as_bytes()));
    let schemes = BY_FIRST.get(usize::from(first.to_ascii_lowercase())).map_or(&[][..], Vec::as_slice);
    let nothing = std::str::from_utf8(value).is_ok_and(|word| word.is_ascii() && STANDS_IN.of(word) != 0);
    nothing || schemes.iter().any(starts) || says_so(value)
}

/// Whether a value was encrypted, as those who keep secrets beside programs write it; `password`: it stands for one, and
/// no service takes it as a token. What only hides it is none of these.
#[inline(never)]
pub fn ciphertext(value: &[u8], password: bool) -> bool {
    // Of Spring, Jasypt and hiera-eyaml, SOPS, WebLogic, Vault; of AWS and Google, OpenSSL and Windows.
    #[rustfmt::skip]
    const OPENS: &[(&str, usize)] = &[
        ("{cipher}", 16), ("{AES}", 16), ("{AES256}", 16), ("{AES-256}", 16), ("{3DES}", 16), ("{DES}", 16), ("{RSA}", 16),
        ("{encrypted}", 16), ("{ENC}", 16), ("ENC[", 8), ("ENC(", 8), ("DEC::", 8), ("$ANSIBLE_VAULT;", 16), ("vault:v", 16),
        ("AQICAH", 64), ("AQECAH", 64), ("CiQA", 64), ("CiUA", 64), ("U2FsdGVkX1", 24), ("53616c7465645f5f", 32),
        ("AQAAANCMnd8BFdERjHoAwE/Cl+s", 40), ("01000000d08c9ddf0115d1118c7a00c04fc297eb", 40),
        ("01000000D08C9DDF0115D1118C7A00C04FC297EB", 40), ("-----BEGIN AGE", 16), ("YWdlLWVuY3J5cHRpb24ub3Jn", 32),
    ];
    let first = value.first().copied().unwrap_or(0);
    if !matches!(first, b'{' | b'E' | b'D' | b'$' | b'v' | b'A' | b'C' | b'U' | b'5' | b'0' | b'-' | b'Y' | b'g') {
        return false;
    }
    let opens = |(start, least): &(&str, usize)| value.len() >= *least && value.starts_with(start.as_bytes());
    // Tokens of Fernet are given to services too.
    OPENS.iter().any(opens) || password && value.len() >= 100 && value.starts_with(b"gAAAAA")
}

/// `required|min:12`: rules that a value must pass, with bars between and perhaps arguments.
fn rules(value: &[u8]) -> bool {
    #[rustfmt::skip]
    const RULES: &[&str] = &[
        "required", "nullable", "sometimes", "string", "confirmed", "min", "max", "between", "same", "different",
        "regex", "present", "filled", "bail", "size", "integer", "numeric", "alpha_num", "alpha_dash", "current_password",
        "required_with", "required_if", "required_without", "not_in", "valid_email", "min_length", "max_length", "matches",
    ];
    if memchr::memchr3(b'|', b':', b'[', value).is_none() {
        return false;
    }
    let Ok(text) = std::str::from_utf8(value) else { return false };
    let name = |rule: &str| rule.len() - rule.trim_start_matches(|c: char| c.is_ascii_lowercase() || c == '_').len();
    let shaped = |rule: &str| {
        name(rule) > 0 && rule.get(name(rule)..).is_some_and(|rest| rest.is_empty() || rest.starts_with([':', '[']))
    };
    let known = |rule: &str| rule.get(..name(rule)).is_some_and(|name| RULES.contains(&name));
    text.split('|').all(shaped) && text.split('|').any(known)
}

/// Whether a cell says that its value is kept back, or that there is none: `(hidden)`, `n/a`, `••••`.
pub fn withheld(cell: &str) -> bool {
    const SAYS: &[&str] = &[
        "hidden",
        "redacted",
        "masked",
        "removed",
        "filtered",
        "null",
        "none",
        "nil",
        "n/a",
        "unset",
        "unchanged",
        "not set",
        "undefined",
        "empty",
    ];
    let inner = cell.trim_matches(['(', ')']);
    inner.len() + 2 == cell.len() && cell.starts_with('(')
        || SAYS.iter().any(|say| cell.eq_ignore_ascii_case(say))
        || cell.len() > 3 && masked(cell.as_bytes())
}

/// `$passwordVariable`, `$db->password`: a lower-case identifier that names a secret or is reached through an arrow.
fn variable(name: &[u8]) -> bool {
    let identifier = name.first().is_some_and(|byte| byte.is_ascii_alphabetic() || *byte == b'_')
        && name.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
    identifier && std::str::from_utf8(name).is_ok_and(names::mentions)
        || name.windows(2).any(|pair| pair == b"->" || pair == b"::")
}

/// A value of which nothing is left to see: stars, dots, crosses, perhaps with a few characters at the ends.
pub fn masked(value: &[u8]) -> bool {
    // What most values have no trace of.
    let (mut marks, mut crosses) = (false, 0);
    for byte in value {
        marks |= matches!(byte, b'*' | b'.' | 0x80..);
        crosses += usize::from(matches!(byte, b'x' | b'X'));
    }
    let whole = value.first().is_none_or(|first| !first.is_ascii_alphanumeric() || matches!(first, b'x' | b'X' | b'0'));
    if !marks && crosses < 4 && !whole {
        return false;
    }
    let text = std::str::from_utf8(value).unwrap_or("");
    let (mut total, mut hidden, mut blank) = (0, 0, true);
    // How many marks stand in a row, and other characters.
    let (mut run, mut longest, mut rest, mut seen) = (0, 0, 0, 0);
    for c in text.chars() {
        total += 1;
        if matches!(c, '*' | '•' | '●' | '·' | '∙' | '█' | '…' | '▪' | '■' | '○' | '◦') {
            hidden += 1;
            (run, rest) = (run + 1, 0);
            longest = longest.max(run);
        } else {
            blank &= matches!(c, '.' | '-' | ' ');
            (run, rest) = (0, rest + 1);
            seen = seen.max(rest);
        }
    }
    if hidden >= 3 && hidden * 2 >= total || hidden >= 1 && blank {
        return true;
    }
    // `ghp_****9ugy`, `j***@g***.com`: of what stands beside a few marks little is left.
    if longest >= 4 || longest == 3 && seen <= 8 {
        return true;
    }
    if text.ends_with("...") || text.ends_with('…') || text.contains("...") && total < 40 {
        return true;
    }
    let cross = |byte: &u8| matches!(byte, b'x' | b'X' | b'?' | b'#' | b'_' | b'-' | b'.' | b'0');
    let seen = value.iter().filter(|byte| byte.is_ascii_alphanumeric() || **byte >= 0x80).count();
    value.iter().all(cross)
        && (value.len() < 8 || crosses * 2 > value.len() || value.iter().all(|byte| Some(byte) == value.first()))
        || crosses >= 6 && crosses * 3 >= seen * 2
        || crosses >= 4
            && crosses * 2 >= seen
            && value.iter().all(|byte| matches!(byte, b'x' | b'X' | b'-' | b' ' | b'/' | b'.') || byte.is_ascii_digit())
        || value.len() >= 3 && value.iter().all(|byte| Some(byte) == value.first() && !byte.is_ascii_alphanumeric())
}

/// Words about a value.
#[rustfmt::skip]
const ABOUT: &[&str] = &[
    "your", "my", "insert", "enter", "here", "put", "replace", "change", "changeme", "example", "placeholder",
    "dummy", "fake", "redacted", "removed", "the", "some", "goes", "todo", "add", "paste", "fill", "provide",
    "set", "from", "env", "name", "sample",
];

/// Words that ask for a value, and those that may stand around them where nothing else does.
#[rustfmt::skip]
const ASKS: &[&str] = &[
    "changeme", "change", "changethis", "changeit", "replace", "replaceme", "replacethis", "insert", "fill", "fillme", "set", "setme",
    "put", "paste", "enter", "edit", "editme", "update", "updateme", "override", "overrideme", "provide", "specify", "define",
    "generate", "generated", "configure", "choose", "pick", "supply", "add", "todo", "fixme", "tbd", "placeholder", "needed",
    "required", "replaced", "changed", "filled", "updated", "defined", "overridden", "generated", "configured", "missing", "fake", "dummy", "example", "sample", "demo", "redacted", "unset", "notset", "empty", "real", "rotate",
    "ändern", "aendern", "bitte", "ersetzen", "setzen", "eintragen", "ausfüllen", "changer", "remplacer", "remplir", "cambiar",
    "cambiame", "reemplazar", "rellenar", "trocar", "mudar", "alterar", "substituir", "preencher", "cambiare", "sostituire",
    "inserire", "wijzigen", "vervangen", "invullen", "zmien", "zmień", "uzupelnij", "uzupełnij", "ändra", "byt",
];
#[rustfmt::skip]
const AROUND: &[&str] = &[
    "please", "me", "this", "it", "here", "now", "later", "before", "after", "use", "deploy", "deployment", "prod", "production", "in",
    "on", "at", "to", "by", "for", "with", "your", "my", "own", "the", "a", "an", "one", "new", "strong", "secure", "random",
    "long", "value", "something", "somewhere", "anything", "from", "env", "vault", "config", "first", "must", "should", "be", "is", "not", "do",
    "dont", "yet", "only", "and", "or", "as", "soon", "asap", "up", "default", "string", "text", "user", "name", "login", "actual",
    "mot", "de", "passe", "a", "à", "test", "install", "setup", "release", "commit", "you", "ones", "goes", "mich", "mir", "das", "hier", "moi", "ici", "aqui", "aquí",
    "por", "favor", "qui", "hier", "dit", "tutaj", "mnie", "mig", "s", "il", "vous", "plait", "esto", "isto", "questo", "ceci", "dies",
];

static SAYS_SO: LazyLock<WordLists> = LazyLock::new(|| WordLists::new(&[(ABOUT, 1), (ASKS, 2), (AROUND, 4)]));

/// `YOUR_API_KEY`, `<api-key>`, `my-secret-here`, `insert_token`, `DB_PASSWORD`: words about the value, not the value.
fn says_so(value: &[u8]) -> bool {
    // Most values are one word.
    if value.len() > 64 || value.iter().all(u8::is_ascii_alphanumeric) {
        return false;
    }
    let Ok(text) = std::str::from_utf8(value) else { return false };
    let mut words = text.split(|c| !letters::is_word(c)).filter(|word| !word.is_empty());
    let (mut parts, mut about, mut asks, mut only) = (0, false, false, true);
    for word in words.clone() {
        // `changeme-placeholder`
        if word.eq_ignore_ascii_case("placeholder") {
            return true;
        }
        parts += 1;
        let said = SAYS_SO.of(word);
        about |= said & 1 != 0;
        asks |= said & 2 != 0;
        only &= said != 0 || names::stem(word);
    }
    // `please-change-me`, `set-me-before-deploy`: nothing but a request for a value.
    let joins =
        |byte: &u8| byte.is_ascii_alphabetic() || matches!(byte, b'-' | b'_' | b'.' | b' ' | b'!') || *byte >= 0x80;
    if asks && only && parts >= 2 && value.iter().all(joins) {
        return true;
    }
    about &= parts >= 2;
    // `DB_PASSWORD`, `API_KEY`: the name of the variable, in capitals.
    let variable = value.iter().any(|byte| matches!(byte, b'_' | b'-'))
        && value.iter().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || matches!(byte, b'_' | b'-'));
    if !about && !variable || value.iter().any(u8::is_ascii_digit) && !names::mentions(text) {
        return false;
    }
    // `YOUR_DB_PASSWORD`, `insert-token-here`; a passphrase of words has none of these.
    let small = || text.to_ascii_lowercase();
    about && (words.any(names::stem) || small().starts_with("your") || small().ends_with("here"))
        || variable && names::mentions(text)
}

/// 8-4-4-4-12 hex digits.
pub fn uuid(value: &[u8]) -> bool {
    value.len() == 36
        && value
            .iter()
            .enumerate()
            .all(|(i, byte)| if matches!(i, 8 | 13 | 18 | 23) { *byte == b'-' } else { byte.is_ascii_hexdigit() })
}

/// Whether a value under a secret's name is a drawn one; `sure` when the name leaves no doubt (`client_secret`,
/// not `token`), so that shorter values and UUIDs count too.
pub fn opaque(value: &[u8], sure: bool) -> bool {
    let shortest = if sure { 8 } else { 16 };
    let token = |byte: &u8| {
        byte.is_ascii_alphanumeric()
            || matches!(
                byte,
                b'-' | b'_'
                    | b'.'
                    | b'+'
                    | b'/'
                    | b'='
                    | b'~'
                    | b':'
                    | b'!'
                    | b'@'
                    | b'#'
                    | b'$'
                    | b'%'
                    | b'^'
                    | b'*'
                    | b'|'
                    | b'&'
                    | b'?'
                    | b','
                    | b';'
                    | b'('
                    | b')'
                    | b'['
                    | b']'
                    | b'{'
                    | b'}'
                    | b'<'
                    | b'>'
            )
    };
    // Most words fail here.
    if !(shortest..=4096).contains(&value.len()) || !value.iter().all(token) {
        return false;
    }
    if uuid(value) {
        return sure && !invented(value) && !placeholder(value);
    }
    let digits = value.iter().filter(|byte| byte.is_ascii_digit()).count();
    let letters = value.iter().filter(|byte| byte.is_ascii_alphabetic()).count();
    // Things with a grammar: dates, addresses, versions, numbers.
    let grammar =
        |byte: &u8| byte.is_ascii_digit() || matches!(byte, b'-' | b'.' | b':' | b'/' | b'+' | b'T' | b'Z' | b',');
    if letters == 0 || value.len() < 16 && digits == 0 || value.iter().all(grammar) {
        return false;
    }
    let rarity = rarity(value);
    let drawn = match value.len() {
        0..16 => rarity > 20,
        16..20 => rarity > 20 && (digits > 0 || rarity > 120),
        _ => rarity > 45,
    };
    #[rustfmt::skip]
    const OTHER: &[&str] = &[
        "sha256:", "sha384-", "sha512-", "sha256-", "sha1:", "md5:", "AAAAB3", "AAAAC3", "AAAAE2", "ssh-", "data:",
        "urn:", "./", "../", "~/", "0x00",
    ];
    // Base64 may begin with a slash too.
    let rooted = value.starts_with(b"/") && (value.len() < 40 || rarity < 100);
    if !drawn
        || rooted
        || OTHER.iter().any(|start| value.starts_with(start.as_bytes()))
        || memchr::memmem::find(value, b"://").is_some()
    {
        return false;
    }
    // What takes longer to tell.
    let text = std::str::from_utf8(value).unwrap_or("");
    !(version(value)
        || value.contains(&b'(') && code(text)
        || invented(value)
        || repeated(value)
        || value.len() < 16 && names::mentions(text)
        || placeholder(value))
}

/// `^1.2.3-rc.1`, `>=2.0.0+build.7`: three numbers, and what comes before a release or made it.
fn version(value: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(value) else { return false };
    let text = text.trim_start_matches(['^', '~', '>', '<', '=', 'v']);
    if !text.starts_with(|c: char| c.is_ascii_digit()) {
        return false;
    }
    let core = text.split(['-', '+']).next().unwrap_or_default();
    let number = |part: &str| (1..=5).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
    let rest = text.get(core.len()..).unwrap_or_default();
    let rest = rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'+'));
    core.split('.').count() == 3 && core.split('.').all(number) && rest && text.len() < 32
}

/// `xxxxxxxx…`, `0000…`: more than half is one character.
fn repeated(value: &[u8]) -> bool {
    let mut counts = [0_usize; 256];
    for byte in value {
        if let Some(count) = counts.get_mut(usize::from(*byte)) {
            *count += 1;
        }
    }
    counts.iter().any(|count| count * 2 > value.len())
}

/// How a value is attached to the name before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hold {
    /// It is the whole value of the name: in quotes, in a field of its own, alone on the rest of the line.
    Whole,
    /// A separator stands between, and other text follows.
    Separated,
    /// Words of prose stand between (`is`, `ist`, `est`), or nothing but a space.
    Prose,
}

/// `u32`, `__u64`, `float64`: the type of a field.
fn machine_type(text: &str) -> bool {
    let name = text.trim_start_matches("__").trim_end_matches(|c: char| c.is_ascii_digit());
    name.len() < text.len() && ["u", "i", "f", "int", "uint", "float", "UInt", "Int", "c_int", "s"].contains(&name)
}

/// What forms and logs of other languages say where a password would stand: that it is needed, wrong, forgotten, changed,
/// covered, or that there is none.
#[rustfmt::skip]
const SAID: &[&str] = &[
    "erforderlich", "verpflichtend", "pflichtfeld", "requis", "requise", "obligatoire", "obligatorio", "obligatoria", "requerida",
    "requerido", "obrigatório", "obrigatória", "obbligatoria", "obbligatorio", "richiesta", "vereist", "verplicht", "wymagane",
    "wymagany", "povinné", "povinný", "požadováno", "kötelező", "gerekli", "zorunlu", "krävs", "obligatoriskt", "påkrævet",
    "påkrevd", "pakollinen", "vaaditaan", "obligatoriu", "necesară", "obvezno", "obavezno", "potrebno", "wajib", "diperlukan",
    "vereis", "inahitajika", "ungültig", "falsch", "incorrecte", "incorrecta", "incorrecto", "inválida", "inválido", "invalide",
    "incorreta", "errata", "sbagliata", "onjuist", "ongeldig", "fout", "nieprawidłowe", "błędne", "neplatné", "nesprávné", "špatné",
    "hibás", "érvénytelen", "yanlış", "yanliş", "geçersiz", "hatalı", "ogiltigt", "felaktigt", "forkert", "ugyldig", "ugyldigt", "feil",
    "väärä", "virheellinen", "greșită", "incorectă", "invalidă", "pogrešna", "neispravna", "napačno", "salah", "vale", "vergessen",
    "oublié", "olvidada", "esquecida", "dimenticata", "vergeten", "zapomniane", "zapomenuté", "elfelejtett", "unuttum", "glömt",
    "glemt", "unohtunut", "uitată", "zaboravljena", "pozabljeno", "lupa", "geändert", "modifié", "changé", "cambiada", "alterada",
    "modificata", "cambiata", "gewijzigd", "zmienione", "změněno", "megváltozott", "değiştirildi", "ändrat", "ændret", "endret",
    "vaihdettu", "schimbată", "promijenjena", "masqué", "caché", "oculta", "oculto", "nascosta", "versteckt", "verborgen", "ukryte",
    "skryté", "rejtett", "dold", "skjult", "piilotettu", "ascunsă", "skriveno", "keine", "keines", "aucun", "ninguna", "ninguno",
    "nenhuma", "nessuna", "geen", "brak", "žádné", "nincs", "ingen", "inget", "intet", "niciuna", "nema", "tidak", "unbekannt",
    "inconnu", "desconocida", "desconhecida", "sconosciuta", "onbekend", "nieznane", "neznámé", "bilinmiyor", "okänt", "ukendt",
    "ukjent", "festgelegt", "gesetzt", "défini", "establecida", "definida", "impostata", "ingesteld", "ustawione", "nastaveno",
    "beállítva", "ayarlandı", "inställt", "abgelaufen", "gesperrt", "expiré", "bloqué", "caducada", "expirada",
    "bloqueada", "scaduta", "bloccata", "verlopen", "geblokkeerd", "wygasło", "zablokowane", "vypršelo", "lejárt", "utgånget", "udløbet",
    "utløpt", "vanhentunut", "expirată", "istekla", "potekla", "kadaluarsa", "majburiy", "generiert", "généré", "generada", "gerada", "generata", "gegenereerd", "wygenerowane",
];

static SAID_OF: LazyLock<WordLists> = LazyLock::new(|| WordLists::new(&[(SAID, 1)]));

/// Whether `value` can be the password it stands for.
pub fn password(value: &[u8], hold: Hold) -> bool {
    if !(3..=256).contains(&value.len()) || hold != Hold::Whole && is_word(value) {
        return false;
    }
    // How it looks is told sooner than what it is instead.
    let Some(text) = std::str::from_utf8(value).ok().filter(|text| looks(text, hold)) else { return false };
    if placeholder(value) || uuid(value) && hold != Hold::Whole || is_moment(value) {
        return false;
    }
    let hex = text
        .strip_prefix("0x")
        .is_some_and(|digits| digits.len() <= 8 && digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
    // A word of another script for the same: `"password": "密码"`.
    if !text.is_ascii() && !text.bytes().any(|byte| byte.is_ascii_digit()) && names::named(text).is_some() {
        return false;
    }
    if !(text.is_ascii() && text.bytes().any(|byte| byte.is_ascii_digit())) && is_said(text) {
        return false;
    }
    let prompt = text.strip_suffix(':').is_some_and(|word| word.chars().all(letters::is_letter));
    !(hex || prompt || code(text) || machine_type(text) || path(value) || crypt_name(value))
}

/// `2024-01-31T10:15:30Z`: when it was set.
fn is_moment(value: &[u8]) -> bool {
    let Some(head) = value.first_chunk::<16>() else { return false };
    head.iter().zip(b"0000-00-00T00:00").all(|(byte, form)| match form {
        b'0' => byte.is_ascii_digit(),
        b'T' => matches!(byte, b'T' | b' '),
        mark => byte == mark,
    })
}

/// Whether it is nothing but a date: `2025-11-12`, `12.11.2025`.
pub fn is_day(text: &str) -> bool {
    let mut parts = text.split(['-', '.', '/']);
    let mut part = || parts.next().filter(|part| part.bytes().all(|byte| byte.is_ascii_digit())).map_or(0, str::len);
    let lengths = [part(), part(), part()];
    matches!(lengths, [4, 1..=2, 1..=2] | [1..=2, 1..=2, 2 | 4]) && parts.next().is_none()
}

/// Whether it is said of a password: `must-be-changed`, `not-set`, and in scripts that no keyboard types without help
/// `密码：不能为空`.
fn is_said(text: &str) -> bool {
    if !text.is_ascii() {
        let written =
            |c: char| matches!(c, '\u{3000}'..='\u{30FF}' | '\u{3400}'..='\u{9FFF}' | '\u{AC00}'..='\u{D7A3}');
        // `至少8位`: a number may be told, but no sign of a keyboard.
        return text.chars().any(written)
            && !text.bytes().any(|byte| byte.is_ascii_alphabetic() || byte.is_ascii_punctuation());
    }
    let part = |byte: u8| matches!(byte, b'-' | b'_' | b'.' | b' ');
    let mut words = text.split(['-', '_', '.', ' ']);
    text.len() > 6 && text.bytes().any(part) && words.all(names::about)
}

/// Whether it looks like a password, held as it is.
fn looks(text: &str, hold: Hold) -> bool {
    let has = |f: fn(char) -> bool| text.chars().any(f);
    if has(char::is_whitespace) {
        return hold == Hold::Whole && words(text);
    }
    let (mut letters, mut all) = (0, 0);
    text.chars().for_each(|c| {
        letters += usize::from(letters::is_letter(c));
        all += 1;
    });
    let lower_word = letters == all && !(has(letters::is_capital) && text.chars().skip(1).any(letters::is_capital));
    let digit = text.bytes().any(|byte| byte.is_ascii_digit());
    match hold {
        // Whoever types a password in another script than Latin adds something to one word of it.
        Hold::Whole if text.bytes().all(|byte| byte >= 0x80) => !lower_word && digit,
        Hold::Whole => !(lower_word && (names::about(text) || SAID_OF.of(text) != 0)) && (text.len() >= 4 || digit),
        Hold::Separated => {
            letters == 0 && text.len() >= 4 && digit && !plain_number(text.as_bytes())
                || letters > 0 && !lower_word && (digit || symbol(text) || words_joined(text) >= 3 || mixed_case(text))
        }
        Hold::Prose => {
            text.len() >= 6
                && text.is_ascii()
                && letters > 0
                && (digit && !(text.len() < 8 && !symbol(text) && letters < 2)
                    || symbol(text)
                    || words_joined(text) >= 3
                    || mixed_case(text))
                && !reference(text.as_bytes())
                && !text.contains('\'')
        }
    }
}

/// Letters without a capital behind a small one: most of what stands in prose, and no password there.
fn is_word(value: &[u8]) -> bool {
    let mut small = false;
    value.iter().all(|byte| {
        let hump = small && byte.is_ascii_uppercase();
        small = byte.is_ascii_lowercase();
        byte.is_ascii_alphabetic() && !hump
    })
}

/// A character no name or sentence has inside.
fn symbol(text: &str) -> bool {
    let inner = text.trim_matches(|c: char| matches!(c, '.' | ',' | ';' | ':' | '!' | '?' | ')' | '('));
    inner.chars().any(|c| matches!(c, '@' | '#' | '$' | '%' | '^' | '*' | '=' | '+' | '!' | '~' | '&' | '?'))
}

/// Capitals in the middle of small letters, more than once: no word and no name of two words.
fn mixed_case(text: &str) -> bool {
    let pairs = text.as_bytes().windows(2);
    let humps = pairs.filter(|pair| matches!(pair, [a, b] if a.is_ascii_lowercase() && b.is_ascii_uppercase())).count();
    if humps == 0 || !text.is_ascii() {
        return false;
    }
    let rarity = rarity(text.as_bytes());
    humps >= (if rarity > 60 { 1 } else { 2 }) && rarity > 0
}

/// How many small words are joined by one and the same separator: `horse-battery-staple` has three.
fn words_joined(text: &str) -> usize {
    ['-', '_', '.']
        .into_iter()
        .map(|separator| {
            let mut parts = text.split(separator);
            let fine = parts
                .clone()
                .all(|part| part.len() >= 3 && part.chars().all(|c| c.is_ascii_lowercase()) && !names::stem(part));
            if fine { parts.by_ref().count() } else { 0 }
        })
        .max()
        .unwrap_or(0)
}

/// Three and more words that say nothing about passwords: a passphrase with spaces.
fn words(text: &str) -> bool {
    let parts: Vec<&str> = text.split(' ').collect();
    (3..=12).contains(&parts.len())
        && parts.iter().all(|part| {
            (part.len() >= 3 || part.bytes().any(|byte| byte.is_ascii_digit()))
                && part.chars().all(char::is_alphanumeric)
                && !names::about(part)
                && !names::stem(part)
        })
}

fn plain_number(value: &[u8]) -> bool {
    value.iter().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b',' | b'-' | b':')) && value.len() < 6
}

/// Paths, mail and web addresses.
fn path(value: &[u8]) -> bool {
    (value.starts_with(b"/") || value.starts_with(b"./") || value.starts_with(b"~/") || value.starts_with(b"../"))
        && value.iter().filter(|byte| **byte == b'/').count() >= 2
        || value.windows(3).any(|three| three == b"://")
}

/// Dates, tickets, mail addresses and hosts that follow the word in prose, and other fields.
fn reference(value: &[u8]) -> bool {
    let text = std::str::from_utf8(value).unwrap_or("");
    let field = |name: &str| {
        identifier(&name.replace('-', "_")) && !(name.bytes().any(|byte| byte.is_ascii_digit()) && mixed_case(name))
    };
    if text.split_once('=').is_some_and(|(name, _)| field(name)) {
        return true;
    }
    let mail = text.split_once('@').is_some_and(|(_, host)| {
        host.contains('.') && host.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-'))
    });
    let numbers =
        value.iter().all(|byte| byte.is_ascii_digit() || matches!(byte, b'-' | b'/' | b':' | b'.' | b'T' | b'Z'));
    let ticket = text.split_once('-').is_some_and(|(a, b)| {
        !a.is_empty()
            && a.chars().all(|c| c.is_ascii_uppercase())
            && !b.is_empty()
            && b.chars().all(|c| c.is_ascii_digit())
    });
    mail || numbers || ticket
}

/// A password's hash is named, not the password: `$2b$…` under `password_hash` is decided by the name.
fn crypt_name(value: &[u8]) -> bool {
    value.starts_with(b"{bcrypt}") && value.len() < 20
}

/// A piece of program: a call, an index, a member of something known.
fn code(text: &str) -> bool {
    let named = || !text.bytes().any(|byte| byte.is_ascii_digit()) && identifier(text) && names::mentions(text);
    if text.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return named();
    }
    let call = text.find('(').is_some_and(|open| {
        (text.ends_with([')', ';']) || !text.contains(')'))
            && text.get(..open).is_some_and(|name| {
                !name.is_empty()
                    && name.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '.' | ':' | '>' | '-'))
            })
    });
    let element = text.split_once('[').is_some_and(|(name, at)| {
        identifier(name)
            && at.strip_suffix(']').is_some_and(|at| at.len() < 4 && at.bytes().all(|byte| byte.is_ascii_digit()))
    });
    let marks = |pair: &[u8]| matches!(pair, b"[:" | b"['" | b"[\"" | b"::" | b"->" | b"?.");
    let index = element || text.as_bytes().windows(2).any(marks);
    let member =
        text.split_once('.').is_some_and(|_| text.split('.').all(identifier) && text.split('.').any(names::mentions));
    call || index || member || named()
}

fn identifier(text: &str) -> bool {
    text.chars().next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}
