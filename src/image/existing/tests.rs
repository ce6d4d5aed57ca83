use super::{ImageSource, import};
use crate::http::Retryable as _;
use crate::image::layers::{LayerSource, Recipe, build};
use crate::image::testing::export;
use crate::image::{Image, Product, Store, WorkControl};
use crate::oci::{Descriptor, Digest, Platform, media_type};
use serde_json::{Value, json};
use std::fs;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;
use tempfile::TempDir;

/// A folder with an image in one store, to be taken into another.
struct Desk {
    folder: TempDir,
    from: Store,
    to: Store,
    image: Image,
}

impl Desk {
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

#[test]
fn a_layout_keeps_its_digest() {
    let desk = Desk::new();
    desk.layout(Some("v1"));

    for source in ["oci:oci", "oci:oci:v1"] {
        let image = desk.import(source).expect("imported");
        assert_eq!(image, desk.image);
        assert_eq!(desk.to.load(&image.manifest.digest).expect("whole"), image);
    }
}

#[test]
fn tag_and_platform_select_an_image() {
    let desk = Desk::new();
    desk.layout(Some("v1"));
    let arm = Desk::build(&desk.folder, &desk.from, &"linux/arm64".parse().expect("valid"));
    let amd = desk.image.clone();
    export::oci_layout(&desk.from, &arm, Some("v1"), &desk.path("oci")).expect("written");
    let attached = json!({"vnd.docker.reference.type": "attestation-manifest"});
    let mut provenance = json!(arm.manifest);
    provenance["annotations"] = attached;
    let list = json!({"schemaVersion": 2, "manifests": [amd.manifest, arm.manifest, provenance]});
    let nested = desk.blob(media_type::INDEX, &list);
    desk.edit(|index| index["manifests"] = json!([nested]));

    assert_eq!(desk.import("oci:oci").expect("imported"), amd);
    assert_eq!(desk.import_for("oci:oci", "linux/arm64").expect("imported"), arm);
    assert_eq!(
        desk.import_for("oci:oci", "linux/riscv64").expect_err("none"),
        (
            "`./oci` holds no image for linux/riscv64".into(),
            "write `platform:` with what is there: `linux/amd64`, `linux/arm64`".into()
        )
    );
}

#[test]
fn without_a_platform_an_index_stays_whole() {
    let desk = Desk::new();
    desk.layout(Some("v1"));
    let arm = Desk::build(&desk.folder, &desk.from, &"linux/arm64".parse().expect("valid"));
    let amd = desk.image.clone();
    export::oci_layout(&desk.from, &arm, Some("v1"), &desk.path("oci")).expect("written");
    let entry = |image: &Image, architecture: &str| {
        let mut entry = json!(image.manifest);
        entry["platform"] = json!({"os": "linux", "architecture": architecture});
        entry
    };
    let entries = [entry(&amd, "amd64"), entry(&arm, "arm64")];
    let list = json!({"schemaVersion": 2, "manifests": entries, "x-own": 1});
    let nested = desk.blob(media_type::INDEX, &list);
    desk.edit(|index| index["manifests"] = json!([nested]));
    let source = ImageSource::parse("oci:oci", desk.folder.path()).expect("local");

    let made = import(&desk.to, &source, None, &WorkControl::new(&AtomicBool::new(false)))
        .expect("imported");

    assert_eq!(json!(made.manifest().digest), nested["digest"], "byte for byte");
    assert_eq!(desk.to.product(&made.manifest().digest).expect("whole"), made);
    assert_eq!(made.platforms(), [amd.platform, arm.platform]);
    assert!(made.blobs().iter().all(|blob| desk.to.has(blob)));
}

fn image_entry(image: &Image) -> Value {
    let mut entry = json!(image.manifest);
    entry["platform"] = json!(image.platform);
    entry
}

impl Desk {
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
fn platforms_that_a_layout_lists_directly_stay_together() {
    let desk = Desk::new();
    let arm = desk.two_platforms();
    let index = fs::read(desk.path("oci/index.json")).expect("there");

    let made = desk.import_any("oci:oci").expect("imported");

    assert_eq!(made.manifest().digest, Digest::of(&index), "byte for byte");
    assert_eq!(made.platforms(), [desk.image.platform.clone(), arm.platform.clone()]);
    assert!(made.blobs().iter().all(|blob| desk.to.has(blob)));
    assert_eq!(desk.import("oci:oci").expect("imported"), desk.image);

    // Without platforms in the list, those of the configurations are written.
    let mut entries = json!([desk.image.manifest, arm.manifest]);
    for entry in entries.as_array_mut().expect("a list") {
        entry["annotations"] = json!({"org.opencontainers.image.ref.name": "v1"});
    }
    desk.edit(|index| index["manifests"] = entries);
    let made = desk.import_any("oci:oci:v1").expect("imported");
    assert_eq!(made.platforms(), [desk.image.platform.clone(), arm.platform.clone()]);

    desk.edit(|index| {
        index["manifests"][1]["annotations"]["org.opencontainers.image.ref.name"] = json!("v2");
    });
    assert_eq!(
        desk.import_any("oci:oci").expect_err("two images"),
        ("`./oci` holds several images".into(), "name one after the path: `v1`, `v2`".into())
    );
}

#[test]
fn a_single_image_for_another_platform_is_taken() {
    let desk = Desk::new();
    let arm = Desk::build(&desk.folder, &desk.from, &"linux/arm64".parse().expect("valid"));
    export::oci_layout(&desk.from, &arm, None, &desk.path("oci")).expect("written");
    let file = desk.path("saved.tar");
    export::docker_archive(&desk.from, &arm, &["web:v1".into()], &file).expect("written");

    for source in ["oci:oci", "docker-archive:saved.tar"] {
        assert_eq!(desk.import_any(source).expect("imported"), arm.clone().into());
        assert_eq!(desk.import_for(source, "linux/arm64/v8").expect("imported"), arm);
    }
    let signature = json!({"architecture": "", "os": ""});
    let config = desk.blob(media_type::CONFIG, &signature);
    let signature = json!({"schemaVersion": 2, "config": config, "layers": []});
    let signature = desk.blob(media_type::MANIFEST, &signature);
    desk.edit(|index| index["manifests"] = json!([signature, arm.manifest]));
    assert_eq!(desk.import_any("oci:oci").expect("imported"), arm.into());
}

#[test]
fn images_without_a_tag_are_named_by_digest() {
    let desk = Desk::new();
    desk.layout(None);
    fs::write(desk.path("app"), "other").expect("written");
    let other = Desk::build(&desk.folder, &desk.from, &Platform::default());
    export::oci_layout(&desk.from, &other, None, &desk.path("oci")).expect("written");
    desk.edit(|index| index["manifests"] = json!([desk.image.manifest, other.manifest]));
    let names = [&desk.image, &other].map(|image| image.manifest.digest.to_string());
    let help = format!("name one after the path: `{}`, `{}`", names[0], names[1]);
    for refused in [desk.import("oci:oci").map(Product::from), desk.import_any("oci:oci")] {
        assert_eq!(
            refused.expect_err("two"),
            ("`./oci` holds several images".into(), help.clone())
        );
    }
    let named = format!("oci:oci:{}", names[1]);
    assert_eq!(desk.import(&named).expect("imported"), other);
    assert_eq!(desk.import_any(&named).expect("imported"), other.clone().into());
    assert_eq!(
        desk.import("oci:oci:v1").expect_err("none"),
        ("`./oci` holds no image named `v1`".into(), help)
    );

    let images = [&desk.image, &other];
    let mut archive = tar::Builder::new(Vec::new());
    let mut put = |name: &str, bytes: &[u8]| {
        let mut header = tar::Header::new_ustar();
        header.set_size(bytes.len() as u64);
        archive.append_data(&mut header, name, bytes).expect("memory");
    };
    let mut list = Vec::new();
    for (number, image) in images.iter().enumerate() {
        let layers: Vec<String> =
            (0..image.layers.len()).map(|at| format!("{number}-{at}")).collect();
        for (name, layer) in layers.iter().zip(&image.layers) {
            put(name, &fs::read(desk.from.locate(layer).expect("there")).expect("read"));
        }
        put(&format!("{number}.json"), &desk.from.read(&image.config.digest).expect("read"));
        list.push(json!({"Config": format!("{number}.json"), "RepoTags": null, "Layers": layers}));
    }
    put("manifest.json", json!(list).to_string().as_bytes());
    fs::write(desk.path("saved.tar"), archive.into_inner().expect("memory")).expect("written");
    let names = images.map(|image| image.image_id().to_string());
    assert_eq!(
        desk.import("docker-archive:saved.tar").expect_err("two"),
        (
            "`./saved.tar` holds several images".into(),
            format!("name one after the path: `{}`, `{}`", names[0], names[1])
        )
    );
    let found = desk.import(&format!("docker-archive:saved.tar:{}", names[1]));
    assert_eq!(found.expect("imported").image_id(), other.image_id());
}

#[test]
fn a_layer_that_is_elsewhere_need_not_be_there() {
    let desk = Desk::new();
    desk.layout(None);
    let mut manifest: Value =
        serde_json::from_slice(&desk.image.manifest_bytes).expect("a manifest");
    let layer = &desk.image.layers[1];
    manifest["layers"][1]["urls"] = json!(["https://example.com/layer"]);
    let listed = desk.blob(media_type::MANIFEST, &manifest);
    desk.edit(|index| index["manifests"] = json!([listed]));
    let path = desk.path("oci/blobs/sha256").join(layer.digest.hex());
    fs::remove_file(path).expect("removed");

    for source in ["oci:oci", "oci:oci:"] {
        let image = desk.import(source).expect("imported");
        assert_eq!(json!(image.manifest.digest), listed["digest"]);
        assert!(!desk.to.has(layer));
    }
    let whole = desk.import_any("oci:oci").expect("imported");
    assert_eq!(json!(whole.manifest().digest), listed["digest"]);
}

#[test]
fn an_archive_may_be_packed_by_xz() {
    let desk = Desk::new();
    let file = desk.path("saved.tar");
    export::docker_archive(&desk.from, &desk.image, &[], &file).expect("written");
    fs::write(desk.path("saved.tar.lz4"), b"\x04\x22\x4d\x18 and so on").expect("written");
    assert_eq!(
        desk.import("docker-archive:saved.tar.lz4").expect_err("no archive"),
        (
            "`./saved.tar.lz4` is not a tar archive: it is packed by lz4".into(),
            "unpack it before; archives packed by gzip, zstd, bzip2 and xz are read as they are"
                .into()
        )
    );
    fs::write(desk.path("text"), "not an archive").expect("written");
    assert_eq!(
        desk.import("oci-archive:text").expect_err("no archive"),
        (
            "`./text` is not a tar archive".into(),
            "name what `docker save` writes, or an OCI layout in a tar archive".into()
        )
    );
    for program in ["xz", "bzip2"] {
        // Without the program, the compressed streams in `stream` are the test.
        let Ok(run) = std::process::Command::new(program).arg("-k").arg(&file).status() else {
            continue;
        };
        assert!(run.success());
    }
    for name in ["saved.tar.xz", "saved.tar.bz2"] {
        if desk.path(name).exists() {
            let image = desk.import(&format!("docker-archive:{name}")).expect("imported");
            assert_eq!(image, desk.image);
        }
    }
}

#[test]
fn blobs_are_reported_early_while_much_is_left() {
    let desk = Desk::new();
    // Random bytes, which do not become fewer.
    let noise = |seed: u64| {
        let mut state = seed;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 56).to_le_bytes()[0]
        };
        (0..3 << 20).map(|_| next()).collect::<Vec<u8>>()
    };
    let layers = ["x", "y", "z"].map(|name| LayerSource {
        from: name.into(),
        to: "/".into(),
        ..LayerSource::default()
    });
    for (seed, name) in (1..).zip(["x", "y", "z"]) {
        fs::write(desk.path(name), noise(seed)).expect("written");
    }
    let (folder, layers) = (desk.folder.path().to_owned(), layers.into());
    let recipe = Recipe { folder, layers, ..Recipe::default() };
    let go_on = AtomicBool::new(false);
    let image = build(&desk.from, &recipe, &WorkControl::new(&go_on)).expect("built").image;
    export::oci_layout(&desk.from, &image, None, &desk.path("oci")).expect("written");
    let source = ImageSource::parse("oci:oci", desk.folder.path()).expect("local");
    let told = Mutex::new(Vec::new());
    let early = |blob: &Descriptor| {
        assert!(desk.to.has(blob));
        told.lock().expect("no panic").push(blob.digest.clone());
    };

    let control = WorkControl { early: &early, ..WorkControl::new(&go_on) };
    import(&desk.to, &source, None, &control).expect("imported");
    let told = std::mem::take(&mut *told.lock().expect("no panic"));
    // Not the last of them, and the configuration only if it came before.
    let layers: Vec<_> = image.layers.iter().filter(|it| told.contains(&it.digest)).collect();
    assert_eq!(layers.len(), 2, "{told:?}");

    // What is there already is no news.
    let silent = |blob: &Descriptor| panic!("{} was there", blob.digest);
    let control = WorkControl { early: &silent, ..WorkControl::new(&go_on) };
    import(&desk.to, &source, None, &control).expect("imported");
}

#[test]
fn an_unknown_tag_lists_the_known_ones() {
    let desk = Desk::new();
    desk.layout(Some("v1"));

    assert_eq!(
        desk.import("oci:oci:v2").expect_err("none"),
        ("`./oci` holds no image named `v2`".into(), "name one after the path: `v1`".into())
    );
}

#[test]
fn several_images_need_a_tag() {
    let desk = Desk::new();
    desk.layout(Some("v1"));
    fs::write(desk.path("app"), "other").expect("written");
    let other = Desk::build(&desk.folder, &desk.from, &Platform::default());
    export::oci_layout(&desk.from, &other, None, &desk.path("oci")).expect("written");
    let mut first = json!(desk.image.manifest);
    first["annotations"] = json!({"org.opencontainers.image.ref.name": "v1"});
    let mut second = json!(other.manifest);
    second["annotations"] = json!({"org.opencontainers.image.ref.name": "v2"});
    desk.edit(|index| index["manifests"] = json!([first, second]));

    assert_eq!(desk.import("oci:oci:v2").expect("imported"), other);
    assert_eq!(
        desk.import("oci:oci").expect_err("two"),
        ("`./oci` holds several images".into(), "name one after the path: `v1`, `v2`".into())
    );
}

#[test]
fn a_damaged_layout_stores_nothing_under_a_wrong_name() {
    let desk = Desk::new();
    desk.layout(None);
    let layer = &desk.image.layers[0];
    let path = desk.path("oci/blobs/sha256").join(layer.digest.hex());
    let whole = fs::read(&path).expect("there");

    let mut flipped = whole.clone();
    flipped[20] ^= 1;
    for wrong in [flipped, whole[..10].to_vec(), [whole.as_slice(), b"x"].concat()] {
        fs::write(&path, wrong).expect("written");
        let (error, _) = desk.import("oci:oci").expect_err("damaged");
        let name = layer.digest.hex();
        assert_eq!(error, format!("cannot copy `blobs/sha256/{name}` from `./oci`"));
        assert!(!desk.to.has(layer));
    }
    fs::remove_file(&path).expect("removed");
    let (error, _) = desk.import("oci:oci").expect_err("incomplete");
    assert!(error.starts_with("`./oci` is incomplete: it refers to `blobs/sha256/"), "{error}");
    assert!(desk.to.load(&desk.image.manifest.digest).is_err());
}

#[test]
fn an_invalid_layout_is_refused() {
    let desk = Desk::new();
    fs::create_dir(desk.path("empty")).expect("a folder");

    let (error, help) = desk.import("oci:empty").expect_err("no layout");
    assert_eq!(error, "`./empty` is not a valid OCI layout: it has no `index.json`");
    assert!(help.contains("docker-archive:FILE"), "{help}");
    let (error, help) = desk.import("oci:nowhere").expect_err("nothing");
    assert_eq!(error, "there is no folder `./nowhere`");
    assert!(help.contains("`run` step"), "{help}");
    assert_eq!(
        desk.import("docker-archive:nowhere").expect_err("nothing").0,
        "there is no file `./nowhere`"
    );
    fs::create_dir_all(desk.path("loop/blobs/sha256")).expect("a folder");
    fs::write(desk.path("loop/index.json"), "{").expect("written");
    assert_eq!(
        desk.import("oci:loop").expect_err("no JSON").0,
        "cannot read `index.json` in `./loop`"
    );
}

#[test]
fn a_layout_may_be_an_archive() {
    let desk = Desk::new();
    desk.layout(Some("v1"));
    let mut builder = tar::Builder::new(Vec::new());
    builder.append_dir_all(".", desk.path("oci")).expect("packed");
    fs::write(desk.path("oci.tar"), builder.into_inner().expect("memory")).expect("written");

    assert_eq!(desk.import("oci-archive:oci.tar:v1").expect("imported"), desk.image);
}

#[test]
fn a_docker_archive_is_compressed_like_built_layers() {
    let desk = Desk::new();
    let names = ["demo.azurecr.io/web:v1".to_owned(), "web:v2".to_owned()];
    let file = desk.path("saved.tar");
    export::docker_archive(&desk.from, &desk.image, &names, &file).expect("written");

    for source in ["docker-archive:saved.tar", "docker-archive:saved.tar:docker.io/library/web:v2"]
    {
        assert_eq!(desk.import(source).expect("imported"), desk.image);
    }
    assert_eq!(
        desk.import("docker-archive:saved.tar:web:v3").expect_err("none"),
        (
            "`./saved.tar` holds no image named `web:v3`".into(),
            "name one after the path: `demo.azurecr.io/web:v1`, `web:v2`".into()
        )
    );
    assert_eq!(
        desk.import_for("docker-archive:saved.tar", "linux/arm64").expect_err("amd64").0,
        "`./saved.tar` holds no image for linux/arm64"
    );
}

#[test]
fn only_copied_blobs_are_counted() {
    let desk = Desk::new();
    desk.layout(None);
    let saved = desk.path("saved.tar");
    export::docker_archive(&desk.from, &desk.image, &[], &saved).expect("written");
    let counted = |source: &str, to: &str| {
        let store = Store::open(&desk.path(to)).expect("a store");
        let source = ImageSource::parse(source, desk.folder.path()).expect("local");
        let stop = AtomicBool::new(false);
        let control = WorkControl::new(&stop);
        import(&store, &source, None, &control).expect("imported");
        let parts = control.tally.progress().parts.into_iter();
        parts.map(|part| (part.name, part.done, part.total)).collect::<Vec<_>>()
    };
    // Each once, though the first layer is there twice.
    let [a, b] = [&desk.image.layers[0], &desk.image.layers[1]];
    let part = |blob: &Descriptor| (blob.digest.to_string(), blob.size, blob.size);
    assert_eq!(
        counted("oci:oci", "one"),
        [desk.image.config.clone(), a.clone(), b.clone()].map(|it| part(&it))
    );
    assert_eq!(counted("oci:oci", "one"), []);

    // Of a docker archive what it holds: the streams, under their own digests.
    let config = desk.from.config(&desk.image).expect("a configuration");
    let stream = |at: usize| config["rootfs"]["diff_ids"][at].as_str().expect("text").to_owned();
    let counts = counted("docker-archive:saved.tar", "other");
    let names: Vec<&String> = counts.iter().map(|(name, _, _)| name).collect();
    assert_eq!(names, [&stream(0), &stream(1)]);
    assert!(counts.iter().all(|(_, done, total)| done == total && *total > 1024), "{counts:?}");
    assert_eq!(counted("docker-archive:saved.tar", "other"), []);
}

#[test]
fn a_docker_archive_with_a_wrong_layer_is_refused() {
    let desk = Desk::new();
    let file = desk.path("saved.tar");
    export::docker_archive(&desk.from, &desk.image, &[], &file).expect("written");
    let mut bytes = fs::read(&file).expect("there");
    let at = bytes.windows(5).position(|window| window == b"hello").expect("the file");
    bytes[at] = b'j';
    fs::write(&file, bytes).expect("written");

    let (error, _) = desk.import("docker-archive:saved.tar").expect_err("another");
    assert!(error.contains("has the digest `sha256:"), "{error}");
}

#[test]
fn a_stopped_import_says_so() {
    let desk = Desk::new();
    desk.layout(None);
    let source = ImageSource::parse("oci:oci", desk.folder.path()).expect("local");
    let platform = Platform::default();
    let error =
        import(&desk.to, &source, Some(&platform), &WorkControl::new(&AtomicBool::new(true)));
    assert_eq!(error.expect_err("stopped").to_string(), "reading the image was stopped");
}
