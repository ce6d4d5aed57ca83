//! The names of images in the stores of container engines.

use std::fmt;
use std::path::Path;

/// An image in the store of a container engine of this machine, spelled as for skopeo:
/// `docker-daemon:NAME`, or for podman and buildah `containers-storage:NAME`. The name is what
/// the engine calls it: a reference, or its ID.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct EngineImage {
    pub store: EngineStore,
    pub name: String,
}

/// Whose store it is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum EngineStore {
    Docker,
    Podman,
}

impl EngineStore {
    /// The prefix of names.
    fn transport(self) -> &'static str {
        match self {
            Self::Docker => "docker-daemon",
            Self::Podman => "containers-storage",
        }
    }
}

impl EngineImage {
    /// Parses a name; `None` for an image that is elsewhere.
    pub fn parse(text: &str) -> Option<Self> {
        let (transport, name) = text.split_once(':')?;
        let stores = [EngineStore::Docker, EngineStore::Podman];
        let store = stores.into_iter().find(|store| store.transport() == transport)?;
        Some(Self { store, name: name.to_owned() })
    }

    /// Its name as a path, for the messages of an import.
    pub fn shown(&self) -> impl AsRef<Path> + use<> {
        self.to_string()
    }
}

impl fmt::Display for EngineImage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.store.transport(), self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::{EngineImage, EngineStore};

    #[test]
    fn names_of_stores_are_parsed() {
        let read = |text| EngineImage::parse(text).map(|image| (image.store, image.name));

        let docker = |name: &str| Some((EngineStore::Docker, name.to_owned()));
        assert_eq!(read("docker-daemon:web:v1"), docker("web:v1"));
        assert_eq!(read("docker-daemon:sha256:00"), docker("sha256:00"));
        let podman = Some((EngineStore::Podman, "localhost/web".to_owned()));
        assert_eq!(read("containers-storage:localhost/web"), podman);
        // An image on Docker Hub.
        assert_eq!(read("docker:dind"), None);
        assert_eq!(read("docker-archive:web.tar"), None);
        let shown = EngineImage::parse("docker-daemon:web:v1").expect("a name").to_string();
        assert_eq!(shown, "docker-daemon:web:v1");
    }
}
