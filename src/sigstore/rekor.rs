//! Rekor: logs a signature, and promises to keep it.

use super::error::SigstoreError;
use super::request::{MAX_ANSWER_BYTES, below, json};
use crate::http::{self, SafeUrl};
use crate::oci::Digest;
use crate::signing::{Certificate, LogEntry, PublicKey, SignedContent};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::json;
use std::collections::BTreeMap;
use url::Url;

const ENTRIES: &str = "api/v1/log/entries";

pub struct Rekor {
    pub http: http::Client,
    pub url: Url,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    body: String,
    integrated_time: i64,
    log_index: i64,
    #[serde(rename = "logID")]
    log_id: String,
    verification: Verification,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Verification {
    signed_entry_timestamp: String,
}

impl Rekor {
    /// The key with which the log promises.
    pub async fn public_key(&self) -> Result<PublicKey, SigstoreError> {
        let key = self.key_in_pem().await;
        let key = key.map_err(|error| SigstoreError::LogKey {
            url: self.shown(),
            source: Box::new(error),
        })?;
        PublicKey::parse(&String::from_utf8_lossy(&key)).map_err(|error| SigstoreError::Entry {
            url: self.shown(),
            why: format!("of its public key, {error}"),
        })
    }

    async fn key_in_pem(&self) -> Result<bytes::Bytes, http::Error> {
        let url = below(&self.url, "api/v1/log/publicKey");
        let response = self.http.fetch(self.http.direct().get(url)).await?;
        http::body("GET", response, MAX_ANSWER_BYTES).await
    }

    /// Logs a signature by the key of a certificate.
    pub async fn log(
        &self,
        signed: &SignedContent<'_>,
        certificate: &Certificate,
    ) -> Result<LogEntry, SigstoreError> {
        let proposed = json!({
            "apiVersion": "0.0.1",
            "kind": "hashedrekord",
            "spec": {
                "data": {
                    "hash": { "algorithm": "sha256", "value": Digest::of(signed.message).hex() },
                },
                "signature": {
                    "content": STANDARD.encode(signed.signature),
                    "publicKey": { "content": STANDARD.encode(certificate.to_pem()) },
                },
            },
        });
        let added = self.add(&proposed).await;
        let added = added
            .map_err(|error| SigstoreError::Rekor { url: self.shown(), source: Box::new(error) })?;
        let refused = |why: String| SigstoreError::Entry { url: self.shown(), why };
        let count = added.len();
        let mut added = added.into_values();
        let (Some(entry), 1) = (added.next(), count) else {
            return Err(refused(format!("it has {count} entries, not one")));
        };
        let promise = STANDARD.decode(&entry.verification.signed_entry_timestamp);
        let promise =
            promise.map_err(|error| refused(format!("its promise is not one: {error}")))?;
        let Entry { body, integrated_time, log_index, log_id, .. } = entry;
        Ok(LogEntry { body, integrated_time, log_index, log_id, promise, proof: None })
    }

    /// Adds an entry, or gets the one that is there: a request may have reached the log whose
    /// answer was lost.
    async fn add(
        &self,
        proposed: &serde_json::Value,
    ) -> Result<BTreeMap<String, Entry>, http::Error> {
        let url = below(&self.url, ENTRIES);
        let request = self.http.direct().post(url.clone()).json(proposed);
        let response = self.http.send(request).await?;
        if response.status().as_u16() == 409
            && let Some(there) = self.location(&response, &url)
        {
            let response = self.http.fetch(self.http.direct().get(there)).await?;
            return json("GET", response).await;
        }
        if !response.status().is_success() {
            return Err(http::refused("POST", response).await);
        }
        json("POST", response).await
    }

    /// Where the entry is that was there, at the same server. The header does not know below
    /// which path of a proxy the server is, so that only the name of the entry is taken from it.
    fn location(&self, response: &reqwest::Response, asked: &Url) -> Option<Url> {
        let header = response.headers().get("location")?.to_str().ok()?;
        let there = asked.join(header).ok()?;
        let name = there.path_segments()?.next_back()?;
        let is_name = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_hexdigit());
        let is_here = there.origin() == asked.origin();
        (is_here && is_name).then(|| below(&self.url, &format!("{ENTRIES}/{name}")))
    }

    fn shown(&self) -> SafeUrl {
        SafeUrl::new(self.url.clone())
    }
}
