//! The headers of tar archives, whose bytes depend on nothing but what is asked
//! for.
//!
//! POSIX ustar headers, and a pax header (POSIX.1-2001) before an entry only
//! where a ustar field is too small for it.

use super::recipe::Owner;
use std::borrow::Cow;
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

/// What ends an archive: two blocks of zeros.
pub(super) const END: u64 = 2 * BLOCK as u64;

/// How long a file's bytes are with the zeros that fill up the last block.
pub(super) fn padded(size: u64) -> u64 {
    size.next_multiple_of(BLOCK as u64)
}

/// How long a header is, with the records before it.
pub(super) fn head_length(head: &Head<'_>) -> u64 {
    let path = path(head);
    let records = records(&path, head).len() as u64;
    let pax = if records > 0 { BLOCK as u64 + padded(records) } else { 0 };
    pax + BLOCK as u64
}

/// Writes the header of an entry from `mtime`, and before it the records for
/// what it cannot hold.
pub(super) fn write_head(out: &mut Vec<u8>, head: &Head<'_>, mtime: u64) {
    let path = path(head);
    let records = records(&path, head);
    if !records.is_empty() {
        write_pax(out, head.path, &records, mtime);
    }
    let (prefix, name) = split(&path).unwrap_or((b"", &path));
    let mut header = header(head, mtime);
    let ustar = header.as_ustar_mut().expect("made as ustar");
    fill(&mut ustar.prefix, prefix);
    fill(&mut ustar.name, name);
    fill(&mut ustar.linkname, head.target);
    header.set_cksum();
    out.extend_from_slice(header.as_bytes());
}

/// As it stands in the archive: a folder's with a `/` at its end.
fn path<'a>(head: &Head<'a>) -> Cow<'a, [u8]> {
    if head.kind == EntryType::Directory {
        Cow::Owned([head.path, b"/"].concat())
    } else {
        Cow::Borrowed(head.path)
    }
}

fn header(head: &Head<'_>, mtime: u64) -> Header {
    let mut header = Header::new_ustar();
    header.set_entry_type(head.kind);
    header.set_mode(head.mode);
    header.set_uid(head.owner.uid.min(LARGEST_ID).into());
    header.set_gid(head.owner.gid.min(LARGEST_ID).into());
    header.set_size(head.size.min(LARGEST_SIZE));
    header.set_mtime(mtime);
    header
}

/// Writes the records that hold what the next header cannot.
fn write_pax(out: &mut Vec<u8>, path: &[u8], records: &[u8], mtime: u64) {
    let base = path.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
    let name = [b"PaxHeaders.0/", &base[..base.len().min(80)]].concat();
    let size = records.len() as u64;
    let kind = EntryType::XHeader;
    let head = Head { path: &name, kind, mode: 0o644, owner: Owner::default(), size, target: b"" };
    let mut header = header(&head, mtime);
    fill(&mut header.as_ustar_mut().expect("made as ustar").name, &name);
    header.set_cksum();
    out.extend_from_slice(header.as_bytes());
    out.extend_from_slice(records);
    out.resize(out.len().next_multiple_of(BLOCK), 0);
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
    use super::{BLOCK, Head, head_length, padded, write_head};
    use crate::image::layers::recipe::Owner;
    use tar::EntryType;

    fn head(path: &[u8]) -> Head<'_> {
        let owner = Owner::default();
        Head { path, kind: EntryType::Regular, mode: 0o644, owner, size: 0, target: b"" }
    }

    fn written(heads: &[Head<'_>]) -> Vec<u8> {
        let mut archive = Vec::new();
        for head in heads {
            let before = archive.len() as u64;
            write_head(&mut archive, head, 7);
            assert_eq!(archive.len() as u64 - before, head_length(head));
            let data = usize::try_from(padded(head.size)).expect("small");
            archive.resize(archive.len() + data, 0);
        }
        archive.resize(archive.len() + 2 * BLOCK, 0);
        archive
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
}
