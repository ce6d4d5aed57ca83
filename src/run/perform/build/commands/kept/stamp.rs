//! Tells whether a tree of files is as it was.

use crate::oci::{Digest, Hasher};
use serde::{Deserialize, Serialize};
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

/// What all files of a tree were when it was made.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct TreeStamp {
    /// Of the path, mode, owner, size, inode, and the times of the last change of each file. The
    /// kernel sets the time of a change of attributes, which no program can set back.
    digest: Digest,
    pub bytes: u64,
}

impl TreeStamp {
    pub fn of(root: &Path) -> io::Result<Self> {
        let mut hasher = Hasher::new();
        // After a restart the content may be another: it was never flushed to the disk.
        hasher.update(&fs::read("/proc/sys/kernel/random/boot_id").unwrap_or_default());
        let metadata = fs::symlink_metadata(root)?;
        // Of the root itself the times and the inode change when it is moved.
        numbers(&mut hasher, &[metadata.mode(), metadata.uid(), metadata.gid()].map(u64::from));
        let bytes = metadata.blocks() * 512 + folder(root, &mut hasher)?;
        Ok(Self { digest: hasher.finish().0, bytes })
    }
}

/// Adds what is in a folder, and returns what it takes on the disk.
fn folder(path: &Path, hasher: &mut Hasher) -> io::Result<u64> {
    let mut entries = Vec::new();
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        entries.push((entry.file_name(), entry.metadata()?));
    }
    entries.sort_by(|(one, _), (other, _)| one.cmp(other));
    numbers(hasher, &[entries.len() as u64]);
    let mut bytes = 0;
    for (name, metadata) in entries {
        numbers(hasher, &[name.len() as u64]);
        hasher.update(name.as_bytes());
        file(hasher, &metadata);
        bytes += metadata.blocks() * 512 / if metadata.is_dir() { 1 } else { metadata.nlink() };
        if metadata.is_dir() {
            bytes += folder(&path.join(name), hasher)?;
        }
    }
    Ok(bytes)
}

fn file(hasher: &mut Hasher, metadata: &Metadata) {
    let attributes = [metadata.mode(), metadata.uid(), metadata.gid()].map(u64::from);
    numbers(hasher, &attributes);
    numbers(hasher, &[metadata.ino(), metadata.rdev(), metadata.size()]);
    let times = [metadata.mtime(), metadata.mtime_nsec(), metadata.ctime(), metadata.ctime_nsec()];
    numbers(hasher, &times.map(i64::cast_unsigned));
}

fn numbers(hasher: &mut Hasher, numbers: &[u64]) {
    for number in numbers {
        hasher.update(&number.to_le_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::TreeStamp;
    use std::fs::{self, File, FileTimes, Permissions};
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    use std::time::Duration;

    #[test]
    fn every_change_of_a_tree_is_found() {
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path().join("root");
        fs::create_dir_all(root.join("a/b")).expect("made");
        fs::write(root.join("a/file"), "12").expect("written");
        symlink("file", root.join("a/link")).expect("made");
        fs::set_permissions(&root, Permissions::from_mode(0o755)).expect("set");
        let stamp = || TreeStamp::of(&folder.path().join("root")).expect("read");
        let first = stamp();
        assert_eq!(stamp(), first);

        // Longer than a tick of the clock of the file system.
        std::thread::sleep(Duration::from_millis(20));
        // A change that hides: as long as before, with the time of before.
        let file = root.join("a/file");
        let modified = file.metadata().expect("there").modified().expect("a time");
        fs::write(&file, "34").expect("written");
        let times = FileTimes::new().set_modified(modified);
        File::options().write(true).open(&file).expect("there").set_times(times).expect("set");
        let second = stamp();
        assert_ne!(second, first);
        fs::remove_file(root.join("a/link")).expect("removed");
        symlink("file", root.join("a/link")).expect("made again");
        let third = stamp();
        assert_ne!(third, second);
        fs::set_permissions(&root, Permissions::from_mode(0o700)).expect("set");
        assert_ne!(stamp(), third);
        fs::set_permissions(&root, Permissions::from_mode(0o755)).expect("set");
        assert_eq!(stamp(), third, "of the root only the mode counts");

        let moved = folder.path().join("moved");
        fs::rename(&root, &moved).expect("moved");
        assert_eq!(TreeStamp::of(&moved).expect("read"), third);
    }
}
