//! Reads the commit that is checked out from git's own files, where the `git`
//! program refuses to answer.
//!
//! It refuses in a folder of another user, such as that of a job in a container,
//! because the repository's settings could start programs. Reading two files
//! starts none.

use crate::bounded_file::{self, MAX_WRITTEN_BYTES};
use std::path::{Path, PathBuf};

/// The commit that is checked out in the repository of `folder`.
pub fn checked_out_commit(folder: &Path) -> Option<String> {
    let folder = folder.canonicalize().ok()?;
    let git = folder.ancestors().map(|folder| folder.join(".git")).find(|path| path.exists())?;
    let git = git_folder(git)?;
    let head = line(&git.join("HEAD"))?;
    let Some(reference) = head.strip_prefix("ref: ") else { return commit(&head) };
    // The branches of a linked work tree are in the folder of the main one.
    let common = line(&git.join("commondir")).map_or_else(|| git.clone(), |path| git.join(path));
    let loose = line(&common.join(reference)).and_then(|text| commit(&text));
    loose.or_else(|| packed(&common, reference))
}

/// In a linked work tree or a submodule, `.git` is a file that names the folder.
fn git_folder(path: PathBuf) -> Option<PathBuf> {
    if path.is_dir() {
        return Some(path);
    }
    let named = line(&path)?;
    Some(path.parent()?.join(named.strip_prefix("gitdir: ")?))
}

/// The longest list of packed references: of a million or so.
const MAX_REFS_BYTES: u64 = 64 * 1024 * 1024;

fn packed(git: &Path, reference: &str) -> Option<String> {
    let refs = bounded_file::read_text(&git.join("packed-refs"), MAX_REFS_BYTES).ok()?;
    let found = refs.lines().filter_map(|line| line.split_once(' '));
    let found = found.filter(|(_, name)| *name == reference).map(|(id, _)| id).next()?;
    commit(found)
}

fn line(path: &Path) -> Option<String> {
    let text = bounded_file::read_text(path, MAX_WRITTEN_BYTES).ok()?;
    text.lines().next().map(|line| line.trim().to_owned())
}

/// A hash of SHA-1 or SHA-256.
fn commit(text: &str) -> Option<String> {
    let is_hash = [40, 64].contains(&text.len()) && text.bytes().all(|b| b.is_ascii_hexdigit());
    is_hash.then(|| text.to_owned())
}
