//! A request to a registry that was routed and let in.

use super::login::Access;
use axum::body::Body;
use http::Request;

pub struct RegistryCall {
    /// The host name of the registry.
    pub host: String,
    /// What precedes the repository in the paths that the client uses. Empty,
    /// except on the port without the proxy.
    pub prefix: String,
    /// What the sender may do.
    pub access: Access,
    pub request: Request<Body>,
}

impl RegistryCall {
    /// A path below the repository as this client reaches it.
    pub fn path(&self, repository: &str, rest: &str) -> String {
        format!("/v2/{}{repository}/{rest}", self.prefix)
    }

    /// The first value of a query parameter.
    pub fn query(&self, name: &str) -> Option<String> {
        self.queries(name).into_iter().next()
    }

    /// All values of a query parameter.
    pub fn queries(&self, name: &str) -> Vec<String> {
        let query = self.request.uri().query().unwrap_or_default();
        let pairs = url::form_urlencoded::parse(query.as_bytes());
        pairs.filter(|(key, _)| key == name).map(|(_, value)| value.into_owned()).collect()
    }
}
