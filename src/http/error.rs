//! Errors between this machine and a server, and which of them are transient.

use super::cause::Cause;
use super::request_id::RequestId;
use super::retry::{Retry, Retryable};
use super::route::Route;
use super::safe_url::SafeUrl;
use std::time::Duration;

/// Where a certificate is named that every request trusts.
pub const SYSTEM_TRUST: &str = "in `SSL_CERT_FILE`";

/// A request without a usable response.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No connection, or one that broke.
    #[error("{method} {url}: no answer{route}")]
    Transport {
        method: String,
        url: SafeUrl,
        route: Route,
        /// Why, with the URL left out.
        source: reqwest::Error,
    },
    /// The server sent nothing for too long.
    #[error("{method} {url}: no answer{route} in time")]
    TimedOut { method: String, url: SafeUrl, route: Route },
    /// The server sends its response too slowly.
    #[error("{method} {url}: the answer is too slow: {bytes} bytes in {seconds} s")]
    Slow { method: String, url: SafeUrl, bytes: usize, seconds: u64 },
    /// A response whose status is an error.
    #[error("{method} {url}: {status}{route}{}{}", shown(.body), named(.request_id.as_ref()))]
    Status {
        method: String,
        url: SafeUrl,
        /// Plain, unless something on the way may have answered.
        route: Route,
        status: u16,
        /// How long the server asks to wait (`Retry-After`).
        retry_after: Option<Duration>,
        /// The start of the response, for people. At most 2,000 characters.
        body: String,
        request_id: Option<RequestId>,
    },
    /// A request that cannot be sent, such as one to a host that may not get the token.
    #[error("{method} {url}: the request cannot be sent: {reason}")]
    NotSent { method: String, url: SafeUrl, reason: String },
    /// A response whose content is not as expected.
    #[error("{method} {url}: the answer{route} cannot be read: {reason}")]
    Unreadable { method: String, url: SafeUrl, route: Route, reason: String },
}

fn shown(body: &str) -> String {
    if body.trim().is_empty() { String::new() } else { format!(": {}", body.trim()) }
}

fn named(request_id: Option<&RequestId>) -> String {
    request_id.map(|id| format!(" (request id {id})")).unwrap_or_default()
}

impl Error {
    fn url(&self) -> &SafeUrl {
        match self {
            Self::Transport { url, .. }
            | Self::TimedOut { url, .. }
            | Self::Slow { url, .. }
            | Self::Status { url, .. }
            | Self::NotSent { url, .. }
            | Self::Unreadable { url, .. } => url,
        }
    }

    /// The host that was asked; empty where the URL has none.
    pub fn host(&self) -> &str {
        self.url().expose().host_str().unwrap_or_default()
    }

    /// The same of a request that was sent by this way.
    #[must_use]
    pub fn by(mut self, way: Route) -> Self {
        match &mut self {
            Self::Transport { route, .. }
            | Self::TimedOut { route, .. }
            | Self::Status { route, .. }
            | Self::Unreadable { route, .. } => *route = way,
            Self::Slow { .. } | Self::NotSent { .. } => {}
        }
        self
    }

    /// The way on which the error may lie.
    pub fn route(&self) -> Option<&Route> {
        match self {
            Self::Transport { route, .. }
            | Self::TimedOut { route, .. }
            | Self::Status { route, .. }
            | Self::Unreadable { route, .. } => Some(route),
            Self::Slow { .. } | Self::NotSent { .. } => None,
        }
    }

    /// The status of the response, if there was one.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Status { status, .. } => Some(*status),
            Self::Transport { .. }
            | Self::TimedOut { .. }
            | Self::Slow { .. }
            | Self::NotSent { .. }
            | Self::Unreadable { .. } => None,
        }
    }
}

impl Retryable for Error {
    fn retry(&self) -> Retry {
        match self {
            Self::Transport { source, .. } if source.is_builder() => Retry::Never,
            // A certificate that is not trusted now will not be trusted a second later.
            // Nor does a proxy do without a login.
            Self::Transport { .. }
                if matches!(
                    self.cause(),
                    Some(Cause::Tls { .. } | Cause::Tunnel { needs_login: true })
                ) =>
            {
                Retry::Never
            }
            Self::Transport { route, .. }
                if route.proxy_gone().is_some() && self.cause() == Some(Cause::Refused) =>
            {
                Retry::Never
            }
            Self::Transport { .. } | Self::TimedOut { .. } | Self::Slow { .. } => Retry::Backoff,
            Self::Status { status: 408 | 429 | 500 | 502..=504, retry_after, .. } => {
                retry_after.map_or(Retry::Backoff, Retry::After)
            }
            Self::Status { .. } | Self::NotSent { .. } | Self::Unreadable { .. } => Retry::Never,
        }
    }

    fn help(&self) -> Option<String> {
        if let Some(help) = self.proxy_help(SYSTEM_TRUST) {
            return Some(help);
        }
        let help = match self.cause()? {
            Cause::Name => "check the host's name, this machine's DNS, and `HTTPS_PROXY`",
            Cause::Refused => "nothing listens there; check host and port, and `HTTPS_PROXY`",
            Cause::Tls { untrusted: true } => {
                "this machine does not trust the authority that signed the server's certificate, \
                 as where a proxy reads the traffic; name its certificate file in `SSL_CERT_FILE`"
            }
            Cause::Tls { untrusted: false } => {
                "the server's certificate is not valid for it; check the host's name and this \
                 machine's clock"
            }
            Cause::Tunnel { .. } | Cause::Broken | Cause::Other => return None,
        };
        Some(help.to_owned())
    }
}

/// The client cannot be created.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The given text is not PEM certificates.
    #[error("cannot read the certificates to trust")]
    Trust(#[source] reqwest::Error),
    /// TLS cannot be used at all.
    #[error("cannot set up TLS")]
    Tls(#[source] rustls::Error),
    /// The given proxy cannot be used.
    #[error("cannot use the proxy {proxy}")]
    Proxy { proxy: SafeUrl, source: reqwest::Error },
    /// The proxy that a variable names is not a URL.
    #[error("cannot read the proxy's address in `{variable}`")]
    ProxyVariable { variable: &'static str },
    /// Anything else, such as a machine without certificates.
    #[error("cannot set up the HTTP client")]
    Client(#[source] reqwest::Error),
}

#[cfg(test)]
mod tests {
    use super::{Error, RequestId, Retry, Retryable, Route, SafeUrl};
    use std::time::Duration;
    use url::Url;

    fn answered(status: u16, retry_after: Option<Duration>) -> Error {
        let url = SafeUrl::new(Url::parse("https://example.com/x").expect("a URL"));
        let (method, body) = ("GET".into(), "busy".into());
        let route = Route::default();
        Error::Status { method, url, route, status, retry_after, body, request_id: None }
    }

    #[test]
    fn statuses_we_retry() {
        let retried: Vec<u16> =
            (100..600).filter(|&status| answered(status, None).retry() != Retry::Never).collect();
        assert_eq!(retried, [408, 429, 500, 502, 503, 504]);
    }

    #[test]
    fn the_servers_word_beats_the_schedule() {
        let wait = Duration::from_secs(7);
        assert_eq!(answered(429, Some(wait)).retry(), Retry::After(wait));
        assert_eq!(answered(404, Some(wait)).retry(), Retry::Never);
    }

    #[test]
    fn a_status_shows_request_and_answer() {
        let mut error = answered(503, None);
        assert_eq!(error.to_string(), "GET https://example.com/x: 503: busy");

        if let Error::Status { request_id, .. } = &mut error {
            *request_id = RequestId::find(|name| (name == "x-request-id").then_some("4-2"));
        }
        let text = "GET https://example.com/x: 503: busy (request id 4-2)";
        assert_eq!(error.to_string(), text);
    }
}
