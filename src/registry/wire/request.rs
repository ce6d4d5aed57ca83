//! One request: method, URL, body, and the permissions it needs.

use super::payload::{Meter, Payload};
use reqwest::Method;
use url::Url;

/// The permissions that a request needs.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Scope {
    /// The repository whose credentials are used; empty for the whole registry.
    pub repository: String,
    /// As the token specification writes scopes: `repository:web:pull,push`.
    pub scopes: Vec<String>,
}

impl Scope {
    /// Permission to read a repository.
    pub fn pull(repository: &str) -> Self {
        Self::of(repository, "pull")
    }

    /// Permission to read and write a repository.
    pub fn push(repository: &str) -> Self {
        Self::of(repository, "pull,push")
    }

    /// Permission for other actions in a repository, such as `pull,delete`.
    pub fn of(repository: &str, actions: &str) -> Self {
        let scopes = vec![format!("repository:{repository}:{actions}")];
        Self { repository: repository.to_owned(), scopes }
    }

    /// Whether this is permission to write.
    pub fn pushes(&self) -> bool {
        self.scopes.iter().any(|scope| scope.ends_with(":pull,push"))
    }

    /// Permission to list repositories.
    pub fn catalog() -> Self {
        Self { repository: String::new(), scopes: vec!["registry:catalog:*".to_owned()] }
    }

    /// Adds permission to read another repository.
    #[must_use]
    pub fn and_pull(mut self, repository: &str) -> Self {
        self.scopes.push(format!("repository:{repository}:pull"));
        self
    }
}

#[derive(Clone)]
pub struct Request {
    pub method: Method,
    pub url: Url,
    pub scope: Scope,
    pub headers: Vec<(&'static str, String)>,
    pub payload: Payload,
    /// Set for the long bodies of blobs: their progress is watched instead of limited
    /// by a timeout, and they are not repeated here.
    pub meter: Option<Meter>,
}

impl Request {
    pub fn new(method: Method, url: Url, scope: Scope) -> Self {
        Self { method, url, scope, headers: Vec::new(), payload: Payload::Empty, meter: None }
    }

    #[must_use]
    pub fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    #[must_use]
    pub fn payload(mut self, payload: Payload) -> Self {
        self.payload = payload;
        self
    }

    #[must_use]
    pub fn metered(mut self, meter: Meter) -> Self {
        self.meter = Some(meter);
        self
    }
}
