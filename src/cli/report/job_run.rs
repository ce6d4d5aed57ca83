//! The runs of the jobs, as the artifacts of a workflow bring them.

use super::about::About;
use crate::bounded_file;
use crate::cli::exit::Exit;
use crate::event::{Event, EventKind, Failure, RunFinished, Status};
use crate::report::{View, recorded};
use crate::run::outcome::{StepError, chain_of};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};

/// How deep below the folder the runs are: artifact, `.shipway`, `runs`, id.
const MAX_DEPTH: usize = 6;

/// A run of one job.
pub struct JobRun {
    pub id: String,
    pub about: About,
    pub view: View,
    pub finished: RunFinished,
}

/// The runs below a folder, the oldest first; an error if there is none. One that cannot be read
/// has failed.
pub fn read_runs(folder: &Path) -> Result<Vec<JobRun>, StepError> {
    let failed = |why: String| {
        StepError::of_usage(format!("cannot merge the runs in `{}`", folder.display()))
            .because(why)
            .help("name the folder that the artifacts of the jobs were downloaded to")
    };
    let mut found = Vec::new();
    find_runs(folder, 0, &mut found).map_err(|error| failed(error.to_string()))?;
    let mut runs = Vec::new();
    for folder in found {
        let id = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        // The same run may be in the artifacts of several jobs.
        if !runs.iter().any(|run: &JobRun| run.id == id) {
            runs.push(read_run(&folder, id));
        }
    }
    if runs.is_empty() {
        return Err(failed("there is no run in it".to_owned()));
    }
    runs.sort_by(|one, other| one.id.cmp(&other.id));
    Ok(runs)
}

/// Collects folders with the events or the result of a run.
fn find_runs(folder: &Path, depth: usize, found: &mut Vec<PathBuf>) -> std::io::Result<()> {
    if folder.join("events.jsonl").is_file() || folder.join("result.json").is_file() {
        found.push(folder.to_owned());
        return Ok(());
    }
    if depth == MAX_DEPTH {
        return Ok(());
    }
    let mut entries: Vec<_> = fs::read_dir(folder)?.flatten().map(|entry| entry.path()).collect();
    entries.sort();
    for path in entries.into_iter().filter(|path| path.is_dir()) {
        find_runs(&path, depth + 1, found)?;
    }
    Ok(())
}

fn read_run(folder: &Path, id: String) -> JobRun {
    let mut view = View::default();
    let events = folder.join("events.jsonl");
    let mut unread = None;
    if events.is_file() {
        let read = recorded(&events, |event: Event| {
            if matches!(event.kind, EventKind::RunStarted(_)) {
                view = View::default();
            }
            view.apply(&event);
        });
        unread = read.err().map(|error| chain_of(&error));
    }
    let result = recorded_result(folder);
    let about = About::of(view.started.as_ref(), folder, &result);
    // Without its beginning it is not known what the run is of.
    let is_whole = unread.is_none() && view.started.is_some();
    let finished = match view.finished.take().filter(|_| is_whole) {
        Some(finished) => finished,
        // Its machine was taken away, or it was refused before its first step.
        None => unfinished(&result, &id, unread),
    };
    JobRun { id, about, view, finished }
}

/// Far above the size of a result with thousands of services.
const MAX_RESULT_BYTES: u64 = 256 << 20;

fn recorded_result(folder: &Path) -> Value {
    let text = bounded_file::read(&folder.join("result.json"), MAX_RESULT_BYTES);
    serde_json::from_slice(&text.unwrap_or_default()).unwrap_or_default()
}

/// The end of a run that has recorded none, or whose events cannot be read.
fn unfinished(result: &Value, id: &str, unread: Option<Vec<String>>) -> RunFinished {
    let mut refusals: Vec<Failure> =
        serde_json::from_value(result["refusals"].clone()).unwrap_or_default();
    if let Some(mut chain) = unread {
        chain.insert(0, format!("run {id} cannot be read, and counts as one that failed"));
        refusals = vec![Failure { chain, ..Failure::default() }];
    }
    let exit_code = result["exit-code"].as_u64().and_then(|code| u8::try_from(code).ok());
    let ended = || Failure {
        chain: vec![format!("run {id} was ended from outside")],
        ..Failure::default()
    };
    RunFinished {
        status: Status::Failed,
        exit_code: exit_code.unwrap_or(Exit::Failed.code()),
        services: Vec::new(),
        refusals: if refusals.is_empty() { vec![ended()] } else { refusals },
        is_resumed: false,
        notes: Vec::new(),
    }
}
