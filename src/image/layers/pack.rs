//! Packs a stream on all cores, in order, hashing it before and after.
//!
//! The stream is cut into blocks that are compressed apart from each other and
//! joined: gzip members (RFC 1952, section 2.2) or zstd frames (RFC 8878,
//! section 3), which every reader takes for one stream. What comes out thus
//! does not depend on how many threads there were.

use super::recipe::Compression;
use crate::image::hash::Hasher;
use crate::image::store::{BlobWriter, StoreError};
use crate::registry::{Descriptor, Digest, media_type};
use std::io::{self, Write};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

/// Large enough that cutting costs nothing in size, small enough that many are
/// in the air at once.
const BLOCK: usize = 1 << 20;
/// More threads than this gain nothing: one hash runs over the whole stream.
const MOST_THREADS: usize = 16;
/// The fastest level of libdeflate packs as tight as level 2 of zlib in half
/// the time. Sizes at level 6 are 7 percent smaller, at two to three times the
/// work.
const GZIP_LEVEL: i32 = 1;
const ZSTD_LEVEL: i32 = 3;

impl Compression {
    /// Names everything that the packed bytes depend on beside the stream. It
    /// must change when a library, a level or the block size does.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip libdeflate-1.26 level-1 block-1MiB",
            Self::Zstd => "zstd zstd-0.13 level-3 block-1MiB",
        }
    }

    pub(super) fn media_type(self) -> &'static str {
        match self {
            Self::Gzip => media_type::LAYER_GZIP,
            Self::Zstd => media_type::LAYER_ZSTD,
        }
    }
}

/// A packed stream.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(in crate::image) struct Packed {
    /// As stored.
    pub(in crate::image) layer: Descriptor,
    /// Of the stream as it was.
    pub(in crate::image) diff_id: Digest,
    /// The length of the stream as it was.
    pub(in crate::image) unpacked: u64,
}

/// How many threads compress.
pub(in crate::image) fn threads() -> usize {
    thread::available_parallelism().map_or(1, usize::from).min(MOST_THREADS)
}

/// Packs what `produce` writes into the store.
///
/// When the store cannot take it, `produce` sees a broken pipe and the store's
/// error is returned.
pub(in crate::image) fn pack<E: From<StoreError>>(
    compression: Compression,
    threads: usize,
    out: BlobWriter,
    produce: impl FnOnce(&mut Blocks) -> Result<(), E>,
) -> Result<Packed, E> {
    thread::scope(|scope| {
        let (jobs, taken) = sync_channel::<Job>(threads);
        let (order, ordered) = sync_channel::<Receiver<io::Result<Vec<u8>>>>(2 * threads);
        let (stream, hashed) = sync_channel::<Arc<Vec<u8>>>(2 * threads);
        // Shared by its owners alone, so that it ends with the last worker.
        let taken = Arc::new(Mutex::new(taken));
        for _ in 0..threads {
            let taken = Arc::clone(&taken);
            scope.spawn(move || work(compression, &taken));
        }
        drop(taken);
        let hashing = scope.spawn(move || hash(&hashed));
        let writing = scope.spawn(move || write(out, &ordered));

        let mut blocks = Blocks { block: Vec::with_capacity(BLOCK), jobs, order, stream };
        let produced = produce(&mut blocks).map(|()| blocks.send());
        drop(blocks);

        let hashed = hashing.join().expect("hashing does not panic");
        let written = writing.join().expect("writing does not panic");
        // A broken pipe is not the cause, the store's error is.
        let out = written?;
        // An error of the last block is the writer's, which was looked at.
        produced?.ok();
        let layer = out.finish(compression.media_type())?;
        let (diff_id, unpacked) = hashed.finish();
        Ok(Packed { layer, diff_id, unpacked })
    })
}

struct Job {
    block: Arc<Vec<u8>>,
    result: SyncSender<io::Result<Vec<u8>>>,
}

/// Cuts what is written into blocks and hands them out.
pub(in crate::image) struct Blocks {
    block: Vec<u8>,
    jobs: SyncSender<Job>,
    order: SyncSender<Receiver<io::Result<Vec<u8>>>>,
    stream: SyncSender<Arc<Vec<u8>>>,
}

impl Blocks {
    fn send(&mut self) -> io::Result<()> {
        if self.block.is_empty() {
            return Ok(());
        }
        let block = Arc::new(std::mem::replace(&mut self.block, Vec::with_capacity(BLOCK)));
        let (result, coming) = sync_channel(1);
        let gone = io::Error::from(io::ErrorKind::BrokenPipe);
        let sent = self.order.send(coming).is_ok()
            && self.stream.send(Arc::clone(&block)).is_ok()
            && self.jobs.send(Job { block, result }).is_ok();
        if sent { Ok(()) } else { Err(gone) }
    }
}

impl Write for Blocks {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = bytes.len().min(BLOCK - self.block.len());
        self.block.extend_from_slice(&bytes[..taken]);
        if self.block.len() == BLOCK {
            self.send()?;
        }
        Ok(taken)
    }

    /// Where blocks end depends on the stream alone, so nothing is sent early.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn hash(blocks: &Receiver<Arc<Vec<u8>>>) -> Hasher {
    let mut hasher = Hasher::new();
    for block in blocks {
        hasher.update(&block);
    }
    hasher
}

fn write(
    mut out: BlobWriter,
    blocks: &Receiver<Receiver<io::Result<Vec<u8>>>>,
) -> Result<BlobWriter, StoreError> {
    for block in blocks {
        // A worker that is gone without a word was told to stop.
        let Ok(packed) = block.recv() else { break };
        let written = packed.and_then(|packed| out.write_all(&packed));
        written.map_err(|source| out.write_error(source))?;
    }
    Ok(out)
}

fn work(compression: Compression, jobs: &Mutex<Receiver<Job>>) {
    let mut packer = Packer::new(compression);
    loop {
        let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(Job { block, result }) = job else { return };
        let packing = packer.as_mut().map_err(copy).and_then(|packer| packer.pack(&block));
        // Nobody waits for it when the writer has given up.
        result.send(packing).ok();
    }
}

fn copy(error: &mut io::Error) -> io::Error {
    io::Error::new(error.kind(), error.to_string())
}

/// One thread's compressor.
enum Packer {
    Gzip(libdeflater::Compressor),
    Zstd(zstd::bulk::Compressor<'static>),
}

impl Packer {
    fn new(compression: Compression) -> io::Result<Self> {
        match compression {
            Compression::Gzip => {
                let level = libdeflater::CompressionLvl::new(GZIP_LEVEL).expect("a level");
                Ok(Self::Gzip(libdeflater::Compressor::new(level)))
            }
            Compression::Zstd => zstd::bulk::Compressor::new(ZSTD_LEVEL).map(Self::Zstd),
        }
    }

    fn pack(&mut self, block: &[u8]) -> io::Result<Vec<u8>> {
        match self {
            Self::Gzip(compressor) => {
                let mut packed = vec![0; compressor.gzip_compress_bound(block.len())];
                let length = compressor
                    .gzip_compress(block, &mut packed)
                    .expect("the bound is an upper bound");
                packed.truncate(length);
                Ok(packed)
            }
            Self::Zstd(compressor) => compressor.compress(block),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{BLOCK, Packed, pack};
    use crate::image::layers::recipe::Compression;
    use crate::image::store::{Store, StoreError};
    use crate::registry::Digest;
    use std::io::{Read as _, Write as _};
    use tempfile::TempDir;

    fn store() -> (TempDir, Store) {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(folder.path()).expect("a store");
        (folder, store)
    }

    fn sample(length: usize) -> Vec<u8> {
        let mut state = 1_u32;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            b"shipway \n"[(state >> 24) as usize % 9]
        };
        (0..length).map(|_| next()).collect()
    }

    fn packed(store: &Store, compression: Compression, threads: usize, bytes: &[u8]) -> Packed {
        pack::<StoreError>(compression, threads, store.writer().expect("a writer"), |blocks| {
            for part in bytes.chunks(100_003) {
                blocks.write_all(part).expect("taken");
            }
            Ok(())
        })
        .expect("packed")
    }

    #[test]
    fn bytes_do_not_depend_on_threads_and_unpack_to_what_they_were() {
        let (_folder, store) = store();
        let bytes = sample(3 * BLOCK + 17);

        for compression in [Compression::Gzip, Compression::Zstd] {
            let one = packed(&store, compression, 1, &bytes);
            for threads in [2, 5] {
                assert_eq!(packed(&store, compression, threads, &bytes), one);
            }
            assert_eq!(one.diff_id, Digest::of(&bytes));
            assert_eq!(one.unpacked, bytes.len() as u64);

            let file = store.open_blob(&one.layer).expect("there");
            let mut unpacked = Vec::new();
            match compression {
                Compression::Gzip => {
                    flate2::read::MultiGzDecoder::new(file).read_to_end(&mut unpacked)
                }
                Compression::Zstd => {
                    zstd::Decoder::new(file).expect("zstd").read_to_end(&mut unpacked)
                }
            }
            .expect("unpacked");
            assert!(unpacked == bytes, "{compression:?}");
        }
    }

    #[test]
    fn an_error_of_the_producer_stores_nothing() {
        let (folder, store) = store();

        let error = pack(Compression::Gzip, 2, store.writer().expect("a writer"), |blocks| {
            blocks.write_all(&sample(2 * BLOCK)).expect("taken");
            Err(store.missing(&Digest::of(b"")))
        })
        .expect_err("stopped");

        assert!(matches!(error, StoreError::Missing { .. }), "{error}");
        for part in ["blobs/sha256", "incoming"] {
            let left = std::fs::read_dir(folder.path().join(part)).expect("a folder").count();
            assert_eq!(left, 0, "{part}");
        }
    }
}
