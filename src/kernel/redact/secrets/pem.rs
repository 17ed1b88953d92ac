//! Private keys in PEM armour (RFC 7468, OpenSSH, OpenPGP): the whole block, also when line ends are escaped
//! or the end is missing.
use super::{Finds, Kind};

/// The block whose `-----BEGIN ` starts at `start`, when it holds a private key.
pub(super) fn find(finds: &mut Finds<'_>, start: usize) {
    let text = finds.bytes;
    let label = start + "-----BEGIN ".len();
    let length =
        text.from(label).iter().take(60).take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b' ').count();
    let title = finds.str(label, label + length);
    let body = label + length + 5;
    if !title.contains("PRIVATE KEY") || !text.has(label + length, "-----") {
        return;
    }
    // The next dashes end the block, or begin another: then this one was cut.
    let dashes = memchr::memmem::find(text.from(body), b"-----").map_or(text.len(), |at| body + at);
    let end = if text.has(dashes, "-----END ") {
        let after = dashes + "-----END ".len();
        let length =
            text.from(after).iter().take(60).take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b' ').count();
        after + length + text.from(after + length).iter().take(5).take_while(|byte| **byte == b'-').count()
    } else {
        let armour = |byte: &&u8| {
            byte.is_ascii_alphanumeric()
                || matches!(**byte, b'+' | b'/' | b'=' | b'\n' | b'\r' | b'\\' | b' ' | b'\t' | b':' | b',' | b'-')
        };
        body + text.range(body, dashes).iter().take_while(armour).count()
    };
    let drawn = text.range(body, dashes.min(end)).iter().filter(|byte| byte.is_ascii_alphanumeric()).count();
    if drawn >= 24 && !super::value::contains(text.range(body, dashes.min(body + 400)), "xxxxxx") {
        finds.add(start, end, Kind::PrivateKey, 99);
    }
}
