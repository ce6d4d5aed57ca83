//! One request: what is asked for, of which repository, with which rights.

use super::payload::{Meter, Payload};
use reqwest::Method;
use url::Url;

/// What a request needs the right to.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(in crate::registry) struct Scope {
    /// The repository that credentials are looked up for; empty for the whole
    /// registry.
    pub(in crate::registry) repository: String,
    /// In the words of the token specification, `repository:web:pull,push`.
    pub(in crate::registry) words: Vec<String>,
}

impl Scope {
    /// The right to read a repository.
    pub(in crate::registry) fn pull(repository: &str) -> Self {
        Self::of(repository, "pull")
    }

    /// The right to read and write a repository.
    pub(in crate::registry) fn push(repository: &str) -> Self {
        Self::of(repository, "pull,push")
    }

    /// Some right to a repository.
    pub(in crate::registry) fn of(repository: &str, actions: &str) -> Self {
        let words = vec![format!("repository:{repository}:{actions}")];
        Self { repository: repository.to_owned(), words }
    }

    /// Whether it is the right to write.
    pub(in crate::registry) fn pushes(&self) -> bool {
        self.words.iter().any(|words| words.ends_with(":pull,push"))
    }

    /// The right to list repositories.
    pub(in crate::registry) fn catalog() -> Self {
        Self { repository: String::new(), words: vec!["registry:catalog:*".to_owned()] }
    }

    /// The right to read another repository besides.
    #[must_use]
    pub(in crate::registry) fn and_pull(mut self, repository: &str) -> Self {
        self.words.push(format!("repository:{repository}:pull"));
        self
    }
}

/// One request.
#[derive(Clone)]
pub(in crate::registry) struct Request {
    pub(in crate::registry) method: Method,
    pub(in crate::registry) url: Url,
    pub(in crate::registry) scope: Scope,
    pub(in crate::registry) headers: Vec<(&'static str, String)>,
    pub(in crate::registry) payload: Payload,
    /// Set for the long bodies of blobs: they are watched over, and not sent
    /// again by themselves.
    pub(in crate::registry) meter: Option<Meter>,
}

impl Request {
    pub(in crate::registry) fn new(method: Method, url: Url, scope: Scope) -> Self {
        Self { method, url, scope, headers: Vec::new(), payload: Payload::Empty, meter: None }
    }

    #[must_use]
    pub(in crate::registry) fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    #[must_use]
    pub(in crate::registry) fn payload(mut self, payload: Payload) -> Self {
        self.payload = payload;
        self
    }

    #[must_use]
    pub(in crate::registry) fn metered(mut self, meter: Meter) -> Self {
        self.meter = Some(meter);
        self
    }
}
