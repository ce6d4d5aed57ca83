//! A connection to a port of a container.

use tokio::io::{AsyncRead, AsyncWrite};

/// Both directions of a connection: TCP to an engine's port, or a Unix socket to
/// the relay of a group.
pub trait ByteStream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> ByteStream for T {}

pub type Connection = Box<dyn ByteStream>;
