//! How long the last run like this one took.

use super::entry::StartRecord;
use super::file::read;
use super::options::{LocalCloudOptions, RunOptions};
use super::runs::{RunFolder, RunId};
use std::fs;
use std::path::Path;
use std::time::Duration;

/// The newest runs alone are looked at.
const MAX_RUNS: usize = 30;

/// The time of the last run, from its first step to its good end, that did the same steps of
/// the same plan in the same environment. `None` where there is none in the state folder.
pub fn last_time(state: &Path, this: &StartRecord) -> Option<Duration> {
    let runs = fs::read_dir(state.join("runs")).ok()?;
    let names = runs.flatten().filter_map(|entry| entry.file_name().into_string().ok());
    let mut names: Vec<String> = names.filter(|name| RunId::is_id(name)).collect();
    // Names sort by time.
    names.sort_unstable();
    let earlier = names.iter().rev().filter(|name| **name < this.run);
    earlier.take(MAX_RUNS).find_map(|name| {
        let folder = RunFolder { state: state.to_owned(), run: RunId::existing(name) };
        let replay = read(&folder.journal()).ok()?;
        let start = replay.start.as_ref().filter(|start| is_alike(start, this))?;
        let finished = replay.finished.filter(|end| end.exit_code == 0 && !replay.is_resumed)?;
        tracing::debug!(run = start.run, "the time of this run is expected again");
        Duration::try_from_secs_f64(finished.took?).ok()
    })
}

fn is_alike(one: &StartRecord, other: &StartRecord) -> bool {
    let environment = |start: &StartRecord| start.resolved["environment"]["name"].clone();
    one.plan == other.plan
        && one.dry_run == other.dry_run
        && environment(one) == environment(other)
        && steps(&one.options) == steps(&other.options)
}

/// What the options say of which steps are run.
fn steps(options: &RunOptions) -> RunOptions {
    let RunOptions { from, until, only, put_back, dry_run, .. } = options.clone();
    let dry_run = dry_run.map(|mut dry_run| {
        dry_run.cloud = LocalCloudOptions::default();
        dry_run
    });
    RunOptions { from, until, only, dry_run, put_back, ..RunOptions::default() }
}

#[cfg(test)]
mod tests {
    use super::last_time;
    use crate::event::Status;
    use crate::journal::{
        DryRunOptions, Journal, JournalEntry, LocalCloudOptions, RunFolder, RunId, RunOptions,
        RunRecord, StartRecord,
    };
    use serde_json::json;
    use std::path::{Path, PathBuf};
    use std::time::Duration;

    fn start() -> StartRecord {
        StartRecord {
            version: StartRecord::VERSION,
            run: "7zzzzzzzzy0000000000000000".into(),
            at: "2026-11-21T10:00:00Z".into(),
            plan: "/a/shipway.yml".into(),
            plan_digest: "sha256:0".into(),
            dry_run: false,
            resolved: json!({"environment": {"name": "preview"}}),
            options: RunOptions::default(),
            local: PathBuf::new(),
        }
    }

    /// Leaves a run that took so long, or did not end.
    fn leave(state: &Path, start: StartRecord, took: Option<f64>, exit_code: u8) {
        let run = RunId::next_in(state);
        let folder = RunFolder::create(state, run.clone()).expect("made");
        let mut journal = Journal::create(&folder.journal()).expect("made");
        let start = StartRecord { run: run.to_string(), ..start };
        journal.append(&JournalEntry::RunStarted(start.into())).expect("written");
        if took.is_some() {
            let status = if exit_code == 0 { Status::Succeeded } else { Status::Failed };
            let record = RunRecord { status, exit_code, took };
            journal.append(&JournalEntry::RunFinished(record)).expect("written");
        }
    }

    #[test]
    fn time_is_that_of_the_newest_run_that_did_the_same() {
        let folder = tempfile::tempdir().expect("a folder");
        let state = folder.path();
        assert_eq!(last_time(state, &start()), None);
        leave(state, start(), Some(90.5), 0);
        leave(state, start(), Some(72.25), 0);
        let only = RunOptions { only: vec!["web".into()], ..RunOptions::default() };
        leave(state, start(), Some(1.0), 4);
        leave(state, start(), None, 0);
        leave(state, StartRecord { options: only.clone(), ..start() }, Some(2.0), 0);
        leave(state, StartRecord { plan: "/b/shipway.yml".into(), ..start() }, Some(3.0), 0);
        leave(state, StartRecord { dry_run: true, ..start() }, Some(4.0), 0);
        let resolved = json!({"environment": {"name": "production"}});
        leave(state, StartRecord { resolved, ..start() }, Some(5.0), 0);

        assert_eq!(last_time(state, &start()), Some(Duration::from_millis(72_250)));
        let only = StartRecord { options: only, ..start() };
        assert_eq!(last_time(state, &only), Some(Duration::from_secs(2)));
        let first = StartRecord { run: "00000000000000000000000000".into(), ..start() };
        assert_eq!(last_time(state, &first), None, "the others are later");
    }

    #[test]
    fn options_of_the_local_cloud_change_no_step() {
        let folder = tempfile::tempdir().expect("a folder");
        let dry = |dry_run: DryRunOptions| {
            let options = RunOptions { dry_run: Some(dry_run), ..RunOptions::default() };
            StartRecord { dry_run: true, options, ..start() }
        };
        let offline = LocalCloudOptions { offline: true, ..LocalCloudOptions::default() };
        leave(folder.path(), dry(DryRunOptions { cloud: offline, skip_run: false }), Some(3.0), 0);
        let time = |this: &StartRecord| last_time(folder.path(), this);
        assert_eq!(time(&dry(DryRunOptions::default())), Some(Duration::from_secs(3)));
        let skipped = DryRunOptions { skip_run: true, ..DryRunOptions::default() };
        assert_eq!(time(&dry(skipped)), None);
    }
}
