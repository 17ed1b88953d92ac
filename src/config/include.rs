//! `include`: fragments become part of the policy before it is typed, each part keeping the place where it
//! was written. There is no template engine: names must not collide, lists are added to.
use super::Problem;
use super::load::{Document, Files, is_within};
use crate::kernel::policy::compile::pointer;
use crate::kernel::policy::flaw::Check;
use crate::kernel::policy::source::FragmentSource;
use serde_json::{Map, Value};
use std::path::{Component, Path};

/// Most fragments of one policy, counted as often as they are included.
const FRAGMENTS_MAX: usize = 64;
const MAPS: &[&str] = &["claims", "scopes", "roles", "defaults", "tools", "resources", "prompts", "data_types"];
const LISTS: &[&str] = &["deny", "limits", "redact"];

struct Reader<'a> {
    directory: &'a Path,
    base: &'a Path,
    files: &'a mut Files,
    problems: &'a mut Vec<Problem>,
    read: usize,
}

/// A policy with everything it includes, or nothing if a fragment cannot be read.
pub(super) fn included(
    policy: Document,
    directory: &Path,
    base: &Path,
    files: &mut Files,
    problems: &mut Vec<Problem>,
) -> Option<Document> {
    let mut reader = Reader { directory, base, files, problems, read: 0 };
    let names = includes(&policy);
    let mut whole = policy;
    let mut complete = true;
    for (at, name) in names {
        let within = vec![whole.file.clone()];
        complete &= reader.include(&mut whole, None, &at, &name, &within);
    }
    complete.then_some(whole)
}

/// The names under `include`; what is no list of texts is left for the schema to refuse.
fn includes(document: &Document) -> Vec<(String, String)> {
    let list = document.value.get("include").and_then(Value::as_array);
    let named = list.into_iter().flatten().enumerate();
    named.filter_map(|(index, name)| Some((format!("/include/{index}"), name.as_str()?.to_owned()))).collect()
}

impl Reader<'_> {
    /// Adds one fragment and what it includes. `from` is the fragment that says so, if it is not the policy.
    fn include(
        &mut self,
        whole: &mut Document,
        from: Option<&Document>,
        at: &str,
        name: &str,
        within: &[String],
    ) -> bool {
        let tell = from.unwrap_or(whole);
        let path = Path::new(name);
        let plain = path.components().all(|part| matches!(part, Component::Normal(_)));
        let fragment = name.contains(".fragment.") || path.components().count() > 1;
        if !plain || !fragment || !(name.ends_with(".yaml") || name.ends_with(".yml")) {
            let hint = "NAME.fragment.yaml, or a file in a subdirectory of the directory of policies";
            let problem = tell.problem(Check::IncludeOutside, at, format!("`{name}` cannot be included"), hint);
            self.problems.push(problem);
            return false;
        }
        let path = self.directory.join(path);
        let shown = path.strip_prefix(self.base).unwrap_or(&path).display().to_string();
        self.read += 1;
        if within.contains(&shown) {
            let message = format!("`{name}` includes itself: {} → {shown}", within.join(" → "));
            self.problems.push(tell.problem(Check::IncludeCycle, at, message, "remove one of these includes"));
            return false;
        }
        if self.read > FRAGMENTS_MAX {
            // Told once: the rest would say the same.
            if self.read == FRAGMENTS_MAX + 1 {
                let message = format!("more than {FRAGMENTS_MAX} fragments");
                self.problems.push(tell.problem(
                    Check::IncludeCycle,
                    at,
                    message,
                    "put parts that go together into one",
                ));
            }
            return false;
        }
        if let Err(why) = self.files.text(&path) {
            let message = format!("`{name}` cannot be read: {why}");
            let hint = "check the path, from the directory of policies";
            self.problems.push(tell.problem(Check::FileUnreadable, at, message, hint));
            return false;
        }
        if !is_within(&path, self.directory) {
            let message = format!("`{name}` is a link that leads out of the directory of policies");
            let hint = "keep fragments below the directory of policies";
            self.problems.push(tell.problem(Check::IncludeOutside, at, message, hint));
            return false;
        }
        let Some(part) = Document::read(&path, &shown, self.files, self.problems) else {
            return false;
        };
        let before = self.problems.len();
        let _: Option<FragmentSource> = part.typed(self.problems);
        let mut within = within.to_vec();
        within.push(shown);
        for (at, name) in includes(&part) {
            self.include(whole, Some(&part), &at, &name, &within);
        }
        self.merge(whole, &part);
        self.problems.len() == before
    }

    fn merge(&mut self, whole: &mut Document, part: &Document) {
        let Value::Object(sections) = &part.value else { return };
        let Value::Object(mut value) = std::mem::take(&mut whole.value) else { return };
        for (section, content) in sections {
            match content {
                Value::Object(entries) if MAPS.contains(&section.as_str()) => {
                    let Value::Object(own) = value.entry(section.as_str()).or_insert_with(|| Value::Object(Map::new()))
                    else {
                        continue;
                    };
                    for (key, entry) in entries {
                        let at = format!("/{section}{}", pointer(key));
                        if own.contains_key(key) {
                            let other = whole.place(&at);
                            let twice = other.file == part.file;
                            let message = if twice {
                                format!("`{key}` is already there: this file is included twice")
                            } else {
                                format!("`{key}` is also defined in {}:{}", other.file, other.line)
                            };
                            let hint =
                                if twice { "include each fragment once" } else { "define each name in one place" };
                            self.problems.push(part.problem(Check::IncludeCollision, &at, message, hint));
                            continue;
                        }
                        own.insert(key.clone(), entry.clone());
                        moved(whole, part, &at, &at);
                    }
                }
                Value::Array(items) if LISTS.contains(&section.as_str()) => {
                    let Value::Array(own) = value.entry(section.as_str()).or_insert_with(|| Value::Array(Vec::new()))
                    else {
                        continue;
                    };
                    for (index, item) in items.iter().enumerate() {
                        moved(whole, part, &format!("/{section}/{index}"), &format!("/{section}/{}", own.len()));
                        own.push(item.clone());
                    }
                }
                _ => {}
            }
        }
        whole.value = Value::Object(value);
    }
}

/// Copies the places of everything at and below a pointer.
fn moved(whole: &mut Document, part: &Document, from: &str, to: &str) {
    let below = part.places.range(from.to_owned()..).take_while(|(at, _)| at.starts_with(from));
    for (at, place) in below {
        if let Some(rest) = at.strip_prefix(from).filter(|rest| rest.is_empty() || rest.starts_with('/')) {
            whole.places.insert(format!("{to}{rest}"), place.clone());
            if let Some(text) = part.texts.get(at) {
                whole.texts.insert(format!("{to}{rest}"), text.clone());
            }
        }
    }
}
