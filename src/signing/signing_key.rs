//! Private keys, which sign.

use super::encrypted_key;
use super::public_key::PublicKey;
use super::signing_key_error::SigningKeyError;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};
use zeroize::Zeroizing;

/// A private key of ECDSA on P-256.
#[derive(Debug)]
pub struct SigningKey {
    pair: EcdsaKeyPair,
    random: SystemRandom,
}

impl SigningKey {
    /// Reads a key in PEM. One of cosign is opened with the password, which takes a tenth
    /// of a second.
    pub fn parse(text: &str, password: Option<&str>) -> Result<Self, SigningKeyError> {
        let block = pem::parse(text).map_err(|_| SigningKeyError::NotPem)?;
        let tag = block.tag().to_owned();
        let content = Zeroizing::new(block.into_contents());
        let pkcs8 = match tag.as_str() {
            "PRIVATE KEY" => content,
            // The second is what cosign wrote before its version 1.5.
            "ENCRYPTED SIGSTORE PRIVATE KEY" | "ENCRYPTED COSIGN PRIVATE KEY" => {
                // cosign takes an empty password, too.
                let opened = encrypted_key::decrypt(&content, password.unwrap_or_default());
                opened.map_err(|error| match (error, password) {
                    (SigningKeyError::Password, None) => SigningKeyError::NoPassword,
                    (error, _) => error,
                })?
            }
            "PUBLIC KEY" => return Err(SigningKeyError::Public),
            "OPENSSH PRIVATE KEY" => return Err(SigningKeyError::OpenSsh),
            _ => return Err(SigningKeyError::Kind(tag)),
        };
        let random = SystemRandom::new();
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &pkcs8, &random);
        let pair = pair.map_err(|_| {
            let lacks_public = is_without_public_part(&pkcs8);
            if lacks_public { SigningKeyError::NoPublicPart } else { SigningKeyError::Algorithm }
        })?;
        Ok(Self { pair, random })
    }

    /// A new key, which is in memory alone.
    ///
    /// # Panics
    /// Where the system has no random numbers.
    pub fn generate() -> Self {
        const NO_RANDOM: &str = "the system has random numbers";
        let (algorithm, random) = (&ECDSA_P256_SHA256_ASN1_SIGNING, SystemRandom::new());
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(algorithm, &random).expect(NO_RANDOM);
        let pkcs8 = Zeroizing::new(pkcs8.as_ref().to_vec());
        let pair = EcdsaKeyPair::from_pkcs8(algorithm, &pkcs8, &random);
        Self { pair: pair.expect("a key that was just made is read"), random }
    }

    pub fn public_key(&self) -> PublicKey {
        PublicKey::of_point(self.pair.public_key().as_ref())
    }

    /// Signs the SHA-256 of a message. The signature is in ASN.1, and another one each
    /// time.
    ///
    /// # Panics
    /// Where the system has no random numbers.
    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        let signature = self.pair.sign(&self.random, message);
        signature.expect("the system has random numbers").as_ref().to_vec()
    }
}

/// Whether it is a key of P-256 in PKCS#8 (RFC 5208) whose `ECPrivateKey` (RFC 5915) leaves the
/// public key out, as it may, and which `ring` does not read.
fn is_without_public_part(pkcs8: &[u8]) -> bool {
    /// An `ECPrivateKey` of 32 bytes and nothing else, after the names of algorithm and curve.
    const BEGINNING: [u8; 35] = [
        0x30, 0x41, 0x02, 0x01, 0x00, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02,
        0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x04, 0x27, 0x30, 0x25,
        0x02, 0x01, 0x01, 0x04, 0x20,
    ];
    pkcs8.len() == BEGINNING.len() + 32 && pkcs8.starts_with(&BEGINNING)
}

#[cfg(test)]
mod tests {
    use super::{SigningKey, SigningKeyError};
    use crate::signing::PublicKey;
    use crate::signing::testing::{
        COSIGN_KEY, COSIGN_PASSWORD, COSIGN_PUBLIC_KEY, NO_PUBLIC_PART, PLAIN_KEY,
        PLAIN_PUBLIC_KEY, RSA_PRIVATE_KEY, pem_of,
    };

    #[test]
    fn a_key_signs_for_its_public_key_alone() {
        let key = SigningKey::parse(PLAIN_KEY, None).expect("a key");
        let public = PublicKey::parse(PLAIN_PUBLIC_KEY).expect("a key");
        let other = PublicKey::parse(COSIGN_PUBLIC_KEY).expect("a key");

        let signature = key.sign(b"message");

        assert_eq!(key.public_key(), public);
        assert!(public.verifies(b"message", &signature));
        assert!(!public.verifies(b"another", &signature));
        assert!(!other.verifies(b"message", &signature));
        assert_ne!(key.sign(b"message"), signature);
    }

    #[test]
    fn a_key_of_cosign_is_opened_with_its_password() {
        let public = PublicKey::parse(COSIGN_PUBLIC_KEY).expect("a key");
        let parsed =
            |text: &str, password| SigningKey::parse(text, password).map(|key| key.public_key());
        assert_eq!(parsed(COSIGN_KEY, Some(COSIGN_PASSWORD)), Ok(public.clone()));
        let old = COSIGN_KEY.replace("SIGSTORE", "COSIGN");
        assert_eq!(parsed(&old, Some(COSIGN_PASSWORD)), Ok(public));
        assert_eq!(parsed(COSIGN_KEY, Some("hunter2")), Err(SigningKeyError::Password));
        assert_eq!(parsed(COSIGN_KEY, None), Err(SigningKeyError::NoPassword));
    }

    #[test]
    fn what_is_no_key_is_refused_with_its_kind() {
        #[track_caller]
        fn refused(text: &str, wanted: &str) {
            let error = SigningKey::parse(text, Some("hunter2")).expect_err("refused");
            assert_eq!(error.to_string(), wanted);
        }
        let encrypted = |kdf: &str, cost: &str, nonce: &str| {
            let json = format!(
                r#"{{"kdf":{{"name":"{kdf}","params":{{"N":{cost},"r":8,"p":1}},"salt":"AAAA"}},"cipher":{{"name":"nacl/secretbox","nonce":"{nonce}"}},"ciphertext":"AAAA"}}"#
            );
            pem_of("ENCRYPTED SIGSTORE PRIVATE KEY", json.as_bytes())
        };
        let nonce = "A".repeat(32);

        refused("placeholder-signing-key", "it is not a private key in PEM");
        refused(COSIGN_PUBLIC_KEY, "it is a public key");
        refused(RSA_PRIVATE_KEY, "it is not a key of ECDSA on the curve P-256");
        refused(&pem_of("OPENSSH PRIVATE KEY", b"abc"), "it is a key of OpenSSH");
        refused(NO_PUBLIC_PART, "it has a private key of P-256 without its public one");
        refused(
            &pem_of("EC PRIVATE KEY", b"abc"),
            "it is a `EC PRIVATE KEY`, and a key in PKCS#8 (`PRIVATE KEY`) or of cosign \
             (`ENCRYPTED SIGSTORE PRIVATE KEY`) is read",
        );
        refused(&pem_of("ENCRYPTED SIGSTORE PRIVATE KEY", b"abc"), "it is damaged");
        refused(&encrypted("scrypt", "1024", "AAAA"), "it is damaged");
        refused(&encrypted("scrypt", "1000", &nonce), "it is damaged");
        refused(&encrypted("scrypt", "1024", &nonce), "the password does not open it");
        refused(
            &encrypted("argon2", "1024", &nonce),
            "it is encrypted by argon2 and nacl/secretbox, which cosign does not do",
        );
        refused(
            &encrypted("scrypt", "1099511627776", &nonce),
            "it is encrypted by scrypt with N=1099511627776, r=8, p=1, which cosign does not do",
        );
    }

    #[test]
    fn each_error_has_a_remedy() {
        let make = "make a key: `openssl genpkey -algorithm EC -pkeyopt \
                    ec_paramgen_curve:P-256 -out signing.key`, or `cosign generate-key-pair`; \
                    the secret is the whole file";
        assert_eq!(SigningKeyError::NotPem.help(), make);
        assert_eq!(SigningKeyError::OpenSsh.help(), make);
        assert_eq!(
            SigningKeyError::NoPublicPart.help(),
            "write it again with both: `openssl ec -in signing.key | openssl pkcs8 -topk8 \
             -nocrypt -out signing.pem`; the secret is the whole file"
        );
        assert_eq!(
            SigningKeyError::Kind(String::new()).help(),
            "convert it: `openssl pkey -in signing.key -out signing.pem`; \
             the secret is the whole file"
        );
        assert_eq!(
            SigningKeyError::Encryption(String::new()).help(),
            "make a key: `cosign generate-key-pair`"
        );
        assert_eq!(SigningKeyError::Password.help(), "check the secret that is `password`");
        assert_eq!(
            SigningKeyError::NoPassword.help(),
            "add it: `sign: { key: …, password: \"${{ secrets.NAME }}\" }`"
        );
    }
}
