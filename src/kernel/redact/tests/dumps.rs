//! Tables that are drawn, values that programs dump, cards, messages and chats: where each puts a label, and beside each
//! what looks the same and is left alone.
use super::super::{Engine, Kind};
use super::layouts::{all_tell, none_tells, told};

#[test]
fn a_table_drawn_with_lines_names_its_columns_whatever_statement_stands_above() {
    for text in [
        "mysql> SELECT * FROM staff LIMIT 1;\n+----+-------------+\n| id | pesel       |\n+----+-------------+\n| 77 | 96042240575 |\n+----+-------------+",
        "┌────┬─────────────┐\n│ id │ pesel       │\n├────┼─────────────┤\n│ 77 │ 96042240575 │\n└────┴─────────────┘",
        "COPY public.staff (id, pesel) FROM stdin;\n77\t96042240575\n\\.",
        "INSERT INTO staff (name, note, pesel) VALUES ('Lee, Ann', '(2) x', '96042240575');",
    ] {
        assert_eq!(told(text), [(Kind::PlPesel, "96042240575")], "{text}");
    }
    none_tells(&[
        "┌────┬─────────────┐\n│ id │ order no    │\n├────┼─────────────┤\n│ 77 │ 96042240575 │\n└────┴─────────────┘",
        "COPY public.staff (pesel, batch_no) FROM stdin;\n\\N\t96042240575\n\\.",
        "INSERT INTO staff (pesel, note, batch_no) VALUES (NULL, 'Lee, Ann', '96042240575');",
    ]);
}

#[test]
fn a_value_in_the_wrapping_of_its_type_is_under_its_key() {
    all_tell(
        &[
            "birth_date = ISODate(\"1971-08-19\")",
            "dob: new Date('1971-08-19')",
            "  [\"dob\"]=>\n  string(10) \"1971-08-19\"",
            "WHERE birth_date = DATE '1971-08-19' LIMIT 5",
            "BDAY;VALUE=date:1971-08-19",
            "<PersonBirthDate><Date>1971-08-19</Date></PersonBirthDate>",
        ],
        Kind::DateOfBirth,
        "1971-08-19",
    );
    all_tell(&["dob=datetime.date(1971, 8, 19)"], Kind::DateOfBirth, "1971, 8, 19");
    all_tell(&["pesel: NumberLong(96042240575)", "  [\"pesel\"]=>\n  int(96042240575)"], Kind::PlPesel, "96042240575");
    none_tells(&[
        "created = ISODate(\"1971-08-19\")",
        "x = sin(130692544)",
        "range(1971, 8, 19)",
        "WHERE shipped_on = DATE '1971-08-19' LIMIT 5",
        "DTSTART;VALUE=date:1971-08-19",
    ]);
}

#[test]
fn names_and_values_take_turns_in_an_answer_of_redis() {
    assert_eq!(
        told(
            " 1) \"passport\"\n 2) \"KX4471902\"\n 3) \"firmware\"\n 4) \"39.19.227.88\"\n 5) \"db_password\"\n 6) \"Sommer3974!\""
        ),
        [(Kind::Passport, "KX4471902"), (Kind::Password, "Sommer3974!")]
    );
    none_tells(&[" 1) \"queue\"\n 2) \"KX4471902\"", " 2) \"passport\"\n 3) \"KX4471902\""]);
}

#[test]
fn other_attributes_may_stand_between_a_name_and_its_value() {
    all_tell(
        &[
            "<input name=\"account_number\" type=\"text\" value=\"70429811\">",
            "\"account\": {\"number\": \"70429811\", \"type\": 1}",
        ],
        Kind::BankAccount,
        "70429811",
    );
    all_tell(&["<input name=\"admin_password\" type=\"text\" value=\"Sommer3974!\">"], Kind::Password, "Sommer3974!");
    none_tells(&[
        "<input name=\"order_number\" type=\"text\" value=\"70429811\">",
        "<input name=\"password\" type=\"text\"><input name=\"city\" value=\"Sommer3974!\">",
    ]);
}

#[test]
fn a_plus_is_a_space_in_a_form_but_for_secrets_and_addresses_of_mail() {
    assert_eq!(told("id=7&telefon=%2B48+512+340+819&x=1"), [(Kind::Phone, "%2B48+512+340+819")]);
    assert_eq!(told("a=1&card=4111+1111+1111+1111"), [(Kind::CreditCard, "4111+1111+1111+1111")]);
    assert_eq!(told("u?e=ann+list@example.org&c=1"), [(Kind::Email, "ann+list@example.org")]);
    assert_eq!(told("a=1&password=Som+mer3974!&c=1"), [(Kind::Password, "Som+mer3974!")]);
}

#[test]
fn a_sort_code_is_one_with_its_account_whatever_stands_between() {
    for value in ["20-14-53 / 70429811", "20-14-53, 70429811", "20-14-53 and 70429811"] {
        assert_eq!(told(&format!("sort code & account {value}.")), [(Kind::BankAccount, value)]);
    }
    none_tells(&[
        "order 20-14-53 / 70429811",
        "arn:aws:sns:eu-west-1:204411937712:x, account 873652219957, instance i-1",
    ]);
}

#[test]
fn what_only_counts_or_lists_is_no_name() {
    all_tell(
        &[
            "items:\n- 4111111111111111",
            "row 12\t4111111111111111\tOK",
            "{\"event\": {\"type\": \"message\", \"text\": \"4111111111111111\"}}",
        ],
        Kind::CreditCard,
        "4111111111111111",
    );
    none_tells(&[
        "orders:\n- 4111111111111111",
        "tracking number\t4111111111111111\tOK",
        "{\"order\": {\"value\": \"4111111111111111\"}}",
    ]);
}

#[test]
fn words_of_two_scripts_are_two_and_an_article_is_no_part_of_one() {
    all_tell(&["我的CVV码是652", "カードのCVVコード: 652"], Kind::CardCvv, "652");
    all_tell(&["SWIFT代码为DEUTDEFF", "SWIFTコード – DEUTDEFF"], Kind::SwiftBic, "DEUTDEFF");
    all_tell(&["הטלפון שלי הוא 02-120-4132", "الهاتف: 02-120-4132"], Kind::Phone, "02-120-4132");
    all_tell(&["मेरी जन्म तिथि 1971-08-19 है"], Kind::DateOfBirth, "1971-08-19");
    none_tells(&["版本码是652", "订单代码为DEUTDEFF"]);
}

#[test]
fn messages_of_banks_cards_of_contacts_and_codes_of_networks_have_their_fields() {
    all_tell(&["<ACCTID>70429811\n<TRNTYPE>DEBIT", ":59:/70429811\nJOHN"], Kind::BankAccount, "70429811");
    all_tell(&["TEL;HOME:0151-2345678"], Kind::Phone, "0151-2345678");
    all_tell(
        &["WIFI:T:WPA;S:Home;P:Sommer3974!;;", "machine a.example\n  login ann\n  password Sommer3974!"],
        Kind::Password,
        "Sommer3974!",
    );
    none_tells(&[":61:/70429811\nJOHN", "FN;HOME:0151-2345678", "WIFI:T:nopass;S:Home;;", "10:59:/70429811"]);
}

#[test]
fn what_someone_asks_for_is_what_is_answered_and_eras_are_years() {
    all_tell(&["Bot: Please enter your CVV\nAnn: 652"], Kind::CardCvv, "652");
    all_tell(&["生年月日：昭和46年8月19日"], Kind::DateOfBirth, "昭和46年8月19日");
    none_tells(&["Bot: Your order left, code follows\nAnn: 652 items", "発行日：昭和46年8月19日"]);
}

#[test]
fn the_code_stands_behind_a_card_and_its_date() {
    for text in ["4111111111111111|12|27|652", "4111 1111 1111 1111 12/27 652"] {
        assert_eq!(told(text).get(1), Some(&(Kind::CardCvv, "652")), "{text}");
    }
    for text in ["4111111111111111|13|27|652", "4111111111111111 12 27 652", "4111111111111111|12|27|65.2"] {
        assert_eq!(told(text).len(), 1, "{text}");
    }
}

#[test]
fn types_of_identifiers_are_known_by_their_codes() {
    assert_eq!(
        told(
            "{\"identifier\":[{\"type\":{\"coding\":[{\"code\":\"PPN\"}]},\"value\":\"KX4471902\"},{\"type\":{\"coding\":[{\"code\":\"PLAC\"}]},\"value\":\"KX4471903\"}]}"
        ),
        [(Kind::Passport, "KX4471902")]
    );
}

#[test]
fn a_password_is_told_by_the_layout_of_a_letter_too() {
    all_tell(
        &[
            "Passwort: [Sommer3974!]",
            "Heslo: <b>Sommer3974!</b>",
            "<p><strong>Şifre</strong>&nbsp;Sommer3974!</p>",
            "*Пароль*\n> Sommer3974!",
            "Parolă\n\n  Sommer3974!\n",
            "Admin passwd\tSommer3974!\nRef: 1",
            "Kennwort        Sommer3974!\nRef: 1",
            "Lösenord; Sommer3974!",
            "the vpn pw is Sommer3974!, thanks",
            "They gave Sommer3974! as the passphrase.",
            "login: ann / pass: Sommer3974!",
            "creds ann:Sommer3974!",
            "Your new password has been set to Sommer3974!",
            "HOST       PORT  DB_PASSWORD  MODE\na.example  5432  Sommer3974!  tls\n",
            "$c = new Client(['auth' => ['ann', 'Sommer3974!']]);",
        ],
        Kind::Password,
        "Sommer3974!",
    );
    all_tell(&["Das Passwort: Som&mer3974!"], Kind::Password, "Som&mer3974!");
    none_tells(&[
        "Passwort: [PASSWORD]",
        "Passwort: [geheim]",
        "plugins:\n- passwd\n- oauth2\n",
        "if a:\n    pass\n@trackCall7x\ndef b(): 1\n",
        "kpasswd\t\t464/tcp\n",
        "uri://user:pass@h.example:8080/p",
        "We take Argon2id as the password hashing function",
        "password = %(db_pass)s",
        "DEBUG cache key user:profile:50e93e60b703e144f0506246",
        "Password;Password Changed At;Token Type\n<sensitive>;2024-09-03 21:33:40;bearer\n",
    ]);
}

#[test]
fn a_password_is_read_to_its_end_in_every_table_once() {
    let engine = Engine::new(Vec::new()).unwrap_or_else(|_| panic!("no own types"));
    let text = "USER      PASSWORD\nann       Sommer3974!\nbob       (hidden)\n\nSize  Password  note\n";
    assert_eq!(
        engine.scan_wire(text).iter().map(|span| &text[span.start..span.end]).collect::<Vec<_>>(),
        ["Sommer3974!"]
    );
}

#[test]
fn a_key_of_two_labels_or_with_a_remark_says_the_first_of_its_values() {
    all_tell(
        &[
            "Passport number and expiry: KX4471902, 12/2029",
            "Passport (valid): KX4471902",
            "Passport & KX4471902 \\\\\n",
        ],
        Kind::Passport,
        "KX4471902",
    );
    none_tells(&[
        "Order and ship date: KX4471902",
        "Order number (see passport): 4111111111111111",
        "Tom & KX4471902 \\\\\n",
    ]);
}

#[test]
fn an_element_that_ended_says_nothing_and_a_header_in_quotes_may_have_any_marks() {
    assert_eq!(told("<account><no>6021305626</no></account><x>94457647"), [(Kind::BankAccount, "6021305626")]);
    assert_eq!(told("\"lot no.\",\"cod. CVV\"\n\"5808238402727\",\"861\""), [(Kind::CardCvv, "861")]);
    assert_eq!(
        told("p.setScore(\"0.95\");\np.setDepositAccount(\"41956834958\");"),
        [(Kind::BankAccount, "41956834958")]
    );
}

#[test]
fn a_value_may_stand_over_the_name_of_its_secret() {
    all_tell(
        &[
            "env:\n- value: Sommer3974!\n  name: DB_PASSWORD\n",
            "env:\n- name: HOST\n  value: eu-1\n- name: DB_PASSWORD\n  value: Sommer3974!\n",
            "[パスワード] Sommer3974!",
            "SMTP PASS........ Sommer3974!",
        ],
        Kind::Password,
        "Sommer3974!",
    );
    none_tells(&["env:\n- name: HOST\n  value: Sommer3974!\n- name: DB_PASSWORD\n  value: $(cat /run/pw)\n"]);
}

#[test]
fn twelve_digits_beside_names_at_amazon_are_no_bank_account_and_years_are_no_licence() {
    none_tells(&["AWS account 873652219957", "This license is Copyright (C) 2003-2004 A. Lee"]);
    assert_eq!(told("bank account 873652219957"), [(Kind::BankAccount, "873652219957")]);
    assert_eq!(told("паспорт 45 08 123456"), [(Kind::Passport, "45 08 123456")]);
}
