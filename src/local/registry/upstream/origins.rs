//! Reads images of registries outside of the local cloud, anonymously.
//!
//! No login of this machine is read here. A token is only what the token server of a
//! registry issues to anyone.

use super::error::UpstreamError;
use crate::http;
use crate::oci::{Digest, Reference};
use crate::registry::{BlobStream, Client, Failure, RawManifest, Settings};
use crate::secret::Redactor;
use std::fmt;
use std::sync::OnceLock;
use std::time::Duration;

/// How long a registry may send nothing in the middle of a response.
const READ_TIMEOUT: Duration = Duration::from_mins(1);

/// A manifest or blob in a registry outside.
#[derive(Clone, Copy, Debug)]
pub struct OriginName<'a> {
    pub host: &'a str,
    pub repository: &'a str,
    /// A tag or digest.
    pub name: &'a str,
}

impl OriginName<'_> {
    fn reference(&self) -> Reference {
        let digest: Option<Digest> = self.name.parse().ok();
        Reference {
            host: self.host.to_owned(),
            repository: self.repository.to_owned(),
            tag: digest.is_none().then(|| self.name.to_owned()),
            digest,
        }
    }

    /// As a reference, for messages.
    pub fn shown(&self) -> String {
        self.reference().to_string()
    }

    pub fn unexpected(&self, reason: &str) -> UpstreamError {
        UpstreamError::Unexpected {
            host: self.host.to_owned(),
            name: self.name.to_owned(),
            reason: reason.to_owned(),
        }
    }

    pub fn failed(&self, failure: Failure) -> UpstreamError {
        let (host, name) = (self.host.to_owned(), self.name.to_owned());
        if failure.needs_login() {
            return UpstreamError::Denied { host, reference: self.shown() };
        }
        match failure {
            Failure::Http(error) => match *error {
                http::Error::Status { status: 404, .. } => UpstreamError::Missing { host, name },
                http::Error::Status { status: 429, retry_after, .. } => {
                    UpstreamError::Busy { host, retry_after }
                }
                http::Error::Status { status, .. } => UpstreamError::Status { host, status, name },
                error => UpstreamError::Fetch { host, name, source: Box::new(error.into()) },
            },
            failure => UpstreamError::Fetch { host, name, source: Box::new(failure) },
        }
    }
}

/// The client of all registries outside.
#[derive(Default)]
pub struct Origins {
    /// Created at its first use: most dry runs fetch nothing.
    client: OnceLock<Client>,
}

impl fmt::Debug for Origins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Origins")
    }
}

impl Origins {
    fn client(&self) -> Result<&Client, UpstreamError> {
        if let Some(client) = self.client.get() {
            return Ok(client);
        }
        // The proxies of the environment, and loopback direct.
        let settings = http::Settings { read_timeout: READ_TIMEOUT, ..http::Settings::default() };
        let http = http::Client::new(settings).map_err(UpstreamError::Client)?;
        let client = Client::new(http, Redactor::default(), Settings::default());
        Ok(self.client.get_or_init(|| client))
    }

    /// Fetches a manifest. Nothing in it is verified.
    pub async fn manifest(&self, name: OriginName<'_>) -> Result<RawManifest, UpstreamError> {
        let fetched = self.client()?.raw_manifest(&name.reference()).await;
        fetched.map_err(|failure| name.failed(failure))
    }

    /// Requests a blob from a byte on. Nothing in it is verified.
    pub async fn blob(
        &self,
        name: OriginName<'_>,
        digest: &Digest,
        from: u64,
    ) -> Result<BlobStream, UpstreamError> {
        let fetched = self.client()?.blob_stream(&name.reference(), digest, from).await;
        fetched.map_err(|failure| name.failed(failure))
    }
}
