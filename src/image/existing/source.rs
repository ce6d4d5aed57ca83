//! The names of images on this machine.

use crate::oci::Reference;
use std::fmt;
use std::path::{Path, PathBuf};

/// An image on this machine, spelled as for skopeo.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum ImageSource {
    /// `oci:DIRECTORY[:TAG]`
    OciLayout {
        folder: PathBuf,
        /// Required only if there are several images.
        tag: Option<String>,
    },
    /// `oci-archive:FILE[:TAG]`: an OCI layout in a tar archive.
    OciArchive {
        file: PathBuf,
        /// Required only if there are several images.
        tag: Option<String>,
    },
    /// `docker-archive:FILE[:REPOSITORY:TAG]`: what `docker save` writes.
    DockerArchive {
        file: PathBuf,
        /// Required only if there are several images.
        reference: Option<String>,
    },
}

impl ImageSource {
    /// Parses the name of a local image; `None` for an image in a registry. Paths are
    /// relative to `folder`.
    pub fn parse(text: &str, folder: &Path) -> Option<Self> {
        let (transport, rest) = text.split_once(':')?;
        // As in skopeo, the path ends at a colon.
        let (path, name) = match rest.split_once(':') {
            Some((path, name)) => (path, Some(name.to_owned()).filter(|name| !name.is_empty())),
            None => (rest, None),
        };
        let path = folder.join(path);
        match transport {
            "oci" => Some(Self::OciLayout { folder: path, tag: name }),
            "oci-archive" => Some(Self::OciArchive { file: path, tag: name }),
            "docker-archive" => Some(Self::DockerArchive { file: path, reference: name }),
            _ => None,
        }
    }

    pub fn path(&self) -> &Path {
        match self {
            Self::OciLayout { folder, .. } => folder,
            Self::OciArchive { file, .. } | Self::DockerArchive { file, .. } => file,
        }
    }
}

impl fmt::Display for ImageSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (transport, name) = match self {
            Self::OciLayout { tag, .. } => ("oci", tag),
            Self::OciArchive { tag, .. } => ("oci-archive", tag),
            Self::DockerArchive { reference, .. } => ("docker-archive", reference),
        };
        write!(f, "{transport}:{}", self.path().display())?;
        match name {
            Some(name) => write!(f, ":{name}"),
            None => Ok(()),
        }
    }
}

/// Whether two names mean the same image: docker completes `alpine` to
/// `docker.io/library/alpine:latest`.
pub fn same_reference(one: &str, other: &str) -> bool {
    let whole = |text: &str| {
        text.parse::<Reference>().ok().map(|reference| match &reference.tag {
            Some(_) => reference,
            None => reference.with_tag("latest"),
        })
    };
    one == other || whole(one).is_some_and(|one| Some(one) == whole(other))
}

#[cfg(test)]
mod tests {
    use super::{ImageSource, same_reference};
    use std::path::Path;

    #[test]
    fn local_names_are_parsed() {
        let read = |text| ImageSource::parse(text, Path::new("/plan"));
        let show = |text| read(text).expect("local").to_string();

        assert_eq!(show("oci:out"), "oci:/plan/out");
        assert_eq!(show("oci:/abs:v1"), "oci:/abs:v1");
        assert_eq!(show("oci-archive:out.tar:"), "oci-archive:/plan/out.tar");
        assert_eq!(show("docker-archive:a.tar:web:v1"), "docker-archive:/plan/a.tar:web:v1");
        for registry in ["alpine", "alpine:3", "127.0.0.1:5000/oci:v1", "host/oci@sha256:12"] {
            assert_eq!(read(registry), None, "{registry}");
        }
    }

    #[test]
    fn docker_completes_references() {
        assert!(same_reference("alpine", "docker.io/library/alpine:latest"));
        assert!(same_reference("demo.azurecr.io/web:v1", "demo.azurecr.io/web:v1"));
        assert!(!same_reference("alpine:3", "alpine"));
    }
}
