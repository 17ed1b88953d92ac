//! URI templates. No URI that two readers could split differently is matched at all.
use super::names::{Token, share_a_text};
use std::cmp::Reverse;

/// Stands for what a template offered by the upstream leaves open: no URI and no rule contains it.
const OPEN: &str = "\u{E000}";

/// A URI template: literal text with `{name}` (one or more characters, none of `/?#`) and `{+name}` (any).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UriTemplate {
    pieces: Vec<Piece>,
    /// As a careless reader has it, if that is something else.
    read: Option<Vec<Piece>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    /// Whether slashes are allowed.
    Hole(bool),
}

impl UriTemplate {
    /// Reads a template (RFC 6570, simple and reserved expansion).
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            let (name, tail) = after.split_once('}').ok_or("`{` without `}`")?;
            if !before.is_empty() {
                pieces.push(Piece::Text(before.to_owned()));
            } else if matches!(pieces.last(), Some(Piece::Hole(_))) {
                return Err("two variables need text between them");
            }
            let (name, slashes) = name.strip_prefix('+').map_or((name, false), |name| (name, true));
            if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
                return Err("a variable is {name} or {+name}");
            }
            pieces.push(Piece::Hole(slashes));
            rest = tail;
        }
        if rest.contains('}') {
            return Err("`}` without `{`");
        }
        if !rest.is_empty() {
            pieces.push(Piece::Text(rest.to_owned()));
        }
        match pieces.first() {
            Some(Piece::Text(text)) if text.contains("://") => {
                let read = |piece: &Piece| match piece {
                    Piece::Text(text) => Piece::Text(in_small_letters(&decoded(text))),
                    Piece::Hole(slashes) => Piece::Hole(*slashes),
                };
                let read: Vec<Piece> = pieces.iter().map(read).collect();
                Ok(Self { read: Some(read).filter(|read| *read != pieces), pieces })
            }
            _ => Err("a resource begins with its scheme, as in `crm://`"),
        }
    }

    /// Whether a plain URI fits. Several holes make this quadratic at worst, over a bounded length.
    pub fn matches(&self, uri: &str) -> bool {
        plain_uri(uri) && fits(&self.pieces, uri)
    }

    /// Whether what an offered template can expand to fits, so that listed means readable.
    pub fn covers(&self, offered: &str) -> bool {
        if self.pieces.iter().all(|piece| matches!(piece, Piece::Text(_))) {
            return false;
        }
        let Ok(offered) = Self::parse(offered) else {
            return false;
        };
        let probe = offered.probe();
        plain_uri(&probe) && fits(&self.pieces, &probe)
    }

    /// Whether a denial with this template is about a URI or an offered template. A denial must not be passed by
    /// with another spelling, so here encodings are undone, and what follows `?` or `#` does not count.
    pub fn denies(&self, uri: &str) -> bool {
        self.matches(uri) || self.covers(uri) || readings(uri).any(|reading| self.means(&reading))
    }

    /// Whether one of the [`readings`] of a URI fits, the template read in the same way.
    fn means(&self, reading: &str) -> bool {
        fits(self.read.as_ref().unwrap_or(&self.pieces), reading)
    }

    /// Whether a careless reader may take a URI for one that this is about, though it is spelled otherwise.
    pub fn may_mean(&self, uri: &str, readings: &[String]) -> bool {
        readings.iter().any(|reading| (self.read.is_some() || reading != uri) && self.means(reading))
    }

    /// What an offered template expands to, with a character that only variables take where it is open.
    pub fn probe(&self) -> String {
        self.pieces
            .iter()
            .map(|piece| match piece {
                Piece::Text(text) => text.clone(),
                // A variable that may hold slashes holds one, so that only one that may too covers it.
                Piece::Hole(true) => format!("{OPEN}/{OPEN}"),
                Piece::Hole(false) => OPEN.to_owned(),
            })
            .collect()
    }

    /// Whether some URI fits both.
    pub fn shares_with(&self, other: &Self) -> bool {
        share_a_text(&self.tokens(), &other.tokens())
    }

    /// Text before the first variable.
    pub fn prefix(&self) -> &str {
        match self.pieces.first() {
            Some(Piece::Text(text)) => text,
            _ => "",
        }
    }

    /// Order of precedence, smallest first: more literal text, then no variables, then fewer that hold slashes.
    pub fn precedence(&self) -> impl Ord + use<> {
        let literal: usize = self.pieces.iter().map(|p| if let Piece::Text(t) = p { t.len() } else { 0 }).sum();
        let holes = self.pieces.iter().filter(|p| matches!(p, Piece::Hole(_))).count();
        let wide = self.pieces.iter().filter(|p| matches!(p, Piece::Hole(true))).count();
        (Reverse(literal), holes > 0, wide)
    }

    /// Two templates of which neither goes before the other, though some URI fits both.
    pub fn ties(&self, other: &Self) -> bool {
        let close = self.prefix().starts_with(other.prefix()) || other.prefix().starts_with(self.prefix());
        self.precedence() == other.precedence() && close && self.shares_with(other)
    }

    fn tokens(&self) -> Vec<Token> {
        let mut tokens = Vec::new();
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => tokens.extend(text.chars().map(Token::Character)),
                Piece::Hole(slashes) => {
                    tokens.extend([Token::One { slashes: *slashes }, Token::Many { slashes: *slashes }]);
                }
            }
        }
        tokens
    }
}

fn fits(pieces: &[Piece], text: &str) -> bool {
    match pieces.split_first() {
        None => text.is_empty(),
        Some((Piece::Text(literal), rest)) => text.strip_prefix(literal.as_str()).is_some_and(|t| fits(rest, t)),
        Some((Piece::Hole(slashes), rest)) => text
            .char_indices()
            // What RFC 6570 expands `{name}` to holds none of these: `vip?` would be another spelling of `vip`.
            .take_while(|(_, c)| *slashes || !matches!(c, '/' | '?' | '#'))
            .map(|(at, c)| at + c.len_utf8())
            .any(|at| text.get(at..).is_some_and(|tail| fits(rest, tail))),
    }
}

/// What a careless reader may take a URI for: without what follows `?` or `#`, encodings undone, scheme and host in small
/// letters (RFC 3986, section 6.2.2.1), with and without its empty segments. None for an offered template.
pub fn readings(uri: &str) -> impl Iterator<Item = String> {
    let cut = in_small_letters(&decoded(uri.split(['?', '#']).next().unwrap_or_default()));
    let (scheme, rest) = cut.split_once("://").unwrap_or(("", &cut));
    let mut segments = rest.split('/');
    let host = segments.next().unwrap_or_default();
    let path: String = segments.filter(|segment| !segment.is_empty()).flat_map(|segment| ["/", segment]).collect();
    let tidy = format!("{scheme}://{host}{path}");
    let tidy = (tidy != cut).then_some(tidy);
    std::iter::once(cut).chain(tidy).filter(|_| !uri.contains(['{', '}']))
}

/// The same with scheme and host in small letters; a text without a scheme as it is.
fn in_small_letters(uri: &str) -> String {
    let path =
        uri.split_once("://").map_or(0, |(scheme, rest)| scheme.len() + 3 + rest.find('/').unwrap_or(rest.len()));
    let (host, path) = uri.split_at(path);
    host.to_lowercase() + path
}

/// A text with its percent-encodings undone; what is none stays as it is.
fn decoded(text: &str) -> String {
    let mut parts = text.split('%');
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        match (encoding(part), part.get(2..)) {
            (Some(byte), Some(rest)) => {
                bytes.push(byte);
                bytes.extend_from_slice(rest.as_bytes());
            }
            _ => {
                bytes.push(b'%');
                bytes.extend_from_slice(part.as_bytes());
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The byte whose encoding begins a text, but for its `%`.
fn encoding(text: &str) -> Option<u8> {
    let digits = text.get(..2).filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()))?;
    u8::from_str_radix(digits, 16).ok()
}

/// A URI without traversal in any spelling: no dot segments, no encoded dots, slashes or percent
/// signs, no backslash, no control characters. Braces are no characters of URIs (RFC 3986) but of templates,
/// and what an upstream offers as a template must not pass for a URI.
pub fn plain_uri(uri: &str) -> bool {
    let lower = uri.to_ascii_lowercase();
    let path = uri.split_once("://").map_or(uri, |(_, rest)| rest);
    uri.len() <= 2048
        && !["%2e", "%2f", "%5c", "%25", "%00"].iter().any(|bad| lower.contains(bad))
        && !uri.chars().any(|c| matches!(c, '\\' | '{' | '}') || c.is_control())
        && !path.split('/').any(|segment| segment == ".." || segment == ".")
        && encoded_once(uri)
}

/// Whether each `%` begins an encoding, and of a character that needs it (RFC 3986, section 6.2.2.2): with
/// `%76ip` for `vip`, a URI would pass by the rule or denial that is about it.
fn encoded_once(uri: &str) -> bool {
    let needed = |byte: u8| !byte.is_ascii_alphanumeric() && !b"-._~".contains(&byte);
    uri.split('%').skip(1).all(|after| encoding(after).is_some_and(needed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_match_what_they_say_and_no_traversal() {
        let template = UriTemplate::parse("crm://customers/{id}").unwrap();
        for (uri, expected) in [
            ("crm://customers/42", true),
            ("crm://customers/", false),
            ("crm://customers/42/notes", false),
            ("crm://customers/..", false),
            ("crm://customers/%2e%2e", false),
            ("crm://customers/a%2Fb", false),
            ("crm://customers/a\\b", false),
            ("crm://customers/%34%32", false),
            ("crm://customers/a%7Eb", false),
            ("crm://customers/a%", false),
            ("crm://customers/a%+f", false),
            ("crm://customers/a%zz", false),
            ("crm://customers/42?", false),
            ("crm://customers/42#a", false),
            ("crm://customers/a%20b%3Fc", true),
            ("crm://customers/m%C3%BCller", true),
            ("crm://customers/{+all}", false),
            ("CRM://customers/42", false),
        ] {
            assert_eq!(template.matches(uri), expected, "{uri}");
        }
        let denied = |template: &str, uri: &str| UriTemplate::parse(template).unwrap().denies(uri);
        for uri in
            ["f://a/m%C3%BCller!", "f://a/m%c3%bcller%21", "f://a/müller!", "f://a/müller!?x", "f://a/müller%21#x"]
        {
            assert!(denied("f://a/müller!", uri) && denied("f://a/m%C3%BCller%21", uri), "{uri}");
        }
        assert!(!denied("f://a/müller!", "f://a/müller") && !denied("f://a/b", "f://a/b%3Fc"));
        assert!(template.covers("crm://customers/{customer}"));
        assert!(!template.covers("crm://customers/{+path}"));
        assert!(!template.covers("crm://orders/{id}"));
        // What is open in the offered template must be open in the rule: `a` is not.
        assert!(!UriTemplate::parse("crm://a/{id}").unwrap().covers("crm://{kind}/{id}"));
        assert!(UriTemplate::parse("crm://{+all}").unwrap().covers("crm://{kind}/{id}"));
        let tie = |a: &str, b: &str| UriTemplate::parse(a).unwrap().ties(&UriTemplate::parse(b).unwrap());
        assert!(tie("crm://{kind}/ab", "crm://ab/{id}"));
        assert!(!tie("crm://{kind}/ab", "crm://cd/{id}/x"));
        assert!(!tie("crm://x/{id}", "crm://y/{id}"));
    }
}
