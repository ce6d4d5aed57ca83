//! Unpacking of well-formed and of hostile layers.

use super::unpack;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use tar::{Builder, EntryType, Header};

enum Item<'a> {
    File(&'a str, &'a str),
    Mode(&'a str, u32),
    Folder(&'a str, u32),
    Link(&'a str, &'a str),
    Hard(&'a str, &'a str),
}

/// Writes names into the header unchecked, as a hostile layer has them.
fn append(
    builder: &mut Builder<Vec<u8>>,
    kind: EntryType,
    name: &str,
    mode: u32,
    rest: (&str, &str),
) {
    let (target, text) = rest;
    let mut header = Header::new_gnu();
    header.as_gnu_mut().expect("GNU").name[..name.len()].copy_from_slice(name.as_bytes());
    header.as_gnu_mut().expect("GNU").linkname[..target.len()].copy_from_slice(target.as_bytes());
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_uid(u64::from(nix::unistd::geteuid().as_raw()));
    header.set_gid(u64::from(nix::unistd::getegid().as_raw()));
    header.set_size(text.len() as u64);
    header.set_cksum();
    builder.append(&header, text.as_bytes()).expect("appended");
}

fn layer(items: &[Item<'_>]) -> Vec<u8> {
    let mut builder = Builder::new(Vec::new());
    for item in items {
        match *item {
            Item::File(name, text) => {
                append(&mut builder, EntryType::Regular, name, 0o644, ("", text));
            }
            Item::Mode(name, mode) => {
                append(&mut builder, EntryType::Regular, name, mode, ("", ""));
            }
            Item::Folder(name, mode) => {
                append(&mut builder, EntryType::Directory, name, mode, ("", ""));
            }
            Item::Link(name, target) => {
                append(&mut builder, EntryType::Symlink, name, 0o777, (target, ""));
            }
            Item::Hard(name, target) => {
                append(&mut builder, EntryType::Link, name, 0o644, (target, ""));
            }
        }
    }
    builder.into_inner().expect("finished")
}

struct Case {
    folder: tempfile::TempDir,
    layers: Vec<PathBuf>,
}

impl Case {
    fn new(layers: &[Vec<u8>]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mut paths = Vec::new();
        for (number, bytes) in layers.iter().enumerate() {
            let path = folder.path().join(format!("{number}.tar"));
            fs::write(&path, bytes).expect("written");
            paths.push(path);
        }
        fs::create_dir(folder.path().join("root")).expect("made");
        Self { folder, layers: paths }
    }

    fn root(&self) -> PathBuf {
        self.folder.path().join("root")
    }

    #[track_caller]
    fn unpacked(self) -> Self {
        unpack(&self.layers, &self.root()).expect("unpacked");
        self
    }

    fn text(&self, path: &str) -> Option<String> {
        fs::read_to_string(self.root().join(path)).ok()
    }
}

#[test]
fn upper_layers_replace_and_remove_files() {
    let case = Case::new(&[
        layer(&[Item::File("a", "1"), Item::File("d/old", "x"), Item::File("gone/deep/x", "x")]),
        layer(&[Item::File("a", "2"), Item::File(".wh.gone", ""), Item::File("d/new", "y")]),
    ])
    .unpacked();

    assert_eq!(case.text("a").as_deref(), Some("2"));
    assert_eq!(case.text("d/old").as_deref(), Some("x"));
    assert_eq!(case.text("d/new").as_deref(), Some("y"));
    assert!(!case.root().join("gone").exists());
    assert!(!case.root().join(".wh.gone").exists());
}

#[test]
fn an_opaque_whiteout_keeps_files_of_its_own_layer() {
    let case = Case::new(&[
        layer(&[Item::File("d/old", "x"), Item::File("d/sub/old", "x")]),
        layer(&[
            Item::File("d/new", "y"),
            Item::File("d/.wh..wh..opq", ""),
            Item::File("d/sub/new", "z"),
        ]),
    ])
    .unpacked();

    assert_eq!(case.text("d/old"), None);
    assert_eq!(case.text("d/sub/old"), None);
    assert_eq!(case.text("d/new").as_deref(), Some("y"));
    assert_eq!(case.text("d/sub/new").as_deref(), Some("z"));
}

#[test]
fn compression_is_detected_by_the_first_bytes() {
    let plain = layer(&[Item::File("a", "text")]);
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&plain).expect("compressed");
    let zstd = zstd::encode_all(&layer(&[Item::File("b", "more")])[..], 1).expect("compressed");

    let case = Case::new(&[gzip.finish().expect("compressed"), zstd]).unpacked();

    assert_eq!(case.text("a").as_deref(), Some("text"));
    assert_eq!(case.text("b").as_deref(), Some("more"));
}

#[test]
fn files_are_never_written_through_links_outside() {
    let outside = tempfile::tempdir().expect("a folder");
    let target = outside.path().to_str().expect("text").to_owned();
    let case = Case::new(&[
        layer(&[Item::Link("out", &target), Item::Link("up", "../../../..")]),
        layer(&[Item::File("out/file", "x"), Item::File("up/top", "y")]),
    ])
    .unpacked();

    assert_eq!(fs::read_dir(outside.path()).expect("read").count(), 0);
    assert_eq!(
        case.text(&format!("{}/file", target.trim_start_matches('/'))).as_deref(),
        Some("x")
    );
    assert_eq!(case.text("top").as_deref(), Some("y"));
}

#[test]
fn a_link_is_replaced_not_followed() {
    let outside = tempfile::NamedTempFile::new().expect("a file");
    let target = outside.path().to_str().expect("text").to_owned();
    let case =
        Case::new(&[layer(&[Item::Link("a", &target)]), layer(&[Item::File("a", "inside")])])
            .unpacked();

    assert_eq!(fs::read_to_string(outside.path()).expect("read"), "");
    assert_eq!(case.text("a").as_deref(), Some("inside"));
}

#[track_caller]
fn refused(items: &[Item<'_>], expected: &str) {
    let case = Case::new(&[layer(items)]);
    let error = unpack(&case.layers, &case.root()).expect_err("refused");
    assert_eq!(error.to_string(), expected);
}

#[test]
fn entries_outside_of_the_image_are_refused() {
    refused(
        &[Item::File("../x", "")],
        "cannot unpack `../x` of a layer: it leads out of the image",
    );
    refused(
        &[Item::Hard("shadow", "../../etc/shadow")],
        "cannot unpack `shadow` of a layer: its target is outside",
    );
    refused(
        &[Item::Link("l", "l"), Item::File("l/x", "")],
        "cannot unpack `l/x` of a layer: its links go in a circle",
    );
}

#[test]
fn hard_links_are_kept_and_set_user_id_is_dropped() {
    let case = Case::new(&[layer(&[
        Item::File("bin/a", "program"),
        Item::Hard("bin/b", "bin/a"),
        Item::Mode("su", 0o6755),
        Item::Folder("closed", 0o555),
        Item::File("closed/file", "x"),
    ])])
    .unpacked();

    let mode = |path: &str| mode(&case.root().join(path));
    assert_eq!(case.text("bin/b").as_deref(), Some("program"));
    assert_eq!(mode("su"), 0o755);
    assert_eq!(mode("closed"), 0o555);
    assert_eq!(case.text("closed/file").as_deref(), Some("x"));
    crate::os::remove_tree(&case.root()).expect("removed");
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("there").permissions().mode() & 0o7777
}

#[test]
fn a_hostile_whiteout_removes_nothing() {
    let case = Case::new(&[
        layer(&[Item::File("d/a", "1")]),
        layer(&[Item::File("d/.wh...", ""), Item::File("d/.wh..", ""), Item::File("d/.wh.", "")]),
    ])
    .unpacked();

    assert_eq!(case.text("d/a").as_deref(), Some("1"));
}

#[test]
fn modes_are_not_set_through_a_link_in_place_of_a_folder() {
    let outside = tempfile::tempdir().expect("a folder");
    let inner = outside.path().join("b");
    fs::create_dir(&inner).expect("a folder");
    let private = fs::Permissions::from_mode(0o700);
    fs::set_permissions(&inner, private).expect("a mode");
    let target = outside.path().display().to_string();

    let case = Case::new(&[layer(&[Item::Folder("a/b", 0o777), Item::Link("a", &target)])]);
    let case = case.unpacked();

    assert_eq!(mode(&inner), 0o700);
    assert_eq!(fs::read_link(case.root().join("a")).expect("a link"), outside.path());
}
