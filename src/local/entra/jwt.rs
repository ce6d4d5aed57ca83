//! JSON Web Tokens (RFC 7519), signed with HMAC-SHA256 (RFC 7515, HS256).
//!
//! Clients of the real service treat its tokens as opaque but for the claims
//! that they peek at (`exp`, `oid`, `tid`), so the claims are as there and the
//! signature is for this process alone.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

const BLOCK: usize = 64;

/// Seconds since 1970.
pub fn now() -> i64 {
    jiff::Timestamp::now().as_second()
}

/// A token with these claims.
pub fn sign(key: &str, claims: &Value) -> String {
    let header = json!({"typ": "JWT", "alg": "HS256", "kid": "shipway-local"});
    let body = format!(
        "{}.{}",
        URL_SAFE_NO_PAD.encode(header.to_string()),
        URL_SAFE_NO_PAD.encode(claims.to_string())
    );
    let signature = URL_SAFE_NO_PAD.encode(hmac(key.as_bytes(), body.as_bytes()));
    format!("{body}.{signature}")
}

/// The claims of a token that was signed with this key and has not expired.
pub fn verify(key: &str, token: &str, now: i64) -> Option<Value> {
    let (body, signature) = token.rsplit_once('.')?;
    let given = URL_SAFE_NO_PAD.decode(signature).ok()?;
    // Compared by a hash of each, so that the time says nothing of the bytes.
    let expected = hmac(key.as_bytes(), body.as_bytes());
    if Sha256::digest(&given) != Sha256::digest(expected) {
        return None;
    }
    let (_, claims) = body.split_once('.')?;
    let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).ok()?).ok()?;
    (claims["exp"].as_i64()? > now).then_some(claims)
}

/// RFC 2104 over SHA-256.
fn hmac(key: &[u8], text: &[u8]) -> Vec<u8> {
    let mut block = [0_u8; BLOCK];
    if key.len() > BLOCK {
        block[..32].copy_from_slice(&Sha256::digest(key));
    } else {
        block[..key.len()].copy_from_slice(key);
    }
    let keyed = |pad: u8| block.map(|byte| byte ^ pad);
    let inner = Sha256::new().chain_update(keyed(0x36)).chain_update(text).finalize();
    Sha256::new().chain_update(keyed(0x5c)).chain_update(inner).finalize().to_vec()
}

#[cfg(test)]
mod tests {
    use super::{hmac, sign, verify};
    use serde_json::json;

    #[test]
    fn the_example_of_rfc_4231() {
        let hash = hmac(b"Jefe", b"what do ya want for nothing?");

        assert_eq!(
            crate::oci::Digest::from_sha256(&hash).hex(),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
    }

    #[test]
    fn only_a_fresh_token_of_this_key_is_good() {
        let token = sign("key", &json!({"aud": "x", "exp": 100}));

        assert_eq!(verify("key", &token, 99).expect("good")["aud"], "x");
        assert_eq!(verify("key", &token, 100), None);
        assert_eq!(verify("other", &token, 99), None);
        assert_eq!(verify("key", &token[..token.len() - 2], 99), None);
        assert_eq!(verify("key", "x", 99), None);
    }
}
