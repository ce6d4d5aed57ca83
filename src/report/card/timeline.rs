//! When each step ran, as a chart that GitHub draws from text in the summary of a job.

use crate::event::Outcome;
use crate::report::view::{StepProgress, StepView, View};
use std::time::Duration;

/// Mermaid draws no text of more than 50,000 characters, and a taller chart is not read.
const MAX_BARS: usize = 100;
const MAX_NAME_CHARS: usize = 40;

/// The time of a step.
#[derive(Clone, Debug)]
pub(super) struct Bar {
    service: String,
    name: String,
    /// Its colour, a word of Mermaid.
    kind: &'static str,
    from: Duration,
    to: Duration,
}

/// The steps that ran, in the order of the plan.
pub(super) fn bars(view: &View) -> Vec<Bar> {
    view.steps.iter().filter_map(|step| bar(step, view.at)).collect()
}

fn bar(step: &StepView, now: Duration) -> Option<Bar> {
    let from = whole(step.began?);
    let (kind, took) = match &step.state {
        StepProgress::Waiting => return None,
        StepProgress::Running | StepProgress::Pausing { .. } => ("active", None),
        StepProgress::Finished { outcome, took } => (kind(outcome)?, Some(*took)),
    };
    let to = took.map_or(whole(now), |took| from.saturating_add(whole(took))).max(from);
    let service = name(&step.planned.id.service);
    Some(Bar { service, name: name(&step.planned.id.step), kind, from, to })
}

/// As the events of a run keep it, from which the chart is drawn again.
fn whole(time: Duration) -> Duration {
    Duration::from_millis(u64::try_from(time.as_millis()).unwrap_or(u64::MAX))
}

fn kind(outcome: &Outcome) -> Option<&'static str> {
    match outcome {
        Outcome::Succeeded => Some("done"),
        Outcome::Failed { .. } | Outcome::TimedOut { .. } => Some("crit"),
        Outcome::Cancelled => Some("active"),
        // They have no time of their own.
        Outcome::AlreadyDone | Outcome::Skipped { .. } => None,
    }
}

/// A name without what is syntax in a chart.
fn name(text: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "-_.".contains(c);
    text.chars().take(MAX_NAME_CHARS).map(|c| if is_plain(c) { c } else { '_' }).collect()
}

/// The chart. Empty for less than two steps, which the table says as well.
pub(super) fn draw(bars: &[Bar]) -> String {
    if bars.len() < 2 {
        return String::new();
    }
    let mut service = "";
    let lines = bars.iter().take(MAX_BARS).map(|Bar { service: of, name, kind, from, to }| {
        let is_new = of != service;
        service = of;
        let section = if is_new { format!("  section {of}\n") } else { String::new() };
        // A bar of no length is not drawn.
        let to = to.as_millis().max(from.as_millis() + 1);
        format!("{section}  {name} :{kind}, {}, {to}\n", from.as_millis())
    });
    let lines: String = lines.collect();
    let more = match bars.len().saturating_sub(MAX_BARS) {
        0 => String::new(),
        more => format!("_{more} more steps are in the table._\n\n"),
    };
    format!(
        "\n<details><summary>Timeline</summary>\n\n```mermaid\ngantt\n  dateFormat x\n  axisFormat %M:%S\n{lines}```\n\n{more}</details>\n"
    )
}

#[cfg(test)]
mod tests {
    use super::{bars, draw};
    use crate::event::{EventKind, Outcome};
    use crate::report::View;
    use crate::report::testing::sample::{at, begun, failed, finished, run_started};

    fn drawn(events: &[crate::event::Event]) -> String {
        let mut view = View::default();
        view.apply(&at(0, EventKind::RunStarted(run_started())));
        for event in events {
            view.apply(event);
        }
        draw(&bars(&view))
    }

    #[test]
    fn steps_are_bars_by_service() {
        let skipped = Outcome::Skipped { because: "x".into() };
        assert_eq!(
            drawn(&[
                begun("web", "build"),
                finished("web", "build", Outcome::Succeeded, &[]),
                begun("web", "push"),
                finished("web", "push", failed(false), &[]),
                finished("web", "live", skipped, &[]),
                begun("migrations", "run"),
                at(9_000, EventKind::RunCancelled { reason: crate::event::CancelReason::Killed }),
            ]),
            "
<details><summary>Timeline</summary>

```mermaid
gantt
  dateFormat x
  axisFormat %M:%S
  section web
  build :done, 1000, 1800
  push :crit, 1000, 1800
  section migrations
  run :active, 1000, 9000
```

</details>
"
        );
        assert_eq!(drawn(&[begun("web", "build")]), "");
    }

    #[test]
    fn name_cannot_be_syntax_and_many_steps_are_cut() {
        let mut start = run_started();
        let step = start.steps[0].clone();
        start.steps = (0..150)
            .map(|number| {
                let mut step = step.clone();
                step.id.service = "a: b\n```".into();
                step.id.step = format!("x;#{number}");
                step
            })
            .collect();
        let mut view = View::default();
        view.apply(&at(0, EventKind::RunStarted(start.clone())));
        for step in &start.steps {
            view.apply(&at(5, EventKind::StepStarted { step: step.id.clone() }));
        }
        let chart = draw(&bars(&view));
        assert!(chart.contains("  section a__b____\n  x__0 :active, 5, 6\n"), "{chart}");
        assert!(chart.contains("  x__99 ") && !chart.contains("x__100 "), "{chart}");
        assert!(chart.contains("_50 more steps are in the table._"), "{chart}");
    }
}
