//! Asks a registry outside: by GET alone, and as nobody in particular.
//!
//! No login of this machine is ever read here. A token is only what a
//! registry's own token server gives to anybody.

use super::challenge::{Bearer, bearer};
use super::error::UpstreamError;
use http::header::{self, HeaderMap};
use reqwest::redirect::{Attempt, Policy};
use reqwest::{Response, StatusCode, Url};
use serde::Deserialize;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

/// How long to wait before a request is repeated.
const PAUSES: [Duration; 2] = [Duration::from_millis(100), Duration::from_millis(500)];
/// How many redirects are followed.
const REDIRECTS: usize = 5;
/// How long a token is good for that does not say so (distribution's token
/// specification), and how much earlier it is renewed.
const SHORT: u64 = 60;
const MARGIN: u64 = 10;
/// The longest answer of a token server.
const TOKEN: usize = 64 * 1024;

/// What a request is about.
#[derive(Clone, Debug)]
pub(super) struct Place<'a> {
    pub(super) host: &'a str,
    pub(super) repository: &'a str,
    /// The tag or digest.
    pub(super) name: &'a str,
}

impl Place<'_> {
    /// What it is called when it is spoken of.
    pub(super) fn shown(&self) -> String {
        let mark = if self.name.contains(':') { '@' } else { ':' };
        format!("{}/{}{mark}{}", self.host, self.repository, self.name)
    }

    fn url(&self, kind: &str) -> Result<Url, UpstreamError> {
        let (host, plain) = match self.host {
            "docker.io" => ("registry-1.docker.io", false),
            other => (other, is_loopback(other)),
        };
        let scheme = if plain { "http" } else { "https" };
        let text = format!("{scheme}://{host}/v2/{}/{kind}/{}", self.repository, self.name);
        Url::parse(&text).map_err(|error| self.nonsense(&error.to_string()))
    }

    pub(super) fn nonsense(&self, why: &str) -> UpstreamError {
        UpstreamError::Nonsense {
            host: self.host.to_owned(),
            name: self.name.to_owned(),
            why: why.to_owned(),
        }
    }

    pub(super) fn broken(&self, source: reqwest::Error) -> UpstreamError {
        UpstreamError::Transport {
            host: self.host.to_owned(),
            name: self.name.to_owned(),
            source: source.without_url(),
        }
    }

    fn answered(&self, response: &Response) -> UpstreamError {
        let (host, name) = (self.host.to_owned(), self.name.to_owned());
        match response.status() {
            status @ (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) => {
                UpstreamError::Denied { host, status, reference: self.shown() }
            }
            StatusCode::NOT_FOUND => UpstreamError::Missing { host, name },
            StatusCode::TOO_MANY_REQUESTS => {
                let when = response.headers().get(header::RETRY_AFTER);
                let retry_after = when.and_then(|when| when.to_str().ok()).map(str::to_owned);
                UpstreamError::Busy { host, retry_after }
            }
            status => UpstreamError::Status { host, status, name },
        }
    }
}

/// Asks registries outside.
#[derive(Debug, Default)]
pub(super) struct Client {
    /// As the environment's proxies have it, and to loopback straight.
    outside: OnceLock<reqwest::Client>,
    loopback: OnceLock<reqwest::Client>,
    /// By registry and repository, until when they hold.
    tokens: Mutex<HashMap<(String, String), (String, Instant)>>,
}

#[derive(Deserialize)]
struct Granted {
    #[serde(default)]
    token: String,
    #[serde(default)]
    access_token: String,
    #[serde(default)]
    expires_in: Option<u64>,
}

impl Client {
    /// The answer to a GET, if it is a success.
    pub(super) async fn get(
        &self,
        place: &Place<'_>,
        kind: &str,
        headers: HeaderMap,
    ) -> Result<Response, UpstreamError> {
        let url = place.url(kind)?;
        let key = (place.host.to_owned(), place.repository.to_owned());
        let response = self.send(place, &url, (&headers, self.token(&key))).await?;
        if response.status().is_success() {
            return Ok(response);
        }
        let Some(bearer) = challenged(&response) else { return Err(place.answered(&response)) };
        self.sign_in(place, &bearer, key.clone()).await?;
        let response = self.send(place, &url, (&headers, self.token(&key))).await?;
        if response.status().is_success() {
            return Ok(response);
        }
        Err(place.answered(&response))
    }

    /// Sends, and sends again where there was no answer or a fault of the
    /// server.
    async fn send(
        &self,
        place: &Place<'_>,
        url: &Url,
        (headers, token): (&HeaderMap, Option<String>),
    ) -> Result<Response, UpstreamError> {
        let mut pauses = PAUSES.into_iter();
        loop {
            let client = self.client(place)?;
            let mut request = client.get(url.clone()).headers(headers.clone());
            if let Some(token) = &token {
                request = request.bearer_auth(token);
            }
            let outcome = request.send().await;
            let again = match &outcome {
                Ok(response) => matches!(response.status().as_u16(), 500 | 502..=504),
                Err(error) => !error.is_redirect(),
            };
            match pauses.next() {
                Some(pause) if again => tokio::time::sleep(pause).await,
                Some(_) | None => return outcome.map_err(|error| place.broken(error)),
            }
        }
    }

    /// Asks for a token as anybody may have it.
    async fn sign_in(
        &self,
        place: &Place<'_>,
        bearer: &Bearer,
        key: (String, String),
    ) -> Result<(), UpstreamError> {
        let mut url = Url::parse(&bearer.realm)
            .ok()
            .filter(|url| may_go(place.host, url))
            .ok_or_else(|| place.nonsense("it names no token server that may be asked"))?;
        if let Some(service) = &bearer.service {
            url.query_pairs_mut().append_pair("service", service);
        }
        let scope = format!("repository:{}:pull", place.repository);
        url.query_pairs_mut().append_pair("scope", &scope);
        let response = self.send(place, &url, (&HeaderMap::new(), None)).await?;
        if !response.status().is_success() {
            return Err(place.answered(&response));
        }
        let bytes = limited(place, response, TOKEN).await?;
        let granted: Granted = serde_json::from_slice(&bytes)
            .map_err(|_| place.nonsense("what its token server says is no token"))?;
        let token = if granted.token.is_empty() { granted.access_token } else { granted.token };
        let seconds = granted.expires_in.unwrap_or(SHORT).saturating_sub(MARGIN).min(3_600);
        let until = Instant::now() + Duration::from_secs(seconds);
        self.tokens.lock().unwrap_or_else(PoisonError::into_inner).insert(key, (token, until));
        Ok(())
    }

    fn token(&self, key: &(String, String)) -> Option<String> {
        let tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        tokens.get(key).filter(|(_, until)| Instant::now() < *until).map(|(token, _)| token.clone())
    }

    /// Made when it is first needed: most dry runs fetch nothing.
    fn client(&self, place: &Place<'_>) -> Result<&reqwest::Client, UpstreamError> {
        let near = is_loopback(place.host);
        let cell = if near { &self.loopback } else { &self.outside };
        if let Some(client) = cell.get() {
            return Ok(client);
        }
        // The first to install wins.
        drop(rustls::crypto::ring::default_provider().install_default());
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("shipway/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(Duration::from_secs(10))
            .read_timeout(Duration::from_mins(1))
            .redirect(if near { Policy::limited(REDIRECTS) } else { Policy::custom(follow) });
        if near {
            builder = builder.no_proxy();
        }
        let made = builder.build().map_err(|error| place.broken(error))?;
        Ok(cell.get_or_init(|| made))
    }
}

/// The whole body of an answer, of so many bytes at most.
pub(super) async fn limited(
    place: &Place<'_>,
    mut response: Response,
    limit: usize,
) -> Result<Vec<u8>, UpstreamError> {
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| place.broken(error))? {
        if bytes.len() + chunk.len() > limit {
            return Err(place.nonsense(&format!("it has more than {limit} bytes")));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

fn challenged(response: &Response) -> Option<Bearer> {
    if response.status() != StatusCode::UNAUTHORIZED {
        return None;
    }
    let all = response.headers().get_all(header::WWW_AUTHENTICATE);
    all.iter().find_map(|value| bearer(value.to_str().ok()?))
}

fn follow(attempt: Attempt<'_>) -> reqwest::redirect::Action {
    if attempt.previous().len() > REDIRECTS {
        return attempt.error("it sends the request from place to place");
    }
    if !may_go("", attempt.url()) {
        return attempt.error("it sends the request where none may go");
    }
    attempt.follow()
}

/// Whether a registry may send us there: not by plain HTTP, and not into the
/// network around us, unless it is here itself.
fn may_go(host: &str, url: &Url) -> bool {
    let near = match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(ip)) => is_near(IpAddr::V4(ip)),
        Some(url::Host::Ipv6(ip)) => is_near(IpAddr::V6(ip)),
        None => true,
    };
    is_loopback(host) || url.scheme() == "https" && !near
}

fn is_near(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(ip) => {
            let shared = ip.octets()[0] == 100 && ip.octets()[1] & 0xc0 == 64;
            ip.is_private()
                || ip.is_loopback()
                || ip.is_link_local()
                || ip.is_unspecified()
                || shared
        }
        IpAddr::V6(ip) => {
            ip.is_loopback()
                || ip.is_unspecified()
                || ip.is_unique_local()
                || ip.is_unicast_link_local()
        }
    }
}

/// Whether a registry is on this machine, where plain HTTP is spoken.
fn is_loopback(host: &str) -> bool {
    let Ok(url) = Url::parse(&format!("http://{host}/")) else { return false };
    match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
        Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::{Place, may_go};
    use reqwest::Url;

    #[test]
    fn where_a_registry_is_asked() {
        let url = |host: &str| {
            let place = Place { host, repository: "library/busybox", name: "1" };
            place.url("manifests").map(|url| url.to_string())
        };

        assert_eq!(
            url("docker.io").expect("a URL"),
            "https://registry-1.docker.io/v2/library/busybox/manifests/1"
        );
        assert_eq!(
            url("127.0.0.1:5000").expect("a URL"),
            "http://127.0.0.1:5000/v2/library/busybox/manifests/1"
        );
        assert!(url("no host").is_err());
    }

    #[test]
    fn where_a_registry_may_send_us() {
        let may = |host: &str, url: &str| may_go(host, &Url::parse(url).expect("a URL"));

        assert!(may("docker.io", "https://auth.docker.io/token"));
        assert!(may("127.0.0.1:5000", "http://127.0.0.1:5001/token"));
        for wrong in [
            "http://auth.docker.io/token",
            "https://169.254.169.254/x",
            "https://[::1]/x",
            "https://localhost/x",
            "https://10.1.2.3/x",
        ] {
            assert!(!may("docker.io", wrong), "{wrong}");
        }
    }
}
