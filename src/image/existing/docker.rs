//! What `docker save` writes: `manifest.json`, a configuration, and layers that
//! are mostly not compressed.
//!
//! Docker image specification 1.2, "Combined Image JSON + Filesystem Changeset
//! Format". Newer engines lay the same files out as an OCI layout as well; the
//! names in `manifest.json` lead to them either way.

use super::error::ExistingError;
use super::intake::Intake;
use super::layout::parse;
use super::source::same_reference;
use crate::image::manifest::Image;
use crate::oci::{Descriptor, Digest, Platform, media_type};
use serde::Deserialize;

const MANIFEST: &str = "manifest.json";

/// One image of the archive.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Saved {
    config: String,
    #[serde(default, deserialize_with = "null_is_empty")]
    repo_tags: Vec<String>,
    #[serde(default, deserialize_with = "null_is_empty")]
    layers: Vec<String>,
}

/// What is read of a configuration.
#[derive(Deserialize)]
struct Configured {
    #[serde(flatten)]
    platform: Platform,
    rootfs: Rootfs,
}

#[derive(Deserialize)]
struct Rootfs {
    #[serde(default, deserialize_with = "null_is_empty")]
    diff_ids: Vec<Digest>,
}

/// Go writes an empty list as `null`.
fn null_is_empty<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Deserialize<'de>,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

impl Intake<'_> {
    /// Takes an image into the store, its layers compressed.
    pub(super) fn docker(
        &self,
        reference: Option<&str>,
        platform: &Platform,
    ) -> Result<Image, ExistingError> {
        let saved = self.choose_saved(reference)?;
        let Some(bytes) = self.document(&saved.config)? else {
            return Err(self.incomplete(&saved.config));
        };
        self.packed(&saved.config, &bytes, (saved.layers, platform))
    }

    /// Takes an image into the store of whose layers some may not be compressed:
    /// their names in the bag, in the order of the configuration.
    pub(super) fn packed(
        &self,
        name: &str,
        config: &[u8],
        (layers, platform): (Vec<String>, &Platform),
    ) -> Result<Image, ExistingError> {
        let configured: Configured = parse(self.path, name, config)?;
        if !platform.takes(&configured.platform) {
            let there = vec![configured.platform.to_string()];
            let (path, wanted) = (self.path.to_owned(), platform.to_string());
            return Err(ExistingError::NoSuchPlatform { path, wanted, there });
        }
        let diff_ids = &configured.rootfs.diff_ids;
        if layers.len() != diff_ids.len() {
            let (layers, diff_ids) = (layers.len(), diff_ids.len());
            let path = self.path.to_owned();
            return Err(ExistingError::LayerCount { path, layers, diff_ids });
        }
        let layers: Vec<(String, Digest)> =
            layers.into_iter().zip(diff_ids.iter().cloned()).collect();
        self.expect(&layers)?;
        let layers: Vec<Descriptor> = layers
            .iter()
            .map(|(name, diff_id)| self.layer(name, diff_id))
            .collect::<Result<_, _>>()?;
        let config = self.store.put(media_type::CONFIG, config)?;
        Ok(Image::write(self.store, &config, &layers)?)
    }

    fn choose_saved(&self, reference: Option<&str>) -> Result<Saved, ExistingError> {
        let path = || self.path.to_owned();
        let Some(bytes) = self.document(MANIFEST)? else {
            let (what, lacks) = ("docker archive", MANIFEST);
            return Err(ExistingError::Format { path: path(), what, lacks });
        };
        let all: Vec<Saved> = parse(self.path, MANIFEST, &bytes)?;
        let there = all.iter().flat_map(|saved| saved.repo_tags.clone()).collect();
        let named = |saved: &Saved| {
            reference.is_none_or(|wanted| {
                saved.repo_tags.iter().any(|known| same_reference(known, wanted))
            })
        };
        let mut fitting: Vec<Saved> = all.into_iter().filter(named).collect();
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
