//! Requests to Resource Manager. Its token goes to its own host alone.

use super::error::{ArmError, Refusal};
use super::operation::Pacing;
use crate::azure::{Credential, Endpoints};
use crate::http::{self, SafeUrl};
use reqwest::header::{HeaderMap, RETRY_AFTER};
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::time::Duration;
use url::Url;

/// More than any answer of Resource Manager's.
const LIMIT: usize = 16 << 20;

/// A cheap handle on Resource Manager.
#[derive(Clone, Debug)]
pub struct Arm {
    pub(super) http: http::Client,
    credential: Credential,
    endpoints: Endpoints,
    pub(super) pacing: Pacing,
}

/// The verbs that Resource Manager knows.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Verb {
    /// Read.
    Get,
    /// Make or replace.
    Put,
    /// Change in part.
    Patch,
    /// Act.
    Post,
    /// Remove.
    Delete,
}

/// A request.
#[derive(Clone, Debug)]
pub struct Call<'a> {
    /// What to do.
    pub verb: Verb,
    /// With what: a path such as `/subscriptions/S/resourceGroups/R`, with a
    /// query if there is one.
    pub path: &'a str,
    /// In which version of the resource provider's language.
    pub api_version: &'a str,
    /// What to send.
    pub body: Option<&'a Value>,
}

/// An answer that is no error.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// What was sent back; null where there was nothing.
    pub body: Value,
    /// Where a long operation is asked after, as the server gave it.
    pub operation: Option<String>,
    /// The same in the older way, for those that give no `operation`.
    pub location: Option<String>,
    /// When to ask.
    pub retry_after: Option<Duration>,
}

impl Verb {
    fn method(self) -> reqwest::Method {
        match self {
            Self::Get => reqwest::Method::GET,
            Self::Put => reqwest::Method::PUT,
            Self::Patch => reqwest::Method::PATCH,
            Self::Post => reqwest::Method::POST,
            Self::Delete => reqwest::Method::DELETE,
        }
    }
}

impl Arm {
    /// A client that signs in with `credential`.
    pub fn new(http: http::Client, credential: Credential, endpoints: Endpoints) -> Self {
        Self { http, credential, endpoints, pacing: Pacing::default() }
    }

    /// The same with other waits between two looks at something that takes long.
    #[must_use]
    pub fn paced(self, pacing: Pacing) -> Self {
        Self { pacing, ..self }
    }

    /// The waits between two looks.
    pub fn pacing(&self) -> Pacing {
        self.pacing
    }

    /// The endpoints of the cloud that this talks to.
    pub fn endpoints(&self) -> &Endpoints {
        &self.endpoints
    }

    /// The client id we are signed in as, where it is known.
    pub fn client_id(&self) -> Option<&str> {
        self.credential.client_id()
    }

    /// Who signs in.
    pub fn credential(&self) -> &Credential {
        &self.credential
    }

    /// Reads a resource.
    pub async fn get<T: DeserializeOwned>(
        &self,
        path: &str,
        api_version: &str,
    ) -> Result<T, ArmError> {
        let answer = self.call(&Call { verb: Verb::Get, path, api_version, body: None }).await?;
        read(path, answer.body)
    }

    /// Reads a resource; none where Resource Manager says that it is not there.
    pub async fn find<T: DeserializeOwned>(
        &self,
        path: &str,
        api_version: &str,
    ) -> Result<Option<T>, ArmError> {
        match self.get(path, api_version).await {
            Ok(found) => Ok(Some(found)),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Reads all pages of a list.
    pub async fn list<T: DeserializeOwned>(
        &self,
        path: &str,
        api_version: &str,
    ) -> Result<Vec<T>, ArmError> {
        #[derive(serde::Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Page<T> {
            value: Vec<T>,
            next_link: Option<String>,
        }
        let mut page: Page<T> = self.get(path, api_version).await?;
        let mut all = Vec::new();
        loop {
            all.append(&mut page.value);
            let Some(link) = page.next_link.filter(|link| !link.is_empty()) else { return Ok(all) };
            let url = self.own(&link)?;
            let answer = self.send(Verb::Get, url, None).await?;
            page = read(path, answer.body)?;
        }
    }

    /// Sends a request and returns its answer, whether or not an operation has
    /// only begun by it; see [`Arm::finish`].
    pub async fn call(&self, call: &Call<'_>) -> Result<Answer, ArmError> {
        let url = self.endpoints.resource_manager.join(call.path.trim_start_matches('/'));
        let mut url = url.map_err(|error| ArmError::Unreadable {
            path: call.path.to_owned(),
            reason: error.to_string(),
        })?;
        url.query_pairs_mut().append_pair("api-version", call.api_version);
        self.send(call.verb, url, call.body).await
    }

    /// A URL that Resource Manager gave, if it is on its own host: our token
    /// opens everything that we may do, so it goes nowhere else. `:443` is no
    /// difference.
    pub(super) fn own(&self, text: &str) -> Result<Url, ArmError> {
        let home = &self.endpoints.resource_manager;
        let url = home.join(text).map_err(|error| ArmError::Unreadable {
            path: text.to_owned(),
            reason: error.to_string(),
        })?;
        if url.origin() != home.origin() {
            let host = home.host_str().unwrap_or_default().to_owned();
            return Err(ArmError::Foreign { url: SafeUrl::new(url), host });
        }
        Ok(url)
    }

    /// Sends a request; a token that is turned down is asked for anew once.
    pub(super) async fn send(
        &self,
        verb: Verb,
        url: Url,
        body: Option<&Value>,
    ) -> Result<Answer, ArmError> {
        match self.send_once(verb, url.clone(), body).await {
            Err(ArmError::Refused(refusal)) if refusal.status == 401 => {
                self.credential.forget(&self.endpoints.resource_manager_scope);
                self.send_once(verb, url, body).await
            }
            other => other,
        }
    }

    async fn send_once(
        &self,
        verb: Verb,
        url: Url,
        body: Option<&Value>,
    ) -> Result<Answer, ArmError> {
        let token = self.credential.token(&self.endpoints.resource_manager_scope).await?;
        let path = url.path().to_owned();
        let method = verb.method();
        let mut request =
            self.http.direct().request(method.clone(), url).bearer_auth(token.expose());
        if let Some(body) = body {
            request = request.json(body);
        } else if verb == Verb::Post {
            request = request.header("content-length", "0");
        }
        let response = self.http.send(request).await?;
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        let bytes = http::body(method.as_str(), response, LIMIT).await?;
        let retry_after = retry_after(&headers);
        if status >= 300 {
            let correlation = text(&headers, "x-ms-correlation-request-id");
            let refusal = Refusal::read(status, &bytes, correlation);
            let refusal = Refusal { method: method.to_string(), path, retry_after, ..refusal };
            return Err(ArmError::Refused(Box::new(refusal)));
        }
        let body = if bytes.iter().all(u8::is_ascii_whitespace) {
            Value::Null
        } else {
            serde_json::from_slice(&bytes)
                .map_err(|error| ArmError::Unreadable { path, reason: error.to_string() })?
        };
        let operation = text(&headers, "azure-asyncoperation");
        let location = text(&headers, "location");
        Ok(Answer { status, body, operation, location, retry_after })
    }
}

fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    Some(headers.get(name)?.to_str().ok()?.to_owned())
}

fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?;
    http::parse_retry_after(value, jiff::Timestamp::now())
}

fn read<T: DeserializeOwned>(path: &str, body: Value) -> Result<T, ArmError> {
    serde_json::from_value(body)
        .map_err(|error| ArmError::Unreadable { path: path.to_owned(), reason: error.to_string() })
}
