//! Shows a run on a thread of its own, so that a reader that stops, such as a paused
//! pager, does not hold up the run.
//!
//! The thread ends when all events are shown. What may wait for it is bounded by those
//! who send events: each may hold room until it was shown.

use super::reporter::Reporters;
use super::view::View;
use crate::event::Event;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::Duration;
use tokio::sync::oneshot;

/// How often [`Display::finish_if_taken`] looks whether the reader takes anything.
const STALL_CHECK_INTERVAL: Duration = Duration::from_secs(2);

/// The reporters of a run, on their thread. `H` is what an event holds until it was
/// shown.
pub struct Display<H> {
    view: View,
    events: Sender<(Event, H)>,
    shown: Arc<AtomicU64>,
    ended: oneshot::Receiver<()>,
}

impl<H: Send + 'static> Display<H> {
    /// Starts the thread. Without a thread, events are not shown.
    pub fn new(reporters: Reporters) -> Self {
        let (events, receiver) = mpsc::channel();
        let (ending, ended) = oneshot::channel();
        let shown = Arc::new(AtomicU64::new(0));
        let (view, count) = (reporters.view().clone(), Arc::clone(&shown));
        let thread = std::thread::Builder::new().name("reporters".into());
        // If it cannot be started, `ending` is dropped, which ends `finish` at once.
        drop(thread.spawn(move || {
            show_all(reporters, receiver, &count);
            ending.send(()).ok();
        }));
        Self { view, events, shown, ended }
    }

    /// Hands an event over, and returns at once.
    pub fn on(&mut self, event: Event, held: H) {
        self.view.apply(&event);
        self.events.send((event, held)).ok();
    }

    /// The state of the run, which may be ahead of what is shown.
    pub fn view(&self) -> &View {
        &self.view
    }

    /// Returns once every event is shown.
    pub async fn finish(self) {
        drop(self.events);
        self.ended.await.ok();
    }

    /// Returns once every event is shown, or the reader has taken none of them for two
    /// seconds.
    pub async fn finish_if_taken(self) {
        drop(self.events);
        let mut ended = self.ended;
        let mut before = self.shown.load(Ordering::Relaxed);
        while tokio::time::timeout(STALL_CHECK_INTERVAL, &mut ended).await.is_err() {
            let now = self.shown.load(Ordering::Relaxed);
            if now == before {
                return;
            }
            before = now;
        }
    }
}

impl<H> fmt::Debug for Display<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Display").field("shown", &self.shown).finish_non_exhaustive()
    }
}

fn show_all<H>(mut reporters: Reporters, events: Receiver<(Event, H)>, shown: &AtomicU64) {
    for (event, held) in events {
        reporters.on(&event);
        drop(held);
        shown.fetch_add(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::Display;
    use crate::report::testing::Captured;
    use crate::report::testing::sample::{begun, line};
    use crate::report::{Plain, Reporters, Sink, Style};
    use crate::secret::Redactor;
    use std::io::{self, Write};
    use std::sync::mpsc;

    /// A stream whose reader has stopped until a sender is dropped.
    struct Stopped(mpsc::Receiver<()>);

    impl Write for Stopped {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.recv().ok();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn display(sink: Sink) -> Display<Option<mpsc::Sender<()>>> {
        let mut reporters = Reporters::new(Redactor::default());
        reporters.add(Plain::new(sink, Style::default()));
        Display::new(reporters)
    }

    #[tokio::test]
    async fn everything_is_shown_in_order_before_the_end() {
        let captured = Captured::default();
        let mut display = display(captured.sink());
        display.on(begun("", "run"), None);
        for number in 1..=3 {
            display.on(line("", "run", &number.to_string()), None);
        }
        assert_eq!(display.view().steps.len(), 1, "known before it is shown");
        display.finish().await;

        assert_eq!(captured.text(), "run  started\nrun │ 1\nrun │ 2\nrun │ 3\n");
    }

    #[tokio::test]
    async fn a_reader_that_stops_holds_up_neither_events_nor_a_stopped_run() {
        let (resume, stopped) = mpsc::channel();
        let (room, taken) = mpsc::channel();
        let mut display = display(Sink::new(Stopped(stopped), Redactor::default()));
        display.on(begun("", "run"), None);
        display.on(line("", "run", "waits"), Some(room));
        tokio::time::pause();
        display.finish_if_taken().await;

        assert_eq!(taken.try_recv(), Err(mpsc::TryRecvError::Empty), "it was not shown");
        drop(resume);
        assert!(taken.recv().is_err(), "dropped once it was shown");
    }
}
