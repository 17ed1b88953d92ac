//! What takes too much work is not let through: it is taken for sensitive as a whole.
use super::super::effort::Effort;
use super::super::{Context, Edit, Engine, Kind, Span, cover};

fn engine() -> Engine {
    Engine::new(Vec::new()).unwrap_or_else(|_| panic!("no own types"))
}

/// The share of what it may do that a text needs, in hundredths.
fn share(text: &str) -> u64 {
    let effort = Effort::of(text.len());
    let all = effort.left();
    engine().scan_wire_within(text, &effort);
    (all - effort.left()) * 100 / all
}

#[test]
fn a_text_of_little_but_names_of_secrets_is_not_read_to_its_end_but_covered_as_a_whole() {
    let text = "pw:pw:pw=pw:pwd\u{2192}PASSWORD | ".repeat(4_000);
    let whole = |end| [Span { start: 0, end, kind: Kind::Unread }];
    assert_eq!(engine().scan_text(&text, &Context::default()), whole(text.len()));
    assert_eq!(engine().scan_wire(&text), whole(text.len()));
    let document = serde_json::json!({ "first": "a@b.org", "text": [text] }).to_string();
    assert_eq!(engine().scan_wire(&document), whole(document.len()));
    let replaced = |kind: Kind| Edit::Replace(cover::placeholder(kind.name()));
    assert_eq!(engine().rewrite_wire(&document, |finding| replaced(finding.kind)), "\"[UNREAD]\"");
    // Of lines that are documents those before are read.
    let lines = format!("{{\"mail\":\"a@b.org\"}}\n{document}\n{{\"mail\":\"c@d.org\"}}\n");
    let out = engine().rewrite_wire(&lines, |finding| replaced(finding.kind));
    assert_eq!(out, "{\"mail\":\"[EMAIL]\"}\n\"[UNREAD]\"\n\"[UNREAD]\"\n");
}

#[test]
fn a_document_with_more_findings_than_are_kept_is_not_looked_through() {
    let document = serde_json::json!([vec!["a@b.org"; 100_001], [{ "card": "4111111111111111" }]]).to_string();
    assert_eq!(engine().scan_wire(&document), [Span { start: 0, end: document.len(), kind: Kind::Unread }]);
}

#[test]
fn base64_of_any_length_is_decoded_so_that_nothing_hides_behind_much_of_it() {
    use base64::Engine as _;
    let base64 = |text: String| base64::engine::general_purpose::STANDARD.encode(text);
    let filler = base64("nothing but words that say nothing, again and again. ".repeat(8_000));
    let text = format!("first: {filler} then: {}", base64("my card is 4111 1111 1111 1111 you know".to_owned()));
    let found = engine().scan_text(&text, &Context::default());
    assert_eq!(found.iter().map(|span| span.kind).collect::<Vec<_>>(), [Kind::CreditCard]);
}

#[test]
fn a_text_in_another_charset_is_read_and_written_in_it() {
    use base64::Engine as _;
    let standard = base64::engine::general_purpose::STANDARD;
    let text = "Straße;Konto;Größe\nHauptstraße 5;DE89 3704 0044 0532 0130 00;groß\n";
    let russian = "Имя;Карта\nИван;4111 1111 1111 1111\n";
    let latin = |text: &str| text.chars().map(|letter| u8::try_from(letter).unwrap_or(b'?')).collect::<Vec<u8>>();
    let little = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
    let big = |text: &str| text.encode_utf16().flat_map(u16::to_be_bytes).collect::<Vec<u8>>();
    let marked = |text: &str| format!("\u{FEFF}{text}");
    let out = text.replace("DE89 3704 0044 0532 0130 00", "[IBAN]");
    let out_russian = russian.replace("4111 1111 1111 1111", "[CREDIT_CARD]");
    let cases = [
        (latin(text), latin(&out)),
        (little(&marked(text)), little(&marked(&out))),
        (big(&marked(text)), big(&marked(&out))),
        (little(text), little(&out)),
        (big(text), big(&out)),
        (little(russian), little(&out_russian)),
        (big(&marked(russian)), big(&marked(&out_russian))),
    ];
    for (bytes, out) in &cases {
        let document = serde_json::json!({ "mimeType": "text/csv", "blob": standard.encode(bytes) }).to_string();
        let got = engine().rewrite_wire(&document, |finding| Edit::Replace(cover::placeholder(finding.kind.name())));
        let got: serde_json::Value = serde_json::from_str(&got).unwrap_or_default();
        let got = standard.decode(got["blob"].as_str().unwrap_or_default()).unwrap_or_default();
        assert_eq!(String::from_utf8_lossy(&got), String::from_utf8_lossy(out));
        assert_eq!(&got, out);
    }
    // In a text too, and in lines as mail has them.
    for bytes in cases.iter().take(5).map(|(bytes, _)| bytes) {
        let run = standard.encode(bytes);
        let whole = engine().scan_text(&format!("attached: {run} end"), &Context::default());
        assert_eq!(whole, [Span { start: 10, end: 10 + run.len(), kind: Kind::Iban }], "{run}");
        let lines: Vec<_> = run.as_bytes().chunks(76).map(String::from_utf8_lossy).collect();
        let whole = engine().scan_text(&format!("attached:\n{}\n", lines.join("\n")), &Context::default());
        assert_eq!(whole, [Span { start: 10, end: 10 + run.len() + lines.len() - 1, kind: Kind::Iban }], "{run}");
    }
}

#[test]
fn what_is_called_base64_is_read_however_long_it_is_and_as_it_stands_if_it_is_none() {
    use base64::Engine as _;
    let base64 = |text: String| base64::engine::general_purpose::STANDARD.encode(text);
    let kinds = |document: serde_json::Value| {
        let found = engine().scan_wire(&document.to_string());
        found.into_iter().map(|span| span.kind).collect::<Vec<_>>()
    };
    let long = format!("{}\ncard,4111 1111 1111 1111\n", "nothing,at,all\n".repeat(300_000));
    assert_eq!(kinds(serde_json::json!({ "mimeType": "text/csv", "blob": base64(long) })), [Kind::CreditCard]);
    for text in ["JVBERi0x card 4111 1111 1111 1111", "iVBORw0K: 4111 1111 1111 1111 is my card"] {
        assert_eq!(kinds(serde_json::json!({ "mimeType": "text/plain", "data": text })), [Kind::CreditCard], "{text}");
    }
    let image = base64::engine::general_purpose::STANDARD.encode(b"\x89PNG\r\n\x1A\n\0\xFF card 4111111111111111");
    assert_eq!(kinds(serde_json::json!({ "mimeType": "image/png", "data": image })), []);
}

#[test]
fn an_own_type_of_any_length_is_covered_whole() {
    use super::super::{OwnRule, OwnType};
    let own = OwnType { name: "CONF".to_owned(), group: None, rule: OwnRule::Pattern("CONF-[A-Z]+".to_owned()) };
    let engine = Engine::new(vec![own]).unwrap_or_else(|_| panic!("an own type"));
    let text = format!("about CONF-{} it is", "X".repeat(5_000));
    assert_eq!(engine.scan_text(&text, &Context::default()), [Span { start: 6, end: 5_011, kind: Kind::Own(0) }]);
}

#[test]
fn lists_tables_and_dumps_of_nothing_but_values_need_three_fifths_of_what_they_may_at_most() {
    let rows = |row: &dyn Fn(usize) -> String| (0..2_000).map(row).collect::<String>();
    let digits = |at: usize, count: usize| format!("{:0count$}", at * 7_919 % 10_usize.pow(count as u32));
    let texts = [
        rows(&|at| format!("{}-{}-{}\n", 100 + at % 565, 10 + at % 89, 1_000 + at)),
        rows(&|at| format!("(212) 555-{}\n", digits(at, 4))),
        rows(&|at| format!("DOB: {}/{}/{}\n", 1 + at % 12, 1 + at % 28, 1940 + at % 60)),
        rows(&|at| format!("+49 30 {}, ", digits(at, 7))),
        rows(&|at| format!("10.{}.{}.7, ", at % 256, at / 8)),
        rows(&|at| format!("a{at}@b{}.org\n", at % 99)),
        rows(&|at| format!("DB_{at}_PASSWORD=Tr0ub4dor{}!x\n", digits(at, 2))),
        rows(&|at| format!("La p\u{f3}liza PX{} fue renovada\n", digits(at, 8))),
        rows(&|at| {
            format!("PID|1||{at}^^^HOSP^MR||LIND^ANNA||19{}0203|F|||||(212)555-{}\n", 40 + at % 60, digits(at, 4))
        }),
        format!(
            "id,ssn,dob\n{}",
            rows(&|at| format!("{at},{}-{}-4321,19{}-02-03\n", 100 + at % 565, 10 + at % 89, 40 + at % 60))
        ),
        serde_json::json!({ "values": (0..2_000).map(|at| format!("4{}", digits(at, 15))).collect::<Vec<_>>() })
            .to_string(),
        serde_json::json!(
            (0..2_000).map(|at| (format!("key of {at}"), digits(at, 9))).collect::<std::collections::BTreeMap<_, _>>()
        )
        .to_string(),
    ];
    for text in texts {
        assert!((1..=60).contains(&share(&text)), "{} of a hundred: {:?}", share(&text), text.get(..60));
    }
}

#[test]
fn passwords_are_found_in_every_row_of_a_table_however_many_there_are() {
    const ROWS: usize = 3_000;
    let rows = |row: &dyn Fn(usize) -> String| (0..ROWS).map(row).collect::<String>();
    let tables = [
        format!("login,password,role\n{}", rows(&|at| format!("u{at},Zr{at:04}x!q,op\n"))),
        format!("INSERT INTO t (login, password) VALUES {};", rows(&|at| format!("('u{at}', 'Zr{at:04}x!q'),\n"))),
        format!("LOGIN  PASSWORD   ROLE\n{}", rows(&|at| format!("u{at:04}  Zr{at:04}x!q  op\n"))),
        format!("password\n--------\n{}", rows(&|at| format!("Zr{at:04}x!q\n"))),
        format!(
            "<table><tr><th>login</th><th>password</th></tr>{}</table>",
            rows(&|at| format!("<tr><td>u{at}</td><td>Zr{at:04}x!q</td></tr>"))
        ),
    ];
    for table in tables {
        let found = engine().scan_text(&table, &Context::default());
        let count = found.iter().filter(|span| span.kind == Kind::Password).count();
        assert_eq!(count, ROWS, "{:?}", table.get(..60));
    }
}

#[test]
fn columns_name_what_is_in_them_however_many_tables_stand_before() {
    let one = |at: usize| format!("INSERT INTO t{at} (id, mrn) VALUES (1, 'A{:06}');\n", 7 * at + 123_456);
    let statements: String = (0..200).map(one).collect();
    let prose = "VALUES of every kind are kept.\n".repeat(100);
    let lines: String = (0..200).map(|at| format!("id,mrn\n1,A{:06}\n2,A{:06}\n\n", 11 * at, 13 * at)).collect();
    for (text, wanted) in [(statements.clone(), 200), (format!("{prose}{statements}"), 200), (lines, 400)] {
        let found = engine().scan_text(&text, &Context::default());
        let count = found.iter().filter(|span| span.kind == Kind::MedicalRecord).count();
        assert_eq!(count, wanted, "{:?}", text.get(..60));
    }
}

#[test]
fn a_long_key_above_many_values_is_kept_once() {
    // A copy for each value were more than any machine has.
    for key in ["k".repeat(1_000_000), format!("{}\"", "k".repeat(1_000_000))] {
        let values: Vec<String> = (0..60_000).map(|n| format!("a{n}@b.org")).collect();
        let nested: Vec<String> = values.iter().map(|mail| format!("[\"{mail}\"]")).collect();
        for values in [values, nested] {
            let document = serde_json::json!({ key.as_str(): values }).to_string();
            let document =
                crate::kernel::json::Document::parse(document.into(), &crate::kernel::json::Bounds::default());
            let found = engine().scan(document.unwrap_or_else(|_| panic!("no document")).root());
            assert_eq!(found.len(), 60_000);
        }
    }
}
