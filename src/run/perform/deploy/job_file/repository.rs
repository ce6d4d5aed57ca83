//! Whether a file is in the repository of a plan.

use std::path::{Path, PathBuf};

/// The repository of a plan, if a file is in it. `folder` is that of the plan, which stands for a
/// repository where it is in none.
pub fn repository_holding(folder: &Path, file: &Path) -> Option<PathBuf> {
    let root = repository_of(folder);
    let above = file.parent().unwrap_or(Path::new("."));
    real(above).starts_with(real(&root)).then_some(root)
}

/// The folder of the repository that a folder is in, or that folder where it is in none.
fn repository_of(folder: &Path) -> PathBuf {
    let folder = real(folder);
    let root = folder.ancestors().find(|folder| folder.join(".git").exists());
    root.unwrap_or(&folder).to_owned()
}

/// A folder without links in its path; of one that does not exist, the part that does.
fn real(folder: &Path) -> PathBuf {
    let existing = folder.ancestors().find_map(|part| {
        let part = if part.as_os_str().is_empty() { Path::new(".") } else { part };
        part.canonicalize().ok()
    });
    existing.unwrap_or_else(|| folder.to_owned())
}
