//! The baseline: a hyper pass-through proxy that looks at nothing.
//!
//! Every product figure is a multiple of this one, so it must be as cheap as
//! plain hyper allows: one thread, `SendRequest`s on a stack instead of a
//! general client pool, both bodies streamed, no header touched.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::Error;

pub async fn run(listen: &str, upstream: &str, tls: Option<TlsAcceptor>) -> Result<(), Error> {
    let listener = TcpListener::bind(listen).await?;
    let pool = Arc::new(Pool { upstream: upstream.into(), idle: Mutex::default() });
    loop {
        let (socket, _) = listener.accept().await?;
        socket.set_nodelay(true)?;
        let (pool, tls) = (pool.clone(), tls.clone());
        // A failed connection is wrk's to count; it must not end the proxy.
        tokio::spawn(async move {
            match tls {
                None => serve(socket, pool).await,
                Some(tls) => serve(tls.accept(socket).await?, pool).await,
            }
        });
    }
}

async fn serve<S>(socket: S, pool: Arc<Pool>) -> Result<(), Error>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let service = service_fn(|request| forward(request, pool.clone()));
    Ok(http1::Builder::new().serve_connection(TokioIo::new(socket), service).await?)
}

async fn forward(request: Request<Incoming>, pool: Arc<Pool>) -> Result<Response<Lent>, Error> {
    let mut sender = pool.take().await?;
    let response = sender.send_request(request).await?;
    Ok(response.map(|body| Lent { body, sender: Some(sender), pool }))
}

/// Upstream connections not in use, the last used on top (its caches are warm).
struct Pool {
    upstream: String,
    idle: Mutex<Vec<SendRequest<Incoming>>>,
}

impl Pool {
    async fn take(&self) -> Result<SendRequest<Incoming>, Error> {
        while let Some(mut sender) = self.pop() {
            // Fails when the connection has ended since: then the next one.
            if sender.ready().await.is_ok() {
                return Ok(sender);
            }
        }
        let socket = TcpStream::connect(&self.upstream).await?;
        socket.set_nodelay(true)?;
        let (sender, connection) = handshake(TokioIo::new(socket)).await?;
        tokio::spawn(connection);
        Ok(sender)
    }

    // Its own function so that no lock guard lives across the await above.
    fn pop(&self) -> Option<SendRequest<Incoming>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }
}

/// A response body that gives its connection back to the pool when dropped,
/// which hyper does as soon as the body has been written.
struct Lent {
    body: Incoming,
    sender: Option<SendRequest<Incoming>>,
    pool: Arc<Pool>,
}

impl Body for Lent {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let mut idle = self.pool.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.extend(self.sender.take());
    }
}
