//! How often a `verify` tries, and for how long.

use crate::plan::schema::Verify;
use crate::run::outcome::StepError;
use crate::run::perform::performer::Job;
use std::time::Duration;
use tokio::time::Instant;

/// How long before the end the last try begins, where `every` is longer than what is left.
const LAST_TRY_TIME: Duration = Duration::from_millis(500);

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

    /// When to try again after a try that has ended `now`; `None` if the time is over. What
    /// comes up during a long `every` at the end of the time is seen by one more try.
    pub fn next_try(&self, now: Instant, deadline: Instant) -> Option<Instant> {
        let next = now + self.every;
        if next < deadline {
            return Some(next);
        }
        deadline.checked_sub(LAST_TRY_TIME).filter(|last| *last > now)
    }
}

#[cfg(test)]
mod tests {
    use super::Pace;
    use std::time::Duration;
    use tokio::time::Instant;

    /// When tries begin that take no time, in milliseconds.
    fn tries(within: u64, every: u64) -> Vec<u128> {
        let [within, every] = [within, every].map(Duration::from_millis);
        let pace = Pace { within, every, consecutive: 1 };
        let began = Instant::now();
        let after = |at: &Instant| pace.next_try(*at, began + within);
        std::iter::successors(Some(began), after).map(|at| (at - began).as_millis()).collect()
    }

    #[test]
    fn time_is_used_to_its_end() {
        assert_eq!(tries(2_000, 2_000), [0, 1_500]);
        assert_eq!(tries(3_000, 2_000), [0, 2_000, 2_500]);
        assert_eq!(tries(1_000, 250), [0, 250, 500, 750]);
        assert_eq!(tries(400, 2_000), [0]);
    }
}
