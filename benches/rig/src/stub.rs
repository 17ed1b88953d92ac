//! The upstream MCP server: answers at once with what the workload asks for.
//!
//! It shares a core with wrk, so its answers are built at start and a request
//! costs one borrowed parse. Tools: `w1` 1 KiB and `w2` 64 KiB of JSON, `w3`
//! 20 SSE events 5 ms apart and then the result, `w5` one SSE event and silence.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::channel::Channel;
use http_body_util::{BodyExt, Either};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::time::sleep;

use crate::Error;

const W3_EVENTS: u32 = 20;
const W3_GAP: Duration = Duration::from_millis(5);
const KEEP_ALIVE: Duration = Duration::from_secs(30);

type Events = Channel<Bytes, Infallible>;
type Answer = Response<Either<Pieces, Events>>;

pub async fn run(port: u16) -> Result<(), Error> {
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    let answers = Arc::new(Answers::new());
    loop {
        let (socket, _) = listener.accept().await?;
        socket.set_nodelay(true)?;
        let answers = answers.clone();
        tokio::spawn(async move {
            let service = service_fn(|request| answer(request, answers.clone()));
            http1::Builder::new().serve_connection(TokioIo::new(socket), service).await
        });
    }
}

/// The tails of the fixed messages, everything after the id.
struct Answers {
    w1: Bytes,
    w2: Bytes,
    discover: Bytes,
    list: Bytes,
    unknown: Bytes,
}

impl Answers {
    fn new() -> Self {
        let text = json!({ "type": "string" });
        let number = json!({ "type": "integer", "minimum": 0 });
        let input = json!({ "type": "object", "required": ["query"], "properties": {
            "project": text, "state": { "enum": ["open", "waiting", "closed"] }, "owner": text, "limit": number,
            "offset": number, "archived": { "type": "boolean" }, "labels": { "type": "array", "items": text },
            "query": { "type": "string", "minLength": 1 } }, "additionalProperties": false });
        let row = json!({ "type": "object", "required": ["row", "title"], "properties": {
            "row": number, "state": text, "owner": text, "title": text } });
        let output = json!({ "type": "object", "required": ["rows"], "properties": {
            "rows": { "type": "array", "items": row }, "note": text } });
        let tools = ["w1", "w2", "w3", "w5"].map(|name| {
            json!({ "name": name, "description": "Finds repairs.", "inputSchema": input, "outputSchema": output })
        });
        Self {
            w1: result(tool_result(1024)),
            w2: result(tool_result(64 * 1024)),
            discover: result(json!({
                "resultType": "complete", "supportedVersions": ["2026-07-28"],
                "capabilities": { "tools": {} }, "ttlMs": 3_600_000, "cacheScope": "public",
            })),
            list: result(json!({
                "resultType": "complete", "tools": tools,
                "ttlMs": 3_600_000, "cacheScope": "public",
            })),
            unknown: Bytes::from_static(br#""error":{"code":-32601,"message":"Method not found"}}"#),
        }
    }
}

fn result(result: Value) -> Bytes {
    format!(r#""result":{result}}}"#).into()
}

/// A tool result whose whole message is `size` bytes or one less (with a one-digit id):
/// rows as structured content and, as the specification asks, the same rows
/// again as text, so half of it is full of escapes as real results are.
fn tool_result(size: usize) -> Value {
    let shaped = |rows: &[Value], note: &str| {
        let structured = json!({ "rows": rows, "note": note });
        json!({
            "resultType": "complete",
            "content": [{ "type": "text", "text": structured.to_string() }],
            "structuredContent": structured,
            "isError": false,
        })
    };
    let length = |value: &Value| value.to_string().len() + r#"{"jsonrpc":"2.0","id":1,"result":}"#.len();
    let states = ["open", "waiting", "closed"];
    let mut rows = Vec::new();
    loop {
        let n = rows.len();
        rows.push(json!({
            "row": n, "state": states[n % states.len()], "owner": "team blue",
            "title": "Replace the pump before the summer",
        }));
        if length(&shaped(&rows, "")) > size {
            rows.pop();
            break;
        }
    }
    let missing = size - length(&shaped(&rows, ""));
    // The note stands there twice.
    shaped(&rows, &"as agreed last week, ".repeat(missing)[..missing / 2])
}

#[derive(Deserialize)]
struct Call<'a> {
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    method: Cow<'a, str>,
    #[serde(borrow, default)]
    params: Params<'a>,
}

#[derive(Default, Deserialize)]
struct Params<'a> {
    #[serde(borrow, default)]
    name: Cow<'a, str>,
    #[serde(borrow, rename = "_meta", default)]
    meta: Meta<'a>,
}

#[derive(Default, Deserialize)]
struct Meta<'a> {
    #[serde(borrow, rename = "progressToken")]
    progress_token: Option<&'a RawValue>,
}

async fn answer(request: Request<Incoming>, answers: Arc<Answers>) -> Result<Answer, Error> {
    if request.method() != Method::POST {
        return Ok(empty(StatusCode::METHOD_NOT_ALLOWED));
    }
    let body = request.into_body().collect().await?.to_bytes();
    let call: Call = serde_json::from_slice(&body)?;
    let Some(id) = call.id else {
        return Ok(empty(StatusCode::ACCEPTED)); // a notification
    };
    let head = format!(r#"{{"jsonrpc":"2.0","id":{id},"#);
    let whole = |tail: &Bytes| json_answer(StatusCode::OK, head.clone(), tail);
    Ok(match (&*call.method, &*call.params.name) {
        ("tools/call", "w1") => whole(&answers.w1),
        ("tools/call", "w2") => whole(&answers.w2),
        ("tools/call", "w3") => w3(head, progress(&call), answers),
        ("tools/call", "w5") => w5(progress(&call)),
        ("server/discover", _) => whole(&answers.discover),
        ("tools/list", _) => whole(&answers.list),
        _ => json_answer(StatusCode::NOT_FOUND, head, &answers.unknown),
    })
}

/// The progress event of this call, up to the number.
fn progress(call: &Call) -> String {
    let token = call.params.meta.progress_token.map_or(r#""bench""#, RawValue::get);
    format!(
        "event: message\ndata: {{\"jsonrpc\":\"2.0\",\"method\":\"notifications/progress\",\
         \"params\":{{\"progressToken\":{token},\"message\":\"Reading the next part\",\"progress\":"
    )
}

fn w3(head: String, progress: String, answers: Arc<Answers>) -> Answer {
    let (mut events, body) = Events::new(1);
    tokio::spawn(async move {
        for n in 1..=W3_EVENTS {
            events.send_data(format!("{progress}{n}}}}}\n\n").into()).await?;
            sleep(W3_GAP).await;
        }
        let result = [b"event: message\ndata: ", head.as_bytes(), &answers.w1, b"\n\n"].concat();
        events.send_data(result.into()).await
    });
    sse(body)
}

fn w5(progress: String) -> Answer {
    let (mut events, body) = Events::new(1);
    tokio::spawn(async move {
        let mut next = Bytes::from(format!("{progress}1}}}}\n\n"));
        // Ends when the client has gone: then the send fails.
        while events.send_data(next).await.is_ok() {
            sleep(KEEP_ALIVE).await;
            next = Bytes::from_static(b":\n\n");
        }
    });
    sse(body)
}

fn sse(body: Events) -> Answer {
    let mut response = Response::new(Either::Right(body));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    response
}

fn json_answer(status: StatusCode, head: String, tail: &Bytes) -> Answer {
    let mut response = empty(status);
    *response.body_mut() = Either::Left(Pieces([head.into(), tail.clone()].into()));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

fn empty(status: StatusCode) -> Answer {
    let mut response = Response::new(Either::Left(Pieces(VecDeque::new())));
    *response.status_mut() = status;
    response
}

/// A body of known length in pieces, so that 64 KiB are never copied for an id.
struct Pieces(VecDeque<Bytes>);

impl Body for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.0.pop_front().map(|piece| Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.0.iter().map(|piece| piece.len() as u64).sum())
    }
}
