//! The archive of a list of entries, any block of it at any time.
//!
//! Where each entry stands follows from the list alone, so blocks are filled by
//! many threads at once, straight from the files.

use super::error::LayerError;
use super::pack::{BLOCK, Source};
use super::tape::{self, Head};
use super::walk::{Entry, Kind, Stamp};
use crate::progress::Counter;
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
    /// Counts what was read.
    done: Counter,
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
        let (next, done) = (AtomicU64::new(0), Counter::default());
        Self { entries, starts, mtime, next, stop, done }
    }

    /// Also counts here what was read, block by block.
    pub(super) fn counted_by(self, done: Counter) -> Self {
        Self { done, ..self }
    }

    pub(super) fn length(&self) -> u64 {
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
        // Who finds the end is to know what others did before they took theirs.
        let number = self.next.fetch_add(1, Ordering::AcqRel);
        let begin = number.saturating_mul(BLOCK as u64);
        if begin >= self.length() {
            return Ok(None);
        }
        let length = offset(self.length(), begin).min(BLOCK);
        self.fill(begin, &mut block[..length])?;
        self.done.fetch_add(length as u64, Ordering::Relaxed);
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
    let read = |source| LayerError::read(path.to_owned(), source);
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

#[cfg(test)]
mod tests {
    use super::Archive;
    use crate::image::layers::error::LayerError;
    use crate::image::layers::pack::{BLOCK, Source as _};
    use crate::image::layers::recipe::LayerSource;
    use crate::image::layers::tree::Tree;
    use crate::image::layers::walk::{Entry, walk};
    use crate::image::store::Store;
    use std::fs;
    use std::io::Read as _;
    use std::path::Path;
    use std::sync::atomic::AtomicBool;
    use tempfile::TempDir;

    static GO_ON: AtomicBool = AtomicBool::new(false);

    fn listed(files: &[(&str, usize)]) -> (TempDir, Vec<Entry>) {
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

    /// Bytes that tell where in which file they stand.
    fn bytes(name: &str, size: usize) -> Vec<u8> {
        let text = |line: usize| format!("{line} of {name}\n").into_bytes();
        (0..).flat_map(text).take(size).collect()
    }

    fn blocks(archive: &Archive<'_>) -> Result<Vec<u8>, LayerError> {
        let (mut whole, mut block) = (Vec::new(), vec![0xff; BLOCK]);
        while let Some((number, length)) = archive.next(&mut block)? {
            assert_eq!(whole.len() as u64, number * BLOCK as u64);
            whole.extend_from_slice(&block[..length]);
        }
        Ok(whole)
    }

    #[test]
    fn files_lie_across_blocks_as_they_do_within() {
        let long = format!("{}/{}", "folder".repeat(30), "name".repeat(40));
        // So that headers, records, bytes and zeros are cut by the end of a block.
        let files = [
            ("a-block-but-two-headers", BLOCK - 1024),
            ("b-several-blocks", 3 * BLOCK + 5),
            ("c-to-the-end", BLOCK - 512 - 512),
            ("d-empty", 0),
            (&long, BLOCK),
            ("z/last", 1),
        ];
        let (_folder, entries) = listed(&files);

        let whole = blocks(&Archive::new(entries, 7, &GO_ON)).expect("read");

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
    fn a_file_that_is_another_by_now_is_an_error() {
        let change = |change: &dyn Fn(&Path)| {
            let (folder, entries) = listed(&[("a", 10)]);
            let path = folder.path().join("w/a");
            change(&path);
            let error = blocks(&Archive::new(entries, 0, &GO_ON)).expect_err("changed").to_string();
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
