//! Imports what `docker save` writes: `manifest.json`, a configuration, and layers that are
//! usually uncompressed.
//!
//! Docker image specification 1.2, "Combined Image JSON + Filesystem Changeset Format".
//! Newer engines write an OCI layout with the same files; the names in `manifest.json` are
//! valid either way.

use super::error::ExistingError;
use super::importer::{ConfigFile, Importer, NamedLayer};
use super::layout::parse;
use super::source::same_reference;
use crate::image::manifest::Image;
use crate::oci::{Digest, ImageConfig, Platform, media_type};
use serde::Deserialize;
use serde_json::{Map, Value, json};

const MANIFEST_FILE: &str = "manifest.json";

/// An image in `manifest.json`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ArchiveImage {
    config: String,
    #[serde(default, deserialize_with = "null_is_empty")]
    repo_tags: Vec<String>,
    #[serde(default, deserialize_with = "null_is_empty")]
    layers: Vec<String>,
}

/// Go writes an empty list as `null`.
fn null_is_empty<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Deserialize<'de>,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

impl Importer<'_> {
    /// Imports an image of a docker archive, with its layers compressed.
    pub fn import_docker(
        &self,
        reference: Option<&str>,
        platform: Option<&Platform>,
    ) -> Result<Image, ExistingError> {
        let (saved, bytes) = self.saved(reference)?;
        let config = ConfigFile { name: &saved.config, bytes: &bytes };
        self.import_packed(&config, saved.layers, platform)
    }

    /// Imports the only image of an archive that buildah or podman wrote, without the
    /// traces of the build in its configuration.
    pub fn import_buildah(&self, platform: &Platform) -> Result<Image, ExistingError> {
        let (saved, bytes) = self.saved(None)?;
        let bytes = without_traces(parse(self.path, &saved.config, &bytes)?);
        let config = ConfigFile { name: &saved.config, bytes: &bytes };
        self.import_packed(&config, saved.layers, Some(platform))
    }

    /// An image of the archive and its configuration.
    fn saved(&self, reference: Option<&str>) -> Result<(ArchiveImage, Vec<u8>), ExistingError> {
        let saved = self.choose_saved(reference)?;
        match self.document(&saved.config)? {
            Some(bytes) => Ok((saved, bytes)),
            None => Err(self.incomplete(&saved.config)),
        }
    }

    /// Imports an image whose layers may be uncompressed. `layers` are their names in the
    /// source, in the order of the configuration.
    pub fn import_packed(
        &self,
        config: &ConfigFile<'_>,
        layers: Vec<String>,
        platform: Option<&Platform>,
    ) -> Result<Image, ExistingError> {
        let configured: ImageConfig = parse(self.path, config.name, config.bytes)?;
        if let Some(platform) = platform
            && !platform.takes(&configured.platform())
        {
            let there = vec![configured.platform().to_string()];
            let (path, wanted) = (self.path.to_owned(), platform.to_string());
            return Err(ExistingError::NoSuchPlatform { path, wanted, there });
        }
        let diff_ids = configured.rootfs.diff_ids;
        if layers.len() != diff_ids.len() {
            let (layers, diff_ids) = (layers.len(), diff_ids.len());
            let path = self.path.to_owned();
            return Err(ExistingError::LayerCount { path, layers, diff_ids });
        }
        let named = layers.into_iter().zip(diff_ids);
        let layers = self.import_layers(
            &named.map(|(name, diff_id)| NamedLayer { name, diff_id }).collect::<Vec<_>>(),
        )?;
        let config = self.store.put(media_type::CONFIG, config.bytes)?;
        Ok(Image::write(self.store, &config, &layers)?)
    }

    fn choose_saved(&self, reference: Option<&str>) -> Result<ArchiveImage, ExistingError> {
        let path = || self.path.to_owned();
        let Some(bytes) = self.document(MANIFEST_FILE)? else {
            let (what, lacks) = ("docker archive", MANIFEST_FILE);
            return Err(ExistingError::Format { path: path(), what, lacks });
        };
        let all: Vec<ArchiveImage> = parse(self.path, MANIFEST_FILE, &bytes)?;
        let mut there = Vec::new();
        let mut fitting: Vec<ArchiveImage> = Vec::new();
        for saved in all {
            let names = self.names(&saved)?;
            let is_named = reference
                .is_none_or(|wanted| names.iter().any(|known| same_reference(known, wanted)));
            let untagged = saved.repo_tags.is_empty();
            there.extend(names.into_iter().take(if untagged { 1 } else { saved.repo_tags.len() }));
            if is_named {
                fitting.push(saved);
            }
        }
        match (fitting.len(), reference) {
            (0, Some(name)) => {
                Err(ExistingError::NoSuchName { path: path(), name: name.to_owned(), there })
            }
            (0, None) => Err(self.incomplete("any image")),
            (1, _) => Ok(fitting.swap_remove(0)),
            (_, _) => Err(ExistingError::Ambiguous { path: path(), there }),
        }
    }
}

impl Importer<'_> {
    /// What an image can be named by: its references, then its ID, which every image has.
    fn names(&self, saved: &ArchiveImage) -> Result<Vec<String>, ExistingError> {
        let mut names = saved.repo_tags.clone();
        if let Some(bytes) = self.document(&saved.config)? {
            names.push(Digest::of(&bytes).to_string());
        }
        Ok(names)
    }
}

/// The configuration without the names of containers and intermediate images, which
/// differ from build to build: the same input has to give the same digest.
fn without_traces(mut config: Map<String, Value>) -> Vec<u8> {
    for name in ["container", "container_config", "parent", "id"] {
        config.shift_remove(name);
    }
    if let Some(hostname) = config.get_mut("config").and_then(|config| config.get_mut("Hostname")) {
        *hostname = json!("");
    }
    for entry in config.get_mut("history").and_then(Value::as_array_mut).into_iter().flatten() {
        // `FROM 2b614b3524b2`, the intermediate image that the instruction began with.
        if let Some(entry) = entry.as_object_mut()
            && entry
                .get("comment")
                .and_then(Value::as_str)
                .is_some_and(|it| it.starts_with("FROM "))
        {
            entry.shift_remove("comment");
        }
    }
    Value::Object(config).to_string().into_bytes()
}

#[cfg(test)]
mod tests {
    use super::without_traces;
    use serde_json::{Value, json};

    #[test]
    fn names_of_containers_are_removed_and_health_checks_kept() {
        let built = json!({
            "created": "1970-01-01T00:00:00Z", "container": "f6d1", "parent": "sha256:fd1a",
            "container_config": { "Hostname": "45cf50794c17" },
            "config": { "Hostname": "45cf50794c17", "Healthcheck": { "Test": ["CMD", "true"] } },
            "history": [
                { "created_by": "base" },
                { "created_by": "ENV A=$A", "comment": "FROM 2b614b3524b2", "empty_layer": true },
            ],
        });
        let Value::Object(built) = built else { panic!("an object") };
        let left: Value = serde_json::from_slice(&without_traces(built)).expect("JSON");
        assert_eq!(
            left,
            json!({
                "created": "1970-01-01T00:00:00Z",
                "config": { "Hostname": "", "Healthcheck": { "Test": ["CMD", "true"] } },
                "history": [
                    { "created_by": "base" },
                    { "created_by": "ENV A=$A", "empty_layer": true },
                ],
            })
        );
    }
}
