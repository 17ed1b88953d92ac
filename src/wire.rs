//! One request to a tool server, over whatever it speaks. A program on standard input and output and a server of
//! 2024-11-05 are made to look like one of streamable HTTP, so that nothing above has to know them.
mod events;
mod lines;
mod process;

use crate::egress::{Credentials, Egress, Failure, Lent, Pool};
use crate::kernel::digest::Digest;
use crate::kernel::mcp::revision::Era;
use crate::kernel::policy::compile::{Transport, UpstreamTarget};
use crate::kernel::sse;
use bytes::Bytes;
use futures_util::Stream;
use http::header::HeaderValue;
use http::{Request, Response, Uri};
use http_body::Frame;
use http_body_util::Full;
use lines::{Incoming, Lines};
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

/// The way to one tool server.
pub struct Wire {
    way: Way,
    /// Path and query for HTTP.
    target: Uri,
    authorization: Option<HeaderValue>,
}

enum Way {
    Http(Arc<Pool>),
    Line(Arc<Lines>),
}

/// The body of an answer.
pub enum Body {
    /// Of HTTP.
    Http(Lent),
    /// Of a line, as one JSON text.
    Whole(Full<Bytes>),
    /// Of a line, as events.
    Events(Incoming),
    /// Of our own making, as events.
    Made(Pin<Box<dyn Stream<Item = Result<Bytes, Broken>> + Send>>),
}

/// Why a body ended before its end.
#[derive(Debug)]
pub struct Broken;

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the answer broke off")
    }
}

impl std::error::Error for Broken {}

impl Wire {
    /// The way to a server. Nothing is connected or started yet.
    pub fn new(name: &str, target: &UpstreamTarget, egress: Egress, credentials: &Credentials) -> Result<Self, String> {
        let authorization = match &credentials.bearer {
            Some(secret) => {
                let value = HeaderValue::from_str(&format!("Bearer {secret}"));
                let mut value = value.map_err(|_| "the credential has characters that cannot stand in a header")?;
                value.set_sensitive(true);
                Some(value)
            }
            None => None,
        };
        let url = || target.url.parse::<Uri>().map_err(|_| "not a URL".to_owned());
        let (way, uri) = match &target.transport {
            Transport::Http => {
                let url = url()?;
                let path = url.path_and_query().cloned().map_or_else(Uri::default, Uri::from);
                (Way::Http(Arc::new(Pool::new(egress, url))), path)
            }
            Transport::Events => {
                let pool = Arc::new(Pool::new(egress, url()?));
                let lines = Lines::events(name, &target.url, pool, authorization.clone());
                (Way::Line(Arc::new(lines)), Uri::default())
            }
            Transport::Command(program) => {
                let lines = Lines::command(name, program, &credentials.environment);
                (Way::Line(Arc::new(lines)), Uri::default())
            }
        };
        Ok(Self { way, target: uri, authorization })
    }

    /// Path and query of requests.
    pub fn target(&self) -> &Uri {
        &self.target
    }

    /// The gateway's own credential there.
    pub fn authorization(&self) -> Option<&HeaderValue> {
        self.authorization.as_ref()
    }

    /// Sends a request for `caller` and waits for the head of its answer.
    pub async fn send(
        &self,
        request: Request<Full<Bytes>>,
        caller: Digest,
        timeout: Duration,
    ) -> Result<Response<Body>, Failure> {
        match &self.way {
            Way::Http(pool) => Ok(pool.send(request, caller, timeout).await?.map(Body::Http)),
            Way::Line(lines) => {
                let answer = tokio::time::timeout(timeout, Box::pin(lines.clone().send(request, caller)));
                answer.await.unwrap_or(Err(Failure::TooSlow))
            }
        }
    }

    /// The era that the server is known to speak before anything was sent to it, if that can be known.
    pub async fn era(&self) -> Result<Option<Era>, Failure> {
        match &self.way {
            Way::Http(_) => Ok(None),
            Way::Line(lines) => lines.era().await.map(Some),
        }
    }

    /// Whether questions of the server come on one line for all requests, so that with several under way it is not
    /// certain which of them asks.
    pub fn is_line(&self) -> bool {
        matches!(self.way, Way::Line(_))
    }

    /// Drops what was not used for a while.
    pub fn sweep(&self) {
        match &self.way {
            Way::Http(pool) => pool.sweep(),
            Way::Line(lines) => lines.sweep(),
        }
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        match self.get_mut() {
            Self::Http(body) => Pin::new(body).poll_frame(context).map_err(|_| Broken),
            Self::Whole(body) => Pin::new(body).poll_frame(context).map_err(|never| match never {}),
            Self::Events(incoming) => incoming.poll(context).map(|next| next.map(|message| Ok(event(&message?)))),
            Self::Made(made) => made.as_mut().poll_next(context).map(|next| next.map(|message| Ok(event(&message?)))),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Http(body) => body.is_end_stream(),
            Self::Whole(body) => body.is_end_stream(),
            Self::Events(_) | Self::Made(_) => false,
        }
    }

    fn size_hint(&self) -> http_body::SizeHint {
        match self {
            Self::Http(body) => body.size_hint(),
            Self::Whole(body) => body.size_hint(),
            Self::Events(_) | Self::Made(_) => http_body::SizeHint::default(),
        }
    }
}

fn event(message: &Bytes) -> Frame<Bytes> {
    // A line break within JSON is a space, and what is no JSON must not look like another event.
    let text = String::from_utf8_lossy(message).replace(['\n', '\r'], " ");
    Frame::data(sse::encode(None, Some(&text), None).into())
}
