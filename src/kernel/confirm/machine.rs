//! The state machine. Pure: time, who answers and what is in force come in as values; what is written down and who
//! is told is somebody else's.
//!
//! ```text
//! proposed ──▶ shown ──▶ approved ──▶ spent ──▶ executed
//!     │          ├─────▶ denied ◀┤      │  ▲└─▶ failed
//!     └──────────┴──▶ expired, void     └──┘ the server asks the client something
//! ```
use super::binding::{Call, Part};
use crate::kernel::digest::Digest;
use crate::kernel::refusal::Reason;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Most times that a server may ask the client for input within one confirmed call.
pub const ROUNDS_MAX: u32 = 10;
/// How long the client has to give that input, in seconds.
const ROUND_SECONDS: u64 = 600;

/// A way of asking.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// The client's own prompt is relied on. Only for clients under `confirmations.host`.
    Host,
    /// The caller is asked through the protocol (elicitation).
    Elicit,
    /// Somebody else signs in on the approval page.
    Approver,
    /// The caller signs in on the approval page; then the same call goes through.
    Code,
}

impl Mode {
    /// The word used in policies and records.
    pub fn name(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::Elicit => "elicit",
            Self::Approver => "approver",
            Self::Code => "code",
        }
    }

    /// Whether the approval page is needed.
    pub fn needs_page(self) -> bool {
        matches!(self, Self::Approver | Self::Code)
    }
}

/// Where a confirmation stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Somebody is to be asked.
    Proposed,
    /// Somebody saw it.
    Shown,
    /// They said yes.
    Approved,
    /// They said no.
    Denied,
    /// Nobody said anything in time, or the approval was not used in time.
    Expired,
    /// The policy, the contract or the preview changed.
    Void,
    /// Used up: the call is on its way.
    Spent,
    /// The server did it.
    Executed,
    /// The server did not, or nobody knows.
    Failed,
}

impl State {
    /// The word used in records.
    pub fn name(self) -> &'static str {
        match self {
            Self::Proposed => "proposed",
            Self::Shown => "shown",
            Self::Approved => "approved",
            Self::Denied => "denied",
            Self::Expired => "expired",
            Self::Void => "void",
            Self::Spent => "spent",
            Self::Executed => "executed",
            Self::Failed => "failed",
        }
    }

    /// Whether somebody may still answer.
    pub fn is_open(self) -> bool {
        matches!(self, Self::Proposed | Self::Shown)
    }

    /// Whether it ended without anybody's answer.
    pub fn is_over_undecided(self) -> bool {
        matches!(self, Self::Expired | Self::Void)
    }

    /// Whether it can still lead to an execution.
    pub fn is_live(self) -> bool {
        self.is_open() || self == Self::Approved
    }
}

/// Who decided, as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum By {
    /// The person at the client, through the protocol.
    Caller,
    /// The client's own prompt, on its word.
    Host,
    /// A person who signed in: issuer and subject.
    Person(Digest),
    /// Another system, by a signed answer: its name, and who it says answered.
    System(String, Digest),
    /// An earlier approval of several like calls.
    Batch(String),
}

/// Who answers now.
#[derive(Clone, Copy, Debug)]
pub enum Answerer<'a> {
    /// The client that made the call, for the person at it.
    Client {
        /// Its subject.
        subject: Digest,
        /// Its OAuth client.
        client: Digest,
    },
    /// The client's own prompt, which the policy relies on.
    Host,
    /// A person who signed in.
    Person {
        /// Issuer and subject.
        subject: Digest,
        /// Has one of the roles that the policy asks of approvers.
        has_role: bool,
        /// When the sign-in ends, seconds since 1970.
        expires: u64,
    },
    /// Another system, whose signature was verified.
    System {
        /// Its name in the configuration.
        name: &'a str,
        /// Who it says answered.
        subject: Digest,
    },
    /// An approval of several like calls, which has one left.
    Batch(&'a str),
}

/// Why a step is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Not seen by whoever would decide.
    NotShown,
    /// Decided already, or used.
    Decided,
    /// Nobody has said yes yet.
    Pending,
    /// They said no.
    Denied,
    /// Too late.
    Expired,
    /// The policy or the contract changed.
    Void(Part),
    /// Used already.
    Spent,
    /// It is for another call.
    Differs(Part),
    /// The requester may not decide on it.
    SamePerson,
    /// Not somebody who may decide on it.
    NotApprover,
    /// Not the way in which it is to be decided.
    WrongWay,
    /// The sign-in of whoever decides has ended.
    SignInExpired,
}

impl Fault {
    /// The refusal that the caller gets.
    pub fn reason(self) -> Reason {
        match self {
            Self::Denied => Reason::ConfirmationDenied,
            Self::Expired => Reason::ConfirmationExpired,
            Self::Void(_) => Reason::ConfirmationVoid,
            Self::Spent | Self::Decided => Reason::ConfirmationSpent,
            Self::Differs(_) => Reason::ConfirmationMismatch,
            Self::Pending | Self::NotShown => Reason::ConfirmationPending,
            Self::SamePerson | Self::NotApprover | Self::WrongWay | Self::SignInExpired => Reason::ConfirmationUnknown,
        }
    }
}

/// Proof that the one approval of a call was used up for it. Only [`Confirmation::spend`] and
/// [`Confirmation::resume`] make one; it cannot be copied.
#[derive(Debug)]
pub struct Spent {
    call: Digest,
    id: String,
    round: u32,
}

impl Spent {
    /// For which call, with everything it is bound to.
    pub fn call(&self) -> Digest {
        self.call
    }

    /// Which confirmation.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// How often the server asked for input so far.
    pub fn round(&self) -> u32 {
        self.round
    }
}

/// One confirmation: what it is of, which never changes and is shared, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confirmation {
    of: Arc<Of>,
    stands: Standing,
}

/// What of a confirmation never changes, and the identities of its call, which every step and record wants.
#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(from = "Bound")]
struct Of {
    bound: Bound,
    key: Digest,
    digest: Digest,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Bound {
    id: String,
    call: Call,
    mode: Mode,
    separate: bool,
    preview: Option<Digest>,
    rechecked: bool,
    proposed: u64,
    expires: u64,
}

impl From<Bound> for Of {
    fn from(bound: Bound) -> Self {
        Self { key: bound.call.key(), digest: bound.call.digest(), bound }
    }
}

impl Serialize for Of {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.bound.serialize(serializer)
    }
}

impl std::ops::Deref for Of {
    type Target = Bound;

    fn deref(&self) -> &Bound {
        &self.bound
    }
}

/// What of a confirmation its steps change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    state: State,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    void: Option<Part>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    decided: Option<(By, u64)>,
    #[serde(default, skip_serializing_if = "is_zero")]
    round: u32,
    /// When the server asked for input that was not given yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    asked: Option<u64>,
}

/// Whether a count is not worth writing down.
#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
pub fn is_zero(count: &u32) -> bool {
    *count == 0
}

/// What a new confirmation is made of.
#[derive(Clone, Debug)]
pub struct Proposal {
    /// Random, and never used twice.
    pub id: String,
    /// The call.
    pub call: Call,
    /// How somebody is asked.
    pub mode: Mode,
    /// The requester may not be who approves.
    pub separate: bool,
    /// Digest of the preview that is shown.
    pub preview: Option<Digest>,
    /// It has to be the same when the approval is used.
    pub rechecked: bool,
    /// Seconds since 1970.
    pub expires: u64,
}

impl Confirmation {
    /// Somebody is to be asked.
    pub fn propose(proposal: Proposal, now: u64) -> Self {
        let Proposal { id, call, mode, separate, preview, rechecked, expires } = proposal;
        let rechecked = rechecked && preview.is_some();
        Self {
            of: Arc::new(Bound { id, call, mode, separate, preview, rechecked, proposed: now, expires }.into()),
            stands: Standing { state: State::Proposed, void: None, decided: None, round: 0, asked: None },
        }
    }

    /// Its id, which is also its nonce.
    pub fn id(&self) -> &str {
        &self.of.id
    }

    /// The call it is bound to.
    pub fn call(&self) -> &Call {
        &self.of.call
    }

    /// Identity of that call for a repeat of it: [`Call::key`].
    pub fn key(&self) -> &Digest {
        &self.of.key
    }

    /// Identity of that call with everything that it is bound to: [`Call::digest`].
    pub fn digest(&self) -> Digest {
        self.of.digest
    }

    /// How somebody is asked.
    pub fn mode(&self) -> Mode {
        self.of.mode
    }

    /// Whether the requester may not be who approves.
    pub fn separate(&self) -> bool {
        self.of.separate
    }

    /// Digest of the preview that is shown.
    pub fn preview(&self) -> Option<Digest> {
        self.of.preview
    }

    /// Whether the preview has to be made again when the approval is used, and be the same.
    pub fn rechecked(&self) -> bool {
        self.of.rechecked
    }

    /// When it was proposed, seconds since 1970.
    pub fn proposed(&self) -> u64 {
        self.of.proposed
    }

    /// When it expires, seconds since 1970.
    pub fn expires(&self) -> u64 {
        self.of.expires
    }

    /// Where it stands.
    pub fn state(&self) -> State {
        self.stands.state
    }

    /// What changed, of one that is void.
    pub fn void(&self) -> Option<Part> {
        self.stands.void
    }

    /// Who decided, and when.
    pub fn decided(&self) -> Option<&(By, u64)> {
        self.stands.decided.as_ref()
    }

    /// Where it stands, with all that its steps change.
    pub fn standing(&self) -> &Standing {
        &self.stands
    }

    /// Takes over how it stood, as it was read.
    pub fn stand(&mut self, stands: Standing) {
        self.stands = stands;
    }

    /// Time passes. True if that changed anything.
    pub fn tick(&mut self, now: u64) -> bool {
        let late = self.stands.state.is_live() && now >= self.of.expires;
        if late {
            self.stands.state = State::Expired;
        }
        late
    }

    /// What is in force now. True if that changed anything: of another policy or contract nobody was asked.
    pub fn world(&mut self, policy: Digest, contract: Digest) -> bool {
        let part = match (policy == self.of.call.policy, contract == self.of.call.contract) {
            (true, true) => return false,
            (_, false) => Part::Contract,
            (false, true) => Part::Policy,
        };
        let voids = self.stands.state.is_live();
        if voids {
            (self.stands.state, self.stands.void) = (State::Void, Some(part));
        }
        voids
    }

    /// Somebody who may decide sees it.
    pub fn show(&mut self, now: u64) -> Result<(), Fault> {
        self.tick(now);
        match self.stands.state {
            State::Proposed | State::Shown => {
                self.stands.state = State::Shown;
                Ok(())
            }
            _ => Err(self.why_not()),
        }
    }

    /// Whether this answerer may decide on it.
    pub fn may_decide(&self, who: Answerer<'_>, now: u64) -> Result<By, Fault> {
        match (self.of.mode, who) {
            (Mode::Elicit, Answerer::Client { subject, client }) => {
                if (subject, client) == (self.of.call.subject, self.of.call.client) {
                    Ok(By::Caller)
                } else {
                    Err(Fault::NotApprover)
                }
            }
            (Mode::Host, Answerer::Host) => Ok(By::Host),
            (Mode::Approver | Mode::Code, Answerer::Person { expires, .. }) if expires <= now => {
                Err(Fault::SignInExpired)
            }
            (Mode::Approver, Answerer::Person { subject, has_role, .. }) => {
                if self.of.separate && subject == self.of.call.subject {
                    Err(Fault::SamePerson)
                } else if !has_role {
                    Err(Fault::NotApprover)
                } else {
                    Ok(By::Person(subject))
                }
            }
            (Mode::Approver, Answerer::System { name, subject }) => {
                if self.of.separate && subject == self.of.call.subject {
                    Err(Fault::SamePerson)
                } else {
                    Ok(By::System(name.to_owned(), subject))
                }
            }
            (Mode::Code, Answerer::Person { subject, .. }) if subject == self.of.call.subject => {
                Ok(By::Person(subject))
            }
            (Mode::Code, Answerer::Person { .. }) => Err(Fault::NotApprover),
            (Mode::Approver, Answerer::Batch(id)) => Ok(By::Batch(id.to_owned())),
            _ => Err(Fault::WrongWay),
        }
    }

    /// Somebody answers.
    pub fn decide(&mut self, yes: bool, who: Answerer<'_>, now: u64) -> Result<(), Fault> {
        self.tick(now);
        let by = self.may_decide(who, now)?;
        match self.stands.state {
            State::Shown => {
                self.stands.state = if yes { State::Approved } else { State::Denied };
                self.stands.decided = Some((by, now));
                Ok(())
            }
            State::Proposed => Err(Fault::NotShown),
            // Whoever said yes may still say no, as long as nothing came of it.
            State::Approved if !yes => {
                (self.stands.state, self.stands.decided) = (State::Denied, Some((by, now)));
                Ok(())
            }
            State::Approved => Err(Fault::Decided),
            _ => Err(self.why_not()),
        }
    }

    /// Uses the approval up for this call. `preview` is the digest of the preview as it is now, `None` if it was not
    /// made again: what somebody approved is what they were shown.
    pub fn spend(&mut self, call: &Call, preview: Option<Digest>, now: u64) -> Result<Spent, Fault> {
        self.tick(now);
        match self.of.call.differs(call) {
            None => {}
            // A change of the world voids it for good; a stranger's call changes nothing.
            Some(part) if part.is_of_the_world() => {
                if self.stands.state.is_live() {
                    (self.stands.state, self.stands.void) = (State::Void, Some(part));
                }
                return Err(if self.stands.state == State::Void { Fault::Void(part) } else { self.why_not() });
            }
            Some(part) => return Err(Fault::Differs(part)),
        }
        match self.stands.state {
            State::Approved if self.of.rechecked && preview.is_none() => Err(Fault::Pending),
            State::Approved if self.of.rechecked && preview != self.of.preview => {
                (self.stands.state, self.stands.void) = (State::Void, Some(Part::Preview));
                Err(Fault::Void(Part::Preview))
            }
            State::Approved => {
                self.stands.state = State::Spent;
                Ok(self.proof())
            }
            _ => Err(self.why_not()),
        }
    }

    /// The server asks the client for input before it goes on.
    pub fn asked(&mut self, now: u64) -> Result<u32, Fault> {
        if self.stands.state != State::Spent || self.stands.asked.is_some() || self.stands.round >= ROUNDS_MAX {
            return Err(self.why_not());
        }
        self.stands.round += 1;
        self.stands.asked = Some(now);
        Ok(self.stands.round)
    }

    /// The client gives the input of this round: the call goes on, once.
    pub fn resume(&mut self, call: &Call, round: u32, now: u64) -> Result<Spent, Fault> {
        if let Some(part) = self.of.call.differs(call) {
            return Err(if part.is_of_the_world() { Fault::Void(part) } else { Fault::Differs(part) });
        }
        match self.stands.asked {
            Some(asked) if self.stands.state == State::Spent && self.stands.round == round => {
                if now >= asked.saturating_add(ROUND_SECONDS) {
                    return Err(Fault::Expired);
                }
                self.stands.asked = None;
                Ok(self.proof())
            }
            _ => Err(Fault::Spent),
        }
    }

    /// What came of it.
    pub fn finish(&mut self, done: bool) -> Result<(), Fault> {
        if self.stands.state != State::Spent {
            return Err(self.why_not());
        }
        self.stands.state = if done { State::Executed } else { State::Failed };
        Ok(())
    }

    fn proof(&self) -> Spent {
        Spent { call: self.of.digest, id: self.of.id.clone(), round: self.stands.round }
    }

    /// Why nothing goes on from here.
    fn why_not(&self) -> Fault {
        match self.stands.state {
            State::Proposed | State::Shown => Fault::Pending,
            State::Approved => Fault::Decided,
            State::Denied => Fault::Denied,
            State::Expired => Fault::Expired,
            State::Void => Fault::Void(self.stands.void.unwrap_or(Part::Policy)),
            State::Spent | State::Executed | State::Failed => Fault::Spent,
        }
    }
}
