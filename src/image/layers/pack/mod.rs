//! Compresses streams on all cores, and hashes them before and after.
//!
//! A stream is divided into blocks that are read and compressed independently and joined in
//! order: gzip members (RFC 1952, section 2.2) or zstd frames (RFC 8878, section 3), which
//! every reader treats as one stream. The result therefore depends neither on the number of
//! threads nor on other streams.
//!
//! Each thread takes a block through all steps: it reads and compresses the block, and
//! hashes and writes it when its turn has come. A hash processes blocks in order, so several
//! streams are in progress at once to keep all cores busy. Two pools of buffers bound the
//! memory.

mod codec;
mod pool;
mod reorder;
mod source;

pub use source::{BLOCK_BYTES, BlockSource, ReaderSource};

use self::codec::Packer;
use self::pool::{CloseOnPanic, Pool};
use self::reorder::ReorderQueue;
use super::recipe::Compression;
use crate::image::hash::Hasher;
use crate::image::store::{BlobWriter, StoreError};
use crate::oci::{Descriptor, Digest};
use std::io::Write as _;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread;

/// More threads gain nothing, since one hash covers a whole stream.
const MAX_THREADS: usize = 16;
/// Additional blocks in memory, beyond one a thread, that wait for their turn.
const MAX_WAITING_BLOCKS: usize = 8;

#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Packed {
    pub layer: Descriptor,
    /// Digest of the uncompressed stream.
    pub diff_id: Digest,
    /// Size of the uncompressed stream in bytes.
    pub unpacked: u64,
}

/// The number of threads to use on this machine.
pub fn threads() -> usize {
    thread::available_parallelism().map_or(1, usize::from).min(MAX_THREADS)
}

/// How streams are packed.
#[derive(Clone, Copy)]
pub struct PackOptions<'a> {
    pub compression: Compression,
    pub threads: usize,
    /// Called for each stream that is stored while others are not.
    pub early: &'a (dyn Fn(&Descriptor) + Sync),
}

impl PackOptions<'_> {
    /// On all cores, without reports.
    pub fn new(compression: Compression) -> Self {
        Self { compression, threads: threads(), early: &|_| () }
    }
}

/// Compresses each stream into its blob. Returns the first of several errors.
pub fn pack<S>(
    options: PackOptions<'_>,
    streams: Vec<(S, BlobWriter)>,
) -> Result<Vec<Packed>, S::Error>
where
    S: BlockSource + Sync,
    S::Error: From<StoreError> + Send,
{
    let PackOptions { compression, threads, early } = options;
    let waiting = threads.min(MAX_WAITING_BLOCKS);
    let workers = PackWorkers {
        compression,
        early,
        left: AtomicUsize::new(streams.len()),
        jobs: streams.into_iter().map(|(source, out)| StreamJob::new(source, out)).collect(),
        open: threads,
        plain: Pool::new(threads + waiting, BLOCK_BYTES),
        packed: Pool::new(threads + waiting, codec::bound(compression)),
        failure: Mutex::new(None),
    };
    thread::scope(|scope| {
        for _ in 1..threads {
            scope.spawn(|| workers.work());
        }
        workers.work();
    });
    workers.finish()
}

/// The state that all threads share.
struct PackWorkers<'a, S: BlockSource> {
    compression: Compression,
    early: &'a (dyn Fn(&Descriptor) + Sync),
    /// Number of streams that are not stored yet.
    left: AtomicUsize,
    jobs: Vec<StreamJob<S>>,
    /// The largest number of streams in progress.
    open: usize,
    plain: Pool,
    packed: Pool,
    failure: Mutex<Option<S::Error>>,
}

struct StreamJob<S> {
    source: S,
    /// Number of blocks taken, including those about to be.
    taken: AtomicU64,
    hashed: AtomicU64,
    written: AtomicU64,
    ended: AtomicBool,
    hashing: ReorderQueue<Block, Hasher>,
    /// `None` once the stream is stored.
    writing: ReorderQueue<Block, Option<BlobWriter>>,
    packed: OnceLock<Packed>,
}

/// A buffer and the length of its content.
struct Block {
    buffer: Arc<Vec<u8>>,
    length: usize,
}

impl Block {
    fn bytes(&self) -> &[u8] {
        &self.buffer[..self.length]
    }
}

impl<S> StreamJob<S> {
    fn new(source: S, out: BlobWriter) -> Self {
        Self {
            source,
            taken: AtomicU64::new(0),
            hashed: AtomicU64::new(0),
            written: AtomicU64::new(0),
            ended: AtomicBool::new(false),
            hashing: ReorderQueue::new(Hasher::new()),
            writing: ReorderQueue::new(Some(out)),
            packed: OnceLock::new(),
        }
    }

    fn under_way(&self) -> u64 {
        self.taken.load(Ordering::SeqCst).saturating_sub(self.written.load(Ordering::SeqCst))
    }

    /// Whether the stream is completely hashed and written.
    fn is_over(&self) -> bool {
        // `ended` is read first: a thread that takes a block increments `taken` before it
        // can find the end.
        self.ended.load(Ordering::SeqCst) && {
            let taken = self.taken.load(Ordering::SeqCst);
            [&self.hashed, &self.written].iter().all(|done| done.load(Ordering::SeqCst) == taken)
        }
    }
}

impl<S: BlockSource> PackWorkers<'_, S>
where
    S::Error: From<StoreError>,
{
    fn work(&self) {
        let _alarm = CloseOnPanic([&self.plain, &self.packed]);
        let mut packer = Packer::new(self.compression);
        // Buffers are taken before a block, so a thread with the next block in order never
        // waits for a buffer.
        while let Some((mut plain, mut packed)) = self.plain.take().zip(self.packed.take()) {
            let Some(job) = self.next_job() else { break };
            job.taken.fetch_add(1, Ordering::SeqCst);
            match job.source.next(&mut plain) {
                Ok(Some((number, length))) => {
                    let block = Block { buffer: Arc::new(plain), length };
                    self.hash(job, number, &block);
                    let length = packer.pack(block.bytes(), &mut packed);
                    give_back(&self.plain, block);
                    self.write(job, number, Block { buffer: Arc::new(packed), length });
                    self.store_if_over(job);
                }
                Ok(None) => {
                    job.ended.store(true, Ordering::SeqCst);
                    job.taken.fetch_sub(1, Ordering::SeqCst);
                    self.store_if_over(job);
                    self.plain.give(plain);
                    self.packed.give(packed);
                }
                Err(error) => self.fail(error),
            }
        }
        // All blocks are done or there was an error: wake all waiting threads.
        self.close();
    }

    /// Of the first open streams, the one with the fewest blocks in progress.
    fn next_job(&self) -> Option<&StreamJob<S>> {
        let left = self.jobs.iter().filter(|job| !job.ended.load(Ordering::SeqCst));
        left.take(self.open).min_by_key(|job| job.under_way())
    }

    /// Hashes a block when its turn has come.
    fn hash(&self, job: &StreamJob<S>, number: u64, plain: &Block) {
        let block = Block { buffer: Arc::clone(&plain.buffer), length: plain.length };
        job.hashing.add(number, block, |hasher, block| {
            hasher.update(block.bytes());
            job.hashed.fetch_add(1, Ordering::SeqCst);
            give_back(&self.plain, block);
        });
    }

    /// Writes a compressed block when its turn has come.
    fn write(&self, job: &StreamJob<S>, number: u64, packed: Block) {
        job.writing.add(number, packed, |out, block| {
            if let Some(out) = out
                && let Err(source) = out.write_all(block.bytes())
            {
                self.fail(out.write_error(source).into());
            }
            job.written.fetch_add(1, Ordering::SeqCst);
            give_back(&self.packed, block);
        });
    }

    /// Stores the stream if it is complete.
    fn store_if_over(&self, job: &StreamJob<S>) {
        if !job.is_over() || self.has_failed() {
            return;
        }
        let Some(out) = job.writing.replace_consumer(None) else { return };
        let (diff_id, unpacked) = job.hashing.replace_consumer(Hasher::new()).finish();
        match out.finish(self.compression.media_type()) {
            Ok(layer) => {
                let packed = job.packed.get_or_init(|| Packed { layer, diff_id, unpacked });
                if self.left.fetch_sub(1, Ordering::SeqCst) > 1 {
                    (self.early)(&packed.layer);
                }
            }
            Err(error) => self.fail(error.into()),
        }
    }

    fn has_failed(&self) -> bool {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// Keeps the first error and stops all threads.
    fn fail(&self, error: S::Error) {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
        self.close();
    }

    /// Stops every thread after its current block.
    fn close(&self) {
        self.plain.close();
        self.packed.close();
    }

    fn finish(self) -> Result<Vec<Packed>, S::Error> {
        if let Some(error) = self.failure.into_inner().unwrap_or_else(PoisonError::into_inner) {
            return Err(error);
        }
        let packed = self.jobs.into_iter().map(|job| job.packed.into_inner());
        Ok(packed.map(|packed| packed.expect("all are over where none failed")).collect())
    }
}

/// Returns a buffer to its pool if this was the last reference.
fn give_back(pool: &Pool, block: Block) {
    if let Some(buffer) = Arc::into_inner(block.buffer) {
        pool.give(buffer);
    }
}

#[cfg(test)]
mod tests;
