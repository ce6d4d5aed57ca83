//! What the live view shows of a run, as lines: the run as a whole, the services that run, the
//! longest in its step first, and below each the layers that move.
//!
//! Pure: the time and the size of the terminal are arguments.

use super::doing::{doing, moving};
use super::fit::{cut, filled, width, without_middle};
use crate::event::Outcome;
use crate::report::log::throttle::MAX_ID_COLUMNS;
use crate::report::text::{Style, Tone, left, one_line, short_digest, span};
use crate::report::transfer::Transfer;
use crate::report::view::{StepProgress, StepView, View};
use crate::secret::Redactor;
use crate::value::counted;
use std::time::Duration;

/// Rows of the terminal that are left to what is above the picture.
const ROWS_ABOVE: usize = 2;

/// Columns that stay free at the end of lines: the `^C` that a terminal writes behind the last one
/// would begin another line, which would not be removed.
const FREE_COLUMNS: usize = 2;

/// Times at the end of lines stay near their text in a wide terminal.
const MAX_LINE_COLUMNS: usize = 100;

/// Layers of one step that have a line. On a fast network more move, but change too fast to
/// be read.
const MAX_LAYER_LINES: usize = 6;

/// A narrower terminal has no room for services.
const MIN_COLUMNS: usize = 16;

/// Added to a time, rounds it up to whole seconds.
const ALMOST_A_SECOND: Duration = Duration::from_millis(999);

/// Services with a line in the highest terminal.
const MAX_SERVICES: usize = 100;

/// The size of a terminal.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct TerminalSize {
    pub columns: usize,
    pub rows: usize,
}

/// The content of the picture, without the time.
#[derive(Clone, Debug, Default)]
pub(super) struct Picture {
    done: usize,
    failed: usize,
    skipped: usize,
    all: usize,
    /// How long the last run like this one took.
    expected: Option<Duration>,
    /// The longest in its step first.
    services: Vec<RunningService>,
    /// Those that run beside `services`.
    others: usize,
}

#[derive(Clone, Debug)]
struct RunningService {
    name: String,
    doing: String,
    /// When its step began.
    since: Duration,
    layers: Vec<String>,
}

impl Picture {
    pub(super) fn of(view: &View, expected: Option<Duration>, redactor: &Redactor) -> Self {
        let running = view.running();
        let ended = |is: fn(&Outcome) -> bool| {
            let steps = view.steps.iter();
            let of = |step: &&StepView| matches!(&step.state, StepProgress::Finished { outcome, .. } if is(outcome));
            steps.filter(of).count()
        };
        let service = |step: &&StepView| RunningService::of(view, step, redactor);
        Self {
            done: ended(|outcome| matches!(outcome, Outcome::Succeeded | Outcome::AlreadyDone)),
            failed: ended(|outcome| {
                matches!(outcome, Outcome::Failed { .. } | Outcome::TimedOut { .. })
            }),
            skipped: ended(|outcome| {
                matches!(outcome, Outcome::Skipped { .. } | Outcome::Cancelled)
            }),
            all: view.steps.len(),
            expected,
            services: running.iter().take(MAX_SERVICES).map(service).collect(),
            others: running.len().saturating_sub(MAX_SERVICES),
        }
    }

    /// The lines, none of which is wider than the terminal. The first has two columns less, for
    /// a spinner before it.
    pub(super) fn lines(&self, now: Duration, size: TerminalSize, style: Style) -> Vec<String> {
        let columns = size.columns.saturating_sub(2 + FREE_COLUMNS).min(MAX_LINE_COLUMNS);
        let rows = size.rows.saturating_sub(ROWS_ABOVE).max(1);
        let mut lines = vec![cut(&self.total(now), columns)];
        if columns < MIN_COLUMNS {
            return lines;
        }
        let room = rows - 1;
        let running = self.services.len() + self.others;
        let shown = if running > room { room.saturating_sub(1) } else { running };
        let shown = &self.services[..shown.min(self.services.len())];
        let more = running - shown.len();
        let mut spare = room.saturating_sub(shown.len() + usize::from(more > 0));
        let table = Table::of(shown, now, columns);
        for service in shown {
            lines.push(format!("  {}", table.line(service, now, style)));
            let layers = layer_lines(&service.layers, spare);
            spare -= layers.len();
            let columns = columns.saturating_sub(2);
            lines.extend(layers.iter().map(|layer| format!("    {}", cut(layer, columns))));
        }
        if more > 0 && room > 0 {
            lines.push(format!("  {}", cut(&format!("and {more} more"), columns)));
        }
        lines
    }

    /// Such as `4 of 30 steps done, 1 failed, 12s, about 1m 00s left`.
    fn total(&self, now: Duration) -> String {
        let steps = counted(self.all, "step", "steps");
        let rest = match self.expected {
            Some(expected) if expected > now => {
                let rest = (expected.saturating_sub(now) + ALMOST_A_SECOND).as_secs();
                format!(", about {} left", left(Duration::from_secs(rest)))
            }
            Some(expected) => format!(", took {} last time", span(expected)),
            None => String::new(),
        };
        let other = [(self.failed, "failed"), (self.skipped, "skipped")];
        let other = other.into_iter().filter(|(count, _)| *count > 0);
        let other = other.flat_map(|(count, word)| [count.to_string(), format!(" {word}, ")]);
        format!("{} of {steps} done, {}{}{rest}", self.done, other.collect::<String>(), left(now))
    }
}

impl RunningService {
    fn of(view: &View, step: &StepView, redactor: &Redactor) -> Self {
        let plan = view.started.as_ref().map_or("run", |started| started.plan.as_str());
        let id = &step.planned.id;
        let name = if id.service.is_empty() { plan } else { &id.service };
        let transfer = step.transfer.as_ref();
        let layers = transfer.into_iter().flat_map(Transfer::under_way);
        let layers = layers.map(|(name, flow)| {
            let name = redactor.redact(&short_digest(&one_line(name)));
            format!("{}  {}", without_middle(&name, MAX_ID_COLUMNS), moving(flow, view.at))
        });
        Self {
            // What is cut later is masked before: a part of a secret would not be found.
            name: redactor.redact(&one_line(name)),
            doing: redactor.redact(&doing(step, view.at)),
            since: step.began.unwrap_or(view.at),
            layers: layers.collect(),
        }
    }

    fn elapsed(&self, now: Duration) -> String {
        left(now.saturating_sub(self.since))
    }
}

/// The columns of the lines of services.
struct Table {
    /// Up to the colon behind the name.
    names: usize,
    /// Up to the time.
    text: usize,
    times: usize,
}

impl Table {
    fn of(services: &[RunningService], now: Duration, columns: usize) -> Self {
        let widest = |of: &dyn Fn(&RunningService) -> usize| {
            services.iter().map(of).max().unwrap_or_default()
        };
        let names = widest(&|service| width(&service.name)).min(MAX_ID_COLUMNS).min(columns / 3);
        let times = widest(&|service| width(&service.elapsed(now)));
        Self { names: names + 1, text: columns.saturating_sub(times + 2), times }
    }

    fn line(&self, service: &RunningService, now: Duration, style: Style) -> String {
        let name = filled(&format!("{}:", cut(&service.name, self.names - 1)), self.names);
        let rest = self.text.saturating_sub(self.names + 1);
        let doing = filled(&cut(&service.doing, rest), rest);
        let (elapsed, times) = (service.elapsed(now), self.times);
        let (name, elapsed) = (style.paint(Tone::Strong, &name), format!("{elapsed:>times$}"));
        format!("{name} {doing}  {}", style.paint(Tone::Quiet, &elapsed))
    }
}

/// The lines of a step's layers, as far as there is room for them.
fn layer_lines(layers: &[String], room: usize) -> Vec<String> {
    let most = MAX_LAYER_LINES + 1;
    if layers.len() <= room.min(MAX_LAYER_LINES) {
        return layers.to_vec();
    }
    let Some(shown) = room.min(most).checked_sub(1).filter(|shown| *shown > 0) else {
        return Vec::new();
    };
    let more = layers.len() - shown;
    layers[..shown].iter().cloned().chain([format!("and {more} more")]).collect()
}
