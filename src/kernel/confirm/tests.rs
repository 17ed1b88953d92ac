//! The machine against a naive model, and against every interleaving of those who use it.
use super::binding::{Call, Part};
use super::machine::{Answerer, Confirmation, Fault, Mode, Proposal, State};
use crate::kernel::digest::Digest;
use crate::kernel::policy::source::Effect;
use proptest::prelude::*;
use std::collections::{BTreeSet, HashSet};

fn digest(text: &str) -> Digest {
    Digest::of(text.as_bytes())
}

fn call(subject: &str, client: &str, arguments: &str, policy: &str) -> Call {
    Call {
        subject: digest(subject),
        client: digest(client),
        server: "crm".to_owned(),
        tool: "delete".to_owned(),
        arguments: digest(arguments),
        effect: Effect::Destructive,
        policy: digest(policy),
        contract: digest("contract"),
    }
}

fn propose(mode: Mode, expires: u64) -> Confirmation {
    let call = call("ann", "app", "{}", "p1");
    let preview = Some(digest("shown"));
    let proposal = Proposal { id: "c1".to_owned(), call, mode, separate: true, preview, rechecked: true, expires };
    Confirmation::propose(proposal, 0)
}

fn person(subject: &str) -> Answerer<'static> {
    Answerer::Person { subject: digest(subject), has_role: subject != "guest", expires: 1000 }
}

/// What can happen to a confirmation.
#[derive(Clone, Copy, Debug)]
enum Step {
    Show,
    Decide(bool, &'static str),
    /// By whom, with which client and arguments, under which policy; and what the preview is by then, if it was made.
    Spend(&'static str, &'static str, &'static str, &'static str, &'static str),
    Asked,
    Resume(u32),
    Finish(bool),
    World(&'static str),
    Wait(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => Just(Step::Show),
        4 => (any::<bool>(), prop::sample::select(vec!["ann", "bob", "guest"])).prop_map(|(y, w)| Step::Decide(y, w)),
        4 => (
            prop::sample::select(vec!["ann", "ann", "ann", "bob"]),
            prop::sample::select(vec!["app", "app", "app", "other"]),
            prop::sample::select(vec!["{}", "{}", "{}", "{ }"]),
            prop::sample::select(vec!["p1", "p1", "p1", "p2"]),
            prop::sample::select(vec!["shown", "shown", "shown", "other", ""]),
        ).prop_map(|(s, c, a, p, v)| Step::Spend(s, c, a, p, v)),
        1 => Just(Step::Asked),
        1 => (0u32..3).prop_map(Step::Resume),
        1 => any::<bool>().prop_map(Step::Finish),
        1 => prop::sample::select(vec!["p1", "p1", "p2"]).prop_map(Step::World),
        2 => (0u64..40).prop_map(Step::Wait),
    ]
}

/// Forty lines of facts, written without a look at the machine.
#[derive(Default)]
struct Model {
    now: u64,
    shown: bool,
    approved: bool,
    denied: bool,
    dead: bool,
    used: bool,
    asked: Option<(u32, u64)>,
    rounds: u32,
    finished: bool,
}

impl Model {
    /// Whether the step succeeds.
    fn step(&mut self, step: Step, expires: u64) -> bool {
        let live = !self.denied && !self.used && !self.dead;
        if live && self.now >= expires {
            self.dead = true;
        }
        let live = !self.denied && !self.used && !self.dead;
        match step {
            Step::Wait(seconds) => {
                self.now += seconds;
                true
            }
            Step::World(policy) => {
                let changes = live && policy != "p1";
                self.dead |= changes;
                changes
            }
            Step::Show => {
                let may = live && !self.approved;
                self.shown |= may;
                may
            }
            Step::Decide(yes, who) => {
                // A no is one also after a yes.
                let may = live && self.shown && !(self.approved && yes) && who == "bob" && self.now < 1000;
                self.approved |= may && yes;
                self.denied |= may && !yes;
                may
            }
            Step::Spend(subject, client, arguments, policy, preview) => {
                let own = (subject, client, arguments) == ("ann", "app", "{}");
                if own && policy != "p1" {
                    self.dead |= live;
                    return false;
                }
                let may = own && live && self.approved;
                self.dead |= may && preview == "other";
                self.used |= may && preview == "shown";
                may && preview == "shown"
            }
            Step::Asked => {
                let may = self.used && !self.finished && self.asked.is_none() && self.rounds < 10;
                if may {
                    self.rounds += 1;
                    self.asked = Some((self.rounds, self.now));
                }
                may
            }
            Step::Resume(round) => {
                let fits = |(asked, at): (u32, u64)| asked == round && self.now < at + 600;
                let may = self.used && !self.finished && self.asked.is_some_and(fits);
                if may {
                    self.asked = None;
                }
                may
            }
            Step::Finish(_) => {
                let may = self.used && !self.finished;
                self.finished |= may;
                may
            }
        }
    }
}

fn apply(confirmation: &mut Confirmation, step: Step, now: u64) -> bool {
    confirmation.tick(now);
    match step {
        Step::Wait(_) => true,
        Step::World(policy) => confirmation.world(digest(policy), digest("contract")),
        Step::Show => confirmation.show(now).is_ok(),
        Step::Decide(yes, who) => confirmation.decide(yes, person(who), now).is_ok(),
        Step::Spend(s, c, a, p, v) => {
            let preview = (!v.is_empty()).then(|| digest(v));
            confirmation.spend(&call(s, c, a, p), preview, now).is_ok()
        }
        Step::Asked => confirmation.asked(now).is_ok(),
        Step::Resume(round) => confirmation.resume(&call("ann", "app", "{}", "p1"), round, now).is_ok(),
        Step::Finish(done) => confirmation.finish(done).is_ok(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn the_machine_is_the_naive_model(steps in prop::collection::vec(step(), 0..30), expires in 1u64..120) {
        let mut confirmation = propose(Mode::Approver, expires);
        let mut model = Model::default();
        for step in steps {
            let before = model.now;
            let expected = model.step(step, expires);
            prop_assert_eq!(apply(&mut confirmation, step, before), expected, "{:?} at {}", step, before);
            // What is kept is what was there: a restart changes nothing.
            let kept = serde_json::to_string(&confirmation).unwrap();
            let again: Confirmation = serde_json::from_str(&kept).unwrap();
            prop_assert_eq!(&again, &confirmation);
            confirmation = again;
        }
    }
}

#[test]
fn every_state_is_reached_and_the_last_ones_are_final() {
    let ways: &[(State, &[Step])] = &[
        (State::Proposed, &[]),
        (State::Shown, &[Step::Show]),
        (State::Approved, &[Step::Show, Step::Decide(true, "bob")]),
        (State::Denied, &[Step::Show, Step::Decide(false, "bob")]),
        (State::Denied, &[Step::Show, Step::Decide(true, "bob"), Step::Decide(false, "bob")]),
        (State::Void, &[Step::Show, Step::World("p2")]),
        (State::Spent, &[Step::Show, Step::Decide(true, "bob"), Step::Spend("ann", "app", "{}", "p1", "shown")]),
        (
            State::Executed,
            &[
                Step::Show,
                Step::Decide(true, "bob"),
                Step::Spend("ann", "app", "{}", "p1", "shown"),
                Step::Finish(true),
            ],
        ),
        (
            State::Failed,
            &[
                Step::Show,
                Step::Decide(true, "bob"),
                Step::Spend("ann", "app", "{}", "p1", "shown"),
                Step::Finish(false),
            ],
        ),
    ];
    for (state, steps) in ways {
        let mut confirmation = propose(Mode::Approver, 100);
        for step in *steps {
            assert!(apply(&mut confirmation, *step, 1), "{step:?} towards {state:?}");
        }
        assert_eq!(confirmation.state(), *state);
        if !state.is_live() && *state != State::Spent {
            for step in [
                Step::Show,
                Step::Decide(true, "bob"),
                Step::Spend("ann", "app", "{}", "p1", "shown"),
                Step::Asked,
                Step::Resume(0),
                Step::Finish(true),
                Step::World("p2"),
            ] {
                assert!(!apply(&mut confirmation, step, 2), "{step:?} in {state:?}");
                assert_eq!(confirmation.state(), *state);
            }
        }
    }
    let mut late = propose(Mode::Approver, 100);
    assert!(late.tick(100) && late.state() == State::Expired);
}

#[test]
fn each_way_is_decided_by_whom_it_is_for_and_nobody_else() {
    let client = |subject: &str, client: &str| Answerer::Client { subject: digest(subject), client: digest(client) };
    let system = |subject: &str| Answerer::System { name: "desk", subject: digest(subject) };
    let tired = Answerer::Person { subject: digest("bob"), has_role: true, expires: 5 };
    let table = [
        (Mode::Elicit, client("ann", "app"), Ok(())),
        (Mode::Elicit, client("bob", "app"), Err(Fault::NotApprover)),
        (Mode::Elicit, client("ann", "other"), Err(Fault::NotApprover)),
        (Mode::Elicit, person("bob"), Err(Fault::WrongWay)),
        (Mode::Elicit, Answerer::Host, Err(Fault::WrongWay)),
        (Mode::Host, Answerer::Host, Ok(())),
        (Mode::Host, person("bob"), Err(Fault::WrongWay)),
        (Mode::Approver, person("bob"), Ok(())),
        (Mode::Approver, person("ann"), Err(Fault::SamePerson)),
        (Mode::Approver, person("guest"), Err(Fault::NotApprover)),
        (Mode::Approver, tired, Err(Fault::SignInExpired)),
        (Mode::Approver, system("bob"), Ok(())),
        (Mode::Approver, system("ann"), Err(Fault::SamePerson)),
        (Mode::Approver, client("ann", "app"), Err(Fault::WrongWay)),
        (Mode::Approver, Answerer::Batch("g1"), Ok(())),
        (Mode::Code, person("ann"), Ok(())),
        (Mode::Code, person("bob"), Err(Fault::NotApprover)),
        (Mode::Code, system("ann"), Err(Fault::WrongWay)),
        (Mode::Code, Answerer::Batch("g1"), Err(Fault::WrongWay)),
    ];
    for (mode, who, expected) in table {
        let mut confirmation = propose(mode, 100);
        confirmation.show(10).unwrap();
        assert_eq!(confirmation.decide(true, who, 10), expected, "{mode:?} {who:?}");
    }
}

#[test]
fn every_part_of_a_call_is_bound_and_a_stranger_voids_nothing() {
    let bound = call("ann", "app", "{}", "p1");
    type Change = (Part, fn(&mut Call));
    let changes: [Change; 8] = [
        (Part::Principal, |c| c.subject = digest("bob")),
        (Part::Client, |c| c.client = digest("other")),
        (Part::Server, |c| c.server.push('x')),
        (Part::Tool, |c| c.tool.push('x')),
        (Part::Arguments, |c| c.arguments = digest("{ }")),
        (Part::Effect, |c| c.effect = Effect::Write),
        (Part::Policy, |c| c.policy = digest("p2")),
        (Part::Contract, |c| c.contract = digest("other")),
    ];
    let mut digests = BTreeSet::from([bound.digest()]);
    for (part, change) in changes {
        let mut confirmation = propose(Mode::Approver, 100);
        confirmation.show(1).unwrap();
        confirmation.decide(true, person("bob"), 1).unwrap();
        let mut other = bound.clone();
        change(&mut other);
        assert!(digests.insert(other.digest()), "{part:?} is part of the digest");
        let fault = confirmation.spend(&other, Some(digest("shown")), 2).unwrap_err();
        let expected = if part.is_of_the_world() { Fault::Void(part) } else { Fault::Differs(part) };
        assert_eq!(fault, expected);
        let still = confirmation.spend(&bound, Some(digest("shown")), 2);
        assert_eq!(still.is_ok(), !part.is_of_the_world(), "{part:?}");
    }
}

#[test]
fn what_is_used_is_what_was_shown() {
    let bound = call("ann", "app", "{}", "p1");
    let approved = || {
        let mut confirmation = propose(Mode::Approver, 100);
        confirmation.show(1).unwrap();
        confirmation.decide(true, person("bob"), 1).unwrap();
        confirmation
    };
    let mut confirmation = approved();
    assert_eq!(confirmation.spend(&bound, None, 2).unwrap_err(), Fault::Pending, "nobody looked");
    assert!(confirmation.spend(&bound, Some(digest("shown")), 2).is_ok(), "and that cost nothing");
    let mut confirmation = approved();
    assert_eq!(confirmation.spend(&bound, Some(digest("other")), 2).unwrap_err(), Fault::Void(Part::Preview));
    assert_eq!(confirmation.state(), State::Void);
    let again = confirmation.spend(&bound, Some(digest("shown")), 2);
    assert_eq!(again.unwrap_err(), Fault::Void(Part::Preview), "what is void stays void");
}

/// Two clients that make the same call, one approver, one expiry, one reload: what each does next.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Scene {
    confirmation: String,
    /// Redeems left to each client, and whether it holds a proof that it has not used yet.
    clients: [(u8, bool); 2],
    /// 0 sees it, 1 says yes, 2 takes that back, 3 done.
    approver: u8,
    /// The yes was taken back in time.
    withdrawn: bool,
    now: u64,
    policy: &'static str,
    executions: u8,
    /// Whether somebody with the right to said yes while the policy was the first one and time was left.
    consented: bool,
}

#[test]
fn no_order_of_events_executes_twice_or_without_consent() {
    let start = Scene {
        confirmation: serde_json::to_string(&propose(Mode::Approver, 10)).unwrap(),
        clients: [(2, false); 2],
        approver: 0,
        withdrawn: false,
        now: 0,
        policy: "p1",
        executions: 0,
        consented: false,
    };
    let mut seen = HashSet::from([start.clone()]);
    let mut open = vec![start];
    let mut executed = 0;
    while let Some(scene) = open.pop() {
        assert!(scene.executions <= 1, "{scene:?}");
        assert!(scene.executions == 0 || (scene.consented && !scene.withdrawn), "{scene:?}");
        executed += usize::from(scene.executions == 1);
        let mut reached = Vec::new();
        let load = || serde_json::from_str::<Confirmation>(&scene.confirmation).unwrap();
        let keep = |confirmation: &Confirmation| serde_json::to_string(confirmation).unwrap();
        for client in 0..2 {
            let (left, holds) = scene.clients[client];
            if left > 0 {
                let mut next = scene.clone();
                let mut confirmation = load();
                let call = call("ann", "app", "{}", scene.policy);
                let proof = confirmation.spend(&call, Some(digest("shown")), scene.now);
                // Time may pass and policy may change between the check and the use; the proof is bound to the call.
                next.clients[client] = (left - 1, holds || proof.is_ok());
                next.confirmation = keep(&confirmation);
                reached.push(next);
            }
            if holds {
                let mut next = scene.clone();
                next.clients[client].1 = false;
                next.executions += 1;
                reached.push(next);
            }
        }
        if scene.approver < 3 {
            let mut next = scene.clone();
            let mut confirmation = load();
            confirmation.world(digest(scene.policy), digest("contract"));
            match scene.approver {
                0 => drop(confirmation.show(scene.now)),
                1 => {
                    let yes = confirmation.decide(true, person("bob"), scene.now).is_ok();
                    assert!(!yes || (scene.policy == "p1" && scene.now < 10));
                    next.consented |= yes;
                }
                _ => next.withdrawn = confirmation.decide(false, person("bob"), scene.now).is_ok(),
            }
            next.approver += 1;
            next.confirmation = keep(&confirmation);
            reached.push(next);
        }
        if scene.now == 0 {
            reached.push(Scene { now: 10, ..scene.clone() });
        }
        if scene.policy == "p1" {
            reached.push(Scene { policy: "p2", ..scene.clone() });
        }
        open.extend(reached.into_iter().filter(|next| seen.insert(next.clone())));
    }
    assert!(seen.len() > 300 && executed > 10, "{} scenes, {executed} with an execution", seen.len());
}
