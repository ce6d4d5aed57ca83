//! Writes the archive of a layer, entry by entry.

use super::error::ChangeError;
use crate::image::layers::tar_header::{END_BYTES, EntryHeader, padded, write_header};
use crate::image::layers::{Owner, Xattrs};
use std::collections::HashMap;
use std::fs::{self, File, FileType, Metadata};
use std::io::{self, BufWriter, Read as _, Write as _};
use std::os::unix::ffi::OsStringExt as _;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use tar::EntryType;

const WHITEOUT: &[u8] = b".wh.";

pub struct LayerWriter {
    path: PathBuf,
    file: BufWriter<File>,
    /// The path of each file that may have further names, by device and inode.
    named: HashMap<(u64, u64), Vec<u8>>,
}

impl LayerWriter {
    pub fn create(path: &Path) -> Result<Self, ChangeError> {
        let file = File::create(path)
            .map_err(|source| ChangeError::Write { path: path.to_owned(), source })?;
        let file = BufWriter::with_capacity(1 << 18, file);
        Ok(Self { path: path.to_owned(), file, named: HashMap::new() })
    }

    fn failed(&self, source: io::Error) -> ChangeError {
        ChangeError::Write { path: self.path.clone(), source }
    }

    /// Marks a file of the lower layers as removed.
    pub fn whiteout(&mut self, folder: &[u8], name: &[u8]) -> Result<(), ChangeError> {
        let name = [WHITEOUT, name].concat();
        let path = crate::image::layers::join(folder, &name);
        let entry = EntryHeader {
            path: &path,
            kind: EntryType::Regular,
            mode: 0,
            owner: Owner::default(),
            size: 0,
            target: b"",
            xattrs: None,
            device: None,
        };
        self.header(&entry, 0)
    }

    /// Adds a file, folder, link, pipe or device. Sockets are left out.
    pub fn add(
        &mut self,
        path: &[u8],
        from: &Path,
        metadata: &Metadata,
    ) -> Result<(), ChangeError> {
        let read = |source| ChangeError::Read { path: from.to_owned(), source };
        let Some(mut kind) = kind_of(metadata.file_type()) else { return Ok(()) };
        let (mut size, mut target) = (0, Vec::new());
        let mut xattrs = Xattrs::default();
        if kind == EntryType::Symlink {
            target = fs::read_link(from).map_err(read)?.into_os_string().into_vec();
        } else if kind != EntryType::Directory && metadata.nlink() > 1 {
            let identity = (metadata.dev(), metadata.ino());
            if let Some(first) = self.named.get(&identity) {
                (kind, target) = (EntryType::Link, first.clone());
            } else {
                self.named.insert(identity, path.to_vec());
            }
        }
        if kind == EntryType::Regular {
            size = metadata.len();
            xattrs = Xattrs::of_program(from);
        }
        let device = matches!(kind, EntryType::Char | EntryType::Block).then(|| metadata.rdev());
        let entry = EntryHeader {
            path,
            kind,
            mode: if kind == EntryType::Symlink { 0o777 } else { metadata.mode() & 0o7777 },
            owner: Owner { uid: metadata.uid(), gid: metadata.gid() },
            size,
            target: &target,
            xattrs: Some(&xattrs),
            device,
        };
        self.header(&entry, u64::try_from(metadata.mtime()).unwrap_or(0))?;
        if size > 0 { self.content(from, size) } else { Ok(()) }
    }

    fn header(&mut self, entry: &EntryHeader<'_>, mtime: u64) -> Result<(), ChangeError> {
        let mut bytes = Vec::new();
        write_header(&mut bytes, entry, mtime);
        self.file.write_all(&bytes).map_err(|source| self.failed(source))
    }

    fn content(&mut self, from: &Path, size: u64) -> Result<(), ChangeError> {
        let read = |source| ChangeError::Read { path: from.to_owned(), source };
        let mut file = File::open(from).map_err(read)?;
        let mut left = size;
        let mut buffer = vec![0; 1 << 18];
        while left > 0 {
            let most = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
            let length = match file.read(&mut buffer[..most]) {
                Ok(0) => return Err(read(io::ErrorKind::UnexpectedEof.into())),
                Ok(length) => length,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(read(error)),
            };
            self.file.write_all(&buffer[..length]).map_err(|source| self.failed(source))?;
            left -= length as u64;
        }
        self.zeros(padded(size) - size)
    }

    fn zeros(&mut self, count: u64) -> Result<(), ChangeError> {
        let zeros = vec![0; usize::try_from(count).expect("less than two blocks")];
        self.file.write_all(&zeros).map_err(|source| self.failed(source))
    }

    pub fn finish(mut self) -> Result<(), ChangeError> {
        self.zeros(END_BYTES)?;
        self.file.flush().map_err(|source| self.failed(source))
    }
}

/// `None` for a socket, which no archive can hold.
fn kind_of(file: FileType) -> Option<EntryType> {
    Some(if file.is_dir() {
        EntryType::Directory
    } else if file.is_symlink() {
        EntryType::Symlink
    } else if file.is_file() {
        EntryType::Regular
    } else if file.is_fifo() {
        EntryType::Fifo
    } else if file.is_char_device() {
        EntryType::Char
    } else if file.is_block_device() {
        EntryType::Block
    } else {
        return None;
    })
}
