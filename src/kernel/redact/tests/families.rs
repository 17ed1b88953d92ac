//! Causes that came in families: each with what must be found, and what near it must not.
use super::super::Kind;
use super::layouts::{all_tell, none_tells, told};

/// What is found, in order, each by its kind.
fn each_tells(text: &str, kind: Kind, values: &[&str]) {
    let wanted: Vec<_> = values.iter().map(|value| (kind, *value)).collect();
    assert_eq!(told(text), wanted, "{text}");
}

#[test]
fn a_column_of_its_own_names_every_line_below_it() {
    each_tells(
        "date of birth\n1988-03-04\n1990-05-06\n1977-01-02",
        Kind::DateOfBirth,
        &["1988-03-04", "1990-05-06", "1977-01-02"],
    );
    each_tells("\"dob\"\r\n\"1988-03-04\"\r\n\"1990-05-06\"\r\n", Kind::DateOfBirth, &["1988-03-04", "1990-05-06"]);
    each_tells(
        "geburtsdatum\n04.03.1988\n05.06.1990\n06.07.1991",
        Kind::DateOfBirth,
        &["04.03.1988", "05.06.1990", "06.07.1991"],
    );
    each_tells("生年月日\n1988-03-04\n1990-05-06", Kind::DateOfBirth, &["1988-03-04", "1990-05-06"]);
    each_tells(
        "phone\n604-552-0424\n07700 900123\n0301234567",
        Kind::Phone,
        &["604-552-0424", "07700 900123", "0301234567"],
    );
    each_tells("ssn\n219-09-9999\n078051120\n219099998", Kind::UsSsn, &["219-09-9999", "078051120", "219099998"]);
    each_tells("# Account numbers:\n12345678\n87654321", Kind::BankAccount, &["12345678", "87654321"]);
    each_tells("mrn\n4471882\nN/A\n4471883\n\n4471884", Kind::MedicalRecord, &["4471882", "4471883", "4471884"]);
    each_tells("dob\n\nMarch 14, 1979\nMay 6, 1981", Kind::DateOfBirth, &["March 14, 1979", "May 6, 1981"]);
    each_tells("cvv\n123\n456", Kind::CardCvv, &["123", "456"]);
    none_tells(&[
        "created\n1988-03-04\n1990-05-06\n1977-01-02",
        "tracking_number\n219-09-9999\n219-09-9998\n219-09-9997",
    ]);
}

#[test]
fn the_name_of_a_list_is_that_of_all_its_values() {
    each_tells("dobs = [\"1979-03-14\", \"1981-05-06\"]", Kind::DateOfBirth, &["1979-03-14", "1981-05-06"]);
    each_tells("phones: ['07700 900123', '0301234567']", Kind::Phone, &["07700 900123", "0301234567"]);
    each_tells("passports: [X1234567, C01X00T47]", Kind::Passport, &["X1234567", "C01X00T47"]);
    none_tells(&["order_ids = [\"12345678\", \"87654321\"]", "weights = [12345678, 87654321]"]);
}

#[test]
fn columns_may_stand_between_tildes_and_begin_anywhere() {
    each_tells("medical_record_no~unit\n77881234~4B\nMR2207114~5C", Kind::MedicalRecord, &["77881234", "MR2207114"]);
    // As many cells as there are names: the places do not count.
    all_tell(
        &["NAME        READY  STATUS   IP  NODE\nweb-5f6c7d8b9   1/1  Running  10.42.7.19  n1"],
        Kind::IpAddress,
        "10.42.7.19",
    );
    none_tells(&["REF*1W~\nN3*7 HIGH ST~"]);
}

#[test]
fn what_it_stands_on_takes_no_label_back() {
    all_tell(
        &[
            "Card on the invoice: 4111 1111 1111 1111",
            "Karte auf der Rechnung: 4111 1111 1111 1111",
            "Carte sur la facture : 4111 1111 1111 1111",
            "Kaart op de factuur: 4111 1111 1111 1111",
        ],
        Kind::CreditCard,
        "4111 1111 1111 1111",
    );
    all_tell(&["Passport number on new booking: AB3419907"], Kind::Passport, "AB3419907");
    all_tell(&["O número de contribuinte para a fatura é 247174297, obrigada."], Kind::PtNif, "247174297");
    // Times and numbers of papers are what they say.
    none_tells(&[
        "Passport on file expiry: 20310412",
        "Invoice number on card: 88214221",
        "DOB on record verified: 2024-03-04",
    ]);
}

#[test]
fn a_remark_behind_a_value_says_what_it_is_and_a_field_behind_a_dash_does_not() {
    all_tell(
        &["Standing order to the club: 20-11-46 31926819 (sort code and account), ref 7"],
        Kind::BankAccount,
        "20-11-46 31926819",
    );
    all_tell(&["Order 4471: 219-09-9999 (SSN)"], Kind::UsSsn, "219-09-9999");
    none_tells(&["Order: 12345678 (account closed)", "Order: 12345678 (invoice)"]);
    let text = "Prontuário nº 4471882 — carteirinha do convênio 30912284417";
    assert_eq!(told(text), [(Kind::MedicalRecord, "4471882"), (Kind::HealthMemberId, "30912284417")]);
    all_tell(&["Subscriber ID 448190221-03, group 0071442"], Kind::HealthMemberId, "448190221-03");
    all_tell(&["Chart: MRN 771204 admitted"], Kind::MedicalRecord, "771204");
}

#[test]
fn identifiers_of_hl7_are_of_who_gives_them_out() {
    all_tell(&["PID|1||05079501443^^^FNR-OID^FNR||Lund^Ida"], Kind::NoFnr, "05079501443");
    all_tell(
        &["PID|1||05079501443^^^&2.16.578.1.12.4.1.4.1&ISO||Lund^Ida", "PID|1||05079501443^^^^NNNOR||Lund^Ida"],
        Kind::NoFnr,
        "05079501443",
    );
    all_tell(&["PID|1||111222333^^^NLMINBIZA^NNNLD||Jansen"], Kind::NlBsn, "111222333");
    all_tell(&["ORC|RE|A-771\nOBR|1|||80053^panel||||||||||||1245319599^Moreau^Ines"], Kind::UsNpi, "1245319599");
    none_tells(&[
        "PID|1||111222333^^^LAB^AN||Jansen",
        "OBR|1|||80053^panel||||||||||||1245319599^Moreau^Ines^^^^^^HOSP^^^^DOC",
    ]);
}

#[test]
fn labels_are_known_in_the_languages_of_neighbours() {
    all_tell(&["Natel: 079 555 01 42", "AHV-Ausweis fehlt\nNatel: 079 555 01 42"], Kind::Phone, "079 555 01 42");
    all_tell(&["Cel.: 55 5512 0142", "Nº cel.: 55 5512 0142", "mi cel es 55 5512 0142"], Kind::Phone, "55 5512 0142");
    all_tell(&["Cellulaire : 604-552-0424"], Kind::Phone, "604-552-0424");
    all_tell(&["Waea pūkoro: 021 555 0142", "Nama waea: 021 555 0142"], Kind::Phone, "021 555 0142");
    all_tell(&["En cas d'urgence : 06 12 34 56 78"], Kind::Phone, "06 12 34 56 78");
    all_tell(
        &["ngicela usizo nge-akhawunti 4451190027", "Inombolo ye-akhawunti: 4451190027"],
        Kind::BankAccount,
        "4451190027",
    );
    all_tell(&["Rhif y GIG: 966 542 5986", "Rhif GIG y claf yw 966 542 5986"], Kind::UkNhs, "966 542 5986");
    all_tell(
        &["AAAA record for loft: 2a01:4f8:c2c:1b2::7 ttl 356", "db 300 IN AAAA 2a01:4f8:c2c:1b2::7"],
        Kind::IpAddress,
        "2a01:4f8:c2c:1b2::7",
    );
}

#[test]
fn designators_positions_and_parts_are_nothing() {
    none_tells(&[
        "NORAD 43013 COSPAR 2018-012B pass max el 71",
        "Pass 2018-012B max el 40",
        "LSN 2B/c41f07a3 xid 8812047 lag 0",
        "at 2B/c41f07a3 8812047",
        "Replace rotor 555-0144-21 with 800-310-2290; torque 40 Nm",
        "birthday party 2024-07-14 at 18:00",
        "cel mai bun 12345678",
        "phone history 1978-1983",
        "a/c unit 4471882 BTU",
        "Conta\n1.1.01.001\n1.1.01.002",
    ]);
    each_tells("replace 604-552-0424 with 604-552-0425 on file", Kind::Phone, &["604-552-0424", "604-552-0425"]);
}

#[test]
fn the_holder_of_a_card_is_a_member_where_a_pharmacy_speaks() {
    all_tell(
        &[
            "{\"pharmacy_claim\":{\"bin\":\"610014\",\"cardholder_id\":\"U4471990218\"}}",
            "Rx BIN 610014, cardholder ID U4471990218",
        ],
        Kind::HealthMemberId,
        "U4471990218",
    );
    none_tells(&["issuing: cardholder ID U4471990218, status active"]);
}

#[test]
fn accounts_are_long_in_some_countries_and_their_banks_stand_behind_them() {
    all_tell(&["Номер счёта: 40817810099910004312"], Kind::BankAccount, "40817810099910004312");
    all_tell(&["CBU: 2850590940090418135201"], Kind::BankAccount, "2850590940090418135201");
    all_tell(&["Broj računa: 265-1234567890123-45"], Kind::BankAccount, "265-1234567890123-45");
    all_tell(&["Nr konta: 61 1090 1014 0000 0712 1981 2874"], Kind::BankAccount, "61 1090 1014 0000 0712 1981 2874");
    all_tell(&["Bankszámlaszám: 11773016-11111018-00000000"], Kind::BankAccount, "11773016-11111018-00000000");
    assert_eq!(
        told("an DE89370400440532013000, COBADEFFXXX"),
        [(Kind::Iban, "DE89370400440532013000"), (Kind::SwiftBic, "COBADEFFXXX")]
    );
    all_tell(
        &["DE89370400440532013000 (CREDITED)", "DE89370400440532013000 COBAFRPP"],
        Kind::Iban,
        "DE89370400440532013000",
    );
}

#[test]
fn what_names_a_value_may_stand_in_the_line_above_or_around_it() {
    all_tell(&["ID type: Passport\nID number: X1234567"], Kind::Passport, "X1234567");
    none_tells(&["ID type: Voucher\nID number: X1234567"]);
    all_tell(&["{\"medicare\":{\"card\":\"3474 11660 4\"}}"], Kind::AuMedicare, "3474 11660 4");
    all_tell(
        &["dob: !!timestamp 1979-03-14", "<cell>DOB</cell><cell>1979-03-14</cell>"],
        Kind::DateOfBirth,
        "1979-03-14",
    );
    all_tell(&["<contact><cell>604-552-0424</cell></contact>"], Kind::Phone, "604-552-0424");
}
