//! `shipway status`: what the plan has deployed, how it is, and whether it answers.
//!
//! `history` shows the versions before. `survey` asks the servers, `answer` judges what the
//! URLs answer, `commits` knows their titles, `table` and `json` show the result.

mod answer;
mod commits;
mod history;
mod json;
mod survey;
mod table;

use super::exit::Exit;
use super::plan_options::DeployedOptions;
use super::revisions::revisions;
use super::runtime::block_on;
use super::say;
use super::session::PlanSession;
use super::session::connections::Connections;
use super::targets::{Targets, refuse_missing_environment, refuse_unknown_services};
use crate::report::{Output, stdout_columns};
use crate::run::outcome::StepError;
use clap::Args;
use commits::Titles;
use jiff::Timestamp;
use std::path::PathBuf;
use survey::Scope;

const AFTER_HELP: &str = "\
Examples:
  shipway status --env production
  shipway status --all --output json
  shipway status --history web --env production
  shipway status --env production --exit-code && echo all is well

Exit codes: 0 done; 2 the plan or the command line is wrong; 3 something needed is
missing, such as a login; with --exit-code 7 if a service is not deployed, is not verified,
does not run or does not answer, has expired, or was changed since its deploy.";

#[derive(Args, Clone, Debug)]
#[command(after_help = AFTER_HELP)]
pub struct StatusArguments {
    /// Show these services only
    #[arg(value_name = "SERVICE")]
    pub services: Vec<String>,
    #[command(flatten)]
    pub deployed: DeployedOptions,
    /// Show what all plans of this repository have deployed, in all environments
    #[arg(long, conflicts_with_all = ["services", "pr"])]
    pub all: bool,
    /// Show which versions ran before, to which `shipway rollback` goes back
    #[arg(long, conflicts_with_all = ["all", "exit_code"])]
    pub history: bool,
    /// Use the local cloud that `shipway local` described in this file
    #[arg(long, value_name = "FILE")]
    pub cloud: Option<PathBuf>,
    /// Write this to standard output
    #[arg(long, value_enum, default_value_t)]
    pub output: Output,
    /// Exit with 7 if something is missing, not well, or changed since its deploy
    #[arg(long)]
    pub exit_code: bool,
}

/// Shows what is deployed.
pub fn status(arguments: &StatusArguments) -> Result<Exit, Exit> {
    let session = arguments.deployed.open(arguments.cloud.as_ref(), arguments.output)?;
    refuse_unknown_services(&session, arguments.services.iter().map(String::as_str))?;
    if !arguments.all {
        refuse_missing_environment(&session)?;
    }
    block_on(async {
        let result = Box::pin(perform(arguments, &session)).await;
        result.map_err(|error| session.show_step_error(error))
    })
}

async fn perform(arguments: &StatusArguments, session: &PlanSession) -> Result<Exit, StepError> {
    let connections = Connections::of(session)?;
    let targets = Targets::new(session, &connections);
    if arguments.history {
        return history(arguments, &targets, &connections).await;
    }
    let scope =
        if arguments.all { Scope::Repository } else { Scope::Environment(&arguments.services) };
    let survey = survey::survey(&targets, &connections.http, scope).await?;
    let now = Timestamp::now();
    match arguments.output {
        Output::Json => say::result(&json::show(&survey, now)),
        Output::Human => {
            say::result_for_people(&table::show(&survey, now, stdout_columns()));
        }
    }
    let is_well = survey.services.iter().all(|service| service.is_well(now));
    Ok(if arguments.exit_code && !is_well { Exit::Differs } else { Exit::Done })
}

async fn history(
    arguments: &StatusArguments,
    targets: &Targets<'_>,
    connections: &Connections,
) -> Result<Exit, StepError> {
    let found = revisions(targets, connections, &arguments.services).await?;
    let titles = Titles::read(&targets.session.host, found.commits());
    match arguments.output {
        Output::Json => say::result(&history::document(&found, &titles, &targets.owner())),
        Output::Human => say::result_for_people(&history::table(&found, &titles, Timestamp::now())),
    }
    if let Some(error) = found.unknown {
        let why = error.shown(&targets.session.redactor, None).chain.join(": ");
        say::tell(&format!("note: the registries were not asked for the images: {why}"));
    }
    Ok(Exit::Done)
}
