//! The files and folders of a root that something is mounted on.

use super::order::MountPoint;
use crate::sandbox::path::{parts, resolve};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Finds the places of mounts in a root, and makes those that are not there.
pub struct MountPoints<'a> {
    root: &'a Path,
    made: Vec<MountPoint>,
}

impl<'a> MountPoints<'a> {
    pub fn new(root: &'a Path) -> Self {
        Self { root, made: Vec::new() }
    }

    /// The folder at an absolute path of the root, with links followed inside of it.
    pub fn folder(&mut self, target: &str) -> Result<PathBuf, String> {
        let path = self.resolved(target)?;
        self.make_folder(&path).map_err(|error| format!("cannot create `{target}`: {error}"))?;
        Ok(path)
    }

    pub fn file(&mut self, target: &str) -> Result<PathBuf, String> {
        let failed = |error: io::Error| format!("cannot create `{target}`: {error}");
        let path = self.resolved(target)?;
        if fs::symlink_metadata(&path).is_ok() {
            return Ok(path);
        }
        if let Some(folder) = path.parent() {
            self.make_folder(folder).map_err(failed)?;
        }
        fs::write(&path, "").map_err(failed)?;
        self.note(&path, false);
        Ok(path)
    }

    fn resolved(&self, target: &str) -> Result<PathBuf, String> {
        let parts =
            parts(Path::new(target)).ok_or_else(|| format!("`{target}` leads out of the root"))?;
        resolve(self.root, &parts).ok_or_else(|| format!("the links of `{target}` form a loop"))
    }

    fn make_folder(&mut self, path: &Path) -> io::Result<()> {
        match fs::symlink_metadata(path) {
            Ok(metadata) if metadata.is_dir() => return Ok(()),
            Ok(_) => return Err(io::ErrorKind::NotADirectory.into()),
            Err(_) => {}
        }
        if let Some(above) = path.parent().filter(|above| above.starts_with(self.root)) {
            self.make_folder(above)?;
        }
        fs::create_dir(path)?;
        self.note(path, true);
        Ok(())
    }

    fn note(&mut self, path: &Path, is_folder: bool) {
        let path = path.strip_prefix(self.root).unwrap_or(path).to_owned();
        self.made.push(MountPoint { path, is_folder });
    }

    /// Those that were not there, each folder before what is in it.
    pub fn made(self) -> Vec<MountPoint> {
        self.made
    }
}

/// Removes from the changes of a command what was made to mount on, and is still as it was.
pub fn remove(changes: &Path, made: &[MountPoint]) {
    for MountPoint { path, is_folder } in made.iter().rev() {
        let path = changes.join(path);
        // What the command has put into a folder stays, and the folder with it.
        if *is_folder {
            fs::remove_dir(&path).ok();
        } else if fs::symlink_metadata(&path).is_ok_and(|it| it.is_file() && it.len() == 0) {
            fs::remove_file(&path).ok();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{MountPoints, remove};
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::path::Path;

    #[test]
    fn only_what_was_made_is_removed() {
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path();
        fs::create_dir_all(root.join("usr/etc")).expect("made");
        symlink("usr/etc", root.join("etc")).expect("made");
        symlink("../../run/dns/resolv.conf", root.join("usr/etc/resolv.conf")).expect("made");
        let mut points = MountPoints::new(root);

        assert_eq!(points.folder("/dev/shm"), Ok(root.join("dev/shm")));
        assert_eq!(points.file("/etc/hosts"), Ok(root.join("usr/etc/hosts")));
        assert_eq!(points.file("/etc/resolv.conf"), Ok(root.join("run/dns/resolv.conf")));
        assert_eq!(points.file("/a/../b"), Err("`/a/../b` leads out of the root".to_owned()));
        fs::write(root.join("dev/null"), "").expect("made");
        remove(root, &points.made());

        let there = |path: &str| root.join(path).exists();
        assert!(there("dev/null") && !there("dev/shm") && there("usr/etc"));
        assert!(!there("run") && !there("usr/etc/hosts"));
        assert!(fs::symlink_metadata(root.join("usr/etc/resolv.conf")).is_ok());
    }

    #[test]
    fn file_in_place_of_a_folder_is_named() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("dev"), "").expect("made");
        let made = MountPoints::new(folder.path()).folder("/dev");
        assert_eq!(made, Err("cannot create `/dev`: not a directory".to_owned()));
        assert!(Path::new("/dev").is_dir());
    }
}
