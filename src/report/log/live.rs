//! The live view of a terminal: a line with a spinner for each step at work,
//! and above them, for good, what the plain log says.

use super::{width, words};
use crate::report::text::{Style, Tone, clean, one_line};
use crate::report::{Reporter, View};
use crate::run::event::{Event, EventKind, StepId};
use crate::secret::Redactor;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::collections::HashMap;
use std::fmt;
use std::io;
use std::time::Duration;

/// How often a spinner turns.
const TICK: Duration = Duration::from_millis(120);

/// How many characters of an id stand beside a spinner.
const LONGEST_ID: usize = 24;

/// Draws on a terminal.
pub struct Live {
    screen: MultiProgress,
    bars: HashMap<StepId, ProgressBar>,
    style: Style,
    redactor: Redactor,
    ticking: bool,
}

impl Live {
    /// Draws on standard error.
    pub fn new(style: Style, redactor: Redactor) -> Self {
        Self::on_target(ProgressDrawTarget::stderr(), style, redactor, true)
    }

    fn on_target(
        target: ProgressDrawTarget,
        style: Style,
        redactor: Redactor,
        ticking: bool,
    ) -> Self {
        let screen = MultiProgress::with_draw_target(target);
        Self { screen, bars: HashMap::new(), style, redactor, ticking }
    }

    /// Prints lines above the spinners.
    fn print(&self, lines: &[String]) -> io::Result<()> {
        for line in lines {
            // An empty line would be dropped.
            let line = if line.is_empty() { " " } else { line };
            self.screen.println(self.redactor.redact(line))?;
        }
        Ok(())
    }

    fn begin(&mut self, view: &View, step: &StepId) {
        let (id, wide) = (shortened(&step.to_string(), LONGEST_ID), width(view));
        let bar = self.screen.add(ProgressBar::new_spinner());
        // The template is a constant, so it has no mistake to fall back for.
        if let Ok(style) = ProgressStyle::with_template("{spinner} {prefix} {wide_msg} {elapsed}") {
            bar.set_style(style);
        }
        bar.set_prefix(self.redactor.redact(&format!("{id:wide$}")));
        let title = view.step(step).map_or("", |known| known.planned.title.as_str());
        self.bars.insert(step.clone(), bar);
        self.say(step, if title == step.step { "" } else { title });
        if self.ticking
            && let Some(bar) = self.bars.get(step)
        {
            bar.enable_steady_tick(TICK);
        }
    }

    /// What stands beside the spinner.
    fn say(&self, step: &StepId, text: &str) {
        if let Some(bar) = self.bars.get(step) {
            bar.set_message(self.redactor.redact(&one_line(text)));
            bar.tick();
        }
    }

    fn end(&mut self, step: &StepId) {
        if let Some(bar) = self.bars.remove(step) {
            bar.finish_and_clear();
            self.screen.remove(&bar);
        }
    }

    fn show(&mut self, view: &View, event: &Event) -> io::Result<()> {
        match &event.kind {
            EventKind::StepStarted { step } => {
                self.begin(view, step);
                return Ok(());
            }
            EventKind::OutputLine { step, line, .. } => {
                let id = format!("{:1$} │", step.to_string(), width(view));
                let line = clean(line, self.style.color);
                return self.print(&[format!("{} {line}", self.style.paint(Tone::Quiet, &id))]);
            }
            EventKind::Progressed { step, .. } => {
                let transfer = view.step(step).and_then(|known| known.transfer);
                self.say(step, &transfer.map(|it| words::moving(&it)).unwrap_or_default());
                return Ok(());
            }
            EventKind::Noted { step, message } => self.say(step, message),
            EventKind::AttemptFailed { step, attempt, of, .. } => {
                self.say(step, &format!("waiting for attempt {} of {of}", attempt + 1));
            }
            EventKind::StepFinished { step, .. } => self.end(step),
            EventKind::RunFinished(_) => {
                let left: Vec<StepId> = self.bars.keys().cloned().collect();
                for step in &left {
                    self.end(step);
                }
            }
            EventKind::RunStarted(_)
            | EventKind::Warned { .. }
            | EventKind::RunCancelled { .. }
            | EventKind::RolledBack { .. }
            | EventKind::Reported(_) => {}
        }
        let lines = words::message(view, &event.kind)
            .map(|message| message.lines(width(view), self.style))
            .unwrap_or_default();
        self.print(&lines)
    }
}

impl Reporter for Live {
    fn on(&mut self, view: &View, event: &Event) -> io::Result<()> {
        self.show(view, event)
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        for bar in self.bars.values() {
            bar.finish_and_clear();
        }
    }
}

impl fmt::Debug for Live {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Live").field("bars", &self.bars.len()).finish_non_exhaustive()
    }
}

fn shortened(id: &str, most: usize) -> String {
    if id.chars().count() <= most {
        return id.to_owned();
    }
    let kept: String = id.chars().take(most - 1).collect();
    format!("{kept}…")
}

#[cfg(test)]
mod tests {
    use super::Live;
    use crate::report::testing::Screen;
    use crate::report::testing::sample::{
        DIGEST, at, begun, failed, failure, finished, good_end, id, line, progressed, started,
    };
    use crate::report::{Reporters, Style};
    use crate::run::event::{Event, EventKind, Outcome};
    use crate::secret::Redactor;
    use indicatif::ProgressDrawTarget;
    use std::time::Duration;

    fn shown(columns: u16, events: &[Event]) -> (Screen, Reporters) {
        let screen = Screen::new(columns);
        let target = ProgressDrawTarget::term_like(Box::new(screen.clone()));
        let redactor = Redactor::default();
        let live = Live::on_target(target, Style::default(), redactor.clone(), false);
        let mut reporters = Reporters::new(redactor);
        reporters.add(live);
        for event in events {
            reporters.on(event);
        }
        (screen, reporters)
    }

    /// The screen with spinners that do not turn and clocks that stand still.
    fn steady(screen: &Screen) -> String {
        let text = screen.text();
        let lines = text.lines().map(|line| {
            let spinner = |c: char| ('\u{2800}'..='\u{28ff}').contains(&c);
            match line.strip_prefix(spinner).and_then(|rest| rest.rsplit_once(' ')) {
                Some((rest, _elapsed)) => format!("*{} 0s", rest.trim_end()),
                None => line.to_owned(),
            }
        });
        lines.collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn steps_at_work_stand_below_what_was_said() {
        let (screen, mut reporters) = shown(
            70,
            &[
                started(),
                begun("web", "build"),
                begun("migrations", "run"),
                line("web", "build", "Compiling x"),
            ],
        );
        assert_eq!(
            steady(&screen),
            "storefront from shipway.yml, environment preview, run 01JD000000000000
0000000000
web.build      │ Compiling x
* web.build 0s
* migrations.run 0s"
        );

        reporters.on(&finished("web", "build", Outcome::Succeeded, &[("image-id", DIGEST)]));
        reporters.on(&begun("web", "push"));
        reporters.on(&progressed(2_000, 0));
        reporters.on(&progressed(4_000, 5_000_000));
        let text = steady(&screen);
        let last: Vec<&str> = text.lines().skip(3).collect();
        assert_eq!(
            last,
            [
                "web.build       ok  sha256:4f53cda18c2b…  (0.8s)",
                "* migrations.run 0s",
                "* web.push       5.0 MB of 10.0 MB, 50%, 2.5 MB/s 0s",
            ]
        );
    }

    #[test]
    fn a_retry_says_why_and_that_it_waits() {
        let (screen, _reporters) = shown(
            200,
            &[
                begun("web", "push"),
                at(
                    2_000,
                    EventKind::AttemptFailed {
                        step: id("web", "push"),
                        attempt: 1,
                        of: 4,
                        failure: failure(),
                        retry_in: Duration::from_secs(2),
                    },
                ),
            ],
        );
        let text = screen.text();
        let lines: Vec<&str> = text.lines().collect();
        assert!(
            lines[0].starts_with("web.push  retry  attempt 1 of 4 failed, next in 2.0s: push `")
        );
        assert!(lines[1].contains("web.push waiting for attempt 2 of 4"), "{}", lines[1]);
    }

    #[test]
    fn the_end_leaves_no_spinner() {
        let (screen, _reporters) = shown(
            120,
            &[
                begun("web", "live"),
                begun("web", "other"),
                finished("web", "live", failed(false), &[]),
                at(75_000, EventKind::RunFinished(good_end())),
            ],
        );
        assert_eq!(
            screen.text(),
            "web.live   failed  (0.8s)
    deploy `storefront`
      the container ended with exit code 1
        no such file `/server`
        second line
    | events:
    |   Pulled image
    | ::error::x ##[error]y
    help: build the image with `/server` in it
succeeded  (1m 15s)
    web  succeeded  http://storefront.westeurope.azurecontainer.io/  (12.3s)"
        );
    }

    #[test]
    fn a_narrow_terminal_cuts_what_moves() {
        let (screen, _reporters) = shown(
            28,
            &[started(), begun("web", "push"), progressed(2_000, 0), progressed(4_000, 5_000_000)],
        );
        let text = steady(&screen);
        let last = text.lines().last().expect("the spinner");
        assert_eq!(last, "* web.push       5.0 MB o 0s");
    }
}
