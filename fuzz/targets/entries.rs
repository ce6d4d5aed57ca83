//! Makes tar archives of arbitrary bytes: unchanged, or as entries with valid
//! headers, so that their content is reached.

use crate::bytes::Bytes;

/// Names that lead somewhere, instead of one of its own.
const NAMES: [&[u8]; 12] = [
    b"../out",
    b"/out",
    b"a",
    b"a/b",
    b"a/../../out",
    b".",
    b"..",
    b".wh.a",
    b".wh..wh..opq",
    b"a/.wh.b",
    b"./a",
    b"",
];

/// What links lead to, instead of one of its own.
const TARGETS: [&[u8]; 8] = [b"..", b"../..", b"/", b"/tmp", b"a", b"../out", b"b/../..", b"."];

const KINDS: [u8; 12] = *b"0125346xgLK7";

fn name<'a>(bytes: &mut Bytes<'a>, known: &[&'a [u8]]) -> &'a [u8] {
    match usize::from(bytes.byte()) {
        index if index < known.len() => known[index],
        _ => bytes.piece(),
    }
}

pub fn archive(input: &[u8]) -> Vec<u8> {
    let mut bytes = Bytes(input);
    if bytes.byte() == b'=' {
        return bytes.0.to_vec();
    }
    let mut archive = Vec::new();
    for _ in 0..16 {
        if bytes.0.is_empty() {
            break;
        }
        let kind = KINDS[usize::from(bytes.byte()) % KINDS.len()];
        let (path, link) = (name(&mut bytes, &NAMES), name(&mut bytes, &TARGETS));
        let content = bytes.piece();
        let size = match bytes.byte() {
            255 => u64::MAX,
            254 => 1 << 40,
            253 => content.len() as u64 + 1,
            _ => content.len() as u64,
        };
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::new(kind));
        header.set_size(size);
        header.set_mode(u32::from(bytes.byte()) << 4 | 0o700);
        let raw = header.as_mut_bytes();
        let (path, link) = (&path[..path.len().min(100)], &link[..link.len().min(100)]);
        raw[..path.len()].copy_from_slice(path);
        raw[157..157 + link.len()].copy_from_slice(link);
        header.set_cksum();
        archive.extend_from_slice(header.as_bytes());
        archive.extend_from_slice(content);
        archive.resize(archive.len().next_multiple_of(512), 0);
    }
    archive.resize(archive.len() + 1024, 0);
    archive
}
