//! Where layouts of others put a label, and what is left alone because its label says something else.
use super::super::{Engine, Kind};

/// What is found where a document or a text stands on the wire.
pub fn told(text: &str) -> Vec<(Kind, &str)> {
    let engine = Engine::new(Vec::new()).unwrap_or_else(|_| panic!("no own types"));
    engine.scan_wire(text).iter().map(|span| (span.kind, &text[span.start..span.end])).collect()
}

pub fn all_tell(texts: &[&str], kind: Kind, value: &str) {
    for text in texts {
        assert_eq!(told(text), [(kind, value)], "{text}");
    }
}

pub fn none_tells(texts: &[&str]) {
    for text in texts {
        assert_eq!(told(text), [], "{text}");
    }
}

#[test]
fn an_element_says_what_its_sibling_holds() {
    all_tell(
        &[
            "<span class=\"label\">PESEL</span><span class=\"value\">96042240575</span>",
            "<span>PESEL</span> <span>96042240575</span>",
            "<label>PESEL</label><input value=\"96042240575\">",
            "<label class=\"form-label col-sm-2 col-form-label\">PESEL:</label>\n<input type=\"text\" id=\"f1\" value=\"96042240575\">",
            "<dict>\n\t<key>region</key>\n\t<string>LATAM</string>\n\t<key>pesel</key>\n\t<string>96042240575</string>\n</dict>",
        ],
        Kind::PlPesel,
        "96042240575",
    );
    all_tell(&["<span>cvv</span><span>652</span>", "<key>cvv2</key>\n<string>652</string>"], Kind::CardCvv, "652");
    all_tell(
        &["<label>Password</label><input type=\"text\" value=\"Sommer3974!\">", "<b>Password:</b> <i>Sommer3974!</i>"],
        Kind::Password,
        "Sommer3974!",
    );
    none_tells(&[
        "<span>Order no</span><span>96042240575</span>",
        "<span>PESEL</span><span>n/a</span><span>Build</span><span>96042240575</span>",
        "<label>cvv</label><input name=\"qty\" value=\"652\">",
        "<dict>\n\t<key>driverLicense</key>\n\t<string>none</string>\n\t<key>sizeBytes</key>\n\t<string>13886871</string>\n</dict>",
    ]);
}

#[test]
fn an_element_says_what_it_holds_whatever_its_attributes() {
    all_tell(&["<m:Cvv xsi:type=\"xsd:string\">652</m:Cvv>", "<cvv class=\"x\">652</cvv>"], Kind::CardCvv, "652");
    all_tell(
        &[
            "<m:AdminPwd xsi:type=\"xsd:string\">Sommer3974!</m:AdminPwd>",
            "<Item><password value=\"Sommer3974!\"/></Item>",
        ],
        Kind::Password,
        "Sommer3974!",
    );
    none_tells(&["<m:Qty xsi:type=\"xsd:string\">652</m:Qty>", "<x:PasswordPolicy value=\"min12\"/>"]);
}

#[test]
fn a_column_says_what_the_cells_of_its_rows_are_wherever_it_is_named() {
    all_tell(
        &[
            r#"{"schema":{"fields":[{"name":"n"},{"name":"dob"}]},"rows":[{"f":[{"v":"7"},{"v":"1974-12-25"}]}]}"#,
            r#"{"cols":[{"id":"A","label":"dob"}],"rows":[{"c":[{"v":"1974-12-25"}]}]}"#,
            r#"{"columnMetadata":[{"name":"dob"}],"records":[[{"stringValue":"1974-12-25"}]]}"#,
            r#"{"metaData":[{"name":"DOB"}],"data":[["1974-12-25"]]}"#,
            r#"{"manifest":{"schema":{"columns":[{"name":"dob"}]}},"result":{"data_array":[["1974-12-25"]]}}"#,
            r#"{"columns":["name","value"],"rows":[["dob","1974-12-25"],["due","1974-12-26"]]}"#,
        ],
        Kind::DateOfBirth,
        "1974-12-25",
    );
    none_tells(&[
        r#"{"schema":{"fields":[{"name":"due"},{"name":"dob"}]},"rows":[{"f":[{"v":"1974-12-25"},{"v":"x"}]}]}"#,
        r#"{"columns":["id","dob"],"rows":[{"id":7,"tags":["a","1974-12-25","b"]}]}"#,
    ]);
}

#[test]
fn the_first_of_a_pair_says_what_the_second_is() {
    all_tell(&[r#"[["qty","534"],["cvv","535"]]"#, r#"["--count","534","--cvv","535"]"#], Kind::CardCvv, "535");
    all_tell(&[r#"[["order","a/b"],["note","ok"],["dob","x"],["ssn","219099999"]]"#], Kind::UsSsn, "219099999");
    all_tell(&[r#"[["Name","SSN"],["Pan","219099999"],["Bob","x"],["Eve","y"]]"#], Kind::UsSsn, "219099999");
    all_tell(
        &[r#"[["Password","Sommer3974!"]]"#, r#"{"args":["-v","--password","Sommer3974!"]}"#],
        Kind::Password,
        "Sommer3974!",
    );
    none_tells(&[
        r#"{"unique_together":[["password","email"],["token","hash"]]}"#,
        r#"{"required":["password","email"]}"#,
        r#"[["qty","534"],["order","138580358"]]"#,
    ]);
}

#[test]
fn what_only_wraps_a_value_is_what_it_stands_under() {
    all_tell(
        &[
            r#"{"PESEL":{"rich_text":[{"plain_text":"96042240575"}]}}"#,
            r#"{"question":{"title":"PESEL"},"answer":{"text":"96042240575"}}"#,
            r#"{"columnName":"pesel","cellValue":"96042240575"}"#,
        ],
        Kind::PlPesel,
        "96042240575",
    );
    all_tell(
        &[r#"{"person":{"birth":{"date":"1974-12-25"}}}"#, r#"{"Date of birth":{"date":{"start":"1974-12-25"}}}"#],
        Kind::DateOfBirth,
        "1974-12-25",
    );
    all_tell(
        &[r#"{"Password":{"rich_text":[{"plain_text":"Sommer3974!"}]}}"#, r#"{"RedisPassword__c":"Sommer3974!"}"#],
        Kind::Password,
        "Sommer3974!",
    );
    none_tells(&[
        r#"{"event":{"date":"1974-12-25"}}"#,
        r#"{"question":{"title":"Order number"},"answer":{"text":"96042240575"}}"#,
        r#"{"license":{"text":"Permission is hereby granted to whoever obtains a copy of release 12345678 of it"}}"#,
    ]);
}

#[test]
fn what_was_and_what_is_have_one_name() {
    all_tell(
        &[
            r#"{"field":"PESEL","fromString":null,"toString":"96042240575"}"#,
            r#"{"field":"PESEL","previousValue":"96042240575","currentValue":null}"#,
        ],
        Kind::PlPesel,
        "96042240575",
    );
    let pair = [(Kind::PlPesel, "96042240575"), (Kind::PlPesel, "92081294106")];
    assert_eq!(told("PESEL changed from 96042240575 to 92081294106 by admin"), pair);
    none_tells(&[
        r#"{"field":"order","fromString":null,"toString":"96042240575"}"#,
        "Order changed from 96042240575 to 92081294106",
    ]);
}

#[test]
fn a_refusal_names_the_value_before_it() {
    all_tell(
        &[
            "Value '96042240575' for column pesel is invalid (row 2)",
            "Value '96042240575' is not valid for field \"pesel\"",
            "\"96042240575\" is not a valid PESEL",
        ],
        Kind::PlPesel,
        "96042240575",
    );
    none_tells(&[
        "Value '96042240575' for column order_id is invalid (row 2)",
        "\"96042240575\" is not a valid order number",
    ]);
}

#[test]
fn fields_of_messages_are_what_their_segment_says() {
    let hl7 = "PID|1||793-48-53^^^GH^MR||Quist^Greta||19741225|F\rPV1|1|I|19741226";
    assert_eq!(told(hl7), [(Kind::MedicalRecord, "793-48-53"), (Kind::DateOfBirth, "19741225")]);
    let second = "PID|1||9434765919^^^NHS^NH~P-182477^^^RXX^MR||R";
    assert_eq!(told(second), [(Kind::UkNhs, "9434765919"), (Kind::MedicalRecord, "P-182477")]);
    let x12 = "NM1*IL*1*QUIST*GRETA****MI*W123456789~DMG*D8*19741225*F~REF*SY*219099999~";
    let fields = [(Kind::HealthMemberId, "W123456789"), (Kind::DateOfBirth, "19741225"), (Kind::UsSsn, "219099999")];
    assert_eq!(told(x12), fields);
    none_tells(&["OBX|1|NM|19741225||20240203", "DTP*472*D8*19741225~REF*D9*219099999~"]);
}

#[test]
fn an_answer_may_begin_with_words_that_say_nothing() {
    for answer in ["it is 96042240575", "sure, 96042240575", "ok 96042240575"] {
        let text = format!("Agent: what is your PESEL?\nCustomer: {answer}");
        assert_eq!(told(&text), [(Kind::PlPesel, "96042240575")], "{text}");
    }
    none_tells(&[
        "Agent: what is your order number?\nCustomer: it is 96042240575",
        "Agent: what is your CVV?\nCustomer: I have 652 reasons",
    ]);
}

#[test]
fn a_register_is_known_by_its_identifier() {
    all_tell(
        &[r#"{"identifier":[{"system":"urn:oid:2.16.840.1.113883.2.4.6.3","value":"111222333"}]}"#],
        Kind::NlBsn,
        "111222333",
    );
    none_tells(&[r#"{"identifier":[{"system":"urn:oid:1.2.36.146.595.217.0.1","value":"111222333"}]}"#]);
}

#[test]
fn a_name_of_a_secret_stands_over_a_rule_before_leaders_or_as_an_argument() {
    all_tell(
        &[
            "| Password |\n|---|\n| otter-tundra-77 |",
            " password\n----------\n otter-tundra-77\n(1 row)",
            "Password ........ otter-tundra-77",
            "args:\n  - --password\n  - otter-tundra-77\n",
        ],
        Kind::Password,
        "otter-tundra-77",
    );
    all_tell(&[" pesel\n-------\n 96042240575\n(1 row)"], Kind::PlPesel, "96042240575");
    none_tells(&[
        "Password\n--------\nRequired",
        "Password policy\n---------------\nmin12_upper",
        "Enter your password.... please wait",
        "args:\n  - --password\n  - --verbose\n",
    ]);
}

#[test]
fn what_a_number_is_for_takes_its_label_not_back() {
    all_tell(
        &[
            "Medicare card number for the levy form: 2950 04510 1",
            "See you there. Medicare number for the claim form: 2950 04510 1",
            "Travels and claims go to the desk. Medicare no. in case the clinic asks: 2950 04510 1",
        ],
        Kind::AuMedicare,
        "2950 04510 1",
    );
    all_tell(&["NHS number in case the ward asks: 943 476 5919"], Kind::UkNhs, "943 476 5919");
    none_tells(&["card for invoice no: 4012888", "Medicare number for claim no. 29500451"]);
}

#[test]
fn an_element_of_a_clinical_document_says_who_gave_its_identifier_out() {
    for text in [
        "<id root=\"2.16.840.1.113883.4.1\" extension=\"536-90-4399\"/>",
        "<patientRole><id extension=\"536-90-4399\" root=\"2.16.840.1.113883.4.1\"/></patientRole>",
    ] {
        assert_eq!(told(text), [(Kind::UsSsn, "536-90-4399")], "{text}");
    }
    all_tell(
        &["<id extension=\"7734410\" root=\"2.16.840.1.113883.19.5\" assigningAuthorityName=\"MRN\"/>"],
        Kind::MedicalRecord,
        "7734410",
    );
    none_tells(&["<id root=\"2.16.840.1.113883.19.5\" extension=\"7734410\"/>", "phone extension=\"7734410\""]);
}

#[test]
fn a_provider_in_a_message_of_hl7_has_the_type_behind_its_name() {
    all_tell(&["PV1|1|I|W^1^B||||1245319599^Ortiz^Ann^^^^^^NPI"], Kind::UsNpi, "1245319599");
    all_tell(&["PV1|1|I|W^1^B||||1245319599^Ortiz^Ann^^^^^^HOSP^^^^NPI"], Kind::UsNpi, "1245319599");
    all_tell(
        &["{\"generalPractitioner\":[{\"identifier\":{\"value\":\"1245319599\"},\"display\":\"NPI\"}]}"],
        Kind::UsNpi,
        "1245319599",
    );
    none_tells(&["PV1|1|I|W^1^B||||1245319599^Ortiz^Ann^^^^^^DOC"]);
}

#[test]
fn interchanges_and_airlines_have_places_for_what_they_tell() {
    assert_eq!(told("COM++4930231252100:TE'"), [(Kind::Phone, "+4930231252100")]);
    assert_eq!(told("NAD+BY'\nFII+BF+77+DEUTDEFF:25:5'"), [(Kind::SwiftBic, "DEUTDEFF")]);
    assert_eq!(told("SSR DOCS YY HK1/P/USA/512384906/USA/12MAR81/M/04APR30/DOE/JO"), [(Kind::Passport, "512384906")]);
    none_tells(&["LIN+1++DEUTDEFF:EN'", "SSR VGML YY HK1/P/USA/512384906/USA"]);
}

#[test]
fn the_type_of_a_document_is_told_by_whatever_entry_names_it() {
    all_tell(&[r#"{"idDocType":"DRIVERS","number":"D1052826"}"#], Kind::DriverLicense, "D1052826");
    all_tell(&[r#"{"idDocType":"PASSPORT","number":"C01X00T47"}"#], Kind::Passport, "C01X00T47");
    none_tells(&[r#"{"idDocType":"SELFIE","number":"C01X00T47"}"#]);
}

#[test]
fn columns_are_named_in_scripts_of_long_letters_too() {
    all_tell(&["เลขประจำตัวประชาชน\tชื่อ\n4297833932893\tสมชาย\n"], Kind::ThTnin, "4297833932893");
}

#[test]
fn who_asks_for_two_things_may_be_answered_with_either() {
    all_tell(&["hr: please send SSN and mobile\nann: 536-90-4399"], Kind::UsSsn, "536-90-4399");
    all_tell(&["hr: pls send SSN + mobile\nann: 0791 123 4567"], Kind::Phone, "0791 123 4567");
}

#[test]
fn the_lines_that_machines_read_of_passports_and_cards_have_a_number_and_a_birth_date() {
    // The specimens of ICAO Doc 9303, parts 4, 5 and 6.
    let passport = [(Kind::Passport, "L898902C3"), (Kind::DateOfBirth, "740812"), (Kind::Passport, "ZE184226B")];
    let name = "P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<";
    let second = "L898902C36UTO7408122F1204159ZE184226B<<<<<10";
    for text in [
        format!("{name}\n{second}"),
        format!("MRZ:\r\n{name}\r\n{second}\r\n"),
        format!("{name}{second}"),
        format!("{name} {second}"),
        serde_json::json!({ "mrz": format!("{name}\n{second}") }).to_string(),
        serde_json::json!({ "line1": name, "line2": second }).to_string(),
        format!("<pre>{}\n{}</pre>", name.replace('<', "&lt;"), second.replace('<', "&lt;")),
    ] {
        let found = told(&text);
        assert_eq!(found.iter().map(|(kind, _)| *kind).collect::<Vec<_>>(), passport.map(|(kind, _)| kind), "{text}");
        assert!(found.iter().zip(passport).all(|((_, got), (_, is))| *got == is), "{found:?}");
    }
    let card = "I<UTOD231458907<<<<<<<<<<<<<<<\n7408122F1204159UTO<<<<<<<<<<<6\nERIKSSON<<ANNA<MARIA<<<<<<<<<<";
    let small = "I<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<\nD231458907UTO7408122F1204159<<<<<<<6";
    let number = (Kind::Passport, "D23145890");
    let born = (Kind::DateOfBirth, "740812");
    for text in [card.to_owned(), card.replace('\n', ""), small.to_owned(), small.replace('\n', " ")] {
        assert_eq!(told(&text), [number, born], "{text}");
    }
    none_tells(&[
        // A wrong check digit of the number, the birth date, the expiry; a sex and a state that are none.
        &second.replace("C36", "C37"),
        &second.replace("08122F", "08123F"),
        &second.replace("4159", "4158"),
        &second.replace("2F1", "2Q1"),
        &second.replace("UTO", "U10"),
        // Another length.
        &second.replace("<<<<<10", "<<<<10"),
        &format!("{second}<"),
        // Nothing above that has the number.
        "7408122F1204159UTO<<<<<<<<<<<6",
    ]);
}

#[test]
fn numbers_that_a_program_kept_as_such_are_found_without_their_zeros_and_with_a_point() {
    for (text, kind, value) in [
        // A column with a gap becomes one of numbers with a point in many tools.
        ("{\"card\":4111111111111111.0}", Kind::CreditCard, "4111111111111111.0"),
        ("{\"card\":4.111111111111111e15}", Kind::CreditCard, "4.111111111111111e15"),
        ("{\"card\":4.111111111111111E+15}", Kind::CreditCard, "4.111111111111111E+15"),
        ("name,card\na,4111111111111111.0\n", Kind::CreditCard, "4111111111111111"),
        ("card: 4111111111111111.0", Kind::CreditCard, "4111111111111111"),
        // Letters right beside it.
        ("card 4111111111111111x", Kind::CreditCard, "4111111111111111"),
        ("my credit card is x4111111111111111y", Kind::CreditCard, "4111111111111111"),
        ("{\"pan\":\"VISA4111111111111111EXP1227\"}", Kind::CreditCard, "4111111111111111"),
        ("{\"ssn\":219099999.0}", Kind::UsSsn, "219099999.0"),
        ("{\"ssn\":\"219099999.0\"}", Kind::UsSsn, "219099999"),
        ("id,ssn\n1,219099999.0\n", Kind::UsSsn, "219099999"),
        ("{\"phone\":2125550134.0}", Kind::Phone, "2125550134.0"),
        ("name,phone\na,2125550134.0\n", Kind::Phone, "2125550134"),
        ("{\"account_number\":12345678.0}", Kind::BankAccount, "12345678.0"),
        // Zeros at the beginning.
        ("{\"ssn\":78051120}", Kind::UsSsn, "78051120"),
        ("id,ssn\n1,78051120.0\n", Kind::UsSsn, "78051120"),
        ("SSN: 78051120", Kind::UsSsn, "78051120"),
        ("{\"cpf\":4158432006}", Kind::BrCpf, "4158432006"),
        ("cpf;nome\n158432037;Ana\n", Kind::BrCpf, "158432037"),
        ("{\"pesel\":2220803629}", Kind::PlPesel, "2220803629"),
        ("{\"bsn\":11122237}", Kind::NlBsn, "11122237"),
        ("{\"sa_id\":104125009084}", Kind::ZaId, "104125009084"),
        ("{\"주민등록번호\":104123123452}", Kind::KrRrn, "104123123452"),
    ] {
        assert_eq!(told(text), [(kind, value)], "{text}");
    }
    none_tells(&[
        "{\"price\":219099999.0,\"total\":4111111111111111.5}",
        "{\"total\":4111111111111111e-3}",
        "{\"cpf\":4158432007}",
        "{\"ssn\":12345}",
        "{\"order\":78051120}",
        "{\"orderNo\":4158432006}",
        "{\"ssn_count\":78051120}",
        "build 219099999.0 of version 1.2.0",
        "card hash 3f4111111111111112ab",
        "trace x4111111111111111y",
        "{\"card\":1e400}",
        "{\"card\":4e999999999999999999999}",
    ]);
}

#[test]
fn birth_dates_are_found_as_programs_store_them() {
    for (text, value) in [
        ("{\"dateOfBirth\":482112000000}", "482112000000"),
        ("{\"dateOfBirth\":-182112000000}", "-182112000000"),
        ("{\"dateOfBirth\":482112000}", "482112000"),
        ("{\"dateOfBirth\":\"/Date(482112000000)/\"}", "482112000000"),
        ("name,dob\nann,482112000000\n", "482112000000"),
    ] {
        assert_eq!(told(text), [(Kind::DateOfBirth, value)], "{text}");
    }
    for text in [
        "{\"dateOfBirth\":[1985,4,12]}",
        "{\"dateOfBirth\":{\"year\":1985,\"month\":4,\"day\":12}}",
        "{\"dateOfBirth\":{\"year\":\"1985\",\"month\":\"4\",\"day\":\"12\"}}",
        "{\"dob\":{\"year\":1985,\"month\":\"APRIL\",\"monthValue\":4,\"dayOfMonth\":12,\"chronology\":{\"id\":\"ISO\"}}}",
        "{\"rows\":[{\"n\":1,\"dob\":[1985,4,12]}]}",
    ] {
        let parts = ["1985", "4", "12"].map(|part| (Kind::DateOfBirth, part));
        assert_eq!(told(text), parts, "{text}");
    }
    none_tells(&[
        "{\"createdAt\":482112000000,\"dateOfBirth\":null}",
        "{\"created\":\"/Date(482112000000)/\"}",
        "{\"births\":[12,15,9]}",
        "{\"birth\":{\"order\":2,\"weight\":3200}}",
        "{\"released\":[1985,4,12]}",
        "{\"birth_certificate_no\":123456789}",
        "{\"dateOfBirth\":4821120000000}",
    ]);
}
