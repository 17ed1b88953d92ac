//! Every family with values made here by formula: no key in this file is one, and none was ever issued.
use super::super::above::Above;
use super::super::effort::Effort;
use super::super::lanes::Traits;
use super::super::view::View;
use super::super::{Context, Found};
use super::{Kind, find, providers};

/// A sequence that looks drawn, the same in every run.
struct Drawn(u64);

impl Drawn {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 33
    }

    fn of(&mut self, alphabet: &str, length: usize) -> String {
        let letters: Vec<char> = alphabet.chars().collect();
        (0..length).map(|_| letters[self.next() as usize % letters.len()]).collect()
    }
}

const BASE62: &str = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const HEX: &str = "0123456789abcdef";

fn found(text: &str, path: &[&str]) -> Vec<Found> {
    let mut out = Vec::new();
    let view = View::new(text);
    find(&view, Traits::of(view.folded().as_bytes()), &Above::of(&Context { path }), &Effort::of(text.len()), &mut out);
    for found in &mut out {
        (found.span.start, found.span.end) = view.written(found.span.start, found.span.end);
    }
    out
}

/// What is found in `text`, the surest of those that overlap.
fn values<'a>(text: &'a str, path: &[&str]) -> Vec<(Kind, &'a str)> {
    let mut all = found(text, path);
    all.sort_by_key(|found| (std::cmp::Reverse(found.score), found.span.start));
    let mut kept: Vec<Found> = Vec::new();
    for one in all {
        if kept.iter().all(|other| one.span.end <= other.span.start || other.span.end <= one.span.start) {
            kept.push(one);
        }
    }
    kept.sort_by_key(|found| found.span.start);
    kept.iter().map(|found| (found.span.kind, text.get(found.span.start..found.span.end).unwrap())).collect()
}

#[test]
fn every_providers_format_is_found_alone_in_a_sentence() {
    let mut drawn = Drawn(7);
    let mut missed = Vec::new();
    for (prefix, provider, form) in providers::FORMATS {
        let mut key = (*prefix).to_owned();
        for part in form.split(' ') {
            if let Some(literal) = part.strip_prefix('\'') {
                key.push_str(literal.trim_end_matches('\''));
                continue;
            }
            let (letter, lengths) = part.split_at(1);
            let alphabet = match letter {
                "h" => HEX.to_owned(),
                "H" => "0123456789abcdefABCDEF".to_owned(),
                "u" => "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".to_owned(),
                "l" => "abcdefghijklmnopqrstuvwxyz0123456789".to_owned(),
                "d" => "0123456789".to_owned(),
                _ => BASE62.to_owned(),
            };
            let shortest = lengths.split('-').next().unwrap().parse().unwrap();
            key.push_str(&drawn.of(&alphabet, shortest));
        }
        let text = format!("we saw {key} in the log");
        if values(&text, &[]) != [(Kind::ApiKey, key.as_str())] {
            missed.push(format!("{provider}: {key}: {:?}", values(&text, &[])));
        }
    }
    assert!(missed.is_empty(), "{}", missed.join("\n"));
}

#[test]
fn formats_are_sorted_so_that_the_first_letter_finds_them() {
    assert!(providers::FORMATS.is_sorted_by_key(|(prefix, ..)| *prefix));
    let mut providers: Vec<&str> = providers::FORMATS.iter().map(|(_, provider, _)| *provider).collect();
    providers.sort_unstable();
    providers.dedup();
    assert!(providers.len() >= 150, "{} providers", providers.len());
}

#[test]
fn an_opaque_key_needs_the_name_of_one() {
    let mut drawn = Drawn(11);
    for length in [24, 32, 40, 64] {
        let key = drawn.of(BASE62, length);
        for text in [
            format!("API_KEY={key}"),
            format!("client_secret: \"{key}\""),
            format!("headers = {{'X-Api-Key': '{key}'}}"),
            format!("<accessToken>{key}</accessToken>"),
            format!("We have token {key} on record."),
            format!("clé API : {key}"),
            format!("Authorization: Bearer {key}"),
            format!("GET /v1/items?access_token={key}&page=2"),
        ] {
            assert_eq!(values(&text, &[]), [(Kind::ApiKey, key.as_str())], "{text}");
        }
        assert_eq!(values(&key, &["auth", "apiKey"]), [(Kind::ApiKey, key.as_str())]);
        for text in [format!("commit {key}"), format!("nextPageToken: {key}"), format!("cache_key={key}"), key.clone()]
        {
            assert_eq!(values(&text, &[]), [], "{text}");
        }
    }
}

#[test]
fn passwords_are_found_in_every_syntax() {
    let mut drawn = Drawn(3);
    for password in ["Summer2024!".to_owned(), drawn.of(BASE62, 14), "fjord-umber-velvet-quill".to_owned()] {
        for text in [
            format!("login: ann\npassword: {password}\nhost: jump-01"),
            format!("DB_PASSWORD={password}\nPORT=1"),
            format!("{{\"user\":\"ann\",\"pwd\":\"{password}\"}}"),
            format!("<password>{password}</password>"),
            format!("<password><![CDATA[{password}]]></password>"),
            format!("<add key=\"SmtpPassword\" value=\"{password}\"/>"),
            format!("env:\n  - name: DB_PASSWORD\n    value: {password}\n"),
            format!("ALTER USER ann IDENTIFIED BY '{password}';"),
            format!("CREATE ROLE ann WITH PASSWORD '{password}';"),
            format!("curl -u ann:{password} https://example.org/"),
            format!("mysql -h db -u ann -p{password} shop"),
            format!("sshpass -p '{password}' ssh root@host"),
            format!("postgres://ann:{password}@db.internal:5432/prod"),
            format!("Server=sql1;User ID=ann;Password={password};Encrypt=true"),
            format!("props.put(\"password\", \"{password}\");"),
            format!("Das Kennwort lautet \"{password}\"."),
            format!("Пароль: {password}"),
            format!("密码：{password}"),
            format!("| user | password |\n|---|---|\n| ann | {password} |"),
            format!("user,password,role\nann,{password},admin\n"),
        ] {
            assert_eq!(values(&text, &[]), [(Kind::Password, password.as_str())], "{text}");
        }
        assert_eq!(values(&password, &["auth", "password"]), [(Kind::Password, password.as_str())]);
    }
}

#[test]
fn what_only_stands_for_a_secret_or_talks_of_one_is_left() {
    for text in [
        "DB_PASSWORD=${DB_PASSWORD}\nAPI_KEY=<api-key>\nTOKEN=$(cat /run/secrets/token)",
        "password: ********",
        "const password = process.env.DB_PASSWORD;",
        "password = os.environ['PASS']",
        "token: {{ vault.token }}",
        "PASSWORD_MIN_LENGTH=12\nSECRET_NAME=prod/app/db\nTOKEN_TTL=3600",
        "Your password must have at least 12 characters. Forgot password?",
        "interface User { password: string; token: string; apiKey?: string }",
        "password varchar(255) NOT NULL,",
        "postgres://user:password@localhost/db",
        "curl -u \"$USER:$PASS\" https://example.org",
        ".sk-fading-circle { width: 40px }",
        "sk-xxxxxxxxxxxxxxxxxxxxxxxx",
        "public_key: MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=",
        "Failed password for root from 10.0.0.1 port 51234 ssh2",
        "hf_requiredCharacteristicTypesForDisplayMetadata",
    ] {
        assert_eq!(values(text, &[]), [], "{text}");
    }
    for (key, value) in [
        ("password", "Must contain at least 8 characters"),
        ("token", "string"),
        ("nextPageToken", "CAEQAKIYDiIMCgYI8Nb8nQYQwOmR5gE"),
        ("progressToken", "3fa85f64-5717-4562-b3fc-2c963f66afa6"),
        ("keyId", "b1946ac92492d2347c6235b4d2611184"),
    ] {
        assert_eq!(values(value, &[key]), [], "{key}");
    }
}

#[test]
fn a_private_key_is_found_whole_and_a_public_one_not_at_all() {
    let mut drawn = Drawn(5);
    let body: Vec<String> = (0..4).map(|_| drawn.of(BASE62, 64)).collect();
    for (label, ends) in [("RSA PRIVATE KEY", "\n"), ("OPENSSH PRIVATE KEY", "\r\n"), ("PRIVATE KEY", "\\n")] {
        let block = format!("-----BEGIN {label}-----{ends}{}{ends}-----END {label}-----", body.join(ends));
        let text = format!("the key:\n{block}\nthat was it");
        assert_eq!(values(&text, &[]), [(Kind::PrivateKey, block.as_str())]);
    }
    for label in ["CERTIFICATE", "PUBLIC KEY"] {
        let block = format!("-----BEGIN {label}-----\n{}\n-----END {label}-----", body.join("\n"));
        assert_eq!(values(&block, &[]), []);
    }
}

#[test]
fn a_token_of_three_parts_is_one_when_its_header_names_an_algorithm() {
    let mut drawn = Drawn(9);
    // {"alg":"HS256","typ":"JWT"}, and {"id":"HS256","typ":"JWT"}, put together from their halves.
    let head = ["eyJhbGciOiJIUzI1", "NiIsInR5cCI6IkpXVCJ9"].concat();
    let other = ["eyJpZCI6IkhTMjU2", "IiwidHlwIjoiSldUIn0"].concat();
    let rest = format!("eyJ{}.{}", drawn.of(BASE62, 60), drawn.of(BASE62, 43));
    let token = format!("{head}.{rest}");
    let text = format!("Authorization: Bearer {token}");
    assert_eq!(values(&text, &[]), [(Kind::Jwt, token.as_str())]);
    assert_eq!(values(&format!("see {other}.{rest}"), &[]), []);
}

#[test]
fn a_scheme_inside_a_long_run_has_a_token_of_its_own() {
    let mut drawn = Drawn(3);
    let key = drawn.of(BASE62, 40);
    let words = "a/path/of/words/".repeat(9);
    let text = format!("Bearer: {words}|authorization={words}|Bearer={key}");
    assert_eq!(values(&text, &[]), [(Kind::ApiKey, key.as_str())]);
}

#[test]
fn brackets_behind_a_value_are_not_its_own_however_many_there_are() {
    for count in [1, 2, 500] {
        let text = format!("(password: Hunter2(x)!a{}", ")".repeat(count));
        assert_eq!(values(&text, &[]), [(Kind::Password, "Hunter2(x)!a")], "{count}");
    }
}

#[test]
fn any_bytes_are_read_without_harm() {
    let mut drawn = Drawn(1);
    let pieces = [
        "password",
        "=",
        ":",
        "\"",
        "'",
        " ",
        "\n",
        "\\",
        "://",
        "@",
        "ü",
        "密码",
        "：",
        "-----BEGIN ",
        "PRIVATE KEY-----",
        "eyJ",
        ".",
        "curl -u ",
        "IDENTIFIED BY ",
        "Basic ",
        "{",
        "<",
        ">",
        "ghp_",
        "token",
        "is",
        "the",
        "|",
        ",",
        "(",
        ")",
        "mysql -p",
        "&sig=",
        "?",
        "\u{200b}",
        "🔑",
    ];
    for _ in 0..4000 {
        let text: String = (0..20).map(|_| pieces[drawn.next() as usize % pieces.len()]).collect();
        for found in found(&text, &["password"]) {
            assert!(text.get(found.span.start..found.span.end).is_some_and(|value| !value.is_empty()), "{text}");
        }
    }
}

#[test]
fn passwords_are_found_in_rows_columns_and_on_more_command_lines() {
    let mut drawn = Drawn(11);
    for form in [
        "INSERT INTO users (login, password) VALUES ('bob', '{}');",
        "insert into users (password, n) values ('{}', 1)",
        "<tr><th>User</th><th>Password</th><th>Role</th></tr><tr><td>bob</td><td>{}</td><td>admin</td></tr>",
        "variable \"db_password\" {\n  type = string\n  default = \"{}\"\n}",
        "| `DB_PASSWORD` | `{}` |",
        "RABBITMQ_DEFAULT_PASS={}",
        "ldap_bind_pw: {}",
        "psk=\"{}\"",
        "svc:{}@tcp(db:3306)/app",
        "echo '{}' | sudo -S true",
        "net use Z: \\\\srv\\d /user:bob {}",
        "zip -P {} a.zip x",
        "cqlsh -u cassandra -p {}",
        "user: bob pass: {}",
        "Κωδικός: {}",
    ] {
        let password = format!("{}4{}", drawn.of(BASE62, 9), drawn.of(BASE62, 3));
        let text = form.replace("{}", &password);
        assert_eq!(values(&text, &[]), [(Kind::Password, password.as_str())], "{text}");
    }
    let login = "Ym9iOlMzY3JldC0yMDI0";
    assert_eq!(values(login, &["auths", "ghcr.io", "auth"]), [(Kind::Password, login)]);
}

#[test]
fn azures_annotated_keys_and_keys_with_signs_of_base64_are_found_alone() {
    let mut drawn = Drawn(13);
    let mut of = |length| drawn.of(BASE62, length);
    for key in [
        format!("{}JQQJ9{}", of(52), of(27)),
        format!("{}AZDO{}", of(76), of(4)),
        format!("{}AzSe{}", of(42), of(6)),
        format!("{}+ACR{}", of(42), of(6)),
        format!("{}AzFu{}==", of(44), of(6)),
        format!("{}+ASt{}==", of(76), of(6)),
        format!("glc_{}4/{}", of(4), of(60)),
        format!("cflt{}4+{}/{}", of(7), of(24), of(27)),
    ] {
        let text = format!("leaked {key} in chat");
        assert_eq!(values(&text, &[]), [(Kind::ApiKey, key.as_str())], "{text}");
    }
    let key = of(32);
    let text = format!("https://api.acme.org/v2/x?lang=de&key={key}&page=2");
    assert_eq!(values(&text, &[]), [(Kind::ApiKey, key.as_str())]);
}

#[test]
fn masks_words_of_other_scripts_and_references_are_no_secrets() {
    for text in [
        "password: XXX-XX-6047",
        "password='xxxx-xxxx-xxxx-1301'",
        "user\tpassword\nbob\t**** **** **** 0787\n",
        "| env:DB_PASSWORD | KRB-18373 |",
        "process.env.API_KEY | d3:1c:35:9f:96:01",
        "NEXTPAGETOKEN: BI/pLLWCGN48NmA/0RM5cCyRhDLMgtZ5E0CLYaDX",
        "<tr><th>Password</th><th>Role</th></tr>",
        "apt\tpasswd\t4.17.4-2\napt\tlibxcomposite-dev\t1.17.0-2\n",
    ] {
        assert_eq!(values(text, &[]), [], "{text}");
    }
    for (key, value) in [("password", "密码"), ("password", "비밀번호"), ("token", "トークン")] {
        assert_eq!(values(value, &[key]), [], "{key}: {value}");
    }
}

#[test]
fn what_stands_in_for_a_secret_makes_no_secret_of_what_comes_next() {
    let commit = "da9e1200af34bc56de78f9aada9e1200af34bc56";
    for text in [
        "| Password | ******** |\n| Order | 74804398 |",
        "| Password | (hidden) |\n| 口座番号 | 74804398 |",
        "| Password | n/a |\n| Order | KX-74804398 |",
        &format!("| API key | Commit |\n|---|---|\n| ${{{{ secrets.API_KEY }}}} | {commit} |"),
        &format!("<td>${{{{ secrets.API_KEY }}}}</td><td>{commit}</td>"),
        &format!("{{{{ vault.token }}}} | {commit}"),
        "<td>%DB_PASS%</td><td>Kestrel8552</td>",
        "password = '(unchanged)', code = 'Kestrel8552'",
        "<field name=\"password\"><value>!vault |</value></field>",
        "<m:Password xsi:type=\"xsd:string\">null</m:Password><m:Digest xsi:type=\"xsd:string\">Kestrel8552</m:Digest>",
        "<th>Password policy</th><th>Note</th></tr></thead><tbody><tr><td>43644461</td>",
        "driver.find_element(\"password\").get_attribute(\"Kestrel8552\")",
    ] {
        assert_eq!(values(text, &[]), [], "{text}");
    }
    for text in [
        "| Password | Kestrel8552 |\n| Order | 74804398 |",
        "<td>Password</td><td>Kestrel8552</td>",
        "password = 'Kestrel8552', code = '(unchanged)'",
        "<field name=\"password\"><value>Kestrel8552</value></field>",
        "<m:Password xsi:type=\"xsd:string\">Kestrel8552</m:Password>",
        "<password value=\"Kestrel8552\"/>",
        "<p>the password is <b>Kestrel8552</b></p>",
        "driver.find_element(\"password\").send_keys(\"Kestrel8552\")",
    ] {
        assert_eq!(values(text, &[]), [(Kind::Password, "Kestrel8552")], "{text}");
    }
}

#[test]
fn what_says_the_kind_or_the_name_of_a_secret_is_not_its_name() {
    for text in [
        "{TokenType:Bearer RequestId:3548020d-7fe2-4037-98ce-37e8ea035755}",
        "token_type access_token, ULID 01HQBMZ0JJ5K77YG7J7C1Y7TDT",
        "<tokenType>access_token</tokenType>\n  <instance>vpc-05a3a2ea1ac0d0638</instance>",
        "<secret-name>api_token</secret-name><request-id>oR9x2Lq8vT5mB1nZ7cK3w</request-id>",
        "TOKEN_TYPE   OBJECT_ID\nBearer       6548e87166c6ea93c5e6c83b",
        "tokenType=access_token id=oR9x2Lq8vT5mB1nZ7cK3w",
    ] {
        assert_eq!(values(text, &[]), [], "{text}");
    }
    let token = "oR9x2Lq8vT5mB1nZ7cK3w";
    for text in [
        "Authorization: Bearer oR9x2Lq8vT5mB1nZ7cK3w",
        "<key>access_token</key>\n<string>oR9x2Lq8vT5mB1nZ7cK3w</string>",
        "<name>access_token</name><value>oR9x2Lq8vT5mB1nZ7cK3w</value>",
        "<input type=\"access_token\" value=\"oR9x2Lq8vT5mB1nZ7cK3w\">",
        "type: access_token\nvalue: oR9x2Lq8vT5mB1nZ7cK3w",
        "##[debug]Set output token=oR9x2Lq8vT5mB1nZ7cK3w",
    ] {
        assert_eq!(values(text, &[]), [(Kind::ApiKey, token)], "{text}");
    }
    assert_eq!(values("page token=oR9x2Lq8vT5mB1nZ7cK3w", &[]), []);
}

#[test]
fn passwords_are_told_in_languages_that_write_the_verb_right_behind_the_name() {
    for text in [
        "密码是Kestrel8552，请尽快修改",
        "密码为 Kestrel8552",
        "パスワードはKestrel8552です",
        "비밀번호는 Kestrel8552 입니다",
        "Lösenordet är Kestrel8552",
        "Şifreniz Kestrel8552",
        "usuario: ana clave: Kestrel8552",
    ] {
        assert_eq!(values(text, &[]), [(Kind::Password, "Kestrel8552")], "{text}");
    }
    for text in
        ["密码是必填的", "密码为 8-16 位字母", "パスワードは8文字以上です", "비밀번호는 필수입니다", "clave: ABC-1234"]
    {
        assert_eq!(values(text, &[]), [], "{text}");
    }
}

#[test]
fn programs_routers_and_files_of_logins_hold_passwords_where_their_manuals_say() {
    for text in [
        "pw=Kestrel8552",
        "{\"pw\":\"Kestrel8552\"}",
        "olcRootPW: Kestrel8552",
        "rootpw --plaintext Kestrel8552",
        "enable secret Kestrel8552\n!",
        "username ann privilege 15 secret 0 Kestrel8552\n",
        "machine db1 login ann password Kestrel8552",
        "user ann pass Kestrel8552",
        "wpa_passphrase home Kestrel8552",
        "ssh-keygen -t ed25519 -N Kestrel8552 -f id",
        "db1:5432:shop:ann:Kestrel8552\n",
        "password: !!str Kestrel8552",
        "password: &pw Kestrel8552",
        "password\tKestrel8552",
        "Password ........ Kestrel8552",
        "requests.get(u, auth=(\"ann\", \"Kestrel8552\"))",
        "new NetworkCredential(user, \"Kestrel8552\")",
        "DriverManager.getConnection(url, \"ann\", \"Kestrel8552\")",
        "ConvertTo-SecureString \"Kestrel8552\" -AsPlainText -Force",
        "subprocess.run([\"run\", \"--password\", \"Kestrel8552\"])",
        "args:\n  - --password\n  - Kestrel8552\n  - --port",
        "form-data; name=\"password\"\r\n\r\nKestrel8552\r\n",
        "CEF:0|a|b|cs3Label=user_password cs3=Kestrel8552",
        "jdbc:oracle:thin:app/Kestrel8552@//ora1:1521/XE",
        "| id | API key | Password |\n|---|---|---|\n| 1 | - | Kestrel8552 |",
    ] {
        assert_eq!(values(text, &[]), [(Kind::Password, "Kestrel8552")], "{text}");
    }
    let words = "copper tundra quartz violet";
    assert_eq!(values(&format!("passphrase: {words}\n"), &[]), [(Kind::Password, words)]);
    for text in [
        "enable password prompts",
        "users can pass Kestrel8552 times",
        "username bob secret 5 $1$abcd$abcdefghijk",
        "ssh-keygen -N \"\" -f id",
        "args:\n  - --password\n  - --port\n",
        "auth=(user, password)",
        "new PDO($dsn, \"root\", \"\")",
        "const pw: string = x",
        "passphrase: used to encrypt the private key",
        "Password ........ required",
        "password\tstring\trequired",
    ] {
        assert_eq!(values(text, &[]), [], "{text}");
    }
}

#[test]
fn a_name_heads_its_own_column_and_no_other_of_the_line() {
    let text = "Password;Password Policy;Changed\n<sensitive>;strong-1;2024-09-03\n********;strong-2;2024-09-04\n";
    assert_eq!(values(text, &[]), [], "{text}");
    let text = "Password Policy;Password;Changed\nstrong-1;Kestrel8552;2024-09-03\n";
    assert_eq!(values(text, &[]), [(Kind::Password, "Kestrel8552")], "{text}");
}

#[test]
fn a_value_is_found_however_many_names_and_unclosed_quotes_stand_before_it() {
    for before in ["(token****", "token:“", "password=x&", "{密码://", "\ntoken|id", "пароль=", "/a@b.org://"]
    {
        let text = format!("{}\npassword: Kestrel8552\n", before.repeat(2_000));
        let found = values(&text, &[]);
        assert!(found.contains(&(Kind::Password, "Kestrel8552")), "{before}");
    }
}

#[test]
fn what_takes_the_place_of_a_variable_that_is_not_set_is_a_password() {
    for text in [
        "const pw = process.env.PASSWORD || \"Kestrel8552\";",
        "ENV.fetch(\"REDIS_PASSWORD\") { \"Kestrel8552\" }",
        "password: str = Field(default=\"Kestrel8552\")",
        "MOT_DE_PASSE_BDD=Kestrel8552",
        "Mật khẩu tạm: Kestrel8552",
        "net use Z: \\\\srv.example\\d Kestrel8552 /user:bob",
        "snmpwalk -v3 -u mon -A Kestrel8552 198.51.100.7",
    ] {
        assert!(values(text, &[]).contains(&(Kind::Password, "Kestrel8552")), "{text}");
    }
    for text in [
        "const pw = process.env.PASSWORD || other;",
        "MOT_DE_PASSE_LONGUEUR=12345",
        "密码：***。身份证号为18位。版本 3",
    ] {
        assert_eq!(values(text, &[]), [], "{text}");
    }
}

#[test]
fn heads_of_wikis_stand_between_two_bars_and_their_rows_between_one() {
    for text in [
        "||system||user||password||\n|Jenkins|admin|Kestrel8552|\n",
        "|| Host || User || Password || Port ||\n| db1 | ann | Kestrel8552 | 18182 |",
    ] {
        assert_eq!(values(text, &[]), [(Kind::Password, "Kestrel8552")], "{text}");
    }
    assert_eq!(values("||user||password||\n|Kestrel8552|-|\n", &[]), []);
}

#[test]
fn identifiers_beside_a_secret_are_none_themselves() {
    let id = "8200dec1-2d7c-474d-8aef-03606fce1ed4";
    for text in [
        format!("new ClientSecretCredential(\"{id}\", \"{id}\", secret)"),
        format!("{{\"ClientToken\":\"{id}\"}}"),
        "arn:aws:secretsmanager:us-east-1:894747507587:secret:x-M1WP2U".to_owned(),
        format!("API key (sha256): {}", "6343a336c0ffee87507a21dc0216a497".repeat(2)),
    ] {
        assert_eq!(values(&text, &[]), [], "{text}");
    }
    let text = format!("export RAILWAY_TOKEN={id}");
    assert_eq!(values(&text, &[]), [(Kind::ApiKey, id)], "{text}");
}

#[test]
fn passwords_are_named_with_what_they_are_like_and_what_they_are_for() {
    for name in [
        "Parola temporară",
        "Parola contului",
        "Parola pentru cont",
        "Heslo k účtu",
        "Heslo uživatele",
        "Пароль від кабінету",
        "Пароль от личного кабинета",
        "Парола за достъп",
        "Lozinka za račun",
        "Geslo za dostop",
        "Lösenord till kontot",
        "Password dell'account",
        "Senha provisória do sistema",
        "Κωδικός λογαριασμού",
        "Συνθηματικό",
        "סיסמה זמנית",
        "كلمة المرور المؤقتة",
        "رمز عبور",
        "گذرواژه",
        "پاس ورڈ",
        "পাসওয়ার্ড",
        "கடவுச்சொல்",
        "ਪਾਸਵਰਡ",
        "ಪಾಸ್‌ವರ್ಡ್",
        "მენიუ: პაროლი",
        "Գաղտնաբառ",
        "Құпия сөз",
        "စကားဝှက်",
        "ລະຫັດຜ່ານ",
        "የይለፍ ቃል",
        "รหัสผ่านชั่วคราว",
        "Mật khẩu mới của bạn",
        "Kata laluan sementara",
        "Nenosiri",
        "Neno la siri",
        "Wagwoord",
        "Lykilorð",
        "Fjalëkalimi i përkohshëm",
    ] {
        let text = format!("{name}: Tundra77!x");
        assert_eq!(values(&text, &[]), [(Kind::Password, "Tundra77!x")], "{text}");
    }
    for text in ["Kata laluan: quartzpicklegar", "Mot de passe : quartzpicklegar", "Nenosiri: quartzpicklegar"] {
        assert_eq!(values(text, &[]), [(Kind::Password, "quartzpicklegar")], "{text}");
    }
    for text in ["Parola dumneavoastră este Tundra77!x", "Nenosiri lako ni Tundra77!x", "הסיסמה שלך היא Tundra77!x"]
    {
        assert_eq!(values(text, &[]), [(Kind::Password, "Tundra77!x")], "{text}");
    }
}

#[test]
fn what_forms_say_of_passwords_in_other_languages_is_none() {
    for text in [
        "Passwort: erforderlich",
        "Hasło: wymagane",
        "Kata laluan: wajib",
        "Wagwoord: vereis",
        "Lösenord: krävs",
        "পাসওয়ার্ড: আবশ্যক",
        "கடவுச்சொல்: தேவை",
        "كلمة المرور: مطلوبة",
        "Пароль: обязательно",
        "Parola temporară: va fi trimisă prin SMS",
        "Heslo k účtu vyprší: 12.11.2031",
        "Hasło do konta wygasa: 2031-12-01",
        "Nenosiri: si sahihi",
    ] {
        assert_eq!(values(text, &[]), [], "{text}");
    }
}

#[test]
fn what_goes_through_a_template_is_not_what_it_goes_through() {
    for text in [
        "password: {{ .Values.db.password | b64enc | quote }}",
        "data:\n  password: {{ .Values.password | b64enc | quote }}\n  user: x",
        "token: {{ .Values.auth.token | sha256sum | trunc 63 }}",
        "value: {{ user.password | md5hex }}",
        "password: {{- .Values.redis.password | b32enc -}}",
        "password: @(Model.Password)",
    ] {
        assert_eq!(values(text, &[]), [], "{text}");
    }
    assert_eq!(values("user | password\nann | Tundra77!x", &[]), [(Kind::Password, "Tundra77!x")]);
}

#[test]
fn passwords_of_programs_stand_where_their_files_have_them() {
    for text in [
        "define( 'DB_PASSWORD', 'tundra77x' );",
        "define('DB_PASSWORD', 'tundra77x');",
        "$ cat ~/.pgpass\nlocalhost:6432:*:ann:tundra77x",
        "#hostname:port:database:username:password\ndb1:5433:app:ann:tundra77x",
        "*:*:*:app:tundra77x",
        "echo 'db1:5432:app:ann:tundra77x' >> ~/.pgpass",
        "net user ann tundra77x /add",
        "session.auth = ('ann', 'tundra77x')",
    ] {
        assert_eq!(values(text, &[]), [(Kind::Password, "tundra77x")], "{text}");
    }
    assert_eq!(values("db1:5432:app:ann:tundrasignal", &[]), [(Kind::Password, "tundrasignal")]);
    for text in [
        "define( 'DB_PASSWORD', getenv('DB_PASSWORD') );",
        "#hostname:port:database:username:password",
        "srv1:8080:app:web:running",
        "net user ann /delete",
        "net user ann * /add",
    ] {
        assert_eq!(values(text, &[]), [], "{text}");
    }
}

#[test]
fn a_password_in_an_address_may_be_escaped() {
    for (text, value) in [
        ("mysql://app:garnet%20ember%20cactus@db1.prod.example/shop", "garnet%20ember%20cactus"),
        ("postgres://app:QiA~%2Bvy%3FYa@db1.prod.example/shop", "QiA~%2Bvy%3FYa"),
        ("redis://:tulip%21garden@cache.example:6379/0", "tulip%21garden"),
    ] {
        let found = values(text, &[]);
        assert_eq!(found, [(Kind::Password, value)], "{text}");
    }
    assert_eq!(values("postgres://app:5432 and write to ann@example.org", &[]), []);
}

#[test]
fn armour_in_base64_is_a_private_key_under_any_name() {
    let body = Drawn(5).of(BASE62, 120);
    let armour = base64::Engine::encode(
        &base64::engine::general_purpose::STANDARD,
        format!("-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----\n"),
    );
    for name in ["DEPLOY_KEY_B64=", "api_key: ", "SECRET=", "password: "] {
        let text = format!("{name}{armour}");
        assert_eq!(values(&text, &[]), [(Kind::PrivateKey, armour.as_str())], "{name}");
    }
}

#[test]
fn settings_of_routers_and_cookies_of_sessions_hold_secrets() {
    for text in [
        "snmp-server community Winter2291 RO",
        "set snmp community Winter2291 authorization read-only",
        "rocommunity Winter2291 10.0.0.0/8",
        "radius-server host 10.1.1.1 auth-port 1812 key 7 Winter2291",
        "tacacs-server key Winter2291\n",
        " key-string Winter2291",
        "crypto isakmp key Winter2291 address 10.1.1.1",
        " pre-shared-key local Winter2291",
        " ppp chap password 0 Winter2291",
        " ip ospf message-digest-key 1 md5 Winter2291",
        " ntp authentication-key 1 md5 Winter2291",
        "set radius-server 10.1.1.1 secret \"Winter2291\"",
        "set psksecret Winter2291",
        "snmpwalk -v2c -c Winter2291 10.1.1.1",
    ] {
        assert_eq!(values(text, &[]), [(Kind::Password, "Winter2291")], "{text}");
    }
    assert_eq!(values("snmp-server community netops RO", &[]), [(Kind::Password, "netops")]);
    let id = Drawn(11).of("0123456789ABCDEF", 32);
    for text in [
        format!("Cookie: JSESSIONID={id}; theme=dark"),
        format!("Set-Cookie: PHPSESSID={id}; path=/; HttpOnly"),
        format!("GET /a;jsessionid={id} HTTP/1.1"),
    ] {
        assert_eq!(values(&text, &[]), [(Kind::ApiKey, id.as_str())], "{text}");
    }
    for text in [
        "snmp-server community public RO",
        "snmp-server community <string> RO",
        "snmp-server community $COMMUNITY ro",
        "You can configure the snmp-server community string with RO access.",
        "radius-server key is missing",
        "use of the message-digest-key command",
        "Set the pre-shared-key authentication method first.",
        "JSESSIONID is the cookie of the session",
        "Set-Cookie: JSESSIONID=deleted; Max-Age=0",
    ] {
        assert_eq!(values(text, &[]), [], "{text}");
    }
}

#[test]
fn what_was_encrypted_is_no_secret() {
    let body = Drawn(11).of(BASE62, 96);
    for start in ["{cipher}", "{AES}", "ENC(", "AQICAH", "U2FsdGVkX1", "vault:v1:", "CiQA"] {
        assert_eq!(values(&format!("password: {start}{body}"), &[]), [], "{start}");
    }
    let sealed =
        format!("kind: SealedSecret\nspec:\n  encryptedData:\n    password: AgB{body}\n    api-key: AgA{body}\n");
    assert_eq!(values(&sealed, &[]), []);
    assert_eq!(values(&format!("AgB{body}"), &["spec", "encryptedData", "password"]), []);
    assert_eq!(values("hG5-lokPw9", &["spec", "encryptedData", "password"]), [(Kind::Password, "hG5-lokPw9")]);
    let open = format!("stringData:\n    password: AgB{body}\n");
    assert_eq!(values(&open, &[]).len(), 1);
    assert_eq!(values(&format!("encrypted_password: {body}"), &[]), []);
    assert_eq!(values("CREATE ROLE app ENCRYPTED PASSWORD 'hG5-lokPw9';", &[]), [(Kind::Password, "hG5-lokPw9")]);
}

#[test]
fn a_request_for_a_value_is_none() {
    for text in [
        "SMTP_PASS=changeme-before-use",
        "SMTP_PASS=please_change_me",
        "DB_PASSWORD=set-this-before-deploy",
        "DB_PASSWORD=to-be-replaced",
        "DB_PASSWORD=change_this_before_deploy!",
        "password: bitte-aendern",
        "password: cambiar-esto",
    ] {
        assert_eq!(values(text, &[]), [], "{text}");
    }
    for value in ["changeme1", "correct-horse-battery-staple", "use-the-force-luke", "please-set-walrus-garden"] {
        assert_eq!(values(&format!("DB_PASSWORD={value}"), &[]), [(Kind::Password, value)], "{value}");
    }
}

#[test]
fn a_remark_in_another_script_is_no_part_of_a_value() {
    for text in [
        "初期パスワード：Kx7pLm29qAs（端末 51）",
        "密码：Kx7pLm29qAs（测试）",
        "비밀번호: Kx7pLm29qAs입니다",
        "รหัสผ่าน: Kx7pLm29qAsครับ",
    ] {
        assert_eq!(values(text, &[]), [(Kind::Password, "Kx7pLm29qAs")], "{text}");
    }
    let key = Drawn(12).of(HEX, 40);
    assert_eq!(values(&format!("APIキー: {key}（環境 7）"), &[]), [(Kind::ApiKey, key.as_str())]);
    assert_eq!(values("Das Kennwort im Besprechungsraum lautet gerd@4471.", &[]), [(Kind::Password, "gerd@4471")]);
    assert_eq!(values("The password in the config is required", &[]), []);
}
