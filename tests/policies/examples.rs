//! What the policies to begin with say of calls as the servers' own tools take them.
use portcullis::kernel::facts::Facts;
use portcullis::kernel::json::{Bounds, Document};
use portcullis::kernel::mcp::decode::Target;
use portcullis::kernel::policy::decide::authorize;
use portcullis::kernel::principal::{Principal, Verified};
use portcullis::kernel::snapshot::Snapshot;
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;

fn snapshot(name: &str) -> Arc<Snapshot> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let directory = std::env::temp_dir().join(format!("portcullis-examples-{}-{name}", std::process::id()));
    std::fs::create_dir_all(directory.join("policies")).unwrap();
    for file in ["gateway.yaml", "jwks.json"] {
        std::fs::copy(root.join("tests/data/broken/common").join(file), directory.join(file)).unwrap();
    }
    std::fs::copy(root.join(format!("policies/{name}.yaml")), directory.join("policies/it.yaml")).unwrap();
    let loaded = portcullis::config::load::load(&directory.join("gateway.yaml"), &|_| None);
    std::fs::remove_dir_all(&directory).unwrap();
    loaded.unwrap_or_else(|problems| panic!("{problems:?}")).snapshot
}

/// `ok`, or why not.
fn verdict(world: &Snapshot, who: (&str, &[&str]), tool: &str, args: Option<&Value>) -> String {
    let principal = Principal::assertion(Verified {
        anonymous: false,
        issuer: "corp".into(),
        subject: "ann".into(),
        client: None,
        audiences: vec![],
        scopes: who.0.split_whitespace().map(str::to_owned).collect(),
        expires: u64::MAX,
        claims: json!({ "groups": who.1 }),
    });
    let server = world.servers.values().next().unwrap();
    let document = args.map(|args| Document::parse(args.to_string().into(), &Bounds::default()).unwrap());
    let args = document.as_ref().map(Document::root);
    match authorize(server, &principal, &Target::Tool(tool.to_owned()), args, &Facts::at(1_800_000_000)) {
        Ok(_) => "ok".to_owned(),
        Err((reason, _)) => reason.name().to_owned(),
    }
}

#[test]
fn files_are_read_below_the_shared_directory_and_written_below_drafts() {
    let world = snapshot("filesystem");
    let reader: (&str, &[&str]) = ("files.read", &[]);
    let writer: (&str, &[&str]) = ("files.write", &[]);
    let editor: (&str, &[&str]) = ("files.write", &["editors"]);
    for (who, tool, args, expected) in [
        (reader, "read_text_file", json!({ "path": "/srv/shared/a.txt" }), "ok"),
        (writer, "read_text_file", json!({ "path": "/srv/shared/a.txt" }), "ok"),
        (("", &[][..]), "read_text_file", json!({ "path": "/srv/shared/a.txt" }), "ScopeMissing"),
        (reader, "read_text_file", json!({ "path": "/srv/shared/../../etc/passwd" }), "DeniedByRule"),
        (reader, "read_text_file", json!({ "path": "/srv/shared2/a.txt" }), "DeniedByRule"),
        (reader, "read_text_file", json!({ "path": "a.txt" }), "DeniedByRule"),
        (reader, "read_text_file", json!({ "path": "~/a.txt" }), "DeniedByRule"),
        (reader, "read_text_file", json!({ "path": "/srv/shared/.env" }), "DeniedByRule"),
        (reader, "read_text_file", json!({ "path": "/srv/shared/.git/config" }), "DeniedByRule"),
        (reader, "read_text_file", json!({ "path": "/srv/shared/Client-SECRET.txt" }), "DeniedByRule"),
        (reader, "read_text_file", json!({ "path": "/srv/shared/tls/server.key" }), "DeniedByRule"),
        (reader, "read_text_file", json!({ "path": ["/srv/shared/a.txt"] }), "DeniedByRule"),
        (reader, "read_text_file", json!({}), "ConditionFailed"),
        (reader, "read_file", json!({ "path": "/srv/shared/a.txt" }), "ToolUnknown"),
        (reader, "read_multiple_files", json!({ "paths": ["/srv/shared/a.txt", "/srv/shared/b/c.txt"] }), "ok"),
        (reader, "read_multiple_files", json!({ "paths": ["/srv/shared/a.txt", "/etc/passwd"] }), "ConditionNotMet"),
        (reader, "read_multiple_files", json!({ "paths": ["/srv/shared/b/../../x"] }), "DeniedByRule"),
        (reader, "read_multiple_files", json!({ "paths": ["/srv/shared/my-secret"] }), "DeniedByRule"),
        (reader, "read_multiple_files", json!({}), "DeniedByRule"),
        (reader, "list_directory", json!({ "path": "/srv/shared" }), "ok"),
        (reader, "list_directory", json!({ "path": "/srv" }), "DeniedByRule"),
        (reader, "list_allowed_directories", json!({}), "ok"),
        (reader, "write_file", json!({ "path": "/srv/shared/drafts/a", "content": "" }), "ScopeMissing"),
        (writer, "write_file", json!({ "path": "/srv/shared/drafts/a", "content": "" }), "ok"),
        (writer, "write_file", json!({ "path": "/srv/shared/a", "content": "" }), "ConditionNotMet"),
        (writer, "edit_file", json!({ "path": "/srv/shared/drafts/../a", "edits": [] }), "DeniedByRule"),
        (editor, "write_file", json!({ "path": "/srv/shared/a", "content": "" }), "ok"),
        (editor, "write_file", json!({ "path": "/srv/other/a", "content": "" }), "DeniedByRule"),
        (
            writer,
            "move_file",
            json!({ "source": "/srv/shared/drafts/a", "destination": "/srv/shared/a" }),
            "ToolUnknown",
        ),
        (editor, "move_file", json!({ "source": "/srv/shared/drafts/a", "destination": "/srv/shared/a" }), "ok"),
        (editor, "move_file", json!({ "source": "/srv/shared/a", "destination": "/tmp/a" }), "ConditionNotMet"),
        (editor, "move_file", json!({ "source": "/srv/shared/../a", "destination": "/srv/shared/a" }), "DeniedByRule"),
        (editor, "move_file", json!({ "source": "/srv/shared/.env", "destination": "/srv/shared/a" }), "DeniedByRule"),
    ] {
        assert_eq!(verdict(&world, who, tool, Some(&args)), expected, "{tool} {args}");
    }
    assert_eq!(verdict(&world, reader, "read_text_file", None), "ok", "listed");
    assert_eq!(verdict(&world, reader, "move_file", None), "ToolUnknown", "not listed");
}

#[test]
fn memory_is_read_by_readers_added_to_by_writers_and_cleared_by_curators() {
    let world = snapshot("memory");
    let reader: (&str, &[&str]) = ("memory.read", &[]);
    let writer: (&str, &[&str]) = ("memory.write", &[]);
    let curator: (&str, &[&str]) = ("memory.write", &["memory-curators"]);
    let entity =
        |observations: usize| json!({ "name": "a", "entityType": "b", "observations": vec!["c"; observations] });
    for (who, tool, args, expected) in [
        (reader, "read_graph", json!({}), "ok"),
        (writer, "read_graph", json!({}), "ok"),
        (reader, "search_nodes", json!({ "query": "ann" }), "ok"),
        (reader, "search_nodes", json!({ "query": "a".repeat(501) }), "ConditionNotMet"),
        (reader, "open_nodes", json!({ "names": ["ann"] }), "ok"),
        (reader, "create_entities", json!({ "entities": [entity(1)] }), "ScopeMissing"),
        (writer, "create_entities", json!({ "entities": [entity(1), entity(20)] }), "ok"),
        (writer, "create_entities", json!({ "entities": [entity(21)] }), "ConditionNotMet"),
        (writer, "create_entities", json!({ "entities": vec![entity(1); 21] }), "ConditionNotMet"),
        (writer, "create_entities", json!({}), "ConditionFailed"),
        (writer, "create_relations", json!({ "relations": [{ "from": "a", "to": "b", "relationType": "c" }] }), "ok"),
        (writer, "add_observations", json!({ "observations": [{ "entityName": "a", "contents": ["x"] }] }), "ok"),
        (writer, "delete_entities", json!({ "entityNames": ["a"] }), "ToolUnknown"),
        (curator, "delete_entities", json!({ "entityNames": ["a"] }), "ok"),
        (curator, "delete_entities", json!({ "entityNames": vec!["a"; 21] }), "ConditionNotMet"),
        (curator, "delete_observations", json!({ "deletions": [] }), "ok"),
        (curator, "delete_relations", json!({ "relations": [] }), "ok"),
        (curator, "drop_graph", json!({}), "ToolUnknown"),
    ] {
        assert_eq!(verdict(&world, who, tool, Some(&args)), expected, "{tool} {args}");
    }
}
