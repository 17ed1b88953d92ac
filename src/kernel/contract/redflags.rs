//! What the review of apps asks of a tool's definition: an effect that its words do not contradict,
//! explicit hints, a described result, and no inputs that nobody should type into a conversation.
//!
//! Inputs are judged by the words of their names, and by descriptions that begin with what they are. A
//! reference is not the thing: `password_policy_id` and `page_token` are fine.
use crate::kernel::policy::compile::{verb, words};
use crate::kernel::policy::flaw::{Check, Flaws};
use crate::kernel::policy::source::Effect;
use regex::Regex;
use serde_json::{Map, Value};
use std::sync::LazyLock;

/// Reviews one entry of `tools/list`. `effect` is what the policy says of the tool; `path` is the JSON
/// pointer of the definition.
pub fn tool(definition: &Value, effect: Option<Effect>, path: &str, flaws: &mut Flaws) {
    let description = definition.get("description").and_then(Value::as_str).unwrap_or_default();
    if description.trim().is_empty() {
        flaws.add(Check::DescriptionMissing, path, "no description", "have the server describe the tool");
    }
    if definition.get("outputSchema").is_none() {
        flaws.add(Check::OutputSchemaMissing, path, "no `outputSchema`", "have the server declare it");
    }
    let hints = Hints::of(definition);
    let implicit: Vec<&str> =
        hints.named().into_iter().filter(|(_, hint)| hint.is_none()).map(|(name, _)| name).collect();
    if !implicit.is_empty() {
        let message = format!("no {}", implicit.join(", "));
        flaws.add(Check::HintsImplicit, path, message, "have the server give each as true or false");
    }
    hints.against(effect, path, flaws);
    if effect == Some(Effect::Read) {
        let name = definition.get("name").and_then(Value::as_str).unwrap_or_default();
        let hint = "label it write, destructive or egress";
        if let Some(verb) = verb(name) {
            let message = format!("labelled `read`, but the name says `{verb}`");
            flaws.add(Check::EffectContradicted, format!("{path}/name"), message, hint);
        } else if let Some(verb) = first_verb(description) {
            let message = format!("labelled `read`, but the description begins with `{verb}`");
            flaws.add(Check::EffectContradicted, format!("{path}/description"), message, hint);
        }
    }
    if let Some(schema) = definition.get("inputSchema") {
        inputs(schema, &format!("{path}/inputSchema"), flaws);
    }
}

/// What the server says of the tool's effect.
struct Hints {
    reads: Option<bool>,
    destroys: Option<bool>,
    open: Option<bool>,
}

impl Hints {
    fn of(definition: &Value) -> Self {
        let hint =
            |name: &str| definition.get("annotations").and_then(|hints| hints.get(name)).and_then(Value::as_bool);
        Self { reads: hint("readOnlyHint"), destroys: hint("destructiveHint"), open: hint("openWorldHint") }
    }

    fn named(&self) -> [(&'static str, Option<bool>); 3] {
        [("readOnlyHint", self.reads), ("destructiveHint", self.destroys), ("openWorldHint", self.open)]
    }

    /// Where the hints say something else than the policy, or than each other.
    fn against(&self, effect: Option<Effect>, path: &str, flaws: &mut Flaws) {
        let at = |hint: &str| format!("{path}/annotations/{hint}");
        if self.reads == Some(true) && self.destroys == Some(true) {
            let message = "readOnlyHint and destructiveHint are both true";
            flaws.add(Check::HintContradicted, at("destructiveHint"), message, "have the server say which it is");
        }
        match effect {
            Some(Effect::Read) => {
                // What is not read-only is destructive unless the server says otherwise (MCP, ToolAnnotations).
                let hint = if self.reads == Some(false) {
                    Some("readOnlyHint")
                } else if self.destroys == Some(true) && self.reads.is_none() {
                    Some("destructiveHint")
                } else {
                    None
                };
                if let Some(hint) = hint {
                    let message = format!("labelled `read`, but the server's {hint} says that it changes something");
                    let mend = "label it write, destructive or egress";
                    flaws.add(Check::EffectContradicted, at(hint), message, mend);
                }
            }
            Some(effect) => {
                let mend = "have the server mend its hints";
                if self.reads == Some(true) {
                    let message = format!("labelled `{}`, but the server's readOnlyHint is true", effect.name());
                    flaws.add(Check::HintContradicted, at("readOnlyHint"), message, mend);
                } else if effect == Effect::Destructive && self.destroys == Some(false) {
                    let message = "labelled `destructive`, but the server's destructiveHint is false";
                    flaws.add(Check::HintContradicted, at("destructiveHint"), message, mend);
                }
            }
            None => {}
        }
    }
}

/// The verb that a description begins with, if it says that the tool does more than read. Later words
/// may speak of anything.
fn first_verb(description: &str) -> Option<&'static str> {
    let first = description.split_whitespace().next()?.to_ascii_lowercase();
    let first = first.trim_matches(|character: char| !character.is_ascii_alphabetic());
    // `Creates`, `Pushes` and `Copies` as well as `Create`, `Push` and `Copy`.
    let forms = [
        Some(first.to_owned()),
        first.strip_suffix('s').map(str::to_owned),
        first.strip_suffix("es").map(str::to_owned),
        first.strip_suffix("ies").map(|stem| format!("{stem}y")),
    ];
    // At the head of a sentence these are names more often than orders.
    const NOUNS: &[&str] = &["order", "run", "set", "book", "post", "share", "charge", "email", "patch", "start"];
    forms.into_iter().flatten().filter(|form| !NOUNS.contains(&form.as_str())).find_map(|form| verb(&form))
}

/// One kind of input that should not be asked for.
struct Kind {
    check: Check,
    what: &'static str,
    /// The words of a name.
    name: Option<Regex>,
    /// How a description begins that says what the input is.
    description: Option<Regex>,
}

/// The kinds. A test proves that the patterns compile.
static KINDS: LazyLock<Vec<Kind>> = LazyLock::new(|| {
    let kind = |check, what, name: &str, things: &str| {
        Kind {
        check,
        what,
        name: Regex::new(name).ok(),
        description: Regex::new(&format!(
            r"^((an?|the|your|their|his|her|users?'?s?|account|current|new|old|login|full|valid|customer'?s?|patient'?s?|person'?s?|caller'?s?|enter|provide) )*({things})( (for|to|of|used|that|with|from|on|as|here|\()|[.,;:(]|$)"
        ))
        .ok(),
    }
    };
    vec![
        kind(
            Check::CardDataAsked,
            "data of a payment card",
            r"\b(card|cc|credit card|debit card|payment card) (number|num|no|pan|cvv2?|cvc2?|cvn|expiry|expiration|exp|security code|verification code|details|data)$|\b(cardnumber|cardno|ccnum|cvv2?|cvc2?|primary account number|track data)$|\bcredit ?card$|\bdebit ?card$",
            r"(credit |debit |payment )?card (number|verification|security)( code| value)?|credit card|cvv2?|cvc2?|primary account number|pan of (the|a) card",
        ),
        kind(
            Check::HealthDataAsked,
            "data about health",
            r"\b(diagnos[ie]s|medical (record|history|condition|note)s?( number)?|health (record|condition|history|data|insurance number)s?|mrn|icd ?10( code)?|prescriptions?|medications?|allerg(y|ies)|blood type|patient (id|name|number|record|data|history)|disabilit(y|ies))$",
            r"(medical|health|patient'?s?) (record|history|condition|diagnosis|data|identifier|name|number)s?|diagnos[ie]s|list of (medications|allergies)|medications|prescriptions|medical record number",
        ),
        kind(
            Check::GovernmentIdAsked,
            "a government identifier",
            r"\b(ssn|social security( number| no)?|social insurance( number| no)?|national (id|identity|identification|insurance)( number| no| card)?|passport( number| no| num| id)?|driver'?s? licen[sc]e( number| no)?|tax identification number|tax id number|nino|aadha?ar( number)?|cpf|codice fiscale|personnummer|bsn|nric|(identity|id) card( number)?|government id( number)?)$",
            r"social (security|insurance) number|ssn|national (id|identity|identification|insurance) (card )?number|national id|passport number|driver'?s? licen[sc]e number|tax identification number|government[- ]issued id[a-z]*( number)?",
        ),
        kind(
            Check::CredentialAsked,
            "a credential",
            r"\b(password|passwd|passphrase|passcode)( confirmation| repeat| again)?$|\b(otp|totp|one time (password|code|passcode)|mfa code|2fa code|two factor code|otp code|verification code|recovery code|security answer|pin number)$|\b(api ?key|secret key|access key|private key|ssh key|signing key|encryption key|client secret|api secret|app secret)$|\b(access|auth|bearer|refresh|session|id|api|personal access|oauth|secret|jwt) token$|^(secret|jwt|credentials?|apikey|authorization( header)?|seed phrase|mnemonic|recovery phrase)$|\b(user|login|account|db|database|admin) credentials$",
            r"password|passphrase|(one[- ]time|otp|verification|2fa|mfa) (pass)?(code|password)|otp|api key|(secret|private|access|ssh) key|client secret|(access|auth|authentication|bearer|api|session|oauth|refresh) token|credentials|seed phrase",
        ),
        kind(
            Check::ConversationAsked,
            "the conversation",
            r"\b(conversation|chat|message|dialogue) (history|log|transcript|context|messages|turns)$|\b(previous|prior|past|all) (messages|turns|prompts)$|^(full|entire|whole|complete) (conversation|chat|context|transcript)$|^(chat|conversation) so far$",
            r"(full|entire|whole|complete|previous|prior) (conversation|chat|dialogue|message history|messages)( history| transcript| context| so far)?|(conversation|chat) (history|transcript|log|so far|context)|all (previous|prior|user) messages",
        ),
    ]
});

/// Every input of a schema, at any depth.
fn inputs(schema: &Value, path: &str, flaws: &mut Flaws) {
    // Not recursion: how deep it is, is the server's choice.
    let mut open: Vec<(String, &Value)> = vec![(path.to_owned(), schema)];
    while let Some((at, value)) = open.pop() {
        match value {
            Value::Object(fields) => {
                let mut inner = Vec::new();
                for (word, value) in fields {
                    let at = format!("{at}/{}", pointer(word));
                    match (word.as_str(), value) {
                        ("properties", Value::Object(properties)) => {
                            for (name, schema) in properties {
                                let at = format!("{at}/{}", pointer(name));
                                input(name, schema, &at, flaws);
                                inner.push((at, schema));
                            }
                        }
                        // Data, not schemas.
                        ("enum" | "const" | "default" | "examples" | "required", _) => {}
                        _ => inner.push((at, value)),
                    }
                }
                open.extend(inner.into_iter().rev());
            }
            Value::Array(values) => {
                let values = values.iter().enumerate().rev();
                open.extend(values.map(|(index, value)| (format!("{at}/{index}"), value)));
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
}

/// One input.
fn input(name: &str, schema: &Value, at: &str, flaws: &mut Flaws) {
    let none = Map::new();
    let fields = schema.as_object().unwrap_or(&none);
    // A yes or no, or one of a few known values, gives nothing away.
    let harmless = fields.get("type").and_then(Value::as_str) == Some("boolean")
        || fields.contains_key("enum")
        || fields.contains_key("const");
    if harmless {
        return;
    }
    let named = words(name).into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
    let description = fields.get("description").and_then(Value::as_str).unwrap_or_default();
    let described = description.split_whitespace().collect::<Vec<_>>().join(" ").to_ascii_lowercase();
    for kind in KINDS.iter() {
        let says = |regex: &Option<Regex>, text: &str| regex.as_ref().is_some_and(|regex| regex.is_match(text));
        // The words of a name decide when they end in what refers to a thing.
        let reference = refers(&named) && !matches!(kind.check, Check::HealthDataAsked | Check::GovernmentIdAsked);
        let by_name = says(&kind.name, &named) || doubtful(kind.check, &named, fields, &described);
        if by_name || (!reference && says(&kind.description, &described)) {
            let message = format!("`{}` takes {}", name.escape_default(), kind.what);
            let hint = "leave it out, or take a reference to it";
            flaws.add(kind.check, at, message, hint);
        }
    }
}

/// Whether a name ends in a word for something about a thing, rather than the thing.
fn refers(named: &str) -> bool {
    const TAILS: &[&str] = &[
        "id",
        "ids",
        "uuid",
        "name",
        "policy",
        "type",
        "kind",
        "count",
        "length",
        "format",
        "url",
        "uri",
        "status",
        "hint",
        "brand",
        "expiry",
        "limit",
        "path",
        "ref",
        "reference",
        "version",
        "label",
        "max",
        "min",
    ];
    named.split(' ').next_back().is_some_and(|tail| TAILS.contains(&tail))
}

/// Short names that mean one thing or another. The description, or the type, tells which.
fn doubtful(check: Check, named: &str, fields: &Map<String, Value>, described: &str) -> bool {
    let mentions = |words: &[&str]| words.iter().any(|word| described.contains(word));
    match (check, named) {
        // Also of a map.
        (Check::CardDataAsked, "pan") => mentions(&["card", "account number", "payment"]),
        // Also of a page.
        (Check::CredentialAsked, "token") => {
            let pages = mentions(&["page", "pagination", "cursor", "next", "continu", "resum"]);
            !pages && mentions(&["auth", "access", "api", "bearer", "secret", "credential", "login", "session"])
        }
        // Also a verb, a directory, and many things.
        (Check::CredentialAsked, "pin" | "pwd" | "pass" | "code" | "key") => {
            mentions(&["password", "one-time", "one time", "otp", "2fa", "mfa", "authenticator", "secret", "api key"])
        }
        // Also the identifier of one.
        (Check::ConversationAsked, "conversation" | "chat" | "transcript" | "messages" | "history" | "context") => {
            let many = fields.get("type").and_then(Value::as_str) == Some("array");
            let whole = mentions(&["conversation", "chat", "dialogue"])
                && mentions(&["history", "full", "entire", "whole", "complete", "so far", "all ", "previous"]);
            whole || (many && matches!(named, "conversation" | "chat"))
        }
        _ => false,
    }
}

/// A part of a JSON pointer (RFC 6901).
fn pointer(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn told(definition: &Value, effect: Option<Effect>) -> Vec<(&'static str, String)> {
        let mut flaws = Flaws::default();
        tool(definition, effect, "/tools/x", &mut flaws);
        flaws.0.into_iter().map(|flaw| (flaw.check.code(), flaw.path)).collect()
    }

    fn codes(definition: &Value, effect: Effect) -> Vec<&'static str> {
        told(definition, Some(effect)).into_iter().map(|(code, _)| code).collect()
    }

    /// A tool with nothing wrong.
    fn good(name: &str, reads: bool, destroys: bool) -> Value {
        json!({
            "name": name,
            "description": "Customers by name.",
            "inputSchema": { "type": "object", "properties": { "query": { "type": "string" } } },
            "outputSchema": { "type": "object" },
            "annotations": { "readOnlyHint": reads, "destructiveHint": destroys, "openWorldHint": false },
        })
    }

    #[test]
    fn every_pattern_compiles() {
        assert_eq!(KINDS.len(), 5);
        assert!(KINDS.iter().all(|kind| kind.name.is_some() && kind.description.is_some()));
    }

    #[test]
    fn a_good_definition_has_no_red_flag() {
        assert!(codes(&good("find_customers", true, false), Effect::Read).is_empty());
        assert!(codes(&good("update_customer", false, false), Effect::Write).is_empty());
        assert!(codes(&good("delete_customer", false, true), Effect::Destructive).is_empty());
        assert!(codes(&good("send_mail", false, false), Effect::Egress).is_empty());
        assert!(told(&good("send_mail", true, false), None).is_empty());
    }

    #[test]
    fn a_label_that_the_definition_contradicts_is_told() {
        assert_eq!(codes(&good("delete_customer", true, false), Effect::Read), ["P932"]);
        assert_eq!(codes(&good("find", false, false), Effect::Read), ["P932"]);
        assert_eq!(codes(&good("find", true, true), Effect::Read), ["P933"]);
        assert_eq!(codes(&good("find", true, false), Effect::Write), ["P933"]);
        assert_eq!(codes(&good("wipe", false, false), Effect::Destructive), ["P933"]);
        let mut described = good("customers", true, false);
        for text in ["Deletes all customers.", "**Pushes** them.", "Copies to the archive", "Update one"] {
            described["description"] = json!(text);
            assert_eq!(codes(&described, Effect::Read), ["P932"], "{text}");
        }
        for text in ["Order status.", "Returns what was deleted.", "Address book", "Set of customers"] {
            described["description"] = json!(text);
            assert!(codes(&described, Effect::Read).is_empty(), "{text}");
        }
    }

    #[test]
    fn what_a_definition_leaves_out_is_told() {
        let bare = json!({ "name": "find", "inputSchema": { "type": "object" } });
        assert_eq!(codes(&bare, Effect::Read), ["P941", "P939", "P940"]);
        let mut partly = good("find", true, false);
        partly["annotations"]["openWorldHint"] = json!("yes");
        assert_eq!(codes(&partly, Effect::Read), ["P940"]);
    }

    fn of_input(name: &str, schema: Value) -> Vec<&'static str> {
        let mut definition = good("find", true, false);
        definition["inputSchema"]["properties"] = json!({ name: schema });
        codes(&definition, Effect::Read)
    }

    #[test]
    fn inputs_that_nobody_should_type_are_told() {
        for (code, names) in [
            ("P934", "card_number cardNumber credit_card cvv card-cvc ccNum cardExpiry"),
            ("P935", "diagnosis medical_history mrn patient_id medications bloodType"),
            ("P936", "ssn passport passport_number national_id nationalId drivers_license social_security_number"),
            (
                "P937",
                "password new_password apiKey api_key access_token authToken otp mfa_code client_secret private_key",
            ),
            ("P938", "conversation_history chatHistory previous_messages full_conversation message_history"),
        ] {
            for name in names.split(' ') {
                assert_eq!(of_input(name, json!({ "type": "string" })), [code], "{name}");
            }
        }
        for (code, name, description) in [
            ("P934", "pan", "Primary number of the payment card"),
            ("P934", "number", "Credit card number of the customer"),
            ("P935", "notes", "The patient's medical history"),
            ("P936", "identifier", "Passport number (letters and digits)"),
            ("P937", "token", "Bearer token for the API"),
            ("P937", "value", "Your password for the portal"),
            ("P937", "code", "The code from the authenticator app"),
            ("P938", "context", "The entire conversation so far"),
            ("P938", "messages", "All messages of the chat, with the whole history"),
        ] {
            assert_eq!(of_input(name, json!({ "type": "string", "description": description })), [code], "{name}");
        }
    }

    #[test]
    fn what_only_refers_or_pages_is_fine() {
        for name in [
            "page_token",
            "next_token",
            "nextPageToken",
            "continuation_token",
            "token",
            "cursor",
            "password_policy_id",
            "api_key_id",
            "secret_name",
            "key",
            "keys",
            "pin",
            "pan",
            "code",
            "country_code",
            "card_id",
            "health_check",
            "health_status",
            "diagnostics",
            "conversation_id",
            "conversation",
            "messages",
            "history",
            "passport_id_type",
            "pwd",
            "max_tokens",
            "token_count",
            "credit_card_brand",
            "tax_id",
            "location",
            "transcript",
        ] {
            assert!(of_input(name, json!({ "type": "string" })).is_empty(), "{name}");
        }
        for (name, schema) in [
            ("include_password", json!({ "type": "boolean" })),
            ("password", json!({ "type": "boolean", "description": "Whether one is needed" })),
            ("credential", json!({ "enum": ["password", "key"] })),
            ("token", json!({ "description": "Opaque token for the next page of the API" })),
            ("pan", json!({ "type": "number", "description": "Degrees to the right" })),
            ("key_id", json!({ "description": "API key to rotate" })),
            ("query", json!({ "description": "Text to search for. No passwords." })),
        ] {
            assert!(of_input(name, schema.clone()).is_empty(), "{name} {schema}");
        }
    }

    #[test]
    fn inputs_are_found_at_every_depth() {
        let mut definition = good("find", true, false);
        definition["inputSchema"] = json!({
            "type": "object",
            "properties": { "a/b": { "type": "array", "items": { "anyOf": [
                { "type": "object", "properties": { "ssn": { "type": "string" } } },
            ] } } },
            "$defs": { "Login": { "properties": { "password": { "type": "string" } } } },
        });
        let found = told(&definition, Some(Effect::Read));
        assert_eq!(
            found,
            [
                ("P936", "/tools/x/inputSchema/properties/a~1b/items/anyOf/0/properties/ssn".to_owned()),
                ("P937", "/tools/x/inputSchema/$defs/Login/properties/password".to_owned()),
            ]
        );
    }
}
