//! How long to wait before the next attempt.
//!
//! *May* it be tried again is the error's to say (`http::Retry`), *how often*
//! the plan's ([`RetryPolicy`]), and the waiting is done by the loop, which can
//! also hear a signal meanwhile.

use crate::http::Retry;
use crate::plan::schema::RetryPolicy;
use std::time::Duration;

/// A server's word is not waited for longer than this: a step has its timeout,
/// and a run that stands still for an hour helps nobody.
const LONGEST_WORD: Duration = Duration::from_mins(2);

/// The wait after `attempt`, counted from 1, has failed; none where there is to
/// be no further one. `jitter` is from 0 to 1: full jitter, so that many runs
/// that failed together do not come back together.
pub fn wait_after(
    policy: RetryPolicy,
    attempt: u32,
    retry: Retry,
    jitter: f64,
) -> Option<Duration> {
    if attempt >= policy.attempts {
        return None;
    }
    match retry {
        Retry::Never => None,
        Retry::After(wait) => (wait <= LONGEST_WORD).then_some(wait),
        Retry::Backoff => Some(backoff(policy, attempt).mul_f64(jitter.clamp(0.0, 1.0))),
    }
}

/// The base, doubled with each attempt, never past the cap.
fn backoff(policy: RetryPolicy, attempt: u32) -> Duration {
    let factor = 2_u32.saturating_pow(attempt.saturating_sub(1));
    policy.base.saturating_mul(factor).min(policy.cap)
}

#[cfg(test)]
mod tests {
    use super::wait_after;
    use crate::http::Retry;
    use crate::plan::schema::RetryPolicy;
    use std::time::Duration;

    fn policy(attempts: u32) -> RetryPolicy {
        RetryPolicy { attempts, base: Duration::from_secs(1), cap: Duration::from_secs(5) }
    }

    #[test]
    fn waits_double_up_to_the_cap() {
        #[track_caller]
        fn case(attempts: u32, expected: &[u64]) {
            let waits: Vec<u64> = (1..=attempts)
                .map_while(|attempt| wait_after(policy(attempts), attempt, Retry::Backoff, 1.0))
                .map(|wait| wait.as_secs())
                .collect();
            assert_eq!(waits, expected);
        }

        case(1, &[]);
        case(2, &[1]);
        case(5, &[1, 2, 4, 5]);
    }

    #[test]
    fn jitter_only_shortens() {
        let wait = wait_after(policy(4), 2, Retry::Backoff, 0.25);
        assert_eq!(wait, Some(Duration::from_millis(500)));
    }

    #[test]
    fn the_servers_word_beats_the_schedule_within_reason() {
        let said = |seconds| Retry::After(Duration::from_secs(seconds));
        assert_eq!(wait_after(policy(4), 1, said(30), 0.0), Some(Duration::from_secs(30)));
        assert_eq!(wait_after(policy(4), 1, said(3_600), 0.0), None);
        assert_eq!(wait_after(policy(4), 4, said(1), 0.0), None);
    }

    #[test]
    fn what_may_not_be_tried_again_is_not() {
        assert_eq!(wait_after(policy(4), 1, Retry::Never, 1.0), None);
    }
}
