//! Climbs to the texts that take redaction longest for each byte.
//!
//! ```text
//! cargo run --release --manifest-path tests/fuzz/Cargo.toml --bin slowest -- 120 7 [text|records|nested|rows]
//! ```
//!
//! Some seconds (120 here), from some seed (7); text, or documents of one of three shapes. A text is a few words out of [`WORDS`], again and again up to [`SIZE`]. The
//! slowest found so far are changed a little, and what is slower takes the place of one. The times are those of this machine
//! now; that one is far above the others, or grows with the size (the last two columns), is what to look for.
use portcullis::kernel::redact::Engine;
use std::hint::black_box;
use std::time::{Duration, Instant};

/// Labels, names, values, marks and pieces of each.
#[rustfmt::skip]
const WORDS: &[&str] = &[
    "ssn", "pesel", "phone", "mrn", "tel", "dob", "born", "passport", "dl", "iban", "cvv", "account", "routing", "konto",
    "password", "密码", "пароль", "비밀번호", "token", "api_key", "Bearer ", "--password ", "export ", "user ", "secret",
    "order", "number", "id", "from", "to", "is", "for", "column", "code", "was", "the", "de", "x", "a", "A", "日", "é", "П", "ａ",
    "123456789", "123-45-6789", "89120516158", "4111111111111111", "4111-1111-1111-1111", "DE89370400440532013000",
    "DEUTDEFF", "1970-02-03", "3.2.1970", "3 March 1970", "+49 30 123456", "(212) 555-0134", "030 123456", "12345", "123", "1",
    "A1", "X1234567", "１２３", "192.168.1.2", "2001:db8::1", "a@b.org", "http://a:b@c.de/", "://", "www.", "Hunter2!", "aA1",
    "eyJhbGciOiJIUzI1NiJ9.e30.abc", "aGVsbG8gd29ybGQgMTIz", "dGVzdA==", "-----BEGIN ", "deadbeef", "%20", "%41", "&#49;",
    "\\u0031", "\u{200B}", " ", "  ", "\t", "\n", "\n\n", ":", ": ", "=", " = ", ",", ", ", ";", "|", " | ", "\"", "'", "`", "“",
    "<", ">", "</b>", "<b>", "<td>", "<th>", "(", ")", "[", "]", "{", "}", "{{", "${", "-", "--", "- ", "/", "\\", ".", "*",
    "**", "****", "&", "?", "@", "+", "#", "^", "~", "$", "!", "'s ", "PID|", "REF*SY*", "INSERT INTO t (ssn) VALUES (",
];
/// The bytes of a text, at least.
const SIZE: usize = 32 << 10;
/// How many are kept, and of how many of them others are made.
const KEPT: usize = 40;
const PARENTS: usize = 12;
/// The most words of one text.
const LENGTH: usize = 12;

/// A generator of numbers (Knuth, MMIX): the same seed, the same climb.
struct Random(u64);

impl Random {
    fn below(&mut self, count: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % count.max(1)
    }
}

/// What the words are put into.
#[derive(Clone, Copy)]
enum Shape {
    Text,
    /// An array of objects whose members are named by every other word.
    Records,
    /// The same, each object within the one before, as deep as may be.
    Nested,
    /// An array of arrays of strings.
    Rows,
}

impl Shape {
    fn named(name: Option<String>) -> Result<Self, String> {
        match name.as_deref() {
            None | Some("text") => Ok(Self::Text),
            Some("records") => Ok(Self::Records),
            Some("nested") => Ok(Self::Nested),
            Some("rows") => Ok(Self::Rows),
            Some(other) => Err(format!("{other}: text, records, nested or rows")),
        }
    }

    /// The words once, and what they make so often that it has the size.
    fn made(self, words: &[usize], size: usize) -> (String, String) {
        let word = |word: &usize| serde_json::Value::from(WORDS[*word]).to_string();
        let member = |pair: &[usize]| format!("{}:{}", word(&pair[0]), pair.get(1).map_or("1".into(), word));
        let joined = |parts: Vec<String>| parts.join(",");
        let once = match self {
            Self::Text => words.iter().map(|word| WORDS[*word]).collect(),
            Self::Records | Self::Nested => format!("{{{}}}", joined(words.chunks(2).map(member).collect())),
            Self::Rows => format!("[{}]", joined(words.iter().map(word).collect())),
        };
        let count = (size / (once.len() + 1)).max(1);
        let all = match self {
            Self::Text => once.repeat(count),
            Self::Records | Self::Rows => format!("[{}]", joined(vec![once.clone(); count])),
            Self::Nested => {
                let open = format!("{},\"in\":", once.trim_end_matches('}'));
                let deep = format!("{}1{}", open.repeat(DEPTH), "}".repeat(DEPTH));
                format!("[{}]", joined(vec![deep; count.div_ceil(DEPTH)]))
            }
        };
        (once, all)
    }
}

/// How deep objects are within one another.
const DEPTH: usize = 40;

/// Nanoseconds a byte, the best of some runs.
fn cost(engine: &Engine, shape: Shape, words: &[usize], size: usize, runs: usize) -> f64 {
    let (_, text) = shape.made(words, size);
    let run = |_| {
        let begun = Instant::now();
        black_box(engine.scan_wire(&text));
        begun.elapsed()
    };
    (0..runs).map(run).min().unwrap_or_default().as_secs_f64() * 1e9 / text.len() as f64
}

fn changed(words: &[usize], random: &mut Random) -> Vec<usize> {
    let mut words = words.to_vec();
    for _ in 0..=random.below(2) {
        let (at, other, word) = (random.below(words.len()), random.below(words.len()), random.below(WORDS.len()));
        match random.below(4) {
            0 if words.len() > 1 => drop(words.remove(at)),
            1 if words.len() < LENGTH => words.insert(at, word),
            2 => words.swap(at, other),
            _ => words[at] = word,
        }
    }
    words
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1).take(2).map(|argument| argument.parse::<u64>());
    let seconds = arguments.next().unwrap_or(Ok(60))?;
    let mut random = Random(arguments.next().unwrap_or(Ok(1))?);
    let shape = Shape::named(std::env::args().nth(3))?;
    let engine = Engine::new(Vec::new()).map_err(|error| format!("{error:?}"))?;
    let mut found: Vec<(f64, Vec<usize>)> = Vec::new();
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(seconds) {
        let words = if found.len() < KEPT || random.below(6) == 0 {
            (0..=random.below(LENGTH / 2)).map(|_| random.below(WORDS.len())).collect()
        } else {
            changed(&found[random.below(PARENTS)].1, &mut random)
        };
        if found.iter().any(|(_, known)| *known == words) {
            continue;
        }
        let least = found.get(KEPT - 1).map_or(0.0, |(cost, _)| *cost);
        if cost(&engine, shape, &words, SIZE, 2) > least {
            found.push((cost(&engine, shape, &words, SIZE, 5), words));
            found.sort_by(|a, b| b.0.total_cmp(&a.0));
            found.truncate(KEPT);
        }
    }
    println!("   32 KB   128 KB   ns a byte");
    for (_, words) in found.iter().take(PARENTS) {
        let (small, large) = (cost(&engine, shape, words, SIZE, 7), cost(&engine, shape, words, 4 * SIZE, 3));
        println!("{small:8.1} {large:8.1}   {:?}", shape.made(words, 0).0);
    }
    Ok(())
}
