//! Where the stages of a build take files from: the context, images, and files extracted
//! from archives.

use super::error::NativeError;
use super::files::{FileLocation, FileTree};
use crate::image::dockerfile::context::BuildContext;
use crate::image::ignore::Ignore;
use crate::image::layers::FileStamp;
use crate::image::manifest::Image;
use crate::image::store::Store;
use crate::image::stream::unpacked;
use crate::oci::{Digest, LayerReader};
use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

pub struct FileSources<'a> {
    pub store: &'a Store,
    /// A time before any file was listed.
    pub started_at: SystemTime,
    pub context: BuildContext<'a>,
    /// In the order of [`super::select::Selection::images`].
    pub pulled: &'a [Image],
    images: HashMap<Digest, Arc<FileTree>>,
    listed: Option<(Arc<FileTree>, Arc<Ignore>)>,
    extracted: HashMap<(PathBuf, usize), (PathBuf, FileStamp)>,
    texts: usize,
}

impl<'a> FileSources<'a> {
    pub fn new(store: &'a Store, context: BuildContext<'a>, pulled: &'a [Image]) -> Self {
        let (images, extracted) = (HashMap::new(), HashMap::new());
        let started_at = SystemTime::now();
        Self { store, started_at, context, pulled, images, listed: None, extracted, texts: 0 }
    }

    /// The files of the build context and its ignore patterns, listed once when first
    /// needed.
    pub fn context(&mut self) -> Result<(Arc<FileTree>, Arc<Ignore>), NativeError> {
        if let Some(listed) = &self.listed {
            return Ok(listed.clone());
        }
        let list = self.context.patterns()?;
        let ignore = Ignore::parse(&String::from_utf8_lossy(&list))
            .map_err(|source| NativeError::Ignore { path: self.context.list_file(), source })?;
        let files = FileTree::of_context(self.context.folder, &ignore)?;
        let listed = (Arc::new(files), Arc::new(ignore));
        self.listed = Some(listed.clone());
        Ok(listed)
    }

    /// The files of an image, read once.
    pub fn files(&mut self, image: &Image) -> Result<Arc<FileTree>, NativeError> {
        let digest = &image.manifest.digest;
        if let Some(files) = self.images.get(digest) {
            return Ok(Arc::clone(files));
        }
        let files = Arc::new(FileTree::of_image(self.store, image)?);
        self.images.insert(digest.clone(), Arc::clone(&files));
        Ok(files)
    }

    /// Writes the text of a here-document to a file.
    pub fn text(&mut self, text: &str) -> Result<FileLocation, NativeError> {
        let path = self.place()?;
        let write = |source| NativeError::Write { path: path.clone(), source };
        fs::write(&path, text).map_err(write)?;
        let stamp = FileStamp::of(&fs::metadata(&path).map_err(write)?);
        Ok(FileLocation::Disk(path, stamp))
    }

    /// The path of a new file in the folder of the build.
    pub fn place(&mut self) -> Result<PathBuf, NativeError> {
        let folder = self.context.scratch_dir.join("files");
        let create = |source| NativeError::Write { path: folder.clone(), source };
        fs::create_dir_all(&folder).map_err(create)?;
        self.texts += 1;
        Ok(folder.join(self.texts.to_string()))
    }

    /// Extracts packed files to the disk, reading each archive once.
    pub fn extract<'f>(
        &mut self,
        files: impl Iterator<Item = &'f FileLocation>,
    ) -> Result<(), NativeError> {
        let mut wanted: BTreeMap<&Path, BTreeMap<usize, PathBuf>> = BTreeMap::new();
        for file in files {
            if let FileLocation::Packed(archive, entry) = file
                && !self.extracted.contains_key(&(archive.to_path_buf(), *entry))
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
                self.extracted.insert((archive.to_owned(), entry), (path, stamp));
            }
        }
        Ok(())
    }

    /// The path of a file, which must have been extracted if it is packed.
    pub fn location(&self, file: &FileLocation) -> (PathBuf, FileStamp) {
        match file {
            FileLocation::Disk(path, stamp) => (path.clone(), *stamp),
            FileLocation::Packed(archive, entry) => {
                let extracted = self.extracted.get(&(archive.to_path_buf(), *entry));
                extracted.expect("extracted before").clone()
            }
        }
    }
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
