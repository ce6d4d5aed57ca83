//! A tar archive of a list of entries, readable in blocks and in any order.
//!
//! The position of each entry follows from the list alone, so many threads fill blocks at
//! the same time, directly from the files.

use super::entry::{EntryKind, FileStamp, LayerEntry};
use super::error::LayerError;
use super::pack::{BLOCK_BYTES, BlockSource};
use super::tar_header::{self, EntryHeader};
use crate::progress::Counter;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use tar::EntryType;

pub struct LayerArchive<'a> {
    entries: Vec<LayerEntry>,
    /// The start of each entry, and the end of the last one.
    starts: Vec<u64>,
    mtime: u64,
    next: AtomicU64,
    stop: &'a AtomicBool,
    done: Counter,
}

impl<'a> LayerArchive<'a> {
    pub fn new(entries: Vec<LayerEntry>, mtime: u64, stop: &'a AtomicBool) -> Self {
        let mut starts = Vec::with_capacity(entries.len() + 1);
        let mut end = 0;
        starts.push(end);
        for entry in &entries {
            let header = header(entry);
            end += tar_header::header_length(&header) + tar_header::padded(header.size);
            starts.push(end);
        }
        let (next, done) = (AtomicU64::new(0), Counter::default());
        Self { entries, starts, mtime, next, stop, done }
    }

    /// Counts the bytes read, block by block.
    pub fn counted_by(self, done: Counter) -> Self {
        Self { done, ..self }
    }

    pub fn length(&self) -> u64 {
        self.starts.last().copied().unwrap_or_default() + tar_header::END_BYTES
    }

    /// Fills `block` with the archive's bytes from `begin` on.
    fn fill(&self, begin: u64, block: &mut [u8]) -> Result<(), LayerError> {
        let end = begin + block.len() as u64;
        let first = self.starts.partition_point(|start| *start <= begin).saturating_sub(1);
        let starts = self.starts.windows(2).zip(&self.entries).skip(first);
        // The rest of the block is the end of the archive.
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

impl BlockSource for LayerArchive<'_> {
    type Error = LayerError;

    fn next(&self, block: &mut [u8]) -> Result<Option<(u64, usize)>, LayerError> {
        // Acquire and release: the thread that finds the end must see what others did before
        // they took their blocks.
        let number = self.next.fetch_add(1, Ordering::AcqRel);
        let begin = number.saturating_mul(BLOCK_BYTES as u64);
        if begin >= self.length() {
            return Ok(None);
        }
        let length = offset(self.length(), begin).min(BLOCK_BYTES);
        self.fill(begin, &mut block[..length])?;
        self.done.fetch_add(length as u64, Ordering::Relaxed);
        Ok(Some((number, length)))
    }
}

/// The distance from `begin` to `at`. Saturates, which is beyond any block.
fn offset(at: u64, begin: u64) -> usize {
    usize::try_from(at.saturating_sub(begin)).unwrap_or(usize::MAX)
}

fn header(entry: &LayerEntry) -> EntryHeader<'_> {
    let (kind, size, target): (_, _, &[u8]) = match &entry.kind {
        EntryKind::Folder => (EntryType::Directory, 0, b""),
        EntryKind::Symlink { target } => (EntryType::Symlink, 0, target),
        EntryKind::HardLink { target } => (EntryType::Link, 0, target),
        EntryKind::File { stamp, .. } => (EntryType::Regular, stamp.size, b""),
    };
    EntryHeader {
        path: &entry.path,
        kind,
        mode: entry.mode,
        owner: entry.owner,
        size,
        target,
        xattrs: Some(&entry.xattrs),
        device: None,
    }
}

/// The position of an entry, and of the block that is being filled.
struct Piece {
    begin: u64,
    start: u64,
    end: u64,
    mtime: u64,
}

impl Piece {
    /// Fills the part of the block that the entry covers.
    fn fill(&self, entry: &LayerEntry, block: &mut [u8]) -> Result<(), LayerError> {
        let header = header(entry);
        let data = self.end - tar_header::padded(header.size);
        if self.begin < data {
            let mut bytes = Vec::new();
            tar_header::write_header(&mut bytes, &header, self.mtime);
            let skipped = offset(self.begin, self.start);
            let room = &mut block[offset(self.start, self.begin)..];
            let length = (bytes.len() - skipped).min(room.len());
            room[..length].copy_from_slice(&bytes[skipped..skipped + length]);
        }
        let EntryKind::File { source, stamp } = &entry.kind else { return Ok(()) };
        let (from, to) = (offset(data, self.begin), offset(data + header.size, self.begin));
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

/// Reads a part of a file, and fails if the file has changed since it was listed: its blocks
/// would not be from one version of the file, and the result would be cached for the wrong
/// content.
fn read(path: &Path, stamp: &FileStamp, at: u64, into: &mut [u8]) -> Result<(), LayerError> {
    let read = |source| LayerError::read(path.to_owned(), source);
    let changed = || LayerError::Changed { path: path.to_owned() };
    let file = File::open(path).map_err(read)?;
    let as_listed = |file: &File| {
        let now = FileStamp::of(&file.metadata()?);
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

#[cfg(test)]
mod tests {
    use super::LayerArchive;
    use crate::image::layers::entry::LayerEntry;
    use crate::image::layers::error::LayerError;
    use crate::image::layers::pack::{BLOCK_BYTES, BlockSource as _};
    use crate::image::layers::recipe::LayerSource;
    use crate::image::layers::tree::Tree;
    use crate::image::layers::walk::walk;
    use crate::image::store::Store;
    use std::fs;
    use std::io::Read as _;
    use std::path::Path;
    use std::sync::atomic::AtomicBool;
    use tempfile::TempDir;

    static GO_ON: AtomicBool = AtomicBool::new(false);

    fn listed(files: &[(&str, usize)]) -> (TempDir, Vec<LayerEntry>) {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(&folder.path().join(".shipway")).expect("a store");
        for (name, size) in files {
            let path = folder.path().join("w").join(name);
            fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
            fs::write(path, bytes(name, *size)).expect("a file");
        }
        let source = LayerSource { from: "w".into(), to: "/".into(), ..LayerSource::default() };
        let entries = walk(&source, folder.path(), &store, &mut Tree::default()).expect("walked");
        (folder, entries)
    }

    /// Bytes that identify their file and position.
    fn bytes(name: &str, size: usize) -> Vec<u8> {
        let text = |line: usize| format!("{line} of {name}\n").into_bytes();
        (0..).flat_map(text).take(size).collect()
    }

    fn blocks(archive: &LayerArchive<'_>) -> Result<Vec<u8>, LayerError> {
        let (mut whole, mut block) = (Vec::new(), vec![0xff; BLOCK_BYTES]);
        while let Some((number, length)) = archive.next(&mut block)? {
            assert_eq!(whole.len() as u64, number * BLOCK_BYTES as u64);
            whole.extend_from_slice(&block[..length]);
        }
        Ok(whole)
    }

    #[test]
    fn files_may_cross_blocks() {
        let long = format!("{}/{}", "folder".repeat(30), "name".repeat(40));
        // Sizes that make headers, records, content and padding cross block borders.
        let files = [
            ("a-block-but-two-headers", BLOCK_BYTES - 1024),
            ("b-several-blocks", 3 * BLOCK_BYTES + 5),
            ("c-to-the-end", BLOCK_BYTES - 512 - 512),
            ("d-empty", 0),
            (&long, BLOCK_BYTES),
            ("z/last", 1),
        ];
        let (_folder, entries) = listed(&files);

        let whole = blocks(&LayerArchive::new(entries, 7, &GO_ON)).expect("read");

        assert_eq!(whole.len() % 512, 0);
        let mut found = Vec::new();
        for entry in tar::Archive::new(&whole[..]).entries().expect("an archive") {
            let mut entry = entry.expect("an entry");
            let path = entry.path().expect("a path").display().to_string();
            let mut read = Vec::new();
            entry.read_to_end(&mut read).expect("readable");
            assert_eq!(entry.header().mtime().expect("a time"), 7);
            if entry.header().entry_type().is_file() {
                assert!(read == bytes(&path, read.len()), "{path}");
                found.push((path, read.len()));
            }
        }
        found.sort();
        let mut expected = files.map(|(name, size)| (name.to_owned(), size));
        expected.sort();
        assert_eq!(found, expected);
    }

    #[test]
    fn a_changed_file_is_an_error() {
        let change = |change: &dyn Fn(&Path)| {
            let (folder, entries) = listed(&[("a", 10)]);
            let path = folder.path().join("w/a");
            change(&path);
            let error =
                blocks(&LayerArchive::new(entries, 0, &GO_ON)).expect_err("changed").to_string();
            error.replace(&path.display().to_string(), "PATH")
        };
        let changed = "`PATH` changed while it was read";

        assert_eq!(
            change(&|path| fs::write(path, "longer than before").expect("written")),
            changed
        );
        assert_eq!(change(&|path| fs::write(path, "short").expect("written")), changed);
        assert_eq!(
            change(&|path| {
                let other = path.with_file_name("b");
                fs::write(&other, "0123456789").expect("written");
                fs::rename(other, path).expect("renamed");
            }),
            changed
        );
        assert_eq!(change(&|path| fs::remove_file(path).expect("removed")), changed);
    }
}
