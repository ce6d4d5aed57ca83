//! The live view in a terminal: below the permanent lines of the plain log, a picture of what
//! runs now, which is drawn again and again.

mod doing;
mod fit;
mod picture;
#[cfg(test)]
mod tests;
mod wrap;

pub use picture::TerminalSize;

use super::throttle::width;
use super::words;
use crate::event::{Event, EventKind, StepId};
use crate::report::reporter::Reporter;
use crate::report::text::{Style, Tone, clean, padded};
use crate::report::view::View;
use crate::secret::Redactor;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use picture::Picture;
use rustix::termios::tcgetwinsize;
use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use wrap::wrapped;

/// How often the picture is drawn, whether anything happens or not.
const DRAWING_INTERVAL: Duration = Duration::from_millis(120);

/// The size where the terminal does not know its own.
const DEFAULT_SIZE: TerminalSize = TerminalSize { columns: 80, rows: 24 };

/// What the live view is told beside the events.
#[derive(Clone, Debug, Default)]
pub struct LiveOptions {
    /// The steps whose output is shown line by line: `web.test`, or `test` in every service.
    pub logs: Vec<String>,
    /// How long the last run like this one took.
    pub expected: Option<Duration>,
    /// The command that shows the output which is left out here, in backticks.
    pub shown_by: Option<String>,
}

/// Tells the size of the terminal, which may change.
type SizeOf = Arc<dyn Fn() -> TerminalSize + Send + Sync>;

/// Where the live view is drawn.
pub struct Canvas {
    pub target: ProgressDrawTarget,
    pub size: SizeOf,
    /// Whether it is drawn between events too, with the time that has passed.
    pub ticking: bool,
}

pub struct Live {
    screen: MultiProgress,
    /// The picture as indicatif draws it: one bar of several lines.
    bar: Option<ProgressBar>,
    frame: Arc<Mutex<Frame>>,
    size: SizeOf,
    ticking: bool,
    style: Style,
    redactor: Redactor,
    options: LiveOptions,
    /// Whether something that steps wrote was not printed.
    has_left_out: bool,
}

/// What is drawn next.
#[derive(Debug, Default)]
struct Frame {
    picture: Picture,
    /// The time of the last event in the run, and when that was.
    at: Duration,
    seen: Option<Instant>,
}

impl Frame {
    fn now(&self) -> Duration {
        self.at + self.seen.map_or(Duration::ZERO, |seen| seen.elapsed())
    }
}

impl Live {
    /// Draws on standard error.
    pub fn new(style: Style, redactor: Redactor, options: LiveOptions) -> Self {
        let (target, size) = (ProgressDrawTarget::stderr(), Arc::new(size_of_stderr));
        Self::on_canvas(Canvas { target, size, ticking: true }, style, redactor, options)
    }

    pub fn on_canvas(
        canvas: Canvas,
        style: Style,
        redactor: Redactor,
        options: LiveOptions,
    ) -> Self {
        let Canvas { target, size, ticking } = canvas;
        let screen = MultiProgress::with_draw_target(target);
        let frame = Arc::default();
        let (bar, has_left_out) = (None, false);
        Self { screen, bar, frame, size, ticking, style, redactor, options, has_left_out }
    }

    fn show(&mut self, view: &View, event: &Event) -> io::Result<()> {
        match &event.kind {
            EventKind::RunFinished(_) => self.end(),
            EventKind::RunStarted(_) | EventKind::StepStarted { .. } if self.bar.is_none() => {
                self.update(view);
                self.begin();
            }
            _ => self.update(view),
        }
        let lines = self.lines(view, event);
        self.print(&lines)?;
        if let Some(bar) = &self.bar {
            bar.tick();
        }
        Ok(())
    }

    fn begin(&mut self) {
        let bar = self.screen.add(ProgressBar::new_spinner());
        let (frame, size, style) = (Arc::clone(&self.frame), Arc::clone(&self.size), self.style);
        let draw = move |_: &ProgressState, out: &mut dyn fmt::Write| {
            let frame = lock(&frame);
            let lines = frame.picture.lines(frame.now(), size(), style);
            // It writes to a buffer of indicatif.
            out.write_str(&lines.join("\n")).ok();
        };
        // The template is a constant, so it is valid.
        if let Ok(template) = ProgressStyle::with_template("{spinner} {picture}") {
            bar.set_style(template.with_key("picture", draw));
        }
        if self.ticking {
            bar.enable_steady_tick(DRAWING_INTERVAL);
        }
        self.bar = Some(bar);
    }

    fn update(&self, view: &View) {
        let picture = Picture::of(view, self.options.expected, &self.redactor);
        let seen = self.ticking.then(Instant::now);
        *lock(&self.frame) = Frame { picture, at: view.at, seen };
    }

    fn end(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
            self.screen.remove(&bar);
        }
    }

    /// The permanent lines of an event.
    fn lines(&mut self, view: &View, event: &Event) -> Vec<String> {
        match &event.kind {
            EventKind::StepStarted { .. } | EventKind::Progressed { .. } => vec![],
            EventKind::OutputLine { step, .. } | EventKind::Noted { step, .. }
                if self.leaves_out(view, step) =>
            {
                self.has_left_out = true;
                vec![]
            }
            EventKind::OutputLine { step, line, .. } => {
                let id = format!("{} │", padded(&step.to_string(), width(view)));
                let line = clean(line, self.style.color);
                vec![format!("{} {line}", self.style.paint(Tone::Quiet, &id))]
            }
            // The line of its end says the same.
            EventKind::Noted { step, .. } if says_at_its_end(view, step) => vec![],
            kind => {
                let message = words::message(view, kind);
                let lines = message.map(|message| self.fitting(view, &message));
                let shown_by = self.shown_by(kind).into_iter();
                lines.unwrap_or_default().into_iter().chain(shown_by).collect()
            }
        }
    }

    /// The lines of a message, parted where they are wider than the terminal. What programs and
    /// servers wrote stays as it is.
    fn fitting(&self, view: &View, message: &words::Message) -> Vec<String> {
        let columns = (self.size)().columns;
        let indent = message.step.as_ref().map_or(2, |_| width(view) + 2);
        let mut lines = message.lines(width(view), self.style).into_iter();
        let first = lines.next().into_iter();
        let first = first.flat_map(|line| wrapped(&self.redactor.redact(&line), columns, indent));
        let more = lines.flat_map(|line| {
            let text = line.trim_start();
            if text.starts_with('|') {
                return vec![line];
            }
            let indent = line.len() - text.len() + 2;
            wrapped(&self.redactor.redact(&line), columns, indent)
        });
        first.chain(more).collect()
    }

    /// Whether what a step tells while it runs is not printed: the picture has its last line, and
    /// the error of a step that fails has more of them.
    fn leaves_out(&self, view: &View, step: &StepId) -> bool {
        let named = |name: &String| *name == step.step || *name == step.to_string();
        let known = view.step(step).filter(|known| known.is_running());
        known.is_some_and(|known| matches!(known.planned.action.as_str(), "build" | "run"))
            && !self.options.logs.iter().any(named)
    }

    /// How the output is seen that was left out, below the end of the run.
    fn shown_by(&self, kind: &EventKind) -> Option<String> {
        let is_end = matches!(kind, EventKind::RunFinished(_));
        let command = self.options.shown_by.as_ref().filter(|_| is_end && self.has_left_out)?;
        Some(format!("    note: {command} shows what the steps wrote"))
    }

    /// Prints lines above the picture.
    fn print(&self, lines: &[String]) -> io::Result<()> {
        for line in lines {
            // indicatif drops empty lines.
            let line = if line.is_empty() { " " } else { line };
            self.screen.println(self.redactor.redact(line))?;
        }
        Ok(())
    }
}

impl Reporter for Live {
    fn on(&mut self, view: &View, event: &Event) -> io::Result<()> {
        self.show(view, event)
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.end();
    }
}

impl fmt::Debug for Live {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Live").field("frame", &self.frame).finish_non_exhaustive()
    }
}

/// Whether the end of a step says what it has noted: the names that it gave, the answer that it
/// got.
fn says_at_its_end(view: &View, step: &StepId) -> bool {
    let known = view.step(step).filter(|known| known.is_running());
    known.is_some_and(|known| matches!(known.planned.action.as_str(), "tag" | "verify"))
}

fn lock(frame: &Mutex<Frame>) -> MutexGuard<'_, Frame> {
    frame.lock().unwrap_or_else(PoisonError::into_inner)
}

fn size_of_stderr() -> TerminalSize {
    match tcgetwinsize(io::stderr()) {
        Ok(size) if size.ws_row > 0 && size.ws_col > 0 => {
            TerminalSize { columns: size.ws_col.into(), rows: size.ws_row.into() }
        }
        Ok(_) | Err(_) => DEFAULT_SIZE,
    }
}
