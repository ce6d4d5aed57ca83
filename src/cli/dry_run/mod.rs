//! `shipway dry-run`: runs the plan against a cloud on this machine.

mod apps;
pub mod cloud;
pub mod control;
pub mod detached;
mod initial_state;
mod job_identity;
mod outside;
mod placeholders;
mod seeds;
mod signing;
mod without_plan;

use super::exit::Exit;
use super::open::open_after_run;
use super::pipeline::audience::Audience;
use super::pipeline::{Asked, Pipeline, refused, refused_early};
use super::refusal::Refusal;
use super::run::RunArguments;
use super::runtime::block_on_all_processors;
use super::say;
use super::session::connections::Connections;
use super::session::inherit::inherited;
use super::session::layout::{Chosen, choose};
use super::session::run::RunSession;
use super::session::secrets::SecretSources;
use super::session::sources::refuse_inherited;
use super::session::{PlanSession, refuse};
use crate::journal::{DryRunOptions, Journal, LocalCloudOptions, Replay, RunOptions};
use crate::local::{FaultRecord, InitialState};
use crate::plan::admin_pull_notes;
use crate::report::Terminal;
use crate::run::outcome::StepError;
use crate::value::CommandContext;
use clap::Args;
use cloud::{LocalCloud, reached};
use initial_state::Blueprint;
use placeholders::SecretValues;
use std::path::{Path, PathBuf};

pub use without_plan::initial_state_without_plan;

#[derive(Args, Clone, Debug, Default)]
#[command(after_help = "\
Examples:
  shipway dry-run                               the plan, in a cloud on this machine
  shipway dry-run --env production --keep       and leave it up to look at
  shipway dry-run --secret-env DATABASE_URL     with a real value for a secret

Exit codes: 0 succeeded; 2 the plan or the command line is wrong; 3 something needed is missing, and
nothing was done; 4 a step failed; 5 a step failed, and what ran before was put back; 6 that failed
too; 129, 130, 143 stopped by SIGHUP, SIGINT, SIGTERM")]
pub struct DryRunArguments {
    #[command(flatten)]
    pub run: RunArguments,
    /// Keep everything up after the run, until Ctrl-C
    #[arg(long)]
    pub keep: bool,
    /// Keep everything up in the background, until `shipway local stop`
    #[arg(long, conflicts_with = "keep")]
    pub detach: bool,
    #[command(flatten)]
    pub options: DryRunOptions,
}

/// Runs the plan against a local cloud of its own.
pub fn dry_run(arguments: &DryRunArguments, audience: Audience) -> Result<Exit, Exit> {
    let RunArguments { plan, options, state_dir, .. } = &arguments.run;
    if options.cloud.is_some() {
        return Err(refuse_cloud(&arguments.run));
    }
    let options = &RunOptions { dry_run: Some(arguments.options.clone()), ..options.clone() };
    let redactor = audience.redactor();
    let state_dir = state_dir.as_deref();
    let asked = Asked { plan, options, state_dir, audience, redactor: &redactor };
    let started = RunSession::start(plan, options, state_dir, redactor.clone());
    block_on_all_processors(async {
        let mut run = match started {
            Ok(run) => run,
            Err(refusal) => return Err(refused_early(asked, refusal).await),
        };
        let inherited = inherited(&mut run);
        // What earlier runs left, such as pushed images, is in the cloud of the newest one,
        // which may itself have gone on in that of another.
        if let Some(start) = inherited.as_ref().and_then(|replay| replay.start.as_ref()) {
            go_on_in(&start.local, &start.run, &mut run);
        }
        let chosen = choose(&run.session);
        let chosen = chosen.and_then(|chosen| refuse_inherited(&run, chosen, inherited.as_ref()));
        let chosen = match chosen {
            Ok(chosen) => chosen,
            Err(refusal) => return Err(refused(&run, None, audience, refusal).await),
        };
        let (keep, detach) = (arguments.keep, arguments.detach);
        let dry = DryRun { run: &run, keep, detach, audience, inherited };
        Ok(Box::pin(dry.run(chosen, None)).await)
    })
}

fn refuse_cloud(arguments: &RunArguments) -> Exit {
    let shown = |path: &PathBuf| path.display().to_string();
    let commands = CommandContext {
        plan: Some(shown(&arguments.plan)),
        state_dir: arguments.state_dir.as_ref().map(shown),
        ..arguments.options.command_context()
    };
    say::error(
        &["`--cloud` is not for dry runs: each has a local cloud of its own".to_owned()],
        Some(&commands.complete("run the plan in that cloud: `shipway run`")),
    );
    Exit::Usage
}

fn refuse_open() -> Refusal {
    let what = "`--open` has nothing to open: the cloud of a dry run ends with it".to_owned();
    say::refused(Exit::Usage, &[what], Some("add `--keep`, or `--detach` to leave it up"))
}

/// Makes the cloud of an earlier run that of this one. Says so where it was removed.
fn go_on_in(cloud: &Path, earlier: &str, run: &mut RunSession) {
    if cloud.is_dir() {
        cloud.clone_into(&mut run.local);
        return;
    }
    run.session.resolved.notices.push(format!(
        "the local cloud of run {earlier} was removed, so this one is new: what earlier steps \
         pushed and deployed is not in it"
    ));
}

/// A dry run, new or resumed.
pub struct DryRun<'a> {
    pub run: &'a RunSession,
    /// Whether the cloud stays up until Ctrl-C.
    pub keep: bool,
    /// Whether the cloud outlives this process.
    pub detach: bool,
    pub audience: Audience<'a>,
    /// What earlier runs left, for `--from`.
    pub inherited: Option<Replay>,
}

impl DryRun<'_> {
    /// Starts the cloud, runs the plan, and stops the cloud unless it is kept.
    pub async fn run(self, chosen: Chosen, journal: Option<Journal>) -> Exit {
        let session = &self.run.session;
        let faults = FaultRecord::of(&self.run.local);
        let (mut cloud, connections, sources) = match self.start().await {
            Ok(started) => started,
            Err(error) => {
                return refused(self.run, None, self.audience, refuse(session, error)).await;
            }
        };
        let cloud_ends = !self.keep && !cloud.stays_up();
        if self.audience.opens() && cloud_ends {
            cloud.end().await;
            return refused(self.run, None, self.audience, refuse_open()).await;
        }
        let pipeline = Pipeline {
            run: self.run,
            chosen,
            connections: &connections,
            sources,
            audience: self.audience,
            journal,
            inherited: self.inherited,
            cloud_ends,
            faults: Some(&faults),
        };
        let exit = Box::pin(pipeline.run()).await;
        open_after_run(self.run, self.audience, exit, |url| reached(cloud.file(), url));
        if self.keep {
            cloud.keep().await;
        }
        cloud.end().await;
        exit
    }

    async fn start(&self) -> Result<(LocalCloud, Connections, SecretSources), StepError> {
        let session = &self.run.session;
        let options = session.options.dry_run.clone().unwrap_or_default().cloud;
        let values = SecretValues::of(session, &options)?;
        let initial_state = initial_state(session, &values, &options)?;
        if Terminal::of_stderr().live {
            say::tell("starting the local cloud");
        }
        let cloud = LocalCloud::start(&self.run.local, &initial_state, self.detach).await?;
        for note in admin_pull_notes(&session.plan) {
            say::tell(&format!("note: {note}"));
        }
        let connections = Connections::local(session, cloud.file())?;
        Ok((cloud, connections, values.sources))
    }
}

/// The initial state of the local cloud of a plan.
pub fn initial_state_of(
    session: &PlanSession,
    options: &LocalCloudOptions,
) -> Result<InitialState, StepError> {
    initial_state(session, &SecretValues::of(session, options)?, options)
}

fn initial_state(
    session: &PlanSession,
    values: &SecretValues,
    options: &LocalCloudOptions,
) -> Result<InitialState, StepError> {
    Ok(Blueprint::of(session, values, options)?.initial_state()?)
}
