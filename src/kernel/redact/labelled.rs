//! Values that only their label tells: passports, licences, records, memberships.
use super::Kind;
use super::chain::{Chain, Word, byte, byte_before, is_led};
use super::checks::{self, number};
use super::judge::Judge;
use super::labels::{self, Labels};
use super::words::Words;
use std::sync::LazyLock;

const KINDS: [Kind; 4] = [Kind::Passport, Kind::DriverLicense, Kind::MedicalRecord, Kind::HealthMemberId];
/// What must be said of some value before one is looked at, here or in [`super::payment::account`].
pub const LABELS: Labels = Labels::of_all(&KINDS).with(Labels::of(Kind::BankAccount)).with(Labels::NATIONAL);

/// Takes the chain from word `from` on as what its label says, if the shape fits.
pub fn offer(text: &[u8], chain: &Chain, from: usize, judge: &mut Judge<'_, '_>) {
    let words = chain.words().get(from..).unwrap_or_default();
    let Some(first) = words.first() else {
        return;
    };
    let known: usize = words.iter().map(Word::len).sum();
    if known < 5 || first.len() > 20 {
        return;
    }
    let travels = is_below_zone(text, first.start);
    if !travels && judge.denies(&KINDS, first.start) {
        return;
    }
    if KINDS.into_iter().all(|kind| extent(text, words, kind, true).is_none()) {
        judge.leave(&KINDS, first.start);
        return;
    }
    if !travels && !judge.seeks(&KINDS, first.start) {
        return;
    }
    // `ISBN 0198526636`: the word before a number says what it is.
    let head = || text.get(first.start..first.end).and_then(|head| std::str::from_utf8(head).ok());
    // `MRN 978683`, `ID 372177102`: one of the value's own labels, which is no part of it.
    let is_name = |said: Labels| {
        said.any(Labels::OTHER)
            || words.len() > 1 && (said == Labels::VAGUE || KINDS.iter().any(|kind| said.names(*kind)))
    };
    if first.digits == 0 && head().is_some_and(|head| is_name(labels::of_key(head))) {
        return;
    }
    let mut evidence = judge.evidence(first.start, first.end);
    // What follows a value of several words is behind the last of them.
    if let Some(last) = words.last().filter(|last| last.start > first.start && evidence.labels.is_empty()) {
        evidence = judge.evidence(first.start, last.end);
    }
    // `passport, document number C01X00T47`: of which document, is said before.
    if evidence.labels.any(Labels::NATIONAL) && !KINDS.iter().any(|kind| evidence.names(*kind)) {
        let document = if travels { Labels::of(Kind::Passport) } else { judge.also(evidence) };
        let above = || judge.typed_above(first.start);
        for kind in [Kind::Passport, Kind::DriverLicense] {
            if kind == Kind::Passport && document.names(kind) || evidence.direct && above().names(kind) {
                evidence.labels = evidence.labels.with(Labels::of(kind));
            }
        }
    }
    if !KINDS.iter().any(|kind| evidence.names(*kind)) || evidence.labels.any(Labels::OTHER) {
        return;
    }
    let told = text.get(first.end..).is_some_and(|rest| rest.starts_with(b" is "));
    if !evidence.direct && !told && is_day(text, *first) {
        return;
    }
    for kind in KINDS.into_iter().filter(|kind| evidence.names(*kind)) {
        let Some(end) = extent(text, words, kind, evidence.direct) else {
            continue;
        };
        let value = text.get(first.start..end).unwrap_or_default();
        if kind == Kind::DriverLicense && is_locator(value)
            || kind == Kind::HealthMemberId
                && (is_other_policy(first.start, evidence.direct, judge) || is_card_holder(first.start, judge))
        {
            return;
        }
        judge.put(kind, first.start, end, if evidence.direct { 76 } else { 72 });
        return;
    }
}

/// Whether the machine-readable zone of a travel document (ICAO 9303) ends not far before, in this line or above it.
fn is_below_zone(text: &[u8], start: usize) -> bool {
    let front = text.get(start.saturating_sub(80)..start).unwrap_or_default();
    // Most numbers follow no label.
    if !matches!(front, [.., b':'] | [.., b':', b' ']) {
        return false;
    }
    memchr::memrchr(b'<', front).is_some_and(|last| front.get(..=last).is_some_and(|zone| zone.ends_with(b"<<<")))
}

/// Whether fourteen digits are no licence: only Montana, where they end with 41, and Egypt, where they tell a date of birth,
/// have so many. The `dln` of a tax return is the locator of a document and has them too.
#[inline(never)]
fn is_locator(value: &[u8]) -> bool {
    let digits = |from: usize| value.get(from..from + 2).and_then(number).unwrap_or(0);
    let egyptian =
        matches!(value.first(), Some(b'2' | b'3')) && (1..=12).contains(&digits(3)) && (1..=31).contains(&digits(5));
    value.len() == 14 && value.iter().all(u8::is_ascii_digit) && !value.ends_with(b"41") && !egyptian
}

/// What policies are called, without accents: `policy`, `polisa`, `póliza`, `police`, `apólice`.
const POLICIES: &[&str] = &[
    "policy",
    "policies",
    "polis",
    "poliz",
    "police",
    "policen",
    "polica",
    "apolic",
    "polit",
    "полис",
    "поліс",
    "polise",
];

/// What tells that a policy is of health: the beginnings of words, without accents.
#[rustfmt::skip]
const OF_HEALTH: &[&str] = &[
    "health", "medic", "patient", "member", "subscriber", "enrollee", "dental", "clinic", "hospital", "doctor", "physician",
    "payer", "payor", "medigap", "aetna", "cigna", "humana", "kaiser", "anthem", "unitedhealth", "bcbs", "bluecross",
    "copay", "deductible", "group", "diagnos", "treatment", "krank", "gesundheit", "arzt", "sante", "mutuelle", "soins",
    "salud", "sanit", "saude", "zdrow", "lekar", "szpital", "zorg", "ziekte", "sjuk", "syke", "syge", "terveys", "zdrav",
    "egeszseg", "sanat", "saglik", "kesehatan", "здоров", "медиц", "дмс", "омс", "健康", "医療", "医疗",
];

/// What tells that a policy is of something else: whole words.
#[rustfmt::skip]
const OF_OTHERS: &[&str] = &[
    "vin", "vehicle", "vehicles", "plate", "car", "auto", "motor", "motorcycle", "truck", "van", "home", "homeowner", "homeowners",
    "house", "household", "property", "contents", "building", "fire", "flood", "travel", "pet", "life", "term", "liability",
    "umbrella", "business", "commercial", "cargo", "marine", "boat", "renters", "landlord", "oc", "ac", "nnw", "kfz", "fahrzeug",
    "haftpflicht", "hausrat", "gebaude", "rechtsschutz", "voiture", "habitation", "vehicule", "hogar", "coche", "vehiculo",
    "vida", "casa", "rca", "casco", "kasko", "inboedel", "opstal", "bil", "hem", "hus", "reis", "dom", "samochod", "осаго",
    "каско", "авто", "retention", "backup", "iam", "security", "privacy", "firewall", "lifecycle", "refund", "return", "leave",
    "cookie", "network", "scaling", "password", "conditional", "compliance", "routing", "bucket", "export", "sharing",
];

/// Whether the number that begins at `start` is of a policy, and of one that is not of health: another branch is named
/// beside it, or none is and it has no name but that of a policy. `direct`: that stands as its key.
#[inline(never)]
fn is_other_policy(start: usize, direct: bool, judge: &Judge<'_, '_>) -> bool {
    let begins = |word: &[u8], name: &[u8]| word.get(..name.len()).is_some_and(|head| head.eq_ignore_ascii_case(name));
    let is_policy = |word: &[u8]| {
        matches!(word, [b'p' | b'P' | b'a' | b'A' | 0x80.., _, _, _, ..])
            && POLICIES.iter().any(|policy| begins(word, policy.as_bytes()))
    };
    let named = judge
        .words(start.saturating_sub(40), start, |words| words.back().position(|word| is_policy(words.plain(word))));
    let Some(place) = named else { return false };
    let mut other = false;
    let mut of_health = |words: &Words<'_>| {
        words.forth().any(|word| {
            let word = words.plain(word);
            let [first, _, ..] = word else { return false };
            let named = BRANCHES.get(usize::from(first.to_ascii_lowercase())).into_iter().flatten();
            other |= named.clone().any(|(name, health)| !health && word.eq_ignore_ascii_case(name));
            named.clone().any(|(name, health)| *health && begins(word, name))
        })
    };
    if judge.words(start.saturating_sub(96), start, &mut of_health) || judge.words(start, start + 64, &mut of_health) {
        return false;
    }
    other || !(direct || place > 0)
}

/// Whether the number that begins at `start` is of whoever holds a card, and nothing near says that the card is one of a
/// pharmacy (NCPDP, field 302-C2).
#[inline(never)]
fn is_card_holder(start: usize, judge: &Judge<'_, '_>) -> bool {
    #[rustfmt::skip]
    const OF_PHARMACIES: &[&[u8]] = &[
        b"rx", b"pharmac", b"prescri", b"ncpdp", b"pbm", b"pcn", b"ndc", b"drug", b"claim", b"medic", b"dispens", b"member",
        b"patient", b"health", b"insur", b"payer", b"dea", b"npi",
    ];
    // Words begin so.
    let near = |from: usize, to: usize, words: &[&[u8]]| {
        let part = judge.text().get(from..to.min(judge.text().len())).unwrap_or_default();
        let begins = |at: &usize| !at.checked_sub(1).and_then(|at| part.get(at)).is_some_and(u8::is_ascii_alphanumeric);
        let stands = |at: usize| {
            let first = part.get(at).map(u8::to_ascii_lowercase);
            let is = |word: &[u8]| part.get(at..at + word.len()).is_some_and(|part| part.eq_ignore_ascii_case(word));
            words.iter().any(|word| word.first() == first.as_ref() && is(word))
        };
        (0..part.len()).filter(begins).any(stands)
    };
    near(start.saturating_sub(28), start, &[b"cardholder", b"card_holder", b"card holder"])
        && !near(start.saturating_sub(160), start, OF_PHARMACIES)
        && !near(start, start + 120, OF_PHARMACIES)
}

/// A word of either list, and whether it is of [`OF_HEALTH`].
type Branch = (&'static [u8], bool);

/// [`OF_HEALTH`] and [`OF_OTHERS`] by their first byte.
static BRANCHES: LazyLock<[Vec<Branch>; 256]> = LazyLock::new(|| {
    let all = || OF_HEALTH.iter().map(|name| (*name, true)).chain(OF_OTHERS.iter().map(|name| (*name, false)));
    let all = || all().map(|(name, health)| (name.as_bytes(), health));
    std::array::from_fn(|first| {
        all().filter(|(name, _)| name.first().map(|byte| usize::from(*byte)) == Some(first)).collect()
    })
});

/// Whether a request about travel documents to an airline begins not far before.
#[inline(never)]
fn tells_airline(text: &[u8], start: usize) -> bool {
    let front = text.get(start.saturating_sub(48)..start).unwrap_or_default();
    memchr::memmem::find(front, b"DOCS ").is_some()
}

/// Where a value of this kind ends: words joined by hyphens, or by spaces where the country writes it so.
fn extent(text: &[u8], words: &[Word], kind: Kind, direct: bool) -> Option<usize> {
    let first = words.first()?;
    let led = matches!(
        byte_before(text, first.start),
        b' ' | b'"'
            | b'\''
            | b':'
            | b'='
            | b'('
            | b'#'
            | b'>'
            | b'|'
            | b','
            | b';'
            | b'\t'
            | b'\n'
            | b'`'
            | b'*'
            | b'['
            | b'{'
            | b'\\'
            | b'~'
            | 0x80..
    ) || is_led(text, first.start)
        || kind == Kind::Passport && byte_before(text, first.start) == b'/' && tells_airline(text, first.start);
    if !led {
        return None;
    }
    let (shortest, longest) = match kind {
        Kind::Passport => (6, 10),
        Kind::DriverLicense => (5, 20),
        Kind::MedicalRecord => (5, 15),
        _ => (6, 14),
    };
    let mut best = None;
    let (mut letters, mut digits, mut small) = (0, 0, 0);
    for (place, word) in words.iter().enumerate().take(8) {
        if place > 0 {
            match byte_before(text, word.start) {
                b'-' => {}
                b' ' if spaced(words, place, kind) => {}
                b'/' if matches!(kind, Kind::MedicalRecord | Kind::HealthMemberId) && word.digits > 0 => {}
                // Short numbers between dots are a version.
                b'.' if matches!(kind, Kind::MedicalRecord | Kind::HealthMemberId)
                    && word.digits > 0
                    && word.len() > 2 => {}
                _ => break,
            }
        }
        letters += word.len() - word.digits;
        digits += word.digits;
        small += word.small;
        if letters + digits > longest {
            break;
        }
        let next = byte(text, word.end);
        let ends = !(next == b'-' || next == b'_') || !byte(text, word.end + 1).is_ascii_alphanumeric();
        if letters + digits >= shortest && ends {
            best = Some((word.end, letters, digits, small));
        }
    }
    let (end, letters, digits, small) = best?;
    // Four digits at least and no words: small letters only where the key leaves no doubt.
    let enough = match kind {
        // The German alphabet has no vowels, and digits may be few.
        Kind::Passport if direct && words.len() == 1 && text.get(first.start..end).is_some_and(is_german) => {
            digits >= 1
        }
        Kind::Passport => digits >= 4 || (digits >= 2 && letters >= 5 && small == 0 && letters + digits >= 8),
        Kind::DriverLicense => digits >= 3,
        _ => digits >= 4,
    };
    let dotted = byte(text, end) == b'.' && byte(text, end + 1).is_ascii_digit();
    let at = byte(text, end) == b'@';
    (enough
        && !dotted
        && !at
        && (small == 0 || (direct && small <= letters && digits > small))
        && !is_date(words)
        && !is_years(text.get(first.start..end).unwrap_or_default())
        && !(kind == Kind::Passport && is_launch(text.get(first.start..end).unwrap_or_default())))
    .then_some(end)
}

/// Groups that are written with spaces: all digits, or one or two letters before them.
fn spaced(words: &[Word], place: usize, kind: Kind) -> bool {
    let (Some(before), Some(word)) = (place.checked_sub(1).and_then(|at| words.get(at)), words.get(place)) else {
        return false;
    };
    let head = place == 1 && before.digits == 0 && before.len() <= 5;
    let groups = word.is_number() && (head || (before.is_number() && before.len() <= 5)) && word.len() <= 9;
    match kind {
        // Russian ones are set as `45 08 123456`.
        Kind::Passport => {
            let russian = matches!(words, [a, b, c, ..] if [a.len(), b.len(), c.len()] == [2, 2, 6]);
            (head && before.len() <= 2) || (groups && (word.len() >= 5 || russian))
        }
        // The British number is sometimes set as name, number, rest.
        Kind::DriverLicense => groups || (word.digits > 0 && word.small == 0 && before.small == 0 && word.len() >= 5),
        _ => groups && word.len() >= 2,
    }
}

/// Nine capitals and digits without vowels and what looks like digits, as German passports are numbered.
fn is_german(letters: &[u8]) -> bool {
    letters.len() == 9 && letters.iter().all(|byte| byte.is_ascii_digit() || b"CFGHJKLMNPRTVWXYZ".contains(byte))
}

/// `2003-2004`
fn is_years(value: &[u8]) -> bool {
    let year = |part: &[u8]| {
        part.len() == 4 && matches!(part, [b'1', b'9', ..] | [b'2', b'0', ..]) && part.iter().all(u8::is_ascii_digit)
    };
    let mut parts = value.split(|byte| *byte == b'-');
    parts.next().is_some_and(year) && parts.next().is_some_and(year) && parts.next().is_none()
}

/// `2018-012B`: the year of a launch, its number and what of it flies (COSPAR).
fn is_launch(value: &[u8]) -> bool {
    let Some((year, [b'-', rest @ ..])) = value.split_at_checked(4) else { return false };
    let Some((launch, piece)) = rest.split_at_checked(3) else { return false };
    (year.starts_with(b"19") || year.starts_with(b"20"))
        && launch.iter().chain(year).all(u8::is_ascii_digit)
        && (1..=3).contains(&piece.len())
        && piece.iter().all(u8::is_ascii_uppercase)
}

/// `20240131`: a day of these times. Hardly a number in ten thousand looks like it.
pub fn is_day(text: &[u8], word: Word) -> bool {
    let digits = text.get(word.start..word.end).filter(|digits| digits.len() == 8).unwrap_or_default();
    let part = |from: usize, to: usize| digits.get(from..to).and_then(number).and_then(|n| u32::try_from(n).ok());
    let (Some(year), Some(month), Some(day)) = (part(0, 4), part(4, 6), part(6, 8)) else { return false };
    word.is_number() && (1900..=2049).contains(&year) && checks::is_date(year, month, day)
}

/// `2024-01-31` and its like.
pub fn is_date(words: &[Word]) -> bool {
    let [one, two, three, ..] = words else { return false };
    let lengths = [one, two, three].map(Word::len);
    matches!(lengths, [4, 2, 2] | [2, 2, 4]) && [one, two, three].into_iter().all(Word::is_number)
}
