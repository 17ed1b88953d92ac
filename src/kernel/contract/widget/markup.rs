//! What HTML does by its elements and attributes. It is parsed as browsers parse it (html5ever);
//! no tree is kept, only every element with its attributes and its own text.
use super::ground::{Ground, Target};
use super::{DEPTH_MAX, ELEMENTS_MAX, HTML_MAX, hidden, script, style};
use crate::kernel::policy::flaw::Check;
use html5ever::tendril::{StrTendril, TendrilSink as _};
use html5ever::tree_builder::{ElementFlags, NodeOrText, QuirksMode, TreeSink};
use html5ever::{Attribute, ExpandedName, Parser, QualName, local_name, ns, parse_document};
use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::rc::Rc;

/// How much is parsed before the bounds are looked at again.
const CHUNK: usize = 2048;
/// Spaces and slashes within one tag: the parser compares each attribute with all before it.
const SEPARATORS_MAX: usize = 32_768;
/// `noscript` within `noscript`.
const NESTED_MAX: usize = 4;

/// An element, a comment or the document.
pub(super) struct Node {
    name: QualName,
    attributes: RefCell<Vec<(QualName, StrTendril)>>,
    text: RefCell<String>,
    depth: Cell<usize>,
    line: u64,
    integration: bool,
}

impl Node {
    /// The name without namespace.
    pub fn name(&self) -> &str {
        &self.name.local
    }

    /// Whether it is an element of SVG.
    fn svg(&self) -> bool {
        self.name.ns == ns!(svg)
    }

    fn attribute(&self, name: &str) -> Option<String> {
        let attributes = self.attributes.borrow();
        attributes.iter().find(|(own, _)| *own.local == *name).map(|(_, value)| value.to_string())
    }

    /// Whether a list of words, such as `rel`, has this one.
    fn has(&self, attribute: &str, word: &str) -> bool {
        self.attribute(attribute)
            .is_some_and(|list| list.split_ascii_whitespace().any(|w| w.eq_ignore_ascii_case(word)))
    }
}

#[derive(Default)]
struct Record {
    nodes: RefCell<Vec<Rc<Node>>>,
    line: Cell<u64>,
    /// How often the parser called. What calls nothing is one long tag or comment.
    calls: Cell<u64>,
    beyond: Cell<bool>,
}

/// Where the parser writes to.
struct Sink {
    record: Rc<Record>,
    document: Rc<Node>,
}

impl Sink {
    fn node(&self, name: QualName, attributes: Vec<Attribute>, integration: bool) -> Rc<Node> {
        let attributes = attributes.into_iter().map(|attribute| (attribute.name, attribute.value)).collect();
        let node = Rc::new(Node {
            name,
            attributes: RefCell::new(attributes),
            text: RefCell::default(),
            depth: Cell::new(0),
            line: self.record.line.get(),
            integration,
        });
        let mut nodes = self.record.nodes.borrow_mut();
        if nodes.len() < ELEMENTS_MAX {
            nodes.push(Rc::clone(&node));
        } else {
            self.record.beyond.set(true);
        }
        node
    }

    fn called(&self) {
        self.record.calls.set(self.record.calls.get().wrapping_add(1));
    }
}

fn nameless() -> QualName {
    QualName::new(None, ns!(), local_name!(""))
}

impl TreeSink for Sink {
    type Handle = Rc<Node>;
    type Output = ();
    type ElemName<'a> = ExpandedName<'a>;

    fn finish(self) {}

    fn parse_error(&self, _: Cow<'static, str>) {}

    fn get_document(&self) -> Rc<Node> {
        Rc::clone(&self.document)
    }

    fn elem_name<'a>(&'a self, target: &'a Rc<Node>) -> ExpandedName<'a> {
        target.name.expanded()
    }

    fn create_element(&self, name: QualName, attributes: Vec<Attribute>, flags: ElementFlags) -> Rc<Node> {
        self.called();
        self.node(name, attributes, flags.mathml_annotation_xml_integration_point)
    }

    fn create_comment(&self, text: StrTendril) -> Rc<Node> {
        self.called();
        let node = self.node(nameless(), Vec::new(), false);
        node.text.borrow_mut().push_str(&text);
        node
    }

    fn create_pi(&self, _: StrTendril, data: StrTendril) -> Rc<Node> {
        self.create_comment(data)
    }

    fn append(&self, parent: &Rc<Node>, child: NodeOrText<Rc<Node>>) {
        self.called();
        match child {
            NodeOrText::AppendText(text) => parent.text.borrow_mut().push_str(&text),
            NodeOrText::AppendNode(node) => {
                node.depth.set(parent.depth.get().saturating_add(1));
                if node.depth.get() > DEPTH_MAX {
                    self.record.beyond.set(true);
                }
            }
        }
    }

    fn append_based_on_parent_node(&self, element: &Rc<Node>, _: &Rc<Node>, child: NodeOrText<Rc<Node>>) {
        self.append(element, child);
    }

    fn append_before_sibling(&self, sibling: &Rc<Node>, child: NodeOrText<Rc<Node>>) {
        self.append(sibling, child);
    }

    fn append_doctype_to_document(&self, _: StrTendril, _: StrTendril, _: StrTendril) {}

    fn get_template_contents(&self, target: &Rc<Node>) -> Rc<Node> {
        Rc::clone(target)
    }

    fn same_node(&self, x: &Rc<Node>, y: &Rc<Node>) -> bool {
        Rc::ptr_eq(x, y)
    }

    fn set_quirks_mode(&self, _: QuirksMode) {}

    fn add_attrs_if_missing(&self, target: &Rc<Node>, attributes: Vec<Attribute>) {
        let mut own = target.attributes.borrow_mut();
        for attribute in attributes {
            if !own.iter().any(|(name, _)| *name == attribute.name) {
                own.push((attribute.name, attribute.value));
            }
        }
    }

    fn remove_from_parent(&self, _: &Rc<Node>) {}

    fn reparent_children(&self, _: &Rc<Node>, _: &Rc<Node>) {}

    fn is_mathml_annotation_xml_integration_point(&self, node: &Rc<Node>) -> bool {
        node.integration
    }

    fn set_current_line(&self, line: u64) {
        self.record.line.set(line);
    }
}

/// Every element and comment in the order of the text; none if a bound was reached first.
fn parse(html: &str) -> Option<Vec<Rc<Node>>> {
    if html.len() > HTML_MAX {
        return None;
    }
    let record = Rc::new(Record::default());
    let document = Rc::new(Node {
        name: nameless(),
        attributes: RefCell::default(),
        text: RefCell::default(),
        depth: Cell::new(0),
        line: 1,
        integration: false,
    });
    let mut parser: Parser<Sink> =
        parse_document(Sink { record: Rc::clone(&record), document }, html5ever::ParseOpts::default());
    let (mut rest, mut calls, mut separators) = (html, 0, 0);
    while !rest.is_empty() {
        let (chunk, after) = rest.split_at_checked(rest.floor_char_boundary(CHUNK)).unwrap_or((rest, ""));
        rest = after;
        parser.process(StrTendril::from(chunk));
        separators += chunk.bytes().filter(|byte| byte.is_ascii_whitespace() || *byte == b'/').count();
        if record.calls.get() != calls {
            (calls, separators) = (record.calls.get(), 0);
        }
        if record.beyond.get() || separators > SEPARATORS_MAX {
            return None;
        }
    }
    parser.finish();
    if record.beyond.get() { None } else { Some(record.nodes.take()) }
}

/// Adds what is wrong with the HTML.
pub(super) fn review(html: &str, ground: &mut Ground<'_>) {
    within(html, 0, ground);
}

fn within(html: &str, level: usize, ground: &mut Ground<'_>) {
    let Some(nodes) = parse(html).filter(|_| level <= NESTED_MAX) else {
        let hint = format!("at most {HTML_MAX} bytes, {DEPTH_MAX} levels and {ELEMENTS_MAX} elements");
        ground.find(Check::WidgetUnreadable, 1, "the HTML is too large, too deep, or has a tag without end", hint);
        return;
    };
    // Only the first `base` counts.
    let base = nodes.iter().filter(|node| node.name() == "base").find_map(|node| node.attribute("href"));
    if let Some(base) = base {
        ground.based(&base);
    }
    for node in &nodes {
        element(node, ground);
        let text = node.text.borrow();
        match node.name() {
            "style" => styled(&text, node.line, ground),
            "script" => scripted(node, &text, ground),
            // A browser with scripts shows none of it; one without shows all of it.
            "noscript" => within(&text, level + 1, ground),
            _ => {}
        }
        hidden::characters(&text, node.line, matches!(node.name(), "script" | "style"), ground);
        for (_, value) in node.attributes.borrow().iter() {
            hidden::characters(value, node.line, false, ground);
        }
    }
}

fn element(node: &Node, ground: &mut Ground<'_>) {
    match node.name() {
        "base" => base(node, ground),
        "meta" => meta(node, ground),
        "link" => link(node, ground),
        "iframe" | "frame" | "object" | "embed" | "portal" | "fencedframe" | "applet" => frame(node, ground),
        _ => {}
    }
    let attributes = node.attributes.borrow();
    for (name, value) in attributes.iter() {
        attribute(node, &name.local, value, ground);
    }
}

fn base(node: &Node, ground: &mut Ground<'_>) {
    let Some(href) = node.attribute("href") else { return };
    let declared = match ground.target_unbased(&href) {
        Target::Outside(Some(origin), _) => ground.declared.base_uri.iter().any(|own| own.covers(&origin)),
        _ => false,
    };
    if !declared {
        let message = format!("`<base>` moves relative URLs to `{}`", hidden::excerpt(&href));
        ground.find(Check::UiBase, node.line, message, "remove it, or declare its origin under baseUriDomains");
    }
}

fn meta(node: &Node, ground: &mut Ground<'_>) {
    let charset = node.attribute("charset").or_else(|| {
        let content = node.attribute("content").filter(|_| node.has("http-equiv", "content-type"))?;
        content.to_ascii_lowercase().split_once("charset=").map(|(_, name)| name.trim().to_owned())
    });
    if let Some(charset) = charset.filter(|name| !matches!(name.to_ascii_lowercase().as_str(), "utf-8" | "utf8")) {
        let message = format!("the HTML says that it is `{}`", hidden::excerpt(&charset));
        ground.find(Check::WidgetUnreadable, node.line, message, "write UTF-8");
    }
    let equivalent = node.attribute("http-equiv").unwrap_or_default().trim().to_ascii_lowercase();
    let content = node.attribute("content").unwrap_or_default();
    let shown = hidden::excerpt(&content);
    match equivalent.as_str() {
        "refresh" => {
            let message = format!("`<meta http-equiv=refresh>` goes to `{shown}`");
            ground.find(Check::UiNavigation, node.line, message, "remove it");
        }
        "content-security-policy" | "content-security-policy-report-only" => {
            let message = format!("the HTML has a policy of its own: `{shown}`");
            ground.find(Check::UiInlineRule, node.line, message, "declare domains in the metadata");
        }
        "set-cookie" => {
            ground.find(Check::UiStateKept, node.line, "`<meta http-equiv=set-cookie>`", "remove it");
        }
        "x-dns-prefetch-control" => {
            let message = "`<meta http-equiv=x-dns-prefetch-control>` asks for names to be looked up";
            ground.find(Check::UiConnectionHint, node.line, message, "remove it");
        }
        _ => {}
    }
}

fn link(node: &Node, ground: &mut Ground<'_>) {
    /// Relations that load nothing.
    const INERT: &[&str] = &["canonical", "license", "author", "help", "alternate", "me", "search", "next", "prev"];
    let relation = node.attribute("rel").unwrap_or_default().to_ascii_lowercase();
    let words: Vec<&str> = relation.split_ascii_whitespace().collect();
    let code = node.has("as", "script") || node.has("as", "worker") || words.contains(&"modulepreload");
    let shown = format!("<link rel={}>", hidden::excerpt(&relation));
    let mut urls: Vec<String> = node.attribute("href").into_iter().collect();
    urls.extend(node.attribute("imagesrcset").iter().flat_map(|list| candidates(list)));
    for url in urls {
        let hint = |word: &&str| matches!(*word, "dns-prefetch" | "preconnect" | "prefetch" | "prerender");
        if words.iter().any(hint) {
            ground.hinted(node.line, &url, &shown);
        } else if code {
            ground.script_from(node.line, &url, &shown);
        } else if !words.is_empty() && !words.iter().all(|word| INERT.contains(word)) {
            ground.resource_from(node.line, &url, &shown);
        }
    }
}

fn frame(node: &Node, ground: &mut Ground<'_>) {
    let shown = format!("`<{}>`", node.name());
    let hint = "remove it, or declare its origin under frameDomains";
    if node.attribute("srcdoc").is_some() {
        ground.find(Check::UiFrameUndeclared, node.line, format!("{shown} with a document in `srcdoc`"), hint);
        return;
    }
    let url = ["src", "data", "code", "archive"].iter().find_map(|name| node.attribute(name));
    let Some(url) = url else {
        ground.find(Check::UiFrameUndeclared, node.line, format!("{shown} without a URL, to be filled later"), hint);
        return;
    };
    if !ground.framed(&url) {
        let message = format!("{shown} shows `{}`", hidden::excerpt(&url));
        ground.find(Check::UiFrameUndeclared, node.line, message, hint);
    }
}

/// What any element may have.
fn attribute(node: &Node, name: &str, value: &str, ground: &mut Ground<'_>) {
    let lower = name.to_ascii_lowercase();
    let (element, line) = (node.name(), node.line);
    let shown = format!("<{} {}>", hidden::excerpt(element), hidden::excerpt(name));
    if let Some(event) = lower.strip_prefix("on").filter(|event| !event.is_empty()) {
        let message = format!("`on{}` on `<{}>`", hidden::excerpt(event), hidden::excerpt(element));
        ground.find(Check::UiInlineRule, line, message, "use addEventListener");
        script::review(value, line, ground);
        return;
    }
    match lower.as_str() {
        "style" | "fill" | "stroke" | "filter" | "mask" | "clip-path" | "cursor" | "marker" | "marker-start"
        | "marker-mid" | "marker-end" => styled(value, line, ground),
        "ping" | "attributionsrc" => {
            let message = format!("`{shown}` tells `{}` about clicks or loads", hidden::excerpt(value));
            ground.find(Check::UiConnectionHint, line, message, "remove it");
        }
        "target" | "formtarget" if leaves(value) => {
            let message = format!("`{shown}` opens in `{}`, outside the frame", hidden::excerpt(value));
            ground.find(Check::UiNavigation, line, message, "ask the host to open the link (ui/open-link)");
        }
        "action" | "formaction" if !node.svg() => ground.submitted(line, value, &shown),
        "srcset" => candidates(value).iter().for_each(|url| ground.resource_from(line, url, &shown)),
        "src" | "href" | "poster" | "background" | "data" | "to" | "from" | "by" | "values" | "dynsrc" | "lowsrc"
        | "manifest" => {
            // In the list of an animation each value may be a URL.
            let list = lower == "values";
            let one = |url: &str, ground: &mut Ground<'_>| referred(node, &lower, url, &shown, ground);
            if list { value.split(';').for_each(|url| one(url, ground)) } else { one(value, ground) }
        }
        _ => {}
    }
}

/// A URL in an attribute.
fn referred(node: &Node, attribute: &str, url: &str, shown: &str, ground: &mut Ground<'_>) {
    let line = node.line;
    if matches!(ground.target(url), Target::Script) {
        let message = format!("`{shown}` is a script: `{}`", hidden::excerpt(url));
        ground.find(Check::UiScriptUrl, line, message, "use an event listener");
        return;
    }
    match (node.name(), attribute) {
        ("script", "src" | "href") => {
            ground.script_from(line, url, shown);
            let outside = matches!(ground.target(url), Target::Outside(..));
            if outside && node.attribute("integrity").is_none_or(|hash| hash.trim().is_empty()) {
                let message = format!("`{}` has no `integrity`", hidden::excerpt(url));
                ground.find(Check::UiScriptUnpinned, line, message, "add integrity, or put the script into the HTML");
            }
        }
        // Links of HTML and SVG: told apart from what loads by itself.
        ("a" | "area", "href") => {
            let blank = node.attribute("target").is_some_and(|target| target.eq_ignore_ascii_case("_blank"));
            if matches!(ground.target(url), Target::Document) {
                let message = format!("`{shown}` opens a document of its own: `{}`", hidden::excerpt(url));
                ground.find(Check::UiScriptUrl, line, message, "link to a page");
            } else if !blank && !ground.redirected(url) {
                let message = format!("a link leads the frame to `{}`", hidden::excerpt(url));
                ground.find(Check::UiFrameEscape, line, message, "ask the host to open the link (ui/open-link)");
            }
        }
        // Looked at with their elements; animations load nothing but what they animate.
        ("base" | "link" | "iframe" | "frame" | "object" | "embed" | "portal" | "fencedframe" | "applet", _) => {}
        (_, "to" | "from" | "by" | "values" | "data") if !matches!(ground.target(url), Target::Outside(..)) => {}
        ("form" | "meta" | "data" | "li" | "param", _) => {}
        _ => ground.resource_from(line, url, shown),
    }
}

/// Whether a link with this target leaves the frame.
fn leaves(target: &str) -> bool {
    ["_top", "_parent", "_unfencedtop"].iter().any(|name| target.trim().eq_ignore_ascii_case(name))
}

/// The URLs of a `srcset` (HTML, "parse a srcset attribute").
fn candidates(list: &str) -> Vec<String> {
    let mut urls = Vec::new();
    let mut rest = list;
    loop {
        rest = rest.trim_start_matches(|c: char| c.is_ascii_whitespace() || c == ',');
        if rest.is_empty() {
            return urls;
        }
        let (url, after) = rest.split_once(|c: char| c.is_ascii_whitespace()).unwrap_or((rest, ""));
        urls.push(url.trim_end_matches(',').to_owned());
        // What follows a URL that ends in a comma is the next one; otherwise descriptors come first.
        rest = if url.ends_with(',') { after } else { after.split_once(',').map_or("", |(_, next)| next) };
    }
}

fn styled(css: &str, line: u64, ground: &mut Ground<'_>) {
    for (load, url) in style::loads(css) {
        let shown = if load == style::Load::Import { "@import" } else { "url() in CSS" };
        ground.resource_from(line, &url, shown);
    }
}

fn scripted(node: &Node, text: &str, ground: &mut Ground<'_>) {
    let kind = node.attribute("type").unwrap_or_default().trim().to_ascii_lowercase();
    let kind = kind.split(';').next().unwrap_or_default().trim_end();
    let runs = matches!(kind, "" | "module") || kind.ends_with("javascript") || kind.ends_with("ecmascript");
    match kind {
        _ if runs || kind.contains("jscript") || kind.starts_with("text/javascript1.") => {
            script::review(text, node.line, ground);
        }
        "importmap" => script::addresses(text).iter().for_each(|url| ground.script_from(node.line, url, "import map")),
        "speculationrules" => {
            script::addresses(text).iter().for_each(|url| ground.hinted(node.line, url, "speculation rules"));
        }
        // Data.
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_of_a_srcset_are_found() {
        assert_eq!(candidates("a.png, b.png 2x,c.png 1x, d"), ["a.png", "b.png", "c.png", "d"]);
        assert_eq!(candidates("data:image/png;base64,AA== 1x, e"), ["data:image/png;base64,AA==", "e"]);
        assert_eq!(candidates(" , "), [""; 0]);
    }

    #[test]
    fn what_has_no_end_is_given_up_in_time() {
        assert!(parse(&"<div>".repeat(100_000)).is_none());
        assert!(parse(&"<b id=1></p>".repeat(60_000)).is_none());
        let attributes: String = (0..40_000).map(|n| format!(" a{n}")).collect();
        assert!(parse(&format!("<a{attributes}>")).is_none());
        assert!(parse(&"x".repeat(HTML_MAX + 1)).is_none());
    }

    #[test]
    fn elements_are_found_wherever_the_parser_puts_them() {
        for html in [
            "<template><template><iframe></template></template>",
            "<table><iframe></table>",
            "<svg><foreignObject><iframe></foreignObject></svg>",
            "<math><annotation-xml encoding='text/html'><iframe></annotation-xml></math>",
            "<select><option><iframe></select><iframe>",
            "<title>x</title><!--><iframe>",
        ] {
            let nodes = parse(html).unwrap();
            assert!(nodes.iter().any(|node| node.name() == "iframe"), "{html}");
        }
    }
}
