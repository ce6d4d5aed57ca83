//! The digest of what a layer holds, whenever it is made.

use super::archive::LayerArchive;
use super::cache::{content_note, settled};
use super::error::LayerError;
use super::listed::ListedLayer;
use super::pack::{BLOCK_BYTES, BlockSource as _};
use crate::image::hash::Hasher;
use crate::image::store::{Store, StoreError};
use crate::oci::Digest;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;
use std::sync::atomic::AtomicBool;

/// The digest of the archive of a list, with the time 0 for every entry. Kept in the store,
/// so that unchanged files are not read again.
pub fn content_digest(
    store: &Store,
    list: &ListedLayer,
    stop: &AtomicBool,
) -> Result<Digest, LayerError> {
    let note = content_note(store, &list.entries);
    if let Some(digest) = fs::read_to_string(&note).ok().and_then(|text| text.parse().ok()) {
        return Ok(digest);
    }
    let archive = LayerArchive::new(list.entries.clone(), 0, stop);
    let (mut hasher, mut block) = (Hasher::new(), vec![0; BLOCK_BYTES]);
    while let Some((_, length)) = archive.next(&mut block)? {
        hasher.update(&block[..length]);
    }
    let (digest, _) = hasher.finish();
    // Errors are ignored: without the note the next build only takes longer.
    if settled(&list.entries, list.started_at)
        && let Ok(mut file) = store.temporary()
        && file.write_all(digest.as_str().as_bytes()).is_ok()
    {
        file.persist(note).ok();
    }
    Ok(digest)
}

/// Writes the archive of a list, without compressing it.
pub fn write_archive(
    list: &ListedLayer,
    created: u64,
    path: &Path,
    stop: &AtomicBool,
) -> Result<(), LayerError> {
    let failed = |source| StoreError::Write { path: path.to_owned(), source };
    let archive = LayerArchive::new(list.entries.clone(), created, stop);
    let mut file = File::create(path).map_err(failed)?;
    let mut block = vec![0; BLOCK_BYTES];
    while let Some((_, length)) = archive.next(&mut block)? {
        file.write_all(&block[..length]).map_err(failed)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::content_digest;
    use crate::image::layers::entry::{EntryKind, FileSource, FileStamp, LayerEntry};
    use crate::image::layers::listed::ListedLayer;
    use crate::image::layers::recipe::Owner;
    use crate::image::layers::xattrs::Xattrs;
    use crate::image::store::Store;
    use crate::oci::Digest;
    use std::fs;
    use std::path::Path;
    use std::sync::atomic::AtomicBool;
    use std::time::SystemTime;

    fn digest(store: &Store, file: &Path) -> Digest {
        let stamp = FileStamp::of(&fs::metadata(file).expect("there"));
        let kind = EntryKind::File { source: FileSource::At(file.into()), stamp };
        let path = b"a".as_slice().into();
        let (owner, xattrs) = (Owner::default(), Xattrs::default());
        let entries = vec![LayerEntry { path, mode: 0o644, owner, xattrs, kind }];
        let list = ListedLayer { name: "a".into(), entries, started_at: SystemTime::now() };
        content_digest(store, &list, &AtomicBool::new(false)).expect("read")
    }

    #[test]
    fn only_content_counts() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(&folder.path().join("images")).expect("a store");
        let [one, other] = ["one", "other"].map(|name| folder.path().join(name));
        fs::write(&one, "same").expect("written");
        fs::write(&other, "same").expect("written");

        assert_eq!(digest(&store, &one), digest(&store, &other));
        assert_eq!(digest(&store, &one), digest(&store, &one));
        let before = digest(&store, &one);
        fs::write(&one, "another").expect("written");
        assert_ne!(digest(&store, &one), before);
    }
}
