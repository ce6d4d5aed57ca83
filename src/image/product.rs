//! The result of a build: one image, or an index of several.
//!
//! The bytes of an index and of everything it lists are kept as they were read, so that a
//! registry gives it the digest that it had before.

use super::manifest::{Image, ManifestError, read_json};
use super::store::Store;
use crate::oci::{Descriptor, Digest, Manifest, Platform, media_type};
use bytes::Bytes;
use std::collections::{BTreeMap, BTreeSet};

/// The deepest nesting of indexes that is read.
const MAX_INDEX_DEPTH: usize = 4;

/// The result of a build.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Product {
    /// An image for one platform.
    Image(Box<Image>),
    /// Images for several platforms, with attestations or other manifests listed beside
    /// them.
    Index(Box<Index>),
}

/// An index, with the manifests of all that it lists.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Index {
    /// Its digest is the digest of the index in a registry.
    pub manifest: Descriptor,
    /// The bytes that the digest covers.
    pub manifest_bytes: Bytes,
    pub children: Vec<IndexEntry>,
}

/// A manifest that an index lists: an image, an attestation, another index.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct IndexEntry {
    /// The descriptor in the index, with the platform.
    pub manifest: Descriptor,
    pub bytes: Bytes,
    /// Configuration and layers.
    pub blobs: Vec<Descriptor>,
    /// The manifests that it lists, if it is an index.
    pub children: Vec<IndexEntry>,
}

impl From<Image> for Product {
    fn from(image: Image) -> Self {
        Self::Image(Box::new(image))
    }
}

impl From<Index> for Product {
    fn from(index: Index) -> Self {
        Self::Index(Box::new(index))
    }
}

impl Product {
    pub fn manifest(&self) -> &Descriptor {
        match self {
            Self::Image(image) => &image.manifest,
            Self::Index(index) => &index.manifest,
        }
    }

    pub fn manifest_bytes(&self) -> &Bytes {
        match self {
            Self::Image(image) => &image.manifest_bytes,
            Self::Index(index) => &index.manifest_bytes,
        }
    }

    /// The image ID; for an index, the digest of the index.
    pub fn image_id(&self) -> &Digest {
        match self {
            Self::Image(image) => image.image_id(),
            Self::Index(index) => &index.manifest.digest,
        }
    }

    /// The platforms of the images. Attestations have none.
    pub fn platforms(&self) -> Vec<Platform> {
        match self {
            Self::Image(image) => vec![image.platform.clone()],
            Self::Index(index) => index.images().map(|(platform, _)| platform.clone()).collect(),
        }
    }

    /// All blobs except manifests, each once. A registry must hold them before it accepts
    /// the manifests. Layers that must not be redistributed are left out.
    pub fn blobs(&self) -> Vec<Descriptor> {
        let mut blobs = BTreeMap::new();
        let mut add = |blob: &Descriptor| {
            if !media_type::is_foreign_layer(&blob.media_type) {
                blobs.entry(blob.digest.clone()).or_insert_with(|| blob.clone());
            }
        };
        match self {
            Self::Image(image) => image.layers.iter().chain([&image.config]).for_each(add),
            Self::Index(index) => {
                index.below().iter().flat_map(|child| &child.blobs).for_each(&mut add);
            }
        }
        blobs.into_values().collect()
    }

    /// The manifests that an index lists, directly or through other indexes, each once.
    /// Every level lists only manifests of earlier levels, so pushing level by level is
    /// always valid.
    pub fn manifest_levels(&self) -> Vec<Vec<&IndexEntry>> {
        let Self::Index(index) = self else { return Vec::new() };
        let mut manifest_levels: Vec<Vec<&IndexEntry>> = Vec::new();
        let mut seen = BTreeSet::new();
        for child in index.below() {
            let height = child.height();
            if manifest_levels.len() <= height {
                manifest_levels.resize_with(height + 1, Vec::new);
            }
            if seen.insert(&child.manifest.digest) {
                manifest_levels[height].push(child);
            }
        }
        manifest_levels
    }
}

impl Index {
    /// The images with their platforms, including those in nested indexes.
    pub fn images(&self) -> impl Iterator<Item = (&Platform, &IndexEntry)> {
        let is_image = |child: &&IndexEntry| child.children.is_empty();
        self.below().into_iter().filter(is_image).filter_map(|child| {
            let platform = child.manifest.platform.as_ref()?;
            // BuildKit marks attestations with the platform `unknown/unknown`.
            (platform.os != "unknown").then_some((platform, child))
        })
    }

    /// All listed manifests at any depth.
    fn below(&self) -> Vec<&IndexEntry> {
        let mut all: Vec<&IndexEntry> = self.children.iter().collect();
        let mut next = 0;
        while let Some(child) = all.get(next).copied() {
            all.extend(&child.children);
            next += 1;
        }
        all
    }

    /// Writes an OCI index of stored images.
    pub fn write(store: &Store, images: &[Image]) -> Result<Self, ManifestError> {
        let entry = |image: &Image| Descriptor {
            platform: Some(image.platform.clone()),
            ..image.manifest.clone()
        };
        let bytes = Manifest::of_index(images.iter().map(entry).collect()).to_bytes();
        for image in images {
            store.put(&image.manifest.media_type, &image.manifest_bytes)?;
        }
        store.put(media_type::INDEX, &bytes)?;
        Self::read(store, bytes.into())
    }

    /// Reads an index. The manifests that it lists must be stored.
    fn read(store: &Store, bytes: Bytes) -> Result<Self, ManifestError> {
        let digest = Digest::of(&bytes);
        let read: Manifest = read_json("index", &digest, &bytes)?;
        let media_type = read.media_type.unwrap_or_else(|| media_type::INDEX.to_owned());
        let manifest = Descriptor::new(&media_type, digest, bytes.len() as u64);
        let children = children(store, read.manifests.unwrap_or_default(), MAX_INDEX_DEPTH)?;
        Ok(Self { manifest, manifest_bytes: bytes, children })
    }
}

impl IndexEntry {
    /// The number of index levels between this manifest and its deepest image.
    fn height(&self) -> usize {
        self.children.iter().map(|child| child.height() + 1).max().unwrap_or(0)
    }
}

fn children(
    store: &Store,
    entries: Vec<Descriptor>,
    depth: usize,
) -> Result<Vec<IndexEntry>, ManifestError> {
    let child = |manifest: Descriptor| {
        let bytes = store.read(&manifest.digest)?;
        let read: Manifest = read_json("manifest", &manifest.digest, &bytes)?;
        if depth == 0 && !read.entries().is_empty() {
            return Err(ManifestError::TooDeep { digest: manifest.digest });
        }
        let blobs = read.content().cloned().collect();
        let below = read.manifests.unwrap_or_default();
        let children = children(store, below, depth.saturating_sub(1))?;
        Ok(IndexEntry { manifest, bytes, blobs, children })
    };
    entries.into_iter().map(child).collect()
}

impl Store {
    /// Reads the image or index with this digest. Layers may be missing.
    pub fn product(&self, manifest: &Digest) -> Result<Product, ManifestError> {
        let bytes = self.read(manifest)?;
        let read: Manifest = read_json("manifest", manifest, &bytes)?;
        if read.is_index() {
            return Ok(Index::read(self, bytes)?.into());
        }
        Ok(Image::read(self, bytes)?.into())
    }
}

#[cfg(test)]
mod tests {
    use super::{Index, Product};
    use crate::image::manifest::Image;
    use crate::image::store::Store;
    use crate::oci::{Descriptor, Digest, media_type};
    use serde_json::{Value, json};
    use tempfile::TempDir;

    struct Desk {
        _folder: TempDir,
        store: Store,
    }

    impl Desk {
        fn new() -> Self {
            let folder = tempfile::tempdir().expect("a folder");
            let store = Store::open(folder.path()).expect("a store");
            Self { _folder: folder, store }
        }

        fn image(&self, architecture: &str) -> Image {
            let config = json!({"architecture": architecture, "os": "linux"}).to_string();
            let config = self.store.put(media_type::CONFIG, config.as_bytes()).expect("stored");
            let layer = self.store.put(media_type::LAYER, b"layer").expect("stored");
            Image::write(&self.store, &config, &[layer]).expect("an image")
        }

        fn put(&self, value: &Value) -> Descriptor {
            let text = value.to_string();
            self.store.put(media_type::INDEX, text.as_bytes()).expect("stored")
        }
    }

    #[test]
    fn a_written_index_is_read_again() {
        let desk = Desk::new();
        let (amd, arm) = (desk.image("amd64"), desk.image("arm64"));
        let index = Index::write(&desk.store, &[amd.clone(), arm.clone()]).expect("an index");

        let product = desk.store.product(&index.manifest.digest).expect("there");

        assert_eq!(product, index.into());
        assert_eq!(
            product.platforms().iter().map(ToString::to_string).collect::<Vec<_>>(),
            ["linux/amd64", "linux/arm64"]
        );
        assert_eq!(product.blobs().len(), 3, "the layer of both, and two configurations");
        let digests: Vec<_> = product
            .manifest_levels()
            .concat()
            .into_iter()
            .map(|child| &child.manifest.digest)
            .collect();
        assert_eq!(digests, [&amd.manifest.digest, &arm.manifest.digest]);
    }

    #[test]
    fn the_fields_of_an_index_have_one_order() {
        let desk = Desk::new();
        let index = Index::write(&desk.store, &[desk.image("arm64")]).expect("an index");
        let text = String::from_utf8(index.manifest_bytes.to_vec()).expect("text");

        let digest = &index.children[0].manifest.digest;
        assert_eq!(
            text,
            format!(
                r#"{{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[{{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"{digest}","size":393,"platform":{{"architecture":"arm64","os":"linux"}}}}]}}"#
            )
        );
    }

    #[test]
    fn listed_manifests_are_ordered_by_level() {
        let desk = Desk::new();
        let image = desk.image("amd64");
        let attestation = desk.put(&json!({
            "mediaType": media_type::MANIFEST,
            "config": Descriptor::new("application/x", Digest::of(b"c"), 1),
            "layers": [Descriptor::new("application/vnd.in-toto+json", Digest::of(b"l"), 1)],
        }));
        let mut said = json!(attestation);
        said["platform"] = json!({"os": "unknown", "architecture": "unknown"});
        let mut entry = json!(image.manifest);
        entry["platform"] = json!({"os": "linux", "architecture": "amd64"});
        let inner = desk.put(&json!({ "manifests": [entry, said] }));
        let outer = desk.put(&json!({ "manifests": [inner, attestation], "x-other": "kept" }));

        let product = desk.store.product(&outer.digest).expect("there");

        assert_eq!(Digest::of(product.manifest_bytes()), outer.digest);
        let manifest_levels: Vec<Vec<_>> = product
            .manifest_levels()
            .iter()
            .map(|level| level.iter().map(|child| child.manifest.digest.clone()).collect())
            .collect();
        assert_eq!(
            manifest_levels,
            [vec![attestation.digest, image.manifest.digest], vec![inner.digest]],
            "each once"
        );
        assert_eq!(product.blobs().len(), 4);
        assert_eq!(product.platforms().len(), 1);
    }

    #[test]
    fn a_foreign_layer_is_left_out() {
        let desk = Desk::new();
        let config = desk.image("amd64").config;
        let foreign = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip";
        let layer = Descriptor::new(foreign, Digest::of(b"windows"), 7);
        let image = Image::write(&desk.store, &config, &[layer]).expect("an image");

        assert_eq!(Product::from(image).blobs(), [config]);
    }

    #[test]
    fn an_incomplete_index_is_refused() {
        let desk = Desk::new();
        let index = Index::write(&desk.store, &[desk.image("amd64")]).expect("an index");
        let child = &index.children[0].manifest.digest;
        std::fs::remove_file(desk.store.path(child).expect("a path")).expect("removed");

        let error = desk.store.product(&index.manifest.digest).expect_err("incomplete");

        let root = desk.store.root().display();
        assert_eq!(error.to_string(), format!("the image store `{root}` has no blob `{child}`"));
    }

    #[test]
    fn nested_indexes_are_limited() {
        let desk = Desk::new();
        let mut index = desk.put(&json!({ "manifests": [desk.image("amd64").manifest] }));
        for _ in 0..6 {
            index = desk.put(&json!({ "manifests": [index] }));
        }

        let error = desk.store.product(&index.digest).expect_err("too deep");

        assert!(error.to_string().ends_with("` is an index within four others"), "{error}");
    }
}
