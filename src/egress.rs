//! The only way out: resolve, check the address, connect, in bounded time. Redirects are never followed.
use crate::tls;
use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::{Request, Response};
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::Name;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::pin::Pin;
use std::time::Duration;
use tower::util::ServiceFn;

type Addresses = std::vec::IntoIter<SocketAddr>;
type Resolving = Pin<Box<dyn Future<Output = io::Result<Addresses>> + Send>>;
type Connector = HttpsConnector<HttpConnector<ServiceFn<fn(Name) -> Resolving>>>;

/// Why a request got no answer.
#[derive(Debug)]
pub enum Failure {
    /// No connection.
    Unreachable(String),
    /// Too slow.
    TooSlow,
}

/// An HTTP client for one trust.
#[derive(Clone)]
pub struct Egress {
    client: Client<Connector, Full<Bytes>>,
}

/// Addresses that no tool server or key server of an operator is at, and that a name must not lead to:
/// link-local (cloud metadata), multicast, unspecified, and IPv6 forms that embed an IPv4 address.
pub fn forbidden(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(v4) => v4.is_link_local() || v4.is_multicast() || v4.is_unspecified() || v4.is_broadcast(),
        IpAddr::V6(v6) => {
            let segments = v6.segments();
            let embedded = v6.to_ipv4_mapped().is_some()
                || matches!(segments, [0x2002, ..] | [0x2001, 0, ..] | [0x64, 0xff9b, ..]);
            let link_local = matches!(segments, [first, ..] if first & 0xffc0 == 0xfe80);
            embedded || link_local || v6.is_multicast() || v6.is_unspecified()
        }
    }
}

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
    /// A client that trusts `ca`, or the public authorities.
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
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(Duration::from_secs(30))
            .pool_max_idle_per_host(256)
            .build(connector);
        Ok(Self { client })
    }

    /// Sends a request and waits for the head of its answer.
    pub async fn send(&self, request: Request<Full<Bytes>>, timeout: Duration) -> Result<Response<Incoming>, Failure> {
        let host = request.uri().host().unwrap_or_default().trim_matches(['[', ']']);
        if host.parse::<IpAddr>().is_ok_and(forbidden) {
            return Err(Failure::Unreachable("the address may not be called".to_owned()));
        }
        match tokio::time::timeout(timeout, self.client.request(request)).await {
            Ok(Ok(response)) => Ok(response),
            // The error's own text may quote what the other side sent; its kind is enough.
            Ok(Err(error)) if error.is_connect() => Err(Failure::Unreachable("no connection".to_owned())),
            Ok(Err(_)) => Err(Failure::Unreachable("the connection broke".to_owned())),
            Err(_) => Err(Failure::TooSlow),
        }
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
            ("0.0.0.0", true),
            ("127.0.0.1", false),
            ("10.0.0.1", false),
        ] {
            assert_eq!(forbidden(ip.parse().unwrap()), expected, "{ip}");
        }
    }
}
