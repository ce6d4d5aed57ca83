//! The archive of a list of entries, any block of it at any time.
//!
//! Where each entry stands follows from the list alone, so blocks are filled by
//! many threads at once, straight from the files.

use super::error::LayerError;
use super::pack::{BLOCK, Source};
use super::tape::{self, Head};
use super::walk::{Entry, Kind, Stamp};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use tar::EntryType;

pub(super) struct Archive<'a> {
    entries: Vec<Entry>,
    /// Where each entry begins, and where the last one ends.
    starts: Vec<u64>,
    /// The time of every entry.
    mtime: u64,
    next: AtomicU64,
    stop: &'a AtomicBool,
}

impl<'a> Archive<'a> {
    pub(super) fn new(entries: Vec<Entry>, mtime: u64, stop: &'a AtomicBool) -> Self {
        let mut starts = Vec::with_capacity(entries.len() + 1);
        let mut end = 0;
        starts.push(end);
        for entry in &entries {
            let head = head(entry);
            end += tape::head_length(&head) + tape::padded(head.size);
            starts.push(end);
        }
        Self { entries, starts, mtime, next: AtomicU64::new(0), stop }
    }

    fn length(&self) -> u64 {
        self.starts.last().copied().unwrap_or_default() + tape::END
    }

    /// Fills `block` with what stands from `begin` on.
    fn fill(&self, begin: u64, block: &mut [u8]) -> Result<(), LayerError> {
        let end = begin + block.len() as u64;
        let first = self.starts.partition_point(|start| *start <= begin).saturating_sub(1);
        let starts = self.starts.windows(2).zip(&self.entries).skip(first);
        // What no entry fills: the end.
        let mut filled = begin;
        for (bounds, entry) in starts.take_while(|(bounds, _)| bounds[0] < end) {
            if self.stop.load(Ordering::Relaxed) {
                return Err(LayerError::Stopped);
            }
            let piece = Piece { begin, start: bounds[0], end: bounds[1], mtime: self.mtime };
            piece.fill(entry, block)?;
            filled = bounds[1].min(end);
        }
        block[offset(filled, begin)..].fill(0);
        Ok(())
    }
}

impl Source for Archive<'_> {
    type Error = LayerError;

    fn next(&self, block: &mut [u8]) -> Result<Option<(u64, usize)>, LayerError> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let begin = number.saturating_mul(BLOCK as u64);
        if begin >= self.length() {
            return Ok(None);
        }
        let length = offset(self.length(), begin).min(BLOCK);
        self.fill(begin, &mut block[..length])?;
        Ok(Some((number, length)))
    }
}

/// How far `at` lies behind `begin`. Within memory, or so far that any length is
/// less.
fn offset(at: u64, begin: u64) -> usize {
    usize::try_from(at.saturating_sub(begin)).unwrap_or(usize::MAX)
}

fn head(entry: &Entry) -> Head<'_> {
    let (kind, size, target): (_, _, &[u8]) = match &entry.kind {
        Kind::Folder => (EntryType::Directory, 0, b""),
        Kind::Symlink { target } => (EntryType::Symlink, 0, target),
        Kind::HardLink { target } => (EntryType::Link, 0, target),
        Kind::File { stamp, .. } => (EntryType::Regular, stamp.size, b""),
    };
    Head { path: &entry.path, kind, mode: entry.mode, owner: entry.owner, size, target }
}

/// An entry from `start` to `end`, as seen from a block that begins at `begin`.
struct Piece {
    begin: u64,
    start: u64,
    end: u64,
    mtime: u64,
}

impl Piece {
    /// Fills that part of the block where the entry stands.
    fn fill(&self, entry: &Entry, block: &mut [u8]) -> Result<(), LayerError> {
        let head = head(entry);
        let data = self.end - tape::padded(head.size);
        if self.begin < data {
            let mut bytes = Vec::new();
            tape::write_head(&mut bytes, &head, self.mtime);
            let skipped = offset(self.begin, self.start);
            let room = &mut block[offset(self.start, self.begin)..];
            let length = (bytes.len() - skipped).min(room.len());
            room[..length].copy_from_slice(&bytes[skipped..skipped + length]);
        }
        let Kind::File { source, stamp } = &entry.kind else { return Ok(()) };
        let (from, to) = (offset(data, self.begin), offset(data + head.size, self.begin));
        let (from, to) = (from.min(block.len()), to.min(block.len()));
        if from < to {
            let at = self.begin.saturating_sub(data);
            read(&source.path(&entry.path), stamp, at, &mut block[from..to])?;
        }
        let end = offset(self.end, self.begin).min(block.len());
        block[to..end].fill(0);
        Ok(())
    }
}

/// Reads a part of a file. One that is not what was listed any more would be
/// remembered as what was listed, and its blocks would not be of one file.
fn read(path: &Path, stamp: &Stamp, at: u64, into: &mut [u8]) -> Result<(), LayerError> {
    let read = |source| LayerError::Read { path: path.to_owned(), source };
    let changed = || LayerError::Changed { path: path.to_owned() };
    let file = File::open(path).map_err(read)?;
    let as_listed = |file: &File| {
        let now = Stamp::of(&file.metadata()?);
        Ok((now.inode, now.size, now.modified) == (stamp.inode, stamp.size, stamp.modified))
    };
    if !as_listed(&file).map_err(read)? {
        return Err(changed());
    }
    match file.read_exact_at(into, at) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Err(changed()),
        Err(error) => return Err(read(error)),
    }
    if as_listed(&file).map_err(read)? { Ok(()) } else { Err(changed()) }
}
