//! By what way a request was sent, for the errors that may lie there.

use std::fmt;
use std::sync::Arc;

/// The way of a request, as far as its errors may lie there.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Route(Option<Arc<RouteFacts>>);

#[derive(Clone, Debug, Default, Eq, PartialEq)]
struct RouteFacts {
    /// `HOST:PORT` of the proxy that the environment names.
    proxy: Option<String>,
    /// The name of the certificates that are trusted besides the system's.
    authorities: Option<String>,
    /// What to do where nothing listens at the proxy.
    proxy_gone: Option<String>,
}

impl Route {
    pub(super) fn new(proxy: Option<String>, authorities: Option<String>) -> Self {
        let is_plain = proxy.is_none() && authorities.is_none();
        Self((!is_plain).then(|| Arc::new(RouteFacts { proxy, authorities, proxy_gone: None })))
    }

    /// The same, with what to do where nothing listens at its proxy.
    pub(super) fn or_gone(self, proxy_gone: Option<String>) -> Self {
        match self.0 {
            Some(facts) if proxy_gone.is_some() => {
                let facts = RouteFacts { proxy_gone, ..Arc::unwrap_or_clone(facts) };
                Self(Some(Arc::new(facts)))
            }
            other => Self(other),
        }
    }

    /// What to do where nothing listens at the proxy, if more is known of it.
    pub fn proxy_gone(&self) -> Option<&str> {
        self.0.as_ref()?.proxy_gone.as_deref()
    }

    /// A way through a proxy, as `HOST:PORT`.
    pub fn through(proxy: &str) -> Self {
        Self::new(Some(proxy.to_owned()), None)
    }

    /// `HOST:PORT` of the proxy that the environment names for the request.
    pub fn proxy(&self) -> Option<&str> {
        self.0.as_ref()?.proxy.as_deref()
    }

    /// The name of the certificates that are trusted besides the system's.
    pub fn authorities(&self) -> Option<&str> {
        self.0.as_ref()?.authorities.as_deref()
    }

    /// The way of a response with this status, if it is one that the proxy may have given in the
    /// place of the server; otherwise none.
    ///
    /// Every service that is asked here answers in JSON or without text, and a proxy with a page
    /// for people. A status of the proxy itself, and its own headers, leave no doubt.
    pub fn of_response<'h>(
        self,
        status: u16,
        header: impl Fn(&'static str) -> Option<&'h str>,
    ) -> Self {
        let is_page =
            header("content-type").is_some_and(|it| it.trim_start().starts_with("text/html"));
        let is_refusal = matches!(status, 403 | 502..=504) && is_page;
        let is_marked = status >= 400
            && ["proxy-status", "x-squid-error"].iter().any(|name| header(name).is_some());
        if status == 407 || is_refusal || is_marked { self } else { Self::default() }
    }
}

/// Follows `no answer`, or a status: nothing where there is no proxy.
impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.proxy() {
            Some(proxy) => write!(f, " through the proxy {proxy}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Route;

    #[test]
    fn page_of_a_proxy_is_told_from_the_answer_of_a_service() {
        let proxied = |status: u16, headers: &[(&'static str, &'static str)]| {
            let header = |wanted: &str| {
                headers.iter().find(|(name, _)| *name == wanted).map(|(_, value)| *value)
            };
            Route::through("proxy:3128").of_response(status, header) != Route::default()
        };
        let page = [("content-type", "text/html; charset=utf-8")];
        let json = [("content-type", "application/json")];

        assert!(proxied(407, &[]));
        for status in [403, 502, 503, 504] {
            assert!(proxied(status, &page), "{status}");
            assert!(!proxied(status, &json), "{status}");
            assert!(!proxied(status, &[]), "{status}");
        }
        // GitHub and vaults may answer these with a page of their own.
        assert!(!proxied(404, &page));
        assert!(proxied(404, &[("x-squid-error", "ERR_DNS_FAIL 0")]));
        assert!(proxied(500, &[("proxy-status", "proxy; error=dns_error")]));
        assert!(!proxied(200, &[("proxy-status", "proxy")]));
    }
}
