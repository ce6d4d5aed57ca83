//! What earlier pushes showed of registries: the blobs and manifests they hold, how
//! they accept bodies, which uploads were interrupted.
//!
//! It only saves requests. The registry has the last word: it refuses a manifest
//! whose blobs it lacks. Kept in files for the next process; a file that is torn, of
//! another version, or cannot be written is ignored.

mod facts;
mod file;
mod upload_record;

pub use facts::UploadSupport;
pub use upload_record::{UploadKey, UploadRecord};

use crate::oci::{Digest, Reference};
use facts::Facts;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long the response about a tag counts as current: no longer than a request may
/// take.
const CURRENT_TTL: Duration = Duration::from_secs(1);

/// What is known of all registries.
pub struct RegistryMemory {
    /// The folder that keeps it for the next process.
    folder: Option<PathBuf>,
    hosts: Mutex<BTreeMap<String, Arc<KnownRegistry>>>,
}

/// What is known of one registry.
pub struct KnownRegistry {
    host: String,
    folder: Option<PathBuf>,
    state: Mutex<MemoryState>,
}

#[derive(Default)]
struct MemoryState {
    facts: Facts,
    /// The digest that a name was last seen to stand for, and when.
    current: BTreeMap<Reference, (Digest, Instant)>,
    /// Repositories in which this process has looked for the manifest.
    searched: BTreeSet<String>,
    /// Repositories whose entries in the file are wrong.
    forgotten: BTreeSet<String>,
    /// Whether there is something to write to the file.
    changed: bool,
    /// The size of ranges since the connection of a large body broke, in bytes. Not
    /// kept for the next process, because connections break for many reasons.
    range_bytes: Option<u64>,
}

impl RegistryMemory {
    /// Reads from and writes to `folder`, if there is one.
    pub fn new(folder: Option<PathBuf>) -> Self {
        Self { folder, hosts: Mutex::default() }
    }

    /// What is known of a registry.
    pub fn of(&self, host: &str) -> Arc<KnownRegistry> {
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        let known = hosts.entry(host.to_owned()).or_insert_with(|| {
            let facts = self.folder.as_deref().and_then(|folder| file::read(folder, host));
            let mut facts = facts.unwrap_or_default();
            facts.renew(host);
            let state = Mutex::new(MemoryState { facts, ..MemoryState::default() });
            Arc::new(KnownRegistry { host: host.to_owned(), folder: self.folder.clone(), state })
        });
        Arc::clone(known)
    }
}

impl KnownRegistry {
    fn state(&self) -> MutexGuard<'_, MemoryState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether an image was seen in a repository, or this process has looked for one.
    /// Blobs that were not seen there are then not expected.
    pub fn has_repository(&self, repository: &str) -> bool {
        let state = self.state();
        state.searched.contains(repository) || state.facts.has_repository(repository)
    }

    /// Notes that this process has looked for the manifest in a repository.
    pub fn searched(&self, repository: &str) {
        self.state().searched.insert(repository.to_owned());
    }

    /// Whether a blob was seen in a repository.
    pub fn has_blob(&self, repository: &str, digest: &Digest) -> bool {
        self.state().facts.has_blob(repository, digest)
    }

    /// Notes that a blob is in a repository.
    pub fn saw_blob(&self, repository: &str, digest: &Digest) {
        let mut state = self.state();
        state.changed |= state.facts.saw_blob(repository, digest);
    }

    /// Whether a manifest was seen in a repository, under any name.
    pub fn has_manifest(&self, repository: &str, digest: &Digest) -> bool {
        self.state().facts.has_manifest(repository, digest)
    }

    /// Whether a manifest was seen under this name.
    pub fn has_manifest_at(&self, to: &Reference, digest: &Digest) -> bool {
        let state = self.state();
        match &to.tag {
            Some(tag) => state.facts.has_tag(&to.repository, tag, digest),
            None => state.facts.has_manifest(&to.repository, digest),
        }
    }

    /// Whether any manifest was seen under this tag.
    pub fn has_name(&self, name: &Reference) -> bool {
        let tag = name.tag.as_deref();
        tag.is_some_and(|tag| self.state().facts.has_name(&name.repository, tag))
    }

    /// Notes what a name stands for now.
    pub fn saw_current(&self, name: &Reference, digest: Digest) {
        self.state().current.insert(name.clone(), (digest, Instant::now()));
    }

    /// Whether a name was just now seen to stand for a manifest.
    pub fn is_current(&self, name: &Reference, digest: &Digest) -> bool {
        let state = self.state();
        let seen = state.current.get(name);
        seen.is_some_and(|(seen, at)| seen == digest && at.elapsed() < CURRENT_TTL)
    }

    /// Notes that a manifest is there under this name.
    pub fn saw_manifest(&self, to: &Reference, digest: &Digest) {
        let mut state = self.state();
        state.changed |= state.facts.saw_manifest(&to.repository, to.tag.as_deref(), digest);
    }

    /// Forgets a repository that lacks something it was seen to have.
    pub fn forget(&self, repository: &str) {
        let mut state = self.state();
        state.changed = true;
        state.facts.forget(repository);
        state.searched.remove(repository);
        state.forgotten.insert(repository.to_owned());
    }

    /// How the registry accepts bodies.
    pub fn upload_support(&self) -> UploadSupport {
        self.state().facts.upload_support()
    }

    /// The size of the ranges to send, where the registry does not accept whole
    /// bodies, in bytes.
    pub fn range_bytes(&self) -> Option<u64> {
        let state = self.state();
        let learned = state.facts.upload_support().max_bytes;
        learned.into_iter().chain(state.range_bytes).min()
    }

    /// Sends ranges of this size from now on, because whole bodies break on the way.
    pub fn send_ranges(&self, size: u64) {
        self.state().range_bytes = Some(size);
    }

    /// Notes how the registry accepts bodies.
    pub fn learn(&self, change: impl FnOnce(&mut UploadSupport)) {
        let mut state = self.state();
        let before = state.facts.upload_support();
        state.facts.learn(change);
        state.changed |= before != state.facts.upload_support();
    }

    /// The folder of the records of interrupted uploads.
    pub fn uploads(&self) -> Option<PathBuf> {
        self.folder.as_deref().map(|folder| folder.join("uploads"))
    }

    /// Writes the changes to the file, keeping what another process has written
    /// meanwhile. Where both write at once, the later wins, at the cost of a request.
    pub fn save(&self) {
        let Some(folder) = &self.folder else { return };
        let mut state = self.state();
        if state.changed {
            state.changed = false;
            write(folder, &self.host, &mut state);
        }
    }
}

fn write(folder: &Path, host: &str, state: &mut MemoryState) {
    let mut whole = file::read(folder, host).unwrap_or_default();
    for repository in std::mem::take(&mut state.forgotten) {
        whole.forget(&repository);
    }
    whole.merge(&state.facts);
    whole.limit();
    // What cannot be written is requested again.
    drop(file::write(folder, host, &whole));
    state.facts = whole;
}

#[cfg(test)]
mod tests {
    use super::RegistryMemory;
    use crate::oci::{Digest, Reference};
    use std::path::Path;

    fn memory(folder: &Path) -> RegistryMemory {
        RegistryMemory::new(Some(folder.to_owned()))
    }

    fn tagged(tag: &str) -> Reference {
        format!("127.0.0.1:5000/web:{tag}").parse().expect("a reference")
    }

    #[test]
    fn the_next_process_knows_what_one_learned() {
        let folder = tempfile::tempdir().expect("a folder");
        let (blob, manifest) = (Digest::of(b"blob"), Digest::of(b"manifest"));
        let known = memory(folder.path()).of("127.0.0.1:5000");
        known.saw_blob("web", &blob);
        known.saw_manifest(&tagged("one"), &manifest);
        known.learn(|support| support.single_post = Some(false));
        known.save();

        let known = memory(folder.path()).of("127.0.0.1:5000");
        assert!(known.has_blob("web", &blob) && !known.has_blob("api", &blob));
        assert!(known.has_manifest("web", &manifest));
        assert!(known.has_manifest_at(&tagged("one"), &manifest));
        assert!(!known.has_manifest_at(&tagged("two"), &manifest));
        assert_eq!(known.upload_support().single_post, Some(false));
        assert!(!memory(folder.path()).of("127.0.0.1:5001").has_blob("web", &blob));
    }

    #[test]
    fn concurrent_processes_keep_what_both_learned() {
        let folder = tempfile::tempdir().expect("a folder");
        let (one, two) = (memory(folder.path()).of("host"), memory(folder.path()).of("host"));
        one.saw_blob("web", &Digest::of(b"1"));
        two.saw_blob("web", &Digest::of(b"2"));
        one.save();
        two.save();

        let known = memory(folder.path()).of("host");
        assert!(known.has_blob("web", &Digest::of(b"1")));
        assert!(known.has_blob("web", &Digest::of(b"2")));

        known.forget("web");
        known.saw_blob("web", &Digest::of(b"3"));
        known.save();
        let known = memory(folder.path()).of("host");
        assert!(!known.has_blob("web", &Digest::of(b"1")));
        assert!(known.has_blob("web", &Digest::of(b"3")));
    }

    #[test]
    fn a_torn_or_foreign_file_is_ignored() {
        let folder = tempfile::tempdir().expect("a folder");
        let blob = Digest::of(b"blob");
        let known = memory(folder.path()).of("host");
        known.saw_blob("web", &blob);
        known.save();
        let file = folder.path().join("host.json");
        let whole = std::fs::read(&file).expect("a file");
        let wrong = [
            whole[..whole.len() / 2].to_vec(),
            Vec::new(),
            String::from_utf8_lossy(&whole).replace("\"version\":1", "\"version\":2").into_bytes(),
            String::from_utf8_lossy(&whole).replace("\"host\":\"host\"", "\"host\":\"x\"").into(),
            String::from_utf8_lossy(&whole).replace("sha256:", "sha256:zz").into_bytes(),
        ];
        for wrong in wrong {
            std::fs::write(&file, &wrong).expect("a file");
            assert!(!memory(folder.path()).of("host").has_blob("web", &blob));
        }
        // It is replaced by a good one.
        known.saw_blob("web", &Digest::of(b"more"));
        known.save();
        assert!(memory(folder.path()).of("host").has_blob("web", &blob));
    }

    #[test]
    fn an_unwritable_folder_is_ignored() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        let known = memory(&file.path().join("below")).of("host");
        known.saw_blob("web", &Digest::of(b"1"));
        known.save();
        assert!(known.has_blob("web", &Digest::of(b"1")));
    }
}
