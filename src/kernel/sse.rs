//! Server-sent events (WHATWG HTML, "Server-sent events") without sockets.
//!
//! Any chunking of the same bytes gives the same events; the buffer is bounded; a byte order mark
//! and anything that is not UTF-8 is refused. Comments keep their place but not their content, since
//! nothing judges it.
use std::fmt::Write as _;

/// One event, or a comment line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Event {
    /// `id:` field.
    pub id: Option<String>,
    /// `event:` field.
    pub name: Option<String>,
    /// `data:` lines joined by a line feed.
    pub data: Option<String>,
    /// `retry:` field, in milliseconds.
    pub retry: Option<u64>,
    /// Nothing but a comment (a keep-alive).
    pub comment: bool,
}

/// Why a stream is not an event stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// One event is longer than the bound.
    TooLarge,
    /// Not UTF-8, or a byte order mark.
    Encoding,
}

/// Incremental decoder.
pub struct Decoder {
    line: Vec<u8>,
    event: Event,
    size: usize,
    size_max: usize,
    after_cr: bool,
    started: bool,
    ready: std::collections::VecDeque<Event>,
}

impl Decoder {
    /// A decoder that holds at most `event_bytes_max` bytes of one event.
    pub fn new(event_bytes_max: usize) -> Self {
        Self {
            line: Vec::new(),
            event: Event::default(),
            size: 0,
            size_max: event_bytes_max,
            after_cr: false,
            started: false,
            ready: std::collections::VecDeque::new(),
        }
    }

    /// Takes the next bytes. Whole events are then returned by [`Decoder::next`].
    pub fn feed(&mut self, mut bytes: &[u8]) -> Result<(), Fault> {
        while !bytes.is_empty() {
            if std::mem::take(&mut self.after_cr)
                && let Some((b'\n', rest)) = bytes.split_first()
            {
                bytes = rest;
                continue;
            }
            let Some(stop) = memchr::memchr2(b'\n', b'\r', bytes) else {
                self.grow(bytes)?;
                return Ok(());
            };
            let (head, tail) = bytes.split_at_checked(stop).unwrap_or((bytes, &[]));
            self.after_cr = tail.first() == Some(&b'\r');
            bytes = tail.get(1..).unwrap_or_default();
            if self.line.is_empty() {
                // Mostly a line comes whole, and need not be gathered.
                self.measure(head)?;
                self.end_of_line(head)?;
            } else {
                self.grow(head)?;
                let line = std::mem::take(&mut self.line);
                self.end_of_line(&line)?;
            }
        }
        Ok(())
    }

    /// The next whole event, if there is one.
    pub fn next_event(&mut self) -> Option<Event> {
        self.ready.pop_front()
    }

    fn measure(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        self.size += bytes.len();
        if self.size > self.size_max { Err(Fault::TooLarge) } else { Ok(()) }
    }

    fn grow(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        self.measure(bytes)?;
        self.line.extend_from_slice(bytes);
        Ok(())
    }

    fn end_of_line(&mut self, line: &[u8]) -> Result<(), Fault> {
        if !std::mem::replace(&mut self.started, true) && line.starts_with(b"\xEF\xBB\xBF") {
            return Err(Fault::Encoding);
        }
        let line = std::str::from_utf8(line).map_err(|_| Fault::Encoding)?;
        if line.is_empty() {
            let event = std::mem::take(&mut self.event);
            self.size = 0;
            if event != Event::default() {
                self.ready.push_back(event);
            }
            return Ok(());
        }
        if line.starts_with(':') {
            if self.event == Event::default() {
                self.size = 0;
                self.ready.push_back(Event { comment: true, ..Event::default() });
            }
            return Ok(());
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "data" => match &mut self.event.data {
                Some(data) => {
                    data.push('\n');
                    data.push_str(value);
                }
                empty => *empty = Some(value.to_owned()),
            },
            "id" if !value.contains('\0') => self.event.id = Some(value.to_owned()),
            "event" => self.event.name = Some(value.to_owned()),
            "retry" => self.event.retry = value.parse().ok(),
            _ => {}
        }
        Ok(())
    }
}

/// Writes one event. `data` must not contain line breaks, which our own JSON never does.
pub fn encode(id: Option<&str>, data: Option<&str>, retry: Option<u64>) -> String {
    let mut out = String::with_capacity(data.map_or(0, str::len) + 48);
    if let Some(id) = id {
        let _ = writeln!(out, "id: {id}");
    }
    if let Some(retry) = retry {
        let _ = writeln!(out, "retry: {retry}");
    }
    if let Some(data) = data {
        if !data.is_empty() {
            out.push_str("event: message\n");
        }
        let _ = writeln!(out, "data: {data}");
    }
    out.push('\n');
    out
}

/// A keep-alive comment.
pub const COMMENT: &str = ":\n\n";

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &str, chunk: usize) -> Vec<Event> {
        let mut decoder = Decoder::new(1 << 16);
        for piece in text.as_bytes().chunks(chunk) {
            decoder.feed(piece).unwrap();
        }
        std::iter::from_fn(|| decoder.next_event()).collect()
    }

    #[test]
    fn any_chunking_gives_the_same_events() {
        let text =
            "id: 1\r\ndata: \r\nretry: 100\r\n\r\n: hi\n\nevent: message\ndata: {\"a\":\ndata: 1}\n\ndata:x\r\rdata: y";
        let whole = all(text, text.len());
        assert_eq!(whole.len(), 4);
        assert_eq!(whole[2].data.as_deref(), Some("{\"a\":\n1}"));
        for chunk in 1..9 {
            assert_eq!(all(text, chunk), whole);
        }
    }

    #[test]
    fn an_endless_event_is_refused() {
        assert_eq!(Decoder::new(8).feed(b"data: 123456789"), Err(Fault::TooLarge));
        assert_eq!(Decoder::new(99).feed(b"\xEF\xBB\xBFdata: 1\n"), Err(Fault::Encoding));
    }
}
