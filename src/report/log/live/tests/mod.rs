//! What the live view draws, on a screen.

mod output;
mod picture;

use super::{Live, LiveOptions};
use crate::event::{
    Event, EventKind, LayerProgress, PlannedStep, Progress, RunStarted, StepId, Verb,
};
use crate::report::testing::Screen;
use crate::report::testing::sample::{DIGEST, at, failure, run_started};
use crate::report::{Reporters, Style};
use crate::secret::Redactor;
use std::time::Duration;

/// A live view on a screen.
struct Shown {
    screen: Screen,
    reporters: Reporters,
}

impl Shown {
    fn new(columns: u16, rows: u16, options: LiveOptions) -> Self {
        let screen = Screen::new(columns, rows);
        let redactor = Redactor::default();
        redactor.adopt("secrets.token", "hunter22".to_owned());
        let mut reporters = Reporters::new(redactor.clone());
        let style = Style::default();
        reporters.add(Live::on_canvas(screen.canvas(), style, redactor, options));
        Self { screen, reporters }
    }

    fn on(&mut self, events: &[Event]) {
        for event in events {
            self.reporters.on(event);
        }
    }

    /// The screen with `*` for the spinner.
    fn text(&self) -> String {
        let is_spinner = |c: char| ('\u{2801}'..='\u{28ff}').contains(&c);
        self.screen.text().replace(is_spinner, "*")
    }

    /// The lines from the spinner on.
    fn picture(&self) -> Vec<String> {
        let text = self.text();
        text.lines().skip_while(|line| !line.starts_with("* ")).map(str::to_owned).collect()
    }
}

fn shown(columns: u16, rows: u16, events: &[Event]) -> Shown {
    let mut shown = Shown::new(columns, rows, LiveOptions::default());
    shown.on(events);
    shown
}

fn steps_started(steps: Vec<PlannedStep>) -> Event {
    at(0, EventKind::RunStarted(RunStarted { steps, ..run_started() }))
}

fn began(millis: u64, step: StepId) -> Event {
    at(millis, EventKind::StepStarted { step })
}

fn noted(millis: u64, step: StepId, message: &str) -> Event {
    at(millis, EventKind::Noted { step, message: message.into() })
}

const OTHER: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// A push of 80 MB in two layers.
fn pushed(millis: u64, step: StepId, done: u64) -> Event {
    let layer = |name: &str, done, total| LayerProgress { name: name.into(), done, total };
    let layers = vec![layer(DIGEST, done / 2, 30_000_000), layer(OTHER, done / 2, 50_000_000)];
    let progress = Progress { verb: Verb::Pushed, done, total: 80_000_000, layers };
    at(millis, EventKind::Progressed { step, progress })
}

fn retried(millis: u64, step: StepId) -> Event {
    let retry_in = Duration::from_secs(2);
    let kind = EventKind::AttemptFailed { step, attempt: 1, of: 4, failure: failure(), retry_in };
    at(millis, kind)
}
