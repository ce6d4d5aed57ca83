//! Folders with changes, as overlays leave them, and the archives that they become.

use super::{ChangeFormat, write_changes};
use nix::sys::stat::{Mode, SFlag, mknod};
use rustix::fs::{XattrFlags, setxattr};
use std::fs::{self, File, FileTimes};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};
use tempfile::TempDir;

struct Folders(TempDir);

impl Folders {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        for name in ["upper", "lower"] {
            fs::create_dir(folder.path().join(name)).expect("a folder");
        }
        Self(folder)
    }

    fn at(&self, path: &str) -> PathBuf {
        self.0.path().join(path)
    }

    /// Writes a file whose time has no part of a second, as archives have it.
    fn file(&self, path: &str, text: &str) {
        let path = self.at(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(&path, text).expect("a file");
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
        let times = FileTimes::new().set_modified(time);
        File::open(&path).expect("there").set_times(times).expect("a time");
    }

    fn folder(&self, path: &str) {
        fs::create_dir_all(self.at(path)).expect("a folder");
    }

    fn removed(&self, path: &str) {
        mknod(&self.at(path), SFlag::S_IFCHR, Mode::empty(), 0).expect("a whiteout");
    }

    fn opaque(&self, path: &str) {
        self.folder(path);
        let set = setxattr(self.at(path), "user.overlay.opaque", b"y", XattrFlags::empty());
        set.expect("an attribute");
    }

    /// The entries of the layer: path, mode, and what it links to.
    fn layer(&self, format: ChangeFormat) -> Result<Vec<String>, String> {
        let archive = self.at("layer.tar");
        write_changes(&self.at("upper"), &self.at("lower"), format, &archive)
            .map_err(|error| error.to_string())?;
        Ok(entries(&archive))
    }
}

fn entries(archive: &Path) -> Vec<String> {
    let bytes = fs::read(archive).expect("written");
    assert_eq!(bytes.len() % 512, 0);
    let mut archive = tar::Archive::new(&bytes[..]);
    let mut found = Vec::new();
    for entry in archive.entries().expect("an archive") {
        let entry = entry.expect("an entry");
        let path = entry.path().expect("a path").display().to_string();
        let mode = entry.header().mode().expect("a mode");
        let link = entry.link_name().expect("a name");
        let link = link.map(|link| format!(" -> {}", link.display())).unwrap_or_default();
        found.push(format!("{path} {mode:o}{link}"));
    }
    found
}

#[test]
fn removed_files_are_named_one_by_one() {
    let folders = Folders::new();
    for path in ["gone", "opaque/one", "opaque/two", "opaque/sub/three", "kept/file"] {
        folders.file(&format!("lower/{path}"), path);
    }
    folders.removed("upper/gone");
    // Made and removed in the same command.
    folders.removed("upper/never");
    folders.opaque("upper/opaque");
    folders.file("upper/opaque/two", "new");
    folders.folder("upper/opaque/sub");
    // A mark alone does not mean that there is something below.
    folders.opaque("upper/new");
    folders.folder("upper/kept");

    assert_eq!(
        folders.layer(ChangeFormat::UserOverlay).expect("written"),
        [
            ".wh.gone 0",
            "new/ 755",
            "opaque/ 755",
            "opaque/.wh.one 0",
            "opaque/sub/ 755",
            "opaque/sub/.wh.three 0",
            "opaque/two 644",
        ]
    );
}

#[test]
fn unchanged_entries_are_left_out() {
    let folders = Folders::new();
    for root in ["lower", "upper"] {
        for path in ["same", "content", "size", "mode", "time", "d/e/f"] {
            folders.file(&format!("{root}/{path}"), path);
        }
        symlink("here", folders.at(&format!("{root}/link"))).expect("a link");
    }
    folders.file("upper/content", "CONTENT");
    folders.file("upper/size", "longer");
    fs::set_permissions(folders.at("upper/mode"), fs::Permissions::from_mode(0o4755))
        .expect("a mode");
    let times = FileTimes::new().set_modified(SystemTime::UNIX_EPOCH);
    File::open(folders.at("upper/time")).expect("there").set_times(times).expect("a time");
    fs::remove_file(folders.at("upper/link")).expect("there");
    symlink("there", folders.at("upper/link")).expect("a link");

    for format in [ChangeFormat::UserOverlay, ChangeFormat::Copy] {
        assert_eq!(
            folders.layer(format).expect("written"),
            ["content 644", "link 777 -> there", "mode 4755", "size 644", "time 644"]
        );
    }
}

#[test]
fn kinds_may_change() {
    let folders = Folders::new();
    folders.file("lower/folder/file", "1");
    folders.file("lower/file", "2");
    folders.file("lower/gone", "3");
    folders.file("upper/folder", "a file now");
    folders.file("upper/file/in", "a folder now");

    let expected = ["file/ 755", "file/in 644", "folder 644"];
    assert_eq!(folders.layer(ChangeFormat::UserOverlay).expect("written"), expected);
    let copied = [&[".wh.gone 0"], &expected[..]].concat();
    assert_eq!(folders.layer(ChangeFormat::Copy).expect("written"), copied);
}

#[test]
fn links_are_kept_and_sockets_are_not() {
    let folders = Folders::new();
    folders.file("upper/a/one", "1");
    fs::hard_link(folders.at("upper/a/one"), folders.at("upper/b")).expect("a link");
    nix::unistd::mkfifo(&folders.at("upper/pipe"), Mode::S_IRUSR).expect("a pipe");
    let _socket = UnixListener::bind(folders.at("upper/socket")).expect("a socket");

    assert_eq!(
        folders.layer(ChangeFormat::UserOverlay).expect("written"),
        ["a/ 755", "a/one 644", "b 644 -> a/one", "pipe 400"]
    );
}

#[test]
fn name_of_a_whiteout_is_refused() {
    let folders = Folders::new();
    folders.file("upper/d/.wh.x", "");
    assert_eq!(
        folders.layer(ChangeFormat::UserOverlay).expect_err("refused"),
        "it makes a file at `/d/.wh.x`, a name that marks another file as removed in a layer (a whiteout)"
    );
    fs::remove_file(folders.at("upper/d/.wh.x")).expect("there");
    assert_eq!(folders.layer(ChangeFormat::UserOverlay).expect("written"), ["d/ 755"]);
}
