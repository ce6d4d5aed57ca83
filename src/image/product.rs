//! What a build made: one image, or an index of several.
//!
//! Of an index every byte is kept, of what it lists too, whatever that is: the
//! digest that a registry gives it is then the one that it had.

use super::manifest::{Image, ManifestError, read_json};
use super::store::Store;
use crate::oci::{Descriptor, Digest, Platform, media_type};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Indexes within indexes.
const DEEPEST: usize = 4;

/// What a build made.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Product {
    /// An image for one platform.
    Image(Box<Image>),
    /// Images for several, and whatever else is listed beside them.
    Index(Box<Index>),
}

/// An index, with the manifests of all that it lists.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Index {
    /// The index. Its digest is what a registry gives it.
    pub manifest: Descriptor,
    /// The index as it is sent.
    pub manifest_bytes: Bytes,
    /// In its order.
    pub children: Vec<Child>,
}

/// What an index lists: an image, an attestation, another index.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Child {
    /// As the index has it, with the platform.
    pub manifest: Descriptor,
    /// The manifest as it is sent.
    pub bytes: Bytes,
    /// The configuration and the layers.
    pub blobs: Vec<Descriptor>,
    /// What it lists itself.
    pub children: Vec<Child>,
}

/// What is read of a manifest of any kind.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Read {
    media_type: Option<String>,
    manifests: Option<Vec<Descriptor>>,
    config: Option<Descriptor>,
    #[serde(default)]
    layers: Vec<Descriptor>,
    /// What artifacts of the first kind have instead.
    #[serde(default)]
    blobs: Vec<Descriptor>,
}

/// What is written of an index, in this order.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Written {
    schema_version: u8,
    media_type: &'static str,
    manifests: Vec<Descriptor>,
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
    /// What a registry names it by.
    pub fn manifest(&self) -> &Descriptor {
        match self {
            Self::Image(image) => &image.manifest,
            Self::Index(index) => &index.manifest,
        }
    }

    /// As it is sent.
    pub fn manifest_bytes(&self) -> &Bytes {
        match self {
            Self::Image(image) => &image.manifest_bytes,
            Self::Index(index) => &index.manifest_bytes,
        }
    }

    /// The digest of the configuration; of an index, its own.
    pub fn image_id(&self) -> &Digest {
        match self {
            Self::Image(image) => image.image_id(),
            Self::Index(index) => &index.manifest.digest,
        }
    }

    /// What it runs on. Attestations run on nothing.
    pub fn platforms(&self) -> Vec<Platform> {
        match self {
            Self::Image(image) => vec![image.platform.clone()],
            Self::Index(index) => index.images().map(|(platform, _)| platform.clone()).collect(),
        }
    }

    /// Every blob but the manifests, each once: what a registry must have before
    /// it takes them. Layers that may not be handed on are not among them.
    pub fn blobs(&self) -> Vec<Descriptor> {
        let mut blobs = BTreeMap::new();
        let mut add = |blob: &Descriptor| {
            if !is_foreign(blob) {
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

    /// The manifests below, each once, flight by flight: what a flight lists is
    /// in those before.
    pub fn flights(&self) -> Vec<Vec<&Child>> {
        let Self::Index(index) = self else { return Vec::new() };
        let mut flights: Vec<Vec<&Child>> = Vec::new();
        let mut seen = BTreeSet::new();
        for child in index.below() {
            let height = child.height();
            if flights.len() <= height {
                flights.resize_with(height + 1, Vec::new);
            }
            if seen.insert(&child.manifest.digest) {
                flights[height].push(child);
            }
        }
        flights
    }
}

impl Index {
    /// The images, those in indexes below too, and what each runs on.
    pub fn images(&self) -> impl Iterator<Item = (&Platform, &Child)> {
        let is_image = |child: &&Child| child.children.is_empty();
        self.below().into_iter().filter(is_image).filter_map(|child| {
            let platform = child.manifest.platform.as_ref()?;
            // What build tools say of their attestations.
            (platform.os != "unknown").then_some((platform, child))
        })
    }

    /// All that is listed, at whatever depth.
    fn below(&self) -> Vec<&Child> {
        let mut all: Vec<&Child> = self.children.iter().collect();
        let mut next = 0;
        while let Some(child) = all.get(next).copied() {
            all.extend(&child.children);
            next += 1;
        }
        all
    }

    /// Writes an OCI index of images that are in the store.
    pub fn write(store: &Store, images: &[Image]) -> Result<Self, ManifestError> {
        let entry = |image: &Image| Descriptor {
            platform: Some(image.platform.clone()),
            ..image.manifest.clone()
        };
        let media_type = media_type::INDEX;
        let manifests = images.iter().map(entry).collect();
        let written = Written { schema_version: 2, media_type, manifests };
        let bytes = serde_json::to_vec(&written).expect("an index is text by text");
        for image in images {
            store.put(&image.manifest.media_type, &image.manifest_bytes)?;
        }
        store.put(media_type, &bytes)?;
        Self::read(store, bytes.into())
    }

    /// The index of these bytes; what it lists must be in the store.
    fn read(store: &Store, bytes: Bytes) -> Result<Self, ManifestError> {
        let digest = Digest::of(&bytes);
        let read: Read = read_json("index", &digest, &bytes)?;
        let media_type = read.media_type.unwrap_or_else(|| media_type::INDEX.to_owned());
        let manifest = Descriptor::new(&media_type, digest, bytes.len() as u64);
        let children = children(store, read.manifests.unwrap_or_default(), DEEPEST)?;
        Ok(Self { manifest, manifest_bytes: bytes, children })
    }
}

impl Child {
    /// How many indexes are at most between this and an image.
    fn height(&self) -> usize {
        self.children.iter().map(|child| child.height() + 1).max().unwrap_or(0)
    }
}

fn children(
    store: &Store,
    entries: Vec<Descriptor>,
    depth: usize,
) -> Result<Vec<Child>, ManifestError> {
    let child = |manifest: Descriptor| {
        let bytes = store.read(&manifest.digest)?;
        let read: Read = read_json("manifest", &manifest.digest, &bytes)?;
        let below = read.manifests.unwrap_or_default();
        if depth == 0 && !below.is_empty() {
            return Err(ManifestError::TooDeep { digest: manifest.digest });
        }
        let children = children(store, below, depth.saturating_sub(1))?;
        let blobs = read.config.into_iter().chain(read.layers).chain(read.blobs).collect();
        Ok(Child { manifest, bytes, blobs, children })
    };
    entries.into_iter().map(child).collect()
}

/// Whether registries take a manifest without this layer: the bases of Windows
/// images are fetched from where their licence wants them fetched from.
pub(in crate::image) fn is_foreign(blob: &Descriptor) -> bool {
    blob.media_type.contains(".foreign.") || blob.media_type.contains(".nondistributable.")
}

impl Store {
    /// What has this digest: an image, or an index with all that it lists. The
    /// layers may still be missing.
    pub fn product(&self, manifest: &Digest) -> Result<Product, ManifestError> {
        let bytes = self.read(manifest)?;
        let read: Read = read_json("manifest", manifest, &bytes)?;
        if read.manifests.is_some() && read.config.is_none() {
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
    fn what_is_joined_is_loaded_again() {
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
        let digests: Vec<_> =
            product.flights().concat().into_iter().map(|child| &child.manifest.digest).collect();
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
    fn whatever_is_listed_goes_along_and_what_is_below_goes_first() {
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
        let flights: Vec<Vec<_>> = product
            .flights()
            .iter()
            .map(|flight| flight.iter().map(|child| child.manifest.digest.clone()).collect())
            .collect();
        assert_eq!(
            flights,
            [vec![attestation.digest, image.manifest.digest], vec![inner.digest]],
            "each once"
        );
        assert_eq!(product.blobs().len(), 4);
        assert_eq!(product.platforms().len(), 1);
    }

    #[test]
    fn a_layer_that_may_not_be_handed_on_is_left_where_it_is() {
        let desk = Desk::new();
        let config = desk.image("amd64").config;
        let foreign = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip";
        let layer = Descriptor::new(foreign, Digest::of(b"windows"), 7);
        let image = Image::write(&desk.store, &config, &[layer]).expect("an image");

        assert_eq!(Product::from(image).blobs(), [config]);
    }

    #[test]
    fn an_index_that_lacks_what_it_lists_is_not_loaded() {
        let desk = Desk::new();
        let index = Index::write(&desk.store, &[desk.image("amd64")]).expect("an index");
        let child = &index.children[0].manifest.digest;
        std::fs::remove_file(desk.store.path(child).expect("a path")).expect("removed");

        let error = desk.store.product(&index.manifest.digest).expect_err("incomplete");

        let root = desk.store.root().display();
        assert_eq!(error.to_string(), format!("the image store `{root}` has no blob `{child}`"));
    }

    #[test]
    fn indexes_in_indexes_end_somewhere() {
        let desk = Desk::new();
        let mut index = desk.put(&json!({ "manifests": [desk.image("amd64").manifest] }));
        for _ in 0..6 {
            index = desk.put(&json!({ "manifests": [index] }));
        }

        let error = desk.store.product(&index.digest).expect_err("too deep");

        assert!(error.to_string().ends_with("` is an index within four others"), "{error}");
    }
}
