//! Accepts, counts, bounds and drains connections. Knows HTTP framing and nothing of MCP.
use crate::body::Body;
use crate::metrics::Metrics;
use crate::tls::ServerTls;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio_rustls::TlsAcceptor;

const HANDSHAKE_WAIT: Duration = Duration::from_secs(10);
const HEADER_WAIT: Duration = Duration::from_secs(15);
const HEADER_BYTES_MAX: usize = 64 << 10;

/// What every connection shares.
#[derive(Clone)]
pub struct Shared {
    /// Ceiling on connections.
    pub ceiling: Arc<Semaphore>,
    /// Turns true when the gateway stops.
    pub draining: watch::Receiver<bool>,
    /// Held by every connection; closed when the last one is gone.
    pub alive: mpsc::Sender<Infallible>,
    /// Metrics.
    pub metrics: Arc<Metrics>,
}

/// Accepts until draining.
pub async fn run<H, F>(
    listener: TcpListener,
    tls: Option<Arc<ServerTls>>,
    mut shared: Shared,
    handle: H,
) -> io::Result<()>
where
    H: Fn(Request<Incoming>) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Response<Body>> + Send + 'static,
{
    let acceptor = match &tls {
        Some(tls) => Some(TlsAcceptor::from(tls.config().map_err(io::Error::other)?)),
        None => None,
    };
    loop {
        let accepted = tokio::select! {
            _ = shared.draining.wait_for(|draining| *draining) => return Ok(()),
            accepted = accept(&listener, &shared.ceiling) => accepted,
        };
        let (stream, permit) = match accepted {
            Ok(accepted) => accepted,
            // Out of descriptors, most likely: wait for some to be given back rather than spin.
            Err(_) => {
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        let (acceptor, handle, shared) = (acceptor.clone(), handle.clone(), shared.clone());
        tokio::spawn(async move {
            shared.metrics.connections.inc();
            let _ = stream.set_nodelay(true);
            match acceptor {
                None => serve(stream, false, &shared, handle).await,
                Some(acceptor) => {
                    if let Ok(Ok(stream)) = tokio::time::timeout(HANDSHAKE_WAIT, acceptor.accept(stream)).await {
                        let h2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
                        serve(stream, h2, &shared, handle).await;
                    }
                }
            }
            shared.metrics.connections.dec();
            drop((permit, shared));
        });
    }
}

async fn accept(listener: &TcpListener, ceiling: &Arc<Semaphore>) -> io::Result<(TcpStream, OwnedSemaphorePermit)> {
    let permit = ceiling.clone().acquire_owned().await.map_err(io::Error::other)?;
    let (stream, _) = listener.accept().await?;
    Ok((stream, permit))
}

async fn serve<S, H, F>(stream: S, h2: bool, shared: &Shared, handle: H)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    H: Fn(Request<Incoming>) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Response<Body>> + Send + 'static,
{
    let service = service_fn(move |request| {
        // On the heap and gone with its answer: hyper keeps room for it as long as the connection lives.
        let answer = Box::pin(handle(request));
        async move { Ok::<_, Infallible>(answer.await) }
    });
    // A TLS stream is large, and what an async function moves it keeps room for twice.
    let io = TokioIo::new(Box::new(stream));
    let mut draining = shared.draining.clone();
    // A macro would hide two differing types behind one name; the two arms say the same for each protocol.
    if h2 {
        let mut builder = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
        builder.timer(TokioTimer::new()).max_header_list_size(HEADER_BYTES_MAX as u32).max_concurrent_streams(256);
        builder.keep_alive_interval(Duration::from_secs(30)).keep_alive_timeout(Duration::from_secs(20));
        let mut connection = std::pin::pin!(builder.serve_connection(io, service));
        tokio::select! {
            _ = connection.as_mut() => return,
            _ = draining.wait_for(|draining| *draining) => connection.as_mut().graceful_shutdown(),
        }
        let _ = connection.await;
    } else {
        let mut builder = hyper::server::conn::http1::Builder::new();
        builder.timer(TokioTimer::new()).header_read_timeout(HEADER_WAIT).max_buf_size(HEADER_BYTES_MAX);
        let mut connection = std::pin::pin!(builder.serve_connection(io, service));
        tokio::select! {
            _ = connection.as_mut() => return,
            _ = draining.wait_for(|draining| *draining) => connection.as_mut().graceful_shutdown(),
        }
        let _ = connection.await;
    }
}
