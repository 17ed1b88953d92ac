//! What a server says in results and errors, looked at for what a model reads and a person does not see.
use super::poison::{hidden, strip};
use crate::kernel::json::{Patches, Value, string};

/// Takes hidden characters and terminal sequences out of every text below `value`, except below those that `whole`
/// holds for: they are delivered to the byte or not at all. What is replaced already is left as it is. Counts the
/// texts that had any; an error names what cannot be taken out.
pub fn unhide(
    value: Value<'_>,
    whole: &impl Fn(Value<'_>) -> bool,
    patches: &mut Patches,
) -> Result<usize, &'static str> {
    if !may_hide(value.raw()) {
        return Ok(0);
    }
    if whole(value) || patches.touch(value) {
        return Ok(0);
    }
    if let Some(text) = value.as_str() {
        if hidden(&text).is_none() {
            return Ok(0);
        }
        patches.replace(value, string(&strip(&text)));
        return Ok(1);
    }
    let mut found = 0;
    for (key, entry) in value.entries() {
        if hidden(&key.text()).is_some() {
            return Err("hidden text in a key");
        }
        found += unhide(entry, whole, patches)?;
    }
    for element in value.elements() {
        found += unhide(element, whole, patches)?;
    }
    Ok(found)
}

/// Whether JSON may have anything hidden in it. Nothing is in printable ASCII whose escapes stand for such or for line
/// ends and tabs, which is what most replies are.
fn may_hide(json: &[u8]) -> bool {
    let seen = |byte: &u8| matches!(byte, b' '..=b'~' | b'\t' | b'\n' | b'\r');
    let stands = |(first, second): (&u8, &u8)| *first == b'\\' && matches!(second, b'u' | b'b' | b'f');
    // Whole pieces without a branch per byte, which compilers turn into vector code.
    const PIECE: usize = 256;
    json.chunks(PIECE).any(|piece| !piece.iter().fold(true, |all, byte| all & seen(byte)))
        || json
            .chunks(PIECE)
            .zip(json.get(1..).unwrap_or_default().chunks(PIECE))
            .any(|(piece, next)| piece.iter().zip(next).fold(false, |any, pair| any | stands(pair)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::json::{Bounds, Document};

    fn read(text: &str) -> Document {
        Document::parse(text.to_owned().into(), &Bounds::default()).unwrap()
    }

    #[test]
    fn hidden_characters_go_and_every_other_byte_stays() {
        let document =
            read("{\"a\" : [\"plain\", \"ig\\u200bnore\", 1.50, \"na\u{ef}ve\\n\"],\"b\":{\"c\":\"\\u001b[2Jx\"}}");
        let mut patches = Patches::default();
        assert_eq!(unhide(document.root(), &|_| false, &mut patches), Ok(2));
        let text = document.write(&patches);
        let expected = "{\"a\":[\"plain\",\"ignore\",1.50,\"na\u{ef}ve\\n\"],\"b\":{\"c\":\"x\"}}";
        assert_eq!(std::str::from_utf8(&text).unwrap().replace(" : ", ":").replace(", ", ","), expected);
    }

    #[test]
    fn what_is_delivered_whole_is_not_touched_and_a_key_that_hides_something_is_refused() {
        let document = read(r#"{"a":"x\u200b","k\u200b":1}"#);
        let first = document.root().get("a").unwrap().place();
        let mut patches = Patches::default();
        let whole = |value: Value<'_>| value.place() == first;
        assert!(unhide(document.root(), &whole, &mut patches).is_err());
        assert!(patches.is_empty());
    }
}
