//! Images of other places are taken into a store.

mod archives;
mod choice;
mod damaged;
mod progress;

use crate::http::Retryable as _;
use crate::image::existing::{ImageSource, import};
use crate::image::layers::{LayerSource, Recipe, build};
use crate::image::testing::export;
use crate::image::{Image, Product, Store, WorkControl};
use crate::oci::{Descriptor, Digest, Platform};
use serde_json::{Value, json};
use std::fs;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use tempfile::TempDir;

/// A folder with an image in one store, to be taken into another.
struct Fixture {
    folder: TempDir,
    from: Store,
    to: Store,
    image: Image,
}

impl Fixture {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let open = |name: &str| Store::open(&folder.path().join(name)).expect("a store");
        let (from, to) = (open("from"), open("to"));
        fs::write(folder.path().join("app"), "hello").expect("written");
        let image = Self::build(&folder, &from, &Platform::default());
        Self { folder, from, to, image }
    }

    fn build(folder: &TempDir, store: &Store, platform: &Platform) -> Image {
        let layer =
            |to: &str| LayerSource { from: "app".into(), to: to.into(), ..LayerSource::default() };
        let recipe = Recipe {
            folder: folder.path().to_owned(),
            layers: vec![layer("/a"), layer("/b"), layer("/a")],
            platform: platform.clone(),
            ..Recipe::default()
        };
        build(store, &recipe, &WorkControl::new(&AtomicBool::new(false))).expect("built").image
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn layout(&self, tag: Option<&str>) {
        export::oci_layout(&self.from, &self.image, tag, &self.path("oci")).expect("written");
    }

    fn edit(&self, change: impl FnOnce(&mut Value)) {
        let path = self.path("oci/index.json");
        let mut index = serde_json::from_slice(&fs::read(&path).expect("there")).expect("JSON");
        change(&mut index);
        fs::write(path, index.to_string()).expect("written");
    }

    /// Puts a blob into the layout.
    fn blob(&self, media_type: &str, value: &Value) -> Value {
        let bytes = value.to_string();
        let digest = Digest::of(bytes.as_bytes());
        fs::write(self.path("oci/blobs/sha256").join(digest.hex()), &bytes).expect("written");
        json!(Descriptor::new(media_type, digest, bytes.len() as u64))
    }

    fn import_for(&self, source: &str, platform: &str) -> Result<Image, (String, String)> {
        let source = ImageSource::parse(source, self.folder.path()).expect("local");
        let platform = platform.parse().expect("a platform");
        let here = self.folder.path().display().to_string();
        let made =
            import(&self.to, &source, Some(&platform), &WorkControl::new(&AtomicBool::new(false)));
        let made = made.map_err(|error| {
            let help = error.help().unwrap_or_default();
            (error.to_string().replace(&here, "."), help)
        })?;
        match made {
            Product::Image(image) => Ok(*image),
            Product::Index(_) => unreachable!("a platform was given"),
        }
    }

    fn import(&self, source: &str) -> Result<Image, (String, String)> {
        self.import_for(source, "linux/amd64")
    }
}

fn image_entry(image: &Image) -> Value {
    let mut entry = json!(image.manifest);
    entry["platform"] = json!(image.platform);
    entry
}

impl Fixture {
    /// A layout whose `index.json` lists this image and one for arm64 directly.
    fn two_platforms(&self) -> Image {
        self.layout(None);
        let arm = Self::build(&self.folder, &self.from, &"linux/arm64".parse().expect("valid"));
        export::oci_layout(&self.from, &arm, None, &self.path("oci")).expect("written");
        let entries = [image_entry(&self.image), image_entry(&arm)];
        self.edit(|index| index["manifests"] = json!(entries));
        arm
    }

    fn import_any(&self, source: &str) -> Result<Product, (String, String)> {
        let source = ImageSource::parse(source, self.folder.path()).expect("local");
        let here = self.folder.path().display().to_string();
        let go_on = AtomicBool::new(false);
        import(&self.to, &source, None, &WorkControl::new(&go_on)).map_err(|error| {
            (error.to_string().replace(&here, "."), error.help().unwrap_or_default())
        })
    }
}

#[test]
fn a_layout_keeps_its_digest() {
    let fixture = Fixture::new();
    fixture.layout(Some("v1"));

    for source in ["oci:oci", "oci:oci:v1"] {
        let image = fixture.import(source).expect("imported");
        assert_eq!(image, fixture.image);
        assert_eq!(fixture.to.load(&image.manifest.digest).expect("whole"), image);
    }
}
