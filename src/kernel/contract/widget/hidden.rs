//! Secrets and characters that nobody sees, in the HTML of a user interface.
//!
//! Secrets are told by their beginnings, so only those whose makers gave them one are found.
use super::ground::Ground;
use crate::kernel::policy::flaw::Check;

/// How a secret begins, how many characters follow at least, what it is. Keys that are public by
/// design, such as those of maps, are not among them.
const SECRETS: &[(&str, usize, &str)] = &[
    ("AKIA", 16, "an AWS access key"),
    ("ASIA", 16, "an AWS access key"),
    ("ghp_", 30, "a GitHub token"),
    ("gho_", 30, "a GitHub token"),
    ("ghs_", 30, "a GitHub token"),
    ("ghu_", 30, "a GitHub token"),
    ("github_pat_", 30, "a GitHub token"),
    ("glpat-", 20, "a GitLab token"),
    ("sk-ant-", 20, "an Anthropic key"),
    ("sk-proj-", 20, "an OpenAI key"),
    ("sk-svcacct-", 20, "an OpenAI key"),
    ("sk_live_", 16, "a Stripe key"),
    ("rk_live_", 16, "a Stripe key"),
    ("whsec_", 24, "a Stripe secret"),
    ("xoxb-", 20, "a Slack token"),
    ("xoxp-", 20, "a Slack token"),
    ("xapp-", 20, "a Slack token"),
    ("npm_", 36, "an npm token"),
    ("hf_", 34, "a Hugging Face token"),
    ("SG.", 40, "a SendGrid key"),
    ("Bearer ", 24, "a bearer token"),
];

/// Adds a flaw for each kind of secret in the text.
pub(super) fn secrets(text: &str, ground: &mut Ground<'_>) {
    let mut found: Vec<&str> = Vec::new();
    for (beginning, least, what) in SECRETS {
        if starts(text, beginning).any(|rest| long(rest, *least)) {
            found.push(what);
        }
    }
    if starts(text, "eyJ").any(token) {
        found.push("a JSON Web Token");
    }
    if text.split("PRIVATE KEY-----").skip(1).any(|rest| body(rest) >= 40) {
        found.push("a private key");
    }
    found.dedup();
    for what in found {
        // The secret itself is not repeated: findings are logged and shown.
        ground.find(Check::UiSecret, 0, format!("the HTML has {what}"), "revoke it, and keep it on the server");
    }
}

/// What follows each place where the word stands by itself.
fn starts<'a>(text: &'a str, word: &'a str) -> impl Iterator<Item = &'a str> {
    text.match_indices(word).filter_map(move |(at, _)| {
        let (before, rest) = text.split_at_checked(at)?;
        let joined = before.ends_with(|c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '/' | '+'));
        rest.strip_prefix(word).filter(|_| !joined)
    })
}

fn run(text: &str) -> &str {
    let end = text.find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '-'))).unwrap_or(text.len());
    text.split_at_checked(end).map_or("", |(run, _)| run)
}

/// The run at the beginning, and what follows the dot behind it.
fn dotted(text: &str) -> Option<(&str, &str)> {
    let first = run(text);
    text.strip_prefix(first)?.strip_prefix('.').map(|after| (first, after))
}

/// Words of prose and code have no digits among so many letters.
fn long(rest: &str, least: usize) -> bool {
    // Some join two with a dot.
    if dotted(rest).is_some_and(|(first, after)| first.len() >= 20 && run(after).len() >= 20) {
        return true;
    }
    let run = run(rest);
    let digits = run.bytes().filter(u8::is_ascii_digit).count();
    run.len() >= least && digits > 0 && digits < run.len()
}

/// `eyJ….eyJ….…`: header and payload both begin with `{"`.
fn token(rest: &str) -> bool {
    let Some((header, rest)) = dotted(rest) else { return false };
    let Some((payload, signature)) = dotted(rest) else { return false };
    header.len() >= 12 && payload.starts_with("eyJ") && run(signature).len() >= 16
}

/// How many characters of base64 follow, line breaks as text or as such aside.
fn body(rest: &str) -> usize {
    let rest = rest.trim_start_matches(['\\', 'n', 'r', '\n', '\r', ' ', '"', '+', '\'']);
    rest.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/')).count()
}

/// Adds a flaw if the text has characters that nobody sees. In code, single ones are let pass:
/// libraries have them in patterns and tables.
pub(super) fn characters(text: &str, line: u64, code: bool, ground: &mut Ground<'_>) {
    if text.is_ascii() {
        return;
    }
    let (mut unseen, mut before) = (0_usize, ' ');
    // The flags of England, Scotland and Wales are spelt in tags.
    let mut flag = false;
    for c in text.chars() {
        flag = c == '\u{1F3F4}' || (flag && matches!(c, '\u{E0020}'..='\u{E007F}'));
        let words = match c {
            '\u{E0000}'..='\u{E007F}' if !flag => Some("a tag character, which spells text that nobody sees"),
            '\u{202D}' | '\u{202E}' if !code => Some("a character that reverses the text after it"),
            _ => None,
        };
        unseen = if invisible(c) { unseen + 1 } else { 0 };
        // Between emoji a joiner is as it should be; two of them in a row spell something.
        let run = if unseen == if code { 16 } else { 3 } { Some("a run of characters that nobody sees") } else { None };
        if let Some(words) = words.or(run) {
            let message = format!("{words} (U+{:04X}, after `{}`)", u32::from(c), before.escape_debug());
            ground.find(Check::UiHiddenText, line, message, "remove it");
            return;
        }
        before = c;
    }
}

fn invisible(c: char) -> bool {
    matches!(c, '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{2069}' | '\u{FEFF}'
        | '\u{00AD}' | '\u{034F}' | '\u{061C}' | '\u{180E}' | '\u{3164}' | '\u{FFA0}' | '\u{E0100}'..='\u{E01EF}')
}

/// The beginning of what somebody else wrote, fit to be shown.
pub(super) fn excerpt(text: &str) -> String {
    const SHOWN_MAX: usize = 80;
    let mut shown: String = text.chars().take(SHOWN_MAX).flat_map(shown_as).collect();
    if text.chars().nth(SHOWN_MAX).is_some() {
        shown.push('…');
    }
    shown
}

fn shown_as(c: char) -> impl Iterator<Item = char> {
    let plain = (c.is_ascii() && !c.is_ascii_control()) || c.is_alphanumeric();
    let escaped = (!plain).then(|| c.escape_unicode());
    plain.then_some(c).into_iter().chain(escaped.into_iter().flatten())
}
