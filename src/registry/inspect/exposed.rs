//! The TCP ports that an image declares with `EXPOSE`.

use super::describe;
use crate::oci::{Manifest, Platform, Reference};
use crate::registry::client::Client;
use crate::registry::error::PullError;
use serde::Deserialize;
use std::collections::BTreeMap;

#[derive(Default, Deserialize)]
struct Config {
    #[serde(default)]
    config: Option<Process>,
}

#[derive(Default, Deserialize)]
struct Process {
    #[serde(default, rename = "ExposedPorts")]
    exposed_ports: Option<BTreeMap<String, serde_json::Value>>,
}

impl Client {
    /// The TCP ports that the image for a platform declares, in order.
    pub async fn exposed_ports(
        &self,
        reference: &Reference,
        platform: &Platform,
    ) -> Result<Vec<u16>, PullError> {
        let resolved = self.resolve(reference, Some(platform)).await?;
        let manifest = describe::parse(&resolved.bytes);
        let Some(config) = manifest.as_ref().and_then(Manifest::image_config) else {
            return Ok(Vec::new());
        };
        let bytes = self.small_blob(reference, config).await.map_err(|source| {
            let (reference, digest) = (reference.clone(), config.digest.clone());
            PullError::Blob { reference, digest, source }
        })?;
        Ok(declared(&bytes))
    }
}

/// An unreadable configuration declares nothing.
fn declared(config: &[u8]) -> Vec<u16> {
    let config: Config = serde_json::from_slice(config).unwrap_or_default();
    let ports = config.config.and_then(|process| process.exposed_ports).unwrap_or_default();
    let mut ports: Vec<u16> = ports.keys().filter_map(|port| tcp(port)).collect();
    ports.sort_unstable();
    ports
}

/// `80` or `80/tcp`.
fn tcp(port: &str) -> Option<u16> {
    let (number, protocol) = port.split_once('/').unwrap_or((port, "tcp"));
    number.parse().ok().filter(|_| protocol.eq_ignore_ascii_case("tcp"))
}

#[cfg(test)]
mod tests {
    use super::declared;

    #[test]
    fn declared_ports_are_sorted_by_number() {
        let config = r#"{"config":{"ExposedPorts":{"8080/tcp":{},"80":{},"53/udp":{},"x":{}}}}"#;
        assert_eq!(declared(config.as_bytes()), [80, 8080]);
        assert!(declared(br#"{"config":{"ExposedPorts":null}}"#).is_empty());
        assert!(declared(br#"{"config":null}"#).is_empty());
    }
}
