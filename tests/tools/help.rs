//! Help, completions and manual pages.
use crate::support::*;

/// Every subcommand that the program lists, and those below them.
fn subcommands() -> Vec<Vec<String>> {
    fn below(path: &[String]) -> Vec<Vec<String>> {
        let mut arguments: Vec<&str> = path.iter().map(String::as_str).collect();
        arguments.push("--help");
        let (_, help, _) = run(&mut portcullis(&arguments));
        let names = help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
        let names: Vec<String> = names
            .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
            .filter_map(|line| line.split_whitespace().next().map(str::to_owned))
            .filter(|name| name != "help")
            .collect();
        names
            .into_iter()
            .flat_map(|name| {
                let path = [path, &[name]].concat();
                [vec![path.clone()], below(&path)].concat()
            })
            .collect()
    }
    below(&[])
}

#[test]
fn every_help_ends_with_examples_and_exit_codes() {
    let all = subcommands();
    assert!(all.len() >= 11, "{all:?}");
    for path in [vec![vec![]], all].concat() {
        let mut arguments: Vec<&str> = path.iter().map(String::as_str).collect();
        arguments.push("--help");
        let (code, help, _) = run(portcullis(&arguments).env_remove("CLICOLOR_FORCE"));
        assert_eq!(code, 0);
        let (_, end) = help.split_once("EXAMPLES:\n  portcullis ").unwrap_or_else(|| panic!("{path:?}: no examples"));
        let (_, codes) = end.split_once("\n\nEXIT CODES:\n").unwrap_or_else(|| panic!("{path:?}: no exit codes"));
        let codes: Vec<&str> = codes.lines().map(|line| &line[..5]).collect();
        assert_eq!(codes, ["  0  ", "  1  ", "  2  "]);
        assert!(!help.contains('\u{1b}'), "no colour but on a terminal");
    }
}

#[test]
fn completions_and_manual_pages_know_every_subcommand() {
    let (code, bash, _) = run(&mut portcullis(&["completions", "bash"]));
    let (_, page, _) = run(&mut portcullis(&["man"]));
    assert!(code == 0 && page.contains(".TH portcullis 1"), "{page}");
    for path in subcommands().iter().filter(|path| path.len() == 1) {
        assert!(bash.contains(&format!("portcullis,{}", path[0])), "{path:?}");
        assert!(page.contains(&format!("portcullis\\-{}", path[0])), "{path:?}: {page}");
        let (code, page, _) = run(&mut portcullis(&["man", &path[0]]));
        assert!(code == 0 && page.contains("EXIT CODES"), "{path:?}");
    }
    for shell in ["zsh", "fish", "elvish", "powershell"] {
        assert!(run(&mut portcullis(&["completions", shell])).1.contains("portcullis"), "{shell}");
    }
    assert_eq!(run(&mut portcullis(&["man", "nothing"])).0, 2);
    assert_eq!(run(&mut portcullis(&["completions", "cmd"])).0, 2);
}
