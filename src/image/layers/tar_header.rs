//! Writes reproducible headers of tar archives: POSIX ustar headers, with a pax header
//! (POSIX.1-2001) before an entry only if a value does not fit into a ustar field.

use super::recipe::Owner;
use super::xattrs::{PAX_PREFIX, Xattrs};
use std::borrow::Cow;
use tar::{EntryType, Header};

/// The largest user or group ID that fits into seven octal digits.
const MAX_USTAR_ID: u32 = 0o777_7777;
/// The largest file size that fits into eleven octal digits.
const MAX_USTAR_SIZE: u64 = 0o777_7777_7777;
const BLOCK_BYTES: usize = 512;

/// The fields of a header. `path` has no `/` at either end.
#[derive(Clone, Copy, Debug)]
pub struct EntryHeader<'a> {
    pub path: &'a [u8],
    pub kind: EntryType,
    pub mode: u32,
    pub owner: Owner,
    /// 0 for everything but files.
    pub size: u64,
    /// Empty for everything but links.
    pub target: &'a [u8],
    pub xattrs: Option<&'a Xattrs>,
    /// The numbers of a device, as `stat(2)` of Linux has them.
    pub device: Option<u64>,
}

/// An archive ends with two blocks of zeros.
pub const END_BYTES: u64 = 2 * BLOCK_BYTES as u64;

/// The size of a file's content padded to whole blocks.
pub fn padded(size: u64) -> u64 {
    size.next_multiple_of(BLOCK_BYTES as u64)
}

/// The size of a header including its pax records.
pub fn header_length(entry: &EntryHeader<'_>) -> u64 {
    let path = path(entry);
    let records = records(&path, entry).len() as u64;
    let pax = if records > 0 { BLOCK_BYTES as u64 + padded(records) } else { 0 };
    pax + BLOCK_BYTES as u64
}

/// Writes the header of an entry with the time `mtime`, preceded by a pax header if
/// necessary.
pub fn write_header(out: &mut Vec<u8>, entry: &EntryHeader<'_>, mtime: u64) {
    let path = path(entry);
    let records = records(&path, entry);
    if !records.is_empty() {
        write_pax(out, entry.path, &records, mtime);
    }
    let (prefix, name) = split(&path).unwrap_or((b"", &path));
    let mut header = header(entry, mtime);
    let ustar = header.as_ustar_mut().expect("made as ustar");
    fill(&mut ustar.prefix, prefix);
    fill(&mut ustar.name, name);
    fill(&mut ustar.linkname, entry.target);
    header.set_cksum();
    out.extend_from_slice(header.as_bytes());
}

/// The path in the archive: that of a folder ends with `/`.
fn path<'a>(entry: &EntryHeader<'a>) -> Cow<'a, [u8]> {
    if entry.kind == EntryType::Directory {
        Cow::Owned([entry.path, b"/"].concat())
    } else {
        Cow::Borrowed(entry.path)
    }
}

fn header(entry: &EntryHeader<'_>, mtime: u64) -> Header {
    let mut header = Header::new_ustar();
    header.set_entry_type(entry.kind);
    header.set_mode(entry.mode);
    header.set_uid(entry.owner.uid.min(MAX_USTAR_ID).into());
    header.set_gid(entry.owner.gid.min(MAX_USTAR_ID).into());
    header.set_size(entry.size.min(MAX_USTAR_SIZE));
    header.set_mtime(mtime);
    if let Some(device) = entry.device {
        let number = |number| u32::try_from(number).unwrap_or(0);
        let ustar = "made as ustar";
        header.set_device_major(number(major(device))).expect(ustar);
        header.set_device_minor(number(minor(device))).expect(ustar);
    }
    header
}

/// The first number of a device, as Linux packs both (`makedev(3)`).
fn major(device: u64) -> u64 {
    ((device >> 8) & 0xfff) | ((device >> 32) & 0xffff_f000)
}

fn minor(device: u64) -> u64 {
    (device & 0xff) | ((device >> 12) & 0xffff_ff00)
}

/// Writes a pax header with values that do not fit into the next header.
fn write_pax(out: &mut Vec<u8>, path: &[u8], records: &[u8], mtime: u64) {
    let base = path.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
    let name = [b"PaxHeaders.0/", &base[..base.len().min(80)]].concat();
    let size = records.len() as u64;
    let kind = EntryType::XHeader;
    let (owner, target, xattrs) = (Owner::default(), b"".as_slice(), None);
    let device = None;
    let entry = EntryHeader { path: &name, kind, mode: 0o644, owner, size, target, xattrs, device };
    let mut header = header(&entry, mtime);
    fill(&mut header.as_ustar_mut().expect("made as ustar").name, &name);
    header.set_cksum();
    out.extend_from_slice(header.as_bytes());
    out.extend_from_slice(records);
    out.resize(out.len().next_multiple_of(BLOCK_BYTES), 0);
}

/// Copies as much as fits; the full value is in a pax record.
fn fill(field: &mut [u8], bytes: &[u8]) {
    let length = bytes.len().min(field.len());
    field[..length].copy_from_slice(&bytes[..length]);
}

/// Splits a path into a prefix of up to 155 bytes and a name of up to 100 bytes, if
/// possible.
fn split(path: &[u8]) -> Option<(&[u8], &[u8])> {
    if path.len() <= 100 {
        return Some((b"", path));
    }
    let slashes = path.iter().enumerate().filter(|(_, byte)| **byte == b'/');
    let at = slashes.map(|(at, _)| at).find(|at| path.len() - at - 1 <= 100)?;
    // The name must not be empty, so the final slash of a folder is no place to split.
    (at > 0 && at <= 155 && at + 1 < path.len()).then(|| (&path[..at], &path[at + 1..]))
}

fn records(path: &[u8], entry: &EntryHeader<'_>) -> Vec<u8> {
    let mut records = Vec::new();
    let long_path = split(path).is_none();
    let long_target = entry.target.len() > 100;
    let text = |bytes: &[u8]| std::str::from_utf8(bytes).is_ok();
    if (long_path && !text(path)) || (long_target && !text(entry.target)) {
        record(&mut records, "hdrcharset", b"BINARY");
    }
    if long_path {
        record(&mut records, "path", path);
    }
    if long_target {
        record(&mut records, "linkpath", entry.target);
    }
    for (key, value, largest) in [
        ("size", entry.size, MAX_USTAR_SIZE),
        ("uid", entry.owner.uid.into(), MAX_USTAR_ID.into()),
        ("gid", entry.owner.gid.into(), MAX_USTAR_ID.into()),
    ] {
        if value > largest {
            record(&mut records, key, value.to_string().as_bytes());
        }
    }
    for (name, value) in entry.xattrs.into_iter().flat_map(Xattrs::iter) {
        record(&mut records, &format!("{PAX_PREFIX}{name}"), value);
    }
    records
}

/// Writes `length key=value\n`, where the length includes its own digits.
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
    use super::{BLOCK_BYTES, EntryHeader, header_length, major, minor, padded, write_header};
    use crate::image::layers::recipe::Owner;
    use tar::EntryType;

    fn entry(path: &[u8]) -> EntryHeader<'_> {
        let owner = Owner::default();
        let (kind, mode, size, target) = (EntryType::Regular, 0o644, 0, b"".as_slice());
        EntryHeader { path, kind, mode, owner, size, target, xattrs: None, device: None }
    }

    #[test]
    fn numbers_of_devices_are_those_of_the_c_library() {
        for (first, second) in [(8, 1), (259, 300_000), (0x1234_5678, 0x9abc_def0)] {
            let device = nix::sys::stat::makedev(first, second);
            assert_eq!((major(device), minor(device)), (first, second));
        }
    }

    fn written(entries: &[EntryHeader<'_>]) -> Vec<u8> {
        let mut archive = Vec::new();
        for entry in entries {
            let before = archive.len() as u64;
            write_header(&mut archive, entry, 7);
            assert_eq!(archive.len() as u64 - before, header_length(entry));
            let data = usize::try_from(padded(entry.size)).expect("small");
            archive.resize(archive.len() + data, 0);
        }
        archive.resize(archive.len() + 2 * BLOCK_BYTES, 0);
        archive
    }

    fn paths(bytes: &[u8]) -> Vec<Vec<u8>> {
        let mut archive = tar::Archive::new(bytes);
        let found = archive.entries().expect("an archive");
        found.map(|entry| entry.expect("an entry").path_bytes().into_owned()).collect()
    }

    #[test]
    fn a_short_entry_is_one_block_and_the_end_two() {
        let bytes = written(&[entry(b"a/b")]);

        assert_eq!(bytes.len(), 3 * 512);
        assert_eq!(&bytes[..4], b"a/b\0");
    }

    #[test]
    fn data_is_filled_up_to_whole_blocks() {
        for (size, blocks) in [(1, 1), (511, 1), (512, 1), (513, 2)] {
            let bytes = written(&[EntryHeader { size, ..entry(b"a") }]);
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
                let folder = EntryHeader { kind: EntryType::Directory, ..entry(&path) };
                let expected = vec![path.clone(), [path.as_slice(), b"/"].concat()];
                assert_eq!(paths(&written(&[entry(&path), folder])), expected, "{length}");
            }
        }
    }

    #[test]
    fn large_values_are_in_pax_records() {
        let long = vec![b'y'; 150];
        let owner = Owner { uid: 3_000_000, gid: u32::MAX };
        let bytes = written(&[EntryHeader {
            owner,
            kind: EntryType::Symlink,
            target: &long,
            ..entry(b"l")
        }]);

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
            paths(&written(&[entry(b"\xff\xfe"), entry(&long)])),
            [b"\xff\xfe".to_vec(), long]
        );
    }
}
