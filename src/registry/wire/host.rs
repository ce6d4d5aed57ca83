//! One registry: sends requests to it, signed in, with limits and progress.

use super::address::Address;
use super::concurrency::BodyLimit;
use super::payload::Meter;
use super::quick_retry::QuickRetry;
use super::request::{Request, Scope};
use super::response::{self, refused};
use crate::http;
use crate::registry::error::Failure;
use crate::registry::login::{Authorization, HostLogin, Refusal};
use crate::registry::settings::RegistryTiming;
use reqwest::{Method, Response, StatusCode, header};
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::Semaphore;
use url::Url;

/// How many requests without a long body are sent to one registry at a time: enough
/// to ask for all blobs of a usual image at once.
const MAX_BRIEF_REQUESTS: usize = 64;
/// How many connections are open before a push begins, one of them from signing in.
const WARM_CONNECTIONS: usize = 8;
const MAX_REDIRECTS: usize = 5;
/// How much of a response is read only to keep its connection usable, in bytes.
const MAX_DRAINED_BYTES: usize = 64 << 10;

/// One registry.
pub struct Host {
    pub address: Address,
    pub login: HostLogin,
    pub quick_retry: QuickRetry,
    pub body_limit: BodyLimit,
    brief_requests: Semaphore,
    warmed: AtomicBool,
    http: http::Client,
    timing: RegistryTiming,
}

impl Host {
    pub fn new(login: HostLogin, http: http::Client, timing: RegistryTiming) -> Self {
        Self {
            address: login.address().clone(),
            login,
            quick_retry: QuickRetry::new(&timing.pauses),
            body_limit: BodyLimit::default(),
            brief_requests: Semaphore::new(MAX_BRIEF_REQUESTS),
            warmed: AtomicBool::new(false),
            http,
            timing,
        }
    }

    /// Claims the task to [`warm`](Self::warm) this host: true for one caller only.
    pub fn claim_warming(&self) -> bool {
        !self.warmed.swap(true, Ordering::Relaxed)
    }

    /// Opens connections by several requests at once that need no login. Their
    /// outcome does not matter.
    pub async fn warm(&self, scope: &Scope) {
        let requests = (1..WARM_CONNECTIONS).map(|_| async {
            let request = Request::new(Method::GET, self.address.url(""), scope.clone());
            if let Ok(response) = self.http.send(self.brief(&request, None)).await {
                drain("GET", response).await;
            }
        });
        futures::future::join_all(requests).await;
    }

    /// Sends a request, signed in as the host asks for. Returns any response but
    /// a 401.
    pub async fn send(&self, request: &Request) -> Result<Response, Failure> {
        let Scope { repository, scopes } = &request.scope;
        let here = self.address.is_here(&request.url);
        if !here {
            return self.deliver(request, None).await;
        }
        let first = self.login.first_request(repository).await?;
        let sent = self.login.authorize(repository, scopes).await?;
        let response = self.deliver(request, sent.as_ref()).await?;
        if response.status() != StatusCode::UNAUTHORIZED {
            if response.status().as_u16() < 500 {
                self.login.needs_nothing();
            }
            return Ok(response);
        }
        let refusal = refusal_in(request, response).await;
        let next = self.login.after_refusal(&request.scope, sent.as_ref(), refusal).await?;
        drop(first);
        let response = self.deliver(request, Some(&next)).await?;
        if response.status() != StatusCode::UNAUTHORIZED {
            return Ok(response);
        }
        let refusal = refusal_in(request, response).await;
        Err(self.login.refused(repository, refusal).await?.into())
    }

    /// Sends a request and follows redirects, with the token only to this host.
    async fn deliver(
        &self,
        request: &Request,
        authorization: Option<&Authorization>,
    ) -> Result<Response, Failure> {
        let mut request = request.clone();
        for _ in 0..=MAX_REDIRECTS {
            let authorization = authorization.filter(|_| self.address.is_here(&request.url));
            let response = self.once(&request, authorization).await?;
            let Some(next) = redirected(&request.method, &response) else { return Ok(response) };
            let to = self.address.locate(&request.url, &next);
            request.url = to.ok_or_else(|| self.elsewhere(&request.url, &next))?;
        }
        let (host, to) = (self.address.name.clone(), http::SafeUrl::new(request.url).to_string());
        Err(Failure::Loop { host, to })
    }

    /// The error of a `Location` that the registry may not redirect to.
    pub fn elsewhere(&self, from: &Url, location: &str) -> Failure {
        let to = from.join(location).ok();
        let private_host = to.as_ref().and_then(|to| self.address.private_host(to));
        Failure::Elsewhere {
            host: self.address.name.clone(),
            private_host: private_host.map(str::to_owned),
            to: to.map_or_else(|| "nowhere".to_owned(), |to| http::SafeUrl::new(to).to_string()),
        }
    }

    async fn once(
        &self,
        request: &Request,
        authorization: Option<&Authorization>,
    ) -> Result<Response, Failure> {
        if let Some(meter) = &request.meter {
            return self.watched(request, authorization, meter).await;
        }
        let _permit = self.brief_requests.acquire().await.expect("the semaphore is never closed");
        let send = || async {
            let meter = Meter::default();
            // Only a metered payload is a file or a stream, and bytes always open.
            let body = request.payload.open(&meter).await.unwrap_or_default();
            self.http.send(self.brief(request, authorization).body(body)).await
        };
        Ok(self.quick_retry.send(send).await?)
    }

    /// A request without a long body. Requests of a push use the client of the long
    /// bodies, so that its connections are open when the bodies follow.
    fn brief(
        &self,
        request: &Request,
        authorization: Option<&Authorization>,
    ) -> reqwest::RequestBuilder {
        if request.scope.pushes() {
            let timeout = self.http.settings().read_timeout;
            build(self.http.uploading(), request, authorization).timeout(timeout)
        } else {
            build(self.http.direct(), request, authorization)
        }
    }

    /// Sends a long body, without a time limit as long as bytes move.
    async fn watched(
        &self,
        request: &Request,
        authorization: Option<&Authorization>,
        meter: &Meter,
    ) -> Result<Response, Failure> {
        let unreadable = |source: io::Error| match source.downcast() {
            Ok(failure) => failure,
            Err(source) => Failure::Read { source },
        };
        let body = request.payload.open(meter).await.map_err(unreadable)?;
        let built = build(self.http.uploading(), request, authorization).body(body);
        let sending = self.http.send(built);
        tokio::pin!(sending);
        let before = meter.taken();
        let whole = before + request.payload.length();
        let mut seen = before;
        loop {
            let limit = if meter.taken() >= whole { self.timing.commit } else { self.timing.stall };
            tokio::select! {
                outcome = &mut sending => {
                    if !matches!(&outcome, Ok(response) if response.status().is_success()) {
                        meter.set(before);
                    }
                    return match (outcome, meter.fault()) {
                        (Err(_), Some(fault)) => Err(unreadable(fault)),
                        (outcome, _) => Ok(outcome?),
                    };
                }
                () = tokio::time::sleep(limit) => {
                    let now = meter.taken();
                    if now == seen {
                        let url = http::SafeUrl::new(request.url.clone());
                        return Err(Failure::Stalled { url, seconds: limit.as_secs() });
                    }
                    seen = now;
                }
            }
        }
    }
}

fn build(
    client: &reqwest::Client,
    request: &Request,
    authorization: Option<&Authorization>,
) -> reqwest::RequestBuilder {
    let mut built = client.request(request.method.clone(), request.url.clone());
    for (name, value) in &request.headers {
        built = built.header(*name, value);
    }
    // The HTTP library leaves `Content-Length` out for an empty body, and some
    // registries insist on it.
    if request.payload.length() == 0 && matches!(request.method, Method::POST | Method::PUT) {
        built = built.header(header::CONTENT_LENGTH, 0);
    }
    match authorization {
        Some(authorization) => built.header(header::AUTHORIZATION, authorization.expose()),
        None => built,
    }
}

fn redirected(method: &Method, response: &Response) -> Option<String> {
    let follows = match response.status().as_u16() {
        301..=303 => matches!(*method, Method::GET | Method::HEAD),
        307 | 308 => true,
        _ => false,
    };
    follows.then(|| response::header(response, "location").map(str::to_owned)).flatten()
}

async fn refusal_in(request: &Request, response: Response) -> Refusal {
    let challenges = response
        .headers()
        .get_all(header::WWW_AUTHENTICATE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .map(str::to_owned)
        .collect();
    let reads = matches!(request.method, Method::GET | Method::HEAD);
    Refusal {
        action: if reads { "pull" } else { "push" },
        challenges,
        error: refused(request.method.as_str(), response).await,
    }
}

/// Reads a response whose content does not matter: its connection can only be used
/// again once the response was read.
pub async fn drain(method: &str, response: Response) {
    drop(http::body(method, response, MAX_DRAINED_BYTES).await);
}
