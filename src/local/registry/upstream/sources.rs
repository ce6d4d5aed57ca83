//! What may be fetched from outside: whole registries, or single repositories
//! of them. Pure.

use crate::local::initial_state::InitialState;

/// What a world allows.
#[derive(Clone, Debug)]
pub(super) struct Sources {
    allowed: Vec<Source>,
    /// Whether nothing is fetched all the same.
    pub(super) offline: bool,
}

#[derive(Clone, Debug, Eq, PartialEq)]
struct Source {
    host: String,
    /// All of them where none is named.
    repository: Option<String>,
}

impl Sources {
    pub(super) fn of(world: &InitialState) -> Self {
        let allowed = world.allow_hosts.iter().map(|text| source(text)).collect();
        Self { allowed, offline: world.offline }
    }

    /// Whether an image may come from there.
    pub(super) fn allow(&self, host: &str, repository: &str) -> bool {
        self.allowed.iter().any(|source| {
            source.host == host
                && source.repository.as_ref().is_none_or(|allowed| allowed == repository)
        })
    }
}

/// The registries of a world from which something may be fetched.
pub(in crate::local::registry) fn hosts(world: &InitialState) -> impl Iterator<Item = String> {
    world.allow_hosts.iter().map(|text| source(text).host)
}

/// `host` or `host/repository`. Docker Hub has one name here, as in references.
fn source(text: &str) -> Source {
    let (host, repository) = match text.split_once('/') {
        Some((host, repository)) => (host, Some(repository.to_owned())),
        None => (text, None),
    };
    let host = match host.to_ascii_lowercase().as_str() {
        "registry-1.docker.io" | "index.docker.io" => "docker.io".to_owned(),
        other => other.to_owned(),
    };
    Source { host, repository: repository.filter(|name| !name.is_empty()) }
}

#[cfg(test)]
mod tests {
    use super::{Sources, hosts};
    use crate::local::initial_state::InitialState;

    #[test]
    fn a_host_allows_all_of_it_and_a_repository_itself() {
        let allow_hosts = ["Registry-1.docker.io/library/busybox", "ghcr.io", "127.0.0.1:5000/"];
        let allow_hosts = allow_hosts.map(str::to_owned).to_vec();
        let world = InitialState { allow_hosts, ..InitialState::default() };
        let sources = Sources::of(&world);

        assert!(sources.allow("docker.io", "library/busybox"));
        assert!(!sources.allow("docker.io", "library/alpine"));
        assert!(sources.allow("ghcr.io", "octo/base"));
        assert!(sources.allow("127.0.0.1:5000", "base"));
        assert!(!sources.allow("127.0.0.1:5001", "base"));
        assert_eq!(hosts(&world).collect::<Vec<_>>(), ["docker.io", "ghcr.io", "127.0.0.1:5000"]);
    }
}
