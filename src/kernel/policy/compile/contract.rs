//! The contract of a server: what the policy says of it, the lock file beside the policy, and whether the
//! policy fits what was approved.
use super::rules::Named;
use super::{Check, DURATION, Flaws, NamePattern, Surroundings, duration, pointer};
use crate::kernel::contract::lock::Lock;
use crate::kernel::contract::poison::{Item, Known, review};
use crate::kernel::contract::published::{Contract, Published};
use crate::kernel::contract::redflags;
use crate::kernel::contract::schema::Unusable;
use crate::kernel::contract::surface::{Kind, Surface};
use crate::kernel::contract::widget::{Allowed, Origin};
use crate::kernel::policy::condition::{Claims, Problem};
use crate::kernel::policy::source::{ContractSource, Undeclared, WidgetsSource};
use std::time::Duration;

/// Path of what is told about the lock file.
const LOCK: &str = "/contract/lock";

/// The name of the lock file of a policy.
pub fn lock_name(server: &str, source: Option<&ContractSource>) -> String {
    source.and_then(|source| source.lock.clone()).unwrap_or_else(|| format!("{server}.lock.json"))
}

/// Compiles the section and puts the lock file in force, if there is one that may be.
pub fn contract(
    server: &str,
    source: Option<&ContractSource>,
    given: &Surroundings<'_>,
    tools: &[Named<NamePattern>],
    flaws: &mut Flaws,
) -> Contract {
    let written = source.is_some();
    let ContractSource {
        lock: _,
        on_drift,
        undeclared_arguments,
        output,
        approvals,
        check_every,
        live,
        hidden_text,
        widgets,
    } = source.cloned().unwrap_or_default();
    let hint = "as in 30s, 1m or 1h";
    let every = flaws.read(DURATION, "/contract/check_every", check_every.as_deref(), duration, hint);
    let mut contract = Contract {
        lock: lock_name(server, source),
        written,
        published: None,
        on_drift,
        undeclared: undeclared_arguments,
        output,
        approvals: usize::try_from(approvals.unwrap_or(1)).unwrap_or(usize::MAX).max(1),
        every: every.unwrap_or(Duration::from_secs(60)),
        domain: widgets.domain.clone(),
        domains: widgets.domains.clone(),
        live,
        hidden_text,
        widgets: allowed(widgets, flaws),
    };
    let at = if written { LOCK } else { "/server" };
    match &given.lock {
        None => {}
        Some(Ok(text)) => match Lock::parse(text) {
            Ok(lock) => {
                lock.review(server, given.approvers, contract.approvals, at, flaws);
                let surface = contract.fixed(lock.surface);
                let mut published = publish(lock.digest, surface, tools, flaws);
                published.approved = lock.approvals.into_iter().map(|approval| (approval.by, approval.at)).collect();
                contract.published = Some(published);
            }
            Err(why) => flaws.add(Check::LockUnreadable, at, format!("`{}`: {why}", contract.lock), "restore the file"),
        },
        Some(Err(None)) => {
            let message = format!("there is no `{}`: the server runs on whatever it offers now", contract.lock);
            let hint = format!("`portcullis contract pull gateway.yaml {server}`, review, `contract approve`");
            flaws.add(Check::LockMissing, at, message, hint);
        }
        Some(Err(Some(why))) => {
            flaws.add(
                Check::LockUnreadable,
                at,
                format!("`{}` cannot be read: {why}", contract.lock),
                "check the file",
            );
        }
    }
    contract
}

/// What user interfaces may declare.
fn allowed(source: WidgetsSource, flaws: &mut Flaws) -> Allowed {
    let WidgetsSource { connect, resource, frame, base_uri, redirect, permissions, domain: _, domains: _ } = source;
    let mut origins = |field: &str, texts: Vec<String>| {
        let mut origins = Vec::new();
        for (at, text) in texts.iter().enumerate() {
            match text.parse::<Origin>() {
                Ok(origin) => origins.push(origin),
                Err(why) => {
                    let message = format!("`{text}` is not an origin: {why}");
                    let hint = "as in https://cdn.example.com or https://*.example.com";
                    flaws.add(Check::OriginMalformed, format!("/contract/widgets/{field}/{at}"), message, hint);
                }
            }
        }
        origins
    };
    Allowed {
        connect: origins("connect", connect),
        resource: origins("resource", resource),
        frame: origins("frame", frame),
        base_uri: origins("base_uri", base_uri),
        redirect: origins("redirect", redirect),
        permissions,
    }
}

fn publish(digest: String, surface: Surface, rules: &[Named<NamePattern>], flaws: &mut Flaws) -> Published {
    suspicious(&surface, rules, flaws);
    Published::new(digest, surface, &mut |tool, field, Unusable(why)| {
        let at = format!("/contract/tools{}", pointer(tool));
        let message = format!("tool `{tool}`: `{field}` cannot be used: {why}");
        flaws.add(Check::SchemaUnusable, at, message, "have the server mend it; until then calls of it are refused");
    })
}

/// What a reviewer should see of a surface before approving it, and after.
pub fn suspicious(surface: &Surface, rules: &[Named<NamePattern>], flaws: &mut Flaws) {
    let known = Known::new(surface.items(Kind::Tools).map(|(name, _)| name), []);
    for kind in Kind::ALL {
        for (name, definition) in surface.items(kind) {
            let at = format!("/contract/{}{}", kind.name(), pointer(name));
            let item = match (kind, definition.as_str()) {
                (Kind::Tools, _) => Item::Tool(definition),
                (Kind::Prompts, _) => Item::Prompt(definition),
                (Kind::Resources, _) => Item::Resource(definition),
                (Kind::Templates, _) => Item::Template(definition),
                (Kind::Server, Some(text)) => Item::Instructions(text),
                (Kind::Server | Kind::Widgets, _) => continue,
            };
            let before = flaws.0.len();
            review(item, &known, &at, flaws);
            if kind == Kind::Tools {
                let rule = rules.iter().find(|rule| rule.pattern.matches(name));
                redflags::tool(definition, rule.and_then(|rule| rule.rule.effect), &at, flaws);
            }
            for flaw in flaws.0.iter_mut().skip(before) {
                flaw.message = format!("{} `{name}`: {}", kind.one(), flaw.message);
            }
        }
    }
}

/// Rules for tools and prompts that the contract does not have.
pub fn unknown(contract: &Contract, tools: &[Named<NamePattern>], prompts: &[Named<NamePattern>], flaws: &mut Flaws) {
    let Some(published) = &contract.published else {
        return;
    };
    for (kind, rules) in [(Kind::Tools, tools), (Kind::Prompts, prompts)] {
        for rule in rules {
            let fits = |pattern: &NamePattern| published.surface.items(kind).any(|(name, _)| pattern.matches(name));
            if !fits(&rule.pattern) {
                let name = &rule.rule.label;
                let known = published.surface.items(kind).map(|(name, _)| name);
                let hint = crate::kernel::policy::flaw::choice(name, "published", known);
                let message = format!("the contract has no {} `{name}`", kind.one());
                flaws.add(Check::ToolNotPublished, &rule.at, message, hint);
            }
        }
    }
}

/// Conditions that read arguments the published schema does not have, or of another type. Of rules for one tool only:
/// what a pattern fits may have arguments of its own.
pub fn conditions(contract: &Contract, tools: &[Named<NamePattern>], claims: Claims<'_>, flaws: &mut Flaws) {
    let Some(published) = &contract.published else {
        return;
    };
    for rule in tools {
        let schema = published.tool(&rule.rule.label).and_then(|tool| tool.input.as_ref());
        let (Some(schema), Some(when)) = (schema, &rule.rule.when) else { continue };
        for Problem { check, offset, message, hint } in when.against(schema, claims) {
            // What is not declared may still come where it is let through.
            if check != Check::ArgumentUnknown || contract.undeclared != Undeclared::Keep {
                flaws.add_within(check, format!("{}/when", rule.at), offset, [message, hint]);
            }
        }
    }
}
