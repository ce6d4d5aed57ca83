//! The content of the registries as files: each blob and manifest once by digest,
//! and for each repository what it refers to.
//!
//! ```text
//! registry/content/sha256/HEX             bytes, shared by all repositories
//! registry/hosts/HOST/REPOSITORY/
//!     _blobs/sha256/HEX                   empty: this repository has that blob
//!     _expected/sha256/HEX                the size of a blob that is still outside
//!     _manifests/sha256/HEX               its media type
//!     _tags/TAG                           a digest
//!     _referrers/sha256-HEX/sha256-HEX    descriptors of what refers to it
//! ```
//!
//! No part of a repository's name begins with `_`, so these names cannot clash.
//! Nothing is cached in memory, so a restart loses nothing.

use crate::local::files::{FileError, create_folder, write_private};
use crate::oci::{Descriptor, Digest, Reference};
use jiff::Timestamp;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// A manifest as it was pushed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct StoredManifest {
    pub media_type: String,
    pub digest: Digest,
    pub bytes: Vec<u8>,
}

/// All registries of a state folder. A cheap handle.
#[derive(Clone, Debug)]
pub struct Storage {
    root: PathBuf,
}

/// When something was stored, by the times of its file.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    pub created: Timestamp,
    pub updated: Timestamp,
}

impl Times {
    fn of(file: &Path) -> Self {
        let metadata = fs::metadata(file);
        let updated = metadata.and_then(|metadata| metadata.modified()).ok();
        let updated = updated.and_then(|at| Timestamp::try_from(at).ok()).unwrap_or_default();
        // A file is replaced whenever its content changes.
        Self { created: updated, updated }
    }
}

impl Storage {
    pub fn open(state: &Path) -> Result<Self, FileError> {
        let root = state.join("registry");
        create_folder(&root.join("content"))?;
        create_folder(&root.join("hosts"))?;
        create_folder(&root.join("uploads"))?;
        Ok(Self { root })
    }

    /// The folder of unfinished uploads and fetches.
    pub fn uploads(&self) -> PathBuf {
        self.root.join("uploads")
    }

    /// The path of some content, whether or not it exists.
    pub fn content(&self, digest: &Digest) -> PathBuf {
        self.root.join("content").join(digest.algorithm()).join(digest.hex())
    }

    /// Whether a name is valid for a repository.
    pub fn is_repository(name: &str) -> bool {
        format!("registry.invalid/{name}")
            .parse::<Reference>()
            .is_ok_and(|read| read.repository == name)
    }

    pub fn repository(&self, host: &str, name: &str) -> PathBuf {
        // An invalid name, such as `../..`, must not become a path.
        let name = if Self::is_repository(name) { name } else { "_" };
        self.host(host).join(name)
    }

    fn host(&self, host: &str) -> PathBuf {
        let safe = host.to_ascii_lowercase().replace(['/', '\\'], "_");
        self.root.join("hosts").join(if safe.starts_with('.') { "_".to_owned() } else { safe })
    }

    fn entry(&self, host: &str, name: &str, kind: &str, digest: &Digest) -> PathBuf {
        let folder = self.repository(host, name).join(kind);
        folder.join(digest.algorithm()).join(digest.hex())
    }

    /// The file of a blob, if the repository has it.
    pub fn blob_path(&self, host: &str, repository: &str, digest: &Digest) -> Option<PathBuf> {
        let link = self.entry(host, repository, "_blobs", digest);
        let content = self.content(digest);
        (link.exists() && content.exists()).then_some(content)
    }

    /// Whether any repository of a registry has a blob.
    pub fn has_blob_anywhere(&self, host: &str, digest: &Digest) -> bool {
        self.repositories(host).iter().any(|name| self.blob_path(host, name, digest).is_some())
    }

    /// Adds a blob whose content is stored to a repository.
    pub fn link_blob(
        &self,
        host: &str,
        repository: &str,
        digest: &Digest,
    ) -> Result<(), FileError> {
        write_private(&self.entry(host, repository, "_blobs", digest), b"")
    }

    /// Removes a blob from a repository and returns whether it had it. The content
    /// stays, because other repositories may have it too.
    pub fn unlink_blob(
        &self,
        host: &str,
        repository: &str,
        digest: &Digest,
    ) -> Result<bool, FileError> {
        let expected = remove(&self.entry(host, repository, "_expected", digest))?;
        Ok(remove(&self.entry(host, repository, "_blobs", digest))? || expected)
    }

    /// Adds a blob that is to be fetched from outside on demand. It is linked at once
    /// if another repository brought its content here.
    pub fn expect_blob(
        &self,
        host: &str,
        repository: &str,
        blob: &Descriptor,
    ) -> Result<(), FileError> {
        if self.content(&blob.digest).exists() {
            return self.link_blob(host, repository, &blob.digest);
        }
        let entry = self.entry(host, repository, "_expected", &blob.digest);
        write_private(&entry, blob.size.to_string().as_bytes())
    }

    /// The size of a blob that is still outside.
    pub fn expected(&self, host: &str, repository: &str, digest: &Digest) -> Option<u64> {
        let entry = self.entry(host, repository, "_expected", digest);
        fs::read_to_string(entry).ok()?.parse().ok()
    }

    pub fn manifest(
        &self,
        host: &str,
        repository: &str,
        reference: &str,
    ) -> Option<StoredManifest> {
        let digest = match reference.parse::<Digest>() {
            Ok(digest) => digest,
            Err(_) => self.tag(host, repository, reference)?,
        };
        let entry = self.entry(host, repository, "_manifests", &digest);
        let media_type = fs::read_to_string(entry).ok()?;
        let bytes = fs::read(self.content(&digest)).ok()?;
        Some(StoredManifest { media_type, digest, bytes })
    }

    /// Stores a manifest. `refers_to` is its subject, and the descriptor to list among
    /// the subject's referrers.
    pub fn put_manifest(
        &self,
        host: &str,
        repository: &str,
        manifest: &StoredManifest,
        refers_to: Option<(&Digest, &Descriptor)>,
    ) -> Result<(), FileError> {
        write_private(&self.content(&manifest.digest), &manifest.bytes)?;
        let entry = self.entry(host, repository, "_manifests", &manifest.digest);
        write_private(&entry, manifest.media_type.as_bytes())?;
        if let Some((subject, descriptor)) = refers_to {
            let file = self.referrers_of(host, repository, subject).join(flat(&manifest.digest));
            crate::local::files::write_json(&file, descriptor)?;
        }
        Ok(())
    }

    /// The digest that a tag points at.
    pub fn tag(&self, host: &str, repository: &str, tag: &str) -> Option<Digest> {
        if !Reference::is_tag(tag) {
            return None;
        }
        let file = self.repository(host, repository).join("_tags").join(tag);
        fs::read_to_string(file).ok()?.parse().ok()
    }

    pub fn set_tag(
        &self,
        host: &str,
        repository: &str,
        tag: &str,
        digest: &Digest,
    ) -> Result<(), FileError> {
        let file = self.repository(host, repository).join("_tags").join(tag);
        write_private(&file, digest.as_str().as_bytes())
    }

    /// When a tag was set.
    pub fn tag_times(&self, host: &str, repository: &str, tag: &str) -> Times {
        Times::of(&self.repository(host, repository).join("_tags").join(tag))
    }

    /// When a manifest was stored.
    pub fn manifest_times(&self, host: &str, repository: &str, digest: &str) -> Times {
        let digest = digest.parse::<Digest>();
        digest.map_or_else(
            |_| Times::of(Path::new("")),
            |digest| Times::of(&self.entry(host, repository, "_manifests", &digest)),
        )
    }

    /// When a repository got its first manifest, and its last one or tag.
    pub fn repository_times(&self, host: &str, repository: &str) -> Times {
        let tags = self.tags(host, repository);
        let tags = tags.iter().map(|tag| self.tag_times(host, repository, tag));
        let manifests = self.manifests(host, repository);
        let manifests =
            manifests.iter().map(|it| self.manifest_times(host, repository, it.as_str()));
        let all: Vec<Times> = tags.chain(manifests).collect();
        let created = all.iter().map(|times| times.created).min().unwrap_or_default();
        let updated = all.iter().map(|times| times.updated).max().unwrap_or_default();
        Times { created, updated }
    }

    /// Removes a tag and returns whether it existed.
    pub fn delete_tag(&self, host: &str, repository: &str, tag: &str) -> Result<bool, FileError> {
        remove(&self.repository(host, repository).join("_tags").join(tag))
    }

    /// Removes a manifest with its tags, and returns whether it existed.
    pub fn delete_manifest(
        &self,
        host: &str,
        repository: &str,
        digest: &Digest,
    ) -> Result<bool, FileError> {
        for tag in self.tags(host, repository) {
            if self.tag(host, repository, &tag).as_ref() == Some(digest) {
                self.delete_tag(host, repository, &tag)?;
            }
        }
        let referrers = self.repository(host, repository).join("_referrers");
        for subject in names(&referrers) {
            remove(&referrers.join(subject).join(flat(digest)))?;
        }
        remove(&self.entry(host, repository, "_manifests", digest))
    }

    /// All tags of a repository, sorted.
    pub fn tags(&self, host: &str, repository: &str) -> Vec<String> {
        names(&self.repository(host, repository).join("_tags"))
    }

    /// The digests of all manifests of a repository, sorted.
    pub fn manifests(&self, host: &str, repository: &str) -> Vec<Digest> {
        let folder = self.repository(host, repository).join("_manifests");
        let digests = names(&folder).into_iter().flat_map(|algorithm| {
            let hexes = names(&folder.join(&algorithm));
            hexes.into_iter().filter_map(move |hex| format!("{algorithm}:{hex}").parse().ok())
        });
        digests.collect()
    }

    /// Descriptors of the manifests whose subject this is. The subject itself need not
    /// exist.
    pub fn referrers(&self, host: &str, repository: &str, to: &Digest) -> Vec<Descriptor> {
        let folder = self.referrers_of(host, repository, to);
        let files = names(&folder).into_iter().map(|name| folder.join(name));
        files.filter_map(|file| crate::local::files::read_json(&file).ok().flatten()).collect()
    }

    fn referrers_of(&self, host: &str, repository: &str, subject: &Digest) -> PathBuf {
        self.repository(host, repository).join("_referrers").join(flat(subject))
    }

    /// The repositories of a registry that have a manifest or a blob, sorted.
    pub fn repositories(&self, host: &str) -> Vec<String> {
        let root = self.host(host);
        let mut found = Vec::new();
        let mut open = vec![String::new()];
        while let Some(parent) = open.pop() {
            for name in names(&root.join(&parent)) {
                if name.starts_with('_') {
                    found.push(parent.clone());
                } else if parent.is_empty() {
                    open.push(name);
                } else {
                    open.push(format!("{parent}/{name}"));
                }
            }
        }
        found.sort();
        found.dedup();
        found
    }

    /// Whether a repository was ever pushed to.
    pub fn has_repository(&self, host: &str, repository: &str) -> bool {
        Self::is_repository(repository)
            && names(&self.repository(host, repository)).iter().any(|name| name.starts_with('_'))
    }

    /// Removes a repository, or all of a registry where none is given.
    pub fn remove(&self, host: &str, repository: Option<&str>) -> Result<bool, FileError> {
        let folders = match repository {
            None => vec![self.host(host)],
            // Not the folder itself, which may contain other repositories.
            Some(name) => {
                let folder = self.repository(host, name);
                let own = names(&folder).into_iter().filter(|name| name.starts_with('_'));
                own.map(|name| folder.join(name)).collect()
            }
        };
        let mut removed = false;
        for folder in folders {
            match fs::remove_dir_all(&folder) {
                Ok(()) => removed = true,
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(source) => {
                    return Err(FileError::Io { verb: "remove", path: folder, source });
                }
            }
        }
        Ok(removed)
    }
}

/// A digest as a file name.
fn flat(digest: &Digest) -> String {
    format!("{}-{}", digest.algorithm(), digest.hex())
}

/// The names in a folder, sorted. Empty where the folder does not exist.
fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut names: Vec<String> =
        entries.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    // Temporary files begin with a dot.
    names.retain(|name| !name.starts_with('.'));
    names.sort();
    names
}

/// Removes a file and returns whether it existed.
fn remove(path: &Path) -> Result<bool, FileError> {
    match fs::remove_file(path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(source) => Err(FileError::Io { verb: "remove", path: path.to_owned(), source }),
    }
}

#[cfg(test)]
mod tests {
    use super::{Storage, StoredManifest};
    use crate::oci::Digest;

    const HOST: &str = "demo.azurecr.io";

    #[test]
    fn a_manifest_is_found_by_tag_and_digest_after_a_restart() {
        let state = tempfile::tempdir().expect("a folder");
        let storage = Storage::open(state.path()).expect("made");
        let bytes = b"{}".to_vec();
        let manifest = StoredManifest { media_type: "m".into(), digest: Digest::of(&bytes), bytes };
        storage.put_manifest(HOST, "team/web", &manifest, None).expect("kept");
        storage.set_tag(HOST, "team/web", "v1", &manifest.digest).expect("tagged");

        let again = Storage::open(state.path()).expect("opened again");

        assert_eq!(again.manifest(HOST, "team/web", "v1").as_ref(), Some(&manifest));
        let by_digest = again.manifest(HOST, "team/web", manifest.digest.as_str());
        assert_eq!(by_digest.as_ref(), Some(&manifest));
        assert_eq!(again.manifest(HOST, "team", "v1"), None);
        assert_eq!(again.repositories(HOST), ["team/web"]);
        assert!(again.delete_manifest(HOST, "team/web", &manifest.digest).expect("deleted"));
        assert_eq!(again.tags(HOST, "team/web"), Vec::<String>::new());
    }

    #[test]
    fn invalid_names_reach_no_file() {
        let state = tempfile::tempdir().expect("a folder");
        let storage = Storage::open(state.path()).expect("made");

        assert!(!Storage::is_repository("../../etc"));
        assert!(!Storage::is_repository("a:b"));
        assert_eq!(storage.manifest(HOST, "../..", "latest"), None);
        assert_eq!(storage.tag(HOST, "a", "../x"), None);
        assert_eq!(storage.repositories(".."), Vec::<String>::new());
    }
}
