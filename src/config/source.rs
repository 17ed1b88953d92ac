//! What a person writes in `gateway.yaml`.
use crate::kernel::policy::source::SecretSource;
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::BTreeMap;

/// The gateway.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GatewaySource {
    /// The URL by which clients reach the gateway, as in `https://mcp.example.com`.
    pub public_url: String,
    /// Where it listens.
    pub listen: Vec<ListenSource>,
    /// Token issuers by name.
    pub issuers: BTreeMap<String, IssuerSource>,
    /// Health, metrics and status.
    pub admin: AdminSource,
    /// Where records go.
    pub audit: AuditSource,
    /// Directory of `*.yaml` policies, one per server.
    pub policies: String,
    /// Further `Host` values to accept besides that of `public_url`, as in `gateway:8443`.
    #[serde(default)]
    pub hosts: Vec<String>,
    /// Further `Origin` values to accept besides that of `public_url`.
    #[serde(default)]
    pub origins: Vec<String>,
    /// Cache of verified tokens.
    #[serde(default)]
    pub token_cache: TokenCacheSource,
    /// Bounds on sessions.
    #[serde(default)]
    pub sessions: SessionsSource,
    /// Bounds on messages and connections.
    #[serde(default)]
    pub limits: LimitsSource,
    /// Longest wait for calls in flight when stopping. Default 20s.
    pub drain: Option<String>,
    /// Cases beside the policies.
    #[serde(default)]
    pub cases: CasesSettings,
    /// Virtual servers, by name: several servers behind one path.
    #[serde(rename = "virtual", default)]
    pub virtual_servers: BTreeMap<String, VirtualSource>,
    /// Who may approve contracts, by name. Without any, approvals need no signature, and `check` warns.
    #[serde(default)]
    pub approvers: BTreeMap<String, ApproverSource>,
    /// Where people confirm calls, besides at their client.
    #[serde(default)]
    pub confirmations: ConfirmationsSettings,
    /// Keys for what stands in place of sensitive data.
    #[serde(default)]
    pub redaction: RedactionSettings,
}

/// Keys for what stands in place of sensitive data, where policies say `hash` or `tokenise`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RedactionSettings {
    /// A secret of at least 32 characters, the same for all replicas. Default: a random one for each start, so that
    /// digests and tokens of one start mean nothing to the next.
    pub key: Option<SecretSource>,
    /// How often the key of digests changes, as in `30d`. Default 30d.
    pub rotate: Option<String>,
}

/// Several servers behind one path. Tools and prompts have the server's name and `_` before theirs; lists come one
/// after the other. The policy of each server decides about its own.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VirtualSource {
    /// The servers, by their policies' names, in the order of their lists.
    pub servers: Vec<String>,
    /// URL path to serve it at. Default `/<name>/mcp`.
    pub path: Option<String>,
    /// Names of issuers whose tokens are accepted. Those of a server must be among its own too.
    pub issuers: Vec<String>,
    /// Audience that tokens must have. Default: public URL and path.
    pub audience: Option<String>,
    /// What happens when a server fails while all are asked. Default `closed`.
    #[serde(default)]
    pub fail: FailSource,
}

/// What a virtual server does without one of its servers.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum FailSource {
    /// Nothing is answered that takes all of them: lists, beginnings of sessions, subscriptions.
    #[default]
    Closed,
    /// It is left out, in a session until the client begins a new one.
    Without,
}

/// Where people confirm calls, besides at their client.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConfirmationsSettings {
    /// The approval page, at `<public_url>/-/confirmations`.
    pub page: Option<PageSource>,
    /// Another system that is told of what waits for an approver, and answers.
    pub webhook: Option<WebhookSource>,
}

/// The approval page: who signs people in (OpenID Connect). The redirect URI is `<public_url>/-/callback`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PageSource {
    /// Name of an issuer under `issuers`.
    pub issuer: String,
    /// The gateway's client id there.
    pub client_id: String,
    /// The client's secret. Without it: a public client, with PKCE alone.
    pub client_secret: Option<SecretSource>,
    /// Scopes to ask for besides `openid`, for the claims that roles are made of.
    #[serde(default)]
    pub scopes: Vec<String>,
    /// How long somebody stays signed in at most. Default 15m, and never longer than the ID token.
    pub signed_in: Option<String>,
}

/// Another system, signed both ways as Standard Webhooks says.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WebhookSource {
    /// What it is called in records.
    pub name: String,
    /// Where it is told of what waits. Without it: it finds out otherwise.
    pub url: Option<String>,
    /// Key of the signatures, at least 24 characters.
    pub secret: SecretSource,
}

/// Someone who may approve the contract of a server.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ApproverSource {
    /// Ed25519 public key: base64 as `portcullis contract keygen` prints it, PEM text, or a PEM file from the
    /// directory of gateway.yaml.
    pub key: String,
    /// What the approver may do. `admin` publishes contracts.
    #[serde(default = "admin")]
    pub roles: Vec<ApproverRole>,
}

fn admin() -> Vec<ApproverRole> {
    vec![ApproverRole::Admin]
}

/// What an approver may do.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum ApproverRole {
    /// Publishes contracts.
    Admin,
    /// Looks, and does not publish.
    Viewer,
}

/// What cases beside the policies are for while the gateway runs.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CasesSettings {
    /// What happens when the gateway starts or reloads and a case fails.
    #[serde(default)]
    pub on_reload: OnReload,
}

/// What a failing case does to the configuration it is part of.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum OnReload {
    /// It does not take effect.
    #[default]
    Refuse,
    /// It takes effect, and the failure is told.
    Warn,
    /// Cases are not read.
    Ignore,
}

/// One listener.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListenSource {
    /// IP address and port.
    pub address: String,
    /// Certificate and key. Without it the listener is plain HTTP, and refused off loopback.
    pub tls: Option<TlsSource>,
    /// Allows plain HTTP off loopback, where something in front terminates TLS.
    #[serde(default)]
    pub insecure: bool,
}

/// Certificate and key, PEM. Reloaded when they change.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TlsSource {
    /// Certificate chain, leaf first.
    pub certificate: String,
    /// Private key.
    pub key: String,
}

/// A token issuer.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct IssuerSource {
    /// The `iss` of its tokens.
    pub issuer: String,
    /// File or URL of its JWK set. Without it: OIDC discovery from `issuer`.
    pub jwks: Option<String>,
    /// Accepted signature algorithms. Default ES256, RS256, EdDSA.
    #[serde(default = "default_algorithms")]
    pub algorithms: Vec<AlgorithmSource>,
}

fn default_algorithms() -> Vec<AlgorithmSource> {
    vec![AlgorithmSource::ES256, AlgorithmSource::RS256, AlgorithmSource::EdDSA]
}

/// Signature algorithms with public keys (RFC 7518, RFC 8037). There is no `none` and no HMAC.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are the documentation")]
pub enum AlgorithmSource {
    ES256,
    ES384,
    RS256,
    RS384,
    RS512,
    PS256,
    PS384,
    PS512,
    EdDSA,
}

/// Admin listener.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AdminSource {
    /// IP address and port.
    pub address: String,
    /// Allows plain HTTP off loopback, as a kubelet's probes need.
    #[serde(default)]
    pub insecure: bool,
}

/// When a record is on disk.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum DurabilitySource {
    /// Written every `interval`; a crash loses at most that much.
    #[default]
    Interval,
    /// An answer leaves only after its record is on disk.
    Acknowledged,
}

/// Audit.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AuditSource {
    /// Directory of the records.
    pub directory: String,
    /// When a record is on disk.
    #[serde(default)]
    pub durability: DurabilitySource,
    /// For `interval`: how often. Default 50ms.
    pub interval: Option<String>,
    /// Size at which a new file is begun, in bytes. Default 64 MiB.
    pub file_bytes_max: Option<u64>,
}

/// Token cache.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TokenCacheSource {
    /// Most tokens kept; 0 verifies every token every time.
    pub capacity: usize,
}

impl Default for TokenCacheSource {
    fn default() -> Self {
        Self { capacity: 10_000 }
    }
}

/// Sessions of the 2025 revisions.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SessionsSource {
    /// Most sessions in all.
    pub total_max: usize,
    /// Most sessions of one principal at one server.
    pub per_principal_max: usize,
    /// Longest idle time.
    pub idle: String,
    /// Most open streams of one principal.
    pub streams_max: usize,
}

impl Default for SessionsSource {
    fn default() -> Self {
        Self { total_max: 10_000, per_principal_max: 64, idle: "30m".to_owned(), streams_max: 64 }
    }
}

/// Bounds on messages and connections.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LimitsSource {
    /// Longest client message, in bytes.
    pub request_bytes_max: usize,
    /// Longest reply, or event of a stream, in bytes.
    pub reply_bytes_max: usize,
    /// Deepest nesting of a message.
    pub depth_max: usize,
    /// Most connections at once.
    pub connections_max: usize,
}

impl Default for LimitsSource {
    fn default() -> Self {
        Self { request_bytes_max: 4 << 20, reply_bytes_max: 16 << 20, depth_max: 64, connections_max: 10_000 }
    }
}
