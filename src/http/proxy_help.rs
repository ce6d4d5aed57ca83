//! The remedies where a proxy of the environment is in the way.

use super::cause::Cause;
use super::error::Error;

impl Error {
    /// The remedy where a proxy refused the request, may have answered it, or reads what goes
    /// through it. `trust` says where a certificate can be named.
    pub fn proxy_help(&self, trust: &str) -> Option<String> {
        let route = self.route()?;
        let proxy = route.proxy()?;
        let host = self.host();
        let let_through = format!(
            "ask its operator to let requests to `{host}` through, or name `{host}` in `NO_PROXY` if \
             it is reached without a proxy"
        );
        let login = || {
            format!(
                "the proxy {proxy} asks for a login: write it into the proxy's variable, as in \
                 `HTTPS_PROXY=http://USER:PASSWORD@{proxy}`"
            )
        };
        Some(match (self, self.cause()) {
            (Self::Status { status: 407, .. }, _)
            | (_, Some(Cause::Tunnel { needs_login: true })) => login(),
            (Self::Status { .. } | Self::Unreadable { .. }, _) => {
                format!("the proxy {proxy} may have answered and not `{host}`: {let_through}")
            }
            (_, Some(Cause::Tunnel { needs_login: false })) => {
                format!("the proxy {proxy} does not connect to `{host}`: {let_through}")
            }
            (_, Some(Cause::Name)) => format!(
                "the name of the proxy {proxy} is not known here: check it in `HTTPS_PROXY` or \
                 `HTTP_PROXY`"
            ),
            (_, Some(Cause::Refused)) => format!(
                "nothing listens at the proxy {proxy}: {}",
                route
                    .proxy_gone()
                    .unwrap_or("check host and port in `HTTPS_PROXY` or `HTTP_PROXY`")
            ),
            (_, Some(Cause::Tls { untrusted: true })) => format!(
                "this machine does not trust the authority that signed the certificate; if the \
                 proxy {proxy} reads the traffic, it is the proxy's: name its certificate file {trust}"
            ),
            (_, Some(Cause::Tls { untrusted: false } | Cause::Broken | Cause::Other) | None) => {
                return None;
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::http::{Client, Error, Proxy, Retry, Retryable as _, Route, Settings};
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;
    use url::Url;

    /// The error of a request through a proxy that answers `CONNECT` like this, as if the
    /// environment had named it.
    async fn tunnelled(answer: &'static str) -> Error {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("bound").port();
        let server = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.expect("a connection");
            let mut head = [0; 1024];
            assert!(stream.read(&mut head).await.expect("a request") > 0);
            stream.write_all(answer.as_bytes()).await.expect("sent");
        });
        let url = Url::parse(&format!("http://127.0.0.1:{port}/")).expect("a URL");
        let error = sent(url).await;
        server.await.expect("the proxy ends");
        error
    }

    async fn sent(proxy: Url) -> Error {
        let settings = Settings { proxy: Proxy::Fixed(proxy.into()), ..Settings::default() };
        let client = Client::new(settings).expect("a client");
        let request = client.direct().get("https://demo.azurecr.io/v2/");
        let error = client.send(request).await.expect_err("no answer");
        error.by(Route::through("proxy.example:3128"))
    }

    fn help(error: &Error) -> String {
        error.help().expect("a remedy")
    }

    #[tokio::test]
    async fn proxy_that_asks_for_a_login_is_named() {
        let error = tunnelled("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n").await;

        assert_eq!(
            error.to_string(),
            "GET https://demo.azurecr.io/v2/: no answer through the proxy proxy.example:3128"
        );
        assert_eq!(error.retry(), Retry::Never);
        assert_eq!(
            help(&error),
            "the proxy proxy.example:3128 asks for a login: write it into the proxy's variable, as \
             in `HTTPS_PROXY=http://USER:PASSWORD@proxy.example:3128`"
        );
    }

    #[tokio::test]
    async fn proxy_that_does_not_connect_is_named() {
        let refused = "HTTP/1.1 403 Forbidden\r\ncontent-type: text/html\r\n\r\n<html>";
        let error = tunnelled(refused).await;

        assert_eq!(error.retry(), Retry::Backoff);
        assert_eq!(
            help(&error),
            "the proxy proxy.example:3128 does not connect to `demo.azurecr.io`: ask its operator \
             to let requests to `demo.azurecr.io` through, or name `demo.azurecr.io` in `NO_PROXY` \
             if it is reached without a proxy"
        );
    }

    #[tokio::test]
    async fn proxy_that_is_not_there_is_named() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("bound").port();
        drop(listener);
        let error = sent(Url::parse(&format!("http://127.0.0.1:{port}")).expect("a URL")).await;
        assert_eq!(
            help(&error),
            "nothing listens at the proxy proxy.example:3128: check host and port in `HTTPS_PROXY` \
             or `HTTP_PROXY`"
        );
        let known = Route::through("127.0.0.1:8400").or_gone(Some("it has ended".to_owned()));
        assert_eq!(
            help(&error.by(known)),
            "nothing listens at the proxy 127.0.0.1:8400: it has ended"
        );
        let error = sent(Url::parse("http://proxy.invalid:3128").expect("a URL")).await;
        assert_eq!(
            help(&error),
            "the name of the proxy proxy.example:3128 is not known here: check it in `HTTPS_PROXY` \
             or `HTTP_PROXY`"
        );
    }
}
