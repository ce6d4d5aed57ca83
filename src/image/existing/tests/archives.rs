//! Images in archives.

use super::Fixture;
use crate::image::testing::export;
use std::fs;

#[test]
fn an_archive_may_be_packed_by_xz() {
    let fixture = Fixture::new();
    let file = fixture.path("saved.tar");
    export::docker_archive(&fixture.from, &fixture.image, &[], &file).expect("written");
    fs::write(fixture.path("saved.tar.lz4"), b"\x04\x22\x4d\x18 and so on").expect("written");
    assert_eq!(
        fixture.import("docker-archive:saved.tar.lz4").expect_err("no archive"),
        (
            "`./saved.tar.lz4` is not a tar archive: it is packed by lz4".into(),
            "unpack it before; archives packed by gzip, zstd, bzip2 and xz are read as they are"
                .into()
        )
    );
    fs::write(fixture.path("text"), "not an archive").expect("written");
    assert_eq!(
        fixture.import("oci-archive:text").expect_err("no archive"),
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
        if fixture.path(name).exists() {
            let image = fixture.import(&format!("docker-archive:{name}")).expect("imported");
            assert_eq!(image, fixture.image);
        }
    }
}

#[test]
fn a_layout_may_be_an_archive() {
    let fixture = Fixture::new();
    fixture.layout(Some("v1"));
    let mut builder = tar::Builder::new(Vec::new());
    builder.append_dir_all(".", fixture.path("oci")).expect("packed");
    fs::write(fixture.path("oci.tar"), builder.into_inner().expect("memory")).expect("written");

    assert_eq!(fixture.import("oci-archive:oci.tar:v1").expect("imported"), fixture.image);
}

#[test]
fn a_docker_archive_is_compressed_like_built_layers() {
    let fixture = Fixture::new();
    let names = ["demo.azurecr.io/web:v1".to_owned(), "web:v2".to_owned()];
    let file = fixture.path("saved.tar");
    export::docker_archive(&fixture.from, &fixture.image, &names, &file).expect("written");

    for source in ["docker-archive:saved.tar", "docker-archive:saved.tar:docker.io/library/web:v2"]
    {
        assert_eq!(fixture.import(source).expect("imported"), fixture.image);
    }
    assert_eq!(
        fixture.import("docker-archive:saved.tar:web:v3").expect_err("none"),
        (
            "`./saved.tar` holds no image named `web:v3`".into(),
            "name one after the path: `demo.azurecr.io/web:v1`, `web:v2`".into()
        )
    );
    assert_eq!(
        fixture.import_for("docker-archive:saved.tar", "linux/arm64").expect_err("amd64").0,
        "`./saved.tar` holds no image for linux/arm64"
    );
}

#[test]
fn a_docker_archive_with_a_wrong_layer_is_refused() {
    let fixture = Fixture::new();
    let file = fixture.path("saved.tar");
    export::docker_archive(&fixture.from, &fixture.image, &[], &file).expect("written");
    let mut bytes = fs::read(&file).expect("there");
    let at = bytes.windows(5).position(|window| window == b"hello").expect("the file");
    bytes[at] = b'j';
    fs::write(&file, bytes).expect("written");

    let (error, _) = fixture.import("docker-archive:saved.tar").expect_err("another");
    assert!(error.contains("has the digest `sha256:"), "{error}");
}
