//! `shipway run`: runs the plan.

use super::exit::Exit;
use super::pipeline::Pipeline;
use super::pipeline::audience::{Audience, ViewOptions};
use super::runtime::block_on;
use super::session::connections::Connections;
use super::session::inherit::inherited;
use super::session::layout::choose;
use super::session::run::RunSession;
use super::session::secrets::SecretSources;
use super::session::show_step_error;
use crate::journal::RunOptions;
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
    let run = RunSession::start(plan, options, state_dir.as_deref(), audience.redactor())?;
    block_on(async {
        let session = &run.session;
        let chosen = choose(session)?;
        let connections =
            Connections::of(session).map_err(|error| show_step_error(error, &session.redactor))?;
        let pipeline = Pipeline {
            run: &run,
            chosen,
            connections: &connections,
            sources: SecretSources::of_environment(session),
            audience,
            journal: None,
            inherited: inherited(&run),
        };
        pipeline.run().await
    })
}
