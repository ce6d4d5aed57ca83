//! SHA-256 of a stream as it is written or read.

use crate::oci::Digest;
pub use crate::oci::Hasher;
use std::io::{self, Read, Write};

/// Hashes the bytes that are written through it.
pub struct HashingWriter<W> {
    inner: W,
    hasher: Hasher,
}

impl<W: Write> HashingWriter<W> {
    pub fn new(inner: W) -> Self {
        Self { inner, hasher: Hasher::new() }
    }

    pub fn length(&self) -> u64 {
        self.hasher.length()
    }

    /// The inner writer, the digest, and the number of bytes.
    pub fn finish(self) -> (W, Digest, u64) {
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

/// The digest and length of the bytes that a reader still holds.
pub fn of_reader(reader: &mut impl Read) -> io::Result<(Digest, u64)> {
    let mut sink = HashingWriter::new(io::sink());
    io::copy(&mut io::BufReader::with_capacity(1 << 18, reader), &mut sink)?;
    let (_, digest, length) = sink.finish();
    Ok((digest, length))
}

#[cfg(test)]
mod tests {
    use super::{HashingWriter, of_reader};
    use crate::oci::Digest;
    use std::io::Write as _;

    #[test]
    fn agrees_with_the_digest_of_bytes() {
        let mut writer = HashingWriter::new(Vec::new());
        writer.write_all(b"ab").expect("memory");
        writer.write_all(b"c").expect("memory");
        assert_eq!(writer.length(), 3);
        assert_eq!(writer.finish(), (b"abc".to_vec(), Digest::of(b"abc"), 3));
        assert_eq!(of_reader(&mut &b"abc"[..]).expect("readable"), (Digest::of(b"abc"), 3));
    }
}
