//! What a name says about the value beside it. Whole words only: `tokenizer`, `keyboard`, `max_tokens` and
//! `nextPageToken` name no secret.
use crate::kernel::redact::bits::{Bits, ByHash};
use crate::kernel::redact::letters::{self, Entry};
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
    "mdp", "pasahitza", "cyfrinair", "lykilorð", "lykilorðið", "fjalëkalimi", "fjalekalimi", "fjalëkalim", "fjalekalim",
    "wagwoord", "nenosiri", "contrasinal", "pasfhocal", "iphasiwedi", "şifrə", "parol", "passwuert", "pasvorto", "aðgangsorð",
    "jelszavad", "jelszót", "parolele", "parolu", "паролем", "паролі", "паролю", "лозинка", "συνθηματικό", "κωδικό",
];

/// The same for scripts without spaces between words: found anywhere in the name.
#[rustfmt::skip]
const PASSWORD_PARTS: &[&str] = &[
    "密码", "密碼", "口令", "비번", "パスワード", "パスフレーズ", "暗証", "비밀번호", "암호", "패스워드", "كلمة المرور", "كلمة السر", "รหัสผ่าน",
    "mật khẩu", "पासवर्ड", "κωδικός πρόσβασης", "कूटशब्द", "संकेतशब्द", "পাসওয়ার্ড", "পাসওয়ার্ড", "গোপন শব্দ", "ਪਾਸਵਰਡ", "પાસવર્ડ", "ପାସୱାର୍ଡ",
    "கடவுச்சொல்", "கடவுச்சொல்", "பாஸ்வேர்டு", "పాస్‌వర్డ్", "పాస్వర్డ్", "ಪಾಸ್‌ವರ್ಡ್", "ಪಾಸ್ವರ್ಡ್", "പാസ്‌വേഡ്", "പാസ്വേഡ്", "പാസ്‌വേർഡ്",
    "രഹസ്യവാക്ക്", "මුරපදය", "စကားဝှက်", "ពាក្យសម្ងាត់", "លេខសម្ងាត់", "ລະຫັດຜ່ານ", "የይለፍ ቃል", "رمز عبور", "رمز ورود",
    "گذرواژه", "گذر واژه", "کلمه عبور", "كلمه عبور", "پسورد", "پاس ورڈ", "پاسورڈ", "الرقم السري", "كلمة مرور", "كلمة سر", "رمز المرور",
    "סיסמת", "ססמה", "ססמא", "პაროლი", "գաղտնաբառ", "Գաղտնաբառ", "құпия сөз", "Құпия сөз", "құпиясөз", "нууц үг", "Нууц үг", "พาสเวิร์ด",
];

/// Phrases of two and three words.
#[rustfmt::skip]
const PASSWORD_PHRASES: &[&str] = &[
    "mot de passe", "palavra passe", "palavra-passe", "kata sandi", "kata laluan", "phrase secrète", "pass phrase",
    "pass word", "parola d'ordine", "κωδικός πρόσβασης", "clave de acceso", "hasło dostępu", "frase de contraseña", "mật khẩu",
    "neno la siri", "neno siri", "focal faire", "kata kunci masuk", "palabra de paso", "wifi key", "wi-fi key", "wlan key",
    "wpa key", "wpa2 key", "wep key", "network security key", "clé wifi", "clé wi-fi", "clé wpa", "clé wep", "clé du wifi",
    "clave wifi", "clave wi-fi", "clave wpa", "clave del wifi", "chave wifi", "chave do wifi", "chiave wifi", "chiave wi-fi",
    "chiave wpa", "wlan-schlüssel", "wlan schlüssel", "wifi-schlüssel", "wpa-schlüssel", "wlan-sleutel", "wifi-sleutel",
    "klucz wifi", "klucz sieci wifi", "klíč wifi", "ключ wifi", "ключ wi-fi", "wifi-nyckel", "wifi anahtarı",
];

/// Words that promise a token or secret, alone or at the end of a word (`accesstoken`).
#[rustfmt::skip]
const TOKENS: &[&str] = &[
    "token", "secret", "apikey", "secretkey", "accesskey", "authkey", "authtoken", "apitoken", "appkey", "appsecret",
    "clientsecret", "sharedkey", "accountkey", "masterkey", "signingkey", "encryptionkey", "apisecret",
    "sharedaccesskey", "subscriptionkey", "servicekey", "storagekey", "adminkey", "privatetoken", "credential",
    "credentials", "bearer", "jeton", "secreto", "segredo", "segreto", "hemlighet", "hemmelighed", "geheimnis",
    "geheim", "tajemství", "sekret", "titok", "токен", "секрет", "jetons", "schlüsselwort", "functionkey", "hostkey",
    "jsessionid", "phpsessid",
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
    "estimated", "reasoning", "cached", "encrypted", "enc", "sealed", "enciphered", "ciphered",
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
#[derive(Clone, Copy, Default, PartialEq, Eq)]
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
    /// Those of words that promise something.
    const STEM: u16 = Self::PASSWORD | Self::TOKEN | Self::KEY | Self::PASS;

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
    /// What the words end with, and those that count at the end of others.
    tails: Tails,
    ends: Tails,
    /// And those without which no name of ASCII promises anything.
    promising: Tails,
    endings: Endings,
    parts: Parts,
    /// The last characters of phrases.
    lasts: Bits,
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

/// What is looked for anywhere in a name, by its first letter beyond ASCII.
struct Parts {
    first: Bits,
    all: Vec<Part>,
}

/// The letter, how far it stands in the part, and the part; and in the word of the part that it is of.
struct Part {
    letter: char,
    ahead: usize,
    text: &'static str,
    word: (usize, &'static str),
}

/// Whether a text stands in another so far before `at`.
fn stands(within: &str, at: usize, ahead: usize, text: &str) -> bool {
    at.checked_sub(ahead).and_then(|at| within.get(at..)).is_some_and(|rest| rest.starts_with(text))
}

impl Parts {
    fn new() -> Self {
        let (mut first, mut all) = (Bits::new(1 << 16), Vec::new());
        for part in PASSWORD_PARTS.iter().chain(TOKEN_PARTS) {
            if let Some((ahead, letter)) = part.char_indices().find(|(_, c)| !c.is_ascii()) {
                first.add(u32::from(letter) as usize);
                let space = part.get(..ahead).and_then(|front| front.rfind(' ')).map_or(0, |space| space + 1);
                let word = part.get(space..).and_then(|rest| rest.split(' ').next()).unwrap_or(part);
                all.push(Part { letter, ahead, text: part, word: (ahead - space, word) });
            }
        }
        Self { first, all }
    }

    /// Those whose letter stands in a text, and where.
    fn near<'p>(&'p self, text: &str) -> impl Iterator<Item = (usize, &'p Part)> {
        let letters = text.char_indices().filter(|(_, c)| !c.is_ascii() && self.first.has(u32::from(*c) as usize));
        letters.flat_map(|(at, c)| self.all.iter().filter(move |part| part.letter == c).map(move |part| (at, part)))
    }

    /// Whether a word of a phrase may be of some.
    fn may(&self, text: &str) -> bool {
        self.near(text).any(|(at, part)| stands(text, at, part.word.0, part.word.1))
    }

    /// What those in a name promise: a password, when one of them does.
    fn promise(&self, name: &str) -> Option<Named> {
        let mut found = None;
        for (_, part) in self.near(name).filter(|(at, part)| stands(name, *at, part.ahead, part.text)) {
            if PASSWORD_PARTS.contains(&part.text) {
                return Some(Named::Password);
            }
            found = Some(Named::Key { sure: false });
        }
        found
    }
}

/// The last four letters of words, hashed: what is not in here is the end of none.
struct Tails(Bits);

impl Tails {
    /// For none yet.
    fn new() -> Self {
        Self(Bits::new(1 << 14))
    }

    fn place(tail: u32) -> usize {
        (tail.wrapping_mul(0x9E37_79B9) >> 18) as usize
    }

    fn add(&mut self, word: &str) {
        self.0.add(Self::place(Word::of(word).tail));
    }

    /// Whether a word may end so; see [`Word::tail`].
    fn has(&self, tail: u32) -> bool {
        self.0.has(Self::place(tail))
    }

    /// Whether one of these may stand in a text of ASCII, wherever words end in it.
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

/// A word, and what most that are on no list are told by.
#[derive(Clone, Copy)]
struct Word<'a> {
    text: &'a str,
    /// The last four bytes of its small letters, the last of them highest.
    tail: u32,
}

impl<'a> Word<'a> {
    fn of(text: &'a str) -> Self {
        let bytes = text.as_bytes();
        let tail = match bytes.last_chunk() {
            _ if !text.is_ascii() => Self::small_tail(text),
            Some(four) => u32::from_le_bytes(*four) | 0x2020_2020,
            None => bytes.iter().fold(0, |tail, byte| tail >> 8 | u32::from(byte | 0x20) << 24),
        };
        Self { text, tail }
    }

    /// The same of letters beyond ASCII.
    fn small_tail(text: &str) -> u32 {
        let last = text.char_indices().rev().take(4).last().map_or(0, |(at, _)| at);
        let (mut tail, mut buffer) = (0, [0; 4]);
        for c in text.get(last..).unwrap_or_default().chars() {
            letters::small(c, |small| {
                tail = small
                    .encode_utf8(&mut buffer)
                    .bytes()
                    .fold(tail, |tail, byte| tail >> 8 | u32::from(byte | 0x20) << 24);
            });
        }
        tail
    }

    /// Whether it is longer than the words that stand for many things.
    fn is_long(self) -> bool {
        self.text.len() > 6 && self.text.chars().count() > 6
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
            if bit & Lists::STEM != 0 {
                promising.add(word);
            }
            if matches!(bit, Lists::PASSWORD | Lists::TOKEN) {
                ends.add(word);
            }
        }
    }
    let endings = Endings::new(&[(PASSWORDS, Lists::PASSWORD), (TOKENS, Lists::TOKEN)]);
    let mut lasts = Bits::new(1 << 16);
    for last in PASSWORD_PHRASES.iter().filter_map(|phrase| phrase.chars().next_back()) {
        lasts.add(u32::from(last) as usize);
    }
    Listed { words: WordLists::new(&lists), tails, ends, endings, promising, parts: Parts::new(), lasts }
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

/// The lists that a word itself is on.
fn lists(word: Word<'_>) -> Lists {
    if word.text.len() > 32 || !LISTED.tails.has(word.tail) {
        return Lists(0);
    }
    Lists(LISTED.words.of(word.text))
}

/// The lists of a word, and of what it ends in: `dbpassword`, `accesstoken`.
fn lists_of(word: Word<'_>) -> Lists {
    let own = lists(word);
    if own.0 != 0 || word.text.len() < 7 || !LISTED.ends.has(word.tail) {
        return own;
    }
    LISTED.endings.longest(word.text)
}

/// Whether a word is one of those that promise a secret.
pub fn stem(word: &str) -> bool {
    lists_of(Word::of(word)).on(Lists::STEM)
}

/// Whether a word talks about secrets instead of being one.
pub fn about(word: &str) -> bool {
    lists_of(Word::of(word)).on(Lists::ABOUT | Lists::STEM)
}

/// Whether the last of some words takes back what a name behind it promises: `cache key`.
pub fn denied(before: &str) -> bool {
    let last = before.split(' ').rfind(|word| !word.is_empty());
    last.is_some_and(|word| lists(Word::of(word)).on(Lists::NOT_BEFORE))
}

/// Whether an identifier names a secret anywhere (`user_password`, `getPassword`): then it is a name, not a value.
pub fn mentions(identifier: &str) -> bool {
    let mut found = false;
    // Two letters are in many draws.
    let spelled = identifier.contains('_') || identifier.len() <= 4;
    words(identifier, |word| {
        found = found || (word.text.len() > 2 || spelled) && lists_of(word).on(Lists::STEM);
    });
    found
}

/// What a character is for the words of an identifier, a bit each: part of one, a capital, a small letter, a digit.
const INSIDE: u8 = 1;
const CAPITAL: u8 = 2;
const SMALL: u8 = 4;
const DIGIT: u8 = 8;

const SORTS: [u8; 256] = of_bytes!(
    at => match at {
        b'a'..=b'z' => INSIDE | SMALL,
        b'A'..=b'Z' => INSIDE | CAPITAL,
        b'0'..=b'9' => INSIDE | DIGIT,
        b'\'' => INSIDE,
        _ => 0,
    },
    else 0
);

/// See [`INSIDE`]; of characters beyond ASCII.
fn sort(c: char) -> u8 {
    if c.is_whitespace() || c.is_control() {
        return 0;
    }
    let known = Entry::of(c);
    let capital = if known.is_capital() { CAPITAL } else { 0 };
    INSIDE | capital | if known.is_small() { SMALL } else { 0 }
}

/// The words of an identifier without the digits behind them: split at everything but letters and digits, where small
/// letters turn to capitals, and before the last of several capitals that small letters follow.
fn words<'a>(identifier: &'a str, mut each: impl FnMut(Word<'a>)) {
    let mut emit = |start: usize, end: usize| {
        let word = identifier.get(start..end).unwrap_or("").trim_end_matches(|c: char| c.is_ascii_digit());
        if !word.is_empty() {
            each(Word::of(word));
        }
    };
    let (mut start, mut last) = (0, 0);
    let (mut before, mut before_that) = (0, 0);
    for (at, c) in identifier.char_indices() {
        let sort = match u8::try_from(c) {
            Ok(byte @ 0..0x80) => SORTS.get(usize::from(byte)).copied().unwrap_or(0),
            _ => sort(c),
        };
        if sort == 0 {
            emit(start, at);
            start = at + c.len_utf8();
        } else if sort & CAPITAL != 0 && before & (SMALL | DIGIT) != 0 {
            emit(start, at);
            start = at;
        } else if sort & SMALL != 0 && before & before_that & CAPITAL != 0 && last > start {
            emit(start, last);
            start = last;
        }
        (before_that, before, last) = (before, sort, at);
    }
    emit(start, identifier.len());
}

/// What a name promises: an identifier in any spelling or a phrase of a few words. Read at most once per name.
pub fn named(name: &str) -> Option<Named> {
    let ascii = name.is_ascii();
    if ascii && !LISTED.promising.may_stand(name) {
        return None;
    }
    match whole(name, ascii, !ascii) {
        Whole::Promises(named) => named,
        Whole::Words => {
            let (mut said, mut case) = (Said::default(), Case::default());
            case.read(name);
            words(name, |word| said.word(lists_of(word), word.is_long()));
            said.promise(case)
        }
    }
}

/// What a phrase promises whose words were read one by one.
pub fn named_of(phrase: &str, words: &[&Read]) -> Option<Named> {
    if words.iter().any(|read| read.more) {
        return named(phrase);
    }
    match whole(phrase, words.iter().all(|read| read.ascii), words.iter().any(|read| read.part)) {
        Whole::Promises(named) => named,
        Whole::Words => {
            let (mut said, mut case) = (Said::default(), Case::default());
            for read in words {
                case.join(read.case);
                read.words().for_each(|(lists, long)| said.word(*lists, *long));
            }
            said.promise(case)
        }
    }
}

/// The most words of a name that are kept.
const WORDS_MAX: usize = 12;

/// The words of a part of a phrase that was read, and what each says.
#[derive(Clone, Copy, Default)]
pub struct Read {
    /// The lists of each, and whether it is a long one.
    words: [(Lists, bool); WORDS_MAX],
    count: usize,
    /// There are more than are kept.
    more: bool,
    ascii: bool,
    /// It may be of what is looked for anywhere in a name.
    part: bool,
    case: Case,
}

impl Read {
    /// Reads a part that stands between spaces.
    pub fn of(text: &str) -> Self {
        let words = [(Lists(0), false); WORDS_MAX];
        let ascii = text.is_ascii();
        let part = !ascii && LISTED.parts.may(text);
        let mut read = Self { words, count: 0, more: false, ascii, part, case: Case::default() };
        read.case.read(text);
        self::words(text, |word| match read.words.get_mut(read.count) {
            Some(slot) => {
                *slot = (lists_of(word), word.is_long());
                read.count += 1;
            }
            None => read.more = true,
        });
        read
    }

    fn words(&self) -> impl Iterator<Item = &(Lists, bool)> {
        self.words.iter().take(self.count)
    }
}

/// Whether a name is that of a variable of the environment, which has bars and no small letters.
#[derive(Clone, Copy, Default)]
struct Case {
    bar: bool,
    small: bool,
}

impl Case {
    fn read(&mut self, text: &str) {
        for byte in text.bytes() {
            self.bar |= byte == b'_';
            self.small |= byte.is_ascii_lowercase();
        }
    }

    fn join(&mut self, other: Self) {
        self.bar |= other.bar;
        self.small |= other.small;
    }
}

/// What a name says as a whole.
enum Whole {
    Promises(Option<Named>),
    /// Nothing: its words tell.
    Words,
}

/// See [`Whole`]; `part`: something may stand in it that promises anything wherever it stands.
fn whole(name: &str, ascii: bool, part: bool) -> Whole {
    if name.len() > 160 {
        return Whole::Promises(None);
    }
    if part && let Some(named) = LISTED.parts.promise(name) {
        return Whole::Promises(Some(named));
    }
    // The last words of the name, compared from the end: most differ there at once.
    let last = name.chars().next_back().and_then(small);
    let ends = |phrase: &&str| {
        if ascii {
            let end = name.len().checked_sub(phrase.len()).and_then(|at| name.get(at..));
            return end.is_some_and(|end| end.eq_ignore_ascii_case(phrase));
        }
        let (mut name, mut phrase) = (name.chars().rev(), phrase.chars().rev());
        phrase.all(|c| name.next().is_some_and(|n| n == c || small(n) == Some(c)))
    };
    let joined =
        name.len() == 10 && name.eq_ignore_ascii_case("motdepasse") || name.eq_ignore_ascii_case("mot_de_passe");
    let phrase = joined
        || last.is_some_and(|last| LISTED.lasts.has(u32::from(last) as usize))
            && (!ascii || name.contains([' ', '-']))
            && PASSWORD_PHRASES.iter().any(ends);
    match name.as_bytes().first() {
        _ if phrase => Whole::Promises(Some(Named::Password)),
        Some(b'm' | b'M' | b'c' | b'C') => special(name).map_or(Whole::Words, Whole::Promises),
        _ => Whole::Words,
    }
}

/// What names promise that are more than their words say.
#[inline(never)]
fn special(name: &str) -> Option<Option<Named>> {
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
        return Some(OF.iter().any(|of| last.eq_ignore_ascii_case(of)).then_some(Named::Password));
    }
    // What tells one request from its repetition has this name at Amazon, where it is a UUID.
    let repeats = name.len() == 11 && name.eq_ignore_ascii_case("ClientToken") || name == "ClientRequestToken";
    repeats.then_some(Some(Named::Key { sure: false }))
}

/// The small letter of a character, if it is one.
fn small(c: char) -> Option<char> {
    let (mut found, mut count) = (None, 0);
    letters::small(c, |small| (found, count) = (Some(small), count + 1));
    found.filter(|_| count == 1)
}

/// What the words of a name say, one after another.
#[derive(Clone, Copy, Default)]
struct Said {
    verdict: Option<Named>,
    /// Something before took back what comes.
    before: bool,
    secret_kind: bool,
    key: bool,
    private: bool,
    stopped: bool,
}

impl Said {
    /// The next word; `long`: see [`Word::is_long`].
    fn word(&mut self, lists: Lists, long: bool) {
        let kind = lists.on(Lists::KIND);
        self.private |= lists.on(Lists::PRIVATE);
        if lists.on(Lists::PASSWORD | Lists::PASS) {
            self.verdict = (!self.before).then_some(Named::Password);
            self.stopped = self.before;
        } else if lists.on(Lists::TOKEN) {
            let sure = long
                || lists.on(Lists::SURE)
                || self.secret_kind
                || matches!(self.verdict, Some(Named::Key { sure: true }));
            self.verdict = (!self.before).then_some(Named::Key { sure });
            self.stopped = self.before;
        } else if lists.on(Lists::KEY) {
            self.key = true;
            if self.verdict == Some(Named::Password) {
                self.verdict = None;
            }
        } else if self.verdict.is_some()
            && !lists.on(Lists::MAY_FOLLOW)
            && (!kind || self.verdict == Some(Named::Password))
        {
            self.verdict = None;
            self.stopped = true;
        } else if self.key && !kind && !lists.on(Lists::MAY_FOLLOW | Lists::JOIN) {
            self.key = false;
        }
        self.secret_kind |= kind;
        self.before |= lists.on(Lists::NOT_BEFORE);
    }

    /// What all of them promise.
    fn promise(self, case: Case) -> Option<Named> {
        // A variable of the environment holds nothing else.
        let capitals = case.bar && !case.small;
        if self.stopped {
            return None;
        }
        match self.verdict {
            Some(Named::Key { sure }) => Some(Named::Key { sure: sure || capitals }),
            Some(named) => Some(named),
            None if !(self.key && self.secret_kind && !self.before) => None,
            None => Some(if self.private { Named::Private } else { Named::Key { sure: true } }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Named, Read, named, named_of};

    #[test]
    fn a_phrase_promises_the_same_whether_its_words_are_read_together_or_one_by_one() {
        #[rustfmt::skip]
        const WORDS: &[&str] = &[
            "api", "API", "key", "KEY", "password", "DB_PASSWORD", "my", "page", "token", "ACCESS_TOKEN", "de", "clave",
            "비밀", "키", "mật", "khẩu", "كلمة", "السر", "κωδικός", "πρόσβασης", "κλειδί", "mot", "passe", "forgot", "of",
            "private", "type", "d'api", "APIKey2", "密码", "x_密钥",
        ];
        for one in WORDS {
            for two in WORDS {
                for three in WORDS {
                    let reads = [one, two, three].map(|word| Read::of(word));
                    let phrase = format!("{one} {two} {three}");
                    assert_eq!(named_of(&phrase, &reads.each_ref()), named(&phrase), "{phrase}");
                }
            }
        }
    }

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
