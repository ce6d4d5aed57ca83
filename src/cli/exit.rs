//! The exit codes, in one place.

use crate::event::{CancelReason, Status};

/// How the process ends. Documented in the README.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Exit {
    /// Done.
    Done,
    /// A mistake of ours.
    Bug,
    /// The plan or the command line is wrong.
    Usage,
    /// Something needed was not to be had, found before anything was changed.
    Precondition,
    /// A step failed.
    Failed,
    /// SIGINT.
    Interrupted,
    /// SIGTERM.
    Terminated,
}

impl Exit {
    /// The number.
    pub(super) fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Bug => 1,
            Self::Usage => 2,
            Self::Precondition => 3,
            Self::Failed => 4,
            Self::Interrupted => 130,
            Self::Terminated => 143,
        }
    }

    /// What the end of a run comes to.
    pub(super) fn of_run(status: Status, cancelled: Option<CancelReason>) -> Self {
        match (status, cancelled) {
            (Status::Succeeded, _) => Self::Done,
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
    fn the_table_of_exit_codes() {
        let table = [
            (Exit::Done, 0),
            (Exit::Bug, 1),
            (Exit::Usage, 2),
            (Exit::Precondition, 3),
            (Exit::Failed, 4),
            (Exit::Interrupted, 130),
            (Exit::Terminated, 143),
        ];
        for (exit, code) in table {
            assert_eq!(exit.code(), code, "{exit:?}");
        }
    }

    #[test]
    fn a_run_ends_as_it_was_stopped() {
        let of = |reason| Exit::of_run(Status::Cancelled, Some(reason));
        assert_eq!(of(CancelReason::Terminated), Exit::Terminated);
        assert_eq!(of(CancelReason::Interrupted), Exit::Interrupted);
        assert_eq!(of(CancelReason::Killed), Exit::Interrupted);
        assert_eq!(Exit::of_run(Status::Failed, Some(CancelReason::JournalFailed)), Exit::Failed);
        assert_eq!(Exit::of_run(Status::Succeeded, None), Exit::Done);
    }
}
