//! What holds for every widget. Hostile ones are in `tests/widgets.rs`.
use super::*;
use crate::kernel::policy::flaw::Severity;
use proptest::prelude::*;
use serde_json::json;

fn origins(texts: &[&str]) -> Vec<Origin> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

fn reviewed(html: &str, meta: &Value, allowed: &Allowed) -> Flaws {
    let mut flaws = Flaws::default();
    let mime = "text/html;profile=mcp-app";
    let widget = Widget { uri: "ui://a/b.html", mime, html, listed_meta: Some(meta), read_meta: Some(meta) };
    review(&widget, allowed, Some("mcp.a.test"), Some(&BTreeSet::new()), "", &mut flaws);
    flaws
}

/// Strings from which hostile pages are made.
fn piece() -> impl Strategy<Value = String> {
    let words = [
        "<script>",
        "</script>",
        "<style>",
        "</style>",
        "<noscript>",
        "</noscript>",
        "<template>",
        "</template>",
        "<svg>",
        "</svg>",
        "<math>",
        "<table>",
        "<td>",
        "<select>",
        "<p>",
        "</p>",
        "<b a=1>",
        "<form action=",
        "<base href=",
        "<iframe srcdoc=\"",
        "\">",
        "<!--",
        "-->",
        "<![CDATA[",
        "]]>",
        "<meta charset=utf-16>",
        "<a href=",
        "<img srcset='",
        "'",
        "\"",
        "`",
        "${",
        "}",
        "{",
        "/",
        "//",
        "/*",
        "*/",
        "[",
        "]",
        "(",
        ")",
        "\\",
        "\\u{",
        "\\x",
        "\\u",
        "url(",
        "@import",
        "eval(",
        "fetch(",
        "window.top",
        "https://e.test/x",
        ", ",
        " 1x",
        "javascript:",
        "&#x202e;",
        "\u{202E}",
        "\u{E0041}",
        "\n",
        "\u{0}",
        "é",
        "eyJ",
        ".",
        "AKIA",
        "PRIVATE KEY-----",
        "+",
        "name:",
        "tools/call",
        "<annotation-xml>",
    ];
    prop_oneof![4 => proptest::sample::select(words.to_vec()).prop_map(str::to_owned), 1 => any::<String>()]
}

fn page() -> impl Strategy<Value = String> {
    proptest::collection::vec(piece(), 0..40).prop_map(|pieces| pieces.concat())
}

const DOMAINS: [&str; 10] = [
    "https://a.test",
    "https://b.a.test",
    "https://*.a.test",
    "https://*.b.a.test",
    "wss://a.test",
    "https://a.test:8443",
    "https://c.test",
    "https://c.test; script-src *",
    "*",
    "https://c.test/",
];

fn entry() -> impl Strategy<Value = Value> {
    prop_oneof![6 => proptest::sample::select(DOMAINS.to_vec()).prop_map(Value::from), 1 => Just(json!(7))]
}

fn list() -> impl Strategy<Value = Value> {
    prop_oneof![6 => proptest::collection::vec(entry(), 0..5).prop_map(Value::from), 1 => Just(json!("https://a.test"))]
}

fn meta() -> impl Strategy<Value = Value> {
    let ui = (list(), list(), list(), list()).prop_map(|(connect, resource, frame, base)| {
        json!({"csp": {"connectDomains": connect, "resourceDomains": resource, "frameDomains": frame,
            "baseUriDomains": base, "scriptDomains": ["*"]}, "permissions": {"camera": {}, "microphone": {}}})
    });
    let openai = (list(), list(), list()).prop_map(|(connect, resource, redirect)| {
        json!({"connect_domains": connect, "resource_domains": resource, "redirect_domains": redirect})
    });
    let ui = prop_oneof![8 => ui, 1 => Just(json!({"csp": null})), 1 => Just(json!("x"))];
    (proptest::option::of(ui), proptest::option::of(openai)).prop_map(|(ui, openai)| {
        let mut meta = json!({"kept": 1});
        ui.into_iter().for_each(|ui| meta["ui"] = ui);
        openai.into_iter().for_each(|csp| meta["openai/widgetCSP"] = csp);
        meta
    })
}

fn allowed() -> impl Strategy<Value = Allowed> {
    let some = || {
        let texts = proptest::sample::subsequence(DOMAINS[..7].to_vec(), 0..4);
        texts.prop_map(|texts| origins(&texts))
    };
    (some(), some(), some()).prop_map(|(connect, resource, redirect)| Allowed {
        connect,
        resource,
        redirect,
        permissions: vec!["camera".to_owned()],
        ..Allowed::default()
    })
}

fn texts<'a>(meta: &'a Value, pointer: &str) -> Vec<&'a str> {
    meta.pointer(pointer).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect()
}

proptest! {
    #[test]
    fn a_review_ends_whatever_the_page(html in page()) {
        let flaws = reviewed(&html, &json!({"ui": {"csp": {"connectDomains": ["*"]}}}), &Allowed::default());
        prop_assert!(flaws.0.len() <= 50);
        // Nothing that nobody sees is repeated to whoever reads the findings.
        let unseen = |c: char| matches!(c, '\u{202E}' | '\u{E0041}' | '\0');
        prop_assert!(!flaws.0.iter().any(|flaw| flaw.message.chars().any(unseen)));
    }

    #[test]
    fn narrowing_never_widens(meta in meta(), allowed in allowed()) {
        let served = narrowed(&meta, &allowed, None);
        let connect = (&allowed.connect, "/ui/csp/connectDomains", "/openai~1widgetCSP/connect_domains");
        let resource = (&allowed.resource, "/ui/csp/resourceDomains", "/openai~1widgetCSP/resource_domains");
        for (allowed, ui, openai) in [connect, resource] {
            for pointer in [ui, openai] {
                for text in texts(&served, pointer) {
                    let origin: Origin = text.parse().unwrap();
                    prop_assert!(allowed.iter().any(|own| own.covers(&origin)), "{} is not allowed", text);
                    let declared: Vec<Origin> = texts(&meta, pointer).iter().filter_map(|text| text.parse().ok()).collect();
                    prop_assert!(declared.iter().any(|own| own.covers(&origin)), "{} is not declared", text);
                }
            }
            if served.pointer(ui).is_some() && served.pointer(openai).is_some() {
                prop_assert_eq!(texts(&served, ui), texts(&served, openai));
            }
        }
        prop_assert!(served.pointer("/ui/csp/scriptDomains").is_none());
        prop_assert!(served.pointer("/ui/permissions/microphone").is_none());
        prop_assert_eq!(served.get("kept"), Some(&json!(1)));
    }

    #[test]
    fn narrowing_twice_changes_nothing_more(meta in meta(), allowed in allowed(), domain in proptest::option::of("[a-z]{1,8}")) {
        let once = narrowed(&meta, &allowed, domain.as_deref());
        prop_assert_eq!(narrowed(&once, &allowed, domain.as_deref()), once);
    }

    #[test]
    fn what_was_narrowed_has_no_error(meta in meta(), allowed in allowed()) {
        let served = narrowed(&meta, &allowed, None);
        let flaws = reviewed("<p>hello", &served, &allowed);
        // A list that one place has and the other lacks is told; both mean the same when it is empty.
        let errors = flaws.0.iter().filter(|f| f.check.severity() == Severity::Error && f.check != Check::CspDisagrees);
        prop_assert_eq!(errors.collect::<Vec<_>>(), Vec::<&crate::kernel::policy::flaw::Flaw>::new());
    }
}

#[test]
fn a_domain_is_replaced_wherever_it_stands() {
    let meta = json!({"ui": {"domain": "old.test"}, "openai/widgetDomain": "old.test"});
    let served = narrowed(&meta, &Allowed::default(), Some("https://new.test"));
    assert_eq!(served, json!({"ui": {"domain": "https://new.test"}, "openai/widgetDomain": "https://new.test"}));
    assert_eq!(narrowed(&json!({}), &Allowed::default(), Some("x")), json!({"ui": {"domain": "x"}}));
    assert_eq!(narrowed(&json!({"a": 1}), &Allowed::default(), None), json!({"a": 1}));
}

#[test]
fn other_bytes_have_another_digest() {
    let widget = |html| Widget { uri: "", mime: "", html, listed_meta: None, read_meta: None }.digest();
    assert_eq!(widget("<p>a"), widget("<p>a"));
    assert_ne!(widget("<p>a"), widget("<p>b"));
}

#[test]
fn errors_are_not_hidden_by_lesser_findings() {
    let many: String = (0..200).map(|n| format!("<p onx{n}=1>")).collect();
    let flaws = reviewed(&format!("{many}<base href=https://e.test>"), &json!({}), &Allowed::default());
    assert_eq!(flaws.0.len(), 50);
    assert!(flaws.0[0].check == Check::UiBase);
    assert!(flaws.0[49].message.contains("more findings"));
}
