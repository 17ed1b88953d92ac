//! The reference of a kind of file, in Markdown, made from its JSON Schema: each field with its type, its
//! default and what its doc comment says. So the manual cannot forget a field that the program reads.
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// What stands before and after the fields of a policy, written by hand.
pub const POLICY: (&str, &str) = (include_str!("manual/policy.begin.md"), include_str!("manual/policy.end.md"));

/// One section: a type, and all the places where it is used.
struct Section<'a> {
    places: Vec<String>,
    schema: &'a Value,
}

/// The sections of a schema, the file itself first, each type once, in the order in which one meets them.
pub fn sections(schema: &Value) -> String {
    let mut found: Vec<(String, Section<'_>)> = vec![(String::new(), Section { places: Vec::new(), schema })];
    let mut next = 0;
    while let Some((_, section)) = found.get(next) {
        let prefix = section.places.first().cloned().unwrap_or_default();
        for (name, field) in fields(section.schema) {
            let path = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
            for (reference, place) in references(field, &path) {
                match found.iter_mut().find(|(known, _)| *known == reference) {
                    Some((_, known)) => known.places.push(place),
                    None => {
                        let Some(schema) = schema.pointer(reference.trim_start_matches('#')) else { continue };
                        found.push((reference, Section { places: vec![place], schema }));
                    }
                }
            }
        }
        next += 1;
    }
    let titles: BTreeMap<&str, String> = found.iter().map(|(name, section)| (name.as_str(), title(section))).collect();
    let mut out = String::new();
    for (name, section) in &found {
        let title = titles.get(name.as_str()).map_or("", String::as_str);
        if !name.is_empty() {
            let _ = writeln!(out, "### {title}\n");
        }
        let _ = writeln!(out, "{}\n", text(section.schema));
        if section.schema.get("oneOf").is_some() {
            out.push_str(&choices(section.schema));
        } else {
            out.push_str(&table(section.schema, &titles));
        }
    }
    out
}

/// A type that is used in a few places is named by them, one that is used everywhere by its field.
fn title(section: &Section<'_>) -> String {
    match section.places.as_slice() {
        few @ ([_] | [_, _] | [_, _, _]) => few.join(", "),
        many => many.first().and_then(|place| place.rsplit('.').next()).unwrap_or_default().to_owned(),
    }
}

fn fields(schema: &Value) -> impl Iterator<Item = (&String, &Value)> {
    schema.get("properties").and_then(Value::as_object).into_iter().flatten()
}

/// The types that a field leads to, with the place of each.
fn references(field: &Value, path: &str) -> Vec<(String, String)> {
    if let Some(reference) = field.get("$ref").and_then(Value::as_str) {
        return vec![(reference.to_owned(), path.to_owned())];
    }
    let below = |key: &str, path: String| field.get(key).map(|field| references(field, &path)).unwrap_or_default();
    let mut found = below("items", format!("{path}[]"));
    found.extend(below("additionalProperties", format!("{path}.NAME")));
    found
}

fn table(schema: &Value, titles: &BTreeMap<&str, String>) -> String {
    let required: Vec<&str> =
        schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    let mut out = String::from("| Field | Type | Default | Meaning |\n|---|---|---|---|\n");
    for (name, field) in fields(schema) {
        let default = match field.get("default") {
            _ if required.contains(&name.as_str()) => "required".to_owned(),
            Some(Value::Object(_) | Value::Array(_)) | None => "–".to_owned(),
            Some(default) => format!("`{}`", default.to_string().replace('"', "")),
        };
        let _ =
            writeln!(out, "| `{name}` | {} | {default} | {} |", kind(field, titles), text(field).replace('|', "\\|"));
    }
    out.push('\n');
    out
}

fn choices(schema: &Value) -> String {
    let mut out = String::from("| Value | Meaning |\n|---|---|\n");
    for choice in schema.get("oneOf").and_then(Value::as_array).into_iter().flatten() {
        let value = choice.get("const").and_then(Value::as_str).unwrap_or_default();
        let _ = writeln!(out, "| `{value}` | {} |", text(choice));
    }
    out.push('\n');
    out
}

/// The type of a field in words, with links.
fn kind(field: &Value, titles: &BTreeMap<&str, String>) -> String {
    if let Some(reference) = field.get("$ref").and_then(Value::as_str) {
        let title = titles.get(reference).map_or("", String::as_str);
        return format!("[{title}](#{})", anchor(title));
    }
    let of = |key: &str| field.get(key).map(|inner| kind(inner, titles)).unwrap_or_default();
    match field.get("type").and_then(Value::as_str).unwrap_or_default() {
        "array" => format!("list of {}", of("items")),
        "object" => format!("map of {}", of("additionalProperties")),
        "string" => "text".to_owned(),
        "integer" => "number".to_owned(),
        "boolean" => "true or false".to_owned(),
        other => other.to_owned(),
    }
}

/// As GitHub makes anchors of headings.
fn anchor(title: &str) -> String {
    let kept = title.chars().filter(|c| c.is_alphanumeric() || " _-".contains(*c));
    kept.map(|c| if c == ' ' { '-' } else { c.to_ascii_lowercase() }).collect()
}

fn text(schema: &Value) -> String {
    schema.get("description").and_then(Value::as_str).unwrap_or_default().replace('\n', " ")
}

/// The whole manual of policies.
pub fn policy(schema: &Value) -> String {
    let (begin, end) = POLICY;
    format!("{begin}\n## Fields\n\n{}{end}", sections(schema))
}
