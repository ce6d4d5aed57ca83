//! Notes in the store which image another was built on or copied from. A lost note is
//! harmless: it only answers later questions.

use super::store::Store;
use crate::oci::Digest;
use std::fs;
use std::path::PathBuf;

impl Store {
    /// Notes the origin of an image: its base, or the image it is a copy of, as
    /// `host/repository@digest`.
    pub fn note_origin(&self, manifest: &Digest, origin: &str) {
        fs::write(self.origin_note(manifest), origin).ok();
    }

    /// The noted origin, if any.
    pub fn origin(&self, manifest: &Digest) -> Option<String> {
        fs::read_to_string(self.origin_note(manifest)).ok()
    }

    fn origin_note(&self, manifest: &Digest) -> PathBuf {
        self.notes().join(format!("origin-{}", manifest.hex()))
    }
}

#[cfg(test)]
mod tests {
    use crate::image::Store;
    use crate::oci::Digest;

    #[test]
    fn an_origin_is_remembered() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(folder.path()).expect("a store");
        let image = Digest::of(b"image");

        assert_eq!(store.origin(&image), None);
        store.note_origin(&image, "docker.io/library/alpine@sha256:00");
        assert_eq!(store.origin(&image).as_deref(), Some("docker.io/library/alpine@sha256:00"));
    }
}
