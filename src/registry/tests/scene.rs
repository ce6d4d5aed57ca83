//! A push to the fake registry.

use crate::http::{Retry, Retryable as _};
use crate::registry::testing::fake_registry::FakeRegistry;
use crate::registry::testing::images::{chain, client, client_of, image, noise, silent};
use crate::registry::{BlobSource, Client, Login, Push, PushError, Pushed, UploadParts};
use crate::registry::{RegistryTiming, Settings};
use crate::secret::Redactor;
use std::time::Duration;
use tempfile::TempDir;

/// A registry, an image whose blobs have names in its log, and a client.
pub struct Scene {
    pub registry: FakeRegistry,
    pub push: Push,
    pub client: Client,
    pub folder: TempDir,
}

impl Scene {
    /// An image of layers of these sizes for `web:one`.
    pub async fn new(sizes: &[usize]) -> Self {
        Self::to(sizes, &["web:one"]).await
    }

    /// The same for these names.
    pub async fn to(sizes: &[usize], names: &[&str]) -> Self {
        let registry = FakeRegistry::start().await;
        let folder = tempfile::tempdir().expect("a folder");
        let client = client(&registry.host(), Login::Anonymous);
        let push = image(&[], folder.path(), &[]);
        let mut scene = Self { registry, push, client, folder };
        scene.builds((1..).zip(sizes.iter().copied()), names);
        scene
    }

    /// Replaces the image with one of layers of these seeds and sizes.
    pub fn builds(&mut self, layers: impl Iterator<Item = (u8, usize)>, names: &[&str]) {
        let host = self.registry.host();
        let names: Vec<String> = names.iter().map(|name| format!("{host}/{name}")).collect();
        let layers: Vec<Vec<u8>> = layers.map(|(seed, size)| noise(size, seed)).collect();
        self.push = image(&layers, self.folder.path(), &names);
        for (index, blob) in self.push.blobs.iter().enumerate() {
            let name =
                if index == layers.len() { "config".into() } else { format!("layer{index}") };
            self.registry.call(&blob.descriptor.digest, &name);
        }
        self.registry.call(&self.push.manifest.digest, "manifest");
    }

    /// Replaces the client as a new process would: it knows only what is on disk.
    pub fn next_process(&mut self) {
        self.next_process_with(UploadParts::default(), 2);
    }

    /// Like [`Self::next_process`], with blobs of 100 kB sent in parts of 40 kB and
    /// so many retries.
    pub fn next_process_in_parts(&mut self, again: usize) {
        self.next_process_with(UploadParts { from: 100_000, size: 40_000 }, again);
    }

    fn next_process_with(&mut self, parts: UploadParts, again: usize) {
        let settings = Settings {
            timing: RegistryTiming {
                pauses: vec![Duration::ZERO; again],
                ..RegistryTiming::default()
            },
            parts,
            memory: Some(self.folder.path().join("memory")),
            ..Settings::default()
        };
        let host = self.registry.host();
        self.client = client_of(&host, Login::Anonymous, &Redactor::default(), settings);
    }

    pub async fn push(&self) -> Result<Pushed, PushError> {
        self.client.push(self.push.clone(), &silent).await
    }

    /// The bytes of the configuration.
    pub fn config(&self) -> Vec<u8> {
        match &self.push.blobs.last().expect("a configuration").source {
            BlobSource::Bytes(bytes) => bytes.to_vec(),
            BlobSource::File(path) => std::fs::read(path).expect("a file"),
            BlobSource::Remote(_) => unreachable!("all blobs are here"),
        }
    }

    /// Takes the requests whose line contains `of`.
    pub fn asked(&self, of: &str) -> Vec<String> {
        self.registry.log().lines().filter(|it| it.contains(of)).map(str::to_owned).collect()
    }

    /// The error of a push, with the registry's address taken out.
    pub async fn error(&self) -> (String, Retry, String) {
        let error = self.push().await.expect_err("it goes wrong");
        let plain = |text: String| {
            let text = text.replace(&self.registry.host(), "HOST");
            let blob = &self.push.blobs[0].descriptor.digest;
            text.replace(blob.as_str(), "BLOB")
                .replace(self.push.manifest.digest.as_str(), "MANIFEST")
        };
        (plain(chain(&error)), error.retry(), plain(error.help().unwrap_or_default()))
    }
}
