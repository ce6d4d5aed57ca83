//! The registry under test, and requests to it with a plain HTTP client.

use reqwest::{Client, Method, Response};
use serde_json::{Value, json};
use shipway::testing::oci::{Digest, media_type};
use std::any::Any;

/// The digest of nothing.
pub const EMPTY: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// Which registry is tested; some checks depend on it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    Local,
    Docker,
}

/// Where docker-registry 2.8 differs from the specification.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Deviation {
    /// Blobs and manifests are stored under SHA-256 only, whatever digest they
    /// were pushed with.
    OneHash,
    /// `digest-algorithm` is ignored instead of refused.
    AnyAlgorithm,
    /// A reference that begins like a digest and is invalid is answered with 500.
    NoDigestIsAFault,
    /// A manifest that is too long is answered with 400 instead of 413.
    TooLongIsInvalid,
    /// Foreign layers of docker's media type are accepted; OCI's non-distributable
    /// type is answered with 500.
    ForeignIsAFault,
    /// Chunks are accepted in any order.
    AnyOrder,
    /// A POST with a digest and a body opens a session all the same.
    NoSinglePost,
    /// There is no list of referrers, and no `OCI-Subject`.
    NoReferrers,
    /// Tags are listed whole and in any order.
    NoPages,
    /// `tag` parameters of a manifest are ignored.
    NoTagParameters,
    /// A tag cannot be deleted.
    NoTagDeletion,
}

impl Kind {
    /// Whether this registry is known to differ in this way.
    pub fn deviates(self, how: Deviation) -> bool {
        match (self, how) {
            (Self::Local, _) => false,
            (Self::Docker, _) => true,
        }
    }
}

pub struct Registry {
    pub kind: Kind,
    client: Client,
    base: String,
    /// Dropping it ends the registry.
    _server: Box<dyn Any>,
}

impl Registry {
    pub fn new(kind: Kind, client: Client, host: &str, server: impl Any) -> Self {
        Self { kind, client, base: format!("http://{host}"), _server: Box::new(server) }
    }

    pub fn deviates(&self, how: Deviation) -> bool {
        self.kind.deviates(how)
    }

    pub async fn send(&self, method: &str, path: &str, body: &[u8]) -> Response {
        self.with(method, path, body, &[]).await
    }

    pub async fn with(
        &self,
        method: &str,
        path: &str,
        body: &[u8],
        headers: &[(&str, &str)],
    ) -> Response {
        let url = match path.split_once("://") {
            Some(_) => path.to_owned(),
            None => format!("{}{path}", self.base),
        };
        let method = Method::from_bytes(method.as_bytes()).expect("a method");
        let mut request = self.client.request(method, url).body(body.to_vec());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.send().await.expect("an answer")
    }

    pub async fn status(&self, method: &str, path: &str) -> u16 {
        self.send(method, path, b"").await.status().as_u16()
    }

    pub async fn json(&self, path: &str) -> Value {
        self.send("GET", path, b"").await.json().await.expect("JSON")
    }

    /// Opens an upload session.
    pub async fn session(&self, repository: &str) -> String {
        let opened = self.send("POST", &format!("/v2/{repository}/blobs/uploads/"), b"").await;
        assert_eq!(opened.status(), 202);
        header(&opened, "location")
    }

    /// The answer to closing a session.
    pub async fn close(&self, session: &str, digest: &str, body: &[u8]) -> Response {
        self.send("PUT", &and(session, &format!("digest={digest}")), body).await
    }

    pub async fn push(&self, repository: &str, bytes: &[u8]) -> Digest {
        let digest = Digest::of(bytes);
        let session = self.session(repository).await;
        assert_eq!(self.close(&session, digest.as_str(), bytes).await.status(), 201);
        digest
    }

    /// A blob, as a manifest names it.
    pub async fn blob(&self, repository: &str, kind: &str, bytes: &[u8]) -> Value {
        let digest = self.push(repository, bytes).await;
        json!({"mediaType": kind, "digest": digest, "size": bytes.len()})
    }

    /// An image of one layer, with what is to be in its manifest besides.
    pub async fn image(&self, repository: &str, reference: &str, extra: Value) -> Digest {
        let mut manifest = json!({
            "schemaVersion": 2, "mediaType": media_type::MANIFEST,
            "config": self.blob(repository, media_type::CONFIG, b"{}").await,
            "layers": [self.blob(repository, media_type::LAYER, b"a layer").await],
        });
        for (name, value) in extra.as_object().into_iter().flatten() {
            manifest[name] = value.clone();
        }
        let bytes = manifest.to_string().into_bytes();
        let put = self.put(repository, reference, media_type::MANIFEST, &bytes).await;
        assert_eq!(put.status(), 201, "{:?}", put.text().await);
        Digest::of(&bytes)
    }

    pub async fn put(
        &self,
        repository: &str,
        reference: &str,
        kind: &str,
        bytes: &[u8],
    ) -> Response {
        let path = format!("/v2/{repository}/manifests/{reference}");
        self.with("PUT", &path, bytes, &[("content-type", kind)]).await
    }

    pub async fn has_blob(&self, repository: &str, digest: &str) -> bool {
        self.status("HEAD", &format!("/v2/{repository}/blobs/{digest}")).await == 200
    }

    /// The bytes of a blob, which must be there.
    pub async fn read(&self, repository: &str, digest: &str) -> Vec<u8> {
        let got = self.send("GET", &format!("/v2/{repository}/blobs/{digest}"), b"").await;
        assert_eq!(got.status(), 200, "{digest}");
        got.bytes().await.expect("bytes").to_vec()
    }

    /// The tags of a repository, sorted.
    pub async fn tags(&self, repository: &str) -> Vec<String> {
        let listed = self.json(&format!("/v2/{repository}/tags/list")).await["tags"].take();
        // docker-registry has null where the last one is gone.
        let mut tags: Vec<String> = serde_json::from_value(listed).unwrap_or_default();
        tags.sort();
        tags
    }
}

/// Makes a test of a check: it runs against the registry that the test binary
/// names.
macro_rules! check {
    ($check:ident) => {
        mod $check {
            #[tokio::test]
            async fn conforms() {
                super::$check(&crate::registry_under_test()).await;
            }
        }
    };
}
pub(super) use check;

/// A header as text; empty if it is missing.
pub fn header(answer: &Response, name: &str) -> String {
    answer.headers().get(name).map_or("", |value| value.to_str().expect("text")).to_owned()
}

/// A location with one more parameter.
pub fn and(location: &str, parameter: &str) -> String {
    format!("{location}{}{parameter}", if location.contains('?') { "&" } else { "?" })
}

/// The digest with SHA-512.
pub fn sha512(bytes: &[u8]) -> String {
    use sha2::Digest as _;
    use std::fmt::Write as _;
    sha2::Sha512::digest(bytes).iter().fold("sha512:".to_owned(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("text");
        text
    })
}
