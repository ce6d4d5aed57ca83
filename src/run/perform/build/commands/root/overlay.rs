//! The root of a command as an overlay, and as a copy where overlays do not work.

use crate::run::perform::build::commands::users::Users;
use crate::sandbox::mounts::mount_on;
use nix::mount::{MntFlags, MsFlags, umount2};
use nix::sys::stat::{Mode, SFlag, mknod};
use std::collections::HashMap;
use std::fs::{self, File, FileTimes, Permissions};
use std::io;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _, lchown, symlink};
use std::path::{Path, PathBuf};

const CAPABILITY: &str = "security.capability";
/// The longest value of [`CAPABILITY`] (`linux/capability.h`, `vfs_ns_cap_data`).
const MAX_CAPABILITY_BYTES: usize = 24;

/// The options of an overlay of root. Each is named, because distributions switch some of
/// them on, and then the upper folder has marks that no layer can hold.
///
/// An overlay of another user keeps its marks in attributes that this user may write, and
/// knows none of these options.
pub fn options(lowers: &[PathBuf], own: Option<&Path>, users: Users) -> String {
    let below: Vec<String> = lowers.iter().map(|folder| folder.display().to_string()).collect();
    let mut options = format!("lowerdir={}", below.join(":"));
    if let Some(own) = own {
        let (upper, work) = (own.join("upper"), own.join("work"));
        let folders = format!(",upperdir={},workdir={}", upper.display(), work.display());
        options.push_str(&folders);
    }
    options.push_str(match (users, own) {
        (Users::All, Some(_)) => ",index=off,metacopy=off,redirect_dir=off",
        (Users::All, None) => "",
        (Users::Range | Users::Own, _) => ",userxattr",
    });
    options
}

/// Whether an overlay works in this folder. Some file systems allow the mount alone, and
/// some hold no marks, so that files that were removed return.
pub fn overlay_works(folder: &Path, users: Users) -> bool {
    let at = |name: &str| folder.join(name);
    let made = ["lower/merged", "upper", "work", "root"].map(|name| fs::create_dir_all(at(name)));
    if made.iter().any(Result::is_err) || fs::write(at("lower/merged/file"), "").is_err() {
        return false;
    }
    let options = options(&[at("lower")], Some(folder), users);
    let root = at("root").display().to_string();
    let mounted = mount_on("overlay", &root, Some("overlay"), MsFlags::empty(), Some(&options));
    if mounted.is_err() {
        return false;
    }
    let merged = at("root/merged");
    let remade = fs::remove_dir_all(&merged).and_then(|()| fs::create_dir(&merged));
    let is_empty = fs::read_dir(&merged).is_ok_and(|mut entries| entries.next().is_none());
    let mut value = [0; 8];
    let name = match users {
        Users::All => "trusted.overlay.opaque",
        Users::Range | Users::Own => "user.overlay.opaque",
    };
    let mark = rustix::fs::lgetxattr(at("upper/merged"), name, &mut value);
    umount2(&at("root"), MntFlags::MNT_DETACH).ok();
    remade.is_ok() && is_empty && mark.is_ok_and(|length| value[..length] == *b"y")
}

/// Mounts several lower folders as one. Returns where.
pub fn merged(lowers: &[PathBuf], view: &Path, users: Users) -> Result<PathBuf, String> {
    fs::create_dir_all(view)
        .map_err(|error| format!("cannot create `{}`: {error}", view.display()))?;
    let shown = view.display().to_string();
    let options = options(lowers, None, users);
    mount_on("overlay", &shown, Some("overlay"), MsFlags::MS_RDONLY, Some(&options))?;
    Ok(view.to_owned())
}

/// Copies a tree with everything that a layer can hold. Hard links stay links to each
/// other, and never lead to the original.
pub fn copy_tree(from: &Path, to: &Path) -> io::Result<()> {
    copy(from, to, &mut HashMap::new())
}

fn copy(from: &Path, to: &Path, seen: &mut HashMap<(u64, u64), PathBuf>) -> io::Result<()> {
    let metadata = fs::symlink_metadata(from)?;
    let kind = metadata.file_type();
    if !kind.is_dir() && metadata.nlink() > 1 {
        let identity = (metadata.dev(), metadata.ino());
        if let Some(first) = seen.get(&identity) {
            return fs::hard_link(first, to);
        }
        seen.insert(identity, to.to_owned());
    }
    if kind.is_dir() {
        fs::create_dir_all(to)?;
        for entry in fs::read_dir(from)? {
            let entry = entry?;
            copy(&entry.path(), &to.join(entry.file_name()), seen)?;
        }
    } else if kind.is_symlink() {
        symlink(fs::read_link(from)?, to)?;
    } else if kind.is_file() {
        fs::copy(from, to)?;
    } else if kind.is_fifo() {
        nix::unistd::mkfifo(to, Mode::S_IRUSR)?;
    } else if kind.is_char_device() || kind.is_block_device() {
        let kind = if kind.is_char_device() { SFlag::S_IFCHR } else { SFlag::S_IFBLK };
        mknod(to, kind, Mode::S_IRUSR, metadata.rdev())?;
    } else {
        // A socket, which no layer holds.
        return Ok(());
    }
    lchown(to, Some(metadata.uid()), Some(metadata.gid()))?;
    if kind.is_symlink() {
        return Ok(());
    }
    fs::set_permissions(to, Permissions::from_mode(metadata.mode() & 0o7777))?;
    if kind.is_file() {
        let mut value = [0; MAX_CAPABILITY_BYTES];
        if let Ok(length) = rustix::fs::lgetxattr(from, CAPABILITY, &mut value) {
            let flags = rustix::fs::XattrFlags::empty();
            rustix::fs::lsetxattr(to, CAPABILITY, &value[..length], flags)?;
        }
    }
    if kind.is_file() || kind.is_dir() {
        let times = FileTimes::new().set_modified(metadata.modified()?);
        File::open(to)?.set_times(times)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{copy_tree, options};
    use crate::run::perform::build::commands::users::Users;
    use std::fs::{self, File, FileTimes, Permissions};
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
    use std::path::Path;
    use std::time::{Duration, SystemTime};

    #[test]
    fn every_option_that_a_distribution_may_set_is_named() {
        let lowers = ["3/upper".into(), "2".into()];
        assert_eq!(
            options(&lowers, Some(Path::new("4")), Users::All),
            "lowerdir=3/upper:2,upperdir=4/upper,workdir=4/work,index=off,metacopy=off,redirect_dir=off"
        );
        assert_eq!(
            options(&lowers, Some(Path::new("4")), Users::Own),
            "lowerdir=3/upper:2,upperdir=4/upper,workdir=4/work,userxattr"
        );
        assert_eq!(options(&lowers, None, Users::All), "lowerdir=3/upper:2");
        assert_eq!(options(&lowers, None, Users::Range), "lowerdir=3/upper:2,userxattr");
    }

    #[test]
    fn copy_shares_no_file_with_the_original() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |path: &str| folder.path().join(path);
        fs::create_dir_all(at("from/d")).expect("a folder");
        fs::write(at("from/d/one"), "1").expect("a file");
        fs::hard_link(at("from/d/one"), at("from/two")).expect("a link");
        symlink("/no/where", at("from/link")).expect("a link");
        nix::unistd::mkfifo(&at("from/pipe"), nix::sys::stat::Mode::S_IRUSR).expect("a pipe");
        fs::set_permissions(at("from/d/one"), Permissions::from_mode(0o4751)).expect("a mode");
        let time = SystemTime::UNIX_EPOCH + Duration::new(1_000_000_000, 5);
        let times = FileTimes::new().set_modified(time);
        File::open(at("from/d")).expect("there").set_times(times).expect("a time");

        copy_tree(&at("from"), &at("to")).expect("copied");

        let one = at("to/d/one").metadata().expect("there");
        assert_eq!(one.mode() & 0o7777, 0o4751);
        assert_eq!(one.ino(), at("to/two").metadata().expect("there").ino());
        assert_ne!(one.ino(), at("from/two").metadata().expect("there").ino());
        assert_eq!(at("to/d").metadata().expect("there").modified().expect("a time"), time);
        assert_eq!(fs::read_link(at("to/link")).expect("a link"), Path::new("/no/where"));
        let pipe = fs::symlink_metadata(at("to/pipe")).expect("there");
        assert_eq!(pipe.mode() & 0o7777, 0o400);
    }
}
