//! Issues access tokens and checks them.

use super::device::DeviceCodes;
use super::jwt::{now, sign, verify};
use crate::local::identity::{Identity, random_uuid};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderMap, header};
use serde_json::{Value, json};

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

/// The name of the person who signs in.
const PERSON: &str = "developer@local.onmicrosoft.com";

/// What tells refresh tokens from access tokens, which are signed with the same key.
const REFRESH_AUDIENCE: &str = "refresh";
const REFRESH_TOKEN_TTL_SECS: i64 = 90 * 24 * 3_600;

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
    pub device_codes: DeviceCodes,
}

impl Tokens {
    pub fn new(identity: Identity) -> Self {
        Self { identity, device_codes: DeviceCodes::default() }
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

    /// A token for an audience, for the person who has signed in with a client. The person has
    /// the application's object id, and so its roles.
    pub fn issue_to_person(&self, audience: &str, client: &str) -> String {
        let (now, identity) = (now(), &self.identity);
        let issuer = format!("https://sts.windows.net/{}/", identity.tenant_id);
        let claims = json!({
            "aud": audience, "iss": issuer, "iat": now, "nbf": now, "exp": now + TOKEN_TTL_SECS,
            "appid": client, "appidacr": "0", "idtyp": "user", "scp": "user_impersonation",
            "name": "Developer", "upn": PERSON, "unique_name": PERSON,
            "oid": identity.object_id, "sub": identity.object_id,
            "tid": identity.tenant_id, "uti": random_uuid(), "ver": "1.0",
        });
        sign(identity.token_key.expose(), &claims)
    }

    /// A token that a client exchanges for access tokens, as long as the cloud keeps its key.
    pub fn issue_refresh_token(&self, client: &str) -> String {
        let claims = json!({
            "aud": REFRESH_AUDIENCE, "appid": client, "jti": random_uuid(),
            "exp": now() + REFRESH_TOKEN_TTL_SECS,
        });
        sign(self.identity.token_key.expose(), &claims)
    }

    pub fn is_refresh_token(&self, token: &str, client: &str) -> bool {
        let claims = verify(self.identity.token_key.expose(), token, now());
        claims.is_some_and(|it| it["aud"] == REFRESH_AUDIENCE && it["appid"] == client)
    }

    /// Who the person is, for the client (`OpenID` Connect Core, section 2).
    pub fn issue_id_token(&self, client: &str) -> String {
        let (now, identity) = (now(), &self.identity);
        let claims = json!({
            "aud": client,
            "iss": format!("https://login.microsoftonline.com/{}/v2.0", identity.tenant_id),
            "iat": now, "nbf": now, "exp": now + TOKEN_TTL_SECS, "name": "Developer",
            "oid": identity.object_id, "preferred_username": PERSON,
            "sub": identity.object_id, "tid": identity.tenant_id, "ver": "2.0",
        });
        sign(identity.token_key.expose(), &claims)
    }

    /// A token with claims that another service of the cloud chooses.
    pub fn issue_claims(&self, mut claims: Value, ttl_secs: i64) -> String {
        let now = now();
        for (name, value) in [("iat", now), ("nbf", now), ("exp", now + ttl_secs)] {
            claims[name] = value.into();
        }
        claims["jti"] = random_uuid().into();
        sign(self.identity.token_key.expose(), &claims)
    }

    /// The claims of a token of the cloud that has not expired.
    pub fn claims_of(&self, token: &str) -> Option<Value> {
        verify(self.identity.token_key.expose(), token, now())
    }

    pub fn client_info(&self) -> String {
        let info = json!({ "uid": self.identity.object_id, "utid": self.identity.tenant_id });
        URL_SAFE_NO_PAD.encode(info.to_string())
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
