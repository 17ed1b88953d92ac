//! Texts of a tool's result that are JSON, and how each stands to the structured result beside it (2025-06-18,
//! "Structured Content": a tool should repeat it as text). Half of a real result is such a text, so it is read once, for
//! whoever asks; and not at all where it is the structured result to the byte.
use crate::kernel::json::{Document, Fault, Value};
use std::borrow::Cow;
use std::cell::OnceCell;

/// A text that is JSON.
#[derive(Clone)]
pub struct Mirror<'d> {
    /// The block of `content` that it is in.
    pub block: Value<'d>,
    /// The text.
    pub text: Value<'d>,
    /// What it says.
    pub says: Says,
}

/// What a text says, beside a structured result.
#[derive(Clone)]
pub enum Says {
    /// The same to the byte.
    Same,
    /// The same node for node, as it is spelled here.
    Twin(Document),
    /// The same, with keys in another order.
    Equal,
    /// Something else, or to some readers something else: they take a repeated key for JSON, and it is theirs that counts.
    Other,
}

/// The texts of one result that are JSON, read when somebody first asks.
#[derive(Default)]
pub struct Mirrors<'d>(OnceCell<((usize, u32), Vec<Mirror<'d>>)>);

impl<'d> Mirrors<'d> {
    /// Of this result. Whoever asks about the same one again is told what was read.
    pub fn of(&self, result: Value<'d>) -> Cow<'_, [Mirror<'d>]> {
        let (place, read) = self.0.get_or_init(|| (result.place(), mirrors(result)));
        if *place == result.place() { Cow::Borrowed(read) } else { Cow::Owned(mirrors(result)) }
    }
}

fn mirrors<'d>(result: Value<'d>) -> Vec<Mirror<'d>> {
    let Some(value) = result.get("structuredContent") else { return Vec::new() };
    let canonical = |value: Value<'_>| {
        let mut out = Vec::new();
        value.canonical(&mut out);
        out
    };
    // Once, however many blocks there are: the server chooses their number.
    let mut checked = None;
    let mut says = |text: Value<'_>| {
        if text.says(value.raw()) {
            return Some(Says::Same);
        }
        let said = text.as_str().filter(|said| said.trim_start().starts_with(['{', '[']))?;
        match Document::reread(said.into_owned()) {
            Ok(document) if document.root().is_twin(value) => Some(Says::Twin(document)),
            Ok(document) if canonical(document.root()) == *checked.get_or_insert_with(|| canonical(value)) => {
                Some(Says::Equal)
            }
            // What is too deep or too much to compare may be anything.
            Ok(_) | Err(Fault::DuplicateKey | Fault::TooDeep | Fault::TooManyNodes) => Some(Says::Other),
            Err(_) => None,
        }
    };
    let blocks = result.get("content").into_iter().flat_map(Value::elements);
    let texts = blocks.filter_map(|block| Some((block, block.get("text").filter(|text| may_be_json(*text))?)));
    texts.filter_map(|(block, text)| Some(Mirror { block, text, says: says(text)? })).collect()
}

/// Told from the first byte, so that prose is not decoded for nothing.
fn may_be_json(text: Value<'_>) -> bool {
    let first = text.raw().iter().skip(1).find(|byte| **byte != b' ');
    // What is escaped or not ASCII may be a space, or either bracket.
    matches!(first, Some(b'{' | b'[' | b'\\' | 0x80..))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(structured: &str, texts: &[&str]) -> Vec<(usize, &'static str)> {
        let texts = texts.iter().map(|text| serde_json::json!({ "type": "text", "text": text }).to_string());
        let texts: Vec<_> = texts.collect();
        let text = format!(r#"{{"content":[{}],"structuredContent":{structured}}}"#, texts.join(","));
        let document = Document::reread(text).unwrap();
        let blocks: Vec<_> = document.root().get("content").unwrap().elements().map(|block| block.place()).collect();
        let mirrors = Mirrors::default();
        let told = mirrors.of(document.root());
        let at = |mirror: &Mirror<'_>| blocks.iter().position(|block| *block == mirror.block.place()).unwrap();
        let word = |mirror: &Mirror<'_>| match mirror.says {
            Says::Same => "same",
            Says::Twin(_) => "twin",
            Says::Equal => "equal",
            Says::Other => "other",
        };
        told.iter().map(|mirror| (at(mirror), word(mirror))).collect()
    }

    #[test]
    fn a_text_is_told_by_what_it_says_and_not_by_how() {
        let value = r#"{"a":"x\"y","b":[1,2.0]}"#;
        let texts = [
            value,
            "prose",
            "{\n  \"a\": \"x\\\"y\",\n  \"b\": [1, 2.0]\n}",
            " {\"b\":[1,2.0],\"a\":\"x\\u0022y\"}",
            r#"{"a":"x\"y","b":[1,2]}"#,
            r#"{"a":"x\"y","b":[1,2.0],"a":"z"}"#,
            r#"{"a":"x\"y","b":[1,2.0]"#,
            "\u{a0}{\"a\":1}",
            "\n{}",
            "7",
            &format!("{}{}", "[".repeat(400), "]".repeat(400)),
        ];
        let expected =
            [(0, "same"), (2, "twin"), (3, "equal"), (4, "other"), (5, "other"), (8, "other"), (10, "other")];
        assert_eq!(told(value, &texts), expected);
        assert_eq!(told("7", &["7", "[7]"]), [(1, "other")]);
    }

    #[test]
    fn another_result_is_not_told_what_this_one_says() {
        let text = r#"{"content":[{"text":"{}"}],"structuredContent":{},"result":{"content":[{"text":"[]"}],"structuredContent":{}}}"#;
        let document = Document::reread(text).unwrap();
        let mirrors = Mirrors::default();
        assert!(matches!(mirrors.of(document.root())[..], [Mirror { says: Says::Same, .. }]));
        assert!(matches!(mirrors.of(document.root().get("result").unwrap())[..], [Mirror { says: Says::Other, .. }]));
        assert!(mirrors.of(document.root().get("structuredContent").unwrap()).is_empty());
    }
}
