//! Downloads one blob into a file.

use crate::oci::{Descriptor, Digest, Hasher};
use crate::progress::Counter;
use crate::registry::blob_stream::BlobStream;
use crate::registry::error::Failure;
use crate::registry::manifest::MAX_MANIFEST_BYTES;
use crate::registry::wire::{self, Host};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use tokio::io::{AsyncSeekExt as _, AsyncWriteExt as _};

/// One blob to download into a file.
pub struct BlobDownload<'a> {
    pub host: &'a Host,
    pub repository: &'a str,
    pub folder: &'a Path,
    pub blob: &'a Descriptor,
    /// Counts the bytes in the file.
    pub done: Counter,
}

/// A blob that is a file now.
pub struct DownloadedBlob {
    pub size: u64,
    /// False where the file was there before.
    pub fetched: bool,
}

/// A temporary file that is being filled, and the hash of its content.
struct PartialFile {
    path: tempfile::TempPath,
    file: tokio::fs::File,
    hash: Hasher,
}

/// The path of a blob in an OCI layout.
fn path(folder: &Path, digest: &Digest) -> PathBuf {
    folder.join("blobs").join(digest.algorithm()).join(digest.hex())
}

/// Whether a blob is there as a file. A file gets its name only after its content was
/// verified, so its length is enough.
pub async fn exists(folder: &Path, blob: &Descriptor) -> bool {
    let found = tokio::fs::metadata(path(folder, &blob.digest)).await;
    found.is_ok_and(|found| found.len() == blob.size)
}

/// Writes bytes as a blob.
pub async fn write(folder: &Path, digest: &Digest, bytes: &[u8]) -> Result<(), Failure> {
    let mut part = PartialFile::create(folder, digest).await?;
    part.append(bytes).await?;
    part.persist(&path(folder, digest)).await
}

/// Reads and verifies a small blob, if it is there.
pub async fn read(folder: &Path, digest: &Digest) -> Option<Vec<u8>> {
    let path = path(folder, digest);
    let length = tokio::fs::metadata(&path).await.ok()?.len();
    if length > MAX_MANIFEST_BYTES as u64 {
        return None;
    }
    let bytes = tokio::fs::read(&path).await.ok()?;
    (Digest::of(&bytes) == *digest).then_some(bytes)
}

impl BlobDownload<'_> {
    /// Downloads the blob, unless it is there. Resumes where the connection breaks.
    pub async fn run(&self) -> Result<DownloadedBlob, Failure> {
        let Descriptor { digest, size, .. } = self.blob;
        if digest.algorithm() != "sha256" {
            let reason = format!("{digest} is of a kind that cannot be verified");
            return Err(Failure::Unexpected(reason));
        }
        if exists(self.folder, self.blob).await {
            self.done.store(*size, Ordering::Relaxed);
            return Ok(DownloadedBlob { size: *size, fetched: false });
        }
        let mut part = PartialFile::create(self.folder, digest).await?;
        let mut pauses = self.host.quick_retry.pauses();
        while let Err(failure) = self.fill(&mut part).await {
            let transient =
                matches!(&failure, Failure::Http(error) if wire::is_broken_connection(error));
            match pauses.next() {
                Some(pause) if transient => tokio::time::sleep(pause).await,
                Some(_) | None => return Err(failure),
            }
        }
        let found = part.hash.clone().finish().0;
        if found != *digest {
            let expected = digest.clone();
            return Err(Failure::Digest { expected, found });
        }
        part.persist(&path(self.folder, digest)).await?;
        Ok(DownloadedBlob { size: *size, fetched: true })
    }

    /// Fetches what the file lacks.
    async fn fill(&self, part: &mut PartialFile) -> Result<(), Failure> {
        let (size, from) = (self.blob.size, part.hash.length());
        if from == size && from > 0 {
            return Ok(());
        }
        let mut content =
            BlobStream::open(self.host, self.repository, &self.blob.digest, from).await?;
        if content.offset != from {
            part.clear().await?;
            self.done.store(0, Ordering::Relaxed);
        }
        while let Some(chunk) = content.chunk().await? {
            if part.hash.length() + chunk.len() as u64 > size {
                let reason = format!("a blob of {size} bytes has more than that");
                return Err(Failure::Unexpected(reason));
            }
            part.append(&chunk).await?;
            self.done.store(part.hash.length(), Ordering::Relaxed);
        }
        let has = part.hash.length();
        if has < size {
            let reason = format!("a blob of {size} bytes ends after {has}");
            return Err(Failure::Unexpected(reason));
        }
        Ok(())
    }
}

impl PartialFile {
    /// Creates a file beside its final path. It is deleted unless it is persisted.
    async fn create(folder: &Path, digest: &Digest) -> Result<Self, Failure> {
        let folder = folder.join("blobs").join(digest.algorithm());
        let failed = |source| Failure::Write { path: folder.clone(), source };
        tokio::fs::create_dir_all(&folder).await.map_err(failed)?;
        let (file, path) = tempfile::Builder::new()
            .prefix(".pull-")
            .tempfile_in(&folder)
            .map_err(failed)?
            .into_parts();
        Ok(Self { path, file: file.into(), hash: Hasher::new() })
    }

    fn failed(&self, source: io::Error) -> Failure {
        Failure::Write { path: self.path.to_path_buf(), source }
    }

    async fn append(&mut self, chunk: &[u8]) -> Result<(), Failure> {
        self.file.write_all(chunk).await.map_err(|source| self.failed(source))?;
        self.hash.update(chunk);
        Ok(())
    }

    /// Empties the file: the registry sends the content from its beginning.
    async fn clear(&mut self) -> Result<(), Failure> {
        self.truncate().await.map_err(|source| self.failed(source))?;
        self.hash = Hasher::new();
        Ok(())
    }

    async fn truncate(&mut self) -> io::Result<()> {
        self.file.flush().await?;
        self.file.set_len(0).await?;
        self.file.rewind().await.map(drop)
    }

    async fn persist(mut self, path: &Path) -> Result<(), Failure> {
        self.file.flush().await.map_err(|source| self.failed(source))?;
        let written = |error: tempfile::PathPersistError| Failure::Write {
            path: path.to_owned(),
            source: error.error,
        };
        self.path.persist(path).map_err(written)
    }
}
