//! The first request of an upload: it continues an earlier one, mounts the blob, sends
//! it in the same request, or opens an upload.

use super::content::BlobSource;
use super::ranges::UploadSession;
use super::transfer::Transfer;
use crate::registry::error::Failure;
use crate::registry::wire::{self, Request};
use reqwest::{Method, Response};
use url::Url;

/// A blob up to this size is sent with the request that opens its upload, where the
/// registry supports that. Where it does not, little is lost.
pub const MAX_SINGLE_POST_BYTES: u64 = 64 << 10;

/// The outcome of the first request.
pub enum Begun {
    /// The registry had the blob.
    There,
    /// The registry has the blob now.
    Sent,
    /// The registry expects the content.
    Open(UploadSession),
}

impl Transfer<'_> {
    /// Continues an interrupted upload if the registry still knows it, else begins one.
    pub async fn begin(&self, interrupted: Option<UploadSession>) -> Result<Begun, Failure> {
        if let Some(mut session) = interrupted {
            match session.ask(self).await {
                Ok(()) => return Ok(Begun::Open(session)),
                // The registry forgot it, or cannot continue it.
                Err(failure) if failure.status().is_some_and(|status| status < 500) => {}
                Err(failure) => return Err(failure),
            }
        }
        let target = self.repository.name;
        if let Some(from) = self.from.filter(|from| *from != target)
            && let Ok(begun) = self.mount(from).await
        {
            return Ok(begun);
        }
        if self.fits_single_post()
            && let Some(begun) = self.single_post().await?
        {
            return Ok(begun);
        }
        if self.from == Some(target)
            && let Ok(begun) = self.mount(target).await
        {
            return Ok(begun);
        }
        self.open().await
    }

    fn uploads_url(&self) -> Url {
        let repository = self.repository;
        repository.host.address.url(&format!("{}/blobs/uploads/", repository.name))
    }

    /// Opens an upload.
    pub async fn open(&self) -> Result<Begun, Failure> {
        let request = Request::new(Method::POST, self.uploads_url(), self.scope());
        let response = self.repository.host.send(&request).await?;
        self.opened(response).await
    }

    /// Mounts the blob from another repository. A registry that cannot mount it opens an
    /// upload instead, or refuses the request.
    ///
    /// With the repository itself as source, this asks whether the blob is there.
    async fn mount(&self, from: &str) -> Result<Begun, Failure> {
        let repository = self.repository;
        let mut url = self.uploads_url();
        url.query_pairs_mut()
            .append_pair("mount", self.blob.descriptor.digest.as_str())
            .append_pair("from", from);
        let scope = self.scope();
        let scope = if from == repository.name { scope } else { scope.and_pull(from) };
        let response = repository.host.send(&Request::new(Method::POST, url, scope)).await?;
        let begun = self.opened(response).await?;
        if matches!(begun, Begun::There) {
            repository.known.learn(|support| support.mounts = true);
        }
        Ok(begun)
    }

    /// Whether to send the blob with the request that opens its upload. Where it is not
    /// known whether the registry supports that, the smallest blob of a push tries.
    fn fits_single_post(&self) -> bool {
        let size = self.size();
        let smallest = self.repository.blobs.blobs.last();
        // If it fails, the content is needed again, and a remote blob is fetched twice.
        let local = !matches!(self.blob.source, BlobSource::Remote(_));
        let tries =
            smallest.is_some_and(|it| local && it.descriptor.digest == self.blob.descriptor.digest);
        let supported = self.repository.known.upload_support().single_post;
        size > 0 && size <= MAX_SINGLE_POST_BYTES && supported.unwrap_or(tries)
    }

    /// OCI distribution specification, "Single POST". Registries without support open an
    /// upload. `None` where they refuse the request.
    async fn single_post(&self) -> Result<Option<Begun>, Failure> {
        let (repository, digest) = (self.repository, &self.blob.descriptor.digest);
        let mut url = self.uploads_url();
        url.query_pairs_mut().append_pair("digest", digest.as_str());
        let request = Request::new(Method::POST, url, self.scope())
            .header("content-type", "application/octet-stream")
            .payload(self.blob.payload())
            .metered(self.meter.clone());
        let response = repository.host.send(&request).await?;
        match response.status().as_u16() {
            201 => {
                wire::verify_digest(&response, digest)?;
                repository.known.learn(|support| support.single_post = Some(true));
                Ok(Some(Begun::Sent))
            }
            200 | 202 => {
                repository.known.learn(|support| support.single_post = Some(false));
                self.meter.set(0);
                self.opened(response).await.map(Some)
            }
            400 | 405 | 411 | 413 | 415 | 416 | 501 => {
                repository.known.learn(|support| support.single_post = Some(false));
                Ok(None)
            }
            // Any other error shows again when the upload is opened.
            _ => Ok(None),
        }
    }

    async fn opened(&self, response: Response) -> Result<Begun, Failure> {
        match response.status().as_u16() {
            201 => Ok(Begun::There),
            200 | 202 => {
                let min_bytes = wire::header(&response, "oci-chunk-min-length")
                    .and_then(|value| value.parse().ok());
                let url = self.location(&response)?.ok_or_else(|| {
                    Failure::Unexpected("an upload was opened and no `Location` given".to_owned())
                })?;
                self.keep(&url);
                Ok(Begun::Open(UploadSession::new(url, min_bytes)))
            }
            _ => Err(wire::refused("POST", response).await.into()),
        }
    }
}
