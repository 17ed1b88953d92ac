//! `portcullis test` from outside: what it prints, what it refuses to run, and what it exits with.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test fails by panicking"
)]
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

const GATEWAY: &str = "public_url: https://mcp.example.com
listen: [{ address: 127.0.0.1:8443 }]
issuers:
  corp: { issuer: https://login.example.com }
  partner: { issuer: https://login.partner.example.com }
admin: { address: 127.0.0.1:9443 }
audit: { directory: audit }
policies: policies
";

const POLICY: &str = "server: crm
upstream: { url: http://127.0.0.1:3001/mcp, credential: { bearer: { env: TOKEN_THAT_IS_NOT_SET } } }
access: { issuers: [corp] }
roles:
  support: { claim: groups, any: [support] }
tools:
  find_customer: { effect: read, scopes: [crm.read] }
  update_customer: { effect: write, scopes: [crm.write], roles: [support] }
  export_customers: { effect: egress, when: args.region == principal.claims.region }
  report_*: { effect: read, when: time.getHours() >= 8 && time.getHours() < 18 }
resources:
  'crm://customers/{id}': { scopes: [crm.read] }
  crm://notice: { when: principal.client_id == 'app' }
prompts:
  summarize: { when: \"principal.claims.sub == 'ann' && principal.issuer == 'corp'\" }
suppress:
  - { code: P707, at: tools.export_customers, reason: for whoever has a region }
  - { code: P901, reason: nobody asks a server here }
";

/// A configuration of its own, in a directory of its own.
struct Folder(PathBuf);

static NUMBER: AtomicUsize = AtomicUsize::new(0);

impl Folder {
    fn new() -> Self {
        let number = NUMBER.fetch_add(1, Ordering::SeqCst);
        let folder = Self(std::env::temp_dir().join(format!("portcullis-cases-{}-{number}", std::process::id())));
        let _ = std::fs::remove_dir_all(&folder.0);
        std::fs::create_dir_all(folder.0.join("policies")).unwrap();
        folder.with("gateway.yaml", GATEWAY).with("policies/crm.yaml", POLICY)
    }

    fn with(self, name: &str, text: &str) -> Self {
        std::fs::write(self.0.join(name), text).unwrap();
        self
    }

    /// Cases of the policy `crm`, written as they stand below `cases:`.
    fn cases(self, cases: &str) -> Self {
        self.with("policies/crm.cases.yaml", &format!("cases:\n{cases}"))
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.0.join(name)).unwrap()
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        let output = Command::new(env!("CARGO_BIN_EXE_portcullis"))
            .args(arguments)
            .current_dir(&self.0)
            .env_remove("TOKEN_THAT_IS_NOT_SET")
            .output()
            .unwrap();
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        Ran { code: output.status.code(), out: text(&output.stdout), err: text(&output.stderr) }
    }

    /// `portcullis test gateway.yaml`, with these options.
    fn test(&self, options: &[&str]) -> Ran {
        self.run(&[&["test", "gateway.yaml"], options].concat())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[derive(Debug)]
struct Ran {
    code: Option<i32>,
    out: String,
    err: String,
}

const ONE_OF_EACH: &str = "
  - name: readers find customers
    as: { sub: ann, scopes: [crm.read] }
    call: { tool: find_customer, args: { id: '42' } }
    expect: allow
  - name: readers may not change
    as: { sub: ann, scopes: [crm.read] }
    call: { tool: update_customer }
    expect: { deny: scope_missing, rule: crm.yaml:9 }
  - name: others see only what they may use
    as: { sub: bob, scopes: [crm.read] }
    list: tools
    offered: [find_customer, update_customer, report_sales]
    expect: [find_customer, update_customer]
  - name: nobody exports
    as: { sub: eve, claims: { region: eu } }
    call: { tool: export_customers, args: { region: eu } }
    expect: { deny: ConditionNotMet }
";

#[test]
fn each_case_has_a_line_and_a_failure_says_what_differs() {
    let ran = Folder::new().cases(ONE_OF_EACH).test(&[]);
    let expected = "\
ok     crm: readers find customers
FAILED crm: readers may not change (policies/crm.cases.yaml:7:5)
    expected  deny scope_missing by crm.yaml:9
    got       deny tool_unknown by policies/crm.yaml:8:3 `update_customer`
FAILED crm: others see only what they may use (policies/crm.cases.yaml:11:5)
    expected  [find_customer, update_customer]
    got       [find_customer, report_sales]
    missing   update_customer
    too many  report_sales
FAILED crm: nobody exports (policies/crm.cases.yaml:16:5)
    expected  deny condition_not_met
    got       allow by policies/crm.yaml:9:3 `export_customers`
1 passed, 3 failed, rule coverage 42% (3 of 7)
no case exercises:
    policies/crm.yaml:10:3 `report_*`
    policies/crm.yaml:12:3 `crm://customers/{id}`
    policies/crm.yaml:13:3 `crm://notice`
    policies/crm.yaml:15:3 `summarize`
";
    assert_eq!(ran.out, expected);
    assert_eq!((ran.code, ran.err.as_str()), (Some(1), ""));
}

#[test]
fn every_kind_of_request_and_caller_is_judged_as_the_gateway_would() {
    let reader = "{ sub: ann, scopes: [crm.read] }";
    let rows: &[(&str, &str, &str)] = &[
        // Requests.
        (reader, "call: { tool: find_customer }", "allow"),
        (reader, "call: { tool: 'find customer' }", "{ deny: tool_unknown }"),
        (reader, "call: { tool: 'müll' }", "{ deny: tool_unknown }"),
        (reader, "call: { resource: 'crm://customers/42' }", "allow"),
        (
            "{ sub: ann }",
            "call: { resource: 'crm://customers/42' }",
            "{ deny: scope_missing, rule: 'crm://customers/{id}' }",
        ),
        (reader, "call: { resource: 'crm://customers/..' }", "{ deny: resource_unknown }"),
        (reader, "call: { subscribe: 'crm://customers/42' }", "allow"),
        (reader, "call: { subscribe: 'crm://other' }", "{ deny: ResourceUnknown }"),
        (reader, "call: { complete: { prompt: summarize } }", "allow"),
        (reader, "call: { complete: { resource: 'crm://customers/{which}' } }", "allow"),
        ("{ sub: bob }", "call: { prompt: summarize }", "{ deny: condition_not_met, rule: policies/crm.yaml }"),
        (reader, "call: { prompt: summarize, args: { style: short } }", "allow"),
        (reader, "call: { prompt: other }", "{ deny: prompt_unknown }"),
        // Arguments keep their types.
        (reader, "call: { tool: export_customers, args: { region: 1.5 } }", "{ deny: condition_failed }"),
        ("{ sub: ann, claims: { region: 1.5 } }", "call: { tool: export_customers, args: { region: 1.5 } }", "allow"),
        (
            "{ sub: ann, claims: { region: 1.5 } }",
            "call: { tool: export_customers, args: { region: 2 } }",
            "{ deny: condition_not_met }",
        ),
        // Time: noon unless said.
        (reader, "call: { tool: report_sales }", "allow"),
        (reader, "at: 2026-12-01T09:00:00+01:00\n    call: { tool: report_sales }", "allow"),
        (
            reader,
            "at: 2026-12-01T07:59:59Z\n    call: { tool: report_sales }",
            "{ deny: condition_not_met, rule: 'crm.yaml:10:3' }",
        ),
        // Callers.
        ("{ sub: ann, client: app }", "call: { resource: crm://notice }", "allow"),
        ("{ sub: ann, client: other }", "call: { resource: crm://notice }", "{ deny: condition_not_met }"),
        ("{ sub: ann, issuer: partner }", "call: { prompt: summarize }", "{ deny: token_invalid }"),
        ("{ sub: ann, audience: elsewhere }", "call: { prompt: summarize }", "{ deny: token_for_another }"),
        ("{ sub: ann, expired: true }", "call: { prompt: summarize }", "{ deny: token_expired }"),
        (
            "{ sub: ann, audience: https://mcp.example.com/crm/mcp, issuer: corp }",
            "call: { prompt: summarize }",
            "allow",
        ),
        // Lists: what is offered, and by default what the policy writes out.
        (reader, "list: tools", "[find_customer, export_customers]"),
        (reader, "list: tools\n    offered: [report_a, report_b, other]", "[report_b, report_a]"),
        (reader, "list: prompts", "[summarize]"),
        ("{ sub: bob }", "list: prompts", "[]"),
        ("{ sub: bob }", "list: prompts", "allow"),
        ("{ sub: bob, client: app }", "list: resources", "['crm://notice']"),
        (reader, "list: resources\n    offered: ['crm://customers/1', 'crm://orders/1']", "['crm://customers/1']"),
        (reader, "list: templates", "['crm://customers/{id}']"),
        (reader, "list: templates\n    offered: ['crm://orders/{id}']", "[]"),
        ("{ sub: ann, expired: true }", "list: tools", "{ deny: token_expired }"),
    ];
    let mut cases = String::new();
    for (number, (caller, ask, expect)) in rows.iter().enumerate() {
        write!(cases, "  - name: row {number}\n    as: {caller}\n    {ask}\n    expect: {expect}\n").unwrap();
    }
    let ran = Folder::new().cases(&cases).test(&[]);
    assert!(ran.out.contains(&format!("{} passed, 0 failed", rows.len())), "{}{}", ran.out, ran.err);
    assert_eq!(ran.code, Some(0));
}

#[test]
fn denials_times_logins_and_callers_without_a_token_can_be_put_into_cases() {
    let policy = "server: crm
upstream: { url: http://127.0.0.1:3001/mcp }
access: { issuers: [corp], anonymous: true, token_life_max: 10m }
tools:
  news: { effect: read, anonymous: true }
  find_*: { effect: read, scopes: [crm.read] }
  pay: { effect: write, scopes: [crm.pay], step_up: { acr: [mfa], max_age: 5m } }
  report: { effect: read, scopes: [crm.read], available: { days: [mon, thu], hours: 08:00-18:00 } }
deny:
  - { name: no-secrets, tools: [find_secret*] }
";
    let cases = "
  - { name: a, as: anonymous, call: { tool: news }, expect: allow }
  - { name: b, as: anonymous, call: { tool: find_x }, expect: { deny: token_missing, rule: 'find_*' } }
  - { name: c, as: anonymous, list: tools, offered: [news, find_x, pay], expect: [news] }
  - { name: d, as: { sub: ann, scopes: [crm.read] }, call: { tool: find_x }, expect: allow }
  - { name: e, as: { sub: ann, scopes: [crm.read] }, call: { tool: find_secret_x }, expect: { deny: denied_by_rule, rule: no-secrets } }
  - { name: f, as: { sub: ann, scopes: [crm.read] }, list: tools, offered: [find_x, find_secret_x], expect: [find_x] }
  - { name: g, as: { sub: ann, scopes: [crm.pay] }, call: { tool: pay }, expect: { deny: step_up_needed } }
  - name: h
    as: { sub: ann, scopes: [crm.pay], claims: { acr: mfa, auth_time: 1767268500 } }
    call: { tool: pay }
    expect: allow
  - { name: i, as: { sub: ann, scopes: [crm.read] }, call: { tool: report }, expect: allow }
  - name: j
    as: { sub: ann, scopes: [crm.read] }
    at: 2026-01-01T18:00:00Z
    call: { tool: report }
    expect: { deny: not_available, rule: report }
";
    let ran = Folder::new().with("policies/crm.yaml", policy).cases(cases).test(&["--coverage-min", "100"]);
    assert!(ran.out.contains("10 passed, 0 failed, rule coverage 100% (5 of 5)"), "{}{}", ran.out, ran.err);
    assert_eq!(ran.code, Some(0));
}

#[test]
fn what_is_not_exactly_as_expected_fails() {
    let rows = [
        // update_customer is refused as unknown, by the rule in line 8.
        ("call: { tool: update_customer }", "allow"),
        ("call: { tool: update_customer }", "{ deny: scope_missing }"),
        ("call: { tool: update_customer }", "{ deny: scope_missing, rule: update_customer }"),
        ("call: { tool: update_customer }", "{ deny: tool_unknown, rule: find_customer }"),
        ("call: { tool: update_customer }", "{ deny: tool_unknown, rule: crm.yaml:7 }"),
        ("call: { tool: update_customer }", "{ deny: tool_unknown, rule: erp.yaml }"),
        ("call: { tool: update_customer }", "{ deny: tool_unknown, rule: rm.yaml }"),
        // No rule names it.
        ("call: { tool: other }", "{ deny: tool_unknown, rule: crm.yaml }"),
        ("call: { tool: find_customer }", "{ deny: scope_missing }"),
        // find_customer and export_customers are shown.
        ("list: tools", "[]"),
        ("list: tools", "[find_customer]"),
        ("list: tools", "[find_customer, export_customers, update_customer]"),
        ("list: tools", "{ deny: token_expired }"),
    ];
    let mut cases = String::new();
    for (number, (ask, expect)) in rows.iter().enumerate() {
        let caller = "{ sub: ann, scopes: [crm.read] }";
        write!(cases, "  - name: row {number}\n    as: {caller}\n    {ask}\n    expect: {expect}\n").unwrap();
    }
    let ran = Folder::new().cases(&cases).test(&[]);
    assert!(ran.out.contains(&format!("0 passed, {} failed", rows.len())), "{}{}", ran.out, ran.err);
    assert_eq!(ran.code, Some(1));
}

#[test]
fn names_offered_by_a_file_go_for_its_lists() {
    let folder = Folder::new().with(
        "policies/crm.cases.yaml",
        "server: crm\noffered: [find_customer, report_b]\ncases:\n  - { name: a, as: { sub: x }, list: tools, expect: [report_b] }\n  - { name: b, as: { sub: x }, list: tools, offered: [report_c], expect: [report_c] }\n",
    );
    let ran = folder.test(&[]);
    assert!(ran.out.contains("2 passed, 0 failed"), "{ran:?}");
}

#[test]
fn every_problem_of_the_cases_is_told_at_once_with_its_place() {
    let structure = "cases:
  - name: a
    as: { sub: ann, scops: [x], expired: maybe }
    call: { tol: find_customer }
    expect: { deny: scope_missing, ruel: crm.yaml }
  - name: b
    call: { complete: { prompts: x } }
    list: tool
    expect: alow
  - as: { sub: ann }
    list: tools
    expect: 3
more: 1
";
    let meaning = "server: crn
cases:
  - name: c
    as: { sub: ann, claims: { aud: x }, issuer: nobody }
    at: tomorrow
    call: { tool: a, prompt: b }
    expect: { deny: scope_mising }
  - name: d
    as: { sub: ann }
    call: { resource: 'crm://notice', args: {} }
    list: tools
    expect: allow
  - name: ' '
    as: { sub: ann }
    offered: [a]
    call: { complete: {} }
    expect: [a]
  - name: e
    as: { sub: ann }
    list: tools
    offered: [a, a]
    expect: []
";
    let folder = Folder::new()
        .with("policies/a.cases.yaml", structure)
        .with("policies/b.cases.yaml", meaning)
        .with("policies/c.cases.yaml", "cases: []\n")
        .with("policies/d.cases.yml", "cases: [\n");
    let ran = folder.test(&[]);
    assert_eq!((ran.code, ran.out.as_str()), (Some(2), ""), "{}", ran.err);
    let expected = "\
policies/a.cases.yaml:3:21: error P105: unknown field `scops`
    hint: did you mean `scopes`? there are: sub, scopes, claims, issuer, client, audience, expired
policies/a.cases.yaml:3:33: error P107: `maybe` where true or false is needed
    hint: Whether the token has expired.
policies/a.cases.yaml:4:13: error P105: unknown field `tol`
    hint: did you mean `tool`? there are: tool, prompt, resource, subscribe, complete, args
policies/a.cases.yaml:5:36: error P105: unknown field `ruel`
    hint: did you mean `rule`? there are: deny, rule
policies/a.cases.yaml:6:5: error P106: `as` is missing
    hint: Who asks.
policies/a.cases.yaml:7:25: error P105: unknown field `prompts`
    hint: did you mean `prompt`? there are: prompt, resource
";
    let mut rest = ran.err.as_str();
    for line in expected.lines() {
        let at = rest.find(line).unwrap_or_else(|| panic!("{line}\nis not in\n{}", ran.err));
        rest = &rest[at..];
    }
    for expected in [
        "a.cases.yaml:8:5: error P107: `tool` is none of the choices",
        "a.cases.yaml:9:5: error P107: `alow` is none of the choices",
        "a.cases.yaml:10:5: error P106: `name` is missing",
        "a.cases.yaml:12:5: error P107: none of the forms that may stand here",
        "a.cases.yaml:13:1: error P105: unknown field `more`",
        "b.cases.yaml:1:1: error P801: there is no server `crn`",
        "hint: there are: crm",
        "b.cases.yaml:4:31: error P801: `aud` has a field of its own",
        "b.cases.yaml:4:41: error P801: unknown issuer `nobody`",
        "hint: gateway.yaml declares: corp, partner",
        "b.cases.yaml:5:5: error P801: `tomorrow` is not a time",
        "b.cases.yaml:6:5: error P801: needs exactly one of `tool`, `prompt`, `resource`, `subscribe` and `complete`",
        "b.cases.yaml:7:15: error P801: there is no reason `scope_mising`",
        "b.cases.yaml:8:5: error P801: needs exactly one of `call` and `list`",
        "b.cases.yaml:13:5: error P801: an empty name",
        "b.cases.yaml:15:5: error P801: only for a `list`",
        "b.cases.yaml:16:13: error P801: needs exactly one of `prompt` and `resource`",
        "b.cases.yaml:17:5: error P801: a call shows no list of names",
        "b.cases.yaml:21:5: error P801: `a` is offered twice",
        "c.cases.yaml:1:1: error P801: no case",
        "d.cases.yml:2:1: error P102: ",
        "25 problems",
    ] {
        assert!(ran.err.contains(expected), "{expected}\nis not in\n{}", ran.err);
    }
}

#[test]
fn problems_of_policies_and_cases_are_told_together() {
    let folder = Folder::new().with("policies/crm.yaml", "server: crm\n").with("policies/crm.cases.yaml", "cases: 3\n");
    for arguments in [&["test", "gateway.yaml"], &["check", "gateway.yaml"]] {
        let ran = folder.run(arguments);
        assert!(ran.err.contains("policies/crm.yaml:1:1: error P106: `access` is missing"), "{}", ran.err);
        assert!(
            ran.err.contains("policies/crm.cases.yaml:1:1: error P107: the number 3 where a list is needed"),
            "{}",
            ran.err
        );
    }
}

#[test]
fn with_several_policies_cases_say_which_they_are_about() {
    let folder = Folder::new().with("policies/erp.yaml", &POLICY.replace("server: crm", "server: erp"));
    let folder = folder.cases(ONE_OF_EACH);
    let ran = folder.test(&[]);
    assert_eq!(ran.code, Some(2));
    assert!(
        ran.err.contains("policies/crm.cases.yaml:1:1: error P801: `server` is missing, and there are several"),
        "{}",
        ran.err
    );
    assert!(ran.err.contains("hint: there are: crm, erp"), "{}", ran.err);
    let folder = folder.with("policies/crm.cases.yaml", &format!("server: erp\ncases:\n{ONE_OF_EACH}"));
    let ran = folder.test(&["--filter", "find"]);
    assert!(ran.out.starts_with("ok     erp: readers find customers\n"), "{ran:?}");
    assert!(ran.out.contains("rule coverage 7% (1 of 14)"), "{ran:?}");
}

#[test]
fn coverage_below_the_threshold_fails_though_every_case_passes() {
    let folder = Folder::new().cases(ONE_OF_EACH);
    let one_of_seven = ["--filter", "find customers"];
    for (least, code) in [("0", 0), ("14", 0), ("15", 1), ("100", 1)] {
        let ran = folder.test(&[&one_of_seven[..], &["--coverage-min", least]].concat());
        assert!(ran.out.contains("1 passed, 0 failed, rule coverage 14% (1 of 7)"), "{ran:?}");
        assert_eq!(ran.code, Some(code), "{least}: {}", ran.err);
        let told = ran.err.contains(&format!("rule coverage 14% is below {least}%"));
        assert_eq!(told, code == 1, "{}", ran.err);
    }
}

#[test]
fn what_cannot_be_run_exits_with_two() {
    let folder = Folder::new().cases(ONE_OF_EACH);
    for (options, told) in [
        (&["--coverage-min", "101"][..], "101"),
        (&["--colour"], "--colour"),
        (&["--filter", "no such"], "no case has such a name"),
        (&["--filter", "find", "--junit", "nowhere/report.xml"], "nowhere/report.xml"),
    ] {
        let ran = folder.test(options);
        assert_eq!(ran.code, Some(2), "{ran:?}");
        assert!(ran.err.contains(told), "{ran:?}");
    }
    let ran = folder.run(&["test", "none.yaml"]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.err.contains("none.yaml: error P101: cannot be read"), "{ran:?}");
    let ran = Folder::new().test(&[]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.err.contains("no *.cases.yaml beside the policies"), "{ran:?}");
}

#[test]
fn the_junit_report_is_xml_and_hostile_names_are_only_names() {
    let hostile = r#"</testcase><x a="1"> & ' ]]> <!-- ü"#;
    let cases = format!(
        "  - name: {}\n    as: {{ sub: x }}\n    call: {{ tool: '<&>\"' }}\n    expect: {{ deny: scope_missing, rule: '<b>' }}\n  - name: \"bell \\a escape \\e[31m\"\n    as: {{ sub: x }}\n    list: tools\n    expect: allow\n",
        serde_json::Value::from(hostile)
    );
    let folder = Folder::new().cases(&cases);
    let ran = folder.test(&["--junit", "report.xml"]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.out.contains(hostile), "{}", ran.out);
    assert!(
        ran.out.contains("ok     crm: bell \\u{7} escape \\u{1b}[31m\n"),
        "control characters are shown: {}",
        ran.out
    );
    let text = folder.read("report.xml");
    let document = roxmltree::Document::parse(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    let all = |name: &str| document.descendants().filter(|node| node.has_tag_name(name)).collect::<Vec<_>>();
    assert!(all("x").is_empty() && all("b").is_empty());
    let suites = all("testsuite");
    assert_eq!(suites.len(), 1);
    assert_eq!(suites[0].attribute("name"), Some("policies/crm.cases.yaml"));
    assert_eq!((suites[0].attribute("tests"), suites[0].attribute("failures")), (Some("2"), Some("1")));
    let tests = all("testcase");
    assert_eq!(tests[0].attribute("name"), Some(hostile));
    assert_eq!(tests[0].attribute("classname"), Some("crm"));
    let failure = all("failure");
    assert_eq!(failure.len(), 1);
    assert_eq!(failure[0].attribute("message"), Some("expected deny scope_missing by <b>; got deny tool_unknown"));
    assert!(failure[0].text().unwrap().starts_with("policies/crm.cases.yaml:2:5\n"), "{text}");
    assert!(!text.contains(['\u{7}', '\u{1b}']), "not in XML 1.0 in any spelling");
}

#[test]
fn check_refuses_warns_or_ignores_as_the_gateway_says() {
    let case = "cases:\n  - { name: wrong, as: { sub: x }, call: { prompt: summarize }, expect: allow }\n";
    let policy = POLICY.replace(", credential: { bearer: { env: TOKEN_THAT_IS_NOT_SET } }", "");
    let folder = Folder::new().with("policies/crm.yaml", &policy);
    let digest = |ran: &Ran| ran.out.split("policy ").nth(1).unwrap_or_default().to_owned();
    let without = digest(&folder.run(&["check", "gateway.yaml"]));
    assert!(without.len() > 8, "{without}");
    let mut folder = folder.with("policies/crm.cases.yaml", case);
    let told = |severity: &str| {
        Some(format!(
            "policies/crm.cases.yaml:2:5: {severity}: case `wrong` fails: expected allow; got deny condition_not_met by policies/crm.yaml:15:3 `summarize`"
        ))
    };
    for (setting, code, line) in [
        ("", 1, told("error P802")),
        ("cases: { on_reload: refuse }\n", 1, told("error P802")),
        ("cases: { on_reload: warn }\n", 0, told("warning P803")),
        ("cases: { on_reload: ignore }\n", 0, None),
    ] {
        folder = folder.with("gateway.yaml", &format!("{GATEWAY}{setting}"));
        let ran = folder.run(&["check", "gateway.yaml"]);
        assert_eq!(ran.code, Some(code), "{setting}: {ran:?}");
        assert_eq!(ran.err.lines().next(), line.as_deref(), "{setting}");
        assert_eq!(folder.test(&[]).code, Some(1), "{setting}: `test` runs them in any event");
    }
    let folder = folder
        .with("gateway.yaml", GATEWAY)
        .with("policies/crm.cases.yaml", &case.replace("expect: allow", "expect: { deny: condition_not_met }"));
    let ran = folder.run(&["check", "gateway.yaml"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert_eq!(digest(&ran), without, "cases are no part of what decides");
}

#[test]
fn ten_thousand_cases_run_and_one_more_does_not() {
    let file = |count: usize| {
        let mut text = "cases:\n".to_owned();
        for number in 0..count {
            writeln!(text, "  - {{ name: n{number}, as: {{ sub: x }}, list: tools, expect: allow }}").unwrap();
        }
        text
    };
    let folder = Folder::new().with("policies/a.cases.yaml", &file(5000)).with("policies/b.cases.yaml", &file(5000));
    let begun = std::time::Instant::now();
    let ran = folder.test(&[]);
    println!("10,000 cases: {:?}", begun.elapsed());
    assert!(ran.out.contains("10000 passed, 0 failed"), "{}", ran.err);
    let folder = folder.with("policies/b.cases.yaml", &file(5001));
    let ran = folder.test(&[]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.err.contains("policies/b.cases.yaml:1:1: error P801: more than 10000 cases in all"), "{}", ran.err);
}

#[test]
fn one_wrong_line_of_a_policy_does_not_tell_a_thousand_problems() {
    let mut cases = String::new();
    for number in 0..150 {
        writeln!(cases, "  - {{ name: n{number}, as: {{ sub: x }}, list: tools, expect: [nothing] }}").unwrap();
    }
    let policy = POLICY.replace(", credential: { bearer: { env: TOKEN_THAT_IS_NOT_SET } }", "");
    let ran = Folder::new().with("policies/crm.yaml", &policy).cases(&cases).run(&["check", "gateway.yaml"]);
    assert_eq!(ran.code, Some(1));
    assert!(ran.err.contains("case `n99` fails") && !ran.err.contains("case `n100` fails"), "{}", ran.err);
    assert!(ran.err.contains("(and 50 more cases fail)"), "{}", ran.err);
    assert!(ran.err.ends_with("gateway.yaml: 100 problems\n"), "{}", ran.err);
}

/// The directory that this crate is in.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn the_policies_to_begin_with_decide_as_their_cases_say_and_no_rule_is_left_out() {
    let folder = Folder::new();
    for name in ["crm", "everything", "filesystem", "memory", "python-everything"] {
        for file in [format!("{name}.yaml"), format!("{name}.cases.yaml")] {
            std::fs::copy(root().join("policies").join(&file), folder.0.join("policies").join(&file)).unwrap();
        }
    }
    let ran = folder.test(&["--coverage-min", "100"]);
    assert_eq!(ran.code, Some(0), "{}{}", ran.out, ran.err);
    assert!(ran.out.contains(" 0 failed, rule coverage 100% ("), "{}", ran.out);
}

/// The public key of RFC 7517, appendix A.1.
const KEYS: &str = r#"{"keys":[{"kty":"EC","crv":"P-256","use":"sig","kid":"1",
    "x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4","y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"}]}"#;

#[test]
fn the_examples_of_the_documents_load() {
    let folder = Folder::new();
    std::fs::remove_file(folder.0.join("policies/crm.yaml")).unwrap();
    let examples = root().join("docs/examples");
    for name in ["gateway.yaml", "policies/crm.yaml"] {
        std::fs::copy(examples.join(name), folder.0.join(name)).unwrap();
    }
    std::fs::create_dir(folder.0.join("certs")).unwrap();
    let made = rcgen::generate_simple_self_signed(["mcp.example.com".to_owned()]).unwrap();
    let folder = folder
        .with("certs/server.key", &made.signing_key.serialize_pem())
        .with("certs/server.pem", &made.cert.pem())
        .with("certs/jwks.json", KEYS)
        .with("policies/crm.cases.yaml", &std::fs::read_to_string(root().join("policies/crm.cases.yaml")).unwrap());
    let ran = folder.test(&[]);
    assert_eq!(ran.code, Some(0), "{}{}", ran.out, ran.err);
}

#[test]
fn the_example_of_the_manual_passes() {
    let manual = std::fs::read_to_string(root().join("docs/cases.md")).unwrap();
    let example = manual.split("```yaml\n").nth(1).unwrap().split("```").next().unwrap();
    let folder = Folder::new().with("policies/crm.cases.yaml", example);
    std::fs::copy(root().join("policies/crm.yaml"), folder.0.join("policies/crm.yaml")).unwrap();
    let ran = folder.test(&[]);
    assert!(ran.out.contains("3 passed, 0 failed"), "{}{}", ran.out, ran.err);
}
