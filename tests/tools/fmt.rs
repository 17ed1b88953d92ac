//! `fmt` on files: what it changes, what it never does.
use crate::support::*;
use std::os::unix::fs::PermissionsExt;

const UNTIDY: &str = "tools:\r\n    # reads\n    get:   { effect: read }   # why\n    put:\n        effect: write\n        when: |\n          1 == 1\n# where\nupstream:\n    url: http://127.0.0.1:1/mcp\nserver: crm\naccess:\n    issuers:\n    - main\n\n\n";
const TIDY: &str = "# where\nupstream";

#[test]
fn a_file_is_formatted_once_and_keeps_its_permissions() {
    let place = Place::new();
    let file = place.write("crm.yaml", UNTIDY);
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o640)).unwrap();
    let (code, said, _) = run(&mut portcullis(&["fmt", "--check", &file]));
    assert_eq!((code, said), (1, format!("would change {file}\n")));
    assert_eq!(place.read("crm.yaml"), UNTIDY, "--check writes nothing");
    assert_eq!(run(&mut portcullis(&["fmt", &file])).0, 0);
    let once = place.read("crm.yaml");
    assert!(once.starts_with("server: crm\n# where\nupstream:\n  url:"), "{once}");
    assert!(once.contains(TIDY) && once.contains("  # reads\n  get:   { effect: read }   # why\n"), "{once}");
    assert!(once.contains("    when: |\n      1 == 1\n") && once.contains("  issuers:\n    - main\n"), "{once}");
    assert!(!once.contains('\r') && !once.ends_with("\n\n"));
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o640);
    assert_eq!(run(&mut portcullis(&["fmt", "--check", &file])), (0, String::new(), String::new()));
    assert_eq!(place.files(), ["crm.yaml"], "nothing is left beside it");
}

#[test]
fn what_is_not_yaml_stays_and_is_told() {
    let place = Place::new();
    for (name, text) in [("twice.yaml", "a: 1\na: 2\n"), ("tag.yaml", "a: !x 1  \n"), ("torn.yaml", "a: [1\n")] {
        let file = place.write(name, text);
        let (code, said, errors) = run(&mut portcullis(&["fmt", &file]));
        assert!(code == 1 && said.is_empty() && errors.starts_with(&file), "{errors}");
        assert_eq!(place.read(name), text);
    }
    assert_eq!(run(&mut portcullis(&["fmt"])).0, 2);
    assert_eq!(run(&mut portcullis(&["fmt", &place.path("missing.yaml")])).0, 1);
}

#[test]
fn the_policies_of_this_repository_are_formatted_already_or_keep_every_word() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let files = [
        "policies/crm.yaml",
        "policies/everything.yaml",
        "docs/examples/gateway.yaml",
        "docs/examples/policies/crm.yaml",
    ];
    for name in files {
        let place = Place::new();
        let text = std::fs::read_to_string(root.join(name)).unwrap();
        let file = place.write("x.yaml", &text);
        assert_eq!(run(&mut portcullis(&["fmt", &file])).0, 0, "{name}");
        let words = |text: &str| {
            let mut lines: Vec<String> = text.lines().map(|line| line.trim().to_owned()).collect();
            lines.retain(|line| !line.is_empty());
            lines.sort();
            lines
        };
        assert_eq!(words(&place.read("x.yaml")), words(&text), "{name}");
    }
}
