//! The wait before the next attempt.
//!
//! The error decides whether a retry may help (`http::Retry`), the plan how many
//! attempts there are ([`RetryPolicy`]). The loop does the waiting, because it must
//! also react to signals.

use crate::http::Retry;
use crate::plan::schema::RetryPolicy;
use std::time::Duration;

/// A server that asks for a longer wait (`Retry-After`) is not retried: a run that
/// waits for an hour is less useful than one that fails.
const MAX_RETRY_AFTER: Duration = Duration::from_mins(2);

/// The wait after the failure of `attempt`, counted from 1; `None` if there is no
/// further attempt. `jitter` from 0 to 1 scales the backoff (full jitter), so that
/// runs that failed at the same time do not retry at the same time.
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
        Retry::After(wait) => (wait <= MAX_RETRY_AFTER).then_some(wait),
        Retry::Backoff => Some(backoff(policy, attempt).mul_f64(jitter.clamp(0.0, 1.0))),
    }
}

/// The base, doubled with each attempt, at most the cap.
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
    fn retry_after_replaces_the_backoff_up_to_a_limit() {
        let said = |seconds| Retry::After(Duration::from_secs(seconds));
        assert_eq!(wait_after(policy(4), 1, said(30), 0.0), Some(Duration::from_secs(30)));
        assert_eq!(wait_after(policy(4), 1, said(3_600), 0.0), None);
        assert_eq!(wait_after(policy(4), 4, said(1), 0.0), None);
    }

    #[test]
    fn permanent_errors_are_not_retried() {
        assert_eq!(wait_after(policy(4), 1, Retry::Never, 1.0), None);
    }
}
