//! Facts that are kept in a store so that they need not be found out again: numbers and byte
//! strings in few bytes, after the digest of all of them.

use super::store::Store;
use crate::oci::Digest;
use std::fs;
use std::io::Write as _;
use std::path::Path;

/// The content of a note, written field by field.
#[derive(Default)]
pub struct NoteWriter(Vec<u8>);

impl NoteWriter {
    /// Seven bits a byte, the lowest first.
    pub fn number(&mut self, mut number: u64) {
        while number > 0x7f {
            self.0.push(number.to_le_bytes()[0] | 0x80);
            number >>= 7;
        }
        self.0.push(number.to_le_bytes()[0]);
    }

    pub fn bytes(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
    }

    /// A path of a sorted list: how much of it is as in the one before, and the rest.
    pub fn path(&mut self, path: &[u8], before: &[u8]) {
        let shared = path.iter().zip(before).take_while(|(one, other)| one == other).count();
        self.number(shared as u64);
        self.bytes(&path[shared..]);
    }

    /// Writes the note. Errors are ignored: without it the next build only takes longer.
    pub fn keep(&self, store: &Store, note: &Path) {
        let check = Digest::of(&self.0);
        if let Ok(mut file) = store.temporary()
            && file.write_all(check.as_str().as_bytes()).is_ok()
            && file.write_all(&self.0).is_ok()
        {
            file.persist(note).ok();
        }
    }
}

/// A note that was read, with the digest that it should have.
pub struct Note(Vec<u8>);

impl Note {
    /// `None` if it is missing or damaged.
    pub fn read(path: &Path) -> Option<Self> {
        let bytes = fs::read(path).ok()?;
        let length = Digest::of(b"").as_str().len();
        let (check, content) = bytes.split_at_checked(length)?;
        (Digest::of(content).as_str().as_bytes() == check).then(|| Self(content.to_vec()))
    }

    pub fn fields(&self) -> NoteReader<'_> {
        NoteReader(&self.0)
    }
}

/// Reads the fields of a note in the order in which they were written.
pub struct NoteReader<'a>(&'a [u8]);

impl<'a> NoteReader<'a> {
    pub fn is_at_end(&self) -> bool {
        self.0.is_empty()
    }

    pub fn number(&mut self) -> Option<u64> {
        let (mut number, mut shift) = (0_u64, 0);
        loop {
            let (first, rest) = self.0.split_first()?;
            self.0 = rest;
            number |= u64::from(first & 0x7f).checked_shl(shift)?;
            if first & 0x80 == 0 {
                return Some(number);
            }
            shift += 7;
        }
    }

    /// A number that is no larger than those of modes and owners.
    pub fn small(&mut self) -> Option<u32> {
        self.number()?.try_into().ok()
    }

    pub fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = usize::try_from(self.number()?).ok()?;
        let (bytes, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(bytes)
    }

    pub fn path(&mut self, before: &[u8]) -> Option<Vec<u8>> {
        let shared = usize::try_from(self.number()?).ok()?;
        let rest = self.bytes()?;
        let mut path = Vec::with_capacity(shared.min(before.len()) + rest.len());
        path.extend_from_slice(before.get(..shared)?);
        path.extend_from_slice(rest);
        Some(path)
    }
}

#[cfg(test)]
mod tests {
    use super::{Note, NoteWriter};
    use crate::image::store::Store;
    use std::fs;

    #[test]
    fn fields_are_read_as_they_were_written() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(folder.path()).expect("a store");
        let path = store.notes().join("note");
        assert!(Note::read(&path).is_none());
        let mut note = NoteWriter::default();
        for number in [0, 127, 128, u64::MAX] {
            note.number(number);
        }
        note.bytes(b"");
        note.path(b"a/\xff", b"");
        note.path(b"a/b", b"a/\xff");
        note.keep(&store, &path);

        let read = Note::read(&path).expect("a note");
        let mut fields = read.fields();
        let numbers = [(); 4].map(|()| fields.number());
        assert_eq!(numbers, [Some(0), Some(127), Some(128), Some(u64::MAX)]);
        assert_eq!(fields.bytes(), Some(b"".as_slice()));
        assert_eq!(fields.path(b""), Some(b"a/\xff".to_vec()));
        assert!(!fields.is_at_end());
        assert_eq!(fields.path(b"a/\xff"), Some(b"a/b".to_vec()));
        assert!(fields.is_at_end() && fields.number().is_none() && fields.bytes().is_none());

        let mut bytes = fs::read(&path).expect("there");
        let last = bytes.len() - 1;
        bytes[last] ^= 1;
        fs::write(&path, &bytes).expect("written");
        assert!(Note::read(&path).is_none());
        for length in 0..bytes.len() {
            fs::write(&path, &bytes[..length]).expect("torn");
            assert!(Note::read(&path).is_none(), "cut at {length}");
        }
    }
}
