//! Names and the values given to them, in the syntaxes of data, configuration, programs and prose.
use super::gate::Gate;
use super::marks::infix;
use super::names::{self, Named, Read, WordLists};
use super::providers::key_at;
use super::value::{self, Bytes, Hold};
use super::{Finds, Kind};
use crate::kernel::redact::effort::Work;
use crate::kernel::redact::letters;
use std::ops::Range;
use std::sync::LazyLock;

/// How far a name reaches back from its literal, how far a value is looked for, how long one may be: bytes.
const NAME: usize = 64;
const REACH: usize = 160;
const VALUE: usize = 4096;

/// What was read already, so that nothing is read twice.
#[derive(Default)]
pub(super) struct Progress {
    /// The end of the last name.
    name: usize,
    /// The rows of the last table, and how many of its columns were read.
    table: Range<usize>,
    columns: usize,
    /// The last line that was read for columns.
    line: Option<Line>,
    /// The last line with marks between cells, and whether it may name columns.
    head: Option<(Range<usize>, bool)>,
    /// The rows of the last table in which a name was held against its column in vain, and such columns.
    barren: (Range<usize>, Vec<(usize, Named)>),
    /// The end of the last rows under a rule.
    ruled: usize,
    /// The end of the last value found.
    value: usize,
    /// The end of the last long run in prose, which what it begins with was asked about.
    run: usize,
    /// Where the last name stands, and its words.
    read: (Range<usize>, Read),
    /// From where on a long word was looked for, and where it stands.
    long: (usize, Range<usize>),
    /// A stretch in which no word begins that is a key in prose, and whether that holds for a sure one.
    keyless: (usize, usize, bool),
    /// Words of prose that were asked about: where each begins and ends, whether for a sure key, and whether it is one.
    asked: Vec<(usize, usize, bool, bool)>,
}

/// How long a value is inside which no other names are looked for, though it is none.
const LONG_RUN: usize = 128;

/// How far above a sealed value its block is named: its values are long.
const SEALED: usize = 4096;

/// How many bytes of a value count for what it costs to judge it; those behind cost little.
const COSTLY: usize = 48;
/// How many words of prose are kept.
const ASKED: usize = 64;
/// The shortest key in prose, in bytes.
const LONG: usize = 16;

/// How long a run is that is not read again for every name inside it, in bytes.
const RUN: usize = 64;

/// Says what the value from `start` to `end` is, if it is what its name promises.
pub(super) fn judge(finds: &mut Finds<'_>, named: Named, start: usize, end: usize, hold: Hold, score: u8) -> bool {
    let value = finds.bytes.range(start, end);
    finds.effort.take(Work::Value, value.len().min(COSTLY) + 1);
    if value::ciphertext(value, named == Named::Password) || is_sealed(finds, start, value) {
        return true;
    }
    let kind = match named {
        // A key under the name of a password is a key.
        Named::Password if value.len() >= 16 && key_at(finds.bytes, start).is_some_and(|(to, _)| to == end) => {
            return true;
        }
        Named::Password | Named::Key { .. } if is_armour(value) => Some(Kind::PrivateKey),
        Named::Password if value.contains(&b'~') && infix(finds.bytes, start) == Some(end) => Some(Kind::ApiKey),
        Named::Password => value::password(value, hold).then_some(Kind::Password),
        Named::Key { sure } => {
            let sure = sure && hold != Hold::Prose;
            value::opaque(value, sure).then_some(Kind::ApiKey)
        }
        Named::Login => is_login(value).then_some(Kind::Password),
        Named::Private => {
            (value.len() >= 32 && value::opaque(value, false) && !value.contains(&b' ')).then_some(Kind::PrivateKey)
        }
    };
    if let Some(kind) = kind {
        finds.add(start, end, kind, score);
    }
    kind.is_some()
}

static ENCRYPTED: LazyLock<memchr::memmem::FinderRev<'static>> =
    LazyLock::new(|| memchr::memmem::FinderRev::new(b"encryptedData"));

/// Whether a value is one of a secret of Kubernetes that only its cluster can open: `encryptedData:` is above it.
#[inline(never)]
fn is_sealed(finds: &Finds<'_>, start: usize, value: &[u8]) -> bool {
    // The length of the session key comes first, which is 512.
    if !value.starts_with(b"Ag") || value.len() < 24 {
        return false;
    }
    let named = || {
        let back = finds.bytes.range(start.saturating_sub(SEALED), start);
        ENCRYPTED.rfind(back).is_some()
    };
    is_drawn(value) && (value.len() >= 512 && matches!(value, [_, _, b'A'..=b'D', ..]) || named())
}

/// Whether a value is long and may be Base64.
pub(super) fn is_drawn(value: &[u8]) -> bool {
    let drawn = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=');
    value.len() >= 24 && value.iter().all(drawn)
}

/// Whether Base64 stands for the armour of a private key.
fn is_armour(value: &[u8]) -> bool {
    // That of `-----BEGIN `.
    const BEGIN: &[u8] = b"LS0tLS1CRUdJTi";
    let head = value.get(..value.len().min(80)).unwrap_or_default();
    value.len() >= 80 && value.starts_with(BEGIN) && {
        let (plain, length) = super::marks::decoded(head);
        memchr::memmem::find(plain.get(..length).unwrap_or_default(), b"PRIVATE KEY").is_some()
    }
}

/// Those of ASCII that a name may have.
const INSIDE: [bool; 256] = of_bytes!(at => at.is_ascii_alphanumeric() || matches!(at, b'_' | b'-' | b'.'), else false);

fn inside(c: char) -> bool {
    match u8::try_from(c) {
        Ok(byte @ 0..0x80) => INSIDE.get(usize::from(byte)).is_some_and(|inside| *inside),
        _ => letters::is_word(c),
    }
}

/// The name around the literal from `start` to `end`, then its value.
pub(super) fn name(finds: &mut Finds<'_>, start: usize, end: usize, progress: &mut Progress) {
    if start < progress.name {
        return;
    }
    let floor = finds.text.floor_char_boundary(start.saturating_sub(NAME).max(progress.name));
    let mut before: usize = finds.str(floor, start).chars().rev().take_while(|c| inside(*c)).map(char::len_utf8).sum();
    let ceiling = finds.text.floor_char_boundary((end + NAME).min(finds.text.len()));
    let mut after: usize = finds.str(end, ceiling).chars().take_while(|c| inside(*c)).map(char::len_utf8).sum();
    if memchr::memchr2(b'-', b'.', finds.bytes.range(start - before, end + after)).is_some() {
        // Two dashes part names: `KEY-----BEGIN`, `x--token`.
        let two = |pair: &[u8]| pair == b"--";
        let dashes = finds.bytes.range(start - before, start).windows(2).rposition(two);
        before = dashes.map_or(before, |dashes| before - dashes - 2);
        after = finds.bytes.range(end, end + after).windows(2).position(two).unwrap_or(after);
        // `Password........…`: dots lead on to the value.
        let leads = |four: &[u8]| four == b"....";
        after = finds.bytes.range(end, end + after).windows(4).position(leads).unwrap_or(after);
    }
    let word = finds.str(start - before, end + after);
    progress.name = end + after;
    let lead = word.len() - word.trim_start_matches(['-', '.', '_']).len();
    let name = word.trim_matches(['-', '.', '_']);
    if name.is_empty() {
        return;
    }
    let (from, to) = (start - before + lead, start - before + lead + name.len());
    // `/etc/passwd`, `$(pwd)`
    let path = finds.bytes.before(from) == b'/' && finds.bytes.before(from - 1).is_ascii_alphanumeric();
    if path || finds.bytes.before(from) == b'(' && name == "pwd" {
        return;
    }
    // In the query of an address a key is one of an interface.
    let query = name == "key" && matches!(finds.bytes.before(from), b'?' | b'&') && finds.bytes.at(to) == b'=';
    finds.effort.take(Work::Name, 1);
    let promised = if query { Some((Named::Key { sure: false }, to)) } else { promise(finds, from, to, progress) };
    let Some((named, to)) = promised else { return };
    // `parola d'ordine`, `senha de acesso`: what it is for belongs to the name.
    const FOR: &[&str] = &[
        " d'ordine",
        " πρόσβασης",
        " di accesso",
        " d'accesso",
        " de acceso",
        " de acesso",
        " d'accès",
        " dostępu",
        " доступа",
        " saya",
    ];
    let begins = finds.bytes.at(to) == b' ' && matches!(finds.bytes.at(to + 1), b'd' | b's' | 0x80..);
    let reach = if begins { 24 } else { 0 };
    let rest = finds.str(to, finds.text.floor_char_boundary((to + reach).min(finds.text.len())));
    let to = to + FOR.iter().find(|words| rest.starts_with(**words)).map_or(0, |words| words.len());
    // `--token …`: an option of a command takes a token that lets it in.
    let option = name == "token" && finds.str(from.saturating_sub(2), from) == "--";
    let named = if option && named == (Named::Key { sure: false }) { Named::Key { sure: true } } else { named };
    progress.name = progress.name.max(to);
    value_of(finds, named, from, to, progress);
}

/// The literal from `start` to `end` is the whole name.
pub(super) fn part(finds: &mut Finds<'_>, start: usize, end: usize, progress: &mut Progress) {
    if start < progress.name {
        return;
    }
    progress.name = end;
    if let Some(named) = names::named(finds.str(start, end)) {
        value_of(finds, named, start, end, progress);
    }
}

/// Words of sentences and logs before `token=…` that are no part of the name.
const SAID: &[&str] = &["output", "input", "invalid", "expired", "check", "verify", "validate", "with", "used", "run"];

/// Words before `pass` with which it is the name of something.
const PASS_OF: &[&str] = &["user", "db", "root", "admin", "wifi", "login", "smtp", "ftp", "my", "the"];

/// What words of a phrase have.
fn in_phrase(c: char) -> bool {
    inside(c) || matches!(c, '\'' | '’')
}

/// Where the word begins that stands before the space at the end of `text`.
fn word_before(text: &str) -> Option<usize> {
    let rest = text.strip_suffix(' ')?;
    let word: usize = rest.chars().rev().take_while(|c| in_phrase(*c)).map(char::len_utf8).sum();
    (word > 0).then_some(rest.len() - word)
}

/// What the name promises together with the words beside it, and where it ends with them.
fn promise(finds: &Finds<'_>, from: usize, to: usize, progress: &mut Progress) -> Option<(Named, usize)> {
    let name = finds.str(from, to);
    let read = Read::of(name);
    let known = std::mem::replace(&mut progress.read, (from..to, read));
    let alone = names::named_of(name, &[&read]);
    let floor = finds.text.floor_char_boundary(from.saturating_sub(40));
    let before = finds.str(floor, from);
    let one = word_before(before);
    let phrase = one.map(|at| finds.str(floor + at, to));
    let word = || {
        let (start, end) = (floor + one.unwrap_or(0), from - 1);
        let marks = |from: usize, to: usize| finds.str(from, to).bytes().all(|byte| matches!(byte, b'-' | b'.'));
        let same =
            start <= known.0.start && known.0.end <= end && marks(start, known.0.start) && marks(known.0.end, end);
        if same { known.1 } else { Read::of(finds.str(start, end)) }
    };
    if name.eq_ignore_ascii_case("passe") || name.eq_ignore_ascii_case("sandi") {
        let two = one.and_then(|at| word_before(before.get(..at)?)).map(|at| finds.str(floor + at, to));
        return two.or(phrase).and_then(names::named).map(|named| (named, to));
    }
    let credentials = || {
        let before = before.to_ascii_lowercase();
        matches!(finds.bytes.at(to), b':' | b'=' | b' ')
            && ["user", "login", "usuario"].iter().any(|word| before.contains(word))
    };
    if name.eq_ignore_ascii_case("clave") && alone.is_none() && credentials() {
        return Some((Named::Password, to));
    }
    let begins = |phrase: &str| {
        let begins = |word: &&str| phrase.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word));
        PASS_OF.iter().any(begins)
    };
    if name.eq_ignore_ascii_case("pass") && phrase.is_some_and(|phrase| !begins(phrase)) && !credentials() {
        return None;
    }
    if alone.is_some() {
        // `page token`, `forgot password`: the word before takes the promise back; others leave it.
        return match phrase.filter(|phrase| !phrase.contains('-') || name.contains('-')) {
            Some(phrase) => {
                let said = phrase.split(' ').next().unwrap_or("");
                // `WITH ENCRYPTED PASSWORD '…'` of SQL gives the password that is to be encrypted.
                let apart = finds.bytes.at(to) == b'=' && SAID.iter().any(|word| said.eq_ignore_ascii_case(word))
                    || said.eq_ignore_ascii_case("encrypted");
                // `export RAILWAY_TOKEN=…`: a word before is no part of a variable, which is sure by itself.
                let named = || {
                    let named = names::named_of(phrase, &[&word(), &read]);
                    named.map(|named| if matches!(named, Named::Key { .. }) { alone.unwrap_or(named) } else { named })
                };
                if apart { alone } else { named() }.map(|named| (named, to))
            }
            None => alone.map(|named| (named, to)),
        };
    }
    let stem = names::stem(name);
    if !stem && !name.contains(['-', '_']) {
        return None;
    }
    // `API key`, `clave de API`, `ключ API`.
    if let (Some(at), Some(phrase)) = (one, phrase) {
        let word = word();
        if let Some(named) = names::named_of(phrase, &[&word, &read]) {
            return Some((named, to));
        }
        let front = before.get(..at).unwrap_or("");
        if let Some(start) = word_before(front) {
            let first = Read::of(front.get(start..front.len() - 1).unwrap_or(""));
            if let Some(named) = names::named_of(finds.str(floor + start, to), &[&first, &word, &read]) {
                return Some((named, to));
            }
        }
    }
    if !stem {
        return None;
    }
    let ceiling = finds.text.floor_char_boundary((to + 32).min(finds.text.len()));
    let after = finds.str(to, ceiling);
    let mut end = 0;
    // `cache key user`: what stands before takes it back.
    let first = phrase.map_or(from, |phrase| to - phrase.len());
    let mut words = [read; 3];
    for count in 1..3 {
        let rest = after.get(end..)?.strip_prefix(' ')?;
        let word: usize = rest.chars().take_while(|c| in_phrase(*c)).map(char::len_utf8).sum();
        if let Some(slot) = words.get_mut(count) {
            *slot = Read::of(rest.get(..word).unwrap_or(""));
        }
        end += 1 + word;
        let [name, one, two] = &words;
        let words = if count == 1 { &[name, one][..] } else { &[name, one, two] };
        let whole = names::named_of(finds.str(from, to + end), words).filter(|_| word > 0);
        if let Some(named) = whole {
            return if names::denied(finds.str(first, from)) { None } else { Some((named, to + end)) };
        }
    }
    None
}

/// Words between a name and its value.
#[rustfmt::skip]
const COPULAS: &[&str] = &[
    "is", "was", "are", "be", "being", "=", ":", "-", "–", "—", "->", "=>", "→", "ist", "lautet", "war", "est", "es",
    "era", "sera", "è", "é", "foi", "fue", "to", "jest", "brzmi", "är", "er", "on", "je", "este", "equals", "adalah",
    "là", "это", "dir", "van", "zijn", "είναι", "ist:", "is:", "est:", "es:", "é:", "è:", "to:", "är:", "er:", "on:",
    "je:", "set", "е", "я", "sunt", "são", "isa", "คือ", "yra", "ir",
    "este", "je:", "jsou", "ialah", "ialah:", "ni", "হলো", "হল", "হচ্ছে", "है", "हैं", "आहे", "छ", "ہے", "است", "هست", "هو", "هي", "هي:", "هو:",
    "היא", "הוא", "היא:", "is:", "eshte", "është", "yra:", "är:", "е:", "é:", "эта", "је", "ngu", "yw", "آهي",
];

/// Words that may stand between a copula or name and the value.
#[rustfmt::skip]
const FILLERS: &[&str] = &[
    "now", "to", "set", "still", "currently", "actually", "just", "simply", "as", "follows", "called", "following",
    "value", "le", "la", "el", "il", "o", "you", "need", "for", "the", "on", "of", "your", "our", "this", "new",
    "login", "account", "box", "host", "server", "db", "database", "below:", "here:", "he", "she", "i", "we", "gave",
    "me", "us", "used", "use", "has", "been", "wifi", "admin", "root", "user", "temporary", "works", "today", "saya", "anda", "mi",
    "mia", "mio", "moje", "mojego", "mijn",
    "temporanea", "temporaneo", "provvisoria", "iniziale", "attuale", "nuova", "temporal", "provisional", "inicial",
    "actual", "nueva", "temporaire", "provisoire", "initial", "initiale", "actuel", "nouveau", "temporária",
    "provisória", "nova", "neu", "neues", "aktuell", "vorläufig", "tijdelijk", "nieuw", "tymczasowe", "nowe",
    "midlertidig", "tillfälligt", "πρόσβασης", "tạm", "thời", "mới", "cũ", "sementara", "baru",
];

/// Words behind a name that belong to it, before what separates it from its value: what it is like and whose it is, in
/// languages that put these there: `parola temporară:`, `heslo uživatele:`.
#[rustfmt::skip]
const QUALIFIERS: &[&str] = &[
    "temporară", "temporara", "provizorie", "nouă", "noua", "actuală", "curentă", "inițială", "initiala", "generată", "veche",
    "contului", "dvs", "dvs.", "dumneavoastră", "dumneavoastra", "ta", "mea", "utilizatorului", "účtu", "uctu", "uživatele",
    "používateľa", "správce", "správcu", "dočasné", "nové", "pacienta", "klienta", "пользователя", "администратора", "учетной",
    "учётной", "записи", "доступа", "временный", "новый", "ваш", "аккаунта", "почты", "системы", "сервера", "базы", "данных",
    "клиента", "користувача", "адміністратора", "облікового", "запису", "тимчасовий", "новий", "доступу", "пошти", "акаунта",
    "акаунту", "временна", "нова", "потребителя", "потребител", "достъп", "корисника", "привремена", "налога", "korisnika",
    "privremena", "nova", "računa", "naloga", "uporabnika", "začasno", "novo", "tymczasowe", "nowe", "konta", "użytkownika",
    "administratora", "startowe", "jednorazowe", "λογαριασμού", "χρήστη", "προσωρινός", "νέος", "σας", "σου", "المؤقتة",
    "الجديدة", "الحالية", "الخاصة", "بك", "الافتراضية", "المؤقت", "الجديد", "للحساب", "الحساب", "זמנית", "חדשה", "שלך", "שלי",
    "של", "החשבון", "חשבון", "נוכחית", "ראשונית", "שלכם", "شما", "جدید", "موقت", "فعلی", "حساب", "کاربری", "من", "نیا",
    "sementara", "baru", "baharu", "anda", "awak", "saya", "akun", "akaun", "lama", "pengguna", "asal", "kamu", "tạm", "thời",
    "mới", "của", "bạn", "cũ", "hiện", "tại", "tài", "khoản", "đăng", "nhập", "ban", "đầu", "lako", "yako", "langu", "la",
    "muda", "mpya", "jipya", "i", "përkohshëm", "ri", "juaj", "dros", "dro", "newydd", "sealadach", "nua", "temporal",
    "provisional", "nueva", "actual", "inicial", "usuario", "temporaire", "provisoire", "initial", "actuel", "nouveau",
    "utilisateur", "administrateur", "temporária", "provisória", "atual", "usuário", "utilizador", "temporanea", "provvisoria",
    "iniziale", "attuale", "nuova", "utente", "temporània", "provisòria", "berria", "behin-behinekoa",
];

/// Words that say what a name is for.
#[rustfmt::skip]
const PREPOSITIONS: &[&str] = &[
    "for", "of", "on", "to", "in", "at", "im", "am", "vom", "beim", "bei", "fürs", "ins", "unseres", "dans", "chez", "au", "aux", "en",
    "em", "no", "nel", "nella", "sul", "sulla", "bij", "op", "på", "hos", "we", "ve", "u", "de", "du", "da", "do", "für", "fuer", "pour", "para", "del", "d'accès", "d’accès",
    "voor", "för", "dla", "di", "per", "zum", "zu", "til", "d'api", "zur", "vom", "von", "till", "della", "dello", "dei", "al",
    "alla", "van", "vir", "pentru", "k", "ke", "od", "na", "pro", "pre", "z", "za", "за", "з", "із", "від", "до", "для", "от", "к",
    "на", "у", "в", "од", "για", "του", "της", "στο", "untuk", "bagi", "kwa", "cho", "për", "prie", "nuo", "av", "عن", "עבור", "برای",
    "کا", "का", "के", "لحساب",
];

/// The longest of them, in bytes.
const PREPOSITION_MAX: usize = 14;

/// Words after which a long run is no secret of the name.
#[rustfmt::skip]
const ELSEWHERES: &[&str] = &[
    "commit", "sha", "sha1", "sha256", "md5", "hash", "digest", "checksum", "etag", "id", "uuid", "guid", "trace",
    "request", "req", "revision", "build", "ref", "version", "fingerprint", "cursor", "path", "file", "url",
    "session", "order", "ticket", "image", "tag", "index", "invoice",
];

/// Words for what happened to a name.
const PARTICIPLES: &[&str] =
    &["changed", "updated", "set", "reset", "rotated", "renewed", "generated", "created", "issued", "assigned"];

/// The bits of these lists.
const COPULA: u16 = 1;
const FILLER: u16 = 2;
const PREPOSITION: u16 = 4;
const ELSEWHERE: u16 = 8;
const PARTICIPLE: u16 = 16;
/// One of [`IS`], [`AS`] and [`BEFORE`].
const BEHIND: u16 = 32;
const QUALIFIER: u16 = 64;

static PROSE: LazyLock<WordLists> = LazyLock::new(|| {
    WordLists::new(&[
        (COPULAS, COPULA),
        (FILLERS, FILLER),
        (QUALIFIERS, FILLER | QUALIFIER),
        (PREPOSITIONS, PREPOSITION),
        (ELSEWHERES, ELSEWHERE),
        (PARTICIPLES, PARTICIPLE),
        (IS, BEHIND),
        (AS, BEHIND),
        (BEFORE, BEHIND),
    ])
});

/// Where a name's value stands, and how it is held.
struct Place {
    value: Range<usize>,
    hold: Hold,
}

fn value_of(finds: &mut Finds<'_>, named: Named, from: usize, to: usize, progress: &mut Progress) {
    // `[PASSWORD]` is what a value was replaced with, not the name of the next one.
    let capitals = finds.str(from, to).bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_');
    if capitals && finds.str(from.saturating_sub(1), from) == "[" && finds.bytes.at(to) == b']' {
        return;
    }
    // `pass` is a verb too: only what is set to something is a password.
    let verb = to - from >= 4
        && finds.bytes.has_any_case(to - 4, "pass")
        && (to - from == 4 || matches!(finds.bytes.before(to - 4), b'.' | b'-' | b' '));
    // `process.env.API_KEY |`, `env:PASSWORD |`: a cell that refers to a value elsewhere is not the name of the next.
    let next = finds.bytes.range(to, to + 4).trim_ascii_start().first();
    if matches!(next, Some(b'|' | b','))
        && !finds.bytes.has(to, " || ")
        && (matches!(finds.bytes.before(from), b':' | b'#' | b'/' | b'$') || finds.str(from, to).contains("env."))
    {
        return;
    }
    // `${{ secrets.API_KEY }}`, `%DB_PASS%`: a value that stands elsewhere, not the name of what comes next.
    if template(finds, from, to) {
        return;
    }
    // `arn:aws:secretsmanager:…:secret:prod/db-AbCdEf` is where a secret is kept.
    let front = finds.text.floor_char_boundary(from.saturating_sub(NAME));
    if finds.bytes.before(from) == b':' && finds.str(front, from).contains(":secretsmanager:") {
        return;
    }
    if configured(finds, from, to) || valued(finds, named, from, to) {
        return;
    }
    let element = element(finds, from);
    let kind_of = is_kind(finds, from);
    let set = || {
        let mark = finds.bytes.from(to).iter().find(|byte| !matches!(byte, b' ' | b'"' | b'\'' | b'*' | b']'));
        finds.bytes.has(to, "....")
            || finds.bytes.has(to, "  ") && ends_with_word(finds, finds.bytes.past_space(to, 64), 8)
            || matches!(mark, Some(b':' | b'=' | b'>' | b'|' | b'<'))
    };
    let place = if verb && !set() {
        None
    } else if element {
        by_element(finds, to)
    } else if kind_of {
        let quotes = past_quotes(finds, to).0;
        paired(finds, quotes).or_else(|| by_element(finds, quotes).filter(|_| quotes > to))
    } else {
        by_syntax(finds, from, to)
    };
    let directory = place.as_ref().filter(|place| is_directory(finds, from, to, &place.value));
    if let Some(directory) = directory.filter(|directory| directory.value.len() > LONG_RUN) {
        progress.name = progress.name.max(directory.value.end);
    }
    let place = if directory.is_some() { None } else { place };
    let found = place.is_some();
    if let Some(Place { value, hold }) = place {
        let hold = if hold == Hold::Separated && beside_login(finds, from, to) { Hold::Whole } else { hold };
        if judge(finds, named, value.start, value.end, hold, 80) {
            progress.value = value.end;
            progress.name = progress.name.max(value.end);
            return;
        }
        // A long run that is no value is not read again for the names inside it.
        if value.len() > LONG_RUN {
            progress.name = progress.name.max(value.end);
        }
        if hold == Hold::Whole && !matches!(finds.bytes.at(to), b'|' | b' ' | b',') {
            return;
        }
        // What stands in for a value in quotes is the value: what follows it belongs to other names.
        let quoted = matches!(finds.bytes.before(value.start), b'"' | b'\'');
        if quoted && value::placeholder(finds.bytes.range(value.start, value.end)) {
            return;
        }
    }
    // What an element holds ends with it, and what is the kind of something is the name of nothing.
    if element && found || kind_of {
        return;
    }
    finds.effort.take(Work::Sentence, 1);
    let tabled = answered(finds, named, to)
        || column(finds, named, from, to, progress)
        || ruled(finds, named, from, to, progress)
        || inserted(finds, named, from, to)
        || headed(finds, named, from, to);
    if tabled || verb || titled(finds, named, from, to) {
        return;
    }
    by_prose(finds, named, to, progress);
    from_behind(finds, named, from, to, progress);
}

/// Whether a login with its value stands right before the name: `login: ann / pass: …`.
fn beside_login(finds: &Finds<'_>, from: usize, to: usize) -> bool {
    let line = finds.str(finds.text.floor_char_boundary(from.saturating_sub(64)), from);
    let line = line.rsplit('\n').next().unwrap_or("").trim_end();
    let Some(line) = line.strip_suffix(['/', ';', '|']) else { return false };
    let Some((front, user)) = line.rsplit_once([':', '=']) else { return false };
    let user = user.trim();
    let word = front.trim_end().rsplit(|c: char| !c.is_alphanumeric()).next().unwrap_or("");
    let login = ["user", "login", "username", "usr", "usuario", "utente", "benutzer", "uid", "account", "logon"];
    matches!(finds.bytes.at(to), b':' | b'=')
        && !user.is_empty()
        && !user.contains(' ')
        && login.iter().any(|known| word.eq_ignore_ascii_case(known))
}

/// Whether the value is where a shell works: `PWD=/home/ann`, `OLDPWD=/`.
fn is_directory(finds: &Finds<'_>, from: usize, to: usize, value: &Range<usize>) -> bool {
    let name = finds.str(from, to);
    let value = finds.str(value.start, value.end);
    let path =
        value.starts_with('/') || matches!(value, "~") || value.starts_with("~/") || value.get(1..3) == Some(":\\");
    // In the address of a database it is a password: `UID=app;PWD=…`.
    matches!(name, "PWD" | "OLDPWD") && path && finds.bytes.before(from) != b';'
}

/// Whether the name stands in a template, an expression or a variable: `{{ vault.token }}`, `$(token)`, `%TOKEN%`.
fn template(finds: &Finds<'_>, from: usize, to: usize) -> bool {
    let text = finds.bytes;
    let blank = text.from(to).iter().take(8).take_while(|byte| matches!(byte, b' ' | b')')).count();
    let closed = text.at(to + blank);
    // `{{ .Values.password | b64enc | quote }}`: it goes through others before it is printed.
    if closed == b'|' && text.at(to + blank + 1) != b'|' && in_template(finds, from) {
        return true;
    }
    if !matches!(closed, b'}' | b'%') && text.at(to) != b')' {
        return false;
    }
    let back = text.range(from.saturating_sub(48), from);
    let inner = |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(**byte, b'.' | b'_' | b'-' | b' ' | b'(' | b'$');
    let open = back.len() - back.iter().rev().take_while(inner).count();
    let back = back.get(..open).unwrap_or_default();
    match closed {
        b'}' => [b"{{", b"${", b"#{", b"%{", b"@{"].iter().any(|mark| back.ends_with(*mark)),
        b'%' => back.ends_with(b"%") || back.ends_with(b"<%="),
        _ => text.range(from.saturating_sub(2), from) == b"$(",
    }
}

/// Whether a template was opened in the line before `from` and not closed.
fn in_template(finds: &Finds<'_>, from: usize) -> bool {
    let back = finds.bytes.range(from.saturating_sub(160), from);
    let back = back.get(memchr::memrchr(b'\n', back).map_or(0, |end| end + 1)..).unwrap_or_default();
    let opens = |second: &usize| {
        let pair = second.checked_sub(1).and_then(|first| back.get(first..=*second));
        matches!(pair, Some([b'{' | b'$' | b'#' | b'@', b'{'] | [b'{' | b'<', b'%'] | [b'[', b'[']))
    };
    let Some(opened) = memchr::memrchr3_iter(b'{', b'%', b'[', back).find(opens) else { return false };
    let behind = back.get(opened..).unwrap_or_default();
    let closes = |at: usize| matches!(behind.get(at..), Some([b'}', ..] | [b'%', b'>', ..] | [b']', b']', ..]));
    !memchr::memchr3_iter(b'}', b'%', b']', behind).any(closes)
}

/// Whether the name is what kind of thing something is: `token_type: access_token`, `<tokenType>access_token<`.
fn is_kind(finds: &Finds<'_>, from: usize) -> bool {
    let gap = |byte: &&u8| matches!(**byte, b' ' | b'"' | b'\'' | b'\\' | b':' | b'=' | b'>');
    let near = finds.bytes.range(from.saturating_sub(8), from);
    let word = near.len() - near.iter().rev().take_while(gap).count();
    // Most names are told by the one letter.
    if word == near.len() || !matches!(near.get(word.wrapping_sub(1)), None | Some(b'e' | b'E' | b'd' | b'D')) {
        return false;
    }
    let back = finds.str(finds.text.floor_char_boundary(from.saturating_sub(40)), from);
    let label = back.trim_end_matches([' ', '"', '\'', '\\', ':', '=', '>']);
    let word = label.rsplit(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or("");
    let ends = |kind: &str| {
        word.len() >= kind.len()
            && word.get(word.len() - kind.len()..).is_some_and(|end| end.eq_ignore_ascii_case(kind))
    };
    let set = back.get(label.len()..).is_some_and(|gap| gap.contains([':', '=', '>']));
    // `token_type access_token` in a log; `type password` asks for one.
    let joined = label.get(..label.len() - word.len()).is_some_and(|rest| rest.ends_with(['_', '-'])) || word.len() > 4;
    (ends("type") || ends("kind")) && (set || joined && label.len() < back.len())
}

/// Whether the name is that of an element: `<password`, `<m:AdminPwd`.
fn element(finds: &Finds<'_>, from: usize) -> bool {
    let text = finds.bytes;
    if text.before(from) == b':' {
        let prefix =
            text.range(from.saturating_sub(24), from - 1).iter().rev().take_while(|byte| byte.is_ascii_alphanumeric());
        return text.before(from - 1 - prefix.count()) == b'<';
    }
    text.before(from) == b'<'
}

/// What stands before a value that is an attribute.
const ATTRIBUTE: &[u8] = b" value=";

/// The value that begins at `at`, if it is in quotes.
fn in_quotes(finds: &Finds<'_>, at: usize) -> Option<Place> {
    let value = inside_quotes(finds, at)?;
    Some(Place { value, hold: Hold::Whole })
}

/// As [`in_quotes`], where it stands.
fn inside_quotes(finds: &Finds<'_>, at: usize) -> Option<Range<usize>> {
    match quotation(finds, at)? {
        Quotation::Inside(value) => Some(value),
        Quotation::Bare => None,
    }
}

/// What the element whose name ends at `to` holds: `<password>…</password>`, `<password type="text">…`,
/// `<password value="…"/>`.
fn by_element(finds: &Finds<'_>, to: usize) -> Option<Place> {
    let text = finds.bytes;
    let open = to + text.from(to).iter().take(160).position(|byte| matches!(byte, b'>' | b'<' | b'\n'))?;
    let attributes = text.range(to, open);
    if let Some(value) = memchr::memmem::find(attributes, ATTRIBUTE)
        && text.at(open) != b'<'
    {
        return in_quotes(finds, to + value + ATTRIBUTE.len());
    }
    (text.at(open) == b'>' && text.before(open) != b'/').then(|| tagged(finds, open + 1)).flatten()
}

/// Where the quotes and brackets behind a name end, and whether there are quotes.
fn past_quotes(finds: &Finds<'_>, to: usize) -> (usize, bool) {
    let text = finds.bytes;
    let (mut at, mut quoted) = (to, false);
    while matches!(text.at(at), b'"' | b'\'' | b'`' | b'\\' | b']' | b')' | b'*' | b'}') && at < to + 6 {
        quoted |= matches!(text.at(at), b'"' | b'\'' | b'`');
        at += 1;
    }
    (at, quoted)
}

/// Whether only marks of lists, quotes and declarations stand between the start of the line and `from`.
fn begins_line(finds: &Finds<'_>, from: usize) -> bool {
    let floor = finds.text.floor_char_boundary(from.saturating_sub(48));
    let before = finds.str(floor, from);
    let start = memchr::memrchr2(b'\n', b'\r', before.as_bytes()).map_or(0, |end| end + 1);
    let line = before.get(start..).unwrap_or("");
    if line.len() == before.len() && floor > 0 {
        return false;
    }
    let line = line
        .trim_start_matches([
            ' ', '\t', '-', '+', '*', '>', '#', '/', '|', '"', '\'', '`', '•', '_', '.', '<', '$', ':',
        ])
        .trim_end_matches(['"', '\'', '`', '*', '-', '$']);
    matches!(
        line,
        "" | "export "
            | "set "
            | "SET "
            | "setx "
            | "ENV "
            | "ARG "
            | "env:"
            | "- "
            | "declare "
            | "readonly "
            | "local "
    )
}

/// The value where a grammar puts it: after `=`, `:`, `=>`, in quotes, between tags, as an option.
fn by_syntax(finds: &Finds<'_>, from: usize, to: usize) -> Option<Place> {
    let text = finds.bytes;
    let opened = text.before(from);
    let option = opened == b'-' || opened == b'/' && text.before(from - 1) == b' ';
    let (mut at, quoted) = past_quotes(finds, to);
    if let Some(place) = listed(finds, from, to, at) {
        return Some(place);
    }
    // `find_element("password").send_keys("…")`
    if quoted && text.at(at) == b'.' && text.before(at) == b')' {
        return typed(finds, at + 1);
    }
    if text.at(at) == b' ' && text.at(at + 1) == b'(' {
        at = behind_remark(finds, at)?;
    }
    if text.at(at) == b'>' {
        return tagged(finds, at + 1);
    }
    if let Some(place) = paired(finds, at) {
        return Some(place);
    }
    if let Some(value) = behind_format(finds, at) {
        let range = extent(finds, value, false)?;
        return Some(Place { value: range.value, hold: Hold::Separated });
    }
    let spaced = text.from(at).iter().take(64).take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    let mut after = at + spaced;
    // `password for admin: …`, `token d'accès : …`
    let mut said = None;
    if spaced == 1 && (text.at(after).is_ascii_lowercase() || text.at(after) >= 0x80) {
        said = described(finds, after).or_else(|| qualified(finds, after));
        after = said.unwrap_or(after);
    }
    let call = text.at(after) == b'(' && matches!(text.at(after + 1), b'"' | b'\'');
    let separator = separator(finds, after, quoted);
    let mut hold = Hold::Separated;
    let mut value = after;
    match separator {
        Some(length) => {
            value += length;
            value = annotated(finds, after, value);
            value += constructed(finds, value);
        }
        None if call => value += 1,
        None if text.at(after) >= 0x80
            && let Some(length) = joined(finds, after) =>
        {
            value += length;
            // `パスワードは変更済みです`: what goes on in the same script is said of it.
            let colon = finds.str(after, value).ends_with([':', '：']);
            if !colon && text.at(value) >= 0x80 && !QUOTES.iter().any(|(open, _)| text.has(value, open)) {
                return None;
            }
        }
        None if finds.str(from, to) == "rootpw" && begins_line(finds, from) && spaced > 0 => {
            value += if text.has(after, "--plaintext ") { 12 } else { 0 };
            hold = Hold::Whole;
        }
        None if text.has(to, "\t") && spaced == 1 && is_title(finds, from) => hold = Hold::Separated,
        // `Password    …`, a form set in columns; `Password; …`
        None if spaced >= 2 && is_title(finds, from) && ends_with_word(finds, after, 8) => hold = Hold::Separated,
        // `[API key] …`
        None if opened == b'['
            && spaced == 1
            && text.before(at) == b']'
            && at == to + 1
            && is_title(finds, from - 1) =>
        {
            hold = Hold::Separated;
        }
        None if text.has(at, "; ") && is_title(finds, from) && ends_with_word(finds, at + 2, 6) => value = at + 2,
        None if spaced > 0 && matches!(text.at(after), b'"' | b'\'' | b'`') => {}
        None if spaced == 1 && ["requirepass", "masterauth"].contains(&finds.str(from, to)) => hold = Hold::Whole,
        None if spaced > 0 && option && text.at(after) != b'-' => {}
        None if spaced > 0
            && begins_line(finds, from)
            && !finds.str(from.saturating_sub(4), from).is_empty()
            && finds.str(from.saturating_sub(4), from).ends_with("ENV ") => {}
        None => return None,
    }
    let gap = text.from(value).iter().take(64).take_while(|byte| matches!(byte, b' ' | b'\t' | b'*')).count();
    // Two stars are bold; more are what a value was covered with.
    let stars = text.from(value).iter().take(gap).filter(|byte| **byte == b'*').count();
    if stars > 3 || stars == 3 && matches!(text.at(value + gap), b'-' | 0x80..) {
        return None;
    }
    let spaces = gap > 0;
    value += gap;
    // `<b>Password:</b> …`
    if separator.is_some() && text.has(value, "</") {
        let place = behind_tags(finds, value)?;
        let range = extent(finds, place, false)?;
        return Some(Place { value: range.value, hold });
    }
    if matches!(text.at(value), b'\n' | b'\r' | b'|' | b'>') && separator.is_some() {
        value = below(finds, from, value)?;
    }
    if separator.is_some() && matches!(text.at(value), b'&' | b'!') {
        value = declared(finds, value);
    }
    if separator.is_some()
        && let Some(value) = bracketed(finds, value)
    {
        return Some(Place { value, hold: Hold::Separated });
    }
    if separator.is_some()
        && let Some(value) = formatted(finds, value)
    {
        return Some(Place { value, hold: Hold::Whole });
    }
    let line = begins_line(finds, from) && separator.is_some();
    let range = extent(finds, value, line)?;
    // `heslo k účtu vyprší: 12.11.2025`: what is told with more words may be when something happens.
    let day = said.is_some() && value::is_day(finds.str(range.value.start, range.value.end));
    if day || call && separator.is_none() && tells_whose(finds, &range.value) {
        return None;
    }
    if line
        && !range.whole
        && value::contains(text.range(from, to), "phrase")
        && let Some(value) = several_words(finds, value)
    {
        return Some(Place { value, hold: Hold::Whole });
    }
    let tight = separator.is_some() && !spaces && text.at(after) == b'=';
    if range.quoted || range.whole || tight && !matches!(text.at(range.value.end), b')' | b',' | b'(' | b'.') {
        hold = Hold::Whole;
    }
    Some(Place { value: range.value, hold })
}

/// A phrase of at least three small words up to the end of the line.
fn several_words(finds: &Finds<'_>, at: usize) -> Option<Range<usize>> {
    let words = finds.str(at, finds.text.floor_char_boundary((at + 160).min(finds.bytes.len())));
    let words = words.split('\n').next().unwrap_or("").trim_end();
    let small = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b' ';
    (words.split(' ').count() >= 3 && words.bytes().all(small)).then_some(at..at + words.len())
}

/// Where a remark in brackets behind a name ends that begins at `at`: `Password (temporary): …`. Of `API key (sha256): …`
/// nothing follows but what the key was made into.
fn behind_remark(finds: &Finds<'_>, at: usize) -> Option<usize> {
    let text = finds.bytes;
    let close = text.from(at).iter().take(40).position(|byte| matches!(byte, b')' | b'\n'));
    let Some(close) = close.filter(|close| text.at(at + close) == b')') else { return Some(at) };
    let remark = finds.str(at, at + close);
    let made = ["sha", "md5", "hash", "SHA", "MD5", "bcrypt"].iter().any(|hash| remark.contains(hash));
    (!made).then_some(at + close + 1)
}

/// Whether the first of several arguments only says whose the secret is:
/// `ClientSecretCredential("tenant", "client", "secret")`.
fn tells_whose(finds: &Finds<'_>, value: &Range<usize>) -> bool {
    value::uuid(finds.bytes.range(value.start, value.end)) && finds.bytes.at(value.end + 1) == b','
}

/// How long the call at `at` is that only makes a field of its default: `password: str = Field(default="…")`.
fn constructed(finds: &Finds<'_>, at: usize) -> usize {
    const FIELDS: [&str; 3] = [" Field(default=", " Field(", " SecretStr("];
    FIELDS.iter().find(|call| finds.bytes.has(at, call)).map_or(0, |call| call.len())
}

/// What stands in brackets of its own at `at`: `Password: [ab12cd34]`. A placeholder is no value.
fn bracketed(finds: &Finds<'_>, at: usize) -> Option<Range<usize>> {
    let text = finds.bytes;
    if text.at(at) != b'['
        || crate::kernel::redact::taken::first(finds.str(at, finds.text.floor_char_boundary((at + 96).min(text.len()))))
            == Some(0)
    {
        return None;
    }
    let length = text.from(at + 1).iter().take(64).position(|byte| *byte == b']')?;
    let inner = text.range(at + 1, at + 1 + length);
    let plain =
        inner.iter().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b',' | b'"' | b'\'' | b'[' | b'<' | b'('));
    let ends = matches!(text.at(at + 2 + length), b'\n' | b'\r' | b' ' | b'.' | b',' | b';' | b'<' | 0);
    (plain && ends).then_some(at + 1..at + 1 + length)
}

/// What stands in an element at `at` that only formats it: `Password: <b>…</b>`.
fn formatted(finds: &Finds<'_>, at: usize) -> Option<Range<usize>> {
    let text = finds.bytes;
    if text.at(at) != b'<' {
        return None;
    }
    let open = text.from(at).iter().take(48).position(|byte| matches!(byte, b'>' | b' '))?;
    let name = finds.str(at + 1, at + open);
    if !FORMATS.contains(&name) {
        return None;
    }
    let start = at + text.from(at).iter().take(96).position(|byte| *byte == b'>')? + 1;
    let length = text.from(start).iter().take(256).position(|byte| matches!(byte, b'<' | b'\n'))?;
    text.has(start + length, "</").then_some(start..start + length)
}

/// Elements that only format a value.
const FORMATS: &[&str] =
    &["b", "i", "u", "em", "strong", "code", "tt", "kbd", "span", "samp", "mark", "var", "pre", "font"];

/// Where the value begins behind the end of an element at `at` that only formats its name: `<b>Password</b> …`.
fn behind_format(finds: &Finds<'_>, at: usize) -> Option<usize> {
    let text = finds.bytes;
    if !text.has(at, "</") {
        return None;
    }
    let close = text.from(at).iter().take(12).position(|byte| *byte == b'>')?;
    if !FORMATS.contains(&finds.str(at + 2, at + close)) {
        return None;
    }
    let next = at + close + 1;
    let gap = text.from(next).iter().take(8).take_while(|byte| matches!(byte, b' ' | b':' | b'-' | b'=')).count();
    (gap > 0 && !matches!(text.at(next + gap), b'<' | b'\n' | b'\r' | 0)).then_some(next + gap)
}

/// Whether nothing but few words stand before a name in its line: it is a title, or a field of a form.
fn is_title(finds: &Finds<'_>, from: usize) -> bool {
    let before = finds.str(finds.text.floor_char_boundary(from.saturating_sub(48)), from);
    let line = before.rsplit('\n').next().unwrap_or("");
    let words = line.trim_start_matches(|c: char| !c.is_alphanumeric());
    (line.len() < before.len() || from < 48)
        && words.len() <= 32
        && words.chars().all(|c| c.is_alphabetic() || c == ' ')
        && words.split(' ').filter(|word| !word.is_empty()).count() <= 3
}

/// Whether a line ends behind the one word at `at`, which has so many bytes at least.
fn ends_with_word(finds: &Finds<'_>, at: usize, least: usize) -> bool {
    let rest = finds.bytes.ahead(at, 256);
    let word = rest.iter().take_while(|byte| !byte.is_ascii_whitespace()).count();
    let blank = rest.iter().skip(word).take_while(|byte| matches!(byte, b' ' | b'\t' | b'|')).count();
    word >= least && matches!(finds.bytes.at(at + word + blank), b'\n' | b'\r' | 0)
}

/// Behind the tags that begin at `at`: the first closes, others may open.
fn behind_tags(finds: &Finds<'_>, at: usize) -> Option<usize> {
    let text = finds.bytes;
    let mut at = at;
    for _ in 0..4 {
        if text.at(at) == b'<' {
            at += text.from(at).iter().take(48).position(|byte| *byte == b'>')? + 1;
        }
        at = text.past_space(at, 16);
    }
    (text.at(at) != b'<').then_some(at)
}

/// What stands behind a name by the form of what it is in: `["--token", "…"]`, `- --token` over `- …`, a part of a
/// form, `cs1Label=token cs1=…`.
fn listed(finds: &Finds<'_>, from: usize, to: usize, at: usize) -> Option<Place> {
    let text = finds.bytes;
    let blank = |at: usize| text.past_space(at, 64);
    let held = |range: Extent| Place { value: range.value, hold: Hold::Whole };
    // What follows the name tells most others.
    let follows = matches!(text.at(at), b',' | b'\n' | b'\r') || text.before(from) == b'=' && text.at(to) == b' ';
    if !follows || !matches!(text.before(from), b'-' | b'"' | b'=') {
        return None;
    }
    let before = finds.str(finds.text.floor_char_boundary(from.saturating_sub(24)), from);
    if before.ends_with("--") && at > to && text.at(at) == b',' {
        return in_quotes(finds, blank(at + 1)).filter(|place| text.at(place.value.start) != b'-');
    }
    if before.ends_with("- --") && at == to && text.at(at) == b'\n' {
        let item = blank(at);
        let value = item + 2;
        let range = extent(finds, value, true).filter(|_| text.has(item, "- ") && text.at(value) != b'-')?;
        return (range.quoted || range.whole).then(|| held(range));
    }
    // `1) "password"` over `2) "…"`, as Redis answers.
    if before.ends_with(") \"")
        && text.has(at, "\n")
        && before.trim_end_matches(") \"").ends_with(|c: char| c.is_ascii_digit())
    {
        let next = blank(at);
        let digits = text.from(next).iter().take(4).take_while(|byte| byte.is_ascii_digit()).count();
        let value = next + digits + 2;
        return (digits > 0 && text.has(next + digits, ") \"")).then(|| in_quotes(finds, value)).flatten();
    }
    if before.ends_with("; name=\"") && matches!(text.at(at), b'\n' | b'\r') {
        let empty = text.range(at, at + 4);
        let gap = if empty.starts_with(b"\n\n") { 2 } else { 4 };
        return (gap == 2 || empty == b"\r\n\r\n").then(|| extent(finds, at + gap, true)).flatten().map(held);
    }
    let field = before.strip_suffix("Label=")?.rsplit([' ', '|']).next()?;
    let value = finds.str(to, (to + 16).min(text.len())).strip_prefix(' ')?.strip_prefix(field)?.strip_prefix('=')?;
    let value = to + 16.min(text.len() - to) - value.len();
    extent(finds, value, false).map(held)
}

/// What a program types into the field it found: `.send_keys("…")`, `.fill('…')`.
fn typed(finds: &Finds<'_>, at: usize) -> Option<Place> {
    const TYPES: &[&str] = &["send_keys(", "sendKeys(", "fill(", "type(", "setValue(", "set_value(", "val(", "set("];
    let call = TYPES.iter().find(|call| finds.bytes.has(at, call))?;
    in_quotes(finds, at + call.len())
}

/// How long the words at `at` are that say what a name is in scripts that do not space them: `密码是`, `パスワードは`.
fn joined(finds: &Finds<'_>, at: usize) -> Option<usize> {
    [
        "是：",
        "是:",
        "是",
        "为：",
        "为:",
        "为",
        "為",
        "は：",
        "は:",
        "は",
        "는",
        "은",
        "ชั่วคราวของคุณคือ",
        "ชั่วคราวคือ",
        "ของคุณคือ",
        "ใหม่คือ",
        "คือ",
        "ชั่วคราว:",
        "ของคุณ:",
        "ใหม่:",
        "เริ่มต้น:",
        "ปัจจุบัน:",
        "ที่ใช้:",
        "เข้าระบบ:",
        "เข้าสู่ระบบ:",
        "ชั่วคราว :",
        "ใหม่ :",
    ]
    .iter()
    .find(|word| finds.bytes.has(at, word))
    .map(|word| word.len())
}

/// A line of a router's configuration or of a file of logins: `enable secret …`, `username ann privilege 15
/// password 0 …`, `machine db1 login ann password …`.
fn configured(finds: &mut Finds<'_>, from: usize, to: usize) -> bool {
    if !matches!(finds.str(from, to), "secret" | "password" | "pass") || finds.bytes.at(to) != b' ' {
        return false;
    }
    let before = finds.str(finds.text.floor_char_boundary(from.saturating_sub(80)), from);
    let line = before.rsplit('\n').next().unwrap_or("").trim_start();
    let user = line.strip_prefix("username ").is_some_and(|rest| {
        let mut words = rest.split_ascii_whitespace();
        words.next().is_some() && matches!(words.next(), None | Some("privilege"))
    });
    let mut words = line.rsplit(' ').skip(1);
    let beside = words.next().is_some_and(|name| !name.is_empty())
        && words.next().is_some_and(|word| matches!(word, "user" | "login" | "username"));
    // In a file of logins each may have its line.
    let above = || before.rsplit('\n').nth(1).is_some_and(|line| line.trim_start().starts_with("login "));
    let under = line.is_empty() && before.contains("machine ") && above();
    let beside = beside || under;
    let hold = if user || under { Hold::Whole } else { Hold::Separated };
    if line != "enable " && !user && !beside {
        return false;
    }
    let form = finds.bytes.range(to + 1, to + 3);
    let value = to + 1 + if matches!(form, [b'0' | b'7', b' ']) { 2 } else { 0 };
    let length = finds.bytes.from(value).iter().take(256).take_while(|byte| byte.is_ascii_graphic()).count();
    let secret = length >= 4 && value::password(finds.bytes.range(value, value + length), hold);
    let line = beside || matches!(finds.bytes.at(value + length), b'\n' | b'\r' | 0);
    if secret && line {
        finds.add(value, value + length, Kind::Password, 78);
    }
    secret && line
}

/// The value stands in the line before, where a list has it first: `value: …` over `name: DB_PASSWORD`.
fn valued(finds: &mut Finds<'_>, named: Named, from: usize, to: usize) -> bool {
    if finds.bytes.before(from) != b' ' || !matches!(finds.bytes.at(to), b'\n' | b'\r' | 0) {
        return false;
    }
    let floor = finds.text.floor_char_boundary(from.saturating_sub(320));
    let before = finds.str(floor, from);
    let Some((above, line)) = before.rsplit_once('\n') else { return false };
    let is_name = matches!(line.trim_start_matches([' ', '-']), "name: " | "key: ");
    let row = above.rsplit('\n').next().unwrap_or("").trim_end();
    let next = finds.bytes.past_space(to, 64);
    if finds.bytes.has(next, "value") {
        return false;
    }
    let Some(value) = row.trim_start_matches([' ', '-']).strip_prefix("value: ").filter(|_| is_name) else {
        return false;
    };
    let quote = usize::from(value.ends_with(['"', '\'']));
    let value = value.trim_matches(['"', '\'']);
    let end = floor + above.trim_end().len() - quote;
    judge(finds, named, end - value.len(), end, Hold::Whole, 76)
}

/// The argument of a call that takes a password there, counted from none: `auth=("ann", "…")`.
pub(super) fn argument(finds: &mut Finds<'_>, end: usize, place: usize) {
    let text = finds.bytes;
    let blank = |at: usize| text.past_space(at, 64);
    let mut at = blank(end);
    for _ in 0..place {
        if let Some(argument) = inside_quotes(finds, at) {
            at = blank(argument.end + 1);
        } else {
            // A name, or a member: `user`, `cfg.user`.
            let name = |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(**byte, b'_' | b'.' | b'$');
            at = blank(at + text.from(at).iter().take(64).take_while(name).count());
        }
        if text.at(at) != b',' {
            return;
        }
        at = blank(at + 1);
    }
    if let Some(value) = inside_quotes(finds, at) {
        judge(finds, Named::Password, value.start, value.end, Hold::Whole, 78);
    }
}

/// Behind the anchor and the type that YAML writes before a value: `&anchor …`, `!!str …`.
fn declared(finds: &Finds<'_>, mut at: usize) -> usize {
    let text = finds.bytes;
    for _ in 0..2 {
        let mark = if text.has(at, "!!str ") { 5 } else { 1 };
        if mark == 1 && text.at(at) != b'&' {
            break;
        }
        let name = text.from(at + mark).iter().take(48);
        let name = name.take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')).count();
        if text.at(at + mark + name) != b' ' || name == 0 && mark == 1 {
            break;
        }
        at += mark + name + 1;
    }
    at
}

/// How long the separator at `at` is: `=`, `:`, `=>`, `:=`, `==`, ` - `, `|`, and between quotes `,`.
fn separator(finds: &Finds<'_>, at: usize, quoted: bool) -> Option<usize> {
    let text = finds.bytes;
    // `process.env.PW || "…"`, `ENV.fetch("DB_PASSWORD") { "…" }`: what is taken where there is none.
    if matches!(text.at(at), b'|' | b'?' | b'{' | b'o') {
        let before = finds.str(finds.text.floor_char_boundary(at.saturating_sub(NAME + 24)), at);
        let environment = ["env.", "environ", "ENV.fetch", "ENV[", "getenv"].iter().any(|name| before.contains(name));
        let mark = ["|| ", "?? ", "?: ", "{ ", "or "].into_iter().find(|mark| text.has(at, mark));
        if let Some(mark) = mark.filter(|mark| environment && matches!(text.at(at + mark.len()), b'"' | b'\'' | b'`')) {
            return Some(mark.len());
        }
    }
    let long = text.at(at) >= 0x80 || matches!(text.at(at + 1), b'=' | b':' | b'>' | b'|');
    if long {
        for long in ["===", "!==", "?:", ":=", "=>", "->", "==", "!=", "||=", "：", "＝", "→", "::", "?="] {
            if text.has(at, long) {
                return Some(long.len());
            }
        }
    }
    match text.at(at) {
        b'=' | b':' => Some(1),
        // `Password ........ …`
        b'.' => {
            let dots = text.from(at).iter().take(80).take_while(|byte| **byte == b'.').count();
            (dots >= 4 && !matches!(text.at(at + dots), b'\n' | b'\r' | 0)).then_some(dots)
        }
        b'|' if !quoted || text.before(at) == b'`' || text.before(at) == b' ' => Some(1),
        // `put("password", "…")`, `define('DB_PASSWORD', '…')`
        b',' if quoted && put(finds, at) => Some(1),
        b'-' if text.at(at + 1) == b' ' && text.before(at) == b' ' => Some(1),
        _ if text.has(at, "– ") || text.has(at, "— ") => Some(3),
        _ => None,
    }
}

/// Whether the quoted name that ends before the comma at `at` is the first of two arguments.
fn put(finds: &Finds<'_>, at: usize) -> bool {
    let text = finds.bytes;
    let quote = text.before(at);
    let name =
        text.range(at.saturating_sub(80), at.saturating_sub(1)).iter().rev().take_while(|byte| **byte != quote).count();
    let mut next = at + 1;
    while text.at(next) == b' ' {
        next += 1;
    }
    let closing = text.at(next);
    let front = text.range(at.saturating_sub(name + 6), at.saturating_sub(name + 2)).trim_ascii_end();
    if !matches!(closing, b'"' | b'\'') || front.last() != Some(&b'(') {
        return false;
    }
    let end =
        text.from(next + 1).iter().take(300).position(|byte| *byte == closing).map_or(0, |length| next + 2 + length);
    let end = if text.at(end) == b' ' && text.at(end + 1) == b')' { end + 1 } else { end };
    matches!(text.at(end), b')' | b',')
        && end > 0
        && !(text.at(end) == b',' && text.at(end + 1) == b' ' && matches!(text.at(end + 2), b'"' | b'\''))
}

/// `password: String = "…"`: behind a type stands the value.
fn annotated(finds: &Finds<'_>, separator: usize, value: usize) -> usize {
    let text = finds.bytes;
    if text.at(separator) != b':' || text.has(separator, ":=") {
        return value;
    }
    let kind = |byte: &&u8| {
        byte.is_ascii_alphanumeric()
            || matches!(**byte, b' ' | b'&' | b'<' | b'>' | b'[' | b']' | b'|' | b'\'' | b'?' | b'.')
    };
    let length = text.from(value).iter().take(40).take_while(kind).count();
    let stated = finds.str(value, value + length).trim();
    let types = [
        "str",
        "string",
        "String",
        "&str",
        "&'static str",
        "Optional[str]",
        "Option<String>",
        "string | undefined",
        "Text",
        "SecretStr",
        "CharSequence",
        "any",
        "String?",
    ];
    let equals = text.at(value + length) == b'=' && text.at(value + length + 1) != b'=';
    if equals && types.contains(&stated) { value + length + 1 } else { value }
}

/// Those that are joined to what follows.
const ELIDED: &[&str] = &["d'", "d’", "dell'", "dell’", "all'", "all’", "l'", "l’"];

/// `for admin:` after the name: where the colon is.
fn described(finds: &Finds<'_>, at: usize) -> Option<usize> {
    let text = finds.bytes;
    let ahead = text.ahead(at, PREPOSITION_MAX + 1);
    let ends = |byte: &u8| matches!(byte, b' ' | b':' | b'=' | b'\n' | b'.' | b',' | b'"' | b'(' | b';');
    let first = ahead.iter().position(ends).and_then(|end| ahead.get(..end))?;
    let word = finds.str(at, at + first.len());
    let elided =
        matches!(first.first(), Some(b'd' | b'a' | b'l')) && ELIDED.iter().any(|elided| word.starts_with(elided));
    if !elided && PROSE.of(word) & PREPOSITION == 0 {
        return None;
    }
    let words = text
        .from(at)
        .iter()
        .take(48)
        .position(|byte| matches!(byte, b':' | b'=' | b'\n' | b'.' | b',' | b'"' | b'(' | b';'))?;
    let between = finds.str(at, at + words);
    let fits =
        matches!(text.at(at + words), b':' | b'=') && between.split(' ').count() <= 5 && !text.has(at + words, "://");
    fits.then_some(at + words)
}

/// `temporară:` after the name, and few words like it: where the colon is.
fn qualified(finds: &Finds<'_>, at: usize) -> Option<usize> {
    let ahead = finds.str(at, finds.text.floor_char_boundary((at + 56).min(finds.text.len())));
    let first = ahead.bytes().position(|byte| matches!(byte, b' ' | b':' | b'=')).and_then(|end| ahead.get(..end))?;
    // Nearly all words are none.
    if PROSE.of(first) & QUALIFIER == 0 {
        return None;
    }
    let end = ahead.find([':', '=', '：', '\n'])?;
    let words = ahead.get(..end)?.trim_end();
    // `senha provisória do sistema`: behind what it is like stands what it is for.
    let on = |word: &str, list: u16| PROSE.of(word) & list != 0;
    let like = words.split(' ').take_while(|word| on(word, QUALIFIER)).count();
    let whose = words.split(' ').nth(like).is_none_or(|word| like > 0 && on(word, PREPOSITION));
    let fits = words.split(' ').count() <= 5 && whose && !ahead.get(end..)?.starts_with("://");
    (fits && !finds.bytes.has(at + end, "\n")).then_some(at + end)
}

/// Behind a tag: everything up to the next one.
fn tagged(finds: &Finds<'_>, at: usize) -> Option<Place> {
    let text = finds.bytes;
    let mut at = text.past_space(at, 64);
    if text.at(at) == b'<' && text.at(at + 1) != b'!' {
        // `<password><value>…`
        let inner = ["<value>", "<string>", "<b>", "<code>"].iter().find(|inner| text.has(at, inner))?;
        at += inner.len();
        if text.at(at) == b'<' {
            return None;
        }
    }
    if text.has(at, "<![CDATA[") {
        at += 9;
        let length = memchr::memmem::find(text.ahead(at, VALUE), b"]]>")?;
        return Some(Place { value: at..at + length, hold: Hold::Whole });
    }
    let length = memchr::memchr(b'<', text.ahead(at, VALUE))?;
    let value = finds.str(at, at + length).trim_end();
    text.has(at + length, "</").then(|| Place { value: at..at + value.len(), hold: Hold::Whole })
}

/// The name is itself a value, and a field called `value` follows: `name: DB_PASSWORD`, `value: …`.
fn paired(finds: &Finds<'_>, at: usize) -> Option<Place> {
    let text = finds.bytes;
    let blank = |at: usize| text.past_space(at, 64);
    let mut next = at;
    // `</name><value>…`, `</key><string>…`
    if text.has(next, "</th") {
        // The name of a column, or of a row whose value follows.
        let cell = next + text.from(next).iter().take(64).position(|byte| *byte == b'>')? + 1;
        if !text.has(blank(cell), "<td") {
            return None;
        }
    }
    if text.has(next, "</") {
        next += text.from(next).iter().take(32).position(|byte| *byte == b'>')? + 1;
        next = blank(next);
        let inner = text.from(next).iter().take(160).position(|byte| *byte == b'>')?;
        // `<label>Password</label> <input value="…">`
        let tag = text.range(next, next + inner);
        if let Some(value) = memchr::memmem::find(tag, ATTRIBUTE).filter(|_| tag.starts_with(b"<input")) {
            return in_quotes(finds, next + value + ATTRIBUTE.len());
        }
        return (text.has(next, "<") && pairs(finds, at, next)).then(|| tagged(finds, next + inner + 1)).flatten();
    }
    // `name="password" type="text" value="…"`
    if matches!(text.before(at), b'"' | b'\'') && text.at(at) == b' ' {
        let tag = text.ahead(at, 240);
        let end = tag.iter().position(|byte| matches!(byte, b'>' | b'<' | b'{' | b'\n')).unwrap_or(0);
        if let Some(value) = tag.get(..end).and_then(|tag| memchr::memmem::find(tag, ATTRIBUTE)) {
            return in_quotes(finds, at + value + ATTRIBUTE.len());
        }
    }
    next = blank(next);
    // `variable "db_password" { type = string default = "…" }`
    if text.at(next) == b'{' && matches!(text.before(at), b'"' | b'\'') {
        let block = text.ahead(next, 400);
        let block = block.get(..block.iter().position(|byte| *byte == b'}').unwrap_or(block.len()))?;
        let mut value = next + memchr::memmem::find(block, b"default")? + 7;
        value += text.from(value).iter().take(16).take_while(|byte| **byte == b' ').count();
        if text.at(value) != b'=' {
            return None;
        }
        value += 1 + text.from(value + 1).iter().take(16).take_while(|byte| **byte == b' ').count();
        return in_quotes(finds, value);
    }
    if text.at(next) == b',' {
        next = blank(next + 1);
    }
    if next == at {
        return None;
    }
    while matches!(text.at(next), b'"' | b'\'' | b'\\') {
        next += 1;
    }
    if !text.has_any_case(next, "value") {
        return None;
    }
    next += 5;
    while matches!(text.at(next), b'"' | b'\'' | b'\\') {
        next += 1;
    }
    next = blank(next);
    if !matches!(text.at(next), b':' | b'=') {
        return None;
    }
    next += 1;
    next += text.from(next).iter().take(16).take_while(|byte| **byte == b' ').count();
    let range = extent(finds, next, true)?;
    Some(Place { value: range.value, hold: Hold::Whole })
}

/// Whether the element that closes at `closed` names what the one that opens at `opened` holds. One that is itself
/// called after a secret holds its name or kind, and the next element is a field of its own.
fn pairs(finds: &Finds<'_>, closed: usize, opened: usize) -> bool {
    let tag = |at: usize| {
        let length = finds.bytes.from(at).iter().take(32).position(|byte| matches!(byte, b'>' | b' ' | b'/'));
        finds.str(at, at + length.unwrap_or(0))
    };
    let (first, second) = (tag(closed + 2), tag(opened + 1));
    let kind = first.get(first.len().saturating_sub(4)..).unwrap_or("");
    let kind = kind.eq_ignore_ascii_case("type") || kind.eq_ignore_ascii_case("kind");
    !kind && (first.eq_ignore_ascii_case("key") || !names::mentions(first))
        || first == second
        || value::contains(second.as_bytes(), "value")
}

/// A value on the line below its name, when it is alone there.
fn below(finds: &Finds<'_>, from: usize, at: usize) -> Option<usize> {
    let text = finds.bytes;
    let mut next = at;
    // `password: |`, `password: >-`
    while matches!(text.at(next), b'|' | b'>' | b'-' | b'+') {
        next += 1;
    }
    let block = next > at;
    if block && !matches!(text.at(next), b'\n' | b'\r') {
        return (text.at(at) == b'|')
            .then_some(at + 1 + text.from(at + 1).iter().take(64).take_while(|byte| **byte == b' ').count());
    }
    let lines = text.from(next).iter().take(200).take_while(|byte| byte.is_ascii_whitespace()).count();
    let breaks = text.range(next, next + lines).iter().filter(|byte| **byte == b'\n').count();
    next += lines;
    // `["password"]=>` over `string(8) "…"`
    if text.has(next, "string(") {
        let digits = text.from(next + 7).iter().take(6).take_while(|byte| byte.is_ascii_digit()).count();
        return text.has(next + 7 + digits, ") \"").then_some(next + digits + 9);
    }
    let indent =
        text.range(next.saturating_sub(64), next).iter().rev().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    let rest = text.ahead(next, VALUE);
    let line = memchr::memchr2(b'\n', b'\r', rest).unwrap_or(rest.len());
    let value = finds.str(next, next + line).trim_end();
    let alone = !value.is_empty() && !value.contains([' ', ':', '=']) && breaks <= 2;
    let digit = value.chars().any(|c| c.is_ascii_digit());
    let strong = value.len() >= 8
        && value.chars().any(char::is_alphabetic)
        && (digit || value::password(value.as_bytes(), Hold::Separated));
    let deeper = indent > 0 && begins_line(finds, from);
    (alone && (block || strong) && (deeper || !block)).then_some(next)
}

/// A value and how it is bounded.
struct Extent {
    value: Range<usize>,
    quoted: bool,
    whole: bool,
}

/// What opens a value and what closes it.
pub(super) const QUOTES: [(&str, &str); 12] = [
    ("\"\"\"", "\"\"\""),
    ("'''", "'''"),
    ("\\\"", "\\\""),
    ("\"", "\""),
    ("'", "'"),
    ("`", "`"),
    ("“", "”"),
    ("«", "»"),
    ("‘", "’"),
    ("„", "“"),
    ("「", "」"),
    ("『", "』"),
];

/// Whether a value is in quotes.
enum Quotation {
    /// It is, and stands there.
    Inside(Range<usize>),
    /// There are none.
    Bare,
}

/// The value in quotes at `at`, or that there are none; nothing where quotes are opened and not closed.
fn quotation(finds: &Finds<'_>, at: usize) -> Option<Quotation> {
    let text = finds.bytes;
    let mut start = at;
    // `b"…"`, `@"…"`, `r'…'`, `$'…'`, `Some("…")`, `("…"`.
    if matches!(text.at(start), b'b' | b'r' | b'f' | b'u' | b'@' | b'$' | b'(' | b'L' | b'N')
        && matches!(text.at(start + 1), b'"' | b'\'')
    {
        start += 1;
    }
    if !matches!(text.at(start), b'"' | b'\'' | b'`' | b'\\' | 0x80..) {
        return Some(Quotation::Bare);
    }
    for (quotes, (open, close)) in QUOTES.iter().enumerate() {
        if text.has(start, open) {
            let from = start + open.len();
            let value = finds.str(from, closed(finds, quotes, from, close.as_bytes())?);
            let lead = value.len() - value.trim_start().len();
            return Some(Quotation::Inside(from + lead..from + lead + value.trim().len()));
        }
    }
    Some(Quotation::Bare)
}

/// Where the value that begins at `at` ends. `line`: its name began the line, so the rest of it may be value.
fn extent(finds: &Finds<'_>, at: usize, line: bool) -> Option<Extent> {
    if let Quotation::Inside(value) = quotation(finds, at)? {
        return Some(Extent { value, quoted: true, whole: true });
    }
    let text = finds.bytes;
    // A line of a template goes on behind spaces: `{{ vault.password }}`, `$(cat file)`.
    if text.at(at) == b'<' || ["{{", "$(", "${", "%{"].iter().any(|open| text.has(at, open)) {
        return None;
    }
    // Words of scripts without spaces go on right behind it: `…です`, `…，`.
    #[rustfmt::skip]
    let script = |c: char| matches!(
        c,
        '\u{0E01}'..='\u{0EFF}' | '\u{1000}'..='\u{109F}' | '\u{1780}'..='\u{17FF}' | '\u{3001}'..='\u{30FF}'
            | '\u{4E00}'..='\u{9FFF}' | '\u{AC00}'..='\u{D7A3}' | '\u{FF01}'..='\u{FF1F}'
    );
    let plain = text.at(at) < 0x80;
    // A field of an address ends with its sign; of other values it is part, while they are short.
    const PASSWORD: usize = 64;
    let query = text.before(at) == b'=';
    // What has no line of its own ends where the first of these is, however long the run around it.
    let stop = |(place, byte): (usize, &u8)| {
        byte.is_ascii_whitespace()
            || byte.is_ascii_control()
            || matches!(byte, b'"' | b'`')
            || !line && matches!(byte, b',' | b'<' | b'|' | b'\'' | b';')
            || !line && *byte == b'&' && (query || place == 0 || place > PASSWORD)
            || !line
                && plain
                && *byte >= 0xE0
                && finds.text.get(at + place..).and_then(|rest| rest.chars().next()).is_some_and(script)
    };
    let run = text.range(at, finds.text.floor_char_boundary(at + VALUE));
    let mut length = run.iter().enumerate().position(stop).unwrap_or(run.len());
    let ends_line = |at: usize| {
        let blank = text.from(at).iter().take(32).take_while(|byte| matches!(byte, b' ' | b'\t')).count();
        let next = text.at(at + blank);
        matches!(next, b'\n' | b'\r' | 0)
            || blank > 0 && (next == b'#' || text.has(at + blank, "//") || text.has(at + blank, "--"))
    };
    let run = finds.str(at, at + length);
    // `\n` that was never decoded ends a value, and so does `%0A`.
    let mut cut = memchr::memmem::find(run.as_bytes(), b"\\n").filter(|cut| *cut > 0).unwrap_or(run.len());
    // Where it has no line of its own it ended there.
    if plain
        && line
        && let Some(place) = run.find(script)
    {
        cut = cut.min(place);
    }
    for joined in ['&', ';'] {
        if let Some(place) = run.find(joined) {
            let rest = finds.str(at + place + 1, (at + place + 40).min(text.len()));
            let key =
                rest.chars().take_while(|c| c.is_ascii_alphanumeric() || matches!(c, ' ' | '_' | '-' | '.')).count();
            if rest.get(key..).is_some_and(|rest| rest.starts_with('=')) && key > 0
                || joined == ';' && place + 1 == run.len()
            {
                cut = cut.min(place);
            }
        }
    }
    let whole = line && ends_line(at + length);
    if line && !whole {
        let bounds = run
            .find(|c| matches!(c, ',' | '<' | '|' | '\'' | ';') || c == '&' && query)
            .or(run.starts_with('&').then_some(0))
            .filter(|place| {
                let next = run.get(place + 1..).and_then(|rest| rest.chars().next());
                next.is_none() || matches!(run.as_bytes().get(*place), Some(b'<' | b'|' | b'\''))
            });
        cut = cut.min(bounds.unwrap_or(run.len()));
    }
    length = cut;
    let mut value = finds.str(at, at + length);
    // A remark in such a script may stand in brackets: `…（検証 5）`.
    if plain && finds.text.get(at + length..).and_then(|rest| rest.chars().next()).is_some_and(script) {
        value = value.trim_end_matches(['(', '[', '<']);
    }
    // Ends of statements and of members, which no line of a file keeps to itself.
    value = value.trim_end_matches([',', ';']);
    if !whole || cut < run.len() {
        value = value.trim_end_matches([',', ';', '.', ':', '?']);
    }
    while let Some(rest) = value.strip_suffix("**") {
        value = rest;
    }
    for (open, close) in [('(', ')'), ('[', ']'), ('{', '}')] {
        if value.ends_with(close) {
            let mut surplus = value.matches(close).count().saturating_sub(value.matches(open).count());
            while surplus > 0
                && let Some(rest) = value.strip_suffix(close)
            {
                (value, surplus) = (rest, surplus - 1);
            }
        }
    }
    if value.ends_with('\\') {
        value = value.trim_end_matches('\\');
    }
    (!value.is_empty()).then_some(Extent {
        value: at..at + value.len(),
        quoted: false,
        whole: whole && cut == run.len(),
    })
}

/// Where the quotes that were opened before `from` are closed. What was read in vain is not read again.
fn closed(finds: &Finds<'_>, quotes: usize, from: usize, close: &[u8]) -> Option<usize> {
    let unclosed = finds.unclosed.get_or_init(Default::default).get(quotes)?;
    let (since, until) = unclosed.get();
    let known = (since..until).contains(&from);
    let start = if known { until } else { from };
    let ahead = finds.bytes.range(start, (from + VALUE).min(finds.bytes.len()));
    match closing(ahead, close) {
        Ok(length) => Some(start + length),
        Err(length) => {
            unclosed.set((if known { since } else { from }, start + length));
            None
        }
    }
}

/// Where `close` stands first without a backslash before it, on this line, or as far as was read.
fn closing(text: &[u8], close: &[u8]) -> Result<usize, usize> {
    let mut skip = false;
    for (i, byte) in text.iter().enumerate() {
        if skip && close.first() != Some(&b'\\') {
            skip = false;
            continue;
        }
        if close.first() == Some(byte) && text.get(i..).is_some_and(|rest| rest.starts_with(close)) {
            return Ok(i);
        }
        if *byte == b'\n' && close.len() < 3 {
            return Err(i);
        }
        skip = *byte == b'\\';
    }
    Err(text.len())
}

/// `Bearer …`, `Basic …`, `Authorization: …` from `start` to `end`.
pub(super) fn scheme(finds: &mut Finds<'_>, start: usize, end: usize) {
    let text = finds.bytes;
    let word = finds.str(start, end);
    if text.before(start).is_ascii_alphanumeric() || text.at(end).is_ascii_alphanumeric() {
        return;
    }
    let blank = |at: usize| at + text.from(at).iter().take(16).take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    if word.eq_ignore_ascii_case("authorization") {
        let mut at = end;
        while matches!(text.at(at), b'"' | b'\'' | b'\\' | b']' | b')') {
            at += 1;
        }
        at = blank(at);
        if !matches!(text.at(at), b':' | b'=' | b',') {
            return;
        }
        at = blank(at + 1);
        while matches!(text.at(at), b'"' | b'\'' | b'\\') {
            at += 1;
        }
        for other in [
            "token=",
            "Token token=",
            "Token ",
            "token ",
            "ApiKey ",
            "Apikey ",
            "API-Key ",
            "Key ",
            "key ",
            "SSWS ",
            "GenieKey ",
            "Bot ",
            "Splunk ",
            "OAuth ",
            "Zoho-oauthtoken ",
            "Klaviyo-API-Key ",
            "Discogs token=",
            "PVEAPIToken=",
            "Token: ",
        ] {
            if text.has(at, other) {
                at += other.len();
                break;
            }
        }
        bearer(finds, at, true);
        return;
    }
    let mut at = blank(end);
    // A cell of a column of kinds.
    if at > end + 3 {
        return;
    }
    if at == end {
        if !matches!(text.at(at), b':' | b'=' | b'+') {
            return;
        }
        at = blank(at + 1);
    }
    if matches!(text.at(at), b'"' | b'\'') {
        at += 1;
    }
    if word.eq_ignore_ascii_case("bearer") {
        bearer(finds, at, false);
        return;
    }
    let base64 = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=' | b'-' | b'_');
    let length = scheme_run(text, at, 512, base64);
    if length >= 8 && is_login(text.range(at, at + length)) {
        finds.add(at, at + length, Kind::Password, 88);
    }
}

/// The schemes that a header names, in every spelling.
const SCHEMES: &[&str] =
    &["bearer", "Bearer", "BEARER", "basic", "Basic", "BASIC", "authorization", "Authorization", "AUTHORIZATION"];
static SCHEME_GATE: LazyLock<Gate> = LazyLock::new(|| Gate::new(SCHEMES.iter().map(|word| word.as_bytes())));

/// How much of a run is read at once, in bytes.
const RUN_STEP: usize = 32;

/// How long the run of such bytes at `at` is, `most` at most. A long one ends where another scheme stands in it: what
/// follows is of that one.
fn scheme_run(text: Bytes<'_>, at: usize, most: usize, within: impl Fn(u8) -> bool) -> usize {
    let mut length = 0;
    while length < most {
        let from = at + length;
        let run = text.ahead(from, RUN_STEP).iter().take_while(|byte| within(**byte)).count();
        if run < RUN_STEP {
            return most.min(length + run);
        }
        let mut next = None;
        SCHEME_GATE.each(text.ahead(from, RUN_STEP + SCHEME_GATE.longest()), |start, place| {
            let end = from + start + SCHEMES.get(place).map_or(0, |word| word.len());
            let apart = !text.before(from + start).is_ascii_alphanumeric() && !text.at(end).is_ascii_alphanumeric();
            if apart && start < RUN_STEP && from + start > at {
                next = Some(next.map_or(start, |next: usize| next.min(start)));
            }
        });
        if let Some(next) = next {
            return most.min(length + next);
        }
        length += RUN_STEP;
    }
    most
}

/// The password behind a login and a slash or colon, where a word promises both: `credentials: ann / …`. Whether it is
/// there.
pub(super) fn pair_of(finds: &mut Finds<'_>, start: usize, end: usize) -> bool {
    let text = finds.bytes;
    let blank =
        |at: usize| at + text.from(at).iter().take(4).take_while(|byte| matches!(byte, b' ' | b'"' | b'`')).count();
    let mut at = blank(end);
    for word in ["are ", "is ", "für ", "for ", "sind ", "sont ", "son ", "são ", "sono ", "zijn ", "to ", "jsou "] {
        at += if text.has(at, word) { word.len() } else { 0 };
    }
    let wide = if text.has(at, "：") { "：".len() } else { 0 };
    let mark = matches!(text.at(at), b':' | b'=' | b'-');
    at = blank(at + usize::from(mark) + wide);
    let user = text
        .from(at)
        .iter()
        .take(64)
        .take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-' | b'@' | b'+'))
        .count();
    let gap = blank(at + user);
    let apart = matches!(text.at(end), b' ' | b':' | b'=' | b'"' | b'`') || text.has(end, "：");
    let apart = apart && text.before(start) != b'/';
    if text.before(start).is_ascii_alphanumeric()
        || !apart
        || user < 2
        || !matches!(text.at(gap), b'/' | b':' | b'|')
        || text.has(gap, "//")
    {
        return false;
    }
    let from = blank(gap + 1);
    let length = text
        .from(from)
        .iter()
        .take(64)
        .take_while(|byte| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'`' | b',' | b'<'))
        .count();
    let value = finds.str(from, from + length).trim_end_matches(['.', ')', ';']);
    value.len() >= 6 && judge(finds, Named::Password, from, from + value.len(), Hold::Separated, 66)
}

/// A field for the Base64 of a name and a password: `at` is where its value begins.
pub(super) fn login(finds: &mut Finds<'_>, at: usize) {
    let at = at + finds.bytes.from(at).iter().take(4).take_while(|byte| matches!(byte, b' ' | b'"')).count();
    let base64 = |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(**byte, b'+' | b'/' | b'=' | b'-' | b'_');
    let length = finds.bytes.from(at).iter().take(512).take_while(base64).count();
    if length >= 8 && is_login(finds.bytes.range(at, at + length)) {
        finds.add(at, at + length, Kind::Password, 88);
    }
}

/// Whether Base64 stands for a name, a colon and a password.
pub(super) fn is_login(encoded: &[u8]) -> bool {
    let (plain, decoded) = super::marks::decoded(encoded);
    let plain = plain.get(..decoded).unwrap_or_default();
    let readable =
        plain.len() >= 3 && std::str::from_utf8(plain).is_ok_and(|plain| plain.chars().all(|c| !c.is_control()));
    let secret =
        plain.iter().position(|byte| *byte == b':').and_then(|colon| plain.get(colon + 1..)).unwrap_or_default();
    readable && secret.len() >= 2 && !value::placeholder(secret)
}

/// The token of an authorization header at `at`.
fn bearer(finds: &mut Finds<'_>, at: usize, header: bool) {
    let token = |byte: u8| {
        byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'+' | b'/' | b'=' | b':' | b'|')
    };
    let length = scheme_run(finds.bytes, at, VALUE, token);
    let drawn = finds.str(at, at + length).trim_end_matches(['.', ':', ',']);
    // `{TokenType:Bearer RequestId:…}`: the next field.
    let field = drawn.split_once(':').is_some_and(|(name, _)| {
        name.len() >= 2 && name.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'_')
    });
    if field {
        return;
    }
    if drawn.len() >= 16
        && value::opaque(drawn.as_bytes(), true)
        && (!header || super::rarity::rarity(drawn.as_bytes()) > 60 || value::uuid(drawn.as_bytes()))
    {
        finds.add(at, at + drawn.len(), Kind::ApiKey, 82);
    }
}

/// Words of an answer before what was asked for.
#[rustfmt::skip]
const ANSWERS: &[&str] = &[
    "it", "it's", "it’s", "its", "is", "that's", "sure", "yes", "ok", "okay", "here", "you", "go", "the", "password",
    "sí", "si", "es", "claro", "c'est", "oui", "ja", "das", "ist", "lautet", "è", "é", "sim", "to", "jest", "tak", "det", "är",
    "er", "het",
];

/// How much of a question may stand behind the name, in bytes.
const QUESTION: usize = 32;

/// The line asks for what the name promises, and the next one answers with nothing else: `Q: API key?`, `A: …`.
fn answered(finds: &mut Finds<'_>, named: Named, to: usize) -> bool {
    // Most lines ask for nothing.
    let Some(line) = memchr::memchr(b'\n', finds.bytes.ahead(to, QUESTION)) else { return false };
    if !matches!(finds.bytes.ahead(to, line).trim_ascii_end().last(), Some(b'?' | 0x9F)) {
        return false;
    }
    let rest = finds.str(to, finds.text.floor_char_boundary((to + REACH).min(finds.text.len())));
    let Some((question, answer)) = rest.split_once('\n') else { return false };
    let asks = question.trim_end();
    if !asks.ends_with(['?', '？']) || asks.contains([':', '=', '"']) {
        return false;
    }
    let line = answer.split('\n').next().unwrap_or("").trim_end();
    let Some((_, said)) = line.split_once([':', '>']).filter(|(who, _)| who.len() <= 32) else { return false };
    let value = said.rsplit(' ').next().unwrap_or(said);
    let before = said.get(..said.len() - value.len()).unwrap_or("");
    let filler = |word: &str| ANSWERS.iter().any(|known| word.eq_ignore_ascii_case(known));
    let only = before.split([' ', ',', '.', '!']).filter(|word| !word.is_empty()).all(filler);
    let end = to + question.len() + 1 + line.len();
    let bare = value.trim_end_matches(['.', '`', '"', '\'']).trim_start_matches(['`', '"', '\'']);
    let start = end - value.len() + (value.len() - value.trim_start_matches(['`', '"', '\'']).len());
    let drawn = matches!(named, Named::Password | Named::Key { .. });
    only && drawn && judge(finds, named, start, start + bare.len(), Hold::Prose, 72)
}

/// Marks that sentences have around a value.
const MARKED: &[&str] = &["<b>", "<i>", "<em>", "<strong>", "<code>", "<tt>", "<kbd>"];

/// A sentence about the name that tells the value: `the password for the box is …`, `token … was rejected`.
fn by_prose(finds: &mut Finds<'_>, named: Named, to: usize, progress: &mut Progress) {
    let ceiling = finds.text.floor_char_boundary((to + REACH).min(finds.text.len()));
    let rest = finds.str(to, ceiling);
    // `getElement("password").click()`: a program goes on.
    let program = rest.starts_with(['"', '\'', '`']) && rest.get(1..).is_some_and(|rest| rest.starts_with([')', ']']));
    if program || !rest.starts_with([' ', ',', '"', '\'', '`', '*']) {
        return;
    }
    match named {
        Named::Private | Named::Login => {}
        Named::Password => {
            sentence(finds, named, to, rest, progress);
        }
        Named::Key { sure } => {
            let (from, until, for_sure) = progress.keyless;
            let known = rest.starts_with(' ') && (from..=until).contains(&to) && for_sure >= sure;
            let next = long_word(finds.bytes, if known { until } else { to }, progress);
            if next >= ceiling || is_behind(finds.bytes.range(to, next)) {
                return;
            }
            let read = sentence(finds, named, to, rest, progress);
            progress.keyless = if known { (from, until.max(read), for_sure) } else { (to, read, sure) };
        }
    }
}

/// The most words of a sentence that are read.
const SAID_MAX: usize = 9;

/// Whether what stands behind these words is of no sentence that begins with them.
fn is_behind(words: &[u8]) -> bool {
    let (mut count, mut blank) = (0, true);
    for byte in words {
        count += usize::from(blank && byte.is_ascii_graphic());
        blank = matches!(byte, b' ' | b'\n' | b'\t');
        if *byte == b'\n' || count > SAID_MAX {
            return true;
        }
    }
    false
}

/// The sentence itself, which goes on with `rest` at `to`. Up to where no word that begins there is what is looked for.
fn sentence(finds: &mut Finds<'_>, named: Named, to: usize, rest: &str, progress: &mut Progress) -> usize {
    let ceiling = to + rest.len();
    let (mut told, mut described) = (false, false);
    let mut tries = 0;
    let mut at = 0;
    while let Some(ahead) = rest.get(at..).filter(|ahead| !ahead.is_empty()) {
        let end = memchr::memchr3(b' ', b'\n', b'\t', ahead.as_bytes()).map_or(ahead.len(), |blank| blank + 1);
        let word = ahead.get(..end).unwrap_or(ahead);
        let start = to + at;
        at += word.len();
        let ended = word.ends_with('\n');
        let bare = word.trim_end();
        if bare.is_empty() {
            if ended { break } else { continue }
        }
        // The last word may have been cut by the bound.
        if to + at >= ceiling && ceiling < finds.text.len() && !word.ends_with([' ', '\n', '\t']) {
            if start >= progress.run
                && let Some(Extent { value, .. }) = extent(finds, start, false)
            {
                progress.run = if value.len() > RUN { value.end } else { progress.run };
                try_prose(finds, named, value, told, false, progress);
            }
            return start;
        }
        finds.effort.take(Work::Said, 1);
        let Bare { lead, inner, quoted, tagged } = Bare::of(bare);
        let ended = ended || tagged;
        // Another option: this one has no value.
        if tries == 0 && inner.starts_with("--") {
            return to;
        }
        let range = start + lead..start + lead + inner.len();
        // A passphrase in quotes has spaces.
        if told
            && matches!(named, Named::Password)
            && bare.starts_with('"')
            && !bare.ends_with('"')
            && let Some(value) = inside_quotes(finds, start)
        {
            judge(finds, named, value.start, value.end, Hold::Whole, 70);
            return to;
        }
        if !inner.is_empty()
            && (told || tries == 0 || matches!(named, Named::Key { .. }))
            && try_prose(finds, named, range, told, quoted, progress)
        {
            return to;
        }
        let prose = PROSE.of(inner);
        let on = |list: u16| prose & list != 0;
        if on(ELSEWHERE) {
            return to + at;
        }
        let first = tries == 0 && on(PREPOSITION);
        described |= first;
        let (participle, filler) = (on(PARTICIPLE), on(FILLER));
        if on(COPULA) || bare.len() > inner.len() && COPULAS.contains(&bare) {
            told = true;
        } else if bare.ends_with(':') {
            told |= described || filler || participle || matches!(named, Named::Key { .. });
            if !told {
                return to + at;
            }
        } else if (told || !described && matches!(named, Named::Password)) && !filler && !participle && !first {
            return to + at;
        }
        tries += 1;
        if tries >= SAID_MAX || ended || !told && (bare.ends_with(['.', '!', '?']) && tries > 1) {
            return to + at;
        }
    }
    to + at
}

/// A word of prose without the marks around it.
struct Bare<'a> {
    /// How many bytes stand before what is left.
    lead: usize,
    inner: &'a str,
    quoted: bool,
    /// A tag begins behind it.
    tagged: bool,
}

impl<'a> Bare<'a> {
    fn of(word: &'a str) -> Self {
        if word.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Self { lead: 0, inner: word, quoted: false, tagged: false };
        }
        let quoted = word.starts_with(['"', '\'', '`', '“', '«', '(', '*']) && word.len() > 2;
        let letter = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
        let begins = letter(word.as_bytes().first());
        let marks = ['"', '\'', '`', '“', '«', '(', '[', '*'];
        let lead = if begins { 0 } else { word.len() - word.trim_start_matches(marks).len() };
        let mut inner = word.get(lead..).unwrap_or("");
        if !letter(word.as_bytes().last()) {
            inner = inner.trim_end_matches(['"', '\'', '`', '”', '»', ')', ']', '.', ',', ';', ':', '*', '?']);
        }
        // `<b>…</b>`: the word inside the marks. Behind any other mark the sentence is over.
        let opens = inner.starts_with('<');
        let marked = MARKED.iter().find(|mark| opens && inner.starts_with(**mark)).map_or(0, |mark| mark.len());
        let inner = inner.get(marked..).unwrap_or("");
        let tag = inner.find('<').filter(|at| {
            inner.as_bytes().get(at + 1).is_some_and(|next| next.is_ascii_alphabetic() || matches!(next, b'/' | b'!'))
        });
        let inner = inner.get(..tag.unwrap_or(inner.len())).unwrap_or("");
        Self { lead: lead + marked, inner, quoted, tagged: tag.is_some() }
    }
}

/// Where the next word stands, from `to` on, that may be a key by its length.
fn long_word(text: Bytes<'_>, to: usize, progress: &mut Progress) -> usize {
    let (from, known) = &mut progress.long;
    if *from <= to && (to <= known.start || to + LONG <= known.end) {
        return known.start.max(to);
    }
    let mut start = if *from <= to && to < known.end { known.end } else { to };
    let mut end = start;
    while let Some(byte) = text.0.get(end) {
        end += 1;
        if matches!(byte, b' ' | b'\n' | b'\t') {
            if end - start > LONG {
                break;
            }
            start = end;
        }
    }
    let start = if end - start < LONG { text.len() } else { start };
    progress.long = (to, start..end);
    start
}

fn try_prose(
    finds: &mut Finds<'_>,
    named: Named,
    range: Range<usize>,
    told: bool,
    quoted: bool,
    progress: &mut Progress,
) -> bool {
    let value = finds.bytes.range(range.start, range.end);
    match named {
        Named::Password if quoted && told => judge(finds, named, range.start, range.end, Hold::Whole, 70),
        Named::Password if told => judge(finds, named, range.start, range.end, Hold::Prose, 65),
        // Without a word between, it must look the part more: `password Tiger#30 was rejected`.
        Named::Password => value.len() >= 7 && judge(finds, named, range.start, range.end, Hold::Prose, 60),
        Named::Key { sure } => {
            if value.len() < LONG {
                return false;
            }
            progress.asked.resize(ASKED, (0, 0, false, false));
            let Some(asked) = progress.asked.get_mut((range.start * 2 + usize::from(sure)) % ASKED) else {
                return false;
            };
            if (asked.0, asked.1, asked.2) != (range.start, range.end, sure) {
                // No key is of other letters; most words that are long enough are told by that.
                let drawn = value.is_ascii() && (super::rarity::rarity(value) > 60 || sure && value::uuid(value));
                *asked = (range.start, range.end, sure, drawn && value::opaque(value, sure));
            }
            asked.3 && judge_key(finds, range)
        }
        Named::Private | Named::Login => false,
    }
}

fn judge_key(finds: &mut Finds<'_>, range: Range<usize>) -> bool {
    finds.add(range.start, range.end, Kind::ApiKey, 60);
    true
}

/// Words between a copula and the name after it.
#[rustfmt::skip]
const BEFORE: &[&str] = &[
    "the", "my", "your", "our", "their", "his", "her", "new", "temporary", "current", "das", "mein", "dein", "ihr",
    "le", "la", "el", "mon", "votre", "mi", "tu", "su", "il", "mio", "minha", "meu", "het", "de", "mijn", "root",
    "admin", "wifi", "API", "api", "secret", "access", "login", "old", "personal", "default", "initial",
];

/// Words between a value and what it is.
const IS: &[&str] = &["is", "ist", "est", "es", "è", "é", "är", "er", "jest", "on", "was", "="];
const AS: &[&str] = &["as", "als", "como", "come", "comme", "som", "jako"];

/// What stands behind the last space.
fn last_word(text: &str) -> &str {
    memchr::memrchr(b' ', text.as_bytes()).and_then(|space| text.get(space + 1..)).unwrap_or(text)
}

/// `… is the password`: the value stands before the name.
fn from_behind(finds: &mut Finds<'_>, named: Named, from: usize, end: usize, progress: &mut Progress) {
    let floor = finds.text.floor_char_boundary(from.saturating_sub(REACH));
    let before = finds.str(floor, from);
    let start = memchr::memrchr2(b'\n', b'\t', before.as_bytes()).map_or(0, |end| end + 1);
    let Some(line) = before.get(start..) else { return };
    let mut rest = line.trim_end();
    let mut skipped = 0;
    // The words between the copula and the name: `is the`, `ist mein`.
    loop {
        let word = last_word(rest);
        rest = rest.get(..rest.len() - word.len()).unwrap_or("").trim_end();
        // Nearly all words are none of these.
        if PROSE.of(word) & BEHIND == 0 {
            return;
        }
        if IS.contains(&word) {
            break;
        }
        // `use … as the password.`, not as the hash of one.
        let ends = matches!(finds.bytes.at(end), b'.' | b',' | b'\n' | b'\r' | b';' | b'!' | b')' | 0);
        if ends && AS.contains(&word) {
            break;
        }
        skipped += 1;
        if skipped > 3 || rest.is_empty() || !BEFORE.contains(&word) {
            return;
        }
    }
    let word = last_word(rest);
    let offset = before.len() - line.len() + rest.len() - word.len();
    let lead = word.len() - word.trim_start_matches(['"', '\'', '`', '“', '«', '(', '>', '*']).len();
    let inner = word.get(lead..).unwrap_or("").trim_end_matches(['"', '\'', '`', '”', '»', ')', ',', '*']);
    // A word at the very start of what was read may have been cut.
    if skipped == 0 || inner.is_empty() || offset == 0 && floor > 0 {
        return;
    }
    let start = floor + offset + lead;
    try_prose(finds, named, start..start + inner.len(), true, lead > 0, progress);
}

/// The most columns of one table that are read.
const COLUMNS_MAX: usize = 4;

/// Whether a row below the name of a column may be read: all of them, while the text may still be read at all.
fn may_read(finds: &Finds<'_>, row: &str) -> bool {
    finds.effort.take(Work::Table, row.len());
    !finds.effort.is_spent()
}

/// `INSERT INTO t (login, password) VALUES ('a', 'b'), ('c', 'd')`: the name is one of the columns.
fn inserted(finds: &mut Finds<'_>, named: Named, from: usize, to: usize) -> bool {
    if !finds.has(b'(', &finds.opens) {
        return false;
    }
    let text = finds.bytes;
    let back = text.range(from.saturating_sub(512), from);
    let Some(open) = memchr::memrchr3(b'(', b')', b';', back) else { return false };
    let front = text.ahead(to, 512);
    let Some(close) = memchr::memchr3(b'(', b')', b';', front) else { return false };
    let blank = |at: usize| text.past_space(at, 16);
    let mut at = blank(to + close + 1);
    if back.get(open) != Some(&b'(') || front.get(close) != Some(&b')') || !text.has_any_case(at, "values") {
        return false;
    }
    at = blank(at + 6);
    let place = back.get(open..).unwrap_or_default().iter().filter(|byte| **byte == b',').count();
    let end = text.len();
    let mut found = false;
    while text.at(at) == b'(' && !finds.effort.is_spent() {
        let (row, mut cell, mut start, mut quote) = (at, 0, at + 1, 0_u8);
        loop {
            at += 1;
            let byte = text.at(at);
            if at >= end {
                finds.effort.take(Work::Table, end - row);
                return found;
            }
            if quote != 0 {
                // A quote in a value is doubled: it closes and opens again.
                quote = if byte == quote { 0 } else { quote };
                continue;
            }
            match byte {
                b'\'' | b'"' => quote = byte,
                b',' | b')' => {
                    if cell == place {
                        let value = finds.str(start, at);
                        let quote = |c: char| matches!(c, '\'' | '"');
                        if let (Some(open), Some(close)) = (value.find(quote), value.rfind(quote)) {
                            found |= judge(finds, named, start + open + 1, start + close, Hold::Whole, 75);
                        }
                    }
                    (cell, start) = (cell + 1, at + 1);
                    if byte == b')' {
                        break;
                    }
                }
                _ => {}
            }
        }
        finds.effort.take(Work::Table, at - row);
        at = blank(at + 1);
        if text.at(at) != b',' {
            break;
        }
        at = blank(at + 1);
    }
    found
}

/// `<th>Login</th><th>Password</th>`, then rows of `<td>`: the name heads a column of markup.
fn headed(finds: &mut Finds<'_>, named: Named, from: usize, to: usize) -> bool {
    if !finds.bytes.has(to, "</th") {
        return false;
    }
    let cell = finds.str(finds.text.floor_char_boundary(from.saturating_sub(40)), from);
    let words = |c: char| letters::is_word(c) || matches!(c, ' ' | '_' | '-' | '.');
    if !cell.trim_end_matches(words).ends_with('>') {
        return false;
    }
    let floor = finds.text.floor_char_boundary(from.saturating_sub(2048));
    let head = finds.str(floor, from);
    let head = head.rfind("<tr").map_or("", |row| head.get(row..).unwrap_or(""));
    let Some(place) = head.matches("<th").count().checked_sub(1) else { return false };
    let rest = finds.str(to, finds.text.len());
    let rest = rest.get(..rest.find("</table").unwrap_or(rest.len())).unwrap_or(rest);
    let mut found = false;
    let mut at = to;
    for row in rest.split("<tr") {
        if !may_read(finds, row) {
            break;
        }
        if let Some((cell, _)) = row.match_indices("<td").nth(place)
            && let Some(open) = row.get(cell..).and_then(|cell| cell.find('>'))
        {
            let value = row.get(cell + open + 1..).unwrap_or("");
            let value = value.split('<').next().unwrap_or("");
            let start = at + cell + open + 1 + (value.len() - value.trim_start().len());
            found |= judge(finds, named, start, start + value.trim().len(), Hold::Whole, 75);
        }
        at += row.len() + 3;
    }
    found
}

/// The name stands alone over a rule, as the one column of a table: reads what stands alone in each line below it.
fn ruled(finds: &mut Finds<'_>, named: Named, from: usize, to: usize, progress: &mut Progress) -> bool {
    let text = finds.bytes;
    let blank = text.from(to).iter().take(64).take_while(|byte| matches!(byte, b' ' | b'|' | b'*' | b'\r')).count();
    if from < progress.ruled || text.at(to + blank) != b'\n' || !begins_line(finds, from) {
        return false;
    }
    let end = finds.text.len();
    let mut at = to + blank + 1;
    let mut found = false;
    for (place, row) in finds.str(at, end).split_inclusive('\n').enumerate() {
        if !may_read(finds, row) {
            break;
        }
        let start = at;
        at += row.len();
        let cell = row.trim_matches([' ', '|', '\n', '\r', '`']);
        if place == 0 {
            let rule = cell.len() >= 3 && cell.bytes().all(|byte| matches!(byte, b'-' | b'+' | b':' | b'='));
            if rule { continue } else { return false }
        }
        if cell.is_empty() || cell.contains([' ', '|']) {
            break;
        }
        let from = start + (row.len() - row.trim_start_matches([' ', '|', '`']).len());
        if !cell.bytes().all(|byte| byte.is_ascii_alphabetic()) {
            found |= judge(finds, named, from, from + cell.len(), Hold::Whole, 75);
        }
    }
    progress.ruled = at;
    found
}

/// The name stands alone in its line, as a title: reads what stands alone in the next. It has to look the part, since
/// lists of words have lines of their own too.
fn titled(finds: &mut Finds<'_>, named: Named, from: usize, to: usize) -> bool {
    let text = finds.bytes;
    let mark =
        |byte: &&u8| matches!(**byte, b' ' | b'*' | b'_' | b'#' | b'=' | b'-' | b':' | b']' | b'\r' | b'`' | b'.');
    let marks = text.from(to).iter().take(32).take_while(mark).count();
    if text.at(to + marks) != b'\n' || !is_title(finds, from) {
        return false;
    }
    let gap = |byte: &&u8| byte.is_ascii_whitespace() || matches!(**byte, b'>' | b'`' | b'"');
    let gap = text.from(to + marks).iter().take(24).take_while(gap).count();
    let start = to + marks + gap;
    let length = text.from(start).iter().take(512).take_while(|byte| !byte.is_ascii_whitespace()).count();
    let value = finds.str(start, start + length).trim_end_matches(['`', '"']);
    let lines = text.range(to + marks, start).iter().filter(|byte| **byte == b'\n').count();
    let (mut digits, mut capitals, mut small, mut signs) = (0, 0, 0, 0);
    for byte in value.bytes() {
        digits += usize::from(byte.is_ascii_digit());
        capitals += usize::from(byte.is_ascii_uppercase());
        small += usize::from(byte.is_ascii_lowercase());
        signs += usize::from(byte.is_ascii_punctuation());
    }
    let classes = [digits, capitals, small, signs].iter().filter(|count| **count > 0).count();
    let looks = match named {
        Named::Password => {
            value.is_ascii()
                && value.len() >= 7
                && (classes >= 3 || classes == 2 && super::rarity::rarity(value.as_bytes()) > 60)
        }
        _ => value.len() >= 20,
    };
    let alone = matches!(text.at(text_end(finds, start + length)), b'\n' | b'\r' | 0);
    lines <= 3
        && alone
        && looks
        && !value.starts_with(['-', '@'])
        && !value.ends_with([':', ',', ';'])
        && !value.trim_end_matches('=').contains(['=', '(', '<'])
        && judge(finds, named, start, start + value.len(), Hold::Separated, 62)
}

/// Behind the blanks at `at`.
fn text_end(finds: &Finds<'_>, at: usize) -> usize {
    at + finds.bytes.from(at).iter().take(32).take_while(|byte| matches!(byte, b' ' | b'\t')).count()
}

/// What may stand around the name of a column in its cell.
fn cell_mark(c: char) -> bool {
    matches!(c, '"' | '`' | '*' | '#') || c.is_whitespace()
}

/// A line that may name columns.
#[derive(Clone)]
struct Line {
    whole: Range<usize>,
    /// The names, and what stands between them.
    head: Range<usize>,
    delimiter: Option<char>,
    /// It begins rows that are tabbed.
    dumped: bool,
}

impl Line {
    /// The longest part of one that is read before a name and behind it, in bytes.
    const REACH: usize = 1024;

    /// The line of a name, if others follow.
    fn around(finds: &Finds<'_>, from: usize, to: usize) -> Option<Self> {
        let text = finds.bytes;
        let end = to + memchr::memchr(b'\n', text.ahead(to, Self::REACH))?;
        let reach = from.saturating_sub(Self::REACH);
        let start = match memchr::memrchr(b'\n', text.range(reach, from)) {
            Some(end) => reach + end + 1,
            None if reach == 0 => 0,
            None => return None,
        };
        let whole = start..end;
        let line = finds.str(start, end);
        // `COPY t (login, password) FROM stdin;`: the rows are tabbed.
        let dumped = crate::kernel::redact::tables::dump(line).and_then(|names| Some((names, line.find(names)?)));
        let (head, marks) = match dumped {
            Some((names, at)) => (start + at..start + at + names.len(), &[','][..]),
            None => (start..end, &['|', '\t', ';', ','][..]),
        };
        let names = finds.str(head.start, head.end);
        let delimiter = marks.iter().copied().find(|delimiter| names.contains(*delimiter));
        Some(Self { whole, head, delimiter, dumped: dumped.is_some() })
    }
}

/// The name heads a column of a table: reads the cells below it. At most one table per stretch of text.
fn column(finds: &mut Finds<'_>, named: Named, from: usize, to: usize, progress: &mut Progress) -> bool {
    // The rows of a table hold no heads; and only so many of its columns are read.
    if progress.table.contains(&from) || from < progress.table.start && progress.columns >= COLUMNS_MAX {
        return false;
    }
    let known = progress.line.take().filter(|line| line.whole.contains(&from));
    let Some(line) = known.or_else(|| Line::around(finds, from, to)) else { return false };
    let Line { whole, head, delimiter, dumped } = progress.line.insert(line).clone();
    let (line_start, line_end) = (head.start, whole.end);
    let head = finds.str(head.start, head.end);
    let Some(delimiter) = delimiter else {
        return aligned(finds, named, from..to, line_start..line_end, progress);
    };
    let name = finds.str(from, to);
    let stop = line_start + head.len();
    let own = finds.str(line_start, from).rsplit(delimiter).next().map_or(from, |front| from - front.len());
    let own = finds.str(own, stop).split(delimiter).next().unwrap_or_default().trim_matches(cell_mark);
    // `Jeton d'accès`
    let purpose = |rest: &str| rest.split(' ').next().is_some_and(|word| PROSE.of(word) & PREPOSITION != 0);
    let serves = own.strip_prefix(name).and_then(|rest| rest.strip_prefix(' ')).is_some_and(purpose);
    if own != name && !own.ends_with(name) && !serves {
        return false;
    }
    let known = progress.head.as_ref().filter(|(line, _)| *line == (line_start..stop)).map(|(_, names)| *names);
    let names =
        known.unwrap_or_else(|| names_columns(head, delimiter) && !(delimiter == '|' && is_row(finds, line_start)));
    progress.head = Some((line_start..stop, names));
    if !names {
        return false;
    }
    let (rows, columns) = &progress.barren;
    if rows.contains(&from) && columns.len() >= COLUMNS_MAX {
        return false;
    }
    // In wikis the names of columns stand between two bars each: `||User||Password||`, and the rows between one.
    let doubled = delimiter == '|' && head.trim_start().starts_with("||");
    let count = |text: &str| if doubled { text.matches("||").count() } else { text.matches(delimiter).count() };
    let place = count(finds.str(line_start, from));
    let cells = count(head);
    if rows.contains(&from) && columns.contains(&(place, named)) {
        return false;
    }
    let delimiter = if dumped { '\t' } else { delimiter };
    let mut at = line_end + 1;
    let mut found = false;
    for row in finds.str(at, finds.text.len()).split_inclusive('\n') {
        if !may_read(finds, row) {
            break;
        }
        let start = at;
        at += row.len();
        let rule = row.trim_end().chars().all(|c| matches!(c, '-' | '+' | '|' | ':' | ' ' | '='));
        if rule && !row.trim().is_empty() {
            continue;
        }
        if row.matches(delimiter).count() != cells || row.len() > 16_384 {
            at = start;
            break;
        }
        let mut offset = start;
        for (i, cell) in row.split(delimiter).enumerate() {
            if i == place && cell.contains("***") {
                break;
            }
            if i == place {
                let lead = cell.len() - cell.trim_start_matches([' ', '"', '`', '\'', '*']).len();
                let value = cell.get(lead..).unwrap_or("").trim_end_matches([' ', '"', '`', '\n', '\r', '\'', '*']);
                found |= judge(finds, named, offset + lead, offset + lead + value.len(), Hold::Whole, 75);
                break;
            }
            offset += cell.len() + delimiter.len_utf8();
        }
    }
    if found {
        progress.columns = if progress.table.start == line_end + 1 { progress.columns + 1 } else { 1 };
        progress.table = line_end + 1..at;
        return true;
    }
    let (rows, columns) = &mut progress.barren;
    if rows.end != at {
        columns.clear();
        *rows = line_start..at;
    }
    columns.push((place, named));
    false
}

/// Whether the line that begins at `start` is a row between bars: the line above is a row too, or the rule between the
/// names of columns and the rows.
fn is_row(finds: &Finds<'_>, start: usize) -> bool {
    let above = finds.bytes.range(start.saturating_sub(1024), start.saturating_sub(1));
    let line = above.get(memchr::memrchr(b'\n', above).map_or(0, |end| end + 1)..).unwrap_or_default();
    line.trim_ascii().starts_with(b"|")
}

/// Whether every cell of a line may be the name of a column.
fn names_columns(head: &str, delimiter: char) -> bool {
    let cell = |c: char| {
        letters::is_word(c)
            || matches!(c, ' ' | '_' | '-' | '.' | '"' | '#' | '(' | ')' | '/' | '\r' | '*' | '\'' | '’')
    };
    // A row of values has numbers and versions among them: `apt`, `passwd`, `4.17`.
    let named = |name: &str| {
        let name = name.trim_matches(cell_mark);
        name.len() <= 48
            && name.chars().all(cell)
            && !name.starts_with(|c: char| c.is_ascii_digit() || c == '\'')
            && !name.ends_with('\'')
            && !value::withheld(name)
    };
    // `| Password | ******** |` is a row: what is covered heads nothing.
    let heads = head.split(delimiter).filter(|name| !name.trim().is_empty()).count();
    heads >= 2 && !head.contains("***") && head.split(delimiter).all(named)
}

/// The cells of a line whose columns are set apart by two spaces and more, and where each begins and ends.
fn spaced_cells(line: &str) -> impl Iterator<Item = (usize, usize)> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let rest = line.get(at..)?;
        let start = at + rest.len() - rest.trim_start_matches(' ').len();
        let cell = line.get(start..).filter(|cell| !cell.is_empty())?;
        let end = start + cell.find("  ").unwrap_or(cell.trim_end().len());
        at = end;
        (start < end).then_some((start, end))
    })
}

/// The name heads a column that is set with spaces: reads what stands below it. Prose has two spaces too, so that there
/// are three columns, or their names are capitals, or a rule follows.
fn aligned(
    finds: &mut Finds<'_>,
    named: Named,
    name: Range<usize>,
    line: Range<usize>,
    progress: &mut Progress,
) -> bool {
    let ends = finds.bytes.has(name.end, "  ") || matches!(finds.bytes.at(name.end), b'\n' | b'\r');
    if !ends || progress.barren.0.contains(&name.start) {
        return false;
    }
    let head = finds.str(line.start, line.end).trim_end();
    let own = (name.start - line.start, name.end - line.start);
    let text = |(start, end): (usize, usize)| head.get(start..end).unwrap_or("");
    let is_name = |cell: (usize, usize)| {
        let name = text(cell);
        name.len() <= 32
            && name.chars().all(|c| c.is_alphanumeric() || matches!(c, ' ' | '_' | '-'))
            && name.split(' ').count() <= 3
    };
    if !head.contains("  ") || !head.is_ascii() || !spaced_cells(head).all(is_name) {
        return false;
    }
    let count = spaced_cells(head).count();
    let rows = finds.str(line.end + 1, finds.text.len());
    let rule = rows.starts_with("--") || rows.starts_with("==");
    let Some(column) = spaced_cells(head)
        .find(|cell| cell.1 == own.1)
        .filter(|_| count >= 3 || count == 2 && (rule || !head.bytes().any(|byte| byte.is_ascii_lowercase())))
    else {
        return false;
    };
    let (mut at, mut found) = (line.end + 1, false);
    for row in rows.split_inclusive('\n') {
        if !may_read(finds, row) {
            break;
        }
        let (start, bare) = (at, row.trim_end());
        at += row.len();
        if bare.bytes().all(|byte| matches!(byte, b'-' | b'=' | b' ')) && !bare.is_empty() {
            continue;
        }
        if spaced_cells(bare).take(COLUMNS_MAX * 8).count() != count {
            at = start;
            break;
        }
        let cell = spaced_cells(bare).find(|(from, to)| *from < column.1 && column.0 < *to);
        if let Some((from, to)) = cell {
            found |= judge(finds, named, start + from, start + to, Hold::Separated, 75);
        }
    }
    if found {
        progress.columns = if progress.table.start == line.end + 1 { progress.columns + 1 } else { 1 };
        progress.table = line.end + 1..at;
    } else {
        // Its rows head none either.
        progress.barren = (line.end + 1..at, Vec::new());
    }
    found
}
