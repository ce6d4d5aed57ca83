//! The description of a Dockerfile build.

use super::arguments::declared_arguments;
use super::cache::{Cache, GitHubCache};
use super::error::DockerfileError;
use crate::bounded_file::{self, MAX_WRITTEN_BYTES};
use crate::oci::{ANNOTATION_PREFIX, Platform};
use crate::secret::Secret;
use crate::value::is_predefined_argument;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// A Dockerfile build. All paths are absolute.
#[derive(Clone, Debug, Default)]
pub struct BuildRequest {
    /// The build context.
    pub context: PathBuf,
    /// Default: `Dockerfile` in the context.
    pub dockerfile: Option<PathBuf>,
    /// Build arguments. They become part of the image's history.
    pub args: BTreeMap<String, String>,
    /// Build secrets by ID, for `RUN --mount=type=secret`.
    pub secrets: BTreeMap<String, Secret>,
    /// Agents and keys for `RUN --mount=type=ssh`: `id` or `id=path`.
    pub ssh: Vec<String>,
    /// Whether there is an agent at `SSH_AUTH_SOCK`, which the engine inherits.
    pub ssh_agent: bool,
    /// The socket or key of each of them.
    pub agents: BTreeMap<String, PathBuf>,
    /// How much memory each command may take, without an engine; most of that of this machine
    /// when absent.
    pub memory: Option<u64>,
    /// Caches to read.
    pub cache_from: Vec<Cache>,
    /// Caches to write.
    pub cache_to: Vec<Cache>,
    /// Access to GitHub's cache, when running there.
    pub github: Option<GitHubCache>,
    /// The stage to build; the last stage when absent.
    pub target: Option<String>,
    pub platform: Platform,
    /// Further platforms of the same call, if [`Engine::calls`] groups several. Not used
    /// without an engine.
    pub further: Vec<Platform>,
    pub labels: BTreeMap<String, String>,
    /// The time of the image and its files in seconds since 1970, for engines that support
    /// it (`SOURCE_DATE_EPOCH`).
    pub created: Option<u64>,
    /// Shipway's state folder, which is kept out of the context.
    pub state: PathBuf,
}

impl BuildRequest {
    /// The same build for these platforms.
    ///
    /// # Panics
    ///
    /// If `platforms` is empty.
    #[must_use]
    pub fn on(&self, platforms: &[Platform]) -> Self {
        let (first, further) = platforms.split_first().expect("at least one platform");
        Self { platform: first.clone(), further: further.to_vec(), ..self.clone() }
    }

    pub fn platforms(&self) -> impl Iterator<Item = &Platform> {
        std::iter::once(&self.platform).chain(&self.further)
    }

    /// The path of the Dockerfile, if it and the context exist.
    pub fn dockerfile(&self) -> Result<PathBuf, DockerfileError> {
        let context = &self.context;
        if !context.is_dir() {
            return Err(DockerfileError::NoContext { path: context.clone() });
        }
        let dockerfile = self.dockerfile.clone().unwrap_or_else(|| context.join("Dockerfile"));
        if dockerfile.is_file() {
            Ok(dockerfile)
        } else {
            Err(DockerfileError::NoDockerfile { path: dockerfile })
        }
    }

    /// Removes the caches that this run must not or cannot use. Returns a note if there were
    /// any.
    pub fn without_caches_out_of_reach(&mut self, dry_run: bool) -> Option<&'static str> {
        let github = self.github.is_some();
        // A daemon would contact the real registry in a dry run, bypassing the local cloud.
        let stays = |cache: &Cache| !dry_run && (github || !cache.is("type=gha"));
        let count = self.cache_from.len() + self.cache_to.len();
        self.cache_from.retain(stays);
        self.cache_to.retain(stays);
        (self.cache_from.len() + self.cache_to.len() < count).then_some(if dry_run {
            "caches are left out of a dry run"
        } else {
            "GitHub's cache is left out, since `ACTIONS_RUNTIME_TOKEN` is not set"
        })
    }

    /// Removes the caches that others read too, for the code of a fork: only the image and
    /// folders of this machine are written. Returns a note if there were any.
    pub fn without_shared_caches(&mut self) -> Option<&'static str> {
        let count = self.cache_from.len() + self.cache_to.len();
        self.cache_from.retain(|cache| !cache.is("type=gha"));
        self.cache_to.retain(|cache| cache.is("type=inline") || cache.is("type=local"));
        (self.cache_from.len() + self.cache_to.len() < count)
            .then_some("GitHub's cache, and each `cache-to` that others read, is left out for the code of a fork")
    }

    /// A note about build arguments that no `ARG` of the Dockerfile takes.
    pub fn unused_arguments(&self) -> Option<String> {
        let text = bounded_file::read_text(&self.dockerfile().ok()?, MAX_WRITTEN_BYTES).ok()?;
        let declared = declared_arguments(&text)?;
        let unused = self
            .args
            .keys()
            .filter(|name| !declared.contains(name) && !is_predefined_argument(name));
        let unused: Vec<String> = unused.map(|name| format!("`{name}`")).collect();
        (!unused.is_empty()).then(|| {
            format!("no `ARG` of the Dockerfile takes the build arguments {}", unused.join(", "))
        })
    }

    /// A note about options that have no effect without an engine.
    pub fn unused_without_engine(&self) -> Option<String> {
        ignored("without an engine", &self.caches())
    }

    /// The same where a registry builds.
    pub fn unused_in_registry(&self) -> Option<String> {
        // Those of the source are not the plan's.
        let labels = self.labels.keys().any(|key| !key.starts_with(ANNOTATION_PREFIX));
        let mut keys = vec![
            ("`ssh`", !self.ssh.is_empty()),
            ("`memory`", self.memory.is_some()),
            ("`labels`", labels),
        ];
        keys.extend(self.caches());
        ignored("by ACR Tasks", &keys)
    }

    /// The same where an engine builds.
    pub fn unused_by_engine(&self) -> Option<String> {
        ignored("by an engine", &[("`memory`", self.memory.is_some())])
    }

    fn caches(&self) -> [(&'static str, bool); 2] {
        [("`cache-from`", !self.cache_from.is_empty()), ("`cache-to`", !self.cache_to.is_empty())]
    }
}

/// Names the keys that are used and have no effect.
fn ignored(place: &str, keys: &[(&str, bool)]) -> Option<String> {
    let used: Vec<_> = keys.iter().filter(|(_, used)| *used).map(|(key, _)| *key).collect();
    (!used.is_empty()).then(|| format!("ignored {place}: {}", used.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::BuildRequest;
    use std::fs;

    #[test]
    fn arguments_that_no_instruction_takes_are_noted() {
        let folder = tempfile::tempdir().expect("a folder");
        let text = "FROM scratch\nARG COMMIT\n";
        fs::write(folder.path().join("Dockerfile"), text).expect("written");
        let note = |names: &[&str]| {
            let args = names.iter().map(|name| ((*name).to_owned(), "1".to_owned())).collect();
            let context = folder.path().to_owned();
            BuildRequest { context, args, ..BuildRequest::default() }.unused_arguments()
        };
        assert_eq!(note(&["COMMIT", "HTTP_PROXY", "no_proxy", "BUILDKIT_INLINE_CACHE"]), None);
        assert_eq!(
            note(&["COMIT", "X", "COMMIT"]).as_deref(),
            Some("no `ARG` of the Dockerfile takes the build arguments `COMIT`, `X`")
        );
    }
}
