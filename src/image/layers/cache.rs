//! Caches which layer a list of files was packed to, so that unchanged files are not read
//! again.
//!
//! The key of a note is a hash of everything that the layer depends on, with the metadata of
//! each file in place of its content. A note is used only if it is undamaged and its layer
//! is stored, either untouched since or with the right digest.

use super::entry::{EntryKind, FileStamp, LayerEntry};
use super::pack::Packed;
use super::recipe::Compression;
use crate::image::hash::of_reader;
use crate::image::store::Store;
use crate::oci::{Descriptor, Digest};
use serde::{Deserialize, Serialize};
use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, SystemTime};

/// Must change when the archive of the same entries changes.
const FORMAT: &str = "tar-1";

/// Number of entries that one thread hashes.
const ENTRIES_PER_HASH: usize = 8192;

/// A file that changed within this time before it was read may change again within the same
/// tick of the file system's clock. Linux ticks every 1 to 10 ms.
const CLOCK_TICK: Duration = Duration::from_millis(100);
/// The same for file systems with a resolution of one or two seconds.
const COARSE_CLOCK_TICK: Duration = Duration::from_secs(3);

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct CacheNote {
    layer: Descriptor,
    diff_id: Digest,
    unpacked: u64,
    seen: BlobStamp,
    /// Checksum of all other fields, against damaged disks.
    check: Digest,
}

impl CacheNote {
    fn digest(&self) -> Digest {
        let Self { layer, diff_id, unpacked, seen: BlobStamp(inode, seconds, nanos), check: _ } =
            self;
        let Descriptor { media_type, digest, size, .. } = layer;
        let fields =
            format!("{media_type} {digest} {size} {diff_id} {unpacked} {inode} {seconds} {nanos}");
        Digest::of(fields.as_bytes())
    }
}

/// The inode of a stored layer and its modification time.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
struct BlobStamp(u64, i64, i64);

impl BlobStamp {
    fn at(path: &Path) -> Option<Self> {
        let metadata = fs::metadata(path).ok()?;
        Some(Self(metadata.ino(), metadata.mtime(), metadata.mtime_nsec()))
    }
}

/// The cache entry of one layer.
pub struct LayerCache<'a> {
    store: &'a Store,
    key: Digest,
}

impl<'a> LayerCache<'a> {
    pub fn new(
        store: &'a Store,
        entries: &[LayerEntry],
        compression: Compression,
        mtime: u64,
    ) -> Self {
        let mut key = CacheKey::default();
        for text in [FORMAT, compression.name()] {
            key.bytes(text.as_bytes());
        }
        key.number(mtime);
        for part in parts(entries) {
            key.bytes(part.as_str().as_bytes());
        }
        Self { store, key: key.finish() }
    }

    /// The cache entry of a layer by the digest of its uncompressed stream.
    pub fn of_stream(store: &'a Store, diff_id: &Digest, compression: Compression) -> Self {
        let mut key = CacheKey::default();
        for text in ["stream", compression.name(), diff_id.as_str()] {
            key.bytes(text.as_bytes());
        }
        Self { store, key: key.finish() }
    }

    /// The cache entry of a layer whose key its maker has computed.
    pub fn of_key(store: &'a Store, made_from: &Digest) -> Self {
        let mut key = CacheKey::default();
        for text in ["key", made_from.as_str()] {
            key.bytes(text.as_bytes());
        }
        Self { store, key: key.finish() }
    }

    fn path(&self) -> PathBuf {
        self.store.notes().join(format!("layer-{}.json", self.key.hex()))
    }

    /// The cached layer, if it is still stored.
    pub fn recall(&self) -> Option<Packed> {
        let note: CacheNote = serde_json::from_slice(&fs::read(self.path()).ok()?).ok()?;
        if note.check != note.digest() || !self.store.has(&note.layer) {
            return None;
        }
        let path = self.store.path(&note.layer.digest).ok()?;
        let seen = BlobStamp::at(&path)?;
        let CacheNote { layer, diff_id, unpacked, .. } = note;
        let packed = Packed { layer, diff_id, unpacked };
        // The file was replaced or written to since, so its content is verified.
        if seen != note.seen {
            let (digest, _) = of_reader(&mut File::open(&path).ok()?).ok()?;
            if digest != packed.layer.digest {
                // Removed, or it would be taken for a valid blob.
                fs::remove_file(path).ok();
                return None;
            }
            self.remember(&packed);
        }
        Some(packed)
    }

    /// Writes the note. Errors are ignored: without it the next build only takes longer.
    pub fn remember(&self, packed: &Packed) {
        let Packed { layer, diff_id, unpacked } = packed.clone();
        let seen = self.store.path(&layer.digest).ok().and_then(|path| BlobStamp::at(&path));
        let Some(seen) = seen else { return };
        let check = Digest::of(b"");
        let mut note = CacheNote { layer, diff_id, unpacked, seen, check };
        note.check = note.digest();
        let text = serde_json::to_vec(&note).expect("a note is text by text");
        if let Ok(mut file) = self.store.temporary()
            && file.write_all(&text).is_ok()
        {
            file.persist(self.path()).ok();
        }
    }
}

/// Where the digest of what a list holds is kept.
pub fn content_note(store: &Store, entries: &[LayerEntry]) -> PathBuf {
    let mut key = CacheKey::default();
    for text in [FORMAT, "content"] {
        key.bytes(text.as_bytes());
    }
    for part in parts(entries) {
        key.bytes(part.as_str().as_bytes());
    }
    store.notes().join(format!("content-{}", key.finish().hex()))
}

/// Whether every file is unchanged for so long that a later change would change its
/// metadata.
pub fn settled(entries: &[LayerEntry], now: SystemTime) -> bool {
    entries.iter().all(|entry| match &entry.kind {
        EntryKind::File { stamp, .. } => {
            let tick = if stamp.changed.1 == 0 { COARSE_CLOCK_TICK } else { CLOCK_TICK };
            let seconds = u64::try_from(stamp.changed.0).unwrap_or(0);
            let nanos = u32::try_from(stamp.changed.1).unwrap_or(0);
            SystemTime::UNIX_EPOCH + Duration::new(seconds, nanos) + tick < now
        }
        EntryKind::Folder | EntryKind::Symlink { .. } | EntryKind::HardLink { .. } => true,
    })
}

/// Hashes the list in parts, on all cores.
fn parts(entries: &[LayerEntry]) -> Vec<Digest> {
    let digest = |part: &[LayerEntry]| {
        let mut key = CacheKey::default();
        let mut before: &[u8] = b"";
        for entry in part {
            key.entry(entry, before);
            before = &entry.path;
        }
        key.finish()
    };
    let mut parts = entries.chunks(ENTRIES_PER_HASH);
    let Some(first) = parts.next() else { return Vec::new() };
    thread::scope(|scope| {
        let others: Vec<_> = parts.map(|part| scope.spawn(move || digest(part))).collect();
        let mut digests = vec![digest(first)];
        digests.extend(others.into_iter().map(|other| other.join().expect("no panic")));
        digests
    })
}

/// A hash of length-prefixed fields, so that different field lists never give the same
/// bytes. Small numbers take few bytes to keep hashing fast.
#[derive(Default)]
struct CacheKey(Vec<u8>);

impl CacheKey {
    fn finish(self) -> Digest {
        Digest::of(&self.0)
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
    }

    /// A variable-length number: seven bits a byte, the lowest first.
    fn number(&mut self, mut number: u64) {
        while number > 0x7f {
            self.0.push(number.to_le_bytes()[0] | 0x80);
            number >>= 7;
        }
        self.0.push(number.to_le_bytes()[0]);
    }

    /// The prefix that a path shares with the previous one is written as its length.
    fn entry(&mut self, entry: &LayerEntry, before: &[u8]) {
        let LayerEntry { path, mode, owner, xattrs, kind } = entry;
        let shared = path.iter().zip(before).take_while(|(one, other)| one == other).count();
        self.number(shared as u64);
        self.bytes(&path[shared..]);
        for number in [*mode, owner.uid, owner.gid] {
            self.number(number.into());
        }
        if !xattrs.is_empty() {
            self.number(4);
            self.number(xattrs.iter().len() as u64);
            for (name, value) in xattrs.iter() {
                self.bytes(name.as_bytes());
                self.bytes(value);
            }
        }
        match kind {
            EntryKind::Folder => self.number(0),
            EntryKind::File { stamp, .. } => {
                self.number(1);
                self.stamp(stamp);
            }
            EntryKind::Symlink { target } => {
                self.number(2);
                self.bytes(target);
            }
            EntryKind::HardLink { target } => {
                self.number(3);
                self.bytes(target);
            }
        }
    }

    /// Without the device number, which may change with a restart, and without the link
    /// count, which the build of another folder may change.
    fn stamp(&mut self, stamp: &FileStamp) {
        let FileStamp { inode, size, modified, changed, .. } = *stamp;
        self.number(inode);
        self.number(size);
        for time in [modified.0, modified.1, changed.0, changed.1] {
            self.number(time.cast_unsigned());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{LayerCache, settled};
    use crate::image::layers::entry::{EntryKind, FileSource, FileStamp, LayerEntry};
    use crate::image::layers::pack::Packed;
    use crate::image::layers::recipe::{Compression, Owner};
    use crate::image::layers::xattrs::Xattrs;
    use crate::image::store::Store;
    use crate::oci::Digest;
    use std::fs;
    use std::path::Path;
    use std::time::{Duration, SystemTime};
    use tempfile::TempDir;

    fn entry(path: &str, changed: (i64, i64)) -> LayerEntry {
        let stamp = FileStamp { device: 1, inode: 2, links: 1, size: 3, modified: (4, 5), changed };
        let kind = EntryKind::File { source: FileSource::At(Path::new("/x").into()), stamp };
        let (mode, owner, xattrs) = (0o644, Owner::default(), Xattrs::default());
        LayerEntry { path: path.as_bytes().into(), mode, owner, xattrs, kind }
    }

    fn remembered() -> (TempDir, Store, Packed) {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(folder.path()).expect("a store");
        let layer = store.put("layer", b"packed").expect("stored");
        let packed = Packed { layer, diff_id: Digest::of(b"stream"), unpacked: 6 };
        LayerCache::new(&store, &[entry("a", (6, 7))], Compression::Gzip, 0).remember(&packed);
        (folder, store, packed)
    }

    #[test]
    fn the_same_files_are_the_same_layer_and_no_others() {
        let (_folder, store, packed) = remembered();
        let recall = |entry, compression, mtime| {
            LayerCache::new(&store, &[entry], compression, mtime).recall()
        };

        assert_eq!(recall(entry("a", (6, 7)), Compression::Gzip, 0), Some(packed));
        assert_eq!(recall(entry("b", (6, 7)), Compression::Gzip, 0), None);
        assert_eq!(recall(entry("a", (6, 8)), Compression::Gzip, 0), None);
        assert_eq!(recall(entry("a", (6, 7)), Compression::Zstd, 0), None);
        assert_eq!(recall(entry("a", (6, 7)), Compression::Gzip, 1), None);
    }

    #[test]
    fn a_damaged_note_is_ignored() {
        let (_folder, store, packed) = remembered();
        let entries = [entry("a", (6, 7))];
        let cache = LayerCache::new(&store, &entries, Compression::Gzip, 0);
        let whole = fs::read_to_string(cache.path()).expect("a note");

        for length in 0..whole.len() {
            fs::write(cache.path(), &whole[..length]).expect("torn");
            assert_eq!(cache.recall(), None, "cut at {length}");
        }
        fs::write(cache.path(), whole.replace("\"unpacked\":6", "\"unpacked\":7")).expect("wrong");
        assert_eq!(cache.recall(), None);

        fs::write(cache.path(), &whole).expect("whole again");
        assert_eq!(cache.recall(), Some(packed.clone()));
        fs::write(store.path(&packed.layer.digest).expect("a path"), b"pack").expect("torn");
        assert_eq!(cache.recall(), None, "the layer is torn");
    }

    #[test]
    fn a_touched_layer_is_verified() {
        let (_folder, store, packed) = remembered();
        let entries = [entry("a", (6, 7))];
        let cache = LayerCache::new(&store, &entries, Compression::Gzip, 0);
        let path = store.path(&packed.layer.digest).expect("a path");
        let note = fs::read(cache.path()).expect("a note");

        let copy = path.with_extension("copy");
        fs::copy(&path, &copy).expect("copied");
        fs::rename(&copy, &path).expect("put back");
        assert_eq!(cache.recall(), Some(packed.clone()));
        assert_ne!(fs::read(cache.path()).expect("a note"), note, "the note is written again");

        fs::write(&copy, b"pocked").expect("as long");
        fs::rename(&copy, &path).expect("put back");
        assert_eq!(cache.recall(), None);
        assert!(!path.exists(), "it would be taken for the whole one");
    }

    #[test]
    fn every_field_of_every_entry_counts() {
        let key = |entries: &[LayerEntry]| {
            let (_folder, store, _) = remembered();
            LayerCache::new(&store, entries, Compression::Gzip, 0).key
        };
        let many = |count| -> Vec<LayerEntry> {
            (0..count).map(|number| entry(&format!("folder/{number:06}"), (6, 7))).collect()
        };
        let whole = many(20_000);
        let change = |at: usize, change: &dyn Fn(&mut LayerEntry)| {
            let mut entries = whole.clone();
            change(&mut entries[at]);
            key(&entries)
        };
        let stamped = |change: &dyn Fn(&mut FileStamp)| {
            let EntryKind::File { source, mut stamp } = whole[7].kind.clone() else {
                panic!("a file")
            };
            change(&mut stamp);
            EntryKind::File { source, stamp }
        };
        // A layer that was packed without the attributes of its files is not reused.
        let capability = |byte| Xattrs::of([("security.capability".into(), vec![byte])].into());
        let link = |target: &[u8]| EntryKind::Symlink { target: target.into() };
        let mut keys = vec![
            key(&[]),
            key(&whole),
            key(&whole[1..]),
            key(&whole[..19_999]),
            change(7, &|entry| entry.mode = 0o755),
            change(7, &|entry| entry.owner.gid = 1),
            change(7, &|entry| entry.xattrs = capability(1)),
            change(7, &|entry| entry.xattrs = capability(2)),
            change(7, &|entry| entry.path = b"folder/000007x".as_slice().into()),
            change(19_999, &|entry| entry.owner.uid = 1),
            change(8191, &|entry| entry.kind = EntryKind::Folder),
            change(8192, &|entry| entry.kind = EntryKind::Folder),
            change(7, &|entry| entry.kind = link(b"a")),
            change(7, &|entry| entry.kind = EntryKind::HardLink { target: b"a".as_slice().into() }),
            change(7, &|entry| entry.kind = stamped(&|stamp| stamp.inode = 9)),
            change(7, &|entry| entry.kind = stamped(&|stamp| stamp.size = 200)),
            change(7, &|entry| entry.kind = stamped(&|stamp| stamp.modified = (5, 4))),
            change(7, &|entry| entry.kind = stamped(&|stamp| stamp.modified = (-1, 5))),
            change(7, &|entry| entry.kind = stamped(&|stamp| stamp.changed = (7, 6))),
        ];
        let count = keys.len();
        keys.sort_unstable();
        keys.dedup();
        assert_eq!(keys.len(), count);
        let moved = change(7, &|entry| entry.kind = stamped(&|stamp| stamp.device = 9));
        assert_eq!(moved, key(&whole), "a device has another number after a restart");
    }

    #[test]
    fn a_file_that_has_just_changed_is_not_settled() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(100);

        assert!(settled(&[entry("a", (99, 800_000_000))], now));
        assert!(!settled(&[entry("a", (99, 950_000_000))], now));
        assert!(!settled(&[entry("a", (98, 0))], now), "whole seconds are kept");
        assert!(!settled(&[entry("a", (200, 1))], now), "a clock went back");
    }
}
