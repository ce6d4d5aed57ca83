//! A reader of tar archives that may be hostile.

use std::io::{self, Read, Seek, SeekFrom};
use tar::{EntryType, Header, PaxExtensions};

/// The longest extended header, which holds attributes too: those have 64 KiB each (`xattr(7)`).
const MAX_RECORD_BYTES: u64 = 1024 * 1024;

/// The longest path, with the zero at its end (`path_resolution(7)`).
const MAX_PATH_BYTES: u64 = 4096;

const BLOCK_BYTES: usize = 512;
const BLOCK: u64 = BLOCK_BYTES as u64;

/// The byte of a header that tells whether the map of a sparse file goes on in the next block.
const SPARSE_GOES_ON: usize = 482;
/// The same of a block of such a map.
const SPARSE_GOES_FURTHER: usize = 504;

/// Refuses an archive with a record of names or attributes above a megabyte. The `tar` crate
/// reads them as a whole, and a layer of some kilobytes may unpack to one of gigabytes.
pub struct LayerReader<R> {
    inner: R,
    block: [u8; BLOCK_BYTES],
    /// The bytes of the block that were read.
    filled: usize,
    /// The bytes before the next header.
    left: u64,
    /// The extended header (`pax(1)`) that is being read.
    extended: Option<Vec<u8>>,
    /// The size of the next entry, where its extended header has one.
    size: Option<u64>,
    /// The size of the sparse file whose map is being read.
    sparse: Option<u64>,
}

impl<R> LayerReader<R> {
    pub fn new(inner: R) -> Self {
        Self {
            inner,
            block: [0; BLOCK_BYTES],
            filled: 0,
            left: 0,
            extended: None,
            size: None,
            sparse: None,
        }
    }

    fn follow(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            if self.left > 0 {
                let length = bytes.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
                let (content, rest) = bytes.split_at(length);
                if let Some(extended) = &mut self.extended {
                    extended.extend_from_slice(content);
                }
                self.left -= length as u64;
                bytes = rest;
                if self.left == 0
                    && let Some(extended) = self.extended.take()
                {
                    refuse_long_paths(&extended)?;
                    self.size = size_in(&extended);
                }
                continue;
            }
            let (head, rest) = bytes.split_at(bytes.len().min(BLOCK_BYTES - self.filled));
            self.block[self.filled..][..head.len()].copy_from_slice(head);
            self.filled += head.len();
            bytes = rest;
            if self.filled == BLOCK_BYTES {
                self.filled = 0;
                self.take_block()?;
            }
        }
        Ok(())
    }

    /// Takes a header, or a block of the map of a sparse file.
    fn take_block(&mut self) -> io::Result<()> {
        if let Some(size) = self.sparse {
            if self.block[SPARSE_GOES_FURTHER] == 0 {
                self.sparse = None;
                self.left = padded(size);
            }
            return Ok(());
        }
        if self.block.iter().all(|&byte| byte == 0) {
            return Ok(());
        }
        let header = Header::from_byte_slice(&self.block);
        let is_known = header.as_gnu().is_some() || header.as_ustar().is_some();
        let kind = header.entry_type();
        let size = header.entry_size()?;
        match kind {
            EntryType::GNULongName | EntryType::GNULongLink | EntryType::XHeader if is_known => {
                if kind != EntryType::XHeader && size > MAX_PATH_BYTES {
                    return Err(too_long(size));
                }
                if size > MAX_RECORD_BYTES {
                    return Err(invalid(format!("the attributes of an entry have {size} bytes")));
                }
                self.extended = (kind == EntryType::XHeader && size > 0).then(Vec::new);
                self.left = padded(size);
            }
            EntryType::GNULongName
            | EntryType::GNULongLink
            | EntryType::XHeader
            | EntryType::XGlobalHeader => {
                self.size = None;
                self.left = padded(size);
            }
            EntryType::GNUSparse if self.block[SPARSE_GOES_ON] != 0 => {
                self.sparse = Some(self.size.take().unwrap_or(size));
            }
            _ => self.left = padded(self.size.take().unwrap_or(size)),
        }
        Ok(())
    }
}

impl<R: Read> Read for LayerReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.inner.read(buffer)?;
        self.follow(&buffer[..length])?;
        Ok(length)
    }
}

/// For the content of entries alone, which is all that the `tar` crate passes over.
impl<R: Seek> Seek for LayerReader<R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let by = match to {
            SeekFrom::Current(by) => u64::try_from(by).ok().filter(|by| *by <= self.left),
            SeekFrom::Start(_) | SeekFrom::End(_) => None,
        };
        self.left -= by.ok_or(io::ErrorKind::Unsupported)?;
        self.inner.seek(to)
    }
}

/// With the rest of its last block.
fn padded(size: u64) -> u64 {
    size.div_ceil(BLOCK).saturating_mul(BLOCK)
}

fn invalid(why: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

fn too_long(bytes: u64) -> io::Error {
    invalid(format!("a path has {bytes} bytes, and Linux takes at most {MAX_PATH_BYTES}"))
}

fn refuse_long_paths(extended: &[u8]) -> io::Result<()> {
    for record in PaxExtensions::new(extended).flatten() {
        let bytes = record.value_bytes().len() as u64;
        if matches!(record.key(), Ok("path" | "linkpath")) && bytes > MAX_PATH_BYTES {
            return Err(too_long(bytes));
        }
    }
    Ok(())
}

/// The size that an extended header gives an entry.
fn size_in(extended: &[u8]) -> Option<u64> {
    for record in PaxExtensions::new(extended) {
        let record = record.ok()?;
        if record.key() == Ok("size") {
            return record.value().ok()?.parse().ok();
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::{LayerReader, MAX_RECORD_BYTES};
    use std::io::{self, Read as _, Write as _};
    use tar::{Archive, Builder, EntryType, Header};

    fn header(kind: EntryType, size: u64) -> Header {
        let mut header = Header::new_gnu();
        header.set_entry_type(kind);
        header.set_size(size);
        header.set_cksum();
        header
    }

    /// The paths and sizes in an archive, or the error.
    fn read(archive: &[u8]) -> io::Result<Vec<(String, usize)>> {
        let mut found = Vec::new();
        for entry in Archive::new(LayerReader::new(archive)).entries()? {
            let mut entry = entry?;
            let mut content = Vec::new();
            entry.read_to_end(&mut content)?;
            found.push((String::from_utf8_lossy(&entry.path_bytes()).into_owned(), content.len()));
        }
        Ok(found)
    }

    #[test]
    fn long_names_and_attributes_are_read_up_to_a_limit() {
        for (kind, size, why) in [
            (EntryType::GNULongName, 4097, "a path has 4097 bytes, and Linux takes at most 4096"),
            (
                EntryType::GNULongLink,
                1 << 32,
                "a path has 4294967296 bytes, and Linux takes at most 4096",
            ),
            (
                EntryType::XHeader,
                MAX_RECORD_BYTES + 1,
                "the attributes of an entry have 1048577 bytes",
            ),
        ] {
            let mut archive = header(kind, size).as_bytes().to_vec();
            archive.resize(archive.len() + 4096, b'x');
            assert_eq!(read(&archive).expect_err("refused").to_string(), why);
        }
    }

    #[test]
    fn a_path_that_is_too_long_is_refused() {
        let long = "a/".repeat(30_000);
        for key in ["path", "linkpath"] {
            let mut builder = Builder::new(Vec::new());
            builder.append_pax_extensions([(key, long.as_bytes())]).expect("appended");
            let mut file = header(EntryType::Regular, 0);
            builder.append_data(&mut file, "f", &b""[..]).expect("appended");
            let archive = builder.into_inner().expect("finished");
            assert_eq!(
                read(&archive).expect_err("refused").to_string(),
                "a path has 60000 bytes, and Linux takes at most 4096"
            );
        }
    }

    #[test]
    fn entries_are_followed_whatever_stands_before_their_content() {
        let mut builder = Builder::new(Vec::new());
        let long = "long/".repeat(60) + "name";
        let mut file = header(EntryType::Regular, 700);
        builder.append_data(&mut file, &long, &[b'L'; 700][..]).expect("appended");
        builder
            .append_pax_extensions([("comment", &b"12 size=9"[..]), ("size", b"600")])
            .expect("appended");
        // Its own header has another size, as that of a file above eight gigabytes.
        let mut odd = header(EntryType::Regular, 0);
        odd.set_path("odd").expect("a path");
        odd.set_cksum();
        builder.get_mut().write_all(odd.as_bytes()).expect("written");
        builder.get_mut().write_all(&[b'x'; 1024]).expect("written");
        let mut sparse = header(EntryType::GNUSparse, 513);
        let gnu = sparse.as_gnu_mut().expect("a header of GNU");
        gnu.name[..6].copy_from_slice(b"sparse");
        gnu.set_is_extended(true);
        gnu.set_real_size(513);
        sparse.set_cksum();
        builder.get_mut().write_all(sparse.as_bytes()).expect("written");
        let mut map = [0_u8; 512];
        map[..12].copy_from_slice(b"00000000000\0");
        map[12..24].copy_from_slice(b"00000001001\0");
        builder.get_mut().write_all(&map).expect("written");
        builder.get_mut().write_all(&[b'L'; 1024]).expect("written");
        let mut last = header(EntryType::Regular, 3);
        builder.append_data(&mut last, "last", &b"abc"[..]).expect("appended");
        let archive = builder.into_inner().expect("finished");

        let plain: Vec<(String, usize)> = Archive::new(&archive[..])
            .entries()
            .expect("an archive")
            .map(|entry| {
                let mut entry = entry.expect("an entry");
                let length = io::copy(&mut entry, &mut io::sink()).expect("read");
                let path = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
                (path, usize::try_from(length).expect("small"))
            })
            .collect();
        assert_eq!(plain.len(), 4, "{plain:?}");
        assert_eq!(read(&archive).expect("read"), plain);
        // Any record of a megabyte behind them is still found.
        let mut bomb = archive[..archive.len() - 1024].to_vec();
        bomb.extend_from_slice(header(EntryType::GNULongName, 1 << 32).as_bytes());
        bomb.resize(bomb.len() + 4096, b'x');
        read(&bomb).expect_err("refused");
    }
}
