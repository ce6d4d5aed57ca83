//! Keeps the paths of a plan inside its folder.

use crate::http::{Retry, Retryable};
use std::io;
use std::path::{Component, Path, PathBuf};

/// A path that a symbolic link leads out of the plan's folder.
///
/// A commit can turn a folder of the source into a link to any place of the machine
/// that builds it, whose files would then be in the image.
#[derive(Debug, thiserror::Error)]
#[error("a symbolic link leads `{}` out of the plan's folder, to `{}`", path.display(), to.display())]
pub struct LeadsOutside {
    path: PathBuf,
    to: PathBuf,
}

impl Retryable for LeadsOutside {
    fn retry(&self) -> Retry {
        Retry::Never
    }

    fn help(&self) -> Option<String> {
        Some("replace the link by what it refers to, or name that path in the plan".to_owned())
    }
}

/// Refuses a path that a symbolic link leads out of `folder`, to which it is relative.
/// A path that begins with `..` or `/` names a place outside itself: there, only links
/// out of that place are refused. A path that does not exist passes.
pub fn refuse_links_outside(folder: &Path, path: &Path) -> Result<(), LeadsOutside> {
    if path.is_absolute() {
        return Ok(());
    }
    let (Ok(base), Ok(real)) = (real_base(folder, path), folder.join(path).canonicalize()) else {
        return Ok(());
    };
    if real.starts_with(&base) {
        return Ok(());
    }
    Err(LeadsOutside { path: path.to_owned(), to: real })
}

/// The folder, or as many folders above it as the path says.
fn real_base(folder: &Path, path: &Path) -> io::Result<PathBuf> {
    let (mut above, mut depth) = (0, 0);
    for component in path.components() {
        match component {
            Component::Normal(_) => depth += 1,
            Component::ParentDir if depth > 0 => depth -= 1,
            Component::ParentDir => above += 1,
            Component::CurDir | Component::RootDir | Component::Prefix(_) => {}
        }
    }
    folder.join("../".repeat(above)).canonicalize()
}

#[cfg(test)]
mod tests {
    use super::refuse_links_outside;
    use crate::http::Retryable as _;
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::path::Path;

    #[test]
    fn a_link_may_lead_anywhere_inside_and_nowhere_outside() {
        let root = tempfile::tempdir().expect("a folder");
        let at = |path: &str| root.path().join(path);
        fs::create_dir_all(at("plan/web")).expect("a folder");
        fs::create_dir_all(at("shared")).expect("a folder");
        fs::create_dir_all(at("outside")).expect("a folder");
        symlink("web", at("plan/inside")).expect("a link");
        symlink("../outside", at("plan/public")).expect("a link");
        symlink("../../outside", at("plan/web/deep")).expect("a link");
        symlink("/etc", at("shared/etc")).expect("a link");
        let plan = at("plan");

        for path in ["web", "inside", "./web/../web", "../shared", "/etc", "missing", "."] {
            assert!(refuse_links_outside(&plan, Path::new(path)).is_ok(), "{path}");
        }
        let outside = at("outside").canonicalize().expect("there");
        for path in ["public", "web/deep"] {
            let error = refuse_links_outside(&plan, Path::new(path)).expect_err(path);
            assert_eq!(
                error.to_string(),
                format!(
                    "a symbolic link leads `{path}` out of the plan's folder, to `{}`",
                    outside.display()
                )
            );
            assert_eq!(
                error.help().as_deref(),
                Some("replace the link by what it refers to, or name that path in the plan")
            );
        }
        assert!(refuse_links_outside(&plan, Path::new("../shared/etc")).is_err());
    }
}
