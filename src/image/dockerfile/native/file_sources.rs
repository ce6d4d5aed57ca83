//! Where the stages of a build take files from: the context, images, and files extracted
//! from archives. Shared by stages that are built at once.

use super::error::NativeError;
use super::files::{FileLocation, FileTree};
use crate::image::dockerfile::context::BuildContext;
use crate::image::ignore::Ignore;
use crate::image::layers::{FileStamp, Tree};
use crate::image::manifest::Image;
use crate::image::store::Store;
use crate::image::stream::unpacked;
use crate::oci::{Digest, LayerReader};
use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

pub struct FileSources<'a> {
    pub store: &'a Store,
    /// A time before any file was listed.
    pub started_at: SystemTime,
    pub context: BuildContext<'a>,
    /// In the order of [`super::select::Selection::images`].
    pub pulled: &'a [Image],
    images: Mutex<HashMap<Digest, Arc<FileTree>>>,
    trees: Mutex<HashMap<Digest, Arc<Tree>>>,
    listed: Mutex<Option<ListedContext>>,
    extracted: Mutex<HashMap<(PathBuf, usize), (PathBuf, FileStamp)>>,
    places: AtomicUsize,
}

/// The files of the build context and its ignore patterns.
type ListedContext = (Arc<FileTree>, Arc<Ignore>);

impl<'a> FileSources<'a> {
    pub fn new(store: &'a Store, context: BuildContext<'a>, pulled: &'a [Image]) -> Self {
        Self {
            store,
            started_at: SystemTime::now(),
            context,
            pulled,
            images: Mutex::default(),
            trees: Mutex::default(),
            listed: Mutex::default(),
            extracted: Mutex::default(),
            places: AtomicUsize::default(),
        }
    }

    /// The files of the build context and its ignore patterns, listed once when first
    /// needed.
    pub fn context(&self) -> Result<ListedContext, NativeError> {
        let mut known = lock(&self.listed);
        if let Some(listed) = &*known {
            return Ok(listed.clone());
        }
        let list = self.context.patterns()?;
        let ignore = Ignore::parse(&String::from_utf8_lossy(&list))
            .map_err(|source| NativeError::Ignore { path: self.context.list_file(), source })?;
        let files = FileTree::of_context(self.context.folder, &ignore)?;
        let listed = (Arc::new(files), Arc::new(ignore));
        *known = Some(listed.clone());
        Ok(listed)
    }

    /// The files of an image, read once.
    pub fn files(&self, image: &Image) -> Result<Arc<FileTree>, NativeError> {
        let mut known = lock(&self.images);
        let digest = &image.manifest.digest;
        if let Some(files) = known.get(digest) {
            return Ok(Arc::clone(files));
        }
        let files = Arc::new(FileTree::of_image(self.store, image)?);
        known.insert(digest.clone(), Arc::clone(&files));
        Ok(files)
    }

    /// The paths of an image, read once.
    pub fn tree(&self, image: &Image) -> Result<Tree, NativeError> {
        let mut known = lock(&self.trees);
        let digest = &image.manifest.digest;
        if let Some(tree) = known.get(digest) {
            return Ok(Tree::clone(tree));
        }
        let tree = crate::image::layers::tree(self.store, image)?;
        known.insert(digest.clone(), Arc::new(tree.clone()));
        Ok(tree)
    }

    /// Writes the text of a here-document to a file.
    pub fn text(&self, text: &str) -> Result<FileLocation, NativeError> {
        let path = self.place()?;
        let write = |source| NativeError::Write { path: path.clone(), source };
        fs::write(&path, text).map_err(write)?;
        let stamp = FileStamp::of(&fs::metadata(&path).map_err(write)?);
        Ok(FileLocation::Disk(path, stamp))
    }

    /// The path of a new file in the folder of the build.
    pub fn place(&self) -> Result<PathBuf, NativeError> {
        let folder = self.context.scratch_dir.join("files");
        let create = |source| NativeError::Write { path: folder.clone(), source };
        fs::create_dir_all(&folder).map_err(create)?;
        let number = self.places.fetch_add(1, Ordering::Relaxed) + 1;
        Ok(folder.join(number.to_string()))
    }

    /// Extracts packed files to the disk, reading each archive once.
    pub fn extract<'f>(
        &self,
        files: impl Iterator<Item = &'f FileLocation>,
    ) -> Result<(), NativeError> {
        let mut extracted = lock(&self.extracted);
        let mut wanted: BTreeMap<&Path, BTreeMap<usize, PathBuf>> = BTreeMap::new();
        for file in files {
            if let FileLocation::Packed(archive, entry) = file
                && !extracted.contains_key(&(archive.to_path_buf(), *entry))
            {
                let entries = wanted.entry(archive).or_default();
                if !entries.contains_key(entry) {
                    entries.insert(*entry, self.place()?);
                }
            }
        }
        for (archive, entries) in wanted {
            let read = |source| NativeError::Read { path: archive.to_owned(), source };
            unpack(archive, &entries).map_err(read)?;
            for (entry, path) in entries {
                let stamp = FileStamp::of(&fs::metadata(&path).map_err(read)?);
                extracted.insert((archive.to_owned(), entry), (path, stamp));
            }
        }
        Ok(())
    }

    /// The path of a file, which must have been extracted if it is packed.
    pub fn location(&self, file: &FileLocation) -> (PathBuf, FileStamp) {
        match file {
            FileLocation::Disk(path, stamp) => (path.clone(), *stamp),
            FileLocation::Packed(archive, entry) => {
                let extracted = lock(&self.extracted);
                extracted.get(&(archive.to_path_buf(), *entry)).expect("extracted before").clone()
            }
        }
    }
}

fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

fn unpack(archive: &Path, entries: &BTreeMap<usize, PathBuf>) -> io::Result<()> {
    let mut left = entries.len();
    let stream = unpacked(File::open(archive)?)?;
    for (number, entry) in tar::Archive::new(LayerReader::new(stream)).entries()?.enumerate() {
        let mut entry = entry?;
        if let Some(path) = entries.get(&number) {
            io::copy(&mut entry, &mut File::create(path)?)?;
            left -= 1;
        }
        if left == 0 {
            return Ok(());
        }
    }
    Err(io::ErrorKind::UnexpectedEof.into())
}
