//! Decides which deploys of a service are rolled back, and when.

use crate::event::Rollback;
use crate::run::layout::{Goal, RecordedRollback, StepLayout};
use crate::run::service_end::{LeftOut, StepEnd};
use std::time::Duration;

/// How far the rollback of a deploy is.
#[derive(Clone, Debug)]
pub(super) enum RollbackPhase {
    /// The step has replaced nothing, or the plan turns rollbacks off.
    Nothing,
    /// The journal has what the deploy replaced.
    Possible,
    /// An earlier process began it.
    Begun,
    Running {
        since: Duration,
    },
    Done(Box<Rollback>),
}

/// A step of a service, as far as it decides about rollbacks.
pub(super) struct ServiceStep<'a> {
    pub(super) goal: Goal,
    /// `None` until it has ended.
    pub(super) end: Option<&'a StepEnd>,
    pub(super) rollback: &'a RollbackPhase,
}

/// The index of the deploy to roll back next. The last one comes first, and the
/// others wait for it.
pub(super) fn to_roll_back(steps: &[ServiceStep<'_>]) -> Option<usize> {
    if steps.iter().any(|step| step.rollback.is_running()) {
        return None;
    }
    // Without a verify the deploy's own end decides.
    let last_verify = steps.iter().rposition(|step| step.goal == Goal::Verify).unwrap_or(0);
    (0..steps.len()).rev().find(|&deploy| match steps[deploy].rollback {
        RollbackPhase::Possible => {
            let last = last_verify.max(deploy);
            steps[deploy..=last].iter().filter_map(|step| step.end).any(asks_for_rollback)
        }
        RollbackPhase::Begun => true,
        RollbackPhase::Nothing | RollbackPhase::Running { .. } | RollbackPhase::Done(_) => false,
    })
}

/// Whether the service is rolled back if one of its steps ends like this. A step that was left
/// out because another service failed says nothing about this one.
fn asks_for_rollback(end: &StepEnd) -> bool {
    match end {
        StepEnd::Failed | StepEnd::Cancelled | StepEnd::LeftOut(LeftOut::RunStopped) => true,
        StepEnd::Succeeded
        | StepEnd::Tolerated { .. }
        | StepEnd::LeftOut(
            LeftOut::NotApplicable | LeftOut::FailureOf { .. } | LeftOut::Excluded(_),
        ) => false,
    }
}

impl RollbackPhase {
    pub(super) fn of(step: &StepLayout) -> Self {
        match step.rollback {
            RecordedRollback::Nothing => Self::Nothing,
            RecordedRollback::Possible => Self::Possible,
            RecordedRollback::Begun => Self::Begun,
        }
    }

    pub(super) fn is_running(&self) -> bool {
        matches!(self, Self::Running { .. })
    }

    pub(super) fn done(&self) -> Option<&Rollback> {
        match self {
            Self::Done(rollback) => Some(rollback),
            Self::Nothing | Self::Possible | Self::Begun | Self::Running { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{RollbackPhase, ServiceStep, to_roll_back};
    use crate::event::{Rollback, RollbackOutcome, StepId};
    use crate::run::layout::Goal;
    use crate::run::service_end::{LeftOut, StepEnd};

    fn left_out_by(why: &str) -> StepEnd {
        let step = StepId { service: "other".into(), step: "build".into() };
        StepEnd::LeftOut(match why {
            "other" => LeftOut::FailureOf { step, service: "other".into() },
            "stop" => LeftOut::RunStopped,
            "if" => LeftOut::NotApplicable,
            other => panic!("{other}"),
        })
    }

    fn done() -> RollbackPhase {
        let step = StepId { service: String::new(), step: "deploy".into() };
        let rollback = Rollback { step, outcome: RollbackOutcome::Removed, url: None };
        RollbackPhase::Done(Box::new(rollback))
    }

    /// `deploy* ok` is a deploy that replaced something and succeeded; other marks are
    /// `^` for a rollback that an earlier process began, `~` for one that runs, and
    /// `!` for one that has ended. `-` is a step that has not ended, `other` one that was left
    /// out because another service failed, `stop` because the run was stopped, and `if`
    /// because its condition is false.
    #[track_caller]
    fn rolls_back(steps: &str, expected: Option<usize>) {
        let mut read = Vec::new();
        for step in steps.split("; ") {
            let (kind, end) = step.split_once(' ').expect("a kind and an end");
            let goal = match kind.trim_end_matches(['*', '^', '~', '!']) {
                "deploy" => Goal::Deploy,
                "verify" => Goal::Verify,
                "run" => Goal::Other,
                other => panic!("{other}"),
            };
            let phase = match kind.chars().next_back() {
                Some('*') => RollbackPhase::Possible,
                Some('^') => RollbackPhase::Begun,
                Some('~') => RollbackPhase::Running { since: std::time::Duration::ZERO },
                Some('!') => done(),
                _ => RollbackPhase::Nothing,
            };
            let end = match end {
                "-" => None,
                "ok" => Some(StepEnd::Succeeded),
                "failed" => Some(StepEnd::Failed),
                "tolerated" => Some(StepEnd::Tolerated { reason: "no answer".into() }),
                "cancelled" => Some(StepEnd::Cancelled),
                why => Some(left_out_by(why)),
            };
            read.push((goal, end, phase));
        }
        let steps = read.iter().map(|(goal, end, rollback)| ServiceStep {
            goal: *goal,
            end: end.as_ref(),
            rollback,
        });
        assert_eq!(to_roll_back(&steps.collect::<Vec<_>>()), expected, "{read:?}");
    }

    #[test]
    fn a_deploy_is_rolled_back_if_a_step_up_to_the_last_verify_fails() {
        rolls_back("run ok; deploy* failed; verify -", Some(1));
        rolls_back("deploy* ok; verify failed", Some(0));
        rolls_back("deploy* ok; run failed; verify -", Some(0));
        rolls_back("deploy* ok; verify ok; run failed; verify -", Some(0));
        rolls_back("deploy* ok; verify ok; run failed", None);
        rolls_back("deploy* ok; run failed", None);
        rolls_back("verify failed; deploy* ok", None);
        rolls_back("deploy* ok; verify -", None);
        rolls_back("deploy* ok; verify ok", None);
    }

    #[test]
    fn a_tolerated_failure_rolls_nothing_back() {
        rolls_back("deploy* ok; verify tolerated", None);
        rolls_back("deploy* tolerated; verify if", None);
    }

    #[test]
    fn a_stopped_run_rolls_back_what_is_not_verified() {
        rolls_back("deploy* cancelled; verify stop", Some(0));
        rolls_back("deploy* ok; verify cancelled", Some(0));
        rolls_back("deploy* ok; verify stop", Some(0));
        rolls_back("deploy* ok; verify ok; run cancelled", None);
    }

    #[test]
    fn the_failure_of_another_service_rolls_nothing_back() {
        rolls_back("deploy* ok; verify other", None);
    }

    #[test]
    fn a_deploy_that_replaced_nothing_is_not_rolled_back() {
        rolls_back("deploy failed; verify if", None);
        rolls_back("deploy ok; verify failed", None);
    }

    #[test]
    fn several_deploys_are_rolled_back_one_by_one_and_the_last_first() {
        rolls_back("deploy* ok; deploy* ok; verify failed", Some(1));
        rolls_back("deploy* ok; deploy~ ok; verify failed", None);
        rolls_back("deploy* ok; deploy! ok; verify failed", Some(0));
        rolls_back("deploy! ok; deploy! ok; verify failed", None);
    }

    #[test]
    fn a_rollback_that_an_earlier_process_began_is_finished() {
        rolls_back("deploy^ ok; verify stop", Some(0));
        rolls_back("deploy^ ok; verify -", Some(0));
    }
}
