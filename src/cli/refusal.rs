//! Why a command ends before it has begun.

use super::exit::Exit;
use crate::event::Failure;

/// A command that was refused. People have been shown why, where it was found; the
/// reports of a run say it too.
#[derive(Clone, Debug)]
pub struct Refusal {
    pub exit: Exit,
    pub failures: Vec<Failure>,
}

/// What cannot be reported further, such as the failure of a report.
impl From<Exit> for Refusal {
    fn from(exit: Exit) -> Self {
        Self { exit, failures: Vec::new() }
    }
}

impl From<Refusal> for Exit {
    fn from(refusal: Refusal) -> Self {
        refusal.exit
    }
}
