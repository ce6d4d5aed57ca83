//! The managed identity of this machine, whose tokens its metadata service issues.
//! The service is never reached through a proxy.
//!
//! `azure_identity` has a client for it, but that reads the process's environment,
//! which is an argument here.

use crate::http::{self, Proxy, Route, Settings};
use crate::secret::Secret;
use serde::Deserialize;
use std::time::Duration;
use url::Url;

/// The metadata service of virtual machines. The address is link-local.
pub const METADATA_URL: &str = "http://169.254.169.254/metadata/identity/oauth2/token";

/// Outside of Azure the address does not answer, and signing in goes on with the
/// Azure CLI after this time.
const MAX_CONNECT_TIME: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub struct ManagedIdentity {
    pub http: http::Client,
    pub endpoint: Url,
    /// The value of `X-IDENTITY-HEADER`, which App Service and Container Apps require.
    pub header: Option<Secret>,
    /// Chooses one of several user-assigned identities.
    pub client_id: Option<String>,
}

pub struct IssuedToken {
    pub token: String,
    /// Seconds since 1970.
    pub expires_at: i64,
}

#[derive(Deserialize)]
struct TokenResponse {
    access_token: String,
    /// Seconds since 1970, as a number or as a string.
    expires_on: serde_json::Value,
}

impl ManagedIdentity {
    /// A client without a proxy and with a short connect timeout.
    pub fn client(settings: &Settings) -> Result<http::Client, http::BuildError> {
        http::Client::new(Settings {
            proxy: Proxy::Direct,
            connect_timeout: MAX_CONNECT_TIME,
            ..settings.clone()
        })
    }

    pub async fn token(&self, scope: &str) -> Result<IssuedToken, http::Error> {
        let mut url = self.endpoint.clone();
        url.query_pairs_mut()
            .append_pair("api-version", "2019-08-01")
            .append_pair("resource", scope.strip_suffix("/.default").unwrap_or(scope));
        if let Some(client_id) = &self.client_id {
            url.query_pairs_mut().append_pair("client_id", client_id);
        }
        let mut request = self.http.direct().get(url.clone()).header("Metadata", "true");
        if let Some(header) = &self.header {
            request = request.header("X-IDENTITY-HEADER", header.expose());
        }
        let response = self.http.fetch(request).await?;
        let unreadable = |reason: String| http::Error::Unreadable {
            method: "GET".into(),
            url: url.clone().into(),
            // The metadata service is always asked directly.
            route: Route::default(),
            reason,
        };
        let body = response.bytes().await;
        let body = body.map_err(|error| unreadable(error.without_url().to_string()))?;
        let answer: TokenResponse =
            serde_json::from_slice(&body).map_err(|_| unreadable("it holds no token".into()))?;
        let expires_at = answer
            .expires_on
            .as_i64()
            .or_else(|| answer.expires_on.as_str()?.parse().ok())
            .ok_or_else(|| unreadable("the token has no expiry".into()))?;
        Ok(IssuedToken { token: answer.access_token, expires_at })
    }
}
