//! `portcullis fmt`: policies and cases in one layout, with their comments.
//!
//! It works on lines, in passes. After each pass the text is read again with the reader of the
//! configuration, and a pass that would change a value is not taken: what it does not understand
//! stays as it was written.
use super::files::{self, Readers};
use crate::cases::source::CasesSource;
use crate::config::source::GatewaySource;
use crate::config::yaml;
use crate::kernel::policy::source::{FragmentSource, PolicySource};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Most rounds until nothing changes any more. One is enough for all but odd layouts.
const ROUNDS_MAX: usize = 5;

/// Which files.
#[derive(clap::Args)]
pub struct Options {
    /// Policies and cases.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Write nothing; name the files that would change, and exit 1 if there is one.
    #[arg(long)]
    check: bool,
}

/// Formats files.
pub fn run(options: &Options) -> ExitCode {
    let mut well = true;
    for file in &options.files {
        match one(file, options.check) {
            Ok(true) if options.check => {
                well = false;
                println!("would change {}", file.display());
            }
            Ok(true) => println!("formatted {}", file.display()),
            Ok(false) => {}
            Err(why) => {
                well = false;
                eprintln!("{why}");
            }
        }
    }
    if well { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn one(file: &Path, check: bool) -> Result<bool, String> {
    let before = files::read(file)?;
    let after = format(&before).map_err(|fault| {
        let yaml::Fault { line, column, message, .. } = fault;
        format!("{}:{line}:{column}: {message}", file.display())
    })?;
    if after != before && !check {
        files::replace(&files::real(file)?, &after, Readers::All)?;
    }
    Ok(after != before)
}

/// The text in its layout. An error if it is not YAML that the gateway reads.
pub fn format(text: &str) -> Result<String, yaml::Fault> {
    let meaning = yaml::parse(text)?.value;
    let mut before = text.to_owned();
    for _ in 0..ROUNDS_MAX {
        let after = once(&before, &meaning);
        if after == before {
            return Ok(after);
        }
        before = after;
    }
    // It would look different each time, so it is best left alone.
    Ok(text.to_owned())
}

fn once(text: &str, meaning: &Value) -> String {
    let passes: [&dyn Fn(&str) -> String; 3] = [&trimmed, &indented, &|text| ordered(text, meaning)];
    let mut text = text.to_owned();
    for pass in passes {
        let next = pass(&text);
        if yaml::parse(&next).is_ok_and(|read| read.value == *meaning) {
            text = next;
        }
    }
    text
}

/// What a line is, as far as its place in the layout is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Blank,
    Comment,
    /// Begins an entry of a mapping or sequence.
    Entry,
    /// Goes on with a value that began above: a quotation, a flow collection, a block of text.
    Inside,
    /// The same, in a block of text, where every space counts.
    Text,
}

/// Tells the lines apart. It need not be right about every YAML there is, since each pass is proved.
fn kinds(text: &str) -> Vec<(Kind, &str)> {
    let mut kinds = Vec::new();
    let mut state = State::default();
    for line in text.lines() {
        let content = line.trim();
        let indent = indent(line);
        let kind = match &state {
            State { block: Some(at), .. } if content.is_empty() || indent > *at => Kind::Text,
            State { quote: Some(_), .. } => Kind::Inside,
            _ if content.is_empty() => Kind::Blank,
            State { depth: 1.., .. } => Kind::Inside,
            _ if content.starts_with('#') => Kind::Comment,
            _ => Kind::Entry,
        };
        if kind != Kind::Text {
            state.block = None;
        }
        if matches!(kind, Kind::Entry | Kind::Inside) {
            state.read(content, indent);
        }
        kinds.push((kind, line));
    }
    kinds
}

/// What is still open at the end of a line.
#[derive(Default)]
struct State {
    quote: Option<char>,
    depth: usize,
    /// Indentation of the entry whose block of text follows.
    block: Option<usize>,
}

impl State {
    fn read(&mut self, content: &str, indent: usize) {
        let mut before = ' ';
        let mut bare = String::new();
        let mut characters = content.chars().peekable();
        while let Some(c) = characters.next() {
            match self.quote {
                Some('"') if c == '\\' => drop(characters.next()),
                Some(quote) if c == quote => self.quote = None,
                Some(_) => {}
                None if c == '#' && before.is_whitespace() => break,
                // A quotation opens where a value may begin; elsewhere an apostrophe is a letter.
                None if (c == '"' || c == '\'') && " [{,:".contains(before) => self.quote = Some(c),
                None => {
                    match c {
                        '[' | '{' if self.depth > 0 || " [{,:".contains(before) => self.depth += 1,
                        ']' | '}' => self.depth = self.depth.saturating_sub(1),
                        _ => {}
                    }
                    bare.push(c);
                }
            }
            before = c;
        }
        let last = bare.split_whitespace().next_back().unwrap_or_default();
        let marks = last.strip_prefix(['|', '>']).is_some_and(|rest| rest.chars().all(|c| "+-0123456789".contains(c)));
        if marks && self.depth == 0 && self.quote.is_none() {
            self.block = Some(indent);
        }
    }
}

fn indent(line: &str) -> usize {
    line.len() - line.trim_start_matches(' ').len()
}

/// Line ends, trailing space, one newline at the end, and no more than one blank line in a row.
fn trimmed(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut blank = true;
    for (kind, line) in kinds(text) {
        if kind == Kind::Blank && blank {
            continue;
        }
        blank = kind == Kind::Blank;
        out += if kind == Kind::Text { line } else { line.trim_end() };
        out.push('\n');
    }
    let end = out.trim_end_matches('\n').len();
    out.truncate(end);
    out.push('\n');
    out
}

/// One level of the layout, and where it was written.
#[derive(Clone, Copy)]
struct Level {
    was: usize,
    now: usize,
    sequence: bool,
}

/// Two spaces a level, items of sequences one level in.
fn indented(text: &str) -> String {
    let mut levels: Vec<Level> = Vec::new();
    let mut comments: Vec<&str> = Vec::new();
    let mut out = String::with_capacity(text.len());
    let mut moved = (0, 0);
    for (kind, line) in kinds(text) {
        let was = indent(line);
        match kind {
            Kind::Blank | Kind::Comment => {
                comments.push(line);
                continue;
            }
            Kind::Entry => {
                let before = levels.clone();
                let (now, line) = place(&mut levels, line);
                for comment in comments.drain(..) {
                    let at = indent(comment);
                    let of = |levels: &[Level]| levels.iter().rev().find(|level| level.was == at).map(|l| l.now);
                    let at = if at == was { now } else { of(&before).or_else(|| of(&levels)).unwrap_or(at) };
                    push(&mut out, at, comment.trim_start());
                }
                push(&mut out, now, &line);
                moved = (was, now);
            }
            Kind::Inside | Kind::Text if line.trim().is_empty() => push(&mut out, 0, line),
            // The rest of a value moves as its beginning did.
            Kind::Inside | Kind::Text => {
                push(&mut out, (was + moved.1).saturating_sub(moved.0), line.trim_start_matches(' '))
            }
        }
    }
    for comment in comments {
        let at = indent(comment);
        let level = levels.iter().rev().find(|level| level.was == at);
        push(&mut out, level.map_or(at, |level| level.now), comment.trim_start());
    }
    out
}

fn push(out: &mut String, indent: usize, line: &str) {
    if !line.is_empty() {
        out.extend(std::iter::repeat_n(' ', indent));
        out.push_str(line);
    }
    out.push('\n');
}

/// The new indentation of an entry, and its line with each `- ` followed by one space.
fn place(levels: &mut Vec<Level>, line: &str) -> (usize, String) {
    let mut was = indent(line);
    let mut rest = line.trim_start_matches(' ');
    let mut dashes = String::new();
    let mut first = None;
    loop {
        let item = rest.strip_prefix('-').filter(|after| after.is_empty() || after.starts_with(' '));
        let sequence = item.is_some();
        // Items may stand right below their key; whatever else stands there ends them.
        while levels.last().is_some_and(|level| level.was > was || (level.was == was && level.sequence && !sequence)) {
            levels.pop();
        }
        let known = levels.last().filter(|level| level.was == was && level.sequence == sequence).copied();
        let level = known.unwrap_or_else(|| {
            let now = levels.last().map_or(0, |parent| parent.now + 2);
            let level = Level { was, now, sequence };
            levels.push(level);
            level
        });
        first.get_or_insert(level.now);
        let Some(after) = item else { break };
        dashes += "- ";
        rest = after.trim_start_matches(' ');
        was += 1 + after.len() - rest.len();
        if rest.is_empty() || rest.starts_with('#') {
            break;
        }
    }
    (first.unwrap_or(0), format!("{dashes}{rest}").trim_end().to_owned())
}

/// The top-level sections in their documented order, each with the comments above it. The comments
/// at the top of the file stay there.
fn ordered(text: &str, meaning: &Value) -> String {
    let order = order_of(meaning);
    let mut head = String::new();
    let mut sections: Vec<(String, String)> = Vec::new();
    let mut waiting = String::new();
    for (kind, line) in kinds(text) {
        let top = indent(line) == 0;
        match kind {
            Kind::Entry if top => {
                let Some((name, _)) = line.split_once(':') else { return text.to_owned() };
                let name = name.trim_matches(['\'', '"', ' ']).to_owned();
                let above = std::mem::take(&mut waiting);
                if sections.is_empty() {
                    head = above;
                    sections.push((name, String::new()));
                } else {
                    sections.push((name, above));
                }
            }
            Kind::Blank | Kind::Comment if top => {
                waiting += line;
                waiting.push('\n');
                continue;
            }
            _ => {}
        }
        let Some((_, section)) = sections.last_mut() else { return text.to_owned() };
        // What is indented belongs to the section around it, and so does what stood before.
        *section += &std::mem::take(&mut waiting);
        *section += line;
        section.push('\n');
    }
    let place = |name: &str| order.iter().position(|known| known == name);
    if sections.iter().any(|(name, _)| place(name).is_none()) {
        // A section that is not known may belong anywhere.
        return text.to_owned();
    }
    if sections.is_sorted_by_key(|(name, _)| place(name)) {
        return text.to_owned();
    }
    sections.sort_by_key(|(name, _)| place(name));
    let mut out = head;
    for (at, (_, section)) in sections.iter().enumerate() {
        out += if at == 0 { section.trim_start_matches('\n') } else { section };
    }
    out + &waiting
}

/// The order of the fields as the types and the manual have them.
fn order_of(meaning: &Value) -> Vec<String> {
    let fields = |schema: schemars::Schema| {
        let properties = schema.get("properties").and_then(Value::as_object).cloned().unwrap_or_default();
        properties.into_iter().map(|(name, _)| name).collect()
    };
    if meaning.get("cases").is_some() {
        fields(schemars::schema_for!(CasesSource))
    } else if meaning.get("upstream").is_some() {
        fields(schemars::schema_for!(PolicySource))
    } else if meaning.get("public_url").is_some() {
        fields(schemars::schema_for!(GatewaySource))
    } else {
        fields(schemars::schema_for!(FragmentSource))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(before: &str, after: &str) {
        assert_eq!(format(before).unwrap(), after);
        assert_eq!(format(after).unwrap(), after, "a second time");
    }

    #[test]
    fn layout_is_mended_and_comments_stay_with_what_they_are_about() {
        check("a: 1  \r\nb:   2\t\r\n\r\n\r\n", "a: 1\nb:   2\n");
        check("a:\n    b:\n          c: 1\n    # about d\n    d: 2\n", "a:\n  b:\n    c: 1\n  # about d\n  d: 2\n");
        check("a:\n- b: 1\n  c: 2\n- d\ne: 1\n", "a:\n  - b: 1\n    c: 2\n  - d\ne: 1\n");
        check("a:\n  -   b: 1\n      c: 2\n", "a:\n  - b: 1\n    c: 2\n");
        check("a:\n    - - x\n      - y\n    -\n      z: 1\n", "a:\n  - - x\n    - y\n  -\n    z: 1\n");
        check("a:\n    b: 1\n    # last of a\nc: 1\n", "a:\n  b: 1\n  # last of a\nc: 1\n");
    }

    #[test]
    fn what_is_inside_a_value_keeps_its_meaning() {
        check("a:\n    b: |\n      x  \n\n        y\n    c: 1\n", "a:\n  b: |\n    x  \n\n      y\n  c: 1\n");
        check(
            "a:\n    b: { c: 1,\n         d: 2 }\n    e: 'x\n      y'\n",
            "a:\n  b: { c: 1,\n       d: 2 }\n  e: 'x\n    y'\n",
        );
        check("when: it's > 1 # it's [ open\nb: 'a # b'\n", "when: it's > 1 # it's [ open\nb: 'a # b'\n");
        check("a: >-\n  one\n  two\nb: 1\n", "a: >-\n  one\n  two\nb: 1\n");
    }

    #[test]
    fn sections_take_their_order_with_what_stands_above_them() {
        check(
            "# head\n\nupstream: { url: x } # where\n# who\naccess:\n  issuers: []\n  # inner\n# name\nserver: a\n# end\n",
            "# head\n\n# name\nserver: a\nupstream: { url: x } # where\n# who\naccess:\n  issuers: []\n  # inner\n# end\n",
        );
        check("cases: []\nserver: a\n", "server: a\ncases: []\n");
        check("unknown: 1\nupstream: 1\nserver: a\n", "unknown: 1\nupstream: 1\nserver: a\n");
        assert!(format("a: 1\na: 2\n").is_err());
    }

    proptest::proptest! {
        /// Whatever is put together: what it means stays, and a second time changes nothing.
        #[test]
        fn any_text_keeps_its_meaning(lines in proptest::collection::vec((0usize..7, 0usize..PIECES.len()), 1..14)) {
            let text: String = lines.iter().map(|(indent, piece)| format!("{}{}", " ".repeat(*indent), PIECES[*piece])).collect();
            if let Ok(before) = yaml::parse(&text) {
                let once = format(&text).unwrap();
                proptest::prop_assert_eq!(&yaml::parse(&once).unwrap().value, &before.value);
                proptest::prop_assert_eq!(&format(&once).unwrap(), &once, "of {:?}", text);
                let comments = |text: &str| text.matches('#').count();
                proptest::prop_assert_eq!(comments(&once), comments(&text));
            }
        }
    }

    const PIECES: &[&str] = &[
        "server: a\n",
        "upstream:\n",
        "access: x  \n",
        "tools:\r\n",
        "cases:\n",
        "- a\n",
        "-   b: 1\n",
        "- - c\n",
        "-\n",
        "d: |\n",
        "e: >-\n",
        "text\n",
        "# comment\n",
        "\n",
        "   \n",
        "f: { g: 1,\n",
        "h: 2 }\n",
        "i: 'one\n",
        "two'\n",
        "j: it's # not\n",
        "k: [1,\n",
        "2]\n",
        "l: \"a \\\" b\"\n",
        "m: &n 1\n",
        "o: *n\n",
        "---\n",
        "'#': 3\n",
        "p: a\t\n",
    ];
}
