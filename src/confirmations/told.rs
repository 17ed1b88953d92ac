//! What is said of a step: to the caller, and in the record.
use super::{Around, Kept};
use crate::audit::{Confirming, Record};
use crate::kernel::confirm::machine::{By, Fault};
use crate::kernel::mcp::decode::Target;
use crate::kernel::refusal::Refusal;

/// The refusal that a caller gets.
pub fn refused(fault: Fault) -> Refusal {
    let refusal = Refusal::from(fault.reason());
    match fault {
        Fault::Differs(part) | Fault::Void(part) => {
            let mut refusal = refusal.detail(format!("another {}", part.name()));
            // What the caller presents it knows; of what is in force it learns that it changed.
            refusal.advice = Some(format!("Different: {}.", part.name()));
            refusal
        }
        other => refusal.detail(format!("{other:?}")),
    }
}

/// Writes a step down.
pub fn note(record: &mut Record, event: &'static str, kept: &Kept, previous: &str, around: &Around) {
    let confirmation = &kept.confirmation;
    let call = confirmation.call();
    let confirming = Confirming {
        id: confirmation.id().to_owned(),
        event,
        state: confirmation.state().name(),
        mode: confirmation.mode().name(),
        by: confirmation.decided().map(|(by, _)| by_word(by)),
        previous: previous.to_owned(),
        call: confirmation.digest(),
        contract: call.contract,
        preview: confirmation.preview(),
        separate: confirmation.separate(),
        expires: confirmation.expires(),
        void: confirmation.void().map(|part| part.name()),
    };
    let rule = around.server.rule(&Target::Tool(call.tool.clone())).cloned();
    record.note(|entry| {
        entry.server = Some(around.server.clone());
        entry.principal.clone_from(&around.principal);
        entry.rule = rule;
        entry.arguments_digest = Some(call.arguments);
        entry.policy = Some(call.policy);
        entry.outcome = confirmation.state().name();
        entry.confirmation = Some(Box::new(confirming));
    });
}

fn by_word(by: &By) -> String {
    match by {
        By::Caller => "caller".to_owned(),
        By::Host => "host".to_owned(),
        By::Person(_) => "person".to_owned(),
        By::System(name, subject) => format!("system {name} for {}", subject.short()),
        By::Batch(id) => format!("batch {id}"),
    }
}
