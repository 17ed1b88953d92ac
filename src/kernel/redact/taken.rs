//! What stands where a value was taken out: placeholders and masks, see [`super::cover`].
//!
//! They are values, whatever their names say. A label before one has had its value, and a name in one is no label: else
//! taking out one value would show another, and redacting twice would change something.
use super::Kind;

/// Stars in a row that are a mask; markup has fewer.
const STARS: usize = 4;
/// The longest placeholder, `[KIND#period:digest]`. A token's seal is longer, and its end is seen.
const LONGEST: usize = 96;

/// Where the text goes on behind the last of them.
pub fn behind_last(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut end = bytes.len();
    while let Some(at) = bytes.get(..end).and_then(|front| memchr::memrchr2(b']', b'*', front)) {
        end = match bytes.get(at) {
            Some(b'*') => {
                let front = bytes.get(..=at).unwrap_or_default();
                let stars = front.iter().rev().take_while(|byte| **byte == b'*').count();
                if stars >= STARS {
                    // The last four may be left, and the marks between.
                    let of_mask = |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'*');
                    return Some(at + 1 + bytes.get(at + 1..)?.iter().take_while(of_mask).count());
                }
                at + 1 - stars
            }
            _ if is_placeholder(text.get(..=at).unwrap_or_default()) => return Some(at + 1),
            _ => at,
        };
    }
    None
}

/// Where the first of them begins.
pub fn first(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut from = 0;
    while let Some(found) = bytes.get(from..).and_then(|rest| memchr::memchr2(b'[', b'*', rest)) {
        let at = from + found;
        let rest = text.get(at..)?;
        let stars = rest.bytes().take_while(|byte| *byte == b'*').count();
        if stars >= STARS || begins(rest) {
            return Some(at);
        }
        from = at + stars.max(1);
    }
    None
}

/// Whether a text ends with a placeholder.
fn is_placeholder(text: &str) -> bool {
    let near = text.get(text.floor_char_boundary(text.len().saturating_sub(LONGEST))..).unwrap_or_default();
    near.rfind('[').is_some_and(|open| begins(near.get(open..).unwrap_or_default()))
}

/// Whether a text begins with one, as far as its name.
fn begins(text: &str) -> bool {
    let Some(inner) = text.strip_prefix('[') else { return false };
    let length = inner.bytes().take_while(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || *byte == b'_');
    let (name, rest) = inner.split_at_checked(length.count()).unwrap_or_default();
    let known = || Kind::ALL.iter().chain(&[Kind::Unread]).any(|kind| kind.name() == name);
    name.len() > 2 && rest.starts_with([']', '#', '~']) && known()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_and_placeholders_are_known_by_their_shape() {
        for (text, behind, begin) in [
            ("dl=[DRIVER_LICENSE]=00", Some(19), Some(3)),
            ("dl=[DRIVER_LICENSE#3f:00aa11]=00", Some(29), Some(3)),
            ("card ****-****-****-1111 x", Some(24), Some(5)),
            ("pw ******** x", Some(11), Some(3)),
            ("**Phone:** [HOME] [x] a[0]", None, None),
            ("[EMAIL] and [PHONE]: ", Some(19), Some(0)),
            ("", None, None),
        ] {
            assert_eq!((behind_last(text), first(text)), (behind, begin), "{text}");
        }
    }
}
