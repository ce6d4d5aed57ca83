//! `shipway matrix`: divides the services of a plan among jobs of a workflow.
//!
//! Each job runs `shipway run --only` with its services and hands the folder of its run on.
//! `shipway report --merge` makes one report of all.

mod levels;
mod since;

use super::exit::Exit;
use super::plan_file::{PLAN_ARGUMENT_HELP, PlanFile};
use super::plan_options::{ContextOptions, open};
use super::say;
use super::session::{PlanSession, refuse};
use crate::github::actions::append;
use crate::report::Output;
use crate::resolve::changed_since;
use crate::run::outcome::{StepError, chain_of};
use clap::Args;
use levels::{Division, Job};
use serde_json::{Value, json};
use since::Changes;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// GitHub runs no more jobs of one matrix.
const MAX_JOBS: u64 = 256;

/// A name of a job is cut after so many services.
const MAX_NAMED_SERVICES: usize = 3;

#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Examples:
  shipway matrix --since origin/main       the jobs for what has changed
  shipway matrix --jobs 20 --levels 2      at most 20 jobs a level, for a workflow of 2 levels

Exit codes: 0 done; 2 the plan or the command line is wrong, or has too many levels; 3 a commit that is
needed is not here")]
pub struct MatrixArguments {
    /// Read the plan from this file
    #[arg(default_value = "shipway.yml", value_name = "PLAN")]
    pub plan: PathBuf,
    #[command(flatten)]
    pub contexts: ContextOptions,
    /// Only what has changed since the commit checked out left this one
    #[arg(long, value_name = "BASE")]
    pub since: Option<String>,
    /// Divide each level among at most this many jobs
    #[arg(long, value_name = "N", default_value_t = MAX_JOBS, value_parser = clap::value_parser!(u64).range(1..=MAX_JOBS))]
    pub jobs: u64,
    /// The number of levels that the workflow has jobs for
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=16))]
    pub levels: u64,
}

/// Prints the matrices, one for each level, and writes them as outputs of a workflow's step.
pub fn matrix(arguments: &MatrixArguments) -> Result<Exit, Exit> {
    let file = PlanFile::read(&arguments.plan, PLAN_ARGUMENT_HELP)?;
    let session = open(file, &arguments.contexts.run_options(), Output::Human)?;
    let chosen = chosen(&session, arguments.since.as_deref())
        .map_err(|error| Exit::from(refuse(&session, error)))?;
    let size = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    let division = Division { jobs: size(arguments.jobs), levels: size(arguments.levels) };
    let levels = division.of(&session.plan, &chosen);
    let any = levels.iter().any(|jobs| !jobs.is_empty());
    let matrices: Vec<Value> = levels.iter().map(|jobs| matrix_of(jobs)).collect();
    let text = Value::from(matrices).to_string();
    say::result(&text);
    if let Some(file) = session.host.var("GITHUB_OUTPUT") {
        let outputs = [("matrix".to_owned(), text), ("any".to_owned(), any.to_string())];
        append(Path::new(file), &outputs).map_err(|error| {
            say::error(&chain_of(&error), None);
            Exit::Bug
        })?;
    }
    Ok(Exit::Done)
}

/// The services to run, as indices in the plan.
pub fn chosen(session: &PlanSession, since: Option<&str>) -> Result<BTreeSet<usize>, StepError> {
    let plan = &session.plan;
    let Some(base) = since else { return Ok((0..plan.services.len()).collect()) };
    let failed = || StepError::new(format!("cannot tell what has changed since `{base}`"));
    let (files, folder) = changed_since(&session.host, base)
        .map_err(|why| failed().because(why).help(missing_base(base, session.host.in_actions())))?;
    Changes { files: &files, folder: &folder, text: &session.file.text }
        .services(plan)
        .map_err(|why| failed().because(format!("a pattern of `paths` cannot be read: {why}")))
}

/// How a base comes here that git does not know.
fn missing_base(base: &str, in_actions: bool) -> String {
    if in_actions {
        return "give actions/checkout `fetch-depth: 0`, so that the base and its history are there"
            .to_owned();
    }
    match base.split_once('/') {
        Some((remote, branch)) => {
            format!("`git fetch {remote} {branch}` brings it, if it is there")
        }
        None => "`git fetch --all --tags` brings what is not here yet".to_owned(),
    }
}

/// The `strategy.matrix` of a level. `services` is what the input `only` takes.
fn matrix_of(jobs: &[Job]) -> Value {
    let include = jobs.iter().enumerate().map(|(at, services)| {
        json!({ "job": at + 1, "name": name(services), "services": services.join("\n") })
    });
    json!({ "include": include.collect::<Vec<_>>() })
}

/// A name that people see in the list of jobs.
fn name(services: &Job) -> String {
    let more = services.len().saturating_sub(MAX_NAMED_SERVICES);
    let named = services.iter().take(MAX_NAMED_SERVICES).cloned().collect::<Vec<_>>().join(", ");
    if more == 0 { named } else { format!("{named} and {more} more") }
}
