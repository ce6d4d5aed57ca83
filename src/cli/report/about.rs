//! What a run or a report is of: plan, commit, environment, pull request.

use crate::cli::pipeline::publish::Subject;
use crate::cli::session::PlanSession;
use crate::event::{Origin, RunStarted};
use crate::journal;
use crate::resolve::Resolved;
use serde_json::Value;
use std::path::Path;

/// How much of a commit's hash is shown.
const SHORT_HASH_CHARS: usize = 7;

/// What a run is of, or a report of runs.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct About {
    /// The name of the plan, or the name of its file if it could not be read. `None` if it
    /// is not known.
    pub plan: Option<String>,
    /// As far as the run knew them when it was refused.
    pub is_refused: bool,
    pub commit: Option<String>,
    pub environment: Option<String>,
    pub pull_request: OfPullRequest,
    pub dry_run: bool,
    /// SHA-256 of the plan's text.
    pub plan_digest: Option<String>,
}

/// The pull request that a run was for.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum OfPullRequest {
    #[default]
    Unknown,
    None,
    Number(u64),
}

impl From<Option<u64>> for OfPullRequest {
    fn from(number: Option<u64>) -> Self {
        number.map_or(Self::None, Self::Number)
    }
}

impl OfPullRequest {
    fn shown(self) -> Option<String> {
        match self {
            Self::Number(number) => Some(number.to_string()),
            Self::None | Self::Unknown => None,
        }
    }
}

impl About {
    /// What a run in a folder is of, by its first event, its journal, and its result if it was
    /// refused before its first step.
    pub fn of(started: Option<&RunStarted>, folder: &Path, result: &Value) -> Self {
        let Some(started) = started else { return Self::refused(result) };
        let start = journal::read(&folder.join("journal.jsonl")).ok();
        let start = start.and_then(|replay| replay.start);
        let resolved: Option<Resolved> =
            start.as_ref().and_then(|start| serde_json::from_value(start.resolved.clone()).ok());
        Self {
            plan: Some(started.plan.clone()),
            is_refused: false,
            commit: started.origin.commit.clone(),
            environment: started.environment.clone(),
            // A dry run without a pull request simulates one.
            pull_request: resolved
                .filter(|_| !started.dry_run)
                .map(|found| found.pull_request.map(|found| found.number).into())
                .unwrap_or_default(),
            dry_run: started.dry_run,
            plan_digest: start.map(|start| start.plan_digest),
        }
    }

    fn refused(result: &Value) -> Self {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let origin: Option<Origin> = serde_json::from_value(result["origin"].clone()).ok();
        Self {
            plan: text(&result["plan"]),
            is_refused: true,
            commit: origin.and_then(|origin| origin.commit),
            environment: text(&result["environment"]),
            pull_request: OfPullRequest::Unknown,
            dry_run: result["dry-run"] == true,
            plan_digest: None,
        }
    }

    pub fn of_session(session: &PlanSession) -> Self {
        let subject = Subject::of(session);
        Self {
            commit: subject.origin.commit.clone(),
            environment: subject.environment.name().map(str::to_owned),
            pull_request: subject.pull_request.into(),
            dry_run: subject.dry_run,
            plan_digest: Some(session.file.digest()),
            plan: subject.plan,
            is_refused: false,
        }
    }

    /// What a run is of and the report is not, each as a sentence. `file` is the plan's file.
    pub fn differences(&self, run: &Self, file: &str) -> Vec<String> {
        let mut found = Vec::new();
        let mut differs = |what: &str, of_run: Option<String>, of_report: Option<String>| {
            if of_run != of_report {
                let named = |value: Option<String>| {
                    value.map_or_else(|| format!("no {what}"), |value| format!("{what} {value}"))
                };
                let (run, report) = (named(of_run), named(of_report));
                found.push(format!("it is of {run}, this report of {report}"));
            }
        };
        // A run that was refused may have known its file alone.
        let is_file = run.is_refused && run.plan.as_deref() == Some(file);
        if run.plan.is_some() && !is_file {
            differs("plan", quoted(run.plan.as_ref()), quoted(self.plan.as_ref()));
        }
        if run.commit.is_some() || !run.is_refused {
            differs("commit", short(run.commit.as_ref()), short(self.commit.as_ref()));
        }
        if run.environment.is_some() || !run.is_refused {
            let (of_run, of_report) = (run.environment.as_ref(), self.environment.as_ref());
            differs("environment", quoted(of_run), quoted(of_report));
        }
        if ![run.pull_request, self.pull_request].contains(&OfPullRequest::Unknown) {
            differs("pull request", run.pull_request.shown(), self.pull_request.shown());
        }
        if run.dry_run && !self.dry_run {
            found.push("it is a dry run".to_owned());
        }
        found
    }
}

fn quoted(value: Option<&String>) -> Option<String> {
    value.map(|value| format!("`{value}`"))
}

fn short(commit: Option<&String>) -> Option<String> {
    commit.map(|commit| commit.chars().take(SHORT_HASH_CHARS).collect())
}
