//! `shipway images --prune`: removes what nobody needs any longer.
//!
//! Nothing goes without `--yes`, and nothing at all where it cannot be found
//! out what runs, unless the user says that the registry alone counts.

mod choose;
mod closed;
mod remove;
mod show;

use super::survey::Survey;
use crate::cli::arguments::{Output, PruneArguments};
use crate::cli::exit::Exit;
use crate::cli::say;
use crate::cli::session::Session;
use crate::cli::session::missing;
use crate::cli::session::reach::Connections;
use crate::plan::expr::Scalar as _;
use crate::registry::Client;
use crate::run::outcome::StepError;
use choose::{Choice, Wish, choose};
use jiff::Timestamp;
use std::time::Duration;

/// What is wrong with the command line, before anybody is asked.
pub(super) fn mistake(arguments: &PruneArguments) -> Option<StepError> {
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
        Duration::read(text).map_err(|expected| {
            StepError::new(format!("`--older-than {text}` is no time")).because(expected)
        })
    };
    arguments.older_than.as_ref().map(read).transpose()
}

/// Who is asked, and for whom the result is.
pub(super) struct Prune<'a> {
    pub(super) arguments: &'a PruneArguments,
    pub(super) output: Output,
    pub(super) session: &'a Session,
    pub(super) reach: &'a Connections,
    pub(super) registry: &'a Client,
}

impl Prune<'_> {
    /// Chooses and, where the user has said so, removes.
    pub(super) async fn run(&self, survey: &Survey) -> Result<Exit, StepError> {
        let running = &survey.running;
        if let (Some(why), Some(remedy), false) =
            (running.unknown(), running.remedy(), self.arguments.registry_only)
        {
            let what = "what is deployed is not known, and nothing is removed that may run";
            return Err(StepError::new(what).because(why).help(remedy));
        }
        let wish = self.wish(survey).await?;
        let choices: Vec<Choice> =
            survey.shelves.iter().map(|shelf| choose(shelf, &wish)).collect();
        let mut removed = Vec::new();
        let outcome = if self.arguments.yes {
            let all = survey.shelves.iter().zip(&choices);
            remove::all(self.registry, all, &mut removed).await
        } else {
            Ok(())
        };
        let shown = show::Shown {
            survey,
            choices: &choices,
            removed: self.arguments.yes.then_some(&removed),
            now: wish.now,
        };
        say::result(&match self.output {
            Output::Json => shown.json(),
            Output::Human => shown.lines(),
        });
        say::tell(&shown.summary());
        if let Some(advice) = shown.advice() {
            say::tell(&advice);
        }
        Ok(match outcome {
            Ok(()) => Exit::Done,
            Err(trouble) => {
                let exit = missing(trouble, &self.session.redactor);
                if removed.is_empty() { exit } else { Exit::Failed }
            }
        })
    }

    async fn wish(&self, survey: &Survey) -> Result<Wish, StepError> {
        let mut pull_requests = self.arguments.pr.iter().copied().collect();
        if self.arguments.closed {
            closed::add(self.reach, survey, &mut pull_requests).await?;
        }
        let by_pull_request = self.arguments.closed || !self.arguments.pr.is_empty();
        Ok(Wish {
            older_than: older_than(self.arguments)?,
            keep: self.arguments.keep,
            pull_requests: by_pull_request.then_some(pull_requests),
            now: Timestamp::now(),
        })
    }
}
