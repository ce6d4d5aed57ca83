//! Tokens of `OpenID` Connect, which GitHub issues to a job that has `id-token: write`.

use crate::http::{self, SafeUrl};
use crate::secret::{Redactor, Secret};
use serde::Deserialize;
use std::collections::BTreeMap;
use url::Url;

/// The variables that a job with the permission has, and no other.
pub const JOB_TOKEN_URL: &str = "ACTIONS_ID_TOKEN_REQUEST_URL";
const JOB_TOKEN: &str = "ACTIONS_ID_TOKEN_REQUEST_TOKEN";

const MAX_RESPONSE_BYTES: usize = 1 << 20;

/// The endpoint of a job for its tokens.
#[derive(Clone)]
pub struct JobTokens {
    pub http: http::Client,
    pub url: Url,
    /// What the endpoint is asked with.
    pub token: Secret,
}

impl JobTokens {
    /// The endpoint that the variables of a job name; `None` where it has none.
    pub fn of(
        http: &http::Client,
        environment: &BTreeMap<String, String>,
        redactor: &Redactor,
    ) -> Option<Result<Self, url::ParseError>> {
        let variable =
            |name: &str| environment.get(name).map(String::as_str).filter(|it| !it.is_empty());
        let (url, token) = (variable(JOB_TOKEN_URL)?, variable(JOB_TOKEN)?);
        Some(Url::parse(url).map(|url| Self {
            http: http.clone(),
            url,
            token: redactor.adopt(JOB_TOKEN, token.to_owned()),
        }))
    }

    /// A new token for an audience.
    pub async fn token(&self, audience: &str) -> Result<String, http::Error> {
        #[derive(Deserialize)]
        struct Issued {
            value: String,
        }
        let mut url = self.url.clone();
        url.query_pairs_mut().append_pair("audience", audience);
        let request = self.http.direct().get(url.clone()).bearer_auth(self.token.expose());
        let response = self.http.fetch(request).await?;
        let route = http::route_of(&response);
        let body = http::body("GET", response, MAX_RESPONSE_BYTES).await?;
        // The cause is dropped because it quotes the text, which may be a token.
        let issued: Issued =
            serde_json::from_slice(&body).map_err(|_| http::Error::Unreadable {
                method: "GET".into(),
                url: SafeUrl::new(url),
                route,
                reason: "it holds no token".into(),
            })?;
        Ok(issued.value)
    }
}
