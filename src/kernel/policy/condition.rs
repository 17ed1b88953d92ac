//! `when`: a CEL condition, checked when it is loaded, bounded when it runs.
//!
//! Loading refuses what can be seen to be wrong: unknown names, unknown fields of what we provide,
//! functions outside the list, comparisons that can never hold, a result that is not a boolean,
//! loops in loops. Whatever still fails at run time is an error, and an error never allows.
//!
//! A condition is kept as its `&&`-terms. Terms that do not read `args` are also judged for listings,
//! where there are no arguments yet; the others may still hold, so they do not hide a tool.
use crate::kernel::facts::Facts;
use crate::kernel::json;
use crate::kernel::principal::Principal;
use cel::common::ast::{EntryExpr, Expr, LiteralValue};
use cel::parser::Expression;
use cel::{Context, Program, Value};
use std::collections::HashMap;
use std::sync::Arc;

const SOURCE_BYTES_MAX: usize = 4096;
const NODES_MAX: usize = 256;
/// Arguments with more values than this are not looped over: the condition fails instead.
const ARGUMENT_NODES_MAX: usize = 20_000;

/// A condition that has been checked.
#[derive(Debug)]
pub struct Condition {
    terms: Vec<Term>,
    needs: Needs,
}

#[derive(Debug)]
struct Term {
    expression: Expression,
    reads_args: bool,
}

#[derive(Debug, Default, Clone, Copy)]
struct Needs {
    args: bool,
    principal: bool,
    time: bool,
}

/// A condition could not be evaluated. It carries nothing: errors quote values.
#[derive(Debug, PartialEq, Eq)]
pub struct Failed;

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
    pub fn compile(source: &str) -> Result<Self, Vec<String>> {
        if source.len() > SOURCE_BYTES_MAX {
            return Err(vec![format!("longer than {SOURCE_BYTES_MAX} bytes")]);
        }
        // The parser is a third party's and generated; a panic there must not become ours.
        let program = std::panic::catch_unwind(|| Program::compile(source))
            .map_err(|_| vec!["the expression cannot be parsed".to_owned()])?
            .map_err(|errors| errors.errors.iter().map(|e| e.msg.trim().to_owned()).collect::<Vec<_>>())?;
        let mut checker = Checker::default();
        let result = checker.check(program.expression(), &mut Vec::new(), false);
        if !matches!(result, Type::Bool | Type::Any) {
            checker.problems.push(format!("the result is {}, not true or false", result.name()));
        }
        if checker.nodes > NODES_MAX {
            checker.problems.push(format!("more than {NODES_MAX} nodes"));
        }
        if !checker.problems.is_empty() {
            return Err(checker.problems);
        }
        let mut terms = Vec::new();
        split(program.expression(), &mut terms);
        Ok(Self { terms, needs: checker.needs })
    }

    /// Whether it holds. For a listing (`args: None`), whether it may hold for some arguments.
    pub fn holds(&self, scope: &Scope<'_>) -> Result<bool, Failed> {
        let mut context = Context::default();
        if self.needs.principal {
            context.add_variable_from_value("principal", principal_value(scope.principal));
        }
        if self.needs.args {
            let args = match scope.args {
                Some(args) if args.weight() > ARGUMENT_NODES_MAX => return Err(Failed),
                Some(args) => from_json(args),
                None => map([]),
            };
            context.add_variable_from_value("args", args);
        }
        if self.needs.time {
            let now = i64::try_from(scope.facts.now).map_err(|_| Failed)?;
            let now = chrono::DateTime::from_timestamp(now, 0).ok_or(Failed)?;
            context.add_variable_from_value("time", Value::Timestamp(now.fixed_offset()));
        }
        context.add_variable_from_value("tool", map([("name", text(scope.name)), ("effect", text(scope.effect))]));
        context.add_variable_from_value("client", map([("id", scope.principal.client().map_or(Value::Null, text))]));
        for term in &self.terms {
            if term.reads_args && scope.args.is_none() {
                continue;
            }
            // The evaluator is a third party's: a panic in it is an error like any other, and denies.
            let run = std::panic::AssertUnwindSafe(|| Value::resolve(&term.expression, &context));
            match std::panic::catch_unwind(run) {
                Ok(Ok(Value::Bool(true))) => {}
                Ok(Ok(Value::Bool(false))) => return Ok(false),
                _ => return Err(Failed),
            }
        }
        Ok(true)
    }
}

fn split(expression: &Expression, terms: &mut Vec<Term>) {
    match &expression.expr {
        Expr::Call(call) if call.func_name == "_&&_" => call.args.iter().for_each(|term| split(term, terms)),
        _ => {
            let mut checker = Checker::default();
            checker.check(expression, &mut Vec::new(), false);
            terms.push(Term { expression: expression.clone(), reads_args: checker.needs.args });
        }
    }
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
struct Checker {
    problems: Vec<String>,
    needs: Needs,
    nodes: usize,
}

impl Checker {
    fn check(&mut self, expression: &Expression, locals: &mut Vec<String>, looping: bool) -> Type {
        self.nodes += 1;
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
                let known = match &select.operand.expr {
                    Expr::Ident(root) if !locals.contains(root) => field_type(root, &select.field),
                    _ => None,
                };
                match known {
                    Some(Ok(_)) if select.test => Type::Bool,
                    Some(Ok(found)) => found,
                    Some(Err(fields)) => {
                        self.problems.push(format!("no field `{}` here; there are {fields}", select.field));
                        Type::Any
                    }
                    None if !matches!(of, Type::Map | Type::Any) => {
                        self.problems.push(format!("`.{}` of {}", select.field, of.name()));
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
                    self.problems.push("a loop inside a loop; its cost has no bound".to_owned());
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
                self.problems.push("this kind of expression is not available".to_owned());
                Type::Any
            }
        }
    }

    fn variable(&mut self, name: &str, locals: &[String]) -> Type {
        if locals.iter().any(|local| local == name) {
            return Type::Any;
        }
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
                self.problems.push(format!("unknown name `{other}`; there are principal, args, tool, client, time"));
                Type::Any
            }
        }
    }

    fn call(&mut self, call: &cel::common::ast::CallExpr, target: Option<Type>, arguments: &[Type]) -> Type {
        let name = call.func_name.as_str();
        let boolean = |checker: &mut Self, found: &[Type]| {
            for wrong in found.iter().filter(|t| !matches!(t, Type::Bool | Type::Any)) {
                checker.problems.push(format!("{} where true or false is needed", wrong.name()));
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
                    self.problems.push(format!("{} is compared with {}", left.name(), right.name()));
                }
                Type::Bool
            }
            "_<_" | "_<=_" | "_>_" | "_>=_" => {
                if let [left, right] = arguments
                    && left != right
                    && ![*left, *right].contains(&Type::Any)
                {
                    self.problems.push(format!("{} is ordered against {}", left.name(), right.name()));
                }
                Type::Bool
            }
            "@in" => {
                if let Some(within) = arguments.get(1)
                    && !matches!(within, Type::List | Type::Map | Type::Any)
                {
                    self.problems.push(format!("`in` looks inside a list or a map, not {}", within.name()));
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
                    self.problems.push(format!("`{name}` of {}", of.name()));
                }
                if name == "matches" {
                    self.pattern(call);
                }
                Type::Bool
            }
            other => {
                self.problems.push(format!("no function `{other}` here"));
                Type::Any
            }
        }
    }

    /// A pattern must be written out, so that it is known to compile; the engine is linear-time.
    fn pattern(&mut self, call: &cel::common::ast::CallExpr) {
        match call.args.last().map(|arg| &arg.expr) {
            Some(Expr::Literal(LiteralValue::String(pattern))) => {
                if let Err(error) = regex_check(pattern.inner()) {
                    self.problems.push(format!("the pattern does not compile: {error}"));
                }
            }
            _ => self.problems.push("the pattern of `matches` must be a string written out".to_owned()),
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
        let condition = Condition::compile(source).unwrap();
        let principal = principal();
        let text = bytes::Bytes::from(args.unwrap_or("{}").to_owned());
        let document = json::Document::parse(text, &json::Bounds::default()).unwrap();
        let facts = Facts { now: 1_800_000_000 };
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
            assert_eq!(Condition::compile(source).is_err(), source != "args.x", "{source}");
        }
    }
}
