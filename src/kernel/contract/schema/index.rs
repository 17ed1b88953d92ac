//! What a schema declares and how far it unfolds, as a graph of its subschemas.
//!
//! The validator says whether a value fits. It does not say which properties are declared, nor what a
//! schema can cost. Both are told from the same graph: the subschemas that apply to one value in place,
//! and those that apply to its members and elements. References are resolved by the very code that the
//! validator uses, so the two cannot come to read one differently.
use super::Unusable;
use super::tape::{Spot, Tape};
use jsonschema::{Draft, Registry, Uri, Validator};
use serde_json::{Map, Value as Json, json};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// Longest schema, in bytes of its plainest text.
const BYTES_MAX: usize = 256 << 10;
/// Deepest nesting of a schema.
const DEPTH_MAX: usize = 32;
/// Most values and keys of a schema.
const NODES_MAX: usize = 20_000;
/// Most patterns of a schema.
const PATTERNS_MAX: usize = 256;
/// Most schemas that one value meets in place, counted as often as they are met.
const WIDTH_MAX: u64 = 10_000;
/// Longest chain of schemas that one value meets in place: times the deepest value it is what the stack
/// of the validator has to hold.
const CHAIN_MAX: u32 = 24;

/// Checks the bounds that need no understanding of the schema.
pub fn measure(schema: &Json) -> Result<(), Unusable> {
    let unusable = |what: String| Err(Unusable(what));
    let (mut nodes, mut bytes) = (0usize, 0usize);
    let mut open = vec![(schema, 0usize)];
    // A list and not recursion: the depth is what is checked.
    while let Some((value, depth)) = open.pop() {
        nodes += 1;
        bytes += 8;
        match value {
            Json::Object(members) => {
                nodes += members.len();
                bytes += members.keys().map(|key| key.len() + 4).sum::<usize>();
                open.extend(members.values().map(|value| (value, depth + 1)));
            }
            Json::Array(items) => open.extend(items.iter().map(|value| (value, depth + 1))),
            Json::String(text) => bytes += text.len(),
            Json::Null | Json::Bool(_) | Json::Number(_) => {}
        }
        if depth > DEPTH_MAX {
            return unusable(format!("nested deeper than {DEPTH_MAX} levels"));
        }
        if nodes > NODES_MAX {
            return unusable(format!("more than {NODES_MAX} values and keys"));
        }
        if bytes > BYTES_MAX + 8 * NODES_MAX {
            return unusable(format!("longer than {BYTES_MAX} bytes"));
        }
    }
    // Only now is it known to be small enough to be written.
    let text = schema.to_string();
    if text.len() > BYTES_MAX { unusable(format!("longer than {BYTES_MAX} bytes")) } else { Ok(()) }
}

/// The draft of a schema: what `$schema` says, 2020-12 if it says nothing.
pub fn draft(schema: &Json) -> Result<Draft, Unusable> {
    match schema.get("$schema") {
        None => Ok(Draft::Draft202012),
        Some(Json::String(uri)) => declared(uri).ok_or_else(|| foreign(uri)),
        Some(_) => Err(Unusable("`$schema` is not text".to_owned())),
    }
}

fn declared(uri: &str) -> Option<Draft> {
    let uri = uri.strip_suffix('#').unwrap_or(uri);
    match uri.strip_prefix("https://").or_else(|| uri.strip_prefix("http://"))? {
        "json-schema.org/draft/2020-12/schema" => Some(Draft::Draft202012),
        "json-schema.org/draft-07/schema" => Some(Draft::Draft7),
        _ => None,
    }
}

fn foreign(uri: &str) -> Unusable {
    Unusable(super::cut(&format!("`$schema` is {uri}; only 2020-12 and draft-07 are understood")))
}

/// What is said about properties that are not named.
#[derive(Clone, Copy, Debug)]
pub enum Additional {
    /// Nothing.
    Unsaid,
    /// They are not allowed.
    Closed,
    /// They are allowed, whatever they are.
    Free,
    /// They are allowed, as this schema says.
    Schema(u32),
}

/// One subschema: what it says about a value in place, and where it leads.
pub struct Place {
    /// Schemas of the same value that declare something.
    same: Vec<u32>,
    /// Schemas of the same value that only ask: `not`, `if` is above.
    asked: Vec<u32>,
    composed: bool,
    properties: HashMap<String, u32>,
    patterned: Vec<(Validator<Tape>, u32)>,
    /// What is said about other properties.
    pub additional: Additional,
    prefix: Vec<u32>,
    items: Option<u32>,
    /// `type`, if it is said.
    pub types: Option<Vec<&'static str>>,
}

impl Place {
    fn new() -> Self {
        Self {
            same: Vec::new(),
            asked: Vec::new(),
            composed: false,
            properties: HashMap::new(),
            patterned: Vec::new(),
            additional: Additional::Unsaid,
            prefix: Vec::new(),
            items: None,
            types: None,
        }
    }

    /// How many patterns a name is held against.
    pub fn patterns(&self) -> usize {
        self.patterned.len()
    }

    /// The schemas of the property of this name.
    pub fn property(&self, name: &str, spot: Spot<'_>, out: &mut Vec<u32>) {
        out.extend(self.properties.get(name));
        out.extend(self.patterned.iter().filter(|(pattern, _)| pattern.is_valid(spot)).map(|(_, schema)| *schema));
    }

    /// The schema of the element at this position.
    pub fn element(&self, position: usize) -> Option<u32> {
        self.prefix.get(position).copied().or(self.items)
    }

    fn declares(&self) -> bool {
        !self.properties.is_empty() || !self.patterned.is_empty() || !matches!(self.additional, Additional::Unsaid)
    }

    fn declares_elements(&self) -> bool {
        self.items.is_some() || !self.prefix.is_empty()
    }
}

/// The subschemas of a schema that can be reached.
pub struct Index {
    places: Vec<Place>,
    /// How many schemas one value meets in place, at most.
    pub widest: u64,
    /// How many patterns a name can be held against.
    pub names: u64,
    /// How many characters the longest pattern can stand at, its repetitions written out.
    pub positions: u64,
}

impl Index {
    /// The schema itself.
    pub const ROOT: u32 = 0;

    /// The names of all properties that it declares anywhere.
    pub fn properties(&self) -> impl Iterator<Item = &str> {
        self.places.iter().flat_map(|place| place.properties.keys()).map(String::as_str)
    }

    /// Builds the graph of a schema that [`measure`] has found small.
    ///
    /// Schemas that apply to one value in place, through references and composition, may be 10,000 counted
    /// as often as they are met, 24 in a chain, and not in a circle: without the first a schema of thirty
    /// lines takes a billion steps, and the last has no meaning (2020-12 core, section 9.4.1).
    ///
    /// # Errors
    /// [`Unusable`] past those bounds, for references that lead out of the schema, a foreign `$schema`
    /// within it, and patterns that cannot be compiled.
    pub fn build(schema: &Json, draft: Draft) -> Result<Self, Unusable> {
        let base = schema.get("$id").and_then(Json::as_str).unwrap_or_default();
        let base = if base.is_empty() || base.starts_with('#') { "json-schema:///" } else { base };
        let unresolved = |error: jsonschema::ReferencingError| Unusable(super::cut(&error.to_string()));
        let root = jsonschema::uri::from_str("json-schema:///").map_err(unresolved)?;
        let base = jsonschema::uri::resolve_against(&root.borrow(), base).map_err(unresolved)?;
        let registry = Registry::new()
            .retriever(super::Nowhere)
            .draft(draft)
            .add(base.as_str().trim_end_matches('#'), draft.create_resource_ref(schema))
            .and_then(|registry| registry.prepare())
            .map_err(unresolved)?;
        let mut own = HashSet::new();
        let mut anchors: HashMap<&str, Vec<(&Json, Base)>> = HashMap::new();
        let base = Arc::new(base);
        let mut open = vec![(schema, Arc::clone(&base))];
        while let Some((value, mut base)) = open.pop() {
            own.insert(std::ptr::from_ref(value).addr());
            if let Some(Json::String(_)) = value.get("$id") {
                let resolver = registry.resolver(Uri::clone(&base));
                let resolver = resolver.in_subresource(draft.create_resource_ref(value)).map_err(unresolved)?;
                base = resolver.base_uri();
            }
            if let Some(Json::String(anchor)) = value.get("$dynamicAnchor") {
                anchors.entry(anchor).or_default().push((value, Arc::clone(&base)));
            }
            match value {
                Json::Object(members) => open.extend(members.values().map(|value| (value, Arc::clone(&base)))),
                Json::Array(items) => open.extend(items.iter().map(|value| (value, Arc::clone(&base)))),
                _ => {}
            }
        }
        let mut builder = Builder {
            registry: &registry,
            draft,
            own,
            anchors,
            known: HashMap::new(),
            open: Vec::new(),
            places: Vec::new(),
            patterns: HashSet::new(),
        };
        builder.place(schema, &base)?;
        while let Some((at, value, base)) = builder.open.pop() {
            let place = builder.read(value, &base)?;
            if let Some(slot) = builder.places.get_mut(at as usize) {
                *slot = place;
            }
        }
        let names = builder.places.iter().map(|place| place.patterned.len() as u64).sum();
        let positions = builder.patterns.iter().map(|pattern| positions(pattern)).max().unwrap_or(0);
        let mut index = Self { places: builder.places, widest: 0, names, positions };
        let mut measured = vec![Measure::New; index.places.len()];
        for at in 0..index.places.len() as u32 {
            index.widest = index.widest.max(index.unfold(at, 1, &mut measured)?.0);
        }
        Ok(index)
    }

    /// How many subschemas there are.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether there are none, which never is.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// The subschema of this number.
    pub fn get(&self, at: u32) -> Option<&Place> {
        self.places.get(at as usize)
    }

    /// These and all that apply with them in place and declare something.
    pub fn closure(&self, places: &[u32]) -> Vec<u32> {
        // Nearly always a few, for which a set would cost more than it saves.
        const FEW: usize = 16;
        let (mut all, mut seen) = (Vec::with_capacity(places.len()), HashSet::new());
        let mut add = |all: &mut Vec<u32>, more: &[u32]| {
            for place in more {
                if all.len() < FEW {
                    if !all.contains(place) {
                        all.push(*place);
                    }
                    continue;
                }
                if seen.is_empty() {
                    seen.extend(all.iter().copied());
                }
                if seen.insert(*place) {
                    all.push(*place);
                }
            }
        };
        add(&mut all, places);
        let mut at = 0;
        while let Some(place) = all.get(at).and_then(|place| self.get(*place)) {
            add(&mut all, &place.same);
            at += 1;
        }
        all
    }

    /// Whether these say nothing about the members of an object, so that it is free-form.
    ///
    /// What is composed has to say that it is about objects: `anyOf` of two `required` leaves nothing open.
    pub fn is_free(&self, places: &[u32]) -> bool {
        let places = || places.iter().filter_map(|place| self.get(*place));
        let object = |place: &Place| place.types.as_ref().is_some_and(|types| types.contains(&"object"));
        if places().any(|place| place.declares() || place.declares_elements()) {
            return false;
        }
        if places().any(|place| place.composed) {
            return places().any(|place| object(place) && !place.composed);
        }
        places().all(|place| place.types.is_none() || object(place))
    }

    /// How many schemas one value meets from this one on, and the longest chain of them.
    fn unfold(&self, at: u32, depth: u32, measured: &mut [Measure]) -> Result<(u64, u32), Unusable> {
        match measured.get(at as usize) {
            Some(Measure::Open) => {
                return Err(Unusable("refers to itself without descending into the value".to_owned()));
            }
            Some(Measure::Done(width, chain)) => return Ok((*width, *chain)),
            _ => {}
        }
        // What the recursion is bounded by.
        if depth > CHAIN_MAX {
            return Err(chained());
        }
        let mut set = |measure| {
            if let Some(slot) = measured.get_mut(at as usize) {
                *slot = measure;
            }
        };
        set(Measure::Open);
        let (mut width, mut chain) = (1u64, 0u32);
        if let Some(place) = self.get(at) {
            for next in place.same.iter().chain(&place.asked) {
                let (wide, long) = self.unfold(*next, depth + 1, measured)?;
                width = width.saturating_add(wide);
                chain = chain.max(long);
            }
        }
        if width > WIDTH_MAX {
            return Err(Unusable(format!("one value meets more than {WIDTH_MAX} schemas at once")));
        }
        if chain + 1 > CHAIN_MAX {
            return Err(chained());
        }
        if let Some(slot) = measured.get_mut(at as usize) {
            *slot = Measure::Done(width, chain + 1);
        }
        Ok((width, chain + 1))
    }
}

fn chained() -> Unusable {
    Unusable(format!("more than {CHAIN_MAX} references and compositions in a chain"))
}

#[derive(Clone, Copy)]
enum Measure {
    New,
    Open,
    Done(u64, u32),
}

/// What references are relative to.
type Base = Arc<Uri<String>>;

struct Builder<'r> {
    registry: &'r Registry<'r>,
    draft: Draft,
    /// Addresses of all values of the schema, to tell what lies within it.
    own: HashSet<usize>,
    anchors: HashMap<&'r str, Vec<(&'r Json, Base)>>,
    known: HashMap<usize, u32>,
    open: Vec<(u32, &'r Json, Base)>,
    places: Vec<Place>,
    patterns: HashSet<String>,
}

impl<'r> Builder<'r> {
    fn place(&mut self, value: &'r Json, base: &Base) -> Result<u32, Unusable> {
        let address = std::ptr::from_ref(value).addr();
        if let Some(known) = self.known.get(&address) {
            return Ok(*known);
        }
        let number = self.places.len() as u32;
        self.known.insert(address, number);
        self.places.push(Place::new());
        let resolver = self.registry.resolver(Uri::clone(base));
        let resolver = resolver
            .in_subresource(self.draft.create_resource_ref(value))
            .map_err(|error| Unusable(super::cut(&error.to_string())))?;
        self.open.push((number, value, resolver.base_uri()));
        Ok(number)
    }

    fn reference(&mut self, reference: &str, base: &Base) -> Result<(u32, &'r Json), Unusable> {
        let resolved = self.registry.resolver(Uri::clone(base)).lookup(reference);
        let resolved = resolved.map_err(|error| Unusable(super::cut(&format!("$ref {reference}: {error}"))))?;
        let (contents, resolver, _) = resolved.into_inner();
        if !self.own.contains(&std::ptr::from_ref(contents).addr()) {
            return Err(Unusable(super::cut(&format!("$ref {reference} leads out of the schema"))));
        }
        Ok((self.place(contents, &resolver.base_uri())?, contents))
    }

    fn pattern(&mut self, pattern: &str) -> Result<(), Unusable> {
        self.patterns.insert(pattern.to_owned());
        if self.patterns.len() > PATTERNS_MAX {
            return Err(Unusable(format!("more than {PATTERNS_MAX} patterns")));
        }
        Ok(())
    }

    fn read(&mut self, value: &'r Json, base: &Base) -> Result<Place, Unusable> {
        let mut place = Place::new();
        let Json::Object(schema) = value else {
            return Ok(place);
        };
        if let Some(Json::String(uri)) = schema.get("$schema")
            && declared(uri) != Some(self.draft)
        {
            return Err(foreign(uri));
        }
        let modern = self.draft == Draft::Draft202012;
        if let Some(Json::String(reference)) = schema.get("$ref") {
            place.same.push(self.reference(reference, base)?.0);
            if !modern {
                // In draft-07 everything beside a reference is ignored (core, section 8.3).
                return Ok(place);
            }
        }
        if modern && let Some(Json::String(reference)) = schema.get("$dynamicRef") {
            let (target, contents) = self.reference(reference, base)?;
            place.same.push(target);
            // Which of its name it is depends on how one came here, so all of them count.
            if let Some(Json::String(anchor)) = contents.get("$dynamicAnchor") {
                for (other, base) in self.anchors.get(anchor.as_str()).cloned().unwrap_or_default() {
                    let other = self.place(other, &base)?;
                    if other != target {
                        place.same.push(other);
                    }
                }
            }
        }
        for keyword in ["allOf", "anyOf", "oneOf"] {
            for part in schema.get(keyword).and_then(Json::as_array).into_iter().flatten() {
                place.composed = true;
                place.same.push(self.place(part, base)?);
            }
        }
        for keyword in ["if", "then", "else"] {
            if let Some(part) = schema.get(keyword) {
                place.composed = true;
                place.same.push(self.place(part, base)?);
            }
        }
        if let Some(part) = schema.get("not") {
            place.asked.push(self.place(part, base)?);
        }
        let dependent = if modern { "dependentSchemas" } else { "dependencies" };
        for (_, part) in members(schema, dependent).filter(|(_, part)| !part.is_array()) {
            place.composed = true;
            place.same.push(self.place(part, base)?);
        }
        self.read_members(schema, base, &mut place)?;
        self.read_elements(schema, base, modern, &mut place)?;
        if let Some(Json::String(pattern)) = schema.get("pattern") {
            self.pattern(pattern)?;
        }
        place.types = match schema.get("type") {
            Some(Json::String(name)) => Some(type_name(name).into_iter().collect()),
            Some(Json::Array(names)) => Some(names.iter().filter_map(Json::as_str).filter_map(type_name).collect()),
            _ => None,
        };
        Ok(place)
    }

    fn read_members(&mut self, schema: &'r Map<String, Json>, base: &Base, place: &mut Place) -> Result<(), Unusable> {
        for (name, part) in members(schema, "properties") {
            let part = self.place(part, base)?;
            place.properties.insert(name.clone(), part);
        }
        for (pattern, part) in members(schema, "patternProperties") {
            self.pattern(pattern)?;
            // The validator's own reading of a pattern, asked about a name.
            let matcher = super::validator(&json!({ "pattern": pattern }), self.draft)?;
            place.patterned.push((matcher, self.place(part, base)?));
        }
        for keyword in ["unevaluatedProperties", "additionalProperties"] {
            match schema.get(keyword) {
                None => {}
                Some(Json::Bool(false)) => place.additional = Additional::Closed,
                Some(Json::Bool(true)) => place.additional = Additional::Free,
                Some(Json::Object(empty)) if empty.is_empty() => place.additional = Additional::Free,
                Some(part) => place.additional = Additional::Schema(self.place(part, base)?),
            }
        }
        // About names, so it is met by no value of its own; but it has to be measured.
        if let Some(part) = schema.get("propertyNames") {
            self.place(part, base)?;
        }
        Ok(())
    }

    fn read_elements(
        &mut self,
        schema: &'r Map<String, Json>,
        base: &Base,
        modern: bool,
        place: &mut Place,
    ) -> Result<(), Unusable> {
        let (prefix, rest): (&str, &[&str]) =
            if modern { ("prefixItems", &["unevaluatedItems", "items"]) } else { ("items", &["additionalItems"]) };
        for part in schema.get(prefix).and_then(Json::as_array).into_iter().flatten() {
            let part = self.place(part, base)?;
            place.prefix.push(part);
        }
        for keyword in rest {
            if let Some(part) = schema.get(*keyword) {
                place.items = Some(self.place(part, base)?);
            }
        }
        if let Some(part) = schema.get("items").filter(|part| !part.is_array()) {
            place.items = Some(self.place(part, base)?);
        }
        if let Some(part) = schema.get("contains") {
            self.place(part, base)?;
        }
        Ok(())
    }
}

fn members<'r>(schema: &'r Map<String, Json>, keyword: &str) -> impl Iterator<Item = (&'r String, &'r Json)> {
    schema.get(keyword).and_then(Json::as_object).into_iter().flatten()
}

fn type_name(name: &str) -> Option<&'static str> {
    ["null", "boolean", "integer", "number", "string", "array", "object"].into_iter().find(|known| *known == name)
}

/// How many characters a pattern can stand at, its repetitions written out: what one byte of text costs, at
/// worst, is proportional to it. Never too few for what the engine compiles; what it does not is refused anyway.
fn positions(pattern: &str) -> u64 {
    let mut groups = vec![0u64];
    // The size of what a repetition would repeat.
    let mut last = 0u64;
    let mut rest = pattern.chars();
    let add = |groups: &mut Vec<u64>, size: u64| {
        if let Some(group) = groups.last_mut() {
            *group = group.saturating_add(size);
        }
    };
    while let Some(character) = rest.next() {
        match character {
            '(' => {
                groups.push(0);
                last = 0;
                continue;
            }
            ')' => {
                last = if groups.len() > 1 { groups.pop().unwrap_or(0) } else { 0 };
                add(&mut groups, last);
                continue;
            }
            '*' | '+' | '?' => continue,
            '|' | '^' | '$' => {
                last = 0;
                continue;
            }
            '{' => {
                // The engine skips spaces here, so they are skipped here too.
                // What is longer than any sensible count is one that is not sensible.
                let count: String = rest.clone().take(48).take_while(|next| *next != '}').collect();
                if count.len() == 48 && count.bytes().all(|byte| byte.is_ascii_digit() || b" ,".contains(&byte)) {
                    return u64::MAX;
                }
                let after = rest.clone().skip(count.chars().count());
                let closed = after.clone().next() == Some('}');
                let count = if closed { count.as_str() } else { "" };
                let (least, most) =
                    count.split_once(',').map_or((count.trim(), None), |(a, b)| (a.trim(), Some(b.trim())));
                let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
                if digits(least) && digits(most.unwrap_or("")) && !(least.is_empty() && most.is_none_or(str::is_empty))
                {
                    let number = |part: &str| part.parse().unwrap_or(if part.is_empty() { 0 } else { u64::MAX });
                    let least = number(least);
                    let times = most.map_or(least, |most| number(most).max(least.saturating_add(1)));
                    // What is repeated is there once; repeated zero times it is still read.
                    add(&mut groups, last.saturating_mul(times.saturating_sub(1)));
                    last = last.saturating_mul(times.max(1));
                    // The count and its brace.
                    for _ in 0..=count.chars().count() {
                        rest.next();
                    }
                    continue;
                }
            }
            '\\' => drop(rest.next()),
            '[' => {
                while let Some(next) = rest.next() {
                    match next {
                        '\\' => drop(rest.next()),
                        ']' => break,
                        _ => {}
                    }
                }
            }
            _ => {}
        }
        last = 1;
        add(&mut groups, 1);
    }
    groups.into_iter().fold(0, u64::saturating_add)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_positions_of_a_pattern_are_counted_with_their_repetitions() {
        for (pattern, size) in [
            ("^[a-z]+$", 1),
            ("^[ab]*a[ab]{100}c$", 103),
            ("((a{1,10}){1,10}){10}", 1_000),
            ("\\{5}|\\d{3}", 6),
            ("(a|bc){2,}", 9),
            ("(ab){0}[]\\]]{ 2 , 4 }x{,y}", 2 + 6 + 5),
            ("a{99999999999999999999999}{9}", u64::MAX),
        ] {
            let counted = positions(pattern);
            assert_eq!(counted, size, "{pattern}");
        }
    }
}
