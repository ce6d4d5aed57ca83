//! The exit codes.

use crate::event::{CancelReason, RollbackOutcome, ServiceResult, Status};

/// How the process ends. The README documents the codes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Exit {
    Done,
    /// An error of Shipway or of the operating system, such as a result that cannot be
    /// written.
    Bug,
    /// The plan or the command line is wrong.
    Usage,
    /// Something that is needed is missing. Nothing was changed.
    Precondition,
    /// A step failed.
    Failed,
    /// A step failed, and what ran before was put back.
    RolledBack,
    /// A step failed, and so did the rollback.
    RollbackFailed,
    /// With `--exit-code`: something would change, or is not as the plan says.
    Differs,
    /// As a command in a container ended.
    Command(u8),
    /// The connection to a command in a container was lost, and with it its exit code.
    Lost,
    /// SIGHUP.
    HungUp,
    /// SIGINT.
    Interrupted,
    /// SIGTERM.
    Terminated,
}

impl Exit {
    pub fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Bug => 1,
            Self::Usage => 2,
            Self::Precondition => 3,
            Self::Failed => 4,
            Self::RolledBack => 5,
            Self::RollbackFailed => 6,
            Self::Differs => 7,
            Self::Command(code) => code,
            Self::Lost => 125,
            Self::HungUp => 129,
            Self::Interrupted => 130,
            Self::Terminated => 143,
        }
    }

    /// The exit of a run with this status.
    pub fn of_run(
        status: Status,
        cancelled: Option<CancelReason>,
        services: &[ServiceResult],
    ) -> Self {
        match (status, cancelled) {
            (Status::Succeeded | Status::Skipped, _) => Self::Done,
            (Status::Cancelled, Some(CancelReason::Terminated)) => Self::Terminated,
            (Status::Cancelled, Some(CancelReason::HungUp)) => Self::HungUp,
            (Status::Cancelled, _) => Self::Interrupted,
            (Status::Failed, _) => Self::of_failed(services),
        }
    }

    /// 5 says that everything that failed is as it was before, so every service that
    /// failed must have been rolled back.
    fn of_failed(services: &[ServiceResult]) -> Self {
        let mut rollbacks = services.iter().flat_map(|service| &service.rollbacks);
        if rollbacks.any(|rollback| rollback.outcome.failure().is_some()) {
            return Self::RollbackFailed;
        }
        let put_back = |service: &ServiceResult| {
            let mut rollbacks = service.rollbacks.iter();
            rollbacks.any(|rollback| matches!(rollback.outcome, RollbackOutcome::RolledBack { .. }))
        };
        let ended = |status: Status| matches!(status, Status::Failed | Status::Cancelled);
        let mut failed = services.iter().filter(|service| ended(service.status)).peekable();
        if failed.peek().is_some() && failed.all(put_back) {
            return Self::RolledBack;
        }
        Self::Failed
    }
}

#[cfg(test)]
mod tests {
    use super::Exit;
    use crate::event::{
        CancelReason, Failure, Outputs, Revision, Rollback, RollbackOutcome, ServiceResult, Status,
        StepId,
    };
    use std::time::Duration;

    #[test]
    fn exit_codes_are_those_of_the_readme() {
        let table = [
            (Exit::Done, 0),
            (Exit::Bug, 1),
            (Exit::Usage, 2),
            (Exit::Precondition, 3),
            (Exit::Failed, 4),
            (Exit::RolledBack, 5),
            (Exit::RollbackFailed, 6),
            (Exit::Differs, 7),
            (Exit::Lost, 125),
            (Exit::HungUp, 129),
            (Exit::Interrupted, 130),
            (Exit::Terminated, 143),
        ];
        for (exit, code) in table {
            assert_eq!(exit.code(), code, "{exit:?}");
        }
    }

    #[test]
    fn a_cancelled_run_exits_by_the_reason() {
        let of = |reason| Exit::of_run(Status::Cancelled, Some(reason), &[]);
        assert_eq!(of(CancelReason::Terminated), Exit::Terminated);
        assert_eq!(of(CancelReason::HungUp), Exit::HungUp);
        assert_eq!(of(CancelReason::Interrupted), Exit::Interrupted);
        assert_eq!(of(CancelReason::Killed), Exit::Interrupted);
        assert_eq!(
            Exit::of_run(Status::Failed, Some(CancelReason::JournalFailed), &[]),
            Exit::Failed
        );
        assert_eq!(Exit::of_run(Status::Succeeded, None, &[]), Exit::Done);
    }

    fn service(status: Status, outcome: Option<RollbackOutcome>) -> ServiceResult {
        let step = StepId { service: "web".into(), step: "deploy".into() };
        let rollback = outcome.map(|outcome| Rollback { step, outcome, url: None });
        ServiceResult {
            name: "web".into(),
            status,
            missing: None,
            reason: None,
            also_missing: vec![],
            outputs: Outputs::new(),
            withdrawn: None,
            took: Duration::ZERO,
            failure: None,
            later_failures: vec![],
            rollbacks: rollback.into_iter().collect(),
        }
    }

    #[test]
    fn a_failed_run_exits_by_its_rollbacks() {
        let exit = |services: &[ServiceResult]| Exit::of_run(Status::Failed, None, services);
        let put_back = || RollbackOutcome::RolledBack { to: Revision::default() };
        let broken = || RollbackOutcome::Failed { to: None, failure: Failure::default() };
        let failed = |outcome| service(Status::Failed, outcome);

        assert_eq!(exit(&[failed(None)]), Exit::Failed);
        assert_eq!(exit(&[failed(Some(put_back()))]), Exit::RolledBack);
        assert_eq!(exit(&[failed(Some(RollbackOutcome::Kept))]), Exit::Failed);
        assert_eq!(exit(&[failed(Some(RollbackOutcome::Removed))]), Exit::Failed);
        let unchanged = RollbackOutcome::Unchanged { still: None };
        assert_eq!(exit(&[failed(Some(unchanged))]), Exit::Failed);
        assert_eq!(exit(&[failed(Some(broken()))]), Exit::RollbackFailed);

        let fine = || service(Status::Succeeded, None);
        let rolled_back = || failed(Some(put_back()));
        assert_eq!(exit(&[fine(), rolled_back()]), Exit::RolledBack);
        assert_eq!(exit(&[failed(None), rolled_back()]), Exit::Failed);
        assert_eq!(exit(&[failed(Some(broken())), rolled_back()]), Exit::RollbackFailed);
    }
}
