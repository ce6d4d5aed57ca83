//! An HTTP proxy that answers every `CONNECT` itself, by TLS with a certificate
//! of its own, and hands what it hears to a server on loopback. It can be a server of TLS
//! without `CONNECT`, too.

use crate::http::{Client, Proxy, SafeUrl, Settings, Trust};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use std::sync::Arc;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

/// The proxy; it ends with its value.
pub struct TlsProxy {
    port: u16,
    certificate: String,
    task: tokio::task::JoinHandle<()>,
}

impl TlsProxy {
    /// A proxy that is `name` and passes everything on to `to`.
    pub async fn start(name: &str, to: String) -> Self {
        Self::listen(&[name], to, true).await
    }

    /// A proxy that is all of these names.
    pub async fn start_for(names: &[&str], to: String) -> Self {
        Self::listen(names, to, true).await
    }

    /// A server on loopback that passes everything on to `to`.
    pub async fn server(to: String) -> Self {
        Self::listen(&["127.0.0.1"], to, false).await
    }

    async fn listen(names: &[&str], to: String, is_proxy: bool) -> Self {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let CertifiedKey { cert, signing_key } =
            generate_simple_self_signed(names).expect("a certificate");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let key = PrivateKeyDer::Pkcs8(signing_key.serialize_der().into());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(vec![cert.der().clone()], key)
            .expect("a server");
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("bound").port();
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, to) = (acceptor.clone(), to.clone());
                // A client may hang up at any time.
                tokio::spawn(async move { drop(serve(stream, acceptor, &to, is_proxy).await) });
            }
        });
        Self { port, certificate: cert.pem(), task }
    }

    /// Where it listens, `127.0.0.1:PORT`.
    pub fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Its certificate, in PEM.
    pub fn certificate(&self) -> &str {
        &self.certificate
    }

    /// A client that goes through it; `trusting` its certificate or not.
    pub fn client(&self, trusting: bool) -> Client {
        let url = format!("http://127.0.0.1:{}/", self.port).parse().expect("a URL");
        let trust = if trusting { Trust::Only(self.certificate.clone()) } else { Trust::System };
        let proxy = Proxy::Fixed(SafeUrl::new(url));
        Client::new(Settings { proxy, trust, ..Settings::default() }).expect("a client")
    }
}

impl Drop for TlsProxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(
    mut stream: TcpStream,
    acceptor: TlsAcceptor,
    to: &str,
    is_proxy: bool,
) -> std::io::Result<()> {
    if is_proxy {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await?);
        }
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await?;
    }
    let mut inner = acceptor.accept(stream).await?;
    let mut server = TcpStream::connect(to).await?;
    copy_bidirectional(&mut inner, &mut server).await.map(drop)
}
