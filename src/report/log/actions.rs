//! The log of a job in GitHub Actions: a group per step and an annotation for each
//! failed step. Output of children is escaped, so that the runner reads no command
//! in it.
//!
//! Groups do not nest and steps may run in parallel, so the group of one step is
//! open at a time. The lines of other steps wait until it is closed; a step that
//! ends is shown at once. A group that is opened again is marked "(continued)".

use super::throttle::{Throttle, width};
use super::words::{self, Message};

use crate::event::{Event, EventKind, Failure, Outcome, RunFinished, StepId};
use crate::github::actions::{Annotation, Level, child_lines, end_group, group, own_lines};
use crate::report::reporter::Reporter;
use crate::report::sink::Sink;
use crate::report::text::{Style, clean, one_line};
use crate::report::view::View;
use std::collections::{BTreeMap, BTreeSet};
use std::io;

/// GitHub shows as many errors of a step.
const MAX_ANNOTATIONS: usize = 10;

/// If more lines of a step wait, its group is opened although another one is open.
const MAX_WAITING_LINES: usize = 1_000;

/// The same for the bytes of these lines.
const MAX_WAITING_BYTES: usize = 1024 * 1024;

/// The details of a failure that its annotation shows.
const MAX_ANNOTATION_LINES: usize = 20;

#[derive(Debug)]
pub struct ActionsLog {
    sink: Sink,
    style: Style,
    open: Option<StepId>,
    waiting: BTreeMap<StepId, Vec<String>>,
    /// The steps whose group has been opened before.
    seen: BTreeSet<StepId>,
    throttle: Throttle,
}

impl ActionsLog {
    pub fn new(sink: Sink, style: Style) -> Self {
        Self {
            sink,
            style,
            open: None,
            waiting: BTreeMap::new(),
            seen: BTreeSet::new(),
            throttle: Throttle::default(),
        }
    }

    fn lines(&mut self, view: &View, event: &Event) -> Vec<String> {
        match &event.kind {
            EventKind::StepStarted { step } => {
                if self.open.is_none() {
                    self.opened(view, step)
                } else {
                    vec![]
                }
            }
            EventKind::OutputLine { step, line, .. } => {
                self.inside(view, step, child_lines(&clean(line, true)))
            }
            EventKind::Progressed { step, .. } => match self.throttle.progress(view, step) {
                Some(moving) => self.inside(view, step, own_lines(&moving)),
                None => vec![],
            },
            EventKind::Noted { step, .. } | EventKind::AttemptFailed { step, .. } => {
                let message = words::message(view, &event.kind).unwrap_or_default();
                let bare = Message { step: None, ..message };
                self.inside(view, step, self.shown(view, &bare))
            }
            EventKind::StepFinished { step, outcome, .. } => {
                let message = words::message(view, &event.kind).unwrap_or_default();
                let mut lines = self.ended(view, step);
                lines.extend(self.shown(view, &message));
                lines.extend(annotation(step, outcome));
                lines.extend(self.next(view));
                lines
            }
            EventKind::RollbackFinished { rollback, .. } => {
                let message = words::message(view, &event.kind).unwrap_or_default();
                let mut lines = self.ended(view, &rollback.step);
                lines.extend(self.shown(view, &message));
                lines.extend(rollback.outcome.failure().map(|failure| {
                    let title = format!("the rollback of {} failed", rollback.step);
                    of_failure(&title, failure, false)
                }));
                lines.extend(self.next(view));
                lines
            }
            EventKind::Warned { step, message } => {
                let title = step.as_ref().map(ToString::to_string);
                vec![plain_annotation(Level::Warning, title.as_deref(), &one_line(message))]
            }
            EventKind::RunFinished(finished) if finished.is_refused() => refusals(view, finished),
            EventKind::FaultMet { .. } => {
                let message = words::message(view, &event.kind).unwrap_or_default();
                self.shown(view, &message)
            }
            EventKind::RunStarted(_)
            | EventKind::RunCancelled { .. }
            | EventKind::Reported(_)
            | EventKind::RunFinished(_) => {
                let mut lines = self.closed();
                let message = words::message(view, &event.kind).unwrap_or_default();
                lines.extend(self.shown(view, &message));
                lines
            }
        }
    }

    fn shown(&self, view: &View, message: &Message) -> Vec<String> {
        message.lines(width(view), self.style).iter().flat_map(|line| own_lines(line)).collect()
    }

    /// Shows lines of a step, or lets them wait for its group.
    fn inside(&mut self, view: &View, step: &StepId, lines: Vec<String>) -> Vec<String> {
        if self.open.as_ref() == Some(step) {
            return lines;
        }
        let waiting = self.waiting.entry(step.clone()).or_default();
        waiting.extend(lines);
        let bytes: usize = waiting.iter().map(String::len).sum();
        if self.open.is_none() || waiting.len() > MAX_WAITING_LINES || bytes > MAX_WAITING_BYTES {
            return self.opened(view, step);
        }
        vec![]
    }

    /// Opens the group of a step and shows its waiting lines.
    fn opened(&mut self, view: &View, step: &StepId) -> Vec<String> {
        let mut lines = self.closed();
        let title = view.step(step).map_or("", |known| known.planned.title.as_str());
        let title = if title.is_empty() || title == step.step {
            step.to_string()
        } else {
            format!("{step}: {}", one_line(title))
        };
        let again = if self.seen.insert(step.clone()) { "" } else { " (continued)" };
        lines.push(group(&format!("{title}{again}")));
        lines.extend(self.waiting.remove(step).unwrap_or_default());
        self.open = Some(step.clone());
        lines
    }

    fn closed(&mut self) -> Vec<String> {
        self.open.take().map(|_| end_group()).into_iter().collect()
    }

    /// Shows the waiting lines of a step that ended, then closes the open group.
    fn ended(&mut self, view: &View, step: &StepId) -> Vec<String> {
        let waits = self.waiting.get(step).is_some_and(|lines| !lines.is_empty());
        let mut lines = if waits { self.opened(view, step) } else { vec![] };
        self.waiting.remove(step);
        lines.extend(self.closed());
        lines
    }

    /// Opens the group of the longest-running step with waiting lines.
    fn next(&mut self, view: &View) -> Vec<String> {
        let running = view.running();
        let mut ids = running.iter().map(|step| &step.planned.id);
        let next = ids.find(|id| self.waiting.contains_key(id)).cloned();
        next.map(|step| self.opened(view, &step)).unwrap_or_default()
    }
}

impl Reporter for ActionsLog {
    fn on(&mut self, view: &View, event: &Event) -> io::Result<()> {
        let lines = self.lines(view, event);
        self.sink.lines(lines.iter().map(String::as_str))
    }
}

/// The annotation of a failed step, at its position in the plan.
fn annotation(step: &StepId, outcome: &Outcome) -> Option<String> {
    match outcome {
        Outcome::Failed { failure, tolerated } => {
            Some(of_failure(&format!("{step} failed"), failure, *tolerated))
        }
        Outcome::TimedOut { failure, tolerated, .. } => {
            Some(of_failure(&format!("{step} timed out"), failure, *tolerated))
        }
        Outcome::Succeeded
        | Outcome::AlreadyDone
        | Outcome::Skipped { .. }
        | Outcome::Cancelled => None,
    }
}

/// The annotations of a run that was refused. GitHub keeps ten of a step, so the
/// last one counts those that are left out.
fn refusals(view: &View, finished: &RunFinished) -> Vec<String> {
    let RunFinished { refusals, is_resumed, .. } = finished;
    let plan = view.started.as_ref().map_or("the plan", |started| started.plan.as_str());
    let run = if *is_resumed { "resumed" } else { "run" };
    let title = format!("{} was not {run}", one_line(plan));
    let shown = match refusals.len() {
        count @ 0..=MAX_ANNOTATIONS => count,
        _ => MAX_ANNOTATIONS - 1,
    };
    // The annotation stands beside the line that the details would show again.
    let annotate = |failure: &Failure| annotation_of(&title, failure, Level::Error, Vec::new());
    let mut lines: Vec<String> = refusals[..shown].iter().map(annotate).collect();
    if let more @ 1.. = refusals.len() - shown {
        let message = format!("{more} more errors are in the log");
        lines.push(plain_annotation(Level::Error, Some(&title), &message));
    }
    lines
}

fn of_failure(title: &str, failure: &Failure, tolerated: bool) -> String {
    let level = if tolerated { Level::Warning } else { Level::Error };
    annotation_of(title, failure, level, last_details(failure))
}

fn annotation_of(title: &str, failure: &Failure, level: Level, details: Vec<String>) -> String {
    let mut message = words::causes(failure);
    message.extend(details);
    message.extend(failure.help.as_ref().map(|help| format!("help: {}", one_line(help))));
    let place = failure.place.as_ref();
    Annotation {
        level,
        title: Some(title),
        file: place.map(|place| place.file.as_str()),
        line: place.map(|place| place.line),
        column: place.map(|place| place.column),
        message: &message.join("\n"),
    }
    .to_string()
}

/// The end of the details: an annotation stands beside the plan, where there is
/// little room, and the log has all of them.
fn last_details(failure: &Failure) -> Vec<String> {
    let lines = failure.details.iter().flat_map(|detail| detail.lines());
    let lines: Vec<String> = lines.map(|line| format!("  {}", clean(line, false))).collect();
    lines[lines.len().saturating_sub(MAX_ANNOTATION_LINES)..].to_vec()
}

fn plain_annotation(level: Level, title: Option<&str>, message: &str) -> String {
    Annotation { level, title, file: None, line: None, column: None, message }.to_string()
}

#[cfg(test)]
mod tests {
    use super::ActionsLog;
    use crate::event::{CancelReason, Event, EventKind, Failure, Outcome};
    use crate::report::testing::Captured;
    use crate::report::testing::sample::{
        at, bad_end, begun, failed, failure, finished, id, line, progressed, reported, run_started,
        started,
    };
    use crate::report::{Reporters, Style};
    use crate::secret::Redactor;
    use std::time::Duration;

    fn written(events: &[Event]) -> String {
        let captured = Captured::default();
        let mut reporters = Reporters::new(Redactor::default());
        reporters.add(ActionsLog::new(captured.sink(), Style::default()));
        reporters.on(&started());
        for event in events {
            reporters.on(event);
        }
        let text = captured.text();
        text.split_once('\n').map(|(_, rest)| rest.to_owned()).unwrap_or_default()
    }

    fn ok(service: &str, step: &str) -> Event {
        finished(service, step, Outcome::Succeeded, &[])
    }

    #[test]
    fn a_step_is_a_group() {
        assert_eq!(
            written(&[
                begun("web", "build"),
                line("web", "build", "Compiling x"),
                at(1, EventKind::Noted { step: id("web", "build"), message: "::error::x".into() }),
                ok("web", "build"),
                begun("web", "push"),
                ok("web", "push"),
            ]),
            "::group::web.build
│ Compiling x
│ ::error::x
::endgroup::
web.build       ok  (0.8s)
::group::web.push
::endgroup::
web.push        ok  (0.8s)
"
        );
    }

    #[test]
    fn the_group_shows_the_title() {
        let captured = Captured::default();
        let mut reporters = Reporters::new(Redactor::default());
        reporters.add(ActionsLog::new(captured.sink(), Style::default()));
        let mut start = run_started();
        start.steps[0].title = "Build 100%\n::error::x".into();
        reporters.on(&at(0, EventKind::RunStarted(start)));
        reporters.on(&begun("web", "build"));
        assert!(
            captured.text().ends_with("\n::group::web.build: Build 100%25 ::error::x\n"),
            "{}",
            captured.text()
        );
    }

    #[test]
    fn output_of_children_is_not_read_as_commands() {
        assert_eq!(
            written(&[
                line("web", "build", "::add-mask::e"),
                line("web", "build", "  ##[group]x \u{1b}[31mred"),
                line("web", "build", "x\r::warning::y"),
            ]),
            "::group::web.build
│ ::add-mask::e
│   ## [group]x \u{1b}[31mred\u{1b}[0m
│ ::warning::y
"
        );
    }

    #[test]
    fn a_failure_is_outside_of_groups_and_annotated_once() {
        assert_eq!(
            written(&[
                begun("web", "live"),
                at(
                    1_500,
                    EventKind::AttemptFailed {
                        step: id("web", "live"),
                        attempt: 1,
                        of: 2,
                        failure: failure(),
                        retry_in: Duration::from_secs(1),
                    }
                ),
                finished("web", "live", failed(false), &[]),
            ]),
            "::group::web.live
retry  attempt 1 of 2 failed, next in 1.0s: cannot push `storefront.azurecr.io/web`: PUT https://storefront.azurecr.io/v2/web/manifests/1: 503: busy
::endgroup::
web.live        failed  (0.8s)
    deploy `storefront`
      the container ended with exit code 1
        no such file `/server`
        second line
    | events:
    |   Pulled image
    | ::error::x ## [error]y
    help: build the image with `/server` in it
::error title=web.live failed,file=deploy/shipway.yml,line=12,col=9::deploy `storefront`%0A  the container ended with exit code 1%0A    no such file `/server`%0A    second line%0A  events:%0A    Pulled image%0A  ::error::x ##[error]y%0Ahelp: build the image with `/server` in it
"
        );
    }

    #[test]
    fn an_annotation_has_the_last_lines_of_the_details() {
        let details = (1..=25).map(|number| format!("line {number}")).collect();
        let failure = Failure { chain: vec!["it broke".into()], details, ..Failure::default() };
        let outcome = Outcome::Failed { failure, tolerated: false };
        let text = written(&[finished("web", "live", outcome, &[])]);
        let annotation = text.lines().last().expect("an annotation");
        let start = "::error title=web.live failed::it broke%0A  line 6%0A  line 7%0A";
        assert!(annotation.starts_with(start), "{annotation}");
        assert!(annotation.ends_with("%0A  line 25"), "{annotation}");
    }

    #[test]
    fn a_tolerated_failure_is_a_warning_and_a_timeout_an_error() {
        let text = written(&[finished("web", "live", failed(true), &[])]);
        assert!(text.contains("::warning title=web.live failed,file=deploy/shipway.yml"), "{text}");
        assert_eq!(
            written(&[finished("web", "live", Outcome::timed_out(Duration::from_mins(10)), &[])]),
            "web.live        timed out  after 10m 00s  (0.8s)
::error title=web.live timed out::it took longer than 600 s
"
        );
    }

    #[test]
    fn one_group_is_open_and_a_step_that_ends_is_shown() {
        assert_eq!(
            written(&[
                begun("web", "build"),
                begun("migrations", "run"),
                line("web", "build", "one"),
                line("migrations", "run", "up"),
                ok("migrations", "run"),
                line("web", "build", "two"),
                ok("web", "build"),
            ]),
            "::group::web.build
│ one
::endgroup::
::group::migrations.run
│ up
::endgroup::
migrations.run  ok  (0.8s)
::group::web.build (continued)
│ two
::endgroup::
web.build       ok  (0.8s)
"
        );
    }

    #[test]
    fn the_group_of_a_waiting_step_is_opened_next() {
        assert_eq!(
            written(&[
                begun("web", "build"),
                begun("migrations", "run"),
                line("migrations", "run", "up"),
                ok("web", "build"),
                line("migrations", "run", "done"),
            ]),
            "::group::web.build
::endgroup::
web.build       ok  (0.8s)
::group::migrations.run
│ up
│ done
"
        );
    }

    #[test]
    fn the_number_of_waiting_lines_is_limited() {
        let mut events = vec![begun("web", "build")];
        events.extend((0..1_001).map(|_| line("migrations", "run", "x")));
        let text = written(&events);
        assert!(
            text.starts_with("::group::web.build\n::endgroup::\n::group::migrations.run\n│ x\n")
        );
        assert_eq!(text.matches("│ x\n").count(), 1_001);
    }

    #[test]
    fn other_events_are_outside_of_groups() {
        assert_eq!(
            written(&[
                begun("web", "push"),
                progressed(5_000, 0),
                progressed(11_000, 5_000_000),
                at(
                    1,
                    EventKind::Warned { step: Some(id("web", "push")), message: "a: b, c%".into() }
                ),
                at(1, EventKind::Warned { step: None, message: "no `bash`".into() }),
                at(1, EventKind::RunCancelled { reason: CancelReason::Terminated }),
                reported(false),
                at(75_000, EventKind::RunFinished(bad_end())),
            ]),
            "::group::web.push
pushed 5.0 MB of 10.0 MB, 50%, 833.3 kB/s, 7s left
::warning title=web.push::a: b, c%25
::warning::no `bash`
::endgroup::
stopping: received SIGTERM, cleaning up
comment on the pull request: https://github.com/o/r/pull/1#issuecomment-41
failed  (1m 15s)
    web         succeeded                 http://storefront.westeurope.azurecontainer.io/  (12.3s)
    migrations  failed at migrations.run  (1m 15s)
    note: the placeholder of `acr-password` was used
"
        );
    }
}
