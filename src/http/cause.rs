//! Causes of a missing response, told apart so that a client can name the remedy.

use super::error::Error;
use std::io;

/// Why a request got no response.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Cause {
    /// The host name cannot be resolved.
    Name,
    /// The connection was refused.
    Refused,
    /// The certificate is not trusted, or the TLS handshake failed.
    Tls {
        /// Whether the issuer of the certificate is unknown.
        untrusted: bool,
    },
    /// A proxy did not open a connection to the server (`CONNECT`).
    Tunnel {
        /// Whether it asks for a login, by 407.
        needs_login: bool,
    },
    /// The connection broke during the exchange.
    Broken,
    /// Any other cause, such as a body that cannot be read on this side.
    Other,
}

impl Error {
    /// The cause. `None` where there was a response, or a time-out.
    pub fn cause(&self) -> Option<Cause> {
        let Self::Transport { source, .. } = self else { return None };
        if source.is_builder() {
            return Some(Cause::Other);
        }
        let mut found = Cause::Other;
        let mut next: Option<&(dyn std::error::Error + 'static)> = Some(source);
        while let Some(error) = next {
            if let Some(cause) = of(error) {
                found = cause;
            }
            next = error.source();
        }
        Some(found)
    }
}

fn of(error: &(dyn std::error::Error + 'static)) -> Option<Cause> {
    if let Some(error) = error.downcast_ref::<rustls::Error>() {
        return Some(tls(error));
    }
    if let Some(error) = error.downcast_ref::<io::Error>() {
        // An `io::Error` that wraps another hides it from `source`.
        if let Some(inner) = error.get_ref().and_then(|inner| of(inner)) {
            return Some(inner);
        }
        return match error.kind() {
            io::ErrorKind::ConnectionRefused => Some(Cause::Refused),
            io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::BrokenPipe
            | io::ErrorKind::UnexpectedEof => Some(Cause::Broken),
            _ => None,
        };
    }
    if let Some(error) = error.downcast_ref::<hyper::Error>() {
        let broken =
            error.is_incomplete_message() || error.is_closed() || error.is_body_write_aborted();
        return broken.then_some(Cause::Broken);
    }
    // The errors of the resolver and of proxies have no public type.
    let text = error.to_string();
    match text.strip_prefix("tunnel error: ") {
        Some("proxy authorization required") => Some(Cause::Tunnel { needs_login: true }),
        Some("unsuccessful" | "unexpected end of file" | "proxy response headers too long") => {
            Some(Cause::Tunnel { needs_login: false })
        }
        _ => text.starts_with("dns error").then_some(Cause::Name),
    }
}

fn tls(error: &rustls::Error) -> Cause {
    use rustls::CertificateError;
    // Not signed by an authority that is trusted, though one has its name, as where a company
    // has made a new one.
    let untrusted = matches!(
        error,
        rustls::Error::InvalidCertificate(
            CertificateError::UnknownIssuer
                | CertificateError::BadSignature
                | CertificateError::Other(_)
        )
    );
    Cause::Tls { untrusted }
}

#[cfg(test)]
mod tests {
    use super::Cause;
    use crate::http::{Client, Error, Proxy, Retry, Retryable as _, Settings};
    use std::io::Read as _;
    use std::net::TcpListener;
    use std::time::Duration;

    async fn cause_at(url: &str) -> Option<Cause> {
        error_at(url).await.cause()
    }

    async fn error_at(url: &str) -> Error {
        let settings = Settings {
            proxy: Proxy::Direct,
            read_timeout: Duration::from_secs(5),
            ..Settings::default()
        };
        let client = Client::new(settings).expect("a client");
        client.fetch(client.direct().get(url)).await.expect_err("no answer")
    }

    #[tokio::test]
    async fn closed_port_is_a_refusal() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}/", listener.local_addr().expect("bound"));
        drop(listener);

        assert_eq!(cause_at(&url).await, Some(Cause::Refused));
    }

    #[tokio::test]
    async fn a_name_that_does_not_exist_is_a_name() {
        assert_eq!(cause_at("http://registry.invalid/").await, Some(Cause::Name));
    }

    #[tokio::test]
    async fn a_connection_that_is_closed_is_broken() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}/", listener.local_addr().expect("bound"));
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("a connection");
            let mut head = [0; 16];
            stream.read_exact(&mut head).expect("a request");
        });

        assert_eq!(cause_at(&url).await, Some(Cause::Broken));
        server.join().expect("the server ends");
    }

    #[tokio::test]
    async fn an_unknown_signer_is_untrusted() {
        let key = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a key");
        let config = tokio_rustls::rustls::ServerConfig::builder_with_provider(
            rustls::crypto::ring::default_provider().into(),
        )
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(
            vec![key.cert.der().clone()],
            rustls::pki_types::PrivateKeyDer::Pkcs8(key.signing_key.serialize_der().into()),
        )
        .expect("a server");
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("bound").port();
        let acceptor = tokio_rustls::TlsAcceptor::from(std::sync::Arc::new(config));
        let server = tokio::spawn(async move {
            let (stream, _) = listener.accept().await.expect("a connection");
            acceptor.accept(stream).await.is_err()
        });

        let error = error_at(&format!("https://localhost:{port}/")).await;
        assert_eq!(error.cause(), Some(Cause::Tls { untrusted: true }));
        assert_eq!(error.retry(), Retry::Never);
        let help = "this machine does not trust the authority that signed the server's certificate, \
                    as where a proxy reads the traffic; name its certificate file in `SSL_CERT_FILE`";
        assert_eq!(error.help().as_deref(), Some(help));
        assert!(server.await.expect("the server ends"));
    }
}
