//! Keeps Shipway's state folder out of a build context: `COPY . .` would copy it into the
//! image and change the image with every run.
//!
//! `BuildKit`, podman and buildah are given an ignore file that adds the state to the existing
//! patterns. Docker without `BuildKit` only reads the `.dockerignore` in the context, so if
//! the state is in the context, docker builds from a copy made of hard links.

use super::error::DockerfileError;
use crate::bounded_file::{self, MAX_WRITTEN_BYTES};
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt as _, symlink};
use std::path::{Path, PathBuf};

const STATE_DIR_NAME: &str = ".shipway";

/// The folders and files of one build.
pub struct BuildContext<'a> {
    pub folder: &'a Path,
    pub dockerfile: &'a Path,
    /// Shipway's state folder.
    pub state: &'a Path,
    /// For temporary files of this build.
    pub scratch_dir: &'a Path,
}

impl BuildContext<'_> {
    fn error(&self) -> impl Fn(io::Error) -> DockerfileError + '_ {
        |source| DockerfileError::Prepare { path: self.scratch_dir.to_owned(), source }
    }

    /// Writes an ignore file that is passed by name.
    pub fn ignore_file(&self) -> Result<PathBuf, DockerfileError> {
        let path = self.scratch_dir.join("ignore");
        self.write_list(&path)?;
        Ok(path)
    }

    /// Copies the Dockerfile and writes an ignore file beside it, the only place besides the
    /// context where `BuildKit` looks for one.
    pub fn dockerfile_with_ignore(&self) -> Result<PathBuf, DockerfileError> {
        let path = self.scratch_dir.join("Dockerfile");
        fs::copy(self.dockerfile, &path).map_err(self.error())?;
        self.write_list(&self.scratch_dir.join("Dockerfile.dockerignore"))?;
        Ok(path)
    }

    fn write_list(&self, path: &Path) -> Result<(), DockerfileError> {
        fs::write(path, self.patterns()?).map_err(self.error())
    }

    /// The patterns of the existing ignore file, and those for the state folder.
    pub fn patterns(&self) -> Result<Vec<u8>, DockerfileError> {
        let mut list = self.list().map_err(self.error())?;
        if !list.is_empty() && !list.ends_with(b"\n") {
            list.push(b'\n');
        }
        list.extend_from_slice(format!("**/{STATE_DIR_NAME}\n").as_bytes());
        if let Some(state) = self.state_within() {
            list.extend_from_slice(state.as_os_str().as_encoded_bytes());
            list.push(b'\n');
        }
        Ok(list)
    }

    /// The content of the existing ignore file; empty without one.
    fn list(&self) -> io::Result<Vec<u8>> {
        for path in self.list_files() {
            match bounded_file::read(&path, MAX_WRITTEN_BYTES) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                read => return read,
            }
        }
        Ok(Vec::new())
    }

    /// The path of the existing ignore file.
    pub fn list_file(&self) -> PathBuf {
        let [.., usual] = self.list_files();
        self.list_files().into_iter().find(|path| path.exists()).unwrap_or(usual)
    }

    /// Candidates for the ignore file, in order of precedence: the Dockerfile's own, then
    /// the context's.
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

    /// The state folder relative to the context, if it is inside.
    fn state_within(&self) -> Option<PathBuf> {
        let state = fs::canonicalize(self.state).ok()?;
        let folder = fs::canonicalize(self.folder).ok()?;
        let within = state.strip_prefix(folder).ok()?;
        (!within.as_os_str().is_empty()).then(|| within.to_owned())
    }

    /// The context, or a copy without the state folder if the context contains that.
    pub fn without_state(&self) -> Result<PathBuf, DockerfileError> {
        if self.state_within().is_none() {
            return Ok(self.folder.to_owned());
        }
        let copy = self.scratch_dir.join("context");
        // Without the scratch folder too, or the copy would contain itself.
        let ours = [self.state, self.scratch_dir]
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
        let ours = entry.file_name() == OsStr::new(STATE_DIR_NAME)
            || except.contains(&Some((metadata.dev(), metadata.ino())));
        if ours {
            continue;
        }
        if metadata.is_dir() {
            link_folder(&entry.path(), &target, except)?;
        } else if metadata.is_symlink() {
            symlink(fs::read_link(entry.path())?, target)?;
        } else if metadata.is_file() && fs::hard_link(entry.path(), &target).is_err() {
            // Hard links fail across file systems, and for other users' files.
            fs::copy(entry.path(), target)?;
        }
    }
    fs::set_permissions(to, fs::metadata(from)?.permissions())
}

#[cfg(test)]
mod tests {
    use super::BuildContext;
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
        fs::create_dir_all(folder.path().join(".shipway/scratch_dir")).expect("a folder");
        folder
    }

    struct Paths {
        folder: PathBuf,
        dockerfile: PathBuf,
        state: PathBuf,
        scratch_dir: PathBuf,
    }

    impl Paths {
        fn new(folder: &TempDir, state: &str) -> Self {
            let path = |name: &str| folder.path().join(name);
            let (dockerfile, scratch_dir) = (path("Dockerfile"), path(".shipway/scratch_dir"));
            Self { folder: folder.path().to_owned(), dockerfile, state: path(state), scratch_dir }
        }

        fn context(&self) -> BuildContext<'_> {
            let Self { folder, dockerfile, state, scratch_dir } = self;
            BuildContext { folder, dockerfile, state, scratch_dir }
        }
    }

    fn text(path: &Path) -> String {
        fs::read_to_string(path).expect("text")
    }

    #[test]
    fn state_is_added_to_the_ignore_file() {
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
    fn a_context_with_state_is_copied_without_it() {
        let folder = plan(&["Dockerfile", "a/b", "a/.shipway/x", "elsewhere/state"]);

        let copy = Paths::new(&folder, "elsewhere").context().without_state().expect("copied");

        assert_eq!(text(&copy.join("a/b")), "a/b");
        assert!(!copy.join(".shipway").exists() && !copy.join("a/.shipway").exists());
        assert!(!copy.join("elsewhere").exists());
    }

    #[test]
    fn a_context_without_state_is_used_unchanged() {
        let folder = plan(&["Dockerfile"]);
        let taken = Paths::new(&folder, "/nowhere").context().without_state().expect("taken");
        assert_eq!(taken, folder.path());
    }
}
