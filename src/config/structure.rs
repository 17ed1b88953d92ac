//! The JSON Schema of a file, made from its types, and what it says of a file in words for people.
//!
//! A value that is left empty (`when:`) is null, and null is nowhere allowed: a condition that somebody
//! began to write is not none at all.
use super::Problem;
use super::load::Document;
use crate::kernel::policy::compile::pointer;
use crate::kernel::policy::flaw::{Check, choice};
use jsonschema::ValidationError;
use jsonschema::error::ValidationErrorKind;
use schemars::JsonSchema;
use serde_json::Value;

/// The schema of a type, for checks and for editors.
pub fn schema_of<T: JsonSchema>() -> Value {
    let mut schema = schemars::schema_for!(T).to_value();
    without_null(&mut schema);
    schema
}

/// Takes null out of types and alternatives, below as well.
fn without_null(schema: &mut Value) {
    let is_null = |value: &Value| value.get("type").is_some_and(|of| of == "null");
    if let Value::Object(map) = schema {
        if let Some(Value::Array(types)) = map.get_mut("type") {
            types.retain(|of| of != "null");
            if let [one] = types.as_slice() {
                let one = one.clone();
                map.insert("type".to_owned(), one);
            }
        }
        if let Some(Value::Array(forms)) = map.get_mut("anyOf") {
            forms.retain(|form| !is_null(form));
            // One form left is no choice.
            if let [Value::Object(one)] = forms.as_slice() {
                let one = one.clone();
                map.remove("anyOf");
                map.extend(one);
            }
        }
        if map.get("default").is_some_and(Value::is_null) {
            map.remove("default");
        }
    }
    match schema {
        Value::Object(map) => map.values_mut().for_each(without_null),
        Value::Array(items) => items.iter_mut().for_each(without_null),
        _ => {}
    }
}

/// What a violation means: one problem, or one for each field.
pub(super) fn problems(document: &Document, schema: &Value, error: &ValidationError<'_>) -> Vec<Problem> {
    let path = error.instance_path().to_string();
    let place = error.schema_path().to_string();
    let around = place.rsplit_once('/').map_or("", |(around, _)| around);
    let rule = at(schema, around);
    let properties = rule.and_then(|rule| rule.get("properties"));
    let describe = |rule: Option<&Value>| rule.and_then(|rule| meaning(schema, rule)).unwrap_or_default();
    match error.kind() {
        ValidationErrorKind::AdditionalProperties { unexpected } => {
            let known: Vec<&str> =
                properties.and_then(Value::as_object).into_iter().flatten().map(|(key, _)| key.as_str()).collect();
            let one = |key: &String| {
                let at = format!("{path}{}", pointer(key));
                let hint = choice(key, "there are", known.iter().copied());
                document.problem(Check::FieldUnknown, &at, format!("unknown field `{key}`"), hint)
            };
            unexpected.iter().map(one).collect()
        }
        ValidationErrorKind::Required { property } => {
            let name = property.as_str().unwrap_or_default();
            let hint = describe(properties.and_then(|properties| properties.get(name)));
            vec![document.problem(Check::FieldMissing, &path, format!("`{name}` is missing"), hint)]
        }
        // Of several forms that a value may have, the one that was meant tells what is wrong with it.
        ValidationErrorKind::AnyOf { context } => match meant(context, &path) {
            Some(errors) => errors.iter().flat_map(|error| problems(document, schema, error)).collect(),
            None => {
                let message = "none of the forms that may stand here";
                vec![document.problem(Check::TypeWrong, &path, message, describe(rule))]
            }
        },
        ValidationErrorKind::OneOfNotValid { .. } | ValidationErrorKind::Enum { .. } => {
            let words: Vec<&str> = rule.map(words).unwrap_or_default();
            let written = error.instance().as_str().unwrap_or_default();
            let hint = choice(written, "there are", words.into_iter());
            vec![document.problem(Check::TypeWrong, &path, format!("{} is none of the choices", shown(error)), hint)]
        }
        ValidationErrorKind::Type { .. } => {
            let wanted = rule.and_then(|rule| rule.get("type")).and_then(Value::as_str).unwrap_or("something else");
            let message = format!("{} where {} is needed", shown(error), kind(wanted));
            vec![document.problem(Check::TypeWrong, &path, message, describe(rule))]
        }
        ValidationErrorKind::MinItems { .. } => {
            let hint = "name at least one, or leave the field out";
            vec![document.problem(Check::TypeWrong, &path, "an empty list", hint)]
        }
        _ => vec![document.problem(Check::TypeWrong, &path, error.masked().to_string(), describe(rule))],
    }
}

/// The only alternative whose type fits the value at `path`.
fn meant<'a>(alternatives: &'a [Vec<ValidationError<'static>>], path: &str) -> Option<&'a [ValidationError<'static>]> {
    let mut fitting = alternatives.iter().filter(|errors| !errors.iter().any(|error| is_other(error, path)));
    fitting.next().filter(|_| fitting.next().is_none()).map(Vec::as_slice)
}

/// Whether an error says that the value at `path` is of another type altogether.
fn is_other(error: &ValidationError<'_>, path: &str) -> bool {
    let here = error.instance_path().as_str() == path;
    match error.kind() {
        ValidationErrorKind::Type { .. } => here,
        ValidationErrorKind::OneOfNotValid { context } | ValidationErrorKind::AnyOf { context } => {
            here && context.iter().all(|errors| errors.iter().any(|error| is_other(error, path)))
        }
        _ => false,
    }
}

/// The part of the schema at a place that was reached through references.
fn at<'a>(schema: &'a Value, place: &str) -> Option<&'a Value> {
    let mut here = schema;
    for part in place.split('/').skip(1) {
        let part = part.replace("~1", "/").replace("~0", "~");
        here = match (part.as_str(), here.get("$ref")) {
            ("$ref", Some(_)) => resolved(schema, here)?,
            _ => match here {
                Value::Array(items) => items.get(part.parse::<usize>().ok()?)?,
                _ => here.get(&part)?,
            },
        };
    }
    Some(here)
}

fn resolved<'a>(schema: &'a Value, here: &'a Value) -> Option<&'a Value> {
    match here.get("$ref").and_then(Value::as_str) {
        Some(reference) => schema.pointer(reference.strip_prefix('#')?),
        None => Some(here),
    }
}

/// The first sentence of what a field is.
fn meaning(schema: &Value, rule: &Value) -> Option<String> {
    let own = rule.get("description").or_else(|| resolved(schema, rule)?.get("description"))?;
    let text = own.as_str()?.replace('\n', " ");
    let end = text.find(". ").map_or(text.len(), |at| at + 1);
    text.get(..end).map(str::to_owned)
}

/// The words of a choice.
fn words(rule: &Value) -> Vec<&str> {
    let forms = rule.get("oneOf").and_then(Value::as_array).into_iter().flatten();
    std::iter::once(rule)
        .chain(forms)
        .flat_map(|form| {
            let many = form.get("enum").and_then(Value::as_array).into_iter().flatten();
            form.get("const").into_iter().chain(many)
        })
        .filter_map(Value::as_str)
        .collect()
}

/// The value, if it is short and no secret can be in it; else its kind.
fn shown(error: &ValidationError<'_>) -> String {
    match error.instance().as_ref() {
        Value::Null => "nothing".to_owned(),
        Value::Bool(flag) => format!("`{flag}`"),
        Value::Number(number) => format!("the number {number}"),
        Value::String(text) if text.chars().count() <= 40 => format!("`{text}`"),
        Value::String(_) => "this text".to_owned(),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "a map".to_owned(),
    }
}

fn kind(name: &str) -> &str {
    match name {
        "string" => "a text",
        "boolean" => "true or false",
        "integer" => "a whole number",
        "number" => "a number",
        "array" => "a list",
        "object" => "a map",
        other => other,
    }
}
