//! One blob on its way into a file.

use crate::http;
use crate::oci::{Descriptor, Digest, Hasher};
use crate::progress::Counter;
use crate::registry::error::Failure;
use crate::registry::manifest::MAX_MANIFEST_BYTES;
use crate::registry::wire::{self, Host, Request, Scope};
use reqwest::{Method, Response};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use tokio::io::{AsyncSeekExt as _, AsyncWriteExt as _};

/// One blob on its way into a file.
pub(super) struct Fetch<'a> {
    pub(super) host: &'a Host,
    pub(super) repository: &'a str,
    pub(super) folder: &'a Path,
    pub(super) blob: &'a Descriptor,
    /// Counts what of it is in the file.
    pub(super) done: Counter,
}

/// A blob that is a file now.
pub(super) struct Fetched {
    pub(super) size: u64,
    /// Whether it had to come.
    pub(super) came: bool,
}

/// A file that is being filled, and the hash of what is in it.
struct Part {
    path: tempfile::TempPath,
    file: tokio::fs::File,
    hash: Hasher,
}

/// Where a blob is as a file.
fn place(folder: &Path, digest: &Digest) -> PathBuf {
    folder.join("blobs").join(digest.algorithm()).join(digest.hex())
}

/// Whether a blob is a file already. The name is given to a file only after its
/// content was checked.
pub(super) async fn is_there(folder: &Path, blob: &Descriptor) -> bool {
    let found = tokio::fs::metadata(place(folder, &blob.digest)).await;
    found.is_ok_and(|found| found.len() == blob.size)
}

/// Writes bytes as a blob.
pub(super) async fn keep(folder: &Path, digest: &Digest, bytes: &[u8]) -> Result<(), Failure> {
    let mut part = Part::create(folder, digest).await?;
    part.append(bytes).await?;
    part.finish(&place(folder, digest)).await
}

/// A small blob that is there already, verified.
pub(super) async fn kept(folder: &Path, digest: &Digest) -> Option<Vec<u8>> {
    let place = place(folder, digest);
    let length = tokio::fs::metadata(&place).await.ok()?.len();
    if length > MAX_MANIFEST_BYTES as u64 {
        return None;
    }
    let bytes = tokio::fs::read(&place).await.ok()?;
    (Digest::of(&bytes) == *digest).then_some(bytes)
}

impl Fetch<'_> {
    /// Brings the blob into its file; goes on where the connection broke.
    pub(super) async fn run(&self) -> Result<Fetched, Failure> {
        let Descriptor { digest, size, .. } = self.blob;
        if digest.algorithm() != "sha256" {
            let reason = format!("{digest} is of a kind that is not checked here");
            return Err(Failure::Nonsense(reason));
        }
        if is_there(self.folder, self.blob).await {
            self.done.store(*size, Ordering::Relaxed);
            return Ok(Fetched { size: *size, came: false });
        }
        let mut part = Part::create(self.folder, digest).await?;
        let mut pauses = self.host.pauses.iter();
        while let Err(failure) = self.fill(&mut part).await {
            let again = matches!(&failure, Failure::Http(error) if wire::broke(error));
            match pauses.next() {
                Some(pause) if again => tokio::time::sleep(pause).await,
                Some(_) | None => return Err(failure),
            }
        }
        let found = part.hash.clone().finish().0;
        if found != *digest {
            let expected = digest.clone();
            return Err(Failure::Digest { expected, found });
        }
        part.finish(&place(self.folder, digest)).await?;
        Ok(Fetched { size: *size, came: true })
    }

    /// Fetches what is not in the file yet.
    async fn fill(&self, part: &mut Part) -> Result<(), Failure> {
        if part.hash.length() == self.blob.size && part.hash.length() > 0 {
            return Ok(());
        }
        let path = format!("{}/blobs/{}", self.repository, self.blob.digest);
        let url = self.host.address.url(&path);
        let mut request = Request::new(Method::GET, url, Scope::pull(self.repository));
        if part.hash.length() > 0 {
            request = request.header("range", &format!("bytes={}-", part.hash.length()));
        }
        let response = self.host.send(&request).await?;
        match response.status().as_u16() {
            206 if begins_at(&response, part.hash.length()) => {}
            200 => {
                part.restart().await?;
                self.done.store(0, Ordering::Relaxed);
            }
            _ => return Err(wire::refused("GET", response).await.into()),
        }
        self.receive(response, part).await
    }

    async fn receive(&self, mut response: Response, part: &mut Part) -> Result<(), Failure> {
        let url = http::SafeUrl::new(response.url().clone());
        loop {
            let piece = response.chunk().await.map_err(|source| {
                let (method, url) = ("GET".to_owned(), url.clone());
                if source.is_timeout() {
                    http::Error::TimedOut { method, url }
                } else {
                    http::Error::Transport { method, url, source: source.without_url() }
                }
            })?;
            let Some(piece) = piece else { break };
            if part.hash.length() + piece.len() as u64 > self.blob.size {
                let reason = format!("a blob of {} bytes has more than that", self.blob.size);
                return Err(Failure::Nonsense(reason));
            }
            part.append(&piece).await?;
            self.done.store(part.hash.length(), Ordering::Relaxed);
        }
        if part.hash.length() < self.blob.size {
            let (has, size) = (part.hash.length(), self.blob.size);
            let reason = format!("a blob of {size} bytes ends after {has}");
            return Err(Failure::Nonsense(reason));
        }
        Ok(())
    }
}

fn begins_at(response: &Response, at: u64) -> bool {
    wire::header(response, "content-range")
        .is_some_and(|range| range.starts_with(&format!("bytes {at}-")))
}

impl Part {
    /// A file beside its later place, which goes away if it never gets there.
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

    async fn append(&mut self, piece: &[u8]) -> Result<(), Failure> {
        self.file.write_all(piece).await.map_err(|source| self.failed(source))?;
        self.hash.update(piece);
        Ok(())
    }

    /// Begins anew: the registry sends the whole once more.
    async fn restart(&mut self) -> Result<(), Failure> {
        if self.hash.length() == 0 {
            return Ok(());
        }
        self.empty().await.map_err(|source| self.failed(source))?;
        self.hash = Hasher::new();
        Ok(())
    }

    async fn empty(&mut self) -> io::Result<()> {
        self.file.flush().await?;
        self.file.set_len(0).await?;
        self.file.rewind().await.map(drop)
    }

    async fn finish(mut self, place: &Path) -> Result<(), Failure> {
        self.file.flush().await.map_err(|source| self.failed(source))?;
        let written = |error: tempfile::PathPersistError| Failure::Write {
            path: place.to_owned(),
            source: error.error,
        };
        self.path.persist(place).map_err(written)
    }
}
