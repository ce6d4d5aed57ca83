//! What the stages of one build share: where files come from, and where those
//! lie that come out of something packed.

use super::error::NativeError;
use super::files::{Files, Where};
use crate::image::dockerfile::context::Context;
use crate::image::ignore::Ignore;
use crate::image::layers::Stamp;
use crate::image::manifest::Image;
use crate::image::store::Store;
use crate::image::stream::unpacked;
use crate::oci::Digest;
use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

pub(super) struct Workshop<'a> {
    pub(super) store: &'a Store,
    /// Before anything was listed.
    pub(super) begun: SystemTime,
    pub(super) context: Context<'a>,
    /// In the order of what was needed.
    pub(super) pulled: &'a [Image],
    images: HashMap<Digest, Arc<Files>>,
    listed: Option<(Arc<Files>, Arc<Ignore>)>,
    laid: HashMap<(PathBuf, usize), (PathBuf, Stamp)>,
    texts: usize,
}

impl<'a> Workshop<'a> {
    pub(super) fn new(store: &'a Store, context: Context<'a>, pulled: &'a [Image]) -> Self {
        let (images, laid) = (HashMap::new(), HashMap::new());
        let begun = SystemTime::now();
        Self { store, begun, context, pulled, images, listed: None, laid, texts: 0 }
    }

    /// The build context, and what is left out of it. Listed once, when the
    /// first step needs it.
    pub(super) fn context(&mut self) -> Result<(Arc<Files>, Arc<Ignore>), NativeError> {
        if let Some(listed) = &self.listed {
            return Ok(listed.clone());
        }
        let list = self.context.patterns()?;
        let ignore = Ignore::parse(&String::from_utf8_lossy(&list))
            .map_err(|source| NativeError::Ignore { path: self.context.list_file(), source })?;
        let files = Files::of_context(self.context.folder, &ignore)?;
        let listed = (Arc::new(files), Arc::new(ignore));
        self.listed = Some(listed.clone());
        Ok(listed)
    }

    /// Everything in an image, read once.
    pub(super) fn files(&mut self, image: &Image) -> Result<Arc<Files>, NativeError> {
        let digest = &image.manifest.digest;
        if let Some(files) = self.images.get(digest) {
            return Ok(Arc::clone(files));
        }
        let files = Arc::new(Files::of_image(self.store, image)?);
        self.images.insert(digest.clone(), Arc::clone(&files));
        Ok(files)
    }

    /// Writes a text that is to be copied.
    pub(super) fn text(&mut self, text: &str) -> Result<Where, NativeError> {
        let path = self.place()?;
        let write = |source| NativeError::Write { path: path.clone(), source };
        fs::write(&path, text).map_err(write)?;
        let stamp = Stamp::of(&fs::metadata(&path).map_err(write)?);
        Ok(Where::Disk(path, stamp))
    }

    fn place(&mut self) -> Result<PathBuf, NativeError> {
        let folder = self.context.desk.join("files");
        let create = |source| NativeError::Write { path: folder.clone(), source };
        fs::create_dir_all(&folder).map_err(create)?;
        self.texts += 1;
        Ok(folder.join(self.texts.to_string()))
    }

    /// Gets files out of what they are packed in, each archive read once.
    pub(super) fn lay_down<'f>(
        &mut self,
        files: impl Iterator<Item = &'f Where>,
    ) -> Result<(), NativeError> {
        let mut wanted: BTreeMap<&Path, BTreeMap<usize, PathBuf>> = BTreeMap::new();
        for file in files {
            if let Where::Packed(archive, entry) = file
                && !self.laid.contains_key(&(archive.to_path_buf(), *entry))
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
                let stamp = Stamp::of(&fs::metadata(&path).map_err(read)?);
                self.laid.insert((archive.to_owned(), entry), (path, stamp));
            }
        }
        Ok(())
    }

    /// Where a file lies, packed or not.
    pub(super) fn laid(&self, file: &Where) -> (PathBuf, Stamp) {
        match file {
            Where::Disk(path, stamp) => (path.clone(), *stamp),
            Where::Packed(archive, entry) => {
                let laid = self.laid.get(&(archive.to_path_buf(), *entry));
                laid.expect("laid down before").clone()
            }
        }
    }
}

fn unpack(archive: &Path, entries: &BTreeMap<usize, PathBuf>) -> io::Result<()> {
    let mut left = entries.len();
    let stream = unpacked(File::open(archive)?)?;
    for (number, entry) in tar::Archive::new(stream).entries()?.enumerate() {
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
