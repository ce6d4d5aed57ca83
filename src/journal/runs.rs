//! The folders of runs, in the state folder: `.shipway/` beside the plan.

use super::file::{JournalError, read};
use super::lock::RunLock;
use serde_json::Value;
use std::fmt;
use std::fs::{self, DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

/// The id of a run. Ids sort by time.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct RunId(String);

impl RunId {
    /// A new, unique id.
    pub fn new() -> Self {
        Self(ulid::Ulid::generate().to_string().to_lowercase())
    }

    /// A new id that sorts after those of all runs in a state folder, also where the clock was
    /// set back.
    pub fn next_in(state: &Path) -> Self {
        let runs = fs::read_dir(state.join("runs")).into_iter().flatten().flatten();
        let number = |entry: fs::DirEntry| Self::existing(entry.file_name().to_str()?).number();
        let after = runs.filter_map(number).max().map_or(0, |last| last.saturating_add(1));
        Self(ulid::Ulid(ulid::Ulid::generate().0.max(after)).to_string().to_lowercase())
    }

    /// The id of an existing run.
    pub fn existing(name: &str) -> Self {
        Self(name.to_owned())
    }

    /// When the run began, to the millisecond. `None` for an id that this program did
    /// not make.
    pub fn began(&self) -> Option<jiff::Timestamp> {
        let time = ulid::Ulid(self.number()?).timestamp_ms();
        jiff::Timestamp::from_millisecond(time.try_into().ok()?).ok()
    }

    /// The id as the number that it spells. `None` for an id that this program did not
    /// make.
    pub fn number(&self) -> Option<u128> {
        ulid::Ulid::from_string(&self.0.to_uppercase()).ok().map(|id| id.0)
    }

    /// Whether a name is an id that this program made.
    pub fn is_id(name: &str) -> bool {
        Self::existing(name).number().is_some()
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for RunId {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[derive(Clone, Debug)]
pub struct RunFolder {
    /// The state folder, `.shipway`.
    pub state: PathBuf,
    pub run: RunId,
}

impl RunFolder {
    /// Creates the folders. The state folder is ignored by git and readable by its
    /// owner alone.
    pub fn create(state: &Path, run: RunId) -> io::Result<Self> {
        let folder = Self { state: state.to_owned(), run };
        Self::create_state(state)?;
        DirBuilder::new().recursive(true).mode(0o700).create(folder.path())?;
        Ok(folder)
    }

    /// Creates the state folder alone. Fails where the folder is there with files of others:
    /// git would ignore those too.
    pub fn create_state(state: &Path) -> io::Result<()> {
        const IGNORE_ALL: &str = "*\n";
        refuse_links(state)?;
        DirBuilder::new().recursive(true).mode(0o700).create(state)?;
        close_to_others(state)?;
        let ignore = state.join(".gitignore");
        let found = fs::read_to_string(&ignore).ok();
        let is_named = state.file_name().is_some_and(|name| name == ".shipway");
        if found.as_deref() != Some(IGNORE_ALL) && !is_named && !has_runs_alone(state)? {
            let why = "it holds files that are not Shipway's; name a new folder";
            return Err(io::Error::new(io::ErrorKind::DirectoryNotEmpty, why));
        }
        if found.is_some() { Ok(()) } else { fs::write(ignore, IGNORE_ALL) }
    }

    /// `.shipway/runs/ID`.
    pub fn path(&self) -> PathBuf {
        self.state.join("runs").join(self.run.as_str())
    }

    pub fn journal(&self) -> PathBuf {
        self.path().join("journal.jsonl")
    }

    /// The events of the run, from which its reports are made again.
    pub fn events(&self) -> PathBuf {
        self.path().join("events.jsonl")
    }

    /// The complete result of the run.
    pub fn result(&self) -> PathBuf {
        self.path().join("result.json")
    }

    /// The state of the local cloud of a dry run.
    pub fn local(&self) -> PathBuf {
        self.state.join("local").join(self.run.as_str())
    }
}

/// The parts of a state folder that files are written to and removed from.
const PARTS: [&str; 7] = [
    "runs",
    "local",
    "images",
    "images/blobs",
    "images/blobs/sha256",
    "images/notes",
    "images/incoming",
];

/// Refuses a state folder that is a link, or has one where a folder should be: a commit may have
/// brought it, and what it leads to would be overwritten and cleaned up.
pub fn refuse_links(state: &Path) -> io::Result<()> {
    let parts = PARTS.map(|part| state.join(part));
    let is_link = |path: &&Path| fs::symlink_metadata(path).is_ok_and(|it| it.is_symlink());
    let found = std::iter::once(state).chain(parts.iter().map(PathBuf::as_path)).find(is_link);
    found.map_or(Ok(()), |path| {
        let why = format!("`{}` is a link to what is not of Shipway", path.display());
        Err(io::Error::new(io::ErrorKind::NotADirectory, why))
    })
}

/// Takes the rights of others on a folder of this user, which may have been made by hand.
fn close_to_others(folder: &Path) -> io::Result<()> {
    let found = fs::metadata(folder)?;
    let is_open = found.mode() & 0o077 != 0;
    if is_open && found.uid() == nix::unistd::geteuid().as_raw() {
        fs::set_permissions(folder, Permissions::from_mode(0o700))?;
    }
    Ok(())
}

/// Whether a folder is empty, or has nothing but the folders of runs, such as those that
/// another machine has handed on.
fn has_runs_alone(state: &Path) -> io::Result<bool> {
    for entry in fs::read_dir(state)? {
        if entry?.file_name() != "runs" {
            return Ok(false);
        }
    }
    let runs = fs::read_dir(state.join("runs")).into_iter().flatten().flatten();
    let mut names = runs.map(|entry| entry.file_name().into_string());
    Ok(names.all(|name| name.is_ok_and(|name| RunId::is_id(&name))))
}

/// The newest run that has begun.
pub fn newest(state: &Path) -> Option<RunFolder> {
    let entries = fs::read_dir(state.join("runs")).ok()?;
    let names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
    let runs = names.map(|name| RunFolder { state: state.to_owned(), run: RunId::existing(&name) });
    runs.filter(|folder| folder.events().exists()).max_by(|a, b| a.run.cmp(&b.run))
}

/// The newest run that was refused before its first step, if no other has begun since. It
/// has a result and no events.
pub fn refused_since(state: &Path, run: &RunId) -> Option<RunFolder> {
    let entries = fs::read_dir(state.join("runs")).ok()?;
    let names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
    let runs = names.map(|name| RunFolder { state: state.to_owned(), run: RunId::existing(&name) });
    let is_refused = |folder: &RunFolder| folder.run > *run && folder.result().exists();
    runs.filter(is_refused).max_by(|a, b| a.run.cmp(&b.run))
}

/// Removes the scratch folders of runs that were killed. They may hold outputs of steps,
/// and secrets in them.
pub fn remove_abandoned_scratch(state: &Path, own: &RunId) {
    let Ok(entries) = fs::read_dir(state.join("runs")) else { return };
    for entry in entries.flatten() {
        let scratch = entry.path().join("scratch");
        let Ok(name) = entry.file_name().into_string() else { continue };
        if !RunId::is_id(&name) || name == own.as_str() || !scratch.exists() {
            continue;
        }
        // A run that is still going on holds its lock.
        if let Ok(Some(_lock)) = RunLock::acquire(&entry.path().join("journal.jsonl"))
            && let Err(error) = fs::remove_dir_all(&scratch)
        {
            tracing::warn!(%error, folder = %scratch.display(), "cannot remove the scratch folder");
        }
    }
}

/// The newest run cannot be read, and may be the one that was looked for.
#[derive(Debug)]
pub struct DamagedRun {
    pub run: RunId,
    pub error: JournalError,
    /// The newest unfinished run before it.
    pub older: Option<RunId>,
}

/// A run that has not succeeded.
#[derive(Debug)]
pub struct UnfinishedRun {
    pub folder: RunFolder,
    /// A run of the same plan in the same environment that has succeeded since.
    pub newer: Option<RunId>,
}

/// The newest run of a plan that has not succeeded, among the dry runs or the others.
/// `plan` is the absolute path of its file.
///
/// A run without a first entry is skipped: it had no effects.
pub fn newest_unfinished(
    state: &Path,
    plan: &Path,
    dry_run: bool,
) -> Result<Option<UnfinishedRun>, Box<DamagedRun>> {
    let Ok(entries) = fs::read_dir(state.join("runs")) else { return Ok(None) };
    let mut names: Vec<String> =
        entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.sort_unstable();
    let mut damaged: Option<Box<DamagedRun>> = None;
    let mut succeeded: Vec<(Value, RunId)> = Vec::new();
    for name in names.iter().rev() {
        let folder = RunFolder { state: state.to_owned(), run: RunId::existing(name) };
        if !folder.journal().exists() {
            continue;
        }
        let replay = match read(&folder.journal()) {
            Ok(replay) => replay,
            Err(error) => {
                let run = folder.run;
                damaged.get_or_insert_with(|| Box::new(DamagedRun { run, error, older: None }));
                continue;
            }
        };
        let Some(start) = replay.start else { continue };
        if start.dry_run != dry_run || Path::new(&start.plan) != plan {
            continue;
        }
        let environment = start.resolved["environment"]["name"].clone();
        if replay.finished.is_some_and(|record| record.exit_code == 0) {
            succeeded.push((environment, folder.run));
            continue;
        }
        if let Some(mut damaged) = damaged {
            damaged.older = Some(folder.run);
            return Err(damaged);
        }
        let newer = succeeded.into_iter().find(|(other, _)| *other == environment);
        return Ok(Some(UnfinishedRun { folder, newer: newer.map(|(_, run)| run) }));
    }
    damaged.map_or(Ok(None), Err)
}

#[cfg(test)]
mod tests {
    use super::{RunFolder, RunId, newest_unfinished, remove_abandoned_scratch};
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt as _;
    use std::path::Path;

    #[test]
    fn an_id_tells_when_the_run_began() {
        let began = |id: &str| RunId::existing(id).began().map(|time| time.to_string());
        assert_eq!(began("01kdt4eyg0000000000000000a").as_deref(), Some("2025-12-31T12:00:00Z"));
        assert_eq!(began("nightly"), None);
    }

    #[test]
    fn a_new_id_sorts_last_also_where_the_clock_was_set_back() {
        let folder = tempfile::tempdir().expect("a folder");
        let first = RunId::next_in(folder.path());
        RunFolder::create(folder.path(), first.clone()).expect("made");
        let future = "7zzzzzzzzy0000000000000000";
        assert!(RunId::next_in(folder.path()).as_str() > first.as_str());
        RunFolder::create(folder.path(), RunId::existing(future)).expect("made");
        assert_eq!(RunId::next_in(folder.path()).as_str(), "7zzzzzzzzy0000000000000001");
    }

    #[test]
    fn the_state_folder_is_private_and_ignored_by_git() {
        let folder = tempfile::tempdir().expect("a folder");
        let state = folder.path().join(".shipway");
        let run = RunFolder::create(&state, RunId::new()).expect("made");

        assert_eq!(fs::read_to_string(state.join(".gitignore")).expect("there"), "*\n");
        // One that was made by hand before.
        fs::set_permissions(&state, Permissions::from_mode(0o777)).expect("open");
        RunFolder::create(&state, RunId::new()).expect("made");
        let mode = fs::metadata(&state).expect("there").permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
        assert!(run.path().is_dir());
    }

    #[test]
    fn folder_with_files_of_others_does_not_become_a_state_folder() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("notes"), "").expect("written");
        let refused = RunFolder::create(folder.path(), RunId::new()).expect_err("it is refused");
        assert_eq!(refused.to_string(), "it holds files that are not Shipway's; name a new folder");
        assert!(!folder.path().join(".gitignore").exists());
        assert!(!folder.path().join("runs").exists());

        let own = folder.path().join(".shipway");
        fs::create_dir(&own).expect("made");
        fs::write(own.join("schema.json"), "{}").expect("written");
        RunFolder::create(&own, RunId::new()).expect("its name tells");
        let handed_on = folder.path().join("handed-on");
        fs::create_dir_all(handed_on.join("runs").join(RunId::new().as_str())).expect("made");
        RunFolder::create(&handed_on, RunId::new()).expect("it has runs alone");
        let other = folder.path().join("state");
        RunFolder::create(&other, RunId::new()).expect("it is new");
        RunFolder::create(&other, RunId::new()).expect("it was made before");
    }

    #[test]
    fn scratch_of_a_killed_run_is_removed() {
        let folder = tempfile::tempdir().expect("a folder");
        let (killed, own) = (RunId::new(), RunId::new());
        for id in [&killed, &own] {
            let run = RunFolder::create(folder.path(), id.clone()).expect("made");
            fs::write(run.journal(), "").expect("written");
            fs::create_dir(run.path().join("scratch")).expect("made");
        }
        let foreign = folder.path().join("runs/nightly/scratch");
        fs::create_dir_all(&foreign).expect("made");

        remove_abandoned_scratch(folder.path(), &own);

        let of = |id: &RunId, name| folder.path().join("runs").join(id.as_str()).join(name);
        assert!(!of(&killed, "scratch").exists());
        assert!(of(&killed, "journal.jsonl").exists());
        assert!(of(&own, "scratch").exists());
        assert!(foreign.exists(), "it is not a run's");
    }

    #[test]
    fn the_newest_unfinished_run_of_a_plan_and_kind_is_found() {
        let folder = tempfile::tempdir().expect("a folder");
        let write_of = |plan: &str, name: &str, dry: bool, exit: Option<u8>| {
            let run = RunFolder::create(folder.path(), RunId::existing(name)).expect("made");
            let mut text = format!(
                r#"{{"entry":"run-started","version":1,"run":"{name}","at":"","plan":"{plan}","plan-digest":"","dry-run":{dry},"resolved":null}}"#
            );
            text.push('\n');
            if let Some(code) = exit {
                let status = if code == 0 { "succeeded" } else { "failed" };
                let line =
                    format!(r#"{{"entry":"run-finished","status":"{status}","exit-code":{code}}}"#);
                text.push_str(&line);
                text.push('\n');
            }
            fs::write(run.journal(), text).expect("written");
        };
        let write = |name: &str, dry, exit| write_of("/a/shipway.yml", name, dry, exit);
        let newest = |dry| {
            let plan = Path::new("/a/shipway.yml");
            let found = newest_unfinished(folder.path(), plan, dry).expect("readable");
            found.map(|found| {
                let newer = found.newer.map(|run| format!(", but {run}")).unwrap_or_default();
                format!("{}{newer}", found.folder.run)
            })
        };

        assert_eq!(newest(false), None);
        write("01a", false, None);
        write("01b", false, Some(4));
        assert_eq!(newest(false).as_deref(), Some("01b"));
        write("01c", false, Some(0));
        write("01d", true, None);
        write_of("/a/other.yml", "01e", false, None);
        assert_eq!(newest(false).as_deref(), Some("01b, but 01c"));
        assert_eq!(newest(true).as_deref(), Some("01d"));
    }
}
