//! The repository that a folder belongs to, found before git looks for one: git obeys the
//! settings of what it finds, and these can start programs. A commit can hold a bare repository
//! as ordinary files, and links that lead to another repository.

use crate::resolve::inputs::HostEnvironment;
use std::path::{Path, PathBuf};

/// Events whose jobs have secrets while the code of a fork may be checked out.
const EVENTS_OF_FORKS: [&str; 3] = ["pull_request_target", "workflow_run", "issue_comment"];

/// The root of the repository of the plan's folder, without links. `None` outside of a
/// repository, and an error for one that is not asked.
pub fn root(host: &HostEnvironment) -> Result<Option<PathBuf>, String> {
    let Ok(folder) = host.dir.canonicalize() else { return Ok(None) };
    let root = root_of(&folder)?;
    for link in links(&written(host)) {
        let Some(around) = link.parent().and_then(|parent| parent.canonicalize().ok()) else {
            continue;
        };
        let around = root_of(&around)?;
        if around.is_some() && around != root {
            return Err(format!("`{}` is a link that leads out of its repository", link.display()));
        }
    }
    if let (Some(root), Some(workspace)) = (&root, workspace(host))
        && !root.starts_with(&workspace)
        && !workspace.starts_with(root)
    {
        let (root, workspace) = (root.display(), workspace.display());
        return Err(format!("the repository `{root}` is outside of `{workspace}`, the workspace"));
    }
    Ok(root)
}

/// The plan's folder relative to its repository, with `/` at its end; empty for the root. Links
/// are not followed: it is where the folder is in another commit, too.
pub fn prefix(host: &HostEnvironment) -> Option<String> {
    let root = root(host).ok()??;
    let folder = written(host);
    let above = folder.ancestors().find(|above| above.canonicalize().is_ok_and(|it| it == root));
    let inside = folder.strip_prefix(above?).ok()?.to_str()?;
    Some(if inside.is_empty() { String::new() } else { format!("{inside}/") })
}

/// The plan's folder as it was written: below the current folder with the links by which a shell,
/// or the `working-directory` of the action, came there.
fn written(host: &HostEnvironment) -> PathBuf {
    let by_links = || {
        let here = std::env::current_dir().ok()?;
        let below = host.dir.strip_prefix(&here).ok()?;
        let shown = Path::new(host.var("PWD")?);
        let is_here =
            shown.is_absolute() && shown.canonicalize().ok()? == here.canonicalize().ok()?;
        is_here.then(|| shown.join(below))
    };
    by_links().unwrap_or_else(|| host.dir.clone())
}

/// The nearest folder with `.git`.
fn root_of(folder: &Path) -> Result<Option<PathBuf>, String> {
    for above in folder.ancestors() {
        if above.join(".git").symlink_metadata().is_ok() {
            return Ok(Some(above.to_owned()));
        }
        if ["HEAD", "objects", "refs"].iter().all(|name| above.join(name).exists()) {
            return Err(format!("`{}` is a bare repository, which has no files", above.display()));
        }
    }
    Ok(None)
}

/// The parts of a path that are links, each as a path.
fn links(path: &Path) -> impl Iterator<Item = &Path> {
    path.ancestors().filter(|part| part.is_symlink())
}

/// The checkout of a job that has secrets while the code of a fork may be checked out.
fn workspace(host: &HostEnvironment) -> Option<PathBuf> {
    let event = host.var("GITHUB_EVENT_NAME")?;
    let workspace = EVENTS_OF_FORKS.contains(&event).then(|| host.var("GITHUB_WORKSPACE"))??;
    Path::new(workspace).canonicalize().ok()
}

#[cfg(test)]
mod tests {
    use super::{prefix, root};
    use crate::resolve::Git;
    use crate::resolve::inputs::HostEnvironment;
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::path::Path;
    use std::process::Command;
    use tempfile::TempDir;

    fn host(dir: &Path, more: &[(&str, &str)]) -> HostEnvironment {
        let path = ("PATH", "/usr/local/bin:/usr/bin:/bin");
        let env = more.iter().chain([&path]);
        let env = env.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        HostEnvironment { env, dir: dir.to_owned(), cloud_repository: None }
    }

    fn git(folder: &Path, arguments: &[&str]) {
        let mut command = Command::new("git");
        command.args(["-c", "user.name=a", "-c", "user.email=a@example.com"]).args(arguments);
        let output = command.current_dir(folder).output().expect("git is there");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    /// A folder with the repository `work` and a folder `deploy` in it.
    fn checkout() -> TempDir {
        let folder = tempfile::tempdir().expect("a folder");
        let work = folder.path().join("work");
        fs::create_dir_all(work.join("deploy")).expect("made");
        fs::write(work.join("deploy/file"), "text").expect("written");
        git(&work, &["init", "--quiet"]);
        git(&work, &["add", "--all"]);
        git(&work, &["commit", "--quiet", "--message=one"]);
        folder
    }

    /// What is said instead of asking git, without the folder.
    #[track_caller]
    fn refusal(folder: &TempDir, host: &HostEnvironment) -> String {
        let read = Git::read(host);
        assert_eq!(read.head, None, "{read:?}");
        let real = folder.path().canonicalize().expect("there");
        let said = read.missing.expect("refused").replace(&real.display().to_string(), "");
        said.replace(&folder.path().display().to_string(), "")
    }

    #[test]
    fn bare_repository_in_a_checkout_is_not_asked() {
        let folder = checkout();
        let work = folder.path().join("work");
        fs::remove_dir_all(work.join("deploy")).expect("there");
        git(&work, &["init", "--quiet", "--bare", "deploy"]);
        let mark = work.join("mark");
        let filter = format!("touch {}; cat", mark.display());
        git(&work.join("deploy"), &["config", "filter.x.clean", &filter]);
        git(&work.join("deploy"), &["config", "core.bare", "false"]);
        git(&work.join("deploy"), &["config", "core.worktree", ".."]);

        let host = host(&work.join("deploy"), &[]);

        let said = "git is not asked: `/work/deploy` is a bare repository, which has no files";
        assert_eq!(refusal(&folder, &host), said);
        assert!(!mark.exists());
    }

    #[test]
    fn link_to_another_repository_is_not_followed() {
        let folder = checkout();
        let (work, other) = (folder.path().join("work"), folder.path().join("other"));
        fs::create_dir_all(other.join("deploy")).expect("made");
        git(&other, &["init", "--quiet"]);
        fs::remove_dir_all(work.join("deploy")).expect("there");
        symlink("../other/deploy", work.join("deploy")).expect("linked");

        let said = "git is not asked: `/work/deploy` is a link that leads out of its repository";
        assert_eq!(refusal(&folder, &host(&work.join("deploy"), &[])), said);

        // A link around the repository is its user's.
        symlink("work", folder.path().join("link")).expect("linked");
        let around = host(&folder.path().join("link"), &[]);
        assert_eq!(root(&around), Ok(Some(work.canonicalize().expect("there"))));
        assert!(Git::read(&around).head.is_some());
    }

    #[test]
    fn place_in_a_commit_is_that_of_the_path_as_it_is_written() {
        let folder = checkout();
        let work = folder.path().join("work");
        symlink("deploy", work.join("linked")).expect("linked");
        let of = |name: &str| prefix(&host(&work.join(name), &[]));
        assert_eq!(of("linked").as_deref(), Some("linked/"));
        assert_eq!(of("deploy").as_deref(), Some("deploy/"));
        assert_eq!(prefix(&host(&work, &[])).as_deref(), Some(""));
        assert_eq!(prefix(&host(folder.path(), &[])), None);
    }

    #[test]
    fn job_that_may_have_the_code_of_a_fork_asks_its_own_checkout_alone() {
        let folder = checkout();
        let work = folder.path().join("work");
        let other = tempfile::tempdir().expect("a folder");
        let workspace = other.path().display().to_string();
        for (event, is_asked) in [("workflow_run", false), ("push", true)] {
            let variables = [("GITHUB_EVENT_NAME", event), ("GITHUB_WORKSPACE", &workspace)];
            let host = host(&work, &variables);
            assert_eq!(root(&host).is_ok(), is_asked, "{event}");
        }
        let own = work.display().to_string();
        let variables = [("GITHUB_EVENT_NAME", "workflow_run"), ("GITHUB_WORKSPACE", &own)];
        assert!(Git::read(&host(&work.join("deploy"), &variables)).head.is_some());
    }
}
