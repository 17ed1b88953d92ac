//! User interfaces that servers publish (`ui://` resources of MCP Apps, and the older form of
//! ChatGPT): reviewed before they are served, and served with no more than the policy allows.
//!
//! The review reads; it does not run anything. Metadata, HTML and CSS are parsed, so what it says of
//! them is exact. Of scripts it sees the text only: see [`script`](self) for what that misses. The
//! Content-Security-Policy that hosts build from [`narrowed`] metadata holds whatever scripts do.
mod ground;
mod hidden;
mod markup;
mod meta;
mod origin;
mod script;
mod style;

use crate::kernel::digest::Digest;
use crate::kernel::policy::flaw::{Check, Flaws};
use ground::{Findings, Ground};
pub use origin::Origin;
use serde_json::Value;
use std::collections::BTreeSet;

/// The largest HTML that is reviewed, in bytes. The largest known widget has half of it.
pub const HTML_MAX: usize = 8 << 20;
/// The deepest nesting, as in browsers.
const DEPTH_MAX: usize = 512;
/// Elements and comments.
const ELEMENTS_MAX: usize = 100_000;
/// The MIME types of user interfaces: MCP Apps (2026-01-26), and ChatGPT before it.
const MIMES: &[&str] = &["text/html;profile=mcp-app", "text/html+skybridge"];

/// Whether hosts take contents of this type for a user interface, however it is spelled.
pub fn is_widget(mime: &str) -> bool {
    let plain: String = mime.chars().filter(|c| !c.is_ascii_whitespace()).collect::<String>().to_ascii_lowercase();
    MIMES.iter().any(|known| plain.starts_with(known))
}

/// Whether a URI is one of user interfaces, in whatever case: schemes have none (RFC 3986, section 3.1).
pub fn is_interface(uri: &str) -> bool {
    uri.trim_start().get(..3).is_some_and(|scheme| scheme.eq_ignore_ascii_case("ui:"))
}

/// A user interface as a server publishes it.
#[derive(Clone, Copy, Debug)]
pub struct Widget<'a> {
    /// The URI of the resource.
    pub uri: &'a str,
    /// Its MIME type as read.
    pub mime: &'a str,
    /// Its text, decoded if it came as a blob.
    pub html: &'a str,
    /// `_meta` of the entry in `resources/list`.
    pub listed_meta: Option<&'a Value>,
    /// `_meta` of the item in `resources/read`, which wins (MCP Apps).
    pub read_meta: Option<&'a Value>,
}

impl Widget<'_> {
    /// What the bytes of the HTML are pinned by.
    pub fn digest(&self) -> Digest {
        Digest::of(self.html.as_bytes())
    }
}

/// What the operator allows user interfaces to declare (`contract.widgets` of a policy).
#[derive(Clone, Debug, Default)]
pub struct Allowed {
    /// For fetch and sockets.
    pub connect: Vec<Origin>,
    /// For scripts, styles, images, fonts and media.
    pub resource: Vec<Origin>,
    /// For frames.
    pub frame: Vec<Origin>,
    /// For `base`.
    pub base_uri: Vec<Origin>,
    /// For links that the host opens.
    pub redirect: Vec<Origin>,
    /// Such as `camera` and `clipboardWrite`.
    pub permissions: Vec<String>,
}

/// Adds what is wrong with a user interface, at most 50 flaws, errors first. Paths are below `path`:
/// `html`, `listed_meta/…` and `read_meta/…`, `uri`, `mime`. `server_host` is whose frames are its
/// own; `app_tools` are the tools that user interfaces see.
pub fn review(
    widget: &Widget<'_>,
    allowed: &Allowed,
    server_host: Option<&str>,
    app_tools: Option<&BTreeSet<String>>,
    path: &str,
    flaws: &mut Flaws,
) {
    let mut findings = Findings::default();
    form(widget, path, &mut findings);
    meta::review(widget, allowed, server_host, path, &mut findings);
    let mut ground = Ground::new(meta::declared(widget), app_tools, format!("{path}/html"), findings);
    if widget.html.contains('\0') || !widget.html.contains('<') {
        ground.find(Check::WidgetUnreadable, 0, "this is not an HTML document", "write HTML as text");
    }
    markup::review(widget.html, &mut ground);
    if widget.html.len() <= HTML_MAX {
        hidden::secrets(widget.html, &mut ground);
    }
    ground.findings.into_flaws(flaws);
}

/// The `_meta` as it may be served. Each list of `ui.csp` and of `openai/widgetCSP` becomes what is
/// declared in every place of it and allowed as well, so that both agree; what is malformed or
/// unknown there is dropped, as are permissions that are not allowed. `domain`, if given, replaces
/// `ui.domain`. Everything else stays. Nothing is ever added to a list, and doing it twice changes
/// nothing more.
pub fn narrowed(meta: &Value, allowed: &Allowed, domain: Option<&str>) -> Value {
    meta::narrowed(meta, allowed, domain)
}

/// URI and MIME type.
fn form(widget: &Widget<'_>, path: &str, findings: &mut Findings) {
    let mut wrong = |at: &str, message: String, hint: &str| {
        findings.add(Check::WidgetForm, format!("{path}/{at}"), message, hint.to_owned());
    };
    if let Err(reason) = named(widget.uri) {
        let message = format!("`{}` is not the URI of a user interface: {reason}", hidden::excerpt(widget.uri));
        wrong("uri", message, "as in ui://server/view.html");
    }
    if !MIMES.contains(&widget.mime) {
        let message = format!("`{}` is not the type of a user interface", hidden::excerpt(widget.mime));
        wrong("mime", message, "text/html;profile=mcp-app");
    }
}

/// A URI is a key of caches and of the pins here: it has one spelling.
fn named(uri: &str) -> Result<(), &'static str> {
    let Some(rest) = uri.strip_prefix("ui://") else { return Err("it does not begin with ui://") };
    let fine = |c: char| c.is_ascii_graphic() && !matches!(c, '\\' | '#' | '@' | '"' | '<' | '>' | '`' | '{' | '}');
    if uri.len() > 512 || !rest.chars().all(fine) {
        return Err("it has characters that URIs here do not have, or more than 512");
    }
    let lower = rest.to_ascii_lowercase();
    let path = lower.split('?').next().unwrap_or_default();
    if path.is_empty() || ["%2e", "%2f", "%5c", "%00"].iter().any(|code| path.contains(code)) {
        return Err("it has no path, or hides one");
    }
    if path.trim_end_matches('/').split('/').any(|part| matches!(part, "" | "." | "..")) {
        return Err("it has an empty or relative segment");
    }
    Ok(())
}

#[cfg(test)]
mod tests;
