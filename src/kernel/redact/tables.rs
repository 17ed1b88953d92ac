//! Tables inside a text: comma, semicolon, tab, bar and tilde separated lines, aligned columns, one column, `INSERT …
//! VALUES`.
use super::labels::{self, Labels};
use memchr::memmem::Finder;
use std::cell::{Cell, OnceCell};
use std::ops::Range;
use std::sync::LazyLock;
use wide::u8x16;

/// The most tables of each sort and columns that are kept of one text, how many tables back one is looked for that holds a
/// place, and the longest line that is one of a table.
const TABLES_MAX: usize = 1024;
const COLUMNS_MAX: usize = 256;
const BACK: usize = 8;
const LINE_MAX: usize = 2048;
/// The longest name of a column between marks that are no bars.
const NAME_MAX: usize = 40;
/// The longest that ends with the dot of an abbreviation: `NHS no.`
const ABBREVIATED: usize = 16;
/// The longest line that is nothing but a value.
const VALUE_MAX: usize = 48;

/// What stands before the rows of a statement.
static VALUES: LazyLock<[Finder<'static>; 2]> = LazyLock::new(|| [Finder::new("VALUES"), Finder::new("values")]);

/// The tables of one text, in order: statements and markup, whose rows may stand anywhere, and those of lines.
#[derive(Debug, Default)]
pub struct Tables {
    free: Vec<Table>,
    lines: Vec<Table>,
}

#[derive(Debug)]
struct Table {
    start: usize,
    end: usize,
    shape: Shape,
    /// The line that names the columns, if one does.
    head: Range<usize>,
    /// Read when a value is asked about.
    columns: OnceCell<Vec<Column>>,
    /// The row that was asked about last.
    row: Cell<Option<Gapped>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    /// Cells between marks, one row a line.
    Marked(char),
    /// Cells that begin where those of the header do.
    Aligned,
    /// One value a line below its name.
    Single,
    /// `(a, b), (c, d)`.
    Rows,
    /// `<tr><td>a</td><td>b</td></tr>`
    Markup,
}

#[derive(Debug)]
struct Column {
    at: usize,
    end: usize,
    labels: Labels,
}

impl Tables {
    /// Finds them in one pass over the lines.
    pub fn read(text: &str) -> Self {
        let mut tables = Self::default();
        tables.values(text);
        tables.markup(text);
        tables.free.sort_by_key(|table| table.start);
        if memchr::memchr(b'\n', text.as_bytes()).is_none() {
            return tables;
        }
        let mut open: Option<(Table, usize)> = None;
        let mut start = 0;
        let ends = memchr::memchr_iter(b'\n', text.as_bytes()).chain([text.len()]);
        for end in ends {
            let bare = text.get(start..end).unwrap_or_default().trim_end_matches(['\n', '\r']);
            let next = (end + 1).min(text.len());
            if let Some((table, cells)) = &mut open {
                if table.takes(bare, *cells) {
                    table.end = next;
                    start = next;
                    continue;
                }
                tables.close(&mut open);
            }
            open = match dumped(bare) {
                Some(columns) => {
                    let count = columns.len();
                    let shape = Shape::Marked('\t');
                    Some((
                        Table {
                            start: next,
                            end: start,
                            shape,
                            head: 0..0,
                            columns: columns.into(),
                            row: Cell::default(),
                        },
                        count,
                    ))
                }
                None => {
                    header(bare).or_else(|| single(bare, text.get(next..).unwrap_or_default())).map(|(shape, cells)| {
                        let head = start..start + bare.len();
                        (
                            Table {
                                start: next,
                                end: start,
                                shape,
                                head,
                                columns: OnceCell::new(),
                                row: Cell::default(),
                            },
                            cells,
                        )
                    })
                }
            };
            start = next;
        }
        tables.close(&mut open);
        tables
    }

    fn close(&mut self, open: &mut Option<(Table, usize)>) {
        if let Some((table, _)) = open.take()
            && table.end > table.start
            && self.lines.len() < TABLES_MAX
        {
            self.lines.push(table);
        }
    }

    fn keep(&mut self, start: usize, end: usize, shape: Shape, columns: Vec<Column>) {
        if self.free.len() < TABLES_MAX {
            self.free.push(Table { start, end, shape, head: 0..0, columns: columns.into(), row: Cell::default() });
        }
    }

    /// `INSERT INTO t (a, b) VALUES (1, 2), (3, 4)`.
    fn values(&mut self, text: &str) {
        for finder in &*VALUES {
            let mut ends = Next::of(";");
            for at in finder.find_iter(text.as_bytes()) {
                if self.free.len() >= TABLES_MAX {
                    return;
                }
                let head = text.get(..at).unwrap_or_default().trim_end();
                let list = head.strip_suffix(')').and_then(|head| {
                    let from = super::evidence::floor(head, head.len().saturating_sub(LINE_MAX));
                    head.get(from..)?.rsplit_once('(').map(|(_, list)| list)
                });
                // Names of columns have no brackets.
                let Some(list) = list.filter(|list| !list.contains(')')) else { continue };
                let columns: Vec<_> = list
                    .split(',')
                    .take(COLUMNS_MAX)
                    .map(|name| Column { at: 0, end: 0, labels: labels::of_key(name) })
                    .collect();
                let end = ends.from(text, at).unwrap_or(text.len());
                self.keep(at, end, Shape::Rows, columns);
            }
        }
    }

    /// Rows of `<th>`, then rows of `<td>`.
    fn markup(&mut self, text: &str) {
        let Some(mut from) = memchr::memchr(b'<', text.as_bytes()) else { return };
        let (mut rows, mut tables) = (Next::of("</tr"), Next::of("</table"));
        while let Some(at) = text.get(from..).and_then(|rest| rest.find("<th")).map(|at| from + at) {
            let cell = || text.get(at..).and_then(|rest| rest.find("<td")).map(|end| at + end);
            let end = rows.from(text, at).or_else(cell).unwrap_or(text.len());
            let close = tables.from(text, end).unwrap_or(text.len());
            let head = text.get(at..end).unwrap_or_default();
            let name = |cell: &str| {
                cell.split_once('>')
                    .map_or(Labels::NONE, |(_, name)| labels::of_key(name.split('<').next().unwrap_or(name)))
            };
            let columns: Vec<_> = head
                .split("<th")
                .skip(1)
                .take(COLUMNS_MAX)
                .filter(|cell| !cell.starts_with("ead"))
                .map(|cell| Column { at: 0, end: 0, labels: name(cell) })
                .collect();
            if columns.len() > 1 {
                self.keep(end, close, Shape::Markup, columns);
            }
            from = end.max(at + 3);
        }
    }

    /// Everything that the names of their columns may say.
    pub fn all(&self, text: &str) -> Labels {
        self.free.iter().chain(&self.lines).fold(Labels::NONE, |all, table| {
            all.with(match table.columns.get() {
                Some(columns) => columns.iter().fold(Labels::NONE, |all, column| all.with(column.labels)),
                None => labels::all(text.get(table.head.clone()).unwrap_or_default()),
            })
        })
    }

    /// What the column of the value at `start` is called.
    pub fn label(&self, text: &str, start: usize) -> Option<Labels> {
        let table = holding(&self.free, start).or_else(|| holding(&self.lines, start))?;
        let back = text.get(table.start..start)?;
        let row = match table.shape {
            Shape::Rows => row_of(back),
            Shape::Markup => {
                // A row that begins further back is too long.
                let near = back.floor_char_boundary(back.len().saturating_sub(LINE_MAX));
                let near = back.get(near..).unwrap_or_default();
                near.rfind("<tr").map_or("", |at| near.get(at..).unwrap_or_default())
            }
            _ => back.rfind('\n').map_or(back, |at| back.get(at + 1..).unwrap_or_default()),
        };
        if row.len() > LINE_MAX {
            return None;
        }
        if table.shape == Shape::Single && row.contains(|c: char| c.is_ascii_alphanumeric()) {
            return None;
        }
        let columns =
            table.columns.get_or_init(|| columns(table.shape, text.get(table.head.clone()).unwrap_or_default()));
        let column = match table.shape {
            Shape::Marked(mark) => {
                count(row, mark).saturating_sub(usize::from(mark == '|' && row.trim_start().starts_with('|')))
            }
            Shape::Rows => count_outside(row, ',', b'\''),
            Shape::Markup => row.matches("<td").count().checked_sub(1)?,
            Shape::Single => 0,
            Shape::Aligned => {
                let at = row.chars().count();
                let cell = text.get(start..table.end)?.lines().next()?.split("  ").next()?;
                let end = at + cell.chars().count();
                // Numbers are set to the right: the column is the one above any part of the value.
                let above = |column: &Column| column.at < end && at < column.end;
                let over = columns.iter().position(above);
                // Most begin or end where their column does; of others it counts how many stand before.
                let set = over.and_then(|over| columns.get(over)).is_some_and(|over| over.at == at || over.end == end);
                let counted = || table.placed(text, start - row.len(), start, columns.len());
                let over = if set { over } else { counted().or(over) };
                over.or_else(|| columns.iter().rposition(|column| column.at <= at + 1))?
            }
        };
        // Rows of a name and a value name themselves.
        let name = match table.shape {
            Shape::Marked(mark @ ('|' | '\t')) => row.trim_start_matches([' ', '|']).split(mark).next(),
            Shape::Aligned => row.trim_start().split("  ").next(),
            _ => None,
        };
        if (column, columns.len()) == (1, 2)
            && let Some(name) = name
            && let labels = labels::of_key(name)
            && labels.tells()
        {
            return Some(labels);
        }
        columns.get(column).map(|column| column.labels)
    }
}

/// The nearest of some tables in order that holds a place.
fn holding(tables: &[Table], place: usize) -> Option<&Table> {
    let behind = tables.partition_point(|table| table.start <= place);
    tables.get(behind.saturating_sub(BACK)..behind)?.iter().rev().find(|table| place < table.end)
}

/// Where something stands next, looked for once.
struct Next {
    what: &'static str,
    /// From where on it was looked for, and where it was.
    known: Option<(usize, Option<usize>)>,
}

impl Next {
    fn of(what: &'static str) -> Self {
        Self { what, known: None }
    }

    /// The first at `from` or behind.
    fn from(&mut self, text: &str, from: usize) -> Option<usize> {
        match self.known {
            Some((since, found)) if since <= from && found.is_none_or(|at| from <= at) => found,
            _ => {
                let found = text.get(from..).and_then(|rest| rest.find(self.what)).map(|at| from + at);
                self.known = Some((from, found));
                found
            }
        }
    }
}

impl Table {
    fn takes(&self, line: &str, cells: usize) -> bool {
        if line.len() > LINE_MAX || line.trim().is_empty() && self.shape != Shape::Single {
            return false;
        }
        match self.shape {
            Shape::Marked('|') => {
                memchr::memchr(b'|', line.as_bytes()).is_some()
                    || line.bytes().all(|byte| matches!(byte, b'-' | b'+' | b' ' | b'='))
            }
            // A line without any is none of its rows, however few they have.
            Shape::Marked(mark) => (cells.saturating_sub(2).max(1)..cells + 2).contains(&count(line, mark)),
            Shape::Aligned => has_gap(line),
            Shape::Single => is_value(line) || is_blank(line),
            Shape::Rows | Shape::Markup => false,
        }
    }
}

/// Whether a line is nothing but a value with digits in it: a number, a date, an identifier.
fn is_value(line: &str) -> bool {
    let line = line.trim_end();
    if !(3..=VALUE_MAX).contains(&line.len()) || line.bytes().filter(u8::is_ascii_digit).count() < 3 {
        return false;
    }
    let part = |byte: &u8| {
        byte.is_ascii_alphanumeric()
            || matches!(byte, b' ' | b'-' | b'.' | b'/' | b'+' | b'(' | b')' | b'"' | b'\'' | b',' | b':')
    };
    // Behind a name would be a space: `Total: 12`.
    let named = || line.as_bytes().windows(2).any(|pair| pair == b": ") || line.ends_with(':');
    let words = || line.split_ascii_whitespace();
    let written = words().filter(|word| word.bytes().all(|byte| byte.is_ascii_alphabetic())).count();
    line.as_bytes().iter().all(part) && !named() && words().count() <= 7 && written <= 1
}

/// Whether a line of one column says that there is no value.
fn is_blank(line: &str) -> bool {
    let line = line.trim();
    line.len() <= 7
        && ["", "-", "n/a", "na", "null", "none", "nil", "nan", "\\n", "?", "\"\"", "unknown", "empty"]
            .iter()
            .any(|none| line.eq_ignore_ascii_case(none))
}

/// Whether a line names the one column of those below it: nothing but a label, and two lines follow at least that are
/// nothing but values. What it says else is that they are something else only as programs write names.
#[inline(never)]
fn single(line: &str, rest: &str) -> Option<(Shape, usize)> {
    if line.len() > 2 * NAME_MAX {
        return None;
    }
    // Most lines are followed by longer ones, or by words.
    let near = rest.as_bytes().get(..VALUE_MAX + 2).unwrap_or(rest.as_bytes());
    let next = memchr::memchr(b'\n', near).unwrap_or(near.len());
    let next = near.get(..next).unwrap_or_default();
    if next.len() > VALUE_MAX + 1 || next.len() > 7 && !next.iter().any(u8::is_ascii_digit) {
        return None;
    }
    let line = line.trim();
    if !(2..=NAME_MAX).contains(&line.len()) {
        return None;
    }
    let mut below = rest.split('\n').take(4).filter(|line| !is_blank(line));
    if !below.next().is_some_and(is_value) || !below.next().is_some_and(is_value) || is_value(line) {
        return None;
    }
    let labels = labels::of_key(name_of(line));
    let named = || line.contains('_') && line.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    let names = labels.accuses() && !labels.any(Labels::OTHER) || labels.tells() && named();
    names.then_some((Shape::Single, 1))
}

/// A heading without its marks.
fn name_of(line: &str) -> &str {
    line.trim_matches(|c: char| matches!(c, ' ' | '#' | '*' | ':' | '"' | '\'' | '`' | '_'))
}

/// The cells of a row with two spaces between them at least, as far as they were counted.
#[derive(Clone, Copy, Debug, Default)]
struct Gapped {
    /// Where the row begins, how many cells it has, and up to where those before were counted.
    start: usize,
    all: usize,
    at: usize,
    count: usize,
    blanks: usize,
}

impl Gapped {
    /// Of a row that begins there and ends where its line does.
    fn of(text: &str, start: usize, end: usize) -> Self {
        let none = Self { start, all: 0, at: start, count: 0, blanks: 2 };
        let line = text.get(start..end).and_then(|rest| rest.lines().next()).unwrap_or_default();
        Self { all: none.until(text, start + line.len()).count, ..none }
    }

    /// With those that begin before `at`.
    fn until(self, text: &str, at: usize) -> Self {
        let (mut count, mut blanks) = (self.count, self.blanks);
        for byte in text.get(self.at..at).unwrap_or_default().bytes() {
            let blank = byte == b' ';
            count += usize::from(!blank && blanks >= 2);
            blanks = if blank { blanks + 1 } else { 0 };
        }
        Self { at, count, blanks, ..self }
    }
}

impl Table {
    /// Which cell of its row the value at `start` is in, if the row has as many as there are columns: then none is empty,
    /// wherever they begin.
    fn placed(&self, text: &str, row: usize, start: usize, count: usize) -> Option<usize> {
        let known = self.row.get().filter(|known| known.start == row && known.at <= start);
        let before = known.unwrap_or_else(|| Gapped::of(text, row, self.end)).until(text, start);
        self.row.set(Some(before));
        let place = if before.blanks >= 2 { before.count } else { before.count.saturating_sub(1) };
        (before.all == count).then_some(place)
    }
}

/// What stands before a value in its row of a statement; a bracket in a text begins none.
fn row_of(back: &str) -> &str {
    let begins = |at: &usize| {
        let front = back.get(..*at).unwrap_or_default().trim_ascii_end();
        front.ends_with(',')
            || front.len() >= 6 && front.get(front.len() - 6..).is_some_and(|end| end.eq_ignore_ascii_case("values"))
    };
    let open = back.rmatch_indices('(').take(COLUMNS_MAX).map(|(at, _)| at).find(begins);
    open.and_then(|open| back.get(open + 1..)).unwrap_or(back)
}

/// The names of the columns of a table that PostgreSQL dumps: `COPY t (a, b) FROM stdin;`.
pub fn dump(line: &str) -> Option<&str> {
    let rest = line.strip_prefix("COPY ").or_else(|| line.strip_prefix("copy "))?;
    let (_, rest) = rest.split_once('(')?;
    let (names, rest) = rest.split_once(')')?;
    rest.trim_start().get(..10).is_some_and(|from| from.eq_ignore_ascii_case("from stdin")).then_some(names)
}

fn dumped(line: &str) -> Option<Vec<Column>> {
    let names = dump(line)?.split(',').take(COLUMNS_MAX);
    Some(names.map(|name| Column { at: 0, end: 0, labels: labels::of_key(name) }).collect())
}

/// The marks of a line outside quotes.
fn count(line: &str, mark: char) -> usize {
    count_outside(line, mark, b'"')
}

/// The marks of a line outside quotes of this kind.
fn count_outside(line: &str, mark: char, quote: u8) -> usize {
    let bytes = line.as_bytes();
    let is_mark = |byte: u8| char::from(byte) == mark;
    if memchr::memchr(quote, bytes).is_none() {
        return bytes.iter().filter(|byte| is_mark(**byte)).count();
    }
    let mut quoted = false;
    let counts = |byte: &&u8| {
        quoted ^= **byte == quote;
        is_mark(**byte) && !quoted
    };
    bytes.iter().filter(counts).count()
}

/// Which of the marks that tell headers from other lines a line has.
struct Marks {
    /// Between cells.
    bar: bool,
    tab: bool,
    semicolon: bool,
    comma: bool,
    tilde: bool,
    /// Behind names: no header has them, but for those between bars.
    names: bool,
}

impl Marks {
    fn of(line: &[u8]) -> Self {
        let (blocks, rest) = line.as_chunks::<16>();
        let mut last = [0; 16];
        last.iter_mut().zip(rest).for_each(|(slot, byte)| *slot = *byte);
        let [mut bars, mut tabs, mut semicolons, mut commas, mut tildes, mut names] = [u8x16::splat(0); 6];
        for block in blocks.iter().chain([&last]) {
            let block = u8x16::new(*block);
            let is = |byte| block.simd_eq(u8x16::splat(byte));
            bars |= is(b'|');
            tabs |= is(b'\t');
            semicolons |= is(b';');
            commas |= is(b',');
            tildes |= is(b'~');
            names |= is(b':') | is(b'=') | is(b'{');
        }
        let any = |marks: u8x16| marks.to_bitmask() != 0;
        Self {
            bar: any(bars),
            tab: any(tabs),
            semicolon: any(semicolons),
            comma: any(commas),
            tilde: any(tildes),
            names: any(names),
        }
    }
}

/// Whether a line names columns: several cells, short, without numbers, and at least one that is a label. How many.
fn header(line: &str) -> Option<(Shape, usize)> {
    if line.len() > LINE_MAX || line.len() < 5 {
        return None;
    }
    let mut marks = Marks::of(line.as_bytes());
    // Whatever stands in quotes may be a name.
    let quoted = line.len() > 2 && line.starts_with('"') && line.ends_with('"') && line.contains("\",\"");
    marks.names &= !quoted;
    if marks.names && !marks.bar || line.bytes().filter(u8::is_ascii_digit).count() > 6 {
        return None;
    }
    let tells = |shape: Shape| {
        let count = cells(shape, line).take(COLUMNS_MAX + 1).count();
        let tells = (2..=COLUMNS_MAX).contains(&count) && cells(shape, line).any(|(_, name)| labels::tells(name));
        tells.then_some((shape, count))
    };
    if marks.bar {
        let doubled = twice_barred(line).is_some();
        let count = cells(Shape::Marked('|'), line).take(COLUMNS_MAX + 1).count();
        // The first line between bars is a header even if it says nothing, so that none of its rows is.
        if !doubled && (2..=COLUMNS_MAX).contains(&count) {
            return Some((Shape::Marked('|'), count));
        }
        if doubled {
            return tells(Shape::Marked('|'));
        }
        let bare = line.trim();
        if count == 1 && bare.starts_with('|') && labels::tells(bare.trim_matches('|')) {
            return Some((Shape::Marked('|'), 1));
        }
    }
    // A line of markup that is set in names no columns.
    if marks.names || line.trim_start().starts_with('<') {
        return None;
    }
    // A statement ends with the only semicolon of its line.
    let statement = line.trim_ascii_end().strip_suffix(';').is_some_and(|line| !line.contains(';'));
    // Segments of X12 end with one.
    let tilde = marks.tilde && !line.contains('*');
    let marked = [(marks.tab, '\t'), (marks.semicolon && !statement, ';'), (tilde, '~'), (marks.comma, ',')];
    // Sentences have commas too, and dots that end them.
    let is_name = |mark: char, name: &str| {
        let short = || name.len() <= ABBREVIATED && labels::of_key(name).accuses();
        (name.len() <= NAME_MAX || name.chars().count() <= NAME_MAX)
            && (quoted || mark != ',' || (!name.ends_with('.') || short()) && !super::evidence::ends_sentence(name))
    };
    marked
        .into_iter()
        .filter(|(is, mark)| *is && cells(Shape::Marked(*mark), line).all(|(_, name)| is_name(*mark, name)))
        .find_map(|(_, mark)| tells(Shape::Marked(mark)))
        .or_else(|| if has_gap(line.trim()) && names_all(line) { tells(Shape::Aligned) } else { None })
}

/// Whether every cell of an aligned line may be a name: numbered lines are no heads.
fn names_all(line: &str) -> bool {
    cells(Shape::Aligned, line).all(|(_, name)| !name.trim().bytes().all(|byte| byte.is_ascii_digit()))
}

/// What stands between bars that are written twice.
fn twice_barred(line: &str) -> Option<&str> {
    line.trim().strip_prefix("||").and_then(|line| line.strip_suffix("||"))
}

/// Whether two spaces stand side by side.
fn has_gap(line: &str) -> bool {
    let bytes = line.as_bytes();
    let pairs = bytes.iter().zip(bytes.iter().skip(1));
    pairs.fold(false, |any, (one, other)| any | (*one == b' ') & (*other == b' '))
}

/// The cells of a line, and where each begins.
fn cells(shape: Shape, line: &str) -> impl Iterator<Item = (usize, &str)> {
    let (line, mark): (_, &[u8]) = match shape {
        Shape::Marked('|') => match twice_barred(line) {
            Some(inner) => (inner, b"||"),
            None => (line.trim().trim_matches('|'), b"|"),
        },
        Shape::Marked('\t') => (line, b"\t"),
        Shape::Marked(';') => (line, b";"),
        Shape::Marked('~') => (line, b"~"),
        Shape::Marked(_) => (line, b","),
        _ => (line, b"  "),
    };
    let mut next = Some(0);
    let all = std::iter::from_fn(move || {
        let start = next?;
        let rest = line.get(start..)?;
        let length = match mark {
            [one] => memchr::memchr(*one, rest.as_bytes()),
            two => rest.as_bytes().windows(2).position(|pair| pair == two),
        };
        next = length.map(|length| start + length + mark.len());
        Some((start, length.map_or(rest, |length| rest.get(..length).unwrap_or_default())))
    });
    all.filter(move |(_, cell)| shape != Shape::Aligned || !cell.trim().is_empty())
}

/// The columns that a line names.
fn columns(shape: Shape, line: &str) -> Vec<Column> {
    if shape == Shape::Single {
        return vec![Column { at: 0, end: 0, labels: labels::of_key(name_of(line)) }];
    }
    let column = |(start, name): (usize, &str)| {
        let labels = labels::of_key(name);
        if shape != Shape::Aligned {
            return Column { at: 0, end: 0, labels };
        }
        let start = line.get(..start).unwrap_or_default().chars().count();
        let lead = name.len() - name.trim_start().len();
        Column { at: start + lead, end: start + name.trim_end().chars().count(), labels }
    };
    cells(shape, line).map(column).collect()
}
