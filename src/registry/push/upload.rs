//! One blob on its way into one repository.

use super::ranges::{RANGE, Session};
use super::repository::Repository;
use super::{Blob, Moved};
use crate::http::Cause;
use crate::registry::error::{Failure, PushError};
use crate::registry::wire::{self, Meter, Payload, Request, Scope};
use reqwest::{Method, Response};
use url::Url;

/// Up to this size a blob does not queue behind large ones.
const SMALL: u64 = 1 << 20;

/// One blob on its way into one repository.
pub(super) struct Upload<'a> {
    pub(super) repository: &'a Repository<'a>,
    pub(super) blob: &'a Blob,
    /// The repository of the same registry that has it.
    pub(super) from: Option<&'a str>,
}

/// What came of opening an upload.
enum Opened {
    /// The registry had it elsewhere.
    Mounted,
    /// It wants the bytes.
    Wanted(Session),
}

impl Upload<'_> {
    /// Brings the blob there.
    pub(super) async fn run(&self) -> Result<Moved, PushError> {
        let descriptor = &self.blob.descriptor;
        let moved = self.tried().await.map_err(|source| PushError::Blob {
            digest: descriptor.digest.clone(),
            size: descriptor.size,
            name: self.repository.full_name(),
            source,
        })?;
        self.repository.memory.seen(&self.repository.full_name(), &descriptor.digest);
        Ok(moved)
    }

    /// Tries, and tries again where the connection broke, from where it broke.
    async fn tried(&self) -> Result<Moved, Failure> {
        let size = self.blob.descriptor.size;
        let meter = Meter::adding_to(self.repository.cargo.tally.of(&self.blob.descriptor.digest));
        let mut pauses = self.repository.host.pauses.iter();
        let mut kept = None;
        loop {
            let failure = match self.once(&mut kept, &meter).await {
                Ok(moved) => {
                    meter.set(size);
                    return Ok(moved);
                }
                Err(failure) => failure,
            };
            meter.set(0);
            let Some(pause) = pauses.next().filter(|_| passes(&failure)) else {
                return Err(failure);
            };
            tokio::time::sleep(pause).await;
            // Only the answer may have been lost.
            if self.is_there().await {
                meter.set(size);
                return Ok(Moved { sent: size, reused: 0 });
            }
        }
    }

    async fn once(&self, kept: &mut Option<Session>, meter: &Meter) -> Result<Moved, Failure> {
        let size = self.blob.descriptor.size;
        let Some(mut session) = self.session(kept.take()).await? else {
            return Ok(Moved { sent: 0, reused: size });
        };
        let host = self.repository.host;
        let _permit = if size > SMALL { Some(host.body().await) } else { None };
        if host.ranges().is_none() && session.arrived == 0 {
            match self.close(&session.url, self.blob.payload(), meter).await {
                Ok(()) => return Ok(Moved { sent: size, reused: 0 }),
                Err(failure) if is_too_large(&failure, size) => {
                    host.set_ranges(RANGE);
                    let Some(next) = self.session(Some(session)).await? else {
                        return Ok(Moved { sent: 0, reused: size });
                    };
                    session = next;
                }
                Err(failure) => return Err(failure),
            }
        }
        let sent = session.send(self, meter).await;
        if matches!(&sent, Err(failure) if passes(failure)) {
            *kept = Some(session);
        }
        sent.map(|()| Moved { sent: size, reused: 0 })
    }

    /// The session that was interrupted, where the registry still knows it, else
    /// a new one. `None` when the blob is there without one.
    async fn session(&self, interrupted: Option<Session>) -> Result<Option<Session>, Failure> {
        if let Some(mut session) = interrupted {
            match session.ask(self).await {
                Ok(()) => return Ok(Some(session)),
                // It was forgotten, or is good for nothing now.
                Err(failure) if failure.status().is_some_and(|status| status < 500) => {}
                Err(failure) => return Err(failure),
            }
        }
        match self.open().await? {
            Opened::Mounted => Ok(None),
            Opened::Wanted(session) => Ok(Some(session)),
        }
    }

    /// Opens an upload, or has the blob mounted from where it is.
    async fn open(&self) -> Result<Opened, Failure> {
        if let Some(from) = self.from
            && let Ok(opened) = self.mount(from).await
        {
            return Ok(opened);
        }
        let path = format!("{}/blobs/uploads/", self.repository.name);
        let url = self.repository.host.address.url(&path);
        let request = Request::new(Method::POST, url, self.repository.scope());
        let response = self.repository.host.send(&request).await?;
        self.opened(response).await
    }

    /// A registry that cannot mount opens an upload, or knows no such thing: it
    /// is then asked for an upload.
    async fn mount(&self, from: &str) -> Result<Opened, Failure> {
        let path = format!("{}/blobs/uploads/", self.repository.name);
        let mut url = self.repository.host.address.url(&path);
        url.query_pairs_mut()
            .append_pair("mount", self.blob.descriptor.digest.as_str())
            .append_pair("from", from);
        let scope = self.repository.scope().and_pull(from);
        let response = self.repository.host.send(&Request::new(Method::POST, url, scope)).await?;
        self.opened(response).await
    }

    async fn opened(&self, response: Response) -> Result<Opened, Failure> {
        match response.status().as_u16() {
            201 => Ok(Opened::Mounted),
            200 | 202 => {
                let least = wire::header(&response, "oci-chunk-min-length")
                    .and_then(|value| value.parse().ok());
                let url = self.location(&response)?.ok_or_else(|| {
                    Failure::Nonsense("an upload was opened and no `Location` given".to_owned())
                })?;
                Ok(Opened::Wanted(Session { url, least, arrived: 0 }))
            }
            _ => Err(wire::refused("POST", response).await.into()),
        }
    }

    /// Where an answer says that the upload goes on, its query as it is.
    pub(super) fn location(&self, response: &Response) -> Result<Option<Url>, Failure> {
        let Some(location) = wire::header(response, "location") else { return Ok(None) };
        let address = &self.repository.host.address;
        let url = address.locate(response.url(), location).ok_or_else(|| Failure::Elsewhere {
            host: address.name.clone(),
            to: response
                .url()
                .join(location)
                .map_or_else(|_| "nowhere".into(), |to| crate::http::SafeUrl::new(to).to_string()),
        })?;
        Ok(Some(url))
    }

    /// The request that ends an upload, with all or nothing of the blob in it.
    pub(super) async fn close(
        &self,
        url: &Url,
        payload: Payload,
        meter: &Meter,
    ) -> Result<(), Failure> {
        let digest = &self.blob.descriptor.digest;
        let mut url = url.clone();
        url.query_pairs_mut().append_pair("digest", digest.as_str());
        let request = Request::new(Method::PUT, url, self.scope())
            .header("content-type", "application/octet-stream")
            .payload(payload)
            .metered(meter.clone());
        let response = self.repository.host.send(&request).await?;
        if !response.status().is_success() {
            return Err(wire::refused("PUT", response).await.into());
        }
        match wire::digest_of(&response) {
            Some(found) if found != *digest => {
                Err(Failure::Digest { expected: digest.clone(), found })
            }
            Some(_) | None => Ok(()),
        }
    }

    pub(super) fn scope(&self) -> Scope {
        self.repository.scope()
    }

    async fn is_there(&self) -> bool {
        let path = format!("{}/blobs/{}", self.repository.name, self.blob.descriptor.digest);
        let url = self.repository.host.address.url(&path);
        let request = Request::new(Method::HEAD, url, self.scope());
        matches!(self.repository.host.send(&request).await, Ok(answer) if answer.status().is_success())
    }
}

/// Whether the next try may do better, in a moment.
fn passes(failure: &Failure) -> bool {
    match failure {
        Failure::Source { source, .. } => passes(source),
        Failure::Http(error) => match error.status() {
            // The upload was forgotten: a new one is opened.
            Some(404) => error.to_string().contains("BLOB_UPLOAD_UNKNOWN"),
            Some(status) => matches!(status, 500 | 502..=504),
            None => wire::broke(error),
        },
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
