//! Unfinished uploads. Bytes are hashed and written to a file as they arrive; at
//! most two chunks of an upload are in memory.
//!
//! A session survives a restart, because its file does. The file is then hashed
//! again.

use super::digest::digest_of;
use super::error::DistributionError;
use super::storage::Storage;
use crate::local::files::{FileError, create_folder, read_json, write_json};
use crate::local::identity::random_uuid;
use crate::oci::Digest;
use axum::body::Body;
use http::StatusCode;
use http_body_util::BodyExt as _;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex as Lock, MutexGuard, PoisonError};
use tokio::sync::{Mutex, OwnedMutexGuard, Semaphore};

/// How much is collected before it is written. Four times this is the memory that each
/// upload needs.
const WRITE_CHUNK_BYTES: usize = 64 * 1024;

/// How many chunks are written at the same time. Each takes a thread, whose memory is kept.
static WRITERS: Semaphore = Semaphore::const_new(8);

/// The repository that a session belongs to.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct UploadOwner {
    pub host: String,
    pub repository: String,
}

/// Ends an upload with its request.
pub struct SingleRequest<'a> {
    sessions: &'a UploadSessions,
    id: String,
}

impl Drop for SingleRequest<'_> {
    fn drop(&mut self) {
        // What cannot be removed is an upload that no client goes on with.
        self.sessions.cancel(&self.id).ok();
    }
}

/// An upload and what has arrived of it.
#[derive(Debug)]
pub struct UploadSession {
    pub id: String,
    pub size: u64,
    path: PathBuf,
    file: File,
    hash: Sha256,
}

/// A session while one request works on it.
pub type LockedSession = OwnedMutexGuard<UploadSession>;

#[derive(Debug)]
pub struct UploadSessions {
    pub storage: Storage,
    open: Lock<HashMap<String, Arc<Mutex<UploadSession>>>>,
}

impl UploadSessions {
    /// Removes what requests left that the process before did not survive.
    pub fn new(storage: Storage) -> Self {
        let folder = storage.uploads();
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.extension().is_none() && !path.with_extension("json").exists() {
                // What stays takes space, and no client goes on with it.
                std::fs::remove_file(path).ok();
            }
        }
        Self { storage, open: Lock::default() }
    }

    /// Begins an upload that later requests may continue.
    pub async fn begin(&self, owner: &UploadOwner) -> Result<LockedSession, DistributionError> {
        let id = random_uuid();
        write_json(&self.storage.uploads().join(format!("{id}.json")), owner)?;
        self.lock(&id).await
    }

    /// Begins an upload that ends with its request: no client is told its address.
    pub async fn begin_single(
        &self,
    ) -> Result<(SingleRequest<'_>, LockedSession), DistributionError> {
        let ends = SingleRequest { sessions: self, id: random_uuid() };
        let session = self.lock(&ends.id).await?;
        Ok((ends, session))
    }

    /// Continues an upload of the same repository.
    pub async fn resume(
        &self,
        owner: &UploadOwner,
        id: &str,
    ) -> Result<LockedSession, DistributionError> {
        let plain = id.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
        let known = plain.then(|| read_json(&self.storage.uploads().join(format!("{id}.json"))));
        match known.transpose()?.flatten() {
            Some(recorded) if *owner == recorded => self.lock(id).await,
            _ => Err(DistributionError::unknown_upload()),
        }
    }

    async fn lock(&self, id: &str) -> Result<LockedSession, DistributionError> {
        let known = self.opened().get(id).cloned();
        let session = if let Some(session) = known {
            session
        } else {
            // Hashing the file of an earlier process takes a while.
            let (folder, name) = (self.storage.uploads(), id.to_owned());
            let session = blocking(move || UploadSession::open(&folder, &name)).await?;
            // Another request may have opened the session meanwhile.
            let mut open = self.opened();
            let session = open.entry(id.to_owned()).or_insert(Arc::new(Mutex::new(session)));
            Arc::clone(session)
        };
        Ok(session.lock_owned().await)
    }

    fn opened(&self) -> MutexGuard<'_, HashMap<String, Arc<Mutex<UploadSession>>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends an upload and deletes its files.
    pub fn cancel(&self, id: &str) -> Result<(), DistributionError> {
        self.opened().remove(id);
        let folder = self.storage.uploads();
        for path in [folder.join(id), folder.join(format!("{id}.json"))] {
            match std::fs::remove_file(&path) {
                Err(source) if source.kind() != io::ErrorKind::NotFound => {
                    return Err(FileError::Io { verb: "remove", path, source }.into());
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Turns an upload into a blob, if its digest matches.
    pub async fn finish(
        &self,
        session: LockedSession,
        owner: &UploadOwner,
        digest: &Digest,
    ) -> Result<(), DistributionError> {
        let wanted = digest.algorithm().to_owned();
        let (session, found) = blocking(move || {
            let found = session.digest(&wanted)?;
            Ok((session, found))
        })
        .await?;
        if found != *digest {
            self.cancel(&session.id)?;
            return Err(DistributionError::invalid_digest(
                "provided digest did not match uploaded content",
            ));
        }
        let content = self.storage.content(digest);
        if let Some(folder) = content.parent() {
            create_folder(folder)?;
        }
        std::fs::rename(&session.path, &content).map_err(|source| FileError::Io {
            verb: "keep",
            path: content,
            source,
        })?;
        self.storage.link_blob(&owner.host, &owner.repository, digest)?;
        self.cancel(&session.id)
    }
}

impl UploadSession {
    fn open(folder: &Path, id: &str) -> Result<Self, FileError> {
        let path = folder.join(id);
        let failed = |source| FileError::Io { verb: "open", path: path.clone(), source };
        let file = OpenOptions::new().create(true).append(true).read(true).open(&path);
        let mut session = Self {
            id: id.to_owned(),
            size: 0,
            file: file.map_err(failed)?,
            hash: Sha256::new(),
            path: path.clone(),
        };
        let mut earlier = session.file.try_clone().map_err(failed)?;
        session.size = io::copy(&mut earlier, &mut Hashing(&mut session.hash)).map_err(failed)?;
        Ok(session)
    }

    fn write(&mut self, chunk: &[u8]) -> Result<(), FileError> {
        self.file.write_all(chunk).map_err(|source| FileError::Io {
            verb: "write",
            path: self.path.clone(),
            source,
        })?;
        self.hash.update(chunk);
        self.size += chunk.len() as u64;
        Ok(())
    }

    /// SHA-256 was computed on the way; other algorithms read the file again.
    fn digest(&self, algorithm: &str) -> Result<Digest, FileError> {
        if algorithm == "sha256" {
            return Ok(Digest::from_sha256(&self.hash.clone().finalize()));
        }
        let failed = |source| FileError::Io { verb: "read", path: self.path.clone(), source };
        digest_of(&self.path, algorithm).map_err(failed)
    }
}

/// Appends a body to a session. The next chunk is read while one is written.
pub async fn append(
    mut session: LockedSession,
    mut body: Body,
) -> Result<LockedSession, DistributionError> {
    let mut next = gather(&mut body).await;
    loop {
        let (chunk, end) = next;
        let write = blocking(move || {
            session.write(&chunk)?;
            Ok(session)
        });
        match end {
            BodyEnd::More => {
                let (written, gathered) = tokio::join!(write, gather(&mut body));
                session = written?;
                next = gathered;
            }
            BodyEnd::Done => return write.await,
            BodyEnd::Broken(why) => {
                write.await?;
                let message = format!("the body broke off: {why}");
                return Err(DistributionError::new(
                    StatusCode::BAD_REQUEST,
                    "BLOB_UPLOAD_INVALID",
                    &message,
                ));
            }
        }
    }
}

enum BodyEnd {
    More,
    Done,
    Broken(String),
}

/// The next bytes of a body. They are copied: a frame may be a few bytes of a whole buffer of
/// its connection, which it would keep.
async fn gather(body: &mut Body) -> (Vec<u8>, BodyEnd) {
    let mut chunk = Vec::with_capacity(2 * WRITE_CHUNK_BYTES);
    while chunk.len() < WRITE_CHUNK_BYTES {
        match body.frame().await {
            None => return (chunk, BodyEnd::Done),
            Some(Err(error)) => return (chunk, BodyEnd::Broken(error.to_string())),
            Some(Ok(frame)) => {
                if let Ok(data) = frame.into_data() {
                    chunk.extend_from_slice(&data);
                }
            }
        }
    }
    (chunk, BodyEnd::More)
}

/// Runs disk work on a thread where it blocks no other request. The work finishes
/// even if the request is dropped, so a chunk is never written in part.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, FileError> + Send + 'static,
) -> Result<T, DistributionError> {
    let _turn = WRITERS.acquire().await;
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => Ok(result?),
        Err(error) => {
            let message = format!("cannot write the upload: {error}");
            Err(DistributionError::new(StatusCode::INTERNAL_SERVER_ERROR, "UNKNOWN", &message))
        }
    }
}

struct Hashing<'a>(&'a mut Sha256);

impl io::Write for Hashing<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{UploadOwner, UploadSessions, append};
    use crate::local::registry::storage::Storage;
    use axum::body::Body;
    use std::fs;
    use std::time::Duration;

    #[tokio::test]
    async fn upload_of_one_request_is_gone_where_its_client_goes_away() {
        let state = tempfile::tempdir().expect("a folder");
        let storage = Storage::open(state.path()).expect("made");
        let (folder, sessions) = (storage.uploads(), UploadSessions::new(storage));
        let request = async {
            let (_ends, session) = sessions.begin_single().await.expect("begun");
            let endless = futures::stream::pending::<Result<Vec<u8>, std::io::Error>>();
            append(session, Body::from_stream(endless)).await.map(drop)
        };

        let ended = tokio::time::timeout(Duration::from_millis(50), request).await;

        assert!(ended.is_err(), "it waits for the body");
        assert_eq!(fs::read_dir(folder).expect("a folder").count(), 0);
    }

    #[tokio::test]
    async fn upload_of_one_request_is_gone_where_its_registry_was_killed() {
        let state = tempfile::tempdir().expect("a folder");
        let storage = || Storage::open(state.path()).expect("made");
        let sessions = UploadSessions::new(storage());
        let owner = UploadOwner { host: "demo.azurecr.io".into(), repository: "web".into() };
        let kept = sessions.begin(&owner).await.expect("begun").id.clone();
        let (ends, _) = sessions.begin_single().await.expect("begun");
        // As a killed process does not.
        std::mem::forget(ends);

        let sessions = UploadSessions::new(storage());

        let left = fs::read_dir(storage().uploads()).expect("a folder").flatten();
        let mut left: Vec<String> =
            left.filter_map(|entry| entry.file_name().into_string().ok()).collect();
        left.sort_unstable();
        assert_eq!(left, [kept.clone(), format!("{kept}.json")]);
        assert_eq!(sessions.resume(&owner, &kept).await.map(|it| it.size).ok(), Some(0));
    }
}
