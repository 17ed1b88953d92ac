//! Servers of 2024-11-05 (HTTP+SSE): one event stream for everything that comes, one endpoint for everything that
//! goes. The server names the endpoint itself, so it is taken only from the stream's own origin: elsewhere it would
//! be given the credential and the messages of another server.
use super::process::Link;
use crate::egress::{Failure, Lent, Pool};
use crate::kernel::digest::Digest;
use crate::kernel::mcp::headers::is_media;
use crate::kernel::sse::Decoder;
use bytes::Bytes;
use http::header::{self, HeaderValue};
use http::{Method, Request};
use http_body_util::{BodyExt, Full};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

const QUEUE_MAX: usize = 256;
/// Messages under way to the endpoint at once.
const POSTS_MAX: usize = 64;
/// Longest wait for the stream, for its endpoint, and for a message to be taken.
const WAIT: Duration = Duration::from_secs(15);
const ENDPOINT_BYTES_MAX: usize = 2048;

/// Where a server is, and how it is spoken to.
#[derive(Clone)]
pub struct Place {
    /// URL of the event stream.
    pub url: String,
    /// Connections to its origin.
    pub pool: Arc<Pool>,
    /// The gateway's credential there.
    pub authorization: Option<HeaderValue>,
}

/// Opens the stream and waits for the endpoint.
pub async fn open(place: Place, caller: Digest, bytes_max: usize) -> Result<Link, Failure> {
    let broke = |why: &str| Failure::Broke(why.to_owned());
    let request = place.request(Method::GET, &place.url, Bytes::new())?;
    let response = place.pool.send(request, caller, WAIT).await?;
    let media = response.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    if response.status() != 200 || !media.is_some_and(|media| is_media(media, "text/event-stream")) {
        return Err(broke(&format!("the event stream is answered {}", response.status().as_u16())));
    }
    let mut stream = Stream { body: response.into_body(), decoder: Decoder::new(bytes_max) };
    let first = tokio::time::timeout(WAIT, stream.next()).await.map_err(|_| Failure::TooSlow)?;
    let Some(Ok((Some(name), data))) = first else { return Err(broke("no endpoint was named")) };
    if name != "endpoint" {
        return Err(broke("the first event is no endpoint"));
    }
    let endpoint = resolve(&place.url, &data).map_err(broke)?;
    let (out, queue) = mpsc::channel(QUEUE_MAX);
    let (messages, incoming) = mpsc::channel(QUEUE_MAX);
    tokio::spawn(async move {
        let ended = tokio::select! {
            why = receive(&mut stream, &messages) => why,
            why = send(&place, &endpoint, caller, queue) => why,
        };
        if let Some(why) = ended {
            let _ = messages.send(Err(why)).await;
        }
    });
    Ok(Link { out, incoming })
}

/// The endpoint's URL, if it is of the stream's origin.
fn resolve(stream: &str, endpoint: &str) -> Result<String, &'static str> {
    let stream = url::Url::parse(stream).map_err(|_| "not a URL")?;
    let endpoint = endpoint.trim();
    if endpoint.len() > ENDPOINT_BYTES_MAX {
        return Err("the endpoint is too long");
    }
    let url = stream.join(endpoint).map_err(|_| "the endpoint is not a URL")?;
    let plain = url.username().is_empty() && url.password().is_none();
    if url.origin() != stream.origin() || !plain || !matches!(url.scheme(), "http" | "https") {
        return Err("the endpoint is of another origin");
    }
    Ok(url.to_string())
}

struct Stream {
    body: Lent,
    decoder: Decoder,
}

type Event = (Option<String>, String);

impl Stream {
    /// Name and data of the next event that has any.
    async fn next(&mut self) -> Option<Result<Event, String>> {
        loop {
            while let Some(event) = self.decoder.next_event() {
                if let Some(data) = event.data.filter(|data| !data.is_empty()) {
                    return Some(Ok((event.name, data)));
                }
            }
            let frame = self.body.frame().await?;
            let Ok(frame) = frame else { return Some(Err("the event stream broke off".to_owned())) };
            if let Some(bytes) = frame.data_ref()
                && self.decoder.feed(bytes).is_err()
            {
                return Some(Err("its message is too large, or no event".to_owned()));
            }
        }
    }
}

async fn receive(stream: &mut Stream, messages: &mpsc::Sender<Result<Bytes, String>>) -> Option<String> {
    while let Some(next) = stream.next().await {
        match next {
            Ok((name, data)) if name.as_deref().is_none_or(|name| name == "message") => {
                if messages.send(Ok(data.into())).await.is_err() {
                    return None;
                }
            }
            // A second endpoint would lead what follows elsewhere; other names mean nothing here.
            Ok((Some(name), _)) if name == "endpoint" => return Some("it names another endpoint".to_owned()),
            Ok(_) => {}
            Err(why) => return Some(why),
        }
    }
    Some("the event stream ended".to_owned())
}

async fn send(place: &Place, endpoint: &str, caller: Digest, mut queue: mpsc::Receiver<Bytes>) -> Option<String> {
    let mut posts: JoinSet<Result<(), Failure>> = JoinSet::new();
    loop {
        tokio::select! {
            message = queue.recv(), if posts.len() < POSTS_MAX => {
                let message = message?;
                let request = place.request(Method::POST, endpoint, message);
                let pool = place.pool.clone();
                posts.spawn(async move {
                    let response = pool.send(request?, caller, WAIT).await?;
                    let status = response.status();
                    // Read, so that the connection can be used again.
                    let _ = tokio::time::timeout(WAIT, response.into_body().collect()).await;
                    if status.is_success() { Ok(()) } else { Err(Failure::Broke(format!("status {}", status.as_u16()))) }
                });
            }
            Some(done) = posts.join_next() => match done {
                Ok(Ok(())) => {}
                Ok(Err(Failure::Broke(why) | Failure::Unreachable(why) | Failure::Full(why))) => {
                    return Some(format!("a message was not taken: {why}"));
                }
                Ok(Err(Failure::TooSlow)) => return Some("a message was not taken in time".to_owned()),
                Err(_) => return Some("a message was not sent".to_owned()),
            },
        }
    }
}

impl Place {
    fn request(&self, verb: Method, url: &str, body: Bytes) -> Result<Request<Full<Bytes>>, Failure> {
        const USER_AGENT: &str = concat!("portcullis/", env!("CARGO_PKG_VERSION"));
        let accept = if verb == Method::GET { "text/event-stream" } else { "application/json, text/event-stream" };
        let mut request = Request::builder()
            .method(verb)
            .uri(url)
            .header(header::USER_AGENT, USER_AGENT)
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::ACCEPT, accept);
        if let Some(authorization) = &self.authorization {
            request = request.header(header::AUTHORIZATION, authorization.clone());
        }
        request.body(Full::new(body)).map_err(|_| Failure::Unreachable("not a URL".to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_taken_from_the_same_origin_only() {
        let stream = "http://127.0.0.1:3001/sse";
        for (endpoint, expected) in [
            ("/message?sessionId=1", Some("http://127.0.0.1:3001/message?sessionId=1")),
            ("messages/?session_id=1", Some("http://127.0.0.1:3001/messages/?session_id=1")),
            ("http://127.0.0.1:3001/m", Some("http://127.0.0.1:3001/m")),
            ("http://127.0.0.1:3002/m", None),
            ("https://127.0.0.1:3001/m", None),
            ("//evil.example/m", None),
            ("\\\\evil.example\\m", None),
            ("http://user@127.0.0.1:3001/m", None),
            ("file:///etc/passwd", None),
            ("javascript:alert(1)", None),
        ] {
            assert_eq!(resolve(stream, endpoint).ok().as_deref(), expected, "{endpoint}");
        }
    }
}
