//! Remembers which layer a list of files became, so that an unchanged folder is
//! looked at but not read.
//!
//! A note is believed only when it is whole and the layer it names is in the
//! store, as it was when the note was written or with the bytes that it should
//! have. What it stands under is a hash of everything that the layer depends
//! on, and of what the kernel says of each file in place of its bytes.

use super::pack::Packed;
use super::recipe::Compression;
use super::walk::{Entry, Kind, Stamp};
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

/// Changes when the bytes of an archive would for the same entries.
const FORMAT: &str = "tar-1";

/// Entries that are hashed by one thread.
const PART: usize = 8192;

/// A file that changed this shortly before it was read may change again within
/// the same tick of the file system's clock. Linux ticks every 1 to 10 ms.
const TICK: Duration = Duration::from_millis(100);
/// The same for file systems that keep whole seconds, or every second one.
const COARSE_TICK: Duration = Duration::from_secs(3);

/// What a note holds.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Note {
    layer: Descriptor,
    diff_id: Digest,
    unpacked: u64,
    seen: Seen,
    /// The digest of all the others: disks lie.
    check: Digest,
}

impl Note {
    fn digest(&self) -> Digest {
        let Self { layer, diff_id, unpacked, seen: Seen(inode, seconds, nanos), check: _ } = self;
        let Descriptor { media_type, digest, size, .. } = layer;
        let fields =
            format!("{media_type} {digest} {size} {diff_id} {unpacked} {inode} {seconds} {nanos}");
        Digest::of(fields.as_bytes())
    }
}

/// The inode of a layer, and when it was last written to.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
struct Seen(u64, i64, i64);

impl Seen {
    fn at(path: &Path) -> Option<Self> {
        let metadata = fs::metadata(path).ok()?;
        Some(Self(metadata.ino(), metadata.mtime(), metadata.mtime_nsec()))
    }
}

/// Where one layer is remembered.
pub(in crate::image) struct Cache<'a> {
    store: &'a Store,
    key: Digest,
}

impl<'a> Cache<'a> {
    pub(super) fn new(
        store: &'a Store,
        entries: &[Entry],
        compression: Compression,
        mtime: u64,
    ) -> Self {
        let mut key = Key::default();
        for text in [FORMAT, compression.name()] {
            key.bytes(text.as_bytes());
        }
        key.number(mtime);
        for part in parts(entries) {
            key.bytes(part.as_str().as_bytes());
        }
        Self { store, key: key.finish() }
    }

    /// Where the layer of a stream that is known by its digest is remembered.
    pub(in crate::image) fn of_stream(
        store: &'a Store,
        diff_id: &Digest,
        compression: Compression,
    ) -> Self {
        let mut key = Key::default();
        for text in ["stream", compression.name(), diff_id.as_str()] {
            key.bytes(text.as_bytes());
        }
        Self { store, key: key.finish() }
    }

    fn path(&self) -> PathBuf {
        self.store.notes().join(format!("layer-{}.json", self.key.hex()))
    }

    /// The layer that these entries became before.
    pub(in crate::image) fn recall(&self) -> Option<Packed> {
        let note: Note = serde_json::from_slice(&fs::read(self.path()).ok()?).ok()?;
        if note.check != note.digest() || !self.store.has(&note.layer) {
            return None;
        }
        let path = self.store.path(&note.layer.digest).ok()?;
        let seen = Seen::at(&path)?;
        let Note { layer, diff_id, unpacked, .. } = note;
        let packed = Packed { layer, diff_id, unpacked };
        // Copied, put back or written to since: then its bytes must tell.
        if seen != note.seen {
            let (digest, _) = of_reader(&mut File::open(&path).ok()?).ok()?;
            if digest != packed.layer.digest {
                // Or it would stand in the way of the whole one.
                fs::remove_file(path).ok();
                return None;
            }
            self.remember(&packed);
        }
        Some(packed)
    }

    /// Remembers. Not to succeed costs the next run some time and nothing else.
    pub(in crate::image) fn remember(&self, packed: &Packed) {
        let Packed { layer, diff_id, unpacked } = packed.clone();
        let seen = self.store.path(&layer.digest).ok().and_then(|path| Seen::at(&path));
        let Some(seen) = seen else { return };
        let check = Digest::of(b"");
        let mut note = Note { layer, diff_id, unpacked, seen, check };
        note.check = note.digest();
        let text = serde_json::to_vec(&note).expect("a note is text by text");
        if let Ok(mut file) = self.store.temporary()
            && file.write_all(&text).is_ok()
        {
            file.persist(self.path()).ok();
        }
    }
}

/// Whether every file rested long enough before `now` for what is said of it to
/// tell it from what it may yet become.
pub(super) fn settled(entries: &[Entry], now: SystemTime) -> bool {
    entries.iter().all(|entry| match &entry.kind {
        Kind::File { stamp, .. } => {
            let tick = if stamp.changed.1 == 0 { COARSE_TICK } else { TICK };
            let seconds = u64::try_from(stamp.changed.0).unwrap_or(0);
            let nanos = u32::try_from(stamp.changed.1).unwrap_or(0);
            SystemTime::UNIX_EPOCH + Duration::new(seconds, nanos) + tick < now
        }
        Kind::Folder | Kind::Symlink { .. } | Kind::HardLink { .. } => true,
    })
}

/// The digests of the list, so many entries at a time, on all cores.
fn parts(entries: &[Entry]) -> Vec<Digest> {
    let digest = |part: &[Entry]| {
        let mut key = Key::default();
        let mut before: &[u8] = b"";
        for entry in part {
            key.entry(entry, before);
            before = &entry.path;
        }
        key.finish()
    };
    let mut parts = entries.chunks(PART);
    let Some(first) = parts.next() else { return Vec::new() };
    thread::scope(|scope| {
        let others: Vec<_> = parts.map(|part| scope.spawn(move || digest(part))).collect();
        let mut digests = vec![digest(first)];
        digests.extend(others.into_iter().map(|other| other.join().expect("no panic")));
        digests
    })
}

/// A hash of fields, each of which says where it ends, so that none can pass for
/// another. Numbers are short where they are small, as a hash takes its time.
#[derive(Default)]
struct Key(Vec<u8>);

impl Key {
    fn finish(self) -> Digest {
        Digest::of(&self.0)
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
    }

    /// Seven bits to a byte, the lowest first; the last has none set above.
    fn number(&mut self, mut number: u64) {
        while number > 0x7f {
            self.0.push(number.to_le_bytes()[0] | 0x80);
            number >>= 7;
        }
        self.0.push(number.to_le_bytes()[0]);
    }

    /// What a path shares with the one before is said by its length.
    fn entry(&mut self, entry: &Entry, before: &[u8]) {
        let Entry { path, mode, owner, kind } = entry;
        let shared = path.iter().zip(before).take_while(|(one, other)| one == other).count();
        self.number(shared as u64);
        self.bytes(&path[shared..]);
        for number in [*mode, owner.uid, owner.gid] {
            self.number(number.into());
        }
        match kind {
            Kind::Folder => self.number(0),
            Kind::File { stamp, .. } => {
                self.number(1);
                self.stamp(stamp);
            }
            Kind::Symlink { target } => {
                self.number(2);
                self.bytes(target);
            }
            Kind::HardLink { target } => {
                self.number(3);
                self.bytes(target);
            }
        }
    }

    /// Without the device, whose number may be another after a restart, and
    /// without the links, which another folder's build may add.
    fn stamp(&mut self, stamp: &Stamp) {
        let Stamp { inode, size, modified, changed, .. } = *stamp;
        self.number(inode);
        self.number(size);
        for time in [modified.0, modified.1, changed.0, changed.1] {
            self.number(time.cast_unsigned());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Cache, settled};
    use crate::image::layers::pack::Packed;
    use crate::image::layers::recipe::{Compression, Owner};
    use crate::image::layers::walk::{Entry, Kind, Source, Stamp};
    use crate::image::store::Store;
    use crate::oci::Digest;
    use std::fs;
    use std::path::Path;
    use std::time::{Duration, SystemTime};
    use tempfile::TempDir;

    fn entry(path: &str, changed: (i64, i64)) -> Entry {
        let stamp = Stamp { device: 1, inode: 2, links: 1, size: 3, modified: (4, 5), changed };
        let kind = Kind::File { source: Source::At(Path::new("/x").into()), stamp };
        Entry { path: path.as_bytes().into(), mode: 0o644, owner: Owner::default(), kind }
    }

    fn remembered() -> (TempDir, Store, Packed) {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(folder.path()).expect("a store");
        let layer = store.put("layer", b"packed").expect("stored");
        let packed = Packed { layer, diff_id: Digest::of(b"stream"), unpacked: 6 };
        Cache::new(&store, &[entry("a", (6, 7))], Compression::Gzip, 0).remember(&packed);
        (folder, store, packed)
    }

    #[test]
    fn the_same_files_are_the_same_layer_and_no_others() {
        let (_folder, store, packed) = remembered();
        let recall =
            |entry, compression, mtime| Cache::new(&store, &[entry], compression, mtime).recall();

        assert_eq!(recall(entry("a", (6, 7)), Compression::Gzip, 0), Some(packed));
        assert_eq!(recall(entry("b", (6, 7)), Compression::Gzip, 0), None);
        assert_eq!(recall(entry("a", (6, 8)), Compression::Gzip, 0), None);
        assert_eq!(recall(entry("a", (6, 7)), Compression::Zstd, 0), None);
        assert_eq!(recall(entry("a", (6, 7)), Compression::Gzip, 1), None);
    }

    #[test]
    fn a_damaged_note_is_not_believed() {
        let (_folder, store, packed) = remembered();
        let entries = [entry("a", (6, 7))];
        let cache = Cache::new(&store, &entries, Compression::Gzip, 0);
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
    fn a_layer_that_was_written_to_is_read_before_it_is_believed() {
        let (_folder, store, packed) = remembered();
        let entries = [entry("a", (6, 7))];
        let cache = Cache::new(&store, &entries, Compression::Gzip, 0);
        let path = store.path(&packed.layer.digest).expect("a path");
        let note = fs::read(cache.path()).expect("a note");

        let copy = path.with_extension("copy");
        fs::copy(&path, &copy).expect("copied");
        fs::rename(&copy, &path).expect("put back");
        assert_eq!(cache.recall(), Some(packed.clone()));
        assert_ne!(fs::read(cache.path()).expect("a note"), note, "seen anew");

        fs::write(&copy, b"pocked").expect("as long");
        fs::rename(&copy, &path).expect("put back");
        assert_eq!(cache.recall(), None);
        assert!(!path.exists(), "it would be taken for the whole one");
    }

    #[test]
    fn every_field_of_every_entry_counts() {
        let key = |entries: &[Entry]| {
            let (_folder, store, _) = remembered();
            Cache::new(&store, entries, Compression::Gzip, 0).key
        };
        let many = |count| -> Vec<Entry> {
            (0..count).map(|number| entry(&format!("folder/{number:06}"), (6, 7))).collect()
        };
        let whole = many(20_000);
        let change = |at: usize, change: &dyn Fn(&mut Entry)| {
            let mut entries = whole.clone();
            change(&mut entries[at]);
            key(&entries)
        };
        let stamped = |change: &dyn Fn(&mut Stamp)| {
            let Kind::File { source, mut stamp } = whole[7].kind.clone() else { panic!("a file") };
            change(&mut stamp);
            Kind::File { source, stamp }
        };
        let link = |target: &[u8]| Kind::Symlink { target: target.into() };
        let mut keys = vec![
            key(&[]),
            key(&whole),
            key(&whole[1..]),
            key(&whole[..19_999]),
            change(7, &|entry| entry.mode = 0o755),
            change(7, &|entry| entry.owner.gid = 1),
            change(7, &|entry| entry.path = b"folder/000007x".as_slice().into()),
            change(19_999, &|entry| entry.owner.uid = 1),
            change(8191, &|entry| entry.kind = Kind::Folder),
            change(8192, &|entry| entry.kind = Kind::Folder),
            change(7, &|entry| entry.kind = link(b"a")),
            change(7, &|entry| entry.kind = Kind::HardLink { target: b"a".as_slice().into() }),
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
