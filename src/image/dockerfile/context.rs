//! Keeps our own state out of a build context, where `COPY . .` would bring it
//! into the image and change it with every run.
//!
//! `BuildKit`, podman and buildah are given a list of what to ignore: the one that
//! is there, and our state. Docker without `BuildKit` takes no other list than the
//! one in the context, so where the state lies in the context it is given a copy
//! of it without, made of hard links.

use super::error::DockerfileError;
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt as _, symlink};
use std::path::{Path, PathBuf};

const STATE: &str = ".shipway";

/// Where a build takes its files from.
pub(super) struct Context<'a> {
    pub(super) folder: &'a Path,
    pub(super) dockerfile: &'a Path,
    /// Where our state is.
    pub(super) state: &'a Path,
    /// For what is written for this build.
    pub(super) desk: &'a Path,
}

impl Context<'_> {
    fn error(&self) -> impl Fn(io::Error) -> DockerfileError + '_ {
        |source| DockerfileError::Prepare { path: self.desk.to_owned(), source }
    }

    /// Writes a list of what to ignore, to be given by name.
    pub(super) fn ignore_file(&self) -> Result<PathBuf, DockerfileError> {
        let path = self.desk.join("ignore");
        self.write_list(&path)?;
        Ok(path)
    }

    /// Copies the Dockerfile to where a list can lie beside it, the one place
    /// other than the context where `BuildKit` looks for it.
    pub(super) fn dockerfile_with_ignore(&self) -> Result<PathBuf, DockerfileError> {
        let path = self.desk.join("Dockerfile");
        fs::copy(self.dockerfile, &path).map_err(self.error())?;
        self.write_list(&self.desk.join("Dockerfile.dockerignore"))?;
        Ok(path)
    }

    fn write_list(&self, path: &Path) -> Result<(), DockerfileError> {
        fs::write(path, self.patterns()?).map_err(self.error())
    }

    /// What is to be ignored.
    pub(super) fn patterns(&self) -> Result<Vec<u8>, DockerfileError> {
        let mut list = self.list().map_err(self.error())?;
        if !list.is_empty() && !list.ends_with(b"\n") {
            list.push(b'\n');
        }
        list.extend_from_slice(format!("**/{STATE}\n").as_bytes());
        if let Some(state) = self.state_within() {
            list.extend_from_slice(state.as_os_str().as_encoded_bytes());
            list.push(b'\n');
        }
        Ok(list)
    }

    /// The list that is there: the Dockerfile's own, else the context's.
    fn list(&self) -> io::Result<Vec<u8>> {
        for path in self.list_files() {
            match fs::read(&path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                read => return read,
            }
        }
        Ok(Vec::new())
    }

    /// The file of the list that is there.
    pub(super) fn list_file(&self) -> PathBuf {
        let [.., usual] = self.list_files();
        self.list_files().into_iter().find(|path| path.exists()).unwrap_or(usual)
    }

    /// Where a list may be; the first that is there is taken.
    fn list_files(&self) -> [PathBuf; 4] {
        let own = |ending: &str| {
            let mut name = self.dockerfile.as_os_str().to_owned();
            name.push(ending);
            PathBuf::from(name)
        };
        [
            own(".dockerignore"),
            own(".containerignore"),
            self.folder.join(".containerignore"),
            self.folder.join(".dockerignore"),
        ]
    }

    /// Where in the context our state is.
    fn state_within(&self) -> Option<PathBuf> {
        let state = fs::canonicalize(self.state).ok()?;
        let folder = fs::canonicalize(self.folder).ok()?;
        let within = state.strip_prefix(folder).ok()?;
        (!within.as_os_str().is_empty()).then(|| within.to_owned())
    }

    /// The context itself, or a copy without our state where it holds that.
    pub(super) fn without_state(&self) -> Result<PathBuf, DockerfileError> {
        if self.state_within().is_none() {
            return Ok(self.folder.to_owned());
        }
        let copy = self.desk.join("context");
        // The desk too, lest the copy be copied.
        let ours = [self.state, self.desk]
            .map(|ours| fs::metadata(ours).map(|ours| (ours.dev(), ours.ino())).ok());
        link_folder(self.folder, &copy, &ours).map_err(self.error())?;
        Ok(copy)
    }
}

fn link_folder(from: &Path, to: &Path, except: &[Option<(u64, u64)>]) -> io::Result<()> {
    fs::create_dir(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        let target = to.join(entry.file_name());
        let ours = entry.file_name() == OsStr::new(STATE)
            || except.contains(&Some((metadata.dev(), metadata.ino())));
        if ours {
            continue;
        }
        if metadata.is_dir() {
            link_folder(&entry.path(), &target, except)?;
        } else if metadata.is_symlink() {
            symlink(fs::read_link(entry.path())?, target)?;
        } else if metadata.is_file() && fs::hard_link(entry.path(), &target).is_err() {
            // Another file system, or a file of someone else's.
            fs::copy(entry.path(), target)?;
        }
    }
    fs::set_permissions(to, fs::metadata(from)?.permissions())
}

#[cfg(test)]
mod tests {
    use super::Context;
    use std::fs;
    use std::path::{Path, PathBuf};
    use tempfile::TempDir;

    fn plan(files: &[&str]) -> TempDir {
        let folder = tempfile::tempdir().expect("a folder");
        for file in files {
            let path = folder.path().join(file);
            fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
            fs::write(path, file).expect("a file");
        }
        fs::create_dir_all(folder.path().join(".shipway/desk")).expect("a folder");
        folder
    }

    struct Paths {
        folder: PathBuf,
        dockerfile: PathBuf,
        state: PathBuf,
        desk: PathBuf,
    }

    impl Paths {
        fn new(folder: &TempDir, state: &str) -> Self {
            let path = |name: &str| folder.path().join(name);
            let (dockerfile, desk) = (path("Dockerfile"), path(".shipway/desk"));
            Self { folder: folder.path().to_owned(), dockerfile, state: path(state), desk }
        }

        fn context(&self) -> Context<'_> {
            let Self { folder, dockerfile, state, desk } = self;
            Context { folder, dockerfile, state, desk }
        }
    }

    fn text(path: &Path) -> String {
        fs::read_to_string(path).expect("text")
    }

    #[test]
    fn our_state_is_ignored_beside_what_is_ignored_already() {
        let folder = plan(&["Dockerfile"]);
        let list =
            |state| text(&Paths::new(&folder, state).context().ignore_file().expect("written"));

        assert_eq!(list(".shipway"), "**/.shipway\n.shipway\n");
        fs::write(folder.path().join(".dockerignore"), "target").expect("written");
        assert_eq!(list("/nowhere"), "target\n**/.shipway\n");
        fs::write(folder.path().join("Dockerfile.dockerignore"), "own\n").expect("written");
        assert_eq!(list("/nowhere"), "own\n**/.shipway\n");

        let copy =
            Paths::new(&folder, ".shipway").context().dockerfile_with_ignore().expect("written");
        assert_eq!(text(&copy), "Dockerfile");
        let beside: PathBuf = copy.with_file_name("Dockerfile.dockerignore");
        assert_eq!(text(&beside), "own\n**/.shipway\n.shipway\n");
    }

    #[test]
    fn a_context_with_state_is_copied_without() {
        let folder = plan(&["Dockerfile", "a/b", "a/.shipway/x", "elsewhere/state"]);

        let copy = Paths::new(&folder, "elsewhere").context().without_state().expect("copied");

        assert_eq!(text(&copy.join("a/b")), "a/b");
        assert!(!copy.join(".shipway").exists() && !copy.join("a/.shipway").exists());
        assert!(!copy.join("elsewhere").exists());
    }

    #[test]
    fn a_context_without_state_is_taken_as_it_is() {
        let folder = plan(&["Dockerfile"]);
        let taken = Paths::new(&folder, "/nowhere").context().without_state().expect("taken");
        assert_eq!(taken, folder.path());
    }
}
