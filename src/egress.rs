//! The only way out: resolve, check the address, connect, in bounded time. Redirects are never followed.
use crate::kernel::digest::Digest;
use crate::tls;
use bytes::Bytes;
use http::Uri;
use http::header::{HOST, HeaderValue};
use http_body::{Frame, SizeHint};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::{Request, Response};
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::Name;
use std::collections::{BTreeMap, VecDeque};
use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::pin::Pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;
use tower::Service;
use tower::util::ServiceFn;

type Addresses = std::vec::IntoIter<SocketAddr>;
type Resolving = Pin<Box<dyn Future<Output = io::Result<Addresses>> + Send>>;
type Connector = HttpsConnector<HttpConnector<ServiceFn<fn(Name) -> Resolving>>>;
type Sender = http1::SendRequest<Full<Bytes>>;

/// Most connections kept to one origin.
const KEPT_MAX: usize = 256;
/// Sweeps that one may outlive unused; with one sweep in ten seconds, half a minute.
const IDLE_SWEEPS: u32 = 3;

/// Why a request got no answer.
#[derive(Debug)]
pub enum Failure {
    /// No connection.
    Unreachable(String),
    /// Too slow.
    TooSlow,
    /// It was reached, and ended or misbehaved.
    Broke(String),
    /// There is no room for another caller.
    Full(String),
}

/// What the gateway has for a tool server: never anything of a caller's.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Credentials {
    /// For `Authorization: Bearer`.
    pub bearer: Option<String>,
    /// Secret variables of a program.
    pub environment: BTreeMap<String, String>,
}

/// Makes connections, under one trust.
#[derive(Clone)]
pub struct Egress {
    connector: Connector,
}

/// Connections to one origin, kept between requests.
///
/// A stack of our own because a general client's pool costs a spawned task and several locks a request
/// (measured: 13 % of a plain proxy), and one origin needs none of that. Whoever sends takes the
/// warmest connection or makes one; the reply's body brings it back.
///
/// A connection serves one caller only. HTTP/1.1 answers are told apart by their order alone, so an
/// upstream that answers twice would give the second answer to whoever comes next; that must not be
/// somebody else.
pub struct Pool {
    egress: Egress,
    origin: Uri,
    /// For `Host`; nothing if the origin has none that can be sent.
    host: Option<HeaderValue>,
    idle: Mutex<VecDeque<Idle>>,
    sweeps: AtomicU32,
}

struct Idle {
    sender: Sender,
    caller: Digest,
    /// How many sweeps there had been when it was last used: a clock that costs nothing to read.
    since: u32,
}

/// A reply's body, which holds its connection.
pub struct Lent {
    body: Incoming,
    connection: Option<(Sender, Digest, Arc<Pool>)>,
}

/// Addresses that no tool server or key server of an operator is at, and that a name must not lead to:
/// link-local and what else clouds have their metadata at, multicast, unspecified, and IPv6 forms that embed an IPv4 address.
pub fn forbidden(ip: IpAddr) -> bool {
    if METADATA.contains(&ip) {
        return true;
    }
    match ip {
        IpAddr::V4(v4) => v4.is_link_local() || v4.is_multicast() || v4.is_unspecified() || v4.is_broadcast(),
        IpAddr::V6(v6) => {
            let segments = v6.segments();
            let embedded = v6.to_ipv4_mapped().is_some()
                || matches!(segments, [0x2002, ..] | [0x2001, 0, ..] | [0x64, 0xff9b, ..])
                || matches!(segments, [0, 0, 0, 0, 0, 0, high, _] if high != 0);
            let link_local = matches!(segments, [first, ..] if first & 0xffc0 == 0xfe80);
            embedded || link_local || v6.is_multicast() || v6.is_unspecified()
        }
    }
}

/// Where metadata are that is not link-local: of Alibaba, of Oracle, of AWS and of Google over IPv6.
const METADATA: [IpAddr; 4] = [
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
    IpAddr::V4(Ipv4Addr::new(192, 0, 0, 192)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)),
    IpAddr::V6(Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254)),
];

/// https, or plain http that stays on this machine.
pub fn trusted_transport(url: &url::Url) -> bool {
    let loopback = match url.host() {
        Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
        Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
        Some(url::Host::Domain(name)) => name == "localhost",
        None => false,
    };
    url.scheme() == "https" || (url.scheme() == "http" && loopback)
}

fn resolve(name: Name) -> Resolving {
    Box::pin(async move {
        let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
        let allowed: Vec<SocketAddr> = found.filter(|address| !forbidden(address.ip())).collect();
        if allowed.is_empty() {
            return Err(io::Error::other("the name leads to no address that may be called"));
        }
        Ok(allowed.into_iter())
    })
}

impl Egress {
    /// Connections that trust `ca`, or the public authorities.
    pub fn new(ca: Option<&Path>) -> Result<Self, String> {
        let mut http = HttpConnector::new_with_resolver(tower::service_fn(resolve as fn(Name) -> Resolving));
        http.enforce_http(false);
        http.set_connect_timeout(Some(Duration::from_secs(5)));
        http.set_nodelay(true);
        let connector = hyper_rustls::HttpsConnectorBuilder::new()
            .with_tls_config(tls::client_config(ca)?)
            .https_or_http()
            .enable_http1()
            .wrap_connector(http);
        Ok(Self { connector })
    }

    async fn connect(&self, origin: &Uri) -> Result<Sender, Failure> {
        let host = origin.host().unwrap_or_default().trim_matches(['[', ']']);
        if host.parse::<IpAddr>().is_ok_and(forbidden) {
            return Err(Failure::Unreachable("the address may not be called".to_owned()));
        }
        // Errors' own texts may quote what the other side sent; their kind is enough.
        let unreachable = || Failure::Unreachable("no connection".to_owned());
        let stream = self.connector.clone().call(origin.clone()).await.map_err(|_| unreachable())?;
        let (sender, connection) = http1::handshake(stream).await.map_err(|_| unreachable())?;
        tokio::spawn(connection);
        Ok(sender)
    }

    /// Sends a request on a connection of its own and waits for the head of its answer.
    pub async fn send(&self, request: Request<Full<Bytes>>, timeout: Duration) -> Result<Response<Lent>, Failure> {
        let pool = Pool::new(self.clone(), request.uri().clone());
        Arc::new(pool).send(request, Digest::of(b""), timeout).await
    }

    /// Fetches a small document with GET; only 200 counts.
    pub async fn get(&self, url: &str, bytes_max: usize) -> Result<Bytes, Failure> {
        let timeout = Duration::from_secs(5);
        let request = Request::get(url).header("accept", "application/json").body(Full::default());
        let request = request.map_err(|_| Failure::Unreachable("not a URL".to_owned()))?;
        let response = self.send(request, timeout).await?;
        if response.status() != 200 {
            return Err(Failure::Unreachable(format!("status {}", response.status().as_u16())));
        }
        let body = tokio::time::timeout(timeout, Limited::new(response.into_body(), bytes_max).collect());
        match body.await {
            Ok(Ok(body)) => Ok(body.to_bytes()),
            Ok(Err(_)) => Err(Failure::Unreachable("the body broke off or is too long".to_owned())),
            Err(_) => Err(Failure::TooSlow),
        }
    }
}

impl Pool {
    /// Without connections yet. Only scheme and authority of `origin` matter.
    pub fn new(egress: Egress, origin: Uri) -> Self {
        let authority = origin.authority().map_or("", |a| a.as_str());
        let host = HeaderValue::from_str(authority.rsplit_once('@').map_or(authority, |(_, host)| host)).ok();
        Self { egress, origin, host, idle: Mutex::default(), sweeps: AtomicU32::new(0) }
    }

    /// Sends a request and waits for the head of its answer. The target is sent in origin form (RFC 9112,
    /// section 3.2.1), with the `Host` of this origin, on a connection that served nobody but `caller`.
    pub async fn send(
        self: &Arc<Self>,
        mut request: Request<Full<Bytes>>,
        caller: Digest,
        timeout: Duration,
    ) -> Result<Response<Lent>, Failure> {
        let host = self.host.clone().ok_or_else(|| Failure::Unreachable("not a host".to_owned()))?;
        request.headers_mut().insert(HOST, host);
        if request.uri().authority().is_some() {
            let target = request.uri().path_and_query().cloned();
            *request.uri_mut() = target.map_or_else(Uri::default, Uri::from);
        }
        tokio::time::timeout(timeout, self.exchange(request, caller)).await.unwrap_or(Err(Failure::TooSlow))
    }

    /// Drops connections that were not used since some sweeps ago, or have ended.
    pub fn sweep(&self) {
        let now = self.sweeps.fetch_add(1, Ordering::Relaxed).wrapping_add(1);
        let fresh = |idle: &Idle| now.wrapping_sub(idle.since) <= IDLE_SWEEPS && !idle.sender.is_closed();
        self.idle().retain(fresh);
    }

    async fn exchange(
        self: &Arc<Self>,
        mut request: Request<Full<Bytes>>,
        caller: Digest,
    ) -> Result<Response<Lent>, Failure> {
        loop {
            let kept = self.take(caller);
            let again = kept.is_some();
            let mut sender = match kept {
                Some(sender) => sender,
                None => Box::pin(self.egress.connect(&self.origin)).await?,
            };
            if again && sender.ready().await.is_err() {
                continue;
            }
            match sender.try_send_request(request).await {
                Ok(response) => {
                    let connection = Some((sender, caller, self.clone()));
                    return Ok(response.map(|body| Lent { body, connection }));
                }
                // A kept connection may end as we take it. What was never written may go again, nothing else.
                Err(mut error) => match error.take_message() {
                    Some(unsent) if again => request = unsent,
                    _ => return Err(Failure::Unreachable("the connection broke".to_owned())),
                },
            }
        }
    }

    fn take(&self, caller: Digest) -> Option<Sender> {
        let mut idle = self.idle();
        loop {
            let warmest = idle.iter().rposition(|idle| idle.caller == caller)?;
            let Idle { sender, .. } = idle.remove(warmest)?;
            if !sender.is_closed() {
                return Some(sender);
            }
        }
    }

    fn keep(&self, sender: Sender, caller: Digest) {
        if !sender.is_closed() {
            let mut idle = self.idle();
            if idle.len() >= KEPT_MAX {
                idle.pop_front();
            }
            idle.push_back(Idle { sender, caller, since: self.sweeps.load(Ordering::Relaxed) });
        }
    }

    fn idle(&self) -> MutexGuard<'_, VecDeque<Idle>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl http_body::Body for Lent {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        Pin::new(&mut self.get_mut().body).poll_frame(context)
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
        // Of a body left unread hyper drops the rest if it is there already, and else the connection.
        if let Some((sender, caller, pool)) = self.connection.take() {
            pool.keep(sender, caller);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_and_embedded_addresses_are_forbidden() {
        for (ip, expected) in [
            ("169.254.169.254", true),
            ("::ffff:169.254.169.254", true),
            ("2002:a9fe:a9fe::1", true),
            ("2001:0:1::1", true),
            ("64:ff9b::a9fe:a9fe", true),
            ("fe80::1", true),
            ("::169.254.169.254", true),
            ("100.100.100.200", true),
            ("192.0.0.192", true),
            ("fd00:ec2::254", true),
            ("fd20:ce::254", true),
            ("::1", false),
            ("fd00::1", false),
            ("100.64.0.1", false),
            ("0.0.0.0", true),
            ("127.0.0.1", false),
            ("10.0.0.1", false),
        ] {
            assert_eq!(forbidden(ip.parse().unwrap()), expected, "{ip}");
        }
    }
}
