//! An embedded token issuer with a JWKS endpoint. For the demo only: it gives anyone any token.
use crate::cli::development::IssuerKey;
use crate::clock;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use std::sync::Arc;
use tokio::net::TcpListener;

/// The issuer.
#[derive(Clone)]
pub struct Issuer {
    url: String,
    key: Arc<IssuerKey>,
    jwks: Arc<str>,
}

impl Issuer {
    /// With a fresh key.
    pub fn new(url: String) -> Result<Self, String> {
        let (key, _) = IssuerKey::generate()?;
        let jwks = key.jwks().into();
        Ok(Self { url, key: Arc::new(key), jwks })
    }

    /// Its identifier.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// A token for an hour.
    pub fn token(&self, subject: &str, audience: &str, scope: &str) -> String {
        let now = clock::now();
        let claims = serde_json::json!({
            "iss": self.url, "aud": audience, "sub": subject, "client_id": "demo-client", "scope": scope,
            "iat": now, "exp": now + 3600, "jti": clock::random_token::<12>(),
            "groups": ["support"], "region": "eu",
        });
        self.key.sign(&claims).unwrap_or_default()
    }
}

/// Serves `/jwks.json`.
pub async fn serve(socket: TcpListener, issuer: Issuer) {
    while let Ok((stream, _)) = socket.accept().await {
        let jwks = issuer.jwks.clone();
        let service = service_fn(move |_: Request<Incoming>| {
            let body = Full::new(Bytes::copy_from_slice(jwks.as_bytes()));
            async move { Ok::<_, Infallible>(Response::new(body)) }
        });
        let connection = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
        tokio::spawn(async move {
            let _ = connection.await;
        });
    }
}
