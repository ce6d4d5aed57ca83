//! Private keys as cosign encrypts them: JSON in PEM, whose PKCS#8 is sealed by `NaCl`'s
//! secretbox with a key that scrypt derives from a password (go-securesystemslib,
//! `encrypted`).

use super::signing_key_error::SigningKeyError;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use crypto_secretbox::aead::{Aead as _, KeyInit as _};
use crypto_secretbox::{Key, Nonce, XSalsa20Poly1305};
use serde::Deserialize;
use zeroize::Zeroizing;

/// What scrypt may use for a key that others made. cosign's take 64 MiB.
const MAX_SCRYPT_BYTES: u64 = 256 << 20;
/// How often scrypt may do that.
const MAX_SCRYPT_PARALLELISM: u32 = 8;
const KEY_BYTES: usize = 32;
const NONCE_BYTES: usize = 24;

#[derive(Deserialize)]
struct EncryptedKey {
    kdf: Derivation,
    cipher: Cipher,
    ciphertext: String,
}

#[derive(Deserialize)]
struct Derivation {
    name: String,
    params: ScryptParams,
    salt: String,
}

#[derive(Deserialize)]
struct ScryptParams {
    #[serde(rename = "N")]
    cost: u64,
    r: u32,
    p: u32,
}

#[derive(Deserialize)]
struct Cipher {
    name: String,
    nonce: String,
}

/// Decrypts the content of the PEM. Takes a tenth of a second, by design.
pub fn decrypt(content: &[u8], password: &str) -> Result<Zeroizing<Vec<u8>>, SigningKeyError> {
    let damaged = SigningKeyError::Damaged;
    let sealed: EncryptedKey = serde_json::from_slice(content).map_err(|_| damaged.clone())?;
    let (kdf, cipher) = (&sealed.kdf, &sealed.cipher);
    if kdf.name != "scrypt" || cipher.name != "nacl/secretbox" {
        return Err(SigningKeyError::Encryption(format!("{} and {}", kdf.name, cipher.name)));
    }
    let decoded = |text: &str| STANDARD.decode(text).map_err(|_| damaged.clone());
    let (salt, nonce) = (decoded(&kdf.salt)?, decoded(&cipher.nonce)?);
    let ciphertext = decoded(&sealed.ciphertext)?;
    if nonce.len() != NONCE_BYTES {
        return Err(damaged);
    }
    let mut key = Zeroizing::new([0; KEY_BYTES]);
    scrypt::scrypt(password.as_bytes(), &salt, &params(&kdf.params)?, &mut *key)
        .map_err(|_| damaged.clone())?;
    let opener = XSalsa20Poly1305::new(Key::from_slice(&*key));
    let opened = opener.decrypt(Nonce::from_slice(&nonce), ciphertext.as_slice());
    opened.map(Zeroizing::new).map_err(|_| SigningKeyError::Password)
}

/// Refuses what would take too much time or memory.
fn params(given: &ScryptParams) -> Result<scrypt::Params, SigningKeyError> {
    let ScryptParams { cost, r, p } = *given;
    let needed = cost.checked_mul(128 * u64::from(r));
    let is_bounded = needed.is_some_and(|bytes| bytes <= MAX_SCRYPT_BYTES);
    if !is_bounded || p > MAX_SCRYPT_PARALLELISM {
        return Err(SigningKeyError::Encryption(format!("scrypt with N={cost}, r={r}, p={p}")));
    }
    let log_cost = u8::try_from(cost.checked_ilog2().unwrap_or_default()).unwrap_or(u8::MAX);
    if !cost.is_power_of_two() {
        return Err(SigningKeyError::Damaged);
    }
    scrypt::Params::new(log_cost, r, p, KEY_BYTES).map_err(|_| SigningKeyError::Damaged)
}
