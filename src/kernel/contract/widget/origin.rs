//! Origins as policies and user interfaces write them. The grammar is narrow on purpose: hosts
//! copy these strings into a Content-Security-Policy, where anything else could mean more.
use psl::Psl as _;
use std::fmt;
use std::str::FromStr;
use url::Url;

/// Ends of names that are never public (RFC 6761, RFC 8375, and custom).
const PRIVATE: &[&str] =
    &["localhost", "local", "internal", "intranet", "lan", "home", "corp", "private", "localdomain", "arpa", "onion"];

/// Domains with names for anybody that the public suffix list does not have, or has only in part.
const SHARED: &[&str] = &[
    "amazonaws.com",
    "azure.com",
    "azureedge.net",
    "cloudflare.com",
    "cloudfront.net",
    "google.com",
    "googleapis.com",
    "googleusercontent.com",
    "githubusercontent.com",
    "jsdelivr.net",
    "oaiusercontent.com",
    "sharepoint.com",
    "trycloudflare.com",
    "windows.net",
];

/// Hosts that serve what anybody puts there, such as every npm package.
const TENANTS: &[&str] = &[
    "cdn.jsdelivr.net",
    "cdn.skypack.dev",
    "cdn.statically.io",
    "cdnjs.cloudflare.com",
    "esm.run",
    "esm.sh",
    "ga.jspm.io",
    "gist.githubusercontent.com",
    "raw.githack.com",
    "raw.githubusercontent.com",
    "s3.amazonaws.com",
    "storage.googleapis.com",
    "unpkg.com",
];

/// The schemes that a user interface may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Scheme {
    Https,
    Wss,
}

/// An origin: `https` or `wss`, a public host in lower-case ASCII, perhaps with one leading `*.`,
/// perhaps a port (RFC 6454; CSP3 `host-source`, narrowed).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Origin {
    scheme: Scheme,
    host: String,
    wildcard: bool,
    port: u16,
}

impl Origin {
    /// The origin that `text` is, or the reason why it is none, in words.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        if text.chars().any(|c| c.is_whitespace() || c.is_control() || matches!(c, ';' | ',' | '\'' | '"' | '`')) {
            return Err("a space, quote, comma or semicolon would begin another rule");
        }
        if !text.is_ascii() {
            return Err("the host is not ASCII (write xn--…)");
        }
        let (scheme, rest) = match text.split_once("://") {
            Some(("https", rest)) => (Scheme::Https, rest),
            Some(("wss", rest)) => (Scheme::Wss, rest),
            _ if text == "*" => return Err("`*` is every origin"),
            _ => return Err("it does not begin with https:// or wss://"),
        };
        if rest.contains(['/', '?', '#', '@', '\\', '%']) {
            return Err("it has a path, query, fragment or user");
        }
        if rest.starts_with('[') {
            return Err("the host is an IP address");
        }
        let (wildcard, rest) = match rest.strip_prefix("*.") {
            Some(rest) => (true, rest),
            None => (false, rest),
        };
        if rest.contains('*') {
            return Err("`*` stands only at the beginning, before a dot");
        }
        let (host, port) = match rest.split_once(':') {
            Some((host, port)) => (host, port_of(port).ok_or("the port is none")?),
            None => (rest, 443),
        };
        well_formed(host)?;
        Ok(Self { scheme, host: host.to_owned(), wildcard, port })
    }

    /// The origin of a URL; none if it is not one that could be allowed.
    pub fn of(url: &Url) -> Option<Self> {
        let scheme = match url.scheme() {
            "https" => Scheme::Https,
            "wss" => Scheme::Wss,
            _ => return None,
        };
        let url::Host::Domain(host) = url.host()? else { return None };
        let port = url.port_or_known_default()?;
        Some(Self { scheme, host: host.to_owned(), wildcard: false, port })
    }

    /// Whether everything that `other` stands for, this one stands for as well.
    /// As in CSP, `*.a.test` is every name below `a.test` and not `a.test`.
    pub fn covers(&self, other: &Self) -> bool {
        if self.scheme != other.scheme || self.port != other.port {
            return false;
        }
        let same = self.host == other.host;
        if !self.wildcard {
            return same && !other.wildcard;
        }
        let below = other.host.strip_suffix(self.host.as_str()).is_some_and(|rest| rest.ends_with('.'));
        below || (same && other.wildcard)
    }

    /// The host, without `*.`.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Whether this is a wildcard over a domain that many share (public suffix list, and a few more).
    pub fn shared(&self) -> bool {
        let suffix = psl::List.suffix(self.host.as_bytes());
        let public = suffix.is_some_and(|suffix| suffix.as_bytes() == self.host.as_bytes());
        self.wildcard && (public || SHARED.contains(&self.host.as_str()))
    }

    /// Whether the host serves what anybody puts there.
    pub fn of_tenants(&self) -> bool {
        TENANTS.contains(&self.host.as_str())
    }
}

/// Those of `a` that `b` covers, and those of `b` that `a` covers: what both allow.
pub fn meet(a: &[Origin], b: &[Origin]) -> Vec<Origin> {
    let mut both: Vec<Origin> = Vec::new();
    for one in a {
        let whole = b.iter().any(|other| other.covers(one));
        let parts = b.iter().filter(|other| one.covers(other));
        let found: Vec<&Origin> = if whole { vec![one] } else { parts.collect() };
        for origin in found {
            if !both.contains(origin) {
                both.push(origin.clone());
            }
        }
    }
    both
}

/// The domain that somebody registered, such as `example.co.uk` of `a.b.example.co.uk`.
pub fn registrable(host: &str) -> Option<&str> {
    psl::List.domain(host.as_bytes()).and_then(|domain| std::str::from_utf8(domain.as_bytes()).ok())
}

fn port_of(text: &str) -> Option<u16> {
    let plain = !text.starts_with('0') && text.bytes().all(|byte| byte.is_ascii_digit());
    if plain { text.parse().ok() } else { None }
}

fn well_formed(host: &str) -> Result<(), &'static str> {
    if host.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Err("the host is not lower case");
    }
    let label = |label: &str| {
        let fine = label.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
        fine && (1..=63).contains(&label.len()) && !label.starts_with('-') && !label.ends_with('-')
    };
    if host.len() > 253 || !host.split('.').all(label) {
        return Err("the host is not a name");
    }
    let last = host.rsplit('.').next().unwrap_or_default();
    // Also what browsers take for one: 0x7f.1, 2130706433.
    if last.starts_with(|c: char| c.is_ascii_digit()) {
        return Err("the host is an IP address");
    }
    if !host.contains('.') || PRIVATE.contains(&last) {
        return Err("the host is not a public name");
    }
    Ok(())
}

impl FromStr for Origin {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.scheme {
            Scheme::Https => "https",
            Scheme::Wss => "wss",
        };
        let star = if self.wildcard { "*." } else { "" };
        write!(f, "{scheme}://{star}{}", self.host)?;
        if self.port == 443 { Ok(()) } else { write!(f, ":{}", self.port) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(text: &str) -> Origin {
        Origin::parse(text).unwrap()
    }

    #[test]
    fn an_origin_is_printed_as_it_was_read() {
        for text in ["https://a.test", "wss://a.test", "https://*.a.test", "https://xn--bcher-kva.example:8443"] {
            assert_eq!(origin(text).to_string(), text);
        }
        assert_eq!(origin("https://a.test:443"), origin("https://a.test"));
    }

    #[test]
    fn what_could_mean_more_in_a_policy_is_no_origin() {
        for text in [
            "",
            "*",
            "https:",
            "https://",
            "https://*",
            "https://*.*.a.test",
            "https://a.*.test",
            "https://a.test; script-src *",
            "https://a.test https://b.test",
            "https://a.test,b.test",
            "https://a.test\n",
            "'self'",
            "'unsafe-eval'",
            "data:",
            "blob:",
            "http://a.test",
            "HTTPS://a.test",
            "https://A.test",
            "https://bücher.example",
            "https://a.test/",
            "https://a.test/x",
            "https://a.test?x",
            "https://user@a.test",
            "https://a.test:",
            "https://a.test:0",
            "https://a.test:99999",
            "https://a.test:*",
            "https://127.0.0.1",
            "https://[::1]",
            "https://0x7f.1",
            "https://2130706433",
            "https://localhost",
            "https://printer.local",
            "https://db.internal",
            "https://-a.test",
            "https://a..test",
            "https://a.test.",
        ] {
            assert!(Origin::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_wildcard_covers_what_lies_below_it() {
        let wide = origin("https://*.a.test");
        for inside in ["https://x.a.test", "https://x.y.a.test", "https://*.a.test", "https://*.x.a.test"] {
            assert!(wide.covers(&origin(inside)), "{inside}");
        }
        for outside in ["https://a.test", "https://xa.test", "wss://x.a.test", "https://x.a.test:8443"] {
            assert!(!wide.covers(&origin(outside)), "{outside}");
        }
        assert!(!origin("https://x.a.test").covers(&wide));
        assert_eq!(meet(&[wide], &[origin("https://x.a.test")]), [origin("https://x.a.test")]);
    }

    #[test]
    fn a_wildcard_over_what_many_share_is_told() {
        for text in
            ["https://*.github.io", "https://*.cloudfront.net", "https://*.oaiusercontent.com", "https://*.co.uk"]
        {
            assert!(origin(text).shared(), "{text}");
        }
        for text in ["https://*.openstreetmap.org", "https://me.github.io", "https://*.me.github.io"] {
            assert!(!origin(text).shared(), "{text}");
        }
        assert_eq!(registrable("a.b.example.co.uk"), Some("example.co.uk"));
    }
}
