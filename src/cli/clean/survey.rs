//! Looks at the runs and the local clouds of a state folder.

use crate::journal::{RunFolder, RunId, is_in_progress, read};
use crate::local::{DEFAULT_CLOUD, is_up};
use jiff::Timestamp;
use std::fs;
use std::path::Path;

/// What a state folder holds, the newest first.
#[derive(Clone, Debug, Default)]
pub struct StateSurvey {
    pub runs: Vec<RunEntry>,
    pub clouds: Vec<CloudEntry>,
}

#[derive(Clone, Debug)]
pub struct RunEntry {
    pub id: String,
    /// When it began.
    pub time: Option<Timestamp>,
    pub bytes: u64,
    pub state: RunState,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum RunState {
    InProgress,
    /// `resume` could continue it.
    Unfinished {
        dry_run: bool,
    },
    Finished,
}

/// The state of a local cloud.
#[derive(Clone, Debug)]
pub struct CloudEntry {
    /// The id of the run that it was started for, or [`DEFAULT_CLOUD`].
    pub id: String,
    pub time: Option<Timestamp>,
    pub bytes: u64,
    pub up: bool,
}

impl StateSurvey {
    /// Reads the folder. `own` is a run of this process, which is in progress: its
    /// lock cannot be asked for without losing it.
    pub fn of(state: &Path, own: Option<&str>) -> Self {
        let run = |id: String, path: &Path| RunEntry {
            time: time(&id, path),
            bytes: size(path),
            state: if own == Some(id.as_str()) {
                RunState::InProgress
            } else {
                run_state(state, &id)
            },
            id,
        };
        let cloud = |id: String, path: &Path| CloudEntry {
            time: time(&id, path),
            bytes: size(path),
            up: is_up(path),
            id,
        };
        let mut clouds = entries(&state.join("local"), cloud);
        // No run began it, and at the end of a run it stays: what people keep in it is not for a
        // run to remove.
        let kept = state.join("local").join(DEFAULT_CLOUD);
        if own.is_none() && kept.is_dir() {
            let mut entry = cloud(DEFAULT_CLOUD.to_owned(), &kept);
            entry.time = last_used(&kept);
            clouds.push(entry);
            clouds.sort_by_key(|cloud| std::cmp::Reverse(cloud.time));
        }
        Self { runs: entries(&state.join("runs"), run), clouds }
    }
}

/// When a file of a cloud was last written.
fn last_used(cloud: &Path) -> Option<Timestamp> {
    let entries = fs::read_dir(cloud).into_iter().flatten().flatten();
    let times = entries.filter_map(|entry| entry.metadata().ok()?.modified().ok());
    times.max().and_then(|time| time.try_into().ok())
}

/// The folders in a folder that have the id of a run as their name, the newest first: ids
/// sort by time. Others are not Shipway's.
fn entries<T>(folder: &Path, entry: impl Fn(String, &Path) -> T) -> Vec<T> {
    let found = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut names: Vec<String> = found
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| RunId::is_id(name))
        .collect();
    names.sort_unstable_by(|one, other| other.cmp(one));
    names.into_iter().map(|name| entry(name.clone(), &folder.join(name))).collect()
}

fn time(id: &str, path: &Path) -> Option<Timestamp> {
    let changed = || fs::metadata(path).ok()?.modified().ok()?.try_into().ok();
    RunId::existing(id).began().or_else(changed)
}

fn run_state(state: &Path, id: &str) -> RunState {
    let folder = RunFolder { state: state.to_owned(), run: RunId::existing(id) };
    if is_in_progress(&folder.journal()) {
        return RunState::InProgress;
    }
    let Ok(replay) = read(&folder.journal()) else { return RunState::Finished };
    let Some(start) = replay.start else { return RunState::Finished };
    match replay.finished {
        Some(record) if record.exit_code == 0 => RunState::Finished,
        Some(_) | None => RunState::Unfinished { dry_run: start.dry_run },
    }
}

/// The bytes of all files below a folder. Links are not followed.
pub fn size(path: &Path) -> u64 {
    let Ok(metadata) = fs::symlink_metadata(path) else { return 0 };
    if !metadata.is_dir() {
        return metadata.len();
    }
    fs::read_dir(path).into_iter().flatten().flatten().map(|entry| size(&entry.path())).sum()
}
