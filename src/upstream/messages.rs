//! A reply as the messages in it, and messages as a reply.
use super::{Media, Reply};
use crate::kernel::refusal::{Reason, Refusal};
use crate::kernel::sse::Decoder;
use crate::wire::{Body, Broken};
use bytes::Bytes;
use futures_util::Stream;
use http::StatusCode;
use http_body_util::{BodyExt, Full};
use tokio::time::{Instant, timeout_at};

/// Longest message, in bytes.
pub const MESSAGE_BYTES_MAX: usize = 16 << 20;

/// Reads message by message.
pub struct Messages {
    body: Body,
    decoder: Option<Decoder>,
    done: bool,
    /// Until when what is no stream must be here.
    deadline: Instant,
}

impl Default for Messages {
    fn default() -> Self {
        Self { body: Body::Whole(Full::default()), decoder: None, done: true, deadline: Instant::now() }
    }
}

impl Messages {
    /// Of a reply that is JSON or an event stream.
    pub fn of(reply: Reply) -> Result<Self, Refusal> {
        let decoder = match reply.media {
            Media::Events => Some(Decoder::new(MESSAGE_BYTES_MAX)),
            Media::Json => None,
            Media::Other => {
                return Err(Refusal::from(Reason::ReplyUnexpected).detail("neither JSON nor an event stream"));
            }
        };
        Ok(Self { body: reply.body, decoder, done: false, deadline: reply.deadline })
    }

    /// The next message, where others wait for it: in the time for a whole answer, also on a stream.
    pub async fn soon(&mut self) -> Option<Result<Bytes, Broken>> {
        let deadline = self.deadline;
        timeout_at(deadline, self.next()).await.unwrap_or(Some(Err(Broken)))
    }

    /// The next message; an error if it broke off or is not what it says.
    pub async fn next(&mut self) -> Option<Result<Bytes, Broken>> {
        let Some(decoder) = &mut self.decoder else {
            if std::mem::replace(&mut self.done, true) {
                return None;
            }
            let whole = http_body_util::Limited::new(&mut self.body, MESSAGE_BYTES_MAX).collect();
            let whole = timeout_at(self.deadline, whole).await;
            return Some(whole.map_err(|_| Broken).and_then(|whole| Ok(whole.map_err(|_| Broken)?.to_bytes())));
        };
        loop {
            while let Some(event) = decoder.next_event() {
                if let Some(data) = event.data.filter(|data| !data.is_empty()) {
                    return Some(Ok(data.into()));
                }
            }
            let frame = match self.body.frame().await? {
                Ok(frame) => frame,
                Err(broken) => return Some(Err(broken)),
            };
            if decoder.feed(frame.data_ref().map_or(&[], |bytes| bytes)).is_err() {
                return Some(Err(Broken));
            }
        }
    }
}

impl Reply {
    /// One JSON text.
    pub(super) fn made(status: u16, message: Bytes) -> Self {
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
        Self::with(status, Media::Json, Body::Whole(Full::new(message)))
    }

    /// No content.
    pub(super) fn nothing(status: StatusCode) -> Self {
        Self::with(status, Media::Other, Body::Whole(Full::default()))
    }

    /// Messages as they come.
    pub(super) fn stream(messages: impl Stream<Item = Result<Bytes, Broken>> + Send + 'static) -> Self {
        Self::with(StatusCode::OK, Media::Events, Body::Made(Box::pin(messages)))
    }

    fn with(status: StatusCode, media: Media, body: Body) -> Self {
        let sent = Instant::now();
        Self { status, media, session: None, sent, body, deadline: sent + std::time::Duration::from_secs(60) }
    }
}
