//! What scripts seem to do, by their words. The text is cut into words, texts and signs as
//! JavaScript is (ECMA-262, section 12); comments and patterns fall away, `"a" + "b"` is joined,
//! `x["y"]` is read as `x.y`, and escapes are undone.
//!
//! Limits: values are not followed, so `fetch(u)` says nothing, and names may be aliased or made
//! at run time. Whoever wants to hide can. That is why such findings are mostly warnings, and why
//! the declared origins are what holds. Whether a slash begins a pattern is guessed from the token
//! before it. Entropy is not looked at: real bundles contain whole programs in base64.
use super::ground::{Ground, Target};
use super::hidden::excerpt;
use crate::kernel::policy::flaw::Check;
use std::borrow::Cow;

/// A piece of JavaScript.
#[derive(Debug, PartialEq, Eq)]
enum Token<'a> {
    Word(Cow<'a, str>),
    Text(Cow<'a, str>),
    /// One character; `0` stands for a number or pattern.
    Sign(char),
}

/// Words after which a slash begins a pattern.
const BEFORE_PATTERN: &[&str] = &[
    "return",
    "typeof",
    "case",
    "in",
    "of",
    "delete",
    "void",
    "throw",
    "new",
    "else",
    "do",
    "instanceof",
    "yield",
    "await",
];
/// What other windows are reached by.
const WINDOWS: &[&str] = &["window", "self", "globalThis", "parent", "frames"];
/// Words that tell of an obfuscator, at least so often.
const OBFUSCATED_MIN: usize = 20;

struct Reader<'a> {
    rest: &'a str,
    tokens: Vec<Token<'a>>,
    braces: usize,
    /// Where templates go on: the number of open braces.
    templates: Vec<usize>,
    /// How much may still be read in vain for ends of patterns, so that slashes cost no square.
    patience: usize,
}

fn tokens(text: &str) -> Vec<Token<'_>> {
    let patience = text.len().saturating_mul(16);
    let mut reader = Reader { rest: text, tokens: Vec::new(), braces: 0, templates: Vec::new(), patience };
    while reader.step() {}
    reader.tokens
}

impl<'a> Reader<'a> {
    fn step(&mut self) -> bool {
        let Some(c) = self.rest.chars().next() else { return false };
        if c.is_whitespace() {
            self.rest = self.rest.trim_start();
        } else if let Some(comment) = self.rest.strip_prefix("//") {
            self.rest = comment.split_once('\n').map_or("", |(_, rest)| rest);
        } else if let Some(comment) = self.rest.strip_prefix("/*") {
            self.rest = comment.split_once("*/").map_or("", |(_, rest)| rest);
        } else if c == '/' && self.pattern() {
            self.tokens.push(Token::Sign('0'));
        } else if c == '"' || c == '\'' {
            self.skip(1);
            let text = self.text(c);
            self.push_text(text);
        } else if c == '`' {
            self.skip(1);
            self.template();
        } else if word_char(c) && !c.is_ascii_digit() || self.rest.starts_with("\\u") {
            self.word();
        } else if c.is_ascii_digit() {
            let end = self.rest.find(|c: char| !(word_char(c) || c == '.')).unwrap_or(self.rest.len());
            self.skip(end);
            self.tokens.push(Token::Sign('0'));
        } else {
            self.skip(c.len_utf8());
            self.sign(c);
        }
        true
    }

    fn sign(&mut self, c: char) {
        match c {
            '{' => self.braces += 1,
            '}' if self.templates.last() == Some(&self.braces) => {
                self.templates.pop();
                // What stood in the braces is joined to what follows.
                self.tokens.push(Token::Sign('+'));
                return self.template();
            }
            '}' => self.braces = self.braces.saturating_sub(1),
            ']' if self.named_in_brackets() => return,
            _ => {}
        }
        self.tokens.push(Token::Sign(c));
    }

    /// `x["y"]` becomes `x.y`.
    fn named_in_brackets(&mut self) -> bool {
        let [.., before, Token::Sign('['), Token::Text(name)] = self.tokens.as_slice() else { return false };
        let member = matches!(before, Token::Word(_) | Token::Sign(')' | ']'));
        if !member || name.is_empty() || !name.chars().all(word_char) {
            return false;
        }
        let name = name.clone();
        self.tokens.truncate(self.tokens.len().saturating_sub(2));
        self.tokens.extend([Token::Sign('.'), Token::Word(name)]);
        true
    }

    /// Whether a pattern begins here; if so, it is passed over.
    fn pattern(&mut self) -> bool {
        let member = matches!(self.tokens.as_slice(), [.., Token::Sign('.'), _]);
        let sure = match self.tokens.last() {
            None => true,
            Some(Token::Sign(c)) => !matches!(c, ')' | ']' | '}' | '0'),
            Some(Token::Word(word)) => !member && BEFORE_PATTERN.contains(&word.as_ref()),
            Some(Token::Text(_)) => false,
        };
        let unsure = matches!(self.tokens.last(), Some(Token::Sign(')' | '}')));
        let longest = if sure {
            self.patience
        } else if unsure {
            self.patience.min(200)
        } else {
            return false;
        };
        let Some((body, after)) = pattern_end(self.rest, longest) else {
            let line = self.rest.split('\n').next().unwrap_or_default();
            self.patience = self.patience.saturating_sub(line.len().min(longest));
            return false;
        };
        // After a parenthesis or brace it may be a division. A pattern it is only if a quote in it
        // would turn the rest of the line inside out, and what follows fits.
        let fits = after.starts_with(".test(") || after.starts_with(".exec(") || after.starts_with([')', ',', ';']);
        if sure || (body.contains(['"', '\'', '`']) && fits) {
            self.rest = after;
            return true;
        }
        false
    }

    fn word(&mut self) {
        let end = self.rest.find(|c: char| !word_char(c)).unwrap_or(self.rest.len());
        let plain = self.taken(end);
        if !self.rest.starts_with("\\u") {
            return self.tokens.push(Token::Word(Cow::Borrowed(plain)));
        }
        let mut word = plain.to_owned();
        while let Some(c) = self.rest.chars().next().filter(|c| word_char(*c) || self.rest.starts_with("\\u")) {
            self.skip(c.len_utf8());
            if c == '\\' { word.extend(self.escape()) } else { word.push(c) }
        }
        self.tokens.push(Token::Word(Cow::Owned(word)));
    }

    /// A text up to the quote.
    fn text(&mut self, quote: char) -> Cow<'a, str> {
        let end = self.rest.find([quote, '\\', '\n']).unwrap_or(self.rest.len());
        let plain = self.taken(end);
        if !self.rest.starts_with('\\') {
            // A line break ends a text that was not closed.
            self.skip(usize::from(!self.rest.is_empty()));
            return Cow::Borrowed(plain);
        }
        let mut text = plain.to_owned();
        while let Some(c) = self.rest.chars().next() {
            self.skip(c.len_utf8());
            match c {
                '\\' => text.extend(self.escape()),
                c if c == quote || c == '\n' => break,
                c => text.push(c),
            }
        }
        Cow::Owned(text)
    }

    /// A template up to its end or its next braces.
    fn template(&mut self) {
        let mut text = String::new();
        while let Some(c) = self.rest.chars().next() {
            if self.rest.starts_with("${") {
                self.skip(2);
                self.push_text(Cow::Owned(text));
                self.templates.push(self.braces);
                return self.tokens.push(Token::Sign('+'));
            }
            self.skip(c.len_utf8());
            match c {
                '`' => break,
                '\\' => text.extend(self.escape()),
                c => text.push(c),
            }
        }
        self.push_text(Cow::Owned(text));
    }

    /// Joins it to a text before it.
    fn push_text(&mut self, text: Cow<'a, str>) {
        if let [.., Token::Text(_), Token::Sign('+')] = self.tokens.as_slice() {
            self.tokens.pop();
            if let Some(Token::Text(before)) = self.tokens.last_mut() {
                before.to_mut().push_str(&text);
            }
            return;
        }
        self.tokens.push(Token::Text(text));
    }

    /// After the backslash.
    fn escape(&mut self) -> Option<char> {
        let c = self.rest.chars().next()?;
        self.skip(c.len_utf8());
        let hex = |hex: &str| u32::from_str_radix(hex, 16).ok().and_then(char::from_u32);
        match c {
            'x' => hex(self.taken(2)),
            'u' if self.rest.starts_with('{') => {
                self.skip(1);
                let digits = self.rest.bytes().take(8).take_while(u8::is_ascii_hexdigit).count();
                let digits = self.taken(digits);
                self.rest = self.rest.strip_prefix('}').unwrap_or(self.rest);
                hex(digits)
            }
            'u' => hex(self.taken(4)),
            'n' => Some('\n'),
            't' => Some('\t'),
            'r' => Some('\r'),
            '\n' => None,
            // Octal, as old scripts may have it.
            '0'..='7' => {
                let more = self.rest.bytes().take(2).take_while(|byte| (b'0'..=b'7').contains(byte)).count();
                let digits = format!("{c}{}", self.taken(more));
                u32::from_str_radix(&digits, 8).ok().and_then(char::from_u32)
            }
            c => Some(c),
        }
    }

    fn skip(&mut self, bytes: usize) {
        self.taken(bytes);
    }

    fn taken(&mut self, bytes: usize) -> &'a str {
        let end = self.rest.floor_char_boundary(bytes);
        let (taken, rest) = self.rest.split_at_checked(end).unwrap_or((self.rest, ""));
        self.rest = rest;
        taken
    }
}

/// The body of a pattern and what follows its flags, if it ends soon enough.
fn pattern_end(text: &str, longest: usize) -> Option<(&str, &str)> {
    let (mut class, mut escaped) = (false, false);
    let body = text.strip_prefix('/')?;
    for (at, c) in body.char_indices().take(longest) {
        match c {
            '\n' => return None,
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '[' => class = true,
            ']' => class = false,
            '/' if !class => {
                let (body, after) = body.split_at_checked(at)?;
                let after = after.strip_prefix('/')?;
                return Some((body, after.trim_start_matches(|c: char| c.is_ascii_lowercase())));
            }
            _ => {}
        }
    }
    None
}

fn word_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '$') || (!c.is_ascii() && c.is_alphanumeric())
}

/// Every absolute URL among the texts, as in an import map.
pub(super) fn addresses(text: &str) -> Vec<String> {
    let texts = tokens(text).into_iter().filter_map(|token| match token {
        Token::Text(text) if text.contains("//") => Some(text.into_owned()),
        _ => None,
    });
    texts.collect()
}

/// Adds what a script seems to do. `line` is where it begins.
pub(super) fn review(text: &str, line: u64, ground: &mut Ground<'_>) {
    let tokens = tokens(text);
    let mut sight = Sight { tokens: &tokens, line, ground };
    let (mut decodes, mut executes, mut listens, mut compares, mut obfuscated) = (false, false, false, false, 0);
    for at in 0..tokens.len() {
        if sight.text(at) == Some("tools/call") {
            sight.tool_named(at + 1);
        }
        let Some(word) = sight.word(at) else { continue };
        decodes |= matches!(word, "atob" | "fromCharCode" | "unescape");
        executes |= sight.makes_code(word, at);
        compares |= word == "source";
        listens |= word == "addEventListener" && sight.argument(at).and_then(|at| sight.text(at)) == Some("message");
        obfuscated += usize::from(word.starts_with("_0x"));
        sight.connects(word, at);
        sight.loads(word, at);
        sight.escapes(word, at);
        sight.keeps(word, at);
        if matches!(word, "callTool" | "callServerTool") {
            sight.tool(at);
        }
    }
    if decodes && executes {
        let message = "a script decodes text and makes code of some text";
        sight.find(Check::UiCodeFromText, message, "write the code itself");
    }
    if obfuscated >= OBFUSCATED_MIN {
        let message = "a script went through an obfuscator (`_0x…`)";
        sight.find(Check::UiCodeFromText, message, "publish what can be read");
    }
    if listens && !compares {
        let message = "a `message` listener does not look at `event.source`";
        sight.find(Check::UiFrameEscape, message, "compare event.source with window.parent");
    }
}

struct Sight<'t, 'g, 'a> {
    tokens: &'t [Token<'t>],
    line: u64,
    ground: &'g mut Ground<'a>,
}

impl<'t> Sight<'t, '_, '_> {
    fn word(&self, at: usize) -> Option<&'t str> {
        match self.tokens.get(at) {
            Some(Token::Word(word)) => Some(word),
            _ => None,
        }
    }

    fn text(&self, at: usize) -> Option<&'t str> {
        match self.tokens.get(at) {
            Some(Token::Text(text)) => Some(text),
            _ => None,
        }
    }

    fn sign(&self, at: usize, c: char) -> bool {
        self.tokens.get(at) == Some(&Token::Sign(c))
    }

    fn before(&self, at: usize, c: char) -> bool {
        at.checked_sub(1).is_some_and(|at| self.sign(at, c))
    }

    /// The word whose member this is.
    fn owner(&self, at: usize) -> Option<&'t str> {
        if self.before(at, '.') { at.checked_sub(2).and_then(|at| self.word(at)) } else { None }
    }

    /// Where the first argument of the call of this word stands: `f(`, `f?.(`, `(0,f)(`.
    fn argument(&self, at: usize) -> Option<usize> {
        let mut at = at + 1;
        if self.sign(at, ')') {
            at += 1;
        }
        if self.sign(at, '?') && self.sign(at + 1, '.') {
            at += 2;
        }
        self.sign(at, '(').then_some(at + 1)
    }

    /// The text there, if it is a URL as far as its origin is concerned.
    fn url(&self, at: usize) -> Option<&'t str> {
        let text = self.text(at)?;
        if !self.sign(at + 1, '+') {
            return Some(text);
        }
        let (_, rest) = text.split_once("//")?;
        rest.contains(['/', '?', '#']).then_some(text)
    }

    /// What is assigned to this word: `x = "…"`, not `x == "…"`.
    fn assigned(&self, at: usize) -> Option<&'t str> {
        if self.sign(at + 1, '=') { self.url(at + 2) } else { None }
    }

    fn find(&mut self, check: Check, message: impl AsRef<str>, hint: &str) {
        self.ground.find(check, self.line, message, hint);
    }

    fn connects(&mut self, word: &str, at: usize) {
        let url = match word {
            "fetch" | "sendBeacon" | "EventSource" | "WebSocket" | "Request" => self.argument(at),
            // XMLHttpRequest: the method comes first.
            "open" if self.owner(at) != Some("window") => {
                let first = self.argument(at).filter(|at| self.text(*at).is_some() && self.sign(at + 1, ','));
                first.map(|at| at + 2)
            }
            "RTCPeerConnection" | "webkitRTCPeerConnection" | "WebTransport" => {
                let message = format!("a script uses `{word}`");
                self.find(Check::UiChannelUngoverned, message, "use fetch or WebSocket");
                None
            }
            _ => None,
        };
        if let Some(url) = url.and_then(|at| self.url(at)) {
            self.ground.connected(self.line, url, word);
        }
    }

    fn loads(&mut self, word: &str, at: usize) {
        match word {
            "import" | "importScripts" | "Worker" | "SharedWorker" => {
                let argument = self.argument(at).or_else(|| (word == "import").then_some(at + 1));
                if let Some(url) = argument.and_then(|at| self.url(at)) {
                    self.ground.script_from(self.line, url, word);
                }
            }
            "from" if !self.before(at, '.') => {
                if let Some(url) = self.url(at + 1) {
                    self.ground.script_from(self.line, url, "import … from");
                }
            }
            "src" | "srcset" if self.before(at, '.') => {
                if let Some(url) = self.assigned(at) {
                    self.ground.resource_from(self.line, url, ".src =");
                }
            }
            "action" | "formAction" if self.before(at, '.') => {
                if let Some(url) = self.assigned(at) {
                    self.ground.submitted(self.line, url, ".action =");
                }
            }
            _ => {}
        }
    }

    /// Whether code is made from text here; then it is told.
    fn makes_code(&mut self, word: &str, at: usize) -> bool {
        let argument = self.argument(at);
        let text = argument.is_some_and(|at| self.text(at).is_some());
        let shown = match word {
            "eval" if argument.is_some() => "eval(",
            "Function" if argument.is_some() && self.owner(at).is_none_or(|own| WINDOWS.contains(&own)) => "Function(",
            "constructor" if text && self.before(at, '.') => "constructor(",
            "setTimeout" | "setInterval" if text => "a timer with text",
            "write" | "writeln" if self.owner(at) == Some("document") => "document.write",
            "importScripts" if argument.is_some() => "importScripts(",
            "Worker" | "SharedWorker" if argument.is_some() => "a worker",
            "serviceWorker" => "a service worker",
            _ => return false,
        };
        self.find(Check::UiCodeFromText, format!("a script uses `{shown}`"), "write the code itself");
        !matches!(word, "Worker" | "SharedWorker" | "serviceWorker" | "importScripts")
    }

    fn escapes(&mut self, word: &str, at: usize) {
        let owner = self.owner(at);
        let other = |own: &str| matches!(own, "top" | "opener" | "parent");
        let member = self.sign(at + 1, '.').then(|| self.word(at + 2)).flatten();
        let shown = match word {
            "top" if owner.is_some_and(|own| WINDOWS.contains(&own)) => "window.top".to_owned(),
            "top"
                if !self.before(at, '.')
                    && matches!(member, Some("location" | "postMessage" | "document" | "open")) =>
            {
                "top".to_owned()
            }
            "opener" if owner.is_some_and(|own| WINDOWS.contains(&own)) || (owner.is_none() && member.is_some()) => {
                "opener".to_owned()
            }
            "location" if owner.is_some_and(other) => format!("{}.location", owner.unwrap_or_default()),
            "location" => {
                let Some(url) = self.own_location(at) else { return };
                format!("location = {}", excerpt(&url))
            }
            "open" if owner == Some("window") && self.argument(at).is_some() => "window.open(".to_owned(),
            "postMessage" if owner.is_some_and(|own| matches!(own, "top" | "opener" | "contentWindow" | "frames")) => {
                format!("{}.postMessage", owner.unwrap_or_default())
            }
            _ => return,
        };
        let message = format!("a script uses `{shown}`");
        self.find(Check::UiFrameEscape, message, "talk to window.parent only; ask the host to open links");
    }

    /// Where a script takes its own frame, if that is elsewhere.
    fn own_location(&self, at: usize) -> Option<String> {
        let member = if self.sign(at + 1, '.') { self.word(at + 2) } else { None };
        let url = match member {
            None => self.assigned(at),
            Some("href") => self.assigned(at + 2),
            Some("assign" | "replace") => self.argument(at + 2).and_then(|at| self.url(at)),
            Some(_) => None,
        }?;
        let leads =
            matches!(self.ground.target(url), Target::Script | Target::Document) || !self.ground.redirected(url);
        leads.then(|| url.to_owned())
    }

    fn keeps(&mut self, word: &str, at: usize) {
        let kept = match word {
            "localStorage" | "sessionStorage" | "indexedDB" => word,
            "cookie" if self.owner(at) == Some("document") => "document.cookie",
            "clipboard" if self.owner(at) == Some("navigator") => "navigator.clipboard",
            _ => return,
        };
        self.find(Check::UiStateKept, format!("a script uses `{kept}`"), "keep state in the conversation");
    }

    /// `callTool("name", …)` or `callServerTool({ name: "name", … })`.
    fn tool(&mut self, at: usize) {
        let Some(argument) = self.argument(at) else { return };
        match self.text(argument) {
            Some(name) => self.tool_seen(name),
            None if self.sign(argument, '{') => self.tool_named(argument + 1),
            None => {}
        }
    }

    /// `name: "…"` close by.
    fn tool_named(&mut self, from: usize) {
        for at in from..from.saturating_add(12) {
            if self.word(at) == Some("name") && self.sign(at + 1, ':') {
                if let Some(name) = self.text(at + 2) {
                    self.tool_seen(name);
                }
                return;
            }
        }
    }

    fn tool_seen(&mut self, name: &str) {
        if self.ground.app_tools.is_some_and(|tools| !tools.contains(name)) {
            let message = format!("a script calls the tool `{}`, which user interfaces do not see", excerpt(name));
            self.find(Check::UiToolUnseen, message, "give it the visibility `app`, or mend the name");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        let piece = |token: &Token<'_>| match token {
            Token::Word(word) => word.to_string(),
            Token::Text(text) => format!("<{text}>"),
            Token::Sign(c) => c.to_string(),
        };
        tokens(text).iter().map(piece).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn scripts_are_cut_as_engines_cut_them() {
        for (text, pieces) in [
            ("a // b\n/* c */ d", "a d"),
            ("'a' + \"b\" + `c`", "<abc>"),
            (
                r"'\x68\u0074\u{74}p\
s'",
                "<https>",
            ),
            ("x['eval']", "x . eval"),
            ("x[\"ev\" + 'al'](1)", "x . eval ( 0 )"),
            ("['eval']", "[ <eval> ]"),
            (r"\u0065val(x)", "eval ( x )"),
            ("a = /['\"]/.test(b)", "a = 0 . test ( b )"),
            ("if (a) /['\"]/.test(b)", "if ( a ) 0 . test ( b )"),
            ("a / b / c", "a / b / c"),
            ("(1) / 'x' / 2", "( 0 ) / <x> / 0"),
            ("x.return / 'x' / 2", "x . return / <x> / 0"),
            ("`a${b}c${`d${e}`}f`", "<a> + b + <cd> + e + <f>"),
            ("`${{a:1}}`", "<> + { a : 0 } + <>"),
            ("'a\nb", "<a> b"),
        ] {
            assert_eq!(shown(text), pieces, "{text}");
        }
    }
}
