//! One registry as requests see it: signed in to, watched over, remembered.

use super::address::Address;
use super::answer::refused;
use super::bodies::Bodies;
use super::pauses::Pauses;
use super::payload::Meter;
use super::request::{Request, Scope};
use crate::http;
use crate::registry::error::Failure;
use crate::registry::login::{Authorization, Refusal, Session};
use crate::registry::settings::Timing;
use reqwest::{Method, Response, StatusCode, header};
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::Semaphore;
use url::Url;

/// How many requests without a body go to one registry at a time: one flight
/// for any usual image.
const FLIGHT: usize = 64;
/// How many connections are opened before a push, one of them by its login.
const WARM: usize = 8;
/// How many redirects are followed.
const REDIRECTS: usize = 5;

/// One registry.
pub(in crate::registry) struct Host {
    pub(in crate::registry) address: Address,
    pub(in crate::registry) session: Session,
    pub(in crate::registry) pauses: Pauses,
    /// The large bodies that travel.
    pub(in crate::registry) bodies: Bodies,
    flight: Semaphore,
    warm: AtomicBool,
    http: http::Client,
    timing: Timing,
}

impl Host {
    pub(in crate::registry) fn new(
        session: Session,
        http: http::Client,
        (pauses, timing): (Pauses, Timing),
    ) -> Self {
        Self {
            address: session.address.clone(),
            session,
            pauses,
            bodies: Bodies::default(),
            flight: Semaphore::new(FLIGHT),
            warm: AtomicBool::new(false),
            http,
            timing,
        }
    }

    /// Whether nobody else has said that they open connections beforehand.
    pub(in crate::registry) fn is_first_to_warm(&self) -> bool {
        !self.warm.swap(true, Ordering::Relaxed)
    }

    /// Opens connections by asking what anybody may ask, all at once. What comes
    /// of it does not matter.
    pub(in crate::registry) async fn warm(&self, scope: &Scope) {
        let asked = (1..WARM).map(|_| async {
            let request = Request::new(Method::GET, self.address.url(""), scope.clone());
            if let Ok(response) = self.http.send(self.brief(&request, None)).await {
                // A connection is good for the next when the answer was read.
                drop(http::body("GET", response, 64 << 10).await);
            }
        });
        futures::future::join_all(asked).await;
    }

    /// Sends a request, signed in as the host asks for, and returns any answer
    /// but 401.
    pub(in crate::registry) async fn send(&self, request: &Request) -> Result<Response, Failure> {
        let (repository, scopes) = (&request.scope.repository, &request.scope.words);
        let here = self.address.is_here(&request.url);
        if !here {
            return self.deliver(request, None).await;
        }
        let first = self.session.first(repository).await?;
        let sent = self.session.authorize(repository, scopes).await?;
        let response = self.deliver(request, sent.as_ref()).await?;
        if response.status() != StatusCode::UNAUTHORIZED {
            if response.status().as_u16() < 500 {
                self.session.was_open();
            }
            return Ok(response);
        }
        let refusal = refusal_in(request, response).await;
        let reads = matches!(request.method, Method::GET | Method::HEAD);
        let action = if reads { "pull" } else { "push" };
        let next = self
            .session
            .asked_again((repository, action), scopes, (sent.as_ref(), refusal))
            .await?;
        drop(first);
        let response = self.deliver(request, Some(&next)).await?;
        if response.status() != StatusCode::UNAUTHORIZED {
            return Ok(response);
        }
        let refusal = refusal_in(request, response).await;
        Err(self.session.refused(repository, action, refusal).await?.into())
    }

    /// Sends a request where it may go, the token only to this host.
    async fn deliver(
        &self,
        request: &Request,
        authorization: Option<&Authorization>,
    ) -> Result<Response, Failure> {
        let mut request = request.clone();
        for _ in 0..=REDIRECTS {
            let authorization = authorization.filter(|_| self.address.is_here(&request.url));
            let response = self.once(&request, authorization).await?;
            let Some(next) = redirected(&request.method, &response) else { return Ok(response) };
            request.url = self.address.locate(&request.url, &next).ok_or_else(|| {
                let (host, to) = (self.address.name.clone(), shown(&request.url, &next));
                Failure::Elsewhere { host, to }
            })?;
        }
        let (host, to) = (self.address.name.clone(), http::SafeUrl::new(request.url).to_string());
        Err(Failure::Loop { host, to })
    }

    async fn once(
        &self,
        request: &Request,
        authorization: Option<&Authorization>,
    ) -> Result<Response, Failure> {
        if let Some(meter) = &request.meter {
            return self.watched(request, authorization, meter).await;
        }
        let _permit = self.flight.acquire().await.expect("the semaphore is never closed");
        let send = || async {
            let meter = Meter::default();
            // Without a meter a payload is bytes, which open always.
            let body = request.payload.open(&meter).await.unwrap_or_default();
            self.http.send(self.brief(request, authorization).body(body)).await
        };
        Ok(self.pauses.quickly(send).await?)
    }

    /// A request without a long body. What belongs to a push goes over the
    /// connections that bodies go over, which are warm then.
    fn brief(
        &self,
        request: &Request,
        authorization: Option<&Authorization>,
    ) -> reqwest::RequestBuilder {
        if request.scope.pushes() {
            let patience = self.http.settings().read_timeout;
            build(self.http.uploading(), request, authorization).timeout(patience)
        } else {
            build(self.http.direct(), request, authorization)
        }
    }

    /// Sends a long body. It may take as long as it moves.
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
    // A body of no length has no such header by itself, and some registries
    // insist on it.
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
    follows.then(|| super::header(response, "location").map(str::to_owned)).flatten()
}

fn shown(from: &Url, location: &str) -> String {
    from.join(location)
        .map_or_else(|_| "nowhere".to_owned(), |url| http::SafeUrl::new(url).to_string())
}

async fn refusal_in(request: &Request, response: Response) -> Refusal {
    let challenges = response
        .headers()
        .get_all(header::WWW_AUTHENTICATE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .map(str::to_owned)
        .collect();
    Refusal { challenges, error: refused(request.method.as_str(), response).await }
}
