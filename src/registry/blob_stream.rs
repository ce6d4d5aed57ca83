//! The content of a blob as it comes from its registry, from any byte on.

use super::client::Client;
use super::error::Failure;
use super::wire::{self, Host, Request, Scope};
use crate::http;
use crate::oci::{Digest, Reference};
use bytes::Bytes;
use reqwest::{Method, Response};

/// The content of a blob, or the end of it. Nothing is verified.
pub struct BlobStream {
    response: Response,
    /// The byte that the content begins with: the requested one, or 0 where the
    /// registry does not support ranges.
    pub offset: u64,
}

impl BlobStream {
    /// Requests a blob from a byte on.
    pub async fn open(
        host: &Host,
        repository: &str,
        digest: &Digest,
        from: u64,
    ) -> Result<Self, Failure> {
        let url = host.address.url(&format!("{repository}/blobs/{digest}"));
        let mut request = Request::new(Method::GET, url, Scope::pull(repository));
        if from > 0 {
            request = request.header("range", &format!("bytes={from}-"));
        }
        let response = host.send(&request).await?;
        match response.status().as_u16() {
            200 => Ok(Self { response, offset: 0 }),
            206 if from == 0 || wire::begins_at(&response, from) => {
                Ok(Self { response, offset: from })
            }
            _ => Err(wire::refused("GET", response).await.into()),
        }
    }

    /// The next chunk; `None` at the end.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, Failure> {
        Ok(http::chunk("GET", &mut self.response).await?)
    }
}

impl Client {
    /// Requests a blob of a repository from a byte on.
    pub async fn blob_stream(
        &self,
        place: &Reference,
        digest: &Digest,
        from: u64,
    ) -> Result<BlobStream, Failure> {
        BlobStream::open(&*self.host(&place.host)?, &place.repository, digest, from).await
    }
}
