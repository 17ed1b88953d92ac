//! `access`, `diff` and `explain` as people run them.
use std::path::{Path, PathBuf};
use std::process::Command;

const POLICY: &str = "\
server: crm
upstream: { url: 'http://127.0.0.1:1/mcp' }
access: { issuers: [corp], audience: 'https://x.example/crm/mcp', anonymous: true }
roles:
  support: { claim: groups, any: [support] }
tools:
  status: { effect: read, anonymous: true }
  find_*: { effect: read, scopes: [crm.read] }
  update_customer: { effect: write, scopes: [crm.write], roles: [support], when: args.id != '0' }
resources:
  'crm://customers/{id}': { scopes: [crm.read] }
deny:
  - { name: '<b>=no, \"secrets\"', tools: [find_secret*] }
";

fn place(name: &str, policy: &str) -> PathBuf {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("commands-{name}"));
    let _ = std::fs::remove_dir_all(&directory);
    std::fs::create_dir_all(directory.join("policies")).unwrap();
    std::fs::create_dir_all(directory.join("audit")).unwrap();
    let gateway = "public_url: https://x.example\nlisten: [{ address: '127.0.0.1:1' }]\n\
        issuers: { corp: { issuer: https://login.example.com } }\nadmin: { address: '127.0.0.1:2' }\n\
        audit: { directory: audit }\npolicies: policies\n";
    std::fs::write(directory.join("gateway.yaml"), gateway).unwrap();
    std::fs::write(directory.join("policies/crm.yaml"), policy).unwrap();
    directory.join("gateway.yaml")
}

fn run(arguments: &[&str]) -> (i32, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_portcullis")).args(arguments).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

#[test]
fn the_access_matrix_says_who_may_use_what_and_carries_no_markup_and_no_formula() {
    let gateway = place("access", POLICY);
    let gateway = gateway.to_str().unwrap();
    let (code, text, _) = run(&["access", gateway]);
    assert_eq!(code, 0);
    let expected = "\
crm
            name                  effect  anonymous  anyone      support
  tool      update_customer       write   -          -           crm.write *
  tool      status                read    yes        yes         yes
  tool      find_*                read    -          crm.read *  crm.read *
  resource  crm://customers/{id}          -          crm.read    crm.read
  * only:
    tool update_customer: if args.id != '0'
    tool find_*: unless `<b>=no, \"secrets\"`
  A cell: the scopes that are needed; `yes`: none; `-`: refused.
";
    assert_eq!(text, expected);
    let (_, html, _) = run(&["access", gateway, "--format", "html"]);
    assert!(
        html.contains("unless `&lt;b&gt;=no, &quot;secrets&quot;`")
            && !html.contains("<b>")
            && !html.contains("<script")
    );
    let (_, csv, _) = run(&["access", gateway, "--format", "csv"]);
    assert!(csv.contains("\"unless `<b>=no, \"\"secrets\"\"`\""), "{csv}");
    assert_eq!(csv.lines().count(), 1 + 4 * 3);
    assert!(csv.lines().all(|line| !line.split(',').any(|field| field.trim_matches('"').starts_with(['=', '+', '@']))));
}

#[test]
fn diff_tells_what_changes_and_its_exit_code_says_whether_anything_does() {
    let old = place("old", POLICY);
    let same = place("same", &POLICY.replace("tools:\n", "# a comment\ntools:\n"));
    let new = POLICY
        .replace("effect: read, scopes: [crm.read]", "effect: write, scopes: [crm.find]")
        .replace(", roles: [support]", "");
    let new = place("new", &new);
    let broken = place("broken", "server: crm\n");
    let [old, same, new, broken] = [&old, &same, &new, &broken].map(|path| path.to_str().unwrap());
    assert_eq!(run(&["diff", old, same]), (0, "nothing that is allowed or denied changes\n".to_owned(), String::new()));
    let (code, told, _) = run(&["diff", old, new]);
    assert_eq!(code, 1);
    for line in [
        "crm: newly allowed tool `find_*`, with a token, without scope crm.read, with scope crm.find",
        "crm: newly denied tool `find_*`, with a token, with scope crm.read, without scope crm.find",
        "crm: newly allowed tool `update_customer`, with a token, with scope crm.write, without role support, where `args.id != '0'` holds",
        "crm: `find_*` is now labelled write, was read",
    ] {
        let parts = |line: &str| line.split(", ").map(str::to_owned).collect::<std::collections::BTreeSet<_>>();
        assert!(
            told.lines().any(|got| parts(got) == parts(line) || without_token(got) == without_token(line)),
            "{line}\n{told}"
        );
    }
    assert!(!told.contains("status") && !told.contains("customers/"), "{told}");
    let (code, _, problems) = run(&["diff", old, broken]);
    assert_eq!(code, 2);
    assert!(problems.contains("P106"), "{problems}");
}

/// A scope cannot be had without a token, so that part may be said or not.
fn without_token(line: &str) -> std::collections::BTreeSet<String> {
    line.split(", ").filter(|part| *part != "with a token").map(str::to_owned).collect()
}

#[test]
fn explain_tells_the_path_and_refuses_what_it_does_not_understand() {
    let gateway = place("explain", POLICY);
    let gateway = gateway.to_str().unwrap();
    let call = "{ tool: update_customer, args: { id: '0' } }";
    let (code, told, _) = run(&[
        "explain",
        gateway,
        "--as",
        "{ sub: ann, scopes: [crm.write], claims: { groups: [support] } }",
        "--call",
        call,
    ]);
    assert_eq!(code, 0);
    assert!(told.contains("REFUSED: ConditionNotMet") && told.contains("`args.id != '0'` does not hold"), "{told}");
    let (_, listed, _) = run(&["explain", gateway, "--as", "anonymous", "--list", "tools"]);
    assert!(listed.contains("tool `status` at `crm`, asked for by an anonymous caller: LISTED"), "{listed}");
    assert!(listed.contains("tool `update_customer` at `crm`, asked for by an anonymous caller: HIDDEN"), "{listed}");
    let (code, _, problems) = run(&["explain", gateway, "--as", "{ sub: ann, scops: [x] }", "--call", call]);
    assert_eq!(code, 2);
    assert!(problems.contains("unknown field `scops`"), "{problems}");
    let (code, _, problems) = run(&["explain", gateway, "--record", "nothing"]);
    assert_eq!(code, 1);
    assert!(problems.contains("has the id nothing"), "{problems}");
}

#[test]
fn a_call_of_a_virtual_server_is_explained_and_tested_as_its_part_judges_it() {
    let gateway = place("virtual", POLICY);
    let wiki = POLICY.replace("crm", "wiki").replace("x.example/wiki", "x.example/other");
    let directory = gateway.parent().unwrap();
    std::fs::write(directory.join("policies/wiki.yaml"), wiki).unwrap();
    let config = std::fs::read_to_string(&gateway).unwrap();
    let desk = "virtual: { desk: { servers: [crm, wiki], issuers: [corp] } }\n";
    std::fs::write(&gateway, config + desk).unwrap();
    let cases = "server: desk\ncases:\n\
        - { name: with the scope of its part, as: { sub: ann, scopes: [wiki.read] }, call: { tool: wiki_find_x }, expect: allow }\n\
        - { name: not with that of another, as: { sub: ann, scopes: [crm.read] }, call: { tool: wiki_find_x }, expect: { deny: scope_missing } }\n\
        - { name: resources keep their names, as: { sub: ann, scopes: [wiki.read] }, call: { resource: 'wiki://customers/1' }, expect: allow }\n";
    std::fs::write(directory.join("policies/desk.cases.yaml"), cases).unwrap();
    let gateway = gateway.to_str().unwrap();
    let (code, told, problems) = run(&["test", gateway]);
    assert_eq!(code, 0, "{told}{problems}");
    let ann = "{ sub: ann, scopes: [crm.read] }";
    let explain = |call: &str| run(&["explain", gateway, "--server", "desk", "--as", ann, "--call", call]);
    let (_, told, _) = explain("{ tool: crm_find_x }");
    assert!(told.contains("tool `find_x` at `crm`") && told.contains("ALLOWED"), "{told}");
    let (code, _, problems) = explain("{ tool: find_x }");
    assert!(code == 2 && problems.contains("there are: crm, wiki"), "{problems}");
    let (code, _, problems) = run(&["explain", gateway, "--server", "desk", "--as", ann, "--list", "tools"]);
    assert!(code == 2 && problems.contains("ask each: crm, wiki"), "{problems}");
    let (_, matrix, _) = run(&["access", gateway]);
    assert!(
        matrix.contains("desk at /desk/mcp\n  all that its servers allow: crm as crm_.., wiki as wiki_.."),
        "{matrix}"
    );
    let (_, told, _) = run(&["doctor", gateway, "desk", "--offline"]);
    assert!(told.contains("desk: crm and wiki behind one path, /desk/mcp\n  if one fails: refused"), "{told}");
}

/// As it stands in the documentation, with what a policy needs around it.
const CONFIRMED: &str = "\
server: crm
upstream: { url: 'http://127.0.0.1:1/mcp' }
access: { issuers: [corp], audience: 'https://x.example/crm/mcp' }
roles:
  approvers: { claim: groups, any: [approvers] }
tools:
  update_customer: { effect: write, scopes: [crm.write], confirm: [elicit] }
  delete_customer: { effect: destructive, scopes: [crm.write, crm.admin], confirm: [approver, code] }
confirmations:
  approver: { roles: [approvers], separate: true, expires: 10m }
  budget: { per: subject, prompts: 20/hour }
";

#[test]
fn every_command_knows_which_calls_a_person_confirms() {
    let gateway = place("confirmed", CONFIRMED);
    let config = gateway.to_str().unwrap();
    let (code, _, told) = run(&["check", config]);
    assert_eq!(code, 0, "{told}");
    assert!(told.contains("P989") && !told.contains("error"), "the page is missing, which is a warning: {told}");
    let (_, table, _) = run(&["access", config]);
    assert!(table.contains("tool delete_customer: after a confirmation (approver, else code)"), "{table}");
    let ann = "{ sub: ann, scopes: [crm.write] }";
    let (_, told, _) = run(&["explain", config, "--as", ann, "--call", "{ tool: update_customer, args: {} }"]);
    assert!(told.contains("ALLOWED") && told.contains("a person is asked first: elicit"), "{told}");
    let cases = "policy: crm.yaml
cases:
  - { name: an update is confirmed, as: { sub: ann, scopes: [crm.write] }, call: { tool: update_customer }, expect: confirm }
  - { name: nobody else is asked, as: { sub: ann }, call: { tool: update_customer }, expect: { deny: scope_missing } }
";
    let file = gateway.parent().unwrap().join("policies/crm.cases.yaml");
    std::fs::write(&file, cases.replace("policy: crm.yaml\n", "server: crm\n")).unwrap();
    let (code, told, problems) = run(&["test", config]);
    assert_eq!(code, 0, "{told}{problems}");
    std::fs::write(
        &file,
        cases.replace("policy: crm.yaml\n", "server: crm\n").replace("expect: confirm", "expect: allow"),
    )
    .unwrap();
    let (code, told, _) = run(&["test", config]);
    assert!(code == 1 && told.contains("confirm"), "asked first is not allowed: {told}");
    let open = place("unconfirmed", &CONFIRMED.replace(", confirm: [elicit]", ""));
    std::fs::remove_file(&file).unwrap();
    let (code, told, _) = run(&["diff", config, open.to_str().unwrap()]);
    assert!(
        code == 1 && told.contains("`update_customer` is confirmed otherwise: nobody is asked; was: elicit"),
        "{told}"
    );
}
