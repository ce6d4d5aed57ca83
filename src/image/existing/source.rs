//! How an image that is there already is named.

use crate::oci::Reference;
use std::fmt;
use std::path::{Path, PathBuf};

/// An image on this machine. The spelling is skopeo's.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Source {
    /// `oci:DIRECTORY[:TAG]`
    OciLayout {
        /// The folder that holds `index.json`.
        folder: PathBuf,
        /// Which of its images; not needed where there is one.
        tag: Option<String>,
    },
    /// `oci-archive:FILE[:TAG]`: the same as a tar archive.
    OciArchive {
        /// The archive.
        file: PathBuf,
        /// Which of its images; not needed where there is one.
        tag: Option<String>,
    },
    /// `docker-archive:FILE[:REPOSITORY:TAG]`: what `docker save` writes.
    DockerArchive {
        /// The archive.
        file: PathBuf,
        /// Which of its images; not needed where there is one.
        reference: Option<String>,
    },
}

impl Source {
    /// Reads a name that says it is on this machine; `None` for any other, which
    /// is a registry's. Paths are relative to `folder`.
    pub fn parse(text: &str, folder: &Path) -> Option<Self> {
        let (transport, rest) = text.split_once(':')?;
        // As with skopeo, a colon ends the path.
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

    /// The folder or file.
    pub fn path(&self) -> &Path {
        match self {
            Self::OciLayout { folder, .. } => folder,
            Self::OciArchive { file, .. } | Self::DockerArchive { file, .. } => file,
        }
    }
}

impl fmt::Display for Source {
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

/// Whether two names are one to docker, to whom `alpine` is
/// `docker.io/library/alpine:latest`.
pub(super) fn same_reference(one: &str, other: &str) -> bool {
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
    use super::{Source, same_reference};
    use std::path::Path;

    #[test]
    fn a_name_says_what_it_is() {
        let read = |text| Source::parse(text, Path::new("/plan"));
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
    fn docker_completes_names() {
        assert!(same_reference("alpine", "docker.io/library/alpine:latest"));
        assert!(same_reference("demo.azurecr.io/web:v1", "demo.azurecr.io/web:v1"));
        assert!(!same_reference("alpine:3", "alpine"));
    }
}
