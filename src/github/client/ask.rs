//! One request to GitHub and what came back.

use super::error::{Error, Kind, Limits, Said, kind_of};
use crate::http::{self, SafeUrl, parse_retry_after};
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

/// The version of the API that is asked for.
const API_VERSION: &str = "2022-11-28";

/// A page of a hundred comments of the longest kind is a third of this.
const LONGEST_ANSWER: usize = 64 << 20;

/// How often one request is sent on to another address. A repository that was
/// renamed needs one.
const MOST_REDIRECTS: usize = 5;

/// How many pages of a list are read.
const MOST_PAGES: usize = 100;

/// Asks GitHub with one token.
#[derive(Clone)]
pub struct Client {
    crab: Octocrab,
    api: Url,
    token: Secret,
}

/// What is being asked, for the request and for the words about it.
#[derive(Clone, Debug)]
pub(super) struct Ask {
    /// What is being done, in words that fit after "could not".
    pub(super) doing: String,
    /// The permission it needs.
    pub(super) needs: &'static str,
    pub(super) method: Method,
    pub(super) url: Url,
}

/// A success.
pub(super) struct Answer {
    ask: Ask,
    headers: HeaderMap,
    body: Bytes,
}

impl Client {
    /// A client of the API at `api`, which is what `GITHUB_API_URL` says, such
    /// as `https://api.github.com`. The token goes there and nowhere else.
    ///
    /// # Panics
    /// Outside of an asynchronous runtime: octocrab starts a task in it.
    pub fn new(http: &http::Client, api: Url, token: Secret) -> Self {
        // Redirects are followed here, since reqwest makes a POST a GET.
        let service = ReqwestConnector::new(http.direct().clone());
        let built =
            OctocrabBuilder::new_empty().with_service(service).with_auth(AuthState::None).build();
        let Ok(crab) = built;
        Self { crab, api, token }
    }

    /// The URL of a path of the API, made of segments that need no escape.
    pub(super) fn url(&self, path: &str) -> Url {
        let mut url = self.api.clone();
        let base = url.path().trim_end_matches('/').to_owned();
        url.set_path(&format!("{base}{path}"));
        url
    }

    /// Sends a request, following GitHub's own redirects with the same method.
    pub(super) async fn ask(
        &self,
        ask: &Ask,
        body: Option<&(impl Serialize + Sync)>,
    ) -> Result<Answer, Error> {
        let body = body.map(serde_json::to_string).transpose();
        let body = body.map_err(|error| ask.unreadable(format!("the request: {error}")))?;
        let mut ask = ask.clone();
        for _ in 0..=MOST_REDIRECTS {
            let (status, headers, text) = self.send(&ask, body.clone()).await?;
            if status.is_success() {
                return Ok(Answer { ask, headers, body: text });
            }
            match redirected(&ask, status, &headers) {
                Some(url) if url.origin() == self.api.origin() => ask.url = url,
                Some(_) => return Err(ask.unreadable("it leads to another host".into())),
                None => return Err(refused(&ask, status, &headers, &text)),
            }
        }
        Err(ask.unreadable("it leads on and on".into()))
    }

    /// All pages of a list.
    pub(super) async fn list<T: DeserializeOwned>(&self, ask: &Ask) -> Result<Vec<T>, Error> {
        let mut ask = ask.clone();
        let mut all = Vec::new();
        for _ in 0..MOST_PAGES {
            let answer = self.ask(&ask, None::<&()>).await?;
            let next = answer.next_page();
            all.extend(answer.read::<Vec<T>>()?);
            let Some(next) = next else { return Ok(all) };
            if next.origin() != self.api.origin() {
                return Err(ask.unreadable("its next page is on another host".into()));
            }
            ask.url = next;
        }
        Ok(all)
    }

    async fn send(
        &self,
        ask: &Ask,
        body: Option<String>,
    ) -> Result<(StatusCode, HeaderMap, Bytes), Error> {
        let mut request = Request::builder()
            .method(ask.method.clone())
            .uri(ask.url.as_str())
            .header(ACCEPT, "application/vnd.github+json")
            .header(HeaderName::from_static("x-github-api-version"), API_VERSION);
        if ask.url.origin() == self.api.origin() {
            let bearer = HeaderValue::from_str(&format!("Bearer {}", self.token.expose()));
            let mut bearer = bearer
                .map_err(|_| ask.unreadable("the token holds characters it cannot".into()))?;
            bearer.set_sensitive(true);
            request = request.header(AUTHORIZATION, bearer);
        }
        if body.is_some() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        let request = request
            .body(body.map_or_else(OctoBody::empty, OctoBody::from))
            .map_err(|error| ask.unreadable(format!("the request: {error}")))?;
        let response =
            self.crab.execute(request).await.map_err(|error| ask.unanswered(error.into()))?;
        let (parts, body) = response.into_parts();
        let body = Limited::new(body, LONGEST_ANSWER).collect().await;
        let body = body.map_err(|error| ask.unanswered(error))?;
        Ok((parts.status, parts.headers, body.to_bytes()))
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("api", &self.api.as_str()).finish_non_exhaustive()
    }
}

impl Answer {
    /// Reads the answer's JSON.
    pub(super) fn read<T: DeserializeOwned>(&self) -> Result<T, Error> {
        serde_json::from_slice(&self.body).map_err(|error| self.ask.unreadable(error.to_string()))
    }

    /// The URL of the next page, verbatim: it is not of the form of the first.
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

impl Ask {
    fn failed(&self, kind: Kind, source: http::Error) -> Error {
        Error { doing: self.doing.clone(), needs: self.needs, kind, source: Box::new(source) }
    }

    pub(super) fn unreadable(&self, reason: String) -> Error {
        let (method, url) = (self.method.to_string(), SafeUrl::new(self.url.clone()));
        self.failed(Kind::Other, http::Error::Unreadable { method, url, reason })
    }

    /// Finds reqwest's error in octocrab's wrapping.
    fn unanswered(&self, error: BoxError) -> Error {
        let (method, url) = (self.method.to_string(), SafeUrl::new(self.url.clone()));
        let source = match unwrapped(error) {
            Ok(source) if source.is_timeout() => http::Error::TimedOut { method, url },
            Ok(source) => http::Error::Transport { method, url, source: source.without_url() },
            Err(reason) => http::Error::Unreadable { method, url, reason },
        };
        self.failed(Kind::Other, source)
    }
}

/// reqwest's error, or the words of another.
fn unwrapped(error: BoxError) -> Result<reqwest::Error, String> {
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
            unwrapped(source)
        }
        other => Err(other.to_string()),
    }
}

fn redirected(ask: &Ask, status: StatusCode, headers: &HeaderMap) -> Option<Url> {
    if !matches!(status.as_u16(), 301 | 302 | 307 | 308) {
        return None;
    }
    ask.url.join(headers.get(LOCATION)?.to_str().ok()?).ok()
}

fn refused(ask: &Ask, status: StatusCode, headers: &HeaderMap, text: &Bytes) -> Error {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let now = Timestamp::now();
    let limits = Limits {
        retry_after: header("retry-after").and_then(|value| parse_retry_after(value, now)),
        remaining: header("x-ratelimit-remaining").and_then(|value| value.parse().ok()),
        reset: header("x-ratelimit-reset").and_then(|value| value.parse().ok()),
    };
    // A proxy in between answers in its own words.
    let words = serde_json::from_slice::<Said>(text)
        .map_or_else(|_| String::from_utf8_lossy(text).into_owned(), |said| said.words());
    let kind = kind_of(status.as_u16(), &words, limits, now);
    let source = http::Error::Status {
        method: ask.method.to_string(),
        url: SafeUrl::new(ask.url.clone()),
        status: status.as_u16(),
        retry_after: limits.retry_after,
        body: words.chars().take(2_000).collect(),
    };
    ask.failed(kind, source)
}
