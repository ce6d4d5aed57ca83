//! A run before its first step: its plan and options, and the folder that keeps
//! its state.

use super::PlanSession;
use super::base_plan::read_plan_of_run;
use crate::cli::exit::Exit;
use crate::cli::plan_file::{PLAN_ARGUMENT_HELP, PlanFile};
use crate::cli::refusal::Refusal;
use crate::cli::say;
use crate::journal::{RunFolder, RunId, RunOptions, StartRecord, remove_abandoned_scratch};
use crate::resolve::tracked_file;
use crate::secret::Redactor;
use crate::value::CommandContext;
use std::io;
use std::path::{Path, PathBuf};

pub struct RunSession {
    pub session: PlanSession,
    pub folder: RunFolder,
    /// The state folder of the local cloud of a dry run.
    pub local: PathBuf,
}

/// How steps are foreseen.
pub struct Planning {
    pub redactor: Redactor,
    /// Whether servers are asked.
    pub live: bool,
}

impl RunSession {
    /// Reads the plan, resolves the contexts, and makes the folder of a new run.
    pub fn start(
        plan: &Path,
        options: &RunOptions,
        state_dir: Option<&Path>,
        redactor: Redactor,
    ) -> Result<Self, Refusal> {
        let plan = read_plan_of_run(plan, options, &redactor)?;
        let id = RunId::next_in(&state_folder(state_dir, &plan.file));
        let session = PlanSession::of_run(plan, options, redactor, &id)?;
        Self::begin(session, state_dir, id)
    }

    /// Makes the folder of a new run whose contexts are resolved.
    pub fn begin(
        session: PlanSession,
        state_dir: Option<&Path>,
        id: RunId,
    ) -> Result<Self, Refusal> {
        let state = state_folder(state_dir, &session.file);
        prepare(&state, &session)?;
        let folder = create(&state, id)?;
        remove_abandoned_scratch(&state, &folder.run);
        Ok(Self { local: folder.local(), session, folder })
    }

    /// Like [`RunSession::start`], without a folder for the run: no step is run. Without
    /// `live` no server is asked about the pull request.
    pub fn plan_only(
        plan: &Path,
        options: &RunOptions,
        state_dir: Option<&Path>,
        planning: Planning,
    ) -> Result<Self, Refusal> {
        let Planning { redactor, live } = planning;
        let id = RunId::new();
        let session = if live {
            let plan = read_plan_of_run(plan, options, &redactor)?;
            PlanSession::of_run(plan, options, redactor, &id)?
        } else {
            let file = PlanFile::read(plan, PLAN_ARGUMENT_HELP)?;
            PlanSession::without_run(file, options, redactor)?
        };
        let state = state_folder(state_dir, &session.file);
        prepare(&state, &session)?;
        let folder = RunFolder { state, run: id };
        Ok(Self { local: folder.local(), session, folder })
    }

    /// What commands in messages need to mean the same as this one.
    pub fn command_context(&self) -> CommandContext {
        let state = &self.folder.state;
        let is_default = *state == self.session.file.folder.join(".shipway");
        let state_dir = (!is_default).then(|| state.display().to_string());
        CommandContext { state_dir, ..self.session.command_context() }
    }

    /// Takes options and contexts from the journal of a run. Only secrets are
    /// resolved again.
    pub fn resume(
        file: PlanFile,
        start: StartRecord,
        folder: RunFolder,
        redactor: Redactor,
    ) -> Result<Self, Refusal> {
        let StartRecord { options, resolved, local, .. } = start;
        let session = PlanSession::with(file, &options, redactor, |_, _| {
            serde_json::from_value(resolved).map_err(|error| {
                let doing = format!("cannot read the contexts of run {}", folder.run);
                let chain = [doing, error.to_string()];
                say::refused(Exit::Precondition, &chain, Some("start a new run"))
            })
        })?;
        Ok(Self { session, folder, local })
    }
}

/// `.shipway` beside the plan, unless the command line says otherwise.
pub fn state_folder(given: Option<&Path>, file: &PlanFile) -> PathBuf {
    match given {
        Some(folder) => std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned()),
        None => file.folder.join(".shipway"),
    }
}

/// Makes the state folder. One that a commit has brought is refused: what is in it would be taken
/// for what this machine has built.
fn prepare(state: &Path, session: &PlanSession) -> Result<(), Refusal> {
    let was_there = state.symlink_metadata().is_ok();
    RunFolder::create_state(state).map_err(|error| not_created(state, &error))?;
    let Some(file) = was_there.then(|| tracked_file(&session.host, state)).flatten() else {
        return Ok(());
    };
    let name = state.file_name().unwrap_or_default().to_string_lossy();
    let chain = [
        format!("cannot use the state folder `{}`", state.display()),
        format!("git tracks `{file}`, and what a commit brings was not built here"),
    ];
    let help =
        format!("`git rm -r {name}` removes it; or name another folder with `--state-dir FOLDER`");
    Err(say::refused(Exit::Precondition, &chain, Some(&help)))
}

fn create(state: &Path, id: RunId) -> Result<RunFolder, Refusal> {
    RunFolder::create(state, id).map_err(|error| not_created(state, &error))
}

fn not_created(state: &Path, error: &io::Error) -> Refusal {
    let what = format!("cannot create the state folder `{}`", state.display());
    let help = "name another folder with `--state-dir`";
    say::refused(Exit::Precondition, &[what, error.to_string()], Some(help))
}
