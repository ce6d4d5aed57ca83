//! The waits between two polls.

use std::time::Duration;

/// How often the state of something that takes time is asked for.
///
/// A wait is a tenth of the time that has passed: what is ready after a time is
/// noticed at most a tenth of it later, and a long wait takes few requests. A minute
/// takes about forty, of the 250 reads at once that Resource Manager allows.
///
/// <https://learn.microsoft.com/azure/azure-resource-manager/management/request-limits-and-throttling>
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Pacing {
    pub shortest: Duration,
    pub longest: Duration,
}

impl Default for Pacing {
    fn default() -> Self {
        Self { shortest: Duration::from_millis(250), longest: Duration::from_secs(10) }
    }
}

impl Pacing {
    /// The wait before the next poll, `elapsed` after the start. `Retry-After` of the
    /// server is to be preferred.
    pub fn wait(self, elapsed: Duration) -> Duration {
        (elapsed / 10).clamp(self.shortest, self.longest)
    }

    /// The wait after a poll that failed, with `errors` failed polls just before it.
    /// It doubles, so that five of them outlast an interrupted network of half a minute.
    pub fn after_error(self, errors: u32) -> Duration {
        self.shortest * 4 * 2_u32.pow(errors.min(6))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_ready_is_noticed_within_a_tenth_of_its_time() {
        let pacing = Pacing::default();
        let (mut now, mut polls) = (Duration::ZERO, 0);
        while now < Duration::from_mins(1) {
            let wait = pacing.wait(now);
            assert!(wait <= (now / 10).max(Duration::from_millis(250)), "{wait:?} at {now:?}");
            now += wait;
            polls += 1;
        }
        assert_eq!(polls, 44);
        assert_eq!(pacing.wait(Duration::from_hours(1)), Duration::from_secs(10));
    }

    #[test]
    fn five_failed_polls_take_half_a_minute() {
        let total: Duration = (0..5).map(|errors| Pacing::default().after_error(errors)).sum();

        assert_eq!(total, Duration::from_secs(31));
    }
}
