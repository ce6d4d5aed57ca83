//! Sources that are damaged, or not whole.

use super::Fixture;
use crate::oci::media_type;
use serde_json::{Value, json};
use std::fs;

#[test]
fn a_layer_that_is_elsewhere_need_not_be_there() {
    let fixture = Fixture::new();
    fixture.layout(None);
    let mut manifest: Value =
        serde_json::from_slice(&fixture.image.manifest_bytes).expect("a manifest");
    let layer = &fixture.image.layers[1];
    manifest["layers"][1]["urls"] = json!(["https://example.com/layer"]);
    let listed = fixture.blob(media_type::MANIFEST, &manifest);
    fixture.edit(|index| index["manifests"] = json!([listed]));
    let path = fixture.path("oci/blobs/sha256").join(layer.digest.hex());
    fs::remove_file(path).expect("removed");

    for source in ["oci:oci", "oci:oci:"] {
        let image = fixture.import(source).expect("imported");
        assert_eq!(json!(image.manifest.digest), listed["digest"]);
        assert!(!fixture.to.has(layer));
    }
    let whole = fixture.import_any("oci:oci").expect("imported");
    assert_eq!(json!(whole.manifest().digest), listed["digest"]);
}

#[test]
fn a_damaged_layout_stores_nothing_under_a_wrong_name() {
    let fixture = Fixture::new();
    fixture.layout(None);
    let layer = &fixture.image.layers[0];
    let path = fixture.path("oci/blobs/sha256").join(layer.digest.hex());
    let whole = fs::read(&path).expect("there");

    let mut flipped = whole.clone();
    flipped[20] ^= 1;
    for wrong in [flipped, whole[..10].to_vec(), [whole.as_slice(), b"x"].concat()] {
        fs::write(&path, wrong).expect("written");
        let (error, _) = fixture.import("oci:oci").expect_err("damaged");
        let name = layer.digest.hex();
        assert_eq!(error, format!("cannot copy `blobs/sha256/{name}` from `./oci`"));
        assert!(!fixture.to.has(layer));
    }
    fs::remove_file(&path).expect("removed");
    let (error, _) = fixture.import("oci:oci").expect_err("incomplete");
    assert!(error.starts_with("`./oci` is incomplete: it refers to `blobs/sha256/"), "{error}");
    assert!(fixture.to.load(&fixture.image.manifest.digest).is_err());
}

#[test]
fn an_invalid_layout_is_refused() {
    let fixture = Fixture::new();
    fs::create_dir(fixture.path("empty")).expect("a folder");

    let (error, help) = fixture.import("oci:empty").expect_err("no layout");
    assert_eq!(error, "`./empty` is not a valid OCI layout: it has no `index.json`");
    assert!(help.contains("docker-archive:FILE"), "{help}");
    let (error, help) = fixture.import("oci:nowhere").expect_err("nothing");
    assert_eq!(error, "there is no folder `./nowhere`");
    assert!(help.contains("`run` step"), "{help}");
    assert_eq!(
        fixture.import("docker-archive:nowhere").expect_err("nothing").0,
        "there is no file `./nowhere`"
    );
    fs::create_dir_all(fixture.path("loop/blobs/sha256")).expect("a folder");
    fs::write(fixture.path("loop/index.json"), "{").expect("written");
    assert_eq!(
        fixture.import("oci:loop").expect_err("no JSON").0,
        "cannot read `index.json` in `./loop`"
    );
}
