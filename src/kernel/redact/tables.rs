//! Tables inside a text: comma, semicolon, tab and bar separated lines, aligned columns, `INSERT … VALUES`.
use super::labels::{self, Labels};
use memchr::memmem::Finder;
use std::sync::LazyLock;

/// The most tables and columns that are kept of one text, and the longest line that is one of a table.
const TABLES_MAX: usize = 64;
const COLUMNS_MAX: usize = 64;
const LINE_MAX: usize = 2048;

/// What stands before the rows of a statement.
static VALUES: LazyLock<[Finder<'static>; 2]> = LazyLock::new(|| [Finder::new("VALUES"), Finder::new("values")]);

/// The tables of one text.
#[derive(Debug, Default)]
pub struct Tables(Vec<Table>);

#[derive(Debug)]
struct Table {
    start: usize,
    end: usize,
    shape: Shape,
    columns: Vec<Column>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    /// Cells between marks, one row a line.
    Marked(char),
    /// Cells that begin where those of the header do.
    Aligned,
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
        if memchr::memchr(b'\n', text.as_bytes()).is_none() {
            return tables;
        }
        let mut open: Option<(Table, usize)> = None;
        let mut at = 0;
        for line in text.split_inclusive('\n') {
            let (start, bare) = (at, line.trim_end_matches(['\n', '\r']));
            at += line.len();
            if let Some((table, cells)) = &mut open {
                if table.takes(bare, *cells) {
                    table.end = at;
                    continue;
                }
                tables.close(&mut open);
            }
            open = header(bare).map(|(shape, columns)| {
                let cells = columns.len();
                (Table { start: at, end: start, shape, columns }, cells)
            });
        }
        tables.close(&mut open);
        tables
    }

    fn close(&mut self, open: &mut Option<(Table, usize)>) {
        if let Some((table, _)) = open.take()
            && table.end > table.start
            && self.0.len() < TABLES_MAX
        {
            self.0.push(table);
        }
    }

    /// `INSERT INTO t (a, b) VALUES (1, 2), (3, 4)`.
    fn values(&mut self, text: &str) {
        let bytes = text.as_bytes();
        let [capital, small] = &*VALUES;
        let all = capital.find_iter(bytes).chain(small.find_iter(bytes));
        for at in all.take(TABLES_MAX) {
            let head = text.get(..at).unwrap_or_default().trim_end();
            let Some(list) = head.strip_suffix(')').and_then(|head| {
                let from = super::evidence::floor(head, head.len().saturating_sub(LINE_MAX));
                head.get(from..)?.rsplit_once('(').map(|(_, list)| list)
            }) else {
                continue;
            };
            let columns: Vec<_> = list
                .split(',')
                .take(COLUMNS_MAX)
                .map(|name| Column { at: 0, end: 0, labels: labels::of_key(name) })
                .collect();
            let end = text.get(at..).and_then(|rest| rest.find(';')).map_or(text.len(), |end| at + end);
            self.0.push(Table { start: at, end, shape: Shape::Rows, columns });
        }
    }

    /// Rows of `<th>`, then rows of `<td>`.
    fn markup(&mut self, text: &str) {
        let Some(mut from) = memchr::memchr(b'<', text.as_bytes()) else { return };
        while let Some(at) = text.get(from..).and_then(|rest| rest.find("<th")).map(|at| from + at) {
            let end = text
                .get(at..)
                .and_then(|rest| rest.find("</tr").or_else(|| rest.find("<td")))
                .map_or(text.len(), |end| at + end);
            let close = text.get(end..).and_then(|rest| rest.find("</table")).map_or(text.len(), |close| end + close);
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
            if columns.len() > 1 && self.0.len() < TABLES_MAX {
                self.0.push(Table { start: end, end: close, shape: Shape::Markup, columns });
            }
            from = end.max(at + 3);
        }
    }

    /// What the column of the value at `start` is called.
    pub fn label(&self, text: &str, start: usize) -> Option<Labels> {
        let table = self.0.iter().find(|table| table.start <= start && start < table.end)?;
        let back = text.get(table.start..start)?;
        let row = match table.shape {
            Shape::Rows => back.rfind('(').map_or(back, |at| back.get(at + 1..).unwrap_or_default()),
            Shape::Markup => back.rfind("<tr").map_or("", |at| back.get(at..).unwrap_or_default()),
            _ => back.rfind('\n').map_or(back, |at| back.get(at + 1..).unwrap_or_default()),
        };
        if row.len() > LINE_MAX {
            return None;
        }
        let column = match table.shape {
            Shape::Marked(mark) => {
                count(row, mark).saturating_sub(usize::from(mark == '|' && row.trim_start().starts_with('|')))
            }
            Shape::Rows => count(row, ','),
            Shape::Markup => row.matches("<td").count().checked_sub(1)?,
            Shape::Aligned => {
                let at = row.chars().count();
                let cell = text.get(start..table.end)?.lines().next()?.split("  ").next()?;
                let end = at + cell.chars().count();
                // Numbers are set to the right: the column is the one above any part of the value.
                let above = |column: &Column| column.at < end && at < column.end;
                let over = table.columns.iter().position(above);
                over.or_else(|| table.columns.iter().rposition(|column| column.at <= at + 1))?
            }
        };
        // Rows of a name and a value name themselves.
        let name = match table.shape {
            Shape::Marked(mark @ ('|' | '\t')) => row.trim_start_matches([' ', '|']).split(mark).next(),
            Shape::Aligned => row.trim_start().split("  ").next(),
            _ => None,
        };
        if (column, table.columns.len()) == (1, 2)
            && let Some(name) = name
            && let labels = labels::of_key(name)
            && labels.tells()
        {
            return Some(labels);
        }
        table.columns.get(column).map(|column| column.labels)
    }
}

impl Table {
    fn takes(&self, line: &str, cells: usize) -> bool {
        if line.len() > LINE_MAX || line.trim().is_empty() {
            return false;
        }
        match self.shape {
            Shape::Marked('|') => {
                line.contains('|') || line.bytes().all(|byte| matches!(byte, b'-' | b'+' | b' ' | b'='))
            }
            Shape::Marked(mark) => count(line, mark) + 1 >= cells.saturating_sub(1) && count(line, mark) < cells + 2,
            Shape::Aligned => line.contains("  "),
            Shape::Rows | Shape::Markup => false,
        }
    }
}

/// The marks of a line outside quotes.
fn count(line: &str, mark: char) -> usize {
    let mut quoted = false;
    line.chars()
        .filter(|character| {
            quoted ^= *character == '"';
            *character == mark && !quoted
        })
        .count()
}

/// Whether a line names columns: several cells, short, without numbers, and at least one that is a label.
fn header(line: &str) -> Option<(Shape, Vec<Column>)> {
    if line.len() > LINE_MAX || line.len() < 5 || line.bytes().filter(u8::is_ascii_digit).count() > 6 {
        return None;
    }
    let cell = |name: &str| Column { at: 0, end: 0, labels: labels::of_key(name) };
    let good = |columns: &[Column]| {
        columns.len() >= 2 && columns.len() <= COLUMNS_MAX && columns.iter().any(|column| column.labels.tells())
    };
    for mark in ['|', '\t', ';', ','] {
        if !line.contains(mark) {
            continue;
        }
        let inner = if mark == '|' { line.trim().trim_matches('|') } else { line };
        if let Some(heads) = line.trim().strip_prefix("||").and_then(|line| line.strip_suffix("||")) {
            let columns: Vec<_> = heads.split("||").take(COLUMNS_MAX + 1).map(cell).collect();
            return good(&columns).then_some((Shape::Marked('|'), columns));
        }
        if mark == '|' && line.trim_start().starts_with('|') && !inner.contains('|') && cell(inner).labels.tells() {
            return Some((Shape::Marked('|'), vec![cell(inner)]));
        }
        // Sentences have commas too, and dots that end them.
        let sentence = |name: &str| mark == ',' && (super::evidence::ends_sentence(name) || name.ends_with('.'));
        if mark != '|'
            && inner.split(mark).any(|name| name.len() > 40 || name.contains([':', '=', '{']) || sentence(name))
        {
            continue;
        }
        let columns: Vec<_> = inner.split(mark).take(COLUMNS_MAX + 1).map(cell).collect();
        // The first line between bars is a header even if it says nothing, so that none of its rows is.
        if good(&columns) || (mark == '|' && (2..=COLUMNS_MAX).contains(&columns.len())) {
            return Some((Shape::Marked(mark), columns));
        }
    }
    if line.contains(['{', '=', ':']) {
        return None;
    }
    let mut columns = Vec::new();
    let mut at = 0;
    for part in line.split("  ") {
        if !part.trim().is_empty() {
            let lead = part.len() - part.trim_start().len();
            let end = at + part.trim_end().chars().count();
            columns.push(Column { at: at + lead, end, labels: labels::of_key(part) });
        }
        at += part.chars().count() + 2;
    }
    good(&columns).then_some((Shape::Aligned, columns))
}
