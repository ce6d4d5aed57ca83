//! Which image of a source is taken.

use super::Fixture;
use crate::image::existing::{ImageSource, import};
use crate::image::testing::export;
use crate::image::{Image, Product, WorkControl};
use crate::oci::{Digest, Platform, media_type};
use serde_json::json;
use std::fs;
use std::sync::atomic::AtomicBool;

#[test]
fn tag_and_platform_select_an_image() {
    let fixture = Fixture::new();
    fixture.layout(Some("v1"));
    let arm =
        Fixture::build(&fixture.folder, &fixture.from, &"linux/arm64".parse().expect("valid"));
    let amd = fixture.image.clone();
    export::oci_layout(&fixture.from, &arm, Some("v1"), &fixture.path("oci")).expect("written");
    let attached = json!({"vnd.docker.reference.type": "attestation-manifest"});
    let mut provenance = json!(arm.manifest);
    provenance["annotations"] = attached;
    let list = json!({"schemaVersion": 2, "manifests": [amd.manifest, arm.manifest, provenance]});
    let nested = fixture.blob(media_type::INDEX, &list);
    fixture.edit(|index| index["manifests"] = json!([nested]));

    assert_eq!(fixture.import("oci:oci").expect("imported"), amd);
    assert_eq!(fixture.import_for("oci:oci", "linux/arm64").expect("imported"), arm);
    assert_eq!(
        fixture.import_for("oci:oci", "linux/riscv64").expect_err("none"),
        (
            "`./oci` holds no image for linux/riscv64".into(),
            "write `platform:` with what is there: `linux/amd64`, `linux/arm64`".into()
        )
    );
}

#[test]
fn without_a_platform_an_index_stays_whole() {
    let fixture = Fixture::new();
    fixture.layout(Some("v1"));
    let arm =
        Fixture::build(&fixture.folder, &fixture.from, &"linux/arm64".parse().expect("valid"));
    let amd = fixture.image.clone();
    export::oci_layout(&fixture.from, &arm, Some("v1"), &fixture.path("oci")).expect("written");
    let entry = |image: &Image, architecture: &str| {
        let mut entry = json!(image.manifest);
        entry["platform"] = json!({"os": "linux", "architecture": architecture});
        entry
    };
    let entries = [entry(&amd, "amd64"), entry(&arm, "arm64")];
    let list = json!({"schemaVersion": 2, "manifests": entries, "x-own": 1});
    let nested = fixture.blob(media_type::INDEX, &list);
    fixture.edit(|index| index["manifests"] = json!([nested]));
    let source = ImageSource::parse("oci:oci", fixture.folder.path()).expect("local");

    let made = import(&fixture.to, &source, None, &WorkControl::new(&AtomicBool::new(false)))
        .expect("imported");

    assert_eq!(json!(made.manifest().digest), nested["digest"], "byte for byte");
    assert_eq!(fixture.to.product(&made.manifest().digest).expect("whole"), made);
    assert_eq!(made.platforms(), [amd.platform, arm.platform]);
    assert!(made.blobs().iter().all(|blob| fixture.to.has(blob)));
}

#[test]
fn platforms_that_a_layout_lists_directly_stay_together() {
    let fixture = Fixture::new();
    let arm = fixture.two_platforms();
    let index = fs::read(fixture.path("oci/index.json")).expect("there");

    let made = fixture.import_any("oci:oci").expect("imported");

    assert_eq!(made.manifest().digest, Digest::of(&index), "byte for byte");
    assert_eq!(made.platforms(), [fixture.image.platform.clone(), arm.platform.clone()]);
    assert!(made.blobs().iter().all(|blob| fixture.to.has(blob)));
    assert_eq!(fixture.import("oci:oci").expect("imported"), fixture.image);

    // Without platforms in the list, those of the configurations are written.
    let mut entries = json!([fixture.image.manifest, arm.manifest]);
    for entry in entries.as_array_mut().expect("a list") {
        entry["annotations"] = json!({"org.opencontainers.image.ref.name": "v1"});
    }
    fixture.edit(|index| index["manifests"] = entries);
    let made = fixture.import_any("oci:oci:v1").expect("imported");
    assert_eq!(made.platforms(), [fixture.image.platform.clone(), arm.platform.clone()]);

    fixture.edit(|index| {
        index["manifests"][1]["annotations"]["org.opencontainers.image.ref.name"] = json!("v2");
    });
    assert_eq!(
        fixture.import_any("oci:oci").expect_err("two images"),
        ("`./oci` holds several images".into(), "name one after the path: `v1`, `v2`".into())
    );
}

#[test]
fn a_single_image_for_another_platform_is_taken() {
    let fixture = Fixture::new();
    let arm =
        Fixture::build(&fixture.folder, &fixture.from, &"linux/arm64".parse().expect("valid"));
    export::oci_layout(&fixture.from, &arm, None, &fixture.path("oci")).expect("written");
    let file = fixture.path("saved.tar");
    export::docker_archive(&fixture.from, &arm, &["web:v1".into()], &file).expect("written");

    for source in ["oci:oci", "docker-archive:saved.tar"] {
        assert_eq!(fixture.import_any(source).expect("imported"), arm.clone().into());
        assert_eq!(fixture.import_for(source, "linux/arm64/v8").expect("imported"), arm);
    }
    let signature = json!({"architecture": "", "os": ""});
    let config = fixture.blob(media_type::CONFIG, &signature);
    let signature = json!({"schemaVersion": 2, "config": config, "layers": []});
    let signature = fixture.blob(media_type::MANIFEST, &signature);
    fixture.edit(|index| index["manifests"] = json!([signature, arm.manifest]));
    assert_eq!(fixture.import_any("oci:oci").expect("imported"), arm.into());
}

#[test]
fn images_without_a_tag_are_named_by_digest() {
    let fixture = Fixture::new();
    fixture.layout(None);
    fs::write(fixture.path("app"), "other").expect("written");
    let other = Fixture::build(&fixture.folder, &fixture.from, &Platform::default());
    export::oci_layout(&fixture.from, &other, None, &fixture.path("oci")).expect("written");
    fixture.edit(|index| index["manifests"] = json!([fixture.image.manifest, other.manifest]));
    let names = [&fixture.image, &other].map(|image| image.manifest.digest.to_string());
    let help = format!("name one after the path: `{}`, `{}`", names[0], names[1]);
    for refused in [fixture.import("oci:oci").map(Product::from), fixture.import_any("oci:oci")] {
        assert_eq!(
            refused.expect_err("two"),
            ("`./oci` holds several images".into(), help.clone())
        );
    }
    let named = format!("oci:oci:{}", names[1]);
    assert_eq!(fixture.import(&named).expect("imported"), other);
    assert_eq!(fixture.import_any(&named).expect("imported"), other.clone().into());
    assert_eq!(
        fixture.import("oci:oci:v1").expect_err("none"),
        ("`./oci` holds no image named `v1`".into(), help)
    );

    let images = [&fixture.image, &other];
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
            put(name, &fs::read(fixture.from.locate(layer).expect("there")).expect("read"));
        }
        put(&format!("{number}.json"), &fixture.from.read(&image.config.digest).expect("read"));
        list.push(json!({"Config": format!("{number}.json"), "RepoTags": null, "Layers": layers}));
    }
    put("manifest.json", json!(list).to_string().as_bytes());
    fs::write(fixture.path("saved.tar"), archive.into_inner().expect("memory")).expect("written");
    let names = images.map(|image| image.image_id().to_string());
    assert_eq!(
        fixture.import("docker-archive:saved.tar").expect_err("two"),
        (
            "`./saved.tar` holds several images".into(),
            format!("name one after the path: `{}`, `{}`", names[0], names[1])
        )
    );
    let found = fixture.import(&format!("docker-archive:saved.tar:{}", names[1]));
    assert_eq!(found.expect("imported").image_id(), other.image_id());
}

#[test]
fn an_unknown_tag_lists_the_known_ones() {
    let fixture = Fixture::new();
    fixture.layout(Some("v1"));

    assert_eq!(
        fixture.import("oci:oci:v2").expect_err("none"),
        ("`./oci` holds no image named `v2`".into(), "name one after the path: `v1`".into())
    );
}

#[test]
fn several_images_need_a_tag() {
    let fixture = Fixture::new();
    fixture.layout(Some("v1"));
    fs::write(fixture.path("app"), "other").expect("written");
    let other = Fixture::build(&fixture.folder, &fixture.from, &Platform::default());
    export::oci_layout(&fixture.from, &other, None, &fixture.path("oci")).expect("written");
    let mut first = json!(fixture.image.manifest);
    first["annotations"] = json!({"org.opencontainers.image.ref.name": "v1"});
    let mut second = json!(other.manifest);
    second["annotations"] = json!({"org.opencontainers.image.ref.name": "v2"});
    fixture.edit(|index| index["manifests"] = json!([first, second]));

    assert_eq!(fixture.import("oci:oci:v2").expect("imported"), other);
    assert_eq!(
        fixture.import("oci:oci").expect_err("two"),
        ("`./oci` holds several images".into(), "name one after the path: `v1`, `v2`".into())
    );
}
