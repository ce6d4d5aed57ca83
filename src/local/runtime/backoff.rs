//! How long a program that keeps ending waits before it is started again, as
//! the kubelet has it: not at all the first time, then 10 seconds, doubled up to
//! five minutes, and from the beginning after ten minutes of running well.

use std::time::Duration;

const FIRST: Duration = Duration::from_secs(10);
const LONGEST: Duration = Duration::from_mins(5);
const WELL: Duration = Duration::from_mins(10);

/// The waits of one container.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Backoff {
    next: Option<Duration>,
}

impl Backoff {
    /// The wait after a run of that length.
    pub(crate) fn after(&mut self, ran: Duration) -> Duration {
        if ran >= WELL {
            self.next = None;
        }
        let wait = self.next.unwrap_or_default();
        self.next = Some(self.next.map_or(FIRST, |next| (next * 2).min(LONGEST)));
        wait
    }
}

#[cfg(test)]
mod tests {
    use super::Backoff;
    use std::time::Duration;

    #[test]
    fn waits_double_up_to_the_cap_and_start_again() {
        let mut backoff = Backoff::default();
        let mut after = |seconds| backoff.after(Duration::from_secs(seconds)).as_secs();

        let waits: Vec<u64> = (0..8).map(|_| after(1)).collect();
        assert_eq!(waits, [0, 10, 20, 40, 80, 160, 300, 300]);
        assert_eq!(after(600), 0);
        assert_eq!(after(1), 10);
    }
}
