//! Why a command ends before it has begun.

use super::exit::Exit;
use crate::event::Failure;

/// A command that was refused. People have been shown why, where it was found; the
/// reports of a run say it too.
#[derive(Clone, Debug)]
pub struct Refusal {
    pub exit: Exit,
    pub failures: Vec<Failure>,
    /// Whether the reason is that the run has no environment to push or deploy to.
    pub lacks_environment: bool,
    /// Whether the command was to remove the preview of a pull request that is closed.
    pub may_leave_preview: bool,
}

impl Refusal {
    pub fn new(exit: Exit, failures: Vec<Failure>) -> Self {
        Self { exit, failures, lacks_environment: false, may_leave_preview: false }
    }
}

/// What cannot be reported further, such as the failure of a report.
impl From<Exit> for Refusal {
    fn from(exit: Exit) -> Self {
        Self::new(exit, Vec::new())
    }
}

impl From<Refusal> for Exit {
    fn from(refusal: Refusal) -> Self {
        refusal.exit
    }
}
