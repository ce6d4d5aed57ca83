//! The files of a commit, read from git's objects: what is checked out may be another's.

use super::program::{NOT_ASKED, Program};
use super::repository;
use crate::resolve::inputs::HostEnvironment;

/// Keeps git from fetching objects that a partial clone lacks, and from taking others in
/// their place.
const OBJECTS_AS_THEY_ARE: [(&str, &str); 2] =
    [("GIT_NO_LAZY_FETCH", "1"), ("GIT_NO_REPLACE_OBJECTS", "1")];

/// The files of a commit of the repository that a folder belongs to.
#[derive(Debug)]
pub struct CommitFiles<'a> {
    host: &'a HostEnvironment,
    commit: &'a str,
    /// The folder relative to the repository, with `/` at its end; empty for its root.
    folder: String,
}

impl<'a> CommitFiles<'a> {
    /// `None` where git does not have the commit. Nothing is fetched.
    pub fn of(host: &'a HostEnvironment, commit: &'a str) -> Option<Self> {
        let is_hash = commit.len() >= 40 && commit.bytes().all(|byte| byte.is_ascii_hexdigit());
        let program = Program { host };
        let object = format!("{commit}^{{commit}}");
        let known =
            is_hash && program.bytes(&["cat-file", "-e", &object], &OBJECTS_AS_THEY_ARE).is_ok();
        let folder = repository::prefix(host).filter(|_| known)?;
        Some(Self { host, commit, folder })
    }

    /// Why git is not asked in the folder at all.
    pub fn refusal(host: &HostEnvironment) -> Option<String> {
        repository::root(host).err().map(|why| format!("{NOT_ASKED}: {why}"))
    }

    /// Reads a file by its path relative to the folder. The error says why there is none.
    pub fn read(&self, path: &str) -> Result<Vec<u8>, String> {
        let path = in_repository(&self.folder, path)
            .ok_or_else(|| "it is outside of the repository".to_owned())?;
        let program = Program { host: self.host };
        let list =
            ["--literal-pathspecs", "ls-tree", "-z", "--full-tree", self.commit, "--", &path];
        let listed = program.bytes(&list, &OBJECTS_AS_THEY_ARE)?;
        let listed = String::from_utf8_lossy(&listed);
        // `100644 blob HASH<tab>PATH`
        let entry = listed.split('\0').next().unwrap_or_default();
        let mut words = entry.split(['\t', ' ']);
        let (mode, kind, object) = (words.next(), words.next(), words.next());
        match (mode, kind, object) {
            (Some("120000"), ..) => Err("it is a link".to_owned()),
            (_, Some("blob"), Some(object)) => {
                program.bytes(&["cat-file", "blob", object], &OBJECTS_AS_THEY_ARE)
            }
            (_, Some(_), _) => Err("it is no file".to_owned()),
            _ => Err("it is not there".to_owned()),
        }
    }
}

/// A path relative to the repository, without `.` and `..`. `None` for one that leads out of
/// it.
fn in_repository(folder: &str, path: &str) -> Option<String> {
    let mut names = Vec::new();
    for name in folder.split('/').chain(path.split('/')) {
        match name {
            "" | "." => {}
            ".." => drop(names.pop()?),
            name => names.push(name),
        }
    }
    Some(names.join("/"))
}

#[cfg(test)]
mod tests {
    use super::{CommitFiles, in_repository};
    use crate::resolve::inputs::HostEnvironment;
    use std::fs;
    use std::path::Path;
    use std::process::Command;

    const PATH: &str = "/usr/local/bin:/usr/bin:/bin";

    #[track_caller]
    fn git(folder: &Path, arguments: &[&str]) -> String {
        let who = ["-c", "user.name=a", "-c", "user.email=a@example.com"];
        let mut command = Command::new("git");
        command.args(who).args(arguments).current_dir(folder).env_clear().env("PATH", PATH);
        let output = command.env("HOME", "/nonexistent").output().expect("git is there");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    #[test]
    fn files_are_those_of_the_commit_and_not_of_the_checkout() {
        let folder = tempfile::tempdir().expect("can be made");
        git(folder.path(), &["init", "--quiet"]);
        fs::write(folder.path().join("a"), "a").expect("can be written");
        let at = |name: &str| folder.path().join(name);
        fs::create_dir_all(at("sub/below")).expect("can be made");
        fs::write(at("sub/plan"), b"base \xff").expect("can be written");
        fs::write(at("sub/below/[x]"), "other").expect("can be written");
        std::os::unix::fs::symlink("plan", at("sub/link")).expect("can be made");
        git(folder.path(), &["add", "--all"]);
        git(folder.path(), &["commit", "--quiet", "--message=base"]);
        let env = [("PATH".to_owned(), PATH.to_owned())].into();
        let host = HostEnvironment { env, dir: at("sub"), cloud_repository: None };
        let base = git(folder.path(), &["rev-parse", "HEAD"]);
        fs::write(at("sub/plan"), "fork").expect("can be written");
        git(folder.path(), &["commit", "--quiet", "--all", "--message=fork"]);

        let files = CommitFiles::of(&host, &base).expect("is there");
        assert_eq!(files.read("plan"), Ok(b"base \xff".to_vec()));
        assert_eq!(files.read("below/../below/[x]"), Ok(b"other".to_vec()));
        assert_eq!(files.read("../a"), Ok(b"a".to_vec()));
        let why = |path: &str| files.read(path).expect_err("is none");
        assert_eq!(why("none"), "it is not there");
        assert_eq!(why("below"), "it is no file");
        assert_eq!(why("link"), "it is a link");
        assert_eq!(why("link/x"), "it is not there");
        assert_eq!(why("../../x"), "it is outside of the repository");
        for other in ["0123456789012345678901234567890123456789", "HEAD", "", "--all"] {
            assert!(CommitFiles::of(&host, other).is_none(), "{other}");
        }
    }

    #[test]
    fn path_leads_nowhere_out_of_the_repository() {
        assert_eq!(in_repository("web/", "./a//b/../c").as_deref(), Some("web/a/c"));
        assert_eq!(in_repository("web/", "../a").as_deref(), Some("a"));
        assert_eq!(in_repository("", "a").as_deref(), Some("a"));
        assert_eq!(in_repository("web/", "../../a"), None);
    }
}
