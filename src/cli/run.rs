//! `shipway run`: runs the plan.

use super::dry_run::cloud::reached_in;
use super::exit::Exit;
use super::open::open_after_run;
use super::pipeline::audience::{Audience, ViewOptions};
use super::pipeline::{Asked, Pipeline, refused, refused_early};
use super::runtime::{block_on, block_on_all_processors};
use super::session::connections::Connections;
use super::session::inherit::inherited;
use super::session::layout::{Chosen, choose};
use super::session::refuse;
use super::session::run::RunSession;
use super::session::secrets::SecretSources;
use super::session::sources::refuse_inherited;
use crate::journal::{Journal, Replay, RunOptions};
use clap::Args;
use std::path::PathBuf;

#[derive(Args, Clone, Debug, Default)]
pub struct RunArguments {
    /// Read the plan from this file
    #[arg(default_value = "shipway.yml", value_name = "PLAN")]
    pub plan: PathBuf,
    #[command(flatten)]
    pub options: RunOptions,
    /// Keep the state here instead of in `.shipway` beside the plan
    #[arg(long, value_name = "FOLDER")]
    pub state_dir: Option<PathBuf>,
    #[command(flatten)]
    pub view: ViewOptions,
}

/// Runs the plan in the real cloud, or in the local cloud of `--cloud`.
pub fn run(arguments: &RunArguments, audience: Audience) -> Result<Exit, Exit> {
    let RunArguments { plan, options, state_dir, .. } = arguments;
    let redactor = audience.redactor();
    let asked =
        Asked { plan, options, state_dir: state_dir.as_deref(), audience, redactor: &redactor };
    let started = RunSession::start(plan, options, state_dir.as_deref(), redactor.clone());
    match started {
        Ok(mut run) => run_started(&mut run, audience),
        Err(refusal) => block_on(async { Err(refused_early(asked, refusal).await) }),
    }
}

/// Runs the steps of a run that has a session.
pub fn run_started(run: &mut RunSession, audience: Audience) -> Result<Exit, Exit> {
    let inherited = inherited(run);
    let run = &*run;
    let chosen = choose(&run.session);
    match chosen.and_then(|chosen| refuse_inherited(run, chosen, inherited.as_ref())) {
        Ok(chosen) => {
            let moves_images = chosen.moves_images(&run.session);
            let real = RealRun { run, audience, inherited };
            let work = async { Ok(Box::pin(real.run(chosen, None)).await) };
            if moves_images { block_on_all_processors(work) } else { block_on(work) }
        }
        Err(refusal) => block_on(async { Ok(refused(run, None, audience, refusal).await) }),
    }
}

/// A run that is no dry run, new or resumed.
pub struct RealRun<'a> {
    pub run: &'a RunSession,
    pub audience: Audience<'a>,
    /// What earlier runs left, for `--from` and `--only`.
    pub inherited: Option<Replay>,
}

impl RealRun<'_> {
    /// Connects to the cloud and runs the plan. The journal is that of a resumed run.
    pub async fn run(self, chosen: Chosen, journal: Option<Journal>) -> Exit {
        let Self { run, audience, inherited } = self;
        let session = &run.session;
        let connections = match Connections::of_run(run) {
            Ok(connections) => connections,
            Err(error) => return refused(run, None, audience, refuse(session, error)).await,
        };
        let pipeline = Pipeline {
            faults: None,
            run,
            chosen,
            connections: &connections,
            sources: SecretSources::of_environment(session),
            audience,
            journal,
            inherited,
            cloud_ends: false,
        };
        let exit = Box::pin(pipeline.run()).await;
        open_after_run(run, audience, exit, |url| match &session.options.cloud {
            Some(cloud) => reached_in(cloud, url),
            None => Some(url.to_owned()),
        });
        exit
    }
}
