//! What a name says about the value beside it. Whole words only: `tokenizer`, `keyboard`, `max_tokens` and
//! `nextPageToken` name no secret.
use crate::kernel::redact::bits::{Bits, ByHash};
use crate::kernel::redact::letters;
use std::sync::LazyLock;

/// The kind of value a name promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Named {
    /// Something a person or program logs in with.
    Password,
    /// A key or token; `sure` when nothing else is called so (`client_secret`, `api_key`, not `token`).
    Key {
        /// See above.
        sure: bool,
    },
    /// A private key.
    Private,
    /// Perhaps the Base64 of a name and a password.
    Login,
}

/// Words that promise a password, alone or at the end of a word (`dbpassword`), in lower case.
#[rustfmt::skip]
const PASSWORDS: &[&str] = &[
    "password", "passwd", "passwort", "passphrase", "passcode", "pwd", "pswd", "psw", "passw", "passwrd", "pword",
    "userpass", "userpwd", "psk", "wpapsk", "pw", "dbpass", "rootpass", "adminpass", "storepass", "keypass", "sshpass", "smtppass",
    "mailpass", "ftppass", "requirepass", "masterauth", "pgpass", "mysqlpass", "bindpw", "rootpw", "bindpass",
    "kennwort", "contraseña", "contrasena", "contrasenya", "motdepasse", "senha", "heslo", "hasło", "haslo",
    "wachtwoord", "lösenord", "losenord", "adgangskode", "passord", "salasana", "parola", "parolă", "parolei", "şifre", "sifre", "şifresi",
    "parolası", "parolasi", "jelszó", "jelszo", "lozinka", "zaporka", "geslo", "slaptažodis", "slaptazodis", "parole", "parool",
    "salasõna", "sandi", "лозинка", "пароль", "пароля", "парола", "лозинку", "κωδικός", "סיסמה", "סיסמא", "passwords",
    "şifreniz", "sifreniz", "şifrem", "parolanız", "parolaniz", "jelszava", "jelszavam", "lösenordet", "losenordet",
    "passordet", "adgangskoden", "kodeord", "kodeordet", "salasanasi", "salasanani", "hasłem",
    "mdp", "pasahitza", "cyfrinair", "lykilorð", "fjalëkalimi", "fjalekalimi",
];

/// The same for scripts without spaces between words: found anywhere in the name.
#[rustfmt::skip]
const PASSWORD_PARTS: &[&str] = &[
    "密码", "密碼", "口令", "パスワード", "パスフレーズ", "暗証", "비밀번호", "암호", "패스워드", "كلمة المرور", "كلمة السر", "รหัสผ่าน",
    "mật khẩu", "पासवर्ड", "κωδικός πρόσβασης",
];

/// Phrases of two and three words.
#[rustfmt::skip]
const PASSWORD_PHRASES: &[&str] = &[
    "mot de passe", "palavra passe", "palavra-passe", "kata sandi", "kata laluan", "phrase secrète", "pass phrase",
    "pass word", "parola d'ordine", "κωδικός πρόσβασης", "clave de acceso", "hasło dostępu", "frase de contraseña", "mật khẩu",
];

/// Words that promise a token or secret, alone or at the end of a word (`accesstoken`).
#[rustfmt::skip]
const TOKENS: &[&str] = &[
    "token", "secret", "apikey", "secretkey", "accesskey", "authkey", "authtoken", "apitoken", "appkey", "appsecret",
    "clientsecret", "sharedkey", "accountkey", "masterkey", "signingkey", "encryptionkey", "apisecret",
    "sharedaccesskey", "subscriptionkey", "servicekey", "storagekey", "adminkey", "privatetoken", "credential",
    "credentials", "bearer", "jeton", "secreto", "segredo", "segreto", "hemlighet", "hemmelighed", "geheimnis",
    "geheim", "tajemství", "sekret", "titok", "токен", "секрет", "jetons", "schlüsselwort", "functionkey", "hostkey",
];

/// The same, anywhere in the name.
#[rustfmt::skip]
const TOKEN_PARTS: &[&str] = &[
    "密钥", "密鑰", "秘钥", "秘鑰", "令牌", "金鑰", "トークン", "シークレット", "APIキー", "秘密鍵", "アクセスキー", "토큰", "비밀 키", "비밀키", "API 키",
    "API키", "시크릿", "مفتاح API", "رمز", "โทเค็น", "टोकन",
];

/// Words for a key; what kind of key it is, a word beside them must say.
#[rustfmt::skip]
const KEYS: &[&str] = &[
    "key", "clé", "cle", "clave", "chave", "chiave", "klucz", "schlüssel", "schluessel", "sleutel", "nyckel", "nøgle",
    "nøkkel", "avain", "anahtar", "anahtarı", "anahtari", "kulcs", "klíč", "kľúč", "ključ", "cheie", "ключ", "ключа", "llave",
    "κλειδί", "kunci", "khóa",
];

/// What makes a key a secret one.
#[rustfmt::skip]
const SECRET_KINDS: &[&str] = &[
    "api", "secret", "access", "auth", "authentication", "authorization", "app", "application", "account", "storage",
    "shared", "sas", "master", "encryption", "signing", "sign", "service", "client", "consumer", "subscription",
    "admin", "write", "webhook", "integration", "hmac", "function", "functions", "host", "server", "root", "cipher",
    "crypto", "aes", "session", "jwt", "private", "connection", "license", "ingest", "ingestion", "deploy", "user",
    "personal", "project", "management", "rest", "live", "prod", "fernet", "salt", "bot", "org", "organization",
    "workspace", "instrumentation", "cookie", "secreta", "secrète", "secrete", "segreta", "segreto", "secreto",
    "geheimer", "geheim", "geheime", "hemlig", "tajny", "gizli", "секретный", "салт", "d'api", "zugriffs", "d’api",
    "acceso", "accès", "accesso", "acesso", "dostępu", "доступа", "aplikacji", "privée", "privada", "privata",
    "prywatny", "rahasia", "openai", "anthropic", "stripe", "aws", "azure", "gcp", "google", "github", "gitlab",
    "slack", "twilio", "sendgrid", "mailgun", "datadog", "dd", "newrelic", "cloudflare", "cf", "heroku", "algolia",
    "mapbox", "maps", "gemini", "openrouter", "cohere", "mistral", "groq", "huggingface", "hf", "pinecone",
    "deepgram", "elevenlabs", "airtable", "notion", "linear", "figma", "postman", "shopify", "square", "paypal",
    "plaid", "adyen", "braintree", "sentry", "grafana", "pagerduty", "okta", "auth0", "firebase", "supabase",
    "vercel", "netlify", "digitalocean", "linode", "vultr", "hetzner", "rollbar", "honeycomb", "splunk", "sumologic",
    "sumo", "elastic", "kibana", "redis", "mongo", "mongodb", "cosmos", "cosmosdb", "servicebus", "eventhub",
    "iothub", "search", "batch", "speech", "translator", "vision", "weather", "openweather", "rapidapi", "giphy",
    "youtube", "tmdb", "nasa", "alchemy", "infura", "etherscan", "moralis", "coinbase", "binance", "kraken",
    "bitfinex", "kucoin", "snyk", "sonar", "codecov", "coveralls", "circleci", "travis", "bitrise", "buildkite",
    "jenkins", "artifactory", "nexus", "nuget", "rubygems", "npm", "pypi", "docker", "dockerhub", "quay", "terraform",
    "tfc", "vault", "consul", "nomad", "launchdarkly", "split", "segment", "mixpanel", "amplitude", "intercom",
    "zendesk", "freshdesk", "hubspot", "salesforce", "mailchimp", "mandrill", "klaviyo", "sendinblue", "brevo",
    "postmark", "sparkpost", "mailjet", "vonage", "nexmo", "plivo", "telnyx", "messagebird", "telegram", "discord",
    "line", "wechat", "asana", "trello", "clickup", "monday", "jira", "atlassian", "confluence", "bitbucket",
    "dropbox", "box", "contentful", "sanity", "cloudinary", "imgur", "unsplash", "pexels", "bunny", "fastly",
    "akamai", "lambda", "replicate", "perplexity", "deepseek", "xai", "fireworks", "together", "voyage", "jina",
    "tavily", "serper", "serpapi", "exa", "brave", "bing", "firecrawl", "wandb", "langsmith", "langfuse", "posthog",
    "sumup", "mollie", "razorpay", "paystack", "flutterwave", "checkout", "lob", "easypost", "shippo", "stytch",
    "clerk", "workos", "doppler", "infisical", "tailscale", "ngrok", "scaleway", "ovh", "ibm", "oracle", "alibaba",
    "tencent", "yandex", "databricks", "snowflake", "confluent", "kafka", "dynatrace", "logz", "loggly", "papertrail",
    "bugsnag", "airbrake", "instana", "appdynamics", "prefect", "astronomer", "dbt", "fivetran", "airbyte", "hasura",
    "fauna", "planetscale", "neon", "turso", "upstash", "cockroach", "couchbase", "meilisearch", "typesense",
    "weaviate", "qdrant", "chroma", "zilliz",
];

/// Words before a secret word that make it something else.
#[rustfmt::skip]
const NOT_BEFORE: &[&str] = &[
    "public", "publishable", "primary", "foreign", "partition", "sort", "range", "csrf", "xsrf", "antiforgery",
    "authenticity", "next", "prev", "previous", "page", "pagination", "continuation", "cursor", "progress", "sync",
    "delta", "skip", "scroll", "max", "min", "num", "total", "cancel", "cancellation", "idempotency", "cache", "site",
    "recaptcha", "sitekey", "forgot", "forgotten", "lost", "failed", "no", "without", "invalid", "incorrect", "wrong",
    "missing", "expired", "bad", "reset", "nextpagetoken", "pagetoken", "synctoken", "continuationtoken", "nexttoken",
    "progresstoken", "prevpagetoken", "starttoken", "requires", "require", "needs", "has", "is", "show", "hide", "toggle",
    "allow", "disable", "validate", "check", "verify", "verification", "masked", "hashed", "device", "push", "prompt",
    "completion", "output", "input", "stop", "eos", "bos", "pad", "unk", "sep", "cls", "special", "mask", "per",
    "resume", "change", "lock", "fencing", "watermark", "start", "end", "dedup", "ordering", "unsubscribe", "ticker",
    "native", "governance", "reward", "erc20", "nft", "payment", "translation", "object", "blob", "s3", "bucket",
    "row", "hash", "map", "dictionary", "index", "composite", "unique", "natural", "surrogate", "candidate", "super",
    "routing", "group", "hot", "arrow", "escape", "shift", "registry", "signature", "upload", "correlation", "trace",
    "request", "operation", "task", "run", "snapshot", "version", "invalidate", "remaining", "used",
    "estimated", "reasoning", "cached",
];

/// Words that may follow the secret word without changing what it promises.
#[rustfmt::skip]
const MAY_FOLLOW: &[&str] = &[
    "base", "value", "val", "text", "plain", "plaintext", "cleartext", "clear", "raw", "env", "prod", "production",
    "staging", "stage", "dev", "development", "test", "testing", "live", "local", "default", "primary", "secondary",
    "current", "new", "old", "previous", "main", "backup", "admin", "root", "user", "db", "database", "string",
    "base64", "b64", "b", "encoded", "write", "read", "rw", "ro", "readonly", "app", "web", "api", "bot", "client",
    "server", "service", "master", "slave", "replica", "confirm", "confirmation", "repeat", "again", "generated",
    "initial", "temp", "temporary", "one", "two", "first", "second", "eu", "us", "usa", "uk", "de", "gb", "ci",
    "here", "key", "secret", "token", "hours", "v", "c", "input", "field", "param", "arg", "str", "bytes",
    "phrase", "neu", "alt", "nuevo", "nueva", "nouveau", "nova", "nieuw", "nowe",
];

/// Words about a secret that are no secret: what stands where a value would in prose and schemas.
#[rustfmt::skip]
const ABOUT: &[&str] = &[
    "string", "options", "option", "flag", "flags", "argument", "arguments", "is", "was", "are", "be", "been", "has",
    "have", "must", "should", "can", "cannot", "may", "might", "will", "would", "does", "did", "for", "from", "to",
    "of", "in", "on", "at", "by", "or", "and", "with", "without", "not", "the", "a", "an", "your", "my", "our",
    "their", "his", "her", "its", "this", "that", "these", "those", "it", "if", "when", "while", "as", "than", "then",
    "required", "optional", "invalid", "valid", "incorrect", "correct", "wrong", "missing", "expired", "reset",
    "changed", "updated", "set", "unset", "created", "deleted", "removed", "sent", "hidden", "protected", "needed",
    "please", "enter", "type", "name", "field", "policy", "length", "minimum", "maximum", "least", "characters",
    "digits", "letters", "manager", "prompt", "hash", "hashed", "encrypted", "stored", "rotation", "expires",
    "expiry", "authentication", "authorization", "login", "user", "users", "username", "account", "accounts", "error",
    "failed", "failure", "denied", "accepted", "verified", "generated", "unknown", "none", "null", "true", "false",
    "number", "integer", "boolean", "object", "array", "text", "input", "value", "default", "example", "description",
    "format", "also", "both", "each", "every", "all", "any", "some", "no", "yes", "only", "same", "new", "old",
    "again", "later", "here", "there", "below", "above", "following", "redacted", "masked", "secret", "see", "use",
    "used", "using", "uses", "requires", "require", "contains", "contain", "include", "includes", "now", "once",
    "first", "last", "after", "before", "until", "through", "via", "per", "so", "but", "because", "about", "between",
    "against", "let", "const", "var", "return", "function", "class", "def", "self", "ist", "sind", "und", "oder",
    "der", "die", "das", "le", "la", "les", "el", "los", "un", "une", "est", "es", "et", "ou", "pour", "por", "para",
    "con", "och", "een", "het", "en", "és", "do", "da", "na", "w", "z", "i",
];

/// Words that join a key to what it is for: `clave de API`.
const JOINS: &[&str] = &["de", "d", "do", "da", "di", "del", "of", "for", "van", "til", "för"];

/// Words for private.
const PRIVATE: &[&str] = &["private", "privada", "privata", "privée", "prywatny", "privat"];

/// The lists a word is on, as bits.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Lists(u16);

impl Lists {
    const PASSWORD: u16 = 1;
    const TOKEN: u16 = 2;
    const KEY: u16 = 4;
    const KIND: u16 = 8;
    const NOT_BEFORE: u16 = 16;
    const MAY_FOLLOW: u16 = 32;
    const ABOUT: u16 = 64;
    const JOIN: u16 = 128;
    const PRIVATE: u16 = 256;
    const PASS: u16 = 512;
    const SURE: u16 = 1024;

    fn on(self, lists: u16) -> bool {
        self.0 & lists != 0
    }
}

/// Which lists words are on, whatever their case: one look for each word.
pub(super) struct WordLists {
    lists: ByHash<16>,
    /// The length of the longest word, in characters.
    longest: usize,
}

impl WordLists {
    /// Of these lists, each with its bit.
    pub(super) fn new(lists: &[(&[&str], u16)]) -> Self {
        let count: usize = lists.iter().map(|(words, _)| words.len()).sum();
        let longest = lists.iter().flat_map(|(words, _)| *words).map(|word| word.chars().count()).max().unwrap_or(0);
        let mut all = Self { lists: ByHash::new((count * 2).next_power_of_two()), longest };
        for (words, bit) in lists {
            for word in *words {
                let known = all.of(word);
                all.lists.put(hashed(word), u64::from(known | bit));
            }
        }
        all
    }

    /// The bits of the lists that a word is on.
    pub(super) fn of(&self, word: &str) -> u16 {
        let is_long = word.len() > self.longest && word.chars().count() > self.longest;
        if is_long { 0 } else { self.lists.get(hashed(word)) as u16 }
    }
}

/// Every listed word.
struct Listed {
    words: WordLists,
    /// What the words end with, those that count at the end of others, and those without one of which no name
    /// promises anything.
    tails: Tails,
    ends: Tails,
    endings: Endings,
    promising: Tails,
    parts: Parts,
}

/// The words that count at the end of others, by a hash that is made from the end.
struct Endings(ByHash<16>);

impl Endings {
    /// The shortest and the longest that counts, in bytes.
    const LENGTHS: std::ops::RangeInclusive<usize> = 5..=32;

    fn new(lists: &[(&[&str], u16)]) -> Self {
        let count: usize = lists.iter().map(|(words, _)| words.len()).sum();
        let mut all = Self(ByHash::new((count * 2).next_power_of_two()));
        for (words, bit) in lists {
            for word in *words {
                let hash = word.chars().rev().fold(FNV, back);
                all.0.put(hash, all.0.get(hash) | u64::from(*bit));
            }
        }
        all
    }

    /// The lists of the longest that a word ends in but is not.
    fn longest(&self, word: &str) -> Lists {
        let (mut hash, mut length, mut found) = (FNV, 0, Lists(0));
        for character in word.chars().rev() {
            hash = back(hash, character);
            length += character.len_utf8();
            if length >= word.len() || length > *Self::LENGTHS.end() {
                break;
            }
            match self.0.get(hash) as u16 {
                lists if lists != 0 && length >= *Self::LENGTHS.start() => found = Lists(lists),
                _ => {}
            }
        }
        found
    }
}

/// The hash of the small letter of a character and those behind it.
fn back(hash: u64, character: char) -> u64 {
    let mut hash = hash;
    letters::small(character, |small| {
        hash = small.encode_utf8(&mut [0; 4]).bytes().rev().fold(hash, step);
    });
    hash
}

/// The first letters beyond ASCII of what is looked for anywhere in a name.
struct Parts(Bits);

impl Parts {
    fn new() -> Self {
        let mut first = Bits::new(1 << 16);
        for part in PASSWORD_PARTS.iter().chain(TOKEN_PARTS) {
            part.chars().find(|c| !c.is_ascii()).iter().for_each(|c| first.add(u32::from(*c) as usize));
        }
        Self(first)
    }

    /// Whether some may be in it.
    fn any(&self, name: &str) -> bool {
        name.chars().any(|c| !c.is_ascii() && self.0.has(u32::from(c) as usize))
    }
}

/// The last four letters of words, hashed: what is not in here is the end of none.
struct Tails(Bits);

impl Tails {
    /// The last four bytes of any case, the last of them highest.
    fn of(word: &[u8]) -> u32 {
        word.iter()
            .rev()
            .take(4)
            .enumerate()
            .fold(0, |four, (back, byte)| four | u32::from(byte | 0x20) << (24 - 8 * back))
    }

    /// For none yet.
    fn new() -> Self {
        Self(Bits::new(1 << 14))
    }

    fn place(four: u32) -> usize {
        (four.wrapping_mul(0x9E37_79B9) >> 18) as usize
    }

    fn add(&mut self, word: &str) {
        self.0.add(Self::place(Self::of(word.as_bytes())));
    }

    fn has(&self, four: u32) -> bool {
        self.0.has(Self::place(four))
    }

    /// Whether a word may end so.
    fn may_end(&self, word: &str) -> bool {
        self.has(if word.is_ascii() { Self::of(word.as_bytes()) } else { Self::of_small(word) })
    }

    /// The last four bytes of the small letters.
    fn of_small(word: &str) -> u32 {
        let (mut four, mut count) = (0, 0);
        for character in word.chars().rev().take(4) {
            let (mut bytes, mut length) = ([0; 16], 0);
            letters::small(character, |small| {
                let written = bytes
                    .get_mut(length..)
                    .filter(|rest| rest.len() >= 4)
                    .map_or(0, |rest| small.encode_utf8(rest).len());
                length += written;
            });
            for byte in bytes.iter().take(length).rev().take(4 - count) {
                four |= u32::from(byte | 0x20) << (24 - 8 * count);
                count += 1;
            }
        }
        four
    }

    /// Whether some word of a text of ASCII may end so, wherever it begins.
    fn may_stand(&self, text: &str) -> bool {
        let mut four = 0u32;
        let mut all = text.bytes().peekable();
        while let Some(byte) = all.next() {
            four = four >> 8 | u32::from(byte | 0x20) << 24;
            // No word ends before a small letter.
            let ends = byte.is_ascii_alphabetic() && !all.peek().is_some_and(u8::is_ascii_lowercase);
            if ends && [four, four & !0xFF, four & !0xFFFF].iter().any(|four| self.has(*four)) {
                return true;
            }
        }
        false
    }
}

static LISTED: LazyLock<Listed> = LazyLock::new(|| {
    let lists: [(&[&str], u16); 11] = [
        (PASSWORDS, Lists::PASSWORD),
        (TOKENS, Lists::TOKEN),
        (KEYS, Lists::KEY),
        (SECRET_KINDS, Lists::KIND),
        (NOT_BEFORE, Lists::NOT_BEFORE),
        (MAY_FOLLOW, Lists::MAY_FOLLOW),
        (ABOUT, Lists::ABOUT),
        (JOINS, Lists::JOIN),
        (PRIVATE, Lists::PRIVATE),
        (&["pass"], Lists::PASS),
        (&["secret", "apikey"], Lists::SURE),
    ];
    let (mut tails, mut ends, mut promising) = (Tails::new(), Tails::new(), Tails::new());
    PASSWORD_PHRASES.iter().filter(|phrase| phrase.is_ascii()).for_each(|phrase| promising.add(phrase));
    for (words, bit) in lists {
        for word in words {
            tails.add(word);
            if matches!(bit, Lists::PASSWORD | Lists::TOKEN) {
                ends.add(word);
            }
            if matches!(bit, Lists::PASSWORD | Lists::TOKEN | Lists::KEY | Lists::PASS) {
                promising.add(word);
            }
        }
    }
    let endings = Endings::new(&[(PASSWORDS, Lists::PASSWORD), (TOKENS, Lists::TOKEN)]);
    Listed { words: WordLists::new(&lists), tails, ends, endings, promising, parts: Parts::new() }
});

/// Of FNV-1a.
const FNV: u64 = 0xCBF2_9CE4_8422_2325;

fn step(hash: u64, byte: u8) -> u64 {
    (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3)
}

/// FNV-1a over the small letters.
fn hashed(word: &str) -> u64 {
    if word.is_ascii() {
        word.bytes().fold(FNV, |hash, byte| step(hash, byte.to_ascii_lowercase()))
    } else {
        let (mut hash, mut buffer) = (FNV, [0; 4]);
        word.chars().for_each(|c| {
            letters::small(c, |small| hash = small.encode_utf8(&mut buffer).bytes().fold(hash, step));
        });
        hash
    }
}

/// The lists that `word` itself is on.
fn lists(word: &str) -> Lists {
    if word.len() > 32 || !LISTED.tails.may_end(word) {
        return Lists(0);
    }
    Lists(LISTED.words.of(word))
}

/// The lists of a word, and of what it ends in: `dbpassword`, `accesstoken`.
fn lists_of(word: &str) -> Lists {
    let own = lists(word);
    if own.0 != 0 || word.len() < 7 || !LISTED.ends.may_end(word) {
        return own;
    }
    LISTED.endings.longest(word)
}

/// Whether a word is one of those that promise a secret.
pub fn stem(word: &str) -> bool {
    lists_of(word).on(Lists::PASSWORD | Lists::TOKEN | Lists::KEY | Lists::PASS)
}

/// Whether a word talks about secrets instead of being one.
pub fn about(word: &str) -> bool {
    lists_of(word).on(Lists::ABOUT | Lists::PASSWORD | Lists::TOKEN | Lists::KEY | Lists::PASS)
}

/// Whether the last of some words takes back what a name behind it promises: `cache key`.
pub fn denied(before: &str) -> bool {
    before.split(' ').rfind(|word| !word.is_empty()).is_some_and(|word| lists(word).on(Lists::NOT_BEFORE))
}

/// Whether an identifier names a secret anywhere (`user_password`, `getPassword`): then it is a name, not a value.
pub fn mentions(identifier: &str) -> bool {
    let mut found = false;
    // Two letters are in many draws.
    let spelled = identifier.contains('_') || identifier.len() <= 4;
    words(identifier, |word| found = found || (word.len() > 2 || spelled) && stem(word));
    found
}

/// The words of an identifier: split at everything but letters and digits, where small letters turn to
/// capitals, and before the last of several capitals that small letters follow.
fn words(identifier: &str, mut each: impl FnMut(&str)) {
    let mut start = 0;
    let (mut before, mut before_that) = (' ', ' ');
    let mut last = 0;
    for (i, c) in identifier.char_indices() {
        let inside = c.is_ascii_alphanumeric() || c == '\'' || !c.is_ascii() && !c.is_whitespace() && !c.is_control();
        if !inside {
            emit(identifier, start, i, &mut each);
            start = i + c.len_utf8();
        } else if letters::is_capital(c) && (letters::is_small(before) || before.is_ascii_digit()) {
            emit(identifier, start, i, &mut each);
            start = i;
        } else if letters::is_small(c)
            && letters::is_capital(before)
            && letters::is_capital(before_that)
            && last > start
        {
            emit(identifier, start, last, &mut each);
            start = last;
        }
        (before_that, before, last) = (before, c, i);
    }
    emit(identifier, start, identifier.len(), &mut each);
}

fn emit(identifier: &str, start: usize, end: usize, each: &mut impl FnMut(&str)) {
    let word = identifier.get(start..end).unwrap_or("").trim_end_matches(|c: char| c.is_ascii_digit());
    if !word.is_empty() {
        each(word);
    }
}

/// What a name promises: an identifier in any spelling or a phrase of a few words. Read at most once per name.
pub fn named(name: &str) -> Option<Named> {
    if name.len() > 160 {
        return None;
    }
    if name.is_ascii() {
        if !LISTED.promising.may_stand(name) {
            return None;
        }
    } else if LISTED.parts.any(name) {
        if PASSWORD_PARTS.iter().any(|part| name.contains(part)) {
            return Some(Named::Password);
        }
        if TOKEN_PARTS.iter().any(|part| name.contains(part)) {
            return Some(Named::Key { sure: false });
        }
    }
    // The last words of the name, compared from the end: most differ there at once.
    let ends = |phrase: &str| {
        if name.is_ascii() {
            if name.bytes().last().map(|last| last.to_ascii_lowercase()) != phrase.bytes().last() {
                return false;
            }
            let end = name.len().checked_sub(phrase.len()).and_then(|at| name.get(at..));
            return end.is_some_and(|end| end.eq_ignore_ascii_case(phrase));
        }
        let last = |text: &str| text.as_bytes().last().copied().filter(u8::is_ascii).unwrap_or(0);
        if last(phrase) != 0 && !last(phrase).eq_ignore_ascii_case(&last(name)) {
            return false;
        }
        let mut name = name.chars().rev();
        phrase.chars().rev().all(|c| name.next().is_some_and(|n| n == c || n.to_lowercase().eq([c])))
    };
    if name.len() == 10 && name.eq_ignore_ascii_case("motdepasse") || name.eq_ignore_ascii_case("mot_de_passe") {
        return Some(Named::Password);
    }
    if (name.contains([' ', '-']) || !name.is_ascii()) && PASSWORD_PHRASES.iter().any(|phrase| ends(phrase)) {
        return Some(Named::Password);
    }
    // `MOT_DE_PASSE_BDD`: what it lets in to follows.
    const FRENCH: &str = "mot_de_passe_";
    if name.len() > FRENCH.len() && name.get(..FRENCH.len()).is_some_and(|head| head.eq_ignore_ascii_case(FRENCH)) {
        #[rustfmt::skip]
        const OF: &[&str] = &[
            "bdd", "db", "bd", "base", "admin", "root", "smtp", "ftp", "sftp", "prod", "dev", "test", "app", "appli",
            "user", "utilisateur", "mail", "redis", "postgres", "mysql", "sql", "api", "ldap", "wifi", "systeme",
            "service", "serveur", "compte", "client",
        ];
        let last = name.rsplit('_').next().unwrap_or_default();
        return OF.iter().any(|of| last.eq_ignore_ascii_case(of)).then_some(Named::Password);
    }
    // What tells one request from its repetition has this name at Amazon, where it is a UUID.
    if name.len() == 11 && name.eq_ignore_ascii_case("ClientToken") || name == "ClientRequestToken" {
        return Some(Named::Key { sure: false });
    }
    // A variable of the environment holds nothing else.
    let capitals = name.contains('_') && !name.bytes().any(|byte| byte.is_ascii_lowercase());
    let mut verdict: Option<Named> = None;
    let (mut before, mut secret_kind, mut key, mut private, mut stopped) = (false, false, false, false, false);
    words(name, |word| {
        let lists = lists_of(word);
        let kind = lists.on(Lists::KIND);
        private |= lists.on(Lists::PRIVATE);
        if lists.on(Lists::PASSWORD | Lists::PASS) {
            verdict = (!before).then_some(Named::Password);
            stopped = before;
        } else if lists.on(Lists::TOKEN) {
            let long = word.len() > 6 && word.chars().count() > 6;
            let sure = capitals
                || long
                || lists.on(Lists::SURE)
                || secret_kind
                || matches!(verdict, Some(Named::Key { sure: true }));
            verdict = (!before).then_some(Named::Key { sure });
            stopped = before;
        } else if lists.on(Lists::KEY) {
            key = true;
            if verdict == Some(Named::Password) {
                verdict = None;
            }
        } else if verdict.is_some() && !lists.on(Lists::MAY_FOLLOW) && (!kind || verdict == Some(Named::Password)) {
            verdict = None;
            stopped = true;
        } else if key && !kind && !lists.on(Lists::MAY_FOLLOW | Lists::JOIN) {
            key = false;
        }
        secret_kind |= kind;
        before |= lists.on(Lists::NOT_BEFORE);
    });
    if stopped {
        return None;
    }
    let secret_key = key && secret_kind && !before;
    verdict.or_else(|| secret_key.then_some(if private { Named::Private } else { Named::Key { sure: true } }))
}

#[cfg(test)]
mod tests {
    use super::{Named, named};

    #[test]
    fn names_of_passwords_are_known_in_twenty_languages_and_every_spelling() {
        for name in [
            "password",
            "PASSWORD",
            "db_password",
            "POSTGRES_PASSWORD",
            "spring.datasource.password",
            "dbPassword",
            "userPassword",
            "PGPASSWORD",
            "MYSQL_PWD",
            "passwd",
            "Passwort",
            "contraseña",
            "Contraseña",
            "mot de passe",
            "Mot de passe",
            "senha",
            "heslo",
            "hasło",
            "wachtwoord",
            "lösenord",
            "adgangskode",
            "salasana",
            "parola",
            "şifre",
            "jelszó",
            "пароль",
            "Пароль",
            "密码",
            "パスワード",
            "비밀번호",
            "كلمة المرور",
            "סיסמה",
            "รหัสผ่าน",
            "mật khẩu",
            "kata sandi",
            "passphrase",
            "password2",
            "password_confirmation",
            "new password",
            "storepass",
            "auth.pass",
            "κωδικός",
        ] {
            assert_eq!(named(name), Some(Named::Password), "{name}");
        }
    }

    #[test]
    fn names_of_keys_need_a_word_that_says_which_key() {
        for name in [
            "api_key",
            "apiKey",
            "API key",
            "X-API-Key",
            "secret_key",
            "client_secret",
            "AWS_SECRET_ACCESS_KEY",
            "access token",
            "accessToken",
            "token",
            "auth_token",
            "GITHUB_TOKEN",
            "STRIPE_SECRET_KEY",
            "AccountKey",
            "SharedAccessKey",
            "clé API",
            "clave de API",
            "clave secreta",
            "API-Schlüssel",
            "chave de API",
            "API密钥",
            "APIキー",
            "токен",
            "Zugriffstoken",
            "DD_APP_KEY",
            "Ocp-Apim-Subscription-Key",
            "jwtSecret",
            "webhook_secret",
            "_authToken",
            "refresh_token",
            "AZURE_STORAGE_KEY",
        ] {
            assert!(matches!(named(name), Some(Named::Key { .. })), "{name}: {:?}", named(name));
        }
        assert_eq!(named("private_key"), Some(Named::Private));
        assert_eq!(named("privateKey"), Some(Named::Private));
    }

    #[test]
    fn names_of_other_things_are_left_alone() {
        for name in [
            "max_tokens",
            "tokenizer",
            "nextPageToken",
            "progressToken",
            "keyId",
            "key_id",
            "public_key",
            "primary_key",
            "keyboard",
            "key",
            "keys",
            "monkey",
            "token_type",
            "TOKEN_TTL",
            "SECRET_NAME",
            "PASSWORD_MIN_LENGTH",
            "passwordResetLink",
            "password_policy",
            "private_key_id",
            "csrf_token",
            "page_token",
            "continuation token",
            "token_count",
            "total_tokens",
            "secretName",
            "client_id",
            "partition_key",
            "compass",
            "bypass",
            "access",
            "passport",
            "password_reset_at",
            "AWS_ACCESS_KEY_ID",
            "tokens",
            "forgot password",
            "Failed password",
            "apiKeyId",
            "key_vault_name",
            "token_url",
            "secret_id",
            "passenger",
            "idempotency_key",
            "publishable_key",
            "sort_key",
            "password_hash",
            "secretary",
            "author",
            "sort key",
            "keyword",
        ] {
            assert_eq!(named(name), None, "{name}");
        }
    }
}
