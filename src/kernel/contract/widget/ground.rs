//! What a review stands on: the declared origins, what URLs lead to, and the findings so far.
use super::hidden::excerpt;
use super::meta::Lists;
use super::origin::Origin;
use crate::kernel::policy::flaw::{Check, Flaw, Flaws, Severity};
use std::collections::BTreeSet;
use url::Url;

/// Findings of one widget, at most. Nobody reads more, and a hostile widget could have thousands.
const FINDINGS_MAX: usize = 50;

/// Findings so far: errors first, so that no number of lesser ones hides them.
#[derive(Default)]
pub(super) struct Findings {
    errors: Vec<Flaw>,
    lesser: Vec<Flaw>,
    left_out: usize,
}

impl Findings {
    /// One more, unless it has been told.
    pub fn add(&mut self, check: Check, path: String, message: String, hint: String) {
        let kept = if check.severity() == Severity::Error { &mut self.errors } else { &mut self.lesser };
        let flaw = Flaw { check, path, offset: None, message, hint };
        if kept.contains(&flaw) {
            return;
        }
        if kept.len() < FINDINGS_MAX { kept.push(flaw) } else { self.left_out += 1 }
    }

    /// Hands them over.
    pub fn into_flaws(mut self, flaws: &mut Flaws) {
        self.errors.append(&mut self.lesser);
        self.left_out += self.errors.len().saturating_sub(FINDINGS_MAX);
        self.errors.truncate(FINDINGS_MAX);
        if let Some(last) = self.errors.last_mut().filter(|_| self.left_out > 0) {
            last.message.push_str(&format!(" (and {} more findings)", self.left_out));
        }
        flaws.0.append(&mut self.errors);
    }
}

/// Where a URL leads.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// The widget itself, or nowhere.
    Own,
    /// `data:` and `blob:` that are neither page nor script.
    Inline,
    /// `data:` that browsers would show as a page.
    Document,
    /// `javascript:` and its like.
    Script,
    /// Programs such as those for mail; nothing is loaded.
    Program,
    /// Elsewhere; without an origin if it is none that can be declared.
    Outside(Option<Origin>, String),
}

/// A review under way.
pub(super) struct Ground<'a> {
    /// What the metadata declares.
    pub declared: Lists,
    /// The tools that user interfaces see, if known.
    pub app_tools: Option<&'a BTreeSet<String>>,
    /// The pointer to the HTML.
    pub path: String,
    /// Findings so far.
    pub findings: Findings,
    base: Option<Url>,
}

impl<'a> Ground<'a> {
    /// Nothing found yet.
    pub fn new(declared: Lists, app_tools: Option<&'a BTreeSet<String>>, path: String, findings: Findings) -> Self {
        Self { declared, app_tools, path, findings, base: None }
    }

    /// One more finding; line 0 is the whole text.
    pub fn find(&mut self, check: Check, line: u64, message: impl AsRef<str>, hint: impl Into<String>) {
        let message = message.as_ref();
        let message = if line == 0 { message.to_owned() } else { format!("line {line}: {message}") };
        self.findings.add(check, self.path.clone(), message, hint.into());
    }

    /// From here on, relative URLs lead there.
    pub fn based(&mut self, href: &str) {
        self.base = own().and_then(|own| own.join(href).ok());
    }

    /// Where a URL leads, read as browsers read it.
    pub fn target(&self, text: &str) -> Target {
        self.base.clone().or_else(own).map_or(Target::Own, |base| led(&base, text))
    }

    /// The same, whatever `base` says.
    pub fn target_unbased(&self, text: &str) -> Target {
        own().map_or(Target::Own, |base| led(&base, text))
    }

    /// A script is loaded.
    pub fn script_from(&mut self, line: u64, url: &str, what: &str) {
        let shown = match self.target(url) {
            Target::Own | Target::Program => return,
            Target::Outside(Some(origin), _) if covered(&self.declared.resource, &origin) => return,
            Target::Outside(_, shown) => shown,
            Target::Inline | Target::Document | Target::Script => excerpt(url),
        };
        let hint = "put it into the HTML, or declare its origin under resourceDomains";
        self.find(Check::UiScriptUndeclared, line, format!("`{what}` runs code from `{shown}`"), hint);
    }

    /// Something that is not a script is loaded.
    pub fn resource_from(&mut self, line: u64, url: &str, what: &str) {
        let Target::Outside(origin, shown) = self.target(url) else { return };
        if !origin.is_some_and(|origin| covered(&self.declared.resource, &origin)) {
            let hint = "put it into the HTML, or declare its origin under resourceDomains";
            self.find(Check::UiResourceUndeclared, line, format!("`{what}` loads `{shown}`"), hint);
        }
    }

    /// A script connects.
    pub fn connected(&mut self, line: u64, url: &str, what: &str) {
        let Target::Outside(origin, shown) = self.target(url) else { return };
        if !origin.is_some_and(|origin| covered(&self.declared.connect, &origin)) {
            let hint = "declare the origin under connectDomains, or remove the call";
            self.find(Check::UiConnectUndeclared, line, format!("`{what}` calls `{shown}`"), hint);
        }
    }

    /// A connection is made ahead of use.
    pub fn hinted(&mut self, line: u64, url: &str, what: &str) {
        let Target::Outside(origin, shown) = self.target(url) else { return };
        let declared = &self.declared;
        if !origin.is_some_and(|o| covered(&declared.resource, &o) || covered(&declared.connect, &o)) {
            self.find(Check::UiConnectionHint, line, format!("`{what}` connects to `{shown}`"), "remove it");
        }
    }

    /// A form is sent.
    pub fn submitted(&mut self, line: u64, url: &str, what: &str) {
        let shown = match self.target(url) {
            Target::Own => return,
            Target::Script => {
                let message = format!("`{what}` is a script: `{}`", excerpt(url));
                return self.find(Check::UiScriptUrl, line, message, "use an event listener");
            }
            Target::Outside(_, shown) => shown,
            Target::Inline | Target::Document | Target::Program => excerpt(url),
        };
        self.find(Check::UiFormOutside, line, format!("`{what}` sends to `{shown}`"), "call a tool instead");
    }

    /// Whether a frame may show the URL.
    pub fn framed(&self, url: &str) -> bool {
        matches!(self.target(url), Target::Outside(Some(origin), _) if covered(&self.declared.frame, &origin))
    }

    /// Whether a link may lead there.
    pub fn redirected(&self, url: &str) -> bool {
        match self.target(url) {
            Target::Outside(Some(origin), _) => covered(&self.declared.redirect, &origin),
            Target::Outside(None, _) => false,
            _ => true,
        }
    }
}

fn covered(list: &[Origin], origin: &Origin) -> bool {
    list.iter().any(|own| own.covers(origin))
}

/// Stands for the origin of the widget, which only the host knows (`.invalid` never resolves, RFC 6761).
fn own() -> Option<Url> {
    Url::parse("https://widget.invalid/").ok()
}

fn led(base: &Url, text: &str) -> Target {
    // What browsers cannot parse they do not load.
    let Ok(url) = base.join(text) else { return Target::Own };
    match url.scheme() {
        "javascript" | "vbscript" | "livescript" => Target::Script,
        "about" => Target::Own,
        "data" => {
            let kind = url.path().split([',', ';']).next().unwrap_or_default().trim().to_ascii_lowercase();
            if kind.contains("html") || kind.contains("xml") { Target::Document } else { Target::Inline }
        }
        "blob" => Target::Inline,
        "mailto" | "tel" | "sms" => Target::Program,
        _ if url.host_str() == Some("widget.invalid") => Target::Own,
        _ => Target::Outside(Origin::of(&url), excerpt(url.as_str())),
    }
}
