//! What the surroundings of a value say about it: its key, its column, the words beside it.
use super::Kind;
use super::labels::{self, Labels, Match};
use super::tables::Tables;
use super::words::Words;
use std::cell::OnceCell;

/// How far back and ahead words are read, in bytes.
const BEFORE: usize = 80;
const AFTER: usize = 48;
/// How many lines back the name of a nested value is looked for.
const LINES: usize = 4;

/// What is known about one place.
#[derive(Clone, Copy, Debug, Default)]
pub struct Evidence {
    /// What the nearest label says.
    pub labels: Labels,
    /// What labels further away say.
    pub also: Labels,
    /// It is the key or the column of the value, not only a word in the neighbourhood.
    pub direct: bool,
    /// It has a key that says nothing we know.
    pub strange: bool,
}

impl Evidence {
    /// Whether the label names this kind, or one of its general names.
    pub fn names(self, kind: Kind) -> bool {
        self.labels.names(kind)
    }
}

/// What stands in front of a place; the same for everything that begins there.
#[derive(Clone, Copy, Debug, Default)]
pub struct Front {
    /// A key or a column decides.
    decided: Option<Evidence>,
    /// The nearest label, and what those before it say.
    near: Option<(Labels, Labels)>,
    /// It stands right beside the value: what follows cannot be nearer.
    beside: bool,
    strange: bool,
}

impl Front {
    /// The same for a value that follows another.
    pub fn further(self) -> Self {
        Self { beside: false, ..self }
    }

    fn direct(labels: Labels, also: Labels) -> Self {
        let decided = Some(Evidence { labels, also, direct: true, strange: false });
        Self { decided, ..Self::default() }
    }
}

/// Reads the surroundings of values in one text.
pub struct Surroundings<'v> {
    text: &'v str,
    /// What the keys above the whole text say.
    above: Labels,
    tables: OnceCell<Tables>,
    /// What all its words may say, if it is short.
    all: OnceCell<Labels>,
}

/// How long a text is whose words are all read before any is read in earnest.
const SHORT: usize = 1024;

impl<'v> Surroundings<'v> {
    /// Of the folded text and what the keys above it say.
    pub fn new(text: &'v str, above: Labels) -> Self {
        Self { text, above, tables: OnceCell::new(), all: OnceCell::new() }
    }

    /// What is said about `start..end`, given what stands in front of it.
    pub fn of(&self, front: &Front, end: usize) -> Evidence {
        let Front { decided: None, near, beside, strange } = *front else {
            return front.decided.unwrap_or_default();
        };
        let after = if beside || strange { None } else { self.after(end) };
        // What follows counts for less than what stands before, unless it says outright what the value is.
        let after = after.filter(|(labels, outright)| near.is_none() || *outright && !labels.any(Labels::OTHER));
        match (after, near) {
            (Some((labels, _)), _) => Evidence { labels, also: Labels::NONE, direct: false, strange },
            (None, Some((labels, also))) => Evidence { labels, also, direct: false, strange },
            (None, None) => {
                let labels = self.above;
                Evidence { labels, also: Labels::NONE, direct: false, strange: strange && !labels.tells() }
            }
        }
    }

    /// What may be said about some place in the text: nothing else is, but not all of it need be.
    pub fn may(&self) -> Labels {
        if self.text.len() > SHORT {
            return Labels::ALL;
        }
        *self.all.get_or_init(|| self.above.with(labels::all(self.text)))
    }

    /// Whether nothing but digits and the marks inside numbers stands between two places.
    pub fn continues(&self, from: usize, start: usize) -> bool {
        let between = self.text.as_bytes().get(from..start).unwrap_or_default();
        from < start
            && between.len() <= BEFORE
            && between
                .iter()
                .all(|byte| byte.is_ascii_digit() || matches!(byte, b' ' | b'-' | b'.' | b'/' | b'(' | b')' | b'+'))
            && !between.windows(2).any(|pair| pair == b"  ")
    }

    /// What stands before `start`, in its row or above it.
    pub fn front(&self, start: usize) -> Front {
        let (before, whole_line) = self.before(start);
        let clean = peel(before);
        let tables = || self.tables.get_or_init(|| Tables::read(self.text)).label(self.text, start);
        if !clean.ends_with([':', '='])
            && let Some(labels) = tables().filter(|labels| labels.tells())
        {
            return Front::direct(labels, Labels::NONE);
        }
        if is_call(before, clean) {
            return Front { strange: true, beside: true, ..Front::default() };
        }
        let mut strange = false;
        let stands_alone = whole_line && clean.trim_matches(bullet).is_empty();
        if stands_alone && before.len() == start && self.above.tells() {
            return Front::direct(self.above, Labels::NONE);
        }
        match key(clean) {
            Some(key) => {
                let (labels, also) = labels::of_phrase(key);
                if labels.tells() {
                    return Front::direct(labels, also);
                }
                if labels == Labels::VAGUE || key.trim().is_empty() {
                    let parent = self.parent(start);
                    if parent.tells() {
                        return Front::direct(parent, Labels::NONE);
                    }
                } else {
                    strange = true;
                }
            }
            None if stands_alone => {
                let heading = self.heading(start);
                if heading.tells() {
                    return Front::direct(heading, Labels::NONE);
                }
            }
            None => {}
        }
        let near = near(clean).filter(|(found, _)| reaches(clean, *found));
        let beside = near.is_some_and(|(found, _)| clean.len() - found.end <= 2);
        Front { decided: None, near: near.map(|(found, also)| (found.labels, also)), beside, strange }
    }

    /// The line up to `start`, at most [`BEFORE`] bytes, and whether that is all of it.
    fn before(&self, start: usize) -> (&'v str, bool) {
        let from = floor(self.text, start.saturating_sub(BEFORE));
        let text = self.text.get(from..start).unwrap_or_default();
        match text.rfind('\n') {
            Some(at) => (text.get(at + 1..).unwrap_or_default(), true),
            None => (text, from == 0),
        }
    }

    /// The label that follows, as in "12 is my SSN" or "12 (SSN)", and whether it is said so.
    fn after(&self, end: usize) -> Option<(Labels, bool)> {
        let to = floor(self.text, (end + AFTER).min(self.text.len()));
        let text = self.text.get(end..to)?;
        let stops = |byte: u8| matches!(byte, b'\n' | b'|' | b';' | b'{' | b'}' | b'<' | b'\t' | b'"');
        let text = text.get(..text.bytes().position(stops).unwrap_or(text.len()))?;
        let text = text.split(". ").next()?;
        // No label is without a letter.
        if !text.bytes().any(|byte| byte.is_ascii_alphabetic() || byte >= 0x80) {
            return None;
        }
        let words = Words::read(text);
        let found = labels::first(&words)?;
        let rest = text.get(found.end..)?;
        let opens = rest.trim_start_matches([' ', '"', '\'', '#', ')']);
        let is_next = opens.starts_with([':', '=', '-']) || opens.bytes().next().is_some_and(|b| b.is_ascii_digit());
        let between = text.get(..found.start)?;
        let joins = !between.contains([',', ':', '=', '&', '?']) && !between.bytes().any(|byte| byte.is_ascii_digit());
        let outright = OUTRIGHT.iter().any(|word| between.trim_start_matches([' ', ',']).starts_with(word));
        (joins && !is_next).then_some((found.labels, outright))
    }

    /// The line above, when it is a heading for the one that holds only the value.
    fn heading(&self, start: usize) -> Labels {
        let from = floor(self.text, start.saturating_sub(2 * BEFORE));
        let text = self.text.get(from..start).unwrap_or_default();
        let mut lines = text.rsplit('\n').skip(1).map(str::trim).filter(|line| !line.is_empty());
        let Some(line) = lines.next() else {
            return Labels::NONE;
        };
        let line = line.trim_end_matches(['.', ':', ' ', '*', '#', '=', '-']);
        let short = line.len() <= 48 && !line.bytes().any(|byte| byte.is_ascii_digit());
        if short { labels::of_key(line.rsplit(['.', ',']).next().unwrap_or(line)) } else { Labels::NONE }
    }

    /// The key that a nested block of a text stands under, by its indentation.
    fn parent(&self, start: usize) -> Labels {
        let from = floor(self.text, start.saturating_sub(4 * BEFORE));
        let text = self.text.get(from..start).unwrap_or_default();
        let mut lines = text.rsplit('\n');
        let indent = |line: &str| line.len() - line.trim_start_matches([' ', '\t', '-']).len();
        let own = lines.next().map_or(0, indent);
        if own == 0 {
            return Labels::NONE;
        }
        for line in lines.take(LINES) {
            if !line.trim().is_empty() && indent(line) < own {
                return labels::of_key(line.trim().trim_end_matches([':', '{', '[', ' ', '"']));
            }
            // `type: passport` beside `number: …`.
            if let Some((name, value)) = line.split_once(':')
                && matches!(labels::of_key(name), labels if labels == Labels::VAGUE)
            {
                let labels = labels::of_key(value);
                if labels.tells() && !labels.any(Labels::OTHER) {
                    return labels;
                }
            }
        }
        Labels::NONE
    }
}

/// The greatest character boundary not after `at`.
pub fn floor(text: &str, at: usize) -> usize {
    text.floor_char_boundary(at)
}

fn bullet(character: char) -> bool {
    matches!(character, ' ' | '\t' | '-' | '*' | '>' | '•' | '|' | '"' | '\'' | '`')
}

/// Without the quotes, brackets and marks that open a value, and without tags of markup that only format it.
fn peel(before: &str) -> &str {
    let mut text = before;
    for _ in 0..6 {
        text =
            text.trim_end_matches([' ', '"', '\'', '`', '(', '[', '<', '#', '*', '_', '\\', '+', '“', '„', '«', '~']);
        if !text.ends_with('>') {
            break;
        }
        let Some((rest, tag)) = text.rsplit_once('<') else {
            break;
        };
        if labels::of_key(tag).tells() {
            break;
        }
        text = rest;
    }
    text
}

/// `sin(12` is a call, not a label; `SSN (12` is one.
fn is_call(before: &str, clean: &str) -> bool {
    let rest = before.get(clean.len()..).unwrap_or_default();
    rest == "(" && clean.bytes().last().is_some_and(|byte| byte.is_ascii_lowercase())
}

/// The key that ends `clean`, if it ends as one.
fn key(clean: &str) -> Option<&str> {
    if let Some(rest) = clean.strip_suffix('>') {
        return rest.strip_suffix(['=', '-']).map(segment).or_else(|| rest.rsplit_once('<').map(|(_, tag)| tag));
    }
    let rest = clean.strip_suffix([':', '=', '：', '|', '\t']).or_else(|| clean.strip_suffix(" -"))?;
    let rest = rest.strip_suffix([':', '~', '?']).unwrap_or(rest);
    Some(segment(rest))
}

/// The last cell, quoted string or clause of a text.
fn segment(text: &str) -> &str {
    let text = text.trim_end_matches([' ', '"', '\'', '`', '*', '_', '\\', '\t']);
    let from = text.rfind(|c: char| {
        matches!(
            c,
            ',' | ';' | '|' | '{' | '}' | '[' | ']' | '<' | '>' | '&' | '?' | '\t' | '"' | '\'' | '=' | ':' | '!'
        )
    });
    let text = from.map_or(text, |at| text.get(at..).unwrap_or_default());
    text.rsplit("  ").find(|part| !part.trim().is_empty()).unwrap_or(text)
}

/// What joins a value and the name that follows it.
const OUTRIGHT: &[&str] = &[
    "is ", "as ", "(", "es ", "est ", "ist ", "e ", "è ", "é ", "jest ", "är ", "er ", "on ", "to ", "– ", "- ",
    "was ", "als ", "como ", "come ", "comme ", "som ",
];

/// Words between what is named and whose it is: "the SSN on the order".
const OF: &[&str] = &[
    "of", "for", "on", "in", "from", "to", "del", "de", "do", "da", "des", "du", "der", "van", "von", "per", "pour",
    "para", "with", "the", "our", "your", "this", "that", "dla", "til", "till", "for", "el", "la", "le", "den", "dem",
    "zur", "zum", "el",
];

/// The nearest label in a sentence, and what those before it say; what is only of something else gives way to
/// what it is of.
fn near(clean: &str) -> Option<(Match, Labels)> {
    if !clean.bytes().any(|byte| byte.is_ascii_alphabetic() || byte >= 0x80) {
        return None;
    }
    let words = Words::read(clean.trim_end_matches(|c: char| !c.is_alphanumeric()));
    let nearest = labels::last(&words)?;
    let also = labels::before(&words, nearest);
    if !nearest.labels.any(Labels::OTHER) || !also.tells() {
        return Some((nearest, also));
    }
    let left = clean.get(..nearest.start)?;
    let joined = left.split_whitespace().next_back().is_some_and(|word| OF.contains(&word.to_lowercase().as_str()));
    let before =
        if joined { labels::last(&Words::read(left)).filter(|found| left.len() - found.end < 16) } else { None };
    Some((before.filter(|found| !found.labels.any(Labels::OTHER)).unwrap_or(nearest), Labels::NONE))
}

/// Whether a label still speaks of what comes after `clean`: no other value stands between, unless in a list.
fn reaches(clean: &str, found: Match) -> bool {
    // The dot of an abbreviated label ends no sentence.
    let between = clean.get(found.end..).unwrap_or_default().trim_start_matches(['.', ')', ']']);
    if between.len() > 72 || between.contains(['=', '{', '}', '\t']) || between.contains(". ") {
        return false;
    }
    let digits = between.bytes().filter(u8::is_ascii_digit).count();
    let letters = between.bytes().filter(u8::is_ascii_alphabetic).count();
    digits < 5 || letters <= digits / 2
}
