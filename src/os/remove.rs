//! Removes folders whose modes and depth forbid it.

use rustix::fs::{
    AtFlags, CWD, Dir, FileType, Mode, OFlags, chmodat, openat, renameat, statat, unlinkat,
};
use rustix::io::Errno;
use std::ffi::CString;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

/// Removes a folder and its content, changing modes that forbid it, which
/// [`std::fs::remove_dir_all`] does not. A missing folder is not an error.
///
/// A program may have made folders in each other by the thousand, whose paths are longer than a
/// path may be. Therefore the folders of a folder are moved to the top before it is removed.
pub fn remove_tree(path: &Path) -> io::Result<()> {
    match statat(CWD, path, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(found) if FileType::from_raw_mode(found.st_mode) == FileType::Directory => {}
        Ok(_) => return Ok(unlinkat(CWD, path, AtFlags::empty())?),
        Err(Errno::NOENT) => return Ok(()),
        Err(error) => return Err(error.into()),
    }
    let top = opened(CWD, path)?;
    // The content of the folder itself, then of each folder that was moved up.
    let mut moved = 0_u64;
    let mut waiting = folders_left(&top)?;
    while let Some(name) = waiting.pop() {
        let folder = opened(&top, &name)?;
        for inner in folders_left(&folder)? {
            chmodat(&folder, &inner, Mode::RWXU, AtFlags::empty())?;
            let target = free_name(&top, &mut moved)?;
            renameat(&folder, &inner, &top, &target)?;
            waiting.push(target);
        }
        unlinkat(&top, &name, AtFlags::REMOVEDIR)?;
    }
    Ok(unlinkat(CWD, path, AtFlags::REMOVEDIR)?)
}

/// Opens a folder whose mode may forbid it. Links are not followed.
fn opened(parent: impl AsFd, path: impl rustix::path::Arg + Copy) -> io::Result<OwnedFd> {
    let found = statat(&parent, path, AtFlags::SYMLINK_NOFOLLOW)?;
    if FileType::from_raw_mode(found.st_mode) == FileType::Directory {
        chmodat(&parent, path, Mode::RWXU, AtFlags::empty())?;
    }
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(openat(&parent, path, flags, Mode::empty())?)
}

/// Removes what is no folder, and returns the names of the folders.
fn folders_left(folder: &OwnedFd) -> io::Result<Vec<CString>> {
    let mut folders = Vec::new();
    for entry in Dir::read_from(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        if matches!(name.to_bytes(), b"." | b"..") {
            continue;
        }
        let kind = match entry.file_type() {
            FileType::Unknown => {
                FileType::from_raw_mode(statat(folder, name, AtFlags::SYMLINK_NOFOLLOW)?.st_mode)
            }
            known => known,
        };
        if kind == FileType::Directory {
            folders.push(name.to_owned());
        } else {
            unlinkat(folder, name, AtFlags::empty())?;
        }
    }
    Ok(folders)
}

/// A name that nothing in a folder has.
fn free_name(folder: &OwnedFd, counter: &mut u64) -> io::Result<CString> {
    loop {
        *counter += 1;
        let name = CString::new(format!("removed-{counter}")).map_err(io::Error::other)?;
        match statat(folder, &name, AtFlags::SYMLINK_NOFOLLOW) {
            Err(Errno::NOENT) => return Ok(name),
            Ok(_) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{opened, remove_tree};
    use rustix::fs::{CWD, Mode, mkdirat};
    use std::fs;
    use std::fs::Permissions;
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    #[test]
    fn folders_without_permissions_are_removed() {
        let outside = tempfile::tempdir().expect("a folder");
        fs::write(outside.path().join("kept"), "").expect("made");
        let folder = tempfile::tempdir().expect("a folder");
        let closed = folder.path().join("tree/closed");
        fs::create_dir_all(&closed).expect("made");
        fs::write(closed.join("file"), "").expect("made");
        symlink(outside.path(), closed.join("link")).expect("made");
        fs::set_permissions(&closed, Permissions::from_mode(0o000)).expect("closed");

        remove_tree(&folder.path().join("tree")).expect("removed");
        remove_tree(&folder.path().join("tree")).expect("nothing to remove");

        assert!(!folder.path().join("tree").exists());
        assert!(outside.path().join("kept").exists(), "links are not followed");
    }

    #[test]
    fn folders_in_each_other_are_removed_however_many_they_are() {
        let folder = tempfile::tempdir().expect("a folder");
        let tree = folder.path().join("tree");
        fs::create_dir(&tree).expect("made");
        fs::write(tree.join("removed-1"), "").expect("a file with a name that is wanted");
        fs::create_dir(tree.join("removed-2")).expect("made");
        let mut last = opened(CWD, &tree).expect("opened");
        for _ in 0..5_000 {
            mkdirat(&last, "d", Mode::RWXU).expect("made");
            mkdirat(&last, "e", Mode::empty()).expect("made");
            last = opened(&last, "d").expect("opened");
        }

        remove_tree(&tree).expect("removed");

        assert!(!tree.exists());
    }
}
