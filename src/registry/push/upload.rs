//! Uploads one blob to one repository: tries, retries, and keeps what has arrived.

use super::content::{Blob, Transferred};
use super::open::Begun;
use super::ranges::{RANGE_BYTES, RangesOutcome, UploadSession};
use super::repository::TargetRepository;
use super::transfer::{Transfer, is_forgotten, is_refused};
use crate::http::{Cause, Retry, Retryable as _};
use crate::registry::error::{Failure, PushError};
use crate::registry::memory::UploadRecord;
use crate::registry::try_join_bounded::try_join_bounded;
use crate::registry::wire::{self, Meter};

/// A blob up to this size does not wait behind large ones, and is uploaded rather than
/// asked for.
pub const MAX_SMALL_BLOB_BYTES: u64 = 1 << 20;

/// One blob to upload to one repository.
pub struct Upload<'a> {
    pub repository: &'a TargetRepository<'a>,
    pub blob: &'a Blob,
    /// A repository of the same registry that has the blob. The name of the target
    /// itself where it may have the blob.
    pub from: Option<&'a str>,
}

/// How the content of a blob got to the registry.
enum BodyOutcome {
    Sent,
    /// The registry had it after all.
    There,
}

impl TargetRepository<'_> {
    /// Uploads a blob, unless it is there.
    pub async fn upload_if_missing(&self, blob: &Blob) -> Result<Transferred, PushError> {
        let digest = &blob.descriptor.digest;
        let known = self.known.has_blob(self.name, digest);
        if known || self.has_blob(blob).await.map_err(|error| self.discovery_failed(error))?.1 {
            self.saw_blob(digest);
            self.blobs.count_reused(blob);
            return Ok(Transferred::reused(blob.descriptor.size));
        }
        Upload { repository: self, blob, from: blob.mountable(self.host) }.run().await
    }

    /// Waits for the blobs in flight, and uploads those that did not arrive.
    pub async fn finish_in_flight(&self) -> Result<Transferred, PushError> {
        let landed = self.in_flight.landed().await;
        let missing = self.blobs.blobs.iter().filter(|blob| {
            let digest = &blob.descriptor.digest;
            self.expects(digest) && !landed.is_at(&self.host.address.name, digest)
        });
        let uploads = missing.map(|blob| self.upload_if_missing(blob));
        Ok(try_join_bounded(uploads, usize::MAX).await?.into_iter().sum())
    }
}

impl Upload<'_> {
    /// Uploads the blob.
    pub async fn run(&self) -> Result<Transferred, PushError> {
        let Self { repository, blob, from } = *self;
        let descriptor = &blob.descriptor;
        // Of small blobs too: an upload that a killed process has opened stays open at the
        // registry until it is used or expires.
        let folder = repository.known.uploads();
        let key = repository.upload_key(&descriptor.digest);
        let transfer = Transfer {
            repository,
            blob,
            from,
            meter: Meter::adding_to(repository.blobs.counter(blob)),
            record: UploadRecord::open(folder.as_deref(), key),
        };
        let transferred = transfer.run().await.map_err(|source| PushError::Blob {
            digest: descriptor.digest.clone(),
            size: descriptor.size,
            name: repository.full_name(),
            source,
        })?;
        repository.known.saw_blob(repository.name, &descriptor.digest);
        Ok(transferred)
    }
}

impl Transfer<'_> {
    /// Tries, and retries where the connection broke, from where it broke.
    async fn run(&self) -> Result<Transferred, Failure> {
        let (host, size) = (self.repository.host, self.size());
        let mut pauses = host.quick_retry.pauses();
        let mut kept = self.record.url(&host.address).map(UploadSession::interrupted);
        let mut of_earlier_process = kept.is_some();
        loop {
            let failure = match self.attempt(&mut kept).await {
                Ok(transferred) => {
                    self.finish();
                    return Ok(transferred);
                }
                Err(failure) => failure,
            };
            self.meter.set(0);
            if is_overload(&failure) {
                host.body_limit.overloaded();
            }
            if std::mem::take(&mut of_earlier_process) && is_refused(&failure) {
                // The upload that an earlier process left is of no use: start a new
                // one, without counting this as an attempt.
                kept = None;
                continue;
            }
            // A registry that names a time is given it: by the run, which can be stopped.
            let is_told_when = matches!(failure.retry(), Retry::After(_));
            if is_told_when || !is_transient(&failure) {
                return Err(failure);
            }
            let Some(pause) = pauses.next() else { return Err(failure) };
            tokio::time::sleep(pause).await;
            // Perhaps only the response was lost.
            if self.is_there().await {
                self.finish();
                return Ok(Transferred::sent(size));
            }
        }
    }

    fn finish(&self) {
        self.meter.set(self.size());
        self.record.end();
    }

    /// One attempt. `kept` is the session that an earlier one left, and afterwards the
    /// one that this one leaves.
    async fn attempt(&self, kept: &mut Option<UploadSession>) -> Result<Transferred, Failure> {
        let size = self.size();
        let interrupted = kept.take();
        let begun = self.begin(interrupted.clone()).await;
        if begun.as_ref().is_err_and(is_transient) {
            // The session may still be there when the registry is.
            *kept = interrupted;
        }
        let mut session = match begun? {
            Begun::There => return Ok(Transferred::reused(size)),
            Begun::Sent => return Ok(Transferred::sent(size)),
            Begun::Open(session) => session,
        };
        let limit = &self.repository.host.body_limit;
        let permit = if size > MAX_SMALL_BLOB_BYTES { Some(limit.acquire().await) } else { None };
        match self.send_body(&mut session).await {
            Ok(BodyOutcome::There) => Ok(Transferred::reused(size)),
            Ok(BodyOutcome::Sent) => {
                let reused = session.before();
                if let Some(permit) = permit {
                    permit.sent(size - reused);
                }
                Ok(Transferred { sent: size - reused, reused })
            }
            Err(failure) => {
                if is_transient(&failure) && self.is_in_parts(&session) {
                    *kept = Some(session);
                }
                Err(failure)
            }
        }
    }

    fn is_in_parts(&self, session: &UploadSession) -> bool {
        let repository = self.repository;
        let large = self.size() >= repository.parts.from;
        session.has_some()
            || repository.known.range_bytes().is_some()
            || (large && repository.known.upload_support().parts != Some(false))
    }

    /// Sends what the registry lacks, whole or in parts. Where it refuses one way, the
    /// other is tried.
    async fn send_body(&self, session: &mut UploadSession) -> Result<BodyOutcome, Failure> {
        let known = &self.repository.known;
        let mut whole = !self.is_in_parts(session);
        loop {
            let next = if whole {
                match self.close(&session.url, self.blob.payload()).await {
                    Ok(()) => return Ok(BodyOutcome::Sent),
                    Err(failure) if is_too_large(&failure, self.size()) => {
                        if failure.status().is_some() {
                            known.learn(|support| support.max_bytes = Some(RANGE_BYTES));
                        } else {
                            known.send_ranges(RANGE_BYTES);
                        }
                        self.begin(Some(session.clone())).await?
                    }
                    Err(failure) => return Err(failure),
                }
            } else {
                match session.send(self).await? {
                    RangesOutcome::All => return Ok(BodyOutcome::Sent),
                    RangesOutcome::NotInParts => {
                        known.learn(|support| support.parts = Some(false));
                        self.meter.set(0);
                        self.open().await?
                    }
                }
            };
            match next {
                Begun::There => return Ok(BodyOutcome::There),
                Begun::Sent => return Ok(BodyOutcome::Sent),
                Begun::Open(next) => *session = next,
            }
            whole = !whole;
        }
    }
}

/// Whether another attempt may succeed soon.
fn is_transient(failure: &Failure) -> bool {
    match failure {
        Failure::Source { source, .. } => is_transient(source),
        Failure::Http(error) => match error.status() {
            // The upload was forgotten: a new one is opened.
            Some(404) => is_forgotten(failure),
            Some(status) => matches!(status, 500 | 502..=504),
            None => wire::is_broken_connection(error),
        },
        _ => false,
    }
}

/// Whether the registry, or the network on the way to it, is overloaded.
fn is_overload(failure: &Failure) -> bool {
    match failure {
        Failure::Http(error) => match error.status() {
            Some(status) => matches!(status, 408 | 429 | 500..),
            None => !wire::is_broken_connection(error) || error.cause() == Some(Cause::Broken),
        },
        Failure::Stalled { .. } => true,
        _ => false,
    }
}

/// Whether a body was refused for its size, or its connection was cut although a range
/// might have passed: proxies do that to long bodies.
fn is_too_large(failure: &Failure, size: u64) -> bool {
    let Failure::Http(error) = failure else { return false };
    match error.status() {
        Some(status) => matches!(status, 413 | 416),
        None => size > RANGE_BYTES && error.cause() == Some(Cause::Broken),
    }
}
