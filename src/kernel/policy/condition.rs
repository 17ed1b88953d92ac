//! `when`: a CEL condition, checked when it is loaded, bounded when it runs.
//!
//! Loading refuses what can be seen to be wrong: unknown names, unknown fields of what we provide,
//! functions outside the list, comparisons that can never hold, a result that is not a boolean,
//! loops in loops. Whatever still fails at run time is an error, and an error never allows.
//!
//! A condition is kept as its `&&`-terms. Terms that do not read `args` are also judged for listings,
//! where there are no arguments yet; the others may still hold, so they do not hide a tool.
use super::flaw::{Check, choice};
use super::source::ClaimType;
use crate::kernel::contract::schema::{Known, Schema};
use crate::kernel::facts::Facts;
use crate::kernel::json;
use crate::kernel::principal::Principal;
use cel::common::ast::{EntryExpr, Expr, LiteralValue, SourceInfo};
use cel::parser::Expression;
use cel::{Context, Program, Value};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

const SOURCE_BYTES_MAX: usize = 4096;
const NODES_MAX: usize = 256;
const SHORTER: &str = "decide by fewer cases, or in several rules";
/// Deepest brackets and choices. The parser is recursive and not ours, and a stack that overflows takes the
/// process with it, so what is deep must not get there.
const DEPTH_MAX: usize = 32;
/// Stack of the thread that parses: within the bounds above, several times what the parser has been seen to use.
const STACK_BYTES: usize = 64 << 20;
/// Arguments with more values than this are not looped over: the condition fails instead.
const ARGUMENT_NODES_MAX: usize = 20_000;

/// What is known of claims: types by dotted path. `None`: nothing, any claim may be there.
pub type Claims<'a> = Option<&'a BTreeMap<String, ClaimType>>;

/// Something wrong with an expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Which check.
    pub check: Check,
    /// Where in the source, in bytes.
    pub offset: usize,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub hint: String,
}

/// Problems of an expression.
pub type Problems = Vec<Problem>;

/// A condition that has been checked.
#[derive(Debug)]
pub struct Condition {
    text: String,
    terms: Vec<Term>,
    needs: Needs,
}

#[derive(Debug)]
struct Term {
    text: String,
    expression: Expression,
    needs: Needs,
    /// Where it begins in the source, in bytes.
    offset: usize,
}

/// An expression that gives a text or a number, to count by.
#[derive(Debug)]
pub struct KeyExpression {
    text: String,
    expression: Expression,
    needs: Needs,
}

#[derive(Debug, Default, Clone, Copy)]
struct Needs {
    args: bool,
    principal: bool,
    time: bool,
    /// Any variable at all: without one, the value is known at load.
    variable: bool,
}

/// A condition could not be evaluated. It carries nothing: errors quote values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failed;

/// Is told the text of a term and whether it held; `None` if that depends on arguments that are not there.
pub type Tell<'a> = dyn FnMut(&str, Option<Result<bool, Failed>>) + 'a;

/// What a condition is evaluated over.
pub struct Scope<'a> {
    /// The caller.
    pub principal: &'a Principal,
    /// Call arguments; `None` for a listing.
    pub args: Option<json::Value<'a>>,
    /// Tool, prompt or resource name.
    pub name: &'a str,
    /// Effect, for tools.
    pub effect: &'a str,
    /// Observations.
    pub facts: &'a Facts,
}

impl Condition {
    /// Parses and checks. Returns every problem found.
    pub fn compile(source: &str, claims: Claims<'_>) -> Result<Self, Problems> {
        let (expression, mut checker, result) = checked(source, claims)?;
        if !matches!(result, Type::Bool | Type::Any) {
            let message = format!("the result is {}, not true or false", result.name());
            checker.problem(Check::ConditionTypes, message, "compare it with something, as in args.n == 1");
        }
        if !checker.problems.is_empty() {
            return Err(checker.problems);
        }
        let mut parts = Vec::new();
        split(&expression, &mut parts);
        let texts = split_text(source);
        let mut terms = Vec::new();
        for (index, part) in parts.iter().enumerate() {
            let mut alone = Checker { claims, ..Checker::default() };
            alone.check(part, &mut Vec::new(), false);
            let first = checker.program.as_ref().and_then(|program| first_byte(part, program.source_info()));
            // The texts are for people. Where they cannot be told apart, each term shows the whole.
            let text = if texts.len() == parts.len() { texts.get(index).copied() } else { None };
            terms.push(Term {
                text: text.unwrap_or(source).trim().to_owned(),
                expression: (*part).clone(),
                needs: alone.needs,
                offset: first.unwrap_or(0),
            });
        }
        let condition = Self { text: source.trim().to_owned(), terms, needs: checker.needs };
        match condition.never() {
            Some((offset, term)) => {
                let (check, message) = (Check::ConditionNever, format!("`{term}` can never hold"));
                Err(vec![Problem { check, offset, message, hint: "remove the rule, or mend the condition".to_owned() }])
            }
            None => Ok(condition),
        }
    }

    /// What is wrong with it for a tool whose arguments have this schema. It has no problem by itself, so all that is
    /// found is about the schema.
    pub fn against(&self, schema: &Schema, claims: Claims<'_>) -> Problems {
        let mut problems = Problems::new();
        for term in &self.terms {
            let mut checker = Checker { claims, arguments: Some(schema), ..Checker::default() };
            let result = checker.check(&term.expression, &mut Vec::new(), false);
            if !matches!(result, Type::Bool | Type::Any) {
                let message = format!("the result is {}, not true or false", result.name());
                checker.problem(Check::ConditionTypes, message, "compare it with something, as in args.n == 1");
            }
            problems.extend(checker.problems.into_iter().map(|problem| Problem { offset: term.offset, ..problem }));
        }
        problems
    }

    /// As it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether any of it depends on the arguments of a call.
    pub fn reads_args(&self) -> bool {
        self.needs.args
    }

    /// A term that always holds, whoever calls: where it begins, and its text.
    pub fn always(&self) -> Option<(usize, &str)> {
        let term = self.terms.iter().find(|term| term.constant() == Some(true))?;
        Some((term.offset, term.text.as_str()))
    }

    /// A term that can never hold: false by itself, or against another.
    fn never(&self) -> Option<(usize, String)> {
        if let Some(term) = self.terms.iter().find(|term| term.constant() == Some(false)) {
            return Some((term.offset, term.text.clone()));
        }
        let mut equal: BTreeMap<&str, &Term> = BTreeMap::new();
        for term in &self.terms {
            let Some((left, right)) = term.equates() else { continue };
            match equal.get(left) {
                Some(other) if other.equates().is_some_and(|(_, value)| value != right) => {
                    return Some((other.offset, format!("{} && {}", other.text, term.text)));
                }
                _ => drop(equal.insert(left, term)),
            }
        }
        None
    }

    /// Whether it holds. For a listing (`args: None`), whether it may hold for some arguments.
    pub fn holds(&self, scope: &Scope<'_>) -> Result<bool, Failed> {
        self.holds_telling(scope, &mut |_, _| {})
    }

    /// The same, telling of each term it looks at: its text, and whether it held; `None` if that depends on
    /// arguments that are not there yet.
    pub fn holds_telling(&self, scope: &Scope<'_>, tell: &mut Tell<'_>) -> Result<bool, Failed> {
        let context = context(self.needs, scope)?;
        for term in &self.terms {
            if term.needs.args && scope.args.is_none() {
                tell(&term.text, None);
                continue;
            }
            let value = match evaluate(&term.expression, &context) {
                Ok(Value::Bool(value)) => Ok(value),
                _ => Err(Failed),
            };
            tell(&term.text, Some(value));
            if value != Ok(true) {
                return value;
            }
        }
        Ok(true)
    }
}

impl Term {
    /// Its value, if no variable is needed to know it.
    fn constant(&self) -> Option<bool> {
        if self.needs.variable {
            return None;
        }
        match evaluate(&self.expression, &Context::default()) {
            Ok(Value::Bool(value)) => Some(value),
            _ => None,
        }
    }

    /// Something, and the literal it must equal.
    fn equates(&self) -> Option<(&str, &str)> {
        let Expr::Call(call) = &self.expression.expr else { return None };
        let [left, right] = call.args.as_slice() else { return None };
        let (before, after) = self.text.split_once("==")?;
        let literal = |e: &Expression| matches!(e.expr, Expr::Literal(_));
        match (call.func_name == "_==_", literal(left), literal(right)) {
            (true, false, true) => Some((before.trim(), after.trim())),
            (true, true, false) => Some((after.trim(), before.trim())),
            _ => None,
        }
    }
}

impl KeyExpression {
    /// Parses and checks. Returns every problem found.
    pub fn compile(source: &str, claims: Claims<'_>) -> Result<Self, Problems> {
        let (expression, mut checker, result) = checked(source, claims)?;
        if !matches!(result, Type::Text | Type::Number | Type::Any) {
            let message = format!("the result is {}, not a text or a number", result.name());
            checker.problem(Check::ConditionTypes, message, "as in args.tenant");
        }
        if !checker.problems.is_empty() {
            return Err(checker.problems);
        }
        Ok(Self { text: source.trim().to_owned(), expression, needs: checker.needs })
    }

    /// As it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Its value as text.
    pub fn value(&self, scope: &Scope<'_>) -> Result<String, Failed> {
        match evaluate(&self.expression, &context(self.needs, scope)?)? {
            Value::String(text) => Ok(text.to_string()),
            Value::Int(number) => Ok(number.to_string()),
            Value::UInt(number) => Ok(number.to_string()),
            _ => Err(Failed),
        }
    }
}

fn checked<'a>(source: &str, claims: Claims<'a>) -> Result<(Expression, Checker<'a>, Type), Problems> {
    // What leaves the thread has few nodes, so that nothing after it goes deep. A panic of the parser ends there.
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(STACK_BYTES);
        let parsing = thread.spawn_scoped(scope, || parsed(source, claims)).ok();
        parsing.and_then(|parsing| parsing.join().ok()).unwrap_or_else(|| Err(vec![malformed(source, 0)]))
    })
}

fn parsed<'a>(source: &str, claims: Claims<'a>) -> Result<(Expression, Checker<'a>, Type), Problems> {
    if source.len() > SOURCE_BYTES_MAX {
        let (check, message) = (Check::ConditionCost, format!("longer than {SOURCE_BYTES_MAX} bytes"));
        return Err(vec![Problem { check, offset: 0, message, hint: SHORTER.to_owned() }]);
    }
    if let Some(offset) = too_deep(source) {
        let message = format!("deeper than {DEPTH_MAX} brackets, or more than {NODES_MAX} nodes");
        return Err(vec![Problem { check: Check::ConditionCost, offset, message, hint: SHORTER.to_owned() }]);
    }
    let program = Program::compile(source).map_err(|errors| {
        // One slip confuses the parser many times over; where it began is what helps.
        let first = errors.errors.iter().min_by_key(|error| error.pos);
        vec![first.map_or_else(|| malformed(source, 0), |error| malformed(source, offset_of(source, error.pos)))]
    })?;
    let program = Arc::new(program);
    let mut checker = Checker { claims, program: Some(program.clone()), ..Checker::default() };
    let result = checker.check(program.expression(), &mut Vec::new(), false);
    if checker.nodes > NODES_MAX {
        let (check, message) = (Check::ConditionCost, format!("more than {NODES_MAX} nodes"));
        return Err(vec![Problem { check, offset: 0, message, hint: SHORTER.to_owned() }]);
    }
    Ok((program.expression().clone(), checker, result))
}

/// Where a source becomes deeper, or has more words and signs, than any that is accepted. Those in texts count
/// too: telling where a text ends is the parser's work.
fn too_deep(source: &str) -> Option<usize> {
    let (mut depth, mut tokens, mut within) = (0usize, 0usize, false);
    for (at, character) in source.char_indices() {
        match character {
            // `?` is never closed: `a ? b : c ? d : e` goes deeper with each.
            '(' | '[' | '{' | '?' => depth += 1,
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        let word = character.is_alphanumeric() || character == '_';
        // A node is seldom more than a word and three signs.
        tokens += usize::from(if word { !within } else { !character.is_whitespace() });
        within = word;
        if depth > DEPTH_MAX || tokens > 4 * NODES_MAX {
            return Some(at);
        }
    }
    None
}

/// What to say of a place that the parser did not understand; its own words are about its grammar.
fn malformed(source: &str, offset: usize) -> Problem {
    let rest = source.get(offset..).unwrap_or_default();
    let word = |c: char| c.is_alphanumeric() || c == '_';
    let end = match rest.chars().next() {
        Some(first) if word(first) => rest.find(|c| !word(c)).unwrap_or(rest.len()),
        first => first.map_or(0, char::len_utf8),
    };
    let found = rest.get(..end).unwrap_or_default();
    let hint = match found {
        "and" | "or" | "not" | "AND" | "OR" | "NOT" => "write && for and, || for or, ! for not",
        "=" => "write == to compare",
        "&" | "|" => "write && for and, || for or",
        "'" | "\"" => "close the text with the quote that opened it; write \\' for a quote in it",
        _ => "as in args.region == principal.claims.region && args.kind in ['a', 'b']",
    };
    let message = match found {
        "" if source.trim().is_empty() => "the condition is empty".to_owned(),
        "" => "the condition ends too early".to_owned(),
        found => format!("`{found}` is not expected here"),
    };
    Problem { check: Check::ConditionMalformed, offset, message, hint: hint.to_owned() }
}

/// Line and column from 1, as the parser tells them, as bytes from the beginning.
fn offset_of(source: &str, (line, column): (isize, isize)) -> usize {
    let before = usize::try_from(line - 1).unwrap_or(0);
    let lines: usize = source.split_inclusive('\n').take(before).map(str::len).sum();
    (lines + usize::try_from(column - 1).unwrap_or(0)).min(source.len())
}

/// Where the text of an expression begins, in bytes.
fn first_byte(expression: &Expression, places: &SourceInfo) -> Option<usize> {
    let own = places.offset_for(expression.id).and_then(|(start, _)| usize::try_from(start).ok());
    let parts: Vec<&Expression> = match &expression.expr {
        Expr::Select(select) => vec![&select.operand],
        Expr::Call(call) => call.target.as_deref().into_iter().chain(&call.args).collect(),
        Expr::Comprehension(inner) => vec![&inner.iter_range],
        _ => Vec::new(),
    };
    parts.into_iter().filter_map(|part| first_byte(part, places)).chain(own).min()
}

fn context(needs: Needs, scope: &Scope<'_>) -> Result<Context<'static, 'static>, Failed> {
    let mut context = Context::default();
    if needs.principal {
        context.add_variable_from_value("principal", principal_value(scope.principal));
    }
    if needs.args {
        let args = match scope.args {
            Some(args) if args.weight() > ARGUMENT_NODES_MAX => return Err(Failed),
            Some(args) => from_json(args),
            None => map([]),
        };
        context.add_variable_from_value("args", args);
    }
    if needs.time {
        let now = i64::try_from(scope.facts.now).map_err(|_| Failed)?;
        let now = chrono::DateTime::from_timestamp(now, 0).ok_or(Failed)?;
        context.add_variable_from_value("time", Value::Timestamp(now.fixed_offset()));
    }
    context.add_variable_from_value("tool", map([("name", text(scope.name)), ("effect", text(scope.effect))]));
    context.add_variable_from_value("client", map([("id", scope.principal.client().map_or(Value::Null, text))]));
    Ok(context)
}

/// The evaluator is a third party's: a panic in it is an error like any other, and denies.
fn evaluate(expression: &Expression, context: &Context<'_, '_>) -> Result<Value, Failed> {
    let run = std::panic::AssertUnwindSafe(|| Value::resolve(expression, context));
    std::panic::catch_unwind(run).map_err(|_| Failed)?.map_err(|_| Failed)
}

fn split<'a>(expression: &'a Expression, terms: &mut Vec<&'a Expression>) {
    match &expression.expr {
        Expr::Call(call) if call.func_name == "_&&_" => call.args.iter().for_each(|term| split(term, terms)),
        _ => terms.push(expression),
    }
}

/// The text between outermost `&&`; one piece where that is not plainly to be seen.
fn split_text(source: &str) -> Vec<&str> {
    let (mut pieces, mut depth, mut quote, mut from, mut before) = (Vec::new(), 0i32, None, 0, ' ');
    for (at, character) in source.char_indices() {
        match (quote, character) {
            (Some(_), '\\') => return vec![source],
            (Some(open), close) if open == close => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '"') => quote = Some(character),
            (None, '(' | '[' | '{') => depth += 1,
            (None, ')' | ']' | '}') => depth -= 1,
            (None, '|' | '?') if depth == 0 => return vec![source],
            (None, '&') if depth == 0 && before == '&' => {
                pieces.push(source.get(from..at - 1).unwrap_or_default());
                from = at + 1;
            }
            (None, _) => {}
        }
        before = character;
    }
    pieces.push(source.get(from..).unwrap_or_default());
    pieces
}

fn text(value: &str) -> Value {
    Value::String(Arc::new(value.to_owned()))
}

fn map<const N: usize>(entries: [(&str, Value); N]) -> Value {
    Value::from(entries.into_iter().map(|(k, v)| (k.to_owned(), v)).collect::<HashMap<String, Value>>())
}

fn principal_value(principal: &Principal) -> Value {
    let scopes: Vec<Value> = principal.scopes().iter().map(|s| text(s)).collect();
    map([
        ("issuer", text(principal.issuer())),
        ("subject", text(principal.subject())),
        ("client_id", principal.client().map_or(Value::Null, text)),
        ("scopes", Value::List(Arc::new(scopes))),
        ("claims", from_serde(principal.claims())),
    ])
}

fn from_json(value: json::Value<'_>) -> Value {
    match value.kind() {
        json::Kind::Null => Value::Null,
        json::Kind::Bool(flag) => Value::Bool(flag),
        json::Kind::Number => match value.as_i64() {
            Some(integer) => Value::Int(integer),
            None => value.as_f64().map_or(Value::Null, Value::Float),
        },
        json::Kind::String { .. } => text(&value.as_str().unwrap_or_default()),
        json::Kind::Array => Value::List(Arc::new(value.elements().map(from_json).collect())),
        json::Kind::Object => {
            Value::from(value.entries().map(|(k, v)| (k.text().into_owned(), from_json(v))).collect::<HashMap<_, _>>())
        }
    }
}

fn from_serde(value: &serde_json::Value) -> Value {
    match value {
        serde_json::Value::Null => Value::Null,
        serde_json::Value::Bool(flag) => Value::Bool(*flag),
        serde_json::Value::Number(number) => match number.as_i64() {
            Some(integer) => Value::Int(integer),
            None => number.as_f64().map_or(Value::Null, Value::Float),
        },
        serde_json::Value::String(string) => text(string),
        serde_json::Value::Array(items) => Value::List(Arc::new(items.iter().map(from_serde).collect())),
        serde_json::Value::Object(entries) => {
            Value::from(entries.iter().map(|(k, v)| (k.clone(), from_serde(v))).collect::<HashMap<_, _>>())
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Type {
    Bool,
    Number,
    Text,
    List,
    Map,
    Time,
    Null,
    Any,
}

impl Type {
    fn of(claim: ClaimType) -> Self {
        match claim {
            ClaimType::String => Self::Text,
            ClaimType::Number => Self::Number,
            ClaimType::Boolean => Self::Bool,
            ClaimType::List => Self::List,
            ClaimType::Map => Self::Map,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Bool => "a boolean",
            Self::Number => "a number",
            Self::Text => "a string",
            Self::List => "a list",
            Self::Map => "a map",
            Self::Time => "a time or duration",
            Self::Null => "null",
            Self::Any => "anything",
        }
    }
}

#[derive(Default)]
struct Checker<'a> {
    problems: Problems,
    needs: Needs,
    nodes: usize,
    claims: Claims<'a>,
    /// The published schema of the arguments, once there is a contract.
    arguments: Option<&'a Schema>,
    /// Knows where each expression was written.
    program: Option<Arc<Program>>,
    /// Where the expression being looked at was written, in bytes.
    here: usize,
}

impl Checker<'_> {
    fn problem(&mut self, check: Check, message: impl Into<String>, hint: impl Into<String>) {
        self.problems.push(Problem { check, offset: self.here, message: message.into(), hint: hint.into() });
    }

    /// Type of the claim that `expression` selects, if it selects one and claims are known.
    fn claim(&mut self, expression: &Expression) -> Option<Type> {
        let claims = self.claims?;
        let path = claim_path(expression)?;
        let below = |known: &str, path: &str| known.strip_prefix(path).is_some_and(|rest| rest.starts_with('.'));
        if let Some(known) = claims.get(&path) {
            return Some(Type::of(*known));
        }
        if claims.keys().any(|known| below(known, &path)) {
            return Some(Type::Map);
        }
        if claims.iter().any(|(known, kind)| *kind == ClaimType::Map && below(&path, known)) {
            return Some(Type::Any);
        }
        let hint = choice(&path, "`claims` lists", claims.keys().map(String::as_str));
        self.problem(Check::ClaimUnknown, format!("`claims` lists no `{path}`"), hint);
        Some(Type::Any)
    }

    /// Type of the argument that `expression` selects, if it selects one and the schema is known.
    fn argument(&mut self, expression: &Expression, locals: &[String]) -> Option<Type> {
        let schema = self.arguments?;
        let path = argument_path(expression)?;
        if locals.iter().any(|local| local == "args") {
            return None;
        }
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        Some(match schema.has(&path) {
            Known::Declared(Some("string")) => Type::Text,
            Known::Declared(Some("number" | "integer")) => Type::Number,
            Known::Declared(Some("boolean")) => Type::Bool,
            Known::Declared(Some("array")) => Type::List,
            Known::Declared(Some("object")) => Type::Map,
            Known::Declared(Some("null")) => Type::Null,
            Known::Declared(_) | Known::Free => Type::Any,
            Known::Unknown => {
                let message = format!("the published schema has no argument `{}`", path.join("."));
                self.problem(Check::ArgumentUnknown, message, "use an argument that the contract has");
                Type::Any
            }
        })
    }

    fn check(&mut self, expression: &Expression, locals: &mut Vec<String>, looping: bool) -> Type {
        self.nodes += 1;
        let place = self.program.as_ref().and_then(|program| program.source_info().offset_for(expression.id));
        let place = place.and_then(|(start, _)| usize::try_from(start).ok());
        // Of `a.b` the parser tells where the dot is; what is wrong is what comes after it.
        let place = place.map(|at| at + usize::from(matches!(expression.expr, Expr::Select(_))));
        let outer = self.here;
        self.here = place.unwrap_or(outer);
        let found = self.kind(expression, locals, looping);
        self.here = outer;
        found
    }

    fn kind(&mut self, expression: &Expression, locals: &mut Vec<String>, looping: bool) -> Type {
        match &expression.expr {
            Expr::Literal(literal) => match literal {
                LiteralValue::Boolean(_) => Type::Bool,
                LiteralValue::Int(_) | LiteralValue::UInt(_) | LiteralValue::Double(_) => Type::Number,
                LiteralValue::String(_) => Type::Text,
                LiteralValue::Null => Type::Null,
                LiteralValue::Bytes(_) => Type::Any,
            },
            Expr::Ident(name) => self.variable(name, locals),
            Expr::Select(select) => {
                let of = self.check(&select.operand, locals, looping);
                if let Some(found) = self.claim(expression).or_else(|| self.argument(expression, locals)) {
                    return if select.test { Type::Bool } else { found };
                }
                let known = match &select.operand.expr {
                    Expr::Ident(root) if !locals.contains(root) => field_type(root, &select.field),
                    _ => None,
                };
                match known {
                    Some(Ok(_)) if select.test => Type::Bool,
                    Some(Ok(found)) => found,
                    Some(Err(fields)) => {
                        let hint = choice(&select.field, "there are", fields.split(", "));
                        self.problem(Check::ConditionUnknownName, format!("no field `{}` here", select.field), hint);
                        Type::Any
                    }
                    None if !matches!(of, Type::Map | Type::Any) => {
                        let message = format!("`.{}` of {}", select.field, of.name());
                        self.problem(Check::ConditionTypes, message, "only maps have fields");
                        Type::Any
                    }
                    None if select.test => Type::Bool,
                    None => Type::Any,
                }
            }
            Expr::List(list) => {
                for element in &list.elements {
                    self.check(element, locals, looping);
                }
                Type::List
            }
            Expr::Map(entries) => {
                for entry in &entries.entries {
                    if let EntryExpr::MapEntry(entry) = &entry.expr {
                        self.check(&entry.key, locals, looping);
                        self.check(&entry.value, locals, looping);
                    }
                }
                Type::Map
            }
            Expr::Comprehension(inner) => {
                if looping {
                    let hint = "look for one value with `in` instead of a second loop";
                    self.problem(Check::ConditionCost, "a loop inside a loop; its cost has no bound", hint);
                }
                self.check(&inner.iter_range, locals, looping);
                let depth = locals.len();
                locals.push(inner.iter_var.clone());
                locals.extend(inner.iter_var2.clone());
                locals.push(inner.accu_var.clone());
                for part in [&inner.accu_init, &inner.loop_cond, &inner.loop_step] {
                    self.check(part, locals, true);
                }
                let result = self.check(&inner.result, locals, true);
                locals.truncate(depth);
                result
            }
            Expr::Call(call) => {
                let target = call.target.as_ref().map(|target| self.check(target, locals, looping));
                let arguments: Vec<Type> = call.args.iter().map(|arg| self.check(arg, locals, looping)).collect();
                self.call(call, target, &arguments)
            }
            Expr::Struct(_) | Expr::Unspecified => {
                let hint = "use texts, numbers, lists and maps";
                self.problem(Check::ConditionUnknownName, "this kind of expression is not available", hint);
                Type::Any
            }
        }
    }

    fn variable(&mut self, name: &str, locals: &[String]) -> Type {
        if locals.iter().any(|local| local == name) {
            return Type::Any;
        }
        self.needs.variable = true;
        match name {
            "args" => {
                self.needs.args = true;
                Type::Map
            }
            "principal" => {
                self.needs.principal = true;
                Type::Map
            }
            "time" => {
                self.needs.time = true;
                Type::Time
            }
            "tool" | "client" => Type::Map,
            other => {
                let hint = choice(other, "there are", ["principal", "args", "tool", "client", "time"].into_iter());
                self.problem(Check::ConditionUnknownName, format!("unknown name `{other}`"), hint);
                Type::Any
            }
        }
    }

    fn call(&mut self, call: &cel::common::ast::CallExpr, target: Option<Type>, arguments: &[Type]) -> Type {
        let name = call.func_name.as_str();
        let boolean = |checker: &mut Self, found: &[Type]| {
            for wrong in found.iter().filter(|t| !matches!(t, Type::Bool | Type::Any)) {
                let message = format!("{} where true or false is needed", wrong.name());
                checker.problem(Check::ConditionTypes, message, "as in args.a == 1 && args.b == 2");
            }
        };
        match name {
            "_&&_" | "_||_" | "!_" => {
                boolean(self, arguments);
                Type::Bool
            }
            "_==_" | "_!=_" => {
                if let [left, right] = arguments
                    && left != right
                    && ![*left, *right].iter().any(|t| matches!(t, Type::Any | Type::Null))
                {
                    let message = format!("{} is compared with {}", left.name(), right.name());
                    self.problem(Check::ConditionTypes, message, LIKE);
                }
                Type::Bool
            }
            "_<_" | "_<=_" | "_>_" | "_>=_" => {
                if let [left, right] = arguments
                    && left != right
                    && ![*left, *right].contains(&Type::Any)
                {
                    let message = format!("{} is ordered against {}", left.name(), right.name());
                    self.problem(Check::ConditionTypes, message, LIKE);
                }
                Type::Bool
            }
            "@in" => {
                if let Some(within) = arguments.get(1)
                    && !matches!(within, Type::List | Type::Map | Type::Any)
                {
                    let message = format!("`in` looks inside a list or a map, not {}", within.name());
                    self.problem(Check::ConditionTypes, message, "as in args.kind in ['a', 'b']; for texts: contains");
                }
                Type::Bool
            }
            "_?_:_" => {
                boolean(self, arguments.get(..1).unwrap_or_default());
                match arguments {
                    [_, yes, no] if yes == no => *yes,
                    _ => Type::Any,
                }
            }
            "_+_" | "_-_" | "_*_" | "_/_" | "_%_" => match arguments {
                [left, right] if left == right => *left,
                _ => Type::Any,
            },
            "-_" | "size" | "int" | "uint" | "double" => Type::Number,
            "_[_]" | "@not_strictly_false" => Type::Any,
            "string" => Type::Text,
            "timestamp" | "duration" => Type::Time,
            "getFullYear" | "getMonth" | "getDate" | "getDayOfMonth" | "getDayOfWeek" | "getDayOfYear" | "getHours"
            | "getMinutes" | "getSeconds" => Type::Number,
            "startsWith" | "endsWith" | "contains" | "matches" => {
                if let Some(of) = target
                    && !matches!(of, Type::Text | Type::Any)
                    && name != "contains"
                {
                    let hint = "it is for texts; string(…) makes one";
                    self.problem(Check::ConditionTypes, format!("`{name}` of {}", of.name()), hint);
                }
                if name == "matches" {
                    self.pattern(call);
                }
                Type::Bool
            }
            other => {
                let hint = choice(other, "there are", FUNCTIONS.iter().copied());
                self.problem(Check::ConditionUnknownName, format!("no function `{other}` here"), hint);
                Type::Any
            }
        }
    }

    /// A pattern must be written out, so that it is known to compile; the engine is linear-time.
    fn pattern(&mut self, call: &cel::common::ast::CallExpr) {
        match call.args.last().map(|arg| &arg.expr) {
            Some(Expr::Literal(LiteralValue::String(pattern))) => {
                if let Err(error) = regex_check(pattern.inner()) {
                    let hint = "as in '^[a-z]+[.]example[.]com$'; no references back, no looking around";
                    self.problem(Check::ConditionMalformed, format!("the pattern does not compile: {error}"), hint);
                }
            }
            _ => {
                let message = "the pattern of `matches` must be a string written out";
                self.problem(Check::ConditionCost, message, "as in args.name.matches('^[a-z]+$')");
            }
        }
    }
}

fn regex_check(pattern: &str) -> Result<(), String> {
    match regex::RegexBuilder::new(pattern).size_limit(1 << 18).build() {
        Ok(_) => Ok(()),
        Err(regex::Error::CompiledTooBig(_)) => Err("too big".to_owned()),
        Err(error) => Err(error.to_string().lines().last().unwrap_or_default().to_owned()),
    }
}

/// The names after `args` that an expression selects, as in `args.at.city`.
fn argument_path(expression: &Expression) -> Option<Vec<String>> {
    match &expression.expr {
        Expr::Ident(name) if name == "args" => Some(Vec::new()),
        Expr::Select(select) => {
            let mut path = argument_path(&select.operand)?;
            path.push(select.field.clone());
            Some(path)
        }
        _ => None,
    }
}

/// `a.b` for `principal.claims.a.b`.
fn claim_path(expression: &Expression) -> Option<String> {
    let Expr::Select(select) = &expression.expr else { return None };
    match &select.operand.expr {
        Expr::Select(inner) if inner.field == "claims" => match &inner.operand.expr {
            Expr::Ident(root) if root == "principal" => Some(select.field.clone()),
            _ => None,
        },
        _ => Some(format!("{}.{}", claim_path(&select.operand)?, select.field)),
    }
}

/// Types that meet must be the same.
const LIKE: &str = "compare like with like: '3' is a string and 3 a number; int(…) and string(…) convert";

/// Functions and macros, as documented.
const FUNCTIONS: &[&str] = &[
    "has",
    "size",
    "int",
    "uint",
    "double",
    "string",
    "startsWith",
    "endsWith",
    "contains",
    "matches",
    "timestamp",
    "duration",
    "getFullYear",
    "getMonth",
    "getDate",
    "getDayOfMonth",
    "getDayOfWeek",
    "getDayOfYear",
    "getHours",
    "getMinutes",
    "getSeconds",
    "all",
    "exists",
    "exists_one",
    "map",
    "filter",
];

/// Fields of the names we provide: `None` if the name has no fixed fields.
fn field_type(root: &str, field: &str) -> Option<Result<Type, &'static str>> {
    let fields: (&[(&str, Type)], &'static str) = match root {
        "principal" => (
            &[
                ("subject", Type::Text),
                ("issuer", Type::Text),
                ("client_id", Type::Any),
                ("scopes", Type::List),
                ("claims", Type::Map),
            ],
            "subject, issuer, client_id, scopes, claims",
        ),
        "tool" => (&[("name", Type::Text), ("effect", Type::Text)], "name, effect"),
        "client" => (&[("id", Type::Any)], "id"),
        _ => return None,
    };
    Some(fields.0.iter().find(|(name, _)| *name == field).map(|(_, found)| *found).ok_or(fields.1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::principal::Verified;

    fn principal() -> Principal {
        Principal::assertion(Verified {
            anonymous: false,
            issuer: "corp".into(),
            subject: "ann".into(),
            client: Some("app".into()),
            audiences: vec![],
            scopes: ["crm.read".to_owned()].into(),
            expires: 0,
            claims: serde_json::json!({"region": "eu", "level": 3}),
        })
    }

    fn holds(source: &str, args: Option<&str>) -> Result<bool, Failed> {
        let condition = Condition::compile(source, None).unwrap();
        let principal = principal();
        let text = bytes::Bytes::from(args.unwrap_or("{}").to_owned());
        let document = json::Document::parse(text, &json::Bounds::default()).unwrap();
        let facts = Facts::at(1_800_000_000);
        let args = args.map(|_| document.root());
        condition.holds(&Scope { principal: &principal, args, name: "t", effect: "read", facts: &facts })
    }

    #[test]
    fn conditions_hold_deny_and_fail_as_written() {
        let region = "args.region == principal.claims.region";
        assert_eq!(holds(region, Some(r#"{"region":"eu"}"#)), Ok(true));
        assert_eq!(holds(region, Some(r#"{"region":"us"}"#)), Ok(false));
        assert_eq!(holds(region, Some("{}")), Err(Failed));
        assert_eq!(holds("args.n > principal.claims.level", Some(r#"{"n":"x"}"#)), Err(Failed));
        assert_eq!(holds("args.ids.all(i, i < 3)", Some(r#"{"ids":[1,2]}"#)), Ok(true));
        assert_eq!(holds("time > timestamp('2020-01-01T00:00:00Z')", Some("{}")), Ok(true));
        assert_eq!(holds("has(args.x) && args.x.matches('^a+$')", Some(r#"{"x":"aa"}"#)), Ok(true));
    }

    #[test]
    fn a_listing_judges_only_what_does_not_read_arguments() {
        assert_eq!(holds("args.region == principal.claims.region", None), Ok(true));
        assert_eq!(holds("principal.claims.region == 'us' && args.n > 1", None), Ok(false));
    }

    #[test]
    fn what_can_be_seen_to_be_wrong_is_refused_at_load() {
        for source in [
            "argz.x == 1",
            "principal.name == 'x'",
            "principal.subject == 3",
            "args.x",
            "1 + 1",
            "'a' && true",
            "principal.subject in 'abc'",
            "args.x.matches(args.y)",
            "args.x.matches('(')",
            "args.a.all(x, args.b.all(y, x == y))",
            "eval(args.x)",
            "args.x ==",
        ] {
            // `args.x` alone may be a boolean, so it loads; everything else has a problem.
            assert_eq!(Condition::compile(source, None).is_err(), source != "args.x", "{source}");
        }
    }

    #[test]
    fn what_would_overflow_the_stack_of_a_thread_is_refused() {
        let repeat = |text: &str| text.repeat(4000 / text.len());
        for source in [
            format!("{}1", repeat("(")),
            format!("{}1", repeat("[")),
            format!("{}true", repeat("!")),
            format!("{}1 == 1", repeat("-")),
            format!("{}1", repeat("- ")),
            format!("args{}", repeat(".a")),
            format!("args{}", repeat("[0]")),
            format!("1{} == 1", repeat("+1")),
            format!("true{}", repeat("&&true")),
            format!("true{}", repeat("?true:true")),
            format!("true{}", repeat("?true")),
            format!("{}1", repeat("size(")),
            format!("{}1", repeat("{1:")),
            format!("[{}]", repeat("1,")),
            format!("args.a{}", repeat(".map(x,")),
            repeat("'"),
            repeat("' "),
            repeat("a "),
            repeat("1 "),
            repeat("'a'"),
            repeat("\""),
            repeat("in "),
            repeat("a,"),
        ] {
            assert!(Condition::compile(&source, None).is_err(), "{source}");
        }
        let deep = format!("{}args.a == 1{}", "(".repeat(DEPTH_MAX), ")".repeat(DEPTH_MAX));
        assert!(Condition::compile(&deep, None).is_ok());
        let choices = format!("args.a == 1{}", " ? true : args.a == 1".repeat(DEPTH_MAX));
        assert!(Condition::compile(&choices, None).is_ok());
        let signs = format!("args.a.matches('{}')", "[a-z]".repeat(100));
        assert!(Condition::compile(&signs, None).is_ok());
    }

    #[test]
    fn problems_point_to_where_they_are() {
        for (source, at) in [
            ("args.x == 1 && principal.name == 'x'", "name"),
            ("args.x == 1 && argz.y == 2", "argz"),
            ("args.x == 1 && principal.subject == 3", "== 3"),
            ("args.x == 1 && 1 == 2", "1 == 2"),
            ("args.x ==\n1 && args.y.eval(3)", "(3)"),
            ("args.x == 1 && args.y ! 2", "! 2"),
        ] {
            let problems = Condition::compile(source, None).unwrap_err();
            assert!(source.get(problems[0].offset..).unwrap().starts_with(at), "{problems:?}");
        }
    }

    #[test]
    fn claims_that_are_known_are_checked_and_so_are_constants() {
        let known = BTreeMap::from([
            ("region".to_owned(), ClaimType::String),
            ("org.plan".to_owned(), ClaimType::String),
            ("extra".to_owned(), ClaimType::Map),
        ]);
        let first = |source: &str| Condition::compile(source, Some(&known)).err().map(|problems| problems[0].check);
        assert_eq!(first("principal.claims.region == args.region"), None);
        assert_eq!(first("principal.claims.org.plan == 'pro' && principal.claims.extra.x.y == 1"), None);
        assert_eq!(first("has(principal.claims.region)"), None);
        assert_eq!(first("principal.claims.regoin == 'eu'"), Some(Check::ClaimUnknown));
        assert_eq!(first("principal.claims.org.paln == 'pro'"), Some(Check::ClaimUnknown));
        assert_eq!(first("principal.claims.region > 3"), Some(Check::ConditionTypes));
        assert_eq!(first("1 > 2"), Some(Check::ConditionNever));
        assert_eq!(first("args.a == 'x' && args.b == 1 && args.a == 'y'"), Some(Check::ConditionNever));
        assert_eq!(first("args.a == 'x' && args.a == 'x'"), None);
        let always = Condition::compile("args.x == 1 && 'a' in ['a', 'b']", None).unwrap();
        assert_eq!(always.always(), Some((15, "'a' in ['a', 'b']")));
        assert_eq!(split_text("a == '&&' && (b && c) && d['x']"), ["a == '&&' ", " (b && c) ", " d['x']"]);
        assert_eq!(split_text("a && b || c").len(), 1);
        let key = |source: &str| KeyExpression::compile(source, None).is_ok();
        assert!(key("args.tenant") && key("principal.subject + args.x") && !key("args.a == 1") && !key("[1]"));
    }

    #[test]
    fn a_condition_is_held_against_the_published_schema_of_the_arguments() {
        let schema = Schema::compile(&serde_json::json!({
            "type": "object",
            "properties": {
                "region": { "type": "string" }, "n": { "type": "integer" }, "free": {},
                "at": { "type": "object", "properties": { "zip": { "type": "string" } } },
            },
        }))
        .unwrap();
        let found = |source: &str| {
            let condition = Condition::compile(source, None).unwrap();
            condition.against(&schema, None).into_iter().map(|problem| problem.check).collect::<Vec<_>>()
        };
        assert_eq!(found("args.region == principal.claims.region && args.n > 3 && args.at.zip.startsWith('1')"), []);
        assert_eq!(found("args.free == 3 || args.free == 'x'"), []);
        assert_eq!(found("args.regoin == 'eu'"), [Check::ArgumentUnknown]);
        assert_eq!(found("has(args.at.city)"), [Check::ArgumentUnknown]);
        assert_eq!(found("args.region == 3"), [Check::ConditionTypes]);
        assert_eq!(found("args.n == '3'"), [Check::ConditionTypes]);
        assert_eq!(found("args.region"), [Check::ConditionTypes]);
    }
}
