//! SHA-256 of what streams by.
//!
//! By `ring`, which is here for TLS anyway: on machines without SHA
//! instructions its assembly is half as fast again as portable code, and
//! hashing is a third of the work of building a layer.

use crate::registry::Digest;
use ring::digest::{Context, SHA256};
use std::io::{self, Read, Write};

/// A SHA-256 under way.
pub(super) struct Hasher {
    context: Context,
    length: u64,
}

impl Hasher {
    pub(super) fn new() -> Self {
        Self { context: Context::new(&SHA256), length: 0 }
    }

    pub(super) fn update(&mut self, bytes: &[u8]) {
        self.context.update(bytes);
        self.length += bytes.len() as u64;
    }

    /// The digest, and how many bytes it is of.
    pub(super) fn finish(self) -> (Digest, u64) {
        (Digest::from_sha256(self.context.finish().as_ref()), self.length)
    }
}

/// Hashes what is written through it.
pub(super) struct HashingWriter<W> {
    inner: W,
    hasher: Hasher,
}

impl<W: Write> HashingWriter<W> {
    pub(super) fn new(inner: W) -> Self {
        Self { inner, hasher: Hasher::new() }
    }

    pub(super) fn length(&self) -> u64 {
        self.hasher.length
    }

    /// What was written to, the digest, and how many bytes it is of.
    pub(super) fn finish(self) -> (W, Digest, u64) {
        let (digest, length) = self.hasher.finish();
        (self.inner, digest, length)
    }
}

impl<W: Write> Write for HashingWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.hasher.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// The digest of what a reader still holds, and its length.
pub(super) fn of_reader(reader: &mut impl Read) -> io::Result<(Digest, u64)> {
    let mut sink = HashingWriter::new(io::sink());
    io::copy(&mut io::BufReader::with_capacity(1 << 18, reader), &mut sink)?;
    let (_, digest, length) = sink.finish();
    Ok((digest, length))
}

#[cfg(test)]
mod tests {
    use super::{Hasher, of_reader};
    use crate::registry::Digest;

    #[test]
    fn agrees_with_the_digest_of_bytes() {
        let mut hasher = Hasher::new();
        hasher.update(b"ab");
        hasher.update(b"c");
        assert_eq!(hasher.finish(), (Digest::of(b"abc"), 3));
        assert_eq!(of_reader(&mut &b"abc"[..]).expect("readable"), (Digest::of(b"abc"), 3));
    }
}
