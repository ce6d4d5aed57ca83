//! A reader that ends with an error when the run is cancelled, and counts what
//! was read of it.

use crate::progress::Counter;
use std::io::{self, Read};
use std::sync::atomic::{AtomicBool, Ordering};

pub(super) struct Stoppable<'a, R> {
    inner: R,
    stop: &'a AtomicBool,
    done: Counter,
}

impl<'a, R> Stoppable<'a, R> {
    pub(super) fn new(inner: R, stop: &'a AtomicBool) -> Self {
        Self { inner, stop, done: Counter::default() }
    }

    /// Also counts here what was read.
    pub(super) fn counted_by(self, done: Counter) -> Self {
        Self { done, ..self }
    }

    pub(super) fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

impl<R: Read> Read for Stoppable<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        // Not `Interrupted`, which readers take for an invitation to go on.
        if self.stopped() {
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        let read = self.inner.read(buffer)?;
        self.done.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}
