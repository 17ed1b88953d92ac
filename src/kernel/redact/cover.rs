//! What takes the place of a value. Nothing written here is found again, so that redacting twice changes nothing.
use super::{Group, Kind};

/// How many letters and digits a mask leaves, and the fewest a value must have for that.
const LEFT: usize = 4;
const SHORTEST: usize = 9;

/// `[CREDIT_CARD]`
pub fn placeholder(name: &str) -> String {
    format!("[{name}]")
}

/// Stars for letters and digits, the last four kept, marks kept: `****-****-****-1111`. What is short, or secret,
/// or tells by its end, or was not read, is masked whole and does not show its length.
pub fn mask(kind: Kind, value: &str) -> String {
    let whole = matches!(kind.group(), Some(Group::Secret))
        || matches!(kind, Kind::CardCvv | Kind::DateOfBirth | Kind::Email | Kind::IpAddress | Kind::Unread);
    let count = value.chars().filter(|character| character.is_alphanumeric()).count();
    if whole || count < SHORTEST {
        return "*".repeat(8);
    }
    let mut left = count;
    let cover = |character: char| {
        if !character.is_alphanumeric() {
            return if character.is_ascii_punctuation() || character == ' ' { character } else { '*' };
        }
        left -= 1;
        if left < LEFT { character } else { '*' }
    };
    value.chars().map(cover).collect()
}
