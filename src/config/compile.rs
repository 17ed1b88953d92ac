//! `gateway.yaml` as written → [`Loaded`]. One function a section; each takes its source apart.
use super::load::{Document, Environment, Files};
use super::source::*;
use super::{Listener, Loaded, Problem, Startup};
use crate::authn::keys::{Source as KeySource, Trusted};
use crate::egress::Credentials;
use crate::kernel::confirm::Mode;
use crate::kernel::contract::lock::{Approver, Approvers, public_key};
use crate::kernel::contract::poison::collisions;
use crate::kernel::contract::surface::Kind;
use crate::kernel::digest::Digest;
use crate::kernel::joint::Joint;
use crate::kernel::json::Bounds;
use crate::kernel::policy::compile::{
    Compiled, ServerPolicy, Surroundings, compile, duration, is_server_name, lock_name, pointer,
};
use crate::kernel::policy::flaw::{Check, Flaw, Flaws, Severity};
use crate::kernel::policy::source::{CredentialSource, PolicySource, SecretSource, VariableSource};
use crate::kernel::sensitive::keys::{Keys, ROTATE_SECONDS};
use crate::kernel::snapshot::{Approvals, Limits, Snapshot};
use jsonwebtoken::Algorithm;
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

pub(super) struct Compiler<'a> {
    pub base: &'a Path,
    pub document: &'a Document,
    pub files: &'a mut Files,
    pub environment: Environment<'a>,
    pub problems: Vec<Problem>,
    /// Whether lock files are looked at.
    pub locked: bool,
    pub locks: BTreeMap<String, PathBuf>,
}

impl Compiler<'_> {
    fn add(&mut self, check: Check, path: &str, message: impl Into<String>, hint: impl Into<String>) {
        self.problems.push(self.document.problem(check, path, message, hint));
    }

    pub fn gateway(&mut self, source: GatewaySource, policies: Vec<(PolicySource, Document)>) -> Option<Loaded> {
        let GatewaySource {
            public_url,
            listen,
            issuers,
            admin,
            audit,
            policies: _,
            hosts,
            origins,
            token_cache,
            sessions,
            limits,
            drain,
            cases: _,
            virtual_servers,
            approvers,
            confirmations,
            redaction,
        } = source;
        let approvers = self.approvers(approvers);
        let public = self.public(&public_url, hosts, origins);
        let listeners = self.listeners(listen);
        let admin = self.address("/admin/address", &admin.address, admin.insecure);
        let audit = self.audit(audit);
        let issuers = self.issuers(issuers);
        let (page, webhook) = self.confirmations(confirmations, &issuers);
        let (redaction, redaction_rotate) = self.redaction(redaction);
        let approvals = Approvals { page: page.is_some(), webhook: webhook.is_some() };
        let LimitsSource { request_bytes_max, reply_bytes_max, depth_max, connections_max } = limits;
        let bounds = |bytes_max| Bounds { bytes_max, depth_max, ..Bounds::default() };
        let SessionsSource { total_max, per_principal_max, idle, streams_max } = sessions;
        let idle = self.duration("/sessions/idle", Some(&idle), Duration::from_secs(1800));
        let drain = self.duration("/drain", drain.as_deref(), Duration::from_secs(20));
        let mut servers = BTreeMap::new();
        let mut paths = BTreeMap::new();
        let (mut credentials, mut documents) = (BTreeMap::new(), BTreeMap::new());
        let names: Vec<String> = issuers.keys().cloned().collect();
        for (policy, document) in policies {
            let url = public.as_ref().map_or("", |(url, _, _)| url.as_str());
            let Some((server, credential)) = self.policy(policy, &document, (&names, url, &approvers)) else {
                continue;
            };
            credentials.insert(server.name.clone(), credential);
            let mut repeated = |message: String, hint: &str| {
                self.problems.push(document.problem(Check::NameRepeated, "/server", message, hint));
            };
            if servers.contains_key(&server.name) {
                repeated(format!("another policy has the name `{}`", server.name), "one policy per server");
            } else if let Some(other) = paths.insert(server.path.clone(), server.name.clone()) {
                repeated(format!("`{}` and `{other}` have one path", server.name), "give one another `path`");
            }
            servers.insert(server.name.clone(), Arc::new(server));
            documents.insert(document.file.clone(), document);
        }
        let url = public.as_ref().map_or("", |(url, _, _)| url.as_str());
        let joints = self.virtual_servers(virtual_servers, &mut servers, &mut paths, (&names, url));
        self.alike(&servers, &documents);
        self.pageless(&servers, &documents, approvals);
        let (public_url, hosts, origins) = public?;
        let snapshot = Snapshot {
            id: Digest::of(b""),
            servers,
            joints,
            paths,
            hosts,
            origins,
            public_url,
            issuers: issuers.iter().map(|(name, issuer)| (name.clone(), issuer.issuer.clone())).collect(),
            limits: Limits { request: bounds(request_bytes_max), reply: bounds(reply_bytes_max) },
            approvals,
        };
        let startup = Startup {
            listeners,
            admin: admin?,
            audit,
            token_cache: token_cache.capacity,
            sessions: crate::sessions::Settings { total_max, per_principal_max, idle, streams_max },
            connections_max,
            drain,
            redaction,
            redaction_rotate,
        };
        let pages = crate::pages::Sources { page, webhook };
        let (snapshot, locks) = (Arc::new(snapshot), std::mem::take(&mut self.locks));
        Some(Loaded { startup, snapshot, issuers, credentials, pages, locks, approvers, warnings: Vec::new() })
    }

    /// Several servers behind one path each.
    fn virtual_servers(
        &mut self,
        sources: BTreeMap<String, VirtualSource>,
        servers: &mut BTreeMap<String, Arc<ServerPolicy>>,
        paths: &mut BTreeMap<String, String>,
        (issuers_known, url): (&[String], &str),
    ) -> BTreeMap<String, Arc<Joint>> {
        let mut joints = BTreeMap::new();
        for (name, VirtualSource { servers: wanted, path, issuers, audience, fail }) in sources {
            let at = format!("/virtual{}", pointer(&name));
            let path = path.unwrap_or_else(|| format!("/{name}/mcp"));
            let plain = path.starts_with('/') && !path.contains(['?', '#', '%', '\\']) && !path.contains("//");
            if !is_server_name(&name) || !plain {
                let hint = "a name has up to 63 of a-z, 0-9 and -; a path is as in /crm/mcp";
                self.add(Check::NameMalformed, &at, format!("`{name}` or its path is malformed"), hint);
            }
            if servers.contains_key(&name) {
                self.add(Check::NameRepeated, &at, format!("a policy has the name `{name}`"), "give it another name");
            }
            if let Some(other) = paths.insert(path.clone(), name.clone()) {
                let message = format!("`{name}` and `{other}` have one path");
                self.add(Check::NameRepeated, &at, message, "give one another `path`");
            }
            for issuer in issuers.iter().filter(|issuer| !issuers_known.contains(issuer)) {
                let message = format!("there is no issuer `{issuer}`");
                self.add(Check::IssuerUnknown, &format!("{at}/issuers"), message, issuers_known.join(", "));
            }
            let resource = format!("{url}{path}");
            let audience = audience.unwrap_or_else(|| resource.clone());
            let mut once = BTreeSet::new();
            for (index, member) in wanted.iter().enumerate() {
                let at = format!("{at}/servers/{index}");
                let known = servers.keys().cloned().collect::<Vec<_>>().join(", ");
                match servers.get_mut(member).and_then(Arc::get_mut) {
                    Some(server) => server.access.also.push(audience.clone()),
                    None => self.add(Check::VirtualMembers, &at, format!("there is no server `{member}`"), known),
                }
                if !once.insert(member) {
                    self.add(Check::VirtualMembers, &at, format!("`{member}` is named twice"), "leave one out");
                }
            }
            if wanted.len() < 2 || issuers.is_empty() {
                let message = "a virtual server needs at least two servers and an issuer";
                self.add(Check::VirtualMembers, &at, message, "as in { servers: [crm, wiki], issuers: [corp] }");
            }
            let face = Arc::new(ServerPolicy::face(&name, (path, resource), issuers, audience));
            joints.insert(name, (face, wanted, fail == FailSource::Without));
        }
        let whole = |(name, (face, wanted, without)): (String, (Arc<ServerPolicy>, Vec<String>, bool))| {
            let members = wanted.iter().filter_map(|member| servers.get(member).cloned()).collect();
            (name, Arc::new(Joint { face, members, without }))
        };
        let joints: BTreeMap<String, Arc<Joint>> = joints.into_iter().map(whole).collect();
        for (name, joint) in &joints {
            for (one, other) in joint.confusable().into_iter().chain(joint.overlapping()) {
                let message = format!("`{one}` and `{other}` are the same, or look alike");
                let hint = "rename one, or narrow one of the templates";
                self.add(Check::VirtualNames, &format!("/virtual{}", pointer(name)), message, hint);
            }
        }
        joints
    }

    /// Tools of one server, or of several, whose names people and models could take for each other.
    fn alike(&mut self, servers: &BTreeMap<String, Arc<ServerPolicy>>, documents: &BTreeMap<String, Document>) {
        let tools = servers.values().filter_map(|server| Some((server, server.contract.published.as_ref()?)));
        let names = tools.flat_map(|(server, published)| {
            let tools = published.surface.items(Kind::Tools);
            tools.map(|(tool, _)| (server.name.as_str(), tool, server.name.clone()))
        });
        let mut flaws = Flaws::default();
        collisions(names, &mut flaws);
        for Flaw { check, path, message, hint, .. } in flaws.0 {
            let server = path.split('/').next().unwrap_or_default();
            let of = |document: &&Document| document.value.get("server").and_then(|s| s.as_str()) == Some(server);
            let Some(document) = documents.values().find(of) else { continue };
            let suppressed = document.value.get("suppress").and_then(|list| list.as_array()).into_iter().flatten();
            let mut suppressed = suppressed.filter_map(|entry| entry.get("code").and_then(|code| code.as_str()));
            if check.severity() == Severity::Error || !suppressed.any(|code| code == check.code()) {
                self.problems.push(document.problem(check, "/contract", message, hint));
            }
        }
    }

    /// One policy and the secrets it names.
    fn policy(
        &mut self,
        mut policy: PolicySource,
        document: &Document,
        (issuers, public_url, approvers): (&[String], &str, &Approvers),
    ) -> Option<(ServerPolicy, Credentials)> {
        let mut secrets = Credentials::default();
        if let Some(CredentialSource { bearer }) = &policy.upstream.credential {
            secrets.bearer = self.found(bearer, "/upstream/credential/bearer", document);
        }
        for (name, variable) in &policy.upstream.env {
            if let VariableSource::Secret(secret) = variable {
                let found = self.found(secret, &format!("/upstream/env{}", pointer(name)), document);
                secrets.environment.extend(found.map(|value| (name.clone(), value)));
            }
        }
        let directory = policy.upstream.directory.take().unwrap_or_default();
        if policy.upstream.command.is_some() {
            let directory = self.base.join(&directory);
            if !directory.as_os_str().is_empty() && !directory.is_dir() {
                let message = format!("`{}` is not a directory", directory.display());
                let hint = "a directory, from that of gateway.yaml";
                let at = "/upstream/directory";
                self.problems.push(document.problem(Check::CommandMalformed, at, message, hint));
            }
            policy.upstream.directory = Some(directory.display().to_string()).filter(|name| !name.is_empty());
        } else if !directory.is_empty() {
            policy.upstream.directory = Some(directory);
        }
        let written = policy.upstream.ca.clone().unwrap_or_default();
        policy.upstream.ca = policy.upstream.ca.map(|ca| self.base.join(ca).display().to_string());
        if let Some(ca) = &policy.upstream.ca
            && let Err(why) = self.files.text(Path::new(ca))
        {
            let message = format!("`{written}` cannot be read: {why}");
            let hint = "a PEM file, from the directory of gateway.yaml";
            self.problems.push(document.problem(Check::AuthorityUnreadable, "/upstream/ca", message, hint));
        }
        let place = |path: &str| document.place(path);
        let lock = lock_name(&policy.server, policy.contract.as_ref());
        let folder = self.base.join(&document.file).parent().map(Path::to_owned).unwrap_or_default();
        self.locks.insert(policy.server.clone(), folder.join(&lock));
        let lock = self.locked.then(|| self.files.optional(&folder, &lock));
        let lock = lock.as_ref().map(|lock| lock.as_deref().map_err(Clone::clone));
        let surroundings = Surroundings { issuers, public_url, lock, approvers };
        let Compiled { policy, flaws } = compile(policy, &surroundings, &place);
        for Flaw { check, path, offset, message, hint } in flaws {
            self.problems.push(match offset {
                Some(offset) => document.problem_within(check, &path, offset, message, hint),
                None => document.problem(check, &path, message, hint),
            });
        }
        policy.map(|policy| (policy, secrets))
    }

    fn public(
        &mut self,
        text: &str,
        hosts: Vec<String>,
        origins: Vec<String>,
    ) -> Option<(String, Vec<String>, Vec<String>)> {
        let url = match url::Url::parse(text) {
            Ok(url) if matches!(url.scheme(), "https" | "http") && url.host_str().is_some() => url,
            _ => {
                self.add(
                    Check::GatewayUrl,
                    "/public_url",
                    format!("`{text}` is not a URL"),
                    "as in https://mcp.example.com",
                );
                return None;
            }
        };
        if url.query().is_some() || url.fragment().is_some() || !url.username().is_empty() {
            self.add(
                Check::GatewayUrl,
                "/public_url",
                "a query, fragment or user name",
                "as in https://mcp.example.com",
            );
        }
        let host = url.host_str().unwrap_or_default();
        let authority = url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
        let mut hosts: Vec<String> = hosts.iter().map(|h| h.to_ascii_lowercase()).collect();
        hosts.push(authority.to_ascii_lowercase());
        let mut origins = origins;
        origins.push(format!("{}://{authority}", url.scheme()));
        Some((text.trim_end_matches('/').to_owned(), hosts, origins))
    }

    fn listeners(&mut self, source: Vec<ListenSource>) -> Vec<Listener> {
        if source.is_empty() {
            self.add(Check::GatewayAddress, "/listen", "no listener", "as in - address: 127.0.0.1:8443");
        }
        let mut listeners = Vec::new();
        for (index, ListenSource { address, tls, insecure }) in source.into_iter().enumerate() {
            let at = format!("/listen/{index}");
            let tls = tls.map(|TlsSource { certificate, key }| {
                let paths = (self.base.join(certificate), self.base.join(key));
                let mut readable = true;
                for (field, path) in [("certificate", &paths.0), ("key", &paths.1)] {
                    if let Err(why) = self.files.text(path) {
                        readable = false;
                        self.add(
                            Check::CertificateUnusable,
                            &format!("{at}/tls/{field}"),
                            format!("`{}` cannot be read: {why}", path.display()),
                            "a PEM file, from the directory of gateway.yaml",
                        );
                    }
                }
                if let Err(why) = crate::tls::server_key(&paths.0, &paths.1)
                    && readable
                {
                    let hint = "the certificate chain, leaf first, and its key, both PEM";
                    self.add(Check::CertificateUnusable, &format!("{at}/tls"), why, hint);
                }
                paths
            });
            let address = self.address(&format!("{at}/address"), &address, insecure || tls.is_some());
            listeners.extend(address.map(|address| Listener { address, tls }));
        }
        listeners
    }

    fn address(&mut self, path: &str, text: &str, anywhere: bool) -> Option<SocketAddr> {
        match text.parse::<SocketAddr>() {
            Ok(address) if !anywhere && !address.ip().is_loopback() => {
                self.add(
                    Check::PlainHttp,
                    path,
                    "plain HTTP off loopback",
                    "add `tls:`, or `insecure: true` if something in front terminates TLS",
                );
                None
            }
            Ok(address) => Some(address),
            Err(_) => {
                self.add(
                    Check::GatewayAddress,
                    path,
                    format!("`{text}` is not an address"),
                    "IP and port, as in 127.0.0.1:8443 or [::1]:8443",
                );
                None
            }
        }
    }

    fn duration(&mut self, path: &str, text: Option<&str>, default: Duration) -> Duration {
        match text.map(duration) {
            None => default,
            Some(Some(value)) => value,
            Some(None) => {
                let message = format!("`{}` is not a duration", text.unwrap_or_default());
                self.add(Check::DurationMalformed, path, message, "as in 30s, 500ms, 2m or 1h");
                default
            }
        }
    }

    fn audit(&mut self, source: AuditSource) -> crate::audit::Settings {
        let AuditSource { directory, durability, interval, file_bytes_max } = source;
        crate::audit::Settings {
            directory: self.base.join(directory),
            acknowledged: durability == DurabilitySource::Acknowledged,
            interval: self.duration("/audit/interval", interval.as_deref(), Duration::from_millis(50)),
            file_bytes_max: file_bytes_max.unwrap_or(64 << 20).max(4096),
        }
    }

    fn issuers(&mut self, source: BTreeMap<String, IssuerSource>) -> BTreeMap<String, Trusted> {
        let mut issuers = BTreeMap::new();
        for (name, IssuerSource { issuer, jwks, algorithms }) in source {
            let at = format!("/issuers{}", pointer(&name));
            if algorithms.is_empty() {
                self.add(
                    Check::AlgorithmMissing,
                    &format!("{at}/algorithms"),
                    "no algorithm: no token could verify",
                    "as in [ES256, RS256, EdDSA]",
                );
            }
            let keys = match jwks {
                None => {
                    self.remote(&format!("{at}/issuer"), &issuer);
                    KeySource::Discovery
                }
                Some(url) if url.contains("://") => {
                    self.remote(&format!("{at}/jwks"), &url);
                    KeySource::Url(url)
                }
                Some(file) => match self.files.text(&self.base.join(&file)) {
                    Ok(text) => {
                        if let Err(why) = crate::authn::keys::parse(&text) {
                            self.add(Check::KeysUnusable, &format!("{at}/jwks"), why, "a JSON Web Key Set (RFC 7517)");
                        }
                        KeySource::Text(text)
                    }
                    Err(why) => {
                        self.add(
                            Check::KeysUnusable,
                            &format!("{at}/jwks"),
                            format!("`{file}` cannot be read: {why}"),
                            "a file, a URL, or leave it out for discovery",
                        );
                        continue;
                    }
                },
            };
            let algorithms = algorithms.into_iter().map(algorithm).collect();
            issuers.insert(name, Trusted { issuer, source: keys, algorithms });
        }
        issuers
    }

    /// Keys decide who gets in, so they come over TLS, or from this machine.
    fn remote(&mut self, path: &str, text: &str) {
        let fine = url::Url::parse(text).is_ok_and(|url| crate::egress::trusted_transport(&url));
        if !fine {
            self.add(
                Check::KeysUnusable,
                path,
                format!("`{text}` is not an https URL"),
                "https, or http to a loopback address",
            );
        }
    }

    /// Where people confirm calls.
    fn confirmations(
        &mut self,
        source: ConfirmationsSettings,
        issuers: &BTreeMap<String, Trusted>,
    ) -> (Option<crate::pages::Settings>, Option<crate::pages::WebhookSettings>) {
        let ConfirmationsSettings { page, webhook } = source;
        let secret_hint = "set it before the gateway starts; printable characters without spaces";
        let page = page.and_then(|PageSource { issuer, client_id, client_secret, scopes, signed_in }| {
            let at = "/confirmations/page";
            let seconds = self.duration(&format!("{at}/signed_in"), signed_in.as_deref(), Duration::from_secs(900));
            let secret = client_secret.map(|SecretSource { env, file }| self.secret(&env, &file)).transpose();
            let secret =
                secret.map_err(|why| self.add(Check::SecretMissing, &format!("{at}/client_secret"), why, secret_hint));
            let Some(trusted) = issuers.get(&issuer) else {
                let hint = crate::kernel::policy::flaw::choice(&issuer, "declared", issuers.keys().map(String::as_str));
                self.add(Check::IssuerUnknown, &format!("{at}/issuer"), format!("unknown issuer `{issuer}`"), hint);
                return None;
            };
            Some(crate::pages::Settings {
                issuer: trusted.issuer.clone(),
                client_id,
                secret: secret.ok()?.flatten(),
                scopes,
                signed_in_seconds: seconds.as_secs().max(1),
            })
        });
        let webhook = webhook.and_then(|WebhookSource { name, url, secret: SecretSource { env, file } }| {
            let at = "/confirmations/webhook";
            if let Some(url) = &url {
                self.remote(&format!("{at}/url"), url);
            }
            match self.secret(&env, &file) {
                Ok(Some(secret)) if secret.len() >= 24 => {
                    Some(crate::pages::WebhookSettings { name, url, secret: secret.into_bytes() })
                }
                Ok(_) => {
                    let why = "needs a secret of at least 24 characters";
                    self.add(Check::SecretMissing, &format!("{at}/secret"), why, secret_hint);
                    None
                }
                Err(why) => {
                    self.add(Check::SecretMissing, &format!("{at}/secret"), why, secret_hint);
                    None
                }
            }
        });
        (page, webhook)
    }

    fn redaction(&mut self, source: RedactionSettings) -> (Option<Arc<Keys>>, u64) {
        const LENGTH_MIN: usize = 32;
        let RedactionSettings { key, rotate } = source;
        let rotate = self.duration("/redaction/rotate", rotate.as_deref(), Duration::from_secs(ROTATE_SECONDS));
        let rotate = rotate.as_secs().max(1);
        let secret = key.map(|SecretSource { env, file }| self.secret(&env, &file));
        let why = match secret {
            None => return (None, rotate),
            Some(Ok(Some(secret))) if secret.len() >= LENGTH_MIN => {
                return (Some(Arc::new(Keys::new(secret.as_bytes(), rotate))), rotate);
            }
            Some(Ok(_)) => format!("needs a secret of at least {LENGTH_MIN} characters"),
            Some(Err(why)) => why,
        };
        let hint = "set it before the gateway starts; printable characters without spaces";
        self.add(Check::SecretMissing, "/redaction/key", why, hint);
        (None, rotate)
    }

    /// Tools that are confirmed where there is no page to do so.
    fn pageless(
        &mut self,
        servers: &BTreeMap<String, Arc<ServerPolicy>>,
        documents: &BTreeMap<String, Document>,
        approvals: Approvals,
    ) {
        for server in servers.values().filter(|_| !approvals.page) {
            for (_, rule) in server.tools.iter() {
                let Some(confirm) = &rule.confirm else { continue };
                let needs = |way: &Mode| way.needs_page() && !(*way == Mode::Approver && approvals.webhook);
                let Some(way) = confirm.ways.iter().find(|way| needs(way)) else { continue };
                let of = |document: &&Document| {
                    document.value.get("server").and_then(|s| s.as_str()) == Some(server.name.as_str())
                };
                let Some(document) = documents.values().find(of) else { continue };
                let suppressed = document.value.get("suppress").and_then(|list| list.as_array()).into_iter().flatten();
                let mut codes = suppressed.filter_map(|entry| entry.get("code").and_then(|code| code.as_str()));
                if codes.any(|code| code == Check::ApprovalPageMissing.code()) {
                    continue;
                }
                let message =
                    format!("`{}` is confirmed by `{}`, and there is no approval page", rule.label, way.name());
                let hint = "add confirmations: { page: .. } to gateway.yaml; until then the next way is used";
                let at = crate::kernel::policy::compile::confirm::place(&rule.label);
                self.problems.push(document.problem(Check::ApprovalPageMissing, &at, message, hint));
            }
        }
    }

    fn approvers(&mut self, source: BTreeMap<String, ApproverSource>) -> Approvers {
        let mut approvers = Approvers::new();
        for (name, ApproverSource { key, roles }) in source {
            let at = format!("/approvers{}/key", pointer(&name));
            let text = if key.ends_with(".pem") { self.files.text(&self.base.join(&key)) } else { Ok(key.clone()) };
            let hint = "an Ed25519 public key: base64 as `contract keygen` prints it, PEM text, or a PEM file";
            match text.map(|text| public_key(&text)) {
                Ok(Some(key)) => {
                    let admin = roles.contains(&ApproverRole::Admin);
                    approvers.insert(name, Approver { key, admin });
                }
                Ok(None) => self.add(Check::ApproverMalformed, &at, "not an Ed25519 public key", hint),
                Err(why) => self.add(Check::ApproverMalformed, &at, format!("`{key}` cannot be read: {why}"), hint),
            }
        }
        approvers
    }

    /// The secret at a place of a policy; told if it is not there.
    fn found(&mut self, source: &SecretSource, at: &str, document: &Document) -> Option<String> {
        self.secret(&source.env, &source.file).unwrap_or_else(|why| {
            let field = if source.env.is_some() { "env" } else { "file" };
            let hint = "set it before the gateway starts; printable characters without spaces";
            self.problems.push(document.problem(Check::SecretMissing, &format!("{at}/{field}"), why, hint));
            None
        })
    }

    fn secret(&mut self, env: &Option<String>, file: &Option<String>) -> Result<Option<String>, String> {
        let value = match (env, file) {
            (Some(name), None) => {
                (self.environment)(name).ok_or_else(|| format!("environment variable `{name}` is not set"))?
            }
            (None, Some(file)) => {
                let text =
                    self.files.text(&self.base.join(file)).map_err(|why| format!("`{file}` cannot be read: {why}"))?;
                text.trim_end_matches(['\n', '\r']).to_owned()
            }
            _ => return Ok(None),
        };
        if value.is_empty() || !value.bytes().all(|b| (0x21..0x7f).contains(&b)) {
            return Err("the secret is empty or has characters that cannot stand in a header".to_owned());
        }
        Ok(Some(value))
    }
}

fn algorithm(source: AlgorithmSource) -> Algorithm {
    match source {
        AlgorithmSource::ES256 => Algorithm::ES256,
        AlgorithmSource::ES384 => Algorithm::ES384,
        AlgorithmSource::RS256 => Algorithm::RS256,
        AlgorithmSource::RS384 => Algorithm::RS384,
        AlgorithmSource::RS512 => Algorithm::RS512,
        AlgorithmSource::PS256 => Algorithm::PS256,
        AlgorithmSource::PS384 => Algorithm::PS384,
        AlgorithmSource::PS512 => Algorithm::PS512,
        AlgorithmSource::EdDSA => Algorithm::EdDSA,
    }
}
