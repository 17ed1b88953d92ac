//! Patterns over names, and the index that finds the rule for a name in time that depends on the
//! name's length and not on the number of rules.
use std::cmp::Reverse;
use std::collections::HashMap;

const NAME_BYTES_MAX: usize = 128;

/// A name, or a pattern in which each `*` stands for any characters, also none.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct NamePattern {
    /// The text between the stars; one piece is an exact name.
    pieces: Vec<String>,
}

impl NamePattern {
    /// Reads a pattern.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        if text.is_empty() {
            return Err("a name is not empty");
        }
        if text.contains("**") {
            return Err("one `*` stands for any characters; two say no more");
        }
        if text.len() > NAME_BYTES_MAX || !text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-/*".contains(&b)) {
            return Err("a name is up to 128 of A-Z a-z 0-9 _ . - /, a pattern also has *");
        }
        Ok(Self { pieces: text.split('*').map(str::to_owned).collect() })
    }

    /// Whether `name` fits.
    pub fn matches(&self, name: &str) -> bool {
        let Some((first, rest)) = self.pieces.split_first() else {
            return false;
        };
        let Some((last, middle)) = rest.split_last() else {
            return name == first;
        };
        let inner = name.strip_prefix(first.as_str()).and_then(|tail| tail.strip_suffix(last.as_str()));
        let Some(mut inner) = inner else {
            return false;
        };
        // The earliest place for each piece leaves the most room for the next: no backtracking.
        middle.iter().all(|piece| match inner.split_once(piece.as_str()) {
            Some((_, tail)) => {
                inner = tail;
                true
            }
            None => false,
        })
    }

    /// Whether it is one name.
    pub fn is_exact(&self) -> bool {
        self.pieces.len() == 1
    }

    /// Whether every name that fits `other` fits this too.
    pub fn covers(&self, other: &Self) -> bool {
        // A character that no name has can only be taken up by a star, so whatever stands there fits too.
        self.matches(&other.example(Self::ANYTHING))
    }

    /// Whether some name fits both.
    pub fn overlaps(&self, other: &Self) -> bool {
        let compatible = |a: &str, b: &str| a.starts_with(b) || b.starts_with(a);
        let suffixes = |a: &str, b: &str| a.ends_with(b) || b.ends_with(a);
        // Most pairs differ where they begin or end, which is quickly seen.
        compatible(self.prefix(), other.prefix())
            && suffixes(self.suffix(), other.suffix())
            && share_a_text(&self.tokens(), &other.tokens())
    }

    /// A pattern whose names fit both: the widest along one way of laying them over each other.
    pub fn intersection(&self, other: &Self) -> Option<Self> {
        let (a, b) = (self.tokens(), other.tokens());
        let shared = Shared::of(&a, &b);
        let (mut i, mut j, mut text) = (0, 0, String::new());
        if !shared.at(0, 0) {
            return None;
        }
        loop {
            match (a.get(i), b.get(j)) {
                (None, None) => break,
                (Some(x), Some(y)) if x.many() && y.many() => {
                    text.push('*');
                    (i, j) = if shared.at(i + 1, j + 1) {
                        (i + 1, j + 1)
                    } else if shared.at(i, j + 1) {
                        (i, j + 1)
                    } else {
                        (i + 1, j)
                    };
                }
                // One side takes many: it takes what the other has next, for as long as it can.
                (Some(x), y) if x.many() => match y {
                    Some(Token::Character(c)) if shared.at(i, j + 1) => {
                        text.push(*c);
                        j += 1;
                    }
                    _ => i += 1,
                },
                (x, Some(y)) if y.many() => match x {
                    Some(Token::Character(c)) if shared.at(i + 1, j) => {
                        text.push(*c);
                        i += 1;
                    }
                    _ => j += 1,
                },
                (Some(Token::Character(c)), _) => {
                    text.push(*c);
                    (i, j) = (i + 1, j + 1);
                }
                _ => return None,
            }
        }
        while text.contains("**") {
            text = text.replace("**", "*");
        }
        Self::parse(&text).ok()
    }

    /// Order of precedence, smallest first: exact names, then more literal text, then fewer stars.
    pub fn precedence(&self) -> impl Ord + use<> {
        let literal: usize = self.pieces.iter().map(String::len).sum();
        (!self.is_exact(), Reverse(literal), self.pieces.len())
    }

    /// Two patterns of which neither goes before the other, though some name fits both.
    pub fn ties(&self, other: &Self) -> bool {
        self.precedence() == other.precedence() && self != other && self.overlaps(other)
    }

    /// Stands for any characters where a name is to stand for a whole pattern: no name has it.
    pub const ANYTHING: &str = "\u{0}";

    /// A name that fits, for examples: each star becomes `filler`.
    pub fn example(&self, filler: &str) -> String {
        self.pieces.join(filler)
    }

    /// The text before the first star.
    fn prefix(&self) -> &str {
        self.pieces.first().map_or("", String::as_str)
    }

    /// The text after the last star.
    fn suffix(&self) -> &str {
        self.pieces.last().map_or("", String::as_str)
    }

    fn tokens(&self) -> Vec<Token> {
        let token = |c| if c == '*' { Token::Many { slashes: true } } else { Token::Character(c) };
        self.to_string().chars().map(token).collect()
    }
}

/// What stands at one place of a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token {
    /// This character.
    Character(char),
    /// One character, a slash only if `slashes`.
    One {
        /// Slashes too.
        slashes: bool,
    },
    /// Any characters, also none.
    Many {
        /// Slashes too.
        slashes: bool,
    },
}

/// Whether some text fits both patterns.
pub(super) fn share_a_text(a: &[Token], b: &[Token]) -> bool {
    Shared::of(a, b).at(0, 0)
}

/// For each pair of places in two patterns, whether what follows them shares a text.
struct Shared {
    table: Vec<bool>,
    width: usize,
}

impl Shared {
    fn of(a: &[Token], b: &[Token]) -> Self {
        let width = b.len() + 1;
        let mut shared = Self { table: vec![false; (a.len() + 1) * width], width };
        // From the ends backwards.
        for i in (0..=a.len()).rev() {
            for j in (0..=b.len()).rev() {
                let found = match (a.get(i), b.get(j)) {
                    (None, None) => true,
                    (Some(x), None) => x.many() && shared.at(i + 1, j),
                    (None, Some(y)) => y.many() && shared.at(i, j + 1),
                    (Some(x), Some(y)) => {
                        let meet = x.meets(*y);
                        (x.many() && (shared.at(i + 1, j) || (meet && shared.at(i, j + 1))))
                            || (y.many() && (shared.at(i, j + 1) || (meet && shared.at(i + 1, j))))
                            || (meet && shared.at(i + 1, j + 1))
                    }
                };
                if let Some(slot) = shared.table.get_mut(i * width + j) {
                    *slot = found;
                }
            }
        }
        shared
    }

    fn at(&self, i: usize, j: usize) -> bool {
        self.table.get(i * self.width + j).copied().unwrap_or(false)
    }
}

impl Token {
    fn many(self) -> bool {
        matches!(self, Self::Many { .. })
    }

    /// Whether one character can stand for both; two that take many share any that is no slash.
    fn meets(self, other: Self) -> bool {
        match (self, other) {
            (Self::Character(x), Self::Character(y)) => x == y,
            (Self::Character(c), Self::One { slashes } | Self::Many { slashes })
            | (Self::One { slashes } | Self::Many { slashes }, Self::Character(c)) => slashes || c != '/',
            _ => true,
        }
    }
}

impl std::fmt::Display for NamePattern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.pieces.join("*"))
    }
}

/// Finds patterns that may fit a name: exact names by hash, others by walking a trie of how they begin, or,
/// if they begin with a star, of how they end.
#[derive(Debug)]
pub struct Index {
    exact: HashMap<String, usize>,
    beginnings: Trie,
    endings: Trie,
}

impl Index {
    /// Of these, by position.
    pub fn of_names<'a>(patterns: impl Iterator<Item = &'a NamePattern>) -> Self {
        let (mut exact, mut beginnings, mut endings) = (HashMap::new(), Vec::new(), Vec::new());
        for (position, pattern) in patterns.enumerate() {
            if pattern.is_exact() {
                exact.insert(pattern.to_string(), position);
            } else if pattern.prefix().is_empty() {
                endings.push((pattern.suffix().bytes().rev().collect(), position));
            } else {
                beginnings.push((pattern.prefix().as_bytes().to_vec(), position));
            }
        }
        Self { exact, beginnings: Trie::new(beginnings), endings: Trie::new(endings) }
    }

    /// Of things that begin with these texts, by position.
    pub fn of_prefixes<'a>(prefixes: impl Iterator<Item = &'a str>) -> Self {
        let beginnings = prefixes.enumerate().map(|(position, prefix)| (prefix.as_bytes().to_vec(), position));
        Self { exact: HashMap::new(), beginnings: Trie::new(beginnings.collect()), endings: Trie::new(Vec::new()) }
    }

    /// The first position that fits: an exact name, or the smallest for which `fits` holds.
    pub fn find(&self, name: &str, fits: impl Fn(usize) -> bool) -> Option<usize> {
        if let Some(position) = self.exact.get(name) {
            return Some(*position);
        }
        let beginning = self.beginnings.first(name.bytes(), None, &fits);
        self.endings.first(name.bytes().rev(), beginning, &fits)
    }
}

/// A text and where its pattern stands.
type Positioned = (Vec<u8>, usize);

/// A trie that goes only as deep as it takes to tell its texts apart, and lies in three pieces of memory: with
/// many rules a walk costs a few cache lines, as it does with few.
#[derive(Debug)]
struct Trie {
    nodes: Vec<Node>,
    /// Next byte and node, in the order of the bytes within a node.
    children: Vec<(u8, u32)>,
    entries: Vec<u32>,
}

#[derive(Debug, Default)]
struct Node {
    children: std::ops::Range<u32>,
    /// What ends here, or is the only one that goes on from here.
    entries: std::ops::Range<u32>,
}

impl Trie {
    fn new(mut texts: Vec<Positioned>) -> Self {
        let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        texts.sort();
        let mut trie = Self { nodes: vec![Node::default()], children: Vec::new(), entries: Vec::new() };
        // Those of one node stand together, since the texts are sorted.
        let mut open: Vec<(usize, &[Positioned], usize)> = vec![(0, &texts, 0)];
        while let Some((at, group, depth)) = open.pop() {
            let ends = if group.len() == 1 { 1 } else { group.partition_point(|(text, _)| text.len() == depth) };
            let (here, further) = group.split_at_checked(ends).unwrap_or_default();
            let entries = number(trie.entries.len());
            trie.entries.extend(here.iter().map(|(_, position)| number(*position)));
            let children = number(trie.children.len());
            for group in further.chunk_by(|(a, _), (b, _)| a.get(depth) == b.get(depth)) {
                let next = trie.nodes.len();
                trie.nodes.push(Node::default());
                let byte = group.first().and_then(|(text, _)| text.get(depth)).copied().unwrap_or_default();
                trie.children.push((byte, number(next)));
                open.push((next, group, depth + 1));
            }
            if let Some(node) = trie.nodes.get_mut(at) {
                node.entries = entries..number(trie.entries.len());
                node.children = children..number(trie.children.len());
            }
        }
        trie
    }

    /// The smallest position along the way of `bytes` for which `fits` holds, if it is smaller than `best`.
    fn first(
        &self,
        mut bytes: impl Iterator<Item = u8>,
        mut best: Option<usize>,
        fits: &impl Fn(usize) -> bool,
    ) -> Option<usize> {
        let range = |range: &std::ops::Range<u32>| range.start as usize..range.end as usize;
        let mut node = self.nodes.first();
        while let Some(here) = node {
            for position in self.entries.get(range(&here.entries)).unwrap_or_default() {
                let position = *position as usize;
                if best.is_none_or(|best| position < best) && fits(position) {
                    best = Some(position);
                }
            }
            let children = self.children.get(range(&here.children)).unwrap_or_default();
            node = bytes.next().and_then(|byte| {
                let found = children.binary_search_by_key(&byte, |(b, _)| *b).ok()?;
                self.nodes.get(children.get(found)?.1 as usize)
            });
        }
        best
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> NamePattern {
        NamePattern::parse(text).unwrap()
    }

    /// Every text of up to four letters.
    fn texts() -> Vec<String> {
        let mut all = vec![String::new()];
        for length in 0..4 {
            let longest: Vec<_> = all.iter().filter(|t| t.len() == length).cloned().collect();
            all.extend(longest.iter().flat_map(|t| [format!("{t}a"), format!("{t}b")]));
        }
        all
    }

    #[test]
    fn patterns_agree_with_what_they_say_about_every_short_text() {
        let shapes: Vec<_> =
            ["a", "ab", "*", "a*", "*a", "a*b", "*a*", "ab*", "*ab", "a*a", "b*", "*b*a", "a*b*", "*a*b", "aa*", "*bb"]
                .map(pattern)
                .into_iter()
                .collect();
        fn slow(pattern: &str, name: &str) -> bool {
            match pattern.chars().next() {
                None => name.is_empty(),
                Some('*') => (0..=name.len()).any(|at| slow(pattern.strip_prefix('*').unwrap(), name.split_at(at).1)),
                Some(letter) => {
                    name.strip_prefix(letter).is_some_and(|rest| slow(pattern.strip_prefix(letter).unwrap(), rest))
                }
            }
        }
        let texts = texts();
        for a in &shapes {
            for text in &texts {
                assert_eq!(a.matches(text), slow(&a.to_string(), text), "{a} {text}");
            }
            for b in &shapes {
                let both = texts.iter().any(|t| a.matches(t) && b.matches(t));
                assert_eq!(a.overlaps(b), both, "{a} and {b}");
                let all = texts.iter().filter(|t| b.matches(t)).all(|t| a.matches(t));
                assert_eq!(a.covers(b), all, "{a} over {b}");
            }
        }
    }

    #[test]
    fn the_index_finds_what_a_search_finds() {
        let mut patterns = ["*", "a*", "*a", "ab", "a*b", "abc*", "b", "b*a"].map(pattern);
        patterns.sort_by_key(NamePattern::precedence);
        let index = Index::of_names(patterns.iter());
        for text in texts().into_iter().filter(|t| !t.is_empty()) {
            let slow = patterns.iter().position(|p| p.matches(&text));
            assert_eq!(index.find(&text, |i| patterns[i].matches(&text)), slow, "{text}");
        }
    }
}
