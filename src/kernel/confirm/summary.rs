//! What a person is shown of a call: plain text in which nothing can pretend to be something else.
//!
//! Arguments come from a model that may have read anything. Characters that are invisible, reverse what one sees or
//! move the cursor are written out; what is long is cut where one can see it, with the digest of the whole.
use super::binding::Call;
use crate::kernel::digest::Digest;
use crate::kernel::json::{Kind, Value};
use std::fmt::Write as _;

/// Longest value that is shown, in characters.
const VALUE_MAX: usize = 400;
/// Most lines of arguments.
const LINES_MAX: usize = 60;
/// Longest preview that is shown, in characters.
pub const PREVIEW_MAX: usize = 4000;

/// One argument, or a part of one.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Line {
    /// Where it stands, as in `address.city`.
    pub name: String,
    /// Its value in plain text.
    pub value: String,
}

/// A text of which a person sees every character, cut visibly.
pub fn plain(text: &str, most: usize) -> String {
    let mut out = String::with_capacity(text.len().min(most * 4));
    for (shown, c) in text.chars().enumerate() {
        if shown >= most {
            let rest = text.chars().count() - shown;
            let _ = write!(out, "… [{rest} more characters, sha256 {}]", Digest::of(text.as_bytes()).short());
            return out;
        }
        match c {
            ' '..='~' => out.push(c),
            '\n' => out.push('\n'),
            c if is_hidden(c) => {
                let _ = write!(out, "\\u{{{:x}}}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out
}

/// The same on one line.
pub fn one_line(text: &str, most: usize) -> String {
    let plain = plain(text, most);
    if plain.contains('\n') { plain.replace('\n', "\\n") } else { plain }
}

/// Characters that nobody sees, or that change how others are seen.
fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(u32::from(c),
            0xad | 0x34f | 0x61c | 0x115f | 0x1160 | 0x17b4 | 0x17b5 | 0x180b..=0x180f | 0x200b..=0x200f
            | 0x2028..=0x202e | 0x2060..=0x206f | 0x3164 | 0xfe00..=0xfe0f | 0xfeff | 0xffa0 | 0xfff0..=0xfffc
            | 0x1bca0..=0x1bca3 | 0x1d173..=0x1d17a | 0xe0000..=0xe0fff)
        // Spaces other than the plain one.
        || (c.is_whitespace() && c != ' ')
        // Marks piled on one letter hide what is below; one is shown with its letter by the reader's font.
        || matches!(u32::from(c), 0x20d0..=0x20ff | 0xfe20..=0xfe2f)
}

/// The arguments, those under `hidden` (dotted paths) not shown.
pub fn arguments(arguments: Option<Value<'_>>, hidden: &[String]) -> Vec<Line> {
    let mut lines = Vec::new();
    if let Some(arguments) = arguments {
        add(arguments, "", hidden, &mut lines);
    }
    if lines.len() > LINES_MAX {
        let more = lines.len() - LINES_MAX;
        lines.truncate(LINES_MAX);
        let raw = arguments.map(Value::raw).unwrap_or_default();
        let value = format!("{more} more values, sha256 of all {}", Digest::of(raw).short());
        lines.push(Line { name: "…".to_owned(), value });
    }
    lines
}

fn add(value: Value<'_>, path: &str, hidden: &[String], lines: &mut Vec<Line>) {
    let line = |value: String| Line { name: one_line(path, 120), value };
    if hidden.iter().any(|name| name == path) {
        return lines.push(line(format!("[hidden, sha256 {}]", Digest::of(value.raw()).short())));
    }
    let below = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
    // Enough to say that there is more; what is beyond is counted and not kept.
    if lines.len() > 10_000 {
        return;
    }
    match value.kind() {
        Kind::Object if value.entries().next().is_some() => {
            for (key, value) in value.entries() {
                add(value, &below(&key.text()), hidden, lines);
            }
        }
        Kind::Array if value.elements().next().is_some() => {
            for (index, value) in value.elements().enumerate() {
                add(value, &below(&index.to_string()), hidden, lines);
            }
        }
        Kind::String { .. } => {
            lines.push(line(format!("\"{}\"", one_line(&value.as_str().unwrap_or_default(), VALUE_MAX))));
        }
        _ => lines.push(line(one_line(&String::from_utf8_lossy(value.raw()), VALUE_MAX))),
    }
}

/// The summary in one text, for a client that shows plain text only.
pub fn text(call: &Call, lines: &[Line], preview: Option<&str>) -> String {
    let what = match call.effect {
        crate::kernel::policy::source::Effect::Read => "reads",
        crate::kernel::policy::source::Effect::Write => "changes data",
        crate::kernel::policy::source::Effect::Destructive => "deletes, or cannot be undone",
        crate::kernel::policy::source::Effect::Egress => "sends data out",
    };
    let long = |line: &Line| line.name.len() + line.value.len() + 5;
    let shown = lines.iter().map(long).sum::<usize>() + preview.map_or(0, str::len);
    let mut out = String::with_capacity(shown + 300);
    let _ = write!(out, "Allow this call? {} on {}: {what}.", one_line(&call.tool, 120), call.server);
    for Line { name, value } in lines {
        let _ = write!(out, "\n  {name}: {value}");
    }
    if lines.is_empty() {
        out.push_str("\n  without arguments");
    }
    if let Some(preview) = preview {
        let _ = write!(out, "\nPreview, nothing done yet:\n{preview}");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::json::{Bounds, Document};
    use proptest::prelude::*;

    fn lines(json: &str, hidden: &[&str]) -> Vec<String> {
        let document = Document::parse(json.to_owned().into(), &Bounds::default()).unwrap();
        let hidden: Vec<String> = hidden.iter().map(|h| (*h).to_owned()).collect();
        arguments(Some(document.root()), &hidden).into_iter().map(|l| format!("{}={}", l.name, l.value)).collect()
    }

    #[test]
    fn every_value_is_shown_where_it_stands_and_nothing_hides() {
        assert_eq!(
            lines(r#"{"id":7,"to":{"city":"Ulm","tags":["a",true,null]},"n":{}}"#, &[]),
            ["id=7", "to.city=\"Ulm\"", "to.tags.0=\"a\"", "to.tags.1=true", "to.tags.2=null", "n={}"]
        );
        assert_eq!(lines("{\"t\":\"a\u{202e}b\\nc\u{200b}\"}", &[]), ["t=\"a\\u{202e}b\\nc\\u{200b}\""]);
        assert_eq!(lines(r#"{"a\n":"<b>x</b>"}"#, &[]), ["a\\n=\"<b>x</b>\""], "markup is text");
    }

    #[test]
    fn what_the_policy_hides_is_a_digest_and_what_is_long_is_cut_visibly() {
        let shown = lines(r#"{"card":{"number":"4111"},"id":1}"#, &["card.number"]);
        assert!(shown[0].starts_with("card.number=[hidden, sha256 ") && !shown[0].contains("4111"), "{shown:?}");
        let long = "x".repeat(100_000);
        let shown = lines(&format!(r#"{{"t":"{long}"}}"#), &[]);
        let digest = Digest::of(long.as_bytes()).short().to_string();
        assert!(shown[0].len() < 600 && shown[0].contains("99600 more characters") && shown[0].contains(&digest));
        let many: Vec<String> = (0..500).map(|n| n.to_string()).collect();
        let shown = lines(&format!("{{\"a\":[{}]}}", many.join(",")), &[]);
        assert_eq!(shown.len(), LINES_MAX + 1);
        assert!(shown[LINES_MAX].contains("440 more values"), "{}", shown[LINES_MAX]);
    }

    proptest! {
        #[test]
        fn no_text_has_a_character_that_is_not_seen(text in "\\PC{0,30}|.{0,60}") {
            prop_assert!(!one_line(&text, 50).chars().any(is_hidden));
        }
    }
}
