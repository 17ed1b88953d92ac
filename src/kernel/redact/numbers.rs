//! One pass over the digits of a text: each word that has one is read once and offered to every family.
use super::chain::{Candidate, Chain, Word, byte_before, word_from};
use super::evidence::Surroundings;
use super::judge::Judge;
use super::view::View;
use super::{Context, Found, contact, identity, labelled, payment};

/// The most words that one candidate joins.
const JOINED: usize = 8;

/// Finds numbers of people, cards and accounts, telephone numbers, addresses of machines, birth dates, e-mail.
pub fn find(view: &View<'_>, context: &Context<'_>, out: &mut Vec<Found>) {
    let text = view.folded();
    let bytes = text.as_bytes();
    let surroundings = Surroundings::new(text, context);
    let mut judge = Judge::new(&surroundings, out);
    let mut at = 0;
    while let Some(found) = bytes.get(at..).and_then(|rest| rest.iter().position(u8::is_ascii_digit)) {
        let start = begin(bytes, at, at + found);
        let word = word_from(bytes, start);
        visit(text, word, &mut judge);
        at = word.end;
    }
    for at in memchr::memchr_iter(b'@', bytes) {
        contact::email(text, at, &mut judge);
    }
    capitals(bytes, &mut judge);
}

/// Where the word begins whose first digit is at `digit`; nothing before `from` belongs to it.
fn begin(bytes: &[u8], from: usize, digit: usize) -> usize {
    let before = bytes.get(from..digit).unwrap_or_default();
    from + before.iter().rposition(|byte| !byte.is_ascii_alphanumeric()).map_or(0, |gap| gap + 1)
}

fn visit(text: &str, word: Word, judge: &mut Judge<'_, '_>) {
    let bytes = text.as_bytes();
    if let Some(inner) = payment::after_sentinel(bytes, word) {
        return visit(text, inner, judge);
    }
    // What is longer is a key or a blob, or an address of some chain.
    if word.len() > 90 {
        return;
    }
    payment::wallet(bytes, word, judge);
    if word.len() >= 4 {
        payment::iban(bytes, word, judge);
    }
    payment::bank_code(bytes, word, judge);
    if word.digits <= 4 {
        payment::security_code(bytes, word, judge);
    }
    contact::ip6(bytes, word, judge);
    if word.is_number() {
        if contact::ip4(text, word, judge).is_some() {
            return;
        }
        if byte_before(bytes, word.start) != b'.' || word.start < 2 {
            contact::phone(bytes, word, judge);
        }
    }
    contact::birth(text, word, judge);
    chain(bytes, word, judge);
}

fn chain(bytes: &[u8], word: Word, judge: &mut Judge<'_, '_>) {
    let chain = Chain::read(bytes, word);
    let own = chain.words().iter().position(|known| known.start == word.start).unwrap_or(0);
    for from in 0..=own {
        let words = chain.words().get(from..).unwrap_or_default();
        for take in 1..=words.len().min(JOINED) {
            // Letters alone are no candidate.
            if take == 1 && from < own {
                continue;
            }
            let Some(candidate) = words.get(..take).and_then(|words| Candidate::read(bytes, words)) else {
                break;
            };
            identity::offer(&candidate, judge);
            payment::offer(&candidate, judge);
        }
        labelled::offer(bytes, &chain, from, judge);
    }
    if word.is_number() {
        payment::account(bytes, &chain, own, judge);
    }
}

/// Bank codes without a digit: words of eight or eleven capitals.
fn capitals(bytes: &[u8], judge: &mut Judge<'_, '_>) {
    let mut at = 0;
    while let Some(found) = bytes.get(at..).and_then(|rest| rest.iter().position(u8::is_ascii_uppercase)) {
        let word = word_from(bytes, at + found);
        let alone = !byte_before(bytes, word.start).is_ascii_alphanumeric();
        if alone && word.small == 0 && word.digits == 0 {
            payment::bank_code(bytes, word, judge);
        }
        at = word.end;
    }
}
