//! The client: the same code for the real cloud and the local one. Only the proxy and the
//! trusted root differ, and they are set here.

use super::authorities::Authorities;
use super::error::{BuildError, Error};
use super::proxies::{Proxies, environment};
use super::request_id::RequestId;
use super::retry::parse_retry_after;
use super::route::Route;
use super::routes::Routes;
use super::safe_url::SafeUrl;
use super::shortened::shortened;
use super::trust;
use bytes::{Bytes, BytesMut};
use reqwest::redirect::Policy;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::time::{Instant, timeout_at};
use url::Url;

/// The proxy that requests use.
#[derive(Clone, Debug, Default)]
pub enum Proxy {
    /// As `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY` say, loopback and the
    /// metadata address always direct.
    #[default]
    Environment,
    /// This one for everything, as with the local cloud.
    Fixed(SafeUrl),
    /// No proxy.
    Direct,
}

/// The certificate authorities that are trusted.
#[derive(Clone, Debug, Default)]
pub enum Trust {
    /// What the system trusts.
    #[default]
    System,
    /// The certificates in this PEM text and no others.
    Only(String),
}

/// How long the body of a small answer may take.
const MAX_BODY_TIME: Duration = Duration::from_secs(30);
/// A longer body may take longer, as long as it comes this fast.
const MIN_BYTES_PER_SECOND: usize = 64 << 10;

/// How to reach servers.
#[derive(Clone, Debug)]
pub struct Settings {
    pub proxy: Proxy,
    pub trust: Trust,
    /// What is trusted besides the system's certificates. The certificates of [`Trust::Only`]
    /// stay the only ones.
    pub authorities: Option<Authorities>,
    /// What to do where nothing listens at the proxy of the environment, if more is known of it.
    pub proxy_gone: Option<String>,
    /// How long connecting may take.
    pub connect_timeout: Duration,
    /// How long a server may send nothing before or during a response.
    pub read_timeout: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            proxy: Proxy::default(),
            trust: Trust::default(),
            authorities: None,
            proxy_gone: None,
            connect_timeout: Duration::from_secs(10),
            read_timeout: Duration::from_secs(100),
        }
    }
}

/// A cheap handle on the connection pools.
#[derive(Clone, Debug)]
pub struct Client {
    direct: reqwest::Client,
    /// The others are made when they are first used: most runs use one of them, or none.
    others: Arc<Others>,
}

#[derive(Debug)]
struct Others {
    following: OnceLock<reqwest::Client>,
    uploading: OnceLock<reqwest::Client>,
    settings: Settings,
    routes: Routes,
    /// `None` where only named certificates are trusted.
    tls: Option<rustls::ClientConfig>,
}

impl Others {
    /// A client that differs in this alone from the one that could be built.
    fn build(&self, redirects: Policy, read_timeout: Option<Duration>) -> reqwest::Client {
        let Self { settings, routes, tls, .. } = self;
        build(settings, routes, tls.as_ref(), redirects, read_timeout)
            .expect("a client was built with these settings")
    }
}

impl Client {
    /// Creates the client. Sends no request.
    pub fn new(settings: Settings) -> Result<Self, BuildError> {
        let tls = match (&settings.trust, &settings.authorities) {
            (Trust::Only(_), _) => None,
            (Trust::System, Some(authorities)) => Some(authorities.client_config()),
            (Trust::System, None) => Some(trust::of_the_system()),
        };
        let tls = tls.transpose().map_err(BuildError::Tls)?;
        let proxies = match settings.proxy {
            Proxy::Environment => Some(Proxies::read(&environment)?),
            Proxy::Fixed(_) | Proxy::Direct => None,
        };
        let authorities = settings.authorities.as_ref().map(|it| it.name.clone());
        let proxy_gone = settings.proxy_gone.clone();
        let routes = Routes { proxies, authorities, proxy_gone };
        let read_timeout = Some(settings.read_timeout);
        let direct = build(&settings, &routes, tls.as_ref(), Policy::none(), read_timeout)?;
        let (following, uploading) = (OnceLock::new(), OnceLock::new());
        let others = Others { following, uploading, settings, routes, tls };
        Ok(Self { direct, others: Arc::new(others) })
    }

    /// A client with the same settings that trusts these certificates too.
    pub fn trusting(&self, authorities: Authorities) -> Result<Self, BuildError> {
        Self::new(Settings { authorities: Some(authorities), ..self.settings().clone() })
    }

    /// The way of a request to a URL, for an error that this client does not make.
    pub fn route_to(&self, url: &Url) -> Route {
        self.others.routes.to(url)
    }

    /// The client that follows redirects, dropping credentials on another host.
    pub fn following(&self) -> &reqwest::Client {
        let others = &self.others;
        let timeout = Some(others.settings.read_timeout);
        others.following.get_or_init(|| others.build(Policy::limited(10), timeout))
    }

    /// The client that returns redirects as responses.
    pub fn direct(&self) -> &reqwest::Client {
        &self.direct
    }

    /// The client for long bodies. It returns redirects as responses, and has no read
    /// timeout, because that would include the time in which the body is sent: its user
    /// watches the progress instead.
    pub fn uploading(&self) -> &reqwest::Client {
        let others = &self.others;
        others.uploading.get_or_init(|| others.build(Policy::none(), None))
    }

    /// How this client reaches servers.
    pub fn settings(&self) -> &Settings {
        &self.others.settings
    }

    /// Sends a request and returns any response, whatever its status.
    pub async fn send(&self, request: reqwest::RequestBuilder) -> Result<reqwest::Response, Error> {
        let (client, request) = request.build_split();
        let request = request.map_err(|source| Error::Transport {
            method: "request".into(),
            url: SafeUrl::new(nowhere()),
            route: Route::default(),
            source: source.without_url(),
        })?;
        let method = request.method().to_string();
        let url = request.url().clone();
        let route = self.others.routes.to(&url);
        let mut response = client
            .execute(request)
            .await
            .map_err(|source| no_response(&method, &url, route.clone(), source))?;
        // A redirect may have led elsewhere.
        let route =
            if *response.url() == url { route } else { self.others.routes.to(response.url()) };
        response.extensions_mut().insert(route);
        Ok(response)
    }

    /// Sends a request and returns its response if that is a success, otherwise
    /// an [`Error::Status`] with the start of the body.
    pub async fn fetch(
        &self,
        request: reqwest::RequestBuilder,
    ) -> Result<reqwest::Response, Error> {
        let method = request
            .try_clone()
            .and_then(|copy| copy.build().ok())
            .map_or_else(|| "request".to_owned(), |built| built.method().to_string());
        let response = Box::pin(self.send(request)).await?;
        if response.status().is_success() {
            return Ok(response);
        }
        Err(Box::pin(refused(&method, response)).await)
    }
}

/// The error of a response whose status is not a success, with the start of its body.
pub async fn refused(method: &str, response: reqwest::Response) -> Error {
    let url = SafeUrl::new(response.url().clone());
    let status = response.status().as_u16();
    let retry_after = response
        .headers()
        .get("retry-after")
        .and_then(|value| value.to_str().ok())
        .and_then(|value| parse_retry_after(value, jiff::Timestamp::now()));
    let request_id = RequestId::of(response.headers());
    let route = route_of_error(&response);
    // The status says enough where the body of an error cannot be read.
    let text = body(method, response, 64 << 10).await.unwrap_or_default();
    let body = shortened(&String::from_utf8_lossy(&text), 2_000);
    Error::Status { method: method.to_owned(), url, route, status, retry_after, body, request_id }
}

/// The way that a response came. Plain for a response of another client.
pub fn route_of(response: &reqwest::Response) -> Route {
    response.extensions().get::<Route>().cloned().unwrap_or_default()
}

/// The way of a response that is an error, where something on it may have answered.
pub fn route_of_error(response: &reqwest::Response) -> Route {
    let header = |name| response.headers().get(name)?.to_str().ok();
    route_of(response).of_response(response.status().as_u16(), header)
}

/// The error of a request without a response.
fn no_response(method: &str, url: &Url, route: Route, source: reqwest::Error) -> Error {
    let (method, url) = (method.to_owned(), SafeUrl::new(url.clone()));
    if source.is_timeout() {
        Error::TimedOut { method, url, route }
    } else {
        Error::Transport { method, url, route, source: source.without_url() }
    }
}

/// Reads the body of a response, of at most `limit` bytes. Its time is bounded, since the time
/// limit of the connection begins again with each byte.
pub async fn body(
    method: &str,
    mut response: reqwest::Response,
    limit: usize,
) -> Result<Bytes, Error> {
    let begun = Instant::now();
    let mut read = BytesMut::new();
    loop {
        let time = time_for(read.len());
        let next = timeout_at(begun + time, chunk(method, &mut response)).await;
        let Ok(chunk) = next else {
            let (method, url) = (method.to_owned(), SafeUrl::new(response.url().clone()));
            let (bytes, seconds) = (read.len(), time.as_secs());
            return Err(Error::Slow { method, url, bytes, seconds });
        };
        let Some(chunk) = chunk? else { return Ok(read.freeze()) };
        if read.len() + chunk.len() > limit {
            let (method, url) = (method.to_owned(), SafeUrl::new(response.url().clone()));
            let (route, reason) = (route_of(&response), format!("it has more than {limit} bytes"));
            return Err(Error::Unreadable { method, url, route, reason });
        }
        read.extend_from_slice(&chunk);
    }
}

/// How long a body may take of which so many bytes have come.
fn time_for(bytes: usize) -> Duration {
    MAX_BODY_TIME + Duration::from_secs((bytes / MIN_BYTES_PER_SECOND) as u64)
}

/// Reads the next chunk of the body of a response; `None` at its end.
pub async fn chunk(method: &str, response: &mut reqwest::Response) -> Result<Option<Bytes>, Error> {
    let read = response.chunk().await;
    read.map_err(|source| no_response(method, response.url(), route_of(response), source))
}

fn nowhere() -> Url {
    Url::parse("http://invalid/").expect("a constant URL parses")
}

fn build(
    settings: &Settings,
    routes: &Routes,
    tls: Option<&rustls::ClientConfig>,
    redirects: Policy,
    read_timeout: Option<Duration>,
) -> Result<reqwest::Client, BuildError> {
    // Fails where another client installed it first, which is as good.
    drop(rustls::crypto::ring::default_provider().install_default());
    let mut builder = reqwest::Client::builder()
        .user_agent(concat!("shipway/", env!("CARGO_PKG_VERSION")))
        .redirect(redirects)
        .connect_timeout(settings.connect_timeout)
        // Long enough for a build between signing in and pushing. Load balancers
        // drop an idle connection after four minutes.
        .pool_idle_timeout(Duration::from_mins(3))
        .no_proxy();
    if let Some(read_timeout) = read_timeout {
        builder = builder.read_timeout(read_timeout);
    }
    if let Some(proxies) = &routes.proxies {
        builder = builder.proxy(proxies.for_client());
    }
    if let Proxy::Fixed(url) = &settings.proxy {
        let proxy = reqwest::Proxy::all(url.expose().clone())
            .map_err(|source| BuildError::Proxy { proxy: url.clone(), source })?;
        builder = builder.proxy(proxy);
    }
    builder = match (&settings.trust, tls) {
        (Trust::System, Some(tls)) => builder.tls_backend_preconfigured(tls.clone()),
        (Trust::System, None) => unreachable!("a client of the system's trust has its settings"),
        (Trust::Only(pem), _) => {
            let certificates =
                reqwest::Certificate::from_pem_bundle(pem.as_bytes()).map_err(BuildError::Trust)?;
            builder.tls_certs_only(certificates)
        }
    };
    builder.build().map_err(BuildError::Client)
}

#[cfg(test)]
mod tests {
    use super::{Error, body};
    use crate::http::{Retry, Retryable as _};
    use bytes::Bytes;
    use futures::{StreamExt as _, stream};
    use http_body_util::StreamBody;
    use hyper::body::Frame;
    use std::io;
    use std::time::Duration;

    /// A response whose body comes in such parts, one after each pause.
    fn slow(part: &'static [u8], pause: u64) -> reqwest::Response {
        let parts = stream::iter(0..100).then(move |_| async move {
            tokio::time::sleep(Duration::from_secs(pause)).await;
            Ok::<_, io::Error>(Frame::data(Bytes::from_static(part)))
        });
        let body = reqwest::Body::wrap(StreamBody::new(parts));
        http::Response::builder().body(body).expect("a response").into()
    }

    #[tokio::test(start_paused = true)]
    async fn body_that_drips_ends_and_says_so() {
        let error = body("GET", slow(b"x", 4), 4096).await.expect_err("too slow");
        assert_eq!(
            error.to_string(),
            "GET http://no.url.provided.local/: the answer is too slow: 7 bytes in 30 s"
        );
        assert!(matches!(error, Error::Slow { .. }));
        assert_eq!(error.retry(), Retry::Backoff);
    }

    #[tokio::test(start_paused = true)]
    async fn long_body_has_more_time() {
        static PART: [u8; 128 << 10] = [0; 128 << 10];
        let read = body("GET", slow(&PART, 1), usize::MAX).await.expect("read");
        assert_eq!(read.len(), 100 * PART.len());
    }
}
