//! The tape as an instance of a JSON Schema: what the validator asks of a value, answered in place.
//!
//! Every answer is paid for. A schema is a small program that a server wrote and a caller feeds, and
//! what it costs cannot be told from the schema alone: a recursive reference may meet one value many
//! times. So each look at the tape takes from a [`Fuel`]; once that is spent, every value looks like
//! `null` and every iteration ends, so the validator runs out of work at once. What it concludes then
//! means nothing, and whoever holds the fuel refuses.
use crate::kernel::json::{Kind, Value, write_string};
use jsonschema::JsonType;
use jsonschema::json::{Array, Json, JsonNumber, Node, NodeIdentity, Object};
use std::borrow::Cow;
use std::cell::Cell;
use std::collections::HashSet;
use std::ops::ControlFlow;

/// What looking costs, in looks.
#[derive(Clone, Copy, Debug, Default)]
pub struct Prices {
    /// Of one visit of a member or an element: more where many steps follow that touch nothing.
    pub visit: u64,
    /// Patterns that a name is held against.
    pub names: u64,
    /// Of one byte of text that is held against a pattern, from a budget of its own.
    pub byte: u64,
    /// Of the report of one error, which is kept until the end.
    pub report: u64,
}

/// What may still be looked at.
pub struct Fuel {
    left: Cell<u64>,
    text: Cell<u64>,
    prices: Prices,
}

impl Fuel {
    /// `looks`, and `text` for what is held against patterns.
    pub fn new(looks: u64, text: u64, prices: Prices) -> Self {
        Self { left: Cell::new(looks), text: Cell::new(text), prices }
    }

    /// Whether it ran out, so that no conclusion holds.
    pub fn spent(&self) -> bool {
        self.left.get() == 0
    }

    /// Pays; false once there is nothing left.
    pub fn pay(&self, price: u64) -> bool {
        let left = self.left.get().saturating_sub(price);
        self.left.set(left);
        left > 0
    }

    /// Pays for text that is copied, counted or compared, some hundred bytes of which are worth one look.
    fn read(&self, bytes: usize) -> bool {
        self.pay(1 + bytes as u64 / 64)
    }

    /// Pays for text that may be held against so many patterns, each byte of which may take many steps.
    fn match_text(&self, bytes: usize, patterns: u64) -> bool {
        let price = (bytes as u64).saturating_mul(self.prices.byte).saturating_mul(patterns);
        let left = self.text.get().saturating_sub(price);
        self.text.set(left);
        if left == 0 {
            self.left.set(0);
        }
        self.read(bytes)
    }

    /// Pays for a member or an element; and for its name, if it has one.
    fn visit(&self, name: usize) -> bool {
        (self.prices.names == 0 || self.match_text(name + 8, self.prices.names)) && self.pay(self.prices.visit)
    }
}

/// The representation.
pub struct Tape;

/// A value, and what pays for looking at it.
#[derive(Clone, Copy)]
pub enum Spot<'a> {
    /// On the tape.
    Value(Value<'a>, &'a Fuel),
    /// A name that is on no tape.
    Text(&'a str),
}

impl<'a> Spot<'a> {
    /// The value, if there is fuel to look at it.
    fn look(self) -> Option<(Value<'a>, &'a Fuel)> {
        match self {
            Self::Value(value, fuel) if fuel.pay(1) => Some((value, fuel)),
            _ => None,
        }
    }

    /// The text, for what is no pattern.
    fn text(self) -> Option<Cow<'a, str>> {
        if let Self::Text(text) = self {
            return Some(Cow::Borrowed(text));
        }
        let (value, fuel) = self.look()?;
        if !matches!(value.kind(), Kind::String { .. }) || !fuel.read(value.raw().len()) {
            return None;
        }
        value.as_str()
    }
}

impl Json for Tape {
    type Node<'a> = Spot<'a>;
    type PreparedKey = String;
    type StringBuffer = ();

    // A lookup passes over the members itself, so one pass for all of them is never dearer.
    const KEYS_PER_LOOKUP: usize = 1 << 16;
    const ACYCLIC: bool = true;

    fn prepare_key(key: &str) -> String {
        key.to_owned()
    }

    fn with_string_node<T>((): &mut (), string: &str, f: impl FnOnce(Spot<'_>) -> T) -> T {
        f(Spot::Text(string))
    }
}

impl<'a> Node<'a, Tape> for Spot<'a> {
    type Object = Members<'a>;
    type Array = Elements<'a>;
    type Number = Number<'a>;

    fn as_object(&self) -> Option<Members<'a>> {
        let (value, fuel) = self.look()?;
        value.is_object().then_some(Members(value, fuel))
    }

    fn as_array(&self) -> Option<Elements<'a>> {
        let (value, fuel) = self.look()?;
        value.is_array().then_some(Elements(value, fuel))
    }

    fn as_string(&self) -> Option<Cow<'a, str>> {
        if let Self::Text(text) = self {
            return Some(Cow::Borrowed(text));
        }
        let (value, fuel) = self.look()?;
        // Whoever asks for the text may be a pattern.
        if !matches!(value.kind(), Kind::String { .. }) || !fuel.match_text(value.raw().len(), 1) {
            return None;
        }
        value.as_str()
    }

    fn as_number(&self) -> Option<Number<'a>> {
        let (value, fuel) = self.look()?;
        if value.kind() != Kind::Number || !fuel.read(value.raw().len()) {
            return None;
        }
        std::str::from_utf8(value.raw()).ok().map(Number)
    }

    fn as_boolean(&self) -> Option<bool> {
        match self.look()?.0.kind() {
            Kind::Bool(truth) => Some(truth),
            _ => None,
        }
    }

    fn is_null(&self) -> bool {
        self.json_type() == JsonType::Null
    }

    fn is_number(&self) -> bool {
        self.json_type() == JsonType::Number
    }

    fn json_type(&self) -> JsonType {
        if let Self::Text(_) = self {
            return JsonType::String;
        }
        match self.look().map(|(value, _)| value.kind()) {
            None | Some(Kind::Null) => JsonType::Null,
            Some(Kind::Bool(_)) => JsonType::Boolean,
            Some(Kind::Number) => JsonType::Number,
            Some(Kind::String { .. }) => JsonType::String,
            Some(Kind::Array) => JsonType::Array,
            Some(Kind::Object) => JsonType::Object,
        }
    }

    fn string_length(&self) -> Option<u64> {
        self.text().map(|text| code_points(&text))
    }

    fn string_length_within(&self, min: u64, max: u64) -> Option<bool> {
        let text = self.text()?;
        // A code point takes one to four bytes; most lengths need no counting.
        let most = text.len() as u64;
        let least = most.div_ceil(4);
        if most < min || least > max {
            return Some(false);
        }
        Some((min <= least && most <= max) || (min..=max).contains(&code_points(&text)))
    }

    fn equals_value(&self, expected: &serde_json::Value) -> bool {
        match self {
            Self::Text(text) => expected.as_str() == Some(text),
            Self::Value(value, fuel) => equal(*value, expected, fuel),
        }
    }

    // Asked for only when an error is reported, which must not carry the value.
    fn to_value(&self) -> Cow<'a, serde_json::Value> {
        if let Self::Value(_, fuel) = self {
            fuel.pay(fuel.prices.report);
        }
        Cow::Owned(serde_json::Value::Null)
    }

    fn identity(&self) -> Option<NodeIdentity> {
        Some(match self {
            Self::Value(value, _) => {
                let (document, index) = value.place();
                NodeIdentity::tagged(document, index)
            }
            // No tape is that long.
            Self::Text(text) => NodeIdentity::tagged(text.as_ptr().addr(), u32::MAX),
        })
    }
}

/// The members of an object.
#[derive(Clone, Copy)]
pub struct Members<'a>(Value<'a>, &'a Fuel);

impl<'a> Object<'a, Tape> for Members<'a> {
    type Node = Spot<'a>;
    type MemberName = Cow<'a, str>;
    type MembersIter = Box<dyn Iterator<Item = (Cow<'a, str>, Spot<'a>)> + 'a>;

    fn len(&self) -> usize {
        let length = self.0.entries().count();
        self.1.pay(1 + length as u64 / 8);
        length
    }

    fn is_empty(&self) -> bool {
        self.0.entries().next().is_none()
    }

    fn get(&self, key: &String) -> Option<Spot<'a>> {
        let mut passed = 0;
        let found = self.0.entries().inspect(|_| passed += 1).find(|(name, _)| name.is(key));
        let paid = self.1.pay(1 + passed / 8 + if found.is_some() { self.1.prices.visit } else { 0 });
        let (_, value) = found?;
        paid.then_some(Spot::Value(value, self.1))
    }

    fn members(&self) -> Self::MembersIter {
        let fuel = self.1;
        let entries = self.0.entries().take_while(move |(key, _)| fuel.visit(key.value().raw().len()));
        Box::new(entries.map(move |(key, value)| (key.text(), Spot::Value(value, fuel))))
    }

    fn try_for_each_name_node<B>(&self, (): &mut (), mut f: impl FnMut(Spot<'_>) -> ControlFlow<B>) -> ControlFlow<B> {
        let fuel = self.1;
        self.0
            .entries()
            .take_while(|_| fuel.pay(fuel.prices.visit))
            .try_for_each(|(key, _)| f(Spot::Value(key.value(), fuel)))
    }
}

/// The elements of an array.
#[derive(Clone, Copy)]
pub struct Elements<'a>(Value<'a>, &'a Fuel);

impl<'a> Array<'a, Tape> for Elements<'a> {
    type Node = Spot<'a>;
    type ElementsIter = Box<dyn Iterator<Item = Spot<'a>> + 'a>;

    fn len(&self) -> usize {
        let length = self.0.elements().count();
        self.1.pay(1 + length as u64 / 8);
        length
    }

    fn elements(&self) -> Self::ElementsIter {
        let fuel = self.1;
        let elements = self.0.elements().take_while(move |_| fuel.pay(fuel.prices.visit));
        Box::new(elements.map(move |value| Spot::Value(value, fuel)))
    }

    fn is_unique(&self) -> bool {
        // One spelling for all that is equal, so that a set tells: no pair is compared with another.
        if !self.1.pay(4 * self.0.weight() as u64 + self.0.raw().len() as u64 / 16) {
            return true;
        }
        let mut seen = HashSet::new();
        self.0.elements().all(|element| {
            let mut spelling = Vec::new();
            spell(element, &mut spelling);
            seen.insert(spelling)
        })
    }
}

/// A number as it is spelled.
#[derive(Clone, Copy)]
pub struct Number<'a>(&'a str);

impl JsonNumber for Number<'_> {
    fn as_u64(&self) -> Option<u64> {
        self.0.parse().ok()
    }

    fn as_i64(&self) -> Option<i64> {
        self.0.parse().ok()
    }

    // What is past `f64` is told from its sign by whoever compares.
    fn as_f64(&self) -> Option<f64> {
        self.0.parse().ok().filter(|number: &f64| number.is_finite())
    }

    fn as_str(&self) -> Cow<'_, str> {
        Cow::Borrowed(self.0)
    }

    // For errors, which must not carry the value.
    fn to_number(&self) -> Cow<'_, serde_json::Number> {
        Cow::Owned(serde_json::Number::from(0))
    }

    fn is_integer(&self) -> bool {
        self.0.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-') || Decimal::read(self.0).exponent >= 0
    }

    fn is_written_as_integer(&self) -> bool {
        !self.0.contains(['.', 'e', 'E'])
    }
}

/// A number without its spelling: `0.digits × 10^exponent` has one form for `1`, `1.0` and `10e-1`.
#[derive(PartialEq, Eq)]
struct Decimal {
    negative: bool,
    /// No zero leads or trails; none at all for zero.
    digits: String,
    /// Of the last digit.
    exponent: i64,
}

impl Decimal {
    /// Reads what the grammar of JSON allows (RFC 8259, section 6).
    fn read(text: &str) -> Self {
        let (negative, text) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
        let (mantissa, written) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        // An exponent past 64 bits is as good as the largest one.
        let past = if written.starts_with('-') { i64::MIN / 2 } else { i64::MAX / 2 };
        let exponent = written.parse::<i64>().unwrap_or(past).clamp(i64::MIN / 2, i64::MAX / 2);
        let all = format!("{whole}{fraction}");
        let trimmed = all.trim_end_matches('0');
        let exponent = exponent - fraction.len() as i64 + (all.len() - trimmed.len()) as i64;
        let digits = trimmed.trim_start_matches('0');
        if digits.is_empty() {
            return Self { negative: false, digits: String::new(), exponent: 0 };
        }
        Self { negative, digits: digits.to_owned(), exponent }
    }
}

fn code_points(text: &str) -> u64 {
    // Every byte that continues none begins one; without a branch, so that it is done many at a time.
    text.as_bytes().iter().filter(|byte| **byte & 0xC0 != 0x80).count() as u64
}

/// JSON Schema equality (2020-12 core, section 4.2.2) with a value of the schema.
fn equal(value: Value<'_>, expected: &serde_json::Value, fuel: &Fuel) -> bool {
    use serde_json::Value as Json;
    if !fuel.pay(1) {
        return false;
    }
    match (value.kind(), expected) {
        (Kind::Null, Json::Null) => true,
        (Kind::Bool(truth), Json::Bool(other)) => truth == *other,
        (Kind::String { .. }, Json::String(text)) => {
            fuel.read(value.raw().len()) && value.as_str().is_some_and(|own| own == text.as_str())
        }
        (Kind::Number, Json::Number(number)) => {
            if !fuel.read(value.raw().len()) {
                return false;
            }
            let own = std::str::from_utf8(value.raw()).unwrap_or_default();
            // What the schema has in a double has lost its digits, so doubles are compared there.
            match number.as_f64() {
                Some(double) if number.is_f64() => own.parse() == Ok(double),
                _ => Decimal::read(own) == Decimal::read(&number.to_string()),
            }
        }
        (Kind::Array, Json::Array(items)) => {
            value.elements().count() == items.len()
                && value.elements().zip(items).all(|(own, other)| equal(own, other, fuel))
        }
        (Kind::Object, Json::Object(members)) => {
            let mut count = 0;
            value.entries().all(|(key, own)| {
                count += 1;
                members.get(key.text().as_ref()).is_some_and(|other| equal(own, other, fuel))
            }) && count == members.len()
        }
        _ => false,
    }
}

/// One spelling for each value, whatever way it was written.
fn spell(value: Value<'_>, out: &mut Vec<u8>) {
    match value.kind() {
        Kind::Number => {
            let number = Decimal::read(std::str::from_utf8(value.raw()).unwrap_or_default());
            let sign = if number.negative { "-" } else { "" };
            out.extend_from_slice(format!("{sign}{}e{}", number.digits, number.exponent).as_bytes());
        }
        Kind::String { .. } => write_string(&value.as_str().unwrap_or_default(), out),
        Kind::Array => {
            out.push(b'[');
            for element in value.elements() {
                spell(element, out);
                out.push(b',');
            }
            out.push(b']');
        }
        Kind::Object => {
            let mut entries: Vec<_> = value.entries().map(|(key, value)| (key.text(), value)).collect();
            entries.sort_by(|a, b| a.0.cmp(&b.0));
            out.push(b'{');
            for (key, value) in entries {
                write_string(&key, out);
                out.push(b':');
                spell(value, out);
                out.push(b',');
            }
            out.push(b'}');
        }
        Kind::Null | Kind::Bool(_) => out.extend_from_slice(value.raw()),
    }
}
