//! Packs streams on all cores, hashing them before and after.
//!
//! A stream is cut into blocks that are read and compressed apart from each
//! other and joined in order: gzip members (RFC 1952, section 2.2) or zstd
//! frames (RFC 8878, section 3), which every reader takes for one stream. What
//! comes out thus depends neither on how many threads there were nor on which
//! streams were packed beside it.
//!
//! Each thread takes a block all the way: reads it, hashes it when its turn has
//! come, compresses it, writes it when its turn has come. A hash takes blocks
//! one after the other, so several streams are under way at once, lest cores
//! wait for one hash. What is in memory is bounded by two pools of buffers.

mod codec;
mod line;
mod pool;
mod source;

pub(in crate::image) use source::{Reading, Source};

use self::codec::Packer;
use self::line::Line;
use self::pool::{Alarm, Pool};
use super::recipe::Compression;
use crate::image::hash::Hasher;
use crate::image::store::{BlobWriter, StoreError};
use crate::oci::{Descriptor, Digest};
use std::io::Write as _;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread;

/// Large enough that cutting costs nothing in size, small enough that many are
/// in the air at once.
pub(in crate::image) const BLOCK: usize = 1 << 20;
/// More threads than this gain nothing: one hash runs over a whole stream.
const MOST_THREADS: usize = 16;
/// Blocks in memory beyond one for each thread, at most: those that wait for
/// their turn.
const MOST_WAITING: usize = 8;

/// A packed stream.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(in crate::image) struct Packed {
    /// As stored.
    pub(in crate::image) layer: Descriptor,
    /// The digest of the stream before it was packed.
    pub(in crate::image) diff_id: Digest,
    /// The length of the stream before it was packed.
    pub(in crate::image) unpacked: u64,
}

/// How many threads pack.
pub(in crate::image) fn threads() -> usize {
    thread::available_parallelism().map_or(1, usize::from).min(MOST_THREADS)
}

/// How streams are packed.
#[derive(Clone, Copy)]
pub(in crate::image) struct PackOptions<'a> {
    pub(in crate::image) compression: Compression,
    pub(in crate::image) threads: usize,
    /// Is told of each stream that is in the store while others are not yet.
    pub(in crate::image) early: &'a (dyn Fn(&Descriptor) + Sync),
}

impl PackOptions<'_> {
    /// On all cores, without a word before the end.
    pub(in crate::image) fn new(compression: Compression) -> Self {
        Self { compression, threads: threads(), early: &|_| () }
    }
}

/// Packs each stream into its blob. Of several errors, one that came first.
pub(in crate::image) fn pack<S>(
    options: PackOptions<'_>,
    streams: Vec<(S, BlobWriter)>,
) -> Result<Vec<Packed>, S::Error>
where
    S: Source + Sync,
    S::Error: From<StoreError> + Send,
{
    let PackOptions { compression, threads, early } = options;
    let waiting = threads.min(MOST_WAITING);
    let hall = Hall {
        compression,
        early,
        left: AtomicUsize::new(streams.len()),
        jobs: streams.into_iter().map(|(source, out)| Job::new(source, out)).collect(),
        open: threads,
        plain: Pool::new(threads + waiting, BLOCK),
        packed: Pool::new(threads + waiting, codec::bound(compression)),
        failure: Mutex::new(None),
    };
    thread::scope(|scope| {
        for _ in 1..threads {
            scope.spawn(|| hall.work());
        }
        hall.work();
    });
    hall.finish()
}

/// Where threads pack.
struct Hall<'a, S: Source> {
    compression: Compression,
    early: &'a (dyn Fn(&Descriptor) + Sync),
    /// How many streams are not in the store yet.
    left: AtomicUsize,
    jobs: Vec<Job<S>>,
    /// How many streams are under way at once, at most.
    open: usize,
    plain: Pool,
    packed: Pool,
    failure: Mutex<Option<S::Error>>,
}

/// One stream.
struct Job<S> {
    source: S,
    /// Blocks that were taken, or may be about to be.
    taken: AtomicU64,
    hashed: AtomicU64,
    written: AtomicU64,
    ended: AtomicBool,
    hashing: Line<Block, Hasher>,
    /// Nothing from when the stream is in the store.
    writing: Line<Block, Option<BlobWriter>>,
    packed: OnceLock<Packed>,
}

/// A buffer, filled so far.
struct Block {
    buffer: Arc<Vec<u8>>,
    length: usize,
}

impl Block {
    fn bytes(&self) -> &[u8] {
        &self.buffer[..self.length]
    }
}

impl<S> Job<S> {
    fn new(source: S, out: BlobWriter) -> Self {
        Self {
            source,
            taken: AtomicU64::new(0),
            hashed: AtomicU64::new(0),
            written: AtomicU64::new(0),
            ended: AtomicBool::new(false),
            hashing: Line::new(Hasher::new()),
            writing: Line::new(Some(out)),
            packed: OnceLock::new(),
        }
    }

    fn under_way(&self) -> u64 {
        self.taken.load(Ordering::SeqCst).saturating_sub(self.written.load(Ordering::SeqCst))
    }

    /// Whether nothing of it is left to be done.
    fn is_over(&self) -> bool {
        // In this order: who is about to take a block has said so before the
        // end is known.
        self.ended.load(Ordering::SeqCst) && {
            let taken = self.taken.load(Ordering::SeqCst);
            [&self.hashed, &self.written].iter().all(|done| done.load(Ordering::SeqCst) == taken)
        }
    }
}

impl<S: Source> Hall<'_, S>
where
    S::Error: From<StoreError>,
{
    fn work(&self) {
        let _alarm = Alarm([&self.plain, &self.packed]);
        let mut packer = Packer::new(self.compression);
        // Buffers first: whoever has a block's number has what the block needs,
        // so the block whose turn it is never waits for one.
        while let Some((mut plain, packed)) = self.plain.take().zip(self.packed.take()) {
            let Some(job) = self.next_job() else { break };
            job.taken.fetch_add(1, Ordering::SeqCst);
            match job.source.next(&mut plain) {
                Ok(Some((number, length))) => {
                    let block = Block { buffer: Arc::new(plain), length };
                    self.block(job, number, block, (&mut packer, packed));
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
        // Nothing is left, or something went wrong: no one is to wait.
        self.close();
    }

    /// The stream of which the least is under way, of the first few.
    fn next_job(&self) -> Option<&Job<S>> {
        let left = self.jobs.iter().filter(|job| !job.ended.load(Ordering::SeqCst));
        left.take(self.open).min_by_key(|job| job.under_way())
    }

    fn block(
        &self,
        job: &Job<S>,
        number: u64,
        plain: Block,
        (packer, mut packed): (&mut Packer, Vec<u8>),
    ) {
        let waiting = Block { buffer: Arc::clone(&plain.buffer), ..plain };
        job.hashing.add(number, waiting, |hasher, block| {
            hasher.update(block.bytes());
            job.hashed.fetch_add(1, Ordering::SeqCst);
            give_back(&self.plain, block);
        });
        let length = packer.pack(plain.bytes(), &mut packed);
        give_back(&self.plain, plain);
        let packed = Block { buffer: Arc::new(packed), length };
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

    /// Puts the stream into the store, when that is all that is left of it.
    fn store_if_over(&self, job: &Job<S>) {
        if !job.is_over() || self.has_failed() {
            return;
        }
        let Some(out) = job.writing.replace_desk(None) else { return };
        let (diff_id, unpacked) = job.hashing.replace_desk(Hasher::new()).finish();
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

    /// The first failure is the one that is told.
    fn fail(&self, error: S::Error) {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
        self.close();
    }

    /// Sends everyone home after the block that they are at.
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

/// The last who needs a buffer gives it back.
fn give_back(pool: &Pool, block: Block) {
    if let Some(buffer) = Arc::into_inner(block.buffer) {
        pool.give(buffer);
    }
}

#[cfg(test)]
mod tests;
