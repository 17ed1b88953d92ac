//! Asking through the protocol: the form, what a client declares, and what it answers. One form in every revision:
//! a message, and one required boolean, `confirm`.
use crate::kernel::json::Value;
use crate::kernel::mcp::decode::Message;
use crate::kernel::mcp::revision::{Era, Revision};
use serde::Serialize;

/// The key of our question among `inputRequests` (2026-07-28).
pub const KEY: &str = "portcullis_confirm";
/// Where a handle stands in `_meta` of a call and of its result.
pub const HANDLE: &str = "portcullis/confirmation";

/// What came back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answered {
    /// Accepted, with `confirm: true`.
    Yes,
    /// Anything else.
    No,
}

/// Whether a client declares that its person can fill in a form: at `initialize`, or with each request.
/// 2025-11-25 on: `elicitation: {}` stands for forms; `{ url: {} }` alone does not.
pub fn declared(message: &Message) -> bool {
    let capabilities = match message.revision.era() {
        Era::Modern => message
            .params()
            .and_then(|params| params.get("_meta"))
            .and_then(|meta| meta.get("io.modelcontextprotocol/clientCapabilities")),
        Era::Legacy => message.params().and_then(|params| params.get("capabilities")),
    };
    let Some(elicitation) = capabilities.and_then(|c| c.get("elicitation")).filter(|e| e.is_object()) else {
        return false;
    };
    elicitation.get("form").is_some() || elicitation.get("url").is_none()
}

/// Whether a revision has elicitation at all.
pub fn exists_in(revision: Revision) -> bool {
    crate::kernel::mcp::method::find("elicitation/create").is_some_and(|method| method.exists_in(revision))
}

/// `params` of `elicitation/create`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Form<'a> {
    message: &'a str,
    requested_schema: Schema,
    #[serde(skip_serializing_if = "Option::is_none")]
    mode: Option<&'static str>,
}

#[derive(Serialize)]
struct Schema {
    r#type: &'static str,
    properties: Properties,
    required: [&'static str; 1],
}

#[derive(Serialize)]
struct Properties {
    confirm: Field,
}

#[derive(Serialize)]
struct Field {
    r#type: &'static str,
    title: &'static str,
    description: &'static str,
}

/// The form with this message.
pub fn form(message: &str, revision: Revision) -> Form<'_> {
    let confirm = Field { r#type: "boolean", title: "Confirm", description: "Yes: make this one call." };
    Form {
        message,
        requested_schema: Schema { r#type: "object", properties: Properties { confirm }, required: ["confirm"] },
        // 2025-06-18 knows one mode only.
        mode: (revision > Revision::V2025_06_18).then_some("form"),
    }
}

/// Reads an `ElicitResult`.
pub fn answered(result: Option<Value<'_>>) -> Answered {
    let accepted = result.and_then(|r| r.get("action")).is_some_and(|action| action.raw() == b"\"accept\"");
    let confirmed = result
        .and_then(|result| result.get("content"))
        .and_then(|content| content.get("confirm"))
        .is_some_and(|confirm| confirm.raw() == b"true");
    if accepted && confirmed { Answered::Yes } else { Answered::No }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::json::{Bounds, Document};

    #[test]
    fn nothing_but_accepted_and_true_is_a_yes() {
        let read = |json: &str| {
            let document = Document::parse(json.to_owned().into(), &Bounds::default()).unwrap();
            answered(Some(document.root()))
        };
        assert_eq!(read(r#"{"action":"accept","content":{"confirm":true}}"#), Answered::Yes);
        for no in [
            r#"{"action":"accept","content":{"confirm":false}}"#,
            r#"{"action":"accept","content":{"confirm":"true"}}"#,
            r#"{"action":"accept","content":{"confirm":1}}"#,
            r#"{"action":"accept","content":{"confirm":null}}"#,
            r#"{"action":"accept","content":{}}"#,
            r#"{"action":"accept"}"#,
            r#"{"action":"accept","content":{"Confirm":true}}"#,
            r#"{"action":"Accept","content":{"confirm":true}}"#,
            r#"{"action":"decline","content":{"confirm":true}}"#,
            r#"{"action":"cancel"}"#,
            r#"{"content":{"confirm":true}}"#,
            r#"[]"#,
            r#"{}"#,
        ] {
            assert_eq!(read(no), Answered::No, "{no}");
        }
        assert_eq!(answered(None), Answered::No);
    }

    #[test]
    fn the_form_has_one_required_boolean_and_a_mode_where_there_are_several() {
        let form = |revision| serde_json::to_value(super::form("text", revision)).unwrap();
        for revision in [Revision::V2025_06_18, Revision::V2025_11_25, Revision::V2026_07_28] {
            let schema = &form(revision)["requestedSchema"];
            assert_eq!(schema["properties"].as_object().unwrap().len(), 1);
            assert_eq!(schema["required"], serde_json::json!(["confirm"]));
        }
        assert!(form(Revision::V2025_06_18).get("mode").is_none());
        assert_eq!(form(Revision::V2026_07_28)["mode"], "form");
        assert!(!exists_in(Revision::V2025_03_26) && exists_in(Revision::V2025_06_18));
    }
}
