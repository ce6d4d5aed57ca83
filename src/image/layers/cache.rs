//! Remembers which layer a list of files became, so that an unchanged folder is
//! looked at but not read.
//!
//! A note is believed only when it is whole and the layer it names is in the
//! store. What it stands under is a hash of everything that the layer depends
//! on, and of what the kernel says of each file in place of its bytes.

use super::pack::Packed;
use super::recipe::Compression;
use super::walk::{Entry, Kind, Stamp};
use crate::image::hash::Hasher;
use crate::image::store::Store;
use crate::registry::{Descriptor, Digest};
use serde::{Deserialize, Serialize};
use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

/// Changes when the bytes of an archive would for the same entries.
const FORMAT: &str = "tar-1";

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
    /// The digest of the three above: disks lie.
    check: Digest,
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
        let mut key = Key(Hasher::new());
        for text in [FORMAT, compression.name()] {
            key.bytes(text.as_bytes());
        }
        key.numbers(&[mtime]);
        for entry in entries {
            key.entry(entry);
        }
        Self { store, key: key.0.finish().0 }
    }

    /// Where the layer of a stream that is known by its digest is remembered.
    pub(in crate::image) fn of_stream(
        store: &'a Store,
        diff_id: &Digest,
        compression: Compression,
    ) -> Self {
        let mut key = Key(Hasher::new());
        for text in ["stream", compression.name(), diff_id.as_str()] {
            key.bytes(text.as_bytes());
        }
        Self { store, key: key.0.finish().0 }
    }

    fn path(&self) -> PathBuf {
        self.store.notes().join(format!("layer-{}.json", self.key.hex()))
    }

    /// The layer that these entries became before.
    pub(in crate::image) fn recall(&self) -> Option<Packed> {
        let note: Note = serde_json::from_slice(&fs::read(self.path()).ok()?).ok()?;
        let whole = note.check == check(&note.layer, &note.diff_id, note.unpacked);
        (whole && self.store.has(&note.layer)).then_some(Packed {
            layer: note.layer,
            diff_id: note.diff_id,
            unpacked: note.unpacked,
        })
    }

    /// Remembers. Not to succeed costs the next run some time and nothing else.
    pub(in crate::image) fn remember(&self, packed: &Packed) {
        let Packed { layer, diff_id, unpacked } = packed.clone();
        let check = check(&layer, &diff_id, unpacked);
        let note = Note { layer, diff_id, unpacked, check };
        let text = serde_json::to_vec(&note).expect("a note is text by text");
        if let Ok(mut file) = self.store.temporary()
            && file.write_all(&text).is_ok()
        {
            file.persist(self.path()).ok();
        }
    }
}

fn check(layer: &Descriptor, diff_id: &Digest, unpacked: u64) -> Digest {
    let text = format!("{} {} {} {diff_id} {unpacked}", layer.media_type, layer.digest, layer.size);
    Digest::of(text.as_bytes())
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

/// A hash of fields, each with its length, so that none can pass for another.
struct Key(Hasher);

impl Key {
    fn bytes(&mut self, bytes: &[u8]) {
        self.numbers(&[bytes.len() as u64]);
        self.0.update(bytes);
    }

    fn numbers(&mut self, numbers: &[u64]) {
        for number in numbers {
            self.0.update(&number.to_le_bytes());
        }
    }

    fn entry(&mut self, entry: &Entry) {
        let Entry { path, mode, owner, kind } = entry;
        self.bytes(path);
        self.numbers(&[(*mode).into(), owner.uid.into(), owner.gid.into()]);
        match kind {
            Kind::Folder => self.numbers(&[0]),
            Kind::File { stamp, .. } => {
                self.numbers(&[1]);
                self.stamp(stamp);
            }
            Kind::Symlink { target } => {
                self.numbers(&[2]);
                self.bytes(target);
            }
            Kind::HardLink { target } => {
                self.numbers(&[3]);
                self.bytes(target);
            }
        }
    }

    /// Without the device, whose number may be another after a restart, and
    /// without the links, which another folder's build may add.
    fn stamp(&mut self, stamp: &Stamp) {
        let Stamp { inode, size, modified, changed, .. } = *stamp;
        self.numbers(&[inode, size]);
        for time in [modified.0, modified.1, changed.0, changed.1] {
            self.0.update(&time.to_le_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Cache, settled};
    use crate::image::layers::pack::Packed;
    use crate::image::layers::recipe::{Compression, Owner};
    use crate::image::layers::walk::{Entry, Kind, Stamp};
    use crate::image::store::Store;
    use crate::registry::Digest;
    use std::fs;
    use std::time::{Duration, SystemTime};
    use tempfile::TempDir;

    fn entry(path: &str, changed: (i64, i64)) -> Entry {
        let stamp = Stamp { device: 1, inode: 2, links: 1, size: 3, modified: (4, 5), changed };
        let kind = Kind::File { source: "/x".into(), stamp };
        Entry { path: path.into(), mode: 0o644, owner: Owner::default(), kind }
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
    fn a_file_that_has_just_changed_is_not_settled() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(100);

        assert!(settled(&[entry("a", (99, 800_000_000))], now));
        assert!(!settled(&[entry("a", (99, 950_000_000))], now));
        assert!(!settled(&[entry("a", (98, 0))], now), "whole seconds are kept");
        assert!(!settled(&[entry("a", (200, 1))], now), "a clock went back");
    }
}
