//! JSON Web Tokens (RFC 7519), signed with HMAC-SHA256 (RFC 7515, HS256).
//!
//! Entra signs with RS256. Clients treat its tokens as opaque except for a few
//! claims (`exp`, `oid`, `tid`), so only the claims imitate the real ones.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;
use serde_json::{Value, json};

/// Seconds since 1970.
pub fn now() -> i64 {
    jiff::Timestamp::now().as_second()
}

pub fn sign(key: &str, claims: &Value) -> String {
    let header = json!({"typ": "JWT", "alg": "HS256", "kid": "shipway-local"});
    let body = format!(
        "{}.{}",
        URL_SAFE_NO_PAD.encode(header.to_string()),
        URL_SAFE_NO_PAD.encode(claims.to_string())
    );
    let signature = URL_SAFE_NO_PAD.encode(hmac::sign(&hmac_key(key), body.as_bytes()));
    format!("{body}.{signature}")
}

/// The claims of a token, if it was signed with this key and has not expired.
pub fn verify(key: &str, token: &str, now: i64) -> Option<Value> {
    let (body, signature) = token.rsplit_once('.')?;
    let given = URL_SAFE_NO_PAD.decode(signature).ok()?;
    hmac::verify(&hmac_key(key), body.as_bytes(), &given).ok()?;
    let (_, claims) = body.split_once('.')?;
    let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).ok()?).ok()?;
    (claims["exp"].as_i64()? > now).then_some(claims)
}

fn hmac_key(key: &str) -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::{sign, verify};
    use serde_json::json;

    #[test]
    fn tokens_are_signed_with_hmac_sha256() {
        // The signature by another implementation: openssl dgst -sha256 -hmac key.
        let token = sign("key", &json!({"exp": 1}));

        let (body, signature) = token.rsplit_once('.').expect("three parts");
        assert_eq!(
            body,
            "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiIsImtpZCI6InNoaXB3YXktbG9jYWwifQ.eyJleHAiOjF9"
        );
        assert_eq!(signature, "ej9gsVxA5Db3cFAylC3zObtgLMVlvLpsi496m8KvRX8");
    }

    #[test]
    fn expired_and_forged_tokens_are_refused() {
        let token = sign("key", &json!({"aud": "x", "exp": 100}));

        assert_eq!(verify("key", &token, 99).expect("good")["aud"], "x");
        assert_eq!(verify("key", &token, 100), None);
        assert_eq!(verify("other", &token, 99), None);
        assert_eq!(verify("key", &token[..token.len() - 2], 99), None);
        assert_eq!(verify("key", "x", 99), None);
    }
}
