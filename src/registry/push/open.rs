//! How an upload begins: gone on with, mounted, sent with the very request that
//! opens it, or opened.

use super::BlobSource;
use super::ranges::Session;
use super::upload::{SINGLE, Trip};
use crate::registry::error::Failure;
use crate::registry::wire::{self, Request};
use reqwest::{Method, Response};
use url::Url;

/// What came of beginning.
pub(super) enum Begun {
    /// The registry had the blob.
    There,
    /// It has it now.
    Sent,
    /// It wants the bytes.
    Open(Session),
}

impl Trip<'_> {
    /// Goes on with the upload that was interrupted, where the registry still
    /// knows it, else begins one.
    pub(super) async fn begin(&self, interrupted: Option<Session>) -> Result<Begun, Failure> {
        if let Some(mut session) = interrupted {
            match session.ask(self).await {
                Ok(()) => return Ok(Begun::Open(session)),
                // It was forgotten, or is good for nothing now.
                Err(failure) if failure.status().is_some_and(|status| status < 500) => {}
                Err(failure) => return Err(failure),
            }
        }
        let mine = self.upload.repository.name;
        if let Some(from) = self.upload.from.filter(|from| *from != mine)
            && let Ok(begun) = self.mount(from).await
        {
            return Ok(begun);
        }
        if self.goes_with_the_opening()
            && let Some(begun) = self.single().await?
        {
            return Ok(begun);
        }
        if self.upload.from == Some(mine)
            && let Ok(begun) = self.mount(mine).await
        {
            return Ok(begun);
        }
        self.open().await
    }

    fn uploads(&self) -> Url {
        let repository = self.upload.repository;
        repository.host.address.url(&format!("{}/blobs/uploads/", repository.name))
    }

    /// Opens an upload.
    pub(super) async fn open(&self) -> Result<Begun, Failure> {
        let request = Request::new(Method::POST, self.uploads(), self.upload.scope());
        let response = self.upload.repository.host.send(&request).await?;
        self.opened(response).await
    }

    /// Has the blob mounted. A registry that cannot mount opens an upload, or
    /// knows no such thing: it is then asked for an upload.
    ///
    /// From the repository itself, this asks whether the blob is there.
    async fn mount(&self, from: &str) -> Result<Begun, Failure> {
        let repository = self.upload.repository;
        let mut url = self.uploads();
        url.query_pairs_mut()
            .append_pair("mount", self.upload.blob.descriptor.digest.as_str())
            .append_pair("from", from);
        let scope = self.upload.scope();
        let scope = if from == repository.name { scope } else { scope.and_pull(from) };
        let response = repository.host.send(&Request::new(Method::POST, url, scope)).await?;
        let begun = self.opened(response).await?;
        if matches!(begun, Begun::There) {
            repository.known.learn(|ways| ways.mounts = true);
        }
        Ok(begun)
    }

    /// Whether the blob is small enough to go with the opening of its upload,
    /// and the registry takes it so, or is to be tried: with one blob a push.
    fn goes_with_the_opening(&self) -> bool {
        let (upload, size) = (self.upload, self.upload.blob.descriptor.size);
        let smallest = upload.repository.cargo.blobs.last();
        // What comes from elsewhere would have to come twice.
        let here = !matches!(upload.blob.source, BlobSource::Remote(_));
        let tried = smallest
            .is_some_and(|it| here && it.descriptor.digest == upload.blob.descriptor.digest);
        size > 0 && size <= SINGLE && upload.repository.known.ways().single.unwrap_or(tried)
    }

    /// OCI distribution specification, "Single POST". Registries that do not
    /// know it open an upload.
    async fn single(&self) -> Result<Option<Begun>, Failure> {
        let (repository, digest) = (self.upload.repository, &self.upload.blob.descriptor.digest);
        let mut url = self.uploads();
        url.query_pairs_mut().append_pair("digest", digest.as_str());
        let request = Request::new(Method::POST, url, self.upload.scope())
            .header("content-type", "application/octet-stream")
            .payload(self.upload.blob.payload())
            .metered(self.meter.clone());
        let response = repository.host.send(&request).await?;
        match response.status().as_u16() {
            201 => {
                wire::expect_digest(&response, digest)?;
                repository.known.learn(|ways| ways.single = Some(true));
                Ok(Some(Begun::Sent))
            }
            200 | 202 => {
                repository.known.learn(|ways| ways.single = Some(false));
                self.meter.set(0);
                self.opened(response).await.map(Some)
            }
            400 | 405 | 411 | 413 | 415 | 416 | 501 => {
                repository.known.learn(|ways| ways.single = Some(false));
                Ok(None)
            }
            // Whatever is wrong shows again without a body.
            _ => Ok(None),
        }
    }

    async fn opened(&self, response: Response) -> Result<Begun, Failure> {
        match response.status().as_u16() {
            201 => Ok(Begun::There),
            200 | 202 => {
                let least = wire::header(&response, "oci-chunk-min-length")
                    .and_then(|value| value.parse().ok());
                let url = self.location(&response)?.ok_or_else(|| {
                    Failure::Nonsense("an upload was opened and no `Location` given".to_owned())
                })?;
                self.record.keep(&url, &self.upload.repository.host.address);
                Ok(Begun::Open(Session::new(url, least)))
            }
            _ => Err(wire::refused("POST", response).await.into()),
        }
    }

    /// Where an answer says that the upload goes on, its query as it is.
    pub(super) fn location(&self, response: &Response) -> Result<Option<Url>, Failure> {
        let Some(location) = wire::header(response, "location") else { return Ok(None) };
        let address = &self.upload.repository.host.address;
        let url = address.locate(response.url(), location).ok_or_else(|| Failure::Elsewhere {
            host: address.name.clone(),
            to: response
                .url()
                .join(location)
                .map_or_else(|_| "nowhere".into(), |to| crate::http::SafeUrl::new(to).to_string()),
        })?;
        Ok(Some(url))
    }
}
