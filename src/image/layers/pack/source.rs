//! Where the blocks of a stream come from.

use super::BLOCK;
use std::io::{self, Read};
use std::sync::{Mutex, PoisonError};

/// A stream in blocks. Several threads ask for blocks at once, and each gets
/// another one.
pub(in crate::image) trait Source {
    type Error;

    /// Fills the next block, from its start: as a whole unless the stream ends
    /// in it. Which one it was, from 0 on, and its length; none when there is no
    /// other. What a caller did before a call, callers after it see.
    fn next(&self, block: &mut [u8]) -> Result<Option<(u64, usize)>, Self::Error>;
}

/// What a reader holds.
pub(in crate::image) struct Reading<R, F> {
    state: Mutex<(u64, R)>,
    error: F,
}

impl<R, F> Reading<R, F> {
    /// `error` says what could not be read.
    pub(in crate::image) fn new(reader: R, error: F) -> Self {
        Self { state: Mutex::new((0, reader)), error }
    }
}

impl<R: Read, E, F: Fn(io::Error) -> E> Source for Reading<R, F> {
    type Error = E;

    fn next(&self, block: &mut [u8]) -> Result<Option<(u64, usize)>, E> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let (number, reader) = &mut *state;
        let mut length = 0;
        while length < BLOCK {
            match reader.read(&mut block[length..BLOCK]) {
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
