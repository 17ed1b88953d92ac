//! What a confirmation is bound to: one call, by one caller, under one policy and one contract.
use crate::kernel::digest::Digest;
use crate::kernel::policy::source::Effect;
use serde::{Deserialize, Serialize};

/// One exact call. Whatever of it changes, it is another call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Call {
    /// Who calls: issuer and subject.
    pub subject: Digest,
    /// With which OAuth client.
    pub client: Digest,
    /// Which server.
    pub server: String,
    /// Which tool.
    pub tool: String,
    /// With which arguments: SHA-256 of their canonical JSON.
    pub arguments: Digest,
    /// What the policy says that the tool does.
    pub effect: Effect,
    /// The policy in force.
    pub policy: Digest,
    /// The contract in force, and what the server was seen to offer of the tool.
    pub contract: Digest,
}

/// A part of a call, by the name that refusals and records give it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// Another person.
    Principal,
    /// Another OAuth client.
    Client,
    /// Another server.
    Server,
    /// Another tool.
    Tool,
    /// Other arguments, be it by one byte.
    Arguments,
    /// The tool does something else now.
    Effect,
    /// Another policy is in force.
    Policy,
    /// Another contract is in force, or the server offers something else.
    Contract,
    /// The call would do something else now than what was shown.
    Preview,
}

impl Part {
    /// The word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Principal => "principal",
            Self::Client => "client",
            Self::Server => "server",
            Self::Tool => "tool",
            Self::Arguments => "arguments",
            Self::Effect => "effect",
            Self::Policy => "policy",
            Self::Contract => "contract",
            Self::Preview => "preview",
        }
    }

    /// Whether the world changed, and not what a caller presents: then nobody can use the confirmation any more.
    pub fn is_of_the_world(self) -> bool {
        matches!(self, Self::Effect | Self::Policy | Self::Contract | Self::Preview)
    }
}

impl Call {
    /// The first part that is another. Who calls and what is called comes before the world, so that a stranger
    /// cannot void anything.
    pub fn differs(&self, other: &Self) -> Option<Part> {
        let Self { subject, client, server, tool, arguments, effect, policy, contract } = self;
        [
            (*subject == other.subject, Part::Principal),
            (*client == other.client, Part::Client),
            (*server == other.server, Part::Server),
            (*tool == other.tool, Part::Tool),
            (*arguments == other.arguments, Part::Arguments),
            (*effect == other.effect, Part::Effect),
            // A contract is a part of what is in force: said before the whole, it says more.
            (*contract == other.contract, Part::Contract),
            (*policy == other.policy, Part::Policy),
        ]
        .into_iter()
        .find_map(|(same, part)| (!same).then_some(part))
    }

    /// Identity of the call for a repeat of it: what the caller says, without the world it is said in.
    pub fn key(&self) -> Digest {
        let parts: [&[u8]; 5] = [
            self.subject.bytes(),
            self.client.bytes(),
            self.server.as_bytes(),
            self.tool.as_bytes(),
            self.arguments.bytes(),
        ];
        Digest::of_parts(&parts)
    }

    /// Identity of the call with everything that it is bound to.
    pub fn digest(&self) -> Digest {
        let key = self.key();
        let effect = self.effect.name();
        Digest::of_parts(&[key.bytes(), effect.as_bytes(), self.policy.bytes(), self.contract.bytes()])
    }
}
