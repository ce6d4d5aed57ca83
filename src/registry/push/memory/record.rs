//! An upload that a later process can go on with: where the registry said that
//! it goes on.
//!
//! Such an address may be as good as a key. It is in a file that only its owner
//! can read, is never shown, and is used only with the registry that gave it.

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

/// How long a record is kept. Registries forget uploads sooner.
const KEPT: Duration = Duration::from_hours(7 * 24);
/// No record is longer, in bytes.
const LONGEST: u64 = 64 << 10;

/// Which upload it is.
#[derive(Clone, Copy)]
pub(in crate::registry::push) struct Place<'a> {
    pub(in crate::registry::push) address: &'a Address,
    pub(in crate::registry::push) repository: &'a str,
    pub(in crate::registry::push) digest: &'a Digest,
}

/// The record of one upload, held by this process until it ends. Without a file
/// where there is no place for one, or another process sends the same.
#[derive(Default)]
pub(in crate::registry::push) struct Record {
    held: Mutex<Option<Held>>,
}

struct Held {
    file: File,
    path: PathBuf,
    /// What it is the record of.
    of: Upload,
}

#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
struct Upload {
    registry: String,
    repository: String,
    digest: Digest,
}

#[derive(Deserialize, Serialize)]
struct Line {
    of: Upload,
    url: String,
}

impl Record {
    /// The record of an upload, empty where there is none.
    pub(in crate::registry::push) fn open(folder: Option<&Path>, place: Place<'_>) -> Self {
        let of = Upload {
            registry: place.address.base.to_string(),
            repository: place.repository.to_owned(),
            digest: place.digest.clone(),
        };
        Self { held: Mutex::new(folder.and_then(|folder| Held::open(folder, of).ok())) }
    }

    /// Where the upload goes on, as far as the registry is to be believed.
    pub(in crate::registry::push) fn url(&self, address: &Address) -> Option<Url> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let url = held.as_mut()?.read()?;
        address.is_here(&url).then_some(url)
    }

    /// The upload goes on there.
    pub(in crate::registry::push) fn keep(&self, url: &Url, address: &Address) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(held) = held.as_mut() else { return };
        let url = address.is_here(url).then_some(url);
        // Without a record the upload begins anew, which is right as well.
        drop(held.write(url));
    }

    /// The upload has ended.
    pub(in crate::registry::push) fn end(&self) {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(held) = held {
            drop(fs::remove_file(&held.path));
        }
    }
}

impl Held {
    fn open(folder: &Path, of: Upload) -> io::Result<Self> {
        create(folder)?;
        clear(folder)?;
        let key = format!("{}\n{}\n{}", of.registry, of.repository, of.digest);
        let path = folder.join(Digest::of(key.as_bytes()).hex());
        let file = OpenOptions::new()
            .create(true)
            .read(true)
            .write(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)?;
        // Two that go on with one upload would mix up what they send.
        file.try_lock()?;
        Ok(Self { file, path, of })
    }

    fn read(&mut self) -> Option<Url> {
        let mut text = Vec::new();
        self.file.rewind().ok()?;
        (&self.file).take(LONGEST).read_to_end(&mut text).ok()?;
        let line: Line = serde_json::from_slice(&text).ok()?;
        (line.of == self.of).then(|| line.url.parse().ok()).flatten()
    }

    /// Half a record, if it comes to that, cannot be read and is none.
    fn write(&mut self, url: Option<&Url>) -> io::Result<()> {
        self.file.set_len(0)?;
        self.file.rewind()?;
        let Some(url) = url else { return Ok(()) };
        let line = Line { of: self.of.clone(), url: url.to_string() };
        self.file.write_all(&serde_json::to_vec(&line)?)
    }
}

/// Removes records that nobody came back for.
fn clear(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let age = entry.metadata()?.modified()?.elapsed().unwrap_or_default();
        if age > KEPT {
            drop(fs::remove_file(entry.path()));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{Place, Record};
    use crate::oci::Digest;
    use crate::registry::wire::Address;
    use std::os::unix::fs::PermissionsExt as _;
    use url::Url;

    fn url(text: &str) -> Url {
        text.parse().expect("a URL")
    }

    #[test]
    fn an_upload_is_gone_on_with_where_it_was_and_nowhere_else() {
        let folder = tempfile::tempdir().expect("a folder");
        let folder = folder.path().join("uploads");
        let address = Address::new("127.0.0.1:5000", false).expect("a host");
        let digest = Digest::of(b"blob");
        let place = Place { address: &address, repository: "web", digest: &digest };
        let open = |place: Place<'_>| Record::open(Some(&folder), place);
        let there = url("http://127.0.0.1:5000/v2/web/blobs/uploads/1?_state=a%2Bb");

        let record = open(place);
        assert_eq!(record.url(&address), None);
        record.keep(&there, &address);
        // Who sends the same meanwhile does so from the beginning.
        assert_eq!(open(place).url(&address), None);
        drop(record);
        assert_eq!(open(place).url(&address), Some(there.clone()));
        assert_eq!(open(Place { repository: "api", ..place }).url(&address), None);
        let file = std::fs::read_dir(&folder).expect("a folder").next().expect("a file");
        let mode = file.expect("a file").metadata().expect("a file").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);

        let other = Address::new("127.0.0.1:5001", false).expect("a host");
        let record = open(Place { address: &other, ..place });
        record.keep(&there, &other);
        assert_eq!(record.url(&other), None);

        let record = open(place);
        record.keep(&url("http://127.0.0.1:5001/elsewhere"), &address);
        assert_eq!(record.url(&address), None);
        record.keep(&there, &address);
        record.end();
        assert_eq!(open(place).url(&address), None);
    }

    #[test]
    fn a_torn_record_is_none() {
        let folder = tempfile::tempdir().expect("a folder");
        let address = Address::new("127.0.0.1:5000", false).expect("a host");
        let digest = Digest::of(b"blob");
        let place = Place { address: &address, repository: "web", digest: &digest };
        let record = Record::open(Some(folder.path()), place);
        record.keep(&url("http://127.0.0.1:5000/v2/1"), &address);
        drop(record);
        let file = std::fs::read_dir(folder.path()).expect("a folder").next().expect("a file");
        let path = file.expect("a file").path();
        let text = std::fs::read(&path).expect("a file");
        std::fs::write(&path, &text[..text.len() - 3]).expect("a file");

        assert_eq!(Record::open(Some(folder.path()), place).url(&address), None);
    }
}
