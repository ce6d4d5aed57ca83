//! The options of commands that look at a plan and run nothing.

use super::pipeline::audience::{Audience, ViewOptions};
use super::plan_file::{PLAN_OPTION_HELP, PlanFile};
use super::refusal::Refusal;
use super::session::PlanSession;
use super::session::secrets::mask_at_hand;
use crate::journal::RunOptions;
use crate::report::Output;
use clap::Args;
use std::path::PathBuf;

/// What the contexts of the plan are chosen by.
#[derive(Args, Clone, Debug)]
pub struct ContextOptions {
    /// Use this environment instead of the first whose `if` holds
    #[arg(long, global = true, value_name = "NAME")]
    pub env: Option<String>,
    /// Set a variable of the plan; not for secrets
    #[arg(long, global = true, value_name = "NAME=VALUE")]
    pub set: Vec<String>,
}

/// The options of commands that show what is deployed.
#[derive(Args, Clone, Debug)]
pub struct DeployedOptions {
    /// Read the plan from this file
    #[arg(long, global = true, default_value = "shipway.yml", value_name = "PLAN")]
    pub plan: PathBuf,
    #[command(flatten)]
    pub contexts: ContextOptions,
    /// Take the preview of this pull request
    #[arg(
        long,
        global = true,
        value_name = "NUMBER",
        value_parser = clap::value_parser!(u64).range(1..)
    )]
    pub pr: Option<u64>,
}

impl ContextOptions {
    pub fn run_options(&self) -> RunOptions {
        RunOptions { env: self.env.clone(), set: self.set.clone(), ..RunOptions::default() }
    }
}

impl DeployedOptions {
    /// Reads the plan for a command with this `--cloud` and `--output`.
    pub fn open(&self, cloud: Option<&PathBuf>, output: Output) -> Result<PlanSession, Refusal> {
        self.open_or(PLAN_OPTION_HELP, cloud, output)
    }

    /// The same for a command that takes the plan as an argument: a missing file is shown
    /// with `remedy`.
    pub fn open_or(
        &self,
        remedy: &str,
        cloud: Option<&PathBuf>,
        output: Output,
    ) -> Result<PlanSession, Refusal> {
        let options =
            RunOptions { pr: self.pr, cloud: cloud.cloned(), ..self.contexts.run_options() };
        let session = open(PlanFile::read(&self.plan, remedy)?, &options, output)?;
        // What is deployed may repeat them.
        mask_at_hand(&session);
        Ok(session)
    }
}

/// The session of a command that runs nothing.
pub fn open(file: PlanFile, options: &RunOptions, output: Output) -> Result<PlanSession, Refusal> {
    let view = ViewOptions { output, ..ViewOptions::default() };
    PlanSession::without_run(file.without_warnings(), options, Audience::Command(&view).redactor())
}
