//! A `PATH` without container engines.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

/// The programs of the container engines.
const ENGINES: [&str; 6] = ["docker", "podman", "buildah", "crun", "runc", "nerdctl"];

/// Links to every program that is on the PATH, except the engines.
pub fn without_engines(bin: &Path) {
    let path = std::env::var_os("PATH").expect("a PATH");
    for folder in std::env::split_paths(&path) {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let name = entry.file_name();
            let is_engine = |engine| name.to_string_lossy().starts_with(engine);
            if !ENGINES.into_iter().any(is_engine) {
                // The first of a name wins, as on the PATH.
                symlink(entry.path(), bin.join(name)).ok();
            }
        }
    }
}
