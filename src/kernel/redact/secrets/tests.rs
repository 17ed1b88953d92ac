//! Every family with values made here by formula: no key in this file is one, and none was ever issued.
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
    find(&view, &Context { path }, &mut out);
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
