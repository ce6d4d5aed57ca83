//! What a request carries: nothing, bytes, or a part of a file or of a blob
//! elsewhere that is never whole in memory.

use super::remote::{Passage, RemoteBlob, Stream};
use crate::progress::Counter;
use bytes::Bytes;
use futures::Stream as _;
use hyper::body::{Body, Frame, SizeHint};
use std::io;
use std::path::Path;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _, Take};
use tokio_util::io::ReaderStream;

/// How much is read at a time.
const PIECE: usize = 128 << 10;

/// What a request carries. Can be sent again from its start.
#[derive(Clone, Debug, Default)]
pub(in crate::registry) enum Payload {
    /// Nothing.
    #[default]
    Empty,
    /// These bytes.
    Bytes(Bytes),
    /// A part of a file.
    File {
        /// Which file.
        path: Arc<Path>,
        /// Where the part begins.
        offset: u64,
        /// How long it is.
        length: u64,
    },
    /// A part of a blob of a repository, as it comes from there.
    Remote {
        /// The whole of it.
        passage: Passage,
        /// Where the part begins.
        offset: u64,
        /// How long it is.
        length: u64,
    },
}

impl Payload {
    /// A blob of a repository.
    pub(in crate::registry) fn remote(blob: &RemoteBlob) -> Self {
        let (offset, length) = (0, blob.size());
        match blob.copy() {
            Some(path) => Self::File { path, offset, length },
            None => Self::Remote { passage: Passage::new(blob.clone()), offset, length },
        }
    }

    /// In bytes.
    pub(in crate::registry) fn length(&self) -> u64 {
        match self {
            Self::Empty => 0,
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::File { length, .. } | Self::Remote { length, .. } => *length,
        }
    }

    /// The part from `from`, at most `most` bytes of it.
    #[must_use]
    pub(in crate::registry) fn part(&self, from: u64, most: u64) -> Self {
        let from = from.min(self.length());
        let most = most.min(self.length() - from);
        match self {
            Self::Empty => Self::Empty,
            Self::Bytes(bytes) => {
                // The length of bytes in memory fits.
                let (from, most) = (usize::try_from(from), usize::try_from(most));
                let (from, most) = (from.unwrap_or(usize::MAX), most.unwrap_or(usize::MAX));
                Self::Bytes(bytes.slice(from..from + most))
            }
            Self::File { path, offset, .. } => {
                Self::File { path: path.clone(), offset: offset + from, length: most }
            }
            Self::Remote { passage, offset, .. } => {
                Self::Remote { passage: passage.clone(), offset: offset + from, length: most }
            }
        }
    }

    /// The body of a request, counted by `meter` as it is taken.
    pub(in crate::registry) async fn open(&self, meter: &Meter) -> io::Result<reqwest::Body> {
        let reader = match self {
            Self::Empty => Reader::Bytes(Bytes::new()),
            Self::Bytes(bytes) => Reader::Bytes(bytes.clone()),
            Self::File { path, offset, length } => {
                let mut file = tokio::fs::File::open(path).await?;
                file.set_max_buf_size(PIECE);
                file.seek(io::SeekFrom::Start(*offset)).await?;
                Reader::File(ReaderStream::with_capacity(file.take(*length), PIECE))
            }
            Self::Remote { passage, offset, length } => {
                Reader::Remote(Mutex::new(passage.open(*offset, *length).await?))
            }
        };
        Ok(reqwest::Body::wrap(Metered { reader, left: self.length(), meter: meter.clone() }))
    }
}

/// How much of a body the connection has taken, and what went wrong in reading.
#[derive(Clone, Default)]
pub(in crate::registry) struct Meter {
    inner: Arc<Counted>,
}

#[derive(Default)]
struct Counted {
    taken: AtomicU64,
    fault: Mutex<Option<io::Error>>,
    tally: Option<Counter>,
}

impl Meter {
    /// A meter that also adds to a sum of many.
    pub(in crate::registry) fn adding_to(tally: Counter) -> Self {
        Self { inner: Arc::new(Counted { tally: Some(tally), ..Counted::default() }) }
    }

    /// Corrects the meter: what was taken has to be sent again, or was there.
    pub(in crate::registry) fn set(&self, taken: u64) {
        let before = self.inner.taken.swap(taken, Ordering::Relaxed);
        if let Some(tally) = &self.inner.tally {
            // Wrapping both ways, which comes out right.
            tally.fetch_add(taken.wrapping_sub(before), Ordering::Relaxed);
        }
    }

    /// In bytes.
    pub(in crate::registry) fn taken(&self) -> u64 {
        self.inner.taken.load(Ordering::Relaxed)
    }

    /// What went wrong in reading, said once.
    pub(in crate::registry) fn fault(&self) -> Option<io::Error> {
        self.inner.fault.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn took(&self, bytes: u64) {
        self.inner.taken.fetch_add(bytes, Ordering::Relaxed);
        if let Some(tally) = &self.inner.tally {
            tally.fetch_add(bytes, Ordering::Relaxed);
        }
    }
}

enum Reader {
    Bytes(Bytes),
    File(ReaderStream<Take<tokio::fs::File>>),
    /// Locked by nobody: it makes the body one that threads may share.
    Remote(Mutex<Stream>),
}

/// A body of known length, so that the request has a `Content-Length`: Azure
/// registries refuse chunked ones.
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
        let piece = match &mut self.reader {
            Reader::Bytes(bytes) => Some(Ok(bytes.split_to(bytes.len().min(PIECE)))),
            Reader::File(stream) => ready!(Pin::new(stream).poll_next(context)),
            Reader::Remote(stream) => {
                let stream = stream.get_mut().unwrap_or_else(PoisonError::into_inner);
                ready!(stream.as_mut().poll_next(context))
            }
        };
        let error = match piece {
            Some(Ok(piece)) if !piece.is_empty() => {
                self.left = self.left.saturating_sub(piece.len() as u64);
                self.meter.took(piece.len() as u64);
                return Poll::Ready(Some(Ok(Frame::data(piece))));
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
