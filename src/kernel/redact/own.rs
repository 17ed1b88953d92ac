//! Types of the deployment: a pattern, a list of words, a path.
use super::view::View;
use super::{Flaw, Found, Kind, OwnRule, OwnType, Span};
use regex::{Regex, RegexBuilder};

/// The most own types, words of one, and keys of one path.
const TYPES_MAX: usize = 256;
const WORDS_MAX: usize = 10_000;
const KEYS_MAX: usize = 64;
/// The most `*` of one path.
const STARS_MAX: usize = 4;
/// The largest compiled pattern, in bytes.
const SIZE_MAX: usize = 1 << 20;

/// Compiled own types.
pub struct Own {
    types: Vec<OwnType>,
    patterns: Vec<(Kind, Regex)>,
    paths: Vec<(Kind, Vec<String>)>,
}

impl Own {
    /// Compiles them; the place of the one that cannot be used comes with the reason.
    pub fn new(types: Vec<OwnType>) -> Result<Self, (usize, Flaw)> {
        let (mut patterns, mut paths) = (Vec::new(), Vec::new());
        for (place, own) in types.iter().enumerate() {
            let kind =
                u16::try_from(place).ok().filter(|_| place < TYPES_MAX).map(Kind::Own).ok_or((place, Flaw::TooMany))?;
            match &own.rule {
                OwnRule::Pattern(pattern) => patterns.push((kind, compile(pattern).map_err(|flaw| (place, flaw))?)),
                OwnRule::Words(words) if words.len() > WORDS_MAX => return Err((place, Flaw::TooMany)),
                OwnRule::Words(words) => {
                    if words.iter().all(String::is_empty) {
                        return Err((place, Flaw::Empty));
                    }
                    let words: Vec<_> =
                        words.iter().filter(|word| !word.is_empty()).map(|word| regex::escape(word)).collect();
                    let pattern = format!(r"(?i)(?:^|\b{{start-half}})(?:{})(?:$|\b{{end-half}})", words.join("|"));
                    patterns.push((kind, compile(&pattern).map_err(|flaw| (place, flaw))?));
                }
                OwnRule::Path(keys)
                    if keys.len() > KEYS_MAX || keys.iter().filter(|key| *key == "*").count() > STARS_MAX =>
                {
                    return Err((place, Flaw::TooMany));
                }
                OwnRule::Path(keys) if keys.is_empty() => return Err((place, Flaw::Empty)),
                OwnRule::Path(keys) => paths.push((kind, keys.clone())),
            }
        }
        Ok(Self { types, patterns, paths })
    }

    /// The type at a place.
    pub fn get(&self, place: u16) -> Option<&OwnType> {
        self.types.get(usize::from(place))
    }

    /// Whether one goes by what it looks like.
    pub fn has_patterns(&self) -> bool {
        !self.patterns.is_empty()
    }

    /// Whether one goes by its path.
    pub fn has_paths(&self) -> bool {
        !self.paths.is_empty()
    }

    /// What patterns and words find. A deployment's own word is the last one, so it wins over the built-in kinds.
    pub fn find(&self, view: &View<'_>, out: &mut Vec<Found>) {
        for (kind, pattern) in &self.patterns {
            for found in pattern.find_iter(view.folded()).filter(|found| !found.is_empty()) {
                out.push(Found { span: Span { start: found.start(), end: found.end(), kind: *kind }, score: 100 });
            }
        }
    }

    /// The type whose path ends at these keys.
    pub fn at(&self, path: &[&str]) -> Option<Kind> {
        self.paths.iter().find(|(_, keys)| ends_so(path, keys)).map(|(kind, _)| *kind)
    }
}

/// Whether the keys of a path end as `keys` say; `*` is any one key, or an element of an array, which has none.
fn ends_so(path: &[&str], keys: &[String]) -> bool {
    let Some((last, keys)) = keys.split_last() else { return true };
    let above = path.split_last();
    if last == "*" {
        return ends_so(path, keys) || above.is_some_and(|(_, above)| ends_so(above, keys));
    }
    above.is_some_and(|(key, above)| key == last && ends_so(above, keys))
}

fn compile(pattern: &str) -> Result<Regex, Flaw> {
    let regex = RegexBuilder::new(pattern).size_limit(SIZE_MAX).dfa_size_limit(SIZE_MAX).build();
    let regex = regex.map_err(|error| Flaw::Pattern(error.to_string()))?;
    if regex.is_match("") { Err(Flaw::Empty) } else { Ok(regex) }
}
