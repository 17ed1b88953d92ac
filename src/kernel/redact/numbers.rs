//! One pass over the digits of a text: each word that has one is read once and offered to every family.
//!
//! Most numbers in the world are times, counts and digests. They are recognised as such from a few bytes, so that
//! only what could be sensitive is looked at in earnest: shapes first, check digits then, surroundings last.
use super::above::Above;
use super::chain::{Candidate, Chain, LENGTH, Word, byte, byte_before, is_part, word, word_from};
use super::effort::{Effort, Work};
use super::evidence::{Surroundings, goes_on};
use super::judge::Judge;
use super::labels::Labels;
use super::lanes::{Digits, Traits, capital_eight};
use super::view::View;
use super::{Found, Kind, contact, identity, labelled, mrz, payment};
use std::borrow::Cow;
use std::sync::LazyLock;

/// The most words that one candidate joins.
const JOINED: usize = 8;
/// The fewest digits of anything that is a number by itself.
const DIGITS_MIN: usize = 6;
/// The fewest of anything that is one without a label.
const PLAIN_MIN: usize = 8;

/// The chain being read and the one before, in which it mostly goes on; they take turns.
#[derive(Default)]
struct Chains {
    both: [Chain; 2],
    second: bool,
}

impl Chains {
    /// See [`Chain::read`].
    fn read(&mut self, bytes: &[u8], word: Word) -> &Chain {
        let [first, second] = &mut self.both;
        let (now, last) = if self.second { (second, first) } else { (first, second) };
        self.second = !self.second;
        now.read(bytes, word, last);
        now
    }
}

/// Finds numbers of people, cards and accounts, telephone numbers, addresses of machines, birth dates, e-mail.
pub fn find(view: &View<'_>, traits: Traits, above: &Above, effort: &Effort, out: &mut Vec<Found>) {
    if !traits.digit() && !traits.at() && !traits.capitals() {
        return;
    }
    let text = view.folded();
    let bytes = text.as_bytes();
    let surroundings = Surroundings::new(text, above.labels, effort);
    let mut judge = Judge::new(&surroundings, out);
    let mut chains = Chains::default();
    let mut at = 0;
    let mut last = Word::default();
    let mut digits = Digits::new(if traits.digit() { bytes } else { &[] });
    while let Some(digit) = digits.next(at).filter(|_| !effort.is_spent()) {
        effort.take(Work::Number, 1);
        let ahead = digits.ahead(digit);
        let begins = digit == at || !is_part(byte_before(bytes, digit));
        let run = digit + (!ahead).trailing_zeros() as usize;
        let word = if begins
            && ahead & STAMP_MASK == STAMP
            && let Some(end) = stamp(bytes, digit)
        {
            last = number(digit, digit + 4);
            at = end;
            continue;
        } else if begins && !is_part(byte(bytes, run)) {
            number(digit, run)
        } else {
            word_from(bytes, begin(bytes, at, digit))
        };
        let joined =
            last.end > 0 && last.end + 1 == word.start && matches!(byte(bytes, last.end), b' ' | b'-' | b'.' | b'/');
        at = visit(text, word, joined, &mut chains, &mut judge).max(word.end);
        last = word;
    }
    if traits.at() {
        for at in memchr::memchr_iter(b'@', bytes).take_while(|_| !effort.is_spent()) {
            effort.take(Work::Address, 1);
            contact::email(text, at, &mut judge);
        }
    }
    if traits.capitals() {
        capitals(bytes, &mut judge);
    }
}

/// The digits of a number of a document, if it is a whole one: `4.111111111111111e15` and `4111111111111111.0` are what some
/// programs make of it (RFC 8259, section 6). Less than nothing is a time before 1970.
pub fn whole(spelling: &str) -> Option<Cow<'_, str>> {
    if spelling.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(Cow::Borrowed(spelling));
    }
    let spelling = spelling.strip_prefix('-').unwrap_or(spelling);
    let (mantissa, exponent) = spelling.split_once(['e', 'E']).unwrap_or((spelling, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let fraction = fraction.trim_end_matches('0');
    let exponent: usize = exponent.strip_prefix('+').unwrap_or(exponent).parse().ok()?;
    let zeros = exponent.checked_sub(fraction.len()).filter(|_| exponent <= EXPONENT_MAX)?;
    let digits = [whole, fraction].concat();
    Some(Cow::Owned(format!("{}{}", digits.trim_start_matches('0'), "0".repeat(zeros))))
}

/// Numbers that are longer are none of ours.
const EXPONENT_MAX: usize = 24;

/// Whether a number of so many digits that stands alone under these labels may be anything: the shortest that say
/// themselves what they are have [`PLAIN_MIN`].
pub fn may_be(digits: usize, above: Labels) -> bool {
    match digits {
        0..3 => false,
        3..DIGITS_MIN => above.names(Kind::CardCvv),
        DIGITS_MIN..PLAIN_MIN => above.accuses(),
        _ => true,
    }
}

/// Where the word begins whose first digit is at `digit`; nothing before `from` belongs to it.
fn begin(bytes: &[u8], from: usize, digit: usize) -> usize {
    let before = bytes.get(from..digit).unwrap_or_default();
    from + before.iter().rposition(|byte| !is_part(*byte)).map_or(0, |gap| gap + 1)
}

/// Whether a number of so many digits is nothing if no label accuses it.
pub fn is_unsaid(digits: usize) -> bool {
    digits < PLAIN_MIN
}

/// A word of nothing but digits.
fn number(start: usize, end: usize) -> Word {
    Word { start, end, digits: end - start, small: 0 }
}

/// Offers a word and what follows it; where to go on, if that is not right behind it.
fn visit(text: &str, word: Word, joined: bool, chains: &mut Chains, judge: &mut Judge<'_, '_>) -> usize {
    let bytes = text.as_bytes();
    if let Some(inner) = payment::after_sentinel(bytes, word) {
        return visit(text, inner, false, chains, judge);
    }
    // What is longer is a key or a blob, or an address of some chain.
    if word.len() > 90 {
        return word.end;
    }
    if !word.is_number() {
        return mixed(text, word, joined, chains, judge);
    }
    let (before, after) = (byte_before(bytes, word.start), byte(bytes, word.end));
    if word.len() == 8
        && after == b'-'
        && let Some(end) = uuid(bytes, word.start)
    {
        return end;
    }
    if word.len() == 4
        && after == b'-'
        && let Some(end) = stamp(bytes, word.start)
    {
        return end;
    }
    if word.len() <= 3
        && after == b'.'
        && (!joined || before == b' ' && !behind_fraction(bytes, word.start))
        && let Some(end) = contact::ip4(text, word, judge)
    {
        return end;
    }
    let colons = (word.len() > 2 && (after == b':' || before == b':'))
        || bytes.get(..word.start).is_some_and(|front| front.ends_with(b"::"));
    if colons && let Some(end) = contact::ip6(bytes, word, judge) {
        return end;
    }
    // `MRN-99281`
    let prefixed = word.len() > 3 && before == b'-' && byte_before(bytes, word.start - 1).is_ascii_uppercase();
    let is_short = word.len() < DIGITS_MIN && !prefixed && reach(bytes, word) < DIGITS_MIN;
    let may_be_date = matches!(word.len(), 1..=4 | 8);
    if is_short && !may_be_date {
        return word.end;
    }
    // In most short texts nothing is said that would make a code or a birth date of a number.
    let said = judge.said(word.start);
    let accused = said.accuses();
    let alone = is_alone(bytes, word, said);
    if accused && matches!(word.len(), 3 | 4) && (!alone || said.names(Kind::CardCvv)) {
        payment::security_code(bytes, word, judge);
    }
    let told = accused && (!alone || said.names(Kind::DateOfBirth));
    if may_be_date && !joined && (told || contact::may_be_born(bytes, word)) {
        contact::birth(text, word, judge);
    }
    if is_short {
        return word.end;
    }
    if matches!(word.len(), 9..=13) && !joined && said.names(Kind::DateOfBirth) {
        contact::moment(bytes, word, judge);
    }
    if !joined || matches!(before, b'+' | b'(') || (word.len() > 1 && byte(bytes, word.start) == b'0') {
        contact::phone(bytes, word, alone, judge);
    }
    chain(bytes, word, joined, alone, chains, judge).or_else(|| day(bytes, word)).unwrap_or(word.end)
}

/// Where `1970-10-18` ends that begins with this year, if nothing goes on from it: its month and its day begin nothing else.
fn day(bytes: &[u8], year: Word) -> Option<usize> {
    let [b'-', m1, m2, b'-', d1, d2, next, ..] = bytes.get(year.end..)? else { return None };
    let digits = [m1, m2, d1, d2].iter().all(|byte| byte.is_ascii_digit());
    (year.len() == 4 && digits && matches!(next, b',' | b';' | b'"' | b'\'' | b'|' | b'<' | b'\n' | b'\t'))
        .then_some(year.end + 6)
}

/// Whether a number with a point stands before the space at whose end `start` is, as in lists of coordinates.
fn behind_fraction(bytes: &[u8], start: usize) -> bool {
    let front = bytes.get(start.saturating_sub(16)..start.saturating_sub(1)).unwrap_or_default();
    let digits = front.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    let point = front.len().checked_sub(digits + 1).and_then(|at| front.get(at));
    digits > 0 && point == Some(&b'.')
}

/// Whether no candidate begins before a word and goes on with it, and none follows that may be of one list with it. Then
/// nobody asks later what was passed by here, and families whose labels nobody spoke need not look at it. Bank codes
/// without a digit are looked for last and ask about places before those.
fn is_alone(bytes: &[u8], word: Word, said: Labels) -> bool {
    let led = match byte_before(bytes, word.start) {
        b'+' | b'(' => true,
        b' ' | b'-' => word.start.checked_sub(1).is_some_and(|at| byte_before(bytes, at).is_ascii_uppercase()),
        _ => false,
    };
    let listed = word.is_number() && goes_on(bytes, word.end);
    !(led || listed || said.names(Kind::SwiftBic))
}

/// A word with letters.
fn mixed(text: &str, word: Word, joined: bool, chains: &mut Chains, judge: &mut Judge<'_, '_>) -> usize {
    let bytes = text.as_bytes();
    if word.len() == 8
        && let Some(end) = uuid(bytes, word.start)
    {
        return end;
    }
    if let Some(end) = mrz::find(bytes, word, judge) {
        return end;
    }
    payment::wallet(bytes, word, judge);
    if word.len() >= 4
        && let Some(end) = payment::iban(bytes, word, judge)
    {
        return end;
    }
    payment::bank_code(bytes, word, judge);
    if word.len() > 2
        && (byte(bytes, word.end) == b':' || byte_before(bytes, word.start) == b':')
        && let Some(end) = contact::ip6(bytes, word, judge)
    {
        return end;
    }
    let said = judge.said(word.start);
    let alone = is_alone(bytes, word, said);
    if word.digits <= 2 && (!alone || said.names(Kind::DateOfBirth)) {
        contact::birth(text, word, judge);
    }
    if word.len() <= LENGTH {
        chain(bytes, word, joined, alone, chains, judge);
    }
    if word.digits >= CARD_MIN
        && said.names(Kind::CreditCard)
        && let Some(inner) = inner(bytes, word)
    {
        candidate(bytes, &[inner], judge);
    }
    word.end
}

/// The fewest digits of a card.
const CARD_MIN: usize = 13;

/// The first digits in a word of letters too that are as many as a card has: `x4111111111111111`.
fn inner(bytes: &[u8], word: Word) -> Option<Word> {
    let letters = bytes.get(word.start..word.end)?;
    let mut end = word.start;
    letters.chunk_by(|one, next| one.is_ascii_digit() == next.is_ascii_digit()).find_map(|run| {
        end += run.len();
        let from = end - run.len();
        let is_card = (CARD_MIN..=19).contains(&run.len()) && run.first().is_some_and(u8::is_ascii_digit);
        is_card.then(|| number(from, end))
    })
}

/// Which bytes of `2025-11-03T10:14:55` are digits.
const STAMP: u64 = 0b110_1101_1011_0110_1111;
const STAMP_MASK: u64 = (1 << 19) - 1;

/// `2025-11-03T10:14:55.123Z` and its like: where it ends. Midnight may be a birthday.
fn stamp(bytes: &[u8], start: usize) -> Option<usize> {
    let [c, d, b'-', m1, m2, b'-', d1, d2, mark, h1, h2, b':', n1, n2, ..] = bytes.get(start + 2..)? else {
        return None;
    };
    let digits = [c, d, m1, m2, d1, d2, h1, h2, n1, n2].iter().all(|byte| byte.is_ascii_digit());
    let midnight = [h1, h2, n1, n2].iter().all(|byte| **byte == b'0');
    if !digits || midnight || !matches!(mark, b'T' | b' ' | b't' | b'_') {
        return None;
    }
    let end = start + 16;
    let rest = bytes
        .get(end..)?
        .iter()
        .take(12)
        .take_while(|byte| byte.is_ascii_digit() || matches!(byte, b':' | b'.'))
        .count();
    Some(end + rest)
}

/// `550e8400-e29b-41d4-a716-446655440000`: where it ends.
fn uuid(bytes: &[u8], start: usize) -> Option<usize> {
    let text = bytes.get(start..start + 36)?;
    let fits = |(at, byte): (usize, &u8)| {
        if matches!(at, 8 | 13 | 18 | 23) { *byte == b'-' } else { byte.is_ascii_hexdigit() }
    };
    (text.get(8) == Some(&b'-')
        && text.iter().enumerate().all(fits)
        && !byte(bytes, start + 36).is_ascii_alphanumeric())
    .then_some(start + 36)
}

/// What each byte is to [`reach`]: a digit (1), a mark between digits (2), a capital (3).
const REACHES: [u8; 256] = of_bytes!(
    at => match at {
        b'0'..=b'9' => 1,
        b' ' | b'-' | b'.' | b'/' | b'(' | b')' | b'_' => 2,
        b'A'..=b'Z' => 3,
        _ => 0,
    },
    else 0
);

/// How many digits follow each other from `word` on with nothing but marks between them, as far as it matters.
fn reach(bytes: &[u8], word: Word) -> usize {
    let rest = bytes.get(word.end..word.start + 24).or(bytes.get(word.end..)).unwrap_or_default();
    let (mut gap, mut digits) = (0, word.len());
    for byte in rest {
        match REACHES.get(usize::from(*byte)) {
            Some(1) => {
                digits += 1;
                gap = 0;
            }
            Some(2) if gap < 3 => gap += 1,
            // A group of letters and digits may follow.
            Some(3) if gap > 0 => return DIGITS_MIN,
            _ => break,
        }
        if digits >= DIGITS_MIN {
            break;
        }
    }
    digits
}

/// Lengths of the words that some kind is written in; see [`identity`] and [`payment`].
const LAYOUTS: &[&[u8]] = &[
    &[3, 2, 4],
    &[3, 3, 3],
    &[4, 2, 3],
    &[3, 3, 4],
    &[4, 5, 1],
    &[4, 5, 1, 1],
    &[10, 1],
    &[6, 4],
    &[2, 3, 3, 3],
    &[6, 5],
    &[3, 3, 3, 2],
    &[2, 2, 2, 3, 2],
    &[6, 3, 2],
    &[2, 8, 1],
    &[4, 4, 4],
    &[8, 4],
    &[6, 7],
    &[6, 4, 3],
    &[6, 4, 2, 1],
    &[6, 4, 1, 1, 1],
    &[1, 4, 5, 2, 1],
    &[3, 4, 4, 2],
    &[1, 2, 2, 2, 3, 3, 2],
    &[13, 2],
    &[1, 2, 2, 2, 3, 3],
    &[1, 2, 2, 5, 3, 2],
    &[1, 2, 2, 2, 6, 2],
    &[6, 8, 4],
    &[6, 4, 4, 4],
    &[2, 2, 2, 2, 1],
    &[2, 6, 1],
    &[2, 3, 3, 1],
    &[4, 2, 2, 1],
    &[8, 1],
    &[1, 7, 1],
    &[1, 8],
    &[7, 1],
    &[7, 2],
    &[9, 2],
    &[1, 3, 3, 1],
    &[4, 3, 4],
    &[3, 3, 5, 5],
    &[6, 5, 5],
    &[6, 2, 3, 5],
    &[4, 4, 4, 4],
    &[4, 6, 5],
    &[4, 6, 4],
    &[4, 4, 4, 4, 3],
    &[4, 4, 4, 4, 2],
    &[4, 4, 4, 3],
    &[4, 4, 4, 2],
    &[6, 13],
    &[4, 4, 5],
    &[4, 5, 4],
    &[8, 8],
    &[4, 4, 4, 1],
];

/// Every beginning of a layout and whether it is one, by hash, the next free slot on collision.
static BEGINNINGS: LazyLock<Vec<(u64, bool)>> = LazyLock::new(|| {
    let code = |lengths: &[u8]| lengths.iter().fold(0u64, |code, length| code << 4 | u64::from(*length));
    let mut slots = vec![(0, false); SLOTS];
    for layout in LAYOUTS {
        for part in (1..=layout.len()).filter_map(|size| layout.get(..size)) {
            let known = code(part);
            let mut at = slot(known);
            while slots.get(at).is_some_and(|(taken, _)| *taken != 0 && *taken != known) {
                at = (at + 1) % SLOTS;
            }
            if let Some(slot) = slots.get_mut(at) {
                *slot = (known, slot.1 || part.len() == layout.len());
            }
        }
    }
    slots
});

/// A power of two, several times as many as there are beginnings.
const SLOTS: usize = 1024;

fn slot(layout: u64) -> usize {
    (layout.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 54) as usize
}

/// Whether a layout begins so, and if it does, whether it is one.
fn beginning(beginnings: &[(u64, bool)], layout: u64) -> Option<bool> {
    let mut at = slot(layout);
    loop {
        match beginnings.get(at) {
            Some((known, whole)) if *known == layout => return Some(*whole),
            Some((0, _)) | None => return None,
            Some(_) => at = (at + 1) % SLOTS,
        }
    }
}

/// By the length of the first word of a layout a bit for each length of the second.
const SECONDS: [u16; 16] = {
    let mut seconds = [0; 16];
    let mut layouts = LAYOUTS;
    while let [layout, rest @ ..] = layouts {
        if let [first, second, ..] = layout {
            #[allow(clippy::indexing_slicing, reason = "worked out by the compiler: out of bounds does not build")]
            let bits = &mut seconds[*first as usize];
            *bits |= 1 << *second;
        }
        layouts = rest;
    }
    seconds
};

/// Whether some layout begins as these words do.
fn begins(words: &[Word]) -> bool {
    let [first, second, ..] = words else {
        return false;
    };
    SECONDS.get(first.len()).is_some_and(|bits| bits >> second.len().min(15) & 1 == 1)
}

fn chain(
    bytes: &[u8],
    word: Word,
    joined: bool,
    alone: bool,
    chains: &mut Chains,
    judge: &mut Judge<'_, '_>,
) -> Option<usize> {
    let said = judge.said(word.start);
    let unsaid = |labels| alone && !said.any(labels);
    let short = word.is_number() && word.len() <= identity::SHORT;
    if matches!(word.len(), 8..=19) && !(short && unsaid(identity::OF_SHORT)) {
        candidate(bytes, &[word], judge);
    }
    // A word by itself that nothing names is nothing more.
    let single = !matches!(byte(bytes, word.end), b' ' | b'-' | b'.' | b'/' | b'_');
    if single && unsaid(labelled::LABELS) {
        return None;
    }
    judge.effort().take(Work::Chain, 1);
    let chain = chains.read(bytes, word);
    let beginnings = BEGINNINGS.as_slice();
    let own = chain.words().iter().position(|known| known.start == word.start).unwrap_or(0);
    let mut whole = None;
    for from in 0..=own {
        let words = chain.words().get(from..).unwrap_or_default();
        let mut layout = 0u64;
        let laid_out = if begins(words) { words } else { &[] };
        for (place, word) in laid_out.iter().take(JOINED).enumerate() {
            layout = layout << 4 | word.len().min(15) as u64;
            let Some(is_layout) = beginning(beginnings, layout) else {
                break;
            };
            if place > 0 && is_layout {
                let taken = candidate(bytes, words.get(..=place).unwrap_or_default(), judge);
                // Of one that is all of the chain no part is another.
                whole = whole.or(taken.filter(|_| place + 1 == words.len() && !chain.cut));
            }
        }
        if !joined {
            labelled::offer(bytes, chain, from, judge);
        }
    }
    if word.is_number() && !joined {
        payment::account(bytes, chain, own, judge);
    }
    whole
}

/// Offers words as one value; where it ends, if it is taken for one.
fn candidate(bytes: &[u8], words: &[Word], judge: &mut Judge<'_, '_>) -> Option<usize> {
    judge.effort().take(Work::Candidate, 1);
    let candidate = Candidate::read(bytes, words)?;
    identity::offer(&candidate, judge);
    payment::offer(&candidate, judge);
    judge.has(candidate.start, candidate.end).then_some(candidate.end)
}

/// Bank codes without a digit: words of eight or eleven capitals.
fn capitals(bytes: &[u8], judge: &mut Judge<'_, '_>) {
    let mut at = 0;
    while at < bytes.len() {
        let eight = capital_eight(bytes, at);
        let stop = (eight + 8).min(bytes.len());
        let mut from = at.max(eight);
        while let Some(found) = bytes.get(from..stop).and_then(|rest| rest.iter().position(u8::is_ascii_uppercase)) {
            let word = word(bytes, from + found);
            if matches!(word.len(), 8 | 11) && word.small == 0 && word.digits == 0 {
                payment::bank_code(bytes, word, judge);
            }
            from = word.end;
        }
        at = from.max(stop);
    }
}
