//! The reason why a run stops, which is only replaced by a more urgent one.

use crate::event::CancelReason;

#[derive(Clone, Copy, Debug, Default)]
pub struct Cancellation {
    reason: Option<CancelReason>,
    first_signal: Option<CancelReason>,
}

impl Cancellation {
    /// Adds a reason and returns the resulting one if it changed: a second signal
    /// becomes [`CancelReason::Killed`], a less urgent reason is ignored.
    #[must_use]
    pub fn escalate(&mut self, reason: CancelReason) -> Option<CancelReason> {
        let signal = |reason| reason >= CancelReason::HungUp;
        if signal(reason) {
            self.first_signal.get_or_insert(reason);
        }
        let next = match self.reason {
            Some(CancelReason::Killed) => return None,
            Some(current) if signal(current) && signal(reason) => CancelReason::Killed,
            Some(current) if reason <= current => return None,
            Some(_) | None => reason,
        };
        self.reason = Some(next);
        Some(next)
    }

    pub fn reason(self) -> Option<CancelReason> {
        self.reason
    }

    /// Why the run was stopped, unless a failed step is the reason: the first signal, if
    /// there was one, even if a later one killed it.
    pub fn stopped_by(self) -> Option<CancelReason> {
        self.first_signal.or(self.reason).filter(|&reason| reason > CancelReason::StepFailed)
    }

    /// Whether running attempts are stopped too, not only new ones.
    pub fn stops_attempts(self) -> bool {
        self.reason.is_some_and(|reason| reason >= CancelReason::JournalFailed)
    }
}

#[cfg(test)]
mod tests {
    use super::Cancellation;
    use crate::event::CancelReason::{Interrupted, JournalFailed, Killed, StepFailed, Terminated};

    #[test]
    fn a_second_signal_kills() {
        let mut cancel = Cancellation::default();
        assert_eq!(cancel.escalate(StepFailed), Some(StepFailed));
        assert!(!cancel.stops_attempts());
        assert_eq!(cancel.escalate(Terminated), Some(Terminated));
        assert_eq!(cancel.escalate(JournalFailed), None);
        assert_eq!(cancel.escalate(Interrupted), Some(Killed));
        assert_eq!(cancel.escalate(Interrupted), None);
        assert_eq!(cancel.stopped_by(), Some(Terminated));
    }

    #[test]
    fn the_same_signal_twice_kills_too() {
        let mut cancel = Cancellation::default();
        assert_eq!(cancel.escalate(Interrupted), Some(Interrupted));
        assert!(cancel.stops_attempts());
        assert_eq!(cancel.escalate(Interrupted), Some(Killed));
    }
}
