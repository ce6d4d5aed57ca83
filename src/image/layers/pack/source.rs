//! The sources of blocks.

use std::io::{self, Read};
use std::sync::{Mutex, PoisonError};

/// Cutting a stream into blocks of this size costs nothing in compression, and
/// blocks are small enough to keep every thread busy.
pub const BLOCK_BYTES: usize = 1 << 20;

/// A stream in blocks. Several threads read blocks at the same time.
pub trait BlockSource {
    type Error;

    /// Fills the next block; only the last one may be incomplete. Returns its number, from
    /// 0, and its length, or `None` at the end. Everything a caller did before this call is
    /// visible to later callers.
    fn next(&self, block: &mut [u8]) -> Result<Option<(u64, usize)>, Self::Error>;
}

pub struct ReaderSource<R, F> {
    state: Mutex<(u64, R)>,
    error: F,
}

impl<R, F> ReaderSource<R, F> {
    /// `error` adds the subject to a read error.
    pub fn new(reader: R, error: F) -> Self {
        Self { state: Mutex::new((0, reader)), error }
    }
}

impl<R: Read, E, F: Fn(io::Error) -> E> BlockSource for ReaderSource<R, F> {
    type Error = E;

    fn next(&self, block: &mut [u8]) -> Result<Option<(u64, usize)>, E> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let (number, reader) = &mut *state;
        let mut length = 0;
        while length < BLOCK_BYTES {
            match reader.read(&mut block[length..BLOCK_BYTES]) {
                Ok(0) => break,
                Ok(read) => length += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err((self.error)(error)),
            }
        }
        let this = *number;
        *number += 1;
        Ok((length > 0).then_some((this, length)))
    }
}
