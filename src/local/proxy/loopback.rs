//! Servers of this machine, for programs that send everything through the proxy.
//!
//! Only what is on loopback for certain is let through: an address, or `localhost`, which is
//! not looked up. Such a request is not the cloud's, so that it meets no fault and is not in
//! the request log.

use super::response::{broken_connection, no_connection};
use super::stream::copy_both_ways;
use crate::local::exchange::exchange;
use crate::local::runtime::ByteStream;
use axum::body::Body;
use http::uri::Authority;
use http::{Request, Response};
use hyper::body::Incoming;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use tokio::net::TcpStream;

/// The addresses of a host on loopback; `None` for any other host.
fn addresses(host: &str) -> Option<Vec<IpAddr>> {
    if host.eq_ignore_ascii_case("localhost") {
        return Some(vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()]);
    }
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    let address: IpAddr = host.parse().ok()?;
    address.is_loopback().then(|| vec![address])
}

pub fn is_loopback(host: &str) -> bool {
    addresses(host).is_some()
}

async fn dial(host: &str, port: u16) -> io::Result<Box<dyn ByteStream>> {
    let addresses = addresses(host).unwrap_or_default().into_iter();
    let addresses: Vec<SocketAddr> =
        addresses.map(|address| SocketAddr::from((address, port))).collect();
    Ok(Box::new(TcpStream::connect(&addresses[..]).await?))
}

/// Answers `CONNECT`.
pub async fn connect(host: &str, port: u16, mut request: Request<Incoming>) -> Response<Body> {
    match dial(host, port).await {
        Ok(server) => {
            tokio::spawn(copy_both_ways(hyper::upgrade::on(&mut request), server));
            Response::new(Body::empty())
        }
        Err(error) => no_connection(&format!("{host}:{port}"), &error),
    }
}

/// Answers a request for an `http://` URL.
pub async fn forward(authority: &Authority, request: Request<Incoming>) -> Response<Body> {
    let (host, port) = (authority.host(), authority.port_u16().unwrap_or(80));
    let place = format!("{host}:{port}");
    let stream = match dial(host, port).await {
        Ok(stream) => stream,
        Err(error) => return no_connection(&place, &error),
    };
    match exchange(stream, request, authority).await {
        Ok(answer) => answer,
        Err(error) => broken_connection(&place, &error),
    }
}

#[cfg(test)]
mod tests {
    use super::is_loopback;

    #[test]
    fn only_loopback_is_loopback() {
        for host in ["localhost", "LocalHost", "127.0.0.1", "127.1.2.3", "[::1]", "::1"] {
            assert!(is_loopback(host), "{host}");
        }
        for host in ["localhost.example.com", "0.0.0.0", "169.254.169.254", "10.0.0.1", "[::]", ""]
        {
            assert!(!is_loopback(host), "{host}");
        }
    }
}
