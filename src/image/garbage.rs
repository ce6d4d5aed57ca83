//! Finds the blobs of a store that nothing needs any more.

use super::store::Store;
use crate::oci::Digest;
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// A younger blob may belong to a build that is still going on.
const MIN_AGE: Duration = Duration::from_hours(1);

/// Larger blobs are layers, which name no other blob.
const MAX_DOCUMENT_BYTES: u64 = 4 << 20;

/// A blob that nothing needs.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct UnusedBlob {
    pub path: PathBuf,
    pub bytes: u64,
}

impl Store {
    /// The blobs that are reached from none of the `roots`: not by a manifest that is
    /// in the store, nor by what that names.
    pub fn unused(&self, roots: BTreeSet<Digest>, now: SystemTime) -> Vec<UnusedBlob> {
        let mut unused = Vec::new();
        for entry in fs::read_dir(self.blobs()).into_iter().flatten().flatten() {
            let Ok(metadata) = entry.metadata() else { continue };
            let age = metadata.modified().map(|at| now.duration_since(at).unwrap_or_default());
            if age.is_ok_and(|age| age > MIN_AGE) {
                unused.push(UnusedBlob { path: entry.path(), bytes: metadata.len() });
            }
        }
        if unused.is_empty() {
            return unused;
        }
        let needed = self.reached(roots);
        let name = |blob: &UnusedBlob| Some(blob.path.file_name()?.to_str()?.to_owned());
        unused.retain(|blob| name(blob).is_some_and(|hex| !needed.contains(&hex)));
        unused.sort_by(|one, other| one.path.cmp(&other.path));
        unused
    }

    /// The hexadecimal digits of every digest that is named, directly or by a
    /// document that is.
    fn reached(&self, roots: BTreeSet<Digest>) -> BTreeSet<String> {
        let mut reached = BTreeSet::new();
        let mut waiting: Vec<Digest> = roots.into_iter().collect();
        while let Some(digest) = waiting.pop() {
            if !reached.insert(digest.hex().to_owned()) {
                continue;
            }
            let Ok(path) = self.path(&digest) else { continue };
            let Ok(Some(text)) = document(&path) else { continue };
            waiting.extend(digests_in(&String::from_utf8_lossy(&text)));
        }
        reached
    }
}

/// The bytes of a blob that may be a manifest or a configuration.
fn document(path: &Path) -> io::Result<Option<Vec<u8>>> {
    let mut file = File::open(path)?;
    if file.metadata()?.len() > MAX_DOCUMENT_BYTES {
        return Ok(None);
    }
    let mut bytes = vec![0];
    file.read_exact(&mut bytes)?;
    if bytes != b"{" {
        return Ok(None);
    }
    file.read_to_end(&mut bytes)?;
    Ok(Some(bytes))
}

/// Every SHA-256 digest in a text, such as a manifest or a journal.
pub fn digests_in(text: &str) -> BTreeSet<Digest> {
    const START: &str = "sha256:";
    let found = text.match_indices(START).filter_map(|(at, _)| {
        let digest = text.get(at..at + START.len() + 64)?;
        digest.parse().ok()
    });
    found.collect()
}

#[cfg(test)]
mod tests {
    use super::digests_in;
    use crate::image::store::Store;
    use crate::oci::Digest;
    use std::time::{Duration, SystemTime};

    #[test]
    fn blobs_that_no_root_reaches_are_unused() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(folder.path()).expect("a store");
        let put = |bytes: &[u8]| store.put("x", bytes).expect("stored").digest;
        let (layer, loose) = (put(b"a layer"), put(b"a loose blob"));
        let manifest = put(format!(r#"{{"layers":[{{"digest":"{layer}"}}]}}"#).as_bytes());
        let index = put(format!(r#"{{"manifests":[{{"digest":"{manifest}"}}]}}"#).as_bytes());

        let later = SystemTime::now() + Duration::from_hours(2);
        let unused = |roots: &[&Digest], now| {
            let roots = roots.iter().map(|&root| root.clone()).collect();
            store.unused(roots, now).into_iter().map(|blob| blob.path).collect::<Vec<_>>()
        };
        assert_eq!(unused(&[&index], later), [store.path(&loose).expect("a path")]);
        assert_eq!(unused(&[], later).len(), 4);
        assert!(unused(&[], SystemTime::now()).is_empty(), "all are young");
    }

    #[test]
    fn digests_are_found_in_any_text() {
        let digest = Digest::of(b"x");
        let text = format!(r#"{{"built":"{digest}","short":"sha256:00","also":"a@{digest}"}}"#);
        assert_eq!(digests_in(&text).into_iter().collect::<Vec<_>>(), [digest]);
    }
}
