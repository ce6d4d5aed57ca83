//! What a document says of an image, and that it always says the same.

use super::{Sbom, describe};
use crate::image::manifest::Image;
use crate::image::store::Store;
use crate::oci::{Descriptor, media_type};
use serde_json::{Value, json};
use std::io::Write as _;
use std::sync::atomic::AtomicBool;
use tar::{Builder, EntryType, Header};
use tempfile::TempDir;

/// What a layer is made of.
enum Item<'a> {
    File(&'a str, &'a [u8]),
    Folder(&'a str),
    Hard(&'a str, &'a str),
    Soft(&'a str, &'a str),
}
use Item::{File, Folder, Hard, Soft};

fn archive(items: &[Item<'_>]) -> Vec<u8> {
    let mut archive = Builder::new(Vec::new());
    for item in items {
        let mut header = Header::new_gnu();
        header.set_mode(0o644);
        match item {
            File(path, content) => {
                header.set_size(content.len() as u64);
                archive.append_data(&mut header, path, *content)
            }
            Folder(path) => {
                header.set_entry_type(EntryType::Directory);
                header.set_size(0);
                archive.append_data(&mut header, path, &[][..])
            }
            Hard(path, to) | Soft(path, to) => {
                let hard = matches!(item, Hard(..));
                header.set_entry_type(if hard { EntryType::Link } else { EntryType::Symlink });
                header.set_size(0);
                archive.append_link(&mut header, path, to)
            }
        }
        .expect("an entry");
    }
    archive.into_inner().expect("an archive")
}

/// A store with an image of these layers, the second packed with gzip and the
/// third with zstd.
fn image(layers: &[&[Item<'_>]]) -> (TempDir, Store, Image) {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(folder.path()).expect("a store");
    let packed = layers.iter().enumerate().map(|(index, items)| {
        let plain = archive(items);
        let (kind, bytes) = match index {
            1 => {
                let fast = flate2::Compression::fast();
                let mut gzip = flate2::write::GzEncoder::new(Vec::new(), fast);
                gzip.write_all(&plain).expect("packed");
                (media_type::LAYER_GZIP, gzip.finish().expect("packed"))
            }
            2 => (media_type::LAYER_ZSTD, zstd::bulk::compress(&plain, 1).expect("packed")),
            _ => (media_type::LAYER, plain),
        };
        store.put(kind, &bytes).expect("stored")
    });
    let packed: Vec<Descriptor> = packed.collect();
    let config = json!({
        "os": "linux", "architecture": "amd64", "created": "2026-11-21T10:00:00.5Z",
        "config": { "Env": ["TOKEN=hunter22"], "Labels": { "secret": "hunter22" } },
    });
    let config = store.put(media_type::CONFIG, config.to_string().as_bytes()).expect("stored");
    let image = Image::write(&store, &config, &packed).expect("an image");
    (folder, store, image)
}

fn described(layers: &[&[Item<'_>]]) -> (Value, Sbom) {
    let (_folder, store, image) = image(layers);
    let sbom = describe(&store, &image, "web", &AtomicBool::new(false)).expect("described");
    let bytes = store.read(&sbom.document.digest).expect("stored");
    (serde_json::from_slice(&bytes).expect("JSON"), sbom)
}

/// `path layer`, of every file.
fn files(document: &Value) -> Vec<String> {
    let related = document["relationships"].as_array().expect("relationships");
    let layer = |id: &Value| {
        let one = related
            .iter()
            .find(|one| one["relatedSpdxElement"] == *id && one["relationshipType"] == "CONTAINS");
        let layer = one.expect("in a layer")["spdxElementId"].as_str().expect("an id").to_owned();
        layer.replace("SPDXRef-Layer-", "")
    };
    let files = document["files"].as_array().expect("files");
    files
        .iter()
        .map(|file| {
            format!("{} {}", file["fileName"].as_str().expect("a name"), layer(&file["SPDXID"]))
        })
        .collect()
}

#[test]
fn remaining_files_name_their_layer() {
    let (document, sbom) = described(&[
        &[
            Folder("etc"),
            File("./etc/kept", b"kept"),
            File("etc/gone", b"gone"),
            File("etc/changed", b"before"),
            File("opt/a", b"a"),
            File("opt/deep/b", b"b"),
            File("was/folder/x", b"x"),
            File("was-file", b"file"),
        ],
        &[
            File("etc/.wh.gone", b""),
            File("etc/changed", b"after"),
            File("opt/.wh..wh..opq", b""),
            File("opt/c", b"c"),
            Soft("was", "etc"),
            File("was-file/y", b"y"),
            Folder("was-file"),
        ],
        &[Hard("link", "etc/kept"), Hard("here", "link"), File("nothing", b"")],
    ]);

    assert_eq!(
        files(&document),
        [
            "./etc/changed 1",
            "./etc/kept 0",
            "./here 2",
            "./link 2",
            "./nothing 2",
            "./opt/c 1",
            "./was-file/y 1",
        ]
    );
    assert_eq!(sbom.files, 7);
    let changed = &document["files"][0];
    assert_eq!(
        changed["checksums"],
        json!([
            { "algorithm": "SHA1", "checksumValue": "405906c9d5be6ae5393ca65fb0e7c38e0d585ecb" },
            { "algorithm": "SHA256",
              "checksumValue": "f39592393ef0859cb196a52693d2cea00fb2df784b3c04ae54aa7cadb8e562f8" },
        ])
    );
}

#[test]
fn the_image_contains_its_layers() {
    let (document, sbom) = described(&[&[File("a", b"a")], &[File(".wh.a", b"")]]);
    let (_folder, store, image) = image(&[&[File("a", b"a")], &[File(".wh.a", b"")]]);
    let digest = &image.manifest.digest;

    assert_eq!(document["spdxVersion"], "SPDX-2.3");
    assert_eq!(
        document["documentNamespace"],
        format!(
            "https://spdx.org/spdxdocs/shipway-{}-web-{}",
            env!("CARGO_PKG_VERSION"),
            digest.hex()
        )
    );
    // A time without fractions, which SPDX has none of.
    assert_eq!(document["creationInfo"]["created"], "2026-11-21T10:00:00Z");
    assert_eq!(sbom.created, "2026-11-21T10:00:00Z");
    let root = &document["packages"][0];
    assert_eq!(root["versionInfo"], digest.as_str());
    assert_eq!(
        root["externalRefs"][0]["referenceLocator"],
        format!("pkg:oci/web@sha256%3A{}?arch=amd64", digest.hex())
    );
    assert_eq!(document["relationships"][0]["relationshipType"], "DESCRIBES");
    assert_eq!(document["relationships"][0]["relatedSpdxElement"], "SPDXRef-Image");
    // Of both nothing is left.
    assert_eq!(document["packages"][1]["filesAnalyzed"], false);
    assert_eq!(
        document["packages"][2]["checksums"][0]["checksumValue"],
        image.layers[1].digest.hex()
    );

    let (one, _) = described(&[&[File("a", b"a"), File("b", b"b")]]);
    // printf a | sha1sum, printf b | sha1sum, sorted, without line ends | sha1sum
    assert_eq!(
        one["packages"][1]["packageVerificationCode"]["packageVerificationCodeValue"],
        "5463504435e4dbf2b93a3a8a00ca78e36ea40e24"
    );
    drop(store);
}

#[test]
fn the_document_is_reproducible_and_cached() {
    let (_folder, store, image) = image(&[&[File("b", b"b"), File("a", b"a")]]);
    let stop = AtomicBool::new(false);

    let first = describe(&store, &image, "web", &stop).expect("described");
    // From the note: the layer need not be there.
    std::fs::remove_file(store.path(&image.layers[0].digest).expect("a path")).expect("removed");
    let noted = describe(&store, &image, "web", &stop).expect("described");
    assert_eq!(first, noted);

    let (again, _) = described(&[&[File("b", b"b"), File("a", b"a")]]);
    let bytes = store.read(&first.document.digest).expect("stored");
    assert_eq!(again.to_string(), String::from_utf8(bytes.to_vec()).expect("text"));
    assert!(!again.to_string().contains("hunter22"), "a variable's value");
}

#[test]
fn packages_of_debian_alpine_and_distroless() {
    let status =
        "Package: libc6\nStatus: install ok installed\nArchitecture: amd64\nVersion: 2.36-9\n";
    let (debian, sbom) = described(&[&[
        File("usr/lib/os-release", b"ID=debian\nVERSION_ID=\"12\"\n"),
        File("var/lib/dpkg/status", status.as_bytes()),
        File(
            "var/lib/dpkg/status.d/tzdata",
            b"Package: tzdata\nVersion: 2024a\nArchitecture: all\n",
        ),
        File("var/lib/dpkg/status.d/tzdata.md5sums", b"Package: none\n"),
        File("var/lib/rpm/rpmdb.sqlite", b"SQLite"),
    ]]);
    let purls = |document: &Value| -> Vec<String> {
        let packages = document["packages"].as_array().expect("packages");
        let locator =
            |one: &Value| one["externalRefs"][0]["referenceLocator"].as_str().map(str::to_owned);
        packages.iter().skip(2).filter_map(locator).collect()
    };
    assert_eq!(
        purls(&debian),
        [
            "pkg:deb/debian/libc6@2.36-9?arch=amd64&distro=debian-12",
            "pkg:deb/debian/tzdata@2024a?arch=all&distro=debian-12",
        ]
    );
    assert_eq!(sbom.unread, ["var/lib/rpm/rpmdb.sqlite"]);
    assert_eq!(debian["comment"], "package databases not read: var/lib/rpm/rpmdb.sqlite");
    assert_eq!(debian["packages"][2]["sourceInfo"], "named by /var/lib/dpkg/status");

    let alpine = b"P:musl\nV:1.2.5-r0\nA:x86_64\n";
    let (alpine, _) = described(&[&[File("lib/apk/db/installed", alpine)]]);
    assert_eq!(purls(&alpine), ["pkg:apk/alpine/musl@1.2.5-r0?arch=x86_64"]);

    // A database that a higher layer takes away says nothing.
    let (none, _) = described(&[
        &[File("var/lib/dpkg/status", status.as_bytes())],
        &[File("var/.wh.lib", b"")],
    ]);
    assert!(purls(&none).is_empty());
}

#[test]
fn invalid_names_are_escaped_and_invalid_layers_refused() {
    let mut builder = Builder::new(Vec::new());
    let mut header = Header::new_gnu();
    header.as_old_mut().name[..4].copy_from_slice(b"%\xffa\0");
    header.set_size(0);
    header.set_cksum();
    builder.append(&header, &[][..]).expect("an entry");
    let bytes = builder.into_inner().expect("an archive");
    let (_folder, store, image) = image(&[]);
    let config = image.config.clone();
    let layer = store.put(media_type::LAYER, &bytes).expect("stored");
    let odd = Image::write(&store, &config, &[layer]).expect("an image");
    let stop = AtomicBool::new(false);
    let sbom = describe(&store, &odd, "web", &stop).expect("described");
    let text = store.read(&sbom.document.digest).expect("stored");
    assert!(String::from_utf8_lossy(&text).contains("\"./%25%FFa\""));

    let layer = store.put(media_type::LAYER, &[7; 2_000]).expect("stored");
    let digest = layer.digest.clone();
    let broken = Image::write(&store, &config, &[layer]).expect("an image");
    let error = describe(&store, &broken, "web", &stop).expect_err("no archive");
    assert_eq!(error.to_string(), format!("cannot read the layer `{digest}`"));
}
