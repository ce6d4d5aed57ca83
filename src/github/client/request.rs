//! Sends one request to GitHub and reads the response.

use super::error::{Error, ErrorBody, Kind, Limits, kind_of};
use crate::http::{self, RequestId, Route, SafeUrl, parse_retry_after};
use crate::secret::Secret;
use ::http::header::{
    ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, LINK, LOCATION,
};
use ::http::{Method, Request, StatusCode};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Limited};
use jiff::Timestamp;
use octocrab::service::middleware::reqwest_connector::ReqwestConnector;
use octocrab::{AuthState, OctoBody, Octocrab, OctocrabBuilder};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt;
use url::Url;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

const API_VERSION: &str = "2022-11-28";

/// A page of 100 comments of 65,536 characters, at most 4 bytes each, takes 26 MB.
const MAX_RESPONSE_BYTES: usize = 64 << 20;

/// A repository that was renamed and transferred redirects more than once.
const MAX_REDIRECTS: usize = 5;

/// 10,000 entries at 100 a page.
const MAX_PAGES: usize = 100;

/// A client of the API with one token.
#[derive(Clone)]
pub struct Client {
    crab: Octocrab,
    api: Url,
    token: Secret,
    /// The way to the API.
    route: Route,
}

/// A request, and what messages say about it.
#[derive(Clone, Debug)]
pub struct ApiRequest {
    /// What the request does, in words that fit after "cannot".
    pub doing: String,
    /// The permission that the token needs, such as `pull-requests: write`.
    pub needs: &'static str,
    pub method: Method,
    pub url: Url,
}

/// A response with a 2xx status.
pub struct ApiResponse {
    request: ApiRequest,
    route: Route,
    headers: HeaderMap,
    body: Bytes,
}

impl Client {
    /// A client of the API at `api`, the value of `GITHUB_API_URL`, such as
    /// `https://api.github.com`. The token is sent only to this origin.
    ///
    /// # Panics
    /// Outside of an asynchronous runtime: octocrab starts a task in it.
    pub fn new(http: &http::Client, api: Url, token: Secret) -> Self {
        // Without redirects: reqwest would turn a POST into a GET. Without a token in the
        // service: `send_once` adds it, and only for the origin of the API.
        let service = ReqwestConnector::new(http.direct().clone());
        let built =
            OctocrabBuilder::new_empty().with_service(service).with_auth(AuthState::None).build();
        // The error type is `Infallible`.
        let Ok(crab) = built;
        let route = http.route_to(&api);
        Self { crab, api, token, route }
    }

    /// The URL of a path of the API. The path must not need escaping.
    pub fn url(&self, path: &str) -> Url {
        let mut url = self.api.clone();
        let base = url.path().trim_end_matches('/').to_owned();
        url.set_path(&format!("{base}{path}"));
        url
    }

    /// Sends a request, and follows redirects within the API with the same method.
    pub async fn send(
        &self,
        request: &ApiRequest,
        body: Option<&(impl Serialize + Sync)>,
    ) -> Result<ApiResponse, Error> {
        let body = body.map(serde_json::to_string).transpose();
        let body = body.map_err(|error| request.not_sent(error.to_string()))?;
        let mut request = request.clone();
        for _ in 0..=MAX_REDIRECTS {
            let (status, headers, content) = self.send_once(&request, body.clone()).await?;
            if status.is_success() {
                let route = self.route.clone();
                return Ok(ApiResponse { request, route, headers, body: content });
            }
            // GitHub asks for the same method also after 301 and 302
            // (REST API, "Best practices", redirects).
            match redirect_target(&request, status, &headers) {
                Some(url) if url.origin() == self.api.origin() => request.url = url,
                Some(_) => return Err(request.unreadable("it redirects to another origin".into())),
                None => {
                    let route = self
                        .route
                        .clone()
                        .of_response(status.as_u16(), |name| headers.get(name)?.to_str().ok());
                    let error = status_error(&request, status, &headers, &content);
                    return Err(error.by(route));
                }
            }
        }
        Err(request.unreadable("it redirects too often".into()))
    }

    /// Reads all pages of a list.
    pub async fn list<T: DeserializeOwned>(&self, request: &ApiRequest) -> Result<Vec<T>, Error> {
        let mut request = request.clone();
        let mut all = Vec::new();
        for _ in 0..MAX_PAGES {
            let response = self.send(&request, None::<&()>).await?;
            let next = response.next_page();
            all.extend(response.read::<Vec<T>>()?);
            let Some(next) = next else { return Ok(all) };
            if next.origin() != self.api.origin() {
                return Err(request.unreadable("its next page is on another origin".into()));
            }
            request.url = next;
        }
        // A part of a list is worse than none: the comment to update could be missed
        // and posted twice.
        Err(request.unreadable(format!("it has more than {MAX_PAGES} pages")))
    }

    async fn send_once(
        &self,
        request: &ApiRequest,
        body: Option<String>,
    ) -> Result<(StatusCode, HeaderMap, Bytes), Error> {
        let mut message = Request::builder()
            .method(request.method.clone())
            .uri(request.url.as_str())
            .header(ACCEPT, "application/vnd.github+json")
            .header(HeaderName::from_static("x-github-api-version"), API_VERSION);
        // The callers refuse other origins already; this is the last line of defence.
        if request.url.origin() == self.api.origin() {
            let bearer = HeaderValue::from_str(&format!("Bearer {}", self.token.expose()));
            // The cause says only that the value is invalid.
            let mut bearer = bearer.map_err(|_| {
                request.not_sent("the token has characters that a header cannot have".into())
            })?;
            bearer.set_sensitive(true);
            message = message.header(AUTHORIZATION, bearer);
        }
        if body.is_some() {
            message = message.header(CONTENT_TYPE, "application/json");
        }
        let message = message
            .body(body.map_or_else(OctoBody::empty, OctoBody::from))
            .map_err(|error| request.not_sent(error.to_string()))?;
        let no_response = |error: BoxError| request.no_response(error).by(self.route.clone());
        let response =
            self.crab.execute(message).await.map_err(|error| no_response(error.into()))?;
        let (parts, body) = response.into_parts();
        let body = Limited::new(body, MAX_RESPONSE_BYTES).collect().await;
        let body = body.map_err(no_response)?;
        Ok((parts.status, parts.headers, body.to_bytes()))
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("api", &self.api.as_str()).finish_non_exhaustive()
    }
}

impl ApiResponse {
    /// Parses the JSON of the body.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, Error> {
        serde_json::from_slice(&self.body)
            .map_err(|error| self.request.unreadable(error.to_string()).by(self.route.clone()))
    }

    /// The URL of the next page, as the `link` header has it: it may have another form
    /// than the URL of the first page. RFC 8288 permits `,` and `;` in the URL; GitHub
    /// escapes both.
    fn next_page(&self) -> Option<Url> {
        let links = self.headers.get_all(LINK).into_iter().filter_map(|value| value.to_str().ok());
        links.flat_map(|links| links.split(',')).find_map(|link| {
            let (target, parameters) = link.split_once(';')?;
            let next = parameters
                .split(';')
                .any(|parameter| matches!(parameter.trim(), r#"rel="next""# | "rel=next"));
            let target = target.trim().strip_prefix('<')?.strip_suffix('>')?;
            next.then(|| Url::parse(target).ok()).flatten()
        })
    }
}

impl ApiRequest {
    fn failed(&self, kind: Kind, source: http::Error) -> Error {
        Error { doing: self.doing.clone(), needs: self.needs, kind, source: Box::new(source) }
    }

    fn not_sent(&self, reason: String) -> Error {
        let (method, url) = (self.method.to_string(), SafeUrl::new(self.url.clone()));
        self.failed(Kind::Other, http::Error::NotSent { method, url, reason })
    }

    pub fn unreadable(&self, reason: String) -> Error {
        let (method, url) = (self.method.to_string(), SafeUrl::new(self.url.clone()));
        let route = Route::default();
        self.failed(Kind::Other, http::Error::Unreadable { method, url, route, reason })
    }

    /// Unwraps reqwest's error, to tell a time-out from other errors.
    fn no_response(&self, error: BoxError) -> Error {
        let (method, url) = (self.method.to_string(), SafeUrl::new(self.url.clone()));
        let route = Route::default();
        let source = match into_reqwest_error(error) {
            Ok(source) if source.is_timeout() => http::Error::TimedOut { method, url, route },
            Ok(source) => {
                http::Error::Transport { method, url, route, source: source.without_url() }
            }
            Err(reason) => http::Error::Unreadable { method, url, route, reason },
        };
        self.failed(Kind::Other, source)
    }
}

/// The error of reqwest, or the text of another error.
fn into_reqwest_error(error: BoxError) -> Result<reqwest::Error, String> {
    let error = match error.downcast::<octocrab::Error>() {
        Ok(error) => *error,
        Err(error) => {
            return error
                .downcast::<reqwest::Error>()
                .map(|error| *error)
                .map_err(|error| error.to_string());
        }
    };
    match error {
        octocrab::Error::Reqwest { source, .. } => Ok(source),
        octocrab::Error::Service { source, .. } | octocrab::Error::Other { source, .. } => {
            into_reqwest_error(source)
        }
        other => Err(other.to_string()),
    }
}

fn redirect_target(request: &ApiRequest, status: StatusCode, headers: &HeaderMap) -> Option<Url> {
    if !matches!(status.as_u16(), 301 | 302 | 307 | 308) {
        return None;
    }
    request.url.join(headers.get(LOCATION)?.to_str().ok()?).ok()
}

fn status_error(
    request: &ApiRequest,
    status: StatusCode,
    headers: &HeaderMap,
    text: &Bytes,
) -> Error {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let now = Timestamp::now();
    let limits = Limits {
        retry_after: header("retry-after").and_then(|value| parse_retry_after(value, now)),
        remaining: header("x-ratelimit-remaining").and_then(|value| value.parse().ok()),
        reset: header("x-ratelimit-reset").and_then(|value| value.parse().ok()),
    };
    // A proxy in between may respond with something else than JSON.
    let words = serde_json::from_slice::<ErrorBody>(text)
        .map_or_else(|_| String::from_utf8_lossy(text).into_owned(), |body| body.message_line());
    let kind = kind_of(status.as_u16(), &words, limits, now);
    let source = http::Error::Status {
        method: request.method.to_string(),
        url: SafeUrl::new(request.url.clone()),
        route: Route::default(),
        status: status.as_u16(),
        retry_after: limits.retry_after,
        body: http::shortened(&words, 2_000),
        request_id: RequestId::of(headers),
    };
    request.failed(kind, source)
}
