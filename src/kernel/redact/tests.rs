//! Each kind by an example that its issuer or a standard published, or that follows from the definition; and the
//! same with one digit changed, which its check catches.
use super::{Context, Engine, Kind};
use crate::kernel::json::{Bounds, Document};

mod bounds;
mod dumps;
mod families;
mod layouts;
mod others;

fn found(text: &str) -> Vec<(Kind, String)> {
    let engine = Engine::new(Vec::new()).unwrap_or_else(|_| panic!("no own types"));
    let spans = engine.scan_text(text, &Context::default());
    spans.iter().map(|span| (span.kind, text[span.start..span.end].to_owned())).collect()
}

/// Label, value, kind, and the value with a wrong check.
const EXAMPLES: &[(&str, &str, Kind, &str)] = &[
    ("card", "4111 1111 1111 1111", Kind::CreditCard, "4111 1111 1111 1112"),
    ("card", "5555555555554444", Kind::CreditCard, "5555555555554445"),
    ("card", "3782 822463 10005", Kind::CreditCard, "3782 822463 10006"),
    ("card", "6011-1111-1111-1117", Kind::CreditCard, "6011-1111-1111-1118"),
    ("card", "3530111333300000", Kind::CreditCard, "3530111333300001"),
    ("card", "6362970000457013", Kind::CreditCard, "6362970000457014"),
    ("IBAN", "GB82 WEST 1234 5698 7654 32", Kind::Iban, "GB82 WEST 1234 5698 7654 33"),
    ("IBAN", "DE89370400440532013000", Kind::Iban, "DE88370400440532013000"),
    ("IBAN", "FR14 2004 1010 0505 0001 3M02 606", Kind::Iban, "FR14 2004 1010 0505 0001 3M02 607"),
    ("routing number", "011000015", Kind::UsAbaRouting, "011000016"),
    ("wallet", "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa", Kind::CryptoWallet, "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb"),
    (
        "wallet",
        "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4",
        Kind::CryptoWallet,
        "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t5",
    ),
    ("SSN", "219-09-9999", Kind::UsSsn, "666-09-9999"),
    ("ITIN", "912-70-1234", Kind::UsItin, "912-49-1234"),
    ("SIN", "046 454 286", Kind::CaSin, "046 454 287"),
    ("TFN", "123 456 782", Kind::AuTfn, "123 456 783"),
    ("Aadhaar", "2341 2341 2346", Kind::InAadhaar, "2341 2341 2345"),
    ("NRIC", "S1234567D", Kind::SgNric, "S1234567E"),
    ("Steuer-ID", "86095742719", Kind::DeTaxId, "86095742718"),
    ("NIR", "2 55 08 14 168 025 38", Kind::FrNir, "2 55 08 14 168 025 39"),
    ("NIR", "1 85 05 2A 004 084 95", Kind::FrNir, "1 85 05 2A 004 084 94"),
    ("DNI", "12345678Z", Kind::EsNif, "12345678A"),
    ("DNI", "12.345.678-Z", Kind::EsNif, "12.345.678-A"),
    ("NIE", "X-1234567-L", Kind::EsNif, "X-1234567-M"),
    ("NIE", "X1234567L", Kind::EsNif, "X1234567M"),
    ("codice fiscale", "RSSMRA85T10A562S", Kind::ItFiscalCode, "RSSMRA85T10A562T"),
    ("codice fiscale", "RSSMRA 85T10 A562S", Kind::ItFiscalCode, "RSSMRA 85T10 A562T"),
    ("codice fiscale", "RSS MRA 85T10 A562S", Kind::ItFiscalCode, "RSS MRA 85T10 A562T"),
    ("PESEL", "44051401359", Kind::PlPesel, "44051401358"),
    ("personnummer", "811228-9874", Kind::SePersonnummer, "811228-9875"),
    ("hetu", "131052-308T", Kind::FiHetu, "131052-308U"),
    ("BSN", "111222333", Kind::NlBsn, "111222334"),
    ("NISS", "85.07.30-033.28", Kind::BeNrn, "85.07.30-033.29"),
    ("CPR", "070761-4285", Kind::DkCpr, "371361-4285"),
    ("NIF", "123456789", Kind::PtNif, "123456788"),
    ("CPF", "111.444.777-35", Kind::BrCpf, "111.444.777-36"),
    ("CURP", "BOXW310820HNERXN09", Kind::MxCurp, "BOXW310820HNERXN08"),
    ("RUT", "12.345.678-5", Kind::ClRut, "12.345.678-6"),
    ("CUIT", "20-12345678-6", Kind::ArCuit, "20-12345678-7"),
    ("身份证号", "11010519491231002X", Kind::CnRic, "110105194912310021"),
    ("身份证号", "500103199305131823", Kind::CnRic, "500103199305131824"),
    ("My Number", "1234 5678 9018", Kind::JpMynumber, "1234 5678 9017"),
    ("TC Kimlik No", "10000000146", Kind::TrTckn, "10000000147"),
    ("SA ID number", "8001015009087", Kind::ZaId, "8001015009088"),
    ("AHV-Nummer", "756.9217.0769.85", Kind::ChAhv, "756.9217.0769.86"),
    ("PPSN", "1234567T", Kind::IePpsn, "1234567U"),
    ("CNP", "1800101221144", Kind::RoCnp, "1800101221145"),
    ("NHS number", "943 476 5919", Kind::UkNhs, "943 476 5918"),
    ("MBI", "1EG4-TE5-MK73", Kind::UsMbi, "1SG4-TE5-MK73"),
    ("NPI", "1234567893", Kind::UsNpi, "1234567894"),
    ("DEA", "AB1234563", Kind::UsDea, "AB1234564"),
    ("Medicare card", "2123 45670 1", Kind::AuMedicare, "2123 45680 1"),
    ("national insurance", "AB 12 34 56 C", Kind::UkNino, "AB 12 34 56 E"),
    ("PAN card", "AFZPK7190K", Kind::InPan, "AFZXK7190K"),
];

#[test]
fn published_examples_are_found_and_their_neighbours_are_not() {
    for (label, value, kind, wrong) in EXAMPLES {
        assert_eq!(found(&format!("{label}: {value}")), [(*kind, (*value).to_owned())], "{label}");
        let told = found(&format!("{label}: {wrong}"));
        assert!(!told.iter().any(|(found, _)| found == kind), "{label}: {wrong} is {told:?}");
    }
}

#[test]
fn a_number_on_a_magnetic_stripe_is_a_cards_whoever_issued_it() {
    let stripes = "%B5066998341447998^DOE/JANE^28011010000000000000?;6362970000457013=28011010000000000?";
    let cards = ["5066998341447998", "6362970000457013"].map(|number| (Kind::CreditCard, number.to_owned()));
    assert_eq!(found(stripes), cards);
    assert_eq!(found("batch 5066998341447998, 6362970000457013"), []);
}

#[test]
fn addresses_are_whole_and_those_of_a_private_network_are_no_versions() {
    let address = |text: &str| vec![(Kind::IpAddress, text.to_owned())];
    assert_eq!(found("Last update from 192.168.3.44"), address("192.168.3.44"));
    assert_eq!(found("Last update to 8.42.0.131"), []);
    assert_eq!(found("version: 192.168.3.44"), []);
    assert_eq!(found("from ::ffff:199.250.4.100 on"), address("::ffff:199.250.4.100"));
}

#[test]
fn telephone_numbers_are_whole_with_the_area_code_before_a_slash() {
    let phones = |text: &str| found(text).into_iter().map(|(_, number)| number).collect::<Vec<_>>();
    assert_eq!(phones("Tel. 030 / 23 12 51 23"), ["030 / 23 12 51 23"]);
    assert_eq!(phones("Tel. 030 231251 / 030 231252"), ["030 231251", "030 231252"]);
    assert_eq!(phones("Phone: 1.646.555.0161"), ["1.646.555.0161"]);
    assert_eq!(phones("Phone: none, build 1.646.555.161"), Vec::<String>::new());
    assert_eq!(phones("call 0049 30 231252"), ["0049 30 231252"]);
    assert_eq!(phones("ratio 0.050605610549"), Vec::<String>::new());
}

#[test]
fn a_label_is_known_however_it_is_spelled() {
    for text in [
        "dateOfBirth=1974-12-25",
        "date_of_birth: 1974-12-25",
        "<birth-date>1974-12-25</birth-date>",
        "\"DOB\": \"1974-12-25\"",
        "| Geburtsdatum | 1974-12-25 |",
        "née le 1974-12-25",
        "生年月日：1974-12-25",
        "id,dob\n7,1974-12-25\n",
        "<tr><th>id</th><th>dob</th></tr><tr><td>7</td><td>1974-12-25</td></tr>",
        "INSERT INTO t (id, dob) VALUES (7, '1974-12-25');",
        "Date of birth:\n  1974-12-25",
        "1974-12-25 is my date of birth",
    ] {
        assert_eq!(found(text), [(Kind::DateOfBirth, "1974-12-25".to_owned())], "{text}");
    }
    for text in ["due date: 1974-12-25", "created 1974-12-25", "id,due\n7,1974-12-25\n", "1974-12-25T10:11:12Z"] {
        assert_eq!(found(text), [], "{text}");
    }
}

#[test]
fn disguises_are_seen_through_and_covered_whole() {
    for text in [
        "４１１１ １１１１ １１１１ １１１１",
        "٤١١١١١١١١١١١١١١١",
        "4111\u{200b}1111\u{ad}1111\u{2060}1111",
        "4111\u{2011}1111\u{2013}1111\u{2212}1111",
        "4111\u{a0}1111\u{2009}1111\u{202f}1111",
        "4111%201111%201111%201111",
        "&#52;111 1111 1111 1111",
        "\\u0034111 1111 1111 1111",
        "\\u{34}111 1111 1111 1111",
        "\\U00000034111 1111 1111 1111",
        "\\064111 1111 1111 1111",
        "4111%25201111%25201111%25201111",
        "4\u{301}111\u{3164}1111\u{308}\u{301}1111\u{ffa0}1111",
        "4111_1111_1111_1111",
        "4111  1111  1111  1111",
        "4111 - 1111 - 1111 - 1111",
    ] {
        assert_eq!(found(text), [(Kind::CreditCard, text.to_owned())], "{text}");
    }
    assert_eq!(found("jоhn@exаmple.com").len(), 1, "two letters are Cyrillic");
    let blob = "bXkgY2FyZCBpcyA0MTExIDExMTEgMTExMSAxMTExIHRoYW5rcw==";
    assert_eq!(found(blob), [(Kind::CreditCard, blob.to_owned())]);
}

#[test]
fn what_is_encoded_is_called_what_its_code_is_called() {
    use base64::Engine as _;
    let base64 = |bytes: &[u8]| base64::engine::general_purpose::STANDARD.encode(bytes);
    let hex = |text: &str| text.bytes().map(|byte| format!("{byte:02x}")).collect::<String>();
    let wide: Vec<u8> = "943 476 5919".encode_utf16().flat_map(u16::to_le_bytes).collect();
    for code in
        [base64(b"943 476 5919"), hex("943 476 5919"), format!("0x{}", hex("9434765919").to_uppercase()), base64(&wide)]
    {
        assert_eq!(found(&format!("NHS number: {code}")), [(Kind::UkNhs, code.clone())], "{code}");
        assert_eq!(found(&format!("order: {code}")), [], "{code}");
    }
    let letter = base64(b"Dear all, as agreed the card to be charged is 4111 1111 1111 1111. Kind regards, accounting");
    let lines: Vec<&str> = letter.as_bytes().chunks(64).filter_map(|line| std::str::from_utf8(line).ok()).collect();
    let wrapped = lines.join("\r\n ");
    assert_eq!(found(&wrapped), [(Kind::CreditCard, wrapped.clone())]);
    // Of the letters that only addresses have, the first line has none and the second has.
    let letter = base64(b"Dear all, as agreed the card to be charged is our 4111 1111 1111 1111 >>>?? Kind regards");
    let safe: Vec<String> = letter
        .replace('+', "-")
        .replace('/', "_")
        .as_bytes()
        .chunks(64)
        .map(|line| String::from_utf8_lossy(line).into_owned())
        .collect();
    assert!(!safe[0].contains(['-', '_']) && safe[1].contains(['-', '_']), "{safe:?}");
    assert_eq!(found(&safe.join("\n")), [(Kind::CreditCard, safe.join("\n"))]);
    // What stands in the next line need not be of it.
    let address = base64(b"alma.lindqvist@northwind.se");
    let entries = format!("payload: {address}\npayload: {address}\nend of it\n");
    assert_eq!(found(&entries), [(Kind::Email, address.clone()), (Kind::Email, address.clone())]);
    // Nor need what stands above it: lines as long that are no text.
    let above = format!("{}\n", base64(&[b"abcdef".as_slice(), &[1; 42]].concat())).repeat(3);
    let lines: Vec<&str> = letter.as_bytes().chunks(64).filter_map(|line| std::str::from_utf8(line).ok()).collect();
    let below = format!("{above}{}", lines.join("\n"));
    assert_eq!(found(&below), [(Kind::CreditCard, lines.join("\n"))]);
}

#[test]
fn a_label_is_read_wherever_a_layout_puts_it() {
    for text in [
        "<tr><td><b>NHS No.</b></td>\n<td>9434765919</td></tr>",
        "<dl><dt>NHS number</dt><dd>9434765919</dd></dl>",
        "<input name=\"nhs_number\" value=\"9434765919\">",
        "Content-Disposition: form-data; name=\"nhs_number\"\r\n\r\n9434765919\r\n",
        "--tags Key=nhs_number,Value=9434765919",
        "NHS numbers:\n- 943 476 5918\n- 9434765919\n",
        "Q: NHS number?\nA: 9434765919",
        "agent: What is your NHS number?\ncaller: 9434765919",
        "caller: 9434765919 is my NHS number",
        "PID|1||9434765919^^^NHS^NH||DOE^JANE",
        "! NHS number\n| 9434765919",
        "||id||NHS No.||\n|7|9434765919|",
        "*NHS number:*\n9434765919",
        "assert p[\"nhs_number\"] == \"9434765919\"",
        "The NHS number of Dr. Ana Sig. Rossi is 9434765919",
        "Nat. No.\tNHS No.\n7\t9434765919\n",
        "     id   nhs_number\n      7   9434765919\n",
        "class      | other\nnhs_number | 9434765919",
        "patient's NHS number 9434765919",
        "NHS patient's number 9434765919",
        "P.P.S.\nNHS NOS\n9434765919",
    ] {
        assert_eq!(found(text), [(Kind::UkNhs, "9434765919".to_owned())], "{text}");
    }
    let engine = Engine::new(Vec::new()).unwrap_or_else(|_| panic!("no own types"));
    for text in [
        r#"{"field": "nhs_number", "from": null, "to": "9434765919"}"#,
        r#"{"loc": ["body", "nhs_number"], "msg": "invalid", "input": "9434765919"}"#,
        r#"{"op": "replace", "path": "/person/nhsNumber", "value": "9434765919"}"#,
        r#"{"nhs_number": {"S": "9434765919"}}"#,
        r#"{"id": 360001, "name": "NHS number", "value": "9434765919"}"#,
        r#"[["NHS number"], ["9434765919"]]"#,
    ] {
        let spans = engine.scan_wire(text);
        let told: Vec<_> = spans.iter().map(|span| (span.kind, &text[span.start..span.end])).collect();
        assert_eq!(told, [(Kind::UkNhs, "9434765919")], "{text}");
    }
}

#[test]
fn an_answer_is_what_was_asked_for() {
    let told =
        found("agent: can I have the CVV?\n[09:02] Anna Wu: 622\nagent: and your birthday?\nCustomer: 1974-12-25");
    assert_eq!(told, [(Kind::CardCvv, "622".to_owned()), (Kind::DateOfBirth, "1974-12-25".to_owned())]);
}

#[test]
fn words_run_into_an_address_of_mail_in_scripts_without_spaces() {
    assert_eq!(found("メールはanna@example.orgです"), [(Kind::Email, "anna@example.org".to_owned())]);
    assert_eq!(found("IPv6:2a00:1450::200e"), [(Kind::IpAddress, "2a00:1450::200e".to_owned())]);
}

#[test]
fn what_only_looks_like_it_is_left_alone() {
    for text in [
        "order 4111111111111112, tracking 1Z999AA10123456784",
        "550e8400-e29b-41d4-a716-446655440000",
        "commit 33a64df551425fcc55e4d42a148795d9f25f89d4",
        "ISBN 978-3-16-148410-0, EAN 4006381333931, IMEI 490154203237518",
        "firmware 10.2.3.4, Chrome/120.0.6099.1, OID 1.3.6.1.4.1.311",
        "epoch 1710460800123, 10:15:30, 00:1B:44:11:3A:B7, 16:9",
        "git@github.com:org/repo.git logo@2x.png @types/node@20.1.0",
        "evaluate sin(123456782) to 9 digits",
        "lat 52.520008, lng 13.404954, $1,234.56",
        "card ending in 4242, **** **** **** 4242, XXX-XX-6789",
        "nuget Foo.Bar 4.3.2.1, chart: 11.28.13",
        "LIN+1++5045108273968:EN'",
        "CREDITOR_AGENT_BIC   7",
        "job 202511031014 done",
        "Lic. Ana Ruiz (ISBN 729815608X)",
        "Einwohner\tHandy\n94195028\tx",
        "사업자등록번호 124-81-00998",
        "Customer's trace 33a64df551425fcc",
    ] {
        assert_eq!(found(text), [], "{text}");
    }
}

#[test]
fn keys_that_are_known_say_what_they_say_when_they_are_read() {
    let mut engine = Engine::new(Vec::new()).unwrap();
    let names: Vec<String> = (0..600).map(|n| format!("field_{n}")).collect();
    let told = ["ssn", "password", "cardNumber", "api_key", "number", "value", "iban", "name"];
    engine.know(told.into_iter().chain(names.iter().map(String::as_str)));
    let text = r#"{"ssn":"219-09-9999","holder":{"ssn":{"value":"219-09-9999"}},"field_7":"x","field_599":"219-09-9999",
        "password":"hunter2hunter2","api_key":"q8Zr2LmX0aB7","name":"card","value":"4111 1111 1111 1111","cvv":123}"#;
    let document = Document::parse(text.into(), &Bounds::default()).unwrap();
    let plain = Engine::new(Vec::new()).unwrap();
    let (known, read) = (engine.scan(document.root()), plain.scan(document.root()));
    assert_eq!(format!("{known:?}"), format!("{read:?}"));
    assert!(format!("{read:?}").contains("UsSsn"), "{read:?}");
}

#[test]
fn an_address_right_behind_another_is_found_the_first_time() {
    let engine = Engine::new(Vec::new()).unwrap_or_else(|_| panic!("no own types"));
    let found = |text: &str| -> Vec<(usize, usize)> {
        engine.scan_text(text, &Context::default()).iter().map(|span| (span.start, span.end)).collect()
    };
    assert_eq!(found("a@one.example~b@two.example"), [(0, 13), (14, 27)]);
    assert_eq!(found("[EMAIL]~b@two.example"), [(8, 21)]);
}

#[test]
fn words_that_introduce_a_value_do_and_words_that_only_contain_them_do_not() {
    for (text, kind, value) in [
        ("bel 020 123 9057", Kind::Phone, "020 123 9057"),
        ("Sie erreichen mich unter 079 123 62 58.", Kind::Phone, "079 123 62 58"),
        ("SĐT: 0912 345 678", Kind::Phone, "0912 345 678"),
        ("cód. de segurança 393", Kind::CardCvv, "393"),
        ("Synt. 3.2.1970", Kind::DateOfBirth, "3.2.1970"),
        ("D.N. 03/02/1970", Kind::DateOfBirth, "03/02/1970"),
        ("Date of birth (required): 1970-02-03", Kind::DateOfBirth, "1970-02-03"),
    ] {
        assert_eq!(found(text), [(kind, value.to_owned())], "{text}");
    }
    for text in [
        "dob_verified_at: 2024-01-01",
        "Birth of the company: 1998-09-04",
        "member since 20190203",
        "account manager id 12345678",
        "SWIFT developer wanted in BERLINXX",
        "Bel 2024-03-02",
    ] {
        assert_eq!(found(text), [], "{text}");
    }
}

#[test]
fn each_of_several_rows_is_looked_at_as_if_it_stood_alone() {
    const KEYS: [&str; 14] = [
        "id",
        "name",
        "value",
        "type",
        "ssn",
        "state",
        "note",
        "password",
        "phone",
        "date",
        "policyNumber",
        "vin",
        "Account",
        "a b",
    ];
    const VALUES: [&str; 12] = [
        "7",
        "\"open\"",
        "\"ssn\"",
        "\"219-09-9999\"",
        "219099999",
        "\"hunter2hunter2\"",
        "\"+49 30 12345678\"",
        "\"1970-02-03\"",
        "null",
        "{\"ssn\":\"219-09-9999\",\"id\":123456789}",
        "[\"4111 1111 1111 1111\",1]",
        "\"123456789012\"",
    ];
    let engine = Engine::new(Vec::new()).unwrap();
    let mut state = 7u64;
    let mut below = move |count: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % count
    };
    let told = |text: &str| {
        let document = Document::parse(text.to_owned().into(), &Bounds::default()).unwrap();
        let mut told = Vec::new();
        engine.scan(document.root()).each(&document, &mut |finding| {
            told.push(format!("{:?} {} {}", finding.kind, finding.value, finding.under_text));
        });
        told
    };
    // What a column says of another does not depend on the row between.
    for between in [r#"{"a":7,"name":"ssn"}"#, r#"{"a":7,"Account":"ssn","value":7}"#, r#"{"a":7}"#, "{}", "7"] {
        let row = r#"{"a":7,"name":"ssn","value":219099999}"#;
        assert_eq!(told(&format!("[{row},{row},{between},{row},{row}]")).len(), 4, "{between}");
    }
    let mut count = 0;
    for _ in 0..2_000 {
        let from = below(KEYS.len());
        let mut values: Vec<usize> = (0..3).map(|_| below(VALUES.len())).collect();
        let rows: Vec<String> = (0..12)
            .map(|_| {
                // Mostly the keys and values of the row before; now and then one is another, left out or new.
                let (changed, left) = (below(8), below(9));
                values.get_mut(changed).into_iter().for_each(|value| *value = below(VALUES.len()));
                let entry =
                    |at: usize, value: &usize| format!("{:?}:{}", KEYS[(from + at) % KEYS.len()], VALUES[*value]);
                let entries = values.iter().enumerate().filter(|(at, _)| *at != left);
                format!("{{{}}}", entries.map(|(at, value)| entry(at, value)).collect::<Vec<_>>().join(","))
            })
            .collect();
        let alone: Vec<String> = rows.iter().flat_map(|row| told(&format!("{{\"rows\":[{row}]}}"))).collect();
        assert_eq!(told(&format!("{{\"rows\":[{}]}}", rows.join(","))), alone, "{rows:?}");
        count += alone.len();
    }
    assert!(count > 5_000, "{count}");
}
