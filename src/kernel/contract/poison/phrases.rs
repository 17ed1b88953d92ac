//! The phrases of poisoned texts, looked for in folded text: all at once and in linear time.
//!
//! They come from published attacks: the tool poisoning, shadowing and full-schema poisoning
//! demonstrations of Invariant Labs and CyberArk, the challenges of the Damn Vulnerable MCP Server, and
//! OWASP MCP03. They are meant to miss what real servers say; what they find, a person looks at.
use crate::kernel::policy::flaw::Check;
use regex::bytes::{Regex, RegexBuilder, RegexSet, RegexSetBuilder};
use std::sync::LazyLock;

/// A phrase: what it is a flaw of, how it is written, and what it does.
pub type Phrase = (Check, &'static str, &'static str);

/// Files that hold secrets.
const FILES: &str = r"~/\.ssh|/\.ssh/|\.ssh/(id|config|known)|\bid[ _](rsa|dsa|ecdsa|ed25519)|authorized[ _]keys|(^|[ /'\x22(=])\.env\b|\.aws/(credentials|config)|\.(npmrc|netrc|pypirc|git-credentials|pgpass)\b|\.kube/config|\.docker/config|/etc/(passwd|shadow|sudoers)|\.cursor/mcp|claude_desktop_config|\bmcp\.json|\.(bash|zsh)_history|/proc/self/environ|login\.keychain";

/// Every phrase. Folded text is in lower case and has single spaces.
pub const PHRASES: &[Phrase] = &[
    (
        Check::InstructionToModel,
        r"\b(ignore|disregard|forget|override|bypass|do not follow|don't follow|do not obey)\b.{0,40}\b(previous|prior|above|earlier|preceding|other|system|safety|existing|original|your)\b.{0,30}\b(instruction|direction|prompt|rule|guideline|command|constraint|restriction|polic)",
        "tells the model to ignore its instructions",
    ),
    (
        Check::InstructionToModel,
        r"\b(ignore|disregard|forget) (all |everything |anything )(of )?(the )?(previous|prior|above|earlier|before)\b",
        "tells the model to ignore its instructions",
    ),
    (
        Check::InstructionToModel,
        r"\b(do not|don't|dont|never|must not|should not|shouldn't|without)\b.{0,20}\b(tell|telling|inform|informing|mention|mentioning|reveal|revealing|disclose|disclosing|alert|warn|warning|asking|explain) (this |that |it |anything |about |any |to |the |of )*(user|human|operator|customer|person)\b",
        "tells the model to keep something from the user",
    ),
    (
        Check::InstructionToModel,
        r"\b(do not|don't|dont|never|must not)( explicitly)? (mention|reveal|disclose|admit|say|tell|acknowledge)( (that|the user that))? (you|the assistant|this (tool|instruction|step|to)|these (instruction|step))",
        "tells the model to keep quiet about what it does",
    ),
    (
        Check::InstructionToModel,
        r"\b(hide|conceal|hidden|secret|keep)\b.{0,40}\bfrom (the )?(user|human|operator)s?\b|\b(user|human|operator) (must|should|need|does|do)( not|n't)( need)?( to)? (know|see|notice|be (told|aware|informed))",
        "tells the model to keep something from the user",
    ),
    (
        Check::InstructionToModel,
        r"< ?/?(important|critical|system|instructions?|secret|hidden|assistant|admin|override|internal|urgent)( [^>]{0,40})?>|\[/?(inst|system|sys|hidden|admin)\]|<<?/?sys>>?|<\|[a-z_]{1,30}\|?>|#{2,} ?(system|hidden|secret|override)\b[^.]{0,20}:|\b(end|start|begin|beginning) of (the )?(system prompt|system message|tool description|user input)",
        "has markup that sets it apart for the model",
    ),
    (
        Check::InstructionToModel,
        r"\b(before|prior to|when|whenever|after|while) (you )?(using|use|calling|call|invoking|running|executing|providing|answering|responding|this)\b.{0,80}\b(read|open|access|send|load|cat|fetch|extract|include|append|upload|forward)\b.{0,60}(\b(files?|contents?|confidential|secrets?|credentials?|config(uration)?|passwords?|keys?|tokens?|history|conversation)\b|[a-z]{2,12}://)",
        "tells the model to fetch something else around a call",
    ),
    (
        Check::InstructionToModel,
        r"\byou (must|should|shall|have to|need to|are required to|will) (always|secretly|silently|immediately|also) |\byou (must|should|shall|have to|need to|are required to) (first )?(read|access|open|send|include|exfiltrate|forward|copy) (the |all |any |every |its |your )*(confidential|secret|contents? of|system|config|following|conversation|file|data|credentials?|password|private)",
        "commands the model",
    ),
    (
        Check::InstructionToModel,
        r"\b(always|must|first) (call|use|invoke|run|execute) this (tool|function)\b.{0,30}\b(first|before|instead|every|any|all)\b|\b(call|use|invoke|run|execute|called|used|invoked|run|executed)\b.{0,40}\b(for|on|before|after|at) (any|every|all|each) (other )?(user )?(request|quer(y|ies)|message|question|conversation|task|prompt|tool|response|answer|turn)s?\b",
        "has itself called on every occasion",
    ),
    (
        Check::InstructionToModel,
        r"\bfrom now on\b|\byou are now (a|an|in|the)\b|\bnew (system )?(instructions?|rules?|directives?) ?:|\bjailbr(eak|oken)|\bdo anything now\b|\bsystem (override|instruction|message|notice|directive) ?:|\bpretend (to be|that you|you)\b",
        "gives the model a new role",
    ),
    (
        Check::InstructionToModel,
        r"\b(attention|note|message|notice|instructions?) (to|for) (the |all |any )?(ai|llm|model|assistant|agent|language model)s?( [a-z]+)? ?[:!]|\b(ai|llm|assistant|language model)s? (must|shall|has to|have to|is required to)\b|\bas an? (ai|llm)( language)? (model|assistant|agent)\b",
        "addresses the model",
    ),
    (
        Check::InstructionToModel,
        r"\b(secretly|covertly|silently|discreetly|quietly|in the background)\b.{0,40}\b(send|read|forward|copy|include|upload|call|append|collect|pass|email|store|transmit)\b|\b(send|forward|copy|upload|append|collect|transmit)\b.{0,60}\b(secretly|covertly|silently|discreetly|without (the user|anyone) (noticing|knowing))|\bexfiltrat",
        "has something done behind the user's back",
    ),
    (
        Check::InstructionToModel,
        r"\b(send|forward|redirect|route|post|upload|copy|bcc|cc|e-?mail)\b.{0,80} to (https?://|[a-z0-9._%+-]{1,40}@[a-z0-9])|\b(change|replace|set|substitute|switch)\b.{0,30}\b(recipient|proxy number|beneficiary|payee)s?\b.{0,20}\b(to|with)\b",
        "names where data is to go",
    ),
    (
        Check::InstructionToModel,
        r"\b(otherwise|or else)\b.{0,20}\btool.{0,10}( will| would|'ll|won't| does)( not|n't)? (work|function|fail|break|crash)|\b(regardless of|no matter) what (the )?user|\bpresent (the |this )?(information|result|data|it)s? as if\b|\b(format|disguise|make)( them| it)?( to)? look like (a )?(normal|regular|ordinary|legitimate)",
        "pressures or misleads",
    ),
    (Check::SecretAsked, FILES, "names a file of secrets"),
    (
        Check::SecretAsked,
        r"\b(include|provide|pass|send|paste|attach|add|put|supply|return|read|copy|submit|enter|append|output|reveal|print|share|extract|upload|give|list|dump|get|access|use)\b.{0,40}\b(your|the users?'?s?|users?'s|any|all|their|every|the)( [a-z]+){0,2} (api[ _-]?keys?|passwords?|passphrases?|private[ _]keys?|secret[ _]keys?|access[ _]tokens?|session[ _]tokens?|credentials|(auth|bearer|oauth)[ _]tokens?|environment[ _]variables|env[ _]vars|seed[ _]phrases?|mnemonics?|ssh[ _]keys?|session[ _]cookies?)\b",
        "asks for secrets",
    ),
    (
        Check::SecretAsked,
        r"\b(contents?|values?|copy) (of|from)( reading)?( the)?( [a-z]+){0,2} (api[ _-]?key|password|private[ _]key|secret[ _]key|ssh[ _]key|environment[ _]variable|credential|config(uration)?[ _]file)",
        "asks for what is in a secret",
    ),
    (
        Check::SecretAsked,
        r"\b(include|provide|pass|send|paste|attach|add|put|supply|append|forward|copy|submit|share|summarize|return|output|reveal|repeat|print)\b.{0,60}\b((conversation|chat|message|dialogue) (history|context|transcript|log|so far)|(entire|full|whole|complete) (conversation|chat|dialogue|context|transcript)|(all|previous|prior|every|other) (user |chat )?(messages|prompts)|(your|the|full|complete|original|hidden|entire) system (prompt|message))|\binclude (the |this |our |your )?(conversation|chat|dialogue)\b",
        "asks for the conversation",
    ),
    (
        Check::OtherToolNamed,
        r"\b(replaces|supersedes|overrides|takes precedence over|has priority over|preferred over|shadows)\b.{0,40}\b(tool|server|function)s?\b|\b(do not|don't|never|stop|avoid) (use|using|call|calling|invoke|invoking) (any |all |the )?(other|another|built-?in)( [a-z]+)? (tool|server|function|connector)s?\b",
        "puts itself in the place of other tools",
    ),
    (
        Check::OtherToolNamed,
        r"\bside[ -]effects? on\b|\b(tool|server)('s)? (presence|is (present|available|loaded|connected|installed))\b.{0,80}\b(must|should|shall|has to|have to)\b|\bwhen(ever)? (the |any |an? )?(other|another) (tool|server)s?\b|\b(output|result|arguments?|parameters?|recipient) of (all |any |every )?(other|another) (tool|server)s?",
        "says how other tools are to be used",
    ),
    (
        Check::OtherToolNamed,
        r"\binstead of (the |any |using |calling )*(other|another|official|original|built-?in|default|regular|standard)( [a-z]+)? (tool|server|function|connector)s?\b",
        "asks to be used instead of another tool",
    ),
];

/// All phrases at once. A test proves that they compile; a set without them would find nothing.
static SET: LazyLock<RegexSet> = LazyLock::new(|| {
    let patterns = PHRASES.iter().map(|(_, pattern, _)| *pattern);
    let set = RegexSetBuilder::new(patterns).unicode(false).dot_matches_new_line(true).build();
    set.unwrap_or_else(|_| RegexSet::empty())
});

/// One phrase found.
pub struct Found {
    /// What it is a flaw of.
    pub check: Check,
    /// What it does.
    pub says: &'static str,
    /// The words, as folded.
    pub words: String,
}

/// The phrases in a folded text, at most one of each kind and meaning.
pub fn find(folded: &str) -> Vec<Found> {
    let mut found: Vec<Found> = Vec::new();
    for (check, pattern, says) in SET.matches(folded.as_bytes()).iter().filter_map(|index| PHRASES.get(index)) {
        if found.iter().any(|earlier| earlier.check == *check && earlier.says == *says) {
            continue;
        }
        let place = compiled(pattern).and_then(|regex| regex.find(folded.as_bytes()).map(|place| place.range()));
        let words = place.and_then(|range| folded.as_bytes().get(range)).unwrap_or_default();
        found.push(Found { check: *check, says, words: String::from_utf8_lossy(words).trim().to_owned() });
    }
    found
}

/// One phrase alone, to say where it stands. Only what a set found is looked for.
fn compiled(pattern: &str) -> Option<Regex> {
    RegexBuilder::new(pattern).unicode(false).dot_matches_new_line(true).build().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_phrase_compiles() {
        assert_eq!(SET.len(), PHRASES.len());
        for (_, pattern, says) in PHRASES {
            assert!(compiled(pattern).is_some(), "{says}");
        }
    }

    #[test]
    fn ordinary_words_are_no_phrases() {
        for text in [
            "do not tell apart upper and lower case",
            "use read_text_file instead",
            "the model should not call this tool directly",
            "ignore case when comparing",
            "if true, ignore previous results and search again",
            "creates a password policy for the tenant",
            "page token from the previous response",
            "returns all environment variables, helpful for debugging",
            "send a message to a channel",
            "you must provide either id or name",
            "call list_projects first to find the id",
            "forwards the email to the address given",
            "the number of messages before this one to include",
            "process.env is not read",
            "adds a note to the conversation",
            "the operation succeeds silently if the directory exists",
            "sets the system prompt of the assistant being configured",
            "rotate the api key with the given id",
            "overrides the default timeout",
            "filter by environment, such as production",
        ] {
            let found: Vec<_> = find(text).into_iter().map(|found| (found.says, found.words)).collect();
            assert!(found.is_empty(), "{text}: {found:?}");
        }
    }
}
