use super::prints::{Key, Prints, Sent};
use crate::kernel::json::{Bounds, Document};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use proptest::prelude::*;
use serde_json::{Value as Json, json};

fn key() -> Key {
    Key::new([7, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15])
}

fn document(value: &Json) -> Document {
    Document::parse(value.to_string().into(), &Bounds::default()).unwrap()
}

fn read_but(value: &Json, said: &Json, ignore: &[String]) -> Prints {
    let (value, said) = (document(value), document(said));
    Prints::of(&key(), value.root(), 24, &mut Sent::read(&key(), [said.root()], ignore))
}

fn read(value: &Json) -> Prints {
    read_but(value, &json!({}), &[])
}

fn leaves(prints: &Prints, sent: &Json) -> bool {
    leaves_among(prints.records(), prints, sent)
}

fn leaves_among(records: usize, prints: &Prints, sent: &Json) -> bool {
    let sent = document(sent);
    prints.are_in(&mut Sent::read(&key(), [sent.root()], &[]), records)
}

fn record() -> Json {
    json!({
        "id": 7,
        "name": "Erika Mustermann",
        "email": "erika.mustermann@example.net",
        "phone": "+49 731 555-0142",
        "born": "1984-03-02",
        "address": { "street": "Hafenbad 12", "zip": "89073", "city": "Ulm" },
        "status": "active",
        "note": "Asked for the penicillin allergy to be removed from her file."
    })
}

/// As tools give it: structured, and the same as text.
fn result() -> Json {
    json!({ "content": [{ "type": "text", "text": record().to_string() }], "structuredContent": record() })
}

fn texts() -> Vec<(&'static str, String)> {
    let plain = "Erika Mustermann, erika.mustermann@example.net, +49 731 555-0142, Hafenbad 12, 89073 Ulm";
    let reordered = "89073 Ulm\nHafenbad 12\nMustermann, Erika\nTel. 0049 (731) 5550142 / +49 731 555-0142\nerika.mustermann@example.net";
    let json = record().to_string();
    let hex: Vec<String> = plain.bytes().map(|byte| format!("{byte:02x}")).collect();
    vec![
        ("verbatim", json.clone()),
        ("as prose", format!("Hello, here is the data: {plain}. Bye!")),
        ("re-ordered", reordered.to_owned()),
        ("reversed fields", record().as_object().unwrap().iter().rev().map(|(k, v)| format!("{k}={v}\n")).collect()),
        ("upper case", plain.to_uppercase()),
        ("spaced", plain.chars().map(|c| format!("{c} ")).collect()),
        ("dashed", plain.chars().filter(|c| *c != ' ').map(|c| format!("{c}-")).collect()),
        ("zero width", plain.chars().map(|c| format!("{c}\u{200b}")).collect()),
        (
            "full width",
            plain
                .chars()
                .map(|c| if c.is_ascii_graphic() { char::from_u32(u32::from(c) + 0xfee0).unwrap() } else { c })
                .collect(),
        ),
        ("homoglyphs", plain.replace('a', "а").replace('e', "е").replace('o', "о")),
        ("base64", STANDARD.encode(&json)),
        ("base64url", URL_SAFE_NO_PAD.encode(plain)),
        ("base64 of re-ordered", STANDARD.encode(reordered)),
        ("twice", STANDARD.encode(STANDARD.encode(plain))),
        ("hex", hex.concat()),
        ("hex with colons", hex.join(":")),
        ("percent", plain.bytes().map(|byte| format!("%{byte:02X}")).collect()),
        ("query", format!("https://evil.example/?q={}", plain.replace(' ', "%20").replace(',', "%2C"))),
        ("escapes", plain.chars().map(|c| format!("\\u{:04x}", u32::from(c))).collect()),
        ("json in json", json!([json!([record()]).to_string()]).to_string()),
        ("first half", json.chars().take(json.len() / 2).collect()),
        ("second half", json.chars().skip(json.len() / 2).collect()),
        ("a half in base64", STANDARD.encode(json.chars().skip(json.len() / 2).collect::<String>())),
        ("only the note", "asked for the PENICILLIN allergy to be removed from her file".to_owned()),
        ("address and number", "erika.mustermann@example.net, +49 731 555-0142".to_owned()),
    ]
}

#[test]
fn what_was_read_is_recognised_however_it_is_sent() {
    let prints = read(&result());
    for (how, text) in texts() {
        assert!(leaves(&prints, &json!({ "to": "x@example.org", "body": text })), "{how}: {text}");
    }
    let record = record();
    let mut fields: Vec<_> = record.as_object().unwrap().iter().collect();
    fields.reverse();
    let reversed: serde_json::Map<String, Json> = fields.into_iter().map(|(k, v)| (k.clone(), v.clone())).collect();
    assert!(leaves(&prints, &Json::Object(reversed)), "as structure, fields reversed");
    assert!(
        leaves(
            &prints,
            &json!({ "subject": "Erika Mustermann 89073 Ulm", "body": "call 0731 555-0142, Hafenbad; +49 731 555-0142" })
        ),
        "over several arguments"
    );
    assert!(leaves(&prints, &json!({ "erika.mustermann@example.net and 49 731 555-0142": true })), "as a key");
}

#[test]
fn what_was_read_is_recognised_in_place_of_a_type_and_among_what_is_no_text() {
    let prints = read(&result());
    let text = record().to_string();
    for key in ["type", "mimeType", "jsonrpc"] {
        assert!(leaves(&prints, &json!({ "to": "x@example.org", key: text })), "{key}");
        assert!(leaves(&prints, &json!({ "to": "x@example.org", key: [record()] })), "{key}");
    }
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let between: Vec<u8> = text.bytes().flat_map(|byte| [0xff, byte]).collect();
    for written in [format!("ff{}", hex(text.as_bytes())), hex(&between), STANDARD.encode(format!("\u{1}\u{1}{text}"))]
    {
        assert!(leaves(&prints, &json!({ "body": written })), "{written}");
    }
}

#[test]
fn however_much_is_remembered_what_says_more_than_chance_does_is_recognised() {
    let prints = read(&result());
    let whole = |how: &&str| !["half", "note", "number"].iter().any(|part| how.contains(part));
    for (how, text) in texts().into_iter().filter(|(how, _)| whole(how)) {
        for records in [16, 256, 2_048, 100_000] {
            assert!(leaves_among(records, &prints, &json!({ "body": text })), "{how} among {records}: {text}");
        }
    }
    // What many customers have, one after the other: 30 bits.
    let read = read(&json!({ "area": "3787134", "owner": "Fipuhema", "company": "Gihobarum", "agent": "Zalumo" }));
    let sent = json!("3787134 Fipuhema, Gihobarum");
    assert!(leaves_among(1, &read, &sent));
    assert!(!leaves_among(256, &read, &sent));
}

#[test]
fn what_others_would_say_too_is_not_recognised() {
    let prints = read(&result());
    for text in [
        "",
        "ok",
        "Erika",
        "Ulm",
        "89073 Ulm",
        "status: active, id: 7, city: Ulm",
        "Please send the invoice of 2026-03-02 to the customer and thank her for her patience with us.",
        "Hans Maier, hans.maier@example.net, +49 89 1234567, Marktplatz 3, 89073 Ulm, active, 1984-03-02",
        r#"{"id":8,"name":"Erika Maier","email":"e.maier@example.net","phone":"+49 731 555-9188","born":"1984-03-02","address":{"street":"Hafenbad 14","zip":"89077","city":"Ulm"},"status":"active","note":"Asked for the invoice to be removed from her file."}"#,
    ] {
        assert!(!leaves(&prints, &json!({ "body": text })), "{text}");
    }
}

#[test]
fn what_the_caller_said_first_and_what_everybody_is_told_is_not_remembered() {
    let found = json!({ "email": "erika.mustermann@example.net", "iban": "DE89 3704 0044 0532 0130 00", "terms": "Calls are recorded by Beispiel Versicherung AG, Musterallee 9, 10115 Berlin, VAT DE812345678." });
    let asked = json!({ "iban": "DE89370400440532013000" });
    let sent = json!({ "to": "DE89 3704 0044 0532 0130 00" });
    assert!(leaves(&read(&found), &sent));
    let ignore = [found["terms"].as_str().unwrap().to_owned()];
    assert!(!leaves(&read_but(&found, &asked, &[]), &sent), "what the caller sent in is no news to it");
    assert!(leaves(&read_but(&found, &asked, &[]), &json!({ "body": ignore[0] })));
    assert!(!leaves(&read_but(&found, &asked, &ignore), &json!({ "body": ignore[0] })));
}

/// Numbers that look random and are the same every time.
struct Dice(u64);

impl Dice {
    fn next(&mut self, below: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from((self.0 >> 33) % below as u64).unwrap()
    }

    fn of<'a>(&mut self, list: &'a [&'a str]) -> &'a str {
        list[self.next(list.len())]
    }
}

const WORDS: &[&str] = &[
    "customer",
    "invoice",
    "delivery",
    "delayed",
    "lamp",
    "refund",
    "wants",
    "the",
    "a",
    "of",
    "called",
    "about",
    "yesterday",
    "broken",
    "warehouse",
    "please",
    "contract",
    "renewal",
    "premium",
    "allergy",
    "appointment",
    "moved",
    "to",
    "and",
    "was",
    "with",
    "second",
    "floor",
    "door",
    "signed",
];

/// One of so many names of a kind.
fn name(dice: &mut Dice, kind: u64, many: usize) -> String {
    let mut letters = Dice(kind * 1_000_003 + dice.next(many) as u64);
    letters.next(2);
    let length = 4 + letters.next(6);
    let letter = |at: usize, letters: &mut Dice| {
        let of: &[u8] = if at.is_multiple_of(2) { b"bcdfghklmnprstvz" } else { b"aeiou" };
        char::from(of[letters.next(of.len())])
    };
    let (first, rest) = (letter(0, &mut letters), 1..length);
    let rest: String = rest.map(|at| letter(at, &mut letters)).collect();
    format!("{}{rest}", first.to_ascii_uppercase())
}

/// A customer as a system has them: a few hundred names, streets and cities, one template.
fn stranger(dice: &mut Dice) -> Json {
    let (first, last) = (name(dice, 1, 200), name(dice, 2, 500));
    let city = dice.next(300);
    let (town, zip, area) = (name(&mut Dice(city as u64), 3, usize::MAX >> 40), 10_000 + city * 101, 200 + city);
    let words: Vec<&str> = (0..12).map(|_| dice.of(WORDS)).collect();
    json!({
        "id": dice.next(100_000),
        "url": format!("https://crm.example.com/api/v2/customers/{}", dice.next(100_000)),
        "name": format!("{first} {last}"),
        "email": format!("{}.{}@example.com", first.to_lowercase(), last.to_lowercase()),
        "phone": format!("+49 {area} {}", 1_000_000 + dice.next(8_999_999)),
        "born": format!("{}-{:02}-{:02}", 1940 + dice.next(65), 1 + dice.next(12), 1 + dice.next(28)),
        "address": { "street": format!("{} {}", name(dice, 5, 200), 1 + dice.next(120)), "zip": zip.to_string(), "city": town, "country": "Deutschland" },
        "company": format!("{} GmbH", name(dice, 6, 2_000)),
        "status": dice.of(&["active", "suspended", "onboarding"]),
        "tier": dice.of(&["Platinum", "Gold", "Basic"]),
        "updated": format!("2026-11-{:02}T{:02}:{:02}:00Z", 1 + dice.next(28), dice.next(24), dice.next(60)),
        "note": words.join(" "),
        "footer": "Thank you for contacting our support team. We will get back to you within two working days.",
    })
}

#[test]
fn a_stranger_s_record_is_not_taken_for_one_that_was_read() {
    const RECORDS: usize = 256;
    const STRANGERS: usize = 1_500;
    let mut dice = Dice(42);
    let read: Vec<Prints> = (0..RECORDS).map(|_| read(&stranger(&mut dice))).collect();
    let mut hits = Vec::new();
    for _ in 0..STRANGERS {
        let sent = stranger(&mut dice);
        let document = document(&sent);
        let mut sent = Sent::read(&key(), [document.root()], &[]);
        hits.extend(
            read.iter().any(|prints| prints.are_in(&mut sent, RECORDS)).then(|| document.root().raw().to_vec()),
        );
    }
    let shown: Vec<_> = hits.iter().take(3).map(|hit| String::from_utf8_lossy(hit)).collect();
    assert!(hits.is_empty(), "{} of {STRANGERS} against {RECORDS}: {shown:?}", hits.len());
}

#[test]
fn random_texts_and_common_ones_are_not_recognised() {
    let mut dice = Dice(7);
    let memory: Vec<Prints> = (0..64).map(|_| read(&stranger(&mut dice))).collect();
    const ALPHABET: &[u8] = b"abcdefghijklmnopqrstuvwxyz0123456789 ";
    let mut strings = 0;
    for _ in 0..400 {
        let text: String = (0..2_500).map(|_| char::from(ALPHABET[dice.next(ALPHABET.len())])).collect();
        strings += text.split(' ').count();
        let prose: String = (0..500).map(|_| format!("{} ", dice.of(WORDS))).collect();
        let sent = document(&json!([text, prose]));
        let mut sent = Sent::read(&key(), [sent.root()], &[]);
        assert!(!memory.iter().any(|prints| prints.are_in(&mut sent, 64)));
    }
    assert!(strings > 10_000, "{strings}");
}

#[test]
fn nothing_that_was_read_is_in_a_fingerprint() {
    let shown = format!("{:?} {:?}", read(&result()), key());
    for word in ["rika", "ustermann", "731", "enicillin", "89073"] {
        assert!(!shown.to_lowercase().contains(word) || word.bytes().all(|b| b.is_ascii_digit()), "{word}");
    }
    let other = Key::new([9; 16]);
    let value = document(&result());
    let prints = Prints::of(&other, value.root(), 24, &mut Sent::read(&other, [], &[]));
    assert!(!leaves(&prints, &json!(record().to_string())), "another key recognises nothing");
}

#[test]
fn a_long_text_is_recognised_in_any_part_of_the_size() {
    let mut dice = Dice(3);
    let text: String = (0..3_000).map(|_| format!("{}{} ", name(&mut dice, 2, 500), 1000 + dice.next(9_000))).collect();
    let prints = read(&json!({ "text": text }));
    let bytes: Vec<char> = text.chars().collect();
    for _ in 0..300 {
        let from = dice.next(bytes.len() - 40);
        let mut part = String::new();
        for c in &bytes[from..] {
            part.push(*c);
            if part.chars().filter(|c| c.is_alphanumeric()).count() == 24 {
                break;
            }
        }
        assert!(leaves(&prints, &json!(part)), "{part}");
        assert!(leaves(&prints, &json!(part.replace(' ', "_"))), "{part}");
    }
    assert!(prints.len() < text.len(), "{} fingerprints for {} bytes", prints.len(), text.len());
}

proptest! {
    #[test]
    fn any_text_can_be_read_and_what_says_enough_is_found_in_itself(text in "(\\PC|[a-z0-9@. %\\\\]){0,200}", number in 10_000_000_000_000_000_u64..) {
        let read_text = read(&json!({ "text": text }));
        prop_assert!(read_text.whole);
        let sent = format!("{text} {number}a{number}");
        let both = read(&json!({ "text": sent }));
        prop_assert!(leaves(&both, &json!([sent])), "{}", sent);
        prop_assert!(leaves(&both, &json!([STANDARD.encode(&sent)])), "{}", sent);
    }
}
