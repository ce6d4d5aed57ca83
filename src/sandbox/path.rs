//! Resolves the path of a layer's entry inside the root, whatever its name and
//! whatever symbolic links are on the way.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::fs;
use std::path::{Component, Path, PathBuf};

/// The limit of Linux (`path_resolution(7)`).
const MAX_LINKS: usize = 40;

/// The components of an entry's name. `None` if it contains `..`, which no tool
/// writes into a layer.
pub fn parts(name: &Path) -> Option<Vec<OsString>> {
    let mut parts = Vec::new();
    for component in name.components() {
        match component {
            Component::Normal(part) => parts.push(part.to_owned()),
            Component::RootDir | Component::CurDir => {}
            Component::ParentDir | Component::Prefix(_) => return None,
        }
    }
    Some(parts)
}

/// The path of `parts` in `root`, following links as if `root` were `/`. Missing
/// components are kept as they are. `None` for a circle of links.
pub fn resolve(root: &Path, parts: &[OsString]) -> Option<PathBuf> {
    let mut todo: VecDeque<OsString> = parts.iter().cloned().collect();
    let mut done: Vec<OsString> = Vec::new();
    let mut links = 0;
    while let Some(part) = todo.pop_front() {
        if part == ".." {
            done.pop();
            continue;
        }
        let path = root.join(done.iter().collect::<PathBuf>()).join(&part);
        let Ok(target) = fs::read_link(&path) else {
            done.push(part);
            continue;
        };
        links += 1;
        if links > MAX_LINKS {
            return None;
        }
        if target.is_absolute() {
            done.clear();
        }
        let names = target.components().filter_map(|component| match component {
            Component::Normal(name) => Some(name.to_owned()),
            Component::ParentDir => Some(OsString::from("..")),
            Component::RootDir | Component::CurDir | Component::Prefix(_) => None,
        });
        for name in names.collect::<Vec<_>>().into_iter().rev() {
            todo.push_front(name);
        }
    }
    Some(root.join(done.iter().collect::<PathBuf>()))
}

#[cfg(test)]
mod tests {
    use super::{parts, resolve};
    use std::ffi::OsString;
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::path::Path;

    fn split(text: &str) -> Vec<OsString> {
        parts(Path::new(text)).expect("a name")
    }

    #[test]
    fn names_with_parent_components_are_refused() {
        assert_eq!(parts(Path::new("a/../../b")), None);
        assert_eq!(split("/./a//b/"), ["a", "b"]);
        assert!(split("./").is_empty());
    }

    #[test]
    fn links_cannot_leave_the_root() {
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path();
        fs::create_dir_all(root.join("usr/lib")).expect("made");
        symlink("usr/lib", root.join("lib")).expect("made");
        symlink("/usr", root.join("abs")).expect("made");
        symlink("../../../../etc", root.join("usr/up")).expect("made");
        symlink("loop", root.join("loop")).expect("made");

        assert_eq!(resolve(root, &split("lib/x")), Some(root.join("usr/lib/x")));
        assert_eq!(resolve(root, &split("abs/lib")), Some(root.join("usr/lib")));
        assert_eq!(resolve(root, &split("usr/up/passwd")), Some(root.join("etc/passwd")));
        assert_eq!(resolve(root, &split("loop/x")), None);
    }
}
