//! The record of an upload that a later process can continue: the URL that the
//! registry gave for it.
//!
//! Such a URL may work without a login. It is kept in a file that only its owner can
//! read, is never shown, and is used only with the registry that gave it.

use super::file::create;
use crate::oci::Digest;
use crate::registry::wire::Address;
use serde::{Deserialize, Serialize};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use url::Url;

/// Registries forget uploads sooner.
const RECORD_TTL: Duration = Duration::from_hours(7 * 24);
const MAX_RECORD_BYTES: u64 = 64 << 10;

/// Identifies an upload.
#[derive(Clone, Copy)]
pub struct UploadKey<'a> {
    pub address: &'a Address,
    pub repository: &'a str,
    pub digest: &'a Digest,
}

/// The record of one upload, locked by this process until the upload ends. Without a
/// file where none can be created, or where another process uploads the same.
#[derive(Default)]
pub struct UploadRecord {
    file: Mutex<Option<RecordFile>>,
}

struct RecordFile {
    file: File,
    path: PathBuf,
    of: RecordedUpload,
}

#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
struct RecordedUpload {
    registry: String,
    repository: String,
    digest: Digest,
}

#[derive(Deserialize, Serialize)]
struct RecordContent {
    of: RecordedUpload,
    url: String,
}

impl UploadRecord {
    /// Opens the record of an upload, which is empty for a new one.
    pub fn open(folder: Option<&Path>, place: UploadKey<'_>) -> Self {
        let of = RecordedUpload::of(place);
        Self { file: Mutex::new(folder.and_then(|folder| RecordFile::open(folder, of).ok())) }
    }

    /// Removes the record that another process has left of an upload, unless it goes on.
    pub fn forget(folder: &Path, place: UploadKey<'_>) {
        let path = RecordedUpload::of(place).path(folder);
        if File::open(&path).is_ok_and(|file| file.try_lock().is_ok()) {
            drop(fs::remove_file(&path));
        }
    }

    /// The URL that continues the upload.
    pub fn url(&self, address: &Address) -> Option<Url> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let url = file.as_mut()?.read()?;
        address.is_here(&url).then_some(url)
    }

    /// Records the URL that continues the upload.
    pub fn keep(&self, url: &Url, address: &Address) {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(file) = file.as_mut() else { return };
        let url = address.is_here(url).then_some(url);
        // Without a record the next process starts the upload from its beginning.
        drop(file.write(url));
    }

    /// Removes the record of an upload that has ended.
    pub fn end(&self) {
        let file = self.file.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(file) = file {
            drop(fs::remove_file(&file.path));
        }
    }
}

impl RecordedUpload {
    fn of(place: UploadKey<'_>) -> Self {
        Self {
            registry: place.address.base.to_string(),
            repository: place.repository.to_owned(),
            digest: place.digest.clone(),
        }
    }

    /// The file of its record.
    fn path(&self, folder: &Path) -> PathBuf {
        let key = format!("{}\n{}\n{}", self.registry, self.repository, self.digest);
        folder.join(Digest::of(key.as_bytes()).hex())
    }
}

impl RecordFile {
    fn open(folder: &Path, of: RecordedUpload) -> io::Result<Self> {
        create(folder)?;
        remove_expired(folder)?;
        let path = of.path(folder);
        let file = OpenOptions::new()
            .create(true)
            .read(true)
            .write(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)?;
        // Two processes that continue one upload would mix up its content.
        file.try_lock()?;
        Ok(Self { file, path, of })
    }

    fn read(&mut self) -> Option<Url> {
        let mut text = Vec::new();
        self.file.rewind().ok()?;
        (&self.file).take(MAX_RECORD_BYTES).read_to_end(&mut text).ok()?;
        let line: RecordContent = serde_json::from_slice(&text).ok()?;
        (line.of == self.of).then(|| line.url.parse().ok()).flatten()
    }

    /// Not atomic: a torn record cannot be read and is ignored.
    fn write(&mut self, url: Option<&Url>) -> io::Result<()> {
        self.file.set_len(0)?;
        self.file.rewind()?;
        let Some(url) = url else { return Ok(()) };
        let line = RecordContent { of: self.of.clone(), url: url.to_string() };
        self.file.write_all(&serde_json::to_vec(&line)?)
    }
}

/// Removes records that are too old.
fn remove_expired(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let age = entry.metadata()?.modified()?.elapsed().unwrap_or_default();
        if age > RECORD_TTL {
            drop(fs::remove_file(entry.path()));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{UploadKey, UploadRecord};
    use crate::oci::Digest;
    use crate::registry::wire::Address;
    use std::os::unix::fs::PermissionsExt as _;
    use url::Url;

    fn url(text: &str) -> Url {
        text.parse().expect("a URL")
    }

    #[test]
    fn an_upload_is_continued_only_at_its_own_url_and_registry() {
        let folder = tempfile::tempdir().expect("a folder");
        let folder = folder.path().join("uploads");
        let address = Address::new("127.0.0.1:5000", false).expect("a host");
        let digest = Digest::of(b"blob");
        let place = UploadKey { address: &address, repository: "web", digest: &digest };
        let open = |place: UploadKey<'_>| UploadRecord::open(Some(&folder), place);
        let there = url("http://127.0.0.1:5000/v2/web/blobs/uploads/1?_state=a%2Bb");

        let record = open(place);
        assert_eq!(record.url(&address), None);
        record.keep(&there, &address);
        // A concurrent upload of the same starts from its beginning.
        assert_eq!(open(place).url(&address), None);
        drop(record);
        assert_eq!(open(place).url(&address), Some(there.clone()));
        assert_eq!(open(UploadKey { repository: "api", ..place }).url(&address), None);
        let file = std::fs::read_dir(&folder).expect("a folder").next().expect("a file");
        let mode = file.expect("a file").metadata().expect("a file").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);

        let other = Address::new("127.0.0.1:5001", false).expect("a host");
        let record = open(UploadKey { address: &other, ..place });
        record.keep(&there, &other);
        assert_eq!(record.url(&other), None);

        let record = open(place);
        record.keep(&url("http://127.0.0.1:5001/elsewhere"), &address);
        assert_eq!(record.url(&address), None);
        record.keep(&there, &address);
        record.end();
        assert_eq!(open(place).url(&address), None);

        let record = open(place);
        record.keep(&there, &address);
        UploadRecord::forget(&folder, place);
        assert_eq!(record.url(&address), Some(there.clone()), "it goes on");
        drop(record);
        UploadRecord::forget(&folder, place);
        assert_eq!(open(place).url(&address), None);
    }

    #[test]
    fn a_torn_record_is_ignored() {
        let folder = tempfile::tempdir().expect("a folder");
        let address = Address::new("127.0.0.1:5000", false).expect("a host");
        let digest = Digest::of(b"blob");
        let place = UploadKey { address: &address, repository: "web", digest: &digest };
        let record = UploadRecord::open(Some(folder.path()), place);
        record.keep(&url("http://127.0.0.1:5000/v2/1"), &address);
        drop(record);
        let file = std::fs::read_dir(folder.path()).expect("a folder").next().expect("a file");
        let path = file.expect("a file").path();
        let text = std::fs::read(&path).expect("a file");
        std::fs::write(&path, &text[..text.len() - 3]).expect("a file");

        assert_eq!(UploadRecord::open(Some(folder.path()), place).url(&address), None);
    }
}
