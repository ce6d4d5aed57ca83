//! A plain TCP connection to a host, through the proxy where there is one.
//!
//! For what is not HTTP: asking whether a port answers.

use super::client::{Proxy, Settings};
use base64::Engine as _;
use std::io;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// A connection that was not made.
#[derive(Debug, thiserror::Error)]
pub enum TunnelError {
    /// The host or the proxy cannot be reached.
    #[error("cannot connect to {address}")]
    Connect {
        /// `HOST:PORT`.
        address: String,
        source: io::Error,
    },
    /// The proxy answered with something other than 200.
    #[error("cannot connect to {address}: the proxy answered `{answer}`")]
    Refused {
        /// `HOST:PORT`.
        address: String,
        /// The proxy's status line.
        answer: String,
        /// The value of its `Proxy-Status` (RFC 9209).
        proxy_status: Option<String>,
    },
}

/// Connects to `host:port`, by `CONNECT` (RFC 9110, section 9.3.6) where the
/// settings name a fixed proxy, otherwise directly.
pub async fn connect(settings: &Settings, host: &str, port: u16) -> Result<TcpStream, TunnelError> {
    let address = format!("{host}:{port}");
    let failed = |source| TunnelError::Connect { address: address.clone(), source };
    let Proxy::Fixed(proxy) = &settings.proxy else {
        return timed(settings, TcpStream::connect(&address)).await.map_err(failed);
    };
    let url = proxy.expose();
    let to = format!(
        "{}:{}",
        url.host_str().unwrap_or_default(),
        url.port_or_known_default().unwrap_or(80)
    );
    let mut stream = timed(settings, TcpStream::connect(to)).await.map_err(failed)?;
    let mut request = format!("CONNECT {address} HTTP/1.1\r\nHost: {address}\r\n");
    if !url.username().is_empty() {
        let login = format!("{}:{}", url.username(), url.password().unwrap_or_default());
        let login = base64::engine::general_purpose::STANDARD.encode(login);
        request += "Proxy-Authorization: Basic ";
        request += &login;
        request += "\r\n";
    }
    request.push_str("\r\n");
    stream.write_all(request.as_bytes()).await.map_err(failed)?;
    let head = timed(settings, read_head(&mut stream)).await.map_err(failed)?;
    let answer = head.lines().next().unwrap_or_default();
    if answer.split(' ').nth(1) == Some("200") {
        return Ok(stream);
    }
    let proxy_status = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("proxy-status").then(|| value.trim().to_owned())
    });
    Err(TunnelError::Refused { answer: answer.to_owned(), proxy_status, address })
}

/// Reads up to the empty line, a byte at a time: what follows is not ours.
async fn read_head(stream: &mut TcpStream) -> io::Result<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") && head.len() < 8_192 {
        head.push(stream.read_u8().await?);
    }
    Ok(String::from_utf8_lossy(&head).into_owned())
}

async fn timed<T>(settings: &Settings, work: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    tokio::time::timeout(settings.connect_timeout, work)
        .await
        .unwrap_or_else(|_| Err(io::Error::from(io::ErrorKind::TimedOut)))
}
