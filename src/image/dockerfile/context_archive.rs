//! Packs a build context into one archive, for a builder elsewhere.
//!
//! What `.dockerignore` excludes is left out, and so are Shipway's state and the folders of
//! version control: the archive leaves this machine, and `.git` may hold a token. A line
//! such as `!.git` in `.dockerignore` brings it back. Entries are sorted and carry the time
//! of the image, so that the same context gives the same archive.

use super::context::BuildContext;
use super::error::DockerfileError;
use super::native::{FileLocation, FileTree, NativeError, TreeItem, TreeItemKind};
use super::request::BuildRequest;
use crate::bounded_file::{self, MAX_WRITTEN_BYTES};
use crate::http::{Retry, Retryable};
use crate::image::ignore::Ignore;
use flate2::Compression;
use flate2::write::GzEncoder;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use tar::{Builder, EntryType, Header};

/// Left out unless `.dockerignore` takes them back.
const VERSION_CONTROL: &str = "**/.git\n**/.hg\n**/.svn\n**/.bzr\n";

/// The name of a Dockerfile that is not in its context.
const OUTSIDE_NAME: &str = "shipway.Dockerfile";

/// A packed context.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ContextArchive {
    /// The path of the Dockerfile in it.
    pub dockerfile: String,
    /// The Dockerfile as messages show it.
    pub shown: String,
    /// Its content.
    pub text: String,
    pub size: u64,
}

/// Why a context cannot be packed.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    #[error(transparent)]
    Context(#[from] NativeError),
    #[error("cannot pack `{}` into `{}`", path.display(), archive.display())]
    Pack { path: PathBuf, archive: PathBuf, source: io::Error },
}

impl From<DockerfileError> for ArchiveError {
    fn from(error: DockerfileError) -> Self {
        Self::Context(error.into())
    }
}

impl Retryable for ArchiveError {
    fn retry(&self) -> Retry {
        match self {
            Self::Context(error) => error.retry(),
            Self::Pack { .. } => Retry::Never,
        }
    }

    fn help(&self) -> Option<String> {
        match self {
            Self::Context(error) => error.help(),
            Self::Pack { .. } => None,
        }
    }
}

impl ContextArchive {
    /// Packs the context of a request into a file. Blocking.
    pub fn write(
        request: &BuildRequest,
        archive: &Path,
        stop: &AtomicBool,
    ) -> Result<Self, ArchiveError> {
        let dockerfile = request.dockerfile()?;
        let read = |source| NativeError::Read { path: dockerfile.clone(), source };
        let text = bounded_file::read(&dockerfile, MAX_WRITTEN_BYTES).map_err(read)?;
        let shown = dockerfile.strip_prefix(&request.context).unwrap_or(&dockerfile);
        let shown = shown.display().to_string();
        let scratch_dir = archive.parent().unwrap_or(Path::new("."));
        let context = BuildContext {
            folder: &request.context,
            dockerfile: &dockerfile,
            state: &request.state,
            scratch_dir,
        };
        let files = files(&context)?;
        let name = name_in(&request.context, &dockerfile);
        let created = request.created.unwrap_or(0);
        let mut packer = Packer::create(archive, created)?;
        for (path, item) in files.below(b"") {
            if stop.load(Ordering::Relaxed) {
                let path = request.context.clone();
                return Err(packer.failed(path)(io::ErrorKind::Interrupted.into()));
            }
            let path = Path::new(OsStr::from_bytes(path));
            if !is_replaced(path, &context, &name) {
                packer.item(path, item)?;
            }
        }
        packer.text(&name, &text)?;
        let size = packer.finish()?;
        let text = String::from_utf8_lossy(&text).into_owned();
        Ok(Self { dockerfile: name, shown, text, size })
    }
}

/// The files of a context that leave this machine.
fn files(context: &BuildContext<'_>) -> Result<FileTree, NativeError> {
    let list = context.patterns()?;
    let list = format!("{VERSION_CONTROL}{}", String::from_utf8_lossy(&list));
    let ignore = Ignore::parse(&list)
        .map_err(|source| NativeError::Ignore { path: context.list_file(), source })?;
    FileTree::of_context(context.folder, &ignore)
}

/// The path of the Dockerfile in the context, or a name of its own if it is elsewhere.
fn name_in(context: &Path, dockerfile: &Path) -> String {
    let canonical = |path: &Path| fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let (context, dockerfile) = (canonical(context), canonical(dockerfile));
    let inside = dockerfile.strip_prefix(&context).ok().and_then(Path::to_str);
    inside.unwrap_or(OUTSIDE_NAME).to_owned()
}

/// The Dockerfile is added even if it is ignored. The builder reads `.dockerignore`
/// itself, so that it must not see that of the context where the Dockerfile has its own.
fn is_replaced(path: &Path, context: &BuildContext<'_>, dockerfile: &str) -> bool {
    let usual = Path::new(".dockerignore");
    path == Path::new(dockerfile)
        || (path == usual && context.list_file() != context.folder.join(usual))
}

/// Writes a compressed archive.
struct Packer {
    path: PathBuf,
    builder: Builder<GzEncoder<BufWriter<File>>>,
    created: u64,
}

impl Packer {
    fn create(path: &Path, created: u64) -> Result<Self, ArchiveError> {
        let failed =
            |source| ArchiveError::Pack { path: path.to_owned(), archive: path.to_owned(), source };
        let file = File::create(path).map_err(failed)?;
        let encoder = GzEncoder::new(BufWriter::new(file), Compression::default());
        Ok(Self { path: path.to_owned(), builder: Builder::new(encoder), created })
    }

    fn failed(&self, path: PathBuf) -> impl Fn(io::Error) -> ArchiveError + use<> {
        let archive = self.path.clone();
        move |source| ArchiveError::Pack { path: path.clone(), archive: archive.clone(), source }
    }

    fn item(&mut self, path: &Path, item: &TreeItem) -> Result<(), ArchiveError> {
        let failed = self.failed(path.to_owned());
        let mut header = self.header(item.mode);
        match &item.kind {
            TreeItemKind::Folder => {
                header.set_entry_type(EntryType::Directory);
                self.builder.append_data(&mut header, path, io::empty())
            }
            TreeItemKind::Link(target) => {
                header.set_entry_type(EntryType::Symlink);
                self.builder.append_link(&mut header, path, OsStr::from_bytes(target))
            }
            TreeItemKind::File(FileLocation::Disk(from, _)) => self.file(&mut header, path, from),
            // Docker leaves sockets and pipes out too. Nothing in a context is packed.
            TreeItemKind::Special(..) | TreeItemKind::File(FileLocation::Packed(..)) => Ok(()),
        }
        .map_err(failed)
    }

    fn file(&mut self, header: &mut Header, path: &Path, from: &Path) -> io::Result<()> {
        let file = File::open(from)?;
        // The size when it is opened: a file that grows meanwhile must not break the archive.
        let size = file.metadata()?.len();
        header.set_size(size);
        self.builder.append_data(header, path, io::Read::take(file, size))
    }

    fn text(&mut self, name: &str, text: &[u8]) -> Result<(), ArchiveError> {
        let failed = self.failed(PathBuf::from(name));
        let mut header = self.header(0o644);
        header.set_size(text.len() as u64);
        self.builder.append_data(&mut header, name, text).map_err(failed)
    }

    fn header(&self, mode: u32) -> Header {
        let mut header = Header::new_gnu();
        header.set_entry_type(EntryType::Regular);
        header.set_mode(mode);
        header.set_mtime(self.created);
        header.set_size(0);
        header
    }

    fn finish(self) -> Result<u64, ArchiveError> {
        let failed = self.failed(self.path.clone());
        let finish = || {
            let mut file = self.builder.into_inner()?.finish()?;
            file.flush()?;
            Ok(file.get_ref().metadata()?.len())
        };
        finish().map_err(failed)
    }
}

#[cfg(test)]
mod tests {
    use super::ContextArchive;
    use crate::http::Retryable as _;
    use crate::image::dockerfile::request::BuildRequest;
    use std::collections::BTreeMap;
    use std::fs;
    use std::io::Read as _;
    use std::path::Path;
    use std::sync::atomic::AtomicBool;
    use tempfile::TempDir;

    fn folder(files: &[(&str, &str)]) -> TempDir {
        let folder = tempfile::tempdir().expect("a folder");
        for (name, text) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
            fs::write(path, text).expect("written");
        }
        folder
    }

    fn request(folder: &Path, dockerfile: &str) -> BuildRequest {
        BuildRequest {
            context: folder.join("app"),
            dockerfile: Some(folder.join(dockerfile)),
            state: folder.join("app/.shipway"),
            ..BuildRequest::default()
        }
    }

    fn packed(request: &BuildRequest) -> (ContextArchive, BTreeMap<String, String>, Vec<u8>) {
        let scratch = tempfile::tempdir().expect("a folder");
        let path = scratch.path().join("context.tar.gz");
        let archive =
            ContextArchive::write(request, &path, &AtomicBool::new(false)).expect("packed");
        let bytes = fs::read(&path).expect("written");
        assert_eq!(archive.size, bytes.len() as u64);
        let mut entries = BTreeMap::new();
        let mut read = tar::Archive::new(flate2::read::GzDecoder::new(bytes.as_slice()));
        for entry in read.entries().expect("an archive") {
            let mut entry = entry.expect("an entry");
            let name = entry.path().expect("a path").display().to_string();
            let mut text = String::new();
            entry.read_to_string(&mut text).expect("text");
            assert_eq!(entry.header().mtime().expect("a time"), 0, "{name}");
            assert!(entries.insert(name, text).is_none(), "twice");
        }
        (archive, entries, bytes)
    }

    #[test]
    fn what_is_ignored_and_version_control_stay_here() {
        let folder = folder(&[
            ("app/Dockerfile", "FROM scratch\n"),
            ("app/.dockerignore", "target\nDockerfile\n"),
            ("app/.git/config", "token"),
            ("app/lib/.git", "gitdir"),
            ("app/lib/a", "a"),
            ("app/target/big", "big"),
            ("app/.shipway/runs/1", "state"),
        ]);
        let (archive, entries, bytes) = packed(&request(folder.path(), "app/Dockerfile"));

        assert_eq!(
            (archive.dockerfile.as_str(), archive.shown.as_str()),
            ("Dockerfile", "Dockerfile")
        );
        assert_eq!(archive.text, "FROM scratch\n");
        let names: Vec<&str> = entries.keys().map(String::as_str).collect();
        assert_eq!(names, [".dockerignore", "Dockerfile", "lib", "lib/a"]);
        assert_eq!(entries["lib/a"], "a");
        let (_, _, again) = packed(&request(folder.path(), "app/Dockerfile"));
        assert_eq!(bytes, again);
    }

    #[test]
    fn dockerignore_takes_version_control_back() {
        let folder = folder(&[
            ("app/Dockerfile", "FROM scratch\n"),
            ("app/.dockerignore", "!.git\n"),
            ("app/.git/HEAD", "ref"),
        ]);
        let (_, entries, _) = packed(&request(folder.path(), "app/Dockerfile"));

        assert_eq!(entries[".git/HEAD"], "ref");
    }

    #[test]
    fn dockerfile_elsewhere_comes_along_with_its_own_patterns() {
        let folder = folder(&[
            ("app/a", "a"),
            ("app/b", "b"),
            ("app/.dockerignore", "a\n"),
            ("ci/web.Dockerfile", "FROM scratch\n"),
            ("ci/web.Dockerfile.dockerignore", "b\n"),
        ]);
        let (archive, entries, _) = packed(&request(folder.path(), "ci/web.Dockerfile"));

        assert_eq!(archive.dockerfile, "shipway.Dockerfile");
        let names: Vec<&str> = entries.keys().map(String::as_str).collect();
        assert_eq!(names, ["a", "shipway.Dockerfile"]);
    }

    #[test]
    fn missing_context_is_an_error() {
        let folder = folder(&[]);
        let (path, stop) = (folder.path().join("a.tar.gz"), AtomicBool::new(false));
        let error = ContextArchive::write(&request(folder.path(), "Dockerfile"), &path, &stop);
        let error = error.expect_err("no context");
        let shown = folder.path().join("app").display().to_string();
        assert_eq!(error.to_string(), format!("there is no build context `{shown}`"));
        assert_eq!(error.help().as_deref(), Some("`context` is relative to the plan's folder"));
    }
}
