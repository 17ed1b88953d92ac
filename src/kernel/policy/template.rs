//! Patterns over tool names and resource URIs. Linear time, and no URI that two readers could split
//! differently is matched at all.

/// A tool or prompt name pattern: exact, or a prefix followed by `*`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NamePattern {
    /// This name only.
    Exact(String),
    /// Every name that starts so.
    Prefix(String),
}

impl NamePattern {
    /// Reads a pattern; `*` may only be the last character.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let (stem, prefix) = match text.strip_suffix('*') {
            Some(stem) => (stem, true),
            None => (text, false),
        };
        if stem.contains('*') {
            return Err("`*` may only stand at the end");
        }
        if stem.len() > 128 || !stem.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-/".contains(&b)) {
            return Err("a name is up to 128 of A-Z a-z 0-9 _ . - /");
        }
        if stem.is_empty() && !prefix {
            return Err("a name is not empty");
        }
        Ok(if prefix { Self::Prefix(stem.to_owned()) } else { Self::Exact(stem.to_owned()) })
    }

    /// Whether `name` fits.
    pub fn matches(&self, name: &str) -> bool {
        match self {
            Self::Exact(exact) => exact == name,
            Self::Prefix(prefix) => name.starts_with(prefix.as_str()),
        }
    }

    /// More specific patterns rank higher: exact above prefix, longer above shorter.
    pub fn rank(&self) -> usize {
        match self {
            Self::Exact(_) => usize::MAX,
            Self::Prefix(prefix) => prefix.len(),
        }
    }
}

/// A URI template: literal text with `{name}` (one or more characters, no `/`) and `{+name}` (any).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UriTemplate(Vec<Piece>);

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
            Some(Piece::Text(text)) if text.contains("://") => Ok(Self(pieces)),
            _ => Err("a resource begins with its scheme, as in `crm://`"),
        }
    }

    /// Whether a plain URI fits. Several holes make this quadratic at worst, over a bounded length.
    pub fn matches(&self, uri: &str) -> bool {
        plain_uri(uri) && fits(&self.0, uri)
    }

    /// Whether what an offered template can expand to fits, so that listed means readable.
    pub fn covers(&self, offered: &str) -> bool {
        if self.0.iter().all(|piece| matches!(piece, Piece::Text(_))) {
            return false;
        }
        let Ok(offered) = Self::parse(offered) else {
            return false;
        };
        // A hole that may hold slashes is probed with one, so that a wider template is not covered.
        let probe: String = offered
            .0
            .iter()
            .map(|piece| match piece {
                Piece::Text(text) => text.as_str(),
                Piece::Hole(true) => "a/b",
                Piece::Hole(false) => "a",
            })
            .collect();
        plain_uri(&probe) && fits(&self.0, &probe)
    }

    /// More literal text ranks higher.
    pub fn rank(&self) -> usize {
        let literal: usize = self.0.iter().map(|p| if let Piece::Text(t) = p { t.len() } else { 0 }).sum();
        let holes = self.0.iter().filter(|p| matches!(p, Piece::Hole(_))).count();
        literal * 16 + usize::from(holes == 0) * 8
    }
}

fn fits(pieces: &[Piece], text: &str) -> bool {
    match pieces.split_first() {
        None => text.is_empty(),
        Some((Piece::Text(literal), rest)) => text.strip_prefix(literal.as_str()).is_some_and(|t| fits(rest, t)),
        Some((Piece::Hole(slashes), rest)) => text
            .char_indices()
            .take_while(|(_, c)| *slashes || *c != '/')
            .map(|(at, c)| at + c.len_utf8())
            .any(|at| text.get(at..).is_some_and(|tail| fits(rest, tail))),
    }
}

/// A URI without traversal in any spelling: no dot segments, no encoded dots, slashes or percent
/// signs, no backslash, no control characters.
pub fn plain_uri(uri: &str) -> bool {
    let lower = uri.to_ascii_lowercase();
    let path = uri.split_once("://").map_or(uri, |(_, rest)| rest);
    uri.len() <= 2048
        && !["%2e", "%2f", "%5c", "%25", "%00"].iter().any(|bad| lower.contains(bad))
        && !uri.chars().any(|c| c == '\\' || c.is_control())
        && !path.split('/').any(|segment| segment == ".." || segment == ".")
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
            ("CRM://customers/42", false),
        ] {
            assert_eq!(template.matches(uri), expected, "{uri}");
        }
        assert!(template.covers("crm://customers/{customer}"));
        assert!(!template.covers("crm://customers/{+path}"));
        assert!(!template.covers("crm://orders/{id}"));
    }
}
