//! The name of an image in a registry.

use super::digest::{Digest, InvalidDigest};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use url::Url;

/// `host[:port]/repository[:tag][@digest]`.
///
/// The host is always there: Shipway has no default registry but the one that
/// docker users expect, `docker.io`, for a name without a host.
#[derive(Clone, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct Reference {
    /// The registry, with its port where one is given.
    pub host: String,
    /// The repository, such as `team/web`.
    pub repository: String,
    pub tag: Option<String>,
    pub digest: Option<Digest>,
}

/// Text that is not an image reference.
#[derive(Clone, Debug, thiserror::Error)]
pub enum InvalidReference {
    #[error("an image reference is empty")]
    Empty,
    /// An image outside of a registry, in the notation of skopeo.
    #[error(
        "`{0}:` names an image on a machine, as skopeo spells it, where one in a registry is meant"
    )]
    Transport(String),
    #[error("`{0}` is not a registry: a host name, with its port where it has one")]
    Host(String),
    #[error(
        "`{0}` is not a repository: lower-case letters, digits and single `.`, `_`, `-` between them, parts joined by `/`"
    )]
    Repository(String),
    #[error(
        "`{0}` is not a tag: at most 128 letters, digits, `_`, `.`, `-`, not beginning with `.` or `-`"
    )]
    Tag(String),
    #[error(transparent)]
    Digest(#[from] InvalidDigest),
}

/// The transports of containers-transports(5), except those that are also the name of an
/// image on Docker Hub.
const TRANSPORTS: [&str; 5] =
    ["oci", "oci-archive", "docker-archive", "docker-daemon", "containers-storage"];

/// The transport that a text begins with.
fn transport_of(text: &str) -> Option<&str> {
    let (first, rest) = text.split_once(':')?;
    (TRANSPORTS.contains(&first) || rest.starts_with("//")).then_some(first)
}

impl Reference {
    /// `host/repository`, without tag and digest.
    pub fn name(&self) -> String {
        format!("{}/{}", self.host, self.repository)
    }

    /// The same repository under another tag.
    #[must_use]
    pub fn with_tag(&self, tag: &str) -> Self {
        Self { tag: Some(tag.to_owned()), digest: None, ..self.clone() }
    }

    /// The same repository, without tag and digest.
    #[must_use]
    pub fn without_tag(self) -> Self {
        Self { tag: None, digest: None, ..self }
    }

    /// The same repository by digest alone.
    #[must_use]
    pub fn with_digest(&self, digest: Digest) -> Self {
        Self { tag: None, digest: Some(digest), ..self.clone() }
    }

    /// The name in the path of a request for the manifest: the digest, else the tag, else
    /// `latest`.
    pub fn manifest_name(&self) -> &str {
        match (&self.digest, &self.tag) {
            (Some(digest), _) => digest.as_str(),
            (None, Some(tag)) => tag,
            (None, None) => "latest",
        }
    }

    /// Whether text is a valid tag (OCI distribution specification, "Pulling manifests").
    pub fn is_tag(tag: &str) -> bool {
        let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        let bytes = tag.as_bytes();
        (1..=128).contains(&bytes.len())
            && word(bytes[0])
            && bytes.iter().all(|&byte| word(byte) || byte == b'.' || byte == b'-')
    }

    /// Whether text names a registry, `host[:port]`, or one repository of it,
    /// without tag and digest.
    pub fn is_place(text: &str) -> bool {
        let (host, repository) = match text.split_once('/') {
            Some((host, repository)) => (host, Some(repository)),
            None => (text, None),
        };
        is_host(host) && is_authority(host) && repository.is_none_or(is_repository)
    }
}

impl TryFrom<String> for Reference {
    type Error = InvalidReference;

    fn try_from(text: String) -> Result<Self, InvalidReference> {
        text.parse()
    }
}

impl From<Reference> for String {
    fn from(reference: Reference) -> Self {
        reference.to_string()
    }
}

impl FromStr for Reference {
    type Err = InvalidReference;

    fn from_str(text: &str) -> Result<Self, InvalidReference> {
        if text.is_empty() {
            return Err(InvalidReference::Empty);
        }
        if let Some(transport) = transport_of(text) {
            return Err(InvalidReference::Transport(transport.to_owned()));
        }
        let (name, digest) = match text.split_once('@') {
            Some((name, digest)) => (name, Some(digest.parse()?)),
            None => (text, None),
        };
        let (host, rest) = match name.split_once('/') {
            Some((first, _)) if is_host(first) && !is_authority(first) => {
                return Err(InvalidReference::Host(first.to_owned()));
            }
            Some((first, rest)) if is_host(first) => (registry_host(first), rest.to_owned()),
            Some(_) | None => (DOCKER_HUB.to_owned(), name.to_owned()),
        };
        // Official images, as docker does: `alpine` and `docker.io/alpine`.
        let rest = if host == DOCKER_HUB && !rest.contains('/') {
            format!("library/{rest}")
        } else {
            rest
        };
        let (repository, tag) = match rest.rsplit_once(':') {
            Some((repository, tag)) => (repository.to_owned(), Some(tag.to_owned())),
            None => (rest, None),
        };
        if !is_repository(&repository) {
            return Err(InvalidReference::Repository(repository));
        }
        if let Some(tag) = tag.as_deref().filter(|tag| !Self::is_tag(tag)) {
            return Err(InvalidReference::Tag(tag.to_owned()));
        }
        Ok(Self { host, repository, tag, digest })
    }
}

/// The host of Docker Hub's images in references.
const DOCKER_HUB: &str = "docker.io";

/// Its other names: of the index, of the registry's API, and of the website's API.
const DOCKER_HUB_ALIASES: [&str; 3] =
    ["index.docker.io", "registry-1.docker.io", "registry.hub.docker.com"];

/// The host of a registry as references have it: in lower case, and `docker.io` for
/// every name of Docker Hub.
pub fn registry_host(host: &str) -> String {
    let host = host.to_ascii_lowercase();
    if DOCKER_HUB_ALIASES.contains(&host.as_str()) { DOCKER_HUB.to_owned() } else { host }
}

/// Whether a host is an Azure registry, in any of Azure's clouds.
pub fn is_azure_registry(host: &str) -> bool {
    [".azurecr.io", ".azurecr.cn", ".azurecr.us"].iter().any(|end| host.ends_with(end))
}

/// Docker's rule: the first part is a host when it has a dot or a port, or is
/// `localhost`.
fn is_host(first: &str) -> bool {
    first == "localhost" || first.contains(['.', ':'])
}

/// Whether text is `host[:port]` in a URL, and no more than that.
fn is_authority(host: &str) -> bool {
    // A scheme's own port is not shown again: with the other it is.
    ["http", "https"].iter().any(|scheme| {
        let url = Url::parse(&format!("{scheme}://{host}/"));
        url.is_ok_and(|url| url.username().is_empty() && url.authority().eq_ignore_ascii_case(host))
    })
}

fn is_repository(text: &str) -> bool {
    text.len() <= 255 && text.split('/').all(is_component)
}

/// `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*`
fn is_component(text: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let mut separator = String::new();
    let mut last_was_word = false;
    for character in text.chars() {
        if character.is_ascii() && inner(character as u8) {
            if !(separator.is_empty() || is_separator(&separator) && last_was_word) {
                return false;
            }
            separator.clear();
            last_was_word = true;
        } else {
            separator.push(character);
        }
    }
    last_was_word && separator.is_empty()
}

fn is_separator(text: &str) -> bool {
    matches!(text, "." | "_" | "__") || text.bytes().all(|byte| byte == b'-')
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.host, self.repository)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        if let Some(digest) = &self.digest {
            write!(f, "@{digest}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Reference;

    #[test]
    fn references_are_read_as_docker_reads_them() {
        let read = |text: &str| text.parse::<Reference>().map(|read| read.to_string());

        assert_eq!(read("demo.azurecr.io/hello:v1").expect("valid"), "demo.azurecr.io/hello:v1");
        assert_eq!(read("127.0.0.1:5000/a/b").expect("valid"), "127.0.0.1:5000/a/b");
        assert_eq!(read("alpine").expect("valid"), "docker.io/library/alpine");
        assert_eq!(read("team/web:1.0").expect("valid"), "docker.io/team/web:1.0");
        assert_eq!(read("docker.io/alpine:3").expect("valid"), "docker.io/library/alpine:3");
        for alias in ["index.docker.io", "Registry-1.docker.io", "registry.hub.docker.com"] {
            let name = format!("{alias}/team/web:1.0");
            assert_eq!(read(&name).expect("valid"), "docker.io/team/web:1.0");
        }
        assert_eq!(read("localhost/web__x-y.z").expect("valid"), "localhost/web__x-y.z");
    }

    #[test]
    fn what_is_on_a_machine_is_in_no_registry() {
        let refused = |text: &str| text.parse::<Reference>().expect_err("refused").to_string();

        assert_eq!(
            refused("oci:out/web"),
            "`oci:` names an image on a machine, as skopeo spells it, where one in a registry is meant"
        );
        assert_eq!(refused("docker://ghcr.io/a/b:v1").split(' ').next(), Some("`docker:`"));
        assert_eq!(
            refused("127.0.0.1:99999/web:v1"),
            "`127.0.0.1:99999` is not a registry: a host name, with its port where it has one"
        );
        for tag in ["docker:27-cli", "docker:dind"] {
            assert_eq!(tag.parse::<Reference>().expect("valid").repository, "library/docker");
        }
        let named = "docker.io/oci:v1".parse::<Reference>().expect("valid");
        assert_eq!(named.repository, "library/oci");
    }

    #[test]
    fn places_are_registries_and_repositories() {
        for place in [
            "ghcr.io",
            "GHCR.io/org/app",
            "localhost/web",
            "127.0.0.1:5000",
            "127.0.0.1:80/a/b",
            "example.com:443",
            "[::1]:5000/web",
        ] {
            assert!(Reference::is_place(place), "{place}");
        }
        for other in [
            "",
            "/",
            "a b",
            "web",
            "org/app",
            "ghcr.io/",
            "ghcr.io/App",
            "ghcr.io/a/",
            "ghcr.io/org/app:v1",
            "http://x",
            "https://ghcr.io/org/app",
            "ghcr.io:",
            "ghcr.io:port",
            "me@ghcr.io",
            "ghcr.io?x",
            " ghcr.io",
        ] {
            assert!(!Reference::is_place(other), "{other}");
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        let read = |text: &str| text.parse::<Reference>().expect_err("invalid").to_string();

        assert_eq!(read(""), "an image reference is empty");
        assert_eq!(
            read("demo.azurecr.io/Hello:v1"),
            "`Hello` is not a repository: lower-case letters, digits and single `.`, `_`, `-` between them, parts joined by `/`"
        );
        assert_eq!(
            read("demo.azurecr.io/hello:v 1"),
            "`v 1` is not a tag: at most 128 letters, digits, `_`, `.`, `-`, not beginning with `.` or `-`"
        );
        assert!(read("demo.azurecr.io/hello@sha256:12").contains("is not a digest"));
        assert!(read("demo.azurecr.io/a//b").contains("is not a repository"));
    }
}
