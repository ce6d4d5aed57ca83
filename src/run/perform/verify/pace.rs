//! How often a `verify` tries, and for how long.

use crate::plan::schema::Verify;
use crate::run::outcome::StepError;
use crate::run::perform::performer::Job;
use std::time::Duration;

/// How often something is tried.
pub struct Pace {
    /// How long it may take until the check holds.
    pub within: Duration,
    /// Between two tries.
    pub every: Duration,
    /// How many tries in a row must pass.
    pub consecutive: u32,
}

impl Pace {
    pub fn of(verify: &Verify, job: &Job) -> Result<Self, StepError> {
        Ok(Self {
            within: verify.within.resolve(&job.scope)?.0,
            every: verify.every.resolve(&job.scope)?.0,
            consecutive: verify.consecutive.resolve(&job.scope)?.0,
        })
    }
}
