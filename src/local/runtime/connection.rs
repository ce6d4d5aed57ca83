//! A connection to a port of a container.

use std::io;
use std::net::SocketAddr;
use tokio::io::{AsyncRead, AsyncWrite};

/// Both directions of a connection: TCP to an engine's port, or a Unix socket to
/// the relay of a group.
pub trait ByteStream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> ByteStream for T {}

pub type Connection = Box<dyn ByteStream>;

/// Nothing listens on a port of a group.
#[derive(Clone, Debug, Default, Eq, PartialEq, thiserror::Error)]
#[error("connection refused")]
pub struct NothingListens {
    /// What does listen in the group, as far as that is known.
    pub listening: Vec<SocketAddr>,
}

impl NothingListens {
    /// What the error of a connection knows.
    pub fn of(error: &io::Error) -> Self {
        error.get_ref().and_then(|inner| inner.downcast_ref::<Self>()).cloned().unwrap_or_default()
    }
}

impl From<NothingListens> for io::Error {
    fn from(error: NothingListens) -> Self {
        Self::new(io::ErrorKind::ConnectionRefused, error)
    }
}
