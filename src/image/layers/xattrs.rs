//! Extended attributes of files, such as the capabilities of a program.
//!
//! In a tar archive they are pax records `SCHILY.xattr.NAME`, which docker, podman and
//! containerd read and write.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::Arc;

/// What the name of an attribute follows in a pax record.
pub const PAX_PREFIX: &str = "SCHILY.xattr.";
const CAPABILITY: &str = "security.capability";
/// The longest value of [`CAPABILITY`] (`linux/capability.h`, `vfs_ns_cap_data`).
const MAX_CAPABILITY_BYTES: usize = 24;

/// Attributes by name. Most files have none.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Xattrs(Option<Arc<BTreeMap<String, Vec<u8>>>>);

impl Xattrs {
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// The attributes, by name.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &[u8])> {
        let attributes = self.0.as_deref().unwrap_or(&EMPTY);
        attributes.iter().map(|(name, value)| (name.as_str(), value.as_slice()))
    }

    pub fn of(attributes: BTreeMap<String, Vec<u8>>) -> Self {
        Self((!attributes.is_empty()).then(|| Arc::new(attributes)))
    }

    /// The attributes of an entry of an archive. Fails where one cannot be read, since its
    /// file might not work without it.
    pub fn of_entry(entry: &mut tar::Entry<'_, impl io::Read>) -> io::Result<Self> {
        let path = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let unreadable = || {
            let message = format!("`{path}` in it has an extended attribute that cannot be read");
            io::Error::new(io::ErrorKind::InvalidData, message)
        };
        let Some(records) = entry.pax_extensions()? else { return Ok(Self::default()) };
        let mut attributes = BTreeMap::new();
        for record in records {
            // The `tar` crate does not read a value with a line break.
            let record = record.map_err(|_source| unreadable())?;
            if let Some(name) = record.key_bytes().strip_prefix(PAX_PREFIX.as_bytes()) {
                let name = std::str::from_utf8(name).ok().ok_or_else(unreadable)?;
                attributes.insert(name.to_owned(), record.value_bytes().to_vec());
            }
        }
        Ok(Self::of(attributes))
    }

    /// The capabilities of a program on this machine, which is what docker keeps of a file in
    /// a build context. None where the file system has no attributes.
    pub fn of_program(path: &Path) -> Self {
        let mut value = [0; MAX_CAPABILITY_BYTES];
        match rustix::fs::lgetxattr(path, CAPABILITY, &mut value) {
            Ok(length) if length > 0 => {
                let value = without_user_namespace(&value[..length]);
                Self::of([(CAPABILITY.to_owned(), value)].into())
            }
            Ok(_) | Err(_) => Self::default(),
        }
    }
}

static EMPTY: BTreeMap<String, Vec<u8>> = BTreeMap::new();

/// The value as root writes it: version 3 names the user namespace that it was set in, which
/// means nothing in an image.
fn without_user_namespace(value: &[u8]) -> Vec<u8> {
    match value {
        [flags, zero, other, 3, data @ ..] if data.len() == 20 => {
            [&[*flags, *zero, *other, 2], &data[..16]].concat()
        }
        _ => value.to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::{Xattrs, without_user_namespace};
    use std::io::Read as _;

    /// `cap_net_bind_service=ep`, as `setcap` writes it.
    const BIND: [u8; 20] = [1, 0, 0, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

    fn read(value: &[u8]) -> Result<Xattrs, String> {
        let mut builder = tar::Builder::new(Vec::new());
        builder
            .append_pax_extensions([("SCHILY.xattr.security.capability", value)])
            .expect("memory");
        let mut header = tar::Header::new_ustar();
        header.set_path("bin/app").expect("short");
        header.set_size(0);
        header.set_cksum();
        builder.append(&header, std::io::empty()).expect("memory");
        let bytes = builder.into_inner().expect("memory");
        let mut archive = tar::Archive::new(bytes.as_slice());
        let mut entry = archive.entries().expect("entries").next().expect("one").expect("one");
        entry.read_to_end(&mut Vec::new()).expect("read");
        Xattrs::of_entry(&mut entry).map_err(|error| error.to_string())
    }

    #[test]
    fn attributes_of_an_archive_are_read_or_refused() {
        let attributes = read(&BIND).expect("read");
        assert_eq!(attributes.iter().collect::<Vec<_>>(), [("security.capability", &BIND[..])]);
        assert_eq!(
            read(b"a\nb").expect_err("a line break"),
            "`bin/app` in it has an extended attribute that cannot be read"
        );
    }

    #[test]
    fn capabilities_are_those_of_root() {
        let mut of_namespace = BIND.to_vec();
        of_namespace[3] = 3;
        of_namespace.extend([0xe8, 3, 0, 0]);
        assert_eq!(without_user_namespace(&of_namespace), BIND);
        assert_eq!(without_user_namespace(&BIND), BIND);
        let file = tempfile::NamedTempFile::new().expect("a file");
        assert!(Xattrs::of_program(file.path()).is_empty());
    }
}
