//! Texts that are not UTF-8: what other programs export and mail. Which of them it is nobody says, so it is guessed.

/// How letters are written as bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Charset {
    /// UTF-8.
    Utf8,
    /// One byte a letter, as ISO 8859-1 has them. Of other such sets the letters are wrong, all of ASCII is right.
    Latin,
    /// UTF-16, the lower byte first.
    Little,
    /// UTF-16, the higher byte first.
    Big,
}

/// UTF-16, if bytes begin as it does: with its mark (RFC 2781, section 3.2), or with three letters of ASCII.
pub fn wide(head: &[u8]) -> Option<Charset> {
    match head {
        [0xFF, 0xFE, ..] => Some(Charset::Little),
        [0xFE, 0xFF, ..] => Some(Charset::Big),
        [1..=255, 0, 1..=255, 0, 1..=255, 0, ..] => Some(Charset::Little),
        [0, 1..=255, 0, 1..=255, 0, 1..=255, ..] => Some(Charset::Big),
        _ => None,
    }
}

/// UTF-16, if all bytes together look like it: a text of any script has spaces, digits and lines, whose higher byte is zero.
pub fn wide_of(bytes: &[u8]) -> Option<Charset> {
    wide(bytes).or_else(|| {
        let zeros = |at: usize| bytes.as_chunks::<2>().0.iter().filter(|pair| pair.get(at) == Some(&0)).count();
        memchr::memchr(0, bytes)?;
        match (zeros(0), zeros(1)) {
            (0, some) if some * 32 >= bytes.len() => Some(Charset::Little),
            (some, 0) if some * 32 >= bytes.len() => Some(Charset::Big),
            _ => None,
        }
    })
}

/// The text that bytes are and how they are written; nothing if they are none.
pub fn read(bytes: Vec<u8>) -> Option<(String, Charset)> {
    if let Some(charset) = wide_of(&bytes) {
        return Some((read_wide(&bytes, charset), charset));
    }
    match String::from_utf8(bytes) {
        Ok(text) => Some((text, Charset::Utf8)),
        Err(fault) => {
            Some(fault.into_bytes()).filter(|bytes| is_latin(bytes)).map(|bytes| (read_latin(&bytes), Charset::Latin))
        }
    }
}

/// Bytes that are known to be UTF-16; what is none becomes U+FFFD.
pub fn read_wide(bytes: &[u8], charset: Charset) -> String {
    let unit = if charset == Charset::Big { u16::from_be_bytes } else { u16::from_le_bytes };
    let units: Vec<u16> = bytes.as_chunks().0.iter().map(|pair| unit(*pair)).collect();
    String::from_utf16_lossy(&units)
}

/// Bytes as letters of ISO 8859-1.
pub fn read_latin(bytes: &[u8]) -> String {
    bytes.iter().copied().map(char::from).collect()
}

/// Whether there are as few bytes without a letter as in a text.
pub fn is_latin(bytes: &[u8]) -> bool {
    let marks = bytes.iter().filter(|byte| byte.is_ascii_control() && !matches!(byte, b'\n' | b'\r' | b'\t')).count();
    marks * 50 <= bytes.len()
}

/// The same, and most of them are of ASCII: what is no text by its place is one only then.
pub fn is_mostly_ascii(bytes: &[u8]) -> bool {
    is_latin(bytes) && bytes.iter().filter(|byte| byte.is_ascii()).count() * 4 >= bytes.len() * 3
}

/// A text in bytes; in UTF-8 if it has letters that the set has not.
pub fn write(text: &str, charset: Charset) -> Vec<u8> {
    match charset {
        Charset::Little => text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
        Charset::Big => text.encode_utf16().flat_map(u16::to_be_bytes).collect(),
        Charset::Utf8 => text.as_bytes().to_vec(),
        Charset::Latin => {
            let bytes: Result<Vec<u8>, _> = text.chars().map(u8::try_from).collect();
            bytes.unwrap_or_else(|_| text.as_bytes().to_vec())
        }
    }
}
