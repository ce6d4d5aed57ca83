//! The plan of a run. Where `--allow-fork-deploy` names a fork's commit, that is the plan of
//! the base branch, from git's objects: a plan says which programs start, and where the
//! repository's secrets and logins go.

use super::{RunPlan, complete_trigger, host_environment, request};
use crate::cli::exit::Exit;
use crate::cli::plan_file::{PLAN_ARGUMENT_HELP, PlanFile};
use crate::cli::plan_reading::read_not_checked_out;
use crate::cli::refusal::Refusal;
use crate::cli::say;
use crate::journal::{RunId, RunOptions};
use crate::plan::schema::Plan;
use crate::resolve::{BaseCommit, CommitFiles, HostEnvironment, ResolveInputs, Trigger};
use crate::run::perform::CommitFile;
use crate::secret::Redactor;
use std::path::Path;
use std::sync::Arc;

/// Reads the plan of a run: its file, or what that is on the base branch.
pub fn read_plan_of_run(
    plan: &Path,
    options: &RunOptions,
    redactor: &Redactor,
) -> Result<RunPlan, Refusal> {
    let Some(allowed) = options.allow_fork_deploy.as_deref() else {
        return Ok(PlanFile::read(plan, PLAN_ARGUMENT_HELP)?.into());
    };
    let unread = PlanFile::unread_in_its_folder(plan);
    let host = host_environment(&unread, options);
    let none = Plan::empty();
    let inputs = ResolveInputs { plan: &none, host: &host, redactor, allowed: Some(allowed) };
    let request = request(options, &unread, &RunId::new())?;
    let trigger = complete_trigger(&inputs, &request, options, &unread)?;
    // The text of a pipe is given by the user, and is no file of the fork.
    let file = if trigger.is_of_fork() && plan != Path::new("-") {
        base_plan(plan, &host, &trigger)?
    } else {
        PlanFile::read(plan, PLAN_ARGUMENT_HELP)?
    };
    Ok(RunPlan { file, trigger: Some(trigger) })
}

/// The plan of a run that was refused, as far as it can be read without GitHub. The name and
/// the environments of a fork's plan would say nothing of the run.
pub fn plan_of_refused(plan: &Path, options: &RunOptions, redactor: &Redactor) -> PlanFile {
    let unread = || PlanFile::unread(plan);
    let open = || PlanFile::open(plan).unwrap_or_else(|_| unread());
    if options.allow_fork_deploy.is_none() {
        return open();
    }
    let in_folder = PlanFile::unread_in_its_folder(plan);
    let host = host_environment(&in_folder, options);
    let none = Plan::empty();
    let inputs = ResolveInputs { plan: &none, host: &host, redactor, allowed: None };
    // A mistake in `--set` is no reason to know less of the plan.
    let without_variables = RunOptions { set: Vec::new(), ..options.clone() };
    let asked = request(&without_variables, &in_folder, &RunId::new());
    let trigger = asked.ok().and_then(|asked| Trigger::read(&inputs, &asked).ok());
    let Some(trigger) = trigger else { return unread() };
    if trigger.is_of_fork() {
        let base = trigger.base_commit();
        let read = base.and_then(|base| {
            let files = CommitFiles::of(&host, &base.commit)?;
            PlanFile::of_commit(plan, &files, base.clone()).ok()
        });
        return read.unwrap_or_else(unread);
    }
    let is_known = trigger.pull_request.is_none_or(|found| found.fork.is_some());
    if is_known { open() } else { unread() }
}

/// The plan of a run that is resumed: the same as when it began. `file` is what is checked
/// out.
pub fn recorded_plan(
    plan: &Path,
    file: PlanFile,
    resolved: &serde_json::Value,
) -> Result<PlanFile, Refusal> {
    let Some(commit) = resolved["plan-commit"].as_str() else { return Ok(file) };
    let branch = resolved["pull-request"]["base"].as_str().unwrap_or("the base branch");
    let base = BaseCommit { commit: commit.to_owned(), branch: branch.to_owned() };
    plan_of(plan, &host_environment(&file, &RunOptions::default()), &base)
}

/// Reads the files of the commit that a plan was read from. Files that are named by an absolute
/// path are of this machine, unless they are checked out.
pub fn commit_file(plan: &PlanFile, host: &HostEnvironment) -> Option<CommitFile> {
    let base = plan.commit.clone()?;
    let host = host.clone();
    Some(Arc::new(move |path: &str| {
        if Path::new(path).is_absolute() {
            let read = read_not_checked_out(Path::new(path), &host.dir);
            return read.map_err(|error| error.to_string());
        }
        let files = CommitFiles::of(&host, &base.commit)
            .ok_or_else(|| format!("git does not have {base} here"))?;
        files.read(path).map_err(|why| format!("{why}, in {base}, which the plan is of"))
    }))
}

fn base_plan(plan: &Path, host: &HostEnvironment, trigger: &Trigger) -> Result<PlanFile, Refusal> {
    if let Some(base) = trigger.base_commit() {
        return plan_of(plan, host, &base);
    }
    let mut chain = vec![
        "cannot read the plan of the base branch, which `--allow-fork-deploy` takes".to_owned(),
        "it is not known which pull request the commit belongs to".to_owned(),
    ];
    let unknown = trigger.unknown.as_ref();
    chain.extend(unknown.into_iter().flat_map(|failure| failure.chain.iter().cloned()));
    let help = unknown.and_then(|failure| failure.help.clone());
    let help = help.unwrap_or_else(|| "add `--pr N`".to_owned());
    Err(say::refused(Exit::Precondition, &chain, Some(&help)))
}

fn plan_of(plan: &Path, host: &HostEnvironment, base: &BaseCommit) -> Result<PlanFile, Refusal> {
    let refused = |why: String, help: &str| {
        let what = format!("cannot read the plan `{}` of {base}", plan.display());
        Err(say::refused(Exit::Precondition, &[what, why], Some(help)))
    };
    if let Some(why) = CommitFiles::refusal(host) {
        return refused(why, "name the plan by its path in the checkout, without links");
    }
    let Some(files) = CommitFiles::of(host, &base.commit) else {
        let bring = format!("`git fetch origin {}` brings it", base.branch);
        let in_workflow = "give actions/checkout `fetch-depth: 0`, which brings it";
        let help = if host.in_actions() { in_workflow } else { &bring };
        return refused("git does not have this commit here".to_owned(), help);
    };
    let read = PlanFile::of_commit(plan, &files, base.clone());
    read.or_else(|why| refused(why, "a plan that a fork adds or moves counts once it is merged"))
}
