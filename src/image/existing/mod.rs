//! Imports images from this machine: OCI layouts and docker archives. Every blob is verified
//! on its way into the store. Blocking: call it on a separate thread.

mod cancellable;
mod docker_archive;
mod engine_image;
mod error;
mod importer;
mod index;
mod layout;
mod layout_source;
mod source;
mod tar_index;

pub use engine_image::{EngineImage, EngineStore};
pub use error::ExistingError;
pub use source::ImageSource;

use self::importer::Importer;
use self::layout_source::LayoutSource;
use self::tar_index::TarIndex;
use super::WorkControl;
use super::manifest::Image;
use super::product::Product;
use super::store::Store;
use crate::oci::Platform;
use std::path::{Path, PathBuf};

/// Imports the image that a source names; without a platform, images for several platforms
/// are imported as one index, and a single image is imported for any platform. Early reports are sent only for blobs of an OCI layout; the progress
/// counts blobs that the store does not have.
pub fn import(
    store: &Store,
    source: &ImageSource,
    platform: Option<&Platform>,
    control: &WorkControl<'_>,
) -> Result<Product, ExistingError> {
    let path = source.path();
    let (importer, tag) = match source {
        ImageSource::OciLayout { folder, tag } => {
            (Importer { path, source: open_folder(folder)?, store, control }, tag)
        }
        ImageSource::OciArchive { file, tag } => {
            (Importer { path, source: open_archive(file, store, control)?, store, control }, tag)
        }
        ImageSource::DockerArchive { file, reference } => {
            let importer =
                Importer { path, source: open_archive(file, store, control)?, store, control };
            return Ok(importer.import_docker(reference.as_deref(), platform)?.into());
        }
    };
    match platform {
        Some(_) => Ok(importer.import_layout(tag.as_deref(), platform)?.into()),
        None => importer.import_whole(tag.as_deref()),
    }
}

/// Imports an image of an engine's store from the archive that the engine has saved of it, as
/// `docker save` writes it. A single image is imported for any platform where none is given.
pub fn import_saved(
    store: &Store,
    image: &EngineImage,
    archive: &Path,
    platform: Option<&Platform>,
    control: &WorkControl<'_>,
) -> Result<Product, ExistingError> {
    // Messages name the image, since the archive is gone when they are read.
    let shown = image.shown();
    let (path, source) = (shown.as_ref(), open_archive(archive, store, control)?);
    Ok(Importer { path, source, store, control }.import_docker(None, platform)?.into())
}

/// The format in which an engine saved an image.
pub enum EngineOutput {
    Oci(PathBuf),
    Docker(PathBuf),
    /// A docker archive of buildah or podman, whose configuration has traces of the build.
    Buildah(PathBuf),
}

/// Imports the image that an engine saved, with every layer compressed.
pub fn collect(
    store: &Store,
    saved: &EngineOutput,
    platform: &Platform,
    control: &WorkControl<'_>,
) -> Result<Image, ExistingError> {
    match saved {
        EngineOutput::Oci(path) => {
            Importer { path, source: open_archive(path, store, control)?, store, control }
                .import_packed_layout(platform)
        }
        EngineOutput::Docker(path) => {
            Importer { path, source: open_archive(path, store, control)?, store, control }
                .import_docker(None, Some(platform))
        }
        EngineOutput::Buildah(path) => {
            Importer { path, source: open_archive(path, store, control)?, store, control }
                .import_buildah(platform)
        }
    }
}

fn open_folder(folder: &Path) -> Result<LayoutSource, ExistingError> {
    if !folder.is_dir() {
        return Err(ExistingError::Missing { what: "folder", path: folder.to_owned() });
    }
    Ok(LayoutSource::Folder(folder.to_owned()))
}

fn open_archive(
    file: &Path,
    store: &Store,
    control: &WorkControl<'_>,
) -> Result<LayoutSource, ExistingError> {
    Ok(LayoutSource::Archive(Box::new(TarIndex::open(file, store, control)?)))
}

#[cfg(test)]
mod tests;
