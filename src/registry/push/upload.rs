//! One blob on its way into one repository.

use super::memory::{Place, Record};
use super::open::Begun;
use super::ranges::{RANGE, Sent, Session};
use super::repository::Repository;
use super::{Blob, Moved};
use crate::http::Cause;
use crate::registry::error::{Failure, PushError};
use crate::registry::wire::{self, Meter, Payload, Request, Scope};
use reqwest::Method;
use url::Url;

/// Up to this size a blob does not queue behind large ones, and is rather sent
/// than asked for at length.
pub(super) const SMALL: u64 = 1 << 20;
/// Up to this size a blob goes with the request that opens its upload, where
/// the registry takes it so: where it does not, nothing is lost.
pub(super) const SINGLE: u64 = 64 << 10;

/// One blob on its way into one repository.
pub(super) struct Upload<'a> {
    pub(super) repository: &'a Repository<'a>,
    pub(super) blob: &'a Blob,
    /// The repository of the same registry that has it; its own name where it
    /// may have it itself.
    pub(super) from: Option<&'a str>,
}

/// The way of a blob, with what it leaves on it.
pub(super) struct Trip<'a> {
    pub(super) upload: &'a Upload<'a>,
    pub(super) meter: Meter,
    /// For the next process, where the blob is large.
    pub(super) record: Record,
}

/// What came of sending a body.
enum End {
    Sent,
    /// It was there after all.
    There,
}

impl Upload<'_> {
    /// Brings the blob there.
    pub(super) async fn run(&self) -> Result<Moved, PushError> {
        let descriptor = &self.blob.descriptor;
        let repository = self.repository;
        let large = descriptor.size >= repository.parts.from;
        let folder = repository.known.uploads().filter(|_| large);
        let place = Place {
            address: &repository.host.address,
            repository: repository.name,
            digest: &descriptor.digest,
        };
        let trip = Trip {
            upload: self,
            meter: Meter::adding_to(repository.cargo.tally.of(descriptor.digest.as_str())),
            record: Record::open(folder.as_deref(), place),
        };
        let moved = trip.make().await.map_err(|source| PushError::Blob {
            digest: descriptor.digest.clone(),
            size: descriptor.size,
            name: repository.full_name(),
            source,
        })?;
        repository.known.saw_blob(repository.name, &descriptor.digest);
        Ok(moved)
    }

    pub(super) fn scope(&self) -> Scope {
        self.repository.scope()
    }
}

impl Trip<'_> {
    pub(super) fn size(&self) -> u64 {
        self.upload.blob.descriptor.size
    }

    /// Tries, and tries again where the connection broke, from where it broke.
    async fn make(&self) -> Result<Moved, Failure> {
        let (host, size) = (self.upload.repository.host, self.size());
        let mut pauses = host.pauses.iter();
        let mut kept = self.record.url(&host.address).map(Session::interrupted);
        let mut of_another = kept.is_some();
        loop {
            let failure = match self.once(&mut kept).await {
                Ok(moved) => {
                    self.meter.set(size);
                    self.record.end();
                    return Ok(moved);
                }
                Err(failure) => failure,
            };
            self.meter.set(0);
            if is_too_much(&failure) {
                host.bodies.trouble();
            }
            if std::mem::take(&mut of_another) && is_refused(&failure) {
                // What an earlier process left is of no use.
                kept = None;
                continue;
            }
            let Some(pause) = pauses.next().filter(|_| passes(&failure)) else {
                return Err(failure);
            };
            tokio::time::sleep(pause).await;
            // Only the answer may have been lost.
            if self.is_there().await {
                self.meter.set(size);
                self.record.end();
                return Ok(Moved { sent: size, reused: 0 });
            }
        }
    }

    async fn once(&self, kept: &mut Option<Session>) -> Result<Moved, Failure> {
        let size = self.size();
        let interrupted = kept.take();
        let begun = self.begin(interrupted.clone()).await;
        if begun.as_ref().is_err_and(passes) {
            // It may still be there when the registry is.
            *kept = interrupted;
        }
        let mut session = match begun? {
            Begun::There => return Ok(Moved { sent: 0, reused: size }),
            Begun::Sent => return Ok(Moved { sent: size, reused: 0 }),
            Begun::Open(session) => session,
        };
        let bodies = &self.upload.repository.host.bodies;
        let place = if size > SMALL { Some(bodies.enter().await) } else { None };
        match self.body(&mut session).await {
            Ok(End::There) => Ok(Moved { sent: 0, reused: size }),
            Ok(End::Sent) => {
                let reused = session.before();
                if let Some(place) = place {
                    place.arrived(size - reused);
                }
                Ok(Moved { sent: size - reused, reused })
            }
            Err(failure) => {
                if passes(&failure) && self.is_in_parts(&session) {
                    *kept = Some(session);
                }
                Err(failure)
            }
        }
    }

    fn is_in_parts(&self, session: &Session) -> bool {
        let repository = self.upload.repository;
        let large = self.size() >= repository.parts.from;
        session.has_some()
            || repository.known.ranges().is_some()
            || (large && repository.known.ways().parts != Some(false))
    }

    /// Sends what the registry lacks, in the way that it takes.
    async fn body(&self, session: &mut Session) -> Result<End, Failure> {
        let known = &self.upload.repository.known;
        let mut whole = !self.is_in_parts(session);
        loop {
            let next = if whole {
                match self.close(&session.url, self.upload.blob.payload()).await {
                    Ok(()) => return Ok(End::Sent),
                    Err(failure) if is_too_large(&failure, self.size()) => {
                        if failure.status().is_some() {
                            known.learn(|ways| ways.most = Some(RANGE));
                        } else {
                            known.be_careful(RANGE);
                        }
                        self.begin(Some(session.clone())).await?
                    }
                    Err(failure) => return Err(failure),
                }
            } else {
                match session.send(self).await? {
                    Sent::All => return Ok(End::Sent),
                    Sent::NotInParts => {
                        known.learn(|ways| ways.parts = Some(false));
                        self.meter.set(0);
                        self.open().await?
                    }
                }
            };
            match next {
                Begun::There => return Ok(End::There),
                Begun::Sent => return Ok(End::Sent),
                Begun::Open(next) => *session = next,
            }
            whole = !whole;
        }
    }

    /// The request that ends an upload, with all or nothing of the blob in it.
    pub(super) async fn close(&self, url: &Url, payload: Payload) -> Result<(), Failure> {
        let digest = &self.upload.blob.descriptor.digest;
        let mut url = url.clone();
        url.query_pairs_mut().append_pair("digest", digest.as_str());
        let request = Request::new(Method::PUT, url, self.upload.scope())
            .header("content-type", "application/octet-stream")
            .payload(payload)
            .metered(self.meter.clone());
        let response = self.upload.repository.host.send(&request).await?;
        if !response.status().is_success() {
            return Err(wire::refused("PUT", response).await.into());
        }
        wire::expect_digest(&response, digest)
    }

    pub(super) async fn is_there(&self) -> bool {
        let repository = self.upload.repository;
        let path = format!("{}/blobs/{}", repository.name, self.upload.blob.descriptor.digest);
        let url = repository.host.address.url(&path);
        let request = Request::new(Method::HEAD, url, self.upload.scope());
        matches!(repository.host.send(&request).await, Ok(answer) if answer.status().is_success())
    }
}

/// Whether the next try may do better, in a moment.
fn passes(failure: &Failure) -> bool {
    match failure {
        Failure::Source { source, .. } => passes(source),
        Failure::Http(error) => match error.status() {
            // The upload was forgotten: a new one is opened.
            Some(404) => is_forgotten(failure),
            Some(status) => matches!(status, 500 | 502..=504),
            None => wire::broke(error),
        },
        _ => false,
    }
}

/// Whether the registry knows nothing of the upload.
pub(super) fn is_forgotten(failure: &Failure) -> bool {
    failure.status() == Some(404) && failure.to_string().contains("BLOB_UPLOAD_UNKNOWN")
}

/// Whether the registry does not want what it was sent, for another reason than
/// who sends it, or how often.
pub(super) fn is_refused(failure: &Failure) -> bool {
    match failure {
        Failure::Http(error) => {
            matches!(error.status(), Some(status @ 400..500) if ![401, 403, 429].contains(&status))
        }
        Failure::Digest { .. } | Failure::Nonsense(_) => true,
        _ => false,
    }
}

/// Whether the registry, or the way to it, has more than it can bear.
fn is_too_much(failure: &Failure) -> bool {
    match failure {
        Failure::Http(error) => match error.status() {
            Some(status) => matches!(status, 408 | 429 | 500..),
            None => !wire::broke(error) || error.cause() == Some(Cause::Broken),
        },
        Failure::Stalled { .. } => true,
        _ => false,
    }
}

/// Whether a body was refused for its size, or cut off where it was longer than
/// a range.
fn is_too_large(failure: &Failure, size: u64) -> bool {
    let Failure::Http(error) = failure else { return false };
    match error.status() {
        Some(status) => matches!(status, 413 | 416),
        None => size > RANGE && error.cause() == Some(Cause::Broken),
    }
}
