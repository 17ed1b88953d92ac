//! What is near a label or looks like a value and is none, and the value that is one beside it.
use super::super::Kind;
use super::layouts::{all_tell, none_tells, told};

#[test]
fn what_identifies_a_message_is_no_address_of_a_person() {
    none_tells(&[
        "Message-ID: <20241105.0192837@mx.example.org>",
        "In-Reply-To: <CAKx7=98ab76cd5432@mail.example.com>",
        "References: <9f8e7d6c5b4a.001@mx.example.net>\r\n <1a2b3c4d5e6f.002@mx.example.net>",
        "message-id=<20241105081522.4AB12C@mx1.example.org>",
        "{\"messageId\":\"<7f3c2b1a0d9e4c8b@mail.example.com>\"}",
    ]);
    all_tell(
        &[
            "From: <anna.huber@example.org>",
            "Message-ID: <anna.huber@example.org>",
            "Message-ID: <20241105.0192837@mx.example.org>\r\nFrom: Anna <anna.huber@example.org>",
            "{\"replyTo\":\"<anna.huber@example.org>\"}",
        ],
        Kind::Email,
        "anna.huber@example.org",
    );
}

#[test]
fn accounts_of_other_places_than_banks_are_no_bank_accounts() {
    none_tells(&[
        "GL account 4000417, cost centre 70011",
        "ledger account no. 12004400",
        "our AWS account is 210987654321",
        "principal = \"arn:aws:iam::210987654321:root\"\n# account 210987654321",
        "GitHub account 48213377 was renamed",
    ]);
    all_tell(
        &[
            "account number: 210987654321",
            "paid to account 210987654321",
            "arn:aws:s3:::invoices-7\nbank account: 210987654321",
        ],
        Kind::BankAccount,
        "210987654321",
    );
}

#[test]
fn a_label_ends_with_its_value_when_another_field_begins() {
    assert_eq!(told("Account number: 48213377 | 20240917"), [(Kind::BankAccount, "48213377")]);
    assert_eq!(told("DOB: 1971-02-03 | 2024-09-17"), [(Kind::DateOfBirth, "1971-02-03")]);
    assert_eq!(told("konto 48213377, Betreff: 99812345"), [(Kind::BankAccount, "48213377")]);
    assert_eq!(told("DOB: 1971-02-03 | Phone: +49 30 231252").len(), 2);
    none_tells(&["DOB: n/a | 2024-09-17", "licence issued by DVLA 20240917"]);
    all_tell(&["driving licence 48213377"], Kind::DriverLicense, "48213377");
}

#[test]
fn numbered_lines_head_no_columns() {
    none_tells(&["  71  psql -U ann patients\n  72  git checkout e4f1a09c\n"]);
    all_tell(&["  id  mrn\n  72  E4109382\n"], Kind::MedicalRecord, "E4109382");
}

#[test]
fn a_number_with_the_name_of_something_else_needs_more_than_a_check() {
    none_tells(&["tracking 264234106124066", "spedizione 264234106124066"]);
    all_tell(&["NIR 264234106124066", "assurée 264234106124066"], Kind::FrNir, "264234106124066");
}

#[test]
fn dots_lead_from_a_label_to_its_value() {
    all_tell(&["Account number..........48213377", "Account number ....... 48213377"], Kind::BankAccount, "48213377");
    all_tell(&["Phone........+49 30 231252"], Kind::Phone, "+49 30 231252");
    all_tell(&["IPv6 address.......2a01:4f8:1::ff12"], Kind::IpAddress, "2a01:4f8:1::ff12");
    all_tell(&["Password.......Tundra77!"], Kind::Password, "Tundra77!");
    none_tells(&["Accounts and settings........ 12", "Account number........see page 12", "wait....12345678"]);
}

#[test]
fn of_which_document_a_number_is_may_be_said_before() {
    all_tell(
        &[
            "seen: passport, document number C01X00T47, expires 20310917",
            "P<UTOHUBER<<ANNA<<<<<<<<<<<<<<<<<<<<<<<<<<<<\nDocument number: C01X00T47",
        ],
        Kind::Passport,
        "C01X00T47",
    );
    none_tells(&["Document number: C01X00T47", "passport renewed 20240917"]);
}

#[test]
fn what_is_asked_for_is_what_is_answered_in_a_sentence() {
    all_tell(&["Ana: ¿su DNI?\nPedro: Sí, es el 12345678Z"], Kind::EsNif, "12345678Z");
    all_tell(&["직원: 주민등록번호를 알려 주세요.\n고객: 8001011234567"], Kind::KrRrn, "8001011234567");
    none_tells(&["Ana: ¿su pedido?\nPedro: Sí, es el 12345678"]);
}

#[test]
fn headings_of_columns_may_be_abbreviated() {
    all_tell(&["id,NHS no.,seen\n7,9434765919,y\n"], Kind::UkNhs, "9434765919");
    all_tell(&["id,Geb.dat.,ok\n7,03.02.1971,y\n"], Kind::DateOfBirth, "03.02.1971");
    none_tells(&["Ask the NHS no., please,\n7,9434765919,y\n"]);
}

#[test]
fn national_spellings_are_known() {
    all_tell(&["CPF 529982247-25"], Kind::BrCpf, "529982247-25");
    all_tell(&["El CUIT de la firma es 23-33058064-9"], Kind::ArCuit, "23-33058064-9");
    none_tells(&["CPF 529982247-26", "lote 529982247-25", "CUIT 23-33058064-8"]);
}

#[test]
fn sentences_around_numbers_of_telephones_and_cards_are_known() {
    all_tell(&["Rufen Sie mich unter 030 231252 an", "she called from 030 231252"], Kind::Phone, "030 231252");
    all_tell(&["the four-digit code on the front is 7771"], Kind::CardCvv, "7771");
    none_tells(&["the four-digit code is 7771", "moved from 030 231252"]);
}

#[test]
fn what_stands_for_a_password_or_is_said_of_one_is_none() {
    none_tells(&[
        "パスワードは期限切れです。再設定してください",
        "密码：不能为空",
        "비밀번호는 변경되었습니다",
        "{\"password\":\"must-be-changed\"}",
        "{\"password\":\"not-set\"}",
        "{\"password\":\"2024-09-17T05:46:27+02:00\"}",
        "'password' => 'nullable|string|max:40'",
        "\"password\": \"min:8|confirmed\"",
        "update t set password = :password",
        "update t set password = @user_password",
        "password = %(password)s",
        "password: tok_****9af3",
        "password: a***@x***.org",
        "Password: ***-**-4411",
        "PWD=/srv OLDPWD=/ USER=ann",
        "sudo: ann : TTY=pts/3 ; PWD=/srv ; COMMAND=/bin/ls",
        "\"jsonwebtoken\": \"^8.14.2-rc.3\"",
        "|field|type|example|\n|---|---|---|\n|password|string|your-password|\n|cursor|string|g3QAAAABZAACaWRtsRoDogI4Xbld|\n",
        "Q: password?\nA: required",
        "what's the pw?\nit was changed",
    ]);
    all_tell(
        &[
            "パスワードはTundra77!です",
            "密码：Tundra77!",
            "'password' => 'Tundra77!'",
            "update t set password = 'Tundra77!'",
            "Server=db1;UID=app;PWD=Tundra77!",
            "La password temporanea è: Tundra77!",
            "Passwort neu: Tundra77!",
            "Κωδικός πρόσβασης: Tundra77!",
            "Q: password?\nA: Tundra77!",
            "Ann: what's the root pw again?\nBob: it's Tundra77!\nAnn: thanks",
            "|id|password|\n|---|---|\n|7|Tundra77!|\n",
        ],
        Kind::Password,
        "Tundra77!",
    );
    assert_eq!(told("Server=db1;UID=app;PWD=/Tundra77"), [(Kind::Password, "/Tundra77")]);
    assert_eq!(told("password: a*b*c*d-17"), [(Kind::Password, "a*b*c*d-17")]);
}

#[test]
fn tokens_are_known_by_their_question_their_command_and_the_heading_above_them() {
    let token = "mKd83Hq0XvT2nPz7LwRb";
    for text in [
        format!("Q: API key?\nA: {token}"),
        format!("id;Jeton d'accès;état\n7;{token};ok\n"),
        format!("\"token\": \"{token}\", \"jsonwebtoken\": \"^9.0.2\""),
    ] {
        assert_eq!(told(&text), [(Kind::ApiKey, token)], "{text}");
    }
    let uuid = "7c1e4f0a-52d9-4b36-9e8d-3a6f0b9c2d17";
    for text in [format!("snyk auth {uuid}"), format!("tool login --token={uuid}")] {
        assert_eq!(told(&text), [(Kind::ApiKey, uuid)], "{text}");
    }
    none_tells(&[
        &format!("snyk test {uuid}"),
        &format!("tool resume --page-token={uuid}"),
        "Q: API key?\nA: in the vault",
        "id;Jeton d'accès;état\n7;absent;ok\n",
    ]);
}

#[test]
fn when_a_password_was_set_is_none() {
    let text = "{\"name\":\"password\",\"value\":\"Tundra77!\",\"updated\":\"2024-09-17T05:46:27+02:00\"}";
    assert_eq!(told(text), [(Kind::Password, "Tundra77!")]);
}

#[test]
fn a_remark_in_brackets_takes_nothing_back_of_a_heading_or_a_question() {
    all_tell(
        &["Licence No. (driver)\n48213377", "Q: Licence No. (driver)?\nA: 48213377"],
        Kind::DriverLicense,
        "48213377",
    );
    none_tells(&["id,Licence No. (driver),ok\n48213377,C01,y\n", "Order No. (driver)\n48213377"]);
}

#[test]
fn what_a_command_logs_in_to_and_what_is_left_of_a_mask_are_no_addresses_of_mail() {
    for text in
        ["ssh deploy@host7.example.org", "$ scp -P 22 -i key.pem ann@db.example.org", "seen: j****n@example.org"]
    {
        assert_eq!(told(text), [], "{text}");
    }
    all_tell(
        &["write to **anna@example.org**", "use ssh, and ask anna@example.org", "the ssh key is of anna@example.org"],
        Kind::Email,
        "anna@example.org",
    );
}

#[test]
fn units_and_days_are_no_numbers_of_their_kind() {
    none_tells(&["glucose 4548-4 98 mg/dL", "Account opened 12.11.2021", "Konto seit 2021-11-12"]);
    all_tell(&["Account number: 12112021"], Kind::BankAccount, "12112021");
}

#[test]
fn a_remark_in_brackets_takes_nothing_back_of_what_is_named_before_it() {
    all_tell(
        &["The other card (ends 4471) is 4539 1488 0343 6467", "card (order A) 4539 1488 0343 6467"],
        Kind::CreditCard,
        "4539 1488 0343 6467",
    );
    all_tell(&["SSN (version A) is 138580358"], Kind::UsSsn, "138580358");
    none_tells(&["order A (SSN), ticket 138580358"]);
}

#[test]
fn an_address_may_be_one_of_the_network() {
    all_tell(&["Address: 84.120.30.41", "address=84.120.30.41"], Kind::IpAddress, "84.120.30.41");
    none_tells(&["Version: 84.120.30.41"]);
}

#[test]
fn the_first_letters_of_a_password_that_is_piped_are_its_own() {
    for text in ["echo \"nebTundra77!\" | sudo -S id", "echo -n 'nebTundra77!' | sudo -S id"] {
        assert_eq!(told(text), [(Kind::Password, "nebTundra77!")], "{text}");
    }
}

#[test]
fn who_was_born_when_is_told_in_the_first_person_too() {
    all_tell(&["nací el 12/03/1980", "nasci em 12/03/1980", "narozen 12/03/1980"], Kind::DateOfBirth, "12/03/1980");
}

#[test]
fn a_second_date_is_of_what_is_said_of_it() {
    for text in [
        "nata il 12/03/1980, patente rilasciata il 14/05/2019",
        "född 12/03/1980, besök 14/05/2019",
        "родился 12/03/1980, приём 14/05/2019",
        "出生日期 12/03/1980，就诊日期 14/05/2019",
    ] {
        assert_eq!(told(text), [(Kind::DateOfBirth, "12/03/1980")], "{text}");
    }
    let text = "dates of birth: 12/03/1980, 14/05/2001 and 03/03/1999";
    assert_eq!(told(text).len(), 3, "{text}");
}

#[test]
fn a_host_or_a_network_is_no_version_whatever_it_is_called() {
    all_tell(
        &[
            "edge-11 (198.51.100.24) is down",
            "Received: from mx.edge-11.example.org ([198.51.100.24])",
            "A record: edge-11.example.org -> 198.51.100.24 (TTL 300)",
            "server version 2 listening on 198.51.100.24:8443",
            "cidr_blocks = [\"198.51.100.24/32\"]",
            "\\\\198.51.100.24\\share",
        ],
        Kind::IpAddress,
        "198.51.100.24",
    );
    all_tell(&["edge.example.org\n2001:db8:31::8e\n"], Kind::IpAddress, "2001:db8:31::8e");
    all_tell(
        &["ECONNREFUSED 2001:db8:5c:8ab6:d98d:48c4:caf9:54d5:5432 (node)"],
        Kind::IpAddress,
        "2001:db8:5c:8ab6:d98d:48c4:caf9:54d5",
    );
    none_tells(&[
        "версія 98.51.100.24",
        "edge (stable) 98.51.100.24",
        "release-2 (98.51.100.24)",
        "wersji 98.51.100.24",
    ]);
}

#[test]
fn members_of_clubs_and_policies_of_cars_are_of_no_health_plan() {
    none_tells(&[
        "super member no. is 9826051671",
        "gym member id 4520258, loyalty member 420388659",
        "plate B-AB 1224, VIN D1LG95Z8A64811113, policy 9415030701",
        r#"{"policyNumber":"VS172712336","vin":"F138E84MS6M488876"}"#,
    ]);
    all_tell(&["member no. is 9826051671", r#"{"policyNumber":"9826051671"}"#], Kind::HealthMemberId, "9826051671");
}

#[test]
fn the_account_beside_the_name_of_a_resource_is_one_of_a_cloud() {
    none_tells(&[
        r#"{"UserId":"AROA:me","Account":"727442300535","Arn":"arn:aws:iam::3796:role/x"}"#,
        "\"Account\": \"727442300535\", \"Arn\": \"arn:aws:iam::3796:role/x\"",
    ]);
    all_tell(&[r#"{"Account":"727442300535","Name":"A. Doe"}"#], Kind::BankAccount, "727442300535");
}

#[test]
fn references_of_payments_and_forms_of_numbers_are_neither_accounts_nor_telephones() {
    none_tells(&[
        "bankgiro 5921-7073, OCR 9538543236438, konto: -",
        "Phone: 999-999-9999",
        "tel format, compilación 275555041",
        "{\"dln\":\"86496519092299\"}",
        "<td>ann.doe</td>",
    ]);
    all_tell(&["dln: 86496519092"], Kind::DriverLicense, "86496519092");
}

#[test]
fn a_card_stays_one_under_the_account_that_it_belongs_to() {
    all_tell(&["{\"acctNum\":\"4111-1111-1111-1111\"}"], Kind::CreditCard, "4111-1111-1111-1111");
}

#[test]
fn addresses_end_with_any_suffix_that_exists() {
    all_tell(&["write to ann@post.co.za please"], Kind::Email, "ann@post.co.za");
    none_tells(&["ann@post.qq"]);
}

#[test]
fn birth_is_said_beside_a_date_in_few_letters() {
    all_tell(
        &[
            "spoke to Ann Doe (b. 1979-11-10)",
            "佐藤花子(1979-11-10生)、受診日",
            "佐藤、1979-11-10生まれ、入社日",
            "김하늘, 1979-11-10생",
            "مواليد 1979-11-10",
            "1979-11-10 is my birthday",
            "536-90-439 is my code, 1979-11-10 is my birthday",
            "Ann Doe, 1979-11-10 doğumlu, giriş 2024-05-02",
            "Sie ist am 1979-11-10 geboren, die Anmeldung lief am 2024-05-02 ein.",
        ],
        Kind::DateOfBirth,
        "1979-11-10",
    );
    none_tells(&["1979-11-10生産", "(v. 1979-11-10)", "(* 1979-11-10 ann: mended *)"]);
}

#[test]
fn telephones_are_named_by_words_of_trades_and_of_speech() {
    all_tell(&["Adjuster line: +34 813 09 34 35"], Kind::Phone, "+34 813 09 34 35");
    all_tell(&["my number is (267) 540-5530", "Questions: (267) 540-5530"], Kind::Phone, "(267) 540-5530");
    all_tell(&["Kontakt: 0912 155 577", "mă puteți suna la 0912 155 577"], Kind::Phone, "0912 155 577");
    all_tell(&[r#"{"mobileno":{"nbr":{"value":"6198 8750"}}}"#], Kind::Phone, "6198 8750");
}

#[test]
fn policies_are_of_health_where_something_says_so() {
    none_tells(&[
        "polisa Q-517203-4",
        "the insured quoted policy Q-517203-4",
        "Policy number: HO-5172-034 (homeowners)",
        "Polisa OC nr 517/20/3410042",
        "Póliza de hogar: 0051-72034-1",
        "Policy no: 51-XK-72034, vehicle: Volvo V60",
    ]);
    all_tell(
        &[
            "polisa zdrowotna W517203410",
            "patient Ann Doe, payer Aetna, policy number W517203410",
            "health insurance policy number: W517203410",
            "póliza de salud W517203410",
            r#"{"policyNumber":"W517203410"}"#,
        ],
        Kind::HealthMemberId,
        "W517203410",
    );
}

#[test]
fn what_only_medicare_gives_out_is_its_number_under_any_name_of_members() {
    all_tell(
        &["NM1*IL*1*DOE*ANN****MI*2FH5TE4MK81~", "member id 2FH5TE4MK81", r#"{"subscriberId":"2FH5TE4MK81"}"#],
        Kind::UsMbi,
        "2FH5TE4MK81",
    );
    all_tell(&["NM1*IL*1*DOE*ANN****MI*XYP517203410~"], Kind::HealthMemberId, "XYP517203410");
}

#[test]
fn passes_of_singapore_are_no_passports_and_those_to_doors_are_nothing() {
    all_tell(
        &["Work pass holder S5499095B checked in", "Employment pass: S5499095B", "S Pass S5499095B"],
        Kind::SgNric,
        "S5499095B",
    );
    none_tells(&["visitor pass no. 51720341", "boarding pass 51720341", "season pass 51720341"]);
    all_tell(&["Pass-Nr. C01X00T47"], Kind::Passport, "C01X00T47");
}

#[test]
fn part_numbers_are_no_telephones() {
    none_tells(&[
        "S/N SN9771658004 P/N 252-726-6564",
        r#"{"vin":"WVWZZZ1JZXW000001","parts":[{"pn":"856-279-3068"}]}"#,
        "Replacement part 560-888-9484 supersedes 910-991-1635",
        "Model 555-201-3344 superseded by 555-201-3345",
        "SKU 503-221-8841, cat. no. 800-221-4471",
        "Teilenummer 030-115-5610",
    ]);
    all_tell(&["order part# 252-726-6564, call 415-882-9912"], Kind::Phone, "415-882-9912");
}

#[test]
fn codes_of_cards_are_named_in_few_words() {
    let card = "4929 6102 8153 7742";
    for said in [
        "gültig bis 09/27 Prüfziffer 953",
        "Prüfziffer hinten 953",
        "scad. 09/27 cod. sicurezza 953",
        "exp 09/27 code sécu 953",
        "exp 09/27, code 953",
        "do 09/27 kod 953",
        "до 09/27 код 953",
        "trzy cyfry z tyłu 953",
        "tarkistusnumero 953",
        "有效期 09/27 后三位 953",
        "裏面3桁 953",
        "뒷면 세자리 953",
    ] {
        let text = format!("{card} {said}");
        let found = told(&text);
        assert!(found.contains(&(Kind::CardCvv, "953")), "{text}: {found:?}");
    }
    none_tells(&["手机后三位 953", "4 angka belakang kartu 9531"]);
    for said in ["exp 09/27, order 953", "declined, code 953", "exp 09/27 code 95301", "since 09/27 error code 953"] {
        let text = format!("{card} {said}");
        let found = told(&text);
        assert!(!found.iter().any(|(kind, _)| *kind == Kind::CardCvv), "{text}: {found:?}");
    }
}

#[test]
fn telephones_are_named_in_the_languages_of_small_countries_too() {
    all_tell(
        &[
            "ID-nommer volg, selfoon 082 551 7734",
            "skakel my by 082 551 7734",
            "nambari ya simu 082 551 7734",
            "ফোন: 082 551 7734",
            "கைபேசி எண் 082 551 7734",
            "تلفن همراه 082 551 7734",
            "ტელეფონი: 082 551 7734",
            "ស្ថានីយ៍ លេខទូរស័ព្ទ: 082 551 7734",
            "graag terugbellen op 082 551 7734 of mailen",
        ],
        Kind::Phone,
        "082 551 7734",
    );
    none_tells(&["simu yangu 5", "ফোন 2"]);
}

#[test]
fn an_address_of_a_machine_may_follow_a_number() {
    all_tell(
        &[
            "12:03:44 85.22.4.19 GET / 200",
            "pid 4471 85.22.4.19 connected",
            "eni-0a1b2c3d4e5f6a7b8 85.22.4.19 443 49152 6",
        ],
        Kind::IpAddress,
        "85.22.4.19",
    );
    all_tell(&["eni-0a1b2c3d4e5f6a7b8 ٨٥.٢٢.٤.١٩ 443 49152 6"], Kind::IpAddress, "٨٥.٢٢.٤.١٩");
    none_tells(&["release 7 12.22.4.19", "chapter 4 2.3.4.5"]);
}

#[test]
fn thirteen_digits_of_an_identity_are_south_african_before_they_are_korean() {
    // It passes for both; the Korean one is written with a hyphen.
    all_tell(&["Identity No. 6410294193185", "ID number: 6410294193185"], Kind::ZaId, "6410294193185");
    all_tell(&["주민번호 640102-1931858"], Kind::KrRrn, "640102-1931858");
    all_tell(&["ผู้ป่วย 3101200345677 (บัตร ปชช.)"], Kind::ThTnin, "3101200345677");
}

#[test]
fn whose_number_it_is_may_be_said_by_a_register_a_file_or_a_relative() {
    all_tell(&["Belgian national register no. 04122108168; Danish"], Kind::BeNrn, "04122108168");
    all_tell(&["Patientenakte Nr. P6857371", "Patientenakte: P6857371"], Kind::MedicalRecord, "P6857371");
    all_tell(&["clinic; next of kin 07783 986363"], Kind::Phone, "07783 986363");
    none_tells(&["CEP 13157-398, rastreio", "cep: 01310-100", "next of kin 2"]);
    all_tell(&["Cep: 0532 123 45 67"], Kind::Phone, "0532 123 45 67");
    none_tells(&["password: changeme-placeholder # replaced at install"]);
}
