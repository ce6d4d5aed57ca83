//! Public keys, which verify signatures.

use crate::oci::Digest;
use ring::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};

/// A subject public key info (RFC 5280, 4.1.2.7) of a key on P-256, up to its point
/// (RFC 5480): only the point differs from key to key.
const P256_PREFIX: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a,
    0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];
/// An uncompressed point: 4, and two coordinates.
const POINT_BYTES: usize = 65;

/// A public key of ECDSA on P-256.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PublicKey {
    /// The subject public key info.
    der: Vec<u8>,
}

/// Why a text is no public key that can be used.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum PublicKeyError {
    #[error("it is not a public key in PEM")]
    NotPem,
    #[error("it has {0} keys, and one is read")]
    Several(usize),
    #[error("it is a private key")]
    Private,
    #[error("it is a `{0}`, and only a `PUBLIC KEY` is read")]
    Kind(String),
    #[error("it is not a key of ECDSA on the curve P-256")]
    Algorithm,
}

impl PublicKeyError {
    /// The remedy.
    pub fn help(&self) -> &'static str {
        match self {
            Self::Private => {
                "keep it out of the repository, and give its public key: \
                 `openssl pkey -in signing.key -pubout -out signing.pub`"
            }
            Self::Several(_) => "name a file for each key: `signed-by: [one.pub, two.pub]`",
            Self::NotPem | Self::Kind(_) | Self::Algorithm => {
                "write the public key of the signing key: \
                 `openssl pkey -in signing.key -pubout -out signing.pub`, \
                 or the `cosign.pub` of cosign"
            }
        }
    }
}

impl PublicKey {
    /// Reads a key in PEM, as `openssl pkey -pubout` and cosign write it.
    pub fn parse(text: &str) -> Result<Self, PublicKeyError> {
        let blocks = pem::parse_many(text).map_err(|_| PublicKeyError::NotPem)?;
        if blocks.len() > 1 {
            return Err(PublicKeyError::Several(blocks.len()));
        }
        let block = blocks.into_iter().next().ok_or(PublicKeyError::NotPem)?;
        match block.tag() {
            "PUBLIC KEY" => {}
            tag if tag.ends_with("PRIVATE KEY") => return Err(PublicKeyError::Private),
            tag => return Err(PublicKeyError::Kind(tag.to_owned())),
        }
        Self::of_der(block.into_contents())
    }

    /// Reads a subject public key info.
    pub(super) fn of_der(der: Vec<u8>) -> Result<Self, PublicKeyError> {
        let has_point = der.len() == P256_PREFIX.len() + POINT_BYTES
            && der.starts_with(&P256_PREFIX)
            && der[P256_PREFIX.len()] == 4;
        if has_point { Ok(Self { der }) } else { Err(PublicKeyError::Algorithm) }
    }

    /// Whether a text is meant as a key, and not as the name of a file.
    pub fn is_pem(text: &str) -> bool {
        text.trim_start().starts_with("-----BEGIN ")
    }

    pub(super) fn of_point(point: &[u8]) -> Self {
        Self { der: [&P256_PREFIX, point].concat() }
    }

    /// The key as `openssl pkey -pubout` writes it.
    pub fn to_pem(&self) -> String {
        let config = pem::EncodeConfig::new().set_line_ending(pem::LineEnding::LF);
        pem::encode_config(&pem::Pem::new("PUBLIC KEY", self.der.as_slice()), config)
    }

    pub(super) fn point(&self) -> &[u8] {
        &self.der[P256_PREFIX.len()..]
    }

    /// Whether a signature in ASN.1 over a message is by this key.
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, self.point());
        key.verify(message, signature).is_ok()
    }

    /// The start of the SHA-256 of the key, which tells it from others:
    /// `openssl pkey -pubin -in signing.pub -outform DER | sha256sum` shows it.
    pub fn fingerprint(&self) -> String {
        Digest::of(&self.der).short().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::{PublicKey, PublicKeyError};
    use crate::signing::testing::{COSIGN_PUBLIC_KEY, PLAIN_KEY, PLAIN_PUBLIC_KEY, RSA_PUBLIC_KEY};

    #[test]
    fn only_a_public_key_on_p256_is_read() {
        #[track_caller]
        fn refused(text: &str, wanted: &str) {
            assert_eq!(PublicKey::parse(text).expect_err("refused").to_string(), wanted);
        }
        assert!(PublicKey::parse(COSIGN_PUBLIC_KEY).is_ok());
        assert!(PublicKey::parse(&COSIGN_PUBLIC_KEY.replace('\n', "\r\n")).is_ok());
        let written = PublicKey::parse(COSIGN_PUBLIC_KEY).map(|key| key.to_pem());
        assert_eq!(written.as_deref(), Ok(COSIGN_PUBLIC_KEY));

        refused("release.pub", "it is not a public key in PEM");
        refused(&COSIGN_PUBLIC_KEY[..60], "it is not a public key in PEM");
        refused(PLAIN_KEY, "it is a private key");
        let two = format!("{PLAIN_PUBLIC_KEY}{COSIGN_PUBLIC_KEY}");
        refused(&two, "it has 2 keys, and one is read");
        refused(RSA_PUBLIC_KEY, "it is not a key of ECDSA on the curve P-256");
        refused(
            &COSIGN_PUBLIC_KEY.replace("PUBLIC KEY", "CERTIFICATE"),
            "it is a `CERTIFICATE`, and only a `PUBLIC KEY` is read",
        );
    }

    #[test]
    fn remedy_of_a_private_key_keeps_it_secret() {
        assert_eq!(
            PublicKeyError::Private.help(),
            "keep it out of the repository, and give its public key: \
             `openssl pkey -in signing.key -pubout -out signing.pub`"
        );
        assert_eq!(
            PublicKeyError::Several(2).help(),
            "name a file for each key: `signed-by: [one.pub, two.pub]`"
        );
        assert_eq!(
            PublicKeyError::NotPem.help(),
            "write the public key of the signing key: \
             `openssl pkey -in signing.key -pubout -out signing.pub`, \
             or the `cosign.pub` of cosign"
        );
    }
}
