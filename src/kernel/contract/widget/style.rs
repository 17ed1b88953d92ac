//! What CSS loads. A tokenizer by CSS Syntax Level 3, section 4, as far as URLs need it: comments,
//! strings, escapes, `url()`, `@import`, and functions whose strings are URLs.
//!
//! It is written here because the well-kept CSS parsers are under the MPL, which `deny.toml` does
//! not admit, and because finding URLs needs no grammar above the tokens.

/// How the text is loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Load {
    /// Another style sheet.
    Import,
    /// An image, a font, a cursor.
    Url,
}

/// Functions whose strings are URLs.
const LOADING: &[&str] = &["url", "src", "image", "image-set", "-webkit-image-set", "-moz-image-rect", "cross-fade"];

/// Every URL that the style sheet or declaration list loads, with escapes undone.
pub fn loads(css: &str) -> Vec<(Load, String)> {
    let mut reader = Reader { rest: css, functions: Vec::new(), rule: String::new(), found: Vec::new() };
    while reader.step() {}
    reader.found
}

struct Reader<'a> {
    rest: &'a str,
    /// Whether strings are URLs within each open parenthesis, or one around it.
    functions: Vec<bool>,
    /// The at-rule whose prelude this is.
    rule: String,
    found: Vec<(Load, String)>,
}

impl Reader<'_> {
    fn step(&mut self) -> bool {
        let Some(c) = self.rest.chars().next() else { return false };
        if self.rest.starts_with("/*") {
            self.rest = self.rest.split_once("*/").map_or("", |(_, rest)| rest);
            return true;
        }
        if name_char(c) || c == '\\' {
            let name = self.name();
            if name.is_empty() {
                self.next();
            } else if self.rest.starts_with('(') {
                self.next();
                self.function(&name);
            }
            return true;
        }
        self.next();
        match c {
            '"' | '\'' => {
                let text = self.string(c);
                if self.rule == "import" {
                    self.found.push((Load::Import, text));
                } else if self.rule != "namespace" && self.loading() {
                    self.found.push((Load::Url, text));
                }
            }
            '@' => self.rule = self.name(),
            '(' => self.functions.push(self.loading()),
            ')' => {
                self.functions.pop();
            }
            '{' | '}' | ';' => {
                self.rule.clear();
                self.functions.clear();
            }
            _ => {}
        }
        true
    }

    fn loading(&self) -> bool {
        self.functions.last() == Some(&true)
    }

    /// After the parenthesis of a function.
    fn function(&mut self, name: &str) {
        if name != "url" {
            self.functions.push(self.loading() || LOADING.contains(&name));
            return;
        }
        self.rest = self.rest.trim_start();
        if self.rest.starts_with(['"', '\'']) {
            self.functions.push(true);
            return;
        }
        let mut text = String::new();
        while let Some(c) = self.next() {
            match c {
                ')' => break,
                '\\' => text.extend(self.escape()),
                c => text.push(c),
            }
        }
        let load = if self.rule == "import" { Load::Import } else { Load::Url };
        if self.rule != "namespace" {
            self.found.push((load, text.trim_end().to_owned()));
        }
    }

    /// A name, in lower case.
    fn name(&mut self) -> String {
        let mut name = String::new();
        while let Some(c) = self.rest.chars().next() {
            if c == '\\' {
                self.next();
                name.extend(self.escape());
            } else if name_char(c) {
                self.next();
                name.push(c.to_ascii_lowercase());
            } else {
                break;
            }
        }
        name.make_ascii_lowercase();
        name
    }

    fn string(&mut self, quote: char) -> String {
        let mut text = String::new();
        while let Some(c) = self.next() {
            match c {
                // A line break ends a string that was not closed.
                '\n' => break,
                '\\' => text.extend(self.escape()),
                c if c == quote => break,
                c => text.push(c),
            }
        }
        text
    }

    /// After the backslash. A line break stands for nothing.
    fn escape(&mut self) -> Option<char> {
        let digits = self.rest.bytes().take(6).take_while(u8::is_ascii_hexdigit).count();
        if digits == 0 {
            return self.next().filter(|c| *c != '\n');
        }
        let (hex, rest) = self.rest.split_at_checked(digits)?;
        self.rest = rest.strip_prefix([' ', '\n', '\t']).unwrap_or(rest);
        u32::from_str_radix(hex, 16).ok().and_then(char::from_u32)
    }

    fn next(&mut self) -> Option<char> {
        let mut chars = self.rest.chars();
        let c = chars.next();
        self.rest = chars.as_str();
        c
    }
}

fn name_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_') || !c.is_ascii()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_to_load_something_is_found() {
        for (css, load, url) in [
            ("a{background:url(https://e.test/x)}", Load::Url, "https://e.test/x"),
            ("a{background:URL( 'https://e.test/x' )}", Load::Url, "https://e.test/x"),
            (r"a{background:u\72l(https://e.test/x)}", Load::Url, "https://e.test/x"),
            (r"a{background:url(\68ttps://e.test/x)}", Load::Url, "https://e.test/x"),
            ("a{background:/*;*/url/**/(x);b:url(https://e.test/x)}", Load::Url, "https://e.test/x"),
            ("@import 'https://e.test/x';", Load::Import, "https://e.test/x"),
            ("@IMPORT url(https://e.test/x) screen;", Load::Import, "https://e.test/x"),
            (r"@\69mport 'https://e.test/x';", Load::Import, "https://e.test/x"),
            ("a{background:image-set('https://e.test/x' 1x)}", Load::Url, "https://e.test/x"),
            ("a{background:-webkit-image-set('https://e.test/x' 1x)}", Load::Url, "https://e.test/x"),
            ("@font-face{src:url(https://e.test/x)", Load::Url, "https://e.test/x"),
        ] {
            assert!(loads(css).contains(&(load, url.to_owned())), "{css} {:?}", loads(css));
        }
    }

    #[test]
    fn what_loads_nothing_is_not_found() {
        for css in [
            "a{content:'https://e.test/x'}",
            "/* url(https://e.test/x) */",
            "@namespace svg url(https://e.test/x);",
            "a{--x:'url(https://e.test/x)'}",
        ] {
            assert_eq!(loads(css), [], "{css}");
        }
    }
}
