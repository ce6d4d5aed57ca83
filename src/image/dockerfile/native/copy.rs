//! `COPY` and `ADD`: selects source files and their destinations.
//!
//! As in `BuildKit`, a folder stands for its content, a file is copied into the destination if
//! that ends in `/` or is a folder, and folders created for it have the mode 0755.

use super::draft::{LayerDraft, absolute, cleaned};
use super::error::{DockerfileLine, NativeError};
use super::file_match::is_pattern;
use super::file_sources::FileSources;
use super::files::{FileLocation, FileTree, TreeItem, TreeItemKind};
use crate::image::ignore::Ignore;
use crate::image::layers::{Owner, Xattrs, join, parts};
use crate::image::stream::unpacked;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;
use std::sync::Arc;

/// A `COPY` or `ADD` with its variables expanded.
pub struct CopyOperation<'a> {
    pub place: &'a DockerfileLine,
    pub add: bool,
    pub from: Arc<FileTree>,
    /// A description of `from` for errors.
    pub from_name: String,
    /// The ignore patterns, if `from` is the context.
    pub ignore: Option<Arc<Ignore>>,
    /// What `--exclude` leaves out, below each folder that is copied.
    pub exclude: Ignore,
    /// Whether the folders of a source are made in the destination (`--parents`).
    pub parents: bool,
    /// Whether a pattern without a match is right.
    pub may_match_nothing: bool,
    pub sources: Vec<CopySource>,
    pub to: String,
    pub working_directory: String,
}

pub enum CopySource {
    Path(String),
    Text(String, FileLocation),
}

impl CopySource {
    /// The word of the Dockerfile, with the values of its variables.
    pub fn shown(&self) -> String {
        match self {
            Self::Path(path) => path.clone(),
            Self::Text(name, _) => format!("<<{name}"),
        }
    }
}

/// A file or folder to copy.
struct Match {
    /// The path that was matched, whose last part is the name of the copy.
    path: Vec<u8>,
    item: TreeItem,
    /// The path with all symbolic links followed.
    real: Vec<u8>,
}

/// Adds everything that an operation copies to a layer.
pub fn copy(
    operation: &CopyOperation<'_>,
    draft: &mut LayerDraft<'_>,
    file_sources: &FileSources<'_>,
) -> Result<(), NativeError> {
    if operation.parents {
        return copy_with_parents(operation, draft);
    }
    let CopyOperation { place, to, .. } = operation;
    let into_folder = to.ends_with('/') || to == "." || to.ends_with("/.");
    let to = draft.resolve(&absolute(to, &operation.working_directory))?;
    let into_folder = into_folder || draft.has_folder(&to);
    let mut found = Vec::new();
    for source in &operation.sources {
        match source {
            CopySource::Text(name, file) => {
                let kind = TreeItemKind::File(file.clone());
                let (owner, xattrs) = (Owner::default(), Xattrs::default());
                let item = TreeItem { mode: 0o644, owner, xattrs, kind };
                found.push(Match { path: name.clone().into_bytes(), item, real: Vec::new() });
            }
            CopySource::Path(path) => operation.find(path, &mut found)?,
        }
    }
    let folders = found.iter().all(|found| matches!(found.item.kind, TreeItemKind::Folder));
    if !into_folder && (operation.sources.len() > 1 || found.len() > 1 && !folders) {
        return Err(NativeError::ManyOntoOne { place: (*place).clone(), to: operation.to.clone() });
    }
    if into_folder && !found.is_empty() {
        draft.make_folder(&to)?;
    }
    for Match { path, item, real } in found {
        if matches!(item.kind, TreeItemKind::Folder) {
            operation.fill(&real, &to, draft)?;
            continue;
        }
        let name = parts(&path).next_back().unwrap_or_default();
        if operation.exclude.leaves_out(name) {
            continue;
        }
        if operation.add
            && let Some(files) = archive(&item, file_sources)?
        {
            draft.make_folder(&to)?;
            for (path, item) in files.below(b"") {
                draft.put_unchanged(&join(&to, path), item.clone())?;
            }
            continue;
        }
        let target = if into_folder { join(&to, name) } else { to.clone() };
        draft.put(&target, &item)?;
    }
    Ok(())
}

/// `COPY --parents`: what a source matches, below folders like those that it is in. Those up to
/// a `/./` are not made.
fn copy_with_parents(
    operation: &CopyOperation<'_>,
    draft: &mut LayerDraft<'_>,
) -> Result<(), NativeError> {
    let to = draft.resolve(&absolute(&operation.to, &operation.working_directory))?;
    for source in &operation.sources {
        let CopySource::Path(path) = source else { continue };
        let (root, pattern) = path.split_once("/./").unwrap_or(("", path));
        let pattern = cleaned(pattern.as_bytes());
        let include = patterns(&[String::from_utf8_lossy(&pattern)], operation.place)?;
        let mut wanted: BTreeMap<&[u8], &TreeItem> = BTreeMap::new();
        let mut roots = Vec::new();
        if cleaned(root.as_bytes()).is_empty() {
            roots.push(Vec::new());
        } else {
            let mut found = Vec::new();
            operation.find(root, &mut found)?;
            roots.extend(found.into_iter().map(|found| found.real));
        }
        for root in &roots {
            let below = operation.from.below(root);
            let below: BTreeMap<&[u8], &TreeItem> =
                below.map(|(path, item)| (within(path, root), item)).collect();
            for (path, item) in &below {
                if include.leaves_out(path) && !operation.exclude.leaves_out(path) {
                    wanted.insert(path, item);
                    let folders = path.iter().enumerate().filter(|(_, byte)| **byte == b'/');
                    let folders = folders.map(|(at, _)| &path[..at]);
                    wanted.extend(folders.filter_map(|folder| Some((folder, *below.get(folder)?))));
                }
            }
        }
        if wanted.is_empty() && !is_pattern(&pattern) {
            return Err(operation.missing(path, &pattern));
        }
        for (path, item) in wanted {
            draft.put(&join(&to, path), item)?;
        }
    }
    Ok(())
}

/// Patterns with the rules of an ignore file, all of which are right.
pub fn patterns(texts: &[impl AsRef<str>], place: &DockerfileLine) -> Result<Ignore, NativeError> {
    let lines: Vec<&str> = texts.iter().map(AsRef::as_ref).collect();
    Ignore::parse(&lines.join("\n")).map_err(|error| NativeError::Value {
        place: place.clone(),
        text: error.pattern,
        wanted: "a pattern, such as `*.md`",
    })
}

/// A path below a folder, relative to it.
fn within<'p>(path: &'p [u8], folder: &[u8]) -> &'p [u8] {
    path[folder.len()..].strip_prefix(b"/").unwrap_or(&path[folder.len()..])
}

impl CopyOperation<'_> {
    /// Adds the files that a path or pattern matches.
    fn find(&self, path: &str, found: &mut Vec<Match>) -> Result<(), NativeError> {
        let pattern = cleaned(path.as_bytes());
        let before = found.len();
        for path in self.from.matching(&pattern) {
            if let Some((real, item)) = self.from.follow(&path) {
                found.push(Match { path, item, real });
            }
        }
        if found.len() > before || self.may_match_nothing && is_pattern(&pattern) {
            return Ok(());
        }
        Err(self.missing(path, &pattern))
    }

    fn missing(&self, path: &str, cleaned: &[u8]) -> NativeError {
        let ignored = self.ignore.as_ref().is_some_and(|ignore| ignore.leaves_out(cleaned));
        NativeError::Missing {
            place: self.place.clone(),
            from: path.to_owned(),
            from_name: self.from_name.clone(),
            ignored,
        }
    }

    /// Copies the content of a folder.
    fn fill(
        &self,
        folder: &[u8],
        to: &[u8],
        draft: &mut LayerDraft<'_>,
    ) -> Result<(), NativeError> {
        draft.make_folder(to)?;
        for (path, item) in self.from.below(folder) {
            let within = within(path, folder);
            if !self.exclude.leaves_out(within) {
                draft.put(&join(to, within), item)?;
            }
        }
        Ok(())
    }
}

/// The files of an archive; `None` if the item is not one.
fn archive(
    item: &TreeItem,
    file_sources: &FileSources<'_>,
) -> Result<Option<FileTree>, NativeError> {
    let TreeItemKind::File(file) = &item.kind else { return Ok(None) };
    file_sources.extract([file].into_iter())?;
    let (path, _) = file_sources.location(file);
    let read = |source| NativeError::Read { path: path.clone(), source };
    if is_archive(&path).map_err(read)? {
        FileTree::of_archive(&path).map(Some).map_err(read)
    } else {
        Ok(None)
    }
}

/// Whether a file is a tar archive, compressed or not, by its content.
fn is_archive(path: &Path) -> io::Result<bool> {
    let mut block = Vec::new();
    let stream = unpacked(File::open(path)?)?;
    // A file that cannot be decompressed is copied like any other.
    let whole = stream.take(512).read_to_end(&mut block).is_ok_and(|length| length == 512);
    let header = whole.then(|| tar::Header::from_byte_slice(&block));
    let sum: u32 = block
        .iter()
        .enumerate()
        .map(|(at, byte)| u32::from(if (148..156).contains(&at) { b' ' } else { *byte }))
        .sum();
    let is_tar = header.is_some_and(|header| header.cksum().is_ok_and(|found| found == sum));
    Ok(is_tar && sum != 256)
}
