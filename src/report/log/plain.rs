//! The plain log: a line per event, for files and simple terminals.

use super::throttle::{Throttle, width};
use super::words;
use crate::event::{Event, EventKind};
use crate::report::reporter::Reporter;
use crate::report::sink::Sink;
use crate::report::text::{Style, Tone, clean, padded};
use crate::report::view::View;
use std::io;

#[derive(Debug)]
pub struct Plain {
    sink: Sink,
    style: Style,
    throttle: Throttle,
}

impl Plain {
    pub fn new(sink: Sink, style: Style) -> Self {
        Self { sink, style, throttle: Throttle::default() }
    }

    fn lines(&mut self, view: &View, event: &Event) -> Vec<String> {
        let width = width(view);
        match &event.kind {
            EventKind::OutputLine { step, line, .. } => {
                let id = format!("{} │", padded(&step.to_string(), width));
                let id = self.style.paint(Tone::Quiet, &id);
                vec![format!("{id} {}", clean(line, self.style.color)).trim_end().to_owned()]
            }
            EventKind::Progressed { step, .. } => {
                let id = self.style.paint(Tone::Strong, &padded(&step.to_string(), width));
                let moving = self.throttle.progress(view, step);
                moving.map(|moving| format!("{id}  {moving}")).into_iter().collect()
            }
            kind => words::message(view, kind)
                .map(|message| message.lines(width, self.style))
                .unwrap_or_default(),
        }
    }
}

impl Reporter for Plain {
    fn on(&mut self, view: &View, event: &Event) -> io::Result<()> {
        let lines = self.lines(view, event);
        self.sink.lines(lines.iter().map(String::as_str))
    }
}

#[cfg(test)]
mod tests {
    use super::Plain;
    use crate::event::{
        CancelReason, Event, EventKind, Failure, Outcome, RunFinished, RunStarted, Verb,
    };
    use crate::report::testing::Captured;
    use crate::report::testing::sample::{
        DIGEST, at, bad_end, begun, failed, failure, finished, good_end, id, line, progressed,
        reported, run_started, started, transfer,
    };
    use crate::report::{Reporters, Style};
    use std::time::Duration;

    fn written(events: &[Event]) -> String {
        let captured = Captured::default();
        let mut reporters = Reporters::new(crate::secret::Redactor::default());
        reporters.add(Plain::new(captured.sink(), Style::default()));
        for event in events {
            reporters.on(event);
        }
        captured.text()
    }

    #[track_caller]
    fn says(event: Event, expected: &str) {
        let text = written(&[started(), event]);
        let (_, said) = text.split_once('\n').expect("the opening line");
        assert_eq!(said, expected);
    }

    #[test]
    fn the_first_line_names_plan_and_run() {
        assert_eq!(
            written(&[started()]),
            "storefront from shipway.yml, environment preview, run 01JD0000000000000000000000\n"
        );
        let dry = RunStarted { dry_run: true, environment: None, ..run_started() };
        assert_eq!(
            written(&[at(0, EventKind::RunStarted(dry))]),
            "storefront from shipway.yml, dry run, run 01JD0000000000000000000000\n"
        );
    }

    #[test]
    fn the_start_of_a_step() {
        says(begun("web", "push"), "web.push        started\n");
        says(begun("", "push"), "push            started\n");
        let mut titled = run_started();
        titled.steps[1].title = "Push the\nimage".into();
        let text = written(&[at(0, EventKind::RunStarted(titled)), begun("web", "push")]);
        assert!(text.ends_with("web.push        started  Push the image\n"), "{text}");
    }

    #[test]
    fn output_of_children_is_behind_a_bar() {
        says(line("web", "build", "Compiling\u{1b}[31m x"), "web.build      │ Compiling x\n");
        says(line("web", "build", "10%\r20%\r"), "web.build      │ 20%\n");
        says(line("web", "build", ""), "web.build      │\n");
    }

    #[test]
    fn notes_and_warnings() {
        let message = "created container group".to_owned();
        says(
            at(1, EventKind::Noted { step: id("web", "live"), message }),
            "web.live        created container group\n",
        );
        let message = "no `bash`, so `sh` is used".to_owned();
        says(
            at(1, EventKind::Warned { step: Some(id("web", "live")), message: message.clone() }),
            "web.live        warning  no `bash`, so `sh` is used\n",
        );
        says(
            at(1, EventKind::Warned { step: None, message }),
            "warning  no `bash`, so `sh` is used\n",
        );
    }

    #[test]
    fn progress_is_a_line_every_ten_seconds() {
        let text = written(&[
            started(),
            begun("web", "push"),
            progressed(2_000, 0),
            progressed(6_000, 1_000_000),
            progressed(11_500, 4_750_000),
            progressed(15_000, 6_000_000),
            progressed(21_600, 9_000_000),
        ]);
        let said: Vec<&str> = text.lines().skip(2).collect();
        assert_eq!(
            said,
            [
                "web.push        pushed 4.8 MB of 10.0 MB, 47%, 500.0 kB/s, 11s left",
                "web.push        pushed 9.0 MB of 10.0 MB, 90%, 512.8 kB/s, 2s left",
            ]
        );
    }

    #[test]
    fn progress_names_the_kind_of_transfer() {
        let whole = |done| (done, 10_000_000);
        let text = written(&[
            started(),
            begun("web", "build"),
            transfer(2_000, Verb::Pulled, whole(0), &[(DIGEST, 0)]),
            transfer(11_500, Verb::Pulled, whole(4_750_000), &[(DIGEST, 4_750_000)]),
            transfer(13_000, Verb::Pulled, whole(10_000_000), &[(DIGEST, 6_000_000)]),
            transfer(14_000, Verb::Packed, whole(0), &[("dist", 0)]),
            transfer(22_000, Verb::Packed, whole(2_000_000), &[("dist", 2_000_000)]),
            transfer(23_000, Verb::Packed, whole(10_000_000), &[("dist", 4_000_000)]),
            transfer(32_000, Verb::Copied, whole(1_000_000), &[(DIGEST, 1_000_000)]),
        ]);
        let said: Vec<&str> = text.lines().skip(2).collect();
        assert_eq!(
            said,
            [
                "web.build       pulled 4.8 MB of 10.0 MB, 47%, 500.0 kB/s, 11s left",
                "web.build       packed 2.0 MB of 10.0 MB, 20%, 250.0 kB/s, 32s left",
                "web.build       copied 1.0 MB of 10.0 MB, 10%",
            ]
        );
    }

    #[test]
    fn last_bytes_of_a_transfer_are_no_percentage() {
        let text = written(&[
            started(),
            begun("web", "build"),
            transfer(2_000, Verb::Copied, (0, 2_000_000), &[(DIGEST, 0)]),
            transfer(32_000, Verb::Copied, (1_999_990, 2_000_000), &[(DIGEST, 1_999_990)]),
        ]);
        assert!(text.contains("web.build       copied 2.0 MB of 2.0 MB"), "{text}");
        assert!(!text.contains('%'), "{text}");
    }

    #[test]
    fn fault_that_is_met_again_and_again_is_a_line_now_and_then() {
        let met = |nth: u32| {
            let (request, rule) = ("POST /v2/".to_owned(), "POST /v2/: 503".to_owned());
            at(1, EventKind::FaultMet { request, rule, nth, of: None })
        };
        let all: Vec<Event> = std::iter::once(started()).chain((1..=37).map(met)).collect();
        let text = written(&all);
        let said: Vec<&str> = text.lines().skip(1).collect();
        assert_eq!(
            said,
            [
                "fault  POST /v2/ met `POST /v2/: 503` (1)",
                "fault  POST /v2/ met `POST /v2/: 503` (2)",
                "fault  POST /v2/ met `POST /v2/: 503` (3)",
                "fault  POST /v2/ met `POST /v2/: 503` (10)",
                "fault  POST /v2/ met `POST /v2/: 503` (20)",
                "fault  POST /v2/ met `POST /v2/: 503` (30)",
            ]
        );
    }

    /// The step began at 1 s; events come ten times a second.
    #[test]
    fn progress_intervals_are_counted_from_the_start_of_the_step() {
        let mut events = vec![started(), begun("web", "push")];
        // 200 kB a second for 35 seconds, and then nothing more for 20.
        events.extend((0..350).map(|tenth| progressed(1_000 + tenth * 100, tenth * 20_000)));
        events.extend((0..200).map(|tenth| progressed(36_000 + tenth * 100, 7_000_000)));
        let text = written(&events);
        let said: Vec<&str> = text.lines().skip(2).collect();
        assert_eq!(
            said,
            [
                "web.push        pushed 2.0 MB of 10.0 MB, 20%, 200.0 kB/s, 40s left",
                "web.push        pushed 4.0 MB of 10.0 MB, 40%, 200.0 kB/s, 30s left",
                "web.push        pushed 6.0 MB of 10.0 MB, 60%, 200.0 kB/s, 20s left",
                "web.push        pushed 7.0 MB of 10.0 MB, 70%, 133.3 kB/s, 23s left",
                "web.push        pushed 7.0 MB of 10.0 MB, 70%",
            ]
        );
    }

    #[test]
    fn a_retry_shows_reason_and_wait() {
        says(
            at(
                1,
                EventKind::AttemptFailed {
                    step: id("web", "push"),
                    attempt: 1,
                    of: 4,
                    failure: failure(),
                    retry_in: Duration::from_millis(2_100),
                },
            ),
            "web.push        retry  attempt 1 of 4 failed, next in 2.1s: cannot push `storefront.azurecr.io/web`: PUT https://storefront.azurecr.io/v2/web/manifests/1: 503: busy\n",
        );
    }

    #[test]
    fn a_succeeded_step_shows_its_main_outputs() {
        let ok =
            |step: &str, given: &[(&str, &str)]| finished("web", step, Outcome::Succeeded, given);
        says(
            ok(
                "push",
                &[("digest", DIGEST), ("bytes-sent", "1234567"), ("bytes-reused", "3400000")],
            ),
            "web.push        ok  sha256:4f53cda18c2b… 1.2 MB sent, 3.4 MB reused  (0.8s)\n",
        );
        says(
            ok("build", &[("image-id", DIGEST), ("platform", "linux/amd64")]),
            "web.build       ok  id sha256:4f53cda18c2b… linux/amd64  (0.8s)\n",
        );
        says(
            ok("live", &[("url", "http://x.azurecontainer.io/"), ("ip", "1.2.3.4")]),
            "web.live        ok  http://x.azurecontainer.io/  (0.8s)\n",
        );
        says(
            finished("migrations", "run", Outcome::Succeeded, &[("anything", "x")]),
            "migrations.run  ok  (0.8s)\n",
        );
    }

    #[test]
    fn a_failure_shows_causes_details_and_remedy() {
        let more = "
    deploy `storefront`
      the container ended with exit code 1
        no such file `/server`
        second line
    | events:
    |   Pulled image
    | ::error::x ##[error]y
    help: build the image with `/server` in it
";
        says(
            finished("web", "live", failed(false), &[]),
            &format!("web.live        failed  (0.8s){more}"),
        );
        says(
            finished("web", "live", failed(true), &[]),
            &format!("web.live        failed, and the run goes on  (0.8s){more}"),
        );
    }

    #[test]
    fn other_outcomes_of_a_step() {
        let limit = Duration::from_mins(10);
        let failure = Failure {
            chain: vec!["it took longer than 600 s".into(), "it waited for `web`: waiting".into()],
            details: vec!["event: Failed: no such image".into()],
            ..Failure::default()
        };
        says(
            finished("web", "live", Outcome::timed_out(limit), &[]),
            "web.live        timed out  after 10m 00s  (0.8s)\n",
        );
        says(
            finished("web", "live", Outcome::TimedOut { limit, tolerated: true, failure }, &[]),
            "web.live        timed out, and the run goes on  after 10m 00s  (0.8s)\n    \
             it waited for `web`: waiting\n    | event: Failed: no such image\n",
        );
        let because = "web.push failed".to_owned();
        says(
            finished("web", "live", Outcome::Skipped { because }, &[]),
            "web.live        skipped: web.push failed\n",
        );
        says(
            finished("web", "live", Outcome::Cancelled, &[]),
            "web.live        cancelled  (0.8s)\n",
        );
        says(
            finished("web", "live", Outcome::AlreadyDone, &[]),
            "web.live        done  by an earlier process of this run\n",
        );
    }

    #[test]
    fn stopping_shows_the_reason() {
        for (reason, expected) in [
            (CancelReason::StepFailed, "stopping: a step failed, so no new step starts\n"),
            (CancelReason::JournalFailed, "stopping: the journal cannot be written\n"),
            (CancelReason::HungUp, "stopping: the terminal was closed, cleaning up\n"),
            (CancelReason::Terminated, "stopping: received SIGTERM, cleaning up\n"),
            (
                CancelReason::Interrupted,
                "stopping: interrupted, cleaning up; interrupt again to kill\n",
            ),
            (CancelReason::Killed, "stopping: killing the running steps\n"),
        ] {
            says(at(1, EventKind::RunCancelled { reason }), expected);
        }
    }

    #[test]
    fn a_report_shows_its_channel_and_leaves_its_text_to_the_end_of_the_run() {
        let said = "comment on the pull request: https://github.com/o/r/pull/1#issuecomment-41\n";
        says(reported(false), said);
        says(reported(true), said);
    }

    #[test]
    fn dry_run_that_ends_says_once_how() {
        let dry = RunStarted { dry_run: true, environment: None, ..run_started() };
        let end = EventKind::RunFinished(good_end());
        let text = written(&[at(0, EventKind::RunStarted(dry)), reported(true), at(75_000, end)]);
        let (_, said) = text.split_once('\n').expect("the opening line");
        assert_eq!(
            said,
            "comment on the pull request, not posted
succeeded  (1m 15s)
    web  succeeded  http://storefront.westeurope.azurecontainer.io/  (12.3s)
"
        );
    }

    #[test]
    fn the_end_is_a_table_of_services() {
        says(
            at(75_000, EventKind::RunFinished(good_end())),
            "succeeded  (1m 15s)
    web  succeeded  http://storefront.westeurope.azurecontainer.io/  (12.3s)
",
        );
        // What failed is last, whatever the order of the plan.
        let services = bad_end().services.into_iter().rev().collect();
        says(
            at(75_000, EventKind::RunFinished(RunFinished { services, ..bad_end() })),
            "failed  (1m 15s)
    web         succeeded                 http://storefront.westeurope.azurecontainer.io/  (12.3s)
    migrations  failed at migrations.run  (1m 15s)
    note: the placeholder of `acr-password` was used
",
        );
    }

    #[test]
    fn colours_are_optional() {
        let captured = Captured::default();
        let mut reporters = Reporters::new(crate::secret::Redactor::default());
        reporters.add(Plain::new(captured.sink(), Style { color: true }));
        reporters.on(&begun("", "push"));
        assert_eq!(captured.text(), "\u{1b}[1mpush\u{1b}[0m  \u{1b}[2mstarted\u{1b}[0m\n");
    }
}
