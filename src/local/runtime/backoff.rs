//! The delay before a program is restarted, as in the kubelet: none the first time,
//! then 10 seconds, doubled up to five minutes, and reset after a run of ten
//! minutes.

use std::time::Duration;

const INITIAL_DELAY: Duration = Duration::from_secs(10);
const MAX_DELAY: Duration = Duration::from_mins(5);
const RESET_AFTER: Duration = Duration::from_mins(10);

#[derive(Clone, Copy, Debug, Default)]
pub struct Backoff {
    next: Option<Duration>,
}

impl Backoff {
    /// The delay after the program ran for that long.
    pub fn after(&mut self, ran: Duration) -> Duration {
        if ran >= RESET_AFTER {
            self.next = None;
        }
        let wait = self.next.unwrap_or_default();
        self.next = Some(self.next.map_or(INITIAL_DELAY, |next| (next * 2).min(MAX_DELAY)));
        wait
    }
}

#[cfg(test)]
mod tests {
    use super::Backoff;
    use std::time::Duration;

    #[test]
    fn delays_double_up_to_a_maximum_and_reset() {
        let mut backoff = Backoff::default();
        let mut after = |seconds| backoff.after(Duration::from_secs(seconds)).as_secs();

        let waits: Vec<u64> = (0..8).map(|_| after(1)).collect();
        assert_eq!(waits, [0, 10, 20, 40, 80, 160, 300, 300]);
        assert_eq!(after(600), 0);
        assert_eq!(after(1), 10);
    }
}
