//! Writes tar archives whose bytes depend on nothing but what is asked for.
//!
//! POSIX ustar headers, and a pax header (POSIX.1-2001) before an entry only
//! where a ustar field is too small for it.

use super::recipe::Owner;
use std::io::{self, Read, Write};
use tar::{EntryType, Header};

/// The largest number that seven octal digits hold: user and group.
const LARGEST_ID: u32 = 0o777_7777;
/// The largest number that eleven octal digits hold: size.
const LARGEST_SIZE: u64 = 0o777_7777_7777;
const BLOCK: usize = 512;

/// What stands in a header. `path` has no `/` at either end.
#[derive(Clone, Copy, Debug)]
pub(super) struct Head<'a> {
    pub(super) path: &'a [u8],
    pub(super) kind: EntryType,
    pub(super) mode: u32,
    pub(super) owner: Owner,
    /// Of a file, else 0.
    pub(super) size: u64,
    /// Of a link, else empty.
    pub(super) target: &'a [u8],
}

/// An archive under way.
pub(super) struct Tape<W> {
    inner: W,
    /// The time of every entry.
    mtime: u64,
    buffer: Box<[u8]>,
}

impl<W: Write> Tape<W> {
    pub(super) fn new(inner: W, mtime: u64) -> Self {
        Self { inner, mtime, buffer: vec![0; 1 << 17].into_boxed_slice() }
    }

    /// Writes a header. A file's bytes must follow, by [`Tape::data`].
    pub(super) fn head(&mut self, head: Head<'_>) -> io::Result<()> {
        let mut path = head.path.to_vec();
        if head.kind == EntryType::Directory {
            path.push(b'/');
        }
        let records = records(&path, &head);
        if !records.is_empty() {
            self.pax(head.path, &records)?;
        }
        let (prefix, name) = split(&path).unwrap_or((b"", &path));
        let mut header = self.header(&head);
        let ustar = header.as_ustar_mut().expect("made as ustar");
        fill(&mut ustar.prefix, prefix);
        fill(&mut ustar.name, name);
        fill(&mut ustar.linkname, head.target);
        header.set_cksum();
        self.inner.write_all(header.as_bytes())
    }

    fn header(&self, head: &Head<'_>) -> Header {
        let mut header = Header::new_ustar();
        header.set_entry_type(head.kind);
        header.set_mode(head.mode);
        header.set_uid(head.owner.uid.min(LARGEST_ID).into());
        header.set_gid(head.owner.gid.min(LARGEST_ID).into());
        header.set_size(head.size.min(LARGEST_SIZE));
        header.set_mtime(self.mtime);
        header
    }

    /// Writes the records that hold what the next header cannot.
    fn pax(&mut self, path: &[u8], records: &[u8]) -> io::Result<()> {
        let base = path.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
        let name = [b"PaxHeaders.0/", &base[..base.len().min(80)]].concat();
        let size = records.len() as u64;
        let kind = EntryType::XHeader;
        let head =
            Head { path: &name, kind, mode: 0o644, owner: Owner::default(), size, target: b"" };
        let mut header = self.header(&head);
        fill(&mut header.as_ustar_mut().expect("made as ustar").name, &name);
        header.set_cksum();
        self.inner.write_all(header.as_bytes())?;
        self.data(&mut &*records, size)
    }

    /// Copies exactly `size` bytes and fills up the last block.
    pub(super) fn data(&mut self, reader: &mut dyn Read, size: u64) -> io::Result<()> {
        let mut left = size;
        while left > 0 {
            let want = usize::try_from(left).unwrap_or(usize::MAX).min(self.buffer.len());
            match reader.read(&mut self.buffer[..want]) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(read) => {
                    self.inner.write_all(&self.buffer[..read])?;
                    left -= read as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        let over = usize::try_from(size % BLOCK as u64).expect("less than a block");
        let padding = (BLOCK - over) % BLOCK;
        self.inner.write_all(&[0; BLOCK][..padding])
    }

    /// Ends the archive.
    pub(super) fn finish(mut self) -> io::Result<W> {
        self.inner.write_all(&[0; 2 * BLOCK])?;
        self.inner.flush()?;
        Ok(self.inner)
    }
}

/// As much as fits; the rest stands in a pax record.
fn fill(field: &mut [u8], bytes: &[u8]) {
    let length = bytes.len().min(field.len());
    field[..length].copy_from_slice(&bytes[..length]);
}

/// A path as prefix (155 bytes) and name (100 bytes), where it can be split so.
fn split(path: &[u8]) -> Option<(&[u8], &[u8])> {
    if path.len() <= 100 {
        return Some((b"", path));
    }
    let slashes = path.iter().enumerate().filter(|(_, byte)| **byte == b'/');
    let at = slashes.map(|(at, _)| at).find(|at| path.len() - at - 1 <= 100)?;
    // The slash at the end of a folder leaves no name behind it.
    (at > 0 && at <= 155 && at + 1 < path.len()).then(|| (&path[..at], &path[at + 1..]))
}

fn records(path: &[u8], head: &Head<'_>) -> Vec<u8> {
    let mut records = Vec::new();
    let long_path = split(path).is_none();
    let long_target = head.target.len() > 100;
    let text = |bytes: &[u8]| std::str::from_utf8(bytes).is_ok();
    if (long_path && !text(path)) || (long_target && !text(head.target)) {
        record(&mut records, "hdrcharset", b"BINARY");
    }
    if long_path {
        record(&mut records, "path", path);
    }
    if long_target {
        record(&mut records, "linkpath", head.target);
    }
    for (key, value, largest) in [
        ("size", head.size, LARGEST_SIZE),
        ("uid", head.owner.uid.into(), LARGEST_ID.into()),
        ("gid", head.owner.gid.into(), LARGEST_ID.into()),
    ] {
        if value > largest {
            record(&mut records, key, value.to_string().as_bytes());
        }
    }
    records
}

/// `length key=value\n`, where the length counts its own digits too.
fn record(records: &mut Vec<u8>, key: &str, value: &[u8]) {
    let rest = key.len() + value.len() + 3;
    let mut length = rest + 1;
    while rest + length.to_string().len() != length {
        length = rest + length.to_string().len();
    }
    records.extend_from_slice(format!("{length} {key}=").as_bytes());
    records.extend_from_slice(value);
    records.push(b'\n');
}

#[cfg(test)]
mod tests {
    use super::{Head, Tape};
    use crate::image::layers::recipe::Owner;
    use std::io::Read as _;
    use tar::EntryType;

    fn head(path: &[u8]) -> Head<'_> {
        let owner = Owner::default();
        Head { path, kind: EntryType::Regular, mode: 0o644, owner, size: 0, target: b"" }
    }

    fn written(heads: &[Head<'_>]) -> Vec<u8> {
        let mut tape = Tape::new(Vec::new(), 7);
        for head in heads {
            tape.head(*head).expect("memory");
            let mut zeros = std::io::repeat(0);
            tape.data(&mut zeros, head.size).expect("memory");
        }
        tape.finish().expect("memory")
    }

    fn paths(bytes: &[u8]) -> Vec<Vec<u8>> {
        let mut archive = tar::Archive::new(bytes);
        let entries = archive.entries().expect("an archive");
        entries.map(|entry| entry.expect("an entry").path_bytes().into_owned()).collect()
    }

    #[test]
    fn a_short_entry_is_one_block_and_the_end_two() {
        let bytes = written(&[head(b"a/b")]);

        assert_eq!(bytes.len(), 3 * 512);
        assert_eq!(&bytes[..4], b"a/b\0");
    }

    #[test]
    fn data_is_filled_up_to_whole_blocks() {
        for (size, blocks) in [(1, 1), (511, 1), (512, 1), (513, 2)] {
            let bytes = written(&[Head { size, ..head(b"a") }]);
            assert_eq!(bytes.len(), (3 + blocks) * 512, "{size}");
        }
    }

    #[test]
    fn every_length_of_path_is_read_back() {
        for length in [99, 100, 101, 155, 156, 157, 255, 256, 257, 300, 5000] {
            let flat = vec![b'x'; length];
            let deep: Vec<u8> =
                b"abcdefghi/".iter().copied().cycle().take(length - 1).chain([b'z']).collect();
            for path in [flat, deep] {
                let folder = Head { kind: EntryType::Directory, ..head(&path) };
                let expected = vec![path.clone(), [path.as_slice(), b"/"].concat()];
                assert_eq!(paths(&written(&[head(&path), folder])), expected, "{length}");
            }
        }
    }

    #[test]
    fn what_a_field_cannot_hold_stands_in_a_record() {
        let long = vec![b'y'; 150];
        let owner = Owner { uid: 3_000_000, gid: u32::MAX };
        let bytes =
            written(&[Head { owner, kind: EntryType::Symlink, target: &long, ..head(b"l") }]);

        let text = String::from_utf8_lossy(&bytes);
        assert!(text.contains("15 uid=3000000\n"), "{text}");
        assert!(text.contains("18 gid=4294967295\n"), "{text}");
        let mut archive = tar::Archive::new(&bytes[..]);
        let entry = archive.entries().expect("an archive").next().expect("one").expect("readable");
        assert_eq!(entry.link_name_bytes().expect("a target"), &long[..]);
    }

    #[test]
    fn names_need_not_be_text() {
        let long: Vec<u8> = [&[0xff; 120][..], b"/x"].concat();
        assert_eq!(
            paths(&written(&[head(b"\xff\xfe"), head(&long)])),
            [b"\xff\xfe".to_vec(), long]
        );
    }

    #[test]
    fn a_file_that_shrank_is_an_error() {
        let mut tape = Tape::new(Vec::new(), 0);
        let error = tape.data(&mut b"abc".take(3), 4).expect_err("too short");
        assert_eq!(error.kind(), std::io::ErrorKind::UnexpectedEof);
    }
}
