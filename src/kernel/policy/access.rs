//! Who may use what: the access matrix, from the compiled policy.
use super::compile::{Deny, Role, Rule, ServerPolicy};
use super::names::NamePattern;
use crate::kernel::mcp::decode::Target;
use std::sync::Arc;

/// One row: a thing and what it takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// `tool`, `prompt` or `resource`.
    pub kind: &'static str,
    /// Name, pattern or template, as written.
    pub name: String,
    /// Effect, for tools.
    pub effect: &'static str,
    /// Position of the rule.
    pub position: String,
    /// Scopes, all of them.
    pub scopes: Vec<String>,
    /// What else it takes, in words.
    pub only: Vec<String>,
    /// For each column, whether a caller of that kind can use it, given scopes and the rest.
    pub cells: Vec<bool>,
}

/// The matrix of one server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Matrix {
    /// Server.
    pub server: String,
    /// Kinds of callers: `anyone` has a token and no role, then each role by itself; `anonymous` if let in.
    pub columns: Vec<String>,
    /// Rows, most specific first within a kind.
    pub rows: Vec<Row>,
}

/// The matrix of a server.
pub fn matrix(server: &ServerPolicy) -> Matrix {
    let mut columns: Vec<Who<'_>> = if server.access.anonymous { vec![Who::Anonymous] } else { Vec::new() };
    columns.push(Who::Anyone);
    columns.extend(server.roles.values().map(Who::Role));
    // A denial that concerns what stands for a whole pattern concerns all that fits it.
    let tools = server.tools.iter().map(|(pattern, rule)| {
        let all = Target::Tool(pattern.example(NamePattern::ANYTHING));
        let some = |deny: &Deny| deny.tools.iter().any(|denied| denied.overlaps(pattern));
        row(server, "tool", rule, &columns, &all, some)
    });
    let prompts = server.prompts.iter().map(|(pattern, rule)| {
        let all = Target::Prompt(pattern.example(NamePattern::ANYTHING));
        let some = |deny: &Deny| deny.prompts.iter().any(|denied| denied.overlaps(pattern));
        row(server, "prompt", rule, &columns, &all, some)
    });
    let resources = server.resources.iter().map(|(template, rule)| {
        let all = Target::Resource(template.probe());
        let some = |deny: &Deny| deny.resources.iter().any(|denied| denied.shares_with(template));
        row(server, "resource", rule, &columns, &all, some)
    });
    let rows = tools.chain(prompts).chain(resources).collect();
    Matrix { server: server.name.clone(), columns: columns.iter().map(Who::name).collect(), rows }
}

#[derive(Clone, Copy)]
enum Who<'a> {
    Anonymous,
    Anyone,
    Role(&'a Arc<Role>),
}

impl Who<'_> {
    fn name(&self) -> String {
        match self {
            Self::Anonymous => "anonymous".to_owned(),
            Self::Anyone => "anyone".to_owned(),
            Self::Role(role) => role.name.clone(),
        }
    }

    fn has(&self, roles: &[Arc<Role>]) -> bool {
        matches!(self, Self::Role(role) if roles.contains(role))
    }
}

fn row(
    server: &ServerPolicy,
    kind: &'static str,
    rule: &Rule,
    columns: &[Who<'_>],
    all: &Target,
    some: impl Fn(&Deny) -> bool,
) -> Row {
    let mut only = Vec::new();
    only.extend(rule.when.as_ref().map(|when| format!("if {}", when.text())));
    only.extend(rule.available.as_ref().map(|_| "where and when available".to_owned()));
    let asks = rule.confirm.as_ref().filter(|confirm| !confirm.ways.is_empty());
    only.extend(asks.map(|confirm| format!("after a confirmation ({})", confirm.words())));
    only.extend(rule.step_up.as_ref().map(|_| "with a step-up login".to_owned()));
    let whole: Vec<&Deny> = server.deny.iter().filter(|deny| deny.concerns(all)).collect();
    for denial in &server.deny {
        // One of all of it for everybody is told by the cells.
        let sometimes = denial.rule.when.is_some() || !denial.rule.roles.is_empty();
        let told = if denial.concerns(all) { sometimes } else { some(denial) };
        if told {
            only.push(format!("unless `{}`", denial.rule.label));
        }
    }
    let cells = columns.iter().map(|who| {
        let enters = match who {
            Who::Anonymous => rule.anonymous,
            Who::Anyone | Who::Role(_) => rule.roles.is_empty() || who.has(&rule.roles),
        };
        let always =
            |deny: &&Deny| deny.rule.when.is_none() && (deny.rule.roles.is_empty() || who.has(&deny.rule.roles));
        enters && !whole.iter().any(always)
    });
    Row {
        kind,
        name: rule.label.clone(),
        effect: rule.effect.map_or("", |effect| effect.name()),
        position: rule.position.to_string(),
        scopes: rule.scopes.iter().map(|scope| scope.name.clone()).collect(),
        only,
        cells: cells.collect(),
    }
}
