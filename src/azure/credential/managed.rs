//! The identity of the machine that this runs on, asked of the machine's own
//! metadata service: never through a proxy, and never sent anywhere else.
//!
//! Ours because `azure_identity` reads the process's environment itself.

use crate::http::{self, Proxy, Settings};
use crate::secret::Secret;
use serde::Deserialize;
use std::time::Duration;
use url::Url;

/// Where virtual machines ask. Link-local, so it never leaves the machine's host.
pub(super) const METADATA: &str = "http://169.254.169.254/metadata/identity/oauth2/token";

/// How long a machine that is not in Azure is given to show that it is not.
const PROBE: Duration = Duration::from_secs(1);

/// Where the identity is asked for.
#[derive(Debug)]
pub(super) struct ManagedIdentity {
    pub(super) http: http::Client,
    pub(super) endpoint: Url,
    /// What App Service and Container Apps want to see.
    pub(super) header: Option<Secret>,
    /// Which of several identities.
    pub(super) client_id: Option<String>,
}

/// A token as the metadata service issues it.
pub(super) struct Issued {
    pub(super) token: String,
    pub(super) expires_at: i64,
}

#[derive(Deserialize)]
struct Answer {
    access_token: String,
    /// Seconds since 1970, as a number or as a string.
    expires_on: serde_json::Value,
}

impl ManagedIdentity {
    /// A client that reaches nothing but this machine's neighbourhood.
    pub(super) fn client(settings: &Settings) -> Result<http::Client, http::BuildError> {
        http::Client::new(Settings {
            proxy: Proxy::Direct,
            connect_timeout: PROBE,
            ..settings.clone()
        })
    }

    pub(super) async fn token(&self, scope: &str) -> Result<Issued, http::Error> {
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
            reason,
        };
        let body = response.bytes().await;
        let body = body.map_err(|error| unreadable(error.without_url().to_string()))?;
        let answer: Answer =
            serde_json::from_slice(&body).map_err(|_| unreadable("it holds no token".into()))?;
        let expires_at = answer
            .expires_on
            .as_i64()
            .or_else(|| answer.expires_on.as_str()?.parse().ok())
            .ok_or_else(|| unreadable("the token has no end".into()))?;
        Ok(Issued { token: answer.access_token, expires_at })
    }
}
