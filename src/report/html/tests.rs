//! The page of a good, a failed, a resumed and a hostile run, without its style.

use super::{HtmlReport, page};
use crate::event::{
    Event, EventKind, Failure, Origin, Outcome, RollbackOutcome, RunFinished, RunStarted, Status,
};
use crate::report::testing::rolled_back::rolled_back;
use crate::report::testing::sample::{
    at, bad_end, begun, ended, failed, failure, finished, good_end, id, line, planned, run_started,
    started, web, whole_failure,
};
use crate::secret::Redactor;
use std::time::Duration;

/// The page below its head.
fn body(events: &[Event], unfinished: Option<&str>) -> String {
    let mut report = HtmlReport::default();
    for event in events {
        report.on(event);
    }
    let page = page(&report, unfinished, &Redactor::default());
    let (head, body) = page.split_once("</head>\n").expect("a head");
    assert!(head.contains("default-src 'none'"), "{head}");
    // What a browser would load.
    for part in ["<script", "<img", "<link", "<iframe", "src=", "@import", "url("] {
        assert!(!page.contains(part), "{part}");
    }
    body.to_owned()
}

fn note(millis: u64, service: &str, step: &str, message: &str) -> Event {
    at(millis, EventKind::Noted { step: id(service, step), message: message.into() })
}

fn verified() -> Event {
    let steps = vec![
        planned("web", "build", "build"),
        planned("web", "push", "push"),
        planned("web", "live", "deploy"),
        planned("web", "verify", "verify"),
    ];
    at(0, EventKind::RunStarted(RunStarted { steps, ..run_started() }))
}

fn done(millis: u64, step: &str, took: u64) -> Event {
    let took = Duration::from_millis(took);
    let (step, outputs) = (id("web", step), crate::event::Outputs::new());
    at(millis, EventKind::StepFinished { step, outcome: Outcome::Succeeded, took, outputs })
}

#[test]
fn page_of_a_run_that_succeeded() {
    let step = |millis, step| at(millis, EventKind::StepStarted { step: id("web", step) });
    let retried = EventKind::AttemptFailed {
        step: id("web", "push"),
        attempt: 1,
        of: 4,
        failure: failure(),
        retry_in: Duration::from_secs(1),
    };
    insta::assert_snapshot!(body(
        &[
            verified(),
            step(0, "build"),
            line("web", "build", "compiling"),
            done(2_000, "build", 2_000),
            step(2_000, "push"),
            at(3_000, retried),
            done(5_000, "push", 3_000),
            step(5_000, "live"),
            note(6_000, "web", "live", "created container group `web`"),
            done(9_000, "live", 4_000),
            step(9_000, "verify"),
            done(10_000, "verify", 1_000),
            at(10_000, EventKind::RunFinished(good_end())),
        ],
        None
    ));
}

#[test]
fn page_of_a_run_that_failed() {
    insta::assert_snapshot!(body(
        &[
            started(),
            begun("migrations", "run"),
            line("migrations", "run", "starting"),
            at(4_000, EventKind::Warned { step: None, message: "the clone is shallow".into() }),
            finished("migrations", "run", failed(false), &[]),
            at(75_000, EventKind::RunFinished(bad_end())),
        ],
        None
    ));
}

#[test]
fn page_of_a_run_that_was_rolled_back_resumed_or_not_finished() {
    let services = vec![rolled_back()];
    let end = RunFinished { status: Status::Failed, services, ..bad_end() };
    let resumed = RunStarted { started: "2026-11-21T11:00:00Z".into(), ..run_started() };
    let resumed = at(0, EventKind::RunStarted(resumed));
    insta::assert_snapshot!(body(
        &[
            started(),
            begun("web", "live"),
            line("web", "live", "first"),
            resumed,
            finished("web", "build", Outcome::AlreadyDone, &[]),
            begun("web", "live"),
            line("web", "live", "second"),
            finished("web", "live", failed(true), &[]),
            at(9_000, EventKind::RunFinished(end)),
        ],
        None
    ));
    let unfinished =
        body(&[started(), begun("web", "build")], Some("run 1 was ended from outside"));
    assert!(
        unfinished.contains("<h1>storefront: <span class=\"caution\">not finished</span></h1>")
    );
    assert!(unfinished.contains("<p class=\"caution\">run 1 was ended from outside</p>"));
    let empty = body(&[], None);
    assert!(empty.contains("<h1>run: <span class=\"caution\">not finished</span></h1>"), "{empty}");
}

/// Text that would be markup, end an attribute, or control a terminal.
const HOSTILE: &str =
    "</pre></style>\"'><script>alert(1)</script>\u{1b}[31mred\u{1b}[0m\u{202e}&lt;";

#[test]
fn page_of_a_hostile_run() {
    let plan = RunStarted {
        run: HOSTILE.into(),
        plan: HOSTILE.into(),
        file: HOSTILE.into(),
        environment: Some(HOSTILE.into()),
        started: HOSTILE.into(),
        origin: Origin {
            commit: Some("<b>\"'<i>".into()),
            commit_url: Some("javascript:alert(1)".into()),
            uncommitted: true,
            run_url: Some("http://a.io/\"><script>".into()),
        },
        steps: vec![planned(HOSTILE, HOSTILE, HOSTILE)],
        ..run_started()
    };
    let hostile = Failure {
        chain: vec![HOSTILE.into()],
        details: vec![HOSTILE.into()],
        help: Some(HOSTILE.into()),
        ..whole_failure()
    };
    let mut service = ended(HOSTILE, Status::Failed, Some(HOSTILE), Some(HOSTILE));
    service.failure = Some((id(HOSTILE, HOSTILE), hostile.clone()));
    service.outputs = [("url", HOSTILE), ("digest", HOSTILE)]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into_iter()
        .collect();
    let end = RunFinished { services: vec![service], notes: vec![HOSTILE.into()], ..bad_end() };
    let outcome = Outcome::Failed { failure: hostile, tolerated: false };
    insta::assert_snapshot!(body(
        &[
            at(0, EventKind::RunStarted(plan)),
            begun(HOSTILE, HOSTILE),
            line(HOSTILE, HOSTILE, HOSTILE),
            note(1_500, HOSTILE, HOSTILE, HOSTILE),
            at(
                1_600,
                EventKind::Warned { step: Some(id(HOSTILE, HOSTILE)), message: HOSTILE.into() }
            ),
            finished(HOSTILE, HOSTILE, outcome, &[]),
            at(9_000, EventKind::RunFinished(end)),
        ],
        None
    ));
}

#[test]
fn secrets_are_masked_before_they_are_escaped() {
    let redactor = Redactor::default();
    redactor.register("test", "pa<ss>word".into()).expect("long enough");
    let mut report = HtmlReport::default();
    let service = crate::event::ServiceResult {
        rollbacks: vec![crate::event::Rollback {
            step: id("web", "live"),
            outcome: RollbackOutcome::Failed { to: None, failure: failure() },
            url: None,
        }],
        ..web()
    };
    let end = RunFinished { services: vec![service], ..good_end() };
    for event in [
        started(),
        line("web", "build", "it is pa<ss>word"),
        at(9_000, EventKind::RunFinished(end)),
    ] {
        report.on(&event);
    }
    let page = page(&report, None, &redactor);
    assert!(page.contains("it is ***\n") && !page.contains("ss&gt;word"), "{page}");
    assert!(page.contains("<h3>the rollback of <code>web.live</code> failed</h3>"), "{page}");
}

#[test]
fn page_of_a_long_log_is_bounded() {
    let mut report = HtmlReport::default();
    report.on(&started());
    for number in 0..200_000 {
        report.on(&line("web", "build", &format!("<{number}> {}", "&".repeat(60))));
    }
    let page = page(&report, None, &Redactor::default());
    assert!(page.len() < 1 << 20, "{}", page.len());
    assert!(page.contains("lines are left out; `shipway report` shows them"));
    assert!(page.contains("&lt;0&gt;") && page.contains("&lt;199999&gt;"));
}
