//! Serving HTTP on a byte stream, and copying bytes between two of them.

use super::services::ProxyResult;
use crate::local::runtime::ByteStream;
use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};

/// The read buffer of a connection, which also limits the head of a request.
/// Small, so that many bodies at the same time need little memory.
const MAX_BUFFER_BYTES: usize = 64 * 1024;

/// Answers the requests of one connection, one after the other.
pub async fn serve<S, F, R>(stream: S, answer: F)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    F: Fn(Request<Incoming>) -> R,
    R: Future<Output = ProxyResult> + Send,
{
    let connection = http1::Builder::new()
        .max_buf_size(MAX_BUFFER_BYTES)
        .serve_connection(TokioIo::new(stream), service_fn(answer))
        .with_upgrades();
    // Clients may disconnect at any time, so this is not worth a warning.
    if let Err(error) = connection.await {
        tracing::debug!(%error, "a connection of the local cloud ended early");
    }
}

/// Copies bytes both ways until one side ends.
pub async fn copy_both_ways(upgrade: OnUpgrade, mut container: Box<dyn ByteStream>) {
    let Ok(client) = upgrade.await else { return };
    let mut client = TokioIo::new(client);
    if let Err(error) = tokio::io::copy_bidirectional(&mut client, &mut container).await {
        tracing::debug!(%error, "a connection to a container ended early");
    }
}
