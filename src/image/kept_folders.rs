//! The folders of a store that outlive a build: unpacked layers, and the caches that commands
//! mount. Beside each is a lock, whose time is that of the last use and whose content is the
//! size in bytes.

use super::store::Store;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

#[derive(Clone, Debug, Eq, PartialEq)]
pub struct KeptFolder {
    pub kind: KeptKind,
    pub path: PathBuf,
    /// What it took on the disk when it was last used.
    pub bytes: u64,
    pub last_used: SystemTime,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum KeptKind {
    /// The files of layers that commands have below their own.
    UnpackedLayers,
    /// `RUN --mount=type=cache`.
    CacheMount,
}

impl Store {
    /// All of them, the last used first.
    pub fn kept_folders(&self) -> Vec<KeptFolder> {
        let mut all = below(&self.kept_roots(), KeptKind::UnpackedLayers);
        for cache in fs::read_dir(self.cache_mounts()).into_iter().flatten().flatten() {
            all.extend(below(&cache.path(), KeptKind::CacheMount));
        }
        all.sort_by(|one, other| {
            other.last_used.cmp(&one.last_used).then_with(|| one.path.cmp(&other.path))
        });
        all
    }
}

fn below(folder: &Path, kind: KeptKind) -> Vec<KeptFolder> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let lock = entry.path();
        if lock.extension().is_none_or(|extension| extension != "lock") {
            continue;
        }
        let Ok(last_used) = entry.metadata().and_then(|metadata| metadata.modified()) else {
            continue;
        };
        let size = fs::read_to_string(&lock).ok();
        let bytes = size.and_then(|text| text.trim().parse().ok()).unwrap_or(0);
        found.push(KeptFolder { kind, path: lock.with_extension(""), bytes, last_used });
    }
    found
}

#[cfg(test)]
mod tests {
    use super::KeptKind;
    use crate::image::store::Store;
    use std::fs::{self, File};
    use std::time::{Duration, SystemTime};

    #[test]
    fn folders_are_found_by_their_locks() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(folder.path()).expect("a store");
        assert!(store.kept_folders().is_empty());
        let now = SystemTime::now();
        for (name, content, age) in
            [("mounts/a/1", "7", 1), ("mounts/a/2", "", 3), ("roots/b", "5", 2)]
        {
            fs::create_dir_all(folder.path().join(name)).expect("made");
            let lock = folder.path().join(name).with_extension("lock");
            fs::write(&lock, content).expect("written");
            let time = now - Duration::from_secs(age);
            File::options().write(true).open(lock).expect("there").set_modified(time).expect("set");
        }

        let found = store.kept_folders();

        let shown: Vec<_> = found
            .iter()
            .map(|it| (it.kind, it.path.strip_prefix(folder.path()).expect("below"), it.bytes))
            .collect();
        let path = std::path::Path::new;
        assert_eq!(
            shown,
            [
                (KeptKind::CacheMount, path("mounts/a/1"), 7),
                (KeptKind::UnpackedLayers, path("roots/b"), 5),
                (KeptKind::CacheMount, path("mounts/a/2"), 0),
            ]
        );
    }
}
