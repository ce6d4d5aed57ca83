//! The folders of runs, in the state folder: `.shipway/` beside the plan.

use super::file::{JournalError, read};
use std::fmt;
use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

/// The id of a run. Ids sort by time.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct RunId(String);

impl RunId {
    /// A new, unique id.
    pub fn new() -> Self {
        Self(ulid::Ulid::generate().to_string().to_lowercase())
    }

    /// The id of an existing run.
    pub fn existing(name: &str) -> Self {
        Self(name.to_owned())
    }

    /// When the run began, to the millisecond. `None` for an id that this program did
    /// not make.
    pub fn began(&self) -> Option<jiff::Timestamp> {
        let id = ulid::Ulid::from_string(&self.0.to_uppercase()).ok()?;
        jiff::Timestamp::from_millisecond(id.timestamp_ms().try_into().ok()?).ok()
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
        DirBuilder::new().recursive(true).mode(0o700).create(folder.path())?;
        let ignore = state.join(".gitignore");
        if !ignore.exists() {
            fs::write(ignore, "*\n")?;
        }
        Ok(folder)
    }

    /// `.shipway/runs/ID`.
    pub fn path(&self) -> PathBuf {
        self.state.join("runs").join(self.run.as_str())
    }

    pub fn journal(&self) -> PathBuf {
        self.path().join("journal.jsonl")
    }

    /// The state of the local cloud of a dry run.
    pub fn local(&self) -> PathBuf {
        self.state.join("local").join(self.run.as_str())
    }
}

/// The newest run that has not succeeded, among the dry runs or the others.
///
/// A run without a first entry is skipped: it had no effects.
pub fn newest_unfinished(state: &Path, dry_run: bool) -> Result<Option<RunFolder>, JournalError> {
    let Ok(entries) = fs::read_dir(state.join("runs")) else { return Ok(None) };
    let mut names: Vec<String> =
        entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.sort_unstable();
    for name in names.iter().rev() {
        let folder = RunFolder { state: state.to_owned(), run: RunId::existing(name) };
        if !folder.journal().exists() {
            continue;
        }
        let replay = read(&folder.journal())?;
        let Some(start) = replay.start else { continue };
        let unfinished = replay.finished.is_none_or(|record| record.exit_code != 0);
        if unfinished && start.dry_run == dry_run {
            return Ok(Some(folder));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::{RunFolder, RunId, newest_unfinished};
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn an_id_tells_when_the_run_began() {
        let began = |id: &str| RunId::existing(id).began().map(|time| time.to_string());
        assert_eq!(began("01kdt4eyg0000000000000000a").as_deref(), Some("2025-12-31T12:00:00Z"));
        assert_eq!(began("nightly"), None);
    }

    #[test]
    fn the_state_folder_is_private_and_ignored_by_git() {
        let folder = tempfile::tempdir().expect("a folder");
        let state = folder.path().join(".shipway");
        let run = RunFolder::create(&state, RunId::new()).expect("made");

        assert_eq!(fs::read_to_string(state.join(".gitignore")).expect("there"), "*\n");
        let mode = fs::metadata(&state).expect("there").permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
        assert!(run.path().is_dir());
    }

    #[test]
    fn the_newest_unfinished_run_of_a_kind_is_found() {
        let folder = tempfile::tempdir().expect("a folder");
        let write = |name: &str, dry: bool, exit: Option<u8>| {
            let run = RunFolder::create(folder.path(), RunId::existing(name)).expect("made");
            let mut text = format!(
                r#"{{"entry":"run-started","version":1,"run":"{name}","at":"","plan":"","plan-digest":"","dry-run":{dry},"resolved":null}}"#
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
        let newest = |dry| {
            let found = newest_unfinished(folder.path(), dry).expect("readable");
            found.map(|run| run.run.as_str().to_owned())
        };

        assert_eq!(newest(false), None);
        write("01a", false, None);
        write("01b", false, Some(4));
        write("01c", false, Some(0));
        write("01d", true, None);
        assert_eq!(newest(false).as_deref(), Some("01b"));
        assert_eq!(newest(true).as_deref(), Some("01d"));
    }
}
