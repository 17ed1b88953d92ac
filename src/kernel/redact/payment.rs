//! Cards, accounts and wallets.
use super::Kind;
use super::chain::{Candidate, Chain, Gap, Word, byte, byte_before, is_led, word_from};
use super::checks::{digits, luhn, mod97, repeats, sha256, weighted};
use super::judge::{Judge, Strength};
use super::labelled::{is_date, is_day};
use super::labels::Labels;

/// Offers a candidate to the kinds that are nothing but digits.
pub fn offer(candidate: &Candidate, judge: &mut Judge<'_, '_>) {
    let letters = candidate.letters();
    if !candidate.is_number() {
        return;
    }
    match letters.len() {
        9 if candidate.is_plain() && !candidate.bound && is_routing(letters) => {
            judge.offer(Kind::UsAbaRouting, candidate.start, candidate.end, Strength::Weak);
        }
        12..=19 => card(candidate, judge),
        _ => {}
    }
}

/// Issuers and their lengths (ISO/IEC 7812, as the schemes publish them): `(from, to, digits of the prefix,
/// lengths as bits)`.
const ISSUERS: &[(u32, u32, u32, u32)] = &[
    (4, 4, 1, 1 << 13 | 1 << 16 | 1 << 18 | 1 << 19),
    (51, 55, 2, 1 << 16),
    (2221, 2720, 4, 1 << 16),
    (1800, 1800, 4, 1 << 15),
    (2131, 2131, 4, 1 << 15),
    (34, 34, 2, 1 << 15),
    (37, 37, 2, 1 << 15),
    (6011, 6011, 4, 0xF << 16),
    (644, 649, 3, 0xF << 16),
    (65, 65, 2, 0xF << 16),
    (3528, 3589, 4, 0xF << 16),
    (300, 305, 3, 0x3F << 14),
    (3095, 3095, 4, 0x3F << 14),
    (36, 36, 2, 0x3F << 14),
    (38, 39, 2, 0x3F << 14),
    (62, 62, 2, 0xF << 16),
    (81, 81, 2, 0xF << 16),
    (2200, 2204, 4, 0xF << 16),
    (9792, 9792, 4, 1 << 16),
    (60, 60, 2, 1 << 16),
    (508, 508, 3, 1 << 16),
    (353, 353, 3, 1 << 16),
    (356, 356, 3, 1 << 16),
    (5019, 5019, 4, 1 << 16),
    (4571, 4571, 4, 1 << 16),
    (506, 506, 3, 1 << 16 | 1 << 19),
    (650, 650, 3, 1 << 16 | 1 << 19),
    (6304, 6304, 4, 0xFF << 12),
    (6759, 6759, 4, 0xFF << 12),
    (676, 679, 3, 0xFF << 12),
    (5018, 5018, 4, 0xFF << 12),
    (5020, 5020, 4, 0xFF << 12),
    (5038, 5038, 4, 0xFF << 12),
    (5893, 5893, 4, 0xFF << 12),
    (6761, 6763, 4, 0xFF << 12),
    (56, 58, 2, 0xFF << 12),
    (35, 35, 2, 1 << 16),
    (504175, 504175, 6, 1 << 16),
    (506699, 506778, 6, 1 << 16),
    (509, 509, 3, 1 << 16),
    (636297, 636297, 6, 1 << 16),
    (636368, 636368, 6, 1 << 16),
];

/// Whether some issuer gives out numbers that begin so and are this long; and whether that is a common one.
fn issuer(letters: &[u8]) -> Option<bool> {
    let head: [u8; 6] = digits(letters.get(..6)?)?;
    let value = head.iter().fold(0u32, |sum, digit| sum * 10 + u32::from(*digit));
    let fits = |(from, to, size, lengths): &(u32, u32, u32, u32)| {
        let prefix = value / 10u32.pow(6 - size);
        (*from..=*to).contains(&prefix) && lengths >> letters.len() & 1 == 1
    };
    let place = ISSUERS.iter().position(fits)?;
    Some(place < 18 && letters.len() <= 16)
}

fn card(candidate: &Candidate, judge: &mut Judge<'_, '_>) {
    let letters = candidate.letters();
    let grouped = match candidate.gap {
        Gap::None => false,
        Gap::One(b' ' | b'-' | b'.' | b'_' | b'/') => [
            &[4, 4, 4, 4][..],
            &[4, 6, 5],
            &[4, 6, 4],
            &[4, 4, 4, 4, 3],
            &[4, 4, 4, 4, 2],
            &[4, 4, 4, 3],
            &[4, 4, 4, 2],
            &[6, 13],
            &[4, 4, 5],
            &[4, 4, 4],
            &[4, 5, 4],
            &[8, 8],
            &[4, 4, 4, 1],
        ]
        .iter()
        .any(|lengths| candidate.lengths(lengths)),
        _ => return,
    };
    if (!grouped && !candidate.is_plain()) || candidate.bound || repeats(letters) || !luhn(letters) {
        return;
    }
    let Some(common) = issuer(letters) else {
        return;
    };
    let strength = match (common, grouped) {
        (true, _) | (false, true) if letters.len() >= 14 => Strength::Firm,
        _ if candidate.on_stripe => Strength::Firm,
        _ => Strength::Weak,
    };
    let mut taken = judge.offer(Kind::CreditCard, candidate.start, candidate.end, strength);
    if !taken && grouped && strength == Strength::Firm {
        // No bank writes its accounts in the groups of cards; the account of a card is one.
        let evidence = judge.evidence(candidate.start, candidate.end);
        taken = evidence.names(Kind::BankAccount) && !evidence.labels.any(Labels::OTHER);
        if taken {
            judge.put(Kind::CreditCard, candidate.start, candidate.end, 80);
        }
    }
    let code = |end| behind_card(judge.text(), end).or_else(|| behind_expiry(judge.text(), end));
    if taken && let Some(code) = code(candidate.end) {
        judge.put(Kind::CardCvv, code.start, code.end, 76);
    }
}

/// The security code in a list of a card, its month and year, and the code: `…|12|27|123`, `… 12/27 123`.
fn behind_card(text: &[u8], end: usize) -> Option<Word> {
    let mark = |at: usize| matches!(byte(text, at), b'|' | b',' | b';' | b':' | b'/' | b' ' | b'\t');
    let month = word_from(text, end + 1);
    let year = word_from(text, month.end + 1);
    let code = word_from(text, year.end + 1);
    let is_month = month.is_number()
        && month.len() == 2
        && matches!(text.get(month.start..month.end)?, [b'0', b'1'..=b'9'] | [b'1', b'0'..=b'2']);
    let marks = mark(end) && mark(year.end) && matches!(byte(text, month.end), b'|' | b'/' | b'-' | b';' | b':' | b',');
    let ends = !matches!(byte(text, code.end), b'.' | b'-' | b'/' | b'_' | b':' | b'%');
    let is_code = code.is_number() && matches!(code.len(), 3 | 4) && ends;
    (is_month && marks && year.is_number() && matches!(year.len(), 2 | 4) && is_code).then_some(code)
}

/// What a security code is called where the card and its expiry stand right before it: `… exp 09/27 code 123`.
const CODES: &[&str] = &[
    "code",
    "kod",
    "kode",
    "koodi",
    "codice",
    "codigo",
    "código",
    "cod",
    "cód",
    "kód",
    "kodu",
    "sec",
    "security",
    "secu",
    "crypto",
    "ver",
    "код",
    "后三位",
];

/// The security code under the barest of names behind the month and year of a card whose number ends at `end`.
fn behind_expiry(text: &[u8], end: usize) -> Option<Word> {
    let near = text.get(end..(end + 40).min(text.len()))?;
    let slash = memchr::memchr(b'/', near)?;
    let month = near.get(slash.checked_sub(2)?..slash)?;
    // `exp 09/27`: few words stand between, and no other number.
    let between = near.get(..slash - 2).filter(|between| between.len() <= 22)?;
    let year = word_from(text, end + slash + 1);
    if between.iter().any(|byte| byte.is_ascii_digit() || *byte == b'\n')
        || !matches!(month, [b'0', b'1'..=b'9'] | [b'1', b'0'..=b'2'])
        || !year.is_number()
        || !matches!(year.len(), 2 | 4)
    {
        return None;
    }
    let gap = |at: usize| {
        let rest = text.get(at..).unwrap_or_default();
        at + rest.iter().take(4).take_while(|byte| b" ,;:.#|-=".contains(byte)).count()
    };
    let name = gap(year.end);
    let letter = |byte: &&u8| byte.is_ascii_alphabetic() || **byte >= 0x80;
    let length = text.get(name..)?.iter().take(16).take_while(letter).count();
    let called = text.get(name..name + length)?;
    if !CODES.iter().any(|code| called.eq_ignore_ascii_case(code.as_bytes())) {
        return None;
    }
    let code = word_from(text, gap(name + length));
    let ends = !matches!(byte(text, code.end), b'-' | b'/' | b'_' | b':' | b'%');
    (code.is_number() && matches!(code.len(), 3 | 4) && ends).then_some(code)
}

/// The districts of the Federal Reserve, thrifts, electronic and traveller's cheques; weights 3 7 1.
fn is_routing(letters: &[u8]) -> bool {
    let Some(number) = digits::<9>(letters) else {
        return false;
    };
    let [a, b, ..] = number.map(u32::from);
    matches!(a * 10 + b, 0..=12 | 21..=32 | 61..=72 | 80)
        && weighted(&number, &[3, 7, 1, 3, 7, 1, 3, 7, 1]).is_multiple_of(10)
        && !repeats(letters)
}

/// The card security code: three or four digits right behind their label.
pub fn security_code(text: &[u8], word: Word, judge: &mut Judge<'_, '_>) {
    if !matches!(word.len(), 3 | 4) || !word.is_number() {
        return;
    }
    let joined = |mark: u8| matches!(mark, b'.' | b'-' | b'/' | b':' | b'_' | b'%' | b'$');
    let after = byte(text, word.end);
    let dated = joined(after) && byte(text, word.end + 1).is_ascii_alphanumeric() || after == b'%';
    let before = byte_before(text, word.start);
    let beyond = word.start.checked_sub(2).map_or(b' ', |at| byte(text, at));
    if dated
        || (joined(before) && before != b':' && beyond.is_ascii_alphanumeric())
        || (before == b':' && beyond.is_ascii_digit())
    {
        return;
    }
    if !may_be_code(text, word.start) || !judge.seeks(&[Kind::CardCvv], word.start) {
        return;
    }
    let evidence = judge.evidence(word.start, word.end);
    if evidence.names(Kind::CardCvv) {
        judge.put(Kind::CardCvv, word.start, word.end, 80);
    }
}

/// Whether the word before a short number may end its label; numbers of three digits are everywhere, so this is
/// asked before anything is read in earnest. Cells and values that stand alone may always.
fn may_be_code(text: &[u8], start: usize) -> bool {
    let front = text.get(start.saturating_sub(24)..start).unwrap_or_default();
    let gap = |byte: &u8| {
        matches!(
            byte,
            b' ' | b'"' | b'\'' | b':' | b'=' | b'(' | b'#' | b'>' | b'`' | b'*' | b'.' | b'\\' | b'[' | b'-'
        )
    };
    let Some(at) = front.iter().rposition(|byte| !gap(byte)) else {
        return true;
    };
    if front.ends_with(b">") {
        return true;
    }
    let named = front.get(..=at).unwrap_or_default();
    match named.last() {
        Some(last) if last.is_ascii_alphanumeric() => {
            let part = |byte: &u8| byte.is_ascii_alphanumeric() || *byte >= 0x80;
            let from = named.iter().rposition(|byte| !part(byte)).map_or(0, |gap| gap + 1);
            let word = named.get(from..).unwrap_or_default();
            // `Anna: 123` answers the question of the line above; words with accents are not listed.
            !word.is_ascii() || ends_label(word) || is_answer(text, start)
        }
        // A cell, a line, or a letter of another script.
        _ => true,
    }
}

/// Whether a word is the last of a label of a code, or of what stands between that and its value.
fn ends_label(word: &[u8]) -> bool {
    let endings: &[&[u8]] = match word.last().map(u8::to_ascii_lowercase) {
        Some(b'e' | b'b' | b'p') => return true,
        Some(b'2') => &[b"cvv2", b"cvc2"],
        Some(b'a') => &[b"tarjeta", b"carta", b"seguranca", b"sicurezza"],
        Some(b'c') => &[b"cvc", b"csc", b"sec", b"sic"],
        Some(b'd') => &[b"cid", b"kod", b"card", b"seguridad", b"td", b"dd"],
        Some(b'g') => &[b"strong", b"seg"],
        Some(b'h') => &[b"th"],
        Some(b'i') => &[b"koodi", b"li"],
        Some(b'k') => &[b"back", b"bak"],
        Some(b'l') => &[b"visuel", b"label", b"panel"],
        Some(b'm') => &[b"em"],
        Some(b'n') => &[b"cvn", b"verification", b"keamanan", b"span", b"hinten", b"baksidan"],
        Some(b'o') => &[b"codigo", b"cartao", b"to", b"no", b"dorso", b"retro", b"verso", b"numero"],
        Some(b'r') => &[b"number", b"ziffer", b"nummer", b"siffer"],
        Some(b's') => &[b"dos", b"is", b"es", b"as", b"digits", b"cijfers"],
        Some(b't') => &[b"lautet", b"kaart", b"kort", b"ist", b"est", b"dt"],
        Some(b'u') => &[b"kodu", b"secu", b"kartu", b"tylu"],
        Some(b'v') => &[b"cvv", b"cav", b"ccv", b"div"],
        Some(b'y') => &[b"karty", b"zabezpieczajacy"],
        _ => return false,
    };
    let ends = |ending: &&[u8]| {
        let from = word.len().checked_sub(ending.len());
        from.and_then(|from| word.get(from..)).is_some_and(|end| end.eq_ignore_ascii_case(ending))
    };
    endings.iter().any(ends)
}

/// Whether the line above asks: it ends with a question mark, or someone is asked for a code and says it in this one.
fn is_answer(text: &[u8], start: usize) -> bool {
    let front = text.get(start.saturating_sub(96)..start).unwrap_or_default();
    let Some(end) = memchr::memrchr(b'\n', front) else { return false };
    let line = front.get(..end).unwrap_or_default().trim_ascii_end();
    let said = front.get(end..).unwrap_or_default();
    let is_said = || said.len() <= 32 && said.trim_ascii_end().ends_with(b":");
    let named = |at: usize| {
        let rest = line.get(at..).unwrap_or_default();
        [&b"CVV"[..], b"CVC", b"cvv", b"cvc", b"code", b"CID"].iter().any(|sign| rest.starts_with(sign))
    };
    let asks = || memchr::memchr2_iter(b'C', b'c', line).any(named);
    line.ends_with(b"?") || is_said() && asks()
}

/// Length of the whole number by country (ISO 13616 registry, release 99), and whether the account part may
/// have letters.
const COUNTRIES: &[(&[u8; 2], u8)] = &[
    (b"AD", 24),
    (b"AE", 23),
    (b"AL", 28),
    (b"AT", 20),
    (b"AZ", 28),
    (b"BA", 20),
    (b"BE", 16),
    (b"BG", 22),
    (b"BH", 22),
    (b"BI", 27),
    (b"BR", 29),
    (b"BY", 28),
    (b"CH", 21),
    (b"CR", 22),
    (b"CY", 28),
    (b"CZ", 24),
    (b"DE", 22),
    (b"DJ", 27),
    (b"DK", 18),
    (b"DO", 28),
    (b"EE", 20),
    (b"EG", 29),
    (b"ES", 24),
    (b"FI", 18),
    (b"FK", 18),
    (b"FO", 18),
    (b"FR", 27),
    (b"GB", 22),
    (b"GE", 22),
    (b"GI", 23),
    (b"GL", 18),
    (b"GR", 27),
    (b"GT", 28),
    (b"HN", 28),
    (b"HR", 21),
    (b"HU", 28),
    (b"IE", 22),
    (b"IL", 23),
    (b"IQ", 23),
    (b"IS", 26),
    (b"IT", 27),
    (b"JO", 30),
    (b"KW", 30),
    (b"KZ", 20),
    (b"LB", 28),
    (b"LC", 32),
    (b"LI", 21),
    (b"LT", 20),
    (b"LU", 20),
    (b"LV", 21),
    (b"LY", 25),
    (b"MC", 27),
    (b"MD", 24),
    (b"ME", 22),
    (b"MK", 19),
    (b"MN", 20),
    (b"MR", 27),
    (b"MT", 31),
    (b"MU", 30),
    (b"NI", 28),
    (b"NL", 18),
    (b"NO", 15),
    (b"OM", 23),
    (b"PK", 24),
    (b"PL", 28),
    (b"PS", 29),
    (b"PT", 25),
    (b"QA", 29),
    (b"RO", 24),
    (b"RS", 22),
    (b"RU", 33),
    (b"SA", 24),
    (b"SC", 31),
    (b"SD", 18),
    (b"SE", 24),
    (b"SI", 19),
    (b"SK", 24),
    (b"SM", 27),
    (b"SO", 23),
    (b"ST", 25),
    (b"SV", 28),
    (b"TL", 23),
    (b"TN", 24),
    (b"TR", 26),
    (b"UA", 29),
    (b"VA", 22),
    (b"VG", 24),
    (b"XK", 20),
    (b"YE", 30),
];

/// An account number that begins with `word`, in any case, with few marks anywhere between groups.
pub fn iban(text: &[u8], word: Word, judge: &mut Judge<'_, '_>) -> Option<usize> {
    let head = text.get(word.start..word.start + 4)?;
    let country = [head.first()?.to_ascii_uppercase(), head.get(1)?.to_ascii_uppercase()];
    if !head.get(2..)?.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let (_, length) = COUNTRIES.iter().find(|(known, _)| **known == country)?;
    let mut letters = [0; 34];
    let mut at = word.start;
    let (mut count, mut marks) = (0, 0);
    while count < usize::from(*length) {
        let next = byte(text, at);
        if next.is_ascii_alphanumeric() {
            *letters.get_mut(count)? = next.to_ascii_uppercase();
            count += 1;
            marks = 0;
        } else {
            marks += 1;
            if !matches!(next, b' ' | b'-' | b'.' | b'_' | b'/') || marks > 3 || count == 0 {
                return None;
            }
        }
        at += 1;
    }
    let letters = letters.get(..count)?;
    let tail = letters.iter().skip(4).chain(letters.iter().take(4)).copied();
    if byte(text, at).is_ascii_alphanumeric() || mod97(tail) != Some(1) {
        return None;
    }
    judge.put(Kind::Iban, word.start, at, 98);
    if let Some(code) = behind_iban(text, at, country) {
        judge.put(Kind::SwiftBic, code.start, code.end, 78);
    }
    Some(at)
}

/// The code of the bank that stands right behind an account in its country: `DE89 3704 …, COBADEFFXXX`.
fn behind_iban(text: &[u8], end: usize, country: [u8; 2]) -> Option<Word> {
    let marks = text
        .get(end..)?
        .iter()
        .take(3)
        .take_while(|byte| matches!(byte, b' ' | b',' | b'/' | b'(' | b';' | b'|' | b'\t'));
    let code = word_from(text, end + marks.count());
    let letters = text.get(code.start..code.end)?;
    let (bank, rest) = letters.split_at_checked(4)?;
    let fits = matches!(letters.len(), 8 | 11)
        && code.start > end
        && bank.iter().all(u8::is_ascii_uppercase)
        && rest.starts_with(&country)
        && code.small == 0
        && !matches!(byte(text, code.end), b'_' | b'-' | b'@');
    fits.then_some(code)
}

/// ISO 3166 countries whose banks have codes, as pairs.
const BIC_COUNTRIES: &[u8] = b"ADAEAFAGAIALAMAOARATAUAWAZBABBBDBEBFBGBHBIBJBMBNBOBRBSBTBWBYBZCACDCFCGCHCICKCLCMCNCOCRCUCVCWCYCZDEDJDKDMDODZECEEEGERESETFIFJFKFMFOFRGAGBGDGEGFGGGHGIGLGMGNGPGQGRGTGUGWGYHKHNHRHTHUIDIEILIMINIQIRISITJEJMJOJPKEKGKHKIKMKNKPKRKWKYKZLALBLCLILKLRLSLTLULVLYMAMCMDMEMGMKMLMMMNMOMQMRMSMTMUMVMWMXMYMZNANCNENGNINLNONPNRNZOMPAPEPFPGPHPKPLPRPSPTPWPYQARERORSRURWSASBSCSDSESGSHSISKSLSMSNSOSRSSSTSVSYSZTCTDTGTHTJTLTMTNTOTRTTTVTWTZUAUGUSUYUZVAVCVEVGVIVNVUWSXKYEYTZAZMZW";

/// A bank code: four letters, a country, two or five more; only under its label.
pub fn bank_code(text: &[u8], word: Word, judge: &mut Judge<'_, '_>) {
    let Some(letters) = text.get(word.start..word.end) else {
        return;
    };
    if !matches!(letters.len(), 8 | 11) || word.small > 0 && word.small + word.digits < letters.len() {
        return;
    }
    let mut upper = [0; 11];
    upper.iter_mut().zip(letters).for_each(|(slot, byte)| *slot = byte.to_ascii_uppercase());
    // `CREDITOR_AGENT` is a name.
    let joined = byte(text, word.end) == b'_' || byte_before(text, word.start) == b'_';
    let country = || upper.get(4..6).is_some_and(|pair| BIC_COUNTRIES.chunks(2).any(|known| known == pair));
    if joined || !upper.iter().take(6).all(u8::is_ascii_uppercase) || !country() {
        return;
    }
    if !judge.seeks(&[Kind::SwiftBic], word.start) {
        return;
    }
    let evidence = judge.evidence(word.start, word.end);
    // A word that happens to fit is no code unless it stands in its place.
    let in_place = evidence.direct || word.small == 0;
    if evidence.names(Kind::SwiftBic) && in_place {
        judge.put(Kind::SwiftBic, word.start, word.end, 82);
    }
}

/// A bank account: under its label, six to seventeen digits, perhaps behind a sort code or a state branch.
pub fn account(text: &[u8], chain: &Chain, from: usize, judge: &mut Judge<'_, '_>) {
    let words = chain.words().get(from..).unwrap_or_default();
    let Some(first) = words.first() else {
        return;
    };
    if judge.denies(&[Kind::BankAccount], first.start) {
        return;
    }
    let Some((end, paired)) = account_end(text, words) else {
        judge.leave(&[Kind::BankAccount], first.start);
        return;
    };
    if !judge.seeks(&[Kind::BankAccount], first.start) {
        return;
    }
    let alone = end == first.end;
    if alone && first.len() == 12 && is_in_cloud(text, first.start) {
        judge.leave(&[Kind::BankAccount], first.start);
        return;
    }
    if alone && is_day(text, *first) && !judge.evidence(first.start, end).direct {
        return;
    }
    judge.offer(Kind::BankAccount, first.start, end.max(paired.unwrap_or(end)), Strength::Shape);
}

/// Where an account number that begins with these words ends, and where one does behind a sort code.
fn account_end(text: &[u8], words: &[Word]) -> Option<(usize, Option<usize>)> {
    let first = words.first()?;
    // `:59:/12345678` is a field of a message, `a/12345678` is not.
    let field = text.get(..first.start).is_some_and(|front| front.ends_with(b":/"));
    if matches!(byte_before(text, first.start), b'-' | b'.' | b'/' | b'_') && !field && !is_led(text, first.start) {
        return None;
    }
    let bare = |words: &[Word]| words.iter().all(Word::is_number);
    let lengths = |words: &[Word], wanted: &[usize]| {
        words.len() == wanted.len() && words.iter().zip(wanted).all(|(word, length)| word.len() == *length)
    };
    let mut end = None;
    for take in (1..=words.len().min(7)).rev() {
        let part = words.get(..take).unwrap_or_default();
        if !bare(part) {
            continue;
        }
        let last = part.last().map_or(0, Word::len);
        let (body, branch) =
            (part.len().saturating_sub(1), part.get(..part.len().saturating_sub(1)).unwrap_or_default());
        let branched = (6..=10).contains(&last)
            && body > 0
            && [&[2, 2, 2][..], &[3, 3], &[6]].iter().any(|wanted| lengths(branch, wanted));
        // Twenty digits in Russia, 22 in Argentina, 24 in Hungary, 26 in Poland.
        let plain = take == 1 && matches!(last, 6..=18 | 20 | 22 | 24 | 26);
        let total: usize = part.iter().map(Word::len).sum();
        let long = [&[8, 8, 8][..], &[2, 4, 4, 4, 4, 4, 4], &[3, 13, 2]];
        let grouped = take > 1
            && ((7..=20).contains(&total) && part.iter().all(|word| word.len() <= 10)
                || long.iter().any(|wanted| lengths(part, wanted)))
            && match byte(text, first.end) {
                b'-' | b' ' => true,
                // `1.1.01.001` is a place in a plan of accounts.
                b'.' => first.len() > 1,
                _ => false,
            };
        if branched || plain || grouped {
            end = part.last().map(|word| word.end);
            break;
        }
    }
    let paired = paired_account(text, words);
    let end = end.or(paired)?;
    if matches!(byte(text, end), b'.' | b',')
        && byte(text, end + 1).is_ascii_digit()
        && byte(text, end + 3).is_ascii_digit() == byte(text, end + 2).is_ascii_digit()
        && byte(text, end) == b'.'
    {
        return None;
    }
    // `Account opened 12.11.2021`
    if is_date(words) && words.get(2).is_some_and(|last| last.end == end) {
        return None;
    }
    Some((end, paired))
}

/// Where the account number behind a sort code ends, whatever stands between them: `20-00-00 / 12345678`.
fn paired_account(text: &[u8], words: &[Word]) -> Option<usize> {
    let [one, two, three, ..] = words else { return None };
    if one.len() != 2 {
        return None;
    }
    let mark = byte(text, one.end);
    let is_code = [one, two, three].iter().all(|word| word.len() == 2 && word.is_number())
        && mark == byte(text, two.end)
        && two.start == one.end + 1
        && three.start == two.end + 1;
    let rest = text.get(three.end..).unwrap_or_default();
    const WORDS: &[&str] = &[" and ", ", and ", " & ", ", account ", " account ", ", acc ", " acc ", ", a/c ", " a/c "];
    let word = WORDS.iter().find(|word| rest.starts_with(word.as_bytes())).map(|word| word.len());
    let marks = || rest.iter().take(3).take_while(|byte| matches!(byte, b' ' | b',' | b'/' | b'|' | b':')).count();
    let gap = word.unwrap_or_else(marks);
    let number = word_from(text, three.end + gap);
    let fits = is_code && gap > 0 && number.is_number() && matches!(number.len(), 7 | 8);
    fits.then_some(number.end)
}

/// Whether the account is one at Amazon: its services or resources are named around it, and no bank is.
fn is_in_cloud(text: &[u8], start: usize) -> bool {
    let front = text.get(start.saturating_sub(512)..start).unwrap_or_default();
    let around = text.get(start.saturating_sub(512)..(start + 64).min(text.len())).unwrap_or_default();
    let named = |sign: &[u8]| memchr::memmem::find(around, sign).is_some();
    let label = front.get(front.len().saturating_sub(24)..).unwrap_or_default().to_ascii_lowercase();
    let banks = [&b"bank"[..], b"number", b"iban", b"routing", b"sort"];
    let of_bank = banks.iter().any(|sign| memchr::memmem::find(&label, sign).is_some());
    // `"Account": "123456789012", "Arn": "arn:aws:…"`
    let behind = text.get(start..(start + 80).min(text.len())).unwrap_or_default();
    if memchr::memmem::find(behind, b"arn:aws").is_some() && !of_bank {
        return true;
    }
    const SIGNS: [&[u8]; 8] = [b"arn:aws", b"aws_", b"amazonaws", b"AWS ", b"EC2", b"IAM", b"us-east-", b"eu-west-"];
    !of_bank && SIGNS.iter().any(|sign| named(sign))
}

const BASE58: &[u8] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
const BECH32: &[u8] = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l";

/// A wallet: Base58Check of Bitcoin and its kin, Bech32, or the hexadecimal of Ethereum.
pub fn wallet(text: &[u8], word: Word, judge: &mut Judge<'_, '_>) {
    let Some(letters) = text.get(word.start..word.end) else {
        return;
    };
    let strength = match letters.len() {
        42 if letters.starts_with(b"0x") && letters.iter().skip(2).all(u8::is_ascii_hexdigit) => Strength::Firm,
        25..=35 if is_base58(letters) => Strength::Strong,
        14..=90 if is_bech32(letters) => Strength::Strong,
        _ => return,
    };
    judge.offer(Kind::CryptoWallet, word.start, word.end, strength);
}

/// One version byte, twenty bytes, four of the double SHA-256.
fn is_base58(letters: &[u8]) -> bool {
    if !matches!(letters, [b'1' | b'3' | b'L' | b'M' | b'D' | b'X' | b'm' | b'n' | b'2' | b't' | b'r' | b'T', ..]) {
        return false;
    }
    let mut raw = [0u8; 25];
    for letter in letters {
        let Some(digit) = BASE58.iter().position(|known| known == letter) else {
            return false;
        };
        let mut carry = digit as u32;
        for slot in raw.iter_mut().rev() {
            carry += u32::from(*slot) * 58;
            *slot = (carry & 0xFF) as u8;
            carry >>= 8;
        }
        if carry > 0 {
            return false;
        }
    }
    let (body, sum) = raw.split_at(21);
    sha256(&sha256(body)).starts_with(sum)
}

/// Human part, 1, data and six characters of sum (BIP 173, BIP 350).
fn is_bech32(letters: &[u8]) -> bool {
    let known = [&b"bc1"[..], b"tb1", b"ltc1", b"BC1", b"bcrt1", b"addr1", b"cosmos1", b"bnb1"];
    if !known.iter().any(|head| letters.starts_with(head))
        || letters.iter().any(u8::is_ascii_uppercase) && letters.iter().any(u8::is_ascii_lowercase)
    {
        return false;
    }
    let Some(split) = letters.iter().rposition(|byte| *byte == b'1') else {
        return false;
    };
    let (head, data) = letters.split_at(split);
    let head = head.iter().map(u8::to_ascii_lowercase);
    let mut values: Vec<u32> = head.clone().map(|byte| u32::from(byte >> 5)).collect();
    values.push(0);
    values.extend(head.map(|byte| u32::from(byte & 31)));
    for letter in data.iter().skip(1) {
        let Some(value) = BECH32.iter().position(|known| *known == letter.to_ascii_lowercase()) else {
            return false;
        };
        values.push(value as u32);
    }
    let sum = values.into_iter().fold(1u32, |sum, value| {
        let top = sum >> 25;
        let mixed = [0x3b6a_57b2, 0x2650_8e6d, 0x1ea1_19fa, 0x3d42_33dd, 0x2a14_62b3].iter().enumerate();
        mixed.fold(
            (sum & 0x1ff_ffff) << 5 ^ value,
            |sum, (bit, word)| if top >> bit & 1 == 1 { sum ^ word } else { sum },
        )
    });
    data.len() > 7 && (sum == 1 || sum == 0x2bc8_30a3)
}

/// The word after the letters of a magnetic stripe: `%B4111…^NAME^…` and `;4111…=…`.
pub fn after_sentinel(text: &[u8], word: Word) -> Option<Word> {
    let start = word.start
        + usize::from(byte(text, word.start).eq_ignore_ascii_case(&b'B') && byte_before(text, word.start) == b'%');
    (start > word.start).then(|| word_from(text, start))
}
