//! Every way to say no, and the one table of its wire form.
//!
//! A [`Refusal`] has two faces. The client gets [`Reason::wire`]: a status, a code and a sentence
//! that says what to change and reveals nothing else. The operator gets the reason's name, the rule
//! with its position, and `detail`, in the audit record. `tests/data/refusals.txt` is the table.
use super::mcp::revision::{Era, Revision};
use super::policy::compile::StepUp;
use super::tasks::TASKS;

/// What a refusal looks like from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wire {
    /// HTTP status.
    pub status: u16,
    /// JSON-RPC code.
    pub code: i64,
    /// What the client may know.
    pub text: &'static str,
}

macro_rules! reasons {
    ($($(#[doc = $doc:literal])* $name:ident => $status:literal, $code:literal, $text:literal;)*) => {
        /// Why something was refused: a sentence about who did what.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Reason { $($(#[doc = $doc])* $name,)* }
        impl Reason {
            /// Every reason, in table order.
            pub const ALL: &'static [Reason] = &[$(Reason::$name,)*];
            /// The wire form. One arm a reason, no default.
            pub fn wire(self) -> Wire {
                match self { $(Reason::$name => Wire { status: $status, code: $code, text: $text },)* }
            }
            /// The same word in metrics, audit and docs.
            pub fn name(self) -> &'static str {
                match self { $(Reason::$name => stringify!($name),)* }
            }
        }
    };
}

// Codes: JSON-RPC 2.0 and MCP where they define one; -31xxx (outside every reserved range) for ours.
reasons! {
    /// No MCP server at this path.
    PathUnknown => 404, -32600, "There is no MCP server at this path.";
    /// `Host` names another site.
    HostForeign => 403, -32600, "The Host header does not name this gateway.";
    /// `Origin` is not accepted.
    OriginForeign => 403, -32600, "This Origin may not call this gateway.";
    /// A verb MCP does not use here.
    VerbUnknown => 405, -32600, "Use POST for messages; GET and DELETE only with a session.";
    /// `Content-Type` is not JSON.
    MediaTypeWrong => 415, -32600, "Send Content-Type: application/json in UTF-8 without Content-Encoding.";
    /// `Accept` leaves out what MCP requires.
    AcceptWrong => 406, -32600, "Accept both application/json and text/event-stream (GET: text/event-stream).";
    /// A header that must occur once occurred twice, or is malformed.
    HeaderMalformed => 400, -32600, "A header is repeated, malformed or too long.";
    /// Body too long.
    BodyTooLarge => 413, -32600, "The message is longer than this gateway accepts.";
    /// The body did not arrive in time, or the client broke off.
    BodyIncomplete => 408, -32600, "The message did not arrive whole in time.";
    /// No token.
    TokenMissing => 401, -31401, "Send an OAuth access token in the Authorization header.";
    /// A token that does not verify.
    TokenInvalid => 401, -31401, "The access token is not valid here. Get a new one.";
    /// A token past its expiry.
    TokenExpired => 401, -31401, "The access token has expired. Get a new one.";
    /// A token made for another server.
    TokenForAnother => 401, -31401, "The access token was not issued for this server.";
    /// A token that is valid for longer than the policy accepts.
    TokenLivesTooLong => 401, -31401, "The access token is valid for longer than this server accepts.";
    /// Keys of the issuer cannot be had.
    KeysUnavailable => 503, -31503, "The access token cannot be checked now. Try again later.";
    /// Not JSON, or JSON that two parsers could read differently.
    JsonMalformed => 400, -32700, "The body is not one unambiguous JSON text (RFC 8259).";
    /// An object repeats a key.
    JsonKeyRepeated => 400, -32700, "The body repeats a key in one object.";
    /// Nested too deep or too many values.
    JsonTooComplex => 400, -32700, "The body is nested too deep or has too many values.";
    /// A batch.
    BatchNotServed => 400, -32600, "Send one JSON-RPC message in a request, not a batch.";
    /// A batch with nothing or too much in it.
    BatchTooLarge => 400, -32600, "A batch has from 1 to 32 messages.";
    /// Not a JSON-RPC 2.0 message.
    EnvelopeMalformed => 400, -32600, "The body is not a JSON-RPC 2.0 request, notification or response.";
    /// Parameters without what the method needs.
    ParamsMalformed => 400, -32602, "The parameters do not fit the method.";
    /// `_meta` of 2026-07-28 is incomplete.
    MetaMissing => 400, -32602, "params._meta needs io.modelcontextprotocol/protocolVersion and io.modelcontextprotocol/clientCapabilities.";
    /// Mirrored headers say something else than the body.
    HeaderDisagreesWithBody => 400, -32020, "A mirrored header is missing or does not match the request body.";
    /// A revision this gateway does not speak.
    RevisionUnsupported => 400, -32022, "Unsupported protocol version.";
    /// The version header is not the session's.
    RevisionNotOfSession => 400, -32600, "MCP-Protocol-Version is not the version this session agreed on.";
    /// A method nobody defined, or not in this revision.
    MethodUnknown => 404, -32601, "Method not found.";
    /// A method of the protocol that this gateway does not serve.
    MethodNotServed => 404, -32601, "Method not found: not served through this gateway.";
    /// A request without a session that needs one.
    SessionMissing => 400, -32600, "Send Mcp-Session-Id, or initialize first.";
    /// No such session, or not this caller's.
    SessionUnknown => 404, -32600, "There is no such session. Initialize again.";
    /// Too many sessions.
    SessionsExhausted => 503, -31503, "Too many sessions. End one or try again later.";
    /// Too many exchanges in flight in a session.
    PendingExhausted => 429, -31429, "Too many unanswered requests in this session.";
    /// A request id that is still unanswered.
    RequestIdReused => 400, -32600, "This request id is still in use in this session.";
    /// A response to a question nobody asked.
    ResponseUnexpected => 400, -32600, "There is no open request with this id.";
    /// A `requestState` of somebody else, for something else, too late, or made up.
    RequestStateForeign => 400, -32602, "requestState was not given out for this request, or is no longer valid.";
    /// A `Last-Event-ID` not given out in this session.
    EventIdForeign => 400, -32600, "Last-Event-ID was not given out in this session, or its events are no longer kept.";
    /// No rule names the tool, or the caller may not know of it.
    ToolUnknown => 200, -32602, "Unknown tool.";
    /// The same for prompts.
    PromptUnknown => 200, -32602, "Unknown prompt.";
    /// The same for resources.
    ResourceUnknown => 200, -32602, "Resource not found.";
    /// A message about a task of a client that did not declare tasks.
    TasksUndeclared => 400, -32021, "Declare the extension io.modelcontextprotocol/tasks in this request.";
    /// Not a task of this caller's.
    TaskUnknown => 200, -32602, "Unknown task.";
    /// The token lacks scopes that the rule asks for.
    ScopeMissing => 403, -31403, "The access token lacks a scope that this needs.";
    /// A denial of the policy applies, whatever its other rules allow.
    DeniedByRule => 200, -31403, "Refused by policy.";
    /// The rule is not for this caller, or not now.
    NotAvailable => 200, -31403, "Refused by policy: not available to you, or not at this time.";
    /// The rule asks for a recent or stronger login (RFC 9470).
    StepUpNeeded => 401, -31401, "This needs a more recent or stronger login.";
    /// Arguments longer than a limit of the policy.
    ArgumentsTooLarge => 200, -31413, "Refused by policy: the arguments are too long.";
    /// A condition of the rule does not hold.
    ConditionNotMet => 200, -31403, "Refused by policy: a condition for this call is not met.";
    /// A condition could not be evaluated.
    ConditionFailed => 200, -31403, "Refused by policy: a condition for this call could not be checked.";
    /// The server no longer offers it as it was approved.
    ContractDrifted => 200, -31409, "This changed since it was approved, and is held until somebody has looked at it.";
    /// What the server offers could not be compared with what was approved.
    ContractUnverified => 503, -31503, "The tool server's contract cannot be checked now. Try again later.";
    /// Sensitive data that the policy keeps back, in what a client sends.
    SensitiveArguments => 200, -31422, "Refused by policy: sensitive data may not be sent to this server.";
    /// To look for sensitive data in what a client sends takes more work than its length allows.
    ArgumentsTooDense => 200, -31413, "Refused: this has more numbers and names of secrets than can be looked through. Send less at once.";
    /// Arguments that do not fit the published schema.
    ArgumentsMisfit => 200, -32602, "The arguments do not fit the input schema of the tool.";
    /// An operator stopped it.
    Stopped => 200, -31403, "Refused: stopped by an operator.";
    /// The server takes no call that changes anything.
    PreviewOnly => 200, -31403, "Refused: no call that changes anything reaches this server at present.";
    /// No declared way of asking a person fits this client.
    ConfirmationImpossible => 200, -31403, "Refused: this call needs a person's confirmation, and there is no way to ask for it here.";
    /// The person who was asked said no, or something else than yes.
    ConfirmationDenied => 200, -31403, "Refused: the person who was asked did not confirm this call.";
    /// Nobody answered in time, or the approval was not used in time.
    ConfirmationExpired => 200, -31403, "Refused: the time for confirming this call has passed. Call again to ask anew.";
    /// The approval was used already.
    ConfirmationSpent => 200, -31403, "Refused: this confirmation was used already. Call again to ask anew.";
    /// The approval is for another call.
    ConfirmationMismatch => 200, -31403, "Refused: this is not the call that the confirmation is for.";
    /// The policy or the contract changed since it was proposed.
    ConfirmationVoid => 200, -31403, "Refused: what was to be confirmed has changed. Call again to ask anew.";
    /// Not made here, or not for this caller.
    ConfirmationUnknown => 200, -31403, "Refused: there is no such confirmation.";
    /// Nobody said yes yet.
    ConfirmationPending => 200, -31403, "Refused: nobody has confirmed this call yet. Make the same call again later.";
    /// The person was asked as often as the policy allows.
    ConfirmationBudget => 429, -31429, "Too many confirmations were asked for. Wait for the time in Retry-After.";
    /// The person said no too often lately.
    ConfirmationCoolDown => 429, -31429, "Calls were denied; no more are asked about for a while. Wait for the time in Retry-After.";
    /// Nobody is asked at this hour.
    ConfirmationQuiet => 200, -31403, "Refused: nobody is asked to confirm calls at this hour.";
    /// Too many wait for an answer.
    ConfirmationsExhausted => 503, -31503, "Too many calls wait for a confirmation. Try again later.";
    /// Confirmations cannot be kept, so none are given.
    ConfirmationsUnavailable => 503, -31503, "Confirmations cannot be kept now. Try again later.";
    /// The preview that has to be shown cannot be had.
    PreviewUnavailable => 200, -31403, "Refused: the preview that a person is to see cannot be made.";
    /// A call that sends out has text that came from what was read.
    DataLeaves => 200, -31403, "Refused: the arguments contain data that was read before and may not leave.";
    /// A call that sends out has a URL that leads to no allowed place.
    LinkForeign => 200, -31403, "Refused: the arguments have a URL that leads to no allowed place.";
    /// More was read than can be remembered, so that nobody knows what a call would send out.
    MemoryFull => 200, -31403, "Refused: more was read than can be remembered. Nothing may be sent out for a while.";
    /// A call that sends out comes after content that nobody vouches for.
    UntrustedRead => 200, -31403, "Refused: nothing may be sent out after content from outside was read.";
    /// Over a rate.
    RateExceeded => 429, -31429, "Too many calls. Wait for the time in Retry-After.";
    /// Over a limit of calls at once.
    ConcurrencyExceeded => 429, -31429, "Too many calls at once. Wait for one to be answered.";
    /// Over a ceiling on streams.
    StreamsExhausted => 429, -31429, "Too many open streams. Close one first.";
    /// No room to record the exchange.
    AuditUnavailable => 503, -31503, "The gateway cannot record this call now. Try again later.";
    /// The upstream cannot be reached.
    UpstreamUnreachable => 502, -31502, "The tool server cannot be reached.";
    /// As many processes or connections of the upstream as the policy allows are in use.
    UpstreamExhausted => 503, -31503, "The tool server has no room for another caller now. Try again later.";
    /// The upstream took too long.
    UpstreamTooSlow => 504, -31504, "The tool server did not answer in time.";
    /// The upstream answered with an error of its own.
    UpstreamFailed => 502, -31502, "The tool server failed.";
    /// The upstream answered 4xx with nothing that could be relayed.
    UpstreamRejected => 400, -31502, "The tool server rejected the request.";
    /// The upstream refused the gateway's own credential.
    UpstreamDeniedUs => 502, -31502, "The tool server does not accept the gateway.";
    /// The upstream's reply could not be judged.
    ReplyMalformed => 502, -31502, "The tool server's reply was refused.";
    /// The reply is longer than the bound.
    ReplyTooLarge => 502, -31502, "The tool server's reply is too large.";
    /// A reply, or part of one, that this exchange does not allow.
    ReplyUnexpected => 502, -31502, "The tool server's reply was refused.";
    /// A reply that is not what was approved: a result that does not fit its schema, or other bytes of a widget.
    ReplyNotAsPublished => 502, -31502, "The tool server's reply is not what was approved for it.";
    /// A reply with links or images that lead to no allowed place.
    ReplyLeadsOut => 502, -31502, "The tool server's reply has links that are not allowed.";
    /// Sensitive data that the policy keeps back, in what a server sends.
    SensitiveReply => 200, -31422, "Refused by policy: the tool server's reply has sensitive data.";
    /// To look for sensitive data in what a server sends takes more work than its length allows.
    ReplyTooDense => 502, -31502, "The tool server's reply has more numbers and names of secrets than can be looked through. Ask for less at once.";
    /// Text that people do not see, in what a server sends.
    ReplyHidesText => 502, -31502, "The tool server's reply has text that people do not see.";
    /// The policy no longer allows an open stream.
    StreamNoLongerAllowed => 403, -31403, "Refused by policy.";
    /// The gateway is stopping.
    Draining => 503, -31503, "The gateway is stopping. Try again.";
    /// A fault of ours.
    Internal => 500, -32603, "Internal error.";
}

/// A refusal with what each side needs.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// Why.
    pub reason: Reason,
    /// For the operator: lower-case, values in backticks, never secrets or arguments.
    pub detail: String,
    /// The request id to echo, as JSON.
    pub id: Option<String>,
    /// Scopes that would be needed, for a challenge.
    pub scopes: Vec<String>,
    /// The login that would be needed, for a challenge.
    pub step_up: Option<std::sync::Arc<StepUp>>,
    /// Seconds after which to try again.
    pub retry_after: Option<u64>,
    /// The version asked for, for `-32022`.
    pub requested: Option<String>,
    /// For the client: what to change, without any value of the message.
    pub advice: Option<String>,
    /// Answer within the session (HTTP 200): before 2026-07-28 a 404 says that the session is dead.
    pub in_band: bool,
    /// It was no request: nobody waits for an answer with its id, and only the status says that it was not taken
    /// (2025-11-25, "Sending Messages to the Server").
    pub of_no_request: bool,
}

impl Refusal {
    /// A refusal with nothing but its reason.
    pub fn new(reason: Reason) -> Self {
        Self {
            reason,
            detail: String::new(),
            id: None,
            scopes: Vec::new(),
            step_up: None,
            retry_after: None,
            requested: None,
            advice: None,
            in_band: false,
            of_no_request: false,
        }
    }

    /// Adds the operator's sentence.
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = detail.into();
        self
    }

    /// A method that is not there, said in the way of its era.
    pub fn method(reason: Reason, era: Era) -> Self {
        Self { in_band: era == Era::Legacy, ..Self::new(reason) }
    }

    /// The HTTP status.
    pub fn status(&self) -> u16 {
        match if self.in_band { 200 } else { self.reason.wire().status } {
            200 if self.of_no_request => 400,
            status => status,
        }
    }

    /// Of a notification or a response.
    pub fn for_no_request(self) -> Self {
        Self { id: None, of_no_request: true, ..self }
    }

    /// Echoes a request id.
    pub fn for_id(mut self, id: Option<String>) -> Self {
        self.id = id.or(self.id);
        self
    }

    /// The JSON-RPC error that the client gets.
    pub fn body(&self) -> String {
        let wire = self.reason.wire();
        let message =
            self.advice.as_ref().map_or_else(|| wire.text.to_owned(), |advice| format!("{} {advice}", wire.text));
        let mut error = serde_json::json!({ "code": wire.code, "message": message });
        if self.reason == Reason::RevisionUnsupported {
            // Only revisions that say their version in each request: the others are agreed on by `initialize`.
            let supported: Vec<_> =
                Revision::ALL.into_iter().filter(|r| r.era() == Era::Modern).map(Revision::as_str).collect();
            if let Some(fields) = error.as_object_mut() {
                let data = serde_json::json!({ "supported": supported, "requested": self.requested });
                fields.insert("data".to_owned(), data);
            }
        }
        if self.reason == Reason::TasksUndeclared
            && let Some(fields) = error.as_object_mut()
        {
            let needed = serde_json::json!({ "extensions": { TASKS: {} } });
            fields.insert("data".to_owned(), serde_json::json!({ "requiredCapabilities": needed }));
        }
        format!(r#"{{"jsonrpc":"2.0","id":{},"error":{error}}}"#, self.id.as_deref().unwrap_or("null"))
    }
}

impl From<Reason> for Refusal {
    fn from(reason: Reason) -> Self {
        Self::new(reason)
    }
}
