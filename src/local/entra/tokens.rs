//! Issues access tokens and checks them.

use super::jwt::{now, sign, verify};
use crate::local::identity::{Identity, random_uuid};
use http::{HeaderMap, header};
use serde_json::json;

/// The audiences of Resource Manager in each Azure cloud.
pub const ARM_AUDIENCES: [&str; 6] = [
    "https://management.azure.com",
    "https://management.core.windows.net",
    "https://management.usgovcloudapi.net",
    "https://management.core.usgovcloudapi.net",
    "https://management.chinacloudapi.cn",
    "https://management.core.chinacloudapi.cn",
];

/// The audiences of Key Vault in each Azure cloud.
pub const VAULT_AUDIENCES: [&str; 3] =
    ["https://vault.azure.net", "https://vault.usgovcloudapi.net", "https://vault.azure.cn"];

/// The audience that registries accept beside those of Resource Manager.
pub const REGISTRY_AUDIENCES: [&str; 1] = ["https://containerregistry.azure.net"];

/// The lifetime of an access token.
pub const TOKEN_TTL_SECS: i64 = 3_599;

#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum TokenError {
    #[error("the request has no bearer token")]
    Missing,
    #[error("the access token is invalid or has expired")]
    Invalid,
    #[error("the access token is for another audience")]
    Audience,
}

#[derive(Debug)]
pub struct Tokens {
    identity: Identity,
}

impl Tokens {
    pub fn new(identity: Identity) -> Self {
        Self { identity }
    }

    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// A token for an audience, such as `https://management.azure.com/`.
    pub fn issue(&self, audience: &str) -> String {
        let (now, identity) = (now(), &self.identity);
        let issuer = format!("https://sts.windows.net/{}/", identity.tenant_id);
        let claims = json!({
            "aud": audience, "iss": issuer, "idp": issuer,
            "iat": now, "nbf": now, "exp": now + TOKEN_TTL_SECS,
            "appid": identity.client_id, "appidacr": "1", "idtyp": "app",
            "oid": identity.object_id, "sub": identity.object_id,
            "tid": identity.tenant_id, "uti": random_uuid(), "ver": "1.0",
        });
        sign(identity.token_key.expose(), &claims)
    }

    /// Checks the bearer token of a request for one of these audiences.
    pub fn check(&self, headers: &HeaderMap, audiences: &[&str]) -> Result<(), TokenError> {
        let token = headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
            .map(|(_, token)| token.trim())
            .ok_or(TokenError::Missing)?;
        self.check_token(token, audiences)
    }

    /// Checks a token that was not sent in a header.
    pub fn check_token(&self, token: &str, audiences: &[&str]) -> Result<(), TokenError> {
        let key = self.identity.token_key.expose();
        let claims = verify(key, token, now()).ok_or(TokenError::Invalid)?;
        let audience = claims["aud"].as_str().unwrap_or_default().trim_end_matches('/');
        if !audiences.contains(&audience) {
            return Err(TokenError::Audience);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{ARM_AUDIENCES, TokenError, Tokens, VAULT_AUDIENCES, now, verify};
    use crate::local::identity::Identity;
    use crate::local::initial_state::InitialState;
    use http::{HeaderMap, HeaderValue, header};

    #[test]
    fn a_token_is_valid_for_its_audience_only() {
        let state = tempfile::tempdir().expect("a folder");
        let identity = Identity::open(state.path(), &InitialState::default()).expect("made");
        let tokens = Tokens::new(identity);
        let mut headers = HeaderMap::new();
        assert_eq!(tokens.check(&headers, &ARM_AUDIENCES), Err(TokenError::Missing));

        let bearer = format!("Bearer {}", tokens.issue("https://management.azure.com/"));
        headers.insert(header::AUTHORIZATION, HeaderValue::from_str(&bearer).expect("a header"));

        assert_eq!(tokens.check(&headers, &ARM_AUDIENCES), Ok(()));
        let identity = tokens.identity();
        let token = bearer.trim_start_matches("Bearer ");
        let claims = verify(identity.token_key.expose(), token, now()).expect("valid");
        assert_eq!(claims["oid"], identity.object_id);
        assert_eq!(tokens.check(&headers, &VAULT_AUDIENCES), Err(TokenError::Audience));
        headers.insert(header::AUTHORIZATION, HeaderValue::from_static("Bearer x.y.z"));
        assert_eq!(tokens.check(&headers, &ARM_AUDIENCES), Err(TokenError::Invalid));
    }
}
