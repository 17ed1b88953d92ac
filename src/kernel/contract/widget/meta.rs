//! The metadata of a user interface: what it declares, whether the policy allows that, whether all
//! places say the same, and what is left of it when it is served.
use super::ground::Findings;
use super::hidden::excerpt;
use super::origin::{Origin, meet, registrable};
use super::{Allowed, Widget};
use crate::kernel::policy::flaw::Check;
use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// Entries of one list, at most; a Content-Security-Policy is a header.
const ENTRIES_MAX: usize = 100;

/// Origins by what they may be used for.
#[derive(Clone, Debug, Default)]
pub(super) struct Lists {
    pub connect: Vec<Origin>,
    pub resource: Vec<Origin>,
    pub frame: Vec<Origin>,
    pub base_uri: Vec<Origin>,
    pub redirect: Vec<Origin>,
}

/// One of those.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Use {
    Connect,
    Resource,
    Frame,
    BaseUri,
    Redirect,
}

const USES: [Use; 5] = [Use::Connect, Use::Resource, Use::Frame, Use::BaseUri, Use::Redirect];

/// Where a Content-Security-Policy is declared.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// `ui.csp` (MCP Apps).
    Ui,
    /// `openai/widgetCSP` (ChatGPT).
    OpenAi,
}

const PLACES: [Place; 2] = [Place::Ui, Place::OpenAi];

impl Place {
    fn pointer(self) -> &'static str {
        match self {
            Self::Ui => "/ui/csp",
            Self::OpenAi => "/openai~1widgetCSP",
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Ui => "ui.csp",
            Self::OpenAi => "openai/widgetCSP",
        }
    }

    fn key(self, list: Use) -> Option<&'static str> {
        Some(match (self, list) {
            (Self::Ui, Use::Connect) => "connectDomains",
            (Self::Ui, Use::Resource) => "resourceDomains",
            (Self::Ui, Use::Frame) => "frameDomains",
            (Self::Ui, Use::BaseUri) => "baseUriDomains",
            (Self::OpenAi, Use::Connect) => "connect_domains",
            (Self::OpenAi, Use::Resource) => "resource_domains",
            (Self::OpenAi, Use::Frame) => "frame_domains",
            (Self::OpenAi, Use::Redirect) => "redirect_domains",
            (Self::Ui, Use::Redirect) | (Self::OpenAi, Use::BaseUri) => return None,
        })
    }

    fn declared(self, meta: &Value) -> Option<&Value> {
        meta.pointer(self.pointer())
    }

    /// What is declared here, what is malformed aside.
    fn origins(self, csp: &Value, list: Use) -> Vec<Origin> {
        let entries = self.key(list).and_then(|key| csp.get(key)).and_then(Value::as_array);
        let entries = entries.into_iter().flatten().take(ENTRIES_MAX).filter_map(Value::as_str);
        entries.filter_map(|text| Origin::parse(text).ok()).collect()
    }

    /// The texts as they stand.
    fn texts(self, csp: &Value, list: Use) -> BTreeSet<String> {
        let entries = self.key(list).and_then(|key| csp.get(key)).and_then(Value::as_array);
        entries.into_iter().flatten().map(|entry| entry.as_str().map_or(entry.to_string(), str::to_owned)).collect()
    }
}

impl Lists {
    fn of_mut(&mut self, list: Use) -> &mut Vec<Origin> {
        match list {
            Use::Connect => &mut self.connect,
            Use::Resource => &mut self.resource,
            Use::Frame => &mut self.frame,
            Use::BaseUri => &mut self.base_uri,
            Use::Redirect => &mut self.redirect,
        }
    }

    fn of(&self, list: Use) -> &[Origin] {
        match list {
            Use::Connect => &self.connect,
            Use::Resource => &self.resource,
            Use::Frame => &self.frame,
            Use::BaseUri => &self.base_uri,
            Use::Redirect => &self.redirect,
        }
    }

    /// What a policy allows.
    fn allowed(allowed: &Allowed) -> Self {
        Self {
            connect: allowed.connect.clone(),
            resource: allowed.resource.clone(),
            frame: allowed.frame.clone(),
            base_uri: allowed.base_uri.clone(),
            redirect: allowed.redirect.clone(),
        }
    }

    /// What every place of one `_meta` declares; none if no place is there.
    fn declared(meta: &Value) -> Option<Self> {
        let places: Vec<(Place, &Value)> =
            PLACES.into_iter().filter_map(|place| Some((place, place.declared(meta)?))).collect();
        if places.is_empty() {
            return None;
        }
        let mut lists = Self::default();
        for list in USES {
            let knowing = places.iter().filter(|(place, _)| place.key(list).is_some());
            let each = knowing.map(|(place, csp)| place.origins(csp, list));
            *lists.of_mut(list) = each.reduce(|a, b| meet(&a, &b)).unwrap_or_default();
        }
        Some(lists)
    }
}

/// What the widget declares: where it is read, else where it is listed (MCP Apps: the reading wins).
pub(super) fn declared(widget: &Widget<'_>) -> Lists {
    let metas = [widget.read_meta, widget.listed_meta];
    metas.into_iter().flatten().find_map(Lists::declared).unwrap_or_default()
}

/// Adds what is wrong with the metadata.
pub(super) fn review(
    widget: &Widget<'_>,
    allowed: &Allowed,
    server_host: Option<&str>,
    path: &str,
    findings: &mut Findings,
) {
    let lists = Lists::allowed(allowed);
    let metas = [("listed_meta", widget.listed_meta), ("read_meta", widget.read_meta)];
    let metas = metas.into_iter().filter_map(|(name, meta)| Some((format!("{path}/{name}"), meta?)));
    let metas: Vec<(String, &Value)> = metas.collect();
    for (at, meta) in &metas {
        let mut one = Review { at, findings, server_host };
        one.shape(meta);
        for place in PLACES {
            one.csp(meta, place, &lists);
        }
        one.permissions(meta, allowed);
        one.domain(meta);
    }
    agreement(&metas, findings);
    let has = |pointer: &str| metas.iter().any(|(_, meta)| meta.pointer(pointer).is_some());
    if !has("/ui/domain") && !has("/openai~1widgetDomain") {
        incomplete(path, "no `ui.domain`", findings);
    }
    if !PLACES.iter().any(|place| has(place.pointer())) {
        incomplete(path, "no `ui.csp`: the host's default applies, which connects to nothing", findings);
    }
}

fn incomplete(path: &str, message: &str, findings: &mut Findings) {
    let hint = "write it, empty lists included".to_owned();
    findings.add(Check::UiMetaIncomplete, path.to_owned(), message.to_owned(), hint);
}

/// All declarations are compared with the first one.
fn agreement(metas: &[(String, &Value)], findings: &mut Findings) {
    let mut places = Vec::new();
    for (at, meta) in metas {
        places.extend(PLACES.into_iter().filter_map(|place| Some((at, place, place.declared(meta)?))));
    }
    for (index, (at, place, csp)) in places.iter().enumerate() {
        for (other_at, other, other_csp) in places.iter().take(index) {
            let differs = |list: &Use| {
                let both = place.key(*list).is_some() && other.key(*list).is_some();
                both && place.texts(csp, *list) != other.texts(other_csp, *list)
            };
            let Some(list) = USES.into_iter().find(|list| differs(list)) else { continue };
            let check = if at == other_at { Check::CspDisagrees } else { Check::UiMetaDisagrees };
            let key = place.key(list).unwrap_or_default();
            let message = format!("`{}` has another `{key}` than `{}` at `{other_at}`", place.name(), other.name());
            findings.add(check, format!("{at}{}", place.pointer()), message, "write the same in both".to_owned());
        }
    }
    let [(_, listed), (at, read)] = metas else { return };
    for pointer in ["/ui/permissions", "/ui/domain", "/openai~1widgetDomain"] {
        if let (Some(a), Some(b)) = (listed.pointer(pointer), read.pointer(pointer))
            && a != b
        {
            let message = format!("`{}` differs between list and reading", pointer.trim_start_matches('/'));
            let hint = "write the same in both".to_owned();
            findings.add(Check::UiMetaDisagrees, format!("{at}{pointer}"), message, hint);
        }
    }
}

struct Review<'a> {
    at: &'a str,
    findings: &'a mut Findings,
    server_host: Option<&'a str>,
}

impl Review<'_> {
    fn add(&mut self, check: Check, pointer: String, message: String, hint: &str) {
        self.findings.add(check, format!("{}{pointer}", self.at), message, hint.to_owned());
    }

    fn malformed(&mut self, pointer: impl Into<String>, message: impl Into<String>, hint: &str) {
        self.add(Check::UiMetaMalformed, pointer.into(), message.into(), hint);
    }

    fn shape(&mut self, meta: &Value) {
        if !meta.is_object() {
            self.malformed("", "`_meta` is not an object", "write an object");
        }
        if meta.get("ui").is_some_and(|ui| !ui.is_object()) {
            self.malformed("/ui", "`ui` is not an object", "write an object with csp, permissions, domain");
        }
    }

    fn csp(&mut self, meta: &Value, place: Place, allowed: &Lists) {
        let Some(csp) = place.declared(meta) else { return };
        let at = place.pointer();
        let Some(csp) = csp.as_object() else {
            return self.malformed(at, format!("`{}` is not an object", place.name()), "write lists of origins");
        };
        for (key, entries) in csp {
            let at = format!("{at}/{}", escaped(key));
            let Some(list) = USES.into_iter().find(|list| place.key(*list) == Some(key)) else {
                let known: Vec<&str> = USES.into_iter().filter_map(|list| place.key(list)).collect();
                let message = format!("`{}` is no list of `{}`", excerpt(key), place.name());
                self.malformed(at, message, &format!("lists: {}", known.join(", ")));
                continue;
            };
            let Some(entries) = entries.as_array() else {
                self.malformed(at, format!("`{key}` is not a list"), "write a list of origins");
                continue;
            };
            if entries.len() > ENTRIES_MAX {
                self.malformed(at.as_str(), format!("`{key}` has more than {ENTRIES_MAX} entries"), "write fewer");
            }
            for (index, entry) in entries.iter().take(ENTRIES_MAX).enumerate() {
                self.entry(entry, list, format!("{at}/{index}"), allowed);
            }
        }
    }

    fn entry(&mut self, entry: &Value, list: Use, at: String, allowed: &Lists) {
        let Some(text) = entry.as_str() else {
            return self.malformed(at, "an entry that is not text", "write an origin as text");
        };
        let shown = excerpt(text);
        let origin = match Origin::parse(text) {
            Ok(origin) => origin,
            Err(reason) => {
                let hint = "as in https://api.example.com or https://*.example.com";
                return self.add(Check::OriginMalformed, at, format!("`{shown}` is not an origin: {reason}"), hint);
            }
        };
        if origin.shared() {
            let message = format!("anybody can have a name under `{}`", origin.host());
            self.add(Check::OriginShared, at.clone(), message, "name the host exactly");
        }
        if origin.of_tenants() && list != Use::Redirect {
            let message = format!("`{shown}` serves what anybody puts there");
            self.add(Check::OriginTenants, at.clone(), message, "serve the files from a host of your own");
        }
        if let (Use::Frame, Some(host)) = (list, self.server_host)
            && registrable(host) != registrable(origin.host())
        {
            let message = format!("`{shown}` is not of the domain of `{}`", excerpt(host));
            self.add(Check::FrameForeign, at.clone(), message, "serve the frame from the domain of the server");
        }
        if !allowed.of(list).iter().any(|own| own.covers(&origin)) {
            let message = format!("the policy does not allow `{shown}`");
            self.add(Check::OriginNotAllowed, at, message, "add it under contract.widgets, or remove it here");
        }
    }

    fn permissions(&mut self, meta: &Value, allowed: &Allowed) {
        let Some(permissions) = meta.pointer("/ui/permissions") else { return };
        let Some(permissions) = permissions.as_object() else {
            return self.malformed("/ui/permissions", "`permissions` is not an object", "as in { clipboardWrite: {} }");
        };
        for name in permissions.keys().filter(|name| !allowed.permissions.contains(name)) {
            let message = format!("the policy does not allow `{}`", excerpt(name));
            let hint = "add it under contract.widgets.permissions, or remove it here";
            self.add(Check::PermissionNotAllowed, format!("/ui/permissions/{}", escaped(name)), message, hint);
        }
    }

    fn domain(&mut self, meta: &Value) {
        for pointer in ["/ui/domain", "/openai~1widgetDomain"] {
            let Some(domain) = meta.pointer(pointer) else { continue };
            // Hosts differ in what they ask for: an origin, or a name of theirs.
            let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '-' | ':' | '/');
            let fine = domain.as_str().is_some_and(|text| !text.is_empty() && text.chars().all(plain));
            if !fine {
                self.malformed(pointer, "the domain is not a host or origin", "as in https://app.example.com");
            }
        }
    }
}

/// A key in a JSON pointer.
fn escaped(key: &str) -> String {
    excerpt(key).replace('~', "~0").replace('/', "~1")
}

/// The `_meta` as it may be served; see [`super::narrowed`].
pub(super) fn narrowed(meta: &Value, allowed: &Allowed, domain: Option<&str>) -> Value {
    let allowed_lists = Lists::allowed(allowed);
    let declared = Lists::declared(meta).unwrap_or_default();
    let mut out = meta.as_object().cloned().unwrap_or_default();
    let lists = |place: Place, csp: &Value| -> Value {
        let declared_here = USES.into_iter().filter_map(|list| Some((list, place.key(list)?)));
        let kept = declared_here.filter(|(_, key)| csp.get(key).is_some()).map(|(list, key)| {
            let both = meet(declared.of(list), allowed_lists.of(list));
            (key.to_owned(), both.iter().map(|origin| Value::String(origin.to_string())).collect())
        });
        Value::Object(kept.collect())
    };
    if let Some(csp) = out.get_mut("openai/widgetCSP") {
        *csp = lists(Place::OpenAi, csp);
    }
    if let Some(own) = out.get_mut("openai/widgetDomain").filter(|_| domain.is_some()) {
        *own = domain.into();
    }
    if out.get("ui").is_some_and(|ui| !ui.is_object()) {
        out.remove("ui");
    }
    if domain.is_some() && !out.contains_key("ui") {
        out.insert("ui".to_owned(), Value::Object(Map::new()));
    }
    let Some(ui) = out.get_mut("ui").and_then(Value::as_object_mut) else { return Value::Object(out) };
    if let Some(csp) = ui.get_mut("csp") {
        *csp = lists(Place::Ui, csp);
    }
    match ui.get_mut("permissions") {
        Some(Value::Object(permissions)) => permissions.retain(|name, _| allowed.permissions.contains(name)),
        Some(_) => drop(ui.remove("permissions")),
        None => {}
    }
    if let Some(domain) = domain {
        ui.insert("domain".to_owned(), domain.into());
    }
    Value::Object(out)
}
