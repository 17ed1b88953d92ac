//! Keys, passwords, tokens and private keys.
//!
//! Three kinds of evidence, in the order of their weight: a mark of the issuer (a provider's prefix, a PEM
//! header, the header of a token), a place that only holds a secret (the password of a URL, an option of a
//! program, an authorization header), and a name with a value that looks the part. Every literal the text is
//! searched for is found in one pass; from each, only the word around it and the value after it are read.
mod assigned;
mod commands;
mod gate;
mod marks;
mod names;
mod pem;
mod providers;
mod rarity;
#[cfg(test)]
mod tests;
mod urls;
mod value;

use super::above::Above;
use super::effort::{Effort, Work};
use super::kind::Kind;
use super::lanes::Traits;
use super::view::View;
use super::{Found, Span};
use gate::Gate;
pub(super) use marks::sextet;
pub(super) use names::{Named, named};
use std::cell::{Cell, OnceCell};
use std::sync::LazyLock;
use value::Bytes;

/// What a literal in the text calls for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Call {
    /// A name may be around it.
    Name,
    /// A name of a script that does not space its words: the literal alone is the name.
    Part,
    /// `Bearer`, `Basic`.
    Scheme,
    /// `://`
    Url,
    /// The name of a program that takes passwords as options.
    Program,
    /// `IDENTIFIED`
    Sql,
    /// A line of the settings of a router or switch.
    Device,
    /// `-----BEGIN`
    Pem,
    /// `user:password@tcp(`
    Dsn,
    /// A call that takes a password as this argument, counted from none.
    Argument(usize),
    /// `pw=`: a name and what is behind it.
    Short,
    /// A network, as its code spells it: `WIFI:T:WPA;S:…;P:…;;`.
    Network,
    /// A login and its password in one: `credentials: ann / …`.
    Pair,
    /// What logs in, in Base64: `"auth": "…"`, `_auth=…`.
    Login,
    /// The port of a database in a line of its file of passwords.
    Fields,
    /// The name of that file, or the names of its fields.
    Logins,
}

/// Literals looked for as written here, capitalised and in capitals.
const WORDS: &[(&str, Call)] = &[
    ("pass", Call::Name),
    ("pwd", Call::Name),
    ("psw", Call::Name),
    ("mdp", Call::Name),
    ("pword", Call::Name),
    ("psk", Call::Name),
    ("_pw", Call::Name),
    ("secret", Call::Name),
    ("token", Call::Name),
    ("key", Call::Name),
    ("credential", Call::Name),
    ("masterauth", Call::Name),
    ("bindpw", Call::Name),
    ("rootpw", Call::Name),
    ("kennwort", Call::Name),
    ("contrase", Call::Name),
    ("clave", Call::Name),
    ("llave", Call::Name),
    ("palavra", Call::Name),
    ("senha", Call::Name),
    ("chave", Call::Name),
    ("chiave", Call::Name),
    ("heslo", Call::Name),
    ("haslo", Call::Name),
    ("hasło", Call::Name),
    ("klucz", Call::Name),
    ("wachtwoord", Call::Name),
    ("sleutel", Call::Name),
    ("losenord", Call::Name),
    ("lösenord", Call::Name),
    ("nyckel", Call::Name),
    ("adgangskode", Call::Name),
    ("salasana", Call::Name),
    ("parol", Call::Name),
    ("wagwoord", Call::Name),
    ("nenosiri", Call::Name),
    ("contrasinal", Call::Name),
    ("pasfhocal", Call::Name),
    ("iphasiwedi", Call::Name),
    ("pasvorto", Call::Name),
    ("pasahitza", Call::Name),
    ("cyfrinair", Call::Name),
    ("lykilorð", Call::Name),
    ("aðgangsorð", Call::Name),
    ("fjalëkalim", Call::Name),
    ("fjalekalim", Call::Name),
    ("kata laluan", Call::Name),
    ("kata sandi", Call::Name),
    ("mot de passe", Call::Name),
    ("neno la siri", Call::Name),
    ("focal faire", Call::Name),
    ("şifrə", Call::Name),
    ("συνθηματικό", Call::Name),
    ("parool", Call::Name),
    ("sifre", Call::Name),
    ("şifre", Call::Name),
    ("anahtar", Call::Name),
    ("kulcs", Call::Name),
    ("nøgle", Call::Name),
    ("nøkkel", Call::Name),
    ("avain", Call::Name),
    ("klíč", Call::Name),
    ("ključ", Call::Name),
    ("cheie", Call::Name),
    ("κλειδί", Call::Name),
    ("πρόσβασης", Call::Name),
    ("jelsz", Call::Name),
    ("lozinka", Call::Name),
    ("zaporka", Call::Name),
    ("geslo", Call::Name),
    ("slapta", Call::Name),
    ("sandi", Call::Name),
    ("schlüssel", Call::Name),
    ("schluessel", Call::Name),
    ("geheim", Call::Name),
    ("jeton", Call::Name),
    ("segred", Call::Name),
    ("segret", Call::Name),
    ("sekret", Call::Name),
    ("пароль", Call::Name),
    ("парол", Call::Name),
    ("лозинк", Call::Name),
    ("ключ", Call::Name),
    ("токен", Call::Name),
    ("секрет", Call::Name),
    ("κωδικός", Call::Name),
    ("clé", Call::Name),
    ("jsessionid", Call::Name),
    ("phpsessid", Call::Name),
    ("bearer", Call::Scheme),
    ("basic", Call::Scheme),
    ("authorization", Call::Scheme),
    ("identified", Call::Sql),
];

/// Literals looked for as written here only.
const EXACT: &[(&str, Call)] = &[
    ("密码", Call::Part),
    ("密碼", Call::Part),
    ("口令", Call::Part),
    ("パスワード", Call::Part),
    ("パスフレーズ", Call::Part),
    ("비밀번호", Call::Part),
    ("비번", Call::Part),
    ("암호", Call::Part),
    ("패스워드", Call::Part),
    ("كلمة المرور", Call::Part),
    ("كلمة السر", Call::Part),
    ("סיסמה", Call::Part),
    ("סיסמא", Call::Part),
    ("รหัสผ่าน", Call::Part),
    ("mật khẩu", Call::Part),
    ("Mật khẩu", Call::Part),
    ("पासवर्ड", Call::Part),
    ("कूटशब्द", Call::Part),
    ("संकेतशब्द", Call::Part),
    ("পাসওয়ার্ড", Call::Part),
    ("গোপন শব্দ", Call::Part),
    ("ਪਾਸਵਰਡ", Call::Part),
    ("પાસવર્ડ", Call::Part),
    ("ପାସୱାର୍ଡ", Call::Part),
    ("கடவுச்சொல்", Call::Part),
    ("பாஸ்வேர்டு", Call::Part),
    ("పాస్‌వర్డ్", Call::Part),
    ("పాస్వర్డ్", Call::Part),
    ("ಪಾಸ್‌ವರ್ಡ್", Call::Part),
    ("ಪಾಸ್ವರ್ಡ್", Call::Part),
    ("പാസ്‌വേഡ്", Call::Part),
    ("പാസ്വേഡ്", Call::Part),
    ("പാസ്‌വേർഡ്", Call::Part),
    ("രഹസ്യവാക്ക്", Call::Part),
    ("මුරපදය", Call::Part),
    ("စကားဝှက်", Call::Part),
    ("ពាក្យសម្ងាត់", Call::Part),
    ("លេខសម្ងាត់", Call::Part),
    ("ລະຫັດຜ່ານ", Call::Part),
    ("የይለፍ ቃል", Call::Part),
    ("رمز عبور", Call::Part),
    ("رمز ورود", Call::Part),
    ("گذرواژه", Call::Part),
    ("گذر واژه", Call::Part),
    ("کلمه عبور", Call::Part),
    ("كلمه عبور", Call::Part),
    ("پسورد", Call::Part),
    ("پاس ورڈ", Call::Part),
    ("پاسورڈ", Call::Part),
    ("الرقم السري", Call::Part),
    ("كلمة مرور", Call::Part),
    ("كلمة سر", Call::Part),
    ("رمز المرور", Call::Part),
    ("סיסמת", Call::Part),
    ("ססמה", Call::Part),
    ("ססמא", Call::Part),
    ("პაროლი", Call::Part),
    ("գաղտնաբառ", Call::Part),
    ("Գաղտնաբառ", Call::Part),
    ("құпия сөз", Call::Part),
    ("Құпия сөз", Call::Part),
    ("нууц үг", Call::Part),
    ("Нууц үг", Call::Part),
    ("พาสเวิร์ด", Call::Part),
    ("密钥", Call::Part),
    ("密鑰", Call::Part),
    ("秘钥", Call::Part),
    ("令牌", Call::Part),
    ("金鑰", Call::Part),
    ("トークン", Call::Part),
    ("シークレット", Call::Part),
    ("APIキー", Call::Part),
    ("アクセスキー", Call::Part),
    ("토큰", Call::Part),
    ("API 키", Call::Part),
    ("비밀 키", Call::Part),
    ("시크릿", Call::Part),
    ("curl ", Call::Program),
    ("wget ", Call::Program),
    ("mysql", Call::Program),
    ("mariadb", Call::Program),
    ("sshpass ", Call::Program),
    ("redis-cli ", Call::Program),
    ("mongo", Call::Program),
    ("sqlcmd ", Call::Program),
    ("docker login", Call::Program),
    ("htpasswd ", Call::Program),
    ("openssl ", Call::Program),
    ("ldapsearch ", Call::Program),
    ("smbclient ", Call::Program),
    ("sqlplus ", Call::Program),
    ("rabbitmqctl ", Call::Program),
    ("chpasswd", Call::Program),
    ("lftp ", Call::Program),
    ("az login", Call::Program),
    ("helm ", Call::Program),
    ("unzip ", Call::Program),
    ("zip ", Call::Program),
    ("ipmitool ", Call::Program),
    ("snmpwalk ", Call::Program),
    ("snmpget ", Call::Program),
    ("cqlsh ", Call::Program),
    ("mosquitto_", Call::Program),
    ("7z ", Call::Program),
    ("http ", Call::Program),
    ("xfreerdp ", Call::Program),
    ("net use ", Call::Program),
    ("net user ", Call::Program),
    (".pgpass", Call::Logins),
    ("pgpass.conf", Call::Logins),
    ("PGPASSFILE", Call::Logins),
    (":database:user", Call::Logins),
    ("*:*:*:", Call::Fields),
    ("snyk auth ", Call::Program),
    ("://", Call::Url),
    ("@tcp(", Call::Dsn),
    ("@unix(", Call::Dsn),
    ("sudo -S", Call::Program),
    ("snmp-server community ", Call::Device),
    ("snmp community ", Call::Device),
    ("rocommunity ", Call::Device),
    ("rwcommunity ", Call::Device),
    ("radius-server ", Call::Device),
    ("tacacs-server ", Call::Device),
    ("isakmp key ", Call::Device),
    ("key-string ", Call::Device),
    ("pre-shared-key ", Call::Device),
    ("pre-shared-secret ", Call::Device),
    ("chap password ", Call::Device),
    ("wpa-psk ascii ", Call::Device),
    ("message-digest-key ", Call::Device),
    ("authentication-key ", Call::Device),
    ("psksecret ", Call::Device),
    ("jdbc:oracle:thin:", Call::Url),
    ("-----BEGIN ", Call::Pem),
    ("RootPW", Call::Name),
    ("Kata Sandi", Call::Name),
    ("Kata Laluan", Call::Name),
    ("Mot De Passe", Call::Name),
    ("Neno La Siri", Call::Name),
    ("kodeord", Call::Name),
    ("Kodeord", Call::Name),
    ("pw ", Call::Short),
    ("pw?", Call::Short),
    ("pw=", Call::Short),
    ("pw:", Call::Short),
    ("pw\"", Call::Short),
    ("PW=", Call::Short),
    ("PW:", Call::Short),
    ("Pw:", Call::Short),
    ("wpa_passphrase ", Call::Program),
    ("ssh-keygen ", Call::Program),
    (":5432:", Call::Fields),
    ("auth=(", Call::Argument(1)),
    ("auth = (", Call::Argument(1)),
    ("auth=[", Call::Argument(1)),
    ("auth: [", Call::Argument(1)),
    ("auth' => [", Call::Argument(1)),
    ("auth\" => [", Call::Argument(1)),
    ("auth' => array(", Call::Argument(1)),
    (".auth(", Call::Argument(1)),
    (".login(", Call::Argument(1)),
    ("Credentials.basic(", Call::Argument(1)),
    ("SetBasicAuth(", Call::Argument(1)),
    ("setBasicAuth(", Call::Argument(1)),
    ("withBasicAuth(", Call::Argument(1)),
    ("PasswordAuthentication(", Call::Argument(1)),
    ("credentials", Call::Pair),
    ("Credentials", Call::Pair),
    ("creds", Call::Pair),
    ("Creds", Call::Pair),
    ("Zugangsdaten", Call::Pair),
    ("zugangsdaten", Call::Pair),
    ("Anmeldedaten", Call::Pair),
    ("Logindaten", Call::Pair),
    ("identifiants", Call::Pair),
    ("Identifiants", Call::Pair),
    ("credenciales", Call::Pair),
    ("Credenciales", Call::Pair),
    ("credenciais", Call::Pair),
    ("Credenciais", Call::Pair),
    ("credenziali", Call::Pair),
    ("Credenziali", Call::Pair),
    ("inloggegevens", Call::Pair),
    ("Inloggegevens", Call::Pair),
    ("dane logowania", Call::Pair),
    ("Dane logowania", Call::Pair),
    ("dane dostępowe", Call::Pair),
    ("Dane dostępowe", Call::Pair),
    ("přihlašovací údaje", Call::Pair),
    ("Přihlašovací údaje", Call::Pair),
    ("prihlasovacie údaje", Call::Pair),
    ("Prihlasovacie údaje", Call::Pair),
    ("inloggningsuppgifter", Call::Pair),
    ("Inloggningsuppgifter", Call::Pair),
    ("påloggingsinfo", Call::Pair),
    ("kirjautumistiedot", Call::Pair),
    ("Kirjautumistiedot", Call::Pair),
    ("date de conectare", Call::Pair),
    ("Date de conectare", Call::Pair),
    ("date de autentificare", Call::Pair),
    ("Date de autentificare", Call::Pair),
    ("belépési adatok", Call::Pair),
    ("Belépési adatok", Call::Pair),
    ("giriş bilgileri", Call::Pair),
    ("Giriş bilgileri", Call::Pair),
    ("данные для входа", Call::Pair),
    ("Данные для входа", Call::Pair),
    ("учётные данные", Call::Pair),
    ("учетные данные", Call::Pair),
    ("Учетные данные", Call::Pair),
    ("дані для входу", Call::Pair),
    ("Дані для входу", Call::Pair),
    ("данни за вход", Call::Pair),
    ("Данни за вход", Call::Pair),
    ("podaci za prijavu", Call::Pair),
    ("Podaci za prijavu", Call::Pair),
    ("登录信息", Call::Pair),
    ("登錄資訊", Call::Pair),
    ("账号密码", Call::Pair),
    ("帳號密碼", Call::Pair),
    ("ログイン情報", Call::Pair),
    ("로그인 정보", Call::Pair),
    ("بيانات الدخول", Call::Pair),
    ("اطلاعات ورود", Call::Pair),
    ("פרטי התחברות", Call::Pair),
    ("info login", Call::Pair),
    ("Info login", Call::Pair),
    ("thông tin đăng nhập", Call::Pair),
    ("Thông tin đăng nhập", Call::Pair),
    ("user/pass", Call::Pair),
    ("user:pass", Call::Pair),
    ("username/password", Call::Pair),
    ("login/password", Call::Pair),
    ("Login/Password", Call::Pair),
    ("Username/Password", Call::Pair),
    ("WIFI:", Call::Network),
    ("auth\":", Call::Login),
    ("_auth=", Call::Login),
    ("_auth = ", Call::Login),
    ("pw is ", Call::Short),
    ("PW is ", Call::Short),
    ("BasicAuth(", Call::Argument(1)),
    ("basic_auth(", Call::Argument(1)),
    ("basicAuth(", Call::Argument(1)),
    ("NetworkCredential(", Call::Argument(1)),
    ("PasswordCredentials(", Call::Argument(1)),
    ("AuthenticationToken(", Call::Argument(1)),
    ("DriverManager.getConnection(", Call::Argument(2)),
    ("mysqli_connect(", Call::Argument(2)),
    ("new mysqli(", Call::Argument(2)),
    ("new PDO(", Call::Argument(2)),
    ("ConvertTo-SecureString ", Call::Argument(0)),
    ("ConvertTo-SecureString -String ", Call::Argument(0)),
];

/// The literals in every spelling, what each calls for, and where they may stand.
struct Literals {
    calls: Vec<(usize, Call)>,
    gate: Gate,
}

/// All of them, and those that a text of nothing but ASCII may have.
static LITERALS: LazyLock<Literals> = LazyLock::new(|| Literals::new(|_| true));
static PLAIN_LITERALS: LazyLock<Literals> = LazyLock::new(|| Literals::new(str::is_ascii));

impl Literals {
    /// Those that may stand in a text, which is nothing but ASCII or not.
    fn of(ascii: bool) -> &'static Self {
        if ascii { &PLAIN_LITERALS } else { &LITERALS }
    }

    /// Those of which this holds.
    fn new(holds: impl Fn(&str) -> bool) -> Self {
        let mut spelled: Vec<(String, Call)> = Vec::new();
        for (word, call) in WORDS {
            let mut letters = word.chars();
            let capital: String = letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).collect();
            for spelling in [(*word).to_owned(), capital, word.to_uppercase()] {
                if !spelled.iter().any(|(known, _)| *known == spelling) {
                    spelled.push((spelling, *call));
                }
            }
        }
        spelled.extend(EXACT.iter().map(|(word, call)| ((*word).to_owned(), *call)));
        spelled.retain(|(word, _)| holds(word));
        let gate = Gate::new(spelled.iter().map(|(word, _)| word.as_bytes()));
        Self { calls: spelled.into_iter().map(|(word, call)| (word.len(), call)).collect(), gate }
    }
}

/// Whether a name promises a secret.
pub fn promises(name: &str) -> bool {
    names::named(name).is_some()
}

/// Finds API keys, passwords, private keys and tokens. Whether something may be encoded.
pub fn find(view: &View<'_>, traits: Traits, above: &Above, effort: &Effort, out: &mut Vec<Found>) -> bool {
    let text = view.folded();
    let bytes = Bytes(text.as_bytes());
    let mut finds = Finds {
        text,
        bytes,
        out,
        effort,
        literals: Literals::of(view.is_ascii()),
        address: 0,
        source: 0,
        at: OnceCell::new(),
        equals: OnceCell::new(),
        opens: OnceCell::new(),
        unclosed: OnceCell::new(),
    };
    if !above.sealed || !assigned::is_drawn(view.folded().trim_ascii().as_bytes()) {
        finds.under(above.named);
    }
    finds.called();
    // In a short text less is enough.
    traits.tokens() && marks::find(&mut finds, text.len() <= super::encoded::SHORT)
}

/// Where a literal stands, how long it is, and what it calls for.
type Standing = (usize, std::cmp::Reverse<usize>, Call);

/// The most that are kept before they are followed.
const STANDING_MAX: usize = 1024;

/// How far literals have been followed.
#[derive(Default)]
struct Calling {
    progress: assigned::Progress,
    /// The end of the last literal, and of the last line that was read as a command.
    done: usize,
    line_done: usize,
    /// The end of the last lines that were read as those of a file of passwords.
    logins_done: usize,
}

/// The shortest text that has a name and a value beside it.
const SHORTEST: usize = 7;

/// Whether some literal stands in a text with these traits.
pub fn calls(text: &str, traits: Traits) -> bool {
    text.len() >= SHORTEST && Literals::of(!traits.fold() || text.is_ascii()).gate.any(text.as_bytes())
}

/// A text being read, and what was found in it.
struct Finds<'a> {
    text: &'a str,
    bytes: Bytes<'a>,
    out: &'a mut Vec<Found>,
    effort: &'a Effort,
    /// Those that are looked for.
    literals: &'static Literals,
    /// The end of the last address that was read for its query.
    address: usize,
    /// The end of the mark of the last source of data.
    source: usize,
    /// Whether it has the mark of users in addresses, and that of fields.
    at: OnceCell<bool>,
    equals: OnceCell<bool>,
    /// The same of the bracket that opens.
    opens: OnceCell<bool>,
    /// For each kind of quotes, a stretch in which those that were opened are not closed.
    unclosed: OnceCell<[Cell<(usize, usize)>; assigned::QUOTES.len()]>,
}

impl<'a> Finds<'a> {
    /// Whether the text has a byte; looked for once.
    fn has(&self, byte: u8, known: &OnceCell<bool>) -> bool {
        *known.get_or_init(|| memchr::memchr(byte, self.bytes.0).is_some())
    }

    fn add(&mut self, start: usize, end: usize, kind: Kind, score: u8) {
        let (start, end) = (self.text.floor_char_boundary(start), self.text.ceil_char_boundary(end));
        if start < end {
            self.out.push(Found { span: Span { start, end, kind }, score });
        }
    }

    fn str(&self, start: usize, end: usize) -> &'a str {
        self.text.get(start..end).unwrap_or_default()
    }

    /// Follows every literal that calls for something.
    fn called(&mut self) {
        let mut standing = Vec::new();
        let mut calling = None;
        let literals = self.literals;
        literals.gate.each(self.bytes.0, |start, literal| {
            if let Some((length, call)) = literals.calls.get(literal) {
                standing.push((start, std::cmp::Reverse(*length), *call));
            }
            if standing.len() >= STANDING_MAX {
                // Those further back than any literal is long have all been found.
                self.answer(&mut standing, start.saturating_sub(literals.gate.longest()), &mut calling);
            }
        });
        self.answer(&mut standing, usize::MAX, &mut calling);
    }

    /// Follows those that begin before `until`: the leftmost, of several there the longest; none that begins in another.
    fn answer(&mut self, standing: &mut Vec<Standing>, until: usize, calling: &mut Option<Calling>) {
        // In most texts none stands.
        if standing.is_empty() {
            return;
        }
        let calling = calling.get_or_insert_default();
        standing.sort_unstable_by_key(|(start, length, _)| (*start, *length));
        let ready = standing.partition_point(|(start, ..)| *start < until);
        for (start, std::cmp::Reverse(length), call) in standing.drain(..ready) {
            if start < calling.done || self.effort.is_spent() {
                continue;
            }
            let end = start + length;
            calling.done = end;
            self.effort.take(Work::Literal, 1);
            match call {
                Call::Name => assigned::name(self, start, end, &mut calling.progress),
                Call::Part => assigned::part(self, start, end, &mut calling.progress),
                Call::Scheme => assigned::scheme(self, start, end),
                Call::Sql => commands::sql(self, end),
                Call::Device => commands::device(self, start, end),
                Call::Program if start >= calling.line_done => calling.line_done = commands::program(self, start),
                Call::Program => {}
                Call::Url => urls::find(self, start, end),
                Call::Dsn => urls::source(self, start, end),
                Call::Pem => pem::find(self, start),
                Call::Argument(place) => assigned::argument(self, end, place),
                Call::Short => assigned::name(self, start, start + 2, &mut calling.progress),
                Call::Pair if assigned::pair_of(self, start, end) => {}
                Call::Pair => assigned::name(self, start, end, &mut calling.progress),
                Call::Login => assigned::login(self, end),
                Call::Network => commands::network(self, end),
                Call::Fields => commands::fields(self, start, end),
                Call::Logins if start >= calling.logins_done => calling.logins_done = commands::logins(self, end),
                Call::Logins => {}
            }
        }
    }

    /// What the key above says about the whole text.
    fn under(&mut self, named: Option<Named>) {
        let Some(named) = named else { return };
        let trimmed = self.text.trim();
        let start = self.text.len() - self.text.trim_start().len();
        assigned::judge(self, named, start, start + trimmed.len(), value::Hold::Whole, 80);
    }
}
