//! `shipway run`: runs the plan.

use super::exit::Exit;
use super::pipeline::audience::{Audience, ViewOptions};
use super::pipeline::{Asked, Pipeline, refused, refused_early};
use super::runtime::block_on;
use super::session::connections::Connections;
use super::session::inherit::inherited;
use super::session::layout::choose;
use super::session::refuse;
use super::session::run::RunSession;
use super::session::secrets::SecretSources;
use crate::journal::{Replay, RunOptions};
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
    block_on(async {
        match started {
            Ok(mut run) => {
                let inherited = inherited(&mut run);
                Ok(Box::pin(execute(&run, inherited, audience)).await)
            }
            Err(refusal) => Err(refused_early(asked, refusal).await),
        }
    })
}

async fn execute(run: &RunSession, inherited: Option<Replay>, audience: Audience) -> Exit {
    let session = &run.session;
    let prepared = choose(session).and_then(|chosen| {
        let connections = Connections::of(session).map_err(|error| refuse(session, error))?;
        Ok((chosen, connections))
    });
    let (chosen, connections) = match prepared {
        Ok(prepared) => prepared,
        Err(refusal) => return refused(run, None, audience, refusal).await,
    };
    let pipeline = Pipeline {
        run,
        chosen,
        connections: &connections,
        sources: SecretSources::of_environment(session),
        audience,
        journal: None,
        inherited,
        cloud_ends: false,
    };
    Box::pin(pipeline.run()).await
}
