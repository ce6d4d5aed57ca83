//! The files of a folder, in a fixed order, without what git ignores.

use ignore::WalkBuilder;
use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

/// How deep a Dockerfile or a project may lie.
const MAX_DEPTH: usize = 4;

/// After so many files the rest of a folder is not looked at.
const MAX_FILES: usize = 20_000;

/// What is read of one file.
const MAX_READ_BYTES: u64 = 1 << 20;

/// Folders that hold what others have written.
const SKIPPED: [&str; 8] =
    [".git", ".shipway", "bin", "node_modules", "obj", "target", "vendor", "venv"];

pub struct Folder {
    root: PathBuf,
    /// Paths relative to the folder, with `/`, sorted by depth and name.
    pub files: Vec<String>,
}

impl Folder {
    pub fn list(root: &Path) -> io::Result<Self> {
        fs::read_dir(root)?;
        let mut walk = WalkBuilder::new(root);
        walk.hidden(false).require_git(false).max_depth(Some(MAX_DEPTH));
        walk.filter_entry(|entry| {
            let name = entry.file_name().to_string_lossy();
            entry.depth() == 0 || !SKIPPED.contains(&name.as_ref())
        });
        let files = walk
            .build()
            .flatten()
            .filter(|entry| entry.file_type().is_some_and(|kind| kind.is_file()));
        let relative = |path: &Path| {
            path.strip_prefix(root).ok().map(|path| path.to_string_lossy().into_owned())
        };
        let mut files: Vec<String> =
            files.filter_map(|entry| relative(entry.path())).take(MAX_FILES).collect();
        files.sort_by_key(|path| (path.matches('/').count(), path.clone()));
        Ok(Self { root: root.to_owned(), files })
    }

    pub fn has(&self, path: &str) -> bool {
        self.files.iter().any(|file| file == path)
    }

    /// Whether a path of a build context exists, a folder or a pattern included.
    pub fn has_below(&self, folder: &str, path: &str) -> bool {
        let path = join(folder, path.trim_start_matches("./").trim_end_matches('/'));
        let fixed = path.split(['*', '?', '[']).next().unwrap_or_default();
        if fixed.len() < path.len() {
            return self.files.iter().any(|file| file.starts_with(fixed));
        }
        self.root.join(path).exists()
    }

    /// The text of a file; empty if it cannot be read.
    pub fn text(&self, path: &str) -> String {
        let mut bytes = Vec::new();
        if let Ok(file) = fs::File::open(self.root.join(path)) {
            file.take(MAX_READ_BYTES).read_to_end(&mut bytes).ok();
        }
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// The name of the folder itself.
    pub fn name(&self) -> String {
        self.root.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
    }
}

/// A path below a folder of the listing, whose root is the empty text.
pub fn join(folder: &str, name: &str) -> String {
    match (folder, name) {
        ("", name) => name.to_owned(),
        (folder, "" | ".") => folder.to_owned(),
        (folder, name) => format!("{folder}/{name}"),
    }
}

/// The folder of a file and the file's name.
pub fn split(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or(("", path))
}
