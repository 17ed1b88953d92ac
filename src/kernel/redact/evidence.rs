//! What the surroundings of a value say about it: its key, its column, the words beside it.
use super::Kind;
use super::effort::{Effort, Work};
use super::labels::{self, Labels, Match};
use super::letters;
use super::reading::Reading;
use super::tables::Tables;
use super::taken;
use super::words::Words;
use std::cell::{Cell, OnceCell};

/// How far back and ahead words are read, in bytes.
const BEFORE: usize = 80;
const AFTER: usize = 48;
/// How much further, where a word would be cut.
const CUT: usize = 24;
/// How many lines back the name of a nested value is looked for.
const LINES: usize = 4;
/// How far back a list may begin.
const LISTED: usize = 256;
/// The longest name of a field, and the longest type that one may have.
const NAME_MAX: usize = 40;

/// What is known about one place.
#[derive(Clone, Copy, Debug, Default)]
pub struct Evidence {
    /// What the nearest label says.
    pub labels: Labels,
    /// The place before which labels further away stand, for [`Surroundings::also`].
    pub also: Option<usize>,
    /// It is the key or the column of the value, not only a word in the neighbourhood.
    pub direct: bool,
    /// It has a key that says nothing we know.
    pub strange: bool,
}

impl Evidence {
    /// Whether the label names this kind, or one of its general names.
    pub fn names(self, kind: Kind) -> bool {
        self.labels.names(kind)
    }
}

/// What stands in front of a place; the same for everything that begins there.
#[derive(Clone, Copy, Debug, Default)]
pub struct Front {
    /// A key or a column decides.
    decided: Option<Evidence>,
    /// The nearest label.
    near: Option<Labels>,
    /// See [`Evidence`].
    also: Option<usize>,
    /// It stands right beside the value: what follows cannot be nearer.
    beside: bool,
    strange: bool,
}

impl Front {
    /// The same for a value that follows another.
    pub fn further(self) -> Self {
        Self { beside: false, ..self }
    }

    fn direct(labels: Labels, also: Option<usize>) -> Self {
        let decided = Some(Evidence { labels, also, direct: true, strange: false });
        Self { decided, ..Self::default() }
    }
}

/// Reads the surroundings of values in one text.
pub struct Surroundings<'v> {
    text: &'v str,
    read: Reading<'v>,
    effort: &'v Effort,
    /// What the keys above the whole text say.
    above: Labels,
    tables: OnceCell<Tables>,
    /// What all its words may say, if it is short; or else those of each of its blocks, and its tables.
    all: OnceCell<Labels>,
    blocks: OnceCell<Vec<OnceCell<Labels>>>,
    named: OnceCell<Labels>,
    /// What was last read of blocks, the first and the last of them.
    near: Cell<Option<((usize, usize), Labels)>>,
}

/// How long a text is whose words are all read before any is read in earnest.
const SHORT: usize = 1024;
/// How long one is in which that is done before any number is looked at.
const SOON: usize = 256;
/// The blocks in which the words of a longer one are read, in bytes; how much of the block before belongs to one, since a
/// label may begin there; how far back and ahead something may speak of a place, names of columns apart.
const BLOCK: usize = 512;
const JOINT: usize = 96;
const BACK: usize = SEGMENT + JOINT;
const AHEAD: usize = 2 * AFTER;

impl<'v> Surroundings<'v> {
    /// Of the folded text and what the keys above it say.
    pub fn new(text: &'v str, above: Labels, effort: &'v Effort) -> Self {
        let (all, blocks, named, near) = Default::default();
        Self {
            text,
            read: Reading::new(text, effort),
            effort,
            above,
            tables: OnceCell::new(),
            all,
            blocks,
            named,
            near,
        }
    }

    /// What may still be done.
    pub fn effort(&self) -> &'v Effort {
        self.effort
    }

    /// The text itself.
    pub fn text(&self) -> &'v str {
        self.text
    }

    /// Reads the words of a part of the text.
    pub fn words<R>(&self, from: usize, to: usize, read: impl FnOnce(&Words<'_>) -> R) -> R {
        let (from, to) = (self.text.ceil_char_boundary(from), floor(self.text, to.min(self.text.len())));
        self.read.words(self.text.get(from..to).unwrap_or_default(), read)
    }

    /// What is said about `start..end`, given what stands in front of it.
    pub fn of(&self, front: &Front, end: usize) -> Evidence {
        let Front { decided: None, near, also, beside, strange } = *front else {
            let decided = front.decided.unwrap_or_default();
            let denies = decided.labels.any(Labels::OTHER) && !decided.labels.accuses();
            return if denies { self.remarked(decided, end).unwrap_or(decided) } else { decided };
        };
        self.effort.take(Work::After, usize::from(!beside));
        let after = if beside { None } else { self.after(end) };
        // What follows counts for less than what stands before, unless it says outright what the value is.
        let after =
            after.filter(|(labels, outright)| near.is_none() && !strange || *outright && !labels.any(Labels::OTHER));
        match (after, near) {
            (Some((labels, _)), _) => Evidence { labels, also: None, direct: false, strange },
            (None, Some(labels)) => Evidence { labels, also, direct: false, strange },
            (None, None) => {
                let labels = self.above;
                Evidence { labels, also: None, direct: false, strange: strange && !labels.tells() }
            }
        }
    }

    /// What a remark right behind `end` says that is nothing but a label, where a key only says that it is something else:
    /// `standing order: 12-34-56 12345678 (sort code and account)`.
    #[inline(never)]
    fn remarked(&self, decided: Evidence, end: usize) -> Option<Evidence> {
        let rest = self.text.get(end..)?;
        let opens = rest.starts_with(" (") || rest.starts_with('(');
        if !opens {
            return None;
        }
        let inner = rest.get(..floor(rest, AFTER.min(rest.len())))?.split_once('(')?.1;
        let inner = inner.get(..inner.find(')')?)?;
        let found = self.read.words(inner, labels::first)?;
        let whole = inner.get(..found.start)?.is_empty() && inner.get(found.end..)?.is_empty();
        let labels = found.labels;
        (whole && labels.accuses() && !labels.any(Labels::OTHER)).then_some(Evidence { labels, ..decided })
    }

    /// What may be said about the place at `start`: nothing else is, but not all of it need be. Of a list only what is said
    /// of it beside that place.
    pub fn may(&self, start: usize) -> Labels {
        if self.is_short() {
            return *self.all.get_or_init(|| self.above.with(self.all_of(self.text)));
        }
        if let Some(labels) = self.known(start) {
            return labels;
        }
        let blocks = self.blocks.get_or_init(|| vec![OnceCell::new(); self.text.len() / BLOCK + 1]);
        let near = Self::near(blocks, start)
            .fold(Labels::NONE, |all, (place, block)| all.with(*block.get_or_init(|| self.block(place))));
        let named = self.named.get_or_init(|| self.above.with(self.tables().all(self.text)));
        let labels = near.with(*named);
        self.near.set(Some((Self::reach(start), labels)));
        labels
    }

    /// Whether the words of the whole text are read at once.
    pub fn is_short(&self) -> bool {
        self.text.len() <= SHORT
    }

    /// Whether [`Self::may`] of the place at `start` is known, or soon told. Of a longer text nothing is read for it.
    pub fn is_told(&self, start: usize) -> bool {
        if self.is_short() {
            return self.text.len() <= SOON || self.all.get().is_some();
        }
        let known = |blocks: &Vec<OnceCell<Labels>>| Self::near(blocks, start).all(|(_, block)| block.get().is_some());
        self.known(start).is_some() || self.named.get().is_some() && self.blocks.get().is_some_and(known)
    }

    /// What was read last, if that is of the same blocks.
    fn known(&self, start: usize) -> Option<Labels> {
        self.near.get().filter(|(blocks, _)| *blocks == Self::reach(start)).map(|(_, labels)| labels)
    }

    /// The first and the last block that may say something of the place at `start`.
    fn reach(start: usize) -> (usize, usize) {
        (start.saturating_sub(BACK) / BLOCK, (start + AHEAD) / BLOCK)
    }

    /// The blocks that may say something of the place at `start`.
    fn near(blocks: &[OnceCell<Labels>], start: usize) -> impl Iterator<Item = (usize, &OnceCell<Labels>)> {
        let (first, last) = Self::reach(start);
        blocks.iter().enumerate().take(last + 1).skip(first)
    }

    /// What the words of a block may say.
    fn block(&self, place: usize) -> Labels {
        let (from, to) = ((place * BLOCK).saturating_sub(JOINT), (place + 1) * BLOCK);
        let text = self.text.get(floor(self.text, from)..floor(self.text, to.min(self.text.len())));
        self.all_of(text.unwrap_or_default())
    }

    /// What all words of a part of the text may say.
    fn all_of(&self, text: &str) -> Labels {
        let plain = text.is_ascii();
        self.effort.take(if plain { Work::Plain } else { Work::Spelled }, text.len());
        labels::all_in(text, plain)
    }

    fn tables(&self) -> &Tables {
        self.tables.get_or_init(|| {
            self.effort.take(Work::Table, self.text.len());
            Tables::read(self.text)
        })
    }

    /// Whether nothing but digits and the marks inside numbers stands between two places.
    pub fn continues(&self, from: usize, start: usize) -> bool {
        let between = self.text.as_bytes().get(from..start).unwrap_or_default();
        from < start
            && between.len() <= BEFORE
            && between.iter().all(|byte| byte.is_ascii_digit() || is_mark(*byte))
            && !between.windows(2).any(|pair| pair == b"  ")
    }

    /// What stands before `start`, in its row or above it.
    pub fn front(&self, start: usize) -> Front {
        let (before, whole_line) = self.before(start);
        if before.ends_with(['|', '*', '~', '/', '+'])
            && let Some(labels) = field(&self.read, self.text, start)
        {
            return Front::direct(labels, None);
        }
        let (before, whole_line) = match taken::behind_last(before).and_then(|end| before.get(end..)) {
            Some(rest) => (rest, false),
            None => (before, whole_line),
        };
        if before.ends_with("extension=\"")
            && let Some(labels) = self.registered(start)
        {
            return Front::direct(labels, None);
        }
        let clean = peel(&self.read, before);
        // `dobs = ["1979-03-14", "…"]`: the name stands before the list.
        if clean.ends_with(',')
            && let Some(labels) = self.listed(start)
        {
            return Front::direct(labels, None);
        }
        if let Some(labels) = self.numbered(before, start).or_else(|| card_line(&self.read, clean)) {
            return Front::direct(labels, None);
        }
        let tables = || self.tables().label(self.text, start);
        if !clean.ends_with([':', '='])
            && let Some(labels) = tables().filter(|labels| labels.tells())
        {
            return Front::direct(labels, None);
        }
        if is_call(before, clean) {
            return Front { strange: true, beside: true, ..Front::default() };
        }
        let mut strange = false;
        let stands_alone = whole_line && clean.trim_matches(bullet).is_empty();
        if stands_alone && before.len() == start && self.above.tells() {
            return Front::direct(self.above, None);
        }
        match key(&self.read, clean) {
            Some(key) => {
                let mut labels = of_several(&self.read, key);
                // `<cell>SSN</cell><cell>`: to markup it is no telephone, unless it stands alone.
                if key.eq_ignore_ascii_case("cell") && clean.ends_with('>') {
                    let sibling = self.sibling(start);
                    labels = if sibling.tells() { sibling } else { labels };
                }
                // `<PersonBirthDate><Date>`
                if labels == Labels::OTHER
                    && key.eq_ignore_ascii_case("date")
                    && let Some(front) =
                        clean.strip_suffix('>').and_then(|front| front.strip_suffix(key)?.strip_suffix('<'))
                    && let Some(outer) = self::key(&self.read, peel(&self.read, front)).map(|key| self.read.of_key(key))
                    && outer.names(Kind::DateOfBirth)
                {
                    return Front::direct(outer, None);
                }
                if labels.tells() && !counts(key) {
                    return Front::direct(labels, Some(start));
                }
                // Behind the end of an element that says something only what is beside the value counts.
                if key.is_empty() && clean.ends_with('>') {
                    let sibling = self.sibling(start);
                    let strange = Front { strange: true, beside: true, ..Front::default() };
                    return if sibling.tells() { Front::direct(sibling, None) } else { strange };
                }
                if labels == Labels::VAGUE || key.trim().is_empty() {
                    let named = named(&self.read, clean);
                    if named.tells() {
                        return Front::direct(named, None);
                    }
                    let sibling = if clean.ends_with('=') { self.sibling(start) } else { Labels::NONE };
                    if sibling.tells() {
                        return Front::direct(sibling, None);
                    }
                    let outer = outer(&self.read, clean);
                    if outer.tells() {
                        return Front::direct(outer, None);
                    }
                    let parent = self.parent(start);
                    if parent.tells() {
                        return Front::direct(parent, None);
                    }
                    let heading = if stands_alone { self.heading(start) } else { self.asked(start, whole_line) };
                    if heading.tells() {
                        return Front::direct(heading, None);
                    }
                } else {
                    strange = true;
                    let asked = self.asked(start, whole_line);
                    if asked.tells() {
                        return Front::direct(asked, None);
                    }
                }
            }
            None if stands_alone => {
                let heading = self.heading(start);
                if heading.tells() {
                    return Front::direct(heading, None);
                }
            }
            None if before.ends_with('>') => {
                let sibling = self.sibling(start);
                if sibling.tells() {
                    return Front::direct(sibling, None);
                }
            }
            None if whole_line && is_filler(clean) => {
                let asked = self.asked(start, whole_line);
                if asked.tells() {
                    return Front::direct(asked, None);
                }
            }
            None => {}
        }
        let near = near(&self.read, clean).filter(|(found, _)| reaches(clean, *found));
        // `Account number: 12345678 | 20240131`: another field begins, whatever it is.
        let near = near.filter(|(found, _)| !(strange && follows_value(clean, *found)));
        // `12 is my SSN, 13 is my phone`: behind a comma what follows says it as well.
        let beside = near.is_some_and(|(found, _)| clean.len() - found.end <= 2 && !clean.ends_with(','));
        let also = near.filter(|(_, more)| *more).map(|_| start);
        Front { decided: None, near: near.map(|(found, _)| found.labels), also, beside, strange }
    }

    /// What labels further away than the nearest say before `start`, which some evidence gave.
    pub fn also(&self, start: usize) -> Labels {
        self.effort.take(Work::Also, 1);
        let clean = peel(&self.read, self.before(start).0);
        let before_last = |part| self.read.words(part, labels::before_last);
        let sentence = || before_last(sentence(clean));
        key(&self.read, clean).and_then(before_last).or_else(sentence).unwrap_or_default()
    }

    /// The line up to `start`, at most [`BEFORE`] bytes, and whether that is all of it.
    fn before(&self, start: usize) -> (&'v str, bool) {
        let from = word_start(self.text, floor(self.text, start.saturating_sub(BEFORE)));
        let text = self.text.get(from..start).unwrap_or_default();
        match memchr::memrchr(b'\n', text.as_bytes()) {
            Some(at) => (text.get(at + 1..).unwrap_or_default(), true),
            None => (text, from == 0),
        }
    }

    /// Whether a label of this kind stands right behind `end`, with nothing but a gap between, and before `start` in its line.
    #[inline(never)]
    pub fn is_said_after(&self, kind: Kind, end: usize, start: usize) -> bool {
        let between = self.text.get(end..start).unwrap_or_default();
        let found = if between.len() <= BEFORE && !between.contains('\n') { self.read.first(between) } else { None };
        found.is_some_and(|found| found.labels.names(kind) && between.get(..found.start) == Some(" "))
    }

    /// The label that follows, as in "12 is my SSN" or "12 (SSN)", and whether it is said so.
    fn after(&self, end: usize) -> Option<(Labels, bool)> {
        let to = word_end(self.text, floor(self.text, (end + AFTER).min(self.text.len())));
        let text = self.text.get(end..to)?;
        let text = taken::first(text).and_then(|taken| text.get(..taken)).unwrap_or(text);
        if text.starts_with('^') {
            return typed(&self.read, text).map(|labels| (labels, true));
        }
        // `"12" is no valid SSN`
        let text = text.strip_prefix(['"', '\'']).filter(|rest| rest.starts_with(' ')).unwrap_or(text);
        let ends = |byte: u8| matches!(byte, b'\n' | b'|' | b';' | b'{' | b'}' | b'<' | b'\t' | b'"');
        let stop = text.bytes().position(ends).unwrap_or(text.len());
        // `12 is not valid for field "ssn"`
        let namer =
            |front: &str| NAMERS.iter().any(|name| front.strip_suffix(name).is_some_and(|front| front.ends_with(' ')));
        let quoted = text.get(..stop).and_then(|front| front.strip_suffix(' ')).is_some_and(namer);
        let stop = match text.get(stop..).and_then(|rest| rest.strip_prefix('"')).filter(|_| quoted) {
            Some(rest) => stop + 1 + rest.bytes().position(ends).unwrap_or(rest.len()),
            None => stop,
        };
        let text = text.get(..stop)?;
        let text = text.get(..stops(text).next().unwrap_or(text.len()))?;
        // No label is without a letter.
        if !text.bytes().any(|byte| byte.is_ascii_alphabetic() || byte >= 0x80) {
            return None;
        }
        let found = self.read.first(text)?;
        let between = text.get(..found.start)?;
        // `12 for column ssn`: of what, the next says.
        let names = found.labels.any(Labels::OTHER)
            && text
                .get(found.start..found.end)
                .is_some_and(|word| NAMERS.iter().any(|name| word.eq_ignore_ascii_case(name)));
        let (found, text) = match text.get(found.end..).filter(|_| names) {
            Some(rest) => (self.read.first(rest).filter(|next| next.start <= 3)?, rest),
            None => (found, text),
        };
        let rest = text.get(found.end..)?;
        let opens = rest.trim_start_matches([' ', '"', '\'', '#', ')']);
        let is_next = opens.starts_with([':', '=', '-'])
            || opens.bytes().next().is_some_and(|b| b.is_ascii_digit())
            || is_drawn(opens.split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default());
        // `12 - member card of the plan 13`: behind a dash another field has its own number.
        let clause = || rest.split([',', ';', '.', '(', '—', '–']).next().unwrap_or(rest);
        let dashed = between.trim_start().starts_with(['-', '–', '—']);
        let is_next = is_next || dashed && clause().bytes().filter(u8::is_ascii_digit).count() >= 4;
        // `98 mg/dL`
        let is_unit = between.ends_with('/');
        let ends = |byte: u8| byte.is_ascii_digit() || matches!(byte, b',' | b':' | b'=' | b'&' | b'?');
        let joins = !is_unit && !is_next && !between.bytes().any(ends) && !lists(between);
        let outright = || OUTRIGHT.iter().any(|word| between.trim_start_matches([' ', ',']).starts_with(word));
        joins.then(|| (found.labels, outright()))
    }

    /// What the element before says, if nothing stands between it and the one whose text or attribute begins at `start`:
    /// `<label>SSN</label> <input value="`, `<span>SSN</span><span>`.
    fn sibling(&self, start: usize) -> Labels {
        let from = floor(self.text, start.saturating_sub(4 * BEFORE));
        let text = self.text.get(from..start).unwrap_or_default();
        let front = text.rfind('<').and_then(|open| text.get(..open)).map_or("", str::trim_end);
        if !front.ends_with('>') {
            return Labels::NONE;
        }
        let name = content(front).trim();
        if taken::first(name).is_some() {
            return Labels::NONE;
        }
        let name = name.trim_end_matches([':', ' ', '*']);
        if name.is_empty() || name.chars().count() > 48 || name.contains('<') {
            Labels::NONE
        } else {
            self.read.of_key(name)
        }
    }

    /// What the element says of the identifier in its attribute `extension`, as clinical documents have it: who gives it
    /// out, by name or by number: `<id extension="123456789" root="2.16.840.1.113883.4.1"/>`.
    #[inline(never)]
    fn registered(&self, start: usize) -> Option<Labels> {
        let from = floor(self.text, start.saturating_sub(BEFORE + CUT));
        let front = self.text.get(from..start)?;
        let open = front.rfind('<')?;
        let rest = self.text.get(start..floor(self.text, (start + 2 * BEFORE + CUT).min(self.text.len())))?;
        let end = rest.find('>').unwrap_or(rest.len());
        let parts = [front.get(open..)?, rest.get(..end)?];
        let attribute = |name: &str| {
            let value = |part: &&'v str| part.split_once(name).and_then(|(_, value)| value.split('"').next());
            parts.iter().find_map(value)
        };
        let named = attribute("assigningAuthorityName=\"").map(|name| self.read.of_key(name));
        let register = || attribute(" root=\"").and_then(super::document::register).map(labels::of_key);
        named.filter(|labels| labels.tells()).or_else(register)
    }

    /// What the entry before says in an answer of Redis, where names and values take turns: `1) "ssn"`, `2) "12"`.
    fn numbered(&self, before: &str, start: usize) -> Option<Labels> {
        let place = |line: &str| line.rsplit(' ').next()?.strip_suffix(')')?.parse::<usize>().ok();
        let own = before.strip_suffix('"')?.strip_suffix(' ')?;
        let own = place(own).filter(|place| place % 2 == 0)?;
        let from = floor(self.text, (start - before.len()).saturating_sub(BEFORE));
        let line = self.text.get(from..start - before.len())?.trim_end().rsplit('\n').next()?;
        let (front, name) = line.strip_suffix('"')?.split_once('"')?;
        (place(front.trim_end())? + 1 == own && !name.contains('"')).then(|| self.read.of_key(name))
    }

    /// What the line above says, if that names the type of something: `ID type: Passport`, `Document: Driving licence`.
    pub fn typed_above(&self, start: usize) -> Labels {
        let from = floor(self.text, start.saturating_sub(2 * BEFORE));
        let text = self.text.get(from..start).unwrap_or_default();
        let Some((name, value)) = text.rsplit('\n').nth(1).and_then(|line| line.split_once(':')) else {
            return Labels::NONE;
        };
        let value = value.trim();
        if name.len() > NAME_MAX || value.len() > NAME_MAX || value.bytes().any(|byte| byte.is_ascii_digit()) {
            return Labels::NONE;
        }
        let name = self.read.of_key(name);
        let is_type = name == Labels::VAGUE || name.any(Labels::NATIONAL) && !name.any(Labels::OTHER);
        if is_type { self.read.of_key(value) } else { Labels::NONE }
    }

    /// What the name of the list says that nothing but values stand in before `start`.
    #[inline(never)]
    fn listed(&self, start: usize) -> Option<Labels> {
        let from = floor(self.text, start.saturating_sub(LISTED));
        let front = self.text.get(from..start)?;
        let part = |byte: &u8| {
            byte.is_ascii_digit()
                || byte.is_ascii_uppercase()
                || matches!(byte, b' ' | b'-' | b'.' | b'/' | b'+' | b'"' | b'\'' | b',' | b'(' | b')')
        };
        let open = front.as_bytes().iter().rposition(|byte| !part(byte))?;
        let named = front.get(..open).filter(|_| front.as_bytes().get(open) == Some(&b'['))?.trim_ascii_end();
        let named = named.rsplit('\n').next().unwrap_or(named);
        let key = named.strip_suffix([':', '='])?;
        let labels = self.read.of_key(segment(key));
        (labels.accuses() && !labels.any(Labels::OTHER)).then_some(labels)
    }

    /// What is asked in the line above, which someone answers in this one: `Q: SSN?`, `A: 12`.
    fn asked(&self, start: usize, whole_line: bool) -> Labels {
        let from = floor(self.text, start.saturating_sub(2 * BEFORE));
        let text = self.text.get(from..start).unwrap_or_default();
        let line = text.rsplit('\n').skip(1).map(str::trim_end).find(|line| !line.is_empty()).unwrap_or_default();
        let asks = line.ends_with(['?', '？']) || requests(line) || begs(line);
        let asks = whole_line && asks && taken::first(line).is_none();
        if !asks {
            return Labels::NONE;
        }
        // Who is asked for two things answers with both: `please send your SSN and mobile`.
        let parts =
            line.split([',', '+', '&', '/']).flat_map(|part| part.split(" and ")).map(|part| self.read.of_key(part));
        let (several, count) = parts
            .filter(|labels| labels.accuses() && !labels.any(Labels::OTHER))
            .fold((Labels::NONE, 0), |(all, count), labels| (all.with(labels), count + 1));
        if count > 1 { several } else { of_several(&self.read, line) }
    }

    /// The line above, when it is a heading for the one that holds only the value; or above the list it is in.
    fn heading(&self, start: usize) -> Labels {
        let from = floor(self.text, start.saturating_sub(4 * BEFORE));
        let text = self.text.get(from..start).unwrap_or_default();
        let value =
            |line: &str| line.len() <= 48 && !line.bytes().any(|byte| byte.is_ascii_lowercase() || byte >= 0x80);
        let listed = |line: &&str| {
            let entry = line.strip_prefix(['-', '*', '•']).is_some_and(|line| line.starts_with(' '));
            entry && line.bytes().any(|byte| byte.is_ascii_digit()) && value(line)
        };
        let mut lines = text.rsplit('\n').skip(1).map(str::trim).filter(|line| !is_rule(line)).skip_while(listed);
        let Some(line) = lines.next() else {
            return Labels::NONE;
        };
        // Most are values themselves.
        let is_number = line.bytes().all(|byte| byte.is_ascii() && !byte.is_ascii_alphabetic());
        if is_number || taken::first(line).is_some() {
            return Labels::NONE;
        }
        // A part of a form: `Content-Disposition: form-data; name="ssn"`.
        if let Some((_, name)) = line.split_once(" name=\"") {
            return self.read.of_key(name.split('"').next().unwrap_or(name));
        }
        let line = content(line).trim_end_matches(['.', ':', ' ', '*', '#', '=', '-']);
        if CONTAINERS.iter().any(|name| line.eq_ignore_ascii_case(name)) {
            return Labels::NONE;
        }
        // The cells of a row are not one heading.
        let short = line.chars().count() <= 48
            && !line.contains(['\t', '|', ';'])
            && line.bytes().filter(u8::is_ascii_digit).count() <= 1;
        let clause = line.rsplit(", ").next().unwrap_or(line);
        let clause = if ends_sentence(clause) { clause.rsplit(". ").next().unwrap_or(clause) } else { clause };
        match short {
            true if clause.contains(',') => self.read.of_key(clause),
            true => of_several(&self.read, clause),
            false => Labels::NONE,
        }
    }

    /// The key that a nested block of a text stands under, by its indentation.
    fn parent(&self, start: usize) -> Labels {
        let from = floor(self.text, start.saturating_sub(4 * BEFORE));
        let text = self.text.get(from..start).unwrap_or_default();
        let mut lines = text.rsplit('\n');
        let indent = |line: &str| line.len() - line.trim_start_matches([' ', '\t', '-']).len();
        let own = lines.next().map_or(0, indent);
        if own == 0 {
            return Labels::NONE;
        }
        for line in lines.take(LINES) {
            if !line.trim().is_empty() && indent(line) < own {
                return self.read.of_key(line.trim().trim_end_matches([':', '{', '[', ' ', '"']));
            }
            // `type: passport` beside `number: …`.
            if let Some((name, value)) = line.split_once(':')
                && matches!(self.read.of_key(name), labels if labels == Labels::VAGUE)
            {
                let labels = self.read.of_key(value);
                if labels.tells() && !labels.any(Labels::OTHER) {
                    return labels;
                }
            }
            // Above it another entry of the list ends.
            if line.trim_start().starts_with("- ") {
                break;
            }
        }
        Labels::NONE
    }
}

/// Whether a word is a number with letters, as things and people are numbered: `W448190221`.
fn is_drawn(word: &str) -> bool {
    word.bytes().filter(u8::is_ascii_digit).count() >= 4 && !word.bytes().any(|byte| byte.is_ascii_lowercase())
}

/// Whether words for and stand in a text, with gaps around them.
fn lists(text: &str) -> bool {
    const WORDS: [&str; 5] = ["and", "und", "et", "y", "e"];
    let mut gaps = memchr::memchr_iter(b' ', text.as_bytes());
    let Some(mut last) = gaps.next() else { return false };
    gaps.any(|gap| {
        let word = text.get(last + 1..gap).unwrap_or_default();
        last = gap;
        WORDS.contains(&word)
    })
}

/// Whether someone asks for something without a question mark: `Bot: please enter your date of birth.`
fn requests(line: &str) -> bool {
    const WORDS: &[&str] = &[
        "please",
        "pls",
        "plz",
        "send",
        "enter",
        "provide",
        "confirm",
        "need",
        "give",
        "share",
        "type",
        "bitte",
        "favor",
        "favore",
        "plaît",
        "plait",
        "proszę",
        "gelieve",
        "alstublieft",
        "vänligen",
        "venligst",
        "lütfen",
        "пожалуйста",
        "请",
        "ください",
    ];
    let Some((_, said)) = line.split_once(':').filter(|(who, _)| (1..=32).contains(&who.len())) else { return false };
    // A request has some words.
    let spaces = said.bytes().filter(|byte| *byte == b' ').count();
    let mut words = said.split(|c: char| !letters::is_word(c)).filter(|word| word.len() > 2);
    (2..32).contains(&spaces) && words.any(|word| WORDS.iter().any(|known| word.eq_ignore_ascii_case(known)))
}

/// What a key says that names two things, or has a remark in brackets: of `CVV and expiry` the first value is the first,
/// and a remark takes nothing back.
fn of_several(read: &Reading<'_>, key: &str) -> Labels {
    let labels = read.of_key(key);
    let joined = key.split_once('(').map(|(front, _)| front);
    let joined = joined.or_else(|| {
        if labels != Labels::OTHER || !key.trim().contains([' ', '/']) {
            return None;
        }
        // What an earlier sentence names is not the name of this one.
        let key = full_stops(key).last().and_then(|at| key.get(at + 2..)).unwrap_or(key);
        let mut joins =
            [" and ", " & ", " und ", " et ", " y ", " e ", " og ", " och ", " i ", " en ", " + ", "/"].into_iter();
        joins.find_map(|join| key.split_once(join)).map(|(front, _)| front).or_else(|| behind_aim(key))
    });
    match joined.map(|front| read.of_key(front)) {
        Some(front) if front.accuses() && labels.accuses() => labels.with(front),
        Some(front) if front.accuses() && !front.any(Labels::OTHER) => front,
        _ => labels,
    }
}

/// What stands before the words that say what for or in what case something is told: `Medicare number for the levy form`,
/// `NHS number in case the clinic asks`. Of a number of its own (`card for invoice no`) nothing does.
fn behind_aim(key: &str) -> Option<&str> {
    #[rustfmt::skip]
    const AIMS: &[&str] = &[
        "for", "if", "when", "because", "to", "für", "falls", "pour", "para", "si", "per", "voor", "för", "til", "till", "dla",
        "na", "для",
    ];
    const CASES: &[(&str, &str)] = &[("in", "case"), ("au", "cas"), ("nel", "caso")];
    // `card on the invoice`: where something stands, if that is a thing and not a time.
    #[rustfmt::skip]
    const PLACES: &[&str] = &[
        "on", "in", "from", "at", "of", "auf", "aus", "in", "im", "von", "der", "zur", "zum", "sur", "dans", "de", "du", "des",
        "à", "en", "del", "sulla", "su", "nella", "della", "dell", "di", "no", "na", "do", "da", "em", "op", "van", "bij", "på",
        "i", "av", "af", "w", "z", "ze", "v", "k",
    ];
    const NUMBERS: &[&str] =
        &["number", "no", "nr", "id", "ref", "reference", "code", "num", "nummer", "numero", "numer"];
    let (mut start, mut before) = (0, "");
    let aim = key.split(' ').find_map(|word| {
        let at = match CASES.iter().any(|(one, two)| *two == word && *one == before) {
            true => Some(start - before.len() - 1),
            false => Some(start).filter(|_| AIMS.contains(&word) || PLACES.contains(&word) && is_paper(key)),
        };
        (start, before) = (start + word.len() + 1, word);
        at.filter(|at| *at > 0)
    })?;
    let last = key.trim_end_matches(|c: char| !c.is_alphanumeric()).rsplit(|c: char| !c.is_alphanumeric()).next()?;
    if NUMBERS.iter().any(|number| last.eq_ignore_ascii_case(number)) { None } else { key.get(..aim - 1) }
}

/// Whether a key ends with what an identifier may stand on or belong to: papers and orders, not times.
fn is_paper(key: &str) -> bool {
    #[rustfmt::skip]
    const PAPERS: &[&str] = &[
        "invoice", "bill", "receipt", "order", "booking", "reservation", "ticket", "claim", "contract", "form", "account",
        "shipment", "parcel", "delivery", "rechnung", "bestellung", "buchung", "auftrag", "vertrag", "reservierung", "facture",
        "commande", "réservation", "dossier", "contrat", "billet", "factura", "pedido", "reserva", "contrato", "expediente",
        "fattura", "ordine", "prenotazione", "pratica", "contratto", "fatura", "encomenda", "factuur", "bestelling", "boeking",
        "faktura", "faktury", "fakturze", "fakturan", "ordre", "ordren", "bestilling", "beställning", "beställningen", "zamówienia",
        "zamówieniu", "rezerwacji", "rezerwacja", "objednávky", "objednávka", "tilaus", "lasku",
    ];
    let last = key.trim_end_matches(|c: char| !c.is_alphanumeric()).rsplit(|c: char| !c.is_alphanumeric()).next();
    last.is_some_and(|last| {
        PAPERS.iter().any(|paper| last.eq_ignore_ascii_case(paper))
            || !last.is_ascii() && PAPERS.contains(&last.to_lowercase().as_str())
    })
}

/// What the key says whose value opens in the same line around a vague one: `"passport": {"number": `, `passport[number]=`.
fn outer(read: &Reading<'_>, clean: &str) -> Labels {
    let rest = clean.trim_end_matches([':', '=', ' ', '"', '\'', ']', '>']);
    let Some(open) = rest.rfind(['{', '[']) else { return Labels::NONE };
    let front = rest.get(..open).unwrap_or_default();
    let closed = rest.get(open..).is_some_and(|inner| inner.contains(['}', ']']));
    let front = front.trim_end_matches([' ', '(', '{', '[']);
    let named = front.trim_end_matches([':', '=', '>']);
    let bracket = rest.as_bytes().get(open) == Some(&b'[') && front.len() == open;
    if closed || named.len() == front.len() && !bracket { Labels::NONE } else { read.of_key(segment(named)) }
}

/// Headings that only say that a list follows.
const CONTAINERS: &[&str] =
    &["items", "rows", "lines", "records", "entries", "values", "samples", "results", "columns"];

/// Whether a key only counts what follows: `row 12`, `line 4`.
fn counts(key: &str) -> bool {
    const COUNTED: &[&str] =
        &["row", "line", "item", "record", "entry", "sample", "step", "page", "index", "slot", "chunk", "test", "case"];
    let words = key.trim().trim_end_matches(|c: char| c.is_ascii_digit());
    let digits = key.trim().len() - words.len();
    (1..=4).contains(&digits)
        && COUNTED.iter().any(|word| words.trim_end_matches([' ', '#']).eq_ignore_ascii_case(word))
}

/// Whether a line ends with the words for please of languages that have them there: `생년월일을 알려 주세요.`
fn begs(line: &str) -> bool {
    let end = line.trim_end_matches(['.', '。', '!', '！', ' ']);
    ["주세요", "주십시오", "바랍니다", "ください", "下さい", "お願いします"].iter().any(|word| end.ends_with(word))
}

/// Whether a byte may stand between the numbers of a list.
fn is_mark(byte: u8) -> bool {
    matches!(byte, b' ' | b'-' | b'.' | b'/' | b'(' | b')' | b'+')
}

/// Whether something begins behind the number that ends at `end` with nothing but marks between: it may be of one list
/// with it, see [`Surroundings::continues`].
pub fn goes_on(text: &[u8], end: usize) -> bool {
    let next = text.get(end..).unwrap_or_default().iter().find(|byte| !is_mark(**byte));
    next.is_some_and(|next| next.is_ascii_alphanumeric() || *next >= 0x80)
}

/// What stands before a value in its line: its key, or the last words of a sentence.
pub fn name_before<'t>(text: &'t str, start: usize, effort: &Effort) -> &'t str {
    let before = text.get(floor(text, start.saturating_sub(BEFORE))..start).unwrap_or_default();
    let read = Reading::new(text, effort);
    let clean = peel(&read, before.rsplit('\n').next().unwrap_or(before));
    key(&read, clean).unwrap_or(clean)
}

/// The text of the last element of a line of markup; any other line as it is.
fn content(line: &str) -> &str {
    let mut rest = line;
    while let Some(open) = rest.ends_with('>').then(|| rest.rfind('<')).flatten() {
        rest = rest.get(..open).unwrap_or_default().trim_end();
    }
    if rest.len() == line.len() { line } else { rest.rsplit('>').next().unwrap_or(rest) }
}

/// What the attributes or fields say that stand before a vague one: `name="ssn" value=`, `Key=ssn,Value=`.
fn named(read: &Reading<'_>, clean: &str) -> Labels {
    let rest = clean.trim_end_matches([':', '=']);
    let rest = rest.trim_end_matches(|c| letters::is_word(c) || matches!(c, '_' | '"' | '\''));
    let from = rest.rfind(['<', '{', '(', '[', ';']).map_or(0, |at| at + 1);
    let fields = rest.get(from..).unwrap_or_default();
    // Other attributes may stand between.
    let attribute = |name: &str| {
        let (_, value) = fields.rsplit_once(name).filter(|(front, _)| front.ends_with([' ', '\n', '\t']))?;
        let labels = read.of_key(value.split('"').next()?);
        labels.tells().then_some(labels)
    };
    if fields.ends_with(' ') && rest.get(..from).is_some_and(|front| front.ends_with('<')) {
        let told = ["name=\"", "id=\"", "aria-label=\"", "placeholder=\"", "key=\"", "label=\""]
            .into_iter()
            .find_map(attribute);
        if let Some(labels) = told {
            return labels;
        }
    }
    let Some((_, value)) = fields.rsplit_once(['=', ':']) else {
        return Labels::NONE;
    };
    let value = value.trim_matches(|c: char| matches!(c, ' ' | '"' | '\'' | ',' | '\\'));
    if value.len() <= 48 { read.of_key(value) } else { Labels::NONE }
}

/// The greatest character boundary not after `at`.
pub fn floor(text: &str, at: usize) -> usize {
    text.floor_char_boundary(at)
}

/// Where the word begins in which `at` is, if that is not far.
fn word_start(text: &str, at: usize) -> usize {
    let front = text.as_bytes().get(at.saturating_sub(CUT)..at).unwrap_or_default();
    let gap = front.iter().rposition(|byte| !in_word(*byte));
    gap.map_or(if front.len() == at { 0 } else { at }, |gap| at - front.len() + gap + 1)
}

/// Where the word ends in which `at` is, if that is not far.
fn word_end(text: &str, at: usize) -> usize {
    let rest = text.as_bytes().get(at..).unwrap_or_default();
    let gap = rest.iter().take(CUT).position(|byte| !in_word(*byte));
    gap.map_or(if rest.len() <= CUT { text.len() } else { at }, |gap| at + gap)
}

/// A letter or digit of ASCII, or part of any other character.
fn in_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte >= 0x80
}

fn bullet(character: char) -> bool {
    matches!(character, ' ' | '\t' | '-' | '*' | '>' | '•' | '|' | '"' | '\'' | '`')
}

/// Without the quotes, brackets and marks that open a value, and without tags of markup that only format it.
fn peel<'t>(read: &Reading<'_>, before: &'t str) -> &'t str {
    let mut text = before;
    for _ in 0..6 {
        text = untagged(unwrapped(text, opened(text)));
        if !text.ends_with('>') || text.ends_with("=>") {
            break;
        }
        let Some((rest, tag)) = text.rsplit_once('<') else {
            break;
        };
        if read.of_key(said(read, tag)).tells() {
            break;
        }
        text = rest;
    }
    text
}

/// Without the tag of a type: `dob: !!timestamp `, `ssn: !!str "`.
fn untagged(text: &str) -> &str {
    if !text.ends_with(|c: char| c.is_ascii_lowercase()) {
        return text;
    }
    let front = text.trim_end_matches(|c: char| c.is_ascii_lowercase());
    match front.strip_suffix(" !!") {
        Some(rest) if front.len() < text.len() && rest.ends_with([':', '-', '?']) => rest,
        _ => text,
    }
}

/// Without the name of a type or a call that only wraps the value: `dob: ISODate("`, `=> string(9) "`.
fn unwrapped<'t>(text: &'t str, opened: &'t str) -> &'t str {
    let marks = text.get(opened.len()..).unwrap_or_default();
    // `= DATE '…'`, `= N'…'`
    if matches!(marks, "'" | " '")
        && let Some(front) = [" DATE", " date", " TIMESTAMP", " N", "=N", " E"].iter().find_map(|name| {
            opened
                .strip_suffix(name)
                .map(|front| if name.starts_with('=') { opened.get(..=front.len()).unwrap_or(front) } else { front })
        })
        && front.trim_end().ends_with(['=', ':'])
    {
        return front.trim_end();
    }
    let inner = if marks.starts_with('(') {
        opened
    } else if let Some(front) = opened.strip_suffix(')').filter(|_| marks == " \"" || marks == " '") {
        let front = front.trim_end_matches(|c: char| c.is_ascii_digit());
        let Some(front) = front.strip_suffix('(') else { return opened };
        front
    } else {
        return opened;
    };
    let front = inner.trim_end_matches(|c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | ':'));
    let name = inner.get(front.len()..).unwrap_or_default();
    // Of a bare number only what is a type: any function takes numbers.
    const TYPES: &[&str] =
        &["int", "long", "str", "string", "float", "decimal", "bigint", "date", "bool", "datetime.date"];
    let bare = marks == "(" && !name.starts_with(|c: char| c.is_ascii_uppercase()) && !TYPES.contains(&name);
    if name.is_empty() || bare {
        return opened;
    }
    let front = front.trim_end_matches(' ');
    let front = front.strip_suffix(" new").map_or(front, |front| front.trim_end_matches(' '));
    let typed = || ["int", "float", "string", "bool"].contains(&inner.trim());
    let set = front.is_empty() && (!marks.starts_with('(') || typed())
        || front.ends_with(['=', ':'])
        || front.ends_with("=>");
    if set { front } else { opened }
}

/// What a tag says: the name of its element, if that says something, or else what its attributes do. Of HTML the names
/// say what a browser does.
fn said<'t>(read: &Reading<'_>, tag: &'t str) -> &'t str {
    const HTML: &[&str] = &["span", "dl", "code", "time", "label", "data", "dt", "dd", "p", "a", "b"];
    let tag = tag.trim_start_matches('/');
    let (name, rest) = tag.split_once([' ', '\t', '\n', '>']).unwrap_or((tag, ""));
    match HTML.contains(&name) {
        true => rest,
        false if matches!(rest, "" | "/>") || read.tells(name) => name,
        false => tag,
    }
}

/// Without the quotes, brackets and marks at its end.
fn opened(mut text: &str) -> &str {
    loop {
        let marks = text.bytes().rev().take_while(|byte| {
            matches!(byte, b' ' | b'"' | b'\'' | b'`' | b'(' | b'[' | b'<' | b'#' | b'*' | b'_' | b'\\' | b'+' | b'~')
        });
        text = text.get(..text.len() - marks.count()).unwrap_or_default();
        match text.bytes().last() {
            // `\textbf{Passport:} `
            Some(b'}') if let Some(rest) = text.strip_suffix('}').filter(|rest| rest.ends_with(':')) => text = rest,
            Some(0x80..) if let Some(rest) = text.strip_suffix(['“', '„', '«']) => text = rest,
            _ => return text,
        }
    }
}

/// `sin(12` is a call, not a label; `SSN (12` is one.
fn is_call(before: &str, clean: &str) -> bool {
    let rest = before.get(clean.len()..).unwrap_or_default();
    rest == "(" && clean.bytes().last().is_some_and(|byte| byte.is_ascii_lowercase())
}

/// The key that ends `clean`, if it ends as one.
fn key<'t>(read: &Reading<'_>, clean: &'t str) -> Option<&'t str> {
    if let Some(rest) = clean.strip_suffix('>') {
        return rest.strip_suffix(['=', '-']).map(segment).or_else(|| {
            // An element that has ended says nothing of what follows it.
            rest.rsplit_once('<').map(|(_, tag)| if tag.starts_with('/') { "" } else { said(read, tag) })
        });
    }
    // `Passport & X \\\\`, a row of LaTeX; `Label............value`.
    let cell = || clean.strip_suffix(" &").filter(|rest| read.tells(segment(rest)));
    let led = || clean.ends_with("....").then(|| clean.trim_end_matches('.'));
    let marked = clean.strip_suffix([':', '=', '：', '|', '\t']);
    let rest = marked.or_else(|| clean.strip_suffix(" -")).or_else(cell).or_else(led)?;
    let rest = rest.trim_end_matches([':', '~', '?', '=', '!']);
    Some(segment(rest))
}

/// The last cell, quoted string or clause of a text.
fn segment(text: &str) -> &str {
    let bytes = text.as_bytes();
    let closed = |byte: &u8| matches!(byte, b' ' | b'"' | b'\'' | b'`' | b'*' | b'_' | b'\\' | b'\t' | b']' | b')');
    let end = bytes.iter().rposition(|byte| !closed(byte)).map_or(0, |last| last + 1);
    let bytes = bytes.get(..end).unwrap_or_default();
    let opens = |at: usize, byte: u8| match byte {
        b',' | b';' | b'|' | b'{' | b'}' | b'[' | b']' | b'<' | b'>' | b'&' | b'?' | b'\t' | b'"' | b'=' | b':'
        | b'!' => true,
        // An apostrophe within a word opens no string: `insured's ID`.
        b'\'' => !at.checked_sub(1).and_then(|before| bytes.get(before)).is_some_and(u8::is_ascii_alphanumeric),
        _ => false,
    };
    let from = (0..end).rev().zip(bytes.iter().rev()).find(|(at, byte)| opens(*at, **byte)).map_or(0, |(at, _)| at);
    // Behind two spaces another begins.
    let text = text.get(from..end).unwrap_or_default();
    let gap = text.as_bytes().windows(2).rposition(|pair| pair == b"  ").map_or(0, |gap| gap + 2);
    let last = text.get(gap..).unwrap_or_default();
    if last.trim().is_empty() { text.rsplit("  ").find(|part| !part.trim().is_empty()).unwrap_or(text) } else { last }
}

/// The type of an identifier in a message of HL7 v2: check digit, its scheme, who gave it out, then what it is
/// (table 0203).
#[inline(never)]
fn typed(read: &Reading<'_>, text: &str) -> Option<Labels> {
    let parts = text.split(['|', '~', '\r', '\n']).next()?;
    let own = |part: &str| {
        // Of who gives it out the name, then a number: `NHS&2.16.840.1.113883.2.1.4.1&ISO`.
        let mut names = part.split('&').map(|name| {
            let known = if name.len() > 2 { read.of_key(name) } else { Labels::NONE };
            let register = || super::document::register(name).map(labels::of_key);
            if known.tells() { known } else { register().unwrap_or_default() }
        });
        names.find(|labels| labels.accuses() && !labels.any(Labels::OTHER))
    };
    // Behind the name of a person stand who gave the number out and its type further on.
    let coded = parts.split('^').enumerate().filter(|(at, _)| matches!(at, 4 | 8 | 12)).find_map(|(at, part)| {
        let kind = match part {
            "NPI" => Kind::UsNpi,
            _ if at == 8 => return None,
            // Of a nation, and of which one.
            _ if let Some(nation) = part.strip_prefix("NN") => return Some(national(nation)),
            "NI" => return Some(Labels::NATIONAL),
            "MR" | "MRN" | "PI" | "PT" => Kind::MedicalRecord,
            "SS" => Kind::UsSsn,
            "DL" => Kind::DriverLicense,
            "PPN" => Kind::Passport,
            "MB" | "MA" | "SN" => Kind::HealthMemberId,
            "MC" => return Some(Labels::of(Kind::UsMbi).with(Labels::of(Kind::AuMedicare))),
            "NH" => Kind::UkNhs,
            _ => return own(part).filter(|_| at == 4),
        };
        Some(Labels::of(kind))
    });
    let given = || parts.split('^').nth(3).and_then(own);
    match coded {
        Some(labels) => Some(given().map_or(labels, |given| labels.with(given))),
        None => given(),
    }
}

/// The number by which a nation knows its people, by the three letters of ISO 3166 (table 0203 of HL7: `NNxxx`).
fn national(nation: &str) -> Labels {
    let kind = match nation {
        "NLD" => Kind::NlBsn,
        "NOR" => Kind::NoFnr,
        "SWE" => Kind::SePersonnummer,
        "DNK" => Kind::DkCpr,
        "FIN" => Kind::FiHetu,
        "BEL" => Kind::BeNrn,
        "FRA" => Kind::FrNir,
        "ITA" => Kind::ItFiscalCode,
        "ESP" => Kind::EsNif,
        "PRT" => Kind::PtNif,
        "POL" => Kind::PlPesel,
        "ROU" => Kind::RoCnp,
        "CHE" => Kind::ChAhv,
        "CHN" => Kind::CnRic,
        "JPN" => Kind::JpMynumber,
        "KOR" => Kind::KrRrn,
        "TUR" => Kind::TrTckn,
        "THA" => Kind::ThTnin,
        "ZAF" => Kind::ZaId,
        "MEX" => Kind::MxCurp,
        "CHL" => Kind::ClRut,
        "ARG" => Kind::ArCuit,
        "BRA" => Kind::BrCpf,
        "IRL" => Kind::IePpsn,
        "CAN" => Kind::CaSin,
        "IND" => Kind::InAadhaar,
        "SGP" => Kind::SgNric,
        "USA" => Kind::UsSsn,
        "GBR" => return Labels::of(Kind::UkNhs).with(Labels::of(Kind::UkNino)),
        _ => return Labels::NATIONAL,
    };
    Labels::of(kind)
}

/// Words before what was, and before what is.
const CHANGES: &[(&str, &str)] = &[
    ("from", "to"),
    ("von", "auf"),
    ("von", "zu"),
    ("de", "à"),
    ("de", "a"),
    ("de", "para"),
    ("da", "a"),
    ("van", "naar"),
    ("fra", "til"),
    ("från", "till"),
    ("z", "na"),
    ("was", "is"),
    ("was", "now"),
    ("with", "by"),
];

/// Words of an answer before what was asked for.
const FILLERS: &[&str] = &[
    "it",
    "is",
    "it's",
    "its",
    "that",
    "that's",
    "thats",
    "sure",
    "ok",
    "okay",
    "yes",
    "yeah",
    "of",
    "course",
    "here",
    "you",
    "go",
    "the",
    "my",
    "number",
    "so",
    "well",
    "um",
    "uh",
    "right",
    "would",
    "be",
    "are",
    "they",
    "hi",
    "please",
    "ja",
    "klar",
    "die",
    "das",
    "ist",
    "lautet",
    "natürlich",
    "oui",
    "c'est",
    "bien",
    "sûr",
    "sí",
    "si",
    "es",
    "claro",
    "sim",
    "é",
    "certo",
    "è",
    "tak",
    "oczywiście",
    "to",
    "jasne",
    "mine",
    "mein",
    "meine",
    "mi",
    "mon",
    "ma",
    "el",
    "la",
    "le",
    "il",
    "o",
    "der",
    "het",
    "det",
    "él",
    "lo",
    "certainly",
    "absolutely",
];

/// Whether only such words stand behind who says it: `Customer: sure, it is`.
fn is_filler(clean: &str) -> bool {
    let Some((_, said)) = clean.rsplit_once([':', '>', '\t']) else { return false };
    let mut words = said.split([' ', ',', '.', '!', '-']).filter(|word| !word.is_empty());
    said.len() <= 48 && words.all(|word| FILLERS.iter().any(|filler| word.eq_ignore_ascii_case(filler)))
}

/// A line without letters and digits: the rule below a heading.
fn is_rule(line: &str) -> bool {
    line.bytes().all(|byte| matches!(byte, b'-' | b'=' | b'+' | b'|' | b':' | b' '))
}

/// All that fields and types of messages may say, see [`typed`] and [`field`].
pub const FIELDS: Labels = Labels::of_all(&[
    Kind::MedicalRecord,
    Kind::UsSsn,
    Kind::DriverLicense,
    Kind::Passport,
    Kind::HealthMemberId,
    Kind::UsMbi,
    Kind::UsNpi,
    Kind::UkNhs,
    Kind::DateOfBirth,
    Kind::Phone,
    Kind::NlBsn,
    Kind::NoFnr,
    Kind::SePersonnummer,
    Kind::DkCpr,
    Kind::FiHetu,
    Kind::BeNrn,
    Kind::FrNir,
    Kind::ItFiscalCode,
    Kind::EsNif,
    Kind::PtNif,
    Kind::PlPesel,
    Kind::RoCnp,
    Kind::ChAhv,
    Kind::CnRic,
    Kind::JpMynumber,
    Kind::KrRrn,
    Kind::TrTckn,
    Kind::ThTnin,
    Kind::ZaId,
    Kind::MxCurp,
    Kind::ClRut,
    Kind::ArCuit,
    Kind::BrCpf,
    Kind::IePpsn,
    Kind::CaSin,
    Kind::InAadhaar,
    Kind::SgNric,
    Kind::UkNino,
    Kind::AuMedicare,
])
.with(Labels::NATIONAL);
/// All that fields of transfers may say, see [`transferred`].
pub const TRANSFERRED: Labels = Labels::of_all(&[Kind::BankAccount, Kind::Iban]);

/// How far back a segment of a message begins.
const SEGMENT: usize = 512;

/// What the field of a message says that begins at `start`: of HL7 v2 by its number, of X12 by what stands in the field
/// before.
fn field(read: &Reading<'_>, text: &str, start: usize) -> Option<Labels> {
    match text.as_bytes().get(start.checked_sub(1)?)? {
        b'/' => return transferred(text, start).or_else(|| documented(text, start)),
        b'+' => return interchanged(text, start),
        _ => {}
    }
    let from = floor(text, start.saturating_sub(SEGMENT));
    let front = text.get(from..start)?;
    let of_x12 = front.ends_with('*');
    let line = memchr::memrchr2(b'\n', b'\r', front.as_bytes());
    let end = if of_x12 { line.max(memchr::memrchr(b'~', front.as_bytes())) } else { line };
    if end.is_none() && from > 0 {
        return None;
    }
    let segment = front.get(end.map_or(0, |end| end + 1)..)?.trim_start();
    let mark = if of_x12 { '*' } else { '|' };
    let (name, rest) = segment.split_once(mark).filter(|(name, _)| matches!(name.len(), 2..=3))?;
    if of_x12 {
        let kind = match (name, rest.strip_suffix(mark)?.rsplit(mark).next()?) {
            ("DMG", "D8") => Kind::DateOfBirth,
            ("NM1" | "REF", "SY" | "34") => Kind::UsSsn,
            ("NM1", "MI") | ("REF", "1W" | "IG") => Kind::HealthMemberId,
            ("NM1", "XX") => Kind::UsNpi,
            ("REF", "EA" | "EJ") => Kind::MedicalRecord,
            ("PER", "TE" | "CP" | "HP" | "WP" | "FX") => Kind::Phone,
            _ => return None,
        };
        return Some(Labels::of(kind));
    }
    if !matches!(name, "PID" | "NK1" | "GT1" | "IN1" | "IN2" | "OBR" | "ORC" | "PV1" | "RXE" | "RXO") {
        return None;
    }
    let kind = match (name, memchr::memchr_iter(b'|', rest.as_bytes()).count() + 1) {
        ("PID", 7) | ("NK1", 16) | ("GT1", 8) | ("IN1", 18) => Kind::DateOfBirth,
        ("PID", 13 | 14) | ("NK1", 5..=7) | ("GT1", 6 | 7) => Kind::Phone,
        ("PID", 19) | ("GT1", 12) | ("IN2", 2) => Kind::UsSsn,
        ("PID", 20) => return Some(Labels::of(Kind::DriverLicense).with(Labels::of(Kind::UsSsn))),
        ("IN1", 36 | 49) => Kind::HealthMemberId,
        // Who orders, attends, refers or admits.
        ("OBR", 16) | ("ORC", 12) | ("PV1", 7..=9 | 17) | ("RXE", 13) | ("RXO", 14) => {
            // One with a type says it itself.
            let person =
                text.get(start..floor(text, start + BEFORE).max(start))?.split(['|', '~', '\n', '\r']).next()?;
            let typed = person.split('^').enumerate().any(|(at, part)| at >= 8 && !part.is_empty());
            if typed { None } else { Some(Kind::UsNpi) }?
        }
        ("PID", 2..=4) => {
            // One with a type says it itself.
            let value = text.get(start..floor(text, start + AFTER).max(start))?.split(['|', '~', '\n', '\r']).next()?;
            return value.find('^').map_or(Some(Labels::of(Kind::MedicalRecord)), |at| typed(read, value.get(at..)?));
        }
        _ => return None,
    };
    Some(Labels::of(kind))
}

/// The account in a field of a message of SWIFT, of the one who pays, of banks, of the one who is paid: `:59:/12345678`.
fn transferred(text: &str, start: usize) -> Option<Labels> {
    let front = text.get(..start)?;
    let line = front.get(floor(front, start.saturating_sub(8))..)?.rsplit('\n').next()?;
    let tag = line.strip_suffix(":/").or_else(|| line.strip_suffix(":/D/")).or_else(|| line.strip_suffix(":/C/"))?;
    let number = tag.strip_prefix(':')?.trim_end_matches(|c: char| c.is_ascii_uppercase());
    let accounts = matches!(number, "50" | "52" | "53" | "54" | "55" | "56" | "57" | "58" | "59");
    accounts.then_some(TRANSFERRED)
}

/// The passport in what airlines are told of those who fly (IATA, DOCS): `SSR DOCS YY HK1/P/USA/123456789/…`.
#[inline(never)]
fn documented(text: &str, start: usize) -> Option<Labels> {
    let front = text.get(floor(text, start.saturating_sub(JOINT))..start)?;
    let (_, rest) = front.rsplit('\n').next()?.rsplit_once("DOCS ")?;
    let mut parts = rest.split('/').skip(1);
    let is_passport = parts.next()?.starts_with('P') && parts.next()?.len() <= 3 && parts.next() == Some("");
    (is_passport && parts.next().is_none()).then_some(Labels::of(Kind::Passport))
}

/// What a part of a segment of EDIFACT says: `COM++49301234567:TE'`, `FII+BF+account+BIC:25:5'`.
#[inline(never)]
fn interchanged(text: &str, start: usize) -> Option<Labels> {
    let front = text.get(floor(text, start.saturating_sub(JOINT))..start)?;
    let segment = front.rsplit(['\'', '\n']).next()?;
    let rest = text.get(start..floor(text, (start + AFTER).min(text.len())))?;
    let kind = match (segment.get(..4)?, segment.matches('+').count()) {
        ("COM+", 1 | 2) => {
            let (_, kind) = rest.split(['\'', '+']).find(|part| !part.is_empty())?.split_once(':')?;
            matches!(kind.get(..2)?, "TE" | "FX" | "MO" | "AL").then_some(Kind::Phone)?
        }
        ("FII+", 3) => Kind::SwiftBic,
        ("FII+", 2) => return Some(TRANSFERRED),
        _ => return None,
    };
    Some(Labels::of(kind))
}

/// The property of a line of a card or a calendar that has parameters: `BDAY;VALUE=date:`, `TEL;HOME:`.
fn card_line(read: &Reading<'_>, clean: &str) -> Option<Labels> {
    let (name, rest) = clean.strip_suffix(':')?.split_once(';')?;
    let part = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b';' | b'=' | b',' | b'-' | b':');
    let typed = rest.len() <= 48
        && rest.bytes().all(part)
        && name.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'-');
    let labels = if typed && name.len() <= 16 { read.of_key(name) } else { Labels::NONE };
    labels.tells().then_some(labels)
}

/// What a word names when it says of something that it has a name.
const NAMERS: &[&str] = &["column", "field", "property", "attribute", "parameter", "key", "variable", "entry"];

/// What joins a value and the name that follows it.
const OUTRIGHT: &[&str] = &[
    "is ", "as ", "(", "es ", "est ", "ist ", "e ", "è ", "é ", "jest ", "är ", "er ", "on ", "to ", "– ", "- ",
    "was ", "als ", "como ", "come ", "comme ", "som ",
];

/// Words between what is named and whose it is: "the SSN on the order".
const OF: &[&str] = &[
    "of", "for", "on", "in", "from", "to", "del", "de", "do", "da", "des", "du", "der", "van", "von", "per", "pour",
    "para", "with", "the", "our", "your", "this", "that", "dla", "til", "till", "for", "el", "la", "le", "den", "dem",
    "zur", "zum", "el", "für", "auf", "im", "am", "zu", "bei", "sur", "dans", "au", "aux", "en", "al", "sulla", "nel",
    "nella", "della", "em", "no", "na", "ao", "op", "voor", "bij", "på", "för", "av", "w", "do", "pro", "at", "behind",
];

/// What may stand between such a word and what it is of.
#[rustfmt::skip]
const ARTICLES: &[&str] = &[
    "a", "an", "o", "as", "os", "um", "uma", "un", "una", "une", "les", "los", "las", "lo", "il", "gli", "die", "das", "ein", "eine",
    "einer", "einem", "einen", "een", "het", "ett", "et", "my", "his", "her", "their", "each", "next", "new", "last", "latest", "same",
    "meine", "meiner", "meinem", "unsere", "unserer", "neue", "neuen", "neuer", "mon", "ma", "mes", "notre", "cette", "mi", "su",
    "esta", "este", "minha", "meu", "nossa", "nova", "nueva", "nuova", "questa", "mia", "mijn", "onze", "deze", "nieuwe", "min",
    "mitt", "nya", "nye", "nowa", "nowej", "mojej",
];

/// Without what stands behind its last word.
fn sentence(clean: &str) -> &str {
    clean.trim_end_matches(|c| !letters::is_word(c))
}

/// The nearest label in a sentence, and whether those before it count; what is only of something else gives way to what
/// it is of.
fn near(read: &Reading<'_>, clean: &str) -> Option<(Match, bool)> {
    if !clean.bytes().any(|byte| byte.is_ascii_alphabetic() || byte >= 0x80) {
        return None;
    }
    let said = sentence(clean);
    // The name of a tag says what a browser does: `<dl>`.
    let tag = |found: &Match| clean.as_bytes().get(..found.start).is_some_and(|front| front.ends_with(b"<"));
    let (nearest, before) = read.words(said, |words| {
        let nearest = labels::last(words)?;
        Some((nearest, nearest.labels.any(Labels::OTHER).then(|| labels::before(words, nearest))))
    })?;
    if tag(&nearest) {
        return None;
    }
    if in_token(clean, &nearest) || is_word_of_others(clean, &nearest) {
        return None;
    }
    // `card (ends 4471) is`: a remark in brackets that are closed again takes nothing back.
    if nearest.labels.any(Labels::OTHER)
        && clean.get(nearest.end..).is_some_and(|rest| rest.contains(')'))
        && let Some((front, inner)) = clean.get(..nearest.start).and_then(|front| front.rsplit_once('('))
        && !inner.contains(')')
    {
        return read.last(sentence(front)).map(|found| (found, true));
    }
    if !before.is_some_and(Labels::tells) {
        return Some((nearest, true));
    }
    let left = clean.get(..nearest.start)?;
    let mut last = left.split_ascii_whitespace().rev();
    let is = |words: &[&str], word: &str| word.len() <= 8 && words.iter().any(|of| word.eq_ignore_ascii_case(of));
    // `para a fatura`, `on our next invoice`
    let joined = (0..3).find_map(|_| match last.next() {
        Some(word) if is(OF, word) => Some(true),
        Some(word) if is(ARTICLES, word) => None,
        _ => Some(false),
    });
    let joined = joined == Some(true);
    let before = if joined {
        read.last(left).filter(|found| left.len() - found.end < 24 && !in_token(left, found))
    } else {
        None
    };
    Some((before.filter(|found| !found.labels.any(Labels::OTHER)).unwrap_or(nearest), false))
}

/// Whether a label is a word of other languages too, and words stand between it and what comes after `clean`: `cel mai bun`
/// in Romanian, `handy` in English.
#[inline(never)]
fn is_word_of_others(clean: &str, found: &Match) -> bool {
    const WORDS: &[&str] = &["cel", "handy", "waya", "finday", "bilbila"];
    let short = found.end - found.start <= 8;
    let word = || clean.get(found.start..found.end).unwrap_or_default();
    short
        && clean.get(found.end..).is_some_and(|rest| rest.bytes().any(|byte| byte.is_ascii_alphabetic()))
        && WORDS.iter().any(|known| word().eq_ignore_ascii_case(known))
}

/// Whether a label is only part of something drawn, long and with digits: it says nothing.
fn in_token(text: &str, found: &Match) -> bool {
    let part = |byte: &&u8| byte.is_ascii_alphanumeric();
    let bytes = text.as_bytes();
    // The parts of a domain behind the sign of an address say nothing either: `ann@school.ac.example`.
    let host = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-');
    let front = bytes.get(..found.start).unwrap_or_default();
    if front.ends_with(b".") && front.iter().rev().take(64).find(|byte| !host(byte)) == Some(&b'@') {
        return true;
    }
    let before = bytes.get(..found.start).unwrap_or_default().iter().rev().take_while(part).count();
    // `2B/c41f07a3` is no `a/c`.
    if before > 0 && bytes.get(found.start..found.end).is_some_and(|label| label.contains(&b'/')) {
        return true;
    }
    let after = bytes.get(found.end..).unwrap_or_default().iter().take_while(part).count();
    let run = bytes.get(found.start - before..found.end + after).unwrap_or_default();
    before + after > 0 && run.len() >= 20 && run.iter().filter(|byte| byte.is_ascii_digit()).count() >= 3
}

/// Dots with a space behind them.
fn stops(text: &str) -> impl Iterator<Item = usize> {
    memchr::memchr_iter(b'.', text.as_bytes()).filter(|at| text.as_bytes().get(at + 1) == Some(&b' '))
}

/// Whether a dot ends a sentence here; after a title or an abbreviation it does not.
pub fn ends_sentence(text: &str) -> bool {
    full_stops(text).next().is_some()
}

/// The dots that end sentences.
fn full_stops(text: &str) -> impl Iterator<Item = usize> {
    stops(text).filter(|at| {
        let at = *at;
        let word = text.get(..at).unwrap_or_default().rsplit([' ', '.']).next().unwrap_or_default();
        let short = word.chars().count() <= if word.starts_with(char::is_uppercase) { 4 } else { 2 };
        !short || word.is_empty() || word.bytes().all(|byte| byte.is_ascii_digit())
    })
}

/// Whether a number, or a field of a line between bars, stands between a label and what comes after `clean`.
fn follows_value(clean: &str, found: Match) -> bool {
    let between = clean.get(found.end..).unwrap_or_default();
    // `D.O.B.: n/a | …`
    let told = between.trim_start_matches(['.', ' ']).starts_with([':', '=']) && between.contains('|');
    told || between.bytes().filter(u8::is_ascii_digit).count() >= 4
}

/// Whether a label still speaks of what comes after `clean`: no other value stands between, unless in a list.
fn reaches(clean: &str, found: Match) -> bool {
    // The dot of an abbreviated label ends no sentence.
    let between = clean.get(found.end..).unwrap_or_default().trim_start_matches(['.', ')', ']']);
    let pairs = between.as_bytes().iter().zip(between.as_bytes().iter().skip(1));
    let keyed = between.len() <= 72
        && pairs.fold(false, |any, (one, next)| any | matches!(one, b'"' | b'\'') & (*next == b':'));
    if between.len() > 72 || keyed || between.contains(['=', '{', '}', '\t']) || ends_sentence(between) {
        return false;
    }
    // What follows a semicolon is another field, unless it is another number of the same.
    if between.rfind(';').is_some_and(|at| between.bytes().skip(at).any(|byte| byte.is_ascii_alphabetic())) {
        return false;
    }
    // `changed from 12 to 13`
    let last = between.trim_end().rsplit(' ').next().unwrap_or_default();
    if CHANGES.iter().any(|(from, to)| last == *to && between.split(' ').any(|word| word == *from)) {
        return true;
    }
    let digits = between.bytes().filter(u8::is_ascii_digit).count();
    // Of scripts that join words a letter is worth two.
    let weigh = |c: char| {
        if !letters::is_letter(c) {
            0
        } else if super::words::is_joined(c) {
            2
        } else {
            1
        }
    };
    digits < 5 || between.chars().map(weigh).sum::<usize>() <= digits / 2
}
