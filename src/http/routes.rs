//! Tells by what way a client sends a request.

use super::proxies::Proxies;
use super::route::Route;
use url::Url;

/// The ways of the requests of one client.
#[derive(Clone, Debug)]
pub(super) struct Routes {
    /// `None` where a client goes through no proxy of the environment. That of the local cloud
    /// is the service itself, and not something in between.
    pub(super) proxies: Option<Proxies>,
    /// The name of the certificates that are trusted besides the system's.
    pub(super) authorities: Option<String>,
    /// What to do where nothing listens at the proxy.
    pub(super) proxy_gone: Option<String>,
}

impl Routes {
    /// The way of a request to a URL.
    pub(super) fn to(&self, url: &Url) -> Route {
        let proxy = self.proxies.as_ref().and_then(|proxies| proxies.of(url));
        let shown = proxy.map(|proxy| {
            let url = proxy.expose();
            let host = url.host_str().unwrap_or_default();
            let port = url.port_or_known_default();
            port.map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
        });
        let gone = self.proxy_gone.clone().filter(|_| shown.is_some());
        Route::new(shown, self.authorities.clone()).or_gone(gone)
    }
}
