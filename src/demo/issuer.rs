//! An embedded token issuer with a JWKS endpoint. For the demo only: it gives anyone any token.
use crate::clock;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use std::convert::Infallible;
use std::sync::Arc;
use tokio::net::TcpListener;

/// The issuer.
#[derive(Clone)]
pub struct Issuer {
    url: String,
    key: EncodingKey,
    jwks: Arc<str>,
}

impl Issuer {
    /// With a fresh P-256 key.
    pub fn new(url: String) -> Result<Self, String> {
        let random = aws_lc_rs::rand::SystemRandom::new();
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random);
        let pkcs8 = pkcs8.map_err(|error| error.to_string())?;
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref());
        let pair = pair.map_err(|error| error.to_string())?;
        // SEC 1, section 2.3.3: 0x04, then both coordinates.
        let point = pair.public_key().as_ref();
        let (x, y) = (point.get(1..33).unwrap_or_default(), point.get(33..65).unwrap_or_default());
        let jwks = serde_json::json!({ "keys": [{
            "kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": "demo",
            "x": URL_SAFE_NO_PAD.encode(x), "y": URL_SAFE_NO_PAD.encode(y),
        }] });
        Ok(Self { url, key: EncodingKey::from_ec_der(pkcs8.as_ref()), jwks: jwks.to_string().into() })
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
        let mut header = Header::new(Algorithm::ES256);
        header.typ = Some("at+jwt".to_owned());
        header.kid = Some("demo".to_owned());
        jsonwebtoken::encode(&header, &claims, &self.key).unwrap_or_default()
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
