//! Events as lines of JSON for programs, in the serialised form of [`crate::event`].
//! Fields and events may be added, never removed or renamed (`docs/events.md`).

use super::reporter::Reporter;
use super::sink::Sink;
use super::view::View;
use crate::event::Event;
use std::io;

#[derive(Debug)]
pub struct Ndjson {
    sink: Sink,
}

impl Ndjson {
    pub fn new(sink: Sink) -> Self {
        Self { sink }
    }
}

impl Reporter for Ndjson {
    fn on(&mut self, _: &View, event: &Event) -> io::Result<()> {
        self.sink.json(serde_json::to_value(event).map_err(io::Error::other)?).map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::Ndjson;
    use crate::event::{CancelReason, Event, EventKind, Outcome};
    use crate::report::testing::Captured;
    use crate::report::testing::sample::{
        at, bad_end, begun, failed, failure, finished, id, line, moved, progressed, reported,
        started,
    };
    use crate::report::{Reporters, Sink};
    use crate::secret::Redactor;
    use std::time::Duration;

    #[track_caller]
    fn is(event: &Event, expected: &str) {
        let captured = Captured::default();
        let mut reporters = Reporters::new(Redactor::default());
        reporters.add(Ndjson::new(captured.sink()));
        reporters.on(event);
        assert_eq!(captured.text(), format!("{expected}\n"));
    }

    #[test]
    fn every_event_is_one_line() {
        is(
            &started(),
            r#"{"at":0.0,"event":"run-started","run":"01JD0000000000000000000000","plan":"storefront","file":"shipway.yml","environment":"preview","dry-run":false,"started":"2026-11-21T10:00:00Z","origin":{"commit":"4387e9f3d6e14c459867679a90fd0f7912345678","commit-url":"https://github.com/o/r/commit/4387e9f3d6e14c459867679a90fd0f7912345678","run-url":"https://github.com/o/r/actions/runs/77"},"steps":[{"id":{"service":"web","step":"build"},"action":"build","title":"build"},{"id":{"service":"web","step":"push"},"action":"push","title":"push"},{"id":{"service":"web","step":"live"},"action":"deploy","title":"live"},{"id":{"service":"migrations","step":"run"},"action":"run","title":"run"}]}"#,
        );
        is(
            &begun("", "push"),
            r#"{"at":1.0,"event":"step-started","step":{"service":"","step":"push"}}"#,
        );
        is(
            &line("web", "build", "a \"b\"\u{1b}[31m"),
            r#"{"at":2.0,"event":"output-line","step":{"service":"web","step":"build"},"line":"a \"b\"\u001b[31m"}"#,
        );
        is(
            &at(1, EventKind::Noted { step: id("web", "live"), message: "created".into() }),
            r#"{"at":0.001,"event":"noted","step":{"service":"web","step":"live"},"message":"created"}"#,
        );
        is(
            &at(1, EventKind::Warned { step: None, message: "no `bash`".into() }),
            r#"{"at":0.001,"event":"warned","step":null,"message":"no `bash`"}"#,
        );
        is(
            &progressed(1_500, 10),
            r#"{"at":1.5,"event":"progressed","step":{"service":"web","step":"push"},"progress":{"verb":"pushed","done":10,"total":10000000,"layers":[]}}"#,
        );
        is(
            &moved(1_500, 10, &[("sha256:1", 10)]),
            r#"{"at":1.5,"event":"progressed","step":{"service":"web","step":"push"},"progress":{"verb":"pushed","done":10,"total":10000000,"layers":[{"name":"sha256:1","done":10,"total":4000000}]}}"#,
        );
        is(
            &at(1, EventKind::RunCancelled { reason: CancelReason::StepFailed }),
            r#"{"at":0.001,"event":"run-cancelled","reason":"step-failed"}"#,
        );
        is(
            &reported(false),
            r#"{"at":9.0,"event":"reported","to":"comment","id":41,"url":"https://github.com/o/r/pull/1#issuecomment-41","text":null}"#,
        );
    }

    #[test]
    fn failures_and_ends_are_whole() {
        let step = id("web", "push");
        is(
            &at(
                1,
                EventKind::AttemptFailed {
                    step: step.clone(),
                    attempt: 1,
                    of: 4,
                    failure: failure(),
                    retry_in: Duration::from_millis(2_100),
                },
            ),
            r#"{"at":0.001,"event":"attempt-failed","step":{"service":"web","step":"push"},"attempt":1,"of":4,"failure":{"chain":["cannot push `storefront.azurecr.io/web`","PUT https://storefront.azurecr.io/v2/web/manifests/1: 503: busy"],"details":[],"help":null},"retry-in":2.1}"#,
        );
        is(
            &finished("web", "push", Outcome::Succeeded, &[("digest", "sha256:1")]),
            r#"{"at":5.0,"event":"step-finished","step":{"service":"web","step":"push"},"outcome":{"is":"succeeded"},"took":0.8,"outputs":{"digest":"sha256:1"}}"#,
        );
        is(
            &finished("web", "push", failed(true), &[]),
            r#"{"at":5.0,"event":"step-finished","step":{"service":"web","step":"push"},"outcome":{"is":"failed","failure":{"chain":["deploy `storefront`","the container ended with exit code 1","no such file `/server`\nsecond line"],"details":["events:","  Pulled image","::error::x ##[error]y"],"help":"build the image with `/server` in it","place":{"file":"deploy/shipway.yml","line":12,"column":9}},"tolerated":true},"took":0.8,"outputs":{}}"#,
        );
        let mut end = bad_end();
        end.services.truncate(0);
        is(
            &at(1, EventKind::RunFinished(end)),
            r#"{"at":0.001,"event":"run-finished","status":"failed","exit-code":4,"services":[],"refusals":[],"notes":["the placeholder of `acr-password` was used"]}"#,
        );
    }

    #[test]
    fn secrets_equal_to_json_keywords_or_field_names_do_not_break_the_line() {
        let redactor = Redactor::default();
        redactor.register("env:A", "false".into()).expect("long enough");
        redactor.register("env:B", "event".into()).expect("long enough");
        let captured = Captured::default();
        let mut reporters = Reporters::new(Redactor::default());
        reporters.add(Ndjson::new(Sink::new(captured.clone(), redactor)));
        reporters.on(&at(1, EventKind::Noted { step: id("", "push"), message: "false".into() }));
        assert_eq!(
            captured.text(),
            "{\"at\":0.001,\"event\":\"noted\",\"step\":{\"service\":\"\",\"step\":\"push\"},\"message\":\"***\"}\n"
        );
    }
}
