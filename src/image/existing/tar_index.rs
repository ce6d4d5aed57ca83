//! Looks up files in a tar archive by name.
//!
//! Nothing is unpacked to the disk: entry names are only keys of a map, so a name such as
//! `../x` cannot do harm. An archive with such names is refused nevertheless, since no tool
//! writes them.

use super::cancellable::CancellableReader;
use super::error::ExistingError;
use crate::image::WorkControl;
use crate::image::store::Store;
use crate::image::stream::{Packing, sniff, unpacked};
use crate::oci::LayerReader;
use crate::value::path_below;
use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read, Seek as _};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use tar::EntryType;

/// The largest number of links that are followed for one name.
const MAX_LINKS: usize = 8;

/// An archive and the position of each file in it.
pub struct TarIndex {
    path: PathBuf,
    file: File,
    entries: HashMap<String, TarEntry>,
}

enum TarEntry {
    File {
        offset: u64,
        size: u64,
    },
    /// The same content as another name.
    Link(String),
}

/// A section of a file, read without moving the file's position, so that several can be read
/// at once.
pub struct Section<'a> {
    file: &'a File,
    at: u64,
    end: u64,
}

impl Section<'_> {
    pub fn length(&self) -> u64 {
        self.end - self.at
    }
}

impl Read for Section<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.length()).unwrap_or(usize::MAX);
        let want = left.min(buffer.len());
        let read = self.file.read_at(&mut buffer[..want], self.at)?;
        self.at += read as u64;
        Ok(read)
    }
}

impl TarIndex {
    /// Indexes an archive. A compressed archive is first decompressed to a temporary file in
    /// the store.
    pub fn open(
        path: &Path,
        store: &Store,
        control: &WorkControl<'_>,
    ) -> Result<Self, ExistingError> {
        let read = |source| ExistingError::Read { path: path.to_owned(), source };
        let mut file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(ExistingError::Missing { what: "file", path: path.to_owned() });
            }
            Err(error) => return Err(read(error)),
        };
        let (packing, _) = sniff(&file).map_err(read)?;
        file.rewind().map_err(read)?;
        if packing != Packing::Plain {
            file = unpack(path, &file, store, control)?;
        }
        let entries = index(path, &file)?;
        Ok(Self { path: path.to_owned(), file, entries })
    }

    /// Finds a file by name, following links within the archive.
    pub fn find(&self, name: &str) -> Result<Option<Section<'_>>, ExistingError> {
        let mut name = self.inside(name)?;
        for _ in 0..=MAX_LINKS {
            match self.entries.get(&name) {
                None => return Ok(None),
                Some(TarEntry::File { offset, size }) => {
                    let (at, end) = (*offset, offset + size);
                    return Ok(Some(Section { file: &self.file, at, end }));
                }
                Some(TarEntry::Link(target)) => name.clone_from(target),
            }
        }
        Ok(None)
    }

    fn inside(&self, name: &str) -> Result<String, ExistingError> {
        path_below("", name).ok_or_else(|| ExistingError::Outside {
            path: self.path.clone(),
            name: name.to_owned(),
        })
    }
}

/// Decompresses an archive to an anonymous file. The progress shows the archive's name,
/// since its content is not known yet.
fn unpack(
    path: &Path,
    file: &File,
    store: &Store,
    control: &WorkControl<'_>,
) -> Result<File, ExistingError> {
    let read = |source| ExistingError::Read { path: path.to_owned(), source };
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let done = control.tally.add(&name, file.metadata().map_err(read)?.len());
    let mut packed = CancellableReader::new(file, control.stop).counted_by(done);
    let mut plain = store.temporary()?.into_file();
    let copied = unpacked(&mut packed).and_then(|mut stream| io::copy(&mut stream, &mut plain));
    if packed.stopped() {
        return Err(ExistingError::Stopped);
    }
    copied.map_err(read)?;
    plain.rewind().map_err(read)?;
    Ok(plain)
}

fn index(path: &Path, file: &File) -> Result<HashMap<String, TarEntry>, ExistingError> {
    let read = |source| ExistingError::Read { path: path.to_owned(), source };
    let length = file.metadata().map_err(read)?.len();
    let mut archive = tar::Archive::new(LayerReader::new(file));
    let mut entries = HashMap::new();
    let mut before: Option<String> = None;
    for entry in archive.entries_with_seek().map_err(read)? {
        // The errors of the `tar` crate quote the bytes that they stumble over.
        let entry = entry.map_err(|error| match &before {
            _ if error.raw_os_error().is_some() => read(error),
            None => ExistingError::NoArchive { path: path.to_owned(), packed: packed_by(file) },
            Some(after) => ExistingError::Damaged { path: path.to_owned(), after: after.clone() },
        })?;
        let raw = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let outside =
            |name: &str| ExistingError::Outside { path: path.to_owned(), name: name.to_owned() };
        let name = path_below("", &raw).ok_or_else(|| outside(&raw))?;
        before = Some(name.clone());
        let target =
            || String::from_utf8_lossy(&entry.link_name_bytes().unwrap_or_default()).into_owned();
        let place = match entry.header().entry_type() {
            EntryType::Regular | EntryType::Continuous => {
                let (offset, size) = (entry.raw_file_position(), entry.size());
                if offset.checked_add(size).is_none_or(|end| end > length) {
                    return Err(ExistingError::Truncated { path: path.to_owned(), name });
                }
                TarEntry::File { offset, size }
            }
            EntryType::Symlink => {
                let folder = name.rsplit_once('/').map_or("", |(folder, _)| folder);
                let target = target();
                TarEntry::Link(path_below(folder, &target).ok_or_else(|| outside(&target))?)
            }
            EntryType::Link => {
                let target = target();
                TarEntry::Link(path_below("", &target).ok_or_else(|| outside(&target))?)
            }
            _ => continue,
        };
        entries.insert(name, place);
    }
    Ok(entries)
}

/// The program that packed a file which is no archive that can be read.
fn packed_by(file: &File) -> Option<&'static str> {
    const PACKERS: [(&[u8], &str); 5] = [
        (b"PK\x03\x04", "zip"),
        (b"7z\xbc\xaf\x27\x1c", "7-Zip"),
        (b"LZIP", "lzip"),
        (b"\x04\x22\x4d\x18", "lz4"),
        (b"\x5d\0\0", "lzma"),
    ];
    let mut start = [0; 8];
    file.read_at(&mut start, 0).ok()?;
    PACKERS.iter().find(|(magic, _)| start.starts_with(magic)).map(|(_, name)| *name)
}

#[cfg(test)]
mod tests {
    use super::TarIndex;
    use crate::image::WorkControl;
    use crate::image::store::Store;
    use crate::value::path_below;
    use std::fs;
    use std::io::Read as _;
    use std::sync::atomic::AtomicBool;
    use tar::{Builder, EntryType, Header};
    use tempfile::TempDir;

    struct Packed {
        folder: TempDir,
        bytes: Vec<u8>,
    }

    /// An archive with names that no tool would write.
    fn packed(entries: &[(&str, EntryType, &str)]) -> Packed {
        let mut builder = Builder::new(Vec::new());
        for (name, kind, text) in entries {
            let mut header = Header::new_gnu();
            let field = &mut header.as_gnu_mut().expect("made as GNU").name;
            field[..name.len()].copy_from_slice(name.as_bytes());
            header.set_entry_type(*kind);
            let content = if *kind == EntryType::Regular { text.as_bytes() } else { b"" };
            if content.is_empty() {
                header.set_link_name_literal(text).expect("short");
            }
            header.set_size(content.len() as u64);
            header.set_cksum();
            builder.append(&header, content).expect("memory");
        }
        let bytes = builder.into_inner().expect("memory");
        Packed { folder: tempfile::tempdir().expect("a folder"), bytes }
    }

    impl Packed {
        fn open(&self) -> Result<TarIndex, String> {
            let store = Store::open(&self.folder.path().join("store")).expect("a store");
            let path = self.folder.path().join("a.tar");
            fs::write(&path, &self.bytes).expect("written");
            let shown = path.display().to_string();
            let stop = AtomicBool::new(false);
            TarIndex::open(&path, &store, &WorkControl::new(&stop))
                .map_err(|error| error.to_string().replace(&shown, "a.tar"))
        }
    }

    fn text(archive: &TarIndex, name: &str) -> Option<String> {
        let mut text = String::new();
        archive.find(name).expect("inside")?.read_to_string(&mut text).expect("text");
        Some(text)
    }

    const FILE: EntryType = EntryType::Regular;
    const LINK: EntryType = EntryType::Symlink;

    #[test]
    fn files_are_found_by_name_and_through_links() {
        let packed = packed(&[("./a/x", FILE, "one"), ("b/x", LINK, "../a/x"), ("c", LINK, "c")]);
        let archive = packed.open().expect("an archive");

        assert_eq!(text(&archive, "a/x").as_deref(), Some("one"));
        assert_eq!(text(&archive, "b/x").as_deref(), Some("one"));
        assert_eq!(text(&archive, "c"), None, "a link to itself");
        assert_eq!(text(&archive, "d"), None);
        assert!(archive.find("../a/x").is_err());
    }

    #[test]
    fn a_compressed_archive_is_decompressed_first() {
        let mut packed = packed(&[("x", FILE, "one")]);
        packed.bytes = zstd::bulk::compress(&packed.bytes, 1).expect("zstd");
        assert_eq!(text(&packed.open().expect("an archive"), "x").as_deref(), Some("one"));

        let path = packed.folder.path().join("a.tar");
        let store = Store::open(&packed.folder.path().join("store")).expect("a store");
        let opened = |stop: bool| {
            let stop = AtomicBool::new(stop);
            let control = WorkControl::new(&stop);
            let opened = TarIndex::open(&path, &store, &control).map(|_| control.tally.progress());
            opened.map_err(|error| error.to_string())
        };
        let progress = opened(false).expect("an archive");
        let size = packed.bytes.len() as u64;
        let part = &progress.parts[0];
        assert_eq!((part.name.as_str(), part.done, part.total), ("a.tar", size, size));
        assert_eq!(opened(true).expect_err("stopped"), "reading the image was stopped");
    }

    #[test]
    fn other_files_are_named_and_not_quoted() {
        let mut packed = packed(&[("a", FILE, "one")]);
        packed.bytes[512 + 512..].fill(0xfe);
        assert_eq!(
            packed.open().err().expect("refused"),
            "`a.tar` is damaged: what follows `a` in it is not an entry of a tar archive"
        );
        for (start, said) in [
            (&b"\x04\x22\x4d\x18"[..], "`a.tar` is not a tar archive: it is packed by lz4"),
            (b"PK\x03\x04", "`a.tar` is not a tar archive: it is packed by zip"),
            (b"\xfe\xfe", "`a.tar` is not a tar archive"),
        ] {
            packed.bytes = [start, &[0xfe; 1024]].concat();
            assert_eq!(packed.open().err().expect("refused"), said);
        }
    }

    #[test]
    fn names_that_lead_out_are_refused() {
        for (entry, name) in [
            (("/etc/passwd", FILE, "x"), "/etc/passwd"),
            (("../x", FILE, "x"), "../x"),
            (("a/../../x", FILE, "x"), "a/../../x"),
            (("l", LINK, "../x"), "../x"),
            (("l", LINK, "/etc/passwd"), "/etc/passwd"),
            (("l", EntryType::Link, "../x"), "../x"),
        ] {
            let error = packed(&[entry]).open().err().expect("refused");
            assert_eq!(error, format!("`a.tar` contains `{name}`, a path that leads out of it"));
        }
    }

    #[test]
    fn a_size_beyond_the_end_is_refused() {
        let mut packed = packed(&[("big", FILE, "x")]);
        packed.bytes[124..136].copy_from_slice(b"77777777777\0");
        let mut header = Header::from_byte_slice(&packed.bytes[..512]).clone();
        header.set_cksum();
        packed.bytes[..512].copy_from_slice(header.as_bytes());
        assert_eq!(packed.open().err().expect("refused"), "`a.tar` ends within `big`");
    }

    #[test]
    fn an_archive_may_be_cut_anywhere() {
        let mut packed = packed(&[("a", FILE, "one"), ("b", FILE, &"two".repeat(300))]);
        let whole = packed.bytes.clone();
        for length in (0..whole.len()).step_by(100) {
            packed.bytes = whole[..length].to_vec();
            if let Ok(archive) = packed.open() {
                assert!(text(&archive, "a").is_none_or(|text| text == "one"), "{length}");
                assert!(text(&archive, "b").is_none_or(|text| text.len() == 900), "{length}");
            }
        }
    }

    #[test]
    fn names_are_normalised() {
        assert_eq!(path_below("", "./a//b/../c/").as_deref(), Some("a/c"));
        assert_eq!(path_below("a/b", "../c").as_deref(), Some("a/c"));
        assert_eq!(path_below("a", "../../c"), None);
    }
}
