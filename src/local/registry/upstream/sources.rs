//! What may be fetched from outside: whole registries, or single repositories. Pure.

use crate::local::initial_state::InitialState;
use crate::oci::registry_host;

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

    /// Whether images of a repository may be fetched.
    pub fn allow(&self, host: &str, repository: &str) -> bool {
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

/// Reads `host` or `host/repository`. All names of Docker Hub become `docker.io`, as in
/// references.
fn source(text: &str) -> AllowedSource {
    let (host, repository) = match text.split_once('/') {
        Some((host, repository)) => (host, Some(repository.to_owned())),
        None => (text, None),
    };
    let host = registry_host(host);
    AllowedSource { host, repository: repository.filter(|name| !name.is_empty()) }
}

#[cfg(test)]
mod tests {
    use super::{AllowedSources, hosts};
    use crate::local::initial_state::InitialState;

    #[test]
    fn a_host_allows_all_its_repositories() {
        let allow_hosts = ["Registry-1.docker.io/library/busybox", "ghcr.io", "127.0.0.1:5000/"];
        let allow_hosts = allow_hosts.map(str::to_owned).to_vec();
        let world = InitialState { allow_hosts, ..InitialState::default() };
        let sources = AllowedSources::of(&world);

        assert!(sources.allow("docker.io", "library/busybox"));
        assert!(!sources.allow("docker.io", "library/alpine"));
        assert!(sources.allow("ghcr.io", "octo/base"));
        assert!(sources.allow("127.0.0.1:5000", "base"));
        assert!(!sources.allow("127.0.0.1:5001", "base"));
        assert_eq!(hosts(&world).collect::<Vec<_>>(), ["docker.io", "ghcr.io", "127.0.0.1:5000"]);
    }
}
