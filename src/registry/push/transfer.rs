//! The upload of one blob to one repository: its state, and the requests that every way
//! of uploading needs.

use super::content::Blob;
use super::repository::TargetRepository;
use crate::registry::error::Failure;
use crate::registry::memory::UploadRecord;
use crate::registry::wire::{self, Meter, Payload, Request, Scope};
use reqwest::{Method, Response};
use url::Url;

/// The upload of one blob to one repository.
pub struct Transfer<'a> {
    pub repository: &'a TargetRepository<'a>,
    pub blob: &'a Blob,
    /// A repository of the same registry that has the blob. The name of the target
    /// itself where it may have the blob.
    pub from: Option<&'a str>,
    pub meter: Meter,
    /// For the next process.
    pub record: UploadRecord,
}

impl Transfer<'_> {
    pub fn size(&self) -> u64 {
        self.blob.descriptor.size
    }

    pub fn scope(&self) -> Scope {
        self.repository.scope()
    }

    /// Keeps the URL that continues the upload.
    pub fn keep(&self, url: &Url) {
        self.record.keep(url, &self.repository.host.address);
    }

    /// Ends an upload, with all or nothing of the blob in the request.
    pub async fn close(&self, url: &Url, payload: Payload) -> Result<(), Failure> {
        let digest = &self.blob.descriptor.digest;
        let mut url = url.clone();
        url.query_pairs_mut().append_pair("digest", digest.as_str());
        let request = Request::new(Method::PUT, url, self.scope())
            .header("content-type", "application/octet-stream")
            .payload(payload)
            .metered(self.meter.clone());
        let response = self.repository.host.send(&request).await?;
        if !response.status().is_success() {
            return Err(wire::refused("PUT", response).await.into());
        }
        wire::verify_digest(&response, digest)
    }

    /// Whether the registry has the blob. False where that cannot be found out.
    pub async fn is_there(&self) -> bool {
        let path = format!("{}/blobs/{}", self.repository.name, self.blob.descriptor.digest);
        let url = self.repository.host.address.url(&path);
        let request = Request::new(Method::HEAD, url, self.scope());
        let response = self.repository.host.send(&request).await;
        response.is_ok_and(|response| response.status().is_success())
    }

    /// The `Location` of a response, with its query unchanged.
    pub fn location(&self, response: &Response) -> Result<Option<Url>, Failure> {
        let Some(location) = wire::header(response, "location") else { return Ok(None) };
        let host = &self.repository.host;
        let url = host.address.locate_upload(response.url(), location);
        url.map(Some).ok_or_else(|| host.elsewhere(response.url(), location))
    }
}

/// Whether the registry no longer knows the upload.
pub fn is_forgotten(failure: &Failure) -> bool {
    failure.status() == Some(404) && failure.to_string().contains("BLOB_UPLOAD_UNKNOWN")
}

/// Whether the registry refuses what it was sent, for another reason than the login or
/// the rate of requests.
pub fn is_refused(failure: &Failure) -> bool {
    match failure {
        Failure::Http(error) => {
            matches!(error.status(), Some(status @ 400..500) if ![401, 403, 429].contains(&status))
        }
        Failure::Digest { .. } | Failure::Signatures { .. } | Failure::Unexpected(_) => true,
        _ => false,
    }
}
