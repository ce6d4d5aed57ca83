//! The state of the source by git: commit, branch, tag, changes, remote.
//!
//! It runs the `git` program, and makes it write nothing, run no hook of the
//! repository and ignore `GIT_*` variables. Without git, outside of a repository,
//! or before the first commit everything is empty, and the reason is kept. Where
//! git refuses to answer, the commit is read from its files.

mod head_file;
mod program;
mod repository;
pub mod stored;

use super::inputs::{HostEnvironment, SourceCommit};
use super::version::{Version, newest_of_each_minor};
use crate::value::slug;
use head_file::checked_out_commit;
use program::{Program, first_line};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::thread;
use url::Url;

const MAX_NAMED_FILES: usize = 20;

/// The state of the source.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Git {
    /// What git said instead of answering; the other fields are empty then, except
    /// for what git's files and the event tell.
    pub missing: Option<String>,
    /// The commit that is checked out.
    pub head: Option<String>,
    /// The commits that it was made from; two if it is a merge.
    pub parents: Vec<String>,
    /// Whether the clone lacks earlier commits, and with them most tags.
    pub shallow: bool,
    /// Whether the clone may lack tags: it is shallow, or was made without tags.
    pub lacks_tags: bool,
    /// The commit that the event is about. In a pull request that is its head, where
    /// GitHub checks out a merge of it.
    pub sha: Option<String>,
    /// The branch, if one is checked out.
    pub branch: Option<String>,
    /// The tag at this commit; of several, the one with the highest version.
    pub tag: Option<String>,
    /// Of all tags that are released versions, the highest of each minor version.
    pub versions: Vec<String>,
    /// The commit time in seconds since 1970: `SOURCE_DATE_EPOCH`.
    pub committed: Option<i64>,
    /// The first files that differ from the commit or are not in it.
    pub changed: Vec<String>,
    /// The number of all such files.
    pub changes: usize,
    /// The URL of the remote, without credentials.
    pub remote: Option<String>,
}

/// The remedy where git refuses to answer in the folder of another user, as in a
/// job that runs in a container.
pub fn safe_directory(missing: &str) -> Option<String> {
    let (_, rest) = missing.split_once("dubious ownership in repository at ")?;
    let folder = rest.trim_matches('\'');
    Some(format!("`git config --global --add safe.directory {folder}` makes git answer"))
}

/// A repository, read from the URL of a remote.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Repository {
    /// Such as `github.com`.
    pub host: String,
    /// The part of the path before the last.
    pub owner: String,
    /// The last part of the path, without `.git`.
    pub name: String,
}

impl Git {
    /// Runs git in the plan's folder.
    pub fn read(host: &HostEnvironment) -> Self {
        let program = Program { host };
        match program.read() {
            Ok(git) => git,
            Err(missing) => {
                let is_trusted = repository::root(host).is_ok();
                let head = is_trusted.then(|| checked_out_commit(&host.dir)).flatten();
                Self { missing: Some(missing), sha: head.clone(), head, ..Self::default() }
            }
        }
    }

    /// Is about another commit than the one that is checked out.
    pub fn take(&mut self, source: &SourceCommit) {
        self.missing = None;
        self.head.clone_from(&source.commit);
        self.sha.clone_from(&source.commit);
        self.committed = source.committed;
        self.parents.clear();
        self.tag = None;
        self.changed.clear();
        self.changes = usize::from(source.dirty);
        if source.branch.is_some() {
            self.branch.clone_from(&source.branch);
        }
    }

    /// The first seven digits of the commit.
    pub fn short_sha(&self) -> Option<&str> {
        self.sha.as_deref().map(|sha| sha.get(..7).unwrap_or(sha))
    }

    /// The branch as a part of a name.
    pub fn branch_slug(&self) -> Option<String> {
        self.branch.as_deref().map(slug).filter(|slug| !slug.is_empty())
    }

    /// Whether anything differs from the commit; unknown where git did not answer.
    pub fn is_dirty(&self) -> Option<bool> {
        self.head.as_ref().filter(|_| self.missing.is_none()).map(|_| self.changes > 0)
    }

    /// The first files that differ from the commit, and how many more there are.
    pub fn changed_files(&self) -> String {
        let named: Vec<_> = self.changed.iter().map(|file| format!("`{file}`")).collect();
        match self.changes.saturating_sub(named.len()) {
            0 => named.join(", "),
            more => format!("{} and {more} more", named.join(", ")),
        }
    }

    /// The commit time as RFC 3339, in UTC.
    pub fn commit_time(&self) -> Option<String> {
        let seconds = self.committed?;
        jiff::Timestamp::from_second(seconds).ok().map(|time| time.to_string())
    }

    /// With this repository, `owner/name`, as its remote where it has none.
    #[must_use]
    pub fn or_of(self, repository: Option<&str>) -> Self {
        let at_github = |name: &str| format!("https://github.com/{name}");
        Self { remote: self.remote.or_else(|| repository.map(at_github)), ..self }
    }

    /// What an image is labelled with, by the end of `org.opencontainers.image.…`. All images have
    /// the repository. The version and the commit have those alone that are built from a tag of a
    /// version, without other changes: with them, images of two commits would never be the same.
    pub fn image_labels(&self) -> BTreeMap<&'static str, String> {
        // Where there is no remote, a dry run has one of `local`.
        let repository = self.repository().filter(|repository| repository.owner != "local");
        let version = self.tag.as_deref().and_then(Version::of_tag);
        let version = version.filter(|_| self.is_dirty() == Some(false));
        let labels = [
            ("source", repository.and_then(|_| web_page(self.remote.as_deref()?))),
            ("revision", version.as_ref().and_then(|_| self.sha.clone())),
            ("version", version.as_ref().map(|version| version.whole.clone())),
        ];
        labels.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
    }

    /// The repository of the remote.
    pub fn repository(&self) -> Option<Repository> {
        Repository::parse(self.remote.as_deref()?)
    }
}

impl Repository {
    /// Reads `https://host/owner/name.git`, `ssh://git@host/owner/name` and
    /// `git@host:owner/name.git`.
    pub fn parse(remote: &str) -> Option<Self> {
        let (host, path) = host_and_path(remote)?;
        let mut parts = path.trim_matches('/').rsplit('/');
        let name = parts.next()?;
        let name = name.strip_suffix(".git").unwrap_or(name).to_owned();
        let owner = parts.next()?.to_owned();
        (!host.is_empty() && !name.is_empty()).then_some(Self { host, owner, name })
    }

    /// `owner/name`
    pub fn full_name(&self) -> String {
        format!("{}/{}", self.owner, self.name)
    }
}

impl Program<'_> {
    fn read(&self) -> Result<Git, String> {
        if repository::root(self.host).is_ok_and(|root| root.is_none()) {
            return Err(self.outside());
        }
        let about = self.ask(&["rev-parse", "--show-toplevel", "--is-shallow-repository"])?;
        let Ok(head) = self.ask(&["rev-parse", "--verify", "--quiet", "HEAD^{commit}"]) else {
            return Err("the git repository has no commit yet".to_owned());
        };
        let head = head.trim().to_owned();
        // Each is a process to wait for, so they run side by side.
        let (commit, branch, tags, all_tags, status, remote) = thread::scope(|scope| {
            // As it is stored: a shallow clone pretends that it has no parents.
            let stored = ["cat-file", "commit", &head];
            let commit = scope.spawn(move || self.ask(&stored));
            let branch =
                scope.spawn(|| self.ask(&["symbolic-ref", "--quiet", "--short", "HEAD"]).ok());
            let tag = ["tag", "--points-at", &head, "--sort=-version:refname"];
            let tags = scope.spawn(move || self.ask(&tag));
            let all_tags = scope.spawn(|| self.ask(&["tag", "--list"]));
            let remote = scope.spawn(|| self.remote());
            let status = self.ask(&["status", "--porcelain=v1", "-z", "--untracked-files=normal"]);
            let (tags, all_tags) = (joined(tags), joined(all_tags));
            (joined(commit), joined(branch), tags, all_tags, status, joined(remote))
        });
        let (commit, tags, all_tags, status) = (commit?, tags?, all_tags?, status?);
        let changed = changed(&status);
        let (shallow, tag) = (about.lines().nth(1) == Some("true"), first_line(&tags));
        // Only a commit that is a version asks for those of the others.
        let lacks_tags = tag.is_some() && (shallow || self.fetches_no_tags());
        Ok(Git {
            missing: None,
            sha: Some(head.clone()),
            head: Some(head),
            parents: headers(&commit, "parent").map(str::to_owned).collect(),
            shallow,
            lacks_tags,
            branch: branch.as_deref().and_then(first_line),
            tag,
            versions: newest_of_each_minor(all_tags.lines()),
            committed: headers(&commit, "committer").next().and_then(seconds),
            changes: changed.len(),
            changed: changed.into_iter().take(MAX_NAMED_FILES).collect(),
            remote,
        })
    }

    /// Whether it was cloned with `--no-tags`.
    fn fetches_no_tags(&self) -> bool {
        let settings = self.ask(&["config", "--get-regexp", r"^remote\..*\.tagopt$"]);
        settings.is_ok_and(|settings| settings.contains("--no-tags"))
    }

    fn remote(&self) -> Option<String> {
        let names = self.ask(&["remote"]).ok()?;
        let name = names.lines().find(|name| *name == "origin").or_else(|| names.lines().next())?;
        let url = self.ask(&["remote", "get-url", name]).ok()?;
        Some(without_credentials(&first_line(&url)?))
    }
}

/// A file at a path, or below it, that git tracks, relative to the plan's folder. `None` where
/// there is none, or no repository.
pub fn tracked_file(host: &HostEnvironment, path: &Path) -> Option<String> {
    let path = path.to_str().filter(|_| is_in_a_repository(host))?;
    let listed = ["--literal-pathspecs", "ls-files", "--cached", "-z", "--", path];
    let listed = Program { host }.ask(&listed).ok()?;
    listed.split_terminator('\0').next().map(str::to_owned)
}

/// The files that differ between the commit that is checked out and where it left `base`,
/// and the plan's folder, `web/`, both relative to the repository.
pub fn changed_since(host: &HostEnvironment, base: &str) -> Result<(Vec<String>, String), String> {
    let program = Program { host };
    let folder = repository::prefix(host).ok_or_else(|| program.outside())?;
    // A name that begins with `-` is no option.
    let range = format!("{base}...HEAD");
    let files = ["diff", "--name-only", "--no-renames", "-z", "--end-of-options", &range, "--"];
    let files = program.ask(&files)?;
    let files = files.split_terminator('\0').map(str::to_owned).collect();
    Ok((files, folder))
}

/// How many files at these paths, or below them, differ from a commit: those that were
/// changed, added or removed since, committed or not. Ignored files do not count. `None`
/// where git does not know the commit, or a path is outside of the repository.
pub fn count_changed(host: &HostEnvironment, commit: &str, paths: &[PathBuf]) -> Option<usize> {
    let paths: Vec<&str> = paths.iter().filter_map(|path| path.to_str()).collect();
    if paths.is_empty() || !is_in_a_repository(host) {
        return None;
    }
    let program = Program { host };
    let tracked = ["--literal-pathspecs", "diff", "--name-only", "--no-renames", "-z"];
    let tracked = [&tracked[..], &["--end-of-options", commit, "--"], &paths].concat();
    let new = ["--literal-pathspecs", "ls-files", "--others", "--exclude-standard", "-z", "--"];
    let new = [&new[..], &paths].concat();
    let count =
        |arguments: &[&str]| Some(program.ask(arguments).ok()?.split_terminator('\0').count());
    Some(count(&tracked)? + count(&new)?)
}

/// Whether the commit that is checked out was made from another, as far as git knows both.
pub fn descends_from(host: &HostEnvironment, commit: &str) -> bool {
    let is_hash = commit.len() >= 40 && commit.bytes().all(|byte| byte.is_ascii_hexdigit());
    let asked = ["merge-base", "--is-ancestor", commit, "HEAD"];
    is_hash && is_in_a_repository(host) && Program { host }.ask(&asked).is_ok()
}

/// The first line of the messages of those of these commits that are in the repository.
pub fn commit_titles(host: &HostEnvironment, commits: BTreeSet<&str>) -> BTreeMap<String, String> {
    let is_hash =
        |commit: &&str| commit.len() >= 40 && commit.bytes().all(|byte| byte.is_ascii_hexdigit());
    let commits: Vec<&str> = commits.into_iter().filter(is_hash).collect();
    if commits.is_empty() || !is_in_a_repository(host) {
        return BTreeMap::new();
    }
    // Commits that are not here are left out; where none is, git shows another one.
    let log = ["log", "--no-walk", "--ignore-missing", "--no-show-signature", "--format=%H %s"];
    let arguments = [&log[..], &["--end-of-options"], &commits, &["--"]].concat();
    let said = Program { host }.ask(&arguments).unwrap_or_default();
    let titles = said.lines().filter_map(|line| line.split_once(' '));
    titles
        .filter(|(commit, title)| commits.contains(commit) && !title.is_empty())
        .map(|(commit, title)| (commit.to_owned(), title.to_owned()))
        .collect()
}

/// Whether the plan's folder is in a repository. This saves starting git where it can find
/// nothing.
fn is_in_a_repository(host: &HostEnvironment) -> bool {
    repository::root(host).is_ok_and(|root| root.is_some())
}

fn joined<T>(thread: thread::ScopedJoinHandle<'_, T>) -> T {
    thread.join().expect("asking git does not panic")
}

/// The values of a header of a stored commit.
fn headers<'t>(commit: &'t str, name: &str) -> impl Iterator<Item = &'t str> {
    let headers = commit.lines().take_while(|line| !line.is_empty());
    headers.filter_map(move |line| line.strip_prefix(name)?.strip_prefix(' '))
}

/// The time in `Ada <ada@example.com> 1714972089 +0200`.
fn seconds(committer: &str) -> Option<i64> {
    committer.rsplit(' ').nth(1)?.parse().ok()
}

/// The paths in the output of `status -z`, without Shipway's own state.
fn changed(status: &str) -> Vec<String> {
    let mut paths = Vec::new();
    let mut entries = status.split('\0');
    while let Some(entry) = entries.next() {
        let (Some(kind), Some(path)) = (entry.get(..2), entry.get(3..)) else { continue };
        if kind.contains(['R', 'C']) {
            // The old path of a renamed file is an entry of its own.
            entries.next();
        }
        if !path.split('/').any(|part| part == ".shipway") {
            paths.push(path.to_owned());
        }
    }
    paths
}

/// The URL without password, and except for SSH without user.
/// Host and path of a URL, or of `git@host:path`.
fn host_and_path(remote: &str) -> Option<(String, String)> {
    if let Ok(url) = Url::parse(remote) {
        return Some((url.host_str()?.to_owned(), url.path().to_owned()));
    }
    let (before, path) = remote.split_once(':')?;
    let host = before.rsplit_once('@').map_or(before, |(_, host)| host);
    Some((host.to_owned(), path.to_owned()))
}

/// The page of a repository, from the URL of a remote; `None` where its host has pages at other
/// addresses, or none.
fn web_page(remote: &str) -> Option<String> {
    match Url::parse(remote) {
        Ok(url) if matches!(url.scheme(), "http" | "https") => {
            return Some(remote.trim_end_matches('/').trim_end_matches(".git").to_owned());
        }
        Ok(url) if url.scheme() != "ssh" => return None,
        Ok(_) | Err(_) => {}
    }
    let (host, path) = host_and_path(remote)?;
    let is_azure = host == "ssh.dev.azure.com" || host.ends_with("vs-ssh.visualstudio.com");
    let path = path.trim_matches('/').trim_end_matches(".git");
    (!is_azure && !path.is_empty()).then(|| format!("https://{host}/{path}"))
}

fn without_credentials(remote: &str) -> String {
    let Ok(mut url) = Url::parse(remote) else { return remote.to_owned() };
    if url.has_host() {
        let kept = url.set_password(None).and_then(|()| match url.scheme() {
            "ssh" => Ok(()),
            _ => url.set_username(""),
        });
        if kept.is_err() {
            return String::new();
        }
        url.set_query(None);
    }
    url.to_string()
}

#[cfg(test)]
mod tests {
    use super::{BTreeMap, Git, Repository, changed, commit_titles, web_page, without_credentials};
    use crate::resolve::HostEnvironment;
    use std::path::Path;
    use std::process::Command;

    fn host(dir: &Path) -> HostEnvironment {
        let env = [
            ("PATH", "/usr/local/bin:/usr/bin:/bin"),
            ("HOME", "/nonexistent"),
            // Must be ignored.
            ("GIT_DIR", "/nonexistent"),
            ("GIT_AUTHOR_DATE", "never"),
        ];
        let env = env.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        HostEnvironment { env, dir: dir.to_owned(), cloud_repository: None }
    }

    #[track_caller]
    fn git(dir: &Path, arguments: &[&str]) {
        let output = Command::new("git")
            .args([
                "-c",
                "user.name=a",
                "-c",
                "user.email=a@example.com",
                "-c",
                "commit.gpgsign=false",
            ])
            .args(arguments)
            .current_dir(dir)
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .env("HOME", "/nonexistent")
            .env("GIT_COMMITTER_DATE", "2024-05-06T07:08:09+02:00")
            .output()
            .expect("git is there");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    fn repository() -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("can be made");
        git(folder.path(), &["init", "--quiet", "--initial-branch=topic/x"]);
        std::fs::write(folder.path().join("a"), "a").expect("can be written");
        git(folder.path(), &["add", "a"]);
        git(folder.path(), &["commit", "--quiet", "--message=one"]);
        folder
    }

    #[test]
    fn a_clean_tree() {
        let folder = repository();
        git(folder.path(), &["tag", "v1.9.0"]);
        git(folder.path(), &["tag", "v1.10.0"]);
        git(
            folder.path(),
            &["remote", "add", "origin", "https://me:hunter22@github.com/acme/shop.git"],
        );
        std::fs::create_dir_all(folder.path().join("sub/.shipway/runs")).expect("can be made");
        std::fs::write(folder.path().join("sub/.shipway/runs/x"), "x").expect("can be written");
        std::fs::write(folder.path().join("sub/b"), "b").expect("can be written");
        git(folder.path(), &["add", "sub/b"]);
        git(folder.path(), &["commit", "--quiet", "--amend", "--no-edit"]);
        git(folder.path(), &["tag", "--force", "v1.9.0"]);
        git(folder.path(), &["tag", "--force", "v1.10.0"]);

        let found = Git::read(&host(&folder.path().join("sub")));

        assert_eq!(found.missing, None);
        assert_eq!(found.sha, found.head);
        assert_eq!(found.short_sha().map(str::len), Some(7));
        assert_eq!(found.branch.as_deref(), Some("topic/x"));
        assert_eq!(found.tag.as_deref(), Some("v1.10.0"));
        assert_eq!((found.is_dirty(), found.changed), (Some(false), vec![]));
        assert_eq!(found.committed, Some(1_714_972_089));
        assert_eq!(found.remote.as_deref(), Some("https://github.com/acme/shop.git"));
    }

    #[test]
    fn a_dirty_tree_names_its_files() {
        let folder = repository();
        std::fs::write(folder.path().join("a"), "b").expect("can be written");
        std::fs::write(folder.path().join("ö ß"), "b").expect("can be written");
        git(folder.path(), &["checkout", "--quiet", "--detach"]);
        let found = Git::read(&host(folder.path()));
        assert_eq!(found.is_dirty(), Some(true));
        assert_eq!(found.changed, ["a", "ö ß"]);
        assert_eq!(found.commit_time().as_deref(), Some("2024-05-06T05:08:09Z"));
        assert_eq!((found.branch, found.tag, found.remote), (None, None, None));
    }

    #[test]
    fn why_there_is_nothing() {
        let folder = tempfile::tempdir().expect("can be made");
        let outside = Git::read(&host(folder.path()));
        let expected = format!("`{}` is not in a git repository", folder.path().display());
        assert_eq!(outside, Git { missing: Some(expected), ..Git::default() });

        git(folder.path(), &["init", "--quiet"]);
        let empty = Git::read(&host(folder.path()));
        assert_eq!(empty.missing.as_deref(), Some("the git repository has no commit yet"));

        let mut without = host(folder.path());
        without.env.insert("PATH".to_owned(), "/nonexistent".to_owned());
        assert_eq!(Git::read(&without).missing.as_deref(), Some("the program `git` was not found"));
        assert_eq!(Git::read(&without).is_dirty(), None);
    }

    #[test]
    fn a_merge_names_its_parents_in_a_shallow_clone_too() {
        let folder = repository();
        let first = Git::read(&host(folder.path())).head.expect("has a commit");
        git(folder.path(), &["checkout", "--quiet", "-b", "other"]);
        git(folder.path(), &["commit", "--quiet", "--allow-empty", "--message=two"]);
        let second = Git::read(&host(folder.path())).head.expect("has a commit");
        git(folder.path(), &["checkout", "--quiet", "topic/x"]);
        git(folder.path(), &["merge", "--quiet", "--no-ff", "--no-edit", "other"]);
        let clone = tempfile::tempdir().expect("can be made");
        let from = format!("file://{}", folder.path().display());
        git(clone.path(), &["clone", "--quiet", "--depth=1", &from, "."]);
        let found = Git::read(&host(clone.path()));
        assert_eq!((found.parents, found.shallow), (vec![first, second], true));
        assert!(!Git::read(&host(folder.path())).shallow);
    }

    #[test]
    fn the_commit_is_known_where_git_refuses_to_answer() {
        let folder = repository();
        let head = Git::read(&host(folder.path())).head;
        let refused = |folder: &Path| {
            // As for the folder of another user.
            let settings = folder.join(".git/config");
            std::fs::write(&settings, "[core\n").expect("can be written");
            Git::read(&host(folder))
        };
        let found = refused(folder.path());
        let missing = found.missing.clone().unwrap_or_default();
        assert!(missing.starts_with("git failed: bad config line 1 in file"), "{missing}");
        assert_eq!((&found.head, &found.sha), (&head, &head));
        assert_eq!(found.is_dirty(), None);

        std::fs::remove_file(folder.path().join(".git/config")).expect("is there");
        git(folder.path(), &["pack-refs", "--all"]);
        assert_eq!(refused(folder.path()).head, head);

        std::fs::remove_file(folder.path().join(".git/config")).expect("is there");
        git(folder.path(), &["checkout", "--quiet", "--detach"]);
        assert_eq!(refused(folder.path()).head, head);
    }

    #[test]
    fn images_are_labelled_with_the_repository_and_a_version_with_its_commit() {
        let folder = repository();
        assert!(Git::read(&host(folder.path())).image_labels().is_empty());
        git(folder.path(), &["remote", "add", "origin", "git@github.com:acme/shop.git"]);
        let source = ("source", "https://github.com/acme/shop".to_owned());
        assert_eq!(
            Git::read(&host(folder.path())).image_labels(),
            BTreeMap::from([source.clone()])
        );

        git(folder.path(), &["tag", "v1.2.3"]);
        let found = Git::read(&host(folder.path()));
        let of_version = [
            source.clone(),
            ("revision", found.sha.clone().expect("a commit")),
            ("version", "1.2.3".to_owned()),
        ];
        assert_eq!(found.image_labels(), BTreeMap::from(of_version));
        let changed = Git { changes: 1, ..found };
        assert_eq!(changed.image_labels(), BTreeMap::from([source]));
        let of_a_dry_run = Git { remote: None, ..changed }.or_of(Some("local/shop"));
        assert!(of_a_dry_run.image_labels().is_empty());
    }

    #[test]
    fn page_of_a_repository_is_that_of_its_remote() {
        let page = |remote| web_page(remote).unwrap_or_default();
        let shop = "https://github.com/acme/shop";
        assert_eq!(page("https://github.com/acme/shop.git"), shop);
        assert_eq!(page("ssh://git@github.com/acme/shop.git"), shop);
        assert_eq!(page("git@github.com:acme/shop"), shop);
        assert_eq!(
            page("https://dev.azure.com/acme/web/_git/shop"),
            "https://dev.azure.com/acme/web/_git/shop"
        );
        assert_eq!(page("git@ssh.dev.azure.com:v3/acme/web/shop"), "");
        assert_eq!(page("file:///srv/git/shop.git"), "");
        assert_eq!(page("../shop"), "");
    }

    #[test]
    fn titles_are_those_of_commits_that_are_here() {
        let folder = repository();
        git(folder.path(), &["commit", "--quiet", "--allow-empty", "--message=Sell socks\n\nRed."]);
        let host = host(folder.path());
        let head = Git::read(&host).sha.expect("a commit");
        let missing = "0123456789012345678901234567890123456789";
        let asked = |commits: &[&str]| commit_titles(&host, commits.iter().copied().collect());
        let expected = [(head.clone(), "Sell socks".to_owned())].into();
        assert_eq!(asked(&[&head, missing, "--output=x", "HEAD"]), expected);
        assert_eq!(asked(&[missing]), BTreeMap::new());
        assert_eq!(asked(&[]), BTreeMap::new());
    }

    #[test]
    fn changes_are_read_from_the_status() {
        assert_eq!(
            changed(" M a\0R  new\0old\0?? dir/\0?? .shipway/\0?? x/.shipway/y\0?? .shipway.yml\0"),
            ["a", "new", "dir/", ".shipway.yml"]
        );
        assert_eq!(changed(""), [""; 0]);
    }

    #[test]
    fn remotes_lose_their_credentials() {
        #[track_caller]
        fn case(remote: &str, expected: &str, full_name: &str) {
            assert_eq!(without_credentials(remote), expected);
            let found = Repository::parse(expected)
                .map(|found| format!("{} {}", found.host, found.full_name()));
            assert_eq!(found.unwrap_or_default(), full_name, "{remote}");
        }
        case("https://x:y@github.com/a/b.git", "https://github.com/a/b.git", "github.com a/b");
        case("https://token@github.com/a/b", "https://github.com/a/b", "github.com a/b");
        case("https://h/a/b?private_token=x", "https://h/a/b", "h a/b");
        case("ssh://git:pw@h:22/a/b.git", "ssh://git@h:22/a/b.git", "h a/b");
        case("git@github.com:a/b.git", "git@github.com:a/b.git", "github.com a/b");
        case("/srv/git/b.git", "/srv/git/b.git", "");
        case("file:///srv/git/b.git", "file:///srv/git/b.git", "");
    }
}
