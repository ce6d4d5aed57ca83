//! What pushes have learned of registries: which blobs and manifests they were
//! seen to hold, in which way they take bodies, which uploads were broken off.
//!
//! It only saves questions. Whether a blob is really there is for the registry
//! to say, which refuses a manifest whose blobs it lacks. Kept in files, so that
//! the next process knows it too; a file that is torn, of another version or
//! not to be written is as good as none.

mod facts;
mod file;
mod record;

pub(in crate::registry) use facts::Ways;
pub(super) use record::{Place, Record};

use crate::oci::{Digest, Reference};
use facts::Facts;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long an answer is one: no longer than a request may be on its way.
const JUST: Duration = Duration::from_secs(1);

/// What was learned of all registries.
pub(in crate::registry) struct Memory {
    /// Where it outlives the process, where it does.
    folder: Option<PathBuf>,
    hosts: Mutex<BTreeMap<String, Arc<Known>>>,
}

/// What was learned of one registry.
pub(in crate::registry) struct Known {
    host: String,
    folder: Option<PathBuf>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    facts: Facts,
    /// What names were seen to stand for, and when.
    glances: BTreeMap<Reference, (Digest, Instant)>,
    /// Repositories that were looked through.
    looked: BTreeSet<String>,
    /// Repositories of which the file says what is not so.
    forgotten: BTreeSet<String>,
    /// Whether the file lacks something.
    changed: bool,
    /// A size that bodies are cut into since a connection broke: nothing to
    /// remember for good, because connections break for many reasons.
    careful: Option<u64>,
}

impl Memory {
    /// What the files in `folder` say; nothing where there is no folder.
    pub(in crate::registry) fn new(folder: Option<PathBuf>) -> Self {
        Self { folder, hosts: Mutex::default() }
    }

    /// What was learned of a registry.
    pub(in crate::registry) fn of(&self, host: &str) -> Arc<Known> {
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        let known = hosts.entry(host.to_owned()).or_insert_with(|| {
            let facts = self.folder.as_deref().and_then(|folder| file::read(folder, host));
            let mut facts = facts.unwrap_or_default();
            facts.renew(host);
            let state = Mutex::new(State { facts, ..State::default() });
            Arc::new(Known { host: host.to_owned(), folder: self.folder.clone(), state })
        });
        Arc::clone(known)
    }
}

impl Known {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether an image was seen in a repository, or this process has looked for
    /// one: what was not seen is then not expected.
    pub(super) fn has_repository(&self, repository: &str) -> bool {
        let state = self.state();
        state.looked.contains(repository) || state.facts.has_repository(repository)
    }

    /// This process has looked for an image in a repository.
    pub(super) fn looked(&self, repository: &str) {
        self.state().looked.insert(repository.to_owned());
    }

    /// Whether a blob was seen in a repository.
    pub(super) fn has_blob(&self, repository: &str, digest: &Digest) -> bool {
        self.state().facts.has_blob(repository, digest)
    }

    /// A blob is in a repository.
    pub(super) fn saw_blob(&self, repository: &str, digest: &Digest) {
        let mut state = self.state();
        state.changed |= state.facts.saw_blob(repository, digest);
    }

    /// Whether a manifest was seen in a repository, under whatever name.
    pub(super) fn has_manifest(&self, repository: &str, digest: &Digest) -> bool {
        self.state().facts.has_manifest(repository, digest)
    }

    /// Whether a manifest was seen under this very name.
    pub(super) fn has_manifest_at(&self, to: &Reference, digest: &Digest) -> bool {
        let state = self.state();
        match &to.tag {
            Some(tag) => state.facts.has_tag(&to.repository, tag, digest),
            None => state.facts.has_manifest(&to.repository, digest),
        }
    }

    /// Whether a manifest was seen under this tag.
    pub(super) fn has_name(&self, name: &Reference) -> bool {
        let tag = name.tag.as_deref();
        tag.is_some_and(|tag| self.state().facts.has_name(&name.repository, tag))
    }

    /// This is what a name stands for now.
    pub(super) fn glanced(&self, name: &Reference, digest: Digest) {
        self.state().glances.insert(name.clone(), (digest, Instant::now()));
    }

    /// Whether a name stood for this just now.
    pub(super) fn stands_for(&self, name: &Reference, digest: &Digest) -> bool {
        let state = self.state();
        let glance = state.glances.get(name);
        glance.is_some_and(|(seen, at)| seen == digest && at.elapsed() < JUST)
    }

    /// A manifest is there under this name.
    pub(super) fn saw_manifest(&self, to: &Reference, digest: &Digest) {
        let mut state = self.state();
        state.changed |= state.facts.saw_manifest(&to.repository, to.tag.as_deref(), digest);
    }

    /// A repository has not got what it was believed to have.
    pub(super) fn forget(&self, repository: &str) {
        let mut state = self.state();
        state.changed = true;
        state.facts.forget(repository);
        state.looked.remove(repository);
        state.forgotten.insert(repository.to_owned());
    }

    /// In which ways the registry takes bodies.
    pub(super) fn ways(&self) -> Ways {
        self.state().facts.ways()
    }

    /// The size of the ranges to send, where whole bodies are not taken.
    pub(super) fn ranges(&self) -> Option<u64> {
        let state = self.state();
        let learned = state.facts.ways().most;
        learned.into_iter().chain(state.careful).min()
    }

    /// Whole bodies break on the way: this process sends ranges of this size.
    pub(super) fn be_careful(&self, size: u64) {
        self.state().careful = Some(size);
    }

    /// The registry showed how it takes bodies.
    pub(super) fn learn(&self, lesson: impl FnOnce(&mut Ways)) {
        let mut state = self.state();
        let before = state.facts.ways();
        state.facts.learn(lesson);
        state.changed |= before != state.facts.ways();
    }

    /// Where broken off uploads are recorded.
    pub(super) fn uploads(&self) -> Option<PathBuf> {
        self.folder.as_deref().map(|folder| folder.join("uploads"))
    }

    /// Writes down what the file lacks. What another process wrote meanwhile is
    /// kept; where both write at once, the later wins, and a question is asked
    /// once more than need be.
    pub(super) fn save(&self) {
        let Some(folder) = &self.folder else { return };
        let mut state = self.state();
        if state.changed {
            state.changed = false;
            write(folder, &self.host, &mut state);
        }
    }
}

fn write(folder: &Path, host: &str, state: &mut State) {
    let mut whole = file::read(folder, host).unwrap_or_default();
    for repository in std::mem::take(&mut state.forgotten) {
        whole.forget(&repository);
    }
    whole.merge(&state.facts);
    whole.limit();
    // What cannot be written is asked again.
    drop(file::write(folder, host, &whole));
    state.facts = whole;
}

#[cfg(test)]
mod tests {
    use super::Memory;
    use crate::oci::{Digest, Reference};
    use std::path::Path;

    fn memory(folder: &Path) -> Memory {
        Memory::new(Some(folder.to_owned()))
    }

    fn tagged(tag: &str) -> Reference {
        format!("127.0.0.1:5000/web:{tag}").parse().expect("a reference")
    }

    #[test]
    fn what_one_process_learned_the_next_knows() {
        let folder = tempfile::tempdir().expect("a folder");
        let (blob, manifest) = (Digest::of(b"blob"), Digest::of(b"manifest"));
        let known = memory(folder.path()).of("127.0.0.1:5000");
        known.saw_blob("web", &blob);
        known.saw_manifest(&tagged("one"), &manifest);
        known.learn(|ways| ways.single = Some(false));
        known.save();

        let known = memory(folder.path()).of("127.0.0.1:5000");
        assert!(known.has_blob("web", &blob) && !known.has_blob("api", &blob));
        assert!(known.has_manifest("web", &manifest));
        assert!(known.has_manifest_at(&tagged("one"), &manifest));
        assert!(!known.has_manifest_at(&tagged("two"), &manifest));
        assert_eq!(known.ways().single, Some(false));
        assert!(!memory(folder.path()).of("127.0.0.1:5001").has_blob("web", &blob));
    }

    #[test]
    fn what_two_processes_learn_side_by_side_is_kept() {
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
    fn what_is_torn_or_of_another_is_as_good_as_nothing() {
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
        // It is written anew all the same.
        known.saw_blob("web", &Digest::of(b"more"));
        known.save();
        assert!(memory(folder.path()).of("host").has_blob("web", &blob));
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_no_trouble() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        let known = memory(&file.path().join("below")).of("host");
        known.saw_blob("web", &Digest::of(b"1"));
        known.save();
        assert!(known.has_blob("web", &Digest::of(b"1")));
    }
}
