//! Keys in two spellings. Some readers look at no case, as Go's `encoding/json` and many of .NET and Java do, and take
//! the last of several spellings: what is judged under one must not come under another beside it.
use crate::kernel::json::Value;

/// The first of these words that an object has as a key in another spelling.
pub fn respelled<'w>(object: Value<'_>, words: &[&'w str]) -> Option<&'w str> {
    object.entries().find_map(|(key, _)| {
        let key = key.text();
        let mut words = words.iter().copied();
        match key.is_ascii() {
            // Most words are longer or shorter.
            true => words.find(|word| word.len() == key.len() && *word != key && word.eq_ignore_ascii_case(&key)),
            false => words.find(|word| is_other_spelling(&key, word)),
        }
    })
}

/// Whether a key that is not of ASCII is a word but for its case: the long s and the sign of Kelvin are cases of s and k.
fn is_other_spelling(key: &str, word: &str) -> bool {
    key.to_lowercase() == word.to_lowercase() || key.to_uppercase() == word.to_uppercase()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::json::Document;

    #[test]
    fn a_word_is_told_from_its_other_spellings_and_from_other_words() {
        let document = |key: &str| Document::reread(format!("{{\"{key}\":1}}")).unwrap();
        let is_other_spelling = |key: &str, word: &str| respelled(document(key).root(), &["name", word]).is_some();
        for (key, expected) in [
            ("arguments", false),
            ("Arguments", true),
            ("argument\u{17f}", true),
            ("ARGUMENT\u{17f}", true),
            ("argument", false),
            ("argumentss", false),
            ("arguments\u{200b}", false),
        ] {
            assert_eq!(is_other_spelling(key, "arguments"), expected, "{key}");
        }
        assert!(is_other_spelling("tas\u{212a}", "task") && is_other_spelling("ur\u{131}", "uri"));
    }
}
