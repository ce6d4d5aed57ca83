//! The exit codes.

use crate::event::{CancelReason, Status};

/// How the process ends. The README documents the codes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Exit {
    Done,
    /// An error of Shipway or of the operating system.
    Bug,
    /// The plan or the command line is wrong.
    Usage,
    /// Something that is needed is missing. Nothing was changed.
    Precondition,
    /// A step failed.
    Failed,
    /// With `--exit-code`: something is not as the plan says.
    Differs,
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
            Self::Differs => 7,
            Self::Interrupted => 130,
            Self::Terminated => 143,
        }
    }

    /// The exit of a run with this status.
    pub fn of_run(status: Status, cancelled: Option<CancelReason>) -> Self {
        match (status, cancelled) {
            (Status::Succeeded | Status::Skipped, _) => Self::Done,
            (Status::Cancelled, Some(CancelReason::Terminated)) => Self::Terminated,
            (Status::Cancelled, _) => Self::Interrupted,
            (Status::Failed, _) => Self::Failed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Exit;
    use crate::event::{CancelReason, Status};

    #[test]
    fn exit_codes_are_those_of_the_readme() {
        let table = [
            (Exit::Done, 0),
            (Exit::Bug, 1),
            (Exit::Usage, 2),
            (Exit::Precondition, 3),
            (Exit::Failed, 4),
            (Exit::Differs, 7),
            (Exit::Interrupted, 130),
            (Exit::Terminated, 143),
        ];
        for (exit, code) in table {
            assert_eq!(exit.code(), code, "{exit:?}");
        }
    }

    #[test]
    fn a_cancelled_run_exits_by_the_reason() {
        let of = |reason| Exit::of_run(Status::Cancelled, Some(reason));
        assert_eq!(of(CancelReason::Terminated), Exit::Terminated);
        assert_eq!(of(CancelReason::Interrupted), Exit::Interrupted);
        assert_eq!(of(CancelReason::Killed), Exit::Interrupted);
        assert_eq!(Exit::of_run(Status::Failed, Some(CancelReason::JournalFailed)), Exit::Failed);
        assert_eq!(Exit::of_run(Status::Succeeded, None), Exit::Done);
    }
}
