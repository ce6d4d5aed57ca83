//! A reader that fails when the run is cancelled, and counts the bytes read.

use crate::progress::Counter;
use std::io::{self, Read};
use std::sync::atomic::{AtomicBool, Ordering};

pub struct CancellableReader<'a, R> {
    inner: R,
    stop: &'a AtomicBool,
    done: Counter,
}

impl<'a, R> CancellableReader<'a, R> {
    pub fn new(inner: R, stop: &'a AtomicBool) -> Self {
        Self { inner, stop, done: Counter::default() }
    }

    pub fn counted_by(self, done: Counter) -> Self {
        Self { done, ..self }
    }

    pub fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

impl<R: Read> Read for CancellableReader<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        // Not `Interrupted`: readers retry after that.
        if self.stopped() {
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        let read = self.inner.read(buffer)?;
        self.done.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}
