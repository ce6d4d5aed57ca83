//! Which registries and repositories a dry run may fetch images from. No I/O.

use crate::local::initial_state::InitialState;
use crate::oci::{Reference, registry_host};

/// The registries and repositories that a world allows.
#[derive(Clone, Debug)]
pub struct AllowedSources {
    allowed: Vec<AllowedSource>,
    /// Whether nothing is fetched at all.
    pub offline: bool,
}

#[derive(Clone, Debug, Eq, PartialEq)]
struct AllowedSource {
    host: String,
    /// `None` for all repositories.
    repository: Option<String>,
}

impl AllowedSources {
    pub fn of(world: &InitialState) -> Self {
        let allowed = world.allow_hosts.iter().map(|text| source(text)).collect();
        Self { allowed, offline: world.offline }
    }

    /// Whether a repository is in the list. Does not consider `offline`.
    pub fn allows(&self, host: &str, repository: &str) -> bool {
        self.allowed.iter().any(|source| {
            source.host == host
                && source.repository.as_ref().is_none_or(|allowed| allowed == repository)
        })
    }
}

/// The registries from which a world allows anything to be fetched.
pub fn hosts(world: &InitialState) -> impl Iterator<Item = String> {
    world.allow_hosts.iter().map(|text| source(text).host)
}

/// Parses `host` or `host/repository`. Both become what references have: all names of
/// Docker Hub are `docker.io`, and its official images are in `library`.
fn source(text: &str) -> AllowedSource {
    let (host, repository) = match text.split_once('/') {
        Some((host, repository)) => (host, Some(repository.to_owned())),
        None => (text, None),
    };
    let repository = repository.filter(|name| !name.is_empty());
    let reference = repository.as_ref().and_then(|_| text.parse::<Reference>().ok());
    let repository = reference.map(|reference| reference.repository).or(repository);
    AllowedSource { host: registry_host(host), repository }
}

#[cfg(test)]
mod tests {
    use super::{AllowedSources, hosts};
    use crate::local::initial_state::InitialState;

    #[test]
    fn official_images_are_named_as_in_references() {
        let allow_hosts = vec!["docker.io/busybox".to_owned()];
        let sources = AllowedSources::of(&InitialState { allow_hosts, ..InitialState::default() });

        assert!(sources.allows("docker.io", "library/busybox"));
        assert!(!sources.allows("docker.io", "octo/busybox"));
    }

    #[test]
    fn a_host_allows_all_its_repositories() {
        let allow_hosts = ["Registry-1.docker.io/library/busybox", "ghcr.io", "127.0.0.1:5000/"];
        let allow_hosts = allow_hosts.map(str::to_owned).to_vec();
        let world = InitialState { allow_hosts, ..InitialState::default() };
        let sources = AllowedSources::of(&world);

        assert!(sources.allows("docker.io", "library/busybox"));
        assert!(!sources.allows("docker.io", "library/alpine"));
        assert!(sources.allows("ghcr.io", "octo/base"));
        assert!(sources.allows("127.0.0.1:5000", "base"));
        assert!(!sources.allows("127.0.0.1:5001", "base"));
        assert_eq!(hosts(&world).collect::<Vec<_>>(), ["docker.io", "ghcr.io", "127.0.0.1:5000"]);
    }
}
