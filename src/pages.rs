//! The approval page, below `/-/`: where people sign in, see what exactly is asked for, and say yes or no. It works
//! without scripts, by keyboard and on a narrow screen; nothing on it can be made to act by a link, for only a form
//! of the page itself, sent by somebody who is signed in, decides anything.
mod html;
mod sign_in;
mod webhook;

pub use sign_in::Settings;
pub use webhook::{Settings as WebhookSettings, verify};

use crate::authn::Authenticator;
use crate::body::Body;
use crate::clock;
use crate::confirmations::{Around, Confirmations, Kept, Who};
use crate::egress::Egress;
use crate::http as rules;
use crate::kernel::confirm::machine::{Fault, Mode};
use crate::kernel::policy::compile::ServerPolicy;
use crate::kernel::principal::Principal;
use crate::kernel::snapshot::Snapshot;
use crate::snapshots::Snapshots;
use arc_swap::ArcSwapOption;
use bytes::Bytes;
use http::header::{self, HeaderMap};
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use sign_in::SignIn;
use std::sync::Arc;
use std::time::Duration;

/// Where the pages are.
pub const PREFIX: &str = "/-/";
const LIST: &str = "/-/confirmations";
const FORM_BYTES_MAX: usize = 16 << 10;
const FORM_WAIT: Duration = Duration::from_secs(15);

/// The pages.
pub struct Pages {
    snapshots: Arc<Snapshots>,
    confirmations: Arc<Confirmations>,
    authn: Arc<Authenticator>,
    sign_in: ArcSwapOption<SignIn>,
    webhook: ArcSwapOption<WebhookSettings>,
    webhook_changed: tokio::sync::Notify,
    egress: Egress,
}

/// What `gateway.yaml` says of who confirms calls besides people at their clients.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sources {
    /// Where people sign in.
    pub page: Option<Settings>,
    /// Another system.
    pub webhook: Option<WebhookSettings>,
}

/// Somebody who is signed in.
#[derive(Clone)]
struct Person {
    principal: Arc<Principal>,
    /// Goes into each form and must come back.
    token: String,
    /// End of the sign-in.
    expires: u64,
}

impl Pages {
    /// With what `gateway.yaml` says of signing in and of other systems.
    pub fn new(
        snapshots: Arc<Snapshots>,
        confirmations: Arc<Confirmations>,
        authn: Arc<Authenticator>,
        sources: Sources,
    ) -> Result<Self, String> {
        let (sign_in, webhook, egress) = (ArcSwapOption::empty(), ArcSwapOption::empty(), Egress::new(None)?);
        let webhook_changed = tokio::sync::Notify::new();
        let pages = Self { snapshots, confirmations, authn, sign_in, webhook, webhook_changed, egress };
        pages.replace(sources);
        Ok(pages)
    }

    /// Takes other settings. Where signing in is another matter now, everybody has to do it again.
    pub fn replace(&self, Sources { page, webhook }: Sources) {
        let same = self.sign_in.load().as_ref().map(|sign_in| sign_in.settings()) == page.as_ref();
        if !same {
            let new = page.map(|settings| SignIn::new(settings, self.authn.clone(), self.egress.clone()));
            self.sign_in.store(new.map(Arc::new));
        }
        if self.webhook.load().as_deref() != webhook.as_ref() {
            self.webhook.store(webhook.map(Arc::new));
            self.webhook_changed.notify_one();
        }
    }

    /// Answers one request below [`PREFIX`].
    pub async fn handle(&self, request: Request<Incoming>) -> Response<Body> {
        let world = self.snapshots.current();
        if rules::check_host(&request, &world).is_err() {
            return html::message(StatusCode::FORBIDDEN, "Another host", "The Host header does not name this gateway.");
        }
        let (parts, body) = request.into_parts();
        let path = parts.uri.path().to_owned();
        if let Some(id) = path.strip_prefix(LIST).and_then(|rest| rest.strip_prefix('/')?.strip_suffix("/answer")) {
            return self.answered_elsewhere(&world, id, &parts.method, &parts.headers, body).await;
        }
        let Some(sign_in) = self.sign_in.load_full() else { return html::not_found() };
        match (&parts.method, path.as_str()) {
            (&Method::GET, "/-/style.css") => html::style(),
            (&Method::GET, "/-/sign-in") => sign_in.begin(&world, parts.uri.query()).await,
            (&Method::GET, "/-/callback") => sign_in.finish(&world, &parts.headers, parts.uri.query()).await,
            (&Method::GET, LIST) => match sign_in.person(&parts.headers) {
                Some(person) => self.list(&world, &person),
                None => html::sign_in(LIST),
            },
            (&Method::GET, path) => match path.strip_prefix(LIST).and_then(|rest| rest.strip_prefix('/')) {
                None => html::not_found(),
                Some(id) => match sign_in.person(&parts.headers) {
                    Some(person) => self.one(&world, &person, id),
                    None => html::sign_in(path),
                },
            },
            (&Method::POST, "/-/sign-out") => {
                let form = self.form(&world, &parts.headers, body).await;
                match (form, sign_in.person(&parts.headers)) {
                    (Ok(form), Some(person)) if form.get("token") == Some(&person.token) => {
                        sign_in.end(&parts.headers);
                        html::redirect(LIST)
                    }
                    _ => html::forbidden(),
                }
            }
            (&Method::POST, path) => {
                let Some(id) = path.strip_prefix(LIST).and_then(|rest| rest.strip_prefix('/')) else {
                    return html::not_found();
                };
                let form = match self.form(&world, &parts.headers, body).await {
                    Ok(form) => form,
                    Err(response) => return *response,
                };
                match sign_in.person(&parts.headers) {
                    Some(person) => self.decide(&world, &person, id, &form).await,
                    None => html::sign_in_ended(path),
                }
            }
            _ => html::message(StatusCode::METHOD_NOT_ALLOWED, "Not possible", "This page is read, or its form sent."),
        }
    }

    /// A form of ours: same origin, one type, bounded.
    async fn form(
        &self,
        world: &Snapshot,
        headers: &HeaderMap,
        body: Incoming,
    ) -> Result<std::collections::BTreeMap<String, String>, Box<Response<Body>>> {
        let text = |name: header::HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
        let own = url::Url::parse(&world.public_url).map(|url| url.origin().ascii_serialization());
        // Browsers send it with every POST; whoever does not is no browser and has no cookie.
        if text(header::ORIGIN) != own.as_deref().ok() {
            return Err(Box::new(html::forbidden()));
        }
        if text(header::CONTENT_TYPE) != Some("application/x-www-form-urlencoded") {
            return Err(Box::new(html::forbidden()));
        }
        let read = tokio::time::timeout(FORM_WAIT, Limited::new(body, FORM_BYTES_MAX).collect()).await;
        let Ok(Ok(read)) = read else { return Err(Box::new(html::forbidden())) };
        Ok(url::form_urlencoded::parse(&read.to_bytes()).into_owned().collect())
    }

    /// What a person may decide on, or see.
    fn view(&self, world: &Snapshot, person: &Person, kept: &Kept) -> Option<(Arc<ServerPolicy>, Result<(), Fault>)> {
        let confirmation = &kept.confirmation;
        let server = world.servers.get(&confirmation.call().server)?.clone();
        let who = who(&server, person);
        match confirmation.may_decide(who.answerer(), clock::now()) {
            Ok(_) => Some((server, Ok(()))),
            // Whoever asked may see how it stands.
            Err(fault @ Fault::SamePerson) => Some((server, Err(fault))),
            Err(fault @ Fault::NotApprover) if confirmation.call().subject == person.principal.subject_id() => {
                Some((server, Err(fault)))
            }
            Err(_) => None,
        }
    }

    fn list(&self, world: &Snapshot, person: &Person) -> Response<Body> {
        let open = self.confirmations.open_on_page(clock::now());
        let shown: Vec<(Arc<Kept>, bool)> = open
            .into_iter()
            .filter_map(|kept| {
                let (_, may) = self.view(world, person, &kept)?;
                Some((kept, may.is_ok()))
            })
            .collect();
        html::list(&shown, person.principal.subject(), &person.token)
    }

    fn one(&self, world: &Snapshot, person: &Person, id: &str) -> Response<Body> {
        let Some(kept) = self.confirmations.get(id).filter(|kept| kept.confirmation.mode().needs_page()) else {
            return html::not_found();
        };
        let Some((server, may)) = self.view(world, person, &kept) else { return html::not_found() };
        if may.is_ok() && kept.confirmation.state().is_open() {
            let around = Around { server, principal: Some(person.principal.clone()) };
            if self.confirmations.show(id, &around).is_err() {
                return html::one(&self.confirmations.get(id).unwrap_or(kept), may, person, None);
            }
        }
        html::one(&self.confirmations.get(id).unwrap_or(kept), may, person, None)
    }

    async fn decide(
        &self,
        world: &Snapshot,
        person: &Person,
        id: &str,
        form: &std::collections::BTreeMap<String, String>,
    ) -> Response<Body> {
        if form.get("token") != Some(&person.token) {
            return html::forbidden();
        }
        let Some(kept) = self.confirmations.get(id).filter(|kept| kept.confirmation.mode().needs_page()) else {
            return html::not_found();
        };
        let Some((server, may)) = self.view(world, person, &kept) else { return html::not_found() };
        let yes = match form.get("decision").map(String::as_str) {
            Some("approve") => true,
            Some("deny") => false,
            _ => return html::forbidden(),
        };
        let calls = form.get("calls").and_then(|calls| calls.parse().ok()).unwrap_or(1);
        let who = who(&server, person);
        let around = Around { server, principal: Some(person.principal.clone()) };
        match self.confirmations.answer(id, (yes, calls), &who, (world.id, None), &around).await {
            // See other (RFC 9110, section 15.4.4): a reload of the page sends nothing again.
            Ok(()) => html::redirect(&format!("{LIST}/{id}")),
            Err(refusal) => {
                let kept = self.confirmations.get(id).unwrap_or(kept);
                html::one(&kept, may, person, Some(refusal.reason.wire().text))
            }
        }
    }

    /// Another system answers, and signs that.
    async fn answered_elsewhere(
        &self,
        world: &Snapshot,
        id: &str,
        method: &Method,
        headers: &HeaderMap,
        body: Incoming,
    ) -> Response<Body> {
        let refused = |status, what: &str| rules::json(status, serde_json::json!({ "error": what }).to_string().into());
        let Some(webhook) = self.webhook.load_full().filter(|_| *method == Method::POST) else {
            return refused(StatusCode::NOT_FOUND, "not found");
        };
        let read = tokio::time::timeout(FORM_WAIT, Limited::new(body, FORM_BYTES_MAX).collect()).await;
        let Ok(Ok(read)) = read else { return refused(StatusCode::BAD_REQUEST, "the body is too long or late") };
        let text: Bytes = read.to_bytes();
        if !verify(&webhook, headers, &text, clock::now()) {
            return refused(StatusCode::UNAUTHORIZED, "the signature does not verify");
        }
        let Ok(answer) = serde_json::from_slice::<webhook::Answer>(&text) else {
            return refused(StatusCode::BAD_REQUEST, "needs confirmation, decision and by");
        };
        // Signed is the body, not the path: it says itself what it is about.
        if answer.confirmation != id {
            return refused(StatusCode::BAD_REQUEST, "the body is about another confirmation");
        }
        let kept = self.confirmations.get(id).filter(|kept| kept.confirmation.mode() == Mode::Approver);
        let server = kept.and_then(|kept| world.servers.get(&kept.confirmation.call().server).cloned());
        let Some(server) = server else { return refused(StatusCode::NOT_FOUND, "no such confirmation") };
        let subject = Principal::subject_of(&answer.issuer, &answer.by);
        let who = Who::System { name: webhook.name.clone(), subject };
        let yes = answer.decision == webhook::Decision::Approve;
        let around = Around { server, principal: None };
        match self.confirmations.answer(id, (yes, 1), &who, (world.id, None), &around).await {
            Ok(()) => rules::json(StatusCode::OK, "{\"ok\":true}".into()),
            Err(refusal) => refused(StatusCode::CONFLICT, refusal.reason.wire().text),
        }
    }

    /// Tells another system of what waits for an approver, until the gateway ends.
    pub async fn notify(self: Arc<Self>) {
        let mut changed = self.confirmations.watch();
        let (mut told, mut to) = (std::collections::HashSet::new(), None);
        loop {
            let webhook = self.webhook.load_full().filter(|webhook| webhook.url.is_some());
            if webhook != to {
                // Whoever is new has heard of none.
                told.clear();
                to.clone_from(&webhook);
            }
            if let Some(webhook) = &webhook {
                let open = self.confirmations.open_on_page(clock::now());
                told.retain(|id| open.iter().any(|kept| kept.confirmation.id() == id));
                for kept in open.iter().filter(|kept| kept.confirmation.mode() == Mode::Approver) {
                    if told.insert(kept.confirmation.id().to_owned()) {
                        let page = format!("{}{LIST}/{}", self.snapshots.current().public_url, kept.confirmation.id());
                        webhook::tell(webhook, &self.egress, kept, &page, clock::now()).await;
                    }
                }
            }
            tokio::select! {
                () = self.webhook_changed.notified() => {}
                // Where nobody is told, nothing is to be looked at: calls go on without waking this.
                changed = changed.changed(), if webhook.is_some() => if changed.is_err() {
                    return;
                },
            }
        }
    }
}

fn who(server: &ServerPolicy, person: &Person) -> Who {
    Who::Person {
        subject: person.principal.subject_id(),
        has_role: server.confirmations.roles.iter().any(|role| role.held_by(&person.principal)),
        expires: person.expires,
    }
}
