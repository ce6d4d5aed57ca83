//! What earlier runs left, for a run that begins in the middle of the plan.

use super::run::RunSession;
use crate::journal::{Replay, RunFolder, RunId, read};

/// What the newest run of the same kind left. If that run began in the middle of
/// the plan too, what earlier ones left is added, back to one that began at the
/// start. `None` without `--from`.
pub fn inherited(run: &RunSession) -> Option<Replay> {
    run.session.options.from.as_ref()?;
    let state = &run.folder.state;
    let runs = std::fs::read_dir(state.join("runs")).ok()?;
    let mut names: Vec<String> =
        runs.flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect();
    // Names sort by time.
    names.sort_unstable();
    let earlier = names.iter().rev().filter(|name| *name != run.folder.run.as_str());
    let mut inherited: Option<Replay> = None;
    for name in earlier {
        let folder = RunFolder { state: state.clone(), run: RunId::existing(name) };
        let Ok(replay) = read(&folder.journal()) else { continue };
        let Some(start) = replay.start.clone() else { continue };
        if start.dry_run != run.session.is_dry_run() {
            continue;
        }
        match &mut inherited {
            Some(inherited) => inherited.fill_from(replay),
            None => inherited = Some(replay),
        }
        if start.options.from.is_none() {
            break;
        }
    }
    inherited
}
