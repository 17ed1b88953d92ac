//! Holds many idle SSE streams, for memory per stream and first-event time.
//!
//! Prints one JSON line when every stream has had its first event or has been
//! given up, and a second one when stdin closes, with the streams that ended
//! meanwhile. An event held back by a proxy shows in the first line.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::rt::{Read, Write};
use hyper::{Request, Response, Uri};
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;

use crate::Error;

/// At most this many are being opened at once, so that the times are those of
/// a stream and not of a queue of handshakes.
const OPENING: usize = 8;
const PATIENCE: Duration = Duration::from_secs(10);

pub async fn run(url: &str, n: usize, request: &str, tls: Option<TlsConnector>) -> Result<(), Error> {
    let text: Arc<str> = std::fs::read_to_string(request)?.into();
    let uri: Uri = url.parse()?;
    let slots = Arc::new(Semaphore::new(OPENING));
    let ended = Arc::new(AtomicUsize::new(0));
    let mut opening = JoinSet::new();
    for _ in 0..n {
        let (text, uri, tls) = (text.clone(), uri.clone(), tls.clone());
        let (slots, ended) = (slots.clone(), ended.clone());
        opening.spawn(async move {
            let _slot = slots.acquire_owned().await?;
            timeout(PATIENCE, open(&uri, &text, tls, ended)).await?
        });
    }
    let mut streams = Vec::new();
    let mut first_error = None;
    while let Some(opened) = opening.join_next().await {
        match opened? {
            Ok(times) => streams.push(times),
            Err(error) => first_error = first_error.or(Some(error.to_string())),
        }
    }
    println!(
        "{}",
        json!({
            "open": streams.len(), "failed": n - streams.len(), "error": first_error,
            "head_ms": spread(streams.iter().map(|times| times.head)),
            "first_event_ms": spread(streams.iter().map(|times| times.first_event)),
        })
    );
    tokio::io::stdin().read_to_end(&mut Vec::new()).await?;
    println!("{}", json!({ "ended_early": ended.load(Ordering::Relaxed) }));
    std::process::exit(0) // the streams never end by themselves
}

/// Both counted from sending the request, the connection being up.
struct Times {
    head: Duration,
    first_event: Duration,
}

async fn open(uri: &Uri, text: &str, tls: Option<TlsConnector>, ended: Arc<AtomicUsize>) -> Result<Times, Error> {
    let mut sender = connect(uri, tls).await?;
    let start = Instant::now();
    let response = sender.send_request(request(uri, text)?).await?;
    let head = start.elapsed();
    if !response.status().is_success() {
        return Err(format!("status {}", response.status()).into());
    }
    let (response, first_event) = first_event(response, start).await?;
    tokio::spawn(async move {
        let mut body = response.into_body();
        while let Some(Ok(_)) = body.frame().await {}
        ended.fetch_add(1, Ordering::Relaxed);
        drop(sender); // the connection closes with its sender
    });
    Ok(Times { head, first_event })
}

/// Reads until an event is complete; comments are not events.
async fn first_event(
    mut response: Response<Incoming>,
    start: Instant,
) -> Result<(Response<Incoming>, Duration), Error> {
    let mut seen = Vec::new();
    while let Some(frame) = response.body_mut().frame().await {
        seen.extend_from_slice(frame?.data_ref().unwrap_or(&Bytes::new()));
        let text = String::from_utf8_lossy(&seen);
        if text.split_inclusive("\n\n").any(|e| e.contains("data:") && e.ends_with("\n\n")) {
            return Ok((response, start.elapsed()));
        }
    }
    Err("ended before the first event".into())
}

async fn connect(uri: &Uri, tls: Option<TlsConnector>) -> Result<SendRequest<Full<Bytes>>, Error> {
    let host = uri.host().ok_or("URL without host")?.to_owned();
    let port = uri.port_u16().ok_or("URL without port")?;
    let socket = TcpStream::connect((&*host, port)).await?;
    socket.set_nodelay(true)?;
    match tls {
        None => start(TokioIo::new(socket)).await,
        Some(tls) => {
            let name = ServerName::try_from(host)?;
            start(TokioIo::new(tls.connect(name, socket).await?)).await
        }
    }
}

async fn start<S>(socket: S) -> Result<SendRequest<Full<Bytes>>, Error>
where
    S: Read + Write + Unpin + Send + 'static,
{
    let (sender, connection) = handshake(socket).await?;
    tokio::spawn(connection);
    Ok(sender)
}

/// `text` is header lines, an empty line, and the body: the file wrk replays.
fn request(uri: &Uri, text: &str) -> Result<Request<Full<Bytes>>, Error> {
    let (head, body) = text.split_once("\n\n").ok_or("request file without empty line")?;
    let mut request = Request::post(uri.path()).header("host", uri.authority().map_or("", |a| a.as_str()));
    for line in head.lines() {
        let (name, value) = line.split_once(": ").ok_or("header line without colon")?;
        request = request.header(name, value);
    }
    Ok(request.body(Full::from(body.to_owned()))?)
}

fn spread(times: impl Iterator<Item = Duration>) -> serde_json::Value {
    let mut ms: Vec<f64> = times.map(|time| time.as_secs_f64() * 1e3).collect();
    ms.sort_by(f64::total_cmp);
    json!({ "p50": ms.get(ms.len() / 2), "max": ms.last() })
}
