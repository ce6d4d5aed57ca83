//! The services and steps of a run, without their content: what `state` needs.

use crate::event::{Outcome, StepId};
use crate::plan::AskedDeploy;
use crate::plan::schema::{Action, RetryPolicy};

/// An index in [`Layout::steps`].
pub type StepIndex = usize;

#[derive(Clone, Debug, Default)]
pub struct Layout {
    /// In the plan's order.
    pub services: Vec<ServiceLayout>,
    /// The steps of all services.
    pub steps: Vec<StepLayout>,
}

#[derive(Clone, Debug)]
pub struct ServiceLayout {
    pub name: String,
    /// Indices in [`Layout::services`].
    pub needs: Vec<usize>,
    pub steps: Vec<StepIndex>,
    /// The steps that are no part of the run.
    pub excluded: Vec<ExcludedStep>,
    /// Whether the plan has a `verify` for it, be it part of the run or not.
    pub has_check: bool,
    /// Whether `--only` leaves it out: it has no steps then.
    pub left_out: bool,
}

/// A step that the plan asks for and that is no part of the run.
#[derive(Clone, Debug)]
pub struct ExcludedStep {
    pub id: StepId,
    pub goal: Goal,
    /// What it asks if it is a `verify`.
    pub asks: AskedDeploy,
    pub why: Exclusion,
}

/// Why steps that the plan asks for are no part of the run.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Exclusion {
    /// The code comes from a fork.
    Fork,
    /// The pull request is closed.
    ClosedPullRequest,
    /// `--until` names this step, which is an earlier one.
    Until(String),
    /// `--skip-run` leaves out `run` steps.
    SkipRun,
}

impl Exclusion {
    /// In words that fit after "skipped: ".
    pub fn because(&self) -> String {
        match self {
            Self::Fork => "the code comes from a fork".to_owned(),
            Self::ClosedPullRequest => "the pull request is closed".to_owned(),
            Self::Until(step) => format!("left out by `--until {step}`"),
            Self::SkipRun => "left out by `--skip-run`".to_owned(),
        }
    }

    /// Whether the result is worth less without this step. What the command line leaves
    /// out on purpose counts only if it is a push, a deploy or a verify: without one of
    /// these, nothing is where the plan says that it is.
    pub fn prevents(&self, goal: Goal) -> bool {
        match self {
            Self::Fork | Self::ClosedPullRequest => true,
            Self::Until(_) | Self::SkipRun => goal != Goal::Other,
        }
    }
}

#[derive(Clone, Debug)]
pub struct StepLayout {
    pub id: StepId,
    /// An index in [`Layout::services`].
    pub service: usize,
    pub goal: Goal,
    /// What it asks if it is a `verify`.
    pub asks: AskedDeploy,
    pub policy: RetryPolicy,
    /// The `if` calls `always()` or `failure()`, so that the step may run after a
    /// failure.
    pub runs_after_failure: bool,
    /// An earlier process of this run did the step.
    pub done_before: bool,
    /// How the step ended in an earlier process, if that process did not finish the
    /// rollback of the service: the step is not repeated.
    pub ended_before: Option<Outcome>,
    /// What an earlier process recorded of the rollback of this deploy.
    pub rollback: RecordedRollback,
}

/// How far the rollback of a deploy is, according to the journal.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum RecordedRollback {
    /// There is nothing to put back.
    #[default]
    Nothing,
    /// It is known what the deploy replaced.
    Possible,
    /// It began and did not end.
    Begun,
}

/// What a step is there for, the most important first.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Goal {
    Deploy,
    Verify,
    Push,
    Other,
}

impl Goal {
    pub fn of(action: &Action) -> Self {
        match action {
            Action::Deploy(_) => Self::Deploy,
            Action::Verify(_) => Self::Verify,
            Action::Push(_) => Self::Push,
            Action::Build(_) | Action::Tag(_) | Action::Run(_) => Self::Other,
        }
    }
}
