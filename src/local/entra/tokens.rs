//! Access tokens: issuing them, and the check that every service makes.

use super::jwt::{now, sign, verify};
use crate::local::identity::{Identity, random_uuid};
use http::{HeaderMap, header};
use serde_json::json;

/// What Resource Manager calls itself, in each cloud.
pub const ARM_AUDIENCES: [&str; 6] = [
    "https://management.azure.com",
    "https://management.core.windows.net",
    "https://management.usgovcloudapi.net",
    "https://management.core.usgovcloudapi.net",
    "https://management.chinacloudapi.cn",
    "https://management.core.chinacloudapi.cn",
];

/// What Key Vault calls itself, in each cloud.
pub const VAULT_AUDIENCES: [&str; 3] =
    ["https://vault.azure.net", "https://vault.usgovcloudapi.net", "https://vault.azure.cn"];

/// What a registry takes besides a token for Resource Manager.
pub const REGISTRY_AUDIENCES: [&str; 1] = ["https://containerregistry.azure.net"];

/// How long an access token lives, in seconds.
pub(super) const LIFE: i64 = 3_599;

/// Who sent a request.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Principal {
    /// The object id.
    pub object_id: String,
    /// The application id.
    pub client_id: String,
    /// The tenant.
    pub tenant_id: String,
}

/// Why a request was not let in.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum TokenError {
    /// There is no bearer token.
    #[error("the request has no bearer token")]
    Missing,
    /// It is none of ours, or it has expired.
    #[error("the access token is invalid or has expired")]
    Invalid,
    /// It is for another service.
    #[error("the access token is for another audience")]
    Audience,
}

/// Issues access tokens and checks them.
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

    /// A token for a service, such as `https://management.azure.com/`.
    pub fn issue(&self, audience: &str) -> String {
        let (now, identity) = (now(), &self.identity);
        let issuer = format!("https://sts.windows.net/{}/", identity.tenant_id);
        let claims = json!({
            "aud": audience, "iss": issuer, "idp": issuer,
            "iat": now, "nbf": now, "exp": now + LIFE,
            "appid": identity.client_id, "appidacr": "1", "idtyp": "app",
            "oid": identity.object_id, "sub": identity.object_id,
            "tid": identity.tenant_id, "uti": random_uuid(), "ver": "1.0",
        });
        sign(identity.token_key.expose(), &claims)
    }

    /// Who holds the bearer token of a request, if it is for one of these
    /// audiences.
    pub fn check(&self, headers: &HeaderMap, audiences: &[&str]) -> Result<Principal, TokenError> {
        let token = headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
            .map(|(_, token)| token.trim())
            .ok_or(TokenError::Missing)?;
        self.check_token(token, audiences)
    }

    /// The same for a token that came in another way.
    pub fn check_token(&self, token: &str, audiences: &[&str]) -> Result<Principal, TokenError> {
        let key = self.identity.token_key.expose();
        let claims = verify(key, token, now()).ok_or(TokenError::Invalid)?;
        let audience = claims["aud"].as_str().unwrap_or_default().trim_end_matches('/');
        if !audiences.contains(&audience) {
            return Err(TokenError::Audience);
        }
        let text = |name: &str| claims[name].as_str().unwrap_or_default().to_owned();
        Ok(Principal { object_id: text("oid"), client_id: text("appid"), tenant_id: text("tid") })
    }
}

#[cfg(test)]
mod tests {
    use super::{ARM_AUDIENCES, TokenError, Tokens, VAULT_AUDIENCES};
    use crate::local::identity::Identity;
    use crate::local::initial_state::InitialState;
    use http::{HeaderMap, HeaderValue, header};

    #[test]
    fn a_token_opens_its_own_service_and_no_other() {
        let state = tempfile::tempdir().expect("a folder");
        let identity = Identity::open(state.path(), &InitialState::default()).expect("made");
        let tokens = Tokens::new(identity.clone());
        let mut headers = HeaderMap::new();
        assert_eq!(tokens.check(&headers, &ARM_AUDIENCES), Err(TokenError::Missing));

        let bearer = format!("Bearer {}", tokens.issue("https://management.azure.com/"));
        headers.insert(header::AUTHORIZATION, HeaderValue::from_str(&bearer).expect("a header"));

        let principal = tokens.check(&headers, &ARM_AUDIENCES).expect("let in");
        assert_eq!(principal.object_id, identity.object_id);
        assert_eq!(tokens.check(&headers, &VAULT_AUDIENCES), Err(TokenError::Audience));
        headers.insert(header::AUTHORIZATION, HeaderValue::from_static("Bearer x.y.z"));
        assert_eq!(tokens.check(&headers, &ARM_AUDIENCES), Err(TokenError::Invalid));
    }
}
