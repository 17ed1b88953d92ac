//! How much work one message may cause.
//!
//! What a text costs is in what is asked about it: a number whose surroundings are read costs a thousand times what a
//! letter does about which nobody asks. So what costs is counted, in steps of about a nanosecond, and a text that needs
//! more than its length allows is not read on: it is taken for sensitive as a whole, see
//! [`Kind::Unread`](super::Kind::Unread). Whatever is made up to be slow, or will be, stops there.
//!
//! What each kind of work is worth was fitted to what 17,000 texts took that a search made as slow as it could, and to
//! 350 lists, tables, programs, logs and dumps. Of those that people have none needs more than three fifths of what it may.
use std::cell::Cell;

/// How many steps each byte may cause, and how many come on top: short texts may be as dense as they like.
const EACH: u64 = 100;
const FIRST: u64 = 256_000;

/// What takes time.
#[derive(Clone, Copy, Debug)]
pub enum Work {
    /// A number, or another word with a digit, was come to.
    Number,
    /// Words were joined to see whether they are one number.
    Chain,
    /// Some of them were held against all kinds.
    Candidate,
    /// It was asked what is said of a place.
    Evidence,
    /// What stands behind a place was read.
    After,
    /// What labels say that are further away.
    Also,
    /// Words were read for their labels; and each byte of them.
    Words,
    /// See [`Self::Words`].
    Letter,
    /// A byte of all words around was read to know what they may say: plain, or of any script.
    Plain,
    /// See [`Self::Plain`].
    Spelled,
    /// A byte was read for tables.
    Table,
    /// The sign of an address was come to.
    Address,
    /// What may be an address of IPv6 was.
    Ip6,
    /// A literal that may name a secret was come to.
    Literal,
    /// It was read with the words around it.
    Name,
    /// Nothing in the syntax around a name is its value, so that tables and sentences were asked.
    Sentence,
    /// A word of such a sentence was read.
    Said,
    /// A byte of what may be a secret was judged.
    Value,
    /// A long word was held against the marks of tokens.
    Token,
    /// A run was decoded; and each byte of it.
    Encoded,
    /// See [`Self::Encoded`].
    Decoded,
    /// A trick was undone.
    Folded,
    /// A key of a document was read that is not known yet.
    Key,
    /// An entry of a document was looked at in earnest.
    Entry,
    /// A finding in a document was kept.
    Kept,
    /// A document inside a string was begun: for each key above it.
    Above,
}

impl Work {
    const fn steps(self) -> u64 {
        match self {
            Self::Number => 20,
            Self::Chain => 75,
            Self::Candidate => 75,
            Self::Evidence => 100,
            Self::After => 100,
            Self::Also => 900,
            Self::Words => 200,
            Self::Letter => 1,
            Self::Plain | Self::Table => 3,
            Self::Spelled => 13,
            Self::Address => 150,
            Self::Ip6 => 65,
            Self::Literal => 50,
            Self::Name => 280,
            Self::Sentence => 120,
            Self::Said => 230,
            Self::Value => 33,
            Self::Token => 270,
            Self::Encoded => 800,
            Self::Decoded => 3,
            Self::Folded => 40,
            Self::Key => 440,
            Self::Entry => 130,
            Self::Kept => 110,
            Self::Above => 30,
        }
    }
}

/// What is left for one message, or for a text that stands alone.
#[derive(Debug)]
pub struct Effort {
    left: Cell<u64>,
}

impl Effort {
    /// For so many bytes.
    pub fn of(bytes: usize) -> Self {
        Self { left: Cell::new(FIRST + EACH.saturating_mul(bytes as u64)) }
    }

    /// So much was done.
    #[inline]
    pub(super) fn take(&self, work: Work, count: usize) {
        self.left.set(self.left.get().saturating_sub(work.steps().saturating_mul(count as u64)));
    }

    /// Nothing more is to be done.
    pub(super) fn spend(&self) {
        self.left.set(0);
    }

    /// Whether nothing is left: what was found till then is not all there is.
    #[inline]
    pub fn is_spent(&self) -> bool {
        self.left.get() == 0
    }

    /// How many steps are left.
    pub fn left(&self) -> u64 {
        self.left.get()
    }
}
