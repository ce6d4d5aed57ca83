//! The live view in a terminal: a line with a spinner for each running step, below
//! it a line for each layer in progress, and above them the permanent lines of the
//! plain log.

use super::bars::Bars;
use super::throttle::{MAX_ID_COLUMNS, width};
use super::words;
use crate::event::{Event, EventKind, StepId};
use crate::report::reporter::Reporter;
use crate::report::text::{Style, Tone, clean, columns, one_line, padded, short_digest};
use crate::report::view::View;
use crate::secret::Redactor;
use indicatif::{MultiProgress, ProgressDrawTarget};
use std::collections::HashMap;
use std::fmt;
use std::io;

pub struct Live {
    screen: MultiProgress,
    bars: HashMap<StepId, Bars>,
    style: Style,
    redactor: Redactor,
    ticking: bool,
}

impl Live {
    /// Draws on standard error.
    pub fn new(style: Style, redactor: Redactor) -> Self {
        Self::on_target(ProgressDrawTarget::stderr(), style, redactor, true)
    }

    pub fn on_target(
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
            // indicatif drops empty lines.
            let line = if line.is_empty() { " " } else { line };
            self.screen.println(self.redactor.redact(line))?;
        }
        Ok(())
    }

    fn begin(&mut self, view: &View, step: &StepId) {
        let (id, wide) = (shortened(&step.to_string(), MAX_ID_COLUMNS), width(view));
        let bars = Bars::begin(&self.screen, &self.redactor.redact(&padded(&id, wide)));
        self.bars.insert(step.clone(), bars);
        let title = view.step(step).map_or("", |known| known.planned.title.as_str());
        self.say(step, if title == step.step { "" } else { title });
        if self.ticking
            && let Some(bars) = self.bars.get(step)
        {
            bars.turn();
        }
    }

    /// Sets the text beside the spinner.
    fn say(&self, step: &StepId, text: &str) {
        if let Some(bars) = self.bars.get(step) {
            bars.say(self.redactor.redact(&one_line(text)));
        }
    }

    /// Shows the progress of the step's transfer and of its layers.
    fn moved(&mut self, view: &View, step: &StepId) {
        let Some(transfer) = view.step(step).and_then(|known| known.transfer.as_ref()) else {
            return;
        };
        self.say(step, &words::moved(transfer, view.at));
        let layers: Vec<(String, String)> = transfer
            .under_way()
            .map(|(name, flow)| {
                let name = self.redactor.redact(&short_digest(&one_line(name)));
                (without_middle(&name, MAX_ID_COLUMNS), words::moving(flow, view.at))
            })
            .collect();
        if let Some(bars) = self.bars.get_mut(step) {
            bars.layers(&self.screen, &layers);
        }
    }

    fn end(&mut self, step: &StepId) {
        if let Some(bars) = self.bars.remove(step) {
            bars.end(&self.screen);
        }
    }

    fn show(&mut self, view: &View, event: &Event) -> io::Result<()> {
        match &event.kind {
            EventKind::StepStarted { step } => {
                self.begin(view, step);
                return Ok(());
            }
            EventKind::OutputLine { step, line, .. } => {
                let id = format!("{} │", padded(&step.to_string(), width(view)));
                let line = clean(line, self.style.color);
                return self.print(&[format!("{} {line}", self.style.paint(Tone::Quiet, &id))]);
            }
            EventKind::Progressed { step, .. } => {
                self.moved(view, step);
                return Ok(());
            }
            EventKind::Noted { step, message } => self.say(step, message),
            EventKind::AttemptFailed { step, attempt, of, .. } => {
                if let Some(bars) = self.bars.get_mut(step) {
                    bars.layers(&self.screen, &[]);
                }
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
            | EventKind::FaultMet { .. }
            | EventKind::RunCancelled { .. }
            | EventKind::RollbackFinished { .. }
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
        for (_, bars) in self.bars.drain() {
            bars.end(&self.screen);
        }
    }
}

impl fmt::Debug for Live {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Live").field("bars", &self.bars.len()).finish_non_exhaustive()
    }
}

fn shortened(id: &str, max: usize) -> String {
    if columns(id) <= max {
        return id.to_owned();
    }
    format!("{}…", prefix(id.chars(), max - 1))
}

/// Shortens a name whose end distinguishes it from others: `dist/server (2 of 3)`.
fn without_middle(name: &str, max: usize) -> String {
    if columns(name) <= max {
        return name.to_owned();
    }
    let end = prefix(name.chars().rev(), max - max / 2 - 2);
    let end: String = end.chars().rev().collect();
    format!("{}…{end}", prefix(name.chars(), max / 2 + 1))
}

/// The first characters that take at most `max` columns.
fn prefix(chars: impl Iterator<Item = char>, max: usize) -> String {
    let mut kept = String::new();
    for c in chars {
        kept.push(c);
        if columns(&kept) > max {
            kept.pop();
            break;
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::Live;
    use crate::event::{Event, EventKind, Outcome, Verb};
    use crate::report::testing::Screen;
    use crate::report::testing::sample::{
        DIGEST, at, begun, failed, failure, finished, good_end, id, line, moved, progressed,
        started, transfer,
    };
    use crate::report::{Reporters, Style};
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

    /// The screen with a constant spinner and clock.
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
    fn running_steps_are_below_the_log() {
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
                "* web.push       pushed 5.0 MB of 10.0 MB, 50%, 2.5 MB/s, 2s left 0s",
            ]
        );
    }

    #[test]
    fn layers_in_progress_are_below_their_step() {
        const OTHER: &str =
            "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        let (screen, mut reporters) = shown(
            80,
            &[
                started(),
                begun("web", "push"),
                begun("migrations", "run"),
                moved(2_000, 0, &[(DIGEST, 0), (OTHER, 0)]),
                moved(3_000, 2_000_000, &[(DIGEST, 1_500_000), (OTHER, 500_000)]),
            ],
        );
        let below = |screen: &Screen| -> Vec<String> {
            steady(screen).lines().skip(1).map(str::to_owned).collect()
        };
        assert_eq!(
            below(&screen),
            [
                "* web.push       pushed 2.0 MB of 10.0 MB, 20%, 2.0 MB/s, 4s left 0s",
                "  sha256:4f53cda18c2b…  1.5 MB of 6.0 MB, 25%, 1.5 MB/s, 3s left",
                "  sha256:e3b0c44298fc…  500.0 kB of 4.0 MB, 12%, 500.0 kB/s, 7s left",
                "* migrations.run 0s",
            ]
        );

        reporters.on(&moved(6_000, 9_000_000, &[(DIGEST, 6_000_000), (OTHER, 3_000_000)]));
        assert_eq!(
            below(&screen),
            [
                "* web.push       pushed 9.0 MB of 10.0 MB, 90%, 2.3 MB/s, 1s left 0s",
                "  sha256:e3b0c44298fc…  3.0 MB of 4.0 MB, 75%, 750.0 kB/s, 2s left",
                "* migrations.run 0s",
            ]
        );

        reporters.on(&at(
            7_000,
            EventKind::AttemptFailed {
                step: id("web", "push"),
                attempt: 1,
                of: 4,
                failure: failure(),
                retry_in: Duration::from_secs(2),
            },
        ));
        let text = below(&screen);
        assert_eq!(
            text[text.len() - 2..],
            ["* web.push       waiting for attempt 2 of 4 0s", "* migrations.run 0s"]
        );
    }

    #[test]
    fn a_build_pulls_and_then_packs() {
        let (screen, mut reporters) = shown(
            80,
            &[
                started(),
                begun("web", "build"),
                transfer(2_000, Verb::Pulled, (0, 10_000_000), &[(DIGEST, 0)]),
                transfer(3_000, Verb::Pulled, (2_000_000, 10_000_000), &[(DIGEST, 2_000_000)]),
            ],
        );
        let below = |screen: &Screen| -> Vec<String> {
            steady(screen).lines().skip(1).map(str::to_owned).collect()
        };
        assert_eq!(
            below(&screen),
            [
                "* web.build      pulled 2.0 MB of 10.0 MB, 20%, 2.0 MB/s, 4s left 0s",
                "  sha256:4f53cda18c2b…  2.0 MB of 6.0 MB, 33%, 2.0 MB/s, 2s left",
            ]
        );

        let copy = "COPY --chown=app:averylonggroup dist /srv";
        let layers = [("dist/server", 1_000_000), (copy, 500_000)];
        reporters.on(&transfer(4_000, Verb::Packed, (1_500_000, 8_000_000), &layers));
        assert_eq!(
            below(&screen),
            [
                "* web.build      packed 1.5 MB of 8.0 MB, 18% 0s",
                "  dist/server  1.0 MB of 4.0 MB, 25%",
                "  COPY --chown=… dist /srv  500.0 kB of 4.0 MB, 12%",
            ]
        );
    }

    #[test]
    fn the_number_of_layer_lines_is_limited() {
        let names: Vec<String> = (0..9).map(|number| format!("layer {number}")).collect();
        let layers: Vec<(&str, u64)> = names.iter().map(|name| (name.as_str(), 1_000)).collect();
        let (screen, _reporters) =
            shown(80, &[started(), begun("web", "push"), moved(2_000, 9_000, &layers)]);
        let text = steady(&screen);
        let shown: Vec<&str> = text.lines().skip(2).collect();
        assert_eq!(
            shown,
            [
                "  layer 0  1.0 kB of 4.0 MB, 0%",
                "  layer 1  1.0 kB of 4.0 MB, 0%",
                "  layer 2  1.0 kB of 4.0 MB, 0%",
                "  layer 3  1.0 kB of 4.0 MB, 0%",
                "  layer 4  1.0 kB of 4.0 MB, 0%",
                "  layer 5  1.0 kB of 4.0 MB, 0%",
                "  and 3 more",
            ]
        );
    }

    #[test]
    fn a_retry_shows_its_reason_and_the_wait() {
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
            lines[0]
                .starts_with("web.push  retry  attempt 1 of 4 failed, next in 2.0s: cannot push `")
        );
        assert!(lines[1].contains("web.push waiting for attempt 2 of 4"), "{}", lines[1]);
    }

    #[test]
    fn the_end_removes_spinners() {
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
    fn a_narrow_terminal_shortens_progress() {
        let (screen, _reporters) = shown(
            28,
            &[started(), begun("web", "push"), progressed(2_000, 0), progressed(4_000, 5_000_000)],
        );
        let text = steady(&screen);
        let last = text.lines().last().expect("the spinner");
        assert_eq!(last, "* web.push       pushed 5 0s");
    }
}
