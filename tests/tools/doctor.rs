//! `doctor`, and `init` for programs.
use crate::support::*;

const PROGRAM: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/gateway/program.py");

fn drafted(place: &Place, speaks: &str) -> String {
    let directory = place.0.display().to_string();
    let arguments = ["init", "--server", "lines", "--directory", &directory, "--development"];
    let (code, said, errors) =
        run(portcullis(&arguments).args(["--command", "/usr/bin/env", "python3", PROGRAM, speaks]));
    assert_eq!(code, 0, "{said}{errors}");
    place.path("gateway.yaml")
}

#[test]
fn a_program_gets_a_policy_that_loads() {
    let place = Place::new();
    let config = drafted(&place, "legacy");
    let policy = place.read("policies/lines.yaml");
    let command = format!("  command: ['/usr/bin/env', 'python3', '{PROGRAM}', 'legacy']\n");
    assert!(policy.contains(&command) && policy.contains("  echo: "), "{policy}");
    let (code, said, errors) = run(&mut portcullis(&["check", &config]));
    assert_eq!(code, 0, "{said}{errors}");
}

#[test]
fn the_doctor_says_what_a_server_speaks_and_what_clients_of_the_other_era_find() {
    for (speaks, revision, other) in
        [("legacy", "2025-11-25", "clients of 2026-07-28:"), ("modern", "2026-07-28", "clients of earlier revisions:")]
    {
        let place = Place::new();
        let config = drafted(&place, speaks);
        let (code, said, errors) = run(&mut portcullis(&["doctor", &config, "lines", "--offline"]));
        assert_eq!(code, 0, "{said}{errors}");
        assert!(said.contains(&format!("speaks: {revision}")) && said.contains(other), "{said}");
        assert!(said.contains("questions during a call: bridged") && said.contains("nothing wrong"), "{said}");
    }
}

#[test]
fn the_doctor_says_what_is_wrong() {
    let place = Place::new();
    let config = drafted(&place, "legacy");
    let policy = place.read("policies/lines.yaml").replace("  echo: ", "  ecco: ");
    place.write("policies/lines.yaml", &policy);
    std::fs::remove_file(place.path("policies/lines.cases.yaml")).unwrap();
    let (code, said, errors) = run(&mut portcullis(&["doctor", &config, "lines"]));
    assert_eq!(code, 1, "{said}{errors}");
    assert!(said.contains("the server has no tool `ecco`"), "{said}{errors}");
    assert!(said.contains("WRONG: the gateway at https://localhost:8443"), "nobody is there: {said}");
    place.write("policies/lines.yaml", &policy.replace(PROGRAM, "/nowhere.py"));
    let (code, said, _) = run(&mut portcullis(&["doctor", &config, "lines", "--offline"]));
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("WRONG: "), "{said}");
    let (code, _, _) = run(&mut portcullis(&["doctor", &config, "other"]));
    assert_eq!(code, 2);
}
