//! Numbers by which states and health schemes know a person.
use super::Kind;
use super::chain::{Candidate, Gap};
use super::checks::{ddmmyy, digits, luhn, mod11_10, number, repeats, verhoeff, weighted, yymmdd, yyyymmdd};
use super::judge::{Judge, Strength};
use super::labels::Labels;
use Strength::{Firm, Shape, Strong, Weak};

/// Numbers of so many digits without marks are nothing but by their labels, which are these, those of routing numbers
/// among them.
pub const SHORT: usize = 10;
/// See [`SHORT`].
pub const OF_SHORT: Labels = Labels::of_all(&[
    Kind::UsSsn,
    Kind::UsItin,
    Kind::CaSin,
    Kind::AuTfn,
    Kind::NlBsn,
    Kind::PtNif,
    Kind::ClRut,
    Kind::UkNhs,
    Kind::UsNpi,
    Kind::AuMedicare,
    Kind::SePersonnummer,
    Kind::DkCpr,
    Kind::UsAbaRouting,
    Kind::NoFnr,
    Kind::PlPesel,
    Kind::BeNrn,
    Kind::BrCpf,
])
.with(Labels::NATIONAL)
.with(Labels::TAX)
.with(Labels::HEALTH);

/// Offers a candidate to every kind whose length and checks it passes.
pub fn offer(candidate: &Candidate, judge: &mut Judge<'_, '_>) {
    if candidate.is_number() {
        if candidate.bound || repeats(candidate.letters()) {
            return;
        }
        rut(candidate, judge);
        by_length(candidate, judge);
        if candidate.is_plain() && matches!(candidate.letters().len(), 7..=12) {
            without_zeros(candidate, judge);
        }
    } else {
        lettered(candidate, judge);
    }
}

fn by_length(candidate: &Candidate, judge: &mut Judge<'_, '_>) {
    match candidate.letters().len() {
        8 | 9 => nine(candidate, judge),
        10 => ten(candidate, judge),
        11 => eleven(candidate, judge),
        12 => twelve(candidate, judge),
        13 => thirteen(candidate, judge),
        15 => insee(candidate, judge),
        18 => resident(candidate, judge),
        _ => {}
    }
}

/// Numbers that may begin with zeros, which are lost where they were kept as numbers, and how long they are with them.
const ZEROED: [(Kind, usize); 11] = [
    (Kind::UsSsn, 9),
    (Kind::NlBsn, 9),
    (Kind::SePersonnummer, 10),
    (Kind::DkCpr, 10),
    (Kind::NoFnr, 11),
    (Kind::PlPesel, 11),
    (Kind::BeNrn, 11),
    (Kind::BrCpf, 11),
    (Kind::JpMynumber, 12),
    (Kind::KrRrn, 13),
    (Kind::ZaId, 13),
];
/// The most zeros.
const ZEROS_MAX: usize = 2;

/// Under the name of such a number.
fn without_zeros(candidate: &Candidate, judge: &mut Judge<'_, '_>) {
    if judge.has(candidate.start, candidate.end) || !judge.seeks(&ZEROED.map(|(kind, _)| kind), candidate.start) {
        return;
    }
    let evidence = judge.evidence(candidate.start, candidate.end);
    let named = ZEROED.iter().find(|(kind, length)| {
        let zeros = length.checked_sub(candidate.letters().len());
        evidence.names(*kind) && zeros.is_some_and(|zeros| (1..=ZEROS_MAX).contains(&zeros))
    });
    let padded = named.filter(|_| evidence.direct).and_then(|(_, length)| candidate.padded(*length));
    if let Some(padded) = padded {
        by_length(&padded, judge);
    }
}

fn give(judge: &mut Judge<'_, '_>, candidate: &Candidate, kind: Kind, strength: Strength) {
    judge.offer(kind, candidate.start, candidate.end, strength);
}

/// Marks that people write between three groups of three.
fn is_threes(candidate: &Candidate) -> bool {
    candidate.is_plain() || (candidate.gap != Gap::Mixed && candidate.lengths(&[3, 3, 3]))
}

fn nine(candidate: &Candidate, judge: &mut Judge<'_, '_>) {
    if let Some(number) = digits::<8>(candidate.letters()) {
        let weights = [10, 7, 8, 4, 6, 3, 5, 1];
        if candidate.is_plain() && weighted(&number, &weights).is_multiple_of(11) {
            give(judge, candidate, Kind::AuTfn, Weak);
        }
        return;
    }
    let Some(number) = digits::<9>(candidate.letters()) else {
        return;
    };
    let ssn = candidate.gap != Gap::Mixed && candidate.lengths(&[3, 2, 4]);
    if ssn || candidate.is_plain() {
        let dashed = candidate.is(b'-', &[3, 2, 4]);
        if is_ssn(&number) {
            give(judge, candidate, Kind::UsSsn, if dashed { Firm } else { Shape });
        } else if is_itin(&number) {
            give(judge, candidate, Kind::UsItin, if dashed { Firm } else { Shape });
        }
    }
    if is_threes(candidate) {
        // No province has 8; 0 is what examples use.
        if luhn(candidate.letters()) && !matches!(number, [8, ..]) {
            give(judge, candidate, Kind::CaSin, Weak);
        }
        if weighted(&number, &[1, 4, 3, 7, 5, 8, 6, 9, 10]).is_multiple_of(11) {
            give(judge, candidate, Kind::AuTfn, Weak);
        }
        let sum = weighted(&number, &[9, 8, 7, 6, 5, 4, 3, 2, 10]);
        // The last weight is −1, which is 10 modulo 11.
        if sum.is_multiple_of(11) {
            give(judge, candidate, Kind::NlBsn, Weak);
        }
        let check = (11 - weighted(&number, &[9, 8, 7, 6, 5, 4, 3, 2, 0]) % 11) % 11 % 10;
        if matches!(number, [1 | 2 | 3 | 5 | 6 | 8 | 9, ..])
            && number.last().is_some_and(|last| u32::from(*last) == check)
        {
            give(judge, candidate, Kind::PtNif, Weak);
        }
    } else if candidate.gap != Gap::Mixed
        && candidate.lengths(&[4, 2, 3])
        && weighted(&number, &[9, 8, 7, 6, 5, 4, 3, 2, 10]).is_multiple_of(11)
    {
        give(judge, candidate, Kind::NlBsn, Weak);
    }
}

/// Area 001 to 899 but 666, group and serial not zero.
fn is_ssn(number: &[u8; 9]) -> bool {
    let [a, b, c, d, e, f, g, h, i] = number.map(u32::from);
    let (area, group, serial) = (a * 100 + b * 10 + c, d * 10 + e, f * 1000 + g * 100 + h * 10 + i);
    (1..900).contains(&area) && area != 666 && group > 0 && serial > 0
}

/// First digit nine, fourth and fifth 50–65, 70–88, 90–92, 94–99.
fn is_itin(number: &[u8; 9]) -> bool {
    let [a, _, _, d, e, ..] = number.map(u32::from);
    a == 9 && matches!(d * 10 + e, 50..=65 | 70..=88 | 90..=92 | 94..=99)
}

fn ten(candidate: &Candidate, judge: &mut Judge<'_, '_>) {
    let Some(number) = digits::<10>(candidate.letters()) else {
        return;
    };
    let spaced = candidate.gap != Gap::Mixed;
    if candidate.is_plain() || (spaced && candidate.lengths(&[3, 3, 4])) {
        let rest = 11 - weighted(&number, &[10, 9, 8, 7, 6, 5, 4, 3, 2, 0]) % 11;
        if number.last().is_some_and(|last| u32::from(*last) == rest % 11) && rest != 10 {
            give(judge, candidate, Kind::UkNhs, Weak);
        }
    }
    if candidate.is_plain() && is_npi(candidate.letters()) {
        give(judge, candidate, Kind::UsNpi, Weak);
    }
    medicare(candidate, &number, judge);
    // Its check character may be a digit too.
    hetu(candidate, judge);
    let split = spaced && candidate.lengths(&[6, 4]);
    if split || candidate.is_plain() {
        let checked = luhn(candidate.letters());
        // Coordination numbers add 60 to the day.
        if checked && swedish(&number) {
            give(judge, candidate, Kind::SePersonnummer, if candidate.is(b'-', &[6, 4]) { Firm } else { Weak });
        }
        if ddmmyy(&number, 60) {
            give(judge, candidate, Kind::DkCpr, Shape);
        }
    }
}

fn swedish(number: &[u8]) -> bool {
    let mut plain = [0; 10];
    plain.iter_mut().zip(number).for_each(|(slot, digit)| *slot = *digit);
    if let Some(day) = plain.get_mut(4) {
        *day = if *day >= 6 { *day - 6 } else { *day };
    }
    yymmdd(&plain, &[])
}

/// Luhn over the number with the prefix of American health identifiers.
fn is_npi(number: &[u8]) -> bool {
    let mut whole = [0; 15];
    let all = b"80840".iter().chain(number);
    whole.iter_mut().zip(all).for_each(|(slot, byte)| *slot = *byte);
    matches!(number, [b'1' | b'2', ..]) && luhn(&whole)
}

/// Ten digits, or eleven with the place on the card.
fn medicare(candidate: &Candidate, number: &[u8], judge: &mut Judge<'_, '_>) {
    let grouped = candidate.gap != Gap::Mixed && (candidate.lengths(&[4, 5, 1]) || candidate.lengths(&[4, 5, 1, 1]));
    let irn = candidate.lengths(&[10, 1]);
    let check = weighted(number, &[1, 3, 7, 9, 1, 3, 7, 9]) % 10;
    let passes = matches!(number, [2..=6, ..]) && number.get(8).is_some_and(|digit| u32::from(*digit) == check);
    if passes && (grouped || irn || candidate.is_plain()) {
        give(judge, candidate, Kind::AuMedicare, if grouped { Firm } else { Weak });
    }
}

fn eleven(candidate: &Candidate, judge: &mut Judge<'_, '_>) {
    let Some(number) = digits::<11>(candidate.letters()) else {
        return;
    };
    let plain = candidate.is_plain();
    let mixed = candidate.gap == Gap::Mixed;
    let grouped = !mixed && candidate.lengths(&[2, 3, 3, 3]);
    if (plain || grouped) && is_german(&number) && mod11_10(&number) {
        give(judge, candidate, Kind::DeTaxId, if grouped { Firm } else { Weak });
    }
    if plain {
        let pesel = weighted(&number, &[1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1]).is_multiple_of(10);
        if pesel && yymmdd(&number, &[20, 40, 60, 80]) {
            give(judge, candidate, Kind::PlPesel, Weak);
        }
        if is_turkish(&number) {
            give(judge, candidate, Kind::TrTckn, Weak);
        }
    }
    if plain || (!mixed && candidate.lengths(&[6, 5])) {
        let first = weighted(&number, &[3, 7, 6, 1, 8, 9, 4, 5, 2, 1]).is_multiple_of(11);
        let second = weighted(&number, &[5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1]).is_multiple_of(11);
        // Temporary numbers add 40 to the day.
        if first && second && ddmmyy(&number, 40) {
            give(judge, candidate, Kind::NoFnr, Firm);
        }
    }
    let cpf = candidate.lengths(&[3, 3, 3, 2]);
    let dashed = candidate.is(b'-', &[9, 2]);
    if (plain || cpf || dashed) && is_cpf(&number) {
        let written = cpf && (mixed || candidate.gap == Gap::One(b'.') || candidate.gap == Gap::One(b'-'));
        give(judge, candidate, Kind::BrCpf, if written { Strong } else { Weak });
    }
    let belgian = candidate.lengths(&[2, 2, 2, 3, 2]) || candidate.lengths(&[6, 3, 2]);
    if (plain || belgian) && is_belgian(&number) {
        give(judge, candidate, Kind::BeNrn, if belgian { Strong } else { Weak });
    }
    let argentine = !mixed && candidate.lengths(&[2, 8, 1]);
    if (plain || argentine) && is_argentine(&number) {
        give(judge, candidate, Kind::ArCuit, if argentine { Firm } else { Weak });
    }
    medicare(candidate, &number, judge);
}

/// Of the first ten digits one occurs twice or thrice, the others once or never; none leads with zero.
fn is_german(number: &[u8; 11]) -> bool {
    let mut counts = [0u8; 10];
    for digit in number.iter().take(10) {
        if let Some(count) = counts.get_mut(usize::from(*digit)) {
            *count += 1;
        }
    }
    let many = counts.iter().filter(|count| **count > 1).count();
    let most = counts.iter().max().copied().unwrap_or(0);
    number.first() != Some(&0) && many == 1 && (2..=3).contains(&most)
}

fn is_turkish(number: &[u8; 11]) -> bool {
    let [a, b, c, d, e, f, g, h, i, tenth, eleventh] = number.map(u32::from);
    let (odd, even) = (a + c + e + g + i, b + d + f + h);
    a > 0 && (odd * 7 + 100 - even) % 10 == tenth && (odd + even + tenth) % 10 == eleventh
}

fn is_cpf(number: &[u8; 11]) -> bool {
    let check = |weights: &[u32]| weighted(number, weights) * 10 % 11 % 10;
    let [.., first, second] = number.map(u32::from);
    check(&[10, 9, 8, 7, 6, 5, 4, 3, 2]) == first && check(&[11, 10, 9, 8, 7, 6, 5, 4, 3, 2]) == second
}

/// 97 minus the rest of the first nine digits; those born from 2000 on count a 2 before them.
fn is_belgian(number: &[u8; 11]) -> bool {
    let value = number.iter().take(9).fold(0u64, |sum, digit| sum * 10 + u64::from(*digit));
    let [.., tens, ones] = number.map(u64::from);
    let check = tens * 10 + ones;
    // Bis numbers add 20 or 40 to the month.
    yymmdd(number, &[20, 40]) && (97 - value % 97 == check || 97 - (value + 2_000_000_000) % 97 == check)
}

fn is_argentine(number: &[u8; 11]) -> bool {
    let sum = weighted(number, &[5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1]);
    let [a, b, ..] = number.map(u32::from);
    // Where eleven less the rest is ten, some write nine.
    let nine = matches!(number, [.., 9]) && (sum + 1).is_multiple_of(11);
    matches!(a * 10 + b, 20 | 23..=27 | 30 | 33 | 34) && (sum.is_multiple_of(11) || nine)
}

fn twelve(candidate: &Candidate, judge: &mut Judge<'_, '_>) {
    let Some(number) = digits::<12>(candidate.letters()) else {
        return;
    };
    let fours = candidate.gap != Gap::Mixed && candidate.lengths(&[4, 4, 4]);
    if fours || candidate.is_plain() {
        if verhoeff(&number) && matches!(number, [2..=9, ..]) {
            give(judge, candidate, Kind::InAadhaar, Weak);
        }
        let rest = weighted(&number, &[6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2]) % 11;
        let check = if rest <= 1 { 0 } else { 11 - rest };
        if number.last().is_some_and(|last| u32::from(*last) == check) {
            give(judge, candidate, Kind::JpMynumber, Weak);
        }
    }
    let split = candidate.gap != Gap::Mixed && candidate.lengths(&[8, 4]);
    if (split || candidate.is_plain()) && matches!(number, [1, 9, ..] | [2, 0, ..]) {
        let short = candidate.letters().get(2..).unwrap_or_default();
        if luhn(short) && number.get(2..).is_some_and(swedish) {
            // What begins with a day of these years is rather an order of that day.
            let recent = matches!(number, [2, 0, 1, 5..=9, ..] | [2, 0, 2..=9, ..]);
            give(judge, candidate, Kind::SePersonnummer, if recent && !split { Weak } else { Firm });
        }
    }
}

fn thirteen(candidate: &Candidate, judge: &mut Judge<'_, '_>) {
    let Some(number) = digits::<13>(candidate.letters()) else {
        return;
    };
    let plain = candidate.is_plain();
    let mixed = candidate.gap == Gap::Mixed;
    // Before the Korean one, to which the same number may be plain too: that is written with a hyphen.
    let african =
        candidate.lengths(&[6, 4, 3]) || candidate.lengths(&[6, 4, 2, 1]) || candidate.lengths(&[6, 4, 1, 1, 1]);
    if (plain || african) && luhn(candidate.letters()) && yymmdd(&number, &[]) && matches!(number.get(10), Some(0..=2))
    {
        give(judge, candidate, Kind::ZaId, Weak);
    }
    let korean = !mixed && candidate.lengths(&[6, 7]);
    // The seventh digit is sex and century; since October 2020 the check digit is no longer one.
    if (korean || plain) && yymmdd(&number, &[]) && matches!(number.get(6), Some(0..=9)) {
        let weights = [2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5];
        let passes = number.last().is_some_and(|last| u32::from(*last) == (11 - weighted(&number, &weights) % 11) % 10);
        match (candidate.is(b'-', &[6, 7]), passes) {
            (true, _) => give(judge, candidate, Kind::KrRrn, Firm),
            (false, true) => give(judge, candidate, Kind::KrRrn, Weak),
            (false, false) => give(judge, candidate, Kind::KrRrn, Shape),
        }
    }
    let thai = !mixed && candidate.lengths(&[1, 4, 5, 2, 1]);
    let rest = weighted(&number, &[13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2]) % 11;
    if (plain || thai)
        && number.last().is_some_and(|last| u32::from(*last) == (11 - rest) % 10)
        && number.first() != Some(&0)
    {
        give(judge, candidate, Kind::ThTnin, if thai { Firm } else { Weak });
    }
    let swiss = candidate.gap != Gap::Mixed && candidate.lengths(&[3, 4, 4, 2]);
    let ean = weighted(&number, &[1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1]).is_multiple_of(10);
    if (plain || swiss) && number.starts_with(&[7, 5, 6]) && ean {
        give(judge, candidate, Kind::ChAhv, if swiss { Strong } else { Firm });
    }
    if plain && is_romanian(&number) {
        give(judge, candidate, Kind::RoCnp, Weak);
    }
    if plain {
        insee(candidate, judge);
    }
}

fn is_romanian(number: &[u8; 13]) -> bool {
    let rest = weighted(number, &[2, 7, 9, 1, 4, 6, 3, 5, 8, 2, 7, 9]) % 11;
    let check = if rest == 10 { 1 } else { rest };
    let county = number.get(7..9).map_or(0, |pair| pair.iter().fold(0, |sum, digit| sum * 10 + u32::from(*digit)));
    matches!(number, [1..=9, ..])
        && number.get(1..).is_some_and(|rest| yymmdd(rest, &[]))
        && matches!(county, 1..=48 | 51 | 52 | 70 | 80)
        && number.last().is_some_and(|last| u32::from(*last) == check)
}

/// Sex, year, month, department, commune, order and 97 minus the rest; Corsica has letters, counted as 19 and 18.
fn insee(candidate: &Candidate, judge: &mut Judge<'_, '_>) {
    let letters = candidate.letters();
    let spelled = candidate.is_plain()
        || [&[1, 2, 2, 2, 3, 3, 2][..], &[13, 2], &[1, 2, 2, 2, 3, 3], &[1, 2, 2, 5, 3, 2], &[1, 2, 2, 2, 6, 2]]
            .iter()
            .any(|lengths| candidate.lengths(lengths));
    if !spelled || !matches!(letters, [b'1'..=b'4' | b'7' | b'8', ..]) {
        return;
    }
    let body = letters.get(..13).unwrap_or_default();
    let (department, lowered) = match letters.get(5..7) {
        Some(b"2A") => (20, 1_000_000),
        Some(b"2B") => (20, 2_000_000),
        Some(pair) => (number(pair).unwrap_or(0), 0),
        None => return,
    };
    let mut plain = [0; 13];
    plain.iter_mut().zip(body).for_each(|(slot, byte)| *slot = if byte.is_ascii_digit() { *byte } else { b'0' });
    let (Some(value), Some(month)) = (number(&plain), letters.get(3..5).and_then(number)) else {
        return;
    };
    let valid = matches!(month, 1..=12 | 20..=42 | 50..=99) && matches!(department, 1..=99);
    match letters.len() {
        15 => {
            let check = letters.get(13..).and_then(number);
            if valid && check.is_some_and(|check| 97 - (value - lowered) % 97 == check) {
                // Of fifteen digits in a row, one in a hundred passes, and so do numbers of other things.
                let said = judge.evidence(candidate.start, candidate.end);
                if !candidate.is_plain() || !said.labels.any(Labels::OTHER) || said.names(Kind::FrNir) {
                    give(judge, candidate, Kind::FrNir, Strong);
                }
            }
        }
        13 if valid && month <= 12 => give(judge, candidate, Kind::FrNir, Shape),
        _ => {}
    }
}

/// Region, birth date, order, ISO 7064 mod 11,2.
fn resident(candidate: &Candidate, judge: &mut Judge<'_, '_>) {
    const WEIGHTS: [u32; 17] = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
    let letters = candidate.letters();
    let (Some(body), Some(last)) = (letters.get(..17).and_then(digits::<17>), letters.last()) else {
        return;
    };
    let sum = weighted(&body, &WEIGHTS) % 11;
    let check = b"10X98765432".get(sum as usize);
    let spelled = candidate.is_plain() || candidate.lengths(&[6, 8, 4]) || candidate.lengths(&[6, 4, 4, 4]);
    // Provinces of GB/T 2260; Chongqing is 50.
    let region = matches!(body, [1..=6, 1..=7, ..] | [5, 0, ..] | [7 | 8, 1..=3, ..]);
    if spelled && region && check == Some(last) && body.get(6..).is_some_and(yyyymmdd) {
        give(judge, candidate, Kind::CnRic, Strong);
    }
}

/// Kinds that mix letters and digits, by where the letters stand.
fn lettered(candidate: &Candidate, judge: &mut Judge<'_, '_>) {
    let letters = candidate.letters();
    let mut shape = [b' '; 20];
    if letters.len() > shape.len() || letters.len() < 8 {
        return;
    }
    for (slot, byte) in shape.iter_mut().zip(letters) {
        *slot = if byte.is_ascii_digit() { b'9' } else { b'A' };
    }
    let shape = shape.get(..letters.len()).unwrap_or_default();
    // Small letters are how programs write identifiers of their own; people write these in capitals.
    let firm = |strength: Strength| if candidate.small && strength > Weak { Weak } else { strength };
    let free = !candidate.bound;
    match shape {
        b"AA999999A" if free && is_nino(letters) && nino_layout(candidate) => {
            give(judge, candidate, Kind::UkNino, firm(if candidate.is_plain() { Firm } else { Strong }));
        }
        b"A9999999A" if free => {
            if candidate.is_plain() && is_nric(letters) {
                give(judge, candidate, Kind::SgNric, firm(Firm));
            }
            let spelled = candidate.gap != Gap::Mixed
                && [&[1, 7, 1][..], &[1, 8], &[8, 1]].iter().any(|lengths| candidate.lengths(lengths));
            if is_nie(letters) && (candidate.is_plain() || spelled) {
                give(judge, candidate, Kind::EsNif, firm(Firm));
            }
        }
        b"99999999A" if free => {
            // With dots it is written so in Chile too, where the last may be K.
            let dotted = candidate.lengths(&[2, 3, 3, 1]);
            if spanish_letter(letters.get(..8).and_then(number)) == letters.last().copied()
                && (tail(candidate, &[8, 1]) || dotted)
            {
                let kept = dotted && candidate.gap == Gap::Mixed && letters.last() != Some(&b'K');
                give(judge, candidate, Kind::EsNif, if kept { firm(Firm) } else { Weak });
            }
            rut(candidate, judge);
            irish(candidate, judge);
        }
        b"9999999A" | b"9999999AA" if free => {
            irish(candidate, judge);
            rut(candidate, judge);
        }
        b"999999A999A" | b"999999A9999" | b"999999999A" => hetu(candidate, judge),
        b"AAAAA9999A" if free && candidate.is_plain() => {
            // The fourth letter is the kind of holder: person, company, family, firm, trust, …
            if letters.get(3).is_some_and(|holder| b"ABCFGHLJPTK".contains(holder)) {
                give(judge, candidate, Kind::InPan, firm(Firm));
            }
        }
        b"AA9999999" if free && candidate.is_plain() && is_dea(letters) => give(judge, candidate, Kind::UsDea, Weak),
        b"99999A999999999" | b"999999A99999999" => insee(candidate, judge),
        b"99999999999999999A" => resident(candidate, judge),
        b"AAAA999999AAAAAAA9" | b"AAAA999999AAAAAA99" if candidate.is_plain() && is_curp(letters) => {
            give(judge, candidate, Kind::MxCurp, Strong);
        }
        _ => {
            if free && letters.len() == 11 && is_mbi(letters) && (candidate.is_plain() || candidate.lengths(&[4, 3, 4]))
            {
                give(judge, candidate, Kind::UsMbi, firm(Firm));
            }
            let spelled = candidate.is_plain()
                || candidate.lengths(&[3, 3, 5, 5])
                || candidate.lengths(&[6, 5, 5])
                || candidate.lengths(&[6, 2, 3, 5]);
            if letters.len() == 16 && spelled && is_fiscal_code(letters) {
                give(judge, candidate, Kind::ItFiscalCode, Strong);
            }
        }
    }
}

/// One word, or its last letters behind a mark.
fn tail(candidate: &Candidate, lengths: &[u8]) -> bool {
    candidate.is_plain() || (candidate.gap != Gap::Mixed && candidate.lengths(lengths))
}

fn nino_layout(candidate: &Candidate) -> bool {
    candidate.is_plain()
        || (candidate.gap != Gap::Mixed
            && [&[2, 2, 2, 2, 1][..], &[2, 6, 1], &[2, 3, 3, 1], &[4, 2, 2, 1], &[2, 6, 1], &[8, 1]]
                .iter()
                .any(|lengths| candidate.lengths(lengths)))
}

/// No D, F, I, Q, U, V at either place, no O at the second, and some pairs never given out.
fn is_nino(letters: &[u8]) -> bool {
    let [first, second, ..] = letters else {
        return false;
    };
    let unused: [&[u8]; 7] = [b"BG", b"GB", b"KN", b"NK", b"NT", b"TN", b"ZZ"];
    !b"DFIQUV".contains(first)
        && !b"DFIQUVO".contains(second)
        && !unused.iter().any(|pair| letters.starts_with(pair))
        && matches!(letters.last(), Some(b'A'..=b'D'))
}

fn is_nric(letters: &[u8]) -> bool {
    let [prefix, body @ .., last] = letters else {
        return false;
    };
    let Some(body) = digits::<7>(body) else {
        return false;
    };
    let sum = weighted(&body, &[2, 7, 6, 5, 4, 3, 2]);
    let (added, checks) = match prefix {
        b'S' => (0, b"JZIHGFEDCBA"),
        b'T' => (4, b"JZIHGFEDCBA"),
        b'F' => (0, b"XWUTRQPNMLK"),
        b'G' => (4, b"XWUTRQPNMLK"),
        b'M' => (3, b"XWUTRQPNJLK"),
        _ => return false,
    };
    checks.get(((sum + added) % 11) as usize) == Some(last)
}

fn spanish_letter(number: Option<u64>) -> Option<u8> {
    b"TRWAGMYFPDXBNJZSQVHLCKE".get((number? % 23) as usize).copied()
}

fn is_nie(letters: &[u8]) -> bool {
    let prefix = match letters.first() {
        Some(b'X') => 0,
        Some(b'Y') => 10_000_000,
        Some(b'Z') => 20_000_000,
        _ => return false,
    };
    let number = letters.get(1..8).and_then(number).map(|number| number + prefix);
    spanish_letter(number).is_some_and(|letter| letters.last() == Some(&letter))
}

/// Seven digits and a check letter, since 2013 a second letter that counts nine times.
fn irish(candidate: &Candidate, judge: &mut Judge<'_, '_>) {
    let letters = candidate.letters();
    let Some(body) = letters.get(..7).and_then(digits::<7>) else {
        return;
    };
    let second = match letters.get(8) {
        None | Some(b'W') => 0,
        Some(letter @ b'A'..=b'I') => u32::from(letter - b'A') + 1,
        Some(_) => return,
    };
    let sum = weighted(&body, &[8, 7, 6, 5, 4, 3, 2]) + second * 9;
    let check = b"WABCDEFGHIJKLMNOPQRSTUV".get((sum % 23) as usize);
    if letters.get(7) == check && (candidate.is_plain() || candidate.lengths(&[7, 1]) || candidate.lengths(&[7, 2])) {
        give(judge, candidate, Kind::IePpsn, Weak);
    }
}

/// Mod 11 with weights 2 to 7 from the right; ten is K.
pub fn rut(candidate: &Candidate, judge: &mut Judge<'_, '_>) {
    let Some((last, body)) = candidate.letters().split_last() else {
        return;
    };
    let dotted = candidate.lengths(&[2, 3, 3, 1]) || candidate.lengths(&[1, 3, 3, 1]);
    let hyphen = candidate.gap == Gap::One(b'-') && (candidate.lengths(&[8, 1]) || candidate.lengths(&[7, 1]));
    if !(7..=8).contains(&body.len()) || candidate.bound || !(dotted || hyphen || candidate.is_plain()) {
        return;
    }
    let sum = body.iter().rev().zip([2, 3, 4, 5, 6, 7].into_iter().cycle()).try_fold(0u32, |sum, (byte, weight)| {
        Some(sum + u32::from(byte.checked_sub(b'0').filter(|digit| *digit < 10)?) * weight)
    });
    let Some(sum) = sum else {
        return;
    };
    let check = match 11 - sum % 11 {
        11 => b'0',
        10 => b'K',
        digit => b'0' + u8::try_from(digit).unwrap_or(0),
    };
    if *last == check {
        give(
            judge,
            candidate,
            Kind::ClRut,
            if dotted {
                Firm
            } else if hyphen {
                Weak
            } else {
                Shape
            },
        );
    }
}

/// Date, century sign, order, check character mod 31.
fn hetu(candidate: &Candidate, judge: &mut Judge<'_, '_>) {
    let letters = candidate.letters();
    let (Some(date), Some(check)) = (letters.get(..6).and_then(digits::<6>), letters.last()) else {
        return;
    };
    let order = match (candidate.gap, letters.len()) {
        (Gap::None, 11) if letters.get(6).is_some_and(|sign| b"ABCDEFYXWVU".contains(sign)) => letters.get(7..10),
        (Gap::One(b'-'), 10) if candidate.lengths(&[6, 4]) => letters.get(6..9),
        _ => return,
    };
    let body = letters.get(..6).into_iter().chain(order).flatten().copied();
    let value = body.fold(0u64, |sum, byte| sum * 10 + u64::from(byte.wrapping_sub(b'0') % 10));
    let expected = b"0123456789ABCDEFHJKLMNPRSTUVWXY".get((value % 31) as usize);
    if ddmmyy(&date, 0) && expected == Some(check) && !candidate.bound {
        give(judge, candidate, Kind::FiHetu, if check.is_ascii_digit() { Strength::Firm } else { Strong });
    }
}

/// First letter by kind of registrant, check digit over the other six.
fn is_dea(letters: &[u8]) -> bool {
    let (Some(number), Some(kind)) = (letters.get(2..).and_then(digits::<7>), letters.first()) else {
        return false;
    };
    let sum = weighted(&number, &[1, 2, 1, 2, 1, 2]);
    b"ABCDEFGHJKLMPRSTUX".contains(kind) && number.last().is_some_and(|last| u32::from(*last) == sum % 10)
}

/// Letters of the name, birth date, sex, state, consonants, order, check digit mod 10.
fn is_curp(letters: &[u8]) -> bool {
    const STATES: &[u8] = b"ASBCBSCCCLCMCSCHDFDGGTGRHGJCMCMNMSNTNLOCPLQTQRSPSLSRTCTSTLVZYNZSNECX";
    let value = |letter: &u8| match letter {
        b'0'..=b'9' => u32::from(letter - b'0'),
        // Ñ stands between N and O.
        b'A'..=b'N' => u32::from(letter - b'A') + 10,
        _ => u32::from(letter - b'A') + 11,
    };
    let date = letters.get(4..10).and_then(digits::<6>).is_some_and(|date| yymmdd(&date, &[]));
    let sex = matches!(letters.get(10), Some(b'H' | b'M' | b'X'));
    let state = letters.get(11..13).is_some_and(|state| STATES.chunks(2).any(|known| known == state));
    let sum: u32 = letters.iter().take(17).zip((2..=18).rev()).map(|(letter, weight)| value(letter) * weight).sum();
    let check = (10 - sum % 10) % 10;
    date && sex && state && letters.last().is_some_and(|last| u32::from(*last) == u32::from(b'0') + check)
}

/// Where letters and digits stand; no S, L, O, I, B, Z.
fn is_mbi(letters: &[u8]) -> bool {
    let letter = |byte: &u8| byte.is_ascii_uppercase() && !b"SLOIBZ".contains(byte);
    let either = |byte: &u8| byte.is_ascii_digit() || letter(byte);
    matches!(letters, [a, b, c, d, e, f, g, h, i, j, k]
        if (b'1'..=b'9').contains(a) && letter(b) && either(c) && d.is_ascii_digit() && letter(e) && either(f)
            && g.is_ascii_digit() && letter(h) && letter(i) && j.is_ascii_digit() && k.is_ascii_digit())
}

/// Name, year, month letter, day (plus 40 for women), place, check letter. In doubles, digits become letters.
fn is_fiscal_code(letters: &[u8]) -> bool {
    const ODD: [u32; 26] =
        [1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23];
    // L M N P Q R S T U V stand for 0 to 9 where two people would share a code.
    let digit = |at: usize| {
        letters.get(at).and_then(|byte| match byte {
            b'0'..=b'9' => Some(u32::from(byte - b'0')),
            _ => b"LMNPQRSTUV".iter().position(|stand_in| stand_in == byte).and_then(|digit| u32::try_from(digit).ok()),
        })
    };
    let pair = |at: usize| Some(digit(at)? * 10 + digit(at + 1)?);
    let name = letters.iter().take(6).all(u8::is_ascii_uppercase);
    let month = letters.get(8).and_then(|month| b"ABCDEHLMPRST".iter().position(|known| known == month));
    let (Some(_), Some(month), Some(day)) = (pair(6), month, pair(9)) else {
        return false;
    };
    let day = if day > 40 { day - 40 } else { day };
    let place = letters.get(11).is_some_and(u8::is_ascii_uppercase) && (12..15).all(|at| digit(at).is_some());
    let value = |byte: &u8| {
        if byte.is_ascii_digit() { u32::from(byte - b'0') } else { u32::from(byte.wrapping_sub(b'A') % 26) }
    };
    let sum: u32 = letters
        .iter()
        .take(15)
        .enumerate()
        .map(
            |(place, byte)| {
                if place % 2 == 0 { ODD.get(value(byte) as usize).copied().unwrap_or(0) } else { value(byte) }
            },
        )
        .sum();
    let check = letters.last().is_some_and(|last| u32::from(*last) == u32::from(b'A') + sum % 26);
    name && place && check && super::checks::is_date(0, u32::try_from(month).unwrap_or(0) + 1, day)
}
