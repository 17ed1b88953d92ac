//! Everything that can be wrong with what a person wrote, by stable code: one table, from which
//! `check`, its documentation (`docs/checks.md`) and suppressions are made.
use std::collections::HashSet;
use std::fmt;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Told only by `check --strict`.
    Advice,
    /// Told by `check`; fails under `--strict`.
    Warning,
    /// The configuration does not load.
    Error,
}

impl Severity {
    /// The word people and machines read.
    pub fn name(self) -> &'static str {
        match self {
            Self::Advice => "advice",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

macro_rules! checks {
    ($($name:ident = $code:literal $slug:literal $severity:ident: $what:literal, $why:literal, $mend:literal;)*) => {
        /// What was checked. Codes are never given a new meaning.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Check { $(#[doc = $what] $name,)* }
        impl Check {
            /// Every check, in the order of codes.
            pub const ALL: &'static [Check] = &[$(Check::$name,)*];
            /// The code, such as `P203`.
            pub fn code(self) -> &'static str {
                match self { $(Check::$name => $code,)* }
            }
            /// The code in words, such as `unknown-role`.
            pub fn slug(self) -> &'static str {
                match self { $(Check::$name => $slug,)* }
            }
            /// How bad it is.
            pub fn severity(self) -> Severity {
                match self { $(Check::$name => Severity::$severity,)* }
            }
            /// What is wrong, why that matters, how to mend it.
            pub fn words(self) -> [&'static str; 3] {
                match self { $(Check::$name => [$what, $why, $mend],)* }
            }
        }
    };
}

// P1 reading, P2 names and references, P3 conditions, P4 limits, P5 upstream and access, P6 gateway.yaml,
// P7 what is legal and deserves a second look, P8 cases, P9 the contract of a server.
checks! {
    FileUnreadable = "P101" "file-unreadable" Error: "A file cannot be read.", "Without it nothing is known of what it should say.", "Check path, permissions, size (at most 4 MiB) and encoding (UTF-8).";
    YamlMalformed = "P102" "yaml-malformed" Error: "The file is not one YAML document as used here.", "Two readers could take it to mean different things.", "UTF-8, one document, plain keys, no tags.";
    KeyRepeated = "P103" "key-repeated" Error: "A key is written twice in one map.", "Only one of them would count, and readers differ in which.", "Keep one of the two.";
    YamlTooLarge = "P104" "yaml-too-large" Error: "The document is too large or too deep.", "Aliases of aliases grow without bound.", "At most 100,000 values, 32 MiB and 64 levels, aliases counted as what they stand for.";
    FieldUnknown = "P105" "field-unknown" Error: "A field that does not exist here.", "A misspelt rule would silently not be one.", "See the fields listed in the hint.";
    FieldMissing = "P106" "field-missing" Error: "A required field is missing.", "There is no safe default for it.", "Add it.";
    TypeWrong = "P107" "type-wrong" Error: "A value of the wrong type, or outside what is allowed.", "It cannot be given a meaning.", "See the reference for the field.";
    IncludeOutside = "P108" "include-outside" Error: "An include leads out of the directory of policies.", "What decides must be reviewed in one place.", "A relative path without `..`, below the directory of policies.";
    IncludeCycle = "P109" "include-cycle" Error: "Fragments include each other, or too many of them.", "It would not end.", "At most 64 files, none of them within itself.";
    IncludeCollision = "P110" "include-collision" Error: "Two files define one name.", "Which one counts would depend on their order.", "Define each name in one place.";
    NameMalformed = "P201" "name-malformed" Error: "Not a server name or a path.", "It becomes part of URLs, metrics and records.", "Up to 63 of a-z, 0-9 and -; a path begins with / and has no query.";
    NameRepeated = "P202" "name-repeated" Error: "Two policies for one server or path.", "Only one of them would be in force.", "One policy per server, one server per path.";
    RoleUnknown = "P203" "role-unknown" Error: "A rule names a role that is not declared.", "Nobody would have it.", "Declare it under `roles`, or mend the spelling.";
    IssuerUnknown = "P204" "issuer-unknown" Error: "`access` names an issuer that gateway.yaml does not declare.", "Its tokens could not be checked.", "Declare it under `issuers` in gateway.yaml.";
    PatternMalformed = "P205" "pattern-malformed" Error: "Not a name or pattern of names.", "It could match nothing, or more than it seems to.", "Letters, digits, _ . - / and *, up to 128.";
    PatternsTied = "P206" "patterns-tied" Error: "Two patterns fit one name and neither is more specific.", "Which rule decides would be chance.", "Write more of the name in one of them, or name the tool exactly.";
    RuleShadowed = "P207" "rule-shadowed" Error: "A rule can never allow anything: another one always decides first.", "Whoever wrote it believes that it has an effect.", "Remove it, or narrow the other rule.";
    ScopeMalformed = "P208" "scope-malformed" Error: "Not an OAuth scope (RFC 6749, section 3.3).", "No token could have it.", "One word without spaces, quotes and backslashes.";
    TemplateMalformed = "P209" "template-malformed" Error: "Not a URI template as used here.", "It could match nothing, or more than it seems to.", "scheme://text/{name} or {+name} for text with slashes.";
    TargetWithoutRule = "P210" "target-without-rule" Error: "A limit names a tool that no rule allows.", "It would count nothing; most likely the name is misspelt.", "Use the name from `tools`.";
    ClaimMalformed = "P211" "claim-malformed" Error: "Not the path of a claim.", "No token could have it.", "As in groups or realm_access.roles.";
    RoleEmpty = "P212" "role-empty" Error: "A role with no values.", "Nobody could have it.", "List the values of the claim that give the role.";
    ScopeCycle = "P213" "scope-cycle" Error: "Scopes imply each other in a circle.", "They would all mean the same.", "Let the wider scope imply the narrower one only.";
    ClaimUnknown = "P214" "claim-unknown" Error: "A claim that `claims` does not list.", "It is always missing: a role never held, a condition that always fails.", "Add it to `claims`, or mend the spelling.";
    ResourcesTied = "P215" "templates-tied" Error: "Two URI templates fit one URI and neither is more specific.", "Which rule decides would be chance.", "Write more literal text in one of them.";
    DataTypeUnknown = "P216" "data-type-unknown" Error: "`redact` names a type or group that does not exist, or none.", "What it should find would stay as it is.", "The types are listed in docs/redaction.md; your own go under `data_types`.";
    DataTypeMalformed = "P217" "data-type-malformed" Error: "A type under `data_types` that cannot be used.", "It would find nothing, or everything.", "Exactly one of pattern, words and path; a pattern fits at least one character.";
    RedactUseless = "P218" "redact-useless" Error: "Part of `redact` or `data_types` that can have no effect.", "Whoever wrote it believes that something is redacted.", "See the hint; entries are read from the top, and the first that concerns a value decides.";
    ConditionMalformed = "P301" "condition-malformed" Error: "Not a CEL expression.", "It cannot be evaluated.", "See the syntax in the reference.";
    ConditionUnknownName = "P302" "condition-unknown-name" Error: "A name, field or function that conditions do not have.", "Evaluating it always fails, and a failed condition refuses.", "Use principal, args, tool, client, time and the functions listed.";
    ConditionTypes = "P303" "condition-types" Error: "Types that do not fit.", "The comparison can never hold.", "Compare like with like; the result must be true or false.";
    ConditionCost = "P304" "condition-cost" Error: "The cost of a condition has no small bound.", "Callers could make the gateway slow.", "No loop within a loop; at most 4,096 bytes and 256 nodes.";
    ConditionNever = "P305" "condition-never" Error: "A condition that can never hold.", "The rule looks as if it allowed something.", "Remove the rule, or mend the condition.";
    ConditionAlways = "P306" "condition-always" Warning: "A condition that always holds.", "It looks like a check and is none.", "Remove it, or mend it.";
    RateMalformed = "P401" "rate-malformed" Error: "Not a rate.", "Nothing could be counted by it.", "As in 600/min, 5/hour, 10/s.";
    DurationMalformed = "P402" "duration-malformed" Error: "Not a duration.", "Nothing could be timed by it.", "As in 500ms, 30s, 2m, 1h.";
    SizeMalformed = "P403" "size-malformed" Error: "Not a size.", "Nothing could be measured by it.", "As in 512, 64KiB, 1MiB.";
    LimitEmpty = "P404" "limit-empty" Error: "A limit that limits nothing, or by two keys.", "Whoever wrote it believes that it has an effect.", "Give rate, concurrency, arguments_max, reply_max or time; with rate or concurrency, one of per and key.";
    BurstZero = "P405" "burst-zero" Error: "A burst or concurrency of 0, or a burst without a rate.", "It would refuse everything.", "At least 1, beside a rate.";
    UrlMalformed = "P501" "url-malformed" Error: "Not an http or https URL without credentials and fragment.", "The gateway could not call it, or would write a secret into its configuration.", "As in http://127.0.0.1:3001/mcp; secrets go under `credential`.";
    SecretMissing = "P502" "secret-missing" Error: "A secret is not where the policy says, or is not named once.", "Calls would go upstream without it.", "Exactly one of env and file, set before the gateway starts.";
    IssuerMissing = "P503" "issuer-missing" Error: "No issuer is accepted.", "Nobody could call.", "Name at least one under `access.issuers`.";
    AudienceEmpty = "P504" "audience-empty" Error: "An empty audience.", "Tokens made for other servers would be accepted.", "Name the URL of this server.";
    AnonymousBeyondRead = "P505" "anonymous-beyond-read" Error: "A rule open to anonymous callers that is not a plain read, or where `access` does not admit them.", "Nobody could be asked about the call.", "Only `effect: read`, without scopes and roles, and with `access: { anonymous: true }`.";
    NeverAvailable = "P506" "never-available" Error: "`available` with an empty or malformed time, day or list.", "The rule could never allow anything.", "As in days: [mon, tue], hours: 08:00-18:00, after and before in RFC 3339.";
    AuthorityUnreadable = "P507" "authority-unreadable" Error: "The file of a certificate authority cannot be read.", "The upstream could not be trusted.", "A PEM file.";
    StepUpEmpty = "P508" "step-up-empty" Error: "`step_up` that asks for nothing.", "It looks like a check and is none.", "Give acr, max_age, or both.";
    UpstreamKind = "P509" "upstream-kind" Error: "Not exactly one of `url`, `sse` and `command`, or a field that the other kinds have.", "Nobody could say where calls go.", "`url` for streamable HTTP, `sse` for HTTP+SSE of 2024-11-05, `command` for a program on standard input and output.";
    CommandMalformed = "P510" "command-malformed" Error: "A command, variable or number of processes that cannot be used.", "The program could not be started, or not as it is meant.", "As in command: [server-filesystem, /srv/files], env: { HOME: /srv }; at least one process.";
    GatewayUrl = "P601" "gateway-url" Error: "`public_url` is not a plain URL.", "Metadata and challenges are made from it.", "As in https://mcp.example.com.";
    GatewayAddress = "P602" "gateway-address" Error: "Not an address to listen on, or none.", "The gateway could not be reached.", "IP and port, as in 127.0.0.1:8443.";
    PlainHttp = "P603" "plain-http" Error: "Plain HTTP off loopback.", "Tokens would cross the network in the clear.", "Add `tls`, or `insecure: true` where something in front terminates TLS.";
    CertificateUnusable = "P604" "certificate-unusable" Error: "Certificate or key cannot be used.", "No client could connect.", "The chain, leaf first, and its key, both PEM.";
    KeysUnusable = "P605" "keys-unusable" Error: "The keys of an issuer cannot be used.", "No token of it could be verified.", "A JSON Web Key Set with public keys (RFC 7517), by file, https URL or discovery.";
    AlgorithmMissing = "P606" "algorithm-missing" Error: "No signature algorithm is accepted of an issuer.", "No token of it could be verified.", "As in [ES256, RS256, EdDSA].";
    PoliciesMissing = "P607" "policies-missing" Error: "The directory of policies cannot be read or has none.", "Everything would be refused.", "Name a directory with one *.yaml per server.";
    VirtualMembers = "P608" "virtual-members" Error: "A virtual server of servers that are not there, of one twice, or of fewer than two.", "Calls to it would have nowhere to go, or two places.", "Name policies by `server`, each once.";
    VirtualNames = "P609" "virtual-names" Error: "Two servers behind one virtual server have names, or resources, that are the same or look alike.", "People, models and the gateway itself could take the one for the other.", "Rename one of the servers or tools, or narrow one of the resource templates.";
    EffectDoubtful = "P701" "effect-doubtful" Warning: "A tool is labelled `read`, but its name says that it changes or sends something.", "Clients call tools with readOnlyHint without asking a person.", "Label it write, destructive or egress, or suppress with the reason.";
    EgressUnconditional = "P702" "egress-unconditional" Warning: "A tool that sends data out, without a condition.", "Whatever a caller or a model puts into it leaves.", "Say in `when` or `available` where to and what.";
    WildcardWrites = "P703" "wildcard-writes" Warning: "A pattern allows tools that do more than read.", "A tool that the server adds tomorrow is allowed today.", "Name such tools one by one.";
    AudienceDefault = "P704" "audience-default" Advice: "`access.audience` is not written.", "It changes with the public URL, and the reviewer cannot see it.", "Write it out.";
    TokenLifeUnbounded = "P705" "token-life-unbounded" Advice: "`access.token_life_max` is not written, or more than a day.", "A stolen token works until it expires.", "As in token_life_max: 1h.";
    ContactsMissing = "P706" "contacts-missing" Advice: "No `contacts`.", "Whoever finds a problem does not know whom to ask.", "An address of the people who answer for this server.";
    RuleOpen = "P707" "rule-open" Warning: "A tool that does more than read, open to every caller of the server.", "Any token for this server can use it.", "Ask for a scope or a role.";
    RoleUnused = "P708" "role-unused" Warning: "A role that nothing uses.", "Most likely a rule lacks it.", "Use it or remove it.";
    SuppressionUnused = "P709" "suppression-unused" Warning: "A suppression that suppresses nothing.", "It would hide the next problem of its kind.", "Remove it.";
    SuppressionMalformed = "P710" "suppression-malformed" Error: "A suppression of an unknown code, of an error, or without a reason.", "Errors cannot be waved through, and a reviewer needs the reason.", "A code of P3, P7 or P9 that is a warning, and a reason.";
    CaseMalformed = "P801" "case-malformed" Error: "A case that cannot be run.", "It proves nothing.", "See the cases reference.";
    CaseFailed = "P802" "case-failed" Error: "A case of the policy fails.", "The policy does not do what its authors say it does.", "Mend the policy or the case; `portcullis test` shows both.";
    CaseNotHeld = "P803" "case-not-held" Warning: "A case fails or cannot be run, and gateway.yaml says `cases: { on_reload: warn }`.", "The policy is in force and may not do what its authors say it does.", "Mend the policy or the case; `portcullis test` shows both.";
    LockMissing = "P901" "lock-missing" Warning: "The server has no lock file: it runs on whatever it offers now.", "A tool that changes behind your back is shown and called.", "`portcullis contract pull`, review, then `contract approve`.";
    LockUnreadable = "P902" "lock-unreadable" Error: "The lock file cannot be read.", "Nobody knows what was approved.", "Restore it, or pull and approve again.";
    LockEdited = "P903" "lock-edited" Error: "The content of the lock file does not have the digest it names.", "Somebody edited what others had approved.", "Restore it, or pull and approve again.";
    LockOfAnother = "P904" "lock-of-another" Error: "The lock file is of another server.", "An approval is for one server.", "Pull one for this server.";
    ApprovalMissing = "P905" "approval-missing" Error: "Fewer approvals than the policy asks for.", "A contract is in force only when somebody stands for it.", "`portcullis contract diff`, then `contract approve`, by as many admins as `contract.approvals` says.";
    ApprovalForAnother = "P906" "approval-for-another" Error: "An approval of another content.", "What was approved is not what the file holds.", "Approve again.";
    ApproverUnknown = "P907" "approver-unknown" Error: "An approval by somebody who is not an approver, or not an admin.", "Only admins may publish.", "Let an admin approve, or give the approver the role `admin` in gateway.yaml.";
    SignatureForged = "P908" "signature-forged" Error: "An approval whose signature is missing or does not verify.", "Anybody could have written it.", "Approve again with `--key`.";
    ApprovalUnsigned = "P909" "approval-unsigned" Warning: "Approvals that nobody signed: gateway.yaml has no `approvers`.", "Whoever can write the file can approve.", "`portcullis contract keygen`, and name the public key under `approvers`.";
    ApproverMalformed = "P910" "approver-malformed" Error: "The key of an approver cannot be used.", "No approval of theirs could be verified.", "An Ed25519 public key: base64, PEM text, or a PEM file.";
    SchemaUnusable = "P911" "schema-unusable" Warning: "A published schema cannot be used to check anything.", "Calls of the tool are refused: nothing can be checked.", "JSON Schema 2020-12 or draft-07, without remote references, with patterns that run in linear time.";
    ToolNotPublished = "P912" "tool-not-published" Warning: "A rule for something that the contract does not have.", "Most likely the name is misspelled, or the server dropped it.", "Correct the name, or pull and approve again.";
    ArgumentUnknown = "P913" "argument-unknown" Error: "A condition reads an argument that the published schema does not have.", "It is always missing, and a condition that cannot be evaluated refuses.", "Use an argument of the contract, or approve a contract that has it.";
    LockGone = "P914" "lock-gone" Error: "The lock file of a contract that is in force is gone, though gateway.yaml names approvers.", "A running gateway does not trade what was approved for whatever the server offers now.", "Restore the file; to run without it, restart.";
    LockOlder = "P915" "lock-older" Error: "The lock file was approved before the one that is in force.", "Whoever can bring back an old file brings back what was since withdrawn.", "Approve it again; a restart takes it as it is.";
    // P92 to P94, the contract: what a server offers, read by someone who does not trust it.
    HiddenCharacters = "P920" "hidden-characters" Warning: "A server's text has characters that nobody sees and a model reads.", "They carry instructions past the person who reviews the text.", "Have the server's authors remove them; the message says which and where.";
    ControlSequence = "P921" "control-sequence" Warning: "A server's text has control characters or terminal sequences.", "A terminal would hide or rewrite what a reviewer reads.", "Have the server's authors remove them.";
    InstructionToModel = "P922" "instruction-to-model" Warning: "A server's text speaks to the model instead of saying what is offered.", "A model may follow it (tool poisoning): ignore its instructions, hide something from the user, act unasked.", "Do not approve it, unless you know its authors and why it says so.";
    SecretAsked = "P923" "secret-asked" Warning: "A server's text names files of secrets, or asks for secrets or for the conversation.", "A model may hand over what it finds there as an argument.", "Do not approve it, unless this is what the tool is for.";
    OtherToolNamed = "P924" "other-tool-named" Warning: "A server's text speaks of the tools of another server, or of how to use other tools.", "One server must not change how another one is used (shadowing).", "Have the text speak of its own tool only.";
    GenericExecutor = "P925" "generic-executor" Warning: "A tool that runs whatever it is given: a tool by name, a command, code, SQL.", "A policy by tool decides nothing if one tool does everything; app directories refuse such tools.", "Offer one tool for each operation, or allow it by its arguments.";
    TextTooLong = "P926" "text-too-long" Warning: "A name or description is longer than clients take.", "Clients cut it or refuse it, and nobody reads it to the end.", "Names up to 64 characters, descriptions up to 1,024, those of parameters up to 512, instructions up to 2,048.";
    EncodedText = "P927" "encoded-text" Warning: "A server's text has a long piece of Base64, hexadecimal or escapes.", "A model can decode it, and a reviewer does not.", "Have it removed, or decode it and read it.";
    UrlInText = "P928" "url-in-text" Advice: "A description has a URL.", "A model may fetch it or send something there, and what it serves changes unreviewed.", "Leave it out, or look at what it is for.";
    NamesAlike = "P929" "names-alike" Error: "One server offers two names that are the same, or look it.", "A rule for one of them would seem to be for the other.", "Rename one of them at the server.";
    NameConfusable = "P930" "name-confusable" Warning: "A name mixes scripts or looks like a name of another server.", "People and models take the one for the other.", "Rename it, or do not approve it.";
    NameShadowed = "P931" "name-shadowed" Warning: "Two servers offer a tool of one name.", "A client that has both may call the wrong one.", "Rename one of them where a client uses both servers.";
    EffectContradicted = "P932" "effect-contradicted" Warning: "The policy says `read`, and the server's definition says more.", "Clients call tools with readOnlyHint without asking a person.", "Label it write, destructive or egress, or suppress with the reason.";
    HintContradicted = "P933" "hint-contradicted" Warning: "The server's hints say less than the policy, or contradict each other.", "A client that believes the server does not ask a person.", "Have the server mend its hints; what clients are told follows the policy.";
    CardDataAsked = "P934" "card-data-asked" Warning: "A tool takes data of payment cards.", "It brings the model, the client and every log into the scope of PCI DSS; app directories refuse it.", "Take a token of the payment provider instead.";
    HealthDataAsked = "P935" "health-data-asked" Warning: "A tool takes data about somebody's health.", "It is specially protected; app directories refuse it without need and consent.", "Leave it out, or have it approved by who answers for such data.";
    GovernmentIdAsked = "P936" "government-id-asked" Warning: "A tool takes government identifiers.", "They let others pass for a person; app directories refuse them.", "Use a reference of your own for the person.";
    CredentialAsked = "P937" "credential-asked" Warning: "A tool takes passwords, keys, tokens or one-time codes.", "They end up in the model's context and in the client's history.", "Have the gateway add credentials (`credential`), not the model.";
    ConversationAsked = "P938" "conversation-asked" Warning: "A tool takes the whole conversation.", "The server learns what it does not need.", "Take the one thing the tool needs.";
    OutputSchemaMissing = "P939" "output-schema-missing" Advice: "A tool without `outputSchema`.", "What it returns cannot be checked.", "Have the server declare it.";
    HintsImplicit = "P940" "hints-implicit" Advice: "A tool without explicit readOnlyHint, destructiveHint and openWorldHint.", "Clients assume the worst; app directories refuse it.", "Have the server give all three as true or false.";
    DescriptionMissing = "P941" "description-missing" Warning: "A tool without a description.", "A model guesses from the name when to call it.", "Have the server describe it.";
    // P95 to P97: user interfaces (`ui://` resources), reviewed before they are published.
    WidgetForm = "P950" "widget-form" Error: "A user interface whose URI or MIME type is not one of MCP Apps.", "Hosts differ in what they make of it.", "A ui:// URI, and text/html;profile=mcp-app (or the older text/html+skybridge).";
    WidgetUnreadable = "P951" "widget-unreadable" Error: "HTML that is no document, too large, too deep or not UTF-8.", "What cannot be read to the end cannot be reviewed.", "UTF-8, at most 8 MiB, 512 levels and 100,000 elements.";
    OriginMalformed = "P952" "origin-malformed" Error: "A declared domain that is not an origin.", "Hosts write it into a Content-Security-Policy, where a space or semicolon starts a new rule.", "As in https://api.example.com or wss://*.example.com; no path, no IP address, no private name.";
    OriginShared = "P953" "origin-shared" Error: "A wildcard over a domain under which anybody can have a name.", "Whoever registers a name there may receive what the user interface sends.", "Name the host exactly.";
    OriginTenants = "P954" "origin-tenants" Warning: "A host that serves what anybody puts there.", "Anybody's script can come from it.", "Serve the files from a host of your own, or within the HTML.";
    OriginNotAllowed = "P955" "origin-not-allowed" Error: "A user interface declares an origin that the policy does not allow.", "The gateway takes it out, and the user interface does not work.", "Add it under contract.widgets, or remove it from the metadata.";
    PermissionNotAllowed = "P956" "permission-not-allowed" Error: "A user interface asks for a permission that the policy does not allow.", "Camera, microphone, position and clipboard are the user's.", "Add it under contract.widgets.permissions, or remove it from the metadata.";
    UiMetaDisagrees = "P957" "ui-meta-disagrees" Error: "The metadata in resources/list and in resources/read differ.", "Hosts differ in which of them counts.", "Write the same in both.";
    CspDisagrees = "P958" "csp-disagrees" Error: "`ui.csp` and `openai/widgetCSP` differ.", "What one host refuses, another one allows.", "Write the same in both.";
    UiMetaMalformed = "P959" "ui-meta-malformed" Error: "Metadata of a user interface of the wrong shape.", "It is dropped, and its author believes that it has an effect.", "Lists of strings under ui.csp, an object under ui.permissions.";
    UiMetaIncomplete = "P960" "ui-meta-incomplete" Advice: "A user interface without `ui.domain` or `ui.csp`.", "It shares an origin with others, and directories ask for both.", "Write both, empty lists included.";
    FrameForeign = "P961" "frame-foreign" Warning: "A frame from somebody else's domain.", "What runs in it follows its own rules, not those declared here.", "Serve it from the domain of the server, or say why not.";
    UiScriptUndeclared = "P962" "ui-script-undeclared" Error: "A script from an origin that is not declared.", "It would run with everything that the user interface knows.", "Put it into the HTML, or declare its origin.";
    UiResourceUndeclared = "P963" "ui-resource-undeclared" Error: "An image, style, font or medium from an origin that is not declared.", "A URL carries data out as well as in.", "Put it into the HTML, or declare its origin under resourceDomains.";
    UiScriptUnpinned = "P964" "ui-script-unpinned" Warning: "A script from elsewhere without `integrity`.", "It can change after the review.", "Add integrity, or put the script into the HTML.";
    UiBase = "P965" "ui-base" Error: "A `base` element.", "It moves every relative URL to another origin.", "Remove it, or declare its origin under baseUriDomains.";
    UiNavigation = "P966" "ui-navigation" Error: "Markup that takes the user elsewhere: a refresh, or a link out of the frame.", "No Content-Security-Policy keeps it from doing so.", "Ask the host to open the link (ui/open-link).";
    UiScriptUrl = "P967" "ui-script-url" Error: "A URL that is a script or a document of its own.", "Scripts hide there from whoever reviews them.", "Use an event listener.";
    UiFrameUndeclared = "P968" "ui-frame-undeclared" Error: "A frame or plug-in that is not declared.", "What runs in it has not been reviewed.", "Remove it, or declare its origin under frameDomains.";
    UiFormOutside = "P969" "ui-form-outside" Error: "A form that is sent to another origin.", "No declared list governs where forms go.", "Call a tool instead.";
    UiConnectionHint = "P970" "ui-connection-hint" Error: "A hint or ping that connects somewhere undeclared.", "Host names and URLs carry data out, and no Content-Security-Policy governs all hints.", "Remove it.";
    UiInlineRule = "P971" "ui-inline-rule" Advice: "Event handlers in attributes, or a Content-Security-Policy within the HTML.", "The first are easily overlooked; the second comes too late for what stands before it.", "Use event listeners; declare domains in the metadata.";
    UiConnectUndeclared = "P972" "ui-connect-undeclared" Error: "A script calls a URL whose origin is not declared.", "Either it sends data where it should not, or it does not work.", "Declare the origin under connectDomains, or remove the call.";
    UiCodeFromText = "P973" "ui-code-from-text" Warning: "A script that makes code out of text, or hides what it does.", "What runs is not what was reviewed.", "Remove it, or be sure of where the text comes from.";
    UiChannelUngoverned = "P974" "ui-channel-ungoverned" Warning: "A connection that no Content-Security-Policy governs.", "WebRTC and WebTransport reach any host.", "Use fetch or WebSocket.";
    UiFrameEscape = "P975" "ui-frame-escape" Warning: "A script that reaches for other windows, leaves its frame, or trusts any sender.", "The sandbox of the host is all that stands in between.", "Talk to window.parent only, and compare event.source.";
    UiStateKept = "P976" "ui-state-kept" Advice: "A script that uses storage, cookies or the clipboard.", "What it keeps outlives the conversation.", "Keep state in the conversation.";
    UiToolUnseen = "P977" "ui-tool-unseen" Warning: "A script calls a tool that user interfaces cannot see.", "Hosts refuse the call.", "Give the tool the visibility `app`, or mend the name.";
    UiSecret = "P978" "ui-secret" Error: "A key or token within the HTML.", "Whoever opens the user interface can read it.", "Revoke it, and keep secrets on the server.";
    UiHiddenText = "P979" "ui-hidden-text" Error: "Characters that nobody sees, or that reverse what one sees.", "Models read what reviewers do not.", "Remove them.";
    // P98: confirmations.
    ApproverRoleless = "P980" "approver-roleless" Error: "A tool asks for an approver, and no role may approve.", "Every call of it would be refused.", "As in confirmations: { approver: { roles: [approvers] } }.";
    HostUnnamed = "P981" "host-unnamed" Error: "A tool relies on the client's own prompt, and no client is named.", "Any client could say that it asked.", "As in confirmations: { host: { clients: [desktop-app] } }.";
    ConfirmOnRead = "P982" "confirm-on-read" Warning: "People are asked about calls that only read.", "Who is asked too often says yes without reading.", "Leave `confirm` out, or label the tool as what it does.";
    ConfirmRepeated = "P983" "confirm-repeated" Error: "One way of asking is written twice.", "The second would never be used.", "Keep the first.";
    PreviewMalformed = "P984" "preview-malformed" Error: "A preview that cannot be made.", "People would decide without it.", "Exactly one of argument, tool (whose rule says `effect: read`) and template.";
    BatchUseless = "P985" "batch-useless" Error: "A batch that approves nothing at once.", "It would have no effect.", "calls_max of at least 2, for tools confirmed by `approver`.";
    ConfirmMissing = "P986" "confirm-missing" Advice: "Nobody is asked before a destructive call, though people are asked about other calls.", "Reviewers ask for a person who confirms what cannot be undone.", "As in confirm: [elicit, approver].";
    ConfirmationsUnused = "P987" "confirmations-unused" Warning: "Confirmations are described, and no tool asks for one.", "Whoever wrote it believes that people are asked.", "Add `confirm` to tools, or remove the section.";
    QuietMalformed = "P988" "quiet-malformed" Error: "Quiet hours that are no part of a day.", "They cannot be given a meaning.", "Two times of day in UTC, as in 22:00-06:00.";
    ApprovalPageMissing = "P989" "approval-page-missing" Warning: "A tool is confirmed on the approval page, and gateway.yaml describes none.", "Nobody can sign in there, so the call falls to the next way, or is refused.", "Add confirmations.page to gateway.yaml.";
    // P99: where data may go.
    LabelMalformed = "P990" "label-malformed" Error: "`sensitivity` that is not a word.", "People are told it when they are asked.", "Letters, digits, _ and -, as in customer.";
    FlowSize = "P991" "flow-size" Error: "A size or time of `flow` that is out of bounds.", "Too little is in common by chance, too much takes memory or is never found.", "at_least from 16 to 256, for up to 24h, ignore up to 16 KiB.";
    FlowHost = "P992" "flow-host" Error: "`flow` relies on the client's own prompt.", "It does not know why somebody is asked.", "elicit, approver or code.";
    FlowUnused = "P993" "flow-unused" Warning: "`flow` is described, and neither sources nor sinks are labelled.", "Whoever wrote it believes that data is kept in.", "Add `sensitivity` or `untrusted` to rules, or `effect: egress` to tools.";
    FieldsMalformed = "P994" "fields-malformed" Error: "`output.fields` that name nothing.", "Everything would be left out, or the wrong thing.", "JSON pointers, as in /customer/name or /customers/*/name.";
    LinkMalformed = "P995" "link-malformed" Error: "Not a place that links may lead to.", "It would allow nothing, or more than it seems to.", "As in https://www.example.com/ or https://*.example.com/docs/.";
    SensitiveSink = "P996" "sensitive-sink" Advice: "A tool that sends out is labelled as a source.", "What it returns is remembered, and asked about when it is sent out again.", "Leave `sensitivity` out if it returns nothing of that kind.";
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// One thing wrong with what a person wrote.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Flaw {
    /// Which check.
    pub check: Check,
    /// JSON pointer into the source.
    pub path: String,
    /// Where in the text that stands there, in bytes, if only a part of it is meant.
    pub offset: Option<usize>,
    /// What is wrong here.
    pub message: String,
    /// What to do.
    pub hint: String,
}

/// Flaws found so far.
#[derive(Debug, Default)]
pub struct Flaws(pub Vec<Flaw>);

impl Flaws {
    /// One more.
    pub fn add(&mut self, check: Check, path: impl Into<String>, message: impl Into<String>, hint: impl Into<String>) {
        self.0.push(Flaw { check, path: path.into(), offset: None, message: message.into(), hint: hint.into() });
    }

    /// One more, about a part of the text at `path`.
    pub fn add_within(&mut self, check: Check, path: impl Into<String>, offset: usize, words: [String; 2]) {
        let [message, hint] = words;
        self.0.push(Flaw { check, path: path.into(), offset: Some(offset), message, hint });
    }

    /// Reads a text that is there; a text that cannot be read is a flaw, told as being not `what`.
    pub fn read<T>(
        &mut self,
        (check, what): (Check, &str),
        path: impl Into<String>,
        text: Option<&str>,
        read: fn(&str) -> Option<T>,
        hint: &str,
    ) -> Option<T> {
        let text = text?;
        let value = read(text);
        if value.is_none() {
            self.add(check, path, format!("`{text}` is not {what}"), hint);
        }
        value
    }

    /// What many rules take from one default is told once.
    pub fn without_repetitions(mut self) -> Self {
        let mut told = HashSet::new();
        self.0.retain(|flaw| told.insert(flaw.clone()));
        self
    }

    /// Whether one of them keeps the policy from loading.
    pub fn fatal(&self) -> bool {
        self.0.iter().any(|flaw| flaw.check.severity() == Severity::Error)
    }
}

/// A hint for a name that is none of these: the one that was probably meant, and which there are.
pub fn choice<'a>(written: &str, which: &str, known: impl Iterator<Item = &'a str>) -> String {
    // Longer lists help nobody.
    const SHOWN_MAX: usize = 20;
    let known: Vec<&str> = known.collect();
    let meant = nearest(written, known.iter().copied()).map(|name| format!("did you mean `{name}`? "));
    let shown: Vec<&str> = known.iter().copied().take(SHOWN_MAX).collect();
    let more = if known.len() > SHOWN_MAX { ", …" } else { "" };
    let all = if known.is_empty() { "none".to_owned() } else { format!("{}{more}", shown.join(", ")) };
    format!("{}{which}: {all}", meant.unwrap_or_default())
}

/// The known name that differs by a slip of the hand.
pub fn nearest<'a>(written: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    // Enough for what people write by hand; a file of a machine's must not take long.
    const COMPARED_MAX: usize = 100;
    let most = written.chars().count().div_ceil(3).min(3);
    let near = known.take(COMPARED_MAX).filter(|name| name.len().abs_diff(written.len()) <= most);
    let near = near.map(|name| (distance(written, name), name)).filter(|(distance, _)| *distance <= most);
    near.min_by_key(|(distance, _)| *distance).map(|(_, name)| name)
}

/// How many characters have to be put in, taken out, changed or swapped with their neighbour.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    // Names are short; of what is not, nobody asks for the nearest.
    if a.len() > 128 || b.len() > 128 {
        return usize::MAX;
    }
    let mut rows: Vec<Vec<usize>> = vec![(0..=b.len()).collect()];
    let at = |rows: &[Vec<usize>], i: usize, j: usize| {
        rows.get(i).and_then(|row| row.get(j)).copied().unwrap_or(usize::MAX / 2)
    };
    for (i, x) in a.iter().enumerate() {
        rows.push(vec![i + 1]);
        for (j, y) in b.iter().enumerate() {
            let change = at(&rows, i, j) + usize::from(x != y);
            let mut least = change.min(at(&rows, i, j + 1) + 1).min(at(&rows, i + 1, j) + 1);
            let swapped = i > 0 && j > 0 && a.get(i - 1) == Some(y) && b.get(j - 1) == Some(x);
            if swapped && x != y {
                least = least.min(at(&rows, i - 1, j - 1) + 1);
            }
            if let Some(row) = rows.last_mut() {
                row.push(least);
            }
        }
    }
    at(&rows, a.len(), b.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_hand_is_guessed_and_nothing_else() {
        let known = ["support", "admin", "read"];
        let guess = |written| nearest(written, known.into_iter());
        assert_eq!(guess("suport"), Some("support"));
        assert_eq!(guess("amdin"), Some("admin"));
        assert_eq!(guess("raed"), Some("read"));
        assert_eq!(guess("sales"), None);
        assert_eq!(distance("amdin", "admin"), 1);
        assert_eq!(choice("x", "declared", [].into_iter()), "declared: none");
        assert_eq!(choice("amdin", "roles", known.into_iter()), "did you mean `admin`? roles: support, admin, read");
    }
}
