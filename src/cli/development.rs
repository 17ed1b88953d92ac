//! Certificates and an issuer's key for trying out, on one machine. Nothing here is for anybody else
//! to trust: whoever holds the issuer's key makes any token.
use crate::clock;
use aws_lc_rs::digest;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Datelike as _, Days, Utc};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, KeyPair, KeyUsagePurpose};
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;

/// Long enough to try things out, short enough not to be forgotten in production.
const CERTIFICATE_DAYS: u64 = 90;

/// The key of a token issuer on P-256.
pub struct IssuerKey {
    pair: EcdsaKeyPair,
    id: String,
}

/// A server certificate and the authority that made it.
pub struct Certificates {
    /// The authority, for clients to trust. Its key is gone when this is returned, so whoever trusts
    /// it trusts one certificate.
    pub authority: String,
    /// The server's certificate.
    pub certificate: String,
    /// Its private key.
    pub key: String,
}

impl IssuerKey {
    /// A new one, and its PEM.
    pub fn generate() -> Result<(Self, String), String> {
        let pair = KeyPair::generate().map_err(|error| error.to_string())?;
        let pem = pair.serialize_pem();
        Ok((Self::from_pem(&pem)?, pem))
    }

    /// Reads PKCS #8, or what `openssl ecparam -genkey` writes.
    pub fn from_pem(text: &str) -> Result<Self, String> {
        let der = PrivateKeyDer::from_pem_slice(text.as_bytes()).map_err(|error| format!("no private key: {error}"))?;
        let pair = EcdsaKeyPair::from_private_key_der(&ECDSA_P256_SHA256_FIXED_SIGNING, der.secret_der());
        let pair = pair.map_err(|_| "not a private key on P-256".to_owned())?;
        let hash = digest::digest(&digest::SHA256, pair.public_key().as_ref());
        let id = URL_SAFE_NO_PAD.encode(hash.as_ref().get(..6).unwrap_or_default());
        Ok(Self { pair, id })
    }

    /// Signs with the id that `jwks` gives to this key; an error if it is not among them.
    pub fn named_by(mut self, jwks: &str) -> Result<Self, String> {
        let set: serde_json::Value = serde_json::from_str(jwks).map_err(|error| error.to_string())?;
        let keys = set.get("keys").and_then(|keys| keys.as_array()).cloned().unwrap_or_default();
        let (x, y) = self.coordinates();
        let text = |key: &serde_json::Value, name: &str| key.get(name).and_then(|v| v.as_str()).map(str::to_owned);
        let ours = keys.iter().find(|key| text(key, "x").as_ref() == Some(&x) && text(key, "y").as_ref() == Some(&y));
        let ours = ours.ok_or("the issuer's JWK set does not have the public half of this key")?;
        self.id = text(ours, "kid").unwrap_or_default();
        Ok(self)
    }

    /// Its public half.
    pub fn jwks(&self) -> String {
        let (x, y) = self.coordinates();
        let key = serde_json::json!({
            "kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": self.id, "x": x, "y": y,
        });
        serde_json::json!({ "keys": [key] }).to_string()
    }

    /// A token with these claims.
    pub fn sign(&self, claims: &serde_json::Value) -> Result<String, String> {
        let key = self.pair.to_pkcs8v1().map_err(|error| error.to_string())?;
        let mut header = Header::new(Algorithm::ES256);
        header.typ = Some("at+jwt".to_owned());
        header.kid = Some(self.id.clone()).filter(|id| !id.is_empty());
        jsonwebtoken::encode(&header, claims, &EncodingKey::from_ec_der(key.as_ref()))
            .map_err(|error| error.to_string())
    }

    fn coordinates(&self) -> (String, String) {
        // SEC 1, section 2.3.3: 0x04, then both coordinates.
        let point = self.pair.public_key().as_ref();
        let (x, y) = (point.get(1..33).unwrap_or_default(), point.get(33..65).unwrap_or_default());
        (URL_SAFE_NO_PAD.encode(x), URL_SAFE_NO_PAD.encode(y))
    }
}

/// A server certificate for this machine's own names.
///
/// It has an authority, since some clients refuse a certificate that is its own.
pub fn certificates() -> Result<Certificates, String> {
    make().map_err(|error| error.to_string())
}

fn make() -> Result<Certificates, rcgen::Error> {
    let today = i64::try_from(clock::now()).ok().and_then(|now| DateTime::from_timestamp(now, 0)).unwrap_or_default();
    // A day earlier, for clocks that are behind.
    let from = today.checked_sub_days(Days::new(1)).unwrap_or(today);
    let until = today.checked_add_days(Days::new(CERTIFICATE_DAYS)).unwrap_or(today);
    let number = |value: u32| u8::try_from(value).unwrap_or(1);
    let date = |day: DateTime<Utc>| rcgen::date_time_ymd(day.year(), number(day.month()), number(day.day()));
    let params = |names: &[&str], subject: &str| {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names)?;
        params.not_before = date(from);
        params.not_after = date(until);
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, subject);
        Ok::<_, rcgen::Error>(params)
    };
    let mut authority = params(&[], "portcullis development")?;
    authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    let authority_key = KeyPair::generate()?;
    let authority_pem = authority.self_signed(&authority_key)?.pem();
    let mut server = params(&["localhost", "127.0.0.1", "::1"], "localhost")?;
    server.is_ca = IsCa::ExplicitNoCa;
    server.use_authority_key_identifier_extension = true;
    server.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    server.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ServerAuth];
    let server_key = KeyPair::generate()?;
    let certificate = server.signed_by(&server_key, &rcgen::Issuer::new(authority, authority_key))?;
    Ok(Certificates { authority: authority_pem, certificate: certificate.pem(), key: server_key.serialize_pem() })
}
