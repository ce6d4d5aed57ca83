//! The body of a request: nothing, bytes, a part of a file, or a stream that is never
//! whole in memory.

use crate::progress::Counter;
use bytes::Bytes;
use futures::Stream as _;
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use hyper::body::{Body, Frame, SizeHint};
use std::fmt;
use std::io;
use std::path::Path;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _, Take};
use tokio_util::io::ReaderStream;

/// How many bytes of a file or buffer are handed to the connection at a time.
const CHUNK_BYTES: usize = 128 << 10;

/// The chunks of a body.
pub type BodyStream = BoxStream<'static, io::Result<Bytes>>;

/// Content that is neither a file nor in memory. A trait, so that this module need
/// not know the registry client that such content is read with.
pub trait BodySource: fmt::Debug + Send + Sync {
    /// Opens the part of `length` bytes at `offset`.
    fn open(&self, offset: u64, length: u64) -> BoxFuture<'_, io::Result<BodyStream>>;
}

/// The body of a request, which can be sent again from its start.
#[derive(Clone, Debug, Default)]
pub enum Payload {
    #[default]
    Empty,
    Bytes(Bytes),
    /// `length` bytes of a file from `offset` on.
    File {
        path: Arc<Path>,
        offset: u64,
        length: u64,
    },
    /// `length` bytes of a source from `offset` on.
    Stream {
        source: Arc<dyn BodySource>,
        offset: u64,
        length: u64,
    },
}

impl Payload {
    /// The length in bytes.
    pub fn length(&self) -> u64 {
        match self {
            Self::Empty => 0,
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::File { length, .. } | Self::Stream { length, .. } => *length,
        }
    }

    /// The part from `from` on, of at most `max` bytes.
    #[must_use]
    pub fn part(&self, from: u64, max: u64) -> Self {
        let from = from.min(self.length());
        let part = max.min(self.length() - from);
        match self {
            Self::Empty => Self::Empty,
            Self::Bytes(bytes) => {
                // Neither exceeds the length of bytes in memory, which is a usize.
                let at = usize::try_from(from).unwrap_or(usize::MAX);
                let length = usize::try_from(part).unwrap_or(usize::MAX);
                Self::Bytes(bytes.slice(at..at + length))
            }
            Self::File { path, offset, .. } => {
                Self::File { path: path.clone(), offset: offset + from, length: part }
            }
            Self::Stream { source, offset, .. } => {
                Self::Stream { source: source.clone(), offset: offset + from, length: part }
            }
        }
    }

    /// Opens the body for one request. `meter` counts the bytes that the connection
    /// takes.
    pub async fn open(&self, meter: &Meter) -> io::Result<reqwest::Body> {
        let reader = match self {
            Self::Empty => Reader::Bytes(Bytes::new()),
            Self::Bytes(bytes) => Reader::Bytes(bytes.clone()),
            Self::File { path, offset, length } => {
                let mut file = tokio::fs::File::open(path).await?;
                file.set_max_buf_size(CHUNK_BYTES);
                file.seek(io::SeekFrom::Start(*offset)).await?;
                Reader::File(ReaderStream::with_capacity(file.take(*length), CHUNK_BYTES))
            }
            Self::Stream { source, offset, length } => {
                Reader::Stream(Mutex::new(source.open(*offset, *length).await?))
            }
        };
        Ok(reqwest::Body::wrap(Metered { reader, left: self.length(), meter: meter.clone() }))
    }
}

/// How many bytes of a body the connection has taken, and the error that reading
/// the body met.
#[derive(Clone, Default)]
pub struct Meter {
    inner: Arc<MeterState>,
}

#[derive(Default)]
struct MeterState {
    taken: AtomicU64,
    fault: Mutex<Option<io::Error>>,
    total: Option<Counter>,
}

impl Meter {
    /// A meter that also adds to the total of several.
    pub fn adding_to(total: Counter) -> Self {
        Self { inner: Arc::new(MeterState { total: Some(total), ..MeterState::default() }) }
    }

    /// Corrects the count, where bytes have to be sent again or were there already.
    pub fn set(&self, taken: u64) {
        let before = self.inner.taken.swap(taken, Ordering::Relaxed);
        if let Some(total) = &self.inner.total {
            // Adding a negative difference: both the subtraction and the sum wrap.
            total.fetch_add(taken.wrapping_sub(before), Ordering::Relaxed);
        }
    }

    /// The bytes taken so far.
    pub fn taken(&self) -> u64 {
        self.inner.taken.load(Ordering::Relaxed)
    }

    /// Takes the error that reading the body met.
    pub fn fault(&self) -> Option<io::Error> {
        self.inner.fault.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn took(&self, bytes: u64) {
        self.inner.taken.fetch_add(bytes, Ordering::Relaxed);
        if let Some(total) = &self.inner.total {
            total.fetch_add(bytes, Ordering::Relaxed);
        }
    }
}

enum Reader {
    Bytes(Bytes),
    File(ReaderStream<Take<tokio::fs::File>>),
    /// A stream is not `Sync`, which a body must be. The mutex is never locked.
    Stream(Mutex<BodyStream>),
}

/// A body of known length, which gives the request a `Content-Length`: Azure
/// registries refuse chunked bodies.
struct Metered {
    reader: Reader,
    left: u64,
    meter: Meter,
}

impl Body for Metered {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        let chunk = match &mut self.reader {
            Reader::Bytes(bytes) => Some(Ok(bytes.split_to(bytes.len().min(CHUNK_BYTES)))),
            Reader::File(stream) => ready!(Pin::new(stream).poll_next(context)),
            Reader::Stream(stream) => {
                let stream = stream.get_mut().unwrap_or_else(PoisonError::into_inner);
                ready!(stream.as_mut().poll_next(context))
            }
        };
        let error = match chunk {
            Some(Ok(chunk)) if !chunk.is_empty() => {
                self.left = self.left.saturating_sub(chunk.len() as u64);
                self.meter.took(chunk.len() as u64);
                return Poll::Ready(Some(Ok(Frame::data(chunk))));
            }
            Some(Err(error)) => error,
            Some(Ok(_)) | None => {
                let missing = format!("it ends {} bytes too early", self.left);
                io::Error::new(io::ErrorKind::UnexpectedEof, missing)
            }
        };
        let shown = io::Error::new(error.kind(), error.to_string());
        *self.meter.inner.fault.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
        Poll::Ready(Some(Err(shown)))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}
