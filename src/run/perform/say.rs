//! Publishes the events of steps, and bounds those that wait to be shown.
//!
//! A program may write faster than its lines are shown, and the reader of the log may
//! stop altogether: a pager, Ctrl-S. What waits then is bounded by bytes. A program
//! waits once that is used up, as it would with a full pipe; the loop never does.

use crate::event::EventKind;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The lines and the progress that may wait to be shown, of all steps together.
const MAX_WAITING_BYTES: u32 = 4 * 1024 * 1024;

/// What an event takes beside its text.
const EVENT_BYTES: u32 = 512;

/// The part of the bound that an event takes until it is dropped.
pub type Held = Option<OwnedSemaphorePermit>;

/// An event of a step.
#[derive(Debug)]
pub struct Said {
    pub event: EventKind,
    pub held: Held,
}

/// Publishes the events of a step that is at work.
#[derive(Clone)]
pub struct Say {
    publish: Arc<dyn Fn(Said) + Send + Sync>,
    room: Room,
}

/// The room for events that wait to be shown. A cheap handle.
#[derive(Clone, Debug)]
pub struct Room(Arc<Semaphore>);

impl Default for Room {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(MAX_WAITING_BYTES as usize)))
    }
}

impl Say {
    pub fn new(room: Room, publish: impl Fn(Said) + Send + Sync + 'static) -> Self {
        Self { publish: Arc::new(publish), room }
    }

    /// Publishes an event of which a step has few.
    pub fn event(&self, event: EventKind) {
        self.said(Said { event, held: None });
    }

    pub fn said(&self, said: Said) {
        (self.publish)(said);
    }

    /// Publishes a line of a program, once there is room for it.
    pub async fn line(&self, line: String, event: impl FnOnce(String) -> EventKind) {
        let bytes = u32::try_from(line.len()).unwrap_or(u32::MAX).saturating_add(EVENT_BYTES);
        let room = Arc::clone(&self.room.0).acquire_many_owned(bytes.min(MAX_WAITING_BYTES));
        // The semaphore is never closed.
        self.said(Said { held: room.await.ok(), event: event(line) });
    }

    /// Publishes an event that the next one of its kind replaces, if there is room for
    /// it now. Returns whether there was.
    pub fn event_if_room(&self, event: impl FnOnce() -> Option<EventKind>) -> bool {
        let room = Arc::clone(&self.room.0).try_acquire_many_owned(EVENT_BYTES);
        let Ok(room) = room else { return false };
        if let Some(event) = event() {
            self.said(Said { event, held: Some(room) });
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::{Held, MAX_WAITING_BYTES, Room, Say};
    use crate::event::{EventKind, StepId};
    use futures::FutureExt as _;
    use std::sync::{Arc, Mutex};

    fn line(line: String) -> EventKind {
        EventKind::OutputLine { step: StepId { service: String::new(), step: "run".into() }, line }
    }

    fn say() -> (Say, Arc<Mutex<Vec<Held>>>) {
        let waiting = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&waiting);
        let say = Say::new(Room::default(), move |said| {
            kept.lock().expect("no panic").push(said.held);
        });
        (say, waiting)
    }

    #[test]
    fn a_program_waits_while_too_much_waits_to_be_shown() {
        let (say, waiting) = say();
        let count = |waiting: &Mutex<Vec<Held>>| waiting.lock().expect("no panic").len();
        while say.line("x".repeat(512), line).now_or_never().is_some() {}

        let most = MAX_WAITING_BYTES as usize / 1024;
        assert_eq!(count(&waiting), most);
        assert!(!say.event_if_room(|| panic!("there is no room")));

        waiting.lock().expect("no panic").clear();
        assert!(say.line("shown".into(), line).now_or_never().is_some());
        assert!(say.event_if_room(|| Some(line("progress".into()))));
        assert_eq!(count(&waiting), 2);
    }

    #[test]
    fn a_line_that_is_longer_than_the_bound_is_shown_alone() {
        let (say, waiting) = say();
        let long = "x".repeat(2 * MAX_WAITING_BYTES as usize);

        assert!(say.line(long, line).now_or_never().is_some());
        assert!(say.line("next".into(), line).now_or_never().is_none());
        assert_eq!(waiting.lock().expect("no panic").len(), 1);
    }
}
