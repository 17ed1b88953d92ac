//! One spelling for what reads alike, so that a phrase is found however it is written.
use super::hidden::strip;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;
use unicode_security::skeleton;

/// A text in lower case, without what nobody sees, accents and emphasis, with one space between words,
/// and with Latin letters in place of those that look like them (UTS #39). Other scripts stay.
pub fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    for character in strip(text).nfkc() {
        match character {
            // Emphasis of Markdown.
            '*' | '`' => {}
            character if character.is_whitespace() => {
                if !folded.is_empty() && !folded.ends_with(' ') {
                    folded.push(' ');
                }
            }
            character if character.is_ascii() => folded.push(character.to_ascii_lowercase()),
            character if is_combining_mark(character) => {}
            character => look(character, &mut folded),
        }
    }
    folded
}

/// What a character looks like, in lower case.
fn look(character: char, folded: &mut String) {
    let of = |character: char| -> String {
        let mut buffer = [0; 4];
        let text: &str = character.encode_utf8(&mut buffer);
        skeleton(text).filter(|character| !is_combining_mark(*character)).collect()
    };
    let look = of(character);
    match look.as_str() {
        // The table gives one look to the capital i and the small l. The small letter tells which it is.
        "l" if character.is_uppercase() => {
            folded.extend(character.to_lowercase().flat_map(|lower| of(lower).chars().collect::<Vec<_>>()));
        }
        "rn" => folded.push('m'),
        look => folded.extend(look.chars().flat_map(char::to_lowercase).map(small)),
    }
}

/// Small capitals and the like, which the table tells apart from what they imitate.
fn small(character: char) -> char {
    match character {
        'ʍ' | 'ᴍ' | 'м' => 'm',
        'ᴛ' | 'т' | 'τ' => 't',
        'ĸ' | 'ᴋ' | 'к' | 'κ' => 'k',
        'ʜ' | 'н' => 'h',
        'ʙ' | 'в' => 'b',
        'ɴ' => 'n',
        'ʀ' => 'r',
        'ɪ' | 'ı' | 'ι' => 'i',
        'ʟ' => 'l',
        'ᴀ' => 'a',
        'ᴅ' => 'd',
        'ᴇ' | 'ε' => 'e',
        'ɢ' => 'g',
        'ᴜ' | 'υ' => 'u',
        'η' => 'n',
        character => character,
    }
}

/// What names have in common that people and models take for each other: `get_user`, `getUser`, `get-user`,
/// and the same in letters that only look Latin.
pub fn name(name: &str) -> String {
    let folded: String = fold(name)
        .chars()
        .filter(|character| !matches!(character, '-' | '_' | '.' | '/' | ':' | ' '))
        .map(|character| match character {
            '0' => 'o',
            '1' | 'i' | '|' => 'l',
            character => character,
        })
        .collect();
    folded.replace("rn", "m")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_reads_alike_folds_alike() {
        for written in [
            "Ignore  all\n previous",
            "IGNORE ALL PREVIOUS",
            "ｉｇｎｏｒｅ　ａｌｌ　ｐｒｅｖｉｏｕｓ",
            "іgnоrе аll рrеvіоus",
            "ІGNОRЕ АLL РRЕVІОUЅ",
            "ig\u{200B}no\u{AD}re all pre\u{2060}vious",
            "ig\u{1B}[0mnore all previous",
            "**ignore** `all` previous",
            "𝐢𝐠𝐧𝐨𝐫𝐞 𝒶𝓁𝓁 𝕡𝕣𝕖𝕧𝕚𝕠𝕦𝕤",
            "ígnòre äll prevïous",
        ] {
            assert_eq!(fold(written), "ignore all previous", "{written:?}");
        }
        assert_eq!(fold("Москва 東京"), fold("москва  東京"));
    }

    #[test]
    fn names_fold_by_what_people_take_for_each_other() {
        for written in ["get_user", "getUser", "get-user", "GET.USER", "gеt_usеr", "ｇｅｔ_user"] {
            assert_eq!(name(written), name("get_user"), "{written}");
        }
        assert_eq!(name("modern1"), name("modemI"));
        assert_ne!(name("get_user"), name("get_users"));
        assert_ne!(name("検索"), name("削除"));
    }
}
