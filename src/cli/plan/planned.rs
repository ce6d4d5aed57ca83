//! What the command shows, for people and for programs.

use crate::cli::session::PlanSession;
use crate::run::perform::StepForecast;

/// What is shown: the steps, and of what they are.
pub struct Planned<'a> {
    pub session: &'a PlanSession,
    pub steps: Vec<StepForecast>,
    pub offline: bool,
}
