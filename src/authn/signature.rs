//! Verifying keys, parsed when they are loaded and not again for each token.
//!
//! The JWT crate parses a key for every signature it verifies, which is a tenth of the cost of RS256 and
//! more of ES256. What it does with a signature is one call to the same library; it is made here.
use aws_lc_rs::signature::{self as algorithms, ParsedPublicKey, RsaParameters, RsaPublicKeyComponents};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::Algorithm;
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk};

/// One public key, for each algorithm (RFC 7518, section 3.1) that it can be used with.
pub struct VerifyingKey(Vec<(Algorithm, ParsedPublicKey)>);

impl VerifyingKey {
    /// The key of a JWK (RFC 7518, section 6; RFC 8037), if it is of a kind that verifies signatures.
    pub fn from_jwk(jwk: &Jwk) -> Option<Self> {
        let bytes = |text: &str| URL_SAFE_NO_PAD.decode(text).ok();
        let parsed = match &jwk.algorithm {
            AlgorithmParameters::RSA(key) => {
                let (n, e) = (bytes(&key.n)?, bytes(&key.e)?);
                let components = RsaPublicKeyComponents { n: &n, e: &e };
                let parse = |(algorithm, parameters): (Algorithm, &'static RsaParameters)| {
                    Some((algorithm, components.to_parsed_public_key(parameters).ok()?))
                };
                rsa().into_iter().map(parse).collect::<Option<Vec<_>>>()?
            }
            AlgorithmParameters::EllipticCurve(key) => {
                let (algorithm, parameters, size) = match key.curve {
                    EllipticCurve::P256 => (Algorithm::ES256, &algorithms::ECDSA_P256_SHA256_FIXED, 32),
                    EllipticCurve::P384 => (Algorithm::ES384, &algorithms::ECDSA_P384_SHA384_FIXED, 48),
                    _ => return None,
                };
                let (x, y) = (bytes(&key.x)?, bytes(&key.y)?);
                if x.len() != size || y.len() != size {
                    return None;
                }
                // SEC 1, section 2.3.3: an uncompressed point.
                let point = [&[4], x.as_slice(), &y].concat();
                vec![(algorithm, ParsedPublicKey::new(parameters, point).ok()?)]
            }
            AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => {
                vec![(Algorithm::EdDSA, ParsedPublicKey::new(&algorithms::ED25519, bytes(&key.x)?).ok()?)]
            }
            _ => return None,
        };
        Some(Self(parsed))
    }

    /// Whether the key can be used with this algorithm.
    pub fn fits(&self, algorithm: Algorithm) -> bool {
        self.0.iter().any(|(of, _)| *of == algorithm)
    }

    /// Whether `signature`, base64url as in a JWS, is this key's over `message`.
    pub fn verify(&self, algorithm: Algorithm, message: &[u8], signature: &str) -> bool {
        let key = self.0.iter().find(|(of, _)| *of == algorithm);
        let signature = URL_SAFE_NO_PAD.decode(signature);
        matches!((key, signature), (Some((_, key)), Ok(signature)) if key.verify_sig(message, &signature).is_ok())
    }
}

/// From 2048 bits on: smaller keys are refused when they verify.
fn rsa() -> [(Algorithm, &'static RsaParameters); 6] {
    [
        (Algorithm::RS256, &algorithms::RSA_PKCS1_2048_8192_SHA256),
        (Algorithm::RS384, &algorithms::RSA_PKCS1_2048_8192_SHA384),
        (Algorithm::RS512, &algorithms::RSA_PKCS1_2048_8192_SHA512),
        (Algorithm::PS256, &algorithms::RSA_PSS_2048_8192_SHA256),
        (Algorithm::PS384, &algorithms::RSA_PSS_2048_8192_SHA384),
        (Algorithm::PS512, &algorithms::RSA_PSS_2048_8192_SHA512),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_lc_rs::rand::SystemRandom;
    use aws_lc_rs::rsa::KeySize;
    use aws_lc_rs::signature::{EcdsaKeyPair, Ed25519KeyPair, KeyPair, RsaKeyPair};

    fn key(jwk: serde_json::Value) -> VerifyingKey {
        VerifyingKey::from_jwk(&serde_json::from_value(jwk).unwrap()).unwrap()
    }

    fn verifies(key: &VerifyingKey, algorithm: Algorithm, signature: &[u8]) {
        let text = URL_SAFE_NO_PAD.encode(signature);
        assert!(key.fits(algorithm) && key.verify(algorithm, b"message", &text));
        assert!(!key.verify(algorithm, b"massage", &text));
        assert!(!key.verify(algorithm, b"message", &format!("{text}=")));
        let mut wrong = signature.to_vec();
        wrong[3] ^= 1;
        assert!(!key.verify(algorithm, b"message", &URL_SAFE_NO_PAD.encode(wrong)));
        let others = [Algorithm::HS256, Algorithm::RS256, Algorithm::ES256, Algorithm::ES384, Algorithm::EdDSA];
        for other in others.into_iter().filter(|other| *other != algorithm) {
            assert!(!key.verify(other, b"message", &text), "{other:?}");
        }
    }

    #[test]
    fn a_key_verifies_its_own_signatures_by_its_own_algorithms_and_nothing_else() {
        let random = SystemRandom::new();
        let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        for (signing, curve, algorithm) in [
            (&algorithms::ECDSA_P256_SHA256_FIXED_SIGNING, "P-256", Algorithm::ES256),
            (&algorithms::ECDSA_P384_SHA384_FIXED_SIGNING, "P-384", Algorithm::ES384),
        ] {
            let pair = EcdsaKeyPair::generate(signing).unwrap();
            let (x, y) = pair.public_key().as_ref()[1..].split_at(pair.public_key().as_ref().len() / 2);
            let key = key(serde_json::json!({ "kty": "EC", "crv": curve, "x": encode(x), "y": encode(y) }));
            verifies(&key, algorithm, pair.sign(&random, b"message").unwrap().as_ref());
        }
        let pair = Ed25519KeyPair::generate().unwrap();
        let x = encode(pair.public_key().as_ref());
        let okp = key(serde_json::json!({ "kty": "OKP", "crv": "Ed25519", "x": x }));
        verifies(&okp, Algorithm::EdDSA, pair.sign(b"message").as_ref());

        let pair = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
        let (n, e) = (pair.public_key().modulus(), pair.public_key().exponent());
        let (n, e) = (n.big_endian_without_leading_zero(), e.big_endian_without_leading_zero());
        let rsa = key(serde_json::json!({ "kty": "RSA", "n": encode(n), "e": encode(e) }));
        let mut signature = vec![0; 256];
        pair.sign(&algorithms::RSA_PKCS1_SHA256, &random, b"message", &mut signature).unwrap();
        verifies(&rsa, Algorithm::RS256, &signature);
        pair.sign(&algorithms::RSA_PSS_SHA256, &random, b"message", &mut signature).unwrap();
        verifies(&rsa, Algorithm::PS256, &signature);
    }
}
