//! A request to one of the services.

use super::state::Sigstore;
use bytes::Bytes;
use http::Method;

/// A request, read.
pub struct Call<'a> {
    pub sigstore: &'a Sigstore,
    pub method: &'a Method,
    /// The path below the service.
    pub path: &'a str,
    pub body: Bytes,
}

impl Call<'_> {
    pub fn is(&self, method: &Method, path: &str) -> bool {
        self.method == method && self.path == path
    }
}
