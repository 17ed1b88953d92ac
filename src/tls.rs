//! Certificates in both directions, on one crypto provider (aws-lc-rs).
use arc_swap::ArcSwap;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use std::path::Path;
use std::sync::Arc;

/// The one provider.
pub fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

/// Reads a chain and its key, and checks that they belong together.
pub fn server_key(certificate: &Path, key: &Path) -> Result<Arc<CertifiedKey>, String> {
    let chain: Result<Vec<_>, _> = CertificateDer::pem_file_iter(certificate).and_then(Iterator::collect);
    let chain = chain.map_err(|error| format!("certificate: {error}"))?;
    if chain.is_empty() {
        return Err("certificate: the file has none".to_owned());
    }
    let key = PrivateKeyDer::from_pem_file(key).map_err(|error| format!("key: {error}"))?;
    let certified =
        CertifiedKey::from_der(chain, key, &provider()).map_err(|error| format!("certificate and key: {error}"))?;
    Ok(Arc::new(certified))
}

/// A server certificate that can be replaced while connections come in.
#[derive(Debug)]
pub struct ServerTls {
    current: ArcSwap<CertifiedKey>,
}

impl ServerTls {
    /// With a first certificate.
    pub fn new(first: Arc<CertifiedKey>) -> Arc<Self> {
        Arc::new(Self { current: ArcSwap::new(first) })
    }

    /// New handshakes get this one.
    pub fn replace(&self, next: Arc<CertifiedKey>) {
        self.current.store(next);
    }

    /// The configuration of a listener.
    pub fn config(self: &Arc<Self>) -> Result<Arc<ServerConfig>, rustls::Error> {
        let mut config = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_cert_resolver(self.clone());
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }
}

impl ResolvesServerCert for ServerTls {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current.load_full())
    }
}

/// Trust for connections of ours: a given authority, or the public ones.
pub fn client_config(ca: Option<&Path>) -> Result<ClientConfig, String> {
    let mut roots = RootCertStore::empty();
    match ca {
        Some(path) => {
            let certificates: Result<Vec<_>, _> = CertificateDer::pem_file_iter(path).and_then(Iterator::collect);
            for certificate in certificates.map_err(|error| format!("{error}"))? {
                roots.add(certificate).map_err(|error| format!("{error}"))?;
            }
        }
        None => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
    }
    Ok(ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|error| format!("{error}"))?
        .with_root_certificates(roots)
        .with_no_client_auth())
}
