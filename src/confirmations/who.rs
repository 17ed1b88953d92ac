//! Who answers, owned: a step is taken on another thread than it is asked for.
use crate::kernel::confirm::machine::Answerer;
use crate::kernel::digest::Digest;

/// Who answers, owned.
#[derive(Clone, Debug)]
pub enum Who {
    /// See [`Answerer::Client`].
    Client {
        /// Subject.
        subject: Digest,
        /// OAuth client.
        client: Digest,
    },
    /// See [`Answerer::Host`].
    Host,
    /// See [`Answerer::Person`].
    Person {
        /// Issuer and subject.
        subject: Digest,
        /// Whether it is an approver.
        has_role: bool,
        /// End of the sign-in.
        expires: u64,
    },
    /// See [`Answerer::System`].
    System {
        /// Its name.
        name: String,
        /// Who it says answered.
        subject: Digest,
    },
    /// See [`Answerer::Batch`].
    Batch(String),
}

impl Who {
    /// As the kernel takes it.
    pub fn answerer(&self) -> Answerer<'_> {
        match self {
            Self::Client { subject, client } => Answerer::Client { subject: *subject, client: *client },
            Self::Host => Answerer::Host,
            Self::Person { subject, has_role, expires } => {
                Answerer::Person { subject: *subject, has_role: *has_role, expires: *expires }
            }
            Self::System { name, subject } => Answerer::System { name, subject: *subject },
            Self::Batch(id) => Answerer::Batch(id),
        }
    }
}
