//! Content-addressed storage: blobs as files named by their digest.
//!
//! A blob is written to a temporary file and renamed once it is complete and its digest is
//! known, so every file under `blobs` is complete, even with many processes writing and
//! after a crash. Nothing here knows what a blob means; see `manifest` for that.

pub use super::store_error::{ImportError, MAX_DOCUMENT_BYTES, StoreError};

use super::hash::{HashingWriter, of_reader};
use crate::oci::{Descriptor, Digest};
use bytes::Bytes;
use std::fs::{self, DirBuilder, File, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};
use tempfile::NamedTempFile;

/// A stored blob of up to this size is verified before it is kept in place of an identical
/// new one.
const MAX_VERIFIED_BYTES: u64 = 1 << 20;

/// Where files cannot be locked, temporary files of crashed processes are removed when they
/// were not written to for this long.
const ABANDONED_AFTER: Duration = Duration::from_hours(24);

/// A folder of blobs, `blobs/sha256/<hex>` as in an OCI layout.
#[derive(Clone, Debug)]
pub struct Store {
    root: PathBuf,
}

impl Store {
    /// Opens the store in a folder, creating the folder if necessary.
    pub fn open(root: &Path) -> Result<Self, StoreError> {
        let store = Self { root: root.to_owned() };
        for folder in [store.blobs(), store.incoming(), store.notes()] {
            DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(&folder)
                .map_err(|source| StoreError::Create { path: folder, source })?;
        }
        store.remove_abandoned();
        Ok(store)
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    pub fn blobs(&self) -> PathBuf {
        self.root.join("blobs/sha256")
    }

    /// Temporary files, on the same file system as the blobs so that a rename completes
    /// them.
    fn incoming(&self) -> PathBuf {
        self.root.join("incoming")
    }

    /// Cached facts about folders and layers.
    pub fn notes(&self) -> PathBuf {
        self.root.join("notes")
    }

    /// The folders of caches that the commands of Dockerfiles mount.
    pub fn cache_mounts(&self) -> PathBuf {
        self.root.join("mounts")
    }

    /// The folders of layers that are unpacked for such commands.
    pub fn kept_roots(&self) -> PathBuf {
        self.root.join("roots")
    }

    /// The folders whose entries are what the store in a folder holds.
    pub fn entry_folders(root: &Path) -> [PathBuf; 3] {
        let store = Self { root: root.to_owned() };
        [store.blobs(), store.kept_roots(), store.cache_mounts()]
    }

    /// Removes temporary files that a crashed process left. Errors are ignored: such files
    /// do no harm.
    fn remove_abandoned(&self) {
        let incoming = self.incoming();
        let (Ok(folder), Ok(entries)) = (File::open(&incoming), fs::read_dir(&incoming)) else {
            return;
        };
        // Another process is making a file, which is not locked yet.
        if matches!(folder.try_lock(), Err(TryLockError::WouldBlock)) {
            return;
        }
        for entry in entries.flatten() {
            if is_abandoned(&entry.path()) {
                fs::remove_file(entry.path()).ok();
            }
        }
    }

    /// The path of a blob, whether it is stored or not.
    pub fn path(&self, digest: &Digest) -> Result<PathBuf, StoreError> {
        if digest.algorithm() != "sha256" {
            return Err(StoreError::Algorithm(digest.clone()));
        }
        Ok(self.blobs().join(digest.hex()))
    }

    /// Whether a blob is stored, with the size that its descriptor gives.
    pub fn has(&self, descriptor: &Descriptor) -> bool {
        self.path(&descriptor.digest)
            .and_then(|path| {
                fs::metadata(&path).map_err(|source| StoreError::Read { path, source })
            })
            .is_ok_and(|metadata| metadata.is_file() && metadata.len() == descriptor.size)
    }

    /// Whether a blob is stored and its content has the right digest. A damaged one is removed.
    fn holds(&self, descriptor: &Descriptor) -> bool {
        self.locate_verified(descriptor).is_ok()
    }

    /// The file of a blob that is stored with the right size.
    pub fn locate(&self, descriptor: &Descriptor) -> Result<PathBuf, StoreError> {
        let path = self.path(&descriptor.digest)?;
        if self.has(descriptor) { Ok(path) } else { Err(self.missing(&descriptor.digest)) }
    }

    /// The same of a blob whose content is taken as it is: its digest is compared before. A
    /// damaged one is removed.
    pub fn locate_verified(&self, descriptor: &Descriptor) -> Result<PathBuf, StoreError> {
        let path = self.locate(descriptor)?;
        let read_error = |source| StoreError::Read { path: path.clone(), source };
        let mut file = File::open(&path).map_err(read_error)?;
        let (found, found_size) = of_reader(&mut file).map_err(read_error)?;
        if found != descriptor.digest {
            remove_same(&path, &file);
            let (expected, expected_size) = (descriptor.digest.clone(), descriptor.size);
            return Err(StoreError::Mismatch { expected, expected_size, found, found_size });
        }
        Ok(path)
    }

    pub fn missing(&self, digest: &Digest) -> StoreError {
        StoreError::Missing { root: self.root.clone(), digest: digest.clone() }
    }

    /// Verifies a blob that seems damaged, and removes it if it is. Returns whether it was
    /// removed.
    pub fn drop_damaged(&self, digest: &Digest) -> bool {
        let Ok(path) = self.path(digest) else { return false };
        let Ok(mut file) = File::open(&path) else { return false };
        let found = of_reader(&mut file);
        found.is_ok_and(|(found, _)| found != *digest) && remove_same(&path, &file)
    }

    /// Reads a manifest or configuration and verifies its digest. A damaged blob is removed.
    pub fn read(&self, digest: &Digest) -> Result<Bytes, StoreError> {
        let path = self.path(digest)?;
        let read_error = |source| StoreError::Read { path: path.clone(), source };
        let mut file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(self.missing(digest));
            }
            Err(error) => return Err(read_error(error)),
        };
        let size = file.metadata().map_err(read_error)?.len();
        if size > MAX_DOCUMENT_BYTES {
            return Err(StoreError::TooLarge { digest: digest.clone(), size });
        }
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(read_error)?;
        let found = Digest::of(&bytes);
        if found != *digest {
            remove_same(&path, &file);
            let (expected, found_size) = (digest.clone(), bytes.len() as u64);
            return Err(StoreError::Mismatch { expected, expected_size: size, found, found_size });
        }
        Ok(bytes.into())
    }

    /// Opens a stored blob, for reading it as a stream.
    pub fn open_blob(&self, descriptor: &Descriptor) -> Result<File, StoreError> {
        let path = self.locate(descriptor)?;
        File::open(&path).map_err(|source| StoreError::Read { path, source })
    }

    pub fn put(&self, media_type: &str, bytes: &[u8]) -> Result<Descriptor, StoreError> {
        let mut writer = self.writer()?;
        writer.write_all(bytes).map_err(|source| writer.write_error(source))?;
        writer.finish(media_type)
    }

    /// Stores the content of a reader, which must match `expected`. Reads at most one buffer
    /// beyond the expected size.
    pub fn import(&self, reader: &mut dyn Read, expected: &Descriptor) -> Result<(), ImportError> {
        let mut writer = self.writer()?;
        let mut buffer = vec![0; 1 << 18];
        while writer.length() <= expected.size {
            let read = match reader.read(&mut buffer) {
                Ok(0) => break,
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(ImportError::Source(error)),
            };
            writer.write_all(&buffer[..read]).map_err(|source| writer.write_error(source))?;
        }
        Ok(writer.finish_as(expected)?)
    }

    /// Stores a file made with [`Store::temporary`], such as a download, after verifying it.
    pub fn adopt(&self, file: NamedTempFile, expected: &Descriptor) -> Result<(), StoreError> {
        let path = file.path().to_owned();
        let read = |source| StoreError::Read { path: path.clone(), source };
        let mut reader = File::open(&path).map_err(read)?;
        let (digest, size) = of_reader(&mut reader).map_err(read)?;
        matches(expected, &digest, size)?;
        self.place(file, &digest, size)
    }

    /// A new temporary file on the same file system as the blobs, removed when dropped. It is
    /// locked, which shows other processes that this one is alive.
    pub fn temporary(&self) -> Result<NamedTempFile, StoreError> {
        let path = self.incoming();
        let make = || {
            let folder = File::open(&path)?;
            // Some file systems have no locks; there the age of a file counts.
            folder.lock_shared().ok();
            let file = NamedTempFile::new_in(&path)?;
            file.as_file().lock().ok();
            Ok(file)
        };
        make().map_err(|source| StoreError::Write { path: path.clone(), source })
    }

    /// A blob that is written in pieces.
    pub fn writer(&self) -> Result<BlobWriter, StoreError> {
        let file = HashingWriter::new(self.temporary()?);
        Ok(BlobWriter { store: self.clone(), file })
    }

    /// Moves a verified file to its final path.
    fn place(&self, file: NamedTempFile, digest: &Digest, size: u64) -> Result<(), StoreError> {
        let path = self.path(digest)?;
        // The stored file may be damaged, the new one is not. Verifying a small one takes
        // less time than replacing it; damage to a large one shows when it is read or
        // pushed.
        let blob = Descriptor::new("", digest.clone(), size);
        if self.has(&blob) && (size > MAX_VERIFIED_BYTES || self.holds(&blob)) {
            return Ok(());
        }
        file.persist(&path)
            .map(drop)
            .map_err(|error| StoreError::Write { path, source: error.error })
    }
}

/// Whether the process that made a temporary file has ended.
fn is_abandoned(path: &Path) -> bool {
    let Ok(file) = File::open(path) else { return false };
    match file.try_lock() {
        Ok(()) => true,
        Err(TryLockError::WouldBlock) => false,
        Err(TryLockError::Error(_)) => {
            let modified = file.metadata().and_then(|metadata| metadata.modified());
            let age = modified.map(|at| SystemTime::now().duration_since(at).unwrap_or_default());
            age.is_ok_and(|age| age > ABANDONED_AFTER)
        }
    }
}

/// Removes a file, unless another process has replaced it since it was opened.
fn remove_same(path: &Path, file: &File) -> bool {
    let inode = |metadata: io::Result<fs::Metadata>| metadata.map(|it| it.ino()).ok();
    inode(fs::metadata(path)) == inode(file.metadata()) && fs::remove_file(path).is_ok()
}

fn matches(expected: &Descriptor, digest: &Digest, size: u64) -> Result<(), StoreError> {
    if expected.digest == *digest && expected.size == size {
        return Ok(());
    }
    Err(StoreError::Mismatch {
        expected: expected.digest.clone(),
        expected_size: expected.size,
        found: digest.clone(),
        found_size: size,
    })
}

/// An unfinished blob. If it is dropped before it is finished, nothing is stored.
pub struct BlobWriter {
    store: Store,
    file: HashingWriter<NamedTempFile>,
}

impl BlobWriter {
    /// The number of bytes written so far.
    pub fn length(&self) -> u64 {
        self.file.length()
    }

    /// Adds the path to an error of [`Write`].
    pub fn write_error(&self, source: io::Error) -> StoreError {
        StoreError::Write { path: self.store.incoming(), source }
    }

    /// Completes the blob.
    pub fn finish(mut self, media_type: &str) -> Result<Descriptor, StoreError> {
        self.file.flush().map_err(|source| self.write_error(source))?;
        let (file, digest, size) = self.file.finish();
        self.store.place(file, &digest, size)?;
        Ok(Descriptor::new(media_type, digest, size))
    }

    /// Completes the blob if it matches `expected`.
    pub fn finish_as(mut self, expected: &Descriptor) -> Result<(), StoreError> {
        self.file.flush().map_err(|source| self.write_error(source))?;
        let (file, digest, size) = self.file.finish();
        matches(expected, &digest, size)?;
        self.store.place(file, &digest, size)
    }
}

impl Write for BlobWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::{ImportError, Store, StoreError};
    use crate::http::Retryable as _;
    use crate::oci::{Descriptor, Digest};
    use std::fs;
    use std::io::{self, Write as _};
    use std::path::Path;
    use tempfile::TempDir;

    fn store() -> (TempDir, Store) {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(&folder.path().join("images")).expect("a store");
        (folder, store)
    }

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).expect("a folder");
        entries
            .map(|entry| entry.expect("readable").file_name().into_string().expect("text"))
            .collect()
    }

    #[test]
    fn a_blob_that_was_changed_is_not_taken_and_is_removed() {
        let (_folder, store) = store();
        let blob = store.put("text/plain", b"hello").expect("stored");
        let path = store.locate_verified(&blob).expect("as it was stored");
        fs::remove_file(&path).expect("removed");
        fs::write(&path, "jello").expect("written");

        let error = store.locate_verified(&blob).expect_err("another content");

        let (expected, found) = (&blob.digest, Digest::of(b"jello"));
        assert_eq!(
            error.to_string(),
            format!("expected `{expected}` of 5 bytes, found `{found}` of 5 bytes")
        );
        assert!(!path.exists());
    }

    #[test]
    fn a_blob_is_a_file_named_by_its_digest() {
        let (_folder, store) = store();

        let blob = store.put("text/plain", b"hello").expect("stored");

        assert_eq!(blob, Descriptor::new("text/plain", Digest::of(b"hello"), 5));
        assert_eq!(fs::read(store.locate(&blob).expect("there")).expect("readable"), b"hello");
        assert_eq!(store.read(&blob.digest).expect("there"), "hello");
        assert!(names(&store.root().join("incoming")).is_empty());
    }

    #[test]
    fn mismatching_content_is_not_stored() {
        let (_folder, store) = store();
        let promised = Descriptor::new("text/plain", Digest::of(b"hello"), 5);

        for wrong in [&b"hell"[..], b"hellO", b"hello and much more"] {
            let error = store.import(&mut &*wrong, &promised).expect_err("a mismatch");
            assert!(matches!(error, ImportError::Store(StoreError::Mismatch { .. })), "{error}");
        }

        assert!(!store.has(&promised));
        assert!(names(&store.root().join("incoming")).is_empty());
    }

    #[test]
    fn a_file_of_a_process_that_has_ended_is_removed_and_one_in_use_is_not() {
        let (_folder, store) = store();
        let incoming = store.root().join("incoming");
        fs::write(incoming.join("left"), "half a layer").expect("written");
        let mut writer = store.writer().expect("a blob");
        writer.write_all(b"hello").expect("written");

        Store::open(store.root()).expect("opened again");
        assert_eq!(names(&incoming).len(), 1, "that of the writer");

        let blob = writer.finish("text/plain").expect("stored");
        assert!(store.has(&blob));
        assert!(names(&incoming).is_empty());
    }

    #[test]
    fn a_torn_blob_is_replaced() {
        let (_folder, store) = store();
        let blob = store.put("text/plain", b"hello").expect("stored");
        let path = store.path(&blob.digest).expect("a path");

        fs::write(&path, b"hel").expect("torn");
        assert!(!store.has(&blob));
        let error = store.read(&blob.digest).expect_err("torn");
        assert!(matches!(error, StoreError::Mismatch { .. }), "{error}");

        store.put("text/plain", b"hello").expect("stored again");
        assert!(store.has(&blob));
    }

    #[test]
    fn a_damaged_blob_is_removed_or_replaced() {
        let (_folder, store) = store();
        let blob = store.put("text/plain", b"hello").expect("stored");
        let path = store.path(&blob.digest).expect("a path");
        assert!(!store.drop_damaged(&blob.digest), "it is sound");

        fs::write(&path, b"hellO").expect("damaged");
        store.put("text/plain", b"hello").expect("stored again");
        assert_eq!(fs::read(&path).expect("there"), b"hello");

        fs::write(&path, b"hellO").expect("damaged");
        store.read(&blob.digest).expect_err("damaged");
        assert!(!store.has(&blob));

        fs::write(&path, b"hellO").expect("damaged");
        assert!(store.drop_damaged(&blob.digest));
        assert!(!store.has(&blob));
    }

    #[test]
    fn a_missing_blob_is_named_with_its_store() {
        let (_folder, store) = store();
        let digest = Digest::of(b"nothing");

        let error = store.read(&digest).expect_err("missing");

        assert_eq!(
            error.to_string(),
            format!("the image store `{}` has no blob `{digest}`", store.root().display())
        );
    }

    #[test]
    fn a_full_disk_is_named_with_the_remedy() {
        let error = StoreError::Write {
            path: "/state/images/incoming".into(),
            source: io::Error::from(io::ErrorKind::StorageFull),
        };

        assert_eq!(error.to_string(), "cannot write `/state/images/incoming`");
        assert_eq!(
            error.help().expect("help"),
            "there is no space left for `/state/images`: free some, or choose another place with `--state-dir`"
        );
    }

    #[test]
    fn a_file_in_place_of_a_folder_is_named_with_the_remedy() {
        let folder = tempfile::tempdir().expect("a folder");
        let images = folder.path().join("images");
        for file in ["images", "images/blobs/sha256"] {
            let file = folder.path().join(file);
            fs::create_dir_all(file.parent().expect("a folder")).expect("made");
            fs::write(&file, "").expect("a file");

            let error = Store::open(&images).expect_err("no folder");

            let blobs = images.join("blobs/sha256");
            assert_eq!(
                error.to_string(),
                format!("cannot create the folder `{}`", blobs.display())
            );
            assert_eq!(
                error.help().expect("help"),
                format!(
                    "`{}` must be a folder: remove it, or choose another folder with `--state-dir`",
                    file.display()
                )
            );
            fs::remove_file(&file).expect("removed");
        }
    }

    #[test]
    fn concurrent_writers_may_store_the_same_blob() {
        let (_folder, store) = store();

        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for number in 0_u32..20 {
                        store.put("text/plain", &number.to_le_bytes()).expect("stored");
                    }
                });
            }
        });

        assert_eq!(names(&store.root().join("blobs/sha256")).len(), 20);
        assert!(names(&store.root().join("incoming")).is_empty());
    }

    #[test]
    fn an_unfinished_blob_leaves_nothing() {
        let (_folder, store) = store();
        let mut writer = store.writer().expect("a writer");
        writer.write_all(b"half").expect("written");

        drop(writer);

        assert!(names(&store.root().join("incoming")).is_empty());
        assert!(names(&store.root().join("blobs/sha256")).is_empty());
    }
}
