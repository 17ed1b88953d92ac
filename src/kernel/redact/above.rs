//! What keys say about the values under them, worked out once for each key of a document.
use super::labels::{self, Labels};
use super::secrets::{Named, named};
use super::{Context, Kind};

/// How many keys are looked at for a label, from the innermost.
const NEAR: usize = 4;
/// How many keys of a document are remembered, how many slots they are found by and how many of these are tried, and
/// the longest such key.
const KEYS_MAX: usize = 512;
const SLOTS: usize = 1024;
const PROBES: usize = 8;
const KEY_MAX: usize = 64;

/// Names of columns, and of the entries that name or hold the value of a pair.
const HEADS: &[&str] = &[
    "columns",
    "headers",
    "header",
    "fields",
    "cols",
    "schema",
    "columnnames",
    "fieldnames",
    "names",
    "columnmetadata",
    "metadata",
    "meta",
    "columninfo",
    "columnlist",
    "columnheaders",
    "columndefs",
    "colnames",
    "headings",
    "rowtype",
    "resultsetmetadata",
    "dimensionheaders",
    "manifest",
    "head",
];
const NAMES: &[&str] = &[
    "name",
    "type",
    "label",
    "field",
    "key",
    "kind",
    "title",
    "system",
    "idtype",
    "documenttype",
    "attribute",
    "column",
    "property",
    "question",
    "fieldname",
    "code",
    "scheme",
    "category",
    "header",
    "param",
    "variable",
    "prompt",
    "id",
    "path",
    "loc",
    "pointer",
    "parameter",
    "instancepath",
    "columnname",
    "attributename",
    "propertyname",
    "heading",
    "caption",
    "questiontext",
    "doctype",
    "idkind",
    "identifiertype",
    "identitytype",
    "iddoctype",
    "iddocumenttype",
    "docsubtype",
    "idtypecode",
    "documenttypecode",
    "documentkind",
    "documentcategory",
    "display",
    "tipodocumento",
    "tipo",
    "typ",
    "art",
    "bezeichnung",
    "nombre",
    "nom",
    "naam",
    "nazwa",
    "campo",
    "champ",
    "feld",
    "veld",
];
const VALUES: &[&str] = &[
    "value",
    "number",
    "no",
    "id",
    "val",
    "data",
    "text",
    "content",
    "identifier",
    "answer",
    "documentnumber",
    "idnumber",
    "stringvalue",
    "valuestring",
    "v",
    "input",
    "values",
    "displayvalue",
    "default",
    "response",
    "to",
    "from",
    "old",
    "new",
    "oldvalue",
    "newvalue",
    "before",
    "after",
    "actual",
    "received",
    "tostring",
    "fromstring",
    "previous",
    "previousvalue",
    "current",
    "currentvalue",
    "original",
    "originalvalue",
    "updated",
    "prev",
    "next",
    "was",
    "now",
    "cellvalue",
    "fieldvalue",
    "attributevalue",
    "answers",
    "plaintext",
    "docnumber",
    "docno",
    "documentno",
    "documentid",
    "docid",
    "idno",
    "idvalue",
    "numero",
    "nummer",
    "valor",
    "valeur",
    "valore",
    "wert",
    "waarde",
    "wartosc",
];

/// Entries that only wrap a value, or the parts of one: the key above says what it is.
const WRAPS: &[&str] = &[
    "value",
    "val",
    "data",
    "text",
    "plaintext",
    "richtext",
    "current",
    "content",
    "new",
    "old",
    "stringvalue",
    "varcharvalue",
    "newvalue",
    "oldvalue",
    "input",
    "to",
    "answer",
    "answers",
    "response",
    "v",
    "string",
];

/// What has a text of its own.
const CONTAINERS: &[&str] = &[
    "event",
    "record",
    "row",
    "item",
    "post",
    "comment",
    "thread",
    "channel",
    "issue",
    "ticket",
    "incident",
    "case",
    "task",
    "job",
    "request",
    "response",
    "page",
    "block",
    "chunk",
    "segment",
    "sample",
    "node",
    "notification",
    "delivery",
    "meeting",
    "room",
    "update",
];

/// What one key says.
#[derive(Clone, Copy, Debug, Default)]
pub struct Key {
    /// About numbers, dates and names.
    pub labels: Labels,
    /// About secrets.
    pub named: Option<Named>,
    /// It says too little to keep the keys above it from being asked.
    passes: bool,
    /// It only says that there is a value: the key above it says which.
    holds: bool,
    /// It does, and may hold a text of some length too.
    wraps: bool,
    /// What it is for the objects it stands in, of [`Role`].
    roles: u16,
}

/// What an entry is for its object, by its key.
#[derive(Clone, Copy, Debug)]
#[repr(u16)]
pub enum Role {
    /// Names the columns of rows beside it.
    Heads = 1,
    /// Names what another entry holds.
    Names = 2,
    /// Holds a value.
    Value = 4,
    /// `type`
    Type = 8,
    /// `mimeType`
    Media = 16,
    /// May be base64 beside a media type.
    Blob = 32,
    /// The key is a word, and no value itself.
    Word = 64,
    /// `id`
    Id = 128,
    /// `value` or `answer`: what holds the value, where a name and a number of their own stand beside it.
    Holder = 256,
    /// `date`: of what, the key above may say.
    Day = 512,
    /// Holds what someone wrote.
    Prose = 1024,
    /// What something is written in or about: it numbers nothing of what is written.
    Container = 2048,
    /// Holds values that were encrypted.
    Sealed = 4096,
}

impl Key {
    /// Whether it has a role.
    pub fn is(self, role: Role) -> bool {
        self.roles & role as u16 != 0
    }

    /// Whether no entry beside it says more of its value.
    pub fn is_alone(self) -> bool {
        !self.is(Role::Value) && !self.is(Role::Blob)
    }

    /// Reads a key.
    pub fn read(key: &str) -> Self {
        let labels = labels::of_key(key);
        // A single letter is a type or a place: `{"S": "…"}`.
        let normal = normal(key);
        let is_in = |names: &[&str]| names.iter().any(|name| normal.is(name));
        let holds = matches!(key, "#text" | "_" | "$" | "S") || is_in(WRAPS);
        let passes = labels == Labels::VAGUE
            || key.len() < 2
            || holds && !labels.tells()
            || key.bytes().all(|byte| byte.is_ascii_digit());
        let roles = [
            (Role::Heads, is_in(HEADS)),
            (Role::Names, is_in(NAMES)),
            (Role::Value, is_in(VALUES)),
            (Role::Type, normal.is("type")),
            (Role::Media, key == "mimeType"),
            (Role::Blob, matches!(key, "blob" | "data")),
            (Role::Id, normal.is("id")),
            (Role::Holder, is_in(&["value", "answer"])),
            (Role::Day, is_in(&["date", "day", "on", "start"])),
            (
                Role::Prose,
                is_in(&[
                    "text",
                    "content",
                    "message",
                    "body",
                    "bodytext",
                    "bodyhtml",
                    "description",
                    "output",
                    "stdout",
                    "log",
                ]),
            ),
            (Role::Container, is_in(CONTAINERS)),
            (Role::Sealed, is_in(&["encrypteddata", "sealeddata", "encryptedvalues"])),
            (Role::Word, key.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'_')),
        ];
        let roles = roles.iter().filter(|(_, is)| *is).fold(0, |roles, (role, _)| roles | *role as u16);
        // Fields that someone added to Salesforce end so.
        let named = named(key.strip_suffix("__c").unwrap_or(key)).or(is_login(key).then_some(Named::Login));
        let wraps = holds && !labels.tells() && labels != Labels::VAGUE;
        Self { labels, named, passes, holds, wraps, roles }
    }
}

/// Whether what stands under a key may be a secret for its sake.
pub fn promises(key: &str) -> bool {
    is_login(key) || named(key).is_some()
}

fn is_login(key: &str) -> bool {
    matches!(key, "auth" | "_auth" | "authorization" | "Authorization")
}

/// A key in small letters without separators; a longer one than any that is looked for is cut.
struct Normal {
    letters: [u8; 24],
    count: usize,
}

fn normal(key: &str) -> Normal {
    let mut normal = Normal { letters: [0; 24], count: 0 };
    for (slot, byte) in normal.letters.iter_mut().zip(key.bytes().filter(u8::is_ascii_alphanumeric)) {
        *slot = byte.to_ascii_lowercase();
        normal.count += 1;
    }
    normal
}

/// Whether a key is one of these, however it is spelled.
pub fn is_in(key: &str, names: &[&str]) -> bool {
    let normal = normal(key);
    names.iter().any(|name| normal.is(name))
}

impl Normal {
    fn is(&self, name: &str) -> bool {
        self.letters.get(..self.count) == Some(name.as_bytes())
    }
}

/// Keys that were read, by their spelling: a document has few, each many times.
#[derive(Debug, Default)]
pub struct Keys {
    /// Places in `read`, one more than each; nothing is where none is. Nothing at all before the first key.
    slots: Vec<u16>,
    read: Vec<(Ends, Box<str>, Key)>,
    /// The keys of the first element of an array in their order, which those of the others mostly follow.
    trail: Vec<(Ends, Key)>,
    /// Where the next key is expected, if some array is being looked through.
    next: Option<usize>,
    /// How many keys were read anew since this was asked last.
    fresh: usize,
}

/// The most keys of a trail.
const TRAIL_MAX: usize = 128;

impl Keys {
    /// What these say, and those of messages themselves.
    pub fn known<'k>(names: impl Iterator<Item = &'k str>) -> Self {
        let mut keys = Self::default();
        for name in MESSAGES {
            keys.keep(name);
        }
        // Whatever they are spelled with, they are words of the protocol, and no values.
        keys.read.iter_mut().for_each(|(.., key)| key.roles |= Role::Word as u16);
        for name in names {
            keys.keep(name);
        }
        keys
    }

    /// What a key says, if it was read before.
    fn get(&self, ends: Ends, key: &str) -> Option<Key> {
        let first = ends.slot();
        for at in (0..PROBES).map(|step| (first + step) % SLOTS) {
            let place = self.slots.get(at).and_then(|place| usize::from(*place).checked_sub(1))?;
            match self.read.get(place) {
                Some((known, text, read)) if *known == ends && (key.len() <= 16 || **text == *key) => {
                    return Some(*read);
                }
                _ => {}
            }
        }
        None
    }

    /// What a key says, of those `known` and of the others.
    pub fn read(&mut self, known: &Self, key: &str) -> Key {
        let ends = Ends::of(key);
        let Some(next) = self.next.filter(|_| key.len() <= 16) else { return self.find(known, ends, key) };
        // One may be left out.
        for at in next..next + 2 {
            if let Some((expected, read)) = self.trail.get(at)
                && *expected == ends
            {
                self.next = Some(at + 1);
                return *read;
            }
        }
        let read = self.find(known, ends, key);
        if next == self.trail.len() && next < TRAIL_MAX {
            self.trail.push((ends, read));
            self.next = Some(next + 1);
        }
        read
    }

    fn find(&mut self, known: &Self, ends: Ends, key: &str) -> Key {
        known.get(ends, key).or_else(|| self.get(ends, key)).unwrap_or_else(|| self.keep(key))
    }

    /// An array of several elements begins. Where its trail does, and what was expected before.
    pub fn begin(&mut self) -> (usize, Option<usize>) {
        let before = self.next;
        let start = before.unwrap_or(0);
        if before.is_none() {
            self.trail.clear();
        }
        self.next = Some(start);
        (start, before)
    }

    /// How many keys were read anew since this was asked last.
    pub fn fresh(&mut self) -> usize {
        std::mem::take(&mut self.fresh)
    }

    /// What is expected next.
    pub fn expected(&self) -> Option<usize> {
        self.next
    }

    /// Goes on as if the keys up to there had been read.
    pub fn expect(&mut self, next: Option<usize>) {
        self.next = next;
    }

    fn keep(&mut self, key: &str) -> Key {
        let ends = Ends::of(key);
        let read = self.get(ends, key);
        let (new, read) = (read.is_none(), read.unwrap_or_else(|| Key::read(key)));
        self.fresh += usize::from(new);
        if new && key.len() <= KEY_MAX && self.read.len() < KEYS_MAX {
            self.slots.resize(SLOTS, 0);
            let first = ends.slot();
            let mut places = (0..PROBES).map(|step| (first + step) % SLOTS);
            let free = places.find(|at| self.slots.get(*at) == Some(&0));
            if let (Some(slot), Ok(place)) =
                (free.and_then(|at| self.slots.get_mut(at)), u16::try_from(self.read.len() + 1))
            {
                *slot = place;
                self.read.push((ends, key.into(), read));
            }
        }
        read
    }
}

/// Keys of JSON-RPC and MCP, which are in every message.
const MESSAGES: &[&str] = &[
    "jsonrpc",
    "id",
    "method",
    "params",
    "result",
    "error",
    "name",
    "arguments",
    "_meta",
    "content",
    "type",
    "text",
    "structuredContent",
    "isError",
    "resultType",
    "mimeType",
    "data",
    "uri",
    "resource",
    "blob",
    "annotations",
    "audience",
    "priority",
    "message",
    "level",
    "logger",
    "progressToken",
    "progress",
    "total",
    "code",
    "messages",
    "role",
    "contents",
    "description",
    "title",
    "completion",
    "values",
    "hasMore",
    "requestState",
    "inputRequests",
    "inputResponses",
    "nextCursor",
    "cursor",
    "version",
    "protocolVersion",
    "capabilities",
    "clientInfo",
    "serverInfo",
    "io.modelcontextprotocol/protocolVersion",
    "io.modelcontextprotocol/clientCapabilities",
    "io.modelcontextprotocol/clientInfo",
    "io.modelcontextprotocol/serverInfo",
    "io.modelcontextprotocol/logLevel",
    "io.modelcontextprotocol/subscriptionId",
    "io.modelcontextprotocol/related-task",
];

/// The length of a key, its first eight bytes and its last: the whole of it, if it is no longer than sixteen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Ends(usize, u64, u64);

impl Ends {
    fn of(key: &str) -> Self {
        let bytes = key.as_bytes();
        let (first, last) = match (bytes.first_chunk(), bytes.last_chunk()) {
            (Some(first), Some(last)) => (u64::from_le_bytes(*first), u64::from_le_bytes(*last)),
            _ => match (bytes.first_chunk(), bytes.last_chunk()) {
                (Some(first), Some(last)) => {
                    (u64::from(u32::from_le_bytes(*first)), u64::from(u32::from_le_bytes(*last)))
                }
                _ => (bytes.iter().fold(0, |eight, byte| eight << 8 | u64::from(*byte)), 0),
            },
        };
        Self(bytes.len(), first, last)
    }

    /// Where it is looked for first.
    fn slot(self) -> usize {
        ((self.1 ^ self.2.rotate_left(23) ^ self.0 as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 54) as usize
    }
}

/// Of whom else than banks cards are.
const CARDS: Labels =
    Labels::of_all(&[Kind::AuMedicare, Kind::UsMbi, Kind::HealthMemberId, Kind::UkNhs, Kind::Passport])
        .with(Labels::HEALTH)
        .with(Labels::NATIONAL);

/// What all the keys above a text say.
#[derive(Clone, Copy, Debug, Default)]
pub struct Above {
    /// What the innermost key says that says something.
    pub labels: Labels,
    /// What the text is if it is secret.
    pub named: Option<Named>,
    /// The labels are those of a key further away: a long text below it is not the value that they name.
    pub wrapped: bool,
    /// What stands beside it was encrypted.
    pub sealed: bool,
}

impl Above {
    /// Of these keys, innermost first.
    pub fn read<'k>(mut keys: impl Iterator<Item = &'k Key>) -> Self {
        let Some(last) = keys.next() else { return Self::default() };
        let mut next = keys.next();
        let sealed = next.is_some_and(|next| next.is(Role::Sealed));
        let mut above = Self { labels: Labels::NONE, named: last.named, wrapped: last.wraps, sealed };
        let (mut key, mut holds, mut open) = (last, last.holds, true);
        for _ in 0..NEAR {
            // `{"birth": {"date": …}}`
            let day = key.is(Role::Day)
                && next.is_some_and(|next| next.is(Role::Day) || next.labels.names(Kind::DateOfBirth));
            if open && !day {
                let written = last.is(Role::Prose) && key.is(Role::Container);
                open = written || !key.labels.tells() && key.passes;
                above.labels = if key.labels.tells() && !written { key.labels } else { above.labels };
                // `{"medicare": {"card": …}}`: of what card, the key above says.
                if key.labels.names(Kind::CreditCard)
                    && let Some(next) = next.filter(|next| next.labels.any(CARDS) && !next.labels.any(Labels::OTHER))
                {
                    above.labels = above.labels.with(next.labels);
                }
            }
            let Some(further) = next.filter(|_| open || holds) else { break };
            if holds {
                (above.named, holds) = (further.named, further.holds);
            }
            (key, next) = (further, keys.next());
        }
        above
    }

    /// Of a text that has a name of its own under these.
    pub fn below(self, name: &str) -> Self {
        if name.is_empty() {
            return self;
        }
        let key = Key::read(name);
        let labels = if key.labels.tells() || !key.passes { key.labels } else { self.labels };
        Self { labels, named: if key.holds { self.named } else { key.named }, wrapped: false, sealed: self.sealed }
    }

    /// Of the keys that a text is said to stand under.
    pub fn of(context: &Context<'_>) -> Self {
        let mut keys = [Key::default(); NEAR];
        let near = context.path.iter().rev();
        let count = keys.iter_mut().zip(near).map(|(slot, key)| *slot = Key::read(key)).count();
        Self::read(keys.iter().take(count))
    }
}
