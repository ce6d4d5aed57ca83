//! What steps tell: in the picture, above it, or in the report alone.

use super::{Shown, began, noted, retried, shown, steps_started};
use crate::event::{EventKind, Outcome, PlannedStep, Progress, StepId, Verb};
use crate::report::log::live::LiveOptions;
use crate::report::testing::sample::{
    DIGEST, at, bad_end, begun, failed, finished, good_end, id, line, planned, progressed, started,
    transfer,
};

#[test]
fn what_a_step_does_is_said_in_words() {
    let steps = vec![
        planned("a", "run", "run"),
        planned("b", "run-2", "run"),
        planned("c", "test", "run"),
        PlannedStep { title: "Compile\nit all".into(), ..planned("d", "run", "run") },
        planned("e", "tag", "tag"),
        planned("f", "other", "push"),
        planned("g", "copy", "build"),
    ];
    let ids: Vec<StepId> = steps.iter().map(|step| step.id.clone()).collect();
    let mut events = vec![steps_started(steps)];
    events.extend(ids.iter().map(|id| began(1_000, id.clone())));
    events.push(line("c", "test", "\u{1b}[31m10%\r20% hunter22"));
    let whole = Progress { verb: Verb::Copied, done: 1_500, total: 0, layers: vec![] };
    events.push(at(1_000, EventKind::Progressed { step: id("g", "copy"), progress: whole }));
    assert_eq!(
        shown(40, 24, &events).picture()[1..],
        [
            "  a: running                        0s",
            "  b: running                        0s",
            "  c: running test │ 20% ***         0s",
            "  d: Compile it all                 0s",
            "  e: tagging                        0s",
            "  f: pushing                        0s",
            "  g: copying 1.5 kB                 0s",
        ]
    );
}

#[test]
fn build_pulls_and_then_packs() {
    let mut shown = shown(
        80,
        24,
        &[
            started(),
            begun("web", "build"),
            transfer(2_000, Verb::Pulled, (0, 10_000_000), &[(DIGEST, 0)]),
            transfer(3_000, Verb::Pulled, (2_000_000, 10_000_000), &[(DIGEST, 2_000_000)]),
        ],
    );
    assert_eq!(
        shown.picture()[1..],
        [
            "  web: pulling 2 of 10 MB, 2.0 MB/s, 4s left                                2s",
            "    sha256:4f53cda18c2b…  2.0 of 6.0 MB, 2.0 MB/s, 2s left",
        ]
    );

    let copy = "COPY --chown=app:averylonggroup dist /srv";
    let layers = [("dist/server", 1_000_000), (copy, 500_000)];
    shown.on(&[transfer(4_000, Verb::Packed, (1_500_000, 8_000_000), &layers)]);
    assert_eq!(
        shown.picture()[1..],
        [
            "  web: packing 1.5 of 8.0 MB                                                3s",
            "    dist/server  1.0 of 4.0 MB",
            "    COPY --chown=… dist /srv  0.5 of 4.0 MB",
        ]
    );
}

#[test]
fn output_of_runs_and_builds_is_left_to_the_picture_and_the_report() {
    let command = "`shipway report 01JD0000000000000000000000`";
    let events = [
        started(),
        begun("web", "build"),
        begun("migrations", "run"),
        line("web", "build", "Compiling x"),
        noted(2_500, id("web", "build"), "layer 1"),
        line("migrations", "run", "applied"),
        begun("web", "live"),
        noted(3_000, id("web", "live"), "Azure: Pending"),
        finished("web", "build", Outcome::Succeeded, &[]),
        finished("migrations", "run", failed(false), &[]),
        at(75_000, EventKind::RunFinished(bad_end())),
    ];
    let said = |logs: &[&str]| {
        let logs = logs.iter().map(|&name| name.to_owned()).collect();
        let shown_by = Some(command.to_owned());
        let mut shown = Shown::new(120, 24, LiveOptions { logs, expected: None, shown_by });
        shown.on(&events);
        let text = shown.text();
        text.split_once('\n').expect("the opening line").1.to_owned()
    };
    let failure = "    deploy `storefront`
      the container ended with exit code 1
        no such file `/server`
        second line
    | events:
    |   Pulled image
    | ::error::x ##[error]y
    help: build the image with `/server` in it
failed  (1m 15s)
    web         succeeded                 http://storefront.westeurope.azurecontainer.io/  (12.3s)
    migrations  failed at migrations.run  (1m 15s)
    note: the placeholder of `acr-password` was used";
    assert_eq!(
        said(&[]),
        format!(
            "web.live        Azure: Pending
web.build       ok  (0.8s)
migrations.run  failed  (0.8s)
{failure}
    note: {command} shows what the steps wrote"
        )
    );
    assert_eq!(
        said(&["web.build"]),
        format!(
            "web.build      │ Compiling x
web.build       layer 1
web.live        Azure: Pending
web.build       ok  (0.8s)
migrations.run  failed  (0.8s)
{failure}
    note: {command} shows what the steps wrote"
        )
    );
    assert_eq!(
        said(&["build", "run"]),
        format!(
            "web.build      │ Compiling x
web.build       layer 1
migrations.run │ applied
web.live        Azure: Pending
web.build       ok  (0.8s)
migrations.run  failed  (0.8s)
{failure}"
        )
    );
}

#[test]
fn last_line_of_a_step_is_beside_it() {
    let shown = shown(
        70,
        24,
        &[
            started(),
            begun("web", "build"),
            begun("migrations", "run"),
            line("web", "build", "Compiling x"),
        ],
    );
    assert_eq!(
        shown.text(),
        "storefront from shipway.yml, environment preview, run
  01JD0000000000000000000000
* 0 of 4 steps done, 2s
  web:        building │ Compiling x                              1s
  migrations: running                                             1s"
    );
}

#[test]
fn retry_shows_its_reason_and_the_wait() {
    let shown = shown(200, 24, &[begun("web", "push"), retried(2_000, id("web", "push"))]);
    let text = shown.text();
    let lines: Vec<&str> = text.lines().collect();
    assert!(
        lines[0].starts_with("web.push  retry  attempt 1 of 4 failed, next in 2.0s: cannot push `")
    );
    assert!(lines[2].starts_with("  web: waiting for attempt 2 of 4 "), "{}", lines[2]);
}

#[test]
fn end_removes_the_picture() {
    let shown = shown(
        120,
        24,
        &[
            begun("web", "live"),
            begun("web", "other"),
            progressed(2_000, 0),
            finished("web", "live", failed(false), &[]),
            at(75_000, EventKind::RunFinished(good_end())),
        ],
    );
    assert_eq!(
        shown.text(),
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
