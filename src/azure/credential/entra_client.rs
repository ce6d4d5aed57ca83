//! What requests to Entra are made with.

use crate::azure::Endpoints;
use crate::http;
use crate::secret::Redactor;

pub struct EntraClient<'a> {
    pub http: &'a http::Client,
    pub endpoints: &'a Endpoints,
    pub redactor: &'a Redactor,
}
