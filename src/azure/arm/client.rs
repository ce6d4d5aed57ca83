//! Requests to Resource Manager. Its token is sent to its own host only.

use super::error::ArmError;
use super::pacing::Pacing;
use super::refusal::Refusal;
use crate::azure::{Credential, Endpoints};
use crate::http::{self, RequestId, SafeUrl};
use reqwest::header::{HeaderMap, RETRY_AFTER};
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::fmt;
use std::time::Duration;
use url::Url;

/// Larger than any response of Resource Manager.
const MAX_RESPONSE_BYTES: usize = 16 << 20;

/// The client for Resource Manager. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Arm {
    pub http: http::Client,
    credential: Credential,
    endpoints: Endpoints,
    pub pacing: Pacing,
}

/// The HTTP methods in use.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Verb {
    Get,
    Put,
    Patch,
    Post,
    Delete,
}

#[derive(Clone, Debug)]
pub struct ArmRequest<'a> {
    pub verb: Verb,
    /// Such as `/subscriptions/S/resourceGroups/R`, with a query if there is one.
    pub path: &'a str,
    /// The version of the resource provider's API.
    pub api_version: &'a str,
    pub body: Option<&'a Value>,
}

/// What to do while another change of a resource is in progress.
#[derive(Clone, Copy, Debug)]
pub struct Busy {
    /// Whether a request was refused because of it.
    pub is_busy: fn(&Refusal) -> bool,
    /// Between two attempts, unless Azure names another time.
    pub wait: Duration,
    /// How often the request is made again.
    pub retries: u32,
}

/// A successful response.
#[derive(Clone, Debug)]
pub struct ArmResponse {
    pub status: u16,
    /// `Null` for an empty body.
    pub body: Value,
    /// `Azure-AsyncOperation`: the URL of the operation that was started.
    pub operation: Option<String>,
    /// `Location`: the same for services that send no `Azure-AsyncOperation`.
    pub location: Option<String>,
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

    /// The same client with other waits between two polls.
    #[must_use]
    pub fn paced(self, pacing: Pacing) -> Self {
        Self { pacing, ..self }
    }

    pub fn pacing(&self) -> Pacing {
        self.pacing
    }

    pub async fn get<T: DeserializeOwned>(
        &self,
        path: &str,
        api_version: &str,
    ) -> Result<T, ArmError> {
        let request = ArmRequest { verb: Verb::Get, path, api_version, body: None };
        self.parse(path, self.call(&request).await?.body)
    }

    /// Reads a resource; `None` where it does not exist.
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
            let url = self.own_url(&link)?;
            page = self.parse(path, self.send(Verb::Get, url, None).await?.body)?;
        }
    }

    /// Sends a request. It may have started an operation only, see [`Arm::finish`].
    pub async fn call(&self, request: &ArmRequest<'_>) -> Result<ArmResponse, ArmError> {
        let ArmRequest { verb, path, api_version, body } = *request;
        let url = self.endpoints.resource_manager.join(path.trim_start_matches('/'));
        let mut url = url.map_err(|error| self.unreadable(path, &error))?;
        url.query_pairs_mut().append_pair("api-version", api_version);
        self.send(verb, url, body).await
    }

    /// Sends a request, and again a few times while Azure refuses it because of another
    /// change of the same resource.
    pub async fn call_when_settled(
        &self,
        request: &ArmRequest<'_>,
        busy: Busy,
    ) -> Result<ArmResponse, ArmError> {
        for _ in 0..busy.retries {
            match self.call(request).await {
                Err(ArmError::Refused(refusal)) if (busy.is_busy)(&refusal) => {
                    tokio::time::sleep(refusal.retry_after.unwrap_or(busy.wait)).await;
                }
                other => return other,
            }
        }
        self.call(request).await
    }

    /// Parses a URL of a response and refuses one of another origin: the token
    /// grants everything that the identity may do, so it is sent nowhere else.
    pub fn own_url(&self, text: &str) -> Result<Url, ArmError> {
        let home = &self.endpoints.resource_manager;
        let url = home.join(text).map_err(|error| self.unreadable(text, &error))?;
        if url.origin() != home.origin() {
            return Err(ArmError::Foreign { url: SafeUrl::new(url), host: self.host() });
        }
        Ok(url)
    }

    /// The host of Resource Manager.
    pub fn host(&self) -> String {
        self.endpoints.resource_manager.host_str().unwrap_or_default().to_owned()
    }

    /// The error of an answer whose content is not as expected.
    pub fn unreadable(&self, path: &str, reason: &impl fmt::Display) -> ArmError {
        ArmError::Unreadable {
            host: self.host(),
            path: path.to_owned(),
            reason: reason.to_string(),
        }
    }

    fn parse<T: DeserializeOwned>(&self, path: &str, body: Value) -> Result<T, ArmError> {
        serde_json::from_value(body).map_err(|error| self.unreadable(path, &error))
    }

    /// Sends a request. After 401 it is sent again once with a new token.
    pub async fn send(
        &self,
        verb: Verb,
        url: Url,
        body: Option<&Value>,
    ) -> Result<ArmResponse, ArmError> {
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
    ) -> Result<ArmResponse, ArmError> {
        let token = self.credential.token(&self.endpoints.resource_manager_scope).await?;
        let path = url.path().to_owned();
        let method = verb.method();
        let mut request =
            self.http.direct().request(method.clone(), url).bearer_auth(token.expose());
        if let Some(body) = body {
            request = request.json(body);
        } else if verb == Verb::Post {
            // Resource Manager answers 411 to a POST without a length.
            request = request.header("content-length", "0");
        }
        let response = self.http.send(request).await?;
        let status = response.status().as_u16();
        if status >= 400 && http::route_of_error(&response).proxy().is_some() {
            return Err(http::refused(method.as_str(), response).await.into());
        }
        let headers = response.headers().clone();
        let route = http::route_of(&response);
        let bytes = http::body(method.as_str(), response, MAX_RESPONSE_BYTES).await?;
        let retry_after = retry_after(&headers);
        if status >= 300 {
            let refusal = Refusal::read(status, &bytes, RequestId::of(&headers));
            let (method, host) = (method.to_string(), self.host());
            let refusal = Refusal { method, host, path, retry_after, ..refusal };
            return Err(ArmError::Refused(Box::new(refusal)));
        }
        let body = if bytes.iter().all(u8::is_ascii_whitespace) {
            Value::Null
        } else {
            serde_json::from_slice(&bytes)
                .map_err(|error| self.unreadable(&path, &format!("{error}{route}")))?
        };
        let operation = text(&headers, "azure-asyncoperation");
        let location = text(&headers, "location");
        Ok(ArmResponse { status, body, operation, location, retry_after })
    }
}

fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    Some(headers.get(name)?.to_str().ok()?.to_owned())
}

fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?;
    http::parse_retry_after(value, jiff::Timestamp::now())
}
