//! A local cloud whose registry fetches from one outside.

use crate::support::cloud::{LocalCloud, state};
use serde_json::{Value, json};
use shipway::testing::local::{Fetched, fetched};
use shipway::testing::oci::Digest;
use tempfile::TempDir;

/// A local cloud that may fetch images from one registry outside of it.
pub struct FetchingCloud {
    pub cloud: LocalCloud,
    pub client: reqwest::Client,
    pub host: String,
    pub folder: TempDir,
}

impl FetchingCloud {
    pub fn new(host: &str) -> Self {
        Self::with(host, json!({"allow-hosts": [host]}))
    }

    pub fn with(host: &str, world: Value) -> Self {
        let folder = state();
        let cloud = LocalCloud::start(folder.path(), world);
        let client = cloud.client();
        Self { cloud, client, host: host.to_owned(), folder }
    }

    pub async fn get(&self, path: &str) -> reqwest::Response {
        let url = format!("http://{}/v2/{path}", self.host);
        self.client.get(url).send().await.expect("an answer")
    }

    /// The status and the message of an error.
    pub async fn refused(&self, path: &str) -> (u16, String) {
        let answer = self.get(path).await;
        let status = answer.status().as_u16();
        let error: Value = answer.json().await.expect("JSON");
        let said = error["errors"][0]["message"].as_str().expect("a message");
        (status, said.replace(&self.host, "HOST"))
    }

    /// The list of what was fetched, with short digests.
    pub fn listed(&self) -> Vec<String> {
        let list = fetched(self.folder.path());
        let short = |text: &str| text.replace("sha256:", "").chars().take(8).collect::<String>();
        let line = |it: &Fetched| {
            let name = if it.blob { "blob".to_owned() } else { it.name.clone() };
            format!("{}/{} {name} {} {}", it.host, it.repository, short(&it.digest), it.bytes)
        };
        list.iter().map(|it| line(it).replace(&self.host, "HOST")).collect()
    }

    /// Whether the state folder has the content of that digest.
    pub fn keeps(&self, digest: &Digest) -> bool {
        let content = self.folder.path().join("registry/content/sha256");
        content.join(digest.hex()).exists()
    }

    /// How many unfinished files uploads and fetches left.
    pub fn left_over(&self) -> usize {
        std::fs::read_dir(self.folder.path().join("registry/uploads")).expect("a folder").count()
    }
}
