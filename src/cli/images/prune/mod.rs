//! `shipway images --prune`: removes old images.
//!
//! Without `--yes` it only shows what it would remove. If it is not known which
//! images are deployed, it removes nothing, unless `--registry-only` is given.

mod choose;
mod closed;
pub mod pull_request;
mod remove;
mod show;

use super::survey::Survey;
use crate::cli::exit::Exit;
use crate::cli::say;
use crate::cli::session::connections::Connections;
use crate::cli::session::{PlanSession, show_step_error};
use crate::plan::literal::Literal as _;
use crate::registry::Client;
use crate::report::Output;
use crate::run::outcome::StepError;
use choose::{PruneChoice, PruneFilter, choose};
use clap::Args;
use jiff::Timestamp;
use std::time::Duration;

/// Which images to remove: the tags that match all options given.
#[derive(Args, Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub struct PruneArguments {
    /// Show the tags that would be removed: those that match all of the following
    #[arg(long)]
    pub prune: bool,
    /// Match tags created or moved longer ago than this, such as `30d`
    #[arg(long, value_name = "AGE", requires = "prune")]
    pub older_than: Option<String>,
    /// Match tags that are not among the newest N of their repository
    #[arg(long, value_name = "N", requires = "prune")]
    pub keep: Option<usize>,
    /// Match tags of this pull request: `pr-N`, or `pr-N-` and more
    #[arg(long, visible_alias = "pull-request", value_name = "N", requires = "prune")]
    pub pr: Vec<u64>,
    /// Match tags of closed pull requests
    #[arg(long, requires = "prune")]
    pub closed: bool,
    /// Remove them
    #[arg(long, requires = "prune")]
    pub yes: bool,
    /// Remove them even if it is not known what is deployed
    #[arg(long, requires = "prune")]
    pub registry_only: bool,
}

/// What is wrong with the command line, if anything.
pub fn mistake(arguments: &PruneArguments) -> Option<StepError> {
    if !arguments.prune {
        return None;
    }
    let nothing = arguments.older_than.is_none()
        && arguments.keep.is_none()
        && arguments.pr.is_empty()
        && !arguments.closed;
    if nothing {
        return Some(
            StepError::new("`--prune` does not say what is to go")
                .help("add `--older-than 30d`, `--keep 10`, `--pr 12` or `--closed`"),
        );
    }
    older_than(arguments).err()
}

fn older_than(arguments: &PruneArguments) -> Result<Option<Duration>, StepError> {
    let read = |text: &String| {
        Duration::parse(text).map_err(|expected| {
            StepError::new(format!("`--older-than {text}` is not a duration")).because(expected)
        })
    };
    arguments.older_than.as_ref().map(read).transpose()
}

pub struct Prune<'a> {
    pub arguments: &'a PruneArguments,
    pub output: Output,
    pub session: &'a PlanSession,
    pub connections: &'a Connections,
    pub registry: &'a Client,
}

impl Prune<'_> {
    /// Chooses and, with `--yes`, removes.
    pub async fn run(&self, survey: &Survey) -> Result<Exit, StepError> {
        let running = &survey.running;
        if let (Some(why), Some(remedy), false) =
            (running.incomplete_because(), running.remedy(), self.arguments.registry_only)
        {
            let what = "what is deployed is not known, and nothing is removed that may run";
            return Err(StepError::new(what).because(why).help(remedy));
        }
        let filter = self.filter(survey).await?;
        let choices: Vec<PruneChoice> =
            survey.listings.iter().map(|listing| choose(listing, &filter)).collect();
        let mut removed = Vec::new();
        let outcome = if self.arguments.yes {
            let all = survey.listings.iter().zip(&choices);
            remove::all(self.registry, all, &mut removed).await
        } else {
            Ok(())
        };
        let report = show::PruneReport {
            survey,
            choices: &choices,
            removed: self.arguments.yes.then_some(&removed),
            now: filter.now,
        };
        say::result(&match self.output {
            Output::Json => report.json(),
            Output::Human => report.lines(),
        });
        say::tell(&report.summary());
        if let Some(advice) = report.advice() {
            say::tell(&advice);
        }
        Ok(match outcome {
            Ok(()) => Exit::Done,
            Err(error) => {
                let exit = show_step_error(error, &self.session.redactor);
                if removed.is_empty() { exit } else { Exit::Failed }
            }
        })
    }

    async fn filter(&self, survey: &Survey) -> Result<PruneFilter, StepError> {
        let mut pull_requests = self.arguments.pr.iter().copied().collect();
        if self.arguments.closed {
            closed::add(self.connections, survey, &mut pull_requests).await?;
        }
        let by_pull_request = self.arguments.closed || !self.arguments.pr.is_empty();
        Ok(PruneFilter {
            older_than: older_than(self.arguments)?,
            keep: self.arguments.keep,
            pull_requests: by_pull_request.then_some(pull_requests),
            now: Timestamp::now(),
        })
    }
}
