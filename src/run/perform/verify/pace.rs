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
    pub every: Every,
    /// How many tries in a row must pass.
    pub consecutive: u32,
}

/// The time between two tries.
#[derive(Clone, Copy, Debug)]
pub enum Every {
    /// As the plan says.
    Fixed(Duration),
    /// A tenth of the time that has passed, at most this: what is ready after a time is
    /// noticed at most a tenth of it later.
    UpTo(Duration),
}

/// The least time between two tries of which the plan does not say how often they are made.
const MIN_WAIT: Duration = Duration::from_millis(250);

impl Every {
    /// The wait before the next try, `elapsed` after the first. `passed` tries in a row
    /// have passed: those that confirm the first are not made faster.
    pub fn wait(self, elapsed: Duration, passed: u32) -> Duration {
        match self {
            Self::UpTo(longest) if passed == 0 => (elapsed / 10).clamp(MIN_WAIT, longest),
            Self::Fixed(wait) | Self::UpTo(wait) => wait,
        }
    }
}

impl Pace {
    pub fn of(verify: &Verify, job: &Job) -> Result<Self, StepError> {
        let every = verify.every.resolve(&job.scope)?.0;
        Ok(Self {
            within: verify.within.resolve(&job.scope)?.0,
            every: if verify.says_how_often() { Every::Fixed(every) } else { Every::UpTo(every) },
            consecutive: verify.consecutive.resolve(&job.scope)?.0,
        })
    }

    /// When to try again after a try that has ended `now`, of those that `began` then, of
    /// which the last `passed` have passed; `None` if the time is over. What comes up during
    /// a long wait at the end of the time is seen by one more try.
    pub fn next_try(&self, began: Instant, now: Instant, passed: u32) -> Option<Instant> {
        let deadline = began + self.within;
        let next = now + self.every.wait(now - began, passed);
        if next < deadline {
            return Some(next);
        }
        deadline.checked_sub(LAST_TRY_TIME).filter(|last| *last > now)
    }
}

#[cfg(test)]
mod tests {
    use super::{Every, Pace};
    use std::time::Duration;
    use tokio::time::Instant;

    /// When tries begin that take no time, in milliseconds.
    fn tries(within: u64, every: Every) -> Vec<u128> {
        let pace = Pace { within: Duration::from_millis(within), every, consecutive: 1 };
        let began = Instant::now();
        let after = |at: &Instant| pace.next_try(began, *at, 0);
        std::iter::successors(Some(began), after).map(|at| (at - began).as_millis()).collect()
    }

    fn fixed(every: u64) -> Every {
        Every::Fixed(Duration::from_millis(every))
    }

    fn up_to_two_seconds() -> Every {
        Every::UpTo(Duration::from_secs(2))
    }

    #[test]
    fn time_is_used_to_its_end() {
        assert_eq!(tries(2_000, fixed(2_000)), [0, 1_500]);
        assert_eq!(tries(3_000, fixed(2_000)), [0, 2_000, 2_500]);
        assert_eq!(tries(1_000, fixed(250)), [0, 250, 500, 750]);
        assert_eq!(tries(400, fixed(2_000)), [0]);
        assert_eq!(tries(1_000, up_to_two_seconds()), [0, 250, 500, 750]);
    }

    #[test]
    fn what_is_ready_is_noticed_within_a_tenth_of_its_time() {
        let tries = tries(60_000, up_to_two_seconds());
        for pair in tries.windows(2) {
            let [before, next] = *pair else { panic!("two") };
            // The times are rounded down to milliseconds.
            assert!(next - before <= (before / 10).max(250) + 1, "{next} after {before}");
        }
        assert_eq!(tries.len(), 53);
    }

    #[test]
    fn tries_that_confirm_the_first_are_as_far_apart_as_the_plan_says() {
        let wait = |every: Every, passed| every.wait(Duration::from_millis(10), passed).as_millis();
        let growing = up_to_two_seconds();
        assert_eq!((wait(growing, 0), wait(growing, 1)), (250, 2000));
        assert_eq!((wait(fixed(2_000), 0), wait(fixed(2_000), 1)), (2000, 2000));
    }
}
