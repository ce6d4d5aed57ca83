//! Where the files of an image layout are looked up by name: a folder or a tar archive.

use super::error::ExistingError;
use super::tar_index::TarIndex;
use crate::image::leads_outside::refuse_links_outside;
use crate::image::store::MAX_DOCUMENT_BYTES;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// Where files are looked up by name.
pub enum LayoutSource {
    Folder(PathBuf),
    Archive(Box<TarIndex>),
}

/// A file's content and its size in bytes.
pub type SizedReader<'a> = (Box<dyn Read + Send + 'a>, u64);

impl LayoutSource {
    pub fn find(&self, name: &str) -> Result<Option<SizedReader<'_>>, ExistingError> {
        match self {
            Self::Archive(archive) => Ok(archive.find(name)?.map(|section| {
                let length = section.length();
                (Box::new(section) as Box<dyn Read + Send>, length)
            })),
            Self::Folder(folder) if refuse_links_outside(folder, Path::new(name)).is_err() => {
                Err(ExistingError::Outside { path: folder.clone(), name: name.to_owned() })
            }
            Self::Folder(folder) => match open_file(&folder.join(name)) {
                Ok((file, length)) => Ok(Some((Box::new(file), length))),
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
                Err(source) => Err(ExistingError::Read { path: folder.join(name), source }),
            },
        }
    }

    /// The content of a small file, if it exists.
    pub fn document(&self, path: &Path, name: &str) -> Result<Option<Vec<u8>>, ExistingError> {
        let Some((reader, size)) = self.find(name)? else { return Ok(None) };
        if size > MAX_DOCUMENT_BYTES {
            let (path, name) = (path.to_owned(), name.to_owned());
            return Err(ExistingError::TooLarge { path, name, size });
        }
        let mut bytes = Vec::new();
        let read = reader.take(MAX_DOCUMENT_BYTES).read_to_end(&mut bytes);
        read.map_err(|source| ExistingError::Read { path: path.to_owned(), source })?;
        Ok(Some(bytes))
    }
}

/// Opens a regular file. Opening a pipe could block forever.
fn open_file(path: &Path) -> io::Result<(File, u64)> {
    let metadata = fs::metadata(path)?;
    if !metadata.is_file() {
        return Err(io::Error::other("it is no regular file"));
    }
    Ok((File::open(path)?, metadata.len()))
}

#[cfg(test)]
mod tests {
    use super::LayoutSource;
    use std::os::unix::fs::symlink;
    use std::path::Path;

    #[test]
    fn links_out_of_the_layout_are_not_followed() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        std::fs::create_dir_all(at("layout/blobs")).expect("a folder");
        std::fs::write(at("secret"), "hunter2").expect("written");
        std::fs::write(at("layout/real"), "1").expect("written");
        symlink("../secret", at("layout/index.json")).expect("a link");
        symlink("../..", at("layout/blobs/sha256")).expect("a link");
        symlink("real", at("layout/inside")).expect("a link");
        let layout = LayoutSource::Folder(at("layout"));

        for name in ["index.json", "blobs/sha256/secret"] {
            let error = layout.document(Path::new("layout"), name).expect_err(name);
            let path = at("layout");
            assert_eq!(
                error.to_string(),
                format!("`{}` contains `{name}`, a path that leads out of it", path.display())
            );
        }
        let read = |name| layout.document(Path::new("layout"), name).expect("readable");
        assert_eq!(read("inside"), Some(b"1".to_vec()));
        assert_eq!(read("missing"), None);
    }
}
