//! What earlier runs left, for a run of a part of the plan.

use super::run::RunSession;
use crate::cli::plan_file::absolute_plan;
use crate::journal::{Replay, RunFolder, RunId, StartRecord, read};
use std::fs;
use std::path::Path;

/// What the newest earlier run of the same plan, kind and environment left. If that run was
/// one of a part of the plan too, what earlier ones left is added, back to one of the whole
/// plan. With `--from` for all steps, with `--only` for the services that it leaves out, and
/// `None` without both.
///
/// Where there is no run to begin from, a notice says so: the outputs of the steps before are
/// then empty.
pub fn inherited(run: &mut RunSession) -> Option<Replay> {
    let Some(from) = run.session.options.from.clone() else {
        let only = &run.session.options.only;
        let mut found = if only.is_empty() { None } else { find(run) }?;
        found.steps.retain(|step, _| !only.contains(&step.service));
        found.handovers.retain(|service, _| !only.contains(service));
        return Some(found);
    };
    let found = find(run);
    if found.is_none() {
        let environment = environment_of(run).map(|name| format!(" in `{name}`"));
        run.session.resolved.notices.push(format!(
            "`--from {from}`: there is no earlier run of this plan{} to go on from, so the steps \
             before it have no outputs",
            environment.unwrap_or_default()
        ));
    }
    found
}

fn find(run: &RunSession) -> Option<Replay> {
    let state = &run.folder.state;
    let runs = fs::read_dir(state.join("runs")).ok()?;
    let mut names: Vec<String> =
        runs.flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect();
    // Names sort by time.
    names.sort_unstable();
    let earlier = names.iter().rev().filter(|name| name.as_str() < run.folder.run.as_str());
    let mut inherited: Option<Replay> = None;
    for name in earlier {
        let folder = RunFolder { state: state.clone(), run: RunId::existing(name) };
        let Ok(replay) = read(&folder.journal()) else { continue };
        let Some(start) = replay.start.clone() else { continue };
        if !is_alike(&start, run) {
            continue;
        }
        match &mut inherited {
            Some(inherited) => inherited.fill_from(replay),
            None => inherited = Some(replay),
        }
        if start.options.from.is_none() && start.options.only.is_empty() {
            break;
        }
    }
    inherited
}

/// Whether a run deployed the same plan to the same place: another environment has its
/// own images and container groups.
fn is_alike(start: &StartRecord, run: &RunSession) -> bool {
    // It has built and pushed nothing.
    if start.options.put_back.is_some() {
        return false;
    }
    let plan = absolute_plan(Path::new(&run.session.file.name));
    start.dry_run == run.session.is_dry_run()
        && plan.is_ok_and(|plan| plan == Path::new(&start.plan))
        && start.resolved["environment"]["name"].as_str() == environment_of(run)
}

fn environment_of(run: &RunSession) -> Option<&str> {
    run.session.resolved.environment.as_ref().map(|chosen| chosen.name.as_str())
}
